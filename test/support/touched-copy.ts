import type { Attribute, FunctionDef, Graph, Model, Node, Tensor } from '../../src/onnx/ir.ts';

/** A copy of a model in which every object and list is new and nothing differs: what a rewrite without effect makes. */
export function touchedCopy(model: Model): Model {
  return { ...model, graph: touchGraph(model.graph), functions: model.functions.map(touchFunction) };
}

/** A copy of a model in which nothing remembers where it was read from, except what cannot be made anew. */
export function forgetful(model: Model): Model {
  const { origin: _origin, ...rest } = model;
  return {
    ...rest,
    opsetImports: model.opsetImports.map(forget),
    metadata: model.metadata.map(forget),
    graph: forgetGraph(model.graph),
    functions: model.functions.map((definition) => ({
      ...forget(definition),
      nodes: definition.nodes.map(forgetNode),
      attributeDefaults: definition.attributeDefaults.map(forgetAttribute),
      opsetImports: definition.opsetImports.map(forget),
    })),
  };
}

/** What a model says, as text to compare: everything decoded, weights included, but not how the file spelled it. */
export function meaning(model: Model): string {
  return JSON.stringify(model, (key, value: unknown) => {
    if (key === 'origin' || key === 'external') return undefined;
    if (key === 'data') return bytesText(value as Tensor['data']);
    return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  });
}

function bytesText(data: Tensor['data']): string {
  return Buffer.from(data.read(0, data.size)).toString('base64');
}

const touchTensor = (tensor: Tensor): Tensor => ({ ...tensor, dims: [...tensor.dims] });

function touchAttribute(attribute: Attribute): Attribute {
  if (attribute.kind === 'tensor') return { ...attribute, value: touchTensor(attribute.value) };
  if (attribute.kind === 'graph') return { ...attribute, value: touchGraph(attribute.value) };
  return { ...attribute };
}

function touchNode(node: Node): Node {
  return { ...node, inputs: [...node.inputs], outputs: [...node.outputs], attributes: node.attributes.map(touchAttribute) };
}

function touchGraph(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(touchNode),
    initializers: graph.initializers.map(touchTensor),
    inputs: graph.inputs.map((info) => ({ ...info })),
    outputs: graph.outputs.map((info) => ({ ...info })),
    valueInfos: graph.valueInfos.map((info) => ({ ...info })),
  };
}

function touchFunction(definition: FunctionDef): FunctionDef {
  return { ...definition, nodes: definition.nodes.map(touchNode) };
}

function forget<T extends { readonly origin?: unknown }>(object: T): Omit<T, 'origin'> {
  const { origin: _origin, ...rest } = object;
  return rest;
}

const STRING = 8;

function forgetTensor(tensor: Tensor): Tensor {
  return tensor.dataType === STRING ? tensor : forget(tensor);
}

function forgetAttribute(attribute: Attribute): Attribute {
  if (attribute.kind === 'opaque') return attribute;
  const { origin: _origin, ...rest } = attribute;
  if (rest.kind === 'tensor') return { ...rest, value: forgetTensor(rest.value) };
  if (rest.kind === 'graph') return { ...rest, value: forgetGraph(rest.value) };
  return rest;
}

function forgetNode(node: Node): Node {
  return { ...forget(node), attributes: node.attributes.map(forgetAttribute) };
}

function forgetGraph(graph: Graph): Graph {
  return {
    ...forget(graph),
    nodes: graph.nodes.map(forgetNode),
    initializers: graph.initializers.map(forgetTensor),
    inputs: graph.inputs.map(forget),
    outputs: graph.outputs.map(forget),
    valueInfos: graph.valueInfos.map(forget),
  };
}
