import { describe, expect, it } from 'vitest';
import { compareValues } from '../../src/verify/compare.ts';
import { makeValues } from '../../src/verify/values.ts';

const row = (...numbers: number[]) => makeValues('float32', [numbers.length], (i) => numbers[i] ?? 0);

describe('compareValues', () => {
  it('measures the largest difference against the largest value, not per element', () => {
    expect(compareValues(row(8, 1e-6), row(8, 3e-6)).relative).toBeCloseTo(2.5e-7, 10);
  });

  it('is bit-exact only for equal bits', () => {
    expect(compareValues(row(0, 1), row(0, 1)).bitExact).toBe(true);
    expect(compareValues(row(0, 1), row(-0, 1))).toMatchObject({ bitExact: false, relative: 0, reason: null });
  });

  it('lets NaN and infinities stand only where they stood', () => {
    expect(compareValues(row(Number.NaN, 1), row(Number.NaN, 1)).bitExact).toBe(true);
    expect(compareValues(row(2, 1), row(Number.NaN, 1))).toMatchObject({ relative: Number.POSITIVE_INFINITY, reason: 'it is NaN where the original is 2' });
    expect(compareValues(row(Number.NEGATIVE_INFINITY, 1), row(3, 1)).reason).toBe('it is 3 where the original is -Infinity');
    expect(compareValues(row(2, 1), row(Number.POSITIVE_INFINITY, 1)).relative).toBe(Number.POSITIVE_INFINITY);
  });

  it('does not let a masked score hide a difference', () => {
    expect(compareValues(row(-3.4028234663852886e38, 1), row(-3.4028234663852886e38, 1.5)).relative).toBe(0.5);
  });

  it('compares the leading block of an output that grew, and refuses one that shrank', () => {
    const wide = makeValues('float32', [2, 3], (i) => [1, 2, 9, 3, 4, 9][i] ?? 0);
    const narrow = makeValues('float32', [2, 2], (i) => i + 1);
    expect(compareValues(narrow, wide).bitExact).toBe(true);
    expect(compareValues(wide, narrow).reason).toBe('its shape is [2,2] instead of [2,3]');
  });

  it('says that nothing relates to zeros', () => {
    expect(compareValues(row(0, 0), row(0, 1e-9))).toMatchObject({ relative: Number.POSITIVE_INFINITY, reason: 'the original is zero everywhere' });
  });
});
