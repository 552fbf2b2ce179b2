import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { modelOf } from '../support/small-model.ts';
import { type Between, original, PLACES, widened } from '../support/widened.ts';

const proved = (old: Model, now: Model): boolean => checkModels(old, now).proved;
/** `c` is h without its last rows, as many as the input does not have. */
const shorter = (count: number, axis = 1): Between => ({
  lines: () => ['Shape(x) -> s', 'Gather(s, [1]) -> t', `Sub(t, [${count}]) -> e`, `Slice(h, [0], e, [${axis}]) -> c`],
});

describe('cuts at bounds that depend on the input', () => {
  test('leave a grown dimension alone that they keep whole', () => {
    expect(proved(original(shorter(1)), widened(shorter(1), PLACES))).toBe(true);
  });

  test('must have the old bounds, and must not cut the grown dimension', () => {
    expect(proved(original(shorter(1)), widened(shorter(2), PLACES))).toBe(false);
    expect(proved(original(shorter(1, 2)), widened(shorter(1, 2), PLACES))).toBe(false);
    expect(proved(original(shorter(1)), widened(shorter(1), PLACES, 0.1))).toBe(false);
  });

  test('are no identity because they keep everything of one input', () => {
    // T rows of at most 3 columns: a T of 5 keeps all of them, a T of 2 does not
    const cut = modelOf({ x: ['T', 3] }, ['Shape(x) -> s', 'Gather(s, [0]) -> t', 'Slice(x, [0], t, [1]) -> y'], 17);
    expect(proved(cut, cut)).toBe(true);
    expect(proved(cut, modelOf({ x: ['T', 3] }, ['Identity(x) -> y'], 17))).toBe(false);
  });

  test('are no identity because the input of one size is shorter than what they keep', () => {
    // the last five rows of ten are five
    const last = (count: number): Model =>
      modelOf({ x: ['T', 3] }, ['Shape(x) -> s', 'Gather(s, [0]) -> t', `Sub(t, [${count}]) -> a`, `Slice(x, a, [${2 ** 40}], [0]) -> y`], 17);
    const whole = modelOf({ x: ['T', 3] }, ['Identity(x) -> y'], 17);
    expect(proved(last(5), last(5))).toBe(true);
    for (const count of [1, 5, 100]) expect([proved(whole, last(count)), proved(last(count), whole)]).toEqual([false, false]);
    expect(proved(whole, last(0))).toBe(false);
    expect(proved(whole, last(-5))).toBe(false);
  });

  test('that the old graph computes are still bounds that depend on the input', () => {
    // a T of 1 loses its first column, one of 2 or more loses nothing
    const cut = [
      'Shape(x) -> s',
      'Gather(s, [0]) -> t',
      'Mul(t, [2]) -> w',
      'Sub([3], w) -> d',
      'Max(d, [0]) -> from',
      'Slice(x, from, [9], [1]) -> z',
      'ReduceSum(z) -> u',
    ];
    const summed = (from: string): Model => modelOf({ x: ['T', 3] }, [...cut, `ReduceSum(${from}) -> v`, 'Add(u, v) -> y'], 17);
    expect(proved(summed('x'), summed('x'))).toBe(true);
    expect(proved(summed('z'), summed('z'))).toBe(true);
    expect(proved(summed('x'), summed('z'))).toBe(false);
    expect(proved(summed('z'), summed('x'))).toBe(false);
  });
});

describe('cuts to the end', () => {
  /** h and its next row, or the one after that. */
  const shifted = (by: number, end: number): Between => ({
    lines: () => [`Slice(h, [${by}], [${end}], [1]) -> s`, `Pad(s, [0,0,0,0,${by},0]) -> p`, 'Add(h, p) -> c'],
  });

  test('leave as many elements as stand behind their start', () => {
    expect(proved(original(shifted(1, 2 ** 40)), widened(shifted(1, 2 ** 40), PLACES))).toBe(true);
    expect(proved(original(shifted(1, 2 ** 40)), widened(shifted(2, 2 ** 40), PLACES))).toBe(false);
    expect(proved(original(shifted(1, 2 ** 40)), widened(shifted(1, 2 ** 40), PLACES, 0.1))).toBe(false);
    // an input may have a thousand rows
    expect(proved(original(shifted(1, 1000)), widened(shifted(1, 1000), PLACES))).toBe(false);
  });
});

describe('elements that are repeated', () => {
  /** `c` is the mean of three copies of h beside each other along the rows. */
  const tiled = (times: number): Between => ({
    lines: () => [`Tile(h, [1, ${times}, 1]) -> u`, 'ReduceMean(u) axes=[1] keepdims=1 -> m', 'Add(h, m) -> c'],
  });

  test('Tile carries grown dimensions along', () => {
    expect(proved(original(tiled(3)), widened(tiled(3), PLACES))).toBe(true);
    expect(proved(original(tiled(3)), widened(tiled(2), PLACES))).toBe(false);
  });

  test('Tile of a grown dimension has the new elements in each copy', () => {
    const reshaped = (repeats: string): Between => ({
      lines: (width) => [`Tile(h, ${repeats}) -> u`, `Reshape(u, [1, -1, 2, ${width}]) -> v`, 'Gather(v, [1]) axis=2 -> w', 'Squeeze(w, [2]) -> c'],
    });
    expect(proved(original(reshaped('[1, 1, 2]')), widened(reshaped('[1, 1, 2]'), PLACES))).toBe(true);
    expect(proved(original(reshaped('[1, 1, 2]')), widened(reshaped('[1, 2, 1]'), PLACES))).toBe(false);
  });

  test('elements that are taken twice may count as new once', () => {
    const doubled = (list: string): Between => ({ lines: (width) => [width === 3 ? 'Identity(h) -> c' : `Gather(h, ${list}) axis=2 -> c`] });
    // the width is that of the bigger model, and h has old elements only
    const now = (list: string): Model => {
      const model = widened(doubled(list), PLACES);
      const [, a, b] = ['', ...['wa', 'wb'].map((name) => original(doubled(list)).graph.initializers.find((own) => own.name === name))];
      const initializers = model.graph.initializers.map((own) => (own.name === 'wa' ? (a ?? own) : own));
      return b === undefined ? model : { ...model, graph: { ...model.graph, initializers } };
    };
    expect(proved(original(doubled('')), now('[0, 0, 1, 2, 2]'))).toBe(true);
    expect(proved(original(doubled('')), now('[0, 0, 2, 1, 2]'))).toBe(false);
  });

  test('GatherND of rows cuts as Gather does', () => {
    const rows = (list: string): Between => ({
      lines: () => ['Transpose(h) perm=[2,1,0] -> t', `Unsqueeze(${list}, [1]) -> i`, 'GatherND(t, i) -> g', 'Transpose(g) perm=[2,1,0] -> c'],
    });
    const all = (width: number): string => `[${Array.from({ length: width }, (_, i) => i).join(',')}]`;
    expect(proved(original(rows(all(3))), widened(rows(all(5)), PLACES))).toBe(true);
    expect(proved(original(rows(all(3))), widened(rows('[0,1,3,2,4]'), PLACES))).toBe(false);
  });
});
