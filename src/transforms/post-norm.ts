/** A post-norm layer that adds nothing: a chain of norms that computes the norm before it exactly (see layer-addition.ts). */

import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Layer } from '../analysis/layers.ts';
import type { Norm } from '../analysis/norms.ts';
import { unmoved, unscaled } from '../analysis/streams.ts';
import { DataType } from '../onnx/ir.ts';
import { readNumbers } from '../onnx/tensor.ts';
import { sourceOf } from './norm-forms.ts';

/** A norm that gets new constants; `gain` null means all ones. */
export interface NormEdit {
  readonly norm: Norm;
  readonly epsilon: number;
  /** Gain and bias as numbers; null for gain 1 and bias 0. */
  readonly affine: { readonly gain: readonly number[] | null; readonly bias: readonly number[] | null } | null;
}

/** The norms of a post-norm layer that adds nothing. */
export interface NormChain {
  /** The norm in front of the new layer, as it becomes. */
  readonly preceding: NormEdit;
  /** The norms of the copied layer, in order, as their copies become. */
  readonly copies: readonly NormEdit[];
}

/** Plans the chain of norms for a copy of `layer` behind the value `at`, or says why there is none. */
export function mergeNorms(analysis: Analysis, norms: readonly Norm[], layer: Layer, at: string, to: string): NormChain | string {
  const preceding = norms.find((norm) => norm.output === unmoved(analysis, at));
  const copies = layer.branches.map((branch) => norms.find((norm) => unmoved(analysis, norm.input) === unmoved(analysis, branch.sum)));
  if (preceding === undefined) return 'no norm stands directly in front of the new layer';
  if (readElsewhere(analysis, preceding.output, at)) return 'the norm in front of the new layer is read by something else too';
  if (layer.branches.length === 0 || copies.some((norm) => norm === undefined)) return 'a branch is not followed by a norm';
  const chain = copies as Norm[];
  if (chain.at(-1)?.output !== unmoved(analysis, to)) return 'the last norm of the layer is not its result';
  const changed = layer.branches.slice(1).some((branch, i) => chain[i]?.output !== unmoved(analysis, unscaled(analysis, branch.skip).value));
  if (changed) return 'the stream is changed between a norm and the next branch';
  if ([preceding, ...chain].some((norm) => !norm.standard)) return 'a norm is not x / √(mean + ε)';
  if (preceding.gain === null) return 'the preceding norm has no gain';
  if (chain.some((norm) => norm.gain === null || (preceding.bias !== null) !== (norm.bias !== null))) return 'a norm of the layer lacks a gain or bias';
  const epsilon = epsilonOf(analysis, preceding);
  if (epsilon === null || chain.some((norm) => epsilonOf(analysis, norm) === null)) return 'an epsilon is computed';
  const t = chainEpsilon(epsilon, chain.length);
  if (t > 0 && [preceding, ...chain].some((norm) => norm.epsilon === null)) return 'a norm of the layer has no epsilon';
  const factor = Math.sqrt(geometric(t, chain.length));
  const gain = numbersOf(analysis, preceding, 'gain');
  const bias = preceding.bias === null ? null : numbersOf(analysis, preceding, 'bias');
  if (gain === null || (preceding.bias !== null && bias === null)) return 'the gain of the preceding norm is computed';
  const dtype = analysis.facts.values.get(preceding.gain.node.inputs[preceding.gain.input] ?? '')?.dtype;
  if (epsilon > 0 && dtype !== DataType.FLOAT && dtype !== DataType.DOUBLE) return 'a gain in half precision cannot hold the correction';
  return {
    preceding: { norm: preceding, epsilon: t, affine: null },
    copies: chain.map((norm, i) => ({ norm, epsilon: t, affine: i === chain.length - 1 ? { gain: gain.map((g) => g * factor), bias } : null })),
  };
}

/** True when a value on the way from a norm's result to the place of the new layer has other readers, or leaves the graph. */
function readElsewhere({ data, flat }: Analysis, output: string, at: string): boolean {
  for (let value = at; value !== output; ) {
    const node = data.producer(value);
    const from = node?.inputs[0];
    if (node === undefined || from === undefined) return true;
    if (data.consumers(from).some((reader) => reader.node !== node && reader.node.op !== 'Shape') || flat.outputs.some((own) => own.name === from)) return true;
    value = from;
  }
  return false;
}

/** 1 + t + … + t^q */
const geometric = (t: number, q: number): number => Array.from({ length: q + 1 }, (_, i) => t ** i).reduce((a, b) => a + b, 0);

/** t with t^(q+1) = ε·(1 + t + … + t^q), by bisection in float64; the left side grows faster, so the root is the only one above 0. */
function chainEpsilon(epsilon: number, q: number): number {
  if (epsilon === 0) return 0;
  let low = 0;
  let high = 1 + epsilon;
  for (let i = 0; i < 200; i++) {
    const t = (low + high) / 2;
    if (t ** (q + 1) > epsilon * geometric(t, q)) high = t;
    else low = t;
  }
  return (low + high) / 2;
}

/** A norm's epsilon; 0 without one, null when it is computed. */
export function epsilonOf({ facts }: Analysis, norm: Norm): number | null {
  if (norm.epsilon === null) return 0;
  if (norm.epsilon === 'attribute') {
    const own = norm.statistics[0]?.node.attributes.find((attribute) => attribute.name === 'epsilon');
    return own?.kind === 'float' ? own.value : 1e-5;
  }
  const value = facts.elements(norm.epsilon.node.inputs[norm.epsilon.input] ?? '')?.[0]?.value;
  return typeof value === 'number' ? value : null;
}

function numbersOf(analysis: Analysis, norm: Norm, which: 'gain' | 'bias'): number[] | null {
  const operand = norm[which];
  const source = operand === null ? null : sourceOf(analysis, operand, 1);
  const tensor = source === null || source.add !== 0 ? undefined : analysis.flat.constants.get(source.operand.node.inputs[source.operand.input] ?? '')?.tensor;
  return tensor === undefined ? null : [...readNumbers(tensor)];
}
