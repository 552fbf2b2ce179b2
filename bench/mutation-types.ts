/** Which mutants still compile: what the compiler refuses is no fault that anyone could commit, and no test is asked to find it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import type { Mutant } from './mutation-build.ts';

/** What the compiler says of names that nothing reads is no reason to refuse a mutant: they are read where it is not. */
const OPTIONS: ts.CompilerOptions = { noUnusedLocals: false, noUnusedParameters: false, allowUnreachableCode: true, noEmit: true };

/** Whether the sources still compile with a mutant, in its file and in those that import it. */
export function compiler(): (mutant: Mutant) => boolean {
  const config = ts.getParsedCommandLineOfConfigFile('tsconfig.json', OPTIONS, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined });
  if (config === undefined) throw new Error('tsconfig.json cannot be read');
  const roots = config.fileNames.filter((file) => path.relative('src', file).split(path.sep)[0] !== '..');
  let edited = { file: '', text: '', version: 0 };
  const service = ts.createLanguageService({
    getCompilationSettings: () => config.options,
    getScriptFileNames: () => roots,
    getScriptVersion: (file) => (file === edited.file ? `${edited.version}` : '0'),
    getScriptSnapshot: (file) => {
      if (!ts.sys.fileExists(file)) return undefined;
      return ts.ScriptSnapshot.fromString(file === edited.file ? edited.text : readFileSync(file, 'utf8'));
    },
    getCurrentDirectory: () => process.cwd(),
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  });
  const importers = new Map<string, string[]>();
  for (const file of roots)
    for (const [, source = ''] of readFileSync(file, 'utf8').matchAll(/ from '(\.[^']*)'/g)) {
      const imported = path.resolve(path.dirname(file), source);
      importers.set(imported, [...(importers.get(imported) ?? []), file]);
    }
  const compiles = (name: string, text: string): boolean => {
    edited = { file: name, text, version: edited.version + 1 };
    if (service.getSyntacticDiagnostics(name).length > 0) return false;
    return [name, ...(importers.get(name) ?? [])].every((own) => service.getSemanticDiagnostics(own).length === 0);
  };
  return ({ file, kind, start, end, replacement }) => {
    const name = path.resolve(file);
    const text = readFileSync(name, 'utf8');
    // `a ?? b || c` is no sentence of the language, but the mutant that means `a ?? (b || c)` is one
    const spelled = kind === 'LogicalOperator' ? `(${replacement})` : replacement;
    return compiles(name, text.slice(0, start) + spelled + text.slice(end));
  };
}
