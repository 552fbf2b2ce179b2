import type { Model } from '../onnx/ir.ts';
import type { Grown } from '../transforms/grow.ts';
import { type Inspection, inspectModel } from './inspect.ts';
import { judgePortability, type Portable } from './portable.ts';

/** What growth did, found by inspecting both models. */
export interface GrowthReport {
  readonly seed: number;
  readonly steps: readonly string[];
  readonly before: Inspection;
  readonly after: Inspection;
  /** Stored float weights that are new. */
  readonly parametersAdded: number;
  /** One line for each input or output that changed or is cut or padded inside. */
  readonly interfaceChanges: readonly string[];
  readonly portable: Portable;
  /** The form norms have where the hidden width grew; null when it did not. */
  readonly norm: 'native' | 'old-block' | null;
  /** Stored weights whose old elements were rescaled, with the factor. */
  readonly corrections: readonly string[];
  /** New layers in the order they were put in: the stack, the layer they copy, the index they got. */
  readonly inserted: readonly { readonly stack: string; readonly source: number; readonly at: number }[];
  /** Sizes that were rounded, steps that had nothing to do. */
  readonly notes: readonly string[];
}

/** Reports on a grown model. */
export function reportGrowth(
  old: Model,
  file: string | null,
  grown: Grown,
  request: { readonly seed: number; readonly steps: readonly string[] },
): GrowthReport {
  const before = inspectModel(old, file);
  const after = inspectModel(grown.model);
  return {
    ...request,
    before,
    after,
    parametersAdded: after.parameters - before.parameters,
    interfaceChanges: grown.interfaceChanges,
    portable: judgePortability(before, after, grown.unportable),
    norm: grown.norm,
    corrections: grown.corrections,
    inserted: grown.inserted,
    notes: grown.notes,
  };
}
