import { closeSync, constants, fstatSync, openSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrowError } from '../errors.ts';
import { rangeSource } from './byte-source.ts';
import { fileSource } from './file-source.ts';
import type { ByteSource, Tensor } from './ir.ts';

/** What a TensorProto says about elements kept in another file. */
export interface ExternalReference {
  readonly location: string | undefined;
  readonly offset: string | undefined;
  readonly length: string | undefined;
}

/** Finds the bytes of a tensor named `name` that must have `size` bytes (null: unknown). */
export type ExternalResolver = (
  name: string,
  reference: ExternalReference,
  size: number | null,
) => { readonly data: ByteSource; readonly external: NonNullable<Tensor['external']> };

/**
 * Resolves external data in `folder` (undefined: the model came from memory and has none). Each file is opened once.
 * Throws GrowError EXTERNAL_DATA_ESCAPES, EXTERNAL_DATA_MISSING, INVALID_MODEL or IO.
 *
 * A location must stay inside the folder by its text and after all symbolic links. Source of the rules:
 * https://github.com/onnx/onnx/blob/main/docs/ExternalData.md and onnxruntime 1.30, which allows `../folder/file`.
 */
export function externalResolver(folder: string | undefined): ExternalResolver {
  const opened = new Map<string, ByteSource>();
  return (name, reference, size) => {
    const where = `tensor ${JSON.stringify(name)}`;
    const location = reference.location ?? '';
    if (location === '' || location.includes('\0')) {
      throw new GrowError('INVALID_MODEL', 'external data without a usable location', { where });
    }
    if (location.includes('_ORT_MEM_ADDR_')) {
      throw new GrowError('INVALID_MODEL', 'external data that points into the memory of another process', {
        where,
        hint: 'this marker never belongs in a file: export the model again, and distrust where it came from',
      });
    }
    const file = opened.get(location) ?? openInside(folder, location, where);
    opened.set(location, file);
    const offset = wholeNumber(reference.offset, 'offset', where) ?? 0;
    const length = wholeNumber(reference.length, 'length', where) ?? Math.max(0, file.size - offset);
    if (offset + length > file.size) {
      throw new GrowError(
        'INVALID_MODEL',
        `external data ${JSON.stringify(location)} has ${file.size} bytes, the tensor needs bytes ${offset} to ${offset + length}`,
        { where, hint: 'the data file is incomplete or belongs to another model: copy it again' },
      );
    }
    if (size !== null && length !== size) {
      throw new GrowError('INVALID_MODEL', `external data ${JSON.stringify(location)} gives ${length} bytes, the shape needs ${size}`, {
        where,
        hint: 'the data file belongs to another model, or the model is damaged: export it again',
      });
    }
    return { data: rangeSource(file, offset, length), external: { location, offset, length } };
  };
}

/** A number of bytes as the file spells it, or undefined when absent. */
function wholeNumber(text: string | undefined, what: string, where: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new GrowError('INVALID_MODEL', `external data ${what} ${JSON.stringify(text)} is no number of bytes`, { where });
  }
  return value;
}

function openInside(folder: string | undefined, location: string, where: string): ByteSource {
  if (path.posix.isAbsolute(location) || path.win32.isAbsolute(location) || /^[A-Za-z]:/.test(location)) {
    throw escapes(location, 'it is an absolute path', where);
  }
  if (folder === undefined) {
    throw new GrowError('EXTERNAL_DATA_MISSING', `external data ${JSON.stringify(location)} of a model read from memory`, {
      where,
      hint: 'read the model by its path, or say in which folder its data is (baseFolder)',
    });
  }
  const base = realpathSync.native(folder);
  if (!isInside(base, path.resolve(base, location))) throw escapes(location, `it leaves the folder ${base}`, where);
  // Joined without normalising: `a/../b` must mean what it means to the operating system when `a` is a link.
  const real = realPath(`${base}${path.sep}${location}`, location, where);
  if (!isInside(base, real)) throw escapes(location, `a symbolic link leads out of the folder, to ${real}`, where);
  return openRegular(real, location, where);
}

/** The canonical path of existing external data. */
function realPath(file: string, location: string, where: string): string {
  try {
    return realpathSync.native(file);
  } catch (cause) {
    throw new GrowError('EXTERNAL_DATA_MISSING', `external data file not found: ${file}`, {
      where,
      hint: `put ${JSON.stringify(location)} beside the model, under this name`,
      cause,
    });
  }
}

function isInside(base: string, file: string): boolean {
  const relative = path.relative(base, file);
  return relative !== '' && relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

function openRegular(file: string, location: string, where: string): ByteSource {
  try {
    // Asked first, because opening a pipe or a device could wait for ever; asked again of what was really opened.
    if (!statSync(file).isFile()) throw notRegular(location, where);
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      closeSync(descriptor);
      throw notRegular(location, where);
    }
    return fileSource(descriptor, stat.size, file);
  } catch (cause) {
    if (cause instanceof GrowError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new GrowError('IO', `cannot open external data ${JSON.stringify(location)}: ${reason}`, { where, cause });
  }
}

function notRegular(location: string, where: string): GrowError {
  return new GrowError('INVALID_MODEL', `external data ${JSON.stringify(location)} is no regular file`, { where });
}

function escapes(location: string, reason: string, where: string): GrowError {
  return new GrowError('EXTERNAL_DATA_ESCAPES', `external data ${JSON.stringify(location)} is refused: ${reason}`, {
    where,
    hint: 'a model may only use files in its own folder: copy the data there and correct the location',
  });
}
