/** What is known of a value of the new graph, in terms of the old one. */
import type { Size } from '../analysis/size.ts';
import { type Dim, isSame, sameDim } from './dim.ts';
import type { Finding } from './findings.ts';
import { ONE, type Scale } from './scale.ts';
import { type Ref, type Scaled, scaled } from './term.ts';

/** Old elements at the places that the dimensions say, times a factor. */
export interface Related {
  readonly kind: 'related';
  readonly ref: Ref;
  readonly scale: Scale;
  /** One for each dimension of the new value, and of the old one. */
  readonly dims: readonly Dim[];
}

/** All elements are zero. */
export interface Zero {
  readonly kind: 'zero';
  readonly sizes: readonly Size[];
}

/** Nothing is known but that elements are finite. `why` says what stood in the way, where all operands were related. */
export interface Free {
  readonly kind: 'free';
  readonly why: Finding | null;
  /** True where not even that is known. */
  readonly isOpen: boolean;
}

export type Value = Related | Zero | Free;

export const related = (own: Scaled, dims: readonly Dim[]): Related => ({ kind: 'related', ref: own.ref, scale: own.scale, dims });
/** A value that is a term, element by element. */
export const exactly = (own: Scaled): Related =>
  related(
    own,
    own.ref.view.dims.map((parts) => parts.flatMap((part) => sameDim(part.size))),
  );
export const zeros = (sizes: readonly Size[]): Zero => ({ kind: 'zero', sizes });
export const free = (why: Finding | null = null, isOpen = false): Free => ({ kind: 'free', why, isOpen });

/** True for a value that is the old one, element by element, but for a factor. */
export const isExact = (value: Related): boolean => value.dims.every(isSame);

export const scaledOf = (value: Related): Scaled => scaled(value.ref, value.scale);

/** A constant as the new file holds it. */
export const isConstant = (value: Value | undefined): value is Related =>
  value?.kind === 'related' && value.ref.base.constant !== null && value.scale === ONE && isExact(value);

/** A value that has old elements only: it is a number where the old one is. */
export const isOld = (value: Value | undefined): boolean =>
  value?.kind === 'related' && value.ref.base.old && value.dims.every((dim) => dim.every(({ map }) => map === null || map.at.every((old) => old >= 0)));
