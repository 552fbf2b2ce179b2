/** Random cases that were not proved once, made as small as they go, each with faults in what its proof looks at. */
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
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
  {
    name: 'rows of new heads and of new value channels, whose new columns are no zeros',
    a: { layers: 2, placement: 'parallel' },
    steps: ['heads=+2', 'v=+2', 'layers=+1@before:1', 'hidden=x2'],
    faults: /^output_\d+$/,
  },
  {
    name: 'gains that meet nothing but 1/σ before any constant says where old elements are, but the pads of the input',
    a: { layers: 2, normForm: 'keras', placement: 'post', entry: 'floats', epsilon: 0.001 },
    steps: ['layers=+1@before:0', 'hidden=+1'],
    faults: /^(gain|epsilon|norm_bias)_\d+(_merged)?$/,
  },
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
  {
    name: 'a chain of norms over a width that grew before',
    a: { layers: 1, norm: 'rms', placement: 'post' },
    steps: ['hidden=+3', 'layers=+1@before:0'],
    faults: /^(gain|epsilon)_/,
  },
  {
    name: 'a new last layer whose new channels nobody reads',
    a: { layers: 1, finalNorm: false },
    steps: ['layers=+1@end', 'hidden=x1.5'],
    faults: /^head_/,
  },
  {
    name: 'a chain of norms that scale x and its mean apart',
    a: { layers: 1, normForm: 'keras', placement: 'post' },
    steps: ['layers=+1'],
    faults: /^(gain|epsilon|norm_bias)_\d+(_merged)?$/,
  },
  {
    name: 'a new layer with a cache of its own whose gain is zero at old channels',
    a: { layers: 1, placement: 'both', cache: true },
    steps: ['layers=+1@after:0', 'hidden=+3'],
    faults: /^head_/,
  },
  {
    name: 'x and its mean that are scaled apart, of which nothing is left at new places',
    a: { layers: 1, normForm: 'keras' },
    steps: ['hidden=+3'],
    faults: /^(table|gain|norm_bias|epsilon|head)_/,
  },
  {
    name: 'new rows of a weight that are zero beside old columns only',
    a: { normForm: 'div-sqrt', placement: 'pre', finalNorm: false },
    steps: ['mlp=+5', 'layers=+1@after:0', 'hidden=+3'],
    faults: /^down_/,
  },
  {
    name: 'a new layer one of whose sizes is that of a width that grew',
    a: { layers: 1, mlp: 12, placement: 'both' },
    steps: ['layers=+1@before:0', 'hidden=x1.5'],
    faults: /^(table|gain|norm_bias|output|down)_\d+$|^output_\d+_1$/,
  },
  {
    name: 'masks with other numbers at new places, behind a branch that is zero at old ones',
    a: { layers: 1, placement: 'both', exit: 'state' },
    steps: ['hidden=x2', 'layers=+1@after:-1', 'hidden=+3'],
    faults: /_old_mask$|^(gain|norm_bias)_\d+$/,
  },
  {
    name: 'a chain of norms that scale x and its mean apart, over a width that grew before',
    a: { layers: 1, normForm: 'keras', placement: 'post' },
    steps: ['hidden=+1', 'layers=+1@after:0'],
    faults: /^(gain|norm_bias|epsilon)_\d+_(1|merged)$/,
  },
  {
    name: 'norms of old channels with a constant joined on where new ones are zero',
    a: { layers: 1, normForm: 'fused', placement: 'both', exit: 'state' },
    steps: ['hidden=+1', 'layers=+2@after:-1', 'hidden=x2'],
    faults: /^(gain|norm_bias)_\d+_grown$/,
  },
  {
    name: 'a mean that is stretched over widths of two kinds and one size',
    a: { layers: 1, qk: 6, v: 2, qkNorm: 'layer' },
    steps: ['v=+1', 'qk=x2', 'kv-heads=x2'],
    faults: /_old_mask$|^(gain|epsilon)_/,
  },
  {
    name: 'a chain of five norms over a width that grew twice',
    a: { hidden: 7, qk: 6, v: 2, mlp: 5, norm: 'rms', placement: 'post', bias: false, gate: 'separate', entry: 'tokens+positions' },
    steps: ['layers=+2', 'hidden=x2', 'hidden=+3'],
    faults: /^(gain|epsilon)_\d+(_1_1|(_1)?_merged)$/,
  },
  {
    name: 'a chain of norms of a new layer whose keys have the size of a width that grew',
    a: { layers: 1, qk: 2, normForm: 'flax', placement: 'post' },
    steps: ['layers=+1@end', 'heads=+1', 'kv-heads[0]=+1'],
    faults: /^(gain|epsilon)_\d+_(1|merged)$/,
  },
];

test('a new parameter that is infinite is no new parameter of a proof, though it is multiplied with zeros', () => {
  const model = reread(buildTransformer({ ...PLAIN, layers: 1 }));
  const grown = reread(grownBy(model, ['layers=+1']).model);
  const added = grown.graph.initializers.filter((own) => own.dataType !== DataType.INT64 && own.name.endsWith('_1') && own.dims.length === 2);
  expect(added.length).toBeGreaterThan(3);
  for (const { name } of added) {
    const faulty = withNumbers(grown, name, (numbers) => {
      numbers[0] = Number.POSITIVE_INFINITY;
    });
    expect({ name, proved: checkModels(model, faulty).proved }).toEqual({ name, proved: false });
  }
});

test('a new layer must add nothing to old channels, even where its new ones may hold anything', () => {
  const model = reread(buildTransformer({ ...PLAIN, layers: 1, finalNorm: false }));
  const grown = reread(grownBy(model, ['layers=+1@end', 'hidden=x1.5']).model);
  const columns = (name: string): number[] => {
    const { dims } = weightOf(grown, name);
    const numbers = readNumbers(weightOf(grown, name));
    return [...Array(dims[1]).keys()].filter((j) => Array.from({ length: dims[0] ?? 0 }, (_, i) => numbers[i * (dims[1] ?? 0) + j]).every((x) => x === 0));
  };
  const added = grown.graph.initializers.map((own) => own.name).filter((name) => /^(down|output)_\d+_1$/.test(name));
  expect(added.length).toBe(2);
  for (const name of added) {
    const zero = columns(name);
    expect(zero.length).toBeGreaterThanOrEqual(8);
    const faulty = withNumbers(grown, name, (numbers) => {
      numbers[zero[3] ?? 0] = 0.5;
    });
    expect(checkModels(model, faulty).proved).toBe(false);
  }
});

test('the gain of a new branch must be zero at old channels, whatever is multiplied with it', () => {
  const model = reread(buildTransformer({ ...PLAIN, layers: 1, placement: 'both', exit: 'state' }));
  const grown = reread(grownBy(model, ['hidden=x2', 'layers=+1@after:-1', 'hidden=+3']).model);
  const gains = grown.graph.initializers.filter(
    (own) =>
      own.name.startsWith('gain') &&
      readNumbers(own)
        .slice(0, 8)
        .every((x) => x === 0),
  );
  expect(gains.length).toBe(2);
  for (const { name } of gains) {
    const faulty = withNumbers(grown, name, (numbers) => {
      numbers[3] = 0.5;
    });
    expect(checkModels(model, faulty).proved).toBe(false);
  }
});

/** A fault too small for any tolerance, in the first element that is not zero, and one that moves elements where they differ. */
const faultsOf = (model: Model, name: string): readonly Model[] => {
  const own = readNumbers(weightOf(model, name));
  const at = own.findIndex((x) => x !== 0);
  const scaled = withNumbers(model, name, (numbers) => {
    numbers[Math.max(at, 0)] = at < 0 ? 0.25 : (numbers[at] ?? 0) * (1 + 2 ** -40);
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
