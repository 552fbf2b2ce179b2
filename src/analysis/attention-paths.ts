/** The way from a projection to where queries, keys and values meet, and what happens on it. */
import { type Axis, find, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { factorNames, isProduct, type Norm } from './norms.ts';
import { factorInputs, ruleOf } from './op-rules.ts';
import { reducedAxis } from './spelled-norms.ts';

/** Values from a projected activation back to (not including) the nearest product with a weight; all branches. */
export function pathToProjection(analysis: Analysis, start: string): string[] {
  const { data, facts } = analysis;
  const path: string[] = [];
  const queue = [start];
  const seen = new Set<string>();
  while (queue.length > 0 && path.length < 200) {
    const value = queue.pop();
    if (value === undefined || seen.has(value) || facts.values.get(value)?.dependence !== 'data') continue;
    seen.add(value);
    const node = data.producer(value);
    if (node !== undefined && isProduct(node)) continue;
    path.push(value);
    if (node === undefined) continue;
    const rule = ruleOf(node.op);
    const inputs = data.dataInputs(node);
    if (rule?.zero === 'any' || rule?.zero === 'first') {
      const wide = inputs.filter((i) => descendsFromProduct(analysis, node.inputs[i] ?? ''));
      queue.push(...(wide.length > 0 ? wide : inputs).map((i) => node.inputs[i] ?? ''));
    } else queue.push(...inputs.map((i) => node.inputs[i] ?? ''));
  }
  return path;
}

/** Leaves of what the nearest products with weights behind activations make. */
export function projectionLeaves(analysis: Analysis, starts: readonly string[]): ReadonlySet<Axis> {
  const { data, facts, axes } = analysis;
  const leaves = new Set<Axis>();
  for (const value of starts.flatMap((start) => [start, ...pathToProjection(analysis, start)])) {
    for (const name of [value, ...(data.producer(value)?.inputs ?? [])]) {
      const node = data.producer(name);
      const relation = node === undefined || !isProduct(node) ? undefined : facts.relations.get(node);
      if (node === undefined || relation?.kind !== 'labels') continue;
      const weight = factorInputs(node).find((input) => facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant');
      if (weight === undefined) continue;
      const own = axes.ofInput(node, weight) ?? [];
      relation.inputs[weight]?.forEach((label, d) => {
        if (own[d] !== undefined && relation.outputs[0]?.includes(label) === true) for (const leaf of leavesOf(own[d])) leaves.add(leaf);
      });
    }
  }
  return leaves;
}

const descendsFromProduct = (analysis: Analysis, value: string): boolean =>
  analysis.data.ancestors(value).some((node) => isProduct(node) && factorNames(node).some((name) => isMatrix(analysis, name)));

/** A constant with more than one dimension that matters; frequencies times positions are no projection. */
export const isMatrix = ({ facts }: Analysis, name: string): boolean => {
  const value = facts.values.get(name);
  return value?.dependence === 'constant' && (value.dims ?? []).filter((size) => size !== 1).length > 1;
};

/** Rotary embedding: a product with a table over positions and (half of) the query/key axis. */
export function rotated(analysis: Analysis, path: readonly string[], qkLeaves: ReadonlySet<Axis>): boolean {
  const { data, axes, facts } = analysis;
  return path.some((value) => {
    const node = data.producer(value);
    if (node === undefined) return false;
    if (node.op === 'RotaryEmbedding' || node.op === 'com.microsoft.RotaryEmbedding') return true;
    if (node.op !== 'Mul') return false;
    return node.inputs.some((name, input) => {
      if (path.includes(name)) return false;
      const own = axes.ofInput(node, input) ?? [];
      const wide = own.filter((axis) => find(axis).size !== 1);
      return (
        wide.length >= 2 &&
        wide.some((axis) => leavesOf(axis).some((leaf) => qkLeaves.has(leaf))) &&
        (facts.values.get(name)?.dims?.length ?? 0) >= 2 &&
        !descendsFromProduct(analysis, name)
      );
    });
  });
}

export function normOnPath(analysis: Analysis, path: readonly string[], qkLeaves: ReadonlySet<Axis>, norms: readonly Norm[]): 'layer' | 'rms' | null {
  const on = new Set(path);
  const found = norms.find((norm) => on.has(norm.core) && leavesOf(norm.axis).some((leaf) => qkLeaves.has(leaf)));
  if (found !== undefined) return found.kind;
  const statistic = path.some((value) => {
    const node = analysis.data.producer(value);
    const axis = node === undefined || !node.op.startsWith('Reduce') ? undefined : reducedAxis(analysis, node);
    return axis !== undefined && leavesOf(axis).some((leaf) => qkLeaves.has(leaf));
  });
  return statistic ? 'rms' : null;
}
