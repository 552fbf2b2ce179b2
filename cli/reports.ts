/** Reports for continuous integration, as `--report KIND=FILE` asks for them. */
import { access, constants, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CI_REPORTS, type CiReport, GrowError } from '../src/index.ts';
import type { Words } from './words.ts';

/** Writes a report to every file that was asked for, whatever it says. */
export type ReportWriter = (report: CiReport) => Promise<void>;

/** Checks what `--report` says before any work is done. Throws GrowError USAGE or IO. */
export async function reportWriter(words: Words): Promise<ReportWriter> {
  const given = Array.isArray(words.report) ? words.report : words.report === undefined ? [] : [words.report];
  const wanted = given.map((word) => parse(String(word)));
  for (const { file } of wanted) await checkFile(file);
  return async (report) => {
    for (const { kind, file } of wanted)
      await writeFile(file, CI_REPORTS[kind](report)).catch((cause: unknown) => {
        throw new GrowError('IO', `the report cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`, { where: file, cause });
      });
  };
}

function parse(word: string): { readonly kind: keyof typeof CI_REPORTS; readonly file: string } {
  const at = word.indexOf('=');
  const [kind, file] = [word.slice(0, Math.max(0, at)), word.slice(at + 1)];
  if ((kind !== 'junit' && kind !== 'markdown') || file === '')
    throw new GrowError('USAGE', `--report is '${word}'`, { where: '--report', hint: 'junit=FILE or markdown=FILE' });
  return { kind, file };
}

async function checkFile(file: string): Promise<void> {
  const folder = path.dirname(file);
  if ((await stat(file).catch(() => null))?.isDirectory()) throw new GrowError('USAGE', 'the report is a folder', { where: file, hint: 'name a file in it' });
  await access(folder, constants.W_OK).catch((cause: unknown) => {
    throw new GrowError('IO', 'the folder of the report cannot be written to', { where: folder, hint: 'create the folder first', cause });
  });
}
