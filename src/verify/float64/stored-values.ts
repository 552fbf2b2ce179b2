/**
 * Floats that a graph computes from shapes and single numbers: scales such as √k, bounds, masks' fillers. In the float64
 * shadow they stay in the type the file computes them in, since growth writes such numbers down as they came out.
 */
import { isFloat } from '../../analysis/op-rule.ts';
import type { Facts } from '../../analysis/shapes.ts';
import { elementCount } from '../../onnx/data-types.ts';
import type { FlatGraph, FlatNode } from '../../onnx/graph.ts';

interface Stored {
  readonly nodes: ReadonlySet<FlatNode>;
  /** Results of these nodes. */
  readonly values: ReadonlySet<string>;
}

/** Operators that make floats of shapes which are as exact in any type, or which need a body or a second look. */
const APART = new Set(['Constant', 'ConstantOfShape', 'If', 'Loop', 'Scan', 'Shape', 'Size', 'EyeLike', 'Identity', 'Expand']);

/** The nodes that compute floats, or with floats, from nothing but shapes, integers and single numbers. */
export function storedValues(flat: FlatGraph, facts: Facts): Stored {
  const nodes = new Set<FlatNode>();
  const values = new Set<string>();
  const fixed = new Set<string>([
    ...flat.outputs.map((output) => output.name),
    ...flat.nodes.flatMap((node) => (node.branches === undefined ? [] : node.inputs)),
  ]);
  const float = (name: string): boolean => isFloat(flat.constants.get(name)?.tensor.dataType ?? facts.values.get(name)?.dtype ?? 0);
  for (const node of flat.nodes) {
    const dependence = facts.values.get(node.outputs[0] ?? '')?.dependence ?? 'data';
    if (dependence === 'data' || APART.has(node.op) || node.op.startsWith('Random') || node.outputs.some((name) => fixed.has(name))) continue;
    // of CastLike's second operand only the type counts
    const floats = node.inputs.slice(0, node.op === 'CastLike' ? 1 : undefined).filter((name) => name !== '' && float(name));
    const single = (name: string): boolean => {
      const dims = flat.constants.get(name)?.tensor.dims;
      return values.has(name) || (dims !== undefined && elementCount(dims) === 1);
    };
    if ((floats.length === 0 && !node.outputs.some(float)) || !floats.every(single)) continue;
    nodes.add(node);
    for (const name of node.outputs) if (name !== '') values.add(name);
  }
  return { nodes, values };
}
