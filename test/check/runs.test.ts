import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model, type Tensor } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { grownBy, reread } from '../support/grown-model.ts';

const grownTo = (model: Model, ...runs: readonly string[]): Model => runs.reduce((now, step) => reread(grownBy(now, [step]).model), model);

/** A unit in the last place more. */
function nudged(x: number): number {
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, x);
  bits.setInt32(0, bits.getInt32(0) + 1);
  return bits.getFloat32(0);
}

/** The model with one number of one of the weights that growth corrected a unit off; `which` says what kind. */
function off(old: Model, now: Model, which: (tensor: Tensor) => boolean): Model {
  const before = (tensor: Tensor): Float64Array | undefined => {
    const own = old.graph.initializers.find(({ name }) => name === tensor.name);
    return own === undefined ? undefined : readNumbers(own);
  };
  const corrected = now.graph.initializers.find(
    (tensor) => tensor.dataType === DataType.FLOAT && which(tensor) && (before(tensor)?.[0] ?? readNumbers(tensor)[0]) !== readNumbers(tensor)[0],
  );
  if (corrected === undefined) throw new Error('growth corrected nothing of that kind');
  const numbers = readNumbers(corrected);
  numbers[0] = nudged(numbers[0] ?? 0);
  const changed = tensorFromNumbers(corrected.name, corrected.dataType, corrected.dims, numbers);
  return { ...now, graph: { ...now.graph, initializers: now.graph.initializers.map((own) => (own === corrected ? changed : own)) } };
}

const isGain = (tensor: Tensor): boolean => tensor.dims.length === 1 && (tensor.dims[0] ?? 0) > 1;

describe.each(['torchscript_paper', 'optimum_llama_gqa_past', 'dynamo_vit', 'dynamo_norm_rms_op23'])('%s grown', (name) => {
  const model = readModel(`fixtures/${name}.onnx`);

  test('in two runs is proved, and the rounding in between is said', () => {
    const result = checkModels(model, grownTo(model, 'hidden=+16', 'hidden=+11'));
    expect(result.findings).toEqual([]);
    expect(result.assumptions.filter((text) => text.includes('two runs'))).toEqual([expect.stringMatching(/through \d+ leave them/)]);
  });

  test('in one run takes nothing of the kind for granted', () => {
    const { proved, assumptions } = checkModels(model, grownTo(model, 'hidden=+27'));
    expect({ proved, several: assumptions.filter((text) => text.includes('two runs')) }).toEqual({ proved: true, several: [] });
  });

  test('with one number of a gain a unit off is not proved, in one run or two', () => {
    for (const runs of [['hidden=+27'], ['hidden=+16', 'hidden=+11']])
      expect(checkModels(model, off(model, grownTo(model, ...runs), isGain)).proved).toBe(false);
  });
});
