/** The child process of `npm run mutation`: a judge with all its mutants built in, one of them active at a time. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CheckResult } from '../src/check/findings.ts';
import type { Model } from '../src/onnx/ir.ts';
import type { Judgement, Request } from '../src/verify/conclude.ts';
import type { VerifyOptions } from '../src/verify/result.ts';
import { brief, checkLines, orFailure, verifyLines } from '../test/support/judgement.ts';

/** What the parent asks: what the judge says without a mutant, or whether a mutant makes it say something else. */
export type Question = { readonly kind: 'baseline' } | { readonly kind: 'mutant'; readonly id: string; readonly cases: readonly string[] };

export interface Baseline {
  readonly kind: 'baseline';
  readonly pairs: readonly {
    readonly name: string;
    readonly test: string;
    readonly file: string;
    readonly seconds: number;
    readonly result: Result;
    /** Mutants that the pair reaches. */
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
const recorded = (name: string): { readonly file: string; readonly test: string; readonly options: VerifyOptions; readonly request?: Partial<Request> } =>
  JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8'));

/** Judges a recorded pair. */
async function judgeOf(): Promise<(name: string) => Promise<readonly string[]>> {
  if (judge === 'verify') {
    const { judge: compare } = await load<{ judge: (request: Request, onStage: () => void) => Promise<Judgement> }>('verify/judge.js');
    return async (name) => {
      const { options, request: own = {} } = recorded(name);
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
        ...own,
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

/** Tests that hold every line that is said of each of their pairs, and tests that hold those of `brief`. */
const ALL_LINES: readonly string[] = [
  ...['folded-rules.test.ts', 'stored-rules.test.ts', 'interface-rules.test.ts', 'operand-rules.test.ts'],
  ...['constant-rules.test.ts', 'large-constants.test.ts', 'corrected-constants.test.ts'],
  ...['judgements.test.ts', 'alive-rules.test.ts', 'joins-rules.test.ts', 'views-rules.test.ts', 'walk-rules.test.ts'],
  ...['kinds-rules.test.ts', 'cut-growth-rules.test.ts', 'choice-rules.test.ts', 'carried.test.ts'],
  ...['realigned-rules.test.ts', 'block-rules.test.ts', 'placed-rules.test.ts', 'cache-role-rules.test.ts', 'unknown-shape-rules.test.ts'],
  ...['definedness-rules.test.ts', 'attention-rules.test.ts', 'product-rules.test.ts', 'pointwise-rules.test.ts', 'rotation-rules.test.ts'],
  'small-judgements.test.ts',
  'parting-rules.test.ts',
  ...['centred-rules.test.ts', 'limits-rules.test.ts', 'cache-forms-rules.test.ts', 'computed-rules.test.ts', 'defined-alike-rules.test.ts'],
  ...['chained-rules.test.ts', 'stretched-rules.test.ts', 'run-sizes-rules.test.ts', 'handed-on-rules.test.ts', 'rotated-rules.test.ts'],
  ...['views-forms-rules.test.ts', 'carried-forms-rules.test.ts', 'quantise-rules.test.ts', 'joins-forms-rules.test.ts'],
  ...['alive-flow-rules.test.ts'],
  ...['factor-rules.test.ts', 'stored-forms-rules.test.ts', 'quantised-rules.test.ts', 'decided-branches.test.ts'],
  ...['operand-forms-rules.test.ts', 'interface-forms-rules.test.ts', 'block-guards-rules.test.ts'],
];
const BRIEF_LINES: readonly string[] = [
  ...['exports.test.ts', 'operator-rules.test.ts', 'desugar-rules.test.ts', 'algebra-rules.test.ts', 'resize-rules.test.ts'],
  'quantised-forms.test.ts',
  ...['desugar-forms-rules.test.ts', 'quantised-limits-rules.test.ts'],
];

/** What a test asserts for certain: the snapshots hold all that is said, or all but where; others the verdict. */
function resultFrom(name: string, lines: readonly string[]): Result {
  const { file } = recorded(name);
  const all = lines.join('\n');
  const nowhere = lines.map((line) => line.replace(/^(refuted|unproved) .*?: /, '')).join('\n');
  const verdict = (lines[0] ?? '').replace(/ at .*/, '');
  if (ALL_LINES.includes(file)) return { asserted: all, lines: all };
  if (BRIEF_LINES.includes(file)) return { asserted: brief(lines).join('\n'), lines: all };
  return { asserted: file === 'changes.test.ts' ? nowhere : verdict, lines: all };
}

/** Tests of models that end the process which runs them. */
const ENDS_PROCESS = /crash the runtime|the child process/;

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length))
  .filter((name) => existsSync(path.join(folder, `${name}-new.onnx`)) && !ENDS_PROCESS.test(recorded(name).test))
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

/** What the judge says of a pair without a mutant, and the mutants that it reaches. */
async function measured(name: string): Promise<Baseline['pairs'][number]> {
  board.activeMutant = undefined;
  board.currentTestId = name;
  const started = process.cpuUsage();
  const result = await resultOf(name);
  const { user, system } = process.cpuUsage(started);
  const seconds = (user + system) / 1e6;
  board.currentTestId = undefined;
  const mutants = Object.keys(board.mutantCoverage?.perTest[name] ?? {});
  delete board.mutantCoverage?.perTest[name];
  const { test, file } = recorded(name);
  return { name, test, file, seconds, result, mutants };
}

const known = new Map<string, { readonly result: Result; readonly mutants: ReadonlySet<string> }>();

async function answer(question: Question): Promise<Answer> {
  if (question.kind === 'baseline') {
    await resultOf(names[0] ?? '');
    const pairs: Baseline['pairs'][number][] = [];
    for (const name of names) pairs.push(await measured(name));
    const reached = new Set(pairs.flatMap((own) => own.mutants));
    return {
      kind: 'baseline',
      pairs,
      static: Object.keys(board.mutantCoverage?.static ?? {}).filter((id) => !reached.has(id)),
    };
  }
  const { id, cases } = question;
  if (known.size === 0) {
    const { pairs } = JSON.parse(readFileSync(path.join(path.dirname(compiled), `${judge}-baseline.json`), 'utf8')) as Baseline;
    for (const own of pairs) known.set(own.name, { result: own.result, mutants: new Set(own.mutants) });
  }
  const always = process.env.__STRYKER_ACTIVE_MUTANT__ !== undefined;
  board.hitLimit = 5e7;
  const noticed: string[] = [];
  for (const name of cases) {
    const before = known.get(name);
    if (before === undefined || !(always || before.mutants.has(id))) continue;
    if (!always) board.activeMutant = id;
    board.hitCount = 0;
    const result = await resultOf(name);
    board.activeMutant = undefined;
    if (result.lines !== before.result.lines) noticed.push(name);
    if (result.asserted !== before.result.asserted) return { kind: 'fate', by: name, noticed };
  }
  return { kind: 'fate', by: null, noticed };
}

process.on('message', (question: Question) => {
  void answer(question).then((own) => process.send?.(own));
});
process.once('disconnect', () => process.exit());
