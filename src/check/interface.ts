/** Inputs and outputs of both graphs: which belong together, and what a wider cache holds. */
import { equal, isStatic, type Size } from '../analysis/size.ts';
import type { DeclaredDim, ValueInfo } from '../onnx/ir.ts';
import { plain } from './algebra.ts';
import { cachePairs, isRenumbering, numbered, numberOrder, type Wish } from './caches.ts';
import type { Context } from './context.ts';
import { countOther, type Dim, dimText, indexMap, isSame, Kind, keepsOrder, MOST_MAPPED, mappedDim, meet, sameDim } from './dim.ts';
import { type Finding, refuted, unproved } from './findings.ts';
import { joinParts } from './join.ts';
import type { Side } from './prepare.ts';
import { scaleText } from './scale.ts';
import { exactly, free, type Related, related, scaledOf, type Value } from './value.ts';
import type { Values } from './walk.ts';

/** What an input of the new graph is supposed to be: an old input, with old elements at the places of `dims`. */
export interface Supposed {
  readonly old: string;
  readonly dims: readonly Dim[] | null;
}

/** Inputs of the old graph as terms. */
export function oldInputs(ctx: Context, { flat, facts }: Side): ReadonlyMap<string, Related> {
  return new Map(flat.inputs.map(({ name }) => [name, exactly(plain(ctx.terms, 'input', name, [], facts.values.get(name)?.dims ?? []))]));
}

/** Inputs of the new graph as they are supposed to be. */
export function newInputs(ctx: Context, now: Side, old: ReadonlyMap<string, Related>, supposed: ReadonlyMap<string, Supposed>): Values {
  return new Map(
    now.flat.inputs.map(({ name }): [string, Value] => {
      const own = supposed.get(name);
      if (own === undefined) {
        // whatever an input of a new layer holds, it is the same wherever it is read
        const sizes = now.facts.values.get(name)?.dims;
        return [name, sizes == null ? free() : exactly(plain(ctx.terms, 'new input', name, [], sizes))];
      }
      const before = old.get(own.old);
      return [name, before === undefined || own.dims === null ? free() : related(scaledOf(before), own.dims)];
    }),
  );
}

/** The first supposition: inputs of one name are one input; wider ones hold the old elements in front and zeros behind. */
export function supposeInputs(old: Side, now: Side): { readonly supposed: Map<string, Supposed>; readonly findings: Finding[] } {
  const supposed = new Map<string, Supposed>();
  const findings: Finding[] = [];
  for (const { name, type } of old.flat.inputs) {
    const after = now.flat.inputs.find((own) => own.name === name);
    if (after === undefined) findings.push(refuted(`input ${name}`, 'is missing'));
    else supposed.set(name, { old: name, dims: widerDims(old, now, name, name) });
    if (after !== undefined && after.type?.elemType !== type?.elemType) findings.push(refuted(`input ${name}`, 'its element type changed'));
  }
  return { supposed, findings };
}

/** Dimensions of a new input in terms of an old one; null when they are no wider form of each other. */
export function widerDims(old: Side, now: Side, oldName: string, name: string): readonly Dim[] | null {
  const [before, after] = [old.facts.values.get(oldName)?.dims ?? null, now.facts.values.get(name)?.dims ?? null];
  if (before?.length !== after?.length) return null;
  const dims = (after ?? []).map((size, d) => widerDim(before?.[d] ?? 1, size, oldName, name));
  return dims.includes(null) ? null : (dims as readonly Dim[]);
}

function widerDim(old: Size, size: Size, oldName: string, name: string): Dim | null {
  if (equal(old, size)) return sameDim(old);
  if (isStatic(old) && isStatic(size) && size > old && size <= MOST_MAPPED) {
    const map = Int32Array.from({ length: size }, (_, i) => (i < old ? i : -1));
    return mappedDim(
      indexMap(map, old),
      Uint8Array.from(map, (i) => (i < 0 ? Kind.ZERO : Kind.OLD)),
    );
  }
  // sizes without a name of their own are called after their input
  return !isStatic(old) && !isStatic(size) && size.key.replaceAll(name, oldName) === old.key ? sameDim(old) : null;
}

/**
 * What a user sees of the new graph beside the numbers: it takes the inputs of the old one, and gives its outputs in their order. Only caches may
 * be wider, and only caches of new layers be new. Where new layers renumber outputs, which one is which is
 * certain only if all are shown to be the old ones (`isShown`).
 */
export function interfaceFindings(
  ctx: Context,
  old: Side,
  now: Side,
  inputs: ReadonlyMap<string, Related>,
  supposed: ReadonlyMap<string, Supposed>,
  outputs: Outputs,
  isShown: boolean,
): Finding[] {
  const handed = cachePairs(old.flat);
  const isKeyOrValue = ({ ref }: Related): boolean => ref.view.dims.length > 2 && ctx.terms.isMultiplied(ref.base);
  const names = new Set([...inputs].flatMap(([name, own]) => (handed.has(name) || isKeyOrValue(own) ? [name] : [])));
  const caches = new Set([...names].map((name) => numbered(name).pattern));
  const fromInputs = now.flat.inputs.flatMap((info): Finding[] => {
    const { name } = info;
    const own = supposed.get(name);
    if (own === undefined) return caches.has(numbered(name).pattern) ? typeFindings('input', old.flat.inputs, info) : [refuted(`input ${name}`, 'is new')];
    const grown = own.dims?.find((dim) => !isSame(dim));
    return grown === undefined || names.has(own.old) ? [] : [refuted(`input ${name}`, `grew (${dimText(grown)})`)];
  });
  const places = new Map(now.flat.outputs.map(({ name }, i) => [name, i]));
  const byOld = new Map(outputs.pairs.map((pair) => [pair.old, pair.now]));
  const order = old.flat.outputs.flatMap(({ name }) => places.get(byOld.get(name) ?? '') ?? []);
  const moved = order.findIndex((place, i) => i > 0 && place <= (order[i - 1] ?? -1));
  const known = new Set(outputs.pairs.map((pair) => pair.now));
  const renumbers = now.flat.outputs.length > old.flat.outputs.length;
  const patterns = new Set(old.flat.outputs.map(({ name }) => numbered(name).pattern));
  return [
    ...fromInputs,
    ...strayCaches(old, now),
    ...now.flat.outputs.flatMap((info): Finding[] => {
      if (patterns.has(numbered(info.name).pattern)) return typeFindings('output', old.flat.outputs, info);
      return known.has(info.name) ? [] : [unproved(`output ${info.name}`, 'is new')];
    }),
    ...(moved < 0 ? [] : [(isShown || !renumbers ? refuted : unproved)(`output ${old.flat.outputs[moved]?.name}`, 'stands in another place')]),
  ];
}

/**
 * Where layers are added, caches that do not come out as all of the old ones do: in no output, so that the next step has nothing to give
 * to them, or in one that is called otherwise, so that it gives them something else.
 */
function strayCaches(old: Side, now: Side): Finding[] {
  const [before, after] = [cachePairs(old.flat), cachePairs(now.flat)];
  const likes = (side: Side, name: string): readonly string[] =>
    side.flat.inputs.flatMap((own) => (numbered(own.name).pattern === numbered(name).pattern ? [own.name] : []));
  return now.flat.inputs.flatMap(({ name }): Finding[] => {
    const [olds, news] = [likes(old, name), likes(now, name)];
    const [usual, ...others] = new Set(olds.map((own) => calledFor(own, before.get(own))));
    // without an output as usual, an old one is missed by its name
    if (usual == null || others.length > 0 || news.length <= olds.length || !news.some((own) => calledFor(own, after.get(own)) === usual)) return [];
    const output = after.get(name);
    if (calledFor(name, output) === usual) return [];
    return [refuted(`input ${name}`, `comes out in ${output === undefined ? 'no output' : `output ${output}`}, otherwise than those of other layers`)];
  });
}

/** What the output for a cache is called, beside its input: its pattern, and whether it has the same numbers. */
function calledFor(input: string, output: string | undefined): string | null {
  if (output === undefined) return null;
  const [from, to] = [numbered(input), numbered(output)];
  return `${to.pattern} ${from.numbers.join() === to.numbers.join()}`;
}

/** A new layer's inputs and outputs have the element types of those of other layers. */
function typeFindings(what: string, others: readonly ValueInfo[], { name, type }: ValueInfo): Finding[] {
  const same = others.some((own) => numbered(own.name).pattern === numbered(name).pattern && own.type?.elemType === type?.elemType);
  return same ? [] : [refuted(`${what} ${name}`, 'has another element type than those of other layers')];
}

/** What became of cache inputs: which old one each is, and where its elements stand. `found` are those that a walk has found out. */
export function corrected(supposed: ReadonlyMap<string, Supposed>, wishes: ReadonlyMap<string, Wish>, found: ReadonlySet<string>): Map<string, Supposed> {
  const claimed = new Set([...wishes].flatMap(([name, wish]) => (supposed.get(name)?.old === wish.old ? [] : [wish.old])));
  // an input that has the old name, but whose old elements another one holds, belongs to a new layer
  const kept = [...supposed].filter(([name, own]) => found.has(name) || !claimed.has(own.old));
  return new Map([...kept, ...wishes]);
}

/** Outputs of the old graph with the outputs of the new one that stand for them. */
export interface Outputs {
  /** Old name, new name, and the cache input that the output is for. */
  readonly pairs: readonly { readonly old: string; readonly now: string; readonly cache: string | null }[];
  readonly findings: readonly Finding[];
}

/** Pairs outputs: caches by the inputs that they are for, all others by name; inserted layers renumber caches. */
export function pairOutputs(old: Side, now: Side, supposed: ReadonlyMap<string, Supposed>, isEqual: (old: string, now: string) => boolean): Outputs {
  const [before, after] = [cachePairs(old.flat), cachePairs(now.flat)];
  const sorted = [...supposed].sort(([a], [b]) => numberOrder(a, b));
  const caches = sorted.flatMap(([input, own]) => {
    const [from, to] = [before.get(own.old), after.get(input)];
    return from === undefined || to === undefined ? [] : [{ old: from, now: to, cache: input }];
  });
  const findings: Finding[] = [];
  const inOrder = (pairs: readonly (readonly [string, string])[]): boolean => isRenumbering(pairs.filter(([name]) => /\d/.test(name)));
  // a copy of a layer may read the same cache; the last reader is the layer itself
  const readers = [...new Map(sorted.flatMap(([name, own]) => (own.dims === null ? [] : [[own.old, name] as const])))];
  const holders = [...new Map(caches.map((pair) => [pair.old, pair.now] as const))];
  const isInserted = now.flat.inputs.length > old.flat.inputs.length && inOrder([...readers, ...holders]);
  const renamed = isInserted ? undefined : sorted.find(([name, own]) => name !== own.old);
  const misplaced = isInserted ? undefined : holders.find(([from, to]) => from !== to);
  if (renamed !== undefined) findings.push(unproved(`input ${renamed[0]}`, `holds what input ${renamed[1].old} held`));
  else if (misplaced !== undefined) findings.push(unproved(`output ${misplaced[1]}`, `holds what output ${misplaced[0]} held`));
  const rest = old.flat.outputs.map((output) => output.name).filter((name) => !caches.some((pair) => pair.old === name));
  const names = now.flat.outputs.map((output) => output.name);
  const matched = names.length > old.flat.outputs.length ? renumberedOutputs(rest, names, isEqual) : rest.map((name) => [name, name] as const);
  const moved = inOrder(matched) ? undefined : matched.find(([from, to]) => from !== to);
  if (moved !== undefined) findings.push(unproved(`output ${moved[1]}`, `holds what output ${moved[0]} held`));
  const others = matched.map(([from, to]) => ({ old: from, now: to, cache: null }));
  return { pairs: [...caches, ...others], findings };
}

/** Old and new names of outputs where layers were inserted: all outputs of one old number have one new number. */
function renumberedOutputs(
  olds: readonly string[],
  names: readonly string[],
  isEqual: (old: string, now: string) => boolean,
): readonly (readonly [string, string])[] {
  const keyOf = (name: string): string => numbered(name).numbers.join('.');
  const common = new Map<string, readonly string[]>();
  for (const name of olds) {
    const { pattern } = numbered(name);
    const fits = names.filter((own) => numbered(own).pattern === pattern && isEqual(name, own)).map(keyOf);
    const known = common.get(keyOf(name));
    common.set(keyOf(name), known === undefined ? fits : known.filter((key) => fits.includes(key)));
  }
  return olds.map((name) => {
    const key = common.get(keyOf(name))?.at(-1);
    const found = names.find((own) => numbered(own).pattern === numbered(name).pattern && keyOf(own) === key);
    return [name, found ?? name];
  });
}

/** What is wrong with the outputs of the new graph, and cache inputs that hold less than was supposed. */
export function compareOutputs(
  ctx: Context,
  old: Side,
  now: Side,
  outputs: Outputs,
  before: Values,
  after: Values,
  supposed: ReadonlyMap<string, Supposed>,
): { findings: Finding[]; wishes: Map<string, Wish> } {
  const findings: Finding[] = [...outputs.findings];
  const wishes = new Map<string, Wish>();
  for (const pair of outputs.pairs) {
    const where = `output ${pair.now}`;
    const [was, is] = [old.flat.outputs.find((own) => own.name === pair.old), now.flat.outputs.find((own) => own.name === pair.now)];
    if (is === undefined) {
      findings.push(refuted(where, 'is missing'));
      continue;
    }
    if (was?.type?.elemType !== is.type?.elemType) findings.push(refuted(where, 'its element type changed'));
    const declared = declaredOtherwise(was?.type?.dims, is.type?.dims, now.facts.values.get(pair.now)?.dims);
    if (declared !== null) findings.push(refuted(where, `declares ${declared}`));
    const [a, b] = [before.get(pair.old), after.get(pair.now)];
    const problem = difference(ctx, where, a, b, pair.cache !== null);
    if (problem !== null) findings.push(problem);
    else if (pair.cache !== null && b?.kind === 'related') {
      const own = supposed.get(pair.cache);
      const next = own?.dims == null ? null : handedOn(own.dims, b.dims);
      if (next === null) findings.push(unproved(where, `does not hold its elements where input ${pair.cache} does`));
      else if (next !== 'same' && own !== undefined) wishes.set(pair.cache, { old: own.old, dims: next });
    }
  }
  return { findings, wishes };
}

/** The kinds that a cache has after a step; 'same' when they are as supposed, null when its elements have moved. */
function handedOn(past: readonly Dim[], present: readonly Dim[]): readonly Dim[] | 'same' | null {
  let weaker = false;
  const dims = past.map((dim, d): Dim | null => {
    if (isSame(dim)) return isSame(present[d] ?? []) ? dim : null;
    const joined = joinParts([dim, present[d] ?? []], meet);
    if (joined !== null && countOther(joined, Kind.ZERO) > countOther(dim, Kind.ZERO)) weaker = true;
    return joined;
  });
  return dims.includes(null) ? null : weaker ? (dims as readonly Dim[]) : 'same';
}

/** A declared size that is another one than before and not the one that is computed. */
function declaredOtherwise(was: Declared, is: Declared, sizes: readonly Size[] | null | undefined): string | null {
  if (was == null || is == null) return null;
  if (was.length !== is.length) return `${is.length} dimensions instead of ${was.length}`;
  const d = was.findIndex((size, i) => typeof size === 'number' && typeof is[i] === 'number' && size !== is[i] && is[i] !== sizes?.[i]);
  return d < 0 ? null : `size ${is[d]} instead of ${was[d]} in dimension ${d}`;
}
type Declared = readonly DeclaredDim[] | null | undefined;

const isSameShape = (a: readonly Size[], b: readonly Size[]): boolean => a.length === b.length && a.every((size, d) => equal(size, b[d] ?? 0));

/** How an output differs from the old one; null when it does not. */
export function difference(ctx: Context, where: string, before: Value | undefined, after: Value | undefined, isCache: boolean): Finding | null {
  if (before?.kind === 'zero' && after?.kind === 'zero') return isSameShape(before.sizes, after.sizes) ? null : refuted(where, 'has another shape');
  if (before?.kind !== 'related' || after?.kind !== 'related' || before.ref.key !== after.ref.key) return unproved(where, 'is not shown to be the old output');
  if (before.scale.key !== after.scale.key) return refuted(where, `is ${scaleText(after.scale)} where the old output is ${scaleText(before.scale)}`);
  const moved = after.dims.findIndex((dim) => !keepsOrder(dim));
  if (moved >= 0) return unproved(where, `holds its old elements in another order along dimension ${moved}`);
  const grown = after.dims.findIndex((dim) => !isSame(dim));
  if (grown < 0 || isCache || (after.dims.length > 3 && ctx.terms.isMultiplied(after.ref.base))) return null;
  return unproved(where, `dimension ${grown} grew (${dimText(after.dims[grown] ?? [])})`);
}
