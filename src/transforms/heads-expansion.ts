import { growingLeaf } from './attention-expansion.ts';
import { axisUnit, type Transform } from './transform.ts';

/**
 * Heads expansion (Gesmundo & Maile 2023, theorem 3.3).
 *
 * The value width v of every head grows: W^V gains arbitrary columns at the end of each head, W^O gains zero rows inside each
 * head's block. The output is linear in the values, so the new ones meet zeros.
 */
export const headsExpansion: Transform = {
  axis: 'v',
  summary: 'value width v per head',
  theorem: '3.3',
  units: (anatomy) =>
    anatomy.stacks.flatMap((stack) =>
      stack.layers.flatMap((layer) =>
        layer.attention.map((attention) =>
          axisUnit(
            { stack, layer: layer.index, block: attention.role },
            attention.v,
            growingLeaf(attention.v),
            'its width is fixed by the graph',
            attention.multipleOf,
          ),
        ),
      ),
    ),
};
