/** From words of the command line to values; whatever is not understood is a usage error, nothing is dropped. */
import { VERBS, type Verb } from './verbs.ts';

/** The options of a run by name; a switch is true, a repeated option a list. */
export type Words = Readonly<Record<string, unknown>>;

/** The verb of a name. */
export const verbOf = (name: string | undefined): Verb | undefined => VERBS.find((verb) => verb.name === name);

/** The text of an option; null when it was not given. */
export function textOf(words: Words, name: string): string | null {
  const value = words[name];
  return typeof value === 'string' ? value : null;
}

/** True when a switch was given. */
export const isGiven = (words: Words, name: string): boolean => words[name] === true || typeof words[name] === 'string' || Array.isArray(words[name]);

/** All words of a positional list. */
export function listOf(words: Words, name: string): readonly string[] {
  const value = words[name];
  return Array.isArray(value) ? value.map(String) : [];
}
