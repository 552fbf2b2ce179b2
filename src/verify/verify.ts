import { GrowError } from '../errors.ts';
import { readModel } from '../onnx/read.ts';
import { judgeInChild, timeLimit } from './child.ts';
import type { Request } from './conclude.ts';
import type { VerifyOptions, VerifyResult } from './result.ts';
import { type Level, weakerThan } from './runtime.ts';

/** From this size on (both models together) only what a verdict needs is run. */
const LARGE = 400 * 2 ** 20;

/**
 * Runs two model files in onnxruntime on the same inputs and judges whether the second computes what the first does.
 * The inputs are made to fit the original model; the runs happen in a child process.
 *
 * Throws GrowError RUNTIME_MISSING where onnxruntime-node is not installed, RUNTIME_FAILED where the runtime crashes,
 * refuses the original, or takes too long, RUNTIME_MISSING where the provider is not available, and those of reading models.
 */
export async function verifyModels(oldPath: string, newPath: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const started = performance.now();
  const provider = options.provider ?? 'cpu';
  const bytes = weightBytes(oldPath) + weightBytes(newPath);
  const seconds = options.timeLimitSeconds ?? timeLimit(provider, bytes);
  const base = {
    oldPath,
    newPath,
    seed: options.seed ?? 0,
    provider,
    tolerance: options.tolerance ?? null,
    inputs: options.inputs ?? null,
    large: bytes > LARGE,
  };
  const notes: string[] = [];
  // The runtime may crash while it optimises a graph it would run as it is (facts: LayerNormalization with a trailing
  // empty input); both models then run at the strongest level the original survives.
  let noShadow = bytes > LARGE ? 'the models are too large to be held in float64' : null;
  for (let level: Level | null = 'all'; level !== null; ) {
    const request: Request = { ...base, level, noShadow };
    const left = seconds - (performance.now() - started) / 1000;
    const ending = await judgeInChild(request, { seconds: left, onStage: (stage) => options.onProgress?.(stage.what), signal: options.signal });
    if (ending.kind === 'judgement')
      return { ...ending.judgement, notes: [...notes, ...ending.judgement.notes], seconds: (performance.now() - started) / 1000 };
    if (ending.stage?.shadow === true) {
      noShadow = `onnxruntime crashed while ${ending.stage.what} (${ending.how})`;
      continue;
    }
    const weaker = ending.stage?.model === 'original' ? weakerThan(ending.stage.level) : null;
    if (weaker === null) throw crashed(ending.stage?.model === 'new' ? newPath : oldPath, ending.stage?.what ?? 'starting', ending.how);
    notes.push(`onnxruntime crashes on the original model at optimisation level '${ending.stage?.level}'; both models ran at '${weaker}'`);
    level = weaker;
  }
  throw crashed(oldPath, 'loading it', 'no optimisation level is left');
}

const crashed = (where: string, doing: string, how: string): GrowError =>
  new GrowError('RUNTIME_FAILED', `onnxruntime crashed while ${doing} (${how})`, { where, hint: '--no-verify' });

/** Bytes of a model's weights, wherever they are kept. Nothing of them is read. */
function weightBytes(path: string): number {
  return readModel(path).graph.initializers.reduce((bytes, tensor) => bytes + tensor.data.size, 0);
}
