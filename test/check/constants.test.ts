import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { node, smallModel } from '../support/small-graph.ts';

type Numbers = readonly [name: string, dims: readonly number[], values: readonly number[], type?: number];

/** A graph of matrices `x`, with constants. */
function model(nodes: readonly Node[], ...constants: readonly Numbers[]): Model {
  const made = smallModel(nodes, ['y'], [], 2);
  const initializers = constants.map(([name, dims, values, type = DataType.FLOAT]) => tensorFromNumbers(name, type, dims, values));
  return { ...made, graph: { ...made.graph, initializers } };
}
const int = (name: string, value: number): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name, kind: 'int', value }] });
const ints = (name: string, dims: readonly number[]): Numbers => [name, [dims.length], dims, DataType.INT64];
const proved = (old: Model, now: Model): boolean => checkModels(old, now).proved;

test('products of constants are constants: angles of frequencies and positions', () => {
  const angles = (frequency: number): Model =>
    model(
      [node('MatMul', ['frequencies', 'positions'], ['angles']), node('Add', ['x', 'angles'], ['y'])],
      ['frequencies', [2, 1], [1, frequency]],
      ['positions', [1, 3], [0, 1, 2]],
    );
  const stored = model([node('Add', ['x', 'angles'], ['y'])], ['angles', [2, 3], [0, 1, 2, 0, 0.5, 1]]);
  expect(proved(stored, angles(0.5))).toBe(true);
  expect(proved(stored, angles(0.25))).toBe(false);
});

test('a stretched vector that grew holds the old one, whatever dimensions of size 1 it has', () => {
  const rows = ints('rows', [-1, 3]);
  const old = model(
    [node('Reshape', ['x', 'rows'], ['x3']), node('Expand', ['c', 'one'], ['first']), node('Concat', ['first', 'x3'], ['y'], int('axis', 0))],
    rows,
    ints('one', [1, 1]),
    ['c', [3], [1, 2, 3]],
  );
  const grown = (...c: readonly number[]): Model =>
    model(
      [
        node('Reshape', ['x', 'rows'], ['x3']),
        node('Mul', ['x3', 'zero'], ['z3']),
        node('Concat', ['x3', 'z3'], ['x6'], int('axis', 1)),
        node('Expand', ['c', 'one'], ['first']),
        node('Concat', ['first', 'x6'], ['all'], int('axis', 0)),
        node('Slice', ['all', 'from', 'to', 'along'], ['y']),
      ],
      rows,
      ints('one', [1, 1]),
      ints('from', [0]),
      ints('to', [3]),
      ints('along', [1]),
      ['zero', [], [0]],
      ['c', [6], c],
    );
  expect(proved(old, grown(1, 2, 3, 4, 5, 6))).toBe(true);
  expect(proved(old, grown(1, 2, 3.5, 4, 5, 6))).toBe(false);
  expect(proved(old, grown(4, 5, 6, 1, 2, 3))).toBe(false);
});

test('behind heads that grew, [n, m] is read as [m, n] in the same way', () => {
  const sizes = (heads: number, order: readonly string[]): readonly Node[] => [
    node('Shape', ['x'], ['shape']),
    node('Slice', ['shape', 'zero', 'one'], ['n']),
    node('Slice', ['shape', 'one', 'two'], ['m']),
    node('Concat', [`${heads}`, ...order], ['wanted'], int('axis', 0)),
  ];
  const read = (gains: readonly number[], ...order: readonly string[]): Model =>
    model(
      [
        ...sizes(gains.length, order),
        node('Mul', ['x', 'gains'], ['all']),
        node('Reshape', ['all', 'wanted'], ['read']),
        node('ReduceSum', ['read', 'zero'], ['y'], int('keepdims', 0)),
      ],
      ['gains', [gains.length, 1, 1], gains],
      ...[0, 1, 2, 3].map((value) => ints(['zero', 'one', 'two', '3'][value] ?? '', [value])),
      ...[ints('2', [2])],
    );
  const old = read([1, 2], 'm', 'n');
  expect(proved(old, read([1, 2, 0], 'm', 'n'))).toBe(true);
  expect(proved(old, read([1, 2, 0.5], 'm', 'n'))).toBe(false);
  expect(proved(old, read([1, 2, 0], 'n', 'm'))).toBe(false);
});
