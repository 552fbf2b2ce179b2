import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { node, smallModel } from '../support/small-graph.ts';

const NUMBERS: readonly (readonly [string, number])[] = [
  ['zero', 0],
  ['one', 1],
  ['two', 2],
  ['three', 3],
  ['5/3', Math.fround(5 / 3)],
];

/** A graph of rows of three elements `x3`. */
function model(nodes: readonly Node[], ...more: readonly (readonly [string, readonly number[], readonly number[]])[]): Model {
  const made = smallModel([node('Reshape', ['x', 'rows'], ['x3']), ...nodes]);
  const initializers = [
    tensorFromNumbers('rows', DataType.INT64, [2], [-1, 3]),
    ...NUMBERS.map(([name, value]) => tensorFromNumbers(name, DataType.FLOAT, [], [value])),
    ...more.map(([name, dims, values]) => tensorFromNumbers(name, DataType.FLOAT, dims, values)),
  ];
  return { ...made, graph: { ...made.graph, initializers } };
}

const proved = (old: Model, now: Model): boolean => checkModels(old, now).proved;
const axis = (value: number): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name: 'axis', kind: 'int', value }] });
const over = (...axes: readonly number[]): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name: 'axes', kind: 'ints', value: axes }] });
const mean = (from: string, to: string, ...axes: readonly number[]): Node => node('ReduceMean', [from], [to], over(...axes));

test('what is added twice is doubled', () => {
  const twice = model([node('Add', ['x3', 'x3'], ['y'])]);
  expect(proved(twice, model([node('Mul', ['x3', 'two'], ['y'])]))).toBe(true);
  expect(proved(twice, model([node('Mul', ['x3', 'three'], ['y'])]))).toBe(false);
});

test('Clip from 0 on is Relu, between 0 and 1 it is not', () => {
  const relu = model([node('Relu', ['x3'], ['y'])]);
  expect(proved(relu, model([node('Clip', ['x3', 'zero'], ['y'])]))).toBe(true);
  expect(proved(relu, model([node('Clip', ['x3', 'zero', 'one'], ['y'])]))).toBe(false);
  expect(proved(relu, model([node('Clip', ['x3', 'one'], ['y'])]))).toBe(false);
});

describe('means over more elements', () => {
  const zeros = [node('Mul', ['x3', 'zero'], ['z3']), node('Concat', ['x3', 'z2'], ['x5'], axis(1))];
  const cut = node('Slice', ['z3', 'from', 'to', 'along'], ['z2']);
  const wide = (...nodes: readonly Node[]): Model => {
    const made = model([...zeros.slice(0, 1), cut, ...zeros.slice(1), ...nodes]);
    const ints = (['from', 'to', 'along'] as const).map((name, i) => tensorFromNumbers(name, DataType.INT64, [1], [[0, 2, 1][i] ?? 0]));
    return { ...made, graph: { ...made.graph, initializers: [...made.graph.initializers, ...ints] } };
  };

  test('over zeros, and over as many rows as the input has', () => {
    const old = model([mean('x3', 'y', 0, 1)]);
    expect(proved(old, wide(mean('x5', 'm', 0, 1), node('Mul', ['m', '5/3'], ['y'])))).toBe(true);
    expect(proved(old, wide(mean('x5', 'y', 0, 1)))).toBe(false);
    expect(proved(old, wide(mean('x5', 'm', 0, 1), node('Mul', ['m', 'zero'], ['y'])))).toBe(false);
    const nothing = model([node('Mul', ['x3', 'zero'], ['z']), mean('z', 'y', 0, 1)]);
    expect(proved(nothing, wide(mean('x5', 'y', 0, 1)))).toBe(false);
  });

  const variance = (x: string, to: string): readonly Node[] => [
    node('Mul', [x, x], ['square']),
    mean('square', 'squares', 1),
    mean(x, 'centre', 1),
    node('Mul', ['centre', 'centre'], ['squared']),
    node('Sub', ['squares', 'squared'], [to]),
  ];
  const withMeans = (factor: string, ...tail: readonly string[]): Model =>
    model([
      mean('x3', 'm', 1),
      node('Add', ['m', 'one'], ['other']),
      node('Concat', ['x3', ...tail], ['x5'], axis(1)),
      ...variance('x5', 'v'),
      node('Mul', ['v', factor], ['y']),
    ]);

  test('E[x²] − E[x]² over means is n/n̂ times what it was', () => {
    const old = model(variance('x3', 'y'));
    expect(proved(old, withMeans('5/3', 'm', 'm'))).toBe(true);
    expect(proved(old, withMeans('two', 'm', 'm'))).toBe(false);
    expect(proved(old, withMeans('5/3', 'm', 'other'))).toBe(false);
    expect(proved(old, withMeans('5/3', 'm'))).toBe(false);
  });
});

describe.each(['torchscript_norm_fast', 'torchscript_norm_std'])('%s', (name) => {
  const old = readModel(`fixtures/${name}.onnx`);
  const grown = reread(grownBy(old, ['hidden=+16']).model);
  const edited = (fits: (dims: readonly number[], first: number) => boolean, change: (numbers: Float64Array) => void): Model => {
    let found = false;
    const initializers = grown.graph.initializers.map((tensor) => {
      if (found || tensor.dataType !== DataType.FLOAT || !fits(tensor.dims, readNumbers(tensor)[0] ?? 0)) return tensor;
      found = true;
      const numbers = readNumbers(tensor);
      change(numbers);
      return tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers);
    });
    expect(found).toBe(true);
    return { ...grown, graph: { ...grown.graph, initializers } };
  };

  test('is proved', () => expect(checkModels(old, grown).findings).toEqual([]));

  test('no other factor of a gain, and no other tail of an embedding', () => {
    const hidden = name === 'torchscript_norm_fast' ? 56 : 52;
    const gains = edited(
      (dims) => dims.length === 1 && dims[0] === hidden,
      (numbers) => numbers.set(numbers.map((x) => Math.fround(x * 1.00001))),
    );
    expect(proved(old, gains)).toBe(false);
    const tail = edited(
      (dims) => dims.length === 2 && dims[1] === hidden,
      (numbers) => numbers.fill(0.25, hidden - 1, hidden),
    );
    expect(proved(old, tail)).toBe(false);
  });
});
