/** What one or a few operators say about axes: equal letters are one axis, `(b·c)` a product, `(b + c)` a sum. */
import { describe, expect, it } from 'vitest';
import { type Axis, factorsOf, find, segmentsOf } from '../../src/analysis/axis.ts';
import { analyze } from '../../src/analysis/graph-analysis.ts';
import { modelOf } from '../support/small-model.ts';

/** All inputs and results with their axes; a pinned axis is marked `!`. */
function axesText(inputs: Readonly<Record<string, readonly (number | string)[]>>, lines: readonly string[], opset = 18): string {
  const model = modelOf(inputs, lines, opset);
  const { axes, facts, flat } = analyze(model);
  const letters = new Map<Axis, string>();
  const print = (axis: Axis): string => {
    const root = find(axis);
    if (root.form === 'product') return `(${factorsOf(root).map(print).join('·')})`;
    if (root.form === 'sum') return `(${segmentsOf(root).map(print).join(' + ')})`;
    if (root.size === 1) return '1';
    if (!letters.has(root)) letters.set(root, String.fromCharCode(97 + letters.size));
    return `${letters.get(root) ?? ''}${root.pinned === null ? '' : '!'}`;
  };
  // a small constant has axes of its own at every use: shown are those of the first
  const axesAt = (name: string): readonly Axis[] => {
    const user = name.startsWith('w') ? flat.nodes.find((node) => node.inputs.includes(name)) : undefined;
    return (user === undefined ? axes.of(name) : axes.ofInput(user, user.inputs.indexOf(name))) ?? [];
  };
  const names = [...Object.keys(inputs), ...model.graph.nodes.flatMap((node) => node.outputs)];
  return names.map((name) => `${name}[${facts.values.get(name)?.dims === null ? '?' : axesAt(name).map(print).join(' ')}]`).join(' ');
}

const X = { x: [2, 3, 12] } as const;

it('a Reshape to a size that was written down decides a dimension declared free', () => {
  // t must be 6: 24·t·b elements become 6·3·b·8
  const lines = ['Shape(x) -> s', 'Gather(s, [1]) -> b', 'Mul(b, [3]) -> n', 'Concat([6], n, [8]) axis=0 -> i', 'Reshape(x, i) -> y'];
  expect(axesText({ x: ['t', 'b', 24] }, lines)).toMatch(/^x\[a b \(c·d\)\] .* y\[a \(b·c\) d\]$/);
  const { facts } = analyze(modelOf({ x: ['t', 'b', 24] }, lines, 18));
  expect([...facts.bindings]).toEqual([['t', 6]]);
});

describe('axes of one operator', () => {
  it.each<[string, Readonly<Record<string, readonly (number | string)[]>>, readonly string[], string, number?]>([
    ['Add broadcasts from the right', { x: [2, 3, 4], w: [4] }, ['Add(x, w) -> y'], 'x[a b c] w[c] y[a b c]'],
    ['Mul does not join a stretched dimension', { x: [2, 3], z: [2, 1] }, ['Mul(x, z) -> y'], 'x[a b] z[a 1] y[a b]'],
    ['MatMul', { x: [2, 5, 4], w: [4, 7] }, ['MatMul(x, w) -> y'], 'x[a b c] w[c d] y[a b d]'],
    ['MatMul of stacks', { x: [2, 3, 5, 4], z: [2, 3, 4, 6] }, ['MatMul(x, z) -> y'], 'x[a b c d] z[a b d e] y[a b c e]'],
    ['MatMul broadcasts a stack of one', { x: [2, 3, 5, 4], z: [2, 1, 4, 6] }, ['MatMul(x, z) -> y'], 'x[a b c d] z[a 1 d e] y[a b c e]'],
    ['Gemm', { x: [5, 4], w: [4, 7], wb: [7] }, ['Gemm(x, w, wb) -> y'], 'x[a b] w[b c] wb[c] y[a c]'],
    ['Gemm transposed', { x: [4, 5], w: [7, 4] }, ['Gemm(x, w) transA=1 transB=1 -> y'], 'x[a b] w[c a] y[b c]'],
    ['Einsum', { x: [2, 5, 3, 4], z: [2, 6, 3, 4] }, ['Einsum(x, z) equation=bqhd,bkhd->bhqk -> y'], 'x[a b c d] z[a e c d] y[a c b e]'],
    ['Conv', { x: [2, 3, 8, 8], w: [6, 3, 2, 2] }, ['Conv(x, w) strides=[2,2] -> y'], 'x[a b c d] w[e b f g] y[a e h i]'],
    ['Transpose', X, ['Transpose(x) perm=[2,0,1] -> y'], 'x[a b c] y[c a b]'],
    ['Transpose without perm', { x: [2, 3] }, ['Transpose(x) -> y'], 'x[a b] y[b a]'],
    ['Softmax', X, ['Softmax(x) axis=-1 -> y'], 'x[a b c] y[a b c]'],
    ['Softmax before opset 13 along the flattened rest', X, ['Softmax(x) axis=1 -> y'], 'x[a b c] y[a b c]', 11],
    ['ReduceMean with axes as an operand', X, ['ReduceMean(x, [-1]) keepdims=1 -> y'], 'x[a b c] y[a b 1]'],
    ['ReduceMean with axes as an attribute', X, ['ReduceMean(x) axes=[1] keepdims=0 -> y'], 'x[a b c] y[a c]', 13],
    ['ReduceMean over everything', X, ['ReduceMean(x) keepdims=0 -> y'], 'x[a b c] y[]', 13],
    ['Gather of a table', { w: [9, 4], i: [2, 3] }, ['Gather(w, i) axis=0 -> y'], 'w[a b] i[c d] y[c d b]'],
    ['Squeeze and Unsqueeze', { x: [2, 1, 4] }, ['Squeeze(x, [1]) -> s', 'Unsqueeze(s, [0]) -> y'], 'x[a 1 b] s[a b] y[1 a b]'],
    ['Expand', { x: [2, 1, 4] }, ['Expand(x, [2,3,4]) -> y'], 'x[a 1 b] y[a c b]'],
    ['Concat is a sum', { x: [2, 3], z: [2, 5] }, ['Concat(x, z) axis=-1 -> y'], 'x[a b] z[a c] y[a (b + c)]'],
    ['LayerNormalization', { x: [2, 3, 4], w: [4], wb: [4] }, ['LayerNormalization(x, w, wb) axis=-1 -> y'], 'x[a b c] w[c] wb[c] y[a b c]'],
  ])('%s', (_, inputs, lines, expected, opset) => {
    expect(axesText(inputs, lines, opset)).toBe(expected);
  });
});

describe('sizes computed in matrices', () => {
  it('follows pads as torch writes them: pairs, last dimension first', () => {
    const pads = ['Concat([0,0,0,3], [0,0]) axis=0 -> p', 'Reshape(p, [-1,2]) -> m', 'Slice(m, [-1], [-9223372036854775807], [0], [-1]) -> r'];
    const flat = ['Transpose(r) perm=[1,0] -> t', 'Reshape(t, [-1]) -> f', 'Pad(x, f) -> y'];
    // three elements behind dimension 1
    expect(axesText({ x: [2, 5, 4] }, [...pads, ...flat]).split(' y')[1]).toBe('[a (b + g) c]');
  });
});

describe('windows and experts', () => {
  it('keep the channels of a Reshape whose positions do not line up', () => {
    expect(axesText({ x: ['n', 'h', 12] }, ['Reshape(x, [-1,4,12]) -> y']).split(' y')[0]).toMatch(/ c\]$/);
    expect(axesText({ x: [2, 9, 12] }, ['Reshape(x, [3,6,12]) -> y'])).toBe('x[a! b! c] y[d! e! c]');
  });

  it('scatter rows into the dimensions they belong to', () => {
    expect(axesText({ x: [7, 12], i: [3, 12], u: [3, 12] }, ['ScatterElements(x, i, u) axis=0 -> y'])).toBe('x[a b] i[c b] u[c b] y[a b]');
  });
});

describe('Reshape', () => {
  it.each<[string, readonly number[], string]>([
    ['splits a dimension', [2, 3, 3, 4], 'x[a b (c·d)] y[a b c d]'],
    ['resolves 0 and −1', [0, 0, -1, 4], 'x[a b (c·d)] y[a b c d]'],
    ['merges dimensions', [6, 12], 'x[a b c] y[(a·b) c]'],
    ['merges and splits apart from each other', [-1, 2, 6], 'x[a b (c·d)] y[(a·b) c d]'],
  ])('%s', (_, target, expected) => {
    expect(axesText(X, [`Reshape(x, [${target.join()}]) -> y`])).toBe(expected);
  });

  it('pins what does not line up, with the rest alive', () => {
    expect(axesText({ x: [2, 4, 9] }, ['Reshape(x, [2,6,6]) -> y'])).toBe('x[a b! c!] y[a d! e!]');
  });

  it('splits a dimension that was seen before in every place', () => {
    expect(axesText({ x: [2, 12], w: [12, 12] }, ['MatMul(x, w) -> q', 'Reshape(q, [2,3,4]) -> h', 'Add(q, q) -> y'])).toBe(
      'x[a b] w[b (c·d)] q[a (c·d)] h[a c d] y[a (c·d)]',
    );
  });

  it('brings two splits of one dimension together', () => {
    expect(axesText({ x: [12, 5], z: [12, 5] }, ['Reshape(x, [2,6,5]) -> p', 'Reshape(z, [4,3,5]) -> q', 'Add(x, z) -> y'])).toBe(
      'x[(a·b·c) d] z[(a·b·c) d] p[a (b·c) d] q[(a·b) c d] y[(a·b·c) d]',
    );
  });
});

describe('cuts', () => {
  it.each<[string, Readonly<Record<string, readonly (number | string)[]>>, readonly string[], string, number?]>([
    ['Split by sizes', { x: [2, 9] }, ['Split(x, [4,5]) axis=1 -> p q'], 'x[a (b + c)] p[a b] q[a c]'],
    ['Split before opset 13', { x: [2, 9] }, ['Split(x) axis=1 split=[4,5] -> p q'], 'x[a (b + c)] p[a b] q[a c]', 11],
    ['Split in equal parts', { x: [2, 8] }, ['Split(x) axis=1 num_outputs=2 -> p q'], 'x[a (b + c)] p[a b] q[a c]'],
    [
      'Slice from and to the end',
      { x: [2, 9] },
      ['Slice(x, [0], [4], [1]) -> p', 'Slice(x, [4], [9007199254740991], [-1]) -> q'],
      'x[a (b + c)] p[a b] q[a c]',
    ],
    ['Slice counted from the end', { x: [2, 9] }, ['Slice(x, [-5], [9], [1]) -> q'], 'x[a (b + c)] q[a c]'],
    ['Slice of everything', { x: [2, 9] }, ['Slice(x, [0], [9], [1]) -> q'], 'x[a b] q[a b]'],
    ['Slice with a step', { x: [2, 8] }, ['Slice(x, [0], [8], [1], [2]) -> p'], 'x[a (b·c)] p[a b]'],
    [
      'rotate-half makes the halves one axis',
      { x: [2, 8] },
      ['Split(x, [4,4]) axis=1 -> p q', 'Concat(q, p) axis=1 -> r', 'Add(x, r) -> y'],
      'x[a (b + b)] p[a b] q[a b] r[a (b + b)] y[a (b + b)]',
    ],
    [
      'q, k and v packed for heads',
      { x: [2, 24] },
      ['Split(x, [8,8,8]) axis=1 -> q k v', 'Reshape(q, [2,2,4]) -> h'],
      'x[a ((b·c) + d + e)] q[a (b·c)] k[a d] v[a e] h[a b c]',
    ],
  ])('%s', (_, inputs, lines, expected, opset) => {
    expect(axesText(inputs, lines, opset)).toBe(expected);
  });
});

describe('computed shapes', () => {
  it('carry the axis an element came from', () => {
    const lines = [
      'Shape(x) -> s',
      'Gather(s, [0]) axis=0 -> b',
      'Gather(s, [1]) axis=0 -> t',
      'Concat(b, t, [3], [4]) axis=0 -> target',
      'Reshape(x, target) -> y',
    ];
    expect(axesText({ x: ['batch', 'tokens', 12] }, lines)).toMatch(/^x\[a b \(c·d\)\] .* y\[a b c d\]$/);
  });

  it('follow a product of sizes', () => {
    const lines = ['Shape(x) -> s', 'Slice(s, [0], [1]) -> b', 'Mul(b, [3]) -> n', 'Concat(n, [-1], [4]) axis=0 -> target', 'Reshape(x, target) -> y'];
    expect(axesText({ x: ['batch', 3, 'tokens', 4] }, lines)).toMatch(/^x\[a b c d\] .* y\[\(a·b\) c d\]$/);
  });
});

describe('an operator nobody has described', () => {
  it('leaves its dimensions unknown', () => {
    expect(axesText({ x: [2, 3] }, ['NoSuchOperator(x) -> y'])).toMatch(/^x\[a!? b!?\] y\[\??\]$/);
  });
});
