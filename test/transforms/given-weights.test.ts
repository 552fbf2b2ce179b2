/** Graphs whose weights are inputs: nobody can promise that what they will be given holds zeros. */
import { expect, it } from 'vitest';
import { grow } from '../../src/index.ts';
import { modelOf } from '../support/small-model.ts';

/** Attention with a skip around it; `value` and `out` name the matrices behind the values and the result. */
const attention = (value: string, out: string) =>
  modelOf(
    { x: [1, 'T', 6], wq: [6, 6], wk: [6, 6], [value]: [6, 6], [out]: [6, 6], wo: [6, 2] },
    [
      'MatMul(x, wq) -> q',
      'MatMul(x, wk) -> k',
      `MatMul(x, ${value}) -> v`,
      'Transpose(k) perm=[0,2,1] -> t',
      'MatMul(q, t) -> s',
      'Softmax(s) axis=-1 -> p',
      'MatMul(p, v) -> c',
      `MatMul(c, ${out}) -> o`,
      'Add(x, o) -> y',
      'MatMul(y, wo) -> z',
    ],
    17,
  );

it('a matrix that is given is not asked to hold zeros', () => {
  expect(() => grow(attention('m', 'n'), 'v=8')).toThrow(/input n would have to hold zeros, and it is no cache/);
  expect(grow(attention('wv', 'wn'), 'v=8').report.parametersAdded).toBe(24);
});
