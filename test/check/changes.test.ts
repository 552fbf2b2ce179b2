/** Graphs of each operator, and the same with one thing changed: nothing is proved that onnxruntime computes differently. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { CheckResult } from '../../src/check/findings.ts';
import { GrowError } from '../../src/errors.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { changesOf } from '../support/changes.ts';
import { normals } from '../support/graph-builder.ts';
import { checkLines } from '../support/judgement.ts';
import { modelOf } from '../support/small-model.ts';
import { type Between, original, PLACES, widened } from '../support/widened.ts';

type Shapes = Parameters<typeof modelOf>[0];

/** Values that graphs may read; `n` and `m` are sizes of the inputs. */
const SHAPES: Shapes = { x: ['n', 4], z: ['n', 4], p: [1, 'm', 4], q: [2, 3, 8], i: ['n'], wa: [4, 3], wb: [3], wc: [4], ws: [1], wk: [5, 4, 2], wt: [6, 4] };

/** Each line is a graph; nodes are separated by `;`. */
const GRAPHS: readonly string[] = [
  // element by element
  ...['Relu', 'Abs', 'Neg', 'Exp', 'Tanh', 'Sigmoid', 'Erf', 'Sin', 'Floor', 'Sign', 'Softplus', 'HardSwish'].map((op) => `${op}(x) -> a;Mul(a, z) -> y`),
  'Sqrt(x) -> a;Mul(a, a) -> b;Add(b, x) -> y',
  'LeakyRelu(x) alpha=0.25 -> y',
  'Elu(x) alpha=0.5 -> y',
  'HardSigmoid(x) alpha=0.5 beta=0.25 -> y',
  'ThresholdedRelu(x) alpha=0.5 -> y',
  'Shrink(x) lambd=0.5 bias=0.25 -> y',
  'PRelu(x, wc) -> y',
  'Clip(x, ws, wm) -> y',
  'Sub(x, z) -> a;Sub(z, a) -> b;Add(b, wc) -> y',
  'Mul(x, wc) -> a;Mul(a, ws) -> b;Div(b, z) -> y',
  'Div(x, z) -> a;Div(x, a) -> b;Add(b, x) -> y',
  'Add(x, z) -> a;Mul(a, a) -> b;Sub(b, x) -> y',
  'Sum(x, z, x) -> a;Max(a, z) -> b;Min(b, wc) -> y',
  'Mean(x, z) -> y',
  'Pow(x, [2]) -> a;Pow(z, [3]) -> b;Add(a, b) -> y',
  'Reciprocal(x) -> a;Mul(a, z) -> y',
  'Greater(x, z) -> c;Where(c, x, wc) -> y',
  'Less(x, z) -> a;Equal(x, z) -> b;Or(a, b) -> c;Not(c) -> d;Where(d, x, z) -> y',
  'Sub(x, x) -> a;Sub(z, z) -> b;Greater(x, z) -> c;Where(c, a, b) -> d;Add(d, x) -> y',
  'Mod(x, z) fmod=1 -> y',
  'Cast(x) to=7 -> a;Cast(a) to=1 -> b;Sub(x, b) -> y',
  // sums of products
  'MatMul(x, wa) -> a;Add(a, wb) -> y',
  'Gemm(x, wt, wd) transB=1 alpha=0.5 beta=0.25 -> y',
  'Einsum(x, wa) equation=ij,jk->ki -> y',
  'Einsum(p, x) equation=bmk,nk->bmn -> y',
  'Transpose(x) perm=[1,0] -> t;MatMul(t, z) -> y',
  'Conv(q, wq, wf) kernel_shape=[2] pads=[1,0] strides=[2] -> y',
  'Conv(q, wg) group=3 dilations=[2] -> y',
  // along dimensions
  ...['ReduceMean', 'ReduceMax', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceLogSumExp'].map((op) => `${op}(x) axes=[1] keepdims=1 -> a;Mul(a, z) -> y`),
  'ReduceSum(p, [1]) keepdims=1 -> a;ReduceSum(a, [2]) keepdims=0 -> y',
  'ReduceSum(x, [1]) keepdims=1 -> a;Mul(a, z) -> b;ReduceMean(b) axes=[0,1] keepdims=1 -> y',
  'Softmax(x) axis=1 -> y',
  'Softmax(q) axis=1 -> a;LogSoftmax(a) axis=2 -> y',
  'ArgMax(q) axis=1 keepdims=0 -> y',
  'CumSum(q, [2]) exclusive=1 -> y',
  'CumSum(q, [1]) reverse=1 -> y',
  'LpNormalization(q) axis=1 p=1 -> y',
  'LayerNormalization(p, wc, we) axis=2 epsilon=0.5 -> y',
  'ReduceMean(x) axes=[1] keepdims=1 -> m;Sub(x, m) -> c;Mul(c, c) -> s;ReduceMean(s) axes=[1] keepdims=1 -> v;Add(v, ws) -> e;Sqrt(e) -> r;Div(c, r) -> n;Mul(n, wc) -> g;Add(g, we) -> y',
  'Mul(x, x) -> s;ReduceMean(s) axes=[1] keepdims=1 -> v;Add(v, ws) -> e;Sqrt(e) -> r;Reciprocal(r) -> k;Mul(x, k) -> n;Mul(n, wc) -> y',
  'InstanceNormalization(q, wb, wh) epsilon=0.5 -> y',
  'BatchNormalization(q, wb, wh, wf3, wv) epsilon=0.5 -> y',
  'AveragePool(q) kernel_shape=[2] strides=[2] pads=[1,0] count_include_pad=1 -> y',
  'MaxPool(q) kernel_shape=[3] dilations=[2] -> y',
  'GlobalAveragePool(q) -> y',
  'TopK(q, [2]) axis=1 largest=0 -> a b;Cast(b) to=1 -> c;Add(a, c) -> y',
  // places
  'Transpose(q) perm=[2,0,1] -> y',
  'Reshape(q, [3,2,8]) -> a;Transpose(a) perm=[1,2,0] -> y',
  'Reshape(x, [-1,2,2]) -> a;Transpose(a) perm=[0,2,1] -> b;Reshape(b, [-1,4]) -> y',
  'Reshape(q, [0,-1]) -> a;Reshape(a, [4,-1]) -> b;MatMul(b, w12) -> y',
  'Flatten(q) axis=2 -> y',
  'Squeeze(p, [0]) -> a;Unsqueeze(a, [1]) -> y',
  'Expand(wb, [2,3]) -> a;MatMul(x, wa) -> b;MatMul(b, wh3) -> c;Unsqueeze(c, [1]) -> d;Expand(d, [1,2,3]) -> e;Add(e, a) -> y',
  'Tile(q, [1,2,1]) -> a;Gather(a, [0,4,2]) axis=1 -> y',
  'Concat(x, z) axis=1 -> a;Slice(a, [1], [7], [1], [2]) -> y',
  'Concat(x, z, x) axis=0 -> a;ReduceSum(a, [1]) keepdims=1 -> y',
  'Slice(q, [0,1], [2,7], [1,2], [1,3]) -> y',
  'Slice(q, [-7], [-1], [2], [2]) -> y',
  'Split(q, [3,5]) axis=2 -> a b;Neg(b) -> c;Concat(c, a) axis=2 -> y',
  'Gather(q, [2,0]) axis=1 -> a;Gather(a, [1]) axis=0 -> y',
  'Gather(wt, i) axis=0 -> a;Add(a, x) -> y',
  'Cast(x) to=7 -> a;Sub(a, a) -> b;GatherElements(x, b) axis=0 -> y',
  'GatherND(q, c) -> y',
  'Pad(q, [0,1,0,1,0,2], ws) mode=constant -> y',
  'Pad(q, [0,1,0,0,0,2]) mode=reflect -> y',
  'Shape(x) -> s;Gather(s, [0]) axis=0 -> l;Concat(l, [3]) axis=0 -> t;Expand(wb, t) -> y',
  'Shape(x) -> s;ConstantOfShape(s) -> o;Add(o, ws) -> a;Add(a, x) -> y',
  'Shape(x) -> s;Gather(s, [0]) axis=0 -> n;Squeeze(n, [0]) -> l;Range(zero, l, one) -> r;Cast(r) to=1 -> f;Unsqueeze(f, [1]) -> u;Mul(x, u) -> y',
  'MatMul(x, wa) -> a;Trilu(a) upper=0 -> y',
  'Cast(x) to=7 -> a;Sub(a, a) -> b;ScatterElements(x, b, z) axis=0 reduction=add -> y',
  "Resize(q, '', wr) mode=linear -> y",
  "Resize(q, '', '', [2,3,12]) mode=nearest -> y",
  'OneHot(i, [6], wo) axis=1 -> y',
  // blocks
  'MatMul(x, wk1) -> k;MatMul(x, wq1) -> q1;Transpose(k) perm=[1,0] -> t;MatMul(q1, t) -> s;Mul(s, ws) -> b;Softmax(b) axis=1 -> p1;MatMul(x, wv1) -> v;MatMul(p1, v) -> o;MatMul(o, wo1) -> u;Add(x, u) -> y',
  'MatMul(p, wg1) -> g;Sigmoid(g) -> s;Mul(g, s) -> h;MatMul(p, wu1) -> u;Mul(h, u) -> f;MatMul(f, wd1) -> d;Add(p, d) -> y',
];
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  wm: [1],
  wd: [6],
  wq: [5, 3, 2],
  wf: [5],
  wg: [6, 1, 2],
  we: [4],
  wh: [3],
  wf3: [3],
  wv: [3],
  w12: [12, 2],
  wh3: [3, 3],
  wr: [3],
  wo: [2],
  ...Object.fromEntries(['wk1', 'wq1', 'wv1'].map((name) => [name, [4, 3]])),
  wo1: [3, 4],
  wg1: [4, 6],
  wu1: [4, 6],
  wd1: [6, 4],
};
const FIXED: Readonly<Record<string, readonly number[]>> = { wr: [1, 1, 1.5], wv: [1.5, 0.5, 0.75], ws: [-0.5], wm: [0.75] };

/** The model of a line: weights have random numbers, and only the inputs and weights that it reads. */
function modelFrom(text: string): Model {
  const reads = new Set([...text.matchAll(/\(([^)]*)\)/g)].flatMap(([, list = '']) => list.replace(/\[[^\]]*\]/g, '').split(/[\s,]+/)));
  const shapes = Object.fromEntries(Object.entries({ ...SHAPES, ...WEIGHTS }).filter(([name]) => reads.has(name)));
  const made = modelOf(shapes, text.split(';'), 17);
  const normal = normals(7);
  const random = made.graph.initializers.map((own) =>
    own.dataType !== DataType.FLOAT
      ? own
      : tensorFromNumbers(own.name, own.dataType, own.dims, FIXED[own.name] ?? Array.from({ length: own.dims.reduce((a, b) => a * b, 1) }, normal)),
  );
  const scalars = ['zero', 'one'].flatMap((name, value) => (reads.has(name) ? [tensorFromNumbers(name, DataType.INT64, [], [value])] : []));
  const coordinates = reads.has('c') && text.includes('GatherND(q, c)') ? [tensorFromNumbers('c', DataType.INT64, [2, 2], [0, 2, 1, 1])] : [];
  return { ...made, graph: { ...made.graph, initializers: [...random, ...scalars, ...coordinates] } };
}

type Results = readonly Tensor[];

/** The outputs for two sizes of the inputs; null where the model does not run. */
async function outputsOf(model: Model): Promise<Results | null> {
  try {
    const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
    const all: Tensor[] = [];
    for (const [n, m] of [
      [3, 2],
      [5, 4],
    ] as const) {
      const normal = normals(n);
      const feeds = model.graph.inputs.map(({ name, type }) => {
        const dims = (type?.dims ?? []).map((size) => (typeof size === 'number' ? size : size === 'm' ? m : n));
        const count = dims.reduce((a, b) => a * b, 1);
        const data =
          type?.elemType === DataType.INT64
            ? new Tensor(
                'int64',
                BigInt64Array.from({ length: count }, (_, i) => BigInt((5 * i + 1) % 6)),
                dims,
              )
            : new Tensor('float32', Float32Array.from({ length: count }, normal), dims);
        return [name, data] as const;
      });
      const results = await session.run(Object.fromEntries(feeds));
      all.push(...session.outputNames.flatMap((name) => results[name] ?? []));
    }
    await session.release();
    return all;
  } catch {
    return null;
  }
}

/** Whether two results are the same but for rounding; what is no number says nothing. */
const agree = (a: Results, b: Results): boolean =>
  a.every((own, i) => {
    const other = b[i];
    if (other === undefined || own.dims.join() !== other.dims.join()) return false;
    const [x, y] = [own, other].map((tensor) => Array.from(tensor.data as ArrayLike<number | bigint>, Number));
    return (x ?? []).every((value, k) => !(Math.abs(value - (y?.[k] ?? 0)) > 1e-5 * (1 + Math.abs(value))));
  });

/** How often each line was said, of all graphs and changes. */
const said = new Map<string, number>();

/** The verdict; what is said besides is counted. */
function isProved(old: Model, now: Model): boolean {
  let result: CheckResult;
  try {
    result = checkModels(old, now);
  } catch (error) {
    if (error instanceof GrowError) return false;
    throw error;
  }
  for (const line of checkLines({ ...result, findings: result.findings.map((own) => ({ ...own, where: '' })) })) said.set(line, (said.get(line) ?? 0) + 1);
  return result.proved;
}

/** Changes of a model that are proved to compute what another one does. None of them may be a change of what is computed. */
async function provedChanges(old: Model, now: Model): Promise<readonly string[]> {
  const proved = changesOf(now).filter(({ model }) => isProved(old, model));
  const before = proved.length === 0 ? null : await outputsOf(old);
  for (const { what, model } of proved) {
    const after = await outputsOf(model);
    // what does not run is no growth
    const isWrong = before === null || (after !== null && !agree(before, after));
    expect({ what, isWrong }).toEqual({ what, isWrong: false });
  }
  return proved.map(({ what }) => what);
}

test.each(GRAPHS)('%s', async (text) => {
  const model = modelFrom(text);
  expect(isProved(model, model)).toBe(true);
  expect(await provedChanges(model, model)).toMatchSnapshot();
});

const vector = (numbers: readonly number[], added = 0.7): NonNullable<Between['weights']>[string] => ({
  dims: (width) => [width],
  at: ([i = 0]) => (i < 0 ? added : (numbers[i] ?? 0)),
});
const list = (numbers: readonly number[]): NonNullable<Between['weights']>[string] => ({ dims: () => [numbers.length], at: ([i = 0]) => numbers[i] ?? 0 });
const matrix = (rows: number): NonNullable<Between['weights']>[string] => ({
  dims: (width) => [rows, width],
  at: ([i = 0, j = 0]) => (j < 0 ? 0.3 : Math.sin(3 * i + 5 * j + 1)),
});
/** Both ways through the width: new rows are zero. */
const square = (rows = 0): NonNullable<Between['weights']>[string] => ({
  dims: (width) => [width, width],
  at: ([i = 0, j = 0]) => (i < 0 ? rows : j < 0 ? 0.3 : Math.sin(3 * i + 5 * j + 2)),
});
const gain = vector([0.4, 0.5, 0.6]);

/** Graphs over a width that grows, from `h` to `c`. */
const GROWN: readonly (readonly [string, Between['weights']?])[] = [
  ['Relu(h) -> a;Mul(a, h) -> c'],
  ['Add(h, wg) -> a;Exp(a) -> b;Neg(b) -> c', { wg: gain }],
  ['Mul(h, wg) -> a;Sub(a, wo) -> c', { wg: gain, wo: vector([0.1, -0.2, 0.3]) }],
  ['Div(h, wg) -> a;Sigmoid(a) -> b;Mul(a, b) -> c', { wg: gain }],
  ['Max(h, wg) -> a;Min(a, wl) -> c', { wg: gain, wl: vector([0.9, 0.7, 0.8]) }],
  ['Greater(h, wg) -> a;Where(a, h, wo) -> c', { wg: gain, wo: vector([0.1, -0.2, 0.3]) }],
  ['PRelu(h, wg) -> c', { wg: gain }],
  ['MatMul(x, wm) -> a;Tanh(a) -> b;Mul(h, b) -> c', { wm: matrix(4) }],
  ['MatMul(h, ws) -> c', { ws: square() }],
  ['Einsum(h, ws) equation=btk,kj->btj -> c', { ws: square() }],
  [
    'MatMul(h, ws) -> a;Transpose(a) perm=[0,2,1] -> t;MatMul(h, t) -> s;Softmax(s) axis=2 -> p;MatMul(p, h) -> c',
    {
      ws: { dims: (width) => [width, width], at: ([i = 0, j = 0]) => (i < 0 || j < 0 ? 0 : Math.sin(3 * i + 5 * j + 2)) },
    },
  ],
  ['Transpose(h) perm=[2,0,1] -> a;Slice(a, [0], [9], [2]) -> b;Transpose(b) perm=[1,2,0] -> c'],
  ['Unsqueeze(h, [2]) -> a;Expand(a, [1,1,2,1]) -> b;ReduceSum(b, [2]) keepdims=0 -> c'],
  ['Concat(h, h) axis=1 -> a;ReduceMean(a) axes=[1] keepdims=1 -> m;Add(h, m) -> c'],
  ['ReduceMax(h) axes=[1] keepdims=1 -> m;Sub(h, m) -> c'],
  ['Pad(h, [0,1,0,0,0,0]) mode=edge -> a;Slice(a, [0], [-1], [1]) -> c'],
  ['Gather(h, [0]) axis=1 -> a;Add(h, a) -> c'],
  ['Softmax(h) axis=1 -> c'],
  ['CumSum(h, [1]) exclusive=1 -> c'],
  [
    'Transpose(h) perm=[0,2,1] -> t;Conv(t, wk) kernel_shape=[2] pads=[1,0] -> u;Transpose(u) perm=[0,2,1] -> c',
    {
      wk: { dims: (width) => [width, width, 2], at: ([i = 0, j = 0, k = 0]) => (j < 0 ? 0 : i < 0 ? 0.4 : Math.sin(i + 3 * j + 5 * k)) },
    },
  ],
  ['Transpose(h) perm=[0,2,1] -> t;AveragePool(t) kernel_shape=[2] pads=[1,0] -> u;Transpose(u) perm=[0,2,1] -> c'],
  [
    'Transpose(h) perm=[0,2,1] -> t;BatchNormalization(t, wg, wo, wm, wv) epsilon=0.5 -> u;Transpose(u) perm=[0,2,1] -> c',
    {
      wg: gain,
      wo: vector([0.1, 0.2, 0.3]),
      wm: vector([0.3, 0.1, -0.2]),
      wv: vector([1.3, 0.9, 0.7]),
    },
  ],
  ["Transpose(h) perm=[0,2,1] -> t;Resize(t, '', wr) mode=linear -> u;Transpose(u) perm=[0,2,1] -> v;Slice(v, [0], [-1], [1]) -> c", { wr: list([1, 1, 2]) }],
];

const between = (lines: string, weights?: Between['weights']): Between => ({ lines: () => lines.split(';'), ...(weights && { weights }) });

test.each(GROWN.map(([lines, weights]) => [lines, weights] as const))('a width of %s', async (lines, weights) => {
  const own = between(lines, weights);
  expect(checkModels(original(own), widened(own, PLACES)).findings).toEqual([]);
  expect(await provedChanges(original(own), widened(own, PLACES))).toMatchSnapshot();
  expect(isProved(original(own), widened(own, PLACES, 0.1))).toBe(false);
});

test.each(GROWN.map(([lines, weights]) => [lines, weights] as const))('new elements that are zero on both sides of %s', async (lines, weights) => {
  const own = between(lines, weights);
  expect(checkLines(checkModels(original(own), widened(own, PLACES, 0, 0)))).toMatchSnapshot();
});

test('all that was said of them', () => {
  const lines = [...said].sort(([a], [b]) => (a < b ? -1 : 1)).map(([line, count]) => `${count} × ${line}`);
  expect(lines.join('\n')).toMatchSnapshot();
});
