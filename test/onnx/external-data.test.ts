import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { GrowError } from '../../src/errors.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers } from '../../src/onnx/tensor.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { floats, int, join, modelBytes, msg } from '../support/wire-bytes.ts';

const entry = (key: string, value: string): Uint8Array => msg(13, msg(1, key), msg(2, value));

/** A model with a weight of four float32 in another file. */
function externalModel(location: string, ...entries: readonly Uint8Array[]): Uint8Array {
  const weight = msg(5, int(1, 4), int(2, 1), msg(8, 'w'), entry('location', location), ...entries, int(14, 1));
  return modelBytes([msg(2, 'g'), weight]);
}

/** A folder `model/` with data files of 16 bytes, and one beside it that no model may read. */
function folders(): { readonly root: string; readonly folder: string } {
  const root = temporaryFolder();
  const folder = path.join(root, 'model');
  mkdirSync(path.join(folder, 'sub'), { recursive: true });
  mkdirSync(path.join(root, 'secret'));
  for (const file of ['model/w.data', 'model/sub/w.data', 'secret/w.data']) writeFileSync(path.join(root, file), floats([1, 2, 3, 4]));
  return { root, folder };
}

function outcome(folder: string, bytes: Uint8Array): string {
  const file = path.join(folder, 'm.onnx');
  writeFileSync(file, bytes);
  try {
    const [weight] = readModel(file).graph.initializers;
    return weight === undefined ? 'none' : readNumbers(weight).join(' ');
  } catch (error) {
    if (error instanceof GrowError) return error.code;
    throw error;
  }
}

describe('where external data may be', () => {
  test.each([
    ['w.data', '1 2 3 4'],
    ['./w.data', '1 2 3 4'],
    ['sub/w.data', '1 2 3 4'],
    ['sub/../w.data', '1 2 3 4'],
    ['../model/w.data', '1 2 3 4'],
    ['missing.data', 'EXTERNAL_DATA_MISSING'],
    ['../secret/w.data', 'EXTERNAL_DATA_ESCAPES'],
    ['sub/../../secret/w.data', 'EXTERNAL_DATA_ESCAPES'],
    ['../missing.data', 'EXTERNAL_DATA_ESCAPES'],
    ['../model-other/w.data', 'EXTERNAL_DATA_ESCAPES'],
    ['..', 'EXTERNAL_DATA_ESCAPES'],
    ['/etc/hostname', 'EXTERNAL_DATA_ESCAPES'],
    ['C:\\w.data', 'EXTERNAL_DATA_ESCAPES'],
    ['\\\\server\\w.data', 'EXTERNAL_DATA_ESCAPES'],
    ['', 'INVALID_MODEL'],
    ['sub', 'INVALID_MODEL'],
    ['w.data\0.txt', 'INVALID_MODEL'],
    ['*/_ORT_MEM_ADDR_/*', 'INVALID_MODEL'],
  ])('%j is %s', (location, expected) => {
    expect(outcome(folders().folder, externalModel(location))).toBe(expected);
  });

  test('a link inside the folder is followed, one that leaves it is not, wherever it is in the path', () => {
    const { root, folder } = folders();
    symlinkSync('w.data', path.join(folder, 'inside'));
    symlinkSync('../secret/w.data', path.join(folder, 'file-link'));
    symlinkSync(path.join(root, 'secret'), path.join(folder, 'folder-link'));
    symlinkSync('file-link', path.join(folder, 'link-to-link'));
    symlinkSync('loop', path.join(folder, 'loop'));
    expect(outcome(folder, externalModel('inside'))).toBe('1 2 3 4');
    for (const location of ['file-link', 'folder-link/w.data', 'link-to-link', 'folder-link/../secret/w.data']) {
      expect(outcome(folder, externalModel(location)), location).toBe('EXTERNAL_DATA_ESCAPES');
    }
    expect(outcome(folder, externalModel('loop'))).toBe('EXTERNAL_DATA_MISSING');
  });

  test('what the text says stays inside may mean another place to the system: that place counts', () => {
    const { root, folder } = folders();
    mkdirSync(path.join(root, 'secret', 'deep'));
    symlinkSync('../secret/deep', path.join(folder, 'jump'));
    // By its text this is model/w.data; to the system it is secret/w.data.
    expect(outcome(folder, externalModel('jump/../w.data'))).toBe('EXTERNAL_DATA_ESCAPES');
  });

  test('hard links and a linked model folder are allowed, as in onnxruntime', () => {
    const { root, folder } = folders();
    linkSync(path.join(root, 'secret/w.data'), path.join(folder, 'hard'));
    symlinkSync('model', path.join(root, 'linked'));
    expect(outcome(folder, externalModel('hard'))).toBe('1 2 3 4');
    expect(outcome(path.join(root, 'linked'), externalModel('w.data'))).toBe('1 2 3 4');
  });

  test('a pipe is refused and not waited for', () => {
    const { folder } = folders();
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    expect(outcome(folder, externalModel('pipe'))).toBe('INVALID_MODEL');
  });

  test('a model from memory says that it needs a folder', () => {
    const { folder } = folders();
    expect(() => readModel(externalModel('w.data'))).toThrow(expect.objectContaining({ code: 'EXTERNAL_DATA_MISSING' }) as Error);
    expect(readModel(externalModel('w.data'), { baseFolder: folder }).graph.initializers).toHaveLength(1);
  });
});

describe('which bytes external data is', () => {
  test.each<[string, readonly Uint8Array[], string]>([
    ['offset and length', [entry('offset', '0'), entry('length', '16')], '1 2 3 4'],
    ['an odd offset with a length that does not fit', [entry('offset', '3'), entry('length', '13')], 'INVALID_MODEL'],
    ['the rest of the file is too short', [entry('offset', '4')], 'INVALID_MODEL'],
    ['a length beyond the end', [entry('offset', '4'), entry('length', '16')], 'INVALID_MODEL'],
    ['an offset beyond the end', [entry('offset', '17')], 'INVALID_MODEL'],
    ['a length other than the shape needs', [entry('length', '12')], 'INVALID_MODEL'],
    ['a negative offset', [entry('offset', '-4')], 'INVALID_MODEL'],
    ['no number', [entry('offset', '0x0')], 'INVALID_MODEL'],
    ['an empty number', [entry('offset', '')], 'INVALID_MODEL'],
    ['a number beyond 2^53', [entry('offset', '9'.repeat(30))], 'INVALID_MODEL'],
    ['a checksum and a key we do not know', [entry('checksum', 'x'), entry('__proto__', '1')], '1 2 3 4'],
  ])('%s', (_name, entries, expected) => {
    expect(outcome(folders().folder, externalModel('w.data', ...entries))).toBe(expected);
  });

  test('of a sparse tensor, which is only carried along, is refused', () => {
    const { folder } = folders();
    const values = msg(1, int(1, 4), int(2, 1), entry('location', 'w.data'), int(14, 1));
    expect(outcome(folder, modelBytes([msg(15, values)]))).toBe('INVALID_MODEL');
  });

  test('errors name the tensor, the file, what was needed and what there is', () => {
    const { folder } = folders();
    const file = path.join(folder, 'm.onnx');
    writeFileSync(file, externalModel('w.data', entry('offset', '8')));
    expect(() => readModel(file)).toThrow(
      expect.objectContaining({ where: 'tensor "w"', message: 'external data "w.data" gives 8 bytes, the shape needs 16' }) as Error,
    );
    writeFileSync(file, join(externalModel('gone.data')));
    expect(() => readModel(file)).toThrow(expect.objectContaining({ message: `external data file not found: ${path.join(folder, 'gone.data')}` }) as Error);
  });
});
