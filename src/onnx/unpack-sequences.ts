/**
 * Sequences taken apart: exporters split a tensor into a sequence and pick its parts by number, or put tensors into a sequence
 * to join them. Where the numbers are constants the sequence is not needed, and Slice, Split and Concat say the same.
 *
 * A sequence that something else reads (a loop, a computed position) stays as it is.
 *
 * Source: https://onnx.ai/onnx/operators/ (SplitToSequence, SequenceAt, SequenceConstruct, ConcatFromSequence)
 */
import { type Attribute, DataType, type Graph, type Model, type Node, type Tensor, type ValueInfo } from './ir.ts';
import { mapItems } from './map-tensors.ts';
import { bodiesOf, namesIn } from './names.ts';
import { readNumbers, tensorFromNumbers } from './tensor.ts';

/** What a sequence holds: values by name, or the pieces of one size that a tensor is cut into. */
type Sequence =
  | { readonly items: readonly string[] }
  | { readonly of: string; readonly axis: number; readonly size: number /** The cut dimension goes. */; readonly squeezed: boolean };

interface Numbers {
  readonly values: readonly number[];
  readonly scalar: boolean;
}

/** What is known at one place of a graph: constants and sequences by name. */
interface Scope {
  readonly constants: Map<string, Numbers>;
  readonly sequences: Map<string, Sequence>;
}

const SEQUENCE_OPERATORS = new Set([
  'SplitToSequence',
  'SequenceConstruct',
  'SequenceEmpty',
  'SequenceInsert',
  'SequenceErase',
  'SequenceAt',
  'SequenceLength',
  'ConcatFromSequence',
]);

/** A model without the sequences that only constant positions are read from; the same model when there are none. */
export function unpackSequences(model: Model): Model {
  if (!hasSequences(model.graph)) return model;
  const names = namesIn(model.graph);
  const opset = model.opsetImports.find(({ domain }) => domain === '' || domain === 'ai.onnx')?.version ?? 0;
  return { ...model, graph: inGraph(model.graph, { constants: new Map(), sequences: new Map() }) };

  function inGraph(graph: Graph, outer: Scope): Graph {
    const scope: Scope = { constants: new Map(outer.constants), sequences: new Map(outer.sequences) };
    for (const tensor of graph.initializers) learn(scope, tensor.name, tensor);
    const nodes = graph.nodes.flatMap((node) => inNode(node, scope));
    return { ...graph, nodes: withoutUnread(nodes, scope, graph.outputs) };
  }

  function inNode(node: Node, scope: Scope): readonly Node[] {
    const attributes = mapItems(node.attributes, (own) => (own.kind === 'graph' ? { ...own, value: inGraph(own.value, scope) } : own));
    if (attributes !== node.attributes) return [{ ...node, attributes }];
    if (node.domain !== '' && node.domain !== 'ai.onnx') return [node];
    const [output = ''] = node.outputs;
    const tensor = node.opType === 'Constant' ? node.attributes.find((own) => own.kind === 'tensor')?.value : undefined;
    if (tensor !== undefined) learn(scope, output, tensor);
    const given = node.opType === 'Constant' ? node.attributes.find((own) => own.kind === 'int' || own.kind === 'ints') : undefined;
    if (given !== undefined) scope.constants.set(output, { values: [given.value].flat(), scalar: given.kind === 'int' });
    if (node.opType === 'Identity' || node.opType === 'Cast') alias(scope, node.inputs[0] ?? '', output);
    return SEQUENCE_OPERATORS.has(node.opType) ? unpacked(node, scope) : [node];
  }

  function alias({ constants, sequences }: Scope, from: string, to: string): void {
    const [constant, sequence] = [constants.get(from), sequences.get(from)];
    if (constant !== undefined) constants.set(to, constant);
    if (sequence !== undefined) sequences.set(to, sequence);
  }

  /** Nodes that stand for one that makes or reads a sequence. Those that make one stay until it is known who reads it. */
  function unpacked(node: Node, { constants, sequences }: Scope): readonly Node[] {
    const [first = '', second = '', third = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const sequence = sequences.get(first);
    const items = sequence !== undefined && 'items' in sequence ? sequence.items : undefined;
    const place = (name: string, count: number): number | undefined => {
      const [at] = constants.get(name)?.values ?? [];
      return at === undefined || at < -count || at > count ? undefined : at < 0 ? at + count : at;
    };
    switch (node.opType) {
      case 'SplitToSequence':
        return split(node, sequences, second === '' ? undefined : (constants.get(second) ?? null));
      case 'SequenceConstruct':
        sequences.set(output, { items: node.inputs });
        return [node];
      case 'SequenceEmpty':
        sequences.set(output, { items: [] });
        return [node];
      case 'SequenceInsert': {
        const at = items === undefined ? undefined : third === '' ? items.length : place(third, items.length);
        if (items !== undefined && at !== undefined) sequences.set(output, { items: items.toSpliced(at, 0, second) });
        return [node];
      }
      case 'SequenceErase': {
        const at = items === undefined ? undefined : second === '' ? items.length - 1 : place(second, items.length);
        if (items !== undefined && at !== undefined && at < items.length) sequences.set(output, { items: items.toSpliced(at, 1) });
        return [node];
      }
      case 'SequenceLength':
        return items === undefined ? [node] : [constant(output, [], [items.length])];
      case 'SequenceAt': {
        if (items !== undefined) {
          const item = items[place(second, items.length) ?? items.length];
          return item === undefined ? [node] : [{ ...plain('Identity', [item], output), name: node.name }];
        }
        const at = constants.get(second)?.values[0];
        return sequence === undefined || 'items' in sequence || at === undefined || at < 0 ? [node] : piece(node, sequence, at);
      }
      default:
        return items === undefined || items.length === 0 ? [node] : joined(node, items);
    }
  }

  function split(node: Node, sequences: Map<string, Sequence>, sizes: Numbers | undefined | null): readonly Node[] {
    const [from = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const axis = intOf(node, 'axis', 0);
    if (sizes === null) return [node];
    if (sizes === undefined) sequences.set(output, { of: from, axis, size: 1, squeezed: intOf(node, 'keepdims', 1) === 0 });
    else if (sizes.scalar) sequences.set(output, { of: from, axis, size: sizes.values[0] ?? 1, squeezed: false });
    else {
      const items = sizes.values.map((_, i) => fresh(`${output}_${i}`));
      sequences.set(output, { items });
      const axisOnly: Attribute[] = [{ name: 'axis', kind: 'int', value: axis }];
      if (opset < 13) return [node, { ...plain('Split', [from], '', [...axisOnly, { name: 'split', kind: 'ints', value: sizes.values }]), outputs: items }];
      const counts = constant(fresh(`${output}_sizes`), [sizes.values.length], sizes.values);
      return [node, counts, { ...plain('Split', [from, counts.outputs[0] ?? ''], '', axisOnly), outputs: items }];
    }
    return [node];
  }

  /** Piece `at` of a tensor; the last piece may be shorter, as a Slice that ends beyond the tensor is. */
  function piece(node: Node, cut: Extract<Sequence, { of: string }>, at: number): readonly Node[] {
    const [output = ''] = node.outputs;
    const whole = cut.squeezed ? fresh(`${output}_kept`) : output;
    const bounds = [at * cut.size, (at + 1) * cut.size, cut.axis].map((value, i) => constant(fresh(`${output}_${['start', 'end', 'axis'][i]}`), [1], [value]));
    const slice: Node = { ...plain('Slice', [cut.of, ...bounds.flatMap((own) => own.outputs)], whole), name: node.name };
    if (!cut.squeezed) return [...bounds, slice];
    const axes = bounds[2]?.outputs[0] ?? '';
    return [
      ...bounds,
      slice,
      opset < 13 ? plain('Squeeze', [whole], output, [{ name: 'axes', kind: 'ints', value: [cut.axis] }]) : plain('Squeeze', [whole, axes], output),
    ];
  }

  /** ConcatFromSequence: Concat, along a new dimension if it says so. */
  function joined(node: Node, items: readonly string[]): readonly Node[] {
    const [output = ''] = node.outputs;
    const axis = intOf(node, 'axis', 0);
    const concat = (inputs: readonly string[]): Node => ({ ...plain('Concat', inputs, output, [{ name: 'axis', kind: 'int', value: axis }]), name: node.name });
    if (intOf(node, 'new_axis', 0) === 0) return [concat(items)];
    const axes = constant(fresh(`${output}_axis`), [1], [axis]);
    const raised = items.map((item) => {
      const name = fresh(`${output}_raised`);
      return opset < 13
        ? plain('Unsqueeze', [item], name, [{ name: 'axes', kind: 'ints', value: [axis] }])
        : plain('Unsqueeze', [item, axes.outputs[0] ?? ''], name);
    });
    return [...(opset < 13 ? [] : [axes]), ...raised, concat(raised.flatMap((own) => own.outputs))];
  }

  function fresh(base: string): string {
    let name = base;
    for (let i = 1; names.has(name); i++) name = `${base}_${i}`;
    names.add(name);
    return name;
  }
}

const hasSequences = (graph: Graph): boolean => graph.nodes.some((node) => SEQUENCE_OPERATORS.has(node.opType) || bodiesOf(node).some(hasSequences));

/** Remembers a small tensor of integers. */
function learn({ constants }: Scope, name: string, tensor: Tensor): void {
  const isInteger = tensor.dataType === DataType.INT64 || tensor.dataType === DataType.INT32;
  if (isInteger && tensor.dims.length <= 1 && (tensor.dims[0] ?? 1) <= 256)
    constants.set(name, { values: [...readNumbers(tensor)], scalar: tensor.dims.length === 0 });
}

/** A list of nodes without those whose sequences nobody reads any more. */
function withoutUnread(nodes: readonly Node[], { sequences }: Scope, outputs: readonly ValueInfo[]): readonly Node[] {
  const read = new Set([...outputs.map(({ name }) => name), ...nodes.flatMap(readBy)]);
  const kept = nodes.filter((node) => !sequences.has(node.outputs[0] ?? '') || node.outputs.some((output) => read.has(output)));
  return kept.length === nodes.length ? nodes : withoutUnread(kept, { sequences, constants: new Map() }, outputs);
}

/** Names a node reads, its bodies included. */
const readBy = (node: Node): string[] => [
  ...node.inputs,
  ...bodiesOf(node).flatMap((body) => [...body.nodes.flatMap(readBy), ...body.outputs.map(({ name }) => name)]),
];

const plain = (opType: string, inputs: readonly string[], output: string, attributes: readonly Attribute[] = []): Node => ({
  opType,
  domain: '',
  name: output,
  inputs,
  outputs: [output],
  attributes,
});

const constant = (name: string, dims: readonly number[], numbers: readonly number[]): Node =>
  plain('Constant', [], name, [{ name: 'value', kind: 'tensor', value: tensorFromNumbers('', DataType.INT64, dims, numbers) }]);

function intOf(node: Node, name: string, otherwise: number): number {
  const found = node.attributes.find((own) => own.name === name);
  return found?.kind === 'int' ? found.value : otherwise;
}
