/** Names in nested graphs. */
import type { Graph, Node } from './ir.ts';

/** The graphs that a node holds: branches of an `If`, the body of a loop. */
export const bodiesOf = (node: Node): Graph[] => node.attributes.flatMap((own) => (own.kind === 'graph' ? [own.value] : []));

/** Every name a graph and its bodies use, for nodes and values, also for values that are only described: a description outlives its node. */
export function namesIn(graph: Graph): Set<string> {
  const names = new Set<string>();
  const visit = (own: Graph): void => {
    for (const value of [...own.inputs, ...own.initializers, ...own.outputs, ...own.valueInfos]) names.add(value.name);
    for (const node of own.nodes) {
      for (const name of [node.name, ...node.inputs, ...node.outputs]) names.add(name);
      bodiesOf(node).forEach(visit);
    }
  };
  visit(graph);
  return names;
}
