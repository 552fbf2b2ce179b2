/** One random model, grown by a random recipe, under all judges at once. */
import fc from 'fast-check';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { type Architecture, architectures, buildTransformer, PLAIN } from './architecture.ts';
import { FAULTS } from './faults.ts';
import { GRAPH_FAULTS } from './graph-faults.ts';
import { embedding, grownBy, reread, weightOf } from './grown-model.ts';
import { recipes } from './recipes.ts';
import { largestDifference, load, runsFor } from './run-model.ts';

export interface Case {
  readonly a: Architecture;
  readonly steps: readonly string[];
  /** Random numbers below 2³⁰ that say which fault is planted, and where. */
  readonly fault: readonly number[];
}

/** What the judges say; `problem` is null where they agree. */
export interface Judged {
  readonly refused: boolean;
  readonly gap: number;
  /** `infinite`: proved, and the fault makes numbers that are not finite, of which a proof says nothing. */
  readonly fault: 'none' | 'found' | 'harmless' | 'infinite';
  readonly problem: string | null;
}

export const cases: fc.Arbitrary<Case> = architectures.chain((a) =>
  fc.record({
    a: fc.constant(a),
    steps: recipes(a),
    fault: fc.noBias(fc.array(fc.nat({ max: 2 ** 30 - 1 }), { minLength: 6, maxLength: 6 })),
  }),
);

/**
 * In float64 a true growth differs by summation order alone. The epsilon of a fused LayerNormalization is a float32
 * attribute: its rescaling rounds by 2^-24, which moves outputs by about ε/2 of that (ε up to 1e-2), and more through a chain
 * of post-norms that are merged. A forgotten rescaling moves them by 1e-3 · ε/1e-2 and more.
 */
export const toleranceOf = (a: Architecture): number => (a.normForm === 'fused' ? 1e-7 : 1e-12);

/** Weights that the closed list of corrections lets change: norms, under native hidden growth or in post-norm layers. */
const CORRECTED = /^(gain|norm_bias|epsilon)_/;

/**
 * Growth that is right to refuse: a size that is no legal one after other steps, or a stack that is not found again behind the gain
 * around a new first layer whose norms form no chain.
 */
const isRefusal = (error: unknown): boolean => error instanceof GrowError && error.exitCode === 4;

/** The grown model; null where growth refuses. */
export function grownOrRefused(model: Model, steps: readonly string[]): Model | null {
  try {
    return grownBy(model, steps).model;
  } catch (error) {
    if (isRefusal(error)) return null;
    throw error;
  }
}

export async function judged({ a, steps, fault }: Case): Promise<Judged> {
  const says = (problem: string | null, rest: Partial<Judged> = {}): Judged => ({ refused: false, gap: 0, fault: 'none', problem, ...rest });
  const model = reread(buildTransformer(a));
  let grown: Model | null;
  try {
    grown = grownOrRefused(model, steps);
  } catch (error) {
    return says(`growth failed: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (grown === null) return says(null, { refused: true });
  const { proved, findings } = checkModels(model, grown);
  if (!proved) return says(`not proved: ${findings.map((own) => `${own.kind} ${own.where}: ${own.message}`).join('; ')}`);
  const before = await load(model);
  try {
    const gap = await gapOf(a, model, before, grown);
    if (!(gap <= toleranceOf(a))) return says(`proved, but outputs differ by ${gap}`, { gap });
    const changed = changedWeights(model, grown);
    const unexpected = steps.some((step) => /hidden|layers/.test(step)) ? changed.filter((name) => !CORRECTED.test(name)) : changed;
    if (unexpected.length > 0) return says(`old elements changed: ${unexpected.join(', ')}`, { gap });
    const faulty = planted(model, grown, fault);
    if (faulty === null) return says(null, { gap });
    if (!isProved(model, faulty.model)) return says(null, { gap, fault: 'found' });
    const moved = await gapOf(a, model, before, faulty.model).catch(() => 0);
    if (Number.isNaN(moved)) return says(null, { gap, fault: 'infinite' });
    return moved <= toleranceOf(a)
      ? says(null, { gap, fault: 'harmless' })
      : says(`proved with a fault that moves outputs by ${moved}: ${faulty.name}`, { gap });
  } finally {
    await before.release();
  }
}

/** Whether a faulty model is proved; some faults leave a graph that is refused before. */
function isProved(old: Model, faulty: Model): boolean {
  try {
    return checkModels(old, faulty).proved;
  } catch (error) {
    if (error instanceof GrowError && error.code === 'INVALID_MODEL') return false;
    throw error;
  }
}

async function gapOf(a: Architecture, model: Model, before: Awaited<ReturnType<typeof load>>, now: Model): Promise<number> {
  const after = await load(now);
  try {
    return await largestDifference(before, after, runsFor(model, a.seed));
  } finally {
    await after.release();
  }
}

function changedWeights(old: Model, grown: Model): string[] {
  const names = old.graph.initializers.filter((tensor) => tensor.dataType !== DataType.INT64 && tensor.dims.length > 0).map((tensor) => tensor.name);
  return names.filter((name) => {
    const now = grown.graph.initializers.find((tensor) => tensor.name === name);
    return now === undefined || embedding(weightOf(old, name), now) === null;
  });
}

/** A fault: mostly a number in one of the new zeros, else one in a weight or in the graph; where there is no place for it, the next one. */
function planted(model: Model, grown: Model, numbers: readonly number[]): { readonly name: string; readonly model: Model } | null {
  const [which = 0, kind = 0, ...places] = numbers;
  const list = kind % 5 < 3 ? FAULTS.slice(0, 2) : kind % 5 === 3 ? FAULTS : GRAPH_FAULTS;
  let next = 0;
  for (const i of list.keys()) {
    const fault = list[(which + i) % list.length];
    const found = fault?.plant(grown, model, (count) => (places[next++ % places.length] ?? 0) % count) ?? null;
    if (fault !== undefined && found !== null) return { name: fault.name, model: found };
  }
  return null;
}

/** The smallest case that is like a failing one: fewer steps, and traits as in the plain architecture. */
export async function shrunk(one: Case): Promise<Case> {
  const kind = (problem: string | null): string => problem?.slice(0, 8) ?? '';
  const wanted = kind((await judged(one)).problem);
  const fails = async (other: Case): Promise<boolean> => kind((await judged(other).catch(() => null))?.problem ?? null) === wanted;
  let best = one;
  for (let changed = true; changed; ) {
    changed = false;
    const fewer = best.steps.length < 2 ? [] : best.steps.map((_, i) => ({ ...best, steps: best.steps.filter((_, j) => j !== i) }));
    const plainer = (Object.keys(PLAIN) as (keyof Architecture)[])
      .filter((key) => best.a[key] !== PLAIN[key])
      .map((key) => ({ ...best, a: { ...best.a, [key]: PLAIN[key] } }));
    for (const other of [...fewer, ...plainer]) {
      if (!(await fails(other))) continue;
      best = other;
      changed = true;
      break;
    }
  }
  return best;
}
