/** What a node says besides its operands, as text: two nodes of one operator with one text compute the same of the same operands. */
import { createHash } from 'node:crypto';
import type { FlatNode } from '../onnx/graph.ts';
import type { Attribute, ByteSource, FunctionDef, Graph, Node, Origin, Tensor } from '../onnx/ir.ts';
import { DataType } from '../onnx/ir.ts';

/** All attributes of a node, but those of the names given. Bodies (of `Loop`, `Scan`) are spelled out, names of values included. */
export function attributesText(node: FlatNode, without: ReadonlySet<string> = new Set()): string {
  return JSON.stringify(unordered(node.node.attributes.filter((own) => !without.has(own.name)).map(attributePart)));
}

/** The content of a tensor. Strings are known by the message that holds them. */
export function tensorText(tensor: Tensor): string {
  const content = tensor.dataType === DataType.STRING ? keptText(tensor) : bytesText(tensor.data);
  return `${tensor.dataType}[${tensor.dims.join(',')}]${content}`;
}

/** Parts of a text: lists stay lists until the end, so that what is nested deeply is not quoted again at every level. */
type Part = string | readonly Part[];

/** A list whose order means nothing. */
const unordered = (list: readonly Part[]): Part =>
  [...list]
    .map((own) => [JSON.stringify(own), own] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, own]) => own);

function attributePart(own: Attribute): Part {
  if (own.kind === 'tensor') return [own.name, own.kind, tensorText(own.value)];
  if (own.kind === 'graph') return [own.name, own.kind, graphPart(own.value)];
  if (own.kind === 'opaque') return [own.name, own.kind, keptText(own)];
  const values: readonly (string | number)[] = Array.isArray(own.value) ? own.value : [own.value as string | number];
  return [own.name, own.kind, values.map(String)];
}

const nodePart = (node: Node): Part => [
  node.domain,
  node.opType,
  node.overload ?? '',
  node.inputs,
  node.outputs,
  unordered(node.attributes.map(attributePart)),
];

/** The body of a function that is called where it cannot be spelled out. */
export const functionText = (own: FunctionDef): string =>
  JSON.stringify([
    own.inputs,
    own.outputs,
    own.attributes,
    unordered(own.attributeDefaults.map(attributePart)),
    own.nodes.map(nodePart),
    unordered(own.opsetImports.map(({ domain, version }) => [domain, String(version)])),
  ]);

const graphPart = (graph: Graph): Part => [
  graph.nodes.map(nodePart),
  unordered(graph.initializers.map((tensor) => [tensor.name, tensorText(tensor)])),
  unordered(graph.sparseInitializers.map(keptText)),
  graph.inputs.map((input) => input.name),
  graph.outputs.map((output) => output.name),
];

/** What is carried along without being understood is equal when its bytes are; without bytes it equals nothing, not even itself. */
const keptText = (kept: { readonly origin?: Origin }): string => (kept.origin === undefined ? `unknown ${made++}` : bytesText(kept.origin.message));
let made = 0;

/** The SHA-256 of bytes, read in pieces. */
function bytesText(data: ByteSource): string {
  const hash = createHash('sha256');
  for (let at = 0; at < data.size; at += PIECE) hash.update(data.read(at, Math.min(PIECE, data.size - at)));
  return hash.digest('base64');
}
const PIECE = 1 << 20;
