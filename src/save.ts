import { checkModels } from './check/check.ts';
import type { CheckResult } from './check/findings.ts';
import { GrowError } from './errors.ts';
import { type ModelSource, openModel, withModelFile } from './model-source.ts';
import type { Model } from './onnx/ir.ts';
import { readModel } from './onnx/read.ts';
import { type Written, writeModel } from './onnx/write.ts';
import type { VerifyOptions, VerifyResult } from './verify/result.ts';
import { verifyModels } from './verify/verify.ts';

/** How to save a grown model. */
export interface SaveOptions {
  /** Compare both models in onnxruntime before the file gets its name. Default true. */
  readonly verify?: boolean;
  /** Prove that the written file computes what the old one does before it gets its name. Default true. */
  readonly check?: boolean;
  /** Keep the file only if that is proved. Default false: what is verified but not proved is kept. */
  readonly requireProof?: boolean;
  /** Replace what is at the target. Default false. */
  readonly force?: boolean;
  /** Where weights go: as in the old file, all larger ones to a data file, or all into the model. Default `auto`. */
  readonly externalData?: 'auto' | 'always' | 'never';
  /** Seed of the inputs of the comparison. Default: the seed of growth. */
  readonly seed?: number;
  /** Told what is being done; `done` and `total` in bytes where they are known. */
  readonly onProgress?: (what: string, done: number | null, total: number | null) => void;
  /** Stops and cleans up; the signal's reason is thrown. */
  readonly signal?: AbortSignal;
  /** Called when everything is checked and only the final name is missing; what it throws keeps the target as it was. */
  readonly beforeRename?: () => Promise<void>;
}

/** What was saved. `externalData` names the data file beside the model, `verify` and `check` are null when they were not asked for. */
export interface Saved extends Written {
  readonly file: string;
  readonly verify: VerifyResult | null;
  readonly check: CheckResult | null;
}

/** Writes a grown model beside its target, compares it with the old one, and gives it its name when it is preserved. */
export async function saveGrown(old: ModelSource, grown: Model, file: string, options: SaveOptions): Promise<Saved> {
  const { signal } = options;
  let result: VerifyResult | null = null;
  let proof: CheckResult | null = null;
  const compare = async (temporary: string): Promise<void> => {
    if (options.check ?? true) {
      options.onProgress?.('check', null, null);
      proof = checkModels(openModel(old), readModel(temporary));
      refuseUnproved(proof, file, options.requireProof ?? false);
    }
    if (options.verify ?? true) {
      const verifying: VerifyOptions = {
        seed: options.seed ?? 0,
        onProgress: (what) => options.onProgress?.(`verify: ${what}`, null, null),
        ...(signal === undefined ? {} : { signal }),
      };
      result = await withModelFile(old, (oldFile) => verifyModels(oldFile, temporary, verifying));
      refuseUnpreserved(result, file);
    }
    await options.beforeRename?.();
  };
  const written = await writeModel(grown, file, {
    externalData: options.externalData ?? 'auto',
    force: options.force ?? false,
    onProgress: (done, total) => options.onProgress?.('write', done, total),
    beforeRename: compare,
    ...(signal === undefined ? {} : { signal }),
  });
  return { file, ...written, verify: result, check: proof };
}

/** An equality that is false is never handed over; one that nobody could show only where a proof was not demanded. */
function refuseUnproved({ proved, findings }: CheckResult, file: string, requireProof: boolean): void {
  const refuted = findings.find((finding) => finding.kind === 'refuted');
  if (refuted !== undefined)
    throw new GrowError('FUNCTION_CHANGED', `the grown model computes something else: ${refuted.where}: ${refuted.message}`, {
      where: file,
      hint: 'nothing was written; this is a bug of onnx-grow, please report it',
    });
  const [first] = findings;
  if (!proved && requireProof)
    throw new GrowError('NOT_PROVED', `the grown model is not proved to compute the same: ${first?.where ?? ''}: ${first?.message ?? ''}`, {
      where: file,
      hint: 'nothing was written; without --require-proof the numeric comparison decides',
    });
}

/** A model is handed over only when it is shown to compute what the old one does. */
function refuseUnpreserved({ verdict, reason }: VerifyResult, file: string): void {
  const why = reason === null ? '' : `: ${reason}`;
  if (verdict === 'changed')
    throw new GrowError('FUNCTION_CHANGED', `the grown model computes something else${why}`, {
      where: file,
      hint: 'nothing was written; this is a bug of onnx-grow or of the runtime, please report it',
    });
  if (verdict === 'inconclusive')
    throw new GrowError('INCONCLUSIVE', `the comparison proves nothing${why}`, {
      where: file,
      hint: 'nothing was written; --no-verify writes without a comparison',
    });
}
