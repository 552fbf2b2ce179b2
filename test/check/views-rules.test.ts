/** What is moved, cut out, repeated or numbered anew: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import { after, before } from '../support/grown-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';

/** Elements in the same order, however they are reached. */
const VIEWS: readonly PairCase[] = [
  ['proved', 'Reshape(p, [6,4]) -> y', 'Reshape(p, [-1,4]) -> y'],
  ['proved', 'Reshape(p, [6,4]) -> y', 'Flatten(p) axis=2 -> y'],
  ['proved', 'Reshape(p, [6,4]) -> y', 'Flatten(p) axis=-1 -> y'],
  ['differs', 'Reshape(p, [6,4]) -> y', 'Flatten(p) axis=1 -> a;Reshape(a, [6,4]) -> b;Neg(b) -> y'],
  ['proved', 'Reshape(p, [2,12]) -> y', 'Flatten(p) -> y'],
  ['proved', 'Reshape(p, [1,24]) -> y', 'Flatten(p) axis=0 -> y'],
  ['differs', 'Reshape(p, [4,6]) -> y', 'Reshape(p, [6,4]) -> a;Transpose(a) perm=[1,0] -> y'],
  ['proved', 'Identity(p) -> y', 'Reshape(p, [4,6]) -> a;Reshape(a, [2,3,4]) -> y'],
  ['proved', 'Identity(p) -> y', 'Reshape(p, [2,3,2,2]) -> a;Transpose(a) perm=[3,2,1,0] -> b;Transpose(b) perm=[3,2,1,0] -> d;Reshape(d, [2,3,4]) -> y'],
  ['differs', 'Identity(p) -> y', 'Reshape(p, [2,3,2,2]) -> a;Transpose(a) perm=[0,1,3,2] -> b;Reshape(b, [2,3,4]) -> y'],
  ['proved', 'Transpose(p) perm=[1,2,0] -> y', 'Transpose(p) perm=[1,0,2] -> a;Transpose(a) perm=[0,2,1] -> y'],
  ['proved', 'Transpose(p) -> y', 'Transpose(p) perm=[2,1,0] -> y'],
  ['differs', 'Transpose(p) -> a;Reshape(a, [2,3,4]) -> y', 'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [2,3,4]) -> y'],
  ['differs', 'Transpose(p) perm=[1,2,0] -> a;Reshape(a, [24]) -> y', 'Transpose(p) perm=[1,0,2] -> a;Reshape(a, [24]) -> y'],
  ['proved', 'Transpose(p) perm=[1,0,2] -> a;Reshape(a, [3,8]) -> y', 'Transpose(p) perm=[1,0,2] -> a;Flatten(a) -> y'],
  // a reshape of what does not lie in order is a term of its own
  [
    'unseen',
    'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [6,4]) -> y',
    'Transpose(p) -> a;Reshape(a, [2,3,4]) -> b;Transpose(b) perm=[0,1,2] -> d;Reshape(d, [6,4]) -> y',
  ],
  ['differs', 'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [6,4]) -> y', 'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [6,4]) -> y'],
  ['differs', 'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [6,4]) -> y', 'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [4,6]) -> b;Transpose(b) perm=[1,0] -> y'],
  ['proved', 'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [6,4]) -> b;Neg(b) -> y', 'Neg(p) -> n;Transpose(n) perm=[2,1,0] -> a;Reshape(a, [6,4]) -> y'],
  ['proved', 'Unsqueeze(p, [1,3]) -> y', 'Reshape(p, [2,1,3,1,4]) -> y'],
  ['differs', 'Unsqueeze(p, [1]) -> a;Transpose(a) perm=[2,1,0,3] -> y', 'Unsqueeze(p, [1]) -> a;Transpose(a) perm=[2,1,0,3] -> b;Exp(b) -> y'],
  ['proved', 'Identity(p) -> y', 'Unsqueeze(p, [0,-1]) -> a;Squeeze(a) -> y'],
  ['proved', 'Squeeze(x, [0]) -> y', 'Reshape(x, [-1,4]) -> y'],
  ['proved', 'Reshape(x, [-1,2,2]) -> a;Transpose(a) perm=[0,2,1] -> y', 'Reshape(x, [1,-1,2,2]) -> a;Transpose(a) perm=[1,0,3,2] -> b;Squeeze(b, [1]) -> y'],
  ['differs', 'Reshape(x, [-1,2,2]) -> a;Transpose(a) perm=[0,2,1] -> y', 'Reshape(x, [-1,2,2]) -> y'],
  ['differs', 'Reshape(x, [2,-1]) -> y', 'Reshape(x, [-1,2]) -> a;Transpose(a) perm=[1,0] -> y'],
  ['unseen', 'Reshape(x, [2,-1]) -> y', 'Squeeze(x) -> a;Reshape(a, [2,-1]) -> y'],
  // as many as the input says
  ['proved', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat(t, [4]) axis=0 -> k;Reshape(x, k) -> y', 'Reshape(x, [-1,4]) -> y'],
  ['proved', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([4], t) axis=0 -> k;Reshape(x, k) -> y', 'Reshape(x, [4,-1]) -> y'],
  ['differs', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Concat([4], t) axis=0 -> k;Reshape(x, k) -> y', 'Reshape(x, [-1,4]) -> a;Transpose(a) perm=[1,0] -> y'],
  ['proved', 'Add(i2, [1,1]) -> k;Reshape(w2, k) -> a;ReduceSum(a) keepdims=0 -> y', 'Add(i2, [1,1]) -> k;Reshape(w2, k) -> a;ReduceSum(a) keepdims=0 -> y'],
  [
    'unseen',
    'Add(i2, [1,1]) -> k;Sub([2,2], i2) -> d;Reshape(w2, k) -> a;Reshape(w2, d) -> b;ReduceSum(a, [1]) keepdims=0 -> y',
    'Add(i2, [1,1]) -> k;Sub([2,2], i2) -> d;Reshape(w2, k) -> a;Reshape(w2, d) -> b;ReduceSum(b, [0]) keepdims=0 -> y',
  ],
  // cuts
  ['proved', 'Slice(p, [1], [3], [1]) -> y', 'Slice(p, [-2], [9], [1]) -> y'],
  ['proved', 'Slice(p, [1], [3], [1]) -> y', 'Gather(p, [1,2]) axis=1 -> y'],
  ['proved', 'Slice(p, [1], [3], [1]) -> y', 'Gather(p, [-2,-1]) axis=-2 -> y'],
  ['differs', 'Slice(p, [1], [3], [1]) -> y', 'Slice(p, [0], [2], [1]) -> y'],
  ['differs', 'Slice(p, [1], [3], [1]) -> y', 'Gather(p, [1,1]) axis=1 -> y'],
  ['differs', 'Slice(p, [1], [3], [1]) -> y', 'Gather(p, [2,1]) axis=1 -> y'],
  ['differs', 'Slice(p, [1], [3], [2]) -> a;Reshape(a, [12]) -> y', 'Slice(p, [1], [3], [1]) -> a;Slice(a, [0], [3], [2]) -> b;Reshape(b, [12]) -> y'],
  ['proved', 'Slice(p, [0,1], [1,3], [0,2]) -> y', 'Slice(p, [1], [3], [2]) -> a;Slice(a, [0], [1], [0]) -> y'],
  ['proved', 'Slice(p, [0,1], [1,3]) -> y', 'Slice(p, [1], [3], [1]) -> a;Slice(a, [0], [1], [0]) -> y'],
  [
    'differs',
    'Slice(p, [0,1], [1,3]) -> a;Reshape(a, [8]) -> y',
    'Slice(p, [0,1], [1,3], [0,2]) -> a;Slice(a, [0], [4], [2]) -> b;Concat(b, [0]) axis=0 -> y'.replace(
      'Concat(b, [0]) axis=0 -> y',
      'Reshape(b, [6]) -> d;Slice(d, [0], [6], [0]) -> e;Concat(e, w2) axis=0 -> y',
    ),
  ],
  ['proved', 'Slice(p, [0], [4], [2], [2]) -> y', 'Gather(p, [0,2]) axis=2 -> y'],
  ['proved', 'Slice(p, [1], [9], [2], [2]) -> y', 'Reshape(p, [2,3,2,2]) -> a;Gather(a, [1]) axis=3 -> b;Squeeze(b, [3]) -> y'],
  ['differs', 'Slice(p, [1], [9], [2], [2]) -> y', 'Slice(p, [0], [9], [2], [2]) -> y'],
  ['differs', 'Slice(p, [0], [4], [2], [2]) -> y', 'Slice(p, [0], [2], [2], [1]) -> y'],
  ['unseen', 'Slice(p, [-1], [-99], [2], [-1]) -> y', 'Gather(p, [3,2,1,0]) axis=2 -> y'],
  ['proved', 'Slice(p, [-1], [-99], [2], [-1]) -> y', 'Slice(p, [-1], [-99], [2], [-1]) -> y'],
  ['differs', 'Slice(p, [-1], [-99], [2], [-1]) -> y', 'Identity(p) -> y'],
  ['differs', 'Slice(p, [-1], [-99], [2], [-1]) -> y', 'Slice(p, [-1], [-99], [2], [-2]) -> a;Concat(a, a) axis=2 -> y'],
  ['differs', 'Slice(p, [-1], [-99], [2], [-1]) -> y', 'Transpose(p) perm=[0,1,2] -> a;Slice(a, [-1], [-99], [1], [-1]) -> y'],
  ['proved', 'Gather(p, [3,2,1,0]) axis=2 -> y', 'Gather(p, [-1,-2,-3,-4]) axis=2 -> y'],
  ['differs', 'Gather(p, [3,2,1,0]) axis=2 -> y', 'Gather(p, [2,3,1,0]) axis=2 -> y'],
  ['differs', 'Gather(p, [0,2,3]) axis=2 -> y', 'Gather(p, [0,1,3]) axis=2 -> y'],
  ['differs', 'Gather(p, [0,1,0]) axis=1 -> y', 'Gather(p, [0,1,2]) axis=1 -> y'],
  ['proved', 'Gather(p, [0,1,0]) axis=1 -> y', 'Gather(p, [0,-2,-3]) axis=1 -> y'],
  ['proved', 'Reshape(p, [24]) -> a;Slice(a, [12], [24], [0]) -> y', 'Slice(p, [1], [2], [0]) -> a;Reshape(a, [12]) -> y'],
  ['proved', 'Reshape(p, [24]) -> a;Slice(a, [13], [15], [0]) -> y', 'Slice(p, [1,0,1], [2,1,3], [0,1,2]) -> a;Reshape(a, [2]) -> y'],
  ['differs', 'Reshape(p, [24]) -> a;Slice(a, [13], [15], [0]) -> y', 'Slice(p, [1,0,0], [2,1,2], [0,1,2]) -> a;Reshape(a, [2]) -> y'],
  // across the parts of a dimension
  [
    'proved',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [2], [6], [0]) -> y',
    'Slice(p, [1], [3], [2]) -> a;Transpose(a) perm=[2,0,1] -> b;Reshape(b, [4,3]) -> y',
  ],
  [
    'proved',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [3], [4], [0]) -> y',
    'Slice(p, [1,1], [2,2], [0,2]) -> a;Transpose(a) perm=[2,0,1] -> b;Reshape(b, [1,3]) -> y',
  ],
  [
    'differs',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [3], [4], [0]) -> y',
    'Slice(p, [0,1], [1,2], [0,2]) -> a;Transpose(a) perm=[2,0,1] -> b;Reshape(b, [1,3]) -> y',
  ],
  [
    'proved',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [3], [5], [0]) -> y',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Gather(b, [3,4]) axis=0 -> y',
  ],
  [
    'differs',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [3], [5], [0]) -> y',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [2], [4], [0]) -> y',
  ],
  [
    'unseen',
    'Transpose(p) perm=[2,0,1] -> a;Reshape(a, [8,3]) -> b;Slice(b, [0], [8], [0], [2]) -> y',
    'Slice(p, [0], [1], [0]) -> a;Transpose(a) perm=[2,0,1] -> b;Reshape(b, [4,3]) -> y',
  ],
  [
    'proved',
    'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [12,2]) -> b;Slice(b, [3], [5], [0]) -> y',
    'Slice(p, [0,1], [2,2], [1,2]) -> a;Transpose(a) perm=[2,1,0] -> b;Reshape(b, [2,2]) -> y',
  ],
  [
    'differs',
    'Transpose(p) perm=[2,1,0] -> a;Reshape(a, [12,2]) -> b;Slice(b, [3], [5], [0]) -> y',
    'Slice(p, [1,1], [3,2], [1,2]) -> a;Transpose(a) perm=[2,1,0] -> b;Reshape(b, [2,2]) -> y',
  ],
  [
    'proved',
    'Reshape(q, [-1]) -> a;Reshape(a, [-1,2,3]) -> b;Transpose(b) perm=[0,2,1] -> d;Gather(d, [1]) axis=2 -> y',
    'Slice(q, [3], [6], [1]) -> a;Unsqueeze(a, [2]) -> y',
  ],
  ['proved', 'Slice(q, [0], [1], [1]) -> y', 'Gather(q, [0]) axis=1 -> y'],
  ['proved', 'Slice(q, [0], [1], [1]) -> a;Squeeze(a, [1]) -> y', 'Squeeze(i1, [0]) -> u;Sub(u, u) -> k;Squeeze([0], [0]) -> n;Gather(q, n) axis=1 -> y'],
  ['differs', 'Squeeze([0], [0]) -> n;Gather(q, n) axis=1 -> y', 'Squeeze([1], [0]) -> n;Gather(q, n) axis=1 -> y'],
  ['proved', 'Squeeze([1], [0]) -> n;Gather(p, n) axis=1 -> y', 'Slice(p, [1], [2], [1]) -> a;Reshape(a, [2,4]) -> y'],
  ['proved', 'Squeeze([1], [0]) -> n;Gather(p, n) axis=0 -> y', 'Slice(p, [1], [2], [0]) -> a;Squeeze(a, [0]) -> y'],
  // of a dimension that the input decides
  ['proved', 'Gather(x, [0,1]) axis=1 -> y', 'Slice(x, [0], [2], [1]) -> a;Slice(x, [1], [2], [1]) -> b;Gather(x, [0,1]) axis=1 -> y'],
  ['differs', 'Gather(x, [0,1]) axis=1 -> y', 'Gather(x, [1,2]) axis=1 -> y'],
  ['differs', 'Gather(x, [0,1]) axis=1 -> y', 'Gather(x, [1,0]) axis=1 -> y'],
  ['proved', 'Gather(x, [1,0]) axis=1 -> y', 'Gather(x, [1,0]) axis=1 -> y'],
  ['differs', 'Gather(x, [1,0]) axis=1 -> y', 'Gather(x, [0,1]) axis=1 -> y'],
  ['differs', 'Gather(x, [0,2]) axis=1 -> y', 'Gather(x, [0,1]) axis=1 -> y'],
  ['proved', 'Slice(x, [0], [9999999999], [1]) -> y', 'Identity(x) -> y'],
  ['unseen', 'Slice(x, [0], [9999], [1]) -> y', 'Identity(x) -> y'],
  ['differs', 'Slice(x, [1], [9999999999], [1]) -> y', 'Slice(x, [0], [-1], [1]) -> y'],
  ['unseen', 'Slice(x, [1], [9999999999], [1]) -> y', 'Slice(x, [1], [9999999999], [-2]) -> y'],
  ['differs', 'Slice(x, [0], [2], [1]) -> y', 'Slice(x, [0], [2], [1], [2]) -> a;Concat(a, a) axis=1 -> y'],
  ['differs', 'Slice(x, [0], [2], [1]) -> y', 'Slice(x, [1], [3], [1]) -> y'],
  ['differs', 'Slice(s, [0], [2], [1]) -> y', 'Slice(s, [0], [2], [0]) -> a;Transpose(a) perm=[1,0] -> y'],
  ['proved', 'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Slice(x, [0], t, [1]) -> y', 'Identity(x) -> y'],
  [
    'proved',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Sub(t, [1]) -> e;Slice(x, [0], e, [1]) -> y',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Sub(t, [1]) -> e;Slice(x, [0], e, [-2]) -> a;Slice(x, [0], e, [1]) -> y',
  ],
  [
    'differs',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Sub(t, [1]) -> e;Slice(x, [0], e, [1]) -> y',
    'Shape(x) -> r;Gather(r, [1]) axis=0 -> t;Sub(t, [1]) -> e;Slice(x, [1], t, [1]) -> y',
  ],
  ['proved', 'Slice(x, i1, [9], [1]) -> a;ReduceSum(a) keepdims=0 -> y', 'Slice(x, i1, [9], [1]) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['differs', 'Slice(x, i1, [9], [1]) -> a;ReduceSum(a) keepdims=0 -> y', 'Slice(x, i1, [2], [1]) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['differs', 'Slice(x, i1, [9], [1]) -> a;ReduceSum(a) keepdims=0 -> y', 'Slice(x, i1, [9], [2]) -> a;ReduceSum(a) keepdims=0 -> y'],
  ['differs', 'Slice(x, [0], [2], i1) -> a;ReduceSum(a) keepdims=0 -> y', 'Slice(x, [0], [2], [2]) -> a;ReduceSum(a) keepdims=0 -> y'],
  // as operators of earlier versions say it
  ['proved', 'Slice(p) starts=[1] ends=[3] axes=[1] -> y', 'Slice(p) starts=[0,1] ends=[2,3] -> y', 9],
  ['differs', 'Slice(p) starts=[1] ends=[3] axes=[1] -> y', 'Slice(p) starts=[0] ends=[2] axes=[1] -> y', 9],
  ['proved', 'Slice(x) starts=[1] ends=[3] axes=[2] -> y', 'Slice(x) starts=[1] ends=[-1] axes=[-1] -> y', 9],
  ['proved', 'Slice(x) starts=[0] ends=[9223372036854775] axes=[1] -> y', 'Identity(x) -> y', 9],
];

const UNKNOWN: readonly PairCase[] = [
  ['unseen', 'com.microsoft.Inverse(s) -> a;Transpose(a) perm=[1,0] -> y', 'com.microsoft.Inverse(s) -> a;Transpose(a) perm=[1,0] -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Slice(a, [0], [1], [0]) -> y', 'com.microsoft.Inverse(s) -> a;Slice(a, [0], [1], [0]) -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Gather(a, [0]) axis=0 -> y', 'com.microsoft.Inverse(s) -> a;Gather(a, [0]) axis=0 -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Expand(a, [2,1,1]) -> y', 'com.microsoft.Inverse(s) -> a;Expand(a, [2,1,1]) -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Tile(a, [2,1]) -> y', 'com.microsoft.Inverse(s) -> a;Tile(a, [2,1]) -> y'],
  ['unseen', 'com.microsoft.Inverse(s) -> a;Reshape(a, [-1]) -> y', 'com.microsoft.Inverse(s) -> a;Reshape(a, [-1]) -> y'],
];

const PARTS: readonly PairCase[] = [
  ['proved', 'Split(p, [1,3]) axis=2 -> a b;-> a b', 'Slice(p, [0], [1], [2]) -> a;Slice(p, [1], [4], [2]) -> b;-> a b'],
  ['differs', 'Split(p, [1,3]) axis=2 -> a b;-> a b', 'Slice(p, [0], [1], [2]) -> a;Slice(p, [0], [3], [2]) -> b;-> a b'],
  ['proved', 'Split(p) axis=2 -> a b;-> a b', 'Split(p, [2,2]) axis=-1 -> a b;-> a b'],
  ['differs', 'Split(p) axis=2 -> a b;-> a b', 'Split(p) axis=2 -> b a;-> a b'],
  ['proved', 'Split(p) -> a b;-> a b', 'Split(p) axis=0 -> a b;-> a b'],
  [
    'proved',
    'Split(p, [1,2]) axis=1 -> a b;-> a b',
    'Split(p) axis=1 num_outputs=2 -> n a;Split(p, [1,2]) axis=1 -> a b;-> a b'.replace('Split(p) axis=1 num_outputs=2 -> n a;', ''),
  ],
  ['proved', 'Split(p) axis=1 num_outputs=2 -> a b;-> a b', 'Split(p, [2,1]) axis=1 -> a b;-> a b', 18],
  ['differs', 'Split(p) axis=1 num_outputs=2 -> a b;Concat(b, a) axis=1 -> y', 'Split(p, [1,2]) axis=1 -> a b;Concat(b, a) axis=1 -> y', 18],
  // parts of joined values
  [
    'proved',
    'MatMul(x, w4x4) -> h;MatMul(x, w4x4b) -> k;Identity(h) -> a;Identity(k) -> b;-> a b',
    'MatMul(x, w4x4) -> h;MatMul(x, w4x4b) -> k;Concat(h, k) axis=2 -> n;Split(n) axis=2 -> a b;-> a b',
  ],
  [
    'differs',
    'MatMul(x, w4x4) -> h;MatMul(x, w4x4b) -> k;Identity(h) -> a;Identity(k) -> b;-> a b',
    'MatMul(x, w4x4) -> h;MatMul(x, w4x4b) -> k;Concat(k, h) axis=2 -> n;Split(n) axis=2 -> a b;-> a b',
  ],
  ['proved', 'Exp(p) -> k;Neg(k) -> y', 'Exp(p) -> k;Neg(p) -> h;Neg(k) -> n;Concat(h, n, h) axis=2 -> d;Slice(d, [4], [8], [2]) -> y'],
  ['differs', 'Exp(p) -> k;Neg(k) -> y', 'Exp(p) -> k;Neg(p) -> h;Neg(k) -> n;Concat(h, n, h) axis=2 -> d;Slice(d, [3], [7], [2]) -> y'],
  ['differs', 'Exp(p) -> k;Neg(k) -> y', 'Exp(p) -> k;Neg(p) -> h;Neg(k) -> n;Concat(h, n, h) axis=2 -> d;Slice(d, [8], [12], [2]) -> y'],
  ['proved', 'Exp(p) -> k;Mul(k, w1) -> y', 'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Mul(d, w1) -> e;Slice(e, [4], [8], [2]) -> y'],
  ['differs', 'Exp(p) -> k;Mul(k, w1) -> y', 'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Mul(d, w1b) -> e;Slice(e, [4], [8], [2]) -> y'],
  [
    'differs',
    'Exp(p) -> k;Slice(k, [0], [2], [1]) -> y',
    'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Slice(d, [0], [2], [1]) -> e;Slice(e, [0], [4], [2]) -> y',
  ],
  [
    'proved',
    'Exp(p) -> k;Slice(k, [0], [2], [1]) -> y',
    'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Slice(d, [4], [8], [2]) -> e;Slice(e, [0], [2], [1]) -> y',
  ],
  [
    'proved',
    'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Gather(d, [3,4]) axis=2 -> y',
    'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Slice(d, [3], [5], [2]) -> y',
  ],
  ['proved', 'Exp(p) -> k;Slice(k, [0], [2], [2]) -> y', 'Exp(p) -> k;Sinh(p) -> h;Concat(h, k) axis=2 -> d;Slice(d, [4], [6], [2]) -> y'],
  // of counts that the input says
  [
    'proved',
    'Add(i2, [1,1]) -> k;Split(q, k) axis=1 -> a b;-> a b'.replace('Split(q, k) axis=1', 'Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1'),
    'Add(i2, [1,1]) -> k;Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1 -> a b;-> a b',
  ],
  [
    'differs',
    'Add(i2, [1,1]) -> k;Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1 -> a b;Concat(a, b) axis=1 -> y',
    'Sub([2,2], i2) -> k;Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1 -> a b;Concat(b, a) axis=1 -> y',
  ],
  [
    'differs',
    'Add(i2, [1,1]) -> k;Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1 -> a b;Concat(a, b) axis=1 -> y',
    'Add(i2, [1,1]) -> k;Slice(q, [0], [3], [1]) -> d;Split(d, k) axis=1 -> a b;Concat(b, a) axis=1 -> y',
  ],
  after('proved', 'Slice(h, [0], [3], [1]) -> d;Add(i2, [1,1]) -> k;Split(d, k) axis=1 -> a b;Concat(a, b, a) axis=1 -> c'),
  before('proved', 'Slice(h, [0], [3], [1]) -> d;Add(i2, [1,1]) -> k;Split(d, k) axis=1 -> a b;Concat(a, b, a) axis=1 -> c'),
  after(
    'differs',
    'Slice(h, [0], [3], [1]) -> d;Add(i2, [1,1]) -> k;Split(d, k) axis=1 -> a b;Concat(a, b, a) axis=1 -> c',
    'Slice(h, [0], [3], [1]) -> d;Sub([2,2], i2) -> k;Split(d, k) axis=1 -> a b;Concat(a, b, a) axis=1 -> c',
  ),
  after(
    'differs',
    'Concat(h, h) axis=1 -> d;Split(d) axis=1 -> a b;Sub(a, b) -> n;Add(h, a) -> c',
    'Concat(h, h) axis=1 -> d;Split(d) axis=1 -> a b;Sub(a, b) -> n;Sub(h, b) -> c',
  ),
];

const GROUPS = { views: VIEWS, 'shapes that nobody knows': UNKNOWN, parts: PARTS };

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
