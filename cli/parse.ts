/** From arguments to words; whatever is not understood is a usage error, nothing is dropped. */
import yargs, { type Options } from 'yargs';
import { didYouMean, GrowError } from '../src/index.ts';
import { COMMON, type Option, VERBS, type Verb } from './verbs.ts';
import type { Words } from './words.ts';

// Repetitions, negations, numbers, dots and bundles of letters are not guessed at, and messages do not follow LANG.
const PARSING = {
  'parse-numbers': false,
  'parse-positional-numbers': false,
  'boolean-negation': false,
  'camel-case-expansion': false,
  'dot-notation': false,
  'greedy-arrays': false,
  'short-option-groups': false,
};

/** Reads the arguments behind a verb. Throws GrowError USAGE. */
export async function parseWords(verb: Verb, args: readonly string[]): Promise<Words> {
  const known = [...verb.options, ...COMMON];
  const failures: string[] = [];
  const parser = yargs([...args])
    .locale('en')
    .parserConfiguration(PARSING)
    .exitProcess(false)
    .help(false)
    .version(false)
    .options(Object.fromEntries(known.map((option) => [option.name, yargsOption(option)])))
    .fail((message) => failures.push(message));
  const parsed: Record<string, unknown> = { ...(await parser.parseAsync()) };
  const [failure] = failures;
  if (failure !== undefined) throw usage(failure.replaceAll('\n', ' '), `grow ${verb.name} --help`);
  refuseUnknown(verb, known, Object.keys(parsed));
  for (const option of known) checkOption(option, parsed[option.name]);
  return { ...parsed, ...positionals(verb, listOfWords(parsed._)) };
}

/** The error of a verb that there is not. */
export function unknownVerb(word: string): GrowError {
  const names = VERBS.map(({ name }) => name);
  const near = didYouMean(word, names);
  return usage(
    word.startsWith('-') ? `${word} stands where the verb belongs` : `'${word}' is no verb`,
    near === null ? `one of ${names.join(', ')}; see grow --help` : `did you mean ${near}?`,
  );
}

const usage = (message: string, hint: string): GrowError => new GrowError('USAGE', message, { hint });

function yargsOption(option: Option): Options {
  const alias = option.short === undefined ? {} : { alias: option.short };
  return option.value === undefined ? { type: 'boolean', ...alias } : { type: 'string', requiresArg: true, ...alias };
}

function refuseUnknown(verb: Verb, known: readonly Option[], given: readonly string[]): void {
  const names = new Set(['_', '$0', ...known.flatMap((option) => [option.name, option.short ?? option.name])]);
  const unknown = given.find((name) => !names.has(name));
  if (unknown === undefined) return;
  const near = didYouMean(
    unknown,
    known.map((option) => option.name),
  );
  throw usage(`there is no option ${unknown.length === 1 ? '-' : '--'}${unknown}`, near === null ? `grow ${verb.name} --help` : `did you mean --${near}?`);
}

function checkOption(option: Option, value: unknown): void {
  if (value === undefined) return;
  if (Array.isArray(value) && option.repeated !== true) throw usage(`--${option.name} is given more than once`, 'give it once');
  if (value === '') throw usage(`--${option.name} is empty`, `--${option.name} ${option.value ?? ''}`);
  if (option.choices !== undefined && !option.choices.includes(String(value)))
    throw usage(`--${option.name} is '${String(value)}'`, `one of ${option.choices.join(', ')}`);
}

function positionals(verb: Verb, given: readonly string[]): Words {
  const slots = verb.words.split(' ').map((slot) => ({ name: slot.replaceAll(/[<>[\].]/g, ''), required: slot.startsWith('<'), many: slot.includes('..') }));
  const form = `grow ${verb.name} ${verb.words}`;
  const missing = slots.find((slot, i) => slot.required && (given[i] ?? '') === '');
  if (missing !== undefined) throw usage(`<${missing.name}> is missing`, form);
  if (slots.at(-1)?.many !== true && given.length > slots.length) throw usage(`'${given[slots.length] ?? ''}' is one word too many`, form);
  return Object.fromEntries(slots.map((slot, i) => [slot.name, slot.many ? given.slice(i) : given[i]]));
}

const listOfWords = (words: unknown): readonly string[] => (Array.isArray(words) ? words.map(String) : []);
