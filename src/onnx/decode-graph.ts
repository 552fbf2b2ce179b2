import { rangeSource } from './byte-source.ts';
import { decodeAttribute } from './decode-attribute.ts';
import { decodeTensor } from './decode-tensor.ts';
import { decodeValueInfo } from './decode-value-info.ts';
import { type Decoding, nested, opaquePart, spend } from './decoding.ts';
import type { Attribute, ByteSource, FunctionDef, Graph, Node, OpsetImport, Tensor, ValueInfo } from './ir.ts';
import { FunctionField, GraphField, NodeField, OpsetField, SparseField } from './proto-fields.ts';
import { readInt, readText, scanFields } from './wire.ts';

/** The graph of a GraphProto, with everything in it. Throws GrowError INVALID_MODEL and the errors of external data. */
export function decodeGraph(message: ByteSource, decoding: Decoding): Graph {
  return nested(decoding, () => {
    let name = '';
    const nodes: Node[] = [];
    const initializers: Tensor[] = [];
    const sparseInitializers: { name: string; origin: { message: ByteSource; decoded: object } }[] = [];
    const inputs: ValueInfo[] = [];
    const outputs: ValueInfo[] = [];
    const valueInfos: ValueInfo[] = [];
    scanFields(message, 'GraphProto', (tag, _start, at, end) => {
      const part = (): ByteSource => rangeSource(message, at, end - at);
      switch (tag) {
        case GraphField.name:
          name = readText(message, at, end);
          break;
        case GraphField.node:
          nodes.push(decodeNode(part(), decoding));
          break;
        case GraphField.initializer:
          spend(decoding, 1);
          initializers.push(decodeTensor(part(), decoding.resolve));
          break;
        case GraphField.sparseInitializer:
          spend(decoding, 1);
          sparseInitializers.push(decodeSparse(part(), opaquePart(decoding)));
          break;
        case GraphField.input:
          spend(decoding, 1);
          inputs.push(decodeValueInfo(part()));
          break;
        case GraphField.output:
          spend(decoding, 1);
          outputs.push(decodeValueInfo(part()));
          break;
        case GraphField.valueInfo:
          spend(decoding, 1);
          valueInfos.push(decodeValueInfo(part()));
          break;
      }
    });
    const lists = { nodes, initializers, sparseInitializers, inputs, outputs, valueInfos };
    const graph = { name, ...lists, origin: { message, decoded: {} } };
    graph.origin.decoded = graph;
    return graph;
  });
}

/** The node of a NodeProto. Throws GrowError INVALID_MODEL. */
export function decodeNode(message: ByteSource, decoding: Decoding): Node {
  spend(decoding, 1);
  let opType = '';
  let domain = '';
  let name = '';
  let overload = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Attribute[] = [];
  scanFields(message, 'NodeProto', (tag, _start, at, end) => {
    switch (tag) {
      case NodeField.input:
        spend(decoding, 1 / 8);
        inputs.push(readText(message, at, end));
        break;
      case NodeField.output:
        spend(decoding, 1 / 8);
        outputs.push(readText(message, at, end));
        break;
      case NodeField.name:
        name = readText(message, at, end);
        break;
      case NodeField.opType:
        opType = readText(message, at, end);
        break;
      case NodeField.domain:
        domain = readDomain(message, at, end);
        break;
      case NodeField.overload:
        overload = readText(message, at, end);
        break;
      case NodeField.attribute:
        attributes.push(decodeAttribute(rangeSource(message, at, end - at), decoding));
        break;
    }
  });
  const fields = { opType, domain, name, inputs, outputs, attributes, ...(overload === '' ? {} : { overload }) };
  const node = { ...fields, origin: { message, decoded: {} } };
  node.origin.decoded = node;
  return node;
}

/** The function of a FunctionProto. Throws GrowError INVALID_MODEL. */
export function decodeFunction(message: ByteSource, decoding: Decoding): FunctionDef {
  let name = '';
  let domain = '';
  let overload = '';
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: string[] = [];
  const attributeDefaults: Attribute[] = [];
  const nodes: Node[] = [];
  const opsetImports: OpsetImport[] = [];
  scanFields(message, 'FunctionProto', (tag, _start, at, end) => {
    spend(decoding, 1 / 8);
    const part = (): ByteSource => rangeSource(message, at, end - at);
    switch (tag) {
      case FunctionField.name:
        name = readText(message, at, end);
        break;
      case FunctionField.domain:
        domain = readDomain(message, at, end);
        break;
      case FunctionField.overload:
        overload = readText(message, at, end);
        break;
      case FunctionField.input:
        inputs.push(readText(message, at, end));
        break;
      case FunctionField.output:
        outputs.push(readText(message, at, end));
        break;
      case FunctionField.attribute:
        attributes.push(readText(message, at, end));
        break;
      case FunctionField.attributeProto:
        attributeDefaults.push(decodeAttribute(part(), decoding));
        break;
      case FunctionField.node:
        nodes.push(decodeNode(part(), decoding));
        break;
      case FunctionField.opsetImport:
        opsetImports.push(decodeOpset(part()));
        break;
    }
  });
  const lists = { inputs, outputs, attributes, attributeDefaults, nodes, opsetImports };
  const definition = { domain, name, overload, ...lists, origin: { message, decoded: {} } };
  definition.origin.decoded = definition;
  return definition;
}

/** The import of an OperatorSetIdProto. */
export function decodeOpset(message: ByteSource): OpsetImport {
  const opset = { domain: '', version: 0, origin: { message, decoded: {} } };
  scanFields(message, 'OperatorSetIdProto', (tag, _start, at, end) => {
    if (tag === OpsetField.domain) opset.domain = readDomain(message, at, end);
    else if (tag === OpsetField.version) opset.version = readInt(message, at, end);
  });
  opset.origin.decoded = opset;
  return opset;
}

/** Both spellings of the default domain mean the same to every runtime; we use the empty one. */
function readDomain(message: ByteSource, at: number, end: number): string {
  const domain = readText(message, at, end);
  return domain === 'ai.onnx' ? '' : domain;
}

/** A sparse initializer is named by its values. Its parts are read to find damage, and kept. */
function decodeSparse(message: ByteSource, decoding: Decoding): { name: string; origin: { message: ByteSource; decoded: object } } {
  const sparse = { name: '', origin: { message, decoded: {} } };
  scanFields(message, 'SparseTensorProto', (tag, _start, at, end) => {
    if (tag !== SparseField.values && tag !== SparseField.indices) return;
    const tensor = decodeTensor(rangeSource(message, at, end - at), decoding.resolve);
    if (tag === SparseField.values) sparse.name = tensor.name;
  });
  sparse.origin.decoded = sparse;
  return sparse;
}
