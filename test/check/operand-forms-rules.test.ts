/** Constants beside values whose elements they place: masks beside widths that grew before, numbers that changed, tables. The runtime says what is so. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { allSaid, saidOf } from '../support/told.ts';
import { numbers, type Stored, type Typed, typed } from '../support/typed-graph.ts';

/** `unseen`: both compute the same, and check does not know. */
type Verdict = 'proved' | 'differs' | 'unseen';

/** All results for three rows of inputs of which each is another number; indices are below 3. */
async function resultsOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds = model.graph.inputs.map(({ name, type }): [string, Tensor] => {
    const dims = type?.dims?.map((size) => (typeof size === 'number' ? size : 3)) ?? [];
    const count = dims.reduce((a, b) => a * b, 1);
    const all = Array.from({ length: count }, (_, i) => Math.sin(3 + 2 * i + name.charCodeAt(0)));
    return [
      name,
      name.startsWith('i')
        ? new Tensor(
            'int64',
            BigInt64Array.from(all, (_, i) => BigInt((2 * i + 1) % 3)),
            dims,
          )
        : new Tensor('float32', Float32Array.from(all), dims),
    ];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return session.outputNames.flatMap((name) => Array.from((results[name]?.data ?? []) as ArrayLike<number>, Number));
}

const agree = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((own, i) => Object.is(own, b[i]) || Math.abs(own - (b[i] ?? NaN)) <= 1e-5 * (1 + Math.abs(own)));

async function verdictOf(old: Typed, now: Typed): Promise<Verdict | 'WRONG'> {
  const [before, after] = [typed(old), typed(now)];
  const isEqual = agree(await resultsOf(before), await resultsOf(after));
  if (saidOf(before, after)[0] === 'proved') return isEqual ? 'proved' : 'WRONG';
  return isEqual ? 'unseen' : 'differs';
}

type Case = readonly [what: string, verdict: Verdict, now: Typed];
function held(old: Typed, cases: readonly Case[]): void {
  test.each(cases)('%s', async (_, verdict, now) => {
    expect(await verdictOf(old, now)).toBe(verdict);
    expect(allSaid()).toMatchSnapshot();
  });
}

/** Old indices of a width, −1 for new ones. */
type Places = readonly number[];
const OLD: Places = [0, 1, 2];
const columns = (at: Places, other: number, salt: number): Stored => [
  [2, at.length],
  numbers(2 * at.length, (i) => {
    const old = at[i % at.length] ?? -1;
    return old < 0 ? other : Math.round(Math.sin(7 * old + 3 * Math.floor(i / at.length) + salt) * 64) / 64;
  }),
];
const rows = (at: Places, other: number, salt: number): Stored => [[at.length, 1], at.map((old) => (old < 0 ? other : Math.cos(5 * old + salt)))];

interface Masked {
  readonly at?: Places;
  /** New elements of the width, and of the weight that reads it. */
  readonly added?: readonly [columns: number, rows: number];
  readonly mask: readonly number[];
  readonly dims?: readonly number[];
  /** Another width that was seen before. */
  readonly other?: Places;
  readonly line?: string;
  /** How the sum is read. */
  readonly read?: string;
}

/** A width that is computed, and what has one number for all its places, multiplied with a vector. */
function masked({
  at = OLD,
  added: [left, right] = [0.5, 0],
  mask,
  dims = [mask.length],
  other = OLD,
  line = 'Mul(t, k) -> m',
  read = 'Add(r, m) -> s',
}: Masked): Typed {
  return {
    inputs: { x: ['n', 2], t: ['n', 1] },
    lines: [
      'MatMul(x, v) -> g',
      'Relu(g) -> f',
      'MatMul(f, c) -> z',
      'MatMul(x, w) -> h',
      'Relu(h) -> r',
      line,
      ...read.split(';'),
      'MatMul(s, b) -> o',
      'Add(o, z) -> y',
    ],
    stored: { v: columns(other, 0.5, 1), c: rows(other, 0, 1), w: columns(at, left, 2), b: rows(at, right, 2), k: [dims, mask] },
  };
}

const BETWEEN: Places = [0, -1, 1, 2];
const LATER: Places = [0, 1, -1, 2];

describe('ones and zeros', () => {
  held(masked({ mask: [1, 1, 1] }), [
    ['as it was', 'proved', masked({ mask: [1, 1, 1] })],
    ['a zero where the width is new', 'proved', masked({ at: BETWEEN, added: [0, 7], mask: [1, 0, 1, 1] })],
    ['a zero where the width is new, whose elements are not zero', 'differs', masked({ at: BETWEEN, added: [0.5, 7], mask: [1, 0, 1, 1] })],
    ['a zero where the width is new, which nothing reads', 'proved', masked({ at: BETWEEN, mask: [1, 0, 1, 1] })],
    ['another number where the width is new', 'proved', masked({ at: BETWEEN, mask: [1, 5, 1, 1] })],
    ['another number where the width is new, which is read', 'differs', masked({ at: BETWEEN, added: [0, 7], mask: [1, 5, 1, 1] })],
    ['one everywhere', 'proved', masked({ at: BETWEEN, mask: [1, 1, 1, 1] })],
    ['one everywhere, which is read', 'differs', masked({ at: BETWEEN, added: [0, 7], mask: [1, 1, 1, 1] })],
    ['a zero where the width is old', 'differs', masked({ at: BETWEEN, mask: [1, 1, 1, 0] })],
    ['a zero where the width is old, and one where it is new', 'differs', masked({ at: BETWEEN, mask: [1, 1, 0, 1] })],
    ['another number where the width is old', 'differs', masked({ at: BETWEEN, mask: [1, 0, 1, 2] })],
    ['all zeros', 'differs', masked({ at: BETWEEN, mask: [0, 0, 0, 0] })],
    ['twice as much', 'differs', masked({ at: BETWEEN, added: [0, 7], mask: [2, 0, 2, 2] })],
    ['no number', 'differs', masked({ at: BETWEEN, mask: [1, NaN, 1, 1] })],
    ['infinity', 'differs', masked({ at: BETWEEN, mask: [1, Infinity, 1, 1] })],
    ['a width that was seen later', 'proved', masked({ at: LATER, other: BETWEEN, added: [0, 7], mask: [1, 1, 0, 1] })],
    ['a width that was seen earlier', 'differs', masked({ at: LATER, other: BETWEEN, added: [0, 7], mask: [1, 0, 1, 1] })],
    ['a number for one of two widths', 'proved', masked({ at: LATER, other: BETWEEN, mask: [1, 1, 5, 1] })],
    ['in front, a width that was seen earlier', 'differs', masked({ at: LATER, other: [-1, 0, 1, 2], mask: [0, 1, 1, 1] })],
    ['a dimension of size 1 in front', 'proved', masked({ at: BETWEEN, added: [0, 7], mask: [1, 0, 1, 1], dims: [1, 4] })],
    ['the other way round', 'proved', masked({ at: BETWEEN, added: [0, 7], mask: [1, 0, 1, 1], line: 'Mul(k, t) -> m' })],
  ]);
});

describe('two widths of one size', () => {
  const TWO: Places = [0, 1];
  const of = (own: Partial<Masked>): Typed => masked({ at: [0, 1, 2, -1], other: [0, 1, -1, -1], mask: [], ...own });
  held(masked({ mask: [1, 1, 1], other: TWO }), [
    ['a mask of the one that was seen later', 'proved', of({ added: [0, 7], mask: [1, 1, 1, 0] })],
    ['a mask of the one that was seen first', 'differs', of({ added: [0, 7], mask: [1, 1, 0, 0] })],
    ['ones for both', 'proved', of({ mask: [1, 1, 1, 1] })],
    ['another number behind', 'proved', of({ mask: [1, 1, 1, 4] })],
  ]);
  held(masked({ mask: [0, 0, 0], other: TWO }), [['zeros of the one that was seen later', 'proved', of({ mask: [0, 0, 0, 0] })]]);
});

describe('zeros in the old graph', () => {
  held(masked({ mask: [1, 0, 1] }), [
    ['as they were', 'proved', masked({ mask: [1, 0, 1] })],
    ['another number where the width is new', 'proved', masked({ at: BETWEEN, mask: [1, 9, 0, 1] })],
    ['a zero more where the width is new', 'unseen', masked({ at: BETWEEN, mask: [1, 0, 0, 1] })],
    ['a one more', 'differs', masked({ at: BETWEEN, mask: [1, 0, 1, 1] })],
    ['at other places', 'differs', masked({ at: BETWEEN, mask: [0, 9, 1, 1] })],
    ['other zeros', 'differs', masked({ mask: [1, 1, 0] })],
  ]);
});

describe('one number and zeros', () => {
  held(masked({ mask: [0.5, 0.5, 0.5] }), [
    ['a zero where the width is new', 'proved', masked({ at: BETWEEN, added: [0, 7], mask: [0.5, 0, 0.5, 0.5] })],
    ['ones', 'differs', masked({ at: BETWEEN, added: [0, 7], mask: [1, 0, 1, 1] })],
    ['another number in front', 'proved', masked({ at: [-1, 0, 1, 2], mask: [2, 0.5, 0.5, 0.5] })],
    ['another number in front, which is read', 'differs', masked({ at: [-1, 0, 1, 2], added: [0, 7], mask: [2, 0.5, 0.5, 0.5] })],
    ['two new places, one of them zero', 'proved', masked({ at: [0, -1, 1, -1, 2], mask: [0.5, 0.5, 0.5, 0, 0.5] })],
    ['two new places, one of them zero, which are read', 'differs', masked({ at: [0, -1, 1, -1, 2], added: [0, 7], mask: [0.5, 0.5, 0.5, 0, 0.5] })],
  ]);
});

describe('zeros', () => {
  held(masked({ mask: [0, 0, 0] }), [
    ['zeros', 'proved', masked({ at: BETWEEN, mask: [0, 0, 0, 0] })],
    ['a number where the width is new', 'proved', masked({ at: BETWEEN, mask: [0, 5, 0, 0] })],
    ['a number where the width is new, which is read', 'differs', masked({ at: BETWEEN, added: [0, 7], mask: [0, 5, 0, 0] })],
    ['a number where the width is old', 'differs', masked({ at: BETWEEN, mask: [0, 5, 0, 3] })],
  ]);
});

describe('different numbers', () => {
  held(masked({ mask: [1, 2, 4] }), [
    ['at their places', 'proved', masked({ at: BETWEEN, mask: [1, 5, 2, 4] })],
    ['zero where it is new', 'proved', masked({ at: BETWEEN, added: [0, 7], mask: [1, 0, 2, 4] })],
    ['at other places', 'differs', masked({ at: BETWEEN, mask: [1, 2, 5, 4] })],
    ['one of them changed', 'differs', masked({ at: BETWEEN, mask: [1, 5, 2, 3] })],
    ['one number for all', 'differs', masked({ at: BETWEEN, mask: [1, 5, 1, 1] })],
  ]);
});

describe('no products', () => {
  const added = (mask: readonly number[], at = OLD, more: readonly [number, number] = [0.5, 0], line = 'Add(t, k) -> m'): Typed =>
    masked({ at, mask, added: more, line });
  held(added([1, 1, 1]), [
    // true, and not known: what is stretched over a width is followed through products only
    ['added', 'unseen', added([1, 0, 1, 1], BETWEEN)],
    ['added, and read', 'differs', added([1, 0, 1, 1], BETWEEN, [0, 7])],
    ['one number', 'unseen', added([1, 1, 1, 1], BETWEEN)],
  ]);
  held(added([2, 2, 2], OLD, [0.5, 0], 'Div(k, t) -> m'), [
    ['divided, as it was', 'unseen', added([2, 2, 2, 2], BETWEEN, [0.5, 0], 'Div(k, t) -> m')],
    ['divided', 'unseen', added([2, 0, 2, 2], BETWEEN, [0.5, 0], 'Div(k, t) -> m')],
    ['divided, and read', 'differs', added([2, 5, 2, 2], BETWEEN, [0.5, 7], 'Div(k, t) -> m')],
  ]);
  held(added([2, 2, 2], OLD, [0.5, 0], 'Max(t, k) -> m'), [
    ['the larger one, as it was', 'unseen', added([2, 2, 2, 2], BETWEEN, [0.5, 0], 'Max(t, k) -> m')],
    ['the larger one', 'unseen', added([2, 5, 2, 2], BETWEEN, [0.5, 0], 'Max(t, k) -> m')],
    ['the larger one, changed', 'differs', added([2, 5, 2, 3], BETWEEN, [0.5, 0], 'Max(t, k) -> m')],
  ]);
});

describe('a mean over a mask', () => {
  const read = (to: number): string => `Add(r, m) -> s;Slice(m, [0], [${to}], [1]) -> e;ReduceMean(e, [-1]) keepdims=1 -> q;Add(s, q) -> p;Neg(p) -> s2`;
  const of = (at: Places, mask: readonly number[], to: number): Typed => {
    const own = masked({ at, mask, read: read(to) });
    return { ...own, lines: own.lines.map((line) => line.replace('MatMul(s, b)', 'MatMul(s2, b)')) };
  };
  const BEHIND: Places = [0, 1, 2, -1, -1];
  held(of(OLD, [1, 1, 1], 3), [
    ['old places', 'proved', of(BEHIND, [1, 1, 1, 1, 0], 3)],
    ['a new place like the old ones', 'proved', of(BEHIND, [1, 1, 1, 1, 0], 4)],
    ['a new place of another number', 'differs', of(BEHIND, [1, 1, 1, 3, 0], 4)],
    ['a new place of zero', 'differs', of(BEHIND, [1, 1, 1, 0, 0], 4)],
  ]);
});

/** A vector that is divided by what is computed, or multiplied with its inverse. */
describe('quotients', () => {
  const of = (lines: string, k: readonly number[], at = OLD, right = 0): Typed => ({
    inputs: { x: ['n', 2] },
    lines: ['MatMul(x, w) -> h', 'Exp(h) -> e', ...lines.split(';'), 'MatMul(q, b) -> y'],
    stored: { w: columns(at, 0.5, 2), b: rows(at, right, 2), k: [[k.length], k] },
  });
  const QUOTIENT = 'Div(k, e) -> q';
  const INVERSE = 'Reciprocal(e) -> r;Mul(r, k) -> q';
  const DIVIDED = 'Div(e, k) -> q';
  const [THREE, FOUR, OTHER] = [
    [1, 2, 4],
    [1, 3, 2, 4],
    [1, 3, 2, 5],
  ];
  held(of(QUOTIENT, THREE), [
    ['by what grew', 'proved', of(QUOTIENT, FOUR, BETWEEN)],
    ['by what grew, and is read', 'differs', of(QUOTIENT, FOUR, BETWEEN, 7)],
    ['by what grew, and another number', 'differs', of(QUOTIENT, OTHER, BETWEEN)],
    ['as a product', 'proved', of(INVERSE, THREE)],
    ['as a product of what grew', 'proved', of(INVERSE, FOUR, BETWEEN)],
    ['as a product of what grew, and another number', 'differs', of(INVERSE, OTHER, BETWEEN)],
    ['turned round', 'differs', of(DIVIDED, FOUR, BETWEEN)],
  ]);
  held(of(INVERSE, THREE), [
    ['as a quotient of what grew', 'proved', of(QUOTIENT, FOUR, BETWEEN)],
    ['as a quotient of what grew, and another number', 'differs', of(QUOTIENT, OTHER, BETWEEN)],
  ]);
  held(of(DIVIDED, THREE), [
    ['of what grew', 'proved', of(DIVIDED, FOUR, BETWEEN)],
    ['of what grew, and is read', 'differs', of(DIVIDED, FOUR, BETWEEN, 7)],
    ['of what grew, by zero', 'differs', of(DIVIDED, [1, 0, 2, 4], BETWEEN)],
    ['of what grew, by another number', 'differs', of(DIVIDED, OTHER, BETWEEN)],
    // true, and not known: the inverse of a stored vector is another vector
    ['as a product with the inverse', 'unseen', of('Mul(e, k) -> q', [1, 0.5, 0.25])],
    ['as a product with another', 'differs', of('Mul(e, k) -> q', [1, 0.5, 0.5])],
  ]);
});

/** Numbers and vectors that are added to parts of a sum, or taken away from them. */
describe('sums', () => {
  const of = (lines: string, k: readonly number[], at = OLD, right = 0): Typed => ({
    inputs: { x: ['n', 2], t: ['n', 1] },
    lines: ['MatMul(x, w) -> h', ...lines.split(';'), 'Tanh(s) -> q', 'MatMul(q, b) -> y'],
    stored: { w: columns(at, 0.5, 2), b: rows(at, right, 2), k: [[k.length], k], c: [[], [0.75]], d: [[], [-0.75]] },
  });
  const [THREE, FOUR, LESS, OTHER] = [
    [1, 2, 4],
    [1, 3, 2, 4],
    [-1, 3, -2, -4],
    [1, 3, 2, 5],
  ];
  held(of('Add(h, k) -> s', THREE), [
    ['a vector', 'proved', of('Add(h, k) -> s', FOUR, BETWEEN)],
    ['a vector, another number', 'differs', of('Add(h, k) -> s', OTHER, BETWEEN)],
    ['a vector, taken away', 'differs', of('Sub(h, k) -> s', FOUR, BETWEEN)],
    ['less its negative', 'proved', of('Sub(h, k) -> s', LESS, BETWEEN)],
    ['from its negative', 'differs', of('Sub(k, h) -> s', LESS, BETWEEN)],
  ]);
  held(of('Sub(k, h) -> s', THREE), [
    ['from a vector', 'proved', of('Sub(k, h) -> s', FOUR, BETWEEN)],
    ['from a vector, another number', 'differs', of('Sub(k, h) -> s', OTHER, BETWEEN)],
    ['a vector and the negative', 'proved', of('Neg(h) -> n;Add(n, k) -> s', FOUR, BETWEEN)],
    ['the negative, less the negative vector', 'proved', of('Neg(h) -> n;Sub(n, k) -> s', LESS, BETWEEN)],
  ]);
  held(of('Add(h, c) -> g;Add(g, t) -> f;Add(f, k) -> s', THREE), [
    ['a number, a value and a vector', 'proved', of('Add(h, c) -> g;Add(g, t) -> f;Add(f, k) -> s', FOUR, BETWEEN)],
    ['in another order', 'proved', of('Add(h, k) -> g;Add(g, t) -> f;Add(f, c) -> s', FOUR, BETWEEN)],
    ['less the negative number', 'proved', of('Sub(h, d) -> g;Add(g, t) -> f;Add(f, k) -> s', FOUR, BETWEEN)],
    ['less the number', 'differs', of('Sub(h, c) -> g;Add(g, t) -> f;Add(f, k) -> s', FOUR, BETWEEN)],
    ['without the value', 'differs', of('Add(h, c) -> g;Add(g, k) -> s', FOUR, BETWEEN)],
  ]);
  held(of('Mul(h, c) -> g;Mul(g, k) -> s', THREE), [
    ['a number and a vector, multiplied', 'proved', of('Mul(h, c) -> g;Mul(g, k) -> s', FOUR, BETWEEN)],
    ['in one, multiplied', 'proved', of('Mul(h, k) -> s', [0.75, 9, 1.5, 3], BETWEEN)],
    // true, and not known: what is doubled later is not looked for in a vector
    ['half the vector, twice the product', 'unseen', of('Mul(h, k) -> g;Mul(g, c) -> f;Add(f, f) -> s', [0.5, 9, 1, 2], BETWEEN)],
    ['without the number', 'differs', of('Mul(h, k) -> s', FOUR, BETWEEN)],
    ['the negative of both', 'proved', of('Mul(h, d) -> g;Mul(g, k) -> s', LESS, BETWEEN)],
    ['the negative of one', 'differs', of('Mul(h, d) -> g;Mul(g, k) -> s', FOUR, BETWEEN)],
  ]);
});

/** A matrix beside what has one number for each row. */
describe('a matrix of ones and zeros', () => {
  const of = (at: Places, ones: (row: number, old: number) => number, right = 0): Typed => ({
    inputs: { t: ['n', 2, 1] },
    lines: ['Mul(t, k) -> m', 'Relu(m) -> s', 'MatMul(s, b) -> y'],
    stored: { k: [[2, at.length], numbers(2 * at.length, (i) => ones(Math.floor(i / at.length), at[i % at.length] ?? -1))], b: rows(at, right, 2) },
  });
  const mask = (row: number, old: number): number => (old < 0 ? 0 : 1 + row);
  held(of(OLD, mask), [
    ['zeros where it is new', 'proved', of(BETWEEN, mask, 7)],
    ['numbers where it is new', 'proved', of(BETWEEN, (row, old) => (old < 0 ? 5 : mask(row, old)))],
    ['numbers where it is new, which are read', 'differs', of(BETWEEN, (row, old) => (old < 0 ? 5 : mask(row, old)), 7)],
    ['rows exchanged', 'differs', of(BETWEEN, (row, old) => mask(1 - row, old))],
  ]);
  held(
    of(OLD, (_, old) => (old < 0 ? 0 : 1)),
    [
      ['one number, with zeros where it is new', 'unseen', of(BETWEEN, (_, old) => (old < 0 ? 0 : 1), 7)],
      ['one number, with zeros in a row', 'differs', of(BETWEEN, (row, old) => (old < 0 ? 0 : row), 7)],
    ],
  );
});

describe('numbers that changed', () => {
  /** Eight numbers beside two values of that width, of which some are others. */
  const eight = (wrong: readonly number[], op = 'Add', extra = 0): Typed => ({
    inputs: { x: ['n', 8] },
    lines: ['Relu(x) -> r', `${op}(r, k) -> a`, `${op}(r, j) -> b`, 'Mul(a, b) -> y'],
    stored: {
      k: [[8], numbers(8, (i) => (wrong.includes(i) ? 9 + i : 1 + i / 8))],
      j: [[8], numbers(8, (i) => 2 - i / 16 + (wrong.includes(i) ? extra : 0))],
    },
  });
  held(eight([]), [
    ['none', 'proved', eight([])],
    ['one', 'differs', eight([3])],
    ['two', 'differs', eight([0, 3])],
    ['three', 'differs', eight([0, 3, 7])],
    ['all', 'differs', eight([0, 1, 2, 3, 4, 5, 6, 7])],
    ['in both', 'differs', eight([3], 'Add', 0.5)],
  ]);
  held(eight([], 'Mul'), [
    ['none, multiplied', 'proved', eight([], 'Mul')],
    ['one, multiplied', 'differs', eight([3], 'Mul')],
    ['three, multiplied', 'differs', eight([0, 3, 7], 'Mul')],
  ]);
  held(eight([], 'Div'), [
    ['none, divided', 'proved', eight([], 'Div')],
    ['two, divided', 'differs', eight([3, 4], 'Div')],
  ]);
});

describe('a constant beside values of a size that is not known', () => {
  const of = (k: readonly number[], lines = ['Add(x, k) -> s', 'Relu(s) -> y']): Typed => ({
    inputs: { x: ['n', 'm'] },
    lines,
    stored: { k: [[k.length], k] },
  });
  held(of([1, 2, 3]), [
    ['the same', 'proved', of([1, 2, 3])],
    ['another number', 'differs', of([1, 2, 4])],
    ['exchanged', 'differs', of([2, 1, 3])],
  ]);
});

/** Rows and columns of tables that are looked up or cut out. */
describe('tables', () => {
  const table = (size: readonly [rows: Places, columns: Places], other: number, changed = -1): Stored => [
    [size[0].length, size[1].length],
    numbers(size[0].length * size[1].length, (i) => {
      const [row, column] = [size[0][Math.floor(i / size[1].length)] ?? -1, size[1][i % size[1].length] ?? -1];
      return row < 0 || column < 0 ? other : 1 + row + 3 * Math.sin(column) + (i === changed ? 1 : 0);
    }),
  ];
  const FIVE: Places = [0, 1, 2, 3, 4];
  const of = (wide: Places, changed: number, line: string, more: Readonly<Record<string, Stored>> = {}, out = 0): Typed => ({
    inputs: { i: ['n'], x: ['n', 2] },
    lines: [...line.split(';'), 'Relu(h) -> r', 'MatMul(r, b) -> y'],
    stored: { t: table([FIVE, wide], 0.5, changed), b: rows(wide, out, 3), ...more },
  });
  const LINES = 'Gather(t, i) -> h';
  held(of(OLD, -1, LINES), [
    ['wider', 'proved', of(BETWEEN, -1, LINES)],
    ['wider, and read', 'differs', of(BETWEEN, -1, LINES, {}, 7)],
    ['wider, one number changed', 'differs', of(BETWEEN, 0, LINES)],
    ['one number changed', 'differs', of(OLD, 4, LINES)],
    [
      'along the other dimension',
      'differs',
      of(BETWEEN, -1, 'Transpose(t) perm=[1,0] -> tt;Gather(tt, i) axis=1 -> g;Transpose(g) perm=[1,0] -> e;Neg(e) -> h'),
    ],
    [
      'along the other dimension, in its form',
      'unseen',
      of(BETWEEN, -1, 'Transpose(t) perm=[1,0] -> tt;Gather(tt, i) axis=1 -> g;Transpose(g) perm=[1,0] -> h'),
    ],
  ]);
  const TWO = 'Gather(t, i) -> g;Gather(u, i) -> e;Mul(g, e) -> h';
  const second = (wide: Places, changed = -1): Readonly<Record<string, Stored>> => ({
    u: [
      [5, wide.length],
      numbers(5 * wide.length, (i) =>
        (wide[i % wide.length] ?? -1) < 0 ? 0.25 : 2 + Math.floor(i / wide.length) - (wide[i % wide.length] ?? 0) / 4 + (i === changed ? 1 : 0),
      ),
    ],
  });
  held(of(OLD, -1, TWO, second(OLD)), [
    ['two, wider', 'proved', of(BETWEEN, -1, TWO, second(BETWEEN))],
    ['two, the first changed', 'differs', of(BETWEEN, 2, TWO, second(BETWEEN))],
    ['two, the second changed', 'differs', of(BETWEEN, -1, TWO, second(BETWEEN, 3))],
    ['two of different widths', 'differs', of(BETWEEN, -1, TWO, second([0, 1, -1, 2]))],
  ]);
  const COMPUTED = 'Gather(x, i) -> e;ReduceSum(e) keepdims=0 -> d;Gather(t, i) -> g;Add(g, d) -> h';
  held(of(OLD, -1, COMPUTED), [
    ['beside what is no table', 'proved', of(BETWEEN, -1, COMPUTED)],
    ['beside what is no table, changed', 'differs', of(BETWEEN, 2, COMPUTED)],
  ]);
  const CUT = 'Shape(x) -> is;Slice(is, [0], [1]) -> il;Slice(t, [0], il, [0]) -> h';
  held(of(OLD, -1, CUT), [
    ['rows as long as an input', 'proved', of(BETWEEN, -1, CUT)],
    ['rows as long as an input, changed', 'differs', of(BETWEEN, 0, CUT)],
    ['rows as long as an input, and read', 'differs', of(BETWEEN, -1, CUT, {}, 7)],
    ['rows from the second on', 'differs', of(BETWEEN, -1, CUT.replace('Slice(t, [0], il', 'Slice(t, [1], il'))],
    ['no number where it is new', 'differs', { ...of(BETWEEN, -1, CUT), stored: { ...of(BETWEEN, -1, CUT).stored, t: table([FIVE, BETWEEN], NaN) } }],
  ]);
});
