import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model, Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { withNode } from '../support/faults.ts';
import { grownBy, reread } from '../support/grown-model.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'grow-masked-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The nodes of a new layer. */
function added(old: Model, grown: Model): readonly Node[] {
  const known = new Set(old.graph.nodes.flatMap((node) => node.outputs));
  return grown.graph.nodes.filter((node) => !known.has(node.outputs[0] ?? ''));
}

/** A model with a node changed, and what proof and runtime say of it beside the old one. */
async function judged(file: string, old: Model, grown: Model, node: Node, now: Node) {
  const changed = reread(withNode(grown, node, now));
  const target = join(folder, 'changed.onnx');
  await writeModel(changed, target, { externalData: 'never', force: true });
  const { verdict, reason } = await verifyModels(file, target, { seed: 3 });
  return { proved: checkModels(old, changed).proved, verdict, isNaN: reason?.includes('NaN') === true };
}

const exchanged = (node: Node): Node => ({ ...node, inputs: [node.inputs[0] ?? '', node.inputs[2] ?? '', node.inputs[1] ?? ''] });
const masked = (node: Node): Node => ({ ...node, inputs: [node.inputs[0] ?? '', node.inputs[2] ?? '', node.inputs[2] ?? ''] });
const logarithm = (node: Node): Node => ({ ...node, opType: 'LogSoftmax' });

describe('a new layer whose attention is masked otherwise is no number in the runtime, and not proved', () => {
  test.each<readonly [what: string, file: string, op: string, change: (node: Node) => Node]>([
    ['choices exchanged', 'torchscript_nanogpt_op17', 'Where', exchanged],
    ['choices exchanged', 'dynamo_differential', 'Where', exchanged],
    ['choices exchanged', 'dynamo_falcon_new', 'Where', exchanged],
    ['choices exchanged', 'torchscript_talking_heads', 'Where', exchanged],
    ['choices of the mask, or of zeros in the place of no number, exchanged', 'optimum_qwen3_moe', 'Where', exchanged],
    ['the lowest number everywhere, and a mask of such numbers added to it', 'dynamo_gpt2', 'Where', masked],
    ['a logarithm of the softmax', 'dynamo_bert_functions', 'Softmax', logarithm],
  ])('%s: %s', async (_what, name, op, change) => {
    const file = `fixtures/${name}.onnx`;
    const old = readModel(file);
    const grown = grownBy(old, ['layers=+1']).model;
    expect(checkModels(old, reread(grown)).proved).toBe(true);
    const places = added(old, grown)
      .filter((node) => node.opType === op)
      .slice(-2);
    const found = [];
    for (const node of places) found.push(await judged(file, old, grown, node, change(node)));
    // at least one is no number, and none of those is proved
    expect(found.filter((own) => own.isNaN)).not.toEqual([]);
    expect(found.filter((own) => own.verdict === 'changed' && own.proved)).toEqual([]);
  });
});
