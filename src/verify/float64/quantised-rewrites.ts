/** Products with weights of few bits: the weights are unpacked when the shadow is made. */
import { readNumbers } from '../../onnx/tensor.ts';
import type { Rewrite } from './elementwise-rewrites.ts';

/**
 * com.microsoft.MatMulNBits: B [N, blocks, block_size·bits/8] holds Bᵀ, low bits first, with a scale for each block and a zero
 * point that is half the range where none is given. Source: onnxruntime docs/ContribOperators.md.
 */
const matMulNBits: Rewrite = (scribe) => {
  const [rows, columns] = [scribe.number('K', 0), scribe.number('N', 0)];
  const [bits, block] = [scribe.number('bits', 4), scribe.number('block_size', 32)];
  const [packed, scales, zeros] = [scribe.constant(1), scribe.constant(2), scribe.constant(3)];
  const hasZeros = scribe.inputs[3] !== '';
  if (packed === null || scales === null || (hasZeros && zeros === null) || scribe.inputs[4] !== '') throw scribe.refuse('its weights are computed');
  if (8 % bits !== 0) throw scribe.refuse(`weights of ${bits} bits are not unpacked`);
  const blocks = Math.ceil(rows / block);
  const bytes = packed.data.read(0, packed.data.size);
  const factors = readNumbers(scales);
  const perByte = 8 / bits;
  const field = (source: Uint8Array, row: number, index: number, rowBytes: number): number =>
    ((source[row * rowBytes + Math.floor(index / perByte)] ?? 0) >> ((index % perByte) * bits)) & (2 ** bits - 1);
  const zeroBytes = zeros === null || zeros.dataType !== 2 ? null : zeros.data.read(0, zeros.data.size);
  const zeroNumbers = zeros === null || zeroBytes !== null ? null : readNumbers(zeros);
  const weights = new Float64Array(rows * columns);
  for (let n = 0; n < columns; n++) {
    for (let k = 0; k < rows; k++) {
      const at = Math.floor(k / block);
      const zero =
        zeroBytes !== null
          ? field(zeroBytes, n, at, Math.ceil(blocks / perByte))
          : zeroNumbers !== null
            ? (zeroNumbers[n * blocks + at] ?? 0)
            : 2 ** (bits - 1);
      const value = field(bytes, n, at * block + (k % block), (blocks * block) / perByte);
      weights[k * columns + n] = (value - zero) * (factors[n * blocks + at] ?? 0);
    }
  }
  const product = scribe.put('MatMul', [scribe.inputs[0], scribe.floats([rows, columns], weights, 'weights')]);
  const bias = scribe.inputs[5];
  scribe.give(0, bias === '' ? product : scribe.put('Add', [product, bias]));
};

export const QUANTISED: ReadonlyMap<string, Rewrite> = new Map([['com.microsoft.MatMulNBits', matMulNBits]]);
