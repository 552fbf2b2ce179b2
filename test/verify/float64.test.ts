import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { runCase } from '../../src/verify/execute.ts';
import { explore } from '../../src/verify/explore.ts';
import { castModel } from '../../src/verify/float64/cast-model.ts';
import { scaledBy } from '../../src/verify/float64/corrections.ts';
import { describe as describeModel } from '../../src/verify/interface.ts';
import type { VerifyResult } from '../../src/verify/result.ts';
import { openSession } from '../../src/verify/runtime.ts';
import { asNumbers, elementCount } from '../../src/verify/values.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { fixture } from '../support/command.ts';
import { grownBy } from '../support/grown-model.ts';
import { edited, mapWeight, protoModel, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

type Norm = 'auto' | 'native' | 'old-block';

/** The verdict on a model and its growth. */
async function grownVerdict(name: string, steps: readonly string[], norm: Norm = 'auto'): Promise<VerifyResult> {
  const grown = encodeModel(grownBy(readModel(fixture(name)), steps, { norm }).model);
  return verifyModels(fixture(name), saved(temporaryFolder(), 'grown.onnx', grown));
}

/** Largest difference between a model and its cast, on the first case that the model runs. */
async function distanceOfCast(file: string): Promise<number> {
  const model = describeModel(readModel(file));
  const session = await openSession(file, { level: 'basic', threads: 1, provider: 'cpu' });
  const explored = await explore(model, session, 0, true);
  await session.release();
  if ('reason' in explored) throw new Error(explored.reason);
  const [planned] = explored.cases;
  if (planned === undefined) throw new Error('no case');
  const wide = <T extends (typeof model.inputs)[number] | (typeof model.caches)[number]>(spec: T): T =>
    spec.type.startsWith('float') ? { ...spec, type: 'float64' as const } : spec;
  const doubled = { ...model, inputs: model.inputs.map(wide), caches: model.caches.map(wide) };
  const shadow = await openSession(encodeModel(castModel(readModel(file)).model), { level: 'disabled', threads: 1, provider: 'cpu' });
  const steps = await runCase(
    { ...explored.source, model: doubled },
    { session: shadow, model: doubled, assignment: explored.source.assignment, map: null },
    planned,
  );
  await shadow.release();
  const distances = steps.flatMap((outputs, step) =>
    [...outputs].flatMap(([name, values]) => {
      if (elementCount(values.dims) === 0) return [];
      const [own, cast] = [asNumbers(explored.outputs[0]?.[step]?.get(name) ?? values), asNumbers(values)];
      return Math.max(...cast.map((value, i) => Math.abs(value - (own[i] ?? Number.NaN)))) / Math.max(...own.map(Math.abs));
    }),
  );
  return Math.max(...distances);
}

describe('a model cast to float64', () => {
  // Gelu is replaced by an approximation that differs by 4e-4, so values agree as far as that goes.
  it.each([
    'dynamo_vit',
    'genai_llama_gqa',
    'optimum_bart_decoder',
    'optimum_gemma2_past',
    'optimum_gpt_neox_past',
    'optimum_t5_decoder_merged',
    'ortopt_bert',
    'torchscript_bert_op11',
    'torchscript_nanogpt_op17',
  ])('%s computes the same', async (name) => {
    const distance = await distanceOfCast(fixture(name));
    expect(distance).toBeLessThan(1e-3);
  });
});

describe('growth without stored corrections', () => {
  it.each<[string, readonly string[], Norm]>([
    ['optimum_gpt2_past', ['mlp=x1.5', 'heads=+1', 'layers=+1'], 'auto'],
    ['optimum_llama_gqa_past', ['hidden=x1.25', 'qk=+8'], 'old-block'],
    ['dynamo_vit', ['v=+8', 'hidden=+16'], 'old-block'],
    ['genai_llama_gqa', ['mlp=x2', 'layers=+1'], 'auto'],
    ['ortopt_bert', ['heads=+1', 'mlp=+16'], 'auto'],
  ])('%s %j agrees to 1e-12', async (name, steps, norm) => {
    const { float64, shadow, verdict } = await grownVerdict(name, steps, norm);
    expect({ verdict, ...shadow }).toMatchObject({
      verdict: expect.stringMatching(/bit-exact|rounding/),
      worst: null,
      corrections: [],
      reason: null,
      threshold: 1e-12,
    });
    expect(float64).toBeLessThan(1e-12);
  });
});

describe('growth with stored corrections', () => {
  it('agrees to their rounding and names them', async () => {
    const { float64, shadow, verdict } = await grownVerdict('optimum_llama_gqa_past', ['hidden=x1.25'], 'native');
    expect(verdict).toBe('rounding');
    expect(float64).toBeGreaterThan(1e-9);
    expect(float64).toBeLessThan(1e-6);
    expect(shadow.threshold).toBe(1e-12);
    expect(shadow.unrounded).toBeLessThan(1e-12);
    const gains = shadow.corrections.filter(({ factor }) => Math.abs(factor - Math.sqrt(0.8)) < 1e-8);
    const epsilons = shadow.corrections.filter(({ factor }) => Math.abs(factor - 0.8) < 1e-7);
    expect([gains.length, epsilons.length]).toEqual([5, 5]);
  });

  it('agrees to 1e-12 without the rounding of means, too', async () => {
    const { shadow, verdict } = await grownVerdict('optimum_gpt2_past', ['hidden=x1.25', 'mlp=+8', 'layers=+1'], 'native');
    expect({ verdict, shadow }).toMatchObject({ verdict: 'rounding', shadow: { threshold: 1e-12, worst: null } });
    expect(shadow.unrounded).toBeLessThan(1e-12);
  });

  it('agrees to 1e-12 when it is grown from a float64 copy', async () => {
    const folder = temporaryFolder();
    for (const name of ['optimum_llama_gqa_past', 'torchscript_nanogpt_op17', 'dynamo_qwen3']) {
      const copy = castModel(readModel(fixture(name))).model;
      const old = saved(folder, `${name}.onnx`, encodeModel(copy));
      const grown = saved(folder, `${name}.grown.onnx`, encodeModel(grownBy(readModel(old), ['hidden=x1.25', 'mlp=+8'], { norm: 'native' }).model));
      const { float64, verdict, shadow } = await verifyModels(old, grown);
      expect({ name, verdict, shadow }).toMatchObject({ verdict: 'rounding', shadow: { reason: null, threshold: 1e-12 } });
      expect(float64).toBeLessThan(1e-12);
    }
  });
});

describe('a wrong growth', () => {
  it('with the old epsilon passes a tolerance of 1e-5, and is found', async () => {
    const folder = temporaryFolder();
    const old = fixture('optimum_gpt_neox_past');
    const right = saved(folder, 'right.onnx', encodeModel(grownBy(readModel(old), ['hidden=x1.25'], { norm: 'native' }).model));
    const epsilons = new Set<number>();
    const wrong = saved(
      folder,
      'wrong.onnx',
      edited(right, (model) => {
        for (const node of model.graph?.node ?? [])
          for (const attribute of node.attribute ?? [])
            if (attribute.name === 'epsilon') {
              epsilons.add(attribute.f ?? 0);
              attribute.f = 1e-5;
            }
      }),
    );
    expect([...epsilons]).toEqual([expect.closeTo(8e-6, 9)]);
    expect((await verifyModels(old, right)).verdict).toBe('rounding');
    const found = await verifyModels(old, wrong);
    expect(found).toMatchObject({ verdict: 'changed', shadow: { threshold: 1e-12, unrounded: expect.closeTo(3.6e-6, 6) } });
    expect(found.divergence).toMatchObject({ node: expect.stringContaining('input_layernorm'), value: expect.stringContaining('input_layernorm') });
    expect((await verifyModels(old, wrong, { tolerance: 1e-5 })).verdict).toBe('rounding');
  });

  it('that float32 cannot tell from rounding is found in float64', async () => {
    const folder = temporaryFolder();
    const old = fixture('torchscript_nanogpt_op17');
    const right = saved(folder, 'right.onnx', encodeModel(grownBy(readModel(old), ['mlp=x1.5', 'hidden=+8'], { norm: 'old-block' }).model));
    const wrong = saved(
      folder,
      'wrong.onnx',
      edited(right, (model) => mapWeight(model, 'ln_f.bias', (value, i) => (i === 2 ? value * (1 + 4e-6) : value))),
    );
    const found = await verifyModels(old, wrong);
    expect(found).toMatchObject({ verdict: 'changed', worst: null, shadow: { worst: { output: 'logits' } } });
    expect(found.reason).toContain('computed in float64');
    expect(found.divergence).toMatchObject({ parameters: ['ln_f.bias'], node: expect.stringContaining('ln_f') });
    expect(found.maxRelative).toBeLessThan(found.outputs[0]?.threshold ?? 0);
  });
});

describe('what cannot be cast', () => {
  it('is said, and the verdict does without', async () => {
    const model = protoModel({
      inputs: { x: { type: 'float', dims: ['n', 4] } },
      outputs: { y: { type: 'float', dims: ['n', 4] } },
      nodes: [{ op: 'Hardmax', inputs: ['x'], outputs: ['y'] }],
    });
    const file = saved(temporaryFolder(), 'hardmax.onnx', model);
    expect(await verifyModels(file, file)).toMatchObject({ verdict: 'bit-exact', float64: null, shadow: { reason: 'onnxruntime has no Hardmax in float64' } });
  });
});

describe('a stored correction', () => {
  const vector = (numbers: readonly number[]) => tensorFromNumbers('x', 11, [numbers.length], numbers.map(Math.fround));
  const old = [0.3, -1.7, 0, 2.2, 0.9].map(Math.fround);
  const between = (now: readonly number[]) => scaledBy(vector(old), vector(now), 2 ** -24);
  const factor = Math.sqrt(5 / 7);
  /** Whether the factors that are found hold `factor`, and little else. */
  const holds = (found: ReturnType<typeof between>, offset: number): boolean =>
    found !== null && found !== 'equal' && found.offset === offset && found.low <= factor && found.high >= factor && found.high - found.low < 2e-7;

  it('is one factor for all old elements, wherever the new ones stand', () => {
    expect(between(old)).toBe('equal');
    expect(between([...old.slice(0, 2), 9, ...old.slice(2), 8])).toBe('equal');
    expect(holds(between([...old.map((x) => x * factor), 7]), 0)).toBe(true);
    expect(holds(between(old.map((x) => (1 + x) * factor - 1)), 1)).toBe(true);
  });

  it('is none when one element does not fit, or is off by a unit in its last place', () => {
    expect(between(old.map((x, i) => x * factor * (i === 3 ? 1 + 1e-6 : 1)))).toBeNull();
    expect(between(old.map((x, i) => (i === 3 ? x * (1 + 2 ** -23) : x)))).toBeNull();
  });
});
