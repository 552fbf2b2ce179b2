/** The child process of `npm run mutation`: a judge with all its mutants built in, one of them active at a time. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckResult } from '../src/check/findings.ts';
import type { Model } from '../src/onnx/ir.ts';
import type { Judgement, Request } from '../src/verify/conclude.ts';
import type { VerifyOptions } from '../src/verify/result.ts';
import { checkLines, orFailure, verifyLines } from '../test/support/judgement.ts';

/** What the parent asks: what the judge says without a mutant, or whether a mutant makes it say something else. */
export type Question = { readonly kind: 'baseline' } | { readonly kind: 'mutant'; readonly id: string; readonly cases: readonly string[] };

export interface Baseline {
  readonly kind: 'baseline';
  readonly results: Readonly<Record<string, Result>>;
  readonly covered: readonly {
    readonly name: string;
    readonly test: string;
    readonly file: string;
    readonly seconds: number;
    readonly mutants: readonly string[];
  }[];
  /** Mutants that act while modules load. */
  readonly static: readonly string[];
}
/** `by`: the pair of which a mutant says something else than its test asserts. `noticed`: pairs of which it says another line. */
export type Answer = Baseline | { readonly kind: 'fate'; readonly by: string | null; readonly noticed: readonly string[] };

interface Result {
  /** What the test asserts for certain. */
  readonly asserted: string;
  readonly lines: string;
}

/** What the instrumented code reads and writes. */
interface Switchboard {
  activeMutant?: string | undefined;
  currentTestId?: string | undefined;
  hitCount?: number;
  hitLimit?: number;
  mutantCoverage?: { readonly static: Record<string, number>; readonly perTest: Record<string, Record<string, number>> };
}

const [judge, compiled = '', folder = ''] = process.argv.slice(2);
const board: Switchboard = {};
(globalThis as { __stryker__?: Switchboard }).__stryker__ = board;
const load = async <T>(file: string): Promise<T> => (await import(pathToFileURL(path.join(compiled, 'src', file)).href)) as T;

/** What the test recorded of a pair. */
const recorded = (name: string): { readonly file: string; readonly test: string; readonly options: VerifyOptions } =>
  JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));

/** Judges a recorded pair. */
async function judgeOf(): Promise<(name: string) => Promise<readonly string[]>> {
  if (judge === 'verify') {
    const { judge: compare } = await load<{ judge: (request: Request, onStage: () => void) => Promise<Judgement> }>('verify/judge.js');
    return async (name) => {
      const { options } = recorded(name);
      const base = path.join(folder, name);
      const request: Request = {
        oldPath: `${base}-old.onnx`,
        newPath: `${base}-new.onnx`,
        seed: options.seed ?? 0,
        provider: 'cpu',
        tolerance: options.tolerance ?? null,
        inputs: options.inputs === undefined ? null : `${base}${options.inputs}`,
        level: 'all',
        large: false,
        noShadow: null,
      };
      return verifyLines(await compare(request, () => undefined));
    };
  }
  const { checkModels } = await load<{ checkModels: (old: Model, now: Model) => CheckResult }>('check/check.js');
  const { readModel } = await load<{ readModel: (file: string) => Model }>('onnx/read.js');
  return async (name) => {
    const base = path.join(folder, name);
    return checkLines(checkModels(readModel(`${base}-old.onnx`), readModel(`${base}-new.onnx`)));
  };
}

/** What a test asserts for certain: all of it where it is a snapshot, else the verdict alone. */
function resultFrom(name: string, lines: readonly string[]): Result {
  const all = lines.join('\n');
  return { asserted: recorded(name).file.startsWith('judgements') ? all : (lines[0] ?? '').replace(/ at .*/, ''), lines: all };
}

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))
  .filter((name) => existsSync(path.join(folder, `${name}-new.onnx`)))
  .sort();

let run: ((name: string) => Promise<readonly string[]>) | undefined;
async function resultOf(name: string): Promise<Result> {
  try {
    run ??= await judgeOf();
    const judging = run;
    return resultFrom(name, await orFailure(() => judging(name)));
  } catch (error) {
    return resultFrom(name, [`error ${error instanceof Error ? error.constructor.name : 'unknown'}`]);
  }
}

async function answer(question: Question): Promise<Answer> {
  const baselineFile = path.join(path.dirname(compiled), `${judge}-baseline.json`);
  if (question.kind === 'baseline') {
    const results: Record<string, Result> = {};
    const covered: Baseline['covered'][number][] = [];
    await resultOf(names[0] ?? '');
    for (const name of names) {
      board.currentTestId = name;
      const started = performance.now();
      results[name] = await resultOf(name);
      const { test, file } = recorded(name);
      covered.push({ name, test, file, seconds: (performance.now() - started) / 1000, mutants: Object.keys(board.mutantCoverage?.perTest[name] ?? {}) });
    }
    board.currentTestId = undefined;
    return {
      kind: 'baseline',
      results,
      covered,
      static: Object.keys(board.mutantCoverage?.static ?? {}).filter((id) => !covered.some((own) => own.mutants.includes(id))),
    };
  }
  const { results } = JSON.parse(readFileSync(baselineFile, 'utf8')) as Baseline;
  if (process.env.__STRYKER_ACTIVE_MUTANT__ === undefined) board.activeMutant = question.id;
  board.hitLimit = 5e7;
  let by: string | null = null;
  const noticed: string[] = [];
  for (const name of question.cases) {
    board.hitCount = 0;
    const result = await resultOf(name);
    if (result.lines !== results[name]?.lines) noticed.push(name);
    if (result.asserted === results[name]?.asserted) continue;
    by = name;
    break;
  }
  board.activeMutant = undefined;
  return { kind: 'fate', by, noticed };
}

process.on('message', (question: Question) => {
  void answer(question).then((own) => process.send?.(own));
});
process.once('disconnect', () => process.exit());
