import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { prepare } from '../../src/check/prepare.ts';
import { ANY, NEGATIVE, NULL, POSITIVE, type Signs, signsIn } from '../../src/check/signs.ts';
import { type Attribute, DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { LONG, SEED } from '../support/long.ts';
import { node, smallModel } from '../support/small-graph.ts';

/** Stored operands; x and x2 are inputs of two rows and two columns. */
const STORED: Readonly<Record<string, readonly number[]>> = {
  two: [2],
  none: [0],
  minus: [-3],
  half: [0.5],
  third: [3],
  more: [1, 2],
  mixed: [-1, 2],
  mask: [1, 0],
};
const indices = tensorFromNumbers('indices', DataType.INT64, [1], [1]);
const shape = tensorFromNumbers('shape', DataType.INT64, [2], [2, 2]);

function model(nodes: readonly Node[], outputs: readonly string[]): Model {
  const made = smallModel(nodes, outputs, [], 2);
  const initializers = Object.entries(STORED).map(([name, values]) => tensorFromNumbers(name, DataType.FLOAT, values.length === 1 ? [] : [2], values));
  return { ...made, graph: { ...made.graph, initializers: [...initializers, indices, shape] } };
}
const int = (name: string, value: number): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name, kind: 'int', value }] });
const float = (name: string, value: number): { readonly attributes: readonly Attribute[] } => ({ attributes: [{ name, kind: 'float', value }] });

const AT_LEAST_NULL = NULL | POSITIVE;
const AT_MOST_NULL = NEGATIVE | NULL;

/** Values in front of those that are asked for: one for each set of signs. */
const BEFORE: readonly Node[] = [
  node('Exp', ['x'], ['p']),
  node('Relu', ['x'], ['r']),
  node('Neg', ['p'], ['n']),
  node('Neg', ['r'], ['m']),
  node('Greater', ['x', 'two'], ['g']),
];

describe('signs', () => {
  test.each<[string, readonly string[], Signs, ReturnType<typeof int>?]>([
    ['Identity', ['x'], ANY],
    ['Identity', ['p'], POSITIVE],
    ['Identity', ['two'], POSITIVE],
    ['Identity', ['minus'], NEGATIVE],
    ['Identity', ['none'], NULL],
    ['Identity', ['more'], POSITIVE],
    ['Identity', ['mixed'], NEGATIVE | POSITIVE],
    ['Identity', ['mask'], AT_LEAST_NULL],
    ['Abs', ['x'], AT_LEAST_NULL],
    ['Abs', ['mixed'], POSITIVE],
    ['Add', ['p', 'r'], POSITIVE],
    ['Add', ['r', 'r'], AT_LEAST_NULL],
    ['Add', ['p', 'n'], ANY],
    ['Add', ['n', 'm'], NEGATIVE],
    ['Add', ['n', 'none'], NEGATIVE],
    ['Sum', ['p', 'r', 'r'], POSITIVE],
    ['Sub', ['p', 'm'], POSITIVE],
    ['Sub', ['r', 'r'], ANY],
    ['Sub', ['n', 'p'], NEGATIVE],
    ['Mul', ['x', 'x'], AT_LEAST_NULL],
    ['Mul', ['p', 'n'], NEGATIVE],
    ['Mul', ['n', 'n'], POSITIVE],
    ['Mul', ['x', 'none'], NULL],
    ['Mul', ['x', 'p'], ANY],
    ['Mul', ['r', 'n'], AT_MOST_NULL],
    ['Div', ['p', 'n'], NEGATIVE],
    ['Div', ['r', 'p'], AT_LEAST_NULL],
    ['Div', ['p', 'r'], ANY],
    ['Reciprocal', ['n'], NEGATIVE],
    ['Reciprocal', ['r'], ANY],
    ['Neg', ['p'], NEGATIVE],
    ['Neg', ['r'], AT_MOST_NULL],
    ['Sqrt', ['r'], AT_LEAST_NULL],
    ['Sqrt', ['p'], POSITIVE],
    ['Sqrt', ['x'], ANY],
    ['Pow', ['x', 'two'], AT_LEAST_NULL],
    ['Pow', ['n', 'two'], POSITIVE],
    ['Pow', ['x', 'third'], ANY],
    ['Pow', ['n', 'third'], NEGATIVE],
    ['Pow', ['r', 'half'], AT_LEAST_NULL],
    ['Pow', ['x', 'half'], ANY],
    ['Pow', ['p', 'minus'], POSITIVE],
    ['Pow', ['n', 'minus'], ANY],
    ['Pow', ['p', 'x'], POSITIVE],
    ['Pow', ['r', 'x'], ANY],
    ['Exp', ['x'], POSITIVE],
    ['Sigmoid', ['x'], POSITIVE],
    ['Softplus', ['x'], POSITIVE],
    ['Softmax', ['x'], AT_LEAST_NULL],
    ['Relu', ['x'], AT_LEAST_NULL],
    ['Relu', ['n'], NULL],
    ['Erf', ['p'], POSITIVE],
    ['Tanh', ['m'], AT_MOST_NULL],
    ['Max', ['x', 'two'], POSITIVE],
    ['Max', ['x', 'r'], AT_LEAST_NULL],
    ['Max', ['n', 'minus'], NEGATIVE],
    ['Min', ['p', 'two'], POSITIVE],
    ['Min', ['p', 'n'], NEGATIVE | POSITIVE],
    ['Clip', ['x', 'two'], POSITIVE],
    ['Clip', ['x', 'none'], AT_LEAST_NULL],
    ['Clip', ['x', 'none', 'two'], AT_LEAST_NULL],
    ['Clip', ['x', 'minus'], ANY],
    ['Clip', ['x', 'minus', 'none'], ANY],
    ['Clip', ['p', '', 'minus'], ANY],
    ['Where', ['g', 'p', 'two'], POSITIVE],
    ['Where', ['g', 'p', 'n'], NEGATIVE | POSITIVE],
    ['Concat', ['p', 'n'], NEGATIVE | POSITIVE, int('axis', 0)],
    ['Cast', ['p'], POSITIVE, int('to', DataType.FLOAT)],
    ['Cast', ['g'], AT_LEAST_NULL, int('to', DataType.FLOAT)],
    ['Reshape', ['p', 'shape'], POSITIVE],
    ['Transpose', ['n'], NEGATIVE],
    ['Gather', ['p', 'indices'], POSITIVE],
    ['ReduceSum', ['p'], POSITIVE],
    ['ReduceMean', ['r'], AT_LEAST_NULL],
    ['ReduceMean', ['x'], ANY],
    ['ReduceMax', ['n'], NEGATIVE],
    ['ReduceSumSquare', ['x'], AT_LEAST_NULL],
    ['ReduceSumSquare', ['n'], POSITIVE],
    ['ReduceL1', ['x'], AT_LEAST_NULL],
    ['ReduceL2', ['x'], AT_LEAST_NULL],
    ['MatMul', ['p', 'p'], POSITIVE],
    ['MatMul', ['p', 'n'], NEGATIVE],
    ['MatMul', ['p', 'x'], ANY],
    ['Sin', ['p'], ANY],
  ])('%s of %j', (op, inputs, expected, more = { attributes: [] }) => {
    expect(signsIn(prepare(model([...BEFORE, node(op, inputs, ['y'], more)], ['y'])))('y')).toBe(expected);
  });

  test.each([
    [1, 'one', POSITIVE],
    [1, 'half', ANY],
    [0.5, 'half', POSITIVE],
    [-1, 'two', ANY],
  ])('elu with alpha %f plus %s', (alpha, by, expected) => {
    const number = by === 'one' ? node('Div', ['two', 'two'], ['one']) : node('Identity', ['two'], ['other']);
    const stored = by === 'one' ? [node('Elu', ['x'], ['e'], float('alpha', alpha)), node('Add', ['e', 'unit'], ['y'])] : [];
    const nodes = by === 'one' ? stored : [number, node('Elu', ['x'], ['e'], float('alpha', alpha)), node('Add', [by, 'e'], ['y'])];
    const made = model(nodes, ['y']);
    const unit = tensorFromNumbers('unit', DataType.FLOAT, [], [1]);
    expect(signsIn(prepare({ ...made, graph: { ...made.graph, initializers: [...made.graph.initializers, unit] } }))('y')).toBe(expected);
  });

  /** Random graphs: what the runtime computes has one of the signs that are said of it. */
  const OPS = [
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Neg',
    'Abs',
    'Sqrt',
    'Pow',
    'Exp',
    'Sigmoid',
    'Relu',
    'Tanh',
    'Erf',
    'Max',
    'Min',
    'Softmax',
    'MatMul',
    'Clip',
    'Elu',
    'ReduceMean',
  ];
  const UNARY = new Set(['Neg', 'Abs', 'Sqrt', 'Exp', 'Sigmoid', 'Relu', 'Tanh', 'Erf', 'Softmax', 'Elu', 'ReduceMean']);
  const steps = fc.array(fc.record({ op: fc.constantFrom(...OPS), a: fc.nat(30), b: fc.nat(30) }), { minLength: 1, maxLength: 8 });

  const rows: readonly Attribute[] = [{ name: 'axes', kind: 'ints', value: [0] }];
  const columns: readonly Attribute[] = [{ name: 'axes', kind: 'ints', value: [1] }];
  const mean = (x: string, out: string, attributes: readonly Attribute[] = rows): Node => node('ReduceMean', [x], [out], { attributes });
  /** Squares from one index to `to`, and what is squared from one index to another. */
  const cutRows = (from: string, other: string, to: string): readonly Node[] => [
    node('Mul', ['x', 'x'], ['squares']),
    node('Slice', ['squares', from, 'shape'], ['square']),
    node('Slice', ['x', other, to], ['of']),
  ];
  const cutMeans: readonly Node[] = [mean('square', 'a'), mean('of', 'mean'), node('Mul', ['mean', 'mean'], ['b'])];
  test.each<readonly [what: string, of: readonly Node[], expected: Signs]>([
    ['products', [node('Mul', ['x', 'x'], ['squares']), mean('squares', 'a'), mean('x', 'mean'), node('Mul', ['mean', 'mean'], ['b'])], AT_LEAST_NULL],
    ['powers', [node('Pow', ['x', 'two'], ['squares']), mean('squares', 'a'), mean('x', 'mean'), node('Pow', ['mean', 'two'], ['b'])], AT_LEAST_NULL],
    ['of other axes', [node('Mul', ['x', 'x'], ['squares']), mean('squares', 'a'), mean('x', 'mean', columns), node('Mul', ['mean', 'mean'], ['b'])], ANY],
    [
      'of another value',
      [node('Mul', ['x', 'x'], ['squares']), mean('squares', 'a'), node('Neg', ['p'], ['other']), mean('other', 'mean'), node('Mul', ['mean', 'mean'], ['b'])],
      ANY,
    ],
    ['of sums', [node('Mul', ['x', 'x'], ['squares']), mean('squares', 'a'), node('ReduceSum', ['x'], ['mean']), node('Mul', ['mean', 'mean'], ['b'])], ANY],
    ['of no squares', [node('Mul', ['x', 'p'], ['squares']), mean('squares', 'a'), mean('x', 'mean'), node('Mul', ['mean', 'mean'], ['b'])], ANY],
    ['of the same rows', [...cutRows('indices', 'indices', 'shape'), ...cutMeans], AT_LEAST_NULL],
    ['of one row and of another', [...cutRows('shape', 'indices', 'shape'), ...cutMeans], ANY],
    ['of more rows', [...cutRows('indices', 'indices', 'indices'), ...cutMeans], ANY],
    ['of rows of no square', [node('Mul', ['x', 'p'], ['squares']), ...cutRows('indices', 'indices', 'shape').slice(1), ...cutMeans], ANY],
    ['of rows of squares, and of all', [...cutRows('indices', 'indices', 'shape').slice(0, 2), node('Identity', ['x'], ['of']), ...cutMeans], ANY],
    ['of cubes', [node('Pow', ['x', 'third'], ['squares']), mean('squares', 'a'), mean('x', 'mean'), node('Pow', ['mean', 'third'], ['b'])], ANY],
  ])('of the mean of squares less the square of the mean: %s', (_, of, expected) => {
    const signs = signsIn(prepare(model([...BEFORE, ...of, node('Sub', ['a', 'b'], ['y']), node('Sub', ['b', 'a'], ['z'])], ['y', 'z'])));
    expect([signs('y'), signs('z')]).toEqual([expected, ANY]);
  });

  test(`of what random graphs compute (seed ${SEED})`, async () => {
    let numbers = 0;
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 }), async (list, values) => {
        const names = ['x', 'two', 'none', 'minus', 'half', 'third', 'more', 'mixed', 'mask'];
        const nodes = list.map(({ op, a, b }, i) => {
          const inputs = [names[a % names.length] ?? 'x', names[b % names.length] ?? 'x'];
          const second = op === 'MatMul' ? ['x', 'x'] : op === 'Clip' ? [inputs[0] ?? '', ['two', 'none', 'minus', 'half'][b % 4] ?? ''] : inputs;
          names.push(`v${i}`);
          return node(
            op,
            UNARY.has(op) ? [op === 'Softmax' || op === 'ReduceMean' ? 'x' : (inputs[0] ?? 'x')] : second,
            [`v${i}`],
            op === 'ReduceMean' ? int('keepdims', 1) : {},
          );
        });
        const made = model(
          nodes,
          list.map((_, i) => `v${i}`),
        );
        const signs = signsIn(prepare(made));
        const session = await InferenceSession.create(encodeModel(made), { logSeverityLevel: 4, graphOptimizationLevel: 'disabled' });
        const outputs = await session.run({ x: new Tensor('float32', Float32Array.from(values), [2, 2]) });
        await session.release();
        // what is tiny may be rounded to zero, and what is made of something large is tiny
        const rounds = Object.values(outputs).some(({ data }) =>
          [...(data as Float32Array)].some((y) => !(Math.abs(y) < 15) || (y !== 0 && Math.abs(y) < 1e-6)),
        );
        for (const [name, tensor] of Object.entries(outputs))
          for (const y of tensor.data as Float32Array) {
            // sums of large numbers of both signs and roots of them are none, and powers leave the range
            if (!Number.isFinite(y) || Math.abs(y) > 1e30) continue;
            numbers++;
            const own = y > 0 ? POSITIVE : y < 0 ? NEGATIVE : NULL;
            const said = signs(name);
            expect((said & own) !== 0 || (own === NULL && rounds), `${name}: ${y} of signs ${said}`).toBe(true);
          }
      }),
      { numRuns: LONG ? 5000 : 300, seed: SEED },
    );
    expect(numbers).toBeGreaterThan(1000);
  });
});
