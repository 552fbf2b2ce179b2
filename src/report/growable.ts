import { findAnatomy } from '../analysis/anatomy.ts';
import { analyze } from '../analysis/graph-analysis.ts';
import { GrowError } from '../errors.ts';
import type { Model } from '../onnx/ir.ts';
import { growModel } from '../transforms/grow.ts';
import { planWidths } from '../transforms/plan.ts';
import { AXES, type AxisName, parseStep, type Step } from '../transforms/recipe.ts';

interface Growable {
  readonly growable: Readonly<Record<AxisName, boolean>>;
  readonly reasons: Readonly<Partial<Record<AxisName, string>>>;
}

/**
 * Which axes can grow, found by planning the smallest growth of each; nothing is written and no weight is read.
 * What fits together is grown together, since walking a large graph for every axis takes seconds.
 */
export function findGrowable(model: Model): Growable {
  const smallest = AXES.map((axis) => ({ axis, step: parseStep(`${axis}=${axis === 'layers' ? '+1' : LEAST}`) }));
  const analysis = analyze(model);
  const anatomy = findAnatomy(analysis);
  const planned = smallest.map(({ axis, step }) => ({ axis, step, reason: axis === 'layers' ? null : failureOf(() => planWidths(analysis, anatomy, [step])) }));
  const grows = (steps: readonly Step[]): string | null => failureOf(() => growModel(model, steps, { seed: 0, norm: 'auto', exposeOutputs: false }));
  const widths = planned.filter(({ axis, reason }) => !ALONE.has(axis) && reason === null);
  const together = widths.length > 1 && grows(widths.map(({ step }) => step)) === null;
  const answers = planned.map(({ axis, step, reason }) => [axis, reason ?? (together && !ALONE.has(axis) ? null : grows([step]))] as const);
  return {
    growable: Object.fromEntries(answers.map(([axis, reason]) => [axis, reason === null])) as Record<AxisName, boolean>,
    reasons: Object.fromEntries(answers.filter(([, reason]) => reason !== null)) as Partial<Record<AxisName, string>>,
  };
}

/** Axes that are tried alone: where q, k and v must have one width, `qk` and `v` can only grow in one run, so they must not meet. */
const ALONE: ReadonlySet<AxisName> = new Set<AxisName>(['v', 'layers']);

/** The smallest factor that grows any size, so that sizes are rounded up to the next legal one. */
const LEAST = 'x1.000001';

/** Why planning fails; null when it does not. */
function failureOf(plan: () => unknown): string | null {
  try {
    plan();
    return null;
  } catch (error) {
    if (error instanceof GrowError) return reasonOf(error);
    // A bug in planning one axis says nothing about the others, and the rest of the inspection stands.
    return `a bug in onnx-grow stops the planning: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** What, where and what to do; the step itself is ours and says nothing. */
function reasonOf({ message, where, hint }: GrowError): string {
  const place = where === undefined || where.startsWith('step ') ? [] : [`at ${where}`];
  return [message, ...place, ...(hint === undefined ? [] : [hint])].join('; ');
}
