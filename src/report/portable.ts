import type { AttentionReport, Inspection, LayerReport } from './inspect.ts';

/** Whether the grown weights fit the standard module of the bigger size, and why not. */
export interface Portable {
  readonly ok: boolean;
  readonly why: readonly string[];
}

/** Compares the sizes before and after; only what growth brought about counts. */
export function judgePortability(before: Inspection, after: Inspection, norm: 'native' | 'old-block' | null): Portable {
  const old = allBlocks(before);
  const now = allBlocks(after);
  const qkGrew = largest(now, (block) => block.qk) > largest(old, (block) => block.qk);
  const reasons: readonly (readonly [boolean, string])[] = [
    [norm === 'old-block', 'norms keep their statistics over the old channels (old-block form), a standard module takes them over all'],
    [appears(before, after, differentWidths), 'query/key width and value width differ (k ≠ v)'],
    [qkGrew, 'scores stay scaled as for the old query/key width, a standard module scales by the new one'],
    [qkGrew && now.some((block) => block.rope), 'new rotary frequencies are not those of the standard formula'],
    [appears(before, after, headsLeaveHidden), 'heads × width is not the hidden width: only modules that take the head width as a setting fit'],
    [appears(before, after, layersDiffer), 'layers have different widths'],
  ];
  const why = reasons.flatMap(([holds, reason]) => (holds ? [reason] : []));
  return { ok: why.length === 0, why };
}

const appears = (before: Inspection, after: Inspection, test: (model: Inspection) => boolean): boolean => test(after) && !test(before);

const allBlocks = (model: Inspection): AttentionReport[] => model.layers.flatMap((layer) => layer.attention);

const largest = (blocks: readonly AttentionReport[], size: (block: AttentionReport) => number): number => Math.max(0, ...blocks.map(size));

const differentWidths = (model: Inspection): boolean => allBlocks(model).some((block) => block.qk !== block.v);

const headsLeaveHidden = (model: Inspection): boolean =>
  model.streams.some((stream) => layersOf(model, stream.name).some((layer) => layer.attention.some((block) => block.heads * block.v !== stream.hidden)));

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
