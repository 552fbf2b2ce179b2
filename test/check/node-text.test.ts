/** What nodes say besides their operands: texts are equal exactly where the content is. */
import { describe, expect, test } from 'vitest';
import { attributesText, functionText, tensorText } from '../../src/check/node-text.ts';
import type { FlatNode } from '../../src/onnx/graph.ts';
import { type Attribute, DataType, type FunctionDef, type Graph, type Node, type Origin, type Tensor } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { node, smallModel } from '../support/small-graph.ts';

const flat = (...attributes: readonly Attribute[]): FlatNode => {
  const own = node('Op', ['x'], ['y'], { attributes });
  return { op: 'Op', node: own, scope: '', inputs: own.inputs, outputs: own.outputs };
};
const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });
const ints = (name: string, value: readonly number[]): Attribute => ({ name, kind: 'ints', value });
const tensor = (numbers: readonly number[], dataType: number = DataType.FLOAT, dims: readonly number[] = [numbers.length]): Tensor =>
  tensorFromNumbers('t', dataType, dims, numbers);
const held = (value: Tensor): Attribute => ({ name: 't', kind: 'tensor', value });
const bytes = (...numbers: readonly number[]) => ({
  size: numbers.length,
  read: (at: number, length: number) => Uint8Array.from(numbers.slice(at, at + length)),
});
const kept = (...numbers: readonly number[]): Origin => ({ message: bytes(...numbers), decoded: {} });
const body = (change: Partial<Graph> = {}): Attribute => ({
  name: 'body',
  kind: 'graph',
  value: { ...smallModel([node('Relu', ['x'], ['y'])]).graph, initializers: [tensor([1])], ...change },
});
const inBody = (change: Partial<Node>): Attribute => body({ nodes: [node('Relu', ['x'], ['y'], change)] });
const numbers = (count: number, last: number): readonly number[] => Array.from({ length: count }, (_, i) => (i === count - 1 ? last : i % 7));

describe('attributes', () => {
  const one: readonly Attribute[] = [int('a', 1)];
  test.each<readonly [boolean, string, readonly Attribute[], readonly Attribute[]]>([
    [true, 'none', [], []],
    [true, 'the same', one, [int('a', 1)]],
    [true, 'another order', [int('a', 1), int('b', 2)], [int('b', 2), int('a', 1)]],
    [false, 'one more', one, [...one, int('b', 2)]],
    [false, 'another number', one, [int('a', 2)]],
    [false, 'another name', one, [int('b', 1)]],
    [false, 'another kind', one, [{ name: 'a', kind: 'float', value: 1 }]],
    [false, 'a list of one', [int('a', 1)], [ints('a', [1])]],
    [false, 'another order in a list', [ints('a', [1, 2])], [ints('a', [2, 1])]],
    [false, 'a longer list', [ints('a', [1, 2])], [ints('a', [1, 2, 3])]],
    [false, 'numbers that read alike', [ints('a', [1, 23])], [ints('a', [12, 3])]],
    [false, 'names and values exchanged', [int('a', 1), int('b', 2)], [int('a', 2), int('b', 1)]],
    [true, 'the same tensor', [held(tensor([1, 2]))], [held(tensor([1, 2]))]],
    [false, 'another number in a tensor', [held(tensor([1, 2]))], [held(tensor([1, 3]))]],
    [false, 'other dimensions of a tensor', [held(tensor([1, 2]))], [held(tensor([1, 2], DataType.FLOAT, [1, 2]))]],
    [false, 'dimensions that read alike', [held(tensor(numbers(11, 1), DataType.FLOAT, [1, 11]))], [held(tensor(numbers(11, 1), DataType.FLOAT, [11, 1]))]],
    [false, 'another element type', [held(tensor([1], DataType.INT8))], [held(tensor([1], DataType.UINT8))]],
    [
      true,
      'the same bytes that are carried along',
      [{ name: 'o', kind: 'opaque', value: null, origin: kept(1, 2) }],
      [{ name: 'o', kind: 'opaque', value: null, origin: kept(1, 2) }],
    ],
    [
      false,
      'other bytes that are carried along',
      [{ name: 'o', kind: 'opaque', value: null, origin: kept(1, 2) }],
      [{ name: 'o', kind: 'opaque', value: null, origin: kept(1, 3) }],
    ],
    [true, 'the same body', [body()], [body()]],
    [false, 'another operator in a body', [body()], [inBody({ opType: 'Neg' })]],
    [false, 'another domain in a body', [body()], [inBody({ domain: 'other' })]],
    [false, 'another overload in a body', [body()], [inBody({ overload: 'second' })]],
    [true, 'no overload in a body', [body()], [inBody({ overload: '' })]],
    [false, 'another operand in a body', [body()], [inBody({ inputs: ['z'] })]],
    [false, 'another result in a body', [body()], [inBody({ outputs: ['z'] })]],
    [true, 'another name of a node in a body', [body()], [inBody({ name: 'n' })]],
    [true, 'attributes in another order in a body', [inBody({ attributes: [int('a', 1), int('b', 2)] })], [inBody({ attributes: [int('b', 2), int('a', 1)] })]],
    [false, 'other attributes in a body', [inBody({ attributes: one })], [inBody({ attributes: [int('a', 2)] })]],
    [false, 'another number in a body', [body()], [body({ initializers: [tensor([2])] })]],
    [false, 'another name of a constant in a body', [body()], [body({ initializers: [{ ...tensor([1]), name: 'u' }] })]],
    [
      true,
      'constants in another order in a body',
      [body({ initializers: [tensor([1]), { ...tensor([2]), name: 'u' }] })],
      [body({ initializers: [{ ...tensor([2]), name: 'u' }, tensor([1])] })],
    ],
    [false, 'a sparse constant in a body', [body()], [body({ sparseInitializers: [{ name: 's', origin: kept(1) }] })]],
    [
      true,
      'the same sparse constant in a body',
      [body({ sparseInitializers: [{ name: 's', origin: kept(1) }] })],
      [body({ sparseInitializers: [{ name: 's', origin: kept(1) }] })],
    ],
    [false, 'another input of a body', [body()], [body({ inputs: [{ name: 'z', type: null }] })]],
    [false, 'another output of a body', [body()], [body({ outputs: [{ name: 'z', type: null }] })]],
  ])('are the same: %s, with %s', (wanted, _, a, b) => {
    expect(attributesText(flat(...a)) === attributesText(flat(...b))).toBe(wanted);
  });

  test('that are left out do not count', () => {
    const without = new Set(['a', 'c']);
    expect(attributesText(flat(int('a', 1), int('b', 2)), without)).toBe(attributesText(flat(int('b', 2), int('c', 3)), without));
    expect(attributesText(flat(int('b', 2)), without)).not.toBe(attributesText(flat(int('b', 3)), without));
  });
});

describe('tensors', () => {
  test.each([3, 16, 17, 400, 300_000])('of %d numbers are compared to the last one', (count) => {
    expect(tensorText(tensor(numbers(count, 1)))).toBe(tensorText(tensor(numbers(count, 1))));
    expect(tensorText(tensor(numbers(count, 1)))).not.toBe(tensorText(tensor(numbers(count, 2))));
    expect(tensorText(tensor(numbers(count, 1)))).not.toBe(tensorText(tensor([9, ...numbers(count, 1).slice(1)])));
    expect(tensorText(tensor(numbers(count, 1))).length).toBeLessThan(120);
  });

  test('a text does not depend on the pieces in which bytes are read', () => {
    const whole = tensor(numbers(600_000, 1));
    const reads: number[] = [];
    const data = {
      size: whole.data.size,
      read: (at: number, length: number) => {
        reads.push(length);
        return whole.data.read(at, length);
      },
    };
    expect(tensorText({ ...whole, data })).toBe(tensorText(whole));
    expect(reads).toEqual([2 ** 20, 2 ** 20, 2_400_000 - 2 ** 21]);
    tensorText({ ...whole, data: { ...data, size: 2 ** 20 } });
    expect(reads.slice(3)).toEqual([2 ** 20]);
  });

  test('of texts are known by the message that holds them; without one they equal nothing', () => {
    const texts: Tensor = { ...tensor([1]), dataType: DataType.STRING };
    const from = (...numbers: readonly number[]): Tensor => ({ ...texts, origin: kept(...numbers) });
    expect(tensorText(from(1))).toBe(tensorText(from(1)));
    expect(tensorText(from(1))).not.toBe(tensorText(from(2)));
    expect(tensorText(texts)).not.toBe(tensorText(texts));
  });
});

describe('functions', () => {
  const own: FunctionDef = {
    name: 'f',
    domain: 'local',
    overload: '',
    inputs: ['x', 'z'],
    outputs: ['y', 'w'],
    attributes: ['a', 'b'],
    attributeDefaults: [int('c', 1), int('d', 2)],
    nodes: [node('Relu', ['x'], ['y']), node('Neg', ['z'], ['w'])],
    opsetImports: [
      { domain: '', version: 17 },
      { domain: 'other', version: 1 },
    ],
  };
  test.each<readonly [boolean, string, Partial<FunctionDef>]>([
    [true, 'nothing', {}],
    [true, 'another name', { name: 'g' }],
    [false, 'other operands', { inputs: ['z', 'x'] }],
    [false, 'other results', { outputs: ['w', 'y'] }],
    [false, 'another attribute', { attributes: ['a', 'e'] }],
    [false, 'another default', { attributeDefaults: [int('c', 1), int('d', 3)] }],
    [true, 'defaults in another order', { attributeDefaults: [int('d', 2), int('c', 1)] }],
    [false, 'another node', { nodes: [node('Relu', ['x'], ['y']), node('Abs', ['z'], ['w'])] }],
    [
      false,
      'another opset',
      {
        opsetImports: [
          { domain: '', version: 18 },
          { domain: 'other', version: 1 },
        ],
      },
    ],
    [false, 'a domain less', { opsetImports: [{ domain: '', version: 17 }] }],
    [
      true,
      'opsets in another order',
      {
        opsetImports: [
          { domain: 'other', version: 1 },
          { domain: '', version: 17 },
        ],
      },
    ],
  ])('are the same: %s, with %s', (wanted, _, change) => {
    expect(functionText({ ...own, ...change }) === functionText(own)).toBe(wanted);
  });
});
