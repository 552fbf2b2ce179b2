/**
 * Graphs that gain parameters, and which of these never get a gradient: by what is said of them, and by derivatives in the runtime. In most
 * graphs `x` gains a block that ends in a product with zeros, `wd`: what makes an operand of that product zero in front of it must be dead,
 * and so must the zeros that it meets.
 */
import { InferenceSession, Tensor as Value } from 'onnxruntime-node';
import { expect } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { type Attribute, DataType, type Model, type Node, type Tensor } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from './graph-builder.ts';
import { checkLines } from './judgement.ts';
import { node } from './small-graph.ts';
import { modelOf } from './small-model.ts';

export type IsZero = (...index: readonly number[]) => boolean;
/** Sizes of a weight and which of its elements are zero. */
export type Weight = readonly [dims: readonly number[], isZero?: IsZero];

export interface Case {
  /** Nodes of the new graph, separated by `;`; operators of other domains with their domain in front. */
  readonly now: string;
  readonly weights: Readonly<Record<string, Weight>>;
  /** `tensor elements (count)`; `unread` at the end where no output depends on them. */
  readonly dead: readonly string[];
  /** Nodes of the old graph, and its weights where they are smaller. */
  readonly old?: string;
  readonly oldWeights?: Readonly<Record<string, Weight>>;
  readonly inputs?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Two graphs, of which the condition `cond` picks one, with results `s` and `t`. */
  readonly branches?: readonly [then: readonly Node[], otherwise: readonly Node[]];
  readonly opset?: number;
  /** What the proof supposes. */
  readonly assumes?: readonly string[];
  /** Inputs of the old graph, where they are smaller. */
  readonly oldInputs?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs?: readonly string[];
  /** Weights are held by Constant nodes. */
  readonly inNodes?: boolean;
  /** The reason why derivatives by differences say less than the rules or more. */
  readonly unlikeDifferences?: string;
}

export const INPUTS: Readonly<Record<string, readonly (number | string)[]>> = { x: ['n', 4], z: ['n', 4], p: ['b', 'm', 4], q: [2, 3, 8], i: ['n'] };
const SIZES: Readonly<Record<string, number>> = { n: 8, m: 3, b: 2 };

export const zero: IsZero = () => true;
/** Zero at some indices of a dimension. */
export const at =
  (dim: number, ...indices: readonly number[]): IsZero =>
  (...index) =>
    indices.includes(index[dim] ?? -1);
/** Zero elements of a vector, rows and columns of a matrix. */
export const element = (...indices: readonly number[]): IsZero => at(0, ...indices);
export const row = (...indices: readonly number[]): IsZero => at(0, ...indices);
export const column = (...indices: readonly number[]): IsZero => at(1, ...indices);

const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

function indexOf(place: number, dims: readonly number[]): number[] {
  let rest = place;
  return [...dims]
    .reverse()
    .map((size) => {
      const own = rest % size;
      rest = Math.floor(rest / size);
      return own;
    })
    .reverse();
}

const separate = (lines: string): string[] => lines.split(';').filter((line) => line !== '');

/** The two graphs of an If, of whose nodes each gives one result. */
const branchesOf = (graphs: readonly (readonly Node[])[]): Attribute[] =>
  graphs.map((nodes, i): Attribute => {
    const name = i === 0 ? 'then_branch' : 'else_branch';
    const outputs = nodes.flatMap((own) => own.outputs.map((output) => ({ name: output, type: null })));
    return { name, kind: 'graph', value: { name, nodes, initializers: [], sparseInitializers: [], inputs: [], outputs, valueInfos: [] } };
  });

/** A model of lines, the weights that it reads filled with random numbers and zeros. */
function model(lines: string, weights: Readonly<Record<string, Weight>>, given: Case): Model {
  const dims = Object.fromEntries(Object.entries(weights).map(([name, [own]]) => [name, own]));
  const inputs = given.inputs ?? INPUTS;
  const made = modelOf({ ...inputs, ...dims }, separate(lines), given.opset ?? 17);
  const nodes = made.graph.nodes.map((own): Node => (own.opType === 'If' ? { ...own, attributes: branchesOf(given.branches ?? [[], []]) } : own));
  const read = new Set(
    [...nodes, ...nodes.flatMap((own) => own.attributes.flatMap((attribute) => (attribute.kind === 'graph' ? attribute.value.nodes : [])))].flatMap(
      (own) => own.inputs,
    ),
  );
  const initializers = [...made.graph.initializers, tensorFromNumbers('one', DataType.INT64, [], [1])]
    .filter(({ name }) => read.has(name))
    .map((own, place): Tensor => {
      const [sizes, isZero] = weights[own.name] ?? [];
      if (sizes === undefined) return own;
      const normal = normals(place + 11);
      const numbers = Array.from({ length: count(sizes) }, (_, i) => (isZero?.(...indexOf(i, sizes)) === true ? 0 : 0.5 + Math.abs(normal())));
      return tensorFromNumbers(own.name, own.dataType, own.dims, numbers);
    });
  const constants =
    given.inNodes === true
      ? initializers.map((value): Node => node('Constant', [], [value.name], { attributes: [{ name: 'value', kind: 'tensor', value }] }))
      : [];
  return {
    ...made,
    graph: {
      ...made.graph,
      nodes: [...constants, ...nodes],
      initializers: given.inNodes === true ? [] : initializers,
      inputs: made.graph.inputs.filter(({ name }) => read.has(name)),
      outputs: (given.outputs ?? ['y']).map((name) => ({ name, type: null })),
    },
  };
}

function pairOf(given: Case): { readonly old: Model; readonly now: Model } {
  const now = model(given.now, given.weights, given);
  const bare = model(given.old ?? 'Identity(x) -> y', { ...given.weights, ...given.oldWeights }, given);
  // old numbers are those of the new model at the same places
  const initializers = bare.graph.initializers.map((own) => {
    const same = now.graph.initializers.find(({ name }) => name === own.name);
    if (same === undefined || own.dataType !== DataType.FLOAT) return own;
    const all = readNumbers(same);
    const strides = same.dims.map((_, d) => count(same.dims.slice(d + 1)));
    const numbers = Array.from(
      { length: count(own.dims) },
      (_, i) => all[indexOf(i, own.dims).reduce((sum, index, d) => sum + index * (strides[d] ?? 1), 0)] ?? 0,
    );
    return tensorFromNumbers(own.name, own.dataType, own.dims, numbers);
  });
  // both have the same inputs
  const inputs = now.graph.inputs.map((own) => ({
    ...own,
    type: { elemType: own.type?.elemType ?? DataType.FLOAT, dims: given.oldInputs?.[own.name] ?? own.type?.dims ?? [] },
  }));
  return { old: { ...bare, graph: { ...bare.graph, initializers, inputs } }, now };
}

/** Which elements a report names. */
function isNamed(elements: string, index: readonly number[]): boolean {
  const inRanges = (text: string, i: number): boolean =>
    text.split(', ').some((range) => {
      const [from = 0, to = from] = range.split('..').map(Number);
      return from <= i && i <= to;
    });
  return elements.split(' and ').some((part) => {
    if (part === 'all') return true;
    if (part.startsWith('['))
      return part
        .slice(1, -1)
        .split('; ')
        .every((ranges, d) => inRanges(ranges, index[d] ?? 0));
    const [, what = '', dimension, ranges = ''] = /^(elements?|rows?|columns?|dimension (\d+) ind\w+) (.*)$/.exec(part) ?? [];
    return inRanges(ranges, index[dimension === undefined ? (what.startsWith('column') ? 1 : 0) : Number(dimension)] ?? 0);
  });
}

/**
 * Elements of new weights without a derivative, by central differences: those that are dead stay as they are, all others are random.
 * Differences of what is linear in one element are exact but for roundings.
 */
async function withoutGradient(old: Model, now: Model, isDead: (tensor: string, index: readonly number[]) => boolean): Promise<readonly string[]> {
  const weights = now.graph.initializers.filter((own) => own.dataType === DataType.FLOAT && count(own.dims) > 1);
  const open: Model = {
    ...now,
    graph: {
      ...now.graph,
      initializers: now.graph.initializers.filter((own) => !weights.includes(own)),
      inputs: [...now.graph.inputs, ...weights.map(({ name, dims }) => ({ name, type: { elemType: DataType.FLOAT, dims } }))],
    },
  };
  const session = await InferenceSession.create(encodeModel(open), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const normal = normals(3);
  const feeds: Record<string, Value> = {};
  for (const { name, type } of now.graph.inputs) {
    const dims = (type?.dims ?? []).map((size) => (typeof size === 'number' ? size : (SIZES[size ?? ''] ?? 2)));
    feeds[name] =
      type?.elemType === DataType.INT64
        ? new Value(
            'int64',
            BigInt64Array.from({ length: count(dims) }, (_, i) => BigInt(i % 3)),
            dims,
          )
        : new Value('float32', Float32Array.from({ length: count(dims) }, normal), dims);
  }
  const numbers = new Map(
    weights.map((own) => [own.name, Float32Array.from(readNumbers(own), (stored, i) => (isDead(own.name, indexOf(i, own.dims)) ? stored : 0.4 * normal()))]),
  );
  const outputs = old.graph.outputs.map(({ name }) => name);
  const results = async (): Promise<number[]> => {
    const given = weights.map(({ name, dims }) => [name, new Value('float32', numbers.get(name) ?? new Float32Array(), [...dims])] as const);
    const found = await session.run({ ...feeds, ...Object.fromEntries(given) }, outputs);
    return outputs.flatMap((name) => Array.from((found[name] as Value).data as Float32Array));
  };
  const flat: string[] = [];
  const before = new Map(old.graph.initializers.map((own) => [own.name, own.dims]));
  for (const own of weights) {
    const values = numbers.get(own.name) ?? new Float32Array();
    for (const [i, stored] of values.entries()) {
      const index = indexOf(i, own.dims);
      if (before.get(own.name)?.every((size, d) => (index[d] ?? 0) < size) === true) continue;
      values[i] = stored + 0.125;
      const more = await results();
      values[i] = stored - 0.125;
      const less = await results();
      values[i] = stored;
      if (more.every((own, o) => Math.abs(own - (less[o] ?? 0)) < 1e-5)) flat.push(`${own.name} ${index.join()}`);
    }
  }
  await session.release();
  return flat;
}

/** `MatMul(x, wu)` without some columns, so that `h` is zero there. */
export const U = 'MatMul(x, wu) -> h';
export const wu: Weight = [[4, 6], column(1, 4)];
export const D = 'MatMul(g, wd) -> e;Add(x, e) -> y';
export const rows = (size: number): Weight => [[size, 4], zero];

/** What is dead where columns 1 and 4 of `h` meet rows of zeros. */
export const MET: readonly string[] = ['wu columns 1, 4 (8)', 'wd rows 1, 4 (8)'];

/** What is said of dead elements. */
const deadLine = (elements: string): string =>
  elements.endsWith(' unread')
    ? `dead ${elements.slice(0, -' unread'.length)}: no output depends on it`
    : `dead ${elements}: what it is multiplied with is zero and gets no gradient either`;

/** Holds a case against check, and what is dead against derivatives in the runtime. */
export async function expectDead(given: Case): Promise<void> {
  const { old, now } = pairOf(given);
  const result = checkModels(old, now);
  expect(checkLines(result)).toEqual(['proved', ...(given.assumes ?? []), ...given.dead.map(deadLine)]);
  const dead = result.alive?.dead ?? [];
  if (given.unlikeDifferences !== undefined) return;
  const isDead = (tensor: string, index: readonly number[]): boolean => dead.some((own) => own.tensor === tensor && isNamed(own.elements, index));
  const named = now.graph.initializers.flatMap(({ name, dims }) =>
    Array.from({ length: count(dims) }, (_, i) => indexOf(i, dims)).flatMap((index) => (isDead(name, index) ? [`${name} ${index.join()}`] : [])),
  );
  expect(await withoutGradient(old, now, isDead)).toEqual(named);
}
