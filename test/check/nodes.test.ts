import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { type Attribute, DataType, type Graph, type Model, type Node } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { node, smallModel } from '../support/small-graph.ts';

const scalar = (name: string, value: number, dataType: number = DataType.INT64) => tensorFromNumbers(name, dataType, [], [value]);
const withConstants = (model: Model, ...tensors: Graph['initializers']): Model => ({ ...model, graph: { ...model.graph, initializers: tensors } });

/** x · factor, three times, by a loop. */
function looped(factor: number, op = 'Mul'): Model {
  const body: Graph = {
    name: 'body',
    nodes: [node('Identity', ['more'], ['on']), node(op, ['state', 'factor'], ['next'])],
    initializers: [scalar('factor', factor, DataType.FLOAT)],
    sparseInitializers: [],
    inputs: ['i', 'more', 'state'].map((name) => ({ name, type: null })),
    outputs: ['on', 'next'].map((name) => ({ name, type: null })),
    valueInfos: [],
  };
  const attributes: readonly Attribute[] = [{ name: 'body', kind: 'graph', value: body }];
  return withConstants(smallModel([node('Loop', ['count', 'true', 'x'], ['y'], { attributes })]), scalar('count', 3), scalar('true', 1, DataType.BOOL));
}

const dropout = (training: number): Model =>
  withConstants(
    smallModel([node('Dropout', ['x', 'ratio', 'training'], ['y'])]),
    scalar('ratio', 0.5, DataType.FLOAT),
    scalar('training', training, DataType.BOOL),
  );

const identity = smallModel([node('Identity', ['x'], ['y'])]);

/** A node of an unknown domain with one attribute. */
const custom = (attribute: Attribute): Model => ({
  ...smallModel([node('Custom', ['x'], ['y'], { domain: 'other', attributes: [attribute] })]),
  opsetImports: [
    { domain: '', version: 17 },
    { domain: 'other', version: 1 },
  ],
});
const proved = (old: Model, now: Model): boolean => checkModels(old, now).proved;

describe('what a node says besides its operands', () => {
  test('bodies of loops are compared', () => {
    expect(proved(looped(2), looped(2))).toBe(true);
    expect(proved(looped(2), looped(3))).toBe(false);
    expect(proved(looped(2), looped(2, 'Add'))).toBe(false);
  });

  test('Dropout is the identity outside of training alone', () => {
    expect(proved(dropout(0), identity)).toBe(true);
    expect(proved(identity, dropout(1))).toBe(false);
    expect(proved(dropout(1), dropout(1))).toBe(false);
    const fused = custom({ name: 'seed', kind: 'int', value: 1 });
    const named = (opType: string): Model => ({
      ...fused,
      opsetImports: fused.opsetImports.map((own) => (own.domain === '' ? own : { ...own, domain: 'com.microsoft' })),
      graph: { ...fused.graph, nodes: fused.graph.nodes.map((own) => ({ ...own, opType, domain: 'com.microsoft' })) },
    });
    expect(proved(named('Custom'), named('Custom'))).toBe(true);
    for (const opType of ['Sampling', 'BitmaskDropout']) expect(proved(named(opType), named(opType))).toBe(false);
  });

  test.each<readonly [string, Attribute, Attribute]>([
    ['lists of texts', { name: 'a', kind: 'strings', value: ['u', 'v'] }, { name: 'a', kind: 'strings', value: ['u,v'] }],
    ['kinds', { name: 'a', kind: 'int', value: 1 }, { name: 'a', kind: 'ints', value: [1] }],
    ['numbers', { name: 'a', kind: 'float', value: 1 }, { name: 'a', kind: 'float', value: 1.5 }],
    ['what is not understood', { name: 'a', kind: 'opaque', value: null }, { name: 'a', kind: 'opaque', value: null }],
  ])('%s of attributes are told apart', (_, one, other) => {
    if (one.kind !== 'opaque') expect(proved(custom(one), custom(one))).toBe(true);
    expect(proved(custom(one), custom(other))).toBe(false);
  });

  test('an operator of another version of its domain is another operator', () => {
    const old = custom({ name: 'a', kind: 'int', value: 1 });
    const [first, second] = old.opsetImports;
    const now: Model = { ...old, opsetImports: [first, { ...second, version: 2 }] as Model['opsetImports'] };
    expect(checkModels(old, now)).toMatchObject({ proved: false, findings: [{ kind: 'refuted', where: 'model' }] });
  });
});

describe('whole numbers', () => {
  const whole = (nodes: readonly Node[], constants: Graph['initializers'] = []): Model => {
    const model = smallModel(nodes);
    const typed = (name: string) => ({ name, type: { elemType: DataType.INT64, dims: ['n'] } });
    return { ...model, graph: { ...model.graph, inputs: [typed('x')], outputs: [typed('y')], initializers: constants } };
  };
  const three = scalar('three', 3);

  test('are divided with a remainder that is dropped', () => {
    const quotient = whole([node('Div', ['x', 'three'], ['q']), node('Mul', ['q', 'three'], ['y'])], [three]);
    expect(proved(quotient, quotient)).toBe(true);
    expect(proved(whole([node('Identity', ['x'], ['y'])]), quotient)).toBe(false);
  });

  test('have means without a fraction', () => {
    const mean = whole([node('ReduceMean', ['x'], ['m']), node('Mul', ['m', 'three'], ['y'])], [three]);
    const other = whole([node('Mul', ['x', 'three'], ['m']), node('ReduceMean', ['m'], ['y'])], [three]);
    expect(proved(mean, mean)).toBe(true);
    expect(proved(mean, other)).toBe(false);
  });
});
