/**
 * Dimensions that an operator carries along. Where the op table gives a dimension of operands and results one label and does not mix its
 * elements, a result at an index of it is a function of the operands at that index alone: f(x)[i] = f₀(x[i]). Then old indices
 * of the operands hold the old result, whatever stands at new ones. All other dimensions must be the old ones.
 */
import { at, attributesOf, type Labels } from '../../analysis/relation.ts';
import { equal, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import { isMatch, type Match, relate, restricted } from '../constants.ts';
import type { Site } from '../context.ts';
import { type Dim, dimText, isSame, isZeroBesideOld, Kind, mapKinds, meet, newSize, oldSize, sameDim } from '../dim.ts';
import { refuted, unproved } from '../findings.ts';
import { joinParts, type Part } from '../join.ts';
import { type Scaled, scaled, viewed } from '../term.ts';
import { type Free, free, isConstant, isExact, type Related, related, type Value, type Zero } from '../value.ts';
import { viewSizes } from '../view.ts';
import { type Operand, termOf, valueInputs } from './operand-terms.ts';
import { keepsSize, resizedTo } from './resize.ts';

export function carried(site: Site, given: readonly Operand[]): readonly Value[] {
  const { relation, node } = site;
  if (relation.kind !== 'labels' || relation.composites !== undefined || relation.attributes !== undefined) return site.sizes.map(() => grew(site, given));
  const fixed = fixedLabels(site, relation);
  const first = labelDims(site, relation, given, fixed, (own, i) => isOpenConstant(site, relation, own, i));
  if ('kind' in first) return site.sizes.map(() => first);
  const operands = matchConstants(site, relation, given, first, fixed);
  if ('kind' in operands) return site.sizes.map(() => operands);
  const found = labelDims(site, relation, operands, fixed);
  if ('kind' in found) return site.sizes.map(() => found);
  const fitting = operands.map((own, i) => restretched(relation, own, i, found));
  const refs = fitting.map((own, i) => resizedTo(site, i) ?? termOf(site, own, own?.kind === 'zero' ? oldSizes(own, relation.inputs[i] ?? [], found) : []));
  const kinds = labelKinds(site, relation, fitting);
  return site.sizes.map((sizes, o) => {
    const labels = relation.outputs[o] ?? [];
    const dims = labels.map((label, d): Size => (found.has(label) ? oldSize(found.get(label) ?? []) : (sizes?.[d] ?? 1)));
    const own = plain(site.ctx.terms, node.op, `${site.attributes}#${o}`, refs, dims);
    const known = viewSizes(own.ref.view);
    return related(
      own,
      labels.map((label, d) => {
        const dim = found.get(label);
        return dim === undefined || isSame(dim) ? sameDim(known[d] ?? 1) : (kinds.get(label) ?? mapKinds(dim, () => Kind.ANY));
      }),
    );
  });
}

const grew = (site: Site, operands: readonly Operand[]): Free => {
  const dim = operands.flatMap((own) => (own?.kind === 'related' ? own.dims : [])).find((own) => !isSame(own));
  return free(unproved(site.where, `${site.node.op}: there is no rule for it where a dimension grows (${dimText(dim ?? [])})`));
};

/** Labels along which a result depends on where an element stands, or that do not belong together although their sizes are equal. */
function fixedLabels(site: Site, relation: Labels): ReadonlySet<string> {
  const { node } = site;
  const [data = [], second = []] = relation.inputs.map((labels) => labels ?? []);
  const all = new Set(relation.inputs.flatMap((labels) => labels ?? []));
  const axis = (otherwise: number): number => at(attributesOf(node).int('axis', otherwise), data.length);
  const others = (labels: readonly string[]): readonly string[] => labels.filter((_, d) => d !== axis(0));
  switch (node.op) {
    case 'EyeLike':
    case 'Scatter':
      return all;
    case 'Trilu':
      return new Set(data.slice(-2));
    case 'CumSum':
      // which dimension it is must be known
      return typeof site.facts.elements(node.inputs[1] ?? '')?.[0]?.value === 'number' ? new Set() : all;
    case 'MaxPool':
      // places count over all dimensions
      return (node.outputs[1] ?? '') === '' ? new Set() : all;
    case 'GatherElements':
    case 'ScatterElements':
      // off the axis, index i of the one is index i of the other: where one is shorter, it is the front of the other
      return new Set([...others(data).filter((label) => !second.includes(label)), ...others(second).filter((label) => !data.includes(label))]);
    case 'Resize':
    case 'Upsample':
      return new Set(data.filter((_, d) => !keepsSize(site, d)));
    default:
      // blocks of elements that follow other dimensions
      return new Set([...(relation.derived ?? [])].flatMap(([label, own]) => [label, own.of]));
  }
}

/** Where the old indices of each label stand; a label that is mixed, summed or searched over must not have grown. */
function labelDims(
  site: Site,
  relation: Labels,
  operands: readonly Operand[],
  fixed: ReadonlySet<string>,
  isLeftOut: (own: Operand, input: number) => boolean = () => false,
): Map<string, Dim> | Free {
  const found = new Map<string, Dim>();
  const open: (readonly [string, Dim])[] = [];
  for (const [i, own] of operands.entries()) {
    if (own?.kind !== 'related' || isLeftOut(own, i)) continue;
    const labels = relation.wholes?.includes(i) === true ? null : relation.inputs[i];
    if (labels == null) {
      if (isExact(own)) continue;
      return grew(site, [own]);
    }
    for (const [d, dim] of own.dims.entries()) {
      const label = labels[d] ?? '';
      if (!passes(relation, label, fixed)) {
        if (isSame(dim)) continue;
        return free(unproved(site.where, `${site.node.op}: mixes elements along a dimension that grew (${dimText(dim)})`));
      }
      if (isStretched(own, d)) {
        open.push([label, dim]);
        continue;
      }
      const joined = joinParts([found.get(label) ?? dim, dim], meet);
      if (joined === null) return free(unproved(site.where, `${site.node.op}: its operands hold old elements at different places`));
      found.set(label, joined);
    }
  }
  const all = new Map([...open, ...found]);
  const apart = open.some(([label, dim]) => !equal(newSize(all.get(label) ?? []), newSize(dim)));
  return apart ? free(unproved(site.where, `${site.node.op}: its operands hold old elements at different places`)) : all;
}

/** True for a dimension that holds one element for all indices. */
const isStretched = ({ ref, dims }: Related, d: number): boolean => {
  const parts = ref.view.dims[d] ?? [];
  return isSame(dims[d] ?? []) && parts.every((part) => part.step === 0);
};

/** Where one element stands for all indices of a dimension, any of them may be the old ones: those of the other operands. */
function restretched(relation: Labels, own: Operand, input: number, found: ReadonlyMap<string, Dim>): Operand {
  if (own?.kind !== 'related') return own;
  const wanted = own.dims.map((dim, d): Dim | null => {
    const other = found.get(relation.inputs[input]?.[d] ?? '');
    return other !== undefined && !isSame(other) && isStretched(own, d) && equal(newSize(other), newSize(dim)) ? other : null;
  });
  if (wanted.every((dim) => dim === null)) return own;
  const dims = own.ref.view.dims.map((parts, d) => (wanted[d] == null ? parts : [{ size: oldSize(wanted[d]), step: 0 }]));
  return related(
    scaled(viewed(own.ref, { offset: own.ref.view.offset, dims }), own.scale),
    own.dims.map((dim, d) => (wanted[d] == null ? dim : mapKinds(wanted[d], () => Kind.ANY))),
  );
}

const passes = (relation: Labels, label: string, fixed: ReadonlySet<string>): boolean =>
  label !== '' && !fixed.has(label) && relation.mixes?.includes(label) !== true && relation.outputs.every((output) => output.includes(label));

const isOpenConstant = (site: Site, relation: Labels, own: Operand, input: number): boolean =>
  site.isNew && (relation.inputs[input] ?? []).length > 0 && own?.kind === 'related' && isConstant(own);

/** Constants with dimensions of their own are those that the old graph has there, old elements at the places that the other operands say. */
function matchConstants(
  site: Site,
  relation: Labels,
  operands: readonly Operand[],
  found: ReadonlyMap<string, Dim>,
  fixed: ReadonlySet<string>,
): readonly Operand[] | Free {
  const isOpen = (own: Operand, i: number): boolean => isOpenConstant(site, relation, own, i);
  const [anchor] = operands.flatMap((own, i) => (own?.kind === 'related' && !isOpen(own, i) && relation.inputs[i] != null ? [{ at: i, ref: own.ref }] : []));
  const { terms } = site.ctx;
  const known = anchor === undefined ? terms.ofConstants(site.node.op) : terms.users(site.node.op, anchor.ref);
  const keys = operands.map((own, i) => {
    if (anchor !== undefined) return i === anchor.at ? anchor.ref.key : null;
    return isOpen(own, i) ? null : (resizedTo(site, i) ?? termOf(site, own)).ref.key;
  });
  const candidates = known.filter(
    (term) => term.attributes === `${site.attributes}#0` && keys.every((key, i) => key === null || term.operands[i]?.ref.key === key),
  );
  const out = [...operands];
  for (const [input, own] of operands.entries()) {
    if (own?.kind !== 'related' || !isOpen(own, input)) continue;
    const labels = relation.inputs[input] ?? [];
    const dims = own.dims.map((dim, d) => (passes(relation, labels[d] ?? '', fixed) ? (found.get(labels[d] ?? '') ?? null) : dim));
    const match = firstOf(candidates, (term) => oldConstant(site, own, term.operands[input], dims));
    if (match?.finite === false) return free(refuted(site.where, `${site.node.op}: a new element of a constant is not finite`));
    if (match !== null) out[input] = related(match.own, match.dims);
  }
  return out;
}

function firstOf<T, R>(list: readonly T[], find: (own: T) => R | null): R | null {
  for (const own of list) {
    const found = find(own);
    if (found !== null) return found;
  }
  return null;
}

function oldConstant({ ctx }: Site, own: Related, old: Scaled | undefined, dims: readonly (Dim | null)[]): Match | null {
  if (old?.ref.base.op === '0' && dims.every((dim) => dim !== null)) {
    const zeros = restricted(ctx, own.ref, dims as readonly Dim[]);
    return zeros?.own.ref.base.constant?.uniform === 0 ? { ...zeros, own: old } : null;
  }
  const match = old?.ref.base.constant == null ? null : relate(ctx, own.ref, old.ref, dims, old.scale);
  return isMatch(match) ? match : null;
}

/** The sizes that zeros have in the old graph: those of the dimensions that they belong to. */
const oldSizes = (own: Zero, labels: readonly string[], found: ReadonlyMap<string, Dim>): readonly Size[] =>
  own.sizes.map((size, d) => {
    const dim = found.get(labels[d] ?? '');
    return dim !== undefined && equal(newSize(dim), size) ? oldSize(dim) : size;
  });

/** What is known of the new indices of each label. */
function labelKinds(site: Site, relation: Labels, operands: readonly Operand[]): ReadonlyMap<string, Dim> {
  const kinds = new Map<string, Dim>();
  const inputs = valueInputs(site);
  const keep = (kind: number): number => (isZeroBesideOld(kind) ? kind : Kind.ANY);
  const labels = new Set(relation.outputs.flat());
  for (const label of labels) {
    const parts = inputs.map((input): Part => {
      const own = operands[input];
      const d = relation.inputs[input]?.indexOf(label) ?? -1;
      return own?.kind === 'zero' ? 'zero' : own == null || d < 0 ? 'broadcast' : (own.dims[d] ?? []);
    });
    const joined = parts.includes('broadcast') ? null : joinParts(parts, meet);
    if (joined !== null && joined.length > 0) kinds.set(label, mapKinds(joined, keep));
  }
  return kinds;
}
