/** Zeros and gradients through single operators: what passes them, what does not, and what is not known. */
import { describe, expect, test } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { type Case, column, D, element, expectDead, INPUTS, MET, row, rows, U, wu, zero } from '../support/dead-weights.ts';
import { node } from '../support/small-graph.ts';
import { said, saidOf } from '../support/told.ts';
import { numbers, type Stored, typed } from '../support/typed-graph.ts';

/** A block with an activation that is widened: new columns 3 and 4 of its first factor are zero, new rows 2, 3 and 5 of its second. */
const widened = (op: string): Omit<Case, 'dead'> => {
  const lines = `MatMul(x, wa) -> h;${op} -> g;MatMul(g, wb) -> y`;
  return { old: lines, oldWeights: { wa: [[4, 2]], wb: [[2, 4]] }, now: lines, weights: { wa: [[4, 6], column(3, 4)], wb: [[6, 4], row(2, 3, 5)] } };
};

/** A block with `h`, of which columns 1 and 4 are zero, and `k` without zeros, in front of zeros. */
const block = (lines: string, dead: readonly string[], more: Partial<Case> = {}): Case => ({
  now: `${U};MatMul(x, wv) -> k;${lines} -> g;${D}`,
  dead,
  ...more,
  weights: { wu, wv: [[4, 6]], wd: rows(6), ...more.weights },
});

/** Attention with keys and values that a caller gives: what is made in the block is zero in places, what is given is not. */
const given = (op: string, q: number, k: number, isPacked: boolean): Case => ({
  now: isPacked
    ? `MatMul(p, wp) -> a;${op} -> g;MatMul(g, wd) -> e;Add(p, e) -> y`
    : `MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;${op} -> g;MatMul(g, wd) -> e;Add(p, e) -> y`,
  old: 'Identity(p) -> y',
  inputs: { ...INPUTS, il: ['b'], it: [1], pk: ['b', k / 2, 't', 2], pv: ['b', k / 2, 't', 2] },
  weights: {
    wq: [[4, q], column(1)],
    wk: [[4, k], column(1)],
    wv: [[4, k], column(0, 1)],
    wp: [[4, q + 2 * k], column(1, q + 1, q + k, q + k + 1)],
    wd: rows(q),
  },
  dead: [],
  opset: op.startsWith('Attention') ? 23 : 17,
  unlikeDifferences: 'lengths are of another type there',
});

const OPERATORS: Readonly<Record<string, Case>> = {
  // at zero
  'a number above one divides': { ...widened('Cast([3]) to=1 -> three;Div(h, three)'), dead: ['wa column 3 (4)', 'wb row 3 (4)'] },
  'a slope above one': { ...widened('Cast([3]) to=1 -> three;PRelu(h, three)'), dead: ['wa column 3 (4)', 'wb row 3 (4)'] },
  'cubes are flat at zero': {
    ...widened('Pow(h, [3])'),
    dead: ['wa columns 3..4 (8)', 'wb rows 3..4 (8)'],
    unlikeDifferences: 'differences of cubes are cubes of the step',
  },
  // what zeros are divided by, and what stands beside them
  'zeros are divided by what has a gradient elsewhere': block('Exp(k) -> r;Div(h, r)', ['wu columns 1, 4 (8)', 'wv columns 1, 4 (8)', 'wd rows 1, 4 (8)']),
  'remainders of zeros': block('Exp(k) -> r;Mod(h, r) fmod=1', ['wu columns 1, 4 (8)', 'wv columns 1, 4 (8)', 'wd rows 1, 4 (8)'], {
    unlikeDifferences: 'a number below the divisor is its own remainder',
  }),
  'slopes at zero': block('PRelu(h, ws)', ['wu columns 1, 4 (8)', 'wd rows 1, 4 (8)', 'ws elements 1, 4 (2)'], {
    now: `${U};PRelu(h, ws) -> g;${D}`,
    weights: { ws: [[6]] },
  }),
  'a bound that is computed': block('ReduceSum(k) keepdims=0 -> low;Clip(h, low)', [], { unlikeDifferences: 'a bound may be beyond all numbers' }),
  'what one factor is, the other gets': block('Mul(k, h)', ['wu columns 1, 4 (8)', 'wv columns 1, 4 (8)', 'wd rows 1, 4 (8)']),
  // zeros that only some operands have
  ...Object.fromEntries(
    ['Add(h, k)', 'Sub(k, h)', 'Sum(k, h)', 'Mean(h, k)', 'Max(h, k)', 'Min(k, h)'].map((op): [string, Case] => [`${op} of one that is zero`, block(op, [])]),
  ),
  'a choice of one that is zero': block('Greater(h, k) -> c;Where(c, k, h)', []),
  'Gemm with a bias that is left out': {
    now: `Gemm(x, wt, '') transB=1 -> g;${D}`,
    weights: { wt: [[6, 4], row(1, 4)], wd: rows(6) },
    dead: ['wt rows 1, 4 (8)', 'wd rows 1, 4 (8)'],
  },
  'Gemm that adds zeros': {
    now: `Gemm(x, wt, wb) transB=1 -> g;${D}`,
    weights: { wt: [[6, 4]], wb: [[6], zero], wd: rows(6) },
    dead: [],
  },
  'Gemm that adds to zeros': {
    now: `Gemm(x, wt, wb) transB=1 -> g;${D}`,
    weights: { wt: [[6, 4], zero], wb: [[6]], wd: rows(6) },
    dead: [],
  },
  'a convolution of zeros that adds a bias': {
    now: 'Conv(q, wk, wb) kernel_shape=[1] -> g;Conv(g, wd) kernel_shape=[1] -> e;Add(q, e) -> y',
    weights: { wk: [[2, 3, 1], zero], wb: [[2]], wd: [[3, 2, 1], zero] },
    old: 'Identity(q) -> y',
    dead: [],
  },
  'a convolution of zeros that adds zeros': {
    now: 'Conv(q, wk, wb) kernel_shape=[1] -> g;Conv(g, wd) kernel_shape=[1] -> e;Add(q, e) -> y',
    weights: { wk: [[2, 3, 1], zero], wb: [[2], zero], wd: [[3, 2, 1], zero] },
    old: 'Identity(q) -> y',
    dead: ['wk all (6)', 'wb all (2)', 'wd all (6)'],
  },
  'Einsum of three': {
    now: 'Einsum(x, wu, wv) equation=ij,jk,k->ik -> g;MatMul(g, wd) -> e;Add(x, e) -> y',
    weights: { wu: [[4, 6]], wv: [[6], element(5)], wd: rows(6) },
    dead: ['wu column 5 (4)', 'wv element 5 (1)', 'wd row 5 (4)'],
  },
  'numbers that are never zero': { now: `${U};Exp(h) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: [] },
  'a fill beside zeros': { now: `${U};Cast([1]) to=1 -> t;Squeeze(t) -> s;Pad(h, [0,1,0,0], s) -> g;${D}`, weights: { wu, wd: rows(7) }, dead: [] },
  // padding on one side
  'padding in front': block('Pad(h, [0,2,0,0])', ['wu columns 1, 4 (8)', 'wd rows 0..1, 3, 6 (16)'], {
    now: `${U};Pad(h, [0,2,0,0]) -> g;${D}`,
    weights: { wd: rows(8) },
  }),
  'padding behind': block('Pad(h, [0,0,0,2])', ['wu columns 1, 4 (8)', 'wd rows 1, 4, 6..7 (16)'], {
    now: `${U};Pad(h, [0,0,0,2]) -> g;${D}`,
    weights: { wd: rows(8) },
  }),
  'padding that cuts behind': {
    now: `${U};Pad(h, [0,0,0,-2]) -> g;${D}`,
    weights: { wu, wd: rows(4) },
    dead: ['wu column 1 (4)', 'wu columns 4..5 (8) unread', 'wd row 1 (4)'],
  },
  // one index of a dimension
  'the last of a gathered dimension': {
    now: `${U};Reshape(h, [-1,3,2]) -> r;Cast([2]) to=7 -> i2;Squeeze(i2) -> i0;Gather(r, i0) axis=1 -> g;${D}`,
    weights: { wu, wd: rows(2) },
    dead: ['wu column 4 (4)', 'wu columns 0..3 (16) unread', 'wd row 0 (4)'],
  },
  'the first of a gathered dimension that is the last': {
    now: `${U};Reshape(h, [-1,3,2]) -> r;Squeeze([1]) -> i0;Gather(r, i0) axis=2 -> g;${D}`,
    weights: { wu: [[4, 6], column(1, 4)], wd: rows(3) },
    dead: ['wu column 1 (4)', 'wu columns 0, 2, 4 (12) unread', 'wd row 0 (4)'],
  },
  // what no output reads
  'what is not followed and nothing reads': {
    now: `Det(wv) -> k;${U};Identity(h) -> g;${D}`,
    weights: { wu, wv: [[4, 4]], wd: rows(6) },
    dead: [MET[0] ?? '', 'wv all (16) unread', MET[1] ?? ''],
  },
  'what is not followed and something reads': {
    now: 'Det(wv) -> k;Mul(x, k) -> e;Mul(e, wd) -> f;Add(x, f) -> y',
    weights: { wv: [[4, 4]], wd: [[4], zero] },
    dead: [],
  },
  'a result of branches that nothing reads': {
    now: `${U};MatMul(x, wv) -> k;ReduceSum(x) keepdims=0 -> sum;Cast(sum) to=9 -> cond;If(cond) -> g t;${D}`,
    branches: [
      [node('Neg', ['h'], ['s1']), node('Neg', ['k'], ['t1'])],
      [node('Tanh', ['h'], ['s2']), node('Tanh', ['k'], ['t2'])],
    ],
    weights: { wu, wv: [[4, 6]], wd: rows(6) },
    dead: [MET[0] ?? '', 'wv all (24) unread', MET[1] ?? ''],
    unlikeDifferences: 'one branch runs',
  },
  'a part that has no name': {
    now: `${U};Split(h, [2,1,3]) axis=1 -> a '' c;Concat(c, a) axis=1 -> g;${D}`,
    weights: { wu, wd: rows(5) },
    dead: ['wu columns 1, 4 (8)', 'wu column 2 (4) unread', 'wd rows 1, 4 (8)'],
    unlikeDifferences: 'the runtime ends the process',
  },
  'results of a norm that have no names': {
    now: `${U};LayerNormalization(h, wg, wb) axis=1 -> g '' s;${D}`,
    weights: { wu, wg: [[6], element(0, 2)], wb: [[6], element(2, 4)], wd: rows(6) },
    dead: ['wg element 2 (1)', 'wb element 2 (1)', 'wd row 2 (4)'],
  },
  // attention
  'queries that meet given keys': given('com.microsoft.GroupQueryAttention(a, b, c, pk, pv, il, it) num_heads=4 kv_num_heads=2', 8, 4, false),
  'packed queries that meet given keys': given("com.microsoft.GroupQueryAttention(a, '', '', pk, pv, il, it) num_heads=4 kv_num_heads=2", 8, 4, true),
  'as many queries that meet given keys': given("com.microsoft.MultiHeadAttention(a, b, c, '', '', '', pk, pv) num_heads=2", 4, 4, false),
  'ai.onnx queries that meet given keys': given("Attention(a, b, c, '', pk, pv) q_num_heads=4 kv_num_heads=2", 8, 4, false),
};

/** Rows of `h` as two rows each, so that a dimension of unknown size tells elements apart. */
const halves = (lines: string, width: number, dead: readonly string[]): Case => ({
  now: `${U};Reshape(h, [-1,3]) -> r;${lines} -> t;Reshape(t, [-1,${width}]) -> g;${D}`,
  weights: { wu: [[4, 6], column(1)], wd: rows(width) },
  dead,
});

const DIMENSIONS: Readonly<Record<string, Case>> = {
  'tiles beside a dimension of unknown size': halves('Tile(r, [1,2])', 12, ['wu column 1 (4)', 'wd rows 1, 4 (8)']),
  'padding beside a dimension of unknown size': halves('Pad(r, [0,1,0,0])', 8, ['wu column 1 (4)', 'wd rows 0, 2, 4 (12)']),
  'slices beside a dimension of unknown size': halves('Slice(r, [1], [3], [1])', 4, ['wu column 1 (4)', 'wu columns 0, 3 (8) unread', 'wd row 0 (4)']),
  'gathered beside a dimension of unknown size': halves('Gather(r, [2,1]) axis=1', 4, ['wu column 1 (4)', 'wu columns 0, 3 (8) unread', 'wd row 1 (4)']),
  'one index beside a dimension of unknown size': halves('Gather(r, one) axis=1', 2, ['wu column 1 (4)', 'wu columns 0, 2..3, 5 (16) unread', 'wd row 0 (4)']),
  'parts beside a dimension of unknown size': halves('Split(r, [2,1]) axis=1 -> a b;Identity(a)', 4, [
    'wu column 1 (4)',
    'wu columns 2, 5 (8) unread',
    'wd row 1 (4)',
  ]),
  'values side by side beside a dimension of unknown size': halves('Concat(r, r) axis=1', 12, ['wu column 1 (4)', 'wd rows 1, 4 (8)']),
  'some rows that are zero below each other': {
    now: `${U};Reshape(h, [-1,3]) -> r;Concat(r, r) axis=0 -> g;MatMul(g, wd) -> e;ReduceSum(e, [0]) keepdims=1 -> s;Add(x, s) -> y`,
    weights: { wu: [[4, 6], column(0, 1, 2)], wd: rows(3) },
    dead: [],
  },
  'some rows that get a gradient below each other': {
    now: `${U};Reshape(h, [-1,3]) -> r;Concat(r, r) axis=0 -> c;Reshape(c, [-1,6]) -> t;Mul(t, wm) -> g;MatMul(g, wd) -> e;ReduceSum(e, [0]) keepdims=1 -> s;Add(x, s) -> y`,
    weights: { wu: [[4, 6]], wm: [[6], element(0, 1, 2)], wd: rows(6) },
    dead: ['wm elements 0..2 (3)', 'wd rows 0..2 (12)'],
    unlikeDifferences: 'which rows come first is not followed',
  },
  'a cut whose length the input says, of zeros': {
    now: `${U};Shape(x) -> n;Slice(n, [0], [1], [0]) -> end;Slice(h, [0], end, [1]) -> c;ReduceSum(c, [1]) keepdims=1 -> g;${D}`,
    weights: { wu: [[4, 6], zero], wd: rows(1) },
    dead: ['wu all (24)', 'wd all (4)'],
  },
  'a cut whose length the input says, of zeros in part': {
    now: `${U};Shape(x) -> n;Slice(n, [0], [1], [0]) -> end;Slice(h, [0], end, [1]) -> c;ReduceSum(c, [1]) keepdims=1 -> g;${D}`,
    weights: { wu, wd: rows(1) },
    dead: [],
  },
  'rows in two orders': {
    now: `${U};Reshape(h, [-1,2,3]) -> r;Reshape(r, [-1,3]) -> a;Transpose(r) perm=[1,0,2] -> t;Reshape(t, [-1,3]) -> b;Add(a, b) -> g;MatMul(g, wd) -> e;ReduceSum(e, [0]) keepdims=1 -> s;Add(x, s) -> y`,
    weights: { wu: [[4, 6], column(0, 1, 2)], wd: rows(3) },
    dead: [],
  },
  'branches with three results': {
    now: `${U};MatMul(x, wv) -> k;ReduceSum(x) keepdims=0 -> sum;Cast(sum) to=9 -> cond;If(cond) -> g t v;${D}`,
    branches: [
      [node('Neg', ['h'], ['s1']), node('Neg', ['k'], ['t1']), node('Abs', ['k'], ['u1'])],
      [node('Tanh', ['h'], ['s2']), node('Tanh', ['k'], ['t2']), node('Tanh', ['k'], ['u2'])],
    ],
    weights: { wu, wv: [[4, 6]], wd: rows(6) },
    dead: [MET[0] ?? '', 'wv all (24) unread', MET[1] ?? ''],
    unlikeDifferences: 'one branch runs',
  },
};

const KINDS: Readonly<Record<string, Case>> = {
  'a fill of ones': {
    now: `${U};Shape(h) -> s;ConstantOfShape(s) value=tensor1.0 -> o;Mul(o, wg) -> g;${D}`,
    weights: { wu, wg: [[6]], wd: rows(6) },
    dead: ['wu all (24) unread'],
  },
  'a fill of zeros': {
    now: `${U};Shape(h) -> s;ConstantOfShape(s) value=tensor0.0 -> o;Mul(o, wg) -> g;${D}`,
    weights: { wu, wg: [[6]], wd: rows(6) },
    dead: ['wu all (24) unread', 'wg all (6)', 'wd all (24)'],
  },
  'a bound above zero': {
    now: `Cast([1]) to=1 -> t;Squeeze(t) -> low;${U};Clip(h, low) -> g;${D}`,
    weights: { wu, wd: rows(6) },
    dead: [],
    unlikeDifferences: 'below the bound nothing changes',
  },
  'a bound below zero': { now: `Cast([-1]) to=1 -> t;Squeeze(t) -> low;${U};Clip(h, low) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: MET },
  'powers that are one': { now: `${U};Pow(h, [0]) -> g;${D}`, weights: { wu, wd: rows(6) }, dead: [], unlikeDifferences: 'whatever the base is' },
  'indices in front of what nothing reads': {
    now: `${U};MatMul(x, wv) -> k;Gather(k, [0,2]) axis=1 -> u;Identity(h) -> g;${D}`,
    weights: { wu, wv: [[4, 6]], wd: rows(6) },
    dead: [MET[0] ?? '', 'wv all (24) unread', MET[1] ?? ''],
  },
  'numbers of elements in a model that gives integers, too': {
    old: 'Identity(x) -> y;ArgMax(y) axis=1 -> m',
    now: `${U};Size(h) -> s;Cast(s) to=1 -> c;Mul(wg, c) -> g;${D};ArgMax(y) axis=1 -> m`,
    outputs: ['y', 'm'],
    weights: { wu, wg: [[6]], wd: rows(6) },
    dead: ['wu all (24) unread'],
    unlikeDifferences: 'integers have no derivative',
  },
  'old zeros of a weight that is turned': {
    old: 'Transpose(wt) perm=[1,0] -> t;MatMul(x, t) -> h;MatMul(h, wb) -> y',
    oldWeights: { wt: [[3, 4]], wb: [[3, 4]] },
    now: 'Transpose(wt) perm=[1,0] -> t;MatMul(x, t) -> h;MatMul(h, wb) -> y',
    weights: { wt: [[5, 4], row(1, 3, 4)], wb: [[5, 4], row(1, 3, 4)] },
    dead: ['wt rows 3..4 (8)', 'wb rows 3..4 (8)'],
  },
  'integers beside floats that a model gives': {
    old: 'Identity(x) -> y;ArgMax(x) axis=1 -> m',
    now: `${U};Identity(h) -> g;MatMul(g, wd) -> e;Add(x, e) -> a;ArgMax(a) axis=1 -> m;Identity(x) -> y`,
    outputs: ['y', 'm'],
    weights: { wu, wd: rows(6) },
    dead: ['wu all (24) unread', 'wd all (24) unread'],
    unlikeDifferences: 'integers have no derivative',
  },
  'a weight of one column that is read as a vector': {
    now: `${U};Reshape(wc, [6]) -> v;Mul(h, v) -> g;${D}`,
    weights: { wu, wc: [[6, 1], row(0, 1)], wd: rows(6) },
    dead: ['wu columns 0..1, 4 (12)', 'wc rows 0..1, 4 (3)', 'wd rows 0..1, 4 (12)'],
  },
  'one of two heads of a group that is not read': {
    now: "MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;com.microsoft.GroupQueryAttention(a, b, c, '', '', il, it) num_heads=2 kv_num_heads=1 -> f;Mul(f, wm) -> g;MatMul(g, wd) -> e;Add(p, e) -> y",
    old: 'Identity(p) -> y',
    inputs: { ...INPUTS, il: ['b'], it: [1] },
    weights: { wq: [[4, 4], column(0, 1)], wk: [[4, 2], zero], wv: [[4, 2]], wm: [[4], element(2, 3)], wd: rows(4) },
    dead: ['wq all (16)', 'wk all (8)', 'wm elements 2..3 (2)', 'wd rows 2..3 (8)'],
    unlikeDifferences: 'lengths are of another type there',
  },
  'keys that are read again': {
    now: 'MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;com.microsoft.MultiHeadAttention(a, b, c) num_heads=2 -> g pk pv;MatMul(g, wd) -> e;Transpose(pk) perm=[0,2,1,3] -> t;Reshape(t, [0,0,4]) -> u;MatMul(u, wz) -> f;Add(e, f) -> d;Add(p, d) -> y',
    old: 'Identity(p) -> y',
    weights: { wq: [[4, 4]], wk: [[4, 4]], wv: [[4, 4], zero], wd: rows(4), wz: rows(4) },
    dead: [],
    unlikeDifferences: 'what is handed on is not followed back',
  },
  'a bias of scores': {
    now: "MatMul(p, wq) -> a;MatMul(p, wk) -> b;MatMul(p, wv) -> c;com.microsoft.MultiHeadAttention(a, b, c, '', '', ws) num_heads=2 -> g;MatMul(g, wd) -> e;Add(p, e) -> y",
    old: 'Identity(p) -> y',
    inputs: { ...INPUTS, p: ['b', 3, 4] },
    weights: { wq: [[4, 4]], wk: [[4, 4]], wv: [[4, 4], column(1)], ws: [[1, 2, 3, 3]], wd: rows(4) },
    dead: ['wv column 1 (4)', 'wd row 1 (4)'],
  },
};

/** What is said of a graph that gains nodes which no output reads. */
const unread = (lines: readonly string[], stored: Readonly<Record<string, Stored>>): readonly string[] =>
  said({ inputs: { x: ['n', 4] }, lines: ['Identity(x) -> y'] }, { inputs: { x: ['n', 4] }, lines: [...lines, 'Identity(x) -> y'], stored });

test('integers count where they stand for floats', () => {
  const whole: Stored = [[4, 6], numbers(24, (i) => i - 9), DataType.INT8];
  const scale: Stored = [[], [0.5]];
  expect(unread(['DequantizeLinear(q, s) -> w', 'MatMul(x, w) -> k'], { q: whole, s: scale })).toEqual(['proved', 'dead q all (24): no output depends on it']);
  expect(unread(['Cast(q) to=1 -> w', 'MatMul(x, w) -> k'], { q: whole })).toEqual(['proved']);
  expect(unread(['Gather(x, i) axis=1 -> k'], { i: [[2], [0, 1], DataType.INT64] })).toEqual(['proved']);
  expect(
    unread(['MatMul(x, w) -> k'], {
      w: [
        [4, 1],
        [1, 2, 3, 4],
      ],
    }),
  ).toEqual(['proved', 'dead w all (4): no output depends on it']);
  expect(unread(['Mul(x, w) -> k'], { w: [[1], [3]] })).toEqual(['proved']);
});

test('what is read where an output is not proved', () => {
  const two = (lines: string): Model => {
    const made = typed({
      inputs: { x: ['n', 4] },
      lines: ['Identity(x) -> y', ...lines.split(';')],
      stored: lines.includes('w') ? { w: [[4, 4], numbers(16, (i) => i + 1)] } : {},
    });
    return { ...made, graph: { ...made.graph, outputs: ['y', 'z'].map((name) => ({ name, type: null })) } };
  };
  const unread = 'dead w all (16): no output depends on it';
  const lines = (z: string): readonly string[] => saidOf(two('Neg(x) -> z'), two(z)).filter((line) => !line.startsWith('unproved'));
  expect(lines('Neg(x) -> a;MatMul(x, w) -> b;Add(a, b) -> z')).toEqual(['not proved']);
  expect(lines('MatMul(x, w) -> b;Neg(x) -> z')).toEqual(['proved', unread]);
});

describe('zeros and gradients', () => {
  test.each(Object.entries({ ...OPERATORS, ...DIMENSIONS, ...KINDS }))('%s', async (_, own) => {
    await expectDead(own);
  });
});
