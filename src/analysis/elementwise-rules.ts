/** Rules of operators that work element by element, numpy broadcasting included. */
import { DataType } from '../onnx/ir.ts';
import { isFloat, type OpRule, type Zero } from './op-rule.ts';
import { broadcast, type Element, type Labels, likeInput, range, type Site } from './relation.ts';
import { divide, divideExactly, hint, isStatic, opaque, type Size } from './size.ts';

type Fn = (args: readonly Size[], float: boolean) => Size | null;

function elementwise(fn: Fn, operands?: number): (site: Site) => readonly Element[] | null {
  return (site) => {
    const count = operands ?? site.flat.inputs.length;
    const inputs = Array.from({ length: count }, (_, i) => site.elements(i));
    const shapes = inputs.map((_, i) => site.dims(i).map(hint));
    const rank = Math.max(0, ...shapes.map((dims) => dims.length));
    const out = range(rank).map((_, d) => Math.max(...shapes.map((dims) => dims[d - rank + dims.length] ?? 1)));
    if (inputs.some((elements) => elements === null)) return null;
    const float = isFloat(site.dtype(count - 1));
    return Array.from({ length: out.reduce((a, b) => a * b, 1) }, (_, flat) => {
      const args = inputs.map((elements, i) => elements?.[broadcastIndex(flat, out, shapes[i] ?? [])]);
      const values = args.map((arg) => arg?.value ?? null);
      const fromShape = args.some((arg) => arg?.fromShape === true);
      return { value: values.every((v) => v !== null) ? fn(values as Size[], float) : null, fromShape };
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
/** A comparison, decided under the small assignment. */
export const test =
  (apply: (a: number, b: number) => boolean): Fn =>
  ([a = 0, b = 0]) =>
    apply(hint(a), hint(b)) ? 1 : 0;

/** A rule for an operator of one operand. */
export const unary = (zero: Zero, fn?: Fn): OpRule => ({ relate: (site) => likeInput(site), zero, ...(fn && { compute: elementwise(fn, 1) }) });
/** A rule for an operator whose operands are broadcast. */
export const pointwise = (zero: Zero, fn?: Fn, more: Partial<OpRule> = {}): OpRule => ({
  relate: (site) => broadcast(site, site.flat.inputs.length),
  zero,
  ...(fn && { compute: elementwise(fn) }),
  ...more,
});
/** A rule for a comparison. */
export const comparison = (fn?: Fn): OpRule => pointwise('never', fn, { dtype: () => DataType.BOOL });

/** Where: the first choice where the condition is not zero. */
export const choose: Fn = ([condition = 0, a = 0, b = 0]) => (hint(condition) !== 0 ? a : b);
/** Min, decided under the small assignment. */
export const smaller: Fn = (args) => args.reduce((a, b) => (hint(b) < hint(a) ? b : a));
/** Max, decided under the small assignment. */
export const larger: Fn = (args) => args.reduce((a, b) => (hint(b) > hint(a) ? b : a));
/** Div: whole numbers are cut towards zero. */
export const quotient: Fn = ([a = 0, b = 1], float) =>
  float ? (isStatic(a) && isStatic(b) ? a / b : (divideExactly(a, b) ?? opaque('fdiv', [a, b], (x, y) => x / y))) : divide(a, b);

/** Cast: numbers are cut to whole ones when the target type has no fraction. */
export function castElements(site: Site): readonly Element[] | null {
  const whole = !isFloat(site.int('to', DataType.FLOAT));
  return site.elements(0)?.map((e) => ({ ...e, value: whole && typeof e.value === 'number' ? Math.trunc(e.value) : e.value })) ?? null;
}

/** Clip: zero stays zero when it lies between the bounds, which are attributes before opset 11 and operands since. */
export function clipRelation(site: Site): Labels {
  const bound = (name: string, input: number, open: number): number => {
    if (site.opset < 11) return site.int(name, open);
    const element = site.has(input) ? site.elements(input)?.[0]?.value : open;
    return element == null ? NaN : hint(element);
  };
  const keeps = bound('min', 1, -Infinity) <= 0 && bound('max', 2, Infinity) >= 0;
  return { ...likeInput(site), ...(!keeps && { neverZero: true }) };
}

/** Pow: zero stays zero under a positive exponent. */
export function powRelation(site: Site): Labels {
  const exponents = site.elements(1);
  const positive = exponents?.every(({ value }) => value !== null && hint(value) > 0) === true;
  return { ...broadcast(site, 2), ...(!positive && { neverZero: true }) };
}

/** Clip of small tensors. */
export function clip(site: Site): readonly Element[] | null {
  const low = site.has(1) ? site.elements(1)?.[0]?.value : -Infinity;
  const high = site.has(2) ? site.elements(2)?.[0]?.value : Infinity;
  if (site.opset < 11 || low == null || high == null) return null;
  return (
    site.elements(0)?.map((e) => ({ ...e, value: e.value === null ? null : (smaller([larger([e.value, low], false) ?? 0, high], false) ?? null) })) ?? null
  );
}
