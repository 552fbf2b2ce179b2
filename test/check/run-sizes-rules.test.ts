/** Sizes that only a run decides, by each operator that reads one: an old size where it is counted of an old value, and equal to nothing otherwise. */
import { describe, expect, test } from 'vitest';
import { judged, type PairCase, type Verdict } from '../support/rule-pairs.ts';

/** `n`: how many elements of x are positive. */
const COUNT = 'Relu(x) -> ra;NonZero(ra) -> nz;Shape(nz) -> sz;Gather(sz, [1]) axis=0 -> n';
/** The same count in other words, and counts of something else. */
const AGAIN = 'Relu(x) -> ra;Identity(ra) -> rb;NonZero(rb) -> nz;Shape(nz) -> sz;Slice(sz, [1], [2]) -> n';
const OTHER = 'Neg(x) -> xn;Relu(xn) -> ra;NonZero(ra) -> nz;Shape(nz) -> sz;Gather(sz, [1]) axis=0 -> n';
const RANK = 'Relu(x) -> ra;NonZero(ra) -> nz;Shape(nz) -> sz;Gather(sz, [0]) axis=0 -> n';

const READERS: Readonly<Record<string, string>> = {
  Pad: 'Concat([0,0,0,0], n, [0]) axis=0 -> pads;Pad(h, pads) -> c',
  'Pad in front': 'Concat([0], n, [0,0,0,0]) axis=0 -> pads;Pad(h, pads) -> c',
  Tile: 'Concat([1], n, [1]) axis=0 -> reps;Tile(h, reps) -> c',
  'the start of Slice': 'Concat(h, h, h, h, h, h, h, h) axis=1 -> hh;Slice(hh, n, [99], [1]) -> c',
  'the end of Slice': 'Concat(h, h, h, h, h, h, h, h) axis=1 -> hh;Slice(hh, [0], n, [1]) -> c',
  Expand: 'Concat(n, [1,1]) axis=0 -> to;Expand(h, to) -> c',
  ConstantOfShape: 'Concat([1], n, [1]) axis=0 -> to;ConstantOfShape(to) -> z;ReduceSum(h, [1]) keepdims=1 -> hs;Add(hs, z) -> c',
  Gather: 'Gather(nz, [1]) axis=0 -> at;Squeeze(at, [0]) -> i0;Gather(h, i0) axis=1 -> c',
  Reshape:
    'Concat(n, [1,1]) axis=0 -> to;Expand(h, to) -> e;Concat([1], n, [-1]) axis=0 -> t2;Reshape(e, t2) -> e2;Shape(h) -> sh;Gather(sh, [1]) axis=0 -> tt;Concat(n, tt, [-1]) axis=0 -> t3;Reshape(e2, t3) -> c',
  'a number': 'Cast(n) to=1 -> f;Mul(h, f) -> c',
  Range:
    'Squeeze(n, [0]) -> n0;Squeeze([0], [0]) -> start;Squeeze([1], [0]) -> step;Range(start, n0, step) -> r;Cast(r) to=1 -> f;ReduceSum(f, [0]) keepdims=1 -> fs;Mul(h, fs) -> c',
};

const whole = (verdict: Verdict, reader: string, old = COUNT, now = COUNT): PairCase => [
  verdict,
  `${old};MatMul(x, w4x3) -> h;${reader};MatMul(c, w3x2) -> y`,
  `${now};MatMul(x, w4x5g) -> h;${reader};MatMul(c, w5x2gz) -> y`,
];
const plain = (verdict: Verdict, reader: string, old: string, now: string): PairCase => [
  verdict,
  `${old};MatMul(x, w4x3) -> h;${reader}`,
  `${now};MatMul(x, w4x3) -> h;${reader}`,
];

describe.each(Object.entries(READERS))('%s', (_, reader) => {
  test('through a width that grows', async () => {
    expect(await judged(whole('proved', reader))).toMatchSnapshot();
  });
  test('counted in other words', async () => {
    expect(await judged(plain('proved', reader, COUNT, AGAIN))).toMatchSnapshot();
  });
  test('of something else', async () => {
    expect(await judged(plain('differs', reader, COUNT, OTHER))).toMatchSnapshot();
    if (reader.includes('nz')) return;
    expect(await judged(plain('differs', reader, COUNT, RANK))).toMatchSnapshot();
  });
});
