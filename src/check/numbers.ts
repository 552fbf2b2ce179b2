/** Which numbers a node computes with: real ones, as the proof takes floats, or whole ones. */
import { DataType } from '../onnx/ir.ts';
import type { Site } from './context.ts';

const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

export const isFloatType = (dtype: number): boolean => FLOATS.includes(dtype);

/** True when a node's first result certainly holds floats. */
export const isFloat = ({ facts, node }: Site): boolean => isFloatType(facts.values.get(node.outputs[0] ?? '')?.dtype ?? DataType.UNDEFINED);
