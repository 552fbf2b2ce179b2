/** The first value at which two small models part, as the runtime computes them, and the parameters that are named for it. */
import { expect, it, describe as suite } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { findDivergence } from '../../src/verify/divergence.ts';
import type { CaseOutputs } from '../../src/verify/runs.ts';
import { openSession } from '../../src/verify/runtime.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

type Rows = readonly (readonly number[])[];
interface Options {
  readonly limit?: number;
  readonly output?: string;
  /** One case a matrix. */
  readonly fed?: readonly Rows[];
}

/** The outputs of a model for each matrix x. */
async function runOf(model: Model, fed: readonly Rows[]): Promise<CaseOutputs> {
  const session = await openSession(encodeModel(model), { level: 'disabled', threads: 1, provider: 'cpu' });
  const all: CaseOutputs[number][] = [];
  for (const rows of fed) {
    const x = { type: 'float32' as const, dims: [rows.length, rows[0]?.length ?? 0], data: Float32Array.from(rows.flat()) };
    all.push([await session.run(new Map([['x', x]]))]);
  }
  await session.release();
  return all;
}

async function parted(old: Typed, now: Typed, { limit = 1e-5, output = 'y', fed = [[[1, -2, 3]]] }: Options = {}): Promise<string | null> {
  const models = { old: typed(old), now: typed(now) };
  const found = await findDivergence({ run: models, stored: models }, output, limit, async (before, after) => ({
    old: await runOf(before, fed),
    now: await runOf(after, fed),
  }));
  return found === null ? null : `${found.value} of ${found.node} by ${found.relative?.toPrecision(3) ?? 'no number'}: ${found.parameters.join(', ')}`;
}

const inputs = { x: ['n', 'm'] };
const vector = (...numbers: number[]): Stored => [[numbers.length], numbers];
const chain: Typed = {
  inputs,
  lines: ['Mul(x, a) -> h', 'Relu(h) -> r', 'Mul(r, b) -> s', 'Add(s, c) -> y'],
  stored: { a: vector(1, 2, 3), b: vector(4, 5, 6), c: vector(1, 1, 2) },
};
const chained = (stored: Typed['stored'], lines: readonly string[] = chain.lines): Typed => ({ ...chain, lines, stored: { ...chain.stored, ...stored } });
/** Matrices whose hidden units are `width`: columns of `a`, rows of `b`, in row order. */
const block = (width: number, a: readonly number[], b: readonly number[]): Typed => ({
  inputs,
  lines: ['MatMul(x, a) -> h', 'Relu(h) -> r', 'MatMul(r, b) -> y'],
  stored: { a: [[3, width], a], b: [[width, 2], b] },
});
const infinite = Number.POSITIVE_INFINITY;

suite('models part', () => {
  const rows: readonly (readonly [what: string, old: Typed, now: Typed, options?: Options])[] = [
    ['nowhere where they are equal', chain, chain],
    ['where the first parameter differs', chain, chained({ a: vector(1, 2, 4) })],
    ['where a later one differs', chain, chained({ b: vector(4, 5, 7) })],
    ['at the output', chain, chained({ c: vector(1, 1, 3) })],
    ['where negative numbers are cut off', chain, chained({ a: vector(1, 3, 3) })],
    ['not above the limit', chain, chained({ c: vector(1, 1, 3) }), { limit: 2e-4 }],
    ['just above the limit', chain, chained({ c: vector(1, 1, 3) }), { limit: 1e-4 }],
    ['not where a value is a multiple', chain, chained({ a: vector(2, 4, 6), b: vector(2, 2.5, 3) })],
    [
      'not where a value is a negative multiple',
      chained({}, ['Mul(x, a) -> h', 'Abs(h) -> y']),
      chained({ a: vector(-1, -2, -3) }, ['Mul(x, a) -> h', 'Abs(h) -> y']),
    ],
    ['behind a multiple', chain, chained({ a: vector(2, 4, 6), b: vector(2, 2.5, 4) })],
    [
      'at all parameters behind what agrees',
      chain,
      chained({ b: vector(4, 5, 7), c: vector(1, 2, 2) }, ['Mul(x, a) -> h', 'Relu(h) -> r', 'Mul(r, b) -> q', 'Add(q, c) -> y']),
    ],
    ['where the operator is another, and no parameter changed', chain, chained({}, ['Mul(x, a) -> h', 'Abs(h) -> r', 'Mul(r, b) -> s', 'Add(s, c) -> y'])],
    ['where another parameter is read', chain, chained({ d: vector(4, 5, 7) }, ['Mul(x, a) -> h', 'Relu(h) -> r', 'Mul(r, d) -> s', 'Add(s, c) -> y'])],
    [
      'above the output alone',
      { ...chain, lines: ['Mul(x, b) -> z', 'Mul(x, a) -> y'] },
      { ...chained({ b: vector(4, 5, 7) }), lines: ['Mul(x, b) -> z', 'Mul(x, a) -> y'] },
    ],
    [
      'above another output',
      { ...chain, lines: ['Mul(x, b) -> z', 'Mul(x, a) -> y'] },
      { ...chained({ b: vector(4, 5, 7) }), lines: ['Mul(x, b) -> z', 'Mul(x, a) -> y'] },
      { output: 'z' },
    ],
    ['where a value is no number', chain, chained({ c: vector(1, Number.NaN, 2) })],
    ['where a value is infinite', chain, chained({ c: vector(1, infinite, 2) })],
    ['not where both are infinite', chained({ c: vector(1, infinite, 2) }), chained({ c: vector(1, infinite, 2) })],
    ['beside infinite numbers', chained({ c: vector(1, infinite, 2) }), chained({ c: vector(1, infinite, 3) })],
    ['not by what is as large as masks are', chained({ c: vector(1, 2e30, 2) }), chained({ c: vector(1, 3e30, 2) })],
    ['beside what is as large as masks are', chained({ c: vector(1, -2e30, 2) }), chained({ c: vector(1, -3e30, 3) })],
    [
      'where zeros are others',
      { ...chain, lines: ['Mul(x, a) -> y'], stored: { a: vector(0, 0, 0) } },
      { ...chain, lines: ['Mul(x, a) -> y'], stored: { a: vector(0, 1, 0) } },
    ],
    [
      'not where both are zero',
      { ...chain, lines: ['Mul(x, a) -> y'], stored: { a: vector(0, 0, 0) } },
      { ...chain, lines: ['Mul(x, a) -> y'], stored: { a: vector(0, -0, 0) } },
    ],
    ['in the second case', chain, chained({ a: vector(1, 2, 4) }), { fed: [[[1, 1, 0]], [[1, 3, 1]]] }],
    [
      'in the second row',
      chain,
      chained({ a: vector(1, 2, 4) }),
      {
        fed: [
          [
            [2, 2, 0],
            [1, 3, 1],
          ],
        ],
      },
    ],
    ['not where hidden units are new ones behind', block(2, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4]), block(3, [1, 2, 9, 3, 4, 9, 5, 6, 9], [1, 2, 3, 4, 0, 0])],
    ['where an old hidden unit differs', block(2, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4]), block(3, [1, 2, 9, 3, 4, 9, 5, 7, 9], [1, 2, 3, 4, 0, 0])],
    ['behind new hidden units', block(2, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4]), block(3, [1, 2, 9, 3, 4, 9, 5, 6, 9], [1, 2, 3, 5, 0, 0])],
    ['not at values with fewer elements', block(3, [1, 2, 9, 3, 4, 9, 5, 6, 9], [1, 2, 3, 4, 0, 0]), block(2, [1, 2, 3, 4, 5, 6], [1, 2, 3, 4])],
    [
      'not at values of another rank',
      { ...chain, lines: ['Mul(x, a) -> h', 'Relu(h) -> r', 'Mul(r, b) -> y'] },
      { ...chain, lines: ['Mul(x, c) -> q', 'Mul(x, a) -> g', 'Unsqueeze(g, [0]) -> h', 'Relu(h) -> e', 'Squeeze(e, [0]) -> r', 'Mul(r, b) -> y'] },
    ],
    [
      'not at integers',
      { ...chain, lines: ['Cast(x) to=7 -> i', 'Cast(i) to=1 -> h', 'Mul(h, a) -> y'] },
      { ...chain, lines: ['Add(x, c) -> z', 'Cast(z) to=7 -> i', 'Cast(x) to=7 -> j', 'Cast(j) to=1 -> h', 'Mul(h, a) -> y'] },
    ],
    [
      'not at integers above the output',
      { ...chain, lines: ['Cast(x) to=7 -> i', 'Cast(i) to=1 -> h', 'Mul(h, a) -> y'] },
      { ...chain, lines: ['Add(x, c) -> z', 'Cast(z) to=7 -> i', 'Cast(i) to=1 -> h', 'Mul(h, a) -> y'] },
    ],
    [
      'not where constants are made by nodes',
      { ...chain, lines: ['Constant() value=tensor2.0 -> k', 'Mul(x, k) -> y'] },
      { ...chain, lines: ['Constant() value=tensor3.0 -> k', 'Mul(x, k) -> y'] },
    ],
    [
      'not at values in branches',
      { ...chain, lines: ['If(t) {Mul(x, a) -> h} {Mul(x, b) -> g} -> z', 'Relu(z) -> y'], stored: { ...chain.stored, t: [[], [1], 9] } },
      { ...chain, lines: ['If(t) {Mul(x, a) -> h} {Mul(x, b) -> g} -> z', 'Relu(z) -> y'], stored: { ...chain.stored, a: vector(1, 2, 4), t: [[], [1], 9] } },
    ],
    [
      'of outputs that are left out',
      { ...chain, lines: ["LayerNormalization(x, a) axis=-1 -> y '' s"] },
      { ...chain, lines: ["LayerNormalization(x, b) axis=-1 -> y '' s"] },
    ],
    [
      'not at values of the new model that stand in a branch',
      { ...chain, lines: ['Mul(x, a) -> h', 'Relu(h) -> y'] },
      { ...chain, lines: ['If(t) {Mul(x, a) -> h} {Mul(x, b) -> g} -> z', 'Relu(z) -> y'], stored: { ...chain.stored, t: [[], [1], 9] } },
    ],
    [
      'behind values of a further dimension',
      { ...chain, lines: ['Mul(x, a) -> h', 'Relu(h) -> r', 'Mul(r, b) -> y'] },
      { ...chained({ a: vector(1, 2, 4) }), lines: ['Mul(x, a) -> g', 'Unsqueeze(g, [2]) -> h', 'Relu(h) -> e', 'Squeeze(e, [2]) -> r', 'Mul(r, b) -> y'] },
    ],
    ['beside what is no number in both', chained({ c: vector(1, Number.NaN, 2) }), chained({ c: vector(1, Number.NaN, 3) })],
    [
      'where one of two parameters changed',
      chained({}, ['Mul(x, b) -> s', 'Add(s, c) -> y']),
      chained({ b: vector(4, 5, 7) }, ['Mul(x, b) -> q', 'Add(q, c) -> y']),
    ],
    [
      'at floats, whichever integers are read',
      chained({ a: vector(1, 2, 4) }, ['Gather(a, [0,0,1]) -> g', 'Mul(x, g) -> y']),
      chained({ a: vector(1, 2, 4) }, ['Gather(a, [0,0,2]) -> h', 'Mul(x, h) -> y']),
    ],
  ];
  it.each(rows.map((row) => [row[0], row] as const))('%s', async (_, [, old, now, options]) => {
    expect(await parted(old, now, options)).toMatchSnapshot();
  });
});
