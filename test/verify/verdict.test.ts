import { describe, expect, it } from 'vitest';
import { judgeAll, reportOutputs, thresholdFor, worstOf } from '../../src/verify/verdict.ts';

const comparison = (step: string, relative: number) => ({ output: 'y', case: step, difference: { bitExact: relative === 0, relative, reason: null } });

describe('thresholds', () => {
  it('are four times the noise, between a floor and a ceiling', () => {
    expect(thresholdFor(0, 'float32')).toBe(2 ** -20);
    expect(thresholdFor(1e-6, 'float32')).toBeCloseTo(4e-6, 12);
    expect(thresholdFor(8e-6, 'float32')).toBe(2e-5);
    expect(thresholdFor(2e-5, 'float32')).toBe(4e-5);
  });

  it('stay below a forgotten epsilon rescale (8e-5) for every model with a noise below 2e-5', () => {
    for (let noise = 0; noise < 2e-5; noise += 1e-7) expect(thresholdFor(noise, 'float32')).toBeLessThan(8e-5);
  });

  it('grow with the precision', () => {
    expect(thresholdFor(0, 'float64')).toBeLessThan(thresholdFor(0, 'float32'));
    expect(thresholdFor(0, 'float32')).toBeLessThan(thresholdFor(0, 'float16'));
    expect(thresholdFor(0, 'float16')).toBeLessThan(thresholdFor(0, 'bfloat16'));
  });
});

describe('judging steps', () => {
  it('does not let one noisy step lift the threshold of the others', () => {
    const noise = new Map([
      [
        'y',
        new Map([
          ['a', 2e-7],
          ['b', 0.5],
        ]),
      ],
    ]);
    const judged = judgeAll([comparison('a', 1e-4), comparison('b', 0.6)], noise, 'float32', { tolerance: null, agrees: false });
    expect(judged.map(({ unsound }) => unsound)).toEqual([false, true]);
    expect(worstOf(judged)).toMatchObject({ output: 'y', case: 'a', maxRelative: 1e-4 });
    expect(reportOutputs(judged, noise, 'float32')).toMatchObject([{ name: 'y', maxRelative: 1e-4, noiseFloor: 2e-7 }]);
  });

  it('takes a tolerance in place of what it measured', () => {
    expect(worstOf(judgeAll([comparison('a', 1e-4)], new Map(), 'float32', { tolerance: 1e-3, agrees: false }))).toBeNull();
    expect(worstOf(judgeAll([comparison('a', 1e-4)], new Map(), 'float32', { tolerance: 1e-5, agrees: false }))).not.toBeNull();
  });

  it('allows what the precision costs where float64 shows the same function', () => {
    const judge = (relative: number, agrees: boolean) => worstOf(judgeAll([comparison('a', relative)], new Map(), 'float32', { tolerance: null, agrees }));
    expect([judge(1e-5, true), judge(1e-5, false) === null, judge(1e-4, true) === null]).toEqual([null, false, false]);
    // What the optimiser makes of a float64 model has numbers in float32.
    const double = (relative: number, agrees: boolean) => worstOf(judgeAll([comparison('a', relative)], new Map(), 'float64', { tolerance: null, agrees }));
    expect([double(1e-5, true), double(1e-10, false) === null, double(1e-4, true) === null]).toEqual([null, false, false]);
  });
});
