/** Finding out which old cache an input of the new graph is, where a node reads it. */
import type { Site } from './context.ts';
import { align, type Dim, Kind, mapKinds, sameDim } from './dim.ts';
import type { Scaled } from './term.ts';
import { type Related, related } from './value.ts';
import { viewSizes } from './view.ts';

/**
 * The cache that an operand must be, where the old graph has one of `olds` there: it holds old elements where `wanted` says (null: all
 * of them, in place). Null when no cache is read, or it is supposed to be that already. Otherwise the wish is noted, and taken for
 * granted in what is left of this walk.
 */
export function supposedCache(site: Site, operand: number, olds: readonly Scaled[], wanted: (dim: number) => Dim | null): Related | null {
  const cache = site.inputBehind(operand);
  const caches = olds.filter((own) => own.ref.base.op === 'input');
  const now = site.operands[operand];
  if (cache === null || caches.length === 0) return null;
  const old = caches.find((own) => now?.kind === 'related' && own.ref.key === now.ref.key) ?? caches[0];
  if (old === undefined) return null;
  const dims = viewSizes(old.ref.view).map((size, d): Dim => {
    const own = wanted(d);
    return own === null ? sameDim(size) : own;
  });
  const fits = now?.kind === 'related' && now.ref.key === old.ref.key && now.dims.every((dim, d) => wanted(d) === null || align(dim, dims[d] ?? []) !== null);
  if (fits || cache.order.length !== dims.length) return null;
  const strongest = dims.map((dim) => mapKinds(dim, () => Kind.ZERO));
  site.ctx.wishes.set(cache.name, { old: old.ref.base.attributes, dims: cache.order.map((_, d) => strongest[cache.order.indexOf(d)] ?? []) });
  return related(old, strongest);
}
