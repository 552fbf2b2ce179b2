/** Stored constants of a graph whose inner width grew, in every layout: what may stand at new places, and what must stand at old ones. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, isProved, said } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16, INT64 } = DataType;
const OLD = 5;
/** Where the old elements of a wider dimension stand; −1 for new ones. */
const PLACES: Readonly<Record<string, readonly number[]>> = {
  same: [0, 1, 2, 3, 4],
  'new behind': [0, 1, 2, 3, 4, -1, -1],
  'new in front': [-1, 0, 1, 2, 3, 4],
  'new between': [0, -1, 1, 2, -1, 3, 4],
  exchanged: [3, 0, -1, 4, 1, 2],
};
const value = (i: number, j: number): number => Math.round(Math.sin(3 * i + 7 * j + 1) * 64) / 16 + 0.0625;

/** A matrix over two dimensions with old elements at their places, and others at new ones. */
function matrix(rows: readonly number[], columns: readonly number[], added: (i: number, j: number) => number, type: number = FLOAT): Stored {
  const at = (place: number): number => {
    const [i, j] = [Math.floor(place / columns.length), place % columns.length];
    const [row = -1, column = -1] = [rows[i], columns[j]];
    return row < 0 || column < 0 ? added(i, j) : value(row, column);
  };
  return [[rows.length, columns.length], numbers(rows.length * columns.length, at), type];
}
const transposed = ([[rows = 0, columns = 0], all, type = FLOAT]: Stored): Stored => [
  [columns, rows],
  numbers(rows * columns, (at) => all[(at % rows) * columns + Math.floor(at / rows)] ?? 0),
  type,
];
const changed = ([dims, all, type = FLOAT]: Stored, at: number, x: number): Stored => [dims, Array.from(all, (own, i) => (i === at ? x : own)), type];
const [IN, OUT] = [
  [0, 1, 2],
  [0, 1],
];
const zero = (): number => 0;

/** h = x A, c of h and vectors k, y = c B; A, B or both stored as they are or transposed. */
interface Inner {
  readonly places: readonly number[];
  readonly lines?: readonly string[];
  readonly before?: (i: number, j: number) => number;
  readonly after?: (i: number, j: number) => number;
  readonly isTransposed?: boolean;
  readonly more?: Readonly<Record<string, Stored>>;
  readonly change?: (a: Stored, b: Stored) => readonly [Stored, Stored];
}
function inner({
  places,
  lines = ['Relu(h) -> c'],
  before = () => 0.75,
  after = zero,
  isTransposed = false,
  more = {},
  change = (a, b) => [a, b],
}: Inner): Typed {
  const [a, b] = change(matrix(IN, places, before), matrix(places, OUT, after));
  const turn = isTransposed ? ['Transpose(a) perm=[1,0] -> at', 'Transpose(b) perm=[1,0] -> bt'] : ['Identity(a) -> at', 'Identity(b) -> bt'];
  return {
    inputs: { x: ['n', 3] },
    lines: [...turn, 'MatMul(x, at) -> h', ...lines, 'MatMul(c, bt) -> y'],
    stored: { a: isTransposed ? transposed(a) : a, b: isTransposed ? transposed(b) : b, ...more },
  };
}
const places = (name: string): readonly number[] => PLACES[name] ?? [];
const each = (own: (name: string) => void): void => Object.keys(PLACES).forEach(own);

describe.each([false, true])('a wider product, transposed: %s', (isTransposed) => {
  const old = inner({ places: places('same'), isTransposed });
  test.each(Object.keys(PLACES))('%s', (name) => {
    const now = (own: Omit<Inner, 'places'>): Typed => inner({ places: places(name), isTransposed, ...own });
    const [size, last] = [places(name).length, places(name).lastIndexOf(4)];
    const isNew = size > OLD;
    expect(isProved(old, now({}))).toBe(true);
    expect(isProved(old, now({ before: zero, after: () => 0.75 }))).toBe(true);
    expect(isProved(old, now({ after: (_, j) => (j === 1 ? 0.75 : 0) }))).toBe(!isNew);
    expect(isProved(old, now({ after: () => NaN }))).toBe(!isNew);
    expect(isProved(old, now({ before: () => Infinity }))).toBe(!isNew);
    for (const at of [last, size + last, 2 * size + last]) expect(isProved(old, now({ change: (a, b) => [changed(a, at, 9), b] }))).toBe(false);
    for (const at of [2 * last, 2 * last + 1]) expect(isProved(old, now({ change: (a, b) => [a, changed(b, at, 9)] }))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe.each([false, true])('a mean that new elements keep, transposed: %s', (isTransposed) => {
  const lines = ['ReduceMean(h, [-1]) keepdims=1 -> m', 'Sub(h, m) -> c'];
  const mean = (i: number): number => numbers(OLD, (j) => value(i, j)).reduce((x, y) => x + y) / OLD;
  const old = inner({ places: places('same'), lines, isTransposed });
  test.each(Object.keys(PLACES).slice(1, 4))('%s', (name) => {
    const now = (before: (i: number) => number): Typed => inner({ places: places(name), lines, isTransposed, before: (i) => before(i), after: () => 0.5 });
    expect(isProved(old, now(mean))).toBe(true);
    expect(
      isProved(
        old,
        now((i) => mean(i) * (1 + 2 ** -24)),
      ),
    ).toBe(true);
    expect(
      isProved(
        old,
        now((i) => mean(i) * (1 + 2 ** -21)),
      ),
    ).toBe(false);
    for (const row of IN)
      expect(
        isProved(
          old,
          now((i) => (i === row ? mean(i) + 0.125 : mean(i))),
        ),
      ).toBe(false);
    expect(isProved(old, now(zero))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('two wider dimensions', () => {
  /** x A, M, B where both inner widths grew; `corner` and others are new elements of M. */
  const two = (name: string, row: number, column: number, corner: number, isTransposed = false): Typed => {
    const own = places(name);
    const m = matrix(own, own, (i, j) => ((own[i] ?? -1) >= 0 ? column : (own[j] ?? -1) >= 0 ? row : corner));
    return inner({
      places: own,
      lines: ['Relu(h) -> r', ...(isTransposed ? ['Transpose(m) perm=[1,0] -> mt'] : ['Identity(m) -> mt']), 'MatMul(r, mt) -> s', 'Relu(s) -> c'],
      more: { m: isTransposed ? transposed(m) : m },
      isTransposed,
    });
  };
  test.each(Object.keys(PLACES).slice(1))('%s', (name) => {
    for (const isTransposed of [false, true]) {
      const old = two('same', 0, 0, 0, isTransposed);
      expect(
        [two(name, 0, 0, 0, isTransposed), two(name, 0, 0.5, 0, isTransposed), two(name, 0, 0.5, 0.5, isTransposed)].map((now) => isProved(old, now)),
      ).toEqual([true, true, true]);
      expect([two(name, 0.5, 0, 0, isTransposed), two(name, 0.5, 0.5, 0.5, isTransposed)].map((now) => isProved(old, now))).toEqual([false, false]);
    }
    expect(allSaid()).toMatchSnapshot();
  });
});

/** Vectors that meet h, as they are stored and as they are read. */
const VECTORS: readonly (readonly [read: string, dims: (size: number) => readonly number[]])[] = [
  ['Identity(k) -> r', (size) => [size]],
  ['Identity(k) -> r', (size) => [1, size]],
  ['Reshape(k, [-1]) -> r', (size) => [1, 1, size]],
  ['Transpose(k) perm=[1,0] -> r', (size) => [size, 1]],
  ['Expand(k, [4,1]) -> e;Slice(e, [1], [2], [0]) -> r', (size) => [size]],
];
describe.each(VECTORS)('a vector that is read by %s', (read, dims) => {
  const met = (op: string, name: string, of: (i: number) => number, type: number = FLOAT): Typed => {
    const own = places(name);
    const k: Stored = [dims(own.length), own.map((i) => (i < 0 ? of(0.5) : of(i + 1))), type];
    return inner({ places: own, lines: [...read.split(';'), `${op}(h, r) -> c`], before: zero, after: () => 0.25, more: { k } });
  };
  test.each(['Mul', 'Add'])('%s', (op) => {
    const old = met(op, 'same', (i) => i);
    each((name) => {
      const isNew = name !== 'same';
      expect(
        isProved(
          old,
          met(op, name, (i) => i),
        ),
      ).toBe(op === 'Mul' || !isNew);
      expect(
        isProved(
          old,
          met(op, name, (i) => (i === 0.5 ? 0 : i)),
        ),
      ).toBe(true);
      expect(
        isProved(
          old,
          met(op, name, (i) => (i === 5 ? 6 : i)),
        ),
      ).toBe(false);
      expect(
        isProved(
          old,
          met(op, name, (i) => (i === 0.5 ? Infinity : i)),
        ),
      ).toBe(!isNew);
    });
    expect(allSaid()).toMatchSnapshot();
  });
});

test('rows of a matrix that is read in another order than it is stored', () => {
  const old = (all: readonly number[]): Typed => ({ inputs: { x: ['n', 4] }, lines: ['Add(x, c) -> y'], stored: { c: [[4], all] } });
  const turned = (all: readonly number[]): Typed => ({
    inputs: { x: ['n', 4] },
    lines: ['Transpose(c) perm=[1,0] -> t', 'Reshape(t, [4]) -> r', 'Add(x, r) -> y'],
    stored: { c: [[2, 2], all] },
  });
  expect(isProved(old([1, 2, 3, 4]), turned([1, 3, 2, 4]))).toBe(true);
  expect(isProved(old([1, 2, 3, 4]), turned([1, 2, 3, 4]))).toBe(false);
  const product = (all: readonly number[]): Typed => ({ inputs: { x: ['n', 4] }, lines: ['MatMul(x, c) -> y'], stored: { c: [[4, 1], all] } });
  const turnedProduct = (all: readonly number[]): Typed => ({
    ...turned(all),
    lines: ['Transpose(c) perm=[1,0] -> t', 'Reshape(t, [4,1]) -> r', 'MatMul(x, r) -> y'],
  });
  expect(isProved(product([1, 2, 3, 4]), turnedProduct([1, 3, 2, 4]))).toBe(true);
  expect(isProved(product([1, 2, 3, 4]), turnedProduct([1, 2, 3, 4]))).toBe(false);
  expect(allSaid()).toMatchSnapshot();
});

describe('single numbers and what is no number', () => {
  const single = (c: Stored, op = 'Add'): Typed => ({ inputs: { x: ['n', 4] }, lines: [`${op}(x, c) -> y`], stored: { c } });
  test('scalars, one element and the same everywhere', () => {
    const forms = (x: number): readonly Stored[] => [
      [[], [x]],
      [[1], [x]],
      [[1, 1], [x]],
      [[4], [x, x, x, x]],
      [
        [1, 4],
        [x, x, x, x],
      ],
    ];
    for (const op of ['Add', 'Mul', 'Div', 'Sub']) {
      expect(forms(0.5).map((own) => isProved(single([[], [0.5]], op), single(own, op)))).toEqual([true, true, true, true, true]);
      expect(isProved(single([[4], [0.5, 0.5, 0.5, 0.5]], op), single([[], [0.75]], op))).toBe(false);
    }
    expect(allSaid()).toMatchSnapshot();
  });
  test('NaN and infinity are what they were', () => {
    const list = (...all: readonly number[]): Typed => single([[4], all]);
    const grown = (...all: readonly number[]): Typed => ({
      inputs: { x: ['n', 4] },
      lines: ['Pad(x, [0,0,0,1]) -> p', 'Add(p, c) -> s', 'Slice(s, [0], [4], [1]) -> y'],
      stored: { c: [[5], all] },
    });
    const old = list(1, NaN, -Infinity, 2);
    expect([grown(1, NaN, -Infinity, 2, 7), grown(1, NaN, -Infinity, 2, 0)].map((now) => isProved(old, now))).toEqual([true, true]);
    expect(
      [grown(1, NaN, Infinity, 2, 7), grown(NaN, NaN, -Infinity, 2, 7), grown(1, 3, -Infinity, 2, 7), grown(1, NaN, 5, 2, 7)].map((now) => isProved(old, now)),
    ).toEqual([false, false, false, false]);
    expect([grown(1, NaN, -Infinity, 2, NaN), grown(1, NaN, -Infinity, 2, Infinity)].map((now) => isProved(old, now))).toEqual([false, false]);
    expect(allSaid()).toMatchSnapshot();
  });
  test('an element of a matrix that is infinite, where all are scaled', () => {
    const scaledBy = (factor: number, first: number, size: number): Typed => ({
      inputs: { x: ['n', 4] },
      lines: [
        `Cast(x) to=${DOUBLE} -> v`,
        ...(size > 4 ? ['Pad(v, [0,0,0,1]) -> p'] : ['Identity(v) -> p']),
        'Mul(p, p) -> s',
        'ReduceMean(s, [-1]) keepdims=1 -> m',
        'Sqrt(m) -> r',
        'Div(p, r) -> d',
        'Mul(d, c) -> e',
        'Slice(e, [0], [4], [1]) -> y',
      ],
      stored: { c: [[size], [first, 2 * factor, 3 * factor, 5 * factor, 0].slice(0, size), DOUBLE] },
    });
    const factor = Math.sqrt(4 / 5);
    expect(isProved(scaledBy(1, 7, 4), scaledBy(factor, 7 * factor, 5))).toBe(true);
    expect(isProved(scaledBy(1, Infinity, 4), scaledBy(factor, 7, 5))).toBe(false);
    expect(isProved(scaledBy(1, 7, 4), scaledBy(factor, Infinity, 5))).toBe(false);
    expect(isProved(scaledBy(1, 0, 4), scaledBy(factor, 2 ** -60, 5))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});

test('1 + w, where w is stored in another order', () => {
  const factor = Math.sqrt(12 / 16);
  const gain = (w: Stored, isTransposed: boolean): Typed => {
    const size = w[0][isTransposed ? 0 : 1] ?? 0;
    return {
      inputs: { x: ['n', 2, 12] },
      lines: [
        ...(size > 12 ? ['Pad(x, [0,0,0,0,0,4]) -> v'] : ['Identity(x) -> v']),
        ...['Mul(v, v) -> s', 'ReduceMean(s, [-1]) keepdims=1 -> mean', 'Sqrt(mean) -> root', 'Div(v, root) -> d'],
        ...(isTransposed ? ['Transpose(g) perm=[1,0] -> gt', 'Add(gt, one) -> gain'] : ['Add(one, g) -> gain']),
        'Mul(d, gain) -> e',
        ...(size > 12 ? ['Slice(e, [0], [12], [2]) -> y'] : ['Identity(e) -> y']),
      ],
      stored: { g: w, one: [[1], [1]] },
    };
  };
  const twelve = numbers(12, (i) => i);
  const wide = [...twelve, -1, -1, -1, -1];
  const w = matrix(OUT, [...twelve], zero);
  const corrected = matrix(OUT, wide, zero);
  const made: Stored = [corrected[0], Array.from(corrected[1], (x, i) => (i % 16 < 12 ? x * factor + (factor - 1) : 0))];
  expect(isProved(gain(w, false), gain(made, false))).toBe(true);
  expect(isProved(gain(transposed(w), true), gain(transposed(made), true))).toBe(true);
  // numbers that would fit if both were read in the order in which they are stored
  const flat = transposed(w)[1];
  const wrong: Stored = [[16, 2], numbers(32, (at) => (at % 16 < 12 ? (flat[Math.floor(at / 16) * 12 + (at % 16)] ?? 0) * factor + (factor - 1) : 0))];
  expect(isProved(gain(transposed(w), true), gain(wrong, true))).toBe(false);
  expect(allSaid()).toMatchSnapshot();
});

test('whole numbers that float64 does not tell apart', () => {
  const table = (count: number, last: number): Typed => ({
    inputs: { i: ['n'] },
    lines: ['Gather(t, i) -> y'],
    stored: { t: [[count], numbers(count, (at) => (at === count - 1 ? last : at % 100)), INT64] },
  });
  const FAR = Number.MAX_SAFE_INTEGER;
  for (const count of [300, 70000]) {
    expect(isProved(table(count, FAR), table(count, FAR))).toBe(true);
    // 2^63 − 1 and its neighbour are read as one number
    expect(isProved(table(count, FAR - 1), table(count, FAR))).toBe(false);
    expect(isProved(table(count, 7), table(count, 8))).toBe(false);
  }
  expect(allSaid()).toMatchSnapshot();
});

test('many wrong elements are counted as far as they are looked at', () => {
  const square = (size: number, wrong: number): Typed => ({
    inputs: { x: ['n', size] },
    lines: ['MatMul(x, c) -> y'],
    stored: { c: [[size, size], numbers(size * size, (at) => value(at, 1) + (at < wrong ? 1 : 0))] },
  });
  for (const wrong of [1, 64, 65, 100, 200]) said(square(24, 0), square(24, wrong));
  expect(allSaid()).toMatchSnapshot();
});

test('halves are compared in halves', () => {
  const met = (last: number, type: number): Typed => ({
    inputs: { x: ['n', 2] },
    lines: [`Cast(x) to=${type} -> v`, 'Mul(v, c) -> y'],
    stored: { c: [[2], [1, last], type] },
  });
  expect(isProved(met(2048, FLOAT16), met(2049, FLOAT16))).toBe(true);
  expect(isProved(met(2048, FLOAT), met(2049, FLOAT))).toBe(false);
  expect(allSaid()).toMatchSnapshot();
});
