/** Parts that were cut from one part: what one index of a piece is known to be tells more of the other pieces. */
import { isStatic } from '../analysis/size.ts';
import { type Atom, type Dim, isZeroBesideOld, Kind, type Whole, withKinds } from './dim.ts';

/** A dimension without what is known of the part that it was cut from. */
export const uncut = (dim: Dim): Dim => (dim.some((atom) => atom.from !== undefined) ? dim.map((atom): Atom => ({ ...atom, from: undefined })) : dim);

/**
 * The other dimensions of a value of which one index of dimension `dim` is selected. Packed queries, keys and values are new elements
 * (3, heads, width) of which those of the keys alone are zero; where the keys are selected, that is all that counts. With the index i of
 * a piece fixed, an element of another piece is zero when the elements of the whole are zero for all indices of the remaining ones.
 */
export function selected(dims: readonly Dim[], dim: number, index: number): readonly Dim[] {
  const [picked, ...more] = dims[dim] ?? [];
  const rest = dims.map((own, d) => (d === dim ? own : uncut(own)));
  if (picked?.from === undefined || more.length > 0) return rest;
  const { whole, step } = picked.from;
  const pieces = dims.flatMap((own, d) => (d === dim ? [] : own.filter((atom) => atom.from?.whole === whole)));
  const count = [picked, ...pieces].reduce((product, { size }) => product * (isStatic(size) ? size : NaN), 1);
  // all pieces must be here: a sum over one of them says nothing of its elements
  if (count !== whole.count) return rest;
  const left: Whole = { ...whole, offset: whole.offset + index * step, count: count / Number(picked.size) };
  return dims.map((own, d) =>
    d === dim ? own : own.map((atom) => (atom.from?.whole === whole ? restored(atom, pieces, left, atom.from.step) : (uncut([atom])[0] ?? atom))),
  );
}

function restored(atom: Atom, pieces: readonly Atom[], whole: Whole, step: number): Atom {
  const others = pieces.filter((piece) => piece !== atom);
  const places = others.reduce<readonly { readonly at: number; readonly old: boolean }[]>(
    (all, { size, map, from }) =>
      all.flatMap((place) =>
        Array.from({ length: Number(size) }, (_, i) => ({ at: place.at + i * (from?.step ?? 0), old: place.old && (map === null || (map.at[i] ?? -1) >= 0) })),
      ),
    [{ at: whole.offset, old: true }],
  );
  const own = withKinds(atom, (_, i) => {
    const kindAt = ({ at }: { readonly at: number }): number => whole.kinds[at + i * step] ?? Kind.ANY;
    if (places.every((place) => kindAt(place) === Kind.ZERO)) return Kind.ZERO;
    return places.every((place) => !place.old || isZeroBesideOld(kindAt(place))) ? Kind.WEAK : Kind.ANY;
  });
  return { ...own, from: { whole, step } };
}
