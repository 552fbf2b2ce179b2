/** Reads zip archives, as far as numpy writes them. Source: PKWARE APPNOTE.TXT 6.3.10. */
import { inflateRawSync } from 'node:zlib';
import { GrowError } from '../errors.ts';

const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
/** A larger entry is no input of a model but a mistake or an attack. Bytes. */
const LARGEST_ENTRY = 2 ** 31 - 1;

/** The files of an archive by name. Throws GrowError INVALID_INPUTS naming `where`. */
export function readZip(bytes: Uint8Array, where: string): ReadonlyMap<string, Uint8Array> {
  const bad = (what: string): GrowError => new GrowError('INVALID_INPUTS', `the archive cannot be read: ${what}`, { where, hint: 'save it with numpy.savez' });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const has = (at: number, length: number): boolean => at >= 0 && at + length <= bytes.length;
  const [count, start] = directory();
  const files = new Map<string, Uint8Array>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (!has(at, 46) || view.getUint32(at, true) !== ENTRY) throw bad('its directory is damaged');
    const [names, extras, comments] = [view.getUint16(at + 28, true), view.getUint16(at + 30, true), view.getUint16(at + 32, true)];
    if (!has(at + 46, names + extras + comments)) throw bad('its directory is cut off');
    const name = Buffer.from(bytes.subarray(at + 46, at + 46 + names)).toString('utf8');
    const wide = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
    const [size = 0, packed = 0, local = 0] = widened(wide, at + 46 + names, extras);
    if (size > LARGEST_ENTRY || packed > bytes.length) throw bad(`${name} is too large`);
    if (files.has(name)) throw bad(`${name} is in it twice`);
    if (!name.endsWith('/')) files.set(name, content(name, local, size, packed, view.getUint16(at + 10, true)));
    at += 46 + names + extras + comments;
  }
  return files;

  /** Number of entries and where the directory starts. */
  function directory(): readonly [number, number] {
    for (let end = bytes.length - 22; end >= Math.max(0, bytes.length - 22 - 0xffff); end--) {
      if (view.getUint32(end, true) !== END_OF_DIRECTORY) continue;
      const start = view.getUint32(end + 16, true);
      if (start !== 0xffffffff) return [view.getUint16(end + 10, true), start];
      if (!has(end - 20, 20) || view.getUint32(end - 20, true) !== LOCATOR_64) throw bad('its directory is damaged');
      const far = Number(view.getBigUint64(end - 12, true));
      if (!has(far, 56) || view.getUint32(far, true) !== END_OF_DIRECTORY_64) throw bad('its directory is damaged');
      return [Number(view.getBigUint64(far + 32, true)), Number(view.getBigUint64(far + 48, true))];
    }
    throw bad('it has no directory, so it is no zip archive or cut off');
  }

  /** Sizes and offsets of which those that did not fit stand in the entry's extra field. */
  function widened(fields: readonly number[], from: number, length: number): readonly number[] {
    for (let field = from; field + 4 <= from + length; field += 4 + view.getUint16(field + 2, true)) {
      if (view.getUint16(field, true) !== 1) continue;
      let next = field + 4;
      return fields.map((value) => {
        if (value !== 0xffffffff) return value;
        if (!has(next, 8)) throw bad('its directory is damaged');
        next += 8;
        return Number(view.getBigUint64(next - 8, true));
      });
    }
    return fields;
  }

  function content(name: string, local: number, size: number, packed: number, method: number): Uint8Array {
    if (!has(local, 30) || view.getUint32(local, true) !== LOCAL) throw bad(`${name} is not where it should be`);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (!has(start, packed)) throw bad(`${name} is cut off`);
    const data = bytes.subarray(start, start + packed);
    if (method === 0 && size === packed) return data;
    if (method !== 8) throw bad(`${name} is packed in a way that is not understood (${method})`);
    try {
      const whole = inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
      if (whole.length === size) return whole;
    } catch {
      // said below
    }
    throw bad(`${name} is damaged`);
  }
}
