/** What `npm run mutation` works on: sources with their mutants built in, and the pairs and unit tests they are held against. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import ts from 'typescript';

export type JudgeName = 'check' | 'verify';

export interface Mutant {
  readonly id: string;
  readonly file: string;
  readonly line: number;
  /** Where its text starts and ends in the file. */
  readonly start: number;
  readonly end: number;
  readonly kind: string;
  readonly original: string;
  readonly replacement: string;
}

export const HOME = path.resolve('.tmp/mutation');
export const compiledFolder = (judge: JudgeName): string => path.join(HOME, judge);
export const pairsFolder = (judge: JudgeName): string => path.join(HOME, `pairs-${judge}`);
/** The configuration under which tests run with mutants in the sources. */
export const testConfig = (judge: JudgeName): string => path.join(HOME, `${judge}.config.mjs`);

const filesIn = (folder: string, ending: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => path.join(folder, name))
    .sort();

const silent = {
  isTraceEnabled: () => false,
  isDebugEnabled: () => false,
  isInfoEnabled: () => false,
  isWarnEnabled: () => false,
  isErrorEnabled: () => false,
  isFatalEnabled: () => false,
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error: console.error,
  fatal: console.error,
};

interface Instrumented {
  readonly mutants: readonly Mutant[];
  /** Mutants that were left out. */
  readonly sentences: number;
}

function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files) hash.update(path.relative('.', file)).update(readFileSync(file));
  return hash.digest('hex');
}

/** The sources compiled to .tmp/mutation/JUDGE, those of the judge with all their mutants built in. */
export async function instrument(judge: JudgeName): Promise<Instrumented> {
  const isMutated = (file: string): boolean => file.startsWith(`src/${judge}/`);
  const listed = path.join(HOME, `${judge}-mutants.json`);
  const key = hashOf(filesIn('src', '.ts'));
  const before = existsSync(listed) ? (JSON.parse(readFileSync(listed, 'utf8')) as Instrumented & { readonly key: string }) : null;
  if (before?.key === key) return before;
  const files = filesIn('src', '.ts').map((name) => ({ name, content: readFileSync(name, 'utf8'), mutate: isMutated(name) }));
  const { files: mutated, mutants } = await new Instrumenter(silent).instrument(
    files.filter((file) => file.mutate),
    { plugins: null, excludedMutations: [], ignorers: [] },
  );
  rmSync(compiledFolder(judge), { recursive: true, force: true });
  for (const file of [...files.filter((own) => !own.mutate), ...mutated]) {
    const { outputText } = ts.transpileModule(file.content, {
      fileName: file.name,
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true },
    });
    const out = path.join(compiledFolder(judge), file.name.replace(/\.ts$/, '.js'));
    mkdirSync(path.dirname(out), { recursive: true });
    writeFileSync(out, outputText);
  }
  writeFileSync(
    testConfig(judge),
    `import path from 'node:path';
const mutants = {
  name: 'mutants',
  enforce: 'pre',
  resolveId(source, importer) {
    if (importer === undefined || !source.startsWith('.')) return null;
    const within = path.relative(path.resolve('src'), path.resolve(path.dirname(importer), source));
    return within.startsWith('..') || !within.endsWith('.ts') ? null : path.join(${JSON.stringify(compiledFolder(judge))}, 'src', within.replace(/ts$/, 'js'));
  },
};
export default { plugins: [mutants], test: { include: ['test/**/*.test.ts'], testTimeout: 300_000 } };
`,
  );
  const all = mutants.map((own) => {
    const file = path.relative(process.cwd(), path.resolve(own.fileName));
    const text = readFileSync(file, 'utf8');
    const lines = text.split('\n');
    const at = ({ line, column }: { readonly line: number; readonly column: number }): number =>
      lines.slice(0, line).reduce((sum, own) => sum + own.length + 1, 0) + column;
    const [start, end] = [at(own.location.start), at(own.location.end)];
    const [first = '', ...others] = text.slice(start, end).split('\n');
    const original = others.length === 0 ? first : `${first} …`;
    return { id: own.id, file, line: own.location.start.line + 1, start, end, kind: own.mutatorName, original, replacement: own.replacement };
  });
  const kept = all.filter((own) => !isSentence(own));
  const made: Instrumented = { mutants: kept, sentences: all.length - kept.length };
  writeFileSync(listed, JSON.stringify({ ...made, key }));
  return made;
}

/** A text with a space in it is said to people; most of them stand in snapshots, and no verdict depends on one. */
const isSentence = ({ kind, original }: Mutant): boolean => kind === 'StringLiteral' && /\s/.test(original);

/** The same for the same sources and recorded pairs. */
export const contentKey = (judge: JudgeName): string => hashOf([...filesIn('src', '.ts'), ...filesIn(pairsFolder(judge), '.json')]);

/** Runs the judge's tests, or some of them, and keeps the pairs that they judge. Of random cases a few are enough. */
export function record(judge: JudgeName, tests: readonly string[] = []): void {
  rmSync(pairsFolder(judge), { recursive: true, force: true });
  const config = path.join(HOME, 'record.config.mjs');
  writeFileSync(
    config,
    `export default { test: { include: ['test/${judge}/**/*.test.ts'], setupFiles: ['test/support/record-pairs.ts'], globalSetup: ['test/support/build.ts'], testTimeout: 300_000, maxWorkers: 1 } };\n`,
  );
  const { status } = spawnSync('npx', ['vitest', 'run', '--root', '.', '--config', config, '--reporter=dot', ...tests], {
    stdio: ['ignore', 2, 'inherit'],
    env: { ...process.env, RECORD_PAIRS: pairsFolder(judge), CASES: '20' },
  });
  if (status !== 0) throw new Error('tests fail while they are recorded');
}

/** Tests that look into a judge: for each file of the judge, those that import it, directly or not, other than through the judge's door. What tests share counts as theirs. */
export function unitTests(judge: JudgeName): ReadonlyMap<string, readonly string[]> {
  const doors = [`src/${judge}/${judge}.ts`];
  const importsOf = (file: string): string[] =>
    [...readFileSync(file, 'utf8').matchAll(/^(?:import|export) (?!type\b)[^;]*? from '(\..*?)';/gms)]
      .map(([, source = '']) => path.normalize(path.join(path.dirname(file), source)))
      .filter((own) => own.startsWith(`src/${judge}/`) || own.startsWith('test/support/'));
  const tests = new Map<string, string[]>();
  for (const test of filesIn(`test/${judge}`, '.test.ts')) {
    const open = importsOf(test).filter((file) => !doors.includes(file));
    const seen = new Set<string>();
    for (let file = open.pop(); file !== undefined; file = open.pop()) {
      if (seen.has(file)) continue;
      seen.add(file);
      open.push(...importsOf(file));
    }
    for (const file of seen) tests.set(file, [...(tests.get(file) ?? []), test]);
  }
  return tests;
}
