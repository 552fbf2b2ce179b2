import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrowError } from '../errors.ts';
import { bytesSource, concatSource, rangeSource } from './byte-source.ts';
import { decodeFunction, decodeGraph, decodeOpset } from './decode-graph.ts';
import { decodeEntry } from './decode-tensor.ts';
import { type Decoding, opaquePart, spend, startDecoding } from './decoding.ts';
import { externalResolver } from './external-data.ts';
import { notOnnxReason } from './file-kinds.ts';
import { fileSource } from './file-source.ts';
import type { ByteSource, FunctionDef, Model, OpsetImport } from './ir.ts';
import { ModelField, TrainingField } from './proto-fields.ts';
import { readInt, readText, scanFields } from './wire.ts';

/**
 * Reads a model from a path or from bytes. Weights are not loaded: they stay ranges of the files, which are kept open as
 * long as the model is in use. External data is looked for in `baseFolder`, by default the model's folder, and must exist.
 *
 * Throws GrowError NOT_ONNX, TRUNCATED, INVALID_MODEL, EXTERNAL_DATA_MISSING, EXTERNAL_DATA_ESCAPES or IO.
 */
export function readModel(pathOrBytes: string | Uint8Array, options: { readonly baseFolder?: string } = {}): Model {
  if (typeof pathOrBytes !== 'string') return decodeModel(bytesSource(pathOrBytes), options.baseFolder, 'the given bytes');
  const source = openModelFile(pathOrBytes);
  return decodeModel(source, options.baseFolder ?? path.dirname(pathOrBytes), pathOrBytes);
}

function openModelFile(file: string): ByteSource {
  try {
    const kind = statSync(file);
    if (kind.isDirectory()) {
      throw new GrowError('NOT_ONNX', 'this is a folder, not an ONNX file', { where: file, hint: 'name the .onnx file in it' });
    }
    if (!kind.isFile()) throw new GrowError('NOT_ONNX', 'this is no regular file', { where: file });
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      closeSync(descriptor);
      throw new GrowError('NOT_ONNX', 'this is no regular file', { where: file });
    }
    return fileSource(descriptor, stat.size, file);
  } catch (cause) {
    if (cause instanceof GrowError) throw cause;
    const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GrowError('IO', missing ? 'there is no such file' : `cannot open the file: ${reason}`, { where: file, cause });
  }
}

function decodeModel(message: ByteSource, folder: string | undefined, where: string): Model {
  const fields = readModelFields(message, startDecoding(externalResolver(folder)), where);
  const model = { ...fields, origin: { message, decoded: {} } };
  model.origin.decoded = model;
  return model;
}

function readModelFields(message: ByteSource, decoding: Decoding, where: string): Omit<Model, 'origin'> {
  const parts = findModelParts(message, where);
  let irVersion = 0;
  let producerName = '';
  let producerVersion = '';
  const graphs: ByteSource[] = [];
  const opsetImports: OpsetImport[] = [];
  const functions: FunctionDef[] = [];
  const metadata: { key: string; value: string; origin: { message: ByteSource; decoded: object } }[] = [];
  for (const { tag, at, end } of parts) {
    const part = rangeSource(message, at, end - at);
    switch (tag) {
      case ModelField.irVersion:
        irVersion = readInt(message, at, end);
        break;
      case ModelField.producerName:
        producerName = readText(message, at, end);
        break;
      case ModelField.producerVersion:
        producerVersion = readText(message, at, end);
        break;
      case ModelField.graph:
        graphs.push(part);
        break;
      case ModelField.opsetImport:
        spend(decoding, 1);
        opsetImports.push(decodeOpset(part));
        break;
      case ModelField.functions:
        spend(decoding, 1);
        functions.push(decodeFunction(part, decoding));
        break;
      case ModelField.metadata: {
        spend(decoding, 1);
        const [key, value] = decodeEntry(part);
        const entry = { key, value, origin: { message: part, decoded: {} } };
        entry.origin.decoded = entry;
        metadata.push(entry);
        break;
      }
      case ModelField.trainingInfo:
        checkTrainingInfo(part, decoding);
        break;
    }
  }
  // A message given in several pieces means its pieces one after the other.
  const graph = decodeGraph(concatSource(graphs), decoding);
  return { irVersion, opsetImports, producerName, producerVersion, graph, functions, metadata };
}

/** The graphs for training are kept, not shown; reading them finds damage and references to missing files. */
function checkTrainingInfo(message: ByteSource, decoding: Decoding): void {
  scanFields(message, 'TrainingInfoProto', (tag, _start, at, end) => {
    if (tag === TrainingField.initialization || tag === TrainingField.algorithm) {
      decodeGraph(rangeSource(message, at, end - at), opaquePart(decoding));
    }
  });
}

interface Part {
  readonly tag: number;
  readonly at: number;
  readonly end: number;
}

const MODEL_TAGS: ReadonlySet<number> = new Set(Object.values(ModelField));
/** A model has a handful of fields besides functions, imports and metadata. */
const MOST_PARTS = 1_000_000;

/** The known fields of a ModelProto. Tells a file that is no model from a damaged one. */
function findModelParts(message: ByteSource, where: string): readonly Part[] {
  const parts: Part[] = [];
  let unknown = 0;
  let graph = false;
  let failure: unknown = null;
  try {
    scanFields(
      message,
      'ModelProto',
      (tag, _start, at, end) => {
        if (!MODEL_TAGS.has(tag)) unknown++;
        else if (parts.push({ tag, at, end }) > MOST_PARTS) throw new GrowError('INVALID_MODEL', 'too many fields', { where });
        graph ||= tag === ModelField.graph;
      },
      'TRUNCATED',
    );
  } catch (error) {
    failure = error;
  }
  if (graph && failure === null) return parts;
  const kind = notOnnxReason(message);
  if (kind !== null) throw new GrowError('NOT_ONNX', kind.reason, { where, hint: kind.hint });
  if (failure !== null && (graph || looksLikeModel(message))) throw failure;
  if (failure === null && parts.length > unknown) {
    throw new GrowError('INVALID_MODEL', 'the model has no graph', { where, hint: 'export it again' });
  }
  throw new GrowError('NOT_ONNX', 'the file does not hold an ONNX model', { where, cause: failure });
}

/** Whether the file starts as a ModelProto does: with a known field of it, small enough to be one. */
function looksLikeModel(message: ByteSource): boolean {
  const head = message.read(0, Math.min(2, message.size));
  const first = head[0] ?? 0;
  if (first === ModelField.irVersion) return (head[1] ?? 1) < 0x80;
  return MODEL_TAGS.has(first) && (first & 7) === 2;
}
