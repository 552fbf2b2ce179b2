/** All that check says of the pairs of a test, so that the test can hold every line of it. */
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { byLine, checkLines } from './judgement.ts';
import { type Typed, typed } from './typed-graph.ts';

let told: (readonly [name: string, lines: readonly string[]])[] = [];

/** What is said of a pair, line by line; the first one is `proved` or `not proved`. */
export function saidOf(old: Model, now: Model): readonly string[] {
  const lines = checkLines(checkModels(old, now));
  told.push([`pair ${told.length + 1}`, lines]);
  return lines;
}

export const said = (old: Typed, now: Typed): readonly string[] => saidOf(typed(old), typed(now));
export const isProved = (old: Typed, now: Typed): boolean => said(old, now)[0] === 'proved';

/** `proved`, or the kind of the first finding. */
export function verdict(old: Typed, now: Typed): string {
  const [first = '', next = 'unproved'] = said(old, now);
  return first === 'proved' ? first : (next.split(' ')[0] ?? '');
}

/** Every line with the pairs of the test that it was said of; for the end of each test. */
export function allSaid(): string {
  const text = byLine(told);
  told = [];
  return text;
}
