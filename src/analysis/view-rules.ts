/** Rules of operators that only move elements. Source: the operators' pages at https://onnx.ai/onnx/operators/ */
import { at, axisOf, knownSizes, type Labels, numbersOf, type Relation, range, ShapeUnknown, type Site, SMALL, sizesOf } from './relation.ts';
import { add, divide, divideExactly, equal, hint, isNeverNegative, isStatic, keyOf, multiply, opaque, product, type Size, signOf, subtract } from './size.ts';
import { LARGEST_SIZE } from './sound-relation.ts';

/** Reshape: 0 keeps a size (unless allowzero), −1 takes what is left. */
export function reshape(site: Site): Relation {
  const dims = site.dims(0);
  const known = site.has(1) ? knownSizes(site, 1) : (site.ints('shape') ?? []);
  const allowZero = site.int('allowzero', 0) !== 0;
  // one size that is not known is what is left; of several none is
  const unknown = known.filter((size) => size === null || size === -1).length;
  const given = known.map((size, i) => (size === null ? (unknown === 1 ? -1 : site.fresh(`size${i}`, 3)) : size));
  const target = given.map((size, i) => (size === 0 && !allowZero ? (dims[i] ?? 0) : size));
  const free = target.indexOf(-1);
  if (free >= 0 && unknown > 1) target[free] = site.fresh('rest', 3);
  else if (free >= 0) {
    const total = product(dims);
    const others = product(target.filter((_, i) => i !== free));
    target[free] = equal(total, others) ? 1 : others === 0 ? 0 : (divideExactly(total, others) ?? divide(total, others));
  }
  const [before, after] = [product(dims), product(target)];
  if (isStatic(before) && isStatic(after) && before !== after) throw new ShapeUnknown(`${before} elements cannot become [${target.map(keyOf).join(', ')}]`);
  return { kind: 'reshape', outputs: [target] };
}

/** Flatten to two dimensions at `axis`. */
export function flattenTo2d(site: Site): Relation {
  const dims = site.dims(0);
  const axis = at(site.int('axis', 1), dims.length);
  return { kind: 'reshape', outputs: [[product(dims.slice(0, axis)), product(dims.slice(axis))]] };
}

/** Transpose; without perm it reverses the dimensions. */
export function transpose(site: Site): Labels {
  const labels = range(site.dims(0).length);
  const perm = site.ints('perm') ?? labels.map((_, i) => labels.length - 1 - i);
  if (!labels.every((_, d) => perm.includes(d)) || perm.length !== labels.length) throw new ShapeUnknown('Transpose to no order of the dimensions');
  return { kind: 'labels', inputs: [labels], outputs: [perm.map((p) => labels[p] ?? '')] };
}

/** Squeeze; axes are an operand from opset 13 on. */
export function squeeze(site: Site): Labels {
  const dims = site.dims(0);
  const labels = range(dims.length);
  const listed = site.has(1) ? numbersOf(site, 1) : site.ints('axes');
  // runtimes take an empty list for none
  const given = listed?.length === 0 ? undefined : listed;
  if (given === undefined && !dims.every(isStatic)) throw new ShapeUnknown('Squeeze without axes of sizes that depend on the input');
  const axes = new Set(given === undefined ? labels.flatMap((_, i) => (dims[i] === 1 ? [i] : [])) : given.map((axis) => at(axis, dims.length)));
  for (const axis of axes) {
    const size = dims[axis];
    if (size === undefined || (isStatic(size) && size !== 1)) throw new ShapeUnknown('Squeeze of a dimension that is not there, or not of size 1');
  }
  return { kind: 'labels', inputs: [labels, null].slice(0, site.flat.inputs.length), outputs: [labels.filter((_, i) => !axes.has(i))] };
}

/** Unsqueeze; axes are an operand from opset 13 on. */
export function unsqueeze(site: Site): Labels {
  const labels = range(site.dims(0).length);
  const given = site.has(1) ? numbersOf(site, 1) : (site.ints('axes') ?? []);
  const rank = labels.length + given.length;
  const axes = new Set(given.map((axis) => at(axis, rank)));
  if (axes.size !== given.length || [...axes].some((axis) => axis < 0 || axis >= rank))
    throw new ShapeUnknown('Unsqueeze at dimensions that the result does not have');
  let next = 0;
  const out = Array.from({ length: rank }, (_, i) => (axes.has(i) ? `one${i}` : (labels[next++] ?? '')));
  return { kind: 'labels', inputs: [labels, null].slice(0, site.flat.inputs.length), outputs: [out], sizes: new Map([...axes].map((i) => [`one${i}`, 1])) };
}

/** Expand: sizes of 1 are stretched, on both sides. */
export function expand(site: Site): Labels {
  const dims = site.dims(0);
  const shape = sizesOf(site, 1);
  const rank = Math.max(dims.length, shape.length);
  const sizes = new Map<string, Size>();
  const input = dims.map((size, i) => {
    const wanted = shape[i + shape.length - dims.length] ?? 1;
    // what depends on the input is stretched for one input and not for another, or is what is wanted; a number that is neither does not fit
    const isOther = isStatic(size) ? size !== 1 && isStatic(wanted) && wanted !== size : site.exact;
    if (isOther && wanted !== 1) sizes.set(`d${i + rank - dims.length}`, wanted);
    return size === 1 && wanted !== 1 ? '' : `d${i + rank - dims.length}`;
  });
  range(rank).forEach((label, d) => {
    const own = dims[d - rank + dims.length];
    if (own === undefined || (own === 1 && input[d - rank + dims.length] === '')) sizes.set(label, shape[d - rank + shape.length] ?? 1);
  });
  return { kind: 'labels', inputs: [input, null], outputs: [range(rank)], sizes };
}

/** Concat along `axis`. */
export function concat(site: Site): Relation {
  const shapes = site.flat.inputs.map((_, i) => site.dims(i));
  const axis = axisOf(site.int('axis', 0), shapes[0]?.length ?? 0);
  const out = (shapes[0] ?? []).map((size, d) =>
    d === axis ? shapes.reduce<Size>((sum, dims) => add(sum, dims[d] ?? 0), 0) : (shapes.map((dims) => dims[d] ?? 0).find(isStatic) ?? size),
  );
  return { kind: 'concat', axis, outputs: [out] };
}

/** Split in given or equal parts. */
export function split(site: Site): Relation {
  const dims = site.dims(0);
  const axis = axisOf(site.int('axis', 0), dims.length);
  const total = dims[axis] ?? 1;
  const count = site.flat.outputs.length;
  const given = site.has(1) ? sizesOf(site, 1) : site.ints('split');
  const each = divideExactly(total, count);
  const piece = each ?? divide(add(total, count - 1), count);
  const parts = given ?? Array.from({ length: count }, (_, i) => (i < count - 1 || each !== undefined ? piece : subtract(total, multiply(piece, count - 1))));
  return { kind: 'split', axis, parts, outputs: parts.map((part) => dims.map((size, d) => (d === axis ? part : size))) };
}

/** Slice with operands (opset 10) or attributes; bounds are clamped as the operator says. */
export function slice(site: Site): Relation {
  const dims = site.dims(0);
  const dynamic = site.opset >= 10;
  const read = (input: number, name: string): readonly (Size | null)[] | undefined =>
    dynamic ? (site.has(input) ? knownSizes(site, input) : undefined) : site.ints(name);
  const starts = read(1, 'starts') ?? [];
  const ends = read(2, 'ends') ?? [];
  const axes = read(3, 'axes') ?? starts.map((_, i) => i);
  const steps = read(4, 'steps');
  const ranges: ({ start: Size; end: Size; step: number } | null)[] = dims.map(() => null);
  const out = [...dims];
  starts.forEach((start, i) => {
    const axisValue = axes[i];
    const step = steps?.[i] ?? 1;
    if (typeof axisValue !== 'number' || typeof step !== 'number') throw new ShapeUnknown('Slice axes or steps are computed');
    const axis = at(axisValue, dims.length);
    const size = dims[axis] ?? 0;
    const end = ends[i] ?? null;
    if (start === null || end === null) {
      out[axis] = site.fresh(`slice${axis}`, hint(size));
      ranges[axis] = { start: site.fresh(`start${axis}`, 0), end: site.fresh(`end${axis}`, hint(size)), step };
      return;
    }
    const clamped = step > 0 ? { start: clampTo(site, start, size), end: clampTo(site, end, size) } : null;
    if (clamped === null) {
      if (site.exact && ![start, end, size].every(isStatic)) throw new ShapeUnknown('Slice with a negative step');
      const whole = hint(start) <= -1 - 1e9 || hint(start) === -1 || hint(start) >= hint(size) - 1;
      if (!whole || step !== -1 || hint(end) > -hint(size)) throw new ShapeUnknown('Slice with a negative step');
      ranges[axis] = { start: 0, end: size, step };
      return;
    }
    out[axis] = countOf(site, clamped.start, clamped.end, step);
    ranges[axis] = clamped.start === 0 && step === 1 && equal(clamped.end, size) ? null : { ...clamped, step };
  });
  return { kind: 'slice', ranges, outputs: [out] };
}

/** A Slice bound as 0…size: negative ones count from the end, those beyond are cut. */
function clampTo(site: Site, bound: Size, size: Size): Size {
  if (site.exact && !(isStatic(bound) && isStatic(size))) return exactBound(bound, size);
  const from = hint(bound) < 0 ? add(bound, size) : bound;
  if (hint(from) < 0) return 0;
  return hint(from) >= hint(size) && !equal(from, size) ? size : from;
}

/** The same where the signs do not depend on the input; else a function of its own. */
function exactBound(bound: Size, size: Size): Size {
  // what exporters write for "to the end" is larger than any size
  if (isStatic(bound) && bound >= LARGEST_SIZE) return size;
  const isBehind = isNeverNegative(bound);
  const from = isBehind ? bound : signOf(bound) === -1 ? add(bound, size) : null;
  if (from !== null && isNeverNegative(from) && isNeverNegative(subtract(size, from))) return from;
  if (isBehind && isNeverNegative(subtract(bound, size))) return size;
  return opaque('bound', [bound, size], (x, n) => Math.min(n, Math.max(0, x < 0 ? x + n : x)));
}

/** How many indices lie between two bounds. */
function countOf(site: Site, start: Size, end: Size, step: number): Size {
  const length = subtract(end, start);
  if (site.exact && start !== 0 && !site.isLength(length)) return opaque('cut', [start, end, step], (a, b, by) => Math.max(0, Math.ceil((b - a) / by)));
  const count = step === 1 ? length : divide(add(length, step - 1), step);
  return hint(count) < 0 ? 0 : count;
}

/** Gather: constant indices cut the dimension, computed ones look rows up. */
export function gather(site: Site): Relation {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const axis = axisOf(site.int('axis', 0), dims.length);
  const elements = site.elements(1);
  const size = dims[axis] ?? 1;
  const known = elements?.map((e) => e.value);
  if (known?.every(isNumber) && known.length > 0 && indices.length <= 1) {
    if (typeof size === 'number' || known.every((i) => i >= 0)) {
      const positive = known.map((i) => (i < 0 ? i + hint(size) : i));
      const scalar = indices.length === 0;
      const out = dims.flatMap((own, d) => (d === axis ? (scalar ? [] : [known.length]) : [own]));
      return { kind: 'gather', axis, indices: positive, scalar, outputs: [out] };
    }
  }
  const labels = range(dims.length);
  const index = range(indices.length, 'i');
  return { kind: 'labels', inputs: [labels, index], outputs: [[...labels.slice(0, axis), ...index, ...labels.slice(axis + 1)]] };
}

const isNumber = (value: Size | null): value is number => typeof value === 'number';

/** GatherElements: dimensions of equal size belong together. */
export function gatherElements(site: Site): Labels {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const axis = at(site.int('axis', 0), dims.length);
  const own = dims.map((size, d) => (d !== axis && equal(size, indices[d] ?? 0) ? `d${d}` : `s${d}`));
  const out = indices.map((size, d) => (d !== axis && equal(size, dims[d] ?? 0) ? `d${d}` : `o${d}`));
  return { kind: 'labels', inputs: [own, out], outputs: [out] };
}

/** GatherND with batch dimensions; constant indices into the first dimension cut it as a Gather does. */
export function gatherNd(site: Site): Relation {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const batch = site.int('batch_dims', 0);
  const depth = indices.at(-1);
  if (typeof depth !== 'number') throw new ShapeUnknown('GatherND depth');
  const grid = dims.slice(0, depth).every(isStatic) ? wholeGrid(dims.slice(0, depth) as number[]) : null;
  const known = site.elements(1);
  if (batch === 0 && indices.length === 2 && grid !== null && known?.length === grid.length && known.every((e, i) => e.value === grid[i]))
    return { kind: 'reshape', outputs: [[product(dims.slice(0, depth)), ...dims.slice(depth)]] };
  const [size = 1, ...rest] = dims;
  const rows = known?.map((e) => e.value);
  if (batch === 0 && depth === 1 && indices.length <= 2 && isStatic(size) && rows?.every(isNumber) === true && rows.length > 0) {
    const scalar = indices.length === 1;
    return { kind: 'gather', axis: 0, indices: rows.map((i) => (i < 0 ? i + size : i)), scalar, outputs: [scalar ? rest : [rows.length, ...rest]] };
  }
  const data = range(dims.length).map((label, d) => (d < batch ? `i${d}` : label));
  const index = range(indices.length, 'i');
  return { kind: 'labels', inputs: [data, index], outputs: [[...index.slice(0, -1), ...data.slice(batch + depth)]] };
}

/** The coordinates of all elements of a tensor in their order: reading them all is a Reshape. */
export function wholeGrid(dims: readonly number[]): number[] {
  const count = dims.reduce((a, b) => a * b, 1);
  return Array.from({ length: Math.min(count, SMALL) }, (_, flat) => indexOf(flat, dims)).flat();
}

/** The coordinates of an element by its number in row order. */
export function indexOf(flat: number, dims: readonly number[]): number[] {
  const index: number[] = [];
  let rest = flat;
  for (let d = dims.length - 1; d >= 0; d--) {
    const size = dims[d] ?? 1;
    index[d] = rest % size;
    rest = Math.floor(rest / size);
  }
  return index;
}

/** ScatterElements: updates and indices have one shape; off the scattered axis their dimensions are those of the data where the sizes agree. */
export function scatterElements(site: Site): Labels {
  const [dims, updates] = [site.dims(0), site.dims(2)];
  const axis = at(site.int('axis', 0), dims.length);
  const data = range(dims.length);
  const own = updates.map((size, d) => (d !== axis && equal(size, dims[d] ?? 0) ? `d${d}` : `u${d}`));
  return { kind: 'labels', inputs: [data, own, own], outputs: [data], mixes: [`d${axis}`] };
}

/** ScatterND: the result has the dimensions of the data. */
export function scatterNd(site: Site): Labels {
  const rank = site.dims(0).length;
  const depth = site.dims(1).at(-1);
  if (typeof depth !== 'number') throw new ShapeUnknown('ScatterND depth');
  const labels = range(rank);
  const index = range(site.dims(1).length, 'i');
  return { kind: 'labels', inputs: [labels, index, [...index.slice(0, -1), ...labels.slice(depth)]], outputs: [labels], mixes: labels.slice(0, depth) };
}

/** Pad; pads are an operand from opset 11 on, axes from 18 on. */
export function pad(site: Site): Relation {
  const dims = site.dims(0);
  const flat = site.opset >= 11 ? sizesOf(site, 1) : (site.ints('pads') ?? []);
  const axes = site.has(3) ? numbersOf(site, 3).map((axis) => at(axis, dims.length)) : dims.map((_, i) => i);
  const pads = dims.map((_, d): [Size, Size] => {
    const i = axes.indexOf(d);
    return i < 0 ? [0, 0] : [flat[i] ?? 0, flat[i + axes.length] ?? 0];
  });
  return {
    kind: 'pad',
    pads,
    outputs: [dims.map((size, d) => add(add(size, pads[d]?.[0] ?? 0), pads[d]?.[1] ?? 0))],
    ...(!padsZero(site) && { neverZero: true }),
  };
}

/** True when every element a Pad adds is a zero, or a copy of an element that is there. */
function padsZero(site: Site): boolean {
  if (site.text('mode', 'constant') !== 'constant') return true;
  return (site.opset < 11 ? site.int('value', 0) : site.has(2) ? site.elements(2)?.[0]?.value : 0) === 0;
}

/** Tile: every dimension repeats as a whole. */
export function tile(site: Site): Relation {
  const dims = site.dims(0);
  const repeats = sizesOf(site, 1);
  return { kind: 'tile', repeats, outputs: [dims.map((size, d) => multiply(size, repeats[d] ?? 1))] };
}
