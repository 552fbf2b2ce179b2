/**
 * Which elements of a tensor have a property, for tensors of any size.
 *
 * A dimension is a list of axes, outermost first (mixed radix). Indices of an axis that are alike in all that is known share a class,
 * and one bit is held for each combination of classes: a matrix of a million elements whose last rows are zeros is four bits.
 * An axis whose size depends on the input has one class.
 */
import { divideExactly, equal, isStatic, product, type Size } from '../../analysis/size.ts';
import { MOST_MAPPED } from '../dim.ts';

export interface Axis {
  readonly size: Size;
  /** The class of each index; null where all have one. */
  readonly classes: Int32Array | null;
  /** How many classes there are. */
  readonly count: number;
}

export interface Mask {
  readonly dims: readonly (readonly Axis[])[];
  /** 1 for elements that have the property, in row order over the classes of all axes. */
  readonly bits: Uint8Array;
}

/** More combinations of classes than this are not followed. */
export const MAX_CELLS = 1 << 20;

export const plainAxis = (size: Size): Axis => ({ size, classes: null, count: 1 });

export const plainDim = (size: Size): readonly Axis[] => (size === 1 ? [] : [plainAxis(size)]);

/** Every element has the property, or none. */
export const uniform = (sizes: readonly Size[], bit: 0 | 1): Mask => ({ dims: sizes.map(plainDim), bits: Uint8Array.of(bit) });

export const isNone = (mask: Mask): boolean => !mask.bits.includes(1);
export const not = (mask: Mask): Mask => ({ dims: mask.dims, bits: mask.bits.map((bit) => 1 - bit) });
export const sizesOf = (mask: Mask): readonly Size[] => mask.dims.map((axes) => product(axes.map((axis) => axis.size)));
export const classAt = (axis: Axis, index: number): number => axis.classes?.[index] ?? 0;
export const cellsOf = (axes: readonly Axis[]): number => axes.reduce((count, axis) => count * axis.count, 1);

/** Sums of one number of each list, for all ways to choose them; the last list's change first. */
export const sumsOf = (lists: readonly (readonly number[])[]): readonly number[] =>
  lists.reduce<readonly number[]>((sums, own) => sums.flatMap((sum) => own.map((step) => sum + step)), [0]);

/** An axis, and how far into the bits each of its classes lies. */
export interface Stepped {
  readonly axis: Axis;
  readonly steps: readonly number[];
}

export const steppedOf = (axes: readonly Axis[]): readonly Stepped[] =>
  axes.map((axis, a) => {
    const stride = cellsOf(axes.slice(a + 1));
    return { axis, steps: Array.from({ length: axis.count }, (_, own) => own * stride) };
  });

/** How far into the bits each cell of some axes lies. */
export const placesOf = (axes: readonly Stepped[]): readonly number[] => sumsOf(axes.map(({ steps }) => steps));

/** How far into the bits an index lies. */
const offsetAt = ({ axis, steps }: Stepped, index: number): number => steps[classAt(axis, index)] ?? 0;

/** The same for each index of some axes together; null where sizes are not known, or there are more indices than are followed. */
export function offsetsOf(axes: readonly Stepped[]): readonly number[] | null {
  const size = product(axes.map(({ axis }) => axis.size));
  if (!isStatic(size) || size > MOST_MAPPED) return null;
  return sumsOf(axes.map((own) => Array.from({ length: own.axis.size as number }, (_, i) => offsetAt(own, i))));
}

/** An axis on which indices with equal keys are one class, in the order they come; for each class the first index that has it. */
export function axisBy(size: number, keyAt: (index: number) => string | number): { readonly axis: Axis; readonly first: readonly number[] } {
  const known = new Map<string | number, number>();
  const first: number[] = [];
  const classes = Int32Array.from({ length: size }, (_, i) => {
    const key = keyAt(i);
    const own = known.get(key) ?? first.length;
    if (own === first.length) {
      known.set(key, own);
      first.push(i);
    }
    return own;
  });
  return first.length > 1 ? { axis: { size, classes, count: first.length }, first } : { axis: plainAxis(size), first: [0] };
}

/** Classes that have the same bits everywhere become one. */
export function tidied(mask: Mask): Mask {
  const { dims, bits } = mask;
  if (bits.length === 1) return mask;
  const all = steppedOf(dims.flat());
  const merged = all.map((own, a): Stepped => {
    const { axis, steps } = own;
    if (axis.count === 1) return own;
    const [outer, inner] = [placesOf(all.slice(0, a)), placesOf(all.slice(a + 1)).length];
    const keys = steps.map((step) => outer.map((start) => Buffer.from(bits.subarray(start + step, start + step + inner)).toString('latin1')).join(''));
    const made = axisBy(axis.size as number, (i) => keys[classAt(axis, i)] ?? '');
    return { axis: made.axis, steps: made.first.map((i) => offsetAt(own, i)) };
  });
  const left = merged.map(({ axis }) => axis);
  return {
    dims: dims.map((own) => left.splice(0, own.length)),
    bits: Uint8Array.from(placesOf(merged), (place) => bits[place] ?? 0),
  };
}

/** Axes and their bits. */
interface Laid {
  readonly axes: readonly Axis[];
  readonly bits: Uint8Array;
}

/**
 * Axes from `from` to `to` (without) replaced by others. Each class of these is made of places that lie so far apart in the bits as
 * `sources` says; `bit` says its bit from theirs.
 */
function replaced(
  { axes, bits }: Laid,
  [from, to]: readonly [number, number],
  made: readonly Axis[],
  sources: readonly (readonly number[])[],
  bit: (own: readonly number[]) => number,
): Laid {
  const all = steppedOf(axes);
  const inner = placesOf(all.slice(to));
  const out = placesOf(all.slice(0, from)).flatMap((before) =>
    sources.flatMap((own) => inner.map((after) => bit(own.map((place) => bits[before + place + after] ?? 0)))),
  );
  return { axes: [...axes.slice(0, from), ...made, ...axes.slice(to)], bits: Uint8Array.from(out) };
}

const only = ([bit = 0]: readonly number[]): number => bit;
export const anyBit = (bits: readonly number[]): number => (bits.includes(1) ? 1 : 0);
export const everyBit = (bits: readonly number[]): number => (bits.includes(0) ? 0 : 1);

/** Neighbouring axes `from`…`to` (without) of known sizes as one. */
function joined(laid: Laid, from: number, to: number): Laid | null {
  const offsets = offsetsOf(steppedOf(laid.axes).slice(from, to));
  if (offsets === null) return null;
  const { axis, first } = axisBy(offsets.length, (i) => offsets[i] ?? 0);
  const sources = first.map((i) => offsets.slice(i, i + 1));
  return replaced(laid, [from, to], [axis], sources, only);
}

/** One axis cut into an outer and an inner one. */
function cut(laid: Laid, at: number, outer: Size): Laid | null {
  const own = steppedOf(laid.axes)[at] as Stepped;
  const { axis } = own;
  const inner = divideExactly(axis.size, outer);
  if (inner === undefined) return null;
  if (axis.classes === null) return replaced(laid, [at, at + 1], [plainAxis(outer), plainAxis(inner)], [[0]], only);
  // an axis with classes has a known size
  const [height, width] = [outer as number, inner as number];
  const { classes } = axis;
  const rows = axisBy(height, (i) => classes.subarray(i * width, (i + 1) * width).join());
  const columns = axisBy(width, (j) => classes.filter((_, i) => i % width === j).join());
  const others = cellsOf([...laid.axes.slice(0, at), ...laid.axes.slice(at + 1)]);
  if (others * rows.first.length * columns.first.length > MAX_CELLS) return null;
  // both parts together say the class
  const sources = rows.first.flatMap((i) => columns.first.map((j) => [offsetAt(own, i * width + j)]));
  return replaced(laid, [at, at + 1], [rows.axis, columns.axis], sources, only);
}

/** The same elements in order, in dimensions of other sizes; null where that cannot be followed. */
export function reshaped(mask: Mask, sizes: readonly Size[]): Mask | null {
  let state: Laid = { axes: mask.dims.flat(), bits: mask.bits };
  let at = 0;
  const dims: (readonly Axis[])[] = [];
  for (const [d, size] of sizes.entries()) {
    const start = at;
    let left = size;
    while (!equal(left, 1)) {
      if (state.axes.slice(at).every((axis) => axis.count === 1)) {
        // nothing is told apart from here on
        const rest = [left, ...sizes.slice(d + 1)].map(plainDim);
        return tidied({ dims: [...dims, [...state.axes.slice(start, at), ...(rest[0] ?? [])], ...rest.slice(1)], bits: state.bits });
      }
      const whole = divideExactly(left, (state.axes[at] as Axis).size);
      if (whole === undefined) {
        const parts: Laid | null = cut(state, at, left) ?? (state.axes.length > at + 1 ? joined(state, at, at + 2) : null);
        if (parts === null) return null;
        state = parts;
      } else {
        at++;
        left = whole;
      }
    }
    dims.push(state.axes.slice(start, at));
  }
  return at === state.axes.length ? tidied({ dims, bits: state.bits }) : null;
}

/** The mask with a dimension as one axis; null where it has several, and one of unknown size. */
export function flattened(mask: Mask, dim: number): Mask | null {
  const own = mask.dims[dim] ?? [];
  if (own.length === 1) return mask;
  const from = mask.dims.slice(0, dim).flat().length;
  const laid = joined({ axes: mask.dims.flat(), bits: mask.bits }, from, from + own.length);
  return laid === null ? null : { dims: mask.dims.with(dim, laid.axes.slice(from, from + 1)), bits: laid.bits };
}

/** The mask with a dimension of other axes in the place of its own. */
function along(mask: Mask, dim: number, made: readonly Axis[], sources: readonly (readonly number[])[], bit: (own: readonly number[]) => number): Mask {
  const from = mask.dims.slice(0, dim).flat().length;
  const to = mask.dims.slice(0, dim + 1).flat().length;
  const { bits } = replaced({ axes: mask.dims.flat(), bits: mask.bits }, [from, to], made, sources, bit);
  return tidied({
    dims: mask.dims.with(
      dim,
      made.filter((axis) => axis.size !== 1),
    ),
    bits,
  });
}

/** A dimension in which each index is made of some of the old ones. */
function remade(mask: Mask, dim: number, from: readonly (readonly number[])[], bit: (own: readonly number[]) => number): Mask | null {
  const flat = flattened(mask, dim);
  if (flat === null) return null;
  const axis = steppedOf(flat.dims.flat())[flat.dims.slice(0, dim).flat().length] as Stepped;
  const offsets = from.map((own) => own.map((i) => offsetAt(axis, i)));
  const made = axisBy(from.length, (i) => offsets[i]?.join() ?? '');
  return along(
    flat,
    dim,
    [made.axis],
    made.first.map((i) => offsets[i] ?? []),
    bit,
  );
}

/** Elements of a dimension by number; −1 is an element that is not there and has the bit `outside`. */
export function picked(mask: Mask, dim: number, from: Int32Array, outside: 0 | 1): Mask | null {
  const sources = Array.from(from, (source) => (source < 0 ? [] : [source]));
  return remade(mask, dim, sources, ([bit = outside]) => bit);
}

/** The other way round: an element has the property when one of those that were made of it has. */
export function spread(mask: Mask, dim: number, from: Int32Array, size: number): Mask | null {
  const readers = Array.from({ length: size }, (): number[] => []);
  from.forEach((source, i) => {
    readers[source]?.push(i);
  });
  return remade(mask, dim, readers, anyBit);
}

/** The mask with a dimension of another size in which nothing is told apart: one element has the property, or (`every`) all have. */
export function blurred(mask: Mask, dim: number, size: Size, every: boolean): Mask {
  const [from, to] = [mask.dims.slice(0, dim).flat().length, mask.dims.slice(0, dim + 1).flat().length];
  const all = placesOf(steppedOf(mask.dims.flat()).slice(from, to));
  return along(mask, dim, [plainAxis(size)], [all], every ? everyBit : anyBit);
}
