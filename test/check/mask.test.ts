/** Masks against the same properties element by element. What comes out must be right and tell no more apart than it has to. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { multiply, type Size, symbol } from '../../src/analysis/size.ts';
import { combined } from '../../src/check/alive/combine.ts';
import { described } from '../../src/check/alive/describe.ts';
import {
  type Axis,
  blurred,
  flattened,
  isNone,
  type Mask,
  not,
  picked,
  plainAxis,
  reshaped,
  sizesOf,
  spread,
  tidied,
  uniform,
} from '../../src/check/alive/mask.ts';
import { zerosOf } from '../../src/check/alive/zeros.ts';
import { type Constant, numbersConstant } from '../../src/check/elements.ts';
import { SEED } from '../support/long.ts';

const countOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function indexOf(place: number, dims: readonly number[]): number[] {
  let rest = place;
  const index = dims.map(() => 0);
  for (let d = dims.length - 1; d >= 0; d--) {
    index[d] = rest % (dims[d] ?? 1);
    rest = Math.floor(rest / (dims[d] ?? 1));
  }
  return index;
}

const placeOf = (index: readonly number[], dims: readonly number[]): number => index.reduce((place, i, d) => place * (dims[d] ?? 1) + i, 0);

/** Bits of all elements as axes that tell apart what differs, and nothing else. */
function toldApart(sizes: readonly number[], bits: readonly number[]): { readonly axes: readonly Axis[]; readonly bits: Uint8Array } {
  const axes = sizes.map((size, d): { readonly axis: Axis; readonly first: readonly number[] } => {
    const slices = Array.from({ length: size }, (_, i) => bits.filter((_bit, place) => indexOf(place, sizes)[d] === i).join(''));
    const kinds = [...new Set(slices)];
    const classes = Int32Array.from(slices, (own) => kinds.indexOf(own));
    return { axis: { size, classes: kinds.length === 1 ? null : classes, count: kinds.length }, first: kinds.map((own) => slices.indexOf(own)) };
  });
  const counts = axes.map((own) => own.first.length);
  const cells = Array.from({ length: countOf(counts) }, (_, cell) =>
    placeOf(
      indexOf(cell, counts).map((own, d) => axes[d]?.first[own] ?? 0),
      sizes,
    ),
  );
  return { axes: axes.map(({ axis }) => axis), bits: Uint8Array.from(cells, (place) => bits[place] ?? 0) };
}

/** A mask of axes by dimension, size-1 axes left out. */
function maskOf(dims: readonly (readonly number[])[], bits: readonly number[]): Mask {
  const own = dims.map((axes) => axes.filter((size) => size !== 1));
  const made = toldApart(own.flat(), bits);
  let at = 0;
  return { dims: own.map((axes) => axes.map(() => made.axes[at++] ?? plainAxis(1))), bits: made.bits };
}

/** Which elements have the property, one by one. */
function dense(mask: Mask): number[] {
  const axes = mask.dims.flat();
  const sizes = axes.map((axis) => axis.size as number);
  const counts = axes.map((axis) => axis.count);
  return Array.from({ length: countOf(sizes) }, (_, place) => {
    const cell = placeOf(
      indexOf(place, sizes).map((i, a) => axes[a]?.classes?.[i] ?? 0),
      counts,
    );
    return mask.bits[cell] ?? 9;
  });
}

/** A mask holds these bits, in dimensions of these sizes, and tells nothing apart that is alike. */
function holds(mask: Mask | null, sizes: readonly number[], bits: readonly number[]): void {
  if (mask === null) throw new Error('nothing is known');
  const axes = mask.dims.flat();
  expect({ sizes: sizesOf(mask), axes, bits: mask.bits }).toEqual({
    sizes,
    ...toldApart(
      axes.map((axis) => axis.size as number),
      bits,
    ),
  });
}

const bitsFor = (count: number): fc.Arbitrary<number[]> => fc.array(fc.constantFrom(0, 0, 1), { minLength: count, maxLength: count });
const split = (...dims: readonly (readonly number[])[]): fc.Arbitrary<Mask> => bitsFor(countOf(dims.flat())).map((bits) => maskOf(dims, bits));
const masks = (...dims: readonly number[]): fc.Arbitrary<Mask> => split(...dims.map((size) => [size]));

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void, numRuns = 60): void =>
  fc.assert(
    fc.property(arbitrary, (value) => {
      property(value);
    }),
    { seed: SEED, numRuns },
  );

/** Two numbers of five, in no order. */
const isStrewn = (i: number, j: number): boolean => ((Math.imul(i * 211 + j * 7 + 1, 0x9e3779b1) >>> 0) * 0x85ebca6b) % 5 < 2;

const n = symbol('n', 5);
const m = symbol('m', 7);
/** A mask of an axis that is told apart beside one of unknown size. */
const beside = (bits: readonly number[], at: number): Mask => {
  const own = maskOf([[bits.length]], bits);
  return { dims: own.dims.toSpliced(at, 0, [plainAxis(n)]), bits: own.bits };
};
const ODD = [0, 1, 1, 0, 1, 0];

describe('masks', () => {
  test('of one bit', () => {
    expect(uniform([2, 1, n], 1)).toEqual({ dims: [[plainAxis(2)], [], [plainAxis(n)]], bits: Uint8Array.of(1) });
    expect([isNone(uniform([2], 0)), isNone(uniform([2], 1)), isNone(maskOf([[3]], [0, 0, 1]))]).toEqual([true, false, false]);
    check(masks(2, 3), (mask) => expect(dense(not(mask))).toEqual(dense(mask).map((bit) => 1 - bit)));
  });

  test('tell no more apart than differs', () => {
    const all = (size: number): Axis => ({ size, classes: Int32Array.from({ length: size }, (_, i) => i), count: size });
    check(bitsFor(24), (bits) => holds(tidied({ dims: [[all(2)], [all(3), all(4)]], bits: Uint8Array.from(bits) }), [2, 12], bits));
  });

  test('keep their elements in order under any reshape', () => {
    const shapes = [[24], [4, 6], [2, 2, 6], [3, 8], [6, 4], [12, 2], [1, 24, 1], [2, 3, 4], [8, 3], [1, 2, 1, 12], [4, 3, 2], [2, 12], [2, 2, 2, 3]];
    for (const to of shapes)
      for (const arbitrary of [masks(2, 3, 4), masks(4, 6), masks(24), masks(1, 8, 3), split([2, 2], [3, 2])])
        check(arbitrary, (mask) => holds(reshaped(mask, to), to, dense(mask)), 15);
    expect(reshaped(maskOf([[6]], ODD), [4])).toBe(null);
    expect(reshaped(maskOf([[6]], ODD), [2])).toBe(null);
    expect(reshaped(maskOf([[6]], ODD), [])).toBe(null);
    expect(reshaped(maskOf([[2], [3]], ODD), [4, 3])).toBe(null);
    expect(reshaped(uniform([], 1), [])).toEqual(uniform([], 1));
  });

  test('with dimensions of unknown size keep their elements where those can be followed', () => {
    const nm = multiply(n, m);
    expect(reshaped(beside(ODD, 0), [n, 2, 3])).toEqual({ dims: [[plainAxis(n)], ...maskOf([[2], [3]], ODD).dims], bits: maskOf([[2], [3]], ODD).bits });
    expect(reshaped(beside(ODD, 1), [2, 3, n])).toEqual({ dims: [...maskOf([[2], [3]], ODD).dims, [plainAxis(n)]], bits: maskOf([[2], [3]], ODD).bits });
    // one dimension of two axes, and back
    const whole = reshaped(beside(ODD, 0), [multiply(n, 6)]);
    expect(whole).toEqual({ dims: [beside(ODD, 0).dims.flat()], bits: beside(ODD, 0).bits });
    expect(reshaped(whole as Mask, [n, 6])).toEqual(beside(ODD, 0));
    expect(reshaped(whole as Mask, [n, 3, 2])).toEqual(reshaped(beside(ODD, 0), [n, 3, 2]));
    expect(flattened(whole as Mask, 0)).toBe(null);
    expect([picked(whole as Mask, 0, Int32Array.of(0), 0), spread(whole as Mask, 0, Int32Array.of(0), 1)]).toEqual([null, null]);
    // axes in which nothing is told apart are cut and joined
    const apart: Mask = { dims: [[plainAxis(nm)], ...maskOf([[6]], ODD).dims], bits: maskOf([[6]], ODD).bits };
    expect(reshaped(apart, [n, m, 6])).toEqual({ dims: [[plainAxis(n)], [plainAxis(m)], ...maskOf([[6]], ODD).dims], bits: apart.bits });
    expect(reshaped(apart, [n, multiply(m, 6)])).toEqual({ dims: [[plainAxis(n)], [plainAxis(m), ...maskOf([[6]], ODD).dims.flat()]], bits: apart.bits });
    expect(reshaped(beside(ODD, 0), [m, 6])).toBe(null);
    expect(reshaped(beside(ODD, 1), [m, 3, 2])).toBe(null);
    expect(reshaped(beside(ODD, 1), [6])).toBe(null);
    // nothing is told apart behind the sixth element
    expect(reshaped(beside(ODD, 1), [2, 3, m, 1, 4])).toEqual({
      dims: [...maskOf([[2], [3]], ODD).dims, [plainAxis(m)], [], [plainAxis(4)]],
      bits: maskOf([[2], [3]], ODD).bits,
    });
    expect(reshaped(beside(ODD, 1), [multiply(m, 6), 4])).toEqual({
      dims: [[...maskOf([[6]], ODD).dims.flat(), plainAxis(m)], [plainAxis(4)]],
      bits: maskOf([[6]], ODD).bits,
    });
    expect(reshaped(uniform([n, 6], 1), [m, 1, 9])).toEqual(uniform([m, 1, 9], 1));
  });

  test('of too many combinations are not followed', () => {
    const axis = (size: number, classAt: (i: number) => number, count: number): Axis => ({
      size,
      classes: Int32Array.from({ length: size }, (_, i) => classAt(i)),
      count,
    });
    const strewn = axis(1024, (i) => (isStrewn(i, i >> 5) ? 1 : 0), 2);
    const rows = (count: number): Mask => ({
      dims: [[axis(count, (i) => i, count)], [strewn]],
      bits: Uint8Array.from({ length: 2 * count }, (_, i) => (Math.imul(i, 0x85ebca6b) >>> 13) & 1),
    });
    expect(reshaped(rows(1025), [1025, 32, 32])).toBe(null);
    expect(reshaped(rows(1024), [1024, 32, 32])).not.toBe(null);
    const long = (label: string): { readonly mask: Mask; readonly labels: readonly string[] } => ({
      mask: { dims: [[axis(1025, (i) => i, 1025)]], bits: rows(1025).bits.slice(0, 1025) },
      labels: [label],
    });
    expect(combined([long('a'), long('b')], ['a', 'b'], [1025, 1025], 'one', ([x = 0, y = 0]) => x & y)).toBe(null);
    const large = (size: number): Axis => axis(size, (i) => i & 1, 2);
    expect(flattened({ dims: [[large(2 ** 13), large(2 ** 12)]], bits: Uint8Array.of(0, 1, 1, 0) }, 0)).toBe(null);
  });
});

describe('dimensions of masks', () => {
  test('become one axis', () => {
    check(split([2, 2], [3, 2], []), (mask) => {
      for (const d of [0, 1, 2]) {
        const flat = flattened(mask, d) as Mask;
        expect([flat.dims.map((axes) => axes.length), sizesOf(flat), dense(flat)]).toEqual([[2, 2, 0].with(d, 1), [4, 6, 1], dense(mask)]);
      }
    });
  });

  test('are picked from and spread to by index', () => {
    const from = Int32Array.of(3, -1, 0, 0, 2);
    for (const arbitrary of [masks(2, 4, 3), split([2], [2, 2], [3])])
      check(arbitrary, (mask) => {
        const all = dense(mask);
        for (const outside of [0, 1] as const) {
          const wanted = [0, 1].flatMap((i) => [...from].flatMap((j) => [0, 1, 2].map((k) => (j < 0 ? outside : (all[(i * 4 + j) * 3 + k] ?? 0)))));
          holds(picked(mask, 1, from, outside), [2, 5, 3], wanted);
        }
        const one = [0, 1].flatMap((i) => [0, 1, 2].map((k) => all[(i * 4 + 2) * 3 + k] ?? 0));
        holds(picked(mask, 1, Int32Array.of(2), 0), [2, 1, 3], one);
      });
    for (const arbitrary of [masks(2, 5, 3), masks(2, 5, 1, 3)])
      check(arbitrary, (mask) => {
        const all = dense(mask);
        const one = (i: number, j: number, k: number): number =>
          Math.max(0, ...[...from].flatMap((source, o) => (source === j ? [all[(i * 5 + o) * 3 + k] ?? 0] : [])));
        const wanted = [0, 1].flatMap((i) => [0, 1, 2, 3].flatMap((j) => [0, 1, 2].map((k) => one(i, j, k))));
        holds(spread(mask, 1, from, 4), sizesOf(mask).with(1, 4) as number[], wanted);
      });
    // a dimension of size 1
    check(masks(2, 1, 3), (mask) => {
      const all = dense(mask);
      const rows = [all.slice(0, 3), all.slice(3)];
      holds(
        picked(mask, 1, Int32Array.of(0, -1, 0), 1),
        [2, 3, 3],
        rows.flatMap((own) => [...own, 1, 1, 1, ...own]),
      );
      holds(
        spread(mask, 1, Int32Array.of(1), 3),
        [2, 3, 3],
        rows.flatMap((own) => [0, 0, 0, ...own, 0, 0, 0]),
      );
    });
  });

  test('are blurred', () => {
    check(split([2, 2], [3]), (mask) => {
      const all = dense(mask);
      const columns = [0, 1, 2].map((j) => [0, 1, 2, 3].map((i) => all[i * 3 + j] ?? 0));
      const [every, one] = [columns.map((own) => (own.includes(0) ? 0 : 1)), columns.map((own) => (own.includes(1) ? 1 : 0))];
      holds(blurred(mask, 0, 1, true), [1, 3], every);
      holds(blurred(mask, 0, 2, false), [2, 3], [...one, ...one]);
      const rows = [0, 1, 2, 3].map((i) => all.slice(3 * i, 3 * i + 3));
      holds(
        blurred(mask, 1, 1, false),
        [4, 1],
        rows.map((own) => (own.includes(1) ? 1 : 0)),
      );
      expect(blurred(mask, 0, n, true)).toEqual({ dims: [[plainAxis(n)], ...maskOf([[3]], every).dims], bits: maskOf([[3]], every).bits });
    });
    holds(blurred(maskOf([[], [3]], [0, 1, 0]), 0, 2, true), [2, 3], [0, 1, 0, 0, 1, 0]);
  });
});

/** Sizes by label; some of them made of two axes. */
const LABELS: Readonly<Record<string, readonly (readonly number[])[]>> = { a: [[2]], b: [[6], [2, 3], [3, 2]], c: [[3]], d: [[4], [2, 2]], e: [[1]] };

describe('masks that are joined by label', () => {
  const labelled = fc
    .subarray(Object.keys(LABELS), { maxLength: 3 })
    .chain((labels) =>
      fc
        .tuple(...labels.map((label) => fc.constantFrom(...(LABELS[label] ?? []))))
        .chain((dims) => bitsFor(countOf(dims.flat())).map((bits) => ({ labels, bits, mask: maskOf(dims, bits) }))),
    );
  const size = (label: string): number => countOf(LABELS[label]?.[0] ?? []);

  test('are what they are element by element', () => {
    const given = fc.tuple(
      fc.array(labelled, { minLength: 1, maxLength: 3 }),
      fc.shuffledSubarray(Object.keys(LABELS)),
      fc.constantFrom('every' as const, 'one' as const),
      bitsFor(8),
    );
    check(
      given,
      ([parts, labels, over, table]) => {
        const all = [...new Set([...labels, ...parts.flatMap((own) => own.labels)])];
        const bit = (bits: readonly number[]): number => table[bits.reduce((sum, own) => sum * 2 + own, 0)] ?? 0;
        const found = new Map<number, Set<number>>();
        const sizes = all.map(size);
        for (let place = 0; place < countOf(sizes); place++) {
          const index = indexOf(place, sizes);
          const at = (own: readonly string[]): number =>
            placeOf(
              own.map((label) => index[all.indexOf(label)] ?? 0),
              own.map(size),
            );
          const target = at(labels);
          found.set(target, (found.get(target) ?? new Set()).add(bit(parts.map((own) => own.bits[at(own.labels)] ?? 0))));
        }
        const wanted = Array.from({ length: countOf(labels.map(size)) }, (_, place) =>
          over === 'one' ? (found.get(place)?.has(1) === true ? 1 : 0) : found.get(place)?.has(0) === true ? 0 : 1,
        );
        holds(combined(parts, labels, labels.map(size), over, bit), labels.map(size), wanted);
      },
      600,
    );
  });

  test('stretch dimensions of size 1, and those that no operand has', () => {
    const row = { mask: maskOf([[], [3]], [1, 0, 1]), labels: ['', 'b'] };
    holds(
      combined([row], ['a', 'b'], [2, 3], 'one', ([bit = 0]) => bit),
      [2, 3],
      [1, 0, 1, 1, 0, 1],
    );
    expect(combined([row], ['n', ''], [n, 1], 'one', ([bit = 0]) => bit)).toEqual({ dims: [[plainAxis(n)], []], bits: Uint8Array.of(1) });
    expect(combined([], ['n'], [n], 'one', () => 1)).toEqual(uniform([n], 1));
  });

  test('may have unknown sizes where nothing is told apart', () => {
    const and = ([x = 1, y = 1]: readonly number[]): number => x & y;
    const own = { mask: beside(ODD, 0), labels: ['n', 'b'] };
    expect(combined([own, own], ['n', 'b'], [n, 6], 'one', and)).toEqual(own.mask);
    const both = (x: Mask, y: Mask, sizes: Size): Mask | null =>
      combined(
        [x, y].map((mask) => ({ mask, labels: ['a'] })),
        ['a'],
        [sizes],
        'one',
        and,
      );
    const joined: Mask = { dims: [own.mask.dims.flat()], bits: own.mask.bits };
    expect(both(joined, joined, multiply(n, 6))).toEqual(joined);
    expect(both(joined, uniform([multiply(n, 6)], 1), multiply(n, 6))).toEqual(joined);
    expect(both(joined, { dims: [beside(ODD, 1).dims.flat()], bits: joined.bits }, multiply(n, 6))).toBe(null);
    // sizes that cannot both be right
    expect(both(maskOf([[6]], ODD), maskOf([[4]], [0, 1, 1, 0]), 6)).toBe(null);
  });
});

describe('zeros of stored numbers', () => {
  const said = (dims: readonly number[], numbers: readonly number[]): Mask => zerosOf(numbersConstant([...dims], 1, Float64Array.from(numbers)));

  test('are found one by one', () => {
    const stored = fc
      .array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 })
      .chain((dims) => fc.tuple(fc.constant(dims), fc.array(fc.constantFrom(0, 0, 1.5), { minLength: countOf(dims), maxLength: countOf(dims) })));
    check(
      stored,
      ([dims, numbers]) =>
        holds(
          said(dims, numbers),
          dims,
          numbers.map((x) => (x === 0 ? 1 : 0)),
        ),
      200,
    );
  });

  test('that differ in where they are and not in how many are told apart', () => {
    const dims = [2, 2, 2, 2];
    for (let bits = 0; bits < 2 ** 16; bits += 257) {
      const numbers = Array.from({ length: 16 }, (_, i) => (bits >> i) & 1);
      holds(
        said(dims, numbers),
        dims,
        numbers.map((x) => 1 - x),
      );
    }
  });

  test('are read in pieces that end with a row', () => {
    for (const [height, width] of [
      [3, 40_000],
      [300, 300],
      [100_000, 2],
    ] as const) {
      const reads: number[] = [];
      const numbers = Float64Array.from({ length: height * width }, (_, i) => (i % width === 1 || i >= (height - 1) * width ? 0 : 1));
      const constant: Constant = {
        ...numbersConstant([height, width], 1, numbers),
        read: (start, count) => {
          if (count > 1) reads.push(count);
          return numbers.slice(start, start + count);
        },
      };
      expect(zerosOf(constant)).toEqual(
        tidied({
          dims: [[plain(height, (i) => (i === height - 1 ? 1 : 0))], [plain(width, (i) => (i === 1 ? 1 : 0))]],
          bits: Uint8Array.of(0, 1, 1, 1),
        }),
      );
      expect(reads.every((count) => count % width === 0 && (count === width || count <= 2 ** 15))).toBe(true);
      expect(reads.length).toBe(Math.ceil(height / Math.max(1, Math.floor(2 ** 15 / width))));
    }
  });

  test('in more patterns than are told apart are named by whole slices', () => {
    const [height, width] = [130, 140];
    const numbers = Array.from({ length: height * width }, (_, place) => {
      const [i, j] = [Math.floor(place / width), place % width];
      return isStrewn(i, j) || i === 3 || j === 7 || j === 139 ? 0 : 1;
    });
    expect(said([height, width], numbers)).toEqual({
      dims: [[plain(height, (i) => (i === 3 ? 1 : 0))], [plain(width, (j) => (j === 7 || j === 139 ? 1 : 0))]],
      bits: Uint8Array.of(0, 1, 1, 1),
    });
    // 128 · 128 patterns are told apart
    const square = Array.from({ length: 128 * 128 }, (_, place) => (isStrewn(Math.floor(place / 128), place % 128) ? 0 : 1));
    expect(dense(said([128, 128], square))).toEqual(square.map((x) => 1 - x));
  });
});
const plain = (size: number, classAt: (i: number) => number): Axis => ({ size, classes: Int32Array.from({ length: size }, (_, i) => classAt(i)), count: 2 });

describe('elements in words', () => {
  const words = (dims: readonly (readonly number[])[], isNamed: (...index: readonly number[]) => boolean): readonly string[] => {
    const sizes = dims.map(countOf);
    const bits = Array.from({ length: countOf(sizes) }, (_, place) => (isNamed(...indexOf(place, sizes)) ? 1 : 0));
    return described('t', maskOf(dims, bits), 'why').map(({ tensor, elements, count, why }) => `${tensor} ${elements} (${count}) ${why}`);
  };

  test.each<[string, readonly (readonly number[])[], (...index: readonly number[]) => boolean, readonly string[]]>([
    ['all', [[3], [4]], () => true, ['t all (12) why']],
    ['none', [[3], [4]], () => false, []],
    ['one element', [[5]], (i) => i === 3, ['t element 3 (1) why']],
    ['elements', [[5]], (i) => i !== 3, ['t elements 0..2, 4 (4) why']],
    ['a row', [[5], [2]], (i) => i === 4, ['t row 4 (2) why']],
    ['rows', [[12], [2]], (i) => i === 2 || i > 9, ['t rows 2, 10..11 (6) why']],
    ['a column', [[5], [2]], (_, j) => j === 1, ['t column 1 (5) why']],
    ['rows and columns', [[3], [4]], (i = 0, j = 0) => i === 0 || j > 1, ['t row 0 and columns 2..3 (8) why']],
    ['a row and what is left', [[3], [4]], (i = 0, j = 0) => i === 0 || (i === 2 && j > 1), ['t row 0 and [2; 2..3] (6) why']],
    ['a dimension of size 1', [[1], [4]], (_, j = 0) => j > 1, ['t columns 2..3 (2) why']],
    ['a dimension of two axes', [[2, 3]], (i = 0) => i > 3, ['t elements 4..5 (2) why']],
    ['one plane', [[2], [3], [2]], (_, j) => j === 1, ['t dimension 1 index 1 (4) why']],
    ['planes', [[2], [3], [2]], (_, j, k) => j !== 1 || k === 1, ['t dimension 1 indices 0, 2 and dimension 2 index 1 (10) why']],
    ['one by one', [[3], [3]], (i, j) => i === j, ['t [0; 0] and [1; 1] and [2; 2] (3) why']],
    ['33 of them', [[33], [33]], (i, j) => i === j, [`t ${Array.from({ length: 32 }, (_, i) => `[${i}; ${i}]`).join(' and ')} and 1 more blocks (33) why`]],
    ['32 of them', [[32], [32]], (i, j) => i === j, [`t ${Array.from({ length: 32 }, (_, i) => `[${i}; ${i}]`).join(' and ')} (32) why`]],
  ])('%s', (_, dims, isNamed, wanted) => {
    expect(words(dims, isNamed)).toEqual(wanted);
  });

  test('of nothing that is known', () => {
    expect([described('t', null, 'why'), described('t', reshaped(beside(ODD, 0), [multiply(n, 6)]), 'why')]).toEqual([[], []]);
  });
});
