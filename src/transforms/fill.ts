/**
 * Grown tensors: byte sources that compute their elements when they are read, so nothing is held in memory.
 *
 * A new random element is a function of (seed, tensor name, its index in the grown tensor), so streaming, the order of steps
 * and sharding do not matter.
 */

import { type FillingSource, readInto } from '../onnx/byte-source.ts';
import { elementBytes } from '../onnx/data-types.ts';
import { DataType, type Tensor } from '../onnx/ir.ts';
import { encodeNumbers, readNumbers } from '../onnx/tensor.ts';
import { hashName, normalAt } from './normal-numbers.ts';
import { readingAhead } from './reading-ahead.ts';

/** What new elements hold where nothing forces them. */
export type Fill =
  /** Normal with the standard deviation of the old elements (1/√fan-in if they are all equal). */
  | { readonly kind: 'normal' }
  | { readonly kind: 'constant'; readonly value: number }
  /** The mean of all old elements; 1 if that is 0. */
  | { readonly kind: 'mean' }
  /** The whole number next to the mean of all old elements: a zero point. */
  | { readonly kind: 'point' }
  /** The first row's element before the new one: cos 1 and sin 0, no rotation, in a table of angles over positions. */
  | { readonly kind: 'first-row' };

/** One dimension of a grown tensor: for every index its index in the old tensor, or −1; null when the dimension did not grow. */
export type IndexMap = Int32Array | null;

/** A set of elements that is a product of index sets; null stands for all indices. */
export type Region = readonly (Uint8Array | null)[];

/** What stands for zero in quantised numbers, by place in the grown tensor. */
export interface ZeroPoint {
  /** Equal keys, equal zero points. */
  readonly key: string;
  /** The zero point of an element, by its index along the leading dimensions and along the last. */
  at(index: readonly number[], last: number): number;
}

/** How a tensor grows. */
export interface Growth {
  readonly maps: readonly IndexMap[];
  /** Regions of new elements that are zero. */
  readonly zeros: readonly Region[];
  /** The dimension along which new elements are the mean of the old ones. */
  readonly meanAlong: number | null;
  readonly fill: Fill;
  /** Old elements become RN(old × multiply + add), computed in float64. */
  readonly multiply: number;
  readonly add: number;
  /** Old elements in a product of old index sets that are multiplied, rounded once; null for none. */
  readonly scaled?: { readonly regions: readonly Region[]; readonly factor: number } | null;
  readonly seed: number;
  /** Set for quantised numbers: what stands for zero, and the middle of random ones. */
  readonly point?: ZeroPoint | null;
}

/** The grown tensor; its bytes are computed piece by piece when read. */
export function growTensor(tensor: Tensor, growth: Growth): Tensor {
  const dims = tensor.dims.map((size, d) => growth.maps[d]?.length ?? size);
  const { external, ...plain } = tensor;
  return { ...plain, ...(external && { external }), dims, data: grownSource(tensor, dims, growth) };
}

/** A tensor of the same shape whose elements are all new: normal, with the spread of the old ones, around the zero point if they are quantised. */
export const randomTensor = (tensor: Tensor, seed: number, point: ZeroPoint | null): Tensor =>
  growTensor(tensor, {
    maps: tensor.dims.map((size) => new Int32Array(size).fill(-1)),
    zeros: [],
    meanAlong: null,
    fill: { kind: 'normal' },
    multiply: 1,
    add: 0,
    seed,
    point,
  });

function grownSource(tensor: Tensor, dims: readonly number[], growth: Growth): FillingSource {
  const width = elementBytes(tensor.dataType) ?? 0;
  const count = dims.reduce((a, b) => a * b, 1);
  const rowLength = dims.at(-1) ?? 1;
  const leading = dims.slice(0, -1);
  const runs = runsOf(growth.maps.at(-1) ?? null, rowLength);
  const oldRow = tensor.dims.at(-1) ?? 1;
  const scaled = growth.scaled ?? null;
  const corrected = growth.multiply !== 1 || growth.add !== 0 || scaled !== null;
  const key = hashName(tensor.name, growth.seed);
  const later = lazily(tensor, growth);
  const range = wholeRange(tensor, growth);
  const copyOld = readingAhead(tensor.data);

  /** Old row number of a row of the grown tensor, or −1; and its index per leading dimension. */
  function locate(row: number, index: number[]): number {
    let rest = row;
    for (let d = leading.length - 1; d >= 0; d--) {
      const size = leading[d] ?? 1;
      index[d] = rest % size;
      rest = (rest - (index[d] ?? 0)) / size;
    }
    let old = 0;
    for (let d = 0; d < leading.length; d++) {
      const map = growth.maps[d] ?? null;
      const own = map === null ? (index[d] ?? 0) : (map[index[d] ?? 0] ?? -1);
      if (own < 0) return -1;
      old = old * (tensor.dims[d] ?? 1) + own;
    }
    return old;
  }

  function fillRange(target: Uint8Array, offset: number, row: number, old: number, index: readonly number[], from: number, to: number): void {
    const zero = growth.zeros.filter((region) => leading.every((_, d) => region[d] == null || region[d]?.[index[d] ?? 0] === 1));
    const point = growth.point ?? null;
    if (point === null && zero.some((region) => region[leading.length] == null)) {
      target.fill(0, offset, offset + (to - from) * width);
      return;
    }
    const numbers = new Float64Array(to - from);
    later.values(numbers, row, old, index, from, key, rowLength);
    for (const region of zero) {
      const last = region[leading.length];
      for (let i = 0; i < numbers.length; i++) if (last == null || last[from + i] === 1) numbers[i] = 0;
    }
    if (point !== null) for (let i = 0; i < numbers.length; i++) numbers[i] = Math.round(numbers[i] ?? 0) + point.at(index, from + i);
    if (range !== null) for (let i = 0; i < numbers.length; i++) numbers[i] = Math.min(range[1], Math.max(range[0], Math.round(numbers[i] ?? 0)));
    // 0 · Infinity is no number: new elements stay finite in the stored type
    const limit = LARGEST.get(tensor.dataType) ?? Infinity;
    for (let i = 0; i < numbers.length; i++) if (Math.abs(numbers[i] ?? 0) > limit) numbers[i] = Math.sign(numbers[i] ?? 0) * limit;
    const place = target.byteOffset + offset;
    if (tensor.dataType === DataType.FLOAT && place % 4 === 0) new Float32Array(target.buffer, place, numbers.length).set(numbers);
    else target.set(encodeNumbers(tensor.dataType, numbers), offset);
  }

  /** Old elements of one row as they become, by the row's indices in the grown tensor. */
  function correctedNumbers(start: number, count: number, index: readonly number[]): Float64Array {
    const numbers = readNumbers(tensor, start, count).map((x) => x * growth.multiply + growth.add);
    const column = start % oldRow;
    for (const region of scaled?.regions ?? []) {
      const inside = leading.every((_, d) => region[d] == null || region[d]?.[growth.maps[d]?.[index[d] ?? 0] ?? index[d] ?? 0] === 1);
      const last = region[leading.length];
      if (inside) for (let i = 0; i < count; i++) if (last == null || last[column + i] === 1) numbers[i] = (numbers[i] ?? 0) * (scaled?.factor ?? 1);
    }
    return numbers;
  }

  function fill(at: number, bytes: Uint8Array): void {
    const { length } = bytes;
    let element = Math.floor(at / width);
    const skipBytes = at - element * width;
    if (skipBytes !== 0 || length % width !== 0) {
      const whole = new Uint8Array(Math.ceil((skipBytes + length) / width) * width);
      fill(element * width, whole);
      bytes.set(whole.subarray(skipBytes, skipBytes + length));
      return;
    }
    const end = element + length / width;
    const index: number[] = [];
    while (element < end) {
      const row = Math.floor(element / rowLength);
      const column = element - row * rowLength;
      const stop = Math.min(rowLength, column + end - element);
      const target = (element - at / width) * width;
      const old = locate(row, index);
      if (old >= 0 && runs === null && !corrected) {
        // whole old rows that follow each other are copied at once
        let rows = 1;
        let reach = stop - column;
        while (column === 0 && element + reach + rowLength <= end && locate(row + rows, index) === old + rows) {
          rows++;
          reach += rowLength;
        }
        readInto(tensor.data, (old * oldRow + column) * width, bytes.subarray(target, target + reach * width));
        element += reach;
        continue;
      }
      if (old < 0) fillRange(bytes, target, row, old, index, column, stop);
      else {
        for (const run of runs ?? [{ from: 0, to: rowLength, old: 0 }]) {
          const [a, b] = [Math.max(run.from, column), Math.min(run.to, stop)];
          if (a >= b) continue;
          const place = target + (a - column) * width;
          if (run.old < 0) fillRange(bytes, place, row, old, index, a, b);
          else {
            const start = old * oldRow + run.old + a - run.from;
            if (!corrected) copyOld(start * width, bytes.subarray(place, place + (b - a) * width));
            else bytes.set(encodeNumbers(tensor.dataType, correctedNumbers(start, b - a, index)), place);
          }
        }
      }
      element += stop - column;
    }
  }

  return {
    size: count * width,
    fill,
    read: (at, length) => {
      const bytes = new Uint8Array(length);
      fill(at, bytes);
      return bytes;
    },
  };
}

/** Smallest and largest new element of whole numbers; null for floats. */
function wholeRange(tensor: Tensor, { point }: Growth): readonly [number, number] | null {
  const bits = tensor.packed?.packing.bits ?? 0;
  if (bits > 0 && bits < 8) return tensor.packed?.packing.signed === true ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  // processors without dot products of bytes add pairs of products in 16 bits: 2 · 255 · 64 still fits, 2 · 255 · 127 does not
  if (tensor.dataType === DataType.INT8) return point == null ? [-128, 127] : [-64, 64];
  return WHOLE.get(tensor.dataType) ?? null;
}

const WHOLE = new Map<number, readonly [number, number]>([
  [DataType.UINT8, [0, 255]],
  [DataType.INT16, [-32768, 32767]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [DataType.UINT32, [0, 2 ** 32 - 1]],
  [DataType.INT64, [-Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [DataType.UINT64, [0, Number.MAX_SAFE_INTEGER]],
]);

/** Largest finite numbers of the float types. */
const LARGEST = new Map<number, number>([
  [DataType.FLOAT16, 65504],
  [DataType.BFLOAT16, 3.3895313892515355e38],
  [DataType.FLOAT, 3.4028234663852886e38],
]);

interface Run {
  readonly from: number;
  readonly to: number;
  readonly old: number;
}

/** Consecutive indices that are consecutive in the old tensor too, or all new; null when nothing grew. */
function runsOf(map: IndexMap, length: number): readonly Run[] | null {
  if (map === null) return null;
  const runs: Run[] = [];
  let from = 0;
  for (let i = 1; i <= length; i++) {
    const before = map[i - 1] ?? -1;
    const now = map[i];
    if (i < length && (before < 0 ? now === -1 : now === before + 1)) continue;
    runs.push({ from, to: i, old: map[from] ?? -1 });
    from = i;
  }
  return runs;
}

/** Statistics of the old tensor, computed at the first new element that needs them. */
function lazily(tensor: Tensor, growth: Growth) {
  let deviation: number | undefined;
  let average: number | undefined;
  let means: Float64Array | undefined;
  const oldCount = tensor.dims.reduce((a, b) => a * b, 1);

  function statistics(): { mean: number; deviation: number } {
    if (deviation === undefined || average === undefined) {
      const sample = sampleOf(tensor, oldCount);
      const mean = sample.reduce((sum, x) => sum + x, 0) / Math.max(1, sample.length);
      const variance = sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / Math.max(1, sample.length);
      average = mean * growth.multiply + growth.add;
      deviation = Number.isFinite(variance) && variance > 0 ? Math.sqrt(variance) : 1 / Math.sqrt(Math.max(1, tensor.dims[0] ?? 1));
    }
    return { mean: Number.isFinite(average) ? average : 0, deviation };
  }

  /** Mean over a leading dimension for every combination of the other indices. */
  function meansAlong(dim: number): Float64Array {
    if (means !== undefined) return means;
    const inner = tensor.dims.slice(dim + 1).reduce((a, b) => a * b, 1);
    const size = tensor.dims[dim] ?? 1;
    const outer = oldCount / inner / size;
    means = new Float64Array(outer * inner);
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < size; i++) {
        const slab = readNumbers(tensor, (o * size + i) * inner, inner);
        for (let j = 0; j < inner; j++) means[o * inner + j] = (means[o * inner + j] ?? 0) + (slab[j] ?? 0) / size;
      }
    }
    return means;
  }

  /** The means a range of a row is filled with; NaN where another new dimension leaves none. */
  function meanRow(row: readonly number[], old: number, from: number, count: number, dim: number): Float64Array | null {
    const last = tensor.dims.length - 1;
    if (dim === last) {
      if (old < 0) return null;
      const size = tensor.dims[last] ?? 1;
      const values = readNumbers(tensor, old * size, size);
      return new Float64Array(count).fill(values.reduce((sum, x) => sum + x, 0) / size);
    }
    const all = meansAlong(dim);
    let at = 0;
    for (let d = 0; d < last; d++) {
      if (d === dim) continue;
      const own = growth.maps[d]?.[row[d] ?? 0] ?? row[d] ?? 0;
      if (own < 0) return null;
      at = at * (tensor.dims[d] ?? 1) + own;
    }
    const length = tensor.dims[last] ?? 1;
    const map = growth.maps[last] ?? null;
    const out = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const own = map === null ? from + i : (map[from + i] ?? -1);
      out[i] = own < 0 ? NaN : (all[at * length + own] ?? 0);
    }
    return out;
  }

  /** The last old index before an index of the last dimension. */
  function oldBefore(at: number): number {
    const map = growth.maps.at(-1) ?? null;
    for (let i = at; i >= 0 && map !== null; i--) if ((map[i] ?? -1) >= 0) return map[i] ?? 0;
    return 0;
  }

  return {
    values(target: Float64Array, row: number, old: number, index: readonly number[], from: number, key: number, rowLength: number): void {
      const mean = growth.meanAlong === null ? null : meanRow(index, old, from, target.length, growth.meanAlong);
      if (mean?.every((x) => !Number.isNaN(x)) !== true) this.free(target, row, from, key, rowLength);
      mean?.forEach((x, i) => {
        if (!Number.isNaN(x)) target[i] = x;
      });
    },
    free(target: Float64Array, row: number, from: number, key: number, rowLength: number): void {
      const { fill } = growth;
      if (fill.kind === 'constant') target.fill(fill.value);
      else if (fill.kind === 'mean') target.fill(statistics().mean === 0 ? 1 : statistics().mean);
      else if (fill.kind === 'point') target.fill(Math.round(statistics().mean));
      else if (fill.kind === 'first-row') for (let i = 0; i < target.length; i++) target[i] = readNumbers(tensor, oldBefore(from + i), 1)[0] ?? 0;
      else {
        // quantised numbers that are all equal say nothing about a spread
        const scale = growth.point == null ? statistics().deviation : Math.max(1, statistics().deviation);
        const start = row * rowLength + from;
        for (let i = 0; i < target.length; i++) target[i] = scale * normalAt(key, start + i);
      }
    },
  };
}

/** At most 64 Ki elements, evenly spread: enough for a standard deviation within 1 %. */
function sampleOf(tensor: Tensor, count: number): Float64Array {
  const limit = 65536;
  if (count <= limit) return readNumbers(tensor, 0, count);
  const chunk = 1024;
  const pieces = limit / chunk;
  const sample = new Float64Array(limit);
  for (let i = 0; i < pieces; i++) sample.set(readNumbers(tensor, Math.floor((i * (count - chunk)) / (pieces - 1)), chunk), i * chunk);
  return sample;
}
