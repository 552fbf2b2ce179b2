/** Which inputs a comparison runs: few, but such that a wrong growth shows in one of them. */
import type { Padding } from './feeds.ts';
import type { GivenInputs } from './given.ts';
import type { ModelInterface } from './interface.ts';
import type { Context } from './sizes.ts';

/** Steps that follow each other; a model without caches has one. */
export interface Case {
  readonly name: string;
  readonly draw: number;
  readonly padding: Padding;
  readonly batch: number;
  /** New tokens in each step. */
  readonly tokens: readonly number[];
  /** Inputs of the user, for the only step. */
  readonly given?: GivenInputs;
}

/** The case of inputs that the user gives. */
export function givenCase(model: ModelInterface, given: GivenInputs, otherwise: Context): { readonly plan: Case; readonly context: Context } {
  const sizeOf = (kind: keyof Context): number => {
    const [found] = [...model.symbols].flatMap(([name, own]) => (own === kind ? (given.sizes.get(name) ?? []) : []));
    return found ?? otherwise[kind];
  };
  const context = { batch: sizeOf('batch'), tokens: sizeOf('tokens'), past: sizeOf('past') };
  return { plan: { name: 'given inputs', draw: 0, padding: 'none', batch: context.batch, tokens: [context.tokens], given }, context };
}

/** Long enough to read most rows of small tables; models that take fewer tokens get half, a quarter, and so on. */
const LONG = 64;

/**
 * The cases for a model that runs with the sizes in `base`. The first two differ in their random numbers only, so that
 * outputs that do not depend on the inputs show. `large` models get fewer.
 */
export function planCases(model: ModelInterface, base: Context, large: boolean): readonly Case[] {
  const masked = model.inputs.some(({ role }) => role.kind === 'mask' || role.kind === 'additive-mask' || role.kind === 'lengths');
  const { batch, tokens } = base;
  const ragged = Math.max(batch, 2);
  const cases: readonly Case[] =
    model.caches.length > 0
      ? [
          { name: 'cache', draw: 0, padding: 'none', batch, tokens: [tokens, 1, 2] },
          { name: 'cache, second draw', draw: 1, padding: 'none', batch, tokens: [tokens, 1] },
          ...(masked ? [{ name: 'cache, left-padded', draw: 2, padding: 'left', batch: ragged, tokens: [6, 1] } as const] : []),
          { name: 'cache, one long row', draw: 3, padding: 'none', batch: 1, tokens: [LONG, 3] },
        ]
      : [
          { name: 'full', draw: 0, padding: 'none', batch, tokens: [tokens] },
          { name: 'full, second draw', draw: 1, padding: 'none', batch, tokens: [tokens] },
          ...(masked ? [{ name: 'left-padded', draw: 2, padding: 'left', batch: ragged, tokens: [tokens] } as const] : []),
          masked
            ? { name: 'right-padded', draw: 3, padding: 'right', batch: 3, tokens: [5] }
            : { name: 'three rows', draw: 3, padding: 'none', batch: 3, tokens: [5] },
          { name: 'one token', draw: 4, padding: 'none', batch: 1, tokens: [1] },
          { name: 'long', draw: 5, padding: 'none', batch, tokens: [LONG] },
        ];
  const kept = large ? cases.slice(0, 3) : cases;
  return distinct(kept.map((each) => fitted(model, each, base)));
}

/** A case with the sizes the model cannot vary set to the ones it has. */
function fitted(model: ModelInterface, each: Case, base: Context): Case {
  const kinds = new Set(model.symbols.values());
  const batch = kinds.has('batch') ? each.batch : base.batch;
  const tokens = kinds.has('tokens') || kinds.has('length') ? each.tokens : each.tokens.map(() => base.tokens);
  return { ...each, batch, tokens };
}

/** Drops cases that became another one's copy but for the random numbers, keeping two draws of each shape. */
function distinct(cases: readonly Case[]): readonly Case[] {
  const seen = new Map<string, number>();
  return cases.filter(({ padding, batch, tokens }) => {
    const shape = JSON.stringify([padding, batch, tokens]);
    const count = (seen.get(shape) ?? 0) + 1;
    seen.set(shape, count);
    return count <= 2;
  });
}
