/** Rounding to quanta where it is spelled out, and where it cannot be: by vectors, in blocks, in other types, by what a graph computes. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { judged, type Spelled } from '../support/spelled.ts';
import { allSaid, isProved } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { INT8, UINT8, INT32 } = DataType;
const one = (value: number, type?: number): Stored => (type === undefined ? [[], [value]] : [[], [value], type]);
const row = (values: readonly number[], type?: number): Stored => (type === undefined ? [[values.length], values] : [[values.length], values, type]);
const stored: Readonly<Record<string, Stored>> = {
  ...{ s: one(0.125), s2: one(0.25), z: one(3, UINT8), two: one(2), nil: one(0), unit: one(1) },
  ...{
    sv: row([0.125, 0.25, 0.5, 0.0625]),
    zv: row([3, 5, 128, 9], UINT8),
    zu: row([3, 5, 128, 8], UINT8),
    zt: row([3, 5, 8], UINT8),
    sr: row([0.125, 0.25, 0.5]),
  },
  ...{
    sb: [
      [3, 2],
      [0.5, 0.25, 2, 0.125, 1, 4],
    ],
    sc: [
      [3, 2],
      [0.5, 0.25, 2, 0.125, 1, 2],
    ],
    zb: [[3, 2], [1, 2, 3, 4, 5, 6], UINT8],
  },
  ...{ a: [[4, 3], numbers(12, (i) => ((i * 7) % 11) - 5), INT8], n: [[3, 2, 8], numbers(48, (i) => (i * 37) % 256), UINT8], order: row([1, 0], INT32) },
  ...{ s8: [[8], numbers(8, (i) => 0.125 * (1 + (i % 4)))], z8: row([3, 5, 128, 9, 2, 7, 11, 0], UINT8), z9: row([3, 5, 128, 9, 2, 7, 11, 1], UINT8) },
  ...{ zl: [[1, 3], [1, -2, 0], INT8], zm: [[1, 3], [1, 2, 0], INT8] },
  ...{ em: [[2, 4], numbers(8, (i) => 0.37 * i - 1)], n2: [[2, 4], numbers(8, (i) => 31 * i), UINT8] },
};
const inputs = { x: ['n', 3, 4], i: ['n'], l: [4], k: [3, 4], h: ['n', 32] } as const;

type Line = readonly [one: string, other: string, wrong: string | readonly string[], more?: Partial<Spelled>];
const LINES: readonly Line[] = [
  // points of which the first ones are equal
  [
    'QuantizeLinear(x, sv, zv) axis=2 -> q;DequantizeLinear(q, sv, zv) axis=2 -> y',
    'QuantizeLinear(x, sv, zv) axis=-1 -> q;DequantizeLinear(q, sv, zv) axis=-1 -> y',
    [
      'QuantizeLinear(x, sv, zv) axis=2 -> q;DequantizeLinear(q, sv, zu) axis=2 -> y',
      'QuantizeLinear(x, sv, zu) axis=2 -> q;DequantizeLinear(q, sv, zv) axis=2 -> y',
      'QuantizeLinear(x, sv, zu) axis=2 -> q;DequantizeLinear(q, sv, zu) axis=2 -> y',
      'QuantizeLinear(x, sv, zv) axis=2 -> q;DequantizeLinear(q, s, z) -> y',
      'QuantizeLinear(x, s, z) -> q;DequantizeLinear(q, sv, zv) axis=2 -> y',
    ],
  ],
  // of rows, and joined
  [
    'QuantizeLinear(x, sr, zt) axis=1 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, sr, zt) axis=1 -> y',
    'QuantizeLinear(x, sr, zt) axis=1 -> q;Identity(q) -> p;Concat(p, q) axis=2 -> c;DequantizeLinear(c, sr, zt) axis=-2 -> y',
    [
      'QuantizeLinear(x, sr, zt) axis=1 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, sr) axis=1 -> y',
      'QuantizeLinear(x, sr) axis=1 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, sr, zt) axis=1 -> y',
      'QuantizeLinear(x, sr, zt) axis=1 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, s, z) -> y',
    ],
  ],
  // points of what is joined, along the joined dimension
  [
    'QuantizeLinear(x, sv, zv) axis=2 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, s8, z8) axis=2 -> y',
    'QuantizeLinear(x, sv, zv) axis=2 -> q;Identity(q) -> p;Concat(q, p) axis=2 -> c;DequantizeLinear(c, s8, z8) axis=-1 -> y',
    [
      'QuantizeLinear(x, sv, zv) axis=2 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, s8, z9) axis=2 -> y',
      'QuantizeLinear(x, sv, zv) axis=2 -> q;Concat(q, q) axis=2 -> c;DequantizeLinear(c, s8) axis=2 -> y',
    ],
  ],
  // points of columns that are stored as a matrix, of numbers that are computed
  [
    'Transpose(k) -> t;Cast(t) to=3 -> w;DynamicQuantizeLinear(x) -> q ds dz;com.microsoft.MatMulIntegerToFloat(q, w, ds, sr, dz, zl) -> y',
    'Transpose(k) -> t;Cast(t) to=3 -> w;DynamicQuantizeLinear(x) -> q ds dz;Identity(q) -> p;com.microsoft.MatMulIntegerToFloat(p, w, ds, sr, dz, zl) -> y',
    [
      'Transpose(k) -> t;Cast(t) to=3 -> w;DynamicQuantizeLinear(x) -> q ds dz;com.microsoft.MatMulIntegerToFloat(q, w, ds, sr, dz, zm) -> y',
      'Transpose(k) -> t;Cast(t) to=3 -> w;DynamicQuantizeLinear(x) -> q ds dz;com.microsoft.MatMulIntegerToFloat(q, w, ds, s, dz, zl) -> y',
      'Transpose(k) -> t;Cast(t) to=3 -> w;DynamicQuantizeLinear(x) -> q ds dz;com.microsoft.MatMulIntegerToFloat(q, w, ds, sr, dz) -> y',
    ],
  ],
  // scales that are computed
  [
    'Abs(l) -> b;Add(b, unit) -> d;QuantizeLinear(x, d, zv) axis=2 -> q;Mul(d, two) -> e;DequantizeLinear(q, e, zv) axis=2 -> y',
    'Abs(l) -> b;Add(b, unit) -> d;QuantizeLinear(x, d, zv) axis=2 -> q;DequantizeLinear(q, d, zv) axis=2 -> e;Mul(e, two) -> y',
    [
      'Abs(l) -> b;Add(b, unit) -> d;QuantizeLinear(x, d, zv) axis=2 -> q;DequantizeLinear(q, d, zu) axis=2 -> e;Mul(e, two) -> y',
      'Abs(l) -> b;Add(b, unit) -> d;QuantizeLinear(x, sv, zv) axis=2 -> q;DequantizeLinear(q, d, zv) axis=2 -> e;Mul(e, two) -> y',
      'Abs(l) -> b;Add(b, unit) -> d;QuantizeLinear(x, d, zv) axis=2 -> q;DequantizeLinear(q, d, zv) axis=2 -> y',
    ],
  ],
  // the type is that of an attribute where no point has one
  [
    'QuantizeLinear(x, s) output_dtype=5 -> q;Cast(q) to=3 -> p;Cast(p) to=1 -> y',
    'QuantizeLinear(x, s) output_dtype=5 -> q;Identity(q) -> o;Cast(o) to=3 -> p;Cast(p) to=1 -> y',
    [
      'QuantizeLinear(x, s) output_dtype=5 -> q;Cast(q) to=1 -> y',
      'QuantizeLinear(x, s) output_dtype=3 -> q;Cast(q) to=1 -> y',
      'QuantizeLinear(x, s) -> q;Cast(q) to=1 -> y',
      'QuantizeLinear(x, s) -> q;Cast(q) to=3 -> p;Cast(p) to=1 -> y',
    ],
  ],
  [
    'QuantizeLinear(x, s) -> q;Cast(q) to=2 -> p;Cast(p) to=1 -> y',
    'QuantizeLinear(x, s) output_dtype=2 -> q;Cast(q) to=1 -> y',
    ['QuantizeLinear(x, s) output_dtype=4 -> q;Cast(q) to=1 -> y', 'QuantizeLinear(x, s) output_dtype=3 -> q;Cast(q) to=1 -> y'],
  ],
  // a cast to the type that it has moves nothing
  [
    'Gather(em, i) axis=0 -> o;Cast(o) to=1 -> p;QuantizeLinear(p, s, z) -> q;DequantizeLinear(q, s, z) -> y',
    'QuantizeLinear(em, s, z) -> q;DequantizeLinear(q, s, z) -> o;Gather(o, i) axis=0 -> y',
    ['Gather(em, i) axis=0 -> o;Cast(o) to=6 -> r;Cast(r) to=1 -> p;QuantizeLinear(p, s, z) -> q;DequantizeLinear(q, s, z) -> y'],
    { free: ['z'] },
  ],
  [
    'Gather(n2, i) axis=0 -> o;Cast(o) to=2 -> q;DequantizeLinear(q, s, z) -> y',
    'DequantizeLinear(n2, s, z) -> o;Gather(o, i) axis=0 -> y',
    ['Gather(n2, i) axis=0 -> o;Cast(o) to=3 -> r;Cast(r) to=2 -> q;DequantizeLinear(q, s2, z) -> y', 'Gather(n2, i) axis=0 -> q;DequantizeLinear(q, s) -> y'],
  ],
  // blocks are compared as they are
  [
    'QuantizeLinear(k, sb, zb) axis=1 block_size=2 -> q;DequantizeLinear(q, sb, zb) axis=1 block_size=2 -> y',
    'QuantizeLinear(k, sb, zb) axis=1 block_size=2 -> q;Identity(q) -> p;DequantizeLinear(p, sb, zb) axis=1 block_size=2 -> y',
    [
      'QuantizeLinear(k, sb, zb) axis=1 block_size=2 -> q;DequantizeLinear(q, sc, zb) axis=1 block_size=2 -> y',
      'QuantizeLinear(k, sc, zb) axis=1 block_size=2 -> q;DequantizeLinear(q, sb, zb) axis=1 block_size=2 -> y',
      'QuantizeLinear(k, sb, zb) axis=1 block_size=2 -> q;DequantizeLinear(q, sb) axis=1 block_size=2 -> y',
    ],
  ],
];

describe('rounded', () => {
  test.each(LINES.map(([own, other, wrong, more]) => [own, other, wrong, more ?? {}] as const))('%s', async (own, other, wrong, more) => {
    const { same, apart, wrong: others } = await judged({ inputs, stored, ...more, one: own, other, wrong });
    expect({ same, others }).toMatchSnapshot();
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-5);
    expect(Object.entries(others).flatMap(([what, [first]]) => (first === 'proved' ? [what] : []))).toEqual([]);
  });
});

/** A graph with the constants and inputs that it reads. */
function graph(lines: string): Typed {
  const read = new Set(lines.match(/\w+/g));
  const used = <T>(all: Readonly<Record<string, T>>): Readonly<Record<string, T>> => Object.fromEntries(Object.entries(all).filter(([name]) => read.has(name)));
  return { inputs: used<readonly (number | string)[]>(inputs), lines: lines.split(';'), stored: used(stored) };
}
const bits = (more: string, attributes = 'bits=4 block_size=16'): string => `com.microsoft.MatMulNBits(h, n, ${more}) K=32 N=3 ${attributes} -> y`;
/** What is compared as a whole: none of these is any other. */
const WHOLE: readonly (readonly string[])[] = [
  // scales that are computed, and groups in an order
  [
    `Abs(sb) -> t;Shape(h) -> g;Gather(g, [0]) -> m;Cast(m) to=1 -> f;Div(f, f) -> e;Mul(sb, e) -> t2;${bits('t2')}`,
    `Abs(sc) -> t;Shape(h) -> g;Gather(g, [0]) -> m;Cast(m) to=1 -> f;Div(f, f) -> e;Mul(sc, e) -> t2;${bits('t2')}`,
  ],
  [bits("sb, '', order"), bits('sb'), bits("sc, '', order")],
  // no number of 8-bit type: what float8 rounds to is not spelled out
  [
    'Cast(nil) to=17 -> w;QuantizeLinear(x, s, w) -> q;DequantizeLinear(q, s, w) -> y',
    'Cast(nil) to=17 -> w;QuantizeLinear(x, s2, w) -> q;DequantizeLinear(q, s2, w) -> y',
  ],
  // what an input is multiplied with, or added to, is not moved by it
  [
    'Mul(sv, x) -> o;QuantizeLinear(o, s, z) -> q;DequantizeLinear(q, s, z) -> y',
    'QuantizeLinear(sv, s, z) -> q;DequantizeLinear(q, s, z) -> o;Mul(o, x) -> y',
  ],
  [
    'Add(sv, x) -> o;QuantizeLinear(o, s, z) -> q;DequantizeLinear(q, s, z) -> y',
    'QuantizeLinear(sv, s, z) -> q;DequantizeLinear(q, s, z) -> o;Add(o, x) -> y',
  ],
  // a scale for each row, which no product with scales has
  [
    'DynamicQuantizeLinear(k) -> q d w;Reshape(l, [4,1]) -> r;Slice(r, [0], [3], [0]) -> e1;MatMulInteger(q, a, w) -> j;Cast(j) to=1 -> f;Mul(e1, s) -> c;Mul(f, c) -> y',
    'DynamicQuantizeLinear(k) -> q d w;Reshape(l, [4,1]) -> r;Slice(r, [0], [3], [0]) -> e1;com.microsoft.MatMulIntegerToFloat(q, a, e1, s, w) -> y',
    'DynamicQuantizeLinear(k) -> q d w;Reshape(l, [4,1]) -> r;Slice(r, [1], [4], [0]) -> e1;com.microsoft.MatMulIntegerToFloat(q, a, e1, s, w) -> y',
  ],
];
test.each(WHOLE)('%s is itself alone', (...all) => {
  const graphs = all.map(graph);
  expect(graphs.map((own) => graphs.map((other) => isProved(own, other)))).toEqual(graphs.map((own) => graphs.map((other) => own === other)));
  expect(allSaid()).toMatchSnapshot();
});
