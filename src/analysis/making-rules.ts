/** Rules of operators that make tensors from sizes and numbers, and of branch joins. */
import { DataType } from '../onnx/ir.ts';
import type { OpRule } from './op-rule.ts';
import { type Labels, type Relation, range, ShapeUnknown, type Site, sizesOf } from './relation.ts';
import { equal, hint, isStatic, opaque, type Size, subtract } from './size.ts';
import { indexOf } from './view-rules.ts';

/** A new tensor of the given sizes that no operand shares dimensions with. */
export const filled = (sizes: readonly Size[]): Labels => ({
  kind: 'labels',
  inputs: [null, null, null],
  outputs: [range(sizes.length, 'o')],
  sizes: new Map(sizes.map((size, i) => [`o${i}`, size])),
});

/** ConstantOfShape: its sizes are its operand. */
export function constantOfShape(site: Site): Labels {
  const empty = site.dims(0)[0] === 0;
  return filled(empty ? [] : sizesOf(site, 0));
}

/** Range: one dimension of ⌈(limit − start) / delta⌉. */
export function rangeLength(site: Site): Labels {
  const [start, limit, delta] = [0, 1, 2].map((i) => site.elements(i)?.[0]?.value ?? null);
  if (start == null || limit == null || delta == null || !isStatic(delta)) return filled([site.fresh('range', 7)]);
  const length = subtract(limit, start);
  if (delta === 1 && (!site.exact || site.isLength(length))) return filled([length]);
  return filled([opaque('range', [length, delta], (n, d) => Math.max(0, Math.ceil(n / d)))]);
}

/** Shape, with start and end (opset 15). */
export const shape: OpRule = {
  relate: (site) => {
    const rank = site.dims(0).length;
    const start = boundOf(site.int('start', 0), rank);
    const end = boundOf(site.int('end', rank), rank);
    return filled([Math.max(0, end - start)]);
  },
  zero: 'never',
  compute: (site) => {
    const dims = site.dims(0);
    return dims
      .slice(boundOf(site.int('start', 0), dims.length), boundOf(site.int('end', dims.length), dims.length))
      .map((value) => ({ value, fromShape: true }));
  },
  dtype: () => DataType.INT64,
};

const boundOf = (bound: number, rank: number): number => Math.min(Math.max(bound < 0 ? bound + rank : bound, 0), rank);

/** A tensor with the given dimension's size not known before the model runs. */
export const dataDependent = (rank: (site: Site) => number, outputs = 1): OpRule => ({
  relate: (site) => {
    const labels = range(rank(site), 'o');
    const sizes = new Map<string, Size>(labels.map((label, i) => [label, site.fresh(`data${i}`, 5)]));
    return {
      kind: 'labels',
      inputs: site.flat.inputs.map(() => null),
      outputs: site.flat.outputs.map((_, i) => (i < outputs ? labels : labels.slice(-1))),
      sizes,
    };
  },
  zero: 'never',
  dtype: () => DataType.INT64,
});

/** NonZero: the coordinates [rank, count] of elements that are not zero. */
export const nonZero: OpRule = {
  relate: (site) => filled([site.dims(0).length, nonZeroIndices(site)?.length ?? site.fresh('nonzero', 5)]),
  zero: 'never',
  dtype: () => DataType.INT64,
  compute: (site) => {
    const found = nonZeroIndices(site);
    return found === null ? null : site.dims(0).flatMap((_, d) => found.map((index) => ({ value: index[d] ?? 0, fromShape: false })));
  },
};

function nonZeroIndices(site: Site): number[][] | null {
  const dims = site.dims(0);
  const elements = site.elements(0);
  if (elements === null || !dims.every(isStatic) || elements.some((e) => typeof e.value !== 'number')) return null;
  return elements.flatMap((e, i) => (e.value === 0 ? [] : [indexOf(i, dims)]));
}

/** The outputs of a branch join: labels shared by every branch. A size that differs between them is the first one's, or one of its own. */
export function join(site: Site): Relation {
  const count = site.flat.outputs.length;
  const branches = (site.flat.inputs.length - 1) / count;
  const inputs: (readonly string[] | null)[] = [null];
  const outputs: (readonly string[])[] = [];
  const sizes = new Map<string, Size>();
  for (let b = 0; b < branches; b++) {
    for (let o = 0; o < count; o++) {
      const dims = site.dims(1 + b * count + o);
      const first = site.dims(1 + o);
      inputs.push(dims.length !== first.length ? null : dims.map((size, d) => (equal(size, first[d] ?? 0) ? `${o}.${d}` : `${o}.${d}.${b}`)));
      if (b === 0) outputs.push(first.map((_, d) => `${o}.${d}`));
      else if (site.exact) {
        if (dims.length !== first.length) throw new ShapeUnknown('branches of different ranks');
        outputs[o] = (outputs[o] ?? []).map((label, d) => {
          if (equal(dims[d] ?? 0, first[d] ?? 0)) return label;
          sizes.set(`${label}.joined`, site.fresh(`joined${d}`, hint(first[d] ?? 0)));
          return `${label}.joined`;
        });
      }
    }
  }
  return { kind: 'labels', inputs, outputs, sizes };
}

/** The sizes ConstantOfShape makes. */
export const constantOfShapeSizes = (site: Site): Size[] => (site.dims(0)[0] === 0 ? [] : sizesOf(site, 0));

/** The tensor in the attribute `value`. */
export function tensorAttribute(site: Site) {
  for (const attribute of site.flat.node.attributes) if (attribute.name === 'value' && attribute.kind === 'tensor') return attribute.value;
  return undefined;
}

/** The number ConstantOfShape fills with; null when its type is not read. */
export function tensorValue(site: Site): number | null {
  const tensor = tensorAttribute(site);
  if (tensor === undefined) return 0;
  const bytes = tensor.data.read(0, tensor.data.size);
  if (bytes.every((byte) => byte === 0)) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (tensor.dataType === DataType.FLOAT) return view.getFloat32(0, true);
  if (tensor.dataType === DataType.INT64) return Number(view.getBigInt64(0, true));
  if (tensor.dataType === DataType.INT32) return view.getInt32(0, true);
  if (tensor.dataType === DataType.BOOL) return bytes[0] ?? 0;
  return null;
}
