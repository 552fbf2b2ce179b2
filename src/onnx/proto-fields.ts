/**
 * The tags (field number × 8 + wire type) of the ONNX messages that we understand. A field with another tag is unknown:
 * ignored in the decoded view and kept when the message is written. Source: onnx/onnx.proto, IR version 14.
 */

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const tag = <W extends number>(field: number, wire: W): number => field * 8 + wire;
const varint = (field: number): number => tag(field, VARINT);
const bytes = (field: number): number => tag(field, BYTES);

/** ModelProto. */
export const ModelField = {
  irVersion: varint(1),
  producerName: bytes(2),
  producerVersion: bytes(3),
  domain: bytes(4),
  modelVersion: varint(5),
  doc: bytes(6),
  graph: bytes(7),
  opsetImport: bytes(8),
  metadata: bytes(14),
  trainingInfo: bytes(20),
  functions: bytes(25),
  configuration: bytes(26),
} as const;

/** OperatorSetIdProto. */
export const OpsetField = { domain: bytes(1), version: varint(2) } as const;

/** StringStringEntryProto. */
export const EntryField = { key: bytes(1), value: bytes(2) } as const;

/** GraphProto. */
export const GraphField = {
  node: bytes(1),
  name: bytes(2),
  initializer: bytes(5),
  input: bytes(11),
  output: bytes(12),
  valueInfo: bytes(13),
  sparseInitializer: bytes(15),
} as const;

/** NodeProto. */
export const NodeField = {
  input: bytes(1),
  output: bytes(2),
  name: bytes(3),
  opType: bytes(4),
  attribute: bytes(5),
  domain: bytes(7),
  overload: bytes(8),
} as const;

/** AttributeProto. Repeated numbers come unpacked or packed. */
export const AttributeField = {
  name: bytes(1),
  f: tag(2, FIXED32),
  i: varint(3),
  s: bytes(4),
  t: bytes(5),
  g: bytes(6),
  floats: tag(7, FIXED32),
  floatsPacked: bytes(7),
  ints: varint(8),
  intsPacked: bytes(8),
  strings: bytes(9),
  tensors: bytes(10),
  graphs: bytes(11),
  typeProto: bytes(14),
  typeProtos: bytes(15),
  type: varint(20),
  ref: bytes(21),
  sparseTensor: bytes(22),
  sparseTensors: bytes(23),
} as const;

/** AttributeProto.AttributeType. */
export const AttributeType = {
  UNDEFINED: 0,
  FLOAT: 1,
  INT: 2,
  STRING: 3,
  TENSOR: 4,
  GRAPH: 5,
  FLOATS: 6,
  INTS: 7,
  STRINGS: 8,
} as const;

/** TensorProto. Repeated numbers come unpacked or packed. */
export const TensorField = {
  dims: varint(1),
  dimsPacked: bytes(1),
  dataType: varint(2),
  segment: bytes(3),
  floatData: tag(4, FIXED32),
  floatDataPacked: bytes(4),
  int32Data: varint(5),
  int32DataPacked: bytes(5),
  stringData: bytes(6),
  int64Data: varint(7),
  int64DataPacked: bytes(7),
  name: bytes(8),
  rawData: bytes(9),
  doubleData: tag(10, FIXED64),
  doubleDataPacked: bytes(10),
  uint64Data: varint(11),
  uint64DataPacked: bytes(11),
  externalData: bytes(13),
  dataLocation: varint(14),
} as const;

/** SparseTensorProto. */
export const SparseField = { values: bytes(1), indices: bytes(2) } as const;

/** TrainingInfoProto. */
export const TrainingField = { initialization: bytes(1), algorithm: bytes(2) } as const;

/** ValueInfoProto. */
export const ValueInfoField = { name: bytes(1), type: bytes(2) } as const;

/** TypeProto: a oneof, of which we understand tensor_type; fields 4, 5, 7, 8 and 9 are the other kinds. */
export const TypeField = {
  tensor: bytes(1),
  sequence: bytes(4),
  map: bytes(5),
  opaque: bytes(7),
  sparse: bytes(8),
  optional: bytes(9),
} as const;

/** TypeProto.Tensor. */
export const TensorTypeField = { elemType: varint(1), shape: bytes(2) } as const;

/** TensorShapeProto. */
export const ShapeField = { dim: bytes(1) } as const;

/** TensorShapeProto.Dimension. */
export const DimField = { value: varint(1), param: bytes(2) } as const;

/** FunctionProto. */
export const FunctionField = {
  name: bytes(1),
  input: bytes(4),
  output: bytes(5),
  attribute: bytes(6),
  node: bytes(7),
  opsetImport: bytes(9),
  domain: bytes(10),
  attributeProto: bytes(11),
  overload: bytes(13),
} as const;
