import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { faultyPairs } from '../support/judged-pairs.ts';
import { byLine, orFailure, verifyLines } from '../support/judgement.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const GROWTHS: readonly (readonly [string, readonly string[]])[] = [
  ['torchscript_paper', ['mlp=x1.5', 'hidden=+16']],
  ['optimum_llama_gqa_past', ['heads=x2', 'layers=+1']],
  ['optimum_t5_decoder_merged', ['v=+4']],
  ['ortopt_bert', ['hidden=+16']],
];

/** Every twelfth fault, others in each model. */
const SHARE = 12;

describe('what verify says of', () => {
  test.each(GROWTHS.map(([fixture, steps], k) => [fixture, steps, k] as const))('%s grown by %j, and of faults in it', async (fixture, steps, k) => {
    const said: [string, readonly string[]][] = [];
    for (const { name, old, now } of faultyPairs(fixture, steps).filter((_, i) => i === 0 || i % SHARE === 3 * k)) {
      const folder = temporaryFolder();
      const files = [path.join(folder, 'old.onnx'), path.join(folder, 'new.onnx')] as const;
      for (const [i, model] of [old, now].entries()) writeFileSync(files[i] ?? '', encodeModel(model));
      said.push([name, await orFailure(async () => verifyLines(await verifyModels(...files)))]);
    }
    expect(byLine(said)).toMatchSnapshot();
  });
});
