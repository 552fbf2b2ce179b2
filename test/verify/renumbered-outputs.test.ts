/** Decoders of a first step: they give keys and values that they do not take, and a new layer renumbers them. */
import { expect, it } from 'vitest';
import { grow, verify } from '../../src/index.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { fixture } from '../support/command.ts';

const OLD = fixture('optimum_bart_decoder');

/** The model with the names of two outputs exchanged. */
function exchanged(model: Model, a: string, b: string): Model {
  const other = (name: string): string => (name === a ? b : name === b ? a : name);
  const nodes = model.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(other), outputs: node.outputs.map(other) }));
  return { ...model, graph: { ...model.graph, nodes } };
}

it.each([['layers=+1@after:0'], ['layers=+1@before:0']])('%s: outputs of old layers are found again', { timeout: 120_000 }, async (step) => {
  const grown = readModel(grow(OLD, [step]).bytes());
  expect(['bit-exact', 'rounding']).toContain((await verify(OLD, encodeModel(grown))).verdict);
  // the old layers in another order are no renumbering, nor is one output in the place of another
  const [first = '', second = ''] = step.includes('after') ? ['present.0', 'present.2'] : ['present.1', 'present.2'];
  const wrong = exchanged(grown, `${first}.decoder.key`, `${second}.decoder.key`);
  expect((await verify(OLD, encodeModel(wrong))).verdict).toBe('changed');
});
