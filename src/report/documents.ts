/** Results as the JSON documents of the command line. What is not computed is null. */

import type { CheckResult } from '../check/findings.ts';
import { GrowError } from '../errors.ts';
import type { VerifyResult } from '../verify/result.ts';
import type { GrowthReport } from './growth-report.ts';

/** What a run of `apply` adds to the report of growth. */
export interface ApplyOutcome {
  /** The file that was written; null in a dry run. */
  readonly output: string | null;
  readonly verify: VerifyResult | null;
  readonly check: CheckResult | null;
  /** What happened to configuration files beside the model. */
  readonly configs: readonly string[];
  readonly seconds: Readonly<Record<string, number>>;
}

/** The object of `grow apply --json`. */
export function applyDocument(report: GrowthReport, outcome: ApplyOutcome): Readonly<Record<string, unknown>> {
  return {
    ok: true,
    output: outcome.output,
    seed: report.seed,
    steps: report.steps,
    before: report.before,
    after: { ...report.after, file: outcome.output },
    parametersAdded: report.parametersAdded,
    interfaceChanges: report.interfaceChanges,
    portable: report.portable,
    norm: report.norm,
    corrections: report.corrections,
    notes: report.notes,
    configs: outcome.configs,
    check: outcome.check,
    verify: outcome.verify,
    alive: outcome.check?.alive ?? null,
    seconds: outcome.seconds,
  };
}

/** The object of an error. Bugs of ours have the code BUG. */
export function errorDocument(error: unknown): Readonly<Record<string, unknown>> {
  const plain = error instanceof GrowError ? error : null;
  return {
    ok: false,
    error: {
      code: plain?.code ?? 'BUG',
      message: error instanceof Error ? error.message : String(error),
      where: plain?.where ?? null,
      hint: plain === null ? 'please report it with the command and, if you can, the model' : (plain.hint ?? null),
    },
  };
}
