/** The cast of whole files to float64: what stays as it is stored, what is widened, and under which names. */
import { describe, expect, it } from 'vitest';
import { DataType, type Graph, type Model } from '../../src/onnx/ir.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { castModel } from '../../src/verify/float64/cast-model.ts';
import { bothWays, distances, outputsOf, type Small, smallGraph } from '../support/doubled.ts';
import { branch, node } from '../support/small-graph.ts';

const { FLOAT16, FLOAT, DOUBLE, INT64, BOOL, BFLOAT16 } = DataType;

/** A graph as lines: constants with their types, then nodes with their attributes. */
const linesOf = (graph: Graph): readonly string[] => [
  ...graph.inputs.map(({ name, type }) => `in ${name}: ${type?.elemType}`),
  ...graph.initializers.map(({ name, dataType, dims }) => `${name}: ${dataType} [${dims}]`),
  ...graph.nodes.map(({ opType, inputs, outputs, attributes }) => {
    const said = attributes.flatMap((own) => {
      if (own.kind === 'tensor') return [` ${own.name}=${own.value.dataType}[${own.value.dims}]${[...readNumbers(own.value)]}`];
      if (own.kind === 'graph') return [` ${own.name}={${linesOf(own.value).join('; ')}}`];
      return own.kind === 'int' || own.kind === 'float' ? [` ${own.name}=${own.value}`] : [];
    });
    return `${opType}(${inputs.join(', ')})${said.join('')} -> ${outputs.join(', ')}`;
  }),
  ...graph.outputs.map(({ name, type }) => `out ${name}: ${type?.elemType ?? 'of any type'}`),
];

const castLines = (small: Small): readonly string[] => linesOf(castModel(smallGraph(small)).model.graph);

describe('what is cast', () => {
  it.each<readonly [what: string, small: Small, lines: readonly string[]]>([
    [
      'weights and inputs are widened, integers are not',
      { lines: ['MatMul(x, w) -> a', 'Reshape(a, [3,2]) -> y'], inputs: { x: [2, 5] }, weights: { w: [5, 3] }, opset: 17 },
      ['in x: 11', 'c1_0: 7 [2]', 'w: 11 [5,3]', 'MatMul(x, w) -> a', 'Reshape(a, c1_0) -> y', 'out y: of any type'],
    ],
    [
      'casts to floats become casts to float64, others stay',
      { lines: ['Cast(x) to=7 -> i', 'Cast(i) to=1 -> f', 'Cast(f) to=10 -> h', 'Mul(f, h) -> y'], inputs: { x: [2, 5] }, opset: 17 },
      ['in x: 11', 'Cast(x) to=7 -> i', 'Cast(i) to=11 -> f', 'Cast(f) to=11 -> h', 'Mul(f, h) -> y', 'out y: of any type'],
    ],
    [
      'what makes floats of a type makes float64',
      {
        lines: [
          'EyeLike(x) dtype=1 -> e',
          'EyeLike(x) dtype=7 -> i',
          'Cast(i) to=1 -> f',
          'Add(e, f) -> s',
          'RandomNormalLike(x) dtype=1 -> r',
          'Add(s, r) -> y',
        ],
        inputs: { x: [2, 2] },
        opset: 17,
      },
      [
        'in x: 11',
        'EyeLike(x) dtype=11 -> e',
        'EyeLike(x) dtype=7 -> i',
        'Cast(i) to=11 -> f',
        'Add(e, f) -> s',
        'RandomNormalLike(x) dtype=11 -> r',
        'Add(s, r) -> y',
        'out y: of any type',
      ],
    ],
    [
      'ConstantOfShape without a value gives zeros of float64',
      { lines: ['Shape(x) -> s', 'ConstantOfShape(s) -> z', 'Add(x, z) -> y'], inputs: { x: [2, 5] }, opset: 17 },
      ['in x: 11', 'Shape(x) -> s', 'ConstantOfShape(s) value=11[1]0 -> z', 'Add(x, z) -> y', 'out y: of any type'],
    ],
    [
      'what comes of shapes and single numbers stays as the file computes it, and is widened for the rest',
      {
        lines: ['Shape(x) -> s', 'Gather(s, one) -> n', 'Cast(n) to=1 -> f', 'Mul(f, k) -> g', 'Sqrt(g) -> r', 'Div(x, r) -> y'],
        inputs: { x: [2, 5] },
        stored: { one: [[], [1], INT64], k: [[], [0.1]] },
        opset: 17,
      },
      [
        'in x: 11',
        'one: 7 []',
        'k#stored: 1 []',
        'Shape(x) -> s',
        'Gather(s, one) -> n',
        'Cast(n) to=1 -> f',
        'Cast(f) to=11 -> f#float64',
        'Mul(f, k#stored) -> g',
        'Cast(g) to=11 -> g#float64',
        'Sqrt(g) -> r',
        'Cast(r) to=11 -> r#float64',
        'Div(x, r#float64) -> y',
        'out y: of any type',
      ],
    ],
    [
      'names of the file are not taken',
      { lines: ['Shape(x) -> s#', 'Cast(s#) to=1 -> f##', 'Mul(x, f##) -> y'], inputs: { x: [5] }, opset: 17 },
      ['in x: 11', 'Shape(x) -> s#', 'Cast(s#) to=1 -> f##', 'Cast(f##) to=11 -> f#####float64', 'Mul(x, f#####float64) -> y', 'out y: of any type'],
    ],
    [
      'CastLike of such a number is a cast to the type it has',
      { lines: ['Shape(x) -> s', 'CastLike(s, x) -> f', 'Mul(x, f) -> y'], inputs: { x: [5] }, opset: 17 },
      ['in x: 11', 'Shape(x) -> s', 'Cast(s) to=1 -> f', 'Cast(f) to=11 -> f#float64', 'Mul(x, f#float64) -> y', 'out y: of any type'],
    ],
    [
      'weights that a spelled out operator alone reads are gone, its constants named after it',
      { lines: ['LayerNormalization(x, g) -> y'], inputs: { x: [2, 5] }, weights: { g: [5], unused: [7] }, opset: 17 },
      [
        'in x: 11',
        'g: 11 [5]',
        'n0.epsilon: 11 []',
        'ReduceMean(x) -> n0/shadow/ReduceMean',
        'Sub(x, n0/shadow/ReduceMean) -> n0/shadow/Sub',
        'Mul(n0/shadow/Sub, n0/shadow/Sub) -> n0/shadow/Mul',
        'ReduceMean(n0/shadow/Mul) -> n0/shadow/ReduceMean#1',
        'Add(n0/shadow/ReduceMean#1, n0.epsilon) -> n0/shadow/Add',
        'Sqrt(n0/shadow/Add) -> n0/shadow/Sqrt',
        'Reciprocal(n0/shadow/Sqrt) -> n0/shadow/Reciprocal',
        'Mul(n0/shadow/Sub, n0/shadow/Reciprocal) -> n0/shadow/Mul#1',
        'Mul(n0/shadow/Mul#1, g) -> n0/shadow/Mul#2',
        'Identity(n0/shadow/Mul#2) -> y',
        'out y: of any type',
      ],
    ],
    [
      'numbers that are needed twice are there once',
      { lines: ['HardSwish(x) -> a', 'HardSwish(a) -> y'], inputs: { x: [2, 5] }, opset: 17 },
      expect.arrayContaining(['shadow.float:0.5: 11 []', 'Mul(x, n0/shadow/Min) -> n0/shadow/Mul#1', 'Identity(n0/shadow/Mul#1) -> a']),
    ],
    [
      'integers have no rewrite',
      { lines: ['Shape(x) -> s', 'Clip(s, one) -> c', 'Reshape(x, c) -> y'], inputs: { x: [5] }, stored: { one: [[], [1], INT64] }, opset: 17 },
      ['in x: 11', 'one: 7 []', 'Shape(x) -> s', 'Clip(s, one) -> c', 'Reshape(x, c) -> y', 'out y: of any type'],
    ],
  ])('%s', async (_, small, lines) => {
    expect(castLines(small)).toEqual(lines);
    if (small.lines.some((line) => line.startsWith('Random') || line.includes('to=10'))) return;
    const { own, cast } = await bothWays(small);
    for (const distance of distances(own, cast)) expect(distance).toBeLessThan(1e-6);
  });

  it('names each constant with the type it had', () => {
    const small: Small = {
      lines: ['LayerNormalization(x, g) -> a', 'Cast(h) to=1 -> c', 'Mul(a, c) -> b', 'Mul(b, d) -> e', 'Cast(e) to=1 -> f', 'Add(f, k) -> y'],
      inputs: { x: [2, 5] },
      weights: { g: [5] },
      stored: { h: [[5], [1, 2, 3, 4, 5], FLOAT16], d: [[], [0.1], BFLOAT16], k: [[5], [1, 2, 3, 4, 0.3], DOUBLE], i: [[1], [3], INT64] },
      opset: 17,
    };
    const { constants } = castModel(smallGraph(small));
    expect([...constants].map(([name, { tensor, storedAs }]) => [name, storedAs, tensor.dataType, [...readNumbers(tensor)].slice(0, 1)])).toEqual([
      ['h', FLOAT16, DOUBLE, [1]],
      ['d', BFLOAT16, DOUBLE, [0.10009765625]],
      ['k', DOUBLE, DOUBLE, [1]],
      ['g', FLOAT, DOUBLE, [expect.any(Number)]],
      ['n0.epsilon', FLOAT, DOUBLE, [Math.fround(1e-5)]],
    ]);
  });

  const withNodes = (nodes: Graph['nodes'], more: Partial<Graph> = {}): Model => {
    const made = smallGraph({ lines: ['Relu(x) -> y'], inputs: { x: [2, 5] }, opset: 17 });
    return { ...made, graph: { ...made.graph, nodes, ...more } };
  };

  it('casts inside the branches of an If, whose outputs are declared anew', async () => {
    const float = { elemType: FLOAT, dims: [2, 5] };
    const declared = (name: string, op: string) => {
      const own = branch(name, [node(op, ['x'], [name])], name);
      return own.kind === 'graph' ? { ...own, value: { ...own.value, outputs: [{ name, type: float }], valueInfos: [{ name, type: float }] } } : own;
    };
    const model = withNodes(
      [
        node('ReduceSum', ['x'], ['s'], { attributes: [{ name: 'keepdims', kind: 'int', value: 0 }] }),
        node('Greater', ['s', 'zero'], ['c']),
        node('If', ['c'], ['y'], { name: 'if', attributes: [declared('then_branch', 'Softplus'), declared('else_branch', 'Softsign')] }),
      ],
      {
        initializers: [...smallGraph({ lines: ['Relu(x) -> y'], inputs: {}, stored: { zero: [[], [0.25]] }, opset: 17 }).graph.initializers],
        valueInfos: [{ name: 's', type: float }],
      },
    );
    const { graph } = castModel(model).model;
    expect(graph.valueInfos).toEqual([]);
    const branches = graph.nodes.flatMap(({ attributes }) => attributes.flatMap((own) => (own.kind === 'graph' ? [own.value] : [])));
    expect(branches.map(({ outputs, valueInfos }) => [outputs[0]?.type?.elemType, valueInfos.length])).toEqual([
      [DOUBLE, 0],
      [DOUBLE, 0],
    ]);
    const [own, cast] = [await outputsOf(model), await outputsOf(castModel(model).model)];
    expect(distances(own, cast)[0]).toBeLessThan(1e-6);
  });

  it('widens constants that nodes hold, and none that hold integers', () => {
    const tensor = (type: number, numbers: readonly number[]) =>
      ({ name: 'value', kind: 'tensor', value: { ...smallTensor(type, numbers), name: '' } }) as const;
    const smallTensor = (type: number, numbers: readonly number[]) => {
      const [made] = smallGraph({ lines: ['Relu(x) -> y'], inputs: {}, stored: { t: [[numbers.length], numbers, type] }, opset: 17 }).graph.initializers;
      if (made === undefined) throw new Error('no tensor');
      return made;
    };
    const model = withNodes([
      node('Constant', [], ['a'], { attributes: [tensor(FLOAT, [0.5, 3, 1, 2, 4])] }),
      node('Constant', [], ['i'], { attributes: [tensor(INT64, [5, 2])] }),
      node('Mul', ['x', 'a'], ['b']),
      node('Reshape', ['b', 'i'], ['y']),
    ]);
    expect(linesOf(castModel(model).model.graph)).toEqual([
      'in x: 11',
      'Constant() value=11[5]0.5,3,1,2,4 -> a',
      'Constant() value=7[2]5,2 -> i',
      'Mul(x, a) -> b',
      'Reshape(b, i) -> y',
      'out y: of any type',
    ]);
  });

  it('refuses functions, sparse weights and bodies', () => {
    const model = smallGraph({ lines: ['Relu(x) -> y'], inputs: { x: [2, 5] }, opset: 17 });
    const called = { name: 'Own', domain: 'local', inputs: ['x'], outputs: ['y'], nodes: [], opsetImports: [], attributes: [] };
    expect(() => castModel({ ...model, functions: [called as never] })).toThrow('it has functions of its own (Own)');
    expect(() => castModel({ ...model, graph: { ...model.graph, sparseInitializers: [{} as never] } })).toThrow('it has sparse weights');
    expect(() =>
      castModel(withNodes([node('Loop', ['', '', 'x'], ['y'], { name: 'loop', attributes: [branch('body', [node('Relu', ['x'], ['z'])], 'z')] })])),
    ).toThrow('Loop has a body');
  });

  it('keeps an output that is a constant, and single numbers of booleans', () => {
    const small: Small = {
      lines: ['Where(b, x, k) -> y'],
      inputs: { x: [2, 5] },
      stored: { b: [[5], [1, 0, 0, 1, 1], BOOL], k: [[], [0.1]], o: [[2], [1, 2]] },
      opset: 17,
    };
    const model = smallGraph(small);
    const more: Model = { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, { name: 'o', type: { elemType: FLOAT, dims: [2] } }] } };
    expect(linesOf(castModel(more).model.graph)).toEqual([
      'in x: 11',
      'b: 9 [5]',
      'k: 11 []',
      'o: 11 [2]',
      'Where(b, x, k) -> y',
      'out y: of any type',
      'out o: 11',
    ]);
  });
});
