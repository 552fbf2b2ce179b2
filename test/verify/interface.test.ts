/** What small models take and give, which sizes are tried, and which cases are planned: all that is said of each. */
import { expect, it, describe as suite } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { planCases } from '../../src/verify/cases.ts';
import { describe, type ModelInterface } from '../../src/verify/interface.ts';
import type { SizeExpression } from '../../src/verify/size-expression.ts';
import { sizeChoices } from '../../src/verify/sizes.ts';
import { type Typed, typed } from '../support/typed-graph.ts';

const { INT64, INT32, BFLOAT16, STRING } = DataType;
type Outputs = Readonly<Record<string, readonly (string | number | null)[] | null>>;
interface Case extends Typed {
  readonly outputs?: Outputs;
  /** Types of inputs that are neither floats nor int64. */
  readonly types?: Readonly<Record<string, number>>;
}

const zeros = (...dims: number[]): readonly [number[], number[]] => [dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(0)];

function modelFrom({ outputs = {}, types = {}, ...given }: Case): Model {
  const made = typed(given);
  // an empty name is none, as in files that are read
  const open = (dims: readonly (string | number | null)[] | null) => dims?.map((dim) => (dim === '' ? null : dim)) ?? null;
  const inputs = made.graph.inputs.map((own) =>
    own.type === null ? own : { ...own, type: { elemType: types[own.name] ?? own.type.elemType, dims: open(own.type.dims) } },
  );
  const declared = Object.entries(outputs).map(([name, dims]) => ({ name, type: { elemType: DataType.FLOAT, dims: open(dims) } }));
  return { ...made, graph: { ...made.graph, inputs, outputs: declared.length === 0 ? made.graph.outputs : declared } };
}

const sizeText = (size: SizeExpression): string =>
  size.kind === 'number'
    ? String(size.value)
    : size.kind === 'symbol'
      ? size.name.replace('\u001f', '.')
      : `${sizeText(size.left)}${size.operator}${sizeText(size.right)}`;

const interfaceLines = ({ inputs, caches, outputs, symbols, forced, unsupported }: ModelInterface): readonly string[] => [
  ...inputs.map(({ name, type, dims, role }) => `${name}: ${type}[${dims.map(sizeText)}] ${role.kind}`),
  ...caches.map(
    ({ name, type, dims, output, timeAxis, grows }) => `${name}: ${type}[${dims.map(sizeText)}] cache → ${output}, axis ${timeAxis}${grows ? ' grows' : ''}`,
  ),
  `gives ${outputs.join(', ')}`,
  ...[...symbols].map(([name, kind]) => `${name.replace('\u001f', '.')} is ${kind}${forced.has(name) ? `, ${forced.get(name)}` : ''}`),
  ...(unsupported.length === 0 ? [] : [`unsupported: ${unsupported.join(', ')}`]),
];

/** The first sizes that are tried, how many there are, and the last. */
function choiceLines(model: ModelInterface): readonly string[] {
  const lines = [...sizeChoices(model)].map(({ context, assignment }) => {
    const { batch, tokens, past } = context;
    return `${batch}×${tokens}+${past}: ${[...assignment(context)].map(([name, size]) => `${name.replace('\u001f', '.')}=${size}`).join(' ')}`;
  });
  return [...lines.slice(0, 24), `… ${lines.length}`, lines.at(-1) ?? ''];
}

const caseLines = (model: ModelInterface, large: boolean): readonly string[] =>
  planCases(model, { batch: 2, tokens: 8, past: 0 }, large).map(
    ({ name, draw, padding, batch, tokens }) => `${name}: draw ${draw}, ${padding}, ${batch}×${tokens}`,
  );

const CASES: Readonly<Record<string, Case>> = {
  'ids of free sizes': { inputs: { i: ['n', 't'] }, lines: ['Gather(w, i) -> y'], stored: { w: zeros(11, 3) } },
  'ids of fixed sizes': { inputs: { i: [3, 7] }, lines: ['Gather(w, i) -> y'], stored: { w: zeros(11, 3) } },
  'ids of a fixed length': { inputs: { i: ['n', 7] }, lines: ['Gather(w, i) -> y'], stored: { w: zeros(11, 3) } },
  'ids of open sizes, and a mask': {
    inputs: { i: ['', ''], i_mask: ['', ''] },
    lines: ['Gather(w, i) -> y', 'Cast(i_mask) to=1 -> m'],
    outputs: { y: null },
    stored: { w: zeros(11, 3) },
  },
  'a vector of ids': { inputs: { i: ['t'] }, lines: ['Gather(w, i) -> y'], stored: { w: zeros(11, 3) } },
  'a decoder with a cache and a mask': {
    inputs: { i: ['n', 't'], i_mask: ['n', 'past + t'], 'past.0.key': ['n', 2, 'past', 4], 'past.0.value': ['n', 2, 'past', 4] },
    lines: [
      'Gather(w, i) -> e',
      'Concat(past.0.key, e) axis=2 -> present.0.key',
      'Concat(past.0.value, e) axis=2 -> present.0.value',
      'Cast(i_mask) to=1 -> y',
    ],
    outputs: { y: ['n', 'past + t'], 'present.0.key': ['n', 2, 'past + t', 4], 'present.0.value': ['n', 2, 'all', 4] },
    stored: { w: zeros(11, 4) },
  },
  'a cache of fixed length': {
    inputs: { i: [1, 't'], past: [1, 2, 6, 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past, e) axis=2 -> present'],
    outputs: { present: [1, 2, 'more', 4] },
    stored: { w: zeros(11, 4) },
  },
  'caches that nothing is joined to, by their names': {
    inputs: { i: ['n', 't'], 'past_key_values.0.encoder.key': ['n', 2, 's', 4], some: ['n', 2, 's', 4], mems: ['m', 'n', 4] },
    lines: ['Gather(w, i) -> y', 'Relu(past_key_values.0.encoder.key) -> present.0.encoder.key', 'Relu(some) -> others', 'Relu(mems) -> new_mems'],
    outputs: { y: ['n', 't', 4], 'present.0.encoder.key': ['n', 2, 's', 4], others: ['n', 2, 's', 4], new_mems: null },
    stored: { w: zeros(11, 4) },
  },
  'a cache of keys and values together': {
    inputs: { i: ['n', 't'], past: [2, 'n', 3, 'p', 4] },
    lines: ['com.microsoft.Attention(x, w, w, i, past) num_heads=3 -> y present'],
    outputs: { y: ['n', 't', 12], present: [2, 'n', 3, 'q', 4] },
    stored: { w: zeros(12, 36), x: zeros(1, 1, 12) },
  },
  'grouped queries': {
    inputs: { q: ['n', 't', 'a'], k: ['n', 't', 'b'], pk: ['n', 2, 'p', 'd'], pv: ['n', 2, 'p', 'd'], i_n: ['n'], i_total: [] },
    lines: ['MatMul(q, w) -> h', 'com.microsoft.GroupQueryAttention(h, k, k, pk, pv, i_n, i_total) num_heads=4 kv_num_heads=2 -> y kk vv'],
    outputs: { y: null, kk: ['n', 2, 'all', 'd'], vv: ['n', 2, 'all', 'd'] },
    stored: { w: zeros(20, 64) },
    types: { i_n: INT32, i_total: INT32 },
  },
  'other fused attention with caches': {
    inputs: {
      x: ['n', 't', 16],
      a6: ['n', 2, 'p', 8],
      a7: ['n', 2, 'p', 8],
      c5: ['n', 2, 'p', 8],
      c6: ['n', 2, 'p', 8],
      d4: ['n', 2, 'p', 8],
      d5: ['n', 2, 'p', 8],
    },
    lines: [
      "com.microsoft.MultiHeadAttention(x, x, x, '', '', '', a6, a7) num_heads=2 -> y A6 A7",
      "com.microsoft.DecoderMaskedMultiHeadAttention(y, y, y, '', '', c5, c6) num_heads=2 -> z C5 C6",
      "Attention(z, z, z, '', d4, d5) q_num_heads=2 kv_num_heads=2 -> u D4 D5",
    ],
    outputs: { u: null, A6: null, A7: null, C5: null, C6: null, D4: null, D5: null },
  },
  'caches that are scattered into, and those that moves hide': {
    inputs: { x: ['n', 1, 4], i: [1], p1: [5, 'n', 4], p2: [5, 'n', 4], p3: [5, 'n', 4], p4: [5, 'n', 4] },
    lines: [
      'ScatterND(p1, i, x) -> c1',
      'ScatterElements(p2, i, x) -> c2',
      'Transpose(p3) perm=[1,0,2] -> t3',
      'TensorScatter(t3, x) -> s3',
      'Cast(s3) to=1 -> c3',
      'Concat(x, p4) axis=0 -> s4',
      'Identity(s4) -> c4',
      'ScatterND(x, i, p4) -> c5',
    ],
    outputs: { c1: [5, 'n', 4], c2: [5, 'n', 4], c3: ['n', 5, 4], c4: [6, 'n', 4], c5: null },
  },
  'features of a width that weights fix': {
    inputs: { x: ['n', 't', 'h'], e: ['n', 's', 5] },
    lines: ['MatMul(x, w) -> a', 'Relu(e) -> y'],
    outputs: { a: null, y: null },
    stored: { w: zeros(9, 4) },
  },
  'features whose last size nothing says': { inputs: { x: ['n', 'h'], v: ['k'] }, lines: ['Relu(x) -> y', 'Relu(v) -> z'], outputs: { y: null, z: null } },
  'an image and positions of its patches': {
    inputs: { x: ['n', 'c', 'height', 'width'] },
    lines: ['Conv(x, w) strides=[4,4] -> a', 'Add(a, u) -> y'],
    stored: { w: zeros(8, 3, 4, 4), u: zeros(1, 17, 8) },
  },
  'an image of one free side': { inputs: { x: [1, 3, 8, 'width'] }, lines: ['Conv(x, w) -> y'], stored: { w: zeros(2, 3, 3, 3) } },
  sound: { inputs: { x: ['n', 6, 'l'] }, lines: ['Conv(x, w) strides=[2] -> y', 'Add(y, u) -> z'], stored: { w: zeros(4, 6, 3), u: zeros(25, 4) } },
  'an encoder beside a decoder': {
    inputs: { i: ['n', 't'], i_encoder_mask: ['n', 's'], encoder: ['n', 's', 4], 'past.0.key': ['n', 2, 'p', 2] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0.key, e) axis=2 -> present.0.key', 'MatMul(encoder, u) -> y', 'Cast(i_encoder_mask) to=1 -> m'],
    outputs: { y: null, m: null, 'present.0.key': ['n', 2, 'p+t', 2] },
    stored: { w: zeros(11, 2), u: zeros(4, 3) },
  },
  'two lengths that shapes force': {
    inputs: { i: ['n', 's'], i2: ['n', 't'] },
    lines: ['Gather(w, i) -> c', 'Gather(w, i2) -> d', 'Reshape(c, [0,12]) -> e', 'Reshape(d, [0,8]) -> f', 'Concat(e, f) axis=1 -> y'],
    stored: { w: zeros(9, 2) },
  },
  'lengths of rows': {
    inputs: { x: ['n', 't', 4], i: ['m'] },
    lines: ['com.microsoft.Attention(x, w, v, i) num_heads=2 -> y'],
    stored: { w: zeros(4, 12), v: zeros(12) },
    types: { i: INT32 },
  },
  'inputs of types that cannot be given': {
    inputs: { x: ['n'], s: ['n'], i: ['n'] },
    lines: ['Relu(x) -> y', 'Relu(s) -> z'],
    types: { x: BFLOAT16, s: STRING },
  },
  'a mask of scores': { inputs: { x: ['n', 1, 't', 'k'], s: ['n', 2, 't', 't'] }, lines: ['Add(s, x) -> a', 'Softmax(a) -> y'] },
  'a vector and matrices of fixed sizes': { inputs: { v: [5], x: [3, 4, 6] }, lines: ['Relu(v) -> y', 'Relu(x) -> z'] },
  'ids in a vector beside features': { inputs: { x: [4, 6, 3], i: [7] }, lines: ['Relu(x) -> z', 'Gather(w, i) -> y'], stored: { w: zeros(11, 3) } },
  'positions of fixed sizes': { inputs: { x: [3, 9], i_position: [2, 6] }, lines: ['Relu(x) -> y', 'Gather(w, i_position) -> z'], stored: { w: zeros(11, 3) } },
  'ids of a fixed batch and a free length, features of their own length': {
    inputs: { i: [2, 6], x: ['n', 's', 4] },
    lines: ['Gather(w, i) -> y', 'Relu(x) -> z'],
    stored: { w: zeros(11, 3) },
  },
  'features of a length alone': { inputs: { x: [2, 's', 4] }, lines: ['Relu(x) -> y'] },
  'positions before ids': {
    inputs: { i_position: ['n', 6], i: [3, 't'] },
    lines: ['Gather(w, i_position) -> y', 'Gather(w, i) -> z'],
    stored: { w: zeros(11, 3) },
  },
  'a cache that stays beside one that grows': {
    inputs: { i: ['n', 't'], 'past.0.encoder': ['n', 2, 5, 4], 'past.1.key': ['n', 2, 3, 4] },
    lines: ['Gather(w, i) -> e', 'Relu(past.0.encoder) -> present.0.encoder', 'Concat(past.1.key, e) axis=2 -> present.1.key'],
    outputs: { 'present.0.encoder': ['n', 2, 5, 4], 'present.1.key': ['n', 2, 7, 4] },
    stored: { w: zeros(11, 4) },
  },
  'caches of an unknown shape of outputs': {
    inputs: { i: ['n', 't'], 'past.0': ['n', 2, 'p', 'd'] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=2 -> present.0'],
    outputs: { 'present.0': null },
    stored: { w: zeros(11, 4) },
  },
  'a cache of which no dimension changes': {
    inputs: { i: ['n', 't'], 'past.0': ['n', 2, 'p', 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=2 -> present.0'],
    outputs: { 'present.0': ['n', 2, 'p', 4] },
    stored: { w: zeros(11, 4) },
  },
  'a cache whose open sizes are all others': {
    inputs: { i: ['n', 't'], 'past.0': ['n', '', '', 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=1 -> present.0'],
    outputs: { 'present.0': ['n', '', '', 4] },
    stored: { w: zeros(11, 4) },
  },
  'a cache whose tokens come first': {
    inputs: { i: ['n', 't'], 'past.0': ['p', 'n', 2, 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=0 -> present.0'],
    outputs: { 'present.0': ['p + t', 'n', 2, 4] },
    stored: { w: zeros(11, 4) },
  },
  'an image of fixed sides': { inputs: { x: ['n', 3, 8, 8] }, lines: ['Conv(x, w) -> y'], stored: { w: zeros(2, 3, 3, 3) } },
  'two images of the same sides': {
    inputs: { x: ['n', 3, 'a', 'b'], z: ['n', 3, 'a', 'b'] },
    lines: ['Conv(x, w) -> y', 'Conv(z, w) -> u'],
    stored: { w: zeros(2, 3, 3, 3) },
  },
  'two images of sides of their own': {
    inputs: { x: ['n', 3, 'a', 'b'], z: ['n', 3, 'c', 'd'] },
    lines: ['Conv(x, w) -> y', 'Conv(z, w) -> u'],
    stored: { w: zeros(2, 3, 3, 3) },
  },
  'an image whose patches are as wide as a point in one direction': {
    inputs: { x: ['n', 3, 'a', 'b'] },
    lines: ['Conv(x, w) strides=[4,1] -> y'],
    stored: { w: zeros(2, 3, 4, 1), u: zeros(1, 16, 2), v: zeros(26, 2) },
  },
  'an image of single points, and tables': {
    inputs: { x: ['n', 3, 'a', 'b'] },
    lines: ['Conv(x, w) strides=[1,1] -> y'],
    stored: { w: zeros(2, 3, 1, 1), u: zeros(1, 16, 2) },
  },
  'an image of patches, and tables of one row or of more than one': {
    inputs: { x: ['n', 3, 'a', 'b'] },
    lines: ['Conv(x, w) strides=[2,2] -> y'],
    stored: { w: zeros(2, 3, 2, 2), one: zeros(1, 2), two: zeros(1, 2, 2), many: zeros(2, 36, 2), deep: zeros(1, 1, 49, 2), flat: zeros(25) },
  },
  'sound, and tables of few rows': {
    inputs: { x: ['n', 6, 'l'] },
    lines: ['Conv(x, w) strides=[3] -> y'],
    stored: { w: zeros(4, 6, 3), u: zeros(8, 4), v: zeros(9, 4), many: zeros(2, 20, 4) },
  },
  'sound without strides': { inputs: { x: ['n', 6, 'l'] }, lines: ['Conv(x, w) -> y'], stored: { w: zeros(4, 6, 3), v: zeros(9, 4) } },
  'a width that weights fix for the second input': {
    inputs: { e: ['n', 's', 5], x: ['n', 't', 'h'] },
    lines: ['Relu(e) -> y', 'MatMul(x, w) -> a'],
    outputs: { a: null, y: null },
    stored: { w: zeros(9, 4) },
  },
  'a width of heads': {
    inputs: { x: ['n', 't', 6], 'past.0': ['n', 2, 'p', 'd'] },
    lines: ['MatMul(x, w) -> h', "Attention(h, h, h, '', past.0, past.0) q_num_heads=2 kv_num_heads=1 -> y present.0"],
    outputs: { y: null, 'present.0': ['n', 2, 'q', 'd'] },
    stored: { w: zeros(6, 24), v: zeros(24, 24), u: zeros(2, 1) },
  },
  'heads of which no number is told': {
    inputs: { x: ['n', 't', 6], 'past.0': ['n', 2, 'p', 'd'] },
    lines: ['MatMul(x, w) -> h', "Attention(h, h, h, '', past.0, past.0) -> y present.0"],
    outputs: { y: null, 'present.0': ['n', 2, 'q', 'd'] },
    stored: { w: zeros(6, 24) },
  },
  'widths of many tables': {
    inputs: { x: ['n', 't', 6], 'past.0': ['n', 2, 'p', 'd'] },
    lines: ['MatMul(x, w) -> h', "Attention(h, h, h, '', past.0, past.0) q_num_heads=2 kv_num_heads=2 -> y present.0"],
    outputs: { y: null, 'present.0': ['n', 2, 'q', 'd'] },
    stored: {
      w: zeros(6, 24),
      ...Object.fromEntries(Array.from({ length: 45 }, (_, at) => [`t${at}`, zeros(60 + 2 * at)])),
      ...Object.fromEntries(Array.from({ length: 3 }, (_, at) => [`u${at}`, zeros(148)])),
    },
  },
  'constants up to 4096': {
    inputs: { x: ['n', 'h'] },
    lines: ['Relu(x) -> y'],
    stored: { k: [[3], [4096, 4097, 1], INT64], l: zeros(4096), m: zeros(1, 4097) },
  },
  'ids of a length that is a sum': {
    inputs: { i: ['n', 'a + 1'], i_position: ['n', 6] },
    lines: ['Gather(w, i) -> y', 'Gather(w, i_position) -> z'],
    stored: { w: zeros(11, 3) },
  },
  'a single id': { inputs: { i: [], x: ['n', 't', 4] }, lines: ['Gather(w, i) -> y', 'Relu(x) -> z'], stored: { w: zeros(11, 3) } },
  'an image one of whose sides is the batch': { inputs: { x: ['n', 3, 'n', 'b'] }, lines: ['Conv(x, w) -> y'], stored: { w: zeros(2, 3, 3, 3) } },
  'two images that share a side': {
    inputs: { x: ['n', 3, 'a', 'b'], z: ['n', 3, 'a', 'c'] },
    lines: ['Conv(x, w) -> y', 'Conv(z, w) -> u'],
    stored: { w: zeros(2, 3, 3, 3) },
  },
  'ids of rank four': {
    inputs: { i: ['n', 'a', 'b', 't'], x: ['n', 't', 'h'] },
    lines: ['Gather(w, i) -> y', 'MatMul(x, u) -> z'],
    stored: { w: zeros(11, 3), u: zeros(9, 4) },
  },
  'a mask with queries': { inputs: { i_mask: ['n', 'q', 'k'], x: ['n', 'k', 4] }, lines: ['Cast(i_mask) to=1 -> y', 'Relu(x) -> z'] },
  'a mask with queries and heads': { inputs: { i_mask: ['n', 'a', 'q', 'k'] }, lines: ['Cast(i_mask) to=1 -> y'] },
  'a cache whose tokens come second': {
    inputs: { i: ['n', 't'], 'past.0': ['n', 'p', 2, 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=1 -> present.0'],
    outputs: { 'present.0': ['n', 'p + t', 2, 4] },
    stored: { w: zeros(11, 4) },
  },
  'a cache that renames two sizes': {
    inputs: { i: ['n', 't'], 'past.0': ['n', 'p', 'r', 4] },
    lines: ['Gather(w, i) -> e', 'Concat(past.0, e) axis=2 -> present.0'],
    outputs: { 'present.0': ['n', 'q', 's', 4] },
    stored: { w: zeros(11, 4) },
  },
  'the second of two lengths that a shape forces': {
    inputs: { i: ['n', 's'], i2: ['n', 't'] },
    lines: ['Gather(w, i) -> c', 'ReduceMean(c, [1]) keepdims=0 -> e', 'Gather(w, i2) -> d', 'Reshape(d, [0,8]) -> f', 'Concat(e, f) axis=1 -> y'],
    stored: { w: zeros(9, 2) },
  },
  'the first of two lengths that a shape forces': {
    inputs: { i: ['n', 's'], i2: ['n', 't'] },
    lines: ['Gather(w, i) -> c', 'Reshape(c, [0,12]) -> e', 'Gather(w, i2) -> d', 'ReduceMean(d, [1]) keepdims=0 -> f', 'Concat(e, f) axis=1 -> y'],
    stored: { w: zeros(9, 2) },
  },
  'two lengths that shapes force to be the same': {
    inputs: { i: ['n', 's'], i2: ['n', 't'] },
    lines: ['Gather(w, i) -> c', 'Reshape(c, [0,12]) -> e', 'Gather(w, i2) -> d', 'Reshape(d, [0,12]) -> f', 'Concat(e, f) axis=1 -> y'],
    stored: { w: zeros(9, 2) },
  },
  'constants of the file': {
    inputs: { x: ['n', 't', 'h'] },
    lines: ['Reshape(x, [0,-1,13]) -> a', 'Reshape(a, [5,13]) -> y'],
    stored: { k: [[2], [5000, 17], INT64] },
  },
};

suite('a small model', () => {
  it.each(Object.entries(CASES))('%s', (_, given) => {
    const model = describe(modelFrom(given));
    expect({ interface: interfaceLines(model), sizes: choiceLines(model), cases: caseLines(model, false), large: caseLines(model, true) }).toMatchSnapshot();
  });
});

suite('inputs of unknown', () => {
  it('types and ranks are described as far as they are known', () => {
    const made = typed({ inputs: { x: ['n'] }, lines: ['Relu(x) -> y', 'Gather(w, i) -> z'], stored: { i: [[1], [0], INT64], w: zeros(11, 3) } });
    const inputs = [
      { name: 'x', type: null },
      { name: 'i', type: { elemType: INT64, dims: null } },
    ];
    const initializers = made.graph.initializers.filter(({ name }) => name !== 'i');
    expect(interfaceLines(describe({ ...made, graph: { ...made.graph, inputs, initializers } }))).toEqual(['i: int64[] ids', 'gives z', 'unsupported: x']);
  });
});

suite('cases of a model that takes one row', () => {
  it.each<readonly [lines: Case, expected: string]>([
    [
      { inputs: { i: ['n', 't'], i_mask: ['n', 't'] }, lines: ['Gather(w, i) -> y', 'Cast(i_mask) to=1 -> m'], stored: { w: zeros(11, 3) } },
      'left-padded: draw 2, left, 2×4',
    ],
    [CASES['a decoder with a cache and a mask'] ?? { lines: [] }, 'cache, left-padded: draw 2, left, 2×6,1'],
  ])('have two of them where rows are padded: %#', (given, expected) => {
    const planned = planCases(describe(modelFrom(given)), { batch: 1, tokens: 4, past: 0 }, false);
    expect(planned.map(({ name, draw, padding, batch, tokens }) => `${name}: draw ${draw}, ${padding}, ${batch}×${tokens}`)).toContain(expected);
    expect(planned.filter(({ name }) => name.endsWith('second draw')).map(({ batch }) => batch)).toEqual([1]);
  });
});
