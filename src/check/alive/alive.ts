/**
 * Which new parameters get no gradient, now and after any number of training steps.
 *
 * A factor that is zero hands no gradient to what it is multiplied with. Where both factors of a product are zero neither ever gets one,
 * and nothing that reads only them. The stuck parameters are the largest set that no gradient reaches while its members hold what they
 * hold, whatever all other parameters become: every new zero is taken to be stuck, those that a gradient reaches through non-zero
 * factors are not, and so on until nothing changes. What no output reads is stuck too.
 *
 * Taken for granted: every stored tensor of more than one number is trained; training reads the outputs that the old model has,
 * without the caches, which hold what earlier steps gave; functions with a kink at zero (Relu) have the derivative 0 there, as training
 * frameworks compute it. Where an operator is not understood, a gradient passes.
 */

import { isFloat } from '../../analysis/op-rule.ts';
import { ruleOf } from '../../analysis/op-rules.ts';
import { unknown } from '../../analysis/relation.ts';
import type { Size } from '../../analysis/size.ts';
import { elementCount } from '../../onnx/data-types.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import { DataType } from '../../onnx/ir.ts';
import { readNumbers } from '../../onnx/tensor.ts';
import { cachePairs } from '../caches.ts';
import { storedConstant } from '../elements.ts';
import type { Side } from '../prepare.ts';
import type { Value } from '../value.ts';
import type { Values } from '../walk.ts';
import { anyOf, elementwise } from './combine.ts';
import { type DeadParameters, described } from './describe.ts';
import { gradientsThrough, type Masks, type Step, zerosThrough } from './flow.ts';
import { axisBy, everyBit, isNone, type Mask, not, placesOf, plainAxis, type Stepped, sizesOf, uniform } from './mask.ts';
import { zerosOf } from './zeros.ts';

/** Masks of values by name; null where nothing is known. */
type Named = ReadonlyMap<string, Mask | null>;

/** A graph as the passes read it. */
interface Flow {
  readonly steps: readonly Step[];
  readonly side: Side;
  sizesOf(name: string): readonly Size[] | null;
  isConstant(name: string): boolean;
  /** Integers have no gradients, unless they stand for floats or are all that a model gives. */
  hasGradient(name: string): boolean;
}

/** New parameters of `now` that never get a gradient; `outputs` are those that training reads, `values` what the proof says of all values. */
export function deadParameters(now: Side, values: Values, outputs: readonly string[]): readonly DeadParameters[] {
  const flow = flowOf(now, values, outputs);
  const fresh = freshElements(flow, values);
  let zeros = new Map<string, Mask>();
  for (const [name, isNew] of fresh) {
    const tensor = now.flat.constants.get(name)?.tensor;
    const constant = tensor === undefined || !isFloat(tensor.dataType) ? null : storedConstant(tensor);
    const found = constant === null ? null : without(zerosOf(constant), not(isNew));
    if (found !== null && !isNone(found)) zeros.set(name, found);
  }
  for (;;) {
    const gradients = backward(flow, forward(flow, zeros), outputs);
    const stuck = new Map(
      [...zeros].flatMap(([name, mask]): [string, Mask][] => {
        const left = without(mask, gradients.get(name));
        return left === null || isNone(left) ? [] : [[name, left]];
      }),
    );
    if ([...zeros].every(([name, mask]) => stuck.get(name) === mask)) return report(flow, fresh, gradients, outputs);
    zeros = stuck;
  }
}

function flowOf(side: Side, values: Values, outputs: readonly string[]): Flow {
  const { flat, facts } = side;
  const sizesOf = (name: string): readonly Size[] | null => facts.values.get(name)?.dims ?? null;
  const isFloatValue = (name: string): boolean => {
    const dtype = facts.values.get(name)?.dtype ?? DataType.UNDEFINED;
    // what has no known type may be of floats
    return dtype === DataType.UNDEFINED || isFloat(dtype);
  };
  const integersPass = !outputs.some(isFloatValue);
  // integers that stand for floats, and what is computed of them
  const quantised = new Set(
    flat.nodes.flatMap((node) => {
      const { quantised: operands = [], quantises = false } = ruleOf(node.op) ?? {};
      return operands.length > 0 || quantises ? [...operands.map(({ operand }) => node.inputs[operand] ?? ''), ...node.outputs] : [];
    }),
  );
  return {
    side,
    sizesOf,
    steps: flat.nodes
      .filter((node) => !flat.constants.has(node.outputs[0] ?? ''))
      .map((node) => ({
        node,
        relation: facts.relations.get(node) ?? unknown('a node without a relation'),
        inputs: node.inputs.map(sizesOf),
        outputs: node.outputs.map(sizesOf),
        uniformAt: (input) => uniformOf(values.get(node.inputs[input] ?? '')),
      })),
    isConstant: (name) => facts.values.get(name)?.dependence === 'constant',
    hasGradient: (name) => integersPass || isFloatValue(name) || quantised.has(name),
  };
}

const uniformOf = (value: Value | undefined): number | null => (value?.kind === 'related' ? (value.ref.base.constant?.uniform ?? null) : null);

/**
 * Which elements of stored tensors only the new model has: those that no node reads as an old element of what it computes. Tensors
 * without any are left out.
 */
function freshElements(flow: Flow, values: Values): ReadonlyMap<string, Mask> {
  const old = new Map<string, Mask | null>();
  for (const step of [...flow.steps].reverse()) {
    const { node } = step;
    if (!node.inputs.some(flow.isConstant)) continue;
    const made = node.outputs.map((name, o): Mask | null => {
      const sizes = step.outputs[o] ?? null;
      if (sizes === null) return null;
      return flow.isConstant(name) ? (old.get(name) ?? uniform(sizes, 0)) : oldElements(values.get(name), sizes);
    });
    const others = node.inputs.map((name, i): Mask | null => {
      const sizes = step.inputs[i] ?? null;
      return sizes === null || flow.isConstant(name) ? null : not(oldElements(values.get(name), sizes));
    });
    gather(old, node, gradientsThrough(step, others, made), flow.isConstant);
  }
  const { flat } = flow.side;
  const read = new Set(flat.nodes.flatMap((node) => node.inputs));
  return new Map(
    [...flat.constants].flatMap(([name, { tensor }]): [string, Mask][] => {
      if (!read.has(name) || elementCount(tensor.dims) < 2 || !flow.hasGradient(name)) return [];
      const own = old.get(name);
      if (own === null) return [];
      const fresh = own === undefined ? uniform(tensor.dims, 1) : not(own);
      return isNone(fresh) ? [] : [[name, fresh]];
    }),
  );
}

/** Elements of a value that the old graph has. */
function oldElements(value: Value | undefined, sizes: readonly Size[]): Mask {
  if (value?.kind !== 'related' || !value.ref.base.old) return uniform(sizes, 0);
  const dims = value.dims.map((dim) =>
    dim
      .filter((atom) => atom.size !== 1)
      .map((atom): Stepped => {
        const at = atom.map?.at;
        if (at === undefined) return { axis: plainAxis(atom.size), steps: [0] };
        const isNew = (i: number): number => ((at[i] ?? -1) < 0 ? 1 : 0);
        const { axis, first } = axisBy(at.length, isNew);
        return { axis, steps: first.map(isNew) };
      }),
  );
  return {
    dims: dims.map((own) => own.map(({ axis }) => axis)),
    bits: Uint8Array.from(placesOf(dims.flat()), (newIndices) => (newIndices === 0 ? 1 : 0)),
  };
}

/** Adds what a node says of its operands to what is known of them. */
function gather(into: Map<string, Mask | null>, node: FlatNode, masks: Masks, wanted: (name: string) => boolean): void {
  node.inputs.forEach((name, i) => {
    if (!wanted(name)) return;
    const [known, own] = [into.get(name), masks[i] ?? null];
    if (known === undefined) into.set(name, own);
    else into.set(name, known === null || own === null ? null : anyOf([known, own], sizesOf(own)));
  });
}

/** Zeros of all values; caches hold what earlier steps gave, and the first is empty. */
function forward(flow: Flow, parameters: ReadonlyMap<string, Mask>): Named {
  const { flat } = flow.side;
  const caches = cachePairs(flat);
  let past = new Map([...caches.keys()].map((name) => [name, uniform(flow.sizesOf(name) ?? [], 1)]));
  for (;;) {
    const zeros = new Map<string, Mask | null>([...parameters, ...past]);
    for (const step of flow.steps) {
      const made = isZeroFilled(step.node)
        ? step.outputs.map((sizes) => (sizes === null ? null : uniform(sizes, 1)))
        : zerosThrough(
            step,
            // inputs and old weights may be anything
            step.node.inputs.map((name, i) => zeros.get(name) ?? (step.inputs[i] == null ? null : uniform(step.inputs[i], 0))),
          );
      step.node.outputs.forEach((name, o) => {
        if (name !== '') zeros.set(name, made[o] ?? null);
      });
    }
    const next = new Map(
      [...past].flatMap(([name, mask]): [string, Mask][] => {
        const present = zeros.get(caches.get(name) ?? '') ?? null;
        const kept = present === null ? null : without(mask, not(present));
        return kept === null || isNone(kept) ? [] : [[name, kept]];
      }),
    );
    if ([...past].every(([name, mask]) => next.get(name) === mask)) return zeros;
    past = next;
  }
}

function isZeroFilled(node: FlatNode): boolean {
  if (node.op !== 'ConstantOfShape') return false;
  const [value] = node.node.attributes;
  return value === undefined || (value.kind === 'tensor' && readNumbers(value.value)[0] === 0);
}

/** Which elements of each value may get a gradient. */
function backward(flow: Flow, zeros: Named, outputs: readonly string[]): Named {
  const gradients = new Map<string, Mask | null>();
  for (const name of outputs) {
    const sizes = flow.sizesOf(name);
    if (flow.hasGradient(name)) gradients.set(name, sizes === null ? null : uniform(sizes, 1));
  }
  for (const step of [...flow.steps].reverse()) {
    const made = step.node.outputs.map((name, o): Mask | null => {
      const known = gradients.get(name);
      return known === undefined ? uniform(step.outputs[o] ?? [], 0) : known;
    });
    const through = gradientsThrough(
      step,
      step.node.inputs.map((name) => zeros.get(name) ?? null),
      made,
    );
    gather(gradients, step.node, through, flow.hasGradient);
  }
  return gradients;
}

/** The elements of a mask that another one does not have; the mask itself where that is all of them, null where it is not known. */
function without(mask: Mask, other: Mask | null | undefined): Mask | null {
  if (other === undefined) return mask;
  const both = other === null ? null : elementwise([mask, other], sizesOf(mask), everyBit);
  if (other === null || both === null) return null;
  return isNone(both) ? mask : elementwise([mask, not(other)], sizesOf(mask), everyBit);
}

function report(flow: Flow, fresh: ReadonlyMap<string, Mask>, gradients: Named, outputs: readonly string[]): readonly DeadParameters[] {
  const dead = [...fresh].flatMap(([name, isNew]) => {
    const left = without(isNew, gradients.get(name));
    return left === null || isNone(left) ? [] : [{ name, left }];
  });
  const reach = backward(flow, new Map(), outputs);
  return dead.flatMap(({ name, left }) => {
    const unread = without(left, reach.get(name));
    const read = unread === null ? left : without(left, unread);
    return [...described(name, read, 'what it is multiplied with is zero and gets no gradient either'), ...described(name, unread, 'no output depends on it')];
  });
}
