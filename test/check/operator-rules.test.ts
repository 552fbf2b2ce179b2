/** A width that grows through each operator: what is zero on one side of it or the other is proved, and nothing that differs is. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from '../support/graph-builder.ts';
import { brief, checkLines } from '../support/judgement.ts';
import { type Between, original, PLACES, widened } from '../support/widened.ts';

type Weights = NonNullable<Between['weights']>;
type Weight = Weights[string];

/** A weight of the given dimensions (`w` stands for the width): random old elements, 0.3 for new ones. */
const weight = (...dims: readonly (number | 'w')[]): Weight => ({
  dims: (width) => dims.map((size) => (size === 'w' ? width : size)),
  at: (place) => (place.some((k, d) => dims[d] === 'w' && k < 0) ? 0.3 : 0.6 + 0.4 * Math.sin(place.reduce((sum, k) => 3 * sum + k, 1))),
});
/** The same, but zero where an index of dimension `zero` is new. */
const zeroRows = (zero: number, ...dims: readonly (number | 'w')[]): Weight => {
  const own = weight(...dims);
  return { ...own, at: (place) => ((place[zero] ?? 0) < 0 ? 0 : own.at(place)) };
};
const list = (...numbers: readonly number[]): Weight => ({ dims: () => [numbers.length], at: ([i = 0]) => numbers[i] ?? 0 });
const along = (old: readonly number[], added: number): Weight => ({ dims: (width) => [width], at: ([i = 0]) => (i < 0 ? added : (old[i] ?? 0)) });

const W: Weights = {
  wv: weight('w'),
  wone: along([1, 1, 1], 1),
  wz: along([0.7, 0.4, 0.9], 0),
  ws: list(0.5),
  wzero: list(0),
  wm: weight(4, 'w'),
  wsq: zeroRows(0, 'w', 'w'),
  wcols: zeroRows(1, 'w', 'w'),
  wct: zeroRows(0, 'w', 'w', 2),
  wboth: { ...weight('w', 'w'), at: ([i = 0, j = 0]) => (i < 0 || j < 0 ? 0 : 0.6 + 0.4 * Math.sin(3 * i + j)) },
  wconv: zeroRows(1, 'w', 'w', 2),
  wdepth: weight('w', 1, 2),
  wrow: weight(1, 2, 'w'),
  wrs: list(1, 1, 2),
  wmean: along([0.3, 0.1, -0.2], 0.1),
  wvar: along([1.3, 0.9, 0.7], 0.5),
  wf: weight(4, 4),
};

/**
 * Lines that make `c` of `h`; whether they are proved where what follows is zero at new elements (`after`), where what comes before is (`before`),
 * or in both cases. `N` stands for the width, `N2` for twice of it.
 */
type Side = 'after' | 'before' | 'both' | 'neither';
type Case = readonly [side: Side, lines: string, opset?: number];

const KEEPS = [
  'Relu',
  'Neg',
  'Abs',
  'Floor',
  'Ceil',
  'Round',
  'Sign',
  'Tanh',
  'Erf',
  'Sin',
  'Tan',
  'Atan',
  'Asinh',
  'Sinh',
  'LeakyRelu',
  'Elu',
  'Selu',
  'Celu',
];
const KEEPS_TOO = ['Softsign', 'Mish', 'HardSwish', 'ThresholdedRelu', 'Shrink', 'com.microsoft.FastGelu', 'com.microsoft.QuickGelu'];
const CHANGES = ['Exp', 'Sigmoid', 'Softplus', 'HardSigmoid', 'Cos', 'Cosh'];

const BY_ELEMENT: readonly Case[] = [
  ...[...KEEPS, ...KEEPS_TOO].map((op): Case => ['both', `${op}(h) -> c`, 18]),
  ['both', 'Gelu(h) -> c', 20],
  ['both', 'Gelu(h) approximate=tanh -> c', 20],
  ...CHANGES.map((op): Case => ['after', `${op}(h) -> c`]),
  ['both', 'Abs(h) -> a;Sqrt(a) -> c'],
  ['both', 'Tanh(h) -> a;Mul(a, ws) -> b;Asin(b) -> c'],
  ['both', 'Tanh(h) -> a;Mul(a, ws) -> b;Atanh(b) -> c'],
  ['after', 'Tanh(h) -> a;Mul(a, ws) -> b;Acos(b) -> c'],
  ['after', 'Abs(h) -> a;Add(a, wone) -> b;Acosh(b) -> c'],
  ['after', 'Abs(h) -> a;Add(a, wone) -> b;Log(b) -> c'],
  ['after', 'Abs(h) -> a;Add(a, wone) -> b;Reciprocal(b) -> c'],
  ['after', 'Abs(h) -> a;Add(a, wone) -> b;Pow(b, ws) -> c'],
  ['both', 'Mul(h, h) -> c'],
  ['both', 'Add(h, h) -> c'],
  ['both', 'Pow(h, [2]) -> c'],
  ['both', 'Pow(h, [3]) -> c'],
  ['both', 'Mul(h, wv) -> c'],
  ['after', 'Add(h, wv) -> c'],
  ['both', 'Add(h, wz) -> c'],
  ['after', 'Sub(wv, h) -> c'],
  ['both', 'Div(h, wone) -> c'],
  ['after', 'Abs(h) -> a;Add(a, wone) -> b;Div(wv, b) -> c'],
  ['both', 'Sum(h, wz, h) -> c'],
  ['after', 'Sum(h, wv) -> c'],
  ['both', 'Mean(h, wz) -> c'],
  ['both', 'PRelu(h, wv) -> c'],
  ['both', "Clip(h, wzero, '') -> a;Mul(a, wv) -> c"],
  ['after', 'Max(h, wv) -> c'],
  ['after', 'Min(h, wv) -> c'],
  ['after', 'Max(h, wz) -> a;Min(a, wv) -> c'],
  ['after', 'Equal(h, wv) -> a;Cast(a) to=1 -> c'],
  ['after', 'Less(h, wv) -> a;Cast(a) to=1 -> c'],
  ['after', 'LessOrEqual(h, wv) -> a;Greater(h, wz) -> b;And(a, b) -> d;Cast(d) to=1 -> c'],
  ['after', 'GreaterOrEqual(h, wv) -> a;Greater(h, wz) -> b;Or(a, b) -> d;Cast(d) to=1 -> c'],
  ['after', 'Greater(h, wv) -> a;Less(h, wz) -> b;Xor(a, b) -> d;Not(d) -> e;Cast(e) to=1 -> c'],
  ['after', 'IsNaN(h) -> a;Where(a, wv, h) -> c'],
  ['after', 'IsInf(h) -> a;Where(a, wv, h) -> c'],
  ['both', 'Greater(h, wv) -> a;Where(a, h, wz) -> c'],
  ['both', 'Cast(h) to=7 -> a;Cast(a) to=1 -> b;Sub(h, b) -> c'],
  ['both', 'Mod(h, wone) fmod=1 -> c'],
  ['both', 'Identity(h) -> a;Dropout(a) -> c'],
];

const PRODUCTS: readonly Case[] = [
  ['after', 'MatMul(h, wsq) -> c'],
  ['before', 'MatMul(h, wcols) -> c'],
  ['both', 'MatMul(h, wboth) -> c'],
  ['after', 'Einsum(h, wsq) equation=bti,ij->btj -> c'],
  ['both', 'Einsum(h, wboth) equation=bti,ji->btj -> c'],
  ['both', 'Einsum(h, wv) equation=bti,i->bti -> c'],
  ['after', 'Einsum(h, wsq, wv) equation=bti,ij,j->btj -> c'],
  ['both', 'Einsum(h) equation=bti->bit -> a;Einsum(a) equation=bit->bti -> c'],
  ['before', 'MatMul(x, wm) -> m;Transpose(m) perm=[0,2,1] -> t;MatMul(h, t) -> s;MatMul(s, h) -> c'],
  ['after', 'Reshape(h, [-1,N]) -> a;Gemm(a, wsq, wv) alpha=0.5 beta=0.25 -> b;Unsqueeze(b, [0]) -> c'],
  ['both', 'Reshape(h, [-1,N]) -> a;Gemm(a, wboth, wz) transB=1 -> b;Unsqueeze(b, [0]) -> c'],
  ['after', 'Transpose(h) perm=[0,2,1] -> t;Conv(t, wconv, wv) kernel_shape=[2] pads=[1,0] -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;Conv(t, wdepth) kernel_shape=[2] pads=[1,0] group=N -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['after', 'Transpose(h) perm=[0,2,1] -> t;Conv(t, wdepth, wv) kernel_shape=[2] pads=[0,1] group=N -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;Conv(t, wdepth, wz) kernel_shape=[2] pads=[0,1] group=N -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['neither', 'Transpose(h) perm=[0,2,1] -> t;ConvTranspose(t, wct) kernel_shape=[2] pads=[0,1] -> u;Transpose(u) perm=[0,2,1] -> c'],
];

const SUMS: readonly Case[] = [
  ['before', 'ReduceSum(h, [2]) keepdims=1 -> m;Mul(h, m) -> c'],
  ['neither', 'ReduceL1(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ['before', 'ReduceL2(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ['before', 'ReduceSumSquare(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ['before', 'ReduceSum(h, [-1]) keepdims=0 -> m;Unsqueeze(m, [2]) -> n;Mul(h, n) -> c'],
  ['neither', 'ReduceMean(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ['neither', 'ReduceMax(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ['neither', 'ReduceLogSumExp(h) axes=[2] keepdims=1 -> m;Mul(h, m) -> c'],
  ...['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'].map(
    (op): Case => ['both', `${op}(h) axes=[1] keepdims=1 -> m;Mul(m, wv) -> n;Add(n, h) -> c`],
  ),
  ['after', 'ReduceLogSumExp(h) axes=[1] keepdims=1 -> m;Add(h, m) -> c'],
  ['after', 'Exp(h) -> e;ReduceLogSum(e) axes=[1] keepdims=1 -> m;Add(h, m) -> c'],
  ['both', 'ReduceSum(h, [1]) keepdims=1 -> m;Mul(m, h) -> c'],
  ['before', 'ReduceSum(h, [1,2]) keepdims=1 -> m;Mul(m, h) -> c'],
  ['after', 'Softmax(h) axis=1 -> c'],
  ['neither', 'Softmax(h) axis=2 -> c'],
  ['after', 'LogSoftmax(h) axis=1 -> c'],
  ['both', 'CumSum(h, [1]) -> c'],
  ['both', 'CumSum(h, [1]) exclusive=1 reverse=1 -> c'],
  ['after', 'LpNormalization(h) axis=1 p=2 -> c'],
  ['neither', 'ArgMax(h) axis=2 keepdims=1 -> a;Cast(a) to=1 -> b;Mul(h, b) -> c'],
  ['after', 'ArgMax(h) axis=1 keepdims=1 -> a;Cast(a) to=1 -> b;Mul(h, b) -> d;Add(d, b) -> c'],
  ['both', 'TopK(h, [1]) axis=1 -> a b;Mul(h, a) -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;AveragePool(t) kernel_shape=[2] pads=[1,0] -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;MaxPool(t) kernel_shape=[2] -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;GlobalAveragePool(t) -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['both', 'Transpose(h) perm=[0,2,1] -> t;GlobalMaxPool(t) -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['after', 'Transpose(h) perm=[0,2,1] -> t;InstanceNormalization(t, wv, wmean) epsilon=0.5 -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['after', 'Transpose(h) perm=[0,2,1] -> t;BatchNormalization(t, wv, wz, wmean, wvar) epsilon=0.5 -> u;Transpose(u) perm=[0,2,1] -> c'],
  ['neither', 'LayerNormalization(h, wv, wz) axis=2 epsilon=0.5 -> c'],
];

const PLACED: readonly Case[] = [
  ['both', 'Transpose(h) perm=[2,0,1] -> a;Transpose(a) perm=[2,1,0] -> b;Transpose(b) perm=[1,0,2] -> c'],
  ['both', 'Squeeze(h, [0]) -> a;Unsqueeze(a, [1,-1]) -> b;Squeeze(b, [3]) -> d;Transpose(d) perm=[1,0,2] -> c'],
  ['both', 'Reshape(h, [-1,N]) -> a;Reshape(a, [1,-1,N]) -> c'],
  ['both', 'Reshape(h, [0,0,N,1]) -> a;Flatten(a) axis=2 -> b;Reshape(b, [1,-1,N]) -> c'],
  ['both', 'Concat(h, h) axis=2 -> a;Reshape(a, [0,0,2,N]) -> b;Transpose(b) perm=[0,1,3,2] -> d;ReduceSum(d, [3]) keepdims=0 -> c'],
  ['both', 'Unsqueeze(h, [3]) -> a;Expand(a, [1,1,1,2]) -> b;Reshape(b, [0,0,N2]) -> d;Reshape(d, [0,0,N,2]) -> e;ReduceSum(e, [3]) keepdims=0 -> c'],
  ['both', 'Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,N]) -> b;Reshape(b, [0,0,N2]) -> d;Split(d) axis=2 -> e f;Add(e, f) -> c'],
  ['both', 'Tile(h, [1,1,2]) -> a;Reshape(a, [0,0,2,N]) -> b;ReduceSum(b, [2]) keepdims=0 -> c'],
  ['both', 'Tile(h, [1,2,1]) -> a;ReduceMean(a) axes=[1] keepdims=1 -> b;Mul(b, h) -> c'],
  ['both', 'Expand(h, [2,1,N]) -> a;ReduceSum(a, [0]) keepdims=1 -> c'],
  ['both', 'Concat(h, h) axis=1 -> a;Slice(a, [1], [9999], [1], [2]) -> c'],
  ['neither', 'Concat(h, h) axis=2 -> a;Slice(a, [N], [9999], [2]) -> c'],
  ['neither', 'Concat(h, h) axis=2 -> a;Slice(a, [0], [-N], [-1]) -> c'],
  ['after', 'Concat(h, wrow) axis=1 -> c'],
  ['neither', 'Concat(h, h) axis=2 -> a;Split(a, [N,N]) axis=2 -> d e;Mul(d, e) -> c'],
  ['neither', 'Concat(h, h) axis=2 -> a;Split(a) axis=-1 -> d e;Sub(d, e) -> f;Add(f, h) -> c'],
  ['both', 'Concat(h, h, h) axis=1 -> a;Split(a) axis=1 num_outputs=3 -> d e f;Mul(d, e) -> g;Sub(g, f) -> c', 18],
  ['both', 'Pad(h, [0,0,0,0,0,0]) -> c'],
  ['both', 'Pad(h, [0,1,0,0,2,0]) -> c'],
  ['both', 'Pad(h, [0,1,0,0,0,0]) mode=edge -> c'],
  ['after', 'Pad(h, [0,1,0,0,1,0], ws) -> c'],
  ['both', 'Pad(h, [0,-1,0,0,0,0]) -> c'],
  ['both', 'Gather(h, [0]) axis=1 -> c'],
  ['neither', 'Gather(h, [1,0,1]) axis=1 -> c'],
  ['both', 'Gather(h, [0,2,1,-1]) axis=1 -> c'],
  ['both', 'Squeeze(h, [0]) -> a;Reshape([0,2], [2,1]) -> i;GatherND(a, i) -> b;Unsqueeze(b, [0]) -> c'],
  ['both', 'Transpose(h) perm=[2,0,1] -> t;Trilu(t) upper=0 -> u;Transpose(u) perm=[1,2,0] -> c'],
  ['neither', 'Trilu(h) upper=0 -> c'],
  ['both', "Transpose(h) perm=[0,2,1] -> t;Resize(t, '', wrs) mode=linear -> u;Transpose(u) perm=[0,2,1] -> c"],
  ['both', "Transpose(h) perm=[0,2,1] -> t;Resize(t, '', wrs) mode=nearest -> u;Transpose(u) perm=[0,2,1] -> c"],
  ['both', "Transpose(h) perm=[0,2,1] -> t;Resize(t, '', '', [1,N,5]) mode=linear -> u;Transpose(u) perm=[0,2,1] -> c"],
  ['both', 'Cast(h) to=7 -> a;Sub(a, a) -> b;GatherElements(h, b) axis=1 -> c'],
  ['both', 'Cast(h) to=7 -> a;Sub(a, a) -> b;ScatterElements(h, b, h) axis=1 reduction=add -> c'],
  ['both', 'Slice(h, [1], [3], [1]) -> u;Squeeze(h, [0]) -> a;Squeeze(u, [0]) -> v;Reshape([0,2], [2,1]) -> i;ScatterND(a, i, v) -> b;Unsqueeze(b, [0]) -> c'],
  ['both', 'Shape(h) -> s;Gather(s, [1]) axis=0 -> t;ReverseSequence(h, t) batch_axis=0 time_axis=1 -> c'],
  ['both', 'Shape(h) -> s;ConstantOfShape(s) -> z;Add(h, z) -> c'],
  ['both', 'Shape(h) -> s;Expand(wv, s) -> e;Mul(e, h) -> c'],
  ['both', 'Shape(h) -> s;Slice(s, [0], [2]) -> f;Concat(f, [N]) axis=0 -> t;Reshape(h, t) -> c'],
];

const BLOCKS: readonly Case[] = [
  ['before', 'MatMul(x, wm) -> m;Transpose(m) perm=[0,2,1] -> t;MatMul(h, t) -> s;Mul(s, ws) -> f;Softmax(f) axis=2 -> p;MatMul(p, h) -> c'],
  ['after', 'MatMul(x, wf) -> k;MatMul(x, wf) -> q;com.microsoft.MultiHeadAttention(q, k, h) num_heads=1 scale=0.5 -> c'],
  ['neither', 'MatMul(x, wm) -> k;com.microsoft.MultiHeadAttention(h, k, h) num_heads=1 scale=0.5 -> c'],
  ['before', 'MatMul(x, wm) -> k;MatMul(x, wm) -> v;com.microsoft.MultiHeadAttention(h, k, v) num_heads=1 scale=0.5 -> a;Mul(a, h) -> c'],
  ['after', 'MatMul(x, wf) -> k;MatMul(x, wf) -> q;Attention(q, k, h) q_num_heads=1 kv_num_heads=1 scale=0.5 -> c', 23],
  ['after', 'MatMul(x, wf) -> k;MatMul(x, wf) -> q;Attention(q, k, h) q_num_heads=1 kv_num_heads=1 is_causal=1 softcap=2.0 -> c', 23],
  ['before', 'MatMul(x, wm) -> k;MatMul(x, wm) -> v;Attention(h, k, v) q_num_heads=1 kv_num_heads=1 scale=0.5 -> a;Mul(a, h) -> c', 23],
  ['both', 'MatMul(h, wboth) -> a;Sigmoid(a) -> g;Mul(h, g) -> c'],
];

const GROUPS = { 'element by element': BY_ELEMENT, 'sums of products': PRODUCTS, 'along dimensions': SUMS, places: PLACED, blocks: BLOCKS };

const LENGTH = 3;

async function resultOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const results = await session.run({ x: new Tensor('float32', Float32Array.from({ length: 4 * LENGTH }, normals(5)), [1, LENGTH, 4]) });
  await session.release();
  return Array.from((results.y as Tensor).data as Float32Array);
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  a.length !== b.length ? Infinity : Math.max(...a.map((own, i) => Math.abs(own - (b[i] ?? 0)) / (1 + Math.abs(own))));

/** The model with the first number of a weight changed. */
const touched = (model: Model, name: string): Model => ({
  ...model,
  graph: {
    ...model.graph,
    initializers: model.graph.initializers.map((own) => {
      const numbers = readNumbers(own);
      return own.name === name ? tensorFromNumbers(name, own.dataType, own.dims, numbers.with(0, (numbers[0] ?? 0) + 0.25)) : own;
    }),
  },
});

const weightsOf = ({ graph }: Model): readonly string[] => graph.initializers.flatMap((own) => (own.dataType === DataType.FLOAT ? [own.name] : []));

describe.each(Object.entries(GROUPS))('%s', (_, cases) => {
  test.each(cases.map(([side, lines, opset]) => [lines, side, opset] as const))('%s', async (lines, side, opset = 17) => {
    const own: Between = {
      lines: (width) => lines.replace(/\bN(\d?)\b/g, (_all, times) => String(width * Number(times || 1))).split(';'),
      weights: Object.fromEntries(Object.entries(W).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lines))),
      opset,
    };
    const old = original(own);
    const before = await resultOf(old);
    const grown = { after: widened(own, PLACES), before: widened(own, PLACES, 0.3, 0), both: widened(own, PLACES, 0.3) };
    const said = (model: Model): readonly string[] => brief(checkLines(checkModels(old, model)));
    expect([...(checkModels(old, grown.after).proved ? ['after'] : []), ...(checkModels(old, grown.before).proved ? ['before'] : [])]).toEqual(
      side === 'both' ? ['after', 'before'] : side === 'neither' ? [] : [side],
    );
    if (side === 'both' || side === 'after') expect(largest(before, await resultOf(grown.after))).toBeLessThan(1e-5);
    if (side === 'both' || side === 'before') expect(largest(before, await resultOf(grown.before))).toBeLessThan(1e-5);
    const wrong = { 'new elements are read': grown.both, ...Object.fromEntries(weightsOf(grown.after).map((name) => [name, touched(grown.after, name)])) };
    for (const [what, model] of Object.entries(wrong))
      if (checkModels(old, model).proved) expect([what, largest(before, await resultOf(model))]).toEqual([what, 0]);
    expect({
      ...(side === 'before' || side === 'neither' ? { after: said(grown.after) } : {}),
      ...(side === 'after' || side === 'neither' ? { before: said(grown.before) } : {}),
      ...Object.fromEntries(Object.entries(wrong).map(([what, model]) => [what, said(model)])),
    }).toMatchSnapshot();
  });
});
