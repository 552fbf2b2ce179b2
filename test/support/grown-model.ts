/** Growing built transformers in tests, and looking at what became of their weights. */
import type { Model, Tensor } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { type Grown, growModel } from '../../src/transforms/grow.ts';
import { parseStep } from '../../src/transforms/recipe.ts';

export interface GrowSettings {
  readonly seed?: number;
  readonly norm?: 'auto' | 'native' | 'old-block';
}

/** Grows a model by steps as the command line writes them. */
export const grownBy = (model: Model, steps: readonly string[], { seed = 7, norm = 'auto' }: GrowSettings = {}): Grown =>
  growModel(model, steps.map(parseStep), { seed, norm, exposeOutputs: false });

/** The model as a user has it: written to bytes and read again. */
export const reread = (model: Model): Model => readModel(encodeModel(model));

/** The initializer of a name. */
export function weightOf(model: Model, name: string): Tensor {
  const tensor = model.graph.initializers.find((own) => own.name === name);
  if (tensor === undefined) throw new Error(`no weight ${name}`);
  return tensor;
}

/** Names of initializers that begin with a label of the builder, in graph order. */
export const namesOf = (model: Model, label: string): string[] =>
  model.graph.initializers.map((tensor) => tensor.name).filter((name) => new RegExp(`^${label}_\\d+$`).test(name));

/** A copy of a model with one weight's numbers changed. */
export function withNumbers(model: Model, name: string, change: (numbers: Float64Array, dims: readonly number[]) => void): Model {
  const tensor = weightOf(model, name);
  const numbers = readNumbers(tensor);
  change(numbers, tensor.dims);
  const changed = tensorFromNumbers(name, tensor.dataType, tensor.dims, numbers);
  return { ...model, graph: { ...model.graph, initializers: model.graph.initializers.map((own) => (own === tensor ? changed : own)) } };
}

/**
 * Where the elements of `old` stand in `now`, found by their values alone: an increasing list of indices per dimension, such
 * that every element is there bit for bit; null when there is none. Indices that no unique value settles are left out.
 */
export function embedding(old: Tensor, now: Tensor): readonly (readonly number[])[] | null {
  if (old.dims.length !== now.dims.length) return null;
  const [before, after] = [readNumbers(old), readNumbers(now)];
  const places = new Map<number, number>();
  for (const [i, value] of after.entries()) places.set(value, places.has(value) ? -1 : i);
  const maps = old.dims.map((size) => new Array<number>(size).fill(-1));
  for (const [i, value] of before.entries()) {
    const place = places.get(value);
    if (place === undefined) return null;
    if (place < 0) continue;
    const [from, to] = [indexOf(i, old.dims), indexOf(place, now.dims)];
    for (const [d, map] of maps.entries()) {
      const known = map[from[d] ?? 0] ?? -1;
      if (known >= 0 && known !== to[d]) return null;
      map[from[d] ?? 0] = to[d] ?? 0;
    }
  }
  const increasing = maps.every((map) => map.filter((at) => at >= 0).every((at, i, all) => i === 0 || at > (all[i - 1] ?? 0)));
  const equal = before.every((value, i) => {
    const place = indexOf(i, old.dims).map((at, d) => maps[d]?.[at] ?? -1);
    return place.includes(-1) || after[flatIndex(place, now.dims)] === value;
  });
  return increasing && equal ? maps : null;
}

function indexOf(flat: number, dims: readonly number[]): number[] {
  let rest = flat;
  const index: number[] = [];
  for (const size of [...dims].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}

const flatIndex = (index: readonly number[], dims: readonly number[]): number => dims.reduce((flat, size, d) => flat * size + (index[d] ?? 0), 0);
