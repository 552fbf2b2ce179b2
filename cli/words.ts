/** What was said on the command line, by name: a switch is true, a positional list a list. */
export type Words = Readonly<Record<string, unknown>>;

/** The text of an option; null when it was not given. */
export function textOf(words: Words, name: string): string | null {
  const value = words[name];
  return typeof value === 'string' ? value : null;
}

/** True when a switch was given. */
export const isGiven = (words: Words, name: string): boolean => words[name] === true;

/** All words of a positional list. */
export function listOf(words: Words, name: string): readonly string[] {
  const value = words[name];
  return Array.isArray(value) ? value.map(String) : [];
}
