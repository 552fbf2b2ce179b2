import { GrowError } from '../errors.ts';
import type { Model } from '../onnx/ir.ts';
import { growModel } from '../transforms/grow.ts';
import { AXES, type AxisName, parseStep } from '../transforms/recipe.ts';

interface Growable {
  readonly growable: Readonly<Record<AxisName, boolean>>;
  readonly reasons: Readonly<Partial<Record<AxisName, string>>>;
}

/** Which axes can grow, found by planning the smallest growth of each; nothing is written and no weight is read. */
export function findGrowable(model: Model): Growable {
  const answers = AXES.map((axis) => [axis, whyNot(model, axis)] as const);
  return {
    growable: Object.fromEntries(answers.map(([axis, reason]) => [axis, reason === null])) as Record<AxisName, boolean>,
    reasons: Object.fromEntries(answers.filter(([, reason]) => reason !== null)) as Partial<Record<AxisName, string>>,
  };
}

/** The smallest factor that grows any size, so that sizes are rounded up to the next legal one. */
const LEAST = 'x1.000001';

function whyNot(model: Model, axis: AxisName): string | null {
  try {
    growModel(model, [parseStep(`${axis}=${axis === 'layers' ? '+1' : LEAST}`)], { seed: 0, norm: 'auto', exposeOutputs: false });
    return null;
  } catch (error) {
    if (error instanceof GrowError)
      return [
        error.message,
        ...(error.where?.startsWith('step ') === false ? [`at ${error.where}`] : []),
        ...(error.hint === undefined ? [] : [error.hint]),
      ].join('; ');
    // A bug in planning one axis says nothing about the others, and the rest of the inspection stands.
    return `a bug in onnx-grow stops the planning: ${error instanceof Error ? error.message : String(error)}`;
  }
}
