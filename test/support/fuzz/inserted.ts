/** Nodes put on an edge of a graph, with operands and attributes that may be absurd. */
import { type Attribute, DataType, type Graph, type Node, type Tensor } from '../../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../../src/onnx/tensor.ts';
import { below, pick, type Random, SIZES, valueNames } from './random.ts';

type Value = number | string | readonly number[];

/** What an inserted node reads beside the edge's value, and its attributes. */
interface Shape {
  readonly op: string;
  readonly operands: readonly (readonly number[] | number | null)[];
  readonly attributes?: Readonly<Record<string, Value>>;
  readonly outputs?: number;
}

const small = (random: Random): number => pick(random, [-4, -3, -2, -1, 0, 1, 2, 3, 4]) ?? 0;
const any = (random: Random): number => (random() < 0.5 ? small(random) : (pick(random, SIZES) ?? 0));
const list = (random: Random, one: (random: Random) => number): number[] => Array.from({ length: below(random, 5) }, () => one(random));

const EQUATIONS = ['bij,bjk->bik', 'ij->ji', '...i,ij->...j', 'ii', 'abc', '->', 'i->ij', '....', 'a,b->ab', 'x'.repeat(300), 'bhid,bhjd->bhij'];

/** Drawn shapes of nodes: views, makers of tensors, and operators whose sizes follow from numbers. */
const KINDS: readonly ((random: Random) => Shape)[] = [
  () => ({ op: 'Identity', operands: [] }),
  (random) => ({ op: 'Cast', operands: [], attributes: { to: any(random) } }),
  (random) => ({ op: 'Reshape', operands: [list(random, any)], attributes: { allowzero: below(random, 2) } }),
  (random) => ({ op: 'Transpose', operands: [], attributes: { perm: list(random, small) } }),
  (random) => ({ op: 'Transpose', operands: [], attributes: { perm: [1, 0, 2, 3].slice(0, 1 + below(random, 4)) } }),
  (random) => ({ op: 'Unsqueeze', operands: [list(random, any)] }),
  (random) => ({ op: 'Squeeze', operands: random() < 0.3 ? [] : [list(random, any)] }),
  (random) => ({ op: 'Slice', operands: [[any(random)], [any(random)], [small(random)], [any(random)].slice(below(random, 2))] }),
  (random) => ({ op: 'Slice', operands: [list(random, any), list(random, any), null, list(random, small)] }),
  (random) => ({ op: 'Expand', operands: [list(random, any)] }),
  (random) => ({ op: 'Tile', operands: [list(random, any)] }),
  (random) => ({ op: 'Split', operands: [list(random, any)], attributes: { axis: small(random) }, outputs: 1 + below(random, 3) }),
  (random) => ({ op: 'Split', operands: [], attributes: { axis: small(random), num_outputs: any(random) }, outputs: 1 + below(random, 3) }),
  (random) => ({ op: 'Gather', operands: [random() < 0.5 ? any(random) : list(random, any)], attributes: { axis: small(random) } }),
  (random) => ({ op: 'GatherND', operands: [list(random, any)], attributes: { batch_dims: any(random) } }),
  (random) => ({ op: 'Pad', operands: [list(random, any)], attributes: { mode: pick(random, ['constant', 'reflect', '\u0000']) ?? '' } }),
  (random) => ({ op: 'Concat', operands: [list(random, small)], attributes: { axis: any(random) } }),
  (random) => ({ op: 'Einsum', operands: random() < 0.5 ? [] : [[1, 2, 3]], attributes: { equation: pick(random, EQUATIONS) ?? '' } }),
  (random) => ({ op: 'ReduceMean', operands: random() < 0.5 ? [] : [list(random, any)], attributes: { keepdims: small(random), axes: list(random, any) } }),
  (random) => ({ op: 'Softmax', operands: [], attributes: { axis: any(random) } }),
  (random) => ({ op: 'Flatten', operands: [], attributes: { axis: any(random) } }),
  (random) => ({ op: 'LayerNormalization', operands: [[1, 2, 3]], attributes: { axis: any(random) } }),
  (random) => ({ op: 'TopK', operands: [[any(random)]], attributes: { axis: any(random) }, outputs: 2 }),
  (random) => ({ op: 'CumSum', operands: [any(random)] }),
  (random) => ({ op: 'Trilu', operands: [any(random)], attributes: { upper: small(random) } }),
  (random) => ({ op: 'OneHot', operands: [any(random), [0, 1]], attributes: { axis: any(random) } }),
  (random) => ({ op: 'Resize', operands: [null, null, list(random, any)] }),
  (random) => ({ op: 'DepthToSpace', operands: [], attributes: { blocksize: any(random) } }),
  (random) => ({ op: 'Gemm', operands: [[1, 2, 3]], attributes: { transA: below(random, 2), alpha: any(random) } }),
  (random) => ({
    op: 'Conv',
    operands: [[1, 2]],
    attributes: { group: any(random), kernel_shape: list(random, any), strides: list(random, any), pads: list(random, any) },
  }),
  (random) => ({ op: 'MaxPool', operands: [], attributes: { kernel_shape: list(random, any), strides: list(random, any), ceil_mode: 1 } }),
  (random) => ({ op: 'LpNormalization', operands: [], attributes: { axis: any(random), p: any(random) } }),
  (random) => ({ op: 'Mul', operands: [pick(random, [1, 0, -1, 2]) ?? 1] }),
  (random) => ({ op: 'Attention', operands: [], attributes: { q_num_heads: any(random), kv_num_heads: any(random) } }),
  (random) => ({ op: 'Clip', operands: [any(random), any(random)] }),
  (random) => ({
    op: 'SplitToSequence',
    operands: [random() < 0.5 ? any(random) : list(random, any)],
    attributes: { axis: any(random), keepdims: below(random, 2) },
  }),
];

/** Nodes that make a tensor out of numbers, added to or multiplied with the edge's value. */
const MAKERS: readonly ((random: Random) => Shape)[] = [
  (random) => ({ op: 'ConstantOfShape', operands: [list(random, any)] }),
  (random) => ({ op: 'Range', operands: [any(random), any(random), any(random)] }),
  (random) => ({ op: 'EyeLike', operands: [list(random, any)], attributes: { k: any(random) } }),
  (random) => ({ op: 'RandomNormal', operands: [], attributes: { shape: list(random, any) } }),
  (random) => ({ op: 'NonZero', operands: [list(random, any)] }),
  (random) => ({ op: 'Constant', operands: [], attributes: { value_ints: list(random, any) } }),
];

const attributesFrom = (given: Readonly<Record<string, Value>>): Attribute[] =>
  Object.entries(given).map(([name, value]): Attribute => {
    if (typeof value === 'string') return { name, kind: 'string', value };
    return typeof value === 'number' ? { name, kind: 'int', value } : { name, kind: 'ints', value };
  });

/** A graph with a node on one of its edges; one or all readers of the value see its result. */
export function withInserted(random: Random, graph: Graph): Graph {
  const tag = below(random, 1e9).toString(36);
  const value = pick(random, valueNames(graph)) ?? '';
  const constants: Tensor[] = [];
  const hold = (numbers: readonly number[] | number): string => {
    const name = `fuzz_${tag}_${constants.length}`;
    const dims = typeof numbers === 'number' ? [] : [numbers.length];
    constants.push(tensorFromNumbers(name, random() < 0.9 ? DataType.INT64 : DataType.FLOAT, dims, typeof numbers === 'number' ? [numbers] : numbers));
    return name;
  };
  const nodeOf = (shape: Shape, first: readonly string[], result: string): Node => ({
    opType: shape.op,
    domain: '',
    name: `${shape.op}_${tag}`,
    inputs: [...first, ...shape.operands.map((own) => (own === null ? '' : hold(own)))],
    outputs: Array.from({ length: shape.outputs ?? 1 }, (_, i) => (i === 0 ? result : `${result}_${i}`)),
    attributes: attributesFrom(shape.attributes ?? {}),
  });
  const result = `fuzz_${tag}`;
  const nodes: Node[] = [];
  if (random() < 0.8) {
    nodes.push(nodeOf((pick(random, KINDS) as (typeof KINDS)[number])(random), [value], result));
  } else {
    nodes.push(nodeOf((pick(random, MAKERS) as (typeof MAKERS)[number])(random), [], `${result}_made`));
    nodes.push({
      opType: pick(random, ['Add', 'Mul', 'MatMul', 'Where', 'Expand', 'Reshape']) ?? '',
      domain: '',
      name: '',
      inputs: [value, `${result}_made`],
      outputs: [result],
      attributes: [],
    });
  }
  const all = random() < 0.5;
  let done = false;
  const redirected = graph.nodes.map((node) => {
    if (!node.inputs.includes(value) || (done && !all)) return node;
    done = true;
    return { ...node, inputs: node.inputs.map((name) => (name === value ? result : name)) };
  });
  const producer = graph.nodes.findIndex((node) => node.outputs.includes(value));
  return {
    ...graph,
    nodes: [...redirected.slice(0, producer + 1), ...nodes, ...redirected.slice(producer + 1)],
    initializers: [...graph.initializers, ...constants],
  };
}
