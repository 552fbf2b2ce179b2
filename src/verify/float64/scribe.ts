/** Writes the nodes that stand for one node of a model in its float64 shadow. */
import type { Facts } from '../../analysis/shapes.ts';
import { hint, isStatic, type Size } from '../../analysis/size.ts';
import { GrowError } from '../../errors.ts';
import type { FlatNode } from '../../onnx/graph.ts';
import { nodeLabel } from '../../onnx/graph.ts';
import type { Attribute, Tensor } from '../../onnx/ir.ts';
import { DataType } from '../../onnx/ir.ts';
import { tensorFromNumbers } from '../../onnx/tensor.ts';

/** As many operands as any operator that is spelled out has. */
type Operands = readonly [string, string, string, string, string, string, string, string, string, string, string, string];

/** What is written for one node: its operands as they are called in the shadow, and ways to add nodes and constants. */
export interface Scribe {
  readonly node: FlatNode;
  /** Names of the operands in the shadow; '' for a missing one. */
  readonly inputs: Operands;
  readonly opset: number;
  /** Adds a node and returns its first result. */
  put(op: string, inputs: readonly string[], attributes?: readonly Attribute[]): string;
  /** Adds a node whose results are those of the node it stands for. */
  replace(op: string, inputs: readonly string[], attributes: readonly Attribute[]): void;
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

function operandsOf(inputs: readonly string[]): Operands {
  const at = (input: number): string => inputs[input] ?? '';
  return [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10), at(11)];
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
  const once = (name: string, type: number, dims: readonly number[], values: readonly number[]): string =>
    sheet.constants.has(name) ? name : hold(tensorFromNumbers(name, type, dims, values));
  const whole = (dims: readonly number[], values: readonly number[]): string => once(`shadow.int64[${dims}]:${values}`, DataType.INT64, dims, values);
  const nameOf = (input: number): string => node.inputs[input] ?? '';
  const dimsOf = (input: number): readonly Size[] => {
    const dims = known.facts.values.get(nameOf(input))?.dims;
    if (dims == null) throw refuse(`the shape of ${nameOf(input)} is not known`);
    return dims;
  };
  const write = (op: string, operands: readonly string[], name: string, outputs: readonly string[], attributes: readonly Attribute[]): void => {
    const dot = op.lastIndexOf('.');
    sheet.nodes.push({
      op,
      scope: node.scope,
      inputs: operands,
      outputs,
      node: { opType: op.slice(dot + 1), domain: op.slice(0, Math.max(0, dot)), name, inputs: [], outputs: [], attributes },
    });
  };
  return {
    node,
    inputs: operandsOf(inputs),
    opset: known.opset,
    put: (op, operands, attributes = []) => {
      const name = fresh(`${label}/shadow/${op}`);
      const output = (node.scope === '' ? '' : `${node.scope}\u001f`) + name;
      write(op, operands, name, [output], attributes);
      return output;
    },
    replace: (op, operands, attributes) => write(op, operands, fresh(`${label}/shadow/${op}`), node.outputs, attributes),
    float: (value, part) =>
      part === undefined
        ? once(`shadow.float:${value}`, DataType.DOUBLE, [], [value])
        : hold(tensorFromNumbers(fresh(`${label}.${part}`), DataType.DOUBLE, [], [value])),
    floats: (dims, values, part) => hold(tensorFromNumbers(fresh(`${label}.${part}`), DataType.DOUBLE, dims, values)),
    integers: (values) => whole([values.length], values),
    integer: (value) => whole([], [value]),
    give: (output, value) => {
      const name = node.outputs[output] ?? '';
      if (name !== '') write('Identity', [value], fresh(`${label}/shadow/give`), [name], []);
    },
    wants: (output) => (node.outputs[output] ?? '') !== '',
    rank: (input) => dimsOf(input).length,
    size: (input, dim) => {
      const size = dimsOf(input).at(dim);
      if (size === undefined || !isStatic(size)) throw refuse(`dimension ${dim} of ${nameOf(input)} is not one number`);
      return hint(size);
    },
    constant: (input) => known.constant(nameOf(input)) ?? null,
    number: (name, otherwise) => {
      const found = attribute(name);
      // a file that writes a default down holds it in float32
      return found?.kind === 'int' || found?.kind === 'float' ? found.value : Math.fround(otherwise);
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
  if (scribe.opset < 18) return scribe.put('ReduceMean', [x], [ints('axes', axes)]);
  return scribe.put('ReduceMean', [x, scribe.integers(axes)]);
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
  return scribe.put('Gather', [scribe.put('Shape', [x]), scribe.integers(dims)]);
}

export const reshape = (scribe: Scribe, x: string, shape: string): string => scribe.put('Reshape', [x, shape]);
export const concat = (scribe: Scribe, parts: readonly string[], axis: number): string => scribe.put('Concat', parts, [int('axis', axis)]);
export const transpose = (scribe: Scribe, x: string, order: readonly number[]): string => scribe.put('Transpose', [x], [ints('perm', order)]);
