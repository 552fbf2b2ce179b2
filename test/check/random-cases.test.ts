import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LONG, SEED } from '../support/long.ts';
import { cases, judged, shrunk } from '../support/random-case.ts';

const COUNT = Number(process.env.CASES ?? (LONG ? 10_000 : 200));

/** Random architectures × recipes of 1–8 steps: proved, equal in float64, old elements kept; and no fault is proved that moves the outputs. */
test(`random models under all judges (seed ${SEED})`, { timeout: 1e9 }, async () => {
  const started = performance.now();
  const counts = { grown: 0, refused: 0, found: 0, harmless: 0, none: 0 };
  const failures: string[] = [];
  let worst = 0;
  let done = 0;
  for (const one of fc.sample(cases, { numRuns: COUNT, seed: SEED })) {
    const { refused, gap, fault, problem } = await judged(one);
    done++;
    counts[refused ? 'refused' : 'grown']++;
    if (problem === null && !refused) counts[fault]++;
    if (problem === null && one.a.normForm !== 'fused') worst = Math.max(worst, gap);
    if (problem !== null) {
      const own = failures.length === 0 && !LONG ? await shrunk(one) : one;
      failures.push(`${JSON.stringify(own)}: ${problem}`);
      if (LONG) console.log(failures.at(-1));
    }
    if (LONG && done % 500 === 0) console.log(text());
  }
  function text(): string {
    const seconds = Math.round((performance.now() - started) / 1000);
    return `${done} cases of seed ${SEED} in ${seconds} s: ${JSON.stringify(counts)}, ${failures.length} failures, largest difference without fused norms ${worst}`;
  }
  console.log(text());
  expect(failures).toEqual([]);
  expect(counts.grown).toBeGreaterThan(0.9 * COUNT);
});
