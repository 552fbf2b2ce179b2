/**
 * Operators without a float64 kernel of their own, spelled out when a model is cast: each agrees with the float32 kernel of the
 * runtime as far as float32 goes, and with what the operator is defined to be as far as float64 goes.
 */
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { bothWays, distances, randomFloats, type Small } from '../support/doubled.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const softplus = (x: number): number => Math.log1p(Math.exp(x));
/** Gelu by tanh, whatever form a file asks for: see elementwise-rewrites. */
const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
const f = Math.fround;

/** Line, opset, and the function of one number; the last where float32 computes another approximation. */
const OF_ONE: readonly (readonly [line: string, opset: number, of: (x: number) => number, apart?: number])[] = [
  ['Erf(x) -> y', 13, (x) => Math.tanh(Math.sqrt(4 / Math.PI) * (x + 2 * 0.044715 * x ** 3)), 4e-4],
  ['Gelu(x) -> y', 20, gelu, 4e-4],
  ['Gelu(x) approximate=tanh -> y', 20, gelu],
  ['com.microsoft.Gelu(x) -> y', 17, gelu, 4e-4],
  ['com.microsoft.FastGelu(x) -> y', 17, gelu],
  ['com.microsoft.QuickGelu(x) -> y', 17, (x) => x * sigmoid(f(1.702) * x)],
  ['com.microsoft.QuickGelu(x) alpha=0.5 -> y', 17, (x) => x * sigmoid(0.5 * x)],
  ['Swish(x) -> y', 24, (x) => x * sigmoid(x)],
  ['Swish(x) alpha=0.75 -> y', 24, (x) => x * sigmoid(0.75 * x)],
  ['Softplus(x) -> y', 17, softplus],
  ['Mish(x) -> y', 18, (x) => x * Math.tanh(softplus(x))],
  ['Softsign(x) -> y', 17, (x) => x / (1 + Math.abs(x))],
  ['Elu(x) -> y', 17, (x) => (x > 0 ? x : Math.expm1(x))],
  ['Elu(x) alpha=0.75 -> y', 17, (x) => (x > 0 ? x : 0.75 * Math.expm1(x))],
  ['Celu(x) -> y', 17, (x) => (x > 0 ? x : Math.expm1(x))],
  ['Celu(x) alpha=0.75 -> y', 17, (x) => (x > 0 ? x : 0.75 * Math.expm1(x / 0.75))],
  ['Selu(x) -> y', 17, (x) => 1.0507010221481323 * (x > 0 ? x : 1.6732631921768188 * Math.expm1(x))],
  ['Selu(x) alpha=0.75 gamma=1.5 -> y', 17, (x) => 1.5 * (x > 0 ? x : 0.75 * Math.expm1(x))],
  ['LeakyRelu(x) -> y', 17, (x) => (x > 0 ? x : f(0.01) * x)],
  ['LeakyRelu(x) alpha=0.75 -> y', 17, (x) => (x > 0 ? x : 0.75 * x)],
  ['HardSigmoid(x) -> y', 17, (x) => Math.min(1, Math.max(0, f(0.2) * x + 0.5))],
  ['HardSigmoid(x) alpha=0.75 beta=0.25 -> y', 17, (x) => Math.min(1, Math.max(0, 0.75 * x + 0.25))],
  ['HardSwish(x) -> y', 17, (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5))],
  ['Clip(x) -> y', 17, (x) => x],
  ['Clip(x) -> y', 10, (x) => x],
  ['Clip(x) min=-0.5 -> y', 10, (x) => Math.max(-0.5, x)],
  ['Clip(x) max=0.5 -> y', 10, (x) => Math.min(0.5, x)],
  ['Clip(x) min=-0.5 max=0.25 -> y', 10, (x) => Math.min(0.25, Math.max(-0.5, x))],
];

const SIZES = [3, 17];

describe('an operator of one number', () => {
  it.each(OF_ONE.map(([line, opset, of, apart = 1e-6]) => [line, opset, of, apart] as const))('%s of opset %i', async (line, opset, of, apart) => {
    const { own, cast } = await bothWays({ lines: [line], inputs: { x: SIZES }, opset });
    expect(distances(own, cast)[0]).toBeLessThan(apart);
    const meant = [{ dims: SIZES, numbers: randomFloats(1, 51).map(of) }];
    expect(distances(meant, cast)[0]).toBeLessThan(1e-12);
  });
});

const { INT8, UINT8, INT32 } = DataType;
const halves = (count: number): number[] => Array.from({ length: count }, (_, i) => (i % 7) - 3);

/** Graphs whose last line gives the results that are compared. The runtime needs many numbers of some operands as constants. */
const OF_MORE: readonly (readonly [line: string, rest: Omit<Small, 'lines'>, apart?: number])[] = [
  // bias, where there is one, stands along the last dimension
  ['com.microsoft.BiasGelu(x, b) -> y', { inputs: { x: [2, 5], b: [5] }, opset: 17 }, 4e-4],
  ['com.microsoft.FastGelu(x, b) -> y', { inputs: { x: [2, 5], b: [5] }, opset: 17 }],
  ['PRelu(x, s) -> y', { inputs: { x: [3, 2, 5], s: [2, 1] }, opset: 17 }],
  ['PRelu(x, s) -> y', { inputs: { x: [3, 5], s: [1] }, opset: 17 }],
  ['Clip(x, low, high) -> y', { inputs: { x: [3, 5] }, stored: { low: [[], [-0.5]], high: [[], [0.25]] }, opset: 17 }],
  ["Clip(x, '', high) -> y", { inputs: { x: [3, 5] }, stored: { high: [[], [0.25]] }, opset: 11 }],
  ['Clip(x, low) -> y', { inputs: { x: [3, 5] }, stored: { low: [[], [-0.5]] }, opset: 11 }],
  ['GlobalAveragePool(x) -> y', { inputs: { x: [2, 3, 4] }, opset: 17 }],
  ['GlobalAveragePool(x) -> y', { inputs: { x: [2, 3, 4, 5] }, opset: 18 }],
  // scales and zero points: one, one along an axis, one for each block of an axis
  ['DequantizeLinear(q, s) -> y', { inputs: { s: [] }, stored: { q: [[2, 3], halves(6), INT8] }, opset: 19 }],
  ['DequantizeLinear(q, s, z) -> y', { inputs: { s: [] }, stored: { q: [[2, 3], [0, 3, 250, 7, 9, 1], UINT8], z: [[], [128], UINT8] }, opset: 19 }],
  ['DequantizeLinear(q, s, z) -> y', { inputs: { s: [1] }, stored: { q: [[2, 3], [0, 3, 250, 7, 9, 1], UINT8], z: [[1], [128], UINT8] }, opset: 19 }],
  ['DequantizeLinear(q, s, z) -> y', { inputs: { s: [3] }, stored: { q: [[2, 3], halves(6), INT8], z: [[3], [1, -2, 3], INT8] }, opset: 19 }],
  ['DequantizeLinear(q, s) axis=0 -> y', { inputs: { s: [2] }, stored: { q: [[2, 3], halves(6), INT8] }, opset: 19 }],
  ['DequantizeLinear(q, s, z) axis=-2 -> y', { inputs: { s: [3] }, stored: { q: [[2, 3, 2], halves(12), INT8], z: [[3], [1, -2, 3], INT8] }, opset: 19 }],
  ['DequantizeLinear(q, s) axis=-1 -> y', { inputs: { s: [2] }, stored: { q: [[3, 3, 2], halves(18), INT8] }, opset: 13 }],
  ['DequantizeLinear(q, s) axis=0 -> y', { inputs: { s: [3] }, stored: { q: [[3], halves(3), INT8] }, opset: 19 }],
  [
    'DequantizeLinear(q, s, z) axis=1 block_size=2 -> y',
    { inputs: { s: [2, 2, 3] }, stored: { q: [[2, 4, 3], halves(24), INT8], z: [[2, 2, 3], halves(12), INT8] }, opset: 21 },
  ],
  ['DequantizeLinear(q, s) axis=0 block_size=3 -> y', { inputs: { s: [1, 2] }, stored: { q: [[3, 2], halves(6), INT8] }, opset: 21 }],
  ['com.microsoft.FusedMatMul(x, w) -> y', { inputs: { x: [2, 3], w1: [3, 4] }, weights: { w: [3, 4] }, opset: 17 }],
  ['com.microsoft.FusedMatMul(x, v) alpha=0.75 transA=1 -> y', { inputs: { x: [3, 2], v: [3, 4] }, opset: 17 }],
  ['com.microsoft.FusedMatMul(x, v) transB=1 -> y', { inputs: { x: [2, 2, 3], v: [2, 4, 3] }, opset: 17 }],
  ['com.microsoft.FusedMatMul(x, v) transA=1 transB=1 -> y', { inputs: { x: [3, 3, 2], v: [4, 3] }, opset: 17 }],
  ['com.microsoft.FusedMatMul(x, v) transA=1 -> y', { inputs: { x: [3], v: [3, 4] }, opset: 17 }],
];

const FLOAT32 = 2e-6;

/** Both ways of a line agree in all results that it names. */
async function expectBothAlike(line: string, rest: Omit<Small, 'lines'>, apart = FLOAT32): Promise<void> {
  const { own, cast } = await bothWays({ lines: [line], ...rest });
  expect(own).toHaveLength(line.replace(/.*->/, '').match(/\w+/g)?.length ?? 0);
  for (const distance of distances(own, cast)) expect(distance).toBeLessThan(apart);
}

describe('an operator of several operands', () => {
  it.each(OF_MORE.map(([line, rest, apart = FLOAT32]) => [line, rest, apart] as const))('%s of %j', expectBothAlike);
});

const small = { k: [[], [0.01]] } as const;

describe('a norm', () => {
  it.each<readonly [line: string, rest: Omit<Small, 'lines'>]>([
    ['LayerNormalization(x, g, b) -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [5], b: [5] }, opset: 17 }],
    ['LayerNormalization(x, g, b) epsilon=0.25 -> y m r', { inputs: { x: [2, 3, 5] }, weights: { g: [5], b: [5] }, opset: 17 }],
    ['LayerNormalization(x, g) axis=1 epsilon=0.25 -> y m r', { inputs: { x: [2, 3, 5] }, weights: { g: [3, 5] }, opset: 17 }],
    ['LayerNormalization(x, g) axis=-2 -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [3, 5] }, opset: 18 }],
    ['RMSNormalization(x, g) -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [5] }, opset: 23 }],
    ['RMSNormalization(x, g) axis=1 epsilon=0.25 -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [3, 5] }, opset: 23 }],
    ['SimplifiedLayerNormalization(x, g) -> y r', { inputs: { x: [2, 3, 5] }, weights: { g: [5] }, opset: 17 }],
    ['SimplifiedLayerNormalization(x, g) epsilon=0.25 -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [5] }, opset: 17 }],
    ['com.microsoft.SkipLayerNormalization(x, k, g) -> y', { inputs: { x: [2, 3, 5], k: [2, 3, 5] }, weights: { g: [5] }, opset: 17 }],
    [
      "com.microsoft.SkipLayerNormalization(x, k, g, b, c) epsilon=0.25 -> y '' '' s",
      { inputs: { x: [2, 3, 5], k: [2, 3, 5] }, weights: { g: [5], b: [5], c: [5] }, opset: 17 },
    ],
    ["com.microsoft.SkipLayerNormalization(x, k, g, '', c) -> y", { inputs: { x: [2, 3, 5], k: [2, 3, 5] }, weights: { g: [5], c: [5] }, opset: 17 }],
    ['com.microsoft.SkipSimplifiedLayerNormalization(x, k, g) -> y', { inputs: { x: [2, 3, 5], k: [2, 3, 5] }, weights: { g: [5] }, opset: 17 }],
    [
      "com.microsoft.SkipSimplifiedLayerNormalization(x, k, g, c) epsilon=0.25 -> y '' '' s",
      { inputs: { x: [2, 3, 5], k: [2, 3, 5] }, weights: { g: [5], c: [5] }, opset: 17 },
    ],
    ['InstanceNormalization(x, g, b) -> y', { inputs: { x: [2, 3, 5] }, weights: { g: [3], b: [3] }, opset: 17 }],
    ['InstanceNormalization(x, g, b) epsilon=0.25 -> y', { inputs: { x: [2, 3, 5, 2] }, weights: { g: [3], b: [3] }, opset: 18 }],
    ['GroupNormalization(x, g, b) num_groups=2 -> y', { inputs: { x: [2, 4, 5] }, weights: { g: [4], b: [4] }, opset: 21 }],
    ['GroupNormalization(x, g, b) num_groups=2 epsilon=0.25 -> y', { inputs: { x: [2, 6, 5, 3] }, weights: { g: [6], b: [6] }, opset: 21 }],
  ])('%s of %j', expectBothAlike);

  it.each<readonly [lines: readonly string[], rest: Omit<Small, 'lines'>]>([
    [['Mul(x, k) -> s', 'LayerNormalization(s, g) -> y'], { inputs: { x: [2, 5] }, stored: small, weights: { g: [5] }, opset: 17 }],
    [['Mul(x, k) -> s', 'RMSNormalization(s, g) -> y'], { inputs: { x: [2, 5] }, stored: small, weights: { g: [5] }, opset: 23 }],
    [['Mul(x, k) -> s', 'InstanceNormalization(s, g, b) -> y'], { inputs: { x: [2, 3, 5] }, stored: small, weights: { g: [3], b: [3] }, opset: 17 }],
    [['Mul(x, k) -> s', 'GroupNormalization(s, g, b) num_groups=3 -> y'], { inputs: { x: [2, 3, 5] }, stored: small, weights: { g: [3], b: [3] }, opset: 21 }],
  ])('has the epsilon that the operator says: %j', async (lines, rest) => {
    const { own, cast } = await bothWays({ lines, ...rest });
    expect(distances(own, cast)[0]).toBeLessThan(FLOAT32);
  });

  const tables = { word: [7, 5], position: [6, 5], segment: [2, 5], g: [5], b: [5] };
  const ids = { ids: [[2, 4], [0, 6, 2, 3, 1, 5, 4, 2], INT32], segments: [[2, 4], [0, 1, 1, 0, 1, 0, 1, 1], INT32] } as const;
  it.each<readonly [line: string, rest: Omit<Small, 'lines'>]>([
    ['com.microsoft.EmbedLayerNormalization(ids, segments, word, position, segment, g, b) -> y m', { inputs: {}, weights: tables, stored: ids, opset: 17 }],
    ["com.microsoft.EmbedLayerNormalization(ids, '', word, position, '', g, b) epsilon=0.25 -> y m s", { inputs: {}, weights: tables, stored: ids, opset: 17 }],
    [
      'com.microsoft.EmbedLayerNormalization(ids, segments, word, position, segment, g, b, mask) -> y m',
      { inputs: {}, weights: tables, stored: { ...ids, mask: [[2, 4], [1, 1, 1, 0, 1, 1, 0, 0], INT32] }, opset: 17 },
    ],
    [
      "com.microsoft.EmbedLayerNormalization(ids, segments, word, position, segment, g, b, '', places) -> y m",
      { inputs: {}, weights: tables, stored: { ...ids, places: [[2, 4], [5, 1, 3, 0, 1, 1, 2, 4], INT32] }, opset: 17 },
    ],
  ])('of embeddings: %s of %j', expectBothAlike);
});

describe('a convolution', () => {
  it.each<readonly [line: string, rest: Omit<Small, 'lines'>]>([
    ['Conv(x, w) -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [4, 3, 1] }, opset: 17 }],
    ['Conv(x, w, b) -> y', { inputs: { x: [2, 3, 5, 6] }, weights: { w: [4, 3, 2, 3], b: [4] }, opset: 17 }],
    ['Conv(x, w, b) pads=[1,0,2,1] -> y', { inputs: { x: [2, 3, 5, 6] }, weights: { w: [4, 3, 2, 3], b: [4] }, opset: 17 }],
    ['Conv(x, w) pads=[1,2] -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [4, 3, 3] }, opset: 10 }],
    ['Conv(x, w) strides=[2,3] -> y', { inputs: { x: [2, 3, 7, 9] }, weights: { w: [4, 3, 2, 3] }, opset: 17 }],
    ['Conv(x, w) strides=[1,2] pads=[1,1,1,1] -> y', { inputs: { x: [2, 3, 7, 9] }, weights: { w: [4, 3, 2, 3] }, opset: 9 }],
    ['Conv(x, w) strides=[2] dilations=[3] -> y', { inputs: { x: [2, 3, 11] }, weights: { w: [4, 3, 3] }, opset: 17 }],
    ['Conv(x, w) dilations=[2,1] -> y', { inputs: { x: [2, 3, 7, 5] }, weights: { w: [4, 3, 3, 2] }, opset: 17 }],
    ['Conv(x, w, b) group=2 -> y', { inputs: { x: [2, 6, 5] }, weights: { w: [4, 3, 2], b: [4] }, opset: 17 }],
    ['Conv(x, w) group=6 -> y', { inputs: { x: [2, 6, 5] }, weights: { w: [6, 1, 2] }, opset: 17 }],
    ['Conv(x, w) auto_pad=VALID -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [4, 3, 2] }, opset: 17 }],
    ['Conv(x, w) auto_pad=NOTSET pads=[1,0] -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [4, 3, 2] }, opset: 17 }],
    ['Conv(x, w) auto_pad=SAME_UPPER -> y', { inputs: { x: [2, 3, 5, 6] }, weights: { w: [4, 3, 2, 4] }, opset: 17 }],
    ['Conv(x, w) auto_pad=SAME_LOWER -> y', { inputs: { x: [2, 3, 5, 6] }, weights: { w: [4, 3, 2, 4] }, opset: 17 }],
    ['AveragePool(x) kernel_shape=[2] -> y', { inputs: { x: [2, 3, 5] }, opset: 17 }],
    ['AveragePool(x) kernel_shape=[2,3] strides=[2,1] -> y', { inputs: { x: [2, 3, 5, 6] }, opset: 17 }],
    ['AveragePool(x) kernel_shape=[3] pads=[1,2] count_include_pad=1 -> y', { inputs: { x: [2, 3, 5] }, opset: 17 }],
    ['AveragePool(x) kernel_shape=[3] pads=[0,0] -> y', { inputs: { x: [2, 3, 5] }, opset: 17 }],
    ['AveragePool(x) kernel_shape=[3] auto_pad=VALID -> y', { inputs: { x: [2, 3, 5] }, opset: 17 }],
  ])('%s of %j', expectBothAlike);
});
