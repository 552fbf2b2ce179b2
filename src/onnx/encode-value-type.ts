import { rangeSource } from './byte-source.ts';
import type { ByteSource, DeclaredDim, ValueInfo } from './ir.ts';
import { DimField, ShapeField, TensorTypeField, TypeField, ValueInfoField } from './proto-fields.ts';
import { bytesField, intField, mergedField, type Pieces, rewriteFields, textField } from './rewrite-fields.ts';
import { scanFields } from './wire.ts';

/**
 * The `type` field of a ValueInfoProto. What the old message says besides element type and sizes (denotations, unknown
 * fields) is kept; of a dimension as long as the rank stays the same.
 */
export function encodeValueType(type: ValueInfo['type'], info: ByteSource | undefined): Pieces {
  if (type === null) return [];
  const was = mergedField(info, 'ValueInfoProto', ValueInfoField.type);
  const tensorWas = mergedField(was, 'TypeProto', TypeField.tensor);
  const tensor = bytesField(TypeField.tensor, encodeTensorType(type, tensorWas));
  const fields = was === undefined ? tensor : rewriteFields(was, 'TypeProto', [{ tags: Object.values(TypeField), pieces: tensor }]);
  return bytesField(ValueInfoField.type, fields);
}

function encodeTensorType(type: NonNullable<ValueInfo['type']>, was: ByteSource | undefined): Pieces {
  const shapeWas = mergedField(was, 'TypeProto.Tensor', TensorTypeField.shape);
  const elemType = [intField(TensorTypeField.elemType, type.elemType)];
  const shape = type.dims === null ? [] : bytesField(TensorTypeField.shape, encodeShape(type.dims, shapeWas));
  if (was === undefined) return [...elemType, ...shape];
  return rewriteFields(was, 'TypeProto.Tensor', [
    { tags: [TensorTypeField.elemType], pieces: elemType },
    { tags: [TensorTypeField.shape], pieces: shape },
  ]);
}

function encodeShape(dims: readonly DeclaredDim[], was: ByteSource | undefined): Pieces {
  const old = was === undefined ? [] : repeatedField(was, ShapeField.dim);
  const sameRank = old.length === dims.length;
  const pieces = dims.flatMap((dim, index) => bytesField(ShapeField.dim, encodeDim(dim, sameRank ? old[index] : undefined)));
  return was === undefined ? pieces : rewriteFields(was, 'TensorShapeProto', [{ tags: [ShapeField.dim], pieces }]);
}

function encodeDim(dim: DeclaredDim, was: ByteSource | undefined): Pieces {
  const size = dim === null ? [] : [typeof dim === 'number' ? intField(DimField.value, dim) : textField(DimField.param, dim)];
  if (was === undefined) return size;
  return rewriteFields(was, 'TensorShapeProto.Dimension', [{ tags: [DimField.value, DimField.param], pieces: size }]);
}

function repeatedField(message: ByteSource, tag: number): readonly ByteSource[] {
  const found: ByteSource[] = [];
  scanFields(message, 'TensorShapeProto', (fieldTag, _start, at, end) => {
    if (fieldTag === tag) found.push(rangeSource(message, at, end - at));
  });
  return found;
}
