/** The comparison itself, as it runs in the child process. */
import { GrowError } from '../errors.ts';
import { readInputFiles } from '../onnx/input-files.ts';
import type { Model } from '../onnx/ir.ts';
import { readModel } from '../onnx/read.ts';
import type { InputMap } from './align.ts';
import { inputMaps } from './align.ts';
import type { Judgement, Request } from './conclude.ts';
import { conclude, inconclusive, refused } from './conclude.ts';
import type { Outputs, Runner } from './execute.ts';
import { runCase } from './execute.ts';
import type { Exploration, ExploreFailure } from './explore.ts';
import { explore, fitNewModel } from './explore.ts';
import { type Fit, notMade, runShadow, type Shadow, type UsingBytes } from './float64/shadow.ts';
import { fitGiven } from './given.ts';
import type { ModelInterface } from './interface.ts';
import { describe } from './interface.ts';
import type { Stage } from './messages.ts';
import { permutedModel } from './permute.ts';
import { perturbedModel } from './perturb.ts';
import { precisionOf } from './precision.ts';
import { probeProvider, watchPlacement } from './provider.ts';
import { randomOps, stillModel } from './randomness.ts';
import { addNoise, type CaseOutputs, compareCases, largestOf } from './runs.ts';
import type { Level, Session } from './runtime.ts';
import { LEVELS, openSession, weakerThan } from './runtime.ts';
import type { Comparison } from './verdict.ts';

/** One of the two models, as the runtime is given it. */
interface Side {
  readonly which: Stage['model'];
  readonly path: string;
  readonly loadable: string | Uint8Array;
  readonly source: Model;
  readonly model: ModelInterface;
}

/**
 * Compares two model files. On another provider than the CPU the runtime's profile must show that nodes computed there.
 * Throws GrowError RUNTIME_MISSING and RUNTIME_FAILED, and those of reading models. */
export async function judge(request: Request, onStage: (stage: Stage) => void): Promise<Judgement> {
  if (request.provider === 'cpu') return judgeModels(request, undefined, onStage);
  await probeProvider(request.provider);
  const watch = watchPlacement(request.provider);
  try {
    const judgement = await judgeModels(request, watch.prefix, onStage);
    const placement = watch.read();
    if (placement.onProvider === 0 && judgement.cases.length > 0)
      throw new GrowError('RUNTIME_FAILED', `no node of the models computed on ${request.provider}`, { where: request.oldPath, hint: '--provider cpu' });
    const label = `computed on ${placement.adapter ?? 'an adapter that the system does not name'}${placement.software ? ', a software adapter' : ''}: ${placement.onProvider} of ${placement.computeNodes} computing nodes`;
    const elsewhere = placement.elsewhere.length === 0 ? [] : [`not computed on ${request.provider}: ${placement.elsewhere.join(', ')}`];
    return { ...judgement, placement, notes: [label, ...elsewhere, ...judgement.notes] };
  } finally {
    watch.end();
  }
}

async function judgeModels(request: Request, profile: string | undefined, onStage: (stage: Stage) => void): Promise<Judgement> {
  const models = { old: readModel(request.oldPath), new: readModel(request.newPath) };
  const asStored = (): Promise<Judgement | 'random'> =>
    attempt(request, profile, sideOf('original', request.oldPath, models.old), sideOf('new', request.newPath, models.new), onStage);
  const [random, newlyRandom] = [randomOps(models.old), randomOps(models.new)];
  // optimisation may take randomness away, so that it shows at some levels only
  const first = random.length > 0 ? 'random' : await asStored();
  if (first !== 'random')
    return newlyRandom.length === 0 ? first : { ...first, notes: [`the new model is random (${newlyRandom.join(', ')}), the original is not`, ...first.notes] };
  const still = { old: stillModel(models.old), new: stillModel(models.new) };
  if ('reason' in still.old) return inconclusive(request, `the original model is random: ${still.old.reason}`);
  if ('reason' in still.new) return inconclusive(request, `the new model is random: ${still.new.reason}`);
  const old = { ...sideOf('original', request.oldPath, still.old.model), loadable: still.old.bytes };
  const second = await attempt(request, profile, old, { ...sideOf('new', request.newPath, still.new.model), loadable: still.new.bytes }, onStage);
  if (second === 'random') return inconclusive(request, 'the original model gives different outputs for the same inputs');
  return { ...second, notes: [`the models are random (${still.old.random.join(', ')}): compared with the randomness switched off in both`, ...second.notes] };
}

const sideOf = (which: Stage['model'], path: string, model: Model): Side => ({ which, path, loadable: path, source: model, model: describe(model) });

/**
 * Runs both models on the same inputs, at the strongest optimisation level at which the runtime loads the original: it fuses
 * float64 operators into ones it has no float64 kernel for.
 */
async function attempt(request: Request, profile: string | undefined, old: Side, now: Side, onStage: (stage: Stage) => void): Promise<Judgement | 'random'> {
  try {
    return await attemptAt(request, profile, old, now, onStage);
  } catch (error) {
    const level = weakerThan(request.level);
    const refusal = error instanceof GrowError && error.code === 'RUNTIME_FAILED' && error.where === old.path;
    if (!refusal || level === null) throw error;
    const weaker = await attempt({ ...request, level }, profile, old, now, onStage);
    if (weaker === 'random') return weaker;
    return {
      ...weaker,
      notes: [`onnxruntime refuses the original model at optimisation level '${request.level}'; both models ran at '${level}'`, ...weaker.notes],
    };
  }
}

/** Runs both models on the same inputs; 'random' when the original's outputs differ from run to run. */
async function attemptAt(request: Request, profile: string | undefined, old: Side, now: Side, onStage: (stage: Stage) => void): Promise<Judgement | 'random'> {
  const using: Using = async (side, level, threads, work) => {
    onStage({
      model: side.which,
      level,
      what: `running the ${side.which} model at optimisation level '${level}'${threads > 1 ? ` on ${threads} threads` : ''}`,
    });
    const session = await openSession(side.loadable, {
      level,
      threads,
      provider: request.provider,
      mapped: request.large,
      ...(profile === undefined ? {} : { profile }),
    });
    try {
      return await work(session);
    } finally {
      await session.release();
    }
  };
  const explored = await exploreOld(request, old, using);
  if ('reason' in explored) return inconclusive(request, explored.reason);
  if (explored.random) return 'random';

  // Null where the runtime refuses the original under other options than the first: then these say nothing.
  const runOld = (level: Level, threads: number, loadable = old.loadable): Promise<CaseOutputs | null> =>
    using({ ...old, loadable }, level, threads, (session) =>
      runAll(explored, { session, model: old.model, assignment: explored.source.assignment, map: null }),
    ).catch(() => null);
  const precision = precisionOf(old.model.graph);
  const levels: Level[] = [];
  const comparisons: Comparison[] = [];
  const noise = new Map<string, Map<string, number>>();
  let fit: Fit | null = null;
  let maps = inputMaps(old.model.inputs, now.model.inputs);
  // Sessions on a GPU are slow to make, and its kernels do not depend on the level.
  for (const level of new Set<Level>(request.provider === 'cpu' ? [request.level, 'disabled'] : [request.level])) {
    const reference = level === request.level ? explored.outputs : await runOld(level, 1);
    if (reference === null) continue;
    levels.push(level);
    addNoise(noise, explored, reference);
    const runs = await runNew(request, explored, now, maps, level, using);
    if ('reason' in runs) return refused(request, explored, levels, runs.reason);
    const compared = runs.all.map(({ map, assignment, outputs }) => ({
      map,
      assignment,
      comparisons: compareCases(explored.cases, reference, outputs, old.model, now.model),
    }));
    // Where the new model's inputs can be understood in several ways, one way that agrees is enough.
    const [best] = compared.sort((x, y) => largestOf(x.comparisons) - largestOf(y.comparisons));
    if (best === undefined) continue;
    comparisons.push(...best.comparisons);
    maps = [best.map];
    fit = best;
  }
  // Two models with the same bits need no measure of noise beyond the levels they ran at.
  if (!request.large && comparisons.some(({ difference }) => !difference.bitExact)) {
    if (request.provider === 'cpu') {
      for (const level of LEVELS.slice(1, LEVELS.indexOf(request.level))) addNoise(noise, explored, await runOld(level, 1));
      addNoise(noise, explored, await runOld(request.level, 2));
    }
    const permuted = permutedModel(old.source);
    // what is rounded to 8 bits may not notice another order of sums
    const others = permuted === null || precision === 'int8' ? [permuted, perturbedModel(old.source)] : [permuted];
    for (const other of others) if (other !== null) addNoise(noise, explored, await runOld(request.level, 1, other));
  }
  const shadow = await shadowOf(request, explored, old, now, fit, onStage);
  return conclude(request, explored, levels, comparisons, noise, precision, shadow);
}

/** The comparison in float64, on the CPU wherever the other one ran. */
async function shadowOf(request: Request, explored: Exploration, old: Side, now: Side, fit: Fit | null, onStage: (stage: Stage) => void): Promise<Shadow> {
  if (request.noShadow !== null) return notMade(request.noShadow);
  if (fit === null) return notMade('nothing was compared');
  const random = randomOps(now.source);
  if (random.length > 0) return notMade(`the new model is random (${random.join(', ')})`);
  const using: UsingBytes = async (which, bytes, work) => {
    onStage({ model: which, level: 'disabled', what: `running the ${which} model in float64`, shadow: true });
    const session = await openSession(bytes, { level: 'disabled', threads: 1, provider: 'cpu' });
    try {
      return await work(session);
    } finally {
      await session.release();
    }
  };
  return runShadow(explored, old, now, fit, using);
}

/** Opens a session, does the work and closes the session: one model in memory at a time. */
type Using = <T>(side: Side, level: Level, threads: number, work: (session: Session) => Promise<T>) => Promise<T>;

async function exploreOld(request: Request, old: Side, using: Using): Promise<Exploration | ExploreFailure> {
  const given = request.inputs === null ? null : fitGiven(old.model, readInputFiles(request.inputs), request.inputs);
  try {
    return await using(old, request.level, 1, (session) => explore(old.model, session, request.seed, request.large || request.provider !== 'cpu', given));
  } catch (error) {
    throw runtimeError(error, 'the runtime refuses the original model', old.path);
  }
}

/** The new model's outputs under each input map; the reason why there are none, when it takes less than the original does. */
async function runNew(
  request: Request,
  explored: Exploration,
  now: Side,
  maps: readonly InputMap[],
  level: Level,
  using: Using,
): Promise<{ readonly all: readonly (Fit & { readonly outputs: CaseOutputs })[] } | { readonly reason: string }> {
  const missing = explored.source.model.outputs.filter((name) => !now.model.outputs.includes(name));
  if (missing.length > 0) return { reason: `it does not have the outputs ${missing.join(', ')}` };
  const known = new Set(explored.source.model.inputs.map((input) => input.name));
  const unknown = now.model.inputs.filter((input) => !known.has(input.name)).map((input) => input.name);
  if (maps.length === 0) return { reason: `it has inputs that the original has not: ${unknown.join(', ')}` };
  try {
    return await using(now, level, 1, async (session) => {
      const all: (Fit & { readonly outputs: CaseOutputs })[] = [];
      for (const map of maps) {
        const [first] = explored.cases;
        if (first === undefined) continue;
        const assignment = await fitNewModel(explored.source, session, now.model, map, first);
        all.push({ map, assignment, outputs: await runAll(explored, { session, model: now.model, assignment, map }) });
      }
      return { all };
    });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (isMemory(text)) throw runtimeError(error, 'the runtime ran out of memory', request.newPath);
    return { reason: `the runtime refuses it on inputs the original takes: ${text}` };
  }
}

async function runAll(explored: Exploration, runner: Runner): Promise<CaseOutputs> {
  const all: (readonly Outputs[])[] = [];
  for (const planned of explored.cases) all.push(await runCase(explored.source, runner, planned));
  return all;
}

const isMemory = (message: string): boolean => /bad_alloc|out of memory|allocate/i.test(message);

/** A failure of the runtime as what the user can do about it. GrowErrors pass. */
function runtimeError(error: unknown, what: string, where: string): GrowError {
  if (error instanceof GrowError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new GrowError('RUNTIME_FAILED', `${what}: ${text}`, { where, hint: '--no-verify', cause: error });
}
