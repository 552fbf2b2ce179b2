/**
 * Where a residual stream meets an operator that has a structure of its own along the channels: a grouped convolution, a norm
 * over groups, a Reshape that reads the stream as heads without a projection.
 *
 * Such an operator keeps its size. At a seam the dimension on the operator's side is an axis of its own: when the stream grows,
 * the operator reads the old channels and what it makes is padded with zeros for the new ones, which is exact for any size.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, find, leavesOf, sameAxis } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import type { Norm } from './norms.ts';
import { ruleOf } from './op-rules.ts';
import { isStatic } from './size.ts';
import type { Stack } from './stacks.ts';

/** The dimensions of one node's operands and results at which its axes are cut from those of the values. */
export interface Seam {
  readonly inputs: ReadonlyMap<number, ReadonlySet<number>>;
  readonly outputs: ReadonlyMap<number, ReadonlySet<number>>;
}

/** Seams by node. */
export type Seams = ReadonlyMap<FlatNode, Seam>;

/** Finds the seams of all streams; empty for a graph whose operators all grow with their streams. */
export function findSeams(analysis: Analysis, stacks: readonly Stack[], norms: readonly Norm[]): Seams {
  const { flat, facts, axes } = analysis;
  const leaves = new Set(stacks.flatMap((stack) => leavesOf(stack.axis)));
  const split = stacks.filter((stack) => find(stack.axis).form === 'product').map((stack) => stack.axis);
  const statistics = new Set(norms.flatMap((norm) => norm.statistics));
  const isStream = (axis: Axis): boolean => isStatic(find(axis).size) && leavesOf(axis).some((leaf) => leaves.has(leaf));
  const isSplit = (axis: Axis): boolean => split.some((own) => sameAxis(own, axis));
  const seams = new Map<FlatNode, Seam>();
  for (const node of flat.nodes) {
    const relation = facts.relations.get(node);
    if (relation?.kind === 'labels' && (relation.mixes?.length ?? 0) > 0 && !statistics.has(node) && ruleOf(node.op)?.mixing === undefined) {
      const mixes = (labels: readonly string[] | null | undefined, own: readonly Axis[] | undefined): boolean =>
        labels?.some((label, d) => relation.mixes?.includes(label) === true && own?.[d] !== undefined && isStream(own[d])) === true;
      const reads = relation.inputs.some((labels, i) => !flat.constants.has(node.inputs[i] ?? '') && mixes(labels, axes.ofInput(node, i)));
      const makes = relation.outputs.some((labels, o) => mixes(labels, axes.of(node.outputs[o] ?? '')));
      if (reads || makes) seams.set(node, seamOf(analysis, node, isStream));
    } else if (relation?.kind === 'reshape' && facts.values.get(node.outputs[0] ?? '')?.dependence === 'data') {
      const [before, after] = [axes.ofInput(node, 0)?.some(isSplit), axes.of(node.outputs[0] ?? '')?.some(isSplit)];
      if (before !== after) seams.set(node, seamOf(analysis, node, before === true ? isSplit : isStream, before === true ? () => false : isSplit));
    }
  }
  return seams;
}

function seamOf({ flat, axes }: Analysis, node: FlatNode, reads: (axis: Axis) => boolean, makes = reads): Seam {
  const dims = (own: readonly Axis[] | undefined, test: (axis: Axis) => boolean): ReadonlySet<number> =>
    new Set((own ?? []).flatMap((axis, d) => (test(axis) ? [d] : [])));
  const cut = (entries: readonly (readonly [number, ReadonlySet<number>])[]): ReadonlyMap<number, ReadonlySet<number>> =>
    new Map(entries.filter(([, own]) => own.size > 0));
  return {
    inputs: cut(node.inputs.flatMap((name, i) => (flat.constants.has(name) ? [] : [[i, dims(axes.ofInput(node, i), reads)] as const]))),
    outputs: cut(node.outputs.map((name, o) => [o, dims(axes.of(name), makes)] as const)),
  };
}
