import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import onnxProto from 'onnx-proto';

const { onnx } = onnxProto;
type Dim = number | string;

/** A value's type: element type and sizes. */
export interface Shape {
  readonly type: 'float' | 'int64' | 'bool' | 'string';
  readonly dims: readonly Dim[];
}

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ints?: Readonly<Record<string, number>>;
  readonly floats?: Readonly<Record<string, number>>;
}

export interface ModelSpec {
  readonly opset?: number;
  readonly inputs: Readonly<Record<string, Shape>>;
  readonly outputs: Readonly<Record<string, Shape>>;
  readonly nodes: readonly NodeSpec[];
  /** float32 tensors by name: shape, then elements. Integers are int64. */
  readonly floats?: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
  readonly integers?: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
  readonly bools?: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
}

const ELEMENT_TYPES = { float: 1, int64: 7, string: 8, bool: 9 } as const;

/** A model file made with the independent encoder. */
export function protoModel(spec: ModelSpec): Uint8Array {
  const value = ([name, { type, dims }]: readonly [string, Shape]): onnxProto.onnx.IValueInfoProto => ({
    name,
    type: {
      tensorType: { elemType: ELEMENT_TYPES[type], shape: { dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) } },
    },
  });
  const tensors = [
    ...Object.entries(spec.floats ?? {}).map(([name, [dims, values]]) => ({
      name,
      dims: [...dims],
      dataType: 1,
      rawData: new Uint8Array(Float32Array.from(values).buffer),
    })),
    ...Object.entries(spec.integers ?? {}).map(([name, [dims, values]]) => ({
      name,
      dims: [...dims],
      dataType: 7,
      rawData: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
    })),
    ...Object.entries(spec.bools ?? {}).map(([name, [dims, values]]) => ({ name, dims: [...dims], dataType: 9, rawData: Uint8Array.from(values) })),
  ];
  const nodes = spec.nodes.map((node, i) => ({
    name: `n${i}`,
    opType: node.op,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: [
      ...Object.entries(node.ints ?? {}).map(([name, value_]) => ({ name, type: 2, i: value_ })),
      ...Object.entries(node.floats ?? {}).map(([name, value_]) => ({ name, type: 1, f: value_ })),
    ],
  }));
  const graph = {
    name: 'g',
    node: nodes,
    initializer: tensors,
    input: Object.entries(spec.inputs).map(value),
    output: Object.entries(spec.outputs).map(value),
  };
  return onnx.ModelProto.encode(onnx.ModelProto.create({ irVersion: 8, opsetImport: [{ domain: '', version: spec.opset ?? 17 }], graph })).finish();
}

/** Writes bytes into a folder and returns the file's path. */
export function saved(folder: string, name: string, bytes: Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
}

/** A model file changed by `edit` through the independent codec. */
export function edited(file: string, edit: (model: onnxProto.onnx.ModelProto) => void): Uint8Array {
  const model = onnx.ModelProto.decode(readFileSync(file));
  edit(model);
  return onnx.ModelProto.encode(model).finish();
}

/** The float32 initializer of a name, changed element by element. */
export function mapWeight(model: onnxProto.onnx.ModelProto, name: string, change: (value: number, index: number, all: Float32Array) => number): void {
  const tensor = model.graph?.initializer?.find((each) => each.name === name);
  if (!tensor?.rawData) throw new Error(`no weight ${name}`);
  const old = new Float32Array(Uint8Array.from(tensor.rawData).buffer);
  tensor.rawData = new Uint8Array(old.map((value, index) => change(value, index, old)).buffer);
}
