/** What every node is held against, and what dimensions of several operands say together: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { judged, judgedAll, type PairCase } from '../support/rule-pairs.ts';

const HANDED_ON: readonly PairCase[] = [
  ['proved', 'Identity(p) -> a;Identity(a) -> y', 'Dropout(p) -> y'],
  ['proved', 'Exp(p) -> y', 'Identity(p) -> a;Exp(a) -> y'],
  ['differs', 'Exp(p) -> y', 'Neg(p) -> a;Exp(a) -> y'],
  ['unseen', 'Identity(p) -> y', 'Dropout(p) -> a n;Cast(n) to=1 -> b;Mul(a, b) -> y'],
  ['proved', 'Dropout(p) -> a n;Cast(n) to=1 -> b;Mul(a, b) -> y', 'Dropout(p) -> a n;Cast(n) to=1 -> b;Mul(a, b) -> y'],
  ['proved', 'Identity(p) -> y', 'Cast(p) to=1 -> y'],
  ['unseen', 'Identity(p) -> y', 'Cast(p) to=11 -> a;Cast(a) to=1 -> y'],
  ['differs', 'Identity(p) -> y', 'Cast(p) to=7 -> a;Cast(a) to=1 -> y'],
  ['proved', 'Cast(p) to=7 -> a;Cast(a) to=1 -> y', 'Cast(p) to=7 -> a;Cast(a) to=7 -> b;Cast(b) to=1 -> y'],
  ['differs', 'Cast(p) to=7 -> a;Cast(a) to=1 -> y', 'Cast(p) to=9 -> a;Cast(a) to=1 -> y'],
  // the element type of an operator that nobody knows
  ['proved', 'com.microsoft.Inverse(s) -> a;Neg(a) -> y', 'com.microsoft.Inverse(s) -> b;Neg(b) -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> y', 'com.microsoft.Inverse(s) -> a;Cast(a) to=1 -> y'],
  ['proved', 'com.microsoft.Inverse(s) -> y', 'Cast(s) to=1 -> a;com.microsoft.Inverse(a) -> y'],
  ['differs', 'com.microsoft.Inverse(s) -> y', 'Transpose(s) perm=[1,0] -> a;com.microsoft.Inverse(a) -> y'],
  // numbers that follow from sizes
  ['proved', 'Shape(p) -> y', 'Identity([2,3,4]) -> y'],
  ['differs', 'Shape(p) -> y', 'Identity([2,4,3]) -> y'],
  ['proved', 'Shape(x) -> y', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([1], t, [4]) axis=0 -> y'],
  ['differs', 'Shape(x) -> y', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([1,4], t) axis=0 -> y'],
  ['differs', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> y', 'Shape(x) -> r;Gather(r, [2]) axis=0 -> y'],
  ['proved', 'Size(p) -> y', 'Squeeze([24], [0]) -> y'],
  ['differs', 'Size(p) -> y', 'Squeeze([12], [0]) -> y'],
  ['differs', 'Size(p) -> a;Unsqueeze(a, [0]) -> y', 'Squeeze([24], [0]) -> a;Unsqueeze(a, [0]) -> b;Concat(b, b) axis=0 -> y'],
  ['proved', 'Shape(x) -> r;Cast(r) to=1 -> a;ReduceProd(a) keepdims=0 -> y', 'Shape(x) -> r;Cast(r) to=1 -> a;ReduceProd(a) keepdims=0 -> y'],
  ['proved', 'Shape(x) -> r;Cast(r) to=6 -> a;Cast(a) to=1 -> y', 'Shape(x) -> r;Cast(r) to=6 -> a;Cast(a) to=1 -> y'],
  // constants
  ['proved', 'Add(w4, w4b) -> k;Add(x, k) -> y', 'Add(w4b, w4) -> k;Add(k, x) -> y'],
  ['differs', 'Add(w4, w4b) -> k;Add(x, k) -> y', 'Sub(w4, w4b) -> k;Add(x, k) -> y'],
  ['unseen', 'Add(x, w4) -> y', 'Reshape(w4, [2,2]) -> a;Flatten(a) axis=0 -> b;Add(x, b) -> y'],
  ['differs', 'Add(x, w4) -> y', 'Reshape(w4, [2,2]) -> a;Transpose(a) perm=[1,0] -> d;Flatten(d) axis=0 -> b;Add(x, b) -> y'],
  ['proved', 'Identity(x) -> y', 'Split(w1x5gz, [1,1,3]) axis=1 -> a b d;Mul(x, b) -> z;Add(x, z) -> y'],
  ['differs', 'Identity(x) -> y', 'Split(w1x5gz, [1,1,3]) axis=1 -> a b d;Mul(x, a) -> z;Add(x, z) -> y'],
  ['proved', 'Mul(x, w1) -> y', 'Split(w1x5gz, [1,1,3]) axis=1 -> a b d;Mul(x, w1) -> z;Add(z, b) -> y'],
  ['differs', 'Split(w6, [3,3]) axis=0 -> a b;ReduceSum(a) -> d;Add(x, d) -> y', 'Split(w6, [3,3]) axis=0 -> a b;ReduceSum(b) -> d;Add(x, d) -> y'],
  ['proved', 'Split(w8, [4,4]) axis=0 -> a b;Add(x, b) -> y', 'Split(w8, [4,4]) axis=0 -> a b;Add(b, x) -> y'],
  ['differs', 'Split(w8, [4,4]) axis=0 -> a b;Add(x, b) -> y', 'Split(w8, [4,4]) axis=0 -> a b;Add(x, a) -> y'],
  // factors with which the old graph has a value
  ['proved', 'Mul(x, w1) -> a;Exp(a) -> y', 'Mul(w1, x) -> a;Exp(a) -> y'],
  ['differs', 'Mul(x, w1) -> a;Exp(a) -> y', 'Exp(x) -> a;Mul(w1, a) -> y'],
  ['proved', 'Mul(x, w1) -> a;Neg(x) -> b;Add(a, b) -> d;Exp(d) -> y', 'Sub(w1, wone1) -> k;Mul(x, k) -> d;Exp(d) -> y'],
];

/** A numbers that is not finite, in old and new graph, and a new one that is multiplied with zero. */
const nothing = (lines: string): readonly [string, string] => [`${lines};Identity(x) -> y`, `${lines};Mul(m, wzero1) -> z;ReduceSum(z) -> u;Add(x, u) -> y`];

const OPEN = [
  'Add(x, wmask4) -> m',
  'Sub(x, wmask4) -> m',
  'Mul(x, winf4) -> m',
  'Div(winf4, x) -> m',
  'Greater(x, wzero1) -> g;Where(g, x, winf1) -> m',
  'Max(x, wmask4) -> m',
  'Min(x, wmask4) -> m',
  'Unsqueeze(x, [0]) -> a;Concat(x, winf1x1x4) axis=1 -> m',
  'Expand(wmask4, [2,4]) -> m',
  'Shape(x) -> r;Expand(wmask4, r) -> m',
  'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(wmask6, [0], t) -> m',
  'Gather(wmask6, i) -> m',
  'Shape(x) -> r;ConstantOfShape(r) value=tensor-1e39 -> m',
  'Pad(x, [0,1,0,0,0,0], winf1) -> m',
  'Add(x, wmask4) -> a;Neg(a) -> m',
  'Add(x, wmask4) -> a;Transpose(a) perm=[0,2,1] -> m',
  'Add(x, wmask4) -> a;Add(a, x) -> m',
  'Add(x, wmask4) -> a;MatMul(a, w4x3) -> m',
  'Add(x, wmask4) -> a;Identity(a) -> b;Mul(b, b) -> m',
  'Add(x, wmask4) -> a;Split(a) axis=2 -> b m',
];
const CLOSED = ['Softmax(a) axis=2', 'Exp(a)', 'Sigmoid(a)', 'Tanh(a)', 'Relu(a)'].map((own) => `Add(x, wmask4) -> a;${own} -> m`);
const COUNTED = ['Equal(a, x)', 'Less(a, x)', 'LessOrEqual(a, x)', 'Greater(a, x)', 'GreaterOrEqual(a, x)', 'IsNaN(a)', 'IsInf(a)'].map(
  (own) => `Add(x, wmask4) -> a;${own} -> b;Cast(b) to=1 -> m`,
);
const SHAPED = ['Add(x, wmask4) -> a;Shape(a) -> b;Cast(b) to=1 -> m', 'Add(x, wmask4) -> a;IsNaN(a) -> b;Not(b) -> d;Cast(d) to=1 -> m'];

/** The same in the new graph alone. */
const NEW = [
  'Div(x, wzero4)',
  'Div(x, wlast4)',
  'Reciprocal(wlast4)',

  'Div(x, a)',
  'Div(a, a)',
  'Reciprocal(a)',
  'Div(wone1, a)',
  'Mul(x, winf1)',
  'Mul(a, winf4)',
  'Add(x, winf4)',
  'Add(a, wmask4)',
  'Exp(a)',
  'Div(a, wone1)',
  'Div(a, wlast4)',
  'Mul(a, wlast4)',
  'Sqrt(a)',
  'Log(a)',
];

/** h has its old elements elsewhere than k. */
const TWO = 'MatMul(x, w4x3) -> h;MatMul(x, w4x3d) -> k;MatMul(h, w3x2) -> y1;MatMul(k, w3x2d) -> y2';
const TWO_TOO = 'MatMul(x, w4x5g) -> h;MatMul(x, w4x5gd) -> k;MatMul(h, w5x2gz) -> y1;MatMul(k, w5x2gzd) -> y2';
const behind = (verdict: PairCase[0], old: string, now: string): PairCase => [
  verdict,
  `${TWO};${old};MatMul(c1, w3x2) -> y3;MatMul(c2, w3x2d) -> y4;-> y1 y2 y3 y4`,
  `${TWO_TOO};${now};MatMul(c1, w5x2gz) -> y3;MatMul(c2, w5x2gzd) -> y4;-> y1 y2 y3 y4`,
];
const REALIGNED: readonly PairCase[] = [
  behind('proved', 'Neg(h) -> c1;Neg(k) -> c2', 'Neg(h) -> c1;Neg(k) -> c2'),
  behind('differs', 'Neg(h) -> c1;Neg(k) -> c2', 'Neg(k) -> c1;Neg(h) -> c2'),
  // a value of a new layer that is taken away again
  behind('proved', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Add(h, n) -> a;Sub(a, n) -> c1;Add(k, n) -> b;Sub(b, n) -> c2'),
  behind('differs', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Add(h, n) -> a;Add(a, n) -> c1;Add(k, n) -> b;Sub(b, n) -> c2'),
  behind('differs', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Add(h, n) -> a;Sub(a, n) -> c1;Add(k, n) -> b;Sub(n, b) -> c2'),
  // zeros at old places of both
  behind('proved', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, wzero5) -> z;Add(h, z) -> c1;Add(k, z) -> c2'),
  behind('proved', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, wlast5) -> z;Add(h, z) -> c1;Add(k, z) -> c2'),
  behind('proved', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, w5gn) -> z;Mul(n, w5gnd) -> o;Add(h, z) -> c1;Add(k, o) -> c2'),
  behind('differs', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, w5gn) -> z;Add(h, z) -> c1;Add(k, z) -> c2'),
  behind('differs', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, w5gnd) -> z;Add(h, z) -> c1;Add(k, z) -> c2'),
  behind('differs', 'Identity(h) -> c1;Identity(k) -> c2', 'MatMul(x, w4x5c) -> n;Mul(n, w5gn) -> z;Mul(n, w5gnd) -> o;Add(h, o) -> c1;Add(k, z) -> c2'),
  // one element for all
  behind(
    'unseen',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,3]) -> e;Add(h, e) -> c1;Add(k, e) -> c2',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,5]) -> e;Add(h, e) -> c1;Add(k, e) -> c2',
  ),
  behind(
    'unseen',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,3]) -> e;Mul(h, e) -> c1;Sub(e, k) -> c2',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,5]) -> e;Mul(h, e) -> c1;Sub(e, k) -> c2',
  ),
  behind(
    'differs',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,3]) -> e;Add(h, e) -> c1;Add(k, e) -> c2',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,5]) -> e;Add(h, e) -> c1;Add(h, e) -> c2',
  ),
  behind(
    'differs',
    'ReduceMean(x) axes=[2] -> m;Expand(m, [1,1,3]) -> e;Add(h, e) -> c1;Add(k, e) -> c2',
    'ReduceMax(x) axes=[2] -> m;Expand(m, [1,1,5]) -> e;Add(h, e) -> c1;Add(k, e) -> c2',
  ),
  behind('proved', 'Identity(h) -> c1;ReduceMean(k) axes=[1] -> m;Add(k, m) -> c2', 'Identity(h) -> c1;ReduceMean(k) axes=[1] -> m;Add(m, k) -> c2'),
  behind('differs', 'Identity(h) -> c1;ReduceMean(k) axes=[1] -> m;Add(k, m) -> c2', 'Identity(h) -> c1;ReduceMean(h) axes=[1] -> m;Add(m, k) -> c2'),
];

/** Keys are joined on a cache, and queries meet all of them. */
const attend = (past: string, keys: string, queries: string, more = ''): string =>
  `MatMul(x, ${keys}) -> k;Concat(past, k) axis=1 -> present;MatMul(x, ${queries}) -> r;Transpose(present) perm=[0,2,1] -> t;MatMul(r, t) -> y${more};-> y present`.replace(
    'past, k',
    past,
  );
const turned = (keys: string, queries: string): string =>
  `Transpose(past) perm=[0,2,1] -> a;MatMul(x, ${keys}) -> k;Transpose(k) perm=[0,2,1] -> b;Concat(a, b) axis=2 -> t;MatMul(x, ${queries}) -> r;MatMul(r, t) -> y;Transpose(t) perm=[0,2,1] -> present;-> y present`;
const CACHED: readonly PairCase[] = [
  ['proved', attend('past, k', 'w4x3', 'w4x3b'), `wider;${attend('past, k', 'w4x5gz', 'w4x5gb')}`],
  ['proved', attend('past, k', 'w4x3', 'w4x3b'), `wider;${attend('past, k', 'w4x5g', 'w4x5gzb')}`],
  ['differs', attend('past, k', 'w4x3', 'w4x3b'), `wider;${attend('past, k', 'w4x5g', 'w4x5gb')}`],
  ['differs', attend('past, k', 'w4x3', 'w4x3b'), `wider;${attend('k, past', 'w4x5gz', 'w4x5gb')}`],
  ['proved', attend('k, past', 'w4x3', 'w4x3b'), `wider;${attend('k, past', 'w4x5gz', 'w4x5gb')}`],
  ['differs', attend('past, k', 'w4x3', 'w4x3b'), `wider;${attend('past, k', 'w4x5gz', 'w4x5g')}`],
  ['proved', turned('w4x3', 'w4x3b'), `wider;${turned('w4x5gz', 'w4x5gb')}`],
  ['proved', turned('w4x3', 'w4x3b'), `wider;${turned('w4x5g', 'w4x5gzb')}`],
  ['differs', turned('w4x3', 'w4x3b'), `wider;${turned('w4x5g', 'w4x5gb')}`],
  ['unseen', attend('past, k', 'w4x3', 'w4x3b'), `wider;${turned('w4x5gz', 'w4x5gb')}`],
  ['unseen', turned('w4x3', 'w4x3b'), `wider;${attend('past, k', 'w4x5gz', 'w4x5gb')}`],
];

const GROUPS = { 'what is handed on': HANDED_ON, 'other places': REALIGNED, caches: CACHED };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});

describe('zero times what may be no number', () => {
  test('of both graphs', async () => {
    expect(await judgedAll([...OPEN, ...CLOSED, ...COUNTED, ...SHAPED], nothing)).toMatchSnapshot();
  });

  test('of the new graph', async () => {
    const own = (line: string): readonly [string, string] => ['Identity(x) -> y', `Mul(x, wzero1) -> a;${line} -> m;Mul(m, wzero1) -> z;Add(x, z) -> y`];
    expect(await judgedAll(NEW, own)).toMatchSnapshot();
  });

  test('of the new graph, beside old elements', async () => {
    const own = (line: string): readonly [string, string] => [
      'MatMul(x, w4x2) -> y',
      `Mul(x, wzero1) -> a;${line} -> b;Add(x, b) -> m;Slice(x, [0], [2], [2]) -> g1;Slice(x, [2], [4], [2]) -> g2;Concat(g1, m, g2, m) axis=2 -> c;MatMul(c, w12x2gz) -> y`,
    ];
    expect(await judgedAll(NEW, own)).toMatchSnapshot();
  });
});
