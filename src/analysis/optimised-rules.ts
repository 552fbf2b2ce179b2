/**
 * Rows of the op table for operators that onnxruntime's graph optimiser writes: neighbours joined into one node, and layouts of
 * one processor. Source: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import type { OpRule } from './op-rule.ts';
import { gemm } from './product-rules.ts';
import { broadcast, type Composite, type Labels, likeInput, type Relation, range, type Site, unknown } from './relation.ts';
import { equal, type Size, subtract } from './size.ts';
import { convolution, pool } from './window-rules.ts';

/** Activations with f(0) = 0 that a product may have taken in. */
const ZERO_AT_ZERO = new Set(['', 'Relu', 'Tanh', 'LeakyRelu']);

/** A product and the activation behind it in one node: zeros come through where f(0) = 0. */
const activated = (relate: (site: Site) => Relation): OpRule => ({
  relate: (site) => {
    const activation = site.text('activation', '');
    return ZERO_AT_ZERO.has(activation) ? relate(site) : unknown(`a product with ${activation} in one node`);
  },
  zero: 'product',
});

/** FusedMatMul: MatMul with transposes of either matrix and a factor. */
function fusedMatMul(site: Site): Relation {
  if (site.int('transBatchA', 0) !== 0 || site.int('transBatchB', 0) !== 0) return unknown('FusedMatMul with transposed batches');
  const side = (dims: readonly Size[], other: readonly Size[], swap: boolean, own: readonly [string, string]): string[] => {
    const rank = Math.max(dims.length, other.length);
    const batch = dims.slice(0, -2).map((size, i) => {
      const d = i + rank - dims.length;
      const across = other[d - rank + other.length];
      return size === 1 && across !== undefined && across !== 1 && d - rank + other.length >= 0 ? '' : `b${d}`;
    });
    return [...batch, ...(swap ? [own[1], own[0]] : own)];
  };
  const [a, b] = [site.dims(0), site.dims(1)];
  const rank = Math.max(a.length, b.length);
  return {
    kind: 'labels',
    inputs: [side(a, b, site.int('transA', 0) !== 0, ['m', 'k']), side(b, a, site.int('transB', 0) !== 0, ['k', 'n'])],
    outputs: [[...range(rank - 2, 'b'), 'm', 'n']],
  };
}

/** FusedConv: convolution, plus a value of the result's shape. */
function fusedConvolution(site: Site): Relation {
  const relation = convolution(site);
  if (relation.kind !== 'labels' || !site.has(3)) return relation;
  return { ...relation, inputs: [...relation.inputs.slice(0, 2), site.has(2) ? (relation.inputs[2] ?? null) : null, relation.outputs[0] ?? null] };
}

/** Convolution of channels that are stored in blocks as wide as the processor's registers, in values and weights alike. */
function blockedConvolution(site: Site): Relation {
  const relation = fusedConvolution(site);
  return relation.kind === 'labels' ? { ...relation, mixes: [...(relation.inputs[1] ?? []), ...(relation.inputs[0]?.slice(1, 2) ?? [])] } : relation;
}

/** From blocks of channels to plain ones; those that only fill the last block go. */
function unblocked(site: Site): Labels {
  const [batch = 1, channels = 1, ...spatial] = site.dims(0);
  const plain = site.int('channels', 1);
  const places = spatial.map((_, i) => `s${i}`);
  const own = equal(channels, plain) ? 'c' : 'all';
  const composites = new Map<string, Composite>(own === 'c' ? [] : [['all', { form: 'sum', of: ['c', 'filling'] }]]);
  return {
    kind: 'labels',
    inputs: [['n', own, ...places]],
    outputs: [site.int('channels_last', 0) !== 0 ? ['n', ...places, 'c'] : ['n', 'c', ...places]],
    sizes: new Map<string, Size>([
      ['n', batch],
      ['c', plain],
      ['filling', subtract(channels, plain)],
    ]),
    composites,
    mixes: [own],
  };
}

/** The rows of the table for operators of the graph optimiser. */
export const OPTIMISED_RULES: Readonly<Record<string, OpRule>> = {
  'com.microsoft.Gelu': { relate: (site) => likeInput(site), zero: 'keeps' },
  'com.microsoft.QuickGelu': { relate: (site) => likeInput(site), zero: 'keeps' },
  'com.microsoft.FastGelu': { relate: (site) => broadcast(site, site.flat.inputs.length), zero: 'all' },
  'com.microsoft.BiasGelu': { relate: (site) => broadcast(site, 2), zero: 'all' },
  'com.microsoft.FusedMatMul': { relate: fusedMatMul, zero: 'product' },
  'com.microsoft.TransposeMatMul': { relate: fusedMatMul, zero: 'product' },
  'com.microsoft.FusedGemm': activated(gemm),
  'com.microsoft.FusedConv': activated(fusedConvolution),
  'com.microsoft.nchwc.Conv': activated(blockedConvolution),
  'com.microsoft.nchwc.MaxPool': pool('keeps'),
  'com.microsoft.nchwc.AveragePool': pool('keeps'),
  'com.microsoft.nchwc.ReorderInput': { relate: (site) => likeInput(site, ['d1']), zero: 'moved' },
  'com.microsoft.nchwc.ReorderOutput': { relate: unblocked, zero: 'moved' },
};
