/** Operators that put values beside each other, or choose between them: Concat, Pad, Gather from tables, If. */

import { attributesOf } from '../../analysis/relation.ts';
import { add, equal, isStatic, keyOf, multiply, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import { supposedCache } from '../cache-wish.ts';
import { restricted } from '../constants.ts';
import type { Rule, Site } from '../context.ts';
import {
  type Dim,
  dimText,
  flat,
  indexMap,
  isSame,
  isZeroBesideOld,
  Kind,
  kindAt,
  MOST_MAPPED,
  mapKinds,
  mappedDim,
  meet,
  oldAt,
  oldSize,
  sameDim,
  withKinds,
  withoutMeans,
} from '../dim.ts';
import { refuted } from '../findings.ts';
import { joinParts } from '../join.ts';
import { tableOf } from '../operand.ts';
import { ONE, over, scaleFrom } from '../scale.ts';
import { isWhole, type Scaled, scaled, viewed } from '../term.ts';
import { exactly, free, isConstant, isExact, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { type View, viewKey } from '../view.ts';
import { general } from './general.ts';
import { nothingLeft } from './nothing.ts';
import { missing } from './views.ts';

/** Zeros as a value of a shape of their own, for operators that say more of them than that they are zero. */
const zeroTerm = (site: Site, sizes: readonly Size[]): Scaled => plain(site.ctx.terms, '0', '', [], sizes);

/** Concat: operands that hold no old elements are new indices. */
export const concat: Rule = (site) => {
  const { relation, operands } = site;
  const [sizes = null] = site.sizes;
  if (relation.kind !== 'concat' || sizes === null) return [missing(site, 'its shape is not known')];
  const axis = relation.axis ?? 0;
  const given = operands.flatMap((own) => (own === null ? [] : [own]));
  const values = site.isNew ? withCaches(site, given, axis) : given;
  if (values.every((own) => own.kind === 'zero')) return [zeros(sizes)];
  const terms = values.map((own) => (own.kind === 'zero' ? exactly(zeroTerm(site, own.sizes)) : own));
  const exact = terms.every((own): own is Related => own.kind === 'related' && isExact(own));
  if (exact) {
    const refs = merged(terms.map(scaledOf), axis);
    if (!site.isNew || site.ctx.terms.old('Concat', String(axis), factored(refs).refs) !== undefined) return [exactly(joined(site, refs, axis, sizes))];
  }
  const none = site.isNew ? zerosAtOldPlaces(site, values, axis, sizes) : null;
  if (none !== null) return [none];
  // every value of the old graph is a term
  return [site.isNew ? grownConcat(site, values, axis, sizes) : free()];
};

/** Zeros beside values of a new layer: nothing at the old places of a map that was seen before, if all of them are among the zeros. */
function zerosAtOldPlaces(site: Site, values: readonly Value[], axis: number, sizes: readonly Size[]): Value | null {
  const counts = site.node.inputs.flatMap((name) => site.facts.values.get(name)?.dims?.[axis] ?? []).filter(isStatic);
  const size = sizes[axis] ?? 0;
  const isOfLayer = (own: Value): boolean => own.kind !== 'related' || (!own.ref.base.old && own.ref.base.constant === null);
  if (!isStatic(size) || counts.length !== values.length || !values.some((own) => own.kind === 'zero') || !values.every(isOfLayer)) return null;
  const isZeroAt = values.flatMap((own, i) => new Array<boolean>(counts[i] ?? 0).fill(own.kind === 'zero'));
  const seen = site.ctx.hintsTo(size).flatMap((dim) => flat(dim) ?? []);
  const fit = seen.find(({ map }) => map?.at.every((old, i) => old < 0 || isZeroAt[i] === true));
  if (fit === undefined) return null;
  const line = [withKinds(fit, (_, i) => (isZeroAt[i] === true ? Kind.ZERO : Kind.ANY))];
  return nothingLeft(
    site,
    sizes.map((own, d) => (d === axis ? line : sameDim(own))),
    sizes,
  );
}

/** A cache that new elements are joined on holds the old cache that the old graph joins the same elements on. */
function withCaches(site: Site, values: readonly Value[], axis: number): readonly Value[] {
  const at = values.findIndex((_, i) => site.inputBehind(i) !== null);
  const data = values.find((own, i): own is Related => own.kind === 'related' && !isConstant(own) && i !== at);
  if (data === undefined || at < 0) return values;
  const olds = site.ctx.terms.users('Concat', data.ref).flatMap((term) => (term.attributes === String(axis) ? term.operands : []));
  const cache = supposedCache(site, at, olds, (d) => (d === axis ? null : (data.dims[d] ?? null)));
  return cache === null ? values : values.map((own, i) => (i === at ? cache : own));
}

function grownConcat(site: Site, values: readonly Value[], axis: number, sizes: readonly Size[]): Value {
  const data = values.filter((own): own is Related => own.kind === 'related' && !isConstant(own));
  if (data.length === 0) {
    const constants = values.filter((own): own is Related => own.kind === 'related');
    return constants.length === values.length ? exactly(joined(site, constants.map(scaledOf), axis, sizes)) : free();
  }
  const isOld = (own: Related): boolean => own.ref.base.old;
  // beside what the old graph computes anything else is new elements
  if (data.some(isOld) && !data.every(isOld)) {
    const left = values.map((own) => (own.kind === 'related' && !isConstant(own) && !isOld(own) ? free() : own));
    return grownConcat(site, left, axis, sizes);
  }
  const others = sizes.map((_, d): Dim | null =>
    d === axis
      ? []
      : joinParts(
          data.map((own) => own.dims[d] ?? []),
          meet,
        ),
  );
  const clash = others.indexOf(null);
  if (clash >= 0) return missing(site, `its operands hold old elements at different places of dimension ${clash}`);
  const parts: (Related | Value)[] = [];
  for (const own of values) {
    if (own.kind !== 'related' || !isConstant(own)) parts.push(own);
    else {
      const found = restricted(
        site.ctx,
        own.ref,
        own.dims.map((dim, d) => (d === axis ? dim : (others[d] ?? dim))),
      );
      if (found?.finite === false) return free(refuted(site.where, 'Concat: a new element of a constant is not finite'));
      parts.push(found === null ? own : related(found.own, found.dims));
    }
  }
  // zeros that the old graph joins on, too: their other dimensions hold old elements where those of the data do
  const withZeros = parts.map((own): Value => {
    if (own.kind !== 'zero') return own;
    const dims = own.sizes.map((size, d): Dim => (d === axis ? sameDim(size) : mapKinds(others[d] ?? [], () => Kind.ZERO)));
    return related(zeroTerm(site, dims.map(oldSize)), dims);
  });
  const whole = (own: readonly Value[]): Value => axisOf(site, own, values, axis, sizes, data);
  const without = (drops: (own: Related) => boolean): Value => whole(parts.map((own) => (own.kind === 'related' && drops(own) ? free() : own)));
  const isNumber = ({ ref }: Related): boolean => ref.base.constant !== null || ref.base.op === '1';
  // so are constants that it does not have; numbers are the same wherever they stand: beside one old value they are new ones, too
  const all = whole(parts);
  const ofOld = without((own) => !isOld(own));
  const found = [whole(withZeros), all, ofOld, without((own) => !isOld(own) || isNumber(own))].find((own) => own.kind === 'related' && isOld(own));
  const known = parts.filter((own) => own.kind === 'related');
  return found ?? (known.some(isOld) && !known.every(isOld) ? ofOld : all);
}

function axisOf(site: Site, parts: readonly Value[], values: readonly Value[], axis: number, sizes: readonly Size[], data: readonly Related[]): Value {
  const kept = parts.filter((own): own is Related => own.kind === 'related');
  // beside old elements new ones are what they were; beside what is joined on nothing is known of them
  const isOpen = parts.some((own) => own.kind === 'free');
  const beside = (kind: number): number => (!isOpen ? kind : isZeroBesideOld(kind) ? Kind.WEAK : Kind.ANY);
  const dims = sizes.map((size, d): Dim | null => {
    if (d === axis) return axisDim(parts, values, axis, size, site, data);
    const whole = joinParts(
      kept.map((own) => own.dims[d] ?? []),
      meet,
    );
    return whole === null ? null : mapKinds(whole, beside);
  });
  const bad = dims.indexOf(null);
  if (bad >= 0) return missing(site, `its operands do not fit dimension ${bad}`);
  const whole = dims as readonly Dim[];
  const own = joined(site, merged(kept.filter((part) => !isMeanOf(part, data, axis)).map(scaledOf), axis), axis, whole.map(oldSize));
  return related(own, whole);
}

/**
 * The means over the joined dimension of another operand, each beside its line. Where they are moved, they may stand beside other lines, and
 * where another dimension grew, anything may stand beside its new lines.
 */
function isMeanOf(value: Value, data: readonly Related[], axis: number): boolean {
  if (value.kind !== 'related' || !isExact(value) || !isWhole(value.ref, 'ReduceSum') || value.ref.base.attributes !== String(axis)) return false;
  const [from] = value.ref.base.operands;
  return data.some((own) => {
    const count = oldSize(own.dims[axis] ?? []);
    return own.ref.key === from?.ref.key && isStatic(count) && over(own.scale, scaleFrom(count)).key === value.scale.key;
  });
}

const isZero = (value: Value | undefined): boolean => value?.kind === 'zero' || (isConstant(value) && value.ref.base.constant?.uniform === 0);

/** The joined dimension: old elements in the order of the operands, new indices where an operand holds none. */
function axisDim(parts: readonly Value[], values: readonly Value[], axis: number, size: Size, site: Site, data: readonly Related[]): Dim | null {
  if (parts.every((own) => own.kind === 'related' && isSame(own.dims[axis] ?? []) && !isMeanOf(own, data, axis))) return sameDim(size);
  const at: number[] = [];
  const kinds: number[] = [];
  // a mean of one operand's line is none of the joined line
  const isOneLine = parts.filter((own) => own.kind === 'related' && !isMeanOf(own, data, axis)).length === 1;
  let start = 0;
  for (const [i, own] of parts.entries()) {
    const mean = isMeanOf(own, data, axis);
    if (own.kind === 'related' && !mean) {
      const atom = flat(own.dims[axis] ?? []);
      if (atom === null || !isStatic(atom.size) || !isStatic(atom.old) || atom.size > MOST_MAPPED) return null;
      for (let j = 0; j < atom.size; j++) {
        const old = oldAt(atom, j);
        at.push(old < 0 ? -1 : start + old);
        kinds.push(isOneLine ? kindAt(atom, j) : withoutMeans(kindAt(atom, j)));
      }
      start += atom.old;
      continue;
    }
    const count = site.facts.values.get(site.node.inputs[i] ?? '')?.dims?.[axis];
    if (count === undefined || !isStatic(count) || count > MOST_MAPPED) return null;
    const kind = mean && isOneLine ? Kind.MEAN : isZero(values[i]) ? Kind.ZERO : Kind.ANY;
    for (let j = 0; j < count; j++) {
      at.push(-1);
      kinds.push(kind);
    }
  }
  return mappedDim(indexMap(Int32Array.from(at), start), Uint8Array.from(kinds));
}

/** Operands of one factor, which then stands outside. */
function factored(parts: readonly Scaled[]): { readonly refs: readonly Scaled[]; readonly scale: Scaled['scale'] } {
  const [first] = parts;
  const scale = first?.scale ?? ONE;
  return { refs: parts.map((part) => scaled(part.ref, over(part.scale, scale))), scale };
}

function joined(site: Site, parts: readonly Scaled[], axis: number, sizes: readonly Size[]): Scaled {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const { refs, scale } = factored(parts);
  return scaled(plain(site.ctx.terms, 'Concat', String(axis), refs, sizes).ref, scale);
}

/** Neighbours that are consecutive cuts of one value become one cut. */
function merged(parts: readonly Scaled[], axis: number): readonly Scaled[] {
  const out: Scaled[] = [];
  for (const part of parts) {
    const last = out.at(-1);
    const view =
      last === undefined || last.ref.base !== part.ref.base || last.scale.key !== part.scale.key ? null : consecutive(last.ref.view, part.ref.view, axis);
    if (view === null || last === undefined) out.push(part);
    else out[out.length - 1] = scaled(viewed(last.ref, view), last.scale);
  }
  return out;
}

function consecutive(a: View, b: View, axis: number): View | null {
  const [[p, ...more], [q, ...others]] = [a.dims[axis] ?? [], b.dims[axis] ?? []];
  if (p === undefined || q === undefined || more.length > 0 || others.length > 0 || !equal(p.step, q.step)) return null;
  const beside = (view: View): string => viewKey({ offset: 0, dims: view.dims.map((parts, d) => (d === axis ? [] : parts)) });
  if (beside(a) !== beside(b) || !equal(add(a.offset, multiply(p.size, p.step)), b.offset)) return null;
  return { offset: a.offset, dims: a.dims.map((parts, d) => (d === axis ? [{ size: add(p.size, q.size), step: p.step }] : parts)) };
}

/** Pad: what the old graph pads alike is the same; else zeros behind a value are new elements. */
export const pad: Rule = (site) => {
  const { relation, operands } = site;
  const [x] = operands;
  const [sizes = null] = site.sizes;
  if (x == null || sizes === null || relation.kind !== 'pad') return [missing(site, 'its shape is not known')];
  if (x.kind !== 'related') return [x.kind === 'zero' && padsZero(site) ? zeros(sizes) : free()];
  const pads = relation.pads ?? [];
  if (!site.isCertain(1) || !site.isCertain(3)) return isExact(x) ? general(site) : [missing(site, 'pads as many as the input says')];
  const text = `${pads.map(([before, after]) => `${keyOf(before)}+${keyOf(after)}`).join(',')}:${site.attributes}`;
  const value = operands[2];
  const rest = value == null ? [] : [value];
  if (!rest.every((own): own is Related => own.kind === 'related' && isExact(own))) return [free()];
  const own = [scaled(x.ref, x.scale), ...rest.map(scaledOf)];
  const fixed = pads.every(([before, after], d) => (before === 0 && after === 0) || isSame(x.dims[d] ?? []));
  if (fixed && (!site.isNew || site.ctx.terms.old('Pad', text, own) !== undefined || !padsZero(site))) {
    // what is put around new zeros may be no zero
    const keeps = padsZero(site) || attributesOf(site.node).text('mode', 'constant') !== 'constant';
    const dims = x.dims.map((dim, d): Dim => (isSame(dim) ? sameDim(sizes[d] ?? 1) : keeps ? dim : mapKinds(dim, () => Kind.ANY)));
    return [related(plain(site.ctx.terms, 'Pad', text, own, dims.map(oldSize)), dims)];
  }
  if (!padsZero(site)) return [missing(site, 'pads a grown dimension')];
  const dims = x.dims.map((dim, d): Dim | null => {
    const [before, after] = pads[d] ?? [0, 0];
    if (before === 0 && after === 0) return dim;
    const atom = flat(dim);
    if (atom === null || !isStatic(atom.size) || !isStatic(atom.old) || !isStatic(before) || !isStatic(after)) return null;
    // a negative pad cuts
    if (before < 0 || after < 0 || before + after + atom.size > MOST_MAPPED) return null;
    const own = [...new Array(atom.size).keys()];
    const padded = (inside: readonly number[], edge: number): number[] => [
      ...new Array<number>(before).fill(edge),
      ...inside,
      ...new Array<number>(after).fill(edge),
    ];
    const at = padded(
      own.map((i) => oldAt(atom, i)),
      -1,
    );
    const kinds = padded(
      own.map((i) => kindAt(atom, i)),
      Kind.ZERO,
    );
    return mappedDim(indexMap(Int32Array.from(at), atom.old), Uint8Array.from(kinds));
  });
  if (dims.includes(null)) return [missing(site, 'pads a dimension whose size depends on the input')];
  // constants that meet nothing but numbers have their old elements where an input that is padded has them
  if (site.isNew) for (const dim of dims as readonly Dim[]) site.ctx.hint(dim);
  return [related(scaledOf(x), dims as readonly Dim[])];
};

function padsZero(site: Site): boolean {
  const value = site.operands[2];
  const mode = attributesOf(site.node).text('mode', 'constant');
  return (
    mode === 'constant' &&
    attributesOf(site.node).int('value', 0) === 0 &&
    (value == null || value.kind === 'zero' || (isConstant(value) && value.ref.base.constant?.uniform === 0))
  );
}

/** Gather from a table by computed indices; indices that are all zero are one term for each shape that they have. */
export const lookUp: Rule = (site) => {
  const { relation } = site;
  const [table, indices] = site.operands;
  const [sizes = null] = site.sizes;
  if (relation.kind !== 'labels' || table == null || indices == null || sizes === null) return [missing(site, 'its shape is not known')];
  if (table.kind === 'zero') return [zeros(sizes)];
  if (table.kind === 'free' || indices.kind === 'free') return [free()];
  const ids = indices.kind === 'zero' ? exactly(zeroTerm(site, indices.sizes)) : indices;
  const axis = relation.inputs[0]?.findIndex((label) => !(relation.outputs[0] ?? []).includes(label)) ?? 0;
  const at = axis < 0 ? 0 : axis;
  if (!isExact(ids)) return [missing(site, 'its indices grew')];
  const found = tableOf(site, 'Gather', String(at), table, [ids], (d) => d === at);
  if (found.kind !== 'related') return [found];
  if (!isSame(found.dims[at] ?? [])) return [missing(site, `looks up rows of a dimension that grew (${dimText(found.dims[at] ?? [])})`)];
  const dims = [...found.dims.slice(0, at), ...ids.dims, ...found.dims.slice(at + 1)];
  const own = plain(site.ctx.terms, 'Gather', String(at), [scaled(found.ref), scaledOf(ids)], dims.map(oldSize));
  return [related(scaled(own.ref, found.scale), dims)];
};

/** A constant in one branch has old elements where the value in another one has them. */
function fittedBranches(site: Site, values: readonly (Value | null)[]): readonly (Value | null)[] {
  const data = values.find((own): own is Related => own?.kind === 'related' && !isExact(own));
  if (data === undefined) return values;
  return values.map((own) => {
    if (own === null || !isConstant(own)) return own;
    const found = restricted(
      site.ctx,
      own.ref,
      own.dims.map((dim, d) => (isSame(data.dims[d] ?? []) ? dim : (data.dims[d] ?? dim))),
    );
    return found === null || !found.finite ? own : related(found.own, found.dims);
  });
}

/** True where the file names the branch that is taken for true first. */
const thenFirst = (site: Site): boolean => site.node.node.attributes.find((own) => own.kind === 'graph')?.name === 'then_branch';

/** If: both branches must hold the old elements at the same places. */
export const choice: Rule = (site) => {
  const [condition, ...listed] = site.operands;
  const count = site.node.outputs.length;
  const values = thenFirst(site) ? listed : [...listed.slice(count), ...listed.slice(0, count)];
  if (condition?.kind !== 'related' || !isExact(condition)) return site.sizes.map(() => missing(site, 'its condition is not that of the old graph'));
  return site.sizes.map((sizes, o) => {
    const own = fittedBranches(
      site,
      values.filter((_, i) => i % count === o),
    );
    if (sizes === null) return missing(site, 'a shape is not known');
    if (own.every((value) => value?.kind === 'zero')) return zeros(sizes);
    if (!own.every((value): value is Related => value?.kind === 'related')) return free();
    const dims = sizes.map((size, d): Dim | null => {
      const parts = own.map((value) => value.dims[d] ?? []);
      return parts.every(isSame) ? sameDim(size) : joinParts(parts, meet);
    });
    if (dims.includes(null)) return missing(site, 'its branches hold old elements at different places');
    const whole = dims as readonly Dim[];
    const { refs, scale } = factored(own.map(scaledOf));
    return related(scaled(plain(site.ctx.terms, 'If', '', [scaledOf(condition), ...refs], whole.map(oldSize)).ref, scale), whole);
  });
};

/** ConstantOfShape: zeros are zeros of any size, where the size is that for all inputs. */
export const filled: Rule = (site) => {
  const [sizes = null] = site.sizes;
  const [shape] = site.operands;
  const own = site.node.node.attributes.find((attribute) => attribute.name === 'value');
  const isZero = own === undefined || (own.kind === 'tensor' && own.value.data.read(0, own.value.data.size).every((byte) => byte === 0));
  const isKnown = !site.isNew || site.isCertain(0) || (shape?.kind === 'related' && shape.ref.base.old && isExact(shape));
  return sizes !== null && isZero && isKnown ? [zeros(sizes)] : general(site);
};
