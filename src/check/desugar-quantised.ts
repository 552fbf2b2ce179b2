/**
 * Operators on quantised numbers q, which stand for (q − z) · s, spelled out in real numbers.
 *
 * Rounding to quanta is one opaque function, R(x; s, z) = clip(round(x / s) + z) − z, which is zero where x is: a QuantizeLinear with
 * the attribute `steps`. Then q = R + z, a DequantizeLinear is R · s, an integer product multiplies what is left without the
 * zero points, and weights of a few bits are constants that are computed when they are read.
 * Sources: https://onnx.ai/onnx/operators/ and https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { ruleOf } from '../analysis/op-rules.ts';
import { attributesOf } from '../analysis/relation.ts';
import type { Facts } from '../analysis/shapes.ts';
import type { FlatGraph, FlatNode } from '../onnx/graph.ts';
import { DataType, type Tensor } from '../onnx/ir.ts';
import { readNumbers } from '../onnx/tensor.ts';
import type { Writer } from './desugar.ts';

/** Attribute of a QuantizeLinear whose result is R: the smallest and the largest number of its type. */
export const STEPS = 'steps';
/** Attribute of a DequantizeLinear that is R · s, element by element. */
export const SPELLED = 'spelled';
/** Attribute of a DequantizeLinear: the zero point where no operand holds it. */
export const POINT = 'point';
/** Attribute of a DynamicQuantizeLinear that rounds its operand in blocks of the last dimension, each on a scale of its own. */
export const BLOCK = 'block_size';

/** Smallest and largest numbers of types. */
const BYTE: readonly [number, number] = [0, 255];
const RANGES = new Map<number, readonly [number, number]>([
  [DataType.UINT4, [0, 15]],
  [DataType.INT4, [-8, 7]],
  [DataType.UINT8, BYTE],
  [DataType.INT8, [-128, 127]],
  [DataType.UINT16, [0, 65535]],
  [DataType.INT16, [-32768, 32767]],
]);

/** Operators that move the elements of operand 0. */
const MOVES = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Expand', 'Slice', 'Gather']);

type Desugar = (w: Writer) => boolean;

/** The rules for one graph. */
export function quantisedRules(flat: FlatGraph, facts: Facts): ReadonlyMap<string, Desugar> {
  const producers = new Map(flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  /** R behind quantised numbers, and their zero point. */
  const steps = new Map<string, { readonly name: string; readonly point: string }>();
  const without = new Map<string, string>();
  /** What the rule at work has noted; it is forgotten where the rule gives up. */
  let noted: string[] = [];

  const tensorOf = (name: string): Tensor | undefined => flat.constants.get(name)?.tensor;
  const sizeOf = (name: string): number =>
    facts.values.get(name)?.dims?.reduce<number>((total, size) => total * (typeof size === 'number' ? size : NaN), 1) ?? NaN;
  const made = new Set<string>();
  const isConstant = (name: string): boolean => made.has(name) || facts.values.get(name)?.dependence === 'constant';
  const isZero = (name: string): boolean => {
    const tensor = tensorOf(name);
    return name === '' || (tensor !== undefined && readNumbers(tensor).every((x) => x === 0));
  };
  const isSamePoint = (a: string, b: string): boolean => {
    if (a === b || (isZero(a) && isZero(b))) return true;
    const [x, y] = [tensorOf(a), tensorOf(b)];
    return x !== undefined && y !== undefined && sizeOf(a) === 1 && sizeOf(b) === 1 && readNumbers(x)[0] === readNumbers(y)[0];
  };

  /** A scale or zero point as it is stretched over the dimensions of an operand, along `axis`; null when it cannot be. */
  function along(w: Writer, name: string, rank: number, axis: number): string | null {
    const at = axis < 0 ? axis + rank : axis;
    if (name === '' || sizeOf(name) === 1) return name;
    const dims = facts.values.get(name)?.dims ?? [];
    if (dims.length !== 1 || at < 0 || at >= rank) return null;
    if (at === rank - 1) return name;
    const tensor = tensorOf(name);
    return tensor === undefined ? null : w.hold({ ...tensor, dims: [...tensor.dims, ...Array.from({ length: rank - 1 - at }, () => 1)] });
  }

  /** A constant of constants. */
  const constant = (name: string): string => {
    made.add(name);
    return name;
  };

  /** The node that makes a value, and its operand 0. */
  const sourceOf = (name: string): readonly [node: FlatNode | undefined, from: string] => {
    const node = producers.get(name);
    return [node, node?.inputs[0] ?? ''];
  };
  const isRenamed = (node: FlatNode): boolean =>
    node.op === 'Cast' && facts.values.get(node.inputs[0] ?? '')?.dtype === facts.values.get(node.outputs[0] ?? '')?.dtype;
  const isMove = (node: FlatNode): boolean => MOVES.has(node.op) || isRenamed(node);
  /** True for a constant that operators move to places which depend on the input. */
  function isMoved(name: string): boolean {
    const [node, from] = sourceOf(name);
    return node !== undefined && isMove(node) && (isConstant(from) || isMoved(from));
  }

  /** What moves a value, applied to another one. */
  function move(w: Writer, node: FlatNode, from: string, output?: string): string {
    const inputs = [from, ...node.inputs.slice(1)];
    const op = isRenamed(node) ? 'Identity' : node.op;
    const name = w.copy(node, inputs, { op, ...(output !== undefined && { output }) });
    producers.set(name, { ...node, op, inputs });
    return name;
  }

  /** A function of each element of a moved constant, applied before it is moved. */
  function beforeMoves(w: Writer, name: string, apply: (constant: string) => string, output?: string): string {
    const [node, from] = sourceOf(name);
    if (node === undefined) return apply(name);
    return move(w, node, isConstant(from) ? constant(apply(from)) : beforeMoves(w, from, apply), output);
  }

  /** Quantised numbers without their zero point, q − z; null when there is no way to say it. */
  function centred(w: Writer, q: string, point: string, axis: number): string | null {
    const own = steps.get(q);
    if (own !== undefined && isSamePoint(own.point, point)) return own.name;
    if (isZero(point)) return q;
    const key = `${q} ${axis} ${point}`;
    const known = without.get(key);
    if (known !== undefined) return known;
    const made = uncached(w, q, point, axis);
    if (made !== null) {
      without.set(key, made);
      noted.push(key);
    }
    return made;
  }

  function uncached(w: Writer, q: string, point: string, axis: number): string | null {
    if (isConstant(q) && isConstant(point)) return constant(w.put('DequantizeLinear', [q, w.float(1, DataType.FLOAT), point], { axis }));
    const [node, moved] = sourceOf(q);
    // one zero point of all elements goes through whatever moves them, and can always be taken off
    const part = (name: string): string => centred(w, name, point, axis) as string;
    if (node !== undefined && sizeOf(point) === 1 && isMove(node)) return move(w, node, part(moved));
    if (node?.op === 'Concat' && sizeOf(point) === 1) return w.copy(node, node.inputs.map(part));
    const own = along(w, point, facts.values.get(q)?.dims?.length ?? 0, axis);
    const whole = (name: string): string => w.put('Cast', [name], { to: DataType.INT32 });
    return own === null ? null : w.put('Sub', [whole(q), whole(own)]);
  }

  /** x as quantised numbers on a scale: R, and q where something reads it. */
  function quantise(w: Writer, x: string, scale: string, point: string, type: number, attributes: Readonly<Record<string, number>>, q: string): boolean {
    const range = RANGES.get(type);
    if (range === undefined) return false;
    const plain = isZero(point);
    const rounded = (own: string, output?: string): string => w.put('QuantizeLinear', [own, scale, point], { ...attributes, type, [STEPS]: range }, output);
    const single = sizeOf(scale) === 1 && (point === '' || sizeOf(point) === 1);
    const output = plain ? q : undefined;
    const name = single && isMoved(x) && !isConstant(x) ? beforeMoves(w, x, (own) => rounded(own), output) : rounded(x, output);
    if (!plain) w.put('Add', [name, point], {}, q);
    steps.set(q, { name, point });
    return true;
  }

  const quantizeLinear: Desugar = (w) => {
    const { node } = w;
    const [x, scale, point] = w.inputs;
    const { int } = attributesOf(node);
    if (int('block_size', 0) !== 0) return false;
    const [axis, rank] = [int('axis', 1), w.rank(0)];
    const [wide, wider] = [along(w, scale, rank, axis), along(w, point, rank, axis)];
    const [q] = w.outputs;
    const type = tensorOf(point)?.packed?.tensor.dataType ?? facts.values.get(q)?.dtype ?? DataType.UNDEFINED;
    if (wide === null || wider === null) return false;
    const done = quantise(w, x, wide, wider, type, { axis, precision: int('precision', 0), output_dtype: int('output_dtype', 0) }, q);
    if (done) steps.set(q, { name: steps.get(q)?.name ?? q, point });
    return done;
  };

  /** y = (q − z) · s; constants are computed when they are read. */
  const dequantizeLinear: Desugar = (w) => {
    const { node } = w;
    const [q, scale, point] = w.inputs;
    const { int } = attributesOf(node);
    const [axis, block] = [int('axis', 1), int('block_size', 0)];
    const rounded = steps.get(q);
    // stored numbers are computed with all operands, when they are read
    if (isConstant(q) && (rounded === undefined || !isSamePoint(rounded.point, point))) return false;
    if (block !== 0) return false;
    const [wide, numbers] = [along(w, scale, w.rank(0), axis), centred(w, q, point, axis)];
    if (wide === null || numbers === null) return false;
    const times = (own: string, output?: string): string => w.put('DequantizeLinear', [own, wide], { axis, [SPELLED]: 1 }, output);
    if (sizeOf(scale) === 1 && isMoved(numbers) && !isConstant(numbers)) beforeMoves(w, numbers, (own) => times(own), w.outputs[0]);
    else times(numbers, w.outputs[0]);
    return true;
  };

  /** Scale and zero point of all elements, which are then rounded on it. */
  const dynamicQuantizeLinear: Desugar = (w) => {
    const [x] = w.inputs;
    const [q, scale, point] = w.outputs.map((name, o) => (name === '' && o > 0 ? w.name() : name)) as [string, string, string, string];
    w.add('DynamicQuantizeLinear', [x], ['', scale, point]);
    return q === '' || quantise(w, x, scale, point, DataType.UINT8, {}, q);
  };

  /** (a − za)(b − zb), where zero points belong to rows of a and columns of b. */
  function integerProduct(w: Writer, points: readonly [2 | 4, 3 | 5]): string | null {
    const [a, b] = w.inputs;
    const left = centred(w, a, w.inputs[points[0]], w.rank(0) - 2);
    const right = centred(w, b, w.inputs[points[1]], w.rank(1) - 1);
    return left === null || right === null ? null : w.put('MatMul', [left, right]);
  }

  const matMulInteger: Desugar = (w) => {
    const product = integerProduct(w, [2, 3]);
    if (product === null) return false;
    w.put('Cast', [product], { to: DataType.INT32 }, w.outputs[0]);
    return true;
  };

  /** ConvInteger pads with the zero point: https://onnx.ai/onnx/operators/onnx__ConvInteger.html */
  const convInteger: Desugar = (w) => {
    const [x, weights, xPoint, point] = w.inputs;
    const [left, right] = [sizeOf(xPoint) === 1 || xPoint === '' ? centred(w, x, xPoint, 0) : null, centred(w, weights, point, 0)];
    if (left === null || right === null) return false;
    const product = w.copy(w.node, [left, right], { op: 'Conv' });
    w.put('Cast', [product], { to: DataType.INT32 }, w.outputs[0]);
    return true;
  };

  /** A product on the scales of both operands, and a bias. */
  function scaledProduct(w: Writer, product: string | null, [first, second]: readonly [string, string], bias: string): boolean {
    if (product !== null)
      w.finish([
        ['Mul', [first, second]],
        ['Mul', [product]],
        ['Add', [bias]],
      ]);
    return product !== null;
  }

  const matMulIntegerToFloat: Desugar = (w) => {
    const [, , left, right, , , bias] = w.inputs;
    return sizeOf(left) === 1 && scaledProduct(w, integerProduct(w, [4, 5]), [left, right], bias);
  };

  const dynamicQuantizeMatMul: Desugar = (w) => {
    const [x, b, right, point, bias] = w.inputs;
    const [scale, zero] = [w.name(), w.name()];
    const weights = centred(w, b, point, w.rank(1) - 1);
    if (weights === null) return false;
    w.add('DynamicQuantizeLinear', [x], ['', scale, zero]);
    const rounded = w.put('QuantizeLinear', [x, scale, zero], { type: DataType.UINT8, [STEPS]: BYTE });
    return scaledProduct(w, w.put('MatMul', [rounded, weights]), [scale, right], bias);
  };

  /** The zero point of numbers in blocks where no operand holds it. */
  const middle = (node: FlatNode, numbers: string): number => {
    const tensor = tensorOf(numbers);
    return ruleOf(node.op)?.quantised?.[0]?.otherwise?.(attributesOf(node), tensor?.packed?.tensor.dataType ?? tensor?.dataType ?? 0) ?? 0;
  };

  /** True for a constant whose elements were unpacked, all of the stored ones. */
  const isUnpacked = (name: string): boolean => {
    const tensor = tensorOf(name);
    const packed = tensor?.packed;
    return packed === undefined || packed.packing.stored(packed.packing.dims).reduce((a, b) => a * b, 1) === packed.tensor.dims.reduce((a, b) => a * b, 1);
  };

  /** Numbers in blocks along a dimension, in real numbers. */
  function blocks(w: Writer, [numbers, scale, point]: readonly [string, string, string], axis: number): string | null {
    const bits = attributesOf(w.node).int('bits', 4);
    const relation = facts.relations.get(w.node);
    if (relation?.kind !== 'labels' || 8 % bits !== 0) return null;
    if (![numbers, scale, point].every((name) => name === '' || (tensorOf(name) !== undefined && isUnpacked(name)))) return null;
    const attributes = { axis, block_size: attributesOf(w.node).int('block_size', w.node.op === 'com.microsoft.MatMulNBits' ? 32 : 128) };
    return point === ''
      ? w.put('DequantizeLinear', [numbers, scale], { ...attributes, [POINT]: middle(w.node, numbers) })
      : w.put('DequantizeLinear', [numbers, scale, point], attributes);
  }

  /** y = x Bᵀ + bias; at accuracy level 4 the runtime may round x to int8, in blocks as those of B. */
  const matMulNBits: Desugar = (w) => {
    const [x, numbers, scale, point, groups, bias] = w.inputs;
    const { int } = attributesOf(w.node);
    const weights = groups === '' ? blocks(w, [numbers, scale, point], 1) : null;
    if (weights === null) return false;
    const rounded =
      int('accuracy_level', 0) === 4 ? w.put('Cast', [w.put('DynamicQuantizeLinear', [x], { [BLOCK]: int('block_size', 32) })], { to: w.dtype(0) }) : x;
    w.finish([
      ['MatMul', [rounded, w.put('Transpose', [weights])]],
      ['Add', [bias]],
    ]);
    return true;
  };

  const gatherBlockQuantized: Desugar = (w) => {
    const [numbers, indices, scale, point] = w.inputs;
    const table = blocks(w, [numbers, scale, point], w.rank(0) - 1);
    if (table === null) return false;
    w.put('Gather', [table, indices], {}, w.outputs[0]);
    return true;
  };

  const rules: readonly (readonly [string, Desugar])[] = [
    ['QuantizeLinear', quantizeLinear],
    ['DequantizeLinear', dequantizeLinear],
    ['DynamicQuantizeLinear', dynamicQuantizeLinear],
    ['MatMulInteger', matMulInteger],
    ['ConvInteger', convInteger],
    ['com.microsoft.MatMulIntegerToFloat', matMulIntegerToFloat],
    ['com.microsoft.DynamicQuantizeMatMul', dynamicQuantizeMatMul],
    ['com.microsoft.MatMulNBits', matMulNBits],
    ['com.microsoft.GatherBlockQuantized', gatherBlockQuantized],
  ];
  return new Map(
    rules.map(([op, rule]): [string, Desugar] => [
      op,
      (w) => {
        noted = [];
        const done = rule(w);
        if (!done) for (const key of noted) without.delete(key);
        return done;
      },
    ]),
  );
}
