/** Residual streams: chains of additions x + F(x) where F contains a product with weights. */
import type { FlatNode } from '../onnx/graph.ts';
import { weightLeaves } from './attention.ts';
import { type Axis, find, hintOf, leavesOf, sameAxis } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { isProduct, type Norm, type Operand } from './norms.ts';

/** One addition of a stream: sum = skip + branch. */
export interface Step {
  readonly add: FlatNode;
  readonly skip: string;
  readonly branch: string;
  readonly sum: string;
}

/** The additions of one stream, in order. */
export interface Chain {
  readonly axis: Axis;
  readonly adds: Step[];
}

/** Chains of additions in which one operand descends, through a product, from the stream that the other one is. */
export function findChains(analysis: Analysis, norms: readonly Norm[]): Chain[] {
  const { flat, facts, axes, data } = analysis;
  const weights = weightLeaves(analysis);
  const steps = new Map<string, Step>();
  const normed = new Map(norms.map((norm) => [norm.output, norm.input]));
  const chainOf = new Map<string, Chain>();
  const chains: Chain[] = [];
  for (const add of flat.nodes) {
    const operands = residualOperands(add);
    if (operands === undefined) continue;
    const [a = '', b = ''] = operands;
    const sum = (add.op === 'Add' || add.op === 'Sum' ? '' : (add.outputs[3] ?? '')) || (add.outputs[0] ?? '');
    if (facts.values.get(a)?.dependence !== 'data' || facts.values.get(b)?.dependence !== 'data') continue;
    if (facts.values.get(a)?.dims?.length !== facts.values.get(b)?.dims?.length) continue;
    const axis = streamAxis(sum);
    if (axis === undefined) continue;
    const skip = [a, b].find((x, i) => branches(unmoved(analysis, unscaled(analysis, x).value), i === 0 ? b : a));
    if (skip === undefined) continue;
    const step: Step = { add, skip, branch: skip === a ? b : a, sum };
    steps.set(sum, step);
    const before = previousSum(skip, axis);
    const known = before === undefined ? chainWithin(step, axis) : chainOf.get(before);
    const chain = known !== undefined && sameAxis(known.axis, axis) ? known : { axis, adds: [] };
    if (chain.adds.length === 0) chains.push(chain);
    chain.adds.push(step);
    chainOf.set(sum, chain);
  }
  return chains;

  /** The chain that a step adds as a whole to what that chain started from: a gated layer in front of all others. */
  function chainWithin(step: Step, axis: Axis): Chain | undefined {
    const last = previousSum(step.branch, axis);
    const chain = last === undefined ? undefined : chainOf.get(last);
    const [first] = chain?.adds ?? [];
    const start = (skip: string): string => unmoved(analysis, unscaled(analysis, skip).value);
    return first !== undefined && start(first.skip) === start(step.skip) ? chain : undefined;
  }

  /** The last dimension (or channels) of a stream is the one that weights read. */
  function streamAxis(value: string): Axis | undefined {
    const own = (axes.of(value) ?? []).filter((axis) => hintOf(axis) > 1 && leavesOf(axis).some((leaf) => weights.has(leaf)));
    return own.length === 0 ? undefined : find(own.at(-1) as Axis);
  }

  /** True when `to` is computed from the stream value `from` by products with weights. */
  function branches(from: string, to: string): boolean {
    const producer = data.producer(from);
    if (producer === undefined) return inputReaches(from, to);
    if (data.isAncestor(producer, to)) return productBetween(from, to);
    const step = steps.get(from);
    return step !== undefined && branches(unscaled(analysis, step.skip).value, to);
  }

  function productBetween(from: string, to: string): boolean {
    const producer = data.producer(from);
    return data
      .ancestors(to)
      .some(
        (node) =>
          isProduct(node) && node !== producer && node.inputs.some((name) => name === from || (producer !== undefined && data.isAncestor(producer, name))),
      );
  }

  function inputReaches(from: string, to: string): boolean {
    const readers = data.consumers(from).map(({ node }) => node);
    return readers.some((node) => node.outputs.some((output) => output === to) || data.isAncestor(node, to));
  }

  /** The sum that a skip value is, or is a norm, cast or mask of. */
  function previousSum(skip: string, axis: Axis): string | undefined {
    let value = skip;
    for (let hop = 0; hop < 40; hop++) {
      if (steps.has(value)) return value;
      const before = normed.get(value);
      if (before !== undefined) {
        value = before;
        continue;
      }
      const node = data.producer(value);
      if (node === undefined || isProduct(node)) return undefined;
      const next = data
        .dataInputs(node)
        .find((i) => facts.values.get(node.inputs[i] ?? '')?.dependence === 'data' && (axes.ofInput(node, i) ?? []).some((own) => sameAxis(own, axis)));
      if (next === undefined) return undefined;
      value = node.inputs[next] ?? '';
    }
    return undefined;
  }
}

const MOVES = new Set(['Identity', 'Dropout', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** The value behind moves and casts to the same type, which change no element. */
export function unmoved(analysis: Analysis, value: string): string {
  const { data, facts } = analysis;
  const node = data.producer(value);
  if (node === undefined) return value;
  const from = node.inputs[0] ?? '';
  const idle = node.op === 'Cast' && facts.values.get(from)?.dtype === facts.values.get(value)?.dtype;
  return MOVES.has(node.op) || idle ? unmoved(analysis, from) : value;
}

/** The value behind moves and roundings to the steps of a quantiser. */
export function unrounded(analysis: Analysis, value: string): string {
  const from = unmoved(analysis, value);
  const node = analysis.data.producer(from);
  return node?.op === 'QuantizeLinear' || node?.op === 'DequantizeLinear' ? unrounded(analysis, node.inputs[0] ?? '') : from;
}

/** The value behind constant scalars (the residual factors of DeepNorm and ReZero), and those scalars. */
export function unscaled(analysis: Analysis, value: string): { value: string; scalars: readonly Operand[] } {
  const { data, facts } = analysis;
  const node = data.producer(value);
  if (node === undefined || (node.op !== 'Mul' && node.op !== 'Div')) return { value, scalars: [] };
  const isScalar = (input: number): boolean =>
    facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant' &&
    (facts.values.get(node.inputs[input] ?? '')?.dims ?? [2]).every((size) => size === 1);
  const scalar = isScalar(1) ? 1 : node.op === 'Mul' && isScalar(0) ? 0 : -1;
  if (scalar < 0) return { value, scalars: [] };
  const rest = unscaled(analysis, node.inputs[1 - scalar] ?? '');
  return { value: rest.value, scalars: [{ node, input: scalar }, ...rest.scalars] };
}

function residualOperands(node: FlatNode): readonly string[] | undefined {
  if (node.op === 'Add' || node.op === 'Sum') return node.inputs.length === 2 ? node.inputs : undefined;
  return node.op === 'com.microsoft.SkipLayerNormalization' || node.op === 'com.microsoft.SkipSimplifiedLayerNormalization'
    ? node.inputs.slice(0, 2)
    : undefined;
}
