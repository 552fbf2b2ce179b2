import { describe, expect, it } from 'vitest';
import { grow, inspect, verify } from '../../src/index.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { buildTransformer, PLAIN } from '../support/architecture.ts';
import { fixture } from '../support/command.ts';

/** Layers where the plain forms do not fit, and what the result says of it. */
const PLACES: readonly (readonly [string, string, boolean])[] = [
  ['optimum_electra', 'layers=+1@before:0', true],
  ['optimum_electra', 'layers=+1@after:0', false],
  ['optimum_squeezebert', 'layers=+1', false],
  ['torchscript_cross_covariance', 'layers=+1@before:0', false],
  ['optimum_cohere_past', 'layers=+1@after:0', false],
];

describe('a new layer', () => {
  it('with a gain of its own in front of all others is one of the layers: another one goes before or behind it', async () => {
    const old = encodeModel(buildTransformer({ ...PLAIN, norm: 'rms', normForm: 'l2', placement: 'post', residual: 0.8, cache: true, layers: 2 }));
    for (const place of [0, 1]) {
      const grown = grow(old, ['layers=+1@before:0', `layers=+1@before:${place}`], { seed: 3 });
      expect(inspect(grown.model).layers).toHaveLength(4);
      const caches = grown.model.graph.inputs.flatMap(({ name }) => /^past_key_values\.(\d+)\.key$/.exec(name)?.[1] ?? []);
      expect(caches).toEqual(['0', '1', '2', '3']);
      expect(['bit-exact', 'rounding']).toContain((await verify(old, grown.bytes())).verdict);
    }
  });

  it.each(PLACES)('of %s at %s keeps the function', { timeout: 60_000 }, async (name, step, gated) => {
    const old = fixture(name);
    const grown = grow(old, [step], { seed: 3 });
    const { verdict } = await verify(old, grown.bytes());
    expect(['bit-exact', 'rounding']).toContain(verdict);
    expect(inspect(grown.model).layers).toHaveLength(inspect(old).layers.length + 1);
    expect(grown.report.notes.some((note) => note.includes('a gain of its own that starts as zeros'))).toBe(gated);
    expect(grown.report.portable.why.some((why) => why.includes('a gain of its own'))).toBe(gated);
  });

  it('that needs a gain changes the function as soon as the gain is not zero', { timeout: 60_000 }, async () => {
    const old = fixture('optimum_electra');
    const { model } = grow(old, ['layers=+1@before:0'], { seed: 3 });
    const before = new Set(readModel(old).graph.initializers.map((own) => own.name));
    const gains = model.graph.initializers.filter(
      (own) => !before.has(own.name) && own.dims.length === 1 && readNumbers(own).every((x) => x === 0) && own.name.includes('gain'),
    );
    expect(gains.map((own) => own.dims)).toEqual([[40]]);
    const opened = {
      ...model,
      graph: {
        ...model.graph,
        initializers: model.graph.initializers.map((own) => {
          if (own !== gains[0]) return own;
          const { origin: _, ...plain } = own;
          const bytes = new Uint8Array(new Float32Array(40).fill(0.1).buffer);
          return { ...plain, data: { size: bytes.length, read: (start: number, length: number) => bytes.subarray(start, start + length) } };
        }),
      },
    };
    const { verdict } = await verify(old, grow(opened, [], {}).bytes());
    expect(verdict).toBe('changed');
  });
});
