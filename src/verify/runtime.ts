/** The only file that imports onnxruntime-node: it is an optional peer and runs in the child process alone. */
import type { InferenceSession } from 'onnxruntime-node';
import { GrowError } from '../errors.ts';
import type { ElementType, Values } from './values.ts';

/** Graph optimisation levels of onnxruntime, weakest first. */
export const LEVELS = ['disabled', 'basic', 'extended', 'all'] as const;
export type Level = (typeof LEVELS)[number];

/** The level to try where the runtime fails: 'all' contains 'extended', which hardly survives what 'all' does not. */
export function weakerThan(level: Level): Level | null {
  if (level === 'disabled') return null;
  return level === 'basic' ? 'disabled' : 'basic';
}

/** Where the arithmetic is done. */
export type Provider = 'cpu' | 'webgpu' | 'cuda';

interface SessionOptions {
  readonly level: Level;
  readonly threads: number;
  readonly provider: Provider;
  /** Where the runtime writes what ran where, when the session is released; the beginning of a path. */
  readonly profile?: string;
  /** Leaves weights where they are mapped from the file instead of rearranging them in memory. */
  readonly mapped?: boolean;
}

/** A loaded model. `run` throws the runtime's own errors. */
export interface Session {
  run(feeds: ReadonlyMap<string, Values>): Promise<ReadonlyMap<string, Values>>;
  release(): Promise<void>;
}

/** What installs the runtime where its postinstall download is blocked, too. */
const INSTALL = 'ONNXRUNTIME_NODE_INSTALL=skip npm i onnx-grow onnxruntime-node';

async function runtime(): Promise<typeof import('onnxruntime-node')> {
  try {
    return await import('onnxruntime-node');
  } catch (cause) {
    throw importFailure(cause);
  }
}

/** What an import of the runtime fails with, said in our words where it is not installed. */
export function importFailure(cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'MODULE_NOT_FOUND' && code !== 'ERR_MODULE_NOT_FOUND') return cause;
  return new GrowError('RUNTIME_MISSING', 'verify needs onnxruntime-node, which is not installed', { hint: INSTALL, cause });
}

/**
 * Loads a model from its path (models beside external data and over 2 GB) or its bytes.
 * Throws GrowError RUNTIME_MISSING, and the runtime's own errors when it refuses the model.
 */
export async function openSession(model: string | Uint8Array, options: SessionOptions): Promise<Session> {
  const { InferenceSession, Tensor } = await runtime();
  const settings: InferenceSession.SessionOptions = {
    graphOptimizationLevel: options.level,
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionProviders: [options.provider],
    logSeverityLevel: 4,
    ...(options.mapped === true ? { extra: { session: { disable_prepacking: '1' } } } : {}),
    ...(options.profile === undefined ? {} : { enableProfiling: true, profileFilePrefix: options.profile }),
  };
  // one function takes both, but its types do not say so
  const session = await InferenceSession.create(model as string, settings);
  return {
    async run(feeds) {
      const given: Record<string, InstanceType<typeof Tensor>> = {};
      for (const [name, values] of feeds) given[name] = new Tensor(values.type, values.data as Float32Array, values.dims);
      const results = await session.run(given);
      return new Map(
        Object.entries(results).map(([name, tensor]) => [name, { type: tensor.type as ElementType, dims: tensor.dims, data: tensor.data as Values['data'] }]),
      );
    },
    // ends the profile too
    release: () => session.release(),
  };
}
