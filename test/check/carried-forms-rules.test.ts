/** Dimensions that an operator carries along, mixes or reads as a whole: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { after, before, itself } from '../support/grown-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';

/** Two new rows below those of p. */
const MORE = 'Exp(p) -> e;Slice(e, [0], [2], [1]) -> j;Concat(p, j) axis=1 -> n';
/** What is made of the rows of p, and of those with two below of which the first are read. */
const rows = (verdict: PairCase[0], line: (from: string, to: string) => string, more = MORE, opset?: number): PairCase => [
  verdict,
  `${line('p', 'y')}`,
  `${more};${line('n', 'd')};Slice(d, [0], [3], [1]) -> y`,
  opset,
];
const WEIGHTS = 'Reshape(p, [4,6]) -> f;Cast(f) to=3 -> b;Cast(w6) to=3 -> zb';

const WHOLES: readonly PairCase[] = [
  // scales that all elements decide
  itself(`${WEIGHTS};com.microsoft.DynamicQuantizeMatMul(p, b, w6c, zb) -> y`),
  rows('differs', (from, to) => `${WEIGHTS};com.microsoft.DynamicQuantizeMatMul(${from}, b, w6c, zb) -> ${to}`),
  rows('differs', (from, to) => `DynamicQuantizeLinear(${from}) -> k l z;DequantizeLinear(k, l, z) -> ${to}`),
  rows('proved', (from, to) => `Softmax(${from}) axis=2 -> ${to}`),
  rows('differs', (from, to) => `Softmax(${from}) axis=1 -> ${to}`),
];

const ONE = 'ReduceMax(x) axes=[2] keepdims=1 -> m';
const STRETCHED: readonly PairCase[] = [
  // one element for all places, in one operand or several
  after(
    'proved',
    `${ONE};Expand(m, [1,1,3]) -> a;Cast(a) to=7 -> b;Sub(b, b) -> ix;GatherElements(h, ix) axis=1 -> c`,
    `${ONE};Expand(m, [1,1,5]) -> a;Cast(a) to=7 -> b;Sub(b, b) -> ix;GatherElements(h, ix) axis=1 -> c`,
  ),
  after(
    'proved',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;GatherElements(h, ix) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;GatherElements(h, ix) axis=1 -> c`,
  ),
  after(
    'differs',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;GatherElements(h, ix) axis=1 -> c`,
    `${ONE};Neg(m) -> k;Sign(k) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;GatherElements(h, ix) axis=1 -> c`,
  ),
  before(
    'proved',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;GatherElements(h, ix) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;GatherElements(h, ix) axis=1 -> c`,
  ),
  after(
    'proved',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;Expand(m, [1,1,3]) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;Expand(m, [1,1,5]) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
  ),
  before(
    'differs',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;Expand(m, [1,1,3]) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;Expand(m, [1,1,5]) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
  ),
  after(
    'proved',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;Mul(h, h) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;Mul(h, h) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
  ),
  after(
    'differs',
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,3]) -> ix;Mul(h, h) -> u;ScatterElements(h, ix, u) axis=1 -> c`,
    `${ONE};Sign(m) -> g;Cast(g) to=7 -> b;Expand(b, [1,1,5]) -> ix;Mul(h, h) -> u;ScatterElements(u, ix, h) axis=1 -> c`,
  ),
];

const PLACED: readonly PairCase[] = [
  // where an element stands along a dimension that does not grow
  after('proved', 'CumSum(h, [1]) exclusive=1 -> c'),
  after('differs', 'CumSum(h, [1]) exclusive=1 -> c', 'CumSum(h, [1]) -> c'),
  after('differs', 'CumSum(h, [1]) reverse=1 -> c', 'CumSum(h, [1]) -> c'),
  before('proved', 'CumSum(h, [1]) -> c'),
  after('unseen', 'Add(i1, [0]) -> k;Squeeze(k, [0]) -> a;Mul(a, [0]) -> b;Add(b, [1]) -> d;Squeeze(d, [0]) -> g;CumSum(h, g) -> c'),
  after('proved', 'ReduceMax(h) axes=[1] -> a;ArgMax(h) axis=1 -> b;Cast(b) to=1 -> d;Mul(a, d) -> c'),
  after('differs', 'ArgMax(h) axis=1 -> b;Cast(b) to=1 -> c', 'ArgMax(h) axis=1 select_last_index=1 -> b;Cast(b) to=1 -> d;Neg(d) -> c'),
  after('proved', 'ArgMin(h) axis=1 keepdims=0 -> b;Cast(b) to=1 -> d;Unsqueeze(d, [1]) -> c'),
  after('differs', 'ArgMin(h) axis=1 -> b;Cast(b) to=1 -> c', 'ArgMax(h) axis=1 -> b;Cast(b) to=1 -> c'),
  after('proved', 'TopK(h, [2]) axis=1 -> a b;Cast(b) to=1 -> d;Mul(a, d) -> c'),
  after('differs', 'TopK(h, [2]) axis=1 -> a b;Cast(b) to=1 -> d;Mul(a, d) -> c', 'TopK(h, [2]) axis=1 largest=0 -> a b;Cast(b) to=1 -> d;Mul(a, d) -> c'),
  after('proved', 'LogSoftmax(h) axis=1 -> c'),
  before('differs', 'LogSoftmax(h) axis=1 -> c'),
  after('proved', 'Hardmax(h) axis=1 -> c'),
  after('proved', 'LpNormalization(h) axis=1 p=2 -> c'),
  after('differs', 'LpNormalization(h) axis=1 p=2 -> c', 'LpNormalization(h) axis=1 p=1 -> c'),
  after('proved', 'Transpose(h) perm=[0,2,1] -> a;AveragePool(a) kernel_shape=[2] -> b;Transpose(b) perm=[0,2,1] -> c'),
  before('proved', 'Transpose(h) perm=[0,2,1] -> a;AveragePool(a) kernel_shape=[2] -> b;Transpose(b) perm=[0,2,1] -> c'),
  after(
    'differs',
    'Transpose(h) perm=[0,2,1] -> a;AveragePool(a) kernel_shape=[2] -> b;Transpose(b) perm=[0,2,1] -> c',
    'Transpose(h) perm=[0,2,1] -> a;MaxPool(a) kernel_shape=[2] -> b;Transpose(b) perm=[0,2,1] -> c',
  ),
  before('proved', 'Transpose(h) perm=[0,2,1] -> a;MaxPool(a) kernel_shape=[2] -> b;Transpose(b) perm=[0,2,1] -> c'),
  before('proved', 'Transpose(h) perm=[0,2,1] -> a;GlobalMaxPool(a) -> b;Transpose(b) perm=[0,2,1] -> c'),
  after('proved', 'Transpose(h) perm=[0,2,1] -> a;GlobalMaxPool(a) -> b;Transpose(b) perm=[0,2,1] -> c'),
  after('proved', 'Transpose(h) perm=[2,0,1] -> a;Trilu(a) -> b;Transpose(b) perm=[1,2,0] -> c'),
  after(
    'differs',
    'Transpose(h) perm=[2,0,1] -> a;Trilu(a) -> b;Transpose(b) perm=[1,2,0] -> c',
    'Transpose(h) perm=[2,0,1] -> a;Trilu(a, [1]) -> b;Transpose(b) perm=[1,2,0] -> c',
  ),
  before('proved', 'Transpose(h) perm=[2,0,1] -> a;Trilu(a) -> b;Transpose(b) perm=[1,2,0] -> c'),
  after(
    'unseen',
    'Squeeze(h, [0]) -> a;OneHot(i, [4], w2) axis=-1 -> b;ReduceSum(b) keepdims=0 -> d;Add(a, d) -> e;Unsqueeze(e, [0]) -> c',
    'Squeeze(h, [0]) -> a;OneHot(i, [4], w2) -> b;ReduceSum(b) keepdims=0 -> d;Add(a, d) -> e;Unsqueeze(e, [0]) -> c',
  ),
];

/** A vector of channels that is read behind `t`, the channels of h. */
const channels = (verdict: PairCase[0], side: typeof after, line: string, now = line): PairCase => {
  const own = (text: string): string => `Transpose(h) perm=[0,2,1] -> t;${text} -> u;Transpose(u) perm=[0,2,1] -> c`;
  return side(verdict, own(line), own(now));
};
const CONSTANTS: readonly PairCase[] = [
  channels('proved', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5g, w5gb)'),
  channels('proved', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5gz, w5gz)'.replace('w5gz)', 'w5gzb)')),
  channels('differs', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5gb, w5g)'),
  channels('differs', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5g, w5gc)'),
  channels('differs', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5gi, w5gb)'),
  channels('differs', after, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5gn, w5gb)'),
  channels('proved', after, 'InstanceNormalization(t, w3, wzero3)', 'InstanceNormalization(t, w5g, wzero5)'),
  channels('proved', after, 'InstanceNormalization(t, w3, wzero3)', 'InstanceNormalization(t, w5g, w5gn)'),
  channels('differs', after, 'InstanceNormalization(t, w3, wzero3)', 'InstanceNormalization(t, w5g, w5gb)'),
  channels('proved', after, 'InstanceNormalization(t, wone3, w3b)', 'InstanceNormalization(t, wone5, w5gb)'),
  channels('differs', before, 'InstanceNormalization(t, w3, w3b)', 'InstanceNormalization(t, w5g, w5gb)'),
  // constants alone decide
  itself('LpNormalization(w4x3) axis=1 p=2 -> a;MatMul(x, a) -> y'),
  ['differs', 'LpNormalization(w4x3) axis=1 p=2 -> a;MatMul(x, a) -> y', 'LpNormalization(w4x3b) axis=1 p=2 -> a;MatMul(x, a) -> y'],
  ['differs', 'LpNormalization(w4x3) axis=1 p=2 -> a;MatMul(x, a) -> y', 'LpNormalization(w4x3) axis=0 p=2 -> a;MatMul(x, a) -> y'],
  [
    'proved',
    'LpNormalization(w4x3) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w3x2) -> y',
    'LpNormalization(w4x5g) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w5x2gz) -> y',
  ],
  [
    'differs',
    'LpNormalization(w4x3) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w3x2) -> y',
    'LpNormalization(w4x5g) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w5x2g) -> y',
  ],
  [
    'differs',
    'LpNormalization(w4x3) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w3x2) -> y',
    'LpNormalization(w4x5gb) axis=0 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w5x2gz) -> y',
  ],
  [
    'differs',
    'LpNormalization(w4x3) axis=1 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w3x2) -> y',
    'LpNormalization(w4x5g) axis=1 p=2 -> a;MatMul(x, a) -> c;MatMul(c, w5x2gz) -> y',
  ],
];

const GROUPS = { 'read as a whole': WHOLES, 'one element for all places': STRETCHED, places: PLACED, constants: CONSTANTS };
describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
