import { expect, it } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { namesIn } from '../../src/onnx/names.ts';
import { modelOf } from '../support/small-model.ts';

it('a name that only a description uses is taken', () => {
  const { graph } = modelOf({ x: [1, 4] }, ['Relu(x) -> y'], 17);
  const stale = { name: 'z', type: { elemType: DataType.FLOAT, dims: [1, 2] } };
  expect(namesIn(graph).has('z')).toBe(false);
  expect(namesIn({ ...graph, valueInfos: [...graph.valueInfos, stale] }).has('z')).toBe(true);
});
