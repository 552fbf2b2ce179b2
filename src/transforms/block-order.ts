/**
 * Weights quantised in blocks keep their order: an element that moved to another block would get another scale. New elements
 * stand behind the old ones, and where a dimension grows elsewhere too (inside every head), a Gather puts the activations
 * that are multiplied with them, or the weights themselves, into that order.
 */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { isProduct, type Operand } from '../analysis/norms.ts';
import { factorInputs } from '../analysis/op-rules.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { currentOf, type Draft, freshName, insertAfter, insertBefore, newNode, setInput, setOutput } from './draft.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { appendedOrder } from './label-regions.ts';
import { int, vector } from './old-elements.ts';

/** Activations that are multiplied with weights quantised in blocks along what is summed over. */
export interface BlockReader {
  readonly activations: Operand;
  readonly dim: number;
  readonly axis: Axis;
  /** Elements in a block. */
  readonly by: number;
}

/**
 * The block reader a product is: its weights are quantised in blocks, in its own operator or by a DequantizeLinear in front,
 * which runtimes fuse into the product and then round activations in the same blocks.
 */
export function blockReader({ facts, axes, data }: Analysis, node: FlatNode): BlockReader | null {
  const relation = facts.relations.get(node);
  if (relation?.kind !== 'labels' || !isProduct(node)) return null;
  for (const weight of factorInputs(node)) {
    const input = factorInputs(node).find((own) => own !== weight) ?? 0;
    const maker = relation.derived === undefined ? data.producer(node.inputs[weight] ?? '') : node;
    const made = maker === undefined ? undefined : facts.relations.get(maker);
    if (made?.kind !== 'labels') continue;
    for (const { form, of, by } of made.derived?.values() ?? []) {
      const label = maker === node ? of : (relation.inputs[weight]?.[made.outputs[0]?.indexOf(of) ?? -1] ?? '');
      const dim = relation.inputs[input]?.indexOf(label) ?? -1;
      const axis = axes.ofInput(node, input)?.[dim];
      if (form === 'blocks' && dim >= 0 && axis !== undefined && !relation.outputs[0]?.includes(label)) return { activations: { node, input }, dim, axis, by };
    }
  }
  return null;
}

/** Keeps the order of weights in blocks wherever a dimension they are quantised along grows elsewhere than at its end. */
export function keepBlockOrder(analysis: Analysis, draft: Draft, growth: AxisGrowth): void {
  const { flat, facts, axes, data } = analysis;
  for (const node of flat.nodes) {
    const reader = blockReader(analysis, node);
    const order = reader === null ? null : appendedOrder(growth, reader.axis);
    if (reader !== null && order !== null) orderOperand(draft, node, reader.activations.input, reader.dim, order);
    const relation = facts.relations.get(node);
    if (relation?.kind !== 'labels' || relation.derived === undefined || reader !== null) continue;
    for (const label of new Set([...relation.derived.values()].map((own) => own.of))) {
      const axis = axes.ofLabel(node, label);
      const own = axis === undefined ? null : appendedOrder(growth, axis);
      if (own === null || data.consumers(node.outputs[0] ?? '').every((next) => blockReader(analysis, next.node) !== null)) continue;
      if (facts.values.get(node.outputs[0] ?? '')?.dependence === 'constant') orderResult(draft, node, (relation.outputs[0] ?? []).indexOf(label), own);
      else
        throw new GrowError('UNSUPPORTED_AXIS', 'new elements would stand inside quantised blocks of old ones, which share a scale', {
          where: nodeLabel(node),
          hint: 'grow the model before it is quantised',
        });
    }
  }
}

function orderOperand(draft: Draft, node: FlatNode, input: number, dim: number, order: readonly number[]): void {
  const name = currentOf(draft, node)?.inputs[input] ?? '';
  const gather = newNode(draft, node, 'Gather', [name, vector(draft, 'block_order', order)], { attributes: [int('axis', dim)] });
  insertBefore(draft, node, gather);
  setInput(draft, node, input, gather.outputs[0] ?? '');
}

function orderResult(draft: Draft, node: FlatNode, dim: number, order: readonly number[]): void {
  const name = node.outputs[0] ?? '';
  const ordered = freshName(draft, `${name}_blocks`);
  const back = new Array<number>(order.length);
  order.forEach((own, i) => {
    back[own] = i;
  });
  setOutput(draft, node, 0, ordered);
  const gather = newNode(draft, node, 'Gather', [ordered, vector(draft, 'block_order', back)], { attributes: [int('axis', dim)] });
  insertAfter(draft, node, { ...gather, outputs: [name] });
}
