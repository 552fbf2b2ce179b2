/** Pairs of graphs of a few lines each: whether check proves one from the other, held against the runtime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from './graph-builder.ts';
import { checkLines } from './judgement.ts';
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

/**
 * A weight is what its name says: `w4x3` has dimensions 4 and 3 and numbers of its own, `w4x3b` other ones; `wzero4`, `wone4`, `winf4` and `wmask4` hold
 * zeros, ones, infinities, or zeros and minus infinities in turn. `w4x5g` holds the numbers of `w4x3` where GROWN says and others elsewhere,
 * `w4x5gz` zeros elsewhere, `w4x5gi` infinities.
 */
const WEIGHT = /\bw(zero|one|inf|mask)?(\d+(?:x\d+)*)(g[zi]?)?([a-f]?)\b/g;

function numbersOf(kind: string, dims: readonly number[], growth: string, tag: string): number[] {
  return Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, flat) => {
    const place: number[] = [];
    for (let [d, rest] = [dims.length - 1, flat]; d >= 0; rest = Math.floor(rest / (dims[d] ?? 1)), d--) place[d] = rest % (dims[d] ?? 1);
    const old = growth === '' ? place : place.map((k, d) => GROWN[dims[d] ?? 0]?.[k] ?? k);
    if (kind !== '') return kind === 'zero' ? 0 : kind === 'one' ? 1 : kind === 'inf' ? -Infinity : flat % 2 === 0 ? 0 : -Infinity;
    if (old.some((k) => k < 0)) return growth === 'gz' ? 0 : growth === 'gi' ? Infinity : 0.4 + 0.2 * Math.sin(7 * flat);
    return 1.3 * Math.sin(old.reduce((sum, k) => 5 * sum + k, 1 + 10 * tag.charCodeAt(0)));
  });
}

/** The model of some lines, with the inputs that the lines of `both` read. */
function modelOfLines(text: string, both: string, opset: number): Model {
  const lines = text.split(';').map((own) => own.trim());
  const outputs = lines.at(-1)?.startsWith('->') === true ? (lines.pop()?.slice(2).trim().split(' ') ?? []) : null;
  const inputs = Object.entries(INPUTS).filter(([name]) => new RegExp(`\\b${name}\\b`).test(both));
  const made = modelOf(Object.fromEntries(inputs), lines, opset);
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

async function resultsOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const all: number[] = [];
  for (const [run, sizes] of SIZES.entries()) {
    const normal = normals(3);
    const feeds = Object.entries(INPUTS).map(([name, shape]) => {
      const dims = shape.map((size) => (typeof size === 'number' ? size : (sizes[size] ?? 1)));
      const count = dims.reduce((a, b) => a * b, 1);
      const isInteger = name.startsWith('i');
      const data = isInteger
        ? BigInt64Array.from({ length: count }, (_, at) => BigInt((at + 1) % 2))
        : Float32Array.from({ length: count }, () => (run === 0 ? 1 : -1) * normal());
      return [name, new Tensor(isInteger ? 'int64' : 'float32', data, dims)] as const;
    });
    const results = await session.run(Object.fromEntries(feeds.filter(([name]) => session.inputNames.includes(name))));
    for (const name of session.outputNames) {
      const { data, dims } = results[name] as Tensor;
      all.push(...dims, ...Array.from(data as ArrayLike<number | bigint | boolean>, Number));
    }
  }
  await session.release();
  return all;
}

const agree = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((own, k) => Object.is(own, b[k]) || Math.abs(own - (b[k] ?? NaN)) <= 1e-5 * (1 + Math.abs(own)));

/** Holds a case against check and the runtime; what check says of it besides that it is proved. */
export async function judged([verdict, old, now, opset = 17]: PairCase): Promise<readonly string[]> {
  const [before, after] = [old, now].map((own) => modelOfLines(own, `${old};${now}`, opset)) as [Model, Model];
  const own = agree(await resultsOf(before), await resultsOf(after));
  const result = checkModels(before, after);
  const lines = checkLines(result);
  expect([result.proved ? 'proved' : own ? 'unseen' : 'differs', own, lines]).toEqual([verdict, verdict !== 'differs', lines]);
  return lines.slice(1);
}
