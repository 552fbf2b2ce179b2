import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { mapTensors } from '../../src/onnx/map-tensors.ts';
import { printModel } from '../../src/onnx/print.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { validateModel } from '../../src/onnx/validate.ts';
import { ODD_MODELS } from '../support/odd-models.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { touchedCopy } from '../support/touched-copy.ts';
import { addGraph, floats, group, int, join, modelBytes, msg, varintBytes, varints } from '../support/wire-bytes.ts';

const PLAIN = modelBytes(addGraph());

/** The code of the error that reading throws; 'ok' for a model. Anything but a GrowError fails the test. */
function outcome(input: string | Uint8Array): string {
  try {
    exercise(readModel(input), input);
    return 'ok';
  } catch (error) {
    if (error instanceof GrowError) return error.code;
    throw error;
  }
}

/** Whatever can be read can also be printed, checked, loaded, kept and rewritten. */
function exercise(model: Model, input: string | Uint8Array): void {
  validateModel(model);
  printModel(model);
  mapTensors(model, (tensor) => {
    tensor.data.read(0, tensor.data.size);
    return tensor;
  });
  if (typeof input !== 'string') expect(Buffer.compare(encodeModel(model), input)).toBe(0);
  encodeModel(touchedCopy(model));
}

describe('what is no model', () => {
  test.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'NOT_ONNX'],
    ['text', Buffer.from('Hello, this is no model.\n'), 'NOT_ONNX'],
    ['JSON', Buffer.from('{"graph": {}}'), 'NOT_ONNX'],
    ['safetensors', join(Uint8Array.of(64, 0, 0, 0, 0, 0, 0, 0), '{"weight":{"dtype":"F32"}}'), 'NOT_ONNX'],
    ['a zip archive', join('PK', Uint8Array.of(3, 4, 20, 0, 0, 0)), 'NOT_ONNX'],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'), 'NOT_ONNX'],
    ['zeros', new Uint8Array(100), 'NOT_ONNX'],
    ['only unknown fields', int(100, 1), 'NOT_ONNX'],
    ['a model without a graph', join(int(1, 8), msg(2, 'p')), 'INVALID_MODEL'],
    ['a model that ends early', PLAIN.subarray(0, 20), 'TRUNCATED'],
  ])('%s', (_name, bytes, code) => {
    expect(outcome(bytes)).toBe(code);
    const file = path.join(temporaryFolder(), 'x.onnx');
    writeFileSync(file, bytes);
    expect(outcome(file)).toBe(code);
  });

  test('a folder, a missing file', () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'x.onnx'));
    expect(outcome(path.join(folder, 'x.onnx'))).toBe('NOT_ONNX');
    expect(outcome(path.join(folder, 'y.onnx'))).toBe('IO');
    expect(outcome('/dev/zero')).toBe('NOT_ONNX');
  });
});

describe('what a hostile file claims', () => {
  const weight = (...parts: readonly Uint8Array[]): Uint8Array => modelBytes(addGraph(msg(5, ...parts)));
  const nested = (depth: number): Uint8Array => {
    let graph: Uint8Array = msg(2, 'g');
    for (let level = 1; level < depth; level++) graph = msg(1, msg(4, 'If'), msg(5, msg(1, 'then_branch'), msg(6, graph), int(20, 5)));
    return join(int(1, 8), msg(7, graph));
  };
  const nestedGroups = (depth: number): Uint8Array => {
    let body: Uint8Array = int(1, 1);
    for (let level = 0; level < depth; level++) body = group(5, body);
    return body;
  };

  test.each<[string, Uint8Array, string]>([
    ['a shape of 10^12 without data', weight(int(1, 1e6), int(1, 1e6), int(2, 1)), 'INVALID_MODEL'],
    ['a shape whose product overflows', weight(int(1, 2n ** 62n), int(1, 2n ** 62n), int(2, 1), msg(9, floats([1]))), 'INVALID_MODEL'],
    ['a product that overflows to 0 in 64 bits', weight(int(1, 2n ** 32n), int(1, 2n ** 32n), int(2, 1)), 'INVALID_MODEL'],
    ['a huge empty shape', weight(int(1, 0), int(1, 2n ** 62n), int(2, 1)), 'ok'],
    ['a negative dimension', weight(int(1, -1), int(2, 1), msg(9)), 'INVALID_MODEL'],
    ['too little data', weight(int(1, 2), int(2, 1), msg(9, floats([1]))), 'INVALID_MODEL'],
    ['too much data', weight(int(1, 1), int(2, 1), msg(9, floats([1, 2]))), 'INVALID_MODEL'],
    ['data of a torn element', weight(int(1, 1), int(2, 1), msg(4, Uint8Array.of(1, 2, 3))), 'INVALID_MODEL'],
    ['data in the wrong field', weight(int(1, 1), int(2, 1), int(5, 1)), 'INVALID_MODEL'],
    ['three int4 in two bytes', weight(int(1, 3), int(2, 22), msg(9, Uint8Array.of(0x21, 0x03))), 'ok'],
    ['three int4 in one byte', weight(int(1, 3), int(2, 22), msg(9, Uint8Array.of(0x21))), 'INVALID_MODEL'],
    ['too few strings', weight(int(1, 3), int(2, 8), msg(6, 'a')), 'INVALID_MODEL'],
    ['a type that we do not know', weight(int(1, 3), int(2, 99), msg(9, Uint8Array.of(1))), 'ok'],
    ['a tensor in segments', weight(int(1, 0), int(2, 1), msg(3, int(1, 0))), 'INVALID_MODEL'],
    ['packed numbers that are cut off', weight(int(1, 1), int(2, 7), msg(7, Uint8Array.of(0x80))), 'INVALID_MODEL'],
    ['a varint of eleven bytes', weight(int(1, 1), int(2, 7), msg(7, Uint8Array.of(...Array<number>(10).fill(0x80), 1))), 'INVALID_MODEL'],
    ['10-byte varints', weight(int(1, 2, 10), int(2, 7, 10), msg(7, varints([-1, -1]))), 'ok'],
    ['a hundred thousand dimensions', weight(msg(1, new Uint8Array(100_000).fill(1)), int(2, 1)), 'INVALID_MODEL'],
    ['graphs nested 100 deep', nested(100), 'ok'],
    ['graphs nested 101 deep', nested(101), 'INVALID_MODEL'],
    ['graphs nested 3000 deep', nested(3000), 'INVALID_MODEL'],
    ['groups nested 100 deep', modelBytes(addGraph(nestedGroups(100))), 'ok'],
    ['groups nested 5000 deep', modelBytes(addGraph(nestedGroups(5000))), 'INVALID_MODEL'],
    ['a group that is not closed', modelBytes(addGraph(varintBytes(5 * 8 + 3))), 'INVALID_MODEL'],
    ['a name of 20 MB', modelBytes([msg(1, msg(3, new Uint8Array(2e7)))]), 'INVALID_MODEL'],
    ['a compiled program of 20 MB in an attribute', modelBytes([msg(1, msg(5, msg(1, 'a'), msg(4, new Uint8Array(2e7).fill(255)), int(20, 3)))]), 'ok'],
    ['a field number 0', modelBytes(addGraph(Uint8Array.of(0, 0))), 'INVALID_MODEL'],
    ['wire type 7', modelBytes(addGraph(Uint8Array.of(0x0f))), 'INVALID_MODEL'],
  ])('%s', (_name, bytes, code) => {
    expect(outcome(bytes)).toBe(code);
  });

  test('millions of empty nodes end in an error, not in a full memory', () => {
    const node = Uint8Array.of(0x0a, 0);
    const graph = new Uint8Array(6e6);
    for (let at = 0; at < graph.length; at += 2) graph.set(node, at);
    expect(outcome(join(int(1, 8), msg(7, graph)))).toBe('INVALID_MODEL');
  });
});

describe('damage', () => {
  test.each(Object.entries(ODD_MODELS))('a file cut at any byte is an error or a model: %s', (_name, bytes) => {
    for (let length = 0; length < bytes.length; length++) outcome(bytes.subarray(0, length));
  });

  test('any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void outcome(bytes)),
      { numRuns: 1000 },
    );
  });

  test('any changed bytes in a model', () => {
    const base = Object.values(ODD_MODELS);
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.constantFrom(...base), fc.array(change, { minLength: 1, maxLength: 4 }), (bytes, changes) => {
        const damaged = Uint8Array.from(bytes);
        for (const { at, byte } of changes) damaged[at % damaged.length] = byte;
        outcome(damaged);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('any message', () => {
  const fieldNumber = fc.oneof(fc.integer({ min: 1, max: 26 }), fc.integer({ min: 1, max: 2 ** 29 - 1 }));
  const scalar = fc.oneof(
    fc
      .tuple(fieldNumber, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer({ min: 0, max: 10 }))
      .map(([field, value, length]) => int(field, value, length)),
    fc.tuple(fieldNumber, fc.uint8Array({ maxLength: 20 })).map(([field, bytes]) => msg(field, bytes)),
    fc.tuple(fieldNumber, fc.string()).map(([field, text]) => msg(field, text)),
  );
  const { message } = fc.letrec<{ message: Uint8Array }>((tie) => ({
    message: fc
      .array(
        fc.oneof(
          { maxDepth: 6, withCrossShrink: true },
          scalar,
          fc.tuple(fieldNumber, tie('message')).map(([field, body]) => msg(field, body)),
        ),
        { maxLength: 6 },
      )
      .map((parts) => join(...parts)),
  }));

  test('is kept byte for byte in any place', () => {
    let models = 0;
    fc.assert(
      fc.property(message, message, message, (graph, node, model) => {
        const bytes = modelBytes(addGraph(graph, msg(1, node)), model);
        if (outcome(bytes) === 'ok') models++;
      }),
      { numRuns: 2000 },
    );
    expect(models).toBeGreaterThan(100);
  });
});
