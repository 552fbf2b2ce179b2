/** Quantised exports: every growth is proved, and what is proved is what the runtime computes. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model, Tensor as Stored, ValueInfo } from '../../src/onnx/ir.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from '../support/graph-builder.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { LONG, runs, SEED } from '../support/long.ts';

const fixture = (name: string): Model => readModel(`fixtures/${name}.onnx`);

/** Quantised numbers, scale and zero point among the operands of an operator. */
const OPERANDS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'com.microsoft.MatMulNBits': { number: 1, scale: 2, point: 3 },
  'com.microsoft.GatherBlockQuantized': { number: 0, scale: 2, point: 3 },
  DequantizeLinear: { number: 0, scale: 1, point: 2 },
  QuantizeLinear: { scale: 1, point: 2 },
  MatMulInteger: { number: 1, point: 3 },
};

const constantsOf = (model: Model, part: string): readonly Stored[] => {
  const names = new Set(
    model.graph.nodes.flatMap((node) => {
      const input = OPERANDS[node.domain === '' ? node.opType : `${node.domain}.${node.opType}`]?.[part];
      return input === undefined ? [] : [node.inputs[input] ?? ''];
    }),
  );
  return model.graph.initializers.filter((own) => names.has(own.name));
};

/** The model with one stored element changed: one bit of whole numbers, a fiftieth of a scale. */
function faulty(model: Model, part: string, random: () => number): Model | null {
  const all = constantsOf(model, part);
  const tensor = all[Math.floor(random() * all.length)];
  if (tensor === undefined) return null;
  const changed = part === 'scale' || tensor.dataType === DataType.FLOAT ? withNumber(tensor, random) : withBit(tensor, random);
  return reread({ ...model, graph: { ...model.graph, initializers: model.graph.initializers.map((own) => (own === tensor ? changed : own)) } });
}

function withNumber(tensor: Stored, random: () => number): Stored {
  const numbers = readNumbers(tensor);
  const at = Math.floor(random() * numbers.length);
  numbers[at] = (numbers[at] ?? 0) * 1.02 + (numbers[at] === 0 ? 0.01 : 0);
  return tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers);
}

function withBit(tensor: Stored, random: () => number): Stored {
  const bytes = Uint8Array.from(tensor.data.read(0, tensor.data.size));
  const at = Math.floor(random() * bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  return { ...tensor, data: { size: bytes.length, read: (from, length) => bytes.subarray(from, from + length) } };
}

/** Outputs for random inputs, without graph optimisation. */
async function outputsOf(model: Model): Promise<readonly Float32Array[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const results = await session.run(Object.fromEntries(model.graph.inputs.map((input) => [input.name, feed(input)])));
  await session.release();
  return model.graph.outputs.map((output) => (results[output.name] as Tensor).data as Float32Array);
}

/** Sizes that names of dimensions stand for; others are 2 rows of 6 tokens. */
const SIZES: Readonly<Record<string, number>> = { num_channels: 3, height: 16, width: 16, past_sequence_length: 0, kv_cache_dim: 16 };

function feed({ name, type }: ValueInfo): Tensor {
  const dims = (type?.dims ?? []).map((size, d) => (typeof size === 'number' ? size : (SIZES[size ?? ''] ?? (d === 0 ? 2 : 6))));
  const numbers = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, normals(5));
  if (type?.elemType === DataType.FLOAT) return new Tensor('float32', Float32Array.from(numbers), dims);
  const whole = numbers.map((x, i) =>
    /mask/.test(name) ? 1n : /type/.test(name) ? 0n : /position/.test(name) ? BigInt(i % 6) : BigInt(Math.floor(Math.abs(x) * 20) % 60),
  );
  return new Tensor('int64', BigInt64Array.from(whole), dims);
}

/** Largest difference of an output, relative to its largest number; caches that grew are left out. */
const gap = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  Math.max(...a.map((x, o) => (x.length === b[o]?.length ? largest(x, (own, i) => own - (b[o]?.[i] ?? NaN)) / largest(x, (own) => own) : 0)));

const largest = (numbers: Float32Array, of: (x: number, i: number) => number): number =>
  numbers.reduce((most, x, i) => Math.max(most, Number.isNaN(of(x, i)) ? Infinity : Math.abs(of(x, i))), 0);

const MODELS: readonly (readonly [string, readonly (readonly string[])[]])[] = [
  ['ortquant_llama_nbits', [['mlp=x1.5', 'hidden=+8'], ['heads=+2', 'v=+4', 'qk=+4'], ['layers=+1']]],
  ['genai_llama_int4', [['mlp=x1.5', 'kv-heads=+1'], ['hidden=+16'], ['layers=+1']]],
  ['ortquant_paper_int4', [['mlp=x1.5', 'hidden=+8'], ['heads=+1', 'v=+4', 'qk=+4'], ['layers=+1']]],
  ['ortquant_bert_dynamic', [['mlp=x1.5', 'hidden=+8'], ['heads=+1', 'v=+4', 'qk=+4'], ['layers=+1']]],
  ['ortquant_vit_static', [['mlp=x1.5', 'hidden=+8'], ['heads=+1', 'v=+4', 'qk=+4'], ['layers=+1']]],
];

describe.each(MODELS)('%s', (name, recipes) => {
  const old = fixture(name);

  test.each(recipes.map((steps) => [steps.join(' '), steps] as const))('%s is proved', (_, steps) => {
    expect(checkModels(old, reread(grownBy(old, steps).model))).toMatchObject({ proved: true, findings: [] });
  });

  test(`a changed number, scale or zero point is proved only where it changes no output (seed ${SEED})`, { timeout: 1e9 }, async () => {
    const random = uniforms(SEED);
    const before = await outputsOf(old);
    const count = { faults: 0, harmful: 0 };
    for (const steps of LONG ? recipes : recipes.slice(0, 1)) {
      const grown = reread(grownBy(old, steps).model);
      expect(gap(before, await outputsOf(grown))).toBeLessThan(1e-5);
      for (const part of ['number', 'scale', 'point']) {
        for (let i = 0; i < runs(2); i++) {
          const now = faulty(grown, part, random);
          if (now === null) break;
          const { proved } = checkModels(old, now);
          const difference = gap(before, await outputsOf(now));
          count.faults++;
          if (!(difference < 1e-5)) count.harmful++;
          // what is below the noise of float32 may be a true difference, too
          if (proved) expect({ steps, part, i, difference: difference < 1e-5 ? 'none' : difference }).toMatchObject({ difference: 'none' });
        }
      }
    }
    expect(count.harmful).toBeGreaterThan(count.faults / 4);
  });
});

describe('faults that a rule for quantised numbers must see', () => {
  const FAULTS: readonly (readonly [string, string, string, (model: Model) => Model])[] = [
    ['a new activation that its quantiser takes into its scale', 'ortquant_bert_dynamic', 'mlp=+9', (model) => columnSet(model, [44, 69], 60, 250)],
    ['a new activation that shares a rounded block with old ones', 'genai_llama_int4', 'mlp=+4', (model) => blockSet(model)],
    ['another accuracy', 'genai_llama_int4', 'mlp=+32', (model) => withAttribute(model, 'MatMulNBits', 'accuracy_level', 0)],
    ['blocks of another size', 'ortquant_paper_int4', 'mlp=+16', (model) => withAttribute(model, 'DequantizeLinear', 'block_size', 32)],
    ['another type of quanta', 'ortquant_vit_static', 'mlp=+8', (model) => withUnsignedPoint(model)],
  ];

  test.each(FAULTS)('%s', (_, name, step, plant) => {
    const old = fixture(name);
    const grown = reread(grownBy(old, [step]).model);
    expect(checkModels(old, grown).proved).toBe(true);
    const wrong = plant(grown);
    expect(wrong).not.toBe(grown);
    expect(checkModels(old, reread(wrong)).proved).toBe(false);
  });
});

const withTensors = (model: Model, change: (tensor: Stored) => Stored): Model => ({
  ...model,
  graph: { ...model.graph, initializers: model.graph.initializers.map(change) },
});

/** Columns from `from` on set to a number, in the first weight of a shape. */
function columnSet(model: Model, dims: readonly number[], from: number, to: number): Model {
  const first = model.graph.initializers.find((own) => own.dims.join() === dims.join());
  return withTensors(model, (own) =>
    own === first
      ? tensorFromNumbers(
          own.name,
          own.dataType,
          own.dims,
          readNumbers(own).map((x, i) => (i % (dims[1] ?? 1) >= from ? to : x)),
        )
      : own,
  );
}

/** The rows of the new inner elements of a gated block set to what is no zero. */
function blockSet(model: Model): Model {
  const rows = 100;
  return withTensors(model, (own) => {
    if (own.dataType !== DataType.UINT8 || own.dims[0] !== rows || own.dims.length !== 3) return own;
    const each = own.data.size / rows;
    return tensorFromNumbers(
      own.name,
      own.dataType,
      own.dims,
      readNumbers(own).map((x, i) => (i >= 96 * each ? 0x5c : x)),
    );
  });
}

/** An attribute of the first node of an operator changed. */
function withAttribute(model: Model, op: string, name: string, value: number): Model {
  const first = model.graph.nodes.find((own) => own.opType === op);
  const nodes = model.graph.nodes.map((own) =>
    own === first ? { ...own, attributes: [...own.attributes.filter((attribute) => attribute.name !== name), { name, kind: 'int' as const, value }] } : own,
  );
  return { ...model, graph: { ...model.graph, nodes } };
}

/** A zero point of activations that is not negative, as an unsigned number of the same value. */
function withUnsignedPoint(model: Model): Model {
  const points = new Set(model.graph.nodes.flatMap((own) => (own.opType === 'QuantizeLinear' ? own.inputs.slice(2) : [])));
  const point = model.graph.initializers.find((own) => points.has(own.name) && own.dataType === DataType.INT8 && (readNumbers(own)[0] ?? -1) >= 0);
  return point === undefined
    ? model
    : withTensors(model, (own) => (own === point ? tensorFromNumbers(own.name, DataType.UINT8, own.dims, readNumbers(own)) : own));
}

/** Numbers between 0 and 1. */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
