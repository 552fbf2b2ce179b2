/** Constants of any size that are computed from others, element by element, when they are read. */
import { DataType } from '../onnx/ir.ts';
import { type Constant, computedConstant, numbersConstant } from './elements.ts';
import type { Ref } from './term.ts';
import { viewKey, viewSizes, wholeView } from './view.ts';

/** A view of a constant as a constant of its own; null when a size depends on the input. */
export function heldConstant(ref: Ref): Constant | null {
  const { constant } = ref.base;
  const sizes = viewSizes(ref.view);
  if (constant === null || !sizes.every((size) => typeof size === 'number')) return null;
  const dims = sizes as readonly number[];
  const { offset, dims: strides } = ref.view;
  const key = viewKey(ref.view);
  // the first rows of a constant have the same view, and are not all of it
  if (key === viewKey(wholeView(dims)) && count(dims) === count(constant.dims)) return { ...constant, dims };
  const parts = strides.flat() as readonly { readonly size: number; readonly step: number }[];
  const at = (index: number): number => {
    let [rest, place] = [index, offset as number];
    for (let p = parts.length - 1; p >= 0; p--) {
      const { size, step } = parts[p] ?? { size: 1, step: 0 };
      place += (rest % size) * step;
      rest = Math.floor(rest / size);
    }
    return place;
  };
  return computedConstant(dims, constant.dtype, `view ${key}`, [constant], (start, length) =>
    Float64Array.from({ length }, (_, i) => constant.read(at(start + i), 1)[0] ?? 0),
  );
}

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Numbers with a scale and a zero point each: one of all, one of every index of a dimension, or one of every block along it. */
export interface Quantity {
  readonly numbers: Constant;
  readonly scale: Constant;
  /** null: 0, or `otherwise`. */
  readonly point: Constant | null;
  readonly otherwise: number;
  readonly axis: number;
  /** Elements in a block; 0 for no blocks. */
  readonly block: number;
}

/**
 * (q − point) · scale, exactly where numbers of 8 bits meet a float32 scale: the result is not rounded to its type, so that equal elements
 * are equal numbers.
 */
export const dequantised = (own: Quantity, dtype: number): Constant | null => {
  const limit = LARGEST[dtype] ?? Infinity;
  return withParameters(own, dtype, 'dequantised', (q, scale, point) => {
    const x = (q - point) * scale;
    return Math.abs(x) > limit ? x * Infinity : x;
  });
};

/** Larger numbers are infinite in a type. */
const LARGEST: Readonly<Record<number, number>> = { [DataType.FLOAT]: 3.4028235677973366e38, [DataType.FLOAT16]: 65519.99, [DataType.BFLOAT16]: 3.3961775e38 };

/** The whole number nearest to x / scale within a range, from which the zero point is taken off again; halves go to even. */
export const quantised = (own: Quantity, dtype: number, [low, high]: readonly [number, number]): Constant | null =>
  withParameters(own, dtype, `quantised ${low} ${high}`, (x, scale, point) => Math.min(high, Math.max(low, roundEven(x / scale) + point)) - point);

function roundEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/** Applies a function to each number, its scale and its zero point; null when those do not fit. */
function withParameters(own: Quantity, dtype: number, what: string, apply: (x: number, scale: number, point: number) => number): Constant | null {
  const { numbers, scale, point, otherwise, block } = own;
  const { dims } = numbers;
  const axis = own.axis < 0 ? own.axis + dims.length : own.axis;
  const size = dims[axis] ?? 1;
  const inner = count(dims.slice(axis + 1));
  const blocks = Math.ceil(size / block);
  const wanted = block === 0 ? size : (count(dims) / Math.max(1, size)) * blocks;
  const parts = point === null ? [scale] : [scale, point];
  const isOne = (part: Constant): boolean => count(part.dims) === 1;
  if (!parts.every((part) => isOne(part) || count(part.dims) === wanted)) return null;
  const uniform = parts.every(isOne);
  // neighbours along the last dimension have one parameter, or one each
  const each = (block === 0) === (inner === 1);
  const compute = (start: number, length: number): Float64Array => {
    const out = new Float64Array(length);
    for (let done = 0; done < length; ) {
      const place = start + done;
      const index = Math.floor(place / inner) % size;
      const left = uniform ? length : inner > 1 ? inner - (place % inner) : block === 0 ? size - index : Math.min(size - index, block - (index % block));
      const n = Math.min(left, length - done);
      const outer = Math.floor(place / (inner * size));
      const at = block === 0 ? index : (outer * blocks + Math.floor(index / block)) * inner + (place % inner);
      /** One number for each of the elements, or for all of them. */
      const numberAt = (part: Constant | null): ((i: number) => number) => {
        if (part === null) return () => otherwise;
        const own = isOne(part) ? part.read(0, 1) : part.read(at, each ? n : 1);
        return own.length === 1 ? () => Number(own[0]) : (i) => Number(own[i]);
      };
      const [xs, scaleAt, pointAt] = [numbers.read(place, n), numberAt(scale), numberAt(point)];
      for (let i = 0; i < n; i++) out[done + i] = apply(Number(xs[i]), scaleAt(i), pointAt(i));
      done += n;
    }
    return out;
  };
  const recipe = `${what} ${dtype} along ${axis} by ${block} from ${otherwise}`;
  return computedConstant(dims, dtype, recipe, point === null ? [numbers, scale] : [numbers, scale, point], compute);
}

/** The elements at some indices of a dimension; null when an index is outside. */
export function gathered(data: Constant, indices: readonly number[], axis: number, dims: readonly number[]): Constant | null {
  const at = axis < 0 ? axis + data.dims.length : axis;
  const size = data.dims[at] ?? 1;
  const inner = count(data.dims.slice(at + 1));
  const places = indices.map((index) => (index < 0 ? index + size : index));
  if (places.some((place) => !(place >= 0 && place < size))) return null;
  const list = numbersConstant([places.length], DataType.INT64, Float64Array.from(places));
  return computedConstant(dims, data.dtype, `gathered along ${at}`, [data, list], (start, length) => {
    const out = new Float64Array(length);
    for (let done = 0; done < length; ) {
      const block = Math.floor((start + done) / inner);
      const from = (start + done) % inner;
      const n = Math.min(inner - from, length - done);
      const outer = Math.floor(block / places.length);
      out.set(data.read((outer * size + (places[block % places.length] ?? 0)) * inner + from, n).subarray(0, n), done);
      done += n;
    }
    return out;
  });
}
