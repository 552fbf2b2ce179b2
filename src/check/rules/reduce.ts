/** Sums, means and searches over dimensions. */
import { multiply as multiplySizes, type Size } from '../../analysis/size.ts';
import { multiply, plain, squareRoot, sumOver } from '../algebra.ts';
import type { Rule, Site } from '../context.ts';
import { countNew, countOther, type Dim, isSame, isZeroBesideOld, Kind, mapKinds, oldSize } from '../dim.ts';
import { unproved } from '../findings.ts';
import { isFloat } from '../numbers.ts';
import { power, scaleFrom, times } from '../scale.ts';
import { type Scaled, scaled, viewed } from '../term.ts';
import { free, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { permuted } from '../view.ts';

/** Sums of what, and of which elements it may be zero that are new. */
const SUMS: Readonly<Record<string, (site: Site, x: Scaled, dims: readonly Size[]) => Scaled>> = {
  ReduceSum: (_, x) => x,
  ReduceMean: (_, x) => x,
  ReduceSumSquare: (site, x, dims) => multiply(site.ctx.terms, [x, x], dims),
  ReduceL2: (site, x, dims) => multiply(site.ctx.terms, [x, x], dims),
};

export const reduce: Rule = (site) => {
  const { relation, node } = site;
  const [x] = site.operands;
  const [sizes = null] = site.sizes;
  const [labels, output] = relation.kind === 'labels' ? [relation.inputs[0], relation.outputs[0]] : [];
  if (x == null || sizes === null || labels == null || output === undefined) return [free(unproved(site.where, `${node.op}: its shape is not known`))];
  if (x.kind === 'free') return [free()];
  if (x.kind === 'zero') return [zeros(sizes)];
  const axes = labels.flatMap((label, d) => (output.includes(label) ? [] : [d]));
  // dimensions that stay with size 1 are labelled anew; the result is written with all of them first
  const keeps = output.length === labels.length;
  return [reduced(site, x, axes, keeps)];
};

function reduced(site: Site, x: Related, axes: readonly number[], keeps: boolean): Value {
  const { terms } = site.ctx;
  const { op } = site.node;
  // the mean of whole numbers drops what is left over
  const isSum = op === 'ReduceMean' && !isFloat(site) ? undefined : SUMS[op];
  const oldSizes = x.dims.map(oldSize);
  for (const axis of axes) {
    const dim = x.dims[axis] ?? [];
    const allMeans = op === 'ReduceMean' && isSum !== undefined && axes.length === 1 && dim.length === 1 && countOther(dim, Kind.MEAN) === 0;
    if (isSame(dim) || allMeans || (isSum !== undefined && countOther(dim, Kind.ZERO) === 0)) continue;
    return free(unproved(site.where, `${op}: over ${countNew(dim)} new elements that are not zero`));
  }
  const dims = x.dims.map(
    (dim, d): Dim =>
      axes.includes(d) ? [] : op === 'ReduceSum' || op === 'ReduceMean' ? dim : mapKinds(dim, (kind) => (isZeroBesideOld(kind) ? kind : Kind.ANY)),
  );
  const inner = dims.map(oldSize);
  const squares = isSum?.(site, scaledOf(x), oldSizes);
  const counts = axes.map((axis) => x.dims[axis] ?? []);
  let own: Scaled | null;
  if (squares === undefined) own = plain(terms, op, axes.join(','), [scaledOf(x)], inner);
  else if (op === 'ReduceMean') own = meanOver(site, x, squares, axes, counts, inner);
  else own = sumOver(terms, squares, axes, inner);
  if (own === null) return zeros(keeps ? (site.sizes[0] ?? []) : dims.flatMap((dim, d) => (axes.includes(d) ? [] : [oldSize(dim)])));
  if (op === 'ReduceL2') own = squareRoot(terms, own, inner);
  if (keeps) return related(own, dims);
  const left = dims.map((_, d) => d).filter((d) => !axes.includes(d));
  return related(
    scaled(viewed(own.ref, permuted(own.ref.view, left)), own.scale),
    left.map((d) => dims[d] ?? []),
  );
}

/** A mean is a sum divided by a number, unless the number depends on the input. */
function meanOver(site: Site, x: Related, own: Scaled, axes: readonly number[], counts: readonly Dim[], sizes: readonly Size[]): Scaled | null {
  const count = counts.reduce<Size>(
    (total, dim) =>
      multiplySizes(
        total,
        dim.reduce<Size>((size, atom) => multiplySizes(size, atom.size), 1),
      ),
    1,
  );
  if (typeof count !== 'number') {
    if (axes.some((axis) => !isSame(x.dims[axis] ?? []))) return null;
    const mean = plain(site.ctx.terms, 'ReduceMean', axes.join(','), [scaled(own.ref)], sizes);
    return scaled(mean.ref, own.scale);
  }
  const means = counts.some((dim) => dim.some((atom) => atom.kinds?.some((kind, i) => kind === Kind.MEAN && (atom.map?.at[i] ?? 0) < 0) === true));
  // the sum over old elements and means of them is n̂/n times the old sum
  const old = counts.reduce((total, dim) => total * Number(oldSize(dim)), 1);
  const whole = sumOver(site.ctx.terms, own, axes, sizes);
  return whole === null ? null : scaled(whole.ref, times(whole.scale, power(scaleFrom(means ? old : count), -1)));
}
