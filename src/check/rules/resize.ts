/** Resize and Upsample: which dimensions they leave as they are, and what they make the others. */
import { attributesOf } from '../../analysis/relation.ts';
import { equal, keyOf, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import type { Site } from '../context.ts';
import type { Scaled } from '../term.ts';

/** Operands of Resize since opset 11. */
const [SCALES, SIZES] = [2, 3];

const isLate = ({ node }: Site): boolean => node.op === 'Resize' && node.inputs.length > 2;

/** True for a dimension that is left as it is for sure: by a factor of 1, or by the size that it has. */
export function keepsSize(site: Site, d: number): boolean {
  const { facts, node } = site;
  const { text, ints } = attributesOf(node);
  const number = (input: number): Size | null | undefined => facts.elements(node.inputs[input] ?? '')?.[d]?.value;
  const [sizes, scales] = isLate(site) ? [number(SIZES), number(SCALES)] : [undefined, number(1) ?? ints('scales')?.[d]];
  if (text('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize' || ints('axes') !== undefined) return false;
  if (text('keep_aspect_ratio_policy', 'stretch') !== 'stretch') return false;
  if (sizes != null) return equal(sizes, facts.values.get(node.inputs[0] ?? '')?.dims?.[d] ?? 0);
  return scales === 1;
}

/**
 * The sizes that operand `input` of a Resize asks for, as a term. A dimension that keeps its size is handed on whatever that is, and the
 * others are interpolated from their own size to the new one; null for other operands and where sizes are not known.
 */
export function resizedTo(site: Site, input: number): Scaled | null {
  const { facts, node, ctx } = site;
  const sizes = facts.elements(node.inputs[SIZES] ?? '')?.map((own) => own.value);
  if (!isLate(site) || input !== SIZES || sizes === undefined || !site.isCertain(SIZES) || sizes.some((size) => size === null)) return null;
  const texts = (sizes as readonly Size[]).map((size, d) => (keepsSize(site, d) ? '=' : keyOf(size)));
  return plain(ctx.terms, 'sizes', texts.join(','), [], []);
}
