/**
 * A null change for measuring noise: every weight moved by at most one unit in its last place. By backward error
 * analysis (Higham, Accuracy and Stability of Numerical Algorithms, 3.1) rounding in sums is equal to such changes of
 * the weights, so models that the runtime computes in one way only, fused ones above all, show their noise too. For models
 * without hidden units that could be permuted.
 */
import { bytesSource } from '../onnx/byte-source.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { DataType } from '../onnx/ir.ts';
import { mapTensors } from '../onnx/map-tensors.ts';
import { encodeModel } from '../onnx/serialize.ts';
import { randomKey, uniform } from './random.ts';

/** The model file with float32 weights perturbed; null when weights lie in other files, or none is float32. */
export function perturbedModel(model: Model): Uint8Array | null {
  if (model.graph.initializers.some((tensor) => tensor.external !== undefined)) return null;
  // Tensors of one element are constants of the architecture: scales, epsilons, exponents.
  const perturbed = mapTensors(model, (tensor) =>
    tensor.dataType === DataType.FLOAT && tensor.data.size > 4 ? { ...tensor, data: bytesSource(perturbedFloats(tensor)) } : tensor,
  );
  return perturbed === model ? null : encodeModel(perturbed);
}

function perturbedFloats(tensor: Tensor): Uint8Array {
  const bytes = Uint8Array.from(tensor.data.read(0, tensor.data.size));
  const view = new DataView(bytes.buffer);
  const key = randomKey('perturb', tensor.name);
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    const value = view.getFloat32(at, true);
    // Small integers, zeros and infinities among weights are masks, indices and ±1 tables: they carry no rounding.
    if (!Number.isFinite(value) || Number.isInteger(value)) continue;
    if (uniform(key, at) < 0.5) view.setUint32(at, view.getUint32(at, true) ^ 1, true);
  }
  return bytes;
}
