import { GrowError } from '../errors.ts';

const REASONS: ReadonlyMap<string, { readonly reason: string; readonly hint: string }> = new Map([
  ['ENOSPC', { reason: 'the disk is full', hint: 'free some space or write to another disk' }],
  ['EDQUOT', { reason: 'the disk quota is used up', hint: 'free some space or write to another disk' }],
  ['EFBIG', { reason: 'the file system takes no files of this size', hint: 'write to another disk' }],
  ['EACCES', { reason: 'permission denied', hint: 'write to a folder of yours' }],
  ['EPERM', { reason: 'permission denied', hint: 'write to a folder of yours' }],
  ['EROFS', { reason: 'the disk is read-only', hint: 'write to another disk' }],
  ['ENOENT', { reason: 'there is no such folder', hint: 'create the folder first' }],
  ['ENOTDIR', { reason: 'its folder is not a folder', hint: 'check the path' }],
  ['EISDIR', { reason: 'this is a folder', hint: 'name a file in it' }],
  ['ENAMETOOLONG', { reason: 'the name is too long', hint: 'choose a shorter name' }],
  ['EMFILE', { reason: 'too many files are open', hint: 'raise the limit (ulimit -n)' }],
]);

/** What went wrong with a file as a GrowError IO that says why and what to do. GrowErrors and bugs pass unchanged. */
export function ioError(cause: unknown, action: string, file: string): unknown {
  if (!(cause instanceof Error) || cause instanceof GrowError) return cause;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;
  if (code === undefined || !('syscall' in cause)) return cause;
  const known = REASONS.get(code);
  return new GrowError('IO', `cannot ${action}: ${known?.reason ?? cause.message}`, {
    where: file,
    cause,
    ...(known === undefined ? {} : { hint: known.hint }),
  });
}
