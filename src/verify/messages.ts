import type { ErrorCode } from '../errors.ts';
import type { Judgement } from './conclude.ts';
import type { Level } from './runtime.ts';

/** What is being done, so that a crash can be laid to it. */
export interface Stage {
  readonly model: 'original' | 'new';
  readonly level: Level;
  readonly what: string;
  /** Set while a model is computed in float64, which the verdict can do without. */
  readonly shadow?: true;
}

/** What the child process tells its parent. */
export type Answer =
  | { readonly kind: 'stage'; readonly stage: Stage }
  | { readonly kind: 'judgement'; readonly judgement: Judgement }
  | { readonly kind: 'failure'; readonly code: ErrorCode; readonly message: string; readonly where: string | undefined; readonly hint: string | undefined }
  | { readonly kind: 'bug'; readonly message: string };
