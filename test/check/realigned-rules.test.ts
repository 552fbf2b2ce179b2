/** Values of which more than one thing can be said: zeros, means, one element for all and new layers, beside old elements at other places. */
import { describe, expect, test } from 'vitest';
import { type PlacedCase, placed } from '../support/placed-pairs.ts';

const MEAN = 'ReduceMean(x) axes=[1] keepdims=1 -> s';
const H = 'MatMul(x, A_012) -> h';
const G = 'MatMul(x, D_012) -> g';
const OUT = 'MatMul(c, B_012) -> y';

/** s · V + h, where s is one element for all places of a dimension. */
const stretched = (verdict: PlacedCase[0], mask: string, own: string, rows: string, line = 'Add(u, h) -> c'): PlacedCase => [
  verdict,
  `${MEAN};Mul(s, V_ccc) -> u;${H};Add(u, h) -> c;${OUT}`,
  `${MEAN};Mul(s, V_${mask}) -> u;MatMul(x, A_${own}) -> h;${line};MatMul(c, B_${rows}) -> y`,
];
/** The sum over (s · V + h), times a number. */
const summed = (verdict: PlacedCase[0], mask: string, own: string, factor: number): PlacedCase => [
  verdict,
  `${MEAN};Mul(s, V_ccc) -> u;${H};Add(u, h) -> c;ReduceSum(c, [1]) -> y`,
  `${MEAN};Mul(s, V_${mask}) -> u;MatMul(x, A_${own}) -> h;Add(u, h) -> c;ReduceSum(c, [1]) -> t;Mul(t, S_${factor}) -> y`,
];

const STRETCHED: readonly PlacedCase[] = [
  stretched('proved', 'ccccz', '0n12n', '0z12z'),
  stretched('proved', 'ccccc', '0n12n', '0z12z'),
  stretched('proved', 'czccz', '0n12n', '0z12z'),
  stretched('unseen', 'cnccz', '0n12n', '0z12z'),
  stretched('proved', 'czccz', '0z12z', '0n12n'),
  stretched('proved', 'ccccz', '0n12n', '0z12z', 'Add(h, u) -> c'),
  stretched('differs', 'cccnz', '0n12n', '0z12z'),
  stretched('differs', 'ccczz', '0n12n', '0z12z'),
  stretched('differs', 'ccccz', '0n12n', '0n12z'),
  stretched('differs', 'ccccz', '0n12n', '0z12n'),
  stretched('differs', 'ccccz', '0n12n', '0z12z', 'Sub(u, h) -> c'),
  stretched('differs', 'cccciz', '0n12nn', '0z12zz'),
  summed('proved', 'ccccz', '0m12z', 75),
  summed('unseen', 'zcccc', '12z0m', 75),
  summed('proved', 'ccccc', '0m12m', 60),
  summed('differs', 'ccccz', '0n12z', 75),
  summed('differs', 'ccccz', '0m12z', 100),
  summed('differs', 'ccccc', '0m12z', 75),
  summed('differs', 'czccz', '0m12z', 75),
];

/** h, and what is zero wherever h has old elements, added to g with old elements elsewhere. */
const zero = (verdict: PlacedCase[0], mask: string, own: string, rows: string, more = 'Add(u, g) -> c'): PlacedCase => [
  verdict,
  `${H};${G};Add(g, S_0) -> c;MatMul(h, B_012) -> p;MatMul(c, F_012) -> q;Add(p, q) -> y`,
  `MatMul(x, A_0n12n) -> h;${MEAN};Mul(s, V_${mask}) -> u;MatMul(x, D_${own}) -> g;${more};MatMul(h, B_0z12z) -> p;MatMul(c, F_${rows}) -> q;Add(p, q) -> y`,
];

const ZEROS: readonly PlacedCase[] = [
  zero('proved', 'zzzzn', '012nn', '012zz'),
  zero('proved', 'zzzzn', '012zn', '012nz'),
  zero('proved', 'zzzzn', '012zn', '012nz', 'Add(g, u) -> c'),
  zero('proved', 'zzzzz', '012zz', '012nn'),
  zero('differs', 'zzzzn', '012zz', '012nn'),
  zero('differs', 'znzzn', '012nn', '012zz'),
  zero('differs', 'zzzzn', '012nn', '012nz'),
  zero('differs', 'zzzzn', '012nn', '012zz', 'Sub(u, g) -> c'),
  // beside a value that is new itself
  zero('proved', 'zzzzn', '012nn', '012zz', 'MatMul(x, E_nnnnn) -> e;Mul(e, V_zzzzn) -> u2;Add(u2, g) -> c'),
  zero('differs', 'zzzzn', '012nn', '012zz', 'MatMul(x, E_nnnnn) -> e;Mul(e, V_znzzn) -> u2;Add(u2, g) -> c'),
];

/** A new layer's values that are added and taken away again. */
const layer = (verdict: PlacedCase[0], own: string, rows: string, more: string): PlacedCase => [
  verdict,
  `${H};Relu(h) -> c;${OUT}`,
  `MatMul(x, A_${own}) -> h;MatMul(x, E_nnnnn) -> e;Tanh(e) -> e2;MatMul(x, C_nnnnn) -> f;${more};Relu(b) -> c;MatMul(c, B_${rows}) -> y`,
];

const NEW: readonly PlacedCase[] = [
  layer('proved', '0n12n', '0z12z', 'Add(h, e2) -> a;Sub(a, e2) -> b'),
  layer('proved', '0n12n', '0z12z', 'Add(e2, h) -> a;Sub(a, e2) -> b'),
  layer('differs', '0n12n', '0n12z', 'Add(h, e2) -> a;Sub(a, e2) -> b'),
  layer('differs', '0n12n', '0z12z', 'Add(h, e2) -> a;Sub(a, f) -> b'),
  layer('differs', '0n12n', '0z12z', 'Add(h, e2) -> a;Sub(e2, a) -> b'),
  layer('unseen', '0z12z', '0n12n', 'Add(h, e2) -> a;Sub(a, e2) -> b'),
  layer('differs', '0z12z', '0n12n', 'Add(h, e2) -> a;Sub(a, f) -> b'),
];

const GROUPS = { 'one element for all places': STRETCHED, zeros: ZEROS, 'new layers': NEW };
describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[0]}: ${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await placed(own)).toMatchSnapshot();
  });
});
