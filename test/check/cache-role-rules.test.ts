/** Caches of attention operators whose new elements other nodes decide: a cache that holds more than zeros counts as keys. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown, Growth } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const PROJECTED = 'MatMul(x, wq) -> q;MatMul(x, wk) -> k;MatMul(x, wv) -> v;MatMul(x, wg) -> g;MatMul(x, wu) -> u';
const BACK = 'MatMul(a, wo) -> y';
/** What is handed on as caches: g and u behind what came in. */
const handedOn = (heads: string, values: string): string =>
  [
    `Reshape(g, [1,3,{${heads}},{k}]) -> g4;Transpose(g4) perm=[0,2,1,3] -> gt;Concat(past_key, gt) axis=2 -> present_key`,
    `Reshape(u, [1,3,{${heads}},{${values}}]) -> u4;Transpose(u4) perm=[0,2,1,3] -> ut;Concat(past_value, ut) axis=2 -> present_value`,
  ].join(';');
const OUTPUTS = ['y', 'present_key', 'present_value'];

const MHA: Grown = {
  lines: `${PROJECTED};com.microsoft.MultiHeadAttention(q, k, v, '', '', '', past_key, past_value) num_heads={E} scale=0.5 -> a;${handedOn('E', 'k')};${BACK}`,
  weights: { wq: '4 E.k', wk: '4 E.k', wv: '4 E.k', wg: '4 E.k', wu: '4 E.k', wo: 'E.k 4' },
  inputs: { past_key: '1 E 2 k', past_value: '1 E 2 k' },
  outputs: OUTPUTS,
  sizes: { E: 2, k: 2 },
  grown: {
    'zeros in all': { places: { k: FRONT }, zeros: { wk: 'k', wg: 'k', wo: 'k', past_key: 'k' } },
    'queries of zeros': { places: { k: FRONT }, zeros: { wq: 'k', wo: 'k' } },
    'not other elements in the cache': { places: { k: FRONT }, zeros: { wk: 'k', wo: 'k' } },
  },
};

const GROUPED: Growth = { places: { k: FRONT }, zeros: { wk: 'k', wg: 'k', past_key: 'k' } };
const STANDARD: Grown = {
  lines: `${PROJECTED};Attention(q, k, v, '', past_key, past_value) q_num_heads={G.r} kv_num_heads={G} scale=0.5 -> a pk pv;${handedOn('G', 'v')};${BACK}`,
  weights: { wq: '4 G.r.k', wk: '4 G.k', wv: '4 G.v', wg: '4 G.k', wu: '4 G.v', wo: 'G.r.v 4' },
  inputs: { past_key: '1 G 2 k', past_value: '1 G 2 v' },
  outputs: OUTPUTS,
  sizes: { G: 2, r: 2, k: 2, v: 3 },
  opset: 23,
  grown: {
    'zeros in all': GROUPED,
    'queries of zeros': { places: { k: FRONT }, zeros: { wq: 'k' } },
    'not other elements in the cache': { places: { k: FRONT }, zeros: { wk: 'k' } },
    values: { places: { v: [0, 1, -1, 2] }, zeros: { wo: 'v' } },
    'not values that count': { places: { v: [0, 1, -1, 2] }, zeros: { wv: 'v' } },
  },
};

describeGrowths({ MultiHeadAttention: { caches: MHA }, Attention: { caches: STANDARD } });
