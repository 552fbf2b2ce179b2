/** Giving every sum over new elements one zero factor, and keeping reductions to the old elements. */
import type { Attention } from '../analysis/attention.ts';
import { type Axis, hintOf, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { factorInputs, ruleOf } from '../analysis/op-rules.ts';
import { baseLabels, type Labels } from '../analysis/relation.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { blockReader } from './block-order.ts';
import type { Demands } from './demands.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { operandRegion } from './label-regions.ts';
import type { WidenRequest } from './widen-request.ts';

/** The new channels a norm reads are zero: its statistics count on it, or (old-block) nobody should write what nobody reads. */
export function demandZeroTail({ axes }: Analysis, growth: AxisGrowth, demands: Demands, norm: Norm): string | null {
  const node = norm.statistics.at(-1) as FlatNode;
  const own = axes.ofInput(node, 0) ?? [];
  return demands.zero(
    { node, input: 0 },
    own.map((axis) => (growth.grows(axis) ? growth.added(axis) : null)),
  );
}

/** Visits every sum over new elements and gives it one zero factor; returns operands whose statistics keep to the old elements. */
export function demandZeros(
  analysis: Analysis,
  growth: AxisGrowth,
  demands: Demands,
  request: WidenRequest,
  statistics: ReadonlySet<FlatNode>,
  fusedOldBlock: ReadonlySet<FlatNode>,
): (Operand & { dim: number })[] {
  const { flat, facts } = analysis;
  const reduced: (Operand & { dim: number })[] = [];
  for (const own of request.attention) demandKeys(analysis, growth, demands, own);
  const keys = new Map(request.attention.filter((own) => own.fused === null).map((own) => [own.score, own.keyInput]));
  const ordered = [...flat.nodes.filter((node) => keys.has(node)), ...flat.nodes.filter((node) => !keys.has(node))];
  for (const node of ordered) {
    const relation = facts.relations.get(node);
    if (relation?.kind === 'unknown') refuseUnknown(analysis, growth, node, relation.reason);
    if (relation?.kind !== 'labels' || statistics.has(node)) continue;
    refuseMixing(analysis, growth, node, relation, fusedOldBlock);
    const kept = new Set(relation.outputs.flat());
    const summed = new Map<string, number[]>();
    relation.inputs.forEach((labels, input) => {
      for (const label of baseLabels(relation, input))
        if (labels !== null && label !== '' && !kept.has(label) && relation.sums?.includes(label) !== false)
          summed.set(label, [...(summed.get(label) ?? []), input]);
    });
    for (const [label, inputs] of summed) {
      const axis = axisOf(analysis, node, relation, inputs[0] ?? 0, label);
      if (axis === undefined || !growth.grows(axis)) continue;
      if (inputs.length === 1) {
        if (ruleOf(node.op)?.zero === 'table') continue;
        reduced.push({ node, input: inputs[0] ?? 0, dim: relation.inputs[inputs[0] ?? 0]?.indexOf(label) ?? 0 });
      } else demandFactor(analysis, growth, demands, request, node, relation, label, axis, keys.get(node));
    }
  }
  return reduced;
}

/**
 * New activations that are rounded together with the old ones are zero; returns the quantisers where they cannot be, which
 * must then take their scale from the old ones alone.
 */
export function demandWholes(analysis: Analysis, growth: AxisGrowth, demands: Demands): FlatNode[] {
  const { flat, axes, facts } = analysis;
  const oldOnly: FlatNode[] = [];
  const refusal = (operand: Operand, dim: number): string | null => {
    const own = axes.ofInput(operand.node, operand.input) ?? [];
    const axis = own[dim];
    const added = axis === undefined ? null : growth.added(axis);
    if (added === null) return null;
    return demands.zero(
      operand,
      own.map((_, d) => (d === dim ? added : null)),
    );
  };
  for (const node of flat.nodes) {
    const relation = facts.relations.get(node);
    const reader = blockReader(analysis, node);
    const reason = reader === null ? null : refusal(reader.activations, reader.dim);
    if (reader !== null && reason !== null && hintOf(reader.axis) % reader.by !== 0) throw sharedScale(node, reason);
    for (const input of (relation?.kind === 'labels' && reader === null ? relation.wholes : null) ?? []) {
      const reasons = (axes.ofInput(node, input) ?? []).map((_, dim) => refusal({ node, input }, dim)).filter((own) => own !== null);
      if (reasons.length === 0) continue;
      if (node.op !== 'DynamicQuantizeLinear') throw sharedScale(node, reasons[0] ?? '');
      oldOnly.push(node);
    }
  }
  return oldOnly;
}

const sharedScale = (node: FlatNode, reason: string): GrowError =>
  new GrowError('UNSUPPORTED_AXIS', `activations are quantised on a scale that the new ones would change, and those cannot be zero: ${reason}`, {
    where: nodeLabel(node),
    hint: 'grow the model before it is quantised',
  });

/** New key columns of a fused attention operator are zero. */
function demandKeys({ axes }: Analysis, growth: AxisGrowth, demands: Demands, attention: Attention): void {
  if (attention.fused === null || !growth.grows(attention.qk)) return;
  for (const { input, dim, start, end } of attention.keys) {
    const operand = { node: attention.score, input };
    const own = axes.ofInput(attention.score, input) ?? [];
    const axis = own[dim];
    const added = axis === undefined ? null : growth.added(axis);
    if (axis === undefined || added === null) continue;
    const [from, to] = [growth.boundary(axis, start), growth.boundary(axis, end)];
    const reason = demands.zero(
      operand,
      own.map((_, d) => (d === dim ? added.map((x, i) => (i >= from && i < to ? x : 0)) : null)),
    );
    if (reason !== null) throw new GrowError('UNSUPPORTED_AXIS', `the new key columns cannot be zero: ${reason}`, { where: nodeLabel(attention.score) });
  }
}

const axisOf = ({ axes }: Analysis, node: FlatNode, relation: Labels, input: number, label: string): Axis | undefined =>
  axes.ofInput(node, input)?.[relation.inputs[input]?.indexOf(label) ?? -1];

function refuseUnknown({ axes }: Analysis, growth: AxisGrowth, node: FlatNode, reason: string): void {
  node.inputs.forEach((_, input) => {
    if ((axes.ofInput(node, input) ?? []).some((axis) => growth.grows(axis))) {
      throw new GrowError('UNSUPPORTED_OP', `the growing axis reaches an operator that is not understood: ${reason}`, {
        where: nodeLabel(node),
        hint: 'add a rule for the operator to src/analysis/op-rules.ts',
      });
    }
  });
}

function refuseMixing(analysis: Analysis, growth: AxisGrowth, node: FlatNode, relation: Labels, fusedOldBlock: ReadonlySet<FlatNode>): void {
  for (const label of relation.mixes ?? []) {
    const input = relation.inputs.findIndex((labels) => labels?.includes(label) === true);
    const axis = input < 0 ? undefined : axisOf(analysis, node, relation, input, label);
    if (axis === undefined || !growth.grows(axis) || fusedOldBlock.has(node) || ruleOf(node.op)?.mixing !== undefined) continue;
    throw new GrowError('UNSUPPORTED_OP', `${node.op} mixes elements along the growing axis`, {
      where: nodeLabel(node),
      hint: 'this axis cannot grow through it exactly',
    });
  }
}

/** One of two factors must be zero at the new elements of the axis they share. */
function demandFactor(
  analysis: Analysis,
  growth: AxisGrowth,
  demands: Demands,
  request: WidenRequest,
  node: FlatNode,
  relation: Labels,
  label: string,
  axis: Axis,
  keyInput: number | undefined,
): void {
  const { facts } = analysis;
  const added = growth.added(axis);
  const byLabel = new Map(added === null ? [] : [[label, added]]);
  const region = (input: number) => operandRegion(analysis.axes, growth, node, relation, input, byLabel);
  const [first, second] = factorInputs(node);
  const operand = (input: number): Operand => ({ node, input });
  const isWeight = (input: number): boolean => facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant';
  if ([first, second].some((input) => demands.isZero(operand(input), region(input)))) return;
  const growing = leavesOf(axis).filter((leaf) => growth.leaves.has(leaf));
  const other = (input: number): number => (input === first ? second : first);
  const weight = [second, first].find(isWeight);
  let order: number[];
  if (weight === undefined) order = [keyInput ?? second, other(keyInput ?? second)];
  else order = growing.every((leaf) => request.streams.has(leaf)) ? [other(weight), weight] : [weight, other(weight)];
  let reason: string | null = null;
  for (const input of order) {
    const refused = demands.zero(operand(input), region(input));
    if (refused === null) return;
    reason ??= refused;
  }
  throw new GrowError('UNSUPPORTED_AXIS', `neither factor of this product can be zero at the new elements: ${reason ?? ''}`, { where: nodeLabel(node) });
}
