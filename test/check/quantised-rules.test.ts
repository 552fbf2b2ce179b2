/** Quantised numbers in small graphs: what they stand for is computed, and every number, scale and zero point counts. */
import { afterEach, describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numberChanges, numbers, type Stored, type Typed } from '../support/typed-graph.ts';

afterEach(() => expect(allSaid()).toMatchSnapshot());

const { FLOAT, FLOAT16, INT4, UINT4, INT8, UINT8, INT16, UINT16 } = DataType;

/** What is said of a graph with one number changed, where it is proved all the same. */
const unseen = (old: Typed, now: Typed, except: readonly string[] = []): readonly string[] =>
  numberChanges(now, except).flatMap(([what, changed]) => (verdict(old, changed) === 'proved' ? [what] : []));

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Which scale belongs to an element: that of its index, or of its block, along an axis; one of all for null. */
function parameter(dims: readonly number[], at: number, axis: number | null, block: number): number {
  if (axis === null) return 0;
  const inner = count(dims.slice(axis + 1));
  const size = dims[axis] ?? 1;
  const index = Math.floor(at / inner) % size;
  if (block === 0) return index;
  const outer = Math.floor(at / (inner * size));
  return (outer * Math.ceil(size / block) + Math.floor(index / block)) * inner + (at % inner);
}

function parameterDims(dims: readonly number[], axis: number | null, block: number): readonly number[] {
  if (axis === null) return [];
  return block === 0 ? [dims[axis] ?? 1] : dims.map((size, d) => (d === axis ? Math.ceil(size / block) : size));
}

type Layout = readonly [type: number, low: number, high: number, dims: readonly number[], axis: number | null, block: number, hasPoint: boolean];
const LAYOUTS: readonly Layout[] = [
  [INT8, -128, 127, [2, 3, 2], null, 0, false],
  [INT8, -128, 127, [2, 3, 2], null, 0, true],
  [UINT8, 0, 255, [2, 3, 2], null, 0, true],
  [INT8, -128, 127, [2, 3, 2], 0, 0, true],
  [UINT8, 0, 255, [2, 3, 2], 1, 0, true],
  [INT8, -128, 127, [2, 3, 2], 1, 0, false],
  [INT8, -128, 127, [2, 3, 2], 2, 0, true],
  [UINT8, 0, 255, [2, 3, 2], 2, 0, false],
  [INT16, -32768, 32767, [2, 3], 1, 0, true],
  [UINT16, 0, 65535, [2, 3], 0, 0, true],
  [INT4, -8, 7, [3, 4], 1, 2, true],
  [UINT4, 0, 15, [3, 4], 1, 2, true],
  [UINT4, 0, 15, [4, 3], 0, 2, true],
  [INT4, -8, 7, [4, 3], 0, 2, false],
  [INT8, -128, 127, [2, 4, 3], 1, 2, true],
  [UINT8, 0, 255, [2, 2, 4], 2, 4, true],
];
const named = (layouts: readonly Layout[]): readonly (readonly [string, Layout])[] =>
  layouts.map((own) => [`${own[1]}…${own[2]} [${own[3]}] axis ${own[4]} block ${own[5]}${own[6] ? ' with points' : ''}`, own]);

const SCALES = [0.5, 0.25, 2, 0.125, 1, 4, 0.75, 1.5, 3, 0.375, 6, 0.0625] as const;
const attributesOf = (axis: number | null, block: number): string => `${axis === null ? '' : ` axis=${axis}`}${block === 0 ? '' : ` block_size=${block}`}`;

/** Scales of a layout, and zero points within its range. */
function parametersOf([type, low, high, dims, axis, block, hasPoint]: Layout): {
  readonly stored: Record<string, Stored>;
  readonly s: readonly number[];
  readonly z: readonly number[];
} {
  const own = parameterDims(dims, axis, block);
  const s = Array.from({ length: count(own) }, (_, i) => (SCALES[i % SCALES.length] ?? 1) * (i < SCALES.length ? 1 : 1.25));
  const z = s.map((_, i) => (hasPoint ? Math.min(high, Math.max(low, ((i * 3) % 5) + 1)) : 0));
  return { stored: { s: [own, s], ...(hasPoint && { z: [own, z, type] }) }, s, z };
}

describe('stored numbers on scales are the real numbers', () => {
  test.each(named(LAYOUTS))('of %s', (_, layout) => {
    const [type, low, high, dims, axis, block, hasPoint] = layout;
    const { stored, s, z } = parametersOf(layout);
    const q = numbers(count(dims), (i) => (i === 0 ? low : i === 1 ? high : low + ((i * 37 + 5) % (high - low + 1))));
    const real = q.map((x, i) => (x - (z[parameter(dims, i, axis, block)] ?? 0)) * (s[parameter(dims, i, axis, block)] ?? 1));
    const now: Typed = {
      lines: [`DequantizeLinear(q, s${hasPoint ? ', z' : ''})${attributesOf(axis, block)} -> c`, 'Add(x, c) -> y'],
      stored: { q: [dims, q, type], ...stored },
    };
    const old: Typed = { lines: ['Add(x, c) -> y'], stored: { c: [dims, real] } };
    expect([verdict(old, now), verdict(now, old), verdict(now, now)]).toEqual(['proved', 'proved', 'proved']);
    expect(unseen(old, now)).toEqual([]);
    expect(unseen(now, old)).toEqual([]);
    expect(unseen(now, now)).toEqual([]);
  });

  test('beyond the numbers of a type they are infinite', () => {
    const large = (q: number): Typed => ({
      lines: ['DequantizeLinear(q, s) -> c', `Cast(x) to=${FLOAT16} -> v`, 'Add(v, c) -> y'],
      stored: { q: [[2], [q, 1], INT8], s: [[], [1024], FLOAT16] },
    });
    const of = (x: number): Typed => ({ lines: [`Cast(x) to=${FLOAT16} -> v`, 'Add(v, c) -> y'], stored: { c: [[2], [x, 1024], FLOAT16] } });
    expect(verdict(of(63 * 1024), large(63))).toBe('proved');
    expect(verdict(of(65504), large(64))).not.toBe('proved');
  });
});

describe('stored numbers are rounded to quanta', () => {
  const ROUNDED = LAYOUTS.filter(([, , , , , block]) => block === 0);
  test.each(named(ROUNDED))('of %s', (_, layout) => {
    const [type, low, high, dims, axis, , hasPoint] = layout;
    const { stored, s, z } = parametersOf([type, low, high, dims, axis, 0, true]);
    // halves go to even, and what is beyond the range to its ends
    const steps = [-0.5, 0.5, 1.5, 2.5, -1.5, 3, -1e6, 1e6, 0.25, 7.75, -2, 4.5];
    const even = [0, 0, 2, 2, -2, 3, -1e6, 1e6, 0, 8, -2, 4];
    const at = (i: number): number => parameter(dims, i, axis, 0);
    const x = numbers(count(dims), (i) => (steps[i] ?? 0) * (s[at(i)] ?? 1));
    const q = numbers(count(dims), (i) => Math.min(high, Math.max(low, (even[i] ?? 0) + (z[at(i)] ?? 0))));
    const now: Typed = {
      lines: [`QuantizeLinear(c, s, z)${attributesOf(axis, 0)} -> q`, `Cast(q) to=${FLOAT} -> d`, 'Add(x, d) -> y'],
      stored: { c: [dims, x], ...stored },
    };
    const old: Typed = { lines: [`Cast(q) to=${FLOAT} -> d`, 'Add(x, d) -> y'], stored: { q: [dims, q, type] } };
    expect([hasPoint, verdict(now, now)]).toEqual([hasPoint, 'proved']);
    expect([verdict(old, now), verdict(now, old)]).toEqual(['proved', 'proved']);
    expect(unseen(now, old)).toEqual([]);
  });
});

/** Two layers whose inner width grew from 6 to 8; new columns have numbers of their own, new rows are zeros. */
const OLD = 6;
const columns = (size: number): Float64Array => numbers(4 * size, (i) => (i % size < OLD ? (((Math.floor(i / size) * OLD + (i % size)) * 29) % 61) - 30 : 9));
const rows = (size: number, none: number): Float64Array => numbers(size * 4, (i) => (i < OLD * 4 ? ((i * 17 + 3) % 53) - 26 + none : none));
const along = (size: number, of: (i: number) => number): Stored => [[size], numbers(size, of)];

type Layers = (size: number) => Typed;
const RELU = ['Relu(h) -> r'];
const inputs = { x: ['n', 4] };
const weightsOf = (
  size: number,
  first: readonly string[],
  second: readonly string[],
  stored: Readonly<Record<string, Stored>>,
  more: Partial<Typed> = {},
): Typed => ({
  inputs,
  lines: [...first, ...RELU, ...second],
  stored: { a: [[4, size], columns(size), INT8], b: [[size, 4], rows(size, 0), INT8], ...stored },
  ...more,
});

/** Numbers of a row of the second layer stand for zero with the point 128. */
const shiftedRows = (size: number): Stored => [[size, 4], rows(size, 0).map((x) => x + 128), UINT8];
const one = (value: number, type: number = FLOAT): Stored => [[], [value], type];
const dynamic = (lines: readonly string[], a: string, from: string, to: string): readonly string[] => [
  `DynamicQuantizeLinear(${from}) -> ${to}q ${to}s ${to}z`,
  `MatMulInteger(${to}q, ${a}, ${to}z${lines.length > 0 ? `, ${lines[0]}` : ''}) -> ${to}i`,
  `Cast(${to}i) to=${FLOAT} -> ${to}f`,
  `Mul(${to}s, scale${a}) -> ${to}w`,
  `Mul(${to}f, ${to}w) -> ${to}`,
];
const within: Readonly<Record<string, Stored>> = { scalea: one(0.01), scaleb: one(0.02) };

const GROWN: readonly (readonly [string, Layers, readonly string[]])[] = [
  [
    'one scale of all',
    (size) =>
      weightsOf(size, ['DequantizeLinear(a, s) -> A', 'MatMul(x, A) -> h'], ['DequantizeLinear(b, t, z) -> B', 'MatMul(r, B) -> y'], {
        b: shiftedRows(size),
        s: one(0.5),
        t: one(0.25),
        z: one(128, UINT8),
      }),
    ['a'],
  ],
  [
    'a scale of each inner element, along the last dimension and the first',
    (size) =>
      weightsOf(size, ['DequantizeLinear(a, s, z) axis=1 -> A', 'MatMul(x, A) -> h'], ['DequantizeLinear(b, t) axis=0 -> B', 'MatMul(r, B) -> y'], {
        s: along(size, (i) => 0.5 + i / 8),
        z: [[size], numbers(size, (i) => i - 3), INT8],
        t: along(size, (i) => 0.25 + i / 16),
      }),
    ['a', 's', 'z', 't'],
  ],
  [
    'a scale of each outer element',
    (size) =>
      weightsOf(size, ['DequantizeLinear(a, s) axis=-2 -> A', 'MatMul(x, A) -> h'], ['DequantizeLinear(b, t) axis=-1 -> B', 'MatMul(r, B) -> y'], {
        s: along(4, (i) => 0.5 + i / 8),
        t: along(4, (i) => 0.25 + i / 16),
      }),
    ['a'],
  ],
  [
    'activations in quanta of one scale',
    (size) =>
      weightsOf(
        size,
        ['QuantizeLinear(x, u, v) -> xq', 'DequantizeLinear(xq, u, v) -> xd', 'DequantizeLinear(a, s) -> A', 'MatMul(xd, A) -> h'],
        ['QuantizeLinear(r, w, o) -> rq', 'DequantizeLinear(rq, w, o) -> rd', 'DequantizeLinear(b, t) -> B', 'MatMul(rd, B) -> y'],
        { s: one(0.5), t: one(0.25), u: one(0.1), v: one(7, UINT8), w: one(0.2), o: one(-5, INT8) },
      ),
    ['a'],
  ],
  [
    'integer products on the scales of activations',
    (size) =>
      weightsOf(size, dynamic(['za'], 'a', 'x', 'h'), dynamic(['zb'], 'b', 'r', 'y'), {
        ...within,
        a: [[4, size], numbers(4 * size, (i) => (i % size < OLD ? (i % size) + 4 : 2)), INT8],
        b: shiftedRows(size),
        za: one(2, INT8),
        zb: one(128, UINT8),
      }),
    // what meets zeros counts for nothing
    ['a', 'b[31]'],
  ],
  [
    'integer products without zero points',
    (size) =>
      weightsOf(size, dynamic([], 'a', 'x', 'h'), dynamic([], 'b', 'r', 'y'), {
        ...within,
        a: [[4, size], numbers(4 * size, (i) => (i % size < OLD ? (i % size) + 4 : 0)), INT8],
      }),
    ['a', 'b[31]'],
  ],
  [
    'products of one operator, with a bias',
    (size) =>
      weightsOf(
        size,
        ['com.microsoft.DynamicQuantizeMatMul(x, a, scalea, za, bias) -> h'],
        ['DynamicQuantizeLinear(r) -> rq rs rz', "com.microsoft.MatMulIntegerToFloat(rq, b, rs, scaleb, rz, '', last) -> y"],
        {
          ...within,
          a: [[4, size], numbers(4 * size, (i) => (i % size < OLD ? (i % size) + 4 : 2)), INT8],
          za: one(2, INT8),
          bias: along(size, (i) => (i < OLD ? i / 4 : 0)),
          last: along(4, (i) => i / 2),
        },
      ),
    ['a', 'bias', 'b[31]'],
  ],
];

describe('inner elements that are new', () => {
  test.each(GROWN)('%s', (_, layers, free) => {
    const [old, now] = [layers(OLD), layers(OLD + 2)];
    expect([verdict(old, old), verdict(old, now)]).toEqual(['proved', 'proved']);
    expect(unseen(old, now, free)).toEqual([]);
    expect(unseen(old, old)).toEqual([]);
  });
});

/** Weights [N, K] of few bits in blocks of 16; new rows, and new blocks of zeros. */
const K = 32;
interface Bits {
  readonly bits: number;
  readonly point: boolean;
  readonly bias?: boolean;
  readonly accuracy?: number;
  readonly change?: (quantum: number, row: number, k: number) => number;
}
function nBits(size: number, { bits, point, bias = false, accuracy = 0, change = (q) => q }: Bits): Typed {
  const middle = 2 ** (bits - 1);
  const zero = point ? middle + 1 : middle;
  const quantum = (row: number, k: number): number => change(k < K ? (row * 7 + k * 5) % (2 * middle) : zero, row, k);
  const bytes = (N: number, width: number): Stored => {
    const each = 8 / bits;
    const at = (i: number): number => quantum(Math.floor(i / width), i % width);
    return [
      [N, width / 16, 2 * bits],
      numbers((N * width) / each, (i) => Array.from({ length: each }, (_, e) => at(i * each + e) * 2 ** (e * bits)).reduce((a, b) => a + b)),
      UINT8,
    ];
  };
  const blocks = size / 16;
  const pointBytes = Math.ceil((blocks * bits) / 8);
  const points = numbers(3 * pointBytes, () => (bits === 8 ? zero : zero * 17));
  return {
    inputs: { x: ['n', 4] },
    lines: [
      'MatMul(x, first) -> h',
      'Relu(h) -> r',
      `com.microsoft.MatMulNBits(r, q, s${point ? ', z' : bias ? ", ''" : ''}${bias ? ", '', bias" : ''}) K=${size} N=3 bits=${bits} block_size=16${accuracy === 0 ? '' : ` accuracy_level=${accuracy}`} -> y`,
    ],
    stored: {
      first: [[4, size], numbers(4 * size, (i) => (i % size < K ? ((Math.floor(i / size) * K + (i % size)) % 23) / 8 : 0.5))],
      q: bytes(3, size),
      s: [[3, blocks], numbers(3 * blocks, (i) => (i % blocks < 2 ? 0.25 + (Math.floor(i / blocks) * 2 + (i % blocks)) / 16 : 0.5))],
      ...(point && { z: [[3, pointBytes], points, UINT8] as const }),
      ...(bias && { bias: [[3], [1, 2, 3]] as const }),
    },
  };
}

describe('weights of a few bits in blocks', () => {
  const KINDS: readonly Bits[] = [
    { bits: 4, point: false },
    { bits: 4, point: true },
    { bits: 8, point: false },
    { bits: 8, point: true },
    { bits: 4, point: false, bias: true },
    { bits: 4, point: true, bias: true, accuracy: 4 },
  ];
  test.each(KINDS)('%o', (kind) => {
    const [old, now] = [nBits(K, kind), nBits(64, kind)];
    expect([verdict(old, old), verdict(old, now)]).toEqual(['proved', 'proved']);
    expect(unseen(old, old)).toEqual([]);
    // a new block is zero on any scale, but for another point
    expect(unseen(old, now, ['first', 's'])).toEqual([]);
    for (const [row, k] of [
      [0, 0],
      [2, 31],
      [1, 32],
      [2, 63],
    ]) {
      const change = (q: number, r: number, at: number): number => (r === row && at === k ? (q > 0 ? q - 1 : 1) : q);
      expect(verdict(old, nBits(64, { ...kind, change }))).not.toBe('proved');
    }
    expect(verdict(old, nBits(K, { ...kind, point: !kind.point }))).not.toBe('proved');
    expect(verdict(old, nBits(K, { ...kind, bias: kind.bias !== true }))).not.toBe('proved');
    expect(verdict(old, nBits(K, { ...kind, accuracy: kind.accuracy === 4 ? 0 : 4 }))).not.toBe('proved');
  });

  test('a table of 4-bit numbers', () => {
    const table = (size: number): Typed => ({
      inputs: { i: ['n'] },
      lines: ['com.microsoft.GatherBlockQuantized(q, i, s, z) bits=4 block_size=16 gather_axis=0 quantize_axis=1 -> e', 'MatMul(e, b) -> y'],
      stored: {
        q: [[5, size], numbers(5 * size, (i) => (i % size < K ? (Math.floor(i / size) * 7 + (i % size)) % 16 : 5)), UINT4],
        s: [[5, size / 16], numbers((5 * size) / 16, (i) => (i % (size / 16) < 2 ? 0.5 + (i % (size / 16)) / 4 : 1))],
        z: [[5, size / 16], numbers((5 * size) / 16, () => 5), UINT4],
        b: [[size, 2], numbers(size * 2, (i) => (i < K * 2 ? i / 8 : 0))],
      },
    });
    expect([verdict(table(K), table(K)), verdict(table(K), table(48))]).toEqual(['proved', 'proved']);
    expect(unseen(table(K), table(K))).toEqual([]);
    expect(unseen(table(K), table(48), ['q', 's', 'z', 'b[95]'])).toEqual([]);
  });
});

test('an integer product is no other one', () => {
  const product = (op: string, more: readonly string[] = []): Typed => ({
    inputs,
    lines: [...more, `QuantizeLinear(${more.length > 0 ? 'v' : 'x'}, s, z) -> q`, `${op} -> i`, `Cast(i) to=${FLOAT} -> y`],
    stored: { s: one(0.5), z: one(3, UINT8), b: [[4, 3], numbers(12, (i) => i - 5), INT8], zb: [[3], [1, -2, 0], INT8], r: [[3], [1, 1, 1], INT8] },
  });
  const known = product('MatMulInteger(q, b, z, zb)');
  expect(verdict(known, known)).toBe('proved');
  for (const other of ['MatMulInteger(q, b, z)', "MatMulInteger(q, b, '', zb)", 'MatMulInteger(q, b)', 'MatMulInteger(q, b, z, r)'])
    expect([other, verdict(known, product(other))]).not.toEqual([other, 'proved']);
  expect(verdict(known, product('MatMulInteger(q, b, z, zb)', ['Neg(x) -> v']))).not.toBe('proved');
});
