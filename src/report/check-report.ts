import type { CheckResult } from '../check/findings.ts';
import type { CiReport } from './ci.ts';

/** A static proof for continuous integration: a case for the proof, one for each place where it stops. */
export function checkReport(title: string, { proved, findings, assumptions, seconds }: CheckResult): CiReport {
  const refuted = findings.filter(({ kind }) => kind === 'refuted').length;
  const summary = proved ? 'proved for all inputs' : `not proved: ${refuted} refuted, ${findings.length - refuted} without a rule`;
  return {
    title,
    summary,
    cases: [
      { name: 'the outputs are equal for all inputs', failure: proved ? null : summary, details: [] },
      ...findings.map(({ kind, where, message }) => ({ name: where, failure: `${kind}: ${message}`, details: [] })),
    ],
    notes: assumptions.map((assumption) => `assumed: ${assumption}`),
    seconds,
  };
}
