import type { Attribute, FunctionDef, Graph, Model, Node, Tensor } from './ir.ts';

/** Where a tensor stands: in a graph's list of initializers or as an attribute's value. */
export type TensorPlace = 'initializer' | 'attribute';

/** The tensor to put in place of another; the same one to leave it. */
export type TensorChange = (tensor: Tensor, place: TensorPlace) => Tensor;

/** A model with every tensor changed by `change`: initializers and attributes, in nested graphs and functions too. */
export function mapTensors(model: Model, change: TensorChange): Model {
  const graph = mapGraph(model.graph, change);
  const functions = mapItems(model.functions, (definition) => mapFunction(definition, change));
  return graph === model.graph && functions === model.functions ? model : { ...model, graph, functions };
}

/** `list` with every item changed; the very same list when no item changed. */
export function mapItems<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  const changed = list.map(change);
  return changed.every((item, index) => item === list[index]) ? list : changed;
}

function mapGraph(graph: Graph, change: TensorChange): Graph {
  const nodes = mapNodes(graph.nodes, change);
  const initializers = mapItems(graph.initializers, (tensor) => change(tensor, 'initializer'));
  return nodes === graph.nodes && initializers === graph.initializers ? graph : { ...graph, nodes, initializers };
}

function mapFunction(definition: FunctionDef, change: TensorChange): FunctionDef {
  const nodes = mapNodes(definition.nodes, change);
  const attributeDefaults = mapItems(definition.attributeDefaults, (attribute) => mapAttribute(attribute, change));
  const same = nodes === definition.nodes && attributeDefaults === definition.attributeDefaults;
  return same ? definition : { ...definition, nodes, attributeDefaults };
}

function mapNodes(nodes: readonly Node[], change: TensorChange): readonly Node[] {
  return mapItems(nodes, (node) => {
    const attributes = mapItems(node.attributes, (attribute) => mapAttribute(attribute, change));
    return attributes === node.attributes ? node : { ...node, attributes };
  });
}

function mapAttribute(attribute: Attribute, change: TensorChange): Attribute {
  if (attribute.kind === 'tensor') {
    const value = change(attribute.value, 'attribute');
    return value === attribute.value ? attribute : { ...attribute, value };
  }
  if (attribute.kind === 'graph') {
    const value = mapGraph(attribute.value, change);
    return value === attribute.value ? attribute : { ...attribute, value };
  }
  return attribute;
}
