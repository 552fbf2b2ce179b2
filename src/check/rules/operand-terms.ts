/** Operands of an operator that is compared as a whole. */
import { ruleOf } from '../../analysis/op-rules.ts';
import { attributesOf } from '../../analysis/relation.ts';
import type { Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import type { Site } from '../context.ts';
import type { Scaled } from '../term.ts';
import { type Related, scaledOf, type Zero } from '../value.ts';
import { viewSizes } from '../view.ts';

/** An operand; null for a missing one. */
export type Operand = Related | Zero | null;

/** Operands that are known. */
export const operandsOf = (site: Site): readonly Operand[] => site.operands.map((own) => (own === null || own.kind === 'free' ? null : own));

/** An operand of a term; zeros have the given sizes. */
export function termOf({ ctx }: Site, own: Operand, sizes: readonly Size[] = own?.kind === 'zero' ? own.sizes : []): Scaled {
  if (own === null) return plain(ctx.terms, 'none', '', [], []);
  // zero at all old places is one thing, whatever stands at new ones
  const isZero = own.kind === 'zero' || own.ref.base.op === '0';
  return isZero ? plain(ctx.terms, '0', '', [], own.kind === 'zero' ? sizes : viewSizes(own.ref.view)) : scaledOf(own);
}

/** Operators that only pick, move or weigh the elements of operand 0. Those that divide by them are not among them. */
export const PICK = new Set(['Trilu', 'CumSum', 'ReverseSequence', 'AveragePool', 'MaxPool', 'GlobalMaxPool', 'Resize', 'Upsample']);

/** Operands whose elements the result is made of: where all of them are zero, it is. */
export function valueInputs({ node }: Site): readonly number[] {
  if (node.op === 'TensorScatter') return [0, 1];
  // beyond the edge lies a number of its own
  if (attributesOf(node).text('coordinate_transformation_mode', '') === 'tf_crop_and_resize') return [];
  const zero = ruleOf(node.op)?.zero;
  return zero === 'table' || PICK.has(node.op) ? [0] : zero === 'scattered' ? [0, 2] : [];
}
