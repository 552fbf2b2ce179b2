/**
 * Values that may hold minus infinity, as masks do. Two things make no numbers of it: zero times such a value, and an attention all
 * of whose scores are masked.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import { type Constant, storedConstant } from './elements.ts';
import { isFloatType } from './numbers.ts';
import { isConstant, type Value } from './value.ts';

/** A constant with elements that are infinite, or may count as such. */
export type IsInfinite = (constant: Constant) => boolean;

/** A constant with elements that are no finite numbers. */
export const isNotFinite: IsInfinite = (constant) => constant.largest() === Infinity;

/** Numbers a few of which make infinity together: masks are written as the lowest number of a type, too. */
export const isNearInfinity: IsInfinite = (constant) =>
  isFloatType(constant.dtype) && constant.largest() >= (constant.dtype === DataType.FLOAT16 ? LARGE_HALF : LARGE);
const [LARGE, LARGE_HALF] = [1e30, 1e4];

/** Whether a value is a constant of which something holds. */
export const isConstantThat = (holds: IsInfinite, value: Value | null | undefined): boolean =>
  value != null && isConstant(value) && value.ref.base.constant !== null && holds(value.ref.base.constant);

/** A value that is filled with a number of which something holds. */
export const isFilled = ({ node }: FlatNode, isInfinite: IsInfinite): boolean =>
  node.attributes.some((own) => {
    const constant = own.kind === 'tensor' ? storedConstant(own.value) : null;
    return constant !== null && isInfinite(constant);
  });

/** Operators in which masks of minus infinity meet other values; weights of products are compared element by element. */
const MASKS = new Set(['Add', 'Sub', 'Mul', 'Div', 'Where', 'Max', 'Min', 'Concat', 'Expand', 'Slice', 'Gather', 'Cast', 'Pad', 'Trilu', 'Sum', 'If']);

/** Operators that make finite numbers of minus infinity, as long as not all that they are computed of is. */
export const CLOSES: ReadonlySet<string> = new Set([
  ...['Softmax', 'Exp', 'Sigmoid', 'Tanh', 'Relu', 'Attention'],
  ...['com.microsoft.Attention', 'com.microsoft.MultiHeadAttention', 'com.microsoft.GroupQueryAttention'],
]);
/** Operators whose results are never infinite. */
export const NEVER_OPEN: ReadonlySet<string> = new Set(['Shape', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'IsNaN', 'IsInf', 'Not']);

/** Whether the results of a node may be infinite; `isOpen` says so of its operands that are computed. */
export const leavesOpen = (
  node: FlatNode,
  operands: readonly (Value | null | undefined)[],
  isOpen: (name: string) => boolean,
  isInfinite: IsInfinite = isNotFinite,
): boolean =>
  isFilled(node, isInfinite) ||
  (!CLOSES.has(node.op) &&
    !NEVER_OPEN.has(node.op) &&
    (node.inputs.some(isOpen) || (MASKS.has(node.op) && operands.some((value) => isConstantThat(isInfinite, value)))));
