/** What divides, or stands under a root or a logarithm, among what is new: its signs show that a number comes of it, or the old graph computes it alike. */
import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { checkLines } from '../support/judgement.ts';
import { type Stored, type Typed, typed } from '../support/typed-graph.ts';

const one = (value: number): Stored => [[], [value]];
const stored: Readonly<Record<string, Stored>> = {
  ...{ two: one(2), none: one(0), minus: one(-3), half: one(0.5), third: one(3), unit: one(1), lessHalf: one(-0.5), quarter: one(0.25), lessTwo: one(-2) },
  ...{ more: [[2], [1, 2]], mixed: [[2], [-1, 2]], mask: [[2], [1, 0]], less: [[2], [-1, 0]] },
  w: [
    [2, 2],
    [0.5, -1, 2, 0.25],
  ],
  pw: [
    [2, 2],
    [0.5, 1, 2, 0.25],
  ],
};
const inputs = { x: ['n', 2], v: ['n', 2] };

const graph = (lines: readonly string[]): Typed => {
  const all = lines.flatMap((line) => line.split(';')).filter((line) => line !== '');
  const read = new Set(all.flatMap((line) => line.match(/\w+/g) ?? []));
  return { inputs, lines: all, stored: Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name))) };
};

/** What is said of a new branch `c` whose product with zero is added. */
function saidOf(old: string, branch: string, opset = 21): readonly string[] {
  const before = graph([old, 'Sub(x, o) -> y']);
  const after = graph([old, branch, 'Mul(c, none) -> nil;Sub(x, o) -> diff;Add(diff, nil) -> y']);
  return checkLines(checkModels(typed({ ...before, opset }), typed({ ...after, opset })));
}

type Signs = '' | '-' | '0' | '+' | '-0' | '0+' | '-+' | '-0+';
/** Values in front: positive p, at least zero r, negative n, at most zero m, anything x. */
const BEFORE = 'Exp(v) -> p;Relu(v) -> r;Neg(p) -> n;Neg(r) -> m;Greater(x, two) -> g';
const variance = (square: string, squared: string): string =>
  `${square} -> c0;ReduceMean(c0, [1]) -> c1;ReduceMean(x, [1]) -> c2;${squared} -> c3;Sub(c1, c3) -> c`;
const ROWS: readonly (readonly [line: string, signs: Signs])[] = [
  ['Identity(x) -> c', '-0+'],
  ['Identity(p) -> c', '+'],
  ['Identity(r) -> c', '0+'],
  ['Identity(n) -> c', '-'],
  ['Identity(m) -> c', '-0'],
  ['Mul(x, two) -> c', '-0+'],
  ['Mul(r, more) -> c', '0+'],
  ['Mul(p, minus) -> c', '-'],
  ['Mul(p, mixed) -> c', '-+'],
  ['Mul(p, mask) -> c', '0+'],
  ['Mul(p, less) -> c', '-0'],
  ['Abs(x) -> c', '0+'],
  ['Abs(n) -> c', '+'],
  ['Add(p, r) -> c', '+'],
  ['Add(r, p) -> c', '+'],
  ['Add(r, r) -> c', '0+'],
  ['Exp(x) -> c0;Neg(c0) -> c1;Add(p, c1) -> c', '-0+'],
  ['Add(n, m) -> c', '-'],
  ['Add(r, two) -> c', '+'],
  ['Add(x, two) -> c', '-0+'],
  ['Add(m, minus) -> c', '-'],
  ['Sum(p, r, r) -> c', '+'],
  ['Sum(r, m, p) -> c', '-0+'],
  ['Sum(r, r, r) -> c', '0+'],
  ['Sub(p, m) -> c', '+'],
  ['Relu(x) -> c0;Sub(r, c0) -> c', '-0+'],
  ['Sub(n, p) -> c', '-'],
  ['Sub(m, r) -> c', '-0'],
  ['Sub(r, minus) -> c', '+'],
  ['Mul(x, x) -> c', '0+'],
  ['Mul(n, n) -> c', '+'],
  ['Mul(p, n) -> c', '-'],
  ['Mul(n, x) -> c', '-0+'],
  ['Mul(r, n) -> c', '-0'],
  ['Mul(m, n) -> c', '0+'],
  ['Mul(x, v) -> c', '-0+'],
  ['Div(p, n) -> c', '-'],
  ['Div(r, p) -> c', '0+'],
  ['Div(m, n) -> c', '0+'],
  ['Neg(p) -> c', '-'],
  ['Neg(r) -> c', '-0'],
  ['Neg(n) -> c', '+'],
  ['Neg(x) -> c', '-0+'],
  ['Reciprocal(n) -> c', '-'],
  ['Reciprocal(p) -> c', '+'],
  ['Sqrt(r) -> c', '0+'],
  ['Sqrt(p) -> c', '+'],
  ['Pow(x, two) -> c', '0+'],
  ['Pow(n, two) -> c', '+'],
  ['Pow(x, third) -> c', '-0+'],
  ['Pow(n, third) -> c', '-'],
  ['Pow(r, third) -> c', '0+'],
  ['Pow(r, half) -> c', '0+'],
  ['Pow(p, half) -> c', '+'],
  ['Pow(p, minus) -> c', '+'],
  ['Pow(n, minus) -> c', '-0+'],
  ['Pow(n, lessTwo) -> c', '+'],
  ['Pow(p, v) -> c', '+'],
  ['Pow(p, x) -> c', '+'],
  ['Pow(p, mixed) -> c', '+'],
  ['Pow(p, none) -> c', '+'],
  ['Pow(x, none) -> c', '+'],
  ['Exp(x) -> c', '+'],
  ['Exp(n) -> c', '+'],
  ['Sigmoid(x) -> c', '+'],
  ['Softplus(x) -> c', '+'],
  ['Softmax(x) -> c', '0+'],
  ['Relu(x) -> c', '0+'],
  ['Relu(p) -> c', '+'],
  ['Relu(r) -> c', '0+'],
  ['Erf(p) -> c', '+'],
  ['Erf(m) -> c', '-0'],
  ['Tanh(r) -> c', '0+'],
  ['Tanh(n) -> c', '-'],
  ['Sin(p) -> c', '-0+'],
  ['Max(x, two) -> c', '+'],
  ['Max(x, r) -> c', '0+'],
  ['Max(n, minus) -> c', '-'],
  ['Max(p, r) -> c', '+'],
  ['Max(n, r) -> c', '0+'],
  ['Max(n, x) -> c', '-0+'],
  ['Min(p, two) -> c', '+'],
  ['Min(p, r) -> c', '0+'],
  ['Min(p, n) -> c', '-+'],
  ['Clip(x, two) -> c', '+'],
  ['Clip(x, none) -> c', '0+'],
  ['Clip(x, none, two) -> c', '0+'],
  ['Clip(p, none, two) -> c', '+'],
  ['Clip(x, minus) -> c', '-0+'],
  ['Clip(x, minus, none) -> c', '-0+'],
  ["Clip(p, '', minus) -> c", '-0+'],
  ["Clip(p, '', two) -> c", '+'],
  ['Clip(x, two, third) -> c', '+'],
  ['Where(g, p, two) -> c', '+'],
  ['Where(g, p, r) -> c', '0+'],
  ['Where(g, p, n) -> c', '-+'],
  ['Where(g, minus, r) -> c', '-0+'],
  ['Concat(p, p) axis=0 -> c0;Slice(c0, [0], [-1]) -> c1;ReduceMin(c1, [0]) -> c', '+'],
  ['Concat(p, n) axis=0 -> c0;ReduceMax(c0, [0]) -> c', '-+'],
  ['Concat(p, r, p) axis=0 -> c0;ReduceMax(c0, [0]) -> c', '0+'],
  ['Cast(p) to=11 -> c0;Cast(c0) to=1 -> c', '+'],
  ['Cast(g) to=1 -> c', '0+'],
  ['CastLike(g, p) -> c', '0+'],
  ['Reshape(p, [-1,2]) -> c', '+'],
  ['Flatten(r) -> c', '0+'],
  ['Transpose(n) -> c0;Transpose(c0) -> c', '-'],
  ['Unsqueeze(p, [0]) -> c0;Squeeze(c0, [0]) -> c', '+'],
  ['Expand(n, [1,2]) -> c', '-'],
  ['Split(p) axis=1 num_outputs=2 -> c0 c1;Add(c0, c1) -> c', '+'],
  ['Split(p) axis=1 num_outputs=2 -> c0 c1;Identity(c1) -> c', '+'],
  ['Gather(p, [1,0]) axis=1 -> c', '+'],
  ['Tile(n, [1,1]) -> c', '-'],
  ['ReduceSum(p, [1]) -> c', '+'],
  ['ReduceSum(x, [1]) -> c', '-0+'],
  ['ReduceMean(r, [1]) -> c', '0+'],
  ['ReduceMean(n, [1]) -> c', '-'],
  ['ReduceMax(n, [1]) -> c', '-'],
  ['ReduceMin(r, [1]) -> c', '0+'],
  ['ReduceSumSquare(x, [1]) -> c', '0+'],
  ['ReduceSumSquare(n, [1]) -> c', '+'],
  ['ReduceL1(x, [1]) -> c', '0+'],
  ['ReduceL1(p, [1]) -> c', '+'],
  ['ReduceL2(x, [1]) -> c', '0+'],
  ['ReduceL2(n, [1]) -> c', '+'],
  ['ReduceProd(p, [1]) -> c', '-0+'],
  ['CumSum(p, [1]) -> c', '+'],
  ['CumSum(m, [1]) -> c', '-0'],
  ['CumSum(p, [1]) exclusive=1 -> c', '0+'],
  ['CumSum(n, [1]) reverse=1 -> c', '-'],
  ['MatMul(p, pw) -> c', '+'],
  ['MatMul(r, pw) -> c', '0+'],
  ['MatMul(p, w) -> c', '-0+'],
  ['MatMul(n, pw) -> c', '-'],
  ['Einsum(p, pw) equation=ni,ij->nj -> c', '+'],
  ['Einsum(p, n) equation=ni,ni->ni -> c', '-'],
  ['Einsum(p, n, r) equation=ni,ni,ni->ni -> c', '-0'],
  ['Einsum(p, w) equation=ni,ij->nj -> c', '-0+'],
  ['Equal(x, two) -> c0;Cast(c0) to=1 -> c', '0+'],
  ['Less(x, two) -> c0;Greater(x, none) -> c1;And(c0, c1) -> c2;Cast(c2) to=1 -> c', '0+'],
  ['LessOrEqual(x, two) -> c0;GreaterOrEqual(x, none) -> c1;Or(c0, c1) -> c2;Not(c2) -> c3;Cast(c3) to=1 -> c', '0+'],
  ['Xor(g, g) -> c0;Cast(c0) to=1 -> c', '-0+'],
  ['Shape(x) -> c0;Cast(c0) to=1 -> c', '+'],
  ['Size(x) -> c0;Cast(c0) to=1 -> c', '+'],
  ['Shape(x) -> c0;Sub(c0, [1]) -> c1;Cast(c1) to=1 -> c', '0+'],
  ['Shape(x) -> c0;Sub(c0, [2]) -> c1;Cast(c1) to=1 -> c', '-0+'],
  ['Shape(x) -> c0;Add(c0, [3]) -> c1;Cast(c1) to=1 -> c', '+'],
  // whole numbers drop fractions, and know no signs or only one
  ['Cast(p) to=7 -> c0;Cast(c0) to=1 -> c', '0+'],
  ['Cast(n) to=7 -> c0;Cast(c0) to=1 -> c', '-0'],
  ['Cast(n) to=9 -> c0;Cast(c0) to=1 -> c', '0+'],
  ['Cast(n) to=2 -> c0;Cast(c0) to=1 -> c', '-0+'],
  ['Cast(r) to=2 -> c0;Cast(c0) to=1 -> c', '0+'],
  ['Cast(n) to=4 -> c0;Cast(c0) to=1 -> c', '-0+'],
  ['Cast(n) to=12 -> c0;Cast(c0) to=1 -> c', '-0+'],
  ['Cast(n) to=13 -> c0;Cast(c0) to=1 -> c', '-0+'],
  ['Cast(m) to=6 -> c0;Cast(c0) to=1 -> c', '-0'],
  ['Abs(x) -> c0;Cast(c0) to=7 -> c1;Add(c1, [3,3]) -> c2;Cast(c2) to=1 -> c', '+'],
  ['Abs(x) -> c0;Cast(c0) to=7 -> c1;Add(c1, [3,3]) -> c2;Div(c2, [4,4]) -> c3;Cast(c3) to=1 -> c', '0+'],
  ['Abs(x) -> c0;Cast(c0) to=7 -> c1;Add(c1, [3,3]) -> c2;Pow(c2, [2,2]) -> c3;Cast(c3) to=1 -> c', '0+'],
  ['Elu(x) -> c0;Add(c0, unit) -> c', '+'],
  ['Elu(x) -> c0;Add(unit, c0) -> c', '+'],
  ['Elu(x) -> c0;Add(c0, two) -> c', '+'],
  ['Elu(x) -> c0;Add(c0, half) -> c', '-0+'],
  ['Elu(x) alpha=0.5 -> c0;Add(half, c0) -> c', '+'],
  ['Elu(x) alpha=2.0 -> c0;Add(c0, unit) -> c', '-0+'],
  ['Elu(x) alpha=-1.0 -> c0;Add(c0, unit) -> c', '-0+'],
  ['Elu(x) -> c0;Add(c0, v) -> c', '-0+'],
  ['Selu(x) -> c0;Add(c0, two) -> c', '-0+'],
  ['Elu(x) -> c0;Sub(c0, minus) -> c', '-0+'],
  ['Elu(x) alpha=0.0 -> c0;Add(c0, none) -> c', '-0+'],
  // the mean of squares less the square of the mean
  [variance('Mul(x, x)', 'Mul(c2, c2)'), '0+'],
  [variance('Pow(x, two)', 'Pow(c2, two)'), '0+'],
  [variance('Mul(x, x)', 'Pow(c2, two)'), '0+'],
  [variance('Pow(x, third)', 'Mul(c2, c2)'), '-0+'],
  [variance('Mul(x, v)', 'Mul(c2, c2)'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c1)'), '-0+'],
  [variance('Mul(x, x)', 'Pow(c2, third)'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(x,', 'ReduceMean(v,'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(x,', 'ReduceMax(x,'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(c0,', 'ReduceMax(c0,'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(x, [1])', 'ReduceMean(x, [0])'), '-0+'],
  [
    variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(c0, [1])', 'ReduceMean(c0)').replace('ReduceMean(x, [1])', 'ReduceMean(x) noop_with_empty_axes=1'),
    '-0+',
  ],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('ReduceMean(x, [1])', 'ReduceMean(x)'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replaceAll(', [1])', ')'), '0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('Sub(c1, c3)', 'Sub(c3, c1)'), '-0+'],
  [variance('Mul(x, x)', 'Mul(c2, c2)').replace('Sub(c1, c3)', 'Add(c1, c3)'), '0+'],
];

/** Bounds were attributes before opset 11. */
const BOUNDS: typeof ROWS = [
  ['Clip(x) -> c', '-0+'],
  ['Clip(x) min=0.0 -> c', '0+'],
  ['Clip(x) min=2.0 -> c', '+'],
  ['Clip(x) min=-1.0 -> c', '-0+'],
  ['Clip(x) min=1.0 max=2.0 -> c', '+'],
  ['Clip(x) min=1.0 max=0.0 -> c', '-0+'],
  ['Clip(p) max=2.0 -> c', '+'],
  ['Clip(p) max=0.0 -> c', '-0+'],
  ['Clip(p) max=-1.0 -> c', '-0+'],
];

/** Operators that ask for signs, and those that they must have. */
const ASKED: readonly (readonly [op: string, text: string, isShown: (signs: Signs) => boolean])[] = [
  ['Reciprocal', 'not zero', (signs) => !signs.includes('0')],
  ['Sqrt', 'not negative', (signs) => !signs.includes('-')],
  ['Log', 'positive', (signs) => signs === '+'],
];

const message = (op: string, text: string, operand = 0): string => `${op}: nothing shows that operand ${operand} is ${text} in what is new`;
/** The verdict and the messages; a snapshot holds places too, and what gets no gradient. */
function expectOpen(said: readonly string[], open: readonly string[]): void {
  const messages = said.filter((line) => !line.startsWith('dead ')).map((line) => line.replace(/^unproved node n\d+ \(\w+\): /, ''));
  expect(messages).toEqual([open.length > 0 ? 'not proved' : 'proved', ...open]);
  expect(said).toMatchSnapshot();
}

test.each([...ROWS.map((own) => [...own, 21] as const), ...BOUNDS.map((own) => [...own, 10] as const)])('signs of %s are %s', (line, signs, opset) => {
  const branch = [BEFORE, line.replace(/-> c$/, '-> s'), 'Reciprocal(s) -> e1;Sqrt(s) -> e2;Log(s) -> e3;Sum(e1, e2, e3) -> c'].join(';');
  const open = ASKED.flatMap(([op, text, isShown]) => (isShown(signs) ? [] : [message(op, text)]));
  expectOpen(saidOf('Identity(v) -> o', branch, opset), open);
});

/** Operators whose range of operands no signs show, but for zero. */
const RANGES: readonly (readonly [op: string, text: string, zero: boolean])[] = [
  ['Asin', 'between −1 and 1', true],
  ['Acos', 'between −1 and 1', true],
  ['Atanh', 'between −1 and 1', true],
  ['Acosh', 'at least 1', false],
  ['BitCast', 'a finite number of another type', false],
];
test.each(RANGES)('%s asks for what is %s', (op, text, zero) => {
  const call = (from: string, to: string): string => `${op}(${from})${op === 'BitCast' ? ' to=1' : ''} -> ${to}`;
  expectOpen(saidOf('Identity(v) -> o', call('x', 'c')), [message(op, text)]);
  expectOpen(saidOf('Identity(v) -> o', `Relu(v) -> r;Neg(r) -> m;Relu(m) -> e;${call('e', 'c')}`), zero ? [] : [message(op, text)]);
  expectOpen(saidOf(`Sin(v) -> e;${call('e', 'o')}`, `Sin(x) -> f;${call('f', 'c')}`), []);
});
test.each([
  ['Celu', '', 'alpha=-0.5', 'alpha=0.0'],
  ['LRN', 'size=1', 'size=1 bias=0.5', 'size=1 bias=-1.0'],
  ['LRN', 'size=1', 'size=1 alpha=0.0', 'size=1 alpha=-0.5'],
])('%s asks for attributes that make numbers, or those of an old one', (op, known, sound, other) => {
  const call = (from: string, attributes: string, to: string): string => `${op}(${from}) ${attributes} -> ${to}`.replace('  ', ' ');
  const asked = `${op}: nothing shows that its attributes make numbers in what is new`;
  for (const attributes of [known, sound]) expectOpen(saidOf('Identity(v) -> o', call('x', attributes, 'c')), []);
  expectOpen(saidOf(call('v', other, 'o'), call('x', other, 'c')), []);
  expectOpen(saidOf(call('v', known, 'o'), call('x', other, 'c')), [asked]);
});
test('a logarithm of a sum asks for what is positive', () => {
  expectOpen(saidOf('Identity(v) -> o', 'ReduceLogSum(x, [1]) -> c'), [message('ReduceLogSum', 'positive')]);
  expectOpen(saidOf('Identity(v) -> o', 'Exp(x) -> e;ReduceLogSum(e, [1]) -> c'), []);
});

const norm = (x: string, y: string, k = ''): string => `Mul(${x}, ${x}) -> ${k}q;ReduceMean(${k}q, [1]) -> ${k}m;Sqrt(${k}m) -> ${k}s;Div(${x}, ${k}s) -> ${y}`;
const divisor = message('Div', 'not zero', 1);
const CASES: readonly (readonly [old: string, branch: string, ...open: string[]])[] = [
  ['Reciprocal(v) -> o', 'Reciprocal(v) -> c'],
  ['Reciprocal(v) -> o', 'Div(x, v) -> c'],
  ['Identity(v) -> o', 'Div(x, v) -> c', message('Div', 'not zero', 1)],
  ['Identity(v) -> o', 'Exp(v) -> e;Div(x, e) -> c'],
  ['Identity(v) -> o', 'Mod(x, v) fmod=1 -> c', message('Mod', 'not zero', 1)],
  ['Reciprocal(v) -> o', 'Mod(x, v) fmod=1 -> c'],
  ['Reciprocal(v) -> o', 'Mul(v, two) -> e;Div(x, e) -> c'],
  ['Reciprocal(v) -> o', 'Mul(v, lessTwo) -> e;Div(x, e) -> c'],
  ['Reciprocal(v) -> o', 'Mul(v, x) -> e;Div(x, e) -> c', message('Div', 'not zero', 1)],
  ['Reciprocal(v) -> o', 'Sqrt(v) -> c', message('Sqrt', 'not negative')],
  ['Sqrt(v) -> o', 'Mul(v, two) -> e;Pow(e, quarter) -> c'],
  ['Sqrt(v) -> o', 'Mul(v, lessTwo) -> e;Pow(e, quarter) -> c', message('Pow', 'not negative')],
  ['Sqrt(v) -> o', 'Log(v) -> c', message('Log', 'positive')],
  ['Log(v) -> o', 'Pow(v, lessHalf) -> c'],
  ['Log(v) -> o', 'Neg(v) -> e;Pow(e, lessHalf) -> c', message('Pow', 'positive')],
  // a positive number is no negative one, which the text alone does not say
  ['Log(v) -> o', 'Sqrt(v) -> c', message('Sqrt', 'not negative')],
  ['Identity(v) -> o', 'Pow(v, two) -> c'],
  ['Identity(v) -> o', 'Pow(v, third) -> c'],
  ['Identity(v) -> o', 'Pow(v, minus) -> c', message('Pow', 'not zero')],
  ['Identity(v) -> o', 'Pow(v, half) -> c', message('Pow', 'not negative')],
  ['Identity(v) -> o', 'Pow(v, lessHalf) -> c', message('Pow', 'positive')],
  ['Identity(v) -> o', 'Pow(v, x) -> c', message('Pow', 'positive')],
  ['Identity(v) -> o', 'Pow(v, mixed) -> c', message('Pow', 'positive')],
  ['Identity(v) -> o', 'Relu(v) -> e;Pow(e, half) -> c'],
  ['Identity(v) -> o', 'Relu(v) -> e;Pow(e, lessHalf) -> c', message('Pow', 'positive')],
  ['Pow(v, minus) -> o', 'Div(x, v) -> c'],
  ['Reciprocal(v) -> o', 'Pow(v, lessTwo) -> e;Log(e) -> c'],
  ['Reciprocal(v) -> o', 'Pow(v, minus) -> e;Log(e) -> c', message('Log', 'positive')],
  ['Relu(v) -> r;Reciprocal(r) -> o', 'Exp(x) -> p;Div(p, r) -> e;Sqrt(e) -> c', message('Sqrt', 'not negative')],
  ['Relu(v) -> r;Reciprocal(r) -> o', 'Reciprocal(r) -> e;Sqrt(e) -> c', message('Sqrt', 'not negative')],
  ["Clip(v, '', two) -> e;Sin(e) -> d;Reciprocal(d) -> o", "Clip(x, '', two) -> f;Sin(f) -> g;Reciprocal(g) -> c"],
  ["Clip(v, '', two) -> e;Sin(e) -> d;Reciprocal(d) -> o", "Clip(x, '', third) -> f;Sin(f) -> g;Reciprocal(g) -> c", message('Reciprocal', 'not zero')],
  // stored divisors
  ['Identity(v) -> o', 'Div(x, mixed) -> c'],
  ['Identity(v) -> o', 'Pow(mixed, v) -> c', message('Pow', 'positive')],
  ['Pow(mixed, v) -> o', 'Pow(less, x) -> c', message('Pow', 'positive')],
  // numbers on the way are not passed over
  ...['Div(s, two)', 'Mul(s, two)', 'Mul(two, s)', 'Mul(s, more)', 'Div(s, more)'].flatMap((step): [string, string, ...string[]][] => [
    ['Sin(v) -> e;Reciprocal(e) -> o', `Sin(x) -> s;${step} -> t;Reciprocal(t) -> c`, message('Reciprocal', 'not zero')],
    [`Sin(v) -> s;${step} -> e;Reciprocal(e) -> o`, 'Sin(x) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
    [`Sin(v) -> s;${step} -> e;Reciprocal(e) -> o`, `Sin(x) -> k;${step.replace('s', 'k')} -> f;Reciprocal(f) -> c`],
  ]),
  ...['Div(s, mixed)', 'Mul(s, mask)', 'Mul(less, s)', 'Add(s, two)', 'Max(s, two)'].map((step): [string, string, ...string[]] => [
    'Sin(v) -> e;Reciprocal(e) -> o',
    `Sin(x) -> s;${step} -> t;Reciprocal(t) -> c`,
    ...(step === 'Max(s, two)' ? [] : [message('Reciprocal', 'not zero')]),
  ]),
  // nothing reads it
  ['Identity(v) -> o', 'Reciprocal(v) -> e;Identity(x) -> c'],
  ['Identity(v) -> o', 'Split(v) axis=1 num_outputs=2 -> e f;Exp(f) -> g;Div(g, f) -> c', message('Div', 'not zero', 1)],
  // as the old graph does it with another value
  [norm('x', 'o'), norm('v', 'c', 'k')],
  [norm('x', 'o'), norm('v', 'c', 'k').replace('ReduceMean', 'ReduceSum'), divisor],
  [norm('x', 'o'), norm('v', 'c', 'k').replace('Mul(v, v)', 'Mul(v, x)'), message('Sqrt', 'not negative'), divisor],
  [norm('x', 'o').replace('Mul(x, x)', 'Mul(x, v)'), norm('v', 'c', 'k'), divisor],
  [norm('x', 'o'), norm('v', 'c', 'k').replace('Div(v, ks)', 'Div(v, km)'), divisor],
  [norm('x', 'o'), norm('v', 'c', 'k').replace('Mul(v, v)', 'Abs(v)'), divisor],
  [norm('x', 'o'), `Mul(v, two) -> e;${norm('e', 'c', 'k')}`],
  [norm('x', 'o'), `Mul(two, v) -> e;${norm('e', 'c', 'k')}`],
  [norm('x', 'o'), `Div(v, two) -> e;${norm('e', 'c', 'k')}`],
  [norm('x', 'o'), `Div(two, v) -> e;${norm('e', 'c', 'k')}`, message('Div', 'not zero', 1), divisor],
  [norm('x', 'o'), `Mul(v, lessTwo) -> e;${norm('e', 'c', 'k')}`, divisor],
  [norm('x', 'o'), `Mul(v, mask) -> e;${norm('e', 'c', 'k')}`, divisor],
  [norm('x', 'o'), `Relu(v) -> e;${norm('e', 'c', 'k')}`, divisor],
  [norm('x', 'o'), `Relu(x) -> e;${norm('e', 'c', 'k')}`, divisor],
  [norm('x', 'o'), `Sub(v, x) -> e;${norm('e', 'c', 'k')}`, divisor],
  [norm('x', 'o'), `ReduceMax(v, [1]) -> e;${norm('e', 'c', 'k')}`, divisor],
  // a value that the old graph has, in the place of one of no known sign
  [`Sin(v) -> e;${norm('x', 'o')}`, norm('e', 'c', 'k')],
  [`Relu(v) -> e;${norm('x', 'o')}`, norm('e', 'c', 'k')],
  [`Relu(v) -> e;${norm('e', 'o')}`, norm('x', 'c', 'k'), divisor],
  [`Exp(v) -> e;${norm('e', 'o')}`, norm('x', 'c', 'k'), divisor],
  ['Reciprocal(v) -> o', 'Reciprocal(x) -> c', message('Reciprocal', 'not zero')],
  ['Sin(v) -> e;Reciprocal(e) -> o', 'Sin(x) -> f;Reciprocal(f) -> c'],
  ['Sin(v) -> e;Reciprocal(e) -> o', 'Cos(x) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Sin(v) -> e;Reciprocal(e) -> o', 'Sin(x) -> f;Div(v, f) -> c', message('Div', 'not zero', 1)],
  ['Sin(v) -> e;Reciprocal(e) -> o', 'ReduceMax(x, [1]) -> e2;Sin(e2) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  // the same numbers, of the same sign
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Add(x, two) -> f;Reciprocal(f) -> c'],
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Add(two, x) -> f;Reciprocal(f) -> c'],
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Add(x, third) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Add(x, minus) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Add(x, v) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Add(v, two) -> e;Reciprocal(e) -> o', 'Sub(x, two) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Sub(v, two) -> e;Reciprocal(e) -> o', 'Sub(x, two) -> f;Reciprocal(f) -> c'],
  ['Sub(v, two) -> e;Reciprocal(e) -> o', 'Sub(x, third) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  ['Sub(v, two) -> e;Reciprocal(e) -> o', 'Sub(two, x) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
  // one value in two places, and two values
  ['Sin(v) -> s1;Cos(v) -> s2;Sub(s1, s2) -> e;Reciprocal(e) -> o', 'Sin(x) -> r1;Cos(x) -> r2;Sub(r1, r2) -> f;Reciprocal(f) -> c'],
  [
    'Sin(v) -> s1;Cos(v) -> s2;Sub(s1, s2) -> e;Reciprocal(e) -> o',
    'Sin(x) -> r1;Cos(v) -> r2;Sub(r1, r2) -> f;Reciprocal(f) -> c',
    message('Reciprocal', 'not zero'),
  ],
  [
    'Sin(v) -> s1;Cos(x) -> s2;Sub(s1, s2) -> e;Reciprocal(e) -> o',
    'Sin(x) -> r1;Cos(x) -> r2;Sub(r1, r2) -> f;Reciprocal(f) -> c',
    message('Reciprocal', 'not zero'),
  ],
  [
    'Sin(v) -> s1;Cos(x) -> s2;Add(s1, s2) -> e;Reciprocal(e) -> o',
    'Sin(x) -> r1;Cos(v) -> r2;Add(r1, r2) -> f;Reciprocal(f) -> c',
    message('Reciprocal', 'not zero'),
  ],
  // which result of a node it is
  ['Split(v) axis=1 num_outputs=2 -> a1 a2;Reciprocal(a2) -> o', 'Split(x) axis=1 num_outputs=2 -> b1 b2;Reciprocal(b2) -> c'],
  [
    'Split(v) axis=1 num_outputs=2 -> a1 a2;Reciprocal(a2) -> o',
    'Split(x) axis=1 num_outputs=2 -> b1 b2;Reciprocal(b1) -> c',
    message('Reciprocal', 'not zero'),
  ],
  ['Sum(v, x) -> e;Reciprocal(e) -> o', 'Sum(x, v, x) -> f;Reciprocal(f) -> c', message('Reciprocal', 'not zero')],
];

test.each(CASES)('%s, and then %s', (old, branch, ...open) => {
  expectOpen(saidOf(old, branch), open);
});
