import { GrowError } from '../src/index.ts';
import { textOf, type Words } from './words.ts';

/** Refuses words of the contract that this version does not fulfil: better than not doing what was asked. */
export function refuseUnavailable(words: Words, missing: readonly (readonly [option: string, value: string | null, what: string])[]): void {
  for (const [option, value, what] of missing) {
    const given = words[option];
    if (given === undefined || (value !== null && textOf(words, option) !== value)) continue;
    throw new GrowError('NOT_AVAILABLE', `--${option}${value === null ? '' : ` ${value}`} is not available in this version: ${what}`, { where: `--${option}` });
  }
}
