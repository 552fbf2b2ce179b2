/** Small graphs in their own floats and cast to float64, both run in onnxruntime on the same random numbers. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { castModel } from '../../src/verify/float64/cast-model.ts';
import { normals } from './graph-builder.ts';
import { type Stored, typed } from './typed-graph.ts';

/** Lines of a graph, sizes of its float inputs, and what else it stores: numbers of its own, or so many random ones. */
export interface Small {
  readonly lines: readonly string[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly stored?: Readonly<Record<string, Stored>>;
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  readonly opset: number;
}

/** All outputs, by their place. */
type Results = readonly { readonly dims: readonly number[]; readonly numbers: readonly number[] }[];

const OPTIONS: InferenceSession.SessionOptions = { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Random numbers of standard deviation 1, such as float32 holds. */
export const randomFloats = (seed: number, count: number): readonly number[] => Array.from({ length: count }, normals(seed)).map(Math.fround);

/** The graph with its weights drawn. */
export function smallGraph({ lines, inputs, stored = {}, weights = {}, opset }: Small): Model {
  const drawn = Object.entries(weights).map(([name, dims], i): [string, Stored] => [name, [dims, randomFloats(100 + i, sizeOf(dims))]]);
  const made = typed({ lines, inputs, stored: { ...stored, ...Object.fromEntries(drawn) }, opset });
  const nodes = made.graph.nodes.map((own) => ({ ...own, outputs: own.outputs.map((name) => (name === "''" ? '' : name)) }));
  return { ...made, graph: { ...made.graph, nodes, outputs: made.graph.outputs.filter(({ name }) => name !== "''") } };
}

/** What a model gives for its float inputs, which are drawn. */
export async function outputsOf(model: Model): Promise<Results> {
  const session = await InferenceSession.create(encodeModel(model), OPTIONS);
  const feeds = model.graph.inputs.map(({ name, type }, i) => {
    const dims = (type?.dims ?? []).map(Number);
    const numbers = randomFloats(i + 1, sizeOf(dims));
    const isDouble = type?.elemType === DataType.DOUBLE;
    return [name, isDouble ? new Tensor('float64', Float64Array.from(numbers), dims) : new Tensor('float32', Float32Array.from(numbers), dims)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return session.outputNames.map((name) => {
    const { dims, data } = results[name] as Tensor;
    return { dims, numbers: Array.from(data as Float64Array, Number) };
  });
}

/** What a graph gives in its own floats and in float64. */
export async function bothWays(small: Small): Promise<{ readonly own: Results; readonly cast: Results }> {
  const model = smallGraph(small);
  return { own: await outputsOf(model), cast: await outputsOf(castModel(model).model) };
}

/** max|Δ|/max|y| over each output; Infinity where shapes differ or a number is not finite. */
export function distances(own: Results, cast: Results): readonly number[] {
  return own.map(({ dims, numbers }, i) => {
    const other = cast[i];
    if (other === undefined || other.dims.join() !== dims.join() || !numbers.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
    const gap = Math.max(...numbers.map((x, at) => Math.abs(x - (other.numbers[at] ?? Number.NaN))));
    return Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap / (Math.max(...numbers.map(Math.abs)) || 1);
  });
}
