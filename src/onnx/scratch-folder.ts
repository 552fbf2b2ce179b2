/** Text files that other programs write for us, and what the system says of itself. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A temporary folder that something writes text files into. */
export interface ScratchFolder {
  readonly path: string;
  /** Contents of the files in it. */
  texts(): readonly string[];
  remove(): void;
}

/** Makes a temporary folder. */
export function scratchFolder(): ScratchFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'onnx-grow-'));
  return {
    path: folder,
    texts: () => readdirSync(folder).map((file) => readFileSync(path.join(folder, file), 'utf8')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The text of a file; '' where it cannot be read. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Names in a folder; none where it cannot be read. */
export function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
