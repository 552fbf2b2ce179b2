/** Models of a few nodes, written as lines of text. */
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';

/** `Op(x, [0,-1]) axis=1 -> y z`: one node, perhaps `com.microsoft.Op`; lists in brackets are int64 constants, `''` is a missing operand. */
const NODE = /^(\S+?)\((.*?)\)((?:\s+\w+=\S+)*)\s*->\s*(.+)$/;

const attributeOf = (text: string): Attribute => {
  const [name = '', value = ''] = text.split('=');
  if (/^\[.*\]$/.test(value)) return { name, kind: 'ints', value: JSON.parse(value) as number[] };
  if (/^-?\d+\.\d+$/.test(value)) return { name, kind: 'float', value: Number(value) };
  return /^-?\d+$/.test(value) ? { name, kind: 'int', value: Number(value) } : { name, kind: 'string', value };
};

/** One node a line; inputs whose names start with `w` are float weights, with `i` integers. */
export function modelOf(inputs: Readonly<Record<string, readonly (number | string)[]>>, lines: readonly string[], opset: number): Model {
  const constants = new Map<string, readonly number[]>();
  const nodes = lines.map((line, i): Node => {
    const [, opType = '', operands = '', attributes = '', outputs = ''] = NODE.exec(line) ?? [];
    const names = (operands.match(/\[[^\]]*\]|[^,\s]+/g) ?? []).map((operand) => {
      if (!operand.startsWith('[')) return operand === "''" ? '' : operand;
      constants.set(`c${i}_${constants.size}`, JSON.parse(operand) as number[]);
      return [...constants.keys()].at(-1) ?? '';
    });
    return {
      opType: opType.slice(opType.lastIndexOf('.') + 1),
      domain: opType.slice(0, Math.max(0, opType.lastIndexOf('.'))),
      name: `n${i}`,
      inputs: names,
      outputs: outputs.trim().split(/\s+/),
      attributes: attributes.trim() === '' ? [] : attributes.trim().split(/\s+/).map(attributeOf),
    };
  });
  const weights = Object.entries(inputs).filter(([name]) => name.startsWith('w'));
  return {
    irVersion: 8,
    opsetImports: [
      { domain: '', version: opset },
      ...[...new Set(nodes.map((own) => own.domain))].flatMap((domain) => (domain === '' ? [] : [{ domain, version: 1 }])),
    ],
    producerName: '',
    producerVersion: '',
    graph: {
      name: 'g',
      nodes,
      initializers: [
        ...[...constants].map(([name, numbers]) => tensorFromNumbers(name, DataType.INT64, [numbers.length], numbers)),
        ...weights.map(([name, dims]) =>
          tensorFromNumbers(name, DataType.FLOAT, dims.map(Number), new Array<number>(dims.map(Number).reduce((a, b) => a * b, 1)).fill(0.5)),
        ),
      ],
      sparseInitializers: [],
      inputs: Object.entries(inputs)
        .filter(([name]) => !name.startsWith('w'))
        .map(([name, dims]) => ({ name, type: { elemType: name.startsWith('i') ? DataType.INT64 : DataType.FLOAT, dims } })),
      outputs: nodes.at(-1)?.outputs.map((name) => ({ name, type: null })) ?? [],
      valueInfos: [],
    },
    functions: [],
    metadata: [],
  };
}
