/** Fused attention and products with packed weights, spelled out when a model is cast, against the float32 kernels of the runtime. */
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { bothWays, distances, type Small } from '../support/doubled.ts';

const { INT32, INT64, UINT8, BOOL } = DataType;
type Case = readonly [line: string, rest: Omit<Small, 'lines' | 'opset'> & { readonly opset?: number }];
const FLOAT32 = 3e-6;

/** The results that a line names, in float32 and in float64. */
async function expectBothAlike(line: string, rest: Case[1]): Promise<void> {
  const { own, cast } = await bothWays({ lines: [line], opset: 17, ...rest });
  expect(own).toHaveLength(line.replace(/.*->/, '').match(/\w+/g)?.length ?? 0);
  for (const distance of distances(own, cast)) expect(distance).toBeLessThan(FLOAT32);
}

/** Queries of 3 tokens, keys and values of 5; two heads, 4 wide for scores and 6 for values. */
const qkv = { q: [2, 3, 8], k: [2, 5, 8], v: [2, 5, 12] };
const lengths = [[2], [5, 3], INT32] as const;
const counts = [[2, 5], [1, 1, 1, 1, 1, 1, 0, 1, 1, 0], INT32] as const;
const perQuery = [[2, 3, 5], Array.from({ length: 30 }, (_, i) => (i % 5 === i % 3 ? 0 : 1)), INT32] as const;

const MULTI_HEAD: readonly Case[] = [
  ['com.microsoft.MultiHeadAttention(q, k, v) num_heads=2 -> y', { inputs: qkv }],
  ['com.microsoft.MultiHeadAttention(q, k, v) num_heads=2 scale=0.75 -> y', { inputs: qkv }],
  ['com.microsoft.MultiHeadAttention(q, k, v, b) num_heads=2 -> y', { inputs: qkv, weights: { b: [28] } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: qkv, stored: { m: lengths } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: qkv, stored: { m: counts } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 mask_filter_value=-2.5 -> y", { inputs: qkv, stored: { m: counts } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: qkv, stored: { m: perQuery } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', '', bias) num_heads=2 -> y", { inputs: { ...qkv, bias: [2, 2, 3, 5] } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', '', bias) num_heads=2 -> y", { inputs: { ...qkv, bias: [1, 1, 3, 5] } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m, bias) num_heads=2 -> y", { inputs: { ...qkv, bias: [2, 2, 3, 5] }, stored: { m: counts } }],
  [
    "com.microsoft.MultiHeadAttention(q, k, v, '', '', '', pk, pv) num_heads=2 -> y kk vv",
    { inputs: { q: [2, 3, 8], k: [2, 3, 8], v: [2, 3, 8], pk: [2, 2, 2, 4], pv: [2, 2, 2, 4] } },
  ],
  [
    "com.microsoft.MultiHeadAttention(q, k, v, b, m, '', pk, pv) num_heads=2 -> y kk vv",
    { inputs: { q: [2, 3, 8], k: [2, 3, 8], v: [2, 3, 8], pk: [2, 2, 2, 4], pv: [2, 2, 2, 4] }, weights: { b: [24] }, stored: { m: counts } },
  ],
  ['com.microsoft.MultiHeadAttention(q, k, v) num_heads=2 unidirectional=1 -> y', { inputs: { q: [2, 3, 8], k: [2, 3, 8], v: [2, 3, 8] } }],
  [
    "com.microsoft.MultiHeadAttention(q, k, v, '', '', '', pk, pv) num_heads=2 unidirectional=1 -> y kk vv",
    { inputs: { q: [2, 3, 8], k: [2, 3, 8], v: [2, 3, 8], pk: [2, 2, 2, 4], pv: [2, 2, 2, 4] } },
  ],
  ['com.microsoft.MultiHeadAttention(q, k, v) num_heads=2 -> y', { inputs: { q: [2, 3, 8], k: [2, 2, 5, 4], v: [2, 2, 5, 4] } }],
  ['com.microsoft.MultiHeadAttention(q, k, v, b) num_heads=2 -> y', { inputs: { q: [2, 3, 8], k: [2, 2, 5, 4], v: [2, 2, 5, 4] }, weights: { b: [24] } }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: qkv, stored: { m: counts }, opset: 12 }],
  ["com.microsoft.MultiHeadAttention(q, k, v, '', m) num_heads=2 -> y", { inputs: qkv, stored: { m: lengths }, opset: 13 }],
];

const PROJECTED: readonly Case[] = [
  ['com.microsoft.Attention(x, w, b) num_heads=2 -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] } }],
  ['com.microsoft.Attention(x, w, b) num_heads=2 scale=0.75 -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] } }],
  ['com.microsoft.Attention(x, w, b) num_heads=2 qkv_hidden_sizes=[8,8,12] -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 28], b: [28] } }],
  ['com.microsoft.Attention(x, w, b) num_heads=2 unidirectional=1 -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] } }],
  ['com.microsoft.Attention(x, w, b, m) num_heads=2 -> y', { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] }, stored: { m: [[2], [3, 2], INT32] } }],
  [
    'com.microsoft.Attention(x, w, b, m) num_heads=2 mask_filter_value=-2.5 -> y',
    { inputs: { x: [2, 3, 5] }, weights: { w: [5, 24], b: [24] }, stored: { m: [[2, 3], [1, 0, 1, 0, 1, 1], INT32] } },
  ],
  ["com.microsoft.Attention(x, w, b, '', past) num_heads=2 -> y now", { inputs: { x: [2, 3, 5], past: [2, 2, 2, 2, 4] }, weights: { w: [5, 24], b: [24] } }],
  ["com.microsoft.Attention(x, w, b, '', '', bias) num_heads=2 -> y", { inputs: { x: [2, 3, 5], bias: [2, 2, 3, 3] }, weights: { w: [5, 24], b: [24] } }],
  [
    'com.microsoft.Attention(x, w, b, m, past) num_heads=2 unidirectional=1 -> y now',
    { inputs: { x: [2, 3, 5], past: [2, 2, 2, 2, 4] }, weights: { w: [5, 24], b: [24] }, stored: { m: counts } },
  ],
];

/** Four query heads of two groups, 16 wide; 3 tokens, those of the past before them. */
const gqa = { q: [1, 3, 64], k: [1, 3, 32], v: [1, 3, 32], pk: [1, 2, 2, 16], pv: [1, 2, 2, 16] };
const five = { n: [[1], [4], INT32], t: [[], [5], INT32] } as const;
const first = { q: [2, 3, 64], k: [2, 3, 32], v: [2, 3, 32] };
const three = { n: [[2], [2, 2], INT32], t: [[], [3], INT32] } as const;
const tables = { cos: [9, 8], sin: [9, 8] };
const GQA = 'num_heads=4 kv_num_heads=2';

const GROUPED: readonly Case[] = [
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) ${GQA} -> y kk vv`, { inputs: gqa, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, '', '', n, t) ${GQA} -> y kk vv`, { inputs: first, stored: three }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) ${GQA} scale=0.75 -> y kk vv`, { inputs: gqa, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) ${GQA} softcap=0.75 -> y kk vv`, { inputs: gqa, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) ${GQA} local_window_size=2 -> y kk vv`, { inputs: gqa, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) ${GQA} local_window_size=1 -> y kk vv`, { inputs: gqa, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, cos, sin) ${GQA} do_rotary=1 -> y kk vv`, { inputs: gqa, stored: five, weights: tables }],
  [`com.microsoft.GroupQueryAttention(q, k, v, '', '', n, t, cos, sin) ${GQA} do_rotary=1 -> y kk vv`, { inputs: first, stored: three, weights: tables }],
  [
    `com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, cos, sin) ${GQA} do_rotary=1 rotary_interleaved=1 -> y kk vv`,
    { inputs: gqa, stored: five, weights: tables },
  ],
  [
    `com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, cos, sin, p) ${GQA} do_rotary=1 -> y kk vv`,
    { inputs: gqa, stored: { ...five, p: [[1, 3], [2, 7, 3], INT64] }, weights: tables },
  ],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, '', '', '', b) ${GQA} -> y kk vv`, { inputs: { ...gqa, b: [1, 1, 3, 5] }, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, '', '', '', b) ${GQA} -> y kk vv`, { inputs: { ...gqa, b: [1, 4, 3, 5] }, stored: five }],
  [`com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t, '', '', '', '', s) ${GQA} -> y kk vv`, { inputs: gqa, stored: five, weights: { s: [4] } }],
  [`com.microsoft.GroupQueryAttention(q, '', '', pk, pv, n, t) ${GQA} -> y kk vv`, { inputs: { q: [1, 3, 128], pk: gqa.pk, pv: gqa.pv }, stored: five }],
  ['com.microsoft.GroupQueryAttention(q, k, v, pk, pv, n, t) num_heads=2 kv_num_heads=2 -> y kk vv', { inputs: { ...gqa, q: [1, 3, 32] }, stored: five }],
];

const ids = { p: [[2, 3], [0, 1, 5, 2, 7, 3], INT64] } as const;
const ROTARY: readonly Case[] = [
  ['com.microsoft.RotaryEmbedding(x, p, cos, sin) -> y', { inputs: { x: [2, 3, 32] }, stored: ids, weights: tables }],
  ['com.microsoft.RotaryEmbedding(x, p, cos, sin) interleaved=1 -> y', { inputs: { x: [2, 3, 32] }, stored: ids, weights: tables }],
  ['com.microsoft.RotaryEmbedding(x, p, cos, sin) -> y', { inputs: { x: [2, 2, 3, 16] }, stored: ids, weights: tables }],
  [
    'com.microsoft.RotaryEmbedding(x, p, cos, sin) num_heads=2 rotary_embedding_dim=8 -> y',
    { inputs: { x: [2, 3, 32] }, stored: ids, weights: { cos: [9, 4], sin: [9, 4] } },
  ],
  ['RotaryEmbedding(x, cos, sin, p) -> y', { inputs: { x: [2, 2, 3, 16] }, stored: ids, weights: tables, opset: 23 }],
  ['RotaryEmbedding(x, cos, sin, p) num_heads=2 -> y', { inputs: { x: [2, 3, 32] }, stored: ids, weights: tables, opset: 23 }],
  ['RotaryEmbedding(x, cos, sin, p) num_heads=2 interleaved=1 -> y', { inputs: { x: [2, 3, 32] }, stored: ids, weights: tables, opset: 23 }],
  ['RotaryEmbedding(x, cos, sin) num_heads=2 -> y', { inputs: { x: [2, 3, 32] }, weights: { cos: [2, 3, 8], sin: [2, 3, 8] }, opset: 23 }],
  [
    'RotaryEmbedding(x, cos, sin, p) num_heads=2 rotary_embedding_dim=8 -> y',
    { inputs: { x: [2, 3, 32] }, stored: ids, weights: { cos: [9, 4], sin: [9, 4] }, opset: 23 },
  ],
  [
    'RotaryEmbedding(x, cos, sin, p) rotary_embedding_dim=8 interleaved=1 -> y',
    { inputs: { x: [2, 2, 3, 16] }, stored: ids, weights: { cos: [9, 4], sin: [9, 4] }, opset: 23 },
  ],
];

const STANDARD: readonly Case[] = [
  ['Attention(q, k, v) q_num_heads=2 kv_num_heads=2 -> y', { inputs: qkv, opset: 23 }],
  ['Attention(q, k, v) q_num_heads=2 kv_num_heads=2 scale=0.75 -> y', { inputs: qkv, opset: 23 }],
  ['Attention(q, k, v) -> y', { inputs: { q: [2, 4, 3, 5], k: [2, 2, 6, 5], v: [2, 2, 6, 3] }, opset: 23 }],
  ['Attention(q, k, v, m) -> y', { inputs: { q: [2, 2, 3, 5], k: [2, 2, 3, 5], v: [2, 2, 3, 5], m: [3, 3] }, opset: 23 }],
  ['Attention(q, k, v) is_causal=1 -> y', { inputs: { q: [2, 2, 3, 5], k: [2, 2, 3, 5], v: [2, 2, 3, 5] }, opset: 23 }],
  [
    "Attention(q, k, v, '', pk, pv) -> y kk vv",
    { inputs: { q: [2, 2, 3, 5], k: [2, 2, 3, 5], v: [2, 2, 3, 5], pk: [2, 2, 2, 5], pv: [2, 2, 2, 5] }, opset: 23 },
  ],
  [
    'Attention(q, k, v, m) -> y',
    { inputs: { q: [2, 2, 3, 5], k: [2, 2, 3, 5], v: [2, 2, 3, 5] }, stored: { m: [[3, 3], [1, 0, 1, 1, 1, 0, 0, 1, 1], BOOL] }, opset: 23 },
  ],
];

const bytes = (count: number): number[] => Array.from({ length: count }, (_, i) => (i * 73 + 29) % 256);

/** Products with weights of 4, 8 and 2 bits, whole blocks and one that is half full. */
const PACKED: readonly Case[] = [
  [
    'com.microsoft.MatMulNBits(x, b, s) K=32 N=3 block_size=16 bits=4 -> y',
    { inputs: { x: [2, 32] }, stored: { b: [[3, 2, 8], bytes(48), UINT8] }, weights: { s: [6] } },
  ],
  [
    'com.microsoft.MatMulNBits(x, b, s) K=64 N=3 block_size=32 -> y',
    { inputs: { x: [2, 64] }, stored: { b: [[3, 2, 16], bytes(96), UINT8] }, weights: { s: [6] } },
  ],
  [
    'com.microsoft.MatMulNBits(x, b, s, z) K=40 N=3 block_size=16 bits=4 -> y',
    { inputs: { x: [2, 40] }, stored: { b: [[3, 3, 8], bytes(72), UINT8], z: [[6], bytes(6), UINT8] }, weights: { s: [9] } },
  ],
  [
    'com.microsoft.MatMulNBits(x, b, s, z) K=40 N=3 block_size=16 bits=8 -> y',
    { inputs: { x: [2, 40] }, stored: { b: [[3, 3, 16], bytes(144), UINT8], z: [[9], bytes(9), UINT8] }, weights: { s: [9] } },
  ],
  [
    "com.microsoft.MatMulNBits(x, b, s, '', '', c) K=32 N=3 block_size=16 bits=8 -> y",
    { inputs: { x: [2, 32] }, stored: { b: [[3, 2, 16], bytes(96), UINT8] }, weights: { s: [6], c: [3] } },
  ],
  [
    'com.microsoft.MatMulNBits(x, b, s, z) K=32 N=3 block_size=16 bits=4 -> y',
    { inputs: { x: [2, 32] }, stored: { b: [[3, 2, 8], bytes(48), UINT8] }, weights: { s: [6], z: [6] } },
  ],
];

describe.each([
  ['com.microsoft.MultiHeadAttention', MULTI_HEAD],
  ['com.microsoft.Attention', PROJECTED],
  ['com.microsoft.GroupQueryAttention', GROUPED],
  ['RotaryEmbedding', ROTARY],
  ['Attention', STANDARD],
  ['com.microsoft.MatMulNBits', PACKED],
])('%s', (_, cases) => {
  it.each(cases)('%s of %j', expectBothAlike);
});
