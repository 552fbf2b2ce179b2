import { constants } from 'node:fs';
import { access, lstat, stat } from 'node:fs/promises';
import path from 'node:path';
import { GrowError } from '../src/index.ts';

/** Refuses an output that cannot be written or must not be replaced, before any work is done. */
export async function checkTarget(model: string, output: string, force: boolean): Promise<void> {
  const [there, old] = await Promise.all([lstat(output).catch(() => null), stat(model).catch(() => null)]);
  const target = await stat(output).catch(() => null);
  if (there?.isDirectory() || target?.isDirectory()) throw new GrowError('USAGE', 'the output is a folder', { where: output, hint: 'name a file in it' });
  if (!force && target !== null && old !== null && target.dev === old.dev && target.ino === old.ino)
    throw new GrowError('OUTPUT_EXISTS', 'the output is the input', { where: output, hint: 'choose another name, or replace it with --force' });
  if (!force && there !== null)
    throw new GrowError('OUTPUT_EXISTS', 'the output file exists already', { where: output, hint: 'choose another name, or replace it with --force' });
  const folder = path.dirname(output);
  const kind = await stat(folder).catch(() => null);
  if (kind === null || !kind.isDirectory()) throw new GrowError('IO', 'there is no such folder', { where: folder, hint: 'create the folder first' });
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new GrowError('IO', 'the folder cannot be written to', { where: folder, hint: 'write to a folder of yours', cause });
  });
}
