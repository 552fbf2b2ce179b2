import { describe, expect, test } from 'vitest';
import {
  isNegative,
  isOne,
  namedScale,
  numberOf,
  ONE,
  over,
  partsOf,
  plus,
  power,
  type Scale,
  scaleFrom,
  scaleText,
  times,
  Uncounted,
} from '../../src/check/scale.ts';

const of = scaleFrom;

describe('numbers are factors, exactly', () => {
  test.each([
    [1, ''],
    [2, '2^1'],
    [0.5, '2^-1'],
    [-1, '-1^1'],
    [-6, '-1^1·2^1·3^1'],
    [45, '3^2·5^1'],
    [0.75, '2^-2·3^1'],
    [9, '3^2'],
    [997 * 997, '997^2'],
    [1009 * 1013, '1022117^1'],
    [1009 * 1013 * 9, '1022117^1·3^2'],
    [2 ** 70, '2^70'],
    [2 ** -1074, '2^-1074'],
    [0.1, '109^1·13^1·2^-55·37^1·68718952447^1'.replace('68718952447', String(246241 * 279073))],
  ])('%d is %s', (value, key) => {
    expect(numberOf(of(value))).toBe(value);
    expect(of(value).key).toBe(key);
  });

  test.each([0, NaN, Infinity, -Infinity])('%d is none', (value) => expect(() => of(value)).toThrow(Uncounted));
  test('powers that are too high are not counted', () => {
    expect(power(of(2), 2 ** 40).key).toBe(`2^${2 ** 40}`);
    expect(() => power(of(2), 2 ** 41)).toThrow(Uncounted);
    expect(() => power(of(2), -(2 ** 41))).toThrow(Uncounted);
    expect(() => power(of(2), NaN)).toThrow(Uncounted);
  });
});

describe('products, quotients and powers', () => {
  test.each<[Scale, string]>([
    [times(of(6), of(0.5)), '3^1'],
    [times(of(-2), of(-3)), '2^1·3^1'],
    [times(of(-2), of(3)), '-1^1·2^1·3^1'],
    [times(ONE, of(3)), '3^1'],
    [times(of(3), ONE), '3^1'],
    [over(of(3), of(3)), ''],
    [over(of(-3), of(2)), '-1^1·2^-1·3^1'],
    [over(of(3), of(-3)), '-1^1'],
    [power(of(4), 0.5), '2^1'],
    [power(of(8), 0.5), '2^1.5'],
    [power(of(-2), 2), '2^2'],
    [power(of(-2), 3), '-1^1·2^3'],
    [power(of(-2), -1), '-1^1·2^-1'],
    [power(power(of(3), 0.5), 2), '3^1'],
  ])('%#', (scale, key) => expect(scale.key).toBe(key));

  test('signs and one', () => {
    expect([isNegative(of(-2)), isNegative(of(2)), isNegative(power(of(-2), 2))]).toEqual([true, false, false]);
    expect([isOne(ONE), isOne(of(1)), isOne(of(-1)), isOne(of(2))]).toEqual([true, true, false, false]);
  });
});

describe('sums', () => {
  const root2 = power(of(2), 0.5);
  const pi = namedScale('π', Math.PI);
  test.each<[Scale, Scale, string | 0 | null]>([
    [of(1), of(2), '3^1'],
    [of(0.5), of(0.25), '2^-2·3^1'],
    [of(2), of(-2), 0],
    [of(2), of(-3), '-1^1'],
    [of(-2), of(-3), '-1^1·5^1'],
    [of(3), of(-1), '2^1'],
    [of(3), of(6), '3^2'],
    [of(1 / 4), of(1009 * 1009 - 0.25), '1018081^1'],
    [root2, times(root2, of(3)), '2^2.5'],
    [root2, of(2), null],
    [pi, pi, '2^1·π^1'],
    [pi, of(2), null],
    [times(pi, of(2)), pi, '3^1·π^1'],
    [of(1), power(of(2), 3000), null],
  ])('%#', (a, b, wanted) => {
    const sum = plus(a, b);
    expect(sum === 0 || sum === null ? sum : sum.key).toBe(wanted);
    if (sum !== 0 && sum !== null) expect(numberOf(sum)).toBeCloseTo(numberOf(a) + numberOf(b), 10);
  });
});

describe('as numbers', () => {
  const half = namedScale('half of three', 1.5);
  test.each<[Scale, number]>([
    [over(of(2), of(3)), 2 / 3],
    [power(over(of(2), of(3)), 0.5), Math.sqrt(2 / 3)],
    [power(over(of(6), of(35)), 0.5), Math.sqrt(6 / 35)],
    [power(of(2), 0.25), 2 ** 0.25],
    [times(power(of(2), 0.25), of(3)), 2 ** 0.25 * 3],
    [times(power(of(3), 0.5), of(-5)), -Math.sqrt(75)],
    [half, 1.5],
    [times(half, of(-4)), -6],
    [power(half, -2), 1.5 ** -2],
    // both parts of the quotient are beyond the numbers
    [over(power(of(3), 800), power(of(5), 540)), (3 ** 400 / 5 ** 270) * (3 ** 400 / 5 ** 270)],
    [over(power(of(2), 900), power(of(3), 500)), 2 ** 900 / 3 ** 500],
  ])('%#', (scale, wanted) => {
    expect(Math.abs(numberOf(scale) / wanted - 1)).toBeLessThan(1e-11);
    if (scale.powers.size < 3) expect(Math.sign(numberOf(scale))).toBe(Math.sign(wanted));
  });

  test('rational numbers and roots of them are rounded as anyone would', () => {
    for (const [a, b] of [
      [7, 3],
      [5, 11],
      [1, 49],
      [64, 80],
      [768, 1000],
    ] as const) {
      expect(numberOf(over(of(a), of(b)))).toBe(a / b);
      expect(numberOf(power(over(of(a), of(b)), 0.5))).toBe(Math.sqrt(a / b));
    }
  });

  test('named parts stand apart', () => {
    expect(partsOf(times(half, of(4)))?.map((own) => own.key)).toEqual(['half of three^1', '2^2']);
    expect(partsOf(half)).toBe(null);
    expect(partsOf(of(4))).toBe(null);
  });

  test('in words', () => {
    expect(scaleText(ONE)).toBe('1');
    expect(scaleText(power(over(of(2), of(3)), 0.5))).toBe('2^0.5·3^-0.5 = 0.816497');
  });
});
