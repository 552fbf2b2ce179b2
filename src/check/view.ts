/**
 * Which elements of a value another value consists of, as strides: transposes, reshapes, slices and stretches in any order come
 * out the same when they select the same elements. Sizes and strides may depend on the input.
 */
import { add, divideExactly, equal, isStatic, keyOf, multiply, product, type Size } from '../analysis/size.ts';

/** A part of a dimension: how many steps, and how far apart their elements are; stride 0 repeats one element. */
export interface Stride {
  readonly size: Size;
  readonly step: Size;
}

/** Elements of a row-major value: where the first one is, and the parts of each dimension, outermost first. */
export interface View {
  readonly offset: Size;
  readonly dims: readonly (readonly Stride[])[];
}

/** All elements of a value of the given sizes. */
export function wholeView(sizes: readonly Size[]): View {
  let step: Size = 1;
  const dims = [...sizes].reverse().map((size) => {
    const own = step;
    step = multiply(step, size);
    return size === 1 ? [] : [{ size, step: own }];
  });
  return { offset: 0, dims: dims.reverse() };
}

const merged = (parts: readonly Stride[]): readonly Stride[] =>
  parts.reduce<Stride[]>((out, part) => {
    const last = out.at(-1);
    if (equal(part.size, 1)) return out;
    if (last !== undefined && equal(last.step, multiply(part.step, part.size))) out[out.length - 1] = { size: multiply(last.size, part.size), step: part.step };
    else out.push(part);
    return out;
  }, []);

export const viewKey = (view: View): string =>
  `${keyOf(view.offset)}[${view.dims.map((parts) => parts.map((part) => `${keyOf(part.size)}*${keyOf(part.step)}`).join('.')).join(',')}]`;

export const viewSizes = (view: View): readonly Size[] => view.dims.map((parts) => product(parts.map((part) => part.size)));

/** Dimensions in another order; null stands for a new one of size 1. */
export const permuted = (view: View, order: readonly (number | null)[]): View => ({
  offset: view.offset,
  dims: order.map((d) => (d === null ? [] : (view.dims[d] ?? []))),
});

/** Other dimensions over the same elements in the same order; null when a boundary falls inside a part. */
export function reshaped(view: View, sizes: readonly Size[]): View | null {
  let rest = merged(view.dims.flat());
  const dims: (readonly Stride[])[] = [];
  for (const size of sizes) {
    const taken: Stride[] = [];
    let left: Size = size;
    while (!equal(left, 1)) {
      const [part, ...others] = rest;
      if (part === undefined) return null;
      const whole = divideExactly(left, part.size);
      if (whole !== undefined) {
        taken.push(part);
        rest = others;
        left = whole;
        continue;
      }
      const inner = divideExactly(part.size, left);
      if (inner === undefined) return null;
      taken.push({ size: left, step: multiply(part.step, inner) });
      rest = [{ size: inner, step: part.step }, ...others];
      left = 1;
    }
    dims.push(merged(taken));
  }
  return rest.length === 0 ? { offset: view.offset, dims } : null;
}

/** Indices start, start + step, … of one dimension; null when they cross the parts of the dimension. */
export function ranged(view: View, dim: number, start: Size, count: Size, step: number): View | null {
  const parts = view.dims[dim] ?? [];
  const set = (own: readonly Stride[], offset: Size): View => ({ offset, dims: view.dims.map((other, d) => (d === dim ? merged(own) : other)) });
  const [only, ...more] = parts;
  if (only === undefined) return start === 0 && count === 1 ? view : null;
  if (more.length === 0) return set([{ size: count, step: multiply(only.step, step) }], add(view.offset, multiply(only.step, start)));
  // whole blocks of the outermost part
  const block = product(more.map((part) => part.size));
  if (step !== 1) return null;
  const [first, length] = [divideExactly(start, block), divideExactly(count, block)];
  if (first !== undefined && length !== undefined) return set([{ size: length, step: only.step }, ...more], add(view.offset, multiply(only.step, first)));
  if (!isStatic(start) || !isStatic(count) || !isStatic(block) || !isStatic(only.size)) return null;
  const outer = Math.floor(start / block);
  if (start - outer * block + count > block) return null;
  const inside = ranged({ offset: add(view.offset, multiply(only.step, outer)), dims: [more] }, 0, start - outer * block, count, 1);
  return inside === null ? null : set(inside.dims[0] ?? [], inside.offset);
}

/** One dimension of size 1 stretched to a size. */
export const stretched = (view: View, dim: number, size: Size): View => ({
  offset: view.offset,
  dims: view.dims.map((parts, d) => (d === dim ? [{ size, step: 0 }] : parts)),
});

/** One dimension repeated as a whole. */
export const repeated = (view: View, dim: number, count: Size): View => ({
  offset: view.offset,
  dims: view.dims.map((parts, d) => (d === dim ? merged([{ size: count, step: 0 }, ...parts]) : parts)),
});

/** The positions of all elements of a view of static sizes, in row-major order. */
export function positions(view: View): Float64Array {
  const parts = view.dims.flat();
  if (parts.some(({ size }) => size === 0)) return new Float64Array(0);
  let out = Float64Array.of(view.offset as number);
  for (const { size, step } of parts) {
    const [count, stride] = [size as number, step as number];
    const next = new Float64Array(out.length * count);
    for (let i = 0; i < out.length; i++) for (let j = 0; j < count; j++) next[i * count + j] = (out[i] ?? 0) + j * stride;
    out = next;
  }
  return out;
}
