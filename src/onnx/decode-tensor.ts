import { GrowError } from '../errors.ts';
import { emptySource, rangeSource } from './byte-source.ts';
import { byteCount, dataTypeName } from './data-types.ts';
import type { ExternalResolver } from './external-data.ts';
import { type ByteSource, DataType, type Tensor } from './ir.ts';
import { EntryField, TensorField } from './proto-fields.ts';
import { collectTypedData, type TypedData } from './typed-data.ts';
import { longToNumber, readInt32, readText, scanFields, scanVarints } from './wire.ts';

/** Shapes with more dimensions than this are damage, not tensors. */
const MOST_DIMS = 1024;

interface RawTensor {
  name: string;
  dataType: number;
  dims: number[];
  raw: ByteSource | null;
  typed: TypedData;
  strings: number;
  external: boolean;
  entries: Map<string, string>;
}

/**
 * The tensor of a TensorProto. Its elements stay where they are. Throws GrowError INVALID_MODEL when the bytes do not
 * fit the shape, and the errors of external data.
 */
export function decodeTensor(message: ByteSource, resolve: ExternalResolver): Tensor {
  const raw = readTensorFields(message);
  const where = `tensor ${JSON.stringify(raw.name)}`;
  const negative = raw.dims.find((dim) => dim < 0);
  if (negative !== undefined) {
    throw new GrowError('INVALID_MODEL', `negative dimension ${negative} in shape [${raw.dims.join(', ')}]`, { where });
  }
  const size = byteCount(raw.dataType, raw.dims);
  if (size !== null && !Number.isSafeInteger(size)) {
    throw new GrowError('INVALID_MODEL', `shape [${raw.dims.join(', ')}] has more elements than can be counted`, { where });
  }
  const located = raw.external ? resolveEntries(raw, size, resolve) : { data: inlineData(raw, size, where) };
  const tensor = { name: raw.name, dataType: raw.dataType, dims: raw.dims, ...located, origin: { message, decoded: {} } };
  tensor.origin.decoded = tensor;
  return tensor;
}

function readTensorFields(message: ByteSource): RawTensor {
  const tensor: RawTensor = {
    name: '',
    dataType: DataType.UNDEFINED,
    dims: [],
    raw: null,
    typed: collectTypedData(message),
    strings: 0,
    external: false,
    entries: new Map(),
  };
  scanFields(message, 'TensorProto', (tag, _start, at, end) => {
    switch (tag) {
      case TensorField.name:
        tensor.name = readText(message, at, end);
        break;
      case TensorField.dataType:
        tensor.dataType = readInt32(message, at, end);
        break;
      case TensorField.dims:
      case TensorField.dimsPacked:
        scanVarints(message, at, end, 'TensorProto', (low, high) => {
          if (tensor.dims.push(longToNumber({ low, high })) > MOST_DIMS) {
            throw new GrowError('INVALID_MODEL', `a shape of more than ${MOST_DIMS} dimensions`, { where: 'TensorProto' });
          }
        });
        break;
      case TensorField.rawData:
        tensor.raw = rangeSource(message, at, end - at);
        break;
      case TensorField.stringData:
        tensor.strings++;
        break;
      case TensorField.externalData: {
        const [key, value] = decodeEntry(rangeSource(message, at, end - at));
        tensor.entries.set(key, value);
        break;
      }
      case TensorField.dataLocation:
        tensor.external = readInt32(message, at, end) === 1;
        break;
      case TensorField.segment:
        throw new GrowError('INVALID_MODEL', 'a tensor in segments, which no runtime reads', {
          where: `tensor ${JSON.stringify(tensor.name)}`,
          hint: 'export the model again with a current exporter',
        });
      default:
        tensor.typed.take(tag, at, end);
    }
  });
  return tensor;
}

/** Key and value of a StringStringEntryProto. */
export function decodeEntry(message: ByteSource): [key: string, value: string] {
  const entry: [string, string] = ['', ''];
  scanFields(message, 'StringStringEntryProto', (tag, _start, at, end) => {
    if (tag === EntryField.key) entry[0] = readText(message, at, end);
    else if (tag === EntryField.value) entry[1] = readText(message, at, end);
  });
  return entry;
}

function resolveEntries(raw: RawTensor, size: number | null, resolve: ExternalResolver): ReturnType<ExternalResolver> {
  const reference = {
    location: raw.entries.get('location'),
    offset: raw.entries.get('offset'),
    length: raw.entries.get('length'),
  };
  if (raw.dataType === DataType.STRING) {
    throw new GrowError('INVALID_MODEL', 'strings cannot be external data', { where: `tensor ${JSON.stringify(raw.name)}` });
  }
  return resolve(raw.name, reference, size);
}

/** The elements inside the message: raw_data if there is any, as onnxruntime has it, else the typed fields. */
function inlineData(raw: RawTensor, size: number | null, where: string): ByteSource {
  if (raw.dataType === DataType.STRING) {
    const count = raw.dims.reduce((product, dim) => product * dim, 1);
    if (raw.strings === count) return emptySource;
    throw new GrowError('INVALID_MODEL', `shape [${raw.dims.join(', ')}] needs ${count} strings, there are ${raw.strings}`, {
      where,
    });
  }
  const data = raw.raw ?? raw.typed.toRaw(raw.dataType);
  if (size !== null && data.size !== size) {
    throw new GrowError('INVALID_MODEL', `${dataTypeName(raw.dataType)} shape [${raw.dims.join(', ')}] needs ${size} bytes of data, there are ${data.size}`, {
      where,
      hint: 'the file is damaged or was saved without its weights: export it again',
    });
  }
  return data;
}
