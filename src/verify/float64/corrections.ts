/**
 * Stored corrections: constants of the new file that are an old one times a factor, rounded to the type they are stored in.
 * Their rounding is the only difference that two files of one function may show in float64.
 */
import type { Tensor } from '../../onnx/ir.ts';
import { DataType } from '../../onnx/ir.ts';
import { readNumbers } from '../../onnx/tensor.ts';
import type { DoubleModel } from './cast-model.ts';

/** A constant of the new file that holds an old one times a factor. */
export interface Correction {
  readonly tensor: string;
  readonly factor: number;
  /** What is added before the factor and taken off after it: 1 for gains that are stored as what they add to 1. */
  readonly offset: 0 | 1;
}

/** Constants of the new file that were rounded when they were stored. */
export interface Rounded {
  readonly corrections: readonly Correction[];
  /** Constants by name as they were before: corrections, and means of old elements that stand beside them. */
  readonly exact: ReadonlyMap<string, Float64Array>;
  /** Names of constants whose unrounded values are not known: other factors, and what is no old constant's copy. */
  readonly unclear: ReadonlySet<string>;
  /** Names of old constants whose numbers the new file does not hold: folded into others, or computed. */
  readonly gone: ReadonlySet<string>;
}

/** Half a unit in the last place, relative to the power of two below a number: 2^-bits. */
const BITS: ReadonlyMap<number, number> = new Map([
  [DataType.FLOAT, 24],
  [DataType.FLOAT16, 11],
  [DataType.BFLOAT16, 8],
  [DataType.DOUBLE, 53],
]);

/** Half a unit in the last place of a stored type, relative to the numbers it holds. */
export const halfUnit = (storedAs: number): number => 2 ** -(BITS.get(storedAs) ?? 24);

type Constants = DoubleModel['constants'];

/** Compares the constants of two cast models: each with its namesake, else with any that it may hold. */
export function findRounded(old: Constants, now: Constants): Rounded {
  const factors = likelyFactors(old, now);
  const corrections: Correction[] = [];
  const exact = new Map<string, Float64Array>();
  const unclear = new Set<string>();
  const held = new Set<Tensor>();
  for (const [name, { tensor, storedAs }] of now) {
    const unit = halfUnit(storedAs);
    const own = old.get(name)?.tensor;
    // exporters number constants, so that one may have the name of quite another one
    const scaledOwn = own === undefined ? null : scaledBy(own, tensor, unit);
    const isNamesake = own !== undefined && (scaledOwn !== null || isLike(own, tensor));
    const found = isNamesake ? { before: own, scaled: scaledOwn } : heldBy(old, tensor, unit, factors);
    if (found === null) unclear.add(name);
    if (found === null) continue;
    held.add(found.before);
    if (found.scaled === null) {
      const part = partlyScaled(found.before, tensor, unit, factors);
      if (part === null) continue;
      corrections.push({ tensor: name, factor: part.factor, offset: 0 });
      exact.set(name, part.exact);
      continue;
    }
    const { before, scaled } = found;
    const factor = scaled === 'equal' ? 1 : factors.find((own) => own >= scaled.low && own <= scaled.high);
    if (scaled !== 'equal') corrections.push({ tensor: name, factor: factor ?? (scaled.low + scaled.high) / 2, offset: scaled.offset });
    if (factor === undefined) unclear.add(name);
    const numbers = readNumbers(tensor);
    const whole = scaled === 'equal' || factor === undefined ? numbers : unrounded(readNumbers(before), numbers, scaled, factor);
    const means = withMeans(whole, before.dims, tensor.dims, unit);
    if (factor !== undefined && (scaled !== 'equal' || means !== null)) exact.set(name, means ?? whole);
  }
  const contents = [...now.values()];
  const gone = [...old].flatMap(([name, { tensor }]) =>
    held.has(tensor) ||
    contents.some((own) => own.tensor.dims.join() === tensor.dims.join() && scaledBy(tensor, own.tensor, halfUnit(own.storedAs)) === 'equal')
      ? []
      : [name],
  );
  return { corrections, exact, unclear, gone: new Set(gone) };
}

/** True for numbers that are more alike than not: the same weight, though some of it may have changed. Grown ones are what their name says. */
function isLike(old: Tensor, now: Tensor): boolean {
  const [before, after] = [readNumbers(old), readNumbers(now)];
  if (before.length !== after.length) return true;
  let [apart, size] = [0, 0];
  for (const [i, x] of before.entries()) {
    apart += ((after[i] ?? 0) - x) ** 2;
    size += x ** 2;
  }
  return apart <= size / 4;
}

/**
 * A constant in which some old elements are as they were and the others times one likely factor: queries, keys and values may
 * share a matrix, and a score scale is a matter of one of them.
 */
function partlyScaled(old: Tensor, now: Tensor, unit: number, factors: readonly number[]): { readonly factor: number; readonly exact: Float64Array } | null {
  if (!fits(old.dims, now.dims)) return null;
  const [before, after] = [readNumbers(old), readNumbers(now)];
  for (const factor of factors) {
    const exact = Float64Array.from(after);
    let i = 0;
    for (let j = 0; j < after.length && i < before.length; j++) {
      const [x, y] = [before[i] ?? 0, after[j] ?? 0];
      const [low, high] = x === 0 ? [1, 0] : range(x, y, unit, 0);
      const scaled = low <= factor && factor <= high;
      if (!scaled && !Object.is(x, y)) continue;
      if (scaled) exact[j] = factor * x;
      i++;
    }
    if (i === before.length) return { factor, exact };
  }
  return null;
}

/** An old constant whose elements a new one holds, as they are or times a likely factor. */
function heldBy(old: Constants, now: Tensor, unit: number, factors: readonly number[]): { readonly before: Tensor; readonly scaled: Scaled | 'equal' } | null {
  const after = readNumbers(now);
  for (const { tensor: before } of old.values()) {
    if (!fits(before.dims, now.dims)) continue;
    const numbers = readNumbers(before);
    const first = numbers.findIndex((value) => value !== 0);
    const [low, high] = first < 0 ? [1, 1] : range(numbers[first] ?? 0, after[sameIndex(first, before.dims, now.dims)] ?? 0, unit, 0);
    if (![1, ...factors].some((factor) => factor >= low && factor <= high)) continue;
    const scaled = scaledBy(before, now, unit);
    if (scaled === 'equal' || (scaled !== null && factors.some((factor) => factor >= scaled.low && factor <= scaled.high))) return { before, scaled };
  }
  return null;
}

const fits = (dims: readonly number[], nowDims: readonly number[]): boolean =>
  dims.length === nowDims.length && dims.every((size, i) => size <= (nowDims[i] ?? 0));

/**
 * Elements behind the old ones of an axis that are their mean, as it was before it was rounded: growth fills the new channels of
 * a stream so, where LayerNorm reads it. Null when no axis is filled like that.
 */
function withMeans(numbers: Float64Array, dims: readonly number[], nowDims: readonly number[], unit: number): Float64Array | null {
  let filled: Float64Array | null = null;
  nowDims.forEach((size, axis) => {
    const before = dims[axis] ?? size;
    if (size === before || before === 0) return;
    const own = filled ?? numbers;
    const stride = nowDims.slice(axis + 1).reduce((a, b) => a * b, 1);
    const result = Float64Array.from(own);
    for (let line = 0; line < own.length / size; line++) {
      const start = Math.floor(line / stride) * stride * size + (line % stride);
      let sum = 0;
      for (let i = 0; i < before; i++) sum += own[start + i * stride] ?? 0;
      const mean = sum / before;
      for (let i = before; i < size; i++) {
        if (Math.abs((own[start + i * stride] ?? 0) - mean) > 2 * unit * Math.abs(mean) + 1e-40) return;
        result[start + i * stride] = mean;
      }
    }
    filled = result;
  });
  return filled;
}

/** Powers of the ratios between old and new sizes: √(h/ĥ) for gains, h/ĥ for epsilons, and the like. */
function likelyFactors(old: Constants, now: Constants): readonly number[] {
  const ratios = new Set<number>();
  for (const [name, { tensor }] of now) {
    const dims = old.get(name)?.tensor.dims;
    if (dims?.length !== tensor.dims.length) continue;
    dims.forEach((size, i) => {
      if (size !== tensor.dims[i] && size > 0) ratios.add(size / (tensor.dims[i] ?? 1));
    });
  }
  return [0.5, 1, 0.25, 2].flatMap((power) => [...ratios].flatMap((ratio) => [ratio ** power, ratio ** -power]));
}

/** The new numbers with the corrected ones as they were before they were rounded. */
function unrounded(before: Float64Array, after: Float64Array, { places, offset }: Scaled, factor: number): Float64Array {
  const exact = Float64Array.from(after);
  places.forEach((place, i) => {
    exact[place] = factor * ((before[i] ?? 0) + offset) - offset;
  });
  return exact;
}

/** One factor c with now = round(c·(old + offset) − offset), from `low` to `high`, and where each old element stands now. */
interface Scaled {
  readonly low: number;
  readonly high: number;
  readonly offset: 0 | 1;
  readonly places: Int32Array;
}

/**
 * The factor that makes every element of `now` that stands for an old one; 'equal' when they are bit for bit, null when there
 * is none. New elements may stand between and behind the old ones, which keep their order.
 */
export function scaledBy(old: Tensor, now: Tensor, unit: number): Scaled | 'equal' | null {
  if (!fits(old.dims, now.dims)) return null;
  const [before, after] = [readNumbers(old), readNumbers(now)];
  if (isSubsequence(before, after)) return 'equal';
  for (const offset of [0, 1] as const) {
    const first = before.findIndex((value) => value + offset !== 0);
    const scaled = first < 0 ? null : follow(before, after, [first, sameIndex(first, old.dims, now.dims)], unit, offset);
    if (scaled !== null) return scaled;
  }
  return null;
}

function isSubsequence(before: Float64Array, after: Float64Array): boolean {
  let i = 0;
  for (let j = 0; j < after.length && i < before.length; j++) if (Object.is(before[i], after[j])) i++;
  return i === before.length;
}

/** Follows the old elements through the new ones; `start` is the first one that says something of the factor, old and new index. */
function follow(before: Float64Array, after: Float64Array, start: readonly [number, number], unit: number, offset: 0 | 1): Scaled | null {
  let [low, high] = range(before[start[0]] ?? 0, after[start[1]] ?? 0, unit, offset);
  const places = new Int32Array(before.length);
  let i = 0;
  for (let j = 0; j < after.length && i < before.length; j++) {
    const [x, y] = [before[i] ?? 0, after[j] ?? 0];
    if (x + offset !== 0) {
      const [from, to] = range(x, y, unit, offset);
      if (!(Math.max(low, from) <= Math.min(high, to))) continue;
      [low, high] = [Math.max(low, from), Math.min(high, to)];
    } else if (y !== x) continue;
    places[i++] = j;
  }
  // Equal up to rounding but not bit for bit is no correction: somebody changed elements.
  if (i < before.length || (low <= 1 && high >= 1) || !Number.isFinite(low + high)) return null;
  return { low, high, offset, places };
}

/** Factors that make `y` of `x` after rounding. */
function range(x: number, y: number, unit: number, offset: number): readonly [number, number] {
  const slack = y === 0 ? 0 : 2 ** Math.floor(Math.log2(Math.abs(y))) * unit * 1.001;
  const ends = [(y - slack + offset) / (x + offset), (y + slack + offset) / (x + offset)] as const;
  return ends[0] < ends[1] ? ends : [ends[1], ends[0]];
}

/** The place in the new tensor of an element's old index. */
function sameIndex(flat: number, dims: readonly number[], nowDims: readonly number[]): number {
  let rest = Math.max(0, flat);
  let place = 0;
  let stride = 1;
  for (let d = dims.length - 1; d >= 0; d--) {
    place += (rest % (dims[d] ?? 1)) * stride;
    rest = Math.floor(rest / (dims[d] ?? 1));
    stride *= nowDims[d] ?? 1;
  }
  return place;
}
