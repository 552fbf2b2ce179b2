/**
 * Norms behind each other in the place of one, as inserted layers leave them: t^(q+1) = ε(1 + t + … + t^q), and gains times the root of that sum. Gains are
 * rounded once where the chain is such a one, and compared up to a rounding for each norm where it is another.
 */
import { describe, expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, verdict } from '../support/told.ts';
import { numbers, type Stored, type Typed } from '../support/typed-graph.ts';

const { FLOAT, DOUBLE } = DataType;
const GAINS = [1.1, 0.9, -1.3, 1.7].map(Math.fround);
const ULP: Readonly<Record<number, number>> = { [FLOAT]: 2 ** -23, [DOUBLE]: 2 ** -52 };

const seriesOf = (t: number, q: number): number => Array.from({ length: q + 1 }, (_, i) => t ** i).reduce((a, b) => a + b);
/** t^(q+1) = ε·(1 + t + … + t^q) */
function chained(epsilon: number, q: number): number {
  let t = 1;
  for (let i = 0; i < 400; i++) t = (epsilon * seriesOf(t, q)) ** (1 / (q + 1));
  return t;
}

/** Norms with these epsilons, and gains behind. */
function norms(epsilons: readonly number[], gains: ArrayLike<number>, type: number = FLOAT, axis = 1): Typed {
  const lines = epsilons.flatMap((_, k) => [
    `Mul(v${k}, v${k}) -> q${k}`,
    `ReduceMean(q${k}, [${axis}]) -> p${k}`,
    `Add(p${k}, e${k}) -> u${k}`,
    `Sqrt(u${k}) -> r${k}`,
    `Div(v${k}, r${k}) -> v${k + 1}`,
  ]);
  return {
    inputs: { x: ['n', 4] },
    lines: [`Cast(x) to=${type} -> v0`, ...lines, `Mul(v${epsilons.length}, g) -> y`],
    stored: { g: [[4], gains, type], ...Object.fromEntries(epsilons.map((own, k): [string, Stored] => [`e${k}`, [[], [own], type]])) },
  };
}

const scaled = (by: number, ulps = 0, type: number = FLOAT): Float64Array => {
  const exact = numbers(4, (i) => (GAINS[i] ?? 0) * by);
  const stored = type === FLOAT ? exact.map(Math.fround) : exact;
  // whole units in the last place of the third gain
  const unit = 2 ** Math.floor(Math.log2(Math.abs(stored[2] ?? 1))) * (ULP[type] ?? 0);
  return stored.map((x, i) => (i === 2 ? x + ulps * unit : x));
};
const times = (epsilon: number, count: number): readonly number[] => Array.from({ length: count }, () => epsilon);

describe.each([0.5, 1e-5])('one norm of ε = %d', (epsilon) => {
  const old = norms([epsilon], GAINS);
  test.each([1, 2, 3])('%i more norms', (q) => {
    const t = chained(Math.fround(epsilon), q);
    const root = Math.sqrt(seriesOf(t, q));
    const chain = times(t, q + 1);
    expect(verdict(old, norms(chain, scaled(root)))).toBe('proved');
    for (const ulps of [-1, 1, 2]) expect([ulps, verdict(old, norms(chain, scaled(root, ulps)))]).not.toEqual([ulps, 'proved']);
    expect(verdict(old, norms(chain, GAINS))).not.toBe('proved');
    expect(verdict(old, norms(times(t, q), scaled(root)))).not.toBe('proved');
    expect(verdict(old, norms(times(t, q + 2), scaled(root)))).not.toBe('proved');
    expect(verdict(old, norms(times(t * (1 + 2 ** -16), q + 1), scaled(root)))).not.toBe('proved');
    expect(verdict(old, norms(times(t * 2, q + 1), scaled(root)))).not.toBe('proved');
    expect(verdict(old, norms([...times(t, q), t * 1.5], scaled(root)))).not.toBe('proved');
    // norms over rows are none over columns
    expect(verdict(old, norms(chain, scaled(root), FLOAT, 0))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('in float64', () => {
  const old = norms([0.25], GAINS, DOUBLE);
  test.each([1, 2])('%i more norms', (q) => {
    const t = chained(0.25, q);
    const root = Math.sqrt(seriesOf(t, q));
    const now = (ulps: number): Typed => norms(times(t, q + 1), scaled(root, ulps, DOUBLE), DOUBLE);
    expect([0, 1, -2].map((ulps) => verdict(old, now(ulps)))).toEqual(['proved', 'proved', 'proved']);
    for (const ulps of [-9, 9, 20]) expect([ulps, verdict(old, now(ulps))]).not.toEqual([ulps, 'proved']);
    expect(allSaid()).toMatchSnapshot();
  });
});

describe('norms of unlike epsilons', () => {
  // two are a chain of their own: t = e2, with ε·e2/e1 for ε
  test('two, to the bit', () => {
    const [first, second] = [0.5, 0.25];
    const whole = (first * second) / (1 + second);
    const root = Math.sqrt(1 + second);
    const old = norms([whole], GAINS);
    expect(verdict(old, norms([first, second], scaled(root)))).toBe('proved');
    for (const ulps of [-1, 1]) expect([ulps, verdict(old, norms([first, second], scaled(root, ulps)))]).not.toEqual([ulps, 'proved']);
    expect(verdict(old, norms([second, first], scaled(root)))).not.toBe('proved');
    expect(verdict(old, norms([first, second], GAINS))).not.toBe('proved');
    expect(verdict(norms([whole * 1.001], GAINS), norms([first, second], scaled(root)))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  test('are none but themselves', () => {
    const chains = [[0.5, 0.25], [0.5, 0.125], [0.25, 0.5], [0.25, 0.25], [0.5, 0.25, 0.25], [0.5]];
    const graphs = chains.map((own) => norms(own, GAINS));
    expect(graphs.map((own) => graphs.map((other) => verdict(own, other) === 'proved'))).toEqual(graphs.map((own) => graphs.map((other) => own === other)));
    expect(allSaid()).toMatchSnapshot();
  });

  /** x / √(p + e1), that / √(p' + e2), and that / √(p'' + e3): ε = e1·e2·e3 / (1 + e3 + e2·e3) */
  test.each([FLOAT, DOUBLE])('three, up to a rounding of each, in type %i', (type) => {
    const [e1, e2, e3] = [0.5, 0.25, 0.125] as const;
    const series = 1 + e3 + e2 * e3;
    const old = norms([(e1 * e2 * e3) / series], GAINS, type);
    const now = (ulps: number): Typed => norms([e1, e2, e3], scaled(Math.sqrt(series), ulps, type), type);
    const accepted = [-9, -7, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 9].filter((ulps) => verdict(old, now(ulps)) === 'proved');
    expect(accepted).toContain(0);
    expect(accepted).toMatchSnapshot();
    expect(verdict(old, norms([e3, e2, e1], scaled(Math.sqrt(series), 0, type), type))).not.toBe('proved');
    expect(allSaid()).toMatchSnapshot();
  });

  /** The first two are those of the chain of four, the others are not: ε·(1 + e4 + e3·e4 + e2·e3·e4) = e1·e2·e3·e4 */
  test('four that begin as equal ones, up to a rounding of each', () => {
    const epsilon = 0.5;
    const t = chained(epsilon, 3);
    const e3 = 1.01 * t;
    const e4 = epsilon / (t * t * e3 - epsilon * (1 + e3 + t * e3));
    const root = Math.sqrt(1 + e4 + e3 * e4 + t * e3 * e4);
    const now = (ulps: number): Typed => norms([t, t, e3, e4], scaled(root, ulps));
    const accepted = [-30, -12, -6, -3, -2, -1, 0, 1, 2, 3, 6, 12, 30].filter((ulps) => verdict(norms([epsilon], GAINS), now(ulps)) === 'proved');
    expect(accepted).toContain(0);
    expect(accepted).not.toContain(30);
    expect(accepted).toMatchSnapshot();
  });
});
