import { elementCount } from '../onnx/data-types.ts';
import type { FlatGraph } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';

const FLOATS: ReadonlySet<number> = new Set([
  DataType.FLOAT,
  DataType.FLOAT16,
  DataType.BFLOAT16,
  DataType.DOUBLE,
  DataType.FLOAT8E4M3FN,
  DataType.FLOAT8E4M3FNUZ,
  DataType.FLOAT8E5M2,
  DataType.FLOAT8E5M2FNUZ,
  DataType.FLOAT4E2M1,
]);

/** Stored float elements; single numbers (an epsilon, a score scale) are constants of the graph, not weights. */
export function countParameters(flat: FlatGraph): number {
  const counts = [...flat.constants.values()].map(({ tensor }) => (FLOATS.has(tensor.dataType) ? elementCount(tensor.dims) : 0));
  return counts.reduce((sum, count) => sum + (count > 1 ? count : 0), 0);
}
