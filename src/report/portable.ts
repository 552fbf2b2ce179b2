import type { AttentionReport, Inspection, LayerReport } from './inspect.ts';

/** Whether the grown weights fit the standard module of the bigger size, and why not. */
export interface Portable {
  readonly ok: boolean;
  readonly why: readonly string[];
}

/** Compares the sizes before and after; only what growth brought about counts. `reasons` are those no size shows. */
export function judgePortability(before: Inspection, after: Inspection, reasons: readonly string[]): Portable {
  const sizes: readonly (readonly [boolean, string])[] = [
    [appears(before, after, differentWidths), 'query/key width and value width differ (k ≠ v)'],
    [appears(before, after, headsLeaveHidden), 'heads × width is not the hidden width: only modules that take the head width as a setting fit'],
    [appears(before, after, layersDiffer), 'layers have different widths'],
  ];
  const why = [...reasons, ...sizes.flatMap(([holds, reason]) => (holds ? [reason] : []))];
  return { ok: why.length === 0, why };
}

const appears = (before: Inspection, after: Inspection, test: (model: Inspection) => boolean): boolean => test(after) && !test(before);

const allBlocks = (model: Inspection): AttentionReport[] => model.layers.flatMap((layer) => layer.attention);

const differentWidths = (model: Inspection): boolean => allBlocks(model).some((block) => block.qk !== block.v);

/** Modules with LayerNorm divide hidden by heads; those with RMSNorm (Llama's and T5's descendants) take the head width as a setting. */
const headsLeaveHidden = (model: Inspection): boolean =>
  model.streams.some(
    (stream) => stream.norm !== 'rms' && layersOf(model, stream.name).some((layer) => layer.attention.some((block) => block.heads * block.v !== stream.hidden)),
  );

const layersDiffer = (model: Inspection): boolean =>
  model.streams.some(
    (stream) =>
      new Set(
        layersOf(model, stream.name).map((layer) =>
          JSON.stringify([layer.mlp?.size, layer.attention.map((block) => [block.role, block.heads, block.kvHeads, block.qk, block.v])]),
        ),
      ).size > 1,
  );

const layersOf = (model: Inspection, stack: string): LayerReport[] => model.layers.filter((layer) => layer.stack === stack);
