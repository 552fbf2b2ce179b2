/** Small changes of what a model means: a number, an attribute, an edge, an operator. Most still are valid files. */
import { type Attribute, DataType, type Graph, type Node, type Tensor } from '../../../src/onnx/ir.ts';
import { isNumeric, readNumbers, tensorFromNumbers } from '../../../src/onnx/tensor.ts';
import { below, changeOne, pick, type Random, SIZES, valueNames } from './random.ts';

/** Operators with the same operands, so that a swap is a valid graph with another meaning. */
const SIBLINGS = [
  ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Max', 'Min', 'MatMul'],
  ['Relu', 'Sigmoid', 'Tanh', 'Neg', 'Abs', 'Exp', 'Sqrt', 'Reciprocal', 'Erf', 'Identity', 'Floor', 'Sign', 'Cos', 'Sin', 'Log', 'Softplus'],
  ['ReduceMean', 'ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceL2', 'ReduceSumSquare'],
  ['Softmax', 'LogSoftmax', 'Hardmax', 'Flatten', 'LpNormalization'],
  ['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'],
  ['Reshape', 'Expand', 'Tile', 'Squeeze', 'Unsqueeze', 'Gather', 'GatherND', 'GatherElements', 'CumSum'],
  ['Shape', 'Size', 'NonZero', 'Identity', 'Transpose'],
  ['Concat', 'Sum', 'Mean', 'Max', 'SequenceConstruct'],
  ['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization', 'InstanceNormalization'],
];

const near = (random: Random, value: number): number =>
  pick(random, [value + 1, value - 1, -value, 2 * value, 0, 1, -1, value / 2, Number.NaN, pick(random, SIZES) ?? 0]) ?? 0;

/** A tensor with some of its elements changed, or read as another shape or type. */
export function changedTensor(random: Random, tensor: Tensor): Tensor {
  if (!isNumeric(tensor.dataType) || tensor.data.size > 1 << 16) return { ...tensor, dims: [...tensor.dims].reverse() };
  const numbers = [...readNumbers(tensor)];
  const make = (dataType: number, dims: readonly number[], values: readonly number[]): Tensor =>
    tensorFromNumbers(
      tensor.name,
      dataType,
      dims,
      isWhole(dataType) ? values.map((x) => (Number.isFinite(x) ? Math.max(-(2 ** 53) + 1, Math.min(2 ** 53 - 1, Math.trunc(x))) : 0)) : values,
    );
  const count = numbers.length;
  switch (below(random, 9)) {
    case 0:
      return make([1, 7, 6, 11, 9, 10][below(random, 6)] ?? 1, tensor.dims, numbers);
    case 1:
      return make(tensor.dataType, [count], numbers);
    case 2:
      return make(tensor.dataType, count === 1 ? [] : [1, ...tensor.dims], numbers);
    case 3:
      return make(tensor.dataType, [0, ...tensor.dims.slice(1)], []);
    case 4:
      return make(tensor.dataType, [count + 1], [...numbers, numbers[0] ?? 0]);
    case 5: {
      const value = pick(random, [0, Number.NaN, Number.POSITIVE_INFINITY, 1e-40, 1, -1, 1e30]) ?? 0;
      return make(
        tensor.dataType,
        tensor.dims,
        numbers.map(() => value),
      );
    }
    default: {
      const at = below(random, count);
      return make(
        tensor.dataType,
        tensor.dims,
        numbers.map((x, i) => (i === at ? (Number.isInteger(x) ? near(random, x) : x * (1 + 0.5 * random())) : x)),
      );
    }
  }
}

const isWhole = (dataType: number): boolean => ![DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16].includes(dataType as 1);

function changedNumber(random: Random, attribute: Attribute): Attribute {
  switch (attribute.kind) {
    case 'int':
    case 'float':
      return {
        name: attribute.name,
        kind: attribute.kind,
        value: attribute.kind === 'int' ? whole(near(random, attribute.value)) : near(random, attribute.value),
      };
    case 'ints':
      return random() < 0.3
        ? { name: attribute.name, kind: 'ints', value: [...attribute.value].reverse() }
        : { name: attribute.name, kind: 'ints', value: changeOne(random, attribute.value, (x) => whole(near(random, x))) };
    case 'string':
      return { name: attribute.name, kind: 'string', value: `${attribute.value.slice(1)}i` };
    case 'tensor':
      return { name: attribute.name, kind: 'tensor', value: changedTensor(random, attribute.value) };
    default:
      return { name: attribute.name, kind: 'int', value: pick(random, SIZES) ?? 0 };
  }
}

const whole = (x: number): number => (Number.isFinite(x) ? Math.trunc(x) : 0);

const ATTRIBUTES = [
  'axis',
  'axes',
  'keepdims',
  'perm',
  'epsilon',
  'to',
  'allowzero',
  'num_heads',
  'transA',
  'alpha',
  'split',
  'stash_type',
  'batch_dims',
  'mode',
];

function changedNode(random: Random, node: Node, names: readonly string[]): Node {
  const other = (): string => pick(random, names) ?? '';
  switch (below(random, 9)) {
    case 0:
      return { ...node, inputs: [...node.inputs].reverse() };
    case 1:
      return { ...node, inputs: changeOne(random, node.inputs, other) };
    case 2:
      return { ...node, inputs: changeOne(random, node.inputs, () => '') };
    case 3: {
      const family = SIBLINGS.filter((own) => own.includes(node.opType));
      return { ...node, opType: pick(random, pick(random, family) ?? SIBLINGS.flat()) ?? '' };
    }
    case 4:
      return { ...node, attributes: node.attributes.filter(() => random() < 0.5) };
    case 5: {
      const name = pick(random, ATTRIBUTES) ?? '';
      const value = pick(random, [-3, -2, -1, 0, 1, 2, 3, 2 ** 31]) ?? 0;
      const made: Attribute = random() < 0.6 ? { name, kind: 'int', value } : { name, kind: 'ints', value: [value, pick(random, SIZES) ?? 0] };
      return { ...node, attributes: [...node.attributes.filter((own) => own.name !== name), made] };
    }
    case 6:
      return { ...node, inputs: [...node.inputs, other()] };
    default:
      return node.attributes.length === 0
        ? { ...node, inputs: changeOne(random, node.inputs, other) }
        : { ...node, attributes: changeOne(random, node.attributes, (own) => changedNumber(random, own)) };
  }
}

/** A node taken out: whoever read its result reads its first operand. */
function without(graph: Graph, at: number): Graph {
  const gone = graph.nodes[at];
  const [from = '', to = ''] = [gone?.inputs[0], gone?.outputs[0]];
  if (gone === undefined || from === '' || graph.outputs.some((own) => own.name === to)) return graph;
  return {
    ...graph,
    nodes: graph.nodes.filter((own) => own !== gone).map((own) => ({ ...own, inputs: own.inputs.map((name) => (name === to ? from : name)) })),
  };
}

/** A second node like one that is there; some read its result instead. */
function doubled(random: Random, graph: Graph, at: number): Graph {
  const node = graph.nodes[at];
  if (node === undefined || node.outputs.length !== 1) return graph;
  const name = `${node.outputs[0]}_twin`;
  const twin: Node = { ...node, name: `${node.name}_twin`, outputs: [name] };
  return {
    ...graph,
    nodes: graph.nodes.flatMap((own, i) =>
      i === at ? [own, twin] : [{ ...own, inputs: own.inputs.map((input) => (input === node.outputs[0] && random() < 0.5 ? name : input)) }],
    ),
  };
}

/** Two tensors of one graph change their names. */
function exchanged(random: Random, graph: Graph): Graph {
  const [a, b] = [pick(random, graph.initializers), pick(random, graph.initializers)];
  if (a === undefined || b === undefined) return graph;
  return { ...graph, initializers: graph.initializers.map((own) => (own === a ? { ...a, name: b.name } : own === b ? { ...b, name: a.name } : own)) };
}

/** One small change of a graph. */
export function semanticChange(random: Random, graph: Graph): Graph {
  const at = below(random, graph.nodes.length);
  switch (below(random, 9)) {
    case 0:
    case 1:
      return { ...graph, initializers: changeOne(random, graph.initializers, (own) => changedTensor(random, own)) };
    case 2: {
      // what decides shapes, slices and masks is small
      const small = graph.initializers.filter((own) => own.data.size <= 64);
      const chosen = pick(random, small);
      return { ...graph, initializers: graph.initializers.map((own) => (own === chosen ? changedTensor(random, own) : own)) };
    }
    case 3:
      return without(graph, at);
    case 4:
      return doubled(random, graph, at);
    case 5:
      return exchanged(random, graph);
    default:
      return { ...graph, nodes: changeOne(random, graph.nodes, (own) => changedNode(random, own, valueNames(graph))) };
  }
}
