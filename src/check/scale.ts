/**
 * Factors between old and new values, exactly: products of rational powers of primes and of a few named real numbers.
 * √(h/ĥ), h/ĥ and 1/√k cancel symbolically, so "equal" never means "close".
 */

/** A non-zero real number as a product of powers. Equal keys mean equal numbers. */
export interface Scale {
  readonly key: string;
  readonly powers: ReadonlyMap<string, number>;
}

const NEGATIVE = '-1';
/** Values of bases that are no numbers in decimal notation. */
const named = new Map<string, number>();

/** Powers above are not told apart by their numbers any more. Squares of squares reach them. */
const LARGEST_POWER = 2 ** 40;

/** Thrown where a factor cannot be had exactly; nothing is proved then. */
export class Uncounted extends Error {}

function scaleOf(powers: Iterable<readonly [string, number]>): Scale {
  const kept = [...powers].filter(([, power]) => power !== 0).sort(([a], [b]) => (a < b ? -1 : 1));
  if (kept.some(([, power]) => !(Math.abs(power) <= LARGEST_POWER))) throw new Uncounted('a factor is a power too high to be counted');
  return { key: kept.map(([base, power]) => `${base}^${power}`).join('·'), powers: new Map(kept) };
}

/** The factor 1. */
export const ONE: Scale = scaleOf([]);

export const isOne = (scale: Scale): boolean => scale.key === '';

/** A finite non-zero number, exactly. Throws Uncounted for any other. */
export function scaleFrom(value: number): Scale {
  // sums over no elements at all stand in damaged files
  if (!Number.isFinite(value) || value === 0) throw new Uncounted(`a factor of ${value} has no inverse`);
  const powers = new Map<string, number>();
  if (value < 0) powers.set(NEGATIVE, 1);
  let mantissa = Math.abs(value);
  let exponent = 0;
  // doubles are whole numbers times a power of two; scaling by 2 is exact
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent--;
  }
  while (mantissa % 2 === 0) {
    mantissa /= 2;
    exponent++;
  }
  powers.set('2', exponent);
  for (let factor = 3; factor < 1000 && factor * factor <= mantissa; factor += 2) {
    while (mantissa % factor === 0) {
      mantissa /= factor;
      powers.set(String(factor), (powers.get(String(factor)) ?? 0) + 1);
    }
  }
  if (mantissa > 1) powers.set(String(mantissa), (powers.get(String(mantissa)) ?? 0) + 1);
  return scaleOf(powers);
}

/** A positive real number that has no short form, by name; the same name is the same number. */
export function namedScale(name: string, value: number): Scale {
  named.set(name, value);
  return scaleOf([[name, 1]]);
}

/** The product of two factors. */
export function times(a: Scale, b: Scale): Scale {
  if (isOne(a)) return b;
  if (isOne(b)) return a;
  const powers = new Map(a.powers);
  for (const [base, power] of b.powers) powers.set(base, (powers.get(base) ?? 0) + power);
  if (powers.has(NEGATIVE)) powers.set(NEGATIVE, (powers.get(NEGATIVE) ?? 0) % 2);
  return scaleOf(powers);
}

/** A positive factor, or a negative one to a whole power. */
export function power(a: Scale, by: number): Scale {
  return scaleOf([...a.powers].map(([base, own]) => [base, base === NEGATIVE ? Math.abs(own * by) % 2 : own * by] as const));
}

/**
 * The sum of two factors whose quotient is rational; 0 where nothing is left, null where there is no such form.
 * a + b = a · (1 + b/a), in whole numbers.
 */
export function plus(a: Scale, b: Scale): Scale | 0 | null {
  let [above, below] = [1n, 1n];
  for (const [base, own] of over(b, a).powers) {
    if (named.has(base) || !Number.isInteger(own) || Math.abs(own) * base.length > 2000) return null;
    if (own > 0) above *= BigInt(base) ** BigInt(own);
    else below *= BigInt(base) ** BigInt(-own);
  }
  return above + below === 0n ? 0 : times(a, over(wholeScale(above + below), wholeScale(below)));
}

/** A whole number in the form that `scaleFrom` gives it. */
function wholeScale(value: bigint): Scale {
  const powers = new Map<string, number>();
  if (value < 0n) powers.set(NEGATIVE, 1);
  let rest = value < 0n ? -value : value;
  for (let factor = 2n; factor < 1000n && factor * factor <= rest; factor += factor === 2n ? 1n : 2n) {
    for (; rest % factor === 0n; rest /= factor) powers.set(String(factor), (powers.get(String(factor)) ?? 0) + 1);
  }
  if (rest > 1n) powers.set(String(rest), (powers.get(String(rest)) ?? 0) + 1);
  return scaleOf(powers);
}

export const over = (a: Scale, b: Scale): Scale => times(a, power(b, -1));

/** A factor as that of the named numbers in it and of the others; null when it has none, or nothing else. */
export function partsOf(a: Scale): readonly [Scale, Scale] | null {
  const own = [...a.powers];
  const isNamed = ([base]: readonly [string, number]): boolean => named.has(base);
  return own.some(isNamed) && !own.every(isNamed) ? [scaleOf(own.filter(isNamed)), scaleOf(own.filter((part) => !isNamed(part)))] : null;
}

export const isNegative = (scale: Scale): boolean => scale.powers.has(NEGATIVE);

/**
 * The factor as a number. Rational ones and square roots of them are rounded once or twice, in the order in which anyone
 * would compute them (a quotient, then its root), so that a stored correction can be compared bit for bit.
 */
export function numberOf(scale: Scale): number {
  let [above, below, rest] = [1, 1, 1];
  const bases = [...scale.powers].filter(([base]) => base !== NEGATIVE);
  const root = bases.some(([base, power]) => !named.has(base) && !Number.isInteger(power)) ? 2 : 1;
  for (const [base, own] of bases) {
    const exponent = own * root;
    const value = named.get(base) ?? Number(base);
    if (named.has(base) || !Number.isInteger(exponent)) rest *= value ** own;
    else if (exponent > 0) above *= value ** exponent;
    else below *= value ** -exponent;
  }
  const sign = isNegative(scale) ? -1 : 1;
  // a quotient of numbers that are too large is none
  if (above === Infinity || below === Infinity)
    return sign * Math.exp(bases.reduce((sum, [base, own]) => sum + own * Math.log(named.get(base) ?? Number(base)), 0));
  const quotient = above / below;
  return sign * (root === 2 ? Math.sqrt(quotient) : quotient) * rest;
}

/** A factor in words: `2^0.5·3^-0.5 = 0.8165`. */
export const scaleText = (scale: Scale): string => (isOne(scale) ? '1' : `${scale.key} = ${Number(numberOf(scale).toPrecision(6))}`);
