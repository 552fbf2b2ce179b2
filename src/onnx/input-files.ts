/** Inputs of a model as users keep them: a .npz archive, or a folder of .npy files or of tensors as protocol buffers. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { GrowError } from '../errors.ts';
import { bytesSource } from './byte-source.ts';
import { decodeTensor } from './decode-tensor.ts';
import { externalResolver } from './external-data.ts';
import { ioError } from './io-error.ts';
import type { Tensor } from './ir.ts';
import { readNpy } from './npy.ts';
import { readZip } from './zip.ts';

/** Larger files hold no inputs that a comparison would finish on. Bytes. */
const LARGEST = 2 ** 31 - 1;

/**
 * Arrays by name: the names in a .npz archive, the names of .npy files, the names inside .pb files (`input_0.pb` without a name
 * inside is called `#0`: the model's first input). Throws GrowError INVALID_INPUTS or IO.
 */
export function readInputFiles(place: string): ReadonlyMap<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const put = (tensor: Tensor, where: string): void => {
    if (tensors.has(tensor.name)) throw new GrowError('INVALID_INPUTS', `${tensor.name} is given twice`, { where });
    tensors.set(tensor.name, tensor);
  };
  if (!isFolder(place)) {
    for (const [file, bytes] of readZip(load(place), place)) put(readNpy(file.replace(/\.npy$/, ''), bytes, `${place}: ${file}`), place);
  } else {
    for (const file of readdirSync(place).sort()) {
      const where = path.join(place, file);
      if (file.endsWith('.npy')) put(readNpy(file.slice(0, -4), load(where), where), where);
      else if (file.endsWith('.pb') && !file.startsWith('output')) put(readTensor(load(where), file, place), where);
    }
  }
  if (tensors.size === 0)
    throw new GrowError('INVALID_INPUTS', 'there are no inputs', { where: place, hint: 'an archive (.npz), or a folder of .npy or .pb files' });
  return tensors;
}

function isFolder(place: string): boolean {
  try {
    return statSync(place).isDirectory();
  } catch (cause) {
    throw ioError(cause, 'read the inputs', place);
  }
}

function load(file: string): Uint8Array {
  try {
    const stat = statSync(file);
    if (!stat.isFile() || stat.size > LARGEST) throw new GrowError('INVALID_INPUTS', 'this is no regular file below 2 GB', { where: file });
    return readFileSync(file);
  } catch (cause) {
    throw ioError(cause, 'read the inputs', file);
  }
}

function readTensor(bytes: Uint8Array, file: string, folder: string): Tensor {
  try {
    const tensor = decodeTensor(bytesSource(bytes), externalResolver(folder));
    return tensor.name === '' ? { ...tensor, name: `#${/(\d+)\.pb$/.exec(file)?.[1] ?? ''}` } : tensor;
  } catch (cause) {
    if (!(cause instanceof GrowError)) throw cause;
    throw new GrowError('INVALID_INPUTS', `this is no tensor: ${cause.message}`, { where: path.join(folder, file), cause });
  }
}
