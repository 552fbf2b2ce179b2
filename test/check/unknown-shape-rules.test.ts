/** Operators on a value of which not even the rank is known: what is the same in both graphs may be proved, and nothing that differs is. */
import { expect, test } from 'vitest';
import { judgedAll } from '../support/rule-pairs.ts';

/** Of an operator without a line in the op table. */
const UNKNOWN = 'com.microsoft.Inverse(s) -> a';
const WORDS = [
  ...['ReduceSum(a, [1])', 'ReduceMean(a) axes=[1]', 'ReduceMax(a) axes=[1]', 'ReduceL2(a) axes=[0]', 'CumSum(a, [0])', 'ArgMax(a) axis=1'],
  ...['MatMul(a, s)', 'MatMul(s, a)', 'Einsum(a, s) equation=ij,jk->ik', 'Gemm(a, s)', 'Softmax(a)'],
  ...['Add(a, s)', 'Add(a, a)', 'Mul(s, a)', 'Mul(a, w1)', 'Mul(a, wzero1)', 'Sub(s, a)', 'Div(s, a)', 'Max(a, s)', 'Pow(a, s)'],
  ...['Relu(a)', 'Exp(a)', 'Neg(a)', 'Tanh(a)', 'Cast(a) to=7', 'Clip(a, w1)', 'Identity(a)', 'Dropout(a)', 'Shape(a)', 'Size(a)'],
  ...['Transpose(a) perm=[1,0]', 'Transpose(a)', 'Unsqueeze(a, [0])', 'Squeeze(a)', 'Reshape(a, [-1])', 'Flatten(a)'],
  ...['Expand(a, [1,1])', 'Tile(a, [1,2])', 'Slice(a, [0], [1], [0])', 'Concat(a, s) axis=0', 'Concat(s, a) axis=1', 'Pad(a, [0,1,0,0])'],
  ...['Gather(a, [0])', 'Gather(a, [0,1]) axis=1', 'Gather(a, i1)', 'GatherND(a, i1)', 'Trilu(a)', 'IsNaN(a)'],
];

type Pair = readonly [old: string, now: string];
test.each<readonly [string, (word: string) => Pair]>([
  ['the same', (word) => [`${UNKNOWN};${word} -> y`, `${UNKNOWN};${word} -> y`]],
  ['of another value', (word) => [`${UNKNOWN};${word} -> y`, `Transpose(s) -> b;com.microsoft.Inverse(b) -> a;${word} -> y`]],
])('%s', async (_, pairFor) => {
  expect(await judgedAll(WORDS, pairFor)).toMatchSnapshot();
});
