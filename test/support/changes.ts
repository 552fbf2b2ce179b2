/** A graph with one thing in it changed, for all the things there are. */
import { type Attribute, DataType, type Model, type Node, type Tensor } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';

export interface Change {
  readonly what: string;
  readonly model: Model;
}

/** Operators that take the same operands and compute something else. */
const SIBLINGS: readonly (readonly string[])[] = [
  ['Add', 'Sub', 'Mul', 'Div'],
  ['Max', 'Min'],
  ['Relu', 'Abs', 'Neg', 'Exp', 'Tanh', 'Sigmoid', 'Erf', 'Sin', 'Cos', 'Sqrt', 'Reciprocal', 'Identity'],
  ['ReduceSum', 'ReduceProd'],
  ['ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'],
  ['Softmax', 'LogSoftmax'],
  ['Greater', 'Less', 'Equal'],
  ['And', 'Or', 'Xor'],
  ['ArgMax', 'ArgMin'],
  ['AveragePool', 'MaxPool'],
  ['GlobalAveragePool', 'GlobalMaxPool'],
];
const TEXTS: readonly (readonly string[])[] = [
  ['add', 'mul', 'max', 'min', 'none'],
  ['constant', 'edge', 'reflect'],
  ['none', 'tanh'],
  ['nearest', 'linear'],
];

function otherAttributes(own: Attribute): readonly Attribute[] {
  if (own.kind === 'int') return [-1, 1].map((by) => ({ ...own, value: own.value + by }));
  if (own.kind === 'float') return [{ ...own, value: own.value + 0.25 }];
  if (own.kind === 'ints') {
    const { value } = own;
    const swapped = value.length > 1 ? [[...value.slice(0, -2), value.at(-1) ?? 0, value.at(-2) ?? 0]] : [];
    return [...value.map((_, i) => value.map((x, j) => (i === j ? x + 1 : x))), ...swapped].map((other) => ({ ...own, value: other }));
  }
  if (own.kind !== 'string') return [];
  const [inputs = '', output = ''] = own.value.split('->');
  const turned = output.length > 1 ? [`${inputs}->${[...output].reverse().join('')}`] : [];
  return [...turned, ...TEXTS.filter((group) => group.includes(own.value)).flat()].filter((value) => value !== own.value).map((value) => ({ ...own, value }));
}

function otherNodes(node: Node, earlier: readonly string[]): readonly (readonly [string, Node])[] {
  const { inputs, attributes, opType } = node;
  const siblings = SIBLINGS.filter((group) => group.includes(opType))
    .flat()
    .filter((other) => other !== opType);
  return [
    ...attributes.flatMap((own, i) =>
      otherAttributes(own).map((other) => [`${own.name}=${JSON.stringify(other.value)}`, { ...node, attributes: attributes.with(i, other) }] as const),
    ),
    ...attributes.map((own) => [`no ${own.name}`, { ...node, attributes: attributes.filter((other) => other !== own) }] as const),
    ...inputs
      .slice(1)
      .map((_, i) => [`operands ${i} and ${i + 1} exchanged`, { ...node, inputs: inputs.with(i, inputs[i + 1] ?? '').with(i + 1, inputs[i] ?? '') }] as const),
    ...(inputs.length > 1 ? [['no last operand', { ...node, inputs: inputs.slice(0, -1) }] as const] : []),
    ...inputs.flatMap((name, i) =>
      earlier
        .filter((other) => other !== name)
        .slice(-1)
        .map((other) => [`${other} as operand ${i}`, { ...node, inputs: inputs.with(i, other) }] as const),
    ),
    ...siblings.map((other) => [other, { ...node, opType: other }] as const),
  ];
}

function otherTensors(own: Tensor): readonly (readonly [string, Tensor])[] {
  const numbers = readNumbers(own);
  const integer = own.dataType === DataType.INT64;
  const places = integer ? [...numbers.keys()].slice(0, 4) : [...new Set([0, numbers.length >> 1, numbers.length - 1])];
  return places.flatMap((i) =>
    (integer ? [-1, 1] : [0.25, 1e-6]).map((by) => {
      const other = tensorFromNumbers(own.name, own.dataType, own.dims, numbers.with(i, (numbers[i] ?? 0) + by));
      return [`${own.name}[${i}] + ${by}`, other] as const;
    }),
  );
}

/** Every model that differs in one attribute, operand, operator or stored number. */
export function changesOf(model: Model): readonly Change[] {
  const { graph } = model;
  const values = [...graph.inputs.map((own) => own.name), ...graph.nodes.flatMap((node) => node.outputs)];
  const nodes = graph.nodes.flatMap((node, i) => {
    const earlier = values.slice(0, values.indexOf(node.outputs[0] ?? ''));
    return otherNodes(node, earlier).map(([what, other]) => ({
      what: `${node.opType} ${node.name}: ${what}`,
      graph: { ...graph, nodes: graph.nodes.with(i, other) },
    }));
  });
  const tensors = graph.initializers.flatMap((own, i) =>
    otherTensors(own).map(([what, other]) => ({ what, graph: { ...graph, initializers: graph.initializers.with(i, other) } })),
  );
  return [...nodes, ...tensors].map(({ what, graph: own }) => ({ what, model: { ...model, graph: own } }));
}
