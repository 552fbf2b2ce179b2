/** Which rule proves which operator; what has no line is proved where nothing grows, or along dimensions that it leaves apart. */
import { ruleOf } from '../../analysis/op-rules.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import type { Rule } from '../context.ts';
import { attention } from './attention.ts';
import { pick, slice, split } from './cuts.ts';
import { general } from './general.ts';
import { choice, concat, filled, lookUp, pad } from './joins.ts';
import { pointwise } from './pointwise.ts';
import { product } from './product.ts';
import { dequantise, dynamicQuantise, quantise } from './quantise.ts';
import { reduce } from './reduce.ts';
import { expand, reorder, reshape, tile } from './views.ts';

const RULES: Readonly<Record<string, Rule>> = {
  MatMul: product,
  Einsum: product,
  Conv: product,
  ReduceSum: reduce,
  ReduceMean: reduce,
  ReduceSumSquare: reduce,
  ReduceL2: reduce,
  ReduceL1: reduce,
  ReduceMax: reduce,
  ReduceMin: reduce,
  ReduceProd: reduce,
  Transpose: reorder,
  Squeeze: reorder,
  Unsqueeze: reorder,
  Reshape: reshape,
  Flatten: reshape,
  Expand: expand,
  Tile: tile,
  Slice: slice,
  Split: split,
  Concat: concat,
  Pad: pad,
  ConstantOfShape: filled,
  Gather: (site) => (site.relation.kind === 'gather' ? pick(site) : lookUp(site)),
  // constant coordinates cut a dimension, or list all elements in their order
  GatherND: (site) => (site.relation.kind === 'gather' ? pick(site) : site.relation.kind === 'reshape' ? reshape(site) : general(site)),
  If: choice,
  QuantizeLinear: quantise,
  DynamicQuantizeLinear: dynamicQuantise,
  DequantizeLinear: dequantise,
  TensorScatter: general,
  Attention: attention,
  RotaryEmbedding: attention,
  'com.microsoft.Attention': attention,
  'com.microsoft.MultiHeadAttention': attention,
  'com.microsoft.GroupQueryAttention': attention,
  'com.microsoft.RotaryEmbedding': attention,
};

/** Operators of the op table that work element by element. */
const POINTWISE = new Set(['all', 'any', 'first', 'branches']);
const BY_ELEMENT = new Set([
  'Relu',
  'Neg',
  'Abs',
  'Sqrt',
  'Floor',
  'Ceil',
  'Round',
  'Sign',
  'Tanh',
  'Erf',
  'Gelu',
  'Sin',
  'Tan',
  'Atan',
  'Asin',
  'Asinh',
  'Sinh',
  'Atanh',
  'LeakyRelu',
  'Elu',
  'Selu',
  'Celu',
  'Softsign',
  'Mish',
  'HardSwish',
  'Swish',
  'ThresholdedRelu',
  'Shrink',
  'Log',
  'Reciprocal',
  'And',
  'Or',
  'Xor',
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'Cast',
  'com.microsoft.QuickGelu',
]);

/** The rule for a node. */
export function ruleFor(node: FlatNode): Rule {
  const own = RULES[node.op];
  if (own !== undefined) return own;
  const zero = ruleOf(node.op)?.zero;
  return BY_ELEMENT.has(node.op) || (zero !== undefined && POINTWISE.has(zero)) ? pointwise : general;
}
