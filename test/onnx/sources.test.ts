import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesSource, concatSource, rangeSource, readInto } from '../../src/onnx/byte-source.ts';
import { fileSource } from '../../src/onnx/file-source.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { placeTensors } from '../../src/onnx/place-tensors.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { decodeText, encodeText } from '../../src/onnx/text.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { addGraph, floats, int, join, modelBytes, msg, varintBytes, varints } from '../support/wire-bytes.ts';

const GB = 2 ** 30;

describe('byte sources', () => {
  test('ranges and concatenations read what the bytes are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 10 }), { maxLength: 8 }), fc.nat(), fc.nat(), fc.nat(), fc.nat(), (parts, a, b, c, d) => {
        const bytes = Uint8Array.from(Buffer.concat(parts));
        const at = a % (bytes.length + 1);
        const size = b % (bytes.length - at + 1);
        const range = rangeSource(concatSource(parts.map(bytesSource)), at, size);
        const from = c % (size + 1);
        const inner = rangeSource(range, from, d % (size - from + 1));
        const expected = bytes.subarray(at + from, at + from + inner.size);
        expect(Uint8Array.from(inner.read(0, inner.size))).toEqual(Uint8Array.from(expected));
        const target = new Uint8Array(inner.size);
        readInto(inner, 0, target);
        expect(target).toEqual(Uint8Array.from(expected));
      }),
    );
  });

  test('a read outside is a bug, not an empty answer', () => {
    expect(() => bytesSource(new Uint8Array(4)).read(2, 3)).toThrow('bug in onnx-grow');
    expect(() => rangeSource(bytesSource(new Uint8Array(4)), 3, 2)).toThrow('bug in onnx-grow');
  });

  test('files: small reads, large reads, and positions beyond 2 and 4 GiB', () => {
    const file = path.join(temporaryFolder(), 'sparse');
    const descriptor = openSync(file, 'w+');
    const marks = [0, 100_000, 2 * GB - 2, 4 * GB - 1, 5 * GB];
    ftruncateSync(descriptor, 5 * GB + 10);
    for (const mark of marks) writeSync(descriptor, Buffer.from('mark'), 0, 4, mark);
    const source = fileSource(descriptor, 5 * GB + 10, file);
    for (const mark of marks) {
      expect(Buffer.from(source.read(mark, 4)).toString()).toBe('mark');
      expect(Buffer.from(source.read(mark, Math.min(200_000, source.size - mark))).toString('latin1', 0, 4)).toBe('mark');
    }
    ftruncateSync(descriptor, 10);
    expect(() => source.read(3 * GB, 4)).toThrow('the file got shorter');
  });
});

describe('large models', () => {
  test('a model file of 2 GB is read without loading it', () => {
    const file = path.join(temporaryFolder(), 'm.onnx');
    const size = 1_900_000_000;
    const head = join(int(1, size), int(2, 2), msg(8, 'large'), varintBytes(9 * 8 + 2), varintBytes(size));
    const before = join(varintBytes(5 * 8 + 2), varintBytes(head.length + size), head);
    const after = join(...addGraph());
    const start = join(int(1, 8), varintBytes(7 * 8 + 2), varintBytes(before.length + size + after.length), before);
    const descriptor = openSync(file, 'w');
    writeSync(descriptor, start, 0, start.length, 0);
    writeSync(descriptor, Buffer.from('end'), 0, 3, start.length + size - 3);
    writeSync(descriptor, after, 0, after.length, start.length + size);
    closeSync(descriptor);
    const used = process.memoryUsage().rss;
    const [large, small] = readModel(file).graph.initializers;
    expect(Buffer.from(large?.data.read(size - 3, 3) ?? []).toString()).toBe('end');
    expect(small?.name).toBe('w');
    expect(process.memoryUsage().rss - used).toBeLessThan(100_000_000);
  });

  test('auto moves weights out above 1.9 GB, without reading them to decide', () => {
    const unread = (size: number) => ({ size, read: (): Uint8Array => expect.unreachable('a weight was read') });
    const base = readModel(modelBytes(addGraph()));
    const weight = (name: string, size: number) => ({ name, dataType: DataType.UINT8, dims: [size], data: unread(size) });
    const model = { ...base, graph: { ...base.graph, initializers: [...base.graph.initializers, weight('a', GB), weight('b', GB), weight('s', 8)] } };
    const placement = placeTensors(model, 'auto');
    expect(placement.data.map(({ at, source }) => [at, source.size])).toEqual([
      [0, GB],
      [GB, GB],
    ]);
    expect(placement.model('x.data').graph.initializers.map((tensor) => tensor.external?.offset)).toEqual([undefined, 0, GB, undefined]);
    const smaller = { ...model, graph: { ...model.graph, initializers: [weight('a', GB)] } };
    expect(placeTensors(smaller, 'auto').data).toEqual([]);
    // Constants in nodes follow only when nothing else helps.
    const constant = {
      opType: 'Constant',
      domain: '',
      name: '',
      inputs: [],
      outputs: ['c'],
      attributes: [{ name: 'value', kind: 'tensor', value: weight('', 2 * GB) } as const],
    };
    expect(placeTensors({ ...smaller, graph: { ...smaller.graph, nodes: [constant] } }, 'auto').data).toHaveLength(2);
  });

  test('one content that several tensors share is stored once', async () => {
    const data = bytesSource(floats(Array.from({ length: 1000 }, (_, index) => index)));
    const base = readModel(modelBytes(addGraph()));
    const shared = (name: string) => ({ name, dataType: DataType.FLOAT, dims: [1000], data });
    const target = path.join(temporaryFolder(), 'm.onnx');
    const model = { ...base, graph: { ...base.graph, initializers: [shared('a'), shared('b')] } };
    await writeModel(model, target, { externalData: 'always' });
    expect(readModel(target).graph.initializers.map((tensor) => [tensor.name, tensor.external?.offset])).toEqual([
      ['a', 0],
      ['b', 0],
    ]);
  });

  test('typed data of many numbers is decoded where it is read', () => {
    const values = Array.from({ length: 50_000 }, (_, index) => (index % 3 === 0 ? -index : index));
    const bytes = modelBytes([
      msg(5, int(1, 50_000), int(2, 6), msg(5, varints(values.slice(0, 40_000))), ...values.slice(40_000).map((value) => int(5, value))),
    ]);
    const [tensor] = readModel(bytes).graph.initializers;
    const expected = new Uint8Array(Int32Array.from(values).buffer);
    for (const [at, length] of [
      [0, 200_000],
      [65_534, 5],
      [130_000, 70_000],
      [199_999, 1],
    ] as const) {
      expect(Buffer.compare(tensor?.data.read(at, length) ?? new Uint8Array(0), expected.subarray(at, at + length))).toBe(0);
    }
    expect(Buffer.compare(encodeModel(readModel(bytes)), bytes)).toBe(0);
  });

  test('a file larger than is loaded at once is written back byte for byte', async () => {
    const folder = temporaryFolder();
    const noise = Uint8Array.from({ length: 20_000_000 }, (_, index) => (index * 2654435761) >>> 24);
    const bytes = modelBytes(addGraph(msg(5, int(1, noise.length), int(2, 2), msg(8, 'noise'), msg(9, noise)), msg(99, 'end')));
    writeFileSync(path.join(folder, 'm.onnx'), bytes);
    const model = readModel(path.join(folder, 'm.onnx'));
    await writeModel(model, path.join(folder, 'n.onnx'), { externalData: 'auto' });
    expect(Buffer.compare(encodeModel(readModel(path.join(folder, 'n.onnx'))), bytes)).toBe(0);
  });
});

describe('text', () => {
  test('any bytes come back from text, different bytes are different texts', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(Uint8Array.from(encodeText(decodeText(a)))).toEqual(a);
        expect(decodeText(a) === decodeText(b)).toBe(Buffer.compare(a, b) === 0);
      }),
    );
    for (const bytes of [
      [0xed, 0xb2, 0x80],
      [0xef, 0xbf, 0xbd],
      [0xef, 0xbb, 0xbf, 0x41],
      [0xc0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
    ]) {
      expect([...encodeText(decodeText(Uint8Array.from(bytes)))]).toEqual(bytes);
    }
  });
});
