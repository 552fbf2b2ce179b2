/**
 * Zeros forward and gradients backward through one node.
 *
 * A zero is an element that is zero whatever the parameters hold that are not stuck; a gradient may reach an element when a path of
 * non-zero factors leads from it to an output. Both are safe the same way: what is not known is not zero and has a gradient.
 */
import { factorInputs, ruleOf } from '../../analysis/op-rules.ts';
import { attributesOf, type Labels, type Relation, type View } from '../../analysis/relation.ts';
import { isStatic, type Size } from '../../analysis/size.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import { MOST_MAPPED } from '../dim.ts';
import { combined, type Labelled } from './combine.ts';
import { attentionGradient, attentionZeros, isAttention } from './fused.ts';
import { blurred, isNone, type Mask, not, picked, reshaped, spread, uniform } from './mask.ts';

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

/** Operators that are understood by more than labels of their own. */
const isFollowed = (relation: Relation): relation is Labels | View =>
  relation.kind !== 'unknown' &&
  !(relation.kind === 'labels' && (relation.composites !== undefined || relation.attention !== undefined || relation.derived !== undefined));

/** Which elements of each result are zero, from those of the operands. */
export function zerosThrough(step: Step, zeros: Masks): Masks {
  const { node, relation } = step;
  return step.outputs.map((sizes, o) => {
    if (sizes === null) return null;
    const none = uniform(sizes, 0);
    if (node.op === 'If') return branchZeros(step, zeros, o) ?? none;
    if (isAttention(step)) return attentionZeros(step, zeros, o, sizes) ?? none;
    const zero = ruleOf(node.op)?.zero ?? 'never';
    if (!isFollowed(relation) || zero === 'never' || relation.neverZero === true) return none;
    if (relation.kind !== 'labels') return viewZeros(step, relation, zeros, o, sizes) ?? none;
    return labelZeros(step, relation, zeros, o, sizes, zero) ?? none;
  });
}

function branchZeros({ node, outputs }: Step, zeros: Masks, o: number): Mask | null {
  const each = (node.inputs.length - 1) / (node.branches?.length ?? 1);
  const ends = (node.branches ?? []).map((_, b) => zeros[1 + b * each + o] ?? null);
  return everyOf(ends, outputs[o] ?? []);
}

/** Elements that have the property in all masks of one shape. */
function everyOf(masks: Masks, sizes: readonly Size[]): Mask | null {
  if (masks.some((mask) => mask === null)) return null;
  const labels = sizes.map((_, d) => `d${d}`);
  if (masks.some((mask) => mask?.dims.length !== labels.length)) return null;
  return combined(
    (masks as readonly Mask[]).map((mask) => ({ mask, labels })),
    labels,
    sizes,
    'every',
    (bits) => (bits.every((bit) => bit === 1) ? 1 : 0),
  );
}

/** Labels of a result with those that it mixes told apart from the operands': each of its elements sees all of theirs. */
const mixedApart = (relation: Labels, labels: readonly string[]): readonly string[] =>
  labels.map((label) => (relation.mixes?.includes(label) === true ? `mixed ${label}` : label));

function labelZeros(step: Step, relation: Labels, zeros: Masks, o: number, sizes: readonly Size[], zero: string): Mask | null {
  const { node } = step;
  const labels = mixedApart(relation, relation.outputs[o] ?? []);
  const part = (input: number): Labelled | null => {
    const own = relation.inputs[input];
    const mask = zeros[input];
    return own == null || mask == null || mask.dims.length !== own.length ? null : { mask, labels: own };
  };
  const all = node.inputs.flatMap((name, i) => (name === '' ? [] : [i]));
  const factors = factorInputs(node);
  const wanted = zero === 'any' || zero === 'all' ? all : zero === 'product' ? all : zero === 'branches' ? [1, 2] : zero === 'scattered' ? [0, 2] : [0];
  // a factor without labels is a number
  const parts = wanted.map(part);
  const known = parts.filter((own) => own !== null);
  if (known.length < parts.length && (zero !== 'any' || known.length === 0)) return null;
  const product = wanted.map((input) => factors.includes(input) || node.op === 'Einsum');
  return combined(known, labels, sizes, 'every', (bits) => {
    if (zero === 'any') return bits.includes(1) ? 1 : 0;
    if (zero !== 'product') return bits.every((bit) => bit === 1) ? 1 : 0;
    // a bias is added
    return bits.some((bit, i) => bit === 1 && product[i]) && bits.every((bit, i) => bit === 1 || product[i]) ? 1 : 0;
  });
}

/** Sizes a gradient may pass where the operand is zero; the derivatives of these are zero there, as training frameworks compute them. */
const FLAT_AT_ZERO = new Set(['Relu', 'Abs', 'Cos', 'Cosh', 'ThresholdedRelu', 'Shrink', 'ReduceSumSquare', 'ReduceL2', 'Sign']);

/** Which elements of each operand may get a gradient, from those of the results. */
export function gradientsThrough(step: Step, zeros: Masks, gradients: Masks): Masks {
  const { node, relation } = step;
  const live = gradients.some((mask) => mask === null || !isNone(mask));
  return node.inputs.map((name, i) => {
    const sizes = step.inputs[i] ?? null;
    if (name === '' || sizes === null) return null;
    if (!live) return uniform(sizes, 0);
    const all = uniform(sizes, 1);
    if (node.op === 'Shape' || node.op === 'Size') return uniform(sizes, 0);
    if (node.op === 'If') return branchGradient(step, gradients, i) ?? all;
    if (isAttention(step)) return attentionGradient(step, zeros, gradients, i) ?? all;
    if (!isFollowed(relation)) return all;
    const known = step.outputs.flatMap((out, o): Mask[] => {
      const gradient = gradients[o] ?? null;
      if (node.outputs[o] === '' || (gradient !== null && isNone(gradient))) return [];
      if (out === null || gradient === null) return [all];
      const own = relation.kind === 'labels' ? labelGradient(step, relation, zeros, gradient, o, i) : viewGradient(step, relation, gradient, o, i);
      return [own ?? all];
    });
    return known.length === 0 ? uniform(sizes, 0) : (anyOf(known, sizes) ?? all);
  });
}

/** Elements that have the property in one of some masks of one shape. */
export function anyOf(masks: readonly Mask[], sizes: readonly Size[]): Mask | null {
  const [first] = masks;
  if (masks.length === 1 && first !== undefined) return first;
  const all = everyOf(masks.map(not), sizes);
  return all === null ? null : not(all);
}

function branchGradient({ node }: Step, gradients: Masks, input: number): Mask | null {
  if (input === 0) return null;
  const each = (node.inputs.length - 1) / (node.branches?.length ?? 1);
  return gradients[(input - 1) % each] ?? null;
}

function labelGradient(step: Step, relation: Labels, zeros: Masks, gradient: Mask, o: number, input: number): Mask | null {
  const own = relation.inputs[input];
  const sizes = step.inputs[input];
  const labels = mixedApart(relation, relation.outputs[o] ?? []);
  if (own == null || sizes == null || gradient.dims.length !== labels.length) return null;
  const blocking = blockedBy(step, input).flatMap((other): Labelled[] => {
    const [mask, theirs] = [zeros[other], relation.inputs[other]];
    return mask == null || theirs == null || mask.dims.length !== theirs.length || isNone(mask) ? [] : [{ mask, labels: theirs }];
  });
  const parts = [{ mask: gradient, labels }, ...blocking];
  // a stretched dimension of the operand sees all of the result
  const kept = own.map((label, d) => (label === '' ? `stretched ${d}` : label));
  return combined(parts, kept, sizes, 'one', ([passes = 1, ...others]) => (passes === 1 && !others.includes(1) ? 1 : 0));
}

/** Operands whose zeros keep a gradient from reaching an operand: the other factors, and itself where the derivative at zero is zero. */
function blockedBy(step: Step, input: number): readonly number[] {
  const { node } = step;
  const others = node.inputs.flatMap((name, i) => (name === '' || i === input ? [] : [i]));
  const factors = node.op === 'Einsum' ? others.concat(input) : factorInputs(node);
  switch (ruleOf(node.op)?.zero) {
    case 'any':
      return others;
    case 'product':
      return factors.includes(input) ? others.filter((i) => factors.includes(i)) : [];
    case 'first':
      if (node.op === 'Pow' && input === 0) return (step.uniformAt(1) ?? 0) > 1 ? [0] : [];
      return input === 0 ? [] : [0];
    default:
      return FLAT_AT_ZERO.has(node.op) && input === 0 ? [0] : [];
  }
}

/** For each element of a result's dimension the operand's element that it is, or −1; null where nothing moves along the dimension. */
function sources(step: Step, view: View, input: number, o: number, dim: number): Int32Array | 'unknown' | null {
  const [from, to] = [step.inputs[input]?.[dim], step.outputs[o]?.[dim]];
  const fixed = (size: Size | undefined): size is number => size !== undefined && isStatic(size) && size <= MOST_MAPPED;
  const count = (at: (i: number) => number): Int32Array | 'unknown' =>
    fixed(from) && fixed(to) ? Int32Array.from({ length: to }, (_, i) => at(i)) : 'unknown';
  const sum = (sizes: readonly (Size | undefined)[]): number => sizes.reduce<number>((total, size) => total + (fixed(size) ? size : Number.NaN), 0);
  switch (view.kind) {
    case 'concat': {
      if (dim !== view.axis) return null;
      const start = sum(step.inputs.slice(0, input).map((sizes) => sizes?.[dim]));
      return Number.isNaN(start) ? 'unknown' : count((i) => (i >= start && i < start + (from as number) ? i - start : -1));
    }
    case 'split': {
      if (dim !== view.axis) return null;
      const start = sum((view.parts ?? []).slice(0, o));
      return Number.isNaN(start) ? 'unknown' : count((i) => start + i);
    }
    case 'slice': {
      const range = view.ranges?.[dim] ?? null;
      if (range === null) return null;
      const { start, end, step: by } = range;
      if (!fixed(start) || !fixed(end)) return 'unknown';
      return count((i) => (by > 0 ? start + i * by : end - 1 + i * by));
    }
    case 'gather':
      return dim !== view.axis ? null : count((i) => view.indices?.[i] ?? -1);
    case 'tile':
      return view.repeats?.[dim] === 1 ? null : count((i) => i % (from as number));
    case 'pad': {
      const [before = 0, after = 0] = view.pads?.[dim] ?? [];
      if (before === 0 && after === 0) return null;
      // other modes put copies of elements beside them
      return fixed(before) && attributesOf(step.node).text('mode', 'constant') === 'constant'
        ? count((i) => (i >= before && i < before + (from as number) ? i - before : -1))
        : 'unknown';
    }
    default:
      return null;
  }
}

function viewZeros(step: Step, view: View, zeros: Masks, o: number, sizes: readonly Size[]): Mask | null {
  if (view.kind === 'concat') return joinedZeros(step, view, zeros, sizes);
  const mask = zeros[0] ?? null;
  if (mask === null) return null;
  if (view.kind === 'reshape') return reshaped(mask, sizes);
  return moved(step, view, mask, o, sizes);
}

/** What an operator makes of one operand by moving its elements; elements that are put in have the property. */
function moved(step: Step, view: View, mask: Mask, o: number, sizes: readonly Size[]): Mask | null {
  if (view.kind === 'gather' && view.scalar === true) {
    const axis = view.axis ?? 0;
    const one = picked(mask, axis, Int32Array.of(view.indices?.[0] ?? 0), 1);
    return one === null ? null : { dims: one.dims.filter((_, d) => d !== axis), bits: one.bits };
  }
  let out: Mask | null = mask;
  for (const [d, size] of sizes.entries()) {
    if (out === null) return null;
    const from = sources(step, view, 0, o, d);
    if (from === 'unknown') out = blurred(out, d, size, true);
    else if (from !== null) out = picked(out, d, from, 1);
  }
  return out;
}

/** Operands side by side: where an operand has no elements it does not count. */
function joinedZeros(step: Step, view: View, zeros: Masks, sizes: readonly Size[]): Mask | null {
  const axis = view.axis ?? 0;
  const placed = step.node.inputs.map((_, i): Mask | null => {
    const mask = zeros[i] ?? null;
    if (mask === null) return null;
    const from = sources(step, view, i, 0, axis);
    return from === 'unknown' || from === null ? blurred(mask, axis, sizes[axis] ?? 1, true) : picked(mask, axis, from, 1);
  });
  return everyOf(placed, sizes);
}

function viewGradient(step: Step, view: View, gradient: Mask, o: number, input: number): Mask | null {
  const sizes = step.inputs[input];
  if (sizes == null || (input > 0 && view.kind !== 'concat')) return null;
  if (view.kind === 'reshape') return reshaped(gradient, sizes);
  if (view.kind === 'gather' && view.scalar === true) {
    const axis = view.axis ?? 0;
    const whole: Mask = { dims: [...gradient.dims.slice(0, axis), [], ...gradient.dims.slice(axis)], bits: gradient.bits };
    const size = sizes[axis] ?? 1;
    return isStatic(size) && size <= MOST_MAPPED ? spread(whole, axis, Int32Array.of(view.indices?.[0] ?? 0), size) : blurred(whole, axis, size, false);
  }
  if (gradient.dims.length !== sizes.length) return null;
  let out: Mask | null = gradient;
  for (const [d, size] of sizes.entries()) {
    if (out === null) return null;
    const from = sources(step, view, input, o, d);
    if (from === 'unknown') out = blurred(out, d, size, false);
    else if (from !== null) out = spread(out, d, from, size as number);
  }
  return out;
}
