/**
 * A small model and a bigger one, where every dimension is written in named sizes: `E.k+E.k` is two parts of E heads of k elements each. The
 * bigger model holds the old numbers wherever all indices are old ones.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { modelOf } from './small-model.ts';

export interface Leaves {
  /** Nodes, separated by `;`. `{E.k}` stands for the number of elements of a dimension. */
  readonly lines: string;
  /** Names that start with `w`: dimensions, separated by spaces. */
  readonly weights: Readonly<Record<string, string>>;
  /** Further inputs besides x [1 3 4], or x itself; those that start with `i` are integers 0, 1, 2 … */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Constants that are one number. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Constants of int32. */
  readonly counts?: Readonly<Record<string, readonly [dims: readonly number[], numbers: readonly number[]]>>;
  /** Sizes in the small model. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Sizes that are made of others: `c+c`, `c.two`. */
  readonly made?: Readonly<Record<string, string>>;
  /** Sizes that the models do not say. */
  readonly symbols?: readonly string[];
  readonly outputs?: readonly string[];
  readonly opset?: number;
}

export interface Growth {
  /** For each size the old index of each new one, −1 for new elements. */
  readonly places: Readonly<Record<string, readonly number[]>>;
  /**
   * Which new elements of a tensor are zero: `k` those of new k, `k@1` in the second part of a sum, `k:3` those of index 3. All others are random.
   */
  readonly zeros?: Readonly<Record<string, string>>;
  /** What the old numbers of a tensor are multiplied with. */
  readonly factors?: Readonly<Record<string, number>>;
  /** A part of the lines that is another in the bigger model. */
  readonly lines?: readonly [from: string, to: string];
}

/** Growths of one small model by name; those whose name starts with `not` are not proved. Faults replace parts of the bigger model's lines. */
export interface Grown extends Leaves {
  readonly grown: Readonly<Record<string, Growth>>;
  readonly faults?: Readonly<Record<string, readonly [from: string, to: string]>>;
}

/** One index of a dimension: its old one or −1, the part of a sum that it lies in, and its new indices by size. */
interface Index {
  readonly old: number;
  readonly part: number;
  readonly fresh: readonly (readonly [leaf: string, index: number])[];
}

function indices(spec: string, own: Leaves, places: Growth['places']): { readonly list: readonly Index[]; readonly old: number } {
  const parts = spec.split('+').map((part) =>
    part.split('.').reduce<{ list: readonly Index[]; old: number }>(
      (outer, leaf) => {
        const inner = leafIndices(leaf, own, places);
        return {
          list: outer.list.flatMap((a) =>
            inner.list.map(
              (b): Index => ({ old: a.old < 0 || b.old < 0 ? -1 : a.old * inner.old + b.old, part: a.part + b.part, fresh: [...a.fresh, ...b.fresh] }),
            ),
          ),
          old: outer.old * inner.old,
        };
      },
      { list: [{ old: 0, part: 0, fresh: [] }], old: 1 },
    ),
  );
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  let start = 0;
  const list: Index[] = [];
  for (const [part, { list: all, old }] of parts.entries()) {
    list.push(...all.map((index) => ({ ...index, part, old: index.old < 0 ? -1 : start + index.old })));
    start += old;
  }
  return { list, old: start };
}

function leafIndices(leaf: string, own: Leaves, places: Growth['places']): { readonly list: readonly Index[]; readonly old: number } {
  const made = own.made?.[leaf];
  if (made !== undefined) return indices(made, own, places);
  const size = own.sizes[leaf] ?? Number(leaf);
  const all = places[leaf] ?? Array.from({ length: size }, (_, i) => i);
  return { list: all.map((old, i): Index => ({ old, part: 0, fresh: old < 0 ? [[leaf, i]] : [] })), old: size };
}

const isZero = (wanted: string, index: Index): boolean =>
  wanted.split(' ').some((own) => {
    const [, leaf = '', part, at] = /^(\w+)(?:@(\d+))?(?::(\d+))?$/.exec(own) ?? [];
    return (part === undefined || index.part === Number(part)) && index.fresh.some(([name, i]) => name === leaf && (at === undefined || i === Number(at)));
  });

const hashOf = (name: string, place: readonly number[]): number =>
  [...name].reduce((sum, c) => sum + c.charCodeAt(0), 0) + place.reduce((sum, k) => 3.7 * sum + k + 1, 0.3);

/** The numbers of a tensor: those of the small model at old places. */
function numbersOf(
  name: string,
  spec: string,
  own: Leaves,
  { places, zeros = {}, factors = {} }: Growth,
): { readonly dims: readonly number[]; readonly numbers: number[] } {
  const dims = spec.split(' ').map((dim) => indices(dim, own, places).list);
  const all = dims.reduce<readonly (readonly Index[])[]>((outer, dim) => outer.flatMap((place) => dim.map((index) => [...place, index])), [[]]);
  const numbers = all.map((place, i) => {
    const isNew = place.some(({ old }) => old < 0);
    const wanted = zeros[name];
    if (isNew && wanted !== undefined && place.some((index) => isZero(wanted, index))) return 0;
    return isNew
      ? 0.9 * Math.sin(hashOf(`${name}new`, [i]))
      : (factors[name] ?? 1) *
          Math.sin(
            hashOf(
              name,
              place.map(({ old }) => old),
            ),
          );
  });
  return { dims: dims.map((dim) => dim.length), numbers };
}

/** The model with sizes that grew. */
export function grownModel(own: Leaves, growth: Growth): Model {
  const count = (spec: string): number => indices(spec, own, growth.places).list.length;
  const [from = '', to = ''] = growth.lines ?? [];
  const lines = own.lines
    .replace(from, to)
    .replace(/\{([^}]*)\}/g, (_, spec: string) => String(count(spec)))
    .split(';');
  const tensors = Object.entries(own.weights).map(([name, spec]) => [name, numbersOf(name, spec, own, growth)] as const);
  const inputs = Object.entries({ x: '1 3 4', ...own.inputs }).map(
    ([name, spec]) => [name, spec.split(' ').map((dim) => (own.symbols?.includes(dim) === true ? dim : count(dim)))] as const,
  );
  const made = modelOf({ ...Object.fromEntries(inputs), ...Object.fromEntries(tensors.map(([name, { dims }]) => [name, dims])) }, lines, own.opset ?? 17);
  const numbers = new Map(tensors.map(([name, { numbers: all }]) => [name, all]));
  return {
    ...made,
    graph: {
      ...made.graph,
      initializers: [
        ...made.graph.initializers.map((tensor) => {
          const all = numbers.get(tensor.name);
          return all === undefined ? tensor : tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, all);
        }),
        ...Object.entries(own.scalars ?? {}).map(([name, number]) => tensorFromNumbers(name, DataType.FLOAT, [], [number])),
        ...Object.entries(own.counts ?? {}).map(([name, [dims, all]]) => tensorFromNumbers(name, DataType.INT32, dims, all)),
      ],
      outputs: (own.outputs ?? ['y']).map((name) => ({ name, type: null })),
    },
  };
}

/** The sizes and numbers of `y` as the runtime computes it; inputs with sizes that grew hold the old numbers and, at new places, what `zeros` leaves. */
export async function outputOf(model: Model, own: Leaves, growth: Growth): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const feeds = Object.entries({ x: '1 3 4', ...own.inputs }).map(([name, spec]): [string, Tensor] => {
    const { dims, numbers } = numbersOf(name, spec, own, growth);
    return [
      name,
      name.startsWith('i')
        ? new Tensor(
            'int64',
            BigInt64Array.from(numbers, (_, i) => BigInt(i)),
            dims,
          )
        : new Tensor('float32', Float32Array.from(numbers), dims),
    ];
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  const { dims = [], data = [] } = results.y ?? {};
  return [...dims, ...Array.from(data, Number)];
}

/** The largest difference, relative to numbers above 1. */
export const largest = (a: readonly number[], b: readonly number[]): number =>
  a.length !== b.length ? Infinity : Math.max(...a.map((own, i) => Math.abs(own - (b[i] ?? 0)) / (1 + Math.abs(own))));

/** The model with the first number of a weight changed. */
export const touched = (model: Model, name: string): Model => ({
  ...model,
  graph: {
    ...model.graph,
    initializers: model.graph.initializers.map((own) => {
      const numbers = readNumbers(own);
      return own.name === name ? tensorFromNumbers(name, own.dataType, own.dims, numbers.with(0, (numbers[0] ?? 0) + 0.25)) : own;
    }),
  },
});
