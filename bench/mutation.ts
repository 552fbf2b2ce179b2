/**
 * `npm run mutation -- check|verify [--share 0.25] [--seed 1] [--minutes 30]`: mutants of a judge against its tests; Markdown on
 * stdout, every mutant in .tmp/mutation/JUDGE.jsonl.
 *
 * First the pairs of models that the tests hand to the judge are judged again with the mutant, in one process for many mutants: a
 * mutant is killed when the verdict is another one, when the judge breaks, or when it does not end. Where only a text is another one,
 * the tests of those pairs say whether they notice, and unit tests are asked too. What no test notices is alive.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiledFolder, contentKey, HOME, instrument, type JudgeName, type Mutant, pairsFolder, record, testConfig, unitTests } from './mutation-build.ts';
import { compiler } from './mutation-types.ts';
import type { Answer, Baseline, Question } from './mutation-worker.ts';

/** What became of a mutant. `uncovered`: no test reaches it. `refused`: the compiler does not take it. */
type Fate = 'killed' | 'timeout' | 'survived' | 'uncovered' | 'refused';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  allowNegative: true,
  options: {
    share: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '600' },
    /** Seconds of judging that a mutant has to survive. */
    seconds: { type: 'string', default: '10' },
    record: { type: 'boolean', default: true },
    resume: { type: 'boolean', default: false },
    tests: { type: 'boolean', default: true },
    /** Mutants of these files only: parts of paths. */
    of: { type: 'string', default: '' },
    /** Pairs of these test files only. */
    by: { type: 'string', default: '' },
  },
});
const judge: JudgeName = positionals[0] === 'verify' ? 'verify' : 'check';

/** Tests that a mutant is held against which only changes texts: so many, besides unit tests. */
const TESTS = 4;

/** Files whose tests judge models of their own kind each. */
const PER_TEST: readonly string[] = ['judgements.test.ts', 'exports.test.ts'];

/** Tests that take too long to be run for one mutant; the pairs they judge are judged all the same. */
const LONG_TESTS: readonly string[] = ['random-cases.test.ts', 'float64.test.ts', 'noise.test.ts'];

/** A child process with the mutants in it. `active` is a mutant that acts from the start. */
function start(active: string | null): ChildProcess {
  const program = fileURLToPath(new URL('mutation-worker.js', import.meta.url));
  return fork(program, [judge, compiledFolder(judge), pairsFolder(judge)], {
    execArgv: ['--max-old-space-size=3000', '--stack-size=900'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, ...(active === null ? {} : { __STRYKER_ACTIVE_MUTANT__: active }) },
  });
}

/** The answer to a question, or null where there is none in time. */
function ask(child: ChildProcess, question: Question, seconds: number): Promise<Answer | null> {
  return new Promise((resolve) => {
    const done = (answer: Answer | null): void => {
      clearTimeout(timer);
      child.removeAllListeners('message');
      child.removeAllListeners('exit');
      resolve(answer);
    };
    const timer = setTimeout(() => done(null), 1000 * seconds);
    child.once('message', (answer: Answer) => done(answer));
    child.once('exit', () => done(null));
    child.send(question);
  });
}

/** Runs tests with a mutant: whether all pass; null where they do not end. */
function passes(id: string, files: readonly string[], names: readonly string[]): Promise<boolean | null> {
  const args = ['vitest', 'run', '--root', '.', '--config', testConfig(judge), '--bail=1', '--reporter=dot', '--maxWorkers=1', ...files];
  const pattern = names.map((name) => name.replaceAll(' > ', ' ').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  return new Promise((resolve) => {
    const child = spawn('npx', [...args, ...(names.length === 0 ? [] : ['-t', `^(${pattern})$`])], {
      stdio: 'ignore',
      detached: true,
      env: { ...process.env, __STRYKER_ACTIVE_MUTANT__: id, CI: '1' },
    });
    const timer = setTimeout(() => {
      // the whole group: vitest's own processes too
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      resolve(null);
    }, 180_000);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}

mkdirSync(HOME, { recursive: true });
const listed = (text: string): readonly string[] => text.split(',').filter((own) => own !== '');
if (values.record) record(judge, listed(values.by));
const { mutants, sentences } = await instrument(judge);
let child = start(null);
const baseline = await baselineOf();

/** What the judge says without a mutant; kept for the same sources and pairs. */
async function baselineOf(): Promise<Baseline> {
  const file = path.join(HOME, `${judge}-baseline.json`);
  const key = contentKey(judge);
  const kept = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline & { readonly key?: string }) : null;
  if (kept?.key === key) return kept;
  const made = await ask(child, { kind: 'baseline' }, 3600);
  if (made?.kind !== 'baseline') throw new Error('the judge does not run without a mutant');
  writeFileSync(file, JSON.stringify({ ...made, key }));
  return made;
}

const pairs = new Map(baseline.pairs.map((own) => [own.name, own]));
const covering = new Map<string, string[]>();
for (const { name, mutants: ids } of baseline.pairs) {
  for (const id of ids) {
    const known = covering.get(id);
    if (known === undefined) covering.set(id, [name]);
    else known.push(name);
  }
}
const isStatic = new Set(baseline.static);
/** Unit tests of each file: those that judge no pair, for what others assert is asked of their pairs. */
const judging = new Set(baseline.pairs.map((own) => own.file));
const isUnit = (test: string): boolean => !judging.has(path.basename(test)) && (values.by === '' || listed(values.by).some((part) => test.includes(part)));
const units = new Map([...unitTests(judge)].map(([file, tests]) => [file, tests.filter(isUnit)]));
const kills = new Map<string, number>();
const timeOf = (name: string): number => pairs.get(name)?.seconds ?? 0;
console.error(`${mutants.length} mutants, ${pairs.size} pairs that take ${Math.round(baseline.pairs.reduce((sum, own) => sum + own.seconds, 0))} s`);

/** A number from 0 to 1 for each text, the same for one seed. */
function draw(text: string): number {
  const hash = createHash('sha256').update(`${values.seed} ${text}`).digest();
  return hash.readUInt32BE(0) / 2 ** 32;
}

/**
 * Pairs that reach a mutant, as many as there is time for: those that go through much of its file for half of it, then for as long pairs of all tests
 * in turn, those first that kill most for their time, and then the quickest ones, which are small graphs made for one rule each.
 */
function pairsFor({ id, file, original }: Mutant): readonly string[] {
  const always = isStatic.has(id);
  const reached = always ? [...pairs.keys()] : (covering.get(id) ?? []);
  const groups = new Map<string, string[]>();
  for (const name of reached) {
    const { test = '', file: from = '' } = pairs.get(name) ?? {};
    const group = PER_TEST.includes(from) ? test : from;
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [name]);
    else known.push(name);
  }
  const worth = (name: string): number => (kills.get(name) ?? 0) / (0.02 + timeOf(name));
  const sorted = (names: readonly string[]): readonly string[] =>
    names
      .map((name) => ({ name, by: draw(id + name) }))
      .sort((x, y) => worth(y.name) - worth(x.name) || x.by - y.by)
      .map((own) => own.name);
  const turns = [...groups.values()].map(sorted).sort((x, y) => worth(y[0] ?? '') - worth(x[0] ?? ''));
  const inTurn = Array.from({ length: Math.max(0, ...turns.map((own) => own.length)) }, (_, i) => turns.flatMap((own) => own[i] ?? [])).flat();
  const within = (names: readonly string[], seconds: number): readonly string[] => {
    let left = seconds;
    return names.filter((name, i) => {
      if (left < timeOf(name) && i > 0) return false;
      left -= timeOf(name);
      return true;
    });
  };
  const half = Number(values.seconds) / 2;
  const quick = [...reached].sort((x, y) => timeOf(x) - timeOf(y));
  const all = new Set(reached);
  const near = through(file).filter((name) => all.has(name));
  const likely = [...within(namedIn(original, quick), half), ...within(near, half)];
  return [...new Set([...likely, ...within(inTurn, half), ...within(quick, half)])];
}

const fileOf = new Map(mutants.map((own) => [own.id, own.file]));
const passing = new Map<string, readonly string[]>();
/** Pairs that reach mutants of a file, those first that reach many of it for their time. */
function through(file: string): readonly string[] {
  const before = passing.get(file);
  if (before !== undefined) return before;
  const worth = new Map(
    baseline.pairs.map(({ name, seconds, mutants: ids }) => [name, ids.filter((id) => fileOf.get(id) === file).length / (0.02 + seconds)] as const),
  );
  const by = (name: string): number => worth.get(name) ?? 0;
  const found = [...worth.keys()].filter((name) => by(name) > 0).sort((a, b) => by(b) - by(a));
  passing.set(file, found);
  return found;
}

/** Tables of operators are reached by all pairs: of the names in them those pairs are likely whose models have such a node. */
function namedIn(original: string, names: readonly string[]): readonly string[] {
  const [, operator] = /^'(?:com\.microsoft\.)?(\w+)'$/.exec(original) ?? [];
  return operator === undefined ? [] : names.filter((name) => readFileSync(path.join(pairsFolder(judge), `${name}-new.onnx`)).includes(operator));
}

interface Outcome {
  readonly fate: Fate;
  readonly by: string | null;
  readonly noticed: readonly string[];
}

async function againstPairs(mutant: Mutant): Promise<Outcome> {
  const { id } = mutant;
  const cases = pairsFor(mutant);
  if (cases.length === 0) return { fate: 'uncovered', by: null, noticed: [] };
  const always = isStatic.has(id);
  const limit = 30 + 8 * cases.reduce((sum, name) => sum + timeOf(name), 0);
  const own = always ? start(id) : child;
  const answer = await ask(own, { kind: 'mutant', id, cases }, limit);
  if (always) own.kill('SIGKILL');
  else if (answer === null) {
    own.kill('SIGKILL');
    child = start(null);
  }
  if (answer?.kind !== 'fate') return { fate: 'timeout', by: null, noticed: [] };
  if (answer.by !== null) kills.set(answer.by, (kills.get(answer.by) ?? 0) + 1);
  return { fate: answer.by === null ? 'survived' : 'killed', by: answer.by, noticed: answer.noticed };
}

const recordOf = (name: string): { readonly test: string; readonly file: string } =>
  JSON.parse(readFileSync(path.join(pairsFolder(judge), `${name}.json`), 'utf8'));

/** The tests of pairs of which the mutant says something else, and unit tests of its file. Tests that do not end in time kill nothing. */
async function againstTests({ id, file }: Mutant, before: Outcome): Promise<Outcome> {
  const noticed = before.noticed.map(recordOf).filter((own) => !LONG_TESTS.includes(own.file));
  const tests = [...new Map(noticed.map((own) => [own.test, own])).values()].slice(0, TESTS);
  // what runs in the parent of the process that compares is reached by no pair
  const outside = judge === 'verify' && before.fate === 'uncovered' ? ['test/verify/verify.test.ts'] : [];
  for (const [files, names] of [
    [units.get(file) ?? [], []],
    [[...new Set(tests.map((own) => `test/${judge}/${own.file}`))], tests.map((own) => own.test)],
    [outside, []],
  ] as const)
    if (files.length > 0 && (await passes(id, files, names)) === false) return { ...before, fate: 'killed', by: files.join(' ') };
  return before;
}

const REFUSED: Outcome = { fate: 'refused', by: null, noticed: [] };
async function againstAll(mutant: Mutant): Promise<Outcome> {
  const first = await againstPairs(mutant);
  return values.tests && isAlive(first) ? againstTests(mutant, first) : first;
}

const log = path.join(HOME, `${judge}.jsonl`);
type Tried = Mutant & { readonly fate: Fate };
const isAlive = ({ fate }: { readonly fate: Fate }): boolean => fate === 'survived' || fate === 'uncovered';
// a run that was ended goes on where it was, and tries again what was alive
const fates: Tried[] =
  values.resume && existsSync(log)
    ? readFileSync(log, 'utf8')
        .trim()
        .split('\n')
        .map((line): Tried => JSON.parse(line))
        .filter((own) => !isAlive(own))
    : [];
writeFileSync(log, fates.map((own) => `${JSON.stringify(own)}\n`).join(''));
const tried = new Set(fates.map((own) => own.id));
const parts = listed(values.of);
const chosen = mutants
  .filter((own) => draw(own.id) < Number(values.share) && (parts.length === 0 || parts.some((part) => own.file.includes(part))))
  .sort((a, b) => draw(a.id) - draw(b.id));
const compiles = compiler();
const started = performance.now();
for (const mutant of chosen.filter((own) => !tried.has(own.id))) {
  if ((performance.now() - started) / 60000 > Number(values.minutes)) break;
  const { fate, by, noticed } = compiles(mutant) ? await againstAll(mutant) : REFUSED;
  fates.push({ ...mutant, fate });
  appendFileSync(log, `${JSON.stringify({ ...mutant, fate, by, noticed: noticed.slice(0, 8) })}\n`);
  if (fates.length % 20 === 0)
    console.error(`${fates.length} of ${chosen.length}: ${fates.filter(isAlive).length} alive, ${Math.round((performance.now() - started) / 1000)} s`);
}
child.kill('SIGKILL');

const count = (list: readonly { readonly fate: Fate }[], ...wanted: readonly Fate[]): number => list.filter((own) => wanted.includes(own.fate)).length;
const SHOWN = ['killed', 'timeout', 'survived', 'uncovered'] as const;
const row = (name: string, list: readonly { readonly fate: Fate }[]): string => {
  const judged = list.filter((own) => own.fate !== 'refused');
  const alive = `${((100 * count(judged, 'survived', 'uncovered')) / Math.max(1, judged.length)).toFixed(1)} %`;
  return `| ${[name, judged.length, ...SHOWN.map((fate) => count(judged, fate)), alive, list.length - judged.length].join(' | ')} |`;
};
console.log('| file | mutants | killed | does not end | survived | not reached | alive | do not compile |\n| --- | --- | --- | --- | --- | --- | --- | --- |');
for (const file of [...new Set(fates.map((own) => own.file))].sort())
  console.log(
    row(
      file,
      fates.filter((own) => own.file === file),
    ),
  );
console.log(row('all', fates));
console.log(
  `\n${mutants.length} mutants without ${sentences} of sentences, ${fates.length} of them drawn (share ${values.share}, seed ${values.seed}), ${pairs.size} pairs.`,
);
