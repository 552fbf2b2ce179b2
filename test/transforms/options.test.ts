import { describe, expect, it } from 'vitest';
import { grow } from '../../src/index.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { growModel } from '../../src/transforms/grow.ts';
import { parseStep } from '../../src/transforms/recipe.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';
import { fixture } from '../support/command.ts';
import { namesOf, reread, weightOf } from '../support/grown-model.ts';
import { largestDifference, load, runsFor } from '../support/run-model.ts';

async function gapOf(a: Architecture, steps: readonly string[], options: { scale?: 'keep' | 'weights'; newLayer?: 'copy' | 'random' }) {
  const model = reread(buildTransformer(a));
  const grown = growModel(model, steps.map(parseStep), { seed: 3, norm: 'auto', exposeOutputs: false, ...options });
  const [before, after] = [await load(model), await load(grown.model)];
  const gap = await largestDifference(before, after, runsFor(model, a.seed));
  await Promise.all([before.release(), after.release()]);
  return { gap, model, grown };
}

describe('--scale weights', () => {
  const shapes: readonly Partial<Architecture>[] = [
    {},
    { scale: 'mul' },
    { scale: 'shape' },
    { scale: 'mul-query', projection: 'split' },
    { projection: 'slice', weights: 'gemm' },
    { projection: 'interleaved', v: 4, weights: 'transpose' },
    { rope: 'frequencies', qk: 4, perGroup: 2 },
    { rope: 'partial', qk: 6, projection: 'split' },
    { cache: true },
    { qkNorm: 'rms' },
    { qkNorm: 'layer', cache: true },
  ];
  it.each(shapes)('rescales keys, or what stands for them: %j', async (change) => {
    const a = { ...PLAIN, ...change };
    const { gap, grown } = await gapOf(a, ['qk=x2', ...(a.projection === 'interleaved' ? ['v=x2'] : [])], { scale: 'weights' });
    expect(gap).toBeLessThan(1e-12);
    expect(grown.corrections.length).toBeGreaterThan(0);
    expect(grown.unportable.filter((reason) => reason.includes('scaled'))).toEqual([]);
  });

  it('multiplies all of the key weights, old ones only, with √(k̂/k), and leaves a scale that k has no part in', async () => {
    const { model, grown } = await gapOf(PLAIN, ['qk=16'], { scale: 'weights' });
    const [name = ''] = namesOf(model, 'key');
    const [old, now] = [model, grown.model].map((own) => readNumbers(weightOf(own, name)));
    expect([...(now ?? [])].filter((x) => x !== 0)).toEqual([...(old ?? [])].map((x) => x * 2));
    const absent = await gapOf({ ...PLAIN, scale: 'absent' }, ['qk=16'], { scale: 'weights' });
    expect(absent.grown.corrections).toEqual([]);
    expect(absent.gap).toBeLessThan(1e-12);
  });
});

describe('--new-layer random', () => {
  it('has matrices of its own, the zero writers too, and computes the same', async () => {
    const { gap, grown, model } = await gapOf(PLAIN, ['layers=+1@after:0'], { newLayer: 'random' });
    expect(gap).toBe(0);
    const names = new Set(model.graph.initializers.map((tensor) => tensor.name));
    const matrices = grown.model.graph.initializers.filter((tensor) => !names.has(tensor.name) && tensor.dims.length === 2);
    const old = model.graph.initializers.map((tensor) => String(readNumbers(tensor)));
    expect(matrices.length).toBeGreaterThan(4);
    for (const tensor of matrices) expect(old).not.toContain(String(readNumbers(tensor)));
    expect(matrices.filter((tensor) => readNumbers(tensor).every((x) => x === 0))).toHaveLength(2);
    const copied = await gapOf(PLAIN, ['layers=+1@after:0'], {});
    const copies = copied.grown.model.graph.initializers.filter((tensor) => !names.has(tensor.name) && tensor.dims.length === 2);
    expect(copies.filter((tensor) => !old.includes(String(readNumbers(tensor))))).toHaveLength(2);
  });

  it('is the same for the same seed', () => {
    const bytes = [1, 1, 2].map((seed) => Buffer.from(grow(readModel(fixture('torchscript_paper')), 'layers=+1', { seed, newLayer: 'random' }).bytes()));
    expect(bytes[0]?.equals(bytes[1] as Buffer)).toBe(true);
    expect(bytes[0]?.equals(bytes[2] as Buffer)).toBe(false);
  });
});
