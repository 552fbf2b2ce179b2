/** Faults planted into grown models: each changes one thing that growth must keep. */
import type { Attribute, Model, Node, Tensor } from '../../src/onnx/ir.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';

/** A kind of fault. Null where a model has no place for it. `pick` chooses among the places. */
export interface Fault {
  readonly name: string;
  readonly plant: (grown: Model, old: Model, pick: (count: number) => number) => Model | null;
}

/** Chooses one of so many places. */
export type Pick = (count: number) => number;
const FLOATS: readonly number[] = [DataType.FLOAT, DataType.DOUBLE];
const isFloat = (tensor: Tensor): boolean => FLOATS.includes(tensor.dataType);
const sizeOf = (tensor: Tensor): number => tensor.dims.reduce((a, b) => a * b, 1);

const withTensor = (model: Model, old: Tensor, now: Tensor): Model => ({
  ...model,
  graph: { ...model.graph, initializers: model.graph.initializers.map((own) => (own === old ? now : own)) },
});
/** A model with another node in the place of one. */
export const withNode = (model: Model, old: Node, now: Node): Model => ({
  ...model,
  graph: { ...model.graph, nodes: model.graph.nodes.map((own) => (own === old ? now : own)) },
});

/** Nodes that an output depends on. */
export function live(model: Model): readonly Node[] {
  const needed = new Set(model.graph.outputs.map((output) => output.name));
  const found = model.graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return found.reverse();
}

/** Initializers that a node reads, of a kind. */
export function used(model: Model, fits: (tensor: Tensor) => boolean): readonly Tensor[] {
  const names = new Set(live(model).flatMap((node) => node.inputs));
  return model.graph.initializers.filter((tensor) => names.has(tensor.name) && fits(tensor));
}

/** One of a list. */
export function choose<T>(list: readonly T[], pick: Pick): T | undefined {
  return list[pick(list.length)];
}

/** Changes numbers of one tensor; null where there is none, or where nothing changes. */
export function edited(model: Model, tensor: Tensor | undefined, change: (numbers: Float64Array) => void): Model | null {
  if (tensor === undefined) return null;
  const numbers = readNumbers(tensor);
  const before = numbers.slice();
  change(numbers);
  if (numbers.every((x, i) => x === before[i])) return null;
  return withTensor(model, tensor, { ...tensor, ...tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers) });
}

/** The old tensor of a name. */
export const oldOf = (old: Model, tensor: Tensor): Tensor | undefined => old.graph.initializers.find((own) => own.name === tensor.name);
const grew = (old: Model, tensor: Tensor): boolean => {
  const before = oldOf(old, tensor);
  return before !== undefined && before.dims.length === tensor.dims.length && sizeOf(before) < sizeOf(tensor);
};

/** The next larger number of the tensor's type. */
export function nudged(tensor: Tensor, x: number): number {
  if (tensor.dataType === DataType.DOUBLE) return x * (1 + 2 ** -52);
  const bits = new DataView(new ArrayBuffer(4));
  bits.setFloat32(0, x);
  bits.setInt32(0, bits.getInt32(0) + 1);
  return bits.getFloat32(0);
}

const weights =
  (fits: (tensor: Tensor, old: Model) => boolean, change: (numbers: Float64Array, tensor: Tensor, pick: Pick) => void): Fault['plant'] =>
  (grown, old, pick) => {
    const tensor = choose(
      used(grown, (own) => isFloat(own) && fits(own, old)),
      pick,
    );
    return edited(grown, tensor, (numbers) => tensor !== undefined && change(numbers, tensor, pick));
  };

const nodes =
  (fits: (node: Node) => boolean, change: (node: Node, pick: Pick) => Node | null): Fault['plant'] =>
  (grown, _, pick) => {
    const node = choose(live(grown).filter(fits), pick);
    const now = node === undefined ? null : change(node, pick);
    return node === undefined || now === null ? null : withNode(grown, node, now);
  };

const swappedInputs = (node: Node): Node => ({ ...node, inputs: [node.inputs[1] ?? '', node.inputs[0] ?? '', ...node.inputs.slice(2)] });
const op =
  (...names: string[]) =>
  (node: Node): boolean =>
    names.includes(node.opType);
const renamed =
  (to: string) =>
  (node: Node): Node => ({ ...node, opType: to, attributes: [] });

/** One zero among the new elements becomes a number. */
function inZeros(numbers: Float64Array, _tensor: Tensor, pick: Pick): void {
  const zeros = [...numbers.keys()].filter((i) => numbers[i] === 0);
  const at = choose(zeros, pick);
  if (at !== undefined) numbers[at] = 0.37;
}

const scalar = (tensor: Tensor): boolean => sizeOf(tensor) === 1;
const vector = (tensor: Tensor): boolean => tensor.dims.length === 1 && sizeOf(tensor) > 1;
const matrix = (tensor: Tensor): boolean => tensor.dims.length >= 2;

const attribute =
  (name: string, change: (own: Attribute) => Attribute | null) =>
  (node: Node): Node | null => {
    const own = node.attributes.find((other) => other.name === name);
    const now = own === undefined ? null : change(own);
    return now === null ? null : { ...node, attributes: node.attributes.map((other) => (other === own ? now : other)) };
  };

/** Two values of the interface exchange their names. */
function exchanged(model: Model, which: 'inputs' | 'outputs', pick: Pick): Model | null {
  const list = model.graph[which];
  const a = choose(list, pick);
  const b = list.find((own) => own !== a && JSON.stringify(own.type) === JSON.stringify(a?.type));
  if (a === undefined || b === undefined) return null;
  const other = (name: string): string => (name === a.name ? b.name : name === b.name ? a.name : name);
  const change = (node: Node): Node => ({ ...node, inputs: node.inputs.map(other), outputs: node.outputs.map(other) });
  return { ...model, graph: { ...model.graph, nodes: model.graph.nodes.map(change) } };
}

export const FAULTS: readonly Fault[] = [
  { name: 'one element of a new block of zeros is not zero', plant: weights((own, old) => grew(old, own), inZeros) },
  { name: 'one zero of a new tensor is not zero', plant: weights((own, old) => oldOf(old, own) === undefined && sizeOf(own) > 1, inZeros) },
  {
    name: 'an old weight is off by one unit in the last place',
    plant: weights(matrix, (numbers, tensor, pick) => {
      const at = pick(numbers.length);
      numbers[at] = nudged(tensor, numbers[at] ?? 0);
    }),
  },
  {
    name: 'an old weight changed its sign',
    plant: weights(matrix, (numbers, _, pick) => {
      const at = pick(numbers.length);
      numbers[at] = -(numbers[at] ?? 0);
    }),
  },
  {
    name: 'a gain or bias times 0.999',
    plant: weights(vector, (numbers, _, pick) => {
      const at = pick(numbers.length);
      numbers[at] = 0.999 * (numbers[at] ?? 0);
    }),
  },
  { name: 'a gain or bias not rescaled', plant: (grown, old, pick) => restored(grown, old, vector, pick) },
  { name: 'a scalar not rescaled', plant: (grown, old, pick) => restored(grown, old, scalar, pick) },
  {
    name: 'a scalar times 1.01',
    plant: weights(scalar, (numbers) => {
      numbers[0] = 1.01 * (numbers[0] ?? 0);
    }),
  },
  {
    name: 'an epsilon ten times as large',
    plant: weights(
      (own) => scalar(own) && Math.abs(readNumbers(own)[0] ?? 1) < 1e-3,
      (numbers) => {
        numbers[0] = 10 * (numbers[0] ?? 0);
      },
    ),
  },
  { name: 'the epsilon of a fused norm not rescaled', plant: (grown, old, pick) => oldEpsilon(grown, old, pick) },
  {
    name: 'the epsilon of a fused norm twice as large',
    plant: nodes(
      (node) => /Normalization$/.test(node.opType),
      attribute('epsilon', (own) => (own.kind === 'float' ? { name: 'epsilon', kind: 'float', value: 2 * own.value } : null)),
    ),
  },
  {
    name: 'two rows of a matrix exchanged',
    plant: weights(
      (own) => own.dims.length === 2,
      (numbers, tensor, pick) => exchangeRows(numbers, tensor, pick, 1),
    ),
  },
  {
    name: 'two heads of a matrix exchanged',
    plant: weights(
      (own) => own.dims.length === 2 && (own.dims[0] ?? 0) % 4 === 0,
      (numbers, tensor, pick) => exchangeRows(numbers, tensor, pick, (tensor.dims[0] ?? 4) / 4),
    ),
  },
  { name: 'a vector shifted by one', plant: weights(vector, (numbers) => numbers.set([...numbers.slice(1), numbers[0] ?? 0])) },
  {
    name: 'a table shifted by one row',
    plant: weights(
      (own) => own.dims.length === 2,
      (numbers, tensor) => {
        const row = tensor.dims[1] ?? 1;
        numbers.set([...numbers.slice(row), ...numbers.slice(0, row)]);
      },
    ),
  },
  { name: 'a new parameter is infinite', plant: (grown, old, pick) => infinite(grown, old, pick) },
  {
    name: 'a size or index one larger',
    plant: (grown, _, pick) =>
      edited(
        grown,
        choose(
          used(grown, (own) => own.dataType === DataType.INT64 && sizeOf(own) > 0),
          pick,
        ),
        (numbers) => {
          const at = pick(numbers.length);
          numbers[at] = (numbers[at] ?? 0) + 1;
        },
      ),
  },
  {
    name: 'a size or index one smaller',
    plant: (grown, _, pick) =>
      edited(
        grown,
        choose(
          used(grown, (own) => own.dataType === DataType.INT64 && sizeOf(own) > 0),
          pick,
        ),
        (numbers) => {
          const at = pick(numbers.length);
          numbers[at] = (numbers[at] ?? 0) - 1;
        },
      ),
  },
  { name: 'operands of a difference or quotient exchanged', plant: nodes(op('Sub', 'Div', 'Pow', 'Less', 'Greater'), swappedInputs) },
  { name: 'operands of a product exchanged', plant: nodes(op('MatMul'), swappedInputs) },
  { name: 'parts of a Concat exchanged', plant: nodes((node) => node.opType === 'Concat' && node.inputs.length > 1, swappedInputs) },
  {
    name: 'choices of a Where exchanged',
    plant: nodes(op('Where'), (node) => ({ ...node, inputs: [node.inputs[0] ?? '', node.inputs[2] ?? '', node.inputs[1] ?? ''] })),
  },
  {
    name: 'results of a Split exchanged',
    plant: nodes(op('Split'), (node) => ({ ...node, outputs: [node.outputs[1] ?? '', node.outputs[0] ?? '', ...node.outputs.slice(2)] })),
  },
  {
    name: 'another activation',
    plant: nodes(op('Relu', 'Erf', 'Tanh', 'Sigmoid', 'Gelu'), (node) => renamed(node.opType === 'Tanh' ? 'Sigmoid' : 'Tanh')(node)),
  },
  { name: 'a sine for a cosine', plant: nodes(op('Cos', 'Sin'), (node) => renamed(node.opType === 'Cos' ? 'Sin' : 'Cos')(node)) },
  {
    name: 'a branch that skips its function',
    plant: nodes(op('Softmax', 'Sqrt', 'Neg', 'Exp', 'LayerNormalization'), (node) => ({
      ...node,
      opType: 'Identity',
      domain: '',
      attributes: [],
      inputs: node.inputs.slice(0, 1),
      outputs: node.outputs.slice(0, 1),
    })),
  },
  { name: 'a sum with itself instead of the branch', plant: nodes(op('Add'), (node) => ({ ...node, inputs: [node.inputs[0] ?? '', node.inputs[0] ?? ''] })) },
  { name: 'a difference for a sum', plant: nodes(op('Add'), (node) => ({ ...node, opType: 'Sub' })) },
  { name: 'a product for a sum', plant: nodes(op('Add'), (node) => ({ ...node, opType: 'Mul' })) },
  {
    name: 'Softmax over another dimension',
    plant: nodes(
      op('Softmax'),
      attribute('axis', (own) => (own.kind === 'int' ? { name: 'axis', kind: 'int', value: own.value === 2 || own.value === -2 ? -1 : -2 } : null)),
    ),
  },
  {
    name: 'two dimensions of a Transpose exchanged',
    plant: nodes(
      op('Transpose'),
      attribute('perm', (own) =>
        own.kind === 'ints' ? { name: 'perm', kind: 'ints', value: [own.value[1] ?? 0, own.value[0] ?? 0, ...own.value.slice(2)] } : null,
      ),
    ),
  },
  { name: 'names of inputs exchanged', plant: (grown, _, pick) => exchanged(grown, 'inputs', pick) },
  { name: 'names of outputs exchanged', plant: (grown, _, pick) => exchanged(grown, 'outputs', pick) },
];

/** A corrected tensor with its old numbers where they were. */
function restored(grown: Model, old: Model, fits: (tensor: Tensor) => boolean, pick: Pick): Model | null {
  const corrected = used(grown, (own) => isFloat(own) && fits(own)).filter((own) => {
    const before = oldOf(old, own);
    return before !== undefined && readNumbers(before).some((x, i) => x !== readNumbers(own)[i]);
  });
  const tensor = choose(corrected, pick);
  return edited(grown, tensor, (numbers) => {
    const before = tensor === undefined ? undefined : oldOf(old, tensor);
    if (before !== undefined) numbers.set(readNumbers(before));
  });
}

function oldEpsilon(grown: Model, old: Model, pick: Pick): Model | null {
  const epsilon = (node: Node): number | null => {
    const own = node.attributes.find((other) => other.name === 'epsilon');
    return own?.kind === 'float' ? own.value : null;
  };
  const before = old.graph.nodes.map(epsilon).find((value) => value !== null);
  const changed = grown.graph.nodes.filter((node) => before != null && epsilon(node) !== null && epsilon(node) !== before);
  const node = choose(changed, pick);
  if (node === undefined || before == null) return null;
  return withNode(grown, node, {
    ...node,
    attributes: node.attributes.map((own) => (own.name === 'epsilon' ? { name: 'epsilon', kind: 'float', value: before } : own)),
  });
}

function exchangeRows(numbers: Float64Array, tensor: Tensor, pick: Pick, rows: number): void {
  const width = (tensor.dims[1] ?? 1) * rows;
  const count = Math.floor(numbers.length / width);
  if (count < 2) return;
  const a = pick(count);
  const b = (a + 1) % count;
  const first = numbers.slice(a * width, (a + 1) * width);
  numbers.copyWithin(a * width, b * width, (b + 1) * width);
  numbers.set(first, b * width);
}

function infinite(grown: Model, old: Model, pick: Pick): Model | null {
  const tensor = choose(
    used(grown, (own) => isFloat(own) && grew(old, own)),
    pick,
  );
  const before = tensor === undefined ? undefined : oldOf(old, tensor);
  const known = new Set(before === undefined ? [] : readNumbers(before));
  return edited(grown, tensor, (numbers) => {
    const added = [...numbers.keys()].filter((i) => !known.has(numbers[i] ?? 0));
    const at = choose(added, pick);
    if (at !== undefined) numbers[at] = Number.POSITIVE_INFINITY;
  });
}
