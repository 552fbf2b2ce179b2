/**
 * Width growth, all axes of a run at once: grows leaves of axes, finds what must be zero, corrects norms and sizes.
 *
 * Every sum over new elements gets exactly one zero factor. Where the other factor is a weight, the weight's new rows are zero
 * (feed-forward, heads, values); where a stream is read, its new channels are (hidden); between queries and keys, the keys are.
 */
import type { Attention } from '../analysis/attention.ts';
import { type Axis, leavesOf } from '../analysis/axes.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { ruleOf } from '../analysis/op-rules.ts';
import type { Labels } from '../analysis/relation.ts';
import { inferFacts } from '../analysis/shapes.ts';
import { equal, hint, isStatic, keyOf } from '../analysis/size.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, flatten, nodeLabel, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model, type ValueInfo } from '../onnx/ir.ts';
import { collectDemands, type Demands, useKey } from './demands.ts';
import { addConstant, addTensor, currentOf, type Draft, finishDraft, insertAfter, insertBefore, newNode, redirect, setConstant, setInput, setOutput, startDraft } from './draft.ts';
import { type Fill, type Growth, growTensor } from './fill.ts';
import { type AxisGrowth, growAxes, type LeafSizes } from './grow-axis.ts';
import { type Correction, correctEpsilonAttribute, nativeCorrections, oldBlockFused, takeOld } from './norm-forms.ts';
import { rederiveSizes } from './rederive.ts';

export type NormForm = 'native' | 'old-block';

export interface WidenRequest {
  readonly leaves: LeafSizes;
  /** Leaves of residual streams among them: their new channels are zero (or means), not the weights that read them. */
  readonly streams: ReadonlySet<Axis>;
  readonly norms: readonly Norm[];
  readonly attention: readonly Attention[];
  readonly form: NormForm;
  readonly seed: number;
  readonly exposeOutputs: boolean;
}

export interface Widened {
  readonly model: Model;
  readonly interfaceChanges: readonly string[];
  readonly corrections: readonly string[];
}

/** Grows a model; throws GrowError when exactness is impossible or something is not understood, and then nothing has changed. */
export function widen(analysis: Analysis, request: WidenRequest): Widened {
  const growth = growAxes(request.leaves);
  refusePinned(request.leaves);
  const draft = startDraft(analysis.flat);
  const native = new Map<string, Norm>();
  const corrections: Correction[] = [];
  const statistics = new Set<FlatNode>();
  const fusedOldBlock = new Set<FlatNode>();
  const grown = request.norms.filter((norm) => growth.grows(norm.axis));
  for (const norm of grown) {
    const isStream = leavesOf(norm.axis).some((leaf) => request.streams.has(leaf));
    if (request.form === 'native' && isStream) {
      const own = nativeCorrections(analysis, growth, norm);
      if (typeof own === 'string') throw notNative(own, norm);
      corrections.push(...own);
      correctEpsilonAttribute(draft, growth, norm);
      for (const node of norm.statistics) statistics.add(node);
      if (norm.kind === 'layer') native.set(norm.core, norm);
    } else if (norm.fused) for (const node of norm.statistics) fusedOldBlock.add(node);
  }
  const demands = collectDemands(analysis, growth, native, fusedOldBlock);
  for (const norm of native.values()) {
    const reason = demands.mean({ node: norm.statistics[0] as FlatNode, input: 0 }, (analysis.facts.values.get(norm.input)?.dims?.length ?? 1) - 1);
    if (reason !== null) throw notNative(reason, norm);
  }
  for (const norm of grown) {
    const isStream = leavesOf(norm.axis).some((leaf) => request.streams.has(leaf));
    if (!isStream || native.has(norm.core)) continue;
    const reason = demandZeroTail(analysis, growth, demands, norm);
    if (reason !== null && request.form === 'native') throw notNative(reason, norm);
  }
  const oldBlock = demandZeros(analysis, growth, demands, request, statistics, fusedOldBlock);
  for (const operand of oldBlock) takeOldOperand(analysis, draft, growth, operand);
  for (const node of fusedOldBlock) oldBlockFused(analysis, draft, growth, node);
  for (const operand of demands.masked.values()) maskOperand(analysis, draft, growth, operand, operand.dim, operand.axis);
  growConstants(analysis, draft, growth, demands, corrections, request.seed);
  rederiveSizes(analysis, draft, growth);
  const interfaceChanges = [...keepInputs(analysis, draft, growth, request), ...keepOutputs(analysis, draft, growth, request)];
  declareShapes(analysis, draft, growth);
  const model = finishDraft(draft);
  refuseOtherShapes(analysis, growth, model, request);
  return { model, interfaceChanges, corrections: corrections.map((own) => `${own.operand.node.inputs[own.operand.input] ?? ''} × ${own.multiply}`) };
}

/** Every value must come out with the size its axes say; anything else is a size that was not re-derived. */
function refuseOtherShapes(analysis: Analysis, growth: AxisGrowth, model: Model, request: WidenRequest): void {
  const { facts, axes, flat } = analysis;
  const now = inferFacts(flatten(model), facts);
  for (const node of flat.nodes) {
    for (const name of node.outputs) {
      const [before, after] = [facts.values.get(name)?.dims, now.values.get(name)?.dims];
      if (before == null || !now.values.has(name) || flat.constants.has(name)) continue;
      const own = axes.of(name);
      const isCut = flat.outputs.some((output) => output.name === name) && !request.exposeOutputs;
      const wanted = before.map((size, d) => (own?.[d] === undefined ? size : growth.size(own[d] as Axis)));
      const fits = after != null && after.length === before.length && after.every((size, d) => equal(size, wanted[d] ?? size) || (isCut && equal(size, before[d] ?? size)));
      if (fits) continue;
      throw new GrowError('UNSUPPORTED_OP', `a size cannot be re-derived: ${name} would be [${after?.map(keyOf).join(', ') ?? '?'}] instead of [${wanted.map(keyOf).join(', ')}]`, { where: nodeLabel(node), hint: 'export the model with constant shapes, or report the graph' });
    }
  }
}

function refusePinned(leaves: LeafSizes): void {
  for (const leaf of leaves.keys()) {
    if (leaf.size === 1) throw new GrowError('UNSUPPORTED_AXIS', 'an axis of size 1 cannot grow: it is stretched where it meets others', { hint: 'export the model with a size of at least 2' });
    if (leaf.pinned !== null) throw new GrowError('UNSUPPORTED_OP', `an axis of size ${hint(leaf.size)} cannot grow: ${leaf.pinned}`, { hint: 'add a rule for the operator to src/analysis/op-rules.ts' });
  }
}

const notNative = (reason: string, norm: Norm): GrowError =>
  new GrowError('UNSUPPORTED_AXIS', `the native norm form is not exact here: ${reason}`, { where: nodeLabel(norm.statistics[0] as FlatNode), hint: 'use --norm old-block' });

const operandKey = (analysis: Analysis, { node, input }: Operand): string => `${analysis.data.index.get(node) ?? 0}:${input}`;

// ---------------------------------------------------------------------------------------------- what must be zero

/** The new channels a norm reads are zero: its statistics count on it, or (old-block) nobody should write what nobody reads. */
function demandZeroTail({ axes }: Analysis, growth: AxisGrowth, demands: Demands, norm: Norm): string | null {
  const node = norm.statistics.at(-1) as FlatNode;
  const own = axes.ofInput(node, 0) ?? [];
  return demands.zero({ node, input: 0 }, own.map((axis) => (growth.grows(axis) ? growth.added(axis) : null)));
}

/** Visits every sum over new elements and gives it one zero factor; returns operands whose statistics keep to the old elements. */
function demandZeros(analysis: Analysis, growth: AxisGrowth, demands: Demands, request: WidenRequest, statistics: ReadonlySet<FlatNode>, fusedOldBlock: ReadonlySet<FlatNode>): (Operand & { dim: number })[] {
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
      for (const label of labels ?? []) if (label !== '' && !kept.has(label) && relation.sums?.includes(label) !== false) summed.set(label, [...(summed.get(label) ?? []), input]);
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
    const reason = demands.zero(operand, own.map((_, d) => (d === dim ? added.map((x, i) => (i >= from && i < to ? x : 0)) : null)));
    if (reason !== null) throw new GrowError('UNSUPPORTED_AXIS', `the new key columns cannot be zero: ${reason}`, { where: nodeLabel(attention.score) });
  }
}

const axisOf = ({ axes }: Analysis, node: FlatNode, relation: Labels, input: number, label: string): Axis | undefined => axes.ofInput(node, input)?.[relation.inputs[input]?.indexOf(label) ?? -1];

function refuseUnknown({ axes }: Analysis, growth: AxisGrowth, node: FlatNode, reason: string): void {
  node.inputs.forEach((_, input) => {
    if ((axes.ofInput(node, input) ?? []).some((axis) => growth.grows(axis))) {
      throw new GrowError('UNSUPPORTED_OP', `the growing axis reaches an operator that is not understood: ${reason}`, { where: nodeLabel(node), hint: 'add a rule for the operator to src/analysis/op-rules.ts' });
    }
  });
}

const KEEPS_ZERO_TAILS = new Set(['CumSum', 'LpNormalization']);

function refuseMixing(analysis: Analysis, growth: AxisGrowth, node: FlatNode, relation: Labels, fusedOldBlock: ReadonlySet<FlatNode>): void {
  for (const label of relation.mixes ?? []) {
    const input = relation.inputs.findIndex((labels) => labels?.includes(label) === true);
    const axis = input < 0 ? undefined : axisOf(analysis, node, relation, input, label);
    if (axis === undefined || !growth.grows(axis) || fusedOldBlock.has(node) || KEEPS_ZERO_TAILS.has(node.op)) continue;
    throw new GrowError('UNSUPPORTED_OP', `${node.op} mixes elements along the growing axis`, { where: nodeLabel(node), hint: 'this axis cannot grow through it exactly' });
  }
}

/** One of two factors must be zero at the new elements of the axis they share. */
function demandFactor(analysis: Analysis, growth: AxisGrowth, demands: Demands, request: WidenRequest, node: FlatNode, relation: Labels, label: string, axis: Axis, keyInput: number | undefined): void {
  const { facts } = analysis;
  const added = growth.added(axis);
  const region = (input: number) => (relation.inputs[input] ?? []).map((own) => (own === label ? added : null));
  const operand = (input: number): Operand => ({ node, input });
  const isWeight = (input: number): boolean => facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant';
  if ([0, 1].some((input) => demands.isZero(operand(input), region(input)))) return;
  const growing = leavesOf(axis).filter((leaf) => growth.leaves.has(leaf));
  const weight = [1, 0].find(isWeight);
  let order: number[];
  if (weight === undefined) order = keyInput === undefined ? [1, 0] : [keyInput, 1 - keyInput];
  else order = growing.every((leaf) => request.streams.has(leaf)) ? [1 - weight, weight] : [weight];
  let reason: string | null = null;
  for (const input of order) {
    const refused = demands.zero(operand(input), region(input));
    if (refused === null) return;
    reason ??= refused;
  }
  throw new GrowError('UNSUPPORTED_AXIS', `neither factor of this product can be zero at the new elements: ${reason ?? ''}`, { where: nodeLabel(node) });
}

/** Lets a reduction read only the old elements. */
function takeOldOperand(analysis: Analysis, draft: Draft, growth: AxisGrowth, { node, input, dim }: Operand & { dim: number }): void {
  const axis = analysis.axes.ofInput(node, input)?.[dim];
  const name = currentOf(draft, node)?.inputs[input] ?? '';
  if (axis === undefined) return;
  const rank = analysis.facts.values.get(node.inputs[input] ?? '')?.dims?.length ?? 1;
  setInput(draft, node, input, takeOld(analysis, draft, growth, node, name, dim, rank, axis));
}

/** Multiplies a stretched operand by 1 at old and 0 at new elements of the dimension. */
function maskOperand(analysis: Analysis, draft: Draft, growth: AxisGrowth, { node, input }: Operand, dim: number, axis: Axis): void {
  const map = growth.map(axis);
  const rank = analysis.facts.values.get(node.outputs[0] ?? '')?.dims?.length ?? 1;
  const dtype = analysis.facts.values.get(node.inputs[input] ?? '')?.dtype ?? DataType.FLOAT;
  const dims = Array.from({ length: rank - dim }, (_, i) => (i === 0 ? (map?.length ?? 1) : 1));
  const mask = addConstant(draft, `${node.inputs[input] ?? 'value'}_old_mask`, dtype, dims, [...(map ?? [])].map((own) => (own < 0 ? 0 : 1)));
  const product = newNode(draft, node, 'Mul', [currentOf(draft, node)?.inputs[input] ?? '', mask]);
  insertBefore(draft, node, product);
  setInput(draft, node, input, product.outputs[0] ?? '');
}

// ---------------------------------------------------------------------------------------------- weights

interface Use {
  readonly operand: Operand;
  readonly growth: Growth | null;
  readonly signature: string;
}

/** Replaces every constant that grows or is corrected; one that different uses need differently is copied. */
function growConstants(analysis: Analysis, draft: Draft, growth: AxisGrowth, demands: Demands, corrections: readonly Correction[], seed: number): void {
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
      const plan: Growth | null = grows || correction !== undefined
        ? {
            maps: own.map((axis) => (grows ? growth.map(axis) : null)),
            zeros: demands.zeros.get(key) ?? [],
            meanAlong: demands.means.get(key) ?? null,
            fill: fillOf(analysis, operand, own, growth),
            multiply: correction?.multiply ?? 1,
            add: correction?.add ?? 0,
            seed,
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

function groupBySignature(uses: readonly Use[]): Use[][] {
  const groups = new Map<string, Use[]>();
  for (const use of uses) groups.set(use.signature, [...(groups.get(use.signature) ?? []), use]);
  return [...groups.values()];
}

/** Where old elements go and how they are corrected decides whether uses can share a tensor; the strictest fill wins. */
const signatureOf = (plan: Growth): string => `${plan.maps.map((map) => (map === null ? '*' : hashMap(map))).join('|')};${plan.multiply};${plan.add};${plan.meanAlong ?? ''}`;

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
  if (wide <= 1 && elements !== null && first !== undefined && elements.every((e) => e.value === first.value)) return { kind: 'constant', value: hint(first.value ?? 0) };
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

// ---------------------------------------------------------------------------------------------- the interface

/** Inputs that carry the hidden width keep it and are padded inside; caches widen. */
function keepInputs(analysis: Analysis, draft: Draft, growth: AxisGrowth, request: WidenRequest): string[] {
  const { axes, flat } = analysis;
  const changes: string[] = [];
  draft.inputs = flat.inputs.map((input) => {
    const own = axes.of(input.name) ?? [];
    const grown = own.flatMap((axis, d) => (growth.grows(axis) ? [d] : []));
    if (grown.length === 0) return input;
    const stream = grown.filter((d) => leavesOf(own[d] as Axis).some((leaf) => request.streams.has(leaf)));
    if (stream.length > 0) {
      const dim = stream[0] ?? 0;
      padInput(analysis, draft, growth, input, dim, own[dim] as Axis);
      changes.push(`input ${input.name} keeps its width ${hint(own[dim]?.size ?? 0)} and is padded inside`);
      return input;
    }
    const widened = resized(input, own, growth);
    changes.push(...describeChange('input', input, widened));
    return widened;
  });
  return changes;
}

function padInput(analysis: Analysis, draft: Draft, growth: AxisGrowth, input: ValueInfo, dim: number, axis: Axis): void {
  const { data, facts, flat } = analysis;
  const rank = facts.values.get(input.name)?.dims?.length ?? 1;
  const before = hint(axis.size);
  const after = growth.hint(axis);
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + dim ? after - before : 0));
  const [first] = flat.nodes;
  if (first === undefined || data.consumers(input.name).length === 0) return;
  const opset = opsetVersion(flat.model);
  const node = opset < 11
    ? newNode(draft, { ...first, scope: '' }, 'Pad', [input.name], { name: `${input.name}/Pad`, attributes: [{ name: 'pads', kind: 'ints', value: pads }] })
    : newNode(draft, { ...first, scope: '' }, 'Pad', [input.name, addConstant(draft, `${input.name}_pads`, DataType.INT64, [pads.length], pads)], { name: `${input.name}/Pad` });
  redirect(draft, input.name, node.outputs[0] ?? '');
  insertBefore(draft, first, node);
}

/** Outputs that carry a stream or attention weights keep their size and are cut to the old elements; caches widen. */
function keepOutputs(analysis: Analysis, draft: Draft, growth: AxisGrowth, request: WidenRequest): string[] {
  const { axes, flat } = analysis;
  const changes: string[] = [];
  const perHead = new Set(request.attention.flatMap((own) => [...leavesOf(own.qk), ...leavesOf(own.v)]));
  draft.outputs = flat.outputs.map((output) => {
    const own = axes.of(output.name) ?? [];
    const grown = own.flatMap((axis, d) => (growth.grows(axis) ? [d] : []));
    if (grown.length === 0) return output;
    const cache = own.some((axis) => leavesOf(axis).some((leaf) => perHead.has(leaf)));
    if (cache || request.exposeOutputs) {
      const widened = resized(output, own, growth);
      changes.push(...describeChange('output', output, widened));
      return widened;
    }
    cutOutput(analysis, draft, growth, output.name, grown.map((d) => ({ dim: d, axis: own[d] as Axis })));
    changes.push(`output ${output.name} keeps its width: cut to the old elements`);
    return output;
  });
  return changes;
}

function cutOutput(analysis: Analysis, draft: Draft, growth: AxisGrowth, name: string, cuts: readonly { dim: number; axis: Axis }[]): void {
  const { data } = analysis;
  const producer = data.producer(name);
  if (producer === undefined) return;
  const anchor = producer;
  const wide = newNode(draft, anchor, 'Identity', [], { name: `${name}_wide` }).outputs[0] ?? '';
  const after = draft.slots.get(producer)?.after ?? [];
  const maker = after.findIndex((node) => node.outputs.includes(name));
  if (maker < 0) setOutput(draft, producer, producer.outputs.indexOf(name), wide);
  else after[maker] = { ...(after[maker] as FlatNode), outputs: (after[maker] as FlatNode).outputs.map((own) => (own === name ? wide : own)) };
  redirect(draft, name, wide);
  let value = wide;
  cuts.forEach(({ dim, axis }, i) => {
    const map = growth.map(axis) ?? new Int32Array();
    const old = hint(axis.size);
    const prefix = map.every((own, at) => own === (at < old ? at : -1));
    const vector = (label: string, values: readonly number[]): string => addConstant(draft, `${name}_${label}`, DataType.INT64, [values.length], values);
    const attributes: Attribute[] = [{ name: 'axis', kind: 'int', value: dim }];
    const plain: Attribute[] = [{ name: 'axes', kind: 'ints', value: [dim] }, { name: 'starts', kind: 'ints', value: [0] }, { name: 'ends', kind: 'ints', value: [old] }];
    const node = !prefix
      ? newNode(draft, anchor, 'Gather', [value, vector('indices', [...map].flatMap((own, at) => (own >= 0 ? [at] : [])))], { attributes })
      : opsetVersion(analysis.flat.model) < 10
        ? newNode(draft, anchor, 'Slice', [value], { attributes: plain })
        : newNode(draft, anchor, 'Slice', [value, vector('start', [0]), vector('end', [old]), vector('axis', [dim])]);
    const last = i === cuts.length - 1;
    insertAfter(draft, anchor, last ? { ...node, outputs: [name] } : node);
    value = node.outputs[0] ?? '';
  });
}

function resized(info: ValueInfo, own: readonly Axis[], growth: AxisGrowth): ValueInfo {
  if (info.type?.dims == null) return info;
  const dims = info.type.dims.map((dim, d) => {
    const size = own[d] === undefined ? dim : growth.size(own[d] as Axis);
    return typeof dim === 'number' && isStatic(size as number) ? (size as number) : dim;
  });
  return { ...info, type: { ...info.type, dims } };
}

function describeChange(what: string, before: ValueInfo, after: ValueInfo): string[] {
  const [old, now] = [before.type?.dims ?? [], after.type?.dims ?? []];
  return old.some((dim, d) => dim !== now[d]) ? [`${what} ${before.name}: [${old.join(', ')}] → [${now.join(', ')}]`] : [`${what} ${before.name} is wider`];
}

/** Declared shapes of intermediate values follow the growth. */
function declareShapes({ axes, flat }: Analysis, draft: Draft, growth: AxisGrowth): void {
  const declared = new Map<string, ValueInfo>();
  for (const info of flat.model.graph.valueInfos) declared.set(info.name, info);
  for (const node of flat.nodes) {
    for (const name of node.outputs) {
      const own = axes.of(name);
      if (own === undefined || !own.some((axis) => growth.grows(axis))) continue;
      const info = declared.get(name) ?? declaredInBranch(flat.model, name);
      if (info?.type != null) draft.valueInfos.set(name, resized(info, own, growth).type);
    }
  }
}

function declaredInBranch(model: Model, flatName: string): ValueInfo | undefined {
  const local = flatName.slice(flatName.lastIndexOf('\u001f') + 1);
  if (local === flatName) return undefined;
  for (const node of model.graph.nodes) {
    for (const attribute of node.attributes) {
      if (attribute.kind !== 'graph') continue;
      const found = [...attribute.value.valueInfos, ...attribute.value.outputs].find((info) => info.name === local);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
