/** Constants that are computed from others, in every type: equal ones are proved, and no others. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numberChanges, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT8, UINT8, INT16, UINT16, INT32, UINT32, INT64, UINT64, BOOL } = DataType;

/** x of a type meets a constant. */
const meets = (type: number, lines: readonly string[], stored: Readonly<Record<string, Stored>>): Typed => {
  const last = type === BOOL ? 'Where(c, x, one) -> y' : 'Add(v, c) -> y';
  const one: Readonly<Record<string, Stored>> = type === BOOL ? { one: [[], [1]] } : {};
  return { lines: [...lines, ...(type === BOOL ? [] : [`Cast(x) to=${type} -> v`]), last], stored: { ...stored, ...one } };
};

/** An operator of constants a, b, d, and the numbers that it makes of them. */
type Folded = readonly [line: string, operands: readonly Stored[], result: Stored];
const row = (...values: readonly number[]): Stored => [[values.length], values];
const typedRow =
  (type: number) =>
  (...values: readonly number[]): Stored => [[values.length], values, type];
const [bools, ints, halves, doubles, bfloats] = [BOOL, INT32, FLOAT16, DOUBLE, BFLOAT16].map(typedRow) as [
  typeof row,
  typeof row,
  typeof row,
  typeof row,
  typeof row,
];

const FOLDED: readonly Folded[] = [
  ['Add(a, b) -> c', [row(1.5, 2, -3), row(0.25, 1, 2)], row(1.75, 3, -1)],
  ['Add(a, b) -> c', [row(1.5, 2, -3), row(0.25)], row(1.75, 2.25, -2.75)],
  ['Add(a, b) -> c', [row(0.25), row(1.5, 2, -3)], row(1.75, 2.25, -2.75)],
  ['Sub(a, b) -> c', [row(1.5, 2, -3), row(0.25, 1, 2)], row(1.25, 1, -5)],
  ['Mul(a, b) -> c', [row(1.5, 2, -3), row(0.25, 1, 2)], row(0.375, 2, -6)],
  ['Div(a, b) -> c', [row(1.5, 2, -3), row(0.25, 1, 2)], row(6, 2, -1.5)],
  ['Pow(a, b) -> c', [row(2, 3, 0.25), row(3, 2, 0.5)], row(8, 9, 0.5)],
  ['Neg(a) -> c', [row(1.5, -2, 3)], row(-1.5, 2, -3)],
  ['Abs(a) -> c', [row(1.5, -2, -3)], row(1.5, 2, 3)],
  ['Sqrt(a) -> c', [row(4, 9, 2.25)], row(2, 3, 1.5)],
  ['Reciprocal(a) -> c', [row(4, -0.5, 8)], row(0.25, -2, 0.125)],
  ['Exp(a) -> c', [row(0, 1, -1)], row(1, Math.E, 1 / Math.E)],
  ['Log(a) -> c', [row(1, 2, 10)], row(0, Math.LN2, Math.LN10)],
  ['Sin(a) -> c', [row(0, 0.5, 1)], row(0, 0.479425538604203, 0.8414709848078965)],
  ['Cos(a) -> c', [row(0, 0.5, 1)], row(1, 0.8775825618903728, 0.5403023058681398)],
  ['Floor(a) -> c', [row(1.5, -1.5, 3)], row(1, -2, 3)],
  ['Ceil(a) -> c', [row(1.5, -1.5, 3)], row(2, -1, 3)],
  ['Min(a, b, d) -> c', [row(1, 5, 3), row(2, 4, 9), row(7, 6, 2)], row(1, 4, 2)],
  ['Max(a, b, d) -> c', [row(1, 5, 3), row(2, 4, 2), row(0, 6, 1)], row(2, 6, 3)],
  ['Clip(a, b, d) -> c', [row(-2, 0.5, 3), [[], [-1]], [[], [2]]], row(-1, 0.5, 2)],
  ["Clip(a, '', b) -> c", [row(-2, 0.5, 3), [[], [2]]], row(-2, 0.5, 2)],
  ['Clip(a, b) -> c', [row(-2, 0.5, 3), [[], [-1]]], row(-1, 0.5, 3)],
  ['Not(a) -> c', [bools(1, 0, 1)], bools(0, 1, 0)],
  ['Equal(a, b) -> c', [row(1, 2, 3), row(2, 2, 2)], bools(0, 1, 0)],
  ['Less(a, b) -> c', [row(1, 2, 3), row(2, 2, 2)], bools(1, 0, 0)],
  ['Greater(a, b) -> c', [row(1, 2, 3), row(2, 2, 2)], bools(0, 0, 1)],
  ['LessOrEqual(a, b) -> c', [row(1, 2, 3), row(2, 2, 2)], bools(1, 1, 0)],
  ['GreaterOrEqual(a, b) -> c', [row(1, 2, 3), row(2, 2, 2)], bools(0, 1, 1)],
  ['Where(a, b, d) -> c', [bools(1, 0, 1), row(1, 2, 3), row(4, 5, 6)], row(1, 5, 3)],
  ['Div(a, b) -> c', [ints(7, -7, 8), ints(2, 2, 4)], ints(3, -3, 2)],
  [`Cast(a) to=${INT32} -> c`, [row(1.75, -1.75, 3)], ints(1, -1, 3)],
  [`Cast(a) to=${BOOL} -> c`, [row(0.5, 0, -2)], bools(1, 0, 1)],
  [`Cast(a) to=${FLOAT} -> c`, [bools(1, 0, 1)], row(1, 0, 1)],
  [`Cast(a) to=${FLOAT16} -> c`, [row(2049, 0.1, -3)], halves(2048, 0.0999755859375, -3)],
  [`Cast(a) to=${FLOAT} -> c`, [doubles(0.1, 2 ** 24 + 1, -3)], row(0.10000000149011612, 2 ** 24, -3)],
  ['Add(a, b) -> c', [halves(2048, 1024, -3), halves(1, 1, 0.5)], halves(2048, 1025, -2.5)],
  ['Mul(a, b) -> c', [halves(0.0999755859375, 3, 30), halves(3, 0.5, 30)], halves(0.2998046875, 1.5, 900)],
  ['Add(a, b) -> c', [bfloats(256, 128, -3), bfloats(1, 1, 0.5)], bfloats(256, 129, -2.5)],
  ['Add(a, b) -> c', [row(2 ** 24, 2, 3), row(1, 0.5, 1)], row(2 ** 24, 2.5, 4)],
  ['Add(a, b) -> c', [doubles(0.1, 2 ** 24, 3), doubles(0.2, 1, 1)], doubles(0.30000000000000004, 2 ** 24 + 1, 4)],
  // shapes
  [
    'Add(a, b) -> c',
    [
      [
        [2, 1],
        [1, 2],
      ],
      [
        [1, 3],
        [10, 20, 30],
      ],
    ],
    [
      [2, 3],
      [11, 21, 31, 12, 22, 32],
    ],
  ],
  [
    'Sub(a, b) -> c',
    [
      row(1, 2, 3),
      [
        [2, 1],
        [10, 20],
      ],
    ],
    [
      [2, 3],
      [-9, -8, -7, -19, -18, -17],
    ],
  ],
  [
    'Mul(a, b) -> c',
    [
      [
        [2, 2, 1],
        [1, 2, 3, 4],
      ],
      [
        [2, 1, 2],
        [1, 10, 100, 1000],
      ],
    ],
    [
      [2, 2, 2],
      [1, 10, 2, 20, 300, 3000, 400, 4000],
    ],
  ],
  ['Concat(a, b, d) axis=0 -> c', [row(1, 2), row(3), row(4, 5)], row(1, 2, 3, 4, 5)],
  [
    'Concat(a, b) axis=1 -> c',
    [
      [
        [2, 1],
        [1, 2],
      ],
      [
        [2, 2],
        [3, 4, 5, 6],
      ],
    ],
    [
      [2, 3],
      [1, 3, 4, 2, 5, 6],
    ],
  ],
  [
    'Concat(a, b) axis=-1 -> c',
    [
      [
        [2, 2],
        [3, 4, 5, 6],
      ],
      [
        [2, 1],
        [1, 2],
      ],
    ],
    [
      [2, 3],
      [3, 4, 1, 5, 6, 2],
    ],
  ],
  [
    'Concat(a, b) axis=-2 -> c',
    [
      [
        [1, 2],
        [3, 4],
      ],
      [
        [2, 2],
        [1, 2, 5, 6],
      ],
    ],
    [
      [3, 2],
      [3, 4, 1, 2, 5, 6],
    ],
  ],
  [
    'MatMul(a, b) -> c',
    [
      [
        [2, 3],
        [1, 2, 3, 4, 5, 6],
      ],
      [
        [3, 2],
        [1, -1, 2, 0.5, 3, 4],
      ],
    ],
    [
      [2, 2],
      [14, 12, 32, 22.5],
    ],
  ],
  [
    'MatMul(a, b) -> c',
    [
      [
        [2, 1, 2],
        [1, 2, 3, 4],
      ],
      [
        [2, 2],
        [1, 10, 100, 1000],
      ],
    ],
    [
      [2, 1, 2],
      [201, 2010, 403, 4030],
    ],
  ],
  [
    'MatMul(a, b) -> c',
    [
      [
        [1, 2],
        [1, 2],
      ],
      [
        [2, 2, 2],
        [1, 2, 3, 4, 5, 6, 7, 8],
      ],
    ],
    [
      [2, 1, 2],
      [7, 10, 19, 22],
    ],
  ],
  ['Gather(a, i) -> c', [row(1, 2, 3, 4)], row(4, 2, 3)],
  [
    'Gather(a, i) axis=1 -> c',
    [
      [
        [2, 4],
        [1, 2, 3, 4, 5, 6, 7, 8],
      ],
    ],
    [
      [2, 3],
      [4, 2, 3, 8, 6, 7],
    ],
  ],
  [
    'Gather(a, i) axis=-2 -> c',
    [
      [
        [4, 2],
        [1, 2, 3, 4, 5, 6, 7, 8],
      ],
    ],
    [
      [3, 2],
      [7, 8, 3, 4, 5, 6],
    ],
  ],
];
const INDICES: Stored = [[3], [-1, 1, 2], INT64];

describe('a constant that is computed', () => {
  test.each(FOLDED.map(([line, operands, result]) => [`${line} of ${operands.map(([, own]) => `[${own}]`)}`, line, operands, result] as const))(
    '%s',
    (_, line, operands, result) => {
      const type = result[2] ?? FLOAT;
      const given = Object.fromEntries(['a', 'b', 'd'].flatMap((name, i) => (operands[i] === undefined ? [] : [[name, operands[i]] as const])));
      const now = meets(type, [line], line.startsWith('Gather') ? { ...given, i: INDICES } : given);
      const old = meets(type, [], { c: result });
      expect({ stored: verdict(old, now), computed: verdict(now, old), itself: verdict(now, now) }).toEqual({
        stored: 'proved',
        computed: 'proved',
        itself: 'proved',
      });
      const wrong = numberChanges(old, ['one']).map(([what, other]) => [what, verdict(other, now)]);
      expect(wrong.filter(([, said]) => said === 'proved')).toEqual([]);
      expect(wrong.length).toBeGreaterThanOrEqual(3);
      expect(allSaid()).toMatchSnapshot();
    },
  );

  test('an index outside a table is no element of it', () => {
    const table: Stored = row(1, 2, 3);
    const looked = (index: number): Typed => meets(FLOAT, ['Gather(a, i) -> c'], { a: table, i: [[2], [0, index], INT64] });
    const of = (value: number): Typed => meets(FLOAT, [], { c: row(1, value) });
    expect([verdict(of(3), looked(2)), verdict(of(1), looked(-3))]).toEqual(['proved', 'proved']);
    for (const value of [0, 1, 2, 3]) expect([verdict(of(value), looked(3)), verdict(of(value), looked(-4))]).not.toContain('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('1 + w, where w or 1 is another', () => {
    const gain = (one: number, w: readonly number[]): Typed => ({ lines: ['Add(w, one) -> c', 'Mul(x, c) -> y'], stored: { one: row(one), w: row(...w) } });
    expect(verdict(gain(1, [1, 2, 4]), gain(1, [1, 2, 4]))).toBe('proved');
    expect(verdict(gain(1, [1, 2, 4]), gain(2, [0, 1, 3]))).toBe('proved');
    expect(verdict(gain(1, [1, 2, 4]), gain(2, [1, 2, 4]))).not.toBe('proved');
    expect(verdict(gain(1, [1, 2, 4]), gain(1, [1, 2, 4.5]))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('whole numbers at the limits of their type', () => {
  const SAFE = Number.MAX_SAFE_INTEGER - 1;
  const RANGES: readonly (readonly [string, number, number, number])[] = [
    ['int8', INT8, -128, 127],
    ['uint8', UINT8, 0, 255],
    ['int16', INT16, -32768, 32767],
    ['uint16', UINT16, 0, 65535],
    ['int32', INT32, -(2 ** 31), 2 ** 31 - 1],
    ['uint32', UINT32, 0, 2 ** 32 - 1],
    ['int64', INT64, -SAFE, SAFE],
    ['uint64', UINT64, 0, SAFE],
  ];
  test.each(RANGES)('%s', (_, type, low, high) => {
    const sum = (a: number, b: number): Typed => meets(type, ['Add(a, b) -> c'], { a: [[2], [a, 1], type], b: [[2], [b, 1], type] });
    const difference = (a: number, b: number): Typed => meets(type, ['Sub(a, b) -> c'], { a: [[2], [a, 3], type], b: [[2], [b, 1], type] });
    const of = (value: number): Typed => meets(type, [], { c: [[2], [value, 2], type] });
    expect(verdict(of(high), sum(high - 1, 1))).toBe('proved');
    expect(verdict(of(low), difference(low + 1, 1))).toBe('proved');
    expect(verdict(of(high - 1), sum(high - 1, 1))).not.toBe('proved');
    expect(verdict(of(low + 1), difference(low + 1, 1))).not.toBe('proved');
    // what runs over is no number that runtimes agree on
    for (const value of [low, high, 0]) {
      expect(verdict(of(value), sum(high, 1))).not.toBe('proved');
      expect(verdict(of(value), difference(low, 1))).not.toBe('proved');
    }
    const cast = (value: number): Typed => meets(type, [`Cast(a) to=${type} -> c`], { a: [[2], [value, 2.5], DOUBLE] });
    expect(verdict(of(high), cast(high))).toBe('proved');
    expect(verdict(of(low), cast(low))).toBe('proved');
    for (const value of [low, high, 0])
      expect([verdict(of(value), cast(high + 1)), verdict(of(value), cast(low - 1)), verdict(of(value), cast(NaN))]).not.toContain('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('what a float64 does not tell apart', () => {
    const of = (x: number): Typed => meets(INT64, [], { c: [[2], [x, 1], INT64] });
    const sum = meets(INT64, ['Add(a, b) -> c'], { a: [[2], [SAFE, 0], INT64], b: [[2], [1, 1], INT64] });
    expect(verdict(of(SAFE + 1), sum)).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});
