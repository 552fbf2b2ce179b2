/** Constants that are computed from constants, evaluated in the stored type as the runtime would, so that they can be compared. */
import { attributesOf } from '../analysis/relation.ts';
import { bytesSource } from '../onnx/byte-source.ts';
import { elementBits } from '../onnx/data-types.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import { encodeNumbers, readNumbers } from '../onnx/tensor.ts';
import { dequantised, gathered, heldConstant, quantised } from './computed-constants.ts';
import { POINT, STEPS } from './desugar-quantised.ts';
import { type Constant, numbersConstant, SMALL } from './elements.ts';
import { isFloatType } from './numbers.ts';
import type { Ref } from './term.ts';
import { positions, viewSizes } from './view.ts';

/** An array of numbers. */
interface Numbers {
  readonly dims: readonly number[];
  readonly dtype: number;
  readonly data: Float64Array;
}

/** The numbers of a constant or of a view of one; null when it is large. */
export function numbersOf(ref: Ref): Numbers | null {
  const { constant } = ref.base;
  const sizes = viewSizes(ref.view);
  if (constant === null || !sizes.every((size) => typeof size === 'number')) return null;
  const dims = sizes as readonly number[];
  const count = constant.dims.reduce((a, b) => a * b, 1);
  if (dims.reduce((a, b) => a * b, 1) > SMALL || count > 16 * SMALL) return null;
  const all = constant.read(0, count);
  return { dims, dtype: constant.dtype, data: Float64Array.from(positions(ref.view), (at) => all[at] ?? 0) };
}

/** Rounds numbers to a data type. */
export function rounded(dtype: number, data: Float64Array): Float64Array {
  if (dtype === DataType.DOUBLE) return data;
  if (dtype === DataType.FLOAT) return data.map(Math.fround);
  const bytes = encodeNumbers(dtype, dtype === DataType.FLOAT16 || dtype === DataType.BFLOAT16 ? data : data.map(Math.trunc));
  return readNumbers({ name: '', dataType: dtype, dims: [data.length], data: bytesSource(bytes) });
}

/** A constant of computed numbers, rounded to its type; null where whole numbers leave their range or are none, of which runtimes differ. */
function computed(dims: readonly number[], dtype: number, data: Float64Array, shifted: Constant['shifted'] = null): Constant | null {
  const range = wholeRange(dtype);
  if (range !== null && !data.every((x) => Math.trunc(x) >= range[0] && Math.trunc(x) <= range[1])) return null;
  return numbersConstant(dims, dtype, rounded(dtype, data), shifted);
}

/** The numbers of an integer type that are exact in float64; null for other types. */
function wholeRange(dtype: number): readonly [number, number] | null {
  if (isFloatType(dtype) || dtype === DataType.BOOL) return null;
  const most = Number.MAX_SAFE_INTEGER - 1;
  const values = 2 ** (elementBits(dtype) ?? 8);
  return UNSIGNED.has(dtype) ? [0, Math.min(values - 1, most)] : [Math.max(-values / 2, -most), Math.min(values / 2 - 1, most)];
}

const UNSIGNED: ReadonlySet<number> = new Set([DataType.UINT4, DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64]);

type Apply = (...args: number[]) => number;
const FUNCTIONS: Readonly<Record<string, Apply>> = {
  Add: (a = 0, b = 0) => a + b,
  Sub: (a = 0, b = 0) => a - b,
  Mul: (a = 0, b = 0) => a * b,
  Pow: (a = 0, b = 0) => a ** b,
  Neg: (a = 0) => -a,
  Abs: (a = 0) => Math.abs(a),
  Sqrt: (a = 0) => Math.sqrt(a),
  Reciprocal: (a = 0) => 1 / a,
  Exp: (a = 0) => Math.exp(a),
  Log: (a = 0) => Math.log(a),
  Sin: (a = 0) => Math.sin(a),
  Cos: (a = 0) => Math.cos(a),
  Floor: (a = 0) => Math.floor(a),
  Ceil: (a = 0) => Math.ceil(a),
  Not: (a = 0) => (a === 0 ? 1 : 0),
  Min: (...args) => Math.min(...args),
  Max: (...args) => Math.max(...args),
  Where: (c = 0, a = 0, b = 0) => (c === 0 ? b : a),
  Equal: (a = 0, b = 0) => (a === b ? 1 : 0),
  Less: (a = 0, b = 0) => (a < b ? 1 : 0),
  Greater: (a = 0, b = 0) => (a > b ? 1 : 0),
  LessOrEqual: (a = 0, b = 0) => (a <= b ? 1 : 0),
  GreaterOrEqual: (a = 0, b = 0) => (a >= b ? 1 : 0),
};

/** The constant a node makes of constants; null when it is large or its operator is not evaluated. */
export function fold(node: FlatNode, operands: readonly (Ref | null)[], dims: readonly number[] | null, dtype: number): Constant | null {
  if (dims === null) return null;
  if (LAZY.has(node.op)) return foldedLazily(node, operands, dims, dtype);
  if (dims.reduce((a, b) => a * b, 1) > SMALL) return null;
  const args = operands.flatMap((ref) => (ref === null ? [] : [numbersOf(ref)]));
  if (args.length === 0 || args.some((arg) => arg === null)) return null;
  const given = args as Numbers[];
  const [first] = given;
  if (first === undefined) return null;
  const integer = ![DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16].includes(first.dtype as 1);
  const apply = node.op === 'Div' ? (a = 0, b = 1) => (integer ? Math.trunc(a / b) : a / b) : FUNCTIONS[node.op];
  if (apply !== undefined) return pointwise(node, given, operands, dims, dtype, apply);
  switch (node.op) {
    case 'Clip': {
      const { int } = attributesOf(node);
      const bound = (input: number, name: string, none: number): number => {
        const own = operands[input];
        return own == null ? int(name, none) : (numbersOf(own)?.data[0] ?? none);
      };
      const [low, high] = [bound(1, 'min', -Infinity), bound(2, 'max', Infinity)];
      return computed(
        dims,
        dtype,
        first.data.map((x) => Math.min(Math.max(x, low), high)),
      );
    }
    case 'Cast':
      return computed(dims, dtype, dtype === DataType.BOOL ? first.data.map((x) => (x === 0 ? 0 : 1)) : first.data);
    case 'Concat':
      return numbersConstant(dims, dtype, concatenated(given, attributesOf(node).int('axis', 0), dims));
    case 'MatMul':
      return given[1] === undefined ? null : matrixProduct(first, given[1], dims, dtype);
    default:
      return null;
  }
}

/** A B, each sum taken in the order of its elements and rounded once: zeros at new places change nothing. */
function matrixProduct(a: Numbers, b: Numbers, dims: readonly number[], dtype: number): Constant | null {
  const [m = 0, k = 0, n = 0] = [a.dims.at(-2), a.dims.at(-1), b.dims.at(-1)];
  if (a.dims.length < 2 || b.dims.length < 2 || b.dims.at(-2) !== k) return null;
  const batch = dims.slice(0, -2);
  const [as, bs] = [a, b].map((own) => broadcastIndices(own.dims.slice(0, -2), batch));
  const out = new Float64Array(dims.reduce((x, y) => x * y, 1));
  if (as === undefined || bs === undefined || out.length * k > MULTIPLICATIONS) return null;
  out.forEach((_, at) => {
    const [i, j, one] = [Math.floor(at / n) % m, at % n, Math.floor(at / (m * n))];
    let sum = 0;
    for (let l = 0; l < k; l++) sum += (a.data[((as[one] ?? 0) * m + i) * k + l] ?? 0) * (b.data[((bs[one] ?? 0) * k + l) * n + j] ?? 0);
    out[at] = sum;
  });
  return computed(dims, dtype, out);
}

/** Larger products are compared, never computed. */
const MULTIPLICATIONS = 1 << 22;

/** Operators that are evaluated for constants of any size, when the elements are read. */
const LAZY: ReadonlySet<string> = new Set(['Gather', 'DequantizeLinear', 'QuantizeLinear']);

function foldedLazily(node: FlatNode, operands: readonly (Ref | null)[], dims: readonly number[], dtype: number): Constant | null {
  const [x, scale, point] = operands.map((ref) => (ref === null ? null : heldConstant(ref)));
  const { int, ints } = attributesOf(node);
  if (x == null || scale == null || (operands[2] != null && point == null)) return null;
  if (node.op === 'Gather') {
    const indices = operands[1] == null ? null : numbersOf(operands[1]);
    return indices === null ? null : gathered(x, [...indices.data], int('axis', 0), dims);
  }
  const own = { numbers: x, scale, point: point ?? null, otherwise: int(POINT, 0), axis: int('axis', 1), block: int('block_size', 0) };
  if (node.op === 'DequantizeLinear') return dequantised(own, dtype);
  const [low, high] = ints(STEPS) ?? [];
  return low === undefined || high === undefined ? null : quantised(own, dtype, [low, high]);
}

function pointwise(
  node: FlatNode,
  args: readonly Numbers[],
  operands: readonly (Ref | null)[],
  dims: readonly number[],
  dtype: number,
  apply: Apply,
): Constant | null {
  const indices = args.map((arg) => broadcastIndices(arg.dims, dims));
  const count = dims.reduce((a, b) => a * b, 1);
  const out = new Float64Array(count);
  const values = new Array<number>(args.length).fill(0);
  for (let i = 0; i < count; i++) {
    for (let a = 0; a < args.length; a++) values[a] = args[a]?.data[indices[a]?.[i] ?? 0] ?? 0;
    out[i] = apply(...values);
  }
  return computed(dims, dtype, out, shiftOf(node, args, operands));
}

/** γ = 1 + w: a correction of γ is stored in w. */
function shiftOf(node: FlatNode, args: readonly Numbers[], operands: readonly (Ref | null)[]): Constant['shifted'] {
  if (node.op !== 'Add') return null;
  const number = args.findIndex((arg) => arg.data.length === 1);
  const from = operands[1 - number]?.base.constant;
  const whole = from != null && args[1 - number]?.data.length === from.dims.reduce((a, b) => a * b, 1);
  return number < 0 || from == null || !whole || (args[1 - number]?.data.length ?? 1) === 1 ? null : { from, by: args[number]?.data[0] ?? 0 };
}

/** For each element of the result, which element of an operand it reads. */
function broadcastIndices(own: readonly number[], out: readonly number[]): Float64Array {
  let step = 1;
  const steps = [...own].reverse().map((size) => {
    const before = step;
    step *= size;
    return size === 1 ? 0 : before;
  });
  const parts = out.map((size, d) => ({ size, step: steps[out.length - 1 - d] ?? 0 }));
  return positions({ offset: 0, dims: [parts] }) as Float64Array;
}

function concatenated(args: readonly Numbers[], axis: number, dims: readonly number[]): Float64Array {
  const at = axis < 0 ? axis + dims.length : axis;
  const outer = dims.slice(0, at).reduce((a, b) => a * b, 1);
  const out: number[] = [];
  for (let i = 0; i < outer; i++) {
    for (const arg of args) {
      const block = arg.data.length / Math.max(1, outer);
      for (let j = 0; j < block; j++) out.push(arg.data[i * block + j] ?? 0);
    }
  }
  return Float64Array.from(out);
}
