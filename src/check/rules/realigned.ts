/** Values of which more than one thing can be said: where another operand says which of their elements are old ones, those are. */
import { equal, type Size } from '../../analysis/size.ts';
import type { Site } from '../context.ts';
import { type Dim, isSame, Kind, mapKinds, newSize, oldSize, withKinds } from '../dim.ts';
import { fitted, scaled, viewed } from '../term.ts';
import { type Related, related, scaledOf, type Zero } from '../value.ts';
import { stretched } from '../view.ts';
import { picked } from './cuts.ts';

/** An operand of which something is known. */
export type Known = Related | Zero;

/** Operands that hold old elements where another one does along dimension `clash` of `rank`; null where none can be seen so. */
export function realigned(site: Site, operands: readonly Known[], clash: number, rank: number): readonly Known[] | null {
  if (!site.isNew) return null;
  const at = (own: Related): number => clash - rank + own.dims.length;
  const dimOf = (own: Related): Dim => own.dims[at(own)] ?? [];
  const mapped = operands.filter((own): own is Related => own.kind === 'related' && dimOf(own).length === 1 && dimOf(own)[0]?.map != null);
  const target = mapped.find((own) => own.ref.base.op !== '0' && !isStretched(own, at(own))) ?? mapped[0];
  if (target === undefined) return null;
  const wanted = dimOf(target);
  const moved = operands.map((own): Known => {
    const free = own !== target && own.kind === 'related' && equal(newSize(dimOf(own)), newSize(wanted));
    return free ? (alignedTo(site, own, at(own), wanted) ?? own) : own;
  });
  return moved.some((own, i) => own !== operands[i]) ? moved : null;
}

/** True for a value with one element for all old indices of a dimension. */
const isStretched = ({ ref }: Related, d: number): boolean => {
  const strides = ref.view.dims[d] ?? [];
  return strides.length > 0 && strides.every((part) => part.step === 0);
};

/** Along dimension `d` a value with old elements where `wanted` has them. */
function alignedTo(site: Site, own: Related, d: number, wanted: Dim): Related | null {
  const dim = own.dims[d] ?? [];
  if (own.ref.base.op === '0') return zerosAt(own, d, wanted);
  if (dim.length === 1 && dim[0]?.map != null) return isStretched(own, d) ? stretchedTo(own, d, wanted) : null;
  // values of a new layer whose elements were all taken for old ones: the old ones among them are a cut, and of the others nothing is said
  const map = wanted[0]?.map;
  if (map == null || own.ref.base.constant !== null || own.ref.base.old || !isSame(dim)) return null;
  const cut = picked(
    site,
    own,
    d,
    Array.from({ length: map.old }, (_, old) => map.at.indexOf(old)),
  );
  if (cut.kind !== 'related') return null;
  const open = mapKinds(wanted, () => Kind.ANY);
  return related(
    scaledOf(cut),
    cut.dims.map((other, i) => (i === d ? open : other)),
  );
}

/** What stands at the indices of `wanted`: the kinds of one atom, OLD at its old indices; null where it has more than one. */
function kindsAt(dim: Dim, wanted: Dim): readonly number[] | null {
  const [atom] = dim;
  const size = wanted[0]?.map?.at.length ?? 0;
  if (dim.length !== 1 || atom === undefined) return null;
  return Array.from({ length: size }, (_, i) => (atom.map === null || (atom.map.at[i] ?? -1) >= 0 ? Kind.OLD : (atom.kinds?.[i] ?? Kind.ANY)));
}

const holdsAt = (kinds: readonly number[], wanted: Dim, allowed: readonly number[]): boolean =>
  kinds.every((kind, i) => (wanted[0]?.map?.at[i] ?? -1) < 0 || allowed.includes(kind));

/** True where the old elements of dimension `d` are all that is along the others. */
const isAlone = (own: Related, d: number): boolean => own.dims.every((other, i) => i === d || isSame(other));

/** One element for all old indices, which is the mean of them, too: any of both kinds may count as old ones. */
function stretchedTo(own: Related, d: number, wanted: Dim): Related | null {
  const kinds = kindsAt(own.dims[d] ?? [], wanted);
  if (kinds === null || !holdsAt(kinds, wanted, [Kind.OLD, Kind.MEAN])) return null;
  const mean = isAlone(own, d) ? Kind.MEAN : Kind.ANY;
  const dim = wanted.map((atom) => withKinds(atom, (_, i) => (kinds[i] === Kind.OLD || kinds[i] === Kind.MEAN ? mean : (kinds[i] ?? Kind.ANY))));
  const once = { offset: own.ref.view.offset, dims: own.ref.view.dims.map((parts, i) => (i === d ? [] : parts)) };
  return related(
    scaled(viewed(own.ref, stretched(once, d, oldSize(dim))), own.scale),
    own.dims.map((other, i) => (i === d ? dim : other)),
  );
}

/** Zero at old places, and at new ones of one kind: any of both may count as old ones. Beside new elements of other dimensions nothing is said. */
function zerosAt(own: Related, d: number, wanted: Dim): Related | null {
  const kinds = kindsAt(own.dims[d] ?? [], wanted);
  if (kinds === null || !holdsAt(kinds, wanted, [Kind.OLD, Kind.ZERO, Kind.WEAK])) return null;
  const kind = isAlone(own, d) ? Kind.ZERO : Kind.WEAK;
  const dim = wanted.map((atom) => withKinds(atom, (_, i) => (kinds[i] === Kind.OLD ? kind : (kinds[i] ?? Kind.ANY))));
  const dims = own.dims.map((other, i) => (i === d ? dim : other));
  const sizes: readonly Size[] = dims.map(oldSize);
  const once = viewed(own.ref, { offset: 0, dims: [] });
  const ref = fitted(once, sizes);
  return ref === null ? null : related(scaled(ref), dims);
}
