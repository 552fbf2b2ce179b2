import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inspect } from '../../src/index.ts';
import { fixture, MAIN, runGrow, runJson } from '../support/command.ts';
import { randomFrom } from '../support/fuzz/random.ts';
import { LONG, SEED } from '../support/long.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const SOURCE = fixture('torchscript_paper');
const OLD_WIDTH = inspect(SOURCE).layers[0]?.mlp?.size ?? 0;
const KILLS = LONG ? 300 : 6;
const WORDS = ['apply', 'in.onnx', '-o', 'out.onnx', 'mlp=x2', '--force', '--quiet', '--no-verify', '--external-data', 'always'];

/** A folder with a model to grow, and one at the target that has its weights beside it. */
async function workplace(): Promise<string> {
  const folder = temporaryFolder();
  copyFileSync(SOURCE, path.join(folder, 'in.onnx'));
  const { code } = await runGrow(['apply', 'in.onnx', '-o', 'out.onnx', 'heads=+1', '--no-verify', '--quiet', '--external-data', 'always'], { cwd: folder });
  expect(code).toBe(0);
  return folder;
}

/** Width of the feed-forward of the model at the target: reading it reads its data, too. */
const widthOf = (folder: string): number => inspect(path.join(folder, 'out.onnx')).layers[0]?.mlp?.size ?? 0;

/** Starts the command and ends it without warning after some time. Whether it was still running. */
function killedAfter(folder: string, milliseconds: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...WORDS], { cwd: folder, stdio: 'ignore' });
    const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds);
    child.once('error', reject);
    child.once('close', (_, signal) => {
      clearTimeout(timer);
      resolve(signal === 'SIGKILL');
    });
  });
}

describe('apply that is killed', () => {
  test('leaves the old model or the whole new one, and nothing that stops the next run', { timeout: LONG ? 0 : 180_000 }, async () => {
    const random = randomFrom(SEED);
    const folder = await workplace();
    const started = performance.now();
    expect((await runGrow(WORDS, { cwd: folder })).code).toBe(0);
    const whole = performance.now() - started;
    const counts = { killed: 0, old: 0, now: 0 };
    const template = await workplace();
    for (let i = 0; i < KILLS; i++) {
      const place = temporaryFolder();
      cpSync(template, place, { recursive: true });
      if (await killedAfter(place, whole * random() * 1.1)) counts.killed++;
      const width = widthOf(place);
      expect([OLD_WIDTH, 2 * OLD_WIDTH]).toContain(width);
      counts[width === OLD_WIDTH ? 'old' : 'now']++;
      expect((await runGrow(WORDS, { cwd: place })).code).toBe(0);
      expect(widthOf(place)).toBe(2 * OLD_WIDTH);
      // What the killed run left is temporary by name, or data that no model names any more.
      const names = readdirSync(place).filter((name) => !/^\..+\.tmp$/.test(name));
      const data = names.filter((name) => /^out-[0-9a-f]+\.data$/.test(name));
      expect([1, 2]).toContain(data.length);
      expect(names).toEqual(['in.onnx', ...data, 'out.onnx']);
      rmSync(place, { recursive: true });
    }
    if (LONG) console.warn(`seed ${SEED}: ${JSON.stringify(counts)} of ${KILLS}`);
    expect(counts.killed).toBeGreaterThan(KILLS / 4);
  });
});

describe('data files that no model names', () => {
  const HOUR = 60 * 60 * 1000;
  const dataIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith('.data'));
  const aged = (file: string): void => utimesSync(file, new Date(Date.now() - 2 * HOUR), new Date(Date.now() - 2 * HOUR));

  /** A folder whose target was replaced by a run that was killed before it removed the old data, two hours ago. */
  async function left(): Promise<{ readonly folder: string; readonly orphan: string }> {
    const folder = await workplace();
    const [orphan = ''] = dataIn(folder);
    const kept = path.join(temporaryFolder(), orphan);
    copyFileSync(path.join(folder, orphan), kept);
    expect((await runGrow(WORDS, { cwd: folder })).code).toBe(0);
    expect(dataIn(folder)).not.toContain(orphan);
    copyFileSync(kept, path.join(folder, orphan));
    aged(path.join(folder, orphan));
    return { folder, orphan };
  }
  const again = async (folder: string): Promise<void> => {
    expect((await runGrow(WORDS, { cwd: folder })).code).toBe(0);
    expect(widthOf(folder)).toBe(2 * OLD_WIDTH);
  };

  test('are removed by the next run', async () => {
    const { folder, orphan } = await left();
    await again(folder);
    expect(dataIn(folder)).toHaveLength(1);
    expect(dataIn(folder)).not.toContain(orphan);
  });

  test.each<[string, (folder: string, orphan: string) => void | Promise<void>]>([
    ['stay while they are young', (folder, orphan) => utimesSync(path.join(folder, orphan), new Date(), new Date())],
    [
      'stay where their content is not what their name says',
      (folder, orphan) => {
        appendFileSync(path.join(folder, orphan), 'x');
        aged(path.join(folder, orphan));
      },
    ],
    ['stay while another run for the target goes on', (folder) => writeFileSync(path.join(folder, `.out.onnx.${process.pid}.0123456789ab.tmp`), '')],
    ['stay beside a model that cannot be read', (folder) => writeFileSync(path.join(folder, 'other.onnx'), 'x')],
    [
      'stay where a model of any name uses them',
      async (folder, orphan) => {
        const elsewhere = await workplace();
        expect(dataIn(elsewhere)).toEqual([orphan]);
        copyFileSync(path.join(elsewhere, 'out.onnx'), path.join(folder, 'other.bin'));
      },
    ],
  ])('%s', async (_, arrange) => {
    const { folder, orphan } = await left();
    await arrange(folder, orphan);
    await again(folder);
    expect(dataIn(folder)).toContain(orphan);
  });
});

describe('apply without room', () => {
  test('on a full disk: exit code 5, the target as it was, nothing left behind', async ({ skip }) => {
    const folder = temporaryFolder();
    const place = path.join(folder, 'small');
    mkdirSync(place);
    const size = Math.ceil(statSync(SOURCE).size / 1024) + 60;
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}k`, 'tmpfs', place]).status !== 0) skip('a small disk cannot be mounted here');
    onTestFinished(() => void spawnSync('umount', [place]));
    copyFileSync(SOURCE, path.join(place, 'out.onnx'));
    for (const external of ['always', 'never']) {
      const ended = await runJson([
        'apply',
        SOURCE,
        '-o',
        path.join(place, 'out.onnx'),
        'mlp=x8',
        'hidden=x2',
        '--force',
        '--no-verify',
        '--external-data',
        external,
      ]);
      expect(ended).toMatchObject({ code: 5, document: { ok: false, error: { code: 'IO', message: expect.stringContaining('the disk is full') } } });
      expect(readdirSync(place)).toEqual(['out.onnx']);
      expect(inspect(path.join(place, 'out.onnx')).layers[0]?.mlp?.size).toBe(OLD_WIDTH);
    }
  });

  test('in a folder that cannot be written to: exit code 5', async ({ skip }) => {
    const folder = temporaryFolder();
    const place = path.join(folder, 'fixed');
    mkdirSync(place);
    copyFileSync(SOURCE, path.join(place, 'out.onnx'));
    if (process.getuid?.() === 0) {
      if (spawnSync('mount', ['--bind', place, place]).status !== 0) skip('nothing can be made read-only here');
      onTestFinished(() => void spawnSync('umount', [place]));
      if (spawnSync('mount', ['-o', 'remount,bind,ro', place]).status !== 0) skip('nothing can be made read-only here');
    } else chmodSync(place, 0o555);
    const ended = await runJson(['apply', SOURCE, '-o', path.join(place, 'out.onnx'), 'mlp=x2', '--force', '--no-verify']);
    expect(ended).toMatchObject({ code: 5, document: { error: { code: 'IO' } } });
    expect(existsSync(path.join(place, 'out.onnx'))).toBe(true);
    expect(readdirSync(place)).toEqual(['out.onnx']);
    if (process.getuid?.() !== 0) chmodSync(place, 0o755);
  });
});
