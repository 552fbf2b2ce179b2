/**
 * Normalisations, fused or spelled out: a statistic over one axis whose broadcast result divides the values it came from.
 *
 * LayerNorm: y = (x − mean x) / √(mean (x − mean x)² + ε) · γ + β. RMSNorm: y = x / √(mean x² + ε) · γ.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, find } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { factorInputs, ruleOf } from './op-rules.ts';
import { isOutput, spelledOut, startsStatistic } from './spelled-norms.ts';

/** An operand of a node. */
export interface Operand {
  readonly node: FlatNode;
  readonly input: number;
}

/** A normalisation and where its numbers stand. */
export interface Norm {
  readonly kind: 'layer' | 'rms';
  readonly axis: Axis;
  /** The value that is normalised. */
  readonly input: string;
  /** The normalised value before gain and bias; for a fused operator its result. */
  readonly core: string;
  /** The value after gain and bias. */
  readonly output: string;
  /** Reductions that make the statistics; the operator itself when fused. */
  readonly statistics: readonly FlatNode[];
  readonly fused: boolean;
  /** Of a standard norm: a constant operand, or the fused operator's attribute; null without epsilon. */
  readonly epsilon: Operand | 'attribute' | null;
  /** Constants that are added to the statistic, or bound it, wherever they stand. */
  readonly epsilons: readonly ScaledConstant[];
  /** The divisor becomes (h/ĥ)^power of what it was when the axis grows and Σx² stays. */
  readonly power: number;
  /** √(mean + ε) and nothing else: such norms can be merged into chains. */
  readonly standard: boolean;
  /** The graph spells the width out in numbers (a sum over h, ‖x‖·√h): they stay what they were. */
  readonly countsWidth: boolean;
  /** Why the statistic cannot be corrected; null when it can. */
  readonly fixed: string | null;
  /** A scalar behind the division. */
  readonly scalar: Operand | null;
  readonly gain: Operand | null;
  readonly bias: Operand | null;
}

/** A constant operand that must become (h/ĥ)^power of what it was when the axis grows. */
export interface ScaledConstant {
  readonly operand: Operand;
  readonly power: number;
}

/** Where operators have their gain and bias, and the result that is 1/σ; −1 where there is none. */
interface Fused {
  readonly kind: 'layer' | 'rms';
  readonly gain: number;
  readonly bias: number;
  readonly deviation: number;
}

const FUSED = new Map<string, Fused>([
  ['LayerNormalization', { kind: 'layer', gain: 1, bias: 2, deviation: 2 }],
  ['RMSNormalization', { kind: 'rms', gain: 1, bias: -1, deviation: -1 }],
  ['SimplifiedLayerNormalization', { kind: 'rms', gain: 1, bias: -1, deviation: 1 }],
  ['com.microsoft.SkipLayerNormalization', { kind: 'layer', gain: 2, bias: 3, deviation: 2 }],
  ['com.microsoft.SkipSimplifiedLayerNormalization', { kind: 'rms', gain: 2, bias: -1, deviation: 2 }],
  ['com.microsoft.EmbedLayerNormalization', { kind: 'layer', gain: 5, bias: 6, deviation: -1 }],
]);

/** Norms that add their operands first: the normalised sum is their last result. */
const SUMS: ReadonlyMap<string, number> = new Map([
  ['com.microsoft.SkipLayerNormalization', 3],
  ['com.microsoft.SkipSimplifiedLayerNormalization', 3],
  ['com.microsoft.EmbedLayerNormalization', 2],
]);

/** Finds every normalisation over a single axis. */
export function findNorms(analysis: Analysis): Norm[] {
  const { flat } = analysis;
  return flat.nodes.flatMap((node) => {
    const fused = FUSED.get(node.op);
    if (fused !== undefined) return fusedNorm(analysis, node, fused);
    return startsStatistic(node) ? (spelledOut(analysis, node) ?? []) : [];
  });
}

function fusedNorm(analysis: Analysis, node: FlatNode, form: Fused): Norm[] {
  const { axes, facts, data } = analysis;
  const summed = SUMS.get(node.op);
  const axis = axes.of(node.outputs[0] ?? '')?.at(-1);
  const relation = facts.relations.get(node);
  const output = node.outputs[0] ?? '';
  if (axis === undefined || relation?.kind !== 'labels' || relation.mixes?.length !== 1) return [];
  const operand = (input: number): Operand | null => (input >= 0 && (node.inputs[input] ?? '') !== '' ? { node, input } : null);
  const deviation = node.outputs[form.deviation] ?? '';
  const cut = data.producer(node.inputs[0] ?? '');
  const joined = data.consumers(output).find((reader) => reader.node.op === 'Concat')?.node;
  const block =
    summed === undefined &&
    cut?.op === 'Slice' &&
    joined !== undefined &&
    facts.values.get(cut.inputs[0] ?? '')?.dims?.length === facts.values.get(joined.outputs[0] ?? '')?.dims?.length;
  // what else reads 1/σ must find what it found before; the old-block form reads it beside its own block
  const isRead = !block && deviation !== '' && (data.consumers(deviation).length > 0 || isOutput(analysis, deviation));
  return [
    {
      kind: form.kind,
      axis: find(axis),
      input: (summed !== undefined ? node.outputs[summed] : block ? cut.inputs[0] : node.inputs[0]) ?? '',
      core: output,
      output: (block ? joined.outputs[0] : output) ?? '',
      statistics: [node],
      fused: true,
      epsilon: 'attribute',
      epsilons: [],
      power: 1 / 2,
      standard: !isRead,
      countsWidth: false,
      fixed: isRead ? 'its deviation is read by something else' : null,
      scalar: null,
      gain: operand(form.gain),
      bias: operand(form.bias),
    },
  ];
}

/** True for an operator whose result mixes elements along one of its dimensions, as fused norms do. */
export const isProduct = (node: FlatNode): boolean => ruleOf(node.op)?.zero === 'product';

/** The values that a sum of products multiplies. */
export const factorNames = (node: FlatNode): readonly string[] => factorInputs(node).map((input) => node.inputs[input] ?? '');
