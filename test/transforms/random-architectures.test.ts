import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { growModel } from '../../src/transforms/grow.ts';
import { parseStep } from '../../src/transforms/recipe.ts';
import { type Architecture, architectures, buildTransformer } from '../support/architecture.ts';
import { grownBy, reread, weightOf } from '../support/grown-model.ts';
import { LONG, runs, SEED } from '../support/long.ts';
import { grownOrRefused } from '../support/random-case.ts';
import { recipes, widthSteps } from '../support/recipes.ts';

interface Case {
  readonly a: Architecture;
  readonly steps: readonly string[];
}

const cases = architectures.chain((a) => recipes(a).map((steps): Case => ({ a, steps })));
const widthCases = architectures.chain((a) => widthSteps(a).map((steps): Case => ({ a, steps })));
const parameters = (count: number): { numRuns: number; seed: number; endOnFailure: boolean } => ({ numRuns: runs(count), seed: SEED, endOnFailure: !LONG });

describe(`random architectures (seed ${SEED})`, () => {
  it('grow to the same bytes from the same seed, and leave the model given alone', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const model = reread(buildTransformer(one.a));
        const before = encodeModel(model);
        const first = grownOrRefused(model, one.steps);
        const again = grownOrRefused(reread(model), one.steps);
        if (first === null || again === null) return;
        expect(Buffer.compare(encodeModel(first), encodeModel(again))).toBe(0);
        expect(Buffer.compare(encodeModel(model), before)).toBe(0);
      }),
      parameters(40),
    );
  });

  it('grow to the same bytes in any order of widths', () => {
    fc.assert(
      fc.property(
        widthCases.chain((one) => fc.shuffledSubarray([...one.steps], { minLength: one.steps.length }).map((shuffled) => ({ ...one, shuffled }))),
        ({ a, steps, shuffled }) => {
          const model = reread(buildTransformer(a));
          const [first, second] = [steps, shuffled].map((order) =>
            encodeModel(growModel(model, order.map(parseStep), { seed: 3, norm: 'auto', exposeOutputs: false }).model),
          );
          expect(Buffer.compare(first ?? new Uint8Array(), second ?? new Uint8Array())).toBe(0);
        },
      ),
      parameters(40),
    );
  });

  it('have other new elements for another seed', () => {
    const [a] = fc.sample(architectures, { seed: SEED, numRuns: 1 }) as [Architecture];
    const model = reread(buildTransformer(a));
    const [one, two] = [1, 2].map((seed) => encodeModel(grownBy(model, ['mlp=x2'], { seed }).model));
    expect(Buffer.compare(one ?? new Uint8Array(), two ?? new Uint8Array())).not.toBe(0);
  });

  it('get gains and epsilons of native norms times √(h/ĥ) and h/ĥ, rounded once', () => {
    fc.assert(
      fc.property(
        architectures.filter((a) => a.placement === 'pre' && a.norm === 'rms' && a.normForm !== 'l2'),
        fc.integer({ min: 1, max: 9 }),
        (a, more) => {
          const model = reread(buildTransformer({ ...a, qkNorm: 'none' }));
          const grown = grownBy(model, [`hidden=+${more}`], { norm: 'native' }).model;
          const factor = a.hidden / (a.hidden + more);
          for (const { name } of model.graph.initializers) {
            const by = name.startsWith('gain_') ? Math.sqrt(factor) : name.startsWith('epsilon_') ? factor : null;
            if (by === null) continue;
            const old = readNumbers(weightOf(model, name));
            expect([...readNumbers(weightOf(grown, name)).slice(0, old.length)]).toEqual([...old].map((x) => x * by));
          }
        },
      ),
      parameters(20),
    );
  });
});
