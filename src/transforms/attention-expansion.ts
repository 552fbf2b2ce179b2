import { perAttention } from './head-widths.ts';
import type { Transform } from './transform.ts';

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
  units: (anatomy) => perAttention(anatomy, (attention) => attention.qk),
};
