/** What a row of the op table says. */

import { DataType, type Packing, type Tensor } from '../onnx/ir.ts';
import type { Element, Relation, Site } from './relation.ts';

/**
 * When a result element is certainly zero, given which operand elements are:
 * `keeps` operand 0 is zero · `all` all are · `any` one of them is · `first` operand 0 is, whatever the rest is ·
 * `branches` both values of a Where are · `product` a sum of products, zero when one side is · `table` the gathered table
 * is · `scattered` data and updates are · `moved` elements are only moved · `never` not to be had.
 */
export type Zero = 'keeps' | 'all' | 'any' | 'first' | 'branches' | 'product' | 'table' | 'scattered' | 'moved' | 'never';

/** An operand of quantised numbers q that stand for (q − point) · scale, and the operands that hold scale and point. */
export interface Quantised {
  readonly operand: number;
  /** null where the scale is multiplied with elsewhere. */
  readonly scale: number | null;
  readonly point: number;
  /** The point when there is no such operand, by the type the numbers are stored in; default 0. */
  readonly otherwise?: (site: Pick<Site, 'int'>, stored: number) => number;
}

/** What is known of one operator. */
export interface OpRule {
  readonly relate: (site: Site) => Relation;
  readonly zero: Zero;
  /** Elements of the first output; null when not known. Only called while all operands are small. */
  readonly compute?: (site: Site) => readonly Element[] | null;
  /** Element type of a result; default that of input 0. */
  readonly dtype?: (site: Site, output: number) => number;
  /**
   * Along an axis that it mixes the operator leaves zeros zero: it adds up what stands in front of each (`sum`), or divides by the norm of
   * all (`norm`), which is zero along an axis that has zeros only.
   */
  readonly mixing?: 'sum' | 'norm';
  /** Operands that must have one element type: all of them, or those listed. */
  readonly ofOneType?: 'all' | readonly number[];
  /** Operands that multiply activations; their new elements default to the mean of the old ones. */
  readonly gains?: readonly number[];
  /** `product`: the operands that are multiplied; default 0 and 1. */
  readonly factors?: readonly [number, number];
  /** Operands of quantised numbers. What stands for zero in them is their zero point, in the rule's `zero` too. */
  readonly quantised?: readonly Quantised[];
  /** Operand 0 becomes quantised numbers: the first result is zero, and then its zero point, where operand 0 is. */
  readonly quantises?: boolean;
  /** How a constant operand packs its elements, where its type and shape do not say it. */
  readonly packing?: (site: Pick<Site, 'int' | 'text'>, input: number, tensor: Tensor) => Packing | null;
}

/** True for element types with a fraction. */
export const isFloat = (dtype: number): boolean =>
  dtype === DataType.FLOAT || dtype === DataType.FLOAT16 || dtype === DataType.DOUBLE || dtype === DataType.BFLOAT16;
