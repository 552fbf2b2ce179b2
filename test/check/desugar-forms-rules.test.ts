/** Fused operators in the forms that few files have: of old versions, of values of which no rank or type is known, and with results that have no other spelling. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { judged } from '../support/spelled.ts';
import { allSaid, isProved } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { INT8, UINT4, UINT8 } = DataType;
const row = (...values: readonly number[]): Stored => [[values.length], values];
const matrix = (rows: number, columns: number): Stored => [[rows, columns], numbers(rows * columns, (i) => ((i * 7 + 3) % 11) / 4 + 1)];
const STORED: Readonly<Record<string, Stored>> = {
  ...{ g: row(0.5, 1.5, -2, 0.75), s: row(0.25, -1, 3, 0.5), mean: row(0.5, -1, 2, 0.25), var: row(1, 0.5, 2, 3), w: matrix(4, 4), c: row(1, 2, 3, 4) },
  ...{
    small: [[], [1e-5]],
    e: [[], [0.25]],
    half: [[], [0.5]],
    two: [[], [2]],
    sc: row(0.5, 0.25, 2, 1),
    z: [[4], [1, 2, 3, 4], UINT8],
    zi: [[4], [1, -2, 3, 0], INT8],
  },
};

/** A graph with the constants that it reads. */
function graph(lines: string, opset = 21, inputs: Typed['inputs'] = { x: ['b', 't', 4], v: ['b', 't', 4], img: ['b', 4, 5] }): Typed {
  const read = new Set(lines.match(/\w+/g));
  const used = Object.fromEntries(Object.entries(inputs ?? {}).filter(([name]) => read.has(name)));
  return { inputs: used, opset, lines: lines.split(';'), stored: Object.fromEntries(Object.entries(STORED).filter(([name]) => read.has(name))) };
}

const foo = 'my.Foo(x) -> f;';
const norm = 'Mul(d, d) -> q;ReduceMean(q) axes=[2] -> p;Add(p, e) -> u;Sqrt(u) -> r';

/** Foo may make values of any rank and type: nothing is a spelling of what counts on one. */
const UNKNOWN: readonly (readonly [own: string, others: readonly string[]])[] = [
  [`${foo}CastLike(x, f) -> y`, [`${foo}Cast(x) to=1 -> y`, `${foo}Identity(x) -> y`, `${foo}CastLike(v, f) -> y`, 'my.Foo(v) -> f;CastLike(x, f) -> y']],
  [`${foo}Relu(f) -> k;CastLike(x, k) -> y`, [`${foo}Relu(f) -> k;Identity(x) -> y`, `${foo}Relu(f) -> k;Cast(x) to=1 -> y`]],
  [`${foo}Relu(f) -> k;Cast(k) to=1 -> y`, [`${foo}Relu(f) -> y`, `${foo}Relu(f) -> k;Cast(k) to=11 -> y`]],
  [`${foo}Identity(f) -> k;Cast(k) to=1 -> y`, [`${foo}Identity(f) -> y`]],
  // 5 / 2 · 2 is 4 in whole numbers
  [`${foo}my.Bar(x) -> k;Div(f, k) -> d;Mul(d, f) -> y`, [`${foo}my.Bar(x) -> k;Mul(f, f) -> d;Div(d, k) -> y`]],
  [
    `${foo}my.Bar(x) -> k;ReduceMean(f) axes=[0] -> m;Div(f, k) -> a;Div(m, k) -> b;Sub(a, b) -> y`,
    [`${foo}my.Bar(x) -> k;ReduceMean(f) axes=[0] -> m;Sub(f, m) -> a;Div(a, k) -> y`],
  ],
  [
    `${foo}LayerNormalization(f, g, s) axis=1 epsilon=0.25 -> y`,
    [
      `${foo}ReduceMean(f) -> m;Sub(f, m) -> d;Mul(d, d) -> q;ReduceMean(q) -> p;Add(p, e) -> u;Sqrt(u) -> r;Div(d, r) -> n;Mul(n, g) -> a;Add(a, s) -> y`,
      `${foo}LayerNormalization(f, g, s) axis=1 epsilon=0.5 -> y`,
      `${foo}LayerNormalization(f, g, s) axis=2 epsilon=0.25 -> y`,
    ],
  ],
  [`${foo}GlobalAveragePool(f) -> y`, [`${foo}ReduceMean(f) -> y`, `${foo}GlobalMaxPool(f) -> y`]],
  [
    `${foo}BatchNormalization(f, g, s, mean, var) epsilon=0.25 -> y`,
    [
      `${foo}Add(var, e) -> u;Sqrt(u) -> r;Sub(f, mean) -> d;Div(d, r) -> n;Mul(n, g) -> a;Add(a, s) -> y`,
      `${foo}BatchNormalization(f, s, g, mean, var) epsilon=0.25 -> y`,
    ],
  ],
  [`${foo}com.microsoft.FusedMatMul(f, w) transB=1 alpha=0.5 -> y`, [`${foo}com.microsoft.FusedMatMul(f, w) alpha=0.5 -> y`]],
  [`${foo}Gemm(f, w, c) alpha=0.5 beta=2.0 -> y`, [`${foo}Gemm(f, w, c) alpha=2.0 beta=0.5 -> y`]],
  [`${foo}QuantizeLinear(f, sc, z) axis=1 -> y`, [`${foo}QuantizeLinear(f, sc, z) axis=0 -> y`]],
  [`${foo}DequantizeLinear(f, sc, z) axis=1 -> y`, [`${foo}DequantizeLinear(f, sc, z) axis=0 -> y`, `${foo}DequantizeLinear(f, sc) axis=1 -> y`]],
];

/** Results that no node of another spelling makes: the runtime on CPUs does not compute these either. */
const RESULTS: readonly (readonly [own: string, others: readonly string[]])[] = [
  [
    'com.microsoft.SkipLayerNormalization(x, v, g, s) epsilon=0.25 -> y m;Sub(y, m) -> o',
    [
      `Add(x, v) -> h;ReduceMean(h) axes=[2] -> m;Sub(h, m) -> d;${norm};Div(d, r) -> n;Mul(n, g) -> a;Add(a, s) -> y;Sub(y, m) -> o`,
      'com.microsoft.SkipLayerNormalization(x, v, g, s) epsilon=0.5 -> y m;Sub(y, m) -> o',
    ],
  ],
  [
    "com.microsoft.SkipLayerNormalization(x, v, g, s) epsilon=0.25 -> y '' i;Sub(y, i) -> o",
    [
      "com.microsoft.SkipLayerNormalization(x, v, g, c) epsilon=0.25 -> y '' i;Sub(y, i) -> o",
      'com.microsoft.SkipLayerNormalization(x, v, g, s) epsilon=0.25 -> y i;Sub(y, i) -> o',
    ],
  ],
  [
    'BatchNormalization(img, g, s, mean, var) training_mode=1 -> y a b;Unsqueeze(a, [1]) -> k;Add(y, k) -> o',
    ['BatchNormalization(img, g, s, mean, var) training_mode=1 -> y b a;Unsqueeze(a, [1]) -> k;Add(y, k) -> o'],
  ],
  // three dimensions are no matrix
  ['MatMul(x, w) -> y', ['Gemm(x, w) -> y', 'Gemm(x, w) transB=1 -> y']],
  ['Transpose(x) -> k;MatMul(k, x) -> y', ['Gemm(x, x) transA=1 -> y']],
];

describe.each(Object.entries({ 'values of which nothing is known': UNKNOWN, 'results without a spelling': RESULTS }))('%s', (_, cases) => {
  test.each(cases)('%s', (own, others) => {
    const toItself = [own, ...others].filter((lines) => isProved(graph(lines), graph(lines)));
    expect(others.filter((other) => isProved(graph(own), graph(other)) || isProved(graph(other), graph(own)))).toEqual([]);
    expect(toItself).toMatchSnapshot();
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('of other ranks and types', () => {
  test.each([
    ['com.microsoft.FusedMatMul(m, w) transB=1 -> y', 'Transpose(w) -> t;MatMul(m, t) -> y', 'com.microsoft.FusedMatMul(m, w) -> y'],
    [
      'LayerNormalization(k, w34, c34) axis=0 epsilon=0.25 -> y',
      'ReduceMean(k, [0,1]) -> m1;Sub(k, m1) -> d;Mul(d, d) -> q;ReduceMean(q, [0,1]) -> p;Add(p, e) -> u;Sqrt(u) -> r;Div(d, r) -> n;Mul(n, w34) -> a;Add(a, c34) -> y',
      'LayerNormalization(k, w34, c34) axis=1 epsilon=0.25 -> y',
    ],
  ])('%s', async (one, other, wrong) => {
    const found = await judged({ inputs: { m: ['n', 4], k: [3, 4] }, stored: { ...STORED, w34: matrix(3, 4), c34: matrix(3, 4) }, one, other, wrong });
    expect(found.same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(found.apart).toBeLessThan(1e-4);
    expect(Object.values(found.wrong).filter(([first]) => first === 'proved')).toEqual([]);
    expect({ same: found.same, wrong: found.wrong }).toMatchSnapshot();
  });

  // a factor of half precision is rounded to it
  test('a Gemm in float16', () => {
    const tenth = 0.0999755859375;
    const half = (line: string, by: number): Typed => ({
      inputs: { m: ['n', 4] },
      lines: ['Cast(m) to=10 -> h', ...line.split(';'), 'Cast(o) to=1 -> y'],
      stored: { w: [matrix(4, 4)[0], matrix(4, 4)[1], DataType.FLOAT16], ...(line.includes('by') && { by: [[], [by], DataType.FLOAT16] as const }) },
    });
    const [gemm, spelled] = ['Gemm(h, w) alpha=0.1 -> o', 'MatMul(h, w) -> g;Mul(g, by) -> o'];
    expect([isProved(half(gemm, 0), half(spelled, tenth)), isProved(half(spelled, tenth), half(gemm, 0))]).toEqual([true, true]);
    expect([isProved(half(gemm, 0), half(spelled, 0.125)), isProved(half(gemm, 0), half('Gemm(h, w) alpha=0.2 -> o', 0))]).toEqual([false, false]);
    expect(allSaid()).toMatchSnapshot();
  });
});

/** A batch norm of old versions, and what it is. */
const plain = (epsilon: string): string =>
  [
    ...['g', 's', 'mean', 'var'].map((name) => `Unsqueeze(${name}) axes=[1] -> ${name}2`),
    `Add(var2, ${epsilon}) -> u;Sqrt(u) -> r;Sub(x, mean2) -> d;Div(d, r) -> n;Mul(n, g2) -> a;Add(a, s2) -> y`,
  ].join(';');
const channels = { x: ['b', 4, 5] } as const;

describe('batch norms of old versions', () => {
  test.each([7, 8, 9])('of version %i', async (opset) => {
    const { same, apart, wrong } = await judged({
      inputs: channels,
      stored: STORED,
      opset,
      one: 'BatchNormalization(x, g, s, mean, var) epsilon=0.25 -> y',
      other: plain('e'),
      wrong: ['BatchNormalization(x, g, s, mean, var) -> y', 'BatchNormalization(x, s, g, mean, var) epsilon=0.25 -> y'],
    });
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-4);
    expect(Object.values(wrong).filter(([first]) => first === 'proved')).toEqual([]);
    expect({ same, wrong }).toMatchSnapshot();
  });

  // statistics of the batch, or of each element
  test.each([
    [6, 'BatchNormalization(x, g, s, mean, var) epsilon=0.25 -> y'],
    [7, 'BatchNormalization(x, g, s, mean, var) epsilon=0.25 spatial=0 -> y'],
    [14, 'BatchNormalization(x, g, s, mean, var) epsilon=0.25 training_mode=1 -> y'],
  ])('of version %i that are none: %s', (opset, line) => {
    const [own, other] = [graph(line, opset, channels), graph(plain('e'), opset, channels)];
    expect([isProved(own, own), isProved(other, other)]).toEqual([true, true]);
    expect([isProved(own, other), isProved(other, own)]).toEqual([false, false]);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('tables of 4-bit numbers', () => {
  const quanta = numbers(3 * 32, (i) => (i * 5 + Math.floor(i / 7)) % 16);
  const stored: Readonly<Record<string, Stored>> = {
    q: [[3, 32], quanta, UINT4],
    sb: [
      [3, 2],
      [0.5, 0.25, 2, 0.125, 1, 4],
    ],
    zb: [[3, 2], [1, 8, 3, 15, 0, 5], UINT4],
    none: [[3, 2], [0, 0, 0, 0, 0, 0], UINT4],
  };
  const spelled = (point: string): string => `DequantizeLinear(q, sb, ${point}) axis=1 block_size=16 -> t;Gather(t, i) axis=0 -> y`;
  const op = 'com.microsoft.GatherBlockQuantized';
  test.each([
    [`${op}(q, i, sb, zb) bits=4 block_size=16 gather_axis=0 quantize_axis=1 -> y`, spelled('zb')],
    [`${op}(q, i, sb) bits=4 block_size=16 gather_axis=0 quantize_axis=1 -> y`, spelled('none')],
  ])('%s', async (one, other) => {
    const { same, apart, wrong } = await judged({
      inputs: { i: ['n'] },
      stored,
      one,
      other,
      wrong: [spelled(other.includes('zb') ? 'none' : 'zb'), `${op}(q, i, sb) bits=4 block_size=32 -> y`],
    });
    expect({ same, wrong }).toMatchSnapshot();
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-5);
    expect(Object.values(wrong).filter(([first]) => first === 'proved')).toEqual([]);
  });
});
