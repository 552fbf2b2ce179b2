/** Runs both models in float64 and says how far apart they are, and how far stored corrections may put them. */
import { GrowError } from '../../errors.ts';
import { bytesSource } from '../../onnx/byte-source.ts';
import type { Model } from '../../onnx/ir.ts';
import { mapTensors } from '../../onnx/map-tensors.ts';
import { encodeModel } from '../../onnx/serialize.ts';
import { readNumbers } from '../../onnx/tensor.ts';
import type { InputMap } from '../align.ts';
import { finiteShare } from '../compare.ts';
import { findDivergence } from '../divergence.ts';
import type { Outputs, Runner } from '../execute.ts';
import { runCase } from '../execute.ts';
import type { Exploration } from '../explore.ts';
import type { ModelInterface } from '../interface.ts';
import { randomKey, uniform } from '../random.ts';
import type { DivergenceReport, ShadowReport } from '../result.ts';
import { type CaseOutputs, compareCases } from '../runs.ts';
import type { Session } from '../runtime.ts';
import type { Assignment } from '../sizes.ts';
import type { Comparison } from '../verdict.ts';
import { castModel, type DoubleModel } from './cast-model.ts';
import { findRounded, halfUnit } from './corrections.ts';

/** One of the two models as the shadow needs it. */
interface Subject {
  readonly which: 'original' | 'new';
  readonly source: Model;
  readonly model: ModelInterface;
}

/** How the new model is fed. */
export interface Fit {
  readonly map: InputMap;
  readonly assignment: Assignment;
}

/** Opens a session on the bytes of a model, does the work and closes it. */
export type UsingBytes = <T>(which: Subject['which'], bytes: Uint8Array, work: (session: Session) => Promise<T>) => Promise<T>;

/** Arithmetic in float64 that computes the same function differs by less, as max|Δ| / max|y|. */
const EXACT = 1e-12;
/** Another order of the same float64 arithmetic moves outputs by up to this many times what a unit in the last place does. */
const NOISE_MARGIN = 8;
/**
 * Rounding of stored constants moves outputs by up to this many times what half a unit, up or down at random, in each of them
 * does. 120 growths of fixtures by native norms and post-norm layers stayed below 0.9.
 */
const STORED_MARGIN = 3;
/** Models that a unit in the last place moves by more say nothing in float64. */
const CHAOTIC = 1e-9;

/** The comparison in float64, and where the models part when they do. */
export interface Shadow {
  readonly report: ShadowReport;
  readonly divergence: DivergenceReport | null;
}

/** What the comparison in float64 says; `maxRelative` is null where it could not be made, for `reason`. */
export async function runShadow(explored: Exploration, old: Subject, now: Subject, fit: Fit, using: UsingBytes): Promise<Shadow> {
  try {
    return await compareShadows(explored, old, now, fit, using);
  } catch (error) {
    return notMade(error instanceof GrowError ? [error.message, ...(error.where === undefined ? [] : [error.where])].join(': ') : runtimeReason(error));
  }
}

/** A comparison in float64 that was not made. */
export const notMade = (reason: string): Shadow => ({ report: notCompared(reason), divergence: null });

const notCompared = (reason: string): ShadowReport => ({
  maxRelative: null,
  unrounded: null,
  threshold: EXACT,
  worst: null,
  corrections: [],
  reason,
});

async function compareShadows(explored: Exploration, old: Subject, now: Subject, fit: Fit, using: UsingBytes): Promise<Shadow> {
  const casts = { old: castModel(old.source), now: castModel(now.source) };
  const models = { old: inDouble(old.model), now: inDouble(now.model) };
  const source = { ...explored.source, model: models.old };
  const runOld = (model: Model): Promise<CaseOutputs> =>
    using('original', encodeModel(model), (session) => runAll(explored, source, { session, model: models.old, assignment: source.assignment, map: null }));
  const runNew = (model: Model): Promise<CaseOutputs> =>
    using('new', encodeModel(model), (session) => runAll(explored, source, { session, model: models.now, ...fit }));
  const compare = (a: CaseOutputs, b: CaseOutputs): readonly Comparison[] => compareCases(explored.cases, a, b, models.old, models.now);
  const reference = await runOld(casts.old.model);
  const lost = lessFinite(explored.outputs, reference);
  if (lost !== null) return notMade(`${lost} is not finite in float64`);
  const outputs = await runNew(casts.now.model);
  const comparisons = compare(reference, outputs);
  const rounded = findRounded(casts.old.constants, casts.now.constants);
  const corrections = rounded.corrections.map(({ tensor, factor, offset }) => ({
    tensor,
    factor,
    form: offset === 0 ? ('times' as const) : ('times-of-one-plus' as const),
  }));
  const stored = largestOf(comparisons);
  const judged = rounded.exact.size === 0 ? comparisons : compare(reference, await runNew(replaced(casts.now, rounded.exact)));
  const largest = largestOf(judged);
  const report = { maxRelative: finiteOrNull(stored), unrounded: finiteOrNull(largest), corrections, reason: null };
  if (largest <= EXACT) return { report: { ...report, threshold: EXACT, worst: null }, divergence: null };
  // Only now is it worth knowing how much rounding may show: that of float64 itself, and that of constants the new file stores.
  const noise = largestOf(compare(reference, await runOld(nudged(casts.old, new Set(casts.old.constants.keys()), () => 2 ** -53, 0))));
  if (noise > CHAOTIC) return notMade('the outputs of the original are too sensitive to rounding, even in float64');
  let effect = 0;
  for (const draw of rounded.unclear.size === 0 ? [] : [1, 2]) {
    const moved = await runNew(nudged(casts.now, rounded.unclear, halfUnit, draw));
    effect = Math.max(effect, largestOf(compare(outputs, moved)));
  }
  // another export may fold constants that the old one stores, or compute them from shapes
  for (const draw of rounded.gone.size === 0 ? [] : [1, 2]) {
    const moved = await runOld(nudged(casts.old, rounded.gone, halfUnit, draw));
    effect = Math.max(effect, largestOf(compare(reference, moved)));
  }
  const threshold = Math.max(EXACT, NOISE_MARGIN * noise, STORED_MARGIN * effect);
  const [first] = [...judged].sort((a, b) => b.difference.relative - a.difference.relative);
  if (largest <= threshold || first === undefined) return { report: { ...report, threshold, worst: null }, divergence: null };
  const pair = { run: { old: casts.old.model, now: replaced(casts.now, rounded.exact) }, stored: { old: old.source, now: now.source } };
  const both = async (a: Model, b: Model) => ({ old: await runOld(a), now: await runNew(b) });
  const divergence = await findDivergence(pair, first.output, Math.max(1e-10, threshold), both).catch(() => null);
  return { report: { ...report, threshold, worst: { output: first.output, case: first.case } }, divergence };
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);
const largestOf = (comparisons: readonly Comparison[]): number => Math.max(0, ...comparisons.map(({ difference }) => difference.relative));

async function runAll(explored: Exploration, source: Exploration['source'], runner: Runner): Promise<CaseOutputs> {
  const all: (readonly Outputs[])[] = [];
  for (const planned of explored.cases) all.push(await runCase(source, runner, planned));
  return all;
}

/** What a model takes and gives when its floats are float64. */
function inDouble(model: ModelInterface): ModelInterface {
  const wide = <Spec extends ModelInterface['inputs'][number] | ModelInterface['caches'][number]>(spec: Spec): Spec =>
    spec.type === 'float32' || spec.type === 'float16' ? { ...spec, type: 'float64' } : spec;
  return { ...model, inputs: model.inputs.map(wide), caches: model.caches.map(wide) };
}

/** The model with the named constants moved up or down by `unit` of each number, at random. */
function nudged(cast: DoubleModel, names: ReadonlySet<string>, unit: (storedAs: number) => number, draw: number): Model {
  const moved = new Map<string, Float64Array>();
  for (const name of names) {
    const constant = cast.constants.get(name);
    if (constant === undefined) continue;
    const by = unit(constant.storedAs);
    const key = randomKey('nudge', draw, name);
    moved.set(
      name,
      readNumbers(constant.tensor).map((value, i) => (Number.isInteger(value) ? value : value * (1 + (uniform(key, i) < 0.5 ? -by : by)))),
    );
  }
  return replaced(cast, moved);
}

/** The model with other numbers in the named constants. */
function replaced({ model, constants }: DoubleModel, numbers: ReadonlyMap<string, Float64Array>): Model {
  const bySource = new Map([...numbers].map(([name, own]) => [constants.get(name)?.tensor.data, own]));
  return mapTensors(model, (tensor) => {
    const own = bySource.get(tensor.data);
    return own === undefined ? tensor : { ...tensor, data: bytesSource(new Uint8Array(own.buffer, own.byteOffset, own.byteLength)) };
  });
}

/** An output with fewer finite elements in float64 than as the model is; null when there is none. */
function lessFinite(before: CaseOutputs, now: CaseOutputs): string | null {
  for (const [i, steps] of before.entries()) {
    for (const [step, outputs] of steps.entries()) {
      for (const [name, values] of outputs) {
        const other = now[i]?.[step]?.get(name);
        if (other === undefined || finiteShare(other) < finiteShare(values)) return name;
      }
    }
  }
  return null;
}

/** The runtime's complaint in few words. */
function runtimeReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const kernel = /Could not find an implementation for (\w+)\(\d+\)/.exec(text) ?? /of operator \((\w+)\)/.exec(text);
  return kernel === null ? `onnxruntime: ${text.slice(0, 200)}` : `onnxruntime has no ${kernel[1]} in float64`;
}
