/**
 * THE TABLE: what onnx-grow knows of every operator, one line each.
 *
 * A rule says how dimensions belong together (`relate`), what makes a result zero (`zero`), what a small result's
 * elements are (`compute`) and its element type. Shapes, axes, anatomy and growth are readers of this table.
 *
 * Sources: https://onnx.ai/onnx/operators/ and
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { DataType } from '../onnx/ir.ts';
import { FUSED_RULES } from './fused-rules.ts';
import { at, broadcast, type Element, type Labels, likeInput, numbersOf, type Relation, range, ShapeUnknown, type Site, sizesOf, unknown } from './relation.ts';
import { add, divide, divideExactly, equal, hint, isStatic, multiply, opaque, product, type Size, subtract } from './size.ts';

/**
 * When a result element is certainly zero, given which operand elements are:
 * `keeps` operand 0 is zero · `all` all are · `any` one of them is · `first` operand 0 is, whatever the rest is ·
 * `branches` both values of a Where are · `product` a sum of products, zero when one side is · `table` the gathered table
 * is · `moved` elements are only moved · `never` not to be had.
 */
export type Zero = 'keeps' | 'all' | 'any' | 'first' | 'branches' | 'product' | 'table' | 'moved' | 'never';

export interface OpRule {
  readonly relate: (site: Site) => Relation;
  readonly zero: Zero;
  /** Elements of the first output; null when not known. Only called while all operands are small. */
  readonly compute?: (site: Site) => readonly Element[] | null;
  /** Element type of the results; default that of input 0. */
  readonly dtype?: (site: Site) => number;
  /** Operands that multiply activations; their new elements default to the mean of the old ones. */
  readonly gains?: readonly number[];
}

const { BOOL, INT64, FLOAT } = DataType;
const isFloat = (dtype: number): boolean => dtype === DataType.FLOAT || dtype === DataType.FLOAT16 || dtype === DataType.DOUBLE || dtype === DataType.BFLOAT16;

// ---------------------------------------------------------------------------------------------- element by element

type Fn = (args: readonly Size[], float: boolean) => Size | null;

function elementwise(fn: Fn, operands?: number): (site: Site) => readonly Element[] | null {
  return (site) => {
    const count = operands ?? site.flat.inputs.length;
    const inputs = Array.from({ length: count }, (_, i) => site.elements(i));
    const shapes = inputs.map((_, i) => site.dims(i).map(hint));
    const rank = Math.max(0, ...shapes.map((dims) => dims.length));
    const out = range(rank).map((_, d) => Math.max(...shapes.map((dims) => dims[d - rank + dims.length] ?? 1)));
    if (inputs.some((elements) => elements === null)) return null;
    const float = isFloat(site.dtype(count - 1));
    return Array.from({ length: out.reduce((a, b) => a * b, 1) }, (_, flat) => {
      const args = inputs.map((elements, i) => elements?.[broadcastIndex(flat, out, shapes[i] ?? [])]);
      const values = args.map((arg) => arg?.value ?? null);
      const fromShape = args.some((arg) => arg?.fromShape === true);
      return { value: values.every((v) => v !== null) ? fn(values as Size[], float) : null, fromShape };
    });
  };
}

function broadcastIndex(flat: number, out: readonly number[], dims: readonly number[]): number {
  let rest = flat;
  let index = 0;
  let stride = 1;
  for (let d = out.length - 1; d >= 0; d--) {
    const size = out[d] ?? 1;
    const i = rest % size;
    rest = (rest - i) / size;
    const own = dims[d - out.length + dims.length];
    if (own !== undefined) {
      if (own !== 1) index += i * stride;
      stride *= own;
    }
  }
  return index;
}

const real =
  (name: string, apply: (...args: number[]) => number): Fn =>
  (args) =>
    opaque(name, args, apply);
const test =
  (apply: (a: number, b: number) => boolean): Fn =>
  ([a = 0, b = 0]) =>
    apply(hint(a), hint(b)) ? 1 : 0;

const unary = (zero: Zero, fn?: Fn): OpRule => ({ relate: (site) => likeInput(site), zero, ...(fn && { compute: elementwise(fn, 1) }) });
const pointwise = (zero: Zero, fn?: Fn, more: Partial<OpRule> = {}): OpRule => ({
  relate: (site) => broadcast(site, site.flat.inputs.length),
  zero,
  ...(fn && { compute: elementwise(fn) }),
  ...more,
});
const comparison = (fn?: Fn): OpRule => pointwise('never', fn, { dtype: () => BOOL });

const choose: Fn = ([condition = 0, a = 0, b = 0]) => (hint(condition) !== 0 ? a : b);
const smaller: Fn = (args) => args.reduce((a, b) => (hint(b) < hint(a) ? b : a));
const larger: Fn = (args) => args.reduce((a, b) => (hint(b) > hint(a) ? b : a));
const quotient: Fn = ([a = 0, b = 1], float) =>
  float ? (isStatic(a) && isStatic(b) ? a / b : (divideExactly(a, b) ?? opaque('fdiv', [a, b], (x, y) => x / y))) : divide(a, b);

// ---------------------------------------------------------------------------------------------- products and reductions

function matmul(site: Site, a = site.dims(0), b = site.dims(1)): Labels {
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

function gemm(site: Site): Labels {
  const a = site.int('transA', 0) === 0 ? ['m', 'k'] : ['k', 'm'];
  const b = site.int('transB', 0) === 0 ? ['k', 'n'] : ['n', 'k'];
  const c = site.has(2) ? site.dims(2).map((size, i, dims) => (size === 1 ? '' : (['m', 'n'][i + 2 - dims.length] ?? ''))) : null;
  return { kind: 'labels', inputs: site.flat.inputs.map((_, i) => [a, b, c][i] ?? null), outputs: [['m', 'n']] };
}

function einsum(site: Site): Relation {
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

const reduction = (zero: Zero, inputSince = 18, fn?: (values: readonly Size[]) => Size): OpRule => ({
  relate: (site) => {
    const axes = new Set(reducedAxes(site, inputSince));
    const labels = range(site.dims(0).length);
    const keep = site.int('keepdims', 1) !== 0;
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
    return [{ value: values.every((v) => v !== null) ? fn(values as Size[]) : null, fromShape: elements.some((e) => e.fromShape) }];
  },
});

const arg: OpRule = {
  relate: (site) => {
    const labels = range(site.dims(0).length);
    const axis = at(site.int('axis', 0), labels.length);
    const out = labels.flatMap((label, i) => (i === axis ? (site.int('keepdims', 1) !== 0 ? ['one'] : []) : [label]));
    return { kind: 'labels', inputs: [labels], outputs: [out], sizes: new Map([['one', 1]]) };
  },
  zero: 'never',
  dtype: () => INT64,
};

const softmax: OpRule = {
  relate: (site) => {
    const rank = site.dims(0).length;
    const axis = at(site.int('axis', site.opset < 13 ? 1 : -1), rank);
    return likeInput(site, site.opset < 13 ? range(rank).slice(axis) : [`d${axis}`]);
  },
  zero: 'never',
};

/** LayerNormalization and RMSNormalization: gain and bias over the normalised dimensions; statistics of size 1 there. */
function norm(site: Site): Labels {
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

// ---------------------------------------------------------------------------------------------- convolutions and pooling

function convolution(site: Site): Relation {
  const [n, c, ...spatial] = site.dims(0);
  const [m = 1, perGroup = 1, ...kernel] = site.dims(1);
  if (n === undefined || c === undefined) throw new ShapeUnknown('no channels');
  const groups = site.int('group', 1);
  const sizes = new Map(windows(site, spatial, kernel).map((size, i) => [`o${i}`, size]));
  const outSpatial = spatial.map((_, i) => `o${i}`);
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
function windows(site: Site, spatial: readonly Size[], kernel: readonly Size[]): Size[] {
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

const pool = (zero: Zero): OpRule => ({
  relate: (site) => {
    const spatial = site.dims(0).slice(2);
    const sizes = new Map(windows(site, spatial, site.ints('kernel_shape') ?? []).map((size, i) => [`o${i}`, size]));
    return {
      kind: 'labels',
      inputs: [['n', 'c', ...spatial.map((_, i) => `s${i}`)]],
      outputs: site.flat.outputs.map(() => ['n', 'c', ...spatial.map((_, i) => `o${i}`)]),
      sizes,
    };
  },
  zero,
});

const globalPool = (zero: Zero): OpRule => ({
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

const resize: OpRule = {
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

// ---------------------------------------------------------------------------------------------- moving elements

const moved = (site: Site): readonly Element[] | null => site.elements(0);

function reshape(site: Site): Relation {
  const dims = site.dims(0);
  const given = site.has(1) ? sizesOf(site, 1) : (site.ints('shape') ?? []);
  const allowZero = site.int('allowzero', 0) !== 0;
  const target = given.map((size, i) => (size === 0 && !allowZero ? (dims[i] ?? 0) : size));
  const free = target.findIndex((size) => size === -1);
  if (free >= 0) {
    const total = product(dims);
    const known = product(target.filter((_, i) => i !== free));
    target[free] = equal(total, known) ? 1 : known === 0 ? 0 : (divideExactly(total, known) ?? divide(total, known));
  }
  return { kind: 'reshape', outputs: [target] };
}

function flattenTo2d(site: Site): Relation {
  const dims = site.dims(0);
  const axis = at(site.int('axis', 1), dims.length);
  return { kind: 'reshape', outputs: [[product(dims.slice(0, axis)), product(dims.slice(axis))]] };
}

function transpose(site: Site): Labels {
  const labels = range(site.dims(0).length);
  const perm = site.ints('perm') ?? labels.map((_, i) => labels.length - 1 - i);
  return { kind: 'labels', inputs: [labels], outputs: [perm.map((p) => labels[p] ?? '')] };
}

function squeeze(site: Site): Labels {
  const dims = site.dims(0);
  const labels = range(dims.length);
  const given = site.has(1) ? numbersOf(site, 1) : site.ints('axes');
  const axes = new Set(given === undefined ? labels.flatMap((_, i) => (dims[i] === 1 ? [i] : [])) : given.map((axis) => at(axis, dims.length)));
  return { kind: 'labels', inputs: [labels, null].slice(0, site.flat.inputs.length), outputs: [labels.filter((_, i) => !axes.has(i))] };
}

function unsqueeze(site: Site): Labels {
  const labels = range(site.dims(0).length);
  const given = site.has(1) ? numbersOf(site, 1) : (site.ints('axes') ?? []);
  const rank = labels.length + given.length;
  const axes = new Set(given.map((axis) => at(axis, rank)));
  let next = 0;
  const out = Array.from({ length: rank }, (_, i) => (axes.has(i) ? `one${i}` : (labels[next++] ?? '')));
  return { kind: 'labels', inputs: [labels, null].slice(0, site.flat.inputs.length), outputs: [out], sizes: new Map([...axes].map((i) => [`one${i}`, 1])) };
}

function expand(site: Site): Labels {
  const dims = site.dims(0);
  const shape = sizesOf(site, 1);
  const rank = Math.max(dims.length, shape.length);
  const sizes = new Map<string, Size>();
  const input = dims.map((size, i) => {
    const wanted = shape[i + shape.length - dims.length] ?? 1;
    return size === 1 && wanted !== 1 ? '' : `d${i + rank - dims.length}`;
  });
  range(rank).forEach((label, d) => {
    const own = dims[d - rank + dims.length];
    if (own === undefined || (own === 1 && input[d - rank + dims.length] === '')) sizes.set(label, shape[d - rank + shape.length] ?? 1);
  });
  return { kind: 'labels', inputs: [input, null], outputs: [range(rank)], sizes };
}

function concat(site: Site): Relation {
  const shapes = site.flat.inputs.map((_, i) => site.dims(i));
  const axis = at(site.int('axis', 0), shapes[0]?.length ?? 0);
  const out = (shapes[0] ?? []).map((size, d) =>
    d === axis ? shapes.reduce<Size>((sum, dims) => add(sum, dims[d] ?? 0), 0) : (shapes.map((dims) => dims[d] ?? 0).find(isStatic) ?? size),
  );
  return { kind: 'concat', axis, outputs: [out] };
}

function split(site: Site): Relation {
  const dims = site.dims(0);
  const axis = at(site.int('axis', 0), dims.length);
  const total = dims[axis] ?? 1;
  const count = site.flat.outputs.length;
  const given = site.has(1) ? sizesOf(site, 1) : site.ints('split');
  const each = divideExactly(total, count);
  const piece = each ?? divide(add(total, count - 1), count);
  const parts = given ?? Array.from({ length: count }, (_, i) => (i < count - 1 || each !== undefined ? piece : subtract(total, multiply(piece, count - 1))));
  return { kind: 'split', axis, parts, outputs: parts.map((part) => dims.map((size, d) => (d === axis ? part : size))) };
}

function slice(site: Site): Relation {
  const dims = site.dims(0);
  const dynamic = site.opset >= 10;
  const read = (input: number, name: string): readonly (Size | null)[] | undefined =>
    dynamic
      ? site.has(input)
        ? (site.elements(input)?.map((e) => e.value) ?? site.dims(input).flatMap((n) => Array.from({ length: hint(n) }, () => null)))
        : undefined
      : site.ints(name);
  const starts = read(1, 'starts') ?? [];
  const ends = read(2, 'ends') ?? [];
  const axes = read(3, 'axes') ?? starts.map((_, i) => i);
  const steps = read(4, 'steps');
  const ranges: ({ start: Size; end: Size; step: number } | null)[] = dims.map(() => null);
  const out = [...dims];
  starts.forEach((start, i) => {
    const axisValue = axes[i];
    const step = steps?.[i] ?? 1;
    if (typeof axisValue !== 'number' || typeof step !== 'number') throw new ShapeUnknown('Slice axes or steps are computed');
    const axis = at(axisValue, dims.length);
    const size = dims[axis] ?? 0;
    const end = ends[i] ?? null;
    if (start === null || end === null) {
      out[axis] = site.fresh(`slice${axis}`, hint(size));
      ranges[axis] = { start: site.fresh(`start${axis}`, 0), end: site.fresh(`end${axis}`, hint(size)), step };
      return;
    }
    const clamped = step > 0 ? { start: clampTo(start, size), end: clampTo(end, size) } : null;
    if (clamped === null) {
      const whole = hint(start) <= -1 - 1e9 || hint(start) === -1 || hint(start) >= hint(size) - 1;
      if (!whole || step !== -1 || hint(end) > -hint(size)) throw new ShapeUnknown('Slice with a negative step');
      ranges[axis] = { start: 0, end: size, step };
      return;
    }
    const length = subtract(clamped.end, clamped.start);
    const count = step === 1 ? length : divide(add(length, step - 1), step);
    out[axis] = hint(count) < 0 ? 0 : count;
    ranges[axis] = clamped.start === 0 && step === 1 && equal(clamped.end, size) ? null : { ...clamped, step };
  });
  return { kind: 'slice', ranges, outputs: [out] };
}

/** A Slice bound as 0…size: negative ones count from the end, those beyond are cut. */
function clampTo(bound: Size, size: Size): Size {
  const from = hint(bound) < 0 ? add(bound, size) : bound;
  if (hint(from) < 0) return 0;
  return hint(from) >= hint(size) && !equal(from, size) ? size : from;
}

function gather(site: Site): Relation {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const axis = at(site.int('axis', 0), dims.length);
  const elements = site.elements(1);
  const size = dims[axis] ?? 1;
  const known = elements?.map((e) => e.value);
  if (known?.every(isNumber) && known.length > 0 && indices.length <= 1) {
    if (typeof size === 'number' || known.every((i) => i >= 0)) {
      const positive = known.map((i) => (i < 0 ? i + hint(size) : i));
      const scalar = indices.length === 0;
      const out = dims.flatMap((own, d) => (d === axis ? (scalar ? [] : [known.length]) : [own]));
      return { kind: 'gather', axis, indices: positive, scalar, outputs: [out] };
    }
  }
  const labels = range(dims.length);
  const index = range(indices.length, 'i');
  return { kind: 'labels', inputs: [labels, index], outputs: [[...labels.slice(0, axis), ...index, ...labels.slice(axis + 1)]] };
}

const isNumber = (value: Size | null): value is number => typeof value === 'number';

function gatherElements(site: Site): Labels {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const axis = at(site.int('axis', 0), dims.length);
  const own = dims.map((size, d) => (d !== axis && equal(size, indices[d] ?? 0) ? `d${d}` : `s${d}`));
  const out = indices.map((size, d) => (d !== axis && equal(size, dims[d] ?? 0) ? `d${d}` : `o${d}`));
  return { kind: 'labels', inputs: [own, out], outputs: [out] };
}

function gatherNd(site: Site): Labels {
  const dims = site.dims(0);
  const indices = site.dims(1);
  const batch = site.int('batch_dims', 0);
  const depth = indices.at(-1);
  if (typeof depth !== 'number') throw new ShapeUnknown('GatherND depth');
  const data = range(dims.length).map((label, d) => (d < batch ? `i${d}` : label));
  const index = range(indices.length, 'i');
  return { kind: 'labels', inputs: [data, index], outputs: [[...index.slice(0, -1), ...data.slice(batch + depth)]] };
}

function scatterNd(site: Site): Labels {
  const rank = site.dims(0).length;
  const depth = site.dims(1).at(-1);
  if (typeof depth !== 'number') throw new ShapeUnknown('ScatterND depth');
  const labels = range(rank);
  const index = range(site.dims(1).length, 'i');
  return { kind: 'labels', inputs: [labels, index, [...index.slice(0, -1), ...labels.slice(depth)]], outputs: [labels], mixes: labels.slice(0, depth) };
}

function pad(site: Site): Relation {
  const dims = site.dims(0);
  const flat = site.opset >= 11 ? sizesOf(site, 1) : (site.ints('pads') ?? []);
  const axes = site.has(3) ? numbersOf(site, 3).map((axis) => at(axis, dims.length)) : dims.map((_, i) => i);
  const pads = dims.map((_, d): [Size, Size] => {
    const i = axes.indexOf(d);
    return i < 0 ? [0, 0] : [flat[i] ?? 0, flat[i + axes.length] ?? 0];
  });
  return { kind: 'pad', pads, outputs: [dims.map((size, d) => add(add(size, pads[d]?.[0] ?? 0), pads[d]?.[1] ?? 0))] };
}

function tile(site: Site): Relation {
  const dims = site.dims(0);
  const repeats = sizesOf(site, 1);
  return { kind: 'tile', repeats, outputs: [dims.map((size, d) => multiply(size, repeats[d] ?? 1))] };
}

/** Elements of a Slice, Gather, Split or Concat of small vectors. */
function pick(site: Site): readonly Element[] | null {
  const elements = site.elements(0);
  if (elements === null || site.dims(0).length !== 1) return null;
  if (site.flat.op === 'Gather') {
    const index = site.elements(1);
    return index?.map(({ value }) => (typeof value === 'number' ? (elements[value < 0 ? value + elements.length : value] ?? NOTHING) : NOTHING)) ?? null;
  }
  const relation = slice(site);
  if (relation.kind !== 'slice') return null;
  const only = relation.ranges?.[0];
  if (only == null) return elements;
  if (!isStatic(only.start) || !isStatic(only.end)) return null;
  if (only.step < 0) return [...elements].reverse();
  return elements.slice(only.start, only.end).filter((_, i) => i % only.step === 0);
}

const NOTHING: Element = { value: null, fromShape: false };

// ---------------------------------------------------------------------------------------------- making tensors

const filled = (sizes: readonly Size[]): Labels => ({
  kind: 'labels',
  inputs: [null, null, null],
  outputs: [range(sizes.length, 'o')],
  sizes: new Map(sizes.map((size, i) => [`o${i}`, size])),
});

function constantOfShape(site: Site): Labels {
  const empty = site.dims(0)[0] === 0;
  return filled(empty ? [] : sizesOf(site, 0));
}

function rangeLength(site: Site): Labels {
  const [start, limit, delta] = [0, 1, 2].map((i) => site.elements(i)?.[0]?.value ?? null);
  if (start == null || limit == null || delta == null || !isStatic(delta)) return filled([site.fresh('range', 7)]);
  const length = subtract(limit, start);
  if (delta === 1) return filled([length]);
  return filled([opaque('range', [length, delta], (n, d) => Math.max(0, Math.ceil(n / d)))]);
}

const shape: OpRule = {
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
  dtype: () => INT64,
};

const boundOf = (bound: number, rank: number): number => Math.min(Math.max(bound < 0 ? bound + rank : bound, 0), rank);

/** A tensor with the given dimension's size not known before the model runs. */
const dataDependent = (rank: (site: Site) => number, outputs = 1): OpRule => ({
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
  dtype: () => INT64,
});

/** The outputs of a branch join: labels shared by every branch. */
function join(site: Site): Relation {
  const count = site.flat.outputs.length;
  const branches = (site.flat.inputs.length - 1) / count;
  const inputs: (readonly string[] | null)[] = [null];
  const outputs: (readonly string[])[] = [];
  for (let b = 0; b < branches; b++) {
    for (let o = 0; o < count; o++) {
      const dims = site.dims(1 + b * count + o);
      const first = site.dims(1 + o);
      inputs.push(dims.length !== first.length ? null : dims.map((size, d) => (equal(size, first[d] ?? 0) ? `${o}.${d}` : `${o}.${d}.${b}`)));
      if (b === 0) outputs.push(first.map((_, d) => `${o}.${d}`));
    }
  }
  return { kind: 'labels', inputs, outputs };
}

// ---------------------------------------------------------------------------------------------- the table

const KEEP: OpRule = unary('keeps');
const NEVER: OpRule = unary('never');

const RULES: Readonly<Record<string, OpRule>> = {
  // element by element, f(0) = 0
  Relu: unary(
    'keeps',
    real('relu', (x) => Math.max(x, 0)),
  ),
  Neg: unary('keeps', ([a = 0]) => multiply(a, -1)),
  Abs: unary('keeps', real('abs', Math.abs)),
  Sqrt: unary('keeps', real('sqrt', Math.sqrt)),
  Floor: unary('keeps', real('floor', Math.floor)),
  Ceil: unary('keeps', real('ceil', Math.ceil)),
  Round: unary('keeps', real('round', Math.round)),
  Sign: unary('keeps', real('sign', Math.sign)),
  Identity: unary('keeps', ([a = 0]) => a),
  Cast: { ...unary('keeps'), compute: castElements, dtype: (site) => site.int('to', FLOAT) },
  CastLike: { ...unary('keeps'), compute: (site) => site.elements(0), dtype: (site) => site.dtype(1) },
  Tanh: KEEP,
  Erf: KEEP,
  Gelu: KEEP,
  Sin: KEEP,
  Tan: KEEP,
  Atan: KEEP,
  Asin: KEEP,
  Asinh: KEEP,
  Sinh: KEEP,
  LeakyRelu: KEEP,
  Elu: KEEP,
  Selu: KEEP,
  Celu: KEEP,
  Softsign: KEEP,
  Mish: KEEP,
  HardSwish: KEEP,
  Swish: KEEP,
  ThresholdedRelu: KEEP,
  Shrink: KEEP,
  Trilu: KEEP,
  Dropout: KEEP,
  BitwiseNot: NEVER,
  PRelu: pointwise('first'),
  Clip: { relate: (site) => likeInput(site), zero: 'first', compute: clip },
  // element by element, f(0) ≠ 0
  Exp: unary('never', real('exp', Math.exp)),
  Log: unary('never', real('log', Math.log)),
  Sigmoid: NEVER,
  Softplus: NEVER,
  HardSigmoid: NEVER,
  Cos: NEVER,
  Cosh: NEVER,
  Acos: NEVER,
  Acosh: NEVER,
  Atanh: KEEP,
  Reciprocal: unary(
    'never',
    real('reciprocal', (x) => 1 / x),
  ),
  Not: unary('never', ([a = 0]) => (hint(a) === 0 ? 1 : 0)),
  IsNaN: { ...NEVER, dtype: () => BOOL },
  IsInf: { ...NEVER, dtype: () => BOOL },
  // two and more operands
  Add: pointwise('all', ([a = 0, b = 0]) => add(a, b)),
  Sub: pointwise('all', ([a = 0, b = 0]) => subtract(a, b)),
  Sum: pointwise('all'),
  Mean: pointwise('all'),
  Max: pointwise('all', larger),
  Min: pointwise('all', smaller),
  Mul: pointwise('any', ([a = 0, b = 0]) => multiply(a, b)),
  Div: pointwise('first', quotient),
  Mod: pointwise(
    'first',
    real('mod', (a, b) => (b === 0 ? 0 : a - Math.floor(a / b) * b)),
  ),
  Pow: pointwise(
    'first',
    real('pow', (a, b) => a ** b),
  ),
  And: pointwise('never', ([a = 0, b = 0]) => (hint(a) !== 0 && hint(b) !== 0 ? 1 : 0), { dtype: () => BOOL }),
  Or: pointwise('never', ([a = 0, b = 0]) => (hint(a) !== 0 || hint(b) !== 0 ? 1 : 0), { dtype: () => BOOL }),
  Xor: comparison(),
  Equal: comparison(([a = 0, b = 0]) => (equal(a, b) || hint(a) === hint(b) ? 1 : 0)),
  Less: comparison(test((a, b) => a < b)),
  LessOrEqual: comparison(test((a, b) => a <= b)),
  Greater: comparison(test((a, b) => a > b)),
  GreaterOrEqual: comparison(test((a, b) => a >= b)),
  BitwiseAnd: pointwise('never'),
  BitwiseOr: pointwise('never'),
  BitwiseXor: pointwise('never'),
  BitShift: pointwise('first'),
  Where: pointwise('branches', choose, { dtype: (site) => site.dtype(1) }),
  // sums of products
  MatMul: { relate: (site) => matmul(site), zero: 'product' },
  Gemm: { relate: gemm, zero: 'product' },
  Einsum: { relate: einsum, zero: 'product' },
  Conv: { relate: convolution, zero: 'product' },
  MatMulInteger: { relate: (site) => matmul(site), zero: 'never', dtype: () => DataType.INT32 },
  // reductions
  ReduceMean: reduction('keeps'),
  ReduceSum: reduction('keeps', 13, (values) => values.reduce(add, 0)),
  ReduceProd: reduction('never', 18, product),
  ReduceMax: reduction('keeps', 18, (values) => larger(values, false) ?? 0),
  ReduceMin: reduction('keeps', 18, (values) => smaller(values, false) ?? 0),
  ReduceL1: reduction('keeps'),
  ReduceL2: reduction('keeps'),
  ReduceSumSquare: reduction('keeps'),
  ReduceLogSum: reduction('never'),
  ReduceLogSumExp: reduction('never'),
  ArgMax: arg,
  ArgMin: arg,
  Softmax: softmax,
  LogSoftmax: softmax,
  Hardmax: softmax,
  CumSum: { relate: (site) => likeInput(site, [`d${at((site.elements(1)?.[0]?.value as number) ?? 0, site.dims(0).length)}`]), zero: 'keeps' },
  LpNormalization: { relate: (site) => likeInput(site, [`d${at(site.int('axis', -1), site.dims(0).length)}`]), zero: 'keeps' },
  LayerNormalization: { relate: norm, zero: 'never', gains: [1] },
  RMSNormalization: { relate: norm, zero: 'keeps', gains: [1] },
  SimplifiedLayerNormalization: { relate: norm, zero: 'keeps', gains: [1] },
  BatchNormalization: {
    relate: (site) => {
      const labels = [
        'n',
        'c',
        ...site
          .dims(0)
          .slice(2)
          .map((_, i) => `s${i}`),
      ].slice(0, site.dims(0).length);
      return { kind: 'labels', inputs: [labels, ['c'], ['c'], ['c'], ['c']], outputs: [labels] };
    },
    zero: 'never',
    gains: [1, 4],
  },
  InstanceNormalization: {
    relate: (site) => ({ ...likeInput(site, range(site.dims(0).length).slice(1)), inputs: [range(site.dims(0).length), ['d1'], ['d1']] }),
    zero: 'never',
    gains: [1],
  },
  GroupNormalization: { relate: (site) => likeInput(site, range(site.dims(0).length).slice(1)), zero: 'never' },
  LRN: { relate: (site) => likeInput(site, ['d1']), zero: 'keeps' },
  // windows
  AveragePool: pool('keeps'),
  MaxPool: pool('keeps'),
  GlobalAveragePool: globalPool('keeps'),
  GlobalMaxPool: globalPool('keeps'),
  Resize: resize,
  Upsample: resize,
  // moving elements
  Reshape: { relate: reshape, zero: 'moved', compute: moved },
  Flatten: { relate: flattenTo2d, zero: 'moved', compute: moved },
  Transpose: { relate: transpose, zero: 'moved', compute: (site) => (site.dims(0).length < 2 ? site.elements(0) : null) },
  Squeeze: { relate: squeeze, zero: 'moved', compute: moved },
  Unsqueeze: { relate: unsqueeze, zero: 'moved', compute: moved },
  Expand: {
    relate: expand,
    zero: 'moved',
    compute: (site) => {
      const elements = site.elements(0);
      const to = sizesOf(site, 1);
      if (elements?.length !== 1 || to.length !== 1) return elements !== null && to.length === 0 ? elements : null;
      return isStatic(to[0] ?? 0) ? Array.from({ length: Math.max(1, hint(to[0] ?? 1)) }, () => elements[0] ?? NOTHING) : null;
    },
  },
  Concat: { relate: concat, zero: 'moved', compute: (site) => (site.dims(0).length === 1 ? concatenated(site) : null) },
  Split: { relate: split, zero: 'moved' },
  Slice: { relate: slice, zero: 'moved', compute: pick },
  Gather: { relate: gather, zero: 'table', compute: pick },
  GatherElements: { relate: gatherElements, zero: 'table' },
  GatherND: { relate: gatherNd, zero: 'table' },
  ScatterND: { relate: scatterNd, zero: 'never' },
  ScatterElements: { relate: (site) => likeInput(site), zero: 'never' },
  Pad: { relate: pad, zero: 'moved' },
  Tile: { relate: tile, zero: 'moved' },
  // making tensors
  Shape: shape,
  Size: { relate: () => filled([]), zero: 'never', dtype: () => INT64, compute: (site) => [{ value: product(site.dims(0)), fromShape: true }] },
  ConstantOfShape: {
    relate: constantOfShape,
    zero: 'never',
    dtype: (site) => tensorAttribute(site)?.dataType ?? FLOAT,
    compute: (site) => {
      const count = hint(product(constantOfShapeSizes(site)));
      return constantOfShapeSizes(site).every(isStatic) && count <= 64
        ? Array.from({ length: count }, () => ({ value: tensorValue(site), fromShape: false }))
        : null;
    },
  },
  Range: {
    relate: rangeLength,
    zero: 'never',
    compute: (site) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => site.elements(i)?.[0]);
      if (![start, limit, delta].every((e) => e !== undefined && typeof e.value === 'number')) return null;
      const [from, to, by] = [start?.value as number, limit?.value as number, delta?.value as number];
      const count = Math.max(0, Math.ceil((to - from) / by));
      return count > 64 ? null : Array.from({ length: count }, (_, i) => ({ value: from + i * by, fromShape: limit?.fromShape === true }));
    },
  },
  NonZero: dataDependent((site) => 1 + site.dims(0).length * 0 + 1),
  Unique: dataDependent(() => 1),
  NonMaxSuppression: dataDependent(() => 2),
  OneHot: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', -1), labels.length + 1);
      const depth = site.elements(1)?.[0]?.value ?? site.fresh('depth', 4);
      return {
        kind: 'labels',
        inputs: [labels, null, null],
        outputs: [[...labels.slice(0, axis), 'depth', ...labels.slice(axis)]],
        sizes: new Map([['depth', depth]]),
      };
    },
    zero: 'never',
    dtype: (site) => site.dtype(2),
  },
  EyeLike: unary('never'),
  RandomNormalLike: unary('never'),
  RandomUniformLike: unary('never'),
  Bernoulli: unary('never'),
  TopK: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', -1), labels.length);
      const k = site.has(1) ? (site.elements(1)?.[0]?.value ?? site.fresh('topk', 2)) : site.int('k', 1);
      const out = labels.map((label, d) => (d === axis ? 'k' : label));
      return { kind: 'labels', inputs: [labels, null], outputs: [out, out], sizes: new Map([['k', k]]), mixes: [`d${axis}`] };
    },
    zero: 'never',
  },
  If: { relate: join, zero: 'moved', dtype: (site) => site.dtype(1) },
  DequantizeLinear: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', 1), labels.length);
      const scale = (input: number): string[] | null =>
        site.has(input) && site.dims(input).length === 1 && site.dims(input)[0] !== 1 ? [labels[axis] ?? ''] : null;
      if (site.int('block_size', 0) !== 0) return unknown('blocked quantisation');
      return { kind: 'labels', inputs: [labels, scale(1), scale(2)], outputs: [labels] };
    },
    zero: 'never',
    dtype: (site) => site.dtype(1),
    gains: [1],
  },
  QuantizeLinear: {
    relate: (site) => {
      const labels = range(site.dims(0).length);
      const axis = at(site.int('axis', 1), labels.length);
      const scale = (input: number): string[] | null =>
        site.has(input) && site.dims(input).length === 1 && site.dims(input)[0] !== 1 ? [labels[axis] ?? ''] : null;
      return { kind: 'labels', inputs: [labels, scale(1), scale(2)], outputs: [labels] };
    },
    zero: 'never',
    dtype: (site) => (site.has(2) ? site.dtype(2) : DataType.UINT8),
    gains: [1],
  },
  ...FUSED_RULES,
};

const TABLE = new Map(Object.entries(RULES));

/** What is known of an operator; undefined when nothing is. */
export const ruleOf = (op: string): OpRule | undefined => TABLE.get(op);

function castElements(site: Site): readonly Element[] | null {
  const whole = !isFloat(site.int('to', FLOAT));
  return site.elements(0)?.map((e) => ({ ...e, value: whole && typeof e.value === 'number' ? Math.trunc(e.value) : e.value })) ?? null;
}

function clip(site: Site): readonly Element[] | null {
  const low = site.has(1) ? site.elements(1)?.[0]?.value : -Infinity;
  const high = site.has(2) ? site.elements(2)?.[0]?.value : Infinity;
  if (site.opset < 11 || low == null || high == null) return null;
  return (
    site.elements(0)?.map((e) => ({ ...e, value: e.value === null ? null : (smaller([larger([e.value, low], false) ?? 0, high], false) ?? null) })) ?? null
  );
}

function concatenated(site: Site): readonly Element[] {
  return site.flat.inputs.flatMap((_, i) => {
    const elements = site.elements(i);
    if (elements !== null) return elements;
    const count = site.dims(i)[0] ?? 0;
    if (!isStatic(count) || count > 64) throw new ShapeUnknown('Concat of long vectors');
    return Array.from({ length: count }, () => NOTHING);
  });
}

const constantOfShapeSizes = (site: Site): Size[] => (site.dims(0)[0] === 0 ? [] : sizesOf(site, 0));

function tensorAttribute(site: Site) {
  for (const attribute of site.flat.node.attributes) if (attribute.name === 'value' && attribute.kind === 'tensor') return attribute.value;
  return undefined;
}

function tensorValue(site: Site): number | null {
  const tensor = tensorAttribute(site);
  if (tensor === undefined) return 0;
  const bytes = tensor.data.read(0, tensor.data.size);
  if (bytes.every((byte) => byte === 0)) return 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (tensor.dataType === DataType.FLOAT) return view.getFloat32(0, true);
  if (tensor.dataType === INT64) return Number(view.getBigInt64(0, true));
  if (tensor.dataType === DataType.INT32) return view.getInt32(0, true);
  if (tensor.dataType === BOOL) return bytes[0] ?? 0;
  return null;
}
