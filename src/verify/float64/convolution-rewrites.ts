/** Convolutions as products of matrices: one slice per place of the kernel, stacked, times the kernel as a matrix. */
import type { Rewrite } from './elementwise-rewrites.ts';
import { concat, END, ints, reshape, type Scribe, shapeAt, sliceOf, unsqueeze } from './scribe.ts';

/** More places than this are no patch of an image but a mistake. */
const MOST_PLACES = 4096;

/** Zeros around the spatial dimensions: `pads` holds what comes before each of them, then what comes behind. */
function padded(scribe: Scribe, x: string, pads: readonly number[]): string {
  if (pads.every((pad) => pad === 0)) return x;
  const half = pads.length / 2;
  const all = [0, 0, ...pads.slice(0, half), 0, 0, ...pads.slice(half)];
  return scribe.opset < 11 ? scribe.put('Pad', [x], [ints('pads', all)]) : scribe.put('Pad', [x, scribe.integers(all)]);
}

function padsOf(scribe: Scribe, kernel: readonly number[], strides: readonly number[]): readonly number[] {
  const mode = scribe.text('auto_pad', 'NOTSET');
  if (!mode.startsWith('SAME')) return scribe.list('pads') ?? [...kernel, ...kernel].map(() => 0);
  if (strides.some((stride) => stride !== 1)) throw scribe.refuse(`its padding ${mode} depends on the size of the input`);
  // the runtime knows no dilations here
  const less = kernel.map((size) => Math.floor((size - 1) / 2));
  const more = kernel.map((size) => Math.ceil((size - 1) / 2));
  return mode === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
}

/** Every index below `sizes`, the last one fastest. */
function places(sizes: readonly number[]): readonly (readonly number[])[] {
  return sizes.reduce<readonly (readonly number[])[]>((all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])), [[]]);
}

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/** What stands under one place of the kernel, for every position of the kernel. */
function under(scribe: Scribe, x: string, place: readonly number[], { kernel, strides, dilations }: Window): string {
  const cut = place.reduce((value, at, i) => {
    const [size = 1, dilation = 1] = [kernel[i], dilations[i]];
    const behind = (size - 1 - at) * dilation;
    return sliceOf(scribe, value, i + 2, at * dilation, behind === 0 ? END : -behind);
  }, x);
  if (strides.every((stride) => stride === 1)) return cut;
  // The largest of one element is that element; Slice has no steps in older opsets.
  return scribe.put(
    'MaxPool',
    [cut],
    [
      ints(
        'kernel_shape',
        kernel.map(() => 1),
      ),
      ints('strides', strides),
    ],
  );
}

/** x [N, C, …] and kernel [M, C/g, k…]: [N, g, C/g·K, S] times [g, M/g, C/g·K], then [N, M, …]. */
const convolution: Rewrite = (scribe) => {
  const [x, weight, bias] = scribe.inputs;
  const spatial = scribe.rank(1) - 2;
  const kernel = Array.from({ length: spatial }, (_, i) => scribe.size(1, i + 2));
  const ones = kernel.map(() => 1);
  const strides = scribe.list('strides') ?? ones;
  const dilations = scribe.list('dilations') ?? ones;
  const groups = scribe.number('group', 1);
  const [outputs, inputs] = [scribe.size(1, 0), scribe.size(1, 1)];
  const wide = padded(scribe, x, padsOf(scribe, kernel, strides));
  const all = places(kernel);
  if (all.length > MOST_PLACES) throw scribe.refuse(`its kernel has ${all.length} places`);
  const slices = all.map((place) => under(scribe, wide, place, { kernel, strides, dilations }));
  const stacked = concat(
    scribe,
    slices.map((slice) => unsqueeze(scribe, slice, [2])),
    2,
  );
  const columns = reshape(scribe, stacked, scribe.integers([0, groups, inputs * all.length, -1]));
  const rows = reshape(scribe, weight, scribe.integers([groups, outputs / groups, inputs * all.length]));
  const product = scribe.put('MatMul', [rows, columns]);
  const space = shapeAt(
    scribe,
    stacked,
    kernel.map((_, i) => i + 3),
  );
  const shape = concat(scribe, [shapeAt(scribe, x, [0]), scribe.integers([outputs]), space], 0);
  const y = reshape(scribe, product, shape);
  scribe.give(0, bias === '' ? y : scribe.put('Add', [y, reshape(scribe, bias, scribe.integers([-1, ...ones]))]));
};

/** The mean over windows without padding: a slice per place, summed. */
const averagePool: Rewrite = (scribe) => {
  const kernel = scribe.list('kernel_shape') ?? [];
  const ones = kernel.map(() => 1);
  const strides = scribe.list('strides') ?? ones;
  const pads = padsOf(scribe, kernel, strides);
  if (scribe.number('ceil_mode', 0) !== 0 || (pads.some((pad) => pad !== 0) && scribe.number('count_include_pad', 0) === 0))
    throw scribe.refuse('it counts fewer elements at the border');
  const wide = padded(scribe, scribe.inputs[0], pads);
  const slices = places(kernel).map((place) => under(scribe, wide, place, { kernel, strides, dilations: ones }));
  scribe.give(0, scribe.put('Mul', [scribe.put('Sum', slices), scribe.float(1 / slices.length)]));
};

export const CONVOLUTIONS: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ['Conv', convolution],
  ['AveragePool', averagePool],
]);
