/** Corrections of two runs of growth: which factors they may be, and what is said of them. */
import { describe, expect, test } from 'vitest';
import { type Finding, unproved } from '../../src/check/findings.ts';
import { type Correction, explainRuns, exponentOf, factorsThrough, widthsBetween } from '../../src/check/runs.ts';
import { numberOf, over, power, scaleFrom } from '../../src/check/scale.ts';

const ratio = (from: number, to: number, exponent: number) => power(over(scaleFrom(from), scaleFrom(to)), exponent);

test.each([1, 0.5, -0.5, -1])('a width corrects by its ratio to the power of %d', (exponent) => {
  expect(exponentOf(ratio(6, 10, exponent), { old: 6, size: 10 })).toBe(exponent);
  expect(exponentOf(ratio(6, 10, exponent), { old: 6, size: 11 })).toBeNull();
  const [first, second] = factorsThrough({ old: 6, size: 10 }, 8, exponent);
  expect(numberOf(first)).toBeCloseTo((6 / 8) ** exponent, 12);
  expect(numberOf(second)).toBeCloseTo((8 / 10) ** exponent, 12);
});

test('no other power, and no other ratio', () => {
  for (const scale of [ratio(6, 10, 2), ratio(6, 10, 0), ratio(6, 10, 0.25), scaleFrom(2)]) expect(exponentOf(scale, { old: 6, size: 10 })).toBeNull();
});

test.each<readonly [number, number, readonly number[]]>([
  [4, 7, [5, 6]],
  [4, 6, [5]],
  [4, 5, []],
  [4, 4, []],
  [6, 4, []],
])('widths between %d and %d', (old, size, wanted) => {
  expect(widthsBetween({ old, size })).toEqual(wanted);
});

describe('what is said', () => {
  const correction = (where: string, old: number, size: number, ...widths: readonly number[]): Correction => ({
    where,
    old,
    size,
    once: widths.length === 0,
    through: (width) => widths.length === 0 || widths.includes(width),
  });
  const twice = (key: string, width: number): string => `corrections for ${key} are rounded twice, as two runs of growth through ${width} leave them`;
  const never = (where: string, key: string): Finding => unproved(where, `a correction for ${key} is rounded as neither one run of growth leaves it nor two`);

  test.each<readonly [string, readonly Correction[], ReturnType<typeof explainRuns>]>([
    ['of none', [], { notes: [], findings: [] }],
    ['of one run', [correction('a', 4, 8), correction('b', 4, 8)], { notes: [], findings: [] }],
    ['of two runs', [correction('a', 4, 8, 5, 6), correction('b', 4, 8, 6, 7)], { notes: [twice('4→8', 6)], findings: [] }],
    ['of some that one run would leave, too', [correction('a', 4, 8), correction('b', 4, 8, 7)], { notes: [twice('4→8', 7)], findings: [] }],
    [
      'of two that no width explains',
      [correction('a', 4, 8), correction('b', 4, 8, 5), correction('c', 4, 8, 6)],
      { notes: [], findings: [never('b', '4→8')] },
    ],
    ['of a width that is not between', [correction('a', 4, 8, 9)], { notes: [], findings: [never('a', '4→8')] }],
    [
      'of each width alone',
      [correction('a', 4, 8, 5), correction('b', 4, 9, 6), correction('c', 3, 8, 7), correction('d', 3, 8, 6), correction('e', 5, 8)],
      { notes: [twice('4→8', 5), twice('4→9', 6)], findings: [never('c', '3→8')] },
    ],
  ])('%s', (_, corrections, wanted) => {
    expect(explainRuns(corrections)).toEqual(wanted);
  });
});
