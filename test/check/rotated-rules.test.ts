/** Rotations whose new elements are read: one that is zero in front may be none behind. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown } from '../support/leaves.ts';

const FRONT = [0, -1, 1];

/** What is rotated is zero where both of a pair are: what is new is summed up. */
const rotation = (lines: string, made: string, own: Partial<Grown>, grown: Grown['grown']): Grown => ({
  lines: `${lines};Neg(o) -> y`,
  weights: { wq: '4 E.k' },
  sizes: { E: 2, c: 2, two: 2, s: 2 },
  made: { k: made },
  ...own,
  grown,
});
const TABLES = { wcos: '1 3 c', wsin: '1 3 c' };
const OPSET: Partial<Grown> = { weights: { wq: '4 E.k', ...TABLES }, opset: 23 };
const FLAT = 'MatMul(x, wq) -> q;RotaryEmbedding(q, wcos, wsin)';
const SUMMED = '-> r;ReduceSum(r, [-1]) keepdims=0 -> o';
const HALVES: Grown['grown'] = {
  heads: { places: { E: FRONT }, zeros: { wq: 'E' } },
  'not heads that are read': { places: { E: FRONT } },
  pairs: { places: { c: FRONT }, zeros: { wq: 'c' } },
  'not the first of a pair': { places: { c: FRONT }, zeros: { wq: 'c@0' } },
  'not the second of a pair': { places: { c: FRONT }, zeros: { wq: 'c@1' } },
  'two pairs': { places: { c: [-1, 0, 1, -1] }, zeros: { wq: 'c' } },
  'not one of two pairs': { places: { c: [-1, 0, 1, -1] }, zeros: { wq: 'c:0' } },
};
const IN_PAIRS: Grown['grown'] = {
  heads: { places: { E: FRONT }, zeros: { wq: 'E' } },
  pairs: { places: { c: FRONT }, zeros: { wq: 'c' } },
  'not one of two pairs': { places: { c: [-1, 0, 1, -1] }, zeros: { wq: 'c:0' } },
};
const FOUR = 'MatMul(x, wq) -> q;Reshape(q, [1,3,{E},{k}]) -> q4;Transpose(q4) perm=[0,2,1,3] -> qt;RotaryEmbedding(qt, wcos, wsin)';
const ROTATIONS: Readonly<Record<string, Grown>> = {
  'heads side by side': rotation(`${FLAT} num_heads={E} ${SUMMED}`, 'c+c', OPSET, HALVES),
  'heads side by side, pairs side by side': rotation(`${FLAT} num_heads={E} interleaved=1 ${SUMMED}`, 'c.two', OPSET, IN_PAIRS),
  'heads apart': rotation(`${FOUR} -> r;ReduceSum(r, [1,3]) keepdims=0 -> o`, 'c+c', OPSET, HALVES),
  'heads apart, pairs side by side': rotation(`${FOUR} interleaved=1 -> r;ReduceSum(r, [1,3]) keepdims=0 -> o`, 'c.two', OPSET, IN_PAIRS),
  'a part that is not rotated': rotation(`${FLAT} num_heads={E} rotary_embedding_dim={c+c} ${SUMMED}`, 'c+c+s', OPSET, {
    heads: { places: { E: FRONT }, zeros: { wq: 'E' } },
    'what is not rotated': { places: { s: FRONT }, zeros: { wq: 's' } },
    'not what is read': { places: { s: FRONT } },
  }),
  'the operator of com.microsoft': {
    ...rotation(
      `MatMul(x, wq) -> q;com.microsoft.RotaryEmbedding(q, ipos, wcos, wsin) num_heads={E} ${SUMMED}`,
      'c+c',
      { weights: { wq: '4 E.k', wcos: '8 c', wsin: '8 c' }, inputs: { ipos: '1 3' } },
      HALVES,
    ),
    // the runtime does not look at it
    faults: { 'an attribute more': ['num_heads={E}', 'num_heads={E} scale=0.5'] },
  },
};

describeGrowths({ RotaryEmbedding: ROTATIONS });
