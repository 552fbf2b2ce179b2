/** Values beside each other, packed, padded or chosen between, whose other dimensions grew too: equal graphs are proved, and nothing that differs is. */
import { describe, expect, test } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { after, behind, itself } from '../support/grown-pairs.ts';
import { type PlacedCase, placed } from '../support/placed-pairs.ts';
import { judged, type PairCase } from '../support/rule-pairs.ts';
import { branch, computed, node, smallModel } from '../support/small-graph.ts';
import { allSaid, saidOf } from '../support/told.ts';

const TURNED = 'Transpose(p) perm=[2,0,1] -> t;Reshape(t, [8,3]) -> r;Gather(t, [0]) axis=1 -> g;Reshape(g, [4,3]) -> k';
const PAIRS: readonly PairCase[] = [
  // neighbours of which one is cut across parts of a dimension
  behind(
    TURNED,
    'differs',
    'Identity(k) -> y',
    'Slice(r, [0], [4], [0]) -> a;Slice(k, [2], [4], [0]) -> b;Concat(a, b) axis=0 -> d;Slice(d, [0], [4], [0]) -> y',
  ),
  behind(
    TURNED,
    'differs',
    'Identity(k) -> y',
    'Slice(k, [0], [2], [0]) -> a;Slice(r, [4], [8], [0]) -> b;Concat(a, b) axis=0 -> d;Slice(d, [0], [4], [0]) -> y',
  ),
  behind(
    TURNED,
    'proved',
    'Identity(k) -> y',
    'Slice(k, [0], [2], [0]) -> a;Slice(k, [2], [4], [0]) -> b;Concat(a, b) axis=0 -> d;Slice(d, [0], [4], [0]) -> y',
  ),
  // stored zeros, and other numbers
  ['proved', 'ReduceSum(p, [2]) -> y', 'Concat(p, wzero2x3x2) axis=2 -> a;ReduceSum(a, [2]) -> y'],
  ['proved', 'ReduceSum(p, [2]) -> y', 'Concat(wzero2x3x2, p) axis=2 -> a;ReduceSum(a, [2]) -> y'],
  ['differs', 'ReduceSum(p, [2]) -> y', 'Concat(p, w2x3x2) axis=2 -> a;ReduceSum(a, [2]) -> y'],
  ['differs', 'ReduceSum(p, [2]) -> y', 'Concat(p, wone2x3x2) axis=2 -> a;ReduceSum(a, [2]) -> y'],
  ['proved', 'Concat(p, wone2x3x2) axis=2 -> a;ReduceSum(a, [2]) -> y', 'Concat(p, wone2x3x2, wzero2x3x2) axis=2 -> a;ReduceSum(a, [2]) -> y'],
  ['proved', 'Identity(p) -> y', 'Concat(p, wone2x3x2) axis=2 -> a;Slice(a, [0], [4], [2]) -> y'],
  ['proved', 'Identity(p) -> y', 'Concat(p, w2x3x2) axis=2 -> a;Slice(a, [0], [4], [2]) -> y'],
  ['differs', 'Identity(p) -> y', 'Concat(p, w2x3x2) axis=2 -> a;Slice(a, [1], [5], [2]) -> y'],
  ['proved', 'Identity(p) -> y', 'Exp(p) -> e;Concat(p, w2x3x2, e) axis=2 -> a;Slice(a, [0], [4], [2]) -> y'],
  ['proved', 'Identity(p) -> y', 'Exp(p) -> e;Concat(e, w2x3x2, p) axis=2 -> a;Slice(a, [6], [10], [2]) -> y'],
  ['differs', 'Identity(p) -> y', 'Exp(p) -> e;Concat(e, w2x3x2, p) axis=2 -> a;Slice(a, [2], [6], [2]) -> y'],
  itself('Concat(p, w2x3x2, wone2x3x2, wzero2x3x2) axis=2 -> y'),
  ['differs', 'Concat(p, w2x3x2) axis=2 -> y', 'Concat(p, w2x3x2b) axis=2 -> y'],
  ['differs', 'Concat(p, w2x3x2) axis=2 -> y', 'Concat(w2x3x2, p) axis=2 -> y'],
  // a value of a new layer in the place of an old one
  ['differs', 'Exp(p) -> e;Concat(p, e) axis=2 -> y', 'Sinh(p) -> e;Concat(p, e) axis=2 -> y'],
  after('proved', 'MatMul(x, w4x3b) -> k;Concat(h, k) axis=1 -> c', 'MatMul(x, w4x5gb) -> k;Concat(h, k) axis=1 -> c'),
  after('differs', 'MatMul(x, w4x3b) -> k;Concat(h, k) axis=1 -> c', 'MatMul(x, w4x5gc) -> k;Concat(h, k) axis=1 -> c'),
  // pads of what grew
  after('unseen', 'Pad(h, [0,0,1,0,0,1]) mode=edge -> a;Slice(a, [1], [4], [2]) -> c', 'Pad(h, [0,0,1,0,0,1]) mode=edge -> a;Slice(a, [1], [6], [2]) -> c'),
  after('unseen', 'Pad(h, [0,0,0,0,0,1]) mode=edge -> a;Slice(a, [0], [3], [2]) -> c', 'Pad(h, [0,0,0,0,0,1]) mode=edge -> a;Slice(a, [0], [5], [2]) -> c'),
  after('unseen', 'Pad(h, [0,0,1,0,0,0]) mode=edge -> a;Slice(a, [1], [4], [2]) -> c', 'Pad(h, [0,0,1,0,0,0]) mode=edge -> a;Slice(a, [1], [6], [2]) -> c'),
  after('proved', 'Slice(h, [0], [3], [2]) -> c', 'Pad(h, [0,0,1,0,0,1]) -> a;Slice(a, [1], [6], [2]) -> c'),
  after('differs', 'Slice(h, [0], [3], [2]) -> c', 'Pad(h, [0,0,1,0,0,1]) -> a;Slice(a, [0], [5], [2]) -> c'),
  // rows of a table that grew
  ['differs', 'Gather(w3x6, i) axis=0 -> y', 'Gather(w5x6g, i) axis=0 -> y'],
  ['proved', 'Gather(w3x6, i) axis=0 -> y', 'Mul(i, [2]) -> k;Gather(w5x6g, k) axis=0 -> a;Gather(w3x6, i) axis=0 -> b;Sub(a, a) -> d;Add(b, d) -> y'],
  // as many zeros as the input says
  [
    'proved',
    'Add(i1, [1]) -> k;Cast(k) to=1 -> e;Add(x, e) -> y',
    'Add(i1, [1]) -> k;Cast(k) to=1 -> e;Add(x, e) -> a;ConstantOfShape(k) -> z;ReduceSum(z) keepdims=0 -> d;Add(a, d) -> y',
  ],
  [
    'differs',
    'Add(i1, [1]) -> k;Cast(k) to=1 -> e;Add(x, e) -> y',
    'Add(i1, [1]) -> k;Cast(k) to=1 -> e;Add(x, e) -> a;ConstantOfShape(k) value=tensor0.5 -> z;ReduceSum(z) keepdims=0 -> d;Add(a, d) -> y',
  ],
  ['unseen', 'Identity(x) -> y', 'Add(i1, [1]) -> k;ConstantOfShape(k) -> z;ReduceSum(z) keepdims=0 -> d;Add(x, d) -> y'],
];

/** Nine columns in three parts, each of which grew. */
const packed = (verdict: PlacedCase[0], columns: string, rows: string, cut = 'Gather(b, [1]) axis=1 -> d'): PlacedCase => [
  verdict,
  'MatMul(x, A_012345678) -> a;Reshape(a, [-1,3,3]) -> b;Gather(b, [1]) axis=1 -> d;ReduceSum(d, [1]) keepdims=0 -> c;MatMul(c, B_012) -> y',
  `MatMul(x, A_${columns}) -> a;Reshape(a, [-1,3,5]) -> b;${cut};ReduceSum(d, [1]) keepdims=0 -> c;MatMul(c, B_${rows}) -> y`,
];
const MEAN = 'ReduceMean(a) axes=[1] keepdims=1 -> m;Sub(a, m) -> c';
/** Two values below each other, less their means. */
const centred = (verdict: PlacedCase[0], own: string, other: string, rows: string, more = 'Concat(h, g) axis=0 -> a'): PlacedCase => [
  verdict,
  `MatMul(x, A_012) -> h;MatMul(x, D_012) -> g;Concat(h, g) axis=0 -> a;${MEAN};MatMul(c, B_012) -> y`,
  `MatMul(x, A_${own}) -> h;MatMul(x, D_${other}) -> g;${more};${MEAN};MatMul(c, B_${rows}) -> y`,
];
const PLACED: readonly PlacedCase[] = [
  packed('proved', '0n12n3n45n6n78n', '0z12z'),
  packed('proved', '0n12n3z45z6n78n', '0n12n'),
  packed('differs', '0n12n3n45z6n78n', '0n12n'),
  packed('differs', '0z12z3n45n6z78z', '0n12n'),
  packed('differs', '0n12n3z45z6n78n', '0n12n', 'Gather(b, [0]) axis=1 -> d'),
  packed('differs', '0n12n3z45z6n78n', '0n12n', 'Gather(b, [1,2]) axis=1 -> d'),
  packed('differs', '0n12n3z45z6n78n', '0n12n', 'Gather(b, [0,1]) axis=1 -> d'),
  packed('proved', '0n12n3z45z6n78n', '0n12n', 'Slice(b, [1], [2], [1]) -> d'),
  packed('proved', '0n12n3z45z6n78n', '0n12n', 'Split(b, [1,1,1]) axis=1 -> e d f'),
  packed('differs', '0n12n3z45z6n78n', '0n12n', 'Split(b, [1,1,1]) axis=1 -> d e f'),
  packed('proved', '0n12n3z45z6n78n', '0n12n', 'Reshape(b, [-1,1,3,5]) -> e;Gather(e, [1]) axis=2 -> f;Squeeze(f, [2]) -> d'),
  packed('unseen', '0n12n3z45z6n78n', '0n12n', 'Exp(b) -> e;Gather(e, [1]) axis=1 -> f;Log(f) -> d'),
  centred('proved', '0m12m', '0m12m', '0n12n'),
  centred('differs', '0m12m', '0n12m', '0n12n'),
  centred('differs', '0n12m', '0m12m', '0n12n'),
  centred('differs', '0m12m', '0z12m', '0n12n'),
  centred('differs', '0m12m', '0m12m', '0n12n', 'Concat(g, h) axis=0 -> a'),
  centred('differs', '0m12m', '0m12m', '0n12n', 'Neg(g) -> k;Concat(h, k) axis=0 -> a'),
];

describe('pairs', () => {
  test.each(PAIRS.map((own) => [`${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await judged(own)).toMatchSnapshot();
  });
});
describe('parts and lines', () => {
  test.each(PLACED.map((own) => [`${own[0]}: ${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await placed(own)).toMatchSnapshot();
  });
});

/** One of two functions of x, by whether its sum is above zero; branches may be named in any order. */
const chosen = (then: string, otherwise: string, order: readonly [string, string]): Model => {
  const branches = {
    then_branch: branch('then_branch', [node(then, ['x'], ['p'])], 'p'),
    else_branch: branch('else_branch', [node(otherwise, ['x'], ['q'])], 'q'),
  };
  return smallModel([
    node('ReduceSum', ['x'], ['r'], { attributes: [{ name: 'keepdims', kind: 'int', value: 0 }] }),
    node('Cast', ['r'], ['k'], { attributes: [{ name: 'to', kind: 'int', value: 7 }] }),
    node('Cast', ['k'], ['g'], { attributes: [{ name: 'to', kind: 'int', value: 9 }] }),
    node('If', ['g'], ['y'], { attributes: order.map((name) => branches[name as 'then_branch']) }),
  ]);
};
const [FIRST, LAST] = [['then_branch', 'else_branch'] as const, ['else_branch', 'then_branch'] as const];

test('branches that are named in another order', async () => {
  const one = chosen('Exp', 'Neg', FIRST);
  expect(saidOf(one, chosen('Exp', 'Neg', LAST))).toEqual(['proved']);
  expect(saidOf(chosen('Exp', 'Neg', LAST), one)).toEqual(['proved']);
  for (const x of [
    [0, 0.1],
    [2, 3],
  ])
    expect(await computed(chosen('Exp', 'Neg', LAST), x)).toEqual(await computed(one, x));
  for (const other of [chosen('Neg', 'Exp', LAST), chosen('Neg', 'Exp', FIRST)])
    expect([saidOf(one, other)[0], saidOf(other, one)[0]]).toEqual(['not proved', 'not proved']);
  expect(allSaid()).toMatchSnapshot();
});
