import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { fixture, runJson } from '../support/command.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const CONFIG = { model_type: 'gpt2', n_embd: 40, n_inner: 68, n_head: 5, n_layer: 2, vocab_size: 83 };

/** A folder `old/` with a GPT-2 and its configuration, and an empty folder `new/`. */
function exported(): string {
  const folder = temporaryFolder();
  for (const name of ['old', 'new']) mkdirSync(path.join(folder, name));
  copyFileSync(fixture('optimum_gpt2_past'), path.join(folder, 'old/model.onnx'));
  writeFileSync(path.join(folder, 'old/config.json'), `${JSON.stringify(CONFIG, null, 2)}\n`);
  return folder;
}

const configAt = (folder: string, name: string): unknown => JSON.parse(readFileSync(path.join(folder, name), 'utf8'));

test('a configuration goes along with the new sizes', async () => {
  const folder = exported();
  const { code, document } = await runJson(['apply', 'old/model.onnx', '-o', 'new/model.onnx', 'mlp=x2', 'layers=+1'], { cwd: folder });
  expect({ code, document }).toMatchObject({ code: 0, document: { configs: ['config.json goes with it, sizes updated'] } });
  expect(configAt(folder, 'new/config.json')).toEqual({ ...CONFIG, n_inner: 136, n_layer: 3 });
  expect(configAt(folder, 'old/config.json')).toEqual(CONFIG);
  expect(readdirSync(path.join(folder, 'new')).sort()).toEqual(['config.json', 'model.onnx']);
});

test('in the same folder it stays that of the old model, in another one nothing is replaced without --force', async () => {
  const folder = exported();
  expect(await runJson(['apply', 'old/model.onnx', '-o', 'old/bigger.onnx', 'mlp=x2', '--force'], { cwd: folder })).toMatchObject({
    code: 0,
    document: { configs: [expect.stringContaining('same folder')] },
  });
  writeFileSync(path.join(folder, 'new/config.json'), '{"mine": 1}');
  expect(await runJson(['apply', 'old/model.onnx', '-o', 'new/a.onnx', 'mlp=x2'], { cwd: folder })).toMatchObject({
    code: 0,
    document: { configs: [expect.stringContaining('--force')] },
  });
  expect([configAt(folder, 'old/config.json'), configAt(folder, 'new/config.json')]).toEqual([CONFIG, { mine: 1 }]);
  expect(await runJson(['apply', 'old/model.onnx', '-o', 'new/b.onnx', 'mlp=x2', '--force'], { cwd: folder })).toMatchObject({ code: 0 });
  expect(configAt(folder, 'new/config.json')).toEqual({ ...CONFIG, n_inner: 136 });
});

test('when the model replaces itself the configuration does, too', async () => {
  const folder = exported();
  expect(await runJson(['apply', 'old/model.onnx', '-o', 'old/model.onnx', 'heads=+1', '--force'], { cwd: folder })).toMatchObject({
    code: 0,
    document: { configs: ['config.json goes with it, sizes updated', expect.stringContaining('derives the head width')] },
  });
  expect(configAt(folder, 'old/config.json')).toEqual({ ...CONFIG, n_head: 6 });
});

test('a refused run writes none', async () => {
  const folder = exported();
  expect((await runJson(['apply', 'old/model.onnx', '-o', 'new/model.onnx', 'mlp=8'], { cwd: folder })).code).toBe(2);
  expect(readdirSync(path.join(folder, 'new'))).toEqual([]);
});
