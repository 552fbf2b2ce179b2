/**
 * Rules of operators that transformers seldom hold: sizes of results, and either how dimensions belong together or that they
 * must not grow. Source: the operators' pages at https://onnx.ai/onnx/operators/
 */
import { DataType } from '../onnx/ir.ts';
import { filled } from './making-rules.ts';
import type { OpRule } from './op-rule.ts';
import { at, knownSizes, type Labels, likeInput, range, type Site, sizesOf, unknown } from './relation.ts';
import { add, divide, multiply, type Size, subtract } from './size.ts';

/** An operator that mixes all its elements: only its sizes are said. */
const mixing = (sizes: (site: Site) => readonly (readonly Size[])[]): OpRule => ({
  relate: (site) => unknown(`${site.flat.op} mixes its elements`, sizes(site)),
  zero: 'never',
});

/** Elements that depend on all others along some dimensions. */
const mixed = (along: (site: Site, rank: number) => readonly number[], zero: OpRule['zero'] = 'never'): OpRule => ({
  relate: (site) => {
    const rank = site.dims(0).length;
    return likeInput(
      site,
      along(site, rank).map((d) => `d${d}`),
    );
  },
  zero,
});

const replaced = (dims: readonly Size[], sizes: Readonly<Record<number, Size>>): Size[] => dims.map((size, d) => sizes[d] ?? size);

/** Sizes of an attribute-shaped tensor, RandomNormal and its like. */
const shaped: OpRule = { relate: (site) => filled(site.ints('shape') ?? []), zero: 'never', dtype: (site) => site.int('dtype', DataType.FLOAT) };

/** A window function over as many elements as its operand says. */
const window: OpRule = { relate: (site) => filled(sizeOf(site, 0)), zero: 'never', dtype: (site) => site.int('output_datatype', DataType.FLOAT) };

const sizeOf = (site: Site, input: number): Size[] => [knownSizes(site, input)[0] ?? site.fresh('size', 5)];

/** Recurrent networks: gates are products of inputs and states with stacked weights; states mix. */
const recurrent: OpRule = {
  relate: (site): Labels => {
    const [x, y] =
      site.int('layout', 0) === 0
        ? [
            ['s', 'b', 'i'],
            ['s', 'r', 'b', 'h'],
          ]
        : [
            ['b', 's', 'i'],
            ['b', 's', 'r', 'h'],
          ];
    const last = site.int('layout', 0) === 0 ? ['r', 'b', 'h'] : ['b', 'r', 'h'];
    return {
      kind: 'labels',
      inputs: site.flat.inputs.map((_, i) => [x, ['r', 'g', 'i'], ['r', 'g', 'h']][i] ?? null),
      outputs: site.flat.outputs.map((_, o) => (o === 0 ? y : last)),
      mixes: ['g', 'h', 's'],
      sums: ['i'],
    };
  },
  zero: 'never',
};

/** ConvTranspose: [n c …] with filters [c m …]. */
function convTranspose(site: Site): ReturnType<OpRule['relate']> {
  const [n = 1, , ...spatial] = site.dims(0);
  const [, m = 1, ...kernel] = site.dims(1);
  const groups = site.int('group', 1);
  const [pads, strides, dilations, extra, given] = ['pads', 'strides', 'dilations', 'output_padding', 'output_shape'].map((name) => site.ints(name));
  const sizes = spatial.map((size, i): Size => {
    const fixed = given?.[i];
    if (fixed !== undefined) return fixed;
    const reach = add(multiply(subtract(kernel[i] ?? 1, 1), dilations?.[i] ?? 1), 1 + (extra?.[i] ?? 0));
    return subtract(add(multiply(subtract(size, 1), strides?.[i] ?? 1), reach), (pads?.[i] ?? 0) + (pads?.[i + spatial.length] ?? 0));
  });
  if (groups !== 1) return unknown('ConvTranspose in groups', [[n, multiply(m, groups), ...sizes]]);
  const own = range(spatial.length, 'o');
  return {
    kind: 'labels',
    inputs: [['n', 'c', ...range(spatial.length, 's')], ['c', 'm', ...range(spatial.length, 'w')], ...(site.has(2) ? [['m']] : [])],
    outputs: [['n', 'm', ...own]],
    sizes: new Map(own.map((label, i) => [label, sizes[i] ?? 1])),
  };
}

/** TensorScatter: the update is written over a stretch of the axis of positions. */
function written(site: Site): Labels {
  const labels = range(site.dims(0).length);
  const axis = at(site.int('axis', -2), labels.length);
  return { kind: 'labels', inputs: [labels, labels.map((label, d) => (d === axis ? 'u' : label)), null], outputs: [labels], mixes: [`d${axis}`] };
}

const blocked = (site: Site, grow: boolean): Size[][] => {
  const [n = 1, c = 1, h = 1, w = 1] = site.dims(0);
  const block = site.int('blocksize', 1);
  const area = block * block;
  return [grow ? [n, divide(c, area), multiply(h, block), multiply(w, block)] : [n, multiply(c, area), divide(h, block), divide(w, block)]];
};

/** Lines of the table for operators that are rare in transformers. */
export const RARE_RULES: Readonly<Record<string, OpRule>> = {
  DepthToSpace: mixing((site) => blocked(site, true)),
  SpaceToDepth: mixing((site) => blocked(site, false)),
  ConvTranspose: { relate: convTranspose, zero: 'product', ofOneType: 'all' },
  Col2Im: mixing((site) => [[site.dims(0)[0] ?? 1, site.fresh('channels', 3), ...sizesOf(site, 1)]]),
  CenterCropPad: mixing((site) => {
    const rank = site.dims(0).length;
    const axes = (site.ints('axes') ?? range(rank).map((_, d) => d)).map((axis) => at(axis, rank));
    const sizes = sizesOf(site, 1);
    return [site.dims(0).map((size, d) => sizes[axes.indexOf(d)] ?? size)];
  }),
  Compress: mixing((site) => {
    const axis = site.flat.node.attributes.some((own) => own.name === 'axis') ? at(site.int('axis', 0), site.dims(0).length) : null;
    return [axis === null ? [site.fresh('kept', 4)] : replaced(site.dims(0), { [axis]: site.fresh('kept', 4) })];
  }),
  Det: mixing((site) => [site.dims(0).slice(0, -2)]),
  GridSample: mixing((site) => [[...site.dims(0).slice(0, 2), ...site.dims(1).slice(1, -1)]]),
  AffineGrid: mixing((site) => {
    const [n = 1, , ...spatial] = sizesOf(site, 1);
    return [[n, ...spatial, spatial.length]];
  }),
  DeformConv: mixing((site) => [[site.dims(0)[0] ?? 1, site.dims(1)[0] ?? 1, ...site.dims(2).slice(2)]]),
  RoiAlign: mixing((site) => [[site.dims(1)[0] ?? 1, site.dims(0)[1] ?? 1, site.int('output_height', 1), site.int('output_width', 1)]]),
  MaxRoiPool: mixing((site) => [[site.dims(1)[0] ?? 1, site.dims(0)[1] ?? 1, ...(site.ints('pooled_shape') ?? [1, 1])]]),
  DFT: mixing((site) => {
    const dims = site.dims(0);
    const axis = at(site.opset >= 20 ? Number(site.elements(2)?.[0]?.value ?? -2) : site.int('axis', 1), dims.length);
    const length = site.has(1) ? (site.elements(1)?.[0]?.value ?? site.fresh('dft', 5)) : (dims[axis] ?? 1);
    const half = site.int('onesided', 0) !== 0;
    return [replaced(dims, { [axis]: half ? add(divide(length, 2), 1) : length, [dims.length - 1]: 2 })];
  }),
  STFT: mixing((site) => {
    const [batch = 1, length = 1] = site.dims(0);
    const frame = (site.has(3) ? site.elements(3)?.[0]?.value : site.dims(2)[0]) ?? site.fresh('frame', 4);
    const step = site.elements(1)?.[0]?.value ?? site.fresh('step', 2);
    const bins = site.int('onesided', 1) !== 0 ? add(divide(frame, 2), 1) : frame;
    return [[batch, add(divide(subtract(length, frame), step), 1), bins, 2]];
  }),
  HannWindow: window,
  HammingWindow: window,
  BlackmanWindow: window,
  MelWeightMatrix: {
    relate: (site) => filled([add(divide(sizeOf(site, 1)[0] ?? 2, 2), 1), ...sizeOf(site, 0)]),
    zero: 'never',
    dtype: (site) => site.int('output_datatype', DataType.FLOAT),
  },
  RandomNormal: shaped,
  RandomUniform: shaped,
  Multinomial: { ...mixing((site) => [[site.dims(0)[0] ?? 1, site.int('sample_size', 1)]]), dtype: (site) => site.int('dtype', DataType.INT32) },
  MeanVarianceNormalization: mixed((site, rank) => (site.ints('axes') ?? [0, 2, 3]).map((axis) => at(axis, rank))),
  ReverseSequence: mixed((site) => [site.int('time_axis', 0)], 'keeps'),
  CumProd: mixed((site, rank) => [at(Number(site.elements(1)?.[0]?.value ?? 0), rank)]),
  BitCast: { relate: (site) => likeInput(site), zero: 'never', dtype: (site) => site.int('to', DataType.FLOAT) },
  GlobalLpPool: mixing((site) => [site.dims(0).map((size, d) => (d < 2 ? size : 1))]),
  Scatter: { relate: (site) => likeInput(site), zero: 'never' },
  TensorScatter: { relate: written, zero: 'all' },
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  OptionalHasElement: { relate: () => filled([]), zero: 'never', dtype: () => DataType.BOOL },
  SequenceLength: { relate: () => filled([]), zero: 'never', dtype: () => DataType.INT64 },
};
