/** Models in float64 whose norms are spelled: the runtime's optimiser puts such a norm together, with an epsilon in float32. */
import { expect, it } from 'vitest';
import { verify } from '../../src/index.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, namesOf, withNumbers } from '../support/grown-model.ts';

const SPELLED: Architecture = { ...PLAIN, placement: 'post', finalNorm: false, layers: 3, hidden: 16 };

it.each([1e-3, 1e-5])('a new layer of a post-norm model with ε = %d moves it by what the optimiser rounds', async (epsilon) => {
  const old = buildTransformer({ ...SPELLED, epsilon });
  const { model } = grownBy(old, ['layers=+1'], { seed: 3 });
  const right = await verify(old, model);
  expect(right).toMatchObject({ verdict: 'rounding', worst: null });
  // The optimiser does it: the difference is far above rounding in float64, and not there without it.
  expect(right.maxRelative).toBeGreaterThan(5e-11);
  expect(right.float64).toBeLessThan(1e-14);

  // A change of that size which is in the file is one.
  const [gain = ''] = namesOf(model, 'gain');
  const wrong = await verify(
    old,
    withNumbers(model, gain, (numbers) => numbers.set([(numbers[0] ?? 0) * (1 + 1e-9)])),
  );
  expect(wrong.verdict).toBe('changed');
});
