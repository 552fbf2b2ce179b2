/**
 * Width growth, all axes of a run at once: grows leaves of axes, finds what must be zero, corrects norms and sizes.
 *
 * Every sum over new elements gets exactly one zero factor. Where the other factor is a weight, the weight's new rows are zero
 * (feed-forward, heads, values); where a stream is read, its new channels are (hidden); between queries and keys, the keys are.
 */
import { type Axis, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm } from '../analysis/norms.ts';
import { inferFacts } from '../analysis/shapes.ts';
import { equal, hint, keyOf } from '../analysis/size.ts';
import { unpackConstants } from '../analysis/unpacked.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, flatten, nodeLabel } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { keepBlockOrder } from './block-order.ts';
import { collectDemands } from './demands.ts';
import { finishDraft, startDraft } from './draft.ts';
import { type AxisGrowth, growAxes, type LeafSizes } from './grow-axis.ts';
import { growConstants } from './grown-constants.ts';
import { declareShapes, keepInputs, keepOutputs } from './kept-interface.ts';
import { type Correction, correctEpsilonAttribute, nativeCorrections, oldBlockFused } from './norm-forms.ts';
import { maskOperand, scaleOfOld, takeOldOperand } from './old-elements.ts';
import { rederiveSizes } from './rederive.ts';
import { roundsActivations } from './rounded-stream.ts';
import { describeScaling, planScoreScale, writeScales } from './score-scale.ts';
import { joinSeams } from './seams.ts';
import { widthReasons } from './standard-module.ts';
import type { WidenRequest } from './widen-request.ts';
import { demandWholes, demandZeros, demandZeroTail } from './zero-factors.ts';

/** A wider model. */
export interface Widened {
  readonly model: Model;
  readonly interfaceChanges: readonly string[];
  readonly corrections: readonly string[];
  /** Why the weights do not fit a standard module, but for their sizes. */
  readonly unportable: readonly string[];
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
  if (request.form === 'native') refuseOldBlocks(analysis, growth, request);
  const rounding = request.form === 'native' ? roundsActivations(analysis) : null;
  for (const norm of grown) {
    const isStream = isStreamAxis(request, norm.axis);
    if (request.onlyNative && !isStream)
      throw notNative('a norm over query/key or value channels would have to split them, which is not available', statisticOf(norm));
    if (request.form === 'native' && isStream) {
      if (rounding !== null)
        throw notNative(`${rounding} rounds activations, and what is rounding in front of it can be a whole step behind it`, statisticOf(norm));
      const own = nativeCorrections(analysis, growth, norm);
      if (typeof own === 'string') throw notNative(own, statisticOf(norm));
      corrections.push(...own);
      correctEpsilonAttribute(draft, growth, norm);
      for (const node of norm.statistics) statistics.add(node);
      if (norm.kind === 'layer') native.set(norm.core, norm);
    } else if (norm.fused) for (const node of norm.statistics) fusedOldBlock.add(node);
  }
  const demands = collectDemands(analysis, growth, native, fusedOldBlock);
  for (const norm of native.values()) {
    const reason = demands.mean({ node: norm.statistics[0] as FlatNode, input: 0 }, (analysis.facts.values.get(norm.input)?.dims?.length ?? 1) - 1);
    if (reason !== null) throw notNative(reason, statisticOf(norm));
  }
  for (const norm of grown) {
    const isStream = isStreamAxis(request, norm.axis);
    if (!isStream || native.has(norm.core)) continue;
    const reason = demandZeroTail(analysis, growth, demands, norm);
    if (reason !== null && request.form === 'native') throw notNative(reason, statisticOf(norm));
  }
  const oldScales = demandWholes(analysis, growth, demands);
  const oldBlock = demandZeros(analysis, growth, demands, request, statistics, fusedOldBlock);
  const other = oldBlock.find(({ node, input, dim }) => isStreamAxis(request, analysis.axes.ofInput(node, input)?.[dim]));
  if (request.form === 'native' && other !== undefined) throw notNative('this statistic over the stream is of no norm that is understood', other.node);
  // constants first: what stands between a constant and its reader below is put in front of the reader's own copy
  const scaling = planScoreScale(analysis, growth, request.attention, request.norms, request.scale);
  growConstants(analysis, draft, growth, demands, [...corrections, ...scaling.corrections], scaling.rescaled, request.seed);
  keepBlockOrder(analysis, draft, growth);
  for (const node of oldScales) scaleOfOld(analysis, draft, growth, node);
  for (const operand of oldBlock) takeOldOperand(analysis, draft, growth, operand);
  for (const node of fusedOldBlock) oldBlockFused(analysis, draft, growth, node);
  for (const operand of demands.masked.values()) maskOperand(analysis, draft, growth, operand, operand.dim, operand.axis);
  rederiveSizes(analysis, draft, growth);
  writeScales(analysis, draft, scaling);
  const joined = joinSeams(analysis, draft, growth);
  const unportable = widthReasons(analysis, growth, request, {
    oldElements: oldBlock.length + fusedOldBlock.size + demands.masked.size > 0,
    keptScale: scaling.kept,
    seams: joined,
    native: grown.filter((norm) => norm.statistics.every((node) => statistics.has(node))),
  });
  const interfaceChanges = [...keepInputs(analysis, draft, growth, request), ...keepOutputs(analysis, draft, growth, request)];
  declareShapes(analysis, draft, growth);
  const model = finishDraft(draft);
  refuseOtherShapes(analysis, growth, model, request);
  return { model, interfaceChanges, corrections: [...corrections.map(describe), ...describeScaling(scaling)], unportable };
}

/** Every value must come out with the size its axes say; anything else is a size that was not re-derived. A size that is given out stays what it was. */
function refuseOtherShapes(analysis: Analysis, growth: AxisGrowth, model: Model, request: WidenRequest): void {
  const { facts, axes, flat } = analysis;
  const now = inferFacts(unpackConstants(flatten(model)), facts);
  for (const { name } of flat.outputs) {
    const after = now.elements(name);
    const isChanged = facts.elements(name)?.some(({ value }, i) => value !== null && !equal(value, after?.[i]?.value ?? value));
    if (isChanged === true)
      throw new GrowError('UNSUPPORTED_OP', `output ${name} holds a size or number that growth changes`, { hint: 'export the model without this output' });
  }
  for (const node of flat.nodes) {
    for (const name of node.outputs) {
      const [before, after] = [facts.values.get(name)?.dims, now.values.get(name)?.dims];
      if (before == null || !now.values.has(name) || flat.constants.has(name)) continue;
      const own = axes.of(name);
      const isCut = flat.outputs.some((output) => output.name === name) && !request.exposeOutputs;
      const wanted = before.map((size, d) => (own?.[d] === undefined ? size : growth.size(own[d] as Axis)));
      const fits =
        after != null &&
        after.length === before.length &&
        after.every((size, d) => equal(size, wanted[d] ?? size) || (isCut && equal(size, before[d] ?? size)));
      if (fits) continue;
      throw new GrowError(
        'UNSUPPORTED_OP',
        `a size cannot be re-derived: ${name} would be [${after?.map(keyOf).join(', ') ?? '?'}] instead of [${wanted.map(keyOf).join(', ')}]`,
        { where: nodeLabel(node), hint: 'export the model with constant shapes, or report the graph' },
      );
    }
  }
}

function refusePinned(leaves: LeafSizes): void {
  for (const leaf of leaves.keys()) {
    if (leaf.size === 1)
      throw new GrowError('UNSUPPORTED_AXIS', 'an axis of size 1 cannot grow: it is stretched where it meets others', {
        hint: 'export the model with a size of at least 2',
      });
    if (leaf.pinned !== null)
      throw new GrowError('UNSUPPORTED_OP', `an axis of size ${hint(leaf.size)} cannot grow: ${leaf.pinned}`, {
        hint: 'add a rule for the operator to src/analysis/op-rules.ts',
      });
  }
}

const describe = ({ operand, multiply }: Correction): string => `${operand.node.inputs[operand.input] ?? ''} × ${multiply}`;

const isStreamAxis = (request: WidenRequest, axis: Axis | undefined): boolean => axis !== undefined && leavesOf(axis).some((leaf) => request.streams.has(leaf));

/** A stream whose norms keep to a block of its channels stays so: the norms would have to see the other channels, too. */
function refuseOldBlocks({ axes }: Analysis, growth: AxisGrowth, request: WidenRequest): void {
  for (const norm of request.norms) {
    const own = axes
      .of(norm.input)
      ?.find((axis) => growth.grows(axis) && isStreamAxis(request, axis) && leavesOf(axis).includes(leavesOf(norm.axis)[0] as Axis));
    if (own !== undefined && !growth.grows(norm.axis)) throw notNative('its statistics are over a part of the stream (old-block form)', statisticOf(norm));
  }
}

const statisticOf = (norm: Norm): FlatNode => norm.statistics[0] as FlatNode;

const notNative = (reason: string, node: FlatNode): GrowError =>
  new GrowError('UNSUPPORTED_AXIS', `the native norm form is not exact here: ${reason}`, { where: nodeLabel(node), hint: 'use --norm old-block' });
