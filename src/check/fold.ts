/** Constants that are computed from constants, evaluated in the stored type as the runtime would, so that they can be compared. */
import { attributesOf } from '../analysis/relation.ts';
import { isStatic } from '../analysis/size.ts';
import { bytesSource } from '../onnx/byte-source.ts';
import { elementCount, wholeRange } from '../onnx/data-types.ts';
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
export function numbersOf({ base: { constant }, view }: Ref): Numbers | null {
  const dims = viewSizes(view);
  if (constant === null || !dims.every(isStatic)) return null;
  const count = elementCount(constant.dims);
  if (elementCount(dims) > SMALL || count > 16 * SMALL) return null;
  const all = constant.read(0, count);
  return { dims, dtype: constant.dtype, data: Float64Array.from(positions(view), (at) => all[at] ?? 0) };
}

/** Rounds numbers to a data type. */
export function rounded(dtype: number, data: Float64Array): Float64Array {
  if (dtype === DataType.DOUBLE) return data;
  if (dtype === DataType.FLOAT) return data.map(Math.fround);
  const bytes = encodeNumbers(dtype, dtype === DataType.FLOAT16 || dtype === DataType.BFLOAT16 ? data : data.map(Math.trunc));
  return readNumbers({ name: '', dataType: dtype, dims: [data.length], data: bytesSource(bytes) });
}

/**
 * A constant of computed numbers, rounded to its type; null where whole numbers leave their range or are none, of which runtimes differ, and
 * for types in which numbers are not computed here.
 */
function computed(dims: readonly number[], dtype: number, data: Float64Array, shifted: Constant['shifted'] = null): Constant | null {
  const range = wholeRange(dtype);
  const isIn = ([low, high]: readonly [number, number], x: number): boolean => x >= low && x <= high && Math.abs(x) < Number.MAX_SAFE_INTEGER;
  const fits = range === null ? isFloatType(dtype) : data.every((x) => isIn(range, Math.trunc(x)));
  return fits ? numbersConstant(dims, dtype, rounded(dtype, data), shifted) : null;
}

type Apply = (...args: number[]) => number;
const FUNCTIONS: Readonly<Record<string, Apply>> = {
  Add: (a = 0, b = 0) => a + b,
  Sub: (a = 0, b = 0) => a - b,
  Mul: (a = 0, b = 0) => a * b,
  Div: (a = 0, b = 0) => a / b,
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
export function fold(node: FlatNode, operands: readonly (Ref | null)[], dims: readonly number[], dtype: number): Constant | null {
  if (LAZY.has(node.op)) return foldedLazily(node, operands, dims, dtype);
  if (elementCount(dims) > SMALL) return null;
  const args = operands.flatMap((ref) => (ref === null ? [] : [numbersOf(ref)]));
  const given = args.filter((arg) => arg !== null);
  const [first, second] = given;
  if (first === undefined || given.length < args.length) return null;
  const { int } = attributesOf(node);
  const apply = node.op === 'Div' && !isFloatType(first.dtype) ? (a = 0, b = 1) => Math.trunc(a / b) : FUNCTIONS[node.op];
  if (apply !== undefined) return computed(dims, dtype, pointwise(given, dims, apply), node.op === 'Add' ? shiftOf(given, operands) : null);
  switch (node.op) {
    case 'Clip': {
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
      return numbersConstant(dims, dtype, concatenated(given, int('axis', 0), dims));
    case 'MatMul':
      return second === undefined ? null : matrixProduct(first, second, dims, dtype);
    default:
      return null;
  }
}

/** A B, each sum taken in the order of its elements and rounded once: zeros at new places change nothing. */
function matrixProduct(a: Numbers, b: Numbers, dims: readonly number[], dtype: number): Constant | null {
  const [[k, m], [n]] = [a.dims, b.dims].map((own) => [...own].reverse()) as [[number, number?], [number, number?]];
  const out = new Float64Array(elementCount(dims));
  // vectors in products have no exporter
  if (m === undefined || b.dims.length < 2 || out.length * k > MULTIPLICATIONS) return null;
  const batch = dims.slice(0, -2);
  const as = broadcastIndices(a.dims.slice(0, -2), batch);
  const bs = broadcastIndices(b.dims.slice(0, -2), batch);
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
  const held = operands.map((ref) => (ref === null ? undefined : heldConstant(ref)));
  const [x, scale, point = null] = held;
  const { int, ints } = attributesOf(node);
  if (x == null || scale == null || held.includes(null)) return null;
  if (node.op === 'Gather') return elementCount(scale.dims) > SMALL ? null : gathered(x, [...scale.read(0, elementCount(scale.dims))], int('axis', 0), dims);
  const own = { numbers: x, scale, point, otherwise: int(POINT, 0), axis: int('axis', 1), block: int('block_size', 0) };
  if (node.op === 'DequantizeLinear') return dequantised(own, dtype);
  const [low, high] = ints(STEPS) ?? [];
  return low === undefined || high === undefined ? null : quantised(own, dtype, [low, high]);
}

/** Numbers stretched to the sizes of the result, and a function of them element by element. */
function pointwise(args: readonly Numbers[], dims: readonly number[], apply: Apply): Float64Array {
  const columns = args.map(({ dims: own, data }) => Float64Array.from(broadcastIndices(own, dims), (at) => data[at] ?? 0));
  return new Float64Array(elementCount(dims)).map((_, i) => apply(...columns.map((column) => column[i] ?? 0)));
}

/** γ = 1 + w: a correction of γ is stored in w. */
function shiftOf([a, b]: readonly Numbers[], [x = null, y = null]: readonly (Ref | null)[]): Constant['shifted'] {
  for (const [number, w, ref] of [[a, b, y] as const, [b, a, x] as const]) {
    const from = ref === null ? null : heldConstant(ref);
    if (number?.data.length === 1 && w?.data.length !== 1 && from !== null) return { from, by: number.data[0] ?? 0 };
  }
  return null;
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
  return positions({ offset: 0, dims: [parts] });
}

function concatenated(args: readonly Numbers[], axis: number, dims: readonly number[]): Float64Array {
  const outer = elementCount(dims.slice(0, axis));
  const out: number[] = [];
  for (let i = 0; i < outer; i++) {
    for (const { data } of args) out.push(...data.subarray((i * data.length) / outer, ((i + 1) * data.length) / outer));
  }
  return Float64Array.from(out);
}
