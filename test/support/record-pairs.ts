/**
 * Setup of `npm run mutation`: writes every pair of models that the tests hand to a judge, so that mutants of the judges can be
 * held against the very same pairs. Pairs of check are written when the test is over, which keeps its times as they are.
 */
import { copyFileSync, cpSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, expect, vi } from 'vitest';
import type { Graph, Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import type { Request } from '../../src/verify/conclude.ts';
import type { VerifyOptions } from '../../src/verify/result.ts';

const folder = path.resolve(process.env.RECORD_PAIRS ?? '.tmp/mutation/pairs');
/** Bytes of a model from which on a pair is left out: many mutants are to be held against it. */
const LARGE = 2 ** 20;
/** Of the pairs of one test the first ones are kept, and then one in so many. */
const [FIRST, EACH] = [24, 8];
mkdirSync(folder, { recursive: true });
let count = 0;
const perTest = new Map<string, number>();

function isWanted(): boolean {
  const { currentTestName = '' } = expect.getState();
  const before = perTest.get(currentTestName) ?? 0;
  perTest.set(currentTestName, before + 1);
  return before < FIRST || before % EACH === 0;
}

/** A new name in the folder, and the test that asks for it. */
function record(options: VerifyOptions, request: Partial<Request> = {}): string {
  const { currentTestName: test = '', testPath = '' } = expect.getState();
  const base = path.join(folder, `${process.pid}-${count++}`);
  writeFileSync(`${base}.json`, JSON.stringify({ options, request, test, file: path.basename(testPath) }));
  return base;
}

const checked: (readonly [base: string, old: Model, now: Model])[] = [];
const weightBytes = (graph: Graph): number => graph.initializers.reduce((sum, { data }) => sum + data.size, 0);

afterEach(() => {
  for (const [base, ...models] of checked.splice(0)) {
    try {
      const files = models.map(encodeModel);
      for (const [i, bytes] of files.entries()) writeFileSync(`${base}-${i === 0 ? 'old' : 'new'}.onnx`, bytes);
    } catch {
      // what no file can hold is no pair
    }
  }
});

vi.mock('../../src/check/check.ts', async (original) => {
  const real = await original<typeof import('../../src/check/check.ts')>();
  return {
    ...real,
    checkModels(old: Model, now: Model) {
      if (Math.max(weightBytes(old.graph), weightBytes(now.graph)) < LARGE && isWanted()) checked.push([record({}), old, now]);
      return real.checkModels(old, now);
    },
  };
});

vi.mock('../../src/verify/verify.ts', async (original) => {
  const real = await original<typeof import('../../src/verify/verify.ts')>();
  return {
    ...real,
    verifyModels(old: string, now: string, options: VerifyOptions = {}) {
      const files = [old, now];
      if (files.every((file) => existsSync(file) && statSync(file).size < LARGE) && isWanted()) {
        const { inputs, ...others } = options;
        const base = record({ ...others, ...(inputs === undefined || !existsSync(inputs) ? {} : { inputs: `-inputs${path.extname(inputs)}` }) });
        if (inputs !== undefined && existsSync(inputs)) cpSync(inputs, `${base}-inputs${path.extname(inputs)}`, { recursive: true });
        for (const [i, file] of files.entries()) copyFileSync(file, `${base}-${i === 0 ? 'old' : 'new'}.onnx`);
      }
      return real.verifyModels(old, now, options);
    },
  };
});

vi.mock('../../src/verify/judge.ts', async (original) => {
  const real = await original<typeof import('../../src/verify/judge.ts')>();
  return {
    ...real,
    judge(request: Request, onStage: Parameters<typeof real.judge>[1]) {
      const { oldPath, newPath, inputs: _, ...others } = request;
      const base = record({}, others);
      for (const [i, file] of [oldPath, newPath].entries()) copyFileSync(file, `${base}-${i === 0 ? 'old' : 'new'}.onnx`);
      return real.judge(request, onStage);
    },
  };
});
