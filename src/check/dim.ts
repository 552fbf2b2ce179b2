/**
 * Where the elements of an old dimension stand in the new one.
 *
 * A dimension is a list of atoms, outermost first (mixed radix): a part that is the same on both sides, whatever its size, or
 * a part of known sizes with a map from each new index to its old one. What is said of a new index holds whatever the
 * other indices are.
 */
import { createHash } from 'node:crypto';
import { divideExactly, equal, isStatic, keyOf, product, type Size } from '../analysis/size.ts';

/**
 * What stands at a new index: the old element of the map, anything finite, zero, the mean of the old elements of its line, zero
 * wherever the indices of all other dimensions are old ones, or, in a value t · t, the square of the mean of t's old elements.
 */
export const Kind = { OLD: 0, ANY: 1, ZERO: 2, MEAN: 3, WEAK: 4, SQUARE: 5 } as const;

/** Of a line that lost or gained old elements nothing is known that a mean of them was. */
export const withoutMeans = (kind: number): number => (kind === Kind.MEAN || kind === Kind.SQUARE ? Kind.ANY : kind);

/** True for a new element that is zero beside old ones. */
export const isZeroBesideOld = (kind: number | undefined): boolean => kind === Kind.ZERO || kind === Kind.WEAK;

/** What is known of either of two new elements. */
export const meet = (a: number, b: number): number => (a === b ? a : isZeroBesideOld(a) && isZeroBesideOld(b) ? Kind.WEAK : Kind.ANY);

/** A part of a dimension. */
export type Atom = Same | Mapped;

/** A part that is the same on both sides. */
interface Same {
  readonly size: Size;
  readonly old: Size;
  readonly map: null;
  readonly kinds: null;
  readonly from?: Piece | undefined;
}

/** A part with a map, and what stands at its new indices. */
export interface Mapped {
  readonly size: number;
  readonly old: number;
  readonly map: IndexMap;
  readonly kinds: Uint8Array;
  readonly from?: Piece | undefined;
}

/** The part that a part was cut from, and how far apart its indices are there. */
interface Piece {
  readonly whole: Whole;
  readonly step: number;
}

/** What stood in a part before it was cut: more than its pieces can say, since each of them speaks for all indices of the others. */
export interface Whole {
  readonly kinds: Uint8Array;
  /** The pieces hold `count` elements, the first of which is here. */
  readonly offset: number;
  readonly count: number;
}

/** Dimensions with more elements are not mapped one by one. */
export const MOST_MAPPED = 2 ** 24;

/** For each new index the old one, or −1. Made by `indexMap`, so that equal maps are one object. */
export interface IndexMap {
  readonly at: Int32Array;
  readonly old: number;
}

export type Dim = readonly Atom[];

let maps = new Map<string, IndexMap>();

/** Begins a proof: maps of earlier ones are not kept. */
export function forgetMaps(): void {
  maps = new Map();
}

/** The one object for a map. */
export function indexMap(at: Int32Array, old: number): IndexMap {
  const key = `${old}:${createHash('sha256').update(at).digest('base64')}`;
  const made = maps.get(key) ?? { at, old };
  maps.set(key, made);
  return made;
}

/** The old index of an index of a part; −1 for a new one. */
export const oldAt = ({ map }: Atom, i: number): number => (map === null ? i : Number(map.at[i]));

/** What stands at an index of a part. */
export const kindAt = (atom: Atom, i: number): number => (oldAt(atom, i) >= 0 ? Kind.OLD : Number(atom.kinds?.[i]));

const sameAtom = (size: Size): Atom => ({ size, old: size, map: null, kinds: null });

/** A mapped part; one that maps every index to itself is the same. */
const mappedAtom = (map: IndexMap, kinds: Uint8Array): Atom =>
  map.at.length === map.old && map.at.every((index, i) => index === i) ? sameAtom(map.old) : { size: map.at.length, old: map.old, map, kinds };

/** A dimension that is the same on both sides. */
export const sameDim = (size: Size): Dim => tidy([sameAtom(size)]);

/** A mapped dimension. */
export const mappedDim = (map: IndexMap, kinds: Uint8Array): Dim => tidy([mappedAtom(map, kinds)]);

export const newSize = (dim: Dim): Size => product(dim.map((atom) => atom.size));
export const oldSize = (dim: Dim): Size => product(dim.map((atom) => atom.old));
export const isSame = (dim: Dim): boolean => dim.every((atom) => atom.map === null);

/** Neighbouring parts that are the same on both sides become one. */
export function tidy(dim: Dim): Dim {
  const out: Atom[] = [];
  for (const atom of dim) {
    if (atom.map === null && equal(atom.size, 1)) continue;
    const last = out.at(-1);
    if (last !== undefined && last.map === null && atom.map === null) {
      out[out.length - 1] = sameAtom(product([last.size, atom.size]));
    } else out.push(atom);
  }
  return out;
}

/** The dimension as one atom of static size; null when a part depends on the input. */
export function flat(dim: Dim): Atom | null {
  const [first = sameAtom(1), ...more] = tidy(dim);
  return more.reduce<Atom | null>((outer, inner) => (outer === null ? null : nested(outer, inner)), first);
}

/** Two parts as one. */
function nested(outer: Atom, inner: Atom): Atom | null {
  if (!isStatic(outer.size) || !isStatic(inner.size)) return null;
  const [innerOld, old] = [Number(inner.old), Number(outer.old) * Number(inner.old)];
  const at = new Int32Array(outer.size * inner.size);
  const kinds = new Uint8Array(at.length);
  for (const place of at.keys()) {
    const [i, j] = [Math.floor(place / inner.size), place % inner.size];
    const [a, b] = [oldAt(outer, i), oldAt(inner, j)];
    const isOld = a >= 0 && b >= 0;
    at[place] = isOld ? a * innerOld + b : -1;
    kinds[place] = isOld ? Kind.OLD : nestedKind(kindAt(outer, i), kindAt(inner, j));
  }
  return { size: at.length, old, map: indexMap(at, old), kinds };
}

/** What stands where one of two indices is new, or both are: zero wherever one is, and beside old ones zero where it is zero beside old ones. */
function nestedKind(outer: number, inner: number): number {
  if (outer === Kind.ZERO || inner === Kind.ZERO) return Kind.ZERO;
  const isBesideOld = outer === Kind.OLD || inner === Kind.OLD;
  return isBesideOld && (outer === Kind.WEAK || inner === Kind.WEAK) ? Kind.WEAK : Kind.ANY;
}

/** Cuts an atom into an outer and an inner part; null when its map is no product of two maps. */
function cut(atom: Atom, outer: Size, outerOld: Size | null): readonly [Atom, Atom] | null {
  const inner = divideExactly(atom.size, outer);
  if (inner === undefined) return null;
  const { map, kinds } = atom;
  if (map === null) return outerOld === null || equal(outer, outerOld) ? [sameAtom(outer), sameAtom(inner)] : null;
  const [rows, columns] = [Number(outer), Number(inner)];
  // a damaged file computes sizes below zero
  if (Math.min(rows, columns) < 1) return null;
  for (const guess of oldRows(map.old, rows, columns, outerOld)) {
    const parts = separate(map, kinds, rows, columns, guess, map.old / guess);
    if (parts === null) continue;
    const { whole, step } = atom.from ?? { whole: { kinds, offset: 0, count: map.at.length }, step: 1 };
    return [
      { ...parts[0], from: { whole, step: step * columns } },
      { ...parts[1], from: { whole, step } },
    ];
  }
  return null;
}

/** Old sizes that the outer part may have, where `wanted` does not say it: without further knowledge as much as possible stays the same. */
function oldRows(old: number, rows: number, columns: number, wanted: Size | null): readonly number[] {
  const divisors: number[] = [];
  for (let size = old; size > 0; size--) if (old % size === 0) divisors.push(size);
  const guesses = wanted === null ? [rows, old / columns, ...divisors] : [Number(wanted)];
  return guesses.filter((size) => divisors.includes(size));
}

function separate(map: IndexMap, kinds: Uint8Array, outer: number, inner: number, outerOld: number, innerOld: number): readonly [Atom, Atom] | null {
  const [first, second] = [new Int32Array(outer).fill(-1), new Int32Array(inner).fill(-1)];
  for (const [place, old] of map.at.entries()) {
    if (old < 0) continue;
    first[Math.floor(place / inner)] = Math.floor(old / innerOld);
    second[place % inner] = old % innerOld;
  }
  const isProduct = map.at.every((old, place) => {
    const [a = 0, b = 0] = [first[Math.floor(place / inner)], second[place % inner]];
    return old === (a < 0 || b < 0 ? -1 : a * innerOld + b);
  });
  if (!isProduct) return null;
  // zero for all indices of the other part, or for its old ones
  const kindOf = (own: number, other: Int32Array, kindAt: (i: number) => number | undefined): number => {
    if (own >= 0) return Kind.OLD;
    if (other.every((_, i) => kindAt(i) === Kind.ZERO)) return Kind.ZERO;
    return other.every((old, i) => old < 0 || isZeroBesideOld(kindAt(i))) ? Kind.WEAK : Kind.ANY;
  };
  const kindsOuter = Uint8Array.from(first, (own, i) => kindOf(own, second, (j) => kinds[i * inner + j]));
  const kindsInner = Uint8Array.from(second, (own, j) => kindOf(own, first, (i) => kinds[i * inner + j]));
  return [mappedAtom(indexMap(first, outerOld), kindsOuter), mappedAtom(indexMap(second, innerOld), kindsInner)];
}

/**
 * Takes a dimension of the given sizes from the front of a list of atoms and leaves the rest. `old` null means that the old
 * size may be whatever follows from the maps. Null when the atoms cannot be cut there.
 */
export function take(atoms: readonly Atom[], size: Size, old: Size | null): { readonly taken: Dim; readonly rest: readonly Atom[] } | null {
  const taken: Atom[] = [];
  const rest = [...atoms];
  let [left, leftOld] = [size, old];
  while (!equal(left, 1) || (leftOld !== null && !equal(leftOld, 1))) {
    const atom = rest.shift();
    if (atom === undefined) return null;
    const [whole, wholeOld] = [divideExactly(left, atom.size), leftOld === null ? null : divideExactly(leftOld, atom.old)];
    if (whole !== undefined && wholeOld !== undefined) {
      taken.push(atom);
      [left, leftOld] = [whole, wholeOld];
      continue;
    }
    const parts = cut(atom, left, leftOld);
    if (parts !== null) return { taken: tidy([...taken, parts[0]]), rest: [parts[1], ...rest] };
    // the map may be a product where none of its parts is one
    const merged = flat([atom, ...rest]);
    const again = merged === null ? null : cut(merged, left, leftOld);
    return again === null ? null : { taken: tidy([...taken, again[0]]), rest: [again[1]] };
  }
  return { taken: tidy(taken), rest };
}

/** Two dimensions cut at the same places, where they map the same indices to the same; null where they do not. */
export function align(a: Dim, b: Dim): readonly (readonly [Atom, Atom])[] | null {
  const pairs: (readonly [Atom, Atom])[] = [];
  const [left, right] = [[...tidy(a)], [...tidy(b)]];
  while (left.length > 0 || right.length > 0) {
    const [x, y] = [left.shift(), right.shift()];
    if (x === undefined || y === undefined) return flatAlign(a, b);
    if (equal(x.size, y.size)) {
      if (x.map !== y.map) return flatAlign(a, b);
      pairs.push([x, y]);
      continue;
    }
    // the longer one is cut as the shorter one is
    const xParts = cut(x, y.size, y.old);
    const yParts = xParts === null ? cut(y, x.size, x.old) : [y];
    if (yParts === null) return flatAlign(a, b);
    left.unshift(...(xParts ?? [x]));
    right.unshift(...yParts);
  }
  return pairs;
}

function flatAlign(a: Dim, b: Dim): readonly (readonly [Atom, Atom])[] | null {
  const [x, y] = [flat(a), flat(b)];
  if (x === null || y === null || !equal(x.size, y.size) || x.map !== y.map) return null;
  return [[x, y]];
}

/** The same map with other kinds at its new indices. */
export function withKinds(atom: Atom, kind: (own: number, index: number) => number): Atom {
  const { size, old, map, kinds } = atom;
  return map === null ? atom : { size, old, map, kinds: kinds.map((own, i) => (oldAt(atom, i) >= 0 ? Kind.OLD : kind(own, i))) };
}

/** Applies a function to the kinds of every new index. */
export const mapKinds = (dim: Dim, kind: (own: number) => number): Dim => dim.map((atom) => withKinds(atom, kind));

/** What stands at the new indices of a part, in their order. */
const newKinds = (atom: Atom): readonly number[] => (atom.map === null ? [] : [...atom.kinds].filter((_, i) => oldAt(atom, i) < 0));

/** New indices of a dimension (of each atom) that are of none of the given kinds. */
export const countOther = (dim: Dim, ...allowed: readonly number[]): number => dim.flatMap(newKinds).filter((kind) => !allowed.includes(kind)).length;

/** New indices of a dimension. */
export const countNew = (dim: Dim): number => countOther(dim);

/** True where old elements follow each other as they did, whatever new ones stand between them. */
export const keepsOrder = (dim: Dim): boolean =>
  dim.every(({ map }) => {
    const olds = map?.at.filter((old) => old >= 0);
    return olds?.subarray(1).every((old, i) => old > Number(olds[i])) !== false;
  });

/** A dimension's text, for keys and messages. */
export const dimText = (dim: Dim): string =>
  dim.length === 0 ? '1' : dim.map((atom) => (atom.map === null ? keyOf(atom.size) : `${keyOf(atom.old)}→${keyOf(atom.size)}`)).join('·');
