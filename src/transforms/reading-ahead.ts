/** Reading an old tensor in the short pieces that new columns cut it into. */
import { readInto } from '../onnx/byte-source.ts';
import type { ByteSource } from '../onnx/ir.ts';

/** Bytes read ahead at a time; rows longer than half of it are read directly. */
const AHEAD = 1 << 16;

/**
 * A reader of old bytes for rows that new columns cut apart: they follow each other in the old tensor, so one read serves many.
 * Every source has a buffer of its own, since a grown tensor may grow again and then reads of one happen inside reads of the other.
 */
export function readingAhead(source: ByteSource): (start: number, target: Uint8Array) => void {
  let bytes: Uint8Array | null = null;
  let from = 0;
  let to = 0;
  return (start, target) => {
    const end = start + target.length;
    if (target.length > AHEAD / 2) {
      readInto(source, start, target);
      return;
    }
    if (bytes === null || start < from || end > to) {
      bytes ??= new Uint8Array(AHEAD);
      const size = Math.min(AHEAD, source.size - start);
      [from, to] = [0, 0];
      readInto(source, start, bytes.subarray(0, size));
      [from, to] = [start, start + size];
    }
    target.set(bytes.subarray(start - from, end - from));
  };
}
