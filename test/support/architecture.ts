/** Random tiny transformers: a description that fast-check draws, and the ONNX graph it means. */
import fc from 'fast-check';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { type GraphBuilder, graphBuilder, type Part } from './graph-builder.ts';

export interface Architecture {
  readonly seed: number;
  readonly opset: 13 | 17 | 18 | 20;
  readonly float: 'float64' | 'float32';
  readonly layers: number;
  readonly hidden: number;
  readonly groups: number;
  /** Query heads per key/value head. */
  readonly perGroup: number;
  readonly qk: number;
  readonly v: number;
  readonly mlp: number;
  readonly norm: 'layer' | 'rms';
  /**
   * `fused` needs LayerNormalization of opset 17; RMS norms are always spelled out. LayerNorm only: `std` adds ε to the root,
   * `unbiased` counts h − 1, `keras` scales x and its mean apart, `flax` takes E[x²] − E[x]². RMS only: `l2` is x/max(‖x‖, ε)·√h.
   */
  readonly normForm: 'fused' | 'div-sqrt' | 'mul-reciprocal' | 'std' | 'unbiased' | 'keras' | 'flax' | 'l2';
  readonly normBias: boolean;
  readonly epsilon: number;
  /** `parallel`: attention and feed-forward read the stream at one place, through one norm or through two. */
  readonly placement: 'pre' | 'post' | 'both' | 'none' | 'parallel' | 'parallel-two';
  /** A norm between the embedding and the first layer; post-norm stacks always have it. */
  readonly entryNorm: boolean;
  /** Factor of the stream in every residual sum (DeepNorm); 1 for none. */
  readonly residual: number;
  /** A gain per channel on what a branch adds. */
  readonly layerScale: boolean;
  readonly finalNorm: boolean;
  readonly projection: 'separate' | 'split' | 'slice' | 'interleaved';
  readonly headLayout: 'four' | 'folded';
  readonly repeat: 'expand' | 'broadcast';
  readonly scale: 'div' | 'mul' | 'mul-query' | 'shape' | 'absent';
  readonly bias: boolean;
  readonly rope: 'none' | 'frequencies' | 'table' | 'interleaved' | 'partial';
  readonly qkNorm: 'none' | 'rms' | 'layer';
  readonly mask: 'none' | 'causal' | 'padding';
  readonly cache: boolean;
  readonly activation: 'relu' | 'tanh' | 'sigmoid';
  readonly gate: 'none' | 'separate' | 'fused';
  readonly entry: 'tokens' | 'tokens+positions' | 'floats';
  readonly exit: 'untied' | 'tied' | 'state';
  readonly weights: 'direct' | 'transpose' | 'gemm' | 'identity';
  readonly shapes: 'computed' | 'constant';
}

/** A small pre-norm decoder to vary. */
export const PLAIN: Architecture = {
  seed: 5,
  opset: 17,
  float: 'float64',
  layers: 2,
  hidden: 8,
  groups: 2,
  perGroup: 1,
  qk: 4,
  v: 3,
  mlp: 7,
  norm: 'layer',
  normForm: 'div-sqrt',
  normBias: true,
  epsilon: 1e-3,
  placement: 'pre',
  entryNorm: false,
  residual: 1,
  layerScale: false,
  finalNorm: true,
  projection: 'separate',
  headLayout: 'four',
  repeat: 'expand',
  scale: 'div',
  bias: true,
  rope: 'none',
  qkNorm: 'none',
  mask: 'none',
  cache: false,
  activation: 'tanh',
  gate: 'none',
  entry: 'tokens',
  exit: 'untied',
  weights: 'direct',
  shapes: 'computed',
};

/** Longest sequence the position tables serve. */
export const LONGEST = 16;
export const VOCABULARY = 13;

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

const drawn = fc.record<Architecture>({
  seed: fc.integer({ min: 0, max: 2 ** 30 }),
  opset: oneOf(13, 17, 18, 20),
  float: fc.constant('float64'),
  layers: oneOf(1, 2, 2, 3),
  hidden: fc.integer({ min: 4, max: 12 }),
  groups: oneOf(1, 2, 2, 3),
  perGroup: oneOf(1, 1, 2, 3),
  qk: oneOf(2, 4, 6),
  v: fc.integer({ min: 2, max: 6 }),
  mlp: fc.integer({ min: 3, max: 14 }),
  norm: oneOf('layer', 'rms'),
  normForm: oneOf('fused', 'fused', 'div-sqrt', 'div-sqrt', 'mul-reciprocal', 'std', 'unbiased', 'keras', 'flax', 'l2'),
  normBias: fc.boolean(),
  epsilon: oneOf(1e-2, 1e-3, 1e-5),
  placement: oneOf('pre', 'pre', 'pre', 'post', 'post', 'both', 'none', 'parallel', 'parallel-two'),
  entryNorm: oneOf(false, false, false, true),
  residual: oneOf(1, 1, 1, 1, 0.8, 1.7),
  layerScale: oneOf(false, false, false, true),
  finalNorm: fc.boolean(),
  projection: oneOf('separate', 'separate', 'split', 'slice', 'interleaved'),
  headLayout: oneOf('four', 'four', 'folded'),
  repeat: oneOf('expand', 'broadcast'),
  scale: oneOf('div', 'mul', 'mul-query', 'shape', 'absent'),
  bias: fc.boolean(),
  rope: oneOf('none', 'none', 'frequencies', 'table', 'interleaved', 'partial'),
  qkNorm: oneOf('none', 'none', 'none', 'rms', 'layer'),
  mask: oneOf('none', 'causal', 'padding'),
  cache: fc.boolean(),
  activation: oneOf('relu', 'tanh', 'sigmoid'),
  gate: oneOf('none', 'separate', 'fused'),
  entry: oneOf('tokens', 'tokens+positions', 'floats'),
  exit: oneOf('untied', 'tied', 'state'),
  weights: oneOf('direct', 'transpose', 'gemm', 'identity'),
  shapes: oneOf('computed', 'constant'),
});

/** Makes a drawn description one that exists: what excludes each other is settled in favour of the rarer choice. */
function consistent(a: Architecture, coincide: boolean): Architecture {
  const same = coincide ? 4 : null;
  const grouped = a.perGroup > 1;
  const interleaved = a.projection === 'interleaved' && !grouped;
  // One single head is no dimension that anything could follow.
  const groups = grouped ? a.groups : Math.max(2, a.groups);
  // A half of one element has no axis of its own, so rotated heads have at least two pairs.
  const qk = same ?? (a.rope === 'none' ? a.qk : Math.max(4, a.qk));
  return {
    ...a,
    groups,
    qk,
    v: interleaved ? qk : (same ?? a.v),
    hidden: coincide ? 8 : a.hidden,
    mlp: coincide ? 8 : a.mlp,
    projection: a.projection === 'interleaved' && grouped ? 'separate' : a.projection,
    headLayout: grouped || a.cache || a.rope !== 'none' || a.qkNorm !== 'none' ? 'four' : a.headLayout,
    normForm: fittingForm(a),
    finalNorm: a.placement === 'post' || a.placement === 'both' ? false : a.finalNorm,
    exit: a.exit === 'tied' && a.entry === 'floats' ? 'untied' : a.exit,
  };
}

function fittingForm({ normForm, norm, opset, placement, float }: Architecture): Architecture['normForm'] {
  // epsilons of fused norms are float32, so chains of chains of them are no more exact than that
  if (normForm === 'fused' && placement === 'post' && float === 'float64') return 'div-sqrt';
  if (normForm === 'mul-reciprocal') return normForm;
  if (norm === 'rms') return normForm === 'l2' ? normForm : 'div-sqrt';
  return normForm === 'l2' || (normForm === 'fused' && opset < 17) ? 'div-sqrt' : normForm;
}

/** Random architectures; sizes coincide on purpose in one of five. */
export const architectures: fc.Arbitrary<Architecture> = fc
  .tuple(drawn, oneOf(false, false, false, false, true))
  .map(([architecture, coincide]) => consistent(architecture, coincide));

interface Context {
  readonly g: GraphBuilder;
  readonly a: Architecture;
  readonly floatType: number;
  /** Additive masks and rotations shared by all layers; made by the first that needs them. */
  readonly shared: Map<string, string>;
}

/** The model a description means. Weights, gains and biases are random; attention is peaked. */
export function buildTransformer(a: Architecture): Model {
  const floatType = a.float === 'float64' ? DataType.DOUBLE : DataType.FLOAT;
  const g = graphBuilder(a.opset, floatType, a.seed);
  const c: Context = { g, a, floatType, shared: new Map() };
  const table = a.entry === 'floats' ? '' : g.random('table', [VOCABULARY, a.hidden], 1);
  const entry = a.entry === 'floats' ? g.input('x', floatType, ['batch', 'tokens', a.hidden]) : g.input('ids', DataType.INT64, ['batch', 'tokens']);
  if (a.mask === 'padding') g.input('mask', DataType.INT64, ['batch', a.cache ? 'total' : 'tokens']);
  const caches = a.cache ? declareCaches(c) : [];
  c.shared.set('past', caches[0]?.key ?? '');
  c.shared.set('entry', entry);
  let x = a.entry === 'floats' ? entry : g.op('Gather', [table, entry], { axis: 0 });
  if (a.entry === 'tokens+positions') x = g.op('Add', [x, g.op('Gather', [g.random('positions', [LONGEST, a.hidden], 1), positions(c)], { axis: 0 })]);
  if (a.placement === 'post' || a.entryNorm) x = norm(c, x, a.hidden);
  for (let layer = 0; layer < a.layers; layer++) {
    const [attend, feed] = [(own: string): string => attention(c, own, caches[layer], layer), (own: string): string => feedForward(c, own)];
    if (a.placement === 'parallel' || a.placement === 'parallel-two') {
      const inner = norm(c, x, a.hidden);
      const sum = added(c, x, attend(inner));
      x = added(c, sum, feed(a.placement === 'parallel' ? inner : norm(c, x, a.hidden)), 1);
    } else {
      x = residual(c, x, attend);
      x = residual(c, x, feed);
    }
  }
  if (a.finalNorm) x = norm(c, x, a.hidden);
  if (a.exit === 'state') g.output('state', x, ['batch', 'tokens', a.hidden]);
  else
    g.output(
      'logits',
      a.exit === 'tied' ? g.op('MatMul', [x, g.op('Transpose', [table], { perm: [1, 0] })]) : linear(c, x, a.hidden, VOCABULARY, 'head', 1, false),
      ['batch', 'tokens', VOCABULARY],
    );
  return g.finish();
}

interface Cache {
  readonly key: string;
  readonly value: string;
}

function declareCaches({ g, a, floatType }: Context): Cache[] {
  return Array.from({ length: a.layers }, (_, i) => ({
    key: g.input(`past_key_values.${i}.key`, floatType, ['batch', a.groups, 'past', a.qk]),
    value: g.input(`past_key_values.${i}.value`, floatType, ['batch', a.groups, 'past', a.v]),
  }));
}

function residual(c: Context, x: string, branch: (x: string) => string): string {
  const { placement, hidden } = c.a;
  const inner = placement === 'pre' || placement === 'both' ? norm(c, x, hidden) : x;
  const made = branch(inner);
  const sum = added(c, x, placement === 'both' ? norm(c, made, hidden) : made);
  return placement === 'post' ? norm(c, sum, hidden) : sum;
}

/** α·x + γ·made */
function added({ g, a }: Context, x: string, made: string, residual = a.residual): string {
  const scaledBranch = a.layerScale ? g.op('Mul', [made, g.random('layer_scale', [a.hidden], 0.3, 1)]) : made;
  return g.op('Add', [residual === 1 ? x : g.op('Mul', [x, g.floats('residual', [], [residual])]), scaledBranch]);
}

/** A norm over the last dimension, with random gains around 1. */
function norm({ g, a }: Context, x: string, size: number, kind = a.norm, form = a.normForm): string {
  const gain = g.random('gain', [size], 0.3, 1);
  const bias = kind === 'layer' && a.normBias ? g.random('norm_bias', [size], 0.3) : '';
  if (form === 'fused' && kind === 'layer') return g.op('LayerNormalization', bias === '' ? [x, gain] : [x, gain, bias], { axis: -1, epsilon: a.epsilon });
  if (form === 'l2') {
    const squares = a.opset >= 18 ? g.op('ReduceSumSquare', [x, g.ints([-1])]) : g.op('ReduceSumSquare', [x], { axes: [-1] });
    const length = g.op('Max', [g.op('Sqrt', [squares]), g.floats('epsilon', [], [a.epsilon])]);
    return g.op('Mul', [g.op('Mul', [g.op('Div', [x, length]), g.floats('width_root', [], [Math.sqrt(size)])]), gain]);
  }
  const mean = kind === 'layer' ? g.reduceMean(x, -1) : '';
  const centred = kind === 'layer' ? g.op('Sub', [x, mean]) : x;
  const epsilon = (): string => g.floats('epsilon', [], [a.epsilon]);
  if (form === 'std' || form === 'unbiased') {
    const squares = g.reduceMean(g.op('Mul', [centred, centred]), -1);
    const variance = form === 'std' ? squares : g.op('Mul', [squares, g.floats('width_ratio', [], [size / (size - 1)])]);
    const scaled = g.op('Div', [g.op('Mul', [gain, centred]), g.op('Add', [g.op('Sqrt', [variance]), epsilon()])]);
    return bias === '' ? scaled : g.op('Add', [scaled, bias]);
  }
  const root = (own: string): string => g.op('Sqrt', [g.op('Add', [own, epsilon()])]);
  if (form === 'keras') {
    const factor = g.op('Mul', [g.op('Reciprocal', [root(g.reduceMean(g.op('Mul', [centred, centred]), -1))]), gain]);
    const [own, off] = [g.op('Mul', [x, factor]), g.op('Mul', [mean, factor])];
    return bias === '' ? g.op('Sub', [own, off]) : g.op('Add', [own, g.op('Sub', [bias, off])]);
  }
  if (form === 'flax') {
    const variance = g.op('Sub', [g.reduceMean(g.op('Mul', [x, x]), -1), g.op('Mul', [mean, mean])]);
    const scaled = g.op('Mul', [centred, g.op('Mul', [g.op('Reciprocal', [root(variance)]), gain])]);
    return bias === '' ? scaled : g.op('Add', [scaled, bias]);
  }
  const square = form === 'div-sqrt' ? g.op('Pow', [centred, g.floats('two', [], [2])]) : g.op('Mul', [centred, centred]);
  const divisor = root(g.reduceMean(square, -1));
  const core = form === 'div-sqrt' ? g.op('Div', [centred, divisor]) : g.op('Mul', [centred, g.op('Reciprocal', [divisor])]);
  const scaled = g.op('Mul', form === 'div-sqrt' ? [core, gain] : [gain, core]);
  return bias === '' ? scaled : g.op('Add', [scaled, bias]);
}

/** x W + b, with the weight reached in the way the description says. */
function linear(c: Context, x: string, from: number, to: number, label: string, gain = 1, bias = c.a.bias): string {
  const { g, a } = c;
  const deviation = gain / Math.sqrt(from);
  const b = bias ? g.random(`${label}_bias`, [to], 0.3) : '';
  if (a.weights === 'gemm') {
    const rows = g.op('Reshape', [x, a.shapes === 'computed' ? g.shape([-1, from]) : g.ints([-1, from])]);
    const weight = g.random(label, [to, from], deviation);
    const product = g.op('Gemm', b === '' ? [rows, weight] : [rows, weight, b], { transB: 1 });
    return g.op('Reshape', [product, g.shape([{ of: x, dim: 0 }, { of: x, dim: 1 }, to])]);
  }
  const weight =
    a.weights === 'transpose'
      ? g.op('Transpose', [g.random(label, [to, from], deviation)], { perm: [1, 0] })
      : a.weights === 'identity'
        ? g.op('Identity', [g.random(label, [from, to], deviation)])
        : g.random(label, [from, to], deviation);
  const product = g.op('MatMul', [x, weight]);
  return b === '' ? product : g.op('Add', a.weights === 'direct' ? [product, b] : [b, product]);
}

/** int64 [tokens]: how many tokens came before each. */
function positions({ g, shared }: Context): string {
  const known = shared.get('positions');
  if (known !== undefined) return known;
  const tokens = g.size(shared.get('entry') ?? '', 1);
  const past = shared.get('past') === '' ? g.ints([0], []) : g.size(shared.get('past') ?? '', 2);
  const made = g.op('Range', [past, g.op('Add', [past, tokens]), g.ints([1], [])]);
  shared.set('positions', made);
  return made;
}

/** [batch, tokens, heads·width] as [batch, heads, tokens, width]. */
function splitHeads({ g, a }: Context, x: string, heads: number, width: number): string {
  const parts: Part[] = [{ of: x, dim: 0 }, { of: x, dim: 1 }, heads, width];
  const target = a.shapes === 'computed' ? g.shape(parts) : g.ints(a.seed % 2 === 0 ? [0, 0, heads, -1] : [0, 0, -1, width]);
  return g.op('Transpose', [g.op('Reshape', [x, target])], { perm: [0, 2, 1, 3] });
}

/** Queries, keys and values as [batch, heads, tokens, width]. */
function projections(c: Context, x: string): readonly [string, string, string] {
  const { g, a } = c;
  const heads = a.groups * a.perGroup;
  const widths = [heads * a.qk, a.groups * a.qk, a.groups * a.v] as const;
  if (a.projection === 'interleaved') {
    const all = linear(c, x, a.hidden, heads * 3 * a.qk, 'qkv', 1.6);
    const parts = g.op('Reshape', [all, g.shape([{ of: all, dim: 0 }, { of: all, dim: 1 }, heads, 3, a.qk])]);
    const take = (i: number): string => g.op('Transpose', [g.op('Gather', [parts, g.ints([i], [])], { axis: 3 })], { perm: [0, 2, 1, 3] });
    return [take(0), take(1), take(2)];
  }
  const [q = '', k = '', v = ''] =
    a.projection === 'separate'
      ? [linear(c, x, a.hidden, widths[0], 'query', 1.6), linear(c, x, a.hidden, widths[1], 'key', 1.6), linear(c, x, a.hidden, widths[2], 'value')]
      : packed(c, x, widths);
  return [splitHeads(c, q, heads, a.qk), splitHeads(c, k, a.groups, a.qk), splitHeads(c, v, a.groups, a.v)];
}

/** One matrix [q | k | v], cut by a Split or by Slices. */
function packed(c: Context, x: string, widths: readonly number[]): readonly string[] {
  const { g, a } = c;
  const all = linear(
    c,
    x,
    a.hidden,
    widths.reduce((s, w) => s + w, 0),
    'packed',
    1.6,
  );
  if (a.projection === 'split') return g.ops('Split', [all, g.ints(widths)], 3, { axis: 2 });
  let start = 0;
  return widths.map((width) => {
    const part = g.op('Slice', [all, g.ints([start]), g.ints([start + width]), g.ints([-1])]);
    start += width;
    return part;
  });
}

/** Cosines and sines of the positions' angles, [tokens, width] (half of it twice for rotate-half). */
function angles(c: Context, width: number): readonly [string, string] {
  const { g, a, shared } = c;
  const known = [shared.get('cos'), shared.get('sin')];
  if (known[0] !== undefined && known[1] !== undefined) return [known[0], known[1]];
  const frequencies = Array.from({ length: width / 2 }, (_, i) => 10 ** (-i / width));
  const at = positions(c);
  let pair: readonly [string, string];
  if (a.rope === 'table') {
    const table = (turn: (x: number) => number): number[] =>
      Array.from({ length: LONGEST * width }, (_, i) => turn(Math.floor(i / width) * (frequencies[(i % width) % (width / 2)] ?? 0)));
    pair = [
      g.op('Gather', [g.floats('cos', [LONGEST, width], table(Math.cos)), at], { axis: 0 }),
      g.op('Gather', [g.floats('sin', [LONGEST, width], table(Math.sin)), at], { axis: 0 }),
    ];
  } else {
    const turns = g.op('Mul', [g.unsqueeze(g.op('Cast', [at], { to: c.floatType }), 1), g.floats('frequencies', [1, width / 2], frequencies)]);
    const whole = a.rope === 'interleaved' ? g.unsqueeze(turns, 2) : g.op('Concat', [turns, turns], { axis: -1 });
    pair = [g.op('Cos', [whole]), g.op('Sin', [whole])];
  }
  shared.set('cos', pair[0]);
  shared.set('sin', pair[1]);
  return pair;
}

/** Rotary position embedding of [batch, heads, tokens, width]. */
function rotated(c: Context, x: string, heads: number): string {
  const { g, a } = c;
  if (a.rope === 'none') return x;
  if (a.rope === 'interleaved') return rotatedPairs(c, x, heads);
  const width = a.rope === 'partial' ? 2 : a.qk;
  const [cos, sin] = angles(c, width);
  const whole = a.rope === 'partial' ? g.op('Slice', [x, g.ints([0]), g.ints([width]), g.ints([3])]) : x;
  const first = g.op('Slice', [whole, g.ints([0]), g.ints([width / 2]), g.ints([3])]);
  const second = g.op('Slice', [whole, g.ints([width / 2]), g.ints([Number.MAX_SAFE_INTEGER]), g.ints([3])]);
  const turned = g.op('Concat', [g.op('Neg', [second]), first], { axis: -1 });
  const sum = g.op('Add', [g.op('Mul', [whole, cos]), g.op('Mul', [turned, sin])]);
  return a.rope === 'partial' ? g.op('Concat', [sum, g.op('Slice', [x, g.ints([width]), g.ints([Number.MAX_SAFE_INTEGER]), g.ints([3])])], { axis: 3 }) : sum;
}

function rotatedPairs(c: Context, x: string, heads: number): string {
  const { g, a } = c;
  const [cos, sin] = angles(c, a.qk);
  const pairs = g.op('Reshape', [x, g.shape([{ of: x, dim: 0 }, heads, { of: x, dim: 2 }, a.qk / 2, 2])]);
  const [even = '', odd = ''] = g.ops('Split', [pairs, g.ints([1, 1])], 2, { axis: 4 });
  const real = g.op('Sub', [g.op('Mul', [even, cos]), g.op('Mul', [odd, sin])]);
  const imaginary = g.op('Add', [g.op('Mul', [even, sin]), g.op('Mul', [odd, cos])]);
  const both = g.op('Concat', [real, imaginary], { axis: -1 });
  return g.op('Reshape', [both, g.shape([{ of: x, dim: 0 }, heads, { of: x, dim: 2 }, a.qk])]);
}

/** Additive mask that broadcasts to [batch, heads, tokens, total]; '' for none. */
function maskOf(c: Context, keys: string): string {
  const { g, a, shared } = c;
  if (a.mask === 'none') return '';
  const known = shared.get('mask');
  if (known !== undefined) return known;
  const far = g.floats('far', [], [-1e4]);
  let made: string;
  if (a.mask === 'padding') {
    const gone = g.op('Sub', [g.floats('one', [], [1]), g.op('Cast', ['mask'], { to: c.floatType })]);
    made = g.unsqueeze(g.unsqueeze(g.op('Mul', [gone, far]), 1), 1);
  } else {
    const all = g.op('Range', [g.ints([0], []), g.size(keys, 2), g.ints([1], [])]);
    const seen = g.op('Not', [g.op('Greater', [g.unsqueeze(all, 0), g.unsqueeze(positions(c), 1)])]);
    made = g.op('Where', [seen, g.floats('zero', [], [0]), far]);
  }
  shared.set('mask', made);
  return made;
}

/** Keys or values of all query heads from those of the groups. */
function repeated({ g, a }: Context, x: string, width: number): string {
  if (a.perGroup === 1 || a.repeat === 'broadcast') return x;
  const wide = g.op('Expand', [g.unsqueeze(x, 2), g.shape([{ of: x, dim: 0 }, a.groups, a.perGroup, { of: x, dim: 2 }, width])]);
  return g.op('Reshape', [wide, g.shape([{ of: x, dim: 0 }, a.groups * a.perGroup, { of: x, dim: 2 }, width])]);
}

function attention(c: Context, x: string, cache: Cache | undefined, layer: number): string {
  const { g, a } = c;
  const heads = a.groups * a.perGroup;
  let [query, key, value] = projections(c, x);
  if (a.qkNorm !== 'none') [query, key] = [norm(c, query, a.qk, a.qkNorm, 'div-sqrt'), norm(c, key, a.qk, a.qkNorm, 'div-sqrt')];
  [query, key] = [rotated(c, query, heads), rotated(c, key, a.groups)];
  if (cache !== undefined) {
    [key, value] = [g.op('Concat', [cache.key, key], { axis: 2 }), g.op('Concat', [cache.value, value], { axis: 2 })];
    g.output(`present.${layer}.key`, key, ['batch', a.groups, 'total', a.qk]);
    g.output(`present.${layer}.value`, value, ['batch', a.groups, 'total', a.v]);
  }
  const mask = maskOf(c, key);
  const context = a.headLayout === 'folded' ? foldedProduct(c, x, query, key, value, mask) : product(c, x, query, key, value, mask);
  return linear(c, context, heads * a.v, a.hidden, 'output');
}

function scaled(c: Context, scores: string, query: string): string {
  const { g, a } = c;
  if (a.scale === 'div') return g.op('Div', [scores, g.floats('scale', [], [Math.sqrt(a.qk)])]);
  if (a.scale === 'mul') return g.op('Mul', [scores, g.floats('scale', [], [1 / Math.sqrt(a.qk)])]);
  if (a.scale === 'shape') return g.op('Div', [scores, g.op('Sqrt', [g.op('Cast', [g.size(query, -1)], { to: c.floatType })])]);
  return scores;
}

/** [batch, heads, tokens, v] as [batch, tokens, heads·v]. */
function joined({ g, a }: Context, x: string, context: string): string {
  const back = g.op('Transpose', [context], { perm: [0, 2, 1, 3] });
  const width = a.groups * a.perGroup * a.v;
  return g.op('Reshape', [back, a.shapes === 'computed' ? g.shape([{ of: x, dim: 0 }, { of: x, dim: 1 }, width]) : g.ints([0, 0, width])]);
}

function product(c: Context, x: string, query: string, key: string, value: string, mask: string): string {
  const { g, a } = c;
  const five = a.perGroup > 1 && a.groups > 1 && a.repeat === 'broadcast';
  const q = a.scale === 'mul-query' ? g.op('Mul', [query, g.floats('scale', [], [1 / Math.sqrt(a.qk)])]) : query;
  if (five) return grouped(c, x, q, key, value, mask);
  const scores = g.op('MatMul', [q, g.op('Transpose', [repeated(c, key, a.qk)], { perm: [0, 1, 3, 2] })]);
  const kept = scaled(c, scores, query);
  const weights = g.op('Softmax', [mask === '' ? kept : g.op('Add', [kept, mask])], { axis: -1 });
  return joined(c, x, g.op('MatMul', [weights, repeated(c, value, a.v)]));
}

/** Grouped queries as [batch, groups, heads per group, tokens, width], keys broadcast. */
function grouped(c: Context, x: string, query: string, key: string, value: string, mask: string): string {
  const { g, a } = c;
  const tokens: Part = { of: query, dim: 2 };
  const q = g.op('Reshape', [query, g.shape([{ of: query, dim: 0 }, a.groups, a.perGroup, tokens, a.qk])]);
  const scores = g.op('MatMul', [q, g.op('Transpose', [g.unsqueeze(key, 2)], { perm: [0, 1, 2, 4, 3] })]);
  const kept = scaled(c, scores, query);
  const own = mask === '' || a.mask === 'causal' ? mask : g.unsqueeze(mask, 2);
  const weights = g.op('Softmax', [own === '' ? kept : g.op('Add', [kept, own])], { axis: -1 });
  const context = g.op('MatMul', [weights, g.unsqueeze(value, 2)]);
  const flat = g.op('Reshape', [context, g.shape([{ of: query, dim: 0 }, a.groups * a.perGroup, tokens, a.v])]);
  return joined(c, x, flat);
}

/** Heads folded into the batch, as BART's attention is written. */
function foldedProduct(c: Context, x: string, query: string, key: string, value: string, mask: string): string {
  const { g, a } = c;
  const fold = (own: string, width: number): string => g.op('Reshape', [own, g.shape([{ of: own, dim: 0, times: a.groups }, { of: own, dim: 2 }, width])]);
  const q = a.scale === 'mul-query' ? g.op('Mul', [query, g.floats('scale', [], [1 / Math.sqrt(a.qk)])]) : query;
  let scores = scaled(c, g.op('MatMul', [fold(q, a.qk), g.op('Transpose', [fold(key, a.qk)], { perm: [0, 2, 1] })]), query);
  if (mask !== '') {
    const size: Part = { of: x, dim: 1 };
    const open = g.op('Add', [g.op('Reshape', [scores, g.shape([{ of: x, dim: 0 }, a.groups, size, size])]), mask]);
    scores = g.op('Reshape', [open, g.shape([{ of: x, dim: 0, times: a.groups }, size, size])]);
  }
  const context = g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), fold(value, a.v)]);
  return joined(c, x, g.op('Reshape', [context, g.shape([{ of: x, dim: 0 }, a.groups, { of: x, dim: 1 }, a.v])]));
}

function activated({ g, a }: Context, x: string): string {
  if (a.activation === 'relu') return g.op('Relu', [x]);
  if (a.activation === 'sigmoid') return g.op('Mul', [x, g.op('Sigmoid', [x])]);
  const half = g.op('Mul', [x, g.floats('half', [], [0.5])]);
  return g.op('Mul', [half, g.op('Add', [g.op('Tanh', [g.op('Mul', [x, g.floats('slope', [], [0.8])])]), g.floats('one', [], [1])])]);
}

function feedForward(c: Context, x: string): string {
  const { g, a } = c;
  if (a.gate === 'none') return linear(c, activated(c, linear(c, x, a.hidden, a.mlp, 'up')), a.mlp, a.hidden, 'down');
  if (a.gate === 'separate')
    return linear(c, g.op('Mul', [activated(c, linear(c, x, a.hidden, a.mlp, 'gate')), linear(c, x, a.hidden, a.mlp, 'up')]), a.mlp, a.hidden, 'down');
  const both = linear(c, x, a.hidden, 2 * a.mlp, 'gate_up');
  const [gate = '', up = ''] =
    a.opset >= 18 ? g.ops('Split', [both], 2, { axis: -1, num_outputs: 2 }) : g.ops('Split', [both, g.ints([a.mlp, a.mlp])], 2, { axis: -1 });
  return linear(c, g.op('Mul', [activated(c, gate), up]), a.mlp, a.hidden, 'down');
}
