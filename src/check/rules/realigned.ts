/** Values of which more than one thing can be said: where another operand says which of their elements are old ones, those are. */
import { equal } from '../../analysis/size.ts';
import type { Site } from '../context.ts';
import { type Atom, type Dim, isSame, isZeroBesideOld, Kind, kindAt, type Mapped, newSize, oldAt, oldSize, withKinds } from '../dim.ts';
import { fitted, scaled, viewed } from '../term.ts';
import { type Related, related, scaledOf, type Zero } from '../value.ts';
import { stretched } from '../view.ts';
import { picked } from './cuts.ts';

/** An operand of which something is known. */
export type Known = Related | Zero;

/** The part that a dimension is, where it has a map; null for others. */
const mappedPart = ([part, ...more]: Dim): Mapped | null => (part?.map == null || more.length > 0 ? null : part);

/** Operands that hold old elements where another one does along dimension `clash` of `rank`; null where none can be seen so. */
export function realigned(site: Site, operands: readonly Known[], clash: number, rank: number): readonly Known[] | null {
  const at = (own: Related): number => clash - rank + own.dims.length;
  const mapped = operands.flatMap((own) => {
    const part = own.kind === 'related' ? mappedPart(own.dims[at(own)] ?? []) : null;
    return own.kind !== 'related' || part === null ? [] : [{ own, part }];
  });
  const target = mapped.find(({ own }) => own.ref.base.op !== '0' && !isStretched(own, at(own))) ?? mapped[0];
  if (target === undefined) return null;
  const moved = operands.map((own): Known => (own.kind === 'zero' ? own : (alignedTo(site, own, at(own), target.part) ?? own)));
  return moved.some((own, i) => own !== operands[i]) ? moved : null;
}

/** True for a value with one element for all old indices of a dimension. */
const isStretched = ({ ref }: Related, d: number): boolean => (ref.view.dims[d] ?? []).every((part) => part.step === 0);

/** Along dimension `d` a value with old elements where `wanted` has them; null for one that has them there, and where that is not known. */
function alignedTo(site: Site, own: Related, d: number, wanted: Mapped): Related | null {
  const dim = own.dims[d] ?? [];
  const [part] = dim;
  if (part === undefined || part.map === wanted.map || !equal(newSize(dim), wanted.size)) return null;
  if (dim.length === 1 && own.ref.base.op === '0') return zerosAt(own, d, part, wanted);
  if (!isSame(dim)) return dim.length === 1 && isStretched(own, d) ? stretchedTo(own, d, part, wanted) : null;
  // values of a new layer whose elements were all taken for old ones: the old ones among them are a cut, and of the others nothing is said
  if (own.ref.base.constant !== null || own.ref.base.old) return null;
  const places = Array.from({ length: wanted.old }, (_, old) => wanted.map.at.indexOf(old));
  const cut = picked(site, own, d, places);
  return cut.kind === 'related' ? related(scaledOf(cut), withDim(cut, d, [withKinds(wanted, () => Kind.ANY)])) : null;
}

const withDim = ({ dims }: Related, d: number, dim: Dim): readonly Dim[] => dims.map((other, i) => (i === d ? dim : other));

/** True where at all old places of `wanted` one of the allowed things stands. */
const holdsAt = (part: Atom, wanted: Mapped, isAllowed: (kind: number) => boolean): boolean =>
  wanted.map.at.every((old, i) => old < 0 || oldAt(part, i) >= 0 || isAllowed(kindAt(part, i)));

/** True where the old elements of dimension `d` are all that is along the others. */
const isAlone = (own: Related, d: number): boolean => own.dims.every((other, i) => i === d || isSame(other));

/** One element for all old indices, which is the mean of them, too: any of both kinds may count as old ones. */
function stretchedTo(own: Related, d: number, part: Atom, wanted: Mapped): Related | null {
  if (!holdsAt(part, wanted, (kind) => kind === Kind.MEAN)) return null;
  const mean = isAlone(own, d) ? Kind.MEAN : Kind.ANY;
  const dim = [withKinds(wanted, (_, i) => (oldAt(part, i) >= 0 || kindAt(part, i) === Kind.MEAN ? mean : kindAt(part, i)))];
  const once = { offset: own.ref.view.offset, dims: own.ref.view.dims.map((parts, i) => (i === d ? [] : parts)) };
  return related(scaled(viewed(own.ref, stretched(once, d, oldSize(dim))), own.scale), withDim(own, d, dim));
}

/** Zero at old places, and at new ones of one kind: any of both may count as old ones. Beside new elements of other dimensions nothing is said. */
function zerosAt(own: Related, d: number, part: Atom, wanted: Mapped): Related | null {
  if (!holdsAt(part, wanted, isZeroBesideOld)) return null;
  const kind = isAlone(own, d) ? Kind.ZERO : Kind.WEAK;
  const dims = withDim(own, d, [withKinds(wanted, (_, i) => (oldAt(part, i) >= 0 ? kind : kindAt(part, i)))]);
  const ref = fitted(viewed(own.ref, { offset: 0, dims: [] }), dims.map(oldSize));
  return ref === null ? null : related(scaled(ref), dims);
}
