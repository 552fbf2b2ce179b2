/**
 * Elements narrower than a byte, or stored in rows with padding, as elements of a byte each.
 *
 * Growth moves and computes single elements; 4-bit numbers share bytes, also across rows. An unpacked tensor computes its bytes
 * when they are read, and `pack` is the way back.
 */
import { readInto } from './byte-source.ts';
import { type ByteSource, DataType, type Packing, type Tensor } from './ir.ts';

/** How a tensor of 4-bit numbers is stored: all elements one after the other, the first in the low half of a byte. */
export function nibblePacking(tensor: Tensor): Packing | null {
  if (tensor.dataType !== DataType.INT4 && tensor.dataType !== DataType.UINT4) return null;
  return { bits: 4, signed: tensor.dataType === DataType.INT4, rows: false, dims: tensor.dims, pitch: (columns) => columns, stored: (dims) => dims };
}

/** The tensor with an element per byte (int8 or uint8); elements of a byte and more stay as they are, in the packing's shape. */
export function unpack(tensor: Tensor, packing: Packing): Tensor {
  const { bits, dims } = packing;
  const shape = { ...tensor, dims, packed: { packing, tensor } };
  if (bits > 8) return shape;
  const data = converted(tensor.data, layout(packing, dims), bits, packing.signed, 'unpack');
  return { ...shape, dataType: packing.signed ? DataType.INT8 : DataType.UINT8, data };
}

/** The tensor as the file holds it; one that was not unpacked is returned as it is. */
export function pack(tensor: Tensor): Tensor {
  const { packed, ...plain } = tensor;
  if (packed === undefined) return tensor;
  const { packing, tensor: stored } = packed;
  const untouched = unpackedSources.get(tensor.data) === stored.data && tensor.dims === packing.dims;
  if (untouched && tensor.name === stored.name) return stored;
  const dims = packing.stored(tensor.dims);
  if (packing.bits > 8) return { ...plain, dims };
  const data = untouched ? stored.data : converted(tensor.data, layout(packing, tensor.dims), packing.bits, packing.signed, 'pack');
  return { ...plain, dataType: stored.dataType, dims, data };
}

/** The stored bytes behind unpacked ones, so that what did not change is not converted twice. */
const unpackedSources = new WeakMap<ByteSource, ByteSource>();

interface Layout {
  readonly rows: number;
  readonly columns: number;
  /** Elements from one row to the next where stored. */
  readonly pitch: number;
}

function layout(packing: Packing, dims: readonly number[]): Layout {
  const count = dims.reduce((a, b) => a * b, 1);
  const columns = packing.rows ? (dims.at(-1) ?? 1) : count;
  return { rows: columns === 0 ? 0 : count / columns, columns, pitch: packing.rows ? packing.pitch(columns) : columns };
}

function converted(source: ByteSource, own: Layout, bits: number, signed: boolean, direction: 'pack' | 'unpack'): ByteSource {
  const size = direction === 'unpack' ? own.rows * own.columns : Math.ceil((own.rows * own.pitch * bits) / 8);
  const fill = direction === 'unpack' ? unpacking(source, own, bits, signed) : packing(source, own, bits);
  const made = {
    size,
    fill,
    read: (at: number, length: number): Uint8Array => {
      const bytes = new Uint8Array(length);
      fill(at, bytes);
      return bytes;
    },
  };
  if (direction === 'unpack') unpackedSources.set(made, source);
  return made;
}

/** Bytes of stored elements for elements of a byte each, row by row. */
function unpacking(source: ByteSource, { columns, pitch }: Layout, bits: number, signed: boolean): (at: number, target: Uint8Array) => void {
  const mask = (1 << bits) - 1;
  const sign = signed ? 1 << (bits - 1) : 0;
  return (at, target) => {
    for (let done = 0; done < target.length; ) {
      const row = Math.floor((at + done) / columns);
      const column = at + done - row * columns;
      const count = Math.min(columns - column, target.length - done);
      const first = row * pitch + column;
      const from = Math.floor((first * bits) / 8);
      const bytes = source.read(from, Math.ceil(((first + count) * bits) / 8) - from);
      for (let i = 0; i < count; i++) {
        const bit = (first + i) * bits - from * 8;
        const value = ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & mask;
        target[done + i] = (value ^ sign) - sign;
      }
      done += count;
    }
  };
}

/** Stored bytes for elements of a byte each; what lies behind a row's elements is zero. */
function packing(source: ByteSource, { rows, columns, pitch }: Layout, bits: number): (at: number, target: Uint8Array) => void {
  const mask = (1 << bits) - 1;
  const each = 8 / bits;
  return (at, target) => {
    target.fill(0);
    const end = Math.min((at + target.length) * each, rows * pitch);
    for (let element = at * each; element < end; ) {
      const row = Math.floor(element / pitch);
      const column = element - row * pitch;
      const count = Math.min(columns - column, end - element);
      if (count <= 0) {
        element = (row + 1) * pitch;
        continue;
      }
      const values = new Uint8Array(count);
      readInto(source, row * columns + column, values);
      for (let i = 0; i < count; i++) {
        const bit = (element + i - at * each) * bits;
        const byte = bit >> 3;
        target[byte] = (target[byte] ?? 0) | (((values[i] ?? 0) & mask) << (bit & 7));
      }
      element += count;
    }
  };
}

/** Rows of `bits` wide numbers, each row padded to whole blocks of `block` elements; `stored` is the shape the file holds. */
export const rowPacking = (dims: readonly number[], bits: number, block: number, stored: (dims: readonly number[]) => readonly number[]): Packing => ({
  bits,
  signed: false,
  rows: true,
  dims,
  pitch: (columns) => Math.ceil(columns / block) * block,
  stored,
});
