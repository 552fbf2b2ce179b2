/** A width between two matrices, in a small model and in a bigger one that computes the same. */
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from './graph-builder.ts';
import { modelOf } from './small-model.ts';

/** How nodes between the matrices are written, and what the numbers in them are for a width. */
export interface Between {
  /** Lines that make `c` of `h`, both [1 T width]. */
  readonly lines: (width: number) => readonly string[];
  /** Further weights by name (starting with `w`): sizes, and numbers for old places (−1 stands for a new one). */
  readonly weights?: Readonly<Record<string, { readonly dims: (width: number) => readonly number[]; readonly at: (place: readonly number[]) => number }>>;
  readonly opset?: number;
}

/** Where each index of the bigger width was; −1 for new ones, which do not stand behind all old ones. */
export const PLACES: readonly number[] = [0, -1, 1, 2, -1];
export const OLD_WIDTH = 3;

/**
 * y = c · B, where c is made of h = x · A. In the bigger model A has random new columns and B new rows of zeros, at `places`; `rows`
 * replaces the zeros, `columns` the random numbers.
 */
export function widened({ lines, weights = {}, opset = 17 }: Between, places: readonly number[], rows = 0, columns?: number): Model {
  const width = places.length;
  const given = Object.entries(weights).map(([name, own]) => [name, own.dims(width)] as const);
  const model = modelOf(
    { x: [1, 'T', 4], wa: [4, width], wb: [width, 2], ...Object.fromEntries(given) },
    ['MatMul(x, wa) -> h', ...lines(width), 'MatMul(c, wb) -> y'],
    opset,
  );
  const normal = normals(11);
  const old = Array.from({ length: 6 * OLD_WIDTH }, normal);
  const numbers = (name: string, dims: readonly number[]): number[] =>
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, flat) => {
      const place: number[] = [];
      for (let [d, rest] = [dims.length - 1, flat]; d >= 0; rest = Math.floor(rest / (dims[d] ?? 1)), d--) place[d] = rest % (dims[d] ?? 1);
      const [i = 0, j = 0] = place;
      const at = (k: number): number => places[k] ?? -1;
      if (name === 'wa') return at(j) < 0 ? (columns ?? normal()) : (old[OLD_WIDTH * i + at(j)] ?? 0);
      if (name === 'wb') return at(i) < 0 ? rows : (old[4 * OLD_WIDTH + 2 * at(i) + j] ?? 0);
      return weights[name]?.at(place.map((k, d) => (dims[d] === width ? at(k) : k))) ?? 0;
    });
  const initializers = model.graph.initializers.map((own) =>
    own.dataType === DataType.FLOAT ? tensorFromNumbers(own.name, own.dataType, own.dims, numbers(own.name, own.dims)) : own,
  );
  return { ...model, graph: { ...model.graph, initializers } };
}

/** The model before growth. */
export const original = (between: Between): Model => widened(between, [0, 1, 2]);
