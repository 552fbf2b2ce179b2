/** Hand-written graphs for tests of rewrites that must not change what a graph computes. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Attribute, DataType, type FunctionDef, type Graph, type Model, type Node } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';

/** A node without a name or attributes, unless `more` gives them. */
export const node = (opType: string, inputs: readonly string[], outputs: readonly string[], more: Partial<Node> = {}): Node => ({
  opType,
  domain: '',
  name: '',
  inputs,
  outputs,
  attributes: [],
  ...more,
});

/** An attribute that holds a graph without inputs and with one output. */
export function branch(name: string, nodes: readonly Node[], output: string): Attribute {
  const value: Graph = { name, nodes, initializers: [], sparseInitializers: [], inputs: [], outputs: [{ name: output, type: null }], valueInfos: [] };
  return { name, kind: 'graph', value };
}

/** A model of opset 17 that reads float vectors or matrices `x` and returns the named values. */
export function smallModel(nodes: readonly Node[], outputs: readonly string[] = ['y'], functions: readonly FunctionDef[] = [], rank = 1): Model {
  const type = { elemType: DataType.FLOAT, dims: ['n', 'm'].slice(0, rank) };
  return {
    irVersion: 9,
    opsetImports: [{ domain: '', version: 17 }, ...(functions.length > 0 ? [{ domain: 'local', version: 1 }] : [])],
    producerName: '',
    producerVersion: '',
    graph: {
      name: 'main',
      nodes,
      initializers: [],
      sparseInitializers: [],
      inputs: [{ name: 'x', type }],
      outputs: outputs.map((name) => ({ name, type: { elemType: DataType.FLOAT, dims: null } })),
      valueInfos: [],
    },
    functions,
    metadata: [],
  };
}

/** What onnxruntime computes for `x`, output by output. */
export async function computed(model: Model, x: readonly number[], dims: readonly number[] = [x.length]): Promise<readonly (readonly number[])[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const results = await session.run({ x: new Tensor('float32', Float32Array.from(x), [...dims]) });
  await session.release();
  return session.outputNames.map((name) => [...((results[name] as Tensor).data as Float32Array)]);
}
