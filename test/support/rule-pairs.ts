/** Pairs of graphs of a few lines each: whether check proves one from the other, held against the runtime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from './graph-builder.ts';
import { byLine, checkLines } from './judgement.ts';
import { modelOf } from './small-model.ts';

/** `unseen`: both graphs compute the same, and check does not know. */
export type Verdict = 'proved' | 'differs' | 'unseen';
/** Lines are separated by `;`, and after `->` alone stand the outputs, where these are not those of the last node. */
export type PairCase = readonly [verdict: Verdict, old: string, now: string, opset?: number];

/** Inputs, of which a graph has those that it reads. Integers are below 2. */
const INPUTS: Readonly<Record<string, readonly (number | string)[]>> = {
  x: [1, 'T', 4],
  p: [2, 3, 4],
  q: ['Q', 6],
  s: ['T', 'T'],
  past: [1, 'P', 3],
  i: ['K'],
  i1: [1],
  i2: [2],
  i3: [3],
};
const SIZES: readonly Readonly<Record<string, number>>[] = [
  { T: 3, Q: 2, P: 2, K: 2 },
  { T: 4, Q: 5, P: 3, K: 4 },
];

/** Where the indices of grown dimensions of these sizes were; −1 for new ones. */
const GROWN: Readonly<Record<number, readonly number[]>> = {
  5: [0, -1, 1, 2, -1],
  7: [0, 1, 2, -1, -1, -1, -1],
  8: [-1, 0, -1, 1, 2, -1, -1, -1],
  9: [-1, -1, 0, 1, 2, -1, -1, -1, -1],
  12: [0, 1, -1, -1, -1, -1, 2, 3, -1, -1, -1, -1],
};
/** Of weights with the tag `d`, and of those without old elements elsewhere. */
const OTHERWISE: readonly number[] = [0, 1, 2, -1, -1];

const placesFor = (size: number, tag: string): readonly number[] | undefined => (size === 5 && tag === 'd' ? OTHERWISE : GROWN[size]);

/**
 * A weight is what its name says: `w4x3` has dimensions 4 and 3 and numbers of its own, `w4x3b` other ones; `wzero4`, `wone4`, `winf4`, `wmask4` and
 * `wlast4` hold zeros, ones, minus infinities, zeros and those in turn, or zeros but for the last. `w4x5g` holds the numbers of `w4x3` where GROWN says
 * and others elsewhere, `w4x5gz` zeros elsewhere, `w4x5gi` infinities, `w4x5gm` means of the old ones; `w4x5gn` zeros at all old places.
 */
const WEIGHT = /\bw(zero|one|inf|mask|last)?(\d+(?:x\d+)*)(g[zimn]?)?([a-f]?)\b/g;

const UNIFORM: Readonly<Record<string, (at: number, count: number) => number>> = {
  zero: () => 0,
  one: () => 1,
  inf: () => -Infinity,
  mask: (at) => (at % 2 === 0 ? 0 : -Infinity),
  last: (at, count) => (at === count - 1 ? 0.7 : 0),
};

function numbersOf(kind: string, dims: readonly number[], growth: string, tag: string): number[] {
  const count = dims.reduce((a, b) => a * b, 1);
  const stored = (place: readonly number[]): number => 1.3 * Math.sin(place.reduce((sum, k) => 5 * sum + k, 1 + 10 * tag.charCodeAt(0)));
  return Array.from({ length: count }, (_, flat) => {
    const uniform = UNIFORM[kind];
    if (uniform !== undefined) return uniform(flat, count);
    const place: number[] = [];
    for (let [d, rest] = [dims.length - 1, flat]; d >= 0; rest = Math.floor(rest / (dims[d] ?? 1)), d--) place[d] = rest % (dims[d] ?? 1);
    const old = growth === '' ? place : place.map((k, d) => placesFor(dims[d] ?? 0, tag)?.[k] ?? k);
    const at = old.findIndex((k) => k < 0);
    if (at < 0) return growth === 'gn' ? 0 : stored(old);
    if (growth === 'gm') return [0, 1, 2].reduce((sum, k) => sum + Math.fround(stored(old.with(at, k))) / 3, 0);
    return growth === 'gz' ? 0 : growth === 'gi' ? Infinity : 0.4 + 0.2 * Math.sin(7 * flat + tag.charCodeAt(0));
  });
}

/** A line that says that the cache `past` is 5 wide: it holds the old one where GROWN says. What is handed on as `present` is compared there, too. */
const WIDER = 'wider';

/** The model of some lines, with the inputs that the lines of `both` read. */
function modelOfLines(text: string, both: string, opset: number): Model {
  const lines = text
    .split(';')
    .map((own) => own.trim())
    .filter((own) => own !== WIDER);
  const outputs = lines.at(-1)?.startsWith('->') === true ? (lines.pop()?.slice(2).trim().split(' ') ?? []) : null;
  const inputs = Object.entries(INPUTS).filter(([name]) => new RegExp(`\\b${name}\\b`).test(both));
  const dims = inputs.map(([name, own]) => [name, name === 'past' && text.includes(WIDER) ? [1, 'P', 5] : own] as const);
  const made = modelOf(Object.fromEntries(dims), lines, opset);
  const weights = new Map(
    [...text.matchAll(WEIGHT)].map(([name, kind = '', sizes = '', growth = '', tag = 'a']) => [
      name,
      tensorFromNumbers(name, DataType.FLOAT, sizes.split('x').map(Number), numbersOf(kind, sizes.split('x').map(Number), growth, tag || 'a')),
    ]),
  );
  return {
    ...made,
    graph: {
      ...made.graph,
      initializers: [...made.graph.initializers, ...weights.values()],
      outputs: outputs === null ? made.graph.outputs : outputs.map((name) => ({ name, type: null })),
    },
  };
}

/** A wider cache of old numbers and zeros. */
const widened = (old: Float32Array, rows: number): Tensor =>
  new Tensor('float32', Array.from({ length: rows }, (_, r) => (GROWN[5] ?? []).map((k) => (k < 0 ? 0 : (old[3 * r + k] ?? 0)))).flat(), [1, rows, 5]);

const known = new Map<string, readonly number[]>();

/** The same, computed once for a text. */
async function resultsOnce(key: string, model: Model): Promise<readonly number[]> {
  const own = known.get(key) ?? (await resultsOf(model));
  known.set(key, own);
  return own;
}

async function resultsOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const all: number[] = [];
  const isWider = model.graph.inputs.some((own) => own.name === 'past' && own.type?.dims?.[2] === 5);
  for (const [run, sizes] of SIZES.entries()) {
    const normal = normals(3);
    const feeds = Object.entries(INPUTS).map(([name, shape]) => {
      const dims = shape.map((size) => (typeof size === 'number' ? size : (sizes[size] ?? 1)));
      if (name === 'past' && isWider) return [name, widened(Float32Array.from({ length: 3 * (dims[1] ?? 1) }, normal), dims[1] ?? 1)] as const;
      const count = dims.reduce((a, b) => a * b, 1);
      const isInteger = name.startsWith('i');
      const data = isInteger
        ? BigInt64Array.from({ length: count }, (_, at) => BigInt((at + 1) % 2))
        : Float32Array.from({ length: count }, () => (run === 0 || name === 'past' ? 1 : -1) * normal());
      return [name, new Tensor(isInteger ? 'int64' : 'float32', data, dims)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name))));
    for (const name of session.outputNames) {
      const { data, dims } = results[name] as Tensor;
      const own = Array.from(data as ArrayLike<number | bigint | boolean>, Number);
      // one element of five stands for new ones
      const isCache = name === 'present' && isWider;
      all.push(...(isCache ? dims.with(-1, 3) : dims), ...(isCache ? own.filter((_, at) => (GROWN[5]?.[at % 5] ?? -1) >= 0) : own));
    }
  }
  await session.release();
  return all;
}

const agree = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((own, k) => Object.is(own, b[k]) || Math.abs(own - (b[k] ?? NaN)) <= 1e-5 * (1 + Math.abs(own)));

interface Said {
  readonly verdict: Verdict | 'WRONG';
  readonly lines: readonly string[];
}

async function saidOf(old: string, now: string, opset: number): Promise<Said> {
  const [before, after] = [old, now].map((own) => modelOfLines(own, `${old};${now}`, opset)) as [Model, Model];
  const isEqual = agree(await resultsOnce(`${opset} ${old}`, before), await resultsOf(after));
  const result = checkModels(before, after);
  return { verdict: result.proved ? (isEqual ? 'proved' : 'WRONG') : isEqual ? 'unseen' : 'differs', lines: checkLines(result) };
}

/** Holds a case against check and the runtime; what check says of it besides that it is proved. */
export async function judged([verdict, old, now, opset = 17]: PairCase): Promise<readonly string[]> {
  const said = await saidOf(old, now, opset);
  expect(said).toEqual({ ...said, verdict });
  return said.lines.slice(1);
}

/** Holds cases that are one text for each of many words against check and the runtime: the words by what is said of them. */
export async function judgedAll(words: readonly string[], pairFor: (word: string) => readonly [old: string, now: string], opset = 17): Promise<string> {
  const all: [string, readonly string[]][] = [];
  for (const word of words) {
    const said = await saidOf(...pairFor(word), opset);
    expect(said.verdict, word).not.toBe('WRONG');
    all.push([word, [said.verdict, ...said.lines.slice(1)]]);
  }
  return byLine(all);
}
