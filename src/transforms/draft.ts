/**
 * A flat graph being edited: nodes replaced in their place, nodes inserted around them, constants added.
 *
 * The only mutable thing in the transforms; it lives inside one transform and ends as a new immutable model.
 */
import { assert } from '../errors.ts';
import { type Constant, type FlatGraph, type FlatNode, inExecutionOrder } from '../onnx/graph.ts';
import type { Attribute, Model, Tensor, ValueInfo } from '../onnx/ir.ts';
import { namesIn } from '../onnx/names.ts';
import { pack } from '../onnx/packed-tensor.ts';
import { tensorFromNumbers } from '../onnx/tensor.ts';
import { unflatten } from '../onnx/unflatten.ts';

interface Slot {
  readonly before: FlatNode[];
  now: FlatNode | null;
  readonly after: FlatNode[];
}

/** A flat graph being edited. */
export interface Draft {
  readonly flat: FlatGraph;
  readonly slots: Map<FlatNode, Slot>;
  readonly constants: Map<string, Constant>;
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
  readonly valueInfos: Map<string, ValueInfo['type']>;
  readonly names: Set<string>;
  /** The last number that was tried behind a name. */
  readonly numbers: Map<string, number>;
}

/** A draft without edits. */
export function startDraft(flat: FlatGraph): Draft {
  return {
    flat,
    slots: new Map(),
    constants: new Map(flat.constants),
    inputs: flat.inputs,
    outputs: flat.outputs,
    valueInfos: new Map(),
    names: namesIn(flat.model.graph),
    numbers: new Map(),
  };
}

/** A name nothing in the graph has yet. */
export function freshName(draft: Draft, base: string): string {
  const plain = base.slice(base.lastIndexOf('\u001f') + 1);
  let name = plain;
  let number = draft.numbers.get(plain) ?? 0;
  while (draft.names.has(name)) name = `${plain}_${++number}`;
  draft.numbers.set(plain, number);
  draft.names.add(name);
  return name;
}

function slotOf(draft: Draft, node: FlatNode): Slot {
  const known = draft.slots.get(node);
  if (known !== undefined) return known;
  const slot: Slot = { before: [], now: node, after: [] };
  draft.slots.set(node, slot);
  return slot;
}

/** A node as it stands after the edits so far; null when it was removed. */
export const currentOf = (draft: Draft, node: FlatNode): FlatNode | null => draft.slots.get(node)?.now ?? (draft.slots.has(node) ? null : node);

/** Makes a node read another value. */
export function setInput(draft: Draft, node: FlatNode, input: number, name: string): void {
  const slot = slotOf(draft, node);
  assert(slot.now !== null, 'an input of a removed node is set');
  const inputs = [...slot.now.inputs];
  while (inputs.length <= input) inputs.push('');
  inputs[input] = name;
  slot.now = { ...slot.now, inputs };
}

/** Makes every node, inserted ones included, read another value instead. */
export function redirect(draft: Draft, from: string, to: string): void {
  const change = (node: FlatNode): FlatNode =>
    node.inputs.includes(from) ? { ...node, inputs: node.inputs.map((name) => (name === from ? to : name)) } : node;
  for (const node of draft.flat.nodes) if (node.inputs.includes(from)) slotOf(draft, node);
  for (const slot of draft.slots.values()) {
    slot.before.forEach((node, i) => {
      slot.before[i] = change(node);
    });
    slot.after.forEach((node, i) => {
      slot.after[i] = change(node);
    });
    if (slot.now !== null) slot.now = change(slot.now);
  }
}

/** Renames a result of a node; its readers stay as they are. */
export function setOutput(draft: Draft, node: FlatNode, output: number, name: string): void {
  const slot = slotOf(draft, node);
  assert(slot.now !== null, 'an output of a removed node is set');
  slot.now = { ...slot.now, outputs: slot.now.outputs.map((old, i) => (i === output ? name : old)) };
}

/** Sets, replaces or (null) removes an attribute. */
export function setAttribute(draft: Draft, node: FlatNode, name: string, attribute: Attribute | null): void {
  const slot = slotOf(draft, node);
  assert(slot.now !== null, 'an attribute of a removed node is set');
  const old = slot.now.node.attributes;
  const known = old.some((own) => own.name === name);
  const attributes =
    attribute === null ? old.filter((own) => own.name !== name) : known ? old.map((own) => (own.name === name ? attribute : own)) : [...old, attribute];
  slot.now = { ...slot.now, node: { ...slot.now.node, attributes } };
}

/** Puts nodes in front of a node. */
export function insertBefore(draft: Draft, node: FlatNode, ...nodes: readonly FlatNode[]): void {
  slotOf(draft, node).before.push(...nodes);
}

/** Puts nodes behind a node. */
export function insertAfter(draft: Draft, node: FlatNode, ...nodes: readonly FlatNode[]): void {
  slotOf(draft, node).after.push(...nodes);
}

/** Takes a node out of the graph. */
export function removeNode(draft: Draft, node: FlatNode): void {
  slotOf(draft, node).now = null;
}

/** A new node in the scope of another one; its outputs get fresh names made from `name`. */
export function newNode(
  draft: Draft,
  like: FlatNode,
  op: string,
  inputs: readonly string[],
  options: { name?: string; outputs?: number; attributes?: readonly Attribute[] } = {},
): FlatNode {
  const base = options.name ?? `${like.node.name === '' ? (like.outputs[0] ?? op) : like.node.name}/${op}`;
  const name = freshName(draft, base);
  const outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => scoped(like.scope, freshName(draft, `${name}_output_${i}`)));
  const dot = op.lastIndexOf('.');
  return {
    op,
    scope: like.scope,
    inputs,
    outputs,
    node: { opType: op.slice(dot + 1), domain: dot < 0 ? '' : op.slice(0, dot), name, inputs: [], outputs: [], attributes: options.attributes ?? [] },
  };
}

/** The flat name of a value that is defined in a scope. */
export const scoped = (scope: string, name: string): string => (scope === '' ? name : `${scope}\u001f${name}`);

/** Adds an initializer to the main graph, where every scope sees it; returns its name. */
export function addConstant(draft: Draft, base: string, dataType: number, dims: readonly number[], numbers: readonly number[]): string {
  const name = freshName(draft, base);
  draft.constants.set(name, { tensor: tensorFromNumbers(name, dataType, dims, numbers), scope: '', holder: 'initializer' });
  return name;
}

/** Adds a copy of a tensor under a fresh name to the main graph. */
export function addTensor(draft: Draft, base: string, tensor: Tensor): string {
  const name = freshName(draft, base);
  const { origin: _, external: __, ...plain } = tensor;
  draft.constants.set(name, { tensor: { ...plain, name }, scope: '', holder: 'initializer' });
  return name;
}

/** Replaces the tensor a name stands for, wherever the file holds it. */
export function setConstant(draft: Draft, name: string, tensor: Tensor): void {
  const old = draft.constants.get(name);
  assert(old !== undefined, `constant ${name} does not exist`);
  draft.constants.set(name, { ...old, tensor });
}

/** The model after all edits: nodes in execution order, unused new constants dropped. */
export function finishDraft(draft: Draft): Model {
  const holders = new Map<string, Tensor>();
  for (const [name, constant] of draft.constants) {
    if (constant.holder === 'node' && constant.tensor !== draft.flat.constants.get(name)?.tensor) holders.set(name, pack(constant.tensor));
  }
  const nodes = draft.flat.nodes.flatMap((node) => {
    const slot = draft.slots.get(node);
    const now = slot === undefined ? node : slot.now;
    const held = now?.op === 'Constant' ? holders.get(now.outputs[0] ?? '') : undefined;
    const self = held === undefined || now === null ? now : holding(now, held);
    return [...(slot?.before ?? []), ...(self === null ? [] : [self]), ...(slot?.after ?? [])];
  });
  const used = new Set([...nodes.flatMap((node) => node.inputs), ...draft.outputs.map((output) => output.name)]);
  const kept = [...draft.constants].filter(([name]) => used.has(name) || draft.flat.constants.has(name));
  const constants = new Map(kept.map(([name, own]) => [name, own.tensor.packed === undefined ? own : { ...own, tensor: pack(own.tensor) }]));
  return unflatten(draft.flat.model, { nodes: inExecutionOrder(nodes), constants, inputs: draft.inputs, outputs: draft.outputs, valueInfos: draft.valueInfos });
}

function holding(node: FlatNode, tensor: Tensor): FlatNode {
  const { origin: _, ...plain } = tensor;
  const value: Attribute = { name: 'value', kind: 'tensor', value: { ...plain, name: '' } };
  return { ...node, node: { ...node.node, attributes: [value] } };
}
