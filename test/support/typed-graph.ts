/** Graphs of a few lines of text whose constants are given, in any type. */
import { DataType, type Model, type Tensor } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { modelOf } from './small-model.ts';

type Dims = readonly (number | string)[];

/** A constant: dimensions, numbers, and a type that is float where none is given. */
export type Stored = readonly [dims: readonly number[], numbers: ArrayLike<number>, type?: number];

export interface Typed {
  /** Float inputs, and those whose names start with `i`, of int64. */
  readonly inputs?: Readonly<Record<string, Dims>>;
  readonly lines: readonly string[];
  readonly stored?: Readonly<Record<string, Stored>>;
  readonly opset?: number;
}

/** `com.microsoft.Op(…) -> y` is an operator of another domain; float matrices x are read where no inputs are given. */
export function typed({ inputs = { x: ['n', 'm'] }, lines, stored = {}, opset = 21 }: Typed): Model {
  const made = modelOf(inputs, lines, opset);
  const tensors = Object.entries(stored).map(([name, [dims, numbers, type = DataType.FLOAT]]) => tensorFromNumbers(name, type, dims, numbers));
  return {
    ...made,
    irVersion: 10,
    graph: { ...made.graph, initializers: [...made.graph.initializers, ...tensors] },
  };
}

/** The graph with one stored number changed: the first, a middle or the last one of each constant; `except` are constants or places that are left out. */
export function numberChanges(own: Typed, except: readonly string[] = []): readonly (readonly [what: string, changed: Typed])[] {
  return Object.entries(own.stored ?? {}).flatMap(([name, [dims, numbers, type = DataType.FLOAT]]) => {
    const places = [...new Set([0, numbers.length >> 1, numbers.length - 1])].filter((at) => !except.includes(name) && !except.includes(`${name}[${at}]`));
    return places.map((at) => {
      const tensor: Tensor = tensorFromNumbers(name, type, dims, numbers);
      const changed = readNumbers(tensor);
      changed[at] = other(changed[at] ?? 0, type);
      return [`${name}[${at}]`, { ...own, stored: { ...own.stored, [name]: [dims, changed, type] } }] as const;
    });
  });
}

const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16];

/** Another number of a type, and one of the range of every type. */
function other(x: number, type: number): number {
  if (type === DataType.BOOL) return 1 - x;
  if (FLOATS.includes(type)) return Number.isFinite(x) ? x + 0.25 + Math.abs(x) / 2 : 1;
  return x > 0 ? x - 1 : x + 1;
}

/** `count` numbers from `of`. */
export const numbers = (count: number, of: (i: number) => number): Float64Array => Float64Array.from({ length: count }, (_, i) => of(i));
