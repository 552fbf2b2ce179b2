/**
 * Sizes as polynomials over the model's input dimensions.
 *
 * A static size is a plain number. A dynamic one is a polynomial whose atoms are input dimensions (`batch_size`) or
 * functions of polynomials that are no polynomials themselves (`floor(a/2)`, `sqrt(a)`); two dynamic sizes are equal for
 * all inputs exactly when their keys are equal. `hint` is the value under one small consistent assignment of the
 * input dimensions: it decides comparisons, Min and Max, never equality.
 */
export type Size = number | Polynomial;

interface Polynomial {
  readonly key: string;
  readonly hint: number;
  /** Monomial (sorted atoms joined by U+00B7, '' for the constant) to coefficient. */
  readonly terms: ReadonlyMap<string, number>;
  readonly atoms: ReadonlyMap<string, Atom>;
}

/** An input dimension (no `apply`), or a function of sizes that is no polynomial. */
interface Atom {
  readonly hint: number;
  readonly args: readonly Size[];
  readonly apply?: (...args: number[]) => number;
}

const TIMES = '\u00b7';

/** The value of a size under the small assignment. */
export const hint = (size: Size): number => (typeof size === 'number' ? size : size.hint);

/** True for a size that is the same for all inputs. */
export const isStatic = (size: Size): size is number => typeof size === 'number';

/** True when both sizes are equal for all inputs. */
export const equal = (a: Size, b: Size): boolean => a === b || keyOf(a) === keyOf(b);

/** A canonical text; equal keys mean equal sizes. */
export const keyOf = (size: Size): string => (typeof size === 'number' ? String(size) : size.key);

/** A dynamic size of its own, such as an input dimension, with its value under the small assignment. */
export function symbol(name: string, value: number): Size {
  return single(name, { hint: value, args: [] });
}

const single = (name: string, atom: Atom): Size => polynomial(new Map([[name, 1]]), atom.hint, new Map([[name, atom]]));

/** The input dimensions a size depends on. */
export function symbolsOf(size: Size): string[] {
  if (typeof size === 'number') return [];
  return [...new Set([...size.atoms].flatMap(([name, atom]) => (atom.apply === undefined ? [name] : atom.args.flatMap(symbolsOf))))];
}

/** The name of a size that is one input dimension and nothing else. */
export function asSymbol(size: Size): string | undefined {
  if (typeof size === 'number' || size.terms.size !== 1) return undefined;
  const atom = size.atoms.get(size.key);
  return atom !== undefined && atom.apply === undefined ? size.key : undefined;
}

/** The name of a size that is one function of sizes and nothing else. */
export function asFunction(size: Size): string | undefined {
  if (typeof size === 'number' || size.terms.size !== 1) return undefined;
  return size.atoms.get(size.key)?.apply === undefined ? undefined : size.key;
}

/** The names of the functions in a size, those inside others included. */
export function functionsOf(size: Size): readonly string[] {
  if (typeof size === 'number') return [];
  const before = functionNames.get(size);
  if (before !== undefined) return before;
  const found = new Set<string>();
  for (const [name, atom] of size.atoms) {
    if (atom.apply === undefined) continue;
    found.add(name);
    for (const arg of atom.args) for (const inner of functionsOf(arg)) found.add(inner);
  }
  const names = [...found];
  functionNames.set(size, names);
  return names;
}

/** Functions of functions are asked for at every node that they go through. */
const functionNames = new WeakMap<Polynomial, readonly string[]>();

/** A size's value under an assignment of input dimensions; those not assigned have their hint. */
export function evaluate(size: Size, assignment: ReadonlyMap<string, number>): number {
  if (typeof size === 'number') return size;
  const valueOf = (name: string): number => {
    const atom = size.atoms.get(name);
    if (atom?.apply !== undefined) return atom.apply(...atom.args.map((arg) => evaluate(arg, assignment)));
    return assignment.get(name) ?? atom?.hint ?? 1;
  };
  let sum = 0;
  for (const [monomial, c] of size.terms) sum += monomial === '' ? c : monomial.split(TIMES).reduce((value, name) => value * valueOf(name), c);
  return sum;
}

/** r such that size = 0 means name = r; undefined unless the input dimension stands alone with coefficient ±1. */
export function isolate(size: Size, name: string): Size | undefined {
  if (typeof size === 'number') return undefined;
  const coefficient = size.terms.get(name);
  const atom = size.atoms.get(name);
  if (atom === undefined || (coefficient !== 1 && coefficient !== -1)) return undefined;
  const rest = subtract(multiply(single(name, atom), coefficient), size);
  return symbolsOf(rest).includes(name) ? undefined : multiply(rest, coefficient);
}

/** The sum of two sizes. */
export function add(a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  const terms = new Map(termsOf(a));
  for (const [monomial, c] of termsOf(b)) terms.set(monomial, (terms.get(monomial) ?? 0) + c);
  return polynomial(terms, hint(a) + hint(b), atomsOf(a, b));
}

/** The difference of two sizes. */
export function subtract(a: Size, b: Size): Size {
  // of numbers that are not finite, which elements may be, the difference is none
  if (!isStatic(a) && equal(a, b)) return 0;
  return add(a, multiply(b, -1));
}

/** The product of two sizes. */
export function multiply(a: Size, b: Size): Size {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  if (a === 0 || b === 0) return 0;
  const terms = new Map<string, number>();
  for (const [m, c] of termsOf(a)) {
    for (const [n, d] of termsOf(b)) {
      const monomial = joinMonomials(m, n);
      terms.set(monomial, (terms.get(monomial) ?? 0) + c * d);
    }
  }
  return polynomial(terms, hint(a) * hint(b), atomsOf(a, b));
}

/** a / b when it is a polynomial with whole coefficients, else undefined. */
export function divideExactly(a: Size, b: Size): Size | undefined {
  if (b === 0) return undefined;
  if (typeof a === 'number' && typeof b === 'number') return Number.isInteger(a / b) ? a / b : undefined;
  if (equal(a, b)) return 1;
  const [lead, leadC] = leading(b);
  let rest: Size = a;
  let quotient: Size = 0;
  for (let step = 0; step < 64; step++) {
    if (rest === 0) return quotient;
    const [m, c] = leading(rest);
    const left = removeMonomial(m, lead);
    if (left === undefined || c % leadC !== 0) return undefined;
    const atoms = atomsOf(a, b);
    const coefficient = c / leadC;
    const term = polynomial(new Map([[left, coefficient]]), coefficient * monomialHint(left, atoms), atoms);
    quotient = add(quotient, term);
    rest = subtract(rest, multiply(term, b));
  }
  return undefined;
}

/** Two sizes without the dimensions that are factors of both. */
export function withoutCommonFactors(a: Size, b: Size): readonly [Size, Size] {
  if (typeof a === 'number' || typeof b === 'number') return [a, b];
  for (const [name, atom] of a.atoms) {
    const factor = single(name, atom);
    const [left, right] = [divideExactly(a, factor), divideExactly(b, factor)];
    if (left !== undefined && right !== undefined) return withoutCommonFactors(left, right);
  }
  return [a, b];
}

/**
 * a / b truncated towards zero, as ONNX divides integers.
 *
 * Exporters write one floor in many ways, so it has a normal form: multiples of b stand outside, the constant inside lies in
 * 0…b-1, and a floor of a floor is one floor. That holds where a is not negative, which is assumed where it is a sum of
 * sizes minus a constant: a window that does not fit its input is no valid run.
 */
export function divide(a: Size, b: Size): Size {
  const exact = divideExactly(a, b);
  if (exact !== undefined) return exact;
  if (typeof a === 'number' || typeof b !== 'number' || b <= 0 || !Number.isInteger(b) || !isSumOfSizes(a)) return floor(a, b);
  const whole = [...a.terms].map(([m, c]) => [m, m === '' ? Math.floor(c / b) : c % b === 0 ? c / b : 0] as const);
  const outside = whole.reduce<Size>((sum, [m, c]) => add(sum, polynomial(new Map([[m, c]]), c * monomialHint(m, a.atoms), a.atoms)), 0);
  const rest = subtract(a, multiply(outside, b));
  if (typeof rest === 'number') return outside;
  const nested = nestedFloor(rest);
  return add(outside, nested === undefined ? floor(rest, b) : divide(add(nested.of, multiply(nested.by, nested.plus)), nested.by * b));
}

const floor = (a: Size, b: Size): Size => opaque('div', lowestTerms(a, b), (x, y) => (y === 0 ? 0 : Math.trunc(x / y)));

const isSumOfSizes = (a: Polynomial): boolean => [...a.terms].every(([m, c]) => m === '' || c > 0);

/** The parts of `floor(of / by) + plus`, if a size is that. */
function nestedFloor({ terms, atoms }: Polynomial): { of: Size; by: number; plus: number } | undefined {
  const [name, ...others] = [...terms.keys()].filter((m) => m !== '');
  const atom = name === undefined ? undefined : atoms.get(name);
  const [of, by] = atom?.args ?? [];
  if (others.length > 0 || name === undefined || terms.get(name) !== 1 || !name.startsWith('div(') || of === undefined || typeof by !== 'number')
    return undefined;
  return { of, by, plus: terms.get('') ?? 0 };
}

/** A fraction without the whole number that both its parts are multiples of: equal quotients get equal keys, whatever a width is. */
export function lowestTerms(a: Size, b: Size): [Size, Size] {
  const coefficients = [a, b].flatMap((size) => [...termsOf(size).values()]);
  const common = coefficients.reduce(greatestCommonDivisor, 0);
  return common > 1 ? [divideExactly(a, common) ?? a, divideExactly(b, common) ?? b] : [a, b];
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? Math.abs(a) : greatestCommonDivisor(b, a % b));

/** A function of sizes that is no polynomial; the same function of equal arguments gives equal sizes. */
export function opaque(name: string, args: readonly Size[], apply: (...args: number[]) => number): Size {
  const value = apply(...args.map(hint));
  return args.every(isStatic) ? value : single(`${name}(${args.map((arg) => keyOf(arg).replaceAll(TIMES, '*')).join(',')})`, { hint: value, args, apply });
}

/** Replaces an input dimension or a function by another size, inside functions too. */
export const substitute = (size: Size, name: string, by: Size): Size => replaced(size, (own) => (own === name ? by : undefined));

/** Replaces those input dimensions and functions for which there is another size, inside functions too; `value` is what a dimension is under the small assignment. */
export function replaced(size: Size, by: (name: string, value: number) => Size | undefined): Size {
  if (typeof size === 'number') return size;
  const valueOf = (atomName: string): Size => {
    const atom = size.atoms.get(atomName);
    const other = by(atomName, atom?.hint ?? 1);
    if (other !== undefined || atom?.apply === undefined) return other ?? single(atomName, atom ?? { hint: 1, args: [] });
    const [of = 0, ...others] = atom.args.map((arg) => replaced(arg, by));
    const kind = atomName.slice(0, atomName.indexOf('('));
    return kind === 'div' ? divide(of, others[0] ?? 1) : opaque(kind, [of, ...others], atom.apply);
  };
  let sum: Size = 0;
  for (const [monomial, c] of size.terms) sum = add(sum, monomial === '' ? c : monomial.split(TIMES).map(valueOf).reduce(multiply, c));
  return sum;
}

/** The product of sizes; 1 for none. */
export const product = (sizes: readonly Size[]): Size => sizes.reduce<Size>(multiply, 1);

function polynomial(terms: Map<string, number>, value: number, atoms: ReadonlyMap<string, Atom>): Size {
  const sorted = [...terms].filter(([, c]) => c !== 0);
  const [first] = sorted;
  if (first === undefined) return 0;
  if (sorted.length > 1) sorted.sort(([m], [n]) => compareMonomials(m, n));
  else if (first[0] === '') return first[1];
  const key = sorted.map(([m, c]) => (m === '' ? String(c) : c === 1 ? m : `${c}${TIMES}${m}`)).join(' + ');
  return { key, hint: value, terms: new Map(sorted), atoms: usedAtoms(sorted, atoms) };
}

function usedAtoms(terms: readonly (readonly [string, number])[], atoms: ReadonlyMap<string, Atom>): ReadonlyMap<string, Atom> {
  if (atoms.size === 1 && terms.some(([m]) => atoms.has(m))) return atoms;
  const used = new Set(terms.flatMap(([m]) => m.split(TIMES)));
  return [...atoms.keys()].every((name) => used.has(name)) ? atoms : new Map([...atoms].filter(([name]) => used.has(name)));
}

const NO_ATOMS: ReadonlyMap<string, Atom> = new Map();

/** The atoms of two sizes. */
function atomsOf(a: Size, b: Size): ReadonlyMap<string, Atom> {
  if (typeof a === 'number') return typeof b === 'number' ? NO_ATOMS : b.atoms;
  if (typeof b === 'number' || a.atoms === b.atoms) return a.atoms;
  const both = new Map(a.atoms);
  for (const [name, atom] of b.atoms) both.set(name, atom);
  return both;
}

const termsOf = (size: Size): ReadonlyMap<string, number> => (typeof size === 'number' ? (size === 0 ? new Map() : new Map([['', size]])) : size.terms);

function joinMonomials(m: string, n: string): string {
  if (m === '') return n;
  if (n === '') return m;
  return [...m.split(TIMES), ...n.split(TIMES)].sort().join(TIMES);
}

/** Degree first, then alphabet: an order that multiplication keeps, as long division needs. */
function compareMonomials(m: string, n: string): number {
  const a = m === '' ? [] : m.split(TIMES);
  const b = n === '' ? [] : n.split(TIMES);
  if (a.length !== b.length) return b.length - a.length;
  return m < n ? -1 : m > n ? 1 : 0;
}

function leading(size: Size): [string, number] {
  return typeof size === 'number' ? ['', size] : (size.terms.entries().next().value as [string, number]);
}

function removeMonomial(m: string, n: string): string | undefined {
  const left = m === '' ? [] : m.split(TIMES);
  for (const atom of n === '' ? [] : n.split(TIMES)) {
    const at = left.indexOf(atom);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left.join(TIMES);
}

function monomialHint(monomial: string, atoms: ReadonlyMap<string, Atom>): number {
  if (monomial === '') return 1;
  return monomial.split(TIMES).reduce((value, name) => value * (atoms.get(name)?.hint ?? 1), 1);
}

/** The sign of a size for all inputs whose dimensions are at least 1; null when it depends on them. */
export function signOf(size: Size): -1 | 0 | 1 | null {
  if (typeof size === 'number') return size > 0 ? 1 : size < 0 ? -1 : 0;
  const coefficients = [...size.terms.values()];
  const whole = [...size.atoms.values()].every((atom) => atom.apply === undefined);
  const constant = size.terms.get('') ?? 0;
  const rest = coefficients.reduce((a, b) => a + b, 0) - constant;
  if (!whole) return null;
  // every product of dimensions is at least 1
  const [positive, negative] = [coefficients.every((c) => c > 0 || c === constant), coefficients.every((c) => c < 0 || c === constant)];
  if (positive && rest > 0 && rest + constant > 0) return 1;
  return negative && rest < 0 && rest + constant < 0 ? -1 : null;
}

/** True when a size is at least 0 for all inputs whose dimensions are at least 1. */
export function isNeverNegative(size: Size): boolean {
  if (typeof size === 'number') return size >= 0;
  const constant = size.terms.get('') ?? 0;
  const others = [...size.terms].flatMap(([monomial, c]) => (monomial === '' ? [] : [c]));
  const atLeastOne = [...size.atoms.values()].every((atom) => atom.apply === undefined);
  return others.every((c) => c > 0) && (atLeastOne ? others.reduce((a, b) => a + b, constant) >= 0 : constant >= 0 && [...size.atoms.keys()].every(isLength));
}

/** Functions whose values are lengths. */
const isLength = (atom: string): boolean => !atom.includes('(') || LENGTHS.has(atom.slice(0, atom.indexOf('(')));
const LENGTHS = new Set(['bound', 'cut', 'range', 'div']);

/** True for a polynomial whose values are whole numbers for all inputs. */
export function isWhole(size: Size): boolean {
  if (typeof size === 'number') return Number.isInteger(size);
  const whole = [...size.atoms].every(
    ([name, { apply, args }]) =>
      apply === undefined || (WHOLE.has(name.slice(0, name.indexOf('('))) && args.every(isWhole)) || ROUNDED.has(name.slice(0, name.indexOf('('))),
  );
  return whole && [...size.terms.values()].every(Number.isInteger);
}

/** Functions that make whole numbers of whole numbers, and of any. */
const WHOLE = new Set(['bound', 'cut', 'range', 'least', 'most', 'where', 'relu', 'abs', 'mod', 'fmod']);
const ROUNDED = new Set(['div', 'truncated', 'floor', 'ceil', 'round', 'sign', 'scale', 'equal', 'less', 'atMost', 'truth', 'both', 'either', 'not', 'joined']);
