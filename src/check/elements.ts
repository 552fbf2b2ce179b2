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
  /** Equal for constants of equal content; different content of one type and size may share it. */
  readonly key: string;
  /** Whether a constant of the same key has the same content. */
  equals(other: Constant): boolean;
  /** Elements from a flat position, those that there are; finite where the file's are. */
  read(start: number, count: number): Float64Array;
  /** Bytes of a stored tensor. */
  readonly stored: Tensor | null;
  /** The constant is this stored tensor plus a number: 1 + γ. */
  readonly shifted: { readonly from: Constant; readonly by: number } | null;
  /** How a large constant is computed from others. */
  readonly computed: { readonly recipe: string; readonly operands: readonly Constant[] } | null;
  /** The largest magnitude of an element; Infinity where one is no finite number. */
  largest(): number;
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
  const { dims, dataType: dtype, data } = tensor;
  if (!isNumeric(dtype) || byteCount(dtype, dims) !== data.size) return null;
  const count = elementCount(dims);
  const read = blockReader((start, length) => readNumbers(tensor, start, length), count);
  if (WIDE.includes(dtype) && !every(read, count, (x) => Math.abs(x) < Number.MAX_SAFE_INTEGER)) return null;
  if (count <= SMALL) return { ...numbersConstant(dims, dtype, readNumbers(tensor)), stored: tensor };
  return largeConstant({
    dims,
    dtype,
    // a fingerprint; the comparison looks at all bytes
    key: `${dtype}[${dims.join(',')}]~${crc32(data.read(0, 512))}`,
    equals: ({ stored }) => stored !== null && sameBytes(stored.data, data),
    read,
    stored: tensor,
    computed: null,
  });
}

/** A constant of more elements than are held. */
function largeConstant(own: Omit<Constant, 'shifted' | 'largest' | 'uniform'>): Constant {
  const count = elementCount(own.dims);
  let uniform: number | null | undefined;
  let largest: number | undefined;
  return {
    ...own,
    shifted: null,
    largest: () => (largest ??= largestIn(own.read, count)),
    get uniform() {
      // looked for once and only when it is asked for
      if (uniform === undefined) uniform = uniformIn(own.read, count);
      return uniform;
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
  return largeConstant({
    dims,
    dtype,
    key: `${recipe}[${dims.join(',')}](${operands.map((own) => own.key).join(';')})`,
    equals: ({ computed }) => computed !== null && operands.every((own, i) => computed.operands[i]?.equals(own) === true),
    read: blockReader(compute, count),
    stored: null,
    computed: { recipe, operands },
  });
}

/** Numbers as a constant. */
export function numbersConstant(dims: readonly number[], dtype: number, numbers: Float64Array, shifted: Constant['shifted'] = null): Constant {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  const read = (start: number, count: number): Float64Array => numbers.subarray(start, start + count);
  return {
    dims,
    dtype,
    key: `${dtype}[${dims.join(',')}]=${crc32(bytes)}`,
    equals: (other) => {
      const own = other.read(0, numbers.length);
      return numbers.every((x, i) => x === own[i] || Object.is(x, own[i]));
    },
    read,
    stored: null,
    shifted,
    computed: null,
    largest: () => largestIn(read, numbers.length),
    uniform: uniformIn(read, numbers.length),
  };
}

/** Whether something holds for every element; they are read block by block. */
function every(read: Constant['read'], count: number, holds: (x: number) => boolean): boolean {
  for (let at = 0; at < count; at += BLOCK) if (!read(at, BLOCK).every(holds)) return false;
  return true;
}

function largestIn(read: Constant['read'], count: number): number {
  let largest = 0;
  for (let at = 0; at < count && largest < Infinity; at += BLOCK)
    for (const x of read(at, BLOCK)) {
      // no comparison holds for what is no number
      if (!(Math.abs(x) <= largest)) largest = Number.isFinite(x) ? Math.abs(x) : Infinity;
    }
  return largest;
}

/** The number that all elements are; null when they differ, and where there is none. The first block settles most matrices. */
function uniformIn(read: Constant['read'], count: number): number | null {
  const [first = null] = read(0, 1);
  return every(read, count, (x) => x === first) ? first : null;
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

function sameBytes(a: ByteSource, b: ByteSource): boolean {
  if (a === b) return true;
  const size = Math.min(1 << 18, a.size);
  const [left, right] = [Buffer.alloc(size), Buffer.alloc(size)];
  for (let at = 0; at < a.size; at += size) {
    const count = Math.min(size, a.size - at);
    readInto(a, at, left.subarray(0, count));
    readInto(b, at, right.subarray(0, count));
    // of the last piece what is behind it was equal before
    if (!left.equals(right)) return false;
  }
  return true;
}
