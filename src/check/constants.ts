/** What a constant of the new file is in terms of one of the old file. */
import { equal, isStatic, product } from '../analysis/size.ts';
import { elementCount } from '../onnx/data-types.ts';
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
import { type Stride, viewSizes } from './view.ts';

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

/** Sizes of a view; null where one depends on the input, as that of a stretched constant may. */
function sizesOf(ref: Ref): readonly number[] | null {
  const sizes = viewSizes(ref.view);
  return sizes.every(isStatic) ? sizes : null;
}

/** True for a view of all elements of a constant; parts that are repeated count once. */
const isAll = ({ view, base }: Ref): boolean =>
  equal(product(view.dims.flatMap((parts) => parts.flatMap(({ size, step }) => (step === 0 ? [] : [size])))), product(base.dims));

/** Dimensions with the kinds that a scan found. */
const classified = (dims: readonly Dim[], kinds: readonly (Uint8Array | null)[]): readonly Dim[] =>
  dims.map((dim, d) => {
    const [own, atom] = [kinds[d], flat(dim)];
    return own == null || atom === null ? dim : [withKinds(atom, (_, i) => own[i] ?? Kind.ANY)];
  });

/**
 * How an old element times a factor is stored in a new constant; 1 + γ is corrected in γ. Numbers in float64 are computed with a few
 * roundings, and so are those whose factor is known up to rounding only.
 */
function storedAs(now: Ref, old: Ref, scale: Scale, steps: readonly Scale[]): { readonly now: Ref; readonly old: Ref; readonly stored: Stored } {
  if (isOne(scale)) return { now, old, stored: AS_IS };
  // float64 numbers are made in a few roundings; every norm of a chain rounds once more
  const chained = [...scale.powers.keys()].filter((base) => base.startsWith(ROUNDED));
  const links = chained.reduce((count, base) => count + base.split('+').length - 1, 0);
  const ulps = now.base.constant?.dtype === DataType.DOUBLE ? 4 + links : links;
  const factors = steps.map(numberOf);
  const [shift, oldShift] = [now.base.constant?.shifted, old.base.constant?.shifted];
  return shift != null && shift.by === oldShift?.by
    ? { now: like(now, shift.from), old: like(old, oldShift.from), stored: { factors, shift: shift.by, ulps } }
    : { now, old, stored: { factors, shift: 0, ulps } };
}

const like = (ref: Ref, constant: NonNullable<Ref['base']['constant']>): Ref => ({ ...ref, base: { ...ref.base, constant } });

/** The steps in which a factor may have been applied and rounded: at once, or what follows from sizes before or behind what is a chain of norms. */
function stepsOf(scale: Scale): readonly (readonly Scale[])[] {
  const parts = partsOf(scale);
  return parts === null ? [[scale]] : [[scale], parts, [...parts].reverse()];
}

/** Compares a new constant with an old one where all dimensions are known. */
function compare(ctx: Context, now: Ref, old: Ref, dims: readonly Dim[], scale: Scale, ignored: readonly (Uint8Array | null)[]): Match | NearMiss | null {
  const attempt = (steps: readonly Scale[]): Match | NearMiss | null => compareIn(ctx, now, old, dims, scale, steps, ignored);
  let miss: Match | NearMiss | null = null;
  for (const steps of stepsOf(scale)) {
    const found = attempt(steps);
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

/** The one of two that is wrong in fewer of its elements. */
export const closer = (a: NearMiss | null, b: NearMiss): NearMiss => (a === null || b.wrong / b.compared < a.wrong / a.compared ? b : a);

export const isMatch = (result: Match | NearMiss | null): result is Match => result !== null && 'own' in result;

/** The old elements of a small constant as a constant of their own, and the kinds of the new ones. */
export function restricted(ctx: Context, now: Ref, dims: readonly Dim[], ignored: readonly (Uint8Array | null)[] = []): Match | null {
  const isRepeated = now.view.dims.map(isStretched);
  // what is stretched holds its elements once, and is none of the dimensions in front that it did not have before
  const kept = isRepeated.findIndex((repeats, d) => !repeats || isRepeated.length - d <= now.base.dims.length);
  const first = kept < 0 ? isRepeated.length : kept;
  const once = <T>(list: readonly T[], empty: T): readonly T[] => list.slice(first).map((own, d) => (isRepeated[first + d] === true ? empty : own));
  const found = restrictedOnce(ctx, viewed(now, { offset: now.view.offset, dims: once(now.view.dims, []) }), once(dims, []), once(ignored, null));
  const whole = found === null ? null : fitted(found.own.ref, dims.map(oldSize));
  return found === null || whole === null
    ? null
    : { ...found, own: scaled(whole), dims: dims.map((dim, d) => (isRepeated[d] === true ? dim : (found.dims[d - first] ?? dim))) };
}

/** True for a dimension that repeats one element. */
const isStretched = (parts: readonly Stride[]): boolean => parts.length > 0 && parts.every((part) => part.step === 0);

function restrictedOnce(ctx: Context, now: Ref, dims: readonly Dim[], ignored: readonly (Uint8Array | null)[]): Match | null {
  const [grid, sizes, old] = [gridOf(now), sizesOf(now), dims.map(oldSize)];
  if (grid === null || sizes === null || !old.every(isStatic) || elementCount(old) > SMALL || elementCount(sizes) > 4 * SMALL) return null;
  // positions in the file of the old elements in their order
  let places: readonly number[] = [grid.offset];
  for (const [d, dim] of dims.entries()) {
    const steps = grid.steps[d] ?? [];
    const along = [...placesOf(dim)].map((at) => steps[at] ?? 0);
    places = places.flatMap((place) => along.map((step) => place + step));
  }
  const data = Float64Array.from(places, (at) => grid.read(at, 1)[0] ?? 0);
  const found = scan(now, dims, null, AS_IS, ignored);
  if (found === null) return null;
  const ref = knownRef(ctx, old, grid.dtype, data);
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
  const sizes = viewSizes(now.view);
  const whole = sizes.map((size, d) => dims[d] ?? sameDim(size));
  for (const [d, size] of sizes.entries()) {
    if (dims[d] !== null || !isStatic(size)) continue;
    const hint = ctx.hintsTo(size).find((own) => {
      const dim = restricted(ctx, now, whole.with(d, own), ignored)?.dims[d];
      return dim !== undefined && countOther(dim, Kind.ZERO, Kind.MEAN, Kind.WEAK) === 0;
    });
    if (hint !== undefined) whole[d] = hint;
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
  if (now.view.dims.length !== old.view.dims.length) return null;
  const oldSizes = viewSizes(old.view);
  const isRepeated = now.view.dims.map(isStretched);
  // a stretched dimension is as long as the old one, or as the caller says
  const dims = viewSizes(now.view).map((size, d) => known[d] ?? (isRepeated[d] === true && equal(size, oldSizes[d] ?? 0) ? sameDim(size) : null));
  if (isRepeated.some((repeats, d) => repeats && (dims[d] === null || old.view.dims[d]?.some((part) => part.step !== 0)))) return null;
  const once = <T>(list: readonly T[], empty: T): readonly T[] => list.map((own, d) => (isRepeated[d] === true ? empty : own));
  const onceOf = (ref: Ref): Ref => viewed(ref, { offset: ref.view.offset, dims: once(ref.view.dims, []) });
  const found = relateOnce(ctx, onceOf(now), onceOf(old), once(dims, []), scale, once(ignored, null));
  return isMatch(found) ? { ...found, own: scaled(old, scale), dims: found.dims.map((dim, d) => (isRepeated[d] === true ? (dims[d] ?? dim) : dim)) } : found;
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
  const dtype = now.base.constant?.dtype;
  if (sizes === null || oldSizes === null || dtype === undefined || dtype !== old.base.constant?.dtype) return null;
  if (!isOne(scale) && !isFloatType(dtype)) return null;
  if (known.some((dim, d) => dim !== null && oldSize(dim) !== oldSizes[d])) return null;
  const options = sizes.map((size, d): readonly Dim[] => {
    const [dim, before = 1] = [known[d] ?? null, oldSizes[d]];
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
    if (result !== null) best = closer(best, result);
    return null;
  };
  for (const dims of combinations(options)) {
    const found = attempt(dims);
    if (found !== null) return found;
  }
  const [only, ...others] = known.flatMap((dim, d) => (dim === null && sizes[d] !== oldSizes[d] ? [d] : []));
  if (only === undefined || others.length > 0) return best;
  const placed = sizes.map((size, d) => known[d] ?? sameDim(size));
  const dim = byContent(now, old, placed, only);
  return (dim === null ? null : attempt(placed.with(only, dim))) ?? best;
}

/** All choices of one of each list, or the first ones of many. */
const combinations = (options: readonly (readonly Dim[])[]): readonly (readonly Dim[])[] =>
  options.reduce<readonly (readonly Dim[])[]>((all, own) => all.flatMap((list) => own.map((dim) => [...list, dim])).slice(0, 256), [[]]);

/** For each old index of a dimension the new one. */
function placesOf(dim: Dim): Int32Array {
  const { map = null, old = 1 } = flat(dim) ?? {};
  if (map === null) return Int32Array.from({ length: old as number }, (_, i) => i);
  const places = new Int32Array(map.old);
  for (const [i, from] of map.at.entries()) if (from >= 0) places[from] = i;
  return places;
}

/** Finds where the old slices of one dimension stand by their content, in order. */
function byContent(now: Ref, old: Ref, dims: readonly Dim[], dim: number): Dim | null {
  const [grid, oldGrid] = [gridOf(now), gridOf(old)];
  if (grid === null || oldGrid === null) return null;
  const others = dims.flatMap((own, d) => (d === dim ? [] : [{ d, places: placesOf(own) }]));
  // equal slices are rare, so a few dozen lines tell slices apart; the comparison that follows looks at all
  const most = Math.ceil(64 ** (1 / others.length));
  const slices = (own: typeof grid, placed: boolean): readonly string[] => {
    let lines: readonly number[] = [own.offset];
    for (const { d, places } of others) {
      const step = Math.ceil(places.length / most);
      const along = [...places.keys()].filter((i) => i % step === 0).map((i) => own.steps[d]?.[placed ? (places[i] ?? 0) : i] ?? 0);
      lines = lines.flatMap((line) => along.map((at) => line + at));
    }
    return Array.from(own.steps[dim] ?? [], (step) => lines.map((line) => own.read(line + step, 1)[0]).join());
  };
  const places = new Map<string, number[]>();
  const [before, after] = [slices(oldGrid, false), slices(grid, true)];
  for (const [i, slice] of before.entries()) places.set(slice, [...(places.get(slice) ?? []), i]);
  const map = Int32Array.from(after, (slice) => places.get(slice)?.shift() ?? -1);
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
