/** What a walk over the elements of a constant finds, against the same element by element. */
import { describe, expect, test } from 'vitest';
import { type Dim, indexMap, Kind, mappedDim, sameDim } from '../../src/check/dim.ts';
import { type Constant, numbersConstant } from '../../src/check/elements.ts';
import { AS_IS, epsilonOf, type Scan, type Stored, scan } from '../../src/check/scan.ts';
import { type Ref, refOf, startTerms, viewed } from '../../src/check/term.ts';
import { permuted, ranged } from '../../src/check/view.ts';
import { DataType } from '../../src/onnx/ir.ts';

const { FLOAT, DOUBLE, FLOAT16, BFLOAT16 } = DataType;
const refTo = (constant: Constant): Ref => refOf(startTerms().constant(constant));
const stored = (dims: readonly number[], of: (...index: readonly number[]) => number, type: number = DOUBLE): Ref =>
  refTo(
    numbersConstant(
      dims,
      type,
      Float64Array.from(indicesOf(dims), (index) => of(...index)),
    ),
  );

const indicesOf = (dims: readonly number[]): readonly (readonly number[])[] =>
  dims.reduce<readonly (readonly number[])[]>((all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])), [[]]);

const mapped = (at: readonly number[]): Dim =>
  mappedDim(
    indexMap(Int32Array.from(at), at.filter((i) => i >= 0).length),
    Uint8Array.from(at, () => Kind.ANY),
  );

/** Whole numbers below a limit, the same ones each time. */
function drawer(seed: number): (below: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

/** What stands at the new indices of a dimension. */
type Fill = 'zero' | 'mean' | 'weak' | 'any';
const FILLS: readonly Fill[] = ['zero', 'mean', 'weak', 'any'];

interface Grown {
  readonly maps: readonly (readonly number[])[];
  readonly ignored: readonly (Uint8Array | null)[];
  of(index: readonly number[]): number;
}

/** A constant of old elements and new ones, of which some are of a kind. */
function grownBy(seed: number, old: readonly number[]): Grown {
  const draw = drawer(seed);
  const maps = old.map((size) => {
    const at = Array.from({ length: size }, (_, i) => i);
    for (let added = draw(3); added > 0; added--) at.splice(draw(at.length + 1), 0, -1);
    return at;
  });
  const fills = maps.map((at) => at.map(() => FILLS[draw(4)] ?? 'any'));
  const ignored = maps.map((at) => (draw(3) > 0 ? null : Uint8Array.from(at, (own) => (own < 0 ? draw(2) : 0))));
  const numbers = new Map<string, number>();
  const oldMean = (index: readonly number[], d: number): number => {
    const places = (maps[d] ?? []).flatMap((own, i) => (own < 0 ? [] : [i]));
    return places.reduce((sum, i) => sum + of(index.with(d, i)), 0) / places.length;
  };
  function of(index: readonly number[]): number {
    const known = numbers.get(index.join());
    if (known !== undefined) return known;
    const isNewIn = index.flatMap((i, d) => ((maps[d]?.[i] ?? 0) < 0 ? [d] : []));
    const mean = isNewIn.find((d) => fills[d]?.[index[d] ?? 0] === 'mean');
    const isZero = isNewIn.some((d) => fills[d]?.[index[d] ?? 0] === 'zero' || (isNewIn.length === 1 && fills[d]?.[index[d] ?? 0] === 'weak'));
    const isIgnored = index.some((i, d) => ignored[d]?.[i] === 1);
    const made = isIgnored ? 9 + draw(4) : isZero ? 0 : mean === undefined ? 1 + draw(5) : oldMean(index, mean);
    numbers.set(index.join(), made);
    return made;
  }
  return { maps, ignored, of };
}

/** What a walk must find. */
function foundIn({ maps, ignored, of }: Grown): Pick<Scan, 'kinds' | 'finite'> {
  const all = indicesOf(maps.map((at) => at.length));
  const isNew = (index: readonly number[], d: number): boolean => (maps[d]?.[index[d] ?? 0] ?? 0) < 0;
  const counts = (index: readonly number[]): boolean => index.every((i, d) => ignored[d]?.[i] !== 1);
  const kindOf = (d: number, i: number): number => {
    const own = all.filter((index) => index[d] === i);
    const others = own.filter((index) => counts(index.toSpliced(d, 1, -1)));
    if (own.every((index) => of(index) === 0 || !counts(index))) return Kind.ZERO;
    const isMean = (index: readonly number[]): boolean => {
      const old = (maps[d] ?? []).flatMap((from, k) => (from < 0 ? [] : [of(index.with(d, k))]));
      return Math.abs(of(index) - old.reduce((a, b) => a + b, 0) / old.length) < 1e-12;
    };
    if (others.every(isMean)) return Kind.MEAN;
    const beside = own.filter((index) => maps.every((_, other) => other === d || !isNew(index, other)));
    return beside.every((index) => of(index) === 0 || !counts(index)) ? Kind.WEAK : Kind.ANY;
  };
  return {
    kinds: maps.map((at, d) => (at.some((from) => from < 0) ? Uint8Array.from(at, (from, i) => (from < 0 ? kindOf(d, i) : Kind.OLD)) : null)),
    finite: all.every((index) => index.every((_, d) => !isNew(index, d)) || Number.isFinite(of(index))),
  };
}

const SIZES: readonly (readonly number[])[] = [[3], [2, 3], [4, 2], [3, 1], [2, 3, 2], [1, 4, 3]];

describe('kinds of new elements', () => {
  test.each(SIZES.map((old) => [old.join(' by '), old] as const))('%s', (_, old) => {
    for (let seed = 0; seed < 60; seed++) {
      const grown = grownBy(seed, old);
      const dims = grown.maps.map((at) => at.length);
      const wanted = { compared: old.reduce((a, b) => a * b, 1), wrong: 0, firstWrong: '', ...foundIn(grown) };
      const oldOf = (...index: readonly number[]): number => grown.of(index.map((i, d) => grown.maps[d]?.indexOf(i) ?? 0));
      const [is, was] = [(...index: readonly number[]): number => grown.of(index), stored(old, oldOf)];
      const maps = grown.maps.map(mapped);
      expect(scan(stored(dims, is), maps, was, AS_IS, grown.ignored), `seed ${seed}`).toEqual(wanted);
      expect(scan(stored(dims, is), maps, null, AS_IS, grown.ignored), `seed ${seed}`).toEqual({ ...wanted, compared: 0 });
      // stored in another order, and as every second element of more
      const order = dims.map((_, d) => d).reverse();
      const turned = stored([...dims].reverse(), (...index) => grown.of([...index].reverse()));
      expect(scan(viewed(turned, permuted(turned.view, order)), maps, was, AS_IS, grown.ignored), `seed ${seed}`).toEqual(wanted);
      const twice = stored([...dims.slice(0, -1), 2 * (dims.at(-1) ?? 1) + 1], (...index) =>
        (index.at(-1) ?? 0) % 2 === 1 ? grown.of([...index.slice(0, -1), ((index.at(-1) ?? 0) - 1) / 2]) : 77,
      );
      const half = ranged(twice.view, dims.length - 1, 1, dims.at(-1) ?? 1, 2);
      if (half !== null) expect(scan(viewed(twice, half), maps, was, AS_IS, grown.ignored), `seed ${seed}`).toEqual(wanted);
    }
  });

  test('what is infinite counts, also where it is multiplied by zero', () => {
    const at = [
      [0, 1, -1],
      [0, -1],
    ];
    for (const [x, finite] of [
      [Infinity, false],
      [NaN, false],
      [3, true],
    ] as const) {
      for (const place of [
        [2, 0],
        [2, 1],
        [0, 1],
      ]) {
        const now = stored([3, 2], (i, j) => (i === place[0] && j === place[1] ? x : 1));
        for (const ignored of [[], [Uint8Array.of(0, 0, 1), null]]) expect(scan(now, at.map(mapped), null, AS_IS, ignored)?.finite).toBe(finite);
      }
    }
    expect(
      scan(
        stored([2], () => Infinity),
        [sameDim(2)],
        null,
      )?.finite,
    ).toBe(true);
  });

  test('of one number there are none', () => {
    const one = (x: number): Ref => stored([], () => x);
    expect(scan(one(3), [], one(3))).toEqual({ compared: 1, wrong: 0, firstWrong: '', kinds: [null], finite: true });
    expect(scan(one(3), [], one(4))).toEqual({ compared: 1, wrong: 1, firstWrong: '[0] is 3 instead of 4', kinds: [null], finite: true });
  });
});

describe('old elements', () => {
  const row = (...all: readonly number[]): Ref => stored([all.length], (i = 0) => all[i] ?? 0);
  const first = (now: Ref, old: Ref, dims: readonly Dim[], own: Stored = AS_IS): readonly (number | string)[] => {
    const { compared = -1, wrong = -1, firstWrong = '' } = scan(now, dims, old, own) ?? {};
    return [compared, wrong, firstWrong];
  };

  test('are named where they differ', () => {
    const at = [mapped([1, -1, 0, 2])];
    expect(first(row(2, 9, 1, 3), row(1, 2, 3), at)).toEqual([3, 0, '']);
    expect(first(row(2, 9, 1, 4), row(1, 2, 3), at)).toEqual([3, 1, '[3] is 4 instead of 3']);
    expect(first(row(5, 9, 1, 4), row(1, 2, 3), at)).toEqual([3, 2, '[0] is 5 instead of 2']);
    expect(first(row(NaN, Infinity), row(NaN, Infinity), [sameDim(2)])).toEqual([2, 0, '']);
    expect(first(row(NaN, Infinity), row(1, -Infinity), [sameDim(2)])).toEqual([2, 2, '[0] is NaN instead of 1']);
    expect(first(row(1, 0), row(NaN, 1), [sameDim(2)])).toEqual([2, 2, '[0] is 1 instead of NaN']);
    const matrix = (x: number): Ref => stored([2, 3], (i, j) => (i === 1 && j === 1 ? x : 10 * (i ?? 0) + (j ?? 0)));
    expect(first(matrix(7), matrix(11), [sameDim(2), sameDim(3)])).toEqual([6, 1, '[1, 1] is 7 instead of 11']);
    // a column is read at once where it lies together
    const turned = (x: number): Ref => viewed(matrix(x), permuted(matrix(x).view, [1, 0]));
    const other = stored([2, 3], (i, j) => (j === 1 ? -1 : 10 * (i ?? 0) + (j ?? 0)));
    expect(first(turned(11), viewed(other, permuted(other.view, [1, 0])), [sameDim(3), sameDim(2)])).toEqual([6, 2, '[1, 0] is 1 instead of -1']);
    expect(scan(row(1, 2), [sameDim(2)], null)?.compared).toBe(0);
  });

  test('are counted until they are many', () => {
    const wide = (from: number, to: number): Ref => stored([30, 24], (i = 0, j = 0) => i + 100 * j + (24 * i + j >= from && 24 * i + j < to ? 0.5 : 0));
    const counted = (from: number, to: number): readonly (number | string)[] => first(wide(from, to), wide(0, 0), [sameDim(30), sameDim(24)]).slice(0, 2);
    expect(counted(0, 720)).toEqual([72, 72]);
    expect(counted(0, 64)).toEqual([720, 64]);
    expect(counted(0, 65)).toEqual([72, 65]);
    // 72 of 576 are no more than an eighth
    expect(counted(504, 576)).toEqual([720, 72]);
    expect(counted(503, 576)).toEqual([576, 73]);
    expect(scan(wide(0, 720), [sameDim(30), sameDim(24)], wide(0, 0))).toMatchObject({ kinds: [], finite: true });
  });

  test('are stored by a factor and beside a number, rounded each time', () => {
    const by = (own: Partial<Stored>): Stored => ({ ...AS_IS, ...own });
    const dims = [sameDim(3)];
    expect(first(row(2, 4, -6), row(1, 2, -3), dims, by({ factors: [2] }))).toEqual([3, 0, '']);
    expect(first(row(6, 12, -18), row(1, 2, -3), dims, by({ factors: [2, 3] }))).toEqual([3, 0, '']);
    expect(first(row(2, 4, -6.5), row(1, 2, -3), dims, by({ factors: [2] }))).toEqual([3, 1, '[2] is -6.5 instead of -6']);
    expect(first(row(3, 5, -5), row(1, 2, -3), dims, by({ factors: [2], shift: 1 }))).toEqual([3, 0, '']);
    expect(first(row(1, 3, -7), row(1, 2, -3), dims, by({ factors: [2], shift: -1 }))).toEqual([3, 0, '']);
    expect(first(row(1, 2, -3), row(1, 2, -3), dims, by({ shift: 5 }))).toEqual([3, 0, '']);
    const [third, tenth] = [1 / 3, 0.1];
    const float = (...all: readonly number[]): Ref => stored([all.length], (i = 0) => Math.fround(all[i] ?? 0), FLOAT);
    const twice = Math.fround(Math.fround(Math.fround(tenth) * third) * third);
    expect(first(float(twice), float(tenth), [sameDim(1)], by({ factors: [third, third] }))).toEqual([1, 0, '']);
  });

  test.each([
    [FLOAT, 2 ** -23],
    [DOUBLE, 2 ** -52],
    [FLOAT16, 2 ** -10],
    [BFLOAT16, 2 ** -7],
  ])('of type %s are off by so many units of %s', (type, unit) => {
    expect(epsilonOf(type)).toBe(unit);
    const one = (x: number): Ref => stored([1], () => x, type);
    for (const [off, ulps, wrong] of [
      [1, 0, 1],
      [1, 1, 0],
      [2, 1, 1],
      [-1, 1, 0],
      [-2, 1, 1],
      [2, 2, 0],
      [3, 2, 1],
    ] as const)
      expect(scan(one(1 + off * unit), [sameDim(1)], one(1), { ...AS_IS, ulps })?.wrong, `${off} ${ulps}`).toBe(wrong);
    // and means by one, where not by more of what they are made of
    if (type === DOUBLE) return;
    const mean = (off: number): Ref => stored([3], (i) => (i === 2 ? 1 + off * unit : 1), type);
    expect([0, 1, -1, 2, -2].map((off) => scan(mean(off), [mapped([0, 1, -1])], null)?.kinds[0]?.[2])).toEqual([
      Kind.MEAN,
      Kind.MEAN,
      Kind.MEAN,
      Kind.ANY,
      Kind.ANY,
    ]);
  });

  test('that add up to nearly nothing have a mean that is rounded by their sizes', () => {
    const mean = (x: number, other: number): number | undefined =>
      scan(
        stored([3], (i) => [1, -1 - other, x][i ?? 0] ?? 0),
        [mapped([0, 1, -1])],
        null,
      )?.kinds[0]?.[2];
    expect(mean(-4e-14, 0)).toBe(Kind.MEAN);
    expect(mean(-4e-13, 0)).toBe(Kind.ANY);
    const column = (x: number): number | undefined =>
      scan(
        stored([3, 2], (i) => [1, -1, x][i ?? 0] ?? 0),
        [mapped([0, 1, -1]), sameDim(2)],
        null,
      )?.kinds[0]?.[2];
    expect([column(-4e-14), column(-4e-13)]).toEqual([Kind.MEAN, Kind.ANY]);
  });
});
