import protobuf from 'protobufjs/minimal.js';
import { GrowError } from '../errors.ts';
import type { ByteSource } from './ir.ts';
import { decodeText } from './text.ts';

/** Protobuf wire types. Source: https://protobuf.dev/programming-guides/encoding */
export const Wire = { VARINT: 0, FIXED64: 1, BYTES: 2, GROUP: 3, END_GROUP: 4, FIXED32: 5 } as const;

/** Called for each field of a message: its tag, where the field starts, and its value's range (without length prefix). */
export type FieldVisitor = (tag: number, start: number, at: number, end: number) => void;

/** A field header takes at most 5 bytes of tag and 5 of length; a varint value at most 10. */
const HEADER = 20;
const WINDOW = 4096;
const GROUP_DEPTH = 100;

interface Cursor {
  readonly source: ByteSource;
  readonly what: string;
  base: number;
  reader: protobuf.Reader;
}

/**
 * Visits the fields of the message in `source` in order, reading headers only. `what` names the message in errors.
 * Throws GrowError INVALID_MODEL when the bytes are no fields, and `overrun` when a field runs past the end.
 */
export function scanFields(source: ByteSource, what: string, visit: FieldVisitor, overrun: 'INVALID_MODEL' | 'TRUNCATED' = 'INVALID_MODEL'): void {
  const cursor = openCursor(source, what);
  for (let start = 0; start < source.size; ) {
    seek(cursor, start);
    const tag = guarded(cursor, start, overrun, (reader) => reader.tag());
    const at = position(cursor);
    if (tag >>> 3 === 0) throw malformed(what, start, 'field number 0');
    const body = skipValue(cursor, tag, at, overrun);
    visit(tag, start, body.at, body.end);
    start = body.next;
  }
}

/** The integer of a varint value, as a safe integer: values outside ±(2^53 − 1) are clamped. */
export function readInt(source: ByteSource, at: number, end: number): number {
  return longToNumber(new protobuf.Reader(source.read(at, end - at)).int64());
}

/** The 32 low bits of a varint value, signed, as protobuf reads int32 and enum fields. */
export function readInt32(source: ByteSource, at: number, end: number): number {
  return new protobuf.Reader(source.read(at, end - at)).int32();
}

/** The number of a fixed32 value read as float32. */
export function readFloat(source: ByteSource, at: number, end: number): number {
  return new protobuf.Reader(source.read(at, end - at)).float();
}

/** Names and texts longer than this are damage: as strings they would take many times their size. Bytes. */
const LONGEST_TEXT = 1 << 24;

/** The text of a length-delimited value. Throws GrowError INVALID_MODEL when it is longer than 16 MiB. */
export function readText(source: ByteSource, at: number, end: number): string {
  if (end - at > LONGEST_TEXT) {
    throw new GrowError('INVALID_MODEL', `a name or text of ${end - at} bytes; at most ${LONGEST_TEXT} make sense`);
  }
  return decodeText(source.read(at, end - at));
}

/** Visits the varints packed in a range as 32-bit halves. Throws GrowError INVALID_MODEL when they do not fill it exactly. */
export function scanVarints(source: ByteSource, at: number, end: number, what: string, visit: (low: number, high: number) => void): void {
  for (let from = at; from < end; ) {
    const bytes = source.read(from, Math.min(WINDOW, end - from));
    const reader = new protobuf.Reader(bytes);
    const last = from + bytes.length === end;
    // A varint may be cut by the window's end: stop where a whole one may not fit, unless nothing follows.
    while (reader.pos < (last ? bytes.length : bytes.length - HEADER)) {
      const value = varint(reader, what, from);
      visit(value.low, value.high);
    }
    from += reader.pos;
  }
}

/** A 64-bit integer as a number, clamped to the safe integers. */
export function longToNumber(value: { low: number; high: number }): number {
  const number = value.high * 4294967296 + (value.low >>> 0);
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, number));
}

function varint(reader: protobuf.Reader, what: string, base: number): { low: number; high: number } {
  const at = base + reader.pos;
  try {
    return reader.int64();
  } catch (cause) {
    throw malformed(what, at, 'a number is cut off or too long', cause);
  }
}

function openCursor(source: ByteSource, what: string): Cursor {
  const bytes = source.read(0, Math.min(WINDOW, source.size));
  return { source, what, base: 0, reader: new protobuf.Reader(bytes) };
}

/** Moves the cursor to `at`, loading another window of the message when a header may not be wholly inside this one. */
function seek(cursor: Cursor, at: number): void {
  const windowEnd = cursor.base + cursor.reader.len;
  if (at + HEADER > windowEnd && windowEnd < cursor.source.size) {
    const from = Math.min(at, cursor.source.size);
    cursor.reader = new protobuf.Reader(cursor.source.read(from, Math.min(WINDOW, cursor.source.size - from)));
    cursor.base = from;
  }
  cursor.reader.pos = at - cursor.base;
}

function position(cursor: Cursor): number {
  return cursor.base + cursor.reader.pos;
}

function skipValue(cursor: Cursor, tag: number, at: number, overrun: 'INVALID_MODEL' | 'TRUNCATED'): { at: number; end: number; next: number } {
  const size = cursor.source.size;
  switch (tag & 7) {
    case Wire.VARINT: {
      guarded(cursor, at, overrun, (reader) => reader.uint64());
      return whole(at, position(cursor));
    }
    case Wire.FIXED64:
      return whole(at, within(cursor, at, at + 8, size, overrun));
    case Wire.FIXED32:
      return whole(at, within(cursor, at, at + 4, size, overrun));
    case Wire.BYTES: {
      const length = guarded(cursor, at, overrun, (reader) => reader.size());
      const from = position(cursor);
      return whole(from, within(cursor, from, from + length, size, overrun));
    }
    case Wire.GROUP:
      return skipGroup(cursor, tag, at, overrun);
    default:
      throw malformed(cursor.what, at, `wire type ${tag & 7}`);
  }
}

function whole(at: number, end: number): { at: number; end: number; next: number } {
  return { at, end, next: end };
}

/** Groups are long deprecated, but old or foreign writers may use them for fields we do not know. */
function skipGroup(cursor: Cursor, openTag: number, at: number, overrun: 'INVALID_MODEL' | 'TRUNCATED'): { at: number; end: number; next: number } {
  const open = [openTag >>> 3];
  for (let start = at; ; ) {
    seek(cursor, Math.min(start, cursor.source.size));
    const tag = guarded(cursor, start, overrun, (reader) => reader.tag());
    const after = position(cursor);
    if ((tag & 7) === Wire.END_GROUP) {
      if (open.pop() !== tag >>> 3) throw malformed(cursor.what, start, 'the end of another group');
      if (open.length === 0) return { at, end: start, next: after };
      start = after;
    } else if ((tag & 7) === Wire.GROUP) {
      open.push(tag >>> 3);
      if (open.length > GROUP_DEPTH) throw malformed(cursor.what, start, `groups nested deeper than ${GROUP_DEPTH}`);
      start = after;
    } else {
      start = skipValue(cursor, tag, after, overrun).next;
    }
  }
}

function within(cursor: Cursor, at: number, end: number, size: number, overrun: 'INVALID_MODEL' | 'TRUNCATED'): number {
  if (end > size) throw cutOff(cursor.what, at, `a field needs ${end - at} bytes from byte ${at}, only ${size - at} are left`, overrun);
  return end;
}

function guarded<T>(cursor: Cursor, at: number, overrun: 'INVALID_MODEL' | 'TRUNCATED', read: (reader: protobuf.Reader) => T): T {
  seek(cursor, at);
  try {
    return read(cursor.reader);
  } catch (cause) {
    if (cause instanceof RangeError) throw cutOff(cursor.what, at, `a field header is cut off at byte ${at}`, overrun, cause);
    throw malformed(cursor.what, at, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function cutOff(what: string, at: number, reason: string, code: 'INVALID_MODEL' | 'TRUNCATED', cause?: unknown): GrowError {
  return new GrowError(code, `${what} is cut off: ${reason}`, {
    where: `${what}, byte ${at}`,
    hint: 'download or export the file again',
    cause,
  });
}

function malformed(what: string, at: number, reason: string, cause?: unknown): GrowError {
  return new GrowError('INVALID_MODEL', `${what} is damaged at its byte ${at}: ${reason}`, {
    where: `${what}, byte ${at}`,
    hint: 'download or export the file again',
    cause,
  });
}
