/**
 * Terms in normal form. Sums and products are flat and sorted, factors stand outside, x · (1/y) is x / y, and a norm is one term,
 * whichever way the file spells it. Two expressions with one normal form are equal in real numbers.
 */
import { equal, multiply as multiplySizes, type Size } from '../analysis/size.ts';
import { isNegative, namedScale, numberOf, ONE, over, plus, power, type Scale, scaleFrom, times } from './scale.ts';
import { fitted, isWhole, type Ref, refOf, type Scaled, scaled, scaledKey, type Term, type Terms, viewed } from './term.ts';
import { viewSizes } from './view.ts';

type Dims = readonly Size[];

/** A term of an operator without a normal form of its own. */
export const plain = (terms: Terms, op: string, attributes: string, operands: readonly Scaled[], dims: Dims): Scaled =>
  scaled(refOf(terms.make(op, attributes, operands, dims)));

/** A term of an operator without attributes. */
const made = (terms: Terms, op: string, operands: readonly Scaled[], dims: Dims): Scaled => plain(terms, op, '', operands, dims);

/** The number 1, as a term without dimensions. */
export const unit = (terms: Terms): Ref => made(terms, '1', [], []).ref;

/** The number 0, as a term without dimensions: of values that are zero at all old places. */
export const nothing = (terms: Terms): Scaled => made(terms, '0', [], []);

const sorted = (list: readonly Scaled[]): Scaled[] => list.toSorted((a, b) => (scaledKey(a) < scaledKey(b) ? -1 : 1));

/** The parts of a sum; a value that is no sum is one part. */
export function summands({ ref, scale }: Scaled): readonly Scaled[] {
  return isWhole(ref, 'Sum') ? ref.base.operands.map((part) => scaled(part.ref, times(part.scale, scale))) : [scaled(ref, scale)];
}

/** True where a value has one element for all indices of a dimension of the result. */
const isStretched = ({ ref }: Scaled, d: number, dims: Dims): boolean =>
  (ref.view.dims[d - dims.length + ref.view.dims.length] ?? []).every((part) => part.step === 0);

/** Operands without the stretching that the operator does itself, where another operand has the dimension, or none has it. */
function relaxed(parts: readonly Scaled[], dims: Dims, all = false): readonly Scaled[] {
  const spanned = dims.map((_, d) => all || parts.some((part) => !isStretched(part, d, dims)));
  return parts.map((part) => {
    const rank = part.ref.view.dims.length;
    const own = part.ref.view.dims.map((strides, i) => {
      const d = i - rank + dims.length;
      return strides.length > 0 && spanned[d] === true && isStretched(part, d, dims) ? [] : strides;
    });
    if (own.every((strides, i) => strides === part.ref.view.dims[i])) return part;
    // leading dimensions of size 1 that it did not have before it was stretched
    const first = own.findIndex((strides, i) => strides.length > 0 || rank - i <= part.ref.base.dims.length);
    return scaled(viewed(part.ref, { offset: part.ref.view.offset, dims: first < 0 ? [] : own.slice(first) }), part.scale);
  });
}

/**
 * Where all operands of an elementwise operator have one element for all indices of a dimension, so has the result: it is made of the single
 * elements, and stretched then. Null where there is no such dimension.
 */
function stretchedLast(parts: readonly Scaled[], dims: Dims, make: (parts: readonly Scaled[], dims: Dims) => Scaled): Scaled | null {
  const thin = dims.map((size, d) => (parts.every((part) => isStretched(part, d, dims)) ? 1 : size));
  if (parts.length === 0 || thin.every((size, d) => equal(size, dims[d] ?? 1))) return null;
  const made = make(relaxed(parts, dims, true), thin);
  const whole = fitted(made.ref, dims);
  return whole === null ? null : scaled(whole, made.scale);
}

/** Values in an order in which those of one term stand side by side. */
const byTerm = (list: readonly Scaled[]): Scaled[] => list.toSorted((a, b) => (`${a.ref.key} ${a.scale.key}` < `${b.ref.key} ${b.scale.key}` ? -1 : 1));

/** The sum of values; null when nothing is left of it. */
export function sum(terms: Terms, operands: readonly Scaled[], dims: Dims): Scaled | null {
  const parts = relaxed(
    operands.filter((operand) => operand.ref.base.op !== '0'),
    dims,
  );
  const flat = parts.flatMap(summands);
  const all = byTerm(flat.length <= MOST_PARTS ? flat : parts);
  const left: Scaled[] = [];
  for (const part of all) {
    const last = left.at(-1);
    // a·x + b·x
    const both = last !== undefined && last.ref.key === part.ref.key ? plus(last.scale, part.scale) : null;
    if (last === undefined || both === null) left.push(part);
    else if (both === 0) left.pop();
    else left[left.length - 1] = scaled(last.ref, both);
  }
  const centre = asCentred(terms, parts, dims);
  if (left.length > 1 && centre !== null) return centre;
  const whole = withSpreads(terms, withCentred(terms, left, dims));
  const [first] = whole;
  if (first === undefined) return null;
  if (whole.length === 1) return first;
  const inside = whole.map((part) => scaled(part.ref, over(part.scale, first.scale)));
  return scaled(made(terms, 'Sum', inside, dims).ref, first.scale);
}

/** What is multiplied less its mean multiplied alike is what is centred, multiplied: x·f − (Σx/n)·f = (x − Σx/n)·f. */
function withCentred(terms: Terms, parts: readonly Scaled[], dims: Dims): readonly Scaled[] {
  for (const less of parts) {
    const own = factors(less);
    for (const total of own.above) {
      const [x] = isWhole(total.ref, 'ReduceSum') ? total.ref.base.operands : [];
      if (x === undefined) continue;
      const axes = total.ref.base.attributes.split(',').map(Number);
      const sizes = viewSizes(x.ref.view);
      const count = axes.reduce<Size>((product, axis) => multiplySizes(product, sizes[axis] ?? 1), 1);
      const rest = own.above.filter((part) => part !== total);
      const multiplied = (first: Scaled): Scaled =>
        own.below.reduce((all, divisor) => divide(terms, all, divisor, dims), multiply(terms, [first, ...rest], dims));
      const wanted = multiplied(x);
      const scale = typeof count === 'number' ? times(own.scale, scaleFrom(-count)) : null;
      const other = parts.find((part) => part.ref.key === wanted.ref.key && scale !== null && part.scale.key === times(wanted.scale, scale).key);
      if (other === undefined || scale === null) continue;
      const made = multiplied(centred(terms, x, axes, sizes));
      const left = parts.filter((part) => part !== less && part !== other);
      return withCentred(terms, byTerm([...left, scaled(made.ref, times(made.scale, scale))]), dims);
    }
  }
  return parts;
}

/** Sums of squares less the square of the sum are squares of what is centred: Σx² − (Σx)²/n = Σ(x − Σx/n)². */
function withSpreads(terms: Terms, parts: readonly Scaled[]): readonly Scaled[] {
  for (const squares of parts) {
    const [square] = isWhole(squares.ref, 'ReduceSum') ? squares.ref.base.operands : [];
    const x = square === undefined ? null : rootOf(terms, square);
    if (x === null) continue;
    const axes = squares.ref.base.attributes.split(',').map(Number);
    const count = axes.reduce<Size>((product, axis) => multiplySizes(product, x.ref.base.dims[axis] ?? 1), 1);
    const total = typeof count === 'number' && isWhole(x.ref, x.ref.base.op) ? sumOver(terms, x, axes, squares.ref.base.dims) : null;
    const less = total === null ? null : multiply(terms, [total, total], squares.ref.base.dims);
    const wanted = less === null ? null : over(times(squares.scale, less.scale), scaleFrom(-Number(count)));
    const other = parts.find((part) => part.ref.key === less?.ref.key && part.scale.key === wanted?.key);
    if (other === undefined) continue;
    const c = centred(terms, x, axes, x.ref.base.dims);
    const spread = sumOver(terms, multiply(terms, [c, c], x.ref.base.dims), axes, squares.ref.base.dims);
    const rest = parts.filter((part) => part !== squares && part !== other);
    return spread === null ? rest : byTerm([...rest, scaled(spread.ref, times(spread.scale, squares.scale))]);
  }
  return parts;
}

/** The x of x · x, up to its sign; null for what is no such product. */
export function rootOf(terms: Terms, { ref }: Scaled): Scaled | null {
  const own = isWhole(ref, 'Product') ? sorted(ref.base.operands) : [];
  const half = own.filter((_, i) => i % 2 === 0);
  if (own.length === 0 || !half.every((part, i) => scaledKey(part) === scaledKey(own[2 * i + 1] ?? scaled(ref)))) return null;
  const root = productOf(terms, half, ref.base.dims);
  return viewSizes(root.ref.view).every((size, d) => equal(size, ref.base.dims[d] ?? 0)) ? root : null;
}

/** What a product multiplies and divides by. */
export function factors({ ref, scale }: Scaled): { above: Scaled[]; below: Scaled[]; scale: Scale } {
  if (isWhole(ref, 'Product')) return { above: [...ref.base.operands], below: [], scale };
  const [numerator, denominator] = ref.base.operands;
  if (isWhole(ref, 'Quotient') && numerator !== undefined && denominator !== undefined) {
    const inner = factors(numerator);
    return { above: inner.above, below: [denominator], scale: times(scale, inner.scale) };
  }
  return ref.base.op === '1' ? { above: [], below: [], scale } : { above: [scaled(ref)], below: [], scale };
}

function productOf(terms: Terms, parts: readonly Scaled[], dims: Dims): Scaled {
  const [first] = parts;
  if (first === undefined) return scaled(unit(terms));
  return parts.length === 1 ? first : made(terms, 'Product', sorted(parts), dims);
}

/** Products and sums of more parts are not made flat: those of models have a handful. */
const MOST_PARTS = 256;

/** A value as a factor of its own, whatever it is made of. */
const asFactor = ({ ref, scale }: Scaled): ReturnType<typeof factors> => ({ above: [scaled(ref)], below: [], scale });

/** The product of values. */
export function multiply(terms: Terms, operands: readonly Scaled[], dims: Dims): Scaled {
  if (operands.some((operand) => operand.ref.base.op === '0')) return nothing(terms);
  const single = stretchedLast(operands, dims, (own, thin) => multiply(terms, own, thin));
  if (single !== null) return single;
  const parts = relaxed(operands, dims);
  const flat = parts.map(factors);
  // x² of x² of x² … has factors without end: a product that is long stays one factor of the next
  const all = flat.reduce((count, own) => count + own.above.length + own.below.length, 0) <= MOST_PARTS ? flat : parts.map(asFactor);
  const scale = all.reduce((product, own) => times(product, own.scale), ONE);
  const above = all.flatMap((own) => own.above);
  const below = all.flatMap((own) => own.below);
  const whole = below.reduce((value, divisor) => divide(terms, value, divisor, dims), productOf(terms, above, dims));
  return scaled(whole.ref, times(whole.scale, scale));
}

/** The quotient of two values; c / √(1 + r·Σc²) is a norm. */
export function divide(terms: Terms, dividend: Scaled, divisor: Scaled, dims: Dims): Scaled {
  const [above = dividend, below = divisor] = relaxed([dividend, divisor], dims);
  const scale = over(above.scale, below.scale);
  if (below.ref.base.op === '1') return scaled(above.ref, scale);
  const normed = asNorm(terms, scaled(above.ref), below.ref, dims);
  if (normed !== null) return scaled(normed.ref, times(normed.scale, scale));
  return scaled(made(terms, 'Quotient', [scaled(above.ref), scaled(below.ref)], dims).ref, scale);
}

/** A square root; of a product of squares, nothing is known of the sign, so it stays. A negative factor stays inside. */
export function squareRoot(terms: Terms, { ref, scale }: Scaled, dims: Dims): Scaled {
  const sign = isNegative(scale) ? scaleFrom(-1) : ONE;
  return scaled(made(terms, 'Sqrt', [scaled(ref, sign)], dims).ref, power(times(scale, sign), 0.5));
}

/** The sum over dimensions, which stay with size 1; null when it is zero: the mean of what is centred. */
export function sumOver(terms: Terms, { ref, scale }: Scaled, axes: readonly number[], dims: Dims): Scaled | null {
  if (isCentred(ref, axes)) return null;
  return scaled(refOf(terms.make('ReduceSum', axes.join(','), [scaled(ref)], dims)), scale);
}

function isCentred(ref: Ref, axes: readonly number[]): boolean {
  if (isWhole(ref, 'Centred')) return ref.base.attributes === axes.join(',');
  const [centre] = ref.base.operands;
  return isWhole(ref, 'Normed') && centre !== undefined && ref.base.attributes === axes.join(',') && isCentred(centre.ref, axes);
}

/** Recognises x − mean(x). */
function asCentred(terms: Terms, parts: readonly Scaled[], dims: Dims): Scaled | null {
  if (parts.length !== 2) return null;
  for (const [x, mean] of [parts, parts.toReversed()] as [Scaled, Scaled][]) {
    if (!isWhole(mean.ref, 'ReduceSum') || mean.ref.base.operands[0]?.ref.key !== x.ref.key) continue;
    const axes = mean.ref.base.attributes.split(',').map(Number);
    const count = axes.reduce<Size>((product, axis) => multiplySizes(product, dims[axis] ?? 1), 1);
    if (typeof count === 'number' && times(mean.scale, scaleFrom(-count)).key === x.scale.key) return centred(terms, x, axes, dims);
  }
  return null;
}

/** x − mean(x) over dimensions. */
const centred = (terms: Terms, { ref, scale }: Scaled, axes: readonly number[], dims: Dims): Scaled =>
  isCentred(ref, axes) ? scaled(ref, scale) : scaled(refOf(terms.make('Centred', axes.join(','), [scaled(ref)], dims)), scale);

/** True when a product is a value times itself. */
function isSquare({ ref: square }: Scaled, { ref }: Scaled): boolean {
  const { above, below } = factors(scaled(ref));
  const keys = (parts: readonly Scaled[]): string => parts.map(scaledKey).sort().join(';');
  return isWhole(square, 'Product') && below.length === 0 && keys([...above, ...above]) === keys(square.base.operands);
}

/** Recognises c / √(1 + r·Σc²), where c is a factor of the dividend. */
function asNorm(terms: Terms, above: Scaled, root: Ref, dims: Dims): Scaled | null {
  const [under] = root.base.operands;
  if (!isWhole(root, 'Sqrt') || under === undefined || under.scale !== ONE || !isWhole(under.ref, 'Sum') || under.ref.base.operands.length !== 2) return null;
  const one = under.ref.base.operands.find((part) => part.ref.base.op === '1');
  const squares = under.ref.base.operands.find((part) => isWhole(part.ref, 'ReduceSum'));
  const [square] = squares?.ref.base.operands ?? [];
  if (one === undefined || squares === undefined || square === undefined || isNegative(one.scale) || isNegative(squares.scale)) return null;
  const axes = squares.ref.base.attributes;
  const parts = isWhole(above.ref, 'Product') ? above.ref.base.operands : [];
  const own = [above, ...parts].find((part) => isSquare(square, part));
  if (own === undefined) return null;
  // 1 + r·S with factors inside: √(a + b·S) = √a · √(1 + (b/a)·S)
  const normed = normedTerm(terms, own.ref, axes, over(squares.scale, one.scale), viewSizes(own.ref.view));
  const rest = own === above ? [] : parts.filter((part) => part !== own);
  const whole = multiply(terms, [normed, ...rest], dims);
  return scaled(whole.ref, times(whole.scale, power(one.scale, -0.5)));
}

/** What norms behind each other are norms of, and their ratios, innermost first, by the term of the last one. */
const chains = new WeakMap<Term, { readonly core: Scaled; readonly links: readonly Scale[] }>();

/**
 * N(c; r) = c / √(1 + r·Σc²). A norm of a norm is one norm: N(N(c; r); q) = N(c; r + q). Where the old graph has a norm of c with that
 * ratio, up to the rounding of the stored epsilons, it is meant.
 */
function normedTerm(terms: Terms, ref: Ref, axes: string, ratio: Scale, dims: Dims): Scaled {
  const inner = isWhole(ref, 'Normed') && ref.base.attributes === axes ? chains.get(ref.base) : undefined;
  const { core, links } = inner === undefined ? { core: scaled(ref), links: [ratio] } : { core: inner.core, links: [...inner.links, ratio] };
  const total = links.reduce((all, link) => all + numberOf(link), 0);
  const isMeant = (term: Term): boolean => term.attributes === axes && Math.abs(numberOf(term.ratio ?? ONE) / total - 1) < 2 ** -18;
  const whole = inner === undefined ? ratio : namedScale(links.map((link) => link.key).join('+'), total);
  const meant = inner === undefined ? [] : terms.users('Normed', core.ref).filter(isMeant);
  const [match] = meant;
  // where the old graph has the same norms behind each other, they are those
  if (match !== undefined && !meant.some((term) => term.ratio?.key === whole.key)) return scaled(refOf(match), chainCorrection(links, match.ratio ?? ONE));
  const made = terms.make('Normed', axes, [core], dims, whole);
  chains.set(made, { core, links });
  return scaled(refOf(made));
}

/**
 * A chain of q + 1 norms of one epsilon t that stands for one norm of epsilon ε is made with t^(q+1) = ε·(1 + t + … + t^q) in exact
 * numbers, of which the stored t is a rounding. The factor replaces the stored t in the chain by the exact one: t^(q+1)/ε becomes
 * 1 + t + … + t^q. Chains inside chains have no such form; what is stored for them is compared up to a few roundings.
 */
function chainCorrection(links: readonly Scale[], whole: Scale): Scale {
  const [first = ONE, second = ONE] = links;
  const q = links.length - 1;
  const stored = over(first, second);
  const count = power(times(first, stored), -1);
  const epsilon = power(times(whole, count), -1);
  const geometric = links.slice(1).every((link, i) => over(links[i] ?? ONE, link).key === stored.key);
  const exact = chainEpsilon(numberOf(epsilon), q);
  const close = Math.abs(numberOf(stored) / exact - 1) < 2 ** -20;
  if (!geometric || !close) return namedScale(`${ROUNDED}${links.map((link) => link.key).join('+')}`, 1);
  const series = namedScale(`1+…+t^${q} for ε=${epsilon.key}`, geometricSum(exact, q));
  return times(power(stored, (q + 1) / 2), power(times(epsilon, series), -0.5));
}

/** Begins the names of factors that are known up to the rounding of stored numbers only. */
export const ROUNDED = '≈';

/** 1 + t + … + t^q */
const geometricSum = (t: number, q: number): number => Array.from({ length: q + 1 }, (_, i) => t ** i).reduce((a, b) => a + b, 0);

/** The t above 0 with t^(q+1) = ε·(1 + t + … + t^q), by bisection; the left side grows faster. */
function chainEpsilon(epsilon: number, q: number, low = 0, high = 1 + epsilon): number {
  const t = (low + high) / 2;
  if (!(low < t && t < high)) return t;
  return t ** (q + 1) > epsilon * geometricSum(t, q) ? chainEpsilon(epsilon, q, low, t) : chainEpsilon(epsilon, q, t, high);
}

/** A value that is homogeneous of degree 1: a positive factor goes through. */
export function homogeneous(terms: Terms, op: string, attributes: string, own: Scaled, rest: readonly Scaled[], dims: Dims): Scaled {
  const out = isNegative(own.scale) ? scaleFrom(-1) : ONE;
  return scaled(refOf(terms.make(op, attributes, [scaled(own.ref, out), ...rest], dims)), times(own.scale, out));
}
