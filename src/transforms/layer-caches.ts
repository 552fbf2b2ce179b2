/** Caches of an inserted layer: its inputs and outputs, and the numbering of those behind it. */
import { pathToProjection } from '../analysis/attention-paths.ts';
import { leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { isProduct } from '../analysis/norms.ts';
import { GrowError } from '../errors.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { ValueInfo } from '../onnx/ir.ts';
import { currentOf, type Draft, freshName, insertBefore, redirect, scoped } from './draft.ts';
import { innerValue } from './layer-nodes.ts';
import type { LayerPart } from './layer-part.ts';

/** Cache inputs and outputs by layer. */
export interface Caches {
  /** Cache inputs and outputs of each layer, in the order of the interface. */
  readonly inputs: readonly (readonly ValueInfo[])[];
  readonly outputs: readonly (readonly ValueInfo[])[];
}

/** Cache inputs and outputs per layer: interface tensors that carry a layer's query/key or value width. */
export function cacheNames(analysis: Analysis, parts: readonly LayerPart[]): Caches {
  const { axes, flat, data } = analysis;
  const layers = parts[0]?.stack.layers.map((_, i) => i) ?? [];
  const widths = layers.map(
    (layer) => new Set(parts.flatMap((part) => part.stack.layers[layer]?.attention.flatMap((own) => [...leavesOf(own.qk), ...leavesOf(own.v)]) ?? [])),
  );
  const belongs = (info: ValueInfo, layer: number): boolean =>
    (axes.of(info.name) ?? []).some((axis) => leavesOf(axis).some((leaf) => widths[layer]?.has(leaf)));
  const reads = (info: ValueInfo, layer: number): boolean =>
    parts.some((part) =>
      part.stack.layers[layer]?.attention.some(
        (own) =>
          (own.fused !== null && own.value.inputs.includes(info.name)) ||
          [own.key, own.values].some((value) => value === info.name || data.ancestors(value).some((node) => node.inputs.includes(info.name))),
      ),
    );
  const reader = new Map(flat.inputs.map((info) => [info, layers.findIndex((layer) => belongs(info, layer) && reads(info, layer))]));
  const maker = new Map(flat.outputs.map((info) => [info, Math.max(-1, ...parts.map((part) => fromLayer(analysis, part, info.name)))]));
  return {
    inputs: layers.map((layer) => flat.inputs.filter((info) => reader.get(info) === layer)),
    outputs: layers.map((layer) => flat.outputs.filter((info) => maker.get(info) === layer && belongs(info, layer))),
  };
}

/** True for an input that becomes keys or values of a layer without a projection: somebody's cache. Rotary tables only scale them. */
export function isCache(analysis: Analysis, part: LayerPart, name: string): boolean {
  const { axes, flat } = analysis;
  if (!flat.inputs.some((input) => input.name === name)) return false;
  return part.layer.attention.some((own) => {
    if (own.fused === null) return [own.key, own.values].some((value) => pathToProjection(analysis, value).includes(name));
    const widths = new Set([...leavesOf(own.qk), ...leavesOf(own.v)]);
    const dims = axes.of(name) ?? [];
    return own.value.inputs.includes(name) && dims.length > 2 && dims.some((axis) => leavesOf(axis).some((leaf) => widths.has(leaf)));
  });
}

/** The layer whose keys or values an output holds: the first one whose attention shares its last product. */
export function fromLayer(analysis: Analysis, part: LayerPart, name: string): number {
  const { data } = analysis;
  const value = innerValue(analysis, part, name);
  const producer = data.producer(value);
  const fused = part.stack.layers.findIndex((layer) => layer.attention.some((attention) => attention.fused !== null && attention.value === producer));
  if (fused >= 0) return fused;
  const layerWhere = (test: (own: string) => boolean): number =>
    part.stack.layers.findIndex((layer) => layer.attention.some((attention) => [attention.key, attention.values].some(test)));
  const read = layerWhere((own) => own === value || (producer !== undefined && data.isAncestor(producer, own)));
  return read >= 0 ? read : layerWhere((own) => sharesSource(analysis, own, value));
}

/** True when two values are views of one tensor a few nodes back. */
function sharesSource({ data }: Analysis, a: string, b: string): boolean {
  const back = (value: string): Set<string> => {
    const seen = new Set<string>();
    let queue = [value];
    for (let hop = 0; hop < 8; hop++) {
      queue = queue.flatMap((own) => {
        seen.add(own);
        const node = data.producer(own);
        return node === undefined || isProduct(node)
          ? []
          : data
              .dataInputs(node)
              .slice(0, 1)
              .map((i) => node.inputs[i] ?? '');
      });
    }
    return seen;
  };
  const seen = back(a);
  return [...back(b)].some((value) => seen.has(value) && data.producer(value) !== undefined);
}

/** Adds the new layer's caches to the interface and renumbers those behind it. */
export function addCaches(
  analysis: Analysis,
  draft: Draft,
  part: LayerPart,
  caches: Caches,
  added: Map<string, string>,
  copies: readonly ReadonlyMap<string, string>[],
): string[] {
  const changes: string[] = [];
  const index = part.layer.index;
  const newAt = part.at === part.from ? 0 : index + 1;
  const total = part.stack.layers.length;
  const neighbour = Math.max(0, newAt - 1);
  const newOutputs = (caches.outputs[index] ?? []).map((info) => {
    const name = handOut(analysis, draft, part, info, copies);
    added.set(info.name, name);
    return plainInfo(info, name);
  });
  const newInputs = (caches.inputs[index] ?? []).map((info) => plainInfo(info, added.get(info.name) ?? info.name));
  draft.inputs = placed(draft.inputs, caches.inputs[neighbour] ?? [], newInputs, newAt === 0);
  draft.outputs = placed(draft.outputs, caches.outputs[neighbour] ?? [], newOutputs, newAt === 0);
  renumberCaches(draft, caches.inputs, added, newAt, total, 'input', changes);
  renumberCaches(draft, caches.outputs, added, newAt, total, 'output', changes);
  return changes;
}

/** Puts a layer's caches beside its neighbour's: as a group where a layer's caches stand together, else one by one. */
function placed(list: readonly ValueInfo[], neighbour: readonly ValueInfo[], added: readonly ValueInfo[], before: boolean): ValueInfo[] {
  const at = neighbour.map((info) => list.findIndex((own) => own.name === info.name));
  const together = at.every((position, i) => position === (at[0] ?? 0) + i);
  const result = [...list];
  if (together && at.length > 0) {
    result.splice((at[0] ?? 0) + (before ? 0 : at.length), 0, ...added);
    return result;
  }
  added.forEach((info, slot) => {
    const own = result.findIndex((other) => other.name === neighbour[slot]?.name);
    result.splice(own < 0 ? result.length : before ? own : own + 1, 0, info);
  });
  return result;
}

function plainInfo(info: ValueInfo, name: string): ValueInfo {
  const { origin: _, ...plain } = info;
  return { ...plain, name };
}

/** The name under which a copied cache leaves the graph; an `If` hands it out of every branch. */
function handOut(analysis: Analysis, draft: Draft, part: LayerPart, info: ValueInfo, copies: readonly ReadonlyMap<string, string>[]): string {
  const producer = analysis.data.producer(info.name);
  const number = nextNumber(part);
  const name = freshName(draft, renumber(info.name, part.layer.index, number));
  if (producer?.op === 'If' && producer.branches !== undefined) {
    const now = currentOf(draft, producer) as FlatNode;
    const count = now.outputs.length;
    const output = now.outputs.indexOf(info.name);
    const branches = producer.branches.length;
    const inputs = [now.inputs[0] ?? ''];
    for (let b = 0; b < branches; b++) {
      const own = now.inputs.slice(1 + b * count, 1 + (b + 1) * count);
      const value = own[output] ?? '';
      const copied = copies.map((map) => map.get(value)).find((found) => found !== undefined);
      inputs.push(...own, aliasIn(draft, producer, producer.branches[b] ?? '', copied ?? value, name));
    }
    const slot = draft.slots.get(producer) ?? { before: [], now: producer, after: [] };
    slot.now = { ...now, inputs, outputs: [...now.outputs, name] };
    draft.slots.set(producer, slot);
    return name;
  }
  const value = copies.map((map) => map.get(info.name)).find((found) => found !== undefined);
  if (value === undefined) throw new GrowError('UNSUPPORTED_AXIS', `the cache output ${info.name} could not be copied`, { where: `output ${info.name}` });
  redirectOutput(draft, value, name);
  return name;
}

/** A branch's own name for a value it hands out. */
export function aliasIn(draft: Draft, anchor: FlatNode, scope: string, value: string, base: string): string {
  const name = scoped(scope, freshName(draft, `${base}_in_branch`));
  insertBefore(draft, anchor, {
    op: 'Identity',
    scope,
    inputs: [value],
    outputs: [name],
    node: { opType: 'Identity', domain: '', name: freshName(draft, `${base}/Identity`), inputs: [], outputs: [], attributes: [] },
  });
  return name;
}

/** Renames a copied value everywhere, so that it can be an output. */
function redirectOutput(draft: Draft, from: string, to: string): void {
  for (const slot of draft.slots.values()) {
    for (const list of [slot.before, slot.after]) {
      list.forEach((node, i) => {
        if (node.outputs.includes(from)) list[i] = { ...node, outputs: node.outputs.map((name) => (name === from ? to : name)) };
      });
    }
  }
  redirect(draft, from, to);
}

/** Names in stream order: caches behind the new layer move up by one number. */
function renumberCaches(
  draft: Draft,
  layers: readonly (readonly ValueInfo[])[],
  added: ReadonlyMap<string, string>,
  newAt: number,
  total: number,
  what: 'input' | 'output',
  changes: string[],
): void {
  const slots = layers[0]?.length ?? 0;
  if (slots === 0 || layers.some((own) => own.length !== slots)) return;
  const source = newAt === 0 ? 0 : newAt - 1;
  const finalName = (slot: number, layer: number): string =>
    layer < total ? (layers[layer]?.[slot]?.name ?? '') : renumber(layers[total - 1]?.[slot]?.name ?? '', total - 1, total);
  const moves = new Map<string, string>();
  for (let slot = 0; slot < slots; slot++) {
    const copyName = added.get(layers[source]?.[slot]?.name ?? '') ?? '';
    moves.set(copyName, finalName(slot, newAt));
    for (let layer = newAt; layer < total; layer++) moves.set(layers[layer]?.[slot]?.name ?? '', finalName(slot, layer + 1));
    changes.push(`${what} ${finalName(slot, newAt)} is new`);
  }
  const real = [...moves].filter(([from, to]) => from !== to && from !== '');
  // A name in that order may belong to something that is no cache of these layers; then the new ones keep names of their own.
  const taken = new Set((what === 'input' ? draft.inputs : draft.outputs).map((info) => info.name));
  // Names without a number cannot be put in that order at all.
  const unclear = new Set(moves.values()).size !== moves.size;
  if (unclear || real.some(([, to]) => taken.has(to) && !moves.has(to))) {
    changes.splice(changes.length - slots, slots, ...[...added.values()].map((name) => `${what} ${name} is new`));
    return;
  }
  if (newAt < total) changes.push(`${what}s of the layers behind it are renumbered`);
  renameValues(draft, new Map(real));
}

/** Renames values at once (names may be swapped in a circle), in nodes and in the interface. */
function renameValues(draft: Draft, names: ReadonlyMap<string, string>): void {
  if (names.size === 0) return;
  const rename = (name: string): string => names.get(name) ?? name;
  const change = (node: FlatNode): FlatNode =>
    node.inputs.some((name) => names.has(name)) || node.outputs.some((name) => names.has(name))
      ? { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) }
      : node;
  for (const node of draft.flat.nodes) {
    const slot = draft.slots.get(node);
    if (slot === undefined) {
      const now = change(node);
      if (now !== node) draft.slots.set(node, { before: [], now, after: [] });
      continue;
    }
    slot.before.forEach((own, i) => {
      slot.before[i] = change(own);
    });
    slot.after.forEach((own, i) => {
      slot.after[i] = change(own);
    });
    if (slot.now !== null) slot.now = change(slot.now);
  }
  const info = (own: ValueInfo): ValueInfo => (names.has(own.name) ? { ...own, name: rename(own.name) } : own);
  draft.inputs = draft.inputs.map(info);
  draft.outputs = draft.outputs.map(info);
}

/** The first layer number that is free. */
export const nextNumber = (part: LayerPart): number => part.stack.layers.length;

/** The name of the same thing in another layer: the exporter's own layer number in it is replaced. */
export function renumber(name: string, from: number, to: number): string {
  let done = false;
  return name.replaceAll(
    /(^|[^0-9A-Za-z])(\d+)(?=$|[^0-9A-Za-z])|(?<=[A-Za-z])(\d+)(?=[._/])/g,
    (match, before: string | undefined, digits: string | undefined) => {
      if (done || digits === undefined || Number(digits) !== from) return match;
      done = true;
      return `${before ?? ''}${to}`;
    },
  );
}
