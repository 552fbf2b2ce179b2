import { describe, expect, it } from 'vitest';
import { evaluateSize, parseSize, symbolsOf } from '../../src/verify/size-expression.ts';

const sizes = new Map([
  ['past_sequence_length', 3],
  ['sequence_length', 5],
  ['batch-size', 2],
  ['p2o.DynamicDimension.0', 4],
]);
const size = (text: string | number): number | null => evaluateSize(parseSize(text, 'anonymous'), sizes);

describe('declared sizes', () => {
  it.each([
    ['past_sequence_length + sequence_length', 8],
    ['past_sequence_length+1', 4],
    ['2*sequence_length - past_sequence_length', 7],
    ['(sequence_length + past_sequence_length) * 2', 16],
    ['sequence_length // 2', 2],
    ['batch-size', 2],
    ['p2o.DynamicDimension.0', 4],
    [7, 7],
  ])('%s is %s', (text, expected) => {
    expect(size(text)).toBe(expected);
  });

  it('has no value where a symbol has none or the size is negative', () => {
    expect(size('other + 1')).toBeNull();
    expect(size('past_sequence_length - sequence_length')).toBeNull();
  });

  it('names open dimensions and keeps what is no expression as one symbol', () => {
    expect(symbolsOf(parseSize(null, 'x.0'))).toEqual(['x.0']);
    expect(symbolsOf(parseSize('a + ', 'x.0'))).toEqual(['a + ']);
  });
});
