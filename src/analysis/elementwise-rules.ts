/** Rules of operators that work element by element, numpy broadcasting included. */
import { DataType } from '../onnx/ir.ts';
import { isFloat, type OpRule, type Zero } from './op-rule.ts';
import { broadcast, type Element, type Labels, likeInput, range, type Site, SMALL } from './relation.ts';
import { divide, divideExactly, equal, hint, isNeverNegative, isStatic, isWhole, keyOf, opaque, type Size, signOf, subtract } from './size.ts';

/**
 * A function of sizes. What no polynomial decides for all inputs is decided by the small assignment, or, where `exact`, stays a function
 * of its own.
 */
type Fn = (args: readonly Size[], float: boolean, exact: boolean) => Size | null;

function elementwise(fn: Fn, operands?: number): (site: Site) => readonly Element[] | null {
  return (site) => {
    const count = operands ?? site.flat.inputs.length;
    const inputs = Array.from({ length: count }, (_, i) => site.elements(i));
    if (count === 0 || inputs.some((elements) => elements === null)) return null;
    const shapes = inputs.map((_, i) => site.dims(i).map(hint));
    const rank = Math.max(0, ...shapes.map((dims) => dims.length));
    const out = range(rank).map((_, d) => Math.max(...shapes.map((dims) => dims[d - rank + dims.length] ?? 1)));
    const float = isFloat(site.dtype(count - 1));
    const length = out.reduce((a, b) => a * b, 1);
    // operands that do not fit each other stand in damaged files
    if (length > SMALL) return null;
    return Array.from({ length }, (_, flat) => {
      const args = inputs.map((elements, i) => elements?.[broadcastIndex(flat, out, shapes[i] ?? [])]);
      const values = args.map((arg) => arg?.value ?? null);
      const fromShape = args.some((arg) => arg?.fromShape === true);
      return { value: values.every((v) => v !== null) ? fn(values as Size[], float, site.exact) : null, fromShape };
    });
  };
}

function broadcastIndex(flat: number, out: readonly number[], dims: readonly number[]): number {
  let rest = flat;
  let index = 0;
  let stride = 1;
  for (let d = out.length - 1; d >= 0; d--) {
    const size = out[d] ?? 1;
    const i = rest % size;
    rest = (rest - i) / size;
    const own = dims[d - out.length + dims.length];
    if (own !== undefined) {
      if (own !== 1) index += i * stride;
      stride *= own;
    }
  }
  return index;
}

/** A function of real numbers as a function of sizes. */
export const real =
  (name: string, apply: (...args: number[]) => number): Fn =>
  (args) =>
    opaque(name, args, apply);
/** A comparison of two sizes: which signs of their difference make it true. */
const comparing =
  (name: string, holds: (sign: number) => boolean): Fn =>
  ([a = 0, b = 0], _, exact) => {
    const sign = isStatic(a) && isStatic(b) ? Math.sign(a - b) : exact ? signOf(subtract(a, b)) : Math.sign(hint(a) - hint(b));
    return sign === null ? opaque(name, [a, b], (x, y) => (holds(Math.sign(x - y)) ? 1 : 0)) : holds(sign) ? 1 : 0;
  };
export const isEqual = comparing('equal', (sign) => sign === 0);
export const isLess = comparing('less', (sign) => sign < 0);
export const isAtMost = comparing('atMost', (sign) => sign <= 0);
export const isGreater: Fn = ([a = 0, b = 0], float, exact) => isLess([b, a], float, exact);
export const isAtLeast: Fn = ([a = 0, b = 0], float, exact) => isAtMost([b, a], float, exact);

/** A function of truth values. */
export const logical =
  (name: string, apply: (...args: boolean[]) => boolean): Fn =>
  (args, _, exact) => {
    const of = (...numbers: number[]): number => (apply(...numbers.map((x) => x !== 0)) ? 1 : 0);
    return exact ? opaque(name, args, of) : of(...args.map(hint));
  };

/** A rule for an operator of one operand. */
export const unary = (zero: Zero, fn?: Fn): OpRule => ({ relate: (site) => likeInput(site), zero, ...(fn && { compute: elementwise(fn, 1) }) });
/** A rule for an operator whose operands are broadcast. */
export const pointwise = (zero: Zero, fn?: Fn, more: Partial<OpRule> = {}): OpRule => ({
  relate: (site) => broadcast(site, site.flat.inputs.length),
  zero,
  ofOneType: 'all',
  ...(fn && { compute: elementwise(fn) }),
  ...more,
});
/** A rule for a comparison. */
export const comparison = (fn?: Fn): OpRule => pointwise('never', fn, { dtype: () => DataType.BOOL });

/** Where: the first choice where the condition is not zero. */
export const choose: Fn = ([condition = 0, a = 0, b = 0], _, exact) => {
  if (exact && !isStatic(condition)) return equal(a, b) ? a : opaque('where', [condition, a, b], (c, x, y) => (c === 0 ? y : x));
  return hint(condition) !== 0 ? a : b;
};

/** The one of several sizes that is the smallest (sign 1) or the largest (sign −1). */
const extreme =
  (name: string, sign: 1 | -1): Fn =>
  (args, _, exact) =>
    args.reduce((a, b) => {
      const order = exact ? signOf(subtract(a, b)) : Math.sign(hint(a) - hint(b));
      if (order !== null) return order === sign ? b : a;
      const [x, y] = keyOf(a) < keyOf(b) ? [a, b] : [b, a];
      return opaque(name, [x, y], sign === 1 ? Math.min : Math.max);
    });
export const smaller: Fn = extreme('least', 1);
export const larger: Fn = extreme('most', -1);
/** Div: whole numbers are cut towards zero. */
export const quotient: Fn = ([a = 0, b = 1], float, exact) => {
  if (float) return isStatic(a) && isStatic(b) ? a / b : (divideExactly(a, b) ?? opaque('fdiv', [a, b], (x, y) => x / y));
  // floors have a normal form that holds for what is not negative
  return !exact || (isNeverNegative(a) && isNeverNegative(b))
    ? divide(a, b)
    : (divideExactly(a, b) ?? opaque('truncated', [a, b], (x, y) => (y === 0 ? 0 : Math.trunc(x / y))));
};

/** Mod with the sign of the divisor, or of the dividend where `fmod` is set. */
export const remainder = (site: Site): readonly Element[] | null =>
  elementwise(site.int('fmod', 0) === 0 ? real('mod', (a, b) => (b === 0 ? 0 : a - Math.floor(a / b) * b)) : real('fmod', (a, b) => (b === 0 ? 0 : a % b)))(
    site,
  );

/** Round: halves go to the even neighbour. */
export const roundHalfEven = (x: number): number => {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(x);
};

/** Cast: numbers are cut to whole ones when the target type has no fraction; truth values are 0 and 1. */
export function castElements(site: Site): readonly Element[] | null {
  const to = site.int('to', DataType.FLOAT);
  const cast = (value: Size): Size => {
    if (isFloat(to)) return value;
    if (to === DataType.BOOL && (site.exact || isStatic(value))) return isStatic(value) ? Number(value !== 0) : truth(value);
    if (isStatic(value)) return Math.trunc(value);
    return site.exact && !isWhole(value) ? opaque('truncated', [value, 1], Math.trunc) : value;
  };
  return site.elements(0)?.map((e) => ({ ...e, value: e.value === null ? null : cast(e.value) })) ?? null;
}

const truth = (value: Size): Size => (signOf(value) === null ? opaque('truth', [value], (x) => Number(x !== 0)) : Math.abs(signOf(value) ?? 0));

/** Clip: zero stays zero when it lies between the bounds, which are attributes before opset 11 and operands since. */
export function clipRelation(site: Site): Labels {
  const bound = (name: string, input: number, open: number): number => {
    if (site.opset < 11) return site.int(name, open);
    const element = site.has(input) ? site.elements(input)?.[0]?.value : open;
    return element == null || (site.exact && !isStatic(element)) ? NaN : hint(element);
  };
  const keeps = bound('min', 1, -Infinity) <= 0 && bound('max', 2, Infinity) >= 0;
  return { ...likeInput(site), ...(!keeps && { neverZero: true }) };
}

/** Pow: zero stays zero under a positive exponent. */
export function powRelation(site: Site): Labels {
  const exponents = site.elements(1);
  const positive = exponents?.every(({ value }) => value !== null && (isStatic(value) || !site.exact) && hint(value) > 0) === true;
  return { ...broadcast(site, 2), ...(!positive && { neverZero: true }) };
}

/** Clip of small tensors. */
export function clip(site: Site): readonly Element[] | null {
  const low = site.has(1) ? site.elements(1)?.[0]?.value : -Infinity;
  const high = site.has(2) ? site.elements(2)?.[0]?.value : Infinity;
  if (site.opset < 11 || low == null || high == null) return null;
  return site.elements(0)?.map((e) => ({ ...e, value: e.value === null ? null : clipped(e.value, low, high, site.exact) })) ?? null;
}

const clipped = (value: Size, low: Size, high: Size, exact: boolean): Size | null => smaller([larger([value, low], false, exact) ?? 0, high], false, exact);
