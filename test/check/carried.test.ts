import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { checkLines } from '../support/judgement.ts';
import { modelOf } from '../support/small-model.ts';
import { type Between, original, PLACES, widened } from '../support/widened.ts';

let said: (readonly string[])[] = [];
const proved = (old: Model, now: Model): boolean => {
  const result = checkModels(old, now);
  said.push(checkLines(result));
  return result.proved;
};
beforeEach(() => {
  said = [];
});
// all that is said of the pairs of a test
afterEach(() => {
  expect(said).toMatchSnapshot();
});
const between = (lines: readonly string[], weights?: Between['weights']): Between => ({ lines: () => lines, ...(weights && { weights }) });
/** A width of 3 inside a bigger one: a place in front, and one that is not in the old graph. */
const FOUR = [0, -1, 1, 2];

const INDICES = ['Cast(h) to=7 -> i', 'Sub(i, i) -> z'];
const STRETCHED = ['Gather(x, [0]) axis=2 -> f', 'Sign(f) -> g', 'Cast(g) to=7 -> i', 'Shape(h) -> s', 'Expand(i, s) -> z'];
/** The rows of h whose first number is above the bound, with `then` done to them, back at their places among zeros. */
const routed = (then: string, gate = 'Relu(f)'): readonly string[] => [
  'Squeeze(h, [0]) -> r',
  'Gather(x, [0]) axis=2 -> e',
  'Squeeze(e, [0,2]) -> f',
  `${gate} -> g`,
  'NonZero(g) -> n',
  'Transpose(n) perm=[1,0] -> p',
  'GatherND(r, p) -> o',
  `${then} -> q`,
  'Shape(r) -> s',
  'ConstantOfShape(s) -> zeros',
  'ScatterND(zeros, p, q) -> t',
  'Unsqueeze(t, [0]) -> c',
];
/** A table of two numbers for each index of the width, resized to the given sizes (0 stands for the width); the last of them is added to h. */
const resizedTable = (sizes: string, number: number): Between => ({
  lines: (width) => [
    `Resize(wt, '', '', ${sizes.replace('0', String(width))}) -> u`,
    'Gather(u, [2]) axis=2 -> g',
    'Transpose(g) perm=[0,2,1] -> t',
    'Add(h, t) -> c',
  ],
  weights: { wt: { dims: (width) => [1, width, 2], at: ([, i = 0, j = 0]) => (i < 0 ? 5 : number * i + j) } },
});
const vector = (numbers: readonly number[]): NonNullable<Between['weights']>[string] => ({
  dims: (width) => [width],
  at: ([i = 0]) => numbers[i] ?? 0.7,
});
const list = (numbers: readonly number[]): NonNullable<Between['weights']>[string] => ({ dims: () => [numbers.length], at: ([i = 0]) => numbers[i] ?? 0 });

describe('dimensions that an operator carries along', () => {
  test.each<readonly [string, Between, Between]>([
    ['Softmax', between(['Softmax(h) axis=1 -> c']), between(['Softmax(h) axis=2 -> c'])],
    ['CumSum', between(['CumSum(h, [1]) -> c']), between(['CumSum(h, [2]) -> c'])],
    ['TopK', between(['TopK(h, [2]) axis=1 -> c k']), between(['TopK(h, [3]) axis=1 -> c k'])],
    [
      'GatherElements of indices that are stretched',
      between([...STRETCHED, 'GatherElements(h, z) axis=1 -> c']),
      between([...STRETCHED, 'GatherElements(h, z) axis=2 -> c']),
    ],
    ['GatherElements', between([...INDICES, 'GatherElements(h, z) axis=1 -> c']), between([...INDICES, 'GatherElements(h, z) axis=2 -> c'])],
    [
      'ScatterElements',
      between([...INDICES, 'Mul(h, h) -> u', 'ScatterElements(h, z, u) axis=1 -> c']),
      between([...INDICES, 'Mul(h, h) -> u', 'ScatterElements(h, z, u) axis=1 reduction=add -> c']),
    ],
    ['GatherND and ScatterND', between(routed('Mul(o, o)')), between(routed('Mul(o, o)', 'Exp(f)'))],
    [
      'Trilu of other dimensions',
      between(['Transpose(h) perm=[2,0,1] -> t', 'Trilu(t) -> u', 'Transpose(u) perm=[1,2,0] -> c']),
      between(['Transpose(h) perm=[2,0,1] -> t', 'Trilu(t) upper=0 -> u', 'Transpose(u) perm=[1,2,0] -> c']),
    ],
    [
      'InstanceNormalization and its constants',
      between(['Transpose(h) perm=[0,2,1] -> t', 'InstanceNormalization(t, wg, wo) -> u', 'Transpose(u) perm=[0,2,1] -> c'], {
        wg: vector([0.4, 0.5, 0.6]),
        wo: vector([0, 0, 0]),
      }),
      between(['Transpose(h) perm=[0,2,1] -> t', 'InstanceNormalization(t, wg, wo) -> u', 'Transpose(u) perm=[0,2,1] -> c'], {
        wg: vector([0.4, 0.5, 0.6001]),
        wo: vector([0, 0, 0]),
      }),
    ],
    [
      'Resize of other dimensions',
      between(['Transpose(h) perm=[0,2,1] -> t', "Resize(t, '', ws) -> u", 'Transpose(u) perm=[0,2,1] -> c'], { ws: list([1, 1, 2]) }),
      between(['Transpose(h) perm=[0,2,1] -> t', "Resize(t, '', ws) -> u", 'Transpose(u) perm=[0,2,1] -> c'], { ws: list([1, 1, 3]) }),
    ],
    ['Resize of a table whose width grew', resizedTable('[1, 0, 3]', 0.3), resizedTable('[1, 0, 4]', 0.3)],
    ['Resize of a table with another number', resizedTable('[1, 0, 3]', 0.3), resizedTable('[1, 0, 3]', 0.3001)],
    ['Sub of a vector', between(['Sub(h, wg) -> c'], { wg: vector([0.4, 0.5, 0.6]) }), between(['Sub(h, wg) -> c'], { wg: vector([0.4, 0.5, 0.61]) })],
    ['Sub from a vector', between(['Sub(wg, h) -> c'], { wg: vector([0.4, 0.5, 0.6]) }), between(['Sub(h, wg) -> c'], { wg: vector([0.4, 0.5, 0.6]) })],
    [
      'Clip of a constant',
      between(['Clip(wg, wl, wh) -> u', 'Mul(h, u) -> c'], { wg: vector([0.4, 0.9, 0.6]), wl: scalar(0.5), wh: scalar(0.8) }),
      between(['Clip(wg, wl, wh) -> u', 'Mul(h, u) -> c'], { wg: vector([0.4, 0.9, 0.6]), wl: scalar(0.5), wh: scalar(0.81) }),
    ],
  ])('%s', (_, own, fault) => {
    expect(proved(original(own), widened(own, PLACES))).toBe(true);
    expect(proved(original(own), widened(fault, PLACES))).toBe(false);
    expect(proved(original(own), widened(own, PLACES, 0.1))).toBe(false);
  });
});

describe('dimensions along which places count', () => {
  test.each<readonly [string, Between, readonly number[]]>([
    ['Softmax mixes', between(['Softmax(h) axis=2 -> c']), PLACES],
    ['CumSum adds up', between(['CumSum(h, [2]) -> c']), PLACES],
    ['TopK sorts', between(['TopK(h, [3]) axis=2 -> d k', 'Expand(d, [1]) -> c']), FOUR],
    ['Trilu looks at rows and columns', between(['Trilu(h) -> c']), PLACES],
    ['EyeLike too', between(['Squeeze(h, [0]) -> r', 'Transpose(r) perm=[1,0] -> t', 'MatMul(t, r) -> u', 'EyeLike(u) k=1 -> e', 'MatMul(h, e) -> c']), PLACES],
    [
      'GatherElements of fewer indices than elements',
      between(['MatMul(x, wt) -> t', ...INDICES, 'GatherElements(t, z) axis=1 -> c'], { wt: { dims: () => [4, 6], at: ([i = 0, j = 0]) => i - 2 * j + 0.3 } }),
      FOUR,
    ],
    [
      'ScatterElements of fewer updates than elements',
      between(['MatMul(x, wu) -> u', 'Cast(u) to=7 -> i', 'Sub(i, i) -> z', 'ScatterElements(h, z, u) axis=1 -> c'], {
        wu: { dims: () => [4, 2], at: ([i = 0, j = 0]) => i - 2 * j + 0.3 },
      }),
      PLACES,
    ],
    [
      'the indices of MaxPool count over all dimensions',
      between(['Transpose(h) perm=[0,2,1] -> t', 'MaxPool(t) kernel_shape=[2] -> p i', 'Cast(i) to=1 -> f', 'Transpose(f) perm=[0,2,1] -> c']),
      PLACES,
    ],
    [
      'Resize by a factor that only happens to keep the size',
      between(['Transpose(h) perm=[0,2,1] -> t', "Resize(t, '', ws) -> u", 'Transpose(u) perm=[0,2,1] -> c'], { ws: list([1, 1.1, 2]) }),
      PLACES,
    ],
  ])('%s', (_, own, places) => {
    expect(proved(original(own), original(own))).toBe(true);
    expect(proved(original(own), widened(own, places))).toBe(false);
  });
});

describe('convolutions', () => {
  const ofEach = (change: number): Between => ({
    lines: (width) => ['Transpose(h) perm=[0,2,1] -> t', `Conv(t, wk) group=${width} pads=[1,0] -> u`, 'Transpose(u) perm=[0,2,1] -> c'],
    weights: { wk: { dims: (width) => [width, 1, 2], at: ([i = 0, , j = 0]) => 0.3 + i - 0.7 * j + (i === 2 ? change : 0) } },
  });

  test('of each channel alone carry channels along', () => {
    expect(proved(original(ofEach(0)), widened(ofEach(0), PLACES))).toBe(true);
    expect(proved(original(ofEach(0)), widened(ofEach(1e-6), PLACES))).toBe(false);
    expect(proved(original(ofEach(0)), widened(ofEach(0), PLACES, 0.1))).toBe(false);
  });

  test('in groups do not: the group of a channel depends on where it stands', () => {
    const inGroups: Between = {
      lines: () => ['MatMul(x, wx) -> a', 'Transpose(a) perm=[0,2,1] -> t', 'Conv(t, wk) group=3 -> u', 'Transpose(u) perm=[0,2,1] -> c'],
      weights: {
        wx: { dims: () => [4, 6], at: ([i = 0, j = 0]) => Math.sin(i + 5 * j) },
        wk: { dims: (width) => [width, 2, 1], at: ([i = 0, j = 0]) => 0.3 + i - 0.7 * j },
      },
    };
    // six channels of two numbers each, where there were three: the third one is read by the second group
    expect(proved(original(inGroups), original(inGroups))).toBe(true);
    expect(proved(original(inGroups), widened(inGroups, [0, -1, 1, 2, -1, -1]))).toBe(false);
  });
});

describe('new elements that are zero', () => {
  const zeroColumns = (lines: readonly string[], weights?: Between['weights']): boolean => {
    const own = between(lines, weights);
    return proved(original(own), widened(own, PLACES, 0.1, 0));
  };

  test.each<readonly [string, readonly string[], Between['weights']]>([
    ['Clip between bounds that hold zero', ['Clip(h, wl, wh) -> c'], { wl: scalar(-1), wh: scalar(2) }],
    ['Pad with zeros', ['Pad(h, [0,0,0,0,1,0]) -> c'], {}],
    ['GatherElements', [...INDICES, 'GatherElements(h, z) axis=1 -> c'], {}],
    ['ScatterElements of zeros', [...INDICES, 'Mul(h, h) -> u', 'ScatterElements(h, z, u) axis=1 -> c'], {}],
    ['ScatterND among zeros', routed('Mul(o, o)'), {}],
  ])('stay zero in %s', (_, lines, weights) => {
    expect(zeroColumns(lines, weights)).toBe(true);
  });

  test.each<readonly [string, readonly string[], Between['weights']]>([
    ['Clip to bounds above zero', ['Clip(h, wl, wh) -> c'], { wl: scalar(1), wh: scalar(2) }],
    ['Pad with a number', ['Pad(h, [0,0,0,0,1,0], wp) -> c'], { wp: scalar(3) }],
    ['ScatterElements of numbers', [...INDICES, 'Exp(h) -> u', 'ScatterElements(h, z, u) axis=1 -> c'], {}],
    ['ScatterND of numbers', routed('Exp(o)'), {}],
  ])('are no zeros behind %s', (_, lines, weights) => {
    expect(zeroColumns(lines, weights)).toBe(false);
  });
});

describe('an output that is another old value', () => {
  test('is blamed on the node where it parts from the old one', () => {
    const model = (second: string): Model =>
      modelOf({ x: ['T', 3] }, ['Relu(x) -> a', 'Exp(x) -> b', 'Mul(a, x) -> e', `Mul(${second}, x) -> f`, 'Tanh(e) -> g', 'Tanh(f) -> y'], 17);
    const result = checkModels(model('b'), model('a'));
    said.push(checkLines(result));
    expect(result.findings).toMatchObject([{ where: expect.stringContaining('n2') }]);
  });
});

function scalar(value: number): NonNullable<Between['weights']>[string] {
  return { dims: () => [], at: () => value };
}

describe('sizes that only a run decides', () => {
  const counted = (...gate: readonly string[]): Model => modelOf({ x: ['T'] }, [...gate, 'NonZero(g) -> n', 'Shape(n) -> s', 'Cast(s) to=1 -> y'], 17);

  test('are the old ones where the same values decide them', () => {
    expect(proved(counted('Relu(x) -> g'), counted('Relu(x) -> g'))).toBe(true);
    expect(proved(counted('Relu(x) -> g'), counted('NonZero(x) -> m', 'Relu(x) -> g'))).toBe(true);
  });

  test('are others where other values do', () => {
    expect(proved(counted('Relu(x) -> g'), counted('Exp(x) -> g'))).toBe(false);
  });

  test('Split by counts that only a run decides', () => {
    const parts = (bound: string): Between =>
      between([
        'Squeeze(h, [0]) -> r',
        'Gather(x, [0]) axis=2 -> e',
        'Squeeze(e, [0,2]) -> f',
        `${bound} -> g`,
        'NonZero(g) -> n',
        'Shape(n) -> s',
        'Gather(s, [1]) -> k',
        'Shape(r) -> t',
        'Gather(t, [0]) -> m',
        'Sub(m, k) -> l',
        'Concat(k, l) axis=0 -> j',
        'Split(r, j) axis=0 -> a b',
        'Neg(b) -> d',
        'Concat(a, d) axis=0 -> q',
        'Unsqueeze(q, [0]) -> c',
      ]);
    expect(proved(original(parts('Relu(f)')), widened(parts('Relu(f)'), PLACES))).toBe(true);
    expect(proved(original(parts('Relu(f)')), widened(parts('Exp(f)'), PLACES))).toBe(false);
  });
});

describe('BatchNormalization', () => {
  /** h normed with given statistics; `at` is what a new channel gets. */
  const normed = (at: { readonly bias: number; readonly mean: number }, gain = 0.4, attributes = ''): Between => {
    const list = (numbers: readonly number[], added: number): NonNullable<Between['weights']>[string] => ({
      dims: (width) => [width],
      at: ([i = 0]) => numbers[i] ?? added,
    });
    return between(['Transpose(h) perm=[0,2,1] -> t', `BatchNormalization(t, wg, wo, wm, wv)${attributes} -> u`, 'Transpose(u) perm=[0,2,1] -> c'], {
      wg: list([gain, 0.5, 0.6], 0.7),
      wo: list([0.1, 0.2, 0.3], at.bias),
      wm: list([0.3, 0.1, -0.2], at.mean),
      wv: list([1.3, 0.9, 0.7], 0.8),
    });
  };
  const none = { bias: 0, mean: 0 };

  test('carries channels along, and channels of zeros stay zeros where nothing is added to them', () => {
    expect(proved(original(normed(none)), widened(normed({ bias: 0.2, mean: 0.1 }), PLACES))).toBe(true);
    expect(proved(original(normed(none)), widened(normed(none), PLACES, 0.1, 0))).toBe(true);
  });

  test('is not proved where a channel may be no zero, or a parameter is another', () => {
    expect(proved(original(normed(none)), widened(normed({ bias: 0.2, mean: 0 }), PLACES, 0.1, 0))).toBe(false);
    expect(proved(original(normed(none)), widened(normed({ bias: 0, mean: 0.1 }), PLACES, 0.1, 0))).toBe(false);
    expect(proved(original(normed(none)), widened(normed(none, 0.41), PLACES))).toBe(false);
  });

  test('that takes its statistics from the batch is no such norm', () => {
    expect(proved(original(normed(none, 0.4, ' training_mode=1')), widened(normed({ bias: 0.2, mean: 0 }, 0.4, ' training_mode=1'), PLACES, 0.1, 0))).toBe(
      false,
    );
    expect(proved(original(normed(none)), widened(normed(none, 0.4, ' training_mode=1'), PLACES))).toBe(false);
  });
});
