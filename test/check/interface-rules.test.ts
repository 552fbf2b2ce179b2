/** What a user sees of a graph: its inputs and outputs, their types and sizes, and the caches of layers that are widened or inserted. */
import { describe, expect, test } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { allSaid, saidOf } from '../support/told.ts';
import { numbers, type Stored, typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE } = DataType;
/** A name, sizes (null: not declared) and an element type (null: no type at all). */
type Face = readonly [name: string, dims: readonly (number | string | null)[] | null, type?: number | null];
interface Faces {
  readonly inputs: readonly Face[];
  readonly outputs: readonly Face[];
  readonly lines: readonly string[];
  readonly stored?: Readonly<Record<string, Stored>>;
}
function model({ inputs, outputs, lines, stored = {} }: Faces): Model {
  const made = typed({ inputs: {}, lines, stored });
  const faceOf = ([name, dims, type = FLOAT]: Face) => ({ name, type: type === null ? null : { elemType: type, dims } });
  return { ...made, graph: { ...made.graph, inputs: inputs.map(faceOf), outputs: outputs.map(faceOf) } };
}

const [X, M]: readonly [Face, Face] = [
  ['x', ['n', 3]],
  ['m', ['n', 3]],
];
const BASE: Faces = {
  inputs: [X, M],
  outputs: [
    ['y', ['n', 3]],
    ['z', ['n', 3]],
    ['o', ['n', 3]],
  ],
  lines: ['Add(x, m) -> s', 'Sub(x, m) -> y', 'Mul(s, m) -> z', 'Sub(x, x) -> o'],
};
const [Y, Z, O] = BASE.outputs as [Face, Face, Face];
type Case = readonly [what: string, proved: boolean, now: Partial<Faces>, old?: Partial<Faces>];

const INPUTS: readonly Case[] = [
  ['the same', true, {}],
  ['in another order', true, { inputs: [M, X] }],
  ['one is missing', false, { inputs: [X], lines: ['Add(x, x) -> s', 'Sub(x, x) -> y', 'Mul(s, x) -> z', 'Sub(x, x) -> o'] }],
  ['one that nothing reads is missing', false, { inputs: [X, M] }, { inputs: [X, M, ['e', ['n']]] }],
  ['one is new', false, { inputs: [X, M, ['e', ['n']]] }],
  ['one is called otherwise', false, { inputs: [X, ['k', ['n', 3]]], lines: ['Add(x, k) -> s', 'Sub(x, k) -> y', 'Mul(s, k) -> z', 'Sub(x, x) -> o'] }],
  ['two are exchanged', false, { lines: ['Add(m, x) -> s', 'Sub(m, x) -> y', 'Mul(s, x) -> z', 'Sub(x, x) -> o'] }],
  ['another element type', false, { inputs: [X, ['m', ['n', 3], DOUBLE]] }],
  ['of another size in its name', true, { inputs: [X, ['m', ['k', 3]]] }],
  ['one of known size', false, { inputs: [X, ['m', [4, 3]]] }],
  ['one whose size must be what it was', true, { inputs: [X, ['m', ['n', 'k']]] }],
  ['narrower', false, { inputs: [['x', ['n', 2]], M] }],
  ['of another rank', false, { inputs: [X, ['m', [3]]] }],
  ['without sizes', false, { inputs: [X, ['m', null]] }],
  ['without sizes, on both sides', false, { inputs: [X, ['m', null]] }, { inputs: [X, ['m', null]] }],
  [
    'wider, and cut',
    false,
    { inputs: [X, ['e', ['n', 5]]], lines: ['Slice(e, [0], [3], [1]) -> m', ...BASE.lines] },
    { inputs: [X, ['e', ['n', 3]]], lines: ['Identity(e) -> m', ...BASE.lines] },
  ],
];

const OUTPUTS: readonly Case[] = [
  ['in another order', false, { outputs: [Z, Y, O] }],
  ['the last two in another order', false, { outputs: [Y, O, Z] }],
  ['one is missing', false, { outputs: [Y, O] }],
  ['the last is missing', false, { outputs: [Y, Z] }],
  ['one is new', false, { outputs: [Y, Z, O, ['s', ['n', 3]]] }],
  ['one is new, in front', false, { outputs: [['s', ['n', 3]], Y, Z, O] }],
  ['one is new, and two are in another order', false, { outputs: [Z, Y, O, ['s', ['n', 3]]] }],
  ['one is called otherwise', false, { outputs: [['yy', ['n', 3]], Z, O], lines: ['Add(x, m) -> s', 'Sub(x, m) -> yy', 'Mul(s, m) -> z', 'Sub(x, x) -> o'] }],
  ['two are exchanged', false, { lines: ['Add(x, m) -> s', 'Sub(x, m) -> z', 'Mul(s, m) -> y', 'Sub(x, x) -> o'] }],
  ['another element type', false, { outputs: [Y, ['z', ['n', 3], DOUBLE], O] }],
  ['without a type', false, { outputs: [Y, ['z', null, null], O] }],
  ['another declared size', false, { outputs: [Y, ['z', ['n', 4]], O] }],
  ['another declared size of zeros', false, { outputs: [Y, Z, ['o', [2, 3]]] }, { outputs: [Y, Z, ['o', [1, 3]]] }],
  ['the declared size is corrected', true, {}, { outputs: [Y, ['z', ['n', 4]], O] }],
  ['both declare another size', true, { outputs: [Y, ['z', ['n', 4]], O] }, { outputs: [Y, ['z', ['n', 4]], O] }],
  ['another name of a size', true, { outputs: [Y, ['z', ['k', 3]], O] }],
  ['a size that was not known', true, {}, { outputs: [Y, ['z', ['n', 'k']], O] }],
  ['a size that is not known', true, { outputs: [Y, ['z', ['n', 'k']], O] }],
  ['another declared rank', false, { outputs: [Y, ['z', [1, 'n', 3]], O] }],
  ['no sizes', true, { outputs: [Y, ['z', null], O] }],
  ['no sizes before', true, {}, { outputs: [Y, ['z', null], O] }],
  [
    'zeros of another shape',
    false,
    { outputs: [Y, Z, ['o', null]], lines: [...BASE.lines.slice(0, 3), 'Sub(x, x) -> p', 'Transpose(p) perm=[1,0] -> o'] },
    { outputs: [Y, Z, ['o', null]] },
  ],
  ['numbers for zeros', false, { lines: [...BASE.lines.slice(0, 3), 'Identity(x) -> o'] }],
  ['zeros for numbers', false, { lines: ['Add(x, m) -> s', 'Sub(x, m) -> y', 'Sub(m, m) -> z', 'Sub(x, x) -> o'] }],
  ['twice the old one', false, { lines: ['Add(x, m) -> s', 'Sub(x, m) -> y', 'Mul(s, m) -> t', 'Add(t, t) -> z', 'Sub(x, x) -> o'] }],
];

const held = (cases: readonly Case[]): void => {
  test.each(cases.map(([what, proved, now, old = {}]) => [what, proved, now, old] as const))('%s', (_, proved, now, old) => {
    expect(saidOf(model({ ...BASE, ...old }), model({ ...BASE, ...now }))[0]).toBe(proved ? 'proved' : 'not proved');
    expect(allSaid()).toMatchSnapshot();
  });
};
describe('inputs', () => held(INPUTS));
describe('outputs', () => held(OUTPUTS));

describe('the width of an output', () => {
  const columns = (at: readonly number[], dims: Face[1] = null): Model =>
    model({
      inputs: [X],
      outputs: [['y', dims]],
      lines: ['MatMul(x, c) -> h', 'Relu(h) -> y'],
      stored: { c: [[3, at.length], numbers(3 * at.length, (place) => 1 + Math.floor(place / at.length) + 4 * (at[place % at.length] ?? 0))] },
    });
  test.each<readonly [string, boolean, readonly number[]]>([
    ['the same', true, [0, 1, 2]],
    ['wider', false, [0, 1, 2, 7]],
    ['in another order', false, [1, 0, 2]],
    ['narrower', false, [0, 1]],
  ])('%s', (_, proved, at) => {
    expect(saidOf(columns([0, 1, 2]), columns(at))[0]).toBe(proved ? 'proved' : 'not proved');
    expect(saidOf(columns([0, 1, 2], ['n', 3]), columns(at, ['n', at.length]))[0]).toBe(proved ? 'proved' : 'not proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

/** A layer with a cache of keys, which are its values too: its number in names, which weights it has, and which of their columns are old. */
interface Layer {
  readonly number: number;
  readonly weights: number | 'new';
  readonly at?: readonly number[];
  /** New elements of keys, queries and what reads the result. */
  readonly added?: readonly [key: number, query: number, out: number];
  readonly past?: string;
  readonly present?: string;
  readonly type?: number;
}
const WIDTH = [0, 1, 2, 3];
function layered(layers: readonly Layer[], change: (own: Faces) => Partial<Faces> = () => ({})): Model {
  const of = layers.map(
    ({ number, weights, at = WIDTH, added = [0, 0, 0], past = `past.${number}.key`, present = `present.${number}.key`, type = FLOAT }, i) => {
      const [key, query, out] = added;
      const seed = weights === 'new' ? 9 : weights;
      const weight = (rows: readonly number[], columns: readonly number[], salt: number, other: number): Stored => [
        [rows.length, columns.length],
        numbers(rows.length * columns.length, (place) => {
          const [row, column] = [rows[Math.floor(place / columns.length)] ?? -1, columns[place % columns.length] ?? -1];
          return row < 0 || column < 0 ? other : Math.round(Math.sin(seed * 5 + salt + 3 * row + 7 * column) * 64) / 64;
        }),
      ];
      const last: Stored = weight(at, [0, 1, 2], 3, out);
      return {
        inputs: [[past, [1, 2, 'p', at.length], type]] as readonly Face[],
        outputs: [[present, [1, 2, null, at.length].map((size) => size ?? 'all'), type]] as readonly Face[],
        lines: [
          ...[`MatMul(h${i}, k${i}) -> kk${i}`, `Concat(${past}, kk${i}) axis=2 -> ${present}`, `MatMul(h${i}, q${i}) -> qq${i}`],
          ...[`Transpose(${present}) perm=[0,1,3,2] -> t${i}`, `MatMul(qq${i}, t${i}) -> s${i}`, `Softmax(s${i}) axis=-1 -> a${i}`],
          ...[`MatMul(a${i}, ${present}) -> v${i}`, `MatMul(v${i}, o${i}) -> r${i}`, `Add(h${i}, r${i}) -> h${i + 1}`],
        ],
        stored: {
          [`k${i}`]: weight([0, 1, 2], at, 1, key),
          [`q${i}`]: weight([0, 1, 2], at, 2, query),
          [`o${i}`]: weights === 'new' ? [last[0], numbers(last[1].length, () => 0)] : last,
        } as Readonly<Record<string, Stored>>,
      };
    },
  );
  const own: Faces = {
    inputs: [['h', [1, 2, 's', 3]], ...of.flatMap((layer) => layer.inputs).filter(([name], i, all) => all.findIndex(([own]) => own === name) === i)],
    outputs: [['y', [1, 2, 's', 3]], ...of.flatMap((layer) => layer.outputs)],
    lines: ['Identity(h) -> h0', ...of.flatMap((layer) => layer.lines), `Neg(h${layers.length}) -> y`],
    stored: Object.assign({}, ...of.map((layer) => layer.stored)),
  };
  return model({ ...own, ...change(own) });
}
const [ZERO, ONE]: readonly [Layer, Layer] = [
  { number: 0, weights: 0 },
  { number: 1, weights: 1 },
];
const WIDER = [0, 1, 2, 3, -1];
const FRONT = [-1, 0, 1, 2, 3];
const moved = (list: readonly Face[], from: number, to: number): readonly Face[] => {
  const rest = list.filter((_, i) => i !== from);
  return [...rest.slice(0, to), ...list.slice(from, from + 1), ...rest.slice(to)];
};

type Caches = readonly [what: string, proved: boolean, layers: readonly Layer[], change?: (own: Faces) => Partial<Faces>];
const CACHES: readonly Caches[] = [
  ['the same', true, [ZERO, ONE]],
  ['wider by zeros', true, [ZERO, { ...ONE, at: WIDER, added: [0, 0.5, 0] }]],
  ['wider in front', true, [ZERO, { ...ONE, at: FRONT, added: [0, 0.5, 0] }]],
  ['wider between', true, [{ ...ZERO, at: [0, 1, -1, 2, 3], added: [0, 0.5, 0] }, ONE]],
  ['both wider', true, [ZERO, ONE].map((own) => ({ ...own, at: WIDER, added: [0.5, 0, 0] as const }))],
  ['wider by numbers that no query sees', true, [ZERO, { ...ONE, at: WIDER, added: [0.5, 0, 0] }]],
  ['wider by numbers', false, [ZERO, { ...ONE, at: WIDER, added: [0.5, 0.5, 0] }]],
  ['wider by values that are read', false, [ZERO, { ...ONE, at: WIDER, added: [0.5, 0, 0.5] }]],
  ['keys in another order', false, [ZERO, { ...ONE, at: [1, 0, 2, 3] }]],
  ['narrower', false, [ZERO, { ...ONE, at: [0, 1, 2] }]],
  ['a new layer behind', true, [ZERO, ONE, { number: 2, weights: 'new' }]],
  ['a new layer between', true, [ZERO, { number: 1, weights: 'new' }, { number: 2, weights: 1 }]],
  [
    'a new layer in front',
    true,
    [
      { number: 0, weights: 'new' },
      { number: 1, weights: 0 },
      { number: 2, weights: 1 },
    ],
  ],
  ['a new layer between, wider', true, [ZERO, { number: 1, weights: 'new', at: [0, 1] }, { number: 2, weights: 1, at: WIDER, added: [0, 0.5, 0] }]],
  ['a new layer of another number', true, [ZERO, { number: 7, weights: 'new' }, ONE]],
  ['a new layer with a name of its own', false, [ZERO, { number: 1, weights: 'new', past: 'extra', present: 'more' }, ONE]],
  ['a new layer with an input of its own name', false, [ZERO, { number: 7, weights: 'new', past: 'extra' }, ONE]],
  ['a new layer with an output of its own name', false, [ZERO, { number: 7, weights: 'new', present: 'more' }, ONE]],
  [
    'two layers exchanged',
    false,
    [
      { number: 0, weights: 1 },
      { number: 1, weights: 0 },
    ],
  ],
  [
    'caches exchanged',
    false,
    [
      { ...ZERO, past: 'past.1.key', present: 'present.1.key' },
      { ...ONE, past: 'past.0.key', present: 'present.0.key' },
    ],
  ],
  [
    'pasts exchanged',
    false,
    [
      { ...ZERO, past: 'past.1.key' },
      { ...ONE, past: 'past.0.key' },
    ],
  ],
  [
    'presents exchanged',
    false,
    [
      { ...ZERO, present: 'present.1.key' },
      { ...ONE, present: 'present.0.key' },
    ],
  ],
  [
    'caches exchanged, with a new layer',
    false,
    [
      { ...ZERO, past: 'past.1.key', present: 'present.1.key' },
      { ...ONE, past: 'past.0.key', present: 'present.0.key' },
      { number: 2, weights: 'new' },
    ],
  ],
  [
    'presents exchanged, with a new layer',
    false,
    [
      { ...ZERO, present: 'present.1.key' },
      { ...ONE, present: 'present.0.key' },
      { number: 2, weights: 'new' },
    ],
  ],
  [
    'the new layer has the number of an old one, which moved in front',
    false,
    [
      { number: 1, weights: 0 },
      { number: 0, weights: 1 },
      { number: 2, weights: 'new' },
    ],
  ],
  ['caches are called otherwise', false, [{ ...ZERO, past: 'old', present: 'now' }, ONE]],
  ['a cache is shared with a new layer', false, [ZERO, { number: 1, weights: 'new', past: 'past.0.key' }, { number: 2, weights: 1 }]],
  ['a cache is no output', false, [ZERO, ONE], ({ outputs }) => ({ outputs: outputs.slice(0, 2) })],
  ['outputs in another order', false, [ZERO, ONE], ({ outputs }) => ({ outputs: moved(outputs, 2, 1) })],
  ['inputs in another order', true, [ZERO, ONE], ({ inputs }) => ({ inputs: moved(inputs, 2, 0) })],
  [
    'a new layer whose present stands in front',
    true,
    [ZERO, { number: 1, weights: 'new' }, { number: 2, weights: 1 }],
    ({ outputs }) => ({ outputs: moved(outputs, 2, 0) }),
  ],
  [
    'a new layer, and old presents in another order',
    false,
    [ZERO, { number: 1, weights: 'new' }, { number: 2, weights: 1 }],
    ({ outputs }) => ({ outputs: moved(outputs, 3, 1) }),
  ],
  ['a new layer of another type of cache', false, [ZERO, ONE, { number: 2, weights: 'new', type: DOUBLE }]],
  ['an old cache of another type', false, [ZERO, { ...ONE, type: DOUBLE }]],
];

describe('caches', () => {
  const old = layered([ZERO, ONE]);
  test.each(CACHES.map(([what, proved, layers, change]) => [what, proved, layered(layers, change)] as const))('%s', (_, proved, now) => {
    expect(saidOf(old, now)[0]).toBe(proved ? 'proved' : 'not proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('caches whose sizes have no names', () => {
  const bare = (layers: readonly Layer[]): Model =>
    layered(layers, ({ inputs, outputs }) => ({
      inputs: inputs.map(
        ([name, dims, type]): Face => [name, dims?.map((size) => (typeof size === 'string' && name !== 'h' ? null : size)) ?? null, type ?? FLOAT],
      ),
      outputs: outputs.map(([name, , type]): Face => [name, null, type ?? FLOAT]),
    }));
  const NEW: Layer = { number: 1, weights: 'new' };
  test.each<readonly [what: string, proved: boolean, layers: readonly Layer[]]>([
    ['the same', true, [ZERO, ONE]],
    ['wider by zeros', true, [ZERO, { ...ONE, at: WIDER, added: [0, 0.5, 0] }]],
    ['a new layer between', true, [ZERO, NEW, { number: 2, weights: 1 }]],
    ['a new layer behind', true, [ZERO, ONE, { number: 2, weights: 'new' }]],
    [
      'two layers exchanged',
      false,
      [
        { number: 0, weights: 1 },
        { number: 1, weights: 0 },
      ],
    ],
    ['caches are called otherwise', false, [{ ...ZERO, past: 'old', present: 'now' }, ONE]],
    ['a new layer, and a cache that is called otherwise', false, [{ ...ZERO, past: 'old', present: 'now' }, NEW, { number: 2, weights: 1 }]],
    ['a new layer, and a present that is called otherwise', false, [{ ...ZERO, present: 'now.0' }, NEW, { number: 2, weights: 1 }]],
  ])('%s', (_, proved, layers) => {
    expect(saidOf(bare([ZERO, ONE]), bare(layers))[0]).toBe(proved ? 'proved' : 'not proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('inputs that are multiplied', () => {
  /** Queries of x and keys that are an input, which may be wider. */
  const scores = (rank: number, width: number, op = 'MatMul', added = 0): Model =>
    model({
      inputs: [
        ['x', rank === 2 ? ['n', 3] : [...(rank === 3 ? [] : [2]), 2, 'n', 3]],
        ['k', rank === 2 ? ['m', width] : [...(rank === 3 ? [] : [2]), 2, 'm', width]],
      ],
      outputs: [['y', null]],
      lines: [
        `MatMul(x, w) -> q`,
        `Transpose(k) perm=[${[...Array.from({ length: rank - 2 }, (_, i) => i), rank - 1, rank - 2].join()}] -> t`,
        op === 'MatMul' ? 'MatMul(q, t) -> y' : 'ReduceSum(t) keepdims=0 -> s;ReduceSum(q) keepdims=0 -> r;Add(r, s) -> y',
      ].flatMap((line) => line.split(';')),
      stored: { w: [[3, width], numbers(3 * width, (i) => (i % width < 3 ? 1 + Math.floor(i / width) + (i % width) / 4 : added))] },
    });
  test.each<readonly [what: string, proved: boolean, old: Model, now: Model]>([
    ['the same', true, scores(3, 3), scores(3, 3)],
    ['wider keys, as of an encoder', true, scores(3, 3), scores(3, 4)],
    ['wider keys of heads', true, scores(4, 3), scores(4, 4)],
    // supposed to be zeros
    ['wider keys that are read', true, scores(4, 3), scores(4, 4, 'MatMul', 0.5)],
    ['a wider matrix', false, scores(2, 3), scores(2, 4)],
    ['what is no key', false, scores(3, 3, 'Add'), scores(3, 4, 'Add')],
  ])('%s', (_, proved, old, now) => {
    expect([saidOf(old, now)[0], saidOf(now, now)[0]]).toEqual([proved ? 'proved' : 'not proved', 'proved']);
    expect(allSaid()).toMatchSnapshot();
  });
});
