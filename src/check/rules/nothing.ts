/** Values that are zero at all old places: whatever stands at their new ones, nothing of it reaches an old element that they are added to. */
import type { Size } from '../../analysis/size.ts';
import { nothing } from '../algebra.ts';
import type { Site } from '../context.ts';
import { countOther, type Dim, Kind, oldSize } from '../dim.ts';
import { fitted, scaled } from '../term.ts';
import { free, related, type Value, zeros } from '../value.ts';

/** Zero at all old places of the dimensions; where new elements may be something, that is all that is known. */
export function nothingLeft({ ctx }: Site, dims: readonly Dim[], sizes: readonly Size[]): Value {
  if (dims.every((dim) => countOther(dim, Kind.ZERO) === 0)) return zeros(sizes);
  const ref = fitted(nothing(ctx.terms).ref, dims.map(oldSize));
  return ref === null ? free() : related(scaled(ref), dims);
}
