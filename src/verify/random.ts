/**
 * Counter-based random numbers: every number is a function of (key, index) alone, so the old and the new model get the
 * same feeds whatever order they are made in.
 */

/** A 32-bit key made of words and numbers (FNV-1a over their text, then mixed). */
export function randomKey(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join('\u001f')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return mix(hash);
}

/** Uniform in [0, 1) with 32 random bits. */
export const uniform = (key: number, index: number): number => mix(key ^ mix(Math.imul(index + 1, 0x9e3779b9))) / 2 ** 32;

/** Uniform integer in [low, high). `high` above `low`. */
export const integer = (key: number, index: number, low: number, high: number): number => low + Math.floor(uniform(key, index) * (high - low));

/** Normal with mean 0 and standard deviation 1 (Box and Muller, 1958). */
export function normal(key: number, index: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform(key, 2 * index)));
  return radius * Math.cos(2 * Math.PI * uniform(key, 2 * index + 1));
}

/** A bijection of 32-bit integers with full avalanche (https://github.com/skeeto/hash-prospector, lowbias32). */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}
