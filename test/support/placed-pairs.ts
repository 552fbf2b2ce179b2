/** Pairs of graphs of a few lines, whose weights say where old elements stand: whether check proves one from the other, held against the runtime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { normals } from './graph-builder.ts';
import { checkLines } from './judgement.ts';
import { type Stored, typed } from './typed-graph.ts';

/** `unseen`: both graphs compute the same, and check does not know. */
export type PlacedCase = readonly [verdict: 'proved' | 'differs' | 'unseen', old: string, now: string, opset?: number];

/** Inputs, of which a graph has those that it reads. */
const INPUTS: Readonly<Record<string, readonly (number | string)[]>> = { x: ['n', 4], r: ['n', 4, 3] };
const SIZES: readonly number[] = [3, 2];

const wave = (at: number): number => 1.3 * Math.sin(2.7 * at + 1);

/**
 * The number at a place of a vector: a digit is an old one, `n` a new one, `m` the mean of the old ones 0, 1 and 2, `z` zero, `c` always the same, `i`
 * infinity.
 */
function numberAt(place: string, at: number, seed: number): number {
  if (/\d/.test(place)) return wave(seed + 10 * Number(place));
  if (place === 'm') return [0, 1, 2].reduce((sum, k) => sum + Math.fround(wave(seed + 10 * k)) / 3, 0);
  return place === 'z' ? 0 : place === 'c' ? 0.5 : place === 'i' ? Infinity : 0.4 + 0.2 * Math.sin(7 * at + seed);
}

/**
 * Weights by their names: `A`, `C`, `D` and `E` have 4 rows, and columns as the letters behind say, `B` and `F` have 2 columns and such rows, `V`, `U` and `W` are
 * vectors; the same letter stands for the same old numbers. `S_75` is the number 0.75.
 */
const WEIGHT = /\b([A-FS-W])_(\w+)\b/g;

function storedAs(kind: string, text: string): Stored {
  if (kind === 'S') return [[], [Number(text) / 100]];
  const places = [...text];
  const seed = kind.charCodeAt(0);
  const entry = (i: number, k: number): number => numberAt(places[k] ?? '', 10 * i + k, seed + 100 * i);
  if ('UVW'.includes(kind)) return [[places.length], places.map((_, k) => entry(0, k))];
  if ('BF'.includes(kind)) return [[places.length, 2], places.flatMap((_, k) => [entry(0, k), entry(1, k)])];
  return [[4, places.length], [0, 1, 2, 3].flatMap((i) => places.map((_, k) => entry(i, k)))];
}

function modelFor(text: string, both: string, opset: number): Model {
  const inputs = Object.fromEntries(Object.entries(INPUTS).filter(([name]) => new RegExp(`\\b${name}\\b`).test(both)));
  const stored = Object.fromEntries([...text.matchAll(WEIGHT)].map(([name, kind = '', places = '']) => [name, storedAs(kind, places)]));
  return typed({ inputs, lines: text.split(';').map((line) => line.trim()), stored, opset });
}

async function resultsOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const all: number[] = [];
  for (const n of SIZES) {
    const normal = normals(n);
    const feeds = Object.entries(INPUTS).map(([name, shape]) => {
      const dims = shape.map((size) => (typeof size === 'number' ? size : n));
      return [name, new Tensor('float32', Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, normal), dims)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name))));
    for (const name of session.outputNames) {
      const { data, dims } = results[name] as Tensor;
      all.push(...dims, ...Array.from(data as ArrayLike<number>, Number));
    }
  }
  await session.release();
  return all;
}

const agree = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((own, k) => Object.is(own, b[k]) || Math.abs(own - (b[k] ?? NaN)) <= 1e-5 * (1 + Math.abs(own)));

/** Holds a case against check and the runtime; what check says of it. */
export async function placed([verdict, old, now, opset = 13]: PlacedCase): Promise<readonly string[]> {
  const [before, after] = [modelFor(old, `${old};${now}`, opset), modelFor(now, `${old};${now}`, opset)];
  const isEqual = agree(await resultsOf(before), await resultsOf(after));
  const { proved, ...result } = checkModels(before, after);
  expect(proved ? (isEqual ? 'proved' : 'WRONG') : isEqual ? 'unseen' : 'differs').toBe(verdict);
  return checkLines({ proved, ...result }).slice(1);
}
