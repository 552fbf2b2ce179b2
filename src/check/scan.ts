/** Comparing a constant of the new file with one of the old, row by row: old elements must be there, new ones are classified. */
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

/** A constant cut into dimensions: how far apart the elements of each one are. */
interface Grid {
  readonly read: (start: number, count: number) => Float64Array;
  readonly offset: number;
  readonly steps: readonly ArrayLike<number>[];
  readonly dtype: number;
}

export function gridOf(ref: Ref): Grid | null {
  const { constant } = ref.base;
  if (constant === null) return null;
  return {
    read: constant.read,
    offset: ref.view.offset as number,
    steps: ref.view.dims.map((parts) => positions({ offset: 0, dims: [parts] })),
    dtype: constant.dtype,
  };
}

/** One row along a dimension, as a copy. */
function row(grid: Grid, at: number, dim: number, into: Float64Array): Float64Array {
  const steps = grid.steps[dim] ?? [];
  const count = into.length;
  const span = (steps[count - 1] ?? 0) + 1;
  if (span === count) return grid.read(at, count);
  if (span <= 4 * count) {
    const block = grid.read(at, span);
    for (let i = 0; i < count; i++) into[i] = block[steps[i] ?? 0] ?? 0;
  } else for (let i = 0; i < count; i++) into[i] = grid.read(at + (steps[i] ?? 0), 1)[0] ?? 0;
  return into;
}

/** The dimension whose elements lie closest together in the file. */
function innermost(grid: Grid): number {
  let best = grid.steps.length - 1;
  for (const [d, steps] of grid.steps.entries()) {
    if (steps.length > 1 && (steps[1] ?? 0) < ((grid.steps[best]?.length ?? 0) > 1 ? (grid.steps[best]?.[1] ?? Infinity) : Infinity)) best = d;
  }
  return best;
}

const indices = (size: number): IndexMap => ({ at: Int32Array.from({ length: size }, (_, i) => i), old: size });

/**
 * Walks over all elements of a new constant. `dims` say where old elements stand; without `old` nothing is compared.
 * New elements at `ignored` indices are multiplied by zero and count for nothing.
 */
export function scan(now: Ref, dims: readonly Dim[], old: Ref | null, stored: Stored = AS_IS, ignored: readonly (Uint8Array | null)[] = []): Scan | null {
  const [grid, oldGrid] = [gridOf(now), old === null ? null : gridOf(old)];
  const maps = dims.map((dim) => {
    const atom = flat(dim);
    return atom === null ? null : (atom.map ?? indices(atom.size as number));
  });
  if (grid === null || (old !== null && oldGrid === null) || maps.some((map) => map === null)) return null;
  const all = maps as IndexMap[];
  const rank = all.length;
  const inner = rank === 0 ? -1 : innermost(grid);
  const outer = all.map((_, d) => d).filter((d) => d !== inner);
  const width = inner < 0 ? 1 : (all[inner]?.at.length ?? 1);
  const map = inner < 0 ? Int32Array.of(0) : (all[inner]?.at ?? new Int32Array(0));
  const oldWidth = inner < 0 ? 1 : (all[inner]?.old ?? 1);
  const [rowBuffer, oldBuffer] = [new Float64Array(width), new Float64Array(oldWidth)];
  const nonZero = all.map((own) => new Uint8Array(own.at.length));
  // new indices with a number other than zero where all other indices are old ones
  const besideOld = all.map((own) => new Uint8Array(own.at.length));
  const noMean = new Uint8Array(width);
  const index = new Array<number>(rank).fill(0);
  const total = outer.reduce((product, d) => product * (all[d]?.at.length ?? 1), 1);
  const newInner = [...map.keys()].filter((i) => (map[i] ?? 0) < 0);
  const tolerance = epsilonOf(grid.dtype);
  let [compared, wrong, firstWrong, finite] = [0, 0, '', true];
  for (let count = 0; count < total; count++) {
    let [rest, place, oldPlace, isOld, skipped] = [count, grid.offset, oldGrid?.offset ?? 0, true, false];
    let [added, lastAdded] = [0, 0];
    for (let i = outer.length - 1; i >= 0; i--) {
      const d = outer[i] ?? 0;
      const size = all[d]?.at.length ?? 1;
      const own = rest % size;
      rest = (rest - own) / size;
      index[d] = own;
      place += grid.steps[d]?.[own] ?? 0;
      const oldIndex = all[d]?.at[own] ?? -1;
      if (oldIndex < 0) {
        isOld = false;
        added++;
        lastAdded = d;
      } else oldPlace += oldGrid?.steps[d]?.[oldIndex] ?? 0;
      if (ignored[d]?.[own] === 1) skipped = true;
    }
    const values = inner < 0 ? grid.read(place, 1) : row(grid, place, inner, rowBuffer);
    if (isOld && oldGrid !== null) {
      const before = inner < 0 ? oldGrid.read(oldPlace, 1) : row(oldGrid, oldPlace, inner, oldBuffer);
      const wanted =
        stored === AS_IS
          ? before
          : stored.factors.reduce(
              (own, factor) =>
                rounded(
                  grid.dtype,
                  own.map((x) => x * factor + (factor - 1) * stored.shift),
                ),
              before,
            );
      for (let i = 0; i < width; i++) {
        const from = map[i] ?? -1;
        if (from < 0) continue;
        compared++;
        const [x, y] = [values[i] ?? 0, wanted[from] ?? 0];
        if (x === y || (Number.isNaN(x) && Number.isNaN(y)) || (stored.ulps > 0 && Math.abs(x - y) <= stored.ulps * tolerance * Math.abs(y))) continue;
        if (wrong === 0) firstWrong = `[${index.map((own, d) => (d === inner ? i : own)).join(', ')}] is ${x} instead of ${y}`;
        wrong++;
      }
      if (wrong > 64 && wrong > compared / 8) return { compared, wrong, firstWrong, kinds: [], finite };
    }
    if (isOld && newInner.length === 0) continue;
    const start = isOld ? newInner : null;
    const length = start === null ? width : start.length;
    for (let n = 0; n < length; n++) {
      const i = start === null ? n : (start[n] ?? 0);
      const x = values[i] ?? 0;
      if (!Number.isFinite(x)) finite = false;
      if (x === 0 || skipped || ignored[inner]?.[i] === 1) continue;
      if (inner >= 0) (nonZero[inner] as Uint8Array)[i] = 1;
      for (const d of outer) (nonZero[d] as Uint8Array)[index[d] ?? 0] = 1;
      const isOldInner = (map[i] ?? -1) >= 0;
      if (isOld && !isOldInner) (besideOld[inner] as Uint8Array)[i] = 1;
      else if (added === 1 && isOldInner) (besideOld[lastAdded] as Uint8Array)[index[lastAdded] ?? 0] = 1;
    }
    if (!skipped && newInner.length > 0) markMeans(values, map, newInner, noMean, tolerance);
  }
  const kinds = all.map((own, d) => {
    if (!own.at.some((i) => i < 0)) return null;
    const mean = d === inner ? (i: number) => noMean[i] === 0 : outerMeans(grid, all, d, ignored, tolerance, nonZero[d] as Uint8Array);
    const kind = (i: number): number => (nonZero[d]?.[i] === 0 ? Kind.ZERO : mean(i) ? Kind.MEAN : besideOld[d]?.[i] === 0 ? Kind.WEAK : Kind.ANY);
    return Uint8Array.from(own.at, (old, i) => (old >= 0 ? Kind.OLD : kind(i)));
  });
  return { compared, wrong, firstWrong, kinds, finite };
}

/** Notes which new elements of a row are not the mean of its old ones. */
function markMeans(values: Float64Array, map: Int32Array, added: readonly number[], noMean: Uint8Array, tolerance: number): void {
  if (added.every((i) => noMean[i] === 1)) return;
  let [sum, size, count] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    if ((map[i] ?? -1) < 0) continue;
    sum += values[i] ?? 0;
    size += Math.abs(values[i] ?? 0);
    count++;
  }
  const mean = sum / count;
  for (const i of added) if (!isMean(values[i] ?? 0, mean, size / count, tolerance)) noMean[i] = 1;
}

const isMean = (x: number, mean: number, size: number, tolerance: number): boolean => Math.abs(x - mean) <= tolerance * Math.abs(mean) + 1e-13 * size;

/** Relative distance of neighbouring numbers of a type. */
export function epsilonOf(dtype: number): number {
  if (dtype === DataType.DOUBLE) return 2 ** -52;
  if (dtype === DataType.FLOAT16) return 2 ** -10;
  return dtype === DataType.BFLOAT16 ? 2 ** -7 : 2 ** -23;
}

/** Means over a dimension that is not the innermost; constants of more than 2^22 such means are not looked at. */
function outerMeans(
  grid: Grid,
  all: readonly IndexMap[],
  dim: number,
  ignored: readonly (Uint8Array | null)[],
  tolerance: number,
  candidates: Uint8Array,
): (i: number) => boolean {
  const others = all.map((_, d) => d).filter((d) => d !== dim);
  const total = others.reduce((product, d) => product * (all[d]?.at.length ?? 1), 1);
  const own = all[dim]?.at ?? new Int32Array(0);
  if (total > 1 << 22 || !candidates.includes(1)) return () => false;
  const base = new Float64Array(total);
  const used = new Uint8Array(total).fill(1);
  for (let i = 0; i < total; i++) {
    let rest = i;
    let place = grid.offset;
    for (let k = others.length - 1; k >= 0; k--) {
      const d = others[k] ?? 0;
      const size = all[d]?.at.length ?? 1;
      const at = rest % size;
      rest = (rest - at) / size;
      place += grid.steps[d]?.[at] ?? 0;
      if (ignored[d]?.[at] === 1) used[i] = 0;
    }
    base[i] = place;
  }
  const element = (i: number, j: number): number => grid.read((base[i] ?? 0) + (grid.steps[dim]?.[j] ?? 0), 1)[0] ?? 0;
  const [sums, sizes] = [new Float64Array(total), new Float64Array(total)];
  const olds = [...own.keys()].filter((j) => (own[j] ?? -1) >= 0);
  // a first look at one line settles most matrices
  const line = (i: number): void => {
    for (const j of olds) {
      const x = element(i, j);
      sums[i] = (sums[i] ?? 0) + x / olds.length;
      sizes[i] = (sizes[i] ?? 0) + Math.abs(x) / olds.length;
    }
  };
  const first = used.indexOf(1);
  if (first < 0) return () => false;
  line(first);
  const hopeful = [...own.keys()].filter((j) => (own[j] ?? -1) < 0 && isMean(element(first, j), sums[first] ?? 0, sizes[first] ?? 0, tolerance));
  if (hopeful.length === 0) return () => false;
  sums[first] = 0;
  sizes[first] = 0;
  for (const j of olds) {
    for (let i = 0; i < total; i++) {
      const x = element(i, j);
      sums[i] = (sums[i] ?? 0) + x / olds.length;
      sizes[i] = (sizes[i] ?? 0) + Math.abs(x) / olds.length;
    }
  }
  const means = new Set(
    hopeful.filter((j) => {
      for (let i = 0; i < total; i++) if (used[i] === 1 && !isMean(element(i, j), sums[i] ?? 0, sizes[i] ?? 0, tolerance)) return false;
      return true;
    }),
  );
  return (j) => means.has(j);
}
