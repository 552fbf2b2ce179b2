import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from './support/temp-folder.ts';

const DIRECTIONS = 'import directions: errors ← onnx ← analysis ← transforms ← grow, report ← cli';
const FILES = 'files are read and written in src/onnx and cli only';
const RUNTIME = 'onnxruntime-node is an optional peer';

/** What the linter says of imports, one file each: the file, the module and the start of the message, or null when it may. */
const CASES: readonly (readonly [file: string, module: string, message: string | null])[] = [
  ['src/errors.ts', './onnx/ir.ts', DIRECTIONS],
  ['src/onnx/a.ts', '../analysis/axes.ts', DIRECTIONS],
  ['src/onnx/b.ts', '../errors.ts', null],
  ['src/onnx/c.ts', 'node:fs', null],
  ['src/analysis/a.ts', '../transforms/grow.ts', DIRECTIONS],
  ['src/analysis/b.ts', 'node:fs', FILES],
  ['src/analysis/c.ts', '../onnx/ir.ts', null],
  ['src/transforms/a.ts', '../verify/verify.ts', DIRECTIONS],
  ['src/transforms/b.ts', '../report/inspect.ts', DIRECTIONS],
  ['src/transforms/c.ts', './grow.ts', null],
  ['src/transforms/d.ts', '../analysis/axes.ts', null],
  ['src/verify/a.ts', '../transforms/grow.ts', DIRECTIONS],
  ['src/verify/b.ts', '../check/check.ts', DIRECTIONS],
  ['src/verify/c.ts', 'onnxruntime-node', RUNTIME],
  ['src/verify/runtime.ts', 'onnxruntime-node', null],
  ['src/check/a.ts', '../transforms/grow.ts', DIRECTIONS],
  ['src/check/b.ts', '../verify/verify.ts', DIRECTIONS],
  ['src/check/c.ts', '../analysis/axes.ts', null],
  ['src/report/a.ts', '../grow.ts', DIRECTIONS],
  ['src/report/b.ts', 'node:fs/promises', FILES],
  ['src/report/c.ts', '../transforms/grow.ts', null],
  ['cli/a.ts', '../src/grow.ts', DIRECTIONS],
  ['cli/b.ts', '../src/index.ts', null],
  ['cli/commands/a.ts', '../../src/onnx/read.ts', DIRECTIONS],
  ['cli/commands/b.ts', '../../src/index.ts', null],
  ['cli/commands/c.ts', 'node:fs/promises', null],
];

test('the linter refuses imports against the directions and allows those along them', () => {
  const folder = temporaryFolder();
  copyFileSync('biome.json', path.join(folder, 'biome.json'));
  for (const [file, module] of CASES) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), `import { one } from '${module}';\n\nexport const all = [one];\n`);
  }
  const linter = path.resolve('node_modules/@biomejs/biome/bin/biome');
  const { stdout } = spawnSync(process.execPath, [linter, 'lint', '--only=style/noRestrictedImports', '--reporter=github', '--max-diagnostics=none', '.'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const said = new Map([...stdout.matchAll(/^::error .*?file=([^,]+),.*?::(.*)$/gm)].map((match) => [path.relative(folder, match[1] ?? ''), match[2] ?? '']));
  const found = CASES.map(([file, module, message]) => [
    file,
    module,
    message !== null && said.get(file)?.startsWith(message) ? message : (said.get(file) ?? null),
  ]);
  expect(found).toEqual(CASES);
});
