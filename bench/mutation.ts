/**
 * `npm run mutation -- check|verify [--share 0.25] [--seed 1] [--minutes 30]`: mutants of a judge against its tests; Markdown on
 * stdout, every mutant in .tmp/mutation/JUDGE.jsonl.
 *
 * First the pairs of models that the tests hand to the judge are judged again with the mutant, in one process for many mutants: a
 * mutant is killed when the verdict is another one, when the judge breaks, or when it does not end. A mutant that survives is then
 * held against the tests themselves: those that reach it, and unit tests of its file. Only what no test notices is alive.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiledFolder, HOME, instrument, type JudgeName, type Mutant, pairsFolder, record, testConfig, unitTests } from './mutation-build.ts';
import type { Answer, Baseline, Question } from './mutation-worker.ts';

/** What became of a mutant. `uncovered`: no test reaches it. */
type Fate = 'killed' | 'timeout' | 'survived' | 'uncovered';

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
  },
});
const judge: JudgeName = positionals[0] === 'verify' ? 'verify' : 'check';

/** Tests that a survivor of the pairs is held against: so many, besides unit tests. */
const TESTS = 12;

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
if (values.record) record(judge);
const mutants = await instrument(judge);
const units = unitTests(judge);
let child = start(null);
const baseline = (await ask(child, { kind: 'baseline' }, 3600)) as Baseline | null;
if (baseline === null || baseline.kind !== 'baseline') throw new Error('the judge does not run without a mutant');
writeFileSync(path.join(HOME, `${judge}-baseline.json`), JSON.stringify(baseline.results));
const pairs = new Map(baseline.covered.map((own) => [own.name, own]));
const covering = new Map<string, string[]>();
for (const { name, mutants: ids } of baseline.covered) for (const id of ids) covering.set(id, [...(covering.get(id) ?? []), name]);
const isStatic = new Set(baseline.static);
const kills = new Map<string, number>();
const timeOf = (name: string): number => pairs.get(name)?.seconds ?? 0;
const total = baseline.covered.reduce((sum, own) => sum + own.seconds, 0);
console.error(`${mutants.length} mutants, ${pairs.size} pairs that take ${Math.round(total)} s`);

/** A number from 0 to 1 for each mutant, the same for one seed. */
function draw(id: string): number {
  let x = (Number(id) + 1) * 2654435761 + Number(values.seed) * 40503;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

/** Pairs that reach a mutant: those that kill most first, then the quickest ones, as many as there is time for. */
function pairsFor(id: string): readonly string[] {
  const all = isStatic.has(id) ? [...pairs.keys()] : (covering.get(id) ?? []);
  let left = Number(values.seconds);
  return all
    .toSorted((a, b) => (kills.get(b) ?? 0) / (0.02 + timeOf(b)) - (kills.get(a) ?? 0) / (0.02 + timeOf(a)) || timeOf(a) - timeOf(b))
    .filter((name, i) => {
      left -= timeOf(name);
      return i === 0 || left > 0;
    });
}

type Outcome = readonly [fate: Fate, by: string | null];

async function againstPairs(id: string, cases: readonly string[]): Promise<Outcome> {
  if (cases.length === 0) return ['uncovered', null];
  const always = isStatic.has(id);
  const limit = 30 + 5 * cases.reduce((sum, name) => sum + timeOf(name), 0);
  const own = always ? start(id) : child;
  const answer = await ask(own, { kind: 'mutant', id, cases }, limit);
  if (always) own.kill('SIGKILL');
  else if (answer === null) {
    own.kill('SIGKILL');
    child = start(null);
  }
  if (answer === null) return ['timeout', null];
  if (answer.kind !== 'fate' || answer.by === null) return ['survived', null];
  kills.set(answer.by, (kills.get(answer.by) ?? 0) + 1);
  return ['killed', answer.by];
}

async function againstTests({ id, file }: Mutant, cases: readonly string[], before: Outcome): Promise<Outcome> {
  const reaching = [...new Map(cases.map((name) => pairs.get(name)).map((own) => [own?.test, own])).values()].slice(0, TESTS);
  const names = reaching.flatMap((own) => (own === undefined ? [] : [own.test]));
  const files = [...new Set(reaching.flatMap((own) => (own === undefined ? [] : [`test/${judge}/${own.file}`])))];
  for (const [tested, only] of [
    [units.get(file) ?? [], []],
    [files, names],
    // what runs in the parent of the process that compares is reached by no pair
    [judge === 'verify' && files.length === 0 ? ['test/verify/verify.test.ts'] : [], []],
  ] as const) {
    if (tested.length === 0) continue;
    const passed = await passes(id, tested, only);
    if (passed !== true) return [passed === null ? 'timeout' : 'killed', tested.join(' ')];
  }
  return before;
}

const log = path.join(HOME, `${judge}.jsonl`);
writeFileSync(log, '');
const fates: (Mutant & { readonly fate: Fate })[] = [];
const chosen = mutants.filter((own) => draw(own.id) < Number(values.share)).sort((a, b) => draw(a.id) - draw(b.id));
const started = performance.now();
for (const mutant of chosen) {
  if ((performance.now() - started) / 60000 > Number(values.minutes)) break;
  const cases = pairsFor(mutant.id);
  const first = await againstPairs(mutant.id, cases);
  const [fate, by] = first[0] === 'survived' || first[0] === 'uncovered' ? await againstTests(mutant, cases, first) : first;
  fates.push({ ...mutant, fate });
  appendFileSync(log, `${JSON.stringify({ ...mutant, fate, by })}\n`);
  if (fates.length % 20 === 0)
    console.error(
      `${fates.length} of ${chosen.length}: ${fates.filter((own) => own.fate === 'survived' || own.fate === 'uncovered').length} alive, ${Math.round((performance.now() - started) / 1000)} s`,
    );
}
child.kill('SIGKILL');

const count = (list: readonly { readonly fate: Fate }[], ...wanted: readonly Fate[]): number => list.filter((own) => wanted.includes(own.fate)).length;
const row = (name: string, list: readonly { readonly fate: Fate }[]): string => {
  const alive = count(list, 'survived', 'uncovered');
  return `| ${[name, list.length, count(list, 'killed'), count(list, 'timeout'), count(list, 'survived'), count(list, 'uncovered'), `${((100 * alive) / Math.max(1, list.length)).toFixed(1)} %`].join(' | ')} |`;
};
console.log('| file | mutants | killed | does not end | survived | not reached | alive |\n| --- | --- | --- | --- | --- | --- | --- |');
for (const file of [...new Set(fates.map((own) => own.file))].sort())
  console.log(
    row(
      file,
      fates.filter((own) => own.file === file),
    ),
  );
console.log(row('all', fates));
console.log(`\n${mutants.length} mutants, ${fates.length} of them run (share ${values.share}, seed ${values.seed}), ${pairs.size} pairs.`);
