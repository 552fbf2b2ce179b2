/**
 * Pairs of random graphs: the second one differs from the first in one thing, has more columns between its first and its last weight, or both. Most
 * of the second ones compute something else.
 */
import type { Model } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { below, pick, type Random, randomFrom } from './fuzz/random.ts';
import { normals } from './graph-builder.ts';
import { ALIKE, COLUMNS, END, isLike, list, randomStep, type Value } from './random-nodes.ts';
import { modelOf } from './small-model.ts';

/** Inputs and weights where what is between the first and the last weight has so many columns. */
export const inputsFor = (width: number): Readonly<Record<string, readonly (number | string)[]>> => ({
  x: ['T', COLUMNS],
  u: ['S', COLUMNS],
  wa: [COLUMNS, width],
  wm: [width, width],
  wv: [width],
  wb: [width, COLUMNS],
});

/** A graph as lines; the last one makes the output. `values`: those it computes, at the reference lengths. */
interface RandomGraph {
  readonly lines: readonly string[];
  readonly values: readonly Value[];
}

/** A graph of some nodes on `h` of T rows and `k` of S rows, which `x` and `u` make; it runs at the lengths given. */
function randomGraph(random: Random, rows: number, others: number): RandomGraph {
  const lines = ['MatMul(x, wa) -> h', 'MatMul(u, wa) -> k', 'Shape(x) -> s', 'Gather(s, [0]) -> t'];
  const values: Value[] = [
    { name: 'h', dims: [rows, COLUMNS], numbers: null },
    { name: 'k', dims: [others, COLUMNS], numbers: null },
    { name: 's', dims: [2], numbers: [rows, COLUMNS] },
    { name: 't', dims: [1], numbers: [rows] },
  ];
  const steps = 2 + below(random, 7);
  for (let i = 0; lines.length < 4 + steps && i < 100; i++) {
    const step = randomStep(random, `v${i}`, values);
    if (step === null) continue;
    lines.push(...step.lines);
    values.push(...step.results);
  }
  const last = values.findLast((own) => own.numbers === null);
  const isWide = last?.dims.at(-1) === COLUMNS && last.dims.length > 1 && random() < 0.9;
  return { lines: needed([...lines, isWide ? `MatMul(${last.name}, wb) -> y` : `Identity(${last?.name ?? 'h'}) -> y`]), values };
}

const namesIn = (line: string): readonly string[] => line.split(' -> ')[0]?.match(/(?<=[(,]\s*)[a-z]\w*(?=[,)])/g) ?? [];
const resultsOf = (line: string): readonly string[] => line.split(' -> ')[1]?.split(' ') ?? [];

/** The lines that the last one needs. */
function needed(lines: readonly string[]): readonly string[] {
  const wanted = new Set(resultsOf(lines.at(-1) ?? ''));
  return lines
    .toReversed()
    .filter((line) => {
      const isNeeded = resultsOf(line).some((own) => wanted.has(own));
      if (isNeeded) for (const name of namesIn(line)) wanted.add(name);
      return isNeeded;
    })
    .toReversed();
}

/** The graph with one thing in it changed; the same lines where nothing could be. */
function changed(random: Random, { lines, values }: RandomGraph): readonly string[] {
  const at = below(random, lines.length);
  const line = lines[at] ?? '';
  const [call = '', result = ''] = line.split(' -> ');
  const put = (text: string): readonly string[] => lines.with(at, `${text} -> ${result}`);
  const draw = random();
  const numbers = [...call.matchAll(/-?\d+(?=[,\]\s]|$)/g)].filter((own) => /[[,=]/.test(call[own.index - 1] ?? ''));
  const number = pick(random, numbers);
  if (draw < 0.3 && number !== undefined) {
    const own = Number(number[0]);
    const other = pick(random, [own + 1, own - 1, -own, 2 * own, 0, 1, -1, 3, COLUMNS, END]) ?? own;
    return put(`${call.slice(0, number.index)}${other}${call.slice(number.index + number[0].length)}`);
  }
  if (draw < 0.4) {
    const [, op = ''] = /^(\w+)/.exec(call) ?? [];
    const other = pick(random, ALIKE.find((ops) => ops.includes(op)) ?? []);
    if (other !== undefined) return put(call.replace(op, other));
  }
  const known = new Map(values.map((own) => [own.name, own]));
  const names = [...call.matchAll(/(?<=[(,]\s*)[a-z]\w*(?=[,)])/g)].filter((own) => known.has(own[0]));
  const name = pick(random, names);
  const own = known.get(name?.[0] ?? '');
  if (name !== undefined && own !== undefined) {
    const before = new Set(lines.slice(0, at).flatMap(resultsOf));
    const isKin = (other: Value | undefined): boolean =>
      other !== undefined &&
      (random() < 0.2 ? other.dims.length === own.dims.length : isLike(other.dims, own.dims)) &&
      (other.numbers === null) === (own.numbers === null);
    // a number that is computed, as the constant that it is at one length
    if (own.numbers !== null && own.dims.length === 1 && random() < 0.5)
      return put(`${call.slice(0, name.index)}${list(own.numbers)}${call.slice(name.index + own.name.length)}`);
    // the node left out
    if (random() < 0.4 && isKin(known.get(resultsOf(line)[0] ?? ''))) return put(`Identity(${own.name})`);
    const other = pick(
      random,
      values.filter((like) => like.name !== own.name && before.has(like.name) && isKin(like)),
    );
    if (other !== undefined) return put(`${call.slice(0, name.index)}${other.name}${call.slice(name.index + own.name.length)}`);
  }
  return lines;
}

type Fill = (place: readonly number[]) => number;

/** Weights by name, element by element. */
const OLD: Fill = ((normal) => {
  const known = new Map<string, number>();
  return (place) => {
    const key = place.join();
    const own = known.get(key) ?? normal();
    known.set(key, own);
    return own;
  };
})(normals(7));

function model(lines: readonly string[], width: number, fill: (name: string) => Fill): Model {
  const made = modelOf(inputsFor(width), lines, 18);
  const initializers = made.graph.initializers.map((own) => {
    if (!own.name.startsWith('w')) return own;
    const at = fill(own.name);
    const places = own.dims.reduce<readonly (readonly number[])[]>(
      (all, size) => all.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
      [[]],
    );
    return tensorFromNumbers(own.name, own.dataType, own.dims, places.map(at));
  });
  return { ...made, graph: { ...made.graph, initializers } };
}

const ORDER = ['wa', 'wm', 'wv', 'wb'];
const oldFill =
  (name: string): Fill =>
  (place) =>
    OLD([ORDER.indexOf(name), ...place]);

/** What stands at new places of each weight, by which of its indices are new. */
function newFill(random: Random, at: readonly number[]): (name: string) => Fill {
  const normal = normals(below(random, 1e9));
  const kinds = new Map<string, string>();
  return (name) => (place) => {
    const wide = place.map((i, d) => ((name === 'wa' && d === 0) || (name === 'wb' && d === 1) ? i : (at[i] ?? -1)));
    if (wide.every((i) => i >= 0)) return oldFill(name)(wide);
    const key = `${name} ${wide.map((i) => i < 0)}`;
    const kind = kinds.get(key) ?? pick(random, ['zero', 'zero', 'any', 'mean', 'copy']) ?? 'zero';
    kinds.set(key, kind);
    if (kind === 'any') return normal();
    if (kind === 'zero') return 0;
    const olds = wide.map((i) => (i >= 0 ? [i] : Array.from({ length: COLUMNS }, (_, o) => o)));
    if (kind === 'copy') return oldFill(name)(olds.map((own) => own[0] ?? 0));
    const all = olds.reduce<readonly (readonly number[])[]>((list, own) => list.flatMap((p) => own.map((i) => [...p, i])), [[]]);
    return all.reduce((sum, p) => sum + Math.fround(oldFill(name)(p)), 0) / all.length;
  };
}

/** Where old columns stand among the new ones. */
const PLACES = [
  [0, 1, 2, 3, -1, -1],
  [-1, 0, 1, 2, 3, -1],
  [0, 1, -1, 2, 3, -1],
];

/** Lengths of the two inputs at which a graph is made. */
const MADE_AT = [
  [3, 3],
  [3, 4],
  [5, 3],
  [4, 2],
] as const;

/** Two models, and their nodes as text. `isSame`: both are one. */
export interface RandomPair {
  readonly old: Model;
  readonly now: Model;
  readonly isSame: boolean;
  readonly text: string;
}

export function randomPair(seed: number): RandomPair {
  const random = randomFrom(seed);
  const [rows, others] = pick(random, MADE_AT) ?? MADE_AT[0];
  const graph = randomGraph(random, rows, others);
  const places = below(random, 2) === 0 ? pick(random, PLACES) : undefined;
  const lines = below(random, places === undefined ? 20 : 2) === 0 ? graph.lines : changed(random, graph);
  const old = model(graph.lines, COLUMNS, oldFill);
  const now = places === undefined ? model(lines, COLUMNS, oldFill) : model(lines, places.length, newFill(random, places));
  const text = `${graph.lines.join('\n')}\nbecame${places === undefined ? '' : ` with columns at ${places}`}\n${lines.join('\n')}`;
  return { old, now, isSame: places === undefined && lines.join() === graph.lines.join(), text };
}
