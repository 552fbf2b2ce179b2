/** What a proof says when it stops. */

import type { DeadParameters } from './alive/describe.ts';

/** A place where the proof stops. */
export interface Finding {
  /** `refuted`: an equality that must hold is false for the numbers stored. `unproved`: no rule says that it holds. */
  readonly kind: 'refuted' | 'unproved';
  /** The layer or node, in words of the domain where they are known. */
  readonly where: string;
  readonly message: string;
}

/** The result of `check`. */
export interface CheckResult {
  /** True when all outputs are shown to be equal for all inputs, in real numbers. */
  readonly proved: boolean;
  readonly findings: readonly Finding[];
  /** What the proof takes for granted. */
  readonly assumptions: readonly string[];
  /** New parameters that get no gradient, now and after any number of training steps; null where that could not be looked at. */
  readonly alive: { readonly dead: readonly DeadParameters[] } | null;
  readonly seconds: number;
}

export const refuted = (where: string, message: string): Finding => ({ kind: 'refuted', where, message });
export const unproved = (where: string, message: string): Finding => ({ kind: 'unproved', where, message });
