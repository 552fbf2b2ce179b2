/**
 * The kernel: what happens to dimensions when some leaves of their axes get bigger.
 *
 * A leaf appends its new elements, a product nests, a sum concatenates; everything else follows from that: where old elements
 * go in any dimension, how big a dimension gets and where a boundary inside it moves.
 */
import { type Axis, factorsOf, find, hintOf, leavesOf, segmentsOf } from '../analysis/axis.ts';
import { add, hint, multiply, type Size } from '../analysis/size.ts';
import { assert, GrowError } from '../errors.ts';
import type { IndexMap } from './fill.ts';

/** More elements than any dimension of a model has that grows: masks and maps of dimensions are held in memory. */
const MOST_ELEMENTS = 2 ** 24;

/** New sizes of leaf axes. */
export type LeafSizes = ReadonlyMap<Axis, number>;

/** What growing leaves does to every axis. */
export interface AxisGrowth {
  readonly leaves: LeafSizes;
  grows(axis: Axis): boolean;
  /** The size after growth. */
  size(axis: Axis): Size;
  /** The size after growth under the small assignment. */
  hint(axis: Axis): number;
  /** For every new index its old index or −1; null when the axis does not grow. */
  map(axis: Axis): IndexMap;
  /** 1 for every new index; null when there is none. */
  added(axis: Axis): Uint8Array | null;
  /** Where an old boundary between segments lies after growth. */
  boundary(axis: Axis, old: number): number;
  /** Where an old index lies after growth. */
  position(axis: Axis, old: number): number;
}

/** The effect of new leaf sizes on all axes. */
export function growAxes(leaves: LeafSizes): AxisGrowth {
  const maps = new Map<Axis, Int32Array>();
  const added = new Map<Axis, Uint8Array>();
  const grows = (axis: Axis): boolean => leavesOf(axis).some((leaf) => leaves.has(leaf));

  function size(axis: Axis): Size {
    const root = find(axis);
    if (!grows(root)) return root.size;
    if (root.form === 'leaf') return leaves.get(root) ?? root.size;
    const [child] = root.children;
    if (root.form === 'appended' && child !== undefined) return size(child);
    if (root.form === 'blocks' && child !== undefined) return Math.ceil(hint(size(child)) / root.by);
    return root.form === 'product'
      ? root.children.reduce<Size>((p, child) => multiply(p, size(child)), 1)
      : root.children.reduce<Size>((s, child) => add(s, size(child)), 0);
  }

  function build(axis: Axis): Int32Array {
    const root = find(axis);
    const known = maps.get(root);
    if (known !== undefined) return known;
    const made = buildNew(root);
    maps.set(root, made);
    return made;
  }

  function buildNew(root: Axis): Int32Array {
    const old = hintOf(root);
    if (hint(size(root)) > MOST_ELEMENTS)
      throw new GrowError('UNSUPPORTED_AXIS', `a dimension of ${hint(size(root))} elements cannot grow: at most ${MOST_ELEMENTS} are followed one by one`);
    if (!grows(root)) return Int32Array.from({ length: old }, (_, i) => i);
    if (root.form !== 'product' && root.form !== 'sum') return Int32Array.from({ length: hint(size(root)) }, (_, i) => (i < old ? i : -1));
    const children = root.children.map((child) => ({ map: build(child), old: hintOf(child) }));
    if (root.form === 'sum') {
      let offset = 0;
      return Int32Array.from(
        children.flatMap((child) => {
          const part = [...child.map].map((i) => (i < 0 ? -1 : i + offset));
          offset += child.old;
          return part;
        }),
      );
    }
    return children.reduce<Int32Array>(
      (outer, child) =>
        Int32Array.from({ length: outer.length * child.map.length }, (_, i) => {
          const a = outer[Math.floor(i / child.map.length)] ?? -1;
          const b = child.map[i % child.map.length] ?? -1;
          return a < 0 || b < 0 ? -1 : a * child.old + b;
        }),
      Int32Array.of(0),
    );
  }

  function newIndices(root: Axis): Uint8Array {
    const known = added.get(root);
    if (known !== undefined) return known;
    const map = build(root);
    const made = new Uint8Array(map.length);
    for (let i = 0; i < map.length; i++) if ((map[i] ?? 0) < 0) made[i] = 1;
    added.set(root, made);
    return made;
  }

  function boundary(axis: Axis, old: number): number {
    const root = find(axis);
    if (old <= 0) return old;
    if (old >= hintOf(root)) return hint(size(root)) + old - hintOf(root);
    if (!grows(root)) return old;
    if (root.form === 'sum') {
      let before = 0;
      let moved = 0;
      for (const segment of segmentsOf(root)) {
        const own = hintOf(segment);
        if (old < before + own) return moved + boundary(segment, old - before);
        before += own;
        moved += hint(size(segment));
        if (old === before) return moved;
      }
    }
    if (root.form === 'product') {
      const [outer, ...inner] = factorsOf(root);
      const width = inner.reduce((p, factor) => p * hintOf(factor), 1);
      const newWidth = inner.reduce((p, factor) => p * hint(size(factor)), 1);
      if (outer !== undefined && old % width === 0) return boundary(outer, old / width) * newWidth;
    }
    return position(root, old);
  }

  function position(axis: Axis, old: number): number {
    if (grows(axis) && old >= hintOf(axis))
      throw new GrowError('UNSUPPORTED_AXIS', `a dimension of which index ${old} is read cannot grow: how many elements it has depends on the input`);
    const at = grows(axis) ? build(axis).indexOf(old) : old;
    assert(at >= 0, 'an old index has no place after growth');
    return at;
  }

  return {
    leaves,
    grows,
    size,
    hint: (axis) => hint(size(axis)),
    map: (axis) => (grows(axis) ? build(axis) : null),
    added: (axis) => (grows(axis) ? newIndices(find(axis)) : null),
    boundary,
    position,
  };
}

/** Indices that pick, after growth, what `indices` picked before; new elements of the result are the new ones of the whole, in order. */
export function pickedIndices(growth: AxisGrowth, whole: Axis, out: Axis, indices: readonly number[]): readonly number[] {
  const added = [...(growth.added(whole) ?? [])].flatMap((isNew, i) => (isNew === 1 ? [i] : []));
  const map = growth.map(out) ?? Int32Array.from(indices, (_, i) => i);
  let next = 0;
  return Array.from(map, (old) => (old >= 0 ? growth.position(whole, indices[old] ?? 0) : (added[next++] ?? 0)));
}

/** True for indices that follow each other. */
export const isRange = (indices: readonly number[]): boolean => indices.every((index, i) => index === (indices[0] ?? 0) + i);
