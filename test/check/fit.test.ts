import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { prepare } from '../../src/check/prepare.ts';
import { readModel } from '../../src/onnx/read.ts';
import { withNode } from '../support/faults.ts';
import { grownBy, reread } from '../support/grown-model.ts';

test('sizes are asked for where the old graph has an operator whose sizes are not understood', () => {
  const old = readModel('fixtures/dynamo_phi3_op23.onnx');
  // without such an operator this test asks nothing
  expect(prepare(old).facts.conflicts).not.toEqual([]);
  const grown = grownBy(old, ['layers=+1']).model;
  expect(checkModels(old, reread(grown)).proved).toBe(true);
  const known = new Set(old.graph.nodes.flatMap((node) => node.outputs));
  const slices = grown.graph.nodes.filter((node) => node.opType === 'Slice' && !known.has(node.outputs[0] ?? ''));
  const wider = slices.map((node) => reread(withNode(grown, node, { ...node, opType: 'Identity', inputs: node.inputs.slice(0, 1) })));
  const findings = wider.map((now) => checkModels(old, now).findings.map(({ message }) => message));
  expect(findings).not.toEqual([]);
  for (const messages of findings) expect(messages).not.toEqual([]);
  expect(findings.flat()).toContain('sizes do not fit each other');
});
