/** Numeric derivatives of what a model computes by its weights, in float64 and in onnxruntime. */
import { DataType, type Model, type Tensor } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { runCase } from '../../src/verify/execute.ts';
import { explore } from '../../src/verify/explore.ts';
import { castModel } from '../../src/verify/float64/cast-model.ts';
import { describe } from '../../src/verify/interface.ts';
import { openSession, type Session } from '../../src/verify/runtime.ts';
import { asNumbers, isFloat, makeValues } from '../../src/verify/values.ts';
import { normals } from './graph-builder.ts';
import { embedding } from './grown-model.ts';

/** Numbers by the name of the weight. */
export type Weights = ReadonlyMap<string, Float64Array>;

/** A model in float64 whose weights are inputs. */
export interface Trainable {
  readonly weights: Weights;
  /** A random linear function of the outputs; caches do not count. */
  loss(weights: Weights): Promise<number>;
  release(): Promise<void>;
}

/** Opens a model as a function of its weights; `outputs` are those that count. */
export async function openTrainable(model: Model, outputs: readonly string[]): Promise<Trainable> {
  const spec = describe(model);
  const first = await openSession(encodeModel(model), { level: 'basic', threads: 1, provider: 'cpu' });
  const explored = await explore(spec, first, 0, true);
  await first.release();
  if ('reason' in explored) throw new Error(explored.reason);
  const planned = explored.cases.find((own) => own.steps.length > 1) ?? explored.cases[0];
  if (planned === undefined) throw new Error('no case');
  const double = castModel(model).model;
  const isWeight = (tensor: Tensor): boolean => tensor.dataType === DataType.DOUBLE && tensor.dims.reduce((a, b) => a * b, 1) > 1;
  const held = double.graph.initializers.filter(isWeight);
  const asInputs = held.map((tensor) => ({ name: tensor.name, type: { elemType: DataType.DOUBLE, dims: tensor.dims } }));
  const open: Model = {
    ...double,
    graph: {
      ...double.graph,
      initializers: double.graph.initializers.filter((tensor) => !isWeight(tensor)),
      inputs: [...double.graph.inputs, ...asInputs],
    },
  };
  const session = await openSession(encodeModel(open), { level: 'disabled', threads: 1, provider: 'cpu' });
  const wide = <T extends (typeof spec.inputs)[number] | (typeof spec.caches)[number]>(own: T): T =>
    isFloat(own.type) ? { ...own, type: 'float64' as const } : own;
  const doubled = { ...spec, inputs: spec.inputs.map(wide), caches: spec.caches.map(wide) };
  return {
    weights: new Map(held.map((tensor) => [tensor.name, readNumbers(tensor)])),
    release: () => session.release(),
    async loss(weights) {
      const given = held.map((tensor) => {
        const numbers = weights.get(tensor.name) ?? readNumbers(tensor);
        return [tensor.name, makeValues('float64', tensor.dims, (i) => numbers[i] ?? 0)] as const;
      });
      const fed: Session = { ...session, run: (feeds) => session.run(new Map([...feeds, ...given])) };
      const steps = await runCase(
        { ...explored.source, model: doubled },
        { session: fed, model: doubled, assignment: explored.source.assignment, map: null },
        planned,
      );
      let sum = 0;
      const factor = normals(5);
      for (const step of steps)
        for (const name of outputs) for (const x of asNumbers(step.get(name) ?? makeValues('float64', [0], () => 0))) sum += x * factor();
      return sum;
    },
  };
}

/** Elements of weights: their numbers in row order, by name. */
export type Elements = ReadonlyMap<string, readonly number[]>;

/** Weights with random numbers added at some elements. */
export function shaken(weights: Weights, elements: Elements, size: number, seed: number): Weights {
  const normal = normals(seed);
  const changed = [...elements].map(([name, places]): [string, Float64Array] => {
    const numbers = Float64Array.from(weights.get(name) ?? []);
    for (const place of places) numbers[place] = (numbers[place] ?? 0) + size * normal();
    return [name, numbers];
  });
  return new Map([...weights, ...changed]);
}

const STEP = 1e-5;
/** Derivatives above this are no rounding: losses are of the order 10 and differences are taken over 2e-5. */
const ROUNDING = 1e-6;

/** True when the loss changes in a random direction of some elements, to first order: by central differences that do not vanish with the step. */
export async function hasGradient(model: Trainable, weights: Weights, elements: Elements, seed: number): Promise<boolean> {
  const at = async (step: number): Promise<number> =>
    Math.abs((await model.loss(shaken(weights, elements, step, seed))) - (await model.loss(shaken(weights, elements, -step, seed)))) / (2 * step);
  const slope = await at(STEP);
  return slope > ROUNDING && (await at(STEP / 8)) > slope / 4;
}

/** Elements of weights that only the new model has. */
export function newElements(old: Model, now: Model, weights: Weights): Elements {
  const before = new Map(old.graph.initializers.map((tensor) => [tensor.name, tensor]));
  return new Map(
    now.graph.initializers.flatMap((tensor): [string, number[]][] => {
      const numbers = weights.get(tensor.name);
      const from = before.get(tensor.name);
      if (numbers === undefined) return [];
      if (from !== undefined && from.dims.join() === tensor.dims.join()) return [];
      const maps = from === undefined ? null : embedding(from, tensor);
      const inside = maps?.map((list) => new Set(list));
      const isNew = (place: number): boolean => inside === undefined || indexOf(place, tensor.dims).some((at, d) => inside[d]?.has(at) !== true);
      const places = [...numbers.keys()].filter(isNew);
      return places.length === 0 ? [] : [[tensor.name, places]];
    }),
  );
}

export function indexOf(place: number, dims: readonly number[]): number[] {
  let rest = place;
  const index: number[] = [];
  for (const size of [...dims].reverse()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
}
