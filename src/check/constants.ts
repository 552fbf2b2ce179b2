/** What a constant of the new file is in terms of one of the old file. */
import { equal, isStatic } from '../analysis/size.ts';
import { DataType } from '../onnx/ir.ts';
import { ROUNDED } from './algebra.ts';
import type { Context } from './context.ts';
import { countOther, type Dim, flat, indexMap, Kind, mappedDim, oldSize, sameDim, withKinds } from './dim.ts';
import { numbersConstant, SMALL } from './elements.ts';
import { rounded } from './fold.ts';
import { isFloatType } from './numbers.ts';
import { exponentOf, factorsThrough, widthsBetween } from './runs.ts';
import { isOne, numberOf, ONE, partsOf, type Scale } from './scale.ts';
import { AS_IS, epsilonOf, gridOf, type Stored, scan } from './scan.ts';
import { fitted, type Ref, refOf, type Scaled, scaled, viewed } from './term.ts';
import { viewSizes } from './view.ts';

/** A constant of the new file as an old one: where its elements stand and up to which factor. */
export interface Match {
  readonly own: Scaled;
  readonly dims: readonly Dim[];
  readonly finite: boolean;
}

/** How close a constant came to an old one that it should be. */
export interface NearMiss {
  readonly wrong: number;
  readonly compared: number;
  readonly first: string;
}

const sizesOf = (ref: Ref): readonly number[] => viewSizes(ref.view).map((size) => (isStatic(size) ? size : 0));

/** True for a view of all elements of a constant. */
const isAll = (ref: Ref): boolean => {
  const parts = ref.view.dims.flat().filter((part) => part.step !== 0);
  const count = parts.reduce((total, part) => total * (isStatic(part.size) ? part.size : NaN), 1);
  return count === ref.base.constant?.dims.reduce((a, b) => a * b, 1);
};

/** Dimensions with the kinds that a scan found. */
const classified = (dims: readonly Dim[], kinds: readonly (Uint8Array | null)[]): readonly Dim[] =>
  dims.map((dim, d) => {
    const own = kinds[d];
    if (own == null) return dim;
    const atom = flat(dim);
    return atom === null ? dim : [withKinds(atom, (_, i) => own[i] ?? Kind.ANY)];
  });

/**
 * How an old element times a factor is stored in a new constant; 1 + γ is corrected in γ. Numbers in float64 are computed with a few
 * roundings, and so are those whose factor is known up to rounding only.
 */
function storedAs(now: Ref, old: Ref, scale: Scale, steps: readonly Scale[]): { readonly now: Ref; readonly old: Ref; readonly stored: Stored } {
  if (isOne(scale)) return { now, old, stored: AS_IS };
  const chained = [...scale.powers.keys()].filter((base) => base.startsWith(ROUNDED));
  // float64 numbers are made in a few roundings; every norm of a chain rounds once more
  const links = chained.reduce((count, base) => count + base.split('+').length - 1, 0);
  const ulps = now.base.constant?.dtype === DataType.DOUBLE ? 4 + links : Math.max(chained.length, links);
  const [shift, oldShift] = [now.base.constant?.shifted, old.base.constant?.shifted];
  if (shift != null && oldShift != null && shift.by === oldShift.by)
    return { now: like(now, shift.from), old: like(old, oldShift.from), stored: { factors: steps.map(numberOf), shift: shift.by, ulps } };
  return { now, old, stored: { factors: steps.map(numberOf), shift: 0, ulps } };
}

const like = (ref: Ref, constant: NonNullable<Ref['base']['constant']>): Ref => ({ ...ref, base: { ...ref.base, constant } });

/** The steps in which a factor may have been applied and rounded: at once, or what follows from sizes before or behind what is a chain of norms. */
function stepsOf(scale: Scale): readonly (readonly Scale[])[] {
  const parts = partsOf(scale);
  return parts === null ? [[scale]] : [[scale], parts, [...parts].reverse()];
}

/** Compares a new constant with an old one where all dimensions are known. */
export function compare(
  ctx: Context,
  now: Ref,
  old: Ref,
  dims: readonly Dim[],
  scale: Scale,
  ignored: readonly (Uint8Array | null)[] = [],
): Match | NearMiss | null {
  const attempt = (steps: readonly Scale[]): Match | NearMiss | null => compareIn(ctx, now, old, dims, scale, steps, ignored);
  let miss: Match | NearMiss | null = null;
  for (const steps of stepsOf(scale)) {
    const found = attempt(steps);
    if (found === null) return found;
    if (isMatch(found)) {
      noteCorrection(ctx, dims, scale, attempt, true);
      return found;
    }
    miss ??= found;
  }
  return noteCorrection(ctx, dims, scale, attempt, false) ?? miss;
}

/** Remembers a correction that follows from the growth of one of its dimensions. One that is not that of one run must be that of two: null if not. */
function noteCorrection(
  ctx: Context,
  dims: readonly Dim[],
  scale: Scale,
  attempt: (steps: readonly Scale[]) => Match | NearMiss | null,
  once: boolean,
): Match | null {
  if (isOne(scale)) return null;
  for (const map of dims.flatMap((dim) => flat(dim)?.map ?? [])) {
    const growth = { old: map.old, size: map.at.length };
    const exponent = exponentOf(scale, growth);
    if (exponent === null) continue;
    const inTwo = (width: number): Match | null => {
      const found = attempt(factorsThrough(growth, width, exponent));
      return isMatch(found) ? found : null;
    };
    const width = once ? undefined : widthsBetween(growth).find((m) => inTwo(m) !== null);
    if (!once && width === undefined) continue;
    ctx.corrections.push({ ...growth, where: 'stored weights', once, through: (m) => inTwo(m) !== null });
    return width === undefined ? null : inTwo(width);
  }
  return null;
}

function compareIn(
  ctx: Context,
  now: Ref,
  old: Ref,
  dims: readonly Dim[],
  scale: Scale,
  steps: readonly Scale[],
  ignored: readonly (Uint8Array | null)[],
): Match | NearMiss | null {
  const as = storedAs(now, old, scale, steps);
  const found = scan(as.now, dims, as.old, as.stored, ignored);
  if (found === null) return null;
  if (found.wrong > 0) return { wrong: found.wrong, compared: found.compared, first: found.firstWrong };
  if (found.finite && isAll(now)) ctx.finite.add(now.base);
  const kinds = as.now === now ? found.kinds : (scan(now, dims, null, AS_IS, ignored)?.kinds ?? found.kinds);
  return { own: scaled(old, scale), dims: classified(dims, kinds), finite: found.finite };
}

export const isMatch = (result: Match | NearMiss | null): result is Match => result !== null && 'own' in result;

/** The old elements of a small constant as a constant of their own, and the kinds of the new ones. */
export function restricted(ctx: Context, now: Ref, dims: readonly Dim[], ignored: readonly (Uint8Array | null)[] = []): Match | null {
  const repeats = now.view.dims.map((parts) => parts.length > 0 && parts.every((part) => part.step === 0));
  if (!repeats.includes(true)) return restrictedOnce(ctx, now, dims, ignored);
  // what is stretched holds its elements once, and is none of the dimensions in front that it did not have before
  const kept = now.view.dims.findIndex((_, d) => repeats[d] !== true || now.view.dims.length - d <= now.base.dims.length);
  const first = kept < 0 ? now.view.dims.length : kept;
  const left = now.view.dims.slice(first).map((parts, d) => (repeats[first + d] === true ? [] : parts));
  const once = viewed(now, { offset: now.view.offset, dims: left });
  const found = restrictedOnce(
    ctx,
    once,
    dims.slice(first).map((dim, d) => (repeats[first + d] === true ? [] : dim)),
    [],
  );
  const whole = found === null ? null : fitted(found.own.ref, dims.map(oldSize));
  return found === null || whole === null
    ? null
    : { ...found, own: scaled(whole), dims: dims.map((dim, d) => (repeats[d] === true ? dim : (found.dims[d - first] ?? dim))) };
}

function restrictedOnce(ctx: Context, now: Ref, dims: readonly Dim[], ignored: readonly (Uint8Array | null)[]): Match | null {
  const atoms = dims.map(flat);
  const sizes = dims.map(oldSize);
  const grid = gridOf(now);
  const constant = now.base.constant;
  if (grid === null || constant === null || atoms.some((atom) => atom === null) || !sizes.every(isStatic)) return null;
  const old = sizes as readonly number[];
  const count = old.reduce((a, b) => a * b, 1);
  if (count > SMALL || sizesOf(now).reduce((a, b) => a * b, 1) > 4 * SMALL) return null;
  const places = atoms.map((atom, d) => {
    const out = new Int32Array(old[d] ?? 1);
    if (atom?.map == null) return out.map((_, i) => i);
    atom.map.at.forEach((from, i) => {
      if (from >= 0) out[from] = i;
    });
    return out;
  });
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let [rest, at] = [i, grid.offset];
    for (let d = old.length - 1; d >= 0; d--) {
      const size = old[d] ?? 1;
      at += grid.steps[d]?.[places[d]?.[rest % size] ?? 0] ?? 0;
      rest = Math.floor(rest / size);
    }
    data[i] = grid.read(at, 1)[0] ?? 0;
  }
  const found = scan(now, dims, null, AS_IS, ignored);
  if (found === null) return null;
  const ref = knownRef(ctx, old, constant.dtype, data);
  const finite = found.finite && (ref.base.old || data.every(Number.isFinite));
  if (finite && isAll(now)) ctx.finite.add(now.base);
  return { own: scaled(ref), dims: classified(dims, found.kinds), finite };
}

/**
 * A constant of a new layer, which the old graph has not at this place. Where only the constant could say which of its elements are old
 * ones (null), a map that was seen before is taken where it says something of the others: that they are zero or means. Else all elements
 * are taken for old ones; a value that they meet later may say better.
 */
export function invented(ctx: Context, now: Ref, dims: readonly (Dim | null)[], ignored: readonly (Uint8Array | null)[] = []): Match | null {
  const sizes = sizesOf(now);
  const whole = dims.map((dim, d) => dim ?? sameDim(sizes[d] ?? 1));
  for (const [d, dim] of dims.entries()) {
    for (const hint of dim === null ? ctx.hintsTo(sizes[d] ?? 1) : []) {
      const found = restricted(
        ctx,
        now,
        whole.map((own, i) => (i === d ? hint : own)),
        ignored,
      );
      if (found === null || countOther(found.dims[d] ?? [], Kind.ZERO, Kind.MEAN, Kind.WEAK) > 0) continue;
      whole[d] = hint;
      break;
    }
  }
  return restricted(ctx, now, whole, ignored);
}

/** Numbers as a constant that the old graph has, which may lack dimensions of size 1 in front; else as a constant of their own. */
function knownRef(ctx: Context, dims: readonly number[], dtype: number, data: Float64Array): Ref {
  const whole = refOf(ctx.terms.constant(numbersConstant(dims, dtype, data)));
  for (let missing = 0; !whole.base.old && dims[missing] === 1; missing++) {
    const ref = refOf(ctx.terms.constant(numbersConstant(dims.slice(missing + 1), dtype, data)));
    const own = fitted(ref, dims);
    if (ref.base.old && own !== null) return own;
  }
  return whole;
}

/**
 * Relates a constant to an old one where some dimensions (null) are not known: maps that were accepted before for these sizes, then
 * what the contents say, then old elements first and new ones behind them.
 */
export function relate(
  ctx: Context,
  now: Ref,
  old: Ref,
  known: readonly (Dim | null)[],
  scale: Scale = ONE,
  ignored: readonly (Uint8Array | null)[] = [],
): Match | NearMiss | null {
  const repeats = now.view.dims.map((parts) => parts.length > 0 && parts.every((part) => part.step === 0));
  if (!repeats.includes(true)) return relateOnce(ctx, now, old, known, scale, ignored);
  const sizes = [viewSizes(now.view), viewSizes(old.view)];
  const dims = known.map((dim, d) =>
    repeats[d] === true ? (dim ?? (equal(sizes[0]?.[d] ?? 0, sizes[1]?.[d] ?? 1) ? sameDim(sizes[0]?.[d] ?? 1) : null)) : dim,
  );
  const isSplit = repeats.some((own, d) => own && (dims[d] === null || !(old.view.dims[d] ?? []).every((part) => part.step === 0)));
  if (isSplit || now.view.dims.length !== old.view.dims.length) return null;
  const once = (ref: Ref): Ref => viewed(ref, { offset: ref.view.offset, dims: ref.view.dims.map((parts, d) => (repeats[d] === true ? [] : parts)) });
  const found = relateOnce(
    ctx,
    once(now),
    once(old),
    dims.map((dim, d) => (repeats[d] === true ? [] : dim)),
    scale,
    ignored,
  );
  return isMatch(found) ? { ...found, own: scaled(old, scale), dims: found.dims.map((dim, d) => (repeats[d] === true ? (dims[d] ?? dim) : dim)) } : found;
}

function relateOnce(
  ctx: Context,
  now: Ref,
  old: Ref,
  known: readonly (Dim | null)[],
  scale: Scale,
  ignored: readonly (Uint8Array | null)[],
): Match | NearMiss | null {
  const [sizes, oldSizes] = [sizesOf(now), sizesOf(old)];
  if (sizes.length !== oldSizes.length || now.base.constant?.dtype !== old.base.constant?.dtype) return null;
  if (!isOne(scale) && !isFloatType(now.base.constant?.dtype ?? 0)) return null;
  if (known.some((dim, d) => dim !== null && oldSize(dim) !== oldSizes[d])) return null;
  const options = known.map((dim, d): readonly Dim[] => {
    const [size = 1, before = 1] = [sizes[d], oldSizes[d]];
    if (dim !== null) return [dim];
    if (size === before) return [sameDim(size)];
    return size < before ? [] : ctx.hints(before, size);
  });
  let best: NearMiss | null = null;
  const attempt = (dims: readonly Dim[]): Match | null => {
    const result = compare(ctx, now, old, dims, scale, ignored);
    if (isMatch(result)) {
      for (const [d, dim] of result.dims.entries()) if (known[d] === null) ctx.hint(dim);
      return result;
    }
    if (result !== null && (best === null || result.wrong / result.compared < best.wrong / best.compared)) best = result;
    return null;
  };
  for (const dims of combinations(options)) {
    const found = attempt(dims);
    if (found !== null) return found;
  }
  const unknown = known.flatMap((dim, d) => (dim === null && sizes[d] !== oldSizes[d] ? [d] : []));
  const [only] = unknown;
  if (only !== undefined && unknown.length === 1 && (sizes[only] ?? 0) > (oldSizes[only] ?? 0) && isOne(scale)) {
    const dim = byContent(
      now,
      old,
      known.map((own, d) => own ?? sameDim(sizes[d] ?? 1)),
      only,
    );
    const found = dim === null ? null : attempt(known.map((own, d) => (d === only ? dim : (own ?? sameDim(sizes[d] ?? 1)))));
    if (found !== null) return found;
  }
  return best;
}

function combinations(options: readonly (readonly Dim[])[]): readonly (readonly Dim[])[] {
  return options.reduce<readonly (readonly Dim[])[]>((all, own) => (all.length > 64 ? all : all.flatMap((list) => own.map((dim) => [...list, dim]))), [[]]);
}

/** Finds where the old slices of one dimension stand by their content, in order. */
function byContent(now: Ref, old: Ref, dims: readonly Dim[], dim: number): Dim | null {
  const [grid, oldGrid] = [gridOf(now), gridOf(old)];
  const others = dims.map((_, d) => d).filter((d) => d !== dim);
  const atoms = dims.map(flat);
  if (grid === null || oldGrid === null || atoms.some((atom) => atom === null)) return null;
  const lists = others.map((d) => {
    const atom = atoms[d];
    const size = oldGrid.steps[d]?.length ?? 1;
    const at = new Int32Array(size);
    if (atom?.map == null) return at.map((_, i) => i);
    atom.map.at.forEach((from, i) => {
      if (from >= 0) at[from] = i;
    });
    return at;
  });
  const lines = lists.reduce((product, list) => product * list.length, 1);
  // equal slices are rare, so a few hundred lines tell slices apart; the comparison that follows looks at all
  const step = Math.max(1, Math.floor(lines / 256));
  const hash = (own: typeof grid, isNew: boolean): number[] => {
    const steps = own.steps[dim] ?? [];
    const out = new Array<number>(steps.length).fill(0);
    for (let line = 0; line < lines; line += step) {
      let [rest, at] = [line, own.offset];
      for (let k = others.length - 1; k >= 0; k--) {
        const list = lists[k] ?? new Int32Array(1);
        const i = rest % list.length;
        rest = (rest - i) / list.length;
        at += own.steps[others[k] ?? 0]?.[isNew ? (list[i] ?? 0) : i] ?? 0;
      }
      for (let j = 0; j < steps.length; j++) out[j] = ((out[j] ?? 0) * 31 + (own.read(at + (steps[j] ?? 0), 1)[0] ?? 0) * (line + 1)) % 1e9;
    }
    return out;
  };
  const [before, after] = [hash(oldGrid, false), hash(grid, true)];
  const places = new Map<number, number[]>();
  for (const [i, value] of before.entries()) places.set(value, [...(places.get(value) ?? []), i]);
  const map = Int32Array.from(after, (value) => places.get(value)?.shift() ?? -1);
  if (map.filter((i) => i >= 0).length !== before.length) return null;
  return mappedDim(
    indexMap(map, before.length),
    Uint8Array.from(map, (i) => (i < 0 ? Kind.ANY : Kind.OLD)),
  );
}

/** True when a stored number is a real number rounded to the constant's type; in float64 the number itself is computed with two roundings. */
export function isRounded(dtype: number, stored: number, exact: number): boolean {
  const [wanted = exact] = rounded(dtype, Float64Array.of(exact));
  return stored === wanted || (dtype === DataType.DOUBLE && Math.abs(stored - wanted) <= 2 * epsilonOf(dtype) * Math.abs(wanted));
}
