/** What a constant operand of the new graph is to the values that it is added to or multiplied with. */
import { equal, type Size } from '../analysis/size.ts';
import { DataType } from '../onnx/ir.ts';
import { divide, factors, multiply, nothing, summands, unit } from './algebra.ts';
import { closer, invented, isMatch, isRounded, type NearMiss, relate, restricted } from './constants.ts';
import type { Site } from './context.ts';
import { type Dim, indexMap, isSame, Kind, mappedDim, newSize, oldAt, sameDim, withKinds } from './dim.ts';
import { type Finding, refuted, unproved } from './findings.ts';
import { numbersOf, rounded } from './fold.ts';
import { isFloatType } from './numbers.ts';
import { type Correction, EXPONENTS, factorsThrough, widthsBetween } from './runs.ts';
import { numberOf, ONE, over, power, type Scale, scaleFrom, times } from './scale.ts';
import { type Ref, type Scaled, scaled, type Term } from './term.ts';
import { type Free, free, isConstant, type Related, related, scaledOf } from './value.ts';

type Family = 'Sum' | 'Product' | 'Quotient' | '';

/** An old constant that an operand may be, and the factor that would make everything fit. */
interface Candidate {
  readonly ref: Ref;
  readonly scales: readonly Scale[];
}

/** A constant operand: the term it is, and where its elements stand. */
interface Matched {
  readonly own: Scaled;
  readonly dims: readonly Dim[];
}

/** Relates a constant operand; `dims` say where old elements stand, null where only the constant can say it. */
export function matchOperand(site: Site, family: Family, data: readonly Scaled[], operand: Related, dims: readonly (Dim | null)[]): Matched | Free {
  const { ctx, isNew } = site;
  const number = (value: number): Scaled => scaled(unit(ctx.terms), isNew ? uniformScale(site, family, data, operand.ref, value) : scaleFrom(value));
  const uniform = operand.ref.base.constant?.uniform ?? null;
  if (isScalar(uniform)) return { own: number(uniform), dims: [] };
  const settled = !isNew || data.length === 0 || (operand.ref.base.old && dims.includes(null) && dims.every((dim) => dim === null || isSame(dim)));
  if (settled) return { own: scaled(operand.ref), dims: operand.dims };
  if (dims.some((dim, d) => dim !== null && !equal(newSize(dim), newSize(operand.dims[d] ?? []))))
    return free(unproved(site.where, `${site.node.op}: a constant has another size than the values it meets`));
  const notFinite = (): Free => free(refuted(site.where, `${site.node.op}: a new element of a constant is not finite`));
  const found = dims.every((dim) => dim !== null) ? restricted(ctx, operand.ref, dims as readonly Dim[]) : null;
  if (found !== null) {
    const value = found.own.ref.base.constant?.uniform ?? null;
    if (!found.finite) return notFinite();
    if (isScalar(value)) return { own: number(value), dims: found.dims };
    if (value === 0) return { own: nothing(ctx.terms), dims: found.dims };
    if (found.own.ref.base.old) return found;
  }
  const mask = family === 'Product' ? maskOf(ctx, operand, dims) : null;
  if (mask !== null) return { own: mask.value === 0 ? nothing(ctx.terms) : number(mask.value), dims: mask.dims };
  let miss: NearMiss | null = null;
  for (const candidate of candidates(site, family, data)) {
    for (const scale of candidate.scales) {
      const match = relate(ctx, operand.ref, candidate.ref, dims, scale);
      if (isMatch(match)) return match.finite ? match : notFinite();
      if (match !== null) miss = closer(miss, match);
    }
  }
  const whole = found ?? (isOther(miss) ? invented(ctx, operand.ref, dims) : null);
  if (whole !== null) return whole.finite ? whole : notFinite();
  return free(miss === null ? unproved(site.where, `${site.node.op}: a constant is none of the old ones`) : wrongElements(site, miss));
}

/**
 * A vector m that is multiplied with what has one element x for all indices of its dimension. Where m is one number c the product is
 * c · x: so it is x · c stretched over those places, whichever old indices they are given, and at a place of c that counts as new the mean
 * of them. Elsewhere it is zero, or anything finite. A map that was seen before fits what it meets later, also one whose old places
 * have zeros only; for a vector of c and zeros without such a map the places of c count in their order.
 */
function maskOf(ctx: Site['ctx'], operand: Related, dims: readonly (Dim | null)[]): { readonly value: number; readonly dims: readonly Dim[] } | null {
  const at = dims.indexOf(null);
  const numbers = dims.every((dim, d) => d === at || dim?.length === 0) ? numbersOf(operand.ref) : null;
  if (numbers === null) return null;
  const values = [...numbers.data];
  const first = values.find((x) => x !== 0) ?? 0;
  if (!values.every(Number.isFinite)) return null;
  const hints = ctx.hintsTo(values.length);
  const numberAt = (own: Dim): number | undefined => {
    const olds = own.flatMap((atom) => values.filter((_, i) => oldAt(atom, i) >= 0));
    return olds.every((x) => x === olds[0]) ? olds[0] : undefined;
  };
  const fits = (own: Dim): boolean => numberAt(own) === first && own.every((atom) => values.every((x, i) => x === 0 || oldAt(atom, i) >= 0));
  const found = hints.find(fits) ?? hints.find((own) => (numberAt(own) ?? 0) !== 0) ?? hints.find((own) => numberAt(own) === 0);
  if (found === undefined && !(values.includes(0) && values.every((x) => x === 0 || x === first))) return null;
  const value = found === undefined ? first : (numberAt(found) ?? 0);
  // c · x at a new place is the mean of as many c · x
  const kindAt = (i: number): number => (values[i] === 0 ? Kind.ZERO : values[i] === value ? Kind.MEAN : Kind.ANY);
  const masked = (found ?? inOrder(values)).map((atom) => withKinds(atom, (_, i) => kindAt(i)));
  return { value, dims: dims.map((other, d) => (d === at ? masked : (other ?? []))) };
}

/** The places of non-zero numbers are old indices in their order. */
function inOrder(values: readonly number[]): Dim {
  let count = 0;
  const at = Int32Array.from(values, (x) => (x === 0 ? -1 : count++));
  return mappedDim(indexMap(at, count), new Uint8Array(values.length));
}

const isScalar = (value: number | null): value is number => value !== 0 && Number.isFinite(value);

/**
 * The old table behind a constant operand 0 of which some elements are looked up or cut out by the other operands; other values
 * are as they are. `fixed` are dimensions that cannot have grown.
 */
export function tableOf(site: Site, op: string, attributes: string, table: Related, rest: readonly Related[], fixed: (dim: number) => boolean): Related | Free {
  const { terms } = site.ctx;
  const [first] = rest;
  if (!isConstant(table) || !site.isNew || first === undefined || terms.old(op, attributes, [table, ...rest].map(scaledOf)) !== undefined) return table;
  let miss: NearMiss | null = null;
  for (const term of terms.users(op, first.ref)) {
    const [candidate] = term.operands;
    if (term.attributes !== attributes || candidate?.ref.base.constant == null) continue;
    const match = relate(
      site.ctx,
      table.ref,
      candidate.ref,
      table.dims.map((dim, d) => (fixed(d) ? dim : null)),
    );
    if (isMatch(match)) return match.finite ? related(match.own, match.dims) : free(refuted(site.where, `${op}: a new element of a table is not finite`));
    if (match !== null) miss = closer(miss, match);
  }
  return miss === null ? table : free(wrongElements(site, miss));
}

/** True for a constant that is none of the old ones: that of a new layer, and no old one with a few elements changed. */
export const isOther = (miss: NearMiss | null): boolean => miss === null || miss.wrong * 4 > miss.compared;

/** Old elements that are not what they should be. */
export function wrongElements(site: Site, miss: NearMiss): Finding {
  const text = `${miss.wrong} of ${miss.compared} old elements of a constant changed, ${miss.first}`;
  return (isOther(miss) ? unproved : refuted)(site.where, `${site.node.op}: ${text}`);
}

/** Old terms of a family that a value is part of. */
function userTerms({ ctx }: Site, family: Family, parts: readonly Scaled[]): readonly Term[] {
  const found = new Set<Term>();
  for (const part of parts) for (const term of ctx.terms.users(family, part.ref)) found.add(term);
  return [...found];
}

const partsOf = (family: Family, own: Scaled): readonly Scaled[] => (family === 'Sum' ? summands(own) : factors(own).above);

/** Constants that the old graph adds to the same values, or multiplies them with. */
function candidates(site: Site, family: Family, data: readonly Scaled[]): readonly Candidate[] {
  const out: Candidate[] = [];
  for (const own of data) {
    const parts = partsOf(family, own);
    for (const term of userTerms(site, family, parts)) {
      for (const operand of term.operands) {
        if (operand.ref.base.constant === null) continue;
        out.push({ ref: operand.ref, scales: scalesFor(site, family, term, operand, parts, own) });
      }
    }
    // c / y is c · (1/y)
    const divisors = family === 'Product' ? factors(own).below : [];
    for (const term of divisors.flatMap((divisor) => site.ctx.terms.users('Quotient', divisor.ref))) {
      for (const operand of term.operands.slice(0, 1).flatMap((numerator) => factors(numerator).above))
        if (operand.ref.base.constant !== null) out.push({ ref: operand.ref, scales: scalesFor(site, family, term, operand, parts, own) });
    }
  }
  return out;
}

/** A difference has one of its operands negated: seen from the other, a constant enters the sum with the opposite sign. */
const signOf = ({ node }: Site): Scale => (node.op === 'Sub' ? scaleFrom(-1) : ONE);

/** Factors under which a constant operand would make the old value: of its sibling in a sum, the missing one in a product. */
function scalesFor(site: Site, family: Family, term: Term, operand: Scaled, parts: readonly Scaled[], own: Scaled): readonly Scale[] {
  const scales = new Map<string, Scale>();
  const sizes = term.dims;
  const put = (scale: Scale): void => void scales.set(scale.key, scale);
  if (family === 'Sum') {
    for (const part of parts) {
      const sibling = term.operands.find((other) => other.ref.key === part.ref.key);
      if (sibling !== undefined) put(times(over(times(part.scale, operand.scale), sibling.scale), signOf(site)));
    }
  } else {
    put(ONE);
    const made = family === 'Quotient' ? divide(site.ctx.terms, own, operand, sizes) : multiply(site.ctx.terms, [own, operand], sizes);
    for (const use of site.ctx.uses.get(made.ref.key) ?? []) put(family === 'Quotient' ? over(made.scale, use) : over(use, made.scale));
  }
  return [...scales.values()];
}

/**
 * A product or quotient with a constant that met its old one too early: what it is multiplied with and divided by was known only in
 * part, and so was its factor. Where the old graph has the whole with a constant c in the place of the stored c', and c' is the rounding
 * of s · c for the factor s that the whole needs, it is s times the old whole.
 */
export function settledConstant(site: Site, own: Scaled, sizes: readonly Size[]): Scaled {
  const { above, below, scale } = factors(own);
  const stored = above.find((part) => part.ref.base.constant !== null && !part.ref.base.old);
  if (own.ref.base.old || stored === undefined || below.length > 1) return own;
  const { terms, uses } = site.ctx;
  const rest = above.filter((part) => part !== stored);
  const [divisor] = below;
  const users = [
    ...rest.slice(0, 1).flatMap((part) => terms.users('Product', part.ref).flatMap((term) => term.operands)),
    ...below.flatMap((part) => terms.users('Quotient', part.ref).flatMap((term) => term.operands.slice(0, 1).flatMap((all) => factors(all).above))),
  ];
  for (const old of users) {
    if (old.ref.base.constant === null) continue;
    const product = multiply(terms, [scaled(old.ref), ...rest], sizes);
    const whole = divisor === undefined ? product : divide(terms, product, divisor, sizes);
    for (const use of uses.get(whole.ref.key) ?? []) {
      const made = times(scale, whole.scale);
      const dims = stored.ref.view.dims.map((parts) => parts.flatMap((part) => sameDim(part.size)));
      if (isMatch(relate(site.ctx, stored.ref, old.ref, dims, over(use, made)))) return scaled(whole.ref, use);
    }
  }
  return own;
}

/**
 * A number that all elements are. Stored corrections are rounded: where the old graph says what the exact number should be and
 * the stored one is its rounding, the exact one is meant.
 */
function uniformScale(site: Site, family: Family, data: readonly Scaled[], ref: Ref, value: number): Scale {
  const { ctx } = site;
  const exact = scaleFrom(value);
  const wanted: Scale[] = [];
  for (const own of data) {
    if (family === 'Sum') {
      const parts = summands(own);
      for (const term of userTerms(site, family, parts)) {
        const one = term.operands.find((other) => other.ref.base.op === '1');
        for (const part of parts) {
          const sibling = term.operands.find((other) => other.ref.key === part.ref.key);
          if (one !== undefined && sibling !== undefined) wanted.push(times(over(times(part.scale, one.scale), sibling.scale), signOf(site)));
        }
      }
    } else {
      for (const use of ctx.uses.get(own.ref.key) ?? []) wanted.push(family === 'Quotient' ? over(own.scale, use) : over(use, own.scale));
    }
  }
  const { dtype = DataType.UNDEFINED, shifted = null } = ref.base.constant ?? {};
  // whole numbers are no rounded corrections
  if (!isFloatType(dtype) || wanted.some((scale) => scale.key === exact.key)) return exact;
  const fitting = wanted
    .map((scale) => ({ scale, number: numberOf(scale) }))
    .find(({ number }) => (shifted === null ? isRounded(dtype, value, number) : Math.abs(number - value) <= 2 ** -22 * Math.abs(number)))?.scale;
  if (shifted === null) {
    const found = correctionOf(ctx, dtype, value, fitting === undefined ? wanted : [fitting], fitting !== undefined);
    if (found !== null) {
      ctx.corrections.push({ ...found, where: site.where });
      return found.scale;
    }
  }
  return fitting ?? exact;
}

/** The growth that a number was corrected for: what it was before is a number of its type. Null when there is none. */
function correctionOf(
  ctx: Site['ctx'],
  dtype: number,
  value: number,
  wanted: readonly Scale[],
  once: boolean,
): (Omit<Correction, 'where'> & { readonly scale: Scale }) | null {
  for (const scale of wanted) {
    for (const growth of ctx.growths()) {
      for (const exponent of EXPONENTS) {
        const before = numberOf(over(scale, power(over(scaleFrom(growth.old), scaleFrom(growth.size)), exponent)));
        if (rounded(dtype, Float64Array.of(before))[0] !== before) continue;
        const through = (width: number): boolean => {
          const [first, second] = factorsThrough(growth, width, exponent).map(numberOf);
          const [middle = 0] = rounded(dtype, Float64Array.of(before * (first ?? 1)));
          return isRounded(dtype, value, middle * (second ?? 1));
        };
        if (once || widthsBetween(growth).some(through)) return { ...growth, once, through, scale };
      }
    }
  }
  return null;
}
