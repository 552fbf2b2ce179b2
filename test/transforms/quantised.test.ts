/** Quantised exports: what stands for zero in new weights, and that it matters. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { embedding, grownBy, reread, weightOf, withNumbers } from '../support/grown-model.ts';

const fixture = (name: string): Model => readModel(`fixtures/${name}.onnx`);

/** Initializers of a type and shape. */
const weights = (model: Model, dataType: number, dims: readonly number[]): string[] =>
  model.graph.initializers.filter((own) => own.dataType === dataType && own.dims.join() === dims.join()).map((own) => own.name);

/** The first output for token ids, without graph optimisation. */
async function outputOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const ids = BigInt64Array.from({ length: 12 }, (_, i) => BigInt((7 * i + 3) % 60));
  const feeds = Object.fromEntries(
    model.graph.inputs.map(({ name }) => [
      name,
      new Tensor('int64', name.includes('mask') ? ids.map(() => 1n) : name.includes('type') ? ids.map(() => 0n) : ids, [2, 6]),
    ]),
  );
  const results = await session.run(feeds);
  await session.release();
  return [...((results[model.graph.outputs[0]?.name ?? ''] as Tensor).data as Float32Array)];
}

describe('new elements of 4-bit weights in blocks', () => {
  const old = fixture('ortquant_paper_int4');
  const grown = reread(grownBy(old, ['mlp=+9']).model);
  const [read, written] = [weights(grown, DataType.INT4, [40, 69]), weights(grown, DataType.INT4, [69, 40])];

  it('are zero where activations must be, and random in what reads those', () => {
    expect([read.length, written.length]).toEqual([3, 3]);
    for (const name of read) expect([...readNumbers(weightOf(grown, name))].filter((x, i) => i % 69 >= 60 && x !== 0)).toEqual([]);
    for (const name of written) expect(new Set(readNumbers(weightOf(grown, name)).subarray(60 * 40)).size).toBeGreaterThan(5);
  });

  it('leave the outputs as they are bit for bit, and do not when one of them stands for something else', async () => {
    const before = await outputOf(old);
    expect(await outputOf(grown)).toEqual(before);
    const wrong = withNumbers(grown, read[0] ?? '', (numbers) => {
      for (let i = 60; i < numbers.length; i += 69) numbers[i] = 3;
    });
    expect(await outputOf(wrong)).not.toEqual(before);
  });

  it('never change the block of an old element, whichever way the heads grow', async () => {
    const wider = reread(grownBy(old, ['v=+3', 'heads=+1', 'layers=+1']).model);
    expect(await outputOf(wider)).toEqual(await outputOf(old));
    const again = reread(grownBy(wider, ['v=+2']).model);
    expect(await outputOf(again)).toEqual(await outputOf(old));
  });
});

describe('new elements of dynamically quantised weights', () => {
  const old = fixture('ortquant_bert_dynamic');
  const grown = reread(grownBy(old, ['mlp=+9']).model);
  const [first = ''] = weights(grown, DataType.UINT8, [44, 69]);
  const [before = ''] = weights(old, DataType.UINT8, [44, 60]);

  it('are the zero point of their column, so that no activation changes the scale of the others', () => {
    const points = readNumbers(weightOf(grown, first.replace('_quantized', '_zero_point')));
    const numbers = readNumbers(weightOf(grown, first));
    expect([...numbers].every((x, i) => i % 69 < 60 || x === points[i % 69])).toBe(true);
    expect(embedding(weightOf(old, before), weightOf(grown, before))).not.toBeNull();
  });

  it('leave the outputs as they are bit for bit, and do not when one of them stands for something else', async () => {
    expect(await outputOf(grown)).toEqual(await outputOf(old));
    const wrong = withNumbers(grown, first, (numbers) => {
      for (let i = 60; i < numbers.length; i += 69) numbers[i] = 250;
    });
    expect(await outputOf(wrong)).not.toEqual(await outputOf(old));
  });
});
