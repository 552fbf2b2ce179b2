import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { combined } from '../../src/check/alive/combine.ts';
import { axesOf, blurred, classAt, type Mask, picked, reshaped, spread, stridesOf, tidied } from '../../src/check/alive/mask.ts';
import { zerosOf } from '../../src/check/alive/zeros.ts';
import { numbersConstant } from '../../src/check/elements.ts';
import { SEED } from '../support/long.ts';

/** Which elements have the property, one by one. */
function dense(mask: Mask): number[] {
  const axes = axesOf(mask);
  const strides = stridesOf(axes);
  const total = axes.reduce((count, axis) => count * (axis.size as number), 1);
  return Array.from({ length: total }, (_, place) => {
    let [rest, at] = [place, 0];
    for (let a = axes.length - 1; a >= 0; a--) {
      const axis = axes[a];
      if (axis === undefined) continue;
      at += classAt(axis, rest % (axis.size as number)) * (strides[a] ?? 1);
      rest = Math.floor(rest / (axis.size as number));
    }
    return mask.bits[at] ?? 0;
  });
}

/** A mask with a class for every index, and the same with as few as there can be. */
const masks = (dims: readonly number[]): fc.Arbitrary<Mask> =>
  fc.array(fc.constantFrom(0, 0, 1), { minLength: dims.reduce((a, b) => a * b, 1), maxLength: dims.reduce((a, b) => a * b, 1) }).map((bits) =>
    tidied({
      dims: dims.map((size) => (size === 1 ? [] : [{ size, classes: Int32Array.from({ length: size }, (_, i) => i), count: size }])),
      bits: Uint8Array.from(bits),
    }),
  );

const check = <T>(arbitrary: fc.Arbitrary<T>, holds: (value: T) => void): void =>
  fc.assert(
    fc.property(arbitrary, (value) => {
      holds(value);
    }),
    { seed: SEED, numRuns: 100 },
  );

describe('masks', () => {
  test('keep their elements in order under any reshape', () => {
    for (const to of [[24], [4, 6], [2, 2, 6], [3, 8], [6, 4], [12, 2], [1, 24, 1], [2, 3, 4], [8, 3]])
      check(masks([2, 3, 4]), (mask) => expect(dense(reshaped(mask, to) as Mask)).toEqual(dense(mask)));
    check(masks([4, 6]), (mask) => {
      const there = reshaped(mask, [2, 2, 3, 2]) as Mask;
      expect(dense(reshaped(there, [24]) as Mask)).toEqual(dense(mask));
      expect(dense(reshaped(there, [8, 3]) as Mask)).toEqual(dense(mask));
    });
  });

  test('are picked from and spread to by index', () => {
    const from = Int32Array.of(3, -1, 0, 0, 2);
    check(masks([2, 4, 3]), (mask) => {
      const all = dense(mask);
      const wanted = [0, 1].flatMap((i) => [...from].flatMap((j) => [0, 1, 2].map((k) => (j < 0 ? 1 : (all[(i * 4 + j) * 3 + k] ?? 0)))));
      expect(dense(picked(mask, 1, from, 1) as Mask)).toEqual(wanted);
    });
    check(masks([2, 5, 3]), (mask) => {
      const all = dense(mask);
      const one = (i: number, j: number, k: number): number =>
        Math.max(0, ...[...from].flatMap((source, o) => (source === j ? [all[(i * 5 + o) * 3 + k] ?? 0] : [])));
      expect(dense(spread(mask, 1, from, 4) as Mask)).toEqual([0, 1].flatMap((i) => [0, 1, 2, 3].flatMap((j) => [0, 1, 2].map((k) => one(i, j, k)))));
    });
  });

  test('are joined by label as sums of products are', () => {
    check(fc.tuple(masks([3, 4]), masks([4, 2])), ([a, b]) => {
      const [left, right] = [dense(a), dense(b)];
      const wanted = [0, 1, 2].flatMap((m) => [0, 1].map((n) => ([0, 1, 2, 3].every((k) => left[m * 4 + k] === 1 || right[k * 2 + n] === 1) ? 1 : 0)));
      const parts = [
        { mask: a, labels: ['m', 'k'] },
        { mask: b, labels: ['k', 'n'] },
      ];
      expect(dense(combined(parts, ['m', 'n'], [3, 2], 'every', ([x, y]) => (x === 1 || y === 1 ? 1 : 0)) as Mask)).toEqual(wanted);
    });
  });

  test('with a dimension cut in two are joined with one that is whole', () => {
    check(fc.tuple(masks([2, 2, 3]), masks([6])), ([cut, whole]) => {
      const joined = reshaped(cut, [2, 6]) as Mask;
      const apart: Mask = { dims: [cut.dims[0] ?? [], [...(cut.dims[1] ?? []), ...(cut.dims[2] ?? [])]], bits: cut.bits };
      const both = (mask: Mask): number[] =>
        dense(
          combined(
            [
              { mask, labels: ['a', 'b'] },
              { mask: whole, labels: ['b'] },
            ],
            ['a', 'b'],
            [2, 6],
            'one',
            ([x = 0, y = 0]) => x & y,
          ) as Mask,
        );
      expect(both(apart)).toEqual(both(joined));
    });
  });

  test('of zeros say which stored numbers are zero', () => {
    const stored = fc
      .array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 })
      .chain((dims) => fc.tuple(fc.constant(dims), fc.array(fc.constantFrom(0, 0, 1.5), { minLength: 5 ** 4, maxLength: 5 ** 4 })));
    check(stored, ([dims, all]) => {
      const numbers = Float64Array.from(
        all.slice(
          0,
          dims.reduce((a, b) => a * b, 1),
        ),
      );
      const mask = zerosOf(numbersConstant(dims, 1, numbers));
      expect(dense(mask)).toEqual([...numbers].map((x) => (x === 0 ? 1 : 0)));
    });
  });

  test('are blurred along a dimension', () => {
    check(masks([3, 4]), (mask) => {
      const all = dense(mask);
      const columns = [0, 1, 2, 3].map((j) => [0, 1, 2].map((i) => all[i * 4 + j] ?? 0));
      expect(dense(blurred(mask, 0, 1, true))).toEqual(columns.map((own) => (own.every((bit) => bit === 1) ? 1 : 0)));
      expect(dense(blurred(mask, 0, 1, false))).toEqual(columns.map((own) => (own.includes(1) ? 1 : 0)));
    });
  });
});
