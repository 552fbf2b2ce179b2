import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { faultyPairs } from '../support/judged-pairs.ts';
import { byLine, checkLines, orFailure } from '../support/judgement.ts';

/** Small models that differ in norms, attention, caches, fused operators and branches, each with the steps that touch most of it. */
const GROWTHS: readonly (readonly [string, readonly string[]])[] = [
  ['torchscript_paper', ['mlp=x1.5', 'qk=+4']],
  ['optimum_llama_gqa_past', ['heads=x2', 'hidden=+16']],
  ['torchscript_bert_op17', ['hidden=+16', 'layers=+1']],
  ['optimum_t5_decoder_merged', ['v=+4', 'heads=+1']],
  ['genai_llama_gqa', ['mlp=x1.5', 'hidden=+16']],
  ['ortopt_bert', ['qk=+4', 'layers=+1']],
  ['dynamo_vit', ['layers=+1@before:0', 'v=+2']],
  ['dynamo_norm_unit', ['hidden=+16', 'heads=+1', 'layers=+1@after:0']],
];

/** Every third fault, others in each model. */
const SHARE = 3;

describe('what check says of', () => {
  test.each(GROWTHS.map(([fixture, steps], k) => [fixture, steps, k] as const))('%s grown by %j, and of faults in it', async (fixture, steps, k) => {
    const said: [string, readonly string[]][] = [];
    const pairs = faultyPairs(fixture, steps).filter((_, i) => i === 0 || (i + k) % SHARE === 0);
    for (const { name, old, now } of pairs) said.push([name, await orFailure(() => checkLines(checkModels(old, now)))]);
    expect(said[0]?.[1][0]).toBe('proved');
    expect(byLine(said)).toMatchSnapshot();
  });
});
