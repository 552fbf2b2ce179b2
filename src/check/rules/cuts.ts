/** Operators that take some indices of a dimension: Slice, Split, Gather of constant indices. */
import type { View } from '../../analysis/relation.ts';
import { add, equal, isStatic, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import type { Rule, Site } from '../context.ts';
import { selected, uncut } from '../cut-parts.ts';
import { type Dim, dimText, flat, indexMap, isSame, Kind, kindAt, MOST_MAPPED, mappedDim, newSize, oldAt, oldSize, sameDim, withoutMeans } from '../dim.ts';
import { tableOf } from '../operand.ts';
import { times } from '../scale.ts';
import { isWhole, type Ref, refOf, type Scaled, scaled, viewed } from '../term.ts';
import { free, isExact, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { permuted, ranged, viewSizes } from '../view.ts';
import { missing, moving } from './views.ts';

/** Some indices of a dimension of known size, in the given order; null when that is no view and no term of the old graph. */
export function picked(site: Site, x: Related, dim: number, indices: readonly number[]): Value {
  const atom = flat(x.dims[dim] ?? []);
  if (atom === null || !isStatic(atom.size)) return missing(site, 'cuts a dimension whose size depends on the input');
  const olds = indices.map((i) => oldAt(atom, i));
  const isOld = (old: number): boolean => old >= 0;
  // a mean of a line is none of a part of the line
  const isWholeLine = equal(new Set(olds.filter(isOld)).size, atom.old);
  const kindOf = (kind: number): number => (isWholeLine ? kind : withoutMeans(kind));
  // an old element that is taken once more is a new one
  const kinds = Uint8Array.from(indices, (i, k) => (isOld(olds[k] ?? 0) ? Kind.ANY : kindOf(kindAt(atom, i))));
  // zeros get the sizes of the result, see `moving`
  if (!olds.some(isOld)) return kinds.every((kind) => kind === Kind.ZERO) ? zeros([]) : free();
  const kept = site.isNew ? keptOf(site, x, dim, olds) : olds;
  const whole = kept.filter(isOld);
  const [first = 0, second = first + 1] = whole;
  const step = second - first;
  const regular = step > 0 && whole.every((old, i) => old === first + i * step);
  const view = regular ? ranged(x.ref.view, dim, first, whole.length, step) : null;
  const part = regular && step === 1 ? joinedPart(x.ref, dim, first, whole.length) : null;
  let at = 0;
  const map = indexMap(
    Int32Array.from(kept, (old) => (isOld(old) ? at++ : -1)),
    whole.length,
  );
  const [only = 0, ...more] = indices;
  const others = more.length === 0 ? selected(x.dims, dim, only) : x.dims.map(uncut);
  const dims = others.map((own, d) => (d === dim ? mappedDim(map, kinds) : own));
  if (part !== null) return related(scaled(part.ref, times(part.scale, x.scale)), dims);
  const ref = view !== null ? viewed(x.ref, view) : refOf(site.ctx.terms.make('Pick', `${dim}:${whole.join(',')}`, [scaled(x.ref)], dims.map(oldSize)));
  return related(scaled(ref, x.scale), dims);
}

/**
 * Old elements that are taken more than once: any of the copies may count as new elements, of which nothing is said. As many are old ones
 * as the old graph takes of the same value: the longest list of its that comes in this order, else each element once.
 */
function keptOf(site: Site, x: Related, dim: number, olds: readonly number[]): readonly number[] {
  if (new Set(olds).size === olds.length) return olds;
  const lists = site.ctx.terms.users('Pick', x.ref).flatMap(({ attributes }) => {
    const [axis = '', list = ''] = attributes.split(':');
    return axis === String(dim) ? [list.split(',').map(Number)] : [];
  });
  for (const list of lists.toSorted((a, b) => b.length - a.length)) {
    let at = 0;
    const kept = olds.map((old) => (old === list[at] ? (list[at++] ?? -1) : -1));
    if (at === list.length) return kept;
  }
  return olds.map((old, i) => (olds.indexOf(old) === i ? old : -1));
}

/** The one of joined values that a cut of them is, if it is just one. */
function joinedPart(ref: Ref, dim: number, first: number, count: number): Scaled | null {
  if (!isWhole(ref, 'Concat') || ref.base.attributes !== String(dim)) return null;
  let start: Size = 0;
  for (const operand of ref.base.operands) {
    const size = viewSizes(operand.ref.view)[dim] ?? 0;
    if (equal(start, first) && equal(size, count)) return operand;
    start = add(start, size);
  }
  return null;
}

const span = (start: number, count: number, step = 1): number[] => Array.from({ length: count }, (_, i) => start + i * step);

/** What a Slice does to a dimension: keeps it whole for all inputs, cuts out indices that are the same for all inputs, or neither is known. */
type Cut = 'whole' | readonly number[] | 'open';

const cutsOf = (x: Related, ranges: NonNullable<View['ranges']>): readonly Cut[] =>
  x.dims.map((dim, d): Cut => {
    const range = ranges[d];
    if (range === null) return 'whole';
    if (range === undefined || !isStatic(newSize(dim)) || !isStatic(range.start) || !isStatic(range.end) || range.step < 0) return 'open';
    const count = Math.ceil((range.end - range.start) / range.step);
    return count > MOST_MAPPED ? 'open' : span(range.start, count, range.step);
  });

/** Slice: cuts of known sizes select elements; others must have the same bounds. */
export const slice: Rule = moving((site, x, [sizes = []]) => {
  const { relation } = site;
  if (relation.kind !== 'slice') return [missing(site, 'its bounds are not known')];
  const cuts = cutsOf(x, relation.ranges ?? []);
  if (cuts.includes('open')) return [sameBounds(site, x, sizes, cuts)];
  const value = cuts.reduce<Value>((cut, indices, d) => (cut.kind === 'related' && typeof indices !== 'string' ? picked(site, cut, d, indices) : cut), x);
  return [value];
});

/**
 * A cut whose bounds depend on the input. Slice works on each dimension alone, so of the same old value at the same bounds it cuts the
 * same elements, whatever dimensions it keeps whole hold: those may have grown, and their new elements are cut like the old ones.
 */
function sameBounds(site: Site, x: Related, sizes: readonly Size[], cuts: readonly Cut[]): Value {
  const rest = site.operands.slice(1).flatMap((own) => (own === null ? [] : [own]));
  if (!rest.every((own): own is Related => own.kind === 'related' && isExact(own))) return missing(site, 'its bounds are not those of the old graph');
  const grown = x.dims.find((dim, d) => cuts[d] !== 'whole' && !isSame(dim));
  if (grown !== undefined) return missing(site, `cuts a grown dimension (${dimText(grown)}) at bounds that depend on the input`);
  const table = tableOf(site, 'Slice', site.attributes, x, rest, (d) => cuts[d] !== 'whole');
  if (table.kind !== 'related') return table;
  const old = table.dims.map((dim, d) => (cuts[d] === 'whole' ? oldSize(dim) : (sizes[d] ?? 1)));
  const own = plain(site.ctx.terms, 'Slice', site.attributes, [scaled(table.ref), ...rest.map(scaledOf)], old);
  const known = viewSizes(own.ref.view);
  return related(
    scaled(own.ref, table.scale),
    table.dims.map((dim, d): Dim => (cuts[d] === 'whole' ? dim : sameDim(known[d] ?? 1))),
  );
}

/**
 * Split: parts of known sizes select elements. Of others the counts must be those of the old graph; Split works on one dimension alone, so
 * all others may have grown.
 */
export const split: Rule = moving((site, x, sizes) => {
  const { relation } = site;
  const axis = relation.kind === 'split' ? (relation.axis ?? 0) : -1;
  const parts = relation.kind === 'split' ? (relation.parts ?? []) : [];
  if (axis >= 0 && parts.every((part) => isStatic(part) && part <= MOST_MAPPED) && isStatic(flat(x.dims[axis] ?? [])?.size ?? NaN)) {
    let start = 0;
    return parts.map((part) => {
      const value = picked(site, x, axis, span(start, part as number));
      start += part as number;
      return value;
    });
  }
  const rest = site.operands.slice(1).flatMap((own) => (own === null ? [] : [own]));
  if (axis < 0 || !isSame(x.dims[axis] ?? []) || !rest.every((own): own is Related => own.kind === 'related' && isExact(own)))
    return sizes.map(() => missing(site, 'its parts depend on the input'));
  return sizes.map((own, i) => {
    const dims = x.dims.map((dim, d) => (d === axis ? (own[d] ?? 1) : oldSize(dim)));
    // without counts the parts are equal, as many as there are results
    const term = plain(site.ctx.terms, 'Split', `${site.attributes}#${i} of ${sizes.length}`, [scaled(x.ref), ...rest.map(scaledOf)], dims);
    const known = viewSizes(term.ref.view);
    return related(
      scaled(term.ref, x.scale),
      x.dims.map((dim, d) => (d === axis ? sameDim(known[d] ?? 1) : dim)),
    );
  });
});

/** Gather of constant indices. */
export const pick: Rule = moving((site, x) => {
  const { relation } = site;
  if (relation.kind !== 'gather') return [missing(site, 'its indices are not known')];
  const axis = relation.axis ?? 0;
  const indices = relation.indices ?? [];
  const dim = x.dims[axis] ?? [];
  const fixed = isStatic(flat(dim)?.size ?? NaN);
  // an index of a dimension that depends on the input
  const value = fixed ? picked(site, x, axis, indices) : pickedOfSame(site, x, axis, indices);
  if (relation.scalar !== true || value.kind !== 'related') return [value];
  const order = value.dims.map((_, d) => d).filter((d) => d !== axis);
  return [
    related(
      scaled(viewed(value.ref, permuted(value.ref.view, order)), value.scale),
      order.map((d) => value.dims[d] ?? []),
    ),
  ];
});

function pickedOfSame(site: Site, x: Related, axis: number, indices: readonly number[]): Value {
  const [first = 0] = indices;
  const dim = x.dims[axis] ?? [];
  const view = isSame(dim) && indices.every((index, i) => index === first + i) ? ranged(x.ref.view, axis, first, indices.length, 1) : null;
  if (view === null) return missing(site, 'its indices cut a dimension whose size depends on the input');
  return related(
    scaled(viewed(x.ref, view), x.scale),
    x.dims.map((own, d) => (d === axis ? sameDim(indices.length) : own)),
  );
}
