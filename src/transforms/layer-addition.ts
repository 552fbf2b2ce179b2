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
 *
 * Where neither can be had (no norm in front, something else in the stream, a branch that no weight makes zero) the copy is
 * multiplied by a new gain per channel that starts as zeros: x + 0·F(x), or x + 0·L(x) for a layer L as a whole. The gain learns
 * at the first step and the layer behind it from the second on.
 */
import { findAnatomy } from '../analysis/anatomy.ts';
import { analyze } from '../analysis/graph-analysis.ts';
import { isTwin, type Stack } from '../analysis/stacks.ts';
import { GrowError } from '../errors.ts';
import type { Model } from '../onnx/ir.ts';
import { insertLayer, type LayerMaking } from './insert-layer.ts';
import { type LayerPart, planPart } from './layer-part.ts';
import type { Step } from './recipe.ts';

/** A model with more layers. */
export interface LayersAdded {
  readonly model: Model;
  readonly interfaceChanges: readonly string[];
  readonly notes: readonly string[];
  /** Why the weights do not fit a standard module, but for their sizes. */
  readonly unportable: readonly string[];
  /** Where copies were put, in the order it was done. */
  readonly inserted: readonly InsertedLayer[];
}

/** A new layer: the layer of a stack it is a copy of, and the index it has now. */
export interface InsertedLayer {
  readonly stack: string;
  readonly source: number;
  readonly at: number;
}

/** Inserts the layers a step asks for; each stack grows unless one is named. */
export function addLayers(model: Model, step: Step, making: LayerMaking): LayersAdded {
  const anatomy = findAnatomy(analyze(model));
  const names = [...new Set(anatomy.stacks.filter((stack) => stack.residual).map((stack) => stack.name))];
  const chosen = step.selector.stack === null ? names : names.filter((name) => name === step.selector.stack);
  if (names.length === 0)
    throw new GrowError('UNSUPPORTED_AXIS', 'layers cannot grow: no residual stream was found', {
      where: `step ${step.text}`,
      hint: 'see what was recognised with: grow inspect',
    });
  if (chosen.length === 0)
    throw new GrowError('USAGE', `there is no stack '${step.selector.stack ?? ''}'`, { where: `step ${step.text}`, hint: `stacks are ${names.join(', ')}` });
  let added: LayersAdded = { model, interfaceChanges: [], notes: [], unportable: [], inserted: [] };
  for (const name of chosen) {
    const stack = anatomy.stacks.find((own) => own.name === name) as Stack;
    const missing = count(step, stack.layers.length);
    if (missing === 0) added = { ...added, notes: [...added.notes, `${name} has ${stack.layers.length} layers already`] };
    for (let i = 0; i < missing; i++) {
      const next = addOne(added.model, name, step, making);
      added = {
        model: next.model,
        interfaceChanges: [...added.interfaceChanges, ...next.interfaceChanges],
        notes: [...new Set([...added.notes, ...next.notes])],
        unportable: [...new Set([...added.unportable, ...next.unportable])],
        inserted: [...added.inserted, ...next.inserted],
      };
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
  const parts = [stack, ...twins].map((own) => planPart(analysis, anatomy, own, source, before));
  const unportable = [
    ...(parts.some((own) => own.merge !== null)
      ? ['the norms around a new post-norm layer have epsilons of their own, a standard module has one for all']
      : []),
    ...(parts.some((own) => own.rescales) ? ['the new layer has residual factors of 1, a standard module has the same in all layers'] : []),
    ...(parts.some((own) => own.gated.length > 0) ? ['a new layer is multiplied by a gain of its own, which a standard module does not have'] : []),
  ];
  const notes = parts.slice(0, 1).flatMap((own) => gateNote(name, own));
  return { ...insertLayer(analysis, parts, making), notes, unportable, inserted: [{ stack: name, source, at: before ? 0 : source + 1 }] };
}

function gateNote(name: string, { gated, gatedBecause }: LayerPart): string[] {
  if (gated.length === 0) return [];
  const what = gated === 'whole' ? 'the new layer is added to the stream' : 'what the new layer adds to the stream is multiplied';
  return [`${name}: ${what} with a gain of its own that starts as zeros, since ${gatedBecause ?? 'its branches cannot be made zero'}`];
}
