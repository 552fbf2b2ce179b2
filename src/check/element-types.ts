/** Element types of operands that must be of one type: a graph that mixes them does not run. */
import { nodeLabel } from '../onnx/graph.ts';
import { type Finding, refuted } from './findings.ts';
import type { Side } from './prepare.ts';

/** Operators all of whose operands are of one type. */
const OF_ONE_TYPE = new Set([
  ...['Add', 'Sub', 'Mul', 'Div', 'Mod', 'Max', 'Min', 'Sum', 'Mean', 'PRelu', 'Clip'],
  ...['And', 'Or', 'Xor', 'BitwiseAnd', 'BitwiseOr', 'BitwiseXor', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'],
  ...['MatMul', 'Gemm', 'Einsum', 'Conv', 'ConvTranspose', 'Concat'],
]);
/** Operators of which some operands are. */
const SOME_OF_ONE_TYPE: ReadonlyMap<string, readonly number[]> = new Map([
  ['Where', [1, 2]],
  ['Pad', [0, 2]],
  ['ScatterND', [0, 2]],
  ['ScatterElements', [0, 2]],
]);

/** Nodes of the new graph whose operands have different types; where the old graph mixes them too, types are not known well enough to say so. */
export function typeFindings(before: Side, after: Side): readonly Finding[] {
  const findings = mixed(after);
  return findings.length === 0 || mixed(before).length > 0 ? [] : findings;
}

const mixed = ({ flat, facts, isTyped }: Side): readonly Finding[] =>
  flat.nodes.flatMap((node): readonly Finding[] => {
    const places = SOME_OF_ONE_TYPE.get(node.op);
    if (places === undefined && !OF_ONE_TYPE.has(node.op)) return [];
    const operands = places?.map((i) => node.inputs[i] ?? '') ?? node.inputs;
    const types = new Set(operands.filter(isTyped).flatMap((name) => facts.values.get(name)?.dtype || []));
    return types.size < 2 ? [] : [refuted(nodeLabel(node), `${node.op}: its operands have different element types`)];
  });
