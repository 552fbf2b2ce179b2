/** Runs models of the test builder in onnxruntime, in this process and without graph optimisation. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { DataType, type Model, type ValueInfo } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { LONGEST, VOCABULARY } from './architecture.ts';
import { normals } from './graph-builder.ts';

/** Sizes of one run: tokens per step, the later ones on the cache of the earlier. */
export interface RunSizes {
  readonly batch: number;
  readonly steps: readonly number[];
  readonly seed: number;
}

type Outputs = Readonly<Record<string, Tensor>>;

/** A loaded model. */
export interface Loaded {
  /** All outputs per step. */
  run(sizes: RunSizes): Promise<readonly Outputs[]>;
  release(): Promise<void>;
}

const OPTIONS: InferenceSession.SessionOptions = { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

/** Loads a model from its bytes, or encodes it first. */
export async function load(model: Model, bytes: Uint8Array = encodeModel(model)): Promise<Loaded> {
  const session = await InferenceSession.create(bytes, OPTIONS);
  return {
    release: () => session.release(),
    async run({ batch, steps, seed }) {
      const results: Outputs[] = [];
      let caches = emptyCaches(model, batch);
      let total = 0;
      for (const [index, tokens] of steps.entries()) {
        total += tokens;
        const outputs = await session.run({ ...feeds(model, batch, tokens, total, seed + index), ...caches });
        results.push(outputs);
        caches = Object.fromEntries(Object.keys(caches).map((name) => [name, outputs[name.replace('past_key_values', 'present')] as Tensor]));
      }
      return results;
    },
  };
}

const isCache = (input: ValueInfo): boolean => input.name.startsWith('past_key_values');

const tensorOf = (elemType: number, numbers: readonly number[], dims: readonly number[]): Tensor =>
  elemType === DataType.DOUBLE
    ? new Tensor('float64', Float64Array.from(numbers), dims)
    : elemType === DataType.FLOAT
      ? new Tensor('float32', Float32Array.from(numbers), dims)
      : new Tensor('int64', BigInt64Array.from(numbers.map(BigInt)), dims);

function emptyCaches(model: Model, batch: number): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    model.graph.inputs
      .filter(isCache)
      .map((input) => [input.name, tensorOf(input.type?.elemType ?? 0, [], [batch, Number(input.type?.dims?.[1]), 0, Number(input.type?.dims?.[3])])]),
  );
}

/** Random feeds; every row but the first begins with masked tokens where there is a mask. */
function feeds(model: Model, batch: number, tokens: number, total: number, seed: number): Readonly<Record<string, Tensor>> {
  const normal = normals(seed);
  return Object.fromEntries(
    model.graph.inputs
      .filter((input) => !isCache(input))
      .map((input) => {
        const elemType = input.type?.elemType ?? 0;
        if (input.name === 'mask')
          return [
            input.name,
            tensorOf(
              elemType,
              Array.from({ length: batch * total }, (_, i) => (i % total < Math.floor(i / total) && i % total < total - 1 ? 0 : 1)),
              [batch, total],
            ),
          ];
        const width = input.name === 'ids' ? 1 : Number(input.type?.dims?.[2]);
        const numbers = Array.from({ length: batch * tokens * width }, normal);
        const ids = numbers.map((x) => Math.min(VOCABULARY - 1, Math.floor(Math.abs(x) * 6)));
        return [input.name, input.name === 'ids' ? tensorOf(elemType, ids, [batch, tokens]) : tensorOf(elemType, numbers, [batch, tokens, width])];
      }),
  );
}

/** Runs that fit every model of the builder: two lengths, several rows; with a cache a step on it. */
export function runsFor(model: Model, seed: number): readonly RunSizes[] {
  const cached = model.graph.inputs.some(isCache);
  return cached
    ? [
        { batch: 2, steps: [4, 1, 2], seed },
        { batch: 1, steps: [1, 3], seed: seed + 10 },
      ]
    : [
        { batch: 2, steps: [5], seed },
        { batch: 3, steps: [LONGEST / 2], seed: seed + 10 },
        { batch: 1, steps: [1], seed: seed + 20 },
      ];
}

/** Largest |Δ| / largest |y| over the outputs both models have, caches left out; Infinity where shapes differ, NaN where numbers are not finite. */
export async function largestDifference(old: Loaded, grown: Loaded, runs: readonly RunSizes[]): Promise<number> {
  let worst = 0;
  for (const sizes of runs) {
    const [before, after] = [await old.run(sizes), await grown.run(sizes)];
    before.forEach((outputs, step) => {
      for (const [name, tensor] of Object.entries(outputs)) if (!name.startsWith('present')) worst = Math.max(worst, difference(tensor, after[step]?.[name]));
    });
  }
  return worst;
}

function difference(a: Tensor, b: Tensor | undefined): number {
  if (b === undefined || a.dims.join() !== b.dims.join()) return Number.POSITIVE_INFINITY;
  const [x, y] = [a.data as Float64Array, b.data as Float64Array];
  let [top, gap] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    top = Math.max(top, Math.abs(x[i] ?? 0));
    gap = Math.max(gap, Math.abs((x[i] ?? 0) - (y[i] ?? 0)));
    if (!Number.isFinite(y[i] ?? Number.NaN) || !Number.isFinite(x[i] ?? Number.NaN)) return Number.NaN;
  }
  return top === 0 ? gap : gap / top;
}
