/** Feed-forward blocks: products with weights whose inner axis other products made, with a non-linear function between. */
import type { FlatNode } from '../onnx/graph.ts';
import type { Attention } from './attention.ts';
import { contractedLabels } from './attention-scores.ts';
import { type Axis, find, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { factorNames, isProduct } from './norms.ts';
import { factorInputs } from './op-rules.ts';
import { attributesOf } from './relation.ts';
import type { Chain, Step } from './streams.ts';

/** A feed-forward block: what is non-linear between a product that makes an inner axis and one that sums over it. */
export interface Mlp {
  /** Leaves whose product (or sum) is the inner width. */
  readonly axis: Axis;
  readonly gated: boolean;
  readonly activation: string;
  /** The product that reads the inner width. */
  readonly writer: FlatNode;
}

const SQUARE = 'x·x';

const ACTIVATIONS: readonly (readonly [string, string])[] = [
  ['com.microsoft.QuickGelu', 'quick_gelu'],
  ['Erf', 'gelu'],
  ['Gelu', 'gelu'],
  ['com.microsoft.Gelu', 'gelu'],
  ['com.microsoft.BiasGelu', 'gelu'],
  ['com.microsoft.FastGelu', 'gelu'],
  ['Tanh', 'gelu'],
  ['Relu', 'relu'],
  ['Sigmoid', 'silu'],
  ['HardSwish', 'hard_swish'],
  ['Swish', 'silu'],
  ['Mish', 'mish'],
  ['Elu', 'elu'],
  ['LeakyRelu', 'leaky_relu'],
  ['Softplus', 'softplus'],
  ['Selu', 'selu'],
  ['PRelu', 'prelu'],
  ['Softsign', 'softsign'],
  ['HardSigmoid', 'hard_sigmoid'],
  ['Clip', 'relu6'],
  ['Exp', 'exp'],
  ['Sin', 'sin'],
  ['Abs', 'abs'],
  ['Where', 'piecewise'],
  ['Max', 'piecewise'],
  ['Min', 'piecewise'],
  ...['Celu', 'Cos', 'Tan', 'Asin', 'Acos', 'Atan', 'Sinh', 'Cosh', 'Asinh', 'Atanh', 'Log', 'Sqrt', 'Sign', 'Floor', 'Ceil', 'Round', 'Shrink'].map(
    (op): [string, string] => [op, op.toLowerCase()],
  ),
  ['ThresholdedRelu', 'thresholded_relu'],
  ['Softmax', 'softmax'],
  ['Pow', 'power'],
  // x·x, noted where it is met
  [SQUARE, 'square'],
  // quantisers cut off what is negative where their zero point is the smallest number
  ['QuantizeLinear', 'relu'],
];

/** Products with weights whose inner axis was made by other products with weights, with a non-linear function between. */
export function findMlps(analysis: Analysis, step: Step, exclude: ReadonlySet<Axis>, chains: readonly Chain[], attention: readonly Attention[]): Mlp[] {
  const { data, facts, axes } = analysis;
  const others = chains
    .flatMap((chain) => chain.adds)
    .filter((own) => own !== step && data.isAncestor(own.add, step.branch) && !data.isAncestor(own.add, step.skip));
  const inBranch = data.ancestors(step.branch).filter((node) => {
    const before = data.producer(step.skip);
    return (before === undefined || !data.isAncestor(node, step.skip)) && !others.some((own) => data.isAncestor(node, own.sum));
  });
  // products with weights between scores and values mix heads
  const mixesHeads = (node: FlatNode): boolean =>
    attention.some((own) => own.fused === null && data.isAncestor(own.score, node.outputs[0] ?? '') && data.isAncestor(node, own.value.outputs[0] ?? ''));
  return inBranch.flatMap((writer): Mlp[] => {
    if (!isProduct(writer) || mixesHeads(writer)) return [];
    const relation = facts.relations.get(writer);
    if (relation?.kind !== 'labels') return [];
    const weight = [...factorInputs(writer)].reverse().find((input) => facts.values.get(writer.inputs[input] ?? '')?.dependence === 'constant');
    const carriers = (label: string): readonly number[] => relation.inputs.flatMap((own, input) => (own?.includes(label) === true ? [input] : []));
    // an index that a third operand has too weighs several such blocks
    const labels = contractedLabels(writer, relation);
    const label = labels.find((own) => carriers(own).length === 2) ?? labels[0];
    if (weight === undefined || label === undefined) return [];
    const inner = carriers(label).find((input) => input !== weight) ?? 0;
    const axis = axes.ofInput(writer, inner)?.[relation.inputs[inner]?.indexOf(label) ?? -1];
    if (axis === undefined || leavesOf(axis).some((leaf) => exclude.has(leaf))) return [];
    const found = innerPath(analysis, writer.inputs[inner] ?? '', find(axis));
    return found === undefined || found.sources === 0 ? [] : [{ axis: find(axis), gated: found.gated, activation: found.activation, writer }];
  });
}

/** Walks back from the inner activations to the products that made them. */
function innerPath({ data, facts, axes }: Analysis, start: string, axis: Axis): { sources: number; gated: boolean; activation: string } | undefined {
  const queue = [start];
  const seen = new Set<string>();
  const ops = new Set<string>();
  const sources = new Set<string>();
  let gated = false;
  const leaves = new Set(leavesOf(axis));
  const onAxis = (value: string): boolean => (axes.of(value) ?? []).some((own) => leavesOf(own).some((leaf) => leaves.has(leaf)));
  const reach = (value: string): Set<string> => {
    const made = new Set<string>();
    const stack = [value];
    const visited = new Set<string>();
    while (stack.length > 0) {
      const at = stack.pop() as string;
      if (visited.has(at) || facts.values.get(at)?.dependence !== 'data' || !onAxis(at)) continue;
      visited.add(at);
      const node = data.producer(at);
      if (node === undefined) continue;
      if (isProduct(node)) made.add(at);
      else if (node.op === 'Split' || node.op === 'Slice' || node.op === 'Gather') made.add(at);
      else stack.push(...data.dataInputs(node).map((i) => node.inputs[i] ?? ''));
    }
    return made;
  };
  while (queue.length > 0) {
    const value = queue.pop() as string;
    if (seen.has(value) || facts.values.get(value)?.dependence !== 'data' || !onAxis(value)) continue;
    seen.add(value);
    const node = data.producer(value);
    if (node === undefined) continue;
    if (isProduct(node)) {
      if (factorNames(node).every((name) => facts.values.get(name)?.dependence === 'data')) return undefined;
      sources.add(value);
      // an optimiser may have joined the activation to the product
      ops.add(attributesOf(node).text('activation', ''));
      continue;
    }
    ops.add(node.op === 'Mul' && node.inputs[0] === node.inputs[1] ? SQUARE : node.op);
    const inputs = data.dataInputs(node).map((i) => node.inputs[i] ?? '');
    if (node.op === 'Mul' && inputs.length === 2 && !gated) {
      const [left, right] = inputs.map(reach);
      gated =
        [...(left ?? [])].some((value) => !right?.has(value)) &&
        [...(right ?? [])].some((value) => !left?.has(value)) &&
        (left?.size ?? 0) > 0 &&
        (right?.size ?? 0) > 0 &&
        ![...(left ?? [])].some((value) => right?.has(value));
    }
    queue.push(...inputs);
  }
  const activation = ACTIVATIONS.find(([op]) => ops.has(op))?.[1];
  return { sources: activation === undefined && !gated ? 0 : sources.size, gated, activation: activation ?? 'none' };
}
