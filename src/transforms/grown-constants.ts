/** New weights: every constant on a growing axis, with its old elements in place and its new ones filled. */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Operand } from '../analysis/norms.ts';
import { isFloat } from '../analysis/op-rule.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import { hint } from '../analysis/size.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import type { Tensor } from '../onnx/ir.ts';
import { readNumbers } from '../onnx/tensor.ts';
import type { Demands } from './demands.ts';
import { addTensor, type Draft, setConstant, setInput } from './draft.ts';
import { type Fill, type Growth, growTensor } from './fill.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { useKey } from './mean-demands.ts';
import type { Correction } from './norm-forms.ts';
import { besideNew, type Rescaled } from './score-scale.ts';
import { isScaleOrPoint, quantisedUse, zeroPointOf } from './zero-points.ts';

const operandKey = (analysis: Analysis, { node, input }: Operand): string => `${analysis.data.index.get(node) ?? 0}:${input}`;

interface Use {
  readonly operand: Operand;
  readonly growth: Growth | null;
  readonly signature: string;
}

/** Replaces every constant that grows or is corrected; one that different uses need differently is copied. */
export function growConstants(
  analysis: Analysis,
  draft: Draft,
  growth: AxisGrowth,
  demands: Demands,
  corrections: readonly Correction[],
  rescaled: ReadonlyMap<string, Rescaled>,
  seed: number,
): void {
  const { flat, axes } = analysis;
  const corrected = new Map(corrections.map((own) => [operandKey(analysis, own.operand), own]));
  const uses = new Map<string, Use[]>();
  for (const node of flat.nodes) {
    node.inputs.forEach((name, input) => {
      if (!flat.constants.has(name)) return;
      const operand = { node, input };
      const own = axes.ofInput(node, input) ?? [];
      const correction = corrected.get(operandKey(analysis, operand));
      const grows = own.some((axis) => growth.grows(axis));
      const key = useKey(analysis, operand);
      const scaled = scaledOf(growth, own, rescaled.get(key));
      if ((correction !== undefined || scaled != null) && quantisedUse(analysis, operand) !== null)
        throw new GrowError('UNSUPPORTED_AXIS', `the quantised weights ${name} are whole numbers and cannot be rescaled`, {
          where: nodeLabel(node),
          hint: 'use --scale keep and --norm old-block',
        });
      if (correction !== undefined) refuseFractions(flat.constants.get(name)?.tensor, correction, node);
      const plan: Growth | null =
        grows || correction !== undefined
          ? {
              maps: own.map((axis) => (grows ? growth.map(axis) : null)),
              zeros: demands.zeros.get(key) ?? [],
              meanAlong: demands.means.get(key) ?? null,
              fill: fillOf(analysis, operand, own, growth),
              multiply: correction?.multiply ?? 1,
              add: correction?.add ?? 0,
              scaled,
              seed,
              point: grows ? zeroPointOf(analysis, operand, growth) : null,
            }
          : null;
      uses.set(name, [...(uses.get(name) ?? []), { operand, growth: plan, signature: plan === null ? '' : signatureOf(plan) }]);
    });
  }
  for (const [name, all] of uses) {
    if (all.every((use) => use.growth === null)) continue;
    const groups = groupBySignature(all);
    const tensor = flat.constants.get(name)?.tensor;
    if (tensor === undefined) continue;
    const isOutput = flat.outputs.some((output) => output.name === name);
    if (groups.length === 1 && !isOutput) {
      setConstant(draft, name, growTensor(tensor, merged(groups[0] ?? [])));
      continue;
    }
    const keepsName = groups.find((group) => group[0]?.growth === null) ?? (isOutput ? [] : groups[0]);
    for (const group of groups) {
      const plan = group[0]?.growth ?? null;
      if (plan === null) continue;
      const grownTensor = growTensor(tensor, merged(group));
      if (group === keepsName) setConstant(draft, name, grownTensor);
      else {
        const copy = addTensor(draft, `${name}_grown`, grownTensor);
        for (const { operand } of group) setInput(draft, operand.node, operand.input, copy);
      }
    }
  }
}

/** Whole numbers can only be corrected to whole numbers. */
function refuseFractions(tensor: Tensor | undefined, { multiply, add }: { readonly multiply: number; readonly add: number }, node: FlatNode): void {
  if (tensor === undefined || isFloat(tensor.dataType) || readNumbers(tensor).every((x) => Number.isInteger(x * multiply + add))) return;
  throw new GrowError('UNSUPPORTED_AXIS', `${tensor.name} holds whole numbers, and what it must become is none`, { where: nodeLabel(node) });
}

/** The old elements that a new score scale multiplies. */
function scaledOf(growth: AxisGrowth, own: readonly Axis[], rescaled: Rescaled | undefined): Growth['scaled'] {
  if (rescaled === undefined) return null;
  const { beside, qk, factor } = rescaled;
  return { factor, regions: beside.map((region) => region.map((mask, d) => (mask === null ? null : besideNew(growth, own[d] as Axis, mask, qk)))) };
}

function groupBySignature(uses: readonly Use[]): Use[][] {
  const groups = new Map<string, Use[]>();
  for (const use of uses) groups.set(use.signature, [...(groups.get(use.signature) ?? []), use]);
  return [...groups.values()];
}

/** Where old elements go and how they are corrected decides whether uses can share a tensor; the strictest fill wins. */
const signatureOf = (plan: Growth): string =>
  `${plan.maps.map((map) => (map === null ? '*' : hashMap(map))).join('|')};${plan.multiply};${plan.add};${plan.meanAlong ?? ''};${plan.scaled?.factor ?? ''};${plan.point?.key ?? ''}`;

function hashMap(map: Int32Array): string {
  let hash = 17;
  for (const own of map) hash = (Math.imul(hash, 31) + own) | 0;
  return `${map.length}:${hash}`;
}

function merged(group: readonly Use[]): Growth {
  const plans = group.flatMap((use) => (use.growth === null ? [] : [use.growth]));
  const [first] = plans;
  return { ...(first as Growth), zeros: plans.flatMap((plan) => plan.zeros) };
}

const MOVES = new Set(['Identity', 'Cast', 'Unsqueeze', 'Squeeze', 'Reshape', 'Transpose', 'Expand', 'Slice', 'Concat', 'Gather', 'Split', 'Tile', 'Dropout']);

/** What new elements of a constant hold where nothing forces them, by what the constant is used for. */
function fillOf(analysis: Analysis, operand: Operand, own: readonly Axis[], growth: AxisGrowth): Fill {
  const { facts, data } = analysis;
  const quantising = isScaleOrPoint(operand);
  if (quantising !== null) return { kind: quantising === 'point' ? 'point' : 'mean' };
  if (quantisedUse(analysis, operand) !== null) return { kind: 'normal' };
  if (reachesAngle(analysis, operand)) return { kind: 'constant', value: 0 };
  let at = operand;
  for (let hop = 0; hop < 6 && MOVES.has(at.node.op); hop++) {
    const reader = data.consumers(at.node.outputs[0] ?? '').find(({ node }) => node.op !== 'Shape');
    if (reader === undefined) break;
    at = reader;
  }
  const { node } = at;
  const rule = ruleOf(node.op);
  const multiplies = rule?.zero === 'any' || rule?.zero === 'first' || rule?.gains?.includes(at.input) === true;
  const wide = own.filter((axis) => hint(growth.size(axis)) > 1).length;
  if (multiplies) return wide >= 2 ? { kind: 'first-row' } : { kind: 'mean' };
  const name = operand.node.inputs[operand.input] ?? '';
  const elements = wide <= 1 ? facts.elements(name) : null;
  const [first] = elements ?? [];
  if (wide <= 1 && elements !== null && first !== undefined && elements.every((e) => e.value === first.value))
    return { kind: 'constant', value: hint(first.value ?? 0) };
  return { kind: 'normal' };
}

const ANGLE_PATH = new Set([...MOVES, 'MatMul', 'Mul', 'Einsum', 'Div', 'Where']);

/** Frequencies of a rotary embedding: constants that only Sin and Cos read, through products with positions. */
function reachesAngle({ data }: Analysis, operand: Operand): boolean {
  const queue = [operand.node];
  const seen = new Set<FlatNode>();
  let angles = 0;
  while (queue.length > 0 && seen.size < 60) {
    const node = queue.shift() as FlatNode;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.op === 'Cos' || node.op === 'Sin') angles++;
    else if (ANGLE_PATH.has(node.op)) queue.push(...node.outputs.flatMap((output) => data.consumers(output).map((reader) => reader.node)));
    else if (node.op !== 'Shape') return false;
  }
  return angles > 0;
}
