/**
 * Fused operators spelled out, the same way on both sides: a norm, a sum and a product then have one form, whether the file
 * holds them as one node or as several. Source: the operators' definitions at https://onnx.ai/onnx/operators/ and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { attributesOf } from '../analysis/relation.ts';
import type { Facts } from '../analysis/shapes.ts';
import { type Constant, type FlatGraph, type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Tensor } from '../onnx/ir.ts';
import { tensorFromNumbers } from '../onnx/tensor.ts';
import { quantisedRules } from './desugar-quantised.ts';

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Writes nodes in the place of one; every call returns the name of the value it makes. */
export interface Writer {
  readonly node: FlatNode;
  readonly facts: Facts;
  /** The version of the standard operators. */
  readonly opset: number;
  /** A name for a new value. */
  name(): string;
  add(op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Attributes): void;
  put(op: string, inputs: readonly string[], attributes?: Attributes, output?: string): string;
  /** The node again, of other operands or as another operator. */
  copy(node: FlatNode, inputs: readonly string[], options?: { readonly op?: string; readonly output?: string }): string;
  hold(tensor: Tensor): string;
  float(value: number, dtype: number): string;
  ints(values: readonly number[], scalar?: boolean): string;
  dtype(input: number): number;
  rank(input: number): number;
}

/** Replaces operators that stand for several. */
export function desugar(flat: FlatGraph, facts: Facts): FlatGraph {
  const constants = new Map<string, Constant>(flat.constants);
  const rules = new Map([...RULES, ...quantisedRules(flat, facts)]);
  const nodes = flat.nodes.flatMap((node) => {
    const rule = rules.get(node.op);
    if (rule === undefined) return [node];
    const made: FlatNode[] = [];
    let count = 0;
    const fresh = (): string => `${node.outputs.find((name) => name !== '') ?? ''}\u001e${count++}`;
    const hold = (tensor: Tensor): string => {
      const name = fresh();
      constants.set(name, { tensor: { ...tensor, name }, scope: node.scope, holder: 'initializer' });
      return name;
    };
    const add = (op: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Attribute[]): void =>
      void made.push({ op, scope: node.scope, inputs, outputs, node: { ...node.node, opType: op, domain: '', inputs, outputs, attributes } });
    const done = rule({
      node,
      facts,
      opset: opsetVersion(flat.model),
      name: fresh,
      add: (op, inputs, outputs, attributes = {}) => add(op, inputs, outputs, attributesFrom(attributes)),
      put(op, inputs, attributes = {}, output = fresh()) {
        add(op, inputs, [output], attributesFrom(attributes));
        return output;
      },
      copy(own, inputs, { op = own.op, output = fresh() } = {}) {
        add(op, inputs, [output], own.node.attributes);
        return output;
      },
      hold,
      float: (value, dtype) => hold(tensorFromNumbers('', dtype, [], [value])),
      ints: (values, scalar = false) => hold(tensorFromNumbers('', DataType.INT64, scalar ? [] : [values.length], values)),
      dtype: (input) => facts.values.get(node.inputs[input] ?? '')?.dtype ?? DataType.FLOAT,
      rank: (input) => facts.values.get(node.inputs[input] ?? '')?.dims?.length ?? 0,
    });
    return done ? made : [node];
  });
  return { ...flat, nodes, constants };
}

const attributesFrom = (given: Attributes): Attribute[] =>
  Object.entries(given).map(([name, value]): Attribute => (typeof value === 'number' ? { name, kind: 'int', value } : { name, kind: 'ints', value }));

const wants = (node: FlatNode, output: number): boolean => (node.outputs[output] ?? '') !== '';

/** y = γ · (x − mean) / √(var + ε) + β over the last dimensions; RMS norms do not centre. */
function norm(
  w: Writer,
  x: string,
  options: { centre: boolean; gain: string; bias: string; epsilon: number; axes: readonly number[]; dtype: number; y: string },
): void {
  const reduce = { axes: options.axes, keepdims: 1 };
  const mean = options.centre ? w.put('ReduceMean', [x], reduce) : '';
  const centred = options.centre ? w.put('Sub', [x, mean]) : x;
  const variance = w.put('ReduceMean', [w.put('Mul', [centred, centred])], reduce);
  const root = w.put('Sqrt', [w.put('Add', [variance, w.float(options.epsilon, options.dtype)])]);
  if (options.centre && wants(w.node, 1)) w.put('Identity', [mean], {}, w.node.outputs[1]);
  const inverse = options.centre ? 2 : 1;
  if (wants(w.node, inverse)) w.put('Reciprocal', [root], {}, w.node.outputs[inverse]);
  const parts = [options.gain, options.bias].filter((name) => name !== '').length;
  const core = w.put('Div', [centred, root], {}, parts === 0 ? options.y : undefined);
  const scaled = options.gain === '' ? core : w.put('Mul', [core, options.gain], {}, options.bias === '' ? options.y : undefined);
  if (options.bias !== '') w.put('Add', [scaled, options.bias], {}, options.y);
}

function normOperator(w: Writer, centre: boolean): boolean {
  const rank = w.rank(0);
  if (rank === 0) return false;
  const { int } = attributesOf(w.node);
  const axis = int('axis', -1);
  const first = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(first) || first < 0 || first >= rank) return false;
  norm(w, w.node.inputs[0] ?? '', {
    centre,
    gain: w.node.inputs[1] ?? '',
    bias: centre ? (w.node.inputs[2] ?? '') : '',
    epsilon: int('epsilon', 1e-5),
    axes: Array.from({ length: rank - first }, (_, i) => first + i),
    // the attribute is a float32, whatever the operands are
    dtype: DataType.FLOAT,
    y: w.node.outputs[0] ?? '',
  });
  return true;
}

function skipNorm(w: Writer, centre: boolean): boolean {
  const [x = '', skip = '', gain = '', fourth = '', fifth = ''] = w.node.inputs;
  const bias = centre ? fifth : fourth;
  const branch = bias === '' ? x : w.put('Add', [x, bias]);
  const sum = w.put('Add', [branch, skip], {}, wants(w.node, 3) ? w.node.outputs[3] : undefined);
  const plain = { ...w, node: { ...w.node, outputs: [w.node.outputs[0] ?? ''] } };
  const options = { centre, gain, bias: centre ? fourth : '', epsilon: attributesOf(w.node).int('epsilon', 1e-12), axes: [-1], dtype: DataType.FLOAT };
  norm(plain, sum, { ...options, y: w.node.outputs[0] ?? '' });
  return !wants(w.node, 1) && !wants(w.node, 2);
}

function embedNorm(w: Writer): boolean {
  const [ids = '', segments = '', word = '', position = '', segment = '', gain = '', bias = '', mask = '', positionIds = ''] = w.node.inputs;
  const words = w.put('Gather', [word, ids], { axis: 0 });
  const length = (): string => w.put('Gather', [w.put('Shape', [ids]), w.ints([1])], { axis: 0 });
  const rows = positionIds === '' ? w.put('Slice', [position, w.ints([0]), length(), w.ints([0])]) : w.put('Gather', [position, positionIds], { axis: 0 });
  let sum = w.put('Add', [words, rows]);
  if (segment !== '' && segments !== '') sum = w.put('Add', [sum, w.put('Gather', [segment, segments], { axis: 0 })]);
  if (wants(w.node, 2)) w.put('Identity', [sum], {}, w.node.outputs[2]);
  const plain = { ...w, node: { ...w.node, outputs: [w.node.outputs[0] ?? ''] } };
  const epsilon = attributesOf(w.node).int('epsilon', 1e-12);
  norm(plain, sum, { centre: true, gain, bias, epsilon, axes: [-1], dtype: DataType.FLOAT, y: w.node.outputs[0] ?? '' });
  // without a mask the counts are zeros
  if (wants(w.node, 1)) w.put('ReduceSum', [mask === '' ? w.put('Sub', [ids, ids]) : mask, w.ints([1])], { keepdims: 0 }, w.node.outputs[1]);
  return true;
}

/** y = alpha · A B + beta · C, each matrix transposed or not. */
function gemm(w: Writer): boolean {
  const { int } = attributesOf(w.node);
  const [a = '', b = '', c = ''] = w.node.inputs;
  const side = (name: string, turned: boolean): string => (turned ? w.put('Transpose', [name], { perm: [1, 0] }) : name);
  const dtype = w.dtype(0);
  const [alpha, beta] = [int('alpha', 1), c === '' ? 0 : int('beta', 1)];
  const steps = [alpha !== 1, beta !== 0].filter(Boolean).length;
  const y = w.node.outputs[0];
  let value = w.put('MatMul', [side(a, int('transA', 0) !== 0), side(b, int('transB', 0) !== 0)], {}, steps === 0 ? y : undefined);
  if (alpha !== 1) value = w.put('Mul', [value, w.float(alpha, dtype)], {}, steps === 1 ? y : undefined);
  if (beta !== 0) w.put('Add', [value, beta === 1 ? c : w.put('Mul', [c, w.float(beta, dtype)])], {}, y);
  return true;
}

function fusedMatMul(w: Writer): boolean {
  const { int } = attributesOf(w.node);
  if (int('transBatchA', 0) !== 0 || int('transBatchB', 0) !== 0) return false;
  const side = (input: number, turned: boolean): string => {
    const rank = w.rank(input);
    const order = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    return turned ? w.put('Transpose', [w.node.inputs[input] ?? ''], { perm: order }) : (w.node.inputs[input] ?? '');
  };
  const alpha = int('alpha', 1);
  const product = w.put('MatMul', [side(0, int('transA', 0) !== 0), side(1, int('transB', 0) !== 0)], {}, alpha === 1 ? w.node.outputs[0] : undefined);
  if (alpha !== 1) w.put('Mul', [product, w.float(alpha, w.dtype(0))], {}, w.node.outputs[0]);
  return true;
}

function biased(w: Writer, op: string): boolean {
  const [x = '', bias = ''] = w.node.inputs;
  w.put(op, [bias === '' ? x : w.put('Add', [x, bias])], {}, w.node.outputs[0]);
  return true;
}

/** y = γ · (x − mean) / √(var + ε) + β along dimension 1, with statistics that are given. */
function batchNorm(w: Writer): boolean {
  const { int } = attributesOf(w.node);
  const rank = w.rank(0);
  // before version 7 a node trains unless it says otherwise; training takes the statistics from the batch
  const isGiven = w.opset >= 7 && int('training_mode', 0) === 0 && int('spatial', 1) === 1 && w.node.outputs.slice(1).every((name) => name === '');
  if (rank < 2 || !isGiven) return false;
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  const [x = '', ...parameters] = w.node.inputs;
  const [gain = '', bias = '', mean = '', variance = ''] = parameters.map((name) => (rank === 2 ? name : w.put('Unsqueeze', [name], { axes })));
  const root = w.put('Sqrt', [w.put('Add', [variance, w.float(int('epsilon', 1e-5), DataType.FLOAT)])]);
  const core = w.put('Div', [w.put('Sub', [x, mean]), root]);
  w.put('Add', [w.put('Mul', [core, gain]), bias], {}, w.node.outputs[0]);
  return true;
}

/** The mean over all dimensions behind the second. */
function globalMean(w: Writer): boolean {
  const rank = w.rank(0);
  if (rank < 3) return false;
  w.put('ReduceMean', [w.node.inputs[0] ?? ''], { axes: Array.from({ length: rank - 2 }, (_, i) => i + 2), keepdims: 1 }, w.node.outputs[0]);
  return true;
}

/** A cast to the type of another operand. */
function castLike(w: Writer): boolean {
  w.put('Cast', [w.node.inputs[0] ?? ''], { to: w.dtype(1) }, w.node.outputs[0]);
  return true;
}

const RULES: ReadonlyMap<string, (w: Writer) => boolean> = new Map([
  ['LayerNormalization', (w: Writer) => normOperator(w, true)],
  ['RMSNormalization', (w: Writer) => normOperator(w, false)],
  ['SimplifiedLayerNormalization', (w: Writer) => normOperator(w, false)],
  ['com.microsoft.SimplifiedLayerNormalization', (w: Writer) => normOperator(w, false)],
  ['com.microsoft.SkipLayerNormalization', (w: Writer) => skipNorm(w, true)],
  ['com.microsoft.SkipSimplifiedLayerNormalization', (w: Writer) => skipNorm(w, false)],
  ['com.microsoft.EmbedLayerNormalization', embedNorm],
  ['BatchNormalization', batchNorm],
  ['com.microsoft.BiasGelu', (w: Writer) => biased(w, 'Gelu')],
  ['com.microsoft.FastGelu', (w: Writer) => biased(w, 'com.microsoft.FastGelu')],
  ['com.microsoft.Gelu', (w: Writer) => biased(w, 'Gelu')],
  ['Gemm', gemm],
  ['CastLike', castLike],
  ['GlobalAveragePool', globalMean],
  ['com.microsoft.FusedMatMul', fusedMatMul],
]);
