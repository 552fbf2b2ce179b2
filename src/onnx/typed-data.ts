import { bytesSource, concatSource, rangeSource } from './byte-source.ts';
import { elementBits } from './data-types.ts';
import { type ByteSource, DataType } from './ir.ts';
import { TensorField } from './proto-fields.ts';
import { scanVarints } from './wire.ts';

/** Elements between two remembered positions in a run of varints. */
const STRIDE = 1 << 14;
/** Unpacked elements gathered before they become one source. */
const GATHERED = 1 << 16;

/** Collects the typed data fields of one tensor (packed, unpacked or mixed) in the order they come. */
export interface TypedData {
  /** Takes a field if it is one of the typed data fields. */
  readonly take: (tag: number, at: number, end: number) => void;
  /** True when any typed data field, strings excepted, was present. */
  readonly present: () => boolean;
  /** The elements as raw_data would hold them, if the fields are those that this data type uses; else no bytes. */
  readonly toRaw: (dataType: number) => ByteSource;
}

type Kind = 'fixed4' | 'fixed8' | 'int32' | 'int64' | 'uint64';

const KINDS: ReadonlyMap<number, Kind> = new Map([
  [TensorField.floatData, 'fixed4'],
  [TensorField.floatDataPacked, 'fixed4'],
  [TensorField.doubleData, 'fixed8'],
  [TensorField.doubleDataPacked, 'fixed8'],
  [TensorField.int32Data, 'int32'],
  [TensorField.int32DataPacked, 'int32'],
  [TensorField.int64Data, 'int64'],
  [TensorField.int64DataPacked, 'int64'],
  [TensorField.uint64Data, 'uint64'],
  [TensorField.uint64DataPacked, 'uint64'],
]);

/** Starts collecting the typed data of the TensorProto in `message`. */
export function collectTypedData(message: ByteSource): TypedData {
  const runs = new Map<Kind, { pieces: ByteSource[]; loose: Uint8Array[] }>();
  const flush = (run: { pieces: ByteSource[]; loose: Uint8Array[] }): void => {
    if (run.loose.length > 0) run.pieces.push(bytesSource(Buffer.concat(run.loose)));
    run.loose = [];
  };
  return {
    take(tag, at, end) {
      const kind = KINDS.get(tag);
      if (kind === undefined) return;
      const run = runs.get(kind) ?? { pieces: [], loose: [] };
      runs.set(kind, run);
      if ((tag & 7) === 2) {
        flush(run);
        run.pieces.push(rangeSource(message, at, end - at));
      } else {
        run.loose.push(message.read(at, end - at));
        if (run.loose.length >= GATHERED) flush(run);
      }
    },
    present: () => runs.size > 0,
    toRaw(dataType) {
      const kind = kindOf(dataType);
      const run = kind === null ? undefined : runs.get(kind);
      if (kind === null || run === undefined) return bytesSource(new Uint8Array(0));
      flush(run);
      const wire = concatSource(run.pieces);
      const bits = elementBits(dataType) ?? 8;
      return kind === 'fixed4' || kind === 'fixed8' ? wire : varintSource(wire, Math.max(1, bits / 8));
    },
  };
}

/** The typed field that a data type's elements are kept in. Source: onnx.proto, TensorProto. */
function kindOf(dataType: number): Kind | null {
  switch (dataType) {
    case DataType.FLOAT:
    case DataType.COMPLEX64:
      return 'fixed4';
    case DataType.DOUBLE:
    case DataType.COMPLEX128:
      return 'fixed8';
    case DataType.INT64:
      return 'int64';
    case DataType.UINT32:
    case DataType.UINT64:
      return 'uint64';
    default:
      // int32_data also holds everything of at most 32 bits; of 4-bit kinds each entry holds one byte of two elements.
      return elementBits(dataType) === null ? null : 'int32';
  }
}

/** Varints as little-endian integers of `width` bytes. Reading decodes from the nearest remembered position. */
function varintSource(wire: ByteSource, width: number): ByteSource {
  const marks: number[] = [];
  let count = 0;
  let ends = 0;
  forEachVarintEnd(wire, (end) => {
    if (count % STRIDE === 0) marks.push(ends);
    count++;
    ends = end;
  });
  // Checks that all are whole and not too long before anyone asks for their values.
  scanVarints(wire, 0, wire.size, 'TensorProto data', () => {});
  let cached: { readonly block: number; readonly bytes: Uint8Array } | null = null;
  const block = (index: number): Uint8Array => {
    if (cached?.block === index) return cached.bytes;
    const bytes = new Uint8Array(Math.min(STRIDE, count - index * STRIDE) * width);
    const view = new DataView(bytes.buffer);
    let at = 0;
    scanVarints(wire, marks[index] ?? 0, marks[index + 1] ?? wire.size, 'TensorProto data', (low, high) => {
      writeInteger(view, at, width, low, high);
      at += width;
    });
    cached = { block: index, bytes };
    return bytes;
  };
  return {
    size: count * width,
    read(at, length) {
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const index = Math.floor((at + done) / (STRIDE * width));
        const from = at + done - index * STRIDE * width;
        const piece = block(index).subarray(from, from + length - done);
        bytes.set(piece, done);
        done += piece.length;
      }
      return bytes;
    },
  };
}

function writeInteger(view: DataView, at: number, width: number, low: number, high: number): void {
  if (width === 1) view.setUint8(at, low & 0xff);
  else if (width === 2) view.setUint16(at, low & 0xffff, true);
  else view.setInt32(at, low, true);
  if (width === 8) view.setInt32(at + 4, high, true);
}

function forEachVarintEnd(wire: ByteSource, visit: (end: number) => void): void {
  for (let from = 0; from < wire.size; ) {
    const bytes = wire.read(from, Math.min(1 << 16, wire.size - from));
    for (let index = 0; index < bytes.length; index++) {
      if ((bytes[index] ?? 0) < 0x80) visit(from + index + 1);
    }
    from += bytes.length;
  }
}
