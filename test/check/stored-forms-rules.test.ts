/** Stored numbers at the limits of what is compared: roundings of each type, lines that tell elements apart, and constants that are never held. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, isProved, said } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT8 } = DataType;

/** Distances of neighbouring numbers between 1 and 2. */
const UNITS: Readonly<Record<number, number>> = { [FLOAT]: 2 ** -23, [DOUBLE]: 2 ** -52, [FLOAT16]: 2 ** -10, [BFLOAT16]: 2 ** -7 };
const roundedTo = (type: number, x: number): number => {
  const unit = 2 ** Math.floor(Math.log2(Math.abs(x))) * (UNITS[type] ?? 0);
  return type === DOUBLE ? x : Math.round(x / unit) * unit;
};
/** So many numbers of the type further. */
const moved = (type: number, x: number, by: number): number => x + by * 2 ** Math.floor(Math.log2(Math.abs(x))) * (UNITS[type] ?? 0);

describe('numbers that make up for 2 new zeros beside 5', () => {
  /** The mean of squares, which 7 elements make 5/7 of what it was, and what makes up for that. */
  const graph = (type: number, last: string, isWider: boolean, c: number | null): Typed => ({
    inputs: { x: ['n', 5] },
    lines: [
      `Cast(x) to=${type} -> v`,
      isWider ? 'Pad(v, [0,0,0,2]) -> w' : 'Identity(v) -> w',
      'Mul(w, w) -> s',
      'ReduceMean(s, [-1]) keepdims=1 -> m',
      ...last.split(';'),
      'Mul(v, n) -> y',
    ],
    stored: c === null ? {} : { c: [[], [c], type] },
  });
  /** How the factor is spelled, and the number of real numbers that is stored for it. */
  const SPELLED: readonly (readonly [old: string, now: string, c: number])[] = [
    ['Identity(m) -> n', 'Mul(m, c) -> n', 7 / 5],
    ['Identity(m) -> n', 'Mul(c, m) -> n', 7 / 5],
    ['Identity(m) -> n', 'Div(m, c) -> n', 5 / 7],
    ['Neg(m) -> n', 'Mul(m, c) -> n', -7 / 5],
    ['Sqrt(m) -> n', 'Sqrt(m) -> o;Mul(o, c) -> n', Math.sqrt(7 / 5)],
    ['Reciprocal(m) -> n', 'Reciprocal(m) -> o;Mul(o, c) -> n', 5 / 7],
  ];
  test.each([FLOAT, DOUBLE, FLOAT16, BFLOAT16])('in type %i', (type) => {
    for (const [old, now, c] of SPELLED) {
      const isSeen = (by: number): boolean => isProved(graph(type, old, false, null), graph(type, now, true, moved(type, roundedTo(type, c), by)));
      // in float64 the number itself may be computed with two roundings; in others it may be rounded in between, for a width of 6
      const accepted = (type === DOUBLE ? [-4, -3, -2, 0, 2, 3, 4] : [-2, -1, 0, 1, 2]).filter(isSeen);
      expect(accepted.filter((by) => Math.abs(by) > (type === DOUBLE ? 3 : 1))).toEqual([]);
      expect(accepted).toContain(0);
      expect([now, accepted]).toMatchSnapshot();
    }
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('columns that few rows tell apart', () => {
  /** x A B, with columns of A that differ in one row only; a new one stands in front, and the old ones in another order. */
  const graph = (dims: readonly number[], row: number, isWider: boolean): Typed => {
    const places = isWider ? [-1, 2, 0, 1] : [0, 1, 2];
    const columns = places.length;
    const rows = dims.reduce((a, b) => a * b, 1);
    const old = (j: number): number => places[j] ?? -1;
    const a = numbers(rows * columns, (at) => {
      const [i, j] = [Math.floor(at / columns), old(at % columns)];
      return j < 0 ? 9 : i === row ? 0.5 + j : 0.25 * (1 + (i % 7));
    });
    const b = numbers(columns * 2, (at) => (old(at >> 1) < 0 ? 0 : 1 + old(at >> 1) + 0.5 * (at % 2)));
    return {
      inputs: { x: [...dims.slice(0, -1), 'n', dims.at(-1) ?? 1] },
      lines: ['MatMul(x, a) -> h', 'Relu(h) -> r', 'MatMul(r, b) -> y'],
      stored: { a: [[...dims, columns], a], b: [[columns, 2], b] },
    };
  };
  // some of many lines are looked at: columns that are equal in these are found in no other place than in front
  test.each<readonly [dims: readonly number[], seen: readonly number[], unseen: readonly number[]]>([
    [[2], [0, 1], []],
    [[64], [0, 1, 62, 63], []],
    [[65], [0, 2, 64], [1, 3, 63]],
    [[128], [0, 126], [1, 127]],
    [[129], [0, 3, 126], [1, 2, 128]],
    [[8, 8], [0, 1, 8, 63], []],
    [
      [9, 8],
      [0, 1, 7, 16, 71],
      [8, 15, 63],
    ],
    [
      [8, 9],
      [0, 2, 8, 9, 71],
      [1, 3, 70],
    ],
  ])('matrices %j', (dims, seen, unseen) => {
    const proved = [...seen, ...unseen].filter((row) => isProved(graph(dims, row, false), graph(dims, row, true)));
    expect(proved).toEqual(seen);
    expect(isProved(graph(dims, 0, false), graph(dims, 0, false))).toBe(true);
    if (dims.length > 1 || dims[0] !== 2) expect(isProved(graph(dims, 0, false), graph(dims, 2, true))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('the nearest of several', () => {
  const matrix = (by: number, change: (all: Float64Array) => void = () => {}): Stored => {
    const all = numbers(12, (i) => Math.round(Math.sin(by + 3 * i) * 64) / 16 + 0.0625);
    change(all);
    return [[4, 3], all];
  };
  const graph = (first: Stored, second: Stored, lines = ['MatMul(x, a) -> h', 'MatMul(x, b) -> g']): Typed => ({
    inputs: { x: ['n', 4] },
    lines: [...lines, 'Sub(h, g) -> y'],
    stored: { a: first, b: second },
  });
  const part = (own: Stored, from: number): Stored => [[4], Array.from(own[1]).slice(from, from + 4)];
  const vectors = (first: Stored, second: Stored): Typed => graph(part(first, 0), part(second, 4), ['Mul(x, a) -> h', 'Mul(x, b) -> g']);
  const sums = (first: Stored, second: Stored): Typed =>
    graph(part(first, 0), part(second, 4), ['Add(x, a) -> k', 'Relu(k) -> h', 'Add(x, b) -> l', 'Relu(l) -> g']);
  const [one, other] = [matrix(1), matrix(5)];
  const touched = (by: number): Stored => matrix(by, (all) => all.set([7.5, 6, 5, 7.5], 2));
  test.each([
    ['matrices', graph],
    ['vectors', vectors],
    ['summands', sums],
  ])('%s: a finding speaks of the old constant that differs least', (_, made) => {
    for (const [a, b] of [
      [one, touched(5)],
      [touched(1), other],
      [matrix(9), other],
      [one, matrix(9)],
      [other, one],
    ] as const) {
      const lines = said(made(one, other), made(a, b));
      expect(lines[0]).toBe('not proved');
    }
    expect(isProved(made(one, other), made(one, other))).toBe(true);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('constants that are never held', () => {
  const [ROWS, COLUMNS] = [264, 512];
  const last = (own: Stored, by: number): Stored => [own[0], Float64Array.from(own[1], (x, i) => (i === own[1].length - 1 ? x + by : x)), own[2] ?? FLOAT];
  const q: Stored = [[ROWS, COLUMNS], numbers(ROWS * COLUMNS, (i) => ((i * 37) % 251) - 125), INT8];
  const s: Stored = [[ROWS, COLUMNS / 2], numbers((ROWS * COLUMNS) / 2, (i) => 0.5 + (i % 11) / 16)];
  const graph = (numbersOf: Stored, scales: Stored): Typed => ({
    inputs: { x: ['n', ROWS, COLUMNS] },
    lines: ['DequantizeLinear(q, s) axis=1 block_size=2 -> c', 'Add(x, c) -> y'],
    stored: { q: numbersOf, s: scales },
  });
  test('of which one operand or every one has another last number', () => {
    const old = graph(q, s);
    expect(isProved(old, graph(q, s))).toBe(true);
    expect([graph(last(q, 1), s), graph(q, last(s, 1)), graph(last(q, 1), last(s, 1))].map((now) => isProved(old, now))).toEqual([false, false, false]);
    expect(allSaid()).toMatchSnapshot();
  });
});
