import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ioError } from './io-error.ts';

/** Runs `use` with a new empty folder, which is removed afterwards with everything in it. Throws GrowError IO. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'onnx-grow-')).catch((error: unknown) => {
    throw ioError(error, 'make a temporary folder', tmpdir());
  });
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
