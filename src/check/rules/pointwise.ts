/** Operators that work element by element. */

import type { Zero } from '../../analysis/op-rule.ts';
import { ruleOf } from '../../analysis/op-rules.ts';
import { attributesOf } from '../../analysis/relation.ts';
import { isStatic, type Size } from '../../analysis/size.ts';
import { divide, homogeneous, multiply, nothing, plain, squareRoot, sum, unit } from '../algebra.ts';
import { restricted } from '../constants.ts';
import type { Rule, Site } from '../context.ts';
import { type Dim, dimText, isSame, isZeroBesideOld, Kind, mapKinds, newSize, oldSize, sameDim } from '../dim.ts';
import { unproved } from '../findings.ts';
import { addKinds, anyKind, BROADCAST, type Combine, divideKinds, firstKinds, joinParts, multiplyKinds, type Part, squareKinds, zeroKinds } from '../join.ts';
import { isFloat } from '../numbers.ts';
import { matchOperand, settledConstant } from '../operand.ts';
import { scaleFrom, times } from '../scale.ts';
import { fitted, isWhole, type Ref, type Scaled, scaled, scaledKey } from '../term.ts';
import { type Free, free, isConstant, type Related, related, scaledOf, type Value, zeros } from '../value.ts';
import { nothingLeft } from './nothing.ts';
import { type Known, realigned } from './realigned.ts';

/** Makes the term of a result; null when it is zero. */
type Make = (site: Site, operands: readonly Scaled[], dims: readonly Size[]) => Scaled | null;

interface Pointwise {
  readonly make: Make;
  readonly kinds: Combine;
  /** The kind of a new element of a function of one operand. */
  readonly unary: (kind: number) => number;
  /** What a constant operand is to the others. */
  readonly family: 'Sum' | 'Product' | 'Quotient' | '';
  /** Zero operands that make the whole result zero: any, the first, only all of them, or both values of a choice. */
  readonly zero: keyof typeof IS_ZERO;
}

/** Whether a result is zero, from whether its operands are. */
const IS_ZERO = {
  any: (zero: readonly boolean[]): boolean => zero.includes(true),
  first: ([x]: readonly boolean[]): boolean => x === true,
  all: (zero: readonly boolean[]): boolean => !zero.includes(false),
  branches: ([, a, b]: readonly boolean[]): boolean => a === true && b === true,
  never: (): boolean => false,
} as const;

const negative = ({ ref, scale }: Scaled): Scaled => scaled(ref, times(scale, scaleFrom(-1)));

/** Kinds of a function of one operand: linear ones keep all, those with f(0) = 0 keep zeros. */
const linear = (kind: number): number => kind;
const keepsZero = (kind: number): number => (isZeroBesideOld(kind) ? kind : Kind.ANY);
const keepsNone = (): number => Kind.ANY;

/** An operator without a normal form; its operands keep their factors. */
const opaque: Make = (site, operands, dims) => plain(site.ctx.terms, site.node.op, site.attributes, operands, dims);
const ordered: Make = (site, operands, dims) =>
  opaque(
    site,
    [...operands].sort((a, b) => (`${a.ref.key}×${a.scale.key}` < `${b.ref.key}×${b.scale.key}` ? -1 : 1)),
    dims,
  );
const positive: Make = (site, [x, ...rest], dims) => (x === undefined ? null : homogeneous(site.ctx.terms, site.node.op, site.attributes, x, rest, dims));

const relu: Make = (site, [x], dims) => (x === undefined ? null : homogeneous(site.ctx.terms, 'Relu', '', x, [], dims));

/** The number that stands everywhere in an operand; null where none is known. */
function numberOf(value: Value | null | undefined): number | null {
  if (value?.kind === 'zero') return 0;
  return value?.kind === 'related' && isConstant(value) ? (value.ref.base.constant?.uniform ?? null) : null;
}

/** A bound of Clip: an attribute before opset 11, an operand since; null for one that is not the same number everywhere. */
function boundOf(site: Site, operand: number, name: string, none: number): number | null {
  const bound = site.operands[operand] ?? null;
  if (bound === null) return attributesOf(site.node).int(name, none);
  return numberOf(bound);
}

/** Finite numbers of float32 are no larger. */
const UNBOUNDED = 3.4e38;

/** Clip(x; 0, ∞) is Relu. */
const clip: Make = (site, operands, dims) => {
  const high = boundOf(site, 2, 'max', Infinity);
  return boundOf(site, 1, 'min', -Infinity) === 0 && high !== null && high > UNBOUNDED ? relu(site, operands, dims) : opaque(site, operands, dims);
};

const powers: Make = (site, operands, dims) => {
  const [x, exponent] = operands;
  const { terms } = site.ctx;
  const by = exponent?.ref.base.op === '1' ? exponent.scale.key : '';
  if (x === undefined) return null;
  if (by === '2^1') return multiply(terms, [x, x], dims);
  if (by === '3^1') return multiply(terms, [x, x, x], dims);
  if (by === '2^-1') return squareRoot(terms, x, dims);
  if (by === '-1^1') return divide(terms, scaled(unit(terms)), x, dims);
  if (by === '-1^1·2^-1') return divide(terms, scaled(unit(terms)), squareRoot(terms, x, dims), dims);
  return opaque(site, operands, dims);
};

/**
 * Rounding R(x; s, z) to steps, see desugar-quantised.ts. What is on these steps already stays: R(s · R(y; s, z); s, z) = R(y; s, z), element
 * by element, for numbers s and z.
 */
const steps: Make = (site, operands, dims) => {
  const [x, scale, point] = operands;
  const { int } = attributesOf(site.node);
  const own = operands.filter((operand, i) => i < 2 || operand.ref.base.op !== '0');
  const attributes = `${int('type', 0)},${int('precision', 0)}`;
  if (x?.ref.base.op === 'Steps' && x.ref.base.attributes === attributes && scale?.ref.base.op === '1' && x.scale.key === scale.scale.key) {
    const [, ...parameters] = x.ref.base.operands;
    const single = point === undefined || point.ref.base.op === '1' || point.ref.base.op === '0';
    if (single && parameters.map(scaledKey).join(';') === own.slice(1).map(scaledKey).join(';')) return scaled(x.ref);
  }
  return plain(site.ctx.terms, 'Steps', attributes, own, dims);
};

/** Operators with f(0) = 0, whatever the operands behind the first are; those that keep zeros only where all operands are; and all others. */
const OPAQUE = { make: opaque, family: '' } as const;
const OF_FIRST = { ...OPAQUE, kinds: firstKinds, unary: keepsZero, zero: 'first' } as const;
const OF_ALL = { ...OPAQUE, kinds: zeroKinds, unary: keepsZero, zero: 'all' } as const;
const OF_NONE = { ...OPAQUE, kinds: anyKind, unary: keepsNone, zero: 'never' } as const;
const SUM: Pointwise = { make: ({ ctx }, parts, dims) => sum(ctx.terms, parts, dims), kinds: addKinds, unary: linear, family: 'Sum', zero: 'all' };
const PRODUCT: Pointwise = {
  make: ({ ctx }, parts, dims) => multiply(ctx.terms, parts, dims),
  kinds: multiplyKinds,
  unary: linear,
  family: 'Product',
  zero: 'any',
};

/** One line for each operator; all others of the op table that work element by element are opaque. */
const TABLE: Readonly<Record<string, Pointwise>> = {
  Add: SUM,
  Sum: SUM,
  Sub: SUM,
  Mul: PRODUCT,
  DequantizeLinear: PRODUCT,
  Div: {
    make: ({ ctx }, [a, b], dims) => (a && b ? divide(ctx.terms, a, b, dims) : null),
    kinds: divideKinds,
    unary: linear,
    family: 'Quotient',
    zero: 'first',
  },
  Reciprocal: { ...OF_NONE, make: ({ ctx }, [x], dims) => (x ? divide(ctx.terms, scaled(unit(ctx.terms)), x, dims) : null) },
  Sqrt: { ...OF_FIRST, make: ({ ctx }, [x], dims) => (x ? squareRoot(ctx.terms, x, dims) : null) },
  Pow: { ...OF_NONE, make: powers },
  Neg: { ...OF_ALL, make: (_, [x]) => (x ? negative(x) : null), unary: linear },
  Relu: { ...OF_FIRST, make: relu },
  LeakyRelu: { ...OF_FIRST, make: positive },
  PRelu: { ...OF_FIRST, make: positive },
  Clip: { ...OF_FIRST, make: clip },
  Max: { ...OF_ALL, make: ordered },
  Min: { ...OF_ALL, make: ordered },
  QuantizeLinear: { ...OF_FIRST, make: steps },
  Where: { ...OF_NONE, zero: 'branches' },
};

/** What an operator without a line of its own does to zeros, as the op table says. */
const byTable = (zero: Zero | undefined): Pointwise => (zero === 'keeps' || zero === 'first' ? OF_FIRST : zero === 'all' ? OF_ALL : OF_NONE);

/** What constants of a node can make of it: Clip to [1, 2]. */
const NEVER_ZERO = { kinds: anyKind, unary: keepsNone, zero: 'never' } as const;

/** Operators that make no finite number of zero, and which operand must not be zero. */
const NOT_OF_ZERO: Readonly<Record<string, number>> = { Div: 1, Mod: 1, Reciprocal: 0, Log: 0 };

/** True for new elements that are certainly zero where no zero may stand: that divisors are not zero cannot be taken for granted there. */
function dividesByZero({ node, isNew, operands }: Site): boolean {
  const exponent = node.op === 'Pow' ? (numberOf(operands[1]) ?? 0) : 0;
  const own = operands[exponent < 0 ? 0 : (NOT_OF_ZERO[node.op] ?? -1)] ?? null;
  if (!isNew || own === null || own.kind === 'free') return false;
  return own.kind === 'zero' || own.dims.some((dim) => dim.some(({ map, kinds }) => map?.at.some((old, i) => old < 0 && kinds?.[i] === Kind.ZERO)));
}

export const pointwise: Rule = (site) => {
  const [sizes = null] = site.sizes;
  const operands = site.operands.filter((operand) => operand !== null);
  if (sizes === null) return [free(unproved(site.where, `${site.node.op}: its shape is not known`))];
  if (dividesByZero(site)) return [free(unproved(site.where, `${site.node.op}: of new elements that are zero, which is no finite number`))];
  // whole numbers are divided with a remainder that is dropped: a / b · b is not a, but 0 divided by anything is still 0
  const isWholeQuotient = site.node.op === 'Div' && !isFloat(site);
  const isOther = site.relation.kind === 'labels' && site.relation.neverZero === true;
  const rule = isWholeQuotient ? OF_FIRST : { ...(TABLE[site.node.op] ?? byTable(ruleOf(site.node.op)?.zero)), ...(isOther && NEVER_ZERO) };
  const isZero = (operand: Value): boolean => numberOf(operand) === 0;
  if (IS_ZERO[rule.zero](operands.map(isZero))) return [zeros(sizes)];
  const found = operands.some((operand) => operand.kind === 'free') ? free() : combined(site, rule, operands as readonly Known[], sizes, isZero);
  const isKnown = !site.isNew || found.kind === 'zero' || (found.kind === 'related' && (found.ref.base.old || found.ref.base.op === '0'));
  return [(isKnown || site.node.op !== 'Mul' ? null : nothingAtOldPlaces(site, sizes)) ?? found];
};

/** x^c keeps zeros for c > 0, also where c is a vector of such; x² and x · x are squares. */
function kindsFor(site: Site, rule: Pointwise): Combine {
  const [a, b] = site.operands;
  if (site.node.op === 'Pow') {
    const exponent = numberOf(b) ?? 0;
    return exponent === 2 ? squareKinds : exponent > 0 ? firstKinds : anyKind;
  }
  const isSquare = a?.kind === 'related' && b?.kind === 'related' && scaledKey(scaledOf(a)) === scaledKey(scaledOf(b));
  if (site.node.op === 'Mul' && isSquare) return squareKinds;
  return rule.kinds;
}

interface OperandPart {
  readonly own: Scaled;
  readonly dims: readonly Dim[];
  readonly zero: boolean;
}

function combined(site: Site, rule: Pointwise, operands: readonly Known[], sizes: readonly Size[], isZero: (operand: Value) => boolean): Value {
  const data = operands.filter((operand): operand is Related => operand.kind === 'related' && !isConstant(operand));
  // where old elements stand, from everything that is no constant
  const known = sizes.map((_, d): Dim | null =>
    joinParts(
      data.map((own) => partAt(own.ref, own.dims, d, sizes)),
      anyKind,
    ),
  );
  const clash = known.indexOf(null);
  if (clash >= 0) {
    const again = realigned(site, operands, clash, sizes.length);
    if (again !== null) return combined(site, rule, again, sizes, isZero);
    const texts = data.map((own) => dimText(own.dims[clash - sizes.length + own.dims.length] ?? []));
    return free(unproved(site.where, `${site.node.op}: its operands hold old elements at different places of dimension ${clash} (${texts.join(', ')})`));
  }
  const parts: OperandPart[] = [];
  for (const [i, operand] of operands.entries()) {
    const part = partOf(site, rule, operand, data, known as readonly Dim[], sizes, isZero(operand));
    if ('kind' in part) return part;
    parts.push(site.node.op === 'Sub' && i === 1 ? { ...part, own: negative(part.own) } : part);
  }
  const shown = rule.family === 'Sum' ? parts.filter((part) => !part.zero) : parts;
  const joined = sizes.map((_, d) => joinedAt(site, rule, shown, d, sizes));
  const bad = joined.indexOf(null);
  if (bad >= 0) return free(unproved(site.where, `${site.node.op}: a constant does not fit dimension ${bad} (${dimText(known[bad] ?? [])})`));
  const dims = (joined as readonly Dim[]).map((dim, d) => (dim.length === 0 ? sameDim(sizes[d] ?? 1) : dim));
  const oldSizes = dims.map(oldSize);
  const made = rule.make(
    site,
    shown.map((part) => part.own),
    oldSizes,
  );
  if (made === null) return nothingLeft(site, dims, sizes);
  const own = rule.family === 'Product' || rule.family === 'Quotient' ? settledConstant(site, made, oldSizes) : made;
  if (own.ref.base.op === '0') return nothingLeft(site, dims, sizes);
  const fit = fitted(own.ref, oldSizes);
  if (fit === null) return free(unproved(site.where, `${site.node.op}: the old value has another shape`));
  return related(scaled(fit, own.scale), isWhole(own.ref, 'Centred') && shown.length === 2 && rule.family === 'Sum' ? centredDims(own, dims) : dims);
}

function partOf(
  site: Site,
  rule: Pointwise,
  operand: Known,
  data: readonly Related[],
  known: readonly Dim[],
  sizes: readonly Size[],
  zero: boolean,
): OperandPart | Free {
  const { terms } = site.ctx;
  if (zero || operand.kind === 'zero') return { own: nothing(terms), dims: [], zero: true };
  const isStored: boolean = isConstant(operand);
  if (!isStored) return { own: scaledOf(operand), dims: operand.dims, zero: false };
  const dims = operand.dims.map((own, d): Dim | null => {
    const at = d - operand.dims.length + sizes.length;
    if (own.length === 0) return own;
    return data.some((other) => partAt(other.ref, other.dims, at, sizes) !== 'broadcast') ? (known[at] ?? null) : null;
  });
  const found = matchOperand(site, rule.family, data.map(scaledOf), operand, dims);
  return 'kind' in found ? found : { ...found, zero: false };
}

/**
 * A vector that is zero wherever a map that was seen before has old indices: whatever it is multiplied with, the product is zero at the
 * old places, and at the new ones finite. Null for any other.
 */
function nothingAtOldPlaces(site: Site, sizes: readonly Size[]): Value | null {
  const own = site.operands.find((operand): operand is Related => isConstant(operand ?? undefined));
  const long = own?.dims.flatMap((dim, d) => (dim.length > 0 ? [d] : [])) ?? [];
  const [at = 0] = long;
  const size = newSize(own?.dims[at] ?? []);
  if (own === undefined || long.length !== 1 || !isStatic(size)) return null;
  for (const dim of site.ctx.hintsTo(size)) {
    const zero = restricted(
      site.ctx,
      own.ref,
      own.dims.map((other, d) => (d === at ? dim : other)),
    );
    if (zero?.own.ref.base.constant?.uniform !== 0 || !zero.finite) continue;
    const dims = sizes.map((whole, d): Dim => (d - sizes.length === at - own.dims.length ? (zero.dims[at] ?? dim) : sameDim(whole)));
    return nothingLeft(site, dims, sizes);
  }
  return null;
}

/** What an operand has at a dimension of the result; one of size 1, or that was stretched there, has one element for all indices. */
function partAt({ view }: Ref, dims: readonly Dim[], d: number, sizes: readonly Size[]): Part {
  const own = dims[d - sizes.length + dims.length] ?? [];
  const strides = view.dims[d - sizes.length + view.dims.length] ?? [];
  return isSame(own) && strides.every((part) => part.step === 0) ? 'broadcast' : own;
}

function joinedAt(site: Site, rule: Pointwise, parts: readonly OperandPart[], d: number, sizes: readonly Size[]): Dim | null {
  const at = (part: OperandPart): Part => (part.zero ? 'zero' : partAt(part.own.ref, part.dims, d, sizes));
  const [first, ...rest] = parts.map(at);
  if (site.node.op === 'Where' && first !== undefined) {
    const values = joinParts(rest, zeroKinds);
    return values === null ? null : joinParts([values.length === 0 ? 'broadcast' : values, first], (a) => (a === BROADCAST ? Kind.ANY : a));
  }
  if (parts.length === 1 && first !== undefined && typeof first !== 'string') return mapKinds(first, rule.unary);
  return joinParts(parts.map(at), kindsFor(site, rule));
}

/** x − mean(x): where the new elements are the mean, nothing is left of them. */
function centredDims(own: Scaled, dims: readonly Dim[]): readonly Dim[] {
  const axes = own.ref.base.attributes.split(',').map(Number);
  return axes.length > 1
    ? dims
    : dims.map((dim, d) => (axes.includes(d) && dim.length === 1 ? mapKinds(dim, (kind) => (kind === Kind.MEAN ? Kind.ZERO : kind)) : dim));
}
