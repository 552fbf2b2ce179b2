/** The process that compares: what it answers, and what ends it. */
import { describe, expect, it } from 'vitest';
import { judgeInChild, timeLimit } from '../../src/verify/child.ts';
import type { Request } from '../../src/verify/conclude.ts';
import { REQUEST } from '../support/judge-request.ts';
import { normModel } from '../support/norm-model.ts';
import { saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

function requestOf(more: Partial<Request> = {}): Request {
  const path = saved(temporaryFolder(), 'model.onnx', normModel(['x', 'g']));
  return { ...REQUEST, oldPath: path, newPath: path, noShadow: 'it is not wanted', ...more };
}
const quiet = { seconds: 60, onStage: () => undefined, signal: undefined };

describe('a child process', () => {
  it('judges, and says what it does', async () => {
    const stages: string[] = [];
    const ending = await judgeInChild(requestOf(), { ...quiet, onStage: ({ model, level, what }) => stages.push(`${model} ${level}: ${what}`) });
    expect(ending).toMatchObject({ kind: 'judgement', judgement: { verdict: 'bit-exact', levels: ['all', 'disabled'] } });
    expect(stages[0]).toBe("original all: running the original model at optimisation level 'all'");
    expect(stages.map((stage) => stage.slice(0, stage.indexOf(':')))).toEqual(['original all', 'new all', 'original disabled', 'new disabled']);
  });

  it('is ended when its time is over', async () => {
    await expect(judgeInChild(requestOf(), { ...quiet, seconds: 0.001 })).rejects.toMatchObject({
      code: 'RUNTIME_FAILED',
      message: 'the comparison took more than 0.001 s (it was starting)',
      hint: 'a longer time limit, or --no-verify',
    });
  });

  it('is ended by a signal, before it starts or while it works', async () => {
    const reason = new Error('enough');
    await expect(judgeInChild(requestOf(), { ...quiet, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    await expect(judgeInChild(requestOf(), { ...quiet, signal: controller.signal, onStage: () => controller.abort(reason) })).rejects.toBe(reason);
  });

  it('fails with what stands in the way', async () => {
    const missing = `${temporaryFolder()}/none.onnx`;
    await expect(judgeInChild(requestOf({ oldPath: missing }), quiet)).rejects.toMatchObject({ code: expect.stringMatching(/^[A-Z_]+$/), where: missing });
  });

  it('may crash while it does something', async () => {
    const oldPath = saved(temporaryFolder(), 'crash.onnx', normModel(['x', 'g', '']));
    const ending = await judgeInChild(requestOf({ oldPath }), quiet);
    expect(ending).toMatchObject({ kind: 'crash', stage: { model: 'original', level: 'all' }, how: expect.stringMatching(/^SIG[A-Z]+/) });
  });
});

it('has longer for larger models, and on a GPU', () => {
  expect([timeLimit('cpu', 0), timeLimit('cpu', 2 ** 31), timeLimit('webgpu', 0), timeLimit('cuda', 2 ** 30)]).toEqual([120, 240, 600, 660]);
});
