/** Which fused attention operators stand in the way of a recipe, and the model without them. */
import { findAnatomy } from '../analysis/anatomy.ts';
import type { Attention } from '../analysis/attention.ts';
import { analyze } from '../analysis/graph-analysis.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { decomposeAttention, isDecomposable } from './decompose-attention.ts';
import { select, WIDTH_TRANSFORMS } from './plan.ts';
import type { Step } from './recipe.ts';
import { unitName } from './transform.ts';

/** A model with the attention operators of some blocks spelled out. */
export interface Decomposed {
  readonly model: Model;
  readonly operators: readonly string[];
  readonly blocks: readonly string[];
}

const PER_HEAD: ReadonlySet<Step['axis']> = new Set<Step['axis']>(['qk', 'v', 'heads', 'kv-heads']);

/** Spells out the fused attention of all blocks that the steps name; null when there is none. */
export function decomposeFor(model: Model, steps: readonly Step[]): Decomposed | null {
  const analysis = analyze(model);
  const anatomy = findAnatomy(analysis);
  const attention = anatomy.stacks.flatMap((stack) => stack.layers.flatMap((layer): Attention[] => [...layer.attention]));
  const nodes = new Map<FlatNode, string>();
  for (const step of steps) {
    const units = PER_HEAD.has(step.axis) ? (WIDTH_TRANSFORMS.find((own) => own.axis === step.axis)?.units(anatomy) ?? []) : [];
    for (const unit of units.length === 0 ? [] : select(units, step.selector, step)) {
      const node = attention[units.indexOf(unit)]?.score;
      if (node !== undefined && isDecomposable(analysis, node)) nodes.set(node, unitName(unit));
    }
  }
  if (nodes.size === 0) return null;
  const list = [...nodes.keys()];
  return {
    model: decomposeAttention(analysis, list),
    operators: [...new Set(list.map((node) => node.node.opType))],
    blocks: [...new Set(nodes.values())],
  };
}
