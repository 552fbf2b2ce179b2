/** What a new layer is made of: the ends of the layer it copies, and how the copy adds nothing to the stream. */
import type { Anatomy } from '../analysis/anatomy.ts';
import { leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Branch, Layer } from '../analysis/layers.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { equal } from '../analysis/size.ts';
import type { Stack } from '../analysis/stacks.ts';
import { unmoved, unscaled } from '../analysis/streams.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { mergeNorms, type NormChain } from './post-norm.ts';
import { asRead, rounds, roundsActivations, stepsOf, type Taken } from './rounded-stream.ts';
import { type Zeroed, zeroBranch } from './zero-branch.ts';

const HANDS_ON = new Set(['Identity', 'Dropout', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** What one copy of a layer needs to know. */
export interface LayerPart {
  readonly stack: Stack;
  readonly layer: Layer;
  /** The stream value the copied layer reads, and the one it makes. */
  readonly from: string;
  readonly to: string;
  /** The stream value the new layer is put behind. */
  readonly at: string;
  readonly zeroed: readonly Zeroed[];
  /** Operands that read other constants than their originals. */
  readonly taken: readonly Taken[];
  readonly merge: NormChain | null;
  /** Branches of the copy that are multiplied by a new gain of zeros, or the copy as a whole: x + 0·L(x). */
  readonly gated: readonly Branch[] | 'whole';
  /** The layer's residual factors α become 1. */
  readonly rescales: boolean;
  /** Why a gain is needed. */
  readonly gatedBecause: string | null;
}

/** The ends of a layer: what its first branch reads, and what the next layer reads or, if that is something else, its last sum or norm. */
export function planPart(analysis: Analysis, anatomy: Anatomy, stack: Stack, index: number, before: boolean): LayerPart {
  const layer = stack.layers[index] as Layer;
  const reads = unscaled(analysis, layer.branches[0]?.skip ?? '').value;
  const following = stack.layers[index + 1]?.branches[0]?.skip;
  const next = following === undefined ? [] : [unscaled(analysis, following).value];
  const sum = layer.branches.at(-1)?.sum ?? '';
  const streamLeaves = new Set(leavesOf(stack.axis));
  const norms = anatomy.norms.filter((norm) => leavesOf(norm.axis).some((leaf) => streamLeaves.has(leaf)));
  const post = stack.normPlacement === 'post';
  const normed = normOf(analysis, norms, sum)?.output ?? sum;
  const places = alike(analysis, reads, [...next, post ? normed : asRead(analysis, sum)]);
  const [likeliest] = places;
  if (likeliest === undefined) {
    throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: the stream changes its shape between the ends of the layer', {
      where: `value ${sum}`,
    });
  }
  const whole = ({ from, to }: Ends): Ends & Pick<LayerPart, 'stack' | 'layer' | 'at'> => ({ stack, layer, from, to, at: before ? from : to });
  let because: string | null = null;
  const rounding = post ? roundsActivations(analysis) : null;
  if (rounding !== null) because = `${rounding} rounds activations, and a chain of norms that computes the one before it rounds otherwise`;
  for (const { from, to } of rounding === null ? places : []) {
    const at = before ? from : to;
    const merge = post ? mergeNorms(analysis, norms, layer, at, to) : null;
    const stream = post ? [] : quantisersBetween(analysis, layer, from, to);
    const taken = typeof stream === 'string' ? stream : stepsOf(analysis, stream, at);
    if (typeof merge !== 'string' && typeof taken !== 'string') return { ...whole({ from, to }), ...silenced(analysis, norms, layer), taken, merge };
    because ??= typeof merge === 'string' ? merge : String(taken);
  }
  return { ...whole(likeliest), zeroed: [], taken: [], merge: null, gated: 'whole', gatedBecause: because, rescales: false };
}

/** What makes the branches of a layer zero: their last weights, else a new gain. */
function silenced(analysis: Analysis, norms: readonly Norm[], layer: Layer): Pick<LayerPart, 'zeroed' | 'gated' | 'gatedBecause' | 'rescales'> {
  const zeroed: Zeroed[] = [];
  const gated: Branch[] = [];
  let gatedBecause: string | null = null;
  for (const branch of layer.branches) {
    const own = zeroBranch(analysis, norms, branch.branch);
    if (typeof own === 'string') {
      gated.push(branch);
      gatedBecause ??= own;
    } else zeroed.push(...own);
  }
  // a residual factor α would scale the stream once more: the new layer's is 1
  const factors = layer.branches.flatMap((branch) => unscaled(analysis, branch.skip).scalars.filter((operand) => !isOne(analysis, operand)));
  zeroed.push(...factors.map((operand) => ({ operand, value: 1 })));
  return { zeroed, gated, gatedBecause, rescales: factors.length > 0 };
}

interface Ends {
  readonly from: string;
  readonly to: string;
}

/**
 * Pairs of ends in one shape. Some exporters flatten or turn the stream inside a layer: then the end is found behind further moves,
 * or the start in front of some.
 */
function alike(analysis: Analysis, from: string, ends: readonly string[]): Ends[] {
  const { data, facts } = analysis;
  const fits = (a: string, b: string): boolean => {
    const [own, wanted] = [facts.values.get(a)?.dims ?? [], facts.values.get(b)?.dims ?? []];
    return own.length === wanted.length && own.every((size, d) => equal(size, wanted[d] ?? -1));
  };
  const chain = (start: string, next: (value: string) => string | undefined): string[] => {
    const values = [start];
    for (let at = next(start); at !== undefined && values.length < 4; at = next(at)) values.push(at);
    return values;
  };
  const mover = (node: FlatNode | undefined): FlatNode | undefined => (node !== undefined && HANDS_ON.has(node.op) ? node : undefined);
  const starts = chain(from, (value) => mover(data.producer(value))?.inputs[0]);
  const found = ends.flatMap((end) => {
    const behind = chain(end, (value) => data.consumers(value).find(({ node, input }) => input === 0 && mover(node) !== undefined)?.node.outputs[0]);
    const to = behind.find((value) => fits(value, from));
    const start = starts.find((value) => fits(value, end));
    return to !== undefined ? [{ from, to }] : start !== undefined ? [{ from: start, to: end }] : [];
  });
  return found.filter((own, i) => found.findIndex((other) => other.to === own.to) === i);
}

const isOne = ({ facts }: Analysis, { node, input }: Operand): boolean => facts.elements(node.inputs[input] ?? '')?.every((e) => e.value === 1) === true;

/**
 * With zero branches the layer must hand its input on as it is: nothing but sums, moves and quantisers may stand between its ends.
 * Returns the quantisers, or what else changes the stream.
 */
function quantisersBetween(analysis: Analysis, layer: Layer, from: string, to: string): readonly FlatNode[] | string {
  const { data, facts } = analysis;
  const sums = new Map(layer.branches.map((branch) => [branch.sum, branch.skip]));
  const found: FlatNode[] = [];
  let value = to;
  for (let hop = 0; value !== from && hop < 1000; hop++) {
    const node = data.producer(value);
    const skip = sums.get(value);
    const sameType = node !== undefined && node.op === 'Cast' && facts.values.get(node.inputs[0] ?? '')?.dtype === facts.values.get(value)?.dtype;
    if (node !== undefined && rounds(node)) found.push(node);
    if (skip !== undefined) value = unscaled(analysis, skip).value;
    else if (node !== undefined && (HANDS_ON.has(node.op) || sameType || rounds(node))) value = node.inputs[0] ?? '';
    else return `${node === undefined ? value : nodeLabel(node)} changes the stream between the branches of the layer`;
  }
  return found;
}

/** The norm that reads a value, directly or through casts. */
const normOf = (analysis: Analysis, norms: readonly Norm[], value: string): Norm | undefined =>
  norms.find((norm) => unmoved(analysis, norm.input) === unmoved(analysis, value));
