/** Fused attention spelled out computes what the runtime's own kernel does: prompts, single tokens, several at once, rows of unequal length. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import type { GrowError } from '../../src/errors.ts';
import type { Attribute, Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { growModel } from '../../src/transforms/grow.ts';
import { parseStep } from '../../src/transforms/recipe.ts';

const FIXTURE = readModel('fixtures/genai_llama_gqa.onnx');
const VOCABULARY = 50;

const grown = (model: Model, steps: readonly string[], allowDecompose: boolean): Model =>
  growModel(model, steps.map(parseStep), { seed: 3, norm: 'auto', exposeOutputs: false, allowDecompose }).model;

function withAttributes(model: Model, changed: readonly Attribute[]): Model {
  const names = new Set(changed.map((own) => own.name));
  const nodes = model.graph.nodes.map((node) =>
    node.opType === 'GroupQueryAttention' ? { ...node, attributes: [...node.attributes.filter((own) => !names.has(own.name)), ...changed] } : node,
  );
  return { ...model, graph: { ...model.graph, nodes } };
}

/** Logits of tokens that are fed step by step; `masked` last tokens of the second row are padding. */
async function logits(model: Model, steps: readonly number[], masked: number): Promise<number[][]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const rows = masked > 0 ? 2 : 1;
  const ints = (numbers: readonly number[], dims: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(numbers.map(BigInt)), dims);
  const results: number[][] = [];
  let caches: Record<string, Tensor> = {};
  for (const input of model.graph.inputs.filter((own) => own.name.startsWith('past'))) {
    const declared = input.type?.dims ?? [];
    const width = typeof declared[3] === 'number' ? declared[3] : 16;
    caches[input.name] = new Tensor('float32', [], [rows, Number(declared[1]), 0, width]);
  }
  let total = 0;
  for (const tokens of steps) {
    total += tokens;
    const ids = Array.from({ length: rows * tokens }, (_, i) => (7 * i + 3 * total) % VOCABULARY);
    const mask = Array.from({ length: rows * total }, (_, i) => (i >= total && i % total >= total - masked ? 0 : 1));
    const outputs = await session.run({ input_ids: ints(ids, [rows, tokens]), attention_mask: ints(mask, [rows, total]), ...caches });
    caches = Object.fromEntries(Object.keys(caches).map((name) => [name, outputs[name.replace('past_key_values', 'present')] as Tensor]));
    const all = [...((outputs.logits as Tensor).data as Float32Array)];
    // what a prompt computes at padding is nobody's business
    results.push(tokens > 1 ? all.slice(0, (all.length / rows / tokens) * (tokens - masked)) : all);
  }
  await session.release();
  return results;
}

const difference = (a: readonly number[][], b: readonly number[][]): number =>
  Math.max(...a.map((own, step) => Math.max(...own.map((x, i) => Math.abs(x - (b[step]?.[i] ?? Number.NaN)))) / Math.max(...own.map(Math.abs))));

const float = (name: string, value: number): Attribute => ({ name, kind: 'float', value });
const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });

it.each<[string, readonly Attribute[]]>([
  ['as exported', []],
  ['neighbouring pairs', [int('rotary_interleaved', 1)]],
  ['a sliding window', [int('local_window_size', 3)]],
  ['capped scores', [float('softcap', 2)]],
  ['smooth softmax, default scale', [int('smooth_softmax', 1), float('scale', 0)]],
  ['no rotation', [int('do_rotary', 0)]],
])('%s', async (_, attributes) => {
  const model = withAttributes(FIXTURE, attributes);
  for (const steps of [['v=+4'], ['qk=+4'], ['qk=+2', 'v=+6', 'heads=+2', 'layers=+1']]) {
    const bigger = grown(model, steps, true);
    expect(bigger.graph.nodes.some((node) => node.opType === 'GroupQueryAttention')).toBe(false);
    for (const [lengths, masked] of [
      [[5, 1, 1], 0],
      [[4, 3], 0],
      [[5, 1, 1], 2],
    ] as const)
      expect(difference(await logits(model, lengths, masked), await logits(bigger, lengths, masked))).toBeLessThan(5e-6);
  }
});

it('only where it is needed, and only when it is allowed', () => {
  const fused = (model: Model): number => model.graph.nodes.filter((node) => node.opType === 'GroupQueryAttention').length;
  expect(fused(grown(FIXTURE, ['qk=32', 'v=32'], true))).toBe(2);
  expect(fused(grown(FIXTURE, ['v[0]=+4'], true))).toBe(1);
  const refusal = (steps: readonly string[]): Partial<GrowError> => {
    try {
      grown(FIXTURE, steps, false);
    } catch (error) {
      return error as GrowError;
    }
    return {};
  };
  expect(refusal(['v=+4'])).toMatchObject({ code: 'ILLEGAL_SIZE', exitCode: 4, hint: expect.stringContaining('--allow-decompose') });
  expect(refusal(['v=32'])).toMatchObject({ code: 'ILLEGAL_SIZE', exitCode: 4, hint: expect.stringContaining('--allow-decompose') });
});
