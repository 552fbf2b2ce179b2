import type { Analysis } from '../analysis/graph-analysis.ts';
import { opName } from '../onnx/graph.ts';

const HANDS_ON: ReadonlySet<string> = new Set(['Identity', 'Transpose', 'Cast', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'DequantizeLinear']);

/** The stored tensor that a constant value is, or is a reshaped, transposed or cast view of; undefined where it is computed. */
export function weightSource({ flat, data }: Analysis, value: string): string | undefined {
  let name = value;
  // Cut off for graphs that are no graphs.
  for (let hop = 0; hop < 32; hop++) {
    if (flat.constants.has(name)) return name;
    const producer = data.producer(name);
    if (producer === undefined || !HANDS_ON.has(opName(producer.node))) return undefined;
    name = producer.inputs[0] ?? '';
  }
  return undefined;
}
