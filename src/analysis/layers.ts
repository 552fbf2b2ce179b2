/** Layers: groups of residual branches that repeat, and the attention blocks that belong to each branch. */
import type { FlatNode } from '../onnx/graph.ts';
import type { Attention } from './attention.ts';
import type { Analysis } from './graph-analysis.ts';
import type { Mlp } from './mlps.ts';
import { type Chain, type Step, unscaled } from './streams.ts';

/** One residual branch: sum = skip + branch. */
export interface Branch {
  readonly add: FlatNode;
  readonly skip: string;
  readonly branch: string;
  readonly sum: string;
  readonly attention: readonly (Attention & { readonly role: 'self' | 'cross' })[];
  readonly mlps: readonly Mlp[];
}

/** A group of residual branches that repeats. */
export interface Layer {
  readonly index: number;
  readonly branches: readonly Branch[];
  readonly attention: Branch['attention'];
  readonly mlps: readonly Mlp[];
}

/** Every block belongs to the branch with the fewest nodes that contains it. */
export function assignAttention(analysis: Analysis, chains: readonly Chain[], attention: readonly Attention[]): Map<Step, Attention[]> {
  const { data } = analysis;
  const owned = new Map<Step, Attention[]>();
  const steps = chains.flatMap((chain) => chain.adds);
  for (const block of attention) {
    const homes = steps.filter((step) => data.isAncestor(block.value, step.branch) && !data.isAncestor(block.value, step.skip));
    const first = homes.sort((x, y) => (data.index.get(x.add) ?? 0) - (data.index.get(y.add) ?? 0))[0];
    if (first === undefined) continue;
    owned.set(first, [...(owned.get(first) ?? []), block]);
  }
  return owned;
}

/** Cross-attention reads keys that do not come from its own stream, be it as it is (parallel branches, pooled queries) one sum earlier. */
export function roleOf(analysis: Analysis, attention: Attention, chain: Chain): 'self' | 'cross' {
  const { data } = analysis;
  const at = chain.adds.findIndex((own) => data.isAncestor(attention.value, own.branch) && !data.isAncestor(attention.value, own.skip));
  const sources = chain.adds.slice(0, at + 1).map((step) => data.producer(unscaled(analysis, step.skip).value));
  if (at < 0 || sources.every((source) => source === undefined)) return 'self';
  return sources.some((source) => source !== undefined && data.isAncestor(source, attention.key)) ? 'self' : 'cross';
}

/** Groups the branches of a stack into layers: the shortest pattern that repeats, else a new layer at each self-attention. */
export function groupLayers(branches: readonly Branch[]): Layer[] {
  const known = branches.filter((branch) => branch.attention.length + branch.mlps.length > 0);
  const useful = known.length > 0 ? known : branches;
  const signature = useful.map((branch) => [...branch.attention.map((a) => a.role), ...branch.mlps.map(() => 'mlp')].join('+'));
  const groups: Branch[][] = [];
  const period = shortestPeriod(signature);
  if (period !== undefined) for (let i = 0; i < useful.length; i += period) groups.push(useful.slice(i, i + period));
  else {
    for (const branch of useful) {
      const last = groups.at(-1);
      const starts = branch.attention.some((a) => a.role === 'self') && (last?.some((own) => own.attention.length > 0) ?? true);
      if (starts || last === undefined) groups.push([branch]);
      else last.push(branch);
    }
  }
  return groups.map((own, index) => ({
    index,
    branches: own,
    attention: own.flatMap((branch) => branch.attention),
    mlps: own.flatMap((branch) => branch.mlps),
  }));
}

function shortestPeriod(signature: readonly string[]): number | undefined {
  const attends = (s: string): boolean => s.includes('self') || s.includes('cross');
  const needed = signature.some(attends);
  for (let period = 1; period <= signature.length; period++) {
    if (signature.length % period !== 0 || (needed && !signature.slice(0, period).some(attends))) continue;
    if (signature.every((s, i) => s === signature[i % period]))
      return signature.slice(0, period).filter((s) => s.includes('self')).length <= 1 ? period : undefined;
  }
  return undefined;
}
