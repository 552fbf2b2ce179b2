/** Numbers in attributes that are not finite: zeros behind them do not take away what they make. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { type Typed, typed } from '../support/typed-graph.ts';

const stored: Typed['stored'] = {
  zero: [[], [0]],
  w: [
    [2, 2],
    [1, 2, 3, 4],
  ],
};
const old = (line: string): Model => typed({ inputs: { x: ['n', 2] }, lines: [`${line} -> o`, 'Add(x, o) -> y'], stored });
/** The old graph, and a branch whose product with zero is added. */
const grown = (line: string, branch: string): Model =>
  typed({ inputs: { x: ['n', 2] }, lines: [`${line} -> o`, `${branch} -> c`, 'Mul(c, zero) -> z', 'Add(x, o) -> s', 'Add(s, z) -> y'], stored });

const BRANCHES = ['LeakyRelu(x) alpha=NUMBER', 'Gemm(x, w) alpha=NUMBER', 'Selu(x) gamma=NUMBER', 'HardSigmoid(x) beta=NUMBER'];

/** True when all that a model computes is finite. */
async function isFinite(model: Model): Promise<boolean> {
  const session = await InferenceSession.create(encodeModel(model), { logSeverityLevel: 4 });
  const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(-1, 0, 2, 0.5), [2, 2]) });
  await session.release();
  return y !== undefined && [...(y.data as Float32Array)].every(Number.isFinite);
}

describe('an attribute of what is new', () => {
  test.each(BRANCHES)('%s', async (branch) => {
    const before = old('Sin(x)');
    const [finite, infinite] = ['0.5', 'NaN'].map((number) => grown('Sin(x)', branch.replace('NUMBER', number))) as [Model, Model];
    expect([await isFinite(finite), await isFinite(infinite)]).toEqual([true, false]);
    expect(checkModels(before, finite).findings).toEqual([]);
    for (const number of ['NaN', 'Infinity', '-Infinity']) {
      const { findings } = checkModels(before, grown('Sin(x)', branch.replace('NUMBER', number)));
      expect(findings.map(({ kind, message }) => `${kind} ${message}`).join()).toMatch(
        new RegExp(`refuted ${branch.split('(')[0]}: its attribute \\w+ is ${number}, which is not finite`),
      );
    }
  });

  test('is found in the branch of an If', () => {
    const choice = (number: string): Model =>
      typed({
        inputs: { x: ['n', 2] },
        lines: ['Sin(x) -> o', 'Greater(x, zero) -> h', 'Cast(h) to=1 -> f', 'ReduceMax(f) keepdims=0 -> m', 'Cast(m) to=9 -> g']
          .concat(`If(g) {Elu(x) alpha=${number} -> p} {Neg(x) -> q} -> c`)
          .concat('Mul(c, zero) -> z', 'Add(x, o) -> s', 'Add(s, z) -> y'),
        stored,
      });
    expect(checkModels(old('Sin(x)'), choice('0.5')).findings).toEqual([]);
    expect(checkModels(old('Sin(x)'), choice('NaN')).findings.map(({ message }) => message)).toContain('Elu: its attribute alpha is NaN, which is not finite');
  });

  test('may be what it is in the old graph', () => {
    const line = 'ThresholdedRelu(x) alpha=Infinity';
    expect(checkModels(old(line), grown(line, line)).findings).toEqual([]);
    expect(checkModels(old(line), grown(line, line.replace('Infinity', '-Infinity'))).proved).toBe(false);
  });
});
