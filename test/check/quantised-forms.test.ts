/** Quantised activations and products in their spellings: rounding is one function, and what is computed with its results is arithmetic. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { judged, type Spelled } from '../support/spelled.ts';
import { numbers, type Stored } from '../support/typed-graph.ts';

const { INT8, UINT8, INT16 } = DataType;
const one = (value: number, type?: number): Stored => (type === undefined ? [[], [value]] : [[], [value], type]);
const row = (values: readonly number[], type?: number): Stored => (type === undefined ? [[values.length], values] : [[values.length], values, type]);
const table = (rows: number, columns: number, type: number, shift = 0): Stored => [
  [rows, columns],
  numbers(rows * columns, (i) => ((i * 7) % 11) - 5 + shift),
  type,
];

const stored: Readonly<Record<string, Stored>> = {
  ...{ s: one(0.125), s2: one(0.25), z: one(7, UINT8), z2: one(9, UINT8), zi: one(-3, INT8), z0: one(0, UINT8), zi0: one(0, INT8), zw: one(5, INT16) },
  ...{
    a: table(4, 3, INT8),
    au: table(4, 3, UINT8, 6),
    a8: table(3, 4, UINT8, 6),
    za: one(2, INT8),
    zc: row([1, -2, 0], INT8),
    zl: [[1, 3], [1, -2, 0], INT8],
    zm: [[1, 3], [1, 2, 0], INT8],
    sa: one(0.5),
    sc: row([0.5, 0.25, 2]),
    bias: row([1, -2, 0.5]),
  },
  ...{
    sv: row([0.125, 0.25, 0.5, 0.0625]),
    zv: row([3, 5, 128, 9], UINT8),
    sr: row([0.125, 0.25, 0.5]),
    zr: row([4, 2, 120], UINT8),
    seven: one(7),
    two: one(2),
  },
  ...{ w: [[3, 4, 1], numbers(12, (i) => ((i * 5) % 9) - 4), INT8], e: [[2, 4], numbers(8, (i) => 0.37 * i - 1)] },
};
const inputs = { x: ['n', 3, 4], v: ['n', 3, 4], i: ['n'] } as const;

type Line = readonly [one: string, other: string, wrong: string | readonly string[], more?: Partial<Spelled>];
const qdq = (x: string, to: string, s = 's', z = 'z', more = ''): string =>
  `QuantizeLinear(${x}, ${s}, ${z})${more} -> ${to}q;DequantizeLinear(${to}q, ${s}, ${z})${more} -> ${to}`;

const ROUNDED: readonly Line[] = [
  [
    qdq('x', 'y'),
    `QuantizeLinear(x, s, z) -> q;Identity(q) -> p;DequantizeLinear(p, s, z) -> y`,
    [
      qdq('x', 'y', 's2'),
      qdq('x', 'y', 's', 'z2'),
      qdq('v', 'y'),
      qdq('x', 'y', 's', 'zi'),
      `QuantizeLinear(x, s, z) -> q;DequantizeLinear(q, s2, z) -> y`,
      `QuantizeLinear(x, s, z) -> q;DequantizeLinear(q, s, z2) -> y`,
      'QuantizeLinear(x, s, z) -> q;DequantizeLinear(q, s) -> y',
      'Identity(x) -> y',
    ],
  ],
  ['QuantizeLinear(x, s) -> q;DequantizeLinear(q, s) -> y', qdq('x', 'y', 's', 'z0'), [qdq('x', 'y', 's', 'zi0'), qdq('x', 'y')], { free: ['z0'] }],
  [
    qdq('x', 'y', 's', 'zi0'),
    `QuantizeLinear(x, s, zi0) -> q;DequantizeLinear(q, s) -> y`,
    ['QuantizeLinear(x, s) -> q;DequantizeLinear(q, s) -> y', qdq('x', 'y', 's', 'zi')],
    { free: ['zi0'] },
  ],
  [qdq('x', 'y', 's', 'zi'), `QuantizeLinear(x, s, zi) axis=0 -> q;DequantizeLinear(q, s, zi) axis=2 -> y`, [qdq('x', 'y', 's', 'zi0')]],
  [qdq('x', 'y', 's', 'zw'), `QuantizeLinear(x, s, zw) -> q;DequantizeLinear(q, s, zw) -> y`, [qdq('x', 'y', 's', 'zi'), qdq('x', 'y')]],
  [qdq('x', 'y', 'sv', 'zv', ' axis=2'), qdq('x', 'y', 'sv', 'zv', ' axis=-1'), qdq('x', 'y')],
  [qdq('x', 'y', 'sr', 'zr', ' axis=1'), qdq('x', 'y', 'sr', 'zr', ' axis=-2'), [qdq('x', 'y', 's', 'z')]],
  [qdq('x', 'y', 'sr', 'zr'), qdq('x', 'y', 'sr', 'zr', ' axis=1'), []],
  // what moves the numbers moves the steps
  [
    `QuantizeLinear(x, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;DequantizeLinear(p, s, z) -> y`,
    `${qdq('x', 'o')};Transpose(o) perm=[0,2,1] -> y`,
    [`${qdq('x', 'o', 's2')};Transpose(o) perm=[0,2,1] -> y`, `QuantizeLinear(x, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;DequantizeLinear(p, s, z2) -> y`],
  ],
  [
    `QuantizeLinear(x, s, z) -> q;Reshape(q, [-1,12]) -> p;DequantizeLinear(p, s, z) -> y`,
    `${qdq('x', 'o')};Reshape(o, [-1,12]) -> y`,
    `${qdq('v', 'o')};Reshape(o, [-1,12]) -> y`,
  ],
  [
    `QuantizeLinear(x, s, z) -> q;Slice(q, [1], [3], [2]) -> p;DequantizeLinear(p, s, z) -> y`,
    `${qdq('x', 'o')};Slice(o, [1], [3], [2]) -> y`,
    `${qdq('x', 'o')};Slice(o, [0], [2], [2]) -> y`,
  ],
  ...(
    [
      ['Flatten(IN) axis=2 -> OUT', 'Flatten(IN) axis=1 -> OUT'],
      ['Unsqueeze(IN, [1]) -> k0;Squeeze(k0, [1]) -> OUT', 'Unsqueeze(IN, [1]) -> OUT'],
      ['Unsqueeze(IN, [1]) -> OUT', 'Unsqueeze(IN, [2]) -> OUT'],
      ['Unsqueeze(IN, [1]) -> k0;Expand(k0, [1,2,1,1]) -> OUT', 'Unsqueeze(IN, [1]) -> k0;Expand(k0, [1,3,1,1]) -> OUT'],
      ['Gather(IN, [2,0]) axis=1 -> OUT', 'Gather(IN, [0,2]) axis=1 -> OUT'],
      ['Gather(IN, i) axis=0 -> OUT', 'Gather(IN, i) axis=1 -> OUT'],
      ['Identity(IN) -> k0;Transpose(k0) perm=[1,0,2] -> OUT', 'Transpose(IN) perm=[0,2,1] -> OUT'],
    ] as const
  ).map(([line, other]): Line => {
    const moved = (own: string, from: string, to: string): string => own.replace('IN', from).replace('OUT', to);
    return [
      `QuantizeLinear(x, s, z) -> q;${moved(line, 'q', 'p')};DequantizeLinear(p, s, z) -> y`,
      `${qdq('x', 'o')};${moved(line, 'o', 'y')}`,
      [`${qdq('x', 'o')};${moved(other, 'o', 'y')}`, `QuantizeLinear(x, s, z2) -> q;${moved(line, 'q', 'p')};DequantizeLinear(p, s, z) -> y`],
    ];
  }),
  [
    `QuantizeLinear(x, s, z) -> q;QuantizeLinear(v, s, z) -> p;Concat(q, p) axis=1 -> c;DequantizeLinear(c, s, z) -> y`,
    `${qdq('x', 'o')};${qdq('v', 'k')};Concat(o, k) axis=1 -> y`,
    [
      `${qdq('x', 'o')};${qdq('v', 'k', 's2')};Concat(o, k) axis=1 -> y`,
      `${qdq('v', 'o')};${qdq('x', 'k')};Concat(o, k) axis=1 -> y`,
      `QuantizeLinear(x, s, z) -> q;QuantizeLinear(v, s, z2) -> p;Concat(q, p) axis=1 -> c;DequantizeLinear(c, s, z) -> y`,
    ],
  ],
  // rounding what is rounded changes nothing
  [`${qdq('x', 'o')};${qdq('o', 'y')}`, qdq('x', 'y'), [`${qdq('x', 'o')};${qdq('o', 'y', 's2')}`, `${qdq('x', 'o')};${qdq('o', 'y', 's', 'z2')}`]],
  // a rounded table, looked up, is looked up and rounded
  [
    `Gather(e, i) axis=0 -> o;${qdq('o', 'y')}`,
    `${qdq('e', 'o')};Gather(o, i) axis=0 -> y`,
    [`Gather(e, i) axis=0 -> o;${qdq('o', 'y', 's2')}`, `Gather(e, i) axis=0 -> y`],
    { free: ['z'] },
  ],
  // stored numbers that an input moves
  ...(
    [
      ['Gather(IN, i) axis=0 -> OUT', []],
      ['Gather(IN, i) axis=1 -> OUT', []],
      ['Gather(IN, i) axis=0 -> k0;Transpose(k0) perm=[1,0] -> OUT', []],
      ['Gather(IN, i) axis=0 -> k0;Unsqueeze(k0, [1]) -> k1;Reshape(k1, [-1,4]) -> OUT', []],
      ['Gather(IN, i) axis=0 -> k0;Slice(k0, [1], [3], [1]) -> OUT', ['a8[0]', 'a8[11]']],
    ] as const
  ).map(([line, unread]): Line => {
    const moved = (from: string, to: string): string => line.replace('IN', from).replace('OUT', to);
    return [
      `${moved('a8', 'p')};DequantizeLinear(p, s, z) -> d;ReduceSum(d) keepdims=0 -> r;Add(x, r) -> y`,
      `DequantizeLinear(a8, s, z) -> b;${moved('b', 'd')};ReduceSum(d) keepdims=0 -> r;Add(x, r) -> y`,
      [
        `${moved('a8', 'p')};DequantizeLinear(p, s2, z) -> d;ReduceSum(d) keepdims=0 -> r;Add(x, r) -> y`,
        `${moved('a8', 'p')};DequantizeLinear(p, s, z2) -> d;ReduceSum(d) keepdims=0 -> r;Add(x, r) -> y`,
        `${moved('a8', 'p')};DequantizeLinear(p, s) -> d;ReduceSum(d) keepdims=0 -> r;Add(x, r) -> y`,
      ],
      { free: unread },
    ];
  }),
  // numbers on which something else is computed
  [
    `QuantizeLinear(x, s, z) -> q;Cast(q) to=1 -> f;Sub(f, seven) -> d;Mul(d, s) -> y`,
    `QuantizeLinear(x, s, z) -> q;Cast(q) to=1 -> f;Sub(seven, f) -> d;Neg(d) -> k;Mul(k, s) -> y`,
    [
      `QuantizeLinear(x, s, z2) -> q;Cast(q) to=1 -> f;Sub(f, seven) -> d;Mul(d, s) -> y`,
      `QuantizeLinear(x, s, z0) -> q;Cast(q) to=1 -> f;Sub(f, seven) -> d;Mul(d, s) -> y`,
    ],
  ],
];

const dynamic = 'DynamicQuantizeLinear(x) -> q ds dz';
const PRODUCTS: readonly Line[] = [
  [
    `${dynamic};DequantizeLinear(q, ds, dz) -> y`,
    `${dynamic};Identity(q) -> p;DequantizeLinear(p, ds, dz) -> y`,
    [
      'DynamicQuantizeLinear(v) -> q ds dz;DequantizeLinear(q, ds, dz) -> y',
      `${dynamic};DequantizeLinear(q, s, dz) -> y`,
      `${dynamic};DequantizeLinear(q, ds, z) -> y`,
    ],
  ],
  [
    `${dynamic};MatMulInteger(q, a, dz, za) -> j;Cast(j) to=1 -> f;Mul(ds, sa) -> k;Mul(f, k) -> y`,
    `${dynamic};Identity(q) -> p;MatMulInteger(p, a, dz, za) -> j;Cast(j) to=1 -> f;Mul(f, ds) -> k;Mul(k, sa) -> y`,
    [
      `${dynamic};MatMulInteger(q, a, dz) -> j;Cast(j) to=1 -> f;Mul(ds, sa) -> k;Mul(f, k) -> y`,
      `${dynamic};MatMulInteger(q, a, dz, zc) -> j;Cast(j) to=1 -> f;Mul(ds, sa) -> k;Mul(f, k) -> y`,
      `${dynamic};MatMulInteger(q, a, z, za) -> j;Cast(j) to=1 -> f;Mul(ds, sa) -> k;Mul(f, k) -> y`,
      `${dynamic};MatMulInteger(q, a, dz, za) -> j;Cast(j) to=1 -> f;Mul(f, ds) -> y`,
      `com.microsoft.DynamicQuantizeMatMul(v, a, sa, za) -> y`,
      `com.microsoft.DynamicQuantizeMatMul(x, a, sa, za, bias) -> y`,
    ],
  ],
  [
    `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sa, dz, za, bias) -> y`,
    'com.microsoft.DynamicQuantizeMatMul(x, a, sa, za, bias) -> y',
    [
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sa, dz, za) -> y`,
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sa, z, za, bias) -> y`,
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, s, sa, dz, za, bias) -> y`,
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sa, dz, '', bias) -> y`,
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, s, dz, za, bias) -> y`,
    ],
  ],
  [
    `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sc, dz, zc) -> y`,
    'com.microsoft.DynamicQuantizeMatMul(x, a, sc, zc) -> y',
    [
      `${dynamic};MatMulInteger(q, a, dz, za) -> j;Cast(j) to=1 -> f;Mul(f, ds) -> k;Mul(k, sc) -> y`,
      `${dynamic};com.microsoft.MatMulIntegerToFloat(q, a, ds, sa, dz, zc) -> y`,
    ],
  ],
  [
    `${dynamic};DequantizeLinear(q, ds, dz) -> k;DequantizeLinear(a, sa, za) -> A;MatMul(k, A) -> y`,
    `${dynamic};Identity(q) -> p;DequantizeLinear(a, sa, za) -> A;DequantizeLinear(p, ds, dz) -> k;MatMul(k, A) -> y`,
    [`${dynamic};DequantizeLinear(q, ds, dz) -> k;DequantizeLinear(a, s, za) -> A;MatMul(k, A) -> y`],
  ],
  [
    `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z, zc) -> j;Cast(j) to=1 -> y`,
    `QuantizeLinear(x, s, z) -> q;Identity(q) -> p;MatMulInteger(p, a, z, zc) -> j;Cast(j) to=1 -> y`,
    [
      `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z2, zc) -> j;Cast(j) to=1 -> y`,
      `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, '', zc) -> j;Cast(j) to=1 -> y`,
      `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z) -> j;Cast(j) to=1 -> y`,
      `QuantizeLinear(x, s2, z) -> q;MatMulInteger(q, a, z, zc) -> j;Cast(j) to=1 -> y`,
    ],
  ],
  [
    `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a) -> j;Cast(j) to=1 -> y`,
    `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z0, zi0) -> j;Cast(j) to=1 -> y`,
    [`QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z) -> j;Cast(j) to=1 -> y`],
  ],
  // zero points of columns, as a row
  [
    `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z, zc) -> j;Cast(j) to=1 -> y`,
    `QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z, zl) -> j;Cast(j) to=1 -> y`,
    [`QuantizeLinear(x, s, z) -> q;MatMulInteger(q, a, z, zm) -> j;Cast(j) to=1 -> y`],
  ],
  // numbers of an input, of which nothing is known
  [
    'Cast(v) to=2 -> q;MatMulInteger(q, a, z, za) -> j;Cast(j) to=1 -> y',
    'Cast(v) to=2 -> q;Identity(q) -> p;MatMulInteger(p, a, z, za) -> j;Cast(j) to=1 -> y',
    [
      'Cast(v) to=2 -> q;MatMulInteger(q, a, z2, za) -> j;Cast(j) to=1 -> y',
      'Cast(v) to=2 -> q;MatMulInteger(q, a, z0, za) -> j;Cast(j) to=1 -> y',
      'Cast(x) to=2 -> q;MatMulInteger(q, a, z, za) -> j;Cast(j) to=1 -> y',
    ],
  ],
  [
    'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;ConvInteger(p, w, z) -> j;Cast(j) to=1 -> y',
    'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;Identity(p) -> k;ConvInteger(k, w, z, zi0) -> j;Cast(j) to=1 -> y',
    [
      'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;ConvInteger(p, w, z2) -> j;Cast(j) to=1 -> y',
      'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;ConvInteger(p, w) -> j;Cast(j) to=1 -> y',
      'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;ConvInteger(p, w, z) pads=[1,0] -> j;Cast(j) to=1 -> y',
      'QuantizeLinear(v, s, z) -> q;Transpose(q) perm=[0,2,1] -> p;ConvInteger(p, w, z, zi) -> j;Cast(j) to=1 -> y',
    ],
    { free: ['zi0'] },
  ],
];

describe.each(Object.entries({ 'rounded activations': ROUNDED, 'integer products': PRODUCTS }))('%s', (_, lines) => {
  test.each(lines.map(([one, other, wrong, more]) => [one, other, wrong, more ?? {}] as const))('%s', async (one, other, wrong, more) => {
    const { same, apart, wrong: others } = await judged({ inputs, stored, ...more, one, other, wrong });
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-4);
    expect(Object.entries(others).flatMap(([what, [first]]) => (first === 'proved' ? [what] : []))).toEqual([]);
    expect({ same: same.map((own) => own.slice(1)), others }).toMatchSnapshot();
  });
});
