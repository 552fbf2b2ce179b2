/**
 * A null change for measuring noise: the hidden units of every feed-forward block of a model in another order. The sums are over
 * the same numbers, so what comes out differs by nothing but rounding, in just the products that growth touches.
 */
import { findAnatomy } from '../analysis/anatomy.ts';
import { type Axis, factorsOf, find, hintOf, leavesOf } from '../analysis/axis.ts';
import { type Analysis, analyze } from '../analysis/graph-analysis.ts';
import { GrowError } from '../errors.ts';
import { bytesSource } from '../onnx/byte-source.ts';
import { elementCount } from '../onnx/data-types.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { mapTensors } from '../onnx/map-tensors.ts';
import { encodeModel } from '../onnx/serialize.ts';

/** Where each index of a dimension comes from. */
type Order = readonly number[];

/** The model file with its hidden units permuted; null when it has none that can be found, or a constant that others share. */
export function permutedModel(model: Model): Uint8Array | null {
  try {
    const orders = ordersOf(analyze(model));
    if (orders === null || orders.size === 0) return null;
    return encodeModel(mapTensors(model, (tensor) => permuted(tensor, orders.get(tensor))));
  } catch (error) {
    // A graph that is not understood can be compared all the same.
    if (error instanceof GrowError) return null;
    throw error;
  }
}

/** For each tensor with hidden units: the order of each dimension, null for one that keeps its own. */
function ordersOf(analysis: Analysis): ReadonlyMap<Tensor, readonly (Order | null)[]> | null {
  const { axes, flat } = analysis;
  const units = new Set(
    findAnatomy(analysis).stacks.flatMap((stack) =>
      stack.layers.flatMap((layer) => layer.mlps.flatMap((mlp) => factorsOf(mlp.axis).filter((own) => own.form === 'leaf' && own.pinned === null))),
    ),
  );
  const found = new Map<Tensor, readonly (Order | null)[]>();
  for (const node of flat.nodes) {
    for (const [input, name] of node.inputs.entries()) {
      const tensor = flat.constants.get(name)?.tensor;
      if (tensor === undefined) continue;
      const orders = tensor.dims.map((_, d) => {
        const axis = axes.ofInput(node, input)?.[d];
        return axis !== undefined && leavesOf(axis).some((own) => units.has(own)) ? orderOf(axis, units) : null;
      });
      const before = found.get(tensor);
      // One tensor that is read with and without hidden units cannot be permuted for one reader alone.
      if (before !== undefined && JSON.stringify(before) !== JSON.stringify(orders)) return null;
      found.set(tensor, orders);
    }
  }
  return new Map([...found].filter(([, orders]) => orders.some((order) => order !== null)));
}

/** The new order of an axis: units turn by a stride without a common factor, whatever they are nested in keeps its place. */
function orderOf(axis: Axis, units: ReadonlySet<Axis>): Order {
  const root = find(axis);
  const size = hintOf(root);
  if (root.form === 'leaf') return Array.from({ length: size }, (_, i) => (units.has(root) ? shuffled(i, size) : i));
  const children = root.children.map((child) => ({ order: orderOf(child, units), size: hintOf(child) }));
  if (root.form === 'product') return children.reduce<Order>((outer, child) => outer.flatMap((o) => child.order.map((i) => o * child.size + i)), [0]);
  if (root.form !== 'sum') throw new GrowError('UNSUPPORTED_AXIS', 'hidden units in blocks');
  let start = 0;
  return children.flatMap((child) => {
    start += child.size;
    return child.order.map((i) => start - child.size + i);
  });
}

/** Index i of `size`, mapped one to one: a stride near the golden section that has no common factor with the size. */
function shuffled(i: number, size: number): number {
  let stride = Math.max(1, Math.floor(size * 0.618));
  while (divisor(stride, size) !== 1) stride++;
  return (i * stride + 1) % size;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

function permuted(tensor: Tensor, orders: readonly (Order | null)[] | undefined): Tensor {
  const { origin: _, external: __, ...plain } = tensor;
  if (orders === undefined) return tensor.external === undefined ? tensor : plain;
  const count = elementCount(tensor.dims);
  const width = tensor.data.size / count;
  if (!Number.isInteger(width)) throw new GrowError('UNSUPPORTED_AXIS', 'hidden units in parts of bytes');
  const from = tensor.data.read(0, tensor.data.size);
  const bytes = new Uint8Array(tensor.data.size);
  const strides = tensor.dims.map((_, d) => elementCount(tensor.dims.slice(d + 1)));
  for (let i = 0; i < count; i++) {
    let rest = i;
    let source = 0;
    for (const [d, stride] of strides.entries()) {
      const index = Math.floor(rest / stride);
      rest %= stride;
      source += (orders[d]?.[index] ?? index) * stride;
    }
    bytes.set(from.subarray(source * width, (source + 1) * width), i * width);
  }
  return { ...plain, data: bytesSource(bytes) };
}
