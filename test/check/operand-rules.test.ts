/** Constants that meet values of a width that grew: numbers, vectors, masks and tables, and the factors that they must make up for. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, isProved } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16 } = DataType;
const GAIN = [1.125, 0.875, -1.25, 1.75, 0.5, 2.25];
const [OLD, NEW] = [6, 8];
const RATIO = OLD / NEW;

/** A norm of six numbers, or of these and two zeros, with an ε and gains. */
interface Norm {
  readonly size: number;
  readonly eps: number;
  readonly factor: number;
  readonly type?: number;
  readonly lines?: readonly string[];
  readonly epsDims?: readonly number[];
  readonly more?: Readonly<Record<string, Stored>>;
}
const ROOT = ['Add(m, eps) -> e', 'Sqrt(e) -> r', 'Div(p, r) -> d'];
const norm = ({ size, eps, factor, type = FLOAT, lines = ROOT, epsDims = [], more = {} }: Norm): Typed => ({
  inputs: { x: ['n', OLD] },
  lines: [
    ...[`Cast(x) to=${type} -> v`, size > OLD ? 'Pad(v, [0,0,0,2]) -> p' : 'Identity(v) -> p', 'Mul(p, p) -> s', 'ReduceMean(s, [-1]) keepdims=1 -> m'],
    ...[...lines, 'Mul(d, g) -> o', 'Slice(o, [0], [6], [1]) -> y'],
  ],
  stored: {
    eps: [
      epsDims,
      numbers(
        epsDims.reduce((a, b) => a * b, 1),
        () => eps,
      ),
      type,
    ],
    g: [[size], numbers(size, (i) => (GAIN[i] ?? 0) * factor), type],
    ...more,
  },
});
const EPS = 0.015625;
const FORMS: Readonly<Record<string, { readonly lines: readonly string[]; readonly factor: number; readonly more?: Readonly<Record<string, Stored>> }>> = {
  'x / √(m + ε)': { lines: ROOT, factor: Math.sqrt(RATIO) },
  'x / √(ε + m)': { lines: ['Add(eps, m) -> e', 'Sqrt(e) -> r', 'Div(p, r) -> d'], factor: Math.sqrt(RATIO) },
  'x · 1/√(m + ε)': { lines: ['Add(m, eps) -> e', 'Sqrt(e) -> r', 'Reciprocal(r) -> q', 'Mul(p, q) -> d'], factor: Math.sqrt(RATIO) },
  'x · (1 / √(m + ε))': {
    lines: ['Add(m, eps) -> e', 'Sqrt(e) -> r', 'Div(one, r) -> q', 'Mul(p, q) -> d'],
    factor: Math.sqrt(RATIO),
    more: { one: [[], [1]] },
  },
  'x · (m + ε)^−½': { lines: ['Add(m, eps) -> e', 'Pow(e, half) -> q', 'Mul(p, q) -> d'], factor: Math.sqrt(RATIO), more: { half: [[], [-0.5]] } },
  'x / √(m − −ε)': { lines: ['Neg(eps) -> f', 'Sub(m, f) -> e', 'Sqrt(e) -> r', 'Div(p, r) -> d'], factor: Math.sqrt(RATIO) },
  'x / (m + ε)': { lines: ['Add(m, eps) -> e', 'Div(p, e) -> d'], factor: RATIO },
};
describe.each(Object.entries(FORMS))('a norm, %s', (_, { lines, factor, more = {} }) => {
  test('is proved where ε and gains are corrected, and else not', () => {
    const old = norm({ size: OLD, eps: EPS, factor: 1, lines, more });
    const now = (eps: number, gain: number, epsDims: readonly number[] = []): Typed => norm({ size: NEW, eps, factor: gain, lines, epsDims, more });
    expect([[], [1], [1, 1]].map((dims) => isProved(old, now(EPS * RATIO, factor, dims)))).toEqual([true, true, true]);
    expect(
      [now(EPS, factor), now(EPS * RATIO, 1), now(EPS, 1), now(EPS * RATIO * (1 + 2 ** -20), factor), now(EPS * RATIO, factor * (1 + 2 ** -20))].map((own) =>
        isProved(old, own),
      ),
    ).toEqual([false, false, false, false, false]);
    expect(isProved(old, now(-EPS * RATIO, factor))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});
test.each([
  [FLOAT, 2 ** -24, 2 ** -21],
  [DOUBLE, 2 ** -53, 2 ** -47],
  [FLOAT16, 2 ** -12, 2 ** -8],
])('a stored ε is rounded to its type: %i', (type, near, far) => {
  const old = norm({ size: OLD, eps: 10 / 1024, factor: 1, type });
  const now = (by: number): Typed => norm({ size: NEW, eps: (10 / 1024) * RATIO * (1 + by), factor: Math.sqrt(RATIO), type });
  expect([isProved(old, now(far)), isProved(old, now(-far))]).toEqual([false, false]);
  isProved(old, now(0));
  isProved(old, now(near));
  expect(allSaid()).toMatchSnapshot();
});

/** What has one number for all places of a width is multiplied with a vector. */
const masked = (mask: readonly number[], after: readonly number[], op = 'Mul(x, k) -> h'): Typed => ({
  inputs: { x: ['n', 1] },
  lines: [op, 'Relu(h) -> c', 'MatMul(c, b) -> y'],
  stored: { k: [[mask.length], mask], b: [[after.length, 1], after] },
});
test.each<readonly [string, boolean, Typed, Typed]>([
  ['ones and a zero', true, masked([1, 1, 1], [1, 2, 3]), masked([1, 1, 1, 0], [1, 2, 3, 7])],
  ['ones and a zero between', true, masked([1, 1, 1], [1, 2, 3]), masked([1, 0, 1, 1], [1, 7, 2, 3])],
  ['halves and a zero', true, masked([0.5, 0.5, 0.5], [1, 2, 3]), masked([0.5, 0.5, 0.5, 0], [1, 2, 3, 7])],
  ['another number', false, masked([0.5, 0.5, 0.5], [1, 2, 3]), masked([0.25, 0.25, 0.25, 0], [1, 2, 3, 7])],
  ['two numbers', true, masked([0.5, 0.25, 0.5], [1, 2, 3]), masked([0.5, 0.25, 0.5, 0], [1, 2, 3, 7])],
  ['two numbers, one of them changed', false, masked([0.5, 0.25, 0.5], [1, 2, 3]), masked([0.5, 0.5, 0.5, 0], [1, 2, 3, 7])],
  // true, and not known: old ones are one number, new ones two
  ['a new one beside zeros', false, masked([1, 1, 1], [1, 2, 3]), masked([1, 1, 1, 5], [1, 2, 3, 0])],
  ['a new one that counts', false, masked([1, 1, 1], [1, 2, 3]), masked([1, 1, 1, 5], [1, 2, 3, 7])],
  ['infinity', false, masked([1, 1, 1], [1, 2, 3]), masked([1, 1, 1, Infinity], [1, 2, 3, 0])],
  ['no number', false, masked([1, 1, 1], [1, 2, 3]), masked([1, 1, 1, NaN], [1, 2, 3, 0])],
  ['all zeros', false, masked([1, 1, 1], [1, 2, 3]), masked([0, 0, 0, 0], [1, 2, 3, 7])],
  ['zeros for zeros', true, masked([0, 0, 0], [1, 2, 3]), masked([0, 0, 0, 0], [1, 2, 3, 7])],
  ['added', true, masked([1, 2, 3], [1, 2, 3], 'Add(x, k) -> h'), masked([1, 2, 3, 4], [1, 2, 3, 0], 'Add(x, k) -> h')],
  ['added, with a number that counts', false, masked([1, 2, 3], [1, 2, 3], 'Add(x, k) -> h'), masked([1, 2, 3, 4], [1, 2, 3, 1], 'Add(x, k) -> h')],
  ['taken away', true, masked([1, 2, 3], [1, 2, 3], 'Sub(k, x) -> h'), masked([1, 2, 3, 4], [1, 2, 3, 0], 'Sub(k, x) -> h')],
  ['taken away the other way round', false, masked([1, 2, 3], [1, 2, 3], 'Sub(k, x) -> h'), masked([1, 2, 3, 4], [1, 2, 3, 0], 'Sub(x, k) -> h')],
  ['divided', true, masked([1, 2, 3], [1, 2, 3], 'Div(x, k) -> h'), masked([1, 2, 3, 4], [1, 2, 3, 0], 'Div(x, k) -> h')],
  ['divided by another', false, masked([1, 2, 3], [1, 2, 3], 'Div(x, k) -> h'), masked([1, 2, 4, 4], [1, 2, 3, 0], 'Div(x, k) -> h')],
])('a vector: %s', (_, proved, old, now) => {
  expect(isProved(old, now)).toBe(proved);
  expect(allSaid()).toMatchSnapshot();
});

/** Rows of a table, of which a width or the number of rows grew. */
const table = (rows: readonly number[], columns: readonly number[], added: number, after: number, line = 'Gather(t, i) -> h'): Typed => ({
  inputs: { i: ['n'] },
  lines: [line, 'Relu(h) -> c', 'MatMul(c, b) -> y'],
  stored: {
    t: [
      [rows.length, columns.length],
      numbers(rows.length * columns.length, (at) => {
        const [row, column] = [rows[Math.floor(at / columns.length)] ?? -1, columns[at % columns.length] ?? -1];
        return row < 0 || column < 0 ? added : 1 + 5 * row + column;
      }),
    ],
    b: [[columns.length, 1], columns.map((column) => (column < 0 ? after : column + 0.5))],
  },
});
const [ROWS, COLUMNS] = [
  [0, 1, 2, 3, 4],
  [0, 1, 2],
];
test.each<readonly [string, boolean, Typed]>([
  ['the same', true, table(ROWS, COLUMNS, 0, 0)],
  ['wider', true, table(ROWS, [0, 1, 2, -1], 5, 0)],
  ['wider between, by zeros', true, table(ROWS, [0, -1, 1, 2], 0, 5)],
  ['wider by numbers that count', false, table(ROWS, [0, 1, 2, -1], 5, 5)],
  ['wider by no numbers', false, table(ROWS, [0, 1, 2, -1], NaN, 0)],
  ['one row more', false, table([...ROWS, -1], COLUMNS, 5, 0)],
  ['two rows exchanged', false, table([0, 1, 3, 2, 4], COLUMNS, 5, 0)],
  // true, and not known: a table of the same size is taken to stand as it did
  ['two columns exchanged', false, table(ROWS, [1, 0, 2], 5, 0)],
  ['one row less', false, table([0, 1, 2, 3], COLUMNS, 5, 0)],
  ['along the other dimension', false, table(ROWS, COLUMNS, 0, 0, 'Gather(t, i) axis=1 -> f;Transpose(f) perm=[1,0] -> h')],
])('a table: %s', (_, proved, now) => {
  expect(isProved(table(ROWS, COLUMNS, 0, 0), { ...now, lines: now.lines.flatMap((line) => line.split(';')) })).toBe(proved);
  expect(allSaid()).toMatchSnapshot();
});
