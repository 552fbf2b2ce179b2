import { describe, expect, it } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import { grow } from '../../src/grow.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { inspectModel } from '../../src/report/inspect.ts';
import { fixture } from '../support/command.ts';
import { LONG, runs, SEED } from '../support/long.ts';
import { mutated, randomFrom } from '../support/mutations.ts';

const STEPS = ['mlp=x2', 'heads=+1', 'hidden=+4', 'qk=+2', 'v=+2', 'layers=+1'];
/** What a file may take of a processor, reading, understanding and growing it. Milliseconds. */
const LONGEST = 5000;
const BASES = ['torchscript_paper', 'dynamo_paper', 'torchscript_encoder_post', 'ortopt_bert', 'genai_llama_gqa'];

/** What becomes of a damaged model: 'ok', or the code of the error. Anything but a GrowError is thrown. */
function outcome(bytes: Uint8Array, step: string): string {
  try {
    const model: Model = readModel(bytes);
    inspectModel(model);
    grow(model, step).bytes();
    return 'ok';
  } catch (error) {
    if (error instanceof GrowError) return error.code;
    throw error;
  }
}

it('damaged models are understood or refused, never a crash nor a hang', { timeout: LONG ? 0 : 120_000 }, () => {
  const bases = BASES.map((name) => readModel(fixture(name)));
  const counts = new Map<string, number>();
  const count = LONG ? Number(process.env.CASES ?? 100_000) : runs(60);
  for (let i = 0; i < count; i++) {
    const seed = (SEED + i) >>> 0;
    const random = randomFrom(seed);
    const bytes = mutated(random, bases[i % bases.length] as Model);
    const step = STEPS[Math.floor(random() * STEPS.length)] ?? 'mlp=x2';
    const started = process.cpuUsage();
    let result: string;
    try {
      result = outcome(bytes, step);
    } catch (cause) {
      throw new Error(`seed ${seed}, base ${BASES[i % bases.length]}, ${step}: ${cause instanceof Error ? cause.stack : String(cause)}`, { cause });
    }
    const { user, system } = process.cpuUsage(started);
    const taken = (user + system) / 1000;
    expect({ seed, taken: taken > LONGEST }).toEqual({ seed, taken: false });
    counts.set(result, (counts.get(result) ?? 0) + 1);
  }
  if (LONG) console.warn(`seed ${SEED}: ${JSON.stringify(Object.fromEntries(counts))}, ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MB`);
  expect(counts.get('ok') ?? 0).toBeGreaterThan(count / 20);
});

describe('what it found', () => {
  const paper = readModel(fixture('torchscript_paper'));
  const withNodes = (nodes: Model['graph']['nodes']): Uint8Array => encodeModel({ ...paper, graph: { ...paper.graph, nodes } });
  const inputs = (change: (name: string) => string): Uint8Array => withNodes(paper.graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(change) })));

  it.each<[string, Uint8Array, string]>([
    ['nodes that stand twice took minutes and gigabytes', withNodes([...paper.graph.nodes, ...paper.graph.nodes]), 'layers=+1'],
    ['a name with the separator of flat names', inputs((name) => name.replaceAll('_', '\u001f')), 'v=+2'],
    [
      'an input without a type',
      encodeModel({ ...paper, graph: { ...paper.graph, inputs: paper.graph.inputs.map((own) => ({ ...own, type: { elemType: 0, dims: [2, 8] } })) } }),
      'qk=+2',
    ],
  ])('%s', (_, bytes, step) => {
    expect(outcome(bytes, step)).toMatch(/^(INVALID_MODEL|ok)$/);
  });
});
