/** Files as numpy writes them. */
import { deflateRawSync } from 'node:zlib';

const ELEMENTS = { '<i8': 8, '<f4': 4, '<f8': 8, '>f4': 4, '<i4': 4 } as const;

/** A .npy file of numbers in the order they are given. */
export function npyFile(descr: keyof typeof ELEMENTS, shape: readonly number[], numbers: readonly number[], fortran = false): Uint8Array {
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`;
  const header = Buffer.from(`${dict.padEnd(64 * Math.ceil((dict.length + 11) / 64) - 11)}\n`, 'latin1');
  const data = Buffer.alloc(numbers.length * ELEMENTS[descr]);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  for (const [i, value] of numbers.entries()) {
    const at = i * ELEMENTS[descr];
    if (descr === '<i8') view.setBigInt64(at, BigInt(value), true);
    else if (descr === '<i4') view.setInt32(at, value, true);
    else if (descr === '<f8') view.setFloat64(at, value, true);
    else view.setFloat32(at, value, descr === '<f4');
  }
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length & 255, header.length >> 8]), header, data]);
}

/** A zip archive of files, stored or deflated. */
export function zipFile(files: Readonly<Record<string, Uint8Array>>, packed: boolean): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of Object.entries(files)) {
    const data = packed ? deflateRawSync(bytes) : Buffer.from(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(packed ? 8 : 0, 4);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), data]);
    const entry = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000'), common, Buffer.alloc(14), Buffer.from(name)]);
    entry.writeUInt32LE(at, 42);
    parts.push(local);
    directory.push(entry);
    at += local.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
