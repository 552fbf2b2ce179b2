/** Finds inputs the original model runs with, and what its outputs are. */
import { GrowError } from '../errors.ts';
import type { InputMap } from './align.ts';
import type { Case } from './cases.ts';
import { givenCase, planCases } from './cases.ts';
import { finiteShare } from './compare.ts';
import type { FeedSource, Outputs, PlannedCase, Runner } from './execute.ts';
import { exploreCase, runCase } from './execute.ts';
import type { GivenInputs } from './given.ts';
import type { ModelInterface } from './interface.ts';
import type { Session } from './runtime.ts';
import type { Assignment, Context, SizeChoice } from './sizes.ts';
import { sizeChoices } from './sizes.ts';
import { sameBits } from './values.ts';

/** Cases the original model runs, and its outputs for each step of each. */
export interface Exploration {
  readonly source: FeedSource;
  readonly cases: readonly PlannedCase[];
  readonly outputs: readonly (readonly Outputs[])[];
  readonly random: boolean;
  readonly notes: readonly string[];
}

export interface ExploreFailure {
  readonly reason: string;
}

/** The smallest case: is there any input of these sizes that the model takes? */
const probe = (context: Context): Case => ({ name: 'probe', draw: 0, padding: 'none', batch: context.batch, tokens: [context.tokens] });

/**
 * Searches sizes the model accepts, then runs the planned cases. Cases the model refuses are left out.
 * Returns the runtime's first complaint when it accepts none.
 */
export async function explore(
  model: ModelInterface,
  session: Session,
  seed: number,
  large: boolean,
  given: GivenInputs | null = null,
): Promise<Exploration | ExploreFailure> {
  if (model.unsupported.length > 0) {
    return { reason: `no inputs of this type can be made for ${model.unsupported.join(', ')}` };
  }
  const { complaint, untold, context } = await findSizes(model, session, seed);
  if (complaint !== null && given === null) return { reason: complaint };
  const { assignment } = untold;
  const own = given === null ? null : givenCase(model, given, context);
  const plans = complaint === null ? planCases(model, context, large) : [];
  const invertMasks = complaint === null && (await masksPadding(untold, { session, model, assignment, map: null }, context));
  const source = { ...untold, invertMasks };
  const runner: Runner = { session, model, assignment, map: null };
  const cases: PlannedCase[] = [];
  const outputs: (readonly Outputs[])[] = [];
  const refused: string[] = [];
  let random = false;
  for (const plan of [...(own === null ? [] : [own.plan]), ...plans]) {
    try {
      const { outputs: seen, ...planned } = await exploreCase(source, runner, plan, plan === own?.plan ? own.context : context);
      const again = large && cases.length > 0 ? seen : await runCase(source, runner, planned);
      // One case alone that differs read memory nobody wrote, as ragged rows do in some fused kernels.
      if (!sameOutputs(seen, again)) {
        if (cases.length > 0 && !random) {
          refused.push(plan.name);
          continue;
        }
        random = true;
      }
      cases.push(planned);
      outputs.push(seen);
    } catch (error) {
      if (plan.given !== undefined)
        throw new GrowError('INVALID_INPUTS', `the original model does not run with these inputs: ${messageOf(error)}`, { cause: error });
      refused.push(plan.name);
    }
  }
  const notes = complaint === null ? [] : [complaint];
  if (refused.length > 0) notes.push(`the original model does not run, or not reproducibly, for: ${refused.join('; ')}`);
  if (model.caches.length > 0 && cases.every(({ steps }) => steps.length === 1)) notes.push('no step could read a cache that an earlier one made');
  return { source, cases, outputs, random, notes };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

interface Sizes {
  /** What feeds are made of while nothing is known of masks. */
  readonly untold: FeedSource;
  readonly context: Context;
  /** What the runtime first says against all of them; null where the model runs. */
  readonly complaint: string | null;
}

/** The first sizes that the model runs with, else the likeliest: the user's inputs may say which they have. */
async function findSizes(model: ModelInterface, session: Session, seed: number): Promise<Sizes> {
  const choices = sizeChoices(model);
  const sizesOf = ({ context, assignment }: SizeChoice) => ({ untold: { model, assignment, seed, invertMasks: false }, context });
  let complaint: string | null = null;
  for (const choice of choices) {
    const { untold, context } = sizesOf(choice);
    try {
      await runCase(untold, { session, model, assignment: choice.assignment, map: null }, { plan: probe(context), steps: [context] });
      return { untold, context, complaint: null };
    } catch (error) {
      complaint ??= `the original model runs with no inputs that could be made for it: ${messageOf(error)}`;
    }
  }
  return { ...sizesOf(choices[0]), complaint };
}

/** Whether the model's masks are 1 for padding: then all ones leave nothing to attend to, and outputs are not finite. */
async function masksPadding(source: FeedSource, runner: Runner, context: Context): Promise<boolean> {
  if (!source.model.inputs.some(({ role }) => role.kind === 'mask')) return false;
  const finite = async (invertMasks: boolean): Promise<number> => {
    const outputs = await runCase({ ...source, invertMasks }, runner, { plan: probe(context), steps: [context] });
    return Math.min(...outputs.flatMap((step) => [...step.values()].map(finiteShare)));
  };
  const upright = await finite(false);
  return upright < 1 && (await finite(true)) > upright;
}

const sameOutputs = (a: readonly Outputs[], b: readonly Outputs[]): boolean =>
  a.every((step, i) =>
    [...step].every(([name, values]) => {
      const other = b[i]?.get(name);
      return other !== undefined && sameBits(values, other);
    }),
  );

/**
 * Sizes for the new model's own symbols: the original's where it has the same ones, and for those of a cache that
 * weights fix, the first that the new model accepts. Throws the runtime's first complaint when it accepts none.
 */
export async function fitNewModel(source: FeedSource, session: Session, model: ModelInterface, map: InputMap, first: PlannedCase): Promise<Assignment> {
  const start: PlannedCase = { ...first, steps: first.steps.slice(0, 1) };
  let complaint: unknown = null;
  for (const assignment of newAssignments(source, model)) {
    try {
      await runCase(source, { session, model, assignment, map }, start);
      return assignment;
    } catch (error) {
      complaint ??= error;
    }
  }
  throw complaint;
}

function* newAssignments(source: FeedSource, model: ModelInterface): Generator<Assignment> {
  const merged =
    (own: Assignment, keep: (symbol: string) => boolean): Assignment =>
    (context) =>
      new Map([...own(context), ...[...source.assignment(context)].filter(([symbol]) => keep(symbol))]);
  const [usual, ...others] = sizeChoices(model);
  yield merged(usual.assignment, () => true);
  const free = [...model.symbols].some(
    ([symbol, kind]) => kind === 'size' && model.caches.some(({ dims }) => dims.some((dim) => dim.kind === 'symbol' && dim.name === symbol)),
  );
  if (!free) return;
  for (const { assignment } of others) yield merged(assignment, (symbol) => model.symbols.get(symbol) !== 'size');
}
