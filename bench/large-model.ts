/** Writes a Llama-shaped model of several GB with its weights beside it, without holding them in memory. */
import path from 'node:path';
import { type Attribute, DataType, type Model, type Node, type Tensor } from '../src/onnx/ir.ts';
import { tensorFromNumbers } from '../src/onnx/tensor.ts';
import { writeModel } from '../src/onnx/write.ts';

export interface LargeModel {
  readonly layers: number;
  readonly hidden: number;
  readonly mlp: number;
  readonly heads: number;
  readonly vocabulary: number;
}

/** About 3 GB of float32 weights. */
export const THREE_GB: LargeModel = { layers: 14, hidden: 2048, mlp: 5632, heads: 16, vocabulary: 16000 };

/** Pseudo-random weights that repeat after 4 MiB: enough variety for a benchmark, and nothing to compute while writing. */
const BLOCK = new Uint8Array(Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i * 12.9898) * 0.02).buffer);

function weight(name: string, dims: readonly number[]): Tensor {
  const size = 4 * dims.reduce((a, b) => a * b, 1);
  const read = (at: number, length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const part = BLOCK.subarray((at + done) % BLOCK.length, ((at + done) % BLOCK.length) + length - done);
      bytes.set(part, done);
      done += part.length;
    }
    return bytes;
  };
  return { name, dataType: DataType.FLOAT, dims, data: { size, read } };
}

/** Writes `model.onnx`, its weights beside it, into a folder; returns the model's path. */
export async function writeLargeModel(folder: string, size: LargeModel): Promise<string> {
  const file = path.join(folder, 'model.onnx');
  await writeModel(llama(size), file, { externalData: 'always' });
  return file;
}

const ints = (name: string, value: readonly number[]): Attribute => ({ name, kind: 'ints', value });
const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });

function llama({ layers, hidden, mlp, heads, vocabulary }: LargeModel): Model {
  const nodes: Node[] = [];
  const initializers: Tensor[] = [];
  const width = hidden / heads;
  let count = 0;
  const op = (opType: string, inputs: readonly string[], attributes: readonly Attribute[] = []): string => {
    const output = `${opType.toLowerCase()}_${count++}`;
    nodes.push({ opType, domain: '', name: `node_${output}`, inputs, outputs: [output], attributes });
    return output;
  };
  const add = (tensor: Tensor): string => {
    initializers.push(tensor);
    return tensor.name;
  };
  const constant = (name: string, type: number, dims: readonly number[], numbers: readonly number[]): string =>
    add(tensorFromNumbers(name, type, dims, numbers));
  const two = constant('two', DataType.FLOAT, [], [2]);
  const epsilon = constant('epsilon', DataType.FLOAT, [], [1e-5]);
  const scale = constant('scale', DataType.FLOAT, [], [Math.sqrt(width)]);
  const split = constant('split', DataType.INT64, [4], [0, 0, heads, width]);
  const merge = constant('merge', DataType.INT64, [3], [0, 0, hidden]);
  const rms = (x: string, name: string): string => {
    const root = op('Sqrt', [op('Add', [op('ReduceMean', [op('Pow', [x, two])], [ints('axes', [-1]), int('keepdims', 1)]), epsilon])]);
    return op('Mul', [op('Div', [x, root]), constant(name, DataType.FLOAT, [hidden], new Array<number>(hidden).fill(1))]);
  };
  const linear = (x: string, name: string, from: number, to: number): string => op('MatMul', [x, add(weight(name, [from, to]))]);
  const split4 = (x: string, perm: readonly number[]): string => op('Transpose', [op('Reshape', [x, split])], [ints('perm', perm)]);
  let x = op('Gather', [add(weight('embedding', [vocabulary, hidden])), 'input_ids'], [int('axis', 0)]);
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string): string => `layers.${layer}.${part}`;
    const inner = rms(x, name('norm1'));
    const query = split4(linear(inner, name('q'), hidden, hidden), [0, 2, 1, 3]);
    const key = split4(linear(inner, name('k'), hidden, hidden), [0, 2, 3, 1]);
    const value = split4(linear(inner, name('v'), hidden, hidden), [0, 2, 1, 3]);
    const weights = op('Softmax', [op('Div', [op('MatMul', [query, key]), scale])], [int('axis', -1)]);
    const context = op('Reshape', [op('Transpose', [op('MatMul', [weights, value])], [ints('perm', [0, 2, 1, 3])]), merge]);
    x = op('Add', [x, linear(context, name('o'), hidden, hidden)]);
    const second = rms(x, name('norm2'));
    const gate = linear(second, name('gate'), hidden, mlp);
    const product = op('Mul', [op('Mul', [gate, op('Sigmoid', [gate])]), linear(second, name('up'), hidden, mlp)]);
    x = op('Add', [x, linear(product, name('down'), mlp, hidden)]);
  }
  nodes.push({
    opType: 'MatMul',
    domain: '',
    name: 'head',
    inputs: [rms(x, 'norm'), add(weight('lm_head', [hidden, vocabulary]))],
    outputs: ['logits'],
    attributes: [],
  });
  return {
    irVersion: 8,
    opsetImports: [{ domain: '', version: 17 }],
    producerName: 'onnx-grow bench',
    producerVersion: '',
    graph: {
      name: 'llama',
      nodes,
      initializers,
      sparseInitializers: [],
      inputs: [{ name: 'input_ids', type: { elemType: DataType.INT64, dims: ['batch', 'tokens'] } }],
      outputs: [{ name: 'logits', type: { elemType: DataType.FLOAT, dims: ['batch', 'tokens', vocabulary] } }],
      valueInfos: [],
    },
    functions: [],
    metadata: [],
  };
}
