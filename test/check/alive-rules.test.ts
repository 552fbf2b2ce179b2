/** Which parameters of small graphs never get a gradient, rule by rule. */
import { describe, test } from 'vitest';
import { at, type Case, column, D, element, expectDead, INPUTS, type IsZero, MET, row, rows, U, type Weight, wu, zero } from '../support/dead-weights.ts';
import { node } from '../support/small-graph.ts';

/** What is dead where another value of zero columns 2 and 4 is joined. */
const BOTH = ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'];
/** Zeros in no order. */
const strewn: IsZero = (i = 0, j = 0) => ((Math.imul(i * 211 + j * 7 + 1, 0x9e3779b1) >>> 0) * 0x85ebca6b) % 5 < 2;

/** Attention over packed queries, keys and values in front of zeros: four heads of two channels on two heads of keys; some columns are zero. */
const packed = (isZero: (column: number) => boolean): Omit<Case, 'dead'> => ({
  now: "MatMul(p, wp) -> a;com.microsoft.GroupQueryAttention(a, '', '', '', '', il, it) num_heads=4 kv_num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y",
  old: 'Identity(p) -> y',
  inputs: { ...INPUTS, il: ['b'], it: [1] },
  weights: { wp: [[4, 16], (_, j = -1) => isZero(j)], wd: rows(8) },
  unlikeDifferences: 'lengths are of another type there',
});

/** A block with an activation that is widened: new columns 3 and 4 of its first factor are zero, new rows 2, 3 and 5 of its second. */
const widened = (op: string, before = ''): Omit<Case, 'dead'> => {
  const lines = `MatMul(x, wa) -> h;${before}${op} -> g;MatMul(g, wb) -> y`;
  return { old: lines, oldWeights: { wa: [[4, 2]], wb: [[2, 4]] }, now: lines, weights: { wa: [[4, 6], column(3, 4)], wb: [[6, 4], row(2, 3, 5)] } };
};

/** Keys that are joined to those of earlier steps, wider by two channels, in front of zeros. */
const cached = (isZero: IsZero, held: string): Omit<Case, 'dead'> => {
  const lines = 'MatMul(p, wk) -> k;Concat(past, k) axis=1 -> present;MatMul(present, wo) -> e;ReduceSum(e, [1]) keepdims=1 -> s;Add(p, s) -> y';
  return {
    old: lines,
    oldWeights: { wk: [[4, 2]], wo: [[2, 4]] },
    now: lines,
    weights: { wk: [[4, 4], isZero], wo: [[4, 4], row(2, 3)] },
    inputs: { ...INPUTS, past: ['b', 't', 4] },
    oldInputs: { past: ['b', 't', 2] },
    outputs: ['y', 'present'],
    assumes: [`input past holds what input past held and ${held} at the new places of dimension 2 (2→4); as output present does`],
    unlikeDifferences: 'a cache holds what earlier steps gave',
  };
};

/** Attention over three operands in front of zeros, of which some columns are zero. */
const attention = (op: string, q: number, k: number, v: number, ...[atQ, atK, atV]: readonly (readonly number[])[]): Omit<Case, 'dead'> => ({
  now: `MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;${op} -> g;MatMul(g, wd) -> e;Add(p, e) -> y`,
  old: 'Identity(p) -> y',
  inputs: { ...INPUTS, il: ['b'], it: [1] },
  weights: { wq: [[4, q], column(...(atQ ?? []))], wk: [[4, k], column(...(atK ?? []))], wv: [[4, v], column(...(atV ?? []))], wr: [[9, 1]], wd: rows(q) },
  unlikeDifferences: 'lengths are of another type there',
});

/** Attention that gains a head of keys and values with a cache, in front of zeros. */
const earlier = (op: string, each: number, block: (heads: number, keyHeads: number) => string, noValues: boolean): Case => {
  const lines = (g: number): string =>
    `MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;${block(g * each, g)} -> g presentk presentv;MatMul(g, wd) -> e;Add(p, e) -> y`;
  const sizes = (g: number): Record<string, readonly [number, number]> => ({ wq: [4, 2 * g * each], wk: [4, 2 * g], wv: [4, 2 * g], wd: [2 * g * each, 4] });
  const caches = (g: number): Record<string, readonly (number | string)[]> => ({ pk: ['b', g, 't', 2], pv: ['b', g, 't', 2] });
  const isZero: Record<string, IsZero> = { wv: column(...(noValues ? [2, 3] : [3])), wd: (i = 0) => i >= 2 * each };
  const held = (what: string, cache: string): string =>
    `input p${cache} holds what input p${cache} held and ${what} at the new places of dimension 1 (1→2); as output present${cache} does`;
  return {
    assumes: [held('anything finite', 'k'), held(noValues ? 'zeros' : 'anything finite', 'v')],
    dead:
      each === 1
        ? noValues
          ? ['wq columns 2..3 (8)', 'wk columns 2..3 (8)', 'wv columns 2..3 (8)', 'wd rows 2..3 (8)']
          : ['wv column 3 (4)', 'wd row 3 (4)']
        : noValues
          ? ['wq columns 4..7 (16)', 'wk columns 2..3 (8)', 'wv columns 2..3 (8)', 'wd rows 4..7 (16)']
          : ['wv column 3 (4)', 'wd rows 5, 7 (8)'],
    old: lines(1),
    oldWeights: Object.fromEntries(Object.entries(sizes(1)).map(([name, dims]) => [name, [dims]])),
    now: lines(2),
    weights: Object.fromEntries(
      Object.entries(sizes(2)).map(([name, dims]): [string, Weight] => [name, isZero[name] === undefined ? [dims] : [dims, isZero[name]]]),
    ),
    inputs: { ...INPUTS, il: ['b'], it: [1], ...caches(2) },
    oldInputs: caches(1),
    outputs: ['y', 'presentk', 'presentv'],
    ...(op === 'Attention' && { opset: 23 }),
    unlikeDifferences: 'a cache holds what earlier steps gave',
  };
};

const CASES: Readonly<Record<string, Case>> = {
  'zeros on both sides of a product': { now: `${U};Identity(h) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: MET },
  'zeros on one side': { now: `${U};Identity(h) -> g;${D}`, weights: { wu: [[4, 6]], wd: rows(6) }, dead: [] },
  'one number that is not zero': {
    now: `${U};Identity(h) -> g;${D}`,
    weights: { wu: [[4, 6], (i, j) => (j === 1 && i !== 2) || j === 4], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wd row 4 (4)'],
  },
  ...Object.fromEntries(
    ['Tanh', 'Erf', 'Sin', 'Neg', 'com.microsoft.QuickGelu', 'com.microsoft.Gelu'].map((op): [string, Case] => [
      `${op} keeps zeros`,
      { now: `${U};${op}(h) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: MET },
    ]),
  ),
  ...Object.fromEntries(
    ['Exp', 'Sigmoid', 'Softplus'].map((op): [string, Case] => [
      `${op} makes no zeros of zeros`,
      { now: `${U};${op}(h) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: [] },
    ]),
  ),
  'a derivative that is zero where zeros do not stay': {
    now: `${U};Cos(h) -> g;${D}`,
    weights: { wu, wd: rows(6) },
    dead: ['wu columns 1, 4 (8)'],
  },
  ...Object.fromEntries(
    ['Relu', 'Abs', 'ThresholdedRelu', 'Shrink', 'Sign', 'Tanh', 'Sin', 'LeakyRelu', 'Selu'].map((op): [string, Case] => {
      const lines = `MatMul(x, wa) -> h;${op}(h) -> g;MatMul(g, wb) -> y`;
      const isFlat = ['Relu', 'Abs', 'ThresholdedRelu', 'Shrink', 'Sign'].includes(op);
      return [
        `the derivative of ${op} at zero`,
        {
          old: lines,
          oldWeights: { wa: [[4, 2]], wb: [[2, 4]] },
          now: lines,
          weights: { wa: [[4, 6], column(3, 4)], wb: [[6, 4], row(2, 3, 5)] },
          dead: isFlat ? ['wa columns 3..4 (8)', 'wb rows 3..4 (8)'] : ['wa column 3 (4)', 'wb row 3 (4)'],
          ...(isFlat && { unlikeDifferences: 'there is a kink at zero' }),
        },
      ];
    }),
  ),
  'squares are flat at zero': {
    old: 'MatMul(x, wa) -> h;Pow(h, [2]) -> g;MatMul(g, wb) -> y',
    oldWeights: { wa: [[4, 2]], wb: [[2, 4]] },
    now: 'MatMul(x, wa) -> h;Pow(h, [2]) -> g;MatMul(g, wb) -> y',
    weights: { wa: [[4, 6], column(3, 4)], wb: [[6, 4], row(2, 3, 5)] },
    dead: ['wa columns 3..4 (8)', 'wb rows 3..4 (8)'],
  },
  'an exponent of one': { ...widened('Pow(h, [1])'), dead: ['wa column 3 (4)', 'wb row 3 (4)'] },
  'a hyperbolic cosine': { now: `${U};Cosh(h) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: ['wu columns 1, 4 (8)'] },
  'sums of squares': { ...widened('ReduceSumSquare(r) axes=[2] keepdims=0', 'Reshape(h, [0,-1,1]) -> r;'), dead: ['wa columns 3..4 (8)', 'wb rows 3..4 (8)'] },
  'lengths of vectors': {
    ...widened('ReduceL2(r) axes=[2] keepdims=0', 'Reshape(h, [0,-1,1]) -> r;'),
    dead: ['wa columns 3..4 (8)', 'wb rows 3..4 (8)'],
    unlikeDifferences: 'there is a kink at zero',
  },
  'sums of absolute numbers': {
    ...widened('ReduceL1(r) axes=[2] keepdims=0', 'Reshape(h, [0,-1,1]) -> r;'),
    dead: ['wa column 3 (4)', 'wb row 3 (4)'],
    unlikeDifferences: 'there is a kink at zero',
  },
  // operators with rules of their own
  ...Object.fromEntries(
    (
      [
        ['LpNormalization(h) axis=1', [], 'norms are not followed number by number'],
        ['LpNormalization(h) axis=0', MET],
        ['LRN(h) size=3', [], 'norms are not followed number by number'],
        ['Clip(h)', MET],
        ['Mean(h, k)', BOTH],
        ['Min(h, k)', BOTH],
        ['Sub(h, k)', BOTH],
        ['com.microsoft.BiasGelu(h, wb)', ['wu column 4 (4)', 'wb element 4 (1)', 'wd row 4 (4)']],
        ['com.microsoft.FastGelu(h, wb)', ['wu column 4 (4)', 'wb element 4 (1)', 'wd row 4 (4)']],
        ['com.microsoft.FusedMatMul(h, wf) transB=1', ['wu column 1 (4)', 'wf column 1 (6)']],
        ['Slice(k, [0], [2], [1]) -> u;ScatterElements(h, ix, u) axis=1', ['wv columns 2..5 (16) unread'], 'indices may be others'],
        ['GatherElements(h, ix) axis=0', [], 'indices may be others'],
        ['Gather(h, iy) axis=0', MET],
        ['Gather(h, iy) axis=1', [], 'indices may be others'],
        ['Slice(h, [0], [1], [0])', MET],
        ['Pad(h, [1,0,0,0])', MET],
        ['Tile(h, [2,1])', MET],
        ['Gather(h, [0]) axis=0', MET],
        ['Gather(h, one) axis=0', MET],
      ] as readonly (readonly [string, readonly string[], string?])[]
    ).map(([op, dead, unlikeDifferences]): [string, Case] => [
      op,
      {
        now: `${U};${op.includes('k') ? 'MatMul(x, wv) -> k;' : ''}${op} -> g;MatMul(g, wd) -> e;ReduceSum(e, [0]) keepdims=1 -> s;Add(x, s) -> y`,
        inputs: { ...INPUTS, ix: ['n', 2], iy: [6] },
        weights: { wu, wv: [[4, 6], column(2, 4)], wb: [[6], element(4, 5)], wf: [[6, 6], column(1)], wd: rows(op.includes('ix) axis=0') ? 2 : 6) },
        dead,
        ...(unlikeDifferences !== undefined && { unlikeDifferences }),
      },
    ]),
  ),
  // sums
  'a bias that is zero in part': {
    now: `${U};Add(h, wb) -> g;${D}`,
    weights: { wu, wb: [[6], element(0, 4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wb element 4 (1)', 'wd row 4 (4)'],
  },
  'the bias of Gemm': {
    now: `Gemm(x, wt, wb) transB=1 -> g;${D}`,
    weights: { wt: [[6, 4], row(1, 4)], wb: [[6], element(0, 1)], wd: rows(6) },
    dead: ['wt row 1 (4)', 'wb element 1 (1)', 'wd row 1 (4)'],
  },
  'Gemm without a bias': {
    now: `Gemm(x, wt) transB=1 -> g;${D}`,
    weights: { wt: [[6, 4], row(1, 4)], wd: rows(6) },
    dead: ['wt rows 1, 4 (8)', 'wd rows 1, 4 (8)'],
  },
  'Gemm that ends in zeros': {
    now: 'MatMul(x, wu) -> h;Gemm(h, wd, wb) -> e;Add(x, e) -> y',
    weights: { wu, wd: rows(6), wb: [[4], zero] },
    dead: MET,
  },
  'sums of three': {
    now: `${U};MatMul(x, wv) -> k;Sum(h, k, wb) -> g;${D}`,
    weights: { wu, wv: [[4, 6], column(1, 2, 3, 4)], wb: [[6], element(1, 5)], wd: rows(6) },
    dead: ['wu column 1 (4)', 'wv column 1 (4)', 'wb element 1 (1)', 'wd row 1 (4)'],
  },
  // other products
  'products of two values': {
    now: `${U};MatMul(x, wv) -> k;Mul(h, k) -> g;${D}`,
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6) },
    dead: ['wu columns 1..2, 4 (12)', 'wv columns 1..2, 4 (12)', 'wd rows 1..2, 4 (12)'],
  },
  'a gain that is zero': {
    now: `${U};Mul(h, wg) -> g;${D}`,
    weights: { wu, wg: [[6], element(0, 1)], wd: rows(6) },
    dead: ['wu columns 0..1, 4 (12)', 'wg elements 0..1, 4 (3)', 'wd rows 0..1, 4 (12)'],
  },
  'a numerator that is zero': {
    now: `${U};Exp(z) -> k;ReduceSum(k, [1]) keepdims=1 -> r;Div(h, r) -> g;${D}`,
    weights: { wu, wd: rows(6) },
    dead: MET,
  },
  'Einsum of two': {
    now: 'Einsum(x, wu) equation=ij,jk->ki -> g;Einsum(g, wd) equation=ki,kj->ij -> e;Add(x, e) -> y',
    weights: { wu, wd: rows(6) },
    dead: MET,
  },
  'Einsum of three with zeros on both sides of each product': {
    now: 'Einsum(x, wu, wv) equation=ij,jk,k->ik -> g;MatMul(g, wd) -> e;Add(x, e) -> y',
    weights: { wu, wv: [[6], element(4, 5)], wd: rows(6) },
    dead: ['wu columns 1, 4..5 (12)', 'wv elements 1, 4..5 (3)', 'wd rows 1, 4..5 (12)'],
  },
  'parts of a weight of three dimensions': {
    now: 'Einsum(x, wu) equation=ij,jab->iab -> g;Einsum(g, wd) equation=iab,abk->ik -> e;Add(x, e) -> y',
    weights: { wu: [[4, 2, 3], (_, a, b) => (a === 0 && b === 1) || b === 2], wd: [[2, 3, 4], zero] },
    dead: ['wu dimension 2 index 2 and [0..3; 0; 1] (12)', 'wd dimension 1 index 2 and [0; 1; 0..3] (12)'],
  },
  'several planes': {
    now: 'Einsum(x, wu) equation=ij,ajb->iab -> g;Einsum(g, wd) equation=iab,abk->ik -> e;Add(x, e) -> y',
    weights: { wu: [[4, 4, 3], (a) => a === 0 || a > 1], wd: [[4, 3, 4], zero] },
    dead: ['wu dimension 0 indices 0, 2..3 (36)', 'wd dimension 0 indices 0, 2..3 (36)'],
  },
  convolutions: {
    now: 'Conv(q, wk, wb) kernel_shape=[3] pads=[1,1] -> g;Conv(g, wd) kernel_shape=[1] -> e;Add(q, e) -> y',
    weights: { wk: [[5, 3, 3], row(1, 2, 4)], wb: [[5], element(0, 1, 4)], wd: [[3, 5, 1], zero] },
    old: 'Identity(q) -> y',
    dead: ['wk dimension 0 indices 1, 4 (18)', 'wb elements 1, 4 (2)', 'wd dimension 1 indices 1, 4 (6)'],
  },
  // moved elements
  'slices that go backwards': {
    now: `${U};Slice(h, [-1], [-7], [1], [-1]) -> g;${D}`,
    weights: { wu: [[4, 6], column(0, 4)], wd: rows(6) },
    dead: ['wu columns 0, 4 (8)', 'wd rows 1, 5 (8)'],
  },
  'slices that go forwards': {
    now: `${U};Slice(h, [1], [6], [1], [3]) -> g;${D}`,
    weights: { wu, wd: rows(2) },
    dead: ['wu columns 1, 4 (8)', 'wu columns 0, 2..3, 5 (16) unread', 'wd all (8)'],
  },
  'slices of rows': {
    now: 'Slice(wu, [1], [5], [0]) -> w;MatMul(x, w) -> g;MatMul(g, wd) -> e;Add(x, e) -> y',
    weights: { wu: [[6, 5], column(1, 3)], wd: rows(5) },
    dead: ['wu [1..4; 1, 3] (8)', 'wu rows 0, 5 (10) unread', 'wd rows 1, 3 (8)'],
  },
  'gathered with repeats': {
    now: `${U};Gather(h, [4,0,4,2]) axis=1 -> g;${D}`,
    weights: { wu, wd: rows(4) },
    dead: ['wu column 4 (4)', 'wu columns 1, 3, 5 (12) unread', 'wd rows 0, 2 (8)'],
  },
  'one of a gathered dimension': {
    now: `${U};Reshape(h, [-1,2,3]) -> r;Gather(r, one) axis=1 -> g;${D}`,
    weights: { wu, wd: rows(3) },
    dead: ['wu column 4 (4)', 'wu columns 0..2 (12) unread', 'wd row 1 (4)'],
  },
  tiles: { now: `${U};Tile(h, [1,2]) -> g;${D}`, weights: { wu, wd: rows(12) }, dead: ['wu columns 1, 4 (8)', 'wd rows 1, 4, 7, 10 (16)'] },
  padding: { now: `${U};Pad(h, [0,2,0,1]) -> g;${D}`, weights: { wu, wd: rows(9) }, dead: ['wu columns 1, 4 (8)', 'wd rows 0..1, 3, 6, 8 (20)'] },
  'padding that takes away': {
    now: `${U};Pad(h, [0,-2,0,1]) -> g;${D}`,
    weights: { wu, wd: rows(5) },
    dead: ['wu column 4 (4)', 'wu columns 0..1 (8) unread', 'wd rows 2, 4 (8)'],
  },
  'padding with copies': {
    now: `${U};Pad(h, [0,1,0,0]) mode=reflect -> g;${D}`,
    weights: { wu, wd: rows(7) },
    dead: [],
    unlikeDifferences: 'where copies come from is not followed',
  },
  'values side by side': {
    now: `${U};MatMul(x, wv) -> k;Concat(k, h, k) axis=1 -> g;${D}`,
    weights: { wu, wv: [[4, 3], column(2)], wd: rows(12) },
    dead: ['wu columns 1, 4 (8)', 'wv column 2 (4)', 'wd rows 2, 4, 7, 11 (16)'],
  },
  'values below each other': {
    now: `${U};MatMul(z, wv) -> k;Concat(h, k) axis=0 -> g;MatMul(g, wd) -> e;ReduceSum(e, [0]) keepdims=1 -> s;Add(x, s) -> y`,
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'],
  },
  parts: {
    now: `${U};Split(h, [2,1,3]) axis=1 -> a b c;Concat(c, a) axis=1 -> g;${D}`,
    weights: { wu, wd: rows(5) },
    dead: ['wu columns 1, 4 (8)', 'wu column 2 (4) unread', 'wd rows 1, 4 (8)'],
  },
  'dimensions that are split and change places': {
    now: `${U};Reshape(h, [-1,2,3]) -> r;Transpose(r) perm=[0,2,1] -> t;Reshape(t, [-1,6]) -> g;${D}`,
    weights: { wu: [[4, 6], column(1, 5)], wd: rows(6) },
    dead: ['wu columns 1, 5 (8)', 'wd rows 2, 5 (8)'],
  },
  'dimensions that are joined': {
    now: 'Einsum(x, wu) equation=ij,jab->iab -> h;Reshape(h, [0,-1]) -> g;MatMul(g, wd) -> e;Add(x, e) -> y',
    weights: { wu: [[4, 2, 3], at(2, 1)], wd: rows(6) },
    dead: ['wu dimension 2 index 1 (8)', 'wd rows 1, 4 (8)'],
  },
  'rows of a table': {
    now: 'Gather(wt, i) axis=0 -> g;MatMul(g, wd) -> e;Add(x, e) -> y',
    weights: { wt: [[5, 6], column(0, 3)], wd: rows(6) },
    dead: ['wt columns 0, 3 (10)', 'wd rows 0, 3 (8)'],
    unlikeDifferences: 'not all rows are read',
  },
  'a weight that is turned': {
    now: `Transpose(wt) perm=[1,0] -> t;MatMul(x, t) -> g;${D}`,
    weights: { wt: [[6, 4], row(1, 4)], wd: rows(6) },
    dead: ['wt rows 1, 4 (8)', 'wd rows 1, 4 (8)'],
  },
  'stretched dimensions': {
    now: `MatMul(x, wu) -> h;Reshape(h, [-1,3,1]) -> r;Expand(r, [1,3,2]) -> s;Reshape(s, [-1,6]) -> g;${D}`,
    weights: { wu: [[4, 3], column(1)], wd: rows(6) },
    dead: ['wu column 1 (4)', 'wd rows 2..3 (8)'],
  },
  // along dimensions
  'sums along a dimension': {
    now: `${U};Reshape(h, [-1,2,3]) -> r;ReduceSum(r, [1]) keepdims=0 -> g;${D}`,
    weights: { wu: [[4, 6], column(0, 1, 4)], wd: rows(3) },
    dead: ['wu columns 1, 4 (8)', 'wd row 1 (4)'],
  },
  'means along all tokens': {
    now: `${U};ReduceMean(h) axes=[0] keepdims=1 -> g;${D}`,
    weights: { wu, wd: rows(6) },
    dead: MET,
  },
  'sums that are all zero': {
    now: `${U};ReduceSum(h, [1]) keepdims=1 -> g;${D}`,
    weights: { wu: [[4, 6], zero], wd: rows(1) },
    dead: ['wu all (24)', 'wd all (4)'],
  },
  'running sums': {
    now: `${U};CumSum(h, [1]) -> g;${D}`,
    weights: { wu: [[4, 6], zero], wd: rows(6) },
    dead: ['wu all (24)', 'wd all (24)'],
  },
  'running sums of zeros in part': {
    now: `${U};CumSum(h, [1]) -> g;${D}`,
    weights: { wu: [[4, 6], column(4, 5)], wd: rows(6) },
    dead: [],
  },
  softmax: { now: `${U};Softmax(h) axis=1 -> g;${D}`, weights: { wu: [[4, 6], zero], wd: rows(6) }, dead: [] },
  norms: {
    now: `${U};LayerNormalization(h, wg, wb) axis=1 -> g;${D}`,
    weights: { wu, wg: [[6], element(0, 2)], wb: [[6], element(2, 4)], wd: rows(6) },
    dead: ['wg element 2 (1)', 'wb element 2 (1)', 'wd row 2 (4)'],
  },
  // choices
  'either of two': {
    now: `${U};MatMul(x, wv) -> k;Greater(h, k) -> c;Where(c, h, k) -> g;${D}`,
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'],
  },
  'the greater of two': {
    now: `${U};MatMul(x, wv) -> k;Max(h, k) -> g;${D}`,
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'],
  },
  'branches with two results': {
    now: `${U};MatMul(x, wv) -> k;ReduceSum(x) keepdims=0 -> sum;Cast(sum) to=9 -> cond;If(cond) -> s t;MatMul(s, wd) -> e;MatMul(t, wf) -> f;Add(e, f) -> d;Add(x, d) -> y`,
    branches: [
      [node('Neg', ['h'], ['s1']), node('Neg', ['k'], ['t1'])],
      [node('Tanh', ['k'], ['s2']), node('Tanh', ['h'], ['t2'])],
    ],
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6), wf: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)', 'wf row 4 (4)'],
    unlikeDifferences: 'one branch runs',
  },
  // several readers
  'a weight of two readers that is alive through one': {
    now: `${U};Identity(h) -> g;MatMul(z, wv) -> k;MatMul(k, wd) -> f;MatMul(g, wd) -> e;Add(e, f) -> a;Add(x, a) -> y`,
    weights: { wu, wv: [[4, 6], column(4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'],
  },
  'a weight that is read twice in one block': {
    now: `${U};Tanh(h) -> t;Transpose(wu) perm=[1,0] -> v;MatMul(t, v) -> s;Mul(s, wd) -> e;Add(x, e) -> y`,
    weights: { wu, wd: [[4], zero] },
    dead: ['wu columns 1, 4 (8)'],
  },
  'a value of two readers': {
    now: `${U};Tanh(h) -> g;MatMul(h, wf) -> f;MatMul(g, wd) -> e;Add(e, f) -> a;Add(x, a) -> y`,
    weights: { wu, wd: rows(6), wf: [[6, 4], zero] },
    dead: [...MET, 'wf rows 1, 4 (8)'],
  },
  'two blocks, one behind the other': {
    now: `${U};MatMul(h, wv) -> k;Tanh(k) -> g;${D}`,
    weights: { wu, wv: [[6, 5], (i, j) => i === 4 || j === 0], wd: rows(5) },
    dead: ['wu column 4 (4)', 'wv row 4 and column 0 (10)', 'wd row 0 (4)'],
  },
  'all behind zeros': {
    now: `${U};MatMul(h, wv) -> k;Tanh(k) -> g;${D}`,
    weights: { wu, wv: [[6, 5], zero], wd: rows(5) },
    dead: ['wu all (24)', 'wv all (30)', 'wd all (20)'],
  },
  // what no output reads
  'values that no output reads': {
    now: `${U};Identity(h) -> g;MatMul(g, wv) -> k;${D}`,
    weights: { wu, wv: [[6, 5]], wd: rows(6) },
    dead: [...MET.slice(0, 1), 'wv all (30) unread', ...MET.slice(1)],
  },
  'shapes have no gradients': {
    now: `${U};Shape(h) -> s;ConstantOfShape(s) -> o;Mul(o, wg) -> g;${D}`,
    weights: { wu, wg: [[6]], wd: rows(6) },
    dead: ['wu all (24) unread', 'wg all (6)', 'wd all (24)'],
  },
  // widened weights
  'new columns between old ones': {
    old: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    oldWeights: { wa: [[4, 2]], wb: [[2, 4]] },
    now: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    weights: { wa: [[4, 6], column(2, 4, 5)], wb: [[6, 4], row(2, 3, 5)] },
    dead: ['wa columns 2, 5 (8)', 'wb rows 2, 5 (8)'],
  },
  'old zeros are no matter': {
    old: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    oldWeights: { wa: [[4, 3]], wb: [[3, 4]] },
    now: 'MatMul(x, wa) -> h;MatMul(h, wb) -> y',
    weights: { wa: [[4, 5], column(1, 3, 4)], wb: [[5, 4], row(1, 4)] },
    dead: ['wa column 4 (4)', 'wb row 4 (4)'],
  },
  // strewn zeros
  'zeros here and there': {
    now: `Mul(wu, wv) -> w;MatMul(x, w) -> e;Add(x, e) -> y`,
    weights: { wu: [[4, 4], (i, j) => i === j || (i === 0 && j === 3)], wv: [[4, 4], zero] },
    dead: ['wu [0; 0] and [0; 3] and [1; 1] and [2; 2] and [3; 3] (5)', 'wv [0; 0] and [0; 3] and [1; 1] and [2; 2] and [3; 3] (5)'],
  },
  'more blocks than are named': {
    now: 'Mul(wu, wv) -> w;MatMul(x, w) -> e;Add(x, e) -> y',
    inputs: { x: ['n', 36] },
    weights: { wu: [[36, 36], (i, j) => i === j], wv: [[36, 36], zero] },
    dead: ['wu', 'wv'].map((name) => `${name} ${Array.from({ length: 32 }, (_, i) => `[${i}; ${i}]`).join(' and ')} and 4 more blocks (36)`),
    unlikeDifferences: 'too many elements',
  },
  'a weight that is read in pieces': {
    now: `MatMul(x, wu) -> g;${D}`,
    weights: { wu: [[4, 20000], column(7, 19999)], wd: rows(20000) },
    dead: ['wu columns 7, 19999 (8)', 'wd rows 7, 19999 (8)'],
    unlikeDifferences: 'too many elements',
  },
  'zeros in more patterns than are told apart': {
    now: `MatMul(x, wu) -> g;${D}`,
    inputs: { x: ['n', 130] },
    weights: { wu: [[130, 140], (i, j) => strewn(i, j) || j === 7 || j === 139 || i === 3], wd: [[140, 130], zero] },
    dead: ['wu columns 7, 139 (260)', 'wd rows 7, 139 (260)'],
    unlikeDifferences: 'too many elements',
  },
  // integers
  'rounded to integers and back': {
    now: `${U};QuantizeLinear(h, ws) -> r;DequantizeLinear(r, ws) -> g;${D}`,
    weights: { wu, ws: [[]], wd: rows(6) },
    dead: MET,
    unlikeDifferences: 'steps have no derivative',
  },
  'rounded to integers in steps that follow from the numbers': {
    now: `${U};DynamicQuantizeLinear(h) -> r s zz;DequantizeLinear(r, s, zz) -> g;${D}`,
    weights: { wu, wd: rows(6) },
    dead: [],
    unlikeDifferences: 'steps have no derivative',
  },
  'a model that gives integers': {
    old: 'ArgMax(x) axis=1 -> y',
    now: `${U};Identity(h) -> g;MatMul(g, wd) -> e;Add(x, e) -> a;ArgMax(a) axis=1 -> y`,
    weights: { wu, wd: rows(6) },
    dead: MET,
    unlikeDifferences: 'integers have no derivative',
  },
  'numbers of elements have no gradients': {
    now: `${U};Size(h) -> s;Cast(s) to=1 -> c;Mul(wg, c) -> g;${D}`,
    weights: { wu, wg: [[6]], wd: rows(6) },
    dead: ['wu all (24) unread'],
  },
  'weights in nodes': {
    now: `${U};Identity(h) -> g;${D}`,
    weights: { wu, wd: rows(6) },
    inNodes: true,
    dead: MET,
    unlikeDifferences: 'there is nothing to vary',
  },
  'a gain that is stretched': {
    old: 'Identity(q) -> y',
    now: 'Mul(q, wg) -> g;Mul(g, wd) -> e;Add(q, e) -> y',
    weights: { wg: [[3, 1], element(1)], wd: [[3, 8], zero] },
    dead: ['wg row 1 (1)', 'wd row 1 (8)'],
  },
  'one result of branches': {
    now: `${U};MatMul(x, wv) -> k;ReduceSum(x) keepdims=0 -> sum;Cast(sum) to=9 -> cond;If(cond) -> g;${D}`,
    branches: [[node('Neg', ['h'], ['s1'])], [node('Neg', ['k'], ['s2'])]],
    weights: { wu, wv: [[4, 6], column(2, 4)], wd: rows(6) },
    dead: ['wu column 4 (4)', 'wv column 4 (4)', 'wd row 4 (4)'],
    unlikeDifferences: 'one branch runs',
  },
  // caches
  'what a cache holds was zero before': { ...cached(column(2, 3), 'zeros'), dead: ['wk columns 2..3 (8)', 'wo rows 2..3 (8)'] },
  'what a cache holds was not zero before': { ...cached(column(3), 'anything finite'), dead: ['wk column 3 (4)', 'wo row 3 (4)'] },
  'outputs that do not grow are read': {
    old: 'MatMul(p, wk) -> k;MatMul(k, wo) -> e;Add(p, e) -> y',
    oldWeights: { wk: [[4, 2]], wo: [[2, 4]] },
    now: 'MatMul(p, wk) -> k;MatMul(k, wo) -> e;Add(p, e) -> y;Neg(e) -> f',
    weights: { wk: [[4, 4], column(3)], wo: [[4, 4], row(2, 3)] },
    outputs: ['e', 'y'],
    dead: ['wk column 3 (4)', 'wo row 3 (4)'],
  },
  'rotations mix numbers': {
    old: 'Identity(p) -> y',
    now: 'MatMul(p, wk) -> h;com.microsoft.RotaryEmbedding(h, ii, wr, wr) -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    inputs: { ...INPUTS, ii: ['b', 'm'] },
    weights: { wk: [[4, 4], column(1)], wr: [[9, 2]], wd: rows(4) },
    dead: [],
    unlikeDifferences: 'not all rows of the table are read',
  },
  // whole attention blocks
  'a value channel of packed queries, keys and values': { ...packed((j) => j === 12), dead: ['wp column 12 (4)', 'wd rows 0, 2 (8)'] },
  'heads without values': { ...packed((j) => j > 13), dead: ['wp columns 4..7, 10..11, 14..15 (32)', 'wd rows 4..7 (16)'] },
  'heads with neither queries nor keys': { ...packed((j) => [0, 1, 2, 3, 8, 9].includes(j)), dead: ['wp columns 0..3, 8..9 (24)'] },
  'a channel of queries and keys': { ...packed((j) => [1, 3, 9].includes(j)), dead: ['wp columns 1, 3, 9 (12)'] },
  'queries of one of two heads': { ...packed((j) => j === 1 || j === 9), dead: [] },
  'queries, keys and values as operands': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;com.microsoft.MultiHeadAttention(a, b, c) num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    old: 'Identity(p) -> y',
    weights: { wq: [[4, 4], column(1)], wk: [[4, 4], column(1)], wv: [[4, 6], column(1, 3, 4, 5)], wd: rows(6) },
    dead: ['wq columns 1..3 (12)', 'wk columns 1..3 (12)', 'wv columns 1, 3..5 (16)', 'wd rows 1, 3..5 (16)'],
  },
  'queries, keys and values of their own operands': {
    ...attention("com.microsoft.GroupQueryAttention(a, b, c, '', '', il, it) num_heads=4 kv_num_heads=2", 8, 4, 4, [1, 2, 3], [0, 1, 2], [2, 3]),
    dead: ['wq columns 1, 3..7 (24)', 'wk columns 1..3 (12)', 'wv columns 2..3 (8)', 'wd rows 4..7 (16)'],
  },
  'queries, keys and values by head': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;Reshape(a, [0,0,4,2]) -> aa;Transpose(aa) perm=[0,2,1,3] -> ab;Reshape(b, [0,0,2,2]) -> bb;Transpose(bb) perm=[0,2,1,3] -> bc;Reshape(c, [0,0,2,3]) -> cc;Transpose(cc) perm=[0,2,1,3] -> cd;Attention(ab, bc, cd) -> ge;Transpose(ge) perm=[0,2,1,3] -> gf;Reshape(gf, [0,0,-1]) -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    old: 'Identity(p) -> y',
    opset: 23,
    weights: { wq: [[4, 8], column(1)], wk: [[4, 4], column(1)], wv: [[4, 6], column(1, 3, 4, 5)], wd: rows(12) },
    dead: ['wq columns 4..7 (16)', 'wk columns 2..3 (8)', 'wv columns 1, 3..5 (16)', 'wd rows 1, 4, 6..11 (32)'],
  },
  'keys and values by head, and as many heads of each': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;Attention(a, b, c) q_num_heads=2 kv_num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    old: 'Identity(p) -> y',
    opset: 23,
    weights: { wq: [[4, 4], column(1, 2)], wk: [[4, 4], column(1, 3)], wv: [[4, 6], column(1, 2)], wd: rows(6) },
    dead: ['wq column 1 (4)', 'wk column 1 (4)', 'wv columns 1..2 (8)', 'wd rows 1..2 (8)'],
  },
  'queries and keys that are rotated': {
    ...attention(
      "com.microsoft.GroupQueryAttention(a, b, c, '', '', il, it, wr, wr) num_heads=4 kv_num_heads=2 do_rotary=1",
      8,
      4,
      4,
      [0, 1, 2, 3, 4],
      [0, 1, 2],
      [3],
    ),
    dead: ['wq columns 0..3 (16)', 'wk columns 0..1 (8)', 'wv column 3 (4)', 'wd rows 5, 7 (8)'],
  },
  ...Object.fromEntries(
    (
      [
        ['com.microsoft.GroupQueryAttention', 2, (e, g) => `com.microsoft.GroupQueryAttention(a, b, c, pk, pv, il, it) num_heads=${e} kv_num_heads=${g}`],
        ['com.microsoft.MultiHeadAttention', 1, (e) => `com.microsoft.MultiHeadAttention(a, b, c, '', '', '', pk, pv) num_heads=${e}`],
        ['Attention', 2, (e, g) => `Attention(a, b, c, '', pk, pv) q_num_heads=${e} kv_num_heads=${g}`],
      ] as readonly (readonly [string, number, (e: number, g: number) => string])[]
    ).flatMap(([op, each, block]): (readonly [string, Case])[] =>
      (['values', 'values that are not zero'] as const).map(
        (zeros) => [`heads of ${op} with earlier keys and ${zeros}`, earlier(op, each, block, zeros === 'values')] as const,
      ),
    ),
  ),
  'the bias of queries, keys and values': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;com.microsoft.MultiHeadAttention(a, b, c, wb) num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    old: 'Identity(p) -> y',
    weights: { wq: [[4, 4]], wk: [[4, 4]], wv: [[4, 4], column(1, 2)], wb: [[12], element(9, 3)], wd: rows(4) },
    dead: ['wv column 1 (4)', 'wb element 9 (1)', 'wd row 1 (4)'],
    unlikeDifferences: 'a bias of keys is the same for all of them',
  },
  'ai.onnx Attention with fewer heads of keys': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;Attention(a, b, c) q_num_heads=4 kv_num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y',
    old: 'Identity(p) -> y',
    opset: 23,
    weights: { wq: [[4, 8], column(1)], wk: [[4, 4], column(1)], wv: [[4, 6], column(1, 3, 4, 5)], wd: rows(12) },
    dead: ['wq columns 4..7 (16)', 'wk columns 2..3 (8)', 'wv columns 1, 3..5 (16)', 'wd rows 1, 4, 6..11 (32)'],
  },
};
describe('what gets no gradient', () => {
  test.each(Object.entries(CASES))('%s', async (_, given) => {
    await expectDead(given);
  });
});
