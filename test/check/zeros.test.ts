import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { node, smallModel } from '../support/small-graph.ts';

type Numbers = readonly [name: string, dims: readonly number[], values: readonly number[], type?: number];

function model(nodes: readonly Node[], ...constants: readonly Numbers[]): Model {
  const made = smallModel(nodes);
  const initializers = constants.map(([name, dims, values, type = DataType.FLOAT]) => tensorFromNumbers(name, type, dims, values));
  return { ...made, graph: { ...made.graph, initializers } };
}
const int = (name: string, value: number): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name, kind: 'int', value }] });
const proved = (old: Model, now: Model): boolean => checkModels(old, now).proved;

/** A model with some numbers of its matrices of the given sizes set. */
function withNumbers(model: Model, dims: readonly number[], change: (numbers: Float64Array) => void): Model {
  const initializers = model.graph.initializers.map((tensor) => {
    if (tensor.dims.join() !== dims.join()) return tensor;
    const numbers = readNumbers(tensor);
    change(numbers);
    return tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers);
  });
  expect(initializers.some((tensor, i) => tensor !== model.graph.initializers[i])).toBe(true);
  return { ...model, graph: { ...model.graph, initializers } };
}

describe('zeros that say where and how many they are', () => {
  const looked = (first: number): Model =>
    model(
      [node('Shape', ['x'], ['n']), node('ConstantOfShape', ['n'], ['ids'], zero), node('Gather', ['table', 'ids'], ['y'])],
      ['table', [2, 3], [first, 2, 3, 4, 5, 6]],
    );
  const zero = { attributes: [{ name: 'value', kind: 'tensor', value: tensorFromNumbers('', DataType.INT64, [1], [0]) } as Attribute] };

  test('rows that zeros look up are the first row of the table', () => {
    expect(proved(looked(1), looked(1))).toBe(true);
    expect(proved(looked(1), looked(1.5))).toBe(false);
  });

  const joined = (...parts: readonly string[]): Model => model([node('Concat', parts, ['y'], int('axis', 0))], ['none', [3], [0, 0, 0]]);
  test('zeros that the old graph joins on stay there', () => {
    expect(proved(joined('x', 'none'), joined('x', 'none'))).toBe(true);
    expect(proved(joined('x', 'none'), joined('none', 'x'))).toBe(false);
    expect(proved(joined('x', 'none'), joined('x'))).toBe(false);
  });

  test('what the old graph joins on is not new, whatever it is', () => {
    const old = model([node('RandomNormalLike', ['x'], ['r']), node('Concat', ['x', 'r'], ['y'], int('axis', 0))]);
    expect(proved(old, model([node('Identity', ['x'], ['y'])]))).toBe(false);
  });

  const convolved = (weight: number, bias: number): Model =>
    model(
      [node('Mul', ['x', 'zero'], ['z']), node('Reshape', ['z', 'sizes'], ['image']), node('Conv', ['image', 'w', 'b'], ['y'])],
      ['zero', [], [0]],
      ['sizes', [3], [-1, 2, 3], DataType.INT64],
      ['w', [2, 2, 1], [weight, 2, 3, 4]],
      ['b', [2], [bias, 6]],
    );
  test('a convolution of zeros is its bias, whatever its weights', () => {
    expect(proved(convolved(1, 5), convolved(7, 5))).toBe(true);
    expect(proved(convolved(1, 5), convolved(1, 5.5))).toBe(false);
  });
});

describe('zeros of some of the packed queries, keys and values', () => {
  test('keys are zero where queries and values are not (3, heads, width)', () => {
    const old = readModel('fixtures/torchscript_encoder_pre.onnx');
    const grown = reread(grownBy(old, ['heads=x1.000001', 'v=+4', 'qk=+4', 'hidden=+16']).model);
    expect(checkModels(old, grown).findings).toEqual([]);
    // the first new width of the first key, in the row of the first channel
    const faulty = withNumbers(grown, [64, 240], (numbers) => numbers.fill(0.5, 80 + 12, 80 + 13));
    expect(proved(old, faulty)).toBe(false);
  });

  test('a rotation mixes pairs: zeros of one half of the keys and the other half of the queries are not enough', () => {
    const old = readModel('fixtures/genai_llama_gqa.onnx');
    const grown = reread(grownBy(old, ['v=x2', 'qk=x2']).model);
    expect(checkModels(old, grown).findings).toEqual([]);
    const faulty = withNumbers(grown, [40, 256], (numbers) => {
      // 4 queries and 2 keys of width 32 behind each other; new are 8 to 15 and their partners 24 to 31
      for (let row = 0; row < 40; row++) {
        for (let head = 0; head < 6; head++) numbers.fill(head < 4 ? 0 : 0.01 * (row + 1), row * 256 + head * 32 + 24, row * 256 + head * 32 + 32);
      }
    });
    expect(proved(old, faulty)).toBe(false);
  });
});
