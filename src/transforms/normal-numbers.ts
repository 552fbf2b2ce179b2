/** Random numbers that are a function of a key and a counter, not of a generator's state. */

/** FNV-1a over a tensor's name and the seed. */
export function hashName(name: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return mix(hash ^ Math.imul(seed, 0x9e3779b1));
}

/** The finaliser of MurmurHash3: every input bit changes every output bit with probability ½. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A standard normal number for a counter, by the quantile of 16 hashed bits (largest magnitude 4.2). */
export function normalAt(key: number, counter: number): number {
  const high = Math.floor(counter / 0x100000000);
  const hash = mix(mix((counter | 0) ^ key) + Math.imul(high + 1, 0x9e3779b1));
  return QUANTILES[hash & 0xffff] ?? 0;
}

/** Standard normal quantiles at (i + ½)/65536. */
const QUANTILES = Float64Array.from({ length: 65536 }, (_, i) => quantile((i + 0.5) / 65536));

/** Inverse of the normal distribution function: rational approximation by P. J. Acklam (relative error 1.2e-9). */
function quantile(p: number): number {
  const a = [-3.969683028665376e1, 2.209460984245205e2, -2.759285104469687e2, 1.38357751867269e2, -3.066479806614716e1, 2.506628277459239];
  const b = [-5.447609879822406e1, 1.615858368580409e2, -1.556989798598866e2, 6.680131188771972e1, -1.328068155288572e1];
  const c = [-7.784894002430293e-3, -3.223964580411365e-1, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const d = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
  const horner = (k: readonly number[], x: number): number => k.reduce((sum, own) => sum * x + own, 0);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return horner(c, q) / (horner(d, q) * q + 1);
  }
  if (p > 1 - 0.02425) return -quantile(1 - p);
  const q = p - 0.5;
  const r = q * q;
  return (horner(a, r) * q) / (horner(b, r) * r + 1);
}
