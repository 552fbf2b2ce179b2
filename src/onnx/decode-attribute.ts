import { concatSource, rangeSource } from './byte-source.ts';
import { decodeGraph } from './decode-graph.ts';
import { decodeTensor } from './decode-tensor.ts';
import { type Decoding, opaquePart, spend } from './decoding.ts';
import type { Attribute, ByteSource } from './ir.ts';
import { AttributeField, AttributeType } from './proto-fields.ts';
import { longToNumber, readFloat, readInt, readInt32, readText, scanFields, scanVarints } from './wire.ts';

interface RawAttribute {
  name: string;
  type: number;
  ref: string;
  f: number | null;
  i: number | null;
  s: string | null;
  t: ByteSource[];
  g: ByteSource[];
  floats: number[];
  ints: number[];
  strings: string[];
  graphs: ByteSource[];
  tensors: ByteSource[];
  /** Has a field that we keep without understanding it. */
  opaque: boolean;
  /** That field is a string too large to be text. */
  blob: boolean;
}

/** Larger strings are compiled programs or vocabularies, not something to understand: they are kept. Bytes. */
const LARGEST_STRING = 1 << 20;

type Value = Attribute extends infer A ? (A extends Attribute ? Pick<A, 'kind' | 'value'> : never) : never;

/** The attribute of an AttributeProto, nested graphs included. Throws GrowError INVALID_MODEL. */
export function decodeAttribute(message: ByteSource, decoding: Decoding): Attribute {
  spend(decoding, 1);
  const raw = readAttributeFields(message, decoding);
  const attribute = { name: raw.name, ...valueOf(raw, decoding), origin: { message, decoded: {} } };
  attribute.origin.decoded = attribute;
  return attribute;
}

function readAttributeFields(message: ByteSource, decoding: Decoding): RawAttribute {
  const raw: RawAttribute = {
    name: '',
    type: AttributeType.UNDEFINED,
    ref: '',
    f: null,
    i: null,
    s: null,
    t: [],
    g: [],
    floats: [],
    ints: [],
    strings: [],
    graphs: [],
    tensors: [],
    opaque: false,
    blob: false,
  };
  scanFields(message, 'AttributeProto', (tag, _start, at, end) => {
    switch (tag) {
      case AttributeField.name:
        raw.name = readText(message, at, end);
        break;
      case AttributeField.type:
        raw.type = readInt32(message, at, end);
        break;
      case AttributeField.ref:
        raw.ref = readText(message, at, end);
        break;
      case AttributeField.f:
        raw.f = readFloat(message, at, end);
        break;
      case AttributeField.i:
        raw.i = readInt(message, at, end);
        break;
      case AttributeField.s:
        if (end - at > LARGEST_STRING) raw.opaque = raw.blob = true;
        else raw.s = readText(message, at, end);
        break;
      case AttributeField.t:
        raw.t.push(rangeSource(message, at, end - at));
        break;
      case AttributeField.g:
        raw.g.push(rangeSource(message, at, end - at));
        break;
      case AttributeField.floats:
      case AttributeField.floatsPacked:
        readFloats(message, at, end, raw.floats, decoding);
        break;
      case AttributeField.ints:
      case AttributeField.intsPacked:
        scanVarints(message, at, end, 'AttributeProto', (low, high) => {
          spend(decoding, 1 / 16);
          raw.ints.push(longToNumber({ low, high }));
        });
        break;
      case AttributeField.strings:
        spend(decoding, 1 / 4);
        raw.strings.push(readText(message, at, end));
        break;
      case AttributeField.tensors:
        raw.tensors.push(rangeSource(message, at, end - at));
        break;
      case AttributeField.graphs:
        raw.graphs.push(rangeSource(message, at, end - at));
        break;
      case AttributeField.sparseTensor:
      case AttributeField.sparseTensors:
      case AttributeField.typeProto:
      case AttributeField.typeProtos:
        raw.opaque = true;
        break;
    }
  });
  return raw;
}

function readFloats(message: ByteSource, at: number, end: number, into: number[], decoding: Decoding): void {
  spend(decoding, (end - at) / 64);
  const bytes = message.read(at, end - at);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length - (bytes.length % 4));
  for (let from = 0; from < view.byteLength; from += 4) into.push(view.getFloat32(from, true));
}

function valueOf(raw: RawAttribute, decoding: Decoding): Value {
  if (raw.ref !== '') return { kind: 'ref', value: raw.ref };
  if (raw.blob) return { kind: 'opaque', value: null };
  switch (raw.type === AttributeType.UNDEFINED ? typeByContent(raw) : raw.type) {
    case AttributeType.FLOAT:
      return { kind: 'float', value: raw.f ?? 0 };
    case AttributeType.INT:
      return { kind: 'int', value: raw.i ?? 0 };
    case AttributeType.STRING:
      return { kind: 'string', value: raw.s ?? '' };
    case AttributeType.TENSOR:
      if (raw.t.length === 0) break;
      return { kind: 'tensor', value: decodeTensor(concatSource(raw.t), decoding.resolve) };
    case AttributeType.GRAPH:
      if (raw.g.length === 0) break;
      return { kind: 'graph', value: decodeGraph(concatSource(raw.g), decoding) };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: raw.floats };
    case AttributeType.INTS:
      return { kind: 'ints', value: raw.ints };
    case AttributeType.STRINGS:
      return { kind: 'strings', value: raw.strings };
  }
  // Not shown, but read all the same, so that damage and references to missing files come out now.
  const opaque = opaquePart(decoding);
  for (const graph of [...raw.graphs, ...raw.g]) decodeGraph(graph, opaque);
  for (const tensor of [...raw.tensors, ...raw.t]) decodeTensor(tensor, opaque.resolve);
  return { kind: 'opaque', value: null };
}

/** Files of IR version 1 have no type field: the field that is present tells. */
function typeByContent(raw: RawAttribute): number {
  if (raw.opaque || raw.tensors.length > 0 || raw.graphs.length > 0) return AttributeType.UNDEFINED;
  if (raw.f !== null) return AttributeType.FLOAT;
  if (raw.i !== null) return AttributeType.INT;
  if (raw.s !== null) return AttributeType.STRING;
  if (raw.t.length > 0) return AttributeType.TENSOR;
  if (raw.g.length > 0) return AttributeType.GRAPH;
  if (raw.floats.length > 0) return AttributeType.FLOATS;
  if (raw.ints.length > 0) return AttributeType.INTS;
  if (raw.strings.length > 0) return AttributeType.STRINGS;
  return AttributeType.UNDEFINED;
}
