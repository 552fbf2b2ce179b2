/** Values that are zero everywhere for all inputs, such as the accumulators that experts add their rows to. */
import type { Analysis } from './graph-analysis.ts';
import { ruleOf } from './op-rules.ts';

/**
 * True when a value is certainly zero everywhere, also when it gets bigger. Stored zeros of several elements do not count: the
 * weights of a new layer are zero at first, and what they gain when they grow is zero only where that is demanded.
 */
export function isAlwaysZero(analysis: Analysis, value: string, depth = 0): boolean {
  const { data, facts, flat } = analysis;
  const elements = facts.elements(value);
  if (elements?.length === 1) return elements[0]?.value === 0;
  if (flat.constants.has(value)) return false;
  const node = data.producer(value);
  const relation = node === undefined ? undefined : facts.relations.get(node);
  if (node === undefined || relation === undefined || relation.kind === 'unknown' || depth > 16) return false;
  const zero = (input: number): boolean => isAlwaysZero(analysis, node.inputs[input] ?? '', depth + 1);
  if (node.op === 'ConstantOfShape') {
    const filled = node.node.attributes.find((own) => own.name === 'value');
    return filled === undefined || (filled.kind === 'tensor' && filled.value.data.read(0, filled.value.data.size).every((byte) => byte === 0));
  }
  if (relation.kind === 'labels' && 'neverZero' in relation && relation.neverZero === true) return false;
  switch (ruleOf(node.op)?.zero) {
    case 'keeps':
    case 'first':
    case 'table':
      return zero(0);
    case 'moved':
      return relation.kind === 'pad' || node.op === 'If' ? false : relation.kind === 'concat' ? node.inputs.every((_, i) => zero(i)) : zero(0);
    case 'all':
      return node.inputs.every((_, i) => zero(i));
    case 'any':
      return node.inputs.some((_, i) => zero(i));
    default:
      return false;
  }
}
