/**
 * Axes: which dimensions of a graph must keep one size, found by unification over the op table.
 *
 * An axis is a leaf, a product of axes (`heads · head_dim` after a merge of dimensions) or a sum of axes (`q + k + v` packed
 * in one matrix). A leaf turns into a product or a sum *in place* when a Reshape or Slice splits it, so every dimension that
 * was unified with it before sees the split too, and one forward pass is enough.
 */

import { add, divideExactly, equal, hint, product, type Size, subtract } from './size.ts';

/** An axis of one graph; use the functions below, never the fields, outside this file. */
export interface Axis {
  size: Size;
  /** `appended` and `blocks` follow their only child: see Derived in relation.ts. */
  form: 'leaf' | 'product' | 'sum' | 'appended' | 'blocks';
  children: readonly Axis[];
  /** Elements a block holds. */
  readonly by: number;
  /** Set when this axis was found to be the same as another. */
  same: Axis | null;
  /** Why this leaf must keep its size. */
  pinned: string | null;
  readonly id: number;
}

/** The axis that stands for all that were found to be the same. */
export function find(axis: Axis): Axis {
  let root = axis;
  while (root.same !== null) root = root.same;
  for (let at = axis; at.same !== null; ) {
    const next: Axis = at.same;
    at.same = root;
    at = next;
  }
  return root;
}

/** The factors of an axis, outermost first; itself when it is no product. Factors are leaves or sums. */
export function factorsOf(axis: Axis): Axis[] {
  const root = find(axis);
  return root.form === 'product' ? root.children.flatMap(factorsOf) : [root];
}

/** The segments of an axis in order; itself when it is no sum. Segments are leaves or products. */
export function segmentsOf(axis: Axis): Axis[] {
  const root = find(axis);
  return root.form === 'sum' ? root.children.flatMap(segmentsOf) : [root];
}

/** The leaves of an axis, each as often as it occurs. */
export function leavesOf(axis: Axis): Axis[] {
  const root = find(axis);
  return root.form === 'leaf' ? [root] : root.children.flatMap(leavesOf);
}

/** True when two axes have the same leaves in the same order. */
export function sameAxis(a: Axis, b: Axis): boolean {
  if (find(a) === find(b)) return true;
  // axes of size 1 are stretched where they meet others and never become one
  const [left, right] = [a, b].map((axis) => leavesOf(axis).filter((own) => own.size !== 1)) as [Axis[], Axis[]];
  return left.length === right.length && left.every((leaf, i) => leaf === right[i]);
}

/** A short text of an axis's structure, such as `(4·12 + 4·12 + 4·12)`, for messages and tests. */
export function printAxis(axis: Axis): string {
  const root = find(axis);
  if (root.form === 'leaf') return typeof root.size === 'number' ? String(root.size) : root.size.key;
  return `(${root.children.map(printAxis).join(root.form === 'sum' ? ' + ' : '·')})${root.form === 'blocks' ? `/${root.by}` : ''}`;
}

/** Thrown when two layouts cannot be brought together; the axes are pinned with the reason. */
export class Misaligned extends Error {}

let nextId = 0;
/** A new axis of its own. */
export const leaf = (size: Size): Axis => ({ size, form: 'leaf', children: [], by: 1, same: null, pinned: null, id: nextId++ });
/** A product or sum of axes; one child stands for itself. */
export const compose = (form: 'product' | 'sum', given: readonly Axis[]): Axis => {
  // a factor of 1 is nothing, and would keep a product from being its other factor
  const wide = form === 'product' ? given.filter((child) => find(child).size !== 1) : given;
  const children = wide.length === 0 ? given.slice(0, 1) : wide;
  const only = children.length === 1 ? children[0] : undefined;
  if (only !== undefined) return only;
  const size = form === 'product' ? product(children.map((c) => find(c).size)) : children.reduce<Size>((sum, c) => add(sum, find(c).size), 0);
  return { size, form, children, by: 1, same: null, pinned: null, id: nextId++ };
};

/** A dimension that follows another one. */
export const follow = (form: 'appended' | 'blocks', axis: Axis, by: number): Axis => {
  const { size } = find(axis);
  const own = form === 'appended' ? size : Math.ceil(hint(size) / by);
  return { size: own, form, children: [axis], by, same: null, pinned: null, id: nextId++ };
};

const follows = ({ form }: Axis): boolean => form === 'appended' || form === 'blocks';

/** Turns a leaf or sum in place into a product or sum of other axes; everything unified with it sees the change. */
export function become(axis: Axis, form: 'product' | 'sum', children: readonly Axis[]): void {
  axis.form = form;
  axis.children = children;
  if (axis.pinned !== null) for (const child of children) pin(child, axis.pinned);
}

/** Forbids an axis to change its size, with the reason. */
export function pin(axis: Axis, reason: string): void {
  for (const own of leavesOf(axis)) own.pinned ??= reason;
}

const contains = (whole: Axis, part: Axis): boolean => {
  const root = find(whole);
  return root === part || root.children.some((child) => contains(child, part));
};

/** Makes two axes one. Throws Misaligned when their structures exclude each other. */
export function unify(first: Axis, second: Axis): void {
  const a = find(first);
  const b = find(second);
  if (a === b || a.size === 1 || b.size === 1) return;
  if (!equal(a.size, b.size)) throw new Misaligned(`sizes ${printAxis(a)} and ${printAxis(b)} differ`);
  if (a.form === 'leaf' || b.form === 'leaf') {
    const [from, to] = a.form === 'leaf' ? [a, b] : [b, a];
    if (contains(to, from)) throw new Misaligned(`${printAxis(to)} contains itself`);
    if (from.pinned !== null) pin(to, from.pinned);
    from.same = to;
    return;
  }
  if (follows(a) || follows(b)) {
    const [child] = a.children;
    const [other] = b.children;
    if (a.form !== b.form || a.by !== b.by || child === undefined || other === undefined) throw new Misaligned('an order of blocks and another one');
    unify(child, other);
  } else if (a.form === 'product' && b.form === 'product') align(factorsOf(a), factorsOf(b));
  else if (a.form === 'sum' && b.form === 'sum') joinSums(a, b);
  else {
    const [whole, sum] = a.form === 'product' ? [a, b] : [b, a];
    const pieces = cut(
      whole,
      segmentsOf(sum).map((segment) => segment.size),
    );
    segmentsOf(sum).forEach((segment, i) => {
      const piece = pieces[i];
      if (piece !== undefined) unify(piece, segment);
    });
    find(sum).same = find(whole);
    return;
  }
  if (find(a) !== find(b)) find(a).same = find(b);
}

function joinSums(a: Axis, b: Axis): void {
  const [left, right] = [segmentsOf(a), segmentsOf(b)];
  const aligned = left.length === right.length && left.every((segment, i) => equal(segment.size, right[i]?.size ?? -1));
  // halves that change places (rotate-half) become one axis; a copy shifted by less than a segment would be cut for ever
  if (!aligned && left.some((segment) => right.includes(segment))) throw new Misaligned('a shifted copy of itself');
  const pieces = aligned
    ? right
    : cut(
        b,
        left.map((segment) => segment.size),
      );
  pieces.forEach((piece, i) => {
    const segment = left[i];
    if (segment !== undefined) unify(segment, piece);
  });
}

/** Unifies two lists of factors of one product, splitting the bigger of two that differ. */
export function align(left: readonly Axis[], right: readonly Axis[]): void {
  const a = left.filter((axis) => find(axis).size !== 1).reverse();
  const b = right.filter((axis) => find(axis).size !== 1).reverse();
  while (a.length > 0 && b.length > 0) {
    const x = find(a.pop() as Axis);
    const y = find(b.pop() as Axis);
    if (x === y) continue;
    if (x.form === 'product') {
      a.push(...factorsOf(x).reverse());
      b.push(y);
    } else if (y.form === 'product') {
      a.push(x);
      b.push(...factorsOf(y).reverse());
    } else if (equal(x.size, y.size)) {
      unify(x, y);
    } else if (hint(x.size) < hint(y.size)) {
      const [outer, inner] = splitProduct(y, x.size);
      a.push(x);
      b.push(inner, outer);
    } else {
      const [outer, inner] = splitProduct(x, y.size);
      a.push(inner, outer);
      b.push(y);
    }
  }
  if (a.length + b.length > 0) throw new Misaligned('different numbers of elements');
}

/** Splits a leaf or sum into (outer, rest). */
function splitProduct(axis: Axis, outer: Size): [Axis, Axis] {
  const rest = divideExactly(axis.size, outer);
  if (rest === undefined) throw new Misaligned(`${printAxis(axis)} is no multiple of ${hint(outer)}`);
  if (axis.form === 'leaf') {
    const children: [Axis, Axis] = [leaf(outer), leaf(rest)];
    become(axis, 'product', children);
    return children;
  }
  if (follows(axis)) throw new Misaligned('quantised blocks are split');
  const inner = leaf(rest);
  const counts = segmentsOf(axis).map((segment) => {
    const count = divideExactly(segment.size, rest);
    if (count === undefined) throw new Misaligned(`${printAxis(axis)} is not made of pieces of ${hint(rest)}`);
    const head = leaf(count);
    unify(segment, compose('product', [head, inner]));
    return head;
  });
  const heads = compose('sum', counts);
  become(axis, 'product', [heads, inner]);
  return [heads, inner];
}

/** Cuts an axis into consecutive pieces of the given sizes. */
export function cut(axis: Axis, sizes: readonly Size[]): Axis[] {
  const whole = find(axis);
  const wanted = sizes.filter((size) => size !== 0);
  if (wanted.length === 1) return sizes.map((size) => (size === 0 ? leaf(0) : whole));
  if (follows(whole)) throw new Misaligned('quantised blocks are cut');
  let pieces: Axis[];
  if (whole.form === 'leaf') {
    pieces = wanted.map(leaf);
    become(whole, 'sum', pieces);
  } else if (whole.form === 'product') {
    const [outer, ...inner] = factorsOf(whole);
    const width = product(inner.map((factor) => factor.size));
    const counts = wanted.map((size) => divideExactly(size, width));
    if (outer === undefined || counts.some((count) => count === undefined)) throw new Misaligned(`${printAxis(whole)} is cut inside a factor`);
    pieces = cut(outer, counts as Size[]).map((piece) => compose('product', [piece, ...inner]));
  } else {
    pieces = cutSum(whole, wanted);
  }
  let next = 0;
  return sizes.map((size) => (size === 0 ? leaf(0) : (pieces[next++] ?? leaf(size))));
}

function cutSum(sum: Axis, sizes: readonly Size[]): Axis[] {
  const queue = segmentsOf(sum).reverse();
  return sizes.map((size) => {
    const piece: Axis[] = [];
    let missing = size;
    while (missing !== 0) {
      const segment = queue.pop();
      if (segment === undefined) throw new Misaligned(`${printAxis(sum)} is shorter than its pieces`);
      const own = find(segment).size;
      if (equal(own, missing) || hint(own) < hint(missing)) {
        piece.push(segment);
        missing = subtract(missing, own);
      } else {
        const [head, tail] = cut(segment, [missing, subtract(own, missing)]);
        if (tail !== undefined) queue.push(tail);
        if (head !== undefined) piece.push(head);
        missing = 0;
      }
    }
    return compose('sum', piece);
  });
}

/** The sizes of dims as hints, for index arithmetic on masks and maps. */
export const hintOf = (axis: Axis): number => hint(find(axis).size);
