import { type Attribute, DataType, type Model, type Node, type Tensor, type ValueInfo } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';

/** A dimension of a Reshape target: a size, or where to take it from when the graph runs. */
export type Part = number | { readonly of: string; readonly dim: number; readonly times?: number };

/** Collects nodes and weights; every method returns the name of the value it makes. */
export interface GraphBuilder {
  op(type: string, inputs: readonly string[], attributes?: Readonly<Record<string, number | string | readonly number[]>>): string;
  /** A node with several results. */
  ops(type: string, inputs: readonly string[], outputs: number, attributes?: Readonly<Record<string, number | string | readonly number[]>>): readonly string[];
  /** Random normal numbers: `mean + deviation · z`. */
  random(label: string, dims: readonly number[], deviation: number, mean?: number): string;
  floats(label: string, dims: readonly number[], numbers: readonly number[]): string;
  ints(numbers: readonly number[], dims?: readonly number[]): string;
  /** Sum over the given axes kept as size 1; axes are an attribute or an input, as the opset wants. */
  reduceMean(x: string, axis: number): string;
  unsqueeze(x: string, axis: number): string;
  /** A size of a value as an int64 scalar. */
  size(x: string, dim: number): string;
  /** Concatenated sizes: what exporters write for view(...). */
  shape(parts: readonly Part[]): string;
  input(name: string, elemType: number, dims: readonly (number | string)[]): string;
  /** Names a value and makes it an output of the graph. */
  output(name: string, value: string, dims: readonly (number | string)[]): void;
  finish(): Model;
}

/** A stream of standard normal numbers for a seed. */
export function normals(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

const attributesOf = (given: Readonly<Record<string, number | string | readonly number[]>>): Attribute[] =>
  Object.entries(given).map(([name, value]): Attribute => {
    if (typeof value === 'string') return { name, kind: 'string', value };
    if (typeof value !== 'number') return { name, kind: 'ints', value };
    return name === 'epsilon' ? { name, kind: 'float', value } : { name, kind: 'int', value };
  });

/** Starts a graph for an opset of ai.onnx whose floats are of one type. */
export function graphBuilder(opset: number, floatType: number, seed: number): GraphBuilder {
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  const normal = normals(seed);
  let count = 0;
  const fresh = (label: string): string => `${label}_${count++}`;
  const add = (name: string, type: number, dims: readonly number[], numbers: readonly number[]): string => {
    initializers.push(tensorFromNumbers(name, type, dims, numbers));
    return name;
  };
  const builder: GraphBuilder = {
    ops(type, from, results, attributes = {}) {
      const names = Array.from({ length: results }, () => fresh(type));
      nodes.push({ opType: type, domain: '', name: fresh(`node_${type}`), inputs: from, outputs: names, attributes: attributesOf(attributes) });
      return names;
    },
    op: (type, from, attributes) => builder.ops(type, from, 1, attributes)[0] ?? '',
    floats: (label, dims, numbers) => add(fresh(label), floatType, dims, numbers),
    ints: (numbers, dims = [numbers.length]) => add(fresh('ints'), DataType.INT64, dims, numbers),
    random: (label, dims, deviation, mean = 0) =>
      builder.floats(
        label,
        dims,
        Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => mean + deviation * normal()),
      ),
    reduceMean: (x, axis) =>
      opset >= 18 ? builder.op('ReduceMean', [x, builder.ints([axis])], { keepdims: 1 }) : builder.op('ReduceMean', [x], { axes: [axis], keepdims: 1 }),
    unsqueeze: (x, axis) => builder.op('Unsqueeze', [x, builder.ints([axis])]),
    size: (x, dim) => builder.op('Gather', [builder.op('Shape', [x]), builder.ints([dim], [])], { axis: 0 }),
    shape: (parts) => {
      const pieces = parts.map((part) => {
        if (typeof part === 'number') return builder.ints([part]);
        const size = builder.size(part.of, part.dim);
        return builder.unsqueeze(part.times === undefined ? size : builder.op('Mul', [size, builder.ints([part.times], [])]), 0);
      });
      return builder.op('Concat', pieces, { axis: 0 });
    },
    input(name, elemType, dims) {
      inputs.push({ name, type: { elemType, dims } });
      return name;
    },
    output(name, value, dims) {
      nodes.push({ opType: 'Identity', domain: '', name: fresh('node_output'), inputs: [value], outputs: [name], attributes: [] });
      outputs.push({ name, type: { elemType: floatType, dims } });
    },
    finish: () => ({
      irVersion: 8,
      opsetImports: [{ domain: '', version: opset }],
      producerName: 'onnx-grow tests',
      producerVersion: '',
      graph: { name: 'transformer', nodes, initializers, sparseInitializers: [], inputs, outputs, valueInfos: [] },
      functions: [],
      metadata: [],
    }),
  };
  return builder;
}
