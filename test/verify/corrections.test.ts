/** Constants of two files held against each other: which are corrections of which, and what they were before they were rounded. */
import { describe, expect, it } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import type { DoubleModel } from '../../src/verify/float64/cast-model.ts';
import { findRounded, halfUnit, scaledBy } from '../../src/verify/float64/corrections.ts';
import { randomFloats } from '../support/doubled.ts';

const { FLOAT, FLOAT16, BFLOAT16, DOUBLE } = DataType;
type Held = Readonly<Record<string, readonly [dims: readonly number[], numbers: readonly number[], storedAs?: number]>>;

/** Constants as a cast model has them: rounded to the type they are stored in, held as float64. */
const constants = (held: Held): DoubleModel['constants'] =>
  new Map(
    Object.entries(held).map(([name, [dims, numbers, storedAs = FLOAT]]) => {
      const stored = [...readNumbers(tensorFromNumbers(name, storedAs, dims, numbers))];
      return [name, { tensor: tensorFromNumbers(name, DOUBLE, dims, stored), storedAs }];
    }),
  );

function said(old: Held, now: Held): readonly string[] {
  const { corrections, exact, unclear, gone } = findRounded(constants(old), constants(now));
  return [
    ...corrections.map(({ tensor, factor, offset }) => `${tensor} times ${factor.toPrecision(7)}${offset === 1 ? ' of one plus' : ''}`),
    ...[...exact].map(([name, numbers]) => `${name} was ${[...numbers].map((x) => x.toPrecision(12)).join(' ')}`),
    ...(unclear.size === 0 ? [] : [`unclear: ${[...unclear].join(' ')}`]),
    ...(gone.size === 0 ? [] : [`gone: ${[...gone].join(' ')}`]),
  ];
}

const g = [0.3, -1.7, 2.2, 0.9];
/** Sizes that grow from 4 to 5. */
const sized = {
  old: { w: [[4, 3], randomFloats(1, 12)] },
  now: {
    w: [
      [5, 3],
      [...randomFloats(1, 12), 0, 0, 0],
    ],
  },
} as const;
const times = (numbers: readonly number[], factor: number): readonly number[] => numbers.map((x) => Math.fround(x) * factor);
const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + Math.fround(x), 0) / numbers.length;
/** Numbers that coarse types hold. */
const c = [0.25, -1.75, 2.5, 0.875];
const m = [0.5, 0.25, -3, 4, 1.5, 7];

const CASES: Readonly<Record<string, readonly [old: Held, now: Held]>> = {
  'equal constants': [{ g: [[4], g] }, { g: [[4], g] }],
  'a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], times(g, Math.sqrt(4 / 5))] },
  ],
  'the inverse of a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], times(g, 5 / 4)] },
  ],
  'the square of a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], times(g, (4 / 5) ** 2)] },
  ],
  'a fourth root of a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], times(g, (4 / 5) ** 0.25)] },
  ],
  'a factor that no size gives': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], times(g, 0.77)] },
  ],
  'a factor of what is added to one': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], g.map((x) => (1 + Math.fround(x)) * Math.sqrt(4 / 5) - 1)] },
  ],
  'a likely factor, and new elements': [{ g: [[4], g] }, { g: [[5], [...times(g, Math.sqrt(4 / 5)), 9]] }],
  'a likely factor, and the mean behind': [{ g: [[4], g] }, { g: [[5], [...times(g, Math.sqrt(4 / 5)), meanOf(g) * Math.sqrt(4 / 5)]] }],
  'the mean behind': [{ g: [[4], g] }, { g: [[5], [...g, meanOf(g)]] }],
  'two means behind': [{ g: [[4], g] }, { g: [[6], [...g, meanOf(g), meanOf(g)]] }],
  'a mean and something else behind': [{ g: [[4], g] }, { g: [[6], [...g, meanOf(g), 1]] }],
  'a mean that is off': [{ g: [[4], g] }, { g: [[5], [...g, meanOf(g) * (1 + 2 ** -20)]] }],
  'the mean of rows': [
    { m: [[2, 3], m] },
    {
      m: [
        [3, 3],
        [...m, 2.25, 0.875, 2],
      ],
    },
  ],
  'the mean of columns': [
    { m: [[2, 3], m] },
    {
      m: [
        [2, 4],
        [0.5, 0.25, -3, -0.75, 4, 1.5, 7, 12.5 / 3],
      ],
    },
  ],
  'the mean of both': [
    { m: [[2, 3], m] },
    {
      m: [
        [3, 4],
        [0.5, 0.25, -3, -0.75, 4, 1.5, 7, 12.5 / 3, 2.25, 0.875, 2, (2.25 + 0.875 + 2) / 3],
      ],
    },
  ],
  'the mean of one axis of two': [
    { m: [[2, 3], m] },
    {
      m: [
        [3, 4],
        [0.5, 0.25, -3, 9, 4, 1.5, 7, 8, 2.25, 0.875, 2, 8.5],
      ],
    },
  ],
  'some elements times a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], [0.3, -1.7, ...times([2.2, 0.9], Math.sqrt(4 / 5))]] },
  ],
  'some elements times another factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, g: [[4], [0.3, -1.7, ...times([2.2, 0.9], 0.77)]] },
  ],
  'some elements with a zero among them': [
    { ...sized.old, g: [[4], [0, 1, 2, 3]] },
    { ...sized.now, g: [[5], [0, 1, 8, ...times([2, 3], Math.sqrt(4 / 5))]] },
  ],
  'one changed element': [{ g: [[4], g] }, { g: [[4], [0.3, -1.7, 2.2, 0.95]] }],
  'another name': [{ g: [[4], g] }, { h: [[4], g] }],
  'another name and a likely factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, h: [[4], times(g, Math.sqrt(4 / 5))] },
  ],
  'another name and another factor': [
    { ...sized.old, g: [[4], g] },
    { ...sized.now, h: [[4], times(g, 0.77)] },
  ],
  'another name, a leading zero and a likely factor': [
    {
      ...sized.old,
      h: [
        [2, 2],
        [0, 1, 2, 3],
      ],
    },
    {
      ...sized.now,
      k: [
        [2, 3],
        [0, ...times([1], Math.sqrt(4 / 5)), 7, ...times([2, 3], Math.sqrt(4 / 5)), 7],
      ],
    },
  ],
  'a name that is another constant now': [
    { a: [[4], g], b: [[4], [5, 6, 7, 8]] },
    { a: [[4], [5, 6, 7, 8]], b: [[4], g] },
  ],
  'a new constant': [{ g: [[4], g] }, { g: [[4], g], h: [[3], [1, 2, 3]] }],
  'a constant that is gone': [{ g: [[4], g], h: [[4], [1, 2, 3, 5]] }, { g: [[4], g] }],
  'a constant that is held twice': [{ g: [[4], g], h: [[4], g] }, { g: [[4], g] }],
  'a smaller constant': [{ g: [[4], g] }, { g: [[3], g.slice(0, 3)] }],
  'another rank': [{ g: [[4], g] }, { g: [[1, 4], g] }],
  zeros: [{ g: [[4], [0, 0, 0, 0]] }, { g: [[5], [0, 0, 0, 0, 1]] }],
  'zeros that are none any more': [{ g: [[4], [0, 0, 0, 0]] }, { g: [[4], [1, 1, 1, 1]] }],
  'half precision': [
    { ...sized.old, g: [[4], c, FLOAT16] },
    { ...sized.now, g: [[4], times(c, Math.sqrt(4 / 5)), FLOAT16] },
  ],
  'coarse precision': [
    { ...sized.old, g: [[4], c, BFLOAT16] },
    { ...sized.now, g: [[4], times(c, Math.sqrt(4 / 5)), BFLOAT16] },
  ],
  'double precision': [
    { ...sized.old, g: [[4], g, DOUBLE] },
    { ...sized.now, g: [[4], g.map((x) => x * Math.sqrt(4 / 5)), DOUBLE] },
  ],
  'an epsilon': [
    { ...sized.old, e: [[], [1e-5]] },
    { ...sized.now, e: [[], times([1e-5], 4 / 5)] },
  ],
};

describe('what is said of', () => {
  it.each(Object.entries(CASES))('%s', (_, [old, now]) => {
    expect(said(old, now)).toMatchSnapshot();
  });
});

describe('a factor', () => {
  it('lies within the rounding of each number', () => {
    const vector = (numbers: readonly number[]) => tensorFromNumbers('x', DOUBLE, [numbers.length], numbers);
    const found = scaledBy(vector([1, 2, 4]), vector([3, 6, 12]), 2 ** -24);
    expect(found).toMatchObject({ offset: 0, places: Int32Array.of(0, 1, 2) });
    if (found === null || found === 'equal') throw new Error('no factor');
    expect([found.low, found.high].map((x) => (x - 3) / 3)).toEqual([expect.closeTo(-(2 / 3) * 2 ** -24, 10), expect.closeTo((2 / 3) * 2 ** -24, 10)]);
    expect(scaledBy(vector([1, 2, 4]), vector([3, 9, 6, 12]), 2 ** -24)).toMatchObject({ places: Int32Array.of(0, 2, 3) });
    expect(scaledBy(vector([1, 2, 4]), vector([0, 0, 0]), 2 ** -24)).toMatchObject({ low: 0, high: 0 });
    expect(scaledBy(vector([1, 2, 4]), vector([Number.NaN, 6, 12]), 2 ** -24)).toBeNull();
    expect(scaledBy(vector([-1, 2, 4]), vector([-3, 6, 12]), 2 ** -24)).toMatchObject({ offset: 0 });
  });

  it('has half a unit in the last place of the stored type', () => {
    expect([FLOAT, FLOAT16, BFLOAT16, DOUBLE, 0].map(halfUnit)).toEqual([2 ** -24, 2 ** -11, 2 ** -8, 2 ** -53, 2 ** -24]);
  });
});
