/**
 * A graph with its `If` branches laid out in one list, the form that analysis and transforms work on.
 *
 * Values get names that are unique over all scopes; an `If` becomes a node that reads its condition and the outputs
 * of all its branches. `unflatten` (unflatten.ts) puts every node back into its own scope; nodes that did not change keep their identity.
 */
import { GrowError } from '../errors.ts';
import { inlineFunctions } from './inline-functions.ts';
import type { Graph, Model, Node, Tensor, ValueInfo } from './ir.ts';
import { DataType } from './ir.ts';
import { tensorFromNumbers } from './tensor.ts';
import { unpackSequences } from './unpack-sequences.ts';
import { refuseFaults } from './validate.ts';

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

/** Stands between the scope and the name in a flat name. */
export const SEPARATOR = '\u001f';

/** The flat names of what a graph and those around it define. */
interface Names {
  readonly own: Map<string, string>;
  readonly outer: Names | null;
}

function flatNameOf({ own, outer }: Names, name: string): string | undefined {
  const known = own.get(name);
  if (known !== undefined || outer === null) return known;
  const found = flatNameOf(outer, name);
  // what a branch reads from far outside is found at once the next time
  if (found !== undefined) own.set(name, found);
  return found;
}

/**
 * Lays out a model's main graph, all `If` branches and the bodies of called functions in one list, in execution order.
 * Throws GrowError INVALID_MODEL for a graph that no runtime would take.
 */
export function flatten(source: Model): FlatGraph {
  refuseFaults(source);
  const model = unpackSequences(inlineFunctions(source));
  const nodes: FlatNode[] = [];
  const constants = new Map<string, Constant>();
  const scopes = new Set<string>();
  visit(model.graph, '', null);
  const initializers = new Set(model.graph.initializers.map((tensor) => tensor.name));
  return {
    model,
    nodes: inExecutionOrder(nodes),
    constants,
    inputs: model.graph.inputs.filter((input) => !initializers.has(input.name)),
    outputs: model.graph.outputs,
  };

  /** The path of a branch; names of nodes need not be unique, paths are. */
  function scopeOf(outer: string, node: string, branch: string): string {
    const path = `${outer === '' ? '' : `${outer}/`}${node.replaceAll('/', '.')}.${branch}`;
    let free = path;
    for (let i = 1; scopes.has(free); i++) free = `${path}_${i}`;
    scopes.add(free);
    return free;
  }

  function visit(graph: Graph, scope: string, outer: Names | null): Names {
    const names: Names = { own: new Map(), outer };
    const define = (name: string): string => {
      refuseSeparator(name);
      const flat = scope === '' ? name : `${scope}${SEPARATOR}${name}`;
      names.own.set(name, flat);
      return flat;
    };
    const resolve = (name: string): string => (name === '' ? '' : (flatNameOf(names, name) ?? name));
    for (const input of graph.inputs) define(input.name);
    for (const tensor of graph.initializers) constants.set(define(tensor.name), { tensor, scope, holder: 'initializer' });
    // nodes may stand in another order than they run in
    for (const node of graph.nodes) for (const name of node.outputs) if (name !== '') define(name);
    graph.nodes.forEach((node, index) => {
      const bodies = node.attributes.flatMap((attribute) => (attribute.kind === 'graph' ? [attribute] : []));
      const inputs = node.inputs.map(resolve);
      const outputs = node.outputs.map(resolve);
      if (bodies.length > 0 && node.opType === 'If' && node.domain === '') {
        const branches = bodies.map((body) => {
          const branch = scopeOf(scope, node.name === '' ? `If_${index}` : node.name, body.name);
          const inner = visit(body.value, branch, names);
          inputs.push(...body.value.outputs.map((output) => flatNameOf(inner, output.name) ?? output.name));
          return branch;
        });
        nodes.push({ op: 'If', node, scope, inputs, outputs, branches });
        return;
      }
      for (const body of bodies) inputs.push(...capturedBy(body.value).map(resolve));
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

/** The old list when the new one has the same elements, so that it counts as unchanged. */
export function same<T>(old: readonly T[], now: readonly T[]): readonly T[] {
  return old.length === now.length && old.every((element, i) => element === now[i]) ? old : now;
}

/** Whether every node follows what it reads, and an `If` all nodes of its branches. */
function isInOrder(nodes: readonly FlatNode[]): boolean {
  const [maker, end] = [new Map<string, number>(), new Map<string, number>()];
  nodes.forEach(({ outputs, scope }, i) => {
    for (const name of outputs) if (name !== '') maker.set(name, i);
    end.set(scope, i);
  });
  return nodes.every(({ inputs, branches = [] }, i) => {
    const isBefore = (at: number | undefined): boolean => at === undefined || at < i;
    return inputs.every((name) => isBefore(maker.get(name))) && branches.every((branch) => isBefore(end.get(branch)));
  });
}

/** A stable topological order: nodes keep their places unless they read something defined later; an `If` follows all its branches' nodes. */
export function inExecutionOrder(nodes: readonly FlatNode[]): readonly FlatNode[] {
  if (isInOrder(nodes)) return nodes;
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
