import { GrowError } from '../src/index.ts';
import { textOf, type Words } from './words.ts';

/** A whole number of 0 or more; null when the option was not given. */
export function wholeNumber(words: Words, name: string): number | null {
  const text = textOf(words, name);
  if (text === null) return null;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new GrowError('USAGE', `--${name} is '${text}'`, { hint: 'a whole number of 0 or more' });
  return value;
}

/** A positive number; null when the option was not given. */
export function positiveNumber(words: Words, name: string): number | null {
  const text = textOf(words, name);
  if (text === null) return null;
  const value = /^[\d.]+(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value) || value <= 0) throw new GrowError('USAGE', `--${name} is '${text}'`, { hint: 'a number above 0, such as 1e-5' });
  return value;
}
