/**
 * Rows of the op table for quantised numbers q that stand for (q − point) · scale.
 *
 * Rounding to a quantum is a function of each element, and 0 becomes the zero point exactly. A scale that is taken from the
 * activations while the model runs depends on all of them, so new ones must be zero there (`wholes`).
 *
 * Sources: https://onnx.ai/onnx/operators/ and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { DataType, type Packing, type Tensor } from '../onnx/ir.ts';
import { rowPacking } from '../onnx/packed-tensor.ts';
import type { OpRule, Quantised } from './op-rule.ts';
import { matmul } from './product-rules.ts';
import { at, type Derived, type Labels, type Relation, range, type Site, unknown } from './relation.ts';
import { hint, type Size } from './size.ts';
import { convolution } from './window-rules.ts';

const OPERAND_0: readonly Quantised[] = [{ operand: 0, scale: 1, point: 2 }];

/** A scale or zero point: one number, or one for every index of a dimension. */
const perChannel = (site: Site, input: number, label: string): string[] | null => {
  const dims = site.has(input) ? site.dims(input) : [];
  const wide = dims.findIndex((size) => size !== 1);
  return wide < 0 ? null : dims.map((_, d) => (d === wide ? label : ''));
};

/** Quantize- and DequantizeLinear: one scale, one per index of `axis`, or one per block along it. */
function linear(site: Site): Relation {
  const labels = range(site.dims(0).length);
  const block = site.int('block_size', 0);
  // one scale for all elements has no axis, whatever the attribute or its default says
  const single = block === 0 && [1, 2].every((input) => !site.has(input) || site.dims(input).every((size) => size === 1));
  const axis = single ? 0 : at(site.int('axis', 1), labels.length);
  const along = labels[axis] ?? '';
  if (block === 0) {
    const scale = (input: number): string[] | null => perChannel(site, input, along);
    return { kind: 'labels', inputs: [labels, scale(1), scale(2)].slice(0, site.flat.inputs.length), outputs: [labels] };
  }
  if (site.flat.op === 'QuantizeLinear') return unknown('quantisation of activations in blocks');
  const own = (label: string): string[] => labels.map((other) => (other === along ? label : other));
  return {
    kind: 'labels',
    inputs: [own('elements'), own('blocks'), ...(site.has(2) ? [own('blocks')] : [])],
    outputs: [labels],
    sizes: new Map<string, Size>([[along, site.dims(0)[axis] ?? 1]]),
    derived: blocked(along, block),
  };
}

/** Elements quantised in blocks along a label: they and their scales never move to other blocks. */
const blocked = (of: string, by: number): ReadonlyMap<string, Derived> =>
  new Map<string, Derived>([
    ['elements', { form: 'appended', of, by: 1 }],
    ['blocks', { form: 'blocks', of, by }],
  ]);

/** DynamicQuantizeLinear: scale and zero point come from the smallest and the largest element. */
function dynamic(site: Site): Labels {
  const labels = range(site.dims(0).length);
  return { kind: 'labels', inputs: [labels], outputs: [labels, [], []], wholes: [0], rounds: true };
}

/** MatMulInteger and its kin: a product, and vectors that belong to its columns. */
function integerMatmul(site: Site, rows: readonly number[], columns: readonly number[], rounds: boolean): Relation {
  const relation = matmul(site);
  return {
    ...relation,
    inputs: site.flat.inputs.map((_, i) =>
      i < 2 ? (relation.inputs[i] ?? null) : rows.includes(i) ? perChannel(site, i, 'm') : columns.includes(i) ? perChannel(site, i, 'n') : null,
    ),
    ...(rounds && { wholes: [0], rounds }),
  };
}

/** ConvInteger: a convolution whose zero points stand where others have the bias. */
function integerConvolution(site: Site): Relation {
  const relation = convolution({ ...site, has: (input) => input < 2 && site.has(input) });
  if (relation.kind !== 'labels') return relation;
  return { ...relation, inputs: [...relation.inputs.slice(0, 2), null, perChannel(site, 3, relation.inputs[1]?.[0] ?? '')].slice(0, site.flat.inputs.length) };
}

const blobShape =
  (bits: number, block: number) =>
  ([n = 1, k = 1]: readonly number[]): number[] => [n, Math.ceil(k / block), (block * bits) / 8];

/** MatMulNBits: B [N, blocks, bytes], scales and zero points [N, blocks], all of them also flat; seen as [N, K] and [N, blocks]. */
function nBitsPacking(site: Pick<Site, 'int'>, input: number, tensor: Tensor): Packing | null {
  const [bits, block, K, N] = [site.int('bits', 4), site.int('block_size', 32), site.int('K', 0), site.int('N', 0)];
  const blocks = Math.ceil(K / block);
  const flat = (dims: readonly number[]): number[] => (tensor.dims.length === 1 ? [dims.reduce((a, b) => a * b, 1)] : [...dims]);
  if (input === 1) return rowPacking([N, K], bits, block, blobShape(bits, block));
  if (input === 3 && tensor.dataType === DataType.UINT8) {
    const bytes = ([n = 1, count = 1]: readonly number[]): number[] => flat([n, Math.ceil((count * bits) / 8)]);
    return rowPacking([N, blocks], bits, 8 / bits, bytes);
  }
  return input === 2 || input === 3 ? { ...rowPacking([N, blocks], 32, 1, flat) } : null;
}

/** MatMulNBits: x [… K] with weights of a few bits [N, K], quantised in blocks along K. */
function nBits(site: Site): Relation {
  const x = site.dims(0);
  if (site.has(4)) return unknown('MatMulNBits with groups in another order');
  const lead = range(x.length - 1);
  if ([1, 2, 3].some((input) => site.has(input) && site.dims(input).length !== 2))
    return unknown('MatMulNBits whose weights are computed or read otherwise too');
  const scales = (input: number): string[] | null => (site.has(input) ? ['n', 'blocks'] : null);
  // at accuracy level 4 the runtime rounds activations to int8, in blocks as the weights
  const rounds = site.int('accuracy_level', 0) === 4;
  const inputs = [[...lead, 'k'], ['n', 'elements'], scales(2), scales(3), null, site.has(5) ? ['n'] : null];
  return {
    kind: 'labels',
    inputs: site.flat.inputs.map((_, i) => inputs[i] ?? null),
    outputs: [[...lead, 'n']],
    sizes: new Map<string, Size>([
      ['n', site.int('N', 1)],
      ['k', site.int('K', 1)],
    ]),
    sums: ['k'],
    derived: blocked('k', site.int('block_size', 32)),
    attributes: new Map([
      ['K', ['k']],
      ['N', ['n']],
    ]),
    ...(rounds && { wholes: [0], rounds }),
  };
}

const middle = (site: Pick<Site, 'int'>): number => 2 ** (site.int('bits', 4) - 1);

/** GatherBlockQuantized packs 4-bit numbers in bytes when its table is of bytes. */
function gatherPacking(site: Pick<Site, 'int'>, input: number, tensor: Tensor): Packing | null {
  const bits = site.int('bits', 4);
  if (tensor.dataType !== DataType.UINT8 || bits === 8 || (input !== 0 && input !== 3)) return null;
  const each = 8 / bits;
  const wide = (dims: readonly number[], by: (last: number) => number): number[] => [...dims.slice(0, -1), by(dims.at(-1) ?? 1)];
  return rowPacking(
    wide(tensor.dims, (last) => last * each),
    bits,
    each,
    (dims) => wide(dims, (last) => Math.ceil(last / each)),
  );
}

/** GatherBlockQuantized: rows of a table quantised in blocks along its last dimension. */
function gatherBlocks(site: Site): Relation {
  const rank = site.dims(0).length;
  const [from, along] = [at(site.int('gather_axis', 0), rank), at(site.int('quantize_axis', 1), rank)];
  if (from !== 0 || along !== rank - 1) return unknown('GatherBlockQuantized along other dimensions than the first and last');
  const labels = range(rank);
  const last = labels[along] ?? '';
  const own = (label: string): string[] => labels.map((other) => (other === last ? label : other));
  const ids = range(site.dims(1).length, 'i');
  const block = site.int('block_size', 128);
  const width = site.dims(0)[along] ?? 1;
  if (Math.ceil(hint(width) / block) !== site.dims(2)[along]) return unknown('GatherBlockQuantized whose table is computed or read otherwise too');
  return {
    kind: 'labels',
    inputs: [own('elements'), ids, own('blocks'), ...(site.has(3) ? [own('blocks')] : [])],
    outputs: [[...ids, ...labels.slice(1)]],
    sizes: new Map<string, Size>([[last, width]]),
    derived: blocked(last, block),
  };
}

/** The rows of the table for quantised numbers. */
export const QUANTISED_RULES: Readonly<Record<string, OpRule>> = {
  DequantizeLinear: { relate: linear, zero: 'first', dtype: (site) => site.dtype(1), quantised: OPERAND_0 },
  QuantizeLinear: {
    relate: (site) => {
      const relation = linear(site);
      return relation.kind === 'labels' ? { ...relation, rounds: true } : relation;
    },
    zero: 'first',
    dtype: (site) => (site.has(2) ? site.dtype(2) : site.int('output_dtype', 0) || DataType.UINT8),
    quantises: true,
    gains: [1],
  },
  DynamicQuantizeLinear: {
    relate: dynamic,
    zero: 'keeps',
    dtype: (_, output) => (output === 1 ? DataType.FLOAT : DataType.UINT8),
    quantises: true,
  },
  MatMulInteger: {
    relate: (site) => integerMatmul(site, [2], [3], false),
    zero: 'product',
    dtype: () => DataType.INT32,
    quantised: [
      { operand: 0, scale: null, point: 2 },
      { operand: 1, scale: null, point: 3 },
    ],
  },
  ConvInteger: {
    relate: integerConvolution,
    zero: 'product',
    dtype: () => DataType.INT32,
    quantised: [
      { operand: 0, scale: null, point: 2 },
      { operand: 1, scale: null, point: 3 },
    ],
  },
  'com.microsoft.MatMulIntegerToFloat': {
    relate: (site) => integerMatmul(site, [2, 4], [3, 5, 6], false),
    zero: 'product',
    dtype: (site) => site.dtype(2),
    quantised: [
      { operand: 0, scale: 2, point: 4 },
      { operand: 1, scale: 3, point: 5 },
    ],
  },
  'com.microsoft.DynamicQuantizeMatMul': {
    relate: (site) => integerMatmul(site, [], [2, 3, 4], true),
    zero: 'product',
    quantised: [{ operand: 1, scale: 2, point: 3 }],
  },
  'com.microsoft.MatMulNBits': {
    relate: nBits,
    zero: 'product',
    quantised: [{ operand: 1, scale: 2, point: 3, otherwise: middle }],
    packing: nBitsPacking,
  },
  'com.microsoft.GatherBlockQuantized': {
    relate: gatherBlocks,
    zero: 'table',
    dtype: (site) => site.dtype(2),
    quantised: [{ operand: 0, scale: 2, point: 3, otherwise: (site, stored) => (stored === DataType.UINT8 ? middle(site) : 0) }],
    packing: gatherPacking,
  },
};
