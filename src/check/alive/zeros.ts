/** Which elements of a stored tensor are zero, read once and in pieces. */
import type { Constant } from '../elements.ts';
import { axisBy, cellsOf, type Mask, placesOf, type Stepped } from './mask.ts';

const BLOCK = 1 << 15;
/** Tensors with more different patterns of zeros than this are described by their slices of nothing but zeros. */
const MAX_PATTERNS = 1 << 14;
/** Two independent sums over the zeros of each slice say which of its elements are zero. */
const DRAWS: readonly number[] = [0, 0x9e3779b9];

/** A dimension; for each of its indices how many zeros the slice has, and their sums, one after the other. */
interface Slices {
  readonly size: number;
  /** How far apart elements of neighbouring indices lie. */
  readonly stride: number;
  readonly counts: Float64Array;
  readonly sums: Int32Array;
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** Elements that are zero. Where zeros are strewn about, only whole slices of them count: fewer zeros than there are. */
export function zerosOf(constant: Constant): Mask {
  const { dims } = constant;
  const total = product(dims);
  const slices = dims.map(
    (size, d): Slices => ({ size, stride: product(dims.slice(d + 1)), counts: new Float64Array(size), sums: new Int32Array(size * DRAWS.length) }),
  );
  const width = dims.at(-1) ?? 1;
  const step = Math.max(1, Math.floor(BLOCK / width)) * width;
  for (let start = 0; start < total; start += step) {
    const block = constant.read(start, Math.min(step, total - start));
    for (let at = 0; at < block.length; at += width) addRow(slices, start + at, zerosIn(block, at, width));
  }
  const patterns = slices.map(({ size, stride, sums }): Stepped => {
    const { axis, first } = axisBy(size, (i) => sums.subarray(i * DRAWS.length, (i + 1) * DRAWS.length).join());
    return { axis, steps: first.map((i) => i * stride) };
  });
  if (cellsOf(patterns.map(({ axis }) => axis)) <= MAX_PATTERNS) return maskOf(patterns, (place) => constant.read(place, 1)[0] === 0);
  const whole = slices.map(({ size, counts }): Stepped => {
    const isWhole = (i: number): number => (counts[i] === total / size ? 1 : 0);
    const { axis, first } = axisBy(size, isWhole);
    return { axis, steps: first.map(isWhole) };
  });
  return maskOf(whole, (slicesOfZeros) => slicesOfZeros > 0);
}

const maskOf = (axes: readonly Stepped[], isSet: (sum: number) => boolean): Mask => ({
  dims: axes.map(({ axis }) => (axis.size === 1 ? [] : [axis])),
  bits: Uint8Array.from(placesOf(axes), (sum) => (isSet(sum) ? 1 : 0)),
});

/** Places of zeros in a row. */
function zerosIn(block: Float64Array, start: number, width: number): readonly number[] {
  const zeros: number[] = [];
  for (let i = 0; i < width; i++) if (block[start + i] === 0) zeros.push(i);
  return zeros;
}

const add = (sums: Float64Array | Int32Array, at: number, by: number): void => {
  sums[at] = (sums[at] ?? 0) + by;
};

/** Adds the zeros of the row that starts at an element: to each of its places what says which row it is, to the row's slices which places they are. */
function addRow(slices: readonly Slices[], start: number, zeros: readonly number[]): void {
  const [row, outer] = [slices.slice(-1), slices.slice(0, -1)];
  for (const { counts, sums, size } of row)
    for (const place of zeros) {
      add(counts, place, 1);
      DRAWS.forEach((draw, k) => {
        add(sums, place * DRAWS.length + k, mixed(start / size + draw));
      });
    }
  const places = DRAWS.map((draw) => zeros.reduce((sum, place) => (sum + mixed(place + draw)) | 0, 0));
  for (const { counts, sums, size, stride } of outer) {
    const index = Math.floor(start / stride) % size;
    add(counts, index, zeros.length);
    places.forEach((own, k) => {
      // which row of the slice it is
      add(sums, index * DRAWS.length + k, mixed(mixed(start - index * stride) ^ own));
    });
  }
}

/** A whole number that looks random for each whole number. */
function mixed(n: number): number {
  let x = Math.imul(n ^ (n >>> 16) ^ 0x5bd1e995, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
