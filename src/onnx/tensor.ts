import { assert, GrowError } from '../errors.ts';
import { bytesSource } from './byte-source.ts';
import { byteCount, dataTypeName, elementBits, elementCount } from './data-types.ts';
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from './half-floats.ts';
import { DataType, type Tensor } from './ir.ts';

/** Reads and writes one element of a byte-sized numeric type at a byte position; little-endian. */
interface Codec {
  readonly get: (view: DataView, at: number) => number;
  readonly set: (view: DataView, at: number, value: number) => void;
}

const CODECS: ReadonlyMap<number, Codec> = new Map<number, Codec>([
  [DataType.FLOAT, { get: (v, at) => v.getFloat32(at, true), set: (v, at, x) => v.setFloat32(at, x, true) }],
  [DataType.DOUBLE, { get: (v, at) => v.getFloat64(at, true), set: (v, at, x) => v.setFloat64(at, x, true) }],
  [
    DataType.FLOAT16,
    {
      get: (v, at) => float16ToNumber(v.getUint16(at, true)),
      set: (v, at, x) => v.setUint16(at, numberToFloat16(x), true),
    },
  ],
  [
    DataType.BFLOAT16,
    {
      get: (v, at) => bfloat16ToNumber(v.getUint16(at, true)),
      set: (v, at, x) => v.setUint16(at, numberToBfloat16(x), true),
    },
  ],
  [DataType.INT8, { get: (v, at) => v.getInt8(at), set: (v, at, x) => v.setInt8(at, x) }],
  [DataType.UINT8, { get: (v, at) => v.getUint8(at), set: (v, at, x) => v.setUint8(at, x) }],
  [DataType.BOOL, { get: (v, at) => v.getUint8(at), set: (v, at, x) => v.setUint8(at, x === 0 ? 0 : 1) }],
  [DataType.INT16, { get: (v, at) => v.getInt16(at, true), set: (v, at, x) => v.setInt16(at, x, true) }],
  [DataType.UINT16, { get: (v, at) => v.getUint16(at, true), set: (v, at, x) => v.setUint16(at, x, true) }],
  [DataType.INT32, { get: (v, at) => v.getInt32(at, true), set: (v, at, x) => v.setInt32(at, x, true) }],
  [DataType.UINT32, { get: (v, at) => v.getUint32(at, true), set: (v, at, x) => v.setUint32(at, x, true) }],
  [
    DataType.INT64,
    {
      get: (v, at) => clampToSafe(v.getInt32(at + 4, true) * 4294967296 + v.getUint32(at, true)),
      set: (v, at, x) => v.setBigInt64(at, unclampedInt64(x), true),
    },
  ],
  [
    DataType.UINT64,
    {
      get: (v, at) => clampToSafe(v.getUint32(at + 4, true) * 4294967296 + v.getUint32(at, true)),
      set: (v, at, x) => v.setBigUint64(at, x === Number.MAX_SAFE_INTEGER ? 2n ** 64n - 1n : wholeNumber(x), true),
    },
  ],
]);

/** Data types whose elements readNumbers and encodeNumbers understand. */
export function isNumeric(dataType: number): boolean {
  return CODECS.has(dataType) || dataType === DataType.INT4 || dataType === DataType.UINT4;
}

/**
 * `count` elements of a tensor from element `start`, in row-major order, as float64. 64-bit integers beyond ±(2^53 − 1)
 * are clamped to it. Defaults to all elements. The data type must be numeric (isNumeric).
 */
export function readNumbers(tensor: Tensor, start = 0, count = elementCount(tensor.dims) - start): Float64Array {
  const numbers = new Float64Array(count);
  if (count === 0) return numbers;
  const bits = elementBits(tensor.dataType) ?? 8;
  const first = Math.floor((start * bits) / 8);
  const bytes = tensor.data.read(first, Math.ceil(((start + count) * bits) / 8) - first);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (tensor.dataType === DataType.INT4 || tensor.dataType === DataType.UINT4) {
    for (let index = 0; index < count; index++) numbers[index] = nibble(view, start + index - first * 2, tensor.dataType);
    return numbers;
  }
  const codec = codecOf(tensor.dataType);
  for (let index = 0; index < count; index++) numbers[index] = codec.get(view, (index * bits) / 8);
  return numbers;
}

/**
 * Numbers as the little-endian bytes of a data type. Floats are rounded once, to nearest, ties to even; integers must
 * be whole. ±(2^53 − 1) becomes the largest or smallest 64-bit integer, the inverse of readNumbers.
 */
export function encodeNumbers(dataType: number, numbers: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(byteCount(dataType, [numbers.length]) ?? 0);
  const view = new DataView(bytes.buffer);
  if (dataType === DataType.INT4 || dataType === DataType.UINT4) {
    for (let index = 0; index < numbers.length; index++) {
      const at = index >> 1;
      bytes[at] = (bytes[at] ?? 0) | (((numbers[index] ?? 0) & 0xf) << (index % 2 === 0 ? 0 : 4));
    }
    return bytes;
  }
  const codec = codecOf(dataType);
  const width = bytes.length / Math.max(1, numbers.length);
  for (let index = 0; index < numbers.length; index++) codec.set(view, index * width, numbers[index] ?? 0);
  return bytes;
}

/** A new tensor of the given numbers in row-major order; `dims` [] is a scalar. */
export function tensorFromNumbers(name: string, dataType: number, dims: readonly number[], numbers: ArrayLike<number>): Tensor {
  assert(elementCount(dims) === numbers.length, `${numbers.length} numbers for the shape [${dims.join(', ')}] of ${name}`);
  return { name, dataType, dims, data: bytesSource(encodeNumbers(dataType, numbers)) };
}

function codecOf(dataType: number): Codec {
  const codec = CODECS.get(dataType);
  if (codec === undefined)
    throw new GrowError('INVALID_MODEL', `numbers are wanted in ${dataTypeName(dataType)}, which holds none that are understood`, {
      hint: 'a type in the file is missing or wrong: run onnx.checker on it, and export it again',
    });
  return codec;
}

function nibble(view: DataView, index: number, dataType: number): number {
  const byte = view.getUint8(index >> 1);
  const value = index % 2 === 0 ? byte & 0xf : byte >> 4;
  return dataType === DataType.INT4 && value > 7 ? value - 16 : value;
}

function clampToSafe(value: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

/** The decoded view clamps "as far as possible" (a slice end of 2^63 − 1) to the safe integers; this is the way back. */
export function unclampedInt64(value: number): bigint {
  if (value === Number.MAX_SAFE_INTEGER) return 2n ** 63n - 1n;
  if (value === Number.MIN_SAFE_INTEGER) return -(2n ** 63n);
  return wholeNumber(value);
}

/** Throws GrowError INVALID_MODEL for a fraction: float operators on integers stand in damaged files only. */
function wholeNumber(value: number): bigint {
  if (Number.isInteger(value)) return BigInt(value);
  throw new GrowError('INVALID_MODEL', `${value} is wanted where whole numbers stand`, {
    hint: 'a type in the file is wrong: run onnx.checker on it, and export it again',
  });
}
