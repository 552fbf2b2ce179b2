/**
 * THE TABLE: what onnx-grow knows of every operator, one line each.
 *
 * A rule says how dimensions belong together (`relate`), what makes a result zero (`zero`), what a small result's
 * elements are (`compute`) and its element type. Shapes, axes, anatomy and growth are readers of this table.
 *
 * Sources: https://onnx.ai/onnx/operators/ and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import type { FlatNode } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import {
  castElements,
  choose,
  clip,
  clipRelation,
  comparison,
  isAtLeast,
  isAtMost,
  isEqual,
  isGreater,
  isLess,
  larger,
  logical,
  pointwise,
  powRelation,
  quotient,
  real,
  remainder,
  roundHalfEven,
  smaller,
  unary,
} from './elementwise-rules.ts';
import { FUSED_RULES } from './fused-rules.ts';
import {
  constantOfShape,
  constantOfShapeSizes,
  dataDependent,
  filled,
  join,
  nonZero,
  rangeLength,
  shape,
  tensorAttribute,
  tensorValue,
} from './making-rules.ts';
import { gatheredElements, joinedElements, moved, NOTHING, paddedElements, slicedElements, transposedElements } from './moved-elements.ts';
import type { OpRule } from './op-rule.ts';
import { arg, einsum, gemm, matmul, norm, reduction, softmax } from './product-rules.ts';
import { QUANTISED_RULES } from './quantised-rules.ts';
import { RARE_RULES } from './rare-rules.ts';
import { at, likeInput, range, type Site, sizesOf } from './relation.ts';
import { add, hint, isStatic, multiply, product, subtract } from './size.ts';
import {
  concat,
  expand,
  flattenTo2d,
  gather,
  gatherElements,
  gatherNd,
  pad,
  reshape,
  scatterElements,
  scatterNd,
  slice,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from './view-rules.ts';
import { convolution, globalPool, pool, resize } from './window-rules.ts';

const KEEP: OpRule = unary('keeps');
const NEVER: OpRule = unary('never');

const indicesSecond = (site: Site, output: number): number => (output === 0 ? site.dtype(0) : DataType.INT64);

const RULES: Readonly<Record<string, OpRule>> = {
  // element by element, f(0) = 0
  Relu: unary(
    'keeps',
    real('relu', (x) => Math.max(x, 0)),
  ),
  Neg: unary('keeps', ([a = 0]) => multiply(a, -1)),
  Abs: unary('keeps', real('abs', Math.abs)),
  Sqrt: unary('keeps', real('sqrt', Math.sqrt)),
  Floor: unary('keeps', real('floor', Math.floor)),
  Ceil: unary('keeps', real('ceil', Math.ceil)),
  Round: unary('keeps', real('round', roundHalfEven)),
  Sign: unary('keeps', real('sign', Math.sign)),
  Identity: { ...unary('keeps'), compute: (site) => site.elements(0) },
  Cast: { ...unary('keeps'), compute: castElements, dtype: (site) => site.int('to', DataType.FLOAT) },
  CastLike: { ...unary('keeps'), compute: (site) => site.elements(0), dtype: (site) => site.dtype(1) },
  Tanh: KEEP,
  Erf: KEEP,
  Gelu: KEEP,
  Sin: KEEP,
  Tan: KEEP,
  Atan: KEEP,
  Asin: KEEP,
  Asinh: KEEP,
  Sinh: KEEP,
  LeakyRelu: KEEP,
  Elu: KEEP,
  Selu: KEEP,
  Celu: KEEP,
  Softsign: KEEP,
  Mish: KEEP,
  HardSwish: KEEP,
  Swish: KEEP,
  ThresholdedRelu: KEEP,
  // zero lies beyond a negative bound
  Shrink: { ...KEEP, relate: (site) => ({ ...likeInput(site), ...(site.int('lambd', 0.5) < 0 && { neverZero: true }) }) },
  Trilu: KEEP,
  Dropout: { ...KEEP, dtype: (site, output) => (output === 0 ? site.dtype(0) : DataType.BOOL) },
  BitwiseNot: NEVER,
  PRelu: pointwise('first'),
  Clip: { relate: clipRelation, zero: 'first', compute: clip, ofOneType: 'all' },
  // element by element, f(0) ≠ 0
  Exp: unary('never', real('exp', Math.exp)),
  Log: unary('never', real('log', Math.log)),
  Sigmoid: NEVER,
  Softplus: NEVER,
  HardSigmoid: NEVER,
  Cos: NEVER,
  Cosh: NEVER,
  Acos: NEVER,
  Acosh: NEVER,
  Atanh: KEEP,
  Reciprocal: unary(
    'never',
    real('reciprocal', (x) => 1 / x),
  ),
  Not: unary(
    'never',
    logical('not', (a) => !a),
  ),
  IsNaN: { ...NEVER, dtype: () => DataType.BOOL },
  IsInf: { ...NEVER, dtype: () => DataType.BOOL },
  // two and more operands
  Add: pointwise('all', ([a = 0, b = 0]) => add(a, b)),
  Sub: pointwise('all', ([a = 0, b = 0]) => subtract(a, b)),
  Sum: pointwise('all'),
  Mean: pointwise('all'),
  Max: pointwise('all', larger),
  Min: pointwise('all', smaller),
  Mul: pointwise('any', ([a = 0, b = 0]) => multiply(a, b)),
  Div: pointwise('first', quotient),
  Mod: pointwise('first', undefined, { compute: remainder }),
  Pow: pointwise(
    'first',
    real('pow', (a, b) => a ** b),
    { relate: powRelation, ofOneType: [] },
  ),
  And: comparison(logical('both', (a, b) => a === true && b === true)),
  Or: comparison(logical('either', (a, b) => a === true || b === true)),
  Xor: comparison(),
  Equal: comparison(isEqual),
  Less: comparison(isLess),
  LessOrEqual: comparison(isAtMost),
  Greater: comparison(isGreater),
  GreaterOrEqual: comparison(isAtLeast),
  BitwiseAnd: pointwise('never'),
  BitwiseOr: pointwise('never'),
  BitwiseXor: pointwise('never'),
  BitShift: pointwise('first'),
  Where: pointwise('branches', choose, { dtype: (site) => site.dtype(1), ofOneType: [1, 2] }),
  // sums of products
  MatMul: { relate: (site) => matmul(site), zero: 'product', ofOneType: 'all' },
  Gemm: { relate: gemm, zero: 'product', ofOneType: 'all' },
  Einsum: { relate: einsum, zero: 'product', ofOneType: 'all' },
  Conv: { relate: convolution, zero: 'product', ofOneType: 'all' },
  // reductions
  ReduceMean: reduction('keeps'),
  ReduceSum: reduction('keeps', 13, (values) => values.reduce(add, 0)),
  ReduceProd: reduction('never', 18, product),
  ReduceMax: reduction('keeps', 18, (values, exact) => larger(values, false, exact) ?? 0),
  ReduceMin: reduction('keeps', 18, (values, exact) => smaller(values, false, exact) ?? 0),
  ReduceL1: reduction('keeps'),
  ReduceL2: reduction('keeps'),
  ReduceSumSquare: reduction('keeps'),
  ReduceLogSum: reduction('never'),
  ReduceLogSumExp: reduction('never'),
  ArgMax: arg,
  ArgMin: arg,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  CumSum: { relate: (site) => likeInput(site, [`d${at((site.elements(1)?.[0]?.value as number) ?? 0, site.dims(0).length)}`]), zero: 'keeps', mixing: 'sum' },
  LpNormalization: { relate: (site) => likeInput(site, [`d${at(site.int('axis', -1), site.dims(0).length)}`]), zero: 'keeps', mixing: 'norm' },
  LayerNormalization: { relate: norm, zero: 'never', gains: [1] },
  RMSNormalization: { relate: norm, zero: 'keeps', gains: [1] },
  SimplifiedLayerNormalization: { relate: norm, zero: 'keeps', gains: [1] },
  BatchNormalization: {
    relate: (site) => {
      const labels = [
        'n',
        'c',
        ...site
          .dims(0)
          .slice(2)
          .map((_, i) => `s${i}`),
      ].slice(0, site.dims(0).length);
      return { kind: 'labels', inputs: [labels, ['c'], ['c'], ['c'], ['c']], outputs: [labels] };
    },
    zero: 'never',
    gains: [1, 4],
  },
  InstanceNormalization: {
    relate: (site) => ({ ...likeInput(site, range(site.dims(0).length).slice(2)), inputs: [range(site.dims(0).length), ['d1'], ['d1']] }),
    zero: 'never',
    gains: [1],
  },
  GroupNormalization: { relate: (site) => likeInput(site, range(site.dims(0).length).slice(1)), zero: 'never' },
  LRN: { relate: (site) => likeInput(site, ['d1']), zero: 'keeps' },
  // windows
  AveragePool: pool('keeps'),
  MaxPool: { ...pool('keeps'), dtype: indicesSecond },
  GlobalAveragePool: globalPool('keeps'),
  GlobalMaxPool: globalPool('keeps'),
  Resize: resize,
  Upsample: resize,
  // moving elements
  Reshape: { relate: reshape, zero: 'moved', compute: moved },
  Flatten: { relate: flattenTo2d, zero: 'moved', compute: moved },
  Transpose: { relate: transpose, zero: 'moved', compute: transposedElements },
  Squeeze: { relate: squeeze, zero: 'moved', compute: moved },
  Unsqueeze: { relate: unsqueeze, zero: 'moved', compute: moved },
  Expand: {
    relate: expand,
    zero: 'moved',
    compute: (site) => {
      const elements = site.elements(0);
      const to = sizesOf(site, 1);
      if (elements?.length !== 1 || to.length !== 1) return elements !== null && to.length === 0 ? elements : null;
      const [size = 1] = to;
      // of none there are none
      return isStatic(size) && size >= 0 ? Array.from({ length: size }, () => elements[0] ?? NOTHING) : null;
    },
  },
  Concat: { relate: concat, zero: 'moved', compute: joinedElements, ofOneType: 'all' },
  Split: { relate: split, zero: 'moved' },
  Slice: { relate: slice, zero: 'moved', compute: slicedElements },
  Gather: { relate: gather, zero: 'table', compute: gatheredElements },
  GatherElements: { relate: gatherElements, zero: 'table' },
  GatherND: { relate: gatherNd, zero: 'table' },
  ScatterND: { relate: scatterNd, zero: 'scattered', ofOneType: [0, 2] },
  ScatterElements: { relate: scatterElements, zero: 'scattered', ofOneType: [0, 2] },
  Pad: { relate: pad, zero: 'moved', compute: paddedElements, ofOneType: [0, 2] },
  Tile: { relate: tile, zero: 'moved' },
  // making tensors
  Shape: shape,
  Size: { relate: () => filled([]), zero: 'never', dtype: () => DataType.INT64, compute: (site) => [{ value: product(site.dims(0)), fromShape: true }] },
  ConstantOfShape: {
    relate: constantOfShape,
    zero: 'never',
    dtype: (site) => tensorAttribute(site)?.dataType ?? DataType.FLOAT,
    compute: (site) => {
      const count = hint(product(constantOfShapeSizes(site)));
      return constantOfShapeSizes(site).every(isStatic) && count <= 64
        ? Array.from({ length: count }, () => ({ value: tensorValue(site), fromShape: false }))
        : null;
    },
  },
  Range: {
    relate: rangeLength,
    zero: 'never',
    compute: (site) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => site.elements(i)?.[0]);
      if (![start, limit, delta].every((e) => e !== undefined && typeof e.value === 'number')) return null;
      const [from, to, by] = [start?.value as number, limit?.value as number, delta?.value as number];
      const count = Math.max(0, Math.ceil((to - from) / by));
      return count > 64 ? null : Array.from({ length: count }, (_, i) => ({ value: from + i * by, fromShape: limit?.fromShape === true }));
    },
  },
  NonZero: nonZero,
  Unique: { ...dataDependent(() => 1), dtype: (site, output) => (output === 0 ? site.dtype(0) : DataType.INT64) },
  NonMaxSuppression: dataDependent(() => 2),
  OneHot: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', -1), labels.length + 1);
      const depth = site.elements(1)?.[0]?.value ?? site.fresh('depth', 4);
      return {
        kind: 'labels',
        inputs: [labels, null, null],
        outputs: [[...labels.slice(0, axis), 'depth', ...labels.slice(axis)]],
        sizes: new Map([['depth', depth]]),
      };
    },
    zero: 'never',
    dtype: (site) => site.dtype(2),
  },
  EyeLike: { ...NEVER, dtype: (site) => site.int('dtype', site.dtype(0)) },
  RandomNormalLike: unary('never'),
  RandomUniformLike: unary('never'),
  Bernoulli: unary('never'),
  TopK: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', -1), labels.length);
      const k = site.has(1) ? (site.elements(1)?.[0]?.value ?? site.fresh('topk', 2)) : site.int('k', 1);
      const out = labels.map((label, d) => (d === axis ? 'k' : label));
      return { kind: 'labels', inputs: [labels, null], outputs: [out, out], sizes: new Map([['k', k]]), mixes: [`d${axis}`] };
    },
    zero: 'never',
    dtype: indicesSecond,
  },
  If: { relate: join, zero: 'moved', dtype: (site, output) => site.dtype(1 + output) },
  ...RARE_RULES,
  ...FUSED_RULES,
  ...QUANTISED_RULES,
};

const TABLE = new Map(Object.entries(RULES));

/** What is known of an operator; undefined when nothing is. */
export const ruleOf = (op: string): OpRule | undefined => TABLE.get(op);

/** The operands that a sum of products multiplies. */
export const factorInputs = (node: FlatNode): readonly [number, number] => ruleOf(node.op)?.factors ?? [0, 1];
