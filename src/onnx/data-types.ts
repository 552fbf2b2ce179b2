import { DataType } from './ir.ts';

const D = DataType;

/** Name and bits per element of each data type. Strings have no fixed size. */
const TYPES: ReadonlyMap<number, { readonly name: string; readonly bits: number }> = new Map([
  [D.FLOAT, { name: 'float32', bits: 32 }],
  [D.UINT8, { name: 'uint8', bits: 8 }],
  [D.INT8, { name: 'int8', bits: 8 }],
  [D.UINT16, { name: 'uint16', bits: 16 }],
  [D.INT16, { name: 'int16', bits: 16 }],
  [D.INT32, { name: 'int32', bits: 32 }],
  [D.INT64, { name: 'int64', bits: 64 }],
  [D.BOOL, { name: 'bool', bits: 8 }],
  [D.FLOAT16, { name: 'float16', bits: 16 }],
  [D.DOUBLE, { name: 'float64', bits: 64 }],
  [D.UINT32, { name: 'uint32', bits: 32 }],
  [D.UINT64, { name: 'uint64', bits: 64 }],
  [D.COMPLEX64, { name: 'complex64', bits: 64 }],
  [D.COMPLEX128, { name: 'complex128', bits: 128 }],
  [D.BFLOAT16, { name: 'bfloat16', bits: 16 }],
  [D.FLOAT8E4M3FN, { name: 'float8e4m3fn', bits: 8 }],
  [D.FLOAT8E4M3FNUZ, { name: 'float8e4m3fnuz', bits: 8 }],
  [D.FLOAT8E5M2, { name: 'float8e5m2', bits: 8 }],
  [D.FLOAT8E5M2FNUZ, { name: 'float8e5m2fnuz', bits: 8 }],
  [D.UINT4, { name: 'uint4', bits: 4 }],
  [D.INT4, { name: 'int4', bits: 4 }],
  [D.FLOAT4E2M1, { name: 'float4e2m1', bits: 4 }],
  [D.FLOAT8E8M0, { name: 'float8e8m0', bits: 8 }],
  [D.UINT2, { name: 'uint2', bits: 2 }],
  [D.INT2, { name: 'int2', bits: 2 }],
]);

/** What people call a data type: `float32`, `bfloat16`, `string`, or `type 99` for one we do not know. */
export function dataTypeName(dataType: number): string {
  return dataType === D.STRING ? 'string' : (TYPES.get(dataType)?.name ?? `type ${dataType}`);
}

/** Bits per element, or null for strings and kinds we do not know. 4-bit kinds pack two elements per byte. */
export function elementBits(dataType: number): number | null {
  return TYPES.get(dataType)?.bits ?? null;
}

/** Bytes per element (0.5 for 4-bit kinds), or null for strings and kinds we do not know. */
export function elementBytes(dataType: number): number | null {
  const bits = elementBits(dataType);
  return bits === null ? null : bits / 8;
}

/** The least and the largest number of each type of whole numbers, as far as float64 tells them apart. */
const WHOLE: ReadonlyMap<number, readonly [low: number, high: number]> = new Map([
  [D.BOOL, [0, 1]],
  [D.INT4, [-8, 7]],
  [D.UINT4, [0, 15]],
  [D.INT8, [-128, 127]],
  [D.UINT8, [0, 255]],
  [D.INT16, [-32768, 32767]],
  [D.UINT16, [0, 65535]],
  [D.INT32, [-2147483648, 2147483647]],
  [D.UINT32, [0, 4294967295]],
  [D.INT64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [D.UINT64, [0, Number.MAX_SAFE_INTEGER]],
]);

/** The least and the largest number of a type of whole numbers, as far as float64 tells them apart; null for other types. */
export function wholeRange(dataType: number): readonly [low: number, high: number] | null {
  return WHOLE.get(dataType) ?? null;
}

/** Number of elements of a shape; 1 for a scalar. Infinity when it is more than 2^53 − 1 can count. */
export function elementCount(dims: readonly number[]): number {
  if (dims.includes(0)) return 0;
  const count = dims.reduce((product, dim) => product * dim, 1);
  return Math.abs(count) <= Number.MAX_SAFE_INTEGER ? count : Infinity;
}

/** Bytes that the elements of a tensor take, packed and rounded up; null for strings and kinds we do not know. */
export function byteCount(dataType: number, dims: readonly number[]): number | null {
  const bits = elementBits(dataType);
  if (bits === null) return null;
  // Multiplying first could lose the last bits of a huge count; dividing first cannot, as all sizes are powers of two.
  return bits < 8 ? Math.ceil(elementCount(dims) / (8 / bits)) : elementCount(dims) * (bits / 8);
}
