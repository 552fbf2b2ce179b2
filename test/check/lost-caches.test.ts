/** A new layer's cache must come out again: without that output the next step has nothing to give. */
import { expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { grow } from '../../src/grow.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { fixture } from '../support/command.ts';

const MODELS: Readonly<Record<string, () => Model>> = {
  'a small one': () => readModel(encodeModel(buildTransformer({ ...PLAIN, cache: true, layers: 1 }))),
  'GPT-2': () => readModel(fixture('optimum_gpt2_past')),
  Llama: () => readModel(fixture('genai_llama_gqa')),
};

it.each(Object.keys(MODELS).flatMap((name) => ['layers=+1', 'layers=+1@before:0'].map((step) => [name, step] as const)))('%s, %s', (name, step) => {
  const old = MODELS[name]?.() as Model;
  const now = readModel(grow(old, step, { seed: 3 }).bytes());
  const said = (outputs: Model['graph']['outputs']): boolean => checkModels(old, { ...now, graph: { ...now.graph, outputs } }).proved;
  expect(said(now.graph.outputs)).toBe(true);
  expect(now.graph.outputs.length).toBeGreaterThan(old.graph.outputs.length);
  expect(now.graph.outputs.filter((gone) => said(now.graph.outputs.filter((own) => own !== gone)))).toEqual([]);
});
