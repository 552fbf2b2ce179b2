/**
 * Zeros forward and gradients backward through one node.
 *
 * A zero is an element that is zero whatever the parameters hold that are not stuck; a gradient may reach an element when a path of
 * non-zero factors leads from it to an output. Both are safe the same way: what is not known is not zero and has a gradient.
 */
import type { Zero } from '../../analysis/op-rule.ts';
import { factorInputs, ruleOf } from '../../analysis/op-rules.ts';
import { attributesOf, type Labels, type Relation, type View } from '../../analysis/relation.ts';
import { add, isStatic, type Size } from '../../analysis/size.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import { MOST_MAPPED } from '../dim.ts';
import { anyOf, combined, everyOf, isKnown, type Labelled, passed } from './combine.ts';
import { attentionGradient, attentionZeros, blockOf } from './fused.ts';
import { blurred, everyBit, isNone, type Mask, picked, reshaped, spread, uniform } from './mask.ts';

/** A node with the sizes of what it reads and makes (null where not even the rank is known). */
export interface Step {
  readonly node: FlatNode;
  readonly relation: Relation;
  readonly inputs: readonly (readonly Size[] | null)[];
  readonly outputs: readonly (readonly Size[] | null)[];
  /** The number that all elements of a constant operand are, where it is one. */
  uniformAt(input: number): number | null;
}

/** Masks of a node's operands or results; null where nothing is known. */
export type Masks = readonly (Mask | null)[];

/** Operators of which labels say all. */
const isFollowed = (relation: Relation): relation is Labels | View =>
  relation.kind === 'labels' ? relation.composites === undefined : relation.kind !== 'unknown';

/** Which elements of each result are zero, from those of the operands. */
export function zerosThrough(step: Step, zeros: Masks): Masks {
  const { node, relation } = step;
  const attention = blockOf(step);
  return step.outputs.map((sizes, o) => {
    if (sizes === null) return null;
    const none = uniform(sizes, 0);
    if (node.op === 'If') return inAll(branchesOf(zeros, node, o), sizes) ?? none;
    if (attention !== null) return attentionZeros(attention, zeros, o, sizes) ?? none;
    const zero = ruleOf(node.op)?.zero ?? 'never';
    if (!isFollowed(relation) || zero === 'never' || relation.neverZero === true) return none;
    const made = relation.kind === 'labels' ? labelZeros(step, relation, zeros, o, sizes, zero) : viewZeros(step, relation, zeros, o, sizes);
    return made ?? none;
  });
}

/** What the branches of an If give as one of its results: its condition stands in front of all results of each. */
const branchesOf = (masks: Masks, node: FlatNode, o: number): Masks => masks.slice(1).filter((_, i) => i % node.outputs.length === o);

const inAll = (masks: Masks, sizes: readonly Size[]): Mask | null => (isKnown(masks) ? everyOf(masks, sizes) : null);

/** Labels of a result with those that it mixes told apart from the operands': each of its elements sees all of theirs. */
const mixedApart = (relation: Labels, o: number): readonly string[] =>
  (relation.outputs[o] ?? []).map((label) => (relation.mixes?.includes(label) === true ? `mixed ${label}` : label));

/** An operand's mask with its labels; null where either is not known. */
function labelled(relation: Labels, masks: Masks, input: number): Labelled | null {
  const [labels = null, mask = null] = [relation.inputs[input], masks[input]];
  return labels === null || mask === null ? null : { mask, labels };
}

/** Operands that a result is zero by; all where none are named. */
const DECIDING: Partial<Record<Zero, readonly number[]>> = { keeps: [0], first: [0], table: [0], moved: [0], branches: [1, 2], scattered: [0, 2] };

function labelZeros(step: Step, relation: Labels, zeros: Masks, o: number, sizes: readonly Size[], zero: Zero): Mask | null {
  const { node } = step;
  const wanted = DECIDING[zero] ?? namedInputs(node);
  const parts = wanted.map((input) => labelled(relation, zeros, input));
  if (!isKnown(parts)) return null;
  const factors = factorsOf(node);
  const isFactor = wanted.map((input) => factors.includes(input));
  return combined(parts, mixedApart(relation, o), sizes, 'every', (bits) => {
    if (zero !== 'any' && zero !== 'product') return everyBit(bits);
    // a bias is added
    return bits.some((bit, i) => bit === 1 && isFactor[i]) && bits.every((bit, i) => bit === 1 || isFactor[i]) ? 1 : 0;
  });
}

const namedInputs = (node: FlatNode): readonly number[] => node.inputs.flatMap((name, i) => (name === '' ? [] : [i]));

/** Operands that are multiplied. */
const factorsOf = (node: FlatNode): readonly number[] => (node.op === 'Einsum' ? namedInputs(node) : factorInputs(node));

/** Sizes a gradient may pass where the operand is zero; the derivatives of these are zero there, as training frameworks compute them. */
const FLAT_AT_ZERO = new Set(['Relu', 'Abs', 'Cos', 'Cosh', 'ThresholdedRelu', 'Shrink', 'ReduceSumSquare', 'ReduceL2', 'Sign']);

/** Which elements of each operand may get a gradient, from those of the results. */
export function gradientsThrough(step: Step, zeros: Masks, gradients: Masks): Masks {
  const { node, relation } = step;
  const attention = blockOf(step);
  const live = gradients.some((mask) => mask === null || !isNone(mask));
  return step.inputs.map((sizes, i) => {
    if (sizes === null) return null;
    if (!live) return uniform(sizes, 0);
    const all = uniform(sizes, 1);
    if (node.op === 'If') return i === 0 ? all : (gradients[(i - 1) % node.outputs.length] ?? all);
    if (attention !== null) return attentionGradient(attention, zeros, gradients, i, sizes) ?? all;
    if (!isFollowed(relation)) return all;
    const known = gradients.flatMap((gradient, o): Mask[] => {
      if (node.outputs[o] === '') return [];
      if (gradient === null) return [all];
      const own =
        relation.kind === 'labels' ? labelGradient(step, relation, zeros, gradient, o, i, sizes) : viewGradient(step, relation, gradient, o, i, sizes);
      return [own ?? all];
    });
    const [first] = known;
    return (known.length === 1 ? first : anyOf(known, sizes)) ?? all;
  });
}

function labelGradient(step: Step, relation: Labels, zeros: Masks, gradient: Mask, o: number, input: number, sizes: readonly Size[]): Mask | null {
  const own = relation.inputs[input] ?? null;
  const labels = mixedApart(relation, o);
  if (own === null || gradient.dims.length !== labels.length) return null;
  const blocking = blockedBy(step, input).flatMap((other) => labelled(relation, zeros, other) ?? []);
  return passed({ mask: gradient, labels }, blocking, own, sizes);
}

/** Operands whose zeros keep a gradient from reaching an operand: the other factors, and itself where the derivative at zero is zero. */
function blockedBy(step: Step, input: number): readonly number[] {
  const { node } = step;
  const factors = factorsOf(node);
  switch (ruleOf(node.op)?.zero) {
    case 'any':
    case 'product':
      return factors.includes(input) ? factors.filter((i) => i !== input) : [];
    case 'first':
      if (input > 0) return [0];
      return node.op === 'Pow' && (step.uniformAt(1) ?? 0) > 1 ? [0] : [];
    default:
      return FLAT_AT_ZERO.has(node.op) ? [0] : [];
  }
}

/** What stands for each dimension of a result, with `one` for a dimension of which one index was gathered. */
const unsqueezed = <T>({ axis = 0, scalar = false }: View, dims: readonly T[], one: T): readonly T[] => (scalar ? dims.toSpliced(axis, 0, one) : dims);

/** For each element of a result's dimension the operand's element that it is, negative where it is none; null where nothing moves along the dimension. */
function sources(step: Step, view: View, input: number, o: number, dim: number): Int32Array | 'unknown' | null {
  const [from = 0, to = 0] = [step.inputs[input]?.[dim], unsqueezed(view, step.outputs[o] ?? [], 1)[dim]];
  const at = sourceAt(step, view, input, o, dim, from);
  if (at === null) return null;
  if (at === 'unknown' || !isStatic(from) || !isStatic(to) || Math.max(from, to) > MOST_MAPPED) return 'unknown';
  return Int32Array.from({ length: to }, (_, i) => at(i));
}

type SourceAt = (index: number) => number;

function sourceAt(step: Step, view: View, input: number, o: number, dim: number, from: Size): SourceAt | 'unknown' | null {
  /** The operand's elements stand in one run, from `start` on. */
  const run = (start: Size | null): SourceAt | 'unknown' =>
    start !== null && isStatic(start) && isStatic(from) ? (i) => (i < start + from ? i - start : -1) : 'unknown';
  const { axis, parts = [], ranges = [], indices = [], repeats = [], pads = [] } = view;
  switch (view.kind) {
    case 'concat': {
      const before = step.inputs.slice(0, input).map((sizes) => sizes?.[dim] ?? null);
      return dim === axis ? run(isKnown(before) ? before.reduce<Size>(add, 0) : null) : null;
    }
    case 'split': {
      const start = parts.slice(0, o).reduce<Size>(add, 0);
      return dim !== axis ? null : isStatic(start) ? (i) => start + i : 'unknown';
    }
    case 'slice': {
      const { start = 0, end = 0, step: by = 0 } = ranges[dim] ?? {};
      if (by === 0) return null;
      return isStatic(start) && isStatic(end) ? (i) => (by > 0 ? start : end - 1) + i * by : 'unknown';
    }
    case 'gather':
      return dim === axis ? (i) => indices[i] ?? -1 : null;
    case 'tile':
      return repeats[dim] === 1 ? null : (i) => i % (from as number);
    case 'pad': {
      const [before = 0, after = 0] = pads[dim] ?? [];
      if (before === 0 && after === 0) return null;
      // other modes put copies of elements beside them
      return attributesOf(step.node).text('mode', 'constant') === 'constant' ? run(before) : 'unknown';
    }
    default:
      return null;
  }
}

function viewZeros(step: Step, view: View, zeros: Masks, o: number, sizes: readonly Size[]): Mask | null {
  if (view.kind === 'concat') return joinedZeros(step, view, zeros, sizes);
  const [mask = null] = zeros;
  if (mask === null) return null;
  if (view.kind === 'reshape') return reshaped(mask, sizes);
  const whole = unsqueezed(view, sizes, 1).reduce<Mask | null>((out, size, d) => {
    const from = sources(step, view, 0, o, d);
    if (out === null || from === null) return out;
    // elements that are put in have the property
    return from === 'unknown' ? blurred(out, d, size, true) : picked(out, d, from, 1);
  }, mask);
  const { axis = 0, scalar = false } = view;
  return whole === null || !scalar ? whole : { dims: whole.dims.toSpliced(axis, 1), bits: whole.bits };
}

/** Operands side by side: where an operand has no elements it does not count. */
function joinedZeros(step: Step, view: View, zeros: Masks, sizes: readonly Size[]): Mask | null {
  const { axis = 0 } = view;
  const placed = zeros.map((mask, i) => {
    if (mask === null) return null;
    const from = sources(step, view, i, 0, axis);
    return from instanceof Int32Array ? picked(mask, axis, from, 1) : blurred(mask, axis, sizes[axis] ?? 1, true);
  });
  return inAll(placed, sizes);
}

function viewGradient(step: Step, view: View, gradient: Mask, o: number, input: number, sizes: readonly Size[]): Mask | null {
  if (input > 0 && view.kind !== 'concat') return null;
  if (view.kind === 'reshape') return reshaped(gradient, sizes);
  const whole: Mask = { dims: unsqueezed(view, gradient.dims, []), bits: gradient.bits };
  return sizes.reduce<Mask | null>((out, size, d) => {
    const from = sources(step, view, input, o, d);
    if (out === null || from === null) return out;
    return from === 'unknown' ? blurred(out, d, size, false) : spread(out, d, from, size as number);
  }, whole);
}
