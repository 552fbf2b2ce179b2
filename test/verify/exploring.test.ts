/** Which inputs the runtime takes of small models, which cases are left, and what comes out of each step. */
import { expect, it, describe as suite } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import type { InputMap } from '../../src/verify/align.ts';
import type { Outputs } from '../../src/verify/execute.ts';
import { runCase } from '../../src/verify/execute.ts';
import { explore, fitNewModel } from '../../src/verify/explore.ts';
import { fitGiven } from '../../src/verify/given.ts';
import { describe, type ModelInterface } from '../../src/verify/interface.ts';
import { openSession, type Session } from '../../src/verify/runtime.ts';
import { asNumbers } from '../../src/verify/values.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

const { FLOAT, INT64, STRING } = DataType;
interface Side extends Typed {
  readonly gives?: readonly string[];
  /** Shapes that the file declares for outputs. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Types of inputs that are neither floats nor int64. */
  readonly types?: Readonly<Record<string, number>>;
}

function modelFrom({ gives, shapes = {}, types = {}, ...given }: Side): Model {
  const made = typed(given);
  const inputs = made.graph.inputs.map((own) => (own.type === null ? own : { ...own, type: { ...own.type, elemType: types[own.name] ?? own.type.elemType } }));
  return {
    ...made,
    graph: {
      ...made.graph,
      inputs,
      outputs: gives?.map((name) => ({ name, type: shapes[name] === undefined ? null : { elemType: FLOAT, dims: shapes[name] } })) ?? made.graph.outputs,
    },
  };
}

const counting = (...dims: number[]): Stored => [dims, Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => 1 + (i % 7))];

async function opened<T>(side: Side, work: (model: ModelInterface, session: Session) => Promise<T>): Promise<T> {
  const model = modelFrom(side);
  const session = await openSession(encodeModel(model), { level: 'disabled', threads: 1, provider: 'cpu' });
  try {
    return await work(describe(model), session);
  } finally {
    await session.release();
  }
}

/** The shape of each output of a step, and a sum of its numbers, by their places, where it is the same in every run. */
const stepText = (outputs: Outputs, sums: boolean): string =>
  [...outputs]
    .map(
      ([name, values]) =>
        `${name} [${values.dims}]${sums ? ` ${Math.round(100 * [...asNumbers(values)].reduce((sum, x, i) => sum + (1 + (i % 5)) * x, 0)) / 100}` : ''}`,
    )
    .join(', ');

type Given = Readonly<Record<string, Stored>>;
interface Options {
  readonly large?: boolean;
  readonly given?: Given;
  readonly seed?: number;
  /** Whether only shapes are the same in every run. */
  readonly noisy?: boolean;
}

const fitted = (model: ModelInterface, given: Given) =>
  fitGiven(model, new Map(Object.entries(given).map(([name, [dims, numbers, type = FLOAT]]) => [name, tensorFromNumbers(name, type, dims, numbers)])), 'given');

/** All that is found out of a model. */
const explored = (side: Side, { large = false, given, seed = 0, noisy = false }: Options = {}): Promise<readonly string[]> =>
  opened(side, async (model, session) => {
    try {
      const found = await explore(model, session, seed, large, given === undefined ? null : fitted(model, given));
      if ('reason' in found) return [found.reason];
      return [
        ...found.cases.map(
          ({ plan, steps }, i) =>
            `${plan.name}: ${steps.map(({ batch, tokens, past }, step) => `${batch}×${tokens}+${past} ${stepText(found.outputs[i]?.[step] ?? new Map(), !found.random && !noisy)}`).join('; ')}`,
        ),
        ...found.notes,
        ...(found.random ? ['random'] : []),
        ...(found.source.invertMasks ? ['inverted masks'] : []),
      ];
    } catch (error) {
      if (error instanceof GrowError) return [`${error.code}: ${error.message}`];
      throw error;
    }
  });

const ids: Side = { inputs: { i: ['n', 't'] }, lines: ['Gather(e, i) -> y'], stored: { e: counting(5, 3) } };
/** The rows of a table, and the sum of those of the past. */
/** A step that reads a cache and hands on none of it. */
const EMPTYING: readonly string[] = [
  'Gather(e, i) -> g',
  'Concat(past.0, g) axis=1 -> a',
  'Slice(a, [0], [0], [1]) -> b',
  'Cast(b) to=1 -> present.0',
  'ReduceSum(a, [1]) keepdims=0 -> y',
];
const cache: Side = {
  inputs: { i: ['n', 't'], 'past.0': ['n', 'p', 3] },
  lines: ['Gather(e, i) -> g', 'Concat(past.0, g) axis=1 -> present.0', 'ReduceSum(present.0, [1]) keepdims=0 -> y'],
  gives: ['y', 'present.0'],
  stored: { e: counting(5, 3) },
};
/** Noise where there are three rows. */
const noisyRows = (count: number): readonly string[] => [
  'Shape(x) -> s',
  'Gather(s, zero) -> n',
  `Equal(n, [${count}]) -> q`,
  'Cast(q) to=1 -> f',
  'RandomNormalLike(x) -> r',
  'Mul(r, f) -> m',
  'Add(x, m) -> y',
];
/** A cache that stays, and one that grows. */
const both: Side = {
  inputs: { i: ['n', 't'], 'past.0.encoder': ['n', 's', 3], 'past.1.key': ['n', 'p', 3] },
  lines: [
    'Gather(e, i) -> g',
    'Identity(past.0.encoder) -> present.0.encoder',
    'Concat(past.1.key, g) axis=1 -> present.1.key',
    'ReduceMean(present.0.encoder, [1]) keepdims=0 -> a',
    'ReduceSum(present.1.key, [1]) keepdims=0 -> b',
    'Add(a, b) -> y',
  ],
  gives: ['y', 'present.0.encoder', 'present.1.key'],
  shapes: { 'present.0.encoder': ['n', 's', 3], 'present.1.key': ['n', 'q', 3] },
  stored: { e: counting(5, 3) },
};
const zero: Stored = [[1], [0], INT64];

const CASES: Readonly<Record<string, readonly [side: Side, options?: Options]>> = {
  ids: [ids],
  'ids from another seed': [ids, { seed: 2 }],
  'ids of a large model': [ids, { large: true }],
  'a fixed shape': [{ inputs: { x: [2, 3] }, lines: ['Relu(x) -> y'] }],
  'a table of twelve positions': [
    {
      inputs: { x: ['n', 't', 2] },
      lines: ['Shape(x) -> s', 'Slice(s, [1], [2]) -> t', 'Slice(p, [0], t, [0]) -> q', 'Add(x, q) -> y'],
      stored: { p: counting(12, 2) },
    },
  ],
  'exactly eleven positions': [{ inputs: { x: ['n', 't', 2] }, lines: ['Add(x, p) -> y'], stored: { p: counting(1, 11, 2) } }],
  'one row': [{ inputs: { x: ['n', 3] }, lines: ['Reshape(x, [1,3]) -> y'] }],
  'no inputs': [{ inputs: { x: [2, 3] }, lines: ['Reshape(x, [7]) -> y'] }],
  'an input of text': [
    { inputs: { x: ['n'], s: ['n'], u: ['n'] }, lines: ['Relu(x) -> y', 'Identity(s) -> z', 'Identity(u) -> v'], types: { s: STRING, u: STRING } },
  ],
  'a cache': [cache],
  'a cache of a large model': [cache, { large: true }],
  'a cache that is read in the first step alone': [{ ...cache, lines: [...cache.lines.slice(0, 2), 'Reshape(present.0, [0,8,3]) -> y'] }],
  'a cache that two steps fit': [
    {
      ...cache,
      lines: [
        ...cache.lines.slice(0, 2),
        'Slice(present.0, [0], [9], [1]) -> a',
        'Shape(present.0) -> s',
        'Slice(s, [1], [2]) -> b',
        'Slice(p, [0], b, [0]) -> c',
        'Add(present.0, c) -> y',
      ],
      stored: { ...cache.stored, p: counting(9, 3) },
    },
  ],
  'a cache of fixed length': [{ ...cache, inputs: { i: ['n', 't'], 'past.0': ['n', 4, 3] }, gives: ['y', 'present.0'] }],
  'a cache that an empty output leaves': [
    {
      ...cache,
      lines: EMPTYING,
    },
  ],
  'a cache of fixed length that an empty output leaves': [
    {
      ...cache,
      inputs: { i: ['n', 't'], 'past.0': ['n', 4, 3] },
      lines: EMPTYING,
    },
  ],
  'a cache beside one that does not grow': [both],
  'a given cache that does not grow': [both, { given: { i: [[1, 2], [3, 4], INT64], 'past.0.encoder': counting(1, 3, 3) } }],
  'a cache of an unknown size': [{ ...cache, inputs: { i: ['n', 't'], 'past.0': ['n', 'p // 0', 3] } }],
  'a cache with a mask': [
    {
      ...cache,
      inputs: { ...cache.inputs, i_mask: ['n', 'p + t'] },
      lines: [...cache.lines.slice(0, 2), 'Cast(i_mask) to=1 -> m', 'Unsqueeze(m, [2]) -> u', 'Mul(present.0, u) -> v', 'ReduceSum(v, [1]) keepdims=0 -> y'],
    },
  ],
  'a mask that is 1 for padding': [
    {
      inputs: { x: ['n', 't'], i_mask: ['n', 't'] },
      lines: ['Cast(i_mask) to=9 -> c', 'Where(c, low, x) -> s', 'Softmax(s) axis=-1 -> y'],
      stored: { low: [[], [Number.NEGATIVE_INFINITY]] },
    },
  ],
  'a mask that is 1 for tokens': [
    {
      inputs: { x: ['n', 't'], i_mask: ['n', 't'] },
      lines: ['Cast(i_mask) to=9 -> c', 'Where(c, x, low) -> s', 'Softmax(s) axis=-1 -> y'],
      stored: { low: [[], [Number.NEGATIVE_INFINITY]] },
    },
  ],
  'a mask, and outputs that are never finite': [
    {
      inputs: { x: ['n', 't'], i_mask: ['n', 't'] },
      lines: ['Cast(i_mask) to=9 -> c', 'Where(c, low, low) -> s', 'Softmax(s) axis=-1 -> y'],
      stored: { low: [[], [Number.NEGATIVE_INFINITY]] },
    },
  ],
  'a float that only reads what is finite, no mask': [{ inputs: { x: ['n', 't'] }, lines: ['Log(z) -> l', 'Mul(x, l) -> y'], stored: { z: [[1], [-1]] } }],
  'noise in every run': [{ inputs: { x: ['n', 3] }, lines: ['RandomNormalLike(x) -> r', 'Add(x, r) -> y'] }],
  'noise for three rows': [{ inputs: { x: ['n', 3] }, lines: noisyRows(3), stored: { zero } }],
  'noise for two rows': [{ inputs: { x: ['n', 3] }, lines: noisyRows(2), stored: { zero } }],
  'noise for three rows of a large model': [
    { inputs: { x: ['n', 3] }, lines: noisyRows(3), stored: { zero } },
    { large: true, noisy: true },
  ],
  'noise for two rows of a large model': [{ inputs: { x: ['n', 3] }, lines: noisyRows(2), stored: { zero } }, { large: true }],
  'given ids': [ids, { given: { i: [[1, 4], [0, 1, 2, 4], INT64] } }],
  'given ids of a large model': [ids, { large: true, given: { i: [[1, 4], [0, 1, 2, 4], INT64] } }],
  'given ids beyond the table': [ids, { given: { i: [[1, 2], [0, 7], INT64] } }],
  'given ids with a cache': [cache, { given: { i: [[1, 2], [3, 4], INT64], 'past.0': counting(1, 5, 3) } }],
  'given ids, and an empty cache': [cache, { given: { i: [[1, 2], [3, 4], INT64] } }],
  'given inputs that nothing else fits': [{ inputs: { x: ['a', 'b'] }, lines: ['Reshape(x, [5,91]) -> y'] }, { given: { x: counting(13, 35) } }],
  'given inputs that do not fit either': [{ inputs: { x: ['a', 'b'] }, lines: ['Reshape(x, [5,91]) -> y'] }, { given: { x: counting(13, 34) } }],
  'a given width beside the one that weights fix': [
    { inputs: { x: ['n', 't', 'h'] }, lines: ['MatMul(x, w) -> y'], stored: { w: counting(4, 2) } },
    { given: { x: counting(1, 3, 4) } },
  ],
  'given noise': [{ inputs: { x: ['n', 3] }, lines: noisyRows(1), stored: { zero } }, { given: { x: counting(1, 3) } }],
};

suite('the original', () => {
  it.each(Object.entries(CASES))('of %s', async (_, [side, options]) => {
    // what the runtime says ends where the sentence does
    const said = (await explored(side, options)).map((line) => line.replace(/(?<=could be made for it:|with these inputs:)(?! a size).*/s, ' …'));
    expect(said).toMatchSnapshot();
  });
});

/** Runs the first case of an original with a new model: the sizes of its own symbols, and what comes out. */
const fittedTo = (old: Side, now: Side, names: Readonly<Record<string, string | null>>): Promise<readonly string[]> =>
  opened(old, async (model, session) => {
    const found = await explore(model, session, 0, true);
    const [first] = 'reason' in found ? [] : found.cases;
    if ('reason' in found || first === undefined) return ['no case'];
    return opened(now, async (other, second) => {
      const map: InputMap = new Map(Object.entries(names));
      try {
        const assignment = await fitNewModel(found.source, second, other, map, first);
        const outputs = await runCase(found.source, { session: second, model: other, assignment, map }, first);
        const [context = { batch: 0, tokens: 0, past: 0 }] = first.steps;
        return [[...assignment(context)].map(([name, size]) => `${name}=${size}`).join(' '), ...outputs.map((step) => stepText(step, true))];
      } catch (error) {
        return [`refused ${error instanceof Error && /index|shape|dimension|size/i.test(error.message)}`];
      }
    });
  });

/** A cache of heads whose width weights fix; `width` is what the file declares. */
const heads = (width: number | string, real: number, rows = 5): Side => ({
  inputs: { i: ['n', 't'], 'past.0.key': ['n', 1, 'p', width] },
  lines: [
    'Gather(e, i) -> g',
    'Unsqueeze(g, [1]) -> u',
    'Mul(past.0.key, v) -> m',
    'Concat(m, u) axis=2 -> present.0.key',
    'ReduceSum(present.0.key, [1,2,3]) keepdims=0 -> y',
  ],
  gives: ['y', 'present.0.key'],
  stored: { e: counting(rows, real), v: [[real], new Array(real).fill(1)] },
});
const cached = { i: 'i', 'past.0.key': 'past.0.key' };

suite('a new model', () => {
  it.each<readonly [what: string, old: Side, now: Side, names: Readonly<Record<string, string | null>>]>([
    ['has the sizes of the original', ids, ids, { i: 'i' }],
    ['takes a width of its own', heads(3, 3), heads('d', 6), cached],
    ['takes a width of its own where the original has one of that name', heads('d', 3), heads('d', 6), cached],
    ['has a length of another name', ids, { ...ids, inputs: { i: ['n', 's'] } }, { i: 'i' }],
    ['is refused with what the original takes', heads(3, 3), { ...heads(3, 3), stored: { ...heads(3, 3).stored, e: counting(1, 3) } }, cached],
    ['is refused at every width', heads(3, 3), { ...heads('d', 6), stored: { ...heads('d', 6).stored, e: counting(1, 6) } }, cached],
    [
      'has a further input that is made up',
      { inputs: { 'keys.0': ['n', 's', 3, 2] }, lines: ['Relu(keys.0) -> y'] },
      {
        inputs: { 'keys.0': ['n', 's', 3, 2], 'keys.1': ['n', 's', 3, 2] },
        lines: ['Mul(keys.1, z) -> a', 'Relu(keys.0) -> b', 'Add(a, b) -> y'],
        stored: { z: [[1], [0]] },
      },
      { 'keys.0': 'keys.0', 'keys.1': null },
    ],
  ])('%s', async (_, old, now, names) => {
    expect(await fittedTo(old, now, names)).toMatchSnapshot();
  });
});
