/** All that is said of pairs of small models, one for each way in which a comparison may end. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import type { Request } from '../../src/verify/conclude.ts';
import { judge } from '../../src/verify/judge.ts';
import { randomFloats } from '../support/doubled.ts';
import { orFailure, verifyLines } from '../support/judgement.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

const { INT64, BOOL, DOUBLE } = DataType;
interface Side extends Typed {
  /** All outputs, where there are others than those of the last line. */
  readonly gives?: readonly string[];
}

function modelFrom({ gives, ...given }: Side): Model {
  const made = typed(given);
  return gives === undefined ? made : { ...made, graph: { ...made.graph, outputs: gives.map((name) => ({ name, type: null })) } };
}

const weight = (seed: number, ...dims: number[]): readonly [dims: number[], numbers: readonly number[]] => [
  dims,
  randomFloats(
    seed,
    dims.reduce((a, b) => a * b, 1),
  ),
];
/** A stored tensor with one number times `factor`. */
const changed = ([dims, numbers, type]: Stored, at: number, factor: number): Stored => [
  dims,
  Array.from(numbers, (x, i) => (i === at ? x * factor : x)),
  ...(type === undefined ? ([] as const) : ([type] as const)),
];

const lines = ['MatMul(x, a) -> h', 'Relu(h) -> r', 'MatMul(r, b) -> y'];
const inputs = { x: ['n', 't', 6] };
const stored = { a: weight(1, 6, 9), b: weight(2, 9, 5) };
const block: Side = { inputs, lines, stored };
const with2 = (name: 'a' | 'b', at: number, factor: number): Side => ({ ...block, stored: { ...stored, [name]: changed(stored[name], at, factor) } });

/** Tokens of a cache summed up, `scale` times the past. */
const cached = (layers: readonly number[], scale = 1, width = 3): Side => ({
  inputs: { i: ['n', 't'], ...Object.fromEntries(layers.map((own, k) => [`past.${k}.key`, ['n', 1, 'p', own === 0 ? width : 3]])) },
  lines: [
    ...layers.flatMap((own, k) => [
      `Gather(e${own}, i) -> g${k}`,
      `Unsqueeze(g${k}, [1]) -> u${k}`,
      `Concat(past.${k}.key, u${k}) axis=2 -> present.${k}.key`,
      `Mul(present.${k}.key, s) -> m${k}`,
      `ReduceSum(m${k}, [1,2,3]) keepdims=0 -> r${k}`,
    ]),
    `Sum(${layers.map((_, k) => `r${k}`).join(', ')}) -> y`,
  ],
  gives: ['y', ...layers.map((_, k) => `present.${k}.key`)],
  stored: { e0: weight(3, 7, width), e1: weight(4, 7, 3), e9: [[7, 3], new Array(21).fill(0)], s: [[1], [scale]] },
});

const scaled = ([dims, numbers]: Stored, factor: number): Stored => [dims, Array.from(numbers, (x) => x * factor)];

/** The block with three hidden units more, which add nothing. */
const grown = () => {
  const more = randomFloats(8, 18);
  const a: number[] = [];
  for (let row = 0; row < 6; row++) a.push(...stored.a[1].slice(9 * row, 9 * row + 9), ...more.slice(3 * row, 3 * row + 3));
  return {
    inputs,
    lines,
    stored: {
      a: [[6, 12], a] as Stored,
      b: [
        [12, 5],
        [...stored.b[1], ...new Array<number>(15).fill(0)],
      ] as Stored,
    },
  };
};

/** Scores of which a mask takes some away. */
const masked = (line: string): Side => ({
  inputs: { x: ['n', 't', 't'], i_mask: ['n', 1, 't'] },
  lines: ['Cast(i_mask) to=9 -> c', line, 'Softmax(s) axis=-1 -> y'],
  stored: { low: [[], [Number.NEGATIVE_INFINITY]] },
});

/** Keys that are given from outside, one input for each layer. */
const keys = (layers: readonly number[]): Side => ({
  inputs: { x: ['n', 't', 3], ...Object.fromEntries(layers.map((_, k) => [`keys.${k}`, ['n', 2, 's', 3]])) },
  lines: [
    ...layers.flatMap((own, k) => [`ReduceMean(keys.${k}, [1,2]) keepdims=0 -> r${k}`, `Mul(r${k}, e${own}) -> m${k}`]),
    `Sum(${layers.map((_, k) => `m${k}`).join(', ')}) -> s`,
    'Unsqueeze(s, [1]) -> u',
    'Add(x, u) -> y',
  ],
  stored: { e0: weight(3, 3), e1: weight(4, 3), e9: [[3], [0, 0, 0]] },
});

const PAIRS: Readonly<Record<string, readonly [old: Side, now: Side, request?: Partial<Request>]>> = {
  'the same file': [block, block],
  'a changed weight': [block, with2('b', 7, 1.5)],
  'a changed weight of the first product': [block, with2('a', 7, 1.5)],
  'a change that float64 alone shows': [block, with2('b', 7, 1 + 2 ** -20)],
  'that change within a tolerance': [block, with2('b', 7, 1 + 2 ** -20), { tolerance: 1e-4 }],
  'a change above a tolerance': [block, with2('b', 7, 1.5), { tolerance: 1e-4 }],
  'no comparison in float64': [block, with2('b', 7, 1 + 2 ** -20), { noShadow: 'it is not wanted' }],
  'hidden units in another order': [
    { ...block, stored: { a: weight(1, 6, 9), b: weight(2, 9, 5) } },
    {
      ...block,
      stored: {
        a: [[6, 9], randomFloats(1, 54).map((_, at, all) => all[at - (at % 9) + ((at + 1) % 9)] ?? 0)],
        b: [[9, 5], randomFloats(2, 45).map((_, at, all) => all[(at + 5) % 45] ?? 0)],
      },
    },
  ],
  'a weaker level': [block, with2('b', 7, 1.5), { level: 'basic' }],
  'no optimisation': [block, block, { level: 'disabled' }],
  'large models': [block, with2('b', 7, 1 + 2 ** -20), { large: true }],
  'a wider output, whose first elements are compared': [
    block,
    { ...block, stored: { ...stored, b: weight(2, 9, 5) }, lines: [...lines.slice(0, 2), 'MatMul(r, b) -> z', 'Concat(z, z) axis=2 -> y'] },
  ],
  'a narrower output': [block, { ...block, lines: [...lines.slice(0, 2), 'MatMul(r, b) -> z', 'Slice(z, [0], [4], [2]) -> y'] }],
  'an output of another type': [block, { ...block, lines: [...lines.slice(0, 2), 'MatMul(r, b) -> z', 'Cast(z) to=11 -> y'] }],
  'an output that is not there': [{ ...block, gives: ['y', 'h'] }, block],
  'a further output': [block, { ...block, gives: ['y', 'h'] }],
  'two outputs, one of which changed': [
    { ...block, gives: ['h', 'y'] },
    { ...with2('b', 7, 1.5), gives: ['h', 'y'] },
  ],
  'a further input': [block, { ...block, inputs: { ...inputs, z: ['n', 't', 5] }, lines: [...lines.slice(0, 2), 'MatMul(r, b) -> q', 'Add(q, z) -> y'] }],
  'a new model that the runtime refuses': [block, { ...block, stored: { ...stored, b: weight(2, 8, 5) } }],
  'an original that the runtime refuses': [{ ...block, stored: { ...stored, b: weight(2, 8, 5) } }, block],
  'outputs that do not depend on the inputs': [
    { inputs, lines: ['Mul(x, z) -> m', 'Add(m, one) -> y'], stored: { z: [[1], [0]], one: [[1], [1]] } },
    { inputs, lines: ['Mul(x, z) -> m', 'Add(m, one) -> y'], stored: { z: [[1], [0]], one: [[1], [1]] } },
  ],
  'one constant output of two': [
    { inputs, lines: ['Relu(x) -> y', 'Mul(x, z) -> c'], gives: ['y', 'c'], stored: { z: [[1], [0]] } },
    { inputs, lines: ['Relu(x) -> y', 'Mul(x, z) -> c'], gives: ['y', 'c'], stored: { z: [[1], [0]] } },
  ],
  'outputs that are not finite': [
    { inputs, lines: ['Mul(x, z) -> a', 'Sqrt(a) -> b', 'Log(z) -> c', 'Add(b, c) -> y'], stored: { z: [[1], [-1]] } },
    { inputs, lines: ['Mul(x, z) -> a', 'Sqrt(a) -> b', 'Log(z) -> c', 'Add(b, c) -> y'], stored: { z: [[1], [-1]] } },
  ],
  'a random original': [
    { inputs, lines: ['RandomNormalLike(x) mean=0.5 -> r', 'Add(x, r) -> y'] },
    { inputs, lines: ['RandomNormalLike(x) mean=0.5 -> r', 'Add(r, x) -> y'] },
  ],
  'a random original, of another mean': [
    { inputs, lines: ['RandomUniformLike(x) low=1.0 high=2.0 -> r', 'Add(x, r) -> y'] },
    { inputs, lines: ['RandomUniformLike(x) low=1.5 high=2.0 -> r', 'Add(r, x) -> y'] },
  ],
  'dropout that trains in both': [
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.5]], b: [[], [1], BOOL] } },
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.25]], b: [[], [1], BOOL] } },
  ],
  'dropout that does not train': [
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.5]], b: [[], [0], BOOL] } },
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.25]], b: [[], [0], BOOL] } },
  ],
  'dropout that trains in the new model alone': [
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.5]], b: [[], [0], BOOL] } },
    { inputs, lines: ['Dropout(x, k, b) -> y'], stored: { k: [[], [0.5]], b: [[], [1], BOOL] } },
  ],
  'a random original that nothing stands for': [
    { inputs, lines: ['Sigmoid(x) -> s', 'Bernoulli(s) -> y'] },
    { inputs, lines: ['Sigmoid(x) -> s', 'Bernoulli(s) -> y'] },
  ],
  'a random new model that nothing stands for': [
    { inputs, lines: ['Sigmoid(x) -> s', 'RandomUniformLike(s) -> y'] },
    { inputs, lines: ['Sigmoid(x) -> s', 'Bernoulli(s) -> y'] },
  ],
  'a cache': [cached([0, 1]), cached([0, 1])],
  'a cache that changed': [cached([0, 1]), cached([0, 1], 1.001)],
  'a cache of a new layer behind': [cached([0, 1]), cached([0, 1, 9])],
  'a cache of a new layer before': [cached([0, 1]), cached([9, 0, 1])],
  'a cache of a layer that is none': [cached([0, 1]), cached([0, 1, 1])],
  'a chaotic original': [
    { inputs, lines: ['Mul(x, z) -> a', 'Sin(a) -> y'], stored: { z: [[6], [1e7, 2e7, 3e7, 4e7, 5e7, 6.1e7]] } },
    { inputs, lines: ['Mul(z, x) -> a', 'Sin(a) -> y'], stored: { z: [[6], [1e7, 2e7, 3e7, 4e7, 5e7, 6.1e7]] } },
  ],
  'numbers of float64': [
    { inputs, lines: ['Cast(x) to=11 -> d', 'MatMul(d, w) -> y'], stored: { w: [[6, 5], weight(5, 6, 5)[1], DOUBLE] } },
    { inputs, lines: ['Cast(x) to=11 -> d', 'MatMul(d, w) -> y'], stored: { w: changed([[6, 5], weight(5, 6, 5)[1], DOUBLE], 3, 1 + 1e-9) } },
  ],
  'integers alone': [
    { inputs: { i: ['n', 't'] }, lines: ['Mul(i, k) -> y'], stored: { k: [[1], [3], INT64] } },
    { inputs: { i: ['n', 't'] }, lines: ['Mul(i, k) -> y'], stored: { k: [[1], [4], INT64] } },
  ],
  'an operator without a float64 kernel': [
    { inputs, lines: ['Hardmax(x) -> h', 'Mul(x, h) -> y'] },
    { inputs, lines: ['Hardmax(x) -> h', 'Mul(h, x) -> y'] },
  ],
  'a corrected gain': [
    { inputs, lines: ['Mul(x, g) -> m', 'MatMul(m, a) -> y'], stored: { g: weight(7, 6), a: weight(1, 6, 9) } },
    {
      inputs,
      lines: ['Mul(x, g) -> m', 'Mul(m, k) -> q', 'MatMul(q, a) -> y'],
      stored: { g: [[6], weight(7, 6)[1].map((v) => v * Math.sqrt(0.5))], k: [[1], [Math.SQRT2]], a: weight(1, 6, 9) },
    },
  ],
  'a file with constants folded': [
    { inputs, lines: ['Mul(x, g) -> m', 'Mul(m, k) -> y'], stored: { g: weight(7, 6), k: [[1], [0.3]] } },
    { inputs, lines: ['Mul(x, g) -> y'], stored: { g: [[6], weight(7, 6)[1].map((v) => v * Math.fround(0.3))] } },
  ],
  'hidden units that are more, whose outgoing weights are zero': [block, grown()],
  'hidden units that are more, and a change among the old ones': [block, { ...grown(), stored: { ...grown().stored, a: changed(grown().stored.a, 14, 1.5) } }],
  'hidden units of another scale': [block, { ...block, stored: { a: scaled(stored.a, 3), b: scaled(stored.b, 1 / 3) } }],
  'hidden units of another scale, and a change behind': [block, { ...block, stored: { a: scaled(stored.a, 3), b: changed(scaled(stored.b, 1 / 3), 7, 1.5) } }],
  'hidden units of another scale, and a change before': [block, { ...block, stored: { a: changed(scaled(stored.a, 3), 7, 1.5), b: scaled(stored.b, 1 / 3) } }],
  'a mask that is 1 for padding': [masked('Where(c, low, x) -> s'), masked('Where(c, low, x) -> s')],
  'a mask that is 1 for tokens': [masked('Where(c, x, low) -> s'), masked('Where(c, x, low) -> s')],
  'a length that a table fixes': [
    { inputs: { x: ['n', 't', 3] }, lines: ['Add(x, u) -> y'], stored: { u: weight(6, 1, 11, 3) } },
    { inputs: { x: ['n', 't', 3] }, lines: ['Add(u, x) -> y'], stored: { u: weight(6, 1, 11, 3) } },
  ],
  'no inputs that it runs with': [
    { inputs: { x: [2, 3] }, lines: ['NonZero(x) -> a', 'Reshape(a, [7]) -> b', 'Cast(b) to=1 -> y'] },
    { inputs: { x: [2, 3] }, lines: ['NonZero(x) -> a', 'Reshape(a, [7]) -> b', 'Cast(b) to=1 -> y'] },
  ],
  'rows that are one at most': [
    { inputs: { x: ['n', 3] }, lines: ['Reshape(x, [1,3]) -> y'] },
    { inputs: { x: ['n', 3] }, lines: ['Reshape(x, [1,3]) -> y'] },
  ],
  'positions in a table of twelve': [
    {
      inputs: { i: ['n', 't'] },
      lines: ['Gather(e, i) -> g', 'Shape(i) -> s', 'Slice(s, [1], [2]) -> t', 'Slice(p, [0], t, [0]) -> q', 'Add(g, q) -> y'],
      stored: { e: weight(3, 7, 4), p: weight(4, 12, 4) },
    },
    {
      inputs: { i: ['n', 't'] },
      lines: ['Gather(e, i) -> g', 'Shape(i) -> s', 'Slice(s, [1], [2]) -> t', 'Slice(p, [0], t, [0]) -> q', 'Add(q, g) -> y'],
      stored: { e: weight(3, 7, 4), p: weight(4, 12, 4) },
    },
  ],
  "an encoder's keys of a new layer": [keys([0, 1]), keys([0, 1, 9])],
  "an encoder's keys of a new layer before": [keys([0, 1]), keys([9, 0, 1])],
  "an encoder's keys of a layer that is none": [keys([0, 1]), keys([0, 1, 1])],
  'wider outputs of a first layer': [
    { ...block, gives: ['h', 'y'] },
    { ...grown(), gives: ['h', 'y'] },
  ],
};

describe('what is said of', () => {
  it.each(Object.entries(PAIRS))('%s', async (_, [old, now, request = {}]) => {
    const folder = temporaryFolder();
    const [oldPath, newPath] = [path.join(folder, 'old.onnx'), path.join(folder, 'new.onnx')];
    writeFileSync(oldPath, encodeModel(modelFrom(old)));
    writeFileSync(newPath, encodeModel(modelFrom(now)));
    const stages: string[] = [];
    const usual: Request = { oldPath, newPath, seed: 0, provider: 'cpu', tolerance: null, inputs: null, level: 'all', large: false, noShadow: null };
    const said = await orFailure(async () => {
      const result = await judge({ ...usual, ...request }, ({ model, level, what, shadow = false }) =>
        stages.push(`${shadow ? 'shadow: ' : ''}${model} ${level}: ${what}`),
      );
      const { outputs, bitExactShare, noiseFloor, maxRelative, placement, margin } = result;
      return [
        ...verifyLines(result),
        ...outputs.map(
          ({ name, bitExact, threshold, maxRelative: own }) =>
            `${name} is ${bitExact ? 'the same' : 'another'}${own === null ? ', without bound' : own > threshold ? ', above its threshold' : ''}`,
        ),
        `same ${bitExactShare === 1 ? 'always' : 'not always'}, noise ${noiseFloor === null ? 'unknown' : 'measured'}, difference ${maxRelative === null ? 'unknown' : maxRelative === 0 ? 'none' : 'measured'}, ${placement} ${margin}`,
      ];
    });
    expect([...said.map((line) => line.replaceAll(`${folder}/`, '')), ...stages]).toMatchSnapshot();
  });
});
