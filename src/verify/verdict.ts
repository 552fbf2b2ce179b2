/** From differences and noise to a verdict. Plain arithmetic, no runtime. */
import type { Difference } from './compare.ts';

export type Verdict = 'bit-exact' | 'rounding' | 'changed' | 'inconclusive';

/** The precision a model computes in: the coarsest type its arithmetic uses. */
export type Precision = 'float64' | 'float32' | 'float16' | 'bfloat16' | 'int8';

/** What counts as rounding in a precision, as max|Δ| / max|y|. */
interface Limits {
  /** Rounding however quiet the model is. */
  readonly floor: number;
  /** The margin lifts the threshold no higher; only twice the noise itself may. */
  readonly ceiling: number;
  /** A step with more noise says nothing. */
  readonly unsound: number;
}

/**
 * float32: the floor is 16 units in the last place (2^-24 each). Permuting the hidden units of 45 small real exports moved
 * their outputs by up to 5.6e-7. The ceiling keeps well below the 8e-5 that a forgotten rescale of a norm's epsilon may
 * cost. Half precisions round after every operator: 8 units. float64 models hold float32 parts often enough for 1e-12.
 * int8: rounding by one of 127 steps where anything in front of it moves at all, so noise decides; a 4-bit model whose matrix products
 * round to 8 bits moved by 2.4e-3 where float64 shows no difference.
 */
const LIMITS: Readonly<Record<Precision, Limits>> = {
  float64: { floor: 1e-12, ceiling: 2e-11, unsound: 1e-9 },
  float32: { floor: 2 ** -20, ceiling: 2e-5, unsound: 1e-3 },
  float16: { floor: 2 ** -8, ceiling: 2e-2, unsound: 0.1 },
  bfloat16: { floor: 2 ** -6, ceiling: 5e-2, unsound: 0.3 },
  int8: { floor: 2 ** -20, ceiling: 2e-2, unsound: 0.1 },
};

/**
 * A true growth moves outputs by less than this many times the model's own noise. Permuted hidden units, which sum the
 * same numbers in another order, moved those exports by up to 1.0 times their noise as it is measured here.
 */
export const MARGIN = 4;

/** Largest relative difference that counts as rounding for an output with this noise. */
export function thresholdFor(noise: number, precision: Precision): number {
  const { floor, ceiling } = LIMITS[precision];
  return Math.max(floor, Math.min(MARGIN * noise, Math.max(ceiling, 2 * noise)));
}

/** One output of one step, compared. */
export interface Comparison {
  readonly output: string;
  readonly case: string;
  readonly difference: Difference;
}

export interface OutputReport {
  readonly name: string;
  /** Largest over all steps; null when no number says it (a missing output, a NaN). */
  readonly maxRelative: number | null;
  readonly noiseFloor: number;
  readonly threshold: number;
  readonly bitExact: boolean;
}

export interface Worst {
  readonly output: string;
  readonly case: string;
  readonly maxRelative: number | null;
  readonly reason: string;
}

/** Noise by output, then by case: largest relative difference between runs of the original under other options. */
export type Noise = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Noise of an output over all sound steps. */
function noiseFloorOf(noise: Noise, output: string, precision: Precision): number {
  const levels = [...(noise.get(output)?.values() ?? [])];
  const sound = levels.filter((level) => level <= LIMITS[precision].unsound);
  return Math.max(0, ...(sound.length > 0 ? sound : levels));
}

/** A comparison with the largest difference that is rounding in it. */
export interface Judged extends Comparison {
  readonly threshold: number;
  /** Whether the step is too noisy to show a change. */
  readonly unsound: boolean;
}

/** What else decides on thresholds: a tolerance that replaces the measured ones, and whether float64 shows that nothing but rounding is there. */
interface Allowance {
  readonly tolerance: number | null;
  readonly agrees: boolean;
}

/**
 * The most that rounding costs two models that agree in float64. Of a float64 model the runtime's optimiser keeps some numbers in float32:
 * the epsilon of a norm that it puts together moved outputs of true growths by 5.1e-10, where float64 as it is stored showed 4.1e-16.
 */
const mostRounding = (precision: Precision): number => LIMITS[precision === 'float64' ? 'float32' : precision].ceiling;

/** Gives every comparison its threshold. Where the models agree in float64, all that the precision may cost is rounding. */
export function judgeAll(comparisons: readonly Comparison[], noise: Noise, precision: Precision, { tolerance, agrees }: Allowance): readonly Judged[] {
  const floors = new Map([...new Set(comparisons.map(({ output }) => output))].map((output) => [output, noiseFloorOf(noise, output, precision)]));
  return comparisons.map((comparison) => {
    const own = noise.get(comparison.output)?.get(comparison.case) ?? 0;
    const unsound = own > LIMITS[precision].unsound;
    const measured = thresholdFor(unsound ? own : (floors.get(comparison.output) ?? 0), precision);
    const usual = agrees ? Math.max(measured, mostRounding(precision)) : measured;
    return { ...comparison, unsound, threshold: tolerance ?? usual };
  });
}

/** Sums up what was seen of each output in its sound steps; in all where none is sound. */
export function reportOutputs(judged: readonly Judged[], noise: Noise, precision: Precision): readonly OutputReport[] {
  const names = [...new Set(judged.map(({ output }) => output))];
  return names.map((name) => {
    const all = judged.filter(({ output }) => output === name);
    const sound = all.filter(({ unsound }) => !unsound);
    const own = sound.length > 0 ? sound : all;
    return {
      name,
      maxRelative: finiteOrNull(Math.max(...own.map(({ difference }) => difference.relative))),
      noiseFloor: noiseFloorOf(noise, name, precision),
      threshold: Math.max(...own.map(({ threshold }) => threshold)),
      bitExact: all.every(({ difference }) => difference.bitExact),
    };
  });
}

/** The comparison that is farthest above its threshold; null when there is none above. */
export function worstOf(judged: readonly Judged[]): Worst | null {
  const above = judged.filter(({ difference, threshold }) => difference.relative > threshold);
  const [first] = above.sort((a, b) => b.difference.relative / b.threshold - a.difference.relative / a.threshold);
  if (first === undefined) return null;
  const { relative, reason } = first.difference;
  return {
    output: first.output,
    case: first.case,
    maxRelative: finiteOrNull(relative),
    reason: reason ?? `it differs by ${relative.toExponential(1)} of its largest value, rounding is up to ${first.threshold.toExponential(1)}`,
  };
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);
