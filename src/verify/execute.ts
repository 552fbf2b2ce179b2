/** Runs a case: makes the feeds of each step and hands a model its own caches from step to step. */
import type { InputMap } from './align.ts';
import { adaptFeeds, widened } from './align.ts';
import type { Case } from './cases.ts';
import { makeFeeds, resolveDims } from './feeds.ts';
import { asTaken, type GivenInputs } from './given.ts';
import type { CacheSpec, ModelInterface } from './interface.ts';
import { randomKey } from './random.ts';
import type { Session } from './runtime.ts';
import type { Assignment, Context } from './sizes.ts';
import type { Values } from './values.ts';
import { blockOf, elementCount, makeValues } from './values.ts';

export type Outputs = ReadonlyMap<string, Values>;

/** A case with every step's sizes, as the original model accepted them. */
export interface PlannedCase {
  readonly plan: Case;
  readonly steps: readonly Context[];
}

/** What feeds are made of; the same for both models. */
export interface FeedSource {
  /** The original model: what its inputs mean. */
  readonly model: ModelInterface;
  readonly assignment: Assignment;
  readonly seed: number;
  readonly invertMasks: boolean;
}

/** A model that can be run on cases: its own caches, and sizes for their symbols. */
export interface Runner {
  readonly session: Session;
  readonly model: ModelInterface;
  readonly assignment: Assignment;
  /** What its inputs stand for in the original; null for the original itself. */
  readonly map: InputMap | null;
}

type Caches = ReadonlyMap<string, Values>;

/**
 * Runs the steps of a case one after the other. Stops where `next` returns null.
 * `next` gives the sizes of step `index` from the length of the cache. Throws the runtime's errors of a step.
 */
async function runSteps(
  source: FeedSource,
  runner: Runner,
  plan: Case,
  next: (index: number, past: number | null) => Context | null,
): Promise<{ readonly outputs: readonly Outputs[]; readonly steps: readonly Context[] }> {
  const steps: Context[] = [];
  const outputs: Outputs[] = [];
  let caches: Caches | null = null;
  for (let context = next(0, null); context !== null; context = next(steps.length, caches === null ? null : pastLength(runner.model, caches))) {
    const first = steps[0] ?? context;
    const { given } = plan;
    const sizes = withGiven(source.assignment(context), source.model, given);
    const firstSizes = source.assignment(first);
    const { seed, invertMasks } = source;
    const step = { seed, invertMasks, draw: plan.draw, padding: plan.padding, index: steps.length, context, first, sizes, firstSizes };
    const made = given === undefined ? makeFeeds(source.model.inputs, step) : givenFeeds(source.model, given);
    const ownSizes = withGiven(runner.assignment(context), runner.model, given);
    const feeds = made === null || runner.map === null ? made : adaptFeeds(runner.model.inputs, runner.map, made, ownSizes);
    caches ??= firstCaches(runner.model.caches, ownSizes, given);
    if (feeds === null || caches === null) throw new Error('a size of an input is not known');
    const result: Outputs = await runner.session.run(new Map([...feeds, ...caches]));
    caches = nextCaches(runner.model.caches, caches, result);
    outputs.push(result);
    steps.push(context);
  }
  return { outputs, steps };
}

/** Sizes with those that the user's inputs have; sizes that weights fix are the model's own. */
function withGiven(sizes: ReadonlyMap<string, number>, model: ModelInterface, given: GivenInputs | undefined): ReadonlyMap<string, number> {
  if (given === undefined) return sizes;
  return new Map([...sizes, ...[...given.sizes].filter(([symbol]) => model.symbols.get(symbol) !== 'size')]);
}

function givenFeeds(model: ModelInterface, given: GivenInputs): ReadonlyMap<string, Values> {
  return new Map(
    model.inputs.flatMap(({ name, type }) => {
      const values = given.feeds.get(name);
      return values === undefined ? [] : [[name, asTaken(values, type)] as const];
    }),
  );
}

/** Runs a case whose sizes are known. Outputs per step. Throws the runtime's errors. */
export async function runCase(source: FeedSource, runner: Runner, planned: PlannedCase): Promise<readonly Outputs[]> {
  const { outputs } = await runSteps(source, runner, planned.plan, (index) => planned.steps[index] ?? null);
  return outputs;
}

/**
 * Runs a case on the original model to find the sizes it accepts. A later step that is refused is tried with one token,
 * then left out; a first step longer than `base` is tried with half as many. Throws the runtime's error when none is left.
 */
export async function exploreCase(
  source: FeedSource,
  runner: Runner,
  plan: Case,
  base: Context,
): Promise<PlannedCase & { readonly outputs: readonly Outputs[] }> {
  if (plan.given !== undefined) return { plan, ...(await runSteps(source, runner, plan, (index) => (index === 0 ? base : null))) };
  let failure: unknown;
  for (const tokens of easierTokens(plan.tokens, base.tokens)) {
    try {
      const sizes = (index: number, past: number | null): Context | null => {
        const count = tokens[index];
        return count === undefined ? null : { batch: plan.batch, tokens: count, past: past ?? base.past };
      };
      const { outputs, steps } = await runSteps(source, runner, plan, sizes);
      return { plan, steps, outputs };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

function* easierTokens(tokens: readonly number[], enough: number): Generator<readonly number[]> {
  const [first = 1, ...later] = tokens;
  const firsts = [first];
  for (let half = first / 2; half >= enough; half /= 2) firsts.push(Math.floor(half));
  for (const count of firsts) yield [count, ...later];
  for (const count of firsts) {
    for (let steps = later.length; steps >= 0; steps--) yield [count, ...later.slice(0, steps).map(() => 1)];
  }
}

/** Caches of the first step: the user's, with zeros behind them where the cache grew, else empty ones. */
function firstCaches(specs: readonly CacheSpec[], sizes: ReadonlyMap<string, number>, given: GivenInputs | undefined): Caches | null {
  const empty = emptyCaches(specs, sizes);
  if (empty === null || given === undefined) return empty;
  return new Map(
    [...empty].map(([name, values]) => {
      const own = given.feeds.get(name);
      return [name, own === undefined ? values : widened(asTaken(own, values.type), values.dims, randomKey(name))] as const;
    }),
  );
}

/** Caches of the first step: no tokens, or zeros where a model wants some. Zeros mean the same however wide a cache is. */
function emptyCaches(specs: readonly CacheSpec[], sizes: ReadonlyMap<string, number>): Caches | null {
  const caches = new Map<string, Values>();
  for (const spec of specs) {
    const dims = resolveDims(spec.dims, sizes);
    if (dims === null || elementCount(dims) > 2 ** 28) return null;
    caches.set(
      spec.name,
      makeValues(spec.type, dims, () => 0),
    );
  }
  return caches;
}

/** The caches of the next step. An empty output means that the cache stays, as encoder caches in merged decoders do. */
function nextCaches(specs: readonly CacheSpec[], before: Caches, outputs: Outputs): Caches {
  const caches = new Map(before);
  for (const spec of specs) {
    const present = outputs.get(spec.output);
    if (present === undefined || elementCount(present.dims) === 0) continue;
    caches.set(spec.name, lastTokens(spec, present));
  }
  return caches;
}

/** The newest tokens of a cache, as many as an input of fixed length takes. */
function lastTokens(spec: CacheSpec, present: Values): Values {
  const room = spec.dims[spec.timeAxis];
  const length = present.dims[spec.timeAxis] ?? 0;
  if (room?.kind !== 'number' || room.value >= length) return present;
  const starts = present.dims.map((_, axis) => (axis === spec.timeAxis ? length - room.value : 0));
  return blockOf(
    present,
    starts,
    present.dims.map((dim, axis) => (axis === spec.timeAxis ? room.value : dim)),
  );
}

function pastLength(model: ModelInterface, caches: Caches): number {
  const growing = model.caches.find((cache) => cache.grows) ?? model.caches[0];
  return growing === undefined ? 0 : (caches.get(growing.name)?.dims[growing.timeAxis] ?? 0);
}
