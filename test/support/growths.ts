/** Growths of small models as tests: the right zeros are proved, what is proved is so in the runtime, and all that is said of faults is held. */
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { checkLines } from './judgement.ts';
import { type Grown, type Growth, grownModel, largest, outputOf, touched } from './leaves.ts';

/** The bigger model with one fault each: without the zeros of a weight, with another number in a weight, with other nodes. */
function faulty(own: Grown, growth: Growth, now: Model): readonly (readonly [string, Model])[] {
  const isFirst = growth === Object.values(own.grown)[0];
  const zeros = Object.keys(growth.zeros ?? {}).filter((name) => name.startsWith('w'));
  return [
    ...zeros.map((name) => [`no zeros in ${name}`, grownModel(own, { ...growth, zeros: { ...growth.zeros, [name]: 'none' } })] as const),
    ...Object.keys(own.weights).map((name) => [`another number in ${name}`, touched(now, name)] as const),
    ...Object.entries(isFirst ? (own.faults ?? {}) : {}).map(([fault, lines]) => [fault, grownModel(own, { ...growth, lines })] as const),
  ];
}

export function describeGrowths(groups: Readonly<Record<string, Readonly<Record<string, Grown>>>>): void {
  describe.each(Object.entries(groups))('%s', (_, cases) => {
    const each = Object.entries(cases).flatMap(([name, own]) =>
      Object.entries(own.grown).map(([growth, places]) => [`${name}: ${growth}`, own, places] as const),
    );
    test.each(each)('%s', async (name, own, growth) => {
      const old = grownModel(own, { places: {} });
      const now = grownModel(own, growth);
      const said = [['grown', now] as const, ...faulty(own, growth, now)].map(([what, model]) => ({ what, model, result: checkModels(old, model) }));
      const proved = said.filter(({ result }) => result.proved);
      expect(proved.some(({ model }) => model === now)).toBe(!name.includes(': not '));
      const before = proved.length === 0 ? [] : await outputOf(old, own, { places: {} });
      for (const { what, model } of proved) expect([what, largest(before, await outputOf(model, own, growth)) < 1e-5]).toEqual([what, true]);
      expect(Object.fromEntries(said.map(({ what, result }) => [what, checkLines(result)]))).toMatchSnapshot();
    });
  });
}
