import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Branch, Layer } from '../analysis/layers.ts';
import { factorNames, isProduct } from '../analysis/norms.ts';
import type { Stack } from '../analysis/stacks.ts';
import { weightSource } from './weight-source.ts';

/** True when two layers of a stack multiply with the very same stored matrices. */
export function sharesLayers(analysis: Analysis, stack: Stack): boolean {
  const keys = stack.layers.map((layer) => matricesOf(analysis, layer).join('\n')).filter((key) => key !== '');
  return new Set(keys).size < keys.length;
}

const matricesOf = (analysis: Analysis, layer: Layer): string[] => [...new Set(layer.branches.flatMap((branch) => branchMatrices(analysis, branch)))].sort();

function branchMatrices(analysis: Analysis, branch: Branch): string[] {
  const { data, facts } = analysis;
  return data.ancestors(branch.branch).flatMap((node) => {
    if (!isProduct(node) || data.isAncestor(node, branch.skip)) return [];
    const constants = factorNames(node).filter((name) => facts.values.get(name)?.dependence === 'constant' && (facts.values.get(name)?.dims?.length ?? 0) >= 2);
    return constants.flatMap((name) => weightSource(analysis, name) ?? []);
  });
}
