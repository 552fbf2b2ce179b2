/** Models of a few nodes, written as lines of text. */
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';

/**
 * `Op(x, [0,-1]) axis=1 -> y z`: one node, perhaps `com.microsoft.Op`; lists in brackets are int64 constants, `''` is a missing operand; `value=tensor0.5` holds a float. An If has its
 * branches in braces, their nodes separated by `/`, of which the last ones make a result each: `If(g) {Neg(x) -> p} {Abs(x) -> q / Neg(q) -> r} -> y`.
 */
const NODE = /^(\S+?)\((.*?)\)((?:\s+\w+=\S+)*)\s*->\s*(.+)$/;

const attributeOf = (text: string): Attribute => {
  const [name = '', value = ''] = text.split('=');
  if (value.startsWith('tensor')) return { name, kind: 'tensor', value: tensorFromNumbers('', DataType.FLOAT, [1], [Number(value.slice(6))]) };
  if (/^\[.*\]$/.test(value)) return { name, kind: 'ints', value: JSON.parse(value) as number[] };
  if (/^-?(\d+\.\d+|Infinity|NaN)$/.test(value)) return { name, kind: 'float', value: Number(value) };
  return /^-?\d+$/.test(value) ? { name, kind: 'int', value: Number(value) } : { name, kind: 'string', value };
};

function branchOf(name: string, nodes: readonly Node[], count: number): Attribute {
  const outputs = nodes.slice(-count).flatMap((own) => own.outputs.slice(0, 1).map((output) => ({ name: output, type: null })));
  return { name, kind: 'graph', value: { name, nodes, initializers: [], sparseInitializers: [], inputs: [], outputs, valueInfos: [] } };
}

/** One node a line; inputs whose names start with `w` are float weights, with `i` integers. */
export function modelOf(inputs: Readonly<Record<string, readonly (number | string)[]>>, lines: readonly string[], opset: number): Model {
  const constants = new Map<string, readonly number[]>();
  const nodeOf = (line: string, i: string): Node => {
    const bodies = [...line.matchAll(/\{(.*?)\}/g)].map(([, body = '']) => body.split('/').map((own) => own.trim()));
    const [, opType = '', operands = '', attributes = '', outputs = ''] = NODE.exec(line.replace(/\{.*\}/, '')) ?? [];
    const results = outputs
      .trim()
      .split(/\s+/)
      .map((output) => (output === "''" ? '' : output));
    const branches = bodies.map((body, b) =>
      branchOf(
        b === 0 ? 'then_branch' : 'else_branch',
        body.map((own, k) => nodeOf(own, `${i}_${b}_${k}`)),
        results.length,
      ),
    );
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
      outputs: results,
      attributes: [...(attributes.trim() === '' ? [] : attributes.trim().split(/\s+/).map(attributeOf)), ...branches],
    };
  };
  const nodes = lines.map((line, i) => nodeOf(line, String(i)));
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
      outputs: nodes.at(-1)?.outputs.flatMap((name) => (name === '' ? [] : [{ name, type: null }])) ?? [],
      valueInfos: [],
    },
    functions: [],
    metadata: [],
  };
}
