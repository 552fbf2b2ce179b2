/** Inputs that a user gives, held against what a model takes; and what runs of two models are held against each other. */
import { expect, it, describe as suite } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { givenCase } from '../../src/verify/cases.ts';
import { compareValues, finiteShare } from '../../src/verify/compare.ts';
import { asTaken, fitGiven } from '../../src/verify/given.ts';
import { describe } from '../../src/verify/interface.ts';
import { asNumbers, makeValues, type Values } from '../../src/verify/values.ts';
import { judgeAll, type Precision, reportOutputs, thresholdFor } from '../../src/verify/verdict.ts';
import { typed } from '../support/typed-graph.ts';

const { FLOAT, INT64, INT32, BOOL } = DataType;
const model = describe(
  typed({
    inputs: { i: ['n', 't'], x: ['n', 's + 1', 4], past: ['n', 2, 'p', 4] },
    lines: ['Gather(e, i) -> g', 'Relu(x) -> y', 'Concat(past, g) axis=2 -> present'],
    stored: { e: [[3, 4], new Array(12).fill(1)] },
  }),
);

/** What is taken of given arrays, or why they are not. */
function fitted(given: Readonly<Record<string, readonly [type: number, dims: readonly number[]]>>): unknown {
  const tensors = Object.entries(given).map(([name, [type, dims]]) => {
    const count = dims.reduce((a, b) => a * b, 1);
    return [
      name,
      tensorFromNumbers(
        name,
        type,
        dims,
        Array.from({ length: count }, (_, i) => i % 3),
      ),
    ] as const;
  });
  try {
    const { feeds, sizes } = fitGiven(model, new Map(tensors), 'given.npz');
    return { feeds: [...feeds].map(([name, { type, dims, data }]) => `${name} ${type}[${dims}] ${Number(data[1])}`), sizes: Object.fromEntries(sizes) };
  } catch (error) {
    if (error instanceof GrowError) return [error.code, error.message, error.where, error.hint];
    throw error;
  }
}

suite('given inputs', () => {
  it.each<readonly [given: Parameters<typeof fitted>[0], expected: unknown]>([
    [
      { i: [INT64, [2, 3]], x: [FLOAT, [2, 6, 4]] },
      { feeds: ['i int64[2,3] 1', 'x float32[2,6,4] 1'], sizes: { n: 2, t: 3 } },
    ],
    [
      { '#0': [INT64, [2, 3]], '#1': [FLOAT, [2, 6, 4]] },
      { feeds: ['i int64[2,3] 1', 'x float32[2,6,4] 1'], sizes: { n: 2, t: 3 } },
    ],
    [
      { i: [INT64, [2, 3]], x: [FLOAT, [2, 6, 4]], past: [FLOAT, [2, 2, 5, 4]] },
      { feeds: ['i int64[2,3] 1', 'x float32[2,6,4] 1', 'past float32[2,2,5,4] 1'], sizes: { n: 2, t: 3, p: 5 } },
    ],
    [
      { i: [INT64, [2, 3]] },
      ['INVALID_INPUTS', 'the input x (float32[n,…,4]) is missing', 'given.npz', 'give every input of the model; caches may be left out'],
    ],
    [{ pasta: [INT64, [2, 3]] }, ['INVALID_INPUTS', 'the model has no input pasta', 'given.npz', 'did you mean past?']],
    [{ '#7': [INT64, [2, 3]] }, ['INVALID_INPUTS', 'the model has no input #7', 'given.npz', 'its inputs are i, x, past']],
    [{ i: [INT32, [2, 3]] }, ['INVALID_INPUTS', 'i has elements of type int32, the model takes int64[n,t]', 'given.npz', "save it with .astype('int64')"]],
    [{ i: [16, [2, 3]] }, ['INVALID_INPUTS', 'i has elements of type 16, the model takes int64[n,t]', 'given.npz', "save it with .astype('int64')"]],
    [{ i: [INT64, [2]] }, ['INVALID_INPUTS', 'i has the shape [2], the model takes int64[n,t]', 'given.npz', 'it needs as many dimensions']],
    [{ x: [FLOAT, [2, 6, 5]] }, ['INVALID_INPUTS', 'x has the shape [2,6,5], the model takes float32[n,…,4]', 'given.npz', 'dimension 2 must be 4']],
    [
      { past: [FLOAT, [2, 3, 5, 4]] },
      ['INVALID_INPUTS', 'past has the shape [2,3,5,4], the model takes float32[n,2,p,4]', 'given.npz', 'dimension 1 must be 2'],
    ],
  ])('%j', (given, expected) => {
    expect(fitted(given)).toEqual(expected);
  });

  it('are told the numpy type of truths', () => {
    const truths = describe({
      ...typed({ inputs: { x: ['n'] }, lines: ['Not(x) -> y'] }),
      graph: { ...typed({ inputs: { x: ['n'] }, lines: ['Not(x) -> y'] }).graph, inputs: [{ name: 'x', type: { elemType: BOOL, dims: ['n'] } }] },
    });
    expect(() => fitGiven(truths, new Map([['x', tensorFromNumbers('x', FLOAT, [1], [1])]]), 'a')).toThrow(
      expect.objectContaining({ hint: "save it with .astype('bool_')" }),
    );
  });

  it('say the sizes of the case', () => {
    const given = {
      feeds: new Map(),
      sizes: new Map([
        ['t', 3],
        ['p', 5],
        ['other', 7],
      ]),
    };
    const { plan, context } = givenCase(model, given, { batch: 2, tokens: 8, past: 0 });
    expect([context, plan.name, plan.draw, plan.padding, plan.batch, plan.tokens]).toEqual([
      { batch: 2, tokens: 3, past: 5 },
      'given inputs',
      0,
      'none',
      2,
      [3],
    ]);
  });

  it('are floats of the type that the model computes in', () => {
    const half = makeValues('float32', [2], (i) => i + 0.5);
    expect(asTaken(half, 'float64')).toEqual({ type: 'float64', dims: [2], data: Float64Array.of(0.5, 1.5) });
    expect([asTaken(half, 'float32'), asTaken(half, 'int64'), asTaken(half, 'string')]).toEqual([half, half, half]);
    const whole = makeValues('int64', [2], (i) => i);
    expect(asTaken(whole, 'float32')).toBe(whole);
  });
});

suite('differences', () => {
  const of = (type: 'float32' | 'float64' | 'float16' | 'int64', ...numbers: number[]): Values => makeValues(type, [numbers.length], (i) => numbers[i] ?? 0);
  it.each<readonly [a: Values, b: Values, bitExact: boolean, relative: number, reason: string | null]>([
    [of('float32', 1, 2), of('float32', 1, 2), true, 0, null],
    [of('float32', 1, 2), of('float32', 1, 2.5), false, 0.25, null],
    [of('float32', 1, 2), of('float32', 1.5, 2), false, 0.25, null],
    [of('float32', -4, 2), of('float32', -3, 2), false, 0.25, null],
    [of('float32', 1, 2), of('float64', 1, 2), false, Number.POSITIVE_INFINITY, 'its type is float64 instead of float32'],
    [of('float32', 1, 2), of('float32', 1), false, Number.POSITIVE_INFINITY, 'its shape is [1] instead of [2]'],
    [of('float32', 1, 2), of('float32', 1, 2, 3), true, 0, null],
    [of('int64', 1, 2), of('int64', 1, 3), false, 0.5, null],
    [of('float32', 1e31, 2), of('float32', 1.5e31, 2), false, expect.closeTo(0.5, 5) as never, null],
    [of('float32', 1e31, 2), of('float32', 1e31, 3), false, 0.5, null],
    [of('float64', 1e31, 2), of('float64', 1e31, 3), false, 1e-31, null],
    [of('float64', 1e301, 2), of('float64', 1e301, 3), false, 0.5, null],
    [of('float16', 65504, 2), of('float16', 65504, 3), false, 0.5, null],
    [of('float16', 1024, 2), of('float16', 1024, 3), false, 1 / 1024, null],
    [of('float32', 0, 0), of('float32', -0, 0), false, 0, null],
  ])('pair %#', (a, b, bitExact, relative, reason) => {
    expect(compareValues(a, b)).toEqual({ bitExact, relative, reason });
  });

  it('count finite numbers', () => {
    expect([of('float32', 1, Number.NaN, Number.POSITIVE_INFINITY, 3), of('float32'), of('int64', 3)].map(finiteShare)).toEqual([0.5, 1, 1]);
    expect(asNumbers(of('float16', 65504))[0]).toBe(65504);
  });
});

suite('thresholds', () => {
  it.each<readonly [precision: Precision, floor: number, ceiling: number]>([
    ['float64', 1e-12, 2e-11],
    ['float32', 2 ** -20, 2e-5],
    ['float16', 2 ** -8, 2e-2],
    ['bfloat16', 2 ** -6, 5e-2],
    ['int8', 2 ** -20, 2e-2],
  ])('of %s', (precision, floor, ceiling) => {
    expect([0, ceiling / 8, ceiling, 2 * ceiling].map((noise) => thresholdFor(noise, precision))).toEqual([
      floor,
      Math.max(floor, ceiling / 2),
      2 * ceiling,
      4 * ceiling,
    ]);
  });

  it('say of each output what was seen in sound steps, and in all where none is sound', () => {
    const step = (output: string, name: string, relative: number) => ({ output, case: name, difference: { bitExact: relative === 0, relative, reason: null } });
    const noise = new Map([
      [
        'y',
        new Map([
          ['a', 1e-6],
          ['b', 3e-6],
          ['c', 0.5],
        ]),
      ],
      ['z', new Map([['a', 0.5]])],
    ]);
    const comparisons = [step('y', 'a', 1e-6), step('y', 'b', 0), step('y', 'c', 0.25), step('z', 'a', 0.25), step('u', 'a', Number.POSITIVE_INFINITY)];
    const judged = judgeAll(comparisons, noise, 'float32', { tolerance: null, agrees: false });
    expect(judged.map(({ unsound, threshold }) => [unsound, threshold])).toEqual(
      [
        [false, 1.2e-5],
        [false, 1.2e-5],
        [true, 1],
        [true, 1],
        [false, 2 ** -20],
      ].map(([unsound, threshold]) => [unsound, expect.closeTo(Number(threshold), 12)]),
    );
    expect(reportOutputs(judged, noise, 'float32').map(({ name, maxRelative, noiseFloor, bitExact }) => [name, maxRelative, noiseFloor, bitExact])).toEqual([
      ['y', 1e-6, 3e-6, false],
      ['z', 0.25, 0.5, false],
      ['u', null, 0, false],
    ]);
    expect(judgeAll(comparisons, noise, 'float32', { tolerance: null, agrees: true }).map(({ threshold }) => threshold)).toEqual([2e-5, 2e-5, 1, 1, 2e-5]);
  });
});
