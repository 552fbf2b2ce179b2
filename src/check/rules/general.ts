/** Operators without a rule of their own: the same operator on the same operands; dimensions that it leaves apart may have grown. */
import { plain } from '../algebra.ts';
import type { Rule } from '../context.ts';
import { unproved } from '../findings.ts';
import { isRandom } from '../randomness.ts';
import { exactly, free, isExact, type Value, zeros } from '../value.ts';
import { carried } from './carried.ts';
import { operandsOf, termOf, valueInputs } from './operand-terms.ts';
import { resizedTo } from './resize.ts';

const isOld = (own: Value): boolean => own.kind === 'related' && own.ref.base.old;

export const general: Rule = (site) => {
  const { node, operands, sizes } = site;
  if (isRandom(node, site.facts)) return sizes.map(() => free(unproved(site.where, `${node.op}: gives other numbers each time`)));
  const own = operandsOf(site);
  const values = valueInputs(site);
  // whatever places free operands say
  if (sizes.length === 1 && sizes[0] != null && values.length > 0 && values.every((input) => own[input]?.kind === 'zero')) return [zeros(sizes[0])];
  if (operands.some((operand) => operand?.kind === 'free')) return sizes.map(() => free());
  const refs = own.map((operand, i) => resizedTo(site, i) ?? termOf(site, operand));
  const isSettled = own.every((operand) => operand?.kind !== 'related' || isExact(operand));
  // a value whose rank nobody knows can still be the same value
  const same = isSettled ? sizes.map((dims, o) => exactly(plain(site.ctx.terms, node.op, `${site.attributes}#${o}`, refs, dims ?? []))) : null;
  if (same !== null && (!site.isNew || same.every(isOld))) return same;
  const apart = carried(site, own);
  return same !== null && !apart.every(isOld) ? same : apart;
};
