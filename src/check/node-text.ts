/** What a node says besides its operands, as text: two nodes of one operator with one text compute the same of the same operands. */
import { createHash } from 'node:crypto';
import type { FlatNode } from '../onnx/graph.ts';
import type { Attribute, ByteSource, Graph, Node, Origin, Tensor } from '../onnx/ir.ts';
import { DataType } from '../onnx/ir.ts';

/** All attributes of a node, but those of the names given. Bodies (of `Loop`, `Scan`) are spelled out, names of values included. */
export function attributesText(node: FlatNode, without: ReadonlySet<string> = new Set()): string {
  return listText(
    node.node.attributes.filter((own) => !without.has(own.name)),
    attributeText,
  );
}

/** The content of a tensor. Strings are known by the message that holds them. */
export function tensorText(tensor: Tensor): string {
  const content = tensor.dataType === DataType.STRING ? keptText(tensor) : bytesText(tensor.data);
  return `${tensor.dataType}[${tensor.dims.join(',')}]${content}`;
}

const listText = <T>(list: readonly T[], text: (own: T) => string): string => JSON.stringify(list.map(text).sort());

function attributeText(own: Attribute): string {
  if (own.kind === 'tensor') return JSON.stringify([own.name, own.kind, tensorText(own.value)]);
  if (own.kind === 'graph') return JSON.stringify([own.name, own.kind, graphText(own.value)]);
  if (own.kind === 'opaque') return JSON.stringify([own.name, own.kind, keptText(own)]);
  const values: readonly (string | number)[] = Array.isArray(own.value) ? own.value : [own.value as string | number];
  return JSON.stringify([own.name, own.kind, values.map(String)]);
}

const nodeText = (node: Node): string =>
  JSON.stringify([node.domain, node.opType, node.overload ?? '', node.inputs, node.outputs, listText(node.attributes, attributeText)]);

const graphText = (graph: Graph): string =>
  JSON.stringify([
    graph.nodes.map(nodeText),
    listText(graph.initializers, (tensor) => JSON.stringify([tensor.name, tensorText(tensor)])),
    listText(graph.sparseInitializers, keptText),
    graph.inputs.map((input) => input.name),
    graph.outputs.map((output) => output.name),
  ]);

/** What is carried along without being understood is equal when its bytes are; without bytes it equals nothing, not even itself. */
const keptText = (kept: { readonly origin?: Origin }): string => (kept.origin === undefined ? `unknown ${made++}` : bytesText(kept.origin.message));
let made = 0;

/** Bytes as they are where they are few, else their SHA-256, read in pieces. */
function bytesText(data: ByteSource): string {
  if (data.size <= FEW) return Buffer.from(data.read(0, data.size)).toString('base64');
  const hash = createHash('sha256');
  for (let at = 0; at < data.size; at += PIECE) hash.update(data.read(at, Math.min(PIECE, data.size - at)));
  return `${data.size}:${hash.digest('base64')}`;
}
const FEW = 64;
const PIECE = 1 << 20;
