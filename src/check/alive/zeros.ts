/** Which elements of a stored tensor are zero, read once and in pieces. */
import type { Constant } from '../elements.ts';
import { type Axis, cellsOf, classesBy, eachCell, type Mask, stridesOf } from './mask.ts';

const BLOCK = 1 << 15;
/** Tensors with more different patterns of zeros than this are described by their slices of nothing but zeros. */
const MAX_PATTERNS = 1 << 14;

/** Elements that are zero. Where zeros are strewn about, only whole slices of them count: fewer zeros than there are. */
export function zerosOf(constant: Constant): Mask {
  const { dims } = constant;
  const rank = dims.length;
  const total = dims.reduce((a, b) => a * b, 1);
  // two independent sums over the zeros of each slice say which of its elements are zero
  const [counts, first, second] = [0, 1, 2].map(() => dims.map((size) => new Float64Array(size)));
  const salts = dims.map((size, d) => Float64Array.from({ length: size }, (_, i) => mixed(i * 31 + d * 7919 + 1)));
  const index = new Int32Array(rank);
  for (let at = 0; at < total; at += BLOCK) {
    const block = constant.read(at, Math.min(BLOCK, total - at));
    for (let n = 0; n < block.length; n++) {
      if (block[n] !== 0) continue;
      let rest = at + n;
      let key = 0;
      for (let d = rank - 1; d >= 0; d--) {
        const size = dims[d] ?? 1;
        const own = rest % size;
        index[d] = own;
        rest = (rest - own) / size;
        key = (key + (salts[d]?.[own] ?? 0)) % MODULUS;
      }
      for (let d = 0; d < rank; d++) {
        const own = index[d] ?? 0;
        const other = (key - (salts[d]?.[own] ?? 0) + MODULUS) % MODULUS;
        add(counts?.[d], own, 1);
        add(first?.[d], own, mixed(other));
        add(second?.[d], own, mixed(other ^ 0x5bd1e995));
      }
    }
  }
  const patterns = dims.map((size, d) => {
    const made = classesBy(size, (i) => `${counts?.[d]?.[i]},${first?.[d]?.[i]},${second?.[d]?.[i]}`);
    return { axis: axisOf(size, made), first: made.first };
  });
  if (cellsOf(patterns.map(({ axis }) => axis)) <= MAX_PATTERNS) {
    const places = stridesOf(dims.map((size) => ({ size, classes: null, count: size })));
    const axes = patterns.map(({ axis }) => axis);
    const bits = new Uint8Array(cellsOf(axes));
    const steps = patterns.map((own, d) => Float64Array.from(own.first, (i) => i * (places[d] ?? 1)));
    eachCell(axes, steps, (cell, place) => {
      bits[cell] = constant.read(place, 1)[0] === 0 ? 1 : 0;
    });
    return maskOf(axes, bits);
  }
  const slices = dims.map((size, d) => classesBy(size, (i) => (counts?.[d]?.[i] === total / size ? 1 : 0)));
  const axes = slices.map((own, d) => axisOf(dims[d] ?? 1, own));
  const bits = new Uint8Array(cellsOf(axes));
  const isZero = slices.map((own, d) => Float64Array.from(own.first, (i) => (counts?.[d]?.[i] === total / (dims[d] ?? 1) ? 1 : 0)));
  eachCell(axes, isZero, (cell, zeros) => {
    bits[cell] = zeros > 0 ? 1 : 0;
  });
  return maskOf(axes, bits);
}

const MODULUS = 2 ** 31 - 1;

/** A number that looks random for each whole number; sums of 2^21 of them are exact. */
function mixed(n: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) % MODULUS;
}

const add = (sums: Float64Array | undefined, at: number, by: number): void => {
  if (sums !== undefined) sums[at] = ((sums[at] ?? 0) + by) % 2 ** 52;
};

const axisOf = (size: number, { classes, first }: { readonly classes: Int32Array; readonly first: readonly number[] }): Axis => ({
  size,
  classes: first.length > 1 ? classes : null,
  count: Math.max(1, first.length),
});

const maskOf = (axes: readonly Axis[], bits: Uint8Array): Mask => ({ dims: axes.map((axis) => (axis.size === 1 ? [] : [axis])), bits });
