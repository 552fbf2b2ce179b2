/** Growing a model as a user of the library does it: plan, look, save. */
import { type ModelSource, openModel, pathOf } from './model-source.ts';
import type { Model } from './onnx/ir.ts';
import { placeTensors } from './onnx/place-tensors.ts';
import { encodeModel } from './onnx/serialize.ts';
import { type GrowthReport, reportGrowth } from './report/growth-report.ts';
import { type Saved, type SaveOptions, saveGrown } from './save.ts';
import { growModel } from './transforms/grow.ts';
import { parseStep } from './transforms/recipe.ts';

/** How to grow. */
export interface GrowOptions {
  /** Same seed, same bytes. Default 0. */
  readonly seed?: number;
  /**
   * How norms over a grown hidden width keep their function. `native`: gains and epsilons rescaled, the graph of the bigger
   * standard model; `old-block`: statistics over the old channels only, exact in any precision. Default `auto`: native where
   * it is exact, else old-block.
   */
  readonly norm?: 'auto' | 'native' | 'old-block';
  /** Outputs on the hidden axis show the wide state instead of its old channels. Default false. */
  readonly exposeOutputs?: boolean;
  /** Replaces a fused attention operator by standard ones where it forbids a size. Default false: such a size is refused. */
  readonly allowDecompose?: boolean;
  /**
   * What becomes of a score scale of 1/√k when query/key widths grow. `keep`: it stays the number it was, exact in any precision;
   * `weights`: it becomes that of the new width and W^K (with caches W^Q) is multiplied with √(k̂/k), as a standard module needs it.
   * Default `keep`.
   */
  readonly scale?: 'keep' | 'weights';
  /** What new layers hold where nothing must be zero: their neighbour's weights, or random matrices of the same spread. Default `copy`. */
  readonly newLayer?: 'copy' | 'random';
}

/** A grown model that is not written yet. */
export interface GrownModel {
  readonly model: Model;
  /** What grew; made when it is asked for. */
  readonly report: GrowthReport;
  /** The file's bytes with all weights inside. Throws GrowError IO at 2 GB and more. */
  bytes(): Uint8Array;
  /**
   * Writes the model completely or not at all, by default only after onnxruntime has shown that it computes what the old
   * one does. Throws GrowError FUNCTION_CHANGED, INCONCLUSIVE, OUTPUT_EXISTS, IO, RUNTIME_MISSING or RUNTIME_FAILED.
   */
  save(file: string, options?: SaveOptions): Promise<Saved>;
}

/**
 * Grows a model without changing what it computes. Steps are `axis[selector]=size`, as on the command line: `mlp=x2`,
 * `heads=+2`, `qk[0,2-3]=64`, `layers=+1@after:5`; they apply in the order given. The model given is not changed.
 *
 * Throws GrowError: USAGE, UNKNOWN_STEP and SHRINKING for steps that make no sense, UNSUPPORTED_OP, UNSUPPORTED_AXIS,
 * ILLEGAL_SIZE and COUPLED_AXIS where exact growth is impossible or not understood, and those of reading a model.
 */
export function grow(source: ModelSource, steps: string | readonly string[], options: GrowOptions = {}): GrownModel {
  const parsed = (typeof steps === 'string' ? [steps] : steps).map(parseStep);
  const seed = options.seed ?? 0;
  const old = openModel(source);
  const grown = growModel(old, parsed, {
    seed,
    norm: options.norm ?? 'auto',
    exposeOutputs: options.exposeOutputs ?? false,
    allowDecompose: options.allowDecompose ?? false,
    scale: options.scale ?? 'keep',
    newLayer: options.newLayer ?? 'copy',
  });
  let report: GrowthReport | undefined;
  return {
    model: grown.model,
    get report() {
      report ??= reportGrowth(old, pathOf(source), grown, { seed, steps: parsed.map((step) => step.text) });
      return report;
    },
    bytes: () => encodeModel(placeTensors(grown.model, 'never').model('')),
    save: (file, saveOptions = {}) => saveGrown(source, grown.model, file, { seed, ...saveOptions }),
  };
}
