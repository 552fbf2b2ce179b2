/** What graph inputs are for, read off graphs of a few nodes: one case for each operator and each of its slots. */
import { describe, expect, it } from 'vitest';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { constantDims, graphOf, smallIntegers } from '../../src/verify/flow.ts';
import { roleOf } from '../../src/verify/roles.ts';
import { branch, node } from '../support/small-graph.ts';
import { type Typed, typed } from '../support/typed-graph.ts';

const { INT64, INT32, BOOL, DOUBLE, UINT8, FLOAT16, BFLOAT16, INT8 } = DataType;

/** A model whose inputs are floats, integers (`i…`) and truths (`b…`). */
function modelFrom(given: Typed): Model {
  const made = typed(given);
  const inputs = made.graph.inputs.map((own) => (own.name.startsWith('b') && own.type !== null ? { ...own, type: { ...own.type, elemType: BOOL } } : own));
  return { ...made, graph: { ...made.graph, inputs } };
}

/** The role of the first input in few words. */
function roleIn(model: Model): string {
  const [input] = model.graph.inputs;
  if (input === undefined) throw new Error('no input');
  const role = roleOf(graphOf(model), input);
  if (role.kind !== 'floats') return Object.values(role).join(' ');
  const sizes = [...role.sizes].map(([axis, size]) => ` ${axis}:${size}`).join('');
  return `floats${sizes}${role.image === null ? '' : ` image ${role.image.strides}`}`;
}
const role = (inputs: Typed['inputs'], lines: readonly string[], stored: Typed['stored'] = {}): string =>
  roleIn(modelFrom({ inputs: { ...inputs, j: ['any'], c: ['any'], s: ['any'], q: ['any'] }, lines, stored }));

const zeros = (...dims: number[]): readonly [number[], number[]] => [dims, new Array<number>(dims.reduce((a, b) => a * b, 1)).fill(0)];
const w = { w: zeros(11, 3), k: [[], [2], INT64], u: zeros(11, 3, 2), one: [[1], [1]] } as const;
const i = { i: ['n', 't'] };
const x = { x: ['n', 't', 5] };

describe('ids', () => {
  const PASSING = [
    ...['Identity', 'Cast', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten'],
    ...['Transpose', 'Slice', 'Expand', 'Tile', 'Clip', 'Pad', 'Split', 'Gather'],
  ];
  it.each(PASSING)('are found behind %s, which hands its first operand on', (op) => {
    expect([role(i, [`${op}(i, j) -> y`, 'Gather(w, y) -> z'], w), role(i, [`${op}(j, i) -> y`, 'Gather(w, y) -> z'], w)]).toEqual(['ids 11', 'mask']);
  });

  it.each(['Concat', 'Max', 'Min', 'Mul', 'MatMul', 'Einsum'])('are found behind %s, whatever the operand, but for products', (op) => {
    const isProduct = ['MatMul', 'Einsum'].includes(op);
    const found = [role(i, [`${op}(i, one) -> y`, 'Gather(w, y) -> z'], w), role(i, [`${op}(one, i) -> y`, 'Gather(w, y) -> z'], w)];
    expect(found).toEqual(isProduct ? ['mask', 'mask'] : ['ids 11', 'ids 11']);
  });

  it.each<readonly [lines: readonly string[], expected: string]>([
    [['Gather(w, i) -> y'], 'ids 11'],
    [['Gather(w, i) axis=1 -> y'], 'ids 3'],
    [['Gather(i, k) -> y'], 'mask'],
    [['GatherElements(w, i) axis=1 -> y'], 'ids 3'],
    [['GatherElements(i, k) -> y'], 'mask'],
    [['GatherND(w, i) -> y'], 'ids 3'],
    [['GatherND(i, k) -> y'], 'mask'],
    [['GatherND(j, i) -> y'], 'mask'],
    [['OneHot(i, k, j) -> y'], 'ids 2'],
    [['OneHot(j, i, j) -> y'], 'mask'],
    [['RotaryEmbedding(j, w, w, i) -> y'], 'ids 11'],
    [['RotaryEmbedding(j, i, w, j) -> y'], 'mask'],
    [['com.microsoft.RotaryEmbedding(j, i, w, w) -> y'], 'ids 11'],
    [['com.microsoft.RotaryEmbedding(j, j, w, i) -> y'], 'mask'],
    [['com.microsoft.GatherBlockQuantized(w, i) -> y'], 'ids 11'],
    [['com.microsoft.GatherBlockQuantized(w, i) gather_axis=1 -> y'], 'ids 3'],
    [['com.microsoft.GatherBlockQuantized(i, k) -> y'], 'mask'],
    [['com.microsoft.EmbedLayerNormalization(i, j, w, w, w) -> y'], 'ids 11'],
    [['com.microsoft.EmbedLayerNormalization(j, i, j, j, w) -> y'], 'ids 11'],
    [['com.microsoft.EmbedLayerNormalization(j, j, j, w, j, j, j, j, i) -> y'], 'ids 11'],
    [['com.microsoft.EmbedLayerNormalization(j, j, w, w, w, j, j, i, j) -> y'], 'mask'],
    // tables that are cast, dequantised or transposed
    [['Cast(w) to=10 -> v', 'Gather(v, i) -> y'], 'ids 11'],
    [['DequantizeLinear(w, j) -> v', 'Gather(v, i) -> y'], 'ids 11'],
    [['QuantizeLinear(w, j) -> v', 'Identity(v) -> t', 'Gather(t, i) -> y'], 'ids 11'],
    [['Transpose(w) -> v', 'Gather(v, i) -> y'], 'ids 3'],
    [['Transpose(u) perm=[2,0,1] -> v', 'Gather(v, i) -> y'], 'ids 2'],
    [['Transpose(u) perm=[1,0,2] -> v', 'Gather(v, i) -> y'], 'ids 3'],
    [['Relu(w) -> v', 'Gather(v, i) -> y'], 'mask'],
    // an offset is taken off the rows; what is added to count from the end says nothing
    [['Add(i, k) -> a', 'Gather(w, a) -> y'], 'ids 9'],
    [['Add(k, i) -> a', 'Gather(w, a) -> y'], 'ids 9'],
    [['Add(i, j) -> a', 'Gather(w, a) -> y'], 'ids 11'],
    [['Sub(i, k) -> a', 'Gather(w, a) -> y'], 'ids 11'],
    [['Sub(k, i) -> a', 'Gather(w, a) -> y'], 'mask'],
    [['Sub(i, k) -> a', 'Add(a, k) -> b', 'Gather(w, b) -> y'], 'ids 11'],
    [['Add(i, k) -> a', 'Add(a, k) -> b', 'Gather(w, b) -> y'], 'ids 7'],
    [['Add(i, eleven) -> a', 'Gather(w, a) -> y'], 'mask'],
    [['Gather(w, i) -> y', 'Gather(u, i) axis=2 -> z'], 'ids 2'],
    [['Where(c, i, j) -> a', 'Gather(w, a) -> y'], 'ids 11'],
    [['Where(c, j, i) -> a', 'Gather(w, a) -> y'], 'ids 11'],
    [['Where(i, j, k) -> a', 'Gather(w, a) -> y'], 'mask'],
    [['Relu(i) -> a', 'Gather(w, a) -> y'], 'mask'],
  ])('%j: %s', (lines, expected) => {
    expect(role(i, lines, { ...w, eleven: [[], [11], INT64] })).toBe(expected);
  });

  it('are followed over thirteen nodes', () => {
    const chain = (length: number): readonly string[] => [
      ...Array.from({ length }, (_, at) => `Identity(${at === 0 ? 'i' : `v${at}`}) -> v${at + 1}`),
      `Gather(w, v${length}) -> y`,
    ];
    expect([role(i, chain(13), w), role(i, chain(14), w)]).toEqual(['ids 11', 'mask']);
  });
});

describe('floats', () => {
  it.each(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Not', 'CumSum', 'ReduceSum'])('%s makes them a mask', (op) => {
    expect([role(x, [`${op}(x, j) -> y`]), role(x, [`${op}(j, x) -> y`])]).toEqual(['mask', 'mask']);
  });

  it.each<readonly [lines: readonly string[], expected: string]>([
    [['Relu(x) -> y'], 'floats'],
    [['Sub(one, x) -> y'], 'mask'],
    [['Sub(x, one) -> y'], 'floats'],
    [['Where(x, one, one) -> y'], 'mask'],
    [['Where(c, x, one) -> y'], 'floats'],
    [['Mul(x, one) -> a', 'Greater(a, one) -> y'], 'mask'],
    [['Mul(one, x) -> a', 'Greater(a, one) -> y'], 'mask'],
    [['Mul(x, w) -> a', 'Greater(a, one) -> y'], 'floats'],
    [['Mul(x, j) -> a', 'Greater(a, one) -> y'], 'floats'],
    [['MatMul(x, q) -> a', 'Greater(a, one) -> y'], 'floats'],
    [['MatMulInteger(x, q) -> a', 'Identity(a) -> b', 'Greater(b, one) -> y'], 'floats'],
    [['Einsum(x, q) -> a', 'Identity(a) -> b', 'Greater(b, one) -> y'], 'floats'],
    // sizes that weights fix
    [['MatMul(x, w) -> y'], 'floats -1:11'],
    [['MatMul(x, u) -> y'], 'floats'],
    [['MatMul(w, x) -> y'], 'floats'],
    [['MatMulInteger(x, w) -> y'], 'floats -1:11'],
    [['Gemm(x, w) -> y'], 'floats -1:11'],
    [['Gemm(x, w) transB=1 -> y'], 'floats -1:3'],
    [['LayerNormalization(x, w) -> y'], 'floats -1:3'],
    [['RMSNormalization(x, w) -> y'], 'floats -1:3'],
    [['com.microsoft.SkipLayerNormalization(x, w) -> y'], 'floats -1:3'],
    [['com.microsoft.MatMulNBits(x, w) K=64 -> y'], 'floats -1:64'],
    [['Conv(x, u) -> y'], 'floats 1:3 image 1'],
    [['Conv(x, u) strides=[4] group=2 -> y'], 'floats 1:6 image 4'],
    [['ConvInteger(x, u) strides=[2] -> y'], 'floats 1:3 image 2'],
    [['Relu(x) -> a', 'MatMul(a, w) -> y'], 'floats'],
    [['MatMul(x, j) -> a', 'MatMul(a, w) -> y'], 'floats'],
    ...['Identity', 'Cast', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear'].map(
      (op) => [[`${op}(x) -> a`, 'MatMul(a, w) -> y'], 'floats -1:11'] as const,
    ),
    ...['Reshape', 'Transpose', 'Slice'].map((op) => [[`${op}(x, j) -> a`, 'MatMul(a, w) -> y'], 'floats'] as const),
    [['Reshape(x, j) -> a', 'Identity(a) -> b', 'MatMul(b, w) -> y'], 'floats'],
    // what is added to scores
    [['Add(s, x) -> a', 'Softmax(a) -> y'], 'additive-mask'],
    [['Add(x, s) -> a', 'LogSoftmax(a) -> y'], 'additive-mask'],
    [['Add(x, s) -> a', 'Relu(a) -> y'], 'floats'],
    [['Mul(s, x) -> a', 'Softmax(a) -> y'], 'floats'],
    [['Mul(x, one) -> m', 'Add(s, m) -> a', 'Softmax(a) -> y'], 'additive-mask'],
    [['Add(s, x) -> a', 'Add(a, j) -> b', 'Where(c, b, j) -> d', 'Max(d, j) -> e', 'Softmax(e) -> y'], 'additive-mask'],
    [['Add(s, x) -> a', 'Clip(a) -> b', 'Reshape(b, j) -> d', 'Softmax(d) -> y'], 'additive-mask'],
    [['Add(s, x) -> a', 'Add(a, j) -> b', 'Add(b, j) -> d', 'Add(d, j) -> e', 'Add(e, j) -> f', 'Softmax(f) -> y'], 'additive-mask'],
    [['Add(s, x) -> a', 'Relu(a) -> b', 'Softmax(b) -> y'], 'floats'],
    [['Mul(s, x) -> a', 'Max(a, j) -> b', 'Clip(b) -> d', 'Where(c, d, j) -> e', 'Clip(e) -> f', 'Softmax(f) -> y'], 'floats'],
  ])('%j: %s', (lines, expected) => {
    expect(role(x, lines, w)).toBe(expected);
  });

  it('are added to scores where at most three nodes lie between', () => {
    const chain = (length: number): readonly string[] => [
      'Add(s, x) -> v0',
      ...Array.from({ length }, (_, at) => `Clip(v${at}) -> v${at + 1}`),
      `Softmax(v${length}) -> y`,
    ];
    expect([role(x, chain(3)), role(x, chain(4))]).toEqual(['additive-mask', 'floats']);
  });
});

describe('slots of fused attention', () => {
  it.each<readonly [op: string, slots: Readonly<Record<number, string>>]>([
    ['com.microsoft.GroupQueryAttention', { 5: 'lengths 1', 6: 'total-length', 10: 'additive-mask' }],
    ['com.microsoft.Attention', { 3: 'lengths 0', 5: 'additive-mask' }],
    ['com.microsoft.MultiHeadAttention', { 4: 'lengths 0', 5: 'additive-mask' }],
    ['Attention', { 3: 'additive-mask' }],
    ['Other', {}],
  ])('of %s: %j', (op, slots) => {
    for (let slot = 0; slot < 12; slot++) {
      const operands = (name: string): string => Array.from({ length: 12 }, (_, at) => (at === slot ? name : 'j')).join(', ');
      const wanted = slots[slot];
      const integers = role({ i: ['n'] }, [`${op}(${operands('i')}) -> y`]);
      expect([slot, integers]).toEqual([slot, wanted === undefined || wanted === 'additive-mask' ? 'mask' : wanted]);
      const floats = role(x, [`${op}(${operands('x')}) -> y`]);
      expect([slot, floats]).toEqual([slot, wanted === undefined || wanted === 'lengths 0' ? 'floats' : wanted]);
    }
    expect(role({ i: ['n', 't'] }, ['com.microsoft.Attention(j, j, j, i) -> y'])).toBe('mask');
  });
});

describe('what names and types decide', () => {
  it.each<readonly [inputs: NonNullable<Typed['inputs']>, lines: readonly string[], expected: string]>([
    [{ some_mask: ['n', 't'] }, ['Relu(some_mask) -> y'], 'mask'],
    [{ Mask: ['n', 1, 't'] }, ['Relu(Mask) -> y'], 'additive-mask'],
    [{ task: ['n', 1, 't'] }, ['Relu(task) -> y'], 'floats'],
    [{ b: ['n'] }, ['Relu(b) -> y'], 'mask'],
    [{ i_position: ['n', 't'] }, ['Relu(i_position) -> y'], 'positions '],
    [{ i_position: ['n', 't'] }, ['Gather(w, i_position) -> y'], 'positions 11'],
    [{ i: ['n', 't'] }, ['Cast(i) to=1 -> a', 'Mul(a, w) -> b', 'Cos(b) -> y'], 'positions '],
    [{ i: ['n', 't'] }, ['Cast(i) to=1 -> a', 'MatMul(a, w) -> b', 'Sin(b) -> y'], 'positions '],
    [{ i_total: [] }, ['Relu(i_total) -> y'], 'total-length'],
    [{ i_total: [1] }, ['Relu(i_total) -> y'], 'total-length'],
    [{ i_total: [2] }, ['Relu(i_total) -> y'], 'mask'],
    [{ i_total: [1, 1] }, ['Relu(i_total) -> y'], 'mask'],
    [{ i: [] }, ['Relu(i) -> y'], 'integers 2'],
    [{ i: [1] }, ['Relu(i) -> y'], 'integers 2'],
    [{ i_token_type: ['n', 't'] }, ['Relu(i_token_type) -> y'], 'integers 2'],
    [{ i_segment: ['n', 't'] }, ['Relu(i_segment) -> y'], 'integers 2'],
    [{ i_segment: ['n', 't'] }, ['Equal(i_segment, j) -> y'], 'mask'],
    [{ i: ['n', 't'] }, ['Relu(i) -> y'], 'mask'],
  ])('%j in %j: %s', (inputs, lines, expected) => {
    expect(role(inputs, lines, w)).toBe(expected);
  });

  it.each([
    [[], 'cache-branch'],
    [[1], 'cache-branch'],
    [[1, 1], 'mask'],
  ])('a condition of shape %j is a %s', (dims, expected) => {
    const made = modelFrom({ inputs: { b: dims, x: ['n'] }, lines: ['Relu(x) -> y'] });
    const choice = (name: string) => branch(name, [node('Relu', ['x'], [name])], name);
    const nodes = [
      node('Not', ['b'], ['c']),
      node('If', [expected === 'mask' ? 'c' : 'b'], ['y'], { attributes: [choice('then_branch'), choice('else_branch')] }),
    ];
    const chosen: Model = { ...made, graph: { ...made.graph, nodes: expected === 'mask' ? nodes : nodes.slice(1) } };
    expect(roleIn(chosen)).toBe(expected);
    const other: Model = { ...chosen, graph: { ...chosen.graph, inputs: chosen.graph.inputs.map((own) => ({ ...own, type: { elemType: INT64, dims: [] } })) } };
    expect(roleIn(other)).toBe('integers 2');
  });

  it.each([
    [DOUBLE, 'floats'],
    [FLOAT16, 'floats'],
    [BFLOAT16, 'floats'],
    [INT32, 'mask'],
    [UINT8, 'mask'],
  ])('type %i: %s', (elemType, expected) => {
    const made = modelFrom({ inputs: { x: ['n', 't'] }, lines: ['Relu(x) -> y'] });
    expect(roleIn({ ...made, graph: { ...made.graph, inputs: [{ name: 'x', type: { elemType, dims: ['n', 't'] } }] } })).toBe(expected);
  });
});

describe('constants', () => {
  const graph = graphOf(modelFrom({ inputs: { x: ['n'] }, lines: ['Transpose(u) -> t', 'Transpose(x) -> s', 'Add(t, s) -> y'], stored: w }));
  it('have the shape that nodes leave them', () => {
    expect([constantDims(graph, 'u'), constantDims(graph, 't'), constantDims(graph, 's'), constantDims(graph, 'x'), constantDims(graph, 'y')]).toEqual([
      [11, 3, 2],
      [2, 3, 11],
      null,
      null,
      null,
    ]);
  });

  it('are read as integers where there are few', () => {
    const read = (numbers: readonly number[], type: number, limit: number) => {
      const [tensor] = typed({ lines: ['Relu(x) -> y'], stored: { t: [[numbers.length], numbers, type] } }).graph.initializers;
      return tensor === undefined ? null : smallIntegers(tensor, limit);
    };
    expect(read([-3, 2 ** 40], INT64, 2)).toEqual([-3, 2 ** 40]);
    expect(read([-3, 70000], INT32, 2)).toEqual([-3, 70000]);
    expect([read([1, 2, 3], INT64, 2), read([1, 2, 3], INT32, 2), read([], INT64, 2), read([1], INT8, 2)]).toEqual([null, null, null, null]);
  });
});
