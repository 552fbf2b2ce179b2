/** Operators without a rule of their own: the same operator on the same operands, dimensions that it leaves apart may have grown. */
import { ruleOf } from '../../analysis/op-rules.ts';
import type { Labels } from '../../analysis/relation.ts';
import { plain } from '../algebra.ts';
import type { Rule, Site } from '../context.ts';
import { type Dim, dimText, isSame, isZeroBesideOld, Kind, mapKinds, meet, oldSize, sameDim } from '../dim.ts';
import { unproved } from '../findings.ts';
import { joinParts } from '../join.ts';
import { isRandom } from '../randomness.ts';
import { type Scaled, scaled } from '../term.ts';
import { exactly, type Free, free, isExact, type Related, related, scaledOf, type Value } from '../value.ts';

export const general: Rule = (site) => {
  const { node, operands } = site;
  if (isRandom(node, site.facts)) return site.sizes.map(() => free(unproved(site.where, `${node.op}: gives other numbers each time`)));
  if (operands.some((own) => own?.kind === 'free')) return site.sizes.map(() => free());
  const refs = operands.map(
    (own): Scaled =>
      own === null
        ? plain(site.ctx.terms, 'none', '', [], [])
        : own.kind === 'related'
          ? scaledOf(own)
          : plain(site.ctx.terms, '0', '', [], own.kind === 'zero' ? own.sizes : []),
  );
  const values = operands.filter((own): own is Related => own?.kind === 'related');
  const name = (o: number): string => `${site.attributes}#${o}`;
  if (values.every(isExact))
    return site.sizes.map((sizes, o) => (sizes === null ? unknownShape(site, refs, o) : exactly(plain(site.ctx.terms, node.op, name(o), refs, sizes))));
  const { relation } = site;
  if (relation.kind !== 'labels' || relation.composites !== undefined || relation.attributes !== undefined) return site.sizes.map(() => grew(site, values));
  const dims = labelDims(site, relation);
  if (!(dims instanceof Map)) return site.sizes.map(() => dims);
  const keeps = ruleOf(node.op)?.zero === 'keeps';
  return site.sizes.map((sizes, o) => {
    const own = (relation.outputs[o] ?? []).map((label, d) => dims.get(label) ?? sameDim(sizes?.[d] ?? 1));
    const kinds = own.map((dim) => mapKinds(dim, (kind) => (keeps && isZeroBesideOld(kind) ? kind : Kind.ANY)));
    return related(plain(site.ctx.terms, node.op, name(o), refs, kinds.map(oldSize)), kinds);
  });
};

/** A value whose rank nobody knows can still be the same value. */
function unknownShape(site: Site, refs: readonly Scaled[], output: number): Value {
  return exactly(scaled(plain(site.ctx.terms, site.node.op, `${site.attributes}#${output}`, refs, []).ref));
}

const grew = (site: Site, values: readonly Related[]): Free => {
  const dim = values.flatMap((own) => own.dims).find((own) => !isSame(own));
  return free(unproved(site.where, `${site.node.op}: there is no rule for it where a dimension grows (${dimText(dim ?? [])})`));
};

/** Where the old indices of each label stand; a label that is mixed, summed or searched over must not have grown. */
function labelDims(site: Site, relation: Labels): Map<string, Dim> | Free {
  const found = new Map<string, Dim>();
  for (const [i, own] of site.operands.entries()) {
    if (own?.kind !== 'related') continue;
    const labels = relation.inputs[i];
    if (labels == null) {
      if (isExact(own)) continue;
      return grew(site, [own]);
    }
    for (const [d, dim] of own.dims.entries()) {
      const label = labels[d] ?? '';
      const passes = label !== '' && relation.mixes?.includes(label) !== true && relation.outputs.every((output) => output.includes(label));
      if (!passes && !isSame(dim)) return free(unproved(site.where, `${site.node.op}: mixes elements along a dimension that grew (${dimText(dim)})`));
      const known = found.get(label);
      const joined = known === undefined ? dim : joinParts([known, dim], meet);
      if (joined === null) return free(unproved(site.where, `${site.node.op}: its operands hold old elements at different places`));
      if (passes) found.set(label, joined);
    }
  }
  return found;
}
