/** Operators that are a whole attention block or a rotation: their labels say what heads, widths and keys are. */
import type { Composite, FusedAttention, Labels } from '../../analysis/relation.ts';
import { hint, isStatic, multiply, type Size } from '../../analysis/size.ts';
import { supposedCache } from '../cache-wish.ts';
import { isMatch, relate } from '../constants.ts';
import type { OldNode, Rule, Site } from '../context.ts';
import { type Atom, type Dim, dimText, flat, indexMap, isSame, isZeroBesideOld, Kind, mapKinds, mappedDim, meet, sameDim, take, withKinds } from '../dim.ts';
import { type Finding, refuted, unproved } from '../findings.ts';
import { joinParts, zeroKinds } from '../join.ts';
import { attributesText } from '../node-text.ts';
import type { Scaled } from '../term.ts';
import { free, isConstant, isExact, type Related, related, scaledOf, type Value } from '../value.ts';
import { general } from './general.ts';

/** One place of a label: in which operand, from which index on, and where its old indices stand. */
interface Place {
  readonly input: number;
  readonly dim: number;
  readonly start: number;
  readonly own: Dim;
}

/** Attribute names that hold sizes; they are compared by what they mean, as are those whose default depends on a size. */
const SIZES = ['num_heads', 'kv_num_heads', 'q_num_heads', 'qkv_hidden_sizes'];

export const attention: Rule = (site) => {
  const { operands, relation, ctx } = site;
  const [first] = operands;
  const slot = first?.kind === 'related' ? `${site.node.op} ${first.ref.key}` : '';
  const olds = ctx.fused.get(slot) ?? [];
  if (!site.isNew) {
    const outputs = general(site);
    // a block with an operand of zeros is none without that operand
    if (operands.every((own): own is Related | null => own === null || own.kind === 'related'))
      ctx.fused.set(slot, [...olds, { node: site.node, facts: site.facts, operands: operands.map((own) => own && scaledOf(own)), outputs }]);
    return outputs;
  }
  const plainCase = operands.every((own) => own === null || (own.kind === 'related' && isExact(own) && (own.ref.base.old || !isConstant(own))));
  if (relation.kind !== 'labels' || first?.kind !== 'related') return general(site);
  let finding: Finding | null = null;
  for (const old of olds) {
    const found = asOld(site, relation, old);
    if (Array.isArray(found)) return found;
    finding ??= found as Finding;
  }
  if (plainCase || operands.some((own, i) => own?.kind !== 'related' && own !== null && site.inputBehind(i) === null)) return general(site);
  return site.sizes.map(() => free(finding ?? unproved(site.where, `${site.node.op}: the old graph has no such block of these operands`)));
};

function asOld(site: Site, relation: Labels, old: OldNode): readonly Value[] | Finding {
  const stop = (message: string): Finding => unproved(site.where, `${site.node.op}: ${message}`);
  const before = old.facts.relations.get(old.node);
  if (before?.kind !== 'labels') return stop('the old block is not understood');
  const kept = before.keeps ?? new Map<string, number>();
  const measured = new Set([...SIZES, ...kept.keys()]);
  if (attributesText(site.node, measured) !== attributesText(old.node, measured)) return stop('its attributes changed');
  // attributes are float32 numbers
  for (const [name, value] of kept)
    if (Math.fround(relation.keeps?.get(name) ?? NaN) !== Math.fround(value))
      return refuted(site.where, `${site.node.op}: its ${name} changed from ${value} to ${relation.keeps?.get(name)}`);
  const sizes = { now: labelSizes(relation), old: labelSizes(before) };
  const places = new Map<string, Place[]>();
  /** A cache is what it is supposed to be, or what it must be for this block to be the old one. */
  const isCache = (i: number): boolean => old.operands[i]?.ref.base.op === 'input' && site.inputBehind(i) !== null;
  /** Why an operand is not that of the old block; notes where its old elements stand. */
  const noted = (value: Related, wanted: Scaled, i: number): string | null => {
    if (value.ref.key !== wanted.ref.key || value.scale.key !== wanted.scale.key) return `operand ${i} is not that of the old block`;
    const labels = relation.inputs[i];
    if (labels == null) return isExact(value) ? null : `operand ${i} grew`;
    for (const [d, dim] of value.dims.entries()) {
      const problem = record(places, relation, sizes, labels[d] ?? '', dim, i, d);
      if (problem !== null) return problem;
    }
    return null;
  };
  for (const pass of ['data', 'constants'] as const) {
    for (let i = 0; i < Math.max(site.operands.length, old.operands.length); i++) {
      const [own = null, wanted = null] = [site.operands[i], old.operands[i]];
      if (own === null && wanted === null) continue;
      if (own === null || wanted === null) return stop(`operand ${i} is there on one side only`);
      const labels = relation.inputs[i];
      if (isCache(i)) continue;
      if (own.kind !== 'related') return stop(`operand ${i} is new`);
      if ((isConstant(own) && labels != null) !== (pass === 'constants')) continue;
      let value: Related = own;
      if (pass === 'constants' && own.ref.key !== wanted.ref.key) {
        const fixed = own.dims.map((dim, d) => (dim.length === 0 ? dim : (places.get(labels?.[d] ?? '')?.[0]?.own ?? null)));
        const match = relate(site.ctx, own.ref, wanted.ref, fixed);
        if (!isMatch(match))
          return match === null
            ? stop(`operand ${i} is another constant`)
            : refuted(site.where, `${site.node.op}: ${match.wrong} of ${match.compared} old elements of operand ${i} changed, ${match.first}`);
        if (!match.finite) return refuted(site.where, `${site.node.op}: a new element of operand ${i} is not finite`);
        value = related(match.own, match.dims);
      }
      const problem = noted(value, wanted, i);
      if (problem !== null) return stop(problem);
    }
  }
  const joined = new Map<string, Dim>();
  for (const [label, own] of places) {
    const dim = joinParts(
      own.map((place) => place.own),
      () => Kind.ANY,
    );
    if (dim === null) return stop(`the old elements stand at different places (${own.map((place) => dimText(place.own)).join(', ')})`);
    joined.set(label, dim);
  }
  for (const [i, own] of site.operands.entries()) {
    const wanted = old.operands[i];
    if (own === null || wanted == null || !isCache(i)) continue;
    const value = supposedCache(site, i, [wanted], (d) => joined.get(relation.inputs[i]?.[d] ?? '') ?? null) ?? own;
    const problem = value.kind === 'related' ? noted(value, wanted, i) : `operand ${i} is new`;
    if (problem !== null) return stop(problem);
  }
  for (const [label, own] of places) places.set(label, closedUnderRotation(relation, sizes.now, label, own));
  const problem = scoreProblem(site, relation, places);
  if (problem !== null) return problem;
  return site.node.outputs.map((_, o): Value => {
    const known = old.outputs[o];
    const sizesNow = site.sizes[o];
    if (known?.kind !== 'related' || sizesNow == null) return free();
    const dims = (relation.outputs[o] ?? []).map((label, d) => outputDim(site, relation, places, joined, label, o, sizesNow[d] ?? 1));
    return related(scaledOf(known), dims);
  });
}

type LabelSizes = (spec: string | Composite) => Size | undefined;

/** Sizes of the parts that labels are made of; undefined for others. */
function labelSizes({ sizes }: Labels): LabelSizes {
  const of: LabelSizes = (spec) => {
    if (typeof spec === 'string') return sizes?.get(spec);
    const parts = spec.of.map(of);
    if (parts.some((part) => part === undefined)) return undefined;
    return (parts as Size[]).reduce((a, b) => (spec.form === 'product' ? multiply(a, b) : hint(a) + hint(b)));
  };
  return of;
}

/** Notes where the old indices of a label, and of what it is made of, stand. */
function record(
  places: Map<string, Place[]>,
  relation: Labels,
  sizes: { now: LabelSizes; old: LabelSizes },
  spec: string | Composite,
  dim: Dim,
  input: number,
  d: number,
  start = 0,
): string | null {
  const composite = typeof spec === 'string' ? relation.composites?.get(spec) : spec;
  if (typeof spec === 'string' && spec !== '') places.set(spec, [...(places.get(spec) ?? []), { input, dim: d, start, own: dim }]);
  if (composite === undefined) return null;
  let rest: readonly Atom[] = dim;
  let [at, oldAt] = [0, 0];
  for (const part of composite.of) {
    const [size, old] = [sizes.now(part), sizes.old(part)];
    if (size === undefined || old === undefined) return `the size of a part of it is not known`;
    if (composite.form === 'product') {
      const next = take(rest, size, old);
      if (next === null) return `heads and widths cannot be told apart (${dimText(dim)})`;
      rest = next.rest;
      const problem = record(places, relation, sizes, part, next.taken, input, d, start);
      if (problem !== null) return problem;
      continue;
    }
    const segment = cutOut(dim, at, hint(size), oldAt, hint(old));
    if (segment === null) return `its parts hold each other's elements (${dimText(dim)})`;
    const problem = record(places, relation, sizes, part, segment, input, d, start + at);
    if (problem !== null) return problem;
    at += hint(size);
    oldAt += hint(old);
  }
  return null;
}

function cutOut(dim: Dim, from: number, count: number, oldFrom: number, oldCount: number): Dim | null {
  const atom = flat(dim);
  if (atom === null || !isStatic(atom.size)) return null;
  if (atom.map === null) return count === oldCount && from === oldFrom ? sameDim(count) : null;
  const own = atom.map.at.slice(from, from + count).map((old) => (old < 0 ? -1 : old - oldFrom));
  if (own.some((old) => old >= oldCount || old < -1) || own.filter((old) => old >= 0).length !== oldCount) return null;
  return mappedDim(indexMap(own, oldCount), atom.kinds?.slice(from, from + count) ?? new Uint8Array(count));
}

/** Queries and keys are multiplied over their width: of each new index, one side must be zero. */
function scoreProblem(site: Site, { attention: own }: Labels, places: ReadonlyMap<string, readonly Place[]>): Finding | null {
  if (own === undefined) return null;
  const all = places.get(own.qk) ?? [];
  const keys = all.filter((place) => roleOf(site, own, place) === 'key');
  const queries = all.filter((place) => roleOf(site, own, place) === 'query');
  const both = bothOpen(keys, queries);
  if (both === 0) return null;
  return unproved(site.where, `${site.node.op}: scores sum over ${both} new elements that are zero on neither side`);
}

/** The caches of keys and values, by operand position. Sources: ContribOperators.md; ai.onnx Attention. */
const CACHES: Readonly<Record<string, Readonly<Record<number, Role>>>> = {
  'com.microsoft.GroupQueryAttention': { 3: 'key', 4: 'value' },
  'com.microsoft.MultiHeadAttention': { 6: 'key', 7: 'value' },
  'com.microsoft.Attention': { 4: 'key' },
  Attention: { 4: 'key', 5: 'value' },
};

type Role = 'query' | 'key' | 'value';

/** What a width belongs to; a packed operand holds queries, keys and values behind each other. */
function roleOf(site: Site, own: FusedAttention, place: Place): Role {
  const cache = CACHES[site.node.op]?.[place.input];
  if (cache !== undefined) return cache;
  const packed = own.keys.find((key) => key.input === place.input && key.dim === place.dim);
  if (packed !== undefined) return place.start < packed.start ? 'query' : place.start < packed.end ? 'key' : 'value';
  return place.input === own.query ? 'query' : place.input === own.key ? 'key' : 'value';
}

/**
 * Widths that are rotated: (x, y) becomes (x cos − y sin, x sin + y cos), so an element is zero behind the rotation where both of its
 * pair are.
 */
function closedUnderRotation(relation: Labels, sizes: LabelSizes, label: string, places: readonly Place[]): Place[] {
  const partner = partnerIn(relation, sizes, label);
  if (partner === null) return [...places];
  return places.map((place) => {
    const atom = flat(place.own);
    if (atom?.map == null) return place;
    return { ...place, own: [withKinds(atom, (kind, i) => (partner(i) === i ? kind : zeroKinds(kind, Number(atom.kinds[partner(i)]))))] };
  });
}

/** The index that each index of a label is rotated with, itself where it is not rotated; null for labels that no rotated width is part of. */
function partnerIn(relation: Labels, sizes: LabelSizes, label: string): ((i: number) => number) | null {
  const { form = 'sum', of = [] } = relation.composites?.get(label) ?? {};
  const [first, last] = [of[0], of.at(-1)];
  if (form === 'product') {
    // heads of rotated widths, one behind the other
    const within = typeof last === 'string' ? partnerIn(relation, sizes, last) : null;
    const width = Number(sizes(last ?? ''));
    return within === null ? null : (i) => i - (i % width) + within(i % width);
  }
  const isPairs = typeof first === 'object' && first.of[0] === 'c';
  const count = Number(sizes('c'));
  if (!isPairs && first !== 'c') return null;
  return (i) => (i >= 2 * count ? i : isPairs ? i ^ 1 : (i + count) % (2 * count));
}

const openKinds = (places: readonly Place[]): Uint8Array[] =>
  places.flatMap((place) => {
    const atom = flat(place.own);
    return atom?.map == null ? [] : [Uint8Array.from(atom.map.at, (old, i) => (old < 0 && !isZeroBesideOld(atom.kinds?.[i]) ? 1 : 0))];
  });
const bothOpen = (a: readonly Place[], b: readonly Place[]): number => {
  const [x, y] = [openKinds(a), openKinds(b)];
  const [first = []] = x;
  return [...first.keys()].filter((i) => x.some((own) => own[i] === 1) && y.some((own) => own[i] === 1)).length;
};

/** A result's dimension: of heads nothing is known where they are new; of widths what the operand that brings them has there. */
function outputDim(
  site: Site,
  relation: Labels,
  places: ReadonlyMap<string, readonly Place[]>,
  joined: ReadonlyMap<string, Dim>,
  label: string,
  output: number,
  size: Size,
): Dim {
  const composite = relation.composites?.get(label);
  const own = joined.get(label);
  if (own !== undefined) {
    if (isSame(own)) return sameDim(size);
    const handed = handedOn(site, relation, places.get(label) ?? [], output);
    return (handed.length === 0 ? null : meetOf(handed)) ?? mapKinds(own, () => Kind.ANY);
  }
  if (composite?.form === 'product')
    return composite.of
      .flatMap((part) => (typeof part === 'string' ? (joined.get(part) ?? []) : []))
      .map((atom) => (atom.map === null ? atom : { ...atom, kinds: Uint8Array.from(atom.map.at, (old) => (old < 0 ? Kind.ANY : Kind.OLD)) }));
  return sameDim(size);
}

/** Roles that a result hands on: of products and scores nothing is known where heads or widths are new. */
const HANDED_ON: readonly (readonly Role[])[] = [[], ['key'], ['value'], []];

/** The places that a result hands on: all that is rotated, keys, then values, or both in one. */
function handedOn(site: Site, { attention: own }: Labels, places: readonly Place[], output: number): readonly Place[] {
  if (own === undefined) return places;
  const isStacked = site.node.op === 'com.microsoft.Attention' && output === 1;
  return places.filter((place) => {
    const role = roleOf(site, own, place);
    return isStacked ? role !== 'query' : HANDED_ON[output]?.includes(role);
  });
}

const meetOf = (places: readonly Place[]): Dim | null =>
  joinParts(
    places.map((place) => place.own),
    meet,
  );
