/** Comparing a constant of the new file with one of the old, row by row: old elements must be there, new ones are classified. */
import { elementCount } from '../onnx/data-types.ts';
import { DataType } from '../onnx/ir.ts';
import { type Dim, flat, type IndexMap, Kind } from './dim.ts';
import { rounded } from './fold.ts';
import type { Ref } from './term.ts';
import { positions } from './view.ts';

/** How old elements are stored in the new file: (old + shift) · factor − shift, rounded after each factor, within some units in the last place. */
export interface Stored {
  readonly factors: readonly number[];
  /** What stands beside the elements in the graph: 1 + γ is corrected in γ. */
  readonly shift: number;
  readonly ulps: number;
}

export const AS_IS: Stored = { factors: [], shift: 0, ulps: 0 };

/** What a scan found. */
export interface Scan {
  /** Old elements that were compared, and those that are not stored as they should be. */
  readonly compared: number;
  readonly wrong: number;
  readonly firstWrong: string;
  /** Kinds of new indices, by dimension; null for a dimension without new ones. */
  readonly kinds: readonly (Uint8Array | null)[];
  /** False when a new element is infinite or no number. */
  readonly finite: boolean;
}

/** A constant cut into dimensions, at least one: where the elements of each one are. */
interface Grid {
  readonly read: (start: number, count: number) => Float64Array;
  readonly offset: number;
  readonly steps: readonly (Int32Array | Float64Array)[];
  readonly dtype: number;
}

export function gridOf(ref: Ref): Grid | null {
  const { constant } = ref.base;
  if (constant === null) return null;
  return {
    read: constant.read,
    offset: ref.view.offset as number,
    steps: withOne(ref.view.dims).map((parts) => positions({ offset: 0, dims: [parts] })),
    dtype: constant.dtype,
  };
}

/** A single number is a row of one. */
const withOne = <T>(dims: readonly (readonly T[])[]): readonly (readonly T[])[] => (dims.length === 0 ? [[]] : dims);

/** Reads rows along a dimension. */
function rowsOf({ read, steps }: Grid, dim: number): (at: number) => Float64Array {
  const own = Float64Array.from(steps[dim] ?? []);
  if (own.every((step, i) => step === i)) return (at) => read(at, own.length);
  return (at) => own.map((step) => read(at + step, 1)[0] ?? 0);
}

/** The dimension whose elements lie closest together in the file. */
function innermost({ steps }: Grid): number {
  const distances = steps.map(([, second = Infinity]) => second);
  return distances.lastIndexOf(Math.min(...distances));
}

const indices = (size: number): IndexMap => ({ at: Int32Array.from({ length: size }, (_, i) => i), old: size });

/**
 * Walks over all elements of a new constant. `dims` say where old elements stand; without `old` nothing is compared.
 * New elements at `ignored` indices are multiplied by zero and count for nothing.
 */
export function scan(now: Ref, dims: readonly Dim[], old: Ref | null, stored: Stored = AS_IS, ignored: readonly (Uint8Array | null)[] = []): Scan | null {
  const [grid, oldGrid] = [gridOf(now), old === null ? null : gridOf(old)];
  const maps = withOne(dims).map((dim) => {
    const atom = flat(dim);
    return atom === null ? null : (atom.map ?? indices(atom.size as number));
  });
  if (grid === null || maps.includes(null)) return null;
  const all = maps as IndexMap[];
  const inner = innermost(grid);
  const outer = [...all.keys()].filter((d) => d !== inner);
  const map = all[inner]?.at ?? new Int32Array(0);
  const rows = rowsOf(grid, inner);
  const oldRows = oldGrid === null ? null : rowsOf(oldGrid, inner);
  const nonZero = all.map((own) => new Uint8Array(own.at.length));
  // new indices with a number other than zero where all other indices are old ones
  const besideOld = all.map((own) => new Uint8Array(own.at.length));
  const noMean = new Uint8Array(map.length);
  const index = all.map(() => 0);
  const total = elementCount(outer.map((d) => all[d]?.at.length ?? 1));
  const newInner = [...map.keys()].filter((i) => (map[i] ?? 0) < 0);
  const everywhere = [...map.keys()];
  const tolerance = epsilonOf(grid.dtype);
  let [compared, wrong, firstWrong, finite] = [0, 0, '', true];
  for (let count = 0; count < total; count++) {
    let [rest, place, oldPlace, skipped] = [count, grid.offset, oldGrid?.offset ?? 0, false];
    const added: number[] = [];
    for (const d of outer.toReversed()) {
      const { at } = all[d] as IndexMap;
      const own = rest % at.length;
      rest = (rest - own) / at.length;
      index[d] = own;
      place += grid.steps[d]?.[own] ?? 0;
      const oldIndex = at[own] ?? -1;
      if (oldIndex < 0) added.push(d);
      else oldPlace += oldGrid?.steps[d]?.[oldIndex] ?? 0;
      if (ignored[d]?.[own] === 1) skipped = true;
    }
    const isOld = added.length === 0;
    const values = rows(place);
    if (isOld && oldRows !== null) {
      const wanted = storedRow(oldRows(oldPlace), stored, grid.dtype);
      for (let i = 0; i < map.length; i++) {
        const from = map[i] ?? -1;
        if (from < 0) continue;
        compared++;
        const [x, y] = [values[i] ?? 0, wanted[from] ?? 0];
        if (x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x / y - 1) <= stored.ulps * tolerance) continue;
        if (wrong === 0) firstWrong = `[${index.with(inner, i).join(', ')}] is ${x} instead of ${y}`;
        wrong++;
      }
      if (wrong > 64 && wrong > compared / 8) return { compared, wrong, firstWrong, kinds: [], finite };
    }
    for (const i of isOld ? newInner : everywhere) {
      const x = values[i] ?? 0;
      if (!Number.isFinite(x)) finite = false;
      if (x === 0 || skipped || ignored[inner]?.[i] === 1) continue;
      index[inner] = i;
      for (const [d, own] of index.entries()) (nonZero[d] as Uint8Array)[own] = 1;
      const newIn = (map[i] ?? -1) < 0 ? [inner, ...added] : added;
      if (newIn.length === 1) for (const d of newIn) (besideOld[d] as Uint8Array)[index[d] ?? 0] = 1;
    }
    if (!skipped) markMeans(values, map, newInner, noMean, tolerance);
  }
  const kinds = all.map((own, d) => {
    if (!own.at.some((i) => i < 0)) return null;
    const mean = d === inner ? (i: number) => noMean[i] === 0 : outerMeans(grid, all, d, ignored, tolerance);
    const kind = (i: number): number => (nonZero[d]?.[i] === 0 ? Kind.ZERO : mean(i) ? Kind.MEAN : besideOld[d]?.[i] === 0 ? Kind.WEAK : Kind.ANY);
    return Uint8Array.from(own.at, (old, i) => (old >= 0 ? Kind.OLD : kind(i)));
  });
  return { compared, wrong, firstWrong, kinds, finite };
}

/** A row of old elements as it is stored in the new file. */
const storedRow = (row: Float64Array, { factors, shift }: Stored, dtype: number): Float64Array =>
  factors.reduce(
    (own, factor) =>
      rounded(
        dtype,
        own.map((x) => x * factor + (factor - 1) * shift),
      ),
    row,
  );

/** Notes which new elements of a row are not the mean of its old ones. */
function markMeans(values: Float64Array, map: Int32Array, added: readonly number[], noMean: Uint8Array, tolerance: number): void {
  const candidates = added.filter((i) => noMean[i] === 0);
  if (candidates.length === 0) return;
  const olds = values.filter((_, i) => (map[i] ?? -1) >= 0);
  const [mean, size] = [meanOf(olds), meanOf(olds.map(Math.abs))];
  for (const i of candidates) if (!isMean(values[i] ?? 0, mean, size, tolerance)) noMean[i] = 1;
}

const meanOf = (numbers: Float64Array): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

const isMean = (x: number, mean: number, size: number, tolerance: number): boolean => Math.abs(x - mean) <= tolerance * Math.abs(mean) + 1e-13 * size;

/** Relative distance of neighbouring numbers of a type. */
export function epsilonOf(dtype: number): number {
  if (dtype === DataType.DOUBLE) return 2 ** -52;
  if (dtype === DataType.FLOAT16) return 2 ** -10;
  return dtype === DataType.BFLOAT16 ? 2 ** -7 : 2 ** -23;
}

/** Means over a dimension that is not the innermost; constants of more than 2^22 such means are not looked at. */
function outerMeans(grid: Grid, all: readonly IndexMap[], dim: number, ignored: readonly (Uint8Array | null)[], tolerance: number): (i: number) => boolean {
  const others = all.flatMap(({ at }, d) => (d === dim ? [] : [[...at.keys()].flatMap((i) => (ignored[d]?.[i] === 1 ? [] : [grid.steps[d]?.[i] ?? 0]))]));
  const own = all[dim]?.at ?? new Int32Array(0);
  if (elementCount(others.map((steps) => steps.length)) > 1 << 22) return () => false;
  const lines = others.reduce<readonly number[]>((places, along) => places.flatMap((place) => along.map((step) => place + step)), [grid.offset]);
  const element = (line: number, j: number): number => grid.read(line + (grid.steps[dim]?.[j] ?? 0), 1)[0] ?? 0;
  const olds = [...own.keys()].filter((j) => (own[j] ?? -1) >= 0);
  /** Means of the old elements of lines, and of their absolute values; rows of a matrix are read one after the other. */
  const meansOf = (of: readonly number[]): readonly (readonly [mean: number, size: number])[] => {
    const [sums, sizes] = [new Float64Array(of.length), new Float64Array(of.length)];
    for (const j of olds) {
      for (const [i, line] of of.entries()) {
        const x = element(line, j);
        sums[i] = (sums[i] ?? 0) + x;
        sizes[i] = (sizes[i] ?? 0) + Math.abs(x);
      }
    }
    return of.map((_, i) => [(sums[i] ?? 0) / olds.length, (sizes[i] ?? 0) / olds.length]);
  };
  const added = [...own.keys()].filter((j) => (own[j] ?? -1) < 0);
  const meansIn = (of: readonly number[], candidates: readonly number[]): readonly number[] => {
    const means = meansOf(of);
    return candidates.filter((j) => means.every(([mean, size], i) => isMean(element(of[i] ?? 0, j), mean, size, tolerance)));
  };
  // a look at one line settles most matrices
  const hopeful = meansIn(lines.slice(0, 1), added);
  const found = new Set(hopeful.length === 0 ? [] : meansIn(lines, hopeful));
  return (j) => found.has(j);
}
