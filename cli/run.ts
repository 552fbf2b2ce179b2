/** The command line: arguments in, exit code out. The library is loaded when a verb needs it, so that help is quick. */
import { generalHelp, stepHelp, verbHelp } from './help.ts';
import { listenForInterruption } from './interruption.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { COMMON, VERBS, type Verb } from './verbs.ts';
import type { Words } from './words.ts';

/** What a verb needs: what was said, where to answer, what stops it. */
export interface Call {
  readonly words: Words;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

const COMMANDS: Readonly<Record<Verb['name'], () => Promise<(call: Call) => Promise<number>>>> = {
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  apply: async () => (await import('./commands/apply.ts')).applyCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  check: async () => (await import('./commands/check.ts')).checkCommand,
};

/** What may stand before the verb. */
const COMMON_SWITCHES: ReadonlySet<string> = new Set(COMMON.map(({ name }) => `--${name}`));

/** A bug of ours. */
const BUG = 70;

/** Runs one command and returns its exit code. Never throws. */
export async function run(args: readonly string[]): Promise<number> {
  const terminal = openTerminal(args);
  const interruption = listenForInterruption();
  try {
    return await dispatch(args, terminal, interruption.signal);
  } catch (error) {
    return await fail(error, terminal, interruption.exitCode());
  } finally {
    terminal.endProgress();
    interruption.end();
  }
}

async function dispatch(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const at = Math.max(
    0,
    args.findIndex((own) => !COMMON_SWITCHES.has(own)),
  );
  const word = args[at];
  const verb = VERBS.find(({ name }) => name === word);
  const wantsHelp = args.includes('--help') || args.includes('-h');
  if (word === '--version') terminal.result(`${await version()}\n`);
  else if (verb !== undefined && wantsHelp)
    terminal.result(verbHelp(verb, verb.name === 'apply' ? stepHelp((await import('../src/index.ts')).TRANSFORMS) : []));
  else if (verb !== undefined) {
    const { parseWords } = await import('./parse.ts');
    const words = await parseWords(verb, args.toSpliced(at, 1));
    const command = await COMMANDS[verb.name]();
    return command({ words, terminal, signal });
  } else if (word === undefined || (word.startsWith('-') && wantsHelp)) {
    // Nothing said is a usage error that help answers.
    if (word === undefined) terminal.remark(generalHelp());
    else terminal.result(generalHelp());
    return word === undefined ? 2 : 0;
  } else throw (await import('./parse.ts')).unknownVerb(word);
  return 0;
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const root = import.meta.url.endsWith('.ts') ? '..' : '../..';
  const { version: own } = JSON.parse(await readFile(new URL(`${root}/package.json`, import.meta.url), 'utf8')) as { readonly version: string };
  return own;
}

/** Prints an error and returns its exit code. */
async function fail(error: unknown, terminal: Terminal, stopped: number | null): Promise<number> {
  const { asJson, COLOURS, errorDocument, errorText, GrowError, PLAIN } = await import('../src/index.ts');
  terminal.endProgress();
  const told =
    stopped !== null
      ? new GrowError('INTERRUPTED', 'stopped by a signal; nothing was left behind')
      : isOutOfMemory(error)
        ? new GrowError('IO', 'there is not enough memory', { cause: error })
        : error;
  if (terminal.json) terminal.result(asJson(errorDocument(told)));
  else terminal.remark(errorText(told, terminal.errorColour ? COLOURS : PLAIN));
  if (stopped !== null) return stopped;
  if (told instanceof GrowError) return told.exitCode;
  const frames = error instanceof Error ? (error.stack ?? '').split('\n').slice(1, 5) : [];
  terminal.remark(`${[...frames, 'please report this with the command and, if you can, the model'].join('\n')}\n`);
  return BUG;
}

const isOutOfMemory = (error: unknown): boolean => error instanceof RangeError && /allocation failed|could not be created/.test(error.message);
