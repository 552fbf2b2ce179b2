/**
 * A graph with its `If` branches laid out in one list, the form that analysis and transforms work on.
 *
 * Values get names that are unique over all scopes; an `If` becomes a node that reads its condition and the outputs
 * of all its branches. `unflatten` puts every node back into its own scope; nodes that did not change keep their identity.
 */
import { assert, GrowError } from '../errors.ts';
import { inlineFunctions } from './inline-functions.ts';
import type { Attribute, Graph, Model, Node, Tensor, ValueInfo } from './ir.ts';
import { DataType } from './ir.ts';
import { tensorFromNumbers } from './tensor.ts';
import { unpackSequences } from './unpack-sequences.ts';

/** A node with flat names, and the scope it stands in. */
export interface FlatNode {
  /** 'MatMul', or 'com.microsoft.Attention' for other domains than ai.onnx. */
  readonly op: string;
  readonly node: Node;
  /** '' is the main graph, else the path of the enclosing branches. */
  readonly scope: string;
  /** Flat names; for `If`: condition, then the outputs of each branch; for other nodes with bodies: inputs, then captured values. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The scopes of an `If` node's branches, in the order their outputs stand in `inputs`. */
  readonly branches?: readonly string[];
}

/** A tensor the file holds: an initializer or the value of a Constant node. */
export interface Constant {
  readonly tensor: Tensor;
  readonly scope: string;
  readonly holder: 'initializer' | 'node';
}

/** A model laid out flat. */
export interface FlatGraph {
  /** The model, with functions replaced by their bodies and sequences taken apart. */
  readonly model: Model;
  readonly nodes: readonly FlatNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  /** Without those that are initializers. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

/** 'MatMul', or 'com.microsoft.Attention' for other domains than ai.onnx. */
export const opName = (node: Node): string => (node.domain === '' || node.domain === 'ai.onnx' ? node.opType : `${node.domain}.${node.opType}`);

/** The version a model imports of a domain; 0 when it imports none. */
export function opsetVersion(model: Model, domain = ''): number {
  const names = domain === '' ? ['', 'ai.onnx'] : [domain];
  return model.opsetImports.find((opset) => names.includes(opset.domain))?.version ?? 0;
}

/** How a node is called in messages: its name, else its operator and first output. */
export const nodeLabel = (flat: FlatNode): string => `node ${flat.node.name === '' ? `${flat.op} → ${flat.outputs[0] ?? ''}` : flat.node.name} (${flat.op})`;

const SEPARATOR = '\u001f';

/** Lays out a model's main graph, all `If` branches and the bodies of called functions in one list, in execution order. */
export function flatten(source: Model): FlatGraph {
  const model = unpackSequences(inlineFunctions(source));
  const nodes: FlatNode[] = [];
  const constants = new Map<string, Constant>();
  const produced = new Set<string>();
  visit(model.graph, '', new Map());
  const initializers = new Set(model.graph.initializers.map((tensor) => tensor.name));
  return {
    model,
    nodes: same(nodes, inExecutionOrder(nodes)) as FlatNode[],
    constants,
    inputs: model.graph.inputs.filter((input) => !initializers.has(input.name)),
    outputs: model.graph.outputs,
  };

  function produce(name: string): void {
    if (name !== '' && produced.has(name))
      throw new GrowError('INVALID_MODEL', 'two nodes make the same value', {
        where: JSON.stringify(name),
        hint: 'run onnx.checker on the file, and export it again',
      });
    produced.add(name);
  }

  function visit(graph: Graph, scope: string, outer: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
    const names = new Map(outer);
    const define = (name: string): string => {
      refuseSeparator(name);
      const flat = scope === '' ? name : `${scope}${SEPARATOR}${name}`;
      names.set(name, flat);
      return flat;
    };
    const resolve = (name: string): string => {
      const known = names.get(name);
      if (known === undefined) refuseSeparator(name);
      return name === '' ? '' : (known ?? name);
    };
    for (const input of graph.inputs) define(input.name);
    for (const tensor of graph.initializers) constants.set(define(tensor.name), { tensor, scope, holder: 'initializer' });
    graph.nodes.forEach((node, index) => {
      const bodies = node.attributes.flatMap((attribute) => (attribute.kind === 'graph' ? [attribute] : []));
      const inputs = node.inputs.map(resolve);
      if (bodies.length > 0 && node.opType === 'If' && node.domain === '') {
        const branches = bodies.map((body) => {
          const branch = `${scope === '' ? '' : `${scope}/`}${node.name === '' ? `If_${index}` : node.name}.${body.name}`;
          const inner = visit(body.value, branch, names);
          inputs.push(...body.value.outputs.map((output) => inner.get(output.name) ?? output.name));
          return branch;
        });
        const outputs = node.outputs.map(define);
        outputs.forEach(produce);
        nodes.push({ op: 'If', node, scope, inputs, outputs, branches });
        return;
      }
      for (const body of bodies) inputs.push(...capturedBy(body.value).map(resolve));
      const outputs = node.outputs.map((name) => (name === '' ? '' : define(name)));
      outputs.forEach(produce);
      const value = node.opType === 'Constant' && node.domain === '' ? constantOf(node) : undefined;
      if (value !== undefined && outputs[0] !== undefined) constants.set(outputs[0], { tensor: value, scope, holder: 'node' });
      nodes.push({ op: opName(node), node, scope, inputs, outputs });
    });
    return names;
  }
}

/** Names of the file must not look like those that stand for values inside branches. */
function refuseSeparator(name: string): void {
  if (name.includes(SEPARATOR))
    throw new GrowError('INVALID_MODEL', 'a name holds the control character U+001F', { where: JSON.stringify(name), hint: 'rename the value' });
}

/** Names a graph reads from the graphs around it. */
function capturedBy(graph: Graph): string[] {
  const defined = new Set([...graph.inputs.map((v) => v.name), ...graph.initializers.map((t) => t.name), ...graph.nodes.flatMap((n) => n.outputs)]);
  const used = graph.nodes.flatMap((node) => [...node.inputs, ...node.attributes.flatMap((a) => (a.kind === 'graph' ? capturedBy(a.value) : []))]);
  return [...new Set(used)].filter((name) => name !== '' && !defined.has(name));
}

/** The tensor a Constant node holds; undefined for sparse and string constants. */
function constantOf(node: Node): Tensor | undefined {
  const name = node.outputs[0] ?? '';
  for (const attribute of node.attributes) {
    if (attribute.kind === 'tensor') return attribute.value;
    if (attribute.kind === 'float') return tensorFromNumbers(name, DataType.FLOAT, [], [attribute.value]);
    if (attribute.kind === 'floats') return tensorFromNumbers(name, DataType.FLOAT, [attribute.value.length], attribute.value);
    if (attribute.kind === 'int') return tensorFromNumbers(name, DataType.INT64, [], [attribute.value]);
    if (attribute.kind === 'ints') return tensorFromNumbers(name, DataType.INT64, [attribute.value.length], attribute.value);
  }
  return undefined;
}

/** What `unflatten` builds a model from: a flat graph whose lists may differ from the model's. */
export interface FlatEdit {
  readonly nodes: readonly FlatNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** New declared types by flat value name; null drops the declaration. Others stay. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo['type']>;
}

/** Puts an edited flat graph back into nested form. New nodes and constants land in the scope they name. */
export function unflatten(model: Model, edit: FlatEdit): Model {
  return { ...model, graph: rebuild(model.graph, '') };

  function local(scope: string, name: string): string {
    const at = name.lastIndexOf(SEPARATOR);
    assert(at < 0 || scope === name.slice(0, at) || scope.startsWith(`${name.slice(0, at)}/`), `value ${name} is not visible in scope ${scope}`);
    return name.slice(at + 1);
  }

  function rebuild(graph: Graph, scope: string): Graph {
    const flatName = (name: string): string => (scope === '' ? name : `${scope}${SEPARATOR}${name}`);
    const nodes = edit.nodes.filter((flat) => flat.scope === scope).map((flat) => rebuildNode(flat, scope));
    const held = [...edit.constants].filter(([, constant]) => constant.scope === scope && constant.holder === 'initializer');
    const byName = new Map(held.map(([name, constant]) => [local(scope, name), constant.tensor]));
    const kept = graph.initializers.flatMap((tensor) => {
      const now = byName.get(tensor.name);
      byName.delete(tensor.name);
      return now === undefined ? [] : [now];
    });
    const initializers = [...kept, ...byName.values()];
    const dims = new Map(initializers.map((tensor) => [tensor.name, tensor.dims]));
    const redeclare = (info: ValueInfo): ValueInfo[] => {
      const type = edit.valueInfos.get(flatName(info.name));
      if (type === undefined) return [info];
      return type === null ? [] : [{ ...info, type }];
    };
    const main = scope === '';
    const asInput = new Map(main ? edit.inputs.map((input) => [input.name, input]) : []);
    const inputs = main
      ? [
          ...graph.inputs.flatMap((input) => {
            const now = asInput.get(input.name);
            asInput.delete(input.name);
            const shape = dims.get(input.name);
            if (now === undefined && shape === undefined) return [];
            return [now ?? sameDims(input, shape)];
          }),
          ...asInput.values(),
        ]
      : graph.inputs;
    const orderedInputs = main ? inOrderOf(inputs, edit.inputs) : inputs;
    const outputs = main ? edit.outputs : graph.outputs.flatMap(redeclare);
    return {
      ...graph,
      nodes: same(graph.nodes, nodes),
      initializers: same(graph.initializers, initializers),
      inputs: same(graph.inputs, orderedInputs),
      outputs: same(graph.outputs, outputs),
      valueInfos: same(graph.valueInfos, graph.valueInfos.flatMap(redeclare)),
    };
  }

  function rebuildNode(flat: FlatNode, scope: string): Node {
    const { node } = flat;
    const count = node.inputs.length;
    const wanted = flat.branches === undefined ? flat.inputs.slice(0, hasBody(node) ? count : undefined) : flat.inputs.slice(0, 1);
    const inputs = same(
      node.inputs,
      wanted.map((name) => (name === '' ? '' : local(scope, name))),
    );
    const outputs = same(
      node.outputs,
      flat.outputs.map((name) => (name === '' ? '' : local(scope, name))),
    );
    const attributes = flat.branches === undefined ? node.attributes : rebuildBranches(flat);
    const unchanged = inputs === node.inputs && outputs === node.outputs && attributes === node.attributes;
    return unchanged ? node : { ...node, inputs, outputs, attributes };
  }

  function rebuildBranches(flat: FlatNode): readonly Attribute[] {
    let next = 0;
    const ends = flat.inputs.slice(1);
    const each = ends.length / (flat.branches?.length ?? 1);
    const attributes = flat.node.attributes.map((attribute) => {
      if (attribute.kind !== 'graph') return attribute;
      const index = next++;
      const scope = flat.branches?.[index] ?? '';
      const body = rebuild(attribute.value, scope);
      const names = ends.slice(index * each, (index + 1) * each).map((name) => local(scope, name));
      const outputs = same(
        body.outputs,
        names.map((name, i) => declareOutput(body.outputs, name, i)),
      );
      const value = outputs === body.outputs ? body : { ...body, outputs };
      return value === attribute.value ? attribute : { ...attribute, value };
    });
    return same(flat.node.attributes, attributes);
  }
}

const hasBody = (node: Node): boolean => node.attributes.some((attribute) => attribute.kind === 'graph');

const declareOutput = (outputs: readonly ValueInfo[], name: string, index: number): ValueInfo =>
  outputs.find((output) => output.name === name) ?? { name, type: outputs[index]?.type ?? null };

function sameDims(input: ValueInfo, dims: readonly number[] | undefined): ValueInfo {
  if (dims === undefined || input.type?.dims == null || input.type.dims.every((dim, i) => dim === dims[i])) return input;
  return { ...input, type: { ...input.type, dims } };
}

/** The list with those named in `order` at the places such names have, in that order. */
function inOrderOf(list: readonly ValueInfo[], order: readonly ValueInfo[]): ValueInfo[] {
  const names = new Set(order.map((info) => info.name));
  const queue = [...order];
  return list.map((info) => (names.has(info.name) ? (queue.shift() ?? info) : info));
}

/** The old list when the new one has the same elements, so that it counts as unchanged. */
export function same<T>(old: readonly T[], now: readonly T[]): readonly T[] {
  return old.length === now.length && old.every((element, i) => element === now[i]) ? old : now;
}

/** A stable topological order: nodes keep their places unless they read something defined later; an `If` follows all its branches' nodes. */
export function inExecutionOrder(nodes: readonly FlatNode[]): FlatNode[] {
  const producer = new Map<string, FlatNode>();
  const inScope = new Map<string, FlatNode[]>();
  for (const node of nodes) {
    for (const output of node.outputs) if (output !== '') producer.set(output, node);
    if (node.scope === '') continue;
    const list = inScope.get(node.scope);
    if (list === undefined) inScope.set(node.scope, [node]);
    else list.push(node);
  }
  const needs = (node: FlatNode): (FlatNode | undefined)[] => [
    ...node.inputs.map((name) => producer.get(name)),
    ...(node.branches ?? []).flatMap((branch) => inScope.get(branch) ?? []),
  ];
  const ordered: FlatNode[] = [];
  const state = new Map<FlatNode, 'open' | 'done'>();
  for (const start of nodes) {
    const stack: { node: FlatNode; needs: (FlatNode | undefined)[]; next: number }[] = [{ node: start, needs: needs(start), next: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as (typeof stack)[number];
      if (state.get(top.node) === 'done') {
        stack.pop();
        continue;
      }
      state.set(top.node, 'open');
      if (top.next >= top.needs.length) {
        state.set(top.node, 'done');
        ordered.push(top.node);
        stack.pop();
        continue;
      }
      const from = top.needs[top.next++];
      if (from === undefined || from === top.node || state.get(from) === 'done') continue;
      if (state.get(from) === 'open')
        throw new GrowError('INVALID_MODEL', 'the graph has a cycle', { where: nodeLabel(from), hint: 'an ONNX graph must be acyclic' });
      stack.push({ node: from, needs: needs(from), next: 0 });
    }
  }
  return ordered;
}
