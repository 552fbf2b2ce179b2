/**
 * Fused operators spelled out, the same way on both sides: a norm, a sum and a product then have one form, whether the file
 * holds them as one node or as several. Source: the operators' definitions at https://onnx.ai/onnx/operators/ and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { attributesOf } from '../analysis/relation.ts';
import type { Facts } from '../analysis/shapes.ts';
import { type Constant, type FlatGraph, type FlatNode, opsetVersion, same } from '../onnx/graph.ts';
import { type Attribute, DataType, type Tensor } from '../onnx/ir.ts';
import { tensorFromNumbers } from '../onnx/tensor.ts';
import { quantisedRules } from './desugar-quantised.ts';

type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** Names of as many operands as any operator has here; '' for missing ones. */
type Operands = readonly [string, string, string, string, string, string, string, string, string];
/** Names of results; '' for those that nothing reads. */
type Results = readonly [string, string, string, string];
/** An operator on what the one before made, and on these. */
type Step = readonly [op: string, operands: readonly string[]];

/** Writes nodes in the place of one; every call returns the name of the value it makes. */
export interface Writer {
  readonly node: FlatNode;
  readonly inputs: Operands;
  readonly outputs: Results;
  readonly facts: Facts;
  /** The version of the standard operators. */
  readonly opset: number;
  /** A name for a new value. */
  name(): string;
  add(op: string, inputs: readonly string[], outputs: readonly string[], attributes?: Attributes): void;
  put(op: string, inputs: readonly string[], attributes?: Attributes, output?: string): string;
  /** One operator behind the other, but for those without an operand; the last one makes the node's first result. */
  finish(steps: readonly Step[]): void;
  /** The node again, of other operands or as another operator. */
  copy(node: FlatNode, inputs: readonly string[], options?: { readonly op?: string; readonly output?: string }): string;
  hold(tensor: Tensor): string;
  /** A float of a type, of FLOAT where it is not known. */
  float(value: number, dtype: number): string;
  ints(values: readonly number[]): string;
  /** UNDEFINED where it is not known. */
  dtype(input: 0 | 1): number;
  rank(input: 0 | 1): number;
}

/** Replaces operators that stand for several. */
export function desugar(flat: FlatGraph, facts: Facts): FlatGraph {
  const constants = new Map<string, Constant>(flat.constants);
  const rules = new Map([...RULES, ...quantisedRules(flat, facts)]);
  const made = flat.nodes.flatMap((node) => {
    const rule = rules.get(node.op);
    if (rule === undefined) return [node];
    const written: FlatNode[] = [];
    let count = 0;
    const padded = (names: readonly string[], length: number): readonly string[] => Array.from({ length }, (_, i) => names[i] ?? '');
    const [inputs, outputs] = [padded(node.inputs, 9) as Operands, padded(node.outputs, 4) as Results];
    const fresh = (): string => `${node.outputs.find((name) => name !== '')}\u001e${count++}`;
    const hold = (tensor: Tensor): string => {
      const name = fresh();
      constants.set(name, { tensor: { ...tensor, name }, scope: node.scope, holder: 'initializer' });
      return name;
    };
    const stored = (dtype: number, dims: readonly number[], values: readonly number[]): string => hold(tensorFromNumbers('', dtype, dims, values));
    const add = (op: string, from: readonly string[], to: readonly string[], attributes: readonly Attribute[]): void =>
      void written.push({
        op,
        scope: node.scope,
        inputs: from,
        outputs: to,
        node: { ...node.node, opType: op, domain: '', inputs: from, outputs: to, attributes },
      });
    const put = (op: string, from: readonly string[], attributes: Attributes = {}, output = fresh()): string => {
      add(op, from, [output], attributesFrom(attributes));
      return output;
    };
    const done = rule({
      node,
      inputs,
      outputs,
      facts,
      opset: opsetVersion(flat.model),
      name: fresh,
      add: (op, from, to, attributes = {}) => add(op, from, to, attributesFrom(attributes)),
      put,
      finish(steps) {
        const own = steps.filter(([, operands]) => !operands.includes(''));
        let before: readonly string[] = [];
        for (const [i, [op, operands]] of own.entries()) before = [put(op, [...before, ...operands], {}, i === own.length - 1 ? outputs[0] : fresh())];
      },
      copy(own, from, { op = own.op, output = fresh() } = {}) {
        add(op, from, [output], own.node.attributes);
        return output;
      },
      hold,
      float: (value, dtype) => stored(dtype === DataType.UNDEFINED ? DataType.FLOAT : dtype, [], [value]),
      ints: (values) => stored(DataType.INT64, [values.length], values),
      dtype: (input) => facts.values.get(inputs[input])?.dtype ?? DataType.UNDEFINED,
      rank: (input) => facts.values.get(inputs[input])?.dims?.length ?? 0,
    });
    return done ? written : [node];
  });
  const nodes = same(flat.nodes, made);
  return nodes === flat.nodes ? flat : { ...flat, nodes, constants };
}

const attributesFrom = (given: Attributes): Attribute[] =>
  Object.entries(given).map(([name, value]): Attribute => (typeof value === 'number' ? { name, kind: 'int', value } : { name, kind: 'ints', value }));

/** y = γ · (x − mean) / √(var + ε) + β over dimensions; RMS norms do not centre. The mean and the root are what may be read, too. */
function norm(
  w: Writer,
  x: string,
  { centre, gain, bias, epsilon, axes }: { centre: boolean; gain: string; bias: string; epsilon: number; axes: readonly number[] },
): { readonly mean: string | null; readonly root: string } {
  const mean = centre ? w.put('ReduceMean', [x], { axes }) : null;
  const centred = mean === null ? x : w.put('Sub', [x, mean]);
  const variance = w.put('ReduceMean', [w.put('Mul', [centred, centred])], { axes });
  // the attribute is a float32, whatever the operands are
  const root = w.put('Sqrt', [w.put('Add', [variance, w.float(epsilon, DataType.FLOAT)])]);
  w.finish([
    ['Div', [centred, root]],
    ['Mul', [gain]],
    ['Add', [bias]],
  ]);
  return { mean, root };
}

function normOperator(w: Writer, centre: boolean): boolean {
  const rank = w.rank(0);
  const { int } = attributesOf(w.node);
  const axis = int('axis', -1);
  const first = axis < 0 ? axis + rank : axis;
  if (!(first >= 0 && first < rank)) return false;
  const [x, gain, bias] = w.inputs;
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  const { mean, root } = norm(w, x, { centre, gain, bias: centre ? bias : '', epsilon: int('epsilon', 1e-5), axes });
  const [, second, third] = w.outputs;
  if (mean !== null && second !== '') w.put('Identity', [mean], {}, second);
  const inverse = centre ? third : second;
  if (inverse !== '') w.put('Reciprocal', [root], {}, inverse);
  return true;
}

function skipNorm(w: Writer, centre: boolean): boolean {
  const [x, skip, gain, fourth, fifth] = w.inputs;
  const [, mean, inverse, stream] = w.outputs;
  const bias = centre ? fifth : fourth;
  const branch = bias === '' ? x : w.put('Add', [x, bias]);
  const sum = w.put('Add', [branch, skip], {}, stream === '' ? w.name() : stream);
  norm(w, sum, { centre, gain, bias: centre ? fourth : '', epsilon: attributesOf(w.node).int('epsilon', 1e-12), axes: [-1] });
  return mean === '' && inverse === '';
}

function embedNorm(w: Writer): boolean {
  const [ids, segments, word, position, segment, gain, bias, mask, positionIds] = w.inputs;
  const [, counts, stream] = w.outputs;
  const words = w.put('Gather', [word, ids]);
  const length = (): string => w.put('Gather', [w.put('Shape', [ids]), w.ints([1])]);
  const rows = positionIds === '' ? w.put('Slice', [position, w.ints([0]), length(), w.ints([0])]) : w.put('Gather', [position, positionIds]);
  let sum = w.put('Add', [words, rows]);
  if (segments !== '') sum = w.put('Add', [sum, w.put('Gather', [segment, segments])]);
  if (stream !== '') w.put('Identity', [sum], {}, stream);
  norm(w, sum, { centre: true, gain, bias, epsilon: attributesOf(w.node).int('epsilon', 1e-12), axes: [-1] });
  // without a mask the counts are zeros
  if (counts !== '') w.put('ReduceSum', [mask === '' ? w.put('Sub', [ids, ids]) : mask, w.ints([1])], { keepdims: 0 }, counts);
  return true;
}

/** y = alpha · A B + beta · C, each matrix transposed or not; of stacks of matrices there is no such product. */
function gemm(w: Writer): boolean {
  if (w.rank(0) !== 2 || w.rank(1) !== 2) return false;
  const { int } = attributesOf(w.node);
  const [a, b, c] = w.inputs;
  const side = (name: string, turned: number): string => (turned === 0 ? name : w.put('Transpose', [name]));
  const beta = int('beta', 1);
  const bias = c === '' || beta === 1 ? c : beta === 0 ? '' : w.put('Mul', [c, w.float(beta, w.dtype(0))]);
  w.finish([
    ['MatMul', [side(a, int('transA', 0)), side(b, int('transB', 0))]],
    ['Mul', [factor(w, int('alpha', 1))]],
    ['Add', [bias]],
  ]);
  return true;
}

/** A factor that is an attribute; none for 1. */
const factor = (w: Writer, by: number): string => (by === 1 ? '' : w.float(by, w.dtype(0)));

function fusedMatMul(w: Writer): boolean {
  const { int } = attributesOf(w.node);
  if (w.rank(0) < 2 || w.rank(1) < 2 || int('transBatchA', 0) !== 0 || int('transBatchB', 0) !== 0) return false;
  const side = (input: 0 | 1, turned: number): string => {
    const rank = w.rank(input);
    const order = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    return turned === 0 ? w.inputs[input] : w.put('Transpose', [w.inputs[input]], { perm: order });
  };
  w.finish([
    ['MatMul', [side(0, int('transA', 0)), side(1, int('transB', 0))]],
    ['Mul', [factor(w, int('alpha', 1))]],
  ]);
  return true;
}

function biased(w: Writer, op: string): boolean {
  const [x, bias] = w.inputs;
  w.finish([[op, [bias === '' ? x : w.put('Add', [x, bias])]]]);
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
  const [x, ...parameters] = w.inputs;
  const [gain, bias, mean, variance] = parameters.slice(0, 4).map((name) => w.put('Unsqueeze', [name], { axes })) as [string, string, string, string];
  const root = w.put('Sqrt', [w.put('Add', [variance, w.float(int('epsilon', 1e-5), DataType.FLOAT)])]);
  w.finish([
    ['Sub', [x, mean]],
    ['Div', [root]],
    ['Mul', [gain]],
    ['Add', [bias]],
  ]);
  return true;
}

/** The mean over all dimensions behind the second. */
function globalMean(w: Writer): boolean {
  const rank = w.rank(0);
  if (rank < 3) return false;
  w.put('ReduceMean', [w.inputs[0]], { axes: Array.from({ length: rank - 2 }, (_, i) => i + 2) }, w.outputs[0]);
  return true;
}

/** A cast to the type of another operand. */
function castLike(w: Writer): boolean {
  const to = w.dtype(1);
  if (to !== DataType.UNDEFINED) w.put('Cast', [w.inputs[0]], { to }, w.outputs[0]);
  return to !== DataType.UNDEFINED;
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
