/** What becomes of a damaged model: how far it gets, and what must never happen on the way. */

import { findAnatomy } from '../../../src/analysis/anatomy.ts';
import { analyze } from '../../../src/analysis/graph-analysis.ts';
import { checkModels } from '../../../src/check/check.ts';
import type { CheckResult } from '../../../src/check/findings.ts';
import { GrowError } from '../../../src/errors.ts';
import type { Model } from '../../../src/onnx/ir.ts';
import { readModel } from '../../../src/onnx/read.ts';
import { validateModel } from '../../../src/onnx/validate.ts';
import { inspectModel } from '../../../src/report/inspect.ts';
import { PLAIN } from '../../../src/report/paint.ts';
import { asJson } from '../../../src/report/printable.ts';
import { checkText, inspectionText } from '../../../src/report/text.ts';
import { grownBy, reread } from '../grown-model.ts';
import { load, runsFor } from '../run-model.ts';
import type { Case } from './cases.ts';
import { runCommand } from './command-case.ts';

/** Where a case is. */
export type Phase = 'make' | 'read' | 'analyse' | 'inspect' | 'grow' | 'check' | 'command' | 'runtime' | 'done';

/** How a case ended: the last phase it finished, and the code of the error that stopped it or what it came to. */
export interface Outcome {
  readonly reached: Phase;
  readonly code: string;
  /** Something that must not be: a crash, an unsound proof, a wrong growth, a control character. */
  readonly wrong: string | null;
}

/** Models in float64 that compute the same agree to this, rounding of nearly constant values through norms included. */
const SAME = 1e-7;

/** Does what a case asks. `enter` is told every phase before it begins. */
export async function exercise(own: Case, enter: (phase: Phase) => Promise<void>): Promise<Outcome> {
  let reached: Phase = 'make';
  const step = async <T>(phase: Phase, work: () => T | Promise<T>): Promise<T> => {
    await enter(phase);
    const result = await work();
    reached = phase;
    return result;
  };
  try {
    const model = await step('read', () => readModel(own.bytes));
    await step('analyse', () => {
      validateModel(model);
      findAnatomy(analyze(model));
    });
    switch (own.task) {
      case 'inspect':
        return { reached: 'inspect', ...(await step('inspect', () => inspected(model))) };
      case 'command':
        return { reached: 'command', ...(await step('command', () => runCommand(own))) };
      case 'check':
      case 'check-back': {
        const [a, b] = own.task === 'check' ? [own.base.model, model] : [model, own.base.model];
        const result = await step('check', () => checkModels(a, b));
        return { reached: 'check', ...(await judged(own, result, a, b, step)) };
      }
      default: {
        const { grown, changes } = await step('grow', () => {
          const result = grownBy(model, [own.step]);
          return { grown: reread(result.model), changes: result.interfaceChanges };
        });
        if (own.random() < 0.6) return { reached: 'grow', code: 'ok', wrong: null };
        const result = await step('check', () => checkModels(model, grown));
        const said = await judged(own, result, model, grown, step, changes);
        return { reached: 'grow', code: `ok, ${said.code}`, wrong: said.wrong };
      }
    }
  } catch (error) {
    if (error instanceof GrowError) return { reached, code: error.code, wrong: null };
    return { reached, code: 'CRASH', wrong: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function inspected(model: Model): Pick<Outcome, 'code' | 'wrong'> {
  const inspection = inspectModel(model);
  const texts = [inspectionText(inspection, PLAIN), asJson(inspection)];
  const bug = Object.values(inspection.reasons).find((reason) => reason.includes('bug in onnx-grow'));
  return { code: 'ok', wrong: bug ?? unsafe(texts.join('')) };
}

/** A control character, but for line ends, that a file brought to a terminal. */
export const unsafe = (text: string): string | null => {
  const found = /[^\n\P{Cc}]/u.exec(text);
  return found === null ? null : `control character ${JSON.stringify(found[0])} on the terminal`;
};

/** Whether a proof may be believed: what is proved must compute the same wherever the runtime takes both models. */
async function judged(
  own: Case,
  result: CheckResult,
  a: Model,
  b: Model,
  step: <T>(phase: Phase, work: () => T | Promise<T>) => Promise<T>,
  changes: readonly string[] = [],
): Promise<Pick<Outcome, 'code' | 'wrong'>> {
  const broke = result.findings.find(({ message }) => message.startsWith('the proof broke off'));
  if (broke !== undefined) return { code: 'BROKE OFF', wrong: `${broke.message}\n${broke.where}` };
  const text = unsafe(checkText(result, PLAIN));
  if (text !== null) return { code: 'text', wrong: text };
  const refuted = result.findings.some(({ kind }) => kind === 'refuted');
  const growth = own.task === 'grow';
  const code = result.proved ? 'proved' : refuted ? 'refuted' : 'unproved';
  // sizes that the old graph needs to be equal, and that no input makes equal: a runtime may then read what it has not written
  const isConditional = result.assumptions.some((text) => text.includes('(') && text.endsWith('as the old graph needs'));
  const wanted = own.base.built && !isConditional && (result.proved || (growth && own.random() < 0.3));
  if (!wanted) return { code, wrong: null };
  const difference = await step('runtime', () => differenceOf(a, b, own.seed, changes));
  if (difference === null || difference <= SAME) return { code: `${code}, ${difference === null ? 'runtime refuses' : 'same'}`, wrong: null };
  const findings = result.findings.slice(0, 2).map(({ where, message }) => `${where}: ${message}`);
  const what = result.proved ? 'UNSOUND' : 'WRONG GROWTH';
  return { code: what, wrong: `${what}: ${own.task} ${own.step}: outputs differ by ${difference}; ${code}: ${findings.join('; ')}` };
}

/**
 * The largest relative difference of outputs, infinite where shapes differ; null where the runtime refuses either model, where
 * numbers are not finite, of which a proof says nothing, or where it takes memory that it has not written for numbers, as for an
 * empty operand of a Concat that does not fit: the old model differs from itself then. Caches, and outputs that are said to grow
 * (`changes`), are not compared.
 */
async function differenceOf(a: Model, b: Model, seed: number, changes: readonly string[]): Promise<number | null> {
  const isCompared = (name: string): boolean =>
    !name.startsWith('present') && !changes.some((change) => change.startsWith(`output ${name}: `) || change === `output ${name} is wider`);
  try {
    const [old, now] = [await load(a), await load(b)];
    let worst = 0;
    for (const sizes of runsFor(a, seed)) {
      const [before, after, again] = [await old.run(sizes), await now.run(sizes), await old.run(sizes)];
      const [gap, unrest] = [largestGap(before, after, isCompared), largestGap(before, again, isCompared)];
      if (Number.isNaN(gap) || !(unrest <= SAME)) return null;
      worst = Math.max(worst, gap);
    }
    await Promise.all([old.release(), now.release()]);
    return worst;
  } catch {
    return null;
  }
}

type Runs = Awaited<ReturnType<Awaited<ReturnType<typeof load>>['run']>>;

/** NaN where a number is not finite. */
function largestGap(before: Runs, after: Runs, isCompared: (name: string) => boolean): number {
  const gaps = before.flatMap((outputs, step) =>
    Object.entries(outputs).map(([name, tensor]) => {
      const other = after[step]?.[name];
      if (!isCompared(name)) return 0;
      if (other === undefined || other.dims.join() !== tensor.dims.join()) return Number.POSITIVE_INFINITY;
      const [x, y] = [[...(tensor.data as Iterable<number>)].map(Number), [...(other.data as Iterable<number>)].map(Number)];
      if (![...x, ...y].every(Number.isFinite)) return Number.NaN;
      const [top, gap] = [Math.max(0, ...x.map(Math.abs)), Math.max(0, ...x.map((own, i) => Math.abs(own - (y[i] ?? 0))))];
      return top === 0 ? gap : gap / top;
    }),
  );
  return Math.max(0, ...gaps);
}
