/** Masks of minus infinity in what is new: where they stand, what else is done to them, and what is chosen where a row is masked whole. All that is said. */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, saidOf } from '../support/told.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

const one = (value: number, type = DataType.FLOAT): Stored => [[], [value], type];
const stored: Readonly<Record<string, Stored>> = {
  ...{ none: one(0), two: one(2), third: one(3), minus: one(-3), far: one(-1e4), low: one(-3e38), least: one(-Infinity) },
  ...{
    row: [
      [1, 2],
      [0, -Infinity],
    ],
    other: [
      [1, 2],
      [-Infinity, 0],
    ],
    mixed: [[2], [-1, 2]],
    h0: [[], [0], DataType.FLOAT16],
  },
  ...{ half: [[], [-6e4], DataType.FLOAT16], small: [[], [-1e3], DataType.FLOAT16] },
};
const INPUTS: NonNullable<Typed['inputs']> = {
  x: ['n', 2],
  v: ['n', 2],
  m: ['n', 2],
  a: ['n', 1],
  z: ['b', 'n', 2],
  zt: ['b', 'n', 2],
  il: ['b'],
  im: ['b'],
  it: [],
  ic: ['n', 2],
};

function graph(lines: string): Typed {
  const all = lines.split(';');
  const read = new Set(lines.match(/\w+/g));
  return { inputs: INPUTS, lines: all, stored: Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))) };
}

/** What is said of a new branch `c`, whose sum times zero is added, but for parameters without gradients. */
function saidAt(old: string, branch: string): readonly string[] {
  const first = `Greater(m, none) -> b;${old}`;
  const before = graph(`${first};ReduceSum(o) keepdims=0 -> so;Sub(x, so) -> y`);
  const after = graph(
    `${first};${branch};ReduceSum(o) keepdims=0 -> so;Sub(x, so) -> diff;ReduceSum(c) keepdims=0 -> sc;Mul(sc, none) -> zero;Add(diff, zero) -> y`,
  );
  return saidOf(typed(before), typed(after))
    .filter((line) => !line.startsWith('dead '))
    .map((line) => line.replace(/^unproved node n\d+ \(([\w.]+)\): \1/, 'unproved'));
}
const PROVED = ['proved'];
const OPEN = ['not proved', 'unproved: nothing shows that minus infinity stands only where the old graph masks, in what is new'];

/** Each new branch, and whether it is proved; `refuted` ones hold a constant of minus infinity that is new. */
const cases = (old: string, branches: Readonly<Record<string, boolean | 'refuted'>>): void =>
  test.each(Object.entries(branches))(`${old}, and then %s`, (branch, isShown) => {
    const said = saidAt(old, branch);
    if (isShown === 'refuted') expect(said).toEqual(['not proved', expect.stringContaining('what it computes with is not finite')]);
    else expect(said).toEqual(isShown ? PROVED : OPEN);
    expect(allSaid()).toMatchSnapshot();
  });

describe('scores that are chosen', () =>
  cases('Where(b, v, least) -> d;Softmax(d) axis=1 -> o', {
    'Where(b, x, least) -> f;Softmax(f) axis=1 -> c': true,
    'Greater(m, none) -> b1;Where(b1, x, least) -> f;Softmax(f) axis=1 -> c': true,
    'Softmax(x) axis=1 -> c': true,
    'Where(b, x, far) -> f;Softmax(f) axis=1 -> c': true,
    'Where(b, far, x) -> f;Softmax(f) axis=1 -> c': true,
    'Where(b, least, x) -> f;Softmax(f) axis=1 -> c': false,
    'Where(b, least, least) -> f;Softmax(f) axis=1 -> c': false,
    'Where(b, x, low) -> f;Softmax(f) axis=1 -> c': false,
    'Not(b) -> b1;Where(b1, x, least) -> f;Softmax(f) axis=1 -> c': false,
    'Less(m, none) -> b1;Where(b1, x, least) -> f;Softmax(f) axis=1 -> c': false,
    'Greater(m, two) -> b1;Where(b1, x, least) -> f;Softmax(f) axis=1 -> c': false,
    'Greater(x, none) -> b1;Where(b1, x, least) -> f;Softmax(f) axis=1 -> c': false,
    'Where(b, x, least) -> f;Softmax(f) axis=0 -> c': false,
    'Where(b, x, least) -> f;Exp(f) -> c': false,
    'Where(b, x, row) -> f;Softmax(f) axis=1 -> c': 'refuted',
  }));

describe('scores and a mask', () =>
  cases('Where(b, none, least) -> k;Add(v, k) -> d;Softmax(d) axis=1 -> o', {
    'Add(x, k) -> f;Softmax(f) axis=1 -> c': true,
    'Add(k, x) -> f;Softmax(f) axis=1 -> c': true,
    'Where(b, none, least) -> l;Add(x, l) -> f;Softmax(f) axis=1 -> c': true,
    'Where(b, two, least) -> l;Add(x, l) -> f;Softmax(f) axis=1 -> c': true,
    'Sub(x, k) -> f;Softmax(f) axis=1 -> c': false,
    'Add(k, k) -> f;Softmax(f) axis=1 -> c': false,
    'Where(b, least, none) -> l;Add(x, l) -> f;Softmax(f) axis=1 -> c': false,
    'Min(x, k) -> f;Softmax(f) axis=1 -> c': false,
  }));

describe('a difference, whose operands have places', () =>
  cases('Where(b, none, least) -> k;Neg(k) -> l;Sub(v, l) -> d;Softmax(d) axis=1 -> o', {
    'Sub(x, l) -> f;Softmax(f) axis=1 -> c': true,
    'Sub(l, x) -> f;Softmax(f) axis=1 -> c': false,
  }));

describe('the lowest numbers of a type count as infinite', () => {
  cases('Where(b, v, low) -> d;Softmax(d) axis=1 -> o', {
    'Where(b, x, low) -> f;Softmax(f) axis=1 -> c': true,
    'Where(b, low, low) -> f;Softmax(f) axis=1 -> c': false,
    'Where(b, x, least) -> f;Softmax(f) axis=1 -> c': 'refuted',
    'Where(b, far, far) -> f;Softmax(f) axis=1 -> c': true,
  });
  cases('Cast(v) to=10 -> g;Where(b, g, half) -> d;Softmax(d) axis=1 -> o1;Cast(o1) to=1 -> o', {
    'Cast(x) to=10 -> h;Where(b, h, half) -> f;Softmax(f) axis=1 -> c1;Cast(c1) to=1 -> c': true,
    'Cast(x) to=10 -> h;Where(b, half, h) -> f;Softmax(f) axis=1 -> c1;Cast(c1) to=1 -> c': false,
    'Cast(x) to=10 -> h;Where(b, small, h) -> f;Softmax(f) axis=1 -> c1;Cast(c1) to=1 -> c': true,
  });
});

describe('what is done to masked scores', () => {
  const masked = 'Where(b, v, least) -> d';
  cases(`${masked};Mul(d, two) -> e;Softmax(e) axis=1 -> o`, {
    'Where(b, x, least) -> f;Mul(f, two) -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;Mul(third, f) -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;Mul(f, minus) -> g;Softmax(g) axis=1 -> c': false,
    'Where(b, x, least) -> f;Mul(f, mixed) -> g;Softmax(g) axis=1 -> c': false,
    'Where(b, x, least) -> f;Mul(f, x) -> g;Softmax(g) axis=1 -> c': false,
    'Where(b, x, least) -> f;Softmax(f) axis=1 -> c': false,
  });
  cases(`${masked};Mul(d, a) -> e;Softmax(e) axis=1 -> o`, {
    'Where(b, x, least) -> f;Mul(f, a) -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;Mul(f, v) -> g;Softmax(g) axis=1 -> c': false,
  });
  cases(`${masked};Concat(d, a) axis=1 -> e;Softmax(e) axis=1 -> o`, {
    'Where(b, x, least) -> f;Concat(f, a) axis=1 -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;ReduceMax(x, [1]) -> u;Concat(f, u) axis=1 -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;Concat(a, f) axis=1 -> g;Softmax(g) axis=1 -> c': false,
    'Where(b, x, least) -> f;Concat(f, f) axis=1 -> g;Softmax(g) axis=1 -> c': false,
    'Where(b, x, least) -> f;Concat(f, a, a) axis=1 -> g;Softmax(g) axis=1 -> c': false,
  });
  cases(`${masked};Slice(d, [0], [1], [0]) -> e;Softmax(e) axis=1 -> o`, {
    'Where(b, x, least) -> f;Slice(f, [0], [1], [0]) -> g;Softmax(g) axis=1 -> c': true,
    'Where(b, x, least) -> f;Slice(f, [0], [1], [1]) -> g;Softmax(g) axis=1 -> c': false,
  });
  cases(`${masked};Reshape(d, [1,-1,2]) -> e;Softmax(e) axis=-1 -> o`, {
    'Where(b, x, least) -> f;Reshape(f, [-1,1,2]) -> g;Softmax(g) axis=-1 -> c': true,
    'Where(b, x, least) -> f;Reshape(f, [-1,1]) -> g;Softmax(g) axis=-1 -> c': false,
  });
  cases(`${masked};Transpose(d) perm=[1,0] -> e;Softmax(e) axis=0 -> o`, {
    'Where(b, x, least) -> f;Transpose(f) perm=[1,0] -> g;Softmax(g) axis=0 -> c': true,
    'Where(b, x, least) -> f;Transpose(f) perm=[0,1] -> g;Softmax(g) axis=0 -> c': false,
  });
});

describe('masks that stand in the file', () =>
  cases('Add(v, row) -> d;Softmax(d) axis=1 -> o', {
    'Add(x, row) -> f;Softmax(f) axis=1 -> c': true,
    'Add(x, other) -> f;Softmax(f) axis=1 -> c': 'refuted',
    'Add(x, least) -> f;Softmax(f) axis=1 -> c': 'refuted',
    'Unsqueeze(row, [0]) -> r;Add(z, r) -> f;Softmax(f) axis=1 -> c': false,
  }));

describe('a softmax that is spelled out', () => {
  const spelled = (from: string, to: string, [p, q, r, t]: string, axis = 1): string =>
    `ReduceMax(${from}, [${axis}]) -> ${p};Sub(${from}, ${p}) -> ${q};Exp(${q}) -> ${r};ReduceSum(${r}, [1]) -> ${t};Div(${r}, ${t}) -> ${to}`;
  const old = `Where(b, v, least) -> d;${spelled('d', 'o', 'efgh')}`;
  test('with the same maximum', () => expect(saidAt(old, `Where(b, x, least) -> k;${spelled('k', 'c', 'pqrt')}`)).toEqual(PROVED));
  test('with one over another dimension', () => expect(saidAt(old, `Where(b, x, least) -> k;${spelled('k', 'c', 'pqrt', 0)}`)).toEqual(OPEN));
  test('with other choices', () => expect(saidAt(old, `Where(b, least, x) -> k;${spelled('k', 'c', 'pqrt')}`)).toEqual(OPEN));
});

describe('zeros in the place of what is no number', () => {
  const [was, is] = ['Where(b, v, least) -> d;Softmax(d) axis=1 -> p', 'Where(b, x, least) -> f;Softmax(f) axis=1 -> r'];
  cases(`${was};IsNaN(p) -> q;Where(q, none, p) -> o`, {
    [`${is};IsNaN(r) -> t;Where(t, none, r) -> c`]: true,
    [`${is};IsNaN(r) -> t;Where(t, r, none) -> c`]: false,
    [`${is};IsNaN(r) -> t;Where(t, two, r) -> c`]: true,
    [`${is};IsNaN(r) -> t0;Not(t0) -> t;Where(t, none, r) -> c`]: false,
    [`${is};IsInf(r) -> t;Where(t, none, r) -> c`]: false,
    [`${is};IsNaN(r) -> t;Where(t, none, r) -> c0;Add(c0, r) -> c`]: false,
    [`${is};Identity(r) -> c`]: false,
    'Softmax(x) axis=1 -> c': true,
  });
  cases(`${was};Cast(p) to=11 -> q0;IsNaN(q0) -> q;Where(q, none, p) -> o`, {
    [`${is};Cast(r) to=11 -> t0;IsNaN(t0) -> t;Where(t, none, r) -> c`]: true,
    [`${is};Cast(r) to=11 -> t0;IsNaN(t0) -> t;Where(t, r, none) -> c`]: false,
    [`${is};Cast(r) to=11 -> c1;Cast(c1) to=1 -> c`]: false,
  });
  cases(`${was};Equal(d, least) -> q;Where(q, none, p) -> o`, {
    [`${is};Equal(f, least) -> t;Where(t, none, r) -> c`]: true,
    [`${is};Equal(f, least) -> t;Where(t, r, none) -> c`]: false,
    [`${is};Equal(f, none) -> t;Where(t, none, r) -> c`]: false,
    [`${is};Equal(d, least) -> t;Where(t, none, r) -> c`]: true,
  });
});

/** Operators on masked scores: what stands in the old graph between mask and softmax, and operands that it has besides. */
describe('operators that masked scores go through', () => {
  const LINES = [
    'Identity(IN) -> OUT',
    'Cast(IN) to=11 -> OUT',
    'Dropout(IN) -> OUT',
    'Transpose(IN) perm=[1,0] -> OUT',
    'Unsqueeze(IN, [0]) -> OUT',
    'Unsqueeze(IN, [0]) -> MID;Squeeze(MID, [0]) -> OUT',
    'Reshape(IN, [-1,2]) -> OUT',
    'Unsqueeze(IN, [0]) -> MID;Expand(MID, [3,1,1]) -> OUT',
    'Flatten(IN) axis=1 -> OUT',
    'Tile(IN, [1,2]) -> OUT',
    'Trilu(IN) -> OUT',
    'Split(IN) axis=1 num_outputs=2 -> OUT MID',
    "Slice(IN, [0], [1], [0], '') -> OUT",
    'Gather(IN, [1,0]) axis=1 -> OUT',
    "Pad(IN, [0,0,0,1], '') -> OUT",
    'Pad(IN, [0,0,0,1], far) -> OUT',
    'Max(IN, far) -> OUT',
    'Min(IN, two) -> OUT',
    'Sum(IN, two) -> OUT',
    'Sub(IN, two) -> OUT',
    'Div(IN, two) -> OUT',
    'ReduceMax(IN, [0]) -> OUT',
    'ReduceMin(IN, [0]) -> OUT',
    'Neg(IN) -> MID;Neg(MID) -> OUT',
    'Greater(v, two) -> MID;Where(MID, IN, two) -> OUT',
  ];
  const between = (line: string, from: string, to: string, middle: string): string =>
    line.replaceAll('IN', from).replaceAll('OUT', to).replaceAll('MID', middle);
  test.each(LINES)('%s', (line) => {
    const saidOfChoices = (choices: string): readonly string[] =>
      saidAt(
        `Where(b, v, least) -> d;${between(line, 'd', 'e', 'd1')};Softmax(e) axis=-1 -> o`,
        `Where(b, ${choices}) -> f;${between(line, 'f', 'g', 'f1')};Softmax(g) axis=-1 -> c`,
      );
    expect(saidOfChoices('x, least')).toEqual(PROVED);
    expect(saidOfChoices('x, two')).toEqual(PROVED);
    expect(saidOfChoices('least, x')).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
  test('results of one operator have places', () => {
    const [old, branch] = ['Where(b, v, least) -> d;Split(d) axis=1 num_outputs=2 -> e e1', 'Where(b, x, least) -> f;Split(f) axis=1 num_outputs=2 -> g g1'];
    expect(saidAt(`${old};Softmax(e) axis=0 -> o`, `${branch};Softmax(g) axis=0 -> c`)).toEqual(PROVED);
    expect(saidAt(`${old};Softmax(e) axis=0 -> o`, `${branch};Softmax(g1) axis=0 -> c`)).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('masks that a constant begins', () =>
  test.each([
    'Shape(m) -> SZ;Expand(least, SZ) -> MK;Where(b, none, MK) -> ML',
    'Shape(m) -> SZ;Expand(least, SZ) -> MK;Trilu(MK) -> ML',
    'Cast(b) to=1 -> BF;Max(least, BF) -> MK;Min(MK, least) -> ML',
    'Cast(b) to=1 -> BF;Add(BF, two) -> MK;Mul(MK, least) -> ML',
    'Cast(b) to=1 -> BF;Add(BF, two) -> MK;Div(least, MK) -> ML',
    'Concat(m, row) axis=0 -> MK;Slice(MK, [0], [-1], [0]) -> ML',
    'Pad(m, [0,0,0,1], least) -> MK;Slice(MK, [1], [3], [1]) -> ML',
    'Gather(row, ic) axis=1 -> MK;ReduceMin(MK, [0]) keepdims=0 -> ML',
    'Sum(m, row) -> ML',
  ])('%s', (line) => {
    const mask = (k: string): string => line.replaceAll(/\b(SZ|MK|ML|BF)\b/g, (name) => `${name.toLowerCase()}${k}`);
    const old = `${mask('0')};Add(v, ml0) -> d;Softmax(d) axis=1 -> o`;
    expect(saidAt(old, `${mask('1')};Add(x, ml1) -> f;Softmax(f) axis=1 -> c`)).toEqual(PROVED);
    expect(saidAt(old, `${mask('1')};Sub(x, ml1) -> f;Softmax(f) axis=1 -> c`)).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  }));

describe('what is asked of masked scores, or closes them, is a number', () => {
  test.each(['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'IsNaN', 'IsInf'])('%s', (op) => {
    const asked = /^Is/.test(op) ? `${op}(f)` : `${op}(f, two)`;
    expect(saidAt('Where(b, v, least) -> d;Softmax(d) axis=1 -> o', `Where(b, least, x) -> f;${asked} -> q;Cast(q) to=1 -> c`)).toEqual(PROVED);
  });
  test('Shape', () =>
    expect(saidAt('Where(b, v, least) -> d;Softmax(d) axis=1 -> o', 'Where(b, least, x) -> f;Shape(f) -> q;Cast(q) to=1 -> c')).toEqual(PROVED));
  test.each(['Exp', 'Sigmoid', 'Tanh', 'Relu', 'Softmax'])('%s', (op) => {
    const close = (from: string, to: string): string => `${op}(${from}) -> ${to}`;
    const old = `Where(b, v, least) -> d;${close('d', 'o')}`;
    expect(saidAt(old, `Where(b, x, least) -> f;${close('f', 'g')};ReduceMax(g) -> c`)).toEqual(PROVED);
    expect(saidAt(old, `Where(b, least, x) -> f;${close('f', 'g')};ReduceMax(g) -> c`)).toEqual(OPEN);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('operands in another order', () =>
  test.each<readonly [old: string, branch: string, isShown: boolean]>([
    ['Where(b, v, least) -> d;Max(d, a) -> e', 'Where(b, x, least) -> f;Max(a, f) -> g', true],
    ['Where(b, v, least) -> d;Mul(d, two) -> e', 'Where(b, x, least) -> f;Mul(two, f) -> g', true],
    ['Where(b, v, least) -> d;Sub(d, a) -> e', 'Where(b, x, least) -> f;Sub(a, f) -> g', false],
    ['Where(b, v, least) -> d;Equal(d, least) -> k;Where(k, d, least) -> e', 'Where(b, x, least) -> f;Equal(least, f) -> l;Where(l, f, least) -> g', true],
    ['Greater(m, two) -> q;Or(b, q) -> k;Where(k, v, least) -> e', 'Or(q, b) -> l;Where(l, x, least) -> g', true],
    ['Greater(m, two) -> q;And(b, q) -> k;Where(k, v, least) -> e', 'Or(q, b) -> l;Where(l, x, least) -> g', false],
    [
      'Where(b, v, least) -> d;Equal(d, least) -> q;Or(b, q) -> k;Where(k, v, least) -> e',
      'Where(b, x, least) -> f;Equal(f, least) -> r;Or(r, b) -> l;Where(l, x, least) -> g',
      true,
    ],
  ])('%s, and then %s', (old, branch, isShown) => {
    expect(saidAt(`${old};Softmax(e) axis=1 -> o`, `${branch};Softmax(g) axis=1 -> c`)).toEqual(isShown ? PROVED : OPEN);
    expect(allSaid()).toMatchSnapshot();
  }));

describe('zeros that are chosen behind other operators', () => {
  const [was, is] = ['Where(b, v, least) -> d;Softmax(d) axis=1 -> p', 'Where(b, x, least) -> f;Softmax(f) axis=1 -> r'];
  cases(`${was};Transpose(p) perm=[1,0] -> q;Where(b, v, p) -> o1;Where(b, none, none) -> o2;Transpose(o2) perm=[1,0] -> o3;Where(b, o1, none) -> o`, {
    [`${is};Where(b, x, r) -> c`]: true,
    [`${is};Where(b, r, x) -> c`]: false,
  });
  cases(`${was};Identity(p) -> p1;IsNaN(p1) -> q;Where(q, none, v) -> o`, {
    [`${is};Identity(r) -> r1;IsNaN(r1) -> t;Where(t, none, x) -> c`]: true,
    [`${is};Neg(r) -> c`]: false,
    [`${is};Identity(r) -> r1;Neg(r1) -> c`]: false,
  });
  cases(`${was};Identity(p) -> p1;Neg(p1) -> o`, {
    [`${is};Neg(r) -> c`]: true,
    [`${is};Where(b, none, r) -> c`]: true,
  });
});

describe('which keys a whole attention block sees', () => {
  const block = (q: string, lengths: string, to: string): string =>
    `com.microsoft.GroupQueryAttention(${q}, ${q}, ${q}, '', '', ${lengths}, it) num_heads=1 kv_num_heads=1 -> ${to}`;
  cases(block('z', 'il', 'o'), {
    [block('zt', 'il', 'c')]: true,
    [block('zt', 'im', 'c')]: false,
    [`Add(il, it) -> ik;${block('zt', 'ik', 'c')}`]: false,
  });
  cases('Neg(z) -> o', { [block('zt', 'im', 'c')]: true });
});
