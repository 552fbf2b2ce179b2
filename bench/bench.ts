/**
 * `npm run bench`: what the README says about speed and memory, measured on this machine in one run.
 * `--gb 0.5` makes a smaller model, `--fixture FILE` grows another small one. PYTHON names an interpreter with onnx and numpy.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { THREE_GB, writeLargeModel } from './large-model.ts';

const { values } = parseArgs({
  options: { gb: { type: 'string', default: '3' }, fixture: { type: 'string', default: 'fixtures/torchscript_nanogpt_op17.onnx' } },
});
const CLI = path.resolve('dist/cli/main.js');
const STEPS = ['mlp=x1.25', 'layers=+1'];

interface Run {
  readonly seconds: number;
  /** Largest resident memory, MB; null where it was not measured. */
  readonly megabytes: number | null;
}

const folder = mkdtempSync(path.join(tmpdir(), 'onnx-grow-bench-'));
const probe = path.join(folder, 'probe.cjs');
writeFileSync(
  probe,
  "process.on('exit', () => require('node:fs').writeFileSync(process.env.PROBE_FOLDER + '/' + process.pid, String(process.resourceUsage().maxRSS)));",
);

/** Runs a command to its end; throws when it fails. */
function run(command: string, args: readonly string[], measured = false): Run {
  const peaks = path.join(folder, 'peaks');
  rmSync(peaks, { recursive: true, force: true });
  mkdirSync(peaks);
  const env = measured ? { ...process.env, NODE_OPTIONS: `--require ${probe}`, PROBE_FOLDER: peaks } : process.env;
  const started = performance.now();
  const { status, stderr } = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 2 ** 28 });
  const seconds = (performance.now() - started) / 1000;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  // One file per process: a comparison runs in a child.
  const kilobytes = readdirSync(peaks).map((name) => Number(readFileSync(path.join(peaks, name), 'utf8')));
  return { seconds, megabytes: measured ? Math.max(...kilobytes) / 1024 : null };
}

const grow = (...args: readonly string[]): Run => run(process.execPath, [CLI, ...args], true);
const fastest = (runs: readonly Run[]): number => Math.min(...runs.map((own) => own.seconds));
const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const repeated = (times: number, once: () => Run): Run[] => Array.from({ length: times }, once);
const bytesIn = (place: string): number => readdirSync(place).reduce((sum, name) => sum + statSync(path.join(place, name)).size, 0);

function report(what: string, value: string, goal: string, reached: boolean | null): void {
  console.log(`| ${what} | ${value} | ${goal} | ${reached === null ? '' : reached ? 'yes' : 'NO'} |`);
}

/** Growth of a large model beside `cp` of the bytes it writes, both followed by a sync of the files. */
async function largeModel(): Promise<void> {
  const layers = Math.max(1, Math.round((THREE_GB.layers * Number(values.gb)) / 3));
  const source = path.join(folder, 'large');
  const target = path.join(folder, 'grown');
  const copy = path.join(folder, 'copy');
  for (const place of [source, target, copy]) run('mkdir', [place]);
  const model = await writeLargeModel(source, { ...THREE_GB, layers });
  report('size of the large model', `${(bytesIn(source) / 1e9).toFixed(2)} GB`, '', null);
  const inspect = repeated(3, () => grow('inspect', model, '--json'));
  report('inspect', `${fastest(inspect).toFixed(2)} s`, '< 1 s', fastest(inspect) < 1);
  const [grown, copied]: [Run[], Run[]] = [[], []];
  for (let round = 0; round < 3; round++) {
    rmSync(target, { recursive: true });
    rmSync(copy, { recursive: true, force: true });
    run('mkdir', [target]);
    run('sync', []); // what earlier runs left to be written is not this run's time
    grown.push(grow('apply', model, '-o', path.join(target, 'grown.onnx'), '--no-verify', '--quiet', ...STEPS));
    run('sync', []);
    copied.push(run('sh', ['-c', `cp -r '${target}' '${copy}' && sync '${copy}'/*`]));
  }
  report(
    `apply ${STEPS.join(' ')} --no-verify, ${(bytesIn(target) / 1e9).toFixed(2)} GB written`,
    grown.map((own) => `${own.seconds.toFixed(1)} s`).join(', '),
    '',
    null,
  );
  report('cp and sync of the same bytes', copied.map((own) => `${own.seconds.toFixed(1)} s`).join(', '), '', null);
  const ratios = grown.map((own, i) => own.seconds / (copied[i]?.seconds ?? 1));
  report(
    'apply / cp, pair by pair',
    `${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}; median ${median(ratios).toFixed(2)}`,
    '≤ 1.5',
    median(ratios) <= 1.5,
  );
  const peak = Math.max(...grown.map((own) => own.megabytes ?? 0));
  report('largest resident memory', `${peak.toFixed(0)} MB`, '< 300 MB', peak < 300);
  const verified = grow('verify', model, path.join(target, 'grown.onnx'), '--quiet');
  report(
    `verify, ${((bytesIn(source) + bytesIn(target)) / 1e9).toFixed(2)} GB in two models`,
    `${verified.seconds.toFixed(1)} s, ${((verified.megabytes ?? 0) / 1000).toFixed(2)} GB resident, mapped weights included`,
    '',
    null,
  );
  numpy(model, fastest(copied));
}

/** What a user would write today: load everything, concatenate, save. Feed-forward weights only. */
const NUMPY = `
import resource, sys, numpy as np, onnx
from onnx import numpy_helper
model = onnx.load(sys.argv[1])
for tensor in model.graph.initializer:
    last = tensor.name.split('.')[-1]
    if last in ('gate', 'up', 'down'):
        old = numpy_helper.to_array(tensor)
        axis = 0 if last == 'down' else 1
        shape = list(old.shape); shape[axis] //= 4
        new = np.zeros(shape, old.dtype) if last == 'down' else np.random.randn(*shape).astype(old.dtype) * old.std()
        tensor.CopyFrom(numpy_helper.from_array(np.concatenate([old, new], axis), tensor.name))
onnx.save_model(model, sys.argv[2], save_as_external_data=True, location='weights.data')
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
`;

function numpy(model: string, copySeconds: number): void {
  const python = process.env.PYTHON ?? 'python3';
  if (spawnSync(python, ['-c', 'import onnx, numpy']).status !== 0) {
    report('onnx + numpy in Python (mlp only)', `skipped: ${python} has no onnx and numpy`, '', null);
    return;
  }
  const target = path.join(folder, 'numpy');
  run('mkdir', [target]);
  const started = performance.now();
  const { status, stdout } = spawnSync(python, ['-c', NUMPY, model, path.join(target, 'grown.onnx')], { encoding: 'utf8' });
  const seconds = (performance.now() - started) / 1000;
  report(
    'onnx + numpy in Python (mlp only)',
    status === 0 ? `${seconds.toFixed(1)} s (${(seconds / copySeconds).toFixed(1)} × cp), ${stdout.trim()} MB` : 'failed',
    '',
    null,
  );
}

function smallModel(): void {
  const runs = repeated(3, () => grow('apply', values.fixture, '-o', path.join(folder, 'small.onnx'), '--force', '--quiet', 'mlp=x2', 'heads=+1', 'layers=+1'));
  report(
    `apply with verify, ${(statSync(values.fixture).size / 1000).toFixed(0)} kB`,
    `${median(runs.map((own) => own.seconds)).toFixed(2)} s`,
    '≤ 3 s',
    fastest(runs) <= 3,
  );
}

function start(): void {
  const help = median(repeated(9, () => run(process.execPath, [CLI, '--help'])).map((own) => own.seconds));
  const node = median(repeated(9, () => run(process.execPath, ['-e', '0'])).map((own) => own.seconds));
  report('grow --help / node -e 0', `${(help * 1000).toFixed(0)} ms / ${(node * 1000).toFixed(0)} ms = ${(help / node).toFixed(2)}`, '≤ 3', help <= 3 * node);
}

try {
  console.log('| what | measured | goal | reached |\n| --- | --- | --- | --- |');
  start();
  smallModel();
  await largeModel();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
