/** Functions replaced by their bodies: onnxruntime computes the same with both. */
import { describe, expect, it } from 'vitest';
import { flatten } from '../../src/onnx/graph.ts';
import { inlineFunctions, whyNotInlined } from '../../src/onnx/inline-functions.ts';
import type { Attribute, FunctionDef, Model, Node } from '../../src/onnx/ir.ts';
import { validateModel } from '../../src/onnx/validate.ts';
import { branch, computed, node, smallModel } from '../support/small-graph.ts';

const call = (opType: string, inputs: readonly string[], outputs: readonly string[], more: Partial<Node> = {}): Node =>
  node(opType, inputs, outputs, { domain: 'local', ...more });
const float = (name: string, value: number): Attribute => ({ name, kind: 'float', value });
const ref = (name: string, value: string): Attribute => ({ name, kind: 'ref', value });
const fn = (name: string, inputs: readonly string[], outputs: readonly string[], nodes: readonly Node[], more: Partial<FunctionDef> = {}): FunctionDef => ({
  domain: 'local',
  name,
  overload: '',
  inputs,
  outputs,
  attributes: [],
  attributeDefaults: [],
  nodes,
  opsetImports: [
    { domain: '', version: 17 },
    { domain: 'local', version: 1 },
  ],
  ...more,
});

const model = (nodes: readonly Node[], functions: readonly FunctionDef[], outputs?: readonly string[]): Model => smallModel(nodes, outputs, functions);

/** y = Elu(x · x) with the exponent's factor given by the caller, 0.5 by default. */
const CURVE = fn(
  'Curve',
  ['x'],
  ['y'],
  [node('Mul', ['x', 'x'], ['t']), node('Sub', ['t', 'x'], ['u']), node('Elu', ['u'], ['y'], { attributes: [ref('alpha', 'a')] })],
  {
    attributeDefaults: [float('a', 0.5)],
  },
);

/** Takes one branch or the other by the sum's sign; both read the function's operand and its attribute. */
const CHOICE = fn(
  'Choice',
  ['x', 'limit'],
  ['y', 'same'],
  [
    node('ReduceSum', ['x'], ['t'], { attributes: [{ name: 'keepdims', kind: 'int', value: 0 }] }),
    node('Less', ['t', 'limit'], ['c']),
    node('If', ['c'], ['z'], {
      attributes: [
        branch('then_branch', [node('LeakyRelu', ['x'], ['t2'], { attributes: [ref('alpha', 'slope')] }), call('Curve', ['t2'], ['end'])], 'end'),
        branch('else_branch', [node('Neg', ['x'], ['end2'])], 'end2'),
      ],
    }),
    call('Curve', ['z'], ['y'], { attributes: [ref('a', 'slope')] }),
  ],
  { attributes: ['slope'] },
);

async function expectSame(own: Model): Promise<Model> {
  const inlined = inlineFunctions(own);
  expect(inlined.functions).toEqual([]);
  expect(validateModel(inlined)).toEqual([]);
  for (const x of [
    [1, -2, 0.5],
    [-3, 0.25, -1, 2],
  ])
    expect(await computed(inlined, x)).toEqual(await computed(own, x));
  return inlined;
}

describe('functions of a model', () => {
  it('are replaced by their bodies under the names of the calls', async () => {
    const inlined = await expectSame(
      model([call('Curve', ['x'], ['m'], { name: 'first' }), call('Curve', ['m'], ['y'], { attributes: [float('a', 2)] })], [CURVE]),
    );
    expect(inlined.graph.nodes.map((own) => own.name)).toEqual(['first/Mul', 'first/Sub', 'first/Elu', 'Curve/Mul', 'Curve/Sub', 'Curve/Elu']);
    expect(inlined.graph.nodes.map((own) => own.outputs[0])).toEqual(['first/t', 'first/u', 'm', 'Curve/t', 'Curve/u', 'y']);
    expect(inlined.opsetImports).toEqual([{ domain: '', version: 17 }]);
  });

  it('hold branches, attributes of the caller and calls of other functions', async () => {
    const limit = node('Constant', [], ['limit'], { attributes: [float('value_float', 0.1)] });
    await expectSame(
      model(
        [
          limit,
          call('Choice', ['x', 'limit'], ['m'], { attributes: [float('slope', 0.3)] }),
          call('Choice', ['m', 'limit'], ['y'], { attributes: [float('slope', 0.7)] }),
        ],
        [{ ...CHOICE, outputs: ['y'] }, CURVE],
      ),
    );
  });

  it('return an operand, a value twice, and nothing where nobody reads', async () => {
    const pass = fn('Pass', ['x'], ['x', 'y', 'y', 'z'], [node('Neg', ['x'], ['y']), node('Abs', ['x'], ['z'])]);
    // onnxruntime itself does not load such a function
    const inlined = inlineFunctions(model([call('Pass', ['x'], ['a', 'b', 'c', '']), node('Add', ['b', 'c'], ['d'])], [pass], ['a', 'd']));
    expect(validateModel(inlined)).toEqual([]);
    expect(await computed(inlined, [1, -2])).toEqual([
      [1, -2],
      [-2, 4],
    ]);
  });

  it('leave out operands that the caller leaves out', async () => {
    const clip = fn('Cut', ['x', 'low', 'high'], ['y'], [node('Clip', ['x', 'low', 'high'], ['y'])]);
    const low = node('Constant', [], ['low'], { attributes: [float('value_float', -0.5)] });
    const inlined = await expectSame(model([low, call('Cut', ['x', 'low'], ['m']), call('Cut', ['m', '', 'low'], ['y'])], [clip]));
    expect(inlined.graph.nodes.map((own) => own.inputs)).toEqual([[], ['x', 'low'], ['m', '', 'low']]);
  });

  it('take no name that the graph has', async () => {
    const inlined = await expectSame(model([node('Neg', ['x'], ['f/t']), call('Curve', ['f/t'], ['y'], { name: 'f' })], [CURVE]));
    expect(inlined.graph.nodes.map((own) => own.outputs[0])).toEqual(['f/t', 'f/t_1', 'f/u', 'y']);
  });

  it('may not call themselves', () => {
    const a = fn('A', ['x'], ['y'], [call('B', ['x'], ['y'])]);
    const b = fn('B', ['x'], ['y'], [call('A', ['x'], ['y'])]);
    expect(() => flatten(model([call('A', ['x'], ['y'])], [a, b]))).toThrow('calls itself');
  });

  it('may stand for as many nodes as layers have, and for no more than are in proportion to what is written', () => {
    const chain = (length: number, of: (x: string, y: string) => Node): Node[] =>
      Array.from({ length }, (_, i) => of(i === 0 ? 'x' : `t${i}`, i === length - 1 ? 'y' : `t${i + 1}`));
    const layer = fn(
      'Layer',
      ['x'],
      ['y'],
      chain(200, (x, y) => node('Neg', [x], [y])),
    );
    const layered = (count: number): Model =>
      model(
        chain(count, (x, y) => call('Layer', [x], [y])),
        [layer],
      );
    expect(inlineFunctions(layered(100)).graph.nodes.length).toBe(20_000);
    expect(() => flatten(layered(250))).toThrow('more than 45000 nodes');
    const doubling = (depth: number): Model =>
      model(
        [call('F0', ['x'], ['y'])],
        [
          ...Array.from({ length: depth }, (_, i) => fn(`F${i}`, ['x'], ['y'], [call(`F${i + 1}`, ['x'], ['t']), call(`F${i + 1}`, ['t'], ['y'])])),
          fn(`F${depth}`, ['x'], ['y'], [node('Neg', ['x'], ['y'])]),
        ],
      );
    expect(inlineFunctions(doubling(11)).graph.nodes.length).toBe(2 ** 11);
    for (const depth of [12, 40]) expect(() => flatten(doubling(depth))).toThrow('more than 10000 nodes');
  });

  it('stay calls when they are written for another version of an operator set, and say so', () => {
    const old: FunctionDef = { ...CURVE, opsetImports: [{ domain: '', version: 12 }] };
    const own = model([call('Curve', ['x'], ['y'])], [old]);
    expect(inlineFunctions(own).functions).toEqual([old]);
    expect(whyNotInlined(own, own.graph.nodes[0] as Node)).toBe('function Curve is written for version 12 of ai.onnx, the model for another one');
  });

  it('bring the operator sets that only they use', () => {
    const fused = fn('Fused', ['x'], ['y'], [node('FastGelu', ['x'], ['y'], { domain: 'com.microsoft' })], {
      opsetImports: [{ domain: 'com.microsoft', version: 1 }],
    });
    expect(inlineFunctions(model([call('Fused', ['x'], ['y'])], [fused])).opsetImports).toEqual([
      { domain: '', version: 17 },
      { domain: 'com.microsoft', version: 1 },
    ]);
  });
});
