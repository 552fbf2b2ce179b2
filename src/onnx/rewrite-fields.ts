import protobuf from 'protobufjs/minimal.js';
import { bytesSource, concatSource, rangeSource } from './byte-source.ts';
import type { ByteSource, Origin } from './ir.ts';
import { unclampedInt64 } from './tensor.ts';
import { encodeText } from './text.ts';
import { scanFields } from './wire.ts';

/** Encoded bytes in pieces, so that large ones are never copied together. */
export type Pieces = readonly ByteSource[];

/** How one property of a decoded object is kept in its message. */
export interface Slot<T> {
  /** The tags of the fields that hold it. */
  readonly tags: readonly number[];
  readonly same: (was: T, now: T) => boolean;
  /** Its fields; `was` is the message it was read from, if any. */
  readonly write: (now: T, was: ByteSource | undefined) => Pieces;
}

/**
 * The bytes of an object: the original ones if it is the object that was read; the original fields with the changed
 * properties' fields replaced, at the place of the first of them, if it is a changed copy; all slots in order if it is new.
 */
export function encodeObject<T extends { readonly origin?: Origin }>(now: T, slots: readonly Slot<NoInfer<T>>[], what: string): Pieces {
  const { origin } = now;
  if (origin === undefined) return slots.flatMap((slot) => slot.write(now, undefined));
  if (origin.decoded === now) return [origin.message];
  // A copy's origin always belongs to an object of the same kind: copies are made by spreading.
  const was = origin.decoded as T;
  const changed = slots.filter((slot) => !slot.same(was, now));
  if (changed.length === 0) return [origin.message];
  const edits = changed.map((slot) => ({ tags: slot.tags, pieces: slot.write(now, origin.message) }));
  return rewriteFields(origin.message, what, edits);
}

/** The fields of a message with those of the given tags replaced, at the first place where one stood, else at the end. */
export function rewriteFields(message: ByteSource, what: string, edits: readonly { readonly tags: readonly number[]; readonly pieces: Pieces }[]): Pieces {
  const out: ByteSource[] = [];
  const owner = new Map(edits.flatMap((edit) => edit.tags.map((tag) => [tag, edit] as const)));
  const written = new Set<(typeof edits)[number]>();
  // Old bytes from `keptFrom` on are to be copied; -1 while inside a replaced field.
  let keptFrom = 0;
  const keepUntil = (at: number): void => {
    if (keptFrom >= 0 && at > keptFrom) out.push(rangeSource(message, keptFrom, at - keptFrom));
  };
  scanFields(message, what, (tag, start) => {
    const edit = owner.get(tag);
    if (edit === undefined) {
      if (keptFrom < 0) keptFrom = start;
      return;
    }
    keepUntil(start);
    keptFrom = -1;
    if (written.has(edit)) return;
    written.add(edit);
    for (const piece of edit.pieces) out.push(piece);
  });
  keepUntil(message.size);
  for (const edit of edits) if (!written.has(edit)) for (const piece of edit.pieces) out.push(piece);
  return out;
}

/** All occurrences of a singular message field, merged as protobuf merges them. */
export function mergedField(message: ByteSource | undefined, what: string, tag: number): ByteSource | undefined {
  if (message === undefined) return undefined;
  const found: ByteSource[] = [];
  scanFields(message, what, (fieldTag, _start, at, end) => {
    if (fieldTag === tag) found.push(rangeSource(message, at, end - at));
  });
  return found.length === 0 ? undefined : concatSource(found);
}

/** Total size of pieces in bytes. */
export function piecesSize(pieces: Pieces): number {
  return pieces.reduce((sum, piece) => sum + piece.size, 0);
}

/** A length-delimited field around pieces. */
export function bytesField(tag: number, pieces: Pieces): Pieces {
  const header = new protobuf.Writer().uint32(tag).uint32(piecesSize(pieces)).finish();
  return [bytesSource(header), ...pieces];
}

/** A string field. */
export function textField(tag: number, text: string): ByteSource {
  return bytesSource(new protobuf.Writer().uint32(tag).bytes(encodeText(text)).finish());
}

/** A varint field. ±(2^53 − 1) stands for the largest and smallest int64, as in the decoded view. */
export function intField(tag: number, value: number): ByteSource {
  const writer = new protobuf.Writer().uint32(tag);
  const whole = BigInt.asUintN(64, unclampedInt64(value));
  const bytes: number[] = [];
  for (let rest = whole; ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    bytes.push(rest > 0x7fn ? low | 0x80 : low);
    if (rest <= 0x7fn) break;
  }
  return bytesSource(Buffer.concat([writer.finish(), Uint8Array.from(bytes)]));
}

/** A float32 field. */
export function floatField(tag: number, value: number): ByteSource {
  return bytesSource(new protobuf.Writer().uint32(tag).float(value).finish());
}

/** The slot of a string, left out when empty. */
export function textSlot<T>(tag: number, get: (object: T) => string): Slot<T> {
  return {
    tags: [tag],
    same: (was, now) => get(was) === get(now),
    write: (now) => (get(now) === '' ? [] : [textField(tag, get(now))]),
  };
}

/** The slot of a repeated string. */
export function textsSlot<T>(tag: number, get: (object: T) => readonly string[]): Slot<T> {
  return {
    tags: [tag],
    same: (was, now) => sameItems(get(was), get(now)),
    write: (now) => get(now).map((text) => textField(tag, text)),
  };
}

/** The slot of an integer, always written. */
export function intSlot<T>(tag: number, get: (object: T) => number): Slot<T> {
  return {
    tags: [tag],
    same: (was, now) => get(was) === get(now),
    write: (now) => [intField(tag, get(now))],
  };
}

/** The slot of a repeated message. */
export function listSlot<T, E>(tag: number, get: (object: T) => readonly E[], encode: (item: E) => Pieces): Slot<T> {
  return {
    tags: [tag],
    same: (was, now) => sameItems(get(was), get(now)),
    write: (now) => get(now).flatMap((item) => bytesField(tag, encode(item))),
  };
}

/** Whether two lists hold the same items: equal numbers and strings, identical objects. */
export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, index) => Object.is(item, b[index])));
}
