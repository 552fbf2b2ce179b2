/**
 * What keeps grown weights from fitting the module they came from, built at the bigger size: numbers that such a module
 * computes from its sizes and the graph keeps, and forms it does not have. Sizes themselves are judged in the report.
 */
import type { Attention } from '../analysis/attention.ts';
import { type Axis, find, hintOf, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm } from '../analysis/norms.ts';
import { hint } from '../analysis/size.ts';
import type { AxisGrowth } from './grow-axis.ts';
import type { WidenRequest } from './widen-request.ts';

/** What widening did that a size does not show. */
export interface WidthEdits {
  /** Statistics or stretched values read the old elements only. */
  readonly oldElements: boolean;
  readonly keptScale: boolean;
  /** Operators beside a grown stream kept their size. */
  readonly seams: boolean;
  /** Norms that were given the native form. */
  readonly native: readonly Norm[];
}

/** Why a widened model's weights do not fit a standard module. */
export function widthReasons(analysis: Analysis, growth: AxisGrowth, request: WidenRequest, edits: WidthEdits): string[] {
  const { native } = edits;
  const grownBlocks = request.attention.filter((block) => growth.grows(block.qk));
  const untouched = request.norms.some((norm) => !native.includes(norm) && (norm.epsilon !== null || norm.epsilons.length > 0));
  const reasons: readonly (readonly [boolean, string])[] = [
    [edits.oldElements, 'norms keep their statistics over the old channels (old-block form), a standard module takes them over all'],
    [edits.keptScale, 'scores stay scaled as for the old query/key width, a standard module scales by the new one (see --scale weights)'],
    [edits.seams, 'an operator that mixes channels (grouped convolution) keeps the old ones only, a standard module has it for all'],
    [grownBlocks.some(rotatesNew), 'new rotary frequencies are not those of the standard formula'],
    [
      native.some((norm) => rescalesEpsilon(norm)) && untouched,
      'norms over the grown width have a smaller epsilon than the others, a standard module has one for all',
    ],
    [native.some((norm) => norm.countsWidth), 'norms keep a factor made of the old width, a standard module has that of the new one'],
    [scalesByWidth(analysis, growth, request), 'a factor of the stream is the root of the old width, a standard module has that of the new one'],
    [slopesStay(analysis, growth, request.attention), 'old heads keep their slopes (ALiBi), a standard module derives all of them from the number of heads'],
  ];
  return reasons.flatMap(([holds, reason]) => (holds ? [reason] : []));
}

const rescalesEpsilon = (norm: Norm): boolean => norm.epsilon === 'attribute' || norm.epsilons.some(({ power }) => power !== 0);

/** True when new channels of queries and keys are rotated; a partial rotation grows in its unrotated part. */
function rotatesNew({ rope, qk }: Attention): boolean {
  const leaves = leavesOf(qk);
  const counts = leaves.map((leaf) => leaves.filter((own) => own === leaf).length);
  const partial = find(qk).form === 'sum' && new Set(counts).size > 1;
  return rope && !partial;
}

/** Multipliers of a grown stream that are √h or 1/√h (Gemma's embeddings, T5's tied head). */
function scalesByWidth({ flat, facts, axes }: Analysis, growth: AxisGrowth, request: WidenRequest): boolean {
  return flat.nodes.some((node) => {
    if (node.op !== 'Mul' && node.op !== 'Div') return false;
    const stream = axes.of(node.outputs[0] ?? '')?.at(-1);
    if (stream === undefined || !growth.grows(stream) || !request.streams.has(find(stream))) return false;
    const root = Math.sqrt(hintOf(stream));
    return node.inputs.some((name) => {
      const value = facts.elements(name)?.[0]?.value;
      const scalar = (facts.values.get(name)?.dims ?? [2]).every((size) => size === 1) && facts.values.get(name)?.dependence !== 'data';
      // stored in half precision the root is off by up to 2^-9 of itself
      return scalar && value != null && [root, 1 / root].some((own) => Math.abs(hint(value) - own) < 4e-3 * own);
    });
  });
}

/** True when a constant over the heads holds ALiBi's slopes (Press et al. 2022) for their old number. */
function slopesStay({ flat, facts, axes }: Analysis, growth: AxisGrowth, attention: readonly Attention[]): boolean {
  const heads = new Set(attention.flatMap((block) => block.heads).filter((leaf) => growth.grows(leaf)));
  if (heads.size === 0) return false;
  const overHeads = (own: readonly Axis[]): Axis | undefined => {
    const wide = own.filter((axis) => hintOf(axis) > 1);
    return wide.length === 1 && heads.has(find(wide[0] as Axis)) ? wide[0] : undefined;
  };
  return flat.nodes.some((node) =>
    node.inputs.some((name, input) => {
      if (!flat.constants.has(name)) return false;
      const axis = overHeads(axes.ofInput(node, input) ?? []);
      const numbers = axis === undefined ? null : facts.elements(name);
      return (
        axis !== undefined &&
        numbers !== null &&
        slopes(hintOf(axis)).every((slope, i) => Math.abs(Math.abs(hint(numbers[i]?.value ?? 0)) - slope) < 1e-2 * slope)
      );
    }),
  );
}

/** 2^(−8i/E) for a power of two, else those of the power of two below with every other one of the power above. */
function slopes(count: number): number[] {
  const below = 2 ** Math.floor(Math.log2(count));
  const of = (size: number): number[] => Array.from({ length: size }, (_, i) => 2 ** ((-8 * (i + 1)) / size));
  return [...of(below), ...of(2 * below).filter((_, i) => i % 2 === 0)].slice(0, count);
}
