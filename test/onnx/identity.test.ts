import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { ODD_MODELS } from '../support/odd-models.ts';
import { oracle } from '../support/oracle.ts';
import { realModels } from '../support/real-models.ts';
import { temporaryFolder } from '../support/temp-folder.ts';
import { forgetful, meaning, touchedCopy } from '../support/touched-copy.ts';

const ODD = Object.entries(ODD_MODELS);
// These need origins: what is not understood cannot be made anew.
const FORGETTABLE = ODD.filter(([name]) => !/sparse|without a type/.test(name));

describe('write(read(file)) is the file', () => {
  test.each(ODD)('%s', (_name, bytes) => {
    expect(encodeModel(readModel(bytes))).toEqual(bytes);
  });

  test.each(realModels().map((file) => [path.basename(file), file]))('%s', async (name, file) => {
    const bytes = readFileSync(file);
    const model = readModel(file);
    expect(Buffer.compare(encodeModel(model), bytes)).toBe(0);
    const target = path.join(temporaryFolder(), name);
    await writeModel(model, target, { externalData: 'auto' });
    expect(Buffer.compare(readFileSync(target), bytes)).toBe(0);
  });
});

describe('a copy without a difference means the same', () => {
  test.each(ODD)('%s', (_name, bytes) => {
    const model = readModel(bytes);
    expect(meaning(readModel(encodeModel(touchedCopy(model))))).toBe(meaning(model));
  });

  test.each(realModels().map((file) => [path.basename(file), file]))('%s: and is the same bytes', (_name, file) => {
    expect(Buffer.compare(encodeModel(touchedCopy(readModel(file))), readFileSync(file))).toBe(0);
  });
});

describe('a model written anew means the same', () => {
  test.each(FORGETTABLE)('%s', (_name, bytes) => {
    const model = readModel(bytes);
    expect(meaning(readModel(encodeModel(forgetful(model))))).toBe(meaning(model));
  });

  test.each(realModels().map((file) => [path.basename(file), file]))('%s: to onnx-proto too', (_name, file) => {
    const model = readModel(file);
    const bytes = encodeModel(forgetful(model));
    expect(meaning(readModel(bytes)) === meaning(model)).toBe(true);
    const was = oracle(readFileSync(file)).graph;
    const now = oracle(bytes).graph;
    expect(now?.node?.map((node) => [node.opType, node.input, node.output, node.attribute?.length])).toEqual(
      was?.node?.map((node) => [node.opType, node.input, node.output, node.attribute?.length]),
    );
    expect(now?.initializer?.map((tensor) => [tensor.name, tensor.dataType, String(tensor.dims)])).toEqual(
      was?.initializer?.map((tensor) => [tensor.name, tensor.dataType, String(tensor.dims)]),
    );
  });
});
