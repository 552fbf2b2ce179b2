/** What is looked up, chosen between or filled: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { after, before, H } from '../support/grown-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';

/** Without growth in front. */
const same = (verdict: PairCase[0], old: string, now: string, opset?: number): PairCase => [verdict, `${H};${old}`, `${H};${now}`, opset];

const SECOND = 'MatMul(x, w4x3b) -> k';

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

const GROUPS = { 'Gather from tables': TABLES, If: CHOSEN, ConstantOfShape: FILLED };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
