/** What is multiplied less its mean multiplied alike: new elements that are the mean of the old ones leave nothing of it, however it is spelled. */
import { describe, expect, test } from 'vitest';
import { judged, type Verdict } from '../support/rule-pairs.ts';

/** Weights by letter, old and new ones: of `h`, factors, summands that are zero at new places, and a number. */
const WEIGHTS: Readonly<Record<string, readonly [old: string, now: string]>> = {
  H: ['w4x3', 'w4x5gm'],
  K: ['w4x3e', 'w4x5gme'],
  F: ['w3', 'w5g'],
  G: ['w3b', 'w5gb'],
  B: ['w3c', 'w5gzc'],
  C: ['w3e', 'w5gze'],
  S: ['w1', 'w1'],
  Y: ['w3x4', 'w5x4g'],
};

/** Lines that make `d` of `h` and its mean `m`, between two products. */
const whole = (lines: string, side: 0 | 1): string =>
  `MatMul(x, H) -> h;ReduceMean(h) axes=[2] keepdims=1 -> m;${lines};MatMul(d, Y) -> y`.replace(/\b[A-Z]\b/g, (letter) => WEIGHTS[letter]?.[side] ?? letter);

const BOTH = 'Mul(h, F) -> a;Mul(m, F) -> b';
const DIVIDED = 'Div(h, F) -> a;Div(m, F) -> b';
/** A value times one number, so often. */
const often = (value: string, count: number, last: string): string =>
  Array.from({ length: count }, (_, k) => `Mul(${k === 0 ? value : `${last}${k - 1}`}, F) -> ${k === count - 1 ? last : `${last}${k}`}`).join(';');

const CASES: readonly (readonly [verdict: Verdict, lines: string])[] = [
  ['proved', 'Sub(h, m) -> d'],
  ['proved', `${BOTH};Sub(a, b) -> d`],
  ['proved', `${BOTH};Sub(b, a) -> d`],
  ['proved', 'Mul(F, h) -> a;Mul(m, F) -> b;Sub(a, b) -> d'],
  ['proved', 'Mul(h, F) -> a;Mul(F, m) -> b;Sub(b, a) -> d'],
  ['proved', 'Mul(h, S) -> a;Mul(m, S) -> b;Sub(a, b) -> d'],
  // summands on either side of either
  ['proved', `${BOTH};Sub(B, b) -> e;Add(a, e) -> d`],
  ['proved', `${BOTH};Sub(B, b) -> e;Add(e, a) -> d`],
  ['proved', `${BOTH};Sub(b, B) -> e;Sub(a, e) -> d`],
  ['proved', `${BOTH};Sub(b, B) -> e;Sub(e, a) -> d`],
  ['proved', `${BOTH};Add(b, B) -> e;Sub(a, e) -> d`],
  ['proved', `${BOTH};Add(B, b) -> e;Sub(e, a) -> d`],
  ['proved', `${BOTH};Sub(a, B) -> e;Sub(e, b) -> d`],
  ['proved', `${BOTH};Sub(B, a) -> e;Add(e, b) -> d`],
  ['proved', `${BOTH};Add(B, a) -> e;Sub(e, b) -> d`],
  ['proved', `${BOTH};Add(a, B) -> e;Sub(b, C) -> k;Sub(e, k) -> d`],
  ['proved', `${BOTH};Sub(B, a) -> e;Sub(C, b) -> k;Sub(e, k) -> d`],
  ['proved', `${BOTH};Sub(b, a) -> e;Sub(B, e) -> d`],
  ['proved', `Sub(h, m) -> e;Add(B, e) -> d`],
  ['proved', `Add(h, B) -> e;Sub(e, m) -> d`],
  ['proved', `Sub(B, m) -> e;Add(e, h) -> d`],
  // quotients and products of products
  ['proved', `${DIVIDED};Sub(a, b) -> d`],
  ['proved', `${DIVIDED};Sub(B, b) -> e;Add(a, e) -> d`],
  ['proved', 'Mul(h, G) -> k;Div(k, F) -> a;Div(m, F) -> l;Mul(l, G) -> b;Sub(a, b) -> d'],
  ['proved', 'Div(h, G) -> k;Div(k, F) -> a;Div(m, F) -> l;Div(l, G) -> b;Sub(a, b) -> d'],
  ['proved', 'Mul(F, G) -> k;Mul(h, k) -> a;Mul(m, F) -> l;Mul(l, G) -> b;Sub(a, b) -> d'],
  ['proved', 'Mul(h, h) -> qq;Mul(qq, F) -> a;Mul(m, F) -> l;Mul(l, h) -> b;Sub(a, b) -> d'],
  ['proved', 'Mul(h, m) -> k;Mul(m, m) -> l;Sub(k, l) -> d'],
  ['proved', 'Mul(h, S) -> u;ReduceMean(u) axes=[2] keepdims=1 -> n;Mul(u, F) -> a;Mul(n, F) -> b;Sub(a, b) -> d'],
  ['proved', 'Div(h, S) -> u;ReduceMean(u) axes=[2] keepdims=1 -> n;Mul(u, F) -> a;Mul(n, F) -> b;Sub(a, b) -> d'],
  ['proved', 'Mul(h, S) -> u;ReduceMean(u) axes=[2] keepdims=1 -> n;Div(u, F) -> a;Div(n, F) -> b;Sub(a, b) -> d'],
  ...[2, 5, 8].map((count) => ['proved', `${often('h', count, 'a')};${often('m', count, 'b')};Sub(a, b) -> d`] as const),
  // so many factors are not compared
  ...[9, 10].map((count) => ['unseen', `${often('h', count, 'a')};${often('m', count, 'b')};Sub(a, b) -> d`] as const),
  // none of these leaves nothing of the mean
  ['differs', `${BOTH};Add(a, b) -> d`],
  ['differs', `${BOTH};Sub(a, B) -> d`],
  ['differs', `${BOTH};Sub(B, b) -> d`],
  ['differs', `${BOTH};Add(a, B) -> e;Sub(e, C) -> d`],
  ['differs', `${BOTH};Mul(a, b) -> d`],
  ['differs', `${BOTH};Add(a, B) -> e;Add(b, C) -> k;Add(e, k) -> d`],
  ['differs', `${BOTH};Sub(B, a) -> e;Sub(e, b) -> d`],
  ['differs', 'Mul(h, F) -> a;Mul(m, G) -> b;Sub(a, b) -> d'],
  ['differs', 'Mul(h, F) -> a;Div(m, F) -> b;Sub(a, b) -> d'],
  ['differs', 'Div(h, F) -> a;Mul(m, F) -> b;Sub(a, b) -> d'],
  ['differs', 'Mul(h, F) -> a;Sub(a, m) -> d'],
  ['differs', 'Mul(m, F) -> b;Sub(h, b) -> d'],
  ['differs', 'MatMul(x, K) -> k;Mul(k, F) -> a;Mul(m, F) -> b;Sub(a, b) -> d'],
  ['differs', 'ReduceMean(h) axes=[1] keepdims=1 -> n;Mul(h, F) -> a;Mul(n, F) -> b;Sub(a, b) -> d'],
  ['differs', 'ReduceMax(h) axes=[2] keepdims=1 -> n;Mul(h, F) -> a;Mul(n, F) -> b;Sub(a, b) -> d'],
];

describe('a width that grows by means', () => {
  test.each(CASES.map(([verdict, lines]) => [lines, verdict] as const))('%s', async (lines, verdict) => {
    expect(await judged([verdict, whole(lines, 0), whole(lines, 1)])).toMatchSnapshot();
  });
});

describe('other spellings', () => {
  const mean = 'ReduceMean(p) axes=[2] keepdims=1 -> m';
  const joined = `${mean};Sub(p, m) -> e`;
  const wholes = 'Add(p, p) -> p2;Add(p2, p2) -> p4;Add(p4, p4) -> p8;Cast(p8) to=6 -> ii;Cast([3]) to=6 -> f;ReduceMean(ii) axes=[2] keepdims=1 -> m';
  test.each<readonly [verdict: Verdict, old: string, now: string]>([
    ['proved', `${mean};Mul(p, w4) -> a;Mul(m, w4) -> b;Sub(a, b) -> y`, `${joined};Mul(e, w4) -> y`],
    ['differs', `${mean};Mul(p, w4) -> a;Mul(m, w4) -> b;Sub(a, b) -> y`, `${joined};Mul(e, w4b) -> y`],
    ['differs', `${mean};Mul(p, w4) -> a;Mul(m, w4) -> b;Sub(a, b) -> y`, `${joined};Div(e, w4) -> y`],
    ['differs', `${mean};Div(w4, p) -> a;Div(w4, m) -> b;Sub(a, b) -> y`, `${joined};Div(w4, e) -> y`],
    // quotients of whole numbers are cut
    ['differs', `${wholes};Div(ii, f) -> a;Div(m, f) -> b;Sub(a, b) -> y`, `${wholes};Sub(ii, m) -> e;Div(e, f) -> y`],
  ])('%s: %s', async (verdict, old, now) => {
    expect(await judged([verdict, old, now])).toMatchSnapshot();
  });
});
