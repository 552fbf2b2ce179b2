/** Writes the nodes that stand for one node of a model in its float64 shadow. */
import type { Facts } from '../../analysis/shapes.ts';
import { hint, isStatic } from '../../analysis/size.ts';
import { GrowError } from '../../errors.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import { nodeLabel } from '../../onnx/graph.ts';
import type { Attribute, Tensor } from '../../onnx/ir.ts';
import { DataType } from '../../onnx/ir.ts';
import { tensorFromNumbers } from '../../onnx/tensor.ts';

/** What is written for one node: its operands as they are called in the shadow, and ways to add nodes and constants. */
export interface Scribe {
  readonly node: FlatNode;
  /** Names of the operands in the shadow; '' for a missing one. */
  readonly inputs: readonly string[];
  readonly opset: number;
  /** Adds a node and returns its first result. */
  put(op: string, inputs: readonly string[], attributes?: readonly Attribute[]): string;
  /** Adds a node with several results. */
  putMany(op: string, inputs: readonly string[], results: number, attributes?: readonly Attribute[]): readonly string[];
  /** A float64 constant; `part` names it after the node, so that old and new model call it the same. */
  float(value: number, part?: string): string;
  floats(dims: readonly number[], values: ArrayLike<number>, part: string): string;
  /** A list of integers as a constant. */
  integers(values: readonly number[]): string;
  /** An integer as a constant scalar. */
  integer(value: number): string;
  /** Lets a value stand for result `output` of the node. */
  give(output: number, value: string): void;
  /** Whether anybody may read result `output`. */
  wants(output: number): boolean;
  /** Number of dimensions of operand `input`. Throws GrowError UNSUPPORTED_OP when it is not known. */
  rank(input: number): number;
  /** Size of a dimension of operand `input`; negative dimensions count from the end. Throws where it is not one number. */
  size(input: number, dim: number): number;
  /** The tensor behind operand `input`, as stored; null when it is computed. */
  constant(input: number): Tensor | null;
  number(name: string, otherwise: number): number;
  text(name: string, otherwise: string): string;
  list(name: string): readonly number[] | null;
  /** What cannot be cast, as an error. */
  refuse(why: string): GrowError;
}

export const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });
export const ints = (name: string, value: readonly number[]): Attribute => ({ name, kind: 'ints', value });

/** What the shadow of a whole model collects. */
export interface Sheet {
  readonly nodes: FlatNode[];
  readonly constants: Map<string, Tensor>;
  readonly names: Set<string>;
}

/** A scribe for a node. `constant` gives the stored tensors of the model. */
export function scribeFor(
  sheet: Sheet,
  node: FlatNode,
  inputs: readonly string[],
  known: { readonly facts: Facts; readonly opset: number; readonly constant: (name: string) => Tensor | undefined },
): Scribe {
  const label = node.node.name === '' ? (node.outputs[0] ?? node.op).replaceAll('\u001f', '/') : node.node.name;
  const fresh = (base: string): string => {
    let name = base;
    for (let i = 1; sheet.names.has(name); i++) name = `${base}#${i}`;
    sheet.names.add(name);
    return name;
  };
  const attribute = (name: string): Attribute | undefined => node.node.attributes.find((own) => own.name === name);
  const refuse = (why: string): GrowError => new GrowError('UNSUPPORTED_OP', why, { where: nodeLabel(node) });
  const hold = (tensor: Tensor): string => {
    sheet.constants.set(tensor.name, tensor);
    return tensor.name;
  };
  const whole = (dims: readonly number[], values: readonly number[]): string => {
    const name = `shadow.int64[${dims}]:${values}`;
    return sheet.constants.has(name) ? name : hold(tensorFromNumbers(name, DataType.INT64, dims, values));
  };
  const dimsOf = (input: number): Facts['values'] extends ReadonlyMap<string, infer Value> ? NonNullable<(Value & { dims: unknown })['dims']> : never => {
    const dims = known.facts.values.get(node.inputs[input] ?? '')?.dims;
    if (dims == null) throw refuse(`the shape of ${node.inputs[input] ?? 'an operand'} is not known`);
    return dims;
  };
  const putMany: Scribe['putMany'] = (op, operands, results, attributes = []) => {
    const name = fresh(`${label}/shadow/${op}`);
    const outputs = Array.from({ length: results }, (_, i) => (node.scope === '' ? '' : `${node.scope}\u001f`) + fresh(`${name}:${i}`));
    const dot = op.lastIndexOf('.');
    sheet.nodes.push({
      op,
      scope: node.scope,
      inputs: operands,
      outputs,
      node: { opType: op.slice(dot + 1), domain: dot < 0 ? '' : op.slice(0, dot), name, inputs: [], outputs: [], attributes },
    });
    return outputs;
  };
  return {
    node,
    inputs,
    opset: known.opset,
    putMany,
    put: (op, operands, attributes) => putMany(op, operands, 1, attributes)[0] ?? '',
    float: (value, part) => hold(tensorFromNumbers(fresh(part === undefined ? `shadow.float:${value}` : `${label}.${part}`), DataType.DOUBLE, [], [value])),
    floats: (dims, values, part) => hold(tensorFromNumbers(fresh(`${label}.${part}`), DataType.DOUBLE, dims, values)),
    integers: (values) => whole([values.length], values),
    integer: (value) => whole([], [value]),
    give: (output, value) => {
      const name = node.outputs[output] ?? '';
      if (name === '') return;
      const made = fresh(`${label}/shadow/give`);
      sheet.nodes.push({
        op: 'Identity',
        scope: node.scope,
        inputs: [value],
        outputs: [name],
        node: { opType: 'Identity', domain: '', name: made, inputs: [], outputs: [], attributes: [] },
      });
    },
    wants: (output) => (node.outputs[output] ?? '') !== '',
    rank: (input) => dimsOf(input).length,
    size: (input, dim) => {
      const size = dimsOf(input).at(dim);
      if (size === undefined || !isStatic(size)) throw refuse(`dimension ${dim} of ${node.inputs[input] ?? ''} is not one number`);
      return hint(size);
    },
    constant: (input) => known.constant(node.inputs[input] ?? '') ?? null,
    number: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === 'int' || found?.kind === 'float' ? found.value : otherwise;
    },
    text: (name, otherwise) => {
      const found = attribute(name);
      return found?.kind === 'string' ? found.value : otherwise;
    },
    list: (name) => {
      const found = attribute(name);
      return found?.kind === 'ints' ? found.value : null;
    },
    refuse,
  };
}

/** Mean over axes, which stay with size 1. */
export function meanOver(scribe: Scribe, x: string, axes: readonly number[]): string {
  const keep = int('keepdims', 1);
  if (scribe.opset < 18) return scribe.put('ReduceMean', [x], [ints('axes', axes), keep]);
  return scribe.put('ReduceMean', [x, scribe.integers(axes)], [keep]);
}

/** A new dimension of size 1 at each of `axes` of the result. */
export function unsqueeze(scribe: Scribe, x: string, axes: readonly number[]): string {
  if (scribe.opset < 13) return scribe.put('Unsqueeze', [x], [ints('axes', axes)]);
  return scribe.put('Unsqueeze', [x, scribe.integers(axes)]);
}

/** Far behind the end of any dimension. */
export const END = 2 ** 31 - 1;

/** Elements `start`, `start + step` … below `end` along an axis; negative bounds count from the end. */
export function sliceOf(scribe: Scribe, x: string, axis: number, start: number, end: number, step = 1): string {
  const { integers } = scribe;
  if (scribe.opset >= 10) return scribe.put('Slice', [x, integers([start]), integers([end]), integers([axis]), integers([step])]);
  if (step !== 1) throw scribe.refuse('an older opset has no steps in Slice');
  return scribe.put('Slice', [x], [ints('starts', [start]), ints('ends', [end]), ints('axes', [axis])]);
}

/** Dimensions `dims` of a value as a vector. */
export function shapeAt(scribe: Scribe, x: string, dims: readonly number[]): string {
  return scribe.put('Gather', [scribe.put('Shape', [x]), scribe.integers(dims)], [int('axis', 0)]);
}

export const reshape = (scribe: Scribe, x: string, shape: string): string => scribe.put('Reshape', [x, shape]);
export const concat = (scribe: Scribe, parts: readonly string[], axis: number): string => scribe.put('Concat', parts, [int('axis', axis)]);
export const transpose = (scribe: Scribe, x: string, order: readonly number[]): string => scribe.put('Transpose', [x], [ints('perm', order)]);
