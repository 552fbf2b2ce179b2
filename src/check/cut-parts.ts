/** Parts that were cut from one part: what one index of a piece is known to be tells more of the other pieces. */
import { type Atom, type Dim, isZeroBesideOld, Kind, oldAt, type Whole, withKinds } from './dim.ts';

const withoutWhole = (atom: Atom): Atom => ({ ...atom, from: undefined });

/** A dimension without what is known of the part that it was cut from. */
export const uncut = (dim: Dim): Dim => dim.map(withoutWhole);

/** A part that was cut out, and how far apart its indices are in what it was cut from. */
interface Piece {
  readonly atom: Atom;
  readonly step: number;
}

const piecesOf = (dim: Dim, whole: Whole): readonly Piece[] => dim.flatMap((atom) => (atom.from?.whole === whole ? [{ atom, step: atom.from.step }] : []));

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
  const pieces = dims.flatMap((own, d) => (d === dim ? [] : piecesOf(own, whole)));
  const count = pieces.reduce((product, { atom }) => product * Number(atom.size), 1);
  // all pieces must be here: a sum over one of them says nothing of its elements
  if (count * Number(picked.size) !== whole.count) return rest;
  const left: Whole = { ...whole, offset: whole.offset + index * step, count };
  return dims.map((own, d) => {
    if (d === dim) return own;
    return own.map((atom) => {
      const piece = pieces.find((other) => other.atom === atom);
      return piece === undefined ? withoutWhole(atom) : restored(piece, pieces, left);
    });
  });
}

/** A place of the whole, and whether all indices that lead there are old ones. */
interface Place {
  readonly at: number;
  readonly isOld: boolean;
}

function restored(own: Piece, pieces: readonly Piece[], whole: Whole): Atom {
  const others = pieces.filter((piece) => piece !== own);
  const places = others.reduce<readonly Place[]>(
    (all, { atom, step }) =>
      all.flatMap(({ at, isOld }) => Array.from({ length: Number(atom.size) }, (_, i): Place => ({ at: at + i * step, isOld: isOld && oldAt(atom, i) >= 0 }))),
    [{ at: whole.offset, isOld: true }],
  );
  const atom = withKinds(own.atom, (_, i) => {
    const kindAt = ({ at }: Place): number | undefined => whole.kinds[at + i * own.step];
    if (places.every((place) => kindAt(place) === Kind.ZERO)) return Kind.ZERO;
    return places.every((place) => !place.isOld || isZeroBesideOld(kindAt(place))) ? Kind.WEAK : Kind.ANY;
  });
  return { ...atom, from: { whole, step: own.step } };
}
