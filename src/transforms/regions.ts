/** Arithmetic of regions: a box of elements, given by a mask per dimension, and where its elements stood before a view. */
import { GrowError } from '../errors.ts';
import type { Region } from './fill.ts';

/** A dimension with more elements than this is damage; nothing is marked in it one by one. */
const MOST_ELEMENTS = 2 ** 26;

/** A mask of no element. */
export function noneOf(size: number): Uint8Array {
  if (size > MOST_ELEMENTS)
    throw new GrowError('UNSUPPORTED_AXIS', `zeros are followed through ${size} elements: at most ${MOST_ELEMENTS} are marked one by one`);
  return new Uint8Array(size);
}

/** A mask of everything is no mask. */
export const simplify = (mask: Uint8Array | null): Uint8Array | null => (mask?.every((x) => x === 1) === true ? null : mask);

/** True when every element of the small region lies in the big one. */
export const covers = (big: Region, small: Region): boolean =>
  big.every((own, d) => own === null || small[d]?.every((x, i) => x === 0 || own[i] === 1) === true);

/** A mask as run lengths: equal masks have equal keys. */
export function keyOf(mask: Uint8Array | null): string {
  if (mask === null) return '*';
  const runs: number[] = [];
  let start = 0;
  for (let i = 1; i <= mask.length; i++) {
    if (i === mask.length || mask[i] !== mask[start]) {
      runs.push(i - start);
      start = i;
    }
  }
  return `${mask[0] ?? 0}:${runs.join(',')}`;
}

/** A mask of a part as a mask of the whole; parts of null (all) become all of the part. */
export function embed(mask: Uint8Array | null, start: number, whole: number, part: number): Uint8Array {
  const out = noneOf(whole);
  for (let i = 0; i < part; i++) out[start + i] = mask === null ? 1 : (mask[i] ?? 0);
  return out;
}

/** As `embed`, for a part that takes every `step`th element, backwards when negative. */
export function spread(mask: Uint8Array | null, start: number, step: number, whole: number, part: number): Uint8Array {
  const out = noneOf(whole);
  for (let i = 0; i < part; i++) out[start + i * step] = mask === null ? 1 : (mask[i] ?? 0);
  return out;
}

/** A region of a reshaped value as regions before the Reshape, which together hold the same elements; null when the groups of dimensions do not match. */
export function reshapeRegions(region: Region, out: readonly number[], input: readonly number[]): readonly Region[] | null {
  // damaged files compute sizes below zero
  if ([...out, ...input].some((size) => size < 0)) return null;
  let results: (Uint8Array | null)[][] = [input.map(() => null)];
  let i = 0;
  let j = 0;
  while (i < input.length || j < out.length) {
    const [fromI, fromJ] = [i, j];
    let a = input[i++] ?? 1;
    let b = out[j++] ?? 1;
    while (a !== b && (i < input.length || j < out.length)) {
      if (j >= out.length || (i < input.length && a < b)) a *= input[i++] ?? 1;
      else b *= out[j++] ?? 1;
    }
    if (a !== b || a > MOST_ELEMENTS) return null;
    const masks = region.slice(fromJ, j);
    if (masks.every((mask) => mask == null)) continue;
    const flatMask = outer(masks.map((mask, d) => mask ?? noneOf(out[fromJ + d] ?? 1).fill(1)));
    const parts = boxes(flatMask, input.slice(fromI, i));
    results = results.flatMap((result) => parts.map((part) => result.map((own, d) => (d >= fromI && d < i ? (part[d - fromI] ?? null) : own))));
  }
  return results;
}

const outer = (masks: readonly Uint8Array[]): Uint8Array =>
  masks.reduce(
    (left, right) =>
      Uint8Array.from({ length: left.length * right.length }, (_, i) => (left[Math.floor(i / right.length)] ?? 0) & (right[i % right.length] ?? 0)),
    Uint8Array.of(1),
  );

/** A set of elements as products of index sets, one set per dimension: rows that are alike belong together. */
function boxes(mask: Uint8Array, dims: readonly number[]): Uint8Array[][] {
  const [size = 1, ...rest] = dims;
  if (rest.length === 0) return mask.includes(1) ? [[mask]] : [];
  const width = mask.length / size;
  const groups = new Map<string, { readonly row: Uint8Array; readonly at: Uint8Array }>();
  for (let i = 0; i < size; i++) {
    const row = mask.subarray(i * width, (i + 1) * width);
    const key = keyOf(row);
    const known = groups.get(key) ?? { row, at: new Uint8Array(size) };
    known.at[i] = 1;
    groups.set(key, known);
  }
  return [...groups.values()].flatMap(({ row, at }) => boxes(row, rest).map((box) => [at, ...box]));
}
