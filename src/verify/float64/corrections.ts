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

/** Constants of the new file whose rounding may show. */
export interface Rounded {
  readonly corrections: readonly Correction[];
  /** Names of these, and of constants that are no old one's copy and have no old one's name. */
  readonly names: ReadonlySet<string>;
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

/** Compares the constants of two cast models by name, then by content. */
export function findRounded(old: Constants, now: Constants): Rounded {
  const bySize = new Map<number, Tensor[]>();
  for (const { tensor } of old.values()) bySize.set(tensor.data.size, [...(bySize.get(tensor.data.size) ?? []), tensor]);
  const corrections: Correction[] = [];
  const names = new Set<string>();
  for (const [name, { tensor, storedAs }] of now) {
    const before = old.get(name)?.tensor;
    if (before !== undefined) {
      const found = correctionBetween(before, tensor, halfUnit(storedAs));
      if (found === null || found.factor === 1) continue;
      corrections.push({ tensor: name, ...found });
      names.add(name);
    } else if (!(bySize.get(tensor.data.size) ?? []).some((other) => sameNumbers(other, tensor))) names.add(name);
  }
  return { corrections, names };
}

const sameNumbers = (a: Tensor, b: Tensor): boolean => Buffer.compare(a.data.read(0, a.data.size), b.data.read(0, b.data.size)) === 0;

/**
 * The factor that makes every element of `now` that stands for an old one; 1 when they are equal bit for bit, null when
 * there is none. New elements may stand between and behind the old ones, which keep their order.
 */
export function correctionBetween(old: Tensor, now: Tensor, unit: number): Omit<Correction, 'tensor'> | null {
  if (old.dims.length !== now.dims.length || old.dims.some((size, i) => size > (now.dims[i] ?? 0))) return null;
  const [before, after] = [readNumbers(old), readNumbers(now)];
  if (isSubsequence(before, after)) return { factor: 1, offset: 0 };
  for (const offset of [0, 1] as const) {
    const factor = factorOf(before, after, firstAt(before, offset), old.dims, now.dims, unit, offset);
    // Equal up to rounding but not bit for bit is no correction: somebody changed elements.
    if (factor !== null) return { factor, offset };
  }
  return null;
}

function isSubsequence(before: Float64Array, after: Float64Array): boolean {
  let i = 0;
  for (let j = 0; j < after.length && i < before.length; j++) if (Object.is(before[i], after[j])) i++;
  return i === before.length;
}

const firstAt = (before: Float64Array, offset: number): number => before.findIndex((value) => value + offset !== 0);

/** One factor c with after = round(c·(before + offset) − offset) along a subsequence of `after`; null when there is none, or it is 1. */
function factorOf(
  before: Float64Array,
  after: Float64Array,
  first: number,
  dims: readonly number[],
  nowDims: readonly number[],
  unit: number,
  offset: number,
): number | null {
  const place = sameIndex(first, dims, nowDims);
  if (first < 0 || !Number.isFinite(before[first] ?? 0)) return null;
  let [low, high] = range(before[first] ?? 0, after[place] ?? 0, unit, offset);
  let i = 0;
  for (let j = 0; j < after.length && i < before.length; j++) {
    const [x, y] = [before[i] ?? 0, after[j] ?? 0];
    if (x + offset === 0) {
      if (y === x) i++;
      continue;
    }
    const [from, to] = range(x, y, unit, offset);
    if (Math.max(low, from) > Math.min(high, to)) continue;
    [low, high] = [Math.max(low, from), Math.min(high, to)];
    i++;
  }
  if (i < before.length || (low <= 1 && high >= 1)) return null;
  return (low + high) / 2;
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
