import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model, type ValueInfo } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { grownBy, reread } from '../support/grown-model.ts';

const old = readModel('fixtures/optimum_gpt2_past.onnx');
const grown = reread(grownBy(old, ['layers=+1']).model);
const isNew = (which: 'inputs' | 'outputs', { name }: ValueInfo): boolean => old.graph[which].every((own) => own.name !== name);

/** The grown model whose new inputs or outputs are said to hold other numbers. */
function retyped(which: 'inputs' | 'outputs'): Model {
  const list = grown.graph[which].map((own) => (isNew(which, own) && own.type != null ? { ...own, type: { ...own.type, elemType: DataType.DOUBLE } } : own));
  return { ...grown, graph: { ...grown.graph, [which]: list } };
}

describe('caches of a new layer', () => {
  test('are proved', () => {
    expect(grown.graph.inputs.filter((own) => isNew('inputs', own))).toHaveLength(2);
    expect(checkModels(old, grown).findings).toEqual([]);
  });

  test.each(['inputs', 'outputs'] as const)('have the element type of those of other layers: %s', (which) => {
    const said = checkModels(old, retyped(which)).findings.map(({ kind, message }) => [kind, message]);
    expect(said).toContainEqual(['refuted', 'has another element type than those of other layers']);
  });
});
