/** Numbers in attributes. One that is not finite makes values that are none, which zeros behind them do not take away. */
import type { Graph, Node } from '../onnx/ir.ts';
import { bodiesOf } from '../onnx/names.ts';
import { type Finding, refuted } from './findings.ts';
import type { Side } from './prepare.ts';

/** Nodes of the new graph, in bodies too, with a number that is not finite and that no node of that operator has in the old graph. */
export function attributeFindings(before: Side, after: Side): readonly Finding[] {
  const known = new Set(notFinite(before).map(({ text }) => text));
  return notFinite(after).flatMap(({ node, text }) =>
    known.has(text) ? [] : [refuted(`node ${node.name === '' ? (node.outputs[0] ?? '') : node.name} (${node.opType})`, `${text}, which is not finite`)],
  );
}

const notFinite = ({ flat }: Side): readonly { readonly node: Node; readonly text: string }[] =>
  nodesIn(flat.model.graph).flatMap((node) =>
    // what a Constant node holds is a constant like those of the file, wherever it goes
    node.opType === 'Constant'
      ? []
      : node.attributes.flatMap((own) => {
          const numbers = own.kind === 'float' ? [own.value] : own.kind === 'floats' ? own.value : [];
          return numbers.every(Number.isFinite) ? [] : [{ node, text: `${node.opType}: its attribute ${own.name} is ${numbers.join(', ')}` }];
        }),
  );

const nodesIn = (graph: Graph): readonly Node[] => graph.nodes.flatMap((node) => [node, ...bodiesOf(node).flatMap(nodesIn)]);
