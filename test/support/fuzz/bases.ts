/** The valid models that are damaged: small transformers of every trait, some of them grown, and real exports. */
import fc from 'fast-check';
import { GrowError } from '../../../src/errors.ts';
import { grow } from '../../../src/grow.ts';
import type { Model } from '../../../src/onnx/ir.ts';
import { readModel } from '../../../src/onnx/read.ts';
import { encodeModel } from '../../../src/onnx/serialize.ts';
import { architectures, buildTransformer } from '../architecture.ts';
import { fixture } from '../command.ts';

/** A model to damage. */
export interface Base {
  readonly name: string;
  readonly model: Model;
  /** Built here, so that its inputs are known and a runtime can be asked. */
  readonly built: boolean;
  /** The model grown by a step; itself where it cannot. */
  grown(step: string): Model;
}

const FIXTURES = [
  'torchscript_paper',
  'dynamo_paper',
  'ortopt_bert',
  'genai_llama_gqa',
  'ortquant_paper_int4',
  'dynamo_operators_op23',
  'dynamo_norm_rms_op23',
  'torchscript_coincide_op17',
  'dynamo_retention',
  'dynamo_bert_functions',
  'dynamo_gpt2_sequences',
  'optimum_nystromformer',
  'torchscript_place_both',
  'optimum_t5_decoder_merged',
];
/** Small ones are tried by the thousand in the time of one large one. */
const MOST_NODES = 110;
const DRAWN = 200;

/** All bases, read or built once. */
export function bases(): { readonly built: readonly Base[]; readonly real: readonly Base[] } {
  const drawn = fc.sample(architectures, { seed: 20230811, numRuns: DRAWN });
  const models = drawn.map((own, i) => buildTransformer({ ...own, layers: i % 8 === 0 ? 2 : 1, shapes: i % 4 === 0 ? 'computed' : 'constant' }));
  const small = models.filter((model) => model.graph.nodes.length <= MOST_NODES);
  return {
    built: small.map((model, i) => base(`built ${i}`, readModel(encodeModel(model)), true)),
    real: FIXTURES.map((name) => base(name, readModel(fixture(name)), false)),
  };
}

function base(name: string, model: Model, built: boolean): Base {
  const made = new Map<string, Model>();
  return {
    name,
    model,
    built,
    grown(step) {
      const known = made.get(step);
      if (known !== undefined) return known;
      const now = grownOr(model, step);
      made.set(step, now);
      return now;
    },
  };
}

function grownOr(model: Model, step: string): Model {
  try {
    return readModel(grow(model, step).bytes());
  } catch (error) {
    if (error instanceof GrowError) return model;
    throw error;
  }
}
