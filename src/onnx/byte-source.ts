import { assert } from '../errors.ts';
import type { ByteSource } from './ir.ts';

/** A source that can cut ranges of itself without stacking wrappers. */
interface SliceableSource extends ByteSource {
  slice(at: number, size: number): ByteSource;
}

/** A source that can fill a buffer of the reader's without making one of its own. */
export interface FillingSource extends ByteSource {
  /** Fills `target` with the bytes from `at`. */
  fill(at: number, target: Uint8Array): void;
}

/** Reads `target.length` bytes of `source` from `at` into `target`. */
export function readInto(source: ByteSource, at: number, target: Uint8Array): void {
  if (isFilling(source)) source.fill(at, target);
  else target.set(source.read(at, target.length));
}

/** The source of no bytes. */
export const emptySource: ByteSource = bytesSource(new Uint8Array(0));

/** A source over bytes in memory; reads are views, never copies. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  return bytesRange(bytes, 0, bytes.length);
}

// Each message keeps one of these, so it holds no view of its own until something is read.
function bytesRange(bytes: Uint8Array, start: number, size: number): SliceableSource {
  return {
    size,
    read(at, length) {
      checkRange(size, at, length);
      return bytes.subarray(start + at, start + at + length);
    },
    slice: (at, length) => bytesRange(bytes, start + at, length),
  };
}

/** The `size` bytes of `source` from `at`, as a source of their own. */
export function rangeSource(source: ByteSource, at: number, size: number): ByteSource {
  checkRange(source.size, at, size);
  if (at === 0 && size === source.size) return source;
  if (isSliceable(source)) return source.slice(at, size);
  return rangeOf(source, at, size);
}

/** A range that knows its base, so that ranges of ranges stay one level deep. */
function rangeOf(base: ByteSource, start: number, size: number): SliceableSource & FillingSource {
  return {
    size,
    read(at, length) {
      checkRange(size, at, length);
      return base.read(start + at, length);
    },
    fill(at, target) {
      checkRange(size, at, target.length);
      readInto(base, start + at, target);
    },
    slice: (at, length) => rangeSource(base, start + at, length),
  };
}

/** All `sources` one after the other. */
export function concatSource(sources: readonly ByteSource[]): ByteSource {
  const parts = sources.filter((part) => part.size > 0);
  const [only] = parts;
  if (only === undefined) return emptySource;
  if (parts.length === 1) return only;
  const starts: number[] = [];
  let size = 0;
  for (const part of parts) {
    starts.push(size);
    size += part.size;
  }
  return {
    size,
    read(at, length) {
      checkRange(size, at, length);
      let index = lastStartNotAfter(starts, at);
      const first = parts[index];
      const firstStart = starts[index];
      if (first === undefined || firstStart === undefined) return new Uint8Array(0);
      if (at + length <= firstStart + first.size) return first.read(at - firstStart, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; index++) {
        const part = parts[index];
        const start = starts[index];
        assert(part !== undefined && start !== undefined, 'concatenated source ran out of parts');
        const from = at + done - start;
        const count = Math.min(part.size - from, length - done);
        bytes.set(part.read(from, count), done);
        done += count;
      }
      return bytes;
    },
  };
}

/** Throws for a range outside the source: always a bug of the caller, since sizes are checked when files are read. */
export function checkRange(size: number, at: number, length: number): void {
  const inside = at >= 0 && length >= 0 && at + length <= size;
  assert(inside, inside ? '' : `read of ${length} bytes at ${at} in a source of ${size}`);
}

function isSliceable(source: ByteSource): source is SliceableSource {
  return 'slice' in source && typeof source.slice === 'function';
}

function isFilling(source: ByteSource): source is FillingSource {
  return 'fill' in source && typeof source.fill === 'function';
}

function lastStartNotAfter(starts: readonly number[], at: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}
