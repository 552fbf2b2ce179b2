/** What keeps a graph from running: sizes that do not fit each other, numbers of elements that change, dimensions that are not there. */
import { keyOf, lowestTerms, product, type Size, symbolsOf, withoutCommonFactors } from '../analysis/size.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { type Finding, refuted, unproved } from './findings.ts';
import type { Side } from './prepare.ts';

/** What is known to keep the new graph from running, for some inputs or for all. */
export const fitFindings = (before: Side, after: Side): readonly Finding[] => [
  ...sizeFindings(before, after),
  ...after.flat.nodes.flatMap((node) => axisFindings(after, node)),
  ...countFindings(before, after),
];

/** Sizes that do not fit each other. Of operators that are not understood in the old graph either nothing is said, and little is sure of the others then. */
function sizeFindings(before: Side, after: Side): readonly Finding[] {
  const known = new Set(before.facts.conflicts.map(operatorIn));
  const kind = known.size > 0 ? unproved : refuted;
  return after.facts.conflicts.flatMap((where) => (known.has(operatorIn(where)) ? [] : [kind(where, 'sizes do not fit each other')]));
}

/** The operator of the node that a conflict is at; of other places the text. */
const operatorIn = (conflict: string): string => /\(([\w.]+)\): /.exec(conflict)?.[1] ?? conflict;

/** Operators whose `axis` is a dimension of their first operand. */
const ALONG = new Set(['Softmax', 'LogSoftmax', 'Hardmax', 'Concat', 'Gather', 'Split', 'ArgMax', 'ArgMin', 'TopK', 'GatherElements', 'ScatterElements']);

function axisFindings({ facts }: Side, node: FlatNode): readonly Finding[] {
  const own = node.node.attributes.find(({ name }) => name === 'axis');
  const rank = facts.values.get(node.inputs[0] ?? '')?.dims?.length;
  if (!ALONG.has(node.op) || own?.kind !== 'int' || rank === undefined || (own.value >= -rank && own.value < Math.max(1, rank))) return [];
  return [refuted(nodeLabel(node), `${node.op}: of ${rank} dimensions there is no dimension ${own.value}`)];
}

/** Reshapes of the new graph that do not keep the number of elements for all inputs, where none of the old graph is like that. */
function countFindings(before: Side, after: Side): readonly Finding[] {
  const known = new Set(misfits(before).map(({ text }) => text));
  return misfits(after).flatMap(({ node, text }) =>
    known.has(text) ? [] : [unproved(nodeLabel(node), `Reshape: nothing shows that it keeps the number of elements, ${text} but for common factors`)],
  );
}

const misfits = (side: Side): readonly { readonly node: FlatNode; readonly text: string }[] =>
  side.flat.nodes.flatMap((node) => {
    const [from, to] = [node.inputs[0], node.outputs[0]].map((name) => side.facts.values.get(name ?? '')?.dims);
    if (side.facts.relations.get(node)?.kind !== 'reshape' || from == null || to == null) return [];
    // widths grow, and what they are multiples of with them
    const [a, b] = lowestTerms(...withoutCommonFactors(product(from), product(to)));
    return keyOf(a) === keyOf(b) || isOfRun(side, a) || isOfRun(side, b) ? [] : [{ node, text: `${keyOf(a)} to ${keyOf(b)}` }];
  });

/** A size that only a run decides is part of it. */
const isOfRun = ({ facts }: Side, size: Size): boolean => symbolsOf(size).some((name) => facts.runSizes.has(name));
