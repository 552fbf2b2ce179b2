import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { GrowError } from '../errors.ts';

/** What runs left that were killed is swept when it is this old. Milliseconds. */
export const STALE = 60 * 60 * 1000;

/** A name for a temporary file that no other run has: `.<name>.<process>.<random>.tmp` in the same folder. */
export function temporaryName(target: string): string {
  const name = `.${path.basename(target)}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`;
  return path.join(path.dirname(target), name);
}

/** Creates a new file; never opens one that exists nor follows a link. */
export function createNew(file: string): Promise<FileHandle> {
  return open(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o666);
}

/** What stands at a path, links not followed; null when nothing does. */
export async function statOrNull(file: string): Promise<Stats | null> {
  try {
    return await lstat(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Gives a finished file its final name. Without `force` it fails when something has that name by now. */
export async function publish(from: string, to: string, force: boolean): Promise<void> {
  if (!force) {
    try {
      await link(from, to);
      await unlink(from);
      return;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) throw outputExists(to);
      // File systems without hard links: a rename is the next best.
      if ((await statOrNull(to)) !== null) throw outputExists(to);
    }
  }
  await rename(from, to);
}

/** The error of a target that is already there. */
export function outputExists(target: string): GrowError {
  return new GrowError('OUTPUT_EXISTS', 'the output file exists already', {
    where: target,
    hint: 'choose another name, or replace it with --force',
  });
}

/** Makes sure that the names in a folder survive a power cut, where the system can do that. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows and some network file systems cannot sync folders; the files themselves are synced.
  }
}

/** Removes a file if it is there. */
export async function removeIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** The process that a temporary file for this target belongs to; null for any other name. */
export function ownerOf(target: string, name: string): number | null {
  const start = `.${path.basename(target)}.`;
  const owner = name.startsWith(start) ? /^([0-9]+)\.[0-9a-f]{12}\.tmp$/.exec(name.slice(start.length))?.[1] : undefined;
  return owner === undefined ? null : Number(owner);
}

/** Removes temporary files that killed runs left for this target: their process is gone and they are an hour old. */
export async function sweepStale(target: string): Promise<void> {
  const folder = path.dirname(target);
  for (const name of await readdir(folder)) {
    const owner = ownerOf(target, name);
    if (owner === null) continue;
    const file = path.join(folder, name);
    const stat = await statOrNull(file);
    if (stat?.isFile() && Date.now() - stat.mtimeMs > STALE && !isWritten(owner, stat.mtimeMs)) await removeIfThere(file);
  }
}

/**
 * Whether a process may still write a temporary file that it last wrote at a time (milliseconds): it exists, and is not this one started
 * since. In a container every run may get the number of the one before it.
 */
export function isWritten(processId: number, at: number): boolean {
  if (processId === process.pid) return at >= Date.now() - process.uptime() * 1000;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return !hasCode(error, 'ESRCH');
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
