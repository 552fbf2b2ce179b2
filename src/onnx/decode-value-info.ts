import { concatSource, rangeSource } from './byte-source.ts';
import type { ByteSource, DeclaredDim, ValueInfo } from './ir.ts';
import { DimField, ShapeField, TensorTypeField, TypeField, ValueInfoField } from './proto-fields.ts';
import { readInt, readInt32, readText, scanFields } from './wire.ts';

const OTHER_TYPES: ReadonlySet<number> = new Set([TypeField.sequence, TypeField.map, TypeField.opaque, TypeField.sparse, TypeField.optional]);

/** The declared value of a ValueInfoProto. Throws GrowError INVALID_MODEL. */
export function decodeValueInfo(message: ByteSource): ValueInfo {
  let name = '';
  const types: ByteSource[] = [];
  scanFields(message, 'ValueInfoProto', (tag, _start, at, end) => {
    if (tag === ValueInfoField.name) name = readText(message, at, end);
    else if (tag === ValueInfoField.type) types.push(rangeSource(message, at, end - at));
  });
  const type = types.length === 0 ? null : decodeType(concatSource(types));
  const info = { name, type, origin: { message, decoded: {} } };
  info.origin.decoded = info;
  return info;
}

/** The tensor type of a TypeProto, or null when it is of another kind. The kinds are a oneof: the last one counts. */
function decodeType(message: ByteSource): ValueInfo['type'] {
  let tensors: ByteSource[] = [];
  scanFields(message, 'TypeProto', (tag, _start, at, end) => {
    if (tag === TypeField.tensor) tensors.push(rangeSource(message, at, end - at));
    else if (OTHER_TYPES.has(tag)) tensors = [];
  });
  return tensors.length === 0 ? null : decodeTensorType(concatSource(tensors));
}

function decodeTensorType(message: ByteSource): NonNullable<ValueInfo['type']> {
  let elemType = 0;
  const shapes: ByteSource[] = [];
  scanFields(message, 'TypeProto.Tensor', (tag, _start, at, end) => {
    if (tag === TensorTypeField.elemType) elemType = readInt32(message, at, end);
    else if (tag === TensorTypeField.shape) shapes.push(rangeSource(message, at, end - at));
  });
  return { elemType, dims: shapes.length === 0 ? null : decodeShape(concatSource(shapes)) };
}

function decodeShape(message: ByteSource): DeclaredDim[] {
  const dims: DeclaredDim[] = [];
  scanFields(message, 'TensorShapeProto', (tag, _start, at, end) => {
    if (tag === ShapeField.dim) dims.push(decodeDim(rangeSource(message, at, end - at)));
  });
  return dims;
}

function decodeDim(message: ByteSource): DeclaredDim {
  let dim: DeclaredDim = null;
  scanFields(message, 'TensorShapeProto.Dimension', (tag, _start, at, end) => {
    if (tag === DimField.value) dim = readInt(message, at, end);
    else if (tag === DimField.param) dim = readText(message, at, end);
  });
  // An empty symbol says as little as no symbol.
  return dim === '' ? null : dim;
}
