/** What runs of two models say together: the verdict and all that stands beside it, from comparisons, noise and what float64 says. */
import { expect, it, describe as suite } from 'vitest';
import { conclude, inconclusive, refused } from '../../src/verify/conclude.ts';
import type { Exploration } from '../../src/verify/explore.ts';
import { notMade } from '../../src/verify/float64/shadow.ts';
import { describe } from '../../src/verify/interface.ts';
import type { ShadowReport } from '../../src/verify/result.ts';
import { makeValues, type Values } from '../../src/verify/values.ts';
import type { Comparison, Precision } from '../../src/verify/verdict.ts';
import { REQUEST } from '../support/judge-request.ts';
import { type Typed, typed } from '../support/typed-graph.ts';

const floats = (...numbers: number[]): Values => makeValues('float32', [numbers.length], (i) => numbers[i] ?? 0);

interface Seen {
  readonly model?: Typed;
  readonly gives?: readonly string[];
  /** Outputs of each step of each case. */
  readonly outputs?: readonly (readonly Readonly<Record<string, Values>>[])[];
  readonly invertMasks?: boolean;
  readonly notes?: readonly string[];
  readonly given?: boolean;
}
interface Runs {
  readonly compared?: readonly Comparison[];
  readonly noise?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly precision?: Precision;
  readonly shadow?: Partial<ShadowReport>;
  readonly tolerance?: number;
  readonly parts?: boolean;
}

function explorationOf({
  model = { inputs: { x: ['n'] }, lines: ['Relu(x) -> y'] },
  gives,
  outputs = [],
  invertMasks = false,
  notes = [],
  given = false,
}: Seen): Exploration {
  const made = typed(model);
  const described = describe({ ...made, graph: { ...made.graph, outputs: gives?.map((name) => ({ name, type: null })) ?? made.graph.outputs } });
  return {
    source: {
      model: described,
      assignment: ({ batch, tokens, past }) =>
        new Map([
          ['n', batch],
          ['t', tokens],
          ['p', past],
        ]),
      seed: 0,
      invertMasks,
    },
    cases: outputs.map((steps, i) => ({
      plan: {
        name: `case ${i}`,
        draw: i,
        padding: 'left',
        batch: 2,
        tokens: [3],
        ...(given ? { given: { feeds: new Map([['x', floats(1, 2)]]), sizes: new Map() } } : {}),
      },
      steps: steps.map((_, step) => ({ batch: 2, tokens: 3 - step, past: 3 * step })),
    })),
    outputs: outputs.map((steps) => steps.map((own) => new Map(Object.entries(own)))),
    random: false,
    notes,
  };
}

const compared = (relative: number, output = 'y', step = 'case 0', reason: string | null = null): Comparison => ({
  output,
  case: step,
  difference: { bitExact: relative === 0, relative, reason },
});
const same = compared(0);
const telling = { outputs: [[{ y: floats(1, 2) }], [{ y: floats(1, 3) }]] };
const noNumber = Number.POSITIVE_INFINITY;
const exact: Partial<ShadowReport> = { maxRelative: 1e-14, unrounded: 1e-14, threshold: 1e-12, reason: null };

const CASES: Readonly<Record<string, readonly [seen: Seen, runs: Runs]>> = {
  'the same bits': [telling, { compared: [same, compared(0, 'y', 'case 1')] }],
  'the same bits in one case of two': [telling, { compared: [same, compared(1e-8, 'y', 'case 1')] }],
  'a small difference': [telling, { compared: [compared(1e-8)] }],
  'a large difference': [telling, { compared: [compared(1e-3)], parts: true }],
  'a difference without a number': [telling, { compared: [compared(noNumber, 'y', 'case 0', 'it has another shape'), compared(1e-8, 'z')] }],
  'a large difference within the noise': [telling, { compared: [compared(1e-4)], noise: { y: { 'case 0': 9e-5 } } }],
  'a small difference of a noisy step': [telling, { compared: [compared(1e-4)], noise: { y: { 'case 0': 1e-2 } } }],
  'a noisy step beside a quiet one': [telling, { compared: [compared(1e-4), compared(1e-8, 'y', 'case 1')], noise: { y: { 'case 0': 1e-2, 'case 1': 1e-8 } } }],
  'noisy steps, of the same bits': [telling, { compared: [same], noise: { y: { 'case 0': 1e-2 } } }],
  'noisy steps, one of other bits': [telling, { compared: [same, compared(1e-4, 'y', 'case 1')], noise: { y: { 'case 0': 1e-2, 'case 1': 1e-2 } } }],
  'noisy steps, which float64 says agree': [telling, { compared: [compared(1e-4)], noise: { y: { 'case 0': 1e-2 } }, shadow: exact, parts: true }],
  'an output that is noisy and one that says nothing': [
    { outputs: [[{ y: floats(1, 2), z: floats(1) }], [{ y: floats(1, 3), z: floats(1) }]] },
    { compared: [compared(1e-4), compared(1e-8, 'z')], noise: { y: { 'case 0': 1e-2 } } },
  ],
  'nothing compared': [telling, {}],
  'outputs that are no numbers': [{ outputs: [[{ y: floats(Number.NaN, noNumber) }], [{ y: floats(Number.NaN, 0 / 0) }]] }, { compared: [same] }],
  'one output that is no number': [
    { outputs: [[{ y: floats(Number.NaN), z: floats(1) }], [{ y: floats(Number.NaN), z: floats(2) }]] },
    { compared: [same, compared(0, 'z')] },
  ],
  'an output that is a number in one case': [{ outputs: [[{ y: floats(Number.NaN) }], [{ y: floats(1) }]] }, { compared: [same] }],
  'the same outputs for all inputs': [{ outputs: [[{ y: floats(1, 2) }], [{ y: floats(1, 2) }]] }, { compared: [same] }],
  'the same outputs for all inputs but one': [{ outputs: [[{ y: floats(1, 2) }], [{ y: floats(1, 2) }], [{ y: floats(1, 3) }]] }, { compared: [same] }],
  'the same outputs in steps of one shape': [{ outputs: [[{ y: floats(1) }, { y: floats(1, 2) }], [{ y: floats(1, 2) }]] }, { compared: [same] }],
  'outputs of different shapes': [{ outputs: [[{ y: floats(1, 2) }], [{ y: floats(1, 2, 3) }]] }, { compared: [same] }],
  'one case': [{ outputs: [[{ y: floats(1, 2) }]] }, { compared: [same] }],
  'one constant output of two': [{ outputs: [[{ y: floats(1), z: floats(1) }], [{ y: floats(2), z: floats(1) }]] }, { compared: [same, compared(0, 'z')] }],
  'a large difference, of constant outputs': [{ outputs: [[{ y: floats(1) }], [{ y: floats(1) }]] }, { compared: [compared(1)] }],
  'no agreement in float64': [
    telling,
    { compared: [compared(1e-8)], shadow: { ...exact, maxRelative: 1e-9, unrounded: 1e-9, worst: { output: 'y', case: 'case 1' } }, parts: true },
  ],
  'no agreement in float64, within a tolerance': [
    telling,
    { compared: [compared(1e-8)], shadow: { ...exact, maxRelative: 1e-9, unrounded: 1e-9, worst: { output: 'y', case: 'case 1' } }, tolerance: 1e-6 },
  ],
  'no agreement in float64, above a tolerance': [
    telling,
    { compared: [compared(1e-8)], shadow: { ...exact, maxRelative: 1e-3, unrounded: 1e-14, worst: { output: 'y', case: 'case 1' } }, tolerance: 1e-6 },
  ],
  'agreement in float64 but for rounded constants': [
    telling,
    { compared: [compared(1e-5)], shadow: { ...exact, maxRelative: 1e-7, worst: { output: 'y', case: 'case 1' } } },
  ],
  'no agreement in float64, which rounded constants hide': [
    telling,
    { compared: [compared(1e-5)], shadow: { ...exact, maxRelative: 1e-13, unrounded: 1e-9, worst: { output: 'y', case: 'case 1' } } },
  ],
  'inputs whose sizes are not known': [{ model: { inputs: { x: ['q'] }, lines: ['Relu(x) -> y'] }, ...telling }, { compared: [same] }],
  'agreement in float64 at the threshold': [
    telling,
    { compared: [compared(1e-5)], shadow: { ...exact, unrounded: 1e-12, worst: { output: 'y', case: 'case 1' } } },
  ],
  'no number in float64': [
    telling,
    { compared: [compared(1e-8)], shadow: { ...exact, maxRelative: null, unrounded: null, worst: { output: 'y', case: 'case 1' } } },
  ],
  'no number in float64, and a tolerance': [
    telling,
    { compared: [compared(1e-8)], shadow: { ...exact, maxRelative: null, unrounded: 1e-14, worst: { output: 'y', case: 'case 1' } }, tolerance: 1e-6 },
  ],
  'a worst output of a comparison that was not made': [
    telling,
    {
      compared: [compared(1e-8)],
      shadow: { unrounded: 1, maxRelative: 1, threshold: 1e-12, worst: { output: 'y', case: 'case 1' }, reason: 'it is not wanted' },
    },
  ],
  'a tolerance above the difference': [telling, { compared: [compared(1e-3)], tolerance: 1e-2, parts: true }],
  'a tolerance below the difference': [telling, { compared: [compared(1e-8)], tolerance: 1e-9 }],
  'half precision': [telling, { compared: [compared(1e-3)], precision: 'float16' }],
  'masks that are 1 for padding, and what was found before': [{ ...telling, invertMasks: true, notes: ['something'] }, { compared: [same] }],
  'given inputs': [{ ...telling, given: true }, { compared: [same] }],
  'caches that are not compared': [
    {
      model: {
        inputs: { i: ['n', 't'], i_mask: ['n', 'p + t'], 'past.0': ['n', 'p', 3], 'past.1': ['n', 'p', 3] },
        lines: ['Gather(e, i) -> g', 'Concat(past.0, g) axis=1 -> present.0', 'Concat(past.1, g) axis=1 -> present.1', 'Cast(i_mask) to=1 -> y'],
        stored: { e: [[5, 3], new Array(15).fill(1)] },
      },
      gives: ['y', 'present.0', 'present.1'],
      outputs: [[{ y: floats(1, 2) }, { y: floats(3, 4) }], [{ y: floats(1, 3) }]],
    },
    { compared: [compared(0, 'y', 'case 0, step 1'), compared(0, 'present.1', 'case 0, step 1')] },
  ],
};

suite('what is concluded from', () => {
  it.each(Object.entries(CASES))(
    '%s',
    (_, [seen, { compared: comparisons = [], noise = {}, precision = 'float32', shadow, tolerance = null, parts = false }]) => {
      const tally = new Map(Object.entries(noise).map(([output, steps]) => [output, new Map(Object.entries(steps))]));
      const report = { ...notMade('it is not wanted').report, ...shadow };
      const divergence = parts ? { value: 'h', node: 'n', relative: 1, parameters: ['w'] } : null;
      const request = { ...REQUEST, tolerance };
      expect(conclude(request, explorationOf(seen), ['all'], comparisons, tally, precision, { report, divergence })).toMatchSnapshot();
    },
  );

  it('a new model that takes less', () => {
    expect(refused(REQUEST, explorationOf({ ...telling, notes: ['something'] }), ['all', 'disabled'], 'it does not have the outputs y')).toMatchSnapshot();
  });

  it('nothing', () => {
    expect(inconclusive({ ...REQUEST, provider: 'webgpu' }, 'it is random')).toMatchSnapshot();
  });
});
