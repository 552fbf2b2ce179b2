/** Dimensions of several operands that belong together: their maps must agree, their new elements are combined. */

import { equal, type Size } from '../analysis/size.ts';
import { type Atom, align, type Dim, isSame, isZeroBesideOld, Kind, meet, withKinds } from './dim.ts';

/** An operand at a dimension: its own elements, one element for all, or zeros. */
export type Part = Dim | 'broadcast' | 'zero';

/** The kind of a result's new element from those of two operands; `BROADCAST` is an operand that has one element for all indices. */
export type Combine = (a: number, b: number) => number;
export const BROADCAST = 6;

/** A sum: zeros stay, means stay means. */
export const addKinds: Combine = (a, b) => {
  if (a === b) return a === Kind.SQUARE ? Kind.ANY : a;
  if (isZeroBesideOld(a) && isZeroBesideOld(b)) return Kind.WEAK;
  if ((a === Kind.MEAN && b === BROADCAST) || (a === BROADCAST && b === Kind.MEAN)) return Kind.MEAN;
  return Kind.ANY;
};

/** A product: one zero is enough. */
export const multiplyKinds: Combine = (a, b) => {
  if (a === Kind.ZERO || b === Kind.ZERO) return Kind.ZERO;
  if (a === Kind.WEAK || b === Kind.WEAK) return Kind.WEAK;
  return addKinds(a, b) === Kind.MEAN && a !== b ? Kind.MEAN : a === BROADCAST && b === BROADCAST ? BROADCAST : Kind.ANY;
};

/** A value times itself: the square of a mean is one. */
export const squareKinds: Combine = (a, b) => (a === Kind.MEAN && (b === Kind.MEAN || b === BROADCAST) ? Kind.SQUARE : multiplyKinds(a, b));

/** A quotient: the dividend decides. */
export const divideKinds: Combine = (a, b) => {
  if (isZeroBesideOld(a)) return a;
  return a === Kind.MEAN && b === BROADCAST ? Kind.MEAN : Kind.ANY;
};

/** Nothing is known of the result but that it is finite. */
export const anyKind: Combine = () => Kind.ANY;

/** A function with f(0) = 0 of operands that are all zero. */
export const zeroKinds: Combine = (a, b) => (isZeroBesideOld(a) && isZeroBesideOld(b) ? meet(a, b) : Kind.ANY);

/** What is zero where the first operand is. */
export const firstKinds: Combine = (a) => (isZeroBesideOld(a) ? a : Kind.ANY);

const kindsOf = (atom: Atom, i: number): number => ((atom.map?.at[i] ?? 0) >= 0 ? Kind.OLD : (atom.kinds?.[i] ?? Kind.ANY));

/** Joins the parts of one dimension in operand order; null when they map indices to different old ones. */
export function joinParts(parts: readonly Part[], combine: Combine): Dim | null {
  const dims = parts.filter((part): part is Dim => typeof part !== 'string');
  const [first] = dims;
  if (first === undefined) return [];
  if (dims.every(isSame)) return dims.every((dim) => sizesAgree(dim, first)) ? first : null;
  let joined: Dim | null = null;
  // kinds of operands without elements of their own at the front
  let before: number | null = null;
  for (const part of parts) {
    if (typeof part === 'string') {
      const kind = part === 'zero' ? Kind.ZERO : BROADCAST;
      if (joined === null) before = before === null ? kind : combine(before, kind);
      else joined = joined.map((atom) => withKinds(atom, (own) => combine(own, kind)));
      continue;
    }
    if (joined === null) {
      const ahead = before;
      joined = ahead === null ? part : part.map((atom) => withKinds(atom, (own) => combine(ahead, own)));
      continue;
    }
    const pairs = align(joined, part);
    if (pairs === null) return null;
    joined = pairs.map(([a, b]) => withKinds(a, (_, i) => combine(kindsOf(a, i), kindsOf(b, i))));
  }
  return joined?.map((atom) => withKinds(atom, (own) => (own === BROADCAST ? Kind.ANY : own))) ?? null;
}

const sizesAgree = (a: Dim, b: Dim): boolean => align(a, b) !== null;

/** The parts of an operand under numpy broadcasting: one for each dimension of the result. */
export function broadcastParts(dims: readonly Dim[], sizes: readonly Size[]): readonly Part[] {
  return sizes.map((size, d) => {
    const own = dims[d - sizes.length + dims.length];
    return own === undefined || (own.length === 0 && !equal(size, 1)) ? 'broadcast' : own;
  });
}
