/** Random cases that were not proved once, made as small as they go, each with faults in what its proof looks at. */
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';
import { grownBy, reread, weightOf, withNumbers } from '../support/grown-model.ts';

interface Found {
  readonly name: string;
  readonly a: Partial<Architecture>;
  readonly steps: readonly string[];
  /** Weights whose numbers the proof rests on. */
  readonly faults: RegExp;
}

const CASES: readonly Found[] = [
  { name: 'a mask that is the first to say where elements are', a: { entry: 'floats', exit: 'state' }, steps: ['hidden=x2'], faults: /_old_mask$/ },
  { name: 'E[x²] − E[x]² over means', a: { layers: 1, normForm: 'flax' }, steps: ['hidden=x1.5'], faults: /^(gain|epsilon|table)_/ },
  {
    name: 'a chain of norms whose gain is multiplied with 1/σ first',
    a: { layers: 1, normForm: 'flax', placement: 'post' },
    steps: ['layers=+1'],
    faults: /^(gain|epsilon)_/,
  },
  {
    name: 'a gain that is corrected by what the divisor says',
    a: { layers: 1, normForm: 'unbiased' },
    steps: ['hidden=x2'],
    faults: /^(gain|epsilon|width_ratio)_/,
  },
];

/** A fault too small for any tolerance, in the first element that is not zero, and one that moves elements where they differ. */
const faultsOf = (model: Model, name: string): readonly Model[] => {
  const own = readNumbers(weightOf(model, name));
  const at = own.findIndex((x) => x !== 0);
  const scaled = withNumbers(model, name, (numbers) => {
    numbers[at] = (numbers[at] ?? 0) * (1 + 2 ** -40);
  });
  const turned = withNumbers(model, name, (numbers) => void numbers.set([...numbers.slice(1), numbers[0] ?? 0]));
  return own.some((x) => x !== own[0]) ? [scaled, turned] : [scaled];
};

describe('found cases', () => {
  test.each(CASES.map((own) => [own.name, own] as const))('%s', (_, { a, steps, faults }) => {
    const model = reread(buildTransformer({ ...PLAIN, ...a }));
    const grown = reread(grownBy(model, steps).model);
    expect(checkModels(model, grown).findings).toEqual([]);
    const read = new Set(grown.graph.nodes.flatMap((node) => node.inputs));
    const names = grown.graph.initializers.map((own) => own.name).filter((name) => faults.test(name) && read.has(name));
    expect(names).not.toEqual([]);
    const missed = names.filter((name) => faultsOf(grown, name).some((faulty) => checkModels(model, faulty).proved));
    expect(missed).toEqual([]);
  });
});
