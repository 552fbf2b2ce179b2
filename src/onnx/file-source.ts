import { closeSync, readSync } from 'node:fs';
import { GrowError } from '../errors.ts';
import { bytesSource, checkRange, type FillingSource } from './byte-source.ts';
import type { ByteSource } from './ir.ts';

/** Bytes read at once for small requests, so that scanning headers costs few system calls. */
const WINDOW = 1 << 16;
/** One read() call may not exceed 2^31 − 1 bytes in Node. */
const LARGEST_READ = 1 << 30;
/** Files up to this size are loaded at once: they then need no open file. */
const LOADED_WHOLE = 1 << 24;

// A model holds its files open for as long as anything can still read from it, so that replacing a file by name never
// mixes old and new bytes. The garbage collector says when that ends.
const openFiles = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/**
 * A source over the open file `descriptor` of `size` bytes. Takes over the descriptor and closes it when nothing can
 * read from it any more. `path` is named in errors. Throws GrowError IO when the file cannot be read or got shorter.
 */
export function fileSource(descriptor: number, size: number, path: string): ByteSource {
  if (size <= LOADED_WHOLE) {
    try {
      return bytesSource(readFully(descriptor, 0, size, path));
    } finally {
      closeSync(descriptor);
    }
  }
  let window: Uint8Array = new Uint8Array(0);
  let windowStart = 0;
  const source: FillingSource = {
    size,
    read(at, length) {
      checkRange(size, at, length);
      if (length >= WINDOW) return readFully(descriptor, at, length, path);
      if (at < windowStart || at + length > windowStart + window.length) {
        window = readFully(descriptor, at, Math.min(WINDOW, size - at), path);
        windowStart = at;
      }
      return window.subarray(at - windowStart, at - windowStart + length);
    },
    fill(at, target) {
      checkRange(size, at, target.length);
      fillFully(descriptor, at, target, path);
    },
  };
  openFiles.register(source, descriptor);
  return source;
}

/** Reads exactly `length` bytes from `at`, however many system calls that takes. */
function readFully(descriptor: number, at: number, length: number, path: string): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(length);
  fillFully(descriptor, at, bytes, path);
  return bytes;
}

function fillFully(descriptor: number, at: number, bytes: Uint8Array, path: string): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSome(descriptor, bytes, done, at + done, path);
    if (count === 0) {
      throw new GrowError('IO', `the file got shorter while it was read: byte ${at + done} is gone`, {
        where: path,
        hint: 'let no other program change the file and try again',
      });
    }
    done += count;
  }
}

function readSome(descriptor: number, bytes: Uint8Array, offset: number, position: number, path: string): number {
  try {
    return readSync(descriptor, bytes, offset, Math.min(bytes.length - offset, LARGEST_READ), position);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GrowError('IO', `cannot read the file: ${reason}`, { where: path, cause });
  }
}
