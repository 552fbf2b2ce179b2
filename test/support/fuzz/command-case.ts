/** A damaged model in a folder with traps, given to the command line. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '../../../cli/run.ts';
import { readModel } from '../../../src/onnx/read.ts';
import { edited } from '../proto-model.ts';
import type { Case } from './cases.ts';
import { type Outcome, unsafe } from './exercise.ts';
import { below, pick, type Random } from './random.ts';

const LOCATIONS = [
  'weights.data',
  'weights.data',
  'weights.data',
  'link.data',
  '../outside/secret.bin',
  'sub/../../outside/secret.bin',
  'folder-link/secret.bin',
  '/etc/passwd',
  'C:\\secret.bin',
  'pipe',
  'sub',
  'loop',
  '',
  'a\u0000b',
  '*/_ORT_MEM_ADDR_/*',
  '\u001b[2Jx',
  'model.onnx',
  'out.onnx',
];
const NUMBERS = ['0', '4', '-1', '1e3', '99999999999999999999', '9007199254740991', ' 8', '0x10', '', '4096'];

/** Puts some weights of a model file outside, where the file says, which is mostly not where they are. */
function withHostileData(random: Random, file: string, data: string): Uint8Array {
  let at = 0;
  const parts: Uint8Array[] = [];
  const bytes = edited(file, (model) => {
    for (const tensor of model.graph?.initializer ?? []) {
      const raw = tensor.rawData;
      if (!raw || raw.length < 32 || random() < 0.3) continue;
      const own = Uint8Array.from(raw);
      const honest = random() < 0.93;
      const offset = honest ? String(at) : (pick(random, NUMBERS) ?? '0');
      const length = honest ? String(own.length) : (pick(random, NUMBERS) ?? '0');
      tensor.rawData = new Uint8Array(0);
      tensor.dataLocation = 1;
      tensor.externalData = [
        { key: 'location', value: honest ? 'weights.data' : (pick(random, LOCATIONS) ?? '') },
        { key: 'offset', value: offset },
        { key: 'length', value: length },
      ];
      parts.push(own);
      at += own.length;
    }
  });
  writeFileSync(data, Buffer.concat(parts));
  return bytes;
}

const VERBS = ['inspect', 'apply', 'apply', 'apply', 'check'];

/** Runs one command in this process and looks at what it wrote, everywhere. */
export async function runCommand(own: Case): Promise<Pick<Outcome, 'code' | 'wrong'>> {
  const { random } = own;
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'onnx-grow-fuzz-')));
  try {
    const [outside, target] = [path.join(root, 'outside'), path.join(root, 'target')];
    for (const folder of [outside, target, path.join(target, 'sub')]) mkdirSync(folder);
    writeFileSync(path.join(outside, 'secret.bin'), Buffer.alloc(1 << 16, 7));
    symlinkSync('../outside/secret.bin', path.join(target, 'link.data'));
    symlinkSync('../outside', path.join(target, 'folder-link'));
    symlinkSync('loop', path.join(target, 'loop'));
    spawnSync('mkfifo', [path.join(target, 'pipe')]);
    const file = path.join(target, 'model.onnx');
    writeFileSync(file, own.bytes);
    if (random() < 0.7) writeFileSync(file, withHostileData(random, file, path.join(target, 'weights.data')));
    const taken = below(random, 4);
    if (taken === 0) symlinkSync('../outside/secret.bin', path.join(target, 'out.onnx'));
    if (taken === 1) writeFileSync(path.join(target, 'out.onnx'), own.bytes.subarray(0, 100));
    const verb = pick(random, VERBS) ?? 'inspect';
    const out = path.join(target, 'out.onnx');
    const words = {
      inspect: [file],
      check: random() < 0.5 ? [file, file] : [path.join(outside, 'secret.bin'), file],
      apply: [
        file,
        '-o',
        out,
        own.step,
        '--no-verify',
        '--external-data',
        pick(random, ['auto', 'always', 'never']) ?? 'auto',
        ...(random() < 0.5 ? ['--force'] : []),
      ],
    }[verb] ?? [file];
    const [before, inside] = [stateOf(outside), readdirSync(target)];
    const { code, text } = await captured(() => run([verb, ...words, ...(random() < 0.5 ? ['--json'] : [])]));
    if (code === 70) return { code: 'CRASH', wrong: `exit code 70: ${text.slice(-1500)}` };
    if (stateOf(outside) !== before || readdirSync(root).length !== 2) return { code: 'OUTSIDE', wrong: 'something outside the target folder changed' };
    const added = readdirSync(target).filter((name) => !inside.includes(name) && !/^out(-[0-9a-f]{16})?\.(onnx|data)$/.test(name));
    if (added.length > 0) return { code: 'DEBRIS', wrong: `${verb} left ${added.join(', ')}` };
    if (verb === 'apply' && code === 0) readModel(out);
    else if (readdirSync(target).length > inside.length)
      return { code: 'DEBRIS', wrong: `${verb} ended with ${code} and left ${readdirSync(target).join(', ')}` };
    return { code: `exit ${code}`, wrong: unsafe(text) };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Names and contents of a folder. */
const stateOf = (folder: string): string =>
  readdirSync(folder)
    .map((name) => `${name} ${statSync(path.join(folder, name)).mtimeMs} ${readFileSync(path.join(folder, name)).toString('latin1')}`)
    .join('\n');

/** Runs `work` and keeps what it says to people and programs. */
async function captured(work: () => Promise<number>): Promise<{ readonly code: number; readonly text: string }> {
  const said: string[] = [];
  const streams = [process.stdout, process.stderr];
  const writes = streams.map((stream) => stream.write);
  for (const stream of streams) {
    stream.write = (chunk: string | Uint8Array): boolean => {
      said.push(String(chunk));
      return true;
    };
  }
  try {
    const code = await work();
    return { code, text: said.join('') };
  } finally {
    streams.forEach((stream, i) => {
      stream.write = writes[i] as typeof stream.write;
      stream.removeAllListeners('error');
    });
  }
}
