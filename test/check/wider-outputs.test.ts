/** Keys that are an output: growth widens them, and the proof says so. */
import { expect, test } from 'vitest';
import { findAnatomy } from '../../src/analysis/anatomy.ts';
import { analyze } from '../../src/analysis/graph-analysis.ts';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model, type Tensor } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { largestDifference, load, runsFor } from '../support/run-model.ts';

/** Two heads exchanged wherever they are written and read: all but the keys themselves stays what it was. */
function exchanged(model: Model, heads: number): Model {
  const along = (tensor: Tensor, axis: number): Tensor => {
    const [rows = 1, columns = 1] = tensor.dims;
    const width = (tensor.dims[axis] ?? 1) / heads;
    const from = (i: number): number => (i < width ? i + width : i < 2 * width ? i - width : i);
    const old = readNumbers(tensor);
    const now = Float64Array.from(old, (_, place) => {
      const [i, j] = [Math.floor(place / columns), place % columns];
      return old[axis === 0 ? from(i) * columns + j : i * columns + from(j)] ?? 0;
    });
    return tensorFromNumbers(tensor.name, tensor.dataType, [rows, columns], now);
  };
  const initializers = model.graph.initializers.map((own) =>
    /^(query|key|value)_\d+$/.test(own.name) ? along(own, 1) : /^output_\d+$/.test(own.name) ? along(own, 0) : own,
  );
  return { ...model, graph: { ...model.graph, initializers } };
}

const plain = reread(buildTransformer({ ...PLAIN, layers: 1, projection: 'separate', bias: false }));
const showing = (value: string): Model => ({
  ...plain,
  graph: { ...plain.graph, outputs: [...plain.graph.outputs, { name: value, type: { elemType: DataType.DOUBLE, dims: [null, null, null, null] } }] },
});

test('of keys is said', () => {
  const [attention] = findAnatomy(analyze(plain)).attention;
  const model = showing(attention?.key ?? '');
  const grown = grownBy(model, ['qk=+2']);
  const result = checkModels(model, reread(grown.model));
  expect(result.findings).toEqual([]);
  expect(result.assumptions.filter((text) => text.includes(`reads output ${attention?.key}`))).toHaveLength(1);
  expect(checkModels(model, model).assumptions.filter((text) => text.includes('reads output'))).toEqual([]);
});

test('of keys whose heads are exchanged is not proved', async () => {
  const [attention] = findAnatomy(analyze(plain)).attention;
  const model = showing(attention?.key ?? '');
  const grown = grownBy(model, ['heads=+1']).model;
  const wrong = exchanged(grown, PLAIN.groups * PLAIN.perGroup + 1);
  // the other outputs do not show it
  const [before, after] = [await load(plain), await load({ ...wrong, graph: { ...wrong.graph, outputs: plain.graph.outputs } })];
  expect(await largestDifference(before, after, runsFor(plain, 1))).toBeLessThan(1e-12);
  expect(checkModels(model, grown).findings).toEqual([]);
  expect(checkModels(model, wrong).proved).toBe(false);
});
