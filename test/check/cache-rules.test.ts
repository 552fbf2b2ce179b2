/** Which output hands on a cache, and names whose numbers moved. */
import { describe, expect, test } from 'vitest';
import { cachePairs, isRenumbering, numbered, numberOrder } from '../../src/check/caches.ts';
import { flatten } from '../../src/onnx/graph.ts';
import { DataType, type Graph, type Node } from '../../src/onnx/ir.ts';
import { node, smallModel } from '../support/small-graph.ts';
import { modelOf } from '../support/small-model.ts';

const INPUTS = { p: [1, 2, 'T', 4], r: [1, 2, 'T', 4], short: ['T', 4], q: [1, 3, 8], i: ['n', 2], wx: [1, 2, 1, 4] } as const;
const pairsOf = (lines: string, outputs?: readonly string[]): Readonly<Record<string, string>> => {
  const model = modelOf(INPUTS, lines.split(';'), 23);
  const named = outputs?.map((name) => ({ name, type: null })) ?? model.graph.outputs;
  return Object.fromEntries(cachePairs(flatten({ ...model, graph: { ...model.graph, outputs: named } })));
};

describe('a cache is handed on by', () => {
  type Case = readonly [lines: string, pairs: Readonly<Record<string, string>>, outputs?: readonly string[]];
  const cases: readonly Case[] = [
    ['Concat(p, wx) axis=2 -> y', { p: 'y' }],
    ['Concat(wx, p) axis=2 -> y', { p: 'y' }],
    ['Concat(p, r) axis=2 -> y', { p: 'y', r: 'y' }],
    ['ScatterND(p, i, r) -> y', { p: 'y' }],
    ['ScatterElements(p, i, r) axis=2 -> y', { p: 'y' }],
    ['TensorScatter(p, r, i) axis=2 -> y', { p: 'y' }],
    ['Concat(short, short) axis=0 -> y', {}],
    ['Identity(p) -> y', {}],
    ['Relu(p) -> a;Concat(a, wx) axis=2 -> y', {}],
    ['Concat(p, wx) axis=2 -> a;Relu(a) -> y', {}],
    ['Concat(p, wx) axis=2 -> a;Relu(a) -> y', { p: 'a' }, ['y', 'a']],
    ...['Identity', 'Transpose', 'Squeeze', 'Unsqueeze'].map((op): Case => [`${op}(p) -> a;Concat(a, wx) axis=2 -> b;${op}(b) -> y`, { p: 'y' }]),
    ['Cast(p) to=10 -> a;Concat(a, wx) axis=2 -> b;Cast(b) to=1 -> y', { p: 'y' }],
    ['Reshape(p, [2,-1,4]) -> a;Concat(a, a) axis=1 -> y', { p: 'y' }],
    ['Slice(p, [0], [1], [2]) -> a;Concat(a, wx) axis=2 -> y', { p: 'y' }],
    ['Gather(p, [0,0]) axis=0 -> a;Concat(a, wx) axis=2 -> y', { p: 'y' }],
    ['Expand(p, [3,1,1,1]) -> a;Concat(a, wx) axis=2 -> y', { p: 'y' }],
    ['Split(p) axis=1 num_outputs=2 -> a b;Concat(b, wx) axis=2 -> y', { p: 'y' }],
    ['Gather(wx, p) axis=0 -> a;Concat(a, a) axis=2 -> y', {}],
    ['Concat(p, wx) axis=2 -> a;Identity(a) -> y;Identity(a) -> z', { p: 'y' }, ['y']],
    ['com.microsoft.GroupQueryAttention(q, q, q, p, r, i, i) num_heads=2 kv_num_heads=2 -> y k v', { p: 'k', r: 'v' }],
    ['com.microsoft.MultiHeadAttention(q, q, q, wx, wx, wx, p, r) num_heads=2 -> y k v', { p: 'k', r: 'v' }],
    ['com.microsoft.Attention(q, wx, wx, i, p) num_heads=2 -> y k', { p: 'k' }],
    ['Attention(q, q, q, wx, p, r) q_num_heads=2 kv_num_heads=2 -> y k v', { p: 'k', r: 'v' }],
    ['Attention(q, q, q, wx, p, r) q_num_heads=2 kv_num_heads=2 -> y', {}],
    ['Attention(p, p, p) -> y k v', {}],
  ];
  test.each(cases.map(([lines, pairs, outputs]) => ({ lines, pairs, outputs })))('$lines', ({ lines, pairs, outputs }) => {
    expect(pairsOf(lines, outputs)).toEqual(pairs);
  });

  test('nothing where the result that would hold it is left out', () => {
    const attention = (past: string, results: readonly string[]): Node =>
      node('GroupQueryAttention', ['x', 'x', 'x', past], [...results], { domain: 'com.microsoft', name: past });
    const model = smallModel([attention('p', ['a', '']), attention('', ['b', 'k'])], ['b', 'k']);
    const input = { name: 'p', type: { elemType: DataType.FLOAT, dims: [1, 2, 'T', 4] } };
    const whole = {
      ...model,
      opsetImports: [...model.opsetImports, { domain: 'com.microsoft', version: 1 }],
      graph: { ...model.graph, inputs: [...model.graph.inputs, input] },
    };
    expect([...cachePairs(flatten(whole))]).toEqual([]);
  });

  test('the result of an If that holds it in one branch', () => {
    const body = (name: string, nodes: readonly Node[], outputs: readonly string[]): Graph => ({
      ...smallModel(nodes, outputs).graph,
      name,
      inputs: [],
    });
    const fresh = body('fresh', [node('Relu', ['x'], ['f1']), node('Neg', ['x'], ['f2']), node('Abs', ['x'], ['f3'])], ['f1', 'f2', 'f3']);
    const joined = body('joined', [node('Neg', ['x'], ['j1']), node('Concat', ['p', 'x'], ['j2']), node('Identity', ['p'], ['j3'])], ['j1', 'j2', 'j3']);
    const attributes = [
      { name: 'then_branch', kind: 'graph', value: fresh },
      { name: 'else_branch', kind: 'graph', value: joined },
    ] as const;
    const model = smallModel([node('If', ['c'], ['y', 'z', 'v'], { attributes })], ['y', 'z', 'v']);
    const inputs = [
      { name: 'c', type: { elemType: DataType.BOOL, dims: [] } },
      { name: 'p', type: { elemType: DataType.FLOAT, dims: [1, 'T', 4] } },
      { name: 'x', type: { elemType: DataType.FLOAT, dims: [1, 1, 4] } },
      { name: 'untyped', type: null },
      { name: 'unranked', type: { elemType: DataType.FLOAT, dims: null } },
    ];
    expect([...cachePairs(flatten({ ...model, graph: { ...model.graph, inputs } }))]).toEqual([
      ['p', 'z'],
      ['x', 'z'],
    ]);
    const [first, second] = attributes;
    const turned = smallModel(
      [
        node('If', ['c'], ['y', 'z', 'v'], {
          attributes: [
            { ...first, value: joined },
            { ...second, value: fresh },
          ],
        }),
      ],
      ['y', 'z'],
    );
    expect(cachePairs(flatten({ ...turned, graph: { ...turned.graph, inputs } })).get('p')).toBe('z');
  });
});

describe('numbers in names', () => {
  test('are whole numbers', () => {
    expect(numbered('past.10.key3')).toEqual({ pattern: 'past.#.key#', numbers: [10, 3] });
    expect(numbered('x')).toEqual({ pattern: 'x', numbers: [] });
  });

  test.each<readonly [string, string, number]>([
    ['k.9', 'k.10', -1],
    ['k.10', 'k.9', 1],
    ['k.1.2', 'k.1.3', -1],
    ['k.2.1', 'k.1.3', 1],
    ['k.1', 'v.1', 0],
    ['k', 'v', 0],
  ])('%s beside %s', (a, b, sign) => {
    expect(Math.sign(numberOrder(a, b))).toBe(sign);
  });

  test.each<readonly [boolean, string]>([
    [true, ''],
    [true, 'k.0>k.1'],
    [false, 'k.0>v.0'],
    [true, 'k.0>k.1 v.0>v.1'],
    [false, 'k.0>k.1 v.0>v.0'],
    [true, 'k.0>k.0 k.1>k.2'],
    [true, 'k.1>k.2 k.0>k.0'],
    [false, 'k.0>k.1 k.1>k.0'],
    [false, 'k.0>k.1 k.1>k.1'],
    [false, 'k.1>k.1 k.0>k.1'],
    [true, 'k.9>k.9 k.10>k.12'],
    [true, 'k.10>k.12 k.9>k.9'],
    [false, 'k.2>k.5 k.10>k.4'],
    [true, 'k.0.1>k.0.3 k.0.0>k.0.2'],
    [false, 'k.0.1>k.0.2 k.0.0>k.0.3'],
    [true, 'k.0>k.2 k.1>k.3 x.5>x.0'],
    [true, 'a1.0>a1.1 b10>b10'],
    [false, 'a1.0>a1.1 b1.0>b11'],
    [false, 'a1.0>a1.12 b1.0>b11.2'],
  ])('%s: %s', (wanted, text) => {
    const pairs = text.split(' ').flatMap((own) => (own === '' ? [] : [own.split('>') as [string, string]]));
    expect(isRenumbering(pairs)).toBe(wanted);
  });
});
