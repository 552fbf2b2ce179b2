/** Damaged models that once broke the program, as files: understood or refused since. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import { grow } from '../../src/grow.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { inspectModel } from '../../src/report/inspect.ts';

/** What comes of growing a model and checking it: 'grown', or the code of the error that refuses it. Anything else is thrown. */
function outcome(file: string, step: string): string {
  const model = readModel(file);
  const before = file.replace('.onnx', '.old.onnx');
  const proofs = existsSync(before) ? [checkModels(readModel(before), model)] : [];
  try {
    expect(Object.values(inspectModel(model).reasons).filter((reason) => reason.includes('bug in onnx-grow'))).toEqual([]);
    proofs.push(checkModels(model, readModel(grow(model, step).bytes())));
    return 'grown';
  } catch (error) {
    if (error instanceof GrowError) return error.code;
    throw error;
  } finally {
    expect(proofs.flatMap(({ findings }) => findings.filter(({ message }) => message.includes('broke off')))).toEqual([]);
  }
}

it.each([
  ['gain_of_another_size', 'layers=+1@before:0', 'UNSUPPORTED_AXIS'],
  ['whole_number_bounds', 'hidden=x1.5', 'grown'],
  ['whole_number_weights', 'heads=+1', 'grown'],
  ['stream_ends_in_a_branch', 'layers=+1@before:0', 'UNSUPPORTED_AXIS'],
  ['root_of_a_negative_whole_number', 'kv-heads=+1', 'grown'],
  ['negative_sizes', 'kv-heads=+1', 'UNSUPPORTED_OP'],
  ['cache_of_two_billion', 'hidden=+4', 'grown'],
  ['one_hot_of_two_billion', 'mlp=x2', 'UNSUPPORTED_AXIS'],
  ['range_of_a_billion', 'layers=+1@before:0', 'grown'],
  ['negative_batch', 'qk=+2', 'grown'],
  ['stack_read_in_a_branch', 'heads=+1', 'grown'],
  ['operands_of_billions', 'mlp=x2', 'UNSUPPORTED_OP'],
  ['norm_bias_of_no_dimensions', 'heads=+1', 'UNSUPPORTED_OP'],
  ['post_norm_without_epsilon', 'layers=+1@before:0', 'grown'],
  ['sizes_of_several_numbers', 'hidden=x1.5', 'UNSUPPORTED_OP'],
  ['weights_of_no_rows', 'qk=+2', 'UNSUPPORTED_AXIS'],
  ['norm_of_new_zeros', 'hidden=+4', 'grown'],
  ['stretched_to_billions_of_none', 'qk=+2', 'grown'],
  ['loop_in_a_layer', 'layers=+1@before:0', 'UNSUPPORTED_OP'],
  ['squeezed_sizes', 'v=+2', 'UNSUPPORTED_AXIS'],
  ['heads_of_two_billion', 'qk=+2', 'UNSUPPORTED_AXIS'],
  ['index_beyond_the_batch', 'v=+2', 'UNSUPPORTED_AXIS'],
  // how many dimensions are left depends on the input, so the block behind it is no part of a layer
  ['squeeze_of_what_is_there', 'mlp=x2', 'UNSUPPORTED_AXIS'],
])('%s', (name, step, expected) => {
  expect(outcome(`fixtures/hostile/${name}.onnx`, step)).toBe(expected);
});

it('axes that are stretched to none, which are all of them, are no last axis', () => {
  const [old, now] = ['axes_of_none.old', 'axes_of_none'].map((name) => readModel(`fixtures/hostile/${name}.onnx`)) as [Model, Model];
  expect(checkModels(old, now).proved).toBe(false);
});

// less the mean of more than the line that is squared, and divided by a variance: none of the norms whose chains are one norm
it.each(['mean_of_everything', 'norm_without_root'])('%s: a new layer is proved', (name) => {
  const model = readModel(`fixtures/hostile/${name}.onnx`);
  expect(checkModels(model, readModel(grow(model, 'layers=+1').bytes())).findings).toEqual([]);
});
