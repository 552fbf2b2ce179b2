/** What is put beside each other or chosen between: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { after, before, H, OUT, ROWS } from '../support/grown-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';

const G = 'MatMul(x, w4x5g) -> h';
/** The bigger matrix behind `c`, whose new rows are zero. */
const ZERO_ROWS = 'MatMul(c, w5x2gz) -> y';

/** Without growth in front. */
const same = (verdict: PairCase[0], old: string, now: string, opset?: number): PairCase => [verdict, `${H};${old}`, `${H};${now}`, opset];

const CUT = 'Slice(x, [0], [2], [2]) -> g1;Slice(x, [2], [4], [2]) -> g2;Mul(x, wzero1) -> z';
const DIRECT = 'MatMul(x, w4x2) -> y';
const JOINED_ROWS = 'MatMul(c, w12x2g) -> y';
const JOINED_ZEROS = 'MatMul(c, w12x2gz) -> y';
const SECOND = 'MatMul(x, w4x3b) -> k';
const STACK = 'Reshape(a, [0,0,2,3]) -> b;ReduceSum(b, [2]) keepdims=0 -> c';
const STACK5 = 'Reshape(a, [0,0,2,5]) -> b;ReduceSum(b, [2]) keepdims=0 -> c';
const MEAN = 'ReduceMean(h) axes=[2] keepdims=1 -> m';
const CENTRED = `${MEAN};Sub(h, m) -> c;MatMul(c, w3x2) -> y`;
/** The mean over a line that means were joined on, and what is less than it. */
const CENTRED_TOO = 'ReduceMean(h2) axes=[2] keepdims=1 -> m2;Sub(h2, m2) -> c;MatMul(c, w7x2g) -> y';

const JOINED: readonly PairCase[] = [
  // on the joined dimension
  ['proved', DIRECT, `${CUT};Concat(g1, z, g2, z) axis=2 -> c;${JOINED_ROWS}`],
  ['proved', DIRECT, `${CUT};Concat(g1, z, g2, z) axis=-1 -> c;${JOINED_ROWS}`],
  ['proved', DIRECT, `${CUT};MatMul(x, w4x4c) -> n;Concat(g1, n, g2, n) axis=2 -> c;${JOINED_ZEROS}`],
  ['differs', DIRECT, `${CUT};MatMul(x, w4x4c) -> n;Concat(g1, n, g2, n) axis=2 -> c;${JOINED_ROWS}`],
  ['unseen', DIRECT, `${CUT};Concat(g1, x, g2, x) axis=2 -> c;${JOINED_ZEROS}`],
  ['differs', DIRECT, `${CUT};Concat(g1, x, g2, x) axis=2 -> c;${JOINED_ROWS}`],
  ['differs', DIRECT, `${CUT};MatMul(x, w4x4c) -> n;Concat(g1, g2, n, n) axis=2 -> c;${JOINED_ZEROS}`],
  ['differs', DIRECT, `${CUT};Concat(x, g1, x, g2) axis=2 -> c;${JOINED_ZEROS}`],
  ['differs', DIRECT, `${CUT};Concat(g2, z, g1, z) axis=2 -> c;${JOINED_ROWS}`],
  ['differs', DIRECT, `${CUT};Shape(x) -> r;ConstantOfShape(r) value=tensor-1e39 -> n;Concat(g1, n, g2, n) axis=2 -> c;${JOINED_ZEROS}`],
  ['proved', DIRECT, `${CUT};Shape(x) -> r;ConstantOfShape(r) value=tensor0.5 -> n;Concat(g1, n, g2, n) axis=2 -> c;${JOINED_ZEROS}`],
  ['differs', DIRECT, `${CUT};Shape(x) -> r;Expand(winf4, r) -> n;Concat(g1, n, g2, n) axis=2 -> c;${JOINED_ZEROS}`],
  ['proved', 'Identity(x) -> y', `${CUT};Concat(g1, g2) axis=2 -> y`],
  ['differs', 'Identity(x) -> y', `${CUT};Concat(g2, g1) axis=2 -> y`],
  ['differs', 'Identity(x) -> y', `${CUT};Slice(x, [1], [3], [2]) -> a;Concat(g1, a) axis=2 -> y`],
  [
    'differs',
    'Identity(p) -> y',
    'Slice(p, [0], [2], [2]) -> a;Slice(p, [2], [4], [2], [1]) -> b;Exp(p) -> k;Slice(k, [2], [4], [2]) -> d;Concat(a, d) axis=2 -> y',
  ],
  ['differs', 'Identity(p) -> y', 'Slice(p, [0], [2], [2]) -> a;Slice(p, [2], [4], [2]) -> b;Neg(b) -> d;Concat(a, d) axis=2 -> y'],
  ['proved', 'Neg(p) -> y', 'Neg(p) -> n;Slice(n, [0], [2], [2]) -> a;Slice(n, [2], [4], [2]) -> b;Concat(a, b) axis=2 -> y'],
  ['proved', 'Slice(q, [0], [5], [1]) -> y', 'Slice(q, [0], [2], [1]) -> a;Slice(q, [2], [5], [1]) -> b;Concat(a, b) axis=1 -> y'],
  ['differs', 'Slice(q, [0], [5], [1]) -> y', 'Slice(q, [0], [2], [1]) -> a;Slice(q, [3], [6], [1]) -> b;Concat(a, b) axis=1 -> y'],
  ['proved', 'Slice(q, [1], [6], [1]) -> y', 'Slice(q, [1], [3], [1]) -> a;Slice(q, [3], [6], [1]) -> b;Concat(a, b) axis=1 -> y'],
  [
    'proved',
    'Transpose(x) perm=[0,2,1] -> y',
    'Transpose(x) perm=[0,2,1] -> k;Slice(k, [0], [2], [1]) -> a;Slice(k, [2], [4], [1]) -> b;Concat(a, b) axis=1 -> y',
  ],
  // a piece of one element has no step
  ['unseen', 'Identity(x) -> y', 'Slice(x, [0], [1], [2]) -> a;Slice(x, [1], [4], [2]) -> b;Concat(a, b) axis=2 -> y'],
  // pieces of one dimension that other dimensions were cut from
  [
    'proved',
    'Slice(p, [0], [2], [1]) -> y',
    'Slice(p, [0], [1], [1]) -> a;Slice(p, [1], [3], [1]) -> b;Slice(b, [0], [1], [1]) -> d;Concat(a, d) axis=2 -> n;Reshape(n, [2,2,4]) -> y',
  ],
  ['differs', 'Concat(s, s) axis=1 -> y', 'Transpose(s) perm=[1,0] -> a;Concat(s, a) axis=1 -> y'],
  [
    'proved',
    'Slice(q, [0], [6], [1], [2]) -> k;Slice(q, [1], [6], [1], [2]) -> y',
    'Slice(q, [1], [4], [1], [2]) -> a;Slice(q, [5], [6], [1]) -> b;Slice(q, [1], [6], [1], [2]) -> y',
  ],
  ['differs', 'Slice(q, [0], [6], [1]) -> y', 'Slice(q, [0], [6], [1], [2]) -> a;Slice(q, [3], [6], [1]) -> b;Concat(a, b) axis=1 -> y'],
  [
    'unseen',
    'Reshape(q, [-1,3,2]) -> a;Gather(a, [0]) axis=2 -> y',
    'Slice(q, [0], [4], [1], [2]) -> a;Slice(q, [4], [6], [1], [2]) -> b;Concat(a, b) axis=1 -> d;Unsqueeze(d, [2]) -> y',
  ],
  ['proved', 'Concat(q, q) axis=1 -> a;Slice(q, [0], [6], [1], [2]) -> y', 'Concat(q, q) axis=1 -> a;Slice(q, [0], [6], [1], [2]) -> y'],
  [
    'differs',
    'Slice(p, [0], [2], [2]) -> y',
    'Slice(p, [0], [1], [2]) -> a;Slice(p, [1], [2], [2]) -> b;Transpose(b) perm=[0,1,2] -> d;Concat(d, a) axis=2 -> y',
  ],
  ['proved', 'Concat(p, p) axis=1 -> y', 'Concat(p, p) axis=-2 -> y'],
  ['differs', 'Concat(p, p, p) axis=1 -> y', 'Concat(p, p, p) axis=2 -> a;Reshape(a, [2,9,4]) -> y'],
  ['proved', 'Concat(p, w2x3x4) axis=1 -> y', 'Concat(p, w2x3x4) axis=1 -> y'],
  ['differs', 'Concat(p, w2x3x4) axis=1 -> y', 'Concat(p, w2x3x4b) axis=1 -> y'],
  ['differs', 'Concat(p, w2x3x4) axis=1 -> y', 'Concat(w2x3x4, p) axis=1 -> y'],
  ['proved', 'Concat(w2x3x4, w2x3x4b) axis=1 -> a;Add(a, a) -> y', 'Concat(w2x3x4, w2x3x4b) axis=1 -> a;Add(a, a) -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Concat(a, a) axis=0 -> y', 'com.microsoft.Inverse(s) -> a;Concat(a, a) axis=0 -> y'],
  ['differs', 'com.microsoft.Inverse(s) -> a;Concat(a, a) axis=0 -> y', 'com.microsoft.Inverse(s) -> a;Concat(a, a) axis=1 -> y'],
  // new elements behind as many as the input has
  same('unseen', 'Identity(h) -> y', 'MatMul(x, w4x3c) -> n;Concat(h, n) axis=1 -> a;Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(a, [0], t, [1]) -> y'),
  same('differs', 'Identity(h) -> y', 'MatMul(x, w4x3c) -> n;Concat(h, n) axis=1 -> y'),
  // of a factor that all have
  same('proved', 'Concat(h, h) axis=1 -> a;Mul(a, w1) -> y', 'Mul(h, w1) -> a;Concat(a, a) axis=1 -> y'),
  same('differs', 'Concat(h, h) axis=1 -> a;Mul(a, w1) -> y', 'Mul(h, w1) -> a;Concat(h, a) axis=1 -> y'),
  same('differs', 'Concat(h, h) axis=1 -> a;Mul(a, w1) -> y', 'Mul(h, w1) -> a;Concat(a, h) axis=1 -> y'),
  same('proved', `${SECOND};Neg(k) -> n;Concat(h, n) axis=2 -> y`, `${SECOND};Neg(k) -> n;Concat(h, n) axis=2 -> y`),
  same('differs', `${SECOND};Neg(k) -> n;Concat(h, n) axis=2 -> y`, `${SECOND};Concat(h, k) axis=2 -> y`),
  // two values that grow
  ['proved', `${H};${SECOND};Concat(h, k) axis=2 -> a;${STACK};${OUT}`, `${G};MatMul(x, w4x5gb) -> k;Concat(h, k) axis=2 -> a;${STACK5};${ZERO_ROWS}`],
  [
    'proved',
    `${H};${SECOND};Concat(h, k) axis=2 -> a;${STACK};${OUT}`,
    `MatMul(x, w4x5gz) -> h;MatMul(x, w4x5gzb) -> k;Concat(h, k) axis=2 -> a;${STACK5};${ROWS}`,
  ],
  [
    'differs',
    `${H};${SECOND};Concat(h, k) axis=2 -> a;${STACK};${OUT}`,
    `MatMul(x, w4x5gz) -> h;MatMul(x, w4x5gb) -> k;Concat(h, k) axis=2 -> a;${STACK5};${ROWS}`,
  ],
  [
    'differs',
    `${H};${SECOND};Concat(h, k) axis=2 -> a;${STACK};${OUT}`,
    `MatMul(x, w4x5g) -> h;MatMul(x, w4x5gzb) -> k;Concat(h, k) axis=2 -> a;${STACK5};${ROWS}`,
  ],
  // along another dimension
  after('proved', `${SECOND};Concat(h, k) axis=1 -> c`, 'MatMul(x, w4x5gb) -> k;Concat(h, k) axis=1 -> c'),
  before('proved', `${SECOND};Concat(h, k) axis=1 -> c`, 'MatMul(x, w4x5gzb) -> k;Concat(h, k) axis=1 -> c'),
  before('differs', `${SECOND};Concat(h, k) axis=1 -> c`, 'MatMul(x, w4x5gb) -> k;Concat(h, k) axis=1 -> c'),
  after('differs', `${SECOND};Concat(h, k) axis=1 -> c`, 'MatMul(x, w4x5) -> k;Concat(h, k) axis=1 -> c'),
  after('proved', 'Concat(h, w1x2x3) axis=1 -> c', 'Concat(h, w1x2x5g) axis=1 -> c'),
  after('proved', 'Concat(w1x2x3, h) axis=1 -> c', 'Concat(w1x2x5g, h) axis=1 -> c'),
  after('differs', 'Concat(w1x2x3, h) axis=1 -> c', 'Concat(h, w1x2x5g) axis=1 -> c'),
  after('differs', 'Concat(h, w1x2x3) axis=1 -> c', 'Concat(h, w1x2x5gb) axis=1 -> c'),
  after('differs', 'Concat(h, w1x2x3) axis=1 -> c', 'Concat(h, w1x2x5gi) axis=1 -> c'),
  before('proved', 'Concat(h, w1x2x3) axis=1 -> c', 'Concat(h, w1x2x5gz) axis=1 -> c'),
  before('differs', 'Concat(h, w1x2x3) axis=1 -> c', 'Concat(h, w1x2x5g) axis=1 -> c'),
  before('proved', 'Concat(h, wzero1x2x3) axis=1 -> c', 'Concat(h, wzero1x2x5) axis=1 -> c'),
  before('differs', 'Concat(h, wzero1x2x3) axis=1 -> c', 'Concat(h, wzero1x1x5) axis=1 -> c'),
  before('proved', 'Mul(h, wzero1) -> z;Concat(h, z) axis=1 -> c'),
  after('proved', 'Mul(h, wzero1) -> z;Concat(z, h, z) axis=1 -> c'),
  after('differs', 'Mul(h, wzero1) -> z;Concat(z, h, z) axis=1 -> c', 'Mul(h, wzero1) -> z;Concat(h, z, z) axis=1 -> c'),
  after('proved', 'Mul(h, wzero1) -> z;Concat(z, z) axis=1 -> a;ReduceSum(a, [1]) -> b;Add(h, b) -> c'),
  before(
    'proved',
    'Mul(h, wzero1) -> z;Concat(z, z) axis=1 -> a;ReduceSum(a, [1]) -> b;Add(h, b) -> c',
    'Mul(h, wzero1) -> z;Concat(z, z, z) axis=1 -> a;ReduceSum(a, [1]) -> b;Add(h, b) -> c',
  ),
  // what is zero beside old elements only, joined with what is zero anywhere
  // of a new layer
  after(
    'proved',
    'Gather(h, [0]) axis=1 -> c',
    'Gather(h, [0]) axis=1 -> a;MatMul(x, w4x5c) -> n;Gather(n, [0]) axis=1 -> d;Concat(a, d) axis=1 -> b;Gather(b, [0]) axis=1 -> c',
  ),
  after(
    'differs',
    'Gather(h, [0]) axis=1 -> c',
    'Gather(h, [0]) axis=1 -> a;MatMul(x, w4x5c) -> n;Gather(n, [0]) axis=1 -> d;Concat(a, d) axis=1 -> b;Gather(b, [1]) axis=1 -> c',
  ),
  same('proved', 'Gather(h, [0]) axis=1 -> y', 'Gather(h, [0]) axis=1 -> a;Concat(a, w1x2x3) axis=1 -> b;Gather(b, [0]) axis=1 -> y'),
  same('proved', 'Gather(h, [0]) axis=1 -> y', 'Gather(h, [0]) axis=1 -> a;Concat(w1x2x3, a) axis=1 -> b;Gather(b, [2]) axis=1 -> y'),
  same('differs', 'Gather(h, [0]) axis=1 -> y', 'Gather(h, [0]) axis=1 -> a;Concat(w1x2x3, a) axis=1 -> b;Gather(b, [1]) axis=1 -> y'),
  same(
    'proved',
    'Gather(h, [0]) axis=1 -> y',
    'Gather(h, [0]) axis=1 -> a;Gather(x, [0]) axis=1 -> d;MatMul(d, w4x3c) -> n;Concat(n, a, n) axis=1 -> b;Gather(b, [1]) axis=1 -> y',
  ),
  // nothing is known of the new elements that are joined on, so those beside them may be anything
  before(
    'differs',
    'Gather(h, [0]) axis=1 -> c',
    'Gather(h, [0]) axis=1 -> a;MatMul(x, w4x5c) -> n;Gather(n, [0]) axis=1 -> d;Concat(a, d) axis=1 -> b;ReduceSum(b, [1]) -> c',
  ),
];

const MEANS: readonly PairCase[] = [
  same('proved', CENTRED, `${MEAN};Concat(h, m, m, m, m) axis=2 -> h2;${CENTRED_TOO}`),
  same('differs', CENTRED, `${MEAN};Slice(h, [0], [1], [2]) -> n;Concat(h, m, m, m, n) axis=2 -> h2;${CENTRED_TOO}`),
  same('differs', CENTRED, `${MEAN};Mul(m, w1) -> n;Concat(h, n, n, n, n) axis=2 -> h2;${CENTRED_TOO}`),
  same('differs', CENTRED, `${SECOND};ReduceMean(k) axes=[2] keepdims=1 -> m;Concat(h, m, m, m, m) axis=2 -> h2;${CENTRED_TOO}`),
  same('differs', CENTRED, `ReduceSum(h, [2]) -> m;Concat(h, m, m, m, m) axis=2 -> h2;${CENTRED_TOO}`),
  // the mean of one of two joined values
  same(
    'differs',
    `${SECOND};Concat(h, k) axis=2 -> a;ReduceMean(a) axes=[2] keepdims=1 -> m;Sub(a, m) -> y`,
    `${SECOND};ReduceMean(h) axes=[2] keepdims=1 -> m;Concat(h, k, m) axis=2 -> h2;ReduceMean(h2) axes=[2] keepdims=1 -> m2;Sub(h2, m2) -> b;Slice(b, [0], [6], [2]) -> y`,
  ),
  // the line of the mean alone is no mean of a part
  same(
    'differs',
    'Slice(h, [0], [2], [2]) -> d;ReduceMean(d) axes=[2] keepdims=1 -> m;Sub(d, m) -> y',
    `${MEAN};Concat(h, m) axis=2 -> a;Gather(a, [0,1,3]) axis=2 -> h2;ReduceMean(h2) axes=[2] keepdims=1 -> m2;Sub(h2, m2) -> b;Slice(b, [0], [2], [2]) -> y`,
  ),
  same(
    'proved',
    `${MEAN};Sub(h, m) -> y`,
    `${MEAN};Concat(h, m, m) axis=2 -> a;Gather(a, [0,1,2,3]) axis=2 -> h2;ReduceMean(h2) axes=[2] keepdims=1 -> m2;Sub(h2, m2) -> b;Slice(b, [0], [3], [2]) -> y`,
  ),
];

const PADDED: readonly PairCase[] = [
  same('proved', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,0,0,0,4]) -> c;MatMul(c, w7x2g) -> y'),
  same('proved', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,2,0,0,4]) -> c;MatMul(c, w9x2g) -> y'),
  same('differs', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,2,0,0,4]) mode=edge -> c;MatMul(c, w9x2g) -> y'),
  same('differs', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,4,0,0,2]) -> c;MatMul(c, w9x2g) -> y'),
  same('proved', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,0,0,0,4], wzero1) -> c;MatMul(c, w7x2g) -> y'),
  same('differs', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,0,0,0,4], w1) -> c;MatMul(c, w7x2g) -> y'),
  same('unseen', OUT.replace('c,', 'h,'), 'Pad(h, [0,0,0,0,0,4], w1) -> c;MatMul(c, w7x2gz) -> y'),
  ['proved', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, w4x5gz) -> h;Pad(h, [0,0,1,0,0,2]) -> c;MatMul(c, w8x2g) -> y'],
  ['proved', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, w4x5g) -> h;Pad(h, [0,0,1,0,0,2]) -> c;MatMul(c, w8x2gz) -> y'],
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, w4x5g) -> h;Pad(h, [0,0,1,0,0,2]) -> c;MatMul(c, w8x2g) -> y'],
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, w4x5g) -> h;Pad(h, [0,0,2,0,0,1]) -> c;MatMul(c, w8x2gz) -> y'],
  same('differs', 'Identity(h) -> y', 'Pad(h, [0,1,0,0,0,0]) -> y'),
  // of a shape that nobody knows
  ['unseen', 'com.microsoft.Inverse(s) -> a;Pad(a, [0,1,0,0]) -> y', 'com.microsoft.Inverse(s) -> a;Pad(a, [0,1,0,0]) -> y'],
  ['differs', 'com.microsoft.Inverse(s) -> a;Pad(a, [0,1,0,0]) -> y', 'com.microsoft.Inverse(s) -> a;Pad(a, [0,0,0,1]) -> y'],
  // more in front, less behind
  same('differs', 'Pad(h, [0,0,1,0,0,0]) -> y', 'Pad(h, [0,0,0,0,0,1]) -> y'),
  same('differs', 'Pad(h, [0,0,1,0,0,-1]) -> y', 'Pad(h, [0,0,0,0,0,0]) -> y'),
  same('proved', 'Pad(h, [0,1,0,0,2,0], w1) -> y', 'Pad(h, [0,1,0,0,2,0], w1) -> y'),
  same('differs', 'Pad(h, [0,1,0,0,2,0], w1) -> y', 'Pad(h, [0,1,0,0,2,0], w1b) -> y'),
  same('differs', 'Pad(h, [0,1,0,0,2,0], w1) -> y', 'Pad(h, [0,1,0,0,2,0]) -> y'),
  same('differs', 'Pad(h, [0,1,0,0,2,0]) -> y', 'Pad(h, [0,1,0,0,2,0], w1) -> y'),
  same('differs', 'Pad(h, [0,1,0,0,2,0]) mode=edge -> y', 'Pad(h, [0,1,0,0,2,0]) mode=reflect -> y'),
  same('differs', 'Pad(h, [0,1,0,0,2,0]) -> y', 'Pad(h, [0,2,0,0,1,0]) -> y'),
  same('unseen', 'Pad(h, [0,1,0,0,2,0]) -> y', 'Pad(h, [0,1,0,0,2,0]) mode=constant -> y'),
  after('proved', 'ReduceMax(x) keepdims=0 -> v;Pad(h, [0,1,0,0,2,0], v) -> c'),
  before('differs', 'ReduceMax(x) keepdims=0 -> v;Pad(h, [0,1,0,0,2,0], v) -> c'),
  after('differs', 'ReduceMax(x) keepdims=0 -> v;Pad(h, [0,1,0,0,2,0], v) -> c', 'ReduceMin(x) keepdims=0 -> v;Pad(h, [0,1,0,0,2,0], v) -> c'),
  before('proved', 'Pad(h, [0,1,0,0,2,0]) -> c'),
  before('differs', 'Pad(h, [0,1,0,0,2,0], w1) -> c'),
  before('proved', 'Pad(h, [0,1,0,0,1,0]) mode=reflect -> c'),
  // as operators of earlier versions say it
  after('proved', 'Pad(h) pads=[0,1,0,0,2,0] value=0.5 -> c', undefined, 10),
  before('differs', 'Pad(h) pads=[0,1,0,0,2,0] value=0.5 -> c', undefined, 10),
  before('proved', 'Pad(h) pads=[0,1,0,0,2,0] -> c', undefined, 10),
  same('proved', OUT.replace('c,', 'h,'), 'Pad(h) pads=[0,0,0,0,0,4] -> c;MatMul(c, w7x2g) -> y', 10),
  same('differs', OUT.replace('c,', 'h,'), 'Pad(h) pads=[0,0,0,0,0,4] value=0.5 -> c;MatMul(c, w7x2g) -> y', 10),
  // zeros
  same('proved', 'Identity(h) -> y', 'Mul(h, wzero1) -> z;Pad(z, [0,1,0,0,0,0]) -> a;Slice(a, [1], [9999], [1]) -> b;ReduceSum(b, [1]) -> d;Add(h, d) -> y'),
  same('differs', 'Identity(h) -> y', 'Mul(h, wzero1) -> z;Pad(z, [0,1,0,0,0,0], w1) -> a;ReduceSum(a, [1]) -> d;Add(h, d) -> y'),
  same('differs', 'Identity(h) -> y', 'Mul(h, wzero1) -> z;Pad(z, [0,1,0,0,0,0], w1) -> a;Slice(a, [0], [1], [1]) -> b;Add(h, b) -> y'),
  // as many as the input says
  same('proved', 'Concat([0,0,0,0], i1, [0]) axis=0 -> n;Pad(h, n) -> y', 'Concat([0,0,0,0], i1, [0]) axis=0 -> n;Pad(h, n) -> y'),
  same('differs', 'Concat([0,0,0,0], i1, [0]) axis=0 -> n;Pad(h, n) -> y', 'Concat([0], i1, [0,0,0,0]) axis=0 -> n;Pad(h, n) -> y'),
  after('unseen', 'Concat([0,0,0,0], i1, [0]) axis=0 -> n;Pad(h, n) -> c'),
  same(
    'proved',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([0], t, [0,0,0,0]) axis=0 -> n;Pad(h, n) -> y',
    'Shape(h) -> r;Gather(r, [1]) axis=0 -> t;Concat([0], t, [0,0,0,0]) axis=0 -> n;Pad(h, n) -> y',
  ),
  same(
    'differs',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([0], t, [0,0,0,0]) axis=0 -> n;Pad(h, n) -> y',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([0,0,0,0], t, [0]) axis=0 -> n;Pad(h, n) -> y',
  ),
  same('proved', 'Pad(h, [1,2], w1, [1]) -> y', 'Pad(h, [0,1,0,0,2,0], w1) -> y', 18),
  same('differs', 'Pad(h, [1,2], w1, [1]) -> y', 'Pad(h, [1,2], w1, [2]) -> y', 18),
];

const GROUPS = { Concat: JOINED, means: MEANS, Pad: PADDED };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
