import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Inspection, inspect } from '../../src/index.ts';
import { fixture, runGrow, runJson } from '../support/command.ts';
import { realModels } from '../support/real-models.ts';

/** What an exporter's configuration said when the fixture was made. */
interface Truth {
  readonly hidden: number;
  readonly mlp: number;
  readonly gated: boolean;
  readonly heads: number;
  readonly kv_heads: number;
  readonly qk: number;
  readonly v: number;
  readonly layers: number;
  readonly rope: boolean;
  readonly qk_norm: string | null;
  readonly norm: string;
  readonly norm_type: string;
  readonly vocab: number | null;
  readonly tied_embeddings: boolean;
  readonly tied_layers: boolean;
  readonly cross_attention: boolean;
}

/** Its layers were given equal weights, which this exporter stores once: the file says they are shared. */
const STORED_ONCE = new Set(['torchscript_coincide_bert']);

const fixtures = realModels().filter((file) => path.dirname(file) === path.resolve('fixtures'));

describe('inspect says what the exporter said', () => {
  test.each(fixtures.map((file) => [path.basename(file, '.onnx'), file]))('%s', (name, file) => {
    const truth = JSON.parse(readFileSync(file.replace(/\.onnx$/, '.json'), 'utf8')) as Truth;
    const found = inspect(file);
    expect(found).toMatchObject({
      file,
      hidden: truth.hidden,
      vocab: truth.vocab,
      norm: truth.norm_type === 'ln' ? 'layer' : 'rms',
      normPlacement: truth.norm,
      tiedEmbeddings: truth.tied_embeddings,
      sharedLayers: truth.tied_layers || STORED_ONCE.has(name),
    });
    // where the width changes from stage to stage, the record is of the last one
    const stack = found.streams.at(-1);
    expect(stack).toMatchObject({ hidden: truth.hidden });
    const layers = found.layers.filter((layer) => layer.stack === stack?.name);
    expect(layers.map(({ index }) => index)).toEqual(Array.from({ length: truth.layers }, (_, i) => i));
    for (const layer of layers) {
      expect(layer.mlp).toMatchObject({ size: truth.mlp, gated: truth.gated });
      expect(layer.attention.map(({ role }) => role)).toEqual(truth.cross_attention ? ['self', 'cross'] : ['self']);
      for (const block of layer.attention) {
        const { heads, kv_heads: kvHeads, qk, v } = truth;
        expect(block).toMatchObject({ heads, kvHeads, qk, v, rope: truth.rope && block.role === 'self' });
        expect(block.qkNorm !== null).toBe(truth.qk_norm !== null);
      }
    }
  });
});

describe('the document', () => {
  test('has the fields of the contract and no others', async () => {
    const { code, document } = await runJson(['inspect', fixture('optimum_gpt2_past')]);
    expect(code).toBe(0);
    expect(document).toEqual({
      file: fixture('optimum_gpt2_past'),
      producer: 'pytorch 2.13.0',
      opset: 18,
      parameters: 32856,
      hidden: 40,
      vocab: 83,
      norm: 'layer',
      normPlacement: 'pre',
      tiedEmbeddings: true,
      sharedLayers: false,
      streams: [{ name: 'decoder', hidden: 40, norm: 'layer', normPlacement: 'pre' }],
      layers: [0, 1].map((index) => ({
        index,
        stack: 'decoder',
        mlp: { size: 68, gated: false, activation: 'gelu' },
        attention: [{ role: 'self', kind: 'softmax', heads: 5, kvHeads: 5, qk: 8, v: 8, rope: false, qkNorm: null, fused: null }],
      })),
      growable: { mlp: true, heads: true, 'kv-heads': true, v: true, qk: true, hidden: true, layers: true },
      reasons: {},
    });
  });

  test('gives a reason for every axis that cannot grow', () => {
    for (const file of fixtures) {
      const { growable, reasons }: Inspection = inspect(file);
      expect(Object.keys(reasons).sort()).toEqual(
        Object.entries(growable)
          .flatMap(([axis, can]) => (can ? [] : [axis]))
          .sort(),
      );
    }
  });

  test('of a merged decoder has each layer once', () => {
    expect(inspect(fixture('optimum_t5_decoder_merged')).layers.map(({ stack, index }) => `${stack} ${index}`)).toEqual(['decoder 0', 'decoder 1']);
  });
});

test('text shows sizes and the next command', async () => {
  const { code, stdout, stderr } = await runGrow(['inspect', 'fixtures/dynamo_llama_gqa.onnx']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('hidden 40, rms norm before each block');
  expect(stdout).toContain('layers 0-1  self 6 heads in 2 groups × qk 8, v 8 (rope) · mlp 68 gated silu');
  expect(stdout).toContain('next: grow apply fixtures/dynamo_llama_gqa.onnx -o bigger.onnx mlp=x2');
});
