/** What runs of both models say together. */
import { finiteShare } from './compare.ts';
import type { Outputs } from './execute.ts';
import type { Exploration } from './explore.ts';
import { makeFeeds } from './feeds.ts';
import { notMade, type Shadow } from './float64/shadow.ts';
import type { CaseReport, ShadowReport, VerifyResult } from './result.ts';
import { type NoiseTally, stepName } from './runs.ts';
import type { Level, Provider } from './runtime.ts';
import { sameBits, sameDims } from './values.ts';
import type { Comparison, Judged, Precision, Verdict } from './verdict.ts';
import { judgeAll, MARGIN, reportOutputs, worstOf } from './verdict.ts';

/** What the child process is asked. */
export interface Request {
  readonly oldPath: string;
  readonly newPath: string;
  readonly seed: number;
  readonly provider: Provider;
  readonly tolerance: number | null;
  /** An archive or folder of inputs to run as well; null for made ones alone. */
  readonly inputs: string | null;
  /** The strongest optimisation level the runtime survives on these models. */
  readonly level: Level;
  /** Whether the models are so large that only what is needed is run. */
  readonly large: boolean;
  /** Why the models are not computed in float64 as well; null when they are. */
  readonly noShadow: string | null;
}

export type Judgement = Omit<VerifyResult, 'seconds'>;

/** The judgement on two models that both ran. */
export function conclude(
  request: Request,
  explored: Exploration,
  levels: readonly Level[],
  comparisons: readonly Comparison[],
  noise: NoiseTally,
  precision: Precision,
  { report: shadow, divergence }: Shadow,
): Judgement {
  const agrees = agreement(shadow, request.tolerance);
  const judged = judgeAll(comparisons, noise, precision, { tolerance: request.tolerance, agrees });
  const outputs = reportOutputs(judged, noise, precision);
  const worst = worstOf(judged);
  const apart = agrees ? null : whyApart(shadow, request.tolerance);
  const bitExact = comparisons.filter(({ difference }) => difference.bitExact).length;
  const useless = whyUseless(explored, judged, agrees);
  const verdict: Verdict =
    worst !== null || apart !== null ? 'changed' : useless !== null ? 'inconclusive' : bitExact === comparisons.length ? 'bit-exact' : 'rounding';
  const known = outputs.flatMap(({ maxRelative }) => (maxRelative === null ? [] : [maxRelative]));
  return {
    ...nothing(request),
    verdict,
    maxRelative: known.length < outputs.length || known.length === 0 ? null : Math.max(...known),
    noiseFloor: noise.size === 0 ? null : Math.max(...outputs.map(({ noiseFloor }) => noiseFloor), 0),
    levels,
    outputs,
    cases: caseReports(explored),
    bitExactShare: comparisons.length === 0 ? 0 : bitExact / comparisons.length,
    worst,
    reason: worst !== null ? `output ${worst.output} changed in case '${worst.case}': ${worst.reason}` : (apart ?? useless),
    float64: shadow.maxRelative,
    shadow,
    divergence: worst === null && apart === null ? null : divergence,
    notes: [...explored.notes, ...notesOn(explored, judged)],
  };
}

/** The judgement on a new model that takes or gives less than the original. */
export function refused(request: Request, explored: Exploration, levels: readonly Level[], reason: string): Judgement {
  return {
    ...nothing(request),
    verdict: 'changed',
    levels,
    cases: caseReports(explored),
    reason: `the new model cannot stand for the original: ${reason}`,
    notes: explored.notes,
  };
}

/** The judgement when nothing could be compared. */
export const inconclusive = (request: Request, reason: string): Judgement => ({ ...nothing(request), reason });

const nothing = (request: Request): Judgement => ({
  verdict: 'inconclusive',
  maxRelative: null,
  noiseFloor: null,
  float64: null,
  shadow: notMade('nothing was compared').report,
  divergence: null,
  provider: request.provider,
  placement: null,
  margin: MARGIN,
  levels: [],
  outputs: [],
  cases: [],
  bitExactShare: 0,
  worst: null,
  reason: null,
  notes: [],
});

/** Whether float64 shows the same function; a tolerance is one for the models as they are stored. */
function agreement({ maxRelative, unrounded, threshold }: ShadowReport, tolerance: number | null): boolean {
  const [difference, limit] = tolerance === null ? [unrounded, threshold] : [maxRelative, tolerance];
  return difference !== null && difference <= limit;
}

/** What the comparison in float64 has against two models that agree as far as float32 shows; null when nothing, or when it was not made. */
function whyApart({ worst, maxRelative, unrounded, threshold, reason }: ShadowReport, tolerance: number | null): string | null {
  if (reason !== null || worst === null) return null;
  const difference = tolerance === null ? unrounded : maxRelative;
  const apart = difference === null ? 'is no number, or has another shape' : `differs by ${difference.toExponential(1)} of its largest value`;
  return `output ${worst.output} changed in case '${worst.case}': computed in float64 it ${apart}, rounding is up to ${(tolerance ?? threshold).toExponential(1)}`;
}

/** Why equal outputs prove nothing: none of them says anything about the inputs. Null when one does. */
function whyUseless(explored: Exploration, judged: readonly Judged[], agrees: boolean): string | null {
  const names = outputNames(judged);
  if (names.length === 0) return 'no output could be compared';
  const finite = names.filter((name) => valuesOf(explored, name).some((values) => finiteShare(values) > 0));
  if (finite.length === 0) return 'the original outputs no finite numbers';
  const telling = finite.filter((name) => !isConstant(explored, name));
  if (telling.length === 0) return 'the original gives the same outputs for all inputs';
  // Equal bits, and agreement in float64, need no bound on rounding.
  const sound = agrees || judged.every(({ difference }) => difference.bitExact) || judged.some(({ output, unsound }) => !unsound && telling.includes(output));
  return sound ? null : 'the original is so sensitive to rounding that no change would show';
}

const outputNames = (judged: readonly Judged[]): readonly string[] => [...new Set(judged.map(({ output }) => output))];

const valuesOf = (explored: Exploration, name: string): readonly NonNullable<ReturnType<Outputs['get']>>[] =>
  explored.outputs.flat().flatMap((outputs) => outputs.get(name) ?? []);

/** Whether an output has the same bits in all runs of one shape, of which there are at least two. */
function isConstant(explored: Exploration, name: string): boolean {
  const seen = valuesOf(explored, name);
  const pairs = seen.flatMap((values, i) =>
    seen
      .slice(i + 1)
      .filter((other) => sameDims(values.dims, other.dims))
      .map((other) => sameBits(values, other)),
  );
  return pairs.length > 0 && pairs.every((same) => same);
}

function notesOn(explored: Exploration, judged: readonly Judged[]): readonly string[] {
  const notes: string[] = [];
  const names = outputNames(judged);
  const left = explored.source.model.caches.map((cache) => cache.output).filter((name) => !names.includes(name));
  if (left.length > 0) notes.push(`not compared as tensors, because the caches grew, but read by the next step: ${left.join(', ')}`);
  const constant = names.filter((name) => isConstant(explored, name));
  if (constant.length > 0) notes.push(`the same for all inputs: ${constant.join(', ')}`);
  const unsound = new Set(judged.filter((each) => each.unsound).map((each) => `${each.output} in case '${each.case}'`));
  if (unsound.size > 0) notes.push(`too sensitive to rounding to show a change: ${[...unsound].join(', ')}`);
  if (explored.source.invertMasks) notes.push('masks of this model are 1 for padding');
  return notes;
}

function caseReports(explored: Exploration): readonly CaseReport[] {
  return explored.cases.flatMap((planned) =>
    planned.steps.map((context, index): CaseReport => {
      const { assignment, model, seed, invertMasks } = explored.source;
      const first = planned.steps[0] ?? context;
      const sizes = assignment(context);
      const { draw, padding } = planned.plan;
      const feeds =
        planned.plan.given?.feeds ?? makeFeeds(model.inputs, { seed, draw, padding, invertMasks, index, context, first, sizes, firstSizes: assignment(first) });
      const inputs = Object.fromEntries([...(feeds ?? [])].map(([name, { type, dims }]) => [name, `${type}[${dims}]`]));
      return { name: stepName(planned, index), inputs };
    }),
  );
}
