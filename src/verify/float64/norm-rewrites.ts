/** Normalisations spelled out: statistics in float64, and the epsilon a constant of its own. */
import type { Rewrite } from './elementwise-rewrites.ts';
import { concat, END, int, meanOver, reshape, type Scribe, shapeAt, sliceOf } from './scribe.ts';

interface Normed {
  readonly y: string;
  readonly mean: string | null;
  readonly inverse: string;
}

/** (x − mean)/√(variance + ε)·gain + bias, or x/√(mean of squares + ε)·gain where the mean stays (`centred` false). */
function norm(scribe: Scribe, x: string, axes: readonly number[], options: { centred: boolean; gain: string; bias: string; epsilon: number }): Normed {
  const mean = options.centred ? meanOver(scribe, x, axes) : null;
  const apart = mean === null ? x : scribe.put('Sub', [x, mean]);
  const spread = meanOver(scribe, scribe.put('Mul', [apart, apart]), axes);
  const inverse = scribe.put('Reciprocal', [scribe.put('Sqrt', [scribe.put('Add', [spread, scribe.float(options.epsilon, 'epsilon')])])]);
  let y = scribe.put('Mul', [apart, inverse]);
  if (options.gain !== '') y = scribe.put('Mul', [y, options.gain]);
  if (options.bias !== '') y = scribe.put('Add', [y, options.bias]);
  return { y, mean, inverse };
}

/** LayerNormalization and the root-mean-square ones: over `axis` and all behind it. */
const layerNorm =
  (centred: boolean): Rewrite =>
  (scribe) => {
    const [x, gain, bias] = scribe.inputs;
    const axis = scribe.number('axis', -1);
    const count = axis < 0 ? -axis : scribe.rank(0) - axis;
    const axes = Array.from({ length: count }, (_, i) => i - count);
    const { y, mean, inverse } = norm(scribe, x, axes, { centred, gain, bias, epsilon: scribe.number('epsilon', 1e-5) });
    scribe.give(0, y);
    // LayerNormalization gives mean and 1/σ behind its result; the simplified one 1/σ alone.
    if (mean !== null) scribe.give(1, mean);
    scribe.give(centred ? 2 : 1, inverse);
  };

/** norm(x + skip + bias), the sum as fourth result; mean and 1/σ are given by none but training kernels. */
const skipNorm =
  (centred: boolean): Rewrite =>
  (scribe) => {
    const [x, skip, gain, fourth, fifth] = scribe.inputs;
    const bias = centred ? fifth : fourth;
    const plain = scribe.put('Add', [x, skip]);
    const sum = bias === '' ? plain : scribe.put('Add', [plain, bias]);
    const { y } = norm(scribe, sum, [-1], { centred, gain, bias: centred ? fourth : '', epsilon: scribe.number('epsilon', 1e-12) });
    scribe.give(0, y);
    scribe.give(3, sum);
  };

/** norm(word[ids] + position[0…s] + segment[ids]); the second result counts the mask, the third is the sum. */
const embedNorm: Rewrite = (scribe) => {
  const [ids, segments, word, position, segment, gain, bias, mask, positions] = scribe.inputs;
  const rows = (table: string, index: string): string => scribe.put('Gather', [table, index]);
  const first =
    positions === '' ? scribe.put('Slice', [position, scribe.integers([0]), shapeAt(scribe, ids, [1]), scribe.integers([0])]) : rows(position, positions);
  let sum = scribe.put('Add', [rows(word, ids), first]);
  if (segment !== '' && segments !== '') sum = scribe.put('Add', [sum, rows(segment, segments)]);
  scribe.give(0, norm(scribe, sum, [-1], { centred: true, gain, bias, epsilon: scribe.number('epsilon', 1e-12) }).y);
  if (scribe.wants(1)) {
    if (scribe.opset < 13) throw scribe.refuse('its mask index is not spelled out for opsets before 13');
    const counted = mask === '' ? scribe.put('Sub', [ids, ids]) : mask;
    scribe.give(1, scribe.put('ReduceSum', [counted, scribe.integers([1])], [int('keepdims', 0)]));
  }
  scribe.give(2, sum);
};

/** The norm of each channel (or group of channels) over space; gain and bias stand along the channels. */
const instanceNorm: Rewrite = (scribe) => {
  const [x, gain, bias] = scribe.inputs;
  const spatial = Array.from({ length: scribe.rank(0) - 2 }, (_, i) => i + 2);
  const along = (value: string): string => reshape(scribe, value, scribe.integers([-1, ...spatial.map(() => 1)]));
  const { y } = norm(scribe, x, spatial, { centred: true, gain: along(gain), bias: along(bias), epsilon: scribe.number('epsilon', 1e-5) });
  scribe.give(0, y);
};

const groupNorm: Rewrite = (scribe) => {
  const [x, gain, bias] = scribe.inputs;
  const groups = scribe.number('num_groups', 1);
  const grouped = reshape(scribe, x, scribe.integers([0, groups, -1]));
  const { y } = norm(scribe, grouped, [-1], { centred: true, gain: '', bias: '', epsilon: scribe.number('epsilon', 1e-5) });
  const back = reshape(scribe, y, scribe.put('Shape', [x]));
  const spatial = Array.from({ length: scribe.rank(0) - 2 }, () => 1);
  const along = (value: string): string => reshape(scribe, value, scribe.integers([-1, ...spatial]));
  if (scribe.opset < 21) throw scribe.refuse('its gain is one per group');
  scribe.give(0, scribe.put('Add', [scribe.put('Mul', [back, along(gain)]), along(bias)]));
};

/** Rotates pairs of the last dimension's first `rotary` elements; `cos` and `sin` have half as many. */
export function rotate(scribe: Scribe, x: string, cos: string, sin: string, rotary: number, interleaved: boolean): string {
  const part = sliceOf(scribe, x, -1, 0, rotary);
  const half = rotary / 2;
  const [a, b] = interleaved
    ? [sliceOf(scribe, part, -1, 0, END, 2), sliceOf(scribe, part, -1, 1, END, 2)]
    : [sliceOf(scribe, part, -1, 0, half), sliceOf(scribe, part, -1, half, rotary)];
  const real = scribe.put('Sub', [scribe.put('Mul', [a, cos]), scribe.put('Mul', [b, sin])]);
  const imaginary = scribe.put('Add', [scribe.put('Mul', [a, sin]), scribe.put('Mul', [b, cos])]);
  let turned = concat(scribe, [real, imaginary], -1);
  if (interleaved) {
    const order = Array.from({ length: rotary }, (_, i) => (i % 2 === 0 ? i / 2 : half + (i - 1) / 2));
    turned = scribe.put('Gather', [turned, scribe.integers(order)], [int('axis', -1)]);
  }
  return concat(scribe, [turned, sliceOf(scribe, x, -1, rotary, END)], -1);
}

export const NORMS: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ['LayerNormalization', layerNorm(true)],
  ['RMSNormalization', layerNorm(false)],
  ['SimplifiedLayerNormalization', layerNorm(false)],
  ['com.microsoft.SkipLayerNormalization', skipNorm(true)],
  ['com.microsoft.SkipSimplifiedLayerNormalization', skipNorm(false)],
  ['com.microsoft.EmbedLayerNormalization', embedNorm],
  ['InstanceNormalization', instanceNorm],
  ['GroupNormalization', groupNorm],
]);
