import type { Anatomy } from '../analysis/anatomy.ts';
import type { Attention } from '../analysis/attention.ts';
import type { Stack } from '../analysis/stacks.ts';
import { productUnit, type Transform, type Unit } from './transform.ts';

/**
 * Head addition (Gesmundo & Maile 2023, theorem 3.2).
 *
 * New heads have arbitrary W^Q, W^K, W^V; the rows of W^O that read them are zero, so the heads' outputs are multiplied by zero.
 * With grouped queries new query heads go inside each group (query head i reads key/value head ⌊i·G/E⌋, a head appended at the
 * end would move the others to other groups), so the number of heads stays a multiple of the number of groups.
 */
export const headAddition: Transform = {
  axis: 'heads',
  summary: 'query heads E; in plain multi-head attention key and value heads come along',
  theorem: '3.2',
  units: (anatomy) =>
    blocks(
      anatomy,
      (attention) => (isGrouped(attention) ? (attention.heads.find((leaf) => !attention.kvHeads.includes(leaf)) ?? null) : (attention.heads[0] ?? null)),
      (attention) => attention.heads,
    ),
};

/** Key/value head addition: whole groups of query heads with their key and value head (theorem 3.2 once per group). */
export const kvHeadAddition: Transform = {
  axis: 'kv-heads',
  summary: 'key/value heads G, a whole group of query heads at a time',
  theorem: '3.2',
  units: (anatomy) =>
    blocks(
      anatomy,
      (attention) => attention.kvHeads[0] ?? null,
      (attention) => attention.kvHeads,
    ),
};

/** True when several query heads share a key/value head. */
export const isGrouped = (attention: Attention): boolean => attention.kvHeads.length < attention.heads.length;

function blocks(anatomy: Anatomy, leafOf: (attention: Attention) => Unit['leaf'], leavesOf: (attention: Attention) => Attention['heads']): Unit[] {
  return anatomy.stacks.flatMap((stack: Stack) =>
    stack.layers.flatMap((layer) =>
      layer.attention.map((attention) =>
        productUnit(
          { stack, layer: layer.index, block: attention.role },
          leavesOf(attention),
          leafOf(attention),
          attention.heads.length === 0
            ? 'attention with one head has no dimension of heads'
            : 'one key/value head serves all query heads: the graph has no dimension of groups that could grow; export it with at least two key/value heads',
        ),
      ),
    ),
  );
}
