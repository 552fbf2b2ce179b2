/**
 * Which elements of a tensor have a property, for tensors of any size.
 *
 * A dimension is a list of axes, outermost first (mixed radix). Indices of an axis that are alike in all that is known share a class,
 * and one bit is held for each combination of classes: a matrix of a million elements whose last rows are zeros is four bits.
 * An axis whose size depends on the input has one class.
 */
import { divideExactly, equal, isStatic, product, type Size } from '../../analysis/size.ts';

export interface Axis {
  readonly size: Size;
  /** The class of each index; null where all have one. */
  readonly classes: Int32Array | null;
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

/** Every element has the property, or none. */
export const uniform = (sizes: readonly Size[], bit: 0 | 1): Mask => ({
  dims: sizes.map((size) => (size === 1 ? [] : [plainAxis(size)])),
  bits: Uint8Array.of(bit),
});

export const isNone = (mask: Mask): boolean => !mask.bits.includes(1);
export const not = (mask: Mask): Mask => ({ dims: mask.dims, bits: mask.bits.map((bit) => 1 - bit) });
export const axesOf = (mask: Mask): readonly Axis[] => mask.dims.flat();
export const sizesOf = (mask: Mask): readonly Size[] => mask.dims.map((axes) => product(axes.map((axis) => axis.size)));
export const classAt = (axis: Axis, index: number): number => axis.classes?.[index] ?? 0;

/** How far apart neighbouring classes of each axis lie in the bits. */
export function stridesOf(axes: readonly Axis[]): number[] {
  const strides = new Array<number>(axes.length).fill(1);
  for (let a = axes.length - 2; a >= 0; a--) strides[a] = (strides[a + 1] ?? 1) * (axes[a + 1]?.count ?? 1);
  return strides;
}

export const cellsOf = (axes: readonly Axis[]): number => axes.reduce((count, axis) => count * axis.count, 1);

/** Calls with the place of each cell of some axes, and the sum of what `steps` says for each class of each axis. */
export function eachCell(axes: readonly Axis[], steps: readonly ArrayLike<number>[], visit: (cell: number, place: number) => void): void {
  const at = new Int32Array(axes.length);
  const total = cellsOf(axes);
  for (let cell = 0; cell < total; cell++) {
    let place = 0;
    for (let a = 0; a < axes.length; a++) place += steps[a]?.[at[a] ?? 0] ?? 0;
    visit(cell, place);
    for (let a = axes.length - 1; a >= 0; a--) {
      at[a] = (at[a] ?? 0) + 1;
      if ((at[a] ?? 0) < (axes[a]?.count ?? 1)) break;
      at[a] = 0;
    }
  }
}

/** The mask with other axes; `steps` say for each class of each new axis how far in the old bits it lies. */
function relaid(dims: readonly (readonly Axis[])[], bits: Uint8Array, steps: readonly Int32Array[]): Mask {
  const axes = dims.flat();
  const out = new Uint8Array(cellsOf(axes));
  eachCell(axes, steps, (cell, place) => {
    out[cell] = bits[place] ?? 0;
  });
  return { dims, bits: out };
}

const straight = (count: number, stride: number): Int32Array => Int32Array.from({ length: count }, (_, c) => c * stride);

/** Indices with equal keys become one class, in the order they come. */
export function classesBy(size: number, keyAt: (index: number) => string | number): { readonly classes: Int32Array; readonly first: readonly number[] } {
  const known = new Map<string | number, number>();
  const first: number[] = [];
  const classes = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const key = keyAt(i);
    let own = known.get(key);
    if (own === undefined) {
      own = first.length;
      known.set(key, own);
      first.push(i);
    }
    classes[i] = own;
  }
  return { classes, first };
}

const axisBy = (size: number, keyAt: (index: number) => string | number): { readonly axis: Axis; readonly first: readonly number[] } => {
  const { classes, first } = classesBy(size, keyAt);
  return { axis: { size, classes: first.length > 1 ? classes : null, count: Math.max(first.length, 1) }, first };
};

/** Classes that have the same bits everywhere become one. */
export function tidied(mask: Mask): Mask {
  const axes = axesOf(mask);
  const strides = stridesOf(axes);
  const merged = axes.map((axis, a): { axis: Axis; first: readonly number[] } => {
    if (axis.count === 1) return { axis, first: [0] };
    const stride = strides[a] ?? 1;
    const texts: string[] = Array.from({ length: axis.count }, (_, c) => {
      let text = '';
      for (let outer = c * stride; outer < mask.bits.length; outer += stride * axis.count)
        text += String.fromCharCode(...mask.bits.subarray(outer, outer + stride).map((bit) => 48 + bit));
      return text;
    });
    const { classes, first } = classesBy(axis.count, (c) => texts[c] ?? '');
    return {
      axis: { size: axis.size, classes: first.length === 1 ? null : (axis.classes?.map((own) => classes[own] ?? 0) ?? null), count: first.length },
      first,
    };
  });
  if (merged.every(({ axis }, a) => axis.count === axes[a]?.count)) return mask;
  let next = 0;
  const dims = mask.dims.map((own) => own.map(() => merged[next++]?.axis ?? plainAxis(1)));
  return relaid(
    dims,
    mask.bits,
    merged.map(({ first }, a) => Int32Array.from(first, (c) => c * (strides[a] ?? 1))),
  );
}

/** Axes and their bits. */
interface Laid {
  readonly axes: readonly Axis[];
  readonly bits: Uint8Array;
}

/** Neighbouring axes `from`…`to` (without) of known sizes as one. */
function joined(axes: readonly Axis[], bits: Uint8Array, from: number, to: number): Laid | null {
  const own = axes.slice(from, to);
  if (!own.every((axis) => isStatic(axis.size))) return null;
  const size = own.reduce((total, axis) => total * (axis.size as number), 1);
  const strides = stridesOf(axes);
  const offsetAt = (index: number): number => {
    let [rest, offset] = [index, 0];
    for (let a = to - 1; a >= from; a--) {
      const length = axes[a]?.size as number;
      offset += classAt(axes[a] as Axis, rest % length) * (strides[a] ?? 1);
      rest = Math.floor(rest / length);
    }
    return offset;
  };
  const { axis, first } = axisBy(size, offsetAt);
  const all = [...axes.slice(0, from), axis, ...axes.slice(to)];
  const steps = [
    ...axes.slice(0, from).map((other, a) => straight(other.count, strides[a] ?? 1)),
    Int32Array.from(first, offsetAt),
    ...axes.slice(to).map((other, a) => straight(other.count, strides[to + a] ?? 1)),
  ];
  return { axes: all, bits: relaid([all], bits, steps).bits };
}

/** One axis cut into an outer and an inner one. */
function cut(axes: readonly Axis[], bits: Uint8Array, at: number, outer: Size): Laid | null {
  const axis = axes[at] as Axis;
  const inner = divideExactly(axis.size, outer);
  if (inner === undefined) return null;
  const around = (...parts: readonly Axis[]): readonly Axis[] => [...axes.slice(0, at), ...parts, ...axes.slice(at + 1)];
  if (axis.classes === null) return { axes: around(plainAxis(outer), plainAxis(inner)), bits };
  if (!isStatic(outer) || !isStatic(inner)) return null;
  const { classes } = axis;
  const rows = axisBy(outer, (i) => classes.subarray(i * inner, (i + 1) * inner).join());
  const columns = axisBy(inner, (j) => {
    const column: number[] = [];
    for (let i = 0; i < outer; i++) column.push(classes[i * inner + j] ?? 0);
    return column.join();
  });
  const stride = stridesOf(axes)[at] ?? 1;
  const all = around(rows.axis, columns.axis);
  if (cellsOf(all) > MAX_CELLS) return null;
  // both parts together say the class, so they are laid out as one step of the outer axis at a time
  const after = bits.length / (axis.count * cellsOf(axes.slice(0, at)));
  const out = new Uint8Array(cellsOf(all));
  let cell = 0;
  for (let before = 0; before < cellsOf(axes.slice(0, at)); before++)
    for (const i of rows.first)
      for (const j of columns.first) {
        const start = before * axis.count * after + (classes[i * inner + j] ?? 0) * stride;
        for (let k = 0; k < after; k++) out[cell++] = bits[start + k] ?? 0;
      }
  return { axes: all, bits: out };
}

/** The same elements in order, in dimensions of other sizes; null where that cannot be followed. */
export function reshaped(mask: Mask, sizes: readonly Size[]): Mask | null {
  let state: Laid = { axes: axesOf(mask).filter((axis) => axis.size !== 1), bits: mask.bits };
  const ends: number[] = [];
  let at = 0;
  for (const [d, size] of sizes.entries()) {
    let left = size;
    while (!equal(left, 1)) {
      const axis: Axis | undefined = state.axes[at];
      if (axis === undefined) return null;
      if (state.axes.slice(at).every((own) => own.count === 1)) {
        // nothing is told apart from here on
        const rest = [...sizes.slice(d)];
        rest[0] = left;
        const tail = rest.filter((own) => own !== 1).map(plainAxis);
        const begun = state.axes.slice(0, at);
        return regrouped({ axes: [...begun, ...tail], bits: state.bits }, [...ends, ...tailEnds(rest, at)]);
      }
      const whole = divideExactly(left, axis.size);
      if (whole !== undefined) {
        at++;
        left = whole;
        continue;
      }
      const parts: Laid | null = cut(state.axes, state.bits, at, left) ?? (state.axes.length > at + 1 ? joined(state.axes, state.bits, at, at + 2) : null);
      if (parts === null) return null;
      state = parts;
    }
    ends.push(at);
  }
  return at === state.axes.length ? regrouped(state, ends) : null;
}

function tailEnds(sizes: readonly Size[], from: number): number[] {
  let at = from;
  return sizes.map((size) => (size === 1 ? at : ++at));
}

function regrouped({ axes, bits }: Laid, ends: readonly number[]): Mask {
  return tidied({ dims: ends.map((end, d) => axes.slice(d === 0 ? 0 : (ends[d - 1] ?? 0), end)), bits });
}

/** The mask with each dimension of known size as one axis; null where a dimension of several has an unknown size. */
export function flattened(mask: Mask, dim: number): Mask | null {
  const own = mask.dims[dim] ?? [];
  if (own.length === 1) return mask;
  const from = mask.dims.slice(0, dim).flat().length;
  if (own.length === 0) return { dims: mask.dims.map((axes, d) => (d === dim ? [plainAxis(1)] : axes)), bits: mask.bits };
  const whole = joined(axesOf(mask), mask.bits, from, from + own.length);
  return whole === null ? null : { dims: mask.dims.map((axes, d) => (d === dim ? whole.axes.slice(from, from + 1) : axes)), bits: whole.bits };
}

/** Elements of a dimension by number; −1 is an element that is not there and has the bit `outside`. */
export function picked(mask: Mask, dim: number, from: Int32Array, outside: 0 | 1): Mask | null {
  const flat = flattened(mask, dim);
  const [axis] = flat?.dims[dim] ?? [];
  if (flat === null || axis === undefined) return null;
  const { axis: made, first } = axisBy(from.length, (i) => ((from[i] ?? -1) < 0 ? -1 : classAt(axis, from[i] ?? 0)));
  return along(flat, dim, made, (cls, bitOf) => {
    const source = from[first[cls] ?? 0] ?? -1;
    return source < 0 ? outside : bitOf(classAt(axis, source));
  });
}

/** The other way round: an element has the property when one of those that were made of it has. */
export function spread(mask: Mask, dim: number, from: Int32Array, size: number): Mask | null {
  const flat = flattened(mask, dim);
  const [axis] = flat?.dims[dim] ?? [];
  if (flat === null || axis === undefined) return null;
  const readers = Array.from({ length: size }, () => new Set<number>());
  from.forEach((source, i) => {
    if (source >= 0) readers[source]?.add(classAt(axis, i));
  });
  const { axis: made, first } = axisBy(size, (i) => [...(readers[i] ?? [])].sort((a, b) => a - b).join());
  return along(flat, dim, made, (cls, bitOf) => ([...(readers[first[cls] ?? 0] ?? [])].some((own) => bitOf(own) === 1) ? 1 : 0));
}

/** A dimension of one axis replaced by another; `bit` says the bit of each new class from those of the old ones. */
function along(mask: Mask, dim: number, axis: Axis, bit: (cls: number, bitOf: (old: number) => number) => number): Mask {
  const at = mask.dims.slice(0, dim).flat().length;
  const axes = axesOf(mask);
  const after = cellsOf(axes.slice(at + 1));
  const count = axes[at]?.count ?? 1;
  const before = cellsOf(axes.slice(0, at));
  const out = new Uint8Array(before * axis.count * after);
  for (let b = 0; b < before; b++)
    for (let c = 0; c < axis.count; c++)
      for (let k = 0; k < after; k++) out[(b * axis.count + c) * after + k] = bit(c, (old) => mask.bits[(b * count + old) * after + k] ?? 0);
  return tidied({ dims: mask.dims.map((own, d) => (d === dim ? (axis.size === 1 ? [] : [axis]) : own)), bits: out });
}

/** The mask with a dimension of another size in which nothing is told apart: one element has the property, or (`every`) all have. */
export function blurred(mask: Mask, dim: number, size: Size, every: boolean): Mask {
  const at = mask.dims.slice(0, dim).flat().length;
  const axes = axesOf(mask);
  const own = mask.dims[dim]?.length ?? 0;
  const [before, count, after] = [cellsOf(axes.slice(0, at)), cellsOf(axes.slice(at, at + own)), cellsOf(axes.slice(at + own))];
  const out = new Uint8Array(before * after);
  for (let b = 0; b < before; b++)
    for (let k = 0; k < after; k++) {
      let found = every ? 1 : 0;
      for (let c = 0; c < count; c++) {
        const bit = mask.bits[(b * count + c) * after + k] ?? 0;
        found = every ? found & bit : found | bit;
      }
      out[b * after + k] = found;
    }
  return tidied({ dims: mask.dims.map((list, d) => (d === dim ? (size === 1 ? [] : [plainAxis(size)]) : list)), bits: out });
}
