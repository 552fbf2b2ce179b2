/** What guards the rules of products and of operators that work element by element: a pair for each condition, which differs where it does not hold. */
import { describe, expect, test } from 'vitest';
import { judged, type PairCase, type Verdict } from '../support/rule-pairs.ts';
import { allSaid, isProved, said } from '../support/told.ts';
import type { Typed } from '../support/typed-graph.ts';

/** h of x, with new elements anywhere (`g`) or zero (`z`), before and after. */
const H = ['MatMul(x, w4x3) -> h', 'MatMul(x, w4x5g) -> h', 'MatMul(x, w4x5gz) -> h'] as const;
const [OLD, ANY, ZERO] = H;

/** Elements that are new and zero are not divided by, whatever they meet: the results are no numbers that zeros behind make good. */
const divides = (line: string, isOf: boolean): readonly PairCase[] =>
  [OLD, ANY, ZERO].map((first, i): PairCase => {
    const now = `${first};${line}`.replace(/w3(?=\D)/g, i === 0 ? 'w3' : 'w5g');
    return [i < 2 || !isOf ? 'proved' : 'differs', `${OLD};${line};MatMul(c, w3x2) -> y`, `${now};MatMul(c, ${i === 0 ? 'w3x2' : 'w5x2gz'}) -> y`];
  });
const ZEROS: readonly PairCase[] = [
  ...divides('Reciprocal(h) -> c', true),
  ...divides('Div(w3, h) -> c', true),
  ...divides('Div(h, w3) -> c', false),
  ...divides('Mul(h, h) -> k;Div(w3, k) -> c', true),
  ...divides('Abs(h) -> k;Pow(k, wminus) -> c'.replace('wminus', 'e'), true).map(([v, a, b]): PairCase => [v, `Neg(wone1) -> e;${a}`, `Neg(wone1) -> e;${b}`]),
  ...divides('Abs(h) -> k;Log(k) -> c', true),
  ...divides('Abs(h) -> k;Sqrt(k) -> c', false),
  ...divides('Mod(h, w3) fmod=1 -> c', false),
  ...divides('Mod(w3, h) fmod=1 -> c', true),
];

describe('new elements that are zero', () => {
  test.each(ZEROS.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});

/** Sums over a dimension that three values have. */
const three = (verdict: Verdict, h: string, k: string, l: string, equation = 'btm,btm,btm->bt'): PairCase => [
  verdict,
  `MatMul(x, w4x3) -> h;MatMul(x, w4x3b) -> k;MatMul(x, w4x3c) -> l;Einsum(h, k, l) equation=${equation} -> y`,
  `MatMul(x, ${h}) -> h;MatMul(x, ${k}) -> k;MatMul(x, ${l}) -> l;Einsum(h, k, l) equation=${equation} -> y`,
];
const SUMS: readonly PairCase[] = [
  three('proved', 'w4x5gz', 'w4x5gb', 'w4x5gc'),
  three('proved', 'w4x5g', 'w4x5gzb', 'w4x5gc'),
  three('differs', 'w4x5g', 'w4x5gb', 'w4x5gc'),
  three('proved', 'w4x5gz', 'w4x5gzb', 'w4x5gzc'),
  // the third has old elements elsewhere
  three('differs', 'w4x5gz', 'w4x5gzb', 'w4x5gzd'),
  three('differs', 'w4x5gz', 'w4x5gzd', 'w4x5gzc'),
  three('differs', 'w4x5gzd', 'w4x5gzb', 'w4x5gzc'),
  three('proved', 'w4x3', 'w4x3b', 'w4x3c'),
  three('differs', 'w4x3', 'w4x3b', 'w4x3e'),
  three('differs', 'w4x3', 'w4x3e', 'w4x3c'),
  // what is not summed over stays apart
  three('proved', 'w4x5gz', 'w4x5gb', 'w4x5gc', 'btm,btm,bsm->bts'),
  three('differs', 'w4x5g', 'w4x5gb', 'w4x5gc', 'btm,btm,bsm->bts'),
  three('differs', 'w4x5gz', 'w4x5gzb', 'w4x5gzd', 'btm,btm,bsm->bts'),
];

describe('sums over products of three', () => {
  test.each(SUMS.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});

/** Products with inputs, each of which might be a cache. */
describe('inputs beside each other', () => {
  const inputs: Typed['inputs'] = { x: ['n', 3], pa: [3, 4], pb: [3, 4], pc: [3, 4] };
  const graph = (...lines: readonly string[]): Typed => ({ inputs, lines });
  const sum = (a: string, b: string, op = 'Sub'): Typed => graph(`MatMul(x, ${a}) -> h`, `MatMul(x, ${b}) -> g`, `${op}(h, g) -> y`);
  const turned = (a: string, b: string): Typed => graph(`Transpose(${a}) perm=[1,0] -> t`, `MatMul(t, ${b}) -> y`);
  test('are none but themselves', () => {
    expect(isProved(sum('pa', 'pb'), sum('pa', 'pb'))).toBe(true);
    expect(isProved(sum('pa', 'pb', 'Add'), sum('pb', 'pa', 'Add'))).toBe(true);
    expect(isProved(turned('pa', 'pb'), turned('pa', 'pb'))).toBe(true);
    for (const [a, b] of [
      ['pb', 'pa'],
      ['pa', 'pa'],
      ['pb', 'pb'],
      ['pa', 'pc'],
      ['pc', 'pb'],
    ] as const) {
      expect(isProved(sum('pa', 'pb'), sum(a, b))).toBe(false);
      expect(isProved(turned('pa', 'pb'), turned(a, b))).toBe(false);
    }
    expect(allSaid()).toMatchSnapshot();
  });

  const three = (a: string, b: string, c: string): Typed => graph(`Einsum(${a}, ${b}, ${c}) equation=ij,kj,lj->ikl -> y`);
  test('of three, too', () => {
    expect(said(three('pa', 'pb', 'pc'), three('pa', 'pb', 'pc'))[0]).toBe('proved');
    for (const [a, b, c] of [
      ['pb', 'pa', 'pc'],
      ['pa', 'pc', 'pb'],
      ['pa', 'pb', 'pb'],
      ['pc', 'pb', 'pa'],
    ] as const)
      expect(isProved(three('pa', 'pb', 'pc'), three(a, b, c))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});
