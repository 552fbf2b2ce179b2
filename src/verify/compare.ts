/** Compares outputs as whole tensors: largest difference over largest value. Never per element, where cancellation makes any ratio legal. */
import type { Values } from './values.ts';
import { asNumbers, blockOf, isFloat, sameBits, sameDims } from './values.ts';

/** How one output of one step of one case differs between two runs. */
export interface Difference {
  readonly bitExact: boolean;
  /** max|Δ| / max|reference|; Infinity where no bound exists (see `reason`). */
  readonly relative: number;
  /** Why the two cannot be close at all; null when `relative` says it. */
  readonly reason: string | null;
}

const SAME: Difference = { bitExact: true, relative: 0, reason: null };
const apart = (reason: string): Difference => ({ bitExact: false, relative: Number.POSITIVE_INFINITY, reason });

/** Values this large stand for minus infinity (masked scores of float32 are −3.4e38) and would hide every difference. */
const largestMeant = (values: Values): number => (values.type === 'float16' ? 6e4 : values.type === 'float64' ? 1e300 : 1e30);

/**
 * The difference of `values` from `reference`. Where `values` is larger in some axes, its leading block is compared.
 * NaN and infinities must stand at the same places.
 */
export function compareValues(reference: Values, values: Values): Difference {
  if (reference.type !== values.type) return apart(`its type is ${values.type} instead of ${reference.type}`);
  if (!covers(values.dims, reference.dims)) return apart(`its shape is [${values.dims}] instead of [${reference.dims}]`);
  const grew = !sameDims(reference.dims, values.dims);
  const block = grew ? blockOf(values, [], reference.dims) : values;
  if (sameBits(reference, block)) return SAME;
  if (reference.type === 'string') return apart('its strings differ');
  return compareNumbers(asNumbers(reference), asNumbers(block), isFloat(reference.type) ? largestMeant(reference) : Number.POSITIVE_INFINITY);
}

const covers = (dims: readonly number[], inner: readonly number[]): boolean =>
  dims.length === inner.length && inner.every((dim, axis) => dim <= (dims[axis] ?? 0));

function compareNumbers(old: Float32Array | Float64Array, now: Float32Array | Float64Array, largest: number): Difference {
  let scale = 0;
  let difference = 0;
  let sentinel = 0;
  for (let i = 0; i < old.length; i++) {
    const a = old[i] ?? 0;
    const b = now[i] ?? 0;
    const size = Math.abs(a);
    if (Object.is(a, b)) {
      if (size <= largest && size > scale) scale = size;
      continue;
    }
    if (!Number.isFinite(a) || !Number.isFinite(b)) return apart(`it is ${b} where the original is ${a}`);
    if (size > largest) {
      sentinel = Math.max(sentinel, Math.abs((a - b) / a));
      continue;
    }
    if (size > scale) scale = size;
    difference = Math.max(difference, Math.abs(a - b));
  }
  const relative = difference === 0 ? 0 : scale === 0 ? Number.POSITIVE_INFINITY : difference / scale;
  return { bitExact: false, relative: Math.max(relative, sentinel), reason: relative === Number.POSITIVE_INFINITY ? 'the original is zero everywhere' : null };
}

/** Share of finite elements, from 0 to 1; 1 for a tensor without elements. */
export function finiteShare(values: Values): number {
  const numbers = asNumbers(values);
  if (numbers.length === 0) return 1;
  let finite = 0;
  for (const number of numbers) if (Number.isFinite(number)) finite++;
  return finite / numbers.length;
}
