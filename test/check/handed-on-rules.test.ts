/** Results of attention besides the product: keys and values that are handed on, and scores, where what is new in them is read. */
import { describeGrowths } from '../support/growths.ts';
import type { Grown, Growth, Leaves } from '../support/leaves.ts';

const FRONT = [0, -1, 1];
const BEHIND = [0, 1, -1];
const PROJECTED = 'MatMul(x, wq) -> q;MatMul(x, wk) -> k;MatMul(x, wv) -> v';
const WEIGHTS = { wq: '4 E.k', wk: '4 E.k', wv: '4 E.v', wo: 'E.v 4' };
const SIZES = { E: 2, k: 2, v: 3 };
const MHA = 'com.microsoft.MultiHeadAttention';

/** All elements of a result are summed up, beside the product. */
const reading = (result: string): string => `MatMul(a, wo) -> o;ReduceSum(o) keepdims=0 -> r;ReduceSum(${result}, [1,3]) keepdims=0 -> s;Add(r, s) -> y`;
const KEYS = reading('pk');
const VALUES = reading('pv');

/** Zeros where a size is new, in the weights named: `wb@1` in the second part of one. */
const zeros = (size: string, names: readonly string[]): Growth['zeros'] =>
  Object.fromEntries(
    names.map((own) => {
      const [name = '', part] = own.split('@');
      return [name, part === undefined ? size : `${size}@${part}`];
    }),
  );
/** What caches hold at new places is zero, if there are caches. */
const PASTS = ['past_key', 'past_value'];
const heads = (...zero: readonly string[]): Growth => ({ places: { E: BEHIND }, zeros: zeros('E', ['wo', ...PASTS, ...zero]) });
const widths = (width: 'k' | 'v', ...zero: readonly string[]): Growth => ({
  places: { [width]: width === 'v' ? [0, -1, 1, 2] : FRONT },
  zeros: zeros(width, [...PASTS, ...zero]),
});

/** What must be zero so that nothing new is in the keys, or in the values; `k` and `v` are the weights of both. */
const readKeys = (k: readonly string[], others: readonly string[]): Grown['grown'] => ({
  heads: heads(...k),
  widths: widths('k', ...k),
  ...Object.fromEntries(k.map((name) => [`not heads, but for ${name}`, heads(...k.filter((own) => own !== name))])),
  ...Object.fromEntries(k.map((name) => [`not widths, but for ${name}`, widths('k', ...k.filter((own) => own !== name))])),
  ...Object.fromEntries(others.map((name) => [`not widths, with zeros in ${name} alone`, widths('k', name)])),
  values: widths('v', 'wo'),
});
const readValues = (v: readonly string[], others: readonly string[]): Grown['grown'] => ({
  heads: heads(...v),
  values: widths('v', 'wo', ...v),
  ...Object.fromEntries(v.map((name) => [`not heads, but for ${name}`, heads(...v.filter((own) => own !== name))])),
  ...Object.fromEntries(v.map((name) => [`not values, but for ${name}`, widths('v', 'wo', ...v.filter((own) => own !== name))])),
  ...Object.fromEntries(others.map((name) => [`not heads, with zeros in ${name} alone`, heads(name)])),
});

/** Operands with a dimension of heads. */
const apart = (name: string, width: string, from = name): string =>
  `Reshape(${from}, [1,3,{E},{${width}}]) -> ${name}4;Transpose(${name}4) perm=[0,2,1,3] -> ${name}t`;
const APART = `${PROJECTED};${apart('q', 'k')};${apart('k', 'k')};${apart('v', 'v')}`;
const TOGETHER = 'Transpose(at) perm=[0,2,1,3] -> a4;Reshape(a4, [1,3,{E.v}]) -> a';
const CACHES = { past_key: '1 E 2 k', past_value: '1 E 2 v' };
const PRESENT = ['y', 'pk', 'pv'];

/** Both results of one form of the operator. */
const both = (lines: string, own: Partial<Leaves>, k: readonly string[], v: readonly string[]): Readonly<Record<string, Grown>> => {
  const leaves: Leaves = { lines, weights: WEIGHTS, sizes: SIZES, ...own };
  return {
    'keys are read': { ...leaves, lines: `${lines};${KEYS}`, grown: readKeys(k, ['wq']) },
    'values are read': { ...leaves, lines: `${lines};${VALUES}`, grown: readValues(v, ['wk']) },
  };
};
const prefixed = (name: string, cases: Readonly<Record<string, Grown>>): Readonly<Record<string, Grown>> =>
  Object.fromEntries(Object.entries(cases).map(([what, own]) => [`${name}, ${what}`, own]));

const MULTI_HEAD = {
  ...prefixed('plain', both(`${PROJECTED};${MHA}(q, k, v) num_heads={E} scale=0.5 -> a pk pv`, {}, ['wk'], ['wv'])),
  ...prefixed(
    'a bias',
    both(`${PROJECTED};${MHA}(q, k, v, wb) num_heads={E} scale=0.5 -> a pk pv`, { weights: { ...WEIGHTS, wb: 'E.k+E.k+E.v' } }, ['wk', 'wb@1'], ['wv', 'wb@2']),
  ),
};
const STANDARD = {
  ...prefixed('three dimensions', both(`${PROJECTED};Attention(q, k, v) q_num_heads={E} kv_num_heads={E} scale=0.5 -> a pk pv`, { opset: 23 }, ['wk'], ['wv'])),
  ...prefixed('four dimensions', both(`${APART};Attention(qt, kt, vt) scale=0.5 -> at pk pv;${TOGETHER}`, { opset: 23 }, ['wk'], ['wv'])),
  ...prefixed(
    'three dimensions and caches',
    both(
      `${PROJECTED};Attention(q, k, v, '', past_key, past_value) q_num_heads={E} kv_num_heads={E} scale=0.5 -> a pk pv`,
      { opset: 23, inputs: CACHES, outputs: PRESENT },
      ['wk'],
      ['wv'],
    ),
  ),
  ...prefixed(
    'four dimensions and caches',
    both(
      `${APART};Attention(qt, kt, vt, '', past_key, past_value) scale=0.5 -> at pk pv;${TOGETHER}`,
      { opset: 23, inputs: CACHES, outputs: PRESENT },
      ['wk'],
      ['wv'],
    ),
  ),
};

/** Keys and values are one result. */
const STACKED: Grown = {
  lines: `com.microsoft.Attention(x, w, wb, '', past) num_heads={E} scale=0.5 -> a present;${reading('present').replace('[1,3]', '[2,4]')}`,
  weights: { w: '4 E.k+E.k+E.k', wb: 'E.k+E.k+E.k', wo: 'E.k 4' },
  inputs: { past: '2 1 E 2 k' },
  outputs: ['y', 'present'],
  sizes: { E: 2, k: 2 },
  grown: {
    heads: { places: { E: BEHIND }, zeros: { wo: 'E', w: 'E@1 E@2', wb: 'E@1 E@2', past: 'E' } },
    'not heads, keys alone': { places: { E: BEHIND }, zeros: { wo: 'E', w: 'E@1', wb: 'E@1', past: 'E' } },
    'not heads, values alone': { places: { E: BEHIND }, zeros: { wo: 'E', w: 'E@2', wb: 'E@2', past: 'E' } },
    'not heads, queries alone': { places: { E: BEHIND }, zeros: { wo: 'E', w: 'E@0', wb: 'E@0', past: 'E' } },
    'not heads, bias left': { places: { E: BEHIND }, zeros: { wo: 'E', w: 'E', past: 'E' } },
    widths: { places: { k: FRONT }, zeros: { wo: 'k', w: 'k@1 k@2', wb: 'k@1 k@2', past: 'k' } },
    'not widths, keys alone': { places: { k: FRONT }, zeros: { wo: 'k', w: 'k@1', wb: 'k@1', past: 'k' } },
  },
};

const EIGHT = [0, 1, 2, 3, 4, 5, 6, 7];
const WIDER = [...EIGHT.slice(0, 4), ...new Array<number>(8).fill(-1), ...EIGHT.slice(4)];
const COUNTS: Leaves['counts'] = { jlast: [[1], [2]], jtotal: [[], [3]] };
const grouped = (result: string, operands: string, weights: Leaves['weights'], grown: Grown['grown']): Grown => ({
  lines: `${operands}, '', '', jlast, jtotal) num_heads={G.r} kv_num_heads={G} scale=0.5 -> a pk pv;${reading(result)}`,
  weights: { ...weights, wo: 'G.r.k 4' },
  counts: COUNTS,
  sizes: { G: 2, r: 2, k: 8 },
  grown,
});
const GQA = 'com.microsoft.GroupQueryAttention';
const THREE = { wq: '4 G.r.k', wk: '4 G.k', wv: '4 G.k' };
const ONE = { w: '4 G.r.k+G.k+G.k' };
const GROUPED: Readonly<Record<string, Grown>> = {
  'keys are read': grouped('pk', `${PROJECTED};${GQA}(q, k, v`, THREE, {
    heads: { places: { G: BEHIND }, zeros: { wo: 'G', wk: 'G' } },
    'not heads, values alone': { places: { G: BEHIND }, zeros: { wo: 'G', wv: 'G' } },
    'heads in a group': { places: { r: FRONT }, zeros: { wo: 'r' } },
    widths: { places: { k: WIDER }, zeros: { wo: 'k', wk: 'k' } },
    'not widths, queries alone': { places: { k: WIDER }, zeros: { wo: 'k', wq: 'k', wv: 'k' } },
  }),
  'values are read': grouped('pv', `${PROJECTED};${GQA}(q, k, v`, THREE, {
    heads: { places: { G: BEHIND }, zeros: { wo: 'G', wv: 'G' } },
    'not heads, keys alone': { places: { G: BEHIND }, zeros: { wo: 'G', wk: 'G' } },
    widths: { places: { k: WIDER }, zeros: { wo: 'k', wk: 'k', wv: 'k' } },
    'not widths, keys alone': { places: { k: WIDER }, zeros: { wo: 'k', wq: 'k', wk: 'k' } },
  }),
  'packed, keys are read': grouped('pk', `MatMul(x, w) -> q;${GQA}(q, '', ''`, ONE, {
    heads: { places: { G: BEHIND }, zeros: { wo: 'G', w: 'G@1' } },
    'not heads, the others alone': { places: { G: BEHIND }, zeros: { wo: 'G', w: 'G@0 G@2' } },
    widths: { places: { k: WIDER }, zeros: { wo: 'k', w: 'k@1' } },
    'not widths, queries alone': { places: { k: WIDER }, zeros: { wo: 'k', w: 'k@0 k@2' } },
  }),
  'packed, values are read': grouped('pv', `MatMul(x, w) -> q;${GQA}(q, '', ''`, ONE, {
    heads: { places: { G: BEHIND }, zeros: { wo: 'G', w: 'G@2' } },
    'not heads, keys alone': { places: { G: BEHIND }, zeros: { wo: 'G', w: 'G@1' } },
    'not widths, keys alone': { places: { k: WIDER }, zeros: { wo: 'k', w: 'k@0 k@1' } },
  }),
};

/** Scores: a softmax of zeros is none, so nothing is said of those of new heads, whatever the queries are. */
const scores = (mode: number): Grown => ({
  lines: `${APART};Attention(qt, kt, vt) scale=0.5 qk_matmul_output_mode=${mode} -> at '' '' s;ReduceSum(s, [1]) keepdims=0 -> y`,
  weights: { wq: '4 E.k', wk: '4 E.k', wv: '4 E.v' },
  sizes: SIZES,
  opset: 23,
  grown: {
    widths: { places: { k: FRONT }, zeros: { wq: 'k' } },
    'not heads': { places: { E: FRONT } },
    'not heads, queries of zeros': { places: { E: FRONT }, zeros: { wq: 'E' } },
    'not heads, queries and keys of zeros': { places: { E: FRONT }, zeros: { wq: 'E', wk: 'E' } },
  },
});

describeGrowths({
  MultiHeadAttention: MULTI_HEAD,
  Attention: STANDARD,
  'com.microsoft.Attention': { 'a cache that is read': STACKED },
  GroupQueryAttention: GROUPED,
  scores: Object.fromEntries([0, 1, 2, 3].map((mode) => [`mode ${mode}`, scores(mode)])),
});
