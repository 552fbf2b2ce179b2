import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/onnx/read.ts';
import { describe as describeModel } from '../../src/verify/interface.ts';
import { permutedModel } from '../../src/verify/permute.ts';
import { precisionOf } from '../../src/verify/precision.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { fixture } from '../support/command.ts';
import { protoModel, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

describe('hidden units in another order', () => {
  it.each(['optimum_llama_gqa_past', 'genai_llama_gqa', 'torchscript_nanogpt_op17'])('are no change of %s but rounding', async (name) => {
    const permuted = permutedModel(readModel(fixture(name)));
    if (permuted === null) throw new Error('nothing was permuted');
    const result = await verifyModels(fixture(name), saved(temporaryFolder(), 'permuted.onnx', permuted));
    expect(result.verdict).toBe('rounding');
    expect(result.float64).toBeLessThan(1e-14);
    // It is the change that the noise is measured with, on the same inputs.
    expect(result.noiseFloor).toBeGreaterThanOrEqual(result.outputs[0]?.maxRelative ?? Number.POSITIVE_INFINITY);
    expect(result.maxRelative).toBeGreaterThan(5e-8);
  });

  it('are left alone where there are none', () => {
    const model = protoModel({
      inputs: { x: { type: 'float', dims: ['n', 4] } },
      outputs: { y: { type: 'float', dims: ['n', 4] } },
      nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }],
    });
    expect(permutedModel(readModel(model))).toBeNull();
  });
});

describe('the precision of a model', () => {
  it.each([
    ['ortquant_bert_dynamic', 'int8'],
    ['ortquant_vit_static', 'int8'],
    ['ortquant_llama_nbits', 'float32'],
    ['optimum_bert', 'float32'],
  ])('of %s is %s', (name, precision) => {
    expect(precisionOf(describeModel(readModel(fixture(name))).graph)).toBe(precision);
  });
});
