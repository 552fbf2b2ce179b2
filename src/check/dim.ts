/**
 * Where the elements of an old dimension stand in the new one.
 *
 * A dimension is a list of atoms, outermost first (mixed radix): a part that is the same on both sides, whatever its size, or
 * a part of known sizes with a map from each new index to its old one. What is said of a new index holds whatever the
 * other indices are.
 */
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

/** A part of a dimension; without `map` it is the same on both sides. */
export interface Atom {
  readonly size: Size;
  readonly old: Size;
  readonly map: IndexMap | null;
  readonly kinds: Uint8Array | null;
  /** The part that this one was cut from, and how far apart its indices are there. */
  readonly from?: { readonly whole: Whole; readonly step: number };
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
  readonly key: string;
}

export type Dim = readonly Atom[];

let maps = new Map<string, IndexMap[]>();

/** Begins a proof: maps of earlier ones are not kept. */
export function forgetMaps(): void {
  maps = new Map();
}

/** The one object for a map. */
export function indexMap(at: Int32Array, old: number): IndexMap {
  let hash = 17;
  for (const index of at) hash = (Math.imul(hash, 31) + index) | 0;
  const bucket = `${at.length}:${old}:${hash}`;
  const known = maps.get(bucket) ?? [];
  const found = known.find((own) => own.at.every((index, i) => index === at[i]));
  if (found !== undefined) return found;
  const made = { at, old, key: `${bucket}:${known.length}` };
  maps.set(bucket, [...known, made]);
  return made;
}

/** A dimension that is the same on both sides. */
export const sameDim = (size: Size): Dim => (size === 1 ? [] : [{ size, old: size, map: null, kinds: null }]);

/** A mapped dimension; one that maps every index to itself is the same. */
export function mappedDim(map: IndexMap, kinds: Uint8Array): Dim {
  if (map.at.length === map.old && map.at.every((index, i) => index === i)) return sameDim(map.old);
  return [{ size: map.at.length, old: map.old, map, kinds }];
}

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
      const size = product([last.size, atom.size]);
      out[out.length - 1] = { size, old: size, map: null, kinds: null };
    } else out.push(atom);
  }
  return out;
}

/** The dimension as one atom of static size; null when a part depends on the input. */
export function flat(dim: Dim): Atom | null {
  const own = tidy(dim);
  if (own.length === 1 && own[0] !== undefined) return own[0];
  if (own.length === 0) return { size: 1, old: 1, map: null, kinds: null };
  if (!own.every((atom) => isStatic(atom.size))) return null;
  return own.reduce((outer, inner) => {
    const [m, n] = [outer.size as number, inner.size as number];
    const at = new Int32Array(m * n);
    const kinds = new Uint8Array(m * n);
    const [oldOuter, oldInner] = [outer.old as number, inner.old as number];
    for (let i = 0; i < m; i++) {
      const a = outer.map === null ? i : (outer.map.at[i] ?? -1);
      for (let j = 0; j < n; j++) {
        const b = inner.map === null ? j : (inner.map.at[j] ?? -1);
        const place = i * n + j;
        at[place] = a < 0 || b < 0 ? -1 : a * oldInner + b;
        if (a >= 0 && b >= 0) continue;
        const zero = (a < 0 && outer.kinds?.[i] === Kind.ZERO) || (b < 0 && inner.kinds?.[j] === Kind.ZERO);
        const weak = (b >= 0 && outer.kinds?.[i] === Kind.WEAK) || (a >= 0 && inner.kinds?.[j] === Kind.WEAK);
        kinds[place] = zero ? Kind.ZERO : weak ? Kind.WEAK : Kind.ANY;
      }
    }
    return { size: m * n, old: oldOuter * oldInner, map: indexMap(at, oldOuter * oldInner), kinds };
  });
}

/** Cuts an atom into an outer and an inner part; null when its map is no product of two maps. */
function cut(atom: Atom, outer: Size, outerOld: Size | null): [Atom, Atom] | null {
  const inner = divideExactly(atom.size, outer);
  if (inner === undefined) return null;
  const { map, kinds } = atom;
  if (map === null || kinds === null) {
    if (outerOld !== null && !equal(outer, outerOld)) return null;
    return [
      { size: outer, old: outer, map: null, kinds: null },
      { size: inner, old: inner, map: null, kinds: null },
    ];
  }
  // a damaged file computes sizes below zero
  if (!isStatic(outer) || !isStatic(inner) || outer < 1 || inner < 1) return null;
  const guesses = outerOld === null ? divisorsOf(map.old) : isStatic(outerOld) ? [outerOld] : [];
  // without further knowledge as much as possible stays the same
  const ordered = [...guesses].sort(
    (a, b) => Number(b === outer) - Number(a === outer) || Number(map.old / b === inner) - Number(map.old / a === inner) || b - a,
  );
  for (const guess of ordered) {
    const parts = map.old % guess === 0 ? separate(map, kinds, outer, inner, guess, map.old / guess) : null;
    if (parts === null) continue;
    const { whole, step } = atom.from ?? { whole: { kinds, offset: 0, count: map.at.length }, step: 1 };
    return [
      { ...parts[0], from: { whole, step: step * inner } },
      { ...parts[1], from: { whole, step } },
    ];
  }
  return null;
}

/** In rising order. */
function divisorsOf(n: number): number[] {
  const small: number[] = [];
  for (let i = 1; i * i <= n; i++) if (n % i === 0) small.push(i);
  return [...small, ...small.flatMap((i) => (i * i === n ? [] : [n / i])).reverse()];
}

function separate(map: IndexMap, kinds: Uint8Array, outer: number, inner: number, outerOld: number, innerOld: number): [Atom, Atom] | null {
  const [first, second] = [new Int32Array(outer).fill(-1), new Int32Array(inner).fill(-1)];
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const old = map.at[i * inner + j] ?? -1;
      if (old < 0) continue;
      const [a, b] = [Math.floor(old / innerOld), old % innerOld];
      if (((first[i] ?? -1) >= 0 && first[i] !== a) || ((second[j] ?? -1) >= 0 && second[j] !== b)) return null;
      first[i] = a;
      second[j] = b;
    }
  }
  const [kindsOuter, kindsInner] = [new Uint8Array(outer), new Uint8Array(inner)];
  for (let i = 0; i < outer; i++) {
    for (let j = 0; j < inner; j++) {
      const isNew = (first[i] ?? -1) < 0 || (second[j] ?? -1) < 0;
      if (isNew !== (map.at[i * inner + j] ?? -1) < 0) return null;
    }
  }
  // zero for all indices of the other part, or for its old ones
  const kindOf = (count: number, isOld: (i: number) => boolean, own: (i: number) => number | undefined): number => {
    const all = Array.from({ length: count }, (_, i) => i);
    if (all.every((i) => own(i) === Kind.ZERO)) return Kind.ZERO;
    return all.every((i) => !isOld(i) || isZeroBesideOld(own(i))) ? Kind.WEAK : Kind.ANY;
  };
  const isOuter = (i: number): boolean => (first[i] ?? -1) >= 0;
  const isInner = (j: number): boolean => (second[j] ?? -1) >= 0;
  for (let i = 0; i < outer; i++) if (!isOuter(i)) kindsOuter[i] = kindOf(inner, isInner, (j) => kinds[i * inner + j]);
  for (let j = 0; j < inner; j++) if (!isInner(j)) kindsInner[j] = kindOf(outer, isOuter, (i) => kinds[i * inner + j]);
  const part = (at: Int32Array, old: number, own: Uint8Array): Atom =>
    mappedDim(indexMap(at, old), own)[0] ?? { size: at.length, old, map: at.length === old ? null : indexMap(at, old), kinds: own };
  return [part(first, outerOld, kindsOuter), part(second, innerOld, kindsInner)];
}

/**
 * Takes a dimension of the given sizes from the front of a list of atoms and leaves the rest. `old` null means that the old
 * size may be whatever follows from the maps. Null when the atoms cannot be cut there.
 */
export function take(atoms: readonly Atom[], size: Size, old: Size | null): { readonly taken: Dim; readonly rest: readonly Atom[] } | null {
  const taken: Atom[] = [];
  let rest = [...atoms];
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
    if (parts === null) {
      const merged = rest.length === 0 ? null : flat([atom, ...rest]);
      if (merged === null || merged.map === null) return null;
      rest = [];
      const again = cut(merged, left, leftOld);
      if (again === null) return null;
      taken.push(again[0]);
      rest.unshift(again[1]);
    } else {
      taken.push(parts[0]);
      rest.unshift(parts[1]);
    }
    [left, leftOld] = [1, leftOld === null ? null : 1];
  }
  return { taken: tidy(taken), rest };
}

/** Two dimensions cut at the same places, where they map the same indices to the same; null where they do not. */
export function align(a: Dim, b: Dim): readonly (readonly [Atom, Atom])[] | null {
  const pairs: (readonly [Atom, Atom])[] = [];
  let [left, right] = [[...tidy(a)], [...tidy(b)]];
  while (left.length > 0 || right.length > 0) {
    const [x, y] = [left.shift(), right.shift()];
    if (x === undefined || y === undefined) return flatAlign(a, b);
    if (equal(x.size, y.size)) {
      if (!equal(x.old, y.old) || (x.map === null ? y.map !== null : x.map !== y.map)) return flatAlign(a, b);
      pairs.push([x, y]);
      continue;
    }
    const yShorter = divideExactly(x.size, y.size) !== undefined;
    const cutting = yShorter ? take([x], y.size, y.old) : take([y], x.size, x.old);
    const [piece] = cutting?.taken ?? [];
    if (cutting === null || piece === undefined || cutting.taken.length !== 1) return flatAlign(a, b);
    if (yShorter) left = [piece, ...cutting.rest, ...left];
    else right = [piece, ...cutting.rest, ...right];
    if (yShorter) right.unshift(y);
    else left.unshift(x);
  }
  return pairs;
}

function flatAlign(a: Dim, b: Dim): readonly (readonly [Atom, Atom])[] | null {
  const [x, y] = [flat(a), flat(b)];
  if (x === null || y === null || !equal(x.size, y.size) || !equal(x.old, y.old) || x.map !== y.map) return null;
  return [[x, y]];
}

/** The same map with other kinds at its new indices. */
export const withKinds = (atom: Atom, kind: (own: number, index: number) => number): Atom =>
  atom.map === null || atom.kinds === null
    ? atom
    : { size: atom.size, old: atom.old, map: atom.map, kinds: atom.kinds.map((own, i) => ((atom.map?.at[i] ?? -1) >= 0 ? Kind.OLD : kind(own, i))) };

/** Applies a function to the kinds of every new index. */
export const mapKinds = (dim: Dim, kind: (own: number) => number): Dim => dim.map((atom) => withKinds(atom, kind));

/** New indices of a dimension (of each atom) that are of none of the given kinds. */
export const countOther = (dim: Dim, ...allowed: readonly number[]): number =>
  dim.reduce(
    (sum, atom) => sum + (atom.map === null ? 0 : [...(atom.kinds ?? [])].filter((kind, i) => (atom.map?.at[i] ?? -1) < 0 && !allowed.includes(kind)).length),
    0,
  );

/** New indices of a dimension. */
export const countNew = (dim: Dim): number => countOther(dim);

/** True where old elements follow each other as they did, whatever new ones stand between them. */
export const keepsOrder = (dim: Dim): boolean =>
  dim.every(({ map }) => {
    const olds = map === null ? [] : [...map.at].filter((old) => old >= 0);
    return olds.every((old, i) => i === 0 || old > (olds[i - 1] ?? -1));
  });

/** A dimension's text, for keys and messages. */
export const dimText = (dim: Dim): string =>
  dim.length === 0 ? '1' : dim.map((atom) => (atom.map === null ? keyOf(atom.size) : `${keyOf(atom.old)}→${keyOf(atom.size)}`)).join('·');
