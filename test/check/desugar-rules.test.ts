/** Fused operators are their plain nodes, with each attribute and operand that they may have, and nothing else. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { judged, type Spelled } from '../support/spelled.ts';
import type { Stored } from '../support/typed-graph.ts';

const { FLOAT16, INT32 } = DataType;
const row = (...values: readonly number[]): Stored => [[values.length], values];
const table = (rows: number, columns: number, by = 1): Stored => [
  [rows, columns],
  Array.from({ length: rows * columns }, (_, i) => ((i * 7 + 3) % 11) / 4 + by),
];
const one = (value: number): Stored => [[], [value]];

const x = { x: ['b', 't', 4] } as const;
const both = { x: ['b', 't', 4], v: ['b', 't', 4] } as const;
const vectors = { g: row(0.5, 1.5, -2, 0.75), s: row(0.25, -1, 3, 0.5), bias: row(1, 2, -0.5, 0.25) };
const epsilons = { small: one(1e-5), tiny: one(1e-12), e: one(0.25) };
const stored = { ...vectors, ...epsilons };

/** A norm of `of` written out, up to what is divided; `axes` are its dimensions. */
const core = (of: string, epsilon: string, axes = '[-1]', y = 'y'): string =>
  `ReduceMean(${of}, ${axes}) -> m;Sub(${of}, m) -> d;Mul(d, d) -> q;ReduceMean(q, ${axes}) -> p;Add(p, ${epsilon}) -> u;Sqrt(u) -> r;Div(d, r) -> ${y}`;
const centred = (of: string, epsilon: string, axes = '[-1]', y = 'y'): string => `${core(of, epsilon, axes, 'n')};Mul(n, g) -> a;Add(a, s) -> ${y}`;
const square = (of: string, epsilon: string, axes = '[-1]', y = 'y'): string =>
  `Mul(${of}, ${of}) -> q;ReduceMean(q, ${axes}) -> p;Add(p, ${epsilon}) -> u;Sqrt(u) -> r;Div(${of}, r) -> n;Mul(n, g) -> ${y}`;

type Case = Omit<Spelled, 'one' | 'other' | 'inputs' | 'stored'> & Partial<Pick<Spelled, 'inputs' | 'stored'>>;
type Line = readonly [one: string, other: string, more?: Case];

const rms = (op: string): readonly Line[] => [
  [`${op}(x, g) -> y`, square('x', 'small'), { opset: 23, wrong: [`${op}(x, s) -> y`, `${op}(x, g) epsilon=0.25 -> y`] }],
  [`${op}(x, g) epsilon=0.25 axis=-1 -> y`, square('x', 'e'), { opset: 23, wrong: `${op}(x, g) -> y` }],
  [`${op}(x, k) epsilon=0.25 axis=2 -> y`, square('x', 'e').replace('g)', 'k)'), { opset: 23, stored: { ...stored, k: row(2, 2, 2, 2) } }],
];

const NORMS: readonly Line[] = [
  [
    'LayerNormalization(x, g, s) -> y',
    centred('x', 'small'),
    {
      wrong: [
        'LayerNormalization(x, s, g) -> y',
        'LayerNormalization(x, g) -> y',
        'LayerNormalization(x, g, s) epsilon=0.25 -> y',
        'LayerNormalization(x, g, bias) -> y',
      ],
    },
  ],
  [
    'LayerNormalization(x, g, s) epsilon=0.25 axis=2 -> y',
    centred('x', 'e'),
    { wrong: ['LayerNormalization(x, g, s) epsilon=0.25 axis=1 -> y', 'LayerNormalization(v, g, s) epsilon=0.25 -> y'], inputs: both },
  ],
  ['LayerNormalization(x, g) epsilon=0.25 -> y', `${core('x', 'e', '[-1]', 'n')};Mul(n, g) -> y`, { wrong: 'LayerNormalization(x, s) epsilon=0.25 -> y' }],
  ["LayerNormalization(x, g, '') epsilon=0.25 -> y", `${core('x', 'e', '[-1]', 'n')};Mul(n, g) -> y`],
  [
    'LayerNormalization(x, k, l) epsilon=0.25 axis=1 -> y',
    `${core('x', 'e', '[1,2]', 'n')};Mul(n, k) -> a;Add(a, l) -> y`,
    {
      inputs: { x: ['b', 3, 4] },
      stored: { ...stored, k: table(3, 4), l: table(3, 4, -1) },
      wrong: ['LayerNormalization(x, k, l) epsilon=0.25 axis=2 -> y', 'LayerNormalization(x, k) epsilon=0.25 axis=1 -> y'],
    },
  ],
  [
    'LayerNormalization(x, k, l) epsilon=0.25 axis=-2 -> y',
    `${core('x', 'e', '[1,2]', 'n')};Mul(n, k) -> a;Add(a, l) -> y`,
    { inputs: { x: ['b', 3, 4] }, stored: { ...stored, k: table(3, 4), l: table(3, 4, -1) } },
  ],
  [
    'LayerNormalization(x, g, s) epsilon=0.25 -> y m',
    centred('x', 'e'),
    { tail: 'Sub(y, m) -> z', wrong: ['LayerNormalization(x, g, s) epsilon=0.25 -> m y', 'LayerNormalization(x, g, s) epsilon=0.25 -> y w m'] },
  ],
  [
    'LayerNormalization(x, g, s) epsilon=0.25 -> y m i',
    `${centred('x', 'e')};Reciprocal(r) -> i`,
    {
      tail: 'Mul(y, i) -> k;Sub(k, m) -> z',
      wrong: ['LayerNormalization(x, g, s) epsilon=0.25 -> y i m', 'LayerNormalization(x, g, s) epsilon=0.25 -> m y i', 'LayerNormalization(x, g, s) -> y m i'],
    },
  ],
  ["LayerNormalization(x, g, s) epsilon=0.25 -> y '' i", `${centred('x', 'e')};Reciprocal(r) -> i`, { tail: 'Mul(y, i) -> z' }],
  ...rms('RMSNormalization'),
  ...rms('SimplifiedLayerNormalization').filter(([, , more]) => more?.opset !== undefined),
];

const skips = (op: string, plain: (of: string, epsilon: string) => string, more: string): readonly Line[] => [
  [
    `${op}(x, v, g${more}) -> y`,
    `Add(x, v) -> h;${plain('h', 'tiny')}`,
    { inputs: both, wrong: [`${op}(x, x, g${more}) -> y`, `${op}(x, v, g${more}) epsilon=0.25 -> y`, `${op}(x, v, bias${more}) -> y`] },
  ],
  [
    `${op}(x, v, g${more}, bias) epsilon=0.25 -> y`,
    `Add(x, bias) -> k;Add(k, v) -> h;${plain('h', 'e')}`,
    { inputs: both, wrong: [`${op}(x, v, g${more}) epsilon=0.25 -> y`, `${op}(x, v, bias${more}, g) epsilon=0.25 -> y`] },
  ],
  [
    `${op}(x, v, g${more}, bias) epsilon=0.25 -> y '' '' h`,
    `Add(x, bias) -> k;Add(k, v) -> h;${plain('h', 'e')}`,
    {
      inputs: both,
      tail: 'Sub(y, h) -> z',
      wrong: [`${op}(x, v, g${more}) epsilon=0.25 -> y '' '' h`, `${op}(x, v, g${more}, bias) epsilon=0.25 -> h '' '' y`],
    },
  ],
];

const SKIPS: readonly Line[] = [
  ...skips('com.microsoft.SkipLayerNormalization', centred, ', s'),
  [
    "com.microsoft.SkipLayerNormalization(x, v, g, '', bias) epsilon=0.25 -> y",
    `Add(x, bias) -> k;Add(k, v) -> h;${core('h', 'e', '[-1]', 'n')};Mul(n, g) -> y`,
    { inputs: both },
  ],
  ...skips('com.microsoft.SkipSimplifiedLayerNormalization', square, ''),
];

const ids = 'Cast(i) to=6 -> ids;Cast(it) to=6 -> types;';
const words = { words: table(3, 4), places: table(5, 4, -1), kinds: table(2, 4, 0.5) };
const embedding: Case = { inputs: { i: ['b', 't'], it: ['b', 't'] }, stored: { ...stored, ...words } };
const op = 'com.microsoft.EmbedLayerNormalization';
const rows = 'Shape(ids) -> sh;Gather(sh, [1]) axis=0 -> len;Slice(places, [0], len, [0]) -> pos;Gather(words, ids) -> wd;Add(wd, pos) -> wp';
const EMBEDDINGS: readonly Line[] = [
  [
    `${ids}${op}(ids, types, words, places, kinds, g, s) -> y ''`,
    `${ids}${rows};Gather(kinds, types) -> kd;Add(wp, kd) -> h;${centred('h', 'tiny')}`,
    {
      ...embedding,
      wrong: [
        `${ids}${op}(types, ids, words, places, kinds, g, s) -> y ''`,
        `${ids}${op}(ids, types, words, places, kinds, g, s) epsilon=0.25 -> y ''`,
        `${ids}${op}(ids, '', words, places, '', g, s) -> y ''`,
        `${ids}${op}(ids, types, words, places, kinds, s, g) -> y ''`,
        `${ids}${op}(ids, types, words, places, kinds, g, s, '', types) -> y ''`,
      ],
      free: ['places[19]', 'places[10]'],
    },
  ],
  [
    `${ids}${op}(ids, '', words, places, '', g, s) epsilon=0.25 -> y '' h`,
    `${ids}${rows};Identity(wp) -> h;${centred('h', 'e')}`,
    { ...embedding, tail: 'Mul(y, h) -> z', wrong: `${ids}${op}(ids, types, words, places, kinds, g, s) epsilon=0.25 -> y '' h` },
  ],
  [
    `${ids}${op}(ids, '', words, places, '', g, s, '', types) epsilon=0.25 -> y ''`,
    `${ids}Gather(words, ids) -> wd;Gather(places, types) -> pos;Add(wd, pos) -> h;${centred('h', 'e')}`,
    {
      ...embedding,
      wrong: [
        `${ids}${op}(ids, '', words, places, '', g, s) epsilon=0.25 -> y ''`,
        `${ids}${op}(ids, '', words, places, '', g, s, '', ids) epsilon=0.25 -> y ''`,
      ],
    },
  ],
  [
    `${ids}${op}(ids, '', words, places, '', g, s, types) epsilon=0.25 -> y c`,
    `${ids}${rows};${centred('wp', 'e')};ReduceSum(types, [1]) keepdims=0 -> c`,
    {
      ...embedding,
      tail: 'Unsqueeze(c, [1,2]) -> cu;Cast(cu) to=1 -> cf;Mul(y, cf) -> z',
      wrong: [`${ids}${op}(ids, '', words, places, '', g, s) epsilon=0.25 -> y c`, `${ids}${op}(ids, '', words, places, '', g, s, ids) epsilon=0.25 -> y c`],
    },
  ],
];

const matrices: Case = {
  inputs: { x: ['n', 3], v: [3, 'n'] },
  stored: { w: table(3, 4), wt: table(4, 3, -1), c: row(1, -2, 3, 0.5), all: table(1, 4, 2), half: one(0.5), three: one(3), less: one(-1) },
};
const GEMMS: readonly Line[] = [
  [
    'Gemm(x, w) -> y',
    'MatMul(x, w) -> y',
    { ...matrices, wrong: ['Gemm(x, wt) transB=1 -> y', 'Gemm(x, w) alpha=0.5 -> y', 'Gemm(x, w, c) -> y', 'Gemm(v, w) transA=1 -> y'] },
  ],
  [
    'Gemm(x, w, c) -> y',
    'MatMul(x, w) -> a;Add(a, c) -> y',
    { ...matrices, wrong: ['Gemm(x, w) -> y', 'Gemm(x, w, c) beta=0.5 -> y', 'Gemm(x, w, c) beta=0.0 -> y'] },
  ],
  ['Gemm(x, w, c) beta=0.0 -> y', 'MatMul(x, w) -> y', { ...matrices, free: ['c'] }],
  ['Gemm(x, w) beta=0.5 -> y', 'MatMul(x, w) -> y', matrices],
  ['Gemm(x, wt) transB=1 -> y', 'Transpose(wt) perm=[1,0] -> w2;MatMul(x, w2) -> y', matrices],
  ['Gemm(v, w) transA=1 -> y', 'Transpose(v) perm=[1,0] -> x2;MatMul(x2, w) -> y', { ...matrices, wrong: 'Gemm(x, w) -> y' }],
  ['Gemm(x, w) alpha=0.5 -> y', 'MatMul(x, w) -> a;Mul(a, half) -> y', { ...matrices, wrong: 'Gemm(x, w) -> y' }],
  [
    'Gemm(x, w, c) alpha=0.5 -> y',
    'MatMul(x, w) -> a;Mul(a, half) -> k;Add(k, c) -> y',
    { ...matrices, wrong: ['Gemm(x, w, c) alpha=0.5 beta=0.5 -> y', 'Gemm(x, w, c) -> y'] },
  ],
  [
    'Gemm(x, w, c) beta=3.0 -> y',
    'MatMul(x, w) -> a;Mul(c, three) -> k;Add(k, a) -> y',
    { ...matrices, wrong: ['Gemm(x, w, c) -> y', 'Gemm(x, w, c) beta=3.0 alpha=3.0 -> y'] },
  ],
  [
    'Gemm(v, wt, all) transA=1 transB=1 alpha=3.0 beta=-1.0 -> y',
    'Transpose(v) -> x2;Transpose(wt) -> w2;MatMul(x2, w2) -> a;Mul(a, three) -> k;Mul(all, less) -> l;Add(k, l) -> y',
    { ...matrices, wrong: ['Gemm(v, wt, all) transA=1 transB=1 alpha=3.0 -> y', 'Gemm(x, wt, all) transB=1 alpha=3.0 beta=-1.0 -> y'] },
  ],
];

const fused = 'com.microsoft.FusedMatMul';
const products: Case = { inputs: { x: ['b', 't', 4], v: ['b', 't', 4] }, stored: { w: table(4, 4), half: one(0.5) } };
const FUSED: readonly Line[] = [
  [
    `${fused}(x, w) -> y`,
    'MatMul(x, w) -> y',
    { ...products, wrong: [`${fused}(x, w) transB=1 -> y`, `${fused}(x, w) alpha=0.5 -> y`, `${fused}(v, w) -> y`] },
  ],
  [`${fused}(x, w) transB=1 -> y`, 'Transpose(w) perm=[1,0] -> k;MatMul(x, k) -> y', { ...products, wrong: `${fused}(x, w) -> y` }],
  [
    `${fused}(x, v) transB=1 alpha=0.5 -> y`,
    'Transpose(v) perm=[0,2,1] -> k;MatMul(x, k) -> a;Mul(a, half) -> y',
    {
      ...products,
      wrong: [
        `${fused}(x, v) transB=1 -> y`,
        `${fused}(v, x) transB=1 alpha=0.5 -> y`,
        `${fused}(x, v) transB=1 transBatchA=1 alpha=0.5 -> y`,
        `${fused}(x, v) transB=1 transBatchB=1 alpha=0.5 -> y`,
      ],
    },
  ],
  [
    `${fused}(x, v) transA=1 -> y`,
    'Transpose(x) perm=[0,2,1] -> k;MatMul(k, v) -> y',
    { ...products, wrong: [`${fused}(v, x) transA=1 -> y`, `${fused}(x, v) transA=1 alpha=2.0 -> y`] },
  ],
  [
    `Unsqueeze(x, [1]) -> k;${fused}(k, k) transB=1 -> y`,
    'Unsqueeze(x, [1]) -> k;Transpose(k) perm=[0,1,3,2] -> l;MatMul(k, l) -> y',
    { ...products, wrong: `Unsqueeze(x, [1]) -> k;${fused}(k, k) transA=1 -> y` },
  ],
];

const gelu = (lines: string, wrong: string | readonly string[], plain = 'Gelu(k) -> y'): Line => [lines, `Add(x, g) -> k;${plain}`, { wrong }];
const STATISTICS: Case = { inputs: { x: ['b', 4, 5] }, stored: { ...stored, mean: row(0.5, -1, 2, 0.25), v: row(1, 0.5, 2, 3) } };
const batch = (epsilon: string, axes: string | null): string => {
  const names = ['g', 's', 'mean', 'v'];
  const wide = axes === null ? [] : names.map((name) => `Unsqueeze(${name}, ${axes}) -> ${name}2`);
  const [g, s, mean, v] = names.map((name) => (axes === null ? name : `${name}2`));
  return [...wide, `Add(${v}, ${epsilon}) -> u;Sqrt(u) -> r;Sub(x, ${mean}) -> d;Div(d, r) -> n;Mul(n, ${g}) -> a;Add(a, ${s}) -> y`].join(';');
};
const OTHERS: readonly Line[] = [
  gelu(
    'com.microsoft.BiasGelu(x, g) -> y',
    ['com.microsoft.BiasGelu(x, s) -> y', 'com.microsoft.FastGelu(x, g) -> y', 'com.microsoft.Gelu(x) -> y'],
    'com.microsoft.Gelu(k) -> y',
  ),
  gelu(
    'com.microsoft.FastGelu(x, g) -> y',
    ['com.microsoft.FastGelu(x) -> y', 'com.microsoft.BiasGelu(x, g) -> y', 'com.microsoft.FastGelu(x, s) -> y'],
    'com.microsoft.FastGelu(k) -> y',
  ),
  gelu('Add(x, g) -> k;com.microsoft.Gelu(k) -> y', ['Add(x, g) -> k;Gelu(k) approximate=tanh -> y', 'Add(x, g) -> k;Erf(k) -> y']),
  [
    'BatchNormalization(x, g, s, mean, v) -> y',
    batch('small', '[1]'),
    {
      ...STATISTICS,
      wrong: [
        'BatchNormalization(x, s, g, mean, v) -> y',
        'BatchNormalization(x, g, s, mean, v) epsilon=0.25 -> y',
        'BatchNormalization(x, g, s, mean, v) training_mode=1 -> y k l',
        'BatchNormalization(x, g, s, v, mean) -> y',
      ],
    },
  ],
  ['BatchNormalization(x, g, s, mean, v) epsilon=0.25 -> y', batch('e', '[1,2]'), { ...STATISTICS, inputs: { x: ['b', 4, 5, 2] } }],
  ['BatchNormalization(x, g, s, mean, v) epsilon=0.25 -> y', batch('e', null), { ...STATISTICS, inputs: { x: ['b', 4] } }],
  [
    'GlobalAveragePool(x) -> y',
    'ReduceMean(x, [2,3]) -> y',
    { inputs: { x: ['b', 4, 5, 't'] }, wrong: ['ReduceMean(x, [1,2,3]) -> y', 'ReduceMean(x, [3]) -> y', 'GlobalMaxPool(x) -> y'] },
  ],
  ['GlobalAveragePool(x) -> y', 'ReduceMean(x, [2]) -> y', { wrong: 'ReduceMean(x, [1]) -> y' }],
  [
    'CastLike(x, h) -> c;Cast(c) to=1 -> y',
    `Cast(x) to=${FLOAT16} -> c;Cast(c) to=1 -> y`,
    { stored: { h: [[1], [1], FLOAT16], i: [[1], [1], INT32] }, free: ['h'], wrong: 'CastLike(x, i) -> c;Cast(c) to=1 -> y' },
  ],
];

const GROUPS = {
  norms: NORMS,
  'sums that are normed': SKIPS,
  embeddings: EMBEDDINGS,
  'products with a bias': GEMMS,
  'products of transposed operands': FUSED,
  others: OTHERS,
};

describe.each(Object.entries(GROUPS))('%s', (_, lines) => {
  test.each(lines.map(([one, other, more]) => [one, other, more ?? {}] as const))('%s', async (one, other, more) => {
    const { same, apart, wrong } = await judged({ inputs: x, stored, ...more, one, other });
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-4);
    expect(Object.entries(wrong).flatMap(([what, [first]]) => (first === 'proved' ? [what] : []))).toEqual([]);
    expect({ same: same.map((own) => own.slice(1)), wrong }).toMatchSnapshot();
  });
});
