/** What the runs of two models say, case by case and step by step. */
import { outputMaps } from './align.ts';
import { compareValues } from './compare.ts';
import type { Outputs, PlannedCase } from './execute.ts';
import type { Exploration } from './explore.ts';
import type { ModelInterface } from './interface.ts';
import { sameDims } from './values.ts';
import type { Comparison } from './verdict.ts';

/** Outputs by case and step. */
export type CaseOutputs = readonly (readonly Outputs[])[];

/** The case, and the step where it has several. */
export const stepName = (planned: PlannedCase, step: number): string =>
  planned.steps.length > 1 ? `${planned.plan.name}, step ${step + 1}` : planned.plan.name;

/**
 * Compares the outputs of all cases, by name, or as new layers have renumbered them, in all cases alike. Caches are compared where both models have
 * the same number of them and the shape is kept; all others are only read by the next step, since new layers renumber caches.
 */
export function compareCases(
  cases: readonly PlannedCase[],
  old: CaseOutputs,
  now: CaseOutputs,
  oldModel: ModelInterface,
  newModel: ModelInterface,
): readonly Comparison[] {
  // where outputs can be understood in several ways, one way that agrees is enough
  const [best = []] = outputMaps(oldModel.outputs, newModel.outputs)
    .map((names) => cases.flatMap((planned, i) => compareCase(names, planned, old[i] ?? [], now[i] ?? [], oldModel, newModel)))
    .sort((x, y) => largestOf(x) - largestOf(y));
  return best;
}

/** The largest difference of all outputs. */
export const largestOf = (comparisons: readonly Comparison[]): number => Math.max(0, ...comparisons.map(({ difference }) => difference.relative));

/** `names` are the new model's for the original's outputs. */
function compareCase(
  names: ReadonlyMap<string, string>,
  planned: PlannedCase,
  old: readonly Outputs[],
  now: readonly Outputs[],
  oldModel: ModelInterface,
  newModel: ModelInterface,
): readonly Comparison[] {
  const caches = new Set(oldModel.caches.map((cache) => cache.output));
  const sameCaches = oldModel.caches.length === newModel.caches.length;
  return old.flatMap((outputs, step) =>
    [...outputs].flatMap(([output, values]): readonly Comparison[] => {
      const name = stepName(planned, step);
      const other = now[step]?.get(names.get(output) ?? output);
      if (other === undefined)
        return [{ output, case: name, difference: { bitExact: false, relative: Number.POSITIVE_INFINITY, reason: 'the new model does not have it' } }];
      if (caches.has(output) && !(sameCaches && sameDims(values.dims, other.dims))) return [];
      return [{ output, case: name, difference: compareValues(values, other) }];
    }),
  );
}

/** Noise by output and case, as it is being measured. */
export type NoiseTally = Map<string, Map<string, number>>;

/** Raises each output's noise in each step to its largest relative difference between the first runs and these. */
export function addNoise(noise: NoiseTally, explored: Exploration, runs: CaseOutputs | null): void {
  if (runs === null || runs === explored.outputs) return;
  explored.cases.forEach((planned, i) => {
    explored.outputs[i]?.forEach((outputs, step) => {
      for (const [name, values] of outputs) {
        const other = runs[i]?.[step]?.get(name);
        const relative = other === undefined ? 0 : compareValues(values, other).relative;
        const own = noise.get(name) ?? new Map<string, number>();
        noise.set(name, own.set(stepName(planned, step), Math.max(own.get(stepName(planned, step)) ?? 0, relative)));
      }
    });
  });
}
