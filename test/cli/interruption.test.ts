import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { fixture, runGrow, snapshot } from '../support/command.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

test.for([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s while models are compared: exit code %i, nothing left behind, nothing lost', async ([signal, code], { skip }) => {
  skip(process.platform === 'win32', 'needs signals');
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'out.onnx'), 'precious');
  writeFileSync(path.join(folder, 'config.json'), '{}');
  const before = snapshot(folder);
  const ended = await runGrow(
    ['apply', fixture('optimum_t5_decoder_with_past'), '-o', 'out.onnx', 'mlp=x2', '--force', '--external-data', 'always', '--json'],
    {
      cwd: folder,
      during: (child) => {
        const listen = (text: string): void => {
          if (text.includes('verify:')) child.kill(signal);
        };
        child.stderr?.on('data', listen);
      },
    },
  );
  expect(ended.code).toBe(code);
  expect(JSON.parse(ended.stdout)).toMatchObject({ ok: false, error: { code: 'INTERRUPTED' } });
  expect(snapshot(folder)).toEqual(before);
});
