/** Element types of operands that must be of one type: a graph that mixes them does not run. */
import { ruleOf } from '../analysis/op-rules.ts';
import { nodeLabel } from '../onnx/graph.ts';
import { type Finding, refuted } from './findings.ts';
import type { Side } from './prepare.ts';

/** Nodes of the new graph whose operands have different types; where the old graph mixes them too, types are not known well enough to say so. */
export function typeFindings(before: Side, after: Side): readonly Finding[] {
  const findings = mixed(after);
  return findings.length === 0 || mixed(before).length > 0 ? [] : findings;
}

const mixed = ({ flat, facts }: Side): readonly Finding[] =>
  flat.nodes.flatMap((node): readonly Finding[] => {
    const places = ruleOf(node.op)?.ofOneType ?? [];
    const operands = places === 'all' ? node.inputs : places.map((i) => node.inputs[i] ?? '');
    const types = new Set(operands.flatMap((name) => facts.values.get(name)?.dtype || []));
    return types.size < 2 ? [] : [refuted(nodeLabel(node), `${node.op}: its operands have different element types`)];
  });
