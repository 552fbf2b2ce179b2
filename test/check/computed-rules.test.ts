/** Constants that are computed from more elements than shapes have, or from more than are held: every element counts, wherever it stands. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE, FLOAT16, INT8, UINT8, INT32, INT64, BOOL } = DataType;
const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** What `c` is met by, by its type: what is said of `x` is said of `c`. */
const meets = (type: number): readonly string[] => (type === BOOL ? ['Where(c, x, one) -> y'] : [`Cast(x) to=${type} -> v`, 'Add(v, c) -> y']);
const graph = (type: number, lines: readonly string[], stored: Readonly<Record<string, Stored>>, inputs?: Typed['inputs']): Typed => ({
  lines: [...lines, ...meets(type)],
  stored: { ...stored, ...(type === BOOL ? { one: [[], [1]] as const } : {}) },
  ...(inputs !== undefined && { inputs }),
});

/** A constant with one element changed to another number of its type. */
const changed = ([dims, all, type = FLOAT]: Stored, at: number): Stored => {
  const own = Float64Array.from(all);
  own[at] = type === BOOL ? 1 - (own[at] ?? 0) : (own[at] ?? 0) > 0 ? (own[at] ?? 0) - 1 : (own[at] ?? 0) + 1;
  return [dims, own, type];
};

/** Both directions are proved, and none where an element of the stored numbers or of `a` is another. */
function expectEqual(now: Typed, c: Stored, type: number, places: readonly number[], inputs?: Typed['inputs'], free: readonly string[] = []): void {
  const old = graph(type, [], { c }, inputs);
  expect([verdict(old, now), verdict(now, old), verdict(now, now)]).toEqual(['proved', 'proved', 'proved']);
  const seen = places.map((at) => verdict(graph(type, [], { c: changed(c, at) }, inputs), now));
  const others = Object.entries(now.stored ?? {}).flatMap(([name, own]) =>
    free.includes(name) || name === 'one'
      ? []
      : [[name, verdict(old, { ...now, stored: { ...now.stored, [name]: changed(own, own[1].length - 1) } })] as const],
  );
  expect([...seen, ...others].filter((own) => own === 'proved' || own[1] === 'proved')).toEqual([]);
}

describe('more whole numbers than shapes have', () => {
  const SIZE = 1101;
  type Row = readonly [pattern: readonly number[], type: number];
  const tiled = ([pattern, type]: Row): Stored => [[SIZE], numbers(SIZE, (i) => pattern[i % pattern.length] ?? 0), type];
  const ints = (...own: readonly number[]): Row => [own, INT32];
  const longs = (...own: readonly number[]): Row => [own, INT64];
  const bools = (...own: readonly number[]): Row => [own, BOOL];
  const reals = (...own: readonly number[]): Row => [own, FLOAT];
  const CASES: readonly (readonly [line: string, operands: readonly Row[], result: Row, free?: readonly string[]])[] = [
    ['Add(a, b) -> c', [ints(1, -2, 3), ints(5, 7, -9)], ints(6, 5, -6)],
    ['Sub(a, b) -> c', [longs(1, -2, 3), longs(5, 7, -9)], longs(-4, -9, 12)],
    ['Mul(a, b) -> c', [ints(1, -2, 3), ints(5, 7, -9)], ints(5, -14, -27)],
    ['Div(a, b) -> c', [ints(7, -7, 8), ints(2, 2, -4)], ints(3, -3, -2), ['b']],
    ['Neg(a) -> c', [ints(1, -2, 3)], ints(-1, 2, -3)],
    ['Abs(a) -> c', [ints(1, -2, -3)], ints(1, 2, 3)],
    ['Min(a, b) -> c', [ints(1, 5, 3), ints(2, 4, 9)], ints(1, 4, 3), ['b']],
    ['Max(a, b) -> c', [ints(1, 5, 9), ints(2, 4, 3)], ints(2, 5, 9), ['b']],
    ['Not(a) -> c', [bools(1, 0, 1)], bools(0, 1, 0)],
    ['Equal(a, b) -> c', [ints(1, 2, 3), ints(1, 3, 2)], bools(1, 0, 0), ['a', 'b']],
    ['Less(a, b) -> c', [reals(1, 2, 3), reals(1, 3, 3)], bools(0, 1, 0), ['b']],
    ['Greater(a, b) -> c', [reals(1, 2, 3), reals(1, 1, 2.5)], bools(0, 1, 1), ['b']],
    ['LessOrEqual(a, b) -> c', [reals(1, 2, 3), reals(1, 3, 2)], bools(1, 1, 0), ['a', 'b']],
    ['GreaterOrEqual(a, b) -> c', [reals(1, 2, 3), reals(1, 3, 3)], bools(1, 0, 1), ['b']],
    ['Where(a, b, d) -> c', [bools(1, 0, 1), ints(1, 2, 3), ints(4, 5, 6)], ints(1, 5, 3), ['d']],
    [`Cast(a) to=${BOOL} -> c`, [reals(0.5, 0, -2)], bools(1, 0, 1), ['a']],
    [`Cast(a) to=${BOOL} -> c`, [ints(2, 0, -2)], bools(1, 0, 1), ['a']],
    [`Cast(a) to=${INT32} -> c`, [reals(1.75, -1.75, 3)], ints(1, -1, 3)],
    [`Cast(a) to=${INT64} -> c`, [bools(1, 0, 1)], longs(1, 0, 1)],
    [`Cast(a) to=${FLOAT} -> c`, [bools(1, 0, 1)], reals(1, 0, 1)],
    [`Cast(a) to=${FLOAT} -> c`, [ints(1, -7, 2 ** 24 + 1)], reals(1, -7, 2 ** 24), ['a']],
    ['Concat(a, b) axis=0 -> c', [[[], INT32], ints(1, -2, 3)], ints(1, -2, 3), ['a']],
    ['Clip(a, b, d) -> c', [reals(-2, 0.5, 3), [[-1], FLOAT], [[2], FLOAT]], reals(-1, 0.5, 2), ['a', 'b', 'd']],
  ];
  test.each(
    CASES.map(
      ([line, operands, result, free = []]) => [`${line} of ${operands.map(([own, type]) => `${type}: ${own}`)}`, line, operands, result, free] as const,
    ),
  )('%s', (_, line, operands, result, free) => {
    const isClip = line.startsWith('Clip');
    const given = operands.map((own, i): Stored => (own[0].length === 0 ? [[0], [], own[1]] : isClip && i > 0 ? [[], own[0], own[1]] : tiled(own)));
    const stored = Object.fromEntries(given.map((own, i) => [['a', 'b', 'd'][i] ?? '', own]));
    expectEqual(graph(result[1], [line], stored), tiled(result), result[1], [0, 1, SIZE - 1], undefined, free);
    expect(allSaid()).toMatchSnapshot();
  });
});

/** Numbers q on scales s from points z, in real numbers. */
const dims = [3, 4];
const q: Stored = [dims, numbers(12, (i) => ((i * 5) % 23) - 11), INT8];
const real = (of: (i: number, j: number) => number, rows = 3, columns = 4): Stored => [
  [rows, columns],
  numbers(rows * columns, (at) => of(Math.floor(at / columns), at % columns)),
];
const at = (i: number, j: number): number => q[1][i * 4 + j] ?? NaN;
const s3 = [0.5, 0.25, 2];
const s4 = [0.125, 1, 4, 0.75];
const z3 = [1, -2, 3];
const z4 = [2, 0, -1, 5];
const scales: Readonly<Record<string, Stored>> = {
  q,
  s: [[], [0.5]],
  s3: [[3], s3],
  s4: [[4], s4],
  z: [[], [3], INT8],
  z3: [[3], z3, INT8],
  z4: [[4], z4, INT8],
  sb: [
    [3, 2],
    [0.5, 0.25, 2, 0.125, 1, 4],
  ],
  zb: [[3, 2], [1, 2, -3, 4, 0, 5], INT8],
  sbt: [
    [2, 3],
    [0.5, 2, 1, 0.25, 0.125, 4],
  ],
  flat: [[12], q[1], INT8],
  row: [[1, 4], [3, -1, 7, 0], INT8],
  back: [[4], [3, -2, 0, 1], INT64],
};
const [sv3, sv4, zv3, zv4, sbv, zbv] = ['s3', 's4', 'z3', 'z4', 'sb', 'zb'].map((name) => (i: number) => scales[name]?.[1][i] ?? NaN) as ((
  i: number,
) => number)[] as [(i: number) => number, (i: number) => number, (i: number) => number, (i: number) => number, (i: number) => number, (i: number) => number];

const VIEWS: readonly (readonly [lines: string, result: Stored])[] = [
  ['Transpose(q) perm=[1,0] -> t;DequantizeLinear(t, s3, z3) axis=1 -> c', real((i, j) => (at(j, i) - zv3(j)) * sv3(j), 4, 3)],
  ['Transpose(q) perm=[1,0] -> t;DequantizeLinear(t, s4, z4) axis=0 -> c', real((i, j) => (at(j, i) - zv4(i)) * sv4(i), 4, 3)],
  ['Slice(q, [1], [3], [0]) -> t;DequantizeLinear(t, s4) axis=1 -> c', real((i, j) => at(i + 1, j) * sv4(j), 2)],
  ['Slice(q, [1], [4], [1], [2]) -> t;DequantizeLinear(t, s3) axis=0 -> c', real((i, j) => at(i, 1 + 2 * j) * sv3(i), 3, 2)],
  ['Slice(q, [-1], [-9], [1], [-1]) -> t;DequantizeLinear(t, s, z) -> c', real((i, j) => (at(i, 3 - j) - 3) * 0.5)],
  ['Slice(q, [0], [9], [0], [2]) -> t;DequantizeLinear(t, s4, z4) -> c', real((i, j) => (at(2 * i, j) - zv4(j)) * sv4(j), 2)],
  ['Expand(row, [3,4]) -> t;DequantizeLinear(t, s3, z3) axis=0 -> c', real((i, j) => (([3, -1, 7, 0][j] ?? 0) - zv3(i)) * sv3(i))],
  ['Reshape(q, [4,3]) -> t;DequantizeLinear(t, s3) axis=-1 -> c', real((i, j) => (q[1][3 * i + j] ?? 0) * sv3(j), 4, 3)],
  ['Reshape(flat, [3,4]) -> t;DequantizeLinear(t, s4, z4) axis=-1 -> c', real((i, j) => (at(i, j) - zv4(j)) * sv4(j))],
  ['Split(q, [1,2]) axis=0 -> u t;DequantizeLinear(t, s4) axis=1 -> c', real((i, j) => at(i + 1, j) * sv4(j), 2)],
  ['Split(q, [1,3]) axis=1 -> u t;DequantizeLinear(t, s3, z3) axis=0 -> c', real((i, j) => (at(i, j + 1) - zv3(i)) * sv3(i), 3, 3)],
  ['Gather(q, back) axis=1 -> t;DequantizeLinear(t, s4) axis=1 -> c', real((i, j) => at(i, [3, 2, 0, 1][j] ?? 0) * sv4(j))],
  ['Gather(s4, back) -> t;DequantizeLinear(q, t) axis=1 -> c', real((i, j) => at(i, j) * sv4([3, 2, 0, 1][j] ?? 0))],
  ['Slice(s4, [1], [4], [0]) -> t;Transpose(q) perm=[1,0] -> u;DequantizeLinear(u, t) axis=1 -> c', real((i, j) => at(j, i) * sv4(j + 1), 4, 3)],
  ['Slice(z4, [0], [3], [0]) -> t;DequantizeLinear(q, s3, t) axis=0 -> c', real((i, j) => (at(i, j) - zv4(i)) * sv3(i))],
  // blocks along either dimension
  ['DequantizeLinear(q, sb, zb) axis=1 block_size=2 -> c', real((i, j) => (at(i, j) - zbv(2 * i + (j >> 1))) * sbv(2 * i + (j >> 1)))],
  ['DequantizeLinear(q, sb) axis=-1 block_size=2 -> c', real((i, j) => at(i, j) * sbv(2 * i + (j >> 1)))],
  ['DequantizeLinear(q, sb) axis=1 block_size=3 -> c', real((i, j) => at(i, j) * sbv(2 * i + Math.floor(j / 3)))],
  ['Transpose(q) perm=[1,0] -> t;DequantizeLinear(t, sbt) axis=0 block_size=2 -> c', real((i, j) => at(j, i) * sbv(2 * j + (i >> 1)), 4, 3)],
  [
    'Transpose(sbt) perm=[1,0] -> t;DequantizeLinear(q, t, zb) axis=1 block_size=2 -> c',
    real((i, j) => (at(i, j) - zbv(2 * i + (j >> 1))) * sbv(2 * i + (j >> 1))),
  ],
];

describe('views of stored numbers, of scales and of points', () => {
  test.each(VIEWS.map(([lines, result]) => [lines, result] as const))('%s', (lines, result) => {
    const read = new Set(lines.match(/\w+/g));
    const own = Object.fromEntries(Object.entries(scales).filter(([name]) => read.has(name)));
    const inputs = { x: ['n', ...result[0]] };
    const now = graph(FLOAT, lines.split(';'), own, inputs);
    const old = graph(FLOAT, [], { c: result }, inputs);
    expect([verdict(old, now), verdict(now, old), verdict(now, now)]).toEqual(['proved', 'proved', 'proved']);
    const last = count(result[0]) - 1;
    for (const place of [0, 1, last]) expect(verdict(graph(FLOAT, [], { c: changed(result, place) }, inputs), now)).not.toBe('proved');
    const unseen = Object.entries(own).flatMap(([name, one]) =>
      [0, one[1].length - 1].flatMap((place) =>
        verdict(old, { ...now, stored: { ...own, [name]: changed(one, place) } }) === 'proved' ? [`${name}[${place}]`] : [],
      ),
    );
    expect(unseen).toMatchSnapshot();
    expect(allSaid()).toMatchSnapshot();
  });

  test('scales that fit no layout say nothing', () => {
    const of = (lines: string): Typed =>
      graph(FLOAT, [lines], { q, s3: scales.s3 as Stored, sb: scales.sb as Stored, s4: scales.s4 as Stored }, { x: ['n', 3, 4] });
    const old = graph(FLOAT, [], { c: real((i, j) => at(i, j) * sv3(i)) }, { x: ['n', 3, 4] });
    expect(verdict(old, of('DequantizeLinear(q, s3) axis=0 -> c'))).toBe('proved');
    for (const lines of [
      'DequantizeLinear(q, s3) axis=1 -> c',
      'DequantizeLinear(q, sb) axis=0 -> c',
      'DequantizeLinear(q, s4) axis=0 -> c',
      'DequantizeLinear(q, s3) axis=2 -> c',
    ])
      expect(verdict(old, of(lines))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('more elements than are held', () => {
  const SIDE = 264;
  const large: Stored = [[SIDE, SIDE], numbers(SIDE * SIDE, (i) => ((i * 37) % 251) - 125), INT8];
  const unsigned: Stored = [large[0], Float64Array.from(large[1], (x) => x + 125), UINT8];
  const along: Stored = [[SIDE], numbers(SIDE, (i) => 0.25 + (i % 7) / 8)];
  const points: Stored = [[SIDE], numbers(SIDE, (i) => (i % 5) - 2), INT8];
  const inBlocks: Stored = [[SIDE, 3], numbers(SIDE * 3, (i) => 0.5 + (i % 11) / 16)];
  const inPoints: Stored = [[SIDE, 3], numbers(SIDE * 3, (i) => (i % 7) - 3), INT8];
  const across: Stored = [[3, SIDE], numbers(SIDE * 3, (i) => 0.5 + (i % 13) / 16)];
  const all = { q: large, s: along, z: points, sb: inBlocks, zb: inPoints, sa: across, one: [[], [0.5]] as Stored, zero: [[], [3], INT8] as Stored };
  const inputs = { x: ['n', SIDE, SIDE] };
  const of = (line: string, stored: Readonly<Record<string, Stored>> = all): Typed => {
    const read = new Set(line.match(/\w+/g));
    return graph(FLOAT, [line], Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))), inputs);
  };
  const value = (part: Stored, i: number): number => part[1][i] ?? NaN;
  const LINES: readonly (readonly [line: string, of: (x: number, i: number, j: number) => number])[] = [
    ['DequantizeLinear(q, one, zero) -> c', (x) => (x - 3) * 0.5],
    ['DequantizeLinear(q, one) -> c', (x) => x * 0.5],
    ['DequantizeLinear(q, s, z) axis=0 -> c', (x, i) => (x - value(points, i)) * value(along, i)],
    ['DequantizeLinear(q, s, z) axis=1 -> c', (x, _, j) => (x - value(points, j)) * value(along, j)],
    ['DequantizeLinear(q, s) axis=-1 -> c', (x, _, j) => x * value(along, j)],
    [
      'DequantizeLinear(q, sb, zb) axis=1 block_size=88 -> c',
      (x, i, j) => (x - value(inPoints, 3 * i + Math.floor(j / 88))) * value(inBlocks, 3 * i + Math.floor(j / 88)),
    ],
    ['DequantizeLinear(q, sb) axis=1 block_size=96 -> c', (x, i, j) => x * value(inBlocks, 3 * i + Math.floor(j / 96))],
    ['DequantizeLinear(q, sa) axis=0 block_size=88 -> c', (x, i, j) => x * value(across, Math.floor(i / 88) * SIDE + j)],
  ];
  const stored = (of: (x: number, i: number, j: number) => number): Stored => [
    large[0],
    numbers(SIDE * SIDE, (place) => of(value(large, place), Math.floor(place / SIDE), place % SIDE)),
  ];
  test.each(LINES)('%s', (line, real) => {
    const now = of(line);
    const old = graph(FLOAT, [], { c: stored(real) }, inputs);
    expect([verdict(old, now), verdict(now, now)]).toEqual(['proved', 'proved']);
    for (const place of [0, 32768, SIDE * SIDE - 1]) expect(verdict(of(line, { ...all, q: changed(large, place) }), now)).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('no layout of one scale is another', () => {
    const graphs = LINES.map(([line]) => of(line));
    const equal = graphs.flatMap((old, i) =>
      graphs.flatMap((now, j) => (i < j && verdict(old, now) === 'proved' ? [`${LINES[i]?.[0]} and ${LINES[j]?.[0]}`] : [])),
    );
    expect(equal).toEqual([]);
    expect(verdict(of('DequantizeLinear(q, one) -> c'), of('DequantizeLinear(q, one) -> c', { ...all, q: unsigned }))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('what is rounded to quanta is known by its numbers', () => {
    const rounded = (line: string, more: Readonly<Record<string, Stored>> = {}): Typed => ({
      inputs,
      lines: [line, `Cast(q) to=${FLOAT} -> c`, 'Add(x, c) -> y'],
      stored: { r: stored((x) => x * 0.5), s: [[], [0.5]], t: [[], [0.25]], z: [[], [0], INT8], u: [[], [3], INT8], ...more },
    });
    const plain = rounded('QuantizeLinear(r, s, z) -> q');
    expect(verdict(plain, plain)).toBe('proved');
    for (const other of ['QuantizeLinear(r, t, z) -> q', 'QuantizeLinear(r, s, u) -> q', 'QuantizeLinear(r, s) -> q'])
      expect(verdict(plain, rounded(other))).not.toBe('proved');
    expect(
      verdict(
        plain,
        rounded('QuantizeLinear(r, s, z) -> q', {
          r: changed(
            stored((x) => x * 0.5),
            40000,
          ),
        }),
      ),
    ).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

test('numbers of another type are others', () => {
  const of = (type: number): Typed => ({
    inputs: { x: ['n', 3, 4] },
    lines: ['DequantizeLinear(q, s) -> c', `Cast(x) to=${type} -> v`, 'Add(v, c) -> a', `Cast(a) to=${DOUBLE} -> y`],
    stored: { q, s: [[], [0.5], type] },
  });
  expect([verdict(of(FLOAT), of(FLOAT)), verdict(of(FLOAT16), of(FLOAT16))]).toEqual(['proved', 'proved']);
  expect([verdict(of(FLOAT), of(FLOAT16)), verdict(of(FLOAT16), of(FLOAT))]).not.toContain('proved');
  expect(allSaid()).toMatchSnapshot();
});
