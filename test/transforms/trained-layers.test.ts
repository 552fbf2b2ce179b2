import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { largestDifference, load, runsFor } from '../support/run-model.ts';

/** Every weight moved, as training does: new channels are no longer zero. Masks stay. */
function trained(model: Model): Model {
  let counter = 0;
  const noise = (): number => Math.sin(++counter * 12.9898) * 0.2;
  const initializers = model.graph.initializers.map((tensor) => {
    const moves = [1, 11].includes(tensor.dataType) && tensor.dims.length > 0 && !tensor.name.includes('mask');
    return moves
      ? tensorFromNumbers(
          tensor.name,
          tensor.dataType,
          tensor.dims,
          readNumbers(tensor).map((x) => x + noise()),
        )
      : tensor;
  });
  return reread({ ...model, graph: { ...model.graph, initializers } });
}

describe('a layer in a model that was grown and trained', () => {
  const cases: readonly (readonly [Partial<Architecture>, string])[] = [
    [{ normForm: 'fused' }, 'layers=+1'],
    [{ normForm: 'fused' }, 'layers=+1@after:0'],
    [{ normForm: 'fused', normBias: false }, 'layers=+1@before:0'],
    [{ normForm: 'div-sqrt' }, 'layers=+1'],
    [{ norm: 'rms', normForm: 'mul-reciprocal' }, 'layers=+1@after:0'],
    [{ placement: 'both', normForm: 'fused' }, 'layers=+1'],
    [{ placement: 'pre', normForm: 'fused', residual: 0.8 }, 'layers=+1'],
  ];
  it.each(cases)('%j %s', async (change, step) => {
    const wide = grownBy(reread(buildTransformer({ ...PLAIN, placement: 'post', epsilon: 1e-2, ...change })), ['hidden=+3'], { norm: 'old-block' });
    const model = trained(wide.model);
    const deeper = grownBy(model, [step, 'hidden=+1']);
    const [before, after] = [await load(model), await load(deeper.model)];
    expect(await largestDifference(before, after, runsFor(model, 1))).toBeLessThan(1e-7);
    await Promise.all([before.release(), after.release()]);
  });
});
