import fc from 'fast-check';
import { expect, it, describe as suite } from 'vitest';
import { readModel } from '../../src/onnx/read.ts';
import type { Padding } from '../../src/verify/feeds.ts';
import { makeFeeds } from '../../src/verify/feeds.ts';
import type { ModelInterface } from '../../src/verify/interface.ts';
import { describe } from '../../src/verify/interface.ts';
import { sizeChoices } from '../../src/verify/sizes.ts';
import { asNumbers } from '../../src/verify/values.ts';
import { protoModel } from '../support/proto-model.ts';

const fixture = (name: string): ModelInterface => describe(readModel(`fixtures/${name}.onnx`));
const roles = (model: ModelInterface): Record<string, string> => Object.fromEntries(model.inputs.map(({ name, role }) => [name, role.kind]));

suite('roles of inputs', () => {
  it('are read off the graph', () => {
    expect(roles(fixture('optimum_bert'))).toEqual({ input_ids: 'ids', attention_mask: 'mask', token_type_ids: 'ids' });
    expect(roles(fixture('optimum_llama_gqa_past'))).toEqual({ input_ids: 'ids', attention_mask: 'mask', position_ids: 'positions' });
    expect(roles(fixture('optimum_t5_decoder_merged'))).toMatchObject({ use_cache_branch: 'cache-branch', encoder_hidden_states: 'floats' });
    expect(fixture('optimum_bert').inputs.map(({ role }) => (role.kind === 'ids' ? role.rows : null))).toEqual([expect.any(Number), null, 2]);
  });

  it('do not need names', () => {
    const model = protoModel({
      inputs: { a: { type: 'int64', dims: ['n', 't'] }, b: { type: 'float', dims: ['n', 1, 't', 't'] }, c: { type: 'bool', dims: ['n', 't'] } },
      outputs: { y: { type: 'float', dims: ['n', 1, 't', 't'] } },
      nodes: [
        { op: 'Gather', inputs: ['table', 'a'], outputs: ['e'] },
        { op: 'ReduceMean', inputs: ['e'], outputs: ['r'], ints: { keepdims: 0 } },
        { op: 'Add', inputs: ['b', 'r'], outputs: ['s'] },
        { op: 'Softmax', inputs: ['s'], outputs: ['y'], ints: { axis: -1 } },
        { op: 'Cast', inputs: ['c'], outputs: ['unused'], ints: { to: 1 } },
      ],
      floats: { table: [[11, 2], Array.from({ length: 22 }, (_, i) => i)] },
    });
    expect(describe(readModel(model)).inputs.map(({ role }) => role)).toEqual([{ kind: 'ids', rows: 11 }, { kind: 'additive-mask' }, { kind: 'mask' }]);
  });

  it('pair each cache with the output that holds it next', () => {
    const pairs = (name: string): string[] => fixture(name).caches.map(({ name: input, output, grows }) => `${input} → ${output}${grows ? ' grows' : ''}`);
    expect(pairs('genai_llama_gqa')).toContain('past_key_values.1.value → present.1.value grows');
    expect(pairs('optimum_t5_decoder_merged')).toContain('past_key_values.0.encoder.key → present.0.encoder.key');
    expect(pairs('optimum_bert')).toEqual([]);
  });
});

suite('feeds', () => {
  const models = ['optimum_bert', 'optimum_gpt2_past', 'optimum_gpt_neox_past', 'optimum_vit', 'torchscript_nanogpt_op17', 'optimum_bart_decoder'].map(fixture);

  it('stay within the bounds of the tables they index, whatever the sizes, and are the same for the same seed', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...models),
        fc.record({
          seed: fc.nat(),
          draw: fc.nat(9),
          index: fc.nat(3),
          batch: fc.integer({ min: 1, max: 4 }),
          tokens: fc.integer({ min: 1, max: 12 }),
          past: fc.nat(12),
          padding: fc.constantFrom<Padding>('none', 'left', 'right'),
        }),
        (model, { seed, draw, index, batch, tokens, past, padding }) => {
          const [{ assignment }] = sizeChoices(model);
          const context = { batch, tokens, past };
          const first = { batch, tokens: 6, past: 0 };
          const step = { seed, draw, index, padding, invertMasks: false, context, first, sizes: assignment(context), firstSizes: assignment(first) };
          const feeds = makeFeeds(model.inputs, step);
          expect(makeFeeds(model.inputs, step)).toEqual(feeds);
          for (const { name, role } of model.inputs) {
            const values = feeds?.get(name);
            if (values === undefined) throw new Error(`no feed for ${name}`);
            const numbers = [...asNumbers(values)];
            const below =
              role.kind === 'ids' ? role.rows : role.kind === 'positions' ? (role.rows ?? Number.POSITIVE_INFINITY) : role.kind === 'mask' ? 2 : null;
            if (below !== null) expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < below)).toBe(true);
            else expect(numbers.every((n) => Number.isFinite(n) && Math.abs(n) < 7)).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
