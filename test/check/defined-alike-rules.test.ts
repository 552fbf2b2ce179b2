/** What is computed like a divisor of the old graph: by the same operators from another value, which may have been moved, up to a depth. All that is said. */
import { describe, expect, test } from 'vitest';
import { allSaid, saidOf } from '../support/told.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

const one = (value: number): Stored => [[], [value]];
const stored: Readonly<Record<string, Stored>> = {
  ...{ none: one(0), two: one(2), third: one(3), minus: one(-3) },
  ...{ mask: [[2], [1, 0]], more: [[2], [1, 3]], less: [[2], [-1, 0]], mixed: [[2], [-1, 2]] },
  ...{ two1: [[1], [2]], third1: [[1], [3]], pair: [[2], [2, 2]], others: [[2], [-3, -3]] },
  u: [
    [2, 2],
    [1, 1, 1, 1],
  ],
};
type Dims = NonNullable<Typed['inputs']>;
const INPUTS: Dims = { x: ['n', 2], v: ['n', 2] };

function graph(lines: string, inputs: Dims): Typed {
  const all = lines.split(';');
  const read = new Set(lines.match(/\w+/g));
  return { inputs, lines: all, stored: Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))) };
}

/** What is said of a new branch `c`, whose sum times zero is added, but for parameters without gradients. */
function saidAt(old: string, branch: string, inputs: Dims = INPUTS): readonly string[] {
  const before = graph(`${old};ReduceSum(o) keepdims=0 -> so;Sub(x, so) -> y`, INPUTS);
  const after = graph(
    `${old};${branch};ReduceSum(o) keepdims=0 -> so;Sub(x, so) -> diff;ReduceSum(c) keepdims=0 -> sc;Mul(sc, none) -> zero;Add(diff, zero) -> y`,
    inputs,
  );
  return saidOf(typed(before), typed(after)).filter((line) => !line.startsWith('dead '));
}
const open = (said: readonly string[]): readonly string[] => said.map((line) => line.replace(/^unproved node n\d+ \(\w+\): /, ''));
const PROVED = ['proved'];
const OPEN = ['not proved', 'Reciprocal: nothing shows that operand 0 is not zero in what is new'];

const MOVES = [
  'Identity(IN) -> OUT',
  'Cast(IN) to=11 -> k;Cast(k) to=1 -> OUT',
  'Reshape(IN, [2,-1]) -> OUT',
  'Flatten(IN) axis=0 -> OUT',
  'Transpose(IN) perm=[1,0] -> OUT',
  'Unsqueeze(IN, [0]) -> OUT',
  'Unsqueeze(IN, [0]) -> k;Squeeze(k, [0]) -> OUT',
  'Expand(IN, [3,1,2]) -> OUT',
  'Slice(IN, [1], [2], [1]) -> OUT',
  'Gather(IN, [1,0,1]) axis=1 -> OUT',
];
const OTHERS = [
  'Tile(IN, [1,2]) -> OUT',
  'ReduceMax(IN, [1]) -> OUT',
  'Neg(IN) -> OUT',
  'Relu(IN) -> OUT',
  'Concat(IN, IN) axis=1 -> OUT',
  'Split(IN) axis=1 num_outputs=2 -> OUT k',
];
const between = (line: string, from: string, to: string): string => line.replace('IN, IN', `${from}, ${from}`).replace('IN', from).replace('OUT', to);

describe('what is moved', () => {
  test.each(MOVES)('%s', (line) => {
    expect(saidAt('Sin(v) -> e;Reciprocal(e) -> o', `${between(line, 'x', 'm')};Sin(m) -> f;Reciprocal(f) -> c`)).toEqual(PROVED);
    expect(saidAt('Sin(v) -> e;Reciprocal(e) -> o', `Sin(x) -> m;${between(line, 'm', 'f')};Reciprocal(f) -> c`)).toEqual(PROVED);
    expect(saidAt(`Sin(v) -> d;${between(line, 'd', 'e')};Reciprocal(e) -> o`, 'Sin(x) -> f;Reciprocal(f) -> c')).toEqual(PROVED);
    expect(open(saidAt('Sin(v) -> e;Reciprocal(e) -> o', `${between(line, 'x', 'm')};Cos(m) -> f;Reciprocal(f) -> c`))).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
  test.each(OTHERS)('and what is not: %s', (line) => {
    expect(open(saidAt('Sin(v) -> e;Reciprocal(e) -> o', `Sin(x) -> m;${between(line, 'm', 'f')};Reciprocal(f) -> c`))).toEqual(OPEN);
    expect(open(saidAt(`Sin(v) -> d;${between(line, 'd', 'e')};Reciprocal(e) -> o`, 'Sin(x) -> f;Reciprocal(f) -> c'))).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('operands in another order', () => {
  const pair = (op: string, [a, b]: readonly [string, string]): string => `Sin(v) -> s1;Cos(v) -> s2;${op}(${a}, ${b}) -> e;Reciprocal(e) -> o`;
  const branch = (op: string): string => `Sin(x) -> r1;Cos(x) -> r2;${op}(r1, r2) -> f;Reciprocal(f) -> c`;
  test.each(['Add', 'Mul', 'Max', 'Min'])('%s', (op) => {
    expect(saidAt(pair(op, ['s1', 's2']), branch(op))).toEqual(PROVED);
    expect(saidAt(pair(op, ['s2', 's1']), branch(op))).toEqual(PROVED);
    expect(allSaid()).toMatchSnapshot();
  });
  test.each(['Sub', 'Sum', 'Mean', 'PRelu'])('%s', (op) => {
    expect(saidAt(pair(op, ['s1', 's2']), branch(op))).toEqual(PROVED);
    expect(open(saidAt(pair(op, ['s2', 's1']), branch(op)))).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('numbers that leave something out of a sum', () => {
  const SUMS = ['ReduceSum(IN, [1]) -> OUT', 'ReduceMean(IN, [1]) -> OUT', 'MatMul(IN, u) -> OUT', 'Einsum(IN, u) equation=ij,jk->ik -> OUT'];
  const NONE = ['ReduceMax(IN, [1]) -> OUT', 'CumSum(IN, [1]) -> OUT', 'Identity(IN) -> OUT'];
  const said = (line: string, number: string): readonly string[] =>
    saidAt(`Add(v, two) -> d;${between(line, 'd', 'e')};Reciprocal(e) -> o`, `Add(x, ${number}) -> m;${between(line, 'm', 'f')};Reciprocal(f) -> c`);
  test.each(SUMS)('%s', (line) => {
    for (const number of ['two', 'mask', 'more']) expect([number, said(line, number)]).toEqual([number, PROVED]);
    for (const number of ['third', 'minus', 'less', 'mixed']) expect([number, open(said(line, number))]).toEqual([number, OPEN]);
    const masked = (made: string): readonly string[] =>
      open(
        saidAt(`Add(v, two) -> d;${between(line, 'd', 'e')};Reciprocal(e) -> o`, `${made} -> k;Add(x, k) -> m;${between(line, 'm', 'f')};Reciprocal(f) -> c`),
      );
    expect(masked('Mul(two, mask)')).toEqual(PROVED);
    for (const made of ['Mul(minus, mask)', 'Mul(x, mask)', 'Relu(x) -> r;Mul(r, mask)', 'Add(two, mask)']) expect([made, masked(made)]).toEqual([made, OPEN]);
    expect(allSaid()).toMatchSnapshot();
  });
  test.each(NONE)('%s is no sum', (line) => {
    expect(said(line, 'two')).toEqual(PROVED);
    for (const number of ['third', 'mask', 'more', 'minus', 'less', 'mixed']) expect([number, open(said(line, number))]).toEqual([number, OPEN]);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('what attributes and axes say', () => {
  test.each<readonly [old: string, branch: string, isShown: boolean]>([
    ['ReduceMean(v, [1]) -> d', 'ReduceMean(x, [1]) -> f', true],
    ['ReduceMean(v, [1]) -> d', 'ReduceMean(x, [0]) -> f', false],
    ['ReduceMean(v, [1]) keepdims=0 -> d', 'ReduceMean(x, [1]) keepdims=1 -> f', false],
    ['ReduceMean(v) -> d', 'ReduceMean(x) -> f', true],
    ['ReduceMean(v) -> d', 'ReduceMean(x, [0,1]) -> f', false],
    ['CumSum(v, [0]) -> d', 'CumSum(x, [1]) -> f', false],
    ['CumSum(v, [0]) -> d', 'CumSum(x, [0]) reverse=1 -> f', false],
    ['Softmax(v) axis=1 -> d', 'Softmax(x) axis=0 -> f', false],
    ['LeakyRelu(v) alpha=0.5 -> d', 'LeakyRelu(x) alpha=-0.5 -> f', false],
    ['LeakyRelu(v) alpha=0.5 -> d', 'LeakyRelu(x) alpha=0.5 -> f', true],
    ['Split(v) axis=1 num_outputs=2 -> d k', 'Split(x) axis=1 num_outputs=2 -> f l', true],
    ['Split(v) axis=1 num_outputs=2 -> d k', 'Split(x) axis=0 num_outputs=2 -> f l', false],
  ])('%s, and then %s', (old, branch, isShown) => {
    expect(open(saidAt(`${old};Sin(d) -> e;Reciprocal(e) -> o`, `${branch};Sin(f) -> g;Reciprocal(g) -> c`))).toEqual(isShown ? PROVED : OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

test('numbers are the same whatever their rank, and lists are lists', () => {
  const said = (was: string, is: string): readonly string[] =>
    open(saidAt(`Add(v, ${was}) -> d;Sin(d) -> e;Reciprocal(e) -> o`, `Add(x, ${is}) -> f;Sin(f) -> g;Reciprocal(g) -> c`));
  for (const [was, is] of [
    ['two', 'two1'],
    ['two1', 'two1'],
    ['pair', 'others'],
  ] as const)
    expect([was, is, said(was, is)]).toEqual([was, is, PROVED]);
  for (const [was, is] of [
    ['two', 'third1'],
    ['two1', 'third1'],
    ['two', 'pair'],
    ['pair', 'two'],
  ] as const)
    expect([was, is, said(was, is)]).toEqual([was, is, OPEN]);
  expect(allSaid()).toMatchSnapshot();
});

test('so many steps are compared', () => {
  const steps = (count: number, first: string, from: string, to: string): string =>
    [`${first}(${from}) -> ${to}0`, ...Array.from({ length: count }, (_, k) => `Sin(${to}${k}) -> ${to}${k + 1}`)].join(';');
  const said = (count: number, first: string): readonly string[] =>
    open(saidAt(`${steps(count, 'Cos', 'v', 'a')};Reciprocal(a${count}) -> o`, `${steps(count, first, 'x', 'b')};Reciprocal(b${count}) -> c`));
  for (const count of [1, 6, 7, 8, 9]) expect([count, said(count, 'Cos')]).toEqual([count, PROVED]);
  for (const count of [1, 6, 7]) expect([count, said(count, 'Tan')]).toEqual([count, OPEN]);
  for (const count of [8, 9]) expect([count, said(count, 'Tan')]).toEqual([count, PROVED]);
  expect(allSaid()).toMatchSnapshot();
});

describe('an input that only the new graph has', () => {
  const said = (dims: readonly (number | string)[], branch: string, old = 'Sin(v) -> e;Reciprocal(e) -> o'): readonly string[] =>
    open(saidAt(old, branch, { ...INPUTS, k: dims })).filter((line) => line !== 'refuted input k: is new');
  const branch = 'Sin(k) -> f;Reciprocal(f) -> c';
  test('may stand for an old one of its shape', () => {
    expect(said(['n', 2], branch)).toEqual(['not proved']);
    for (const dims of [['n', 3], ['m', 2], ['n'], ['n', 2, 1], [2, 2]]) expect([dims, said(dims, branch)]).toEqual([dims, OPEN]);
    expect(allSaid()).toMatchSnapshot();
  });
  test('but not for a value, nor as a divisor itself', () => {
    expect(said(['n', 2], 'Reciprocal(k) -> c', 'Reciprocal(v) -> o')).toEqual(OPEN);
    expect(said(['n', 2], branch, 'Cos(v) -> d;Sin(d) -> e;Reciprocal(e) -> o')).toEqual(OPEN);
    expect(said(['n', 2], 'Cos(k) -> l;Sin(l) -> f;Reciprocal(f) -> c')).toEqual(OPEN);
    expect(said(['n', 2], 'Add(k, k) -> l;Sin(l) -> f;Reciprocal(f) -> c', 'Add(v, x) -> d;Sin(d) -> e;Reciprocal(e) -> o')).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('an old value in the place of another', () => {
  test.each<readonly [old: string, branch: string, isShown: boolean]>([
    // of another shape
    ['Sin(v) -> e;Reciprocal(e) -> o', 'ReduceMin(x, [1]) -> w;Sin(w) -> f;Reciprocal(f) -> c', false],
    // of a known sign
    ['Relu(v) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Cos(x) -> f;Reciprocal(f) -> c', false],
    ['Tan(v) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Cos(x) -> f;Reciprocal(f) -> c', true],
    // less than itself
    ['Cos(v) -> e;Reciprocal(e) -> o', 'Mul(x, minus) -> w;Cos(w) -> f;Reciprocal(f) -> c', false],
    ['Cos(v) -> e;Reciprocal(e) -> o', 'Mul(x, two) -> w;Cos(w) -> f;Reciprocal(f) -> c', true],
    // more operands, fewer operands, another result
    ['Sin(v) -> g;Sum(g, x) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Sin(x) -> h;Sum(h, v, v) -> w;Cos(w) -> f;Reciprocal(f) -> c', false],
    ['Sin(v) -> g;Sum(g, x) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Sin(x) -> h;Sum(h, v) -> w;Cos(w) -> f;Reciprocal(f) -> c', false],
    ['TopK(v, [1]) -> d di;Cos(d) -> e;Reciprocal(e) -> o', 'TopK(x, [1]) -> w wi;Cos(w) -> f;Reciprocal(f) -> c', true],
    ['TopK(v, [1]) -> d di;Cast(di) to=1 -> e;Reciprocal(e) -> o', 'TopK(x, [1]) -> w wi;Reciprocal(w) -> c', false],
    // two variables
    ['Add(v, x) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Add(x, x) -> w;Cos(w) -> f;Reciprocal(f) -> c', true],
    ['Add(v, v) -> d;Cos(d) -> e;Reciprocal(e) -> o', 'Add(x, v) -> w;Cos(w) -> f;Reciprocal(f) -> c', false],
  ])('%s, and then %s', (old, branch, isShown) => {
    expect(open(saidAt(old, branch))).toEqual(isShown ? PROVED : OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});
