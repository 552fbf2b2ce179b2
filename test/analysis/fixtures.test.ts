import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelsIn } from '../../bench/matrix-cells.ts';
import { inspect } from '../../src/index.ts';

/** The true sizes, taken from the exporter's configuration when the fixture was made. */
interface Truth {
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kv_heads: number;
  readonly qk: number;
  readonly v: number;
  readonly mlp: number;
  readonly gated: boolean;
  readonly norm: string;
  readonly norm_type: string;
  readonly rope: boolean;
  readonly vocab: number | null;
  readonly cross_attention?: boolean;
}

const models = modelsIn('fixtures').map((file) => ({ file, name: path.basename(file, '.onnx') }));

describe('inspect finds what the exporter knew', () => {
  it.each(models)('$name', ({ file }) => {
    const truth = JSON.parse(readFileSync(file.replace(/onnx$/, 'json'), 'utf8')) as Truth;
    const found = inspect(file);
    const stack = found.streams.at(-1)?.name;
    const layers = found.layers.filter((layer) => layer.stack === stack);
    expect({ hidden: found.hidden, layers: layers.length, norm: found.norm === 'layer' ? 'ln' : found.norm }).toEqual({
      hidden: truth.hidden,
      layers: truth.layers,
      norm: truth.norm_type,
    });
    for (const { mlp, attention } of layers) {
      expect(mlp).toMatchObject({ size: truth.mlp, gated: truth.gated });
      expect(attention[0]).toMatchObject({ heads: truth.heads, kvHeads: truth.kv_heads, qk: truth.qk, v: truth.v, rope: truth.rope });
      expect(attention.some((own) => own.role === 'cross')).toBe(truth.cross_attention ?? false);
    }
    expect(found).toMatchSnapshot({ file: expect.any(String) as string });
  });
});
