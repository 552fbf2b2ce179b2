/** Which dimension of a feed-forward block is its inner width. */
import { expect, it } from 'vitest';
import { findAnatomy } from '../../src/analysis/anatomy.ts';
import { hintOf } from '../../src/analysis/axis.ts';
import { analyze } from '../../src/analysis/graph-analysis.ts';
import { grow } from '../../src/index.ts';
import type { Model } from '../../src/onnx/ir.ts';
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

it('a bottleneck with residuals of its own, and an adapter behind a feed-forward block, are parts of their branch', () => {
  const attention = [
    'MatMul(x, wq) -> q',
    'MatMul(x, wk) -> k',
    'MatMul(x, wv) -> v',
    'Transpose(k) perm=[0,2,1] -> kt',
    'MatMul(q, kt) -> scores',
    'Softmax(scores) axis=-1 -> p',
    'MatMul(p, v) -> pv',
    'MatMul(pv, wo) -> o',
    'Add(x, o) -> s',
  ];
  const inputs = { x: [1, 'T', 6], wq: [6, 3], wk: [6, 3], wv: [6, 3], wo: [3, 6], wy: [6, 2] };
  const bottleneck = modelOf(
    { ...inputs, wdown: [6, 4], wa: [4, 5], wb: [5, 4], wc: [4, 7], wd: [7, 4], wup: [4, 6] },
    [
      ...attention,
      'MatMul(s, wdown) -> d',
      ...['MatMul(d, wa) -> a', 'Relu(a) -> r', 'MatMul(r, wb) -> b', 'Add(d, b) -> e'],
      ...['MatMul(e, wc) -> c', 'Relu(c) -> f', 'MatMul(f, wd) -> g', 'Add(e, g) -> i'],
      'MatMul(i, wup) -> u',
      'Add(s, u) -> t',
      'MatMul(t, wy) -> y',
    ],
    17,
  );
  const adapter = modelOf(
    { ...inputs, wa: [6, 5], wb: [5, 6], wc: [6, 2], wd: [2, 6] },
    [
      ...attention,
      ...['MatMul(s, wa) -> a', 'Relu(a) -> r', 'MatMul(r, wb) -> b'],
      ...['MatMul(b, wc) -> c', 'Relu(c) -> f', 'MatMul(f, wd) -> g', 'Add(b, g) -> i'],
      'Add(s, i) -> t',
      'MatMul(t, wy) -> y',
    ],
    17,
  );
  const widths = (model: Model): readonly number[] =>
    findAnatomy(analyze(model)).stacks.flatMap((stack) => stack.layers.flatMap(({ mlps }) => mlps.map(({ axis }) => hintOf(axis))));
  expect([bottleneck, adapter].map((own) => [widths(own), widths(grow(own, 'mlp=x2').model)])).toEqual([
    [
      [5, 7],
      [10, 14],
    ],
    [
      [5, 2],
      [10, 4],
    ],
  ]);
});
