/** Views of values, against the positions of their elements one by one. */
import { describe, expect, test } from 'vitest';
import { add, multiply, type Size, symbol } from '../../src/analysis/size.ts';
import { permuted, positions, ranged, repeated, reshaped, stretched, type View, viewKey, viewSizes, wholeView } from '../../src/check/view.ts';

const list = (view: View | null): readonly number[] | null => (view === null ? null : [...positions(view)]);
/** Positions as a list of lists by the index of a dimension. */
function alongDim(view: View, dim: number): readonly (readonly number[])[] {
  const sizes = viewSizes(view) as readonly number[];
  const inner = sizes.slice(dim + 1).reduce((a, b) => a * b, 1);
  const all = list(view) ?? [];
  return Array.from({ length: sizes[dim] ?? 0 }, (_, i) => all.filter((_own, at) => Math.floor(at / inner) % (sizes[dim] ?? 1) === i));
}

const T = symbol('T', 5);
const WHOLE = wholeView([2, 3, 4]);
const TURNED = permuted(WHOLE, [2, 0, 1]);
/** A dimension of two parts that lie apart, in front of a plain one. */
const PARTS = reshaped(permuted(wholeView([2, 3, 4]), [1, 0, 2]), [6, 4]) as View;

describe('views', () => {
  test('of all elements name them in order', () => {
    expect(list(WHOLE)).toEqual(Array.from({ length: 24 }, (_, i) => i));
    expect(viewSizes(WHOLE)).toEqual([2, 3, 4]);
    expect(list(wholeView([]))).toEqual([0]);
    expect(wholeView([1, 3, 1]).dims).toEqual([[], [{ size: 3, step: 1 }], []]);
    expect(list(wholeView([3, 0, 2]))).toEqual([]);
    expect(wholeView([T, 3]).dims).toEqual([[{ size: T, step: 3 }], [{ size: 3, step: 1 }]]);
    expect(wholeView([2, T]).dims[0]).toEqual([{ size: 2, step: T }]);
  });

  test('change places', () => {
    expect(list(TURNED)).toEqual([0, 1, 2, 3].flatMap((k) => [0, 1].flatMap((i) => [0, 1, 2].map((j) => 12 * i + 4 * j + k))));
    expect(viewSizes(TURNED)).toEqual([4, 2, 3]);
    expect(permuted(WHOLE, [null, 1]).dims).toEqual([[], WHOLE.dims[1]]);
    expect(permuted({ ...WHOLE, offset: 5 }, [0]).offset).toBe(5);
  });

  test('are reshaped where boundaries allow it', () => {
    const of = (view: View, ...sizes: readonly Size[]): readonly (readonly { readonly size: Size; readonly step: Size }[])[] | null =>
      reshaped(view, sizes)?.dims ?? null;
    expect(of(WHOLE, 24)).toEqual([[{ size: 24, step: 1 }]]);
    expect(of(WHOLE, 4, 6)).toEqual([[{ size: 4, step: 6 }], [{ size: 6, step: 1 }]]);
    expect(of(WHOLE, 4, 1, 6)).toEqual([[{ size: 4, step: 6 }], [], [{ size: 6, step: 1 }]]);
    expect(of(WHOLE, 5, 5)).toBeNull();
    expect(of(WHOLE, 24, 2)).toBeNull();
    expect(of(WHOLE, 12)).toBeNull();
    expect(of(WHOLE, 2, 3)).toBeNull();
    expect(of(wholeView([]), 1, 1)).toEqual([[], []]);
    expect(of(wholeView([]), 2)).toBeNull();
    // [4, 2, 3] of elements that do not lie together
    expect(of(TURNED, 4, 6)).toEqual([[{ size: 4, step: 1 }], [{ size: 6, step: 4 }]]);
    expect(of(TURNED, 8, 3)).toEqual([
      [
        { size: 4, step: 1 },
        { size: 2, step: 12 },
      ],
      [{ size: 3, step: 4 }],
    ]);
    expect(of(TURNED, 2, 2, 6)).toEqual([[{ size: 2, step: 2 }], [{ size: 2, step: 1 }], [{ size: 6, step: 4 }]]);
    expect(of(TURNED, 3, 8)).toBeNull();
    expect(of(PARTS, 3, 8)).toEqual([
      [{ size: 3, step: 4 }],
      [
        { size: 2, step: 12 },
        { size: 4, step: 1 },
      ],
    ]);
    expect(of(PARTS, 2, 12)).toBeNull();
    expect(of(wholeView([T, 6]), T, 2, 3)).toEqual([[{ size: T, step: 6 }], [{ size: 2, step: 3 }], [{ size: 3, step: 1 }]]);
    expect(of(wholeView([T, 6]), multiply(T, 2), 3)).toEqual([[{ size: multiply(T, 2), step: 3 }], [{ size: 3, step: 1 }]]);
    expect(of(wholeView([T, 6]), multiply(T, 6))).toEqual([[{ size: multiply(T, 6), step: 1 }]]);
    expect(of(wholeView([T, 6]), 6, T)).toEqual([[{ size: 6, step: T }], [{ size: T, step: 1 }]]);
    expect(reshaped({ ...WHOLE, offset: 7 }, [24])?.offset).toBe(7);
    for (const view of [WHOLE, TURNED, PARTS])
      for (const sizes of [[24], [2, 12], [4, 6], [6, 4], [8, 3], [3, 8], [2, 2, 6], [4, 2, 3], [3, 2, 4]]) {
        const own = reshaped(view, sizes);
        if (own === null) continue;
        expect(list(own)).toEqual(list(view));
        expect(viewSizes(own)).toEqual(sizes);
      }
  });

  test('of a range of a plain dimension', () => {
    for (const [view, dim] of [
      [WHOLE, 0],
      [WHOLE, 1],
      [WHOLE, 2],
      [TURNED, 0],
      [TURNED, 2],
    ] as const) {
      const all = alongDim(view, dim);
      const size = all.length;
      for (let start = 0; start < size; start++)
        for (const step of [1, 2, -1])
          for (let count = 1; start + (count - 1) * step < size && start + (count - 1) * step >= 0; count++) {
            const own = ranged(view, dim, start, count, step) as View;
            expect(alongDim(own, dim)).toEqual(Array.from({ length: count }, (_, i) => all[start + i * step]));
          }
    }
  });

  test('of a range of a dimension in parts', () => {
    const all = alongDim(PARTS, 0);
    expect(all).toHaveLength(6);
    // whole pairs, or what lies in one pair
    for (let start = 0; start < 6; start++)
      for (let count = 1; start + count <= 6; count++) {
        const own = ranged(PARTS, 0, start, count, 1);
        const fits = (start % 2 === 0 && count % 2 === 0) || Math.floor(start / 2) === Math.floor((start + count - 1) / 2);
        expect(own !== null, `${start} ${count}`).toBe(fits);
        if (own !== null) expect(alongDim(own, 0)).toEqual(all.slice(start, start + count));
        expect(ranged(PARTS, 0, start, count, 2)).toBeNull();
      }
    const shifted = ranged({ ...PARTS, offset: 100 }, 0, 3, 1, 1) as View;
    expect(list(shifted)).toEqual(all[3]?.map((at) => at + 100));
    expect(ranged({ ...PARTS, offset: 100 }, 0, 2, 2, 1)?.offset).toBe(104);
  });

  test('of a range of a dimension of one', () => {
    const one = wholeView([1, 3]);
    expect(ranged(one, 0, 0, 1, 1)).toBe(one);
    expect([ranged(one, 0, 1, 1, 1), ranged(one, 0, 0, 2, 1), ranged(one, 0, 0, 0, 1)]).toEqual([null, null, null]);
  });

  test('of a range whose sizes depend on the input', () => {
    const own = ranged(wholeView([T, 3]), 0, 1, add(T, -1), 1);
    expect(own).toEqual({ offset: 3, dims: [[{ size: add(T, -1), step: 3 }], [{ size: 3, step: 1 }]] });
    expect(ranged(wholeView([T, 3]), 0, T, 2, -1)).toEqual({ offset: multiply(T, 3), dims: [[{ size: 2, step: -3 }], [{ size: 3, step: 1 }]] });
    // [T·2] in parts that lie apart
    const parts = reshaped(permuted(wholeView([2, T, 4]), [1, 0, 2]), [multiply(T, 2), 4]) as View;
    expect(parts.dims[0]).toHaveLength(2);
    expect(ranged(parts, 0, 2, multiply(add(T, -1), 2), 1)).toEqual({
      offset: 4,
      dims: [
        [
          { size: add(T, -1), step: 4 },
          { size: 2, step: multiply(T, 4) },
        ],
        [{ size: 4, step: 1 }],
      ],
    });
    expect([ranged(parts, 0, 1, T, 1), ranged(parts, 0, T, 1, 1), ranged(parts, 0, 1, 1, 1)]).toEqual([null, null, null]);
    const inner = reshaped(permuted(wholeView([T, 2, 4]), [1, 0, 2]), [multiply(T, 2), 4]) as View;
    expect([ranged(inner, 0, 0, T, 1)?.dims[0], ranged(inner, 0, 0, 1, 1), ranged(inner, 0, T, T, 1)?.offset]).toEqual([[{ size: T, step: 8 }], null, 4]);
  });

  test('stretched and repeated', () => {
    const one = wholeView([2, 1, 3]);
    expect(alongDim(stretched(one, 1, 4), 1)).toEqual([0, 1, 2, 3].map(() => [0, 1, 2, 3, 4, 5]));
    expect(stretched({ ...one, offset: 2 }, 1, T)).toEqual({ offset: 2, dims: [one.dims[0], [{ size: T, step: 0 }], one.dims[2]] });
    expect(alongDim(repeated(WHOLE, 1, 2), 1)).toEqual([...alongDim(WHOLE, 1), ...alongDim(WHOLE, 1)]);
    expect(viewSizes(repeated(WHOLE, 1, 2))).toEqual([2, 6, 4]);
    expect(repeated(WHOLE, 1, 1)).toEqual(WHOLE);
    expect(repeated({ ...WHOLE, offset: 3 }, 0, 2).offset).toBe(3);
  });

  test('are called after what they select', () => {
    const keys = [WHOLE, TURNED, PARTS, { ...WHOLE, offset: 1 }, wholeView([24]), wholeView([2, 12]), wholeView([T, 12]), stretched(wholeView([1]), 0, 3)].map(
      viewKey,
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(viewKey(reshaped(reshaped(TURNED, [8, 3]) as View, [4, 2, 3]) as View)).toBe(viewKey(TURNED));
    expect(viewKey(reshaped(reshaped(WHOLE, [6, 4]) as View, [2, 3, 4]) as View)).toBe(viewKey(WHOLE));
    expect(keys[2]).toBe('0[3*4.2*12,4*1]');
  });
});
