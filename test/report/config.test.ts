import { describe, expect, test } from 'vitest';
import { grow } from '../../src/index.ts';
import { updateConfig, updateGenaiConfig } from '../../src/report/config.ts';
import { fixture } from '../support/command.ts';

const change = (name: string, ...steps: readonly string[]) => grow(fixture(name), steps).report;

const LLAMA = {
  model_type: 'llama',
  hidden_size: 40,
  intermediate_size: 68,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  head_dim: 8,
  num_hidden_layers: 2,
  rms_norm_eps: 1e-5,
};
const GPT2 = { model_type: 'gpt2', n_embd: 40, n_inner: 68, n_head: 5, n_layer: 2 };
const T5 = { model_type: 't5', is_encoder_decoder: true, d_model: 36, d_ff: 52, d_kv: 10, num_heads: 3, num_layers: 2, num_decoder_layers: 2 };
const BART = {
  model_type: 'bart',
  is_encoder_decoder: true,
  d_model: 32,
  encoder_layers: 2,
  decoder_layers: 2,
  encoder_ffn_dim: 60,
  decoder_ffn_dim: 52,
  encoder_attention_heads: 4,
  decoder_attention_heads: 4,
};

describe('config.json', () => {
  test('of a Llama says every size', () => {
    expect(updateConfig(LLAMA, change('dynamo_llama_gqa', 'mlp=x2', 'kv-heads=+1', 'layers=+1', 'qk=+2', 'v=+2'))).toEqual({
      config: { ...LLAMA, intermediate_size: 136, num_attention_heads: 9, num_key_value_heads: 3, num_hidden_layers: 3, head_dim: 10 },
      notes: [],
    });
  });

  test('has the norms’ new epsilon when all of them were rescaled', () => {
    const { config, notes } = updateConfig(LLAMA, change('dynamo_llama_gqa', 'hidden=80'));
    expect(notes).toEqual([]);
    expect(config).toEqual({ ...LLAMA, hidden_size: 80, rms_norm_eps: 5e-6 });
  });

  test('cannot say an epsilon that only some norms have', () => {
    const { config, notes } = updateConfig({ ...LLAMA, num_attention_heads: 4, head_dim: 12 }, change('dynamo_qwen3', 'hidden=80'));
    expect(config).toMatchObject({ hidden_size: 80, rms_norm_eps: 1e-5 });
    expect(notes).toEqual([expect.stringContaining('one norm epsilon')]);
  });

  test('cannot say the old-block form', () => {
    const report = grow(fixture('dynamo_llama_gqa'), 'hidden=80', { norm: 'old-block' }).report;
    expect(updateConfig(LLAMA, report).notes).toEqual([expect.stringContaining('old channels')]);
  });

  test('of a Llama that derives the head width gets one', () => {
    const { head_dim: _, ...derived } = LLAMA;
    expect(updateConfig(derived, change('dynamo_llama_gqa', 'qk=+2', 'v=+2')).config).toMatchObject({ head_dim: 10 });
  });

  test.each([
    ['more heads', ['heads=+1'], { n_head: 6 }, 'derives the head width'],
    ['wider queries than values', ['qk=+2'], {}, 'different ones now'],
    ['one wider layer', ['mlp[0]=+4'], {}, 'layers have different ones now'],
  ])('of a GPT-2 cannot say everything: %s', (_, steps, said, note) => {
    const { config, notes } = updateConfig(GPT2, change('optimum_gpt2_past', ...steps));
    expect(config).toEqual({ ...GPT2, ...said });
    expect(notes).toEqual([expect.stringContaining(note)]);
  });

  test('that means four times hidden by null says the width from now on', () => {
    const report = change('optimum_gpt2_past', 'mlp=x2');
    const asIfDerived = { ...report, before: { ...report.before, hidden: 17 } };
    expect(updateConfig({ ...GPT2, n_inner: null }, asIfDerived).config).toMatchObject({ n_inner: 136 });
  });

  test('of another model is left alone', () => {
    const { config, notes } = updateConfig({ ...GPT2, n_inner: 3072 }, change('optimum_gpt2_past', 'mlp=x2'));
    expect(config).toEqual({ ...GPT2, n_inner: 3072 });
    expect(notes).toEqual(['n_inner was 3072 where the model has 68; it was left as it is']);
  });

  test('of encoder and decoder says the sizes of the part that grew', () => {
    expect(updateConfig(BART, change('optimum_bart_decoder', 'mlp=x2', 'layers=+1')).config).toEqual({ ...BART, decoder_ffn_dim: 104, decoder_layers: 3 });
    expect(updateConfig(BART, change('optimum_bart_encoder', 'mlp=x2')).config).toEqual({ ...BART, encoder_ffn_dim: 120 });
    expect(updateConfig(T5, change('optimum_t5_decoder_with_past', 'layers=+1')).config).toEqual({ ...T5, num_decoder_layers: 3 });
    expect(updateConfig(T5, change('optimum_t5_encoder', 'layers=+1')).config).toEqual({ ...T5, num_layers: 3 });
  });

  test('warns that the other part has to grow, too', () => {
    expect(updateConfig(T5, change('optimum_t5_encoder', 'hidden=+4')).notes).toContainEqual(expect.stringContaining('grow the other file'));
  });

  test('with a list of layer kinds has that of the copied layer for a new one', () => {
    const { config, notes } = updateConfig({ ...LLAMA, layer_types: ['a', 'b'] }, change('dynamo_llama_gqa', 'layers=+2@after:0', 'layers=+1'));
    expect(config.layer_types).toEqual(['a', 'a', 'a', 'b', 'b']);
    expect(notes).toEqual([]);
  });
});

describe('genai_config.json', () => {
  const decoder = {
    filename: 'model.onnx',
    hidden_size: 40,
    head_size: 8,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    num_hidden_layers: 2,
    inputs: { input_ids: 'input_ids' },
  };
  const config = { model: { type: 'llama', vocab_size: 81, decoder }, search: { max_length: 20 } };

  test('says the decoder’s sizes and the new file', () => {
    const updated = updateGenaiConfig(config, change('dynamo_llama_gqa', 'kv-heads=+1', 'layers=+1', 'mlp=x2'), { old: 'model.onnx', now: 'bigger.onnx' });
    expect(updated).toEqual({
      config: {
        ...config,
        model: { ...config.model, decoder: { ...decoder, filename: 'bigger.onnx', num_attention_heads: 9, num_key_value_heads: 3, num_hidden_layers: 3 } },
      },
      notes: [],
    });
  });

  test('without a decoder is left alone', () => {
    expect(updateGenaiConfig({ model: {} }, change('dynamo_llama_gqa', 'mlp=x2'), { old: 'a', now: 'b' })).toEqual({
      config: { model: {} },
      notes: ['it has no model.decoder'],
    });
  });
});
