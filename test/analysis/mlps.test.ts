/** Which dimension of a feed-forward block is its inner width. */
import { expect, it } from 'vitest';
import { grow } from '../../src/index.ts';
import { inspectModel } from '../../src/report/inspect.ts';
import { modelOf } from '../support/small-model.ts';

it('the inner width of weighed experts is not their number', () => {
  const model = modelOf(
    { x: [1, 'T', 4], wi: [4, 6], wu: [3, 6, 5], wg: [6, 3], wd: [3, 5, 6], wo: [6, 2] },
    [
      'MatMul(x, wi) -> s',
      'Einsum(s, wu) equation=blh,xhp->blxp -> a',
      'Relu(a) -> r',
      'MatMul(s, wg) -> l',
      'Softmax(l) axis=-1 -> g',
      'Einsum(r, wd, g) equation=blxp,xph,blx->blh -> o',
      'Add(s, o) -> t',
      'MatMul(t, wo) -> y',
    ],
    17,
  );
  expect(inspectModel(model).layers.map((layer) => layer.mlp?.size)).toEqual([5]);
  expect(inspectModel(grow(model, 'mlp=8').model).layers.map((layer) => layer.mlp?.size)).toEqual([8]);
});
