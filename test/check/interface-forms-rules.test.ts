/** Outputs that are numbered by layers, versions of a file and of its functions, sizes that inputs must have, and wider inputs that nothing hands on. */
import { describe, expect, test } from 'vitest';
import { DataType, type FunctionDef, type Model } from '../../src/onnx/ir.ts';
import { node } from '../support/small-graph.ts';
import { allSaid, saidOf } from '../support/told.ts';
import { numbers, type Stored, type Typed, typed } from '../support/typed-graph.ts';

const isProved = (old: Model, now: Model): boolean => saidOf(old, now)[0] === 'proved';
const square = (seed: number): Stored => [[3, 3], numbers(9, (i) => Math.round(64 * Math.sin(seed + 2 * i)) / 64)];
const ZEROS: Stored = [[3, 3], numbers(9, () => 0)];

/** A layer whose result is an output: its weights, and the numbers in the output's name. */
type Layer = readonly [weights: number | 'new' | 'first new', name: string];

/** Layers of h + tanh(h · w), and outputs beside; a new layer adds nothing, or stands in front of what the old ones read. */
function layered(layers: readonly Layer[], outputs?: readonly string[], twin = 't.9'): Model {
  const lines = layers.flatMap(([weights, name], i) => {
    const input = i === 0 ? 'x' : `s${i - 1}`;
    if (weights === 'first new') return [`Neg(${input}) -> n${i}`, `Neg(n${i}) -> s${i}`, `Sin(s${i}) -> ${name}`];
    return [
      `MatMul(${input}, w${weights === 'new' ? 'z' : weights}) -> m${i}`,
      `Tanh(m${i}) -> a${i}`,
      `Add(${input}, a${i}) -> s${i}`,
      `Relu(s${i}) -> ${name}`,
    ];
  });
  const used = new Set(layers.map(([weights]) => weights));
  const first = layers.findIndex(([weights]) => weights === 0);
  const made = typed({
    inputs: { x: ['n', 3] },
    lines: [...lines, `Relu(s${first}) -> ${twin}`, `Neg(s${layers.length - 1}) -> y`],
    stored: Object.fromEntries(
      [0, 1, 2, 'new' as const].flatMap((own) => (used.has(own) ? [[`w${own === 'new' ? 'z' : own}`, own === 'new' ? ZEROS : square(own)]] : [])),
    ),
  });
  const names = outputs ?? ['y', ...layers.map(([, name]) => name), twin];
  return { ...made, graph: { ...made.graph, outputs: names.map((name) => ({ name, type: { elemType: DataType.FLOAT, dims: null } })) } };
}
const THREE: readonly Layer[] = [
  [0, 'h.0'],
  [1, 'h.1'],
  [2, 'h.2'],
];
type Numbered = readonly [what: string, proved: boolean, layers: readonly Layer[], outputs?: readonly string[]];
const NUMBERED: readonly Numbered[] = [
  ['the same', true, THREE],
  ['a new layer behind', true, [...THREE, ['new', 'h.3']]],
  [
    'a new layer between',
    true,
    [
      [0, 'h.0'],
      ['new', 'h.1'],
      [1, 'h.2'],
      [2, 'h.3'],
    ],
  ],
  [
    'a new layer in front',
    true,
    [
      ['first new', 'h.0'],
      [0, 'h.1'],
      [1, 'h.2'],
      [2, 'h.3'],
    ],
  ],
  [
    'numbers of two digits',
    true,
    [
      ['first new', 'h.8'],
      [0, 'h.9'],
      [1, 'h.10'],
      [2, 'h.11'],
    ],
  ],
  [
    'two new layers',
    true,
    [
      ['first new', 'h.0'],
      [0, 'h.1'],
      [1, 'h.2'],
      ['new', 'h.3'],
      [2, 'h.4'],
    ],
  ],
  [
    'a new layer, and the last two exchanged',
    false,
    [
      [0, 'h.0'],
      [1, 'h.2'],
      [2, 'h.1'],
      ['first new', 'h.3'],
    ],
  ],
  [
    'a new layer in front, and all others exchanged',
    false,
    [
      ['first new', 'h.0'],
      [0, 'h.3'],
      [1, 'h.2'],
      [2, 'h.1'],
    ],
  ],
  [
    'the last two exchanged',
    false,
    [
      [0, 'h.0'],
      [1, 'h.2'],
      [2, 'h.1'],
    ],
  ],
  [
    'a new layer, and one of another name',
    false,
    [
      ['first new', 'h.0'],
      [0, 'h.1'],
      [1, 'k.2'],
      [2, 'h.3'],
    ],
  ],
  ['a new layer that is no output', true, [['first new', 'none'], ...THREE], ['y', 'h.0', 'h.1', 'h.2', 't.9']],
  ['a new layer that is another output', false, [['first new', 'none'], ...THREE], ['y', 'h.0', 'h.1', 'h.2', 't.9', 'none']],
  ['a new layer whose output stands in front', true, [...THREE, ['new', 'h.3']], ['h.3', 'y', 'h.0', 'h.1', 'h.2', 't.9']],
  ['a new layer, and outputs in another order', false, [...THREE, ['new', 'h.3']], ['y', 'h.1', 'h.0', 'h.2', 't.9', 'h.3']],
  ['one is missing', false, [...THREE, ['new', 'h.3']], ['y', 'h.0', 'h.2', 'h.3', 't.9', 'a3']],
];
describe('outputs that are numbered', () => {
  test.each(NUMBERED.map(([what, proved, layers, outputs]) => ({ what, proved, layers, outputs })))('$what', ({ proved, layers, outputs }) => {
    expect(isProved(layered(THREE), layered(layers, outputs))).toBe(proved);
    expect(allSaid()).toMatchSnapshot();
  });
  test('one that is equal to another, whose name has another number', () => {
    const old = layered(THREE, ['y', 'h.0', 'h.1', 'h.2', 't.0'], 't.0');
    const front: readonly Layer[] = [
      ['first new', 'h.0'],
      [0, 'h.1'],
      [1, 'h.2'],
      [2, 'h.3'],
    ];
    const names = ['y', 'h.0', 'h.1', 'h.2', 'h.3'];
    expect(isProved(old, layered(front, [...names, 't.1'], 't.1'))).toBe(true);
    // names that the old layer shares with the new one
    expect(isProved(old, layered(front, [...names, 't.0'], 't.0'))).toBe(false);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('versions', () => {
  const GRAPH: Typed = { lines: ['Relu(x) -> r', 'Neg(r) -> y'] };
  const of = (change: (model: Model) => Partial<Model>): Model => {
    const made = typed(GRAPH);
    return { ...made, ...change(made) };
  };
  const opsets = (...list: readonly (readonly [domain: string, version: number])[]): Model =>
    of(() => ({ opsetImports: list.map(([domain, version]) => ({ domain, version })) }));
  const body = (op: string, version = 15): FunctionDef => ({
    name: 'twice',
    domain: 'local',
    overload: '',
    inputs: ['a'],
    outputs: ['b'],
    attributes: [],
    attributeDefaults: [],
    nodes: [node(op, ['a'], ['b'])],
    opsetImports: [{ domain: '', version }],
  });
  const calling = (functions: readonly FunctionDef[], name = 'twice'): Model =>
    of((model) => ({
      functions,
      opsetImports: [...model.opsetImports, { domain: 'local', version: 1 }],
      graph: { ...model.graph, nodes: [node('Relu', ['x'], ['r']), node(name, ['r'], ['y'], { domain: 'local' })] },
    }));
  test.each<readonly [what: string, proved: boolean, old: Model, now: Model]>([
    ['the same', true, of(() => ({})), of(() => ({}))],
    ['of the format', false, of(() => ({})), of(() => ({ irVersion: 9 }))],
    ['of the operators', false, opsets(['', 21]), opsets(['', 20])],
    ['of the operators, by their long name', true, opsets(['', 21]), opsets(['ai.onnx', 21])],
    ['of the operators, by their long name and another', false, opsets(['ai.onnx', 21]), opsets(['ai.onnx', 20])],
    ['of another domain', false, opsets(['', 21], ['com.microsoft', 1]), opsets(['', 21], ['com.microsoft', 2])],
    ['of another domain, and the operators', false, opsets(['', 21], ['com.microsoft', 1]), opsets(['', 20], ['com.microsoft', 2])],
    ['a domain more', true, opsets(['', 21]), opsets(['', 21], ['com.microsoft', 1])],
    ['a domain less', true, opsets(['', 21], ['com.microsoft', 1]), opsets(['', 21])],
    ['none', false, opsets(['', 21]), opsets()],
    ['of a function, the same', true, calling([body('Neg')]), calling([body('Neg')])],
    ['of a function, another operator', false, calling([body('Neg')]), calling([body('Abs')])],
    ['of a function, another version', false, calling([body('Neg')]), calling([body('Neg', 14)])],
    ['of one of two functions', false, calling([body('Neg'), { ...body('Abs'), name: 'other' }]), calling([body('Neg'), { ...body('Exp'), name: 'other' }])],
    ['of a function that is new', true, calling([body('Neg')]), calling([body('Neg'), { ...body('Exp'), name: 'other' }])],
    ['of a function of another domain', true, calling([body('Neg')]), calling([body('Neg'), { ...body('Exp'), domain: 'else' }])],
    ['of another form of a function', true, calling([body('Neg')]), calling([body('Neg'), { ...body('Exp'), overload: 'second' }])],
  ])('%s', (_, proved, old, now) => {
    expect(isProved(old, now)).toBe(proved);
    expect(allSaid()).toMatchSnapshot();
  });
});

/** Nodes that nothing reads still have to run. */
describe('sizes that inputs must have', () => {
  const of = (dims: readonly (number | string | null)[], dead: readonly string[], stored: Readonly<Record<string, Stored>> = {}): Model => {
    const made = typed({
      inputs: {},
      lines: ['Relu(x) -> r', 'ReduceSum(r, [1]) keepdims=1 -> s', 'Neg(s) -> y', ...dead],
      stored: { k: [[3], [1, 2, 3]], ...stored },
    });
    const type = { elemType: DataType.FLOAT, dims };
    return {
      ...made,
      graph: { ...made.graph, inputs: [{ name: 'x', type }], outputs: [{ name: 'y', type: null }] },
    };
  };
  const WIDE = ['MatMul(x, w) -> d'];
  const W = { w: [[3, 2], numbers(6, (i) => i)] as Stored };
  const V = { w: [[4, 2], numbers(8, (i) => i)] as Stored };
  const HALF = ['Slice(x, [0], [9999], [1], [2]) -> e', 'MatMul(e, w) -> d'];
  test.each<readonly [what: string, proved: boolean, old: Model, now: Model]>([
    ['as before', true, of(['n', 'm'], WIDE, W), of(['n', 'm'], WIDE, W)],
    ['no more', false, of(['n', 'm'], WIDE, W), of(['n', 'm'], [])],
    ['one that is new', false, of(['n', 'm'], []), of(['n', 'm'], WIDE, W)],
    ['another', false, of(['n', 'm'], WIDE, W), of(['n', 'm'], WIDE, V)],
    ['one without a name', false, of(['n', null], []), of(['n', null], WIDE, W)],
    ['one without a name, as before', true, of(['n', null], WIDE, W), of(['n', null], WIDE, W)],
    ['a number', true, of(['n', 3], []), of(['n', 3], WIDE, W)],
    ['a part of one', false, of(['n', 'm'], []), of(['n', 'm'], HALF, W)],
    ['a part of one, as before', true, of(['n', 'm'], HALF, W), of(['n', 'm'], HALF, W)],
    ['sizes that do not fit', false, of(['n', 3], []), of(['n', 3], WIDE, V)],
    ['sizes that did not fit', false, of(['n', 3], WIDE, V), of(['n', 3], WIDE, V)],
  ])('%s', (_, proved, old, now) => {
    expect(isProved(old, now)).toBe(proved);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('an input that is keys, and is handed on by nothing', () => {
  /** Keys of an encoder behind a view: what they hold at new places is supposed. */
  const scores = (width: number, view: string, other = 0, size = width): Model =>
    typed({
      inputs: { x: [2, 'n', 3], k: [2, 5, size] },
      lines: ['MatMul(x, w) -> q', ...view.split(';'), 'Transpose(e) perm=[0,2,1] -> t', 'MatMul(q, t) -> y'],
      stored: { w: [[3, width], numbers(3 * width, (i) => (i % width < 3 ? 1 + Math.floor(i / width) + (i % width) / 4 : other))] },
    });
  const VIEW = 'Unsqueeze(k, [0]) -> u;Squeeze(u, [0]) -> e';
  const ROWS = (width: number): string => `Reshape(k, [10,${width}]) -> u;Reshape(u, [2,5,${width}]) -> e`;
  test.each<readonly [what: string, proved: boolean, old: Model, now: Model]>([
    ['the same', true, scores(3, VIEW), scores(3, VIEW)],
    ['wider', true, scores(3, VIEW), scores(4, VIEW)],
    ['wider, with other numbers beside zeros', true, scores(3, VIEW), scores(5, VIEW, 0.5)],
    ['wider rows', true, scores(3, ROWS(3)), scores(4, ROWS(4), 0.5)],
    [
      'wider, and changed in front',
      false,
      scores(3, 'Abs(k) -> a;Unsqueeze(a, [0]) -> u;Squeeze(u, [0]) -> e'),
      scores(4, 'Abs(k) -> a;Unsqueeze(a, [0]) -> u;Squeeze(u, [0]) -> e'),
    ],
    ['wider, and cut', true, scores(3, VIEW), scores(3, 'Slice(k, [0], [3], [2]) -> e', 0, 4)],
  ])('%s', (_, proved, old, now) => {
    expect(isProved(old, now)).toBe(proved);
    expect(allSaid()).toMatchSnapshot();
  });
});
