/** Constants of some hundred elements that are computed from others: equal ones are proved, and no others; all that is said is held. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, said } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, FLOAT16, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, BOOL, INT4, UINT4 } = DataType;
/** More elements than are evaluated as sizes. */
const SIZE = 300;

/** x meets a constant c of a type. */
const meets = (type: number, lines: readonly string[], stored: Readonly<Record<string, Stored>>): Typed =>
  type === BOOL
    ? { lines: [...lines, 'Where(c, x, one) -> y'], stored: { ...stored, one: [[], [1]] } }
    : { lines: [...lines, `Cast(x) to=${type} -> v`, 'Add(v, c) -> y'], stored };

/** The one that is said of a stored result, of it with another first, middle or last number, and of the computed one itself. */
function compared(
  type: number,
  result: Stored,
  lines: readonly string[],
  operands: Readonly<Record<string, Stored>>,
): readonly (readonly [string, readonly string[]])[] {
  const now = meets(type, lines, operands);
  const [dims, values] = result;
  const of = (at: number): Typed => meets(type, [], { c: [dims, Array.from(values, (x, i) => (i === at ? (x === 1 ? 0 : 1) : x)), type] });
  const places = [0, values.length >> 1, values.length - 1];
  return [
    ['right', said(of(-1), now)],
    ['itself', said(now, now)],
    ['as stored', said(now, of(-1))],
    ...places.map((at) => [`another ${at}`, said(of(at), now)] as const),
  ];
}

const a = (i: number): number => (i * 7) % 11;
const b = (i: number): number => ((i * 5) % 7) + 1;
type Numeric = (x: number, y: number) => number;
const OPERATORS: readonly (readonly [line: string, made: Numeric, type?: number])[] = [
  ['Add(a, b) -> c', (x, y) => x + y],
  ['Sub(b, a) -> d;Abs(d) -> c', (x, y) => Math.abs(y - x)],
  ['Mul(a, b) -> c', (x, y) => x * y],
  ['Div(a, b) -> c', (x, y) => Math.trunc(x / y)],
  ['Min(a, b) -> c', (x, y) => (x < y ? x : y)],
  ['Max(a, b) -> c', (x, y) => (x > y ? x : y)],
  ['Neg(a) -> d;Add(d, b) -> e;Neg(e) -> c', (x, y) => x - y],
  ['Less(a, b) -> d;Where(d, a, b) -> c', (x, y) => (x < y ? x : y)],
  ['Equal(a, b) -> c', (x, y) => Number(x === y), BOOL],
  ['Less(a, b) -> c', (x, y) => Number(x < y), BOOL],
  ['Greater(a, b) -> c', (x, y) => Number(x > y), BOOL],
  ['LessOrEqual(a, b) -> c', (x, y) => Number(x <= y), BOOL],
  ['GreaterOrEqual(a, b) -> c', (x, y) => Number(x >= y), BOOL],
  ['Equal(a, b) -> d;Not(d) -> c', (x, y) => Number(x !== y), BOOL],
  [`Cast(a) to=${BOOL} -> c`, (x) => Number(x !== 0), BOOL],
];

describe('whole numbers', () => {
  test.each(OPERATORS.map(([line, made, type = INT32]) => [line, made, type] as const))('%s', (line, made, type) => {
    const lines = line.split(';');
    const operands: Record<string, Stored> = { a: [[SIZE], numbers(SIZE, a), INT32], b: [[SIZE], numbers(SIZE, b), INT32] };
    const all = compared(type, [[SIZE], numbers(SIZE, (i) => made(a(i), b(i))), type], lines, operands);
    expect(all.map(([, [first]]) => first)).toEqual(['proved', 'proved', 'proved', 'not proved', 'not proved', 'not proved']);
    expect(allSaid()).toMatchSnapshot();
  });

  const SAFE = Number.MAX_SAFE_INTEGER - 1;
  const RANGES: readonly (readonly [string, number, number, number])[] = [
    ['int8', INT8, -128, 127],
    ['uint8', UINT8, 0, 255],
    ['int16', INT16, -32768, 32767],
    ['uint16', UINT16, 0, 65535],
    ['int32', INT32, -(2 ** 31), 2 ** 31 - 1],
    ['uint32', UINT32, 0, 2 ** 32 - 1],
    ['int64', INT64, -SAFE, SAFE],
    ['uint64', UINT64, 0, SAFE],
    ['int4', INT4, -8, 7],
    ['uint4', UINT4, 0, 15],
  ];
  test.each(RANGES)('of %s end at their limits', (_, type, low, high) => {
    // computed in float64 and stored in the type; what is beyond its range is a number that runtimes differ on
    const cast = (value: number): Typed =>
      meets(INT64, [`Cast(a) to=${type} -> b`, `Cast(b) to=${INT64} -> c`], { a: [[SIZE], numbers(SIZE, (i) => (i === 290 ? value : 1)), DataType.DOUBLE] });
    const of = (value: number): Typed => meets(INT64, [], { c: [[SIZE], numbers(SIZE, (i) => (i === 290 ? value : 1)), INT64] });
    expect([low, high, 2.75].map((x) => said(of(Math.trunc(x)), cast(x)))).toEqual([
      ['proved', expect.anything()],
      ['proved', expect.anything()],
      ['proved', expect.anything()],
    ]);
    for (const value of [low, high, 0, 1]) expect([low - 1, high + 1, NaN, Infinity].map((x) => said(of(value), cast(x))[0])).not.toContain('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

/** Types in which nothing is computed: a number cast to one and back is another, which is not known here. */
test.each([8, 14, 15, 17, 18, 19, 20, 23])('numbers of type %i are not computed', (type) => {
  const cast = (last: number): Typed => ({ lines: [`Cast(c) to=${type} -> k`, 'Cast(k) to=1 -> l', 'Add(x, l) -> y'], stored: { c: [[3], [0, 1, last]] } });
  const stored = (last: number): Typed => ({ lines: ['Add(x, l) -> y'], stored: { l: [[3], [0, 1, last]] } });
  expect(said(cast(1.5), cast(1.5))[0]).toBe('proved');
  expect(said(cast(1.5), cast(1.25))[0]).toBe('not proved');
  expect([1, 1.5].map((x) => said(stored(x), cast(1.5))[0])).toEqual(['not proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});

test('numbers beyond the range of a type, of few elements, come out as others', () => {
  const wide = (type: number, last: number): Typed => ({
    lines: [`Cast(c) to=${type} -> k`, `Cast(k) to=${INT64} -> l`, 'Cast(x) to=7 -> v', 'Add(v, l) -> y'],
    stored: { c: [[3], [0, 1, last], INT64] },
  });
  const stored = (last: number): Typed => ({ lines: ['Cast(x) to=7 -> v', 'Add(v, l) -> y'], stored: { l: [[3], [0, 1, last], INT64] } });
  expect(said(stored(100), wide(INT8, 100))[0]).toBe('proved');
  expect([300, 44].map((x) => said(stored(x), wide(INT8, 300))[0])).toEqual(['not proved', 'not proved']);
  expect([-1, 255].map((x) => said(stored(x), wide(UINT8, -1))[0])).toEqual(['not proved', 'not proved']);
  const sum = (a: number, b: number): Typed => ({
    lines: ['Add(a, b) -> k', `Cast(k) to=${INT64} -> l`, 'Cast(x) to=7 -> v', 'Add(v, l) -> y'],
    stored: { a: [[3], [0, 0, a], INT32], b: [[3], [0, 1, b], INT32] },
  });
  expect(said(stored(2 ** 31 - 1), sum(2 ** 31 - 2, 1))[0]).toBe('proved');
  expect([2 ** 31, -(2 ** 31)].map((x) => said(stored(x), sum(2 ** 31 - 1, 1))[0])).toEqual(['not proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});

describe('large ones', () => {
  const outer = (rows: number, columns: number): Typed => ({
    inputs: { x: [rows, columns] },
    lines: ['Add(a, b) -> c', 'Add(x, c) -> y'],
    stored: { a: [[rows, 1], numbers(rows, a)], b: [[1, columns], numbers(columns, b)] },
  });
  const stored = (rows: number, columns: number, last: number): Typed => ({
    inputs: { x: [rows, columns] },
    lines: ['Add(x, c) -> y'],
    stored: { c: [[rows, columns], numbers(rows * columns, (i) => a(Math.floor(i / columns)) + b(i % columns) + (i === rows * columns - 1 ? last : 0))] },
  });
  test('65,536 elements are computed, more are not', () => {
    expect(said(stored(256, 256, 0), outer(256, 256))).toEqual(['proved']);
    expect(said(stored(256, 256, 1), outer(256, 256))[0]).toBe('not proved');
    expect(said(stored(257, 256, 0), outer(257, 256))).toHaveLength(2);
    expect(said(outer(257, 256), outer(257, 256))).toEqual(['proved']);
    expect(allSaid()).toMatchSnapshot();
  });

  /** Rows times columns, each of `inner` elements. */
  const product = (m: number, inner: number, n: number): Typed => ({
    inputs: { x: [m, n] },
    lines: ['MatMul(a, b) -> c', 'Add(x, c) -> y'],
    stored: { a: [[m, inner], numbers(m * inner, (i) => a(i) - 5)], b: [[inner, n], numbers(inner * n, (i) => b(i) - 4)] },
  });
  const multiplied = (m: number, inner: number, n: number, more: number): Typed => ({
    inputs: { x: [m, n] },
    lines: ['Add(x, c) -> y'],
    stored: {
      c: [
        [m, n],
        numbers(m * n, (at) => {
          let sum = at === m * n - 1 ? more : 0;
          for (let l = 0; l < inner; l++) sum += (a(Math.floor(at / n) * inner + l) - 5) * (b(l * n + (at % n)) - 4);
          return sum;
        }),
      ],
    },
  });
  test('products of more than four million multiplications are not computed', () => {
    expect(said(multiplied(65, 1000, 65, 0), product(65, 1000, 65))).toHaveLength(2);
    expect(said(product(65, 1000, 65), product(65, 1000, 65))).toEqual(['proved']);
    expect(allSaid()).toMatchSnapshot();
  });
});

/** Products of stacks of matrices: what is said where it is stored, and where one number is another. */
type Product = readonly [left: readonly number[], right: readonly number[], result: readonly number[]];
const PRODUCTS: readonly Product[] = [
  [
    [2, 3],
    [3, 4],
    [2, 4],
  ],
  [
    [5, 2, 3],
    [3, 4],
    [5, 2, 4],
  ],
  [
    [2, 3],
    [5, 3, 4],
    [5, 2, 4],
  ],
  [
    [5, 2, 3],
    [5, 3, 4],
    [5, 2, 4],
  ],
  [
    [5, 1, 2, 3],
    [4, 3, 2],
    [5, 4, 2, 2],
  ],
  [
    [1, 4, 2, 3],
    [5, 1, 3, 2],
    [5, 4, 2, 2],
  ],
];
const count = (dims: readonly number[]): number => dims.reduce((x, y) => x * y, 1);
/** Flat position of an index in an operand that is broadcast. */
const placeIn = (dims: readonly number[], index: readonly number[]): number =>
  dims.reduce((at, size, d) => at * size + (size === 1 ? 0 : (index[index.length - dims.length + d] ?? 0)), 0);
function multiplied([left, right, result]: Product): Float64Array {
  const [inner = 1] = left.slice(-1);
  return numbers(count(result), (at) => {
    const index = result.map((size, d) => Math.floor(at / count(result.slice(d + 1))) % size);
    const [batch, [i = 0, j = 0]] = [index.slice(0, -2), index.slice(-2)];
    return numbers(inner, (l) => a(placeIn(left, [...batch, i, l])) * b(placeIn(right, [...batch, l, j]))).reduce((x, y) => x + y, 0);
  });
}
test.each(PRODUCTS)('the product of %j and %j', (...own) => {
  const [left, right, result] = own;
  const all = compared(FLOAT, [result, multiplied(own)], ['MatMul(a, b) -> c'], { a: [left, numbers(count(left), a)], b: [right, numbers(count(right), b)] });
  expect(all.map(([, [first]]) => first)).toEqual(['proved', 'proved', 'proved', 'not proved', 'not proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});
test.each([
  [[3], [3, 4], [4], [1, 2, 3, 4]],
  [[2, 3], [3], [2], [1, 2]],
])('vectors in products are not computed: %j and %j', (left, right, dims, values) => {
  const computed = meets(FLOAT, ['MatMul(a, b) -> c'], { a: [left, numbers(count(left), a)], b: [right, numbers(count(right), b)] });
  expect(said(meets(FLOAT, [], { c: [dims, values] }), computed)[0]).toBe('not proved');
  expect(said(computed, computed)[0]).toBe('proved');
});

/** Lines that make c of a (5 × 4), and what it is. */
const row = (i: number): readonly number[] => [0, 1, 2, 3].map((j) => a(4 * i + j));
const MADE: readonly (readonly [lines: string, dims: readonly number[], values: readonly number[]])[] = [
  ['Concat(a, a) axis=0 -> c', [10, 4], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4].flatMap(row)],
  ['Concat(a, a) axis=-2 -> c', [10, 4], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4].flatMap(row)],
  ['Concat(a, a) axis=1 -> c', [5, 8], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4].flatMap(row)],
  ['Slice(a, [0], [1], [1]) -> s;Concat(a, s, s) axis=-1 -> c', [5, 6], [0, 1, 2, 3, 4].flatMap((i) => [...row(i), a(4 * i), a(4 * i)])],
  ['Transpose(a) perm=[1,0] -> t;Transpose(t) perm=[1,0] -> s;Neg(s) -> d;Neg(d) -> c', [5, 4], [0, 1, 2, 3, 4].flatMap(row)],
  ['Slice(a, [1], [5], [0]) -> s;Neg(s) -> d;Neg(d) -> c', [4, 4], [1, 2, 3, 4].flatMap(row)],
  ['Gather(a, [3,0,-1]) -> c', [3, 4], [3, 0, 4].flatMap(row)],
  ['Gather(a, [3,0]) axis=1 -> c', [5, 2], [0, 1, 2, 3, 4].flatMap((i) => [a(4 * i + 3), a(4 * i)])],
  ['Gather(a, [3,0]) axis=-1 -> c', [5, 2], [0, 1, 2, 3, 4].flatMap((i) => [a(4 * i + 3), a(4 * i)])],
  ['Clip(a, low, high) -> c', [5, 4], [0, 1, 2, 3, 4].flatMap(row).map((x) => Math.min(7, Math.max(2, x)))],
  ["Clip(a, '', high) -> c", [5, 4], [0, 1, 2, 3, 4].flatMap(row).map((x) => Math.min(7, x))],
  ['Clip(a, low) -> c', [5, 4], [0, 1, 2, 3, 4].flatMap(row).map((x) => Math.max(2, x))],
  ["Clip(a, low, '') -> c", [5, 4], [0, 1, 2, 3, 4].flatMap(row).map((x) => Math.max(2, x))],
  ['Max(a) -> c', [5, 4], [0, 1, 2, 3, 4].flatMap(row)],
  ['Min(a, high, low) -> c', [5, 4], [0, 1, 2, 3, 4].flatMap(row).map((x) => Math.min(2, x))],
];
test.each(MADE)('%s', (lines, dims, values) => {
  const given: Record<string, Stored> = { a: [[5, 4], numbers(20, a)], low: [[], [2]], high: [[], [7]] };
  const used = Object.fromEntries(Object.entries(given).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lines)));
  const all = compared(FLOAT, [dims, values], lines.split(';'), used);
  expect(all.map(([, [first]]) => first)).toEqual(['proved', 'proved', 'proved', 'not proved', 'not proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});

test('halves are rounded to halves', () => {
  const sum = (type: number): Typed => meets(type, ['Add(a, b) -> c'], { a: [[2], [2048, 1], type], b: [[2], [1, 0.25], type] });
  const of = (type: number, value: number): Typed => meets(type, [], { c: [[2], [value, 1.25], type] });
  expect([2048, 2049, 2050].map((x) => said(of(FLOAT, x), sum(FLOAT))[0])).toEqual(['not proved', 'proved', 'not proved']);
  expect([2048, 2050].map((x) => said(of(FLOAT16, x), sum(FLOAT16))[0])).toEqual(['proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});
