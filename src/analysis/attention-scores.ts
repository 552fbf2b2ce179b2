/** From attention weights back to the product that made them, and what was done to them on the way. */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, hintOf, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { factorNames, isProduct } from './norms.ts';
import { factorInputs, ruleOf } from './op-rules.ts';
import { baseLabels, type Labels } from './relation.ts';
import { equal, product, type Size } from './size.ts';

/** A product of two activations that another one sums over. */
export interface Score {
  readonly node: FlatNode;
  /** The operand that the dimension summed over comes from. */
  readonly keyInput: number;
  /** The function that turns scores into weights; null when there is none. */
  readonly kind: string | null;
}

const SCORE_PATH = new Set(['Softmax', 'LogSoftmax', 'Concat', 'If', 'ScatterND', 'Slice', 'Trilu', 'IsNaN', 'Gather', 'GatherElements']);

/** True when both factors of a product are computed from the model's inputs. */
export const areActivations = ({ facts }: Analysis, node: FlatNode): boolean =>
  factorNames(node).every((name) => facts.values.get(name)?.dependence === 'data');

/** Labels that a sum of products sums over. */
export function contractedLabels(node: FlatNode, relation: Labels): string[] {
  const [first, second] = factorInputs(node);
  const other = baseLabels(relation, second);
  return baseLabels(relation, first).filter((label) => label !== '' && other.includes(label) && !relation.outputs[0]?.includes(label));
}

/** The axis that a product sums over. */
export function contractedAxis({ axes, facts }: Analysis, node: FlatNode, input: number): Axis | undefined {
  const relation = facts.relations.get(node);
  if (relation?.kind !== 'labels') return undefined;
  const [label] = contractedLabels(node, relation);
  return axes.ofInput(node, input)?.[relation.inputs[input]?.indexOf(label ?? '') ?? -1];
}

/** Follows one dimension of a value back to the product of activations that made it; undefined when it comes from elsewhere. */
export function traceScore(analysis: Analysis, start: string, startDim: number, weights: ReadonlySet<Axis>): Score | undefined {
  const { data, facts } = analysis;
  const queue: { value: string; dim: number; kind: string | null }[] = [{ value: start, dim: startDim, kind: null }];
  const seen = new Set<string>();
  while (queue.length > 0) {
    const item = queue.shift();
    if (item === undefined || seen.has(item.value)) continue;
    seen.add(item.value);
    const node = data.producer(item.value);
    const relation = node === undefined ? undefined : facts.relations.get(node);
    if (node === undefined || relation === undefined || facts.values.get(item.value)?.dependence !== 'data') continue;
    if (isProduct(node)) {
      if (relation.kind !== 'labels') continue;
      const label = relation.outputs[0]?.[item.dim];
      if (!areActivations(analysis, node)) {
        const input = factorInputs(node).find((own) => facts.values.get(node.inputs[own] ?? '')?.dependence === 'data') ?? 0;
        const dim = relation.inputs[input]?.indexOf(label ?? '') ?? -1;
        if (dim >= 0 && mixesHeads(analysis, node, relation, input, weights)) queue.push({ value: node.inputs[input] ?? '', dim, kind: item.kind });
        continue;
      }
      const keyInput = [0, 1].find((input) => relation.inputs[input]?.includes(label ?? '') && !relation.inputs[1 - input]?.includes(label ?? ''));
      if (keyInput === undefined || contractedLabels(node, relation).length !== 1) continue;
      return { node, keyInput, kind: item.kind };
    }
    const kind = item.kind ?? normaliser(node, item.dim, relation.kind === 'labels' ? relation : undefined);
    if (relation.kind === 'labels' && (ruleOf(node.op)?.zero !== 'never' || SCORE_PATH.has(node.op) || kind !== null)) {
      const o = Math.max(0, node.outputs.indexOf(item.value));
      const label = relation.outputs[o]?.[item.dim] ?? '';
      relation.inputs.forEach((labels, input) => {
        const dim = labels?.indexOf(label) ?? -1;
        if (dim >= 0 && (node.op !== 'Where' || input > 0)) queue.push({ value: node.inputs[input] ?? '', dim, kind });
      });
    } else if (relation.kind === 'reshape') {
      const dim = sameDimension(facts.values.get(item.value)?.dims ?? [], item.dim, facts.values.get(node.inputs[0] ?? '')?.dims ?? []);
      if (dim >= 0) queue.push({ value: node.inputs[0] ?? '', dim, kind });
    } else if (relation.kind === 'gather') {
      // picking one of several maps (differential attention) takes their dimension away
      const gone = relation.scalar === true ? (relation.axis ?? 0) : item.dim + 1;
      queue.push({ value: node.inputs[0] ?? '', dim: item.dim < gone ? item.dim : item.dim + 1, kind });
    } else if (relation.kind !== 'unknown') {
      queue.push({ value: node.inputs[0] ?? '', dim: item.dim, kind });
    }
  }
  return undefined;
}

/** True when a matrix mixes the heads of scores (talking heads): the positions of queries and of keys stay, a projection has but one of them. */
function mixesHeads({ axes }: Analysis, node: FlatNode, relation: Labels, input: number, weights: ReadonlySet<Axis>): boolean {
  const own = axes.ofInput(node, input) ?? [];
  const stays = (label: string, d: number): boolean =>
    d > 0 && hintOf(own[d] as Axis) > 1 && !isWidth(own[d], weights) && relation.outputs[0]?.includes(label) === true;
  return (relation.inputs[input] ?? []).filter(stays).length > 1;
}

/** The dimension of the operand of a Reshape that became dimension `d` of its result as it is; -1 when it was split or merged. */
function sameDimension(out: readonly Size[], d: number, from: readonly Size[]): number {
  const before = product(out.slice(0, d));
  const fits = from.map((size, i) => equal(size, out[d] ?? -1) && equal(product(from.slice(0, i)), before));
  return fits.indexOf(true);
}

/** The name of the function that turns scores into weights, if this node is one. */
function normaliser(node: FlatNode, dim: number, relation: Labels | undefined): string | null {
  switch (node.op) {
    case 'Softmax':
    case 'LogSoftmax':
      return relation?.mixes?.includes(`d${dim}`) === true ? 'softmax' : null;
    case 'Exp':
      return 'softmax';
    case 'Relu':
    case 'Sigmoid':
    case 'Softplus':
      return node.op.toLowerCase();
    default:
      return null;
  }
}

/** True when an axis is a width that weights make, not positions. */
export const isWidth = (axis: Axis | undefined, weights: ReadonlySet<Axis>): boolean => axis !== undefined && leavesOf(axis).some((leaf) => weights.has(leaf));
