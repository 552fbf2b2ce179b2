/** Which rule proves which operator; what has no line is proved where nothing grows, or along dimensions that it leaves apart. */
import type { Zero } from '../../analysis/op-rule.ts';
import { ruleOf } from '../../analysis/op-rules.ts';
import type { Rule, Site } from '../context.ts';
import { isRandom } from '../randomness.ts';
import { attention } from './attention.ts';
import { pick, slice, split } from './cuts.ts';
import { general } from './general.ts';
import { choice, concat, filled, lookUp, pad } from './joins.ts';
import { PICK } from './operand-terms.ts';
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

/** Operators of the op table that work element by element: by what it says of zeros, and those of which zeros become something else. */
const POINTWISE = new Set(['all', 'any', 'first', 'branches']);
const OF_ELEMENTS = new Set(['Log', 'Reciprocal', 'And', 'Or', 'Xor', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual']);

/** True where the op table says that each element is a function of the one operand's element, with f(0) = 0; where it stands counts for some others. */
const isFunction = ({ node, relation, operands, facts }: Site, zero: Zero | undefined): boolean =>
  zero === 'keeps' &&
  operands.length === 1 &&
  node.outputs.length === 1 &&
  !PICK.has(node.op) &&
  relation.kind === 'labels' &&
  relation.mixes?.length === 0 &&
  !isRandom(node, facts);

/** The rule for a node. */
export function ruleFor(site: Site): Rule {
  const { op } = site.node;
  const zero = ruleOf(op)?.zero;
  const isPointwise = OF_ELEMENTS.has(op) || isFunction(site, zero) || (zero !== undefined && POINTWISE.has(zero));
  return RULES[op] ?? (isPointwise ? pointwise : general);
}
