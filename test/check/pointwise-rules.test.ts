/** Operators that work element by element, sums and means: other spellings of the same value, and growths with the right zeros and the wrong ones. */
import { expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { describeGrowths } from '../support/growths.ts';
import { checkLines } from '../support/judgement.ts';
import { type Grown, type Growth, grownModel, type Leaves, largest, outputOf } from '../support/leaves.ts';

type Cases = Readonly<Record<string, Grown>>;
const FRONT = [0, -1, 1];
const BEHIND = [0, 1, -1];

/** Lines that make y of x [1 T 4], in the old graph and in the new one. `same` are proved, `other` are not. */
type Spelling = readonly [verdict: 'same' | 'other' | 'unknown', before: string, after: string, opset?: number];

const SPELLINGS: readonly Spelling[] = [
  ['same', 'Mul(x, x) -> y', 'Pow(x, wtwo) -> y'],
  ['same', 'Mul(x, x) -> a;Mul(a, x) -> y', 'Pow(x, wthree) -> y'],
  ['other', 'Mul(x, x) -> y', 'Pow(x, wthree) -> y'],
  ['same', 'Abs(x) -> a;Sqrt(a) -> y', 'Abs(x) -> a;Pow(a, whalf) -> y'],
  ['same', 'Exp(x) -> a;Reciprocal(a) -> y', 'Exp(x) -> a;Pow(a, wminus) -> y'],
  ['same', 'Exp(x) -> a;Sqrt(a) -> b;Reciprocal(b) -> y', 'Exp(x) -> a;Pow(a, wroot) -> y'],
  ['same', 'Exp(x) -> a;Sqrt(a) -> b;Div(wone, b) -> y', 'Exp(x) -> a;Pow(a, wroot) -> y'],
  ['other', 'Exp(x) -> a;Reciprocal(a) -> y', 'Exp(x) -> a;Pow(a, wroot) -> y'],
  ['other', 'Exp(x) -> a;Sqrt(a) -> y', 'Exp(x) -> a;Pow(a, wroot) -> y'],
  ['other', 'Exp(x) -> a;Pow(a, wthree) -> y', 'Exp(x) -> a;Pow(wthree, a) -> y'],
  ['other', 'Pow(x, wthree) -> y', 'Mul(x, wthree) -> y'],
  ['same', 'Exp(x) -> a;Div(x, a) -> y', 'Exp(x) -> a;Reciprocal(a) -> b;Mul(b, x) -> y'],
  ['other', 'Exp(x) -> a;Div(x, a) -> y', 'Exp(x) -> a;Div(a, x) -> y'],
  ['same', 'Relu(x) -> y', "Clip(x, wzero, '') -> y"],
  ['same', 'Relu(x) -> y', 'Clip(x) min=0.0 -> y', 6],
  ['same', 'Relu(x) -> y', 'Clip(x, wzero, whuge) -> y'],
  ['other', 'Relu(x) -> y', 'Clip(x, wzero, wtwo) -> y'],
  ['other', 'Relu(x) -> y', 'Clip(x) min=0.0 max=2.0 -> y', 6],
  ['other', 'Relu(x) -> y', "Clip(x, whalf, '') -> y"],
  ['other', 'Relu(x) -> y', 'Clip(x) -> y', 6],
  ['other', 'Relu(x) -> y', "Clip(x, '', wzero) -> y"],
  ['other', "Clip(x, wzero, '') -> y", "Clip(x, '', wzero) -> y"],
  ['other', 'Clip(x, wzero, wtwo) -> y', 'Clip(x, wzero, wthree) -> y'],
  ['same', 'Mul(x, wtwo) -> a;Relu(a) -> y', 'Relu(x) -> a;Mul(a, wtwo) -> y'],
  ['same', "Mul(x, wtwo) -> a;Clip(a, wzero, '') -> y", 'Relu(x) -> a;Add(a, a) -> y'],
  ['other', 'Mul(x, wminus) -> a;Relu(a) -> y', 'Relu(x) -> a;Mul(a, wminus) -> y'],
  ['other', 'Neg(x) -> a;Relu(a) -> y', 'Relu(x) -> a;Neg(a) -> y'],
  ['same', 'Mul(x, wtwo) -> a;LeakyRelu(a) alpha=0.25 -> y', 'LeakyRelu(x) alpha=0.25 -> a;Mul(a, wtwo) -> y'],
  ['other', 'LeakyRelu(x) alpha=0.25 -> y', 'LeakyRelu(x) alpha=0.5 -> y'],
  ['same', 'Mul(x, wtwo) -> a;PRelu(a, whalf) -> y', 'PRelu(x, whalf) -> a;Mul(a, wtwo) -> y'],
  ['other', 'PRelu(x, whalf) -> y', 'PRelu(x, wtwo) -> y'],
  ['other', 'Mul(x, wtwo) -> a;Elu(a) -> y', 'Elu(x) -> a;Mul(a, wtwo) -> y'],
  ['same', 'Neg(x) -> y', 'Mul(x, wminus) -> y'],
  ['same', 'Neg(x) -> a;Neg(a) -> y', 'Identity(x) -> y'],
  ['other', 'Neg(x) -> y', 'Abs(x) -> y'],
  ['same', 'Sub(x, wtwo) -> y', 'Add(x, wmtwo) -> y'],
  ['same', 'Exp(x) -> a;Sub(x, a) -> y', 'Exp(x) -> a;Neg(a) -> b;Add(b, x) -> y'],
  ['other', 'Exp(x) -> a;Sub(x, a) -> y', 'Exp(x) -> a;Sub(a, x) -> y'],
  ['same', 'Exp(x) -> a;Sub(a, x) -> b;Sub(x, b) -> y', 'Exp(x) -> a;Add(x, x) -> b;Sub(b, a) -> y'],
  ['same', 'Exp(x) -> a;Sum(x, a, x) -> y', 'Exp(x) -> a;Mul(x, wtwo) -> b;Add(a, b) -> y'],
  ['same', 'Exp(x) -> a;Max(x, a) -> y', 'Exp(x) -> a;Max(a, x) -> y'],
  ['same', 'Exp(x) -> a;Sin(x) -> b;Min(x, a, b) -> y', 'Exp(x) -> a;Sin(x) -> b;Min(b, x, a) -> y'],
  ['other', 'Exp(x) -> a;Max(x, a) -> y', 'Exp(x) -> a;Min(x, a) -> y'],
  ['other', 'Mul(x, wtwo) -> a;Max(x, a) -> y', 'Mul(x, wthree) -> a;Max(x, a) -> y'],
  ['other', 'Max(x, wtwo) -> y', 'Max(x, wthree) -> y'],
  ['other', 'Exp(x) -> a;Mod(x, a) fmod=1 -> y', 'Exp(x) -> a;Mod(a, x) fmod=1 -> y'],
  ['other', 'Exp(x) -> a;Greater(x, a) -> b;Where(b, x, a) -> y', 'Exp(x) -> a;Greater(x, a) -> b;Where(b, a, x) -> y'],
  ['other', 'Greater(x, wzero) -> b;Where(b, x, wtwo) -> y', 'Greater(x, wzero) -> b;Where(b, x, wthree) -> y'],
  ['other', 'Greater(x, wzero) -> b;Where(b, x, wtwo) -> y', 'Greater(x, wthree) -> b;Where(b, x, wtwo) -> y'],
  ['same', 'Sub(x, x) -> a;Add(a, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;Exp(x) -> b;Mul(a, b) -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;Exp(x) -> b;Div(a, b) -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;Greater(x, wzero) -> b;Where(b, a, wzero) -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['other', 'Sub(x, x) -> a;Greater(x, wzero) -> b;Where(b, a, wtwo) -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['other', 'Sub(x, x) -> a;Exp(a) -> b;Add(b, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;Max(a, wzero) -> b;Add(b, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;Tanh(a) -> b;Add(b, x) -> y', 'Identity(x) -> y'],
  [
    'same',
    'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> b;QuantizeLinear(b, whalf) -> c;DequantizeLinear(c, whalf) -> y',
    'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> y',
  ],
  [
    'other',
    'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> b;QuantizeLinear(b, wthree) -> c;DequantizeLinear(c, wthree) -> y',
    'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> y',
  ],
  ['other', 'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> y', 'QuantizeLinear(x, wtwo) -> a;DequantizeLinear(a, wtwo) -> y'],
  ['other', 'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> y', 'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, wtwo) -> y'],
  ['other', 'QuantizeLinear(x, whalf) -> a;DequantizeLinear(a, whalf) -> y', 'Identity(x) -> y'],
  // whole numbers are divided without a rest
  ['other', 'Cast(x) to=7 -> i;Div(i, [2]) -> j;Mul(j, [2]) -> k;Cast(k) to=1 -> y', 'Cast(x) to=7 -> i;Cast(i) to=1 -> y'],
  ['same', 'Cast(x) to=7 -> i;Div(i, [2]) -> j;Cast(j) to=1 -> y', 'Cast(x) to=7 -> i;Div(i, [2]) -> k;Cast(k) to=1 -> y'],
  ['other', 'Cast(x) to=7 -> i;Div(i, [2]) -> j;Cast(j) to=1 -> y', 'Cast(x) to=7 -> i;Div(i, [3]) -> k;Cast(k) to=1 -> y'],
  ['other', 'Cast(x) to=7 -> i;Cast(i) to=1 -> y', 'Identity(x) -> y'],
  ['other', 'Cast(x) to=7 -> i;Cast(i) to=1 -> y', 'Cast(x) to=10 -> i;Cast(i) to=1 -> y'],
  // sums over dimensions
  ['same', 'ReduceMean(x) axes=[2] keepdims=1 -> y', 'ReduceSum(x, [2]) keepdims=1 -> a;Div(a, wfour) -> y'],
  ['other', 'ReduceMean(x) axes=[2] keepdims=1 -> y', 'ReduceSum(x, [2]) keepdims=1 -> a;Div(a, wthree) -> y'],
  ['same', 'ReduceSumSquare(x) axes=[-1] keepdims=0 -> y', 'Mul(x, x) -> a;ReduceSum(a, [2]) keepdims=0 -> y'],
  ['same', 'ReduceL2(x) axes=[2] keepdims=1 -> y', 'Mul(x, x) -> a;ReduceSum(a, [2]) keepdims=1 -> b;Sqrt(b) -> y'],
  ['other', 'ReduceL2(x) axes=[2] keepdims=1 -> y', 'ReduceL1(x) axes=[2] keepdims=1 -> y'],
  ['other', 'ReduceMax(x) axes=[2] keepdims=1 -> y', 'ReduceMin(x) axes=[2] keepdims=1 -> y'],
  ['other', 'ReduceMax(x) axes=[2] keepdims=1 -> y', 'ReduceMax(x) axes=[2] keepdims=0 -> y'],
  ['other', 'ReduceMean(x) axes=[1] keepdims=0 -> y', 'ReduceSum(x, [1]) keepdims=0 -> y'],
  ['other', 'ReduceProd(x) axes=[2] keepdims=1 -> y', 'ReduceSum(x, [2]) keepdims=1 -> y'],
  ['same', 'ReduceMax(x) axes=[1,2] keepdims=0 -> y', 'ReduceMax(x) axes=[-1,-2] keepdims=0 -> y'],
  ['same', 'ReduceMax(x) axes=[2] keepdims=0 -> y', 'ReduceMax(x) axes=[2] keepdims=1 -> a;Squeeze(a, [2]) -> y'],
  ['same', 'ReduceMean(x) axes=[1] keepdims=1 -> y', 'Mul(x, wtwo) -> a;ReduceMean(a) axes=[1] keepdims=1 -> b;Div(b, wtwo) -> y'],
  ['same', 'ReduceMean(x) axes=[2] keepdims=1 -> a;Sub(x, a) -> b;ReduceSum(b, [2]) keepdims=1 -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['other', 'ReduceMean(x) axes=[2] keepdims=1 -> a;Sub(x, a) -> b;ReduceL1(b) axes=[2] keepdims=1 -> c;Add(c, x) -> y', 'Identity(x) -> y'],
  ['same', 'Sub(x, x) -> a;ReduceSum(a, [2]) keepdims=1 -> b;Add(b, x) -> y', 'Identity(x) -> y'],
  [
    'other',
    'Cast(x) to=7 -> i;ReduceMean(i) axes=[2] keepdims=1 -> j;Mul(j, [4]) -> k;Cast(k) to=1 -> y',
    'Cast(x) to=7 -> i;ReduceSum(i, [2]) keepdims=1 -> j;Cast(j) to=1 -> y',
  ],
  [
    'same',
    'Cast(x) to=7 -> i;ReduceSumSquare(i) axes=[2] keepdims=1 -> j;Cast(j) to=1 -> y',
    'Cast(x) to=7 -> i;Mul(i, i) -> k;ReduceSum(k, [2]) keepdims=1 -> j;Cast(j) to=1 -> y',
  ],
];

const NUMBERS = { wzero: 0, wone: 1, wtwo: 2, wmtwo: -2, wthree: 3, wfour: 4, whalf: 0.5, wminus: -1, wroot: -0.5, whuge: 3.402e38 };

test.each(SPELLINGS.map(([verdict, before, after, opset]) => [before, verdict, after, opset] as const))(
  '%s is %s: %s',
  async (before, verdict, after, opset = 17) => {
    const own = (lines: string): Leaves => ({
      lines,
      weights: {},
      sizes: { T: 3 },
      inputs: { x: '1 T 4' },
      symbols: ['T'],
      scalars: Object.fromEntries(Object.entries(NUMBERS).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lines))),
      opset,
    });
    const [old, now] = [before, after].map((lines) => grownModel(own(lines), { places: {} }));
    if (old === undefined || now === undefined) throw new Error('two models were made');
    const [result, back] = [checkModels(old, now), checkModels(now, old)];
    expect([result.proved, back.proved]).toEqual([verdict === 'same', verdict === 'same']);
    const numbers = await Promise.all([old, now].map((model) => outputOf(model, own(before), { places: {}, factors: { x: 5 } })));
    expect(largest(numbers[0] ?? [], numbers[1] ?? []) < 1e-5).toBe(verdict !== 'other');
    expect([...checkLines(result), ...checkLines(back)]).toMatchSnapshot();
  },
);

/** h with m elements of which the last are new, between two weights. */
const between = (lines: string, weights: Readonly<Record<string, string>> = {}): Pick<Grown, 'lines' | 'weights' | 'sizes'> => ({
  lines: `MatMul(x, wa) -> h;${lines};MatMul(c, wb) -> y`,
  weights: { wa: '4 m', ...weights, wb: 'm 3' },
  sizes: { m: 2 },
});
const AFTER: Growth = { places: { m: FRONT }, zeros: { wb: 'm' } };
const BEFORE: Growth = { places: { m: FRONT }, zeros: { wa: 'm' } };
const after = (more: string): Growth => ({ places: { m: FRONT }, zeros: { wb: 'm', wv: more } });
const before = (more: string): Growth => ({ places: { m: FRONT }, zeros: { wa: 'm', wv: more } });

const VECTORS: Cases = {
  'a sum with a vector': { ...between('Add(h, wv) -> c', { wv: 'm' }), grown: { after: AFTER, 'before, zeros added': before('m'), 'not before': BEFORE } },
  'a difference': {
    ...between('Sub(h, wv) -> c', { wv: 'm' }),
    grown: { after: AFTER, 'before, zeros taken away': before('m'), 'not before': BEFORE },
    faults: { exchanged: ['Sub(h, wv)', 'Sub(wv, h)'] },
  },
  'a product': {
    ...between('Mul(h, wv) -> c', { wv: 'm' }),
    grown: { after: AFTER, before: BEFORE, 'zeros between': { places: { m: FRONT }, zeros: { wv: 'm' } }, 'not without zeros': { places: { m: FRONT } } },
    faults: { 'a sum': ['Mul(h, wv)', 'Add(h, wv)'] },
  },
  'a quotient': { ...between('Exp(wv) -> e;Div(h, e) -> c', { wv: 'm' }), grown: { after: AFTER, before: BEFORE } },
  'a quotient by zeros': {
    ...between('Div(h, wv) -> c', { wv: 'm' }),
    grown: { after: AFTER, 'not by zeros': after('m'), 'not by zeros of zeros': before('m') },
  },
  'a quotient by a new value': {
    ...between('Exp(h) -> e;Div(wv, e) -> c', { wv: 'm' }),
    grown: { after: AFTER, 'a dividend of zeros': { places: { m: FRONT }, zeros: { wv: 'm' } }, 'not before': BEFORE },
  },
  'a reciprocal of zeros': { ...between('Reciprocal(h) -> c'), grown: { 'not before and after': { places: { m: FRONT }, zeros: { wa: 'm', wb: 'm' } } } },
  'a logarithm of zeros': { ...between('Abs(h) -> a;Log(a) -> c'), grown: { 'not before and after': { places: { m: FRONT }, zeros: { wa: 'm', wb: 'm' } } } },
  'a negative power of zeros': {
    ...between('Pow(h, wminus) -> c'),
    scalars: { wminus: -1 },
    grown: { 'not before and after': { places: { m: FRONT }, zeros: { wa: 'm', wb: 'm' } } },
  },
  'a power of each channel': { ...between('Exp(h) -> e;Pow(e, wv) -> c', { wv: 'm' }), grown: { after: AFTER, 'not before': BEFORE } },
  'a slope of each channel': { ...between('PRelu(h, wv) -> c', { wv: 'm' }), grown: { after: AFTER, before: BEFORE } },
  'the larger of two': { ...between('Max(h, wv) -> c', { wv: 'm' }), grown: { after: AFTER, 'before, of zeros': before('m'), 'not before': BEFORE } },
  'the smaller of three': {
    ...between('Neg(h) -> g;Min(h, wv, g) -> c', { wv: 'm' }),
    grown: { after: AFTER, 'before, of zeros': before('m'), 'not before': BEFORE },
    faults: { 'the larger': ['Min(', 'Max('] },
  },
  'one of two': {
    ...between('Exp(h) -> e;Greater(e, h) -> b;Where(b, h, wv) -> c', { wv: 'm' }),
    grown: { after: AFTER, 'before, of zeros': before('m'), 'not before': BEFORE },
    faults: { exchanged: ['(b, h, wv)', '(b, wv, h)'] },
  },
  'one of two by a condition for all': {
    ...between('ReduceSum(x, [2]) keepdims=1 -> s;Greater(s, wt) -> b;Where(b, h, wv) -> c', { wv: 'm', wt: '1' }),
    grown: { after: AFTER, 'before, of zeros': before('m'), 'not before': BEFORE },
  },
  'one of two by a condition for each channel': {
    ...between('Greater(wt, wv) -> b;Where(b, h, wv) -> c', { wv: 'm', wt: '1' }),
    grown: { after: AFTER, 'not before': BEFORE },
  },
  'a gate': {
    ...between('MatMul(x, wg) -> k;Sigmoid(k) -> g;Mul(h, g) -> c', { wg: '4 m' }),
    grown: { after: AFTER, before: BEFORE, 'not zeros in the gate': { places: { m: FRONT }, zeros: { wg: 'm' } } },
    faults: { 'another gate': ['Sigmoid(k)', 'Tanh(k)'], 'the gate on itself': ['Mul(h, g)', 'Mul(k, g)'] },
  },
  'a vector and a scalar': {
    ...between('Mul(h, wv) -> a;Add(a, wt) -> b;Mul(b, wt) -> c', { wv: 'm', wt: '1' }),
    grown: { after: AFTER, 'not before': BEFORE },
  },
  'a stretched value': {
    ...between('ReduceMean(x) axes=[2] keepdims=1 -> s;Mul(h, s) -> a;Mul(a, wv) -> c', { wv: '1 1 m' }),
    grown: { after: AFTER, before: BEFORE, 'zeros between': { places: { m: FRONT }, zeros: { wv: 'm' } } },
  },
  'a matrix of numbers': {
    ...between('Add(h, wv) -> c', { wv: '3 m' }),
    grown: { after: AFTER, 'before, zeros added': before('m'), 'not before': BEFORE },
  },
  'masks of old places': {
    lines: 'MatMul(x, wa) -> h;Mul(h, wv) -> g;MatMul(g, wb) -> s;MatMul(h, wb) -> t;Add(s, t) -> y',
    weights: { wa: '4 m', wv: 'm', wb: 'm 3' },
    sizes: { m: 2 },
    grown: { after: AFTER, 'not without zeros': { places: { m: FRONT } } },
  },
  'two widths': {
    lines: 'MatMul(x, wa) -> h;MatMul(x, wc) -> k;Unsqueeze(h, [3]) -> p;Unsqueeze(k, [2]) -> q;Mul(p, q) -> r;Reshape(r, [1,3,{m.n}]) -> c;MatMul(c, wb) -> y',
    weights: { wa: '4 m', wc: '4 n', wb: 'm.n 3' },
    sizes: { m: 2, n: 3 },
    grown: {
      'zeros behind': { places: { m: BEHIND, n: [0, 1, 2, -1] }, zeros: { wb: 'm n' } },
      'zeros in front': { places: { m: BEHIND, n: [0, 1, 2, -1] }, zeros: { wa: 'm', wc: 'n' } },
      'not zeros in one': { places: { m: BEHIND, n: [0, 1, 2, -1] }, zeros: { wa: 'm' } },
    },
    faults: { 'a sum': ['Mul(p, q)', 'Add(p, q)'] },
  },
};

/** A statistic of h beside h itself. */
const statistic = (lines: string): Pick<Grown, 'lines' | 'weights' | 'sizes'> => between(`${lines};Mul(h, s) -> c`);
const BOTH_ENDS: Growth = { places: { m: FRONT }, zeros: { wa: 'm', wb: 'm' } };
const KEPT: Grown['grown'] = { 'of zeros': BOTH_ENDS, 'not of others': AFTER };

const STATISTICS: Cases = {
  'a sum': { ...statistic('ReduceSum(h, [2]) keepdims=1 -> s'), grown: KEPT, faults: { 'along another dimension': ['(h, [2])', '(h, [1])'] } },
  'a sum without the dimension': { ...statistic('ReduceSum(h, [2]) keepdims=0 -> r;Unsqueeze(r, [2]) -> s'), grown: KEPT },
  'a sum over two dimensions': { ...statistic('ReduceSum(h, [1,2]) keepdims=1 -> s'), grown: KEPT },
  'a sum of squares': { ...statistic('ReduceSumSquare(h) axes=[2] keepdims=1 -> s'), grown: KEPT },
  'a length': { ...statistic('ReduceL2(h) axes=[2] keepdims=1 -> s'), grown: KEPT },
  'a length over two dimensions': { ...statistic('ReduceL2(h) axes=[1,2] keepdims=1 -> s'), grown: KEPT },
  'a sum of distances': { ...statistic('ReduceL1(h) axes=[2] keepdims=1 -> s'), grown: { 'not of zeros': BOTH_ENDS, 'not of others': AFTER } },
  'a mean of more': {
    ...between('ReduceMean(h) axes=[2] keepdims=1 -> s;Mul(s, wt) -> t;Mul(h, t) -> c', { wt: '1' }),
    grown: {
      'not of zeros': BOTH_ENDS,
      'of zeros, made good': { ...BOTH_ENDS, factors: { wt: 1.5 } },
      'not made good by too much': { ...BOTH_ENDS, factors: { wt: 2 } },
    },
  },
  'a mean of squares of more': {
    ...between('Mul(h, h) -> g;ReduceMean(g) axes=[2] keepdims=1 -> s;Mul(s, wt) -> t;Mul(h, t) -> c', { wt: '1' }),
    grown: { 'of zeros, made good': { ...BOTH_ENDS, factors: { wt: 1.5 } }, 'not of others': { ...AFTER, factors: { wt: 1.5 } } },
  },
  'a mean over words and channels': {
    lines: 'MatMul(x, wa) -> h;ReduceMean(h) axes=[1,2] keepdims=1 -> s;Mul(s, wt) -> t;Mul(h, t) -> c;MatMul(c, wb) -> y',
    weights: { wa: '4 m', wt: '1', wb: 'm 3' },
    sizes: { m: 2, T: 3 },
    inputs: { x: '1 T 4' },
    symbols: ['T'],
    grown: {
      'of zeros, made good': { ...BOTH_ENDS, factors: { wt: 1.5 } },
      'not of zeros': BOTH_ENDS,
      'not of others': { ...AFTER, factors: { wt: 1.5 } },
    },
  },
  'means along words': {
    ...between('ReduceMean(h) axes=[1] keepdims=1 -> s;Add(h, s) -> c'),
    grown: { before: BEFORE, after: AFTER, 'not without zeros': { places: { m: FRONT } } },
    faults: { 'a sum': ['ReduceMean(h) axes=[1] keepdims=1', 'ReduceSum(h, [1]) keepdims=1'] },
  },
  'the largest along words': {
    ...between('ReduceMax(h) axes=[1] keepdims=0 -> r;Unsqueeze(r, [1]) -> s;Add(h, s) -> c'),
    grown: { before: BEFORE, after: AFTER, 'not without zeros': { places: { m: FRONT } } },
    faults: { 'the smallest': ['ReduceMax', 'ReduceMin'] },
  },
  'squares along words': {
    ...between('ReduceSumSquare(h) axes=[1] keepdims=1 -> r;ReduceL2(h) axes=[1] keepdims=1 -> l;Add(r, l) -> s;Add(h, s) -> c'),
    grown: { before: BEFORE, after: AFTER },
  },
};

describeGrowths({ vectors: VECTORS, statistics: STATISTICS });
