/**
 * The anatomy of a transformer, by structure alone: residual streams, their layers, attention and feed-forward blocks.
 *
 * A stream is a chain of additions x + F(x) where F contains a product with weights. Layers are groups of branches F that
 * repeat. No tensor name decides anything; names are for printing.
 */
import { type Attention, findAttention } from './attention.ts';
import { leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { assignAttention, type Branch, groupLayers, roleOf } from './layers.ts';
import { findMlps } from './mlps.ts';
import { findNorms, type Norm } from './norms.ts';
import { lone, nameStacks, placement, type Stack } from './stacks.ts';
import { type Chain, findChains } from './streams.ts';

/** What a graph is, as a transformer. */
export interface Anatomy {
  readonly stacks: readonly Stack[];
  readonly norms: readonly Norm[];
  readonly attention: readonly Attention[];
  /** The stack that feeds the main output. */
  readonly main: Stack | undefined;
}

const cache = new WeakMap<Analysis, Anatomy>();

/** Finds stacks of layers: streams with attention, else lone attention, else streams without attention. */
export function findAnatomy(analysis: Analysis): Anatomy {
  const known = cache.get(analysis);
  if (known !== undefined) return known;
  const norms = findNorms(analysis);
  const attention = findAttention(analysis);
  const chains = findChains(analysis, norms);
  const owned = assignAttention(analysis, chains, attention);
  const attentionLeaves = new Set(attention.flatMap((a) => [...a.heads, ...leavesOf(a.qk), ...leavesOf(a.v)]));
  // a stream without attention inside a branch of one that has some (a bottleneck with residuals of its own) is part of that branch
  const isAttentive = (chain: Chain): boolean => chain.adds.some((step) => owned.has(step));
  const whole = chains.some(isAttentive) ? chains.filter(isAttentive) : chains;
  const innerLeaves = chains.flatMap((chain) => (whole.includes(chain) || chain.adds.length < 2 ? [] : leavesOf(chain.axis)));
  const streams = whole.flatMap((chain): Omit<Stack, 'name'>[] => {
    const streamLeaves = new Set(leavesOf(chain.axis));
    const branches = chain.adds.map((step): Branch => {
      const own = owned.get(step) ?? [];
      const exclude = new Set([...attentionLeaves, ...streamLeaves, ...innerLeaves]);
      return { ...step, attention: own.map((a) => ({ ...a, role: roleOf(analysis, a, chain) })), mlps: findMlps(analysis, step, exclude, whole, own) };
    });
    const useful = branches.filter((branch) => branch.attention.length + branch.mlps.length > 0);
    if (useful.length === 0 && branches.length < 2) return [];
    const layers = groupLayers(branches);
    const own = norms.filter((norm) => leavesOf(norm.axis).some((leaf) => streamLeaves.has(leaf)));
    return [
      {
        axis: chain.axis,
        layers,
        branches,
        norm: own[0]?.kind ?? null,
        normPlacement: placement(analysis, useful.length > 0 ? useful : branches, own),
        residual: true,
      },
    ];
  });
  const attentive = streams.filter((stack) => stack.layers.some((layer) => layer.attention.length > 0));
  const stacks = attentive.length > 0 ? attentive : attention.length > 0 ? lone(analysis, attention) : streams;
  const named = nameStacks(analysis, stacks);
  const anatomy: Anatomy = { stacks: named, norms, attention, main: named.at(-1) };
  cache.set(analysis, anatomy);
  return anatomy;
}
