/** Faults planted into grown models beside those in weights: in nodes, branches, names, types, versions and the interface. */
import type { Attribute, Graph, Model, Node, Tensor, ValueInfo } from '../../src/onnx/ir.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { isNumeric, readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { choose, edited, type Fault, live, nudged, oldOf, type Pick, used, withNode } from './faults.ts';

const isFloat = (tensor: Tensor): boolean => tensor.dataType === DataType.FLOAT || tensor.dataType === DataType.DOUBLE;
const withGraph = (model: Model, change: Partial<Graph>): Model => ({ ...model, graph: { ...model.graph, ...change } });

/** One attribute of one node has another value. */
function otherAttribute(grown: Model, _old: Model, pick: Pick): Model | null {
  const places = live(grown).flatMap((node) => node.attributes.flatMap((own) => (changed(own, pick) === null ? [] : [{ node, own }])));
  const place = choose(places, pick);
  if (place === undefined) return null;
  const now = changed(place.own, pick) as Attribute;
  return withNode(grown, place.node, { ...place.node, attributes: place.node.attributes.map((own) => (own === place.own ? now : own)) });
}

function changed({ name, ...own }: Attribute, pick: Pick): Attribute | null {
  if (own.kind === 'int') return { name, kind: 'int', value: own.value + 1 };
  if (own.kind === 'float') return { name, kind: 'float', value: own.value === 0 ? 1 : 1.5 * own.value };
  if (own.kind === 'ints' && own.value.length > 0) {
    const at = pick(own.value.length);
    return { name, kind: 'ints', value: own.value.map((x, i) => (i === at ? x + 1 : x)) };
  }
  return own.kind === 'string' ? { name, kind: 'string', value: `${own.value}x` } : null;
}

/** A number of one node's attributes is minus infinity, which is what a file holds of one that is too large for it. */
function infiniteAttribute(grown: Model, _old: Model, pick: Pick): Model | null {
  const place = choose(
    live(grown).flatMap((node) => node.attributes.flatMap((own) => (own.kind === 'float' && Number.isFinite(own.value) ? [{ node, own }] : []))),
    pick,
  );
  if (place === undefined) return null;
  const now: Attribute = { name: place.own.name, kind: 'float', value: Number.NEGATIVE_INFINITY };
  return withNode(grown, place.node, { ...place.node, attributes: place.node.attributes.map((own) => (own === place.own ? now : own)) });
}

/** A node of what is new computes something else; `change` gives null for nodes that it is not for. */
const inNew =
  (change: (node: Node) => Node | null): Fault['plant'] =>
  (grown, old, pick) => {
    const known = new Set(old.graph.nodes.flatMap((node) => node.outputs));
    const places = live(grown).flatMap((node) => {
      const now = known.has(node.outputs[0] ?? '') ? null : change(node);
      return now === null ? [] : [{ node, now }];
    });
    const place = choose(places, pick);
    return place === undefined ? null : withNode(grown, place.node, place.now);
  };

const TURNED: Readonly<Record<string, string>> = {
  ...{ Less: 'GreaterOrEqual', LessOrEqual: 'Greater', Greater: 'LessOrEqual', GreaterOrEqual: 'Less' },
  ...{ And: 'Or', Or: 'And', Not: 'Identity' },
};

/** A reduction is over another dimension. */
function otherAxis(grown: Model, _old: Model, pick: Pick): Model | null {
  const places = live(grown).flatMap((node) => {
    const listed = node.attributes.find((own) => own.name === 'axes');
    const tensor = grown.graph.initializers.find((own) => own.name === node.inputs[1]);
    const axes = listed?.kind === 'ints' ? listed.value : tensor === undefined || !node.opType.startsWith('Reduce') ? [] : [...readNumbers(tensor)];
    return axes.length === 1 ? [{ node, listed, axis: axes[0] === -1 ? -2 : (axes[0] ?? 0) - 1 }] : [];
  });
  const place = choose(places, pick);
  if (place === undefined) return null;
  const { node, listed, axis } = place;
  const now: Attribute = { name: 'axes', kind: 'ints', value: [axis] };
  if (listed !== undefined) return withNode(grown, node, { ...node, attributes: node.attributes.map((own) => (own === listed ? now : own)) });
  const made = withNode(grown, node, { ...node, inputs: node.inputs.map((name, i) => (i === 1 ? 'planted axis' : name)) });
  return withGraph(made, { initializers: [...made.graph.initializers, tensorFromNumbers('planted axis', DataType.INT64, [1], [axis])] });
}

/** A value of a constant that stands in a node. */
function inConstantNode(grown: Model, _old: Model, pick: Pick): Model | null {
  const read = new Set(live(grown).flatMap((node) => node.inputs));
  const node = choose(
    grown.graph.nodes.filter((own) => own.opType === 'Constant' && read.has(own.outputs[0] ?? '') && own.attributes.some(holdsNumbers)),
    pick,
  );
  const own = node?.attributes.find(holdsNumbers);
  if (node === undefined || own?.kind !== 'tensor') return null;
  return withNode(grown, node, { ...node, attributes: [{ name: own.name, kind: 'tensor', value: bumped(own.value, pick) }] });
}

const holdsNumbers = (own: Attribute): boolean =>
  own.kind === 'tensor' && isNumeric(own.value.dataType) && own.value.dataType !== DataType.BOOL && readNumbers(own.value).length > 0;

function bumped(tensor: Tensor, pick: Pick): Tensor {
  const numbers = readNumbers(tensor);
  const at = pick(numbers.length);
  numbers[at] = (numbers[at] ?? 0) + 1;
  return { ...tensor, ...tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers) };
}

/** A node or a constant inside a branch. */
function inBranch(grown: Model, _old: Model, pick: Pick): Model | null {
  const choice = choose(
    grown.graph.nodes.filter((node) => node.attributes.some((own) => own.kind === 'graph')),
    pick,
  );
  const own = choose(choice?.attributes.filter((other) => other.kind === 'graph') ?? [], pick);
  if (choice === undefined || own?.kind !== 'graph') return null;
  const inside = otherNode({ ...grown, graph: own.value }, pick);
  if (inside === null) return null;
  return withNode(grown, choice, {
    ...choice,
    attributes: choice.attributes.map((other) => (other === own ? { name: own.name, kind: 'graph', value: inside.graph } : other)),
  });
}

const OTHERS: Readonly<Record<string, string>> = {
  Add: 'Sub',
  Sub: 'Add',
  Mul: 'Add',
  Div: 'Mul',
  Tanh: 'Sigmoid',
  Erf: 'Tanh',
  Sqrt: 'Abs',
  Softmax: 'LogSoftmax',
};

/** A node with another operator. */
function otherNode(model: Model, pick: Pick): Model | null {
  const node = choose(
    live(model).filter((own) => own.domain === '' && OTHERS[own.opType] !== undefined),
    pick,
  );
  return node === undefined ? null : withNode(model, node, { ...node, opType: OTHERS[node.opType] ?? '' });
}

/** One reader of a constant that several nodes read gets a changed copy. */
function oneReader(grown: Model, _old: Model, pick: Pick): Model | null {
  const nodes = live(grown);
  const readers = (tensor: Tensor): readonly Node[] => nodes.filter((node) => node.inputs.includes(tensor.name));
  const tensor = choose(
    used(grown, isFloat).filter((own) => readers(own).length > 1),
    pick,
  );
  const reader = tensor === undefined ? undefined : choose(readers(tensor), pick);
  if (tensor === undefined || reader === undefined) return null;
  const copy = { ...bumped(tensor, pick), name: `${tensor.name} copy` };
  const now = withNode(grown, reader, { ...reader, inputs: reader.inputs.map((name) => (name === tensor.name ? copy.name : name)) });
  return withGraph(now, { initializers: [...now.graph.initializers, copy] });
}

/** Of tensors that held the same numbers one holds others. */
function untied(grown: Model, _old: Model, pick: Pick): Model | null {
  const texts = new Map<string, Tensor[]>();
  for (const own of used(grown, (tensor) => isFloat(tensor) && tensor.dims.length > 1)) {
    const key = `${own.dims.join()}:${readNumbers(own).join()}`;
    texts.set(key, [...(texts.get(key) ?? []), own]);
  }
  const tensor = choose([...texts.values()].filter((list) => list.length > 1).flat(), pick);
  return edited(grown, tensor, (numbers) => {
    const at = pick(numbers.length);
    numbers[at] = 1.25 * (numbers[at] ?? 0) + 0.01;
  });
}

/** A value on the way is multiplied with a number, or gets one added. */
const withStep =
  (op: 'Mul' | 'Add', by: number): Fault['plant'] =>
  (grown, _old, pick) => {
    const consumed = new Set(live(grown).flatMap((node) => node.inputs));
    const floats = live(grown).filter(
      (node) => ['MatMul', 'Gemm', 'Add', 'Softmax', 'LayerNormalization', 'Tanh'].includes(node.opType) && consumed.has(node.outputs[0] ?? ''),
    );
    const node = choose(floats, pick);
    const type = used(grown, isFloat)[0]?.dataType;
    if (node === undefined || type === undefined) return null;
    const [was = '', number] = [node.outputs[0], tensorFromNumbers('planted number', type, [], [by])];
    const made = `${was} planted`;
    const step: Node = { opType: op, domain: '', name: 'planted', inputs: [made, number.name], outputs: [was], attributes: [] };
    const nodes = grown.graph.nodes.flatMap((own) => (own === node ? [{ ...own, outputs: [made, ...own.outputs.slice(1)] }, step] : [own]));
    return withGraph(grown, { nodes, initializers: [...grown.graph.initializers, number] });
  };

/** An operand is another value that a node of the same operator made before. */
function otherOperand(grown: Model, _old: Model, pick: Pick): Model | null {
  const nodes = live(grown);
  const makers = new Map(nodes.map((node) => [node.outputs[0] ?? '', node] as const));
  const at = (node: Node): number => nodes.indexOf(node);
  const places = nodes.flatMap((node) =>
    node.inputs.flatMap((name, slot) => {
      const maker = makers.get(name);
      const before = maker === undefined ? [] : nodes.filter((other) => other.opType === maker.opType && other !== maker && at(other) < at(node));
      return before.map((other) => ({ node, slot, name: other.outputs[0] ?? '' }));
    }),
  );
  const place = choose(places, pick);
  if (place === undefined) return null;
  return withNode(grown, place.node, { ...place.node, inputs: place.node.inputs.map((own, slot) => (slot === place.slot ? place.name : own)) });
}

const renamed = (model: Model, from: string, to: string): Model => {
  const other = (name: string): string => (name === from ? to : name);
  const info = (own: ValueInfo): ValueInfo => ({ name: other(own.name), type: own.type });
  return withGraph(model, {
    nodes: model.graph.nodes.map((node) =>
      node.inputs.includes(from) || node.outputs.includes(from) ? { ...node, inputs: node.inputs.map(other), outputs: node.outputs.map(other) } : node,
    ),
    inputs: model.graph.inputs.map(info),
    outputs: model.graph.outputs.map(info),
  });
};

/** An input or output is declared otherwise. */
const declared =
  (which: 'inputs' | 'outputs', change: (type: NonNullable<ValueInfo['type']>, pick: Pick) => ValueInfo['type']): Fault['plant'] =>
  (grown, _old, pick) => {
    const own = choose(
      grown.graph[which].filter((info) => info.type?.dims != null && info.type.dims.length > 0),
      pick,
    );
    const type = own?.type == null ? null : change(own.type, pick);
    if (own === undefined || type === null) return null;
    return withGraph(grown, { [which]: grown.graph[which].map((info) => (info === own ? { name: own.name, type } : info)) });
  };

/** A corrected number off by one unit in the last place. */
function correctionOff(grown: Model, old: Model, pick: Pick): Model | null {
  const corrected = used(grown, isFloat).filter((own) => {
    const before = oldOf(old, own);
    return before !== undefined && before.dims.join() === own.dims.join() && readNumbers(before).some((x, i) => x !== readNumbers(own)[i]);
  });
  const tensor = choose(corrected, pick);
  return edited(grown, tensor, (numbers) => {
    const at = pick(numbers.length);
    if (tensor !== undefined) numbers[at] = nudged(tensor, numbers[at] ?? 0);
  });
}

const newParameter =
  (value: number): Fault['plant'] =>
  (grown, old, pick) => {
    const tensor = choose(
      used(grown, (own) => isFloat(own) && own.dims.length > 0 && (oldOf(old, own)?.dims.join() ?? '') !== own.dims.join()),
      pick,
    );
    const before = tensor === undefined ? undefined : oldOf(old, tensor);
    const known = new Set(before === undefined ? [] : readNumbers(before));
    return edited(grown, tensor, (numbers) => {
      const at = choose(
        [...numbers.keys()].filter((i) => !known.has(numbers[i] ?? 0)),
        pick,
      );
      if (at !== undefined) numbers[at] = value;
    });
  };

const opset = ({ opsetImports, ...model }: Model): Model => ({
  ...model,
  opsetImports: opsetImports.map((own) => (own.domain === '' ? { domain: '', version: own.version + 1 } : own)),
});

export const GRAPH_FAULTS: readonly Fault[] = [
  { name: 'an attribute of a node changed', plant: otherAttribute },
  { name: 'an attribute of a node is minus infinity', plant: infiniteAttribute },
  { name: 'a reduction over another dimension', plant: otherAxis },
  {
    name: 'choices of a Where exchanged in what is new',
    plant: inNew((node) => {
      const [condition = '', a = '', b = ''] = node.inputs;
      return node.opType === 'Where' ? { ...node, inputs: [condition, b, a] } : null;
    }),
  },
  {
    name: 'a comparison turned round in what is new',
    plant: inNew((node) => {
      const opType = TURNED[node.opType];
      return opType === undefined ? null : { ...node, opType };
    }),
  },
  {
    name: 'one operand twice in what is new',
    plant: inNew((node) => {
      const [a = '', b = ''] = node.inputs;
      return /^(Add|Sub|Mul|Div)$/.test(node.opType) && a !== b ? { ...node, inputs: [b, b] } : null;
    }),
  },
  { name: 'a number in a Constant node', plant: inConstantNode },
  { name: 'another operator', plant: (grown, _, pick) => otherNode(grown, pick) },
  { name: 'another operator inside a branch', plant: inBranch },
  { name: 'a constant of several readers changed for one', plant: oneReader },
  { name: 'one of two equal matrices changed', plant: untied },
  { name: 'a value times 1.001 on the way', plant: withStep('Mul', 1.001) },
  { name: 'a value plus 0.001 on the way', plant: withStep('Add', 1e-3) },
  { name: 'an operand of another node of that kind', plant: otherOperand },
  { name: 'a correction off by one unit in the last place', plant: correctionOff },
  { name: 'a new parameter is no number', plant: newParameter(Number.NaN) },
  { name: 'a new parameter is minus infinity', plant: newParameter(Number.NEGATIVE_INFINITY) },
  {
    name: 'a mask of −1e-3 instead of a large number',
    plant: (grown, _, pick) =>
      edited(
        grown,
        choose(
          used(grown, (own) => isFloat(own) && readNumbers(own).some((x) => x < -1e4)),
          pick,
        ),
        (numbers) => numbers.set(numbers.map((x) => (x < -1e4 ? -1e-3 : x))),
      ),
  },
  {
    name: 'halves of a vector exchanged',
    plant: (grown, _, pick) =>
      edited(
        grown,
        choose(
          used(grown, (own) => isFloat(own) && own.dims.length === 1 && readNumbers(own).length > 1),
          pick,
        ),
        (numbers) => numbers.set([...numbers.slice(numbers.length >> 1), ...numbers.slice(0, numbers.length >> 1)]),
      ),
  },
  {
    name: 'an input renamed',
    plant: (grown, _, pick) => {
      const own = choose(grown.graph.inputs, pick);
      return own === undefined ? null : renamed(grown, own.name, `${own.name}_`);
    },
  },
  {
    name: 'an output renamed',
    plant: (grown, _, pick) => {
      const own = choose(grown.graph.outputs, pick);
      return own === undefined ? null : renamed(grown, own.name, `${own.name}_`);
    },
  },
  { name: 'an output is missing', plant: (grown) => (grown.graph.outputs.length < 2 ? null : withGraph(grown, { outputs: grown.graph.outputs.slice(1) })) },
  {
    name: 'outputs in another order',
    plant: (grown) => (grown.graph.outputs.length < 2 ? null : withGraph(grown, { outputs: grown.graph.outputs.toReversed() })),
  },
  {
    name: 'an input more',
    plant: (grown) => withGraph(grown, { inputs: [...grown.graph.inputs, { name: 'planted', type: { elemType: DataType.FLOAT, dims: [1] } }] }),
  },
  {
    name: 'the type of an input',
    plant: declared('inputs', (type) => ({ ...type, elemType: type.elemType === DataType.INT64 ? DataType.INT32 : DataType.FLOAT16 })),
  },
  {
    name: 'the type of an output',
    plant: declared('outputs', (type) => ({ ...type, elemType: type.elemType === DataType.INT64 ? DataType.INT32 : DataType.FLOAT16 })),
  },
  {
    name: 'a size of an input',
    plant: declared('inputs', (type, pick) => {
      const at = pick(type.dims?.length ?? 1);
      return { ...type, dims: type.dims?.map((dim, d) => (d !== at ? dim : typeof dim === 'number' ? dim + 1 : 1)) ?? null };
    }),
  },
  {
    name: 'a size of an output',
    plant: declared('outputs', (type) => {
      const at = type.dims?.findLastIndex((dim) => typeof dim === 'number') ?? -1;
      return at < 0 ? null : { ...type, dims: type.dims?.map((dim, d) => (d === at && typeof dim === 'number' ? dim + 1 : dim)) ?? null };
    }),
  },
  { name: 'the version of the operators', plant: opset },
  { name: 'the version of the format', plant: (grown) => ({ ...grown, irVersion: grown.irVersion + 1 }) },
];
