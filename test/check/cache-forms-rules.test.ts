/**
 * Which output hands a cache on, by each operator that joins new keys to it or moves it. What a cache gets is not read in training: new weights that
 * reach nothing else are dead. Their last factor is zero, so both graphs compute the same.
 */
import { describe, expect, test } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { saidOf } from '../support/told.ts';
import { numbers, type Stored, type Typed, typed } from '../support/typed-graph.ts';

const matrix = (rows: number, columns: number, zero = false): Stored => [
  [rows, columns],
  numbers(rows * columns, (i) => (zero ? 0 : ((i * 7 + 3) % 11) / 8 - 0.5)),
];
const stored: Readonly<Record<string, Stored>> = {
  wk: matrix(4, 4),
  wu: matrix(4, 3),
  wd: matrix(3, 4, true),
  wq: matrix(4, 12),
  bq: [[12], numbers(12, (i) => i / 16)],
};

interface Form {
  /** Lines that make `present` of `past` and the keys `k`, which may be read as `v`, too. */
  readonly lines: string;
  readonly inputs?: Typed['inputs'];
  readonly presents?: readonly string[];
  readonly opset?: number;
}

const INPUTS: NonNullable<Typed['inputs']> = { p: ['b', 'm', 4], past: ['b', 't', 4] };
const DEAD = ['dead wu all (12): no output depends on it', 'dead wd all (12): no output depends on it'];

function modelFor({ lines, inputs = INPUTS, presents = ['present'], opset }: Form, isNew: boolean, tail = 'Neg(p) -> y'): Model {
  const keys = isNew ? 'MatMul(p, wk) -> k0;MatMul(p, wu) -> hu;MatMul(hu, wd) -> eu;Add(k0, eu) -> k' : 'MatMul(p, wk) -> k';
  const all = `${keys};${lines};${tail}`;
  const read = new Set(all.match(/\w+/g));
  const made = typed({
    inputs,
    lines: all.split(';'),
    stored: Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))),
    ...(opset !== undefined && { opset }),
  });
  return { ...made, graph: { ...made.graph, outputs: ['y', ...presents].map((name) => ({ name, type: null })) } };
}

const said = (form: Form, tail?: string): readonly string[] => saidOf(modelFor(form, false, tail), modelFor(form, true, tail));

const fixed: Typed['inputs'] = { p: [2, 3, 4], past: [2, 5, 4] };
const HEADS = { past: ['b', 2, 't', 2], past2: ['b', 2, 't', 2] };
const GROUPS = { p: ['b', 'm', 4], ...HEADS, il: ['b'], it: [1] } as const;
const PRESENTS = { presents: ['present', 'present2'] };
const LENGTHS = 'Cast(il) to=6 -> sl;Cast(it) to=6 -> tl';
const FORMS: Readonly<Record<string, Form>> = {
  Concat: { lines: 'Concat(past, k) axis=1 -> present' },
  'Concat, the cache behind': { lines: 'Concat(k, past) axis=1 -> present' },
  ScatterND: { lines: 'ScatterND(past, ii, k) -> present', inputs: { p: ['m', 'b', 4], past: ['t', 'b', 4], ii: ['m', 1] } },
  ScatterElements: { lines: 'ScatterElements(past, ii, k) axis=1 -> present', inputs: { ...INPUTS, ii: ['b', 'm', 4] } },
  TensorScatter: { lines: 'TensorScatter(past, k, ii) -> present', inputs: { ...INPUTS, ii: ['b'] }, opset: 24 },
  Identity: { lines: 'Identity(past) -> c;Concat(c, k) axis=1 -> present' },
  Cast: { lines: 'Cast(past) to=11 -> c;Cast(k) to=11 -> d;Concat(c, d) axis=1 -> present' },
  Transpose: { lines: 'Transpose(past) perm=[1,0,2] -> c;Transpose(k) perm=[1,0,2] -> d;Concat(c, d) axis=0 -> present' },
  Reshape: { lines: 'Reshape(past, [2,5,2,2]) -> c;Reshape(k, [2,3,2,2]) -> d;Concat(c, d) axis=1 -> present', inputs: fixed },
  Unsqueeze: { lines: 'Unsqueeze(past, [1]) -> c;Unsqueeze(k, [1]) -> d;Concat(c, d) axis=2 -> present' },
  Squeeze: { lines: 'Squeeze(past, [1]) -> c;Concat(c, k) axis=1 -> present', inputs: { ...INPUTS, past: ['b', 1, 't', 4] } },
  Slice: { lines: 'Slice(past, [1], [9999], [1]) -> c;Concat(c, k) axis=1 -> present', inputs: { ...fixed } },
  'Split, the first part': { lines: 'Split(past, [4,4]) axis=2 -> c d;Concat(c, k) axis=1 -> present', inputs: { ...INPUTS, past: ['b', 't', 8] } },
  'Split, the second part': { lines: 'Split(past, [4,4]) axis=2 -> d c;Concat(c, k) axis=1 -> present', inputs: { ...INPUTS, past: ['b', 't', 8] } },
  Gather: { lines: 'Gather(past, i) axis=0 -> c;Gather(k, i) axis=0 -> d;Concat(c, d) axis=1 -> present', inputs: { ...INPUTS, i: ['q'] } },
  Expand: { lines: 'Expand(past, [2,5,4]) -> c;Concat(c, k) axis=1 -> present', inputs: { ...fixed, past: [1, 5, 4] } },
  'moved behind': { lines: 'Concat(past, k) axis=1 -> c;Transpose(c) perm=[0,2,1] -> d;Identity(d) -> present' },
  'both branches': {
    lines: 'ReduceSum(p) keepdims=0 -> r;Cast(r) to=9 -> g;If(g) {Concat(past, k) axis=1 -> t1} {Concat(past, k) axis=1 -> t2} -> present',
  },
  'the second result of branches': {
    lines:
      'ReduceSum(p) keepdims=0 -> r;Cast(r) to=9 -> g;If(g) {Abs(p) -> s1 / Concat(past, k) axis=1 -> t1} {Neg(p) -> s2 / Concat(past, k) axis=1 -> t2} -> other present',
  },
  'com.microsoft.GroupQueryAttention': {
    lines: `${LENGTHS};com.microsoft.GroupQueryAttention(k, k, k, past, past2, sl, tl) num_heads=2 kv_num_heads=2 -> a present present2`,
    inputs: GROUPS,
    ...PRESENTS,
  },
  'com.microsoft.MultiHeadAttention': {
    lines: "com.microsoft.MultiHeadAttention(k, k, k, '', '', '', past, past2) num_heads=2 -> a present present2",
    inputs: { p: ['b', 'm', 4], ...HEADS },
    ...PRESENTS,
  },
  'com.microsoft.Attention': {
    lines: "Concat(k, k, k) axis=2 -> kkk;com.microsoft.Attention(k, wq, bq, '', past) num_heads=2 -> a present",
    inputs: { p: ['b', 'm', 4], past: [2, 'b', 2, 't', 2] },
  },
  Attention: {
    lines: "Attention(k, k, k, '', past, past2) q_num_heads=2 kv_num_heads=2 -> a present present2",
    inputs: { p: ['b', 'm', 4], ...HEADS },
    ...PRESENTS,
    opset: 23,
  },
};

describe('a cache is handed on by', () => {
  test.each(Object.entries(FORMS))('%s', (_, form) => {
    expect(said(form)).toEqual(['proved', ...DEAD]);
    expect(said({ ...form, lines: `${form.lines};ReduceSum(${form.presents?.[0] ?? 'present'}) keepdims=0 -> rs` }, 'Add(p, rs) -> y')).toEqual(['proved']);
  });
});

/** Outputs that training reads. */
const OTHERS: Readonly<Record<string, Form>> = {
  'a sum': { lines: 'Add(past, k) -> present', inputs: { ...INPUTS, past: ['b', 'm', 4] } },
  'a product behind': { lines: 'Concat(past, k) axis=1 -> c;Relu(c) -> present' },
  'a product in front': { lines: 'Relu(past) -> c;Concat(c, k) axis=1 -> present' },
  'nothing that is joined': { lines: 'Identity(past) -> z;Identity(k) -> present' },
  'a cache that is scattered': { lines: 'ScatterElements(k, ii, past) axis=1 -> present', inputs: { ...INPUTS, ii: ['b', 't', 4] } },
  'indices of places': { lines: 'Cast(past) to=7 -> ii;ScatterElements(k, ii, k) axis=1 -> present', inputs: { ...INPUTS, past: ['b', 'm', 4] } },
  'a cache of two dimensions': { lines: 'Reshape(k, [-1,4]) -> k2;Concat(past, k2) axis=0 -> present', inputs: { ...INPUTS, past: ['t', 4] } },
  'the first result of branches': {
    lines:
      'ReduceSum(p) keepdims=0 -> r;Cast(r) to=9 -> g;If(g) {Abs(k) -> s1 / Concat(past, p) axis=1 -> t1} {Neg(k) -> s2 / Concat(past, p) axis=1 -> t2} -> present other',
  },
};

describe('no cache is handed on by', () => {
  test.each(Object.entries(OTHERS))('%s', (_, form) => {
    expect(said(form)).toEqual(['proved']);
  });
});
