import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { FAULTS } from '../support/faults.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { LONG } from '../support/long.ts';

const files = readdirSync('fixtures').filter((name) => name.endsWith('.onnx'));
/** All of them in a long run; else as many as a few seconds allow, the same ones each time. */
const sample = LONG ? files : files.filter((_, i) => i % 16 === 0);
/** Pre- and post-norms, caches, rotations, grouped queries, both branches of an `If`, fused operators. */
const PROVED = ['optimum_llama_gqa_past', 'optimum_bert', 'optimum_t5_decoder_merged', 'genai_llama_gqa', 'ortopt_bert', 'dynamo_vit'];
const TASKS = [['mlp=x1.5'], ['qk=+4'], ['hidden=+16'], ['layers=+1']];

function grownOrNull(model: Model, steps: readonly string[]): Model | null {
  try {
    return grownBy(model, steps).model;
  } catch (error) {
    if (error instanceof GrowError) return null;
    throw error;
  }
}

const shown = (old: Model, now: Model): readonly unknown[] => {
  const { proved, findings } = checkModels(old, now);
  return proved ? [] : ['not proved', ...findings];
};

describe('fixtures', () => {
  test.each(sample)('%s equals itself, and no growth of it is refuted', (name) => {
    const model = readModel(`fixtures/${name}`);
    expect(shown(model, model)).toEqual([]);
    for (const steps of TASKS) {
      const grown = grownOrNull(model, steps);
      const refuted = grown === null ? [] : checkModels(model, grown).findings.filter((finding) => finding.kind === 'refuted');
      expect({ steps, refuted }).toEqual({ steps, refuted: [] });
    }
  });

  test.each(PROVED)('%s: every growth is proved', (name) => {
    const model = readModel(`fixtures/${name}.onnx`);
    for (const steps of TASKS) {
      const grown = grownOrNull(model, steps);
      if (grown !== null) expect({ steps, findings: shown(model, grown) }).toEqual({ steps, findings: [] });
    }
  });
});

describe('planted faults', () => {
  const model = readModel('fixtures/torchscript_paper.onnx');
  const grown = reread(grownBy(model, ['mlp=x1.5', 'qk=+4']).model);
  const old = reread(model);

  test.each(FAULTS.map((fault) => [fault.name, fault] as const))('%s', (_, fault) => {
    // the first place: parameters at the front of the graph are read by everything behind them
    const faulty = fault.plant(grown, old, () => 0);
    if (faulty === null) return;
    expect(checkModels(old, faulty).proved).toBe(false);
  });

  test('are none in what was grown', () => {
    expect(shown(old, grown)).toEqual([]);
  });
});
