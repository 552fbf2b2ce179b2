/** Damage: changes of structure that mostly make no sense, and changes of bytes. */
import type { Attribute, DeclaredDim, Graph, Model, Node, Tensor, ValueInfo } from '../../../src/onnx/ir.ts';
import { below, changeOne, DOMAINS, NAMES, OPERATORS, pick, type Random, SIZES, valueNames } from './random.ts';

function changedAttribute(random: Random, attribute: Attribute): Attribute {
  const { name } = attribute;
  const number = pick(random, SIZES) ?? 0;
  switch (below(random, 6)) {
    case 0:
      return { name, kind: 'int', value: number };
    case 1:
      return { name, kind: 'ints', value: Array.from({ length: below(random, 6) }, () => pick(random, SIZES) ?? 0) };
    case 2:
      return { name, kind: 'string', value: pick(random, NAMES) ?? '' };
    case 3:
      return { name, kind: 'float', value: pick(random, [0, Number.NaN, Number.POSITIVE_INFINITY, 1e-30]) ?? 0 };
    case 4:
      return { name, kind: 'ref', value: pick(random, NAMES) ?? '' };
    default:
      return { ...attribute, name: pick(random, NAMES) ?? '' };
  }
}

function changedNode(random: Random, node: Node, names: readonly string[]): Node {
  const other = (): string => pick(random, random() < 0.2 ? NAMES : names) ?? '';
  switch (below(random, 8)) {
    case 0:
      return { ...node, inputs: changeOne(random, node.inputs, other) };
    case 1:
      return { ...node, outputs: changeOne(random, node.outputs, other) };
    case 2:
      return { ...node, opType: pick(random, OPERATORS) ?? '' };
    case 3:
      return { ...node, domain: pick(random, DOMAINS) ?? '' };
    case 4:
      return { ...node, inputs: node.inputs.slice(0, below(random, node.inputs.length)) };
    case 5:
      return { ...node, inputs: [...node.inputs, other()] };
    case 6:
      return { ...node, attributes: node.attributes.slice(1) };
    default:
      return { ...node, attributes: changeOne(random, node.attributes, (own) => changedAttribute(random, own)) };
  }
}

const changedDims = (random: Random, dims: readonly DeclaredDim[]): readonly DeclaredDim[] =>
  random() < 0.3
    ? dims.slice(1)
    : dims.map((dim) =>
        random() < 0.5 ? dim : (pick<DeclaredDim>(random, [...SIZES.filter((size) => size >= 0), 'n', 'n + m', '__proto__', '((((', null]) ?? null),
      );

const changedInfo = (random: Random, info: ValueInfo): ValueInfo =>
  info.type === null
    ? info
    : { ...info, type: { elemType: random() < 0.3 ? below(random, 30) : info.type.elemType, dims: changedDims(random, info.type.dims ?? []) } };

function changedTensor(random: Random, tensor: Tensor): Tensor {
  if (random() < 0.4) return { ...tensor, name: pick(random, NAMES) ?? '' };
  if (random() < 0.4) return { ...tensor, dims: [...tensor.dims].reverse() };
  return tensor.dims.length > 1 ? { ...tensor, dims: [tensor.dims.reduce((a, b) => a * b, 1)] } : { ...tensor, dims: [1, ...tensor.dims] };
}

function deepened(random: Random, graph: Graph): Graph {
  let inner: Graph = { ...graph, name: 'inner' };
  for (let depth = below(random, 130); depth > 0; depth--) {
    const node: Node = {
      opType: 'If',
      domain: '',
      name: `if${depth}`,
      inputs: [graph.inputs[0]?.name ?? ''],
      outputs: graph.outputs.map((own) => own.name),
      attributes: [{ name: 'then_branch', kind: 'graph', value: inner }],
    };
    inner = { ...graph, name: 'inner', nodes: [node], initializers: [], inputs: [] };
  }
  return inner;
}

function changedGraph(random: Random, graph: Graph): Graph {
  const names = valueNames(graph);
  switch (below(random, 12)) {
    case 0:
      return { ...graph, initializers: changeOne(random, graph.initializers, (own) => changedTensor(random, own)) };
    case 1:
      return { ...graph, inputs: changeOne(random, graph.inputs, (own) => changedInfo(random, own)) };
    case 2:
      return {
        ...graph,
        outputs: changeOne(random, graph.outputs, (own) => (random() < 0.5 ? changedInfo(random, own) : { ...own, name: pick(random, names) ?? '' })),
      };
    case 3:
      return { ...graph, nodes: graph.nodes.filter(() => random() > 0.03) };
    case 4:
      return { ...graph, nodes: [...graph.nodes, ...graph.nodes.slice(below(random, graph.nodes.length))] };
    case 5:
      return { ...graph, initializers: graph.initializers.slice(below(random, 3)) };
    case 6:
      return random() < 0.1 ? deepened(random, graph) : { ...graph, nodes: [...graph.nodes].reverse() };
    default:
      return { ...graph, nodes: changeOne(random, graph.nodes, (own) => changedNode(random, own, names)) };
  }
}

/** One change of structure: names, operands, types, declared shapes, order, functions without end. */
export function structuralChange(random: Random, model: Model): Model {
  const kind = below(random, 12);
  if (kind === 0)
    return {
      ...model,
      opsetImports: changeOne(random, model.opsetImports, (own) => ({ ...own, version: pick(random, [0, 1, 6, 9, 13, 18, 23, 99, -1]) ?? 0 })),
    };
  if (kind === 1) {
    // A function that calls itself.
    const [node] = model.graph.nodes;
    const call: Node = { opType: 'f', domain: 'local', name: 'again', inputs: ['a'], outputs: ['b'], attributes: [] };
    const f = {
      domain: 'local',
      name: 'f',
      overload: '',
      inputs: ['a'],
      outputs: ['b'],
      attributes: [],
      attributeDefaults: [],
      nodes: [call, call],
      opsetImports: [],
    };
    return {
      ...model,
      functions: [f],
      graph: { ...model.graph, nodes: model.graph.nodes.map((own) => (own === node ? { ...own, opType: 'f', domain: 'local' } : own)) },
    };
  }
  return { ...model, graph: changedGraph(random, model.graph) };
}

/** A file cut off, with a number of any length inside, or with bits flipped. */
export function changedBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  switch (below(random, 4)) {
    case 0:
      return copy.subarray(0, below(random, copy.length));
    case 1: {
      // A number with as many bytes as it likes.
      const at = below(random, copy.length);
      return Buffer.concat([copy.subarray(0, at), Buffer.alloc(below(random, 14), 0xff), copy.subarray(at)]);
    }
    default:
      for (let i = 1 + below(random, 6); i > 0; i--) {
        const at = below(random, copy.length);
        copy[at] = (copy[at] ?? 0) ^ (1 << below(random, 8));
      }
      return copy;
  }
}
