/** What stands beside queries, keys and values in an attention block: missing operands, masks, other blocks of the same queries, numbers of heads. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown, Growth } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const PROJECTED = 'MatMul(x, wq) -> q;MatMul(x, wk) -> k;MatMul(x, wv) -> v';
const BACK = 'MatMul(a, wo) -> y';
const WEIGHTS = { wq: '4 E.k', wk: '4 E.k', wv: '4 E.v', wo: 'E.v 4' };
const HEADS: Growth = { places: { E: FRONT }, zeros: { wo: 'E' } };
const KEYS: Growth = { places: { k: FRONT }, zeros: { wk: 'k' } };
const SAME: Growth = { places: {} };
const MHA = 'com.microsoft.MultiHeadAttention';
const STANDARD = (operands: string, more = ''): string => `Attention(${operands}) q_num_heads={E} kv_num_heads={E} scale=0.5${more} -> a;${BACK}`;
const own = (lines: string, grown: Grown['grown'], more: Partial<Grown> = {}): Grown => ({
  lines,
  weights: WEIGHTS,
  sizes: { E: 2, k: 2, v: 3 },
  opset: 23,
  grown,
  ...more,
});
/** Zeros of the size of scores, as a mask of numbers or of truth values. */
const ZEROS = 'Sub(x, x) -> z;Slice(z, [0], [3], [2]) -> z3;Unsqueeze(z3, [1]) -> zm';

const MASKS: Readonly<Record<string, Grown>> = {
  'a mask that lets nothing through': own(
    `${PROJECTED};${ZEROS};Cast(zm) to=9 -> mask;${STANDARD('q, k, v, mask')}`,
    // true, and not known: zeros are no operand that is followed
    { 'not heads': HEADS },
    { faults: { 'no mask': ['q, k, v, mask', 'q, k, v'] } },
  ),
  'no mask': own(
    `${PROJECTED};${ZEROS};Cast(zm) to=9 -> mask;${STANDARD('q, k, v')}`,
    { heads: HEADS },
    { faults: { 'a mask': ['q, k, v', 'q, k, v, mask'] } },
  ),
  'a mask of zeros': own(`${PROJECTED};${ZEROS};${STANDARD('q, k, v, zm')}`, { 'as it was': SAME }, { faults: { 'no mask': ['q, k, v, zm', 'q, k, v'] } }),
  'one that is computed': own(
    `${PROJECTED};Mul(x, x) -> s;Slice(s, [0], [3], [2]) -> s3;Unsqueeze(s3, [1]) -> mask;${STANDARD('q, k, v, mask')}`,
    { 'as it was': SAME, heads: HEADS, keys: KEYS },
    { faults: { another: ['Mul(x, x)', 'Add(x, x)'], 'no mask': ['q, k, v, mask', 'q, k, v'], twice: ['Mul(x, x) -> s', 'Mul(x, x) -> t;Add(t, t) -> s'] } },
  ),
  'one that is stored, for all heads': own(
    `${PROJECTED};${STANDARD('q, k, v, wm')}`,
    { 'as it was': SAME, heads: HEADS, keys: KEYS },
    { weights: { ...WEIGHTS, wm: '3 3', wn: '1 E 3 3' }, faults: { 'one for each': ['q, k, v, wm', 'q, k, v, wn'], none: ['q, k, v, wm', 'q, k, v'] } },
  ),
  'one that is stored, for each head': own(
    `${PROJECTED};${STANDARD('q, k, v, wm')}`,
    { 'as it was': SAME, heads: HEADS, 'zeros for new heads': { places: { E: FRONT }, zeros: { wo: 'E', wm: 'E' } }, keys: KEYS },
    { weights: { ...WEIGHTS, wm: '1 E 3 3' }, faults: { transposed: ['Attention(q, k, v, wm)', 'Transpose(wm) perm=[0,1,3,2] -> wt;Attention(q, k, v, wt)'] } },
  ),
  'one that is infinite at new places': own(
    `Div(wm, wd) -> mask;${PROJECTED};${STANDARD('q, k, v, mask')}`,
    { 'as it was': SAME, heads: HEADS, 'not heads of infinities': { places: { E: FRONT }, zeros: { wo: 'E', wd: 'E' } } },
    { weights: { ...WEIGHTS, wm: '1 E 3 3', wd: '1 E 1 1' } },
  ),
};

const TWO = `${PROJECTED};MatMul(x, wj) -> j;${MHA}(q, k, v) num_heads={E} scale=0.5 -> a1;${MHA}(q, j, v) num_heads={E} scale=0.5 -> a2;Mul(a1, a2) -> a;${BACK}`;
const BLOCKS: Readonly<Record<string, Grown>> = {
  'two of the same queries': own(
    TWO,
    { 'as it was': SAME, heads: HEADS, keys: { places: { k: FRONT }, zeros: { wq: 'k' } }, 'not one of both': KEYS },
    {
      weights: { ...WEIGHTS, wj: '4 E.k' },
      faults: { 'the first twice': ['(q, j, v)', '(q, k, v)'], 'the second twice': ['(q, k, v)', '(q, j, v)'], 'another one': ['(q, j, v)', '(j, k, v)'] },
    },
  ),
  'the scale that the width says, written down': own(`${PROJECTED};${MHA}(q, k, v) num_heads={E} scale=0.5 -> a;${BACK}`, {
    'not in another width': { places: {}, lines: ['scale=0.5', ''] },
  }),
  'the scale that the width says': own(
    `${PROJECTED};${MHA}(q, k, v) num_heads={E} -> a;${BACK}`,
    { 'as it was': SAME, 'written down': { places: {}, lines: ['num_heads={E}', 'num_heads={E} scale=0.5'] }, heads: HEADS },
    { sizes: { E: 2, k: 4, v: 3 }, faults: { another: ['num_heads={E}', 'num_heads={E} scale=0.25'] } },
  ),
  'heads and widths': own(
    `${PROJECTED};${MHA}(q, k, v) num_heads={E} scale=0.5 -> a;${BACK}`,
    { 'as it was': SAME, 'not with other heads': { places: {}, lines: ['num_heads={E}', 'num_heads={k}'] }, heads: HEADS },
    { sizes: { E: 2, k: 3, v: 3 } },
  ),
  'a mask by lengths': own(
    `${PROJECTED};${MHA}(q, k, v, '', jlen) num_heads={E} scale=0.5 -> a;${BACK}`,
    { 'as it was': SAME, heads: HEADS },
    {
      counts: {
        jlen: [[1], [2]],
        jmask: [
          [1, 3],
          [1, 1, 0],
        ],
      },
      faults: { 'as ones and zeros': ['jlen', 'jmask'], none: [", '', jlen", ''] },
    },
  ),
  'queries that are stored': own(
    `MatMul(x, wk) -> k;MatMul(x, wv) -> v;${MHA}(ws, k, v) num_heads={E} scale=0.5 -> a;${BACK}`,
    { 'as it was': SAME, 'not heads': HEADS },
    { weights: { ws: '1 3 E.k', wk: '4 E.k', wv: '4 E.v', wo: 'E.v 4' } },
  ),
  'keys that are stored': own(
    `MatMul(x, wq) -> q;MatMul(x, wv) -> v;${MHA}(q, ws, v) num_heads={E} scale=0.5 -> a;${BACK}`,
    { 'as it was': SAME, heads: HEADS, keys: { places: { k: FRONT }, zeros: { ws: 'k' } }, 'not keys alone': { places: { k: FRONT } } },
    { weights: { wq: '4 E.k', ws: '1 3 E.k', wv: '4 E.v', wo: 'E.v 4' } },
  ),
};

describeGrowths({ masks: MASKS, blocks: BLOCKS });
