/**
 * If nodes whose condition is the same for all inputs, such as one that asks whether queries are as many as keys where both are the tokens:
 * the branch that is taken stands for the node, and the other one, which no input reaches, says nothing of sizes either.
 */
import { type Facts, inferFacts } from '../analysis/shapes.ts';
import { isStatic } from '../analysis/size.ts';
import type { FlatGraph, FlatNode } from '../onnx/graph.ts';

/** The branch that an If takes for all inputs: its place among the branches; null where the inputs decide. */
function takenBy({ inputs, node }: FlatNode, facts: Facts): number | null {
  const [condition, ...more] = facts.elements(inputs[0] ?? '') ?? [];
  if (condition?.value == null || !isStatic(condition.value) || more.length > 0) return null;
  const wanted = condition.value === 0 ? 'else_branch' : 'then_branch';
  return node.attributes.filter((own) => own.kind === 'graph').findIndex((own) => own.name === wanted);
}

/** What an If hands on, as one node for each of its results. */
function handedOn({ node, scope, inputs, outputs }: FlatNode, branch: number): readonly FlatNode[] {
  return outputs.map((output, o): FlatNode => {
    const [from, to] = [[inputs[1 + branch * outputs.length + o] ?? ''], [output]];
    return { op: 'Identity', scope, inputs: from, outputs: to, node: { ...node, opType: 'Identity', inputs: from, outputs: to, attributes: [] } };
  });
}

/** A scope and those around it. */
const around = (scope: string): readonly string[] => [...scope.matchAll(/\/|$/g)].map(({ index }) => scope.slice(0, index));

/** Puts the branch that is always taken in the place of an If. Sizes are those of what runs for every input. */
export function decideBranches(flat: FlatGraph): FlatGraph {
  if (!flat.nodes.some((node) => node.branches !== undefined)) return flat;
  const taken = new Map<FlatNode, number>();
  const running = new Set(['']);
  for (let before = -1; before < taken.size; ) {
    before = taken.size;
    const nodes = flat.nodes.filter(({ scope }) => running.has(scope));
    const facts = inferFacts(decided({ ...flat, nodes }, taken), undefined, true);
    for (const node of nodes) {
      const branch = node.branches === undefined || taken.has(node) ? null : takenBy(node, facts);
      if (branch === null) continue;
      taken.set(node, branch);
      running.add(node.branches?.[branch] ?? '');
    }
  }
  const left = new Set([...taken].flatMap(([{ branches = [] }, branch]) => branches.filter((_, i) => i !== branch)));
  const gone = new Set([...new Set(flat.nodes.map(({ scope }) => scope))].filter((scope) => around(scope).some((own) => left.has(own))));
  return decided({ ...flat, nodes: flat.nodes.filter(({ scope }) => !gone.has(scope)) }, taken);
}

const decided = (flat: FlatGraph, taken: ReadonlyMap<FlatNode, number>): FlatGraph => ({
  ...flat,
  nodes: flat.nodes.flatMap((node) => {
    const branch = taken.get(node);
    return branch === undefined ? [node] : handedOn(node, branch);
  }),
});
