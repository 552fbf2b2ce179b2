/** The numbers of constants, read in pieces: nothing larger than a block is held, however large the tensor. */

import { crc32 } from 'node:zlib';
import { readInto } from '../onnx/byte-source.ts';
import { byteCount, elementCount } from '../onnx/data-types.ts';
import { type ByteSource, DataType, type Tensor } from '../onnx/ir.ts';
import { isNumeric, readNumbers } from '../onnx/tensor.ts';

/** A constant: a stored tensor or one that is computed from stored ones. */
export interface Constant {
  readonly dims: readonly number[];
  readonly dtype: number;
  /** Equal for constants of equal content; different content may share it. */
  readonly key: string;
  equals(other: Constant): boolean;
  /** Elements from a flat position; finite where the file's are. */
  read(start: number, count: number): Float64Array;
  /** Bytes of a stored tensor. */
  readonly stored: Tensor | null;
  /** The constant is this stored tensor plus a number: 1 + γ. */
  readonly shifted: { readonly from: Constant; readonly by: number } | null;
  /** How a large constant is computed from others. */
  readonly computed: { readonly recipe: string; readonly operands: readonly Constant[] } | null;
  /** True when all elements are finite numbers. */
  isFinite(): boolean;
  /** The number that all elements are; null when they differ. */
  readonly uniform: number | null;
}

const BLOCK = 1 << 15;
/** Constants of more elements are compared, never held. */
export const SMALL = 1 << 16;

/** Types of whole numbers that a double does not always hold exactly. */
const WIDE: readonly number[] = [DataType.INT64, DataType.UINT64];

/** A stored tensor as a constant; null for strings, number formats that are not read and whole numbers beyond those of a double. */
export function storedConstant(tensor: Tensor): Constant | null {
  if (!isNumeric(tensor.dataType) || byteCount(tensor.dataType, tensor.dims) !== tensor.data.size) return null;
  const count = elementCount(tensor.dims);
  if (WIDE.includes(tensor.dataType) && count <= SMALL && !readNumbers(tensor).every((x) => Math.abs(x) < Number.MAX_SAFE_INTEGER)) return null;
  const blocks = blockReader((start, length) => readNumbers(tensor, start, length), count);
  if (count <= SMALL) return { ...numbersConstant(tensor.dims, tensor.dataType, readNumbers(tensor)), stored: tensor };
  const sameEverywhere = uniformIn(blocks, count);
  return {
    dims: tensor.dims,
    dtype: tensor.dataType,
    key: `${tensor.dataType}[${tensor.dims.join(',')}]~${sample(tensor.data)}`,
    equals: (other) => other.stored !== null && other.dtype === tensor.dataType && sameBytes(other.stored.data, tensor.data),
    read: blocks,
    stored: tensor,
    shifted: null,
    computed: null,
    isFinite: () => allFinite(blocks, count),
    get uniform() {
      return sameEverywhere();
    },
  };
}

/**
 * A constant whose elements `compute` makes of those of other constants; one that is large is computed in pieces, when it is read.
 * Two large ones are equal when they are computed in one way (`recipe`) from equal ones.
 */
export function computedConstant(
  dims: readonly number[],
  dtype: number,
  recipe: string,
  operands: readonly Constant[],
  compute: (start: number, count: number) => Float64Array,
): Constant {
  const count = elementCount(dims);
  if (count <= SMALL) return numbersConstant(dims, dtype, compute(0, count));
  const read = blockReader(compute, count);
  const sameEverywhere = uniformIn(read, count);
  return {
    dims,
    dtype,
    key: `${recipe}[${dims.join(',')}](${operands.map((own) => own.key).join(';')})`,
    equals: ({ computed }) =>
      computed?.recipe === recipe && computed.operands.length === operands.length && operands.every((own, i) => computed.operands[i]?.equals(own) === true),
    read,
    stored: null,
    shifted: null,
    computed: { recipe, operands },
    isFinite: () => allFinite(read, count),
    get uniform() {
      return sameEverywhere();
    },
  };
}

/** Numbers as a constant. */
export function numbersConstant(dims: readonly number[], dtype: number, numbers: Float64Array, shifted: Constant['shifted'] = null): Constant {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return {
    dims,
    dtype,
    key: `${dtype}[${dims.join(',')}]=${crc32(bytes)}`,
    equals: (other) =>
      other.dtype === dtype && other.dims.length === dims.length && other.dims.every((size, d) => size === dims[d]) && sameNumbers(other, numbers),
    read: (start, count) => numbers.subarray(start, start + count),
    stored: null,
    shifted,
    computed: null,
    isFinite: () => numbers.every(Number.isFinite),
    uniform: uniformOf(numbers),
  };
}

function sameNumbers(other: Constant, numbers: Float64Array): boolean {
  const own = other.read(0, numbers.length);
  return numbers.every((x, i) => Object.is(x, own[i]) || x === own[i]);
}

function allFinite(read: Constant['read'], count: number): boolean {
  for (let at = 0; at < count; at += BLOCK) if (!read(at, Math.min(BLOCK, count - at)).every(Number.isFinite)) return false;
  return true;
}

function uniformOf(numbers: Float64Array): number | null {
  const [first = NaN] = numbers;
  return numbers.every((x) => x === first) ? first : null;
}

/** The number that all of many elements are, looked for once and only when it is asked for; the first block settles most matrices. */
function uniformIn(read: Constant['read'], count: number): () => number | null {
  let found: number | null | undefined;
  const look = (): number | null => {
    const first = uniformOf(read(0, Math.min(BLOCK, count)));
    if (first === null) return null;
    for (let at = BLOCK; at < count; at += BLOCK) if (!read(at, Math.min(BLOCK, count - at)).every((x) => x === first)) return null;
    return first;
  };
  return () => {
    found = found === undefined ? look() : found;
    return found;
  };
}

/** Reads through a block that is kept, since rows of a matrix follow each other. */
function blockReader(read: Constant['read'], total: number): Constant['read'] {
  let from = 0;
  let block: Float64Array = new Float64Array(0);
  return (start, count) => {
    if (count > BLOCK) return read(start, count);
    if (start < from || start + count > from + block.length) {
      from = start;
      block = read(start, Math.min(BLOCK, total - start));
    }
    return block.subarray(start - from, start - from + count);
  };
}

/** A fingerprint of a few places of a tensor. */
function sample(data: ByteSource): string {
  const piece = 512;
  if (data.size <= 4 * piece) return String(crc32(data.read(0, data.size)));
  const places = [0, Math.floor(data.size / 3), Math.floor((2 * data.size) / 3), data.size - piece];
  return places.map((at) => crc32(data.read(at, piece))).join('.');
}

function sameBytes(a: ByteSource, b: ByteSource): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  const size = 1 << 18;
  const [left, right] = [Buffer.alloc(Math.min(size, a.size)), Buffer.alloc(Math.min(size, b.size))];
  for (let at = 0; at < a.size; at += size) {
    const count = Math.min(size, a.size - at);
    readInto(a, at, left.subarray(0, count));
    readInto(b, at, right.subarray(0, count));
    if (left.compare(right, 0, count, 0, count) !== 0) return false;
  }
  return true;
}
