/** Keys that are an output: growth widens them, and the proof says so. */
import { expect, test } from 'vitest';
import { findAnatomy } from '../../src/analysis/anatomy.ts';
import { analyze } from '../../src/analysis/graph-analysis.ts';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, reread } from '../support/grown-model.ts';

const plain = reread(buildTransformer(PLAIN));
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
