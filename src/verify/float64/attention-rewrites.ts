/**
 * Fused attention spelled out in float64.
 * Source: onnxruntime docs/ContribOperators.md (com.microsoft) and ai.onnx Attention-23, RotaryEmbedding-23.
 */
import type { Rewrite } from './elementwise-rewrites.ts';
import { rotate } from './norm-rewrites.ts';
import { concat, int, reshape, type Scribe, shapeAt, sliceOf, transpose, unsqueeze } from './scribe.ts';

/** float32 operators compute their default scale in float32, so a file that writes it down holds the same number. */
const defaultScale = (width: number): number => Math.fround(1 / Math.sqrt(width));

/** Scores this low weigh nothing. */
const NOTHING = -1e300;

interface Attend {
  /** [B, H, S, k] */
  readonly q: string;
  /** [B, H, T, k] and [B, H, T, v] */
  readonly k: string;
  readonly v: string;
  readonly scale: number;
  /** Scores are bent to stay below it; 0 for none. */
  readonly softcap: number;
  /** What is added to scores, as broadcast to [B, H, S, T]. */
  readonly biases: readonly string[];
  readonly causal: boolean;
  /** Keys that a causal query sees, itself included; below 1 for all. */
  readonly window: number;
  /** A further score per head [H] that no value belongs to; '' for none. */
  readonly sink: string;
}

/** What only grouped queries have. */
const PLAIN = { softcap: 0, window: 0, sink: '' };

/** softmax(q·kᵀ·scale + biases)·v, [B, H, S, v]. */
function attend(scribe: Scribe, given: Attend): string {
  const { put } = scribe;
  let scores = put('Mul', [put('MatMul', [given.q, transpose(scribe, given.k, [0, 1, 3, 2])]), scribe.float(given.scale)]);
  const { softcap, sink } = given;
  if (softcap > 0) scores = put('Mul', [put('Tanh', [put('Mul', [scores, scribe.float(1 / softcap)])]), scribe.float(softcap)]);
  for (const bias of given.biases) scores = put('Add', [scores, bias]);
  if (given.causal) scores = put('Where', [seenKeys(scribe, given), scores, scribe.float(NOTHING)]);
  if (sink === '') return put('MatMul', [softmax(scribe, scores), given.v]);
  const shape = concat(scribe, [shapeAt(scribe, scores, [0, 1, 2]), scribe.integers([1])], 0);
  const column = put('Expand', [reshape(scribe, sink, scribe.integers([1, -1, 1, 1])), shape]);
  return put('MatMul', [sliceOf(scribe, softmax(scribe, concat(scribe, [scores, column], -1)), -1, 0, -1), given.v]);
}

const softmax = (scribe: Scribe, scores: string): string => scribe.put('Softmax', [scores], [int('axis', 3)]);

/** [S, T]: whether the query at T − S + i sees key j. */
function seenKeys(scribe: Scribe, { q, k, window }: Attend): string {
  const { put, integer } = scribe;
  const length = (value: string): string => put('Gather', [put('Shape', [value]), integer(2)]);
  const all = length(k);
  const queries = unsqueeze(scribe, put('Range', [put('Sub', [all, length(q)]), all, integer(1)]), [1]);
  const keys = unsqueeze(scribe, put('Range', [integer(0), all, integer(1)]), [0]);
  const past = put('Not', [put('Greater', [keys, queries])]);
  return window < 1 ? past : put('And', [past, put('Greater', [keys, put('Sub', [queries, integer(window)])])]);
}

/** [B, S, heads·width] as [B, heads, S, width]. */
const split = (scribe: Scribe, x: string, heads: number): string => transpose(scribe, reshape(scribe, x, scribe.integers([0, 0, heads, -1])), [0, 2, 1, 3]);

/** [B, heads, S, width] as [B, S, heads·width]. */
const merge = (scribe: Scribe, x: string): string => reshape(scribe, transpose(scribe, x, [0, 2, 1, 3]), scribe.integers([0, 0, -1]));

/** Past and present tokens together. */
const joined = (scribe: Scribe, past: string, x: string): string => (past === '' ? x : concat(scribe, [past, x], 2));

/** What masks of com.microsoft operators add to scores: lengths per row, or a 1 for each key that counts. */
function maskBias(scribe: Scribe, input: 3 | 4, keys: string): readonly string[] {
  const mask = scribe.inputs[input];
  if (mask === '') return [];
  const { put } = scribe;
  const rank = scribe.rank(input);
  if (rank > 3) throw scribe.refuse('its mask has four dimensions');
  const count = put('Gather', [put('Shape', [keys]), scribe.integer(2)]);
  const wide = put('Cast', [mask], [int('to', 7)]);
  const kept =
    rank === 1
      ? put('Less', [unsqueeze(scribe, put('Range', [scribe.integer(0), count, scribe.integer(1)]), [0]), unsqueeze(scribe, wide, [1])])
      : put('Greater', [wide, scribe.integer(0)]);
  const filler = scribe.float(scribe.number('mask_filter_value', -10000));
  return [put('Where', [unsqueeze(scribe, kept, rank === 3 ? [1] : [1, 2]), scribe.float(0), filler])];
}

const addIf = (scribe: Scribe, x: string, bias: string): string => (bias === '' ? x : scribe.put('Add', [x, bias]));
const given = (bias: string): readonly string[] => (bias === '' ? [] : [bias]);

/** com.microsoft.MultiHeadAttention with separate q, k and v, or keys and values that are a cache already. */
const multiHead: Rewrite = (scribe) => {
  const [query, key, value, bias, , attentionBias, pastKey, pastValue] = scribe.inputs;
  const heads = scribe.number('num_heads', 1);
  if (scribe.rank(0) !== 3 || key === '' || value === '') throw scribe.refuse('its q, k and v are packed');
  if (scribe.wants(3)) throw scribe.refuse('it gives its scores');
  const [width, ready] = [scribe.size(0, -1), scribe.rank(1) === 4];
  const values = ready ? scribe.size(2, 1) * scribe.size(2, -1) : scribe.size(2, -1);
  const part = (from: number, to: number): string => (bias === '' ? '' : sliceOf(scribe, bias, 0, from, to));
  const q = split(scribe, addIf(scribe, query, part(0, width)), heads);
  const k = ready ? key : joined(scribe, pastKey, split(scribe, addIf(scribe, key, part(width, 2 * width)), heads));
  const v = ready ? value : joined(scribe, pastValue, split(scribe, addIf(scribe, value, part(2 * width, 2 * width + values)), heads));
  const scale = scribe.number('scale', 0) || defaultScale(width / heads);
  const biases = [...maskBias(scribe, 4, k), ...given(attentionBias)];
  scribe.give(0, merge(scribe, attend(scribe, { ...PLAIN, q, k, v, scale, biases, causal: scribe.number('unidirectional', 0) === 1 })));
  scribe.give(1, k);
  scribe.give(2, v);
};

/** com.microsoft.Attention: projections of one input, then attention. */
const projected: Rewrite = (scribe) => {
  const [x, weights, bias, , past, attentionBias] = scribe.inputs;
  if (scribe.number('do_rotary', 0) !== 0) throw scribe.refuse('it rotates');
  const heads = scribe.number('num_heads', 1);
  const third = scribe.size(1, 1) / 3;
  const [ofQ = third, ofK = third, ofV = third] = scribe.list('qkv_hidden_sizes') ?? [];
  const all = addIf(scribe, scribe.put('MatMul', [x, weights]), bias);
  const part = (from: number, size: number): string => split(scribe, sliceOf(scribe, all, -1, from, from + size), heads);
  const [q, k, v] = [part(0, ofQ), part(ofQ, ofK), part(ofQ + ofK, ofV)];
  // The past is [2, B, H, P, k]: keys, then values.
  const before = (index: number): string => (past === '' ? '' : scribe.put('Gather', [past, scribe.integer(index)]));
  const [keys, values] = [joined(scribe, before(0), k), joined(scribe, before(1), v)];
  const scale = scribe.number('scale', 0) || defaultScale(ofQ / heads);
  const biases = [...maskBias(scribe, 3, keys), ...given(attentionBias)];
  scribe.give(0, merge(scribe, attend(scribe, { ...PLAIN, q, k: keys, v: values, scale, biases, causal: scribe.number('unidirectional', 0) === 1 })));
  // where keys and values are one result they are of one width
  if (scribe.wants(1)) scribe.give(1, concat(scribe, [unsqueeze(scribe, keys, [0]), unsqueeze(scribe, values, [0])], 0));
};

/** com.microsoft.GroupQueryAttention. Rows are taken to be of one length, as they are without padding. */
const grouped: Rewrite = (scribe) => {
  const [query, key, value, pastKey, pastValue, , , cos, sin, positions, bias, sink] = scribe.inputs;
  if (scribe.wants(3) || scribe.number('smooth_softmax', 0) === 1) throw scribe.refuse('it gives its scores, or smooths them');
  const { put } = scribe;
  const [heads, groups] = [scribe.number('num_heads', 1), scribe.number('kv_num_heads', 1)];
  const packed = key === '';
  const width = scribe.size(0, -1) / (packed ? heads + 2 * groups : heads);
  const part = (from: number, to: number): string => sliceOf(scribe, query, -1, from * width, to * width);
  const [q0, k0, v0] = packed ? [part(0, heads), part(heads, heads + groups), part(heads + groups, heads + 2 * groups)] : [query, key, value];
  let [q, k] = [split(scribe, q0, heads), split(scribe, k0, groups)];
  if (scribe.number('do_rotary', 0) === 1) {
    const rows = (table: string): string => put('Gather', [table, positionsOf()]);
    const shaped = (table: string): string => (positions === '' ? rows(table) : unsqueeze(scribe, rows(table), [1]));
    const [c, s] = [shaped(cos), shaped(sin)];
    const turn = (x: string): string => rotate(scribe, x, c, s, 2 * scribe.size(7, -1), scribe.number('rotary_interleaved', 0) === 1);
    [q, k] = [turn(q), turn(k)];
  }
  const [keys, values] = [joined(scribe, pastKey, k), joined(scribe, pastValue, split(scribe, v0, groups))];
  const repeated = (x: string): string =>
    put('Gather', [x, scribe.integers(Array.from({ length: heads }, (_, i) => Math.floor((i * groups) / heads)))], [int('axis', 1)]);
  const scale = scribe.number('scale', 0) || defaultScale(width);
  const softcap = scribe.number('softcap', 0);
  const window = scribe.number('local_window_size', -1);
  scribe.give(0, merge(scribe, attend(scribe, { q, k: repeated(keys), v: repeated(values), scale, softcap, biases: given(bias), causal: true, window, sink })));
  scribe.give(1, keys);
  scribe.give(2, values);

  function positionsOf(): string {
    if (positions !== '') return positions;
    const length = (x: string, dim: number): string => put('Gather', [put('Shape', [x]), scribe.integer(dim)]);
    const first = pastKey === '' ? scribe.integer(0) : length(pastKey, 2);
    return put('Range', [first, put('Add', [first, length(query, 1)]), scribe.integer(1)]);
  }
};

/** RotaryEmbedding of either domain: [B, S, heads·width] or [B, heads, S, width]. */
const rotary =
  (slots: { readonly positions: 1 | 3; readonly cos: 1 | 2; readonly sin: 2 | 3 }): Rewrite =>
  (scribe) => {
    const [x, positions] = [scribe.inputs[0], scribe.inputs[slots.positions]];
    const flat = scribe.rank(0) === 3;
    const rotated = scribe.number('rotary_embedding_dim', 0) || 2 * scribe.size(slots.cos, -1);
    const table = (input: 1 | 2 | 3): string => {
      const own = scribe.inputs[input];
      if (positions === '') return unsqueeze(scribe, own, [1]);
      if (scribe.rank(slots.positions) === 1) throw scribe.refuse('its positions are one offset');
      return unsqueeze(scribe, scribe.put('Gather', [own, positions]), [1]);
    };
    const inner = flat ? split(scribe, x, scribe.number('num_heads', 0) || scribe.size(0, -1) / rotated) : x;
    const y = rotate(scribe, inner, table(slots.cos), table(slots.sin), rotated, scribe.number('interleaved', 0) === 1);
    scribe.give(0, flat ? merge(scribe, y) : y);
  };

/** ai.onnx Attention has a float64 kernel; only its default scale is written down as float32 files would hold it. */
const standard: Rewrite = (scribe) => {
  const { attributes } = scribe.node.node;
  const heads = scribe.rank(0) === 3 ? scribe.number('q_num_heads', 1) : 1;
  const scale = attributes.some(({ name }) => name === 'scale')
    ? []
    : [{ name: 'scale', kind: 'float', value: defaultScale(scribe.size(0, -1) / heads) } as const];
  scribe.replace('Attention', scribe.inputs.slice(0, scribe.node.inputs.length), [...attributes, ...scale]);
};

export const ATTENTIONS: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ['com.microsoft.MultiHeadAttention', multiHead],
  ['com.microsoft.Attention', projected],
  ['com.microsoft.GroupQueryAttention', grouped],
  ['com.microsoft.RotaryEmbedding', rotary({ positions: 1, cos: 2, sin: 3 })],
  ['RotaryEmbedding', rotary({ positions: 3, cos: 1, sin: 2 })],
  ['Attention', standard],
]);
