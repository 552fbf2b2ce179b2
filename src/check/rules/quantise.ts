/** Operators that round activations: on a scale that is given, that all of them decide, or that those of a block decide. */
import { attributesOf } from '../../analysis/relation.ts';
import { plain } from '../algebra.ts';
import type { Rule } from '../context.ts';
import { BLOCK, SPELLED, STEPS } from '../desugar-quantised.ts';
import { countOther, type Dim, dimText, flat, isSame, isZeroBesideOld, Kind, kindAt, mapKinds, oldAt, oldSize } from '../dim.ts';
import { unproved } from '../findings.ts';
import { exactly, free, related, scaledOf, type Value, zeros } from '../value.ts';
import { general } from './general.ts';
import { pointwise } from './pointwise.ts';

/** QuantizeLinear: element by element where it is spelled out, see desugar-quantised.ts. */
export const quantise: Rule = (site) => (attributesOf(site.node).ints(STEPS) === undefined ? general(site) : pointwise(site));

/** DequantizeLinear: a product where it is spelled out; else numbers with a zero point, whose zero is not 0. */
export const dequantise: Rule = (site) => (attributesOf(site.node).int(SPELLED, 0) === 0 ? general(site) : pointwise(site));

/** DynamicQuantizeLinear, after it was spelled out: scale and zero point of all elements, or elements rounded in blocks. */
export const dynamicQuantise: Rule = (site) => {
  const block = attributesOf(site.node).int(BLOCK, 0);
  if (block > 0) return inBlocks(site, block);
  if (site.node.outputs[0] !== '') return general(site);
  return rangeOf(site);
};

/**
 * Scale and zero point are functions of max(0, x) and min(0, x) over all elements, so new ones that are zero change neither. Zeros beside old
 * elements are not enough: elsewhere there may be anything.
 */
const rangeOf: Rule = (site) => {
  const [x] = site.operands;
  if (x == null || x.kind === 'free') return site.sizes.map(() => free());
  if (x.kind === 'zero') return site.sizes.map(() => free(unproved(site.where, `${site.node.op}: of zeros only`)));
  const open = x.dims.reduce((sum, dim) => sum + countOther(dim, Kind.ZERO), 0);
  if (open > 0) return site.sizes.map(() => free(unproved(site.where, `${site.node.op}: takes its scale also from ${open} new elements that are not zero`)));
  return site.sizes.map((_, o): Value => exactly(plain(site.ctx.terms, 'DynamicQuantizeLinear', `#${o}`, [scaledOf(x)], [])));
};

/**
 * Elements rounded in blocks of the last dimension, each on a scale that the largest of the block decides. Old elements stay as they were
 * where the old ones of a block are those of one old block and all others of it are zero; zero stays zero.
 */
const inBlocks = (site: Parameters<Rule>[0], block: number): readonly Value[] => {
  const [x] = site.operands;
  const [sizes = null] = site.sizes;
  if (x == null || sizes === null || x.kind === 'free') return [free()];
  if (x.kind === 'zero') return [zeros(sizes)];
  const last = x.dims.at(-1) ?? [];
  if (!keepsBlocks(last, block))
    return [free(unproved(site.where, `${site.node.op}: new elements share quantised blocks of ${block} with old ones (${dimText(last)})`))];
  const dims = x.dims.map((dim) => mapKinds(dim, (kind) => (isZeroBesideOld(kind) ? kind : Kind.ANY)));
  const own = plain(site.ctx.terms, 'RoundedInBlocks', String(block), [scaledOf(x)], dims.map(oldSize));
  return [related(own, dims)];
};

function keepsBlocks(dim: Dim, block: number): boolean {
  const atom = flat(dim);
  if (atom?.map == null) return isSame(dim);
  const places = [...atom.map.at.keys()];
  const blockOf = (old: number): number => Math.floor(old / block);
  return places.every((start) => {
    if (start % block > 0) return true;
    const own = places.slice(start, start + block);
    const olds = own.map((i) => oldAt(atom, i)).filter((old) => old >= 0);
    const [first] = olds;
    if (first === undefined) return true;
    const whole = Math.min(block, atom.map.old - blockOf(first) * block);
    return (
      olds.length === whole && olds.every((old) => blockOf(old) === blockOf(first)) && own.every((i) => oldAt(atom, i) >= 0 || isZeroBesideOld(kindAt(atom, i)))
    );
  });
}
