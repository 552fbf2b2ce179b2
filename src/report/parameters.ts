import type { Dataflow } from '../analysis/dataflow.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { elementCount } from '../onnx/data-types.ts';
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

/**
 * Stored float elements and quantised ones, which count as the floats they stand for, but not their scales and zero points. Single
 * numbers (an epsilon, a score scale) are constants of the graph, not weights.
 */
export function countParameters({ flat, data }: Analysis): number {
  const counts = [...flat.constants].map(([name, { tensor }]) => {
    const uses = data.consumers(name);
    if (uses.length > 0 && uses.every((use) => isScaleOrPoint(use) || multipliesScale(data, use))) return 0;
    return FLOATS.has(tensor.dataType) || uses.some((use) => isQuantised(data, use)) ? elementCount(tensor.dims) : 0;
  });
  return counts.reduce((sum, count) => sum + (count > 1 ? count : 0), 0);
}

const isScaleOrPoint = ({ node, input }: Use): boolean => ruleOf(node.op)?.quantised?.some((own) => own.scale === input || own.point === input) === true;

/** True for a scale that is multiplied with one taken from activations. */
function multipliesScale(data: Dataflow, { node, input }: Use): boolean {
  const other = node.inputs[1 - input] ?? '';
  const maker = node.op === 'Mul' ? data.producer(other) : undefined;
  return maker !== undefined && ruleOf(maker.op)?.quantises === true && maker.outputs.indexOf(other) > 0;
}

/** True where numbers are read as quantised ones, directly or as rows of a table. */
function isQuantised(data: Dataflow, { node, input }: Use): boolean {
  if (ruleOf(node.op)?.quantised?.some((own) => own.operand === input) === true) return true;
  const moves = ruleOf(node.op)?.zero === 'moved' || ruleOf(node.op)?.zero === 'table';
  return moves && input === 0 && data.consumers(node.outputs[0] ?? '').some((use) => isQuantised(data, use));
}

type Use = ReturnType<Dataflow['consumers']>[number];
