/** Arrays as numpy saves them. Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
import { GrowError } from '../errors.ts';
import { bytesSource } from './byte-source.ts';
import { elementCount } from './data-types.ts';
import { DataType, type Tensor } from './ir.ts';

/** Data types by numpy's kind and width. */
const TYPES: ReadonlyMap<string, number> = new Map([
  ['b1', DataType.BOOL],
  ['i1', DataType.INT8],
  ['i2', DataType.INT16],
  ['i4', DataType.INT32],
  ['i8', DataType.INT64],
  ['u1', DataType.UINT8],
  ['u2', DataType.UINT16],
  ['u4', DataType.UINT32],
  ['u8', DataType.UINT64],
  ['f2', DataType.FLOAT16],
  ['f4', DataType.FLOAT],
  ['f8', DataType.DOUBLE],
]);

/** Reads the bytes of a .npy file as a tensor in row-major order. Throws GrowError INVALID_INPUTS naming `where`. */
export function readNpy(name: string, bytes: Uint8Array, where: string): Tensor {
  const bad = (what: string): GrowError =>
    new GrowError('INVALID_INPUTS', `this is no array that can be read: ${what}`, { where, hint: 'save it with numpy.save or numpy.savez' });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 12 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== '\u0093NUMPY') throw bad('it does not start as a .npy file does');
  const wide = (bytes[6] ?? 0) >= 2;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  if (start > bytes.length) throw bad('its header is cut off');
  const header = Buffer.from(bytes.subarray(wide ? 12 : 10, start)).toString('latin1');
  const type = /'descr':\s*'([<>|=]?)(\w\d+)'/.exec(header);
  const shape = /'shape':\s*\(([^)]*)\)/.exec(header);
  const dataType = TYPES.get(type?.[2] ?? '');
  if (type === null || dataType === undefined) throw bad(`its element type is ${/'descr':\s*('[^']*'|\[)/.exec(header)?.[1] ?? 'missing'}`);
  const dims = (shape?.[1] ?? '').split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  const width = Number(type[2]?.slice(1));
  const size = elementCount(dims) * width;
  if (shape === null || !dims.every(Number.isSafeInteger) || bytes.length - start !== size)
    throw bad(`its shape (${shape?.[1] ?? ''}) does not fit its ${bytes.length - start} bytes`);
  let data = Uint8Array.from(bytes.subarray(start));
  if (type[1] === '>') data = swapped(data, width);
  if (/'fortran_order':\s*True/.test(header)) data = rowMajor(data, dims, width);
  return { name, dataType, dims, data: bytesSource(data) };
}

function swapped(bytes: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes, (_, i) => bytes[i - (i % width) + (width - 1 - (i % width))] ?? 0);
}

/** Elements that stand with the first index fastest, with the last one fastest. */
function rowMajor(bytes: Uint8Array, dims: readonly number[], width: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(bytes.length);
  const index = dims.map(() => 0);
  for (let to = 0; to < bytes.length; to += width) {
    let from = 0;
    for (let d = dims.length - 1; d >= 0; d--) from = from * (dims[d] ?? 1) + (index[d] ?? 0);
    result.set(bytes.subarray(from * width, (from + 1) * width), to);
    for (let d = dims.length - 1; d >= 0; d--) {
      index[d] = ((index[d] ?? 0) + 1) % (dims[d] ?? 1);
      if (index[d] !== 0) break;
    }
  }
  return result;
}
