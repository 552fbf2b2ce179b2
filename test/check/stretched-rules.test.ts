/** Constants that are stretched: each element counts once, and what is new of them is known as it is of the others. */
import { describe, expect, test } from 'vitest';
import { judged, type PairCase, type Verdict } from '../support/rule-pairs.ts';

const OLD = 'MatMul(p, w4x3) -> h;Relu(h) -> r;MatMul(r, w3x2) -> y';
/** A new constant `e` that is added and taken off again: zero at new places, as what it meets is. */
const added = (lines: string, first = 'w4x5gz'): string => `MatMul(p, ${first}) -> h;${lines};Add(h, e) -> a;Sub(a, e) -> b;Relu(b) -> r;MatMul(r, w5x2g) -> y`;
/** A factor `e` of both graphs. */
const factor = (verdict: Verdict, old: string, now: string): PairCase => [
  verdict,
  `MatMul(p, w4x3) -> h;${old};Mul(h, e) -> r;MatMul(r, w3x2) -> y`,
  `MatMul(p, w4x5g) -> h;${now};Mul(h, e) -> r;MatMul(r, w5x2g) -> y`,
];

const ADDED: readonly PairCase[] = [
  ['proved', OLD, added('Identity(w5gzb) -> e')],
  ['proved', OLD, added('Expand(w5gzb, [2,3,5]) -> e')],
  ['proved', OLD, added('Expand(w5gzb, [3,5]) -> e')],
  ['proved', OLD, added('Expand(w1x5gzb, [3,5]) -> e')],
  ['proved', OLD, added('Expand(w2x1x5gzb, [2,3,5]) -> e')],
  ['proved', OLD, added('Expand(w1x3x5gzb, [2,3,5]) -> e')],
  ['proved', OLD, added('Expand(w1, [2,3,5]) -> e', 'w4x5gz').replace('w5x2g)', 'w5x2gz)')],
  ['proved', OLD, added('Expand(w3x1b, [2,3,5]) -> e').replace('w5x2g)', 'w5x2gz)')],
  // numbers at new places
  ['proved', OLD, added('Expand(w5gb, [2,3,5]) -> e').replace('w5x2g)', 'w5x2gz)')],
  ['differs', OLD, added('Expand(w5gb, [2,3,5]) -> e').replace('Sub(a, e)', 'Sub(a, w1)')],
  ['differs', OLD, added('Expand(w5gzb, [2,3,5]) -> e').replace('Sub(a, e)', 'Sub(a, w5gz)')],
];

const FACTORS: readonly PairCase[] = [
  factor('proved', 'Identity(w3b) -> e', 'Identity(w5gzb) -> e'),
  factor('proved', 'Identity(w3b) -> e', 'Expand(w5gzb, [2,3,5]) -> e'),
  factor('proved', 'Expand(w3b, [2,3,3]) -> e', 'Identity(w5gzb) -> e'),
  factor('proved', 'Expand(w3b, [2,3,3]) -> e', 'Expand(w5gzb, [2,3,5]) -> e'),
  factor('proved', 'Expand(w3b, [3,3]) -> e', 'Expand(w5gzb, [2,3,5]) -> e'),
  factor('proved', 'Expand(w2x1x3b, [2,3,3]) -> e', 'Expand(w2x1x5gzb, [2,3,5]) -> e'),
  factor('proved', 'Expand(w1x3x3b, [2,3,3]) -> e', 'Expand(w1x3x5gzb, [2,3,5]) -> e'),
  factor('proved', 'Identity(w1x3x3b) -> e', 'Expand(w1x3x5gzb, [2,3,5]) -> e'),
  factor('differs', 'Expand(w3b, [2,3,3]) -> e', 'Expand(w5gb, [2,3,5]) -> e'),
  factor('differs', 'Expand(w3b, [2,3,3]) -> e', 'Expand(w5gzc, [2,3,5]) -> e'),
  factor('differs', 'Expand(w2x1x3b, [2,3,3]) -> e', 'Expand(w1x3x5gzb, [2,3,5]) -> e'),
  factor('differs', 'Expand(w3x1b, [2,3,3]) -> e', 'Expand(w5gzb, [2,3,5]) -> e'),
  factor('differs', 'Expand(w1x3x3b, [2,3,3]) -> e', 'Expand(w5gzb, [2,3,5]) -> e'),
];

/** Stretched matrices in products. */
const products = (verdict: Verdict, old: string, now: string): PairCase => [verdict, `${old};MatMul(p, e) -> y`, `${now};MatMul(p, e) -> y`];
const PRODUCTS: readonly PairCase[] = [
  // a matrix for each of many, all of them one
  products('unseen', 'Identity(w4x3) -> e', 'Expand(w4x3, [2,4,3]) -> e'),
  products('unseen', 'Expand(w4x3, [2,4,3]) -> e', 'Identity(w4x3) -> e'),
  products('differs', 'Expand(w4x3, [2,4,3]) -> e', 'Expand(w1x4x3, [2,4,3]) -> e'),
  products('unseen', 'Expand(w4x1, [2,4,3]) -> e', 'Expand(w4x1, [4,3]) -> e'),
  products('differs', 'Expand(w4x3, [2,4,3]) -> e', 'Expand(w4x3b, [2,4,3]) -> e'),
  products('proved', 'Expand(w4x3, [2,4,3]) -> e', 'Expand(w4x3, [2,4,3]) -> e2;Identity(e2) -> e'),
  products('proved', 'Expand(w4x1, [4,3]) -> e', 'Expand(w4x1, [4,3]) -> e2;Identity(e2) -> e'),
  products('differs', 'Identity(w4x3) -> e', 'Identity(w2x4x3) -> e'),
  products('differs', 'Expand(w4x1, [4,3]) -> e', 'Expand(w1x3, [4,3]) -> e'),
  products('differs', 'Expand(w1x3, [4,3]) -> e', 'Expand(w1x3b, [4,3]) -> e'),
];

/** More wrong elements than are counted, and fewer. */
const COUNTED: readonly PairCase[] = [
  ['differs', 'MatMul(p, w4x30) -> y', 'MatMul(p, w4x30b) -> y'],
  ['differs', 'MatMul(p, w4x10) -> y', 'MatMul(p, w4x10b) -> y'],
  ['differs', 'Mul(p, w4) -> y', 'Mul(p, w4b) -> y'],
  ['differs', 'Mul(p, w3x4) -> y', 'Mul(p, w3x4b) -> y'],
  ['differs', 'MatMul(p, w4x3) -> h;MatMul(h, w3x30) -> y', 'MatMul(p, w4x5gz) -> h;MatMul(h, w5x30gb) -> y'],
  ['differs', 'Mul(p, w4) -> y', 'Mul(p, wlast4) -> y'],
  ['differs', 'Mul(p, w4) -> y', 'Mul(p, wone4) -> y'],
  ['differs', 'Mul(p, wone4) -> y', 'Mul(p, wlast4) -> y'],
];

const GROUPS = { 'added and taken off': ADDED, factors: FACTORS, products: PRODUCTS, 'wrong elements': COUNTED };
describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
