/** What is put beside each other or chosen between: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { judged, type PairCase } from '../support/rule-pairs.ts';

const H = 'MatMul(x, w4x3) -> h';
const G = 'MatMul(x, w4x5g) -> h';
const OUT = 'MatMul(c, w3x2) -> y';
/** The bigger matrix behind `c`, whose new rows are zero; and with others. */
const ZERO_ROWS = 'MatMul(c, w5x2gz) -> y';
const ROWS = 'MatMul(c, w5x2g) -> y';

/** Old lines that make `c` of `h`, and new ones; what is behind is zero at new elements. */
const after = (verdict: PairCase[0], old: string, now = old, opset?: number): PairCase => [verdict, `${H};${old};${OUT}`, `${G};${now};${ZERO_ROWS}`, opset];
/** The same, where only what comes before is zero there. */
const before = (verdict: PairCase[0], old: string, now = old, opset?: number): PairCase => [
  verdict,
  `${H};${old};${OUT}`,
  `MatMul(x, w4x5gz) -> h;${now};${ROWS}`,
  opset,
];
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

const TABLES: readonly PairCase[] = [
  ['proved', 'Gather(w6x3, i) axis=0 -> c;MatMul(c, w3x2) -> y', 'Gather(w6x5g, i) axis=0 -> c;MatMul(c, w5x2gz) -> y'],
  ['proved', 'Gather(w6x3, i) axis=0 -> c;MatMul(c, w3x2) -> y', 'Gather(w6x5gz, i) axis=0 -> c;MatMul(c, w5x2g) -> y'],
  ['differs', 'Gather(w6x3, i) axis=0 -> c;MatMul(c, w3x2) -> y', 'Gather(w6x5g, i) axis=0 -> c;MatMul(c, w5x2g) -> y'],
  ['differs', 'Gather(w6x3, i) axis=0 -> c;MatMul(c, w3x2) -> y', 'Gather(w6x5gi, i) axis=0 -> c;MatMul(c, w5x2gz) -> y'],
  ['differs', 'Gather(w6x3, i) axis=0 -> c;MatMul(c, w3x2) -> y', 'Gather(w6x5gb, i) axis=0 -> c;MatMul(c, w5x2gz) -> y'],
  [
    'proved',
    'Gather(w3x6, i) axis=1 -> a;Transpose(a) perm=[1,0] -> c;MatMul(c, w3x2) -> y',
    'Gather(w5x6g, i) axis=1 -> a;Transpose(a) perm=[1,0] -> c;MatMul(c, w5x2gz) -> y',
  ],
  [
    'proved',
    'Gather(w3x6, i) axis=-1 -> a;Transpose(a) perm=[1,0] -> c;MatMul(c, w3x2) -> y',
    'Gather(w5x6gz, i) axis=1 -> a;Transpose(a) perm=[1,0] -> c;MatMul(c, w5x2g) -> y',
  ],
  ['differs', 'Gather(w6x6, i) axis=1 -> a;Transpose(a) perm=[1,0] -> y', 'Gather(w6x6, i) axis=0 -> y'],
  ['differs', 'Gather(w6x3, i) -> y', 'Sub(i, i) -> k;Gather(w6x3, k) -> y'],
  ['proved', 'Unsqueeze(i, [0]) -> k;Gather(w6x3, k) -> c;MatMul(c, w3x2) -> y', 'Unsqueeze(i, [0]) -> k;Gather(w6x5g, k) -> c;MatMul(c, w5x2gz) -> y'],
  ['proved', 'Squeeze(i1, [0]) -> k;Gather(w6x3, k) -> c;MatMul(c, w3x2) -> y', 'Squeeze(i1, [0]) -> k;Gather(w6x5g, k) -> c;MatMul(c, w5x2gz) -> y'],
  ['proved', 'Gather(p, i) axis=1 -> y', 'Gather(p, i) axis=-2 -> y'],
  ['differs', 'Gather(p, i) axis=1 -> y', 'Gather(p, i) axis=0 -> y'],
  ['differs', 'Gather(p, i2) axis=1 -> a;ReduceSum(a) -> y', 'Gather(p, i2) axis=2 -> a;ReduceSum(a) -> y'],
  ['proved', 'Squeeze(x, [0]) -> a;Gather(a, i) -> b;MatMul(b, w4x3) -> y', 'Squeeze(x, [0]) -> a;Gather(a, i) -> b;MatMul(b, w4x3) -> y'],
  after('proved', 'Squeeze(h, [0]) -> a;Gather(a, i2) -> b;Unsqueeze(b, [0]) -> c'),
  before('proved', 'Squeeze(h, [0]) -> a;Gather(a, i2) -> b;Unsqueeze(b, [0]) -> c'),
  after('proved', 'Mul(h, w1) -> m;Gather(m, i2) axis=1 -> c'),
  after('proved', 'Mul(h, w1) -> m;Gather(m, i2) axis=1 -> c', 'Gather(h, i2) axis=1 -> m;Mul(m, w1) -> c'),
  after('differs', 'Mul(h, w1) -> m;Gather(m, i2) axis=1 -> c', 'Gather(h, i2) axis=1 -> c'),
  // of the grown dimension
  after('unseen', 'Gather(h, [0]) axis=2 -> a;Sub(i1, i1) -> k;Gather(h, k) axis=2 -> b;Sub(a, b) -> d;Add(h, d) -> c'),
  // zeros
  after('proved', 'Identity(h) -> c', 'Mul(h, wzero1) -> z;Gather(z, i1) axis=1 -> a;Add(h, a) -> c'),
  after('proved', 'Sub(i2, i2) -> k;Gather(h, k) axis=1 -> c'),
  after('differs', 'Sub(i2, i2) -> k;Gather(h, k) axis=1 -> c', 'Sub(i3, i3) -> k;Gather(h, k) axis=1 -> c'),
  after('proved', 'Sub(i2, i2) -> k;Gather(h, k) axis=1 -> c', 'Sub(i3, i3) -> k;Slice(k, [0], [2], [0]) -> v;Gather(h, v) axis=1 -> c'),
  // indices that grew
  after('unseen', 'Greater(h, wzero1) -> a;Cast(a) to=7 -> k;Gather(w6x2, k) -> d;ReduceSum(d, [3]) keepdims=0 -> c'),
  after(
    'differs',
    'Greater(h, wzero1) -> a;Cast(a) to=7 -> k;Gather(w6x2, k) -> d;ReduceSum(d, [3]) keepdims=0 -> c',
    'Less(h, wzero1) -> a;Cast(a) to=7 -> k;Gather(w6x2, k) -> d;ReduceSum(d, [3]) keepdims=0 -> c',
  ),
];

const IF = 'ReduceSum(x) -> v;Greater(v, wzero1) -> g';
const NOT = `${IF};Not(g) -> f`;

const CHOSEN: readonly PairCase[] = [
  after('proved', `${IF};If(g) {Mul(h, w1) -> a} {Neg(h) -> b} -> c`),
  before('proved', `${IF};If(g) {Mul(h, w1) -> a} {Neg(h) -> b} -> c`),
  before('differs', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`),
  before('differs', `${IF};If(g) {Neg(h) -> a} {Exp(h) -> b} -> c`),
  after('proved', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`),
  after('differs', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`, `${IF};If(g) {Neg(h) -> a} {Exp(h) -> b} -> c`),
  after('unseen', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`, `${NOT};If(f) {Neg(h) -> a} {Exp(h) -> b} -> c`),
  after('differs', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`, `${NOT};If(f) {Exp(h) -> a} {Neg(h) -> b} -> c`),
  after('differs', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`, `${IF};If(g) {Exp(h) -> a} {Abs(h) -> b} -> c`),
  after('differs', `${IF};If(g) {Exp(h) -> a} {Neg(h) -> b} -> c`, `${IF};If(g) {Abs(h) -> a} {Neg(h) -> b} -> c`),
  // factors
  same(
    'proved',
    `${IF};If(g) {Mul(h, w1) -> a} {Mul(x, w1) -> d / MatMul(d, w4x3b) -> b} -> y`,
    `${IF};If(g) {Identity(h) -> a} {MatMul(x, w4x3b) -> b} -> d;Mul(d, w1) -> y`,
  ),
  same('differs', `${IF};If(g) {Mul(h, w1) -> a} {MatMul(x, w4x3b) -> b} -> y`, `${IF};If(g) {Identity(h) -> a} {MatMul(x, w4x3b) -> b} -> d;Mul(d, w1) -> y`),
  // old elements at other places
  after('differs', `${IF};${SECOND};If(g) {Neg(h) -> a} {Neg(k) -> b} -> c`, `${IF};MatMul(x, w4x5b) -> k;If(g) {Neg(h) -> a} {Neg(k) -> b} -> c`),
  after('proved', `${IF};${SECOND};If(g) {Neg(h) -> a} {Neg(k) -> b} -> c`, `${IF};MatMul(x, w4x5gb) -> k;If(g) {Neg(h) -> a} {Neg(k) -> b} -> c`),
  // zeros
  after(
    'unseen',
    `${IF};Sub(h, h) -> d;If(g) {Mul(h, wzero1) -> a} {Mul(h, w1) -> b} -> n;Identity(h) -> c`,
    `${IF};If(g) {Mul(h, wzero1) -> a} {Sub(h, h) -> b} -> d;Add(h, d) -> c`,
  ),
  after('differs', `${IF};Identity(h) -> c`, `${IF};If(g) {Mul(h, wzero1) -> a} {Mul(h, w1) -> b} -> d;Add(h, d) -> c`),
  after('differs', `${IF};Identity(h) -> c`, `${IF};If(g) {Mul(h, w1) -> b} {Mul(h, wzero1) -> a} -> d;Add(h, d) -> c`),
  after('proved', `${IF};Identity(h) -> c`, `${IF};If(g) {Mul(h, wzero1) -> a} {Mul(wzero1, h) -> b} -> d;Add(h, d) -> c`),
  // constants
  after(
    'proved',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x3) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x5g) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
  ),
  after(
    'differs',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x3) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x5gb) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
  ),
  after(
    'differs',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x3) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Identity(w1x1x5gi) -> a} {Neg(m) -> b} -> d;Add(h, d) -> c`,
  ),
  after(
    'proved',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x3) -> a} -> d;Mul(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x5g) -> a} -> d;Mul(h, d) -> c`,
  ),
  before(
    'proved',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x3) -> a} -> d;Add(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x5gz) -> a} -> d;Add(h, d) -> c`,
  ),
  before(
    'differs',
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x3) -> a} -> d;Add(h, d) -> c`,
    `${IF};ReduceMax(h) axes=[1] -> m;If(g) {Neg(m) -> b} {Identity(w1x1x5g) -> a} -> d;Add(h, d) -> c`,
  ),
  // two results
  after('proved', `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Mul(m, n) -> o;Add(o, m) -> c`),
  after(
    'differs',
    `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Mul(m, n) -> o;Add(o, m) -> c`,
    `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Mul(m, n) -> o;Add(o, n) -> c`,
  ),
  after(
    'differs',
    `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Mul(m, n) -> o;Add(o, m) -> c`,
    `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Tanh(h) -> d / Abs(h) -> e} -> m n;Mul(m, n) -> o;Add(o, m) -> c`,
  ),
  before('proved', `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Identity(m) -> c`),
  before('differs', `${IF};If(g) {Neg(h) -> a / Exp(h) -> b} {Abs(h) -> d / Tanh(h) -> e} -> m n;Identity(n) -> c`),
];

const FILLED: readonly PairCase[] = [
  same('proved', 'Identity(h) -> y', 'Shape(h) -> r;ConstantOfShape(r) -> z;Add(h, z) -> y'),
  same('proved', 'Identity(h) -> y', 'Shape(h) -> r;ConstantOfShape(r) value=tensor0 -> z;Add(h, z) -> y'),
  same('differs', 'Identity(h) -> y', 'Shape(h) -> r;ConstantOfShape(r) value=tensor0.5 -> z;Add(h, z) -> y'),
  same(
    'proved',
    'Shape(h) -> r;ConstantOfShape(r) value=tensor0.5 -> z;Add(h, z) -> y',
    'Shape(h) -> r;ConstantOfShape(r) value=tensor0.5 -> z;Add(h, z) -> y',
  ),
  same(
    'differs',
    'Shape(h) -> r;ConstantOfShape(r) value=tensor0.5 -> z;Add(h, z) -> y',
    'Shape(h) -> r;ConstantOfShape(r) value=tensor0.25 -> z;Add(h, z) -> y',
  ),
  [
    'proved',
    'Add(i3, [1,1,1]) -> n;ConstantOfShape(n) value=tensor0.5 -> z;ReduceSum(z) keepdims=0 -> v;Add(x, v) -> y',
    'Add(i3, [1,1,1]) -> n;ConstantOfShape(n) value=tensor0.5 -> z;ReduceSum(z) keepdims=0 -> v;Add(x, v) -> y',
  ],
  [
    'differs',
    'Add(i3, [1,1,1]) -> n;ConstantOfShape(n) value=tensor0.5 -> z;ReduceSum(z) keepdims=0 -> v;Add(x, v) -> y',
    'Add(i3, [1,2,1]) -> n;ConstantOfShape(n) value=tensor0.5 -> z;ReduceSum(z) keepdims=0 -> v;Add(x, v) -> y',
  ],
];

const GROUPS = { Concat: JOINED, means: MEANS, Pad: PADDED, 'Gather from tables': TABLES, If: CHOSEN, ConstantOfShape: FILLED };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
