/** What is not cast to float64, and why; and what the cast makes of the rest of a file. */
import { describe, expect, it } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { castModel } from '../../src/verify/float64/cast-model.ts';
import { type Small, smallGraph } from '../support/doubled.ts';

const { INT32, INT64, UINT8 } = DataType;

/** Why a graph is not cast, or that it is. */
function reasonOf(small: Small): string {
  try {
    castModel(smallGraph(small));
    return 'is cast';
  } catch (error) {
    if (error instanceof GrowError) return `${error.message} (${error.code}: ${error.where ?? ''})`;
    throw error;
  }
}

const qkv = { q: [2, 3, 8], k: [2, 5, 8], v: [2, 5, 12] };
const gqa = { q: [1, 3, 64], k: [1, 3, 32], v: [1, 3, 32], pk: [1, 2, 2, 16], pv: [1, 2, 2, 16] };
const stored = { n: [[1], [4], INT32], t: [[], [5], INT32] } as const;
const embedded = { inputs: {}, weights: { word: [7, 5], position: [6, 5], g: [5], b: [5] }, stored: { ids: [[1, 2], [0, 6], INT32] } } as const;
const packed = { s: [6], b: [3, 2, 8] };
const bytes = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 73 + 29) % 256);
const nbits = { b: [[3, 2, 8], bytes(48), UINT8] } as const;

describe('what is not cast', () => {
  it.each<readonly [line: string, rest: Omit<Small, 'lines' | 'opset'>, opset: number, reason: string]>([
    ['com.microsoft.MultiHeadAttention(q) num_heads=2 -> y', { inputs: { q: [2, 3, 2, 3, 4] } }, 17, 'its q, k and v are packed'],
    ['com.microsoft.MultiHeadAttention(q, k) num_heads=2 -> y', { inputs: { q: [2, 3, 8], k: [2, 5, 2, 2, 4] } }, 17, 'its q, k and v are packed'],
    ["com.microsoft.MultiHeadAttention(q, '', v) num_heads=2 -> y", { inputs: { q: [2, 3, 8], v: [2, 5, 8] } }, 17, 'its q, k and v are packed'],
    ["com.microsoft.MultiHeadAttention(q, k, v) num_heads=2 -> y '' '' z", { inputs: qkv }, 17, 'it gives its scores'],
    ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: { ...qkv, m: [2, 1, 3, 5] } }, 17, 'its mask has four dimensions'],
    ['com.microsoft.Attention(x, w, b) num_heads=2 do_rotary=1 -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] } }, 17, 'it rotates'],
    [
      'com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) num_heads=4 kv_num_heads=2 smooth_softmax=1 -> y',
      { inputs: gqa, stored },
      17,
      'it gives its scores, or smooths them',
    ],
    [
      'com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) num_heads=4 kv_num_heads=2 -> y kk vv z',
      { inputs: gqa, stored },
      17,
      'it gives its scores, or smooths them',
    ],
    [
      'com.microsoft.RotaryEmbedding(x, p, cos, sin) -> y',
      { inputs: { x: [2, 3, 32] }, stored: { p: [[1], [2], INT64] }, weights: { cos: [9, 8], sin: [9, 8] } },
      17,
      'its positions are one offset',
    ],
    [
      'Conv(x, w) auto_pad=SAME_UPPER strides=[2] -> y',
      { inputs: { x: [2, 3, 5] }, weights: { w: [4, 3, 2] } },
      17,
      'its padding SAME_UPPER depends on the size of the input',
    ],
    ['Conv(x, w) -> y', { inputs: { x: [2, 1, 5000] }, weights: { w: [1, 1, 4097] } }, 17, 'its kernel has 4097 places'],
    ['AveragePool(x) kernel_shape=[3] ceil_mode=1 -> y', { inputs: { x: [2, 3, 5] } }, 17, 'it counts fewer elements at the border'],
    ['AveragePool(x) kernel_shape=[3] pads=[0,1] -> y', { inputs: { x: [2, 3, 5] } }, 17, 'it counts fewer elements at the border'],
    ['AveragePool(x) kernel_shape=[3] auto_pad=SAME_LOWER -> y', { inputs: { x: [2, 3, 5] } }, 17, 'it counts fewer elements at the border'],
    ['com.microsoft.FusedMatMul(x, v) transBatchA=1 -> y', { inputs: { x: [2, 3, 4], v: [3, 4, 2] } }, 17, 'its batch is transposed'],
    ['com.microsoft.FusedMatMul(x, v) transBatchB=1 -> y', { inputs: { x: [2, 3, 4], v: [3, 2, 4] } }, 17, 'its batch is transposed'],
    ['GroupNormalization(x, g, b) num_groups=2 -> y', { inputs: { x: [2, 4, 5] }, weights: { g: [2], b: [2] } }, 18, 'its gain is one per group'],
    ["com.microsoft.EmbedLayerNormalization(ids, '', word, position, '', g, b) -> y m", embedded, 12, 'its mask index is not spelled out for opsets before 13'],
    [
      'RotaryEmbedding(x, cos, sin, p) num_heads=2 interleaved=1 -> y',
      { inputs: { x: [2, 3, 32] }, stored: { p: [[2, 3], [0, 1, 5, 2, 7, 3], INT64] }, weights: { cos: [9, 8], sin: [9, 8] } },
      9,
      'an older opset has no steps in Slice',
    ],
    [
      'com.microsoft.MatMulNBits(x, b, s) K=32 N=3 block_size=16 bits=3 -> y',
      { inputs: { x: [2, 32] }, stored: nbits, weights: { s: [6] } },
      17,
      'weights of 3 bits are not unpacked',
    ],
    ['com.microsoft.MatMulNBits(x, b, s) K=32 N=3 block_size=16 -> y', { inputs: { x: [2, 32], ...packed } }, 17, 'its weights are computed'],
    ['com.microsoft.MatMulNBits(x, b, s) K=32 N=3 block_size=16 -> y', { inputs: { x: [2, 32], s: [6] }, stored: nbits }, 17, 'its weights are computed'],
    [
      'com.microsoft.MatMulNBits(x, b, s, z) K=32 N=3 block_size=16 -> y',
      { inputs: { x: [2, 32], z: [6] }, stored: nbits, weights: { s: [6] } },
      17,
      'its weights are computed',
    ],
    [
      "com.microsoft.MatMulNBits(x, b, s, '', g) K=32 N=3 block_size=16 -> y",
      { inputs: { x: [2, 32] }, stored: { ...nbits, g: [[32], bytes(32).map((i) => i % 2), INT32] }, weights: { s: [6] } },
      17,
      'its weights are computed',
    ],
  ])('%s %j of opset %i', (line, rest, opset, reason) => {
    expect(reasonOf({ lines: [line], ...rest, opset })).toBe(`${reason} (UNSUPPORTED_OP: node n0 (${line.replace(/\(.*/, '')}))`);
  });
});
