import { type Axis, leavesOf } from '../analysis/axis.ts';
import { axisUnit, type Transform } from './transform.ts';

/**
 * Attention expansion (Gesmundo & Maile 2023, theorem 3.4).
 *
 * The query/key width k of every head grows: W^Q gains arbitrary columns, W^K zero ones, so q·k is the old sum. The paper
 * rescales W^K by √(k̂/k); the score scale is kept as the constant it was instead, which is exact in any precision. New key
 * biases are zero too: rows in a cache were made without them. Under rotary embeddings new pairs go at the end of each half
 * and old pairs keep their frequencies; a partial rotation grows in its unrotated part.
 */
export const attentionExpansion: Transform = {
  axis: 'qk',
  summary: 'query/key width k per head',
  theorem: '3.4',
  units: (anatomy) =>
    anatomy.stacks.flatMap((stack) =>
      stack.layers.flatMap((layer) =>
        layer.attention.map((attention) =>
          axisUnit(
            { stack, layer: layer.index, block: attention.role },
            attention.qk,
            growingLeaf(attention.qk),
            'its width is fixed by the graph',
            attention.multipleOf,
          ),
        ),
      ),
    ),
};

/** The leaf that occurs least often in the axis (not rotated, if there is such a part), the last of several. */
export function growingLeaf(axis: Axis): Axis | null {
  const leaves = leavesOf(axis);
  const count = (leaf: Axis): number => leaves.filter((own) => own === leaf).length;
  const free = [...new Set(leaves)].filter((leaf) => leaf.pinned === null);
  const fewest = Math.min(...free.map(count));
  const candidates = axis.form === 'product' ? free.slice(0, 1) : free.filter((leaf) => count(leaf) === fewest);
  return candidates.at(-1) ?? null;
}
