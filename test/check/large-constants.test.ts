/** Constants of more elements than are held: every element counts, new ones too. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT64 } = DataType;

describe('constants of more than 65,536 elements', () => {
  const SIZE = 8200;
  const weight = (i: number): number => ((i * 7919) % 1021) / 512 - 1;
  /** x A b, of an inner width that grew by `more`; the new rows of b are zeros unless `made` says something else. */
  const inner = (more: number, change: (first: Float64Array, second: Float64Array) => void = () => {}, type: number = FLOAT): Typed => {
    const width = SIZE + more;
    const isNew = (i: number): boolean => i % width >= SIZE;
    const first = numbers(8 * width, (i) => (isNew(i) ? 0.5 : weight(Math.floor(i / width) * SIZE + (i % width))));
    const second = numbers(width * 8, (i) => (i >= SIZE * 8 ? 0 : weight(i + 5)));
    change(first, second);
    return {
      inputs: { x: ['n', 8] },
      lines: [`Cast(x) to=${type} -> v`, 'MatMul(v, a) -> h', 'Relu(h) -> r', 'MatMul(r, b) -> y'],
      stored: { a: [[8, width], first, type], b: [[width, 8], second, type] },
    };
  };
  const CHANGES: readonly (readonly [string, number, (a: Float64Array, b: Float64Array) => void])[] = [
    ['the last old element', 4, (a) => a.set([3], 8 * (SIZE + 4) - 5)],
    ['the first element', 4, (a) => a.set([3], 0)],
    ['an element in front of a block', 4, (a) => a.set([3], 32767)],
    ['an element behind a block', 4, (_, b) => b.set([3], 32768)],
    ['the last old element of the second', 4, (_, b) => b.set([3], SIZE * 8 - 1)],
    ['a new number that meets an old one', 4, (_, b) => b.set([1], b.length - 1)],
    ['a new element that is no number', 4, (a) => a.set([NaN], 8 * (SIZE + 4) - 1)],
    ['a new element that is infinite', 4, (a) => a.set([-Infinity], SIZE)],
    ['the same size, the last element', 0, (a) => a.set([3], a.length - 1)],
    ['the same size, behind a block', 0, (a) => a.set([3], 32768)],
    ['the same size, zero for a number', 0, (_, b) => b.set([0], 65536)],
  ];
  test('grown ones are proved', () => {
    expect([0, 4].map((more) => verdict(inner(0), inner(more)))).toEqual(['proved', 'proved']);
    expect(
      verdict(
        inner(0),
        inner(4, (a) => a.set([7, -7], SIZE)),
      ),
    ).toBe('proved');
    expect(
      verdict(
        inner(0, () => {}, FLOAT16),
        inner(4, () => {}, FLOAT16),
      ),
    ).toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
  test.each(CHANGES)('%s is seen', (_, more, change) => {
    expect(verdict(inner(0), inner(more, change))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
  test('new elements that are not finite are refuted', () => {
    expect(
      [NaN, Infinity].map((x) =>
        verdict(
          inner(0),
          inner(4, (a) => a.set([x], SIZE)),
        ),
      ),
    ).toEqual(['refuted', 'refuted']);
    expect(allSaid()).toMatchSnapshot();
  });
  test('the same numbers in another type are others', () => {
    expect(
      verdict(
        inner(0, () => {}, FLOAT16),
        inner(0, () => {}, BFLOAT16),
      ),
    ).not.toBe('proved');
    expect(
      verdict(
        inner(0),
        inner(4, () => {}, DOUBLE),
      ),
    ).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  /** x of fixed size meets a matrix. */
  const full = (op: string, stored: Stored): Typed => ({ inputs: { x: [SIZE, 8] }, lines: [`${op}(x, c) -> y`], stored: { c: stored } });
  const uniform = (value: number, ...changed: readonly (readonly [number, number])[]): Stored => {
    const all = numbers(SIZE * 8, () => value);
    for (const [at, x] of changed) all[at] = x;
    return [[SIZE, 8], all];
  };
  test('one number everywhere is that number', () => {
    for (const op of ['Mul', 'Add']) {
      expect(verdict(full(op, [[1], [0.5]]), full(op, uniform(0.5)))).toBe('proved');
      expect(verdict(full(op, uniform(0.5)), full(op, [[1], [0.5]]))).toBe('proved');
      expect(verdict(full(op, uniform(0.5)), full(op, [[1], [0.75]]))).not.toBe('proved');
      for (const at of [32768, SIZE * 8 - 1]) {
        expect(verdict(full(op, [[1], [0.5]]), full(op, uniform(0.5, [at, 0.75])))).not.toBe('proved');
        expect(verdict(full(op, uniform(0.5, [at, 0.75])), full(op, uniform(0.5)))).not.toBe('proved');
      }
    }
    expect(allSaid()).toMatchSnapshot();
  });

  /** x meets rows of a large table. */
  const table = (rows: number, index: number, change: (table: Float64Array) => void = () => {}): Typed => {
    const all = numbers(rows * 8, weight);
    change(all);
    return {
      inputs: { x: ['n', 8], i: ['n'] },
      lines: ['Gather(t, order) -> s', 'Gather(s, i) -> e', 'Add(x, e) -> y'],
      stored: { t: [[rows, 8], all], order: [[SIZE], numbers(SIZE, (at) => (at === SIZE - 1 ? index : at)), INT64] },
    };
  };
  test('rows taken out of a large table', () => {
    expect(verdict(table(SIZE, 5), table(SIZE, 5))).toBe('proved');
    expect(verdict(table(SIZE, 5), table(SIZE, 5 - SIZE))).toBe('proved');
    expect(verdict(table(SIZE, 5), table(SIZE, 6))).not.toBe('proved');
    expect(verdict(table(SIZE, 5), table(SIZE, SIZE))).not.toBe('proved');
    for (const at of [32768, SIZE * 8 - 9])
      expect(
        verdict(
          table(SIZE, 5),
          table(SIZE, 5, (all) => all.set([3], at)),
        ),
      ).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});
