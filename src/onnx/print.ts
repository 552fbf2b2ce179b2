import { dataTypeName } from './data-types.ts';
import type { Attribute, FunctionDef, Graph, Model, Node, Tensor, ValueInfo } from './ir.ts';

/** Lists longer than this are cut in the text. */
const SHOWN = 8;

/**
 * A model as text, one line per node, for snapshots and for looking at: no weights, only their types and shapes.
 * Names are escaped, so that the text is safe on a terminal.
 */
export function printModel(model: Model): string {
  const opsets = model.opsetImports.map((opset) => `${escaped(opset.domain || 'ai.onnx')} ${opset.version}`);
  const lines = [`model ir ${model.irVersion}, opset ${opsets.join(', ')}`];
  return [...lines, ...graphLines(model.graph, ''), ...model.functions.flatMap(functionLines)].join('\n');
}

/** A node as one line; the bodies of control flow follow in `printModel`. */
export function printNode(node: Node): string {
  const op = node.domain === '' ? node.opType : `${node.domain}.${node.opType}`;
  const attributes = node.attributes.map((attribute) => `${escaped(attribute.name)}=${printValue(attribute)}`);
  const list = attributes.length === 0 ? '' : ` {${attributes.join(', ')}}`;
  return `${names(node.outputs)} = ${escaped(op)}(${names(node.inputs)})${list}`;
}

function graphLines(graph: Graph, indent: string): string[] {
  return [
    `${indent}graph ${escaped(graph.name)}`,
    ...graph.inputs.map((info) => `${indent}  input ${printValueInfo(info)}`),
    ...graph.initializers.map((tensor) => `${indent}  weight ${escaped(tensor.name)}: ${printType(tensor)}`),
    ...graph.sparseInitializers.map((sparse) => `${indent}  sparse weight ${escaped(sparse.name)}`),
    ...graph.nodes.flatMap((node) => nodeLines(node, `${indent}  `)),
    ...graph.outputs.map((info) => `${indent}  output ${printValueInfo(info)}`),
  ];
}

function functionLines(definition: FunctionDef): string[] {
  const head = `function ${escaped(`${definition.domain}.${definition.name}`)}(${names(definition.inputs)})`;
  return [`${head} -> ${names(definition.outputs)}`, ...definition.nodes.flatMap((node) => nodeLines(node, '  '))];
}

function nodeLines(node: Node, indent: string): string[] {
  const bodies = node.attributes.flatMap((attribute) =>
    attribute.kind === 'graph' ? [`${indent}  ${escaped(attribute.name)}:`, ...graphLines(attribute.value, `${indent}    `)] : [],
  );
  return [`${indent}${printNode(node)}`, ...bodies];
}

function printValueInfo(info: ValueInfo): string {
  const { type } = info;
  if (type === null) return `${escaped(info.name)}: ?`;
  const dims = type.dims === null ? '?' : type.dims.map((dim) => (typeof dim === 'string' ? escaped(dim) : (dim ?? '?'))).join(', ');
  return `${escaped(info.name)}: ${dataTypeName(type.elemType)}[${dims}]`;
}

function printValue(attribute: Attribute): string {
  switch (attribute.kind) {
    case 'float':
    case 'int':
      return String(attribute.value);
    case 'string':
      return quoted(attribute.value);
    case 'tensor':
      return printType(attribute.value);
    case 'graph':
      return 'graph';
    case 'floats':
    case 'ints':
      return shortList(attribute.value.map(String));
    case 'strings':
      return shortList(attribute.value.map(quoted));
    case 'ref':
      return `@${escaped(attribute.value)}`;
    case 'opaque':
      return '…';
  }
}

function printType(tensor: Tensor): string {
  return `${dataTypeName(tensor.dataType)}[${tensor.dims.join(', ')}]`;
}

function shortList(items: readonly string[]): string {
  const more = items.length > SHOWN ? `, … ${items.length - SHOWN} more` : '';
  return `[${items.slice(0, SHOWN).join(', ')}${more}]`;
}

function names(list: readonly string[]): string {
  return list.map((name) => (name === '' ? '_' : escaped(name))).join(', ');
}

/** A name as it is if it is plain, else quoted. */
function escaped(name: string): string {
  return /^[\w./:-]+$/.test(name) ? name : quoted(name);
}

/** Text in quotes; what could drive a terminal or turn the line around is escaped. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, escapeCode);
}

function escapeCode(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
