/** A new layer's caches must come out again, each where its input takes it from: nothing else gives the next step what it needs. */
import { expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { grow } from '../../src/grow.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { fixture } from '../support/command.ts';

const small = (): Model => readModel(encodeModel(buildTransformer({ ...PLAIN, cache: true, layers: 1 })));
const GROWN: readonly (readonly [string, string, () => Model])[] = [
  ['a small one', 'layers=+2', small],
  ['a small one', 'layers=+1@before:0', small],
  ['GPT-2', 'layers=+2', () => readModel(fixture('optimum_gpt2_past'))],
  ['Llama', 'layers=+1@before:0', () => readModel(fixture('genai_llama_gqa'))],
];

/** The model with neighbours of its inputs, or of its outputs, in each other's place in all nodes. */
function exchanged(model: Model, which: 'inputs' | 'outputs'): readonly (readonly [string, Model])[] {
  const names = model.graph[which].map(({ name }) => name);
  return names.slice(1).map((b, i) => {
    const a = names[i] ?? '';
    const other = (name: string): string => (name === a ? b : name === b ? a : name);
    const nodes = model.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(other), outputs: node.outputs.map(other) }));
    return [`${a}, ${b}`, { ...model, graph: { ...model.graph, nodes } }];
  });
}

it.each(GROWN)('%s, %s', (_, step, made) => {
  const old = made();
  const now = readModel(grow(old, step, { seed: 3 }).bytes());
  const isProved = (model: Model): boolean => checkModels(old, readModel(encodeModel(model))).proved;
  expect(isProved(now)).toBe(true);
  expect(now.graph.outputs.length).toBeGreaterThan(old.graph.outputs.length);
  const without = now.graph.outputs.map((gone): [string, Model] => [
    gone.name,
    { ...now, graph: { ...now.graph, outputs: now.graph.outputs.filter((own) => own !== gone) } },
  ]);
  const faulty = [...without, ...exchanged(now, 'inputs'), ...exchanged(now, 'outputs')];
  expect(faulty.flatMap(([fault, model]) => (isProved(model) ? [fault] : []))).toEqual([]);
});
