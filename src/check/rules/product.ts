/** Sums of products: MatMul, Einsum and Conv, by the labels of the op table. */
import type { Labels } from '../../analysis/relation.ts';
import { isStatic, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import { supposedCache } from '../cache-wish.ts';
import { closer, invented, isMatch, type NearMiss, relate, restricted } from '../constants.ts';
import type { Rule, Site } from '../context.ts';
import {
  type Atom,
  align,
  countNew,
  type Dim,
  dimText,
  flat,
  isSame,
  isZeroBesideOld,
  Kind,
  kindAt,
  mapKinds,
  newSize,
  oldAt,
  oldSize,
  sameDim,
} from '../dim.ts';
import { type Finding, refuted, unproved } from '../findings.ts';
import { addKinds, joinParts, multiplyKinds, type Part } from '../join.ts';
import { attributesText } from '../node-text.ts';
import { isOther, wrongElements } from '../operand.ts';
import { isOne, ONE, over, type Scale, times } from '../scale.ts';
import { fitted, scaled, viewed } from '../term.ts';
import { exactly, free, isConstant, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { permuted } from '../view.ts';
import { nothingLeft } from './nothing.ts';

export const product: Rule = (site) => {
  const found = multiplied(site);
  const [own] = found;
  const isOld = own?.kind === 'zero' || (own?.kind === 'related' && own.ref.base.old);
  return isOld || !site.isNew ? found : [ofConstants(site) ?? nothingAtOldPlaces(site) ?? own ?? free()];
};

/**
 * A product of constants alone, such as a stored query that is repeated for every row, times its projection: where the old graph multiplies
 * constants too, one of them that is an old one says where the old elements of the other stand. Null where no such product fits.
 */
function ofConstants(site: Site): Value | null {
  const { ctx, relation, operands, node } = site;
  const [sizes = null] = site.sizes;
  const all = operands.flatMap((own) => (own?.kind === 'related' && isConstant(own) ? [own] : []));
  if (relation.kind !== 'labels' || sizes === null || all.length !== 2 || operands.length !== 2) return null;
  for (const term of ctx.terms.ofConstants(node.op)) {
    for (const [i, own] of all.entries()) {
      const old = term.operands[i]?.ref;
      const none = own.dims.map(() => null);
      const match = old?.base.constant == null ? null : relate(ctx, own.ref, old, none);
      if (!isMatch(match) || !match.finite) continue;
      const matched = matchWeights(site, relation, all.with(i, related(match.own, match.dims)), i);
      const value = matched.kind === 'finding' ? null : contracted(site, relation, matched.operands, sizes);
      if (value?.kind === 'related' && value.ref.base.old) return value;
    }
  }
  return null;
}

/**
 * A product with a matrix whose columns are zero wherever a map that was seen before has old indices: whatever it is multiplied with, it
 * is zero at the old places, and at the new ones finite. Null for any other.
 */
function nothingAtOldPlaces(site: Site): Value | null {
  const { ctx, relation, operands } = site;
  const [sizes = null] = site.sizes;
  const at = operands.findIndex((own) => isConstant(own ?? undefined));
  const weight = operands[at];
  if (relation.kind !== 'labels' || sizes === null || operands.length !== 2 || weight?.kind !== 'related') return null;
  const [outputs = []] = relation.outputs;
  const labels = relation.inputs[at] ?? [];
  const column = labels.findIndex((label) => outputs.includes(label));
  const size = newSize(weight.dims[column] ?? []);
  for (const dim of isStatic(size) ? ctx.hintsTo(size) : []) {
    const zero = restricted(
      ctx,
      weight.ref,
      weight.dims.map((own, d) => (d === column ? dim : own)),
    );
    if (zero?.own.ref.base.constant?.uniform !== 0 || !zero.finite) continue;
    const dims = outputs.map((label, d): Dim => (label === labels[column] ? (zero.dims[column] ?? dim) : sameDim(sizes[d] ?? 1)));
    return nothingLeft(site, dims, sizes);
  }
  return null;
}

/**
 * Values of which nothing is known as terms of their own, beside a constant: whatever they are, new columns of the constant that are the
 * mean of its old ones, or zero, are so in the product.
 */
function withUnknowns(site: Site): readonly (Value | null)[] {
  const { operands, facts, node, ctx } = site;
  if (!site.isNew || operands.length !== 2 || !operands.some((own) => isConstant(own ?? undefined))) return operands;
  return operands.map((own, i) => {
    const sizes = facts.values.get(node.inputs[i] ?? '')?.dims;
    return own?.kind !== 'free' || sizes == null ? own : exactly(plain(ctx.terms, 'unknown', `new ${node.inputs[i]}`, [], sizes));
  });
}

const multiplied: Rule = (site) => {
  const { relation } = site;
  const operands = withUnknowns(site);
  const [sizes = null] = site.sizes;
  if (relation.kind !== 'labels' || sizes === null) return [free(unproved(site.where, `${site.node.op}: its shape is not known`))];
  const factors = factorsOf(site, operands.length);
  if (operands.slice(0, factors).some(isNothing)) return [biasOnly(site, operands[factors] ?? null, sizes)];
  const all = withCaches(
    site,
    relation,
    operands.map((own) => (own?.kind === 'related' ? own : null)),
  );
  if (operands.some((own, i) => own !== null && all[i] == null)) return [free()];
  const product = (own: readonly (Related | null)[]): Value => {
    const matched = matchWeights(site, relation, own);
    return matched.kind === 'finding' ? free(matched.finding) : contracted(site, relation, matched.operands, sizes);
  };
  const found = product(all);
  const joined = found.kind === 'free' ? withJoinedSums(site, relation, all) : null;
  const again = joined === null ? null : product(joined);
  return [again?.kind === 'related' ? again : found];
};

/**
 * Dimensions of data that are summed over as one part each: of heads and their elements, a weight's rows that are new in both may be zero
 * at old columns, and that is seen for each pair of indices only. Null where no dimension has several parts.
 */
function withJoinedSums({ isNew }: Site, relation: Labels, all: readonly (Related | null)[]): readonly (Related | null)[] | null {
  const [outputs = []] = relation.outputs;
  const joined = all.map((own, i): Related | null => {
    if (own === null) return own;
    const dims = own.dims.map((dim, d): Dim => {
      const atom = dim.length < 2 || outputs.includes(labelOf(relation, i, d)) ? null : flat(dim);
      return atom === null ? dim : [atom];
    });
    return dims.some((dim, d) => dim !== own.dims[d]) ? related(scaledOf(own), dims) : own;
  });
  return isNew && joined.some((own, i) => own !== all[i]) ? joined : null;
}

/** A cache that is multiplied with what the old graph multiplies a cache with is that cache. */
function withCaches(site: Site, relation: Labels, all: readonly (Related | null)[]): readonly (Related | null)[] {
  if (!site.isNew || all.length !== 2) return all;
  return all.map((own, i) => {
    const other = all[1 - i];
    if (site.inputBehind(i) === null || other == null || site.inputBehind(1 - i) !== null) return own;
    const olds = site.ctx.terms.users(site.node.op, other.ref).flatMap((term) => term.operands.slice(i, i + 1));
    return supposedCache(site, i, olds, (d) => dimOf(relation, other, 1 - i, labelOf(relation, i, d))) ?? own;
  });
}

const isNothing = (value: Value | null): boolean =>
  value?.kind === 'zero' || (value?.kind === 'related' && isConstant(value) && value.ref.base.constant?.uniform === 0);

/** A product with zeros is zero; a convolution of zeros, or with zero weights, is its bias: b[c] at every place of channel c, the second dimension. */
function biasOnly(site: Site, bias: Value | null, sizes: readonly Size[]): Value {
  if (bias === null || isNothing(bias)) return zeros(sizes);
  if (bias.kind !== 'related') return free();
  const [channels = []] = bias.dims;
  const whole = sizes.map((size, d): Size => (d === 1 ? oldSize(channels) : size));
  const ref = fitted(viewed(bias.ref, permuted(bias.ref.view, [0, ...sizes.slice(2).map(() => null)])), whole);
  return ref === null
    ? free(unproved(site.where, 'Conv: of zeros, with a bias of another size'))
    : related(
        scaled(ref, bias.scale),
        sizes.map((size, d) => (d === 1 ? channels : sameDim(size))),
      );
}

type Weights = { readonly kind: 'operands'; readonly operands: readonly (Related | null)[] } | { readonly kind: 'finding'; readonly finding: Finding };

const labelOf = (relation: Labels, input: number, d: number): string => relation.inputs[input]?.[d] ?? '';

/** The dimension of an operand that has a label; null for none. */
const dimOf = (relation: Labels, { dims }: Related, input: number, label: string): Dim | null =>
  dims.find((_, d) => labelOf(relation, input, d) === label) ?? null;

/** Dimensions of a constant as operands that are none fix them: those with labels that they have too. */
function fixedBy(relation: Labels, all: readonly (Related | null)[], data: readonly number[], input: number, { dims }: Related): readonly (Dim | null)[] {
  return dims.map((dim, d) => {
    if (dim.length === 0) return dim;
    const label = labelOf(relation, input, d);
    const others = data.map((other) => dimOf(relation, all[other] as Related, other, label));
    return others.find((own) => own !== null) ?? null;
  });
}

/** Finds for each constant the old constant that stands at its place. A constant that is known to be an old one (`known`) is data. */
function matchWeights(site: Site, relation: Labels, all: readonly (Related | null)[], known = -1): Weights {
  const constants = all.flatMap((own, i) => (own !== null && i !== known && isConstant(own) ? [i] : []));
  const data = all.flatMap((own, i) => (own !== null && !constants.includes(i) ? [i] : []));
  const operands = [...all];
  if (!site.isNew || data.length === 0) return { kind: 'operands', operands };
  const [first = 0] = data;
  const anchor = all[first] as Related;
  const users = site.ctx.terms.users(site.node.op, anchor.ref);
  const attributes = attributesFor(site, relation);
  for (const input of constants) {
    const own = all[input] as Related;
    const fixed = fixedBy(relation, all, data, input, own);
    if (own.ref.base.old && fixed.every((dim) => dim === null || isSame(dim)) && users.some((term) => term.operands[input]?.ref.key === own.ref.key)) continue;
    // where the data is zero a factor may be anything, what is added may not
    const ignored = fixed.map((dim) => (input < factorsOf(site, all.length) ? ignoredBy(dim) : null));
    const invent = (): Related | null => inventedWeights(site, own, fixed, ignored);
    let miss: NearMiss | null = null;
    let found: Related | null = null;
    const candidates = users.flatMap((term) => {
      const ref = term.operands[input]?.ref;
      const isLike = term.attributes === attributes && term.operands[first]?.ref.key === anchor.ref.key;
      return isLike && ref?.base.constant != null ? [ONE, ...scalesOf(site, term.id, anchor)].map((scale) => ({ ref, scale })) : [];
    });
    for (const { ref, scale } of candidates) {
      const match = relate(site.ctx, own.ref, ref, fixed, scale, ignored);
      if (isMatch(match)) {
        if (!match.finite) return { kind: 'finding', finding: refuted(site.where, `${site.node.op}: a new weight is not finite`) };
        found = related(match.own, match.dims);
        break;
      }
      if (match !== null) miss = closer(miss, match);
    }
    if (isExactly(all)) found ??= (miss === null ? invent() : null) ?? own;
    else if (isOther(miss)) found ??= invent();
    if (found === null)
      return {
        kind: 'finding',
        finding: miss === null ? unproved(site.where, `${site.node.op}: its weights are none of the old ones`) : wrongElements(site, miss),
      };
    operands[input] = found;
  }
  return { kind: 'operands', operands };
}

/** Weights of a new layer, so that what they make can be followed. */
function inventedWeights(site: Site, own: Related, fixed: readonly (Dim | null)[], ignored: readonly (Uint8Array | null)[]): Related | null {
  const found = invented(site.ctx, own.ref, fixed, ignored);
  return found === null || !found.finite ? null : related(found.own, found.dims);
}

const isExactly = (all: readonly (Related | null)[]): boolean => all.every((own) => own === null || own.dims.every(isSame));

/** Factors by which weights may have been corrected: those that make the result what the old graph has. */
const scalesOf = (site: Site, term: number, anchor: Related): readonly Scale[] =>
  (site.ctx.uses.get(String(term)) ?? []).map((use) => over(use, anchor.scale)).filter((scale) => !isOne(scale));

/** How many operands are multiplied: of a convolution's the third is a bias, which is added. */
const factorsOf = ({ node }: Site, count: number): number => (node.op === 'Conv' ? 2 : count);

/** Indices at which the data is zero. */
function ignoredBy(dim: Dim | null): Uint8Array | null {
  if (dim === null || isSame(dim)) return null;
  const atom = flat(dim);
  return atom?.map == null ? null : Uint8Array.from(atom.map.at, (_, i) => Number(kindAt(atom, i) === Kind.ZERO));
}

/** Attributes as the old graph must have them: a convolution of each channel alone has as many groups as channels, however many these are. */
const attributesFor = (site: Site, relation: Labels): string =>
  relation.attributes?.has('group') === true ? `${attributesText(site.node, new Set(['group']))} of each channel` : site.attributes;

function contracted(site: Site, relation: Labels, all: readonly (Related | null)[], results: readonly Size[]): Value {
  const [outputs = []] = relation.outputs;
  const labels = new Map<string, Part[]>();
  // what is missing stands behind what is there
  const used = all.filter((own) => own !== null);
  const count = used.length;
  const factors = factorsOf(site, count);
  used.forEach((own, input) => {
    own.dims.forEach((dim, d) => {
      const label = labelOf(relation, input, d);
      const parts = labels.get(label) ?? new Array<Part>(count).fill('broadcast');
      parts[input] = dim;
      labels.set(label, parts);
    });
  });
  // parts of sums with new elements that are zero beside old ones only
  let weak = 0;
  for (const [label, parts] of labels) {
    // channels in groups: which elements are summed depends on where a channel stands
    const isMixed = relation.mixes?.includes(label) === true && parts.some((part) => typeof part !== 'string' && !isSame(part));
    if (isMixed) return free(unproved(site.where, `${site.node.op}: works in groups along a dimension that grew`));
    if (outputs.includes(label)) continue;
    const own = summed(site, parts, label);
    if (typeof own !== 'number') return free(own);
    weak += own;
  }
  // what is zero beside old elements only is not zero where two parts of the sum are new
  if (weak > 1) return free(unproved(site.where, `${site.node.op}: sums over new elements that are zero beside old ones, but not beside each other`));
  const dims = outputs.map((label, d): Dim | null => {
    const parts = labels.get(label);
    if (parts === undefined) return sameDim(results[d] ?? 1);
    const whole = joinParts(parts.slice(0, factors), multiplyKinds);
    // a bias is added
    return whole === null || count <= factors ? whole : joinParts([whole, ...parts.slice(factors)], addKinds);
  });
  const clash = dims.indexOf(null);
  if (clash >= 0) return free(unproved(site.where, `${site.node.op}: its operands hold old elements at different places of dimension ${clash}`));
  // a sum that counts on zeros beside old elements says nothing of new ones
  const whole = (dims as readonly Dim[]).map((dim) => (weak > 0 ? mapKinds(dim, (kind) => (kind === Kind.WEAK ? Kind.ANY : kind)) : dim));
  const sizes: readonly Size[] = whole.map(oldSize);
  const attributes = attributesFor(site, relation);
  // what has a bias keeps its factors inside
  if (count > factors) return related(plain(site.ctx.terms, site.node.op, attributes, used.map(scaledOf), sizes), whole);
  const scale = used.reduce((total, own) => times(total, own.scale), ONE);
  const unscaled = used.map((own) => scaled(own.ref));
  return related(scaled(plain(site.ctx.terms, site.node.op, attributes, unscaled, sizes).ref, scale), whole);
}

/** What two operands hold at the new indices of a part. */
const newKinds = ([a, b]: readonly [Atom, Atom]): readonly (readonly [number, number])[] =>
  a.map === null ? [] : [...a.map.at.keys()].flatMap((i) => (oldAt(a, i) < 0 ? [[kindAt(a, i), kindAt(b, i)] as const] : []));

/**
 * Why a sum over a dimension is not the old sum. Where it is: how many parts of the dimension have new indices at which neither side is zero
 * whatever the other indices are.
 */
function summed(site: Site, parts: readonly Part[], label: string): Finding | number {
  const dims = parts.filter((part): part is Dim => typeof part !== 'string');
  const [a, b, ...others] = dims;
  if (a === undefined || dims.every(isSame)) return 0;
  if (b === undefined) return unproved(site.where, `${site.node.op}: sums one operand over ${countNew(a)} new elements`);
  const pairs = others.every((other) => align(a, other) !== null) ? align(a, b) : null;
  if (pairs === null)
    return unproved(site.where, `${site.node.op}: sums over elements that stand at different places (${dimText(a)} and ${dimText(b)}, ${label})`);
  const open = pairs.flatMap(newKinds).filter((kinds) => !kinds.some(isZeroBesideOld)).length;
  // elements of which nothing is known may be zero, or cancel each other: nothing is refuted by them
  if (open > 0) return unproved(site.where, `${site.node.op} sums over ${open} new elements that are zero on neither side`);
  return pairs.filter((pair) => newKinds(pair).some((kinds) => !kinds.includes(Kind.ZERO))).length;
}
