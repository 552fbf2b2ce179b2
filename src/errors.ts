/** Stable error codes; each has one exit code of the command line. */
export type ErrorCode =
  | 'USAGE'
  | 'UNKNOWN_STEP'
  | 'SHRINKING'
  | 'OUTPUT_EXISTS'
  | 'NOT_ONNX'
  | 'TRUNCATED'
  | 'INVALID_MODEL'
  | 'EXTERNAL_DATA_MISSING'
  | 'EXTERNAL_DATA_ESCAPES'
  | 'INVALID_INPUTS'
  | 'UNSUPPORTED_OP'
  | 'UNSUPPORTED_AXIS'
  | 'ILLEGAL_SIZE'
  | 'COUPLED_AXIS'
  | 'IO'
  | 'RUNTIME_MISSING'
  | 'RUNTIME_FAILED'
  | 'NOT_AVAILABLE'
  | 'INTERRUPTED'
  | 'FUNCTION_CHANGED'
  | 'INCONCLUSIVE'
  | 'NOT_PROVED';

const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  USAGE: 2,
  UNKNOWN_STEP: 2,
  SHRINKING: 2,
  OUTPUT_EXISTS: 2,
  NOT_ONNX: 3,
  TRUNCATED: 3,
  INVALID_MODEL: 3,
  EXTERNAL_DATA_MISSING: 3,
  EXTERNAL_DATA_ESCAPES: 3,
  INVALID_INPUTS: 3,
  UNSUPPORTED_OP: 4,
  UNSUPPORTED_AXIS: 4,
  ILLEGAL_SIZE: 4,
  COUPLED_AXIS: 4,
  IO: 5,
  RUNTIME_MISSING: 5,
  RUNTIME_FAILED: 5,
  NOT_AVAILABLE: 4,
  INTERRUPTED: 130,
  FUNCTION_CHANGED: 1,
  INCONCLUSIVE: 1,
  NOT_PROVED: 1,
};

/**
 * What the user, the file or the machine did that we cannot go on from.
 * `message` says what and why, `where` names the node, tensor, file or step, `hint` says how to fix it.
 * Bugs of ours are never GrowErrors.
 */
export class GrowError extends Error {
  override readonly name = 'GrowError';
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: { where?: string; hint?: string; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.where = details.where;
    this.hint = details.hint;
  }

  /** The exit code of the command line for this error. */
  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** States an invariant of ours; its failure is a bug in onnx-grow, not the user's fault. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`bug in onnx-grow: ${message}`);
}

/** What is said where a graph's nodes stand in a chain longer than recursion reaches: a thousand layers are far from it. */
export const TOO_DEEP = 'the nodes of this graph stand in a chain that is too long to follow';

/** True for the error of a call stack that is full. */
export const isTooDeep = (error: unknown): boolean => error instanceof RangeError && error.message.includes('call stack');

/** Runs what walks a graph; a chain too long to follow is no bug. Throws GrowError UNSUPPORTED_AXIS for it. */
export function followed<T>(walk: () => T): T {
  try {
    return walk();
  } catch (error) {
    if (isTooDeep(error)) throw new GrowError('UNSUPPORTED_AXIS', TOO_DEEP, { hint: 'fold chains of single operators into one before' });
    throw error;
  }
}
