import { DataType } from '../onnx/ir.ts';
import type { Graph } from './flow.ts';
import type { Precision } from './verdict.ts';

/** Operators that read a weight without computing in its type. */
const STORAGE = new Set(['Cast', 'Gather', 'Transpose', 'Identity', 'Reshape', 'DequantizeLinear', 'QuantizeLinear', 'Shape']);
/** Coarsest first. */
const PRECISIONS: readonly (readonly [number, Precision])[] = [
  [DataType.BFLOAT16, 'bfloat16'],
  [DataType.FLOAT16, 'float16'],
  [DataType.FLOAT, 'float32'],
  [DataType.DOUBLE, 'float64'],
];

/** The coarsest float type that a model's arithmetic reads weights in; float32 for a model without float weights. */
export function precisionOf(graph: Graph): Precision {
  const types = new Set<number>();
  for (const node of graph.flat.nodes) {
    if (STORAGE.has(node.op)) continue;
    for (const name of node.inputs) {
      const tensor = graph.flat.constants.get(name)?.tensor;
      // Scalars are left out: half-precision constants stand in float32 graphs and double ones nearly everywhere.
      if (tensor !== undefined && tensor.dims.length > 0) types.add(tensor.dataType);
    }
  }
  return PRECISIONS.find(([type]) => types.has(type))?.[1] ?? 'float32';
}
