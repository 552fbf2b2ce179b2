/** Layers behind post-norm layers in half precision. */
import { expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { growModel } from '../../src/transforms/grow.ts';
import { parseStep } from '../../src/transforms/recipe.ts';
import { modelOf } from '../support/small-model.ts';

const postNorm = modelOf(
  { x: [1, 'T', 4], wi: [4, 6], wg: [6], wb: [6], wu: [6, 8], wd: [8, 6], wh: [6], wc: [6], wo: [6, 2] },
  [
    'MatMul(x, wi) -> e',
    'LayerNormalization(e, wg, wb) -> n',
    'MatMul(n, wu) -> u',
    'Relu(u) -> r',
    'MatMul(r, wd) -> d',
    'Add(n, d) -> s',
    'LayerNormalization(s, wh, wc) -> m',
    'MatMul(m, wo) -> y',
  ],
  17,
);

/** The same model with all floats in half precision. */
function halved({ graph, ...rest }: Model): Model {
  const initializers = graph.initializers.map((own) =>
    own.dataType === DataType.FLOAT ? tensorFromNumbers(own.name, DataType.FLOAT16, own.dims, [...readNumbers(own)]) : own,
  );
  const inputs = graph.inputs.map((own) => ({ ...own, type: own.type && { ...own.type, elemType: DataType.FLOAT16 } }));
  return { ...rest, graph: { ...graph, initializers, inputs } };
}

it('a gain in half precision is not corrected: the new layer starts behind a gain of zeros', () => {
  const deeper = (model: Model) => growModel(model, [parseStep('layers=+1')], { seed: 3, norm: 'auto', exposeOutputs: false });
  expect(deeper(postNorm).unportable).toEqual([expect.stringContaining('epsilons of their own')]);
  const half = halved(postNorm);
  const grown = deeper(half);
  expect(grown.unportable).toEqual([expect.not.stringContaining('epsilons of their own')]);
  expect(checkModels(half, grown.model).findings).toEqual([]);
});
