/** Switches off what makes a model random, in the same way in both, so that the rest can be compared. */
import type { Attribute, Graph, Model, Node } from '../onnx/ir.ts';
import { encodeModel } from '../onnx/serialize.ts';

interface StillModel {
  readonly model: Model;
  /** The rewritten model file. */
  readonly bytes: Uint8Array;
  /** Operators that were random. */
  readonly random: readonly string[];
}

/** Random operators that no constant can stand for. */
const UNCLEAR = new Set(['Bernoulli', 'Multinomial']);

/**
 * The model with Dropout passing its input on and random numbers replaced by the middle of their range (uniform) or
 * their mean (normal), which leaves stochastic depth on. Returns the reason where that is not possible.
 */
export function stillModel(model: Model): StillModel | { readonly reason: string } {
  const nodes = [...allNodes(model.graph), ...model.functions.flatMap((f) => f.nodes.flatMap(withInner))];
  const unclear = nodes.find((node) => UNCLEAR.has(node.opType));
  if (unclear !== undefined) return { reason: `${unclear.opType} cannot be switched off` };
  if (hasExternalData(model.graph)) return { reason: 'it keeps weights in other files; export it in inference mode' };
  const stilled: Model = { ...model, graph: stillGraph(model.graph), functions: model.functions.map((f) => ({ ...f, nodes: f.nodes.map(stillNode) })) };
  return { model: stilled, bytes: encodeModel(stilled), random: randomOps(model) };
}

/** A uniform distribution of no width gives the same number each time. */
const isStill = ({ opType, attributes }: Node): boolean =>
  opType.startsWith('RandomUniform') && floatOf(attributes, 'low', 0) === floatOf(attributes, 'high', 1);

/** Operators of a model that give other numbers each time: a Dropout only where it is told to train. */
export function randomOps(model: Model): readonly string[] {
  const nodes = [...allNodes(model.graph), ...model.functions.flatMap((f) => f.nodes.flatMap(withInner))];
  const isFalse = (name: string): boolean => {
    const held =
      model.graph.initializers.find((tensor) => tensor.name === name) ??
      nodes.find((node) => node.outputs[0] === name)?.attributes.flatMap((a) => (a.kind === 'tensor' ? [a.value] : []))[0];
    return held?.data.read(0, held.data.size).every((byte) => byte === 0) === true;
  };
  const trains = ({ inputs }: Node): boolean => (inputs[2] ?? '') !== '' && !isFalse(inputs[2] ?? '');
  const random = nodes.filter(
    (node) =>
      node.domain === '' && (node.opType === 'Dropout' ? trains(node) : (node.opType.startsWith('Random') && !isStill(node)) || UNCLEAR.has(node.opType)),
  );
  return [...new Set(random.map((node) => node.opType))];
}

const allNodes = (graph: Graph): readonly Node[] => graph.nodes.flatMap(withInner);

const withInner = (node: Node): readonly Node[] => [node, ...node.attributes.flatMap((a) => (a.kind === 'graph' ? allNodes(a.value) : []))];

const hasExternalData = (graph: Graph): boolean => graph.initializers.some((tensor) => tensor.external !== undefined);

const stillGraph = (graph: Graph): Graph => ({ ...graph, nodes: graph.nodes.map(stillNode) });

function stillNode(node: Node): Node {
  const attributes = node.attributes.map((a) => (a.kind === 'graph' ? { ...a, value: stillGraph(a.value) } : a));
  // Without its training_mode input a Dropout (opset 12 and up) is the identity, and the ratio does not matter.
  if (node.opType === 'Dropout' && node.domain === '') return { ...node, attributes, inputs: node.inputs.slice(0, 1) };
  if (node.opType.startsWith('RandomUniform'))
    return { ...node, attributes: always(attributes, (floatOf(attributes, 'low', 0) + floatOf(attributes, 'high', 1)) / 2) };
  // The runtime aborts on a normal distribution of width 0; the uniform one has no such qualm.
  if (node.opType.startsWith('RandomNormal')) {
    return { ...node, opType: node.opType.replace('Normal', 'Uniform'), attributes: always(attributes, floatOf(attributes, 'mean', 0)) };
  }
  return { ...node, attributes };
}

function floatOf(attributes: readonly Attribute[], name: string, otherwise: number): number {
  const found = attributes.find((attribute) => attribute.name === name);
  return found?.kind === 'float' ? found.value : otherwise;
}

/** The attributes of a uniform distribution that is always `value`. */
function always(attributes: readonly Attribute[], value: number): readonly Attribute[] {
  const others = attributes.filter(({ name }) => !['low', 'high', 'mean', 'scale'].includes(name));
  return [...others, { kind: 'float', name: 'low', value }, { kind: 'float', name: 'high', value }];
}
