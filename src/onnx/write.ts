import path from 'node:path';
import { GrowError } from '../errors.ts';
import { bytesSource } from './byte-source.ts';
import { startContentHash } from './content-hash.ts';
import { encodeModelMessage } from './encode.ts';
import { ioError } from './io-error.ts';
import type { ByteSource, Model } from './ir.ts';
import { createNew, outputExists, publish, removeIfThere, statOrNull, sweepStale, syncFolder, temporaryName } from './output-files.ts';
import { type ExternalDataMode, type Placement, placeTensors } from './place-tensors.ts';
import { piecesSize } from './rewrite-fields.ts';
import { checkMessageSize } from './serialize.ts';
import { dataFileName, removeOrphans, removeUnused, usedDataFiles } from './stale-data.ts';
import { streamPieces } from './stream.ts';

/** How to write a model. */
export interface WriteOptions {
  /**
   * `auto` leaves weights where they were, or moves them to a data file when the model would not fit below 2 GB;
   * `always` moves all initializers of 1 KiB and more there; `never` puts everything into the model.
   */
  readonly externalData: ExternalDataMode;
  /** Replace what is at the target. */
  readonly force?: boolean;
  /** Called as bytes are written. */
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Called with the path of the complete model under a temporary name in the target's folder, its data file in place.
   * If it throws, the target is left as it was and nothing else is left behind.
   */
  readonly beforeRename?: (temporaryModel: string) => Promise<void>;
  /** Stops writing; everything temporary is removed and the signal's reason thrown. */
  readonly signal?: AbortSignal;
}

/** What was written. `bytes` counts model and data file; `externalData` is the data file's name beside the model. */
export interface Written {
  readonly bytes: number;
  readonly externalData: string | null;
}

/**
 * Writes a model to `target`: completely, or not at all. Weights are streamed; memory does not grow with the model.
 * The model appears under its name last, after its data file and after `beforeRename`.
 *
 * Throws GrowError OUTPUT_EXISTS or IO, and what `beforeRename` and reading the weights throw.
 */
export async function writeModel(model: Model, target: string, options: WriteOptions): Promise<Written> {
  const cleanup: string[] = [];
  try {
    await checkTarget(target, options.force ?? false);
    const written = await writeAll(model, target, options, cleanup);
    return written;
  } catch (error) {
    for (const file of cleanup) await removeIfThere(file).catch(() => {});
    throw ioError(error, 'write the model', target);
  }
}

async function checkTarget(target: string, force: boolean): Promise<void> {
  const there = await statOrNull(target);
  if (there?.isDirectory()) throw new GrowError('IO', 'the output is a folder', { where: target, hint: 'name a file in it' });
  if (there !== null && !force) throw outputExists(target);
}

async function writeAll(model: Model, target: string, options: WriteOptions, cleanup: string[]): Promise<Written> {
  const folder = path.dirname(target);
  await sweepStale(target);
  const placement = placeTensors(model, options.externalData);
  const size = checkedSize(placement, target);
  const progress = progressOf(size + placement.dataSize, options);
  const data = placement.data.length === 0 ? null : await writeData(placement, target, options, progress, cleanup);
  const temporary = temporaryName(target);
  const pieces = encodeModelMessage(placement.model(data ?? ''));
  await writeFile(temporary, pieces, options, (chunk) => progress(chunk.length), cleanup);
  await syncFolder(folder);
  await options.beforeRename?.(temporary);
  options.signal?.throwIfAborted();
  const replaced = (await statOrNull(target)) === null ? [] : usedDataFiles(target);
  await publish(temporary, target, options.force ?? false);
  // From here on the new model stands: its files are no longer temporary, and nothing below may fail it.
  cleanup.length = 0;
  await syncFolder(folder);
  await removeUnused(
    target,
    replaced.filter((name) => name !== data),
  ).catch(() => {});
  await removeOrphans(target).catch(() => {});
  return { bytes: size + placement.dataSize, externalData: data };
}

/** Size of the model message, known before anything is written: the data file's name always has the same length. */
function checkedSize(placement: Placement, target: string): number {
  const pieces = encodeModelMessage(placement.model(dataFileName(target, '0'.repeat(16))));
  checkMessageSize(pieces);
  return piecesSize(pieces);
}

function progressOf(total: number, options: WriteOptions): (count: number) => void {
  let done = 0;
  return (count) => {
    done += count;
    options.onProgress?.(done, total);
  };
}

/** Writes the data file under a temporary name, then gives it the name of its content. Returns that name. */
async function writeData(placement: Placement, target: string, options: WriteOptions, progress: (count: number) => void, cleanup: string[]): Promise<string> {
  const temporary = temporaryName(target);
  const hash = startContentHash();
  const onChunk = (chunk: Uint8Array): void => {
    hash.add(chunk);
    progress(chunk.length);
  };
  await writeFile(temporary, padded(placement), options, onChunk, cleanup);
  const name = dataFileName(target, hash.digest());
  const file = path.join(path.dirname(target), name);
  // Under this name there can only be the same content. If it was there before, another model may use it: it stays.
  if ((await statOrNull(file)) === null) cleanup.push(file);
  await publish(temporary, file, true);
  return name;
}

/** The sources of the data file with zeros in the gaps between them. */
function* padded(placement: Placement): Generator<ByteSource> {
  let end = 0;
  for (const { source, at } of placement.data) {
    if (at > end) yield bytesSource(new Uint8Array(at - end));
    yield source;
    end = at + source.size;
  }
}

async function writeFile(
  file: string,
  pieces: Iterable<ByteSource>,
  options: WriteOptions,
  onChunk: (chunk: Uint8Array) => void,
  cleanup: string[],
): Promise<void> {
  const handle = await createNew(file);
  cleanup.push(file);
  try {
    await streamPieces(handle, pieces, { onChunk, signal: options.signal });
  } finally {
    await handle.close();
  }
}
