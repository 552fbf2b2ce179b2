/** Which new elements must be the mean of the old ones, found backwards: what a native LayerNorm needs of its operand. */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Operand } from '../analysis/norms.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import type { Region } from './fill.ts';
import type { AxisGrowth } from './grow-axis.ts';

/** The key of an operand's constant: shared matrices have one for all uses, small constants one per use. */
export function useKey(analysis: Analysis, operand: Operand): string {
  const name = operand.node.inputs[operand.input] ?? '';
  const shared = analysis.axes.of(name) === analysis.axes.ofInput(operand.node, operand.input);
  return shared ? name : `${name}\u0000${analysis.data.index.get(operand.node) ?? 0}\u0000${operand.input}`;
}

/**
 * Pushes the demand for a mean along one dimension back to the constants that can grant it, and writes them down in `means`.
 * The function returned says null when all grant it, else why not. `zeros` are the zeros demanded so far.
 */
export function collectMeans(
  analysis: Analysis,
  growth: AxisGrowth,
  zeros: ReadonlyMap<string, readonly Region[]>,
  means: Map<string, number>,
): (operand: Operand, dim: number) => string | null {
  const { facts, axes, data, flat, seams } = analysis;
  const done = new Map<string, string | null>();
  const axesAt = (operand: Operand): readonly Axis[] => axes.ofInput(operand.node, operand.input) ?? [];
  return mean;

  function mean(operand: Operand, dim: number): string | null {
    const name = operand.node.inputs[operand.input] ?? '';
    const key = `mean\u0000${flat.constants.has(name) ? useKey(analysis, operand) : name}\u0000${dim}`;
    const known = done.get(key);
    if (known !== undefined) return known;
    done.set(key, null);
    const result = meanNew(operand, name, dim);
    done.set(key, result);
    return result;
  }

  function meanNew(operand: Operand, name: string, dim: number): string | null {
    if (flat.constants.has(name)) {
      const use = useKey(analysis, operand);
      if ((zeros.get(use) ?? []).some((region) => region[dim] != null && region.every((own, d) => d === dim || own === null)))
        return `${name} would have to be zero and a mean`;
      means.set(use, dim);
      return null;
    }
    const node = data.producer(name);
    const relation = node === undefined ? undefined : facts.relations.get(node);
    if (node === undefined || relation === undefined) return `input ${name} carries the grown width`;
    const output = node.outputs.indexOf(name);
    const rule = ruleOf(node.op);
    const fail = `${nodeLabel(node)}: its result cannot keep the mean of its operand`;
    if (seams.has(node)) return fail;
    if (relation.kind === 'labels') {
      const label = relation.outputs[output]?.[dim] ?? '';
      const dimOf = (input: number): number => relation.inputs[input]?.indexOf(label) ?? -1;
      const related = relation.inputs.flatMap((own, input) => (own === null || (node.inputs[input] ?? '') === '' ? [] : [input]));
      if (relation.mixes?.includes(label) === true) return fail;
      const push = (input: number): string | null => (dimOf(input) < 0 ? null : mean({ node, input }, dimOf(input)));
      if (rule?.zero === 'all') return every(related, push);
      if (rule?.zero === 'branches') return dimOf(0) >= 0 ? fail : every([1, 2], push);
      if (rule?.zero === 'table' || rule?.zero === 'moved') return node.op === 'If' ? every(branchInputs(node, output), push) : dimOf(0) < 0 ? fail : push(0);
      if (rule?.quantised !== undefined) return fail;
      if (rule?.zero === 'product') return related.slice(0, 2).filter((input) => dimOf(input) >= 0).length === 1 ? every(related, push) : fail;
      const scales = rule?.zero === 'any' || node.op === 'Div';
      if (scales) return related.filter((input) => dimOf(input) >= 0).length === 1 && (node.op !== 'Div' || dimOf(0) >= 0) ? every(related, push) : fail;
      return node.op === 'Cast' || node.op === 'Identity' || node.op === 'Dropout' || node.op === 'CastLike' ? push(0) : fail;
    }
    if (relation.kind === 'unknown') return fail;
    const out = axes.of(name) ?? [];
    if (relation.kind === 'reshape') {
      const own = axesAt({ node, input: 0 });
      const at = own.findIndex((axis) => axis === out[dim] || (growth.grows(axis) && growth.hint(axis) === growth.hint(out[dim] as Axis)));
      return at < 0 ? fail : mean({ node, input: 0 }, at);
    }
    if (relation.kind === 'concat')
      return relation.axis === dim
        ? fail
        : every(
            node.inputs.map((_, i) => i),
            (input) => mean({ node, input }, dim),
          );
    if (relation.kind === 'gather')
      return relation.scalar === true
        ? mean({ node, input: 0 }, dim < (relation.axis ?? 0) ? dim : dim + 1)
        : relation.axis === dim
          ? fail
          : mean({ node, input: 0 }, dim);
    if (relation.kind === 'tile') return relation.repeats?.[dim] === 1 ? mean({ node, input: 0 }, dim) : fail;
    if (relation.kind === 'slice') return relation.ranges?.[dim] == null ? mean({ node, input: 0 }, dim) : fail;
    return relation.kind === 'split' && relation.axis !== dim ? mean({ node, input: 0 }, dim) : fail;
  }
}

/** Inputs of an `If` that feed one of its outputs. */
export const branchInputs = (node: FlatNode, output: number): number[] =>
  node.inputs.flatMap((_, i) => (i > 0 && (i - 1) % node.outputs.length === output ? [i] : []));

/** The first reason there is; null when every visit grants. */
export function every(inputs: readonly number[], visit: (input: number) => string | null): string | null {
  for (const input of inputs) {
    const reason = visit(input);
    if (reason !== null) return reason;
  }
  return null;
}
