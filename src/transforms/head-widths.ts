/** Units whose size is a width per head: queries and keys, or values. */
import type { Anatomy } from '../analysis/anatomy.ts';
import type { Attention } from '../analysis/attention.ts';
import { type Axis, leavesOf } from '../analysis/axis.ts';
import { axisUnit, type Unit } from './transform.ts';

/** A unit per attention block, which grows in one of its widths. */
export const perAttention = (anatomy: Anatomy, widthOf: (attention: Attention) => Axis): Unit[] =>
  anatomy.stacks.flatMap((stack) =>
    stack.layers.flatMap((layer) =>
      layer.attention.map((attention) => {
        const width = widthOf(attention);
        const place = { stack, layer: layer.index, block: attention.role };
        if (attention.fixed !== null) return axisUnit(place, width, null, attention.fixed);
        return axisUnit(place, width, growingLeaf(width), 'its width is fixed by the graph', attention.multipleOf);
      }),
    ),
  );

/** The leaf that occurs least often in the axis (not rotated, if there is such a part), the last of several. */
function growingLeaf(axis: Axis): Axis | null {
  const leaves = leavesOf(axis);
  const count = (leaf: Axis): number => leaves.filter((own) => own === leaf).length;
  const free = [...new Set(leaves)].filter((leaf) => leaf.pinned === null);
  const fewest = Math.min(...free.map(count));
  const candidates = axis.form === 'product' ? free.slice(0, 1) : free.filter((leaf) => count(leaf) === fewest);
  return candidates.at(-1) ?? null;
}
