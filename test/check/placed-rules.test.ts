/** Old elements at their places through products, cuts, reshapes and masks: what is known of the new ones beside them, and what is not. */
import { describe, expect, test } from 'vitest';
import { type PlacedCase, placed } from '../support/placed-pairs.ts';

const H = 'MatMul(x, A_012) -> h';
const OUT = 'MatMul(c, B_012) -> y';

/** A new layer's values times a matrix whose columns are zero where h has old elements, added to h. */
const columns = (verdict: PlacedCase[0], places: string, rows: string, own = '0n12n', more = 'Tanh(e) -> f'): PlacedCase => [
  verdict,
  `${H};${OUT.replace('c,', 'h,')}`,
  `MatMul(x, A_${own}) -> h;MatMul(x, E_nnnn) -> e;${more};MatMul(f, C_${places}) -> u;Add(u, h) -> c;MatMul(c, B_${rows}) -> y`,
];

const PRODUCTS: readonly PlacedCase[] = [
  columns('proved', 'znzzn', '0z12z'),
  columns('proved', 'zzzzn', '0n12z', '0z12n'),
  columns('proved', 'znzzz', '0z12n', '0n12z'),
  columns('differs', 'znzzn', '0n12z'),
  columns('differs', 'zzzzn', '0z12n', '0z12z'),
  columns('differs', 'nzzzz', '0z12z'),
  columns('differs', 'zznzz', '0z12z'),
  columns('differs', 'zizzz', '0z12z'),
  columns('proved', 'znzzn', '0z12z', '0n12n', 'Identity(e) -> f'),
  // whatever it is that is multiplied
  columns('proved', 'znzzn', '0z12z', '0n12n', 'Softmax(e) -> g;Cos(g) -> f'),
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;Log(x) -> e;MatMul(e, C_znzzn) -> u;Add(u, h) -> c;MatMul(c, B_0z12z) -> y'],
  // means of the old columns, of a value of which nothing is known
  [
    'proved',
    'Softmax(x) -> f;MatMul(f, A_012) -> h;ReduceSum(h, [1]) -> y',
    'Softmax(x) -> f;MatMul(f, A_0m12m) -> h;ReduceSum(h, [1]) -> s;Mul(s, S_60) -> y',
  ],
  [
    'differs',
    'Softmax(x) -> f;MatMul(f, A_012) -> h;ReduceSum(h, [1]) -> y',
    'Softmax(x) -> f;MatMul(f, A_0m12n) -> h;ReduceSum(h, [1]) -> s;Mul(s, S_60) -> y',
  ],
  // two weights at once, and the same one again
  ['proved', `${H};MatMul(x, D_012) -> g;Mul(h, g) -> c;${OUT}`, 'MatMul(x, A_0n12z) -> h;MatMul(x, D_0z12n) -> g;Mul(h, g) -> c;MatMul(c, B_0n12n) -> y'],
  ['differs', `${H};MatMul(x, D_012) -> g;Mul(h, g) -> c;${OUT}`, 'MatMul(x, A_0n12z) -> h;MatMul(x, D_0n12n) -> g;Mul(h, g) -> c;MatMul(c, B_0n12n) -> y'],
  ['differs', `${H};MatMul(x, D_012) -> g;Mul(h, g) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;MatMul(x, A_0n12n) -> g;Mul(h, g) -> c;MatMul(c, B_0z12z) -> y'],
  ['proved', `${H};Relu(h) -> c;${OUT}`, 'MatMul(x, A_1n20n) -> h;Relu(h) -> c;MatMul(c, B_1z20z) -> y'],
  ['differs', `${H};Relu(h) -> c;${OUT}`, 'MatMul(x, A_1n20n) -> h;Relu(h) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};Relu(h) -> c;${OUT}`, 'MatMul(x, A_012n) -> h;Relu(h) -> c;MatMul(c, B_012i) -> y'],
  // sums of one operand, and of three
  ['proved', `${H};Einsum(h) equation=ij->i -> y`, 'MatMul(x, A_012) -> h;Einsum(h) equation=ij->i -> y'],
  ['differs', `${H};Einsum(h) equation=ij->i -> y`, 'MatMul(x, A_0n12n) -> h;Einsum(h) equation=ij->i -> y'],
  ['unseen', `${H};Einsum(h) equation=ij->i -> y`, 'MatMul(x, A_0z12z) -> h;Einsum(h) equation=ij->i -> y'],
  ...(
    [
      ['proved', '0z12z', '0n12n', '0n12n'],
      ['proved', '0n12n', '0z12z', '0n12n'],
      ['proved', '0n12z', '0z12n', '0n12n'],
      ['unseen', '0n12n', '0n12n', '0z12z'],
      ['differs', '0n12n', '0z12n', '0n12n'],
      ['differs', '0z12z', '0n12n', '01n2n'],
      ['differs', '0z12z', '0n12n', '0i12n'],
    ] as const
  ).map(
    ([verdict, h, g, v]): PlacedCase => [
      verdict,
      `${H};MatMul(x, D_012) -> g;Einsum(h, g, V_012) equation=ij,ij,j->i -> y`,
      `MatMul(x, A_${h}) -> h;MatMul(x, D_${g}) -> g;Einsum(h, g, V_${v}) equation=ij,ij,j->i -> y`,
    ],
  ),
];

/** Three parts of three elements each that are cut out of one product; in the new graph of five. */
const PARTS = 'MatMul(x, A_012345678) -> h;Reshape(h, [-1,3,3]) -> p';
const cut = (verdict: PlacedCase[0], lines: string, old: string, places: string, rows: string): PlacedCase => {
  const [before, after = before] = lines.split('=>');
  return [verdict, `${PARTS};${before};MatMul(c, B_${old}) -> y`, `MatMul(x, A_${places}) -> h;Reshape(h, [-1,3,5]) -> p;${after};MatMul(c, B_${rows}) -> y`];
};
const TWO = 'Slice(p, [0], [2], [1]) -> q;Reshape(q, [-1,6]) -> c=>Slice(p, [0], [2], [1]) -> q;Reshape(q, [-1,10]) -> c';
const LAST = 'Slice(p, [1], [3], [1]) -> q;Reshape(q, [-1,6]) -> c=>Slice(p, [1], [3], [1]) -> q;Reshape(q, [-1,10]) -> c';
const ONE = (at: number): string => `Gather(p, [${at}]) axis=1 -> q;Squeeze(q, [1]) -> c`;
const FIRST_ZERO = '0z12z3n45n6n78n';
const MIDDLE_ZERO = '0n12n3z45z6n78n';

const CUTS: readonly PlacedCase[] = [
  cut('differs', TWO, '012345', FIRST_ZERO, '0n12n3n45n'),
  cut('unseen', TWO, '012345', FIRST_ZERO, '0n12n3z45z'),
  cut('proved', TWO, '012345', FIRST_ZERO, '0z12z3z45z'),
  cut('proved', TWO, '012345', '0z12z3z45z6n78n', '0z12z3z45z'),
  cut('differs', LAST, '345678', FIRST_ZERO, '3n45n6n78n'),
  cut('differs', LAST, '345678', MIDDLE_ZERO, '3n45n6n78n'),
  cut('proved', ONE(0), '012', FIRST_ZERO, '0n12n'),
  cut('proved', ONE(1), '345', MIDDLE_ZERO, '3n45n'),
  cut('differs', ONE(1), '345', FIRST_ZERO, '3n45n'),
  cut('differs', ONE(2), '678', MIDDLE_ZERO, '6n78n'),
  cut('proved', ONE(2), '678', '0n12n3n45n6z78z', '6n78n'),
  cut('proved', ONE(2), '678', FIRST_ZERO, '6z78z'),
  // what is done between
  cut('proved', `Relu(p) -> p2;${ONE(0).replace('(p,', '(p2,')}`, '012', FIRST_ZERO, '0z12z'),
  cut('unseen', `Relu(p) -> p2;${ONE(0).replace('(p,', '(p2,')}`, '012', FIRST_ZERO, '0n12n'),
  cut('proved', `Transpose(p) perm=[0,2,1] -> t;Slice(t, [0], [1], [2]) -> q;Squeeze(q, [2]) -> c`, '012', FIRST_ZERO, '0n12n'),
  cut('differs', `Transpose(p) perm=[0,2,1] -> t;Slice(t, [1], [2], [2]) -> q;Squeeze(q, [2]) -> c`, '345', FIRST_ZERO, '3n45n'),
  cut('proved', 'Split(p, [1,2]) axis=1 -> q r2;Squeeze(q, [1]) -> c', '012', FIRST_ZERO, '0n12n'),
  // elements that are taken more than once, or in another order
  [
    'proved',
    'MatMul(x, A_01234) -> h;Gather(h, [0,1,3]) axis=1 -> g;MatMul(g, B_012) -> a;Slice(h, [0], [4], [1]) -> s;MatMul(s, F_0123) -> b;Add(a, b) -> y',
    'MatMul(x, A_01234) -> h;Gather(h, [0,1,3]) axis=1 -> g;MatMul(g, B_012) -> a;Slice(h, [0], [4], [1]) -> s;MatMul(s, F_0123) -> b;Add(a, b) -> y',
  ],
  [
    'differs',
    'MatMul(x, A_01234) -> h;Gather(h, [0,1,3]) axis=1 -> g;MatMul(g, B_012) -> y',
    'MatMul(x, A_01234) -> h;Gather(h, [0,3,1]) axis=1 -> g;MatMul(g, B_012) -> y',
  ],
  ['proved', `${H};Gather(h, [0,1,1,2]) axis=1 -> c;MatMul(c, B_0123) -> y`, 'MatMul(x, A_0n12n) -> h;Gather(h, [0,2,2,3]) axis=1 -> c;MatMul(c, B_0123) -> y'],
  [
    'differs',
    `${H};Gather(h, [0,1,1,2]) axis=1 -> c;MatMul(c, B_0123) -> y`,
    'MatMul(x, A_0n12n) -> h;Gather(h, [0,2,3,3]) axis=1 -> c;MatMul(c, B_0123) -> y',
  ],
  ['proved', `${H};MatMul(h, B_012) -> y`, 'MatMul(x, A_012) -> h;Gather(h, [0,1,0,2]) axis=1 -> c;MatMul(c, B_01z2) -> y'],
  ['differs', `${H};MatMul(h, B_012) -> y`, 'MatMul(x, A_012) -> h;Gather(h, [0,1,0,2]) axis=1 -> c;MatMul(c, B_01n2) -> y'],
  // a mean of a line is none of a part of it
  [
    'differs',
    `${H};Slice(h, [0], [2], [1]) -> c;ReduceSum(c, [1]) -> y`,
    'MatMul(x, A_0m12) -> h;Slice(h, [0], [3], [1]) -> c;ReduceSum(c, [1]) -> s;Mul(s, S_67) -> y',
  ],
  ['proved', `${H};ReduceSum(h, [1]) -> y`, 'MatMul(x, A_0m12n) -> h;Slice(h, [0], [4], [1]) -> c;ReduceSum(c, [1]) -> s;Mul(s, S_75) -> y'],
];

const TURNED = 'Transpose(r) perm=[0,2,1] -> t';
const VIEWS: readonly PlacedCase[] = [
  // parts that no strides say
  [
    'proved',
    `${TURNED};Reshape(t, [-1,2,6]) -> u;Softmax(u) -> v;Reshape(v, [-1,12]) -> y`,
    `${TURNED};Reshape(t, [-1,2,6]) -> u;Softmax(u) -> v;Reshape(v, [-1,12]) -> y`,
  ],
  [
    'differs',
    `${TURNED};Reshape(t, [-1,2,6]) -> u;Softmax(u) -> v;Reshape(v, [-1,12]) -> y`,
    `${TURNED};Reshape(t, [-1,6,2]) -> u;Softmax(u) -> v;Reshape(v, [-1,12]) -> y`,
  ],
  ['differs', `${TURNED};Reshape(t, [-1,12]) -> y`, 'Reshape(r, [-1,12]) -> y'],
  ['proved', `${TURNED};Reshape(t, [-1,3,2,2]) -> u;Transpose(u) perm=[0,2,3,1] -> v;Reshape(v, [-1,12]) -> y`, 'Reshape(r, [-1,12]) -> y'],
];

const S = 'ReduceMean(x) axes=[1] keepdims=1 -> s';
const MASKS: readonly PlacedCase[] = [
  // numbers along two dimensions
  [
    'unseen',
    `${S};Reshape(s, [-1,1,1]) -> t;Mul(t, B_ccc) -> u;ReduceSum(u, [1]) keepdims=0 -> y`,
    `${S};Reshape(s, [-1,1,1]) -> t;Mul(t, B_cccz) -> u;ReduceSum(u, [1]) keepdims=0 -> y`,
  ],
  [
    'differs',
    `${S};Reshape(s, [-1,1,1]) -> t;Mul(t, B_ccc) -> u;ReduceSum(u, [1]) keepdims=0 -> y`,
    `${S};Reshape(s, [-1,1,1]) -> t;Mul(t, B_cccc) -> u;ReduceSum(u, [1]) keepdims=0 -> y`,
  ],
  // zeros at all old places
  ['proved', `${H};Max(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Max(h, V_zzzzz) -> c;MatMul(c, B_0z12z) -> y'],
  ['proved', `${H};Max(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Max(h, V_znzzn) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};Max(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Max(h, V_zznzn) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};Max(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Max(h, V_znzzn) -> c;MatMul(c, B_0n12z) -> y'],
  ['proved', `${H};Add(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Add(h, V_znzzn) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};Sub(h, V_zzz) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Sub(h, V_nzzzn) -> c;MatMul(c, B_0z12z) -> y'],
  [
    'proved',
    `${H};Cos(h) -> a;Div(V_zzz, a) -> b;Add(b, h) -> c;${OUT}`,
    'MatMul(x, A_0n12n) -> h;Cos(h) -> a;Div(V_zzzzz, a) -> b;Add(b, h) -> c;MatMul(c, B_0z12z) -> y',
  ],
  ['proved', `${H};Mul(h, V_zzz) -> a;Add(a, h) -> c;${OUT}`, 'MatMul(x, A_0n12n) -> h;Mul(h, V_znzzn) -> a;Add(a, h) -> c;MatMul(c, B_0z12z) -> y'],
  ['proved', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;Mul(h, V_znzzn) -> a;Add(a, h) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;Mul(h, V_znzzn) -> a;Add(a, h) -> c;MatMul(c, B_0n12z) -> y'],
  // a new layer's values with a vector that is zero where h has old elements: zero there only where they are multiplied
  ...['Add', 'Sub', 'Div', 'Max', 'PRelu'].map(
    (op): PlacedCase => [
      'differs',
      `${H};${OUT.replace('c,', 'h,')}`,
      `MatMul(x, A_0n12n) -> h;MatMul(x, E_nnnnn) -> e;Exp(e) -> f;${op}(f, V_${op === 'Div' ? 'ccccc' : 'znzzn'}) -> u;Add(u, h) -> c;MatMul(c, B_0z12z) -> y`,
    ],
  ),
  ...['znzzn', 'zzzzn', 'znzzz'].map(
    (places): PlacedCase => [
      'proved',
      `${H};${OUT.replace('c,', 'h,')}`,
      `MatMul(x, A_0n12n) -> h;MatMul(x, E_nnnnn) -> e;Mul(e, V_${places}) -> u;Add(u, h) -> c;MatMul(c, B_0z12z) -> y`,
    ],
  ),
  ['proved', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;MatMul(x, E_nnnnn) -> e;Mul(V_znzzn, e) -> u;Sub(h, u) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;MatMul(x, E_nnnnn) -> e;Mul(e, V_nzzzn) -> u;Add(u, h) -> c;MatMul(c, B_0z12z) -> y'],
  ['differs', `${H};${OUT.replace('c,', 'h,')}`, 'MatMul(x, A_0n12n) -> h;MatMul(x, E_nnnnn) -> e;Mul(e, V_zizzn) -> u;Add(u, h) -> c;MatMul(c, B_0z12z) -> y'],
  // quotients as products, of a divisor that grew
  [
    'proved',
    `${H};Exp(h) -> b;Div(V_012, b) -> c;${OUT}`,
    'MatMul(x, A_0n12n) -> h;Exp(h) -> b;Reciprocal(b) -> e;Mul(e, V_0n12n) -> c;MatMul(c, B_0z12z) -> y',
  ],
  [
    'differs',
    `${H};Exp(h) -> b;Div(V_012, b) -> c;${OUT}`,
    'MatMul(x, A_0n12n) -> h;Exp(h) -> b;Reciprocal(b) -> e;Mul(e, V_0n21n) -> c;MatMul(c, B_0z12z) -> y',
  ],
];

/** c of h and g, whose new elements are means, of k, whose are not, and of b, which is one element for all; and the sum over it. */
const mean = (verdict: PlacedCase[0], line: string): PlacedCase => [
  verdict,
  `${H};MatMul(x, D_012) -> g;MatMul(x, C_012) -> k;${S};Exp(s) -> b;${line};ReduceSum(c, [1]) -> y`,
  `MatMul(x, A_0m12m) -> h;MatMul(x, D_0m12m) -> g;MatMul(x, C_0n12n) -> k;${S};Exp(s) -> b;${line};ReduceSum(c, [1]) -> t;Mul(t, S_60) -> y`,
];

const MEANS: readonly PlacedCase[] = [
  ...['Add(h, g)', 'Sub(h, g)', 'Add(h, b)', 'Add(b, h)', 'Sub(b, h)', 'Mul(h, b)', 'Mul(b, h)', 'Div(h, b)', 'Neg(h)', 'Sum(h, b, g)'].map((line) =>
    mean('proved', `${line} -> c`),
  ),
  ...['Add(h, k)', 'Sub(k, h)', 'Mul(h, g)', 'Mul(h, h)', 'Max(h, g)', 'Relu(h)', 'Sum(h, b, k)', 'Mul(k, b)'].map((line) => mean('differs', `${line} -> c`)),
  mean('differs', 'Exp(g) -> e;Div(h, e) -> c'),
  mean('differs', 'Exp(g) -> e;Div(b, e) -> c'),
  mean('differs', 'Mul(h, h) -> q;Add(q, h) -> c'),
  mean('differs', 'Mul(h, h) -> q;Add(q, q) -> c'),
];

const GROUPS = { products: PRODUCTS, cuts: CUTS, views: VIEWS, masks: MASKS, means: MEANS };
describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map((own) => [`${own[0]}: ${own[1]} => ${own[2]}`, own] as const))('%s', async (_text, own) => {
    expect(await placed(own)).toMatchSnapshot();
  });
});
