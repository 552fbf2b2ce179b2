/**
 * A function-preserving pre-pass: tensors that repeat one number (zeros for an empty row, a mask's fill) and are read in
 * several places tie widths to each other that have nothing in common. Every reader gets one of its own.
 */
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { Attribute } from '../onnx/ir.ts';
import { type Draft, insertBefore, newNode, setInput } from './draft.ts';

const HANDED_ON = new Set(['Cast', 'Identity', 'Expand']);

/** Gives readers of activations fillers of their own; returns true when there were any to copy. */
export function ownFillers(analysis: Analysis, draft: Draft): boolean {
  const { data, facts, flat } = analysis;
  let changed = false;
  for (const node of flat.nodes) {
    if (facts.values.get(node.outputs[0] ?? '')?.dependence !== 'data') continue;
    node.inputs.forEach((name, input) => {
      const chain = fillerChain(analysis, name);
      if (chain.length === 0 || chain.every((own) => data.consumers(own.outputs[0] ?? '').length < 2)) return;
      setInput(draft, node, input, copied(draft, node, chain));
      changed = true;
    });
  }
  return changed;
}

/** The nodes that make a tensor of one repeated number, first one first; empty for any other value. */
function fillerChain(analysis: Analysis, name: string): FlatNode[] {
  const { data, facts } = analysis;
  const node = data.producer(name);
  if (node === undefined || facts.values.get(name)?.dependence !== 'shape') return [];
  if (node.op === 'ConstantOfShape') return [node];
  if (!HANDED_ON.has(node.op)) return [];
  const source = node.inputs[0] ?? '';
  const single = facts.values.get(source)?.dependence === 'constant' && (facts.values.get(source)?.dims ?? [2]).every((size) => size === 1);
  if (node.op === 'Expand' && single) return [node];
  const before = fillerChain(analysis, source);
  return before.length === 0 ? [] : [...before, node];
}

function copied(draft: Draft, reader: FlatNode, chain: readonly FlatNode[]): string {
  let value: string | null = null;
  for (const own of chain) {
    const attributes = own.node.attributes.map(({ origin: _, ...plain }) => plain as Attribute);
    const copy = newNode(draft, reader, own.op, [value ?? own.inputs[0] ?? '', ...own.inputs.slice(1)], { attributes });
    insertBefore(draft, reader, copy);
    value = copy.outputs[0] ?? '';
  }
  return value ?? '';
}
