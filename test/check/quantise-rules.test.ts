/** Activations that are rounded while the model runs, on a scale that all of their elements decide: new ones must be zero. */
import { describe, expect, test } from 'vitest';
import { judged, type PairCase } from '../support/rule-pairs.ts';

const OLD = 'MatMul(x, w4x3) -> h';
const ROUND = 'DynamicQuantizeLinear(h) -> k l z;DequantizeLinear(k, l, z) -> c';
/** Old lines that make `c` of `h`, and new ones; what is behind or in front is zero at new elements, or neither. */
const grown = (verdict: PairCase[0], own: 'g' | 'gz', rows: 'g' | 'gz', old: string, now = old): PairCase => [
  verdict,
  `${OLD};${old};MatMul(c, w3x2) -> y`,
  `MatMul(x, w4x5${own}) -> h;${now};MatMul(c, w5x2${rows}) -> y`,
];
const same = (verdict: PairCase[0], old: string, now: string): PairCase => [verdict, `${OLD};${old}`, `${OLD};${now}`];
const SCALE = 'DynamicQuantizeLinear(h) -> k l z;Mul(h, l) -> c';
const POINT = 'DynamicQuantizeLinear(h) -> k l z;Cast(z) to=1 -> f;Mul(h, f) -> c';

const CASES: readonly PairCase[] = [
  ...[ROUND, SCALE, POINT].flatMap((lines) => [
    grown('proved', 'gz', 'g', lines),
    grown('proved', 'gz', 'gz', lines),
    grown('differs', 'g', 'gz', lines),
    grown('differs', 'g', 'g', lines),
  ]),
  grown('differs', 'gz', 'gz', SCALE, POINT),
  grown('differs', 'gz', 'gz', ROUND, 'Neg(h) -> o;DynamicQuantizeLinear(o) -> k l z;DequantizeLinear(k, l, z) -> c'),
  // of another value, or of a part of it
  same('differs', 'DynamicQuantizeLinear(h) -> k l z;DequantizeLinear(k, l, z) -> y', 'DynamicQuantizeLinear(x) -> k l z;Mul(h, l) -> y'),
  same('differs', 'DynamicQuantizeLinear(h) -> k l z;Mul(h, l) -> y', 'Slice(h, [0], [2], [2]) -> a;DynamicQuantizeLinear(a) -> k l z;Mul(h, l) -> y'),
  // zeros beside old elements, and others beside new ones
  [
    'differs',
    `${OLD};Gather(h, [0]) axis=1 -> a;DynamicQuantizeLinear(a) -> k l z;Mul(a, l) -> c;MatMul(c, w3x2) -> y`,
    'MatMul(x, w4x5gz) -> h;Gather(h, [0]) axis=1 -> a;MatMul(x, w4x5c) -> n;Gather(n, [0]) axis=1 -> d;Concat(a, d) axis=1 -> b;DynamicQuantizeLinear(b) -> k l z;Mul(a, l) -> c;MatMul(c, w5x2g) -> y',
  ],
  [
    'proved',
    `${OLD};Gather(h, [0]) axis=1 -> a;DynamicQuantizeLinear(a) -> k l z;Mul(a, l) -> c;MatMul(c, w3x2) -> y`,
    'MatMul(x, w4x5gz) -> h;Gather(h, [0]) axis=1 -> a;Mul(a, wzero1) -> d;Concat(a, d) axis=1 -> b;DynamicQuantizeLinear(b) -> k l z;Mul(a, l) -> c;MatMul(c, w5x2g) -> y',
  ],
  // of what nobody knows, and of zeros: 0 / 0
  same('differs', 'DynamicQuantizeLinear(h) -> k l z;Mul(h, l) -> y', 'MatMul(x, w4x5) -> a;Softmax(a) -> b;DynamicQuantizeLinear(b) -> k l z;Mul(h, l) -> y'),
  grown('differs', 'g', 'gz', ROUND, 'Softmax(h) -> a;DynamicQuantizeLinear(a) -> k l z;DequantizeLinear(k, l, z) -> c'),
  same('differs', 'Identity(h) -> y', 'Mul(h, wzero1) -> a;DynamicQuantizeLinear(a) -> k l z;DequantizeLinear(k, l, z) -> b;Exp(b) -> d;Add(h, d) -> y'),
];

describe('scales that all elements decide', () => {
  test.each(CASES.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
