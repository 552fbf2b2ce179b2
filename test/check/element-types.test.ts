/** What is added to a graph must not mix element types: such a graph does not run, whatever zeros its result is multiplied with. */
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { type Typed, typed } from '../support/typed-graph.ts';

const OLD: Typed = { lines: ['Relu(x) -> y'] };
/** y = Relu(x) + 0 · (what the lines make as `c`). */
const added = (...lines: readonly string[]): Typed => ({
  lines: ['Relu(x) -> r', 'Size(x) -> s', 'Cast(s) to=1 -> f', 'Greater(x, f) -> b', ...lines, 'Mul(c, zero) -> z', 'Add(r, z) -> y'],
  stored: {
    zero: [[], [0]],
    w: [
      [2, 2],
      [1, 2, 3, 4],
    ],
  },
});

/** Lines with %, which stands for a value of float in the right graph and of whole numbers or truth values in the wrong one. */
const CASES: readonly (readonly [lines: string, right: string, wrong: string])[] = [
  ...['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum', 'Mean', 'PRelu'].map((op) => [`${op}(r, %) -> c`, 'f', 's'] as const),
  ['Clip(r, %) -> c', 'f', 's'],
  ['Where(b, r, %) -> c', 'f', 's'],
  ['Greater(r, %) -> d;Cast(d) to=1 -> c', 'f', 's'],
  ['Unsqueeze(%, [0]) -> u;Unsqueeze(f, [0]) -> v;Concat(v, u) axis=0 -> d;ReduceSum(d, [0]) keepdims=0 -> c', 'f', 's'],
  ['And(b, %) -> d;Cast(d) to=1 -> c', 'b', 's'],
];

const runs = async (own: Typed): Promise<boolean> =>
  InferenceSession.create(encodeModel(typed(own)), { logSeverityLevel: 4 }).then(
    () => true,
    () => false,
  );

describe('element types of what is new', () => {
  test.each(CASES)('%s', async (lines, right, wrong) => {
    const [fits, mixes] = [right, wrong].map((name) => added(...lines.replaceAll('%', name).split(';')));
    if (fits === undefined || mixes === undefined) throw new Error('two graphs');
    expect([await runs(fits), await runs(mixes)]).toEqual([true, false]);
    expect(checkModels(typed(OLD), typed(fits)).findings).toEqual([]);
    expect(checkModels(typed(OLD), typed(mixes)).findings.map(({ kind, message }) => [kind, message.replace(/^\w+: /, '')])).toContainEqual([
      'refuted',
      'its operands have different element types',
    ]);
  });

  test('a graph that mixed them before is not blamed for it', () => {
    const mixed: Typed = { lines: ['Size(x) -> s', 'Mul(x, s) -> y'] };
    expect(checkModels(typed(mixed), typed(mixed)).proved).toBe(true);
  });
});
