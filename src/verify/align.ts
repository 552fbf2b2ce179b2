/**
 * Which input of the new model stands for which of the original, where a model takes caches that it does not give back
 * (the encoder's keys and values, in decoders exported for later steps only). New layers renumber them, wider heads
 * widen them, and nothing in the files says where the new ones are: the candidates are tried.
 */

import { resolveDims } from './feeds.ts';
import type { InputSpec } from './interface.ts';
import { normal, randomKey } from './random.ts';
import type { Values } from './values.ts';
import { asNumbers, elementCount, makeValues, sameDims } from './values.ts';

/** For each input of the new model the original's it stands for; null for one that only a new layer reads. */
export type InputMap = ReadonlyMap<string, string | null>;

interface NumberedName {
  /** The name with its layer number left out. */
  readonly family: string;
  readonly layer: number;
}

/** Input maps are tried one by one, each with runs of the new model. */
const MOST_MAPS = 64;

/** Likely input maps, the likeliest first: new layers behind the old ones, then before each, then in several places. Empty when none exists. */
export function inputMaps(old: readonly InputSpec[], now: readonly InputSpec[]): readonly InputMap[] {
  const known = new Set(old.map(({ name }) => name));
  const extra = now.filter(({ name }) => !known.has(name));
  if (extra.length === 0) return [new Map(now.map(({ name }) => [name, name]))];
  const families = new Set(extra.map(({ name }) => numbered(name)?.family ?? ''));
  const floats = extra.every(({ role, dims }) => role.kind === 'floats' && dims.length > 2);
  const layersOf = (inputs: readonly InputSpec[]): number => 1 + Math.max(-1, ...inputs.flatMap(({ name }) => layerIn(name, families) ?? []));
  const [before, after] = [layersOf(old), layersOf(now)];
  if (!floats || families.has('') || before === 0) return [];
  return placements(before, after).map((places) => new Map(now.map(({ name }) => [name, standsFor(name, families, places)])));
}

/**
 * The new model's names for outputs of the original, where new layers may have renumbered them: those of one layer together, and layers
 * in their order. The same names come first; they are all there is where the new model has no more outputs of numbered names.
 */
export function outputMaps(old: readonly string[], now: readonly string[]): readonly ReadonlyMap<string, string>[] {
  const same = new Map(old.map((name) => [name, name]));
  const known = new Set(old);
  const families = new Set(now.filter((name) => !known.has(name)).flatMap((name) => numbered(name)?.family ?? []));
  const layersOf = (names: readonly string[]): number => 1 + Math.max(-1, ...names.flatMap((name) => layerIn(name, families) ?? []));
  const [before, after] = [layersOf(old), layersOf(now)];
  if (before === 0 || after <= before) return [same];
  const renamed = placements(before, after).map(
    (places) =>
      new Map(
        old.map((name) => {
          const layer = layerIn(name, families);
          return [name, layer === null ? name : name.replace(/\d+/, String(places[layer]))];
        }),
      ),
  );
  return [same, ...renamed];
}

/** Where old layers may stand among the new ones, in their order. */
function placements(before: number, after: number): readonly (readonly number[])[] {
  const olds = Array.from({ length: before }, (_, layer) => layer);
  const together = [before, ...olds].map((start) => olds.map((layer) => (layer < start ? layer : layer + after - before)));
  const apart: number[][] = [];
  const place = (places: readonly number[], next: number): void => {
    if (apart.length >= MOST_MAPS) return;
    if (places.length === before) apart.push([...places]);
    else for (let at = next; at <= after - before + places.length; at++) place([...places, at], at + 1);
  };
  place([], 0);
  const known = new Set(together.map(String));
  return [...together, ...apart.filter((own) => !known.has(String(own)))].slice(0, Math.max(MOST_MAPS, together.length));
}

function standsFor(name: string, families: ReadonlySet<string>, places: readonly number[]): string | null {
  const layer = layerIn(name, families);
  if (layer === null) return name;
  const old = places.indexOf(layer);
  return old < 0 ? null : name.replace(/\d+/, String(old));
}

function layerIn(name: string, families: ReadonlySet<string>): number | null {
  const parts = numbered(name);
  return parts !== null && families.has(parts.family) ? parts.layer : null;
}

function numbered(name: string): NumberedName | null {
  const found = /\d+/.exec(name);
  return found === null ? null : { family: name.replace(/\d+/, '#'), layer: Number(found[0]) };
}

/**
 * Feeds for the new model from the original's. Where keys or values are wider, their new elements are zero, as a grown encoder
 * makes them. What new heads and new layers read is random: they must add nothing whatever it is.
 * Null when an input's shape is not known.
 */
export function adaptFeeds(
  inputs: readonly InputSpec[],
  map: InputMap,
  feeds: ReadonlyMap<string, Values>,
  sizes: ReadonlyMap<string, number>,
): ReadonlyMap<string, Values> | null {
  const adapted = new Map<string, Values>();
  for (const input of inputs) {
    const given = feeds.get(map.get(input.name) ?? '');
    const dims = resolveDims(input.dims, sizes);
    if (dims === null) return null;
    if (given === undefined)
      adapted.set(
        input.name,
        makeValues(input.type, dims, (i) => normal(randomKey(input.name), i)),
      );
    else adapted.set(input.name, input.role.kind === 'floats' ? widened(given, dims, randomKey(input.name)) : given);
  }
  return adapted;
}

/** Caches are [batch, heads, tokens, width] but for those that fuse some of these, whose new heads cannot be told from new width. */
const HEADS = 1;
const CACHE_RANK = 4;

/** The values with zeros behind them along each axis that grew, random numbers for new heads; unchanged where none grew. */
export function widened(values: Values, dims: readonly number[], key: number): Values {
  const grew = values.dims.length === dims.length && dims.every((dim, axis) => dim >= (values.dims[axis] ?? 0));
  if (!grew || values.type === 'string' || sameDims(values.dims, dims)) return values;
  const numbers = asNumbers(values);
  const strides = values.dims.map((_, axis) => elementCount(values.dims.slice(axis + 1)));
  return makeValues(values.type, dims, (index) => {
    let rest = index;
    let offset = 0;
    let newHead = false;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const dim = dims[axis] ?? 1;
      const at = rest % dim;
      rest = Math.floor(rest / dim);
      if (at >= (values.dims[axis] ?? 0)) {
        if (dims.length !== CACHE_RANK || axis !== HEADS) return 0;
        newHead = true;
      }
      offset += at * (strides[axis] ?? 0);
    }
    return newHead ? normal(key, index) : (numbers[offset] ?? 0);
  });
}
