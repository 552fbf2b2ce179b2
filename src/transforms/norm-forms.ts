/**
 * How a normalisation keeps its function when its axis grows from h to ĥ.
 *
 * Native: no new nodes; γ·√(h/ĥ) and ε·h/ĥ, under zero tails (RMSNorm) or tails that are the mean of the old channels
 * (LayerNorm). Exact in real numbers. Old-block: the statistics are taken over the old channels only; exact in any precision.
 * Source: growth of norms with epsilon is derived in ARCHITECTURE.md; Gesmundo & Maile 2023, theorem 3.5, has no epsilon.
 */
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { hint } from '../analysis/size.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType } from '../onnx/ir.ts';
import { addConstant, currentOf, type Draft, insertAfter, newNode, setAttribute, setInput, setOutput } from './draft.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { gatherOf, int, ints, sliceOf, takeOld, vector } from './old-elements.ts';

/** A constant whose old elements become old · multiply + add. */
export interface Correction {
  readonly operand: Operand;
  readonly multiply: number;
  readonly add: number;
}

const HANDED_THROUGH = new Set(['Slice', 'Identity', 'Cast', 'CastLike', 'Reshape', 'Unsqueeze', 'Squeeze', 'Transpose', 'Expand']);

/** The corrections that make a norm native, or why its gain or epsilon cannot be corrected. */
export function nativeCorrections(analysis: Analysis, growth: AxisGrowth, norm: Norm): readonly Correction[] | string {
  const ratio = hint(norm.axis.size) / growth.hint(norm.axis);
  if (norm.fixed !== null) return norm.fixed;
  const corrections: Correction[] = [];
  if (norm.power !== 0) {
    const operand = norm.gain ?? norm.scalar;
    if (operand === null) return 'the norm has no gain to correct';
    const gain = sourceOf(analysis, operand, ratio ** norm.power);
    if (gain === null) return 'the gain of the norm is computed';
    const dtype = analysis.facts.values.get(operand.node.inputs[operand.input] ?? '')?.dtype;
    if (dtype !== DataType.FLOAT && dtype !== DataType.DOUBLE) return 'a gain in half precision cannot hold the correction';
    corrections.push(gain);
  }
  for (const { operand, power } of norm.epsilons) {
    if (power === 0) continue;
    const epsilon = sourceOf(analysis, operand, ratio ** power);
    if (epsilon === null || epsilon.add !== 0) return 'the epsilon of the norm is computed';
    corrections.push(epsilon);
  }
  return corrections;
}

/** Sets the epsilon attribute of a fused norm to ε·h/ĥ. */
export function correctEpsilonAttribute(draft: Draft, growth: AxisGrowth, norm: Norm): void {
  const [node] = norm.statistics;
  if (node === undefined || norm.epsilon !== 'attribute') return;
  const old = node.node.attributes.find((own) => own.name === 'epsilon');
  const value = (old?.kind === 'float' ? old.value : 1e-5) * (hint(norm.axis.size) / growth.hint(norm.axis));
  const base: Attribute = { name: 'epsilon', kind: 'float', value };
  setAttribute(draft, node, 'epsilon', old === undefined ? base : ({ ...old, kind: 'float', value } as Attribute));
}

/** The stored constant behind an operand, with the correction that multiplies the operand by a factor. */
export function sourceOf({ flat, data, facts }: Analysis, operand: Operand, factor: number): Correction | null {
  let at = operand;
  let offset = 0;
  for (let hop = 0; hop < 8; hop++) {
    const name = at.node.inputs[at.input] ?? '';
    if (flat.constants.has(name)) return { operand: at, multiply: factor, add: (factor - 1) * offset };
    const node = data.producer(name);
    if (node === undefined) return null;
    // quantised numbers are whole and cannot be multiplied, but they can all be zero
    if (HANDED_THROUGH.has(node.op) || (factor === 0 && (node.op === 'DequantizeLinear' || node.op === 'Gather'))) at = { node, input: 0 };
    else if (node.op === 'Add' && offset === 0) {
      const scalar = [0, 1].find(
        (i) => facts.elements(node.inputs[i] ?? '')?.length === 1 && (facts.values.get(node.inputs[1 - i] ?? '')?.dims?.length ?? 0) > 0,
      );
      const value = scalar === undefined ? null : facts.elements(node.inputs[scalar] ?? '')?.[0]?.value;
      if (scalar === undefined || typeof value !== 'number') return null;
      offset = value;
      at = { node, input: 1 - scalar };
    } else return null;
  }
  return null;
}

/** All operands of a norm that read one constant: an old-block norm reads gain and bias in two parts, by old and new channels. */
export function readersWithin({ data, facts }: Analysis, norm: Norm, operand: Operand): Operand[] {
  const name = operand.node.inputs[operand.input] ?? '';
  const start = data.producer(norm.input);
  const inNorm = (node: FlatNode): boolean => {
    const output = node.outputs[0] ?? '';
    if (facts.values.get(output)?.dependence === 'constant') return data.consumers(output).some((reader) => inNorm(reader.node));
    return data.isAncestor(node, norm.output) && (start === undefined || data.isAncestor(start, output));
  };
  return data.consumers(name).filter((reader) => operandName(reader) === operandName(operand) || inNorm(reader.node));
}

/** An operand's identity in one graph. */
export const operandName = (operand: Operand): string => `${operand.node.outputs[0] ?? ''}\u0000${operand.input}`;

/**
 * A fused norm over the old channels: y = [norm(x_old) · γ_old + β_old, x_new / σ_old · γ_new + β_new]. Gain and bias stay whole
 * tensors of the new width and are cut where they are read.
 */
export function oldBlockFused(analysis: Analysis, draft: Draft, growth: AxisGrowth, node: FlatNode): void {
  const { axes, facts } = analysis;
  const axis = axes.ofInput(node, 0)?.at(-1);
  const x = facts.values.get(node.inputs[0] ?? '');
  const rank = x?.dims?.length ?? 1;
  const dtype = x?.dtype ?? DataType.FLOAT;
  if (axis === undefined) return;
  const indices = [...(growth.map(axis) ?? [])];
  const old = hint(axis.size);
  const added = indices.flatMap((own, i) => (own < 0 ? [i] : []));
  const contiguous = added.every((index, i) => index === old + i);
  const parts = (input: number, dim: number, dims: number): { old: string; added: string } => {
    const name = currentOf(draft, node)?.inputs[input] ?? '';
    return {
      old: takeOld(analysis, draft, growth, node, name, dim, dims, axis),
      added: contiguous ? sliceOf(analysis, draft, node, name, dim, dims, old, old + added.length) : gatherOf(draft, node, name, dim, added),
    };
  };
  const values = parts(0, rank - 1, rank);
  const affine = [1, 2].map((input) => ((node.inputs[input] ?? '') === '' ? null : parts(input, 0, 1)));
  setInput(draft, node, 0, values.old);
  affine.forEach((own, i) => {
    if (own !== null) setInput(draft, node, i + 1, own.old);
  });
  const y = node.outputs[0] ?? '';
  const normed = newNode(draft, node, 'Identity', []).outputs[0] ?? '';
  setOutput(draft, node, 0, normed);
  const inverse = inverseDeviation(draft, node, values.old, dtype);
  const chain = [...inverse.nodes, newNode(draft, node, inverse.op, [values.added, inverse.value])];
  const [gain, bias] = affine;
  const last = (): string => chain.at(-1)?.outputs[0] ?? '';
  if (gain != null) chain.push(newNode(draft, node, 'Mul', [last(), gain.added]));
  if (bias != null) chain.push(newNode(draft, node, 'Add', [last(), bias.added]));
  chain.push(newNode(draft, node, 'Concat', [normed, last()], { attributes: [int('axis', rank - 1)] }));
  if (!contiguous) {
    const order = indices.map((index, i) => (index >= 0 ? index : old + added.indexOf(i)));
    chain.push(newNode(draft, node, 'Gather', [last(), vector(draft, 'order', order)], { attributes: [int('axis', rank - 1)] }));
  }
  const end = chain.pop() as FlatNode;
  insertAfter(draft, node, ...chain, { ...end, outputs: [y] });
}

/** 1/σ of a LayerNormalization is its third result; σ of an RMS norm is computed beside it. */
function inverseDeviation(draft: Draft, node: FlatNode, xOld: string, dtype: number): { op: 'Mul' | 'Div'; value: string; nodes: FlatNode[] } {
  if (node.op === 'LayerNormalization') {
    const outputs = currentOf(draft, node)?.outputs ?? [];
    const inverse =
      (outputs[2] ?? '') !== '' ? (outputs[2] as string) : (newNode(draft, node, 'Identity', [], { name: `${node.node.name}/InvStdDev` }).outputs[0] ?? '');
    const slot = draft.slots.get(node);
    if (slot?.now != null) slot.now = { ...slot.now, outputs: [outputs[0] ?? '', outputs[1] ?? '', inverse] };
    if (dtype === DataType.FLOAT) return { op: 'Mul', value: inverse, nodes: [] };
    const cast = newNode(draft, node, 'Cast', [inverse], { attributes: [int('to', dtype)] });
    return { op: 'Mul', value: cast.outputs[0] ?? '', nodes: [cast] };
  }
  const epsilon = node.node.attributes.find((own) => own.name === 'epsilon');
  const square = newNode(draft, node, 'Mul', [xOld, xOld]);
  const mean =
    opsetVersion(draft.flat.model) < 18
      ? newNode(draft, node, 'ReduceMean', [square.outputs[0] ?? ''], { attributes: [ints('axes', [-1]), int('keepdims', 1)] })
      : newNode(draft, node, 'ReduceMean', [square.outputs[0] ?? '', vector(draft, 'norm_axis', [-1])], { attributes: [int('keepdims', 1)] });
  const shifted = newNode(draft, node, 'Add', [
    mean.outputs[0] ?? '',
    addConstant(draft, 'norm_epsilon', dtype, [], [epsilon?.kind === 'float' ? epsilon.value : 1e-5]),
  ]);
  const root = newNode(draft, node, 'Sqrt', [shifted.outputs[0] ?? '']);
  return { op: 'Div', value: root.outputs[0] ?? '', nodes: [square, mean, shifted, root] };
}
