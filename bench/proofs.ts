/** `npm run proofs -- [folder or files…] [--tasks mlp,qk] [--part 1/2] [--json cells.jsonl]`: every growth of the matrix under `check`, as Markdown. */
import { appendFileSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { check, GrowError, inspect } from '../src/index.ts';
import { growFirst, modelsIn, TASKS, type Task } from './matrix-cells.ts';

/** One growth and what the proof said. */
interface Proof {
  readonly model: string;
  readonly task: string;
  readonly outcome: 'proved' | 'refuted' | 'unproved' | 'refused' | 'lacking';
  readonly findings: readonly string[];
  readonly checkSeconds: number;
  readonly copySeconds: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { tasks: { type: 'string' }, part: { type: 'string', default: '1/1' }, json: { type: 'string' } },
});
const [part = 1, parts = 1] = values.part.split('/').map(Number);
const files = (positionals.length === 0 ? ['fixtures'] : positionals).flatMap(modelsIn).filter((_, i) => i % parts === part - 1);
const wanted = values.tasks?.split(',');
const tasks = TASKS.filter((task) => wanted?.includes(task.name) ?? true);
if (values.json !== undefined) writeFileSync(values.json, '');

function timed<T>(work: () => T): readonly [T, number] {
  const started = performance.now();
  const result = work();
  return [result, (performance.now() - started) / 1000];
}

async function prove(file: string, task: Task, folder: string): Promise<Proof> {
  const proof = (outcome: Proof['outcome'], rest: Partial<Proof> = {}): Proof => ({
    model: path.basename(file, '.onnx'),
    task: task.name,
    outcome,
    findings: [],
    checkSeconds: 0,
    copySeconds: 0,
    ...rest,
  });
  if (!task.fits(inspect(file))) return proof('lacking');
  const output = path.join(folder, 'grown.onnx');
  try {
    const grown = growFirst(file, task.attempts);
    await grown.save(output, { verify: false, force: true });
  } catch (error) {
    if (error instanceof GrowError && error.exitCode === 4) return proof('refused', { findings: [error.message] });
    throw error;
  }
  const [result, checkSeconds] = timed(() => check(file, output));
  const [, copySeconds] = timed(() => copyFileSync(output, path.join(folder, 'copy.onnx')));
  const refuted = result.findings.some((finding) => finding.kind === 'refuted');
  return proof(result.proved ? 'proved' : refuted ? 'refuted' : 'unproved', {
    findings: result.findings.map((finding) => `${finding.kind} ${finding.where}: ${finding.message}`),
    checkSeconds,
    copySeconds,
  });
}

const proofs: Proof[] = [];
const folder = mkdtempSync(path.join(tmpdir(), 'onnx-grow-proofs-'));
for (const file of files) {
  for (const task of tasks) {
    const proof = await prove(file, task, folder);
    proofs.push(proof);
    if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(proof)}\n`);
    if (!['proved', 'lacking', 'refused'].includes(proof.outcome))
      console.error(`${proof.model} ${proof.task}: ${proof.outcome}\n  ${proof.findings.slice(0, 3).join('\n  ')}`);
  }
}
rmSync(folder, { recursive: true, force: true });
const OUTCOMES: readonly Proof['outcome'][] = ['proved', 'unproved', 'refuted', 'refused', 'lacking'];
const row = (list: readonly (string | number)[]): string => `| ${list.join(' | ')} |`;
const count = (list: readonly Proof[], outcome: string): number => list.filter((own) => own.outcome === outcome).length;
const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
const judged = proofs.filter((own) => own.checkSeconds > 0);
const open = proofs.filter((own) => own.outcome === 'unproved' || own.outcome === 'refuted');

console.log(row(['', ...tasks.map((task) => task.name), 'all']));
console.log(row(['---', ...tasks.map(() => '---'), '---']));
for (const outcome of OUTCOMES)
  console.log(
    row([
      outcome,
      ...tasks.map((task) =>
        count(
          proofs.filter((own) => own.task === task.name),
          outcome,
        ),
      ),
      count(proofs, outcome),
    ]),
  );
console.log(
  `\n${files.length} models, ${judged.length} growths judged. Seconds of a proof: median ${median(judged.map((own) => own.checkSeconds)).toFixed(3)}, largest ${Math.max(...judged.map((own) => own.checkSeconds)).toFixed(2)}; beside a copy of the grown file (median ${median(judged.map((own) => own.copySeconds)).toFixed(5)} s): median ratio ${median(judged.map((own) => own.checkSeconds / own.copySeconds)).toFixed(0)}.`,
);
for (const own of open) console.log(`- ${own.model} ${own.task} — ${own.findings[0] ?? ''}`);
if (open.length > 0) process.exitCode = 1;
