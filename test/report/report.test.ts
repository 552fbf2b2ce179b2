import { describe, expect, test } from 'vitest';
import { didYouMean } from '../../src/did-you-mean.ts';
import { GrowError } from '../../src/errors.ts';
import { type GrowOptions, grow, inspect } from '../../src/index.ts';
import { errorDocument } from '../../src/report/documents.ts';
import { COLOURS, PLAIN } from '../../src/report/paint.ts';
import { asJson, printable } from '../../src/report/printable.ts';
import { errorText, growthText, inspectionText } from '../../src/report/text.ts';
import { fixture } from '../support/command.ts';
import { edited } from '../support/proto-model.ts';

describe('portable: the weights fit the standard module of the bigger size', () => {
  test.each([
    ['wider feed-forwards and more layers', 'optimum_gpt2_past', ['mlp=x2', 'layers=+1'], {}, []],
    ['native norms', 'dynamo_llama_gqa', ['hidden=80', 'mlp=x2'], {}, []],
    ['native norms and as many more heads', 'dynamo_vit', ['hidden=x2', 'heads=x2'], { norm: 'native' }, []],
    ['old-block norms', 'torchscript_bert_op17', ['hidden=+8'], {}, [/old-block/, /heads × width/]],
    ['old-block norms on queries and keys', 'dynamo_qwen3', ['qk=+4', 'v=+4'], { norm: 'old-block' }, [/old-block/, /stay scaled/, /rotary/]],
    ['an epsilon that norms share', 'dynamo_qwen3', ['hidden=80'], {}, [/epsilon/]],
    ['k ≠ v', 'optimum_gpt2_past', ['v=+2'], {}, [/k ≠ v/, /heads × width/]],
    ['a kept score scale', 'torchscript_paper', ['qk=+2'], {}, [/stay scaled/]],
    ['a score scale of the new width', 'torchscript_paper', ['qk=+2'], { scale: 'weights' }, []],
    ['scores without a scale', 'optimum_t5_encoder', ['qk=+2', 'v=+2'], {}, []],
    ['a scale of its own', 'optimum_gemma2_past', ['heads=x2', 'qk=+2', 'v=+2'], {}, [/rotary/]],
    ['embeddings times √h', 'optimum_gemma2_past', ['hidden=x2'], {}, [/root of the old width/]],
    ['rotary frequencies', 'dynamo_llama_gqa', ['qk=+2', 'v=+2'], {}, [/stay scaled/, /rotary/]],
    ['a partial rotation', 'optimum_gpt_neox_past', ['qk=+2', 'v=+2', 'hidden=42'], { scale: 'weights', norm: 'native' }, []],
    ['layers of different widths', 'torchscript_paper', ['mlp[0]=+4'], {}, [/different widths/]],
    ['widths that always differed', 'torchscript_paper', ['mlp=+4'], {}, []],
    ['a new post-norm layer', 'torchscript_bert_op17', ['layers=+1'], {}, [/epsilons of their own/]],
  ] as [string, string, string[], GrowOptions, RegExp[]][])('%s', (_, name, steps, options, reasons) => {
    const { portable } = grow(fixture(name), steps, options).report;
    expect(portable).toEqual({ ok: reasons.length === 0, why: reasons.map((reason) => expect.stringMatching(reason)) });
  });
});

test('a norm over queries and keys has no native form: it is refused where nothing else is wanted', () => {
  expect(() => grow(fixture('dynamo_qwen3'), ['qk=+4', 'v=+4'], { norm: 'native' })).toThrow(/native norm form is not exact here.*split/);
  expect(grow(fixture('dynamo_qwen3'), ['hidden=+4', 'qk=+4', 'v=+4']).report.norm).toBe('native');
});

describe('inspect', () => {
  test('finds a stored copy of the table of tokens, and none when one element differs', () => {
    const file = fixture('optimum_gpt2_past');
    expect(inspect(file).tiedEmbeddings).toBe(true);
    const untied = edited(file, (model) => {
      for (const tensor of model.graph?.initializer ?? [])
        if (tensor.dims?.map(Number).join() === '40,83' && tensor.rawData)
          tensor.rawData = Uint8Array.from(tensor.rawData, (byte, i) => (i % 4 === 0 ? byte ^ 1 : byte));
    });
    expect(inspect(untied).tiedEmbeddings).toBe(false);
  });

  test('says where widths can only grow in one run', () => {
    const { growable, reasons } = inspect(fixture('genai_llama_gqa'));
    expect(growable).toEqual({ mlp: true, heads: true, 'kv-heads': true, v: false, qk: false, hidden: true, layers: true });
    for (const axis of ['qk', 'v'] as const) expect(reasons[axis]).toMatch(/one size.*grow both in one run/);
  });

  test('says of every axis what growing it alone says', () => {
    for (const name of ['genai_llama_gqa', 'optimum_llama_gqa_past', 'torchscript_encoder_post', 'optimum_bart_decoder']) {
      const { growable } = inspect(fixture(name));
      for (const [axis, can] of Object.entries(growable)) {
        const alone = (): unknown => grow(fixture(name), `${axis}=${axis === 'layers' ? '+1' : 'x1.01'}`);
        if (can) expect(alone, `${axis} of ${name}`).not.toThrow();
        else expect(alone, `${axis} of ${name}`).toThrow();
      }
    }
  });

  test('of a graph that is no transformer says why nothing grows', () => {
    const bytes = edited(fixture('torchscript_paper'), (model) => {
      if (model.graph?.node == null) return;
      model.graph.node = [{ opType: 'Identity', input: [model.graph.input?.[0]?.name ?? ''], output: [model.graph.output?.[0]?.name ?? ''] }];
      model.graph.initializer = [];
    });
    const found = inspect(bytes);
    expect(found).toMatchObject({ hidden: null, vocab: null, norm: null, normPlacement: 'none', parameters: 0, streams: [], layers: [] });
    expect(Object.keys(found.reasons)).toHaveLength(7);
  });
});

describe('text', () => {
  test('of an inspection', () => {
    expect(inspectionText({ ...inspect(fixture('torchscript_paper')), file: 'paper.onnx' }, PLAIN)).toMatchInlineSnapshot(`
      "paper.onnx
        pytorch 2.13.0 · opset 17 · 33,680 parameters · vocabulary 70
        decoder  hidden 44, rms norm before each block
          layers 0-1  self 3 heads × qk 10, v 14 · mlp 76 relu
      can grow: mlp, heads, kv-heads, v, qk, hidden, layers
      "
    `);
  });

  test('of growth', () => {
    expect(growthText(grow(fixture('torchscript_paper'), ['mlp[0]=80', 'hidden=48', 'layers=+1']).report, PLAIN)).toMatchInlineSnapshot(`
      "  hidden 44 → 48
        layers 2 → 3
        mlp 76 → 80,76,76
        parameters 33,680 → 51,544 (+17,864)
        norms: native form
        the weights do not fit the standard module of this size:
          layers have different widths
      "
    `);
  });

  test('of errors', () => {
    expect(errorText(new GrowError('UNSUPPORTED_OP', 'no', { where: 'node \u001b[31m', hint: 'h' }), PLAIN)).toBe(
      'error: no\n  where: node \\u001b[31m\n  hint: h\n',
    );
    expect(errorText(new TypeError('x is not a function'), COLOURS)).toBe('\u001b[31mbug in onnx-grow\u001b[39m: x is not a function\n');
    expect(errorDocument(new TypeError('x'))).toMatchObject({ ok: false, error: { code: 'BUG', message: 'x' } });
  });

  test('keeps what is plain and escapes what is not', () => {
    expect(printable('encoder.layer.0/größe 名前')).toBe('encoder.layer.0/größe 名前');
    expect(printable('a\nb\u0085\u200b\u202e\ud800\u{e0001}')).toBe('a\\u000ab\\u0085\\u200b\\u202e\\ud800\\u{e0001}');
    expect(asJson({ ü: '\u202e' })).toBe('{\n  "\\u00fc": "\\u202e"\n}\n');
  });

  test('suggests what was meant', () => {
    expect(['hedas', 'kvheads', 'MLP', 'xyz', 'q'].map((word) => didYouMean(word, ['mlp', 'heads', 'kv-heads', 'v', 'qk']))).toEqual([
      'heads',
      'kv-heads',
      'mlp',
      null,
      null,
    ]);
  });
});
