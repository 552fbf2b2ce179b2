/** Rows of the op table for fused operators (com.microsoft, and ai.onnx from opset 23). */
import type { OpRule } from './op-rule.ts';
import { OPTIMISED_RULES } from './optimised-rules.ts';
import { type Composite, type FusedAttention, type Labels, type Relation, range, ShapeUnknown, type Site, unknown } from './relation.ts';
import { add, divideExactly, hint, isStatic, type Size } from './size.ts';

const product = (...of: readonly (string | Composite)[]): Composite => ({ form: 'product', of });
const sum = (...of: readonly (string | Composite)[]): Composite => ({ form: 'sum', of });

/** Rotated width: two halves, or pairs side by side, and a part that is not rotated. */
function rotaryWidth(width: number, cache: number, interleaved: boolean): { composite: Composite; sizes: [string, Size][] } {
  const rest = width - 2 * cache;
  const pairs: (string | Composite)[] = interleaved ? [product('c', 'two')] : ['c', 'c'];
  return {
    composite: sum(...pairs, ...(rest > 0 ? ['pass'] : [])),
    sizes: [
      ['c', cache],
      ['two', 2],
      ['pass', Math.max(rest, 0)],
    ],
  };
}

function whole(size: Size | undefined, by: number): number {
  const result = size === undefined ? undefined : divideExactly(size, by);
  if (result === undefined || !isStatic(result)) throw new ShapeUnknown('a width that is no multiple of the number of heads');
  return result;
}

const scaleOf = (site: Site, width: number): ReadonlyMap<string, number> =>
  new Map([['scale', site.int('scale', 0) === 0 ? 1 / Math.sqrt(width) : site.int('scale', 0)]]);

/** GroupQueryAttention: q [b, s, E·k] or packed [b, s, E·k + G·k + G·k]; k, v [b, s, G·k]; caches [b, G, t, k]. */
function groupQueryAttention(site: Site): Labels {
  const [batch = 1, length = 1, width] = site.dims(0);
  const [E, G] = [site.int('num_heads', 1), site.int('kv_num_heads', 1)];
  const packed = !site.has(1);
  const k = packed ? whole(width, E + 2 * G) : whole(width, E);
  const rotary = site.int('do_rotary', 0) !== 0 && site.has(7);
  const cache = rotary ? site.dims(7)[1] : undefined;
  const rotated = cache !== undefined && isStatic(cache) ? rotaryWidth(k, cache, site.int('rotary_interleaved', 0) !== 0) : undefined;
  const heads = queryHeads(E, G);
  const queries = product(...heads, 'k');
  const keys = product('G', 'k');
  const composites = new Map<string, Composite>([
    ...(rotated === undefined ? [] : [['k', rotated.composite] as const]),
    ...(packed ? [['qkv', sum(queries, keys, keys)] as const] : [['q', queries] as const, ['kv', keys] as const]),
    ['y', queries],
  ]);
  const past = site.has(3) ? site.dims(3)[2] : undefined;
  const sizes = new Map<string, Size>([
    ['G', G],
    ['r', E / G],
    ['k', k],
    ['y', E * k],
    ['t', past === undefined ? length : add(past, length)],
    ['b', batch],
    ...(rotated?.sizes ?? []),
  ]);
  const cacheLabels = ['b', 'G', 'p', 'k'];
  const table = ['max', 'c'];
  const inputs: (readonly string[] | null)[] = [
    ['b', 's', packed ? 'qkv' : 'q'],
    packed ? null : ['b', 's', 'kv'],
    packed ? null : ['b', 's', 'kv'],
    cacheLabels,
    cacheLabels,
    null,
    null,
    rotary ? table : null,
    rotary ? table : null,
  ];
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => (site.has(i) ? (inputs[i] ?? null) : null)),
    outputs: [
      ['b', 's', 'y'],
      ['b', 'G', 't', 'k'],
      ['b', 'G', 't', 'k'],
    ],
    sizes,
    sums: [],
    composites,
    attributes: new Map([
      ['num_heads', heads],
      ['kv_num_heads', ['G']],
    ]),
    keeps: scaleOf(site, k),
    attention: {
      heads,
      kvHeads: ['G'],
      qk: 'k',
      v: 'k',
      keys: [packed ? { input: 0, dim: 2, start: E * k, end: (E + G) * k } : { input: 1, dim: 2, start: 0, end: G * k }],
      query: 0,
      key: 1,
      value: 2,
      rope: rotary,
      multipleOf: rotary ? 16 : 8,
    },
  };
}

/** com.microsoft.Attention: x [b, s, d], weights [d, E·k + E·k + E·v], bias, mask, past [2, b, E, p, k]. */
function packedAttention(site: Site): Labels {
  const E = site.int('num_heads', 1);
  const total = site.dims(1)[1];
  const given = site.ints('qkv_hidden_sizes');
  const third = total === undefined ? undefined : divideExactly(total, 3);
  const [qWidth = third, , vWidth = third] = given ?? [];
  const [k, v] = [whole(qWidth, E), whole(vWidth, E)];
  const past = site.has(4);
  const shared = past || k === v;
  const vLabel = past ? 'k' : 'v';
  const [batch = 1, length = 1] = site.dims(0);
  const projection = sum(product('E', 'k'), product('E', 'k'), product('E', vLabel));
  const cache = ['two', 'b', 'E', 'p', 'k'];
  const bias = site.has(5) ? site.dims(5).map((size, i, dims) => (size === 1 ? '' : (['b', 'E', 's', 'u'][i + 4 - dims.length] ?? ''))) : null;
  const inputs: (readonly string[] | null)[] = [['b', 's', 'd'], ['d', 'qkv'], ['qkv'], null, cache, bias];
  const keys = { start: E * k, end: 2 * E * k };
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => (site.has(i) ? (inputs[i] ?? null) : null)),
    outputs: [
      ['b', 's', 'y'],
      ['two', 'b', 'E', 't', 'k'],
    ],
    sizes: new Map<string, Size>([
      ['E', E],
      ['k', k],
      ['v', v],
      ['y', E * v],
      ['two', 2],
      ['t', past ? add(site.dims(4)[3] ?? 0, length) : length],
      ['b', batch],
    ]),
    composites: new Map([
      ['qkv', projection],
      ['y', product('E', vLabel)],
    ]),
    attributes: new Map<string, readonly string[] | readonly (readonly string[])[]>([
      ['num_heads', ['E']],
      ...(past && shared
        ? []
        : [
            [
              'qkv_hidden_sizes',
              [
                ['E', 'k'],
                ['E', 'k'],
                ['E', vLabel],
              ],
            ] as const,
          ]),
    ]),
    keeps: scaleOf(site, k),
    sums: ['d'],
    attention: {
      heads: ['E'],
      kvHeads: ['E'],
      qk: 'k',
      v: vLabel,
      keys: [{ input: 1, dim: 1, ...keys }, ...(site.has(2) ? [{ input: 2, dim: 0, ...keys }] : [])],
      query: 0,
      key: 0,
      value: 0,
      rope: false,
      multipleOf: 1,
    },
  };
}

/** com.microsoft.MultiHeadAttention: q [b, s, E·k], k [b, t, E·k], v [b, t, E·v], bias [E·k + E·k + E·v]; k and v also 4-D. */
function multiHeadAttention(site: Site): Relation {
  const E = site.int('num_heads', 1);
  if (site.dims(0).length !== 3 || !site.has(1) || !site.has(2)) return unknown('MultiHeadAttention with packed operands');
  const k = whole(site.dims(0)[2], E);
  const valueDims = site.dims(2);
  const v = valueDims.length === 4 ? hint(valueDims[3] ?? 1) : whole(valueDims[2], E);
  const perHead = (input: number, width: string): string[] =>
    site.dims(input).length === 4 ? ['b', 'E', 't', width] : ['b', 't', width === 'k' ? 'ek' : 'ev'];
  const bias = site.has(5) ? site.dims(5).map((size, i, dims) => (size === 1 ? '' : (['b', 'E', 's', 'u'][i + 4 - dims.length] ?? ''))) : null;
  const past = site.has(6) ? site.dims(6)[2] : undefined;
  const [batch = 1, length = 1] = site.dims(0);
  const keyLength = site.dims(1)[site.dims(1).length === 4 ? 2 : 1] ?? length;
  const inputs: (readonly string[] | null)[] = [
    ['b', 's', 'ek'],
    perHead(1, 'k'),
    perHead(2, 'v'),
    ['qkv'],
    null,
    bias,
    ['b', 'E', 'p', 'k'],
    ['b', 'E', 'p', 'v'],
  ];
  const keys: FusedAttention['keys'] = [
    site.dims(1).length === 4 ? { input: 1, dim: 3, start: 0, end: k } : { input: 1, dim: 2, start: 0, end: E * k },
    ...(site.has(3) ? [{ input: 3, dim: 0, start: E * k, end: 2 * E * k }] : []),
  ];
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => (site.has(i) ? (inputs[i] ?? null) : null)),
    outputs: [
      ['b', 's', 'y'],
      ['b', 'E', 'u', 'k'],
      ['b', 'E', 'u', 'v'],
    ],
    sizes: new Map<string, Size>([
      ['E', E],
      ['k', k],
      ['v', v],
      ['y', E * v],
      ['u', past === undefined ? keyLength : add(past, keyLength)],
      ['b', batch],
    ]),
    sums: [],
    composites: new Map([
      ['ek', product('E', 'k')],
      ['ev', product('E', 'v')],
      ['qkv', sum(product('E', 'k'), product('E', 'k'), product('E', 'v'))],
      ['y', product('E', 'v')],
    ]),
    attributes: new Map([['num_heads', ['E']]]),
    keeps: scaleOf(site, k),
    attention: { heads: ['E'], kvHeads: ['E'], qk: 'k', v: 'v', keys, query: 0, key: 1, value: 2, rope: false, multipleOf: 1 },
  };
}

/** The labels of query heads: groups and heads in a group, or the key/value heads themselves where each query head has its own. */
const queryHeads = (E: number, G: number): string[] => (E === G ? ['G'] : ['G', 'r']);

/** ai.onnx Attention (opset 23): q [b, E, s, k] or [b, s, E·k]; k, v with G heads; mask; caches [b, G, p, k]. */
function standardAttention(site: Site): Labels {
  const flat3 = site.dims(0).length === 3;
  const E = flat3 ? site.int('q_num_heads', 1) : hint(site.dims(0)[1] ?? 1);
  const G = flat3 ? site.int('kv_num_heads', 1) : hint(site.dims(1)[1] ?? 1);
  const k = flat3 ? whole(site.dims(0)[2], E) : hint(site.dims(0)[3] ?? 1);
  const v = flat3 ? whole(site.dims(2)[2], G) : hint(site.dims(2)[3] ?? 1);
  const length = site.dims(1)[flat3 ? 1 : 2] ?? 1;
  const past = site.has(4) ? (site.dims(4)[2] ?? 0) : undefined;
  const mask = site.has(3) ? site.dims(3).map((size, i, dims) => (size === 1 ? '' : (['b', 'h', 's', 'u'][i + 4 - dims.length] ?? ''))) : null;
  const heads = queryHeads(E, G);
  const inputs: (readonly string[] | null)[] = flat3
    ? [['b', 's', 'q'], ['b', 't', 'gk'], ['b', 't', 'gv'], mask, ['b', 'G', 'p', 'k'], ['b', 'G', 'p', 'v']]
    : [['b', 'h', 's', 'k'], ['b', 'G', 't', 'k'], ['b', 'G', 't', 'v'], mask, ['b', 'G', 'p', 'k'], ['b', 'G', 'p', 'v']];
  const composites = new Map<string, Composite>([['h', product(...heads)]]);
  if (flat3)
    for (const [label, own] of [
      ['q', product(...heads, 'k')],
      ['gk', product('G', 'k')],
      ['gv', product('G', 'v')],
      ['y', product(...heads, 'v')],
    ] as const)
      composites.set(label, own);
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => (site.has(i) ? (inputs[i] ?? null) : null)),
    outputs: [flat3 ? ['b', 's', 'y'] : ['b', 'h', 's', 'v'], ['b', 'G', 'u', 'k'], ['b', 'G', 'u', 'v'], ['b', 'h', 's', 'u']],
    sizes: new Map<string, Size>([
      ['G', G],
      ['r', E / G],
      ['h', E],
      ['k', k],
      ['v', v],
      ['y', E * v],
      ['u', past === undefined ? length : add(past, length)],
    ]),
    sums: [],
    composites,
    ...(flat3 && {
      attributes: new Map([
        ['q_num_heads', heads],
        ['kv_num_heads', ['G']],
      ]),
    }),
    keeps: scaleOf(site, k),
    attention: {
      heads,
      kvHeads: ['G'],
      qk: 'k',
      v: 'v',
      keys: [flat3 ? { input: 1, dim: 2, start: 0, end: G * k } : { input: 1, dim: 3, start: 0, end: k }],
      query: 0,
      key: 1,
      value: 2,
      rope: false,
      multipleOf: 1,
    },
  };
}

/** RotaryEmbedding: x [b, E, s, k] or [b, s, E·k]; cos and sin [max, c] or [b, s, c]. */
const rotaryEmbedding = (cosAt: number): OpRule => ({
  relate: (site) => {
    const dims = site.dims(0);
    const cache = site.dims(cosAt).at(-1);
    const heads = site.int('num_heads', 0);
    const rotary = site.int('rotary_embedding_dim', 0);
    if (cache === undefined || !isStatic(cache)) return unknown('a rotation table of unknown width');
    const k = dims.length === 4 ? hint(dims[3] ?? 1) : heads > 0 ? whole(dims[2], heads) : rotary > 0 ? rotary : 2 * cache;
    const rotated = rotaryWidth(k, cache, site.int('interleaved', 0) !== 0);
    const E = dims.length === 4 ? undefined : whole(dims[2], k);
    const labels = dims.length === 4 ? ['b', 'E', 's', 'k'] : ['b', 's', 'ek'];
    const table = site.dims(cosAt).length === 2 ? ['max', 'c'] : ['', '', 'c'];
    return {
      kind: 'labels',
      inputs: site.flat.inputs.map((_, i) => (i === 0 ? labels : i === cosAt || i === cosAt + 1 ? table : null)),
      outputs: [labels],
      sizes: new Map<string, Size>([['k', k], ['E', E ?? 1], ...rotated.sizes]),
      sums: [],
      composites: new Map<string, Composite>([['k', rotated.composite], ...(E === undefined ? [] : [['ek', product('E', 'k')] as const])]),
      ...(heads > 0 && E !== undefined && { attributes: new Map([['num_heads', ['E']]]) }),
    };
  },
  zero: 'keeps',
});

const lastLabels = (site: Site, input: number, label: string): string[] | null =>
  site.has(input) ? site.dims(input).map((size) => (size === 1 ? '' : label)) : null;

/** Skip norms: y = norm(x + skip + bias); the sum is result 3. */
const skipNorm = (affine: readonly number[]): OpRule => ({
  relate: (site) => {
    const labels = range(site.dims(0).length);
    const last = labels.at(-1) ?? '';
    const statistics = [...labels.slice(0, -1), 'one'];
    const skip = site
      .dims(1)
      .map((size, i, dims) => (size === 1 && site.dims(0)[i + labels.length - dims.length] !== 1 ? '' : (labels[i + labels.length - dims.length] ?? '')));
    return {
      kind: 'labels',
      inputs: site.flat.inputs.map((_, i) => (i === 0 ? labels : i === 1 ? skip : affine.includes(i) ? lastLabels(site, i, last) : null)),
      outputs: [labels, statistics, statistics, labels],
      sizes: new Map([['one', 1]]),
      mixes: [last],
    };
  },
  zero: 'never',
  gains: [2],
});

/** EmbedLayerNormalization: y = norm(word[ids] + position[…] + segment[ids]). */
const embedNorm: OpRule = {
  relate: (site) => {
    const [b, s] = ['b', 's'];
    const table = (input: number): string[] | null => (site.has(input) ? [`rows${input}`, 'h'] : null);
    const affine = (input: number): string[] | null => (site.has(input) ? ['h'] : null);
    const inputs = [[b, s], site.has(1) ? [b, s] : null, table(2), table(3), table(4), affine(5), affine(6), null, null];
    return { kind: 'labels', inputs: site.flat.inputs.map((_, i) => inputs[i] ?? null), outputs: [[b, s, 'h'], [b], [b, s, 'h']], mixes: ['h'] };
  },
  zero: 'never',
  gains: [5],
  dtype: (site) => site.dtype(2),
};

/** RelativePositionBias: a table [buckets, E] read by two lengths gives [1, E, q, k]. */
const relativePositionBias: OpRule = {
  relate: (site) => {
    const [q, k] = [1, 2].map((input) => site.elements(input)?.[0]?.value ?? site.fresh(`length${input}`, 6));
    return {
      kind: 'labels',
      inputs: [['buckets', 'E'], null, null],
      outputs: [['one', 'E', 'q', 'k']],
      sizes: new Map<string, Size>([
        ['one', 1],
        ['q', q ?? 1],
        ['k', k ?? 1],
      ]),
    };
  },
  zero: 'never',
};

/** The rows of the table for fused operators. */
export const FUSED_RULES: Readonly<Record<string, OpRule>> = {
  ...OPTIMISED_RULES,
  'com.microsoft.RelativePositionBias': relativePositionBias,
  'com.microsoft.SkipLayerNormalization': skipNorm([2, 3, 4]),
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNorm([2, 3]),
  'com.microsoft.EmbedLayerNormalization': embedNorm,
  'com.microsoft.Attention': { relate: packedAttention, zero: 'never' },
  'com.microsoft.MultiHeadAttention': { relate: multiHeadAttention, zero: 'never' },
  'com.microsoft.GroupQueryAttention': { relate: groupQueryAttention, zero: 'never' },
  'com.microsoft.RotaryEmbedding': rotaryEmbedding(2),
  Attention: { relate: standardAttention, zero: 'never' },
  RotaryEmbedding: rotaryEmbedding(1),
};
