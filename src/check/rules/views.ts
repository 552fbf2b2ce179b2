/** Operators that only move elements: on both sides the same elements are selected. */
import { equal, isStatic, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import type { Context, Rule, Site } from '../context.ts';
import { type Atom, type Dim, flat, indexMap, isSame, Kind, mappedDim, oldSize, sameDim, take } from '../dim.ts';
import { unproved } from '../findings.ts';
import { tableOf } from '../operand.ts';
import { times } from '../scale.ts';
import { isWhole, type Ref, refOf, scaled, viewed } from '../term.ts';
import { exactly, free, isExact, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { permuted, ranged, reshaped, stretched, type View, viewSizes } from '../view.ts';

type Move = (site: Site, x: Related, sizes: readonly (readonly Size[])[]) => readonly Value[];

/** A rule for an operator that moves the elements of operand 0; what is free or zero stays so. */
const moving =
  (move: Move): Rule =>
  (site) => {
    const [x] = site.operands;
    const sizes = site.sizes.map((own) => own ?? []);
    if (x == null || site.sizes.some((own) => own === null)) return site.sizes.map(() => free(unproved(site.where, `${site.node.op}: its shape is not known`)));
    if (x.kind === 'free') return sizes.map(() => free());
    return x.kind === 'zero' ? sizes.map(zeros) : move(site, x, sizes);
  };

const missing = (site: Site, what: string): Value => free(unproved(site.where, `${site.node.op}: ${what}`));

/** Transpose, Squeeze and Unsqueeze: dimensions in another order, some of size 1 gone or new. */
export const reorder: Rule = moving((site, x) => {
  const { relation } = site;
  const [labels, output] = relation.kind === 'labels' ? [relation.inputs[0], relation.outputs[0]] : [];
  if (labels == null || output === undefined) return [missing(site, 'its dimensions are not known')];
  const order = output.map((label) => {
    const at = labels.indexOf(label);
    return at < 0 ? null : at;
  });
  const own = scaled(viewed(x.ref, permuted(x.ref.view, order)), x.scale);
  return [
    related(
      own,
      order.map((d) => (d === null ? [] : (x.dims[d] ?? []))),
    ),
  ];
});

/** True where the shape operand is the same for all inputs, or the old graph's own. */
function isKnownShape(site: Site): boolean {
  const shape = site.operands[1];
  return !site.isNew || site.isCertain(1) || (shape?.kind === 'related' && shape.ref.base.old && isExact(shape));
}

/** A dimension that is not 1 for all inputs is asked to stay as it is: else an input of size 1 would be stretched. */
function stretchesOnlyOnes({ facts, node, isNew, operands }: Site, x: Related, sizes: readonly Size[]): boolean {
  const shape = operands[1];
  const wanted = facts.elements(node.inputs[1] ?? '')?.map((e) => e.value);
  if (!isNew || (shape?.kind === 'related' && shape.ref.base.old && isExact(shape))) return true;
  return (
    wanted?.every((size, i) => {
      const d = i - wanted.length + sizes.length;
      const own = d - sizes.length + x.dims.length;
      return own < 0 || (x.dims[own] ?? []).length === 0 || size === 1 || (size !== null && equal(size, sizes[d] ?? 0));
    }) === true
  );
}

/** Sizes that the old graph gave a value, remembered for values that grew. */
function remember({ ctx, isNew }: Site, ref: Ref, sizes: readonly Size[]): void {
  if (isNew) return;
  const list = ctx.shapes.get(ref.key) ?? [];
  ctx.shapes.set(ref.key, [...list, sizes]);
}

/** Reshape and Flatten. */
export const reshape: Rule = moving((site, x, [sizes = []]) => {
  if (!isKnownShape(site)) return [missing(site, 'its shape depends on the input in a way that the old one does not')];
  remember(site, x.ref, sizes);
  const exact = isExact(x);
  const wishes: (readonly Size[] | null)[] = exact ? [sizes] : [...(site.ctx.shapes.get(x.ref.key) ?? []).filter((own) => own.length === sizes.length), null];
  for (const wish of wishes) {
    const dims = repartitioned(x.dims, sizes, wish);
    if (dims === null) continue;
    const old = dims.map(oldSize);
    const view = reshaped(x.ref.view, old);
    const ref =
      view === null
        ? plain(site.ctx.terms, 'Reshape', old.map((size) => (isStatic(size) ? size : size.key)).join(','), [scaled(x.ref)], old).ref
        : viewed(x.ref, view);
    return [related(scaled(ref, x.scale), dims)];
  }
  return [missing(site, 'the old elements do not stand where a reshape could keep them together')];
});

function repartitioned(dims: readonly Dim[], sizes: readonly Size[], old: readonly Size[] | null): readonly Dim[] | null {
  let rest: readonly Atom[] = dims.flat();
  const out: Dim[] = [];
  for (const [d, size] of sizes.entries()) {
    const next = take(rest, size, old === null ? null : (old[d] ?? 1));
    if (next === null) return null;
    out.push(next.taken);
    rest = next.rest;
  }
  return rest.length === 0 ? out : null;
}

/** Expand: one element for all indices, so any place may be an old one. */
export const expand: Rule = moving((site, x, [sizes = []]) => {
  if (!isKnownShape(site) || !stretchesOnlyOnes(site, x, sizes)) return [missing(site, 'its shape depends on the input in a way that the old one does not')];
  remember(site, x.ref, sizes);
  const missingRank = sizes.length - x.dims.length;
  const wish = (site.ctx.shapes.get(x.ref.key) ?? []).find((own) => own.length === sizes.length);
  let view: View = { offset: x.ref.view.offset, dims: [...sizes.slice(0, missingRank).map(() => []), ...x.ref.view.dims] };
  const dims = sizes.map((size, d): Dim => {
    const own = d < missingRank ? [] : (x.dims[d - missingRank] ?? []);
    if (own.length > 0 || size === 1) return own;
    const dim = grownTo(site.ctx, site.isNew ? wish?.[d] : size, size);
    view = stretched(view, d, oldSize(dim));
    return dim;
  });
  return [related(scaled(viewed(x.ref, view), x.scale), dims)];
});

const grownTo = (ctx: Context, old: Size | undefined, size: Size): Dim =>
  old === undefined || equal(old, size) || !isStatic(old) || !isStatic(size) || old > size ? sameDim(size) : (ctx.hints(old, size)[0] ?? sameDim(size));

/** Some indices of a dimension of known size, in the given order; null when that is no view and no term of the old graph. */
export function picked(site: Site, x: Related, dim: number, indices: readonly number[]): Value {
  const atom = flat(x.dims[dim] ?? []);
  if (atom === null || !isStatic(atom.size)) return missing(site, 'cuts a dimension whose size depends on the input');
  const olds = atom.map === null ? indices : indices.flatMap((i) => ((atom.map?.at[i] ?? -1) >= 0 ? [atom.map?.at[i] ?? 0] : []));
  const [first] = olds;
  if (first === undefined) {
    const sizes = x.dims.map((own, d) => (d === dim ? indices.length : own.reduce<Size>((_, part) => part.size, 1)));
    return indices.every((i) => atom.kinds?.[i] === Kind.ZERO) ? zeros(sizes) : free();
  }
  const part = partOfConcat(x, dim, olds);
  if (part !== null) return part;
  const step = olds.length > 1 ? (olds[1] ?? 0) - first : 1;
  const regular = step > 0 && olds.every((old, i) => old === first + i * step);
  const view = regular ? ranged(x.ref.view, dim, first, olds.length, step) : null;
  let at = 0;
  const map = Int32Array.from(indices, (i) => (atom.map === null || (atom.map.at[i] ?? -1) >= 0 ? at++ : -1));
  const kinds = Uint8Array.from(indices, (i) => (atom.map === null ? Kind.OLD : (atom.kinds?.[i] ?? Kind.ANY)));
  const dims = x.dims.map((own, d) => (d === dim ? mappedDim(indexMap(map, olds.length), kinds) : own));
  const ref = view !== null ? viewed(x.ref, view) : refOf(site.ctx.terms.make('Pick', `${dim}:${olds.join(',')}`, [scaled(x.ref)], dims.map(oldSize)));
  return related(scaled(ref, x.scale), dims);
}

/** A cut of joined values that is just one of them. */
function partOfConcat(x: Related, dim: number, indices: readonly number[]): Value | null {
  if (!isWhole(x.ref, 'Concat') || x.ref.base.attributes !== String(dim) || !isExact(x)) return null;
  let start = 0;
  for (const operand of x.ref.base.operands) {
    const size = viewSizes(operand.ref.view)[dim] ?? 0;
    if (!isStatic(size)) return null;
    const from = start;
    if (size === indices.length && indices.every((index, i) => index === from + i)) return exactly(scaled(operand.ref, times(operand.scale, x.scale)));
    start += size;
  }
  return null;
}

const span = (start: number, count: number, step = 1): number[] => Array.from({ length: count }, (_, i) => start + i * step);

/** Slice: cuts of known sizes select elements; others must have the same bounds. */
export const slice: Rule = moving((site, x, [sizes = []]) => {
  const { relation, node, facts } = site;
  if (relation.kind !== 'slice') return [missing(site, 'its bounds are not known')];
  const raw = (input: number): readonly (Size | null)[] | undefined =>
    input < node.inputs.length ? facts.elements(node.inputs[input] ?? '')?.map((e) => e.value) : undefined;
  const [starts, ends, axes] = [raw(1), raw(2), raw(3)];
  let value: Value = x;
  for (const [d, range] of (relation.ranges ?? []).entries()) {
    const dim = x.dims[d] ?? [];
    const size = dim.reduce<Size>((total, atom) => (total === 1 ? atom.size : NaN), 1);
    const at = (axes ?? starts?.map((_, i) => i))?.findIndex((axis) => axis === d || axis === d - x.dims.length) ?? -1;
    const whole = range === null && (at < 0 || isStatic(flat(dim)?.size ?? size) || (starts?.[at] === 0 && Number(ends?.[at] ?? 0) >= 2 ** 31 - 1));
    if (whole) continue;
    const atom = flat(dim);
    if (atom === null || !isStatic(atom.size) || (range !== null && (!isStatic(range.start) || !isStatic(range.end) || range.step < 0)))
      return [sameBounds(site, x, sizes)];
    if (range === null) continue;
    if (value.kind !== 'related') return [value];
    value = picked(site, value, d, span(range.start as number, Math.ceil(((range.end as number) - (range.start as number)) / range.step), range.step));
  }
  return [value.kind === 'zero' ? zeros(sizes) : value];
});

/** A cut whose bounds depend on the input: all operands must be the old ones, dimensions that are not cut may have grown. */
function sameBounds(site: Site, x: Related, sizes: readonly Size[]): Value {
  const { relation } = site;
  const rest = site.operands.slice(1).flatMap((own) => (own === null ? [] : [own]));
  const cut = relation.kind === 'slice' ? (relation.ranges ?? []) : [];
  if (!rest.every((own): own is Related => own.kind === 'related' && isExact(own))) return missing(site, 'its bounds are not those of the old graph');
  if (cut.some((range, d) => (range !== null || !equal(sizes[d] ?? 0, newSizeOf(x.dims[d]))) && !isSame(x.dims[d] ?? [])))
    return missing(site, 'cuts a grown dimension at bounds that depend on the input');
  const table = tableOf(site, 'Slice', site.attributes, x, rest, (d) => cut[d] !== null || !equal(sizes[d] ?? 0, newSizeOf(x.dims[d])));
  if (table.kind !== 'related') return table;
  const dims = table.dims.map((dim, d): Dim => (isSame(dim) && equal(oldSize(dim), newSizeOf(x.dims[d])) ? sameDim(sizes[d] ?? 1) : dim));
  const own = plain(site.ctx.terms, 'Slice', site.attributes, [scaled(table.ref), ...rest.map(scaledOf)], dims.map(oldSize));
  return related(scaled(own.ref, table.scale), dims);
}

const newSizeOf = (dim: Dim | undefined): Size => dim?.[0]?.size ?? 1;

/** Split in parts. */
export const split: Rule = moving((site, x, sizes) => {
  const { relation } = site;
  const axis = relation.kind === 'split' ? (relation.axis ?? 0) : -1;
  const parts = relation.kind === 'split' ? (relation.parts ?? []) : [];
  if (axis >= 0 && parts.every(isStatic) && isStatic(flat(x.dims[axis] ?? [])?.size ?? NaN)) {
    let start = 0;
    return parts.map((part, i) => {
      const value = picked(site, x, axis, span(start, part as number));
      start += part as number;
      return value.kind === 'zero' ? zeros(sizes[i] ?? []) : value;
    });
  }
  const rest = site.operands.slice(1).flatMap((own) => (own === null ? [] : [own]));
  if (!isExact(x) || !rest.every((own): own is Related => own.kind === 'related' && isExact(own)))
    return sizes.map(() => missing(site, 'its parts depend on the input'));
  return sizes.map((own, i) => exactly(plain(site.ctx.terms, 'Split', `${site.attributes}#${i}`, [scaledOf(x), ...rest.map(scaledOf)], own)));
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
  if (relation.scalar !== true || value.kind === 'free') return [value];
  if (value.kind === 'zero') return [zeros(site.sizes[0] ?? [])];
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
