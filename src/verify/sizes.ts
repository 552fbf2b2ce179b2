/**
 * Sizes for symbolic dimensions. Files often accept fewer sizes than they declare, so there is an ordered list of
 * candidates for each and the search takes the first combination the model runs with.
 */
import { attributeInt, smallIntegers } from './flow.ts';
import type { InputSpec, ModelInterface, SymbolClass } from './interface.ts';
import type { ImageUse } from './roles.ts';
import type { SizeExpression } from './size-expression.ts';

/** The sizes that change from step to step. */
export interface Context {
  readonly batch: number;
  readonly tokens: number;
  readonly past: number;
}

/** Sizes of all symbols in a context. */
export type Assignment = (context: Context) => ReadonlyMap<string, number>;

/** Sizes of the first step, and of all symbols from then on. */
export interface SizeChoice {
  readonly context: Context;
  readonly assignment: Assignment;
}

/** Symbols chosen together, with the ordered values they may take. */
interface Group {
  readonly symbols: readonly string[];
  readonly candidates: readonly ((context: Context) => readonly number[])[];
}

/** More attempts than this after the first find nothing new; each is one run of the model. */
const MOST_ATTEMPTS = 399;
/** Usual sizes of images and sound, tried after those the model's own tables suggest. */
const USUAL_IMAGES = [
  [32, 32],
  [64, 64],
  [48, 192],
  [224, 224],
  [128, 128],
  [16, 16],
  [256, 256],
  [384, 384],
  [640, 640],
];
const USUAL_SOUNDS = [64, 100, 400, 1600, 3000, 16000];

/** Sizes to try, likeliest first. Those that the file gives are the only ones. */
export function sizeChoices(model: ModelInterface): readonly [SizeChoice, ...SizeChoice[]] {
  const constants = constantSizes(model);
  // Length 1 comes last: it broadcasts into nearly everything and shows little.
  const batches = fixedSizes(model, 'batch') ?? [2, 1];
  const tokens = fixedSizes(model, 'tokens') ?? [...forcedOf(model, 'tokens'), 8, 5, ...constants, 1];
  const pasts = fixedSizes(model, 'past') ?? [0, 1, ...constants];
  const groups = groupsOf(model, constants);
  // Sizes that weights fix come first: they are wrong most often and matter most.
  const counts = [...groups.map((group) => group.candidates.length), batches.length, tokens.length, pasts.length];
  const choice = (chosen: readonly number[]): SizeChoice => {
    const [batch = 0, token = 0, past = 0] = chosen.slice(groups.length);
    const context = { batch: batches[batch] ?? 1, tokens: tokens[token] ?? 1, past: pasts[past] ?? 0 };
    return { context, assignment: assignmentOf(model, groups, chosen) };
  };
  const zeros = new Array<number>(counts.length).fill(0);
  const others: SizeChoice[] = [];
  for (const chosen of likeliestFirst(zeros, counts)) {
    others.push(choice(chosen));
    if (others.length === MOST_ATTEMPTS) break;
  }
  return [choice(zeros), ...others];
}

/** Sizes that the graph's nodes force for symbols of a kind. */
const forcedOf = (model: ModelInterface, kind: SymbolClass): readonly number[] =>
  [...model.symbols].flatMap(([symbol, own]) => (own === kind ? (model.forced.get(symbol) ?? []) : []));

/** Tuples below `counts` but for zeros: those with one other entry, then the rest, smallest sums first. */
function* likeliestFirst(zeros: readonly number[], counts: readonly number[]): Generator<readonly number[]> {
  for (const [axis, count] of counts.entries()) {
    for (let index = 1; index < count; index++) yield zeros.with(axis, index);
  }
  for (const tuple of tuplesBySum(counts)) {
    if (tuple.filter((index) => index > 0).length > 1) yield tuple;
  }
}

function assignmentOf(model: ModelInterface, groups: readonly Group[], chosen: readonly number[]): Assignment {
  return (context) => {
    const sizes = new Map<string, number>();
    for (const [symbol, kind] of model.symbols) {
      if (kind === 'batch' || kind === 'tokens' || kind === 'past') sizes.set(symbol, context[kind]);
    }
    groups.forEach((group, i) => {
      const values = group.candidates[chosen[i] ?? 0]?.(context) ?? [];
      for (const [j, symbol] of group.symbols.entries()) sizes.set(symbol, values[j] ?? 1);
    });
    return sizes;
  };
}

/** All tuples below `counts`, those with the smallest sum first. */
function* tuplesBySum(counts: readonly number[]): Generator<readonly number[]> {
  const largest = counts.reduce((sum, count) => sum + count - 1, 0);
  for (let sum = 0; sum <= largest; sum++) yield* tuplesOfSum(counts, sum);
}

/** Tuples of one sum; it is at most that of the largest entries. */
function* tuplesOfSum(counts: readonly number[], sum: number): Generator<readonly number[]> {
  const [count = 1, ...others] = counts;
  if (others.length === 0) {
    yield [sum];
    return;
  }
  const room = others.reduce((total, other) => total + other - 1, 0);
  for (let index = Math.min(count - 1, sum); index >= Math.max(0, sum - room); index--) {
    for (const rest of tuplesOfSum(others, sum - index)) yield [index, ...rest];
  }
}

/** The static size a file gives for a kind of dimension, as the only candidate; null where it is left open. */
function fixedSizes(model: ModelInterface, kind: 'batch' | 'tokens' | 'past'): readonly number[] | null {
  const kinds = new Set(model.symbols.values());
  if (kinds.has(kind)) return null;
  if (kind === 'past') {
    const cache = model.caches.find((each) => each.grows) ?? model.caches[0];
    return [numberIn(cache?.dims[cache.timeAxis]) ?? 0];
  }
  const indexed = model.inputs.filter(({ role }) => role.kind === 'ids' || role.kind === 'positions');
  if (kind === 'batch')
    return [[...indexed, ...model.inputs].map(({ dims }) => (dims.length > 1 ? numberIn(dims[0]) : null)).find((size) => size !== null) ?? 1];
  const found = indexed.map(({ dims }) => numberIn(dims.at(-1))).find((size) => size !== null);
  return found === undefined && kinds.has('length') ? null : [found ?? 1];
}

const numberIn = (dim: SizeExpression | undefined): number | null => (dim?.kind === 'number' ? dim.value : null);

function groupsOf(model: ModelInterface, constants: readonly number[]): readonly Group[] {
  const groups: Group[] = [];
  const symbolsOfClass = (kind: SymbolClass): string[] => [...model.symbols].flatMap(([symbol, own]) => (own === kind ? [symbol] : []));
  const always = (value: number) => (): readonly number[] => [value];
  for (const symbol of symbolsOfClass('total')) {
    groups.push({ symbols: [symbol], candidates: [(c) => [c.past + c.tokens], (c) => [c.tokens], (c) => [c.past]] });
  }
  // Another stack's length differs from the number of tokens where it may; a model without tokens has one length.
  const own = symbolsOfClass('tokens').length > 0 || model.inputs.some(({ role }) => role.kind === 'ids');
  const likely = own ? [always(7), (c: Context) => [c.tokens]] : [(c: Context) => [c.tokens], always(7)];
  for (const symbol of symbolsOfClass('length')) {
    const forced = model.forced.get(symbol);
    groups.push({ symbols: [symbol], candidates: [...(forced === undefined ? [] : [always(forced)]), ...likely, ...constants.map(always), always(1)] });
  }
  for (const symbol of symbolsOfClass('size')) {
    const known = weightSize(model, symbol);
    const candidates = known === null ? [...headSizes(model), ...constants] : [known];
    groups.push({ symbols: [symbol], candidates: [...new Set([...candidates, 1])].map(always) });
  }
  for (const { role, dims } of model.inputs) {
    const use = role.kind === 'floats' ? role.image : null;
    if (use === null) continue;
    const known = new Set(groups.flatMap((group) => group.symbols));
    const spatial = dims.slice(2).map((dim) => (dim.kind === 'symbol' && model.symbols.get(dim.name) === 'image' && !known.has(dim.name) ? dim.name : null));
    const symbols = spatial.filter((name) => name !== null);
    if (symbols.length === 0) continue;
    const candidates = imageSizes(model, use, spatial.length);
    groups.push({ symbols, candidates: candidates.map((sizes) => () => sizes.filter((_, axis) => spatial[axis] !== null)) });
  }
  return groups;
}

/** The size that weights fix for a symbol; null where none does. */
function weightSize(model: ModelInterface, symbol: string): number | null {
  const sizeIn = ({ dims, role }: InputSpec): number | undefined => {
    const axis = dims.findIndex((dim) => dim.kind === 'symbol' && dim.name === symbol);
    return axis < 0 || role.kind !== 'floats' ? undefined : (role.sizes.get(axis) ?? role.sizes.get(axis - dims.length));
  };
  return model.inputs.map(sizeIn).find((size) => size !== undefined) ?? null;
}

/** Image sizes that match a table of positions (patches, with up to two extra tokens), then usual ones. */
function imageSizes(model: ModelInterface, use: ImageUse, axes: number): readonly (readonly number[])[] {
  const rows = new Set<number>();
  for (const { tensor } of model.graph.flat.constants.values()) {
    const { dims } = tensor;
    const table = dims.length === 2 || (dims.length === 3 && dims[0] === 1);
    if (table) rows.add(dims.at(-2) ?? 0);
  }
  if (axes === 1) {
    const lengths = [...rows].filter((row) => row > 8).flatMap((row) => [row, 2 * row].map((length) => length * (use.strides[0] ?? 1)));
    return [...lengths, ...USUAL_SOUNDS].map((length) => [length]);
  }
  const sides = [...rows].flatMap((row) => [1, 0, 2].map((extra) => Math.sqrt(row - extra))).filter((side) => Number.isInteger(side) && side > 1);
  const patches = use.strides.some((stride) => stride > 1) ? [...new Set(sides)].map((side) => use.strides.map((stride) => side * stride)) : [];
  return [...patches, ...USUAL_IMAGES];
}

/** Integers the file holds in shapes and in small integer tensors, the most frequent first. */
function constantSizes(model: ModelInterface): readonly number[] {
  const counts = new Map<number, number>();
  const count = (size: number): void => {
    if (size > 1 && size <= 4096) counts.set(size, (counts.get(size) ?? 0) + 1);
  };
  for (const { tensor } of model.graph.flat.constants.values()) {
    tensor.dims.forEach(count);
    smallIntegers(tensor, 8)?.forEach(count);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 40)
    .map(([size]) => size);
}

/** Head sizes that weights suggest: their widths over the head counts of fused attention, packed q, k and v included. */
function headSizes(model: ModelInterface): readonly number[] {
  const sizes = new Map<number, number>();
  for (const node of model.graph.flat.nodes) {
    const queries = attributeInt(node, 'num_heads', attributeInt(node, 'q_num_heads', 0));
    const keys = attributeInt(node, 'kv_num_heads', queries);
    if (queries === 0) continue;
    for (const { tensor } of model.graph.flat.constants.values()) {
      for (const heads of new Set([queries, keys, queries + 2 * keys])) {
        for (const dim of tensor.dims) if (dim % heads === 0) sizes.set(dim / heads, (sizes.get(dim / heads) ?? 0) + 1);
      }
    }
  }
  return [...sizes]
    .filter(([size]) => size > 1)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 20)
    .map(([size]) => size);
}
