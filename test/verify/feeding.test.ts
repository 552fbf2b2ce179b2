import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readModel } from '../../src/onnx/read.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { verifyModels } from '../../src/verify/verify.ts';
import { normModel } from '../support/norm-model.ts';
import type { ModelSpec } from '../support/proto-model.ts';
import { edited, protoModel, saved } from '../support/proto-model.ts';
import { temporaryFolder } from '../support/temp-folder.ts';

const sameTwice = (spec: ModelSpec) => {
  const file = saved(temporaryFolder(), 'model.onnx', protoModel(spec));
  return verifyModels(file, file);
};

describe('finding inputs', () => {
  it('reads off tables how large an image must be', async () => {
    const vit = path.resolve('fixtures/optimum_vit.onnx');
    const { cases } = await verifyModels(vit, vit);
    expect(cases.map(({ inputs }) => inputs)).toContainEqual({ pixel_values: 'float32[2,3,16,16]' });
  });

  it('tries sizes when the file promises more than it takes', async () => {
    const baked: ModelSpec = {
      inputs: { x: { type: 'float', dims: ['n', 't', 3] } },
      outputs: { y: { type: 'float', dims: ['n', 't', 3] } },
      nodes: [{ op: 'Add', inputs: ['x', 'table'], outputs: ['y'] }],
      floats: { table: [[1, 11, 3], Array.from({ length: 33 }, (_, i) => i)] },
    };
    const { verdict, cases } = await sameTwice(baked);
    expect(verdict).toBe('bit-exact');
    expect(cases.map(({ inputs }) => inputs.x)).toContain('float32[2,11,3]');
  });

  it('gives two inputs of ids the lengths that shapes leave them', async () => {
    const table = (name: string): Record<string, [number[], number[]]> => ({ [name]: [[9, 2], Array.from({ length: 18 }, (_, i) => i - 8)] });
    const baked: ModelSpec = {
      inputs: { a: { type: 'int64', dims: ['n', 's'] }, b: { type: 'int64', dims: ['n', 't'] } },
      outputs: { y: { type: 'float', dims: ['n', 'k'] } },
      nodes: [
        { op: 'Gather', inputs: ['left', 'a'], outputs: ['c'] },
        { op: 'Gather', inputs: ['right', 'b'], outputs: ['d'] },
        { op: 'Reshape', inputs: ['c', 'six'], outputs: ['e'] },
        { op: 'Reshape', inputs: ['d', 'four'], outputs: ['f'] },
        { op: 'Concat', inputs: ['e', 'f'], outputs: ['y'], ints: { axis: 1 } },
      ],
      floats: { ...table('left'), ...table('right') },
      integers: { six: [[2], [0, 12]], four: [[2], [0, 8]] },
    };
    const { verdict, cases } = await sameTwice(baked);
    expect(verdict).toBe('bit-exact');
    expect(cases.map(({ inputs }) => inputs)).toContainEqual({ a: 'int64[2,6]', b: 'int64[2,4]' });
  });

  it('says so when it finds none', async () => {
    const impossible: ModelSpec = {
      inputs: { x: { type: 'float', dims: [2, 3] } },
      outputs: { y: { type: 'float', dims: [2, 3] } },
      nodes: [
        { op: 'NonZero', inputs: ['x'], outputs: ['at'] },
        { op: 'Reshape', inputs: ['at', 'shape'], outputs: ['i'] },
        { op: 'Cast', inputs: ['i'], outputs: ['y'], ints: { to: 1 } },
      ],
      integers: { shape: [[1], [7]] },
    };
    const result = await sameTwice(impossible);
    expect(result.verdict).toBe('inconclusive');
    expect(result.reason).toContain('the original model runs with no inputs that could be made for it');
  });

  it('notices masks that are 1 for padding', async () => {
    const masked: ModelSpec = {
      inputs: { x: { type: 'float', dims: ['n', 't', 't'] }, m: { type: 'bool', dims: ['n', 1, 't'] } },
      outputs: { y: { type: 'float', dims: ['n', 't', 't'] } },
      nodes: [
        { op: 'Where', inputs: ['m', 'infinite', 'x'], outputs: ['s'] },
        { op: 'Softmax', inputs: ['s'], outputs: ['y'], ints: { axis: -1 } },
      ],
      floats: { infinite: [[], [Number.NEGATIVE_INFINITY]] },
    };
    expect(await sameTwice(masked)).toMatchObject({ verdict: 'bit-exact', notes: ['masks of this model are 1 for padding'] });
  });

  it('hands a cache of fixed length its newest tokens', async () => {
    const folder = temporaryFolder();
    const old = saved(folder, 'old.onnx', protoModel(fixedCache(1)));
    expect((await verifyModels(old, old)).cases.map(({ name }) => name)).toContain('cache, step 3');
    const result = await verifyModels(old, saved(folder, 'new.onnx', protoModel(fixedCache(0.999))));
    expect(result.verdict).toBe('changed');
    expect(result.worst?.case).toMatch(/step [23]$/);
  });
});

describe('files', () => {
  it('may keep their weights beside them', async () => {
    const inside = path.resolve('fixtures/optimum_gpt2_past.onnx');
    const folder = temporaryFolder();
    const beside = path.join(folder, 'model.onnx');
    await writeModel(readModel(inside), beside, { externalData: 'always' });
    expect((await verifyModels(beside, inside)).verdict).toBe('bit-exact');
    const changed = edited(inside, (model) => {
      for (const node of model.graph?.node ?? []) for (const a of node.attribute ?? []) if (a.name === 'epsilon') a.f = 4e-5;
    });
    expect((await verifyModels(beside, saved(folder, 'changed.onnx', changed))).verdict).toBe('changed');
  });

  it('that crash the runtime where the original does not are the new model’s fault', async () => {
    const folder = temporaryFolder();
    const now = saved(folder, 'new.onnx', normModel(['x', 'g', '']));
    await expect(verifyModels(saved(folder, 'old.onnx', normModel(['x', 'g'])), now)).rejects.toMatchObject({ code: 'RUNTIME_FAILED', where: now });
  });
});

/** Sums the embeddings of the last six tokens; those of the past times `factor`. */
function fixedCache(factor: number): ModelSpec {
  return {
    inputs: { ids: { type: 'int64', dims: [1, 2] }, 'past.0.key': { type: 'float', dims: [1, 1, 4, 3] } },
    outputs: { y: { type: 'float', dims: [1, 1, 1, 3] }, 'present.0.key': { type: 'float', dims: [1, 1, 6, 3] } },
    nodes: [
      { op: 'Gather', inputs: ['table', 'ids'], outputs: ['e'] },
      { op: 'Unsqueeze', inputs: ['e', 'one'], outputs: ['now'] },
      { op: 'Mul', inputs: ['past.0.key', 'factor'], outputs: ['scaled'] },
      { op: 'Concat', inputs: ['scaled', 'now'], outputs: ['all'], ints: { axis: 2 } },
      { op: 'ReduceSum', inputs: ['all', 'two'], outputs: ['y'] },
      { op: 'Concat', inputs: ['past.0.key', 'now'], outputs: ['present.0.key'], ints: { axis: 2 } },
    ],
    floats: { table: [[7, 3], Array.from({ length: 21 }, (_, i) => Math.sin(i))], factor: [[], [factor]] },
    integers: { one: [[1], [1]], two: [[1], [2]] },
  };
}
