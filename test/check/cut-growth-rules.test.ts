/** A dimension that grows, and is moved, cut, stretched or packed: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { after, before, OUT, ROWS } from '../support/grown-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';

/** A dimension that grows. */
const GROWN: readonly PairCase[] = [
  after('proved', 'Gather(h, [0,2,1]) axis=2 -> c', 'Gather(h, [0,1,3,2,4]) axis=2 -> c'),
  after('differs', 'Gather(h, [0,2,1]) axis=2 -> c', 'Gather(h, [0,1,2,3,4]) axis=2 -> c'),
  before('proved', 'Gather(h, [0,2,1]) axis=2 -> c', 'Gather(h, [0,1,3,2,4]) axis=2 -> c'),
  before('differs', 'Gather(h, [0,2,1]) axis=2 -> c', 'Gather(h, [0,1,3,2,3]) axis=2 -> c'),
  after('proved', 'Gather(h, [0,2,1]) axis=2 -> c', 'Gather(h, [0,0,3,2,3]) axis=2 -> c'),
  after('proved', 'Gather(h, [0,0,2]) axis=2 -> c', 'Gather(h, [0,1,0,3,4]) axis=2 -> c'),
  after('differs', 'Gather(h, [0,0,2]) axis=2 -> c', 'Gather(h, [0,1,2,3,4]) axis=2 -> c'),
  before('proved', 'Gather(h, [0,0,2]) axis=2 -> c', 'Gather(h, [0,1,0,3,4]) axis=2 -> c'),
  before('differs', 'Gather(h, [0,0,2]) axis=2 -> c', 'Gather(h, [0,0,0,3,3]) axis=2 -> c'),
  after('proved', 'Gather(h, [0,0,2]) axis=2 -> a;Gather(h, [1,1,0]) axis=2 -> c', 'Gather(h, [2,0,2,0,0]) axis=2 -> c'),
  after(
    'proved',
    'Slice(h, [0], [2], [2]) -> a;Concat(a, a) axis=2 -> b;Slice(b, [1], [4], [2]) -> c',
    'Slice(h, [0], [3], [2]) -> a;Concat(a, a) axis=2 -> b;Gather(b, [2,1,3,5,4]) axis=2 -> c',
  ),
  // all that is cut out is new
  after('proved', 'Identity(h) -> c', 'Gather(h, [1,4,1,4,1]) axis=2 -> a;Mul(a, wzero1) -> b;Add(h, b) -> c'),
  before('proved', 'Identity(h) -> c', 'Gather(h, [1,4,1,4,1]) axis=2 -> a;Add(h, a) -> c'),
  after('differs', 'Identity(h) -> c', 'Gather(h, [1,4,1,4,1]) axis=2 -> a;Add(h, a) -> c'),
  before('differs', 'Identity(h) -> c', 'Gather(h, [1,4,1,3,1]) axis=2 -> a;Add(h, a) -> c'),
  before('proved', 'Identity(h) -> c', 'Slice(h, [1], [2], [2]) -> a;Add(h, a) -> c'),
  before('differs', 'Identity(h) -> c', 'Slice(h, [2], [3], [2]) -> a;Add(h, a) -> c'),
  before('proved', 'Identity(h) -> c', 'Split(h, [1,1,3]) axis=2 -> a b d;Add(h, b) -> c'),
  before('differs', 'Identity(h) -> c', 'Split(h, [1,1,3]) axis=2 -> a b d;Add(h, a) -> c'),
  before('proved', 'Identity(h) -> c', 'Squeeze([1], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Add(h, b) -> c'),
  before('differs', 'Identity(h) -> c', 'Squeeze([2], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Add(h, b) -> c'),
  // one index of it
  after(
    'proved',
    'Squeeze([1], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Mul(h, b) -> c',
    'Squeeze([2], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Mul(h, b) -> c',
  ),
  after(
    'differs',
    'Squeeze([1], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Mul(h, b) -> c',
    'Squeeze([1], [0]) -> n;Gather(h, n) axis=2 -> a;Unsqueeze(a, [2]) -> b;Mul(h, b) -> c',
  ),
  after('proved', 'Squeeze([1], [0]) -> n;Gather(h, n) axis=1 -> a;Unsqueeze(a, [1]) -> b;Mul(h, b) -> c'),
  after(
    'differs',
    'Squeeze([1], [0]) -> n;Gather(h, n) axis=1 -> a;Unsqueeze(a, [1]) -> b;Mul(h, b) -> c',
    'Squeeze([0], [0]) -> n;Gather(h, n) axis=1 -> a;Unsqueeze(a, [1]) -> b;Mul(h, b) -> c',
  ),
  // slices of it
  after(
    'proved',
    'Slice(h, [0], [3], [2], [2]) -> a;Concat(a, a) axis=2 -> b;Slice(b, [0], [3], [2]) -> c',
    'Slice(h, [0], [5], [2], [3]) -> a;Concat(a, a) axis=2 -> b;Gather(b, [0,0,1,2,2]) axis=2 -> c',
  ),
  after('unseen', 'Slice(h, [-1], [-99], [1], [-1]) -> c'),
  after('differs', 'Slice(h, [-1], [-99], [1], [-1]) -> c', 'Identity(h) -> c'),
  after('differs', 'Slice(h, [-1], [-99], [2], [-1]) -> c', 'Identity(h) -> c'),
  after('proved', 'Slice(h, [1], [9999], [1]) -> c'),
  after('differs', 'Slice(h, [1], [9999], [1]) -> c', 'Slice(h, [2], [9999], [1]) -> c'),
  after('differs', 'Slice(h, [0], [2], [1]) -> c', 'Slice(h, [0], [2], [1], [2]) -> a;Concat(a, a) axis=1 -> c'),
  after('proved', 'Slice(h, [0], [2], [1]) -> c'),
  after('proved', 'Slice(h, [0], [3], [1], [2]) -> c'),
  after('proved', 'Add(i1, [0]) -> k;Slice(h, k, [2], [1]) -> c'),
  after('differs', 'Add(i1, [0]) -> k;Slice(h, k, [2], [1]) -> c', 'Sub(i1, [1]) -> k;Slice(h, k, [2], [1]) -> c'),
  after('differs', 'Add(i1, [0]) -> k;Slice(h, [0], [2], k) -> c', 'Add(i1, [0]) -> k;Slice(h, [0], [2], k) -> a;Neg(a) -> c'),
  after('unseen', 'Add(i1, [0]) -> k;Slice(h, [0], [2], k) -> c'),
  // a table that is as long as the input
  after(
    'proved',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x3, [0], t, [0]) -> a;Add(h, a) -> c',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x5g, [0], t, [0]) -> a;Add(h, a) -> c',
  ),
  after(
    'differs',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x3, [0], t, [0]) -> a;Add(h, a) -> c',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x5gb, [0], t, [0]) -> a;Add(h, a) -> c',
  ),
  after(
    'differs',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x3, [0], t, [0]) -> a;Add(h, a) -> c',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x5gi, [0], t, [0]) -> a;Add(h, a) -> c',
  ),
  before(
    'proved',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x3, [0], t, [0]) -> a;Add(h, a) -> c',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x5gz, [0], t, [0]) -> a;Add(h, a) -> c',
  ),
  before(
    'differs',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x3, [0], t, [0]) -> a;Add(h, a) -> c',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(w6x5g, [0], t, [0]) -> a;Add(h, a) -> c',
  ),
  // reshapes
  after(
    'proved',
    'Reshape(h, [1,-1,3,1]) -> a;Transpose(a) perm=[0,1,3,2] -> b;Reshape(b, [1,-1,3]) -> c',
    'Reshape(h, [1,-1,5,1]) -> a;Transpose(a) perm=[0,1,3,2] -> b;Reshape(b, [1,-1,5]) -> c',
  ),
  after('differs', 'Transpose(h) perm=[0,2,1] -> a;Reshape(a, [1,-1,3]) -> c', 'Transpose(h) perm=[0,2,1] -> a;Reshape(a, [1,-1,5]) -> c'),
  after('proved', 'Reshape(h, [3,-1]) -> a;Reshape(a, [1,-1,3]) -> c', 'Identity(h) -> c'),
  after(
    'proved',
    'Transpose(h) perm=[2,1,0] -> a;Mul(a, x) -> b;Reshape(b, [3,4,-1]) -> d;ReduceSum(d, [1]) keepdims=0 -> e;Transpose(e) perm=[1,0] -> f;Unsqueeze(f, [0]) -> c',
    'Transpose(h) perm=[2,1,0] -> a;Mul(a, x) -> b;Reshape(b, [5,4,-1]) -> d;ReduceSum(d, [1]) keepdims=0 -> e;Transpose(e) perm=[1,0] -> f;Unsqueeze(f, [0]) -> c',
  ),
  after(
    'differs',
    'Transpose(h) perm=[2,1,0] -> a;Mul(a, x) -> b;Reshape(b, [3,4,-1]) -> d;ReduceSum(d, [1]) keepdims=0 -> e;Transpose(e) perm=[1,0] -> f;Unsqueeze(f, [0]) -> c',
    'Transpose(h) perm=[2,1,0] -> a;Mul(a, x) -> b;Reshape(b, [5,-1,4]) -> d;ReduceSum(d, [2]) keepdims=0 -> e;Transpose(e) perm=[1,0] -> f;Unsqueeze(f, [0]) -> c',
  ),
  after('proved', 'Shape(h) -> r;Reshape(h, r) -> c'),
  after(
    'proved',
    'Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,1]) -> b;Reshape(b, [1,-1,6]) -> d;Reshape(d, [1,-1,2,3]) -> e;ReduceSum(e, [2]) keepdims=0 -> c',
    'Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,1]) -> b;Reshape(b, [1,-1,10]) -> d;Reshape(d, [1,-1,2,5]) -> e;ReduceSum(e, [2]) keepdims=0 -> c',
  ),
  after(
    'differs',
    'Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,1]) -> b;Reshape(b, [1,-1,6]) -> d;Reshape(d, [1,-1,2,3]) -> e;ReduceSum(e, [2]) keepdims=0 -> c',
    'Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,1]) -> b;Reshape(b, [1,-1,10]) -> d;Reshape(d, [1,-1,5,2]) -> e;ReduceSum(e, [3]) keepdims=0 -> c',
  ),
  // stretched
  after('proved', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,3]) -> a;Mul(h, a) -> c', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,5]) -> a;Mul(h, a) -> c'),
  after('proved', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,3]) -> a;Mul(h, a) -> c', 'ReduceSum(x, [2]) -> m;Mul(h, m) -> c'),
  after('proved', 'ReduceSum(x, [2]) -> m;Expand(m, [3]) -> a;Mul(h, a) -> c', 'ReduceSum(x, [2]) -> m;Expand(m, [1,5]) -> a;Mul(h, a) -> c'),
  after('proved', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,3]) -> c', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,5]) -> c'),
  after('differs', 'ReduceSum(x, [2]) -> m;Expand(m, [1,1,3]) -> c', 'ReduceMax(x) axes=[2] -> m;Expand(m, [1,1,5]) -> c'),
  after('proved', 'ReduceSum(x, [2]) -> m;Tile(m, [1,1,3]) -> c', 'ReduceSum(x, [2]) -> m;Tile(m, [1,1,5]) -> c'),
  after('differs', 'ReduceSum(x, [2]) -> m;Tile(m, [1,1,3]) -> c', 'ReduceSum(x, [2]) -> m;Tile(m, [1,1,5]) -> a;Neg(a) -> c'),
  ['proved', 'Expand(w1x1x4, [2,3,4]) -> a;Add(a, p) -> y', 'Add(p, w1x1x4) -> y'],
  ['proved', 'Expand(wzero1, [2,3,4]) -> a;Add(a, p) -> y', 'Identity(p) -> y'],
  ['differs', 'Expand(w1, [2,3,4]) -> a;Add(a, p) -> y', 'Identity(p) -> y'],
  ['proved', 'Shape(x) -> r;Expand(w4, r) -> a;Add(x, a) -> y', 'Add(x, w4) -> y'],
  ['proved', 'Shape(x) -> r;Expand(x, r) -> y', 'Identity(x) -> y'],
  ['proved', 'Expand(x, [2,1,1]) -> y', 'Expand(x, [2,1,4]) -> y'],
  ['differs', 'Expand(x, [2,1,1]) -> y', 'Concat(x, x) axis=1 -> a;Reshape(a, [-1,2,4]) -> b;Transpose(b) perm=[1,0,2] -> y'],
  ['proved', 'Unsqueeze(x, [0]) -> a;Expand(a, [2,1,1,1]) -> y', 'Expand(x, [2,1,1,1]) -> y'],
  ['unseen', 'Unsqueeze(x, [0]) -> a;Concat(a, a) axis=0 -> y', 'Expand(x, [2,1,1,1]) -> y'],
  // a size that fits one input alone
  ['unseen', 'Add(i1, [3]) -> k;Expand(w1, k) -> a;ReduceSum(a) keepdims=0 -> y', 'Add(i1, [3]) -> k;Expand(w1, k) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['differs', 'Add(i1, [3]) -> k;Expand(w1, k) -> a;ReduceSum(a) keepdims=0 -> y', 'Add(i1, [2]) -> k;Expand(w1, k) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['unseen', 'Add(i1, [1]) -> k;Tile(w4, k) -> a;ReduceSum(a) keepdims=0 -> y', 'Add(i1, [1]) -> k;Tile(w4, k) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['differs', 'Add(i1, [1]) -> k;Tile(w4, k) -> a;ReduceSum(a) keepdims=0 -> y', 'Add(i1, [2]) -> k;Tile(w4, k) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['proved', 'Tile(p, [1,2,1]) -> y', 'Concat(p, p) axis=1 -> a;Tile(p, [1,2,1]) -> y'],
  ['differs', 'Tile(p, [1,2,1]) -> a;Reshape(a, [48]) -> y', 'Tile(p, [1,1,2]) -> a;Reshape(a, [48]) -> y'],
  ['differs', 'Tile(p, [2,1,1]) -> a;Reshape(a, [48]) -> y', 'Tile(p, [1,2,1]) -> a;Reshape(a, [48]) -> y'],
  ['proved', 'Tile(p, [1,2,1]) -> a;Slice(a, [3], [6], [1]) -> y', 'Identity(p) -> y'],
  ['differs', 'Tile(p, [1,2,1]) -> a;Slice(a, [2], [5], [1]) -> y', 'Identity(p) -> y'],
  ['proved', 'Tile(p, [1,2,1]) -> y', 'Unsqueeze(p, [1]) -> a;Expand(a, [2,2,3,4]) -> b;Reshape(b, [2,6,4]) -> y'],
];

/** Zeros beside values that the old graph has not: added to a grown dimension they are nothing where only new elements are not zero. */
const beside = (joined: string): string =>
  `MatMul(x, wzero4x4) -> z;MatMul(x, wzero4x1) -> o;MatMul(x, w4x1) -> t;Relu(t) -> r;${joined} axis=2 -> b;Add(h, b) -> c`;
const BESIDE_ZEROS: readonly PairCase[] = [
  after('proved', 'Identity(h) -> c', beside('Concat(z, t)')),
  after('proved', 'Identity(h) -> c', beside('Concat(z, r)')),
  after('proved', 'Identity(h) -> c', beside('Concat(o, r, o, o, t)')),
  before('proved', 'Identity(h) -> c', beside('Concat(z, o)')),
  before('differs', 'Identity(h) -> c', beside('Concat(z, r)')),
  after('differs', 'Identity(h) -> c', beside('Concat(t, z)')),
  after('differs', 'Identity(h) -> c', beside('Concat(r, z)')),
  after('differs', 'Identity(h) -> c', beside('Concat(o, o, o, r, t)')),
  // one stored number that is not zero, among the zeros and in what is joined on
  after('differs', 'Identity(h) -> c', beside('Concat(z, t)').replace('wzero4x4', 'wlast4x4')),
  after('proved', 'Identity(h) -> c', beside('Concat(z, t)').replace('w4x1', 'wlast4x1')),
];

/** Queries, keys and values packed in one matrix, of which the new elements of one are zero. */
const packed = (weight: string, width: number, part: number): string =>
  `Reshape(${weight}, [4,${6 * width}]) -> n;MatMul(x, n) -> a;Reshape(a, [1,-1,3,2,${width}]) -> b;Squeeze([${part}], [0]) -> k;Gather(b, k) axis=2 -> h;ReduceSum(h, [2]) keepdims=0 -> c`;
const PACKED: readonly PairCase[] = [
  ['proved', `${packed('w4x3x2x3', 3, 1)};${OUT}`, `${packed('w4x3x2x5gz', 5, 1)};${ROWS}`],
  ['differs', `${packed('w4x3x2x3', 3, 1)};${OUT}`, `${packed('w4x3x2x5g', 5, 1)};${ROWS}`],
  ['proved', `${packed('w4x3x2x3', 3, 1)};${OUT}`, `${packed('w4x3x2x5g', 5, 1)};MatMul(c, w5x2gz) -> y`],
  ['differs', `${packed('w4x3x2x3', 3, 1)};${OUT}`, `${packed('w4x3x2x5g', 5, 2)};MatMul(c, w5x2gz) -> y`],
  ['differs', `${packed('w4x3x2x3', 3, 1)};${OUT}`, `${packed('w4x3x2x5gz', 5, 0)};${ROWS}`],
];

const GROUPS = { 'what grows': GROWN, 'beside zeros': BESIDE_ZEROS, packed: PACKED };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
