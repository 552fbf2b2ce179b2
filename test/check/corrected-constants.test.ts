/** Gains that make up for the growth of a norm: those that are rounded as growth rounds them are proved, and no others. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numbers, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16 } = DataType;

describe('factors that growth corrects', () => {
  /** A norm of the mean of squares, whose gain makes up for 4 new elements beside 12, all zeros. */
  const norm = (gains: ArrayLike<number>, size: number, type: number = FLOAT, shift: number | null = null): Typed => ({
    inputs: { x: ['n', 12] },
    lines: [
      `Cast(x) to=${type} -> v`,
      ...(size > 12 ? ['Pad(v, [0,0,0,4]) -> w'] : ['Identity(v) -> w']),
      'Mul(w, w) -> s',
      'ReduceMean(s, [-1]) keepdims=1 -> mean',
      'Sqrt(mean) -> root',
      'Div(w, root) -> d',
      ...(shift === null ? ['Mul(d, g) -> e'] : ['Add(g, one) -> gain', 'Mul(d, gain) -> e']),
      ...(size > 12 ? ['Slice(e, [0], [12], [1]) -> y'] : ['Identity(e) -> y']),
    ],
    stored: { g: [[size], gains, type], ...(shift !== null && { one: [[1], [shift], type] }) },
  });
  const OLD = [1.1, 0.9, -1.3, 1.7, 0.4, 2.2, 1.05, 0.75, 1.9, -0.6, 1.45, 0.85];
  const factor = Math.sqrt(12 / 16);
  const corrected = numbers(16, (i) => Math.fround(OLD[i] ?? 0) * factor);

  test('a gain times the root of 12/16, rounded once', () => {
    expect(verdict(norm(OLD, 12), norm(corrected, 16))).toBe('proved');
    expect(
      verdict(
        norm(OLD, 12),
        norm(
          numbers(16, (i) => OLD[i] ?? 0),
          16,
        ),
      ),
    ).not.toBe('proved');
    for (const at of [0, 11]) {
      const off = corrected.map((x, i) => (i === at ? Math.fround(x) * (1 + 2 ** -22) : x));
      expect(verdict(norm(OLD, 12), norm(off, 16))).not.toBe('proved');
    }
    expect(allSaid()).toMatchSnapshot();
  });

  test('in float64 and float16', () => {
    const exact = numbers(16, (i) => (OLD[i] ?? 0) * factor);
    expect(verdict(norm(OLD, 12, DOUBLE), norm(exact, 16, DOUBLE))).toBe('proved');
    expect(
      verdict(
        norm(OLD, 12, DOUBLE),
        norm(
          exact.map((x, i) => (i === 3 ? x * (1 + 2 ** -45) : x)),
          16,
          DOUBLE,
        ),
      ),
    ).not.toBe('proved');
    const halved = OLD.map((x) => Math.round(x * 512) / 512);
    const half = numbers(16, (i) => (halved[i] ?? 0) * factor);
    expect(verdict(norm(halved, 12, FLOAT16), norm(half, 16, FLOAT16))).toBe('proved');
    expect(
      verdict(
        norm(halved, 12, FLOAT16),
        norm(
          half.map((x, i) => (i === 3 ? x * (1 + 2 ** -9) : x)),
          16,
          FLOAT16,
        ),
      ),
    ).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('1 + g, which is corrected in g', () => {
    const shifted = (by: number): Float64Array => numbers(16, (i) => Math.fround(OLD[i] ?? 0) * factor + (factor - 1) * by);
    expect(verdict(norm(OLD, 12, FLOAT, 1), norm(shifted(1), 16, FLOAT, 1))).toBe('proved');
    expect(verdict(norm(OLD, 12, FLOAT, 1), norm(corrected, 16, FLOAT, 1))).not.toBe('proved');
    expect(verdict(norm(OLD, 12, FLOAT, 1), norm(shifted(2), 16, FLOAT, 2))).not.toBe('proved');
    expect(verdict(norm(OLD, 12, FLOAT, 1), norm(shifted(1), 16, FLOAT, 2))).not.toBe('proved');
    const off = shifted(1).map((x, i) => (i === 11 ? Math.fround(x) + 2 ** -20 : x));
    expect(verdict(norm(OLD, 12, FLOAT, 1), norm(off, 16, FLOAT, 1))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});
