/** Expressions that are equal in real numbers are one term, however they are written, and no others are. */
import { describe, expect, test } from 'vitest';
import { judged, type Spelled } from '../support/spelled.ts';
import type { Stored } from '../support/typed-graph.ts';

const one = (value: number): Stored => [[], [value]];
const row = (...values: readonly number[]): Stored => [[values.length], values];
const stored: Readonly<Record<string, Stored>> = {
  ...{
    half: one(0.5),
    two: one(2),
    three: one(3),
    four: one(4),
    minus: one(-1),
    lessTwo: one(-2),
    onehalf: one(1.5),
    quarter: one(0.25),
    unit: one(1),
    sixth: one(1 / 6),
  },
  ...{
    eight: one(8),
    eighteen: one(18),
    less4: one(-4),
    nil: one(0),
    g: row(0.5, 1.5, -2, 0.75),
    s: row(0.25, -1, 3, 0.5),
    column: [
      [3, 1],
      [1, 2, 0.5],
    ],
  },
};

type More = Omit<Spelled, 'one' | 'other' | 'stored'> & Partial<Pick<Spelled, 'stored'>>;
type Line = readonly [one: string, other: string, wrong: string | readonly string[], more?: More];
const inputs = { x: ['n', 3, 4], v: ['n', 3, 4], k: ['n', 3, 4], l: [4] };

const SUMS: readonly Line[] = [
  ['Add(x, v) -> y', 'Add(v, x) -> y', ['Sub(x, v) -> y', 'Add(x, x) -> y', 'Add(x, k) -> y', 'Identity(x) -> y']],
  [
    'Add(x, v) -> a;Add(a, k) -> y',
    'Add(v, k) -> a;Add(x, a) -> y',
    ['Add(x, v) -> a;Sub(a, k) -> y', 'Add(x, v) -> a;Add(a, v) -> y', 'Add(x, v) -> a;Mul(a, k) -> y'],
  ],
  ['Add(x, v) -> a;Add(a, k) -> y', 'Sum(k, x, v) -> y', ['Sum(x, v) -> y', 'Sum(k, x, v, k) -> y']],
  ['Sub(x, v) -> y', 'Neg(v) -> a;Add(a, x) -> y', ['Sub(v, x) -> y', 'Neg(x) -> a;Add(a, v) -> y']],
  ['Add(x, x) -> y', 'Mul(x, two) -> y', ['Mul(x, three) -> y', 'Add(x, v) -> y']],
  ['Add(x, v) -> a;Sub(a, x) -> y', 'Identity(v) -> y', ['Add(x, v) -> a;Add(a, x) -> y', 'Add(x, v) -> a;Sub(a, k) -> y']],
  ['Sub(x, x) -> a;Add(a, v) -> y', 'Identity(v) -> y', 'Sub(x, k) -> a;Add(a, v) -> y'],
  [
    'Mul(x, half) -> a;Mul(x, onehalf) -> b;Add(a, b) -> y',
    'Mul(x, two) -> y',
    ['Mul(x, half) -> a;Mul(x, onehalf) -> b;Sub(a, b) -> y', 'Mul(x, half) -> a;Mul(v, onehalf) -> b;Add(a, b) -> y'],
  ],
  ['Mul(x, half) -> a;Mul(x, onehalf) -> b;Sub(a, b) -> y', 'Neg(x) -> y', 'Identity(x) -> y'],
  [
    'Add(x, v) -> a;Mul(a, two) -> y',
    'Mul(x, two) -> a;Mul(v, two) -> b;Add(a, b) -> y',
    ['Mul(x, two) -> a;Add(a, v) -> y', 'Add(x, v) -> a;Mul(a, lessTwo) -> y'],
  ],
  ['Mul(x, two) -> a;Add(a, v) -> b;Mul(b, half) -> y', 'Mul(v, half) -> a;Add(a, x) -> y', 'Mul(x, two) -> a;Add(a, v) -> b;Mul(b, two) -> y'],
  ['Sub(x, v) -> a;Neg(a) -> y', 'Sub(v, x) -> y', 'Sub(x, v) -> y'],
  // √2·√q + √8·√q = √18·√q; roots of 2 and 3 stay apart
  [
    'Mul(x, x) -> q;Mul(q, two) -> a;Mul(q, eight) -> b;Sqrt(a) -> c;Sqrt(b) -> d;Add(c, d) -> y',
    'Mul(x, x) -> q;Mul(q, eighteen) -> a;Sqrt(a) -> y',
    'Mul(x, x) -> q;Mul(q, two) -> a;Mul(q, three) -> b;Sqrt(a) -> c;Sqrt(b) -> d;Add(c, d) -> y',
  ],
  [
    'Mul(x, x) -> q;Mul(q, two) -> a;Mul(q, three) -> b;Sqrt(a) -> c;Sqrt(b) -> d;Add(c, d) -> y',
    'Mul(x, x) -> q;Mul(q, three) -> a;Mul(q, two) -> b;Sqrt(b) -> c;Sqrt(a) -> d;Add(d, c) -> y',
    'Mul(x, x) -> q;Mul(q, two) -> a;Mul(q, three) -> b;Sqrt(a) -> c;Sqrt(b) -> d;Sub(c, d) -> y',
  ],
  // what is stretched meets what is not
  ['Expand(g, [3,4]) -> e;Add(x, e) -> y', 'Add(x, g) -> y', 'Expand(s, [3,4]) -> e;Add(x, e) -> y'],
  [
    'ReduceMax(v, [2]) -> m;Expand(m, [1,1,4]) -> e;Add(e, x) -> y',
    'ReduceMax(v, [2]) -> m;Add(x, m) -> y',
    ['ReduceMax(v, [1]) -> m;Add(x, m) -> y', 'ReduceMax(v, [2]) -> m;Add(v, m) -> y'],
  ],
  ['Expand(l, [3,4]) -> e;Add(e, x) -> y', 'Add(x, l) -> y', ['Sub(x, l) -> y', 'Expand(l, [3,4]) -> e;Add(e, v) -> y']],
  [
    'ReduceMax(v, [1,2]) -> m;ReduceMax(k, [2]) -> j;Add(m, j) -> a;Add(a, x) -> y',
    'ReduceMax(v, [1,2]) -> m;ReduceMax(k, [2]) -> j;Add(x, j) -> a;Add(a, m) -> y',
    'ReduceMax(v, [1,2]) -> m;ReduceMax(k, [2]) -> j;Add(x, j) -> a;Sub(a, m) -> y',
  ],
];

const PRODUCTS: readonly Line[] = [
  ['Mul(x, v) -> y', 'Mul(v, x) -> y', ['Mul(x, x) -> y', 'Mul(x, k) -> y', 'Div(x, v) -> y', 'Add(x, v) -> y']],
  ['Mul(x, v) -> a;Mul(a, k) -> y', 'Mul(k, v) -> a;Mul(x, a) -> y', ['Mul(x, v) -> a;Mul(a, v) -> y', 'Mul(x, v) -> a;Add(a, k) -> y']],
  ['Mul(x, two) -> a;Mul(a, v) -> y', 'Mul(v, x) -> a;Mul(a, two) -> y', ['Mul(v, x) -> a;Mul(a, three) -> y', 'Mul(v, x) -> y']],
  ['Mul(x, two) -> a;Mul(v, half) -> b;Mul(a, b) -> y', 'Mul(x, v) -> y', 'Mul(x, two) -> a;Mul(v, two) -> b;Mul(a, b) -> y'],
  ['Mul(x, minus) -> a;Mul(v, lessTwo) -> b;Mul(a, b) -> y', 'Mul(x, v) -> a;Mul(a, two) -> y', 'Mul(x, v) -> a;Mul(a, lessTwo) -> y'],
  ['Div(x, two) -> y', 'Mul(x, half) -> y', ['Mul(x, two) -> y', 'Div(two, x) -> y']],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Reciprocal(b) -> c;Mul(x, c) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> y',
    ['Abs(v) -> a;Add(a, unit) -> b;Mul(x, b) -> y', 'Abs(v) -> a;Add(a, unit) -> b;Div(b, x) -> y', 'Abs(v) -> a;Add(a, two) -> b;Div(x, b) -> y'],
  ],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> c;Mul(c, k) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Mul(k, x) -> c;Div(c, b) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> c;Div(c, b) -> y',
  ],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> c;Div(k, b) -> d;Mul(c, d) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Mul(k, x) -> c;Div(c, b) -> d;Div(d, b) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Mul(k, x) -> c;Div(c, b) -> y',
  ],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Mul(b, two) -> c;Div(x, c) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> c;Mul(c, half) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Div(x, b) -> c;Mul(c, two) -> y',
  ],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Reciprocal(b) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Div(unit, b) -> y',
    ['Abs(v) -> a;Add(a, unit) -> b;Div(two, b) -> y', 'Abs(v) -> a;Reciprocal(a) -> y'],
  ],
  [
    'Abs(v) -> a;Add(a, unit) -> b;Pow(b, minus) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Reciprocal(b) -> y',
    'Abs(v) -> a;Add(a, unit) -> b;Pow(b, lessTwo) -> y',
  ],
  ['Pow(x, two) -> y', 'Mul(x, x) -> y', ['Pow(x, three) -> y', 'Pow(two, x) -> y', 'Mul(x, two) -> y']],
  ['Pow(x, three) -> y', 'Mul(x, x) -> a;Mul(x, a) -> y', 'Pow(x, four) -> y'],
  ['Mul(x, three) -> a;Pow(a, two) -> y', 'Mul(x, x) -> a;Mul(a, three) -> b;Mul(b, three) -> y', 'Mul(x, x) -> a;Mul(a, three) -> y'],
  ['Abs(x) -> a;Pow(a, half) -> y', 'Abs(x) -> a;Sqrt(a) -> y', 'Abs(x) -> a;Pow(a, quarter) -> y'],
  [
    'Abs(x) -> a;Mul(a, four) -> b;Sqrt(b) -> y',
    'Abs(x) -> a;Sqrt(a) -> b;Mul(b, two) -> y',
    ['Abs(x) -> a;Sqrt(a) -> b;Mul(b, four) -> y', 'Abs(x) -> a;Sqrt(a) -> b;Mul(b, lessTwo) -> y'],
  ],
  // a negative factor stays under the root
  ['Abs(x) -> a;Neg(a) -> b;Mul(b, less4) -> c;Sqrt(c) -> y', 'Abs(x) -> a;Mul(a, four) -> c;Sqrt(c) -> y', 'Abs(x) -> a;Mul(a, less4) -> c;Sqrt(c) -> y'],
  // a root of a square is no longer what was squared
  ['Mul(x, x) -> a;Sqrt(a) -> y', 'Pow(x, two) -> a;Sqrt(a) -> y', ['Identity(x) -> y', 'Abs(x) -> y']],
  // what is stretched alike is multiplied first
  [
    'ReduceMax(v, [2]) -> m;ReduceMin(x, [2]) -> j;Expand(m, [1,1,4]) -> e;Expand(j, [1,1,4]) -> d;Mul(e, d) -> y',
    'ReduceMax(v, [2]) -> m;ReduceMin(x, [2]) -> j;Mul(j, m) -> a;Expand(a, [1,1,4]) -> y',
    'ReduceMax(v, [2]) -> m;ReduceMin(x, [2]) -> j;Mul(m, m) -> a;Expand(a, [1,1,4]) -> y',
  ],
  ['ReduceMax(v, [2]) -> m;Expand(m, [1,1,4]) -> e;Mul(e, x) -> y', 'ReduceMax(v, [2]) -> m;Mul(x, m) -> y', ['ReduceMax(v, [1]) -> m;Mul(x, m) -> y']],
  ['Mul(x, nil) -> a;Add(a, v) -> y', 'Identity(v) -> y', 'Mul(x, half) -> a;Add(a, v) -> y'],
  ['Relu(x) -> a;Mul(a, two) -> y', 'Mul(x, two) -> a;Relu(a) -> y', ['Mul(x, lessTwo) -> a;Relu(a) -> y', 'Relu(x) -> a;Mul(a, lessTwo) -> y']],
  [
    'Mul(x, lessTwo) -> a;Relu(a) -> y',
    'Neg(x) -> a;Relu(a) -> b;Mul(b, two) -> y',
    ['Relu(x) -> a;Mul(a, lessTwo) -> y', 'Neg(x) -> a;Relu(a) -> b;Mul(b, lessTwo) -> y'],
  ],
  [
    'LeakyRelu(x) alpha=0.25 -> a;Mul(a, two) -> y',
    'Mul(x, two) -> a;LeakyRelu(a) alpha=0.25 -> y',
    ['Mul(x, two) -> a;LeakyRelu(a) alpha=0.5 -> y', 'LeakyRelu(x) alpha=0.25 -> a;Mul(a, lessTwo) -> y'],
  ],
  ['PRelu(x, g) -> a;Mul(a, two) -> y', 'Mul(x, two) -> a;PRelu(a, g) -> y', ['Mul(x, two) -> a;PRelu(a, s) -> y', 'Mul(x, lessTwo) -> a;PRelu(a, g) -> y']],
];

const mean = (of: string, to = 'm', axes = '[2]'): string => `ReduceMean(${of}, ${axes}) -> ${to}`;
const fn = 'Abs(v) -> ab;Add(ab, unit) -> f';
const MEANS: readonly Line[] = [
  [
    `${mean('x')};Sub(x, m) -> y`,
    `${mean('x')};Neg(m) -> a;Add(a, x) -> y`,
    [
      `${mean('x')};Sub(m, x) -> y`,
      `${mean('x')};Add(m, x) -> y`,
      `${mean('x', 'm', '[1]')};Sub(x, m) -> y`,
      `${mean('v')};Sub(x, m) -> y`,
      'ReduceSum(x, [2]) -> m;Sub(x, m) -> y',
      'ReduceMax(x, [2]) -> m;Sub(x, m) -> y',
    ],
  ],
  [
    `${mean('x')};Sub(x, m) -> y`,
    'ReduceSum(x, [2]) -> a;Div(a, four) -> m;Sub(x, m) -> y',
    ['ReduceSum(x, [2]) -> a;Div(a, three) -> m;Sub(x, m) -> y', 'ReduceSum(x, [2]) -> a;Mul(a, four) -> m;Sub(x, m) -> y'],
  ],
  [
    `${mean('x', 'm', '[1,2]')};Sub(x, m) -> y`,
    `${mean('x', 'm', '[2,1]')};Sub(x, m) -> y`,
    [`${mean('x', 'm', '[1]')};Sub(x, m) -> y`, `${mean('x', 'm', '[2]')};Sub(x, m) -> y`],
  ],
  [
    `Mul(x, two) -> a;${mean('a')};Sub(a, m) -> y`,
    `${mean('x')};Sub(x, m) -> d;Mul(d, two) -> y`,
    [`Mul(x, two) -> a;${mean('x')};Sub(a, m) -> y`, `Mul(x, two) -> a;${mean('a')};Sub(x, m) -> y`],
  ],
  // a mean that is taken off again is zero
  [
    `${mean('x')};Sub(x, m) -> d;${mean('d', 'n')};Sub(d, n) -> y`,
    `${mean('x')};Sub(x, m) -> y`,
    [`${mean('x')};Sub(x, m) -> d;${mean('d', 'n', '[1]')};Sub(d, n) -> y`, `${mean('x', 'n')};${mean('x')};Sub(x, m) -> d;Sub(d, n) -> y`],
  ],
  [
    `${mean('x')};Sub(x, m) -> d;ReduceSum(d, [2]) -> n;Add(n, v) -> y`,
    'Identity(v) -> y',
    [`${mean('x')};Sub(x, m) -> d;ReduceSum(d, [1]) -> n;Add(n, v) -> y`, 'ReduceSum(x, [2]) -> n;Add(n, v) -> y'],
  ],
  [
    `${mean('x')};Sub(x, m) -> d;Mul(d, d) -> q;${mean('q', 'p')};Add(p, half) -> u;Sqrt(u) -> r;Div(d, r) -> n;${mean('n', 'o')};Add(o, v) -> y`,
    'Identity(v) -> y',
    [
      `Mul(x, x) -> q;${mean('q', 'p')};Add(p, half) -> u;Sqrt(u) -> r;Div(x, r) -> n;${mean('n', 'o')};Add(o, v) -> y`,
      `${mean('x')};Sub(x, m) -> d;Mul(d, d) -> q;${mean('q', 'p')};Add(p, half) -> u;Sqrt(u) -> r;Div(d, r) -> n;${mean('n', 'o', '[1]')};Add(o, v) -> y`,
    ],
    { free: ['half'] },
  ],
  // x·f − mean(x)·f = (x − mean(x))·f
  [
    `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`,
    `${fn};${mean('x')};Sub(x, m) -> d;Mul(d, f) -> y`,
    [
      `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Add(a, b) -> y`,
      `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, v) -> b;Sub(a, b) -> y`,
      `${fn};${mean('x', 'm', '[1]')};Mul(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`,
      `${fn};${mean('k')};Mul(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`,
      `${fn};ReduceSum(x, [2]) -> m;Mul(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`,
    ],
  ],
  [
    `${fn};${mean('x')};Div(x, f) -> a;Div(m, f) -> b;Sub(a, b) -> y`,
    `${fn};${mean('x')};Sub(x, m) -> d;Div(d, f) -> y`,
    [`${fn};${mean('x')};Div(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`, `${fn};${mean('x')};Mul(x, f) -> a;Div(m, f) -> b;Sub(a, b) -> y`],
  ],
  [
    `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Sub(k, b) -> c;Add(c, a) -> y`,
    `${fn};${mean('x')};Sub(x, m) -> d;Mul(d, f) -> e;Add(k, e) -> y`,
    [
      `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Sub(v, b) -> c;Add(c, a) -> y`,
      `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Mul(b, two) -> e;Sub(k, e) -> c;Add(c, a) -> y`,
    ],
  ],
  [
    `${fn};${mean('x')};Mul(x, f) -> a;Mul(a, two) -> a2;Mul(m, f) -> b;Mul(b, two) -> b2;Sub(k, b2) -> c;Add(c, a2) -> y`,
    `${fn};${mean('x')};Sub(x, m) -> d;Mul(d, f) -> e;Mul(e, two) -> e2;Add(k, e2) -> y`,
    `${fn};${mean('x')};Mul(x, f) -> a;Mul(m, f) -> b;Mul(b, two) -> b2;Sub(k, b2) -> c;Add(c, a) -> y`,
  ],
  // Σx² − (Σx)²/n = Σ(x − Σx/n)²
  [
    `Mul(x, x) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Sub(a, b) -> y`,
    `${mean('x')};Sub(x, m) -> d;Mul(d, d) -> q;${mean('q', 'y')}`,
    [
      `Mul(x, x) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Add(a, b) -> y`,
      `Mul(x, x) -> q;${mean('q', 'a', '[1]')};${mean('x', 'm', '[1]')};Mul(m, m) -> b;Sub(a, b) -> y`,
      `Mul(x, x) -> q;ReduceSum(q, [2]) -> a;${mean('x')};Mul(m, m) -> b;Sub(a, b) -> y`,
      `Mul(x, v) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Sub(a, b) -> y`,
      `Mul(x, x) -> q;${mean('q', 'a')};${mean('v')};Mul(m, m) -> b;Sub(a, b) -> y`,
    ],
  ],
  [
    `ReduceSumSquare(x, [2]) -> a;ReduceSum(x, [2]) -> m;Mul(m, m) -> b;Div(b, four) -> c;Sub(a, c) -> y`,
    `${mean('x')};Sub(x, m) -> d;ReduceSumSquare(d, [2]) -> y`,
    [
      'ReduceSumSquare(x, [2]) -> a;ReduceSum(x, [2]) -> m;Mul(m, m) -> b;Div(b, three) -> c;Sub(a, c) -> y',
      'ReduceSumSquare(x, [2]) -> a;ReduceSum(x, [2]) -> m;Div(m, four) -> c;Sub(a, c) -> y',
    ],
  ],
  [
    `Mul(x, x) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Sub(a, b) -> c;Add(c, half) -> y`,
    `${mean('x')};Sub(x, m) -> d;Mul(d, d) -> q;${mean('q', 'c')};Add(c, half) -> y`,
    [`Mul(x, x) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Sub(a, b) -> c;Add(c, unit) -> y`],
  ],
  [
    `Mul(x, v) -> p;Mul(p, p) -> q;${mean('q', 'a')};${mean('p')};Mul(m, m) -> b;Sub(a, b) -> y`,
    `Mul(x, v) -> p;${mean('p')};Sub(p, m) -> d;Mul(d, d) -> q;${mean('q', 'y')}`,
    [
      `Mul(x, v) -> p;Mul(p, x) -> q;${mean('q', 'a')};${mean('p')};Mul(m, m) -> b;Sub(a, b) -> y`,
      `Mul(x, v) -> p;Mul(p, p) -> q;${mean('q', 'a')};${mean('x')};Mul(m, m) -> b;Sub(a, b) -> y`,
    ],
  ],
];

const normed = (x: string, e: string, to = 'y'): string =>
  `Mul(${x}, ${x}) -> q${to};${mean(`q${to}`, `p${to}`)};Add(p${to}, ${e}) -> u${to};Sqrt(u${to}) -> r${to};Div(${x}, r${to}) -> ${to}`;
const root = (x: string, e: string): string => `Mul(${x}, ${x}) -> q;${mean('q', 'p')};Add(p, ${e}) -> u;Sqrt(u) -> r`;
const NORMS: readonly Line[] = [
  // a quotient above the root of a sum of squares: of its dividend, and of its own
  [
    `Exp(v) -> e;${root('x', 'half')};Div(x, e) -> f;Div(f, r) -> y`,
    `Exp(v) -> e;${root('x', 'half')};Reciprocal(e) -> i;Mul(i, x) -> f;Div(f, r) -> y`,
    [`Exp(v) -> e;Div(x, e) -> f;${root('f', 'half')};Div(f, r) -> y`, `Exp(v) -> e;Div(x, e) -> f;${root('f', 'half')};Div(x, r) -> y`],
  ],
  [
    `Exp(v) -> e;Div(x, e) -> f;${root('f', 'half')};Div(f, r) -> y`,
    `Exp(v) -> e;Reciprocal(e) -> i;Mul(i, x) -> f;${root('f', 'half')};Reciprocal(r) -> j;Mul(f, j) -> y`,
    `Exp(v) -> e;Div(x, e) -> f;${root('x', 'half')};Div(f, r) -> y`,
  ],
  [
    normed('x', 'half'),
    `${root('x', 'half')};Reciprocal(r) -> i;Mul(x, i) -> y`,
    [
      normed('x', 'quarter'),
      normed('v', 'half'),
      `${root('x', 'half')};Div(v, r) -> y`,
      `${root('x', 'half')};Mul(x, r) -> y`,
      `Mul(x, v) -> q;${mean('q', 'p')};Add(p, half) -> u;Sqrt(u) -> r;Div(x, r) -> y`,
    ],
  ],
  [
    normed('x', 'half'),
    `${root('x', 'half').replace('Sqrt(u) -> r', 'Pow(u, mhalf) -> r')};Mul(x, r) -> y`,
    `${root('x', 'half').replace('Sqrt(u)', 'Sqrt(p)')};Div(x, r) -> y`,
    { stored: { ...stored, mhalf: one(-0.5) } },
  ],
  [
    normed('x', 'half'),
    'ReduceSumSquare(x, [2]) -> p;Add(p, two) -> u;Sqrt(u) -> r;Div(x, r) -> a;Mul(a, two) -> y',
    [
      'ReduceSumSquare(x, [2]) -> p;Add(p, two) -> u;Sqrt(u) -> r;Div(x, r) -> y',
      'ReduceSumSquare(x, [2]) -> p;Add(p, half) -> u;Sqrt(u) -> r;Div(x, r) -> a;Mul(a, two) -> y',
      'ReduceSumSquare(x, [1]) -> p;Add(p, two) -> u;Sqrt(u) -> r;Div(x, r) -> a;Mul(a, two) -> y',
    ],
  ],
  [
    `${normed('x', 'half', 'n')};Mul(n, v) -> y`,
    `${root('x', 'half')};Mul(x, v) -> a;Div(a, r) -> y`,
    [`${normed('x', 'half', 'n')};Mul(n, x) -> y`, `${root('x', 'half')};Div(v, r) -> y`, `${root('v', 'half')};Mul(x, v) -> a;Div(a, r) -> y`],
  ],
  [
    `Mul(x, v) -> a;${normed('a', 'half')}`,
    `Mul(x, v) -> a;${root('a', 'half')};Div(x, r) -> b;Mul(b, v) -> y`,
    [`${root('x', 'half')};Mul(x, v) -> a;Div(a, r) -> y`, `Mul(x, v) -> a;${root('a', 'half')};Div(x, r) -> y`],
  ],
  [`Mul(x, two) -> a;${normed('a', 'two')}`, normed('x', 'half'), [`Mul(x, two) -> a;${normed('a', 'half')}`, `Mul(x, lessTwo) -> a;${normed('a', 'two')}`]],
  [`Neg(x) -> a;${normed('a', 'half')}`, `${normed('x', 'half', 'n')};Neg(n) -> y`, normed('x', 'half')],
  // these are no norms: 1 − r·Σx², and the root of squares alone
  [
    `Mul(x, x) -> q;${mean('q', 'p')};Sub(four, p) -> u;Sqrt(u) -> r;Div(x, r) -> y`,
    `ReduceSumSquare(x, [2]) -> p;Mul(p, quarter) -> s4;Sub(four, s4) -> u;Sqrt(u) -> r;Div(x, r) -> y`,
    [normed('x', 'four'), `Mul(x, x) -> q;${mean('q', 'p')};Sub(p, four) -> u;Sqrt(u) -> r;Div(x, r) -> y`],
  ],
  [
    `Mul(x, x) -> q;${mean('q', 'p')};Sqrt(p) -> r;Div(x, r) -> y`,
    'ReduceL2(x, [2]) -> r;Div(x, r) -> a;Mul(a, two) -> y',
    [normed('x', 'half'), 'ReduceL2(x, [2]) -> r;Div(x, r) -> y', 'ReduceL1(x, [2]) -> r;Div(x, r) -> y'],
  ],
  [
    `Abs(v) -> ab;Mul(x, x) -> q;${mean('q', 'p')};Add(p, half) -> u;Add(u, ab) -> o;Sqrt(o) -> r;Div(x, r) -> y`,
    `Abs(v) -> ab;Mul(x, x) -> q;${mean('q', 'p')};Add(ab, p) -> u;Add(half, u) -> o;Sqrt(o) -> r;Div(x, r) -> y`,
    normed('x', 'half'),
  ],
];

const under = (of: string): string => `ReduceMean(${of}, [2]) -> p;Add(p, half) -> u;Sqrt(u) -> r`;
/** Roots of one and a mean that is none of squares. */
const ROOTS: readonly Line[] = [
  [
    `Abs(x) -> q;${under('q')};Reciprocal(r) -> y`,
    `Abs(x) -> q;${under('q')};Div(unit, r) -> y`,
    [`Abs(v) -> q;${under('q')};Reciprocal(r) -> y`, `${under('x')};Reciprocal(r) -> y`, `Mul(x, x) -> q;${under('q')};Reciprocal(r) -> y`],
  ],
  [
    `Abs(x) -> q;${under('q')};Div(v, r) -> y`,
    `Abs(x) -> q;${under('q')};Reciprocal(r) -> o;Mul(o, v) -> y`,
    [`Abs(v) -> q;${under('q')};Div(v, r) -> y`, `Abs(x) -> q;${under('q')};Div(x, r) -> y`],
  ],
  [
    `Mul(x, x) -> q;${under('q')};Reciprocal(r) -> y`,
    `Mul(x, x) -> q;${under('q')};Div(unit, r) -> y`,
    [`Mul(v, v) -> q;${under('q')};Reciprocal(r) -> y`, `Mul(x, v) -> q;${under('q')};Reciprocal(r) -> y`],
  ],
  // x / f is no root of x², though x is above it
  [
    `Exp(v) -> f;Mul(x, x) -> q;${under('q')};Div(x, f) -> a;Div(a, r) -> y`,
    `Exp(v) -> f;Pow(x, two) -> q;${under('q')};Div(x, f) -> a;Div(a, r) -> y`,
    [`Exp(v) -> f;Div(x, f) -> a;Mul(a, a) -> q;${under('q')};Div(a, r) -> y`, `Exp(k) -> f;Mul(x, x) -> q;${under('q')};Div(x, f) -> a;Div(a, r) -> y`],
  ],
];

/** t^(q+1) = ε·(1 + t + … + t^q) */
function chained(epsilon: number, q: number): number {
  const series = (t: number): number => Array.from({ length: q + 1 }, (_, i) => t ** i).reduce((a, b) => a + b);
  let t = 1;
  for (let i = 0; i < 200; i++) t = (epsilon * series(t)) ** (1 / (q + 1));
  return t;
}
const seriesRoot = (q: number): number => Math.sqrt(Array.from({ length: q + 1 }, (_, i) => chained(0.5, q) ** i).reduce((a, b) => a + b));
const t: Readonly<Record<string, Stored>> = {
  t1: one(chained(0.5, 1)),
  t2: one(chained(0.5, 2)),
  c1: one(seriesRoot(1)),
  c2: one(seriesRoot(2)),
  off: one(chained(0.5, 1) * 1.001),
  ratio: one(1.3),
};
/** A chain of norms in the place of one: known from the old graph, so it is proved in one direction. */
const CHAINS: readonly Line[] = [
  [
    `${normed('x', 't1', 'a')};${normed('a', 't1', 'b')};Mul(b, c1) -> y`,
    normed('x', 'half'),
    [
      `${normed('x', 't1', 'a')};${normed('a', 't1', 'y')}`,
      `${normed('x', 'off', 'a')};${normed('a', 'off', 'b')};Mul(b, c1) -> y`,
      `${normed('x', 't1', 'a')};${normed('a', 't2', 'b')};Mul(b, c1) -> y`,
      `${normed('x', 't1', 'a')};${normed('v', 't1', 'b')};Mul(b, c1) -> y`,
      `${normed('x', 't1', 'a')};Mul(a, c1) -> y`,
      `${normed('x', 't1', 'a')};${normed('a', 't1', 'b')};Mul(b, c2) -> y`,
    ],
  ],
  [
    `${normed('x', 't2', 'a')};${normed('a', 't2', 'b')};${normed('b', 't2', 'c')};Mul(c, c2) -> y`,
    normed('x', 'half'),
    [
      `${normed('x', 't2', 'a')};${normed('a', 't2', 'b')};Mul(b, c2) -> y`,
      `${normed('x', 't2', 'a')};${normed('a', 't2', 'b')};${normed('b', 't1', 'c')};Mul(c, c2) -> y`,
      `${normed('x', 't1', 'a')};${normed('a', 't1', 'b')};${normed('b', 't1', 'c')};Mul(c, c1) -> y`,
    ],
  ],
];

const GROUPS = { sums: SUMS, 'products and quotients': PRODUCTS, means: MEANS, norms: NORMS, 'roots of means': ROOTS };

describe.each(Object.entries(GROUPS))('%s', (_, lines) => {
  test.each(lines.map(([one, other, wrong, more]) => [one, other, wrong, more ?? {}] as const))('%s', async (one, other, wrong, more) => {
    const { same, apart, wrong: others } = await judged({ inputs, stored, ...more, one, other, wrong });
    expect(same.map(([first]) => first)).toEqual(['proved', 'proved', 'proved']);
    expect(apart).toBeLessThan(1e-4);
    expect(Object.entries(others).flatMap(([what, [first]]) => (first === 'proved' ? [what] : []))).toEqual([]);
    expect({ same: same.map((own) => own.slice(1)), others }).toMatchSnapshot();
  });
});

test('norms behind each other along one dimension are no norm along another', async () => {
  const square = { inputs: { x: ['n', 4, 4] }, stored: { ...stored, ...t } };
  const chain = `${normed('x', 't1', 'a')};${normed('a', 't1', 'b')};Mul(b, c1) -> y`;
  const { same } = await judged({ ...square, one: chain, other: normed('x', 'half').replaceAll('[2]', '[1]') });
  expect(same.map(([first]) => first)).toEqual(['unproved node n1 (ReduceMean)', 'unproved node n1 (ReduceMean)', 'proved']);
});

describe('norms behind each other', () => {
  test.each(CHAINS.map(([one, other, wrong]) => [one, other, wrong] as const))('%s', async (one, other, wrong) => {
    const { same, apart, wrong: others } = await judged({ inputs, stored: { ...stored, ...t }, one, other, wrong });
    expect(same[1]?.[0]).toBe('proved');
    expect(apart).toBeLessThan(1e-4);
    expect(Object.entries(others).flatMap(([what, [first]]) => (first === 'proved' ? [what] : []))).toEqual([]);
    expect({ same: same.map((own) => own.slice(1)), others }).toMatchSnapshot();
  });
});
