import { printable } from '../src/index.ts';

/** A path as it is typed in a POSIX shell; one that could drive a terminal is only shown. */
export function quoted(word: string): string {
  if (/^[\w./:@%+=,-]+$/.test(word)) return word;
  return `'${printable(word).replaceAll("'", "'\\''")}'`;
}
