import { attributesOf } from '../analysis/relation.ts';
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

/** Operators that round what they compute with to 8 bits. Source: onnxruntime docs/ContribOperators.md and the ONNX operator pages. */
const EIGHT_BITS = new Set([
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'ConvInteger',
  'QLinearMatMul',
  'QLinearConv',
  'com.microsoft.DynamicQuantizeMatMul',
  'com.microsoft.MatMulIntegerToFloat',
  'com.microsoft.QAttention',
]);

/** True for a node that rounds activations to 8 bits: a hair's breadth before it may be 1/127 of the largest one behind it. */
const isEightBits = (node: Graph['flat']['nodes'][number], graph: Graph): boolean =>
  EIGHT_BITS.has(node.op) ||
  (node.op === 'QuantizeLinear' && !graph.flat.constants.has(node.inputs[0] ?? '')) ||
  (node.op === 'com.microsoft.MatMulNBits' && attributesOf(node).int('accuracy_level', 0) === 4);

/** The coarsest type that a model's arithmetic uses: 8 bits where activations are rounded to them, else that of its weights; float32 without any. */
export function precisionOf(graph: Graph): Precision {
  if (graph.flat.nodes.some((node) => isEightBits(node, graph))) return 'int8';
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
