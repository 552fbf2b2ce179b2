/** Attention over groups of heads, and rotations: grown in heads and widths, with the right zeros proved, with each fault not. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown as Case } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const PROJECTED = 'MatMul(x, wq) -> q;MatMul(x, wk) -> k;MatMul(x, wv) -> v';
const BACK = 'MatMul(a, wo) -> y';
const MHA = 'com.microsoft.MultiHeadAttention';
const PRESENT = ['y', 'present_key', 'present_value'];

const GQA = 'com.microsoft.GroupQueryAttention';
const LENGTHS: Case['counts'] = { jlast: [[1], [2]], jtotal: [[], [3]], jother: [[1], [1]] };
const WIDTHS = { G: 2, r: 2, k: 8 };
const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7];
const WIDER = [...EIGHT.slice(0, 4), ...new Array<number>(8).fill(-1), ...EIGHT.slice(4)];
const GQA_WEIGHTS = { wq: '4 G.r.k', wk: '4 G.k', wv: '4 G.k', wo: 'G.r.k 4' };
const GQA_GROWTHS: Case['grown'] = {
  'heads of keys': { places: { G: FRONT }, zeros: { wo: 'G' } },
  'heads in a group': { places: { r: FRONT }, zeros: { wo: 'r' } },
  'widths, keys of zeros': { places: { k: WIDER }, zeros: { wk: 'k', wo: 'k' } },
  'widths, queries of zeros': { places: { k: WIDER }, zeros: { wq: 'k', wo: 'k' } },
};
const PACKED_GROWTHS: Case['grown'] = {
  'as it was': { places: {} },
  'heads of keys': { places: { G: FRONT }, zeros: { wo: 'G' } },
  'heads in a group': { places: { r: FRONT }, zeros: { wo: 'r' } },
  'widths, keys of zeros': { places: { k: WIDER }, zeros: { w: 'k@1', wo: 'k' } },
  'widths, queries of zeros': { places: { k: WIDER }, zeros: { w: 'k@0', wo: 'k' } },
  'not with values of zeros': { places: { k: WIDER }, zeros: { w: 'k@2', wo: 'k' } },
  // true, but unknown: nothing is said of new elements of the result
  'not where values alone are zero': { places: { k: WIDER }, zeros: { w: 'k' } },
};
const ROTATED: Pick<Case, 'sizes' | 'made'> = { sizes: { G: 2, r: 1, c: 8 }, made: { k: 'c+c' } };
const IN_PAIRS: Pick<Case, 'sizes' | 'made'> = { sizes: { G: 2, r: 1, c: 8, two: 2 }, made: { k: 'c.two' } };
const TABLES = { wcos: '8 c', wsin: '8 c' };
const ROTATED_GROWTHS: Case['grown'] = {
  heads: { places: { G: FRONT }, zeros: { wo: 'G' } },
  'widths, keys of zeros': { places: { c: WIDER }, zeros: { wk: 'c', wo: 'c' } },
  'widths, queries of zeros': { places: { c: WIDER }, zeros: { wq: 'c', wo: 'c' } },
  'not with half a pair of zeros': { places: { c: WIDER }, zeros: { wk: 'c@0', wo: 'c' } },
};

const GROUP_QUERY: Readonly<Record<string, Case>> = {
  'apart from each other': {
    lines: `${PROJECTED};${GQA}(q, k, v, '', '', jlast, jtotal) num_heads={G.r} kv_num_heads={G} scale=0.5 -> a present_key present_value;${BACK}`,
    weights: GQA_WEIGHTS,
    counts: LENGTHS,
    sizes: WIDTHS,
    grown: GQA_GROWTHS,
    faults: {
      'another scale': ['scale=0.5', 'scale=0.25'],
      'other lengths': ['jlast, jtotal', 'jother, jtotal'],
      'a window': ['scale=0.5', 'scale=0.5 local_window_size=1'],
    },
  },
  packed: {
    lines: `MatMul(x, w) -> q;${GQA}(q, '', '', '', '', jlast, jtotal) num_heads={G.r} kv_num_heads={G} scale=0.5 -> a present_key present_value;${BACK}`,
    weights: { w: '4 G.r.k+G.k+G.k', wo: 'G.r.k 4' },
    counts: LENGTHS,
    sizes: WIDTHS,
    grown: PACKED_GROWTHS,
  },
  caches: {
    lines: `${PROJECTED};${GQA}(q, k, v, past_key, past_value, jlast, jtotal) num_heads={G.r} kv_num_heads={G} scale=0.5 -> a present_key present_value;${BACK}`,
    weights: GQA_WEIGHTS,
    counts: { jlast: [[1], [4]], jtotal: [[], [5]] },
    inputs: { past_key: '1 G 2 k', past_value: '1 G 2 k' },
    outputs: PRESENT,
    sizes: WIDTHS,
    grown: {
      'heads of keys': { places: { G: [0, 1, -1] }, zeros: { wo: 'G' } },
      'widths, keys of zeros': { places: { k: [...EIGHT, ...new Array<number>(8).fill(-1)] }, zeros: { wk: 'k', wo: 'k', past_key: 'k', past_value: 'k' } },
      'widths, queries of zeros': { places: { k: WIDER }, zeros: { wq: 'k', wo: 'k', past_key: 'k', past_value: 'k' } },
    },
  },
  rotated: {
    lines: `${PROJECTED};${GQA}(q, k, v, '', '', jlast, jtotal, wcos, wsin) num_heads={G.r} kv_num_heads={G} do_rotary=1 scale=0.5 -> a present_key present_value;${BACK}`,
    weights: { ...GQA_WEIGHTS, ...TABLES },
    counts: LENGTHS,
    ...ROTATED,
    grown: ROTATED_GROWTHS,
    faults: { 'tables exchanged': ['wcos, wsin', 'wsin, wcos'], 'pairs side by side': ['do_rotary=1', 'do_rotary=1 rotary_interleaved=1'] },
  },
  'rotated, with keys and values as results': {
    lines: `${PROJECTED};${GQA}(q, k, v, '', '', jlast, jtotal, wcos, wsin) num_heads={G.r} kv_num_heads={G} do_rotary=1 scale=0.5 -> a present_key present_value;${BACK}`,
    weights: { ...GQA_WEIGHTS, ...TABLES },
    counts: LENGTHS,
    outputs: PRESENT,
    ...ROTATED,
    grown: {
      'as it was': { places: {} },
      'not heads more': { places: { G: FRONT }, zeros: { wo: 'G' } },
      'not wider results': { places: { c: WIDER }, zeros: { wk: 'c', wo: 'c' } },
    },
  },
  'rotated, with keys that are cut': {
    lines: `${PROJECTED};${GQA}(q, k, v, '', '', jlast, jtotal, wcos, wsin) num_heads={G.r} kv_num_heads={G} do_rotary=1 scale=0.5 -> a pk pv;ReduceSum(pk, [3]) keepdims=0 -> s;ReduceMax(s) axes=[1] keepdims=0 -> t;Unsqueeze(t, [2]) -> m;Mul(a, m) -> b;MatMul(b, wo) -> y`,
    weights: { ...GQA_WEIGHTS, ...TABLES },
    counts: LENGTHS,
    ...ROTATED,
    grown: {
      'as it was': { places: {} },
      'not keys that are read': { places: { c: WIDER }, zeros: { wq: 'c', wo: 'c' } },
    },
  },
  'rotated in pairs': {
    lines: `${PROJECTED};${GQA}(q, k, v, '', '', jlast, jtotal, wcos, wsin) num_heads={G.r} kv_num_heads={G} do_rotary=1 rotary_interleaved=1 scale=0.5 -> a present_key present_value;${BACK}`,
    weights: { ...GQA_WEIGHTS, ...TABLES },
    counts: LENGTHS,
    ...IN_PAIRS,
    grown: Object.fromEntries(Object.entries(ROTATED_GROWTHS).slice(0, 3)),
  },
};

const ROPE = 'com.microsoft.RotaryEmbedding';
const HALVES: Pick<Case, 'sizes' | 'made'> = { sizes: { E: 2, c: 2 }, made: { k: 'c+c' } };
const PAIRS: Pick<Case, 'sizes' | 'made'> = { sizes: { E: 2, c: 2, two: 2 }, made: { k: 'c.two' } };
const ROPE_WEIGHTS = { wq: '4 E.k', wk: '4 E.k', wv: '4 E.2', wo: 'E.2 4', ...TABLES };
const ROPE_GROWTHS: Case['grown'] = {
  heads: { places: { E: FRONT }, zeros: { wo: 'E' } },
  'keys of zeros': { places: { c: FRONT }, zeros: { wk: 'c' } },
  'queries of zeros': { places: { c: FRONT }, zeros: { wq: 'c' } },
};
const rotated = (operator: string, attributes: string): string =>
  `${PROJECTED};${operator.replace('_', 'q')} ${attributes} -> qr;${operator.replace('_', 'k')} ${attributes} -> kr;${MHA}(qr, kr, v) num_heads={E} scale=0.5 -> a;${BACK}`;

const ROTATIONS: Readonly<Record<string, Case>> = {
  halves: {
    lines: rotated(`${ROPE}(_, ipos, wcos, wsin)`, 'num_heads={E}'),
    weights: ROPE_WEIGHTS,
    inputs: { ipos: '1 3' },
    ...HALVES,
    grown: { ...ROPE_GROWTHS, 'not half a pair': { places: { c: FRONT }, zeros: { wk: 'c@0' } } },
    faults: {
      'tables exchanged': ['wcos, wsin', 'wsin, wcos'],
      'pairs side by side': ['num_heads={E} ->', 'num_heads={E} interleaved=1 ->'],
    },
  },
  'pairs side by side': {
    lines: rotated(`${ROPE}(_, ipos, wcos, wsin)`, 'num_heads={E} interleaved=1'),
    weights: ROPE_WEIGHTS,
    inputs: { ipos: '1 3' },
    ...PAIRS,
    grown: ROPE_GROWTHS,
  },
  'the standard operator': {
    lines: rotated('RotaryEmbedding(_, wcos, wsin)', 'num_heads={E}'),
    weights: { ...ROPE_WEIGHTS, wcos: '1 3 c', wsin: '1 3 c' },
    ...HALVES,
    opset: 23,
    grown: ROPE_GROWTHS,
    faults: { 'tables exchanged': ['wcos, wsin', 'wsin, wcos'] },
  },
  'a part that is not rotated': {
    lines: rotated('RotaryEmbedding(_, wcos, wsin)', 'num_heads={E} rotary_embedding_dim={c+c}'),
    weights: { ...ROPE_WEIGHTS, wcos: '1 3 c', wsin: '1 3 c' },
    sizes: { E: 2, c: 1, s: 2 },
    made: { k: 'c+c+s' },
    opset: 23,
    grown: {
      heads: { places: { E: FRONT }, zeros: { wo: 'E' } },
      'what is not rotated': { places: { s: FRONT }, zeros: { wk: 's' } },
      'not what is rotated, since an attribute says how much that is': { places: { c: [0, -1] }, zeros: { wk: 'c' } },
    },
  },
};

describeGrowths({ GroupQueryAttention: GROUP_QUERY, RotaryEmbedding: ROTATIONS });
