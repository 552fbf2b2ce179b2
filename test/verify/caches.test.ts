/** Which output holds what which input takes in the next step: one case for each operator, slot and way to write a name. */
import { describe, expect, it } from 'vitest';
import { pairCaches } from '../../src/verify/caches.ts';
import { graphOf } from '../../src/verify/flow.ts';
import { typed } from '../support/typed-graph.ts';

type Ranks = Readonly<Record<string, number | 'unknown' | 'untyped'>>;

/** Pairs of a graph whose inputs and outputs have the given ranks. */
function pairs(inputs: Ranks, lines: readonly string[], outputs: Ranks): readonly string[] {
  const { graph, ...made } = typed({ lines, stored: 'x' in inputs ? {} : { x: [[1], [1]], w: [[], [1]] } });
  const typedOf = (ranks: Ranks) =>
    Object.entries(ranks).map(([name, rank]) => ({
      name,
      type: rank === 'untyped' ? null : { elemType: 1, dims: rank === 'unknown' ? null : Array.from({ length: rank }, (_, axis) => `${name}${axis}`) },
    }));
  const model = { ...made, graph: { ...graph, inputs: typedOf(inputs), outputs: typedOf(outputs) } };
  return pairCaches(graphOf(model)).map(({ input, output }) => `${input} → ${output}`);
}

describe('elements that come out again', () => {
  it.each(['Identity', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Slice', 'Split', 'Gather', 'Expand'])('move through %s', (op) => {
    const through = (line: string) => pairs({ k: 3, x: 2 }, [line, 'Concat(m, x) -> c'], { c: 3 });
    expect([through(`${op}(k, x) -> m`), through(`${op}(k, x) -> a m`), through(`${op}(x, k) -> m`)]).toEqual([['k → c'], ['k → c'], []]);
    expect(pairs({ k: 3, x: 2 }, ['Concat(k, x) -> m', `${op}(m) -> c`], { c: 3 })).toEqual(['k → c']);
    expect(pairs({ k: 3, x: 2 }, [`${op}(k) -> c`], { c: 3 })).toEqual([]);
  });

  it.each([
    ['Concat', true],
    ['ScatterND', false],
    ['ScatterElements', false],
    ['TensorScatter', false],
  ])('are joined by %s', (op, anywhere) => {
    expect([pairs({ k: 3 }, [`${op}(k, x) -> c`], { c: 3 }), pairs({ k: 3 }, [`${op}(x, k) -> c`], { c: 3 })]).toEqual([['k → c'], anywhere ? ['k → c'] : []]);
  });

  it.each(['Relu', 'Add', 'com.other.Concat', 'com.microsoft.Identity'])('are others behind %s', (op) => {
    expect(pairs({ k: 3 }, [`${op}(k, x) -> m`, 'Concat(m, x) -> c'], { c: 3 })).toEqual([]);
    expect(pairs({ k: 3 }, [`${op}(k, x) -> c`], { c: 3 })).toEqual([]);
  });

  it.each<readonly [op: string, slots: Readonly<Record<number, string>>]>([
    ['com.microsoft.GroupQueryAttention', { 3: 'b', 4: 'c' }],
    ['com.microsoft.Attention', { 4: 'b' }],
    ['com.microsoft.MultiHeadAttention', { 6: 'b', 7: 'c' }],
    ['com.microsoft.DecoderMaskedMultiHeadAttention', { 5: 'b', 6: 'c' }],
    ['Attention', { 4: 'b', 5: 'c' }],
    ['com.microsoft.PackedAttention', {}],
  ])('are joined in %s: %j', (op, slots) => {
    for (let slot = 0; slot < 12; slot++) {
      const operands = Array.from({ length: 12 }, (_, at) => (at === slot ? 'k' : 'x')).join(', ');
      const wanted = slots[slot];
      expect([slot, pairs({ k: 4 }, [`${op}(${operands}) -> a b c d`], { a: 4, b: 4, c: 4, d: 4 })]).toEqual([
        slot,
        wanted === undefined ? [] : [`k → ${wanted}`],
      ]);
      expect(pairs({ k: 4 }, [`${op}(${operands}) -> a`, 'Relu(a) -> d'], { a: 4, d: 4 })).toEqual([]);
    }
  });

  it('leave the branches of an If where they entered', () => {
    const joined = 'Concat(k, x) -> p / Concat(l, x) -> q / Concat(m, x) -> r';
    const moved = 'Identity(k) -> s / Identity(l) -> t / Identity(m) -> u';
    const through = (first: string, second: string) => pairs({ k: 3, l: 3, m: 3 }, [`If(w) {${first}} {${second}} -> c d e`], { c: 3, d: 3, e: 3 });
    expect(through(joined, moved)).toEqual(['k → c', 'l → d', 'm → e']);
    expect(through(moved, joined)).toEqual(['k → c', 'l → d', 'm → e']);
    expect(through(moved, 'Neg(x) -> v / Abs(x) -> y / Relu(x) -> z')).toEqual([]);
    expect(pairs({ k: 3 }, ['Cast(k) to=9 -> g', 'If(g) {Neg(x) -> p} {Abs(x) -> q} -> r', 'Concat(r, x) -> c'], { c: 3 })).toEqual([]);
    expect(pairs({ k: 3 }, ['Loop(x, k) -> r', 'Concat(r, x) -> c'], { c: 3 })).toEqual([]);
  });

  it('are held against the rank, and are one output for each', () => {
    const lines = ['Concat(k, x) -> c'];
    expect([2, 3, 4, 'unknown' as const, 'untyped' as const].map((rank) => pairs({ k: rank }, lines, { c: rank }).length)).toEqual([0, 1, 1, 0, 0]);
    expect([2, 3, 4, 'unknown' as const, 'untyped' as const].map((rank) => pairs({ k: 3 }, lines, { c: rank }).length)).toEqual([0, 1, 0, 1, 1]);
    expect(pairs({ k: 3, l: 3 }, ['Concat(k, l) -> c'], { c: 3 })).toEqual(['k → c']);
    expect(pairs({ k: 3 }, ['Concat(k, x) -> c', 'Concat(c, x) -> d'], { c: 3, d: 3 })).toEqual([]);
    expect(pairs({ k: 3 }, ['Concat(k, x) -> c', 'Concat(c, x) -> d'], { c: 4, d: 3 })).toEqual(['k → d']);
    expect(pairs({ 'past.0': 3 }, ['Concat(past.0, x) -> a', 'Concat(a, x) -> present.0'], { a: 3, 'present.0': 3 })).toEqual(['past.0 → present.0']);
  });
});

describe('names', () => {
  it.each([
    ['past_key_values.0.key', 'present.0.key', true],
    ['past_key_value.0.key', 'present.0.key', true],
    ['past.0', 'present_key_values.0', true],
    ['Past_0', 'PRESENT.0', true],
    ['mems', 'new_mems', true],
    ['cache', 'updated_cache', true],
    ['input_cache', 'output.cache', true],
    ['cache_in', 'cache_out', true],
    ['cache.in', 'cache-out', true],
    ['cache_in_0', 'cache_out_0', true],
    ['cache_inner', 'cache_outer', false],
    ['cachein', 'cacheout', false],
    ['x.0.key', 'present.x.0.key', false],
    ['past.0.key', 'present.1.key', false],
    ['past.0.key', 'present.0.value', false],
  ])('%s and %s: %s', (input, output, paired) => {
    expect(pairs({ [input]: 3 }, [`Relu(${input}) -> ${output}`], { [output]: 3 })).toEqual(paired ? [`${input} → ${output}`] : []);
  });

  it('are of outputs of the same rank that no other input has', () => {
    const lines = ['Relu(past.0) -> present.0', 'Relu(past_0) -> present_0'];
    expect(pairs({ 'past.0': 3, past_0: 3 }, lines, { 'present.0': 3, present_0: 3 })).toEqual(['past.0 → present.0', 'past_0 → present_0']);
    expect(pairs({ 'past.0': 3, past_0: 4 }, lines, { 'present.0': 4, present_0: 3 })).toEqual(['past.0 → present_0', 'past_0 → present.0']);
    expect(pairs({ 'past.0': 3, past_0: 3 }, lines, { 'present.0': 3 })).toEqual(['past.0 → present.0']);
  });
});
