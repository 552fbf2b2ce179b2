/** Sums, means and searches over dimensions. */
import { isStatic, product, type Size } from '../../analysis/size.ts';
import { multiply, nothing, plain, rootOf, squareRoot, sum, sumOver } from '../algebra.ts';
import type { Rule, Site } from '../context.ts';
import { countNew, countOther, type Dim, isSame, isZeroBesideOld, Kind, mapKinds, newSize, oldSize } from '../dim.ts';
import { unproved } from '../findings.ts';
import { isFloat } from '../numbers.ts';
import { ONE, over, type Scale, scaleFrom, times } from '../scale.ts';
import { fitted, type Scaled, scaled, viewed } from '../term.ts';
import { free, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { permuted } from '../view.ts';

/** Sums of what: the elements or their squares. */
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
  return [reduced(site, x, axes, keeps, sizes)];
};

/** Along other dimensions sums keep zeros and means; of squares of means they know nothing. */
const linearKinds = (kind: number): number => (kind === Kind.SQUARE ? Kind.ANY : kind);
const zeroKinds = (kind: number): number => (isZeroBesideOld(kind) ? kind : Kind.ANY);

function reduced(site: Site, x: Related, axes: readonly number[], keeps: boolean, sizes: readonly Size[]): Value {
  const { terms } = site.ctx;
  const { op } = site.node;
  // quotients and roots of whole numbers are cut
  const isSum = isFloat(site) || op === 'ReduceSum' || op === 'ReduceSumSquare' ? SUMS[op] : undefined;
  const kinds = isSum !== undefined && (op === 'ReduceSum' || op === 'ReduceMean') ? linearKinds : zeroKinds;
  const dims = x.dims.map((dim, d): Dim => (axes.includes(d) ? [] : mapKinds(dim, kinds)));
  const inner = dims.map(oldSize);
  const summed = axes.map((axis) => x.dims[axis] ?? []);
  const added = isSum?.(site, scaledOf(x), x.dims.map(oldSize));
  let own: Scaled | null | undefined;
  if (added === undefined) own = summed.every(isSame) ? plain(terms, op, axes.join(','), [scaledOf(x)], inner) : undefined;
  else if (op === 'ReduceMean') own = meanOver(site, x, added, axes, summed, inner);
  else own = sumWithNew(site, x, added, axes, summed, inner);
  if (own === undefined)
    return free(unproved(site.where, `${op}: over ${summed.reduce((total, dim) => total + countNew(dim), 0)} new elements that are not zero`));
  if (own === null && dims.every((dim) => countOther(dim, Kind.ZERO) === 0)) return zeros(sizes);
  // at old places the sum over what is centred is zero; at new ones that is not said
  own ??= scaled(fitted(nothing(terms).ref, inner) ?? nothing(terms).ref);
  if (op === 'ReduceL2') own = squareRoot(terms, own, inner);
  if (keeps) return related(own, dims);
  const left = dims.map((_, d) => d).filter((d) => !axes.includes(d));
  return related(
    scaled(viewed(own.ref, permuted(own.ref.view, left)), own.scale),
    left.map((d) => dims[d] ?? []),
  );
}

/**
 * The sum over old and new elements; null when it is zero, undefined when nothing is known of the new ones. With k means of o old
 * elements it is (1 + k/o)·Σx, with k squares of such means Σx² + k·(Σx/o)².
 */
function sumWithNew(site: Site, x: Related, added: Scaled, axes: readonly number[], summed: readonly Dim[], sizes: readonly Size[]): Scaled | null | undefined {
  const { terms } = site.ctx;
  const old = sumOver(terms, added, axes, sizes);
  if (summed.every((dim) => countOther(dim, Kind.ZERO) === 0)) return old;
  const [line] = summed;
  // a mean is one of a line along one dimension
  if (line === undefined || axes.length > 1 || line.length > 1) return undefined;
  const count = Number(oldSize(line));
  const means = countOther(line, Kind.ZERO);
  const isLinear = site.node.op === 'ReduceSum' || site.node.op === 'ReduceMean';
  if (isLinear && countOther(line, Kind.ZERO, Kind.MEAN) === 0)
    return old === null ? null : scaled(old.ref, times(old.scale, over(scaleFrom(count + means), scaleFrom(count))));
  if (countOther(line, Kind.ZERO, isLinear ? Kind.SQUARE : Kind.MEAN) > 0) return undefined;
  const root = isLinear ? rootOf(terms, added) : scaled(x.ref);
  if (root === null) return undefined;
  const total = sumOver(terms, root, axes, sizes);
  if (total === null || old === null) return old;
  const square = multiply(terms, [total, total], sizes);
  const factor = times(added.scale, over(scaleFrom(means), scaleFrom(count * count)));
  return sum(terms, [old, scaled(square.ref, times(square.scale, factor))], sizes);
}

/** A mean is a sum divided by a number; where that depends on the input, zeros among the elements still make it smaller by a known factor. */
function meanOver(site: Site, x: Related, added: Scaled, axes: readonly number[], summed: readonly Dim[], sizes: readonly Size[]): Scaled | null | undefined {
  const count = product(summed.map(newSize));
  // the mean of nothing
  if (count === 0 || summed.some((dim) => oldSize(dim) === 0)) return undefined;
  if (isStatic(count)) {
    const total = sumWithNew(site, x, added, axes, summed, sizes);
    return total == null ? total : scaled(total.ref, over(total.scale, scaleFrom(count)));
  }
  if (summed.some((dim) => countOther(dim, Kind.ZERO) > 0)) return undefined;
  const mean = plain(site.ctx.terms, 'ReduceMean', axes.join(','), [scaled(added.ref)], sizes);
  const fewer = summed.filter((dim) => !isSame(dim)).reduce((factor, dim) => times(factor, ratioOf(dim)), added.scale);
  return scaled(mean.ref, fewer);
}

/** Old elements per element of a dimension that grew; what depends on the input is the same on both sides. */
const ratioOf = (dim: Dim): Scale =>
  dim.filter((atom) => atom.map !== null).reduce((factor, atom) => times(factor, over(scaleFrom(Number(atom.old)), scaleFrom(Number(atom.size)))), ONE);
