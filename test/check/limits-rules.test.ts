/** Where an operator is no longer what it is spelled out as, or a rule ends: all that is said of both sides of each border. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { said } from '../support/told.ts';
import type { Stored, Typed } from '../support/typed-graph.ts';

const { UINT8 } = DataType;
const row = (...values: readonly number[]): Stored => [[values.length], values];
const one = (value: number): Stored => [[], [value]];
const vectors = { g: row(0.5, 1.5, -2, 0.75), s: row(0.25, -1, 3, 0.5), mean: row(0.5, -1, 2, 0.25), v: row(1, 0.5, 2, 3), small: one(1e-5), tiny: one(1e-12) };

/** Two spellings: what is said of the first as the new graph, and of the second. */
interface Border {
  readonly one: string;
  readonly other: string;
  readonly inputs?: Typed['inputs'];
  readonly stored?: Typed['stored'];
  readonly opset?: number;
  /** What is said of either, and of each with itself, where it is not `proved` alone. */
  readonly said?: readonly string[];
}

function typedOf(lines: string, { inputs, stored = vectors, opset }: Border): Typed {
  const read = new Set(lines.match(/\w+/g));
  return {
    lines: lines.split(';'),
    stored: Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))),
    ...(inputs !== undefined && { inputs }),
    ...(opset !== undefined && { opset }),
  };
}

const batch = (epsilon: string, unsqueeze: (name: string) => string): string =>
  [
    ...['g', 's', 'mean', 'v'].map((name) => `${unsqueeze(name)} -> ${name}2`),
    `Add(v2, ${epsilon}) -> u;Sqrt(u) -> r;Sub(x, mean2) -> d;Div(d, r) -> n;Mul(n, g2) -> a;Add(a, s2) -> y`,
  ].join(';');
const batchOf = (opset: number, more = ''): Border => ({
  one: `BatchNormalization(x, g, s, mean, v)${more} -> y`,
  other: batch('small', (name) => `Unsqueeze(${name}) axes=[1]`),
  inputs: { x: ['b', 4, 't'] },
  opset,
});
const skipped = { inputs: { x: ['b', 't', 4], k: ['b', 't', 4] } };
const skip = 'com.microsoft.SkipLayerNormalization(x, k, g, s)';
const centred = (tail: string): string =>
  `Add(x, k) -> h;ReduceMean(h, [-1]) -> m;Sub(h, m) -> d;Mul(d, d) -> q;ReduceMean(q, [-1]) -> p;Add(p, tiny) -> u;Sqrt(u) -> r;Div(d, r) -> n;Mul(n, g) -> a;Add(a, s) -> y${tail}`;

const PROVED: Readonly<Record<string, Border>> = {
  'a batch norm of version 7': batchOf(7),
  'a batch norm of version 8, of images': batchOf(8, ' spatial=1'),
  'a batch norm of version 9': batchOf(9),
  'a batch norm that says that it does not train': {
    ...batchOf(14),
    one: 'BatchNormalization(x, g, s, mean, v) training_mode=0 -> y',
    other: batch('small', (name) => `Unsqueeze(${name}, [1])`),
  },
  'a sum that is normed': { ...skipped, one: `${skip} -> y`, other: centred('') },
  'a sum that is normed, and the sum': { ...skipped, one: `${skip} -> o '' '' h2;Mul(o, h2) -> z`, other: `${centred('')};Mul(y, h) -> z` },
};

/** What is not spelled out is itself, and nothing else. */
const ITSELF: Readonly<Record<string, Border>> = {
  'a batch norm of version 6 may train': batchOf(6),
  'a batch norm of version 7 that trains': { ...batchOf(7), one: 'BatchNormalization(x, g, s, mean, v) -> y k l k2 l2' },
  'a batch norm that trains': {
    ...batchOf(14),
    one: 'BatchNormalization(x, g, s, mean, v) training_mode=1 -> y k l',
    other: batch('small', (name) => `Unsqueeze(${name}, [1])`),
  },
  'a batch norm of each place': batchOf(7, ' spatial=0'),
  'a sum that is normed, and its mean': { ...skipped, one: `${skip} -> o m2;Sub(o, m2) -> z`, other: centred(';Sub(y, m) -> z') },
  'a sum that is normed, and its deviation': { ...skipped, one: `${skip} -> o '' i;Mul(o, i) -> z`, other: centred(';Reciprocal(r) -> i;Mul(y, i) -> z') },
};

const unknown: Partial<Border> = { inputs: { x: ['b', 't', 4] }, stored: { g: row(0.5, 1.5, -2, 0.75), s: row(0.25, -1, 3, 0.5) } };
const scaled = { inputs: { x: ['b', 3, 4], u: ['b', 3, 4] }, stored: { ...vectors, sr: row(0.5, 0.25, 2), zr: [[3], [3, 5, 7], UINT8] } } as const;
const rounding = (lines: string, scale: string, point: string, axis = 1): string =>
  `${lines};QuantizeLinear(x, ${scale}, ${point}) axis=${axis} -> q;DequantizeLinear(q, ${scale}, ${point}) axis=${axis} -> y`;
const COMPUTED_SCALE = 'Abs(u) -> va;ReduceMax(va, [0,2]) keepdims=0 -> sd';
const COMPUTED_POINT = 'Abs(u) -> va;ReduceMax(va, [0,2]) keepdims=0 -> zf;Cast(zf) to=2 -> zd';
const UNKNOWN: Readonly<Record<string, Border>> = {
  // of values whose rank nobody knows
  'a norm over dimensions that are not known': {
    ...unknown,
    one: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=1 -> y',
    other: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=0 -> y',
  },
  'a norm over fewer dimensions that are not known': {
    ...unknown,
    one: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=2 -> y',
    other: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=1 -> y',
  },
  'a norm over the last dimension that is not known': {
    ...unknown,
    one: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=-1 -> y',
    other: 'Foo(x) -> h;LayerNormalization(h, g, s) axis=-2 -> y',
  },
  // computed scales and points along a dimension in the middle
  'quanta of computed scales': { ...scaled, one: rounding(COMPUTED_SCALE, 'sd', 'zr'), other: rounding(COMPUTED_SCALE, 'sr', 'zr') },
  'quanta of computed scales along another dimension': {
    ...scaled,
    inputs: { x: ['b', 3, 3], u: ['b', 3, 4] },
    one: rounding(COMPUTED_SCALE, 'sd', 'zr'),
    other: rounding(COMPUTED_SCALE, 'sd', 'zr', 2),
  },
  'quanta from computed points': { ...scaled, one: rounding(COMPUTED_POINT, 'sr', 'zd'), other: rounding(COMPUTED_POINT, 'sr', 'zr') },
  'quanta without a point': { ...scaled, one: rounding(COMPUTED_SCALE, 'sd', "''"), other: rounding(COMPUTED_SCALE, 'sr', "''") },
};

const pairsOf = (own: Border): readonly (readonly string[])[] => {
  const [a, b] = [typedOf(own.one, own), typedOf(own.other, own)];
  return [said(a, a), said(b, b), said(a, b), said(b, a)];
};

describe('on this side', () => {
  test.each(Object.entries(PROVED))('%s', (_, own) => {
    expect(pairsOf(own)).toEqual(Array.from({ length: 4 }, () => ['proved']));
  });
});

describe('beyond', () => {
  test.each(Object.entries({ ...ITSELF, ...UNKNOWN }))('%s', (_, own) => {
    const [first, second, ...apart] = pairsOf(own);
    expect([first, second, ...apart.map(([verdict]) => [verdict])]).toEqual([['proved'], ['proved'], ['not proved'], ['not proved']]);
    expect(apart).toMatchSnapshot();
  });
});
