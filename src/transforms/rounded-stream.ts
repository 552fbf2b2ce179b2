/**
 * A residual stream that is quantised between its branches. What is on the steps of one scale is rounded on those of another; on
 * its own steps it stays as it is. So the quantisers of the stream in a new layer take scale and zero point from where it stands.
 */
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Operand } from '../analysis/norms.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';

/** An operand of the copied layer that reads another constant than the original does. */
export interface Taken {
  readonly operand: Operand;
  readonly name: string;
}

/** True for the operators that round a stream and hand it on. */
export const rounds = (node: FlatNode): boolean => node.op === 'QuantizeLinear' || node.op === 'DequantizeLinear';

/** The value as its readers get it: rounded, where nothing reads it unrounded. */
export function asRead({ data, flat }: Analysis, value: string): string {
  const next = (from: string, op: string): string | undefined => {
    const readers = data.consumers(from).filter(({ node }) => node.op !== 'Shape');
    const [only] = readers;
    return readers.length === 1 && only?.node.op === op && only.input === 0 ? only.node.outputs[0] : undefined;
  };
  const rounded = flat.outputs.some((output) => output.name === value) ? undefined : next(value, 'QuantizeLinear');
  return (rounded === undefined ? undefined : next(rounded, 'DequantizeLinear')) ?? value;
}

/** Scale and zero point of the place `at` for the quantisers that a copied layer has on its stream, or why it has none. */
export function stepsOf({ data, flat }: Analysis, quantisers: readonly FlatNode[], at: string): readonly Taken[] | string {
  const maker = data.producer(at);
  const [, scale = '', point = ''] = maker?.op === 'DequantizeLinear' ? maker.inputs : [];
  const single = (name: string): boolean => flat.constants.get(name)?.tensor.dims.every((size) => size === 1) === true;
  const taken: Taken[] = [];
  for (const node of quantisers) {
    if (!single(scale) || !single(node.inputs[1] ?? '') || (point === '') !== ((node.inputs[2] ?? '') === ''))
      return `${nodeLabel(node)} rounds the stream inside the layer to other steps than where it would stand`;
    taken.push({ operand: { node, input: 1 }, name: scale });
    if (point !== '') taken.push({ operand: { node, input: 2 }, name: point });
  }
  return taken;
}

/** The first operator that rounds activations to few steps; runtimes do so, too, in products with weights dequantised in blocks. */
export function roundsActivations({ flat, facts }: Analysis): string | null {
  const found = flat.nodes.find((node) => {
    const relation = facts.relations.get(node);
    if (relation?.kind !== 'labels') return false;
    return (
      (relation.rounds === true && facts.values.get(node.outputs[0] ?? '')?.dependence === 'data') ||
      (node.op === 'DequantizeLinear' && relation.derived !== undefined)
    );
  });
  return found === undefined ? null : nodeLabel(found);
}
