/**
 * Layer addition (Gesmundo & Maile 2023, theorem 3.6; post-norm stacks: ARCHITECTURE.md).
 *
 * A new layer copies its neighbour; the weights and biases that write to the residual stream are zero, so x + F(x) = x wherever
 * the layer stands. Under a norm on a branch's output the norm's gain and bias are zero instead. Masks, tables and buffers are
 * shared; a new layer brings its own caches, and caches stay numbered in stream order.
 *
 * Post-norm: y = LN(x + 0) ≠ x. The preceding norm and the new layer's q norms get ε = t with t^(q+1) = ε·(1 + t + … + t^q);
 * all but the last get gain 1 and bias 0; the last gets the preceding norm's (g·√(1 + t + … + t^q), b). The chain computes the
 * preceding norm exactly.
 */
import { type Anatomy, findAnatomy } from '../analysis/anatomy.ts';
import { leavesOf } from '../analysis/axis.ts';
import { type Analysis, analyze } from '../analysis/graph-analysis.ts';
import type { Layer } from '../analysis/layers.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { equal } from '../analysis/size.ts';
import { isTwin, type Stack } from '../analysis/stacks.ts';
import { unmoved, unscaled } from '../analysis/streams.ts';
import { GrowError } from '../errors.ts';
import { nodeLabel } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { insertLayer, type LayerMaking } from './insert-layer.ts';
import { mergeNorms } from './post-norm.ts';
import type { Step } from './recipe.ts';
import { type Zeroed, zeroBranch } from './zero-branch.ts';

const HANDS_ON = new Set(['Identity', 'Dropout', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** A model with more layers. */
export interface LayersAdded {
  readonly model: Model;
  readonly interfaceChanges: readonly string[];
  readonly notes: readonly string[];
  /** Why the weights do not fit a standard module, but for their sizes. */
  readonly unportable: readonly string[];
}

/** Inserts the layers a step asks for; each stack grows unless one is named. */
export function addLayers(model: Model, step: Step, making: LayerMaking): LayersAdded {
  const anatomy = findAnatomy(analyze(model));
  const names = [...new Set(anatomy.stacks.map((stack) => stack.name))];
  const chosen = step.selector.stack === null ? names : names.filter((name) => name === step.selector.stack);
  if (names.length === 0)
    throw new GrowError('UNSUPPORTED_AXIS', 'layers cannot grow: no residual stream with attention was found', {
      where: `step ${step.text}`,
      hint: 'see what was recognised with: grow inspect',
    });
  if (chosen.length === 0)
    throw new GrowError('USAGE', `there is no stack '${step.selector.stack ?? ''}'`, { where: `step ${step.text}`, hint: `stacks are ${names.join(', ')}` });
  let added: LayersAdded = { model, interfaceChanges: [], notes: [], unportable: [] };
  for (const name of chosen) {
    const stack = anatomy.stacks.find((own) => own.name === name) as Stack;
    const missing = count(step, stack.layers.length);
    if (missing === 0) added = { ...added, notes: [...added.notes, `${name} has ${stack.layers.length} layers already`] };
    for (let i = 0; i < missing; i++) {
      const next = addOne(added.model, name, step, making);
      added = { model: next.model, interfaceChanges: [...added.interfaceChanges, ...next.interfaceChanges], notes: added.notes, unportable: next.unportable };
    }
  }
  return added;
}

function count(step: Step, now: number): number {
  const { kind, amount } = step.size;
  const target = kind === 'absolute' ? amount : kind === 'add' ? now + amount : Math.ceil(now * amount - 1e-9);
  if (target < now)
    throw new GrowError('SHRINKING', `there are ${now} layers already; models only grow`, {
      where: `step ${step.text}`,
      hint: `use a number of at least ${now}`,
    });
  return target - now;
}

function addOne(model: Model, name: string, step: Step, making: LayerMaking): LayersAdded {
  const analysis = analyze(model);
  const anatomy = findAnatomy(analysis);
  const stack = anatomy.stacks.find((own) => own.name === name);
  if (stack === undefined) throw new GrowError('UNSUPPORTED_AXIS', `the stack ${name} was not found again`, { where: `step ${step.text}` });
  const twins = anatomy.stacks.filter((own) => own !== stack && isTwin(own, stack));
  const last = stack.layers.length - 1;
  const given = step.place.kind === 'end' ? last : step.place.layer < 0 ? step.place.layer + last + 1 : step.place.layer;
  if (given < 0 || given > last)
    throw new GrowError('USAGE', `layer ${step.place.kind === 'end' ? '' : step.place.layer} does not exist`, {
      where: `step ${step.text}`,
      hint: `layers are 0 to ${last}`,
    });
  const before = step.place.kind === 'before' && given === 0;
  const source = step.place.kind === 'before' && given > 0 ? given - 1 : given;
  const parts = [stack, ...twins].map((own) => part(analysis, anatomy, own, source, before));
  const unportable = [
    ...(parts.some((own) => own.merge !== null)
      ? ['the norms around a new post-norm layer have epsilons of their own, a standard module has one for all']
      : []),
    ...(parts.some((own) => own.rescales) ? ['the new layer has residual factors of 1, a standard module has the same in all layers'] : []),
  ];
  return { ...insertLayer(analysis, parts, making), notes: [], unportable };
}

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
  readonly merge: ReturnType<typeof mergeNorms> | null;
  /** The layer's residual factors α become 1. */
  readonly rescales: boolean;
}

function part(analysis: Analysis, anatomy: Anatomy, stack: Stack, index: number, before: boolean): LayerPart {
  const layer = stack.layers[index] as Layer;
  const from = unscaled(analysis, layer.branches[0]?.skip ?? '').value;
  const following = stack.layers[index + 1]?.branches[0]?.skip;
  const next = following === undefined ? undefined : unscaled(analysis, following).value;
  const sum = layer.branches.at(-1)?.sum ?? '';
  const streamLeaves = new Set(leavesOf(stack.axis));
  const norms = anatomy.norms.filter((norm) => leavesOf(norm.axis).some((leaf) => streamLeaves.has(leaf)));
  const post = stack.normPlacement === 'post';
  const to = sameShape(analysis, from, next ?? (post ? (normOf(analysis, norms, sum)?.output ?? sum) : sum));
  const factors = layer.branches.flatMap((branch) => unscaled(analysis, branch.skip).scalars.filter((operand) => !isOne(analysis, operand)));
  const zeroed = layer.branches.flatMap((branch) => {
    const own = zeroBranch(analysis, norms, branch.branch);
    if (typeof own === 'string') throw new GrowError('UNSUPPORTED_AXIS', `layers cannot grow: ${own}`, { where: nodeLabel(branch.add) });
    return own;
  });
  // a residual factor α would scale the stream once more: the new layer's is 1
  zeroed.push(...factors.map((operand) => ({ operand, value: 1 })));
  const at = before ? from : to;
  if (!post) refuseChangedStream(analysis, layer, from, to);
  return { stack, layer, from, to, at, zeroed, merge: post ? mergeNorms(analysis, norms, layer, at, to) : null, rescales: factors.length > 0 };
}

/** The value in the shape of another one: some exporters flatten the stream inside a layer and reshape it behind. */
function sameShape({ data, facts }: Analysis, like: string, value: string): string {
  const wanted = facts.values.get(like)?.dims ?? [];
  const fits = (own: string): boolean => {
    const dims = facts.values.get(own)?.dims ?? [];
    return dims.length === wanted.length && dims.every((size, d) => equal(size, wanted[d] ?? -1));
  };
  for (let at = value, hop = 0; hop < 4; hop++) {
    if (fits(at)) return at;
    const next = data.consumers(at).find(({ node, input }) => input === 0 && HANDS_ON.has(node.op))?.node.outputs[0];
    if (next === undefined) break;
    at = next;
  }
  throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: the stream changes its shape between the ends of the layer', {
    where: `value ${value}`,
  });
}

const isOne = ({ facts }: Analysis, { node, input }: Operand): boolean => facts.elements(node.inputs[input] ?? '')?.every((e) => e.value === 1) === true;

/** With zero branches the layer must hand its input on as it is: nothing but sums and moves between its ends. */
function refuseChangedStream(analysis: Analysis, layer: Layer, from: string, to: string): void {
  const { data, facts } = analysis;
  const sums = new Map(layer.branches.map((branch) => [branch.sum, branch.skip]));
  let value = to;
  for (let hop = 0; value !== from && hop < 1000; hop++) {
    const node = data.producer(value);
    const skip = sums.get(value);
    const sameType = node !== undefined && node.op === 'Cast' && facts.values.get(node.inputs[0] ?? '')?.dtype === facts.values.get(value)?.dtype;
    if (skip !== undefined) value = unscaled(analysis, skip).value;
    else if (node !== undefined && (HANDS_ON.has(node.op) || sameType)) value = node.inputs[0] ?? '';
    else {
      throw new GrowError('UNSUPPORTED_AXIS', 'a layer cannot be inserted here exactly: the stream is changed between its branches', {
        ...(node && { where: nodeLabel(node) }),
        hint: 'only sums may stand between the branches of a layer',
      });
    }
  }
}

/** The norm that reads a value, directly or through casts. */
const normOf = (analysis: Analysis, norms: readonly Norm[], value: string): Norm | undefined =>
  norms.find((norm) => unmoved(analysis, norm.input) === unmoved(analysis, value));
