/** Growth done slightly wrong must be seen: by the outputs, and by verify. */
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { type Architecture, buildTransformer } from '../support/architecture.ts';
import { grownBy, namesOf, reread, weightOf, withNumbers } from '../support/grown-model.ts';
import { saved } from '../support/proto-model.ts';
import { largestDifference, load, runsFor } from '../support/run-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const PLAIN: Architecture = {
  seed: 5,
  opset: 17,
  float: 'float32',
  layers: 2,
  hidden: 8,
  groups: 2,
  perGroup: 1,
  qk: 6,
  v: 5,
  mlp: 11,
  norm: 'rms',
  normForm: 'div-sqrt',
  normBias: false,
  epsilon: 1e-2,
  placement: 'pre',
  entryNorm: false,
  residual: 1,
  layerScale: false,
  finalNorm: true,
  projection: 'separate',
  headLayout: 'four',
  repeat: 'expand',
  scale: 'div',
  bias: true,
  rope: 'none',
  qkNorm: 'none',
  mask: 'none',
  cache: false,
  activation: 'relu',
  gate: 'none',
  entry: 'tokens',
  exit: 'untied',
  weights: 'direct',
  shapes: 'constant',
};

/** Rounding in float32, with room: what the true growth may differ by. */
const ROUNDING = 2e-6;

interface Control {
  readonly name: string;
  readonly a?: Partial<Architecture>;
  readonly steps: readonly string[];
  readonly norm?: 'native' | 'old-block';
  /** What is done to the grown model; `old` is the model before. */
  readonly wrong: (grown: Model, old: Model) => Model;
}

const first = (model: Model, label: string): string => namesOf(model, label)[0] ?? '';

/** Puts a number where growth had to put a zero. */
function poked(model: Model, label: string, at: (dims: readonly number[]) => readonly [number, number]): Model {
  return withNumbers(model, first(model, label), (numbers, dims) => {
    const [row, column] = at(dims);
    const index = row * (dims[1] ?? 1) + column;
    expect(numbers[index]).toBe(0);
    numbers[index] = 0.5;
  });
}

/** Takes a correction back: the old elements are what they were. */
const restored = (grown: Model, old: Model, label: string): Model =>
  namesOf(old, label).reduce((model, name) => withNumbers(model, name, (numbers) => numbers.set(readNumbers(weightOf(old, name)))), grown);

const CONTROLS: readonly Control[] = [
  { name: 'a non-zero row of W2 for a new hidden unit', steps: ['mlp=+3'], wrong: (grown) => poked(grown, 'down', () => [11, 2]) },
  { name: 'a non-zero row of W_O for a new head', steps: ['heads=+1'], wrong: (grown) => poked(grown, 'output', () => [10, 3]) },
  { name: 'a non-zero row of W_O inside a head for a new value', steps: ['v=+2'], wrong: (grown) => poked(grown, 'output', () => [5, 3]) },
  { name: 'a non-zero column of W_K', steps: ['qk=+2'], wrong: (grown) => poked(grown, 'key', () => [2, 6]) },
  { name: 'a non-zero new column of a writer', steps: ['hidden=+4'], wrong: (grown) => poked(grown, 'down', () => [3, 8]) },
  {
    name: 'a non-zero new column of the embedding under old-block norms',
    steps: ['hidden=+4'],
    norm: 'old-block',
    wrong: (grown) => poked(grown, 'table', () => [1, 9]),
  },
  { name: 'a non-zero writer of a new layer', steps: ['layers=+1'], wrong: (grown, old) => pokedCopy(grown, old) },
  { name: 'epsilon not rescaled', steps: ['hidden=+4'], norm: 'native', wrong: (grown, old) => restored(grown, old, 'epsilon') },
  { name: 'gains not rescaled', steps: ['hidden=+4'], norm: 'native', wrong: (grown, old) => restored(grown, old, 'gain') },
  {
    name: 'the score scale recomputed for the new width',
    steps: ['qk=+2'],
    wrong: (grown) => withNumbers(grown, first(grown, 'scale'), (numbers) => numbers.fill(Math.sqrt(8))),
  },
  {
    name: 'LayerNorm filled with zeros instead of means',
    a: { norm: 'layer' },
    steps: ['hidden=+4'],
    norm: 'native',
    wrong: (grown) =>
      withNumbers(grown, first(grown, 'table'), (numbers) =>
        numbers.forEach((_, i) => {
          if (i % 12 >= 8) numbers[i] = 0;
        }),
      ),
  },
  {
    name: 'a new norm bias under mean fill',
    a: { norm: 'layer', normBias: true, exit: 'untied' },
    steps: ['hidden=+4'],
    norm: 'native',
    wrong: (grown) =>
      withNumbers(grown, first(grown, 'norm_bias'), (numbers) => {
        numbers[9] = 0.5;
      }),
  },
];

function pokedCopy(grown: Model, old: Model): Model {
  const names = new Set(old.graph.initializers.map((tensor) => tensor.name));
  const copy = grown.graph.initializers.find((tensor) => !names.has(tensor.name) && tensor.dims.length === 2 && readNumbers(tensor).every((x) => x === 0));
  if (copy === undefined) throw new Error('no zero matrix among the new ones');
  return withNumbers(grown, copy.name, (numbers) => {
    numbers[5] = 0.5;
  });
}

describe('negative controls', () => {
  it.each(CONTROLS)('$name changes the outputs, and verify says so', async ({ a, steps, norm, wrong }) => {
    const old = reread(buildTransformer({ ...PLAIN, ...a }));
    const grown = grownBy(old, steps, norm === undefined ? {} : { norm }).model;
    const bad = wrong(grown, old);
    const [before, after, broken] = [await load(old), await load(grown), await load(bad)];
    const cases = runsFor(old, 3);
    expect(await largestDifference(before, after, cases)).toBeLessThan(ROUNDING);
    expect(await largestDifference(before, broken, cases)).toBeGreaterThan(50 * ROUNDING);
    const folder = temporaryFolder();
    const [oldFile, goodFile, badFile] = [
      ['old', old],
      ['good', grown],
      ['bad', bad],
    ].map(([name, model]) => saved(folder, `${name as string}.onnx`, encodeModel(model as Model))) as [string, string, string];
    expect((await verifyModels(oldFile, goodFile)).verdict).toMatch(/^(bit-exact|rounding)$/);
    expect((await verifyModels(oldFile, badFile)).verdict).toBe('changed');
  });

  it('a random new key bias changes what is computed on a cache of the old model', async () => {
    const old = reread(buildTransformer({ ...PLAIN, float: 'float64', cache: true }));
    const grown = grownBy(old, ['qk=+2']).model;
    expect(await gapOnOldCache(old, grown)).toBeLessThan(1e-12);
    const biased = withNumbers(grown, first(grown, 'key_bias'), (numbers) => {
      expect(numbers[7]).toBe(0);
      numbers[7] = 0.5;
    });
    expect(await gapOnOldCache(old, biased)).toBeGreaterThan(1e-4);
  });
});

/** One step of the old model, then the next of both on its cache, widened by zeros for the new one. */
async function gapOnOldCache(old: Model, grown: Model): Promise<number> {
  const { InferenceSession } = await import('onnxruntime-node');
  const [before, after] = await Promise.all(
    [old, grown].map((model) => InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 })),
  );
  if (before === undefined || after === undefined) throw new Error('no sessions');
  const ids = (numbers: readonly number[]): Tensor => new Tensor('int64', BigInt64Array.from(numbers.map(BigInt)), [1, numbers.length]);
  const cacheNames = old.graph.inputs.map((input) => input.name).filter((name) => name.startsWith('past'));
  const empty = (model: Model): Record<string, Tensor> =>
    Object.fromEntries(
      cacheNames.map((name) => [
        name,
        new Tensor(
          'float64',
          new Float64Array(0),
          model.graph.inputs.find((input) => input.name === name)?.type?.dims?.map((dim) => (dim === 'batch' ? 1 : dim === 'past' ? 0 : Number(dim))) ?? [],
        ),
      ]),
    );
  const start = await before.run({ ids: ids([1, 4, 2]), ...empty(old) });
  const cache = Object.fromEntries(cacheNames.map((name) => [name, start[name.replace('past_key_values', 'present')] as Tensor]));
  const wide = Object.fromEntries(
    cacheNames.map((name) => [name, widened(cache[name] as Tensor, Number(grown.graph.inputs.find((input) => input.name === name)?.type?.dims?.[3]))]),
  );
  const [x, y] = [await before.run({ ids: ids([7, 3]), ...cache }), await after.run({ ids: ids([7, 3]), ...wide })].map(
    (outputs) => (outputs.logits as Tensor).data as Float64Array,
  );
  await Promise.all([before.release(), after.release()]);
  return Math.max(...(x ?? []).map((value, i) => Math.abs(value - (y?.[i] ?? Number.NaN))));
}

function widened(tensor: Tensor, width: number): Tensor {
  const now = tensor.dims[3] ?? 1;
  const rows = tensor.size / now;
  const data = new Float64Array(rows * width);
  for (let row = 0; row < rows; row++) data.set((tensor.data as Float64Array).subarray(row * now, (row + 1) * now), row * width);
  return new Tensor('float64', data, [...tensor.dims.slice(0, 3), width]);
}
