import { perAttention } from './head-widths.ts';
import type { Transform } from './transform.ts';

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
  units: (anatomy) => perAttention(anatomy, (attention) => attention.v),
};
