/**
 * Inputs a model accepts, as a function of the seed, the case and the input alone, so that old and new model get the
 * same ones.
 */
import type { InputSpec } from './interface.ts';
import { integer, normal, randomKey, uniform } from './random.ts';
import type { SizeExpression } from './size-expression.ts';
import { evaluateSize } from './size-expression.ts';
import type { Context } from './sizes.ts';
import type { Values } from './values.ts';
import { elementCount, isFloat, makeValues } from './values.ts';

/** Where padding stands in rows that are shorter than the batch's longest. */
export type Padding = 'none' | 'left' | 'right';

/** One step of a case: what its feeds are a function of. */
interface FeedStep {
  readonly seed: number;
  /** Cases with different draws get different numbers. */
  readonly draw: number;
  /** 0 for the first step of a case; a merged decoder reads its cache from step 1 on. */
  readonly index: number;
  readonly padding: Padding;
  /** Whether this model's masks are 1 for padding (torch.nn) instead of for tokens. */
  readonly invertMasks: boolean;
  readonly context: Context;
  /** The context of step 0: padding stays where it was put then. */
  readonly first: Context;
  /** Sizes of all symbols in this step and in step 0. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly firstSizes: ReadonlyMap<string, number>;
}

/** Positions beyond any real table are never needed. */
const FAR_POSITION = 64;
/** Small enough for float16 and large enough to silence a score. */
const MASKED_SCORE = -1e4;

/** The shape an input has under an assignment; null when it has none. */
export function resolveDims(dims: readonly SizeExpression[], sizes: ReadonlyMap<string, number>): readonly number[] | null {
  const resolved = dims.map((dim) => evaluateSize(dim, sizes));
  return resolved.every((size) => size !== null) ? resolved : null;
}

/** Feeds for one step by input name; null when an input's shape is not known. Caches are not among them. */
export function makeFeeds(inputs: readonly InputSpec[], step: FeedStep): ReadonlyMap<string, Values> | null {
  const feeds = new Map<string, Values>();
  for (const input of inputs) {
    const dims = resolveDims(input.dims, step.sizes);
    const firstDims = resolveDims(input.dims, step.firstSizes);
    if (dims === null || firstDims === null || elementCount(dims) > 2 ** 28) return null;
    feeds.set(input.name, makeValues(input.type, dims, filler(input, dims, firstDims, step)));
  }
  return feeds;
}

/** The number at each index of an input. */
function filler(input: InputSpec, dims: readonly number[], firstDims: readonly number[], step: FeedStep): (index: number) => number {
  const { role } = input;
  const { context } = step;
  const key = randomKey(step.seed, step.draw, input.name);
  // Tokens differ from step to step; what an encoder or a camera gave stays.
  const stepKey = randomKey(step.seed, step.draw, input.name, step.index);
  const last = dims.at(-1) ?? 1;
  const rowOf = (index: number): number => (dims.length < 2 ? 0 : Math.floor(index / (elementCount(dims) / (dims[0] ?? 1))));
  switch (role.kind) {
    case 'ids':
      // Random ids meet rows twice and miss others; a second draw reads as many different ones as it can.
      if (step.draw % 2 === 1) return (index) => (integer(stepKey, 0, 0, role.rows) + index) % role.rows;
      return (index) => integer(stepKey, index, 0, role.rows);
    case 'positions': {
      const limit = role.rows ?? FAR_POSITION;
      const position = (index: number): number => context.past + (index % last) - padding(step, rowOf(index), step.first.past + step.first.tokens, 'left');
      // A second draw starts somewhere else, so that more of the table is read.
      const shift = step.draw % 2 === 1 ? integer(key, 0, 0, Math.max(1, limit - context.past - last)) : 0;
      return (index) => Math.min(Math.max(0, position(index)) + shift, limit - 1);
    }
    case 'mask':
    case 'additive-mask': {
      const counts = maskOf(dims, firstDims, step, rowOf);
      if (role.kind === 'additive-mask') return (index) => (counts(index) ? 0 : MASKED_SCORE);
      return (index) => (counts(index) === step.invertMasks ? 0 : 1);
    }
    case 'lengths':
      return (index) => context.past + context.tokens - padding(step, index, step.first.past + step.first.tokens, 'right') - role.less;
    case 'total-length':
      return () => context.past + context.tokens;
    case 'cache-branch':
      return () => (step.index > 0 ? 1 : 0);
    case 'integers':
      return dims.length === 0 ? () => 1 : (index) => integer(stepKey, index, 0, role.below);
    case 'floats':
      if (!isFloat(input.type)) return () => 0;
      return dims.length < 2 ? (index) => uniform(key, index) : (index) => normal(key, index);
  }
}

/** Whether key `index` of a mask counts. Masks with a query axis are causal too when rows are padded left, as decoders have them. */
function maskOf(dims: readonly number[], firstDims: readonly number[], step: FeedStep, rowOf: (index: number) => number): (index: number) => boolean {
  const keys = dims.at(-1) ?? 1;
  const queries = dims.length > 2 ? (dims.at(-2) ?? 1) : 1;
  return (index) => {
    const key = index % keys;
    const row = rowOf(index);
    if (step.padding === 'right') return key < keys - padding(step, row, firstDims.at(-1) ?? 1, 'right');
    const query = keys - queries + (Math.floor(index / keys) % queries);
    if (queries > 1 && step.padding === 'left' && key > query) return false;
    return key >= padding(step, row, firstDims.at(-1) ?? 1, 'left') || (queries > 1 && key === query);
  };
}

/** Padding tokens of a row whose first step has `length` tokens: 0 for the first row, more for later ones, never all. */
function padding(step: FeedStep, row: number, length: number, side: Padding): number {
  if (step.padding !== side || length < 2) return 0;
  const { batch } = step.context;
  if (batch < 2) return Math.floor(length / 2);
  return row === 0 ? 0 : Math.min(length - 1, 1 + Math.floor((row * (length - 1)) / batch));
}
