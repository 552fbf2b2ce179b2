import { equal, isStatic, keyOf, product, type Size } from '../../analysis/size.ts';
import { plain } from '../algebra.ts';
import type { Context, Rule, Site } from '../context.ts';
import { type Atom, type Dim, isSame, newSize, oldSize, sameDim, take, tidy } from '../dim.ts';
import { unproved } from '../findings.ts';
import { scaled, viewed } from '../term.ts';
import { free, isConstant, isExact, type Related, related, type Value, zeros } from '../value.ts';
import { permuted, repeated, reshaped, stretched, type View } from '../view.ts';
import { general } from './general.ts';

type Move = (site: Site, x: Related, sizes: readonly (readonly Size[])[]) => readonly Value[];

/**
 * A rule for an operator that moves the elements of operand 0; what is free or zero stays so. Where the rule does not say what is moved
 * where, the operator still gives the same on the same operands.
 */
export const moving =
  (move: Move): Rule =>
  (site) => {
    const [x] = site.operands;
    // a result of Split that nobody reads has no shape
    if (x == null || site.sizes.every((own) => own === null)) return site.sizes.map(() => missing(site, 'its shape is not known'));
    const sizes = site.sizes.map((own) => own ?? []);
    if (x.kind === 'free') return sizes.map(() => free());
    if (x.kind === 'zero') return sizes.map(zeros);
    const moved = move(site, x, sizes).map((own, o) => (own.kind === 'zero' ? zeros(sizes[o] ?? []) : own));
    if (moved.every((own) => own.kind !== 'free')) return moved;
    const same = general(site);
    return same.every((own) => !site.isNew || (own.kind === 'related' && own.ref.base.old)) ? same : moved;
  };

export const missing = (site: Site, what: string): Value => free(unproved(site.where, `${site.node.op}: ${what}`));

/** Transpose, Squeeze and Unsqueeze: dimensions in another order, some of size 1 gone or new. */
export const reorder: Rule = moving((site, x) => {
  const { relation } = site;
  const [labels, output] = relation.kind === 'labels' ? [relation.inputs[0], relation.outputs[0]] : [];
  if (labels == null || output === undefined) return [missing(site, 'its dimensions are not known')];
  // −1 for a new dimension of size 1
  const order = output.map((label) => labels.indexOf(label));
  const own = scaled(viewed(x.ref, permuted(x.ref.view, order)), x.scale);
  return [
    related(
      own,
      order.map((d) => x.dims[d] ?? []),
    ),
  ];
});

/** True where operand 1 is what the old graph computes. */
const isOldShape = ({ operands: [, shape] }: Site): boolean => shape?.kind === 'related' && shape.ref.base.old && isExact(shape);

/** True where the shape operand is the same for all inputs, or the old graph's own. */
const isKnownShape = (site: Site): boolean => !site.isNew || site.isCertain(1) || isOldShape(site);

/** A dimension that is not 1 for all inputs is asked to stay as it is: else an input of size 1 would be stretched, or lost. */
function stretchesOnlyOnes(site: Site, x: Related): boolean {
  if (!site.isNew || isOldShape(site)) return true;
  const wanted = site.facts.elements(site.node.inputs[1] ?? '') ?? [];
  return wanted.every(({ value }, i) => {
    const dim = x.dims[i - wanted.length + x.dims.length] ?? [];
    return dim.length === 0 || value === 1 || (value !== null && equal(value, newSize(dim)));
  });
}

/**
 * What an old value was stretched to, or how often it was repeated: the same as now if that is among it, else the first with as many
 * dimensions. What the old graph does is remembered.
 */
function oldSizesOf({ ctx, node, isNew }: Site, { ref }: Related, sizes: readonly Size[]): readonly Size[] {
  const key = `${node.op} ${ref.key} ${sizes.length}`;
  const list = ctx.shapes.get(key) ?? [];
  if (isNew) return list.find((own) => own.every((size, d) => equal(size, sizes[d] ?? 0))) ?? list[0] ?? [];
  ctx.shapes.set(key, [...list, sizes]);
  return sizes;
}

/** Reshape and Flatten. */
export const reshape: Rule = moving((site, x, [sizes = []]) => {
  if (!isKnownShape(site)) return [missing(site, 'its shape depends on the input in a way that the old one does not')];
  const dims = repartitioned(x.dims, sizes);
  if (dims === null) return [missing(site, 'the old elements do not stand where a reshape could keep them together')];
  const old = dims.map(oldSize);
  const view = reshaped(x.ref.view, old);
  const ref = view === null ? plain(site.ctx.terms, 'Reshape', old.map(keyOf).join(','), [scaled(x.ref)], old).ref : viewed(x.ref, view);
  return [related(scaled(ref, x.scale), dims)];
});

/** Dimensions of other sizes over the same elements: which of their indices are old ones follows from where those stand. */
function repartitioned(dims: readonly Dim[], sizes: readonly Size[]): readonly Dim[] | null {
  let rest: readonly Atom[] = dims.flat();
  const out: Dim[] = [];
  for (const size of sizes) {
    const next = take(rest, size, null);
    if (next === null) return isSame(rest) ? withBlock(out, rest, sizes) : null;
    out.push(next.taken);
    rest = next.rest;
  }
  return rest.length === 0 ? out : null;
}

/** Behind dimensions that are cut where they were, a block that is the same on both sides is cut anew in the same way: [b, s, t] as [b, t, s]. */
function withBlock(front: readonly Dim[], block: Dim, sizes: readonly Size[]): readonly Dim[] | null {
  const left = sizes.slice(front.length);
  return equal(newSize(block), product(left)) ? [...front, ...left.map(sameDim)] : null;
}

/** Expand: one element for all indices, so any place may be an old one. */
export const expand: Rule = moving((site, x, [sizes = []]) => {
  if (!isKnownShape(site) || !stretchesOnlyOnes(site, x)) return [missing(site, 'its shape depends on the input in a way that the old one does not')];
  if (isConstant(x) && x.ref.base.constant?.uniform === 0) return [zeros(sizes)];
  const old = oldSizesOf(site, x, sizes);
  const missingRank = sizes.length - x.dims.length;
  let view: View = { offset: x.ref.view.offset, dims: [...sizes.slice(0, missingRank).map(() => []), ...x.ref.view.dims] };
  const dims = sizes.map((size, d): Dim => {
    const own = d < missingRank ? [] : (x.dims[d - missingRank] ?? []);
    if (own.length > 0 || size === 1) return own;
    const dim = grownTo(site.ctx, old[d], size);
    view = stretched(view, d, oldSize(dim));
    return dim;
  });
  return [related(scaled(viewed(x.ref, view), x.scale), dims)];
});

/**
 * Tile: element i of n repeated r times is element i mod n, so a dimension becomes r (one element for all indices) times what it was.
 * Old elements stand where they stood in each copy; which copies are old ones is as free as in Expand.
 */
export const tile: Rule = moving((site, x) => {
  const repeats = site.relation.kind === 'tile' ? (site.relation.repeats ?? []) : [];
  if (!isKnownShape(site) || repeats.length !== x.dims.length) return [missing(site, 'its counts depend on the input')];
  const old = oldSizesOf(site, x, repeats);
  let { view } = x.ref;
  const dims = x.dims.map((own, d): Dim => {
    const count = repeats[d] ?? 1;
    if (count === 1) return own;
    const copies = grownTo(site.ctx, old[d], count);
    view = repeated(view, d, oldSize(copies));
    return tidy([...copies, ...own]);
  });
  return [related(scaled(viewed(x.ref, view), x.scale), dims)];
});

const grownTo = (ctx: Context, old: Size | undefined, size: Size): Dim =>
  old === undefined || !isStatic(old) || !isStatic(size) || old >= size ? sameDim(size) : (ctx.hints(old, size)[0] ?? sameDim(size));
