/** The command line: arguments in, exit code out. Verbs are loaded when they are used, so that help is quick. */
import yargs, { type Argv } from 'yargs';
import { listenForInterruption } from './interruption.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { COMMON, type Option, VERBS, type Verb } from './verbs.ts';
import { verbOf, type Words } from './words.ts';

/** What a verb needs: what was said, where to answer, what stops it. */
export interface Call {
  readonly words: Words;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

const COMMANDS: Readonly<Record<string, () => Promise<(call: Call) => Promise<number>>>> = {
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  apply: async () => (await import('./commands/apply.ts')).applyCommand,
  verify: async () => (await import('./commands/verify.ts')).verifyCommand,
  check: async () => (await import('./commands/check.ts')).checkCommand,
};

/** Runs one command and returns its exit code. Never throws. */
export async function run(args: readonly string[]): Promise<number> {
  const terminal = openTerminal(args);
  const interruption = listenForInterruption();
  try {
    return await dispatch(args, terminal, interruption.signal);
  } catch (error) {
    terminal.endProgress();
    return interruption.exitCode() ?? (await fail(error, terminal));
  } finally {
    interruption.end();
  }
}

async function dispatch(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  const verb = verbOf(args[0]);
  const wantsHelp = args.includes('--help') || args.includes('-h');
  if (args[0] === '--version') {
    terminal.result(`${await version()}\n`);
    return 0;
  }
  if (verb === undefined) {
    if (args[0] !== undefined && !args[0].startsWith('-')) throw await unknownVerb(args[0]);
    if (!wantsHelp) throw await usageError(args.length === 0 ? 'say what to do' : `'${args[0] ?? ''}' stands where the verb belongs`, `grow ${VERBS.map(({ name }) => name).join(' | ')}; see grow --help`);
    terminal.result(`${await parserOf(undefined, []).getHelp()}\n`);
    return 0;
  }
  if (wantsHelp) {
    terminal.result(`${await (await withAxes(parserOf(verb, []), verb)).getHelp()}\n`);
    return 0;
  }
  const words = await parse(verb, args.slice(1));
  const command = await COMMANDS[verb.name]?.();
  if (command === undefined) throw new Error(`no command for ${verb.name}`);
  return command({ words, terminal, signal });
}

/** A parser for one verb, or for the list of verbs. */
function parserOf(verb: Verb | undefined, args: readonly string[]): Argv {
  const parser = yargs([...args])
    .scriptName('grow')
    // Messages are the same everywhere; numbers, repetitions and negations are not guessed at.
    .locale('en')
    .parserConfiguration({ 'parse-numbers': false, 'parse-positional-numbers': false, 'boolean-negation': false, 'camel-case-expansion': false, 'dot-notation': false, 'greedy-arrays': false, 'short-option-groups': false })
    .exitProcess(false)
    .help(false)
    .version(false)
    .wrap(110);
  if (verb === undefined) {
    for (const own of VERBS) parser.command(`${own.name} ${own.words}`, own.help);
    return withExamples(parser.usage('grow <verb> …: makes transformers in ONNX bigger without changing what they compute'), VERBS)
      .epilogue('grow <verb> --help shows options and steps. Exit codes: 0 preserved · 1 changed or not proved · 2 usage · 3 bad file · 4 unsupported · 5 disk, memory, runtime · 70 bug');
  }
  for (const option of [...verb.options, ...COMMON]) parser.option(option.name, yargsOption(option));
  return withExamples(parser.usage(`grow ${verb.name} ${verb.words}: ${verb.help}`), [verb]);
}

const withExamples = (parser: Argv, verbs: readonly Verb[]): Argv => verbs.flatMap((verb) => verb.examples).reduce((own, [command, meaning]) => own.example(command, meaning), parser);

function yargsOption(option: Option): { type: 'string' | 'boolean'; describe: string; alias?: string; requiresArg?: boolean } {
  const alias = option.short === undefined ? {} : { alias: option.short };
  const describe = option.choices === undefined ? option.help : `${option.choices.join(' | ')}: ${option.help}`;
  return option.value === undefined ? { type: 'boolean', describe, ...alias } : { type: 'string', describe, requiresArg: true, ...alias };
}

/** The registry of transforms is the only list of axes, and it needs the whole library. */
async function withAxes(parser: Argv, verb: Verb): Promise<Argv> {
  if (verb.name !== 'apply') return parser;
  const { TRANSFORMS } = await import('../src/index.ts');
  const axes = TRANSFORMS.map(({ axis, summary, theorem }) => `  ${axis.padEnd(9)} ${summary} (theorem ${theorem})`);
  return parser.epilogue(`Steps are axis[selector]=size and apply in the order given.\n\n${axes.join('\n')}\n\nSizes: 128, +16, x1.5. Selectors: mlp[3], heads[0,2,5-7], qk[-1], heads[2.cross], mlp[decoder].\nLayers: layers=+2, layers=+1@after:5, layers=+1@before:0.`);
}

async function parse(verb: Verb, args: readonly string[]): Promise<Words> {
  const failures: string[] = [];
  const parser = parserOf(verb, args).fail((message) => failures.push(message));
  const parsed = { ...(await parser.parseAsync()) } as Record<string, unknown>;
  if (failures[0] !== undefined) throw await usageError(failures[0].replaceAll('\n', ' '), `grow ${verb.name} --help`);
  const known = [...verb.options, ...COMMON];
  const names = new Set(['_', '$0', ...known.flatMap((option) => [option.name, ...(option.short === undefined ? [] : [option.short])])]);
  const unknown = Object.keys(parsed).find((name) => !names.has(name));
  if (unknown !== undefined) throw await unknownOption(unknown, known.map((option) => option.name), verb);
  for (const option of known) await checkOption(option, parsed[option.name]);
  return { ...parsed, ...(await positionals(verb, (parsed._ as unknown[]).map(String))) };
}

async function checkOption(option: Option, value: unknown): Promise<void> {
  if (value === undefined) return;
  if (Array.isArray(value) && option.repeated !== true) throw await usageError(`--${option.name} is given more than once`);
  if (option.choices !== undefined && !option.choices.includes(String(value))) throw await usageError(`--${option.name} is '${String(value)}'`, `one of ${option.choices.join(', ')}`);
}

async function positionals(verb: Verb, given: readonly string[]): Promise<Words> {
  const slots = verb.words.split(' ').map((slot) => ({ name: slot.replaceAll(/[<>[\].]/g, ''), required: slot.startsWith('<'), many: slot.includes('..') }));
  const missing = slots.find((slot, i) => slot.required && given[i] === undefined);
  if (missing !== undefined) throw await usageError(`<${missing.name}> is missing`, `grow ${verb.name} ${verb.words}`);
  const many = slots.at(-1)?.many === true;
  if (!many && given.length > slots.length) throw await usageError(`'${given[slots.length] ?? ''}' is one word too many`, `grow ${verb.name} ${verb.words}`);
  return Object.fromEntries(slots.map((slot, i) => [slot.name, slot.many ? given.slice(i) : given[i]]));
}

async function unknownVerb(word: string): Promise<Error> {
  const { didYouMean } = await import('../src/index.ts');
  const near = didYouMean(word, VERBS.map(({ name }) => name));
  return usageError(`'${word}' is no verb`, near === null ? `one of ${VERBS.map(({ name }) => name).join(', ')}` : `did you mean ${near}?`);
}

async function unknownOption(name: string, known: readonly string[], verb: Verb): Promise<Error> {
  const { didYouMean } = await import('../src/index.ts');
  const near = didYouMean(name, known);
  return usageError(`there is no option ${name.length === 1 ? '-' : '--'}${name}`, near === null ? `grow ${verb.name} --help` : `did you mean --${near}?`);
}

async function usageError(message: string, hint?: string): Promise<Error> {
  const { GrowError } = await import('../src/index.ts');
  return new GrowError('USAGE', message, hint === undefined ? {} : { hint });
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const folder = import.meta.url.endsWith('.ts') ? '..' : '../..';
  const { version: own } = JSON.parse(await readFile(new URL(`${folder}/package.json`, import.meta.url), 'utf8')) as { version: string };
  return own;
}

/** Prints an error and returns its exit code. */
async function fail(error: unknown, terminal: Terminal): Promise<number> {
  const { COLOURS, errorDocument, asJson, errorText, GrowError, PLAIN } = await import('../src/index.ts');
  if (terminal.json) terminal.result(asJson(errorDocument(error)));
  else terminal.remark(errorText(error, terminal.errorColour ? COLOURS : PLAIN));
  if (error instanceof GrowError) return error.exitCode;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  terminal.remark(`${stack.split('\n').slice(1, 5).join('\n')}\nplease report this with the command${terminal.json ? '' : ' and, if you can, the model'}\n`);
  return BUG;
}

const BUG = 70;
