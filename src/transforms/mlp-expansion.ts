import { factorsOf, leavesOf } from '../analysis/axis.ts';
import { axisUnit, type Transform } from './transform.ts';

/**
 * MLP expansion (Gesmundo & Maile 2023, theorem 3.1; gated feed-forwards: ARCHITECTURE.md).
 *
 * The inner width p of a feed-forward block grows to p̂: W₁ [h, p] and b₁ [p] (and the gate's) gain arbitrary columns, W₂ [p, h]
 * gains p̂ − p rows of zeros. Every new hidden unit, whatever the activation makes of it, meets a zero row, so the sum over
 * units is the old sum. W₂'s rows get gradient at once, W₁'s columns one step later.
 */
export const mlpExpansion: Transform = {
  axis: 'mlp',
  summary: 'inner width p of the feed-forward blocks (gated ones too)',
  theorem: '3.1',
  units: (anatomy) =>
    anatomy.stacks.flatMap((stack) =>
      stack.layers.flatMap((layer) =>
        layer.mlps.map((mlp) => {
          const leaf = factorsOf(mlp.axis).find((own) => own.form === 'leaf' && own.pinned === null) ?? leavesOf(mlp.axis).at(-1) ?? null;
          return axisUnit({ stack, layer: layer.index, block: null }, mlp.axis, leaf);
        }),
      ),
    ),
};
