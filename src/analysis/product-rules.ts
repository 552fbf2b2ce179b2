/** Rules of sums of products, reductions and norms. Source: the operators' pages at https://onnx.ai/onnx/operators/ */
import { DataType } from '../onnx/ir.ts';
import type { OpRule, Zero } from './op-rule.ts';
import { at, type Labels, likeInput, numbersOf, type Relation, range, type Site, unknown } from './relation.ts';
import type { Size } from './size.ts';

/** MatMul with numpy batch broadcasting: [… m k] × [… k n]. */
export function matmul(site: Site, a = site.dims(0), b = site.dims(1)): Labels {
  const rank = Math.max(a.length, b.length, 2);
  const batch = (dims: readonly Size[], other: readonly Size[]): string[] =>
    dims.slice(0, -2).map((size, i) => {
      const d = i + rank - dims.length;
      const across = other[d - rank + other.length];
      return size === 1 && d - rank + other.length >= 0 && across !== undefined && across !== 1 && d < rank - 2 ? '' : `b${d}`;
    });
  const left = a.length === 1 ? ['k'] : [...batch(a, b), 'm', 'k'];
  const right = b.length === 1 ? ['k'] : [...batch(b, a), 'k', 'n'];
  const out = [...range(rank - 2, 'b'), ...(a.length === 1 ? [] : ['m']), ...(b.length === 1 ? [] : ['n'])];
  return { kind: 'labels', inputs: [left, right, ...site.flat.inputs.slice(2).map(() => null)], outputs: [out] };
}

/** Gemm with transposes: [m k] × [k n] + [m n]. */
export function gemm(site: Site): Labels {
  const a = site.int('transA', 0) === 0 ? ['m', 'k'] : ['k', 'm'];
  const b = site.int('transB', 0) === 0 ? ['k', 'n'] : ['n', 'k'];
  const c = site.has(2) ? site.dims(2).map((size, i, dims) => (size === 1 ? '' : (['m', 'n'][i + 2 - dims.length] ?? ''))) : null;
  return { kind: 'labels', inputs: site.flat.inputs.map((_, i) => [a, b, c][i] ?? null), outputs: [['m', 'n']] };
}

/** Einsum; ellipses broadcast, repeated indices in one operand are not understood. */
export function einsum(site: Site): Relation {
  const [terms = '', result] = site.text('equation', '').replaceAll(' ', '').split('->');
  const ellipsis = Math.max(0, ...terms.split(',').map((term, i) => (term.includes('...') ? site.dims(i).length - term.replace('...', '').length : 0)));
  const labels = (term: string, rank: number): string[] =>
    term.split('...').flatMap((part, i) => [...(i === 1 ? range(ellipsis, '.').slice(ellipsis - (rank - term.length + 3)) : []), ...part]);
  const inputs = terms
    .split(',')
    .map((term, i) => labels(term, site.dims(i).length).map((label, d) => (site.dims(i)[d] === 1 && label.startsWith('.') ? '' : label)));
  if (inputs.some((list) => new Set(list).size !== list.length)) return unknown('Einsum with a repeated index');
  const all = [...terms.replaceAll(/[.,]/g, '')];
  const implicit = `${ellipsis > 0 ? '...' : ''}${[...new Set(all)]
    .filter((c) => all.indexOf(c) === all.lastIndexOf(c))
    .sort()
    .join('')}`;
  const out = result ?? implicit;
  return { kind: 'labels', inputs, outputs: [labels(out, out.replace('...', '').length + ellipsis)] };
}

function reducedAxes(site: Site, inputSince: number): number[] {
  const rank = site.dims(0).length;
  const given = site.opset >= inputSince && site.has(1) ? numbersOf(site, 1) : site.ints('axes');
  if (given === undefined || given.length === 0) return site.int('noop_with_empty_axes', 0) !== 0 ? [] : range(rank).map((_, i) => i);
  return given.map((axis) => at(axis, rank));
}

/** A reduction; axes are an operand from opset `inputSince` on. */
export const reduction = (zero: Zero, inputSince = 18, fn?: (values: readonly Size[], exact: boolean) => Size): OpRule => ({
  relate: (site) => {
    const axes = new Set(reducedAxes(site, inputSince));
    const labels = range(site.dims(0).length);
    const keep = site.int('keepdims', 1) === 1;
    const out = labels.flatMap((label, i) => (axes.has(i) ? (keep ? [`one${i}`] : []) : [label]));
    return {
      kind: 'labels',
      inputs: [labels, ...site.flat.inputs.slice(1).map(() => null)],
      outputs: [out],
      sizes: new Map(labels.map((_, i) => [`one${i}`, 1])),
    };
  },
  zero,
  compute: (site) => {
    const elements = site.elements(0);
    if (fn === undefined || elements === null || site.dims(0).length !== 1) return null;
    const values = elements.map((e) => e.value);
    return [{ value: values.every((v) => v !== null) ? fn(values as Size[], site.exact) : null, fromShape: elements.some((e) => e.fromShape) }];
  },
});

/** ArgMax and ArgMin. */
export const arg: OpRule = {
  relate: (site) => {
    const labels = range(site.dims(0).length);
    const axis = at(site.int('axis', 0), labels.length);
    const out = labels.flatMap((label, i) => (i === axis ? (site.int('keepdims', 1) === 1 ? ['one'] : []) : [label]));
    return { kind: 'labels', inputs: [labels], outputs: [out], sizes: new Map([['one', 1]]) };
  },
  zero: 'never',
  dtype: () => DataType.INT64,
};

/** Softmax; before opset 13 it runs over all dimensions from `axis` on. */
export const softmax: OpRule = {
  relate: (site) => {
    const rank = site.dims(0).length;
    const axis = at(site.int('axis', site.opset < 13 ? 1 : -1), rank);
    return likeInput(site, site.opset < 13 ? range(rank).slice(axis) : [`d${axis}`]);
  },
  zero: 'never',
};

/** LayerNormalization and RMSNormalization: gain and bias over the normalised dimensions; statistics of size 1 there. */
export function norm(site: Site): Labels {
  const rank = site.dims(0).length;
  const axis = at(site.int('axis', -1), rank);
  const labels = range(rank);
  const statistics = labels.map((label, i) => (i < axis ? label : `one${i}`));
  const affine = (input: number): string[] | null =>
    site.has(input) ? site.dims(input).map((size, i, dims) => (size === 1 ? '' : `d${rank - dims.length + i}`)) : null;
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => (i === 0 ? labels : affine(i))),
    outputs: site.flat.outputs.map((_, i) => (i === 0 ? labels : statistics)),
    sizes: new Map(labels.map((_, i) => [`one${i}`, 1])),
    mixes: labels.slice(axis),
  };
}
