/**
 * A model computed in float64: every stored float widened, every float operator on float64 operands, those without a
 * float64 kernel in onnxruntime spelled out. Old and new model are cast alike, so that what was equal in real numbers
 * agrees to about 1e-15, and what was not shows.
 */
import { isFloat } from '../../analysis/op-rule.ts';
import { type Facts, inferFacts } from '../../analysis/shapes.ts';
import { GrowError } from '../../errors.ts';
import { bytesSource } from '../../onnx/byte-source.ts';
import { elementCount } from '../../onnx/data-types.ts';
import { type Constant, type FlatGraph, type FlatNode, flatten, nodeLabel, opsetVersion } from '../../onnx/graph.ts';
import type { Attribute, Graph, Model, Tensor, ValueInfo } from '../../onnx/ir.ts';
import { DataType } from '../../onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../onnx/tensor.ts';
import { unflatten } from '../../onnx/unflatten.ts';
import { ATTENTIONS } from './attention-rewrites.ts';
import { CONVOLUTIONS } from './convolution-rewrites.ts';
import { ELEMENTWISE, type Rewrite } from './elementwise-rewrites.ts';
import { NORMS } from './norm-rewrites.ts';
import { QUANTISED } from './quantised-rewrites.ts';
import { type Scribe, type Sheet, scribeFor } from './scribe.ts';
import { storedValues } from './stored-values.ts';

/** A model cast to float64. */
export interface DoubleModel {
  readonly model: Model;
  /** Its float constants by name, with the type they had in the file (float64 for those that the cast made). */
  readonly constants: ReadonlyMap<string, { readonly tensor: Tensor; readonly storedAs: number }>;
}

const REWRITES: ReadonlyMap<string, Rewrite> = new Map([...ELEMENTWISE, ...NORMS, ...CONVOLUTIONS, ...ATTENTIONS, ...QUANTISED]);

/** Operators whose result's type is an attribute. */
const TYPED: ReadonlyMap<string, string> = new Map([
  ['Cast', 'to'],
  ['EyeLike', 'dtype'],
  ['RandomNormal', 'dtype'],
  ['RandomUniform', 'dtype'],
  ['RandomNormalLike', 'dtype'],
  ['RandomUniformLike', 'dtype'],
]);

/** A model while it is cast. */
interface Casting {
  readonly flat: FlatGraph;
  readonly facts: Facts;
  /** Values that stay in the type the file computes them in. */
  readonly stored: ReadonlySet<string>;
  readonly opset: number;
  readonly readers: ReadonlyMap<string, readonly FlatNode[]>;
  readonly sheet: Sheet;
  /** What no name in the file has in it. */
  readonly mark: string;
}

/** The name in float64 of a value that is also kept in its own type, and the name of a constant in its own type. */
const wide = ({ mark }: Casting, name: string): string => `${name}${mark}float64`;
const asStored = ({ mark }: Casting, name: string): string => `${name.replaceAll('\u001f', '/')}${mark}stored`;

/** The model in float64. Throws GrowError UNSUPPORTED_OP naming the node that cannot be cast. */
export function castModel(model: Model): DoubleModel {
  if (model.functions.length > 0) throw new GrowError('UNSUPPORTED_OP', `it has functions of its own (${model.functions[0]?.name})`);
  if (model.graph.sparseInitializers.length > 0) throw new GrowError('UNSUPPORTED_OP', 'it has sparse weights');
  const flat = flatten(model);
  const facts = inferFacts(flat);
  const stored = storedValues(flat, facts);
  const sheet: Sheet = { nodes: [], constants: new Map(), names: new Set() };
  const casting: Casting = { flat, facts, stored: stored.values, opset: opsetVersion(model), readers: readersOf(flat), sheet, mark: unusedMark(flat) };
  for (const node of flat.nodes) {
    if (stored.nodes.has(node)) keepNode(casting, node);
    else castNode(casting, node);
  }
  const constants = castConstants(flat, sheet);
  const cast = unflatten(model, { nodes: sheet.nodes, constants: constants.held, inputs: flat.inputs, outputs: flat.outputs, valueInfos: new Map() });
  return { model: { ...cast, graph: declareDouble(cast.graph) }, constants: constants.floats };
}

function readersOf(flat: FlatGraph): ReadonlyMap<string, readonly FlatNode[]> {
  const readers = new Map<string, FlatNode[]>();
  for (const node of flat.nodes) for (const name of node.inputs) readers.set(name, [...(readers.get(name) ?? []), node]);
  return readers;
}

function unusedMark(flat: FlatGraph): string {
  const names = flat.nodes.flatMap((node) => node.outputs);
  let mark = '#';
  while (names.some((name) => name.includes(mark))) mark += '#';
  return mark;
}

/** A node that computes from shapes and single numbers: as the file has it, its results cast for those who need them wide. */
function keepNode(casting: Casting, node: FlatNode): void {
  const { flat, facts, stored, readers, sheet } = casting;
  const inputs = node.inputs.map((name) => {
    const constant = flat.constants.get(name)?.tensor;
    if (constant === undefined || !isFloat(constant.dataType) || constant.dataType === DataType.DOUBLE) return name;
    const own = asStored(casting, name);
    sheet.constants.set(own, { ...plain(constant), name: own });
    return own;
  });
  sheet.nodes.push(node.op === 'CastLike' ? storedCast(facts, node, inputs[0] ?? '') : { ...node, inputs });
  for (const output of node.outputs) {
    if (!stored.has(output) || !isNarrow(facts, output) || (readers.get(output) ?? []).length === 0) continue;
    sheet.nodes.push(plainNode('Cast', node.scope, [output], [wide(casting, output)], [{ name: 'to', kind: 'int', value: DataType.DOUBLE }]));
  }
}

/** CastLike to the type the file has, whatever type the operand that shows it has in the shadow. */
function storedCast(facts: Facts, node: FlatNode, from: string): FlatNode {
  const to = facts.values.get(node.outputs[0] ?? '')?.dtype ?? DataType.FLOAT;
  return plainNode('Cast', node.scope, [from], [...node.outputs], [{ name: 'to', kind: 'int', value: to }]);
}

/** Whether a value is a float of another type than float64. */
const isNarrow = (facts: Facts, name: string): boolean => {
  const type = facts.values.get(name)?.dtype ?? 0;
  return isFloat(type) && type !== DataType.DOUBLE;
};

function castNode(casting: Casting, node: FlatNode): void {
  const { flat, facts, stored, opset, sheet } = casting;
  const held = flat.constants.get(node.outputs[0] ?? '');
  if (node.op === 'Constant' && held !== undefined) {
    const value: Attribute = { name: 'value', kind: 'tensor', value: { ...plain(widened(held.tensor)), name: '' } };
    sheet.nodes.push({ ...node, node: { ...node.node, attributes: [value] } });
    return;
  }
  const inputs = node.inputs.map((name) => (stored.has(name) && isNarrow(facts, name) ? wide(casting, name) : name));
  const rewrite = REWRITES.get(node.op);
  const floats = node.inputs.some((name) => isFloat(facts.values.get(name)?.dtype ?? 0));
  if (rewrite !== undefined && floats) {
    const constant = (name: string): Tensor | undefined => flat.constants.get(name)?.tensor;
    const scribe: Scribe = scribeFor(sheet, node, inputs, { facts, opset, constant });
    rewrite(scribe);
    return;
  }
  const bodies = node.node.attributes.some((attribute) => attribute.kind === 'graph');
  if (bodies && node.op !== 'If') throw new GrowError('UNSUPPORTED_OP', `${node.op} has a body`, { where: nodeLabel(node) });
  sheet.nodes.push({ ...node, inputs, node: { ...node.node, attributes: castAttributes(node) } });
}

function castAttributes(node: FlatNode): readonly Attribute[] {
  const { attributes } = node.node;
  const typed = TYPED.get(node.op);
  if (node.op === 'ConstantOfShape' && attributes.length === 0)
    return [{ name: 'value', kind: 'tensor', value: tensorFromNumbers('', DataType.DOUBLE, [1], [0]) }];
  return attributes.map((attribute) => {
    if (attribute.name === typed && attribute.kind === 'int' && isFloat(attribute.value)) return { ...attribute, value: DataType.DOUBLE };
    if (attribute.kind === 'tensor' && isFloat(attribute.value.dataType)) return { ...attribute, value: plain(widened(attribute.value)) };
    return attribute;
  });
}

function castConstants(flat: FlatGraph, sheet: Sheet): { readonly held: ReadonlyMap<string, Constant>; readonly floats: DoubleModel['constants'] } {
  const held = new Map<string, Constant>();
  const floats = new Map<string, { readonly tensor: Tensor; readonly storedAs: number }>();
  const used = new Set(sheet.nodes.flatMap((node) => node.inputs));
  const outputs = new Set(flat.outputs.map((output) => output.name));
  for (const [name, constant] of flat.constants) {
    // Weights that only rewritten nodes read are gone.
    if (!used.has(name) && !outputs.has(name) && constant.holder === 'initializer') continue;
    if (!isFloat(constant.tensor.dataType)) held.set(name, constant);
    else {
      const tensor = widened(constant.tensor);
      held.set(name, { ...constant, tensor });
      floats.set(name, { tensor, storedAs: constant.tensor.dataType });
    }
  }
  for (const [name, tensor] of sheet.constants) {
    held.set(name, { tensor, scope: '', holder: 'initializer' });
    if (tensor.dataType === DataType.DOUBLE) floats.set(name, { tensor, storedAs: DataType.FLOAT });
  }
  return { held, floats };
}

const widenedAlready = new WeakMap<Tensor, Tensor>();

/** A float tensor with float64 elements; the same one wherever it stands, so that it is found again in the model. Others stay. */
function widened(tensor: Tensor): Tensor {
  if (!isFloat(tensor.dataType) || tensor.dataType === DataType.DOUBLE) return tensor;
  const known = widenedAlready.get(tensor) ?? widenedNew(tensor);
  widenedAlready.set(tensor, known);
  return known;
}

function widenedNew(tensor: Tensor): Tensor {
  const count = elementCount(tensor.dims);
  const numbers = readNumbers(tensor, 0, count);
  return { ...plain(tensor), dataType: DataType.DOUBLE, data: bytesSource(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)) };
}

function plain(tensor: Tensor): Tensor {
  const { origin: _, external: __, ...rest } = tensor;
  return rest;
}

const plainNode = (op: string, scope: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Attribute[]): FlatNode => ({
  op,
  scope,
  inputs,
  outputs,
  node: { opType: op, domain: '', name: `${outputs[0]?.replaceAll('\u001f', '/') ?? ''}/${op}`, inputs: [], outputs: [], attributes },
});

/** Declares all floats as float64, in branches too; what is said about values inside is left out. */
function declareDouble(graph: Graph): Graph {
  const declared = (info: ValueInfo): ValueInfo =>
    info.type === null || !isFloat(info.type.elemType) ? info : { ...info, type: { ...info.type, elemType: DataType.DOUBLE } };
  const nodes = graph.nodes.map((node) => {
    if (!node.attributes.some((attribute) => attribute.kind === 'graph')) return node;
    return { ...node, attributes: node.attributes.map((own) => (own.kind === 'graph' ? { ...own, value: declareDouble(own.value) } : own)) };
  });
  return { ...graph, nodes, inputs: graph.inputs.map(declared), outputs: graph.outputs.map(declared), valueInfos: [] };
}
