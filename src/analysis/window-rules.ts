/** Rules of convolutions, pooling and resizing. Source: the operators' pages at https://onnx.ai/onnx/operators/ */

import type { OpRule, Zero } from './op-rule.ts';
import { type Relation, ShapeUnknown, type Site } from './relation.ts';
import { add, divide, equal, hint, multiply, opaque, type Size, subtract } from './size.ts';

/** Conv: [n c …] with filters [m c …]; depthwise filters keep the channels; other groups mix them. */
export function convolution(site: Site): Relation {
  const [n, c, ...spatial] = site.dims(0);
  const [m = 1, perGroup = 1, ...kernel] = site.dims(1);
  if (n === undefined || c === undefined) throw new ShapeUnknown('no channels');
  const groups = site.int('group', 1);
  const out = windows(site, spatial, kernel);
  const sizes = new Map(out.map((size, i) => [`o${i}`, size]));
  // a window of one element that moves by one keeps the positions
  const outSpatial = spatial.map((size, i) => (kernel[i] === 1 && equal(size, out[i] ?? -1) ? `s${i}` : `o${i}`));
  const bias = site.has(2) ? [['m']] : [];
  const own = kernel.map((_, i) => `w${i}`);
  const input = spatial.map((_, i) => `s${i}`);
  if (groups === 1) return { kind: 'labels', inputs: [['n', 'c', ...input], ['m', 'c', ...own], ...bias], outputs: [['n', 'm', ...outSpatial]], sizes };
  if (perGroup === 1 && equal(m, c)) {
    return {
      kind: 'labels',
      inputs: [['n', 'm', ...input], ['m', 'one', ...own], ...bias],
      outputs: [['n', 'm', ...outSpatial]],
      sizes,
      attributes: new Map([['group', ['m']]]),
    };
  }
  return {
    kind: 'labels',
    inputs: [['n', 'gc', ...input], ['gm', 'gi', ...own], ...bias.map(() => ['gm'])],
    outputs: [['n', 'gm', ...outSpatial]],
    sizes,
    mixes: ['gc', 'gi', 'gm'],
  };
}

/** Sizes after sliding windows. Source: the Conv and pooling operators' pages. */
export function windows(site: Site, spatial: readonly Size[], kernel: readonly Size[]): Size[] {
  const pads = site.ints('pads') ?? spatial.flatMap(() => [0, 0]);
  const strides = site.ints('strides') ?? spatial.map(() => 1);
  const dilations = site.ints('dilations') ?? spatial.map(() => 1);
  const auto = site.text('auto_pad', 'NOTSET');
  const ceil = site.int('ceil_mode', 0) !== 0;
  return spatial.map((size, i) => {
    const stride = strides[i] ?? 1;
    if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') return divide(add(size, stride - 1), stride);
    const reach = add(multiply(subtract(kernel[i] ?? 1, 1), dilations[i] ?? 1), 1);
    const free = subtract(add(size, auto === 'VALID' ? 0 : (pads[i] ?? 0) + (pads[i + spatial.length] ?? 0)), reach);
    return add(stride === 1 ? free : divide(ceil ? add(free, stride - 1) : free, stride), 1);
  });
}

/** AveragePool and MaxPool over windows. */
export const pool = (zero: Zero): OpRule => ({
  relate: (site) => {
    const spatial = site.dims(0).slice(2);
    const kernel = site.ints('kernel_shape') ?? [];
    const out = windows(site, spatial, kernel);
    const labels = spatial.map((size, i) => (kernel[i] === 1 && equal(size, out[i] ?? -1) ? `s${i}` : `o${i}`));
    return {
      kind: 'labels',
      inputs: [['n', 'c', ...spatial.map((_, i) => `s${i}`)]],
      outputs: site.flat.outputs.map(() => ['n', 'c', ...labels]),
      sizes: new Map(out.map((size, i) => [`o${i}`, size])),
    };
  },
  zero,
});

/** Pooling over all positions. */
export const globalPool = (zero: Zero): OpRule => ({
  relate: (site) => {
    const ones = site
      .dims(0)
      .slice(2)
      .map((_, i) => `one${i}`);
    return {
      kind: 'labels',
      inputs: [['n', 'c', ...ones.map((_, i) => `s${i}`)]],
      outputs: [['n', 'c', ...ones]],
      sizes: new Map(ones.map((one) => [one, 1])),
    };
  },
  zero,
});

/** Resize and Upsample: dimensions whose size stays belong together. */
export const resize: OpRule = {
  relate: (site) => {
    const dims = site.dims(0);
    const sizesAt = site.flat.op === 'Resize' && site.opset >= 11 ? 3 : -1;
    const scalesAt = site.flat.op === 'Resize' && site.opset >= 11 ? 2 : 1;
    let out: Size[];
    if (sizesAt >= 0 && site.has(sizesAt)) {
      const elements = site.elements(sizesAt) ?? [];
      out = dims.map((size, i) => elements[i]?.value ?? (i < 2 ? size : site.fresh(`resize${i}`, hint(size))));
    } else {
      const scales = site.has(scalesAt) ? (site.elements(scalesAt) ?? []) : (site.ints('scales') ?? []).map((value) => ({ value, fromShape: false }));
      out = dims.map((size, i) => {
        const scale = scales[i]?.value;
        if (scale === 1) return size;
        return typeof scale === 'number' ? opaque('scale', [size, scale], (s, f) => Math.floor(s * f)) : site.fresh(`resize${i}`, hint(size));
      });
    }
    const kept = dims.map((size, i) => equal(size, out[i] ?? 0));
    return {
      kind: 'labels',
      inputs: [dims.map((_, i) => (kept[i] ? `d${i}` : `s${i}`)), ...site.flat.inputs.slice(1).map(() => null)],
      outputs: [dims.map((_, i) => (kept[i] ? `d${i}` : `o${i}`))],
      sizes: new Map(out.map((size, i) => [`o${i}`, size])),
    };
  },
  zero: 'keeps',
};
