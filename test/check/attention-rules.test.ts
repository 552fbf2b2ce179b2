/** Operators that are a whole attention block or a rotation, grown in heads and widths: with the right zeros proved, with each fault not. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown as Case, Growth } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const TWO_NEW = [0, -1, 1, -1];

const PROJECTED = 'MatMul(x, wq) -> q;MatMul(x, wk) -> k;MatMul(x, wv) -> v';
const BACK = 'MatMul(a, wo) -> y';
const WEIGHTS = { wq: '4 E.k', wk: '4 E.k', wv: '4 E.v', wo: 'E.v 4' };
const ONE_WIDTH = { wq: '4 E.k', wk: '4 E.k', wv: '4 E.k', wo: 'E.k 4' };
const SIZES = { E: 2, k: 2, v: 3 };
const HEADS: Growth = { places: { E: FRONT }, zeros: { wo: 'E' } };
const VALUES: Growth = { places: { v: [0, 1, -1, 2] }, zeros: { wo: 'v' } };
const KEYS: Growth = { places: { k: FRONT }, zeros: { wk: 'k' } };
const QUERIES: Growth = { places: { k: FRONT }, zeros: { wq: 'k' } };
const EITHER: Growth = { places: { k: TWO_NEW }, zeros: { wq: 'k:1', wk: 'k:3' } };
const NEITHER: Growth = { places: { k: TWO_NEW }, zeros: { wq: 'k:1', wk: 'k:1' } };
const ALL: Growth = { places: { E: FRONT, v: [-1, 0, 1, 2], k: [0, 1, -1] }, zeros: { wo: 'E v', wk: 'k' } };
const PLAIN = {
  heads: HEADS,
  values: VALUES,
  'keys of zeros': KEYS,
  'queries of zeros': QUERIES,
  either: EITHER,
  'not where neither is zero': NEITHER,
  all: ALL,
  'as it was': { places: {} },
};

/** Groups of query heads on one head of keys. */
const GROUPED = { wq: '4 G.r.k', wk: '4 G.k', wv: '4 G.v', wo: 'G.r.v 4' };
const GROUPS = { G: 2, r: 2, k: 2, v: 3 };
const GROUPED_GROWTHS = {
  'heads of keys': { places: { G: FRONT }, zeros: { wo: 'G' } },
  'heads in a group': { places: { r: FRONT }, zeros: { wo: 'r' } },
  values: VALUES,
  keys: KEYS,
  either: EITHER,
  'not where neither is zero': NEITHER,
  all: { places: { G: [-1, 0, 1], r: FRONT, k: [0, 1, -1], v: [-1, 0, 1, 2] }, zeros: { wo: 'G r v', wk: 'k' } },
};

const MHA = 'com.microsoft.MultiHeadAttention';
const CACHES = { past_key: '1 E 2 k', past_value: '1 E 2 k' };
const PRESENT = ['y', 'present_key', 'present_value'];

const MULTI_HEAD: Readonly<Record<string, Case>> = {
  plain: {
    lines: `${PROJECTED};${MHA}(q, k, v) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: WEIGHTS,
    sizes: SIZES,
    grown: PLAIN,
    faults: {
      'another scale': ['scale=0.5', 'scale=0.25'],
      'no scale': [' scale=0.5', ''],
      'causal now': ['scale=0.5', 'scale=0.5 unidirectional=1'],
      'values as keys': ['(q, k, v)', '(q, v, v)'],
      'queries and keys exchanged': ['(q, k, v)', '(k, q, v)'],
      'values of queries': ['(q, k, v)', '(q, k, q)'],
    },
  },
  'the scale that the width says': {
    lines: `${PROJECTED};${MHA}(q, k, v) num_heads={E} -> a;${BACK}`,
    weights: WEIGHTS,
    sizes: SIZES,
    grown: { heads: HEADS, values: VALUES, 'not keys': KEYS },
  },
  'a bias': {
    lines: `${PROJECTED};${MHA}(q, k, v, wb) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: { ...WEIGHTS, wb: 'E.k+E.k+E.v' },
    sizes: SIZES,
    grown: {
      heads: HEADS,
      values: VALUES,
      'keys of zeros': { places: { k: FRONT }, zeros: { wk: 'k', wb: 'k@1' } },
      'queries of zeros': { places: { k: FRONT }, zeros: { wq: 'k', wb: 'k@0' } },
      'both of zeros': { places: { k: FRONT }, zeros: { wq: 'k', wk: 'k', wb: 'k' } },
      'not with the bias of the other': { places: { k: FRONT }, zeros: { wk: 'k', wb: 'k@0' } },
    },
    faults: { 'no bias': ['(q, k, v, wb)', '(q, k, v)'] },
  },
  'a mask for each head': {
    lines: `${PROJECTED};${MHA}(q, k, v, '', '', wmask) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: { ...WEIGHTS, wmask: '1 E 3 3' },
    sizes: SIZES,
    grown: { heads: HEADS, keys: KEYS, values: VALUES },
    faults: { 'no mask': [", '', '', wmask", ''] },
  },
  'a mask for all heads': {
    lines: `${PROJECTED};Mul(x, x) -> s;Slice(s, [0], [3], [2]) -> m;Unsqueeze(m, [1]) -> mask;${MHA}(q, k, v, '', '', mask) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: WEIGHTS,
    sizes: SIZES,
    grown: { heads: HEADS, keys: KEYS },
    faults: { 'another mask': ['Mul(x, x)', 'Add(x, x)'] },
  },
  'lengths of keys': {
    lines: `${PROJECTED};${MHA}(q, k, v, '', jlen) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: WEIGHTS,
    counts: { jlen: [[1], [2]], jmore: [[1], [3]] },
    sizes: SIZES,
    grown: { heads: HEADS, keys: KEYS },
    faults: { 'other lengths': ['jlen', 'jmore'] },
  },
  caches: {
    lines: `${PROJECTED};${MHA}(q, k, v, '', '', '', past_key, past_value) num_heads={E} scale=0.5 -> a present_key present_value;${BACK}`,
    weights: ONE_WIDTH,
    inputs: CACHES,
    outputs: PRESENT,
    sizes: SIZES,
    grown: {
      heads: { places: { E: [0, 1, -1] }, zeros: { wo: 'E' } },
      'heads in between': HEADS,
      'keys of zeros': { places: { k: FRONT }, zeros: { wk: 'k', wo: 'k', past_key: 'k', past_value: 'k' } },
      'queries of zeros': { places: { k: FRONT }, zeros: { wq: 'k', wo: 'k', past_key: 'k', past_value: 'k' } },
      'not where neither is zero': { places: { k: FRONT }, zeros: { wv: 'k', wo: 'k', past_key: 'k', past_value: 'k' } },
    },
    faults: {
      'caches exchanged': ['past_key, past_value', 'past_value, past_key'],
      'one cache twice': ['past_key, past_value', 'past_key, past_key'],
      'no caches': [", '', '', '', past_key, past_value", ''],
      'results exchanged': ['present_key present_value', 'present_value present_key'],
    },
  },
  'keys of four dimensions': {
    lines: `${PROJECTED};Reshape(k, [1,3,{E},{k}]) -> k4;Transpose(k4) perm=[0,2,1,3] -> kt;Reshape(v, [1,3,{E},{k}]) -> v4;Transpose(v4) perm=[0,2,1,3] -> vt;${MHA}(q, kt, vt) num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: ONE_WIDTH,
    sizes: SIZES,
    grown: {
      heads: HEADS,
      'keys of zeros': { places: { k: FRONT }, zeros: { wk: 'k', wo: 'k' } },
      'not where neither is zero': { places: { k: FRONT }, zeros: { wo: 'k' } },
    },
  },
};

const STANDARD: Readonly<Record<string, Case>> = {
  'three dimensions': {
    lines: `${PROJECTED};Attention(q, k, v) q_num_heads={G.r} kv_num_heads={G} scale=0.5 -> a;${BACK}`,
    weights: GROUPED,
    sizes: GROUPS,
    opset: 23,
    grown: GROUPED_GROWTHS,
    faults: {
      'another scale': ['scale=0.5', 'scale=0.75'],
      'no scale': [' scale=0.5', ''],
      'a soft cap': ['scale=0.5', 'scale=0.5 softcap=2.0'],
      'causal now': ['scale=0.5', 'scale=0.5 is_causal=1'],
      'values as keys': ['(q, k, v)', '(q, v, v)'],
    },
  },
  'as many heads of keys': {
    lines: `${PROJECTED};Attention(q, k, v) q_num_heads={E} kv_num_heads={E} scale=0.5 -> a;${BACK}`,
    weights: WEIGHTS,
    sizes: SIZES,
    opset: 23,
    grown: PLAIN,
  },
  'four dimensions': {
    lines: `${PROJECTED};Reshape(q, [1,3,{E},{k}]) -> q4;Transpose(q4) perm=[0,2,1,3] -> qt;Reshape(k, [1,3,{E},{k}]) -> k4;Transpose(k4) perm=[0,2,1,3] -> kt;Reshape(v, [1,3,{E},{v}]) -> v4;Transpose(v4) perm=[0,2,1,3] -> vt;Attention(qt, kt, vt) scale=0.5 -> at;Transpose(at) perm=[0,2,1,3] -> a4;Reshape(a4, [1,3,{E.v}]) -> a;${BACK}`,
    weights: WEIGHTS,
    sizes: SIZES,
    opset: 23,
    grown: PLAIN,
  },
  'a mask': {
    lines: `${PROJECTED};Attention(q, k, v, wmask) q_num_heads={G.r} kv_num_heads={G} scale=0.5 -> a;${BACK}`,
    weights: { ...GROUPED, wmask: '1 G.r 3 3' },
    sizes: GROUPS,
    opset: 23,
    grown: GROUPED_GROWTHS,
    faults: { 'no mask': [', wmask', ''] },
  },
  caches: {
    lines: `${PROJECTED};Attention(q, k, v, '', past_key, past_value) q_num_heads={G.r} kv_num_heads={G} scale=0.5 -> a present_key present_value;${BACK}`,
    weights: GROUPED,
    inputs: { past_key: '1 G 2 k', past_value: '1 G 2 v' },
    outputs: PRESENT,
    sizes: GROUPS,
    opset: 23,
    grown: {
      'heads of keys': { places: { G: [0, 1, -1] }, zeros: { wo: 'G' } },
      'heads in a group': { places: { r: FRONT }, zeros: { wo: 'r' } },
      values: VALUES,
      keys: { ...KEYS, zeros: { wk: 'k', past_key: 'k' } },
      queries: { ...QUERIES, zeros: { wq: 'k', past_key: 'k' } },
      'not where neither is zero': { ...NEITHER, zeros: { ...NEITHER.zeros, past_key: 'k' } },
    },
    faults: {
      'caches exchanged': ['past_key, past_value', 'past_value, past_key'],
      'results exchanged': ['present_key present_value', 'present_value present_key'],
    },
  },
};

const ONE_OPERAND = 'com.microsoft.Attention';
const WITH_BIAS = { w: '4 E.k+E.k+E.v', wb: 'E.k+E.k+E.v', wo: 'E.v 4' };

const PACKED: Readonly<Record<string, Case>> = {
  'widths of their own': {
    lines: `${ONE_OPERAND}(x, w, wb) num_heads={E} qkv_hidden_sizes=[{E.k},{E.k},{E.v}] scale=0.5 -> a;${BACK}`,
    weights: WITH_BIAS,
    sizes: SIZES,
    grown: {
      heads: HEADS,
      values: VALUES,
      'keys of zeros': { places: { k: FRONT }, zeros: { w: 'k@1', wb: 'k@1' } },
      'queries of zeros': { places: { k: FRONT }, zeros: { w: 'k@0', wb: 'k@0' } },
      'as it was': { places: {} },
      'not where the bias is none': { places: { k: FRONT }, zeros: { w: 'k@1', wb: 'k@0' } },
    },
    faults: { 'no bias': ['(x, w, wb)', '(x, w)'], 'another scale': ['scale=0.5', 'scale=0.25'] },
  },
  'a mask and a bias of scores': {
    lines: `${ONE_OPERAND}(x, w, wb, jmask, '', wbias) num_heads={E} qkv_hidden_sizes=[{E.k},{E.k},{E.v}] scale=0.5 -> a;${BACK}`,
    weights: { ...WITH_BIAS, wbias: '1 E 3 3' },
    counts: {
      jmask: [
        [1, 3],
        [1, 1, 0],
      ],
      jopen: [
        [1, 3],
        [1, 1, 1],
      ],
    },
    sizes: SIZES,
    grown: { heads: HEADS, values: VALUES },
    faults: { 'another mask': ['jmask', 'jopen'], 'no mask': ['jmask', "''"] },
  },
  'a cache': {
    lines: `${ONE_OPERAND}(x, w, wb, '', past) num_heads={E} scale=0.5 -> a present;${BACK}`,
    weights: { w: '4 E.k+E.k+E.k', wb: 'E.k+E.k+E.k', wo: 'E.k 4' },
    inputs: { past: '2 1 E 2 k' },
    outputs: ['y', 'present'],
    sizes: SIZES,
    grown: {
      heads: { places: { E: [0, 1, -1] }, zeros: { wo: 'E' } },
      'heads in between': HEADS,
      // true, but unknown: keys and values are one tensor
      'not where keys alone are zero': { places: { k: FRONT }, zeros: { w: 'k@1', wb: 'k@1', wo: 'k', past: 'k' } },
      'widths, queries of zeros': { places: { k: FRONT }, zeros: { w: 'k@0', wb: 'k@0', wo: 'k', past: 'k' } },
    },
    faults: { 'no cache': [", '', past", ''] },
  },
};

describeGrowths({
  MultiHeadAttention: MULTI_HEAD,
  Attention: STANDARD,
  'com.microsoft.Attention': PACKED,
});
