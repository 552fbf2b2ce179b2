import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../../src/onnx/byte-source.ts';
import { DataType, type Model, type Tensor } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { realModels } from '../support/real-models.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { meaning } from '../support/touched-copy.ts';
import { addGraph, modelBytes } from '../support/wire-bytes.ts';

const PLAIN = modelBytes(addGraph());
const plain = (): Model => readModel(PLAIN);
const grow = (model: Model, ...initializers: readonly Tensor[]): Model => ({
  ...model,
  graph: { ...model.graph, initializers: [...model.graph.initializers, ...initializers] },
});
const big = (name: string, seed: number): Tensor =>
  tensorFromNumbers(
    name,
    DataType.FLOAT,
    [40, 50],
    Array.from({ length: 2000 }, (_, index) => index + seed),
  );
const code = (expected: string): Error => expect.objectContaining({ code: expected }) as Error;
const visible = (folder: string): readonly string[] => readdirSync(folder).sort();

describe('where weights go', () => {
  test('auto leaves them inside, always takes large ones out, never takes them back', async () => {
    const folder = temporaryFolder();
    const model = grow(plain(), big('large', 0), big('larger', 1));
    expect(await writeModel(model, path.join(folder, 'a.onnx'), { externalData: 'auto' })).toMatchObject({ externalData: null });
    const always = await writeModel(model, path.join(folder, 'b.onnx'), { externalData: 'always' });
    expect(always.externalData).toMatch(/^b-[0-9a-f]{16}\.data$/);
    const data = path.join(folder, always.externalData ?? '');
    expect(always.bytes).toBe(statSync(path.join(folder, 'b.onnx')).size + statSync(data).size);
    const outside = readModel(path.join(folder, 'b.onnx'));
    expect(outside.graph.initializers.map((tensor) => tensor.external?.offset)).toEqual([undefined, 0, 8192]);
    expect(meaning(outside)).toBe(meaning(readModel(path.join(folder, 'a.onnx'))));
    await writeModel(outside, path.join(folder, 'c.onnx'), { externalData: 'never' });
    expect(readFileSync(path.join(folder, 'c.onnx'))).toEqual(readFileSync(path.join(folder, 'a.onnx')));
    // What was outside stays outside, in one file of the new name, and so does a new weight of such a model.
    const again = await writeModel(grow(outside, big('new', 2)), path.join(folder, 'd.onnx'), { externalData: 'auto' });
    expect(again.externalData).toMatch(/^d-/);
    expect(readModel(path.join(folder, 'd.onnx')).graph.initializers.map((tensor) => tensor.external?.offset)).toEqual([undefined, 0, 8192, 16384]);
  });

  test('a changed weight of an external model goes to the new file, in memory inside', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'a.onnx');
    await writeModel(grow(plain(), big('large', 0)), file, { externalData: 'always' });
    const model = readModel(file);
    const changed: Model = {
      ...model,
      graph: {
        ...model.graph,
        initializers: model.graph.initializers.map((tensor) => (tensor.name === 'large' ? { ...tensor, data: big('', 7).data } : tensor)),
      },
    };
    await writeModel(changed, path.join(folder, 'b.onnx'), { externalData: 'auto' });
    const [, weight] = readModel(path.join(folder, 'b.onnx')).graph.initializers;
    expect(weight?.external?.location).toMatch(/^b-/);
    expect(Buffer.from(weight?.data.read(0, 8000) ?? [])).toEqual(Buffer.from(big('', 7).data.read(0, 8000)));
    const [, inside] = readModel(encodeModel(changed)).graph.initializers;
    expect(inside?.external).toBeUndefined();
    expect(Buffer.from(inside?.data.read(0, 8000) ?? [])).toEqual(Buffer.from(big('', 7).data.read(0, 8000)));
  });

  test('the same content has the same name, other content another', async () => {
    const names = await Promise.all(
      [0, 0, 1].map(
        async (seed) => (await writeModel(grow(plain(), big('large', seed)), path.join(temporaryFolder(), 'm.onnx'), { externalData: 'always' })).externalData,
      ),
    );
    expect(names[0]).toBe(names[1]);
    expect(names[0]).not.toBe(names[2]);
  });

  test('a weight that would make the file 2 GB goes outside, and never says so', async () => {
    const size = 2 ** 31;
    // A source of 2 GB that is never read: only its size matters for the refusal.
    const unread = { size, read: (): Uint8Array => expect.unreachable('the weight was read') };
    const model = grow(plain(), { name: 'huge', dataType: DataType.UINT8, dims: [size], data: unread });
    const target = path.join(temporaryFolder(), 'm.onnx');
    await expect(writeModel(model, target, { externalData: 'never' })).rejects.toThrow(code('IO'));
    expect(() => encodeModel(model)).toThrow(code('IO'));
    expect(visible(path.dirname(target))).toEqual([]);
  });

  test('onnxruntime loads real models with their weights in a data file', async () => {
    const folder = temporaryFolder();
    for (const file of realModels().slice(0, 8)) {
      const target = path.join(folder, path.basename(file));
      await writeModel(readModel(file), target, {
        externalData: 'always',
        beforeRename: async (temporary) => (await InferenceSession.create(temporary)).release(),
      });
      await (await InferenceSession.create(target)).release();
      expect(meaning(readModel(target)) === meaning(readModel(file)), file).toBe(true);
    }
  });
});

describe('completely or not at all', () => {
  test('what is there is not replaced without force, and with force only at the end', async () => {
    const folder = temporaryFolder();
    const target = path.join(folder, 'm.onnx');
    writeFileSync(target, 'old');
    await expect(writeModel(plain(), target, { externalData: 'auto' })).rejects.toThrow(code('OUTPUT_EXISTS'));
    const failing = { externalData: 'always', force: true, beforeRename: () => Promise.reject(new Error('not the same function')) } as const;
    await expect(writeModel(grow(plain(), big('large', 0)), target, failing)).rejects.toThrow('not the same function');
    expect(visible(folder)).toEqual(['m.onnx']);
    expect(readFileSync(target, 'utf8')).toBe('old');
    await writeModel(plain(), target, { externalData: 'auto', force: true });
    expect(Buffer.compare(readFileSync(target), PLAIN)).toBe(0);
    expect(visible(folder)).toEqual(['m.onnx']);
  });

  test('a file that appears while writing is not replaced', async () => {
    const target = path.join(temporaryFolder(), 'm.onnx');
    const appears = async (): Promise<void> => writeFileSync(target, 'other');
    await expect(writeModel(plain(), target, { externalData: 'auto', beforeRename: appears })).rejects.toThrow(code('OUTPUT_EXISTS'));
    expect(readFileSync(target, 'utf8')).toBe('other');
    expect(visible(path.dirname(target))).toEqual(['m.onnx']);
  });

  test('the complete model can be read before it has its name', async () => {
    const target = path.join(temporaryFolder(), 'm.onnx');
    const model = grow(plain(), big('large', 0));
    let seen = '';
    await writeModel(model, target, {
      externalData: 'always',
      beforeRename: async (temporary) => {
        expect(existsSync(target)).toBe(false);
        expect(path.dirname(temporary)).toBe(path.dirname(target));
        seen = meaning(readModel(temporary));
      },
    });
    expect(seen).toBe(meaning(readModel(target)));
  });

  test('a model can replace the file that it is read from', async () => {
    const target = path.join(temporaryFolder(), 'm.onnx');
    await writeModel(grow(plain(), big('large', 0)), target, { externalData: 'always' });
    const model = readModel(target);
    const before = meaning(model);
    await writeModel(grow(model, big('second', 1)), target, { externalData: 'auto', force: true });
    expect(meaning(model)).toBe(before);
    expect(readModel(target).graph.initializers.map((tensor) => tensor.name)).toEqual(['w', 'large', 'second']);
    // The data file of the version that was replaced is gone.
    expect(visible(path.dirname(target))).toHaveLength(2);
  });

  test('a replaced data file stays when another model uses it, or the same content is written again', async () => {
    const folder = temporaryFolder();
    const target = path.join(folder, 'm.onnx');
    const { externalData } = await writeModel(grow(plain(), big('large', 0)), target, { externalData: 'always' });
    await writeModel(grow(plain(), big('large', 0)), target, { externalData: 'always', force: true });
    expect(visible(folder)).toEqual([externalData, 'm.onnx']);
    writeFileSync(path.join(folder, 'copy.onnx'), readFileSync(target));
    await writeModel(grow(plain(), big('large', 1)), target, { externalData: 'always', force: true });
    expect(visible(folder)).toContain(externalData);
    expect(readModel(path.join(folder, 'copy.onnx')).graph.initializers).toHaveLength(2);
    // A failed check must not take away data that the model in place needs.
    const same = readModel(target);
    await expect(writeModel(same, target, { externalData: 'auto', force: true, beforeRename: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
    expect(readModel(target).graph.initializers).toHaveLength(2);
  });

  test('links are not written through', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'precious'), 'precious');
    const target = path.join(folder, 'm.onnx');
    symlinkSync('precious', target);
    await expect(writeModel(plain(), target, { externalData: 'auto' })).rejects.toThrow(code('OUTPUT_EXISTS'));
    await writeModel(plain(), target, { externalData: 'auto', force: true });
    expect(readFileSync(path.join(folder, 'precious'), 'utf8')).toBe('precious');
    expect(Buffer.compare(readFileSync(target), PLAIN)).toBe(0);
  });

  test('a weight that cannot be read leaves nothing behind', async () => {
    const target = path.join(temporaryFolder(), 'm.onnx');
    const broken = {
      ...big('broken', 0),
      data: {
        size: 8000,
        read: (): Uint8Array => {
          throw new Error('bad sector');
        },
      },
    };
    for (const externalData of ['auto', 'always'] as const) {
      await expect(writeModel(grow(plain(), broken), target, { externalData })).rejects.toThrow('bad sector');
      expect(visible(path.dirname(target))).toEqual([]);
    }
  });

  test('a signal stops it', async () => {
    const target = path.join(temporaryFolder(), 'm.onnx');
    const controller = new AbortController();
    const stop = async (): Promise<void> => controller.abort(new Error('interrupted'));
    await expect(writeModel(plain(), target, { externalData: 'auto', beforeRename: stop, signal: controller.signal })).rejects.toThrow('interrupted');
    expect(visible(path.dirname(target))).toEqual([]);
  });

  test('leftovers of a killed run are swept when old, kept when young, and never in the way', async () => {
    const folder = temporaryFolder();
    const gone = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
    // an older process may have had this one's number
    const swept = [`.m.onnx.${gone}.0123456789ab.tmp`, `.m.onnx.${process.pid}.0123456789ab.tmp`];
    const young = `.m.onnx.${gone}.0123456789ac.tmp`;
    const names = [...swept, young, `.m.onnx.${process.ppid}.0123456789ab.tmp`, '.m.onnx.txt'];
    const yesterday = Date.now() / 1000 - 86400;
    names.forEach((name) => {
      writeFileSync(path.join(folder, name), 'left');
      if (name !== young) utimesSync(path.join(folder, name), yesterday, yesterday);
    });
    await writeModel(plain(), path.join(folder, 'm.onnx'), { externalData: 'auto' });
    expect(visible(folder)).toEqual([...names.slice(swept.length), 'm.onnx'].sort());
  });

  test('progress counts up to all bytes', async () => {
    const steps: [number, number][] = [];
    const written = await writeModel(
      grow(plain(), { ...big('large', 0), dims: [3_000_000], dataType: DataType.UINT8, data: bytesSource(new Uint8Array(3_000_000)) }),
      path.join(temporaryFolder(), 'm.onnx'),
      {
        externalData: 'always',
        onProgress: (done, total) => steps.push([done, total]),
      },
    );
    expect(steps.at(-1)).toEqual([written.bytes, written.bytes]);
  });
});

describe('when the disk does not take it', () => {
  test('no folder, a folder as target, a file as folder', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'd.onnx'));
    writeFileSync(path.join(folder, 'file'), '');
    for (const name of ['none/m.onnx', 'd.onnx', 'file/m.onnx', `${'x'.repeat(300)}.onnx`]) {
      await expect(writeModel(plain(), path.join(folder, name), { externalData: 'auto', force: true }), name).rejects.toThrow(code('IO'));
    }
  });

  // Root may write anywhere, so this needs another user.
  test.skipIf(process.getuid?.() === 0)('a read-only folder', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o555);
    await expect(writeModel(plain(), path.join(folder, 'm.onnx'), { externalData: 'auto' })).rejects.toThrow(code('IO'));
  });

  test('a folder that takes no files even from root', async () => {
    await expect(writeModel(plain(), '/proc/self/m.onnx', { externalData: 'auto' })).rejects.toThrow(code('IO'));
  });

  test('a full disk', async ({ skip }) => {
    const folder = temporaryFolder();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder], { stdio: 'pipe' });
    } catch (error) {
      return skip(`a small disk cannot be mounted here: ${String(error)}`);
    }
    try {
      const model = grow(plain(), { ...big('large', 0), dims: [1_000_000], dataType: DataType.UINT8, data: bytesSource(new Uint8Array(1_000_000)) });
      for (const externalData of ['auto', 'always'] as const) {
        const writing = writeModel(model, path.join(folder, 'm.onnx'), { externalData });
        await expect(writing).rejects.toThrow(expect.objectContaining({ code: 'IO', message: 'cannot write the model: the disk is full' }) as Error);
        expect(visible(folder)).toEqual([]);
      }
    } finally {
      execFileSync('umount', [folder]);
    }
  });
});
