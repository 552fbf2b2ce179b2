import type { FlatGraph, FlatNode } from '../onnx/graph.ts';
import { flatten } from '../onnx/graph.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { DataType } from '../onnx/ir.ts';

/** A model's flat graph with the readers and writers of each value. */
export interface Graph {
  readonly flat: FlatGraph;
  readonly readers: ReadonlyMap<string, readonly { readonly node: FlatNode; readonly slot: number }[]>;
  readonly writers: ReadonlyMap<string, FlatNode>;
}

/** Lays out a model for following values. A branch's outputs are read by its `If` in slots 1 and up. */
export function graphOf(model: Model): Graph {
  const flat = flatten(model);
  const readers = new Map<string, { node: FlatNode; slot: number }[]>();
  const writers = new Map<string, FlatNode>();
  for (const node of flat.nodes) {
    node.inputs.forEach((name, slot) => {
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [{ node, slot }]);
      else list.push({ node, slot });
    });
    for (const name of node.outputs) writers.set(name, node);
  }
  return { flat, readers, writers };
}

/** An integer attribute's value, or `otherwise` where the node has none. */
export function attributeInt(node: FlatNode, name: string, otherwise: number): number {
  const found = node.node.attributes.find((attribute) => attribute.name === name);
  return found?.kind === 'int' ? found.value : otherwise;
}

/** An attribute that is a list of integers; null where the node has none. */
export function attributeInts(node: FlatNode, name: string): readonly number[] | null {
  const found = node.node.attributes.find((attribute) => attribute.name === name);
  return found?.kind === 'ints' ? found.value : null;
}

/** The shape of a value that is a weight, or a weight cast, transposed or dequantised; null for any other. */
export function constantDims(graph: Graph, name: string): readonly number[] | null {
  const constant = graph.flat.constants.get(name);
  if (constant !== undefined) return constant.tensor.dims;
  const node = graph.writers.get(name);
  if (node === undefined) return null;
  const dims = ['Identity', 'Cast', 'DequantizeLinear', 'QuantizeLinear', 'Transpose'].includes(node.op) ? constantDims(graph, node.inputs[0] ?? '') : null;
  if (dims === null || node.op !== 'Transpose') return dims;
  const order = attributeInts(node, 'perm') ?? dims.map((_, axis) => dims.length - 1 - axis);
  return order.map((axis) => dims[axis] ?? 1);
}

/** The elements of an integer tensor of at most `limit` elements; null for others. */
export function smallIntegers(tensor: Tensor, limit: number): readonly number[] | null {
  const width = tensor.dataType === DataType.INT64 ? 8 : tensor.dataType === DataType.INT32 ? 4 : 0;
  const { size } = tensor.data;
  if (width === 0 || size === 0 || size > limit * width) return null;
  const bytes = tensor.data.read(0, size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, size);
  return Array.from({ length: size / width }, (_, i) => (width === 8 ? Number(view.getBigInt64(8 * i, true)) : view.getInt32(4 * i, true)));
}

/** The integer a value always is; null when it is no integer constant of one element. */
export function constantInteger(graph: Graph, name: string): number | null {
  const constant = graph.flat.constants.get(name);
  return constant === undefined ? null : (smallIntegers(constant.tensor, 1)?.[0] ?? null);
}
