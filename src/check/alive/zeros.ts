/** Which elements of a stored tensor are zero, read once and in pieces. */
import type { Constant } from '../elements.ts';
import { type Axis, cellsOf, classesBy, eachCell, type Mask, stridesOf } from './mask.ts';

const BLOCK = 1 << 15;
/** Tensors with more different patterns of zeros than this are described by their slices of nothing but zeros. */
const MAX_PATTERNS = 1 << 14;

/** Elements that are zero. Where zeros are strewn about, only whole slices of them count: fewer zeros than there are. */
export function zerosOf(constant: Constant): Mask {
  const { dims } = constant;
  const total = dims.reduce((a, b) => a * b, 1);
  // two independent sums over the zeros of each slice say which of its elements are zero
  const counts = dims.map((size) => new Float64Array(size));
  const sums = [1, 2].map((draw) => sumsOf(dims, draw));
  const last = dims.length - 1;
  const width = last < 0 ? 1 : (dims[last] ?? 1);
  const rows = Math.max(1, Math.floor(BLOCK / Math.max(1, width)));
  const index = new Int32Array(Math.max(0, last));
  for (let at = 0; at < total; at += rows * width) {
    const block = constant.read(at, Math.min(rows * width, total - at));
    for (let start = 0; start < block.length; start += width) {
      const zeros = zerosIn(block, start, width);
      if (zeros.length > 0) {
        for (let d = 0; d < last; d++) add(counts[d], index[d] ?? 0, zeros.length);
        for (const place of zeros) add(counts[last], place, 1);
        for (const own of sums) addRow(own, index, zeros);
      }
      for (let d = last - 1; d >= 0; d--) {
        index[d] = (index[d] ?? 0) + 1;
        if ((index[d] ?? 0) < (dims[d] ?? 1)) break;
        index[d] = 0;
      }
    }
  }
  const patterns = dims.map((size, d) => {
    const made = classesBy(size, (i) => `${counts[d]?.[i]},${sums[0]?.of[d]?.[i]},${sums[1]?.of[d]?.[i]}`);
    return { axis: axisOf(size, made), first: made.first };
  });
  if (cellsOf(patterns.map(({ axis }) => axis)) <= MAX_PATTERNS) {
    const places = stridesOf(dims.map((size) => ({ size, classes: null, count: size })));
    const axes = patterns.map(({ axis }) => axis);
    const bits = new Uint8Array(cellsOf(axes));
    const steps = patterns.map((own, d) => Float64Array.from(own.first, (i) => i * (places[d] ?? 1)));
    eachCell(axes, steps, (cell, place) => {
      bits[cell] = constant.read(place, 1)[0] === 0 ? 1 : 0;
    });
    return maskOf(axes, bits);
  }
  const slices = dims.map((size, d) => classesBy(size, (i) => (counts[d]?.[i] === total / size ? 1 : 0)));
  const axes = slices.map((own, d) => axisOf(dims[d] ?? 1, own));
  const bits = new Uint8Array(cellsOf(axes));
  const isZero = slices.map((own, d) => Float64Array.from(own.first, (i) => (counts[d]?.[i] === total / (dims[d] ?? 1) ? 1 : 0)));
  eachCell(axes, isZero, (cell, zeros) => {
    bits[cell] = zeros > 0 ? 1 : 0;
  });
  return maskOf(axes, bits);
}

/** Random whole numbers for the indices of each dimension, and what the zeros of each slice add up to. */
interface Sums {
  readonly salts: readonly Int32Array[];
  readonly of: readonly Int32Array[];
}

const sumsOf = (dims: readonly number[], draw: number): Sums => ({
  salts: dims.map((size, d) => Int32Array.from({ length: size }, (_, i) => mixed(i * 31 + d * 7919 + draw * 104_729))),
  of: dims.map((size) => new Int32Array(size)),
});

/** Places of zeros in a row. */
function zerosIn(block: Float64Array, start: number, width: number): readonly number[] {
  const zeros: number[] = [];
  for (let i = 0; i < width; i++) if (block[start + i] === 0) zeros.push(i);
  return zeros;
}

/** Adds the zeros of one row: to each of its places what says which row it is, to the row's slices which places they are. */
function addRow({ salts, of }: Sums, index: Int32Array, zeros: readonly number[]): void {
  const last = salts.length - 1;
  const [inner, own] = [salts[last], of[last]];
  if (inner === undefined || own === undefined) return;
  let key = 0;
  for (let d = 0; d < last; d++) key = (key + (salts[d]?.[index[d] ?? 0] ?? 0)) | 0;
  const row = mixed(key);
  let places = 0;
  for (const place of zeros) {
    places = (places + (inner[place] ?? 0)) | 0;
    own[place] = ((own[place] ?? 0) + row) | 0;
  }
  for (let d = 0; d < last; d++) {
    const at = index[d] ?? 0;
    const slices = of[d];
    if (slices !== undefined) slices[at] = ((slices[at] ?? 0) + Math.imul(mixed((key - (salts[d]?.[at] ?? 0)) | 0) | 1, places)) | 0;
  }
}

/** A whole number that looks random for each whole number. */
function mixed(n: number): number {
  let x = Math.imul(n ^ (n >>> 16) ^ 0x5bd1e995, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

const add = (sums: Float64Array | undefined, at: number, by: number): void => {
  if (sums !== undefined) sums[at] = (sums[at] ?? 0) + by;
};

const axisOf = (size: number, { classes, first }: { readonly classes: Int32Array; readonly first: readonly number[] }): Axis => ({
  size,
  classes: first.length > 1 ? classes : null,
  count: Math.max(1, first.length),
});

const maskOf = (axes: readonly Axis[], bits: Uint8Array): Mask => ({ dims: axes.map((axis) => (axis.size === 1 ? [] : [axis])), bits });
