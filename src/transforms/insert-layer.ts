/** The graph surgery of layer addition: copy the nodes of a layer, give the copy its own weights and caches, put it into the stream. */
import { leavesOf } from '../analysis/axes.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { isProduct, type Operand } from '../analysis/norms.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { GrowError } from '../errors.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model, type Tensor, type ValueInfo } from '../onnx/ir.ts';
import { tensorFromNumbers } from '../onnx/tensor.ts';
import {
  addTensor,
  currentOf,
  type Draft,
  finishDraft,
  freshName,
  insertAfter,
  insertBefore,
  redirect,
  scoped,
  setAttribute,
  setInput,
  setOutput,
  startDraft,
} from './draft.ts';
import type { LayerPart } from './layer-addition.ts';
import { sourceOf } from './norm-forms.ts';
import type { NormEdit } from './post-norm.ts';

/** Copies a layer in every part (one per stack that shares its weights) and returns the bigger model. */
export function insertLayer(analysis: Analysis, parts: readonly LayerPart[]): { model: Model; interfaceChanges: string[] } {
  const draft = startDraft(analysis.flat);
  const shared = new Map<string, string>();
  const [first] = parts;
  if (first === undefined) return { model: analysis.flat.model, interfaceChanges: [] };
  const caches = cacheNames(analysis, parts);
  const number = nextNumber(first);
  const added = new Map<string, string>();
  const made = parts.map((part) => copyPart(analysis, draft, part, shared, caches, added, number));
  const changes = addCaches(
    analysis,
    draft,
    first,
    caches,
    added,
    made.map((own) => own.copies),
  );
  return { model: finishDraft(draft), interfaceChanges: changes };
}

interface Caches {
  /** Cache inputs and outputs of each layer, in the order of the interface. */
  readonly inputs: readonly (readonly ValueInfo[])[];
  readonly outputs: readonly (readonly ValueInfo[])[];
}

/** Every edge counts: shapes, indices and contents. */
function allAncestors({ data }: Analysis, values: readonly string[]): Set<FlatNode> {
  const found = new Set<FlatNode>();
  const queue = [...values];
  while (queue.length > 0) {
    const node = data.producer(queue.pop() ?? '');
    if (node === undefined || found.has(node)) continue;
    found.add(node);
    queue.push(...node.inputs);
  }
  return found;
}

/** Nodes reached from a value; Shape of the value itself is no part of what follows it. */
function descendants({ data }: Analysis, value: string, within?: ReadonlySet<FlatNode>): Set<FlatNode> {
  const found = new Set<FlatNode>();
  const queue = data.consumers(value).flatMap(({ node }) => (node.op === 'Shape' ? [] : [node]));
  while (queue.length > 0) {
    const node = queue.pop() as FlatNode;
    if (found.has(node) || (within !== undefined && !within.has(node))) continue;
    found.add(node);
    for (const output of node.outputs) queue.push(...data.consumers(output).map((own) => own.node));
  }
  return found;
}

// ---------------------------------------------------------------------------------------------- which nodes belong to a layer

function layerNodes(analysis: Analysis, part: LayerPart, caches: Caches): Set<FlatNode> {
  const { data, facts, flat } = analysis;
  const inside = allAncestors(analysis, [part.to]);
  for (const node of allAncestors(analysis, [part.from])) inside.delete(node);
  const after = descendants(analysis, part.to);
  const own = descendants(analysis, part.from, inside);
  const cacheInputs = (caches.inputs[part.layer.index] ?? []).map((info) => info.name);
  const seeds: FlatNode[] = cacheInputs
    .flatMap((name) => data.consumers(name).map(({ node }) => node))
    .filter((node) => inside.has(node) && node.op !== 'Shape' && node.op !== 'If');
  for (const node of inside) {
    if (
      isProduct(node) &&
      !own.has(node) &&
      node.inputs.slice(0, 2).some((name) => isMatrix(analysis, name)) &&
      node.inputs.slice(0, 2).some((name) => facts.values.get(name)?.dependence === 'data')
    )
      seeds.push(node);
  }
  const queue = [...seeds];
  while (queue.length > 0) {
    const node = queue.pop() as FlatNode;
    if (own.has(node) || !inside.has(node)) continue;
    own.add(node);
    for (const output of node.outputs) queue.push(...data.consumers(output).map((reader) => reader.node));
  }
  // caches that leave the layer on a side branch
  const fromLayer = descendants(analysis, part.from);
  for (const value of cacheValues(analysis, part, caches)) {
    for (const node of allAncestors(analysis, [value]))
      if ((fromLayer.has(node) || reachesOnly(node)) && !after.has(node) && !allAncestorsOf(part.from).has(node) && node.op !== 'If') own.add(node);
  }
  for (const node of flat.nodes) {
    const feeds = node.outputs.some((output) => data.consumers(output).some((reader) => own.has(reader.node)));
    if (feeds && facts.values.get(node.outputs[0] ?? '')?.dependence === 'constant' && node.op !== 'Constant') collectConstantNodes(node);
  }
  for (const node of [...own]) {
    for (const branch of node.branches ?? [])
      for (const inner of flat.nodes) if (inner.scope === branch || inner.scope.startsWith(`${branch}/`)) own.add(inner);
  }
  return own;

  function reachesOnly(node: FlatNode): boolean {
    return node.inputs.some((name) => cacheInputs.includes(name));
  }

  function allAncestorsOf(value: string): Set<FlatNode> {
    return allAncestors(analysis, [value]);
  }

  function collectConstantNodes(node: FlatNode): void {
    if (own.has(node) || node.op === 'Constant') return;
    own.add(node);
    for (const name of node.inputs) {
      const from = data.producer(name);
      if (from !== undefined) collectConstantNodes(from);
    }
  }
}

const isMatrix = ({ facts }: Analysis, name: string): boolean => {
  const value = facts.values.get(name);
  return value?.dependence === 'constant' && (value.dims ?? []).filter((size) => size !== 1).length > 1;
};

/** The values that leave a layer as caches, inside an `If` the branch's own ones. */
function cacheValues(analysis: Analysis, part: LayerPart, caches: Caches): string[] {
  return (caches.outputs[part.layer.index] ?? []).map((output) => innerValue(analysis, part, output.name));
}

/** The value in the part's scope that an `If` hands out under a name. */
function innerValue({ data }: Analysis, part: LayerPart, name: string): string {
  const node = data.producer(name);
  if (node?.op !== 'If' || node.branches === undefined) return name;
  const scope = part.layer.branches[0]?.add.scope ?? '';
  const branch = node.branches.findIndex((own) => scope === own || scope.startsWith(`${own}/`));
  const output = node.outputs.indexOf(name);
  return branch < 0 ? name : (node.inputs[1 + branch * node.outputs.length + output] ?? name);
}

// ---------------------------------------------------------------------------------------------- copying

function copyPart(
  analysis: Analysis,
  draft: Draft,
  part: LayerPart,
  shared: Map<string, string>,
  caches: Caches,
  added: Map<string, string>,
  number: number,
): { copies: Map<string, string> } {
  const { data, flat } = analysis;
  const nodes = layerNodes(analysis, part, caches);
  const copies = new Map<string, string>([[part.from, part.at]]);
  const rename = (text: string): string => renumber(text, part.layer.index, number);
  const cacheInputs = new Set((caches.inputs[part.layer.index] ?? []).map((info) => info.name));
  for (const name of cacheInputs) {
    if (!added.has(name)) added.set(name, freshName(draft, rename(name)));
    copies.set(name, added.get(name) ?? name);
  }
  const zeroed = new Map(part.zeroed.map((own) => [keyOf(own.operand), own.value]));
  const edits = new Map((part.merge?.copies ?? []).flatMap((edit) => normOperands(analysis, edit)));
  const ordered = flat.nodes.filter((node) => nodes.has(node));
  // a copied `If` has branches of its own
  const scopes = new Map(ordered.flatMap((node) => (node.branches ?? []).map((branch) => [branch, freshName(draft, `${branch}_copy`)] as const)));
  const scopeOf = (scope: string): string =>
    [...scopes].reduce((own, [from, to]) => (own === from || own.startsWith(`${from}/`) ? `${to}${own.slice(from.length)}` : own), scope);
  const clones: FlatNode[] = [];
  for (const node of ordered) {
    for (const output of node.outputs) {
      if (output === '' || flat.constants.has(output)) continue;
      copies.set(output, scoped(scopeOf(node.scope), freshName(draft, rename(output))));
    }
  }
  for (const node of ordered) {
    if (node.op === 'Constant') continue;
    const inputs = node.inputs.map((name, input) => {
      if (name === '' || !flat.constants.has(name)) return copies.get(name) ?? name;
      const copy = constantCopy({ node, input }, name);
      // a branch hands out values of its own only
      const branch = node.branches?.[Math.floor((input - 1) / node.outputs.length)];
      return branch === undefined || copy === name ? copy : aliasIn(draft, node, scopeOf(branch), copy, name);
    });
    const { origin: _, ...plain } = node.node;
    const attributes = epsilonAttribute(node, part.merge?.copies ?? []);
    clones.push({
      ...node,
      scope: scopeOf(node.scope),
      ...(node.branches && { branches: node.branches.map(scopeOf) }),
      inputs,
      outputs: node.outputs.map((output) => copies.get(output) ?? output),
      node: { ...plain, name: freshName(draft, rename(node.node.name === '' ? `${node.op}_copy` : node.node.name)), attributes },
    });
  }
  place(clones);
  return { copies };

  function constantCopy(operand: Operand, name: string): string {
    const tensor = flat.constants.get(name)?.tensor as Tensor;
    const edit = edits.get(keyOf(operand));
    const value = zeroed.get(keyOf(operand));
    const hidden = scopeOf(flat.constants.get(name)?.scope ?? '') !== (flat.constants.get(name)?.scope ?? '');
    const owns = hidden || edit !== undefined || value !== undefined || isParameter(analysis, operand, tensor, nodes);
    if (!owns) return name;
    const key = `${name}\u0000${value ?? ''}\u0000${edit === undefined ? '' : edit.label}`;
    const known = shared.get(key);
    if (known !== undefined) return known;
    const base = rename(name);
    const copy =
      edit !== undefined
        ? addTensor(draft, base, tensorFromNumbers(base, tensor.dataType, tensor.dims, edit.numbers(tensor)))
        : addTensor(draft, base, value === undefined ? tensor : filled(tensor, value));
    shared.set(key, copy);
    return copy;
  }

  /** Puts the copies behind the stream value and lets what read it read the new layer's result. */
  function place(list: readonly FlatNode[]): void {
    const result = copies.get(part.to) ?? part.to;
    const producer = data.producer(part.at);
    const outside = allAncestors(
      analysis,
      list.flatMap((node) => node.inputs),
    );
    const isOutput = flat.outputs.some((output) => output.name === part.at) || joined(part.at);
    if (part.merge !== null) editPreceding(part.merge.preceding);
    if (isOutput && producer !== undefined) {
      const inner = scoped(producer.scope, freshName(draft, `${part.at}_before`));
      const mine = list
        .map((node) => ({
          ...node,
          inputs: node.inputs.map((name) => (name === part.at ? inner : name)),
          outputs: node.outputs.map((name) => (name === result ? part.at : name)),
        }))
        .map((node) => ({ ...node, inputs: node.inputs.map((name) => (name === result ? part.at : name)) }));
      for (const { node, input } of data.consumers(part.at)) if (node.op === 'Shape' || outside.has(node)) setInput(draft, node, input, inner);
      setOutput(draft, producer, producer.outputs.indexOf(part.at), inner);
      insertAfter(draft, producer, ...mine);
      copies.set(part.to, part.at);
      return;
    }
    for (const { node, input } of data.consumers(part.at)) {
      if (node.op !== 'Shape' && !outside.has(node)) setInput(draft, node, input, result);
    }
    if (producer !== undefined) insertAfter(draft, producer, ...list);
    else insertBefore(draft, flat.nodes[0] as FlatNode, ...list);
  }

  function joined(value: string): boolean {
    return data.consumers(value).some(({ node, input }) => node.op === 'If' && input > 0);
  }

  function editPreceding(edit: NormEdit): void {
    for (const [key, own] of normOperands(analysis, edit)) {
      const operand = own.operand;
      const name = operand.node.inputs[operand.input] ?? '';
      const tensor = flat.constants.get(name)?.tensor;
      if (tensor === undefined) throw new GrowError('UNSUPPORTED_AXIS', `the constant ${name} of a norm is computed`, {});
      const shareKey = `preceding\u0000${key}`;
      const known = shared.get(shareKey) ?? addTensor(draft, `${name}_merged`, tensorFromNumbers(name, tensor.dataType, tensor.dims, own.numbers(tensor)));
      shared.set(shareKey, known);
      setInput(draft, operand.node, operand.input, known);
    }
    const [node] = edit.norm.statistics;
    if (edit.norm.epsilon === 'attribute' && node !== undefined) {
      const attribute = epsilonAttribute(node, [edit]).find((own) => own.name === 'epsilon');
      if (attribute !== undefined) setAttribute(draft, node, 'epsilon', attribute);
    }
  }
}

const keyOf = (operand: Operand): string => `${operand.node.outputs[0] ?? ''}\u0000${operand.input}`;

/** The constants of a norm that an edit changes, by operand. */
function normOperands(analysis: Analysis, edit: NormEdit): [string, { operand: Operand; label: string; numbers: (tensor: Tensor) => number[] }][] {
  const { norm } = edit;
  const entries: [string, { operand: Operand; label: string; numbers: (tensor: Tensor) => number[] }][] = [];
  const put = (operand: Operand | null, label: string, numbers: (tensor: Tensor) => number[]): void => {
    const source = operand === null ? null : sourceOf(analysis, operand, 1);
    if (source !== null) entries.push([keyOf(source.operand), { operand: source.operand, label, numbers }]);
  };
  const size = (tensor: Tensor): number => tensor.dims.reduce((a, b) => a * b, 1);
  put(norm.gain, `gain${edit.affine === null ? 1 : norm.output}`, (tensor) => [...(edit.affine?.gain ?? new Array<number>(size(tensor)).fill(1))]);
  put(norm.bias, `bias${edit.affine === null ? 0 : norm.output}`, (tensor) => [...(edit.affine?.bias ?? new Array<number>(size(tensor)).fill(0))]);
  if (norm.epsilon !== null && norm.epsilon !== 'attribute') put(norm.epsilon, 'epsilon', (tensor) => new Array<number>(size(tensor)).fill(edit.epsilon));
  return entries;
}

function epsilonAttribute(node: FlatNode, edits: readonly NormEdit[]): readonly Attribute[] {
  const edit = edits.find((own) => own.norm.epsilon === 'attribute' && own.norm.statistics[0] === node);
  if (edit === undefined) return node.node.attributes;
  const epsilon: Attribute = { name: 'epsilon', kind: 'float', value: edit.epsilon };
  return [...node.node.attributes.filter((own) => own.name !== 'epsilon'), epsilon];
}

const OWN = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);
const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/** Weights, biases and gains are the layer's own; scalars, masks, tables and integers are shared. */
function isParameter(analysis: Analysis, operand: Operand, tensor: Tensor, nodes: ReadonlySet<FlatNode>): boolean {
  if (!FLOATS.includes(tensor.dataType) || tensor.dims.reduce((a, b) => a * b, 1) <= 1) return false;
  const { node } = operand;
  const zero = ruleOf(node.op)?.zero;
  if (isProduct(node) || OWN.has(node.op) || zero === 'all' || zero === 'any' || node.op === 'Div' || node.op.startsWith('com.microsoft.')) return true;
  const constant = analysis.facts.values.get(node.outputs[0] ?? '')?.dependence === 'constant';
  return constant && nodes.has(node);
}

function filled(tensor: Tensor, value: number): Tensor {
  if (value !== 0)
    return {
      ...tensor,
      ...tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, new Array<number>(tensor.dims.reduce((a, b) => a * b, 1)).fill(value)),
    };
  return { ...tensor, data: { size: tensor.data.size, read: (_, length) => new Uint8Array(length) } };
}

// ---------------------------------------------------------------------------------------------- caches and names

/** Cache inputs and outputs per layer: interface tensors that carry a layer's query/key or value width. */
function cacheNames(analysis: Analysis, parts: readonly LayerPart[]): Caches {
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

/** The layer whose keys or values an output holds: the first one whose attention shares its last product. */
function fromLayer(analysis: Analysis, part: LayerPart, name: string): number {
  const { data } = analysis;
  const value = innerValue(analysis, part, name);
  const producer = data.producer(value);
  const fused = part.stack.layers.findIndex((layer) => layer.attention.some((attention) => attention.fused !== null && attention.value === producer));
  if (fused >= 0) return fused;
  return part.stack.layers.findIndex((layer) =>
    layer.attention.some((attention) =>
      [attention.key, attention.values].some(
        (own) => own === value || (producer !== undefined && data.isAncestor(producer, own)) || sharesSource(analysis, own, value),
      ),
    ),
  );
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
function addCaches(
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
function aliasIn(draft: Draft, anchor: FlatNode, scope: string, value: string, base: string): string {
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
const nextNumber = (part: LayerPart): number => part.stack.layers.length;

/** The name of the same thing in another layer: the exporter's own layer number in it is replaced. */
function renumber(name: string, from: number, to: number): string {
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
