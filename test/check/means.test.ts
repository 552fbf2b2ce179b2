import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from '../support/graph-builder.ts';
import { modelOf } from '../support/small-model.ts';

type Dims = Readonly<Record<string, readonly (number | string)[]>>;
/** Numbers of a weight at a place. */
type Numbers = (name: string, place: readonly number[]) => number;

function weighted(dims: Dims, lines: readonly string[], numbers: Numbers): Model {
  const model = modelOf(dims, lines, 17);
  const initializers = model.graph.initializers.map((own) => {
    if (own.dataType !== DataType.FLOAT) return own;
    const [rows = 1, columns = 1] = own.dims;
    const all = Array.from({ length: rows * columns }, (_, i) => numbers(own.name, [Math.floor(i / columns), i % columns]));
    return tensorFromNumbers(own.name, own.dataType, own.dims, all.map(Math.fround));
  });
  return { ...model, graph: { ...model.graph, initializers } };
}

const normal = normals(3);
const random = Array.from({ length: 4000 }, normal);
const at = (name: string, i: number, j: number): number => random[(name.charCodeAt(1) * 131 + 37 * i + j) % random.length] ?? 0;
const old: Numbers = (name, [i = 0, j = 0]) => at(name, i, j);
/** Eight old columns in `wa`, and behind them their mean. */
const meanFilled: Numbers = (name, [i = 0, j = 0]) =>
  name === 'wa' && j >= 8 ? Array.from({ length: 8 }, (_, k) => at('wa', i, k)).reduce((sum, x) => sum + Math.fround(x) / 8, 0) : at(name, i, j);
const zeroFilled =
  (more: Numbers): Numbers =>
  (name, place) =>
    name === 'wa' && (place[1] ?? 0) >= 8 ? 0 : more(name, place);
const proved = (was: Model, now: Model): boolean => checkModels(was, now).proved;

describe('new columns that are the mean of the old ones', () => {
  const grown = (lines: readonly string[], numbers = meanFilled): Model => weighted({ x: ['b', 3], wa: [3, 12] }, ['MatMul(x, wa) -> h', ...lines], numbers);
  const small = (lines: readonly string[]): Model => weighted({ x: ['b', 3], wa: [3, 8] }, ['MatMul(x, wa) -> h', ...lines], old);
  const varied =
    (numbers: Numbers): Numbers =>
    (name, place) =>
      numbers(name, place) * (name === 'wa' && place[1] === 9 ? 1.001 : 1);

  test('leave the mean as it is, and so the mean of squares less the squared mean times o/n', () => {
    const mean = ['ReduceMean(h) axes=[1] keepdims=1 -> y'];
    expect(proved(small(mean), grown(mean))).toBe(true);
    expect(proved(small(mean), grown(mean, varied(meanFilled)))).toBe(false);
    const spread = ['ReduceMean(h) axes=[1] keepdims=1 -> m', 'Mul(h, h) -> q', 'ReduceMean(q) axes=[1] keepdims=1 -> s', 'Mul(m, m) -> p', 'Sub(s, p) -> v'];
    const scaled =
      (by: number): Numbers =>
      (name, place) =>
        name === 'wf' ? by : meanFilled(name, place);
    const was = weighted({ x: ['b', 3], wa: [3, 8], wf: [1, 1] }, ['MatMul(x, wa) -> h', ...spread, 'Mul(v, wf) -> y'], (name, place) =>
      name === 'wf' ? 1 : old(name, place),
    );
    const now = (numbers: Numbers): Model => weighted({ x: ['b', 3], wa: [3, 12], wf: [1, 1] }, ['MatMul(x, wa) -> h', ...spread, 'Mul(v, wf) -> y'], numbers);
    expect(proved(was, now(scaled(1.5)))).toBe(true);
    expect(proved(was, now(scaled(1)))).toBe(false);
    expect(proved(was, now(varied(scaled(1.5))))).toBe(false);
  });

  describe('are nothing where the mean is multiplied alike and taken away', () => {
    const apart = (own: { product?: string; less?: string; sum?: string; mean?: string } = {}): string[] => [
      own.mean ?? 'ReduceMean(h) axes=[1] keepdims=1 -> m',
      own.product ?? 'Mul(h, f) -> a',
      own.less ?? 'Mul(m, f) -> d',
      own.sum ?? 'Sub(wc, d) -> e\nAdd(a, e) -> c',
      'MatMul(c, wu) -> y',
    ];
    const model = (width: number, lines: readonly string[], numbers: Numbers): Model => {
      const dims = { x: ['b', 3], wa: [3, width], wf: [3, width], wg: [1, width], wc: [1, width], wu: [width, 5] };
      const all = ['MatMul(x, wa) -> h', 'MatMul(x, wf) -> r', 'Mul(r, wg) -> f', ...lines].flatMap((line) => line.split('\n'));
      return weighted(dims, all, numbers);
    };
    // whatever f and the weights behind it are at new places, as long as nothing is added there
    const offset =
      (fill: number, numbers = meanFilled): Numbers =>
      (name, place) =>
        name === 'wc' && (place[1] ?? 0) >= 8 ? fill : numbers(name, place);
    const orders: Readonly<Record<string, readonly string[]>> = {
      'x·f + (b − m·f)': apart(),
      '(b − f·m) + f·x': apart({ product: 'Mul(f, h) -> a', less: 'Mul(f, m) -> d', sum: 'Sub(wc, d) -> e\nAdd(e, a) -> c' }),
      '(x·f + b) − m·f': apart({ sum: 'Add(wc, a) -> e\nSub(e, d) -> c' }),
      'b − (m·f − x·f)': apart({ sum: 'Sub(d, a) -> e\nSub(wc, e) -> c' }),
      'x·r·g + (b − m·r·g)': apart({ product: 'Mul(h, r) -> q\nMul(q, wg) -> a' }),
      'x·g/r + (b − m·g/r)': apart({ product: 'Mul(h, wg) -> q\nDiv(q, r) -> a', less: 'Mul(m, wg) -> p\nDiv(p, r) -> d' }),
    };

    test.each(Object.keys(orders))('%s', (name) => {
      const lines = orders[name] ?? [];
      expect(checkModels(model(8, lines, old), model(12, lines, offset(0))).findings).toEqual([]);
      expect(proved(model(8, lines, old), model(12, lines, offset(0.25)))).toBe(false);
      expect(proved(model(8, lines, old), model(12, lines, offset(0, varied(meanFilled))))).toBe(false);
    });

    test('but not where it is another mean, or multiplied with something else', () => {
      const was = model(8, apart(), old);
      const others = [
        apart({ less: 'Mul(m, r) -> d' }),
        apart({ less: 'Mul(m, wg) -> d' }),
        apart({ less: 'Mul(f, f) -> d' }),
        apart({ mean: 'ReduceMean(f) axes=[1] keepdims=1 -> m' }),
        apart({ mean: 'ReduceMean(h) axes=[0] keepdims=1 -> m' }),
        apart({ mean: 'ReduceMax(h) axes=[1] keepdims=1 -> m' }),
        apart({ sum: 'Sub(wc, d) -> e\nSub(a, e) -> c' }),
        apart({ sum: 'Add(wc, d) -> e\nAdd(a, e) -> c' }),
      ];
      for (const lines of others) expect({ lines, proved: proved(was, model(12, lines, offset(0))) }).toEqual({ lines, proved: false });
      // the same on both sides, and so no old element at fault: at new ones something is left
      for (const lines of [apart({ less: 'Mul(m, r) -> d' }), apart({ mean: 'ReduceMean(f) axes=[1] keepdims=1 -> m' })])
        expect({ lines, proved: proved(model(8, lines, old), model(12, lines, offset(0))) }).toEqual({ lines, proved: false });
    });
  });

  test('are no mean of a part of the line', () => {
    const part = (list: string): string[] => [`Gather(h, ${list}) axis=1 -> g`, 'ReduceMean(g) axes=[1] keepdims=1 -> y'];
    expect(proved(small(part('[0,1,2,3]')), grown(part('[0,1,2,3]')))).toBe(true);
    expect(proved(small(part('[0,1,2,3]')), grown(part('[0,1,2,3,8]')))).toBe(false);
  });

  test('are no mean of a longer line', () => {
    const joined = ['MatMul(x, wb) -> k', 'Concat(h, k) axis=1 -> g', 'ReduceMean(g) axes=[1] keepdims=1 -> y'];
    const model = (width: number, numbers: Numbers): Model => weighted({ x: ['b', 3], wa: [3, width], wb: [3, 4] }, ['MatMul(x, wa) -> h', ...joined], numbers);
    expect(proved(model(8, old), model(12, meanFilled))).toBe(false);
  });

  test('are no mean of several lines', () => {
    // the mean over two lines, less which the new elements of a line are not zero
    const lines = (width: number, list: string): string[] => [
      'MatMul(x, wa) -> h',
      `Reshape(h, [-1, ${2 * width}]) -> r`,
      ...(list === '' ? ['Identity(r) -> g'] : [`Gather(r, ${list}) axis=1 -> g`]),
      'ReduceMean(g) axes=[1] keepdims=1 -> m',
      'Sub(r, m) -> c',
      'MatMul(c, wu) -> y',
    ];
    const olds = JSON.stringify([...Array(16).keys()].map((i) => (i < 8 ? i : i + 4)));
    const was = weighted({ x: ['b', 2, 3], wa: [3, 8], wu: [16, 5] }, lines(8, ''), old);
    const now = (fill: number): Model =>
      weighted({ x: ['b', 2, 3], wa: [3, 12], wu: [24, 5] }, lines(12, olds), (name, [i = 0, j = 0]) =>
        name !== 'wu' ? meanFilled(name, [i, j]) : i % 12 >= 8 ? fill : old(name, [i < 12 ? i : i - 4, j]),
      );
    expect(proved(was, now(0))).toBe(true);
    expect(proved(was, now(0.5))).toBe(false);
  });
});

test('zeros are none beside elements of which nothing is known', () => {
  const lines = (rows: number, width: number, more: boolean): string[] => [
    'MatMul(x, wa) -> h',
    ...(more ? ['MatMul(x, wq) -> f', 'Concat(h, f) axis=1 -> g'] : ['Identity(h) -> g']),
    `Reshape(g, [-1, ${rows * width}]) -> r`,
    'MatMul(r, wu) -> y',
  ];
  const was = weighted({ x: ['b', 2, 3], wa: [3, 8], wu: [16, 5] }, lines(2, 8, false), old);
  const now = (corner: number): Model =>
    weighted({ x: ['b', 2, 3], wa: [3, 12], wq: [3, 12], wu: [48, 5] }, lines(4, 12, true), (name, [i = 0, j = 0]) => {
      if (name !== 'wu') return zeroFilled(old)(name, [i, j]);
      const [row, column] = [Math.floor(i / 12), i % 12];
      return row < 2 && column < 8 ? old(name, [8 * row + column, j]) : row < 2 ? 0.7 : column < 8 ? 0 : corner;
    });
  expect(checkModels(was, now(0)).findings).toEqual([]);
  expect(proved(was, now(0.5))).toBe(false);
});

test('a mean over as many rows as the input has is smaller by what is zero', () => {
  const model = (width: number, factor: number, numbers: Numbers): Model =>
    weighted(
      { x: ['b', 't', 3], wa: [3, width], wf: [1, 1] },
      ['MatMul(x, wa) -> h', 'ReduceMean(h) axes=[1,2] keepdims=1 -> m', 'Mul(m, wf) -> y'],
      (name, place) => (name === 'wf' ? factor : numbers(name, place)),
    );
  expect(proved(model(8, 1, old), model(12, 1.5, zeroFilled(old)))).toBe(true);
  expect(proved(model(8, 1, old), model(12, 1, zeroFilled(old)))).toBe(false);
});

test('new elements that cancel each other are not proved, and not refuted either', () => {
  const model = (width: number, numbers: Numbers): Model =>
    weighted({ x: ['b', 3], wa: [3, width], wu: [width, 5] }, ['MatMul(x, wa) -> h', 'MatMul(h, wu) -> y'], numbers);
  // of three new columns two are equal, with opposite rows behind them; the third is zero
  const cancelling: Numbers = (name, [i = 0, j = 0]) => {
    if (name === 'wa') return j < 8 ? old(name, [i, j]) : j < 10 ? old(name, [i, 20]) : 0;
    return i < 8 || i > 9 ? old(name, [i, j]) : (i === 8 ? 1 : -1) * old(name, [20, j]);
  };
  const { proved: isProved, findings } = checkModels(model(8, old), model(11, cancelling));
  expect(isProved).toBe(false);
  expect(findings.map(({ kind }) => kind)).toEqual(['unproved']);
});
