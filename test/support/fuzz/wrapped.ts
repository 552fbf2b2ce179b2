/** Models whose nodes stand in branches, loops, functions and sequences, some of them without end. */
import { type Attribute, DataType, type FunctionDef, type Graph, type Model, type Node } from '../../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../../src/onnx/tensor.ts';
import { below, NAMES, pick, type Random } from './random.ts';

const LOCAL = 'local';

const plain = (opType: string, inputs: readonly string[], outputs: readonly string[], attributes: readonly Attribute[] = [], domain = ''): Node => ({
  opType,
  domain,
  name: '',
  inputs,
  outputs,
  attributes,
});

/** One node becomes a call of a function that holds it; its attributes are handed in, some under other names or not at all. */
function asFunction(random: Random, model: Model): Model {
  const at = below(random, model.graph.nodes.length);
  const node = model.graph.nodes[at];
  if (node === undefined || node.attributes.some((own) => own.kind === 'graph')) return model;
  const name = pick(random, ['f', node.opType, ...NAMES]) ?? 'f';
  const inner = { ...node, inputs: node.inputs.map((_, i) => `a${i}`), outputs: node.outputs.map((_, i) => `b${i}`) };
  const referred: Node = {
    ...inner,
    attributes: inner.attributes.map((own): Attribute => (random() < 0.7 ? { name: own.name, kind: 'ref', value: own.name } : own)),
  };
  const definition: FunctionDef = {
    domain: LOCAL,
    name,
    overload: '',
    inputs: inner.inputs,
    outputs: random() < 0.9 ? inner.outputs : [...inner.outputs].reverse(),
    attributes: node.attributes.map((own) => own.name),
    attributeDefaults: random() < 0.2 ? node.attributes : [],
    nodes: [referred],
    opsetImports: random() < 0.9 ? model.opsetImports : [{ domain: '', version: below(random, 30) }],
  };
  return {
    ...model,
    functions: [...model.functions, definition],
    opsetImports: [...model.opsetImports, { domain: LOCAL, version: 1 }],
    graph: { ...model.graph, nodes: model.graph.nodes.map((own, i) => (i === at ? { ...own, opType: name, domain: LOCAL } : own)) },
  };
}

/** Functions that call each other: twice each (2^n nodes), in a circle, or one behind the other. */
function calling(random: Random, model: Model): Model {
  const depth = 1 + below(random, 60);
  const times = 1 + below(random, 2);
  const circle = random() < 0.3;
  const functions = Array.from({ length: depth }, (_, i): FunctionDef => {
    const last = i === depth - 1;
    const next = last ? (circle ? 'f0' : null) : `f${i + 1}`;
    const call = (from: string, to: string): Node => plain(next ?? 'Identity', [from], [to], [], next === null ? '' : LOCAL);
    return {
      domain: LOCAL,
      name: `f${i}`,
      overload: '',
      inputs: ['a'],
      outputs: ['b'],
      attributes: [],
      attributeDefaults: [],
      nodes: times === 1 ? [call('a', 'b')] : [call('a', 'm'), call('m', 'b')],
      opsetImports: model.opsetImports,
    };
  });
  const target = below(random, model.graph.nodes.length);
  const nodes = model.graph.nodes.flatMap((own, i) => {
    const [first = ''] = own.inputs;
    return i === target && first !== '' ? [plain('f0', [first], ['called'], [], LOCAL), { ...own, inputs: ['called', ...own.inputs.slice(1)] }] : [own];
  });
  return { ...model, functions, opsetImports: [...model.opsetImports, { domain: LOCAL, version: 1 }], graph: { ...model.graph, nodes } };
}

const graphOf = (nodes: readonly Node[], outputs: readonly string[], name: string): Graph => ({
  name,
  nodes,
  initializers: [],
  sparseInitializers: [],
  inputs: [],
  outputs: outputs.map((own) => ({ name: own, type: null })),
  valueInfos: [],
});

/** One node stands in both branches of an If, nested some levels deep. */
function branched(random: Random, graph: Graph): Graph {
  const at = below(random, graph.nodes.length);
  const node = graph.nodes[at];
  if (node === undefined || node.outputs.some((name) => name === '')) return graph;
  const names = (tag: string): string[] => node.outputs.map((_, i) => (random() < 0.95 ? `${tag}_${i}` : (node.outputs[i] ?? '')));
  const wrap = (own: Node, level: number): Node => {
    const branch = (inner: Node, outputs: readonly string[], name: string): Attribute => ({
      name: `${name}_branch`,
      kind: 'graph',
      value: graphOf([{ ...inner, outputs }], outputs, random() < 0.9 ? name : (pick(random, NAMES) ?? '')),
    });
    // only one branch goes deeper, so that the file stays small
    const branches = [branch(own, names(`then${level}`), 'then'), branch(node, names(`else${level}`), 'else')];
    return plain('If', [`cond${at}`], own.outputs, random() < 0.9 ? branches : branches.slice(1));
  };
  let now = node;
  for (let level = 1 + (random() < 0.2 ? below(random, 105) : below(random, 2)); level > 0; level--) now = wrap(now, level);
  const condition = tensorFromNumbers(`cond${at}`, DataType.BOOL, random() < 0.8 ? [] : [1], [below(random, 2)]);
  return { ...graph, nodes: graph.nodes.map((own, i) => (i === at ? now : own)), initializers: [...graph.initializers, condition] };
}

/** One node runs in a loop that runs once, or as often as it says. */
function looped(random: Random, graph: Graph): Graph {
  const at = below(random, graph.nodes.length);
  const node = graph.nodes[at];
  const [first = ''] = node?.inputs ?? [];
  if (node === undefined || first === '' || node.outputs.length !== 1) return graph;
  const body: Graph = {
    ...graphOf([plain('Identity', ['go'], ['on']), { ...node, inputs: ['state', ...node.inputs.slice(1)], outputs: ['next'] }], ['on', 'next'], 'body'),
    inputs: ['i', 'go', 'state'].map((name) => ({ name, type: null })),
  };
  const loop = plain(random() < 0.8 ? 'Loop' : 'Scan', ['trips', 'keep', first], node.outputs, [{ name: 'body', kind: 'graph', value: body }]);
  const trips = tensorFromNumbers('trips', DataType.INT64, [], [pick(random, [1, 0, -1, 3, 2 ** 53 - 1]) ?? 1]);
  const keep = tensorFromNumbers('keep', DataType.BOOL, [], [1]);
  return { ...graph, nodes: graph.nodes.map((own, i) => (i === at ? loop : own)), initializers: [...graph.initializers, trips, keep] };
}

/** A sequence is made of a value and taken apart again. */
function sequenced(random: Random, graph: Graph): Graph {
  const at = below(random, graph.nodes.length);
  const node = graph.nodes[at];
  const [first = ''] = node?.inputs ?? [];
  if (node === undefined || first === '') return graph;
  const position = tensorFromNumbers('position', DataType.INT64, [], [pick(random, [0, 1, -1, 2 ** 40]) ?? 0]);
  const make =
    random() < 0.5
      ? plain('SequenceConstruct', [first, first], ['sequence'])
      : plain('SplitToSequence', [first], ['sequence'], [{ name: 'axis', kind: 'int', value: below(random, 4) - 1 }]);
  const take =
    random() < 0.6
      ? plain('SequenceAt', ['sequence', 'position'], ['taken'])
      : plain('ConcatFromSequence', ['sequence'], ['taken'], [{ name: 'axis', kind: 'int', value: below(random, 4) - 1 }]);
  const nodes = graph.nodes.flatMap((own, i) => (i === at ? [make, take, { ...own, inputs: ['taken', ...own.inputs.slice(1)] }] : [own]));
  return { ...graph, nodes, initializers: [...graph.initializers, position] };
}

/** A chain of nodes on one edge, longer than a recursion is deep where `length` is. */
function chained(random: Random, graph: Graph): Graph {
  const at = below(random, graph.nodes.length);
  const node = graph.nodes[at];
  const [first = ''] = node?.inputs ?? [];
  if (node === undefined || first === '') return graph;
  const op = pick(random, ['Identity', 'Neg', 'Relu', 'Tanh', 'Transpose', 'Cast']) ?? '';
  const length = random() < 0.9 ? below(random, 50) : below(random, 3000);
  const attributes: Attribute[] = op === 'Cast' ? [{ name: 'to', kind: 'int', value: 1 }] : [];
  const chain = Array.from({ length }, (_, i) => plain(op, [i === 0 ? first : `chain${at}_${i - 1}`], [`chain${at}_${i}`], attributes));
  if (length === 0) return graph;
  const nodes = graph.nodes.flatMap((own, i) => (i === at ? [...chain, { ...own, inputs: [`chain${at}_${length - 1}`, ...own.inputs.slice(1)] }] : [own]));
  return { ...graph, nodes };
}

/** One change of where nodes stand. */
export function wrappedChange(random: Random, model: Model): Model {
  switch (below(random, 6)) {
    case 0:
      return asFunction(random, model);
    case 1:
      return calling(random, model);
    case 2:
      return { ...model, graph: branched(random, model.graph) };
    case 3:
      return { ...model, graph: looped(random, model.graph) };
    case 4:
      return { ...model, graph: sequenced(random, model.graph) };
    default:
      return { ...model, graph: chained(random, model.graph) };
  }
}
