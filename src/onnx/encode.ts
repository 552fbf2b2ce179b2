import { assert } from '../errors.ts';
import { byteCount } from './data-types.ts';
import { encodeValueType } from './encode-value-type.ts';
import type { Origin, Tensor, ValueInfo } from './ir.ts';
import { type Attribute, DataType, type FunctionDef, type Graph, type Model, type Node, type OpsetImport } from './ir.ts';
import {
  AttributeField,
  AttributeType,
  EntryField,
  FunctionField,
  GraphField,
  ModelField,
  NodeField,
  OpsetField,
  TensorField,
  ValueInfoField,
} from './proto-fields.ts';
import {
  bytesField,
  encodeObject,
  floatField,
  intField,
  intSlot,
  listSlot,
  type Pieces,
  type Slot,
  sameItems,
  textField,
  textSlot,
  textsSlot,
} from './rewrite-fields.ts';

type Entry = Model['metadata'][number];

/** The bytes of a ModelProto. Tensors with `external` are written as references to it. */
export function encodeModelMessage(model: Model): Pieces {
  return encodeObject(model, MODEL, 'ModelProto');
}

function encodeGraph(graph: Graph): Pieces {
  return encodeObject(graph, GRAPH, 'GraphProto');
}

function encodeNode(node: Node): Pieces {
  return encodeObject(node, NODE, 'NodeProto');
}

function encodeAttribute(attribute: Attribute): Pieces {
  return encodeObject<Attribute>(attribute, ATTRIBUTE, 'AttributeProto');
}

function encodeTensor(tensor: Tensor): Pieces {
  const size = byteCount(tensor.dataType, tensor.dims);
  const where = `tensor ${tensor.name} of shape [${tensor.dims.join(', ')}]`;
  assert(size === null || size === tensor.data.size, `${where} needs ${size} bytes and has ${tensor.data.size}`);
  return encodeObject(tensor, TENSOR, 'TensorProto');
}

/** Opaque things can only be carried along, never made. */
function encodeKept(kept: { readonly name: string; readonly origin?: Origin }): Pieces {
  assert(kept.origin !== undefined, `sparse initializer ${kept.name} without a file it came from`);
  return [kept.origin.message];
}

const encodeOpset = (opset: OpsetImport): Pieces => encodeObject(opset, OPSET, 'OperatorSetIdProto');
const encodeEntry = (entry: Entry): Pieces => encodeObject(entry, ENTRY, 'StringStringEntryProto');
const encodeFunction = (definition: FunctionDef): Pieces => encodeObject(definition, FUNCTION, 'FunctionProto');
const encodeValueInfo = (info: ValueInfo): Pieces => encodeObject(info, VALUE_INFO, 'ValueInfoProto');

const OPSET: readonly Slot<OpsetImport>[] = [textSlot(OpsetField.domain, (opset) => opset.domain), intSlot(OpsetField.version, (opset) => opset.version)];

const ENTRY: readonly Slot<Entry>[] = [textSlot(EntryField.key, (entry) => entry.key), textSlot(EntryField.value, (entry) => entry.value)];

const MODEL: readonly Slot<Model>[] = [
  intSlot(ModelField.irVersion, (model) => model.irVersion),
  textSlot(ModelField.producerName, (model) => model.producerName),
  textSlot(ModelField.producerVersion, (model) => model.producerVersion),
  {
    tags: [ModelField.graph],
    same: (was, now) => was.graph === now.graph,
    write: (now) => bytesField(ModelField.graph, encodeGraph(now.graph)),
  },
  listSlot(ModelField.opsetImport, (model) => model.opsetImports, encodeOpset),
  listSlot(ModelField.metadata, (model) => model.metadata, encodeEntry),
  listSlot(ModelField.functions, (model) => model.functions, encodeFunction),
];

const GRAPH: readonly Slot<Graph>[] = [
  listSlot(GraphField.node, (graph) => graph.nodes, encodeNode),
  textSlot(GraphField.name, (graph) => graph.name),
  listSlot(GraphField.initializer, (graph) => graph.initializers, encodeTensor),
  listSlot(GraphField.input, (graph) => graph.inputs, encodeValueInfo),
  listSlot(GraphField.output, (graph) => graph.outputs, encodeValueInfo),
  listSlot(GraphField.valueInfo, (graph) => graph.valueInfos, encodeValueInfo),
  listSlot(GraphField.sparseInitializer, (graph) => graph.sparseInitializers, encodeKept),
];

const NODE: readonly Slot<Node>[] = [
  textsSlot(NodeField.input, (node) => node.inputs),
  textsSlot(NodeField.output, (node) => node.outputs),
  textSlot(NodeField.name, (node) => node.name),
  textSlot(NodeField.opType, (node) => node.opType),
  listSlot(NodeField.attribute, (node) => node.attributes, encodeAttribute),
  textSlot(NodeField.domain, (node) => node.domain),
  textSlot(NodeField.overload, (node) => node.overload ?? ''),
];

const FUNCTION: readonly Slot<FunctionDef>[] = [
  textSlot(FunctionField.name, (definition) => definition.name),
  textsSlot(FunctionField.input, (definition) => definition.inputs),
  textsSlot(FunctionField.output, (definition) => definition.outputs),
  textsSlot(FunctionField.attribute, (definition) => definition.attributes),
  listSlot(FunctionField.node, (definition) => definition.nodes, encodeNode),
  listSlot(FunctionField.opsetImport, (definition) => definition.opsetImports, encodeOpset),
  textSlot(FunctionField.domain, (definition) => definition.domain),
  listSlot(FunctionField.attributeProto, (definition) => definition.attributeDefaults, encodeAttribute),
  textSlot(FunctionField.overload, (definition) => definition.overload),
];

const VALUE_INFO: readonly Slot<ValueInfo>[] = [
  textSlot(ValueInfoField.name, (info) => info.name),
  {
    tags: [ValueInfoField.type],
    same: (was, now) => was.type === now.type,
    write: (now, message) => encodeValueType(now.type, message),
  },
];

const TENSOR_DATA_TAGS: readonly number[] = [
  TensorField.rawData,
  TensorField.floatData,
  TensorField.floatDataPacked,
  TensorField.int32Data,
  TensorField.int32DataPacked,
  TensorField.stringData,
  TensorField.int64Data,
  TensorField.int64DataPacked,
  TensorField.doubleData,
  TensorField.doubleDataPacked,
  TensorField.uint64Data,
  TensorField.uint64DataPacked,
  TensorField.externalData,
  TensorField.dataLocation,
];

const TENSOR: readonly Slot<Tensor>[] = [
  {
    tags: [TensorField.dims, TensorField.dimsPacked],
    same: (was, now) => sameItems(was.dims, now.dims),
    write: (now) => now.dims.map((dim) => intField(TensorField.dims, dim)),
  },
  intSlot(TensorField.dataType, (tensor) => tensor.dataType),
  textSlot(TensorField.name, (tensor) => tensor.name),
  {
    tags: TENSOR_DATA_TAGS,
    same: (was, now) => was.dataType === now.dataType && was.data === now.data && sameExternal(was.external, now.external),
    write: tensorData,
  },
];

/** Whether two tensors are kept at the same place of the same external file. */
export function sameExternal(a: Tensor['external'], b: Tensor['external']): boolean {
  return a === b || (a?.location === b?.location && a?.offset === b?.offset && a?.length === b?.length);
}

function tensorData(tensor: Tensor): Pieces {
  assert(tensor.dataType !== DataType.STRING, `string tensor ${tensor.name} cannot be made or changed`);
  if (tensor.external === undefined) return bytesField(TensorField.rawData, [tensor.data]);
  const { location, offset, length } = tensor.external;
  const entries = [
    ['location', location],
    ['offset', String(offset)],
    ['length', String(length)],
  ] as const;
  return [
    ...entries.flatMap(([key, value]) => bytesField(TensorField.externalData, [textField(EntryField.key, key), textField(EntryField.value, value)])),
    intField(TensorField.dataLocation, 1),
  ];
}

const ATTRIBUTE_TYPES: Readonly<Record<Attribute['kind'], number>> = {
  float: AttributeType.FLOAT,
  int: AttributeType.INT,
  string: AttributeType.STRING,
  tensor: AttributeType.TENSOR,
  graph: AttributeType.GRAPH,
  floats: AttributeType.FLOATS,
  ints: AttributeType.INTS,
  strings: AttributeType.STRINGS,
  ref: AttributeType.UNDEFINED,
  opaque: AttributeType.UNDEFINED,
};

const { name: _name, type: _type, ...VALUE_TAGS } = AttributeField;

const ATTRIBUTE: readonly Slot<Attribute>[] = [
  textSlot(AttributeField.name, (attribute) => attribute.name),
  {
    tags: Object.values(VALUE_TAGS),
    same: (was, now) => was.kind === now.kind && sameValue(was.value, now.value),
    write: attributeValue,
  },
  {
    tags: [AttributeField.type],
    same: (was, now) => was.kind === now.kind,
    // A reference has the type of what it refers to, which is known where that is declared.
    write: (now) => (now.kind === 'ref' ? [] : [intField(AttributeField.type, ATTRIBUTE_TYPES[now.kind])]),
  },
];

function sameValue(was: unknown, now: unknown): boolean {
  if (Array.isArray(was) && Array.isArray(now)) return sameItems(was, now);
  return Object.is(was, now);
}

function attributeValue(attribute: Attribute): Pieces {
  switch (attribute.kind) {
    case 'float':
      return [floatField(AttributeField.f, attribute.value)];
    case 'int':
      return [intField(AttributeField.i, attribute.value)];
    case 'string':
      return [textField(AttributeField.s, attribute.value)];
    case 'tensor':
      return bytesField(AttributeField.t, encodeTensor(attribute.value));
    case 'graph':
      return bytesField(AttributeField.g, encodeGraph(attribute.value));
    case 'floats':
      return attribute.value.map((value) => floatField(AttributeField.floats, value));
    case 'ints':
      return attribute.value.map((value) => intField(AttributeField.ints, value));
    case 'strings':
      return attribute.value.map((value) => textField(AttributeField.strings, value));
    case 'ref':
      return [textField(AttributeField.ref, attribute.value)];
    case 'opaque':
      assert(false, `attribute ${attribute.name} is kept, not understood: it cannot be made`);
  }
}
