/** Decoders that take the encoder's keys and values and do not give them back: nothing in a grown file says which of them are new. */
import { expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { grow, verify } from '../../src/index.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { fixture } from '../support/command.ts';
import { withNumbers } from '../support/grown-model.ts';

const OLD = fixture('optimum_bart_decoder_with_past');

it.each([['layers=+1@before:0'], ['layers=+1@before:0 layers=+2@end']])(
  '%s: new layers are found in one place and in several',
  {
    timeout: 120_000,
  },
  async (steps) => {
    const now = readModel(grow(OLD, steps.split(' ')).bytes());
    expect(['bit-exact', 'rounding']).toContain((await verify(OLD, encodeModel(now))).verdict);
    // what is not proved is not refuted either
    expect(checkModels(readModel(OLD), now).findings.filter(({ kind }) => kind === 'refuted')).toEqual([]);
    const [weight] = now.graph.initializers.filter(({ name, dims }) => dims.length === 2 && readModel(OLD).graph.initializers.some((own) => own.name === name));
    const wrong = withNumbers(now, weight?.name ?? '', (numbers) => numbers.set(numbers.map((x) => 1.5 * x)));
    expect((await verify(OLD, encodeModel(wrong))).verdict).toBe('changed');
  },
);
