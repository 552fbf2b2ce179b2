/** What stands for zero in quantised constants: their zero points, which grow with them. */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Operand } from '../analysis/norms.ts';
import type { Quantised } from '../analysis/op-rule.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { attributesOf } from '../analysis/relation.ts';
import { GrowError } from '../errors.ts';
import { nodeLabel } from '../onnx/graph.ts';
import type { Tensor } from '../onnx/ir.ts';
import { readNumbers } from '../onnx/tensor.ts';
import { type Growth, growTensor, type ZeroPoint } from './fill.ts';
import type { AxisGrowth } from './grow-axis.ts';

/** The operand that says what the numbers of a constant stand for, and the rule's line on it. */
export interface QuantisedUse {
  readonly operand: Operand;
  readonly rule: Quantised;
}

const MOVES = new Set(['Identity', 'Unsqueeze', 'Squeeze', 'Reshape', 'Flatten', 'Transpose', 'Expand', 'Slice', 'Concat', 'Gather', 'Split', 'Tile']);

/** Where a constant is read as quantised numbers, directly or behind moves; null when it holds plain numbers. */
export function quantisedUse({ data }: Analysis, operand: Operand): QuantisedUse | null {
  let at = operand;
  for (let hop = 0; hop < 8; hop++) {
    const rule = ruleOf(at.node.op)?.quantised?.find((own) => own.operand === at.input);
    if (rule !== undefined) return { operand: at, rule };
    if (!MOVES.has(at.node.op)) return null;
    const reader = data.consumers(at.node.outputs[0] ?? '').find(({ node }) => node.op !== 'Shape');
    if (reader === undefined) return null;
    at = reader;
  }
  return null;
}

/** True for an operand that holds scales or zero points. */
export const isScaleOrPoint = ({ node, input }: Operand): 'scale' | 'point' | null => {
  const rules = ruleOf(node.op)?.quantised ?? [];
  return rules.some((own) => own.scale === input) ? 'scale' : rules.some((own) => own.point === input) ? 'point' : null;
};

/** Zero points of a constant after growth (`growth` null: as it is); null for plain numbers, whose zero is 0. */
export function zeroPointOf(analysis: Analysis, operand: Operand, growth: AxisGrowth | null): ZeroPoint | null {
  const { flat, facts, axes } = analysis;
  const use = quantisedUse(analysis, operand);
  if (use === null) return null;
  const { node } = use.operand;
  const name = node.inputs[use.rule.point] ?? '';
  const held = flat.constants.get(operand.node.inputs[operand.input] ?? '')?.tensor;
  if (name === '') {
    const value = use.rule.otherwise?.(attributesOf(node), held?.packed?.tensor.dataType ?? held?.dataType ?? 0) ?? 0;
    return { key: String(value), at: () => value };
  }
  const tensor = flat.constants.get(name)?.tensor;
  if (tensor === undefined) throw refused(node, 'the zero point of the weights is computed');
  const point = { node, input: use.rule.point };
  const own = axes.ofInput(node, use.rule.point) ?? [];
  const grown = growth === null ? tensor : growTensor(tensor, pointGrowth(tensor, own, growth));
  const places = placesOf(analysis, operand, use, point);
  let numbers: Float64Array | undefined;
  const strides = grown.dims.map((_, d) => grown.dims.slice(d + 1).reduce((a, b) => a * b, 1));
  return {
    key: name,
    at: (index, last) => {
      numbers ??= wholeNumbers(node, grown);
      let at = 0;
      places.forEach(({ dim, by }, d) => {
        if (dim >= 0) at += Math.floor((dim < index.length ? (index[dim] ?? 0) : last) / by) * (strides[d] ?? 1);
      });
      return numbers[at] ?? 0;
    },
  };

  function wholeNumbers(where: Operand['node'], points: Tensor): Float64Array {
    const values = readNumbers(points);
    if (!values.every(Number.isInteger)) throw refused(where, 'the zero point of the weights is no whole number, so that no weight can be zero');
    return values;
  }

  /** For every dimension of the point, the constant's dimension it belongs to, and how many elements share one. */
  function placesOf(_: Analysis, from: Operand, quantised: QuantisedUse, pointAt: Operand): { dim: number; by: number }[] {
    const relation = facts.relations.get(node);
    const labels = (relation?.kind === 'labels' ? relation.inputs[pointAt.input] : null) ?? tensor?.dims.map(() => '') ?? [];
    const derived = relation?.kind === 'labels' ? relation.derived : undefined;
    return labels.map((label, d) => {
      if (label === '' || (tensor?.dims[d] ?? 1) === 1) return { dim: -1, by: 1 };
      const block = derived?.get(label);
      const wanted = block === undefined ? label : ([...(derived ?? [])].find(([, other]) => other.form === 'appended' && other.of === block.of)?.[0] ?? label);
      const read = relation?.kind === 'labels' ? (relation.inputs[quantised.rule.operand] ?? []) : [];
      const dim = read.indexOf(wanted);
      const here = from.node === node ? dim : sameDimension(from, quantised.operand, dim);
      if (here < 0) throw refused(node, 'its zero points cannot be followed to the weights');
      return { dim: here, by: block?.by ?? 1 };
    });
  }

  /** A dimension of a moved constant, before the moves. */
  function sameDimension(from: Operand, to: Operand, dim: number): number {
    const wanted = axes.ofInput(to.node, to.input)?.[dim];
    const candidates = (axes.ofInput(from.node, from.input) ?? []).flatMap((axis, d) => (axis === wanted ? [d] : []));
    return candidates.length === 1 ? (candidates[0] ?? -1) : -1;
  }
}

/** How zero points grow. */
const pointGrowth = (tensor: Tensor, own: readonly Axis[], growth: AxisGrowth): Growth => ({
  maps: tensor.dims.map((_, d) => (own[d] === undefined ? null : growth.map(own[d]))),
  zeros: [],
  meanAlong: null,
  fill: { kind: 'point' },
  multiply: 1,
  add: 0,
  seed: 0,
});

const refused = (node: Operand['node'], reason: string): GrowError =>
  new GrowError('UNSUPPORTED_AXIS', `quantised weights cannot grow: ${reason}`, { where: nodeLabel(node), hint: 'quantise the model after it has grown' });
