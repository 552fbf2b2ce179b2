/** Dimensions of several operands that belong together: their maps must agree, their new elements are combined. */

import { align, type Dim, isZeroBesideOld, Kind, kindAt, mapKinds, meet, withKinds } from './dim.ts';

/** An operand at a dimension: its own elements, one element for all, or zeros. */
export type Part = Dim | 'broadcast' | 'zero';

/** The kind of a result's new element from those of two operands; `BROADCAST` is an operand that has one element for all indices. */
export type Combine = (a: number, b: number) => number;
export const BROADCAST = 6;

/** Beside one element for all indices a mean is the mean of the results. */
const besideOne: Combine = (a, b) =>
  a !== BROADCAST ? (b === BROADCAST && a === Kind.MEAN ? a : Kind.ANY) : b === Kind.MEAN || b === BROADCAST ? b : Kind.ANY;

/** A function with f(0) = 0 of operands that are all zero. */
export const zeroKinds: Combine = (a, b) => (isZeroBesideOld(a) && isZeroBesideOld(b) ? meet(a, b) : Kind.ANY);

/** A sum: zeros stay, means stay means. */
export const addKinds: Combine = (a, b) => (isZeroBesideOld(a) ? zeroKinds(a, b) : a === Kind.MEAN && b === Kind.MEAN ? a : besideOne(a, b));

/** A product: one zero is enough. */
export const multiplyKinds: Combine = (a, b) => {
  if (a === Kind.ZERO || b === Kind.ZERO) return Kind.ZERO;
  return a === Kind.WEAK || b === Kind.WEAK ? Kind.WEAK : besideOne(a, b);
};

/** A value times itself: the square of a mean is one. */
export const squareKinds: Combine = (a, b) => (a === Kind.MEAN && (b === Kind.MEAN || b === BROADCAST) ? Kind.SQUARE : multiplyKinds(a, b));

/** What is zero where the first operand is. */
export const firstKinds: Combine = (a) => (isZeroBesideOld(a) ? a : Kind.ANY);

/** A quotient: the dividend decides. */
export const divideKinds: Combine = (a, b) => (a === Kind.MEAN && b === BROADCAST ? a : firstKinds(a, b));

/** Nothing is known of the result but that it is finite. */
export const anyKind: Combine = () => Kind.ANY;

/** What is known of one dimension of an operand: of each of its indices, or of all alike. */
type Line = Dim | number;

const lineOf = (part: Part): Line => (part === 'zero' ? Kind.ZERO : part === 'broadcast' ? BROADCAST : part);

function joinedTwo(a: Line, b: Line, combine: Combine): Line | null {
  if (typeof a === 'number') return typeof b === 'number' ? combine(a, b) : mapKinds(b, (own) => combine(a, own));
  if (typeof b === 'number') return mapKinds(a, (own) => combine(own, b));
  return align(a, b)?.map(([x, y]) => withKinds(x, (own, i) => combine(own, kindAt(y, i)))) ?? null;
}

/** Joins the parts of one dimension in operand order; null when they map indices to different old ones. */
export function joinParts(parts: readonly Part[], combine: Combine): Dim | null {
  const [first = BROADCAST, ...more] = parts.map(lineOf);
  const joined = more.reduce<Line | null>((all, own) => (all === null ? null : joinedTwo(all, own, combine)), first);
  return typeof joined === 'number' ? [] : joined;
}
