/** What a row of the op table says. */

import { DataType } from '../onnx/ir.ts';
import type { Element, Relation, Site } from './relation.ts';

/**
 * When a result element is certainly zero, given which operand elements are:
 * `keeps` operand 0 is zero · `all` all are · `any` one of them is · `first` operand 0 is, whatever the rest is ·
 * `branches` both values of a Where are · `product` a sum of products, zero when one side is · `table` the gathered table
 * is · `moved` elements are only moved · `never` not to be had.
 */
export type Zero = 'keeps' | 'all' | 'any' | 'first' | 'branches' | 'product' | 'table' | 'moved' | 'never';

/** What is known of one operator. */
export interface OpRule {
  readonly relate: (site: Site) => Relation;
  readonly zero: Zero;
  /** Elements of the first output; null when not known. Only called while all operands are small. */
  readonly compute?: (site: Site) => readonly Element[] | null;
  /** Element type of the results; default that of input 0. */
  readonly dtype?: (site: Site) => number;
  /** Operands that multiply activations; their new elements default to the mean of the old ones. */
  readonly gains?: readonly number[];
}

/** True for element types with a fraction. */
export const isFloat = (dtype: number): boolean =>
  dtype === DataType.FLOAT || dtype === DataType.FLOAT16 || dtype === DataType.DOUBLE || dtype === DataType.BFLOAT16;
