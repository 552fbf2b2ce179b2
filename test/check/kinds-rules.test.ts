/** New elements of two operands, of each kind: where an operator meets them, what is said of its result is true, and as much as it was. */
import { describe, expect, test } from 'vitest';
import { judgedAll } from '../support/rule-pairs.ts';

/** New elements are anything, zeros, or means of the old ones. */
const KINDS = ['g', 'gz', 'gm'];
const BOTH = ['Add(h, k)', 'Sub(h, k)', 'Mul(h, k)', 'Div(h, k)', 'Max(h, k)', 'Where(g, h, k)', 'Mod(h, k) fmod=1'];
/** m has one element for all. */
const ONE = [
  'Add(h, m)',
  'Sub(m, h)',
  'Mul(h, m)',
  'Mul(m, h)',
  'Div(h, m)',
  'Div(m, h)',
  'Mul(h, h)',
  'Sum(m, h, m)',
  'Sum(h, m, h)',
  'Pow(h, w1)',
  'Max(m, h)',
];
const WORDS = KINDS.flatMap((h) => [...ONE.map((join) => `${h} g ${join}`), ...KINDS.flatMap((k) => BOTH.map((join) => `${h} ${k} ${join}`))]);
const SEEN = { 'its mean': 'ReduceMean(c) axes=[2] -> y', 'a product': 'MatMul(c, W) -> y' };

const joined = (word: string, seen: string): readonly [string, string] => {
  const [h = '', k = '', ...join] = word.split(' ');
  const lines = (mine: string, other: string, rows: string): string =>
    `MatMul(x, ${mine}) -> h;MatMul(x, ${other}b) -> k;ReduceMax(x) axes=[2] -> m;Greater(m, wzero1) -> g;${join.join(' ')} -> c;${seen.replace('W', rows)}`;
  return [lines('w4x3', 'w4x3', 'w3x2'), lines(`w4x5${h}`, `w4x5${k}`, 'w5x2g')];
};

describe('new elements of two operands', () => {
  test.each(Object.entries(SEEN))('behind which %s is', async (_, seen) => {
    expect(await judgedAll(WORDS, (word) => joined(word, seen))).toMatchSnapshot();
  });
});
