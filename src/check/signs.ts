/** Which signs the elements of a value can have, whatever the inputs hold: by operator, from what is computed and what is stored. */

import { attributesOf } from '../analysis/relation.ts';
import { isNeverNegative, isStatic, type Size, subtract } from '../analysis/size.ts';
import { elementCount } from '../onnx/data-types.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import { SMALL, storedConstant } from './elements.ts';
import { attributesText } from './node-text.ts';
import { isFloatType } from './numbers.ts';
import type { Side } from './prepare.ts';

/** A set of signs, one bit for each. */
export type Signs = number;
export const [NEGATIVE, NULL, POSITIVE]: readonly [Signs, Signs, Signs] = [1, 2, 4];
export const ANY: Signs = NEGATIVE | NULL | POSITIVE;
const AT_LEAST_NULL = NULL | POSITIVE;

/** True where every sign is one of `wanted`. */
export const within = (signs: Signs, wanted: Signs): boolean => (signs & ~wanted) === 0;

const signOf = (x: number): Signs => (x > 0 ? POSITIVE : x < 0 ? NEGATIVE : x === 0 ? NULL : ANY);
const union = (list: readonly Signs[]): Signs => list.reduce((a, b) => a | b, 0);
const each = (signs: Signs): readonly Signs[] => [NEGATIVE, NULL, POSITIVE].filter((own) => (signs & own) !== 0);
const flipped = (signs: Signs): Signs => union(each(signs).map((own) => (own === NULL ? NULL : NEGATIVE + POSITIVE - own)));
const pairwise =
  (of: (a: Signs, b: Signs) => Signs) =>
  (a: Signs, b: Signs): Signs =>
    union(each(a).flatMap((x) => each(b).map((y) => of(x, y))));
const plus = pairwise((x, y) => (x === y || y === NULL ? x : x === NULL ? y : ANY));
const times = pairwise((x, y) => (x === NULL || y === NULL ? NULL : x === y ? POSITIVE : NEGATIVE));
const square = (signs: Signs): Signs => union(each(signs).map((own) => (own === NULL ? NULL : POSITIVE)));
/** Signs of sums of so many such elements as there are: of none, of one, of more. */
const summed = (signs: Signs): Signs => plus(signs, signs);

/** What rules ask of values, by their names. */
interface Asked {
  /** The node that computes a value. */
  makerOf(name: string): FlatNode | undefined;
  /** The number that all elements of a stored value are. */
  numberOf(name: string): number | null;
  /** True for one value, or two stored ones of the same numbers. */
  isSame(a: string, b: string): boolean;
}

/** Signs of a result; `operands` are those of the inputs, ANY for missing ones. */
type Rule = (operands: readonly Signs[], node: FlatNode, asked: Asked) => Signs;

const first: Rule = ([x = ANY]) => x;
const joined: Rule = (operands) => union(operands);
const atLeastNull: Rule = () => AT_LEAST_NULL;
const positive: Rule = () => POSITIVE;
const products: Rule = ([a = ANY, b = ANY]) => summed(times(a, b));

/** What a power makes of the signs of its base. */
const powers: Rule = ([base = ANY], { inputs }, { numberOf }) => {
  const exponent = numberOf(inputs[1] ?? '');
  if (base === POSITIVE) return POSITIVE;
  if (exponent === null) return ANY;
  if (exponent % 2 === 0) return exponent > 0 ? square(base) : POSITIVE;
  return exponent > 0 && (Number.isInteger(exponent) || within(base, AT_LEAST_NULL)) ? base : ANY;
};

/** Elu is above −α, so that elu(x) + 1, a feature map of linear attention, is positive. */
const sums: Rule = ([a = ANY, b = ANY], { inputs: [x = '', y = ''] }, { makerOf, numberOf }) => {
  const isAbove = (elu: string, other: string): boolean => {
    const node = makerOf(elu);
    return node?.op === 'Elu' && attributesOf(node).int('alpha', 1) > 0 && (numberOf(other) ?? 0) >= attributesOf(node).int('alpha', 1);
  };
  return isAbove(x, y) || isAbove(y, x) ? POSITIVE : plus(a, b);
};

/** The mean of squares is no smaller than the square of the mean over the same axes, of the same elements. */
const differences: Rule = ([a = ANY, b = ANY], { inputs }, { makerOf, numberOf, isSame }) => {
  const squared = (name: string): string | null => {
    const { op = '', inputs: [x = '', y = ''] = [] } = makerOf(name) ?? {};
    return (op === 'Mul' && x === y) || (op === 'Pow' && numberOf(y) === 2) ? x : null;
  };
  const isAlike = (one: FlatNode, other: FlatNode): boolean =>
    one.op === other.op &&
    attributesText(one) === attributesText(other) &&
    one.inputs.length === other.inputs.length &&
    one.inputs.every((name, i) => i === 0 || isSame(name, other.inputs[i] ?? ''));
  /** Whether a value is the square of another one, perhaps with the same elements cut out of both. */
  const isSquareOf = (name: string, of: string): boolean => {
    const [cut, like] = [makerOf(name), makerOf(of)];
    if (cut?.op === 'Slice' && like !== undefined && isAlike(cut, like)) return squared(cut.inputs[0] ?? '') === like.inputs[0];
    return squared(name) === of;
  };
  const [whole, mean] = [makerOf(inputs[0] ?? ''), makerOf(squared(inputs[1] ?? '') ?? '')];
  const isVariance = whole?.op === 'ReduceMean' && mean !== undefined && isAlike(whole, mean) && isSquareOf(whole.inputs[0] ?? '', mean.inputs[0] ?? '');
  return plus(a, flipped(b)) & (isVariance ? AT_LEAST_NULL : ANY);
};

/** Clip to at least a number. */
const clipped: Rule = ([x = ANY, low = ANY], node, { numberOf }) => {
  const { int } = attributesOf(node);
  const least = int('min', Number.NaN);
  const [, , high = ''] = node.inputs;
  const most = high === '' ? int('max', Infinity) : (numberOf(high) ?? 0);
  return most > 0 ? larger([x, Number.isNaN(least) ? low : signOf(least)]) : ANY;
};

/** The larger of two is no smaller than either. */
const larger = (operands: readonly Signs[]): Signs => {
  const least = operands.some((own) => own === POSITIVE) ? POSITIVE : operands.some((own) => within(own, AT_LEAST_NULL)) ? AT_LEAST_NULL : ANY;
  return union(operands) & least;
};

const UNSIGNED: readonly number[] = [DataType.UINT8, DataType.UINT16, DataType.UINT32, DataType.UINT64];

/** Negative numbers are true, and none of those without a sign. */
const cast: Rule = ([x = ANY], node) => {
  const to = attributesOf(node).int('to', DataType.FLOAT);
  if (to === DataType.BOOL) return square(x);
  return UNSIGNED.includes(to) && !within(x, AT_LEAST_NULL) ? ANY : x;
};

/** Operators whose results among whole numbers are cut: 1 / 2 is 0 there. */
const CUT = new Set(['Cast', 'Div', 'Pow']);

/** One line for each operator; elements of all others can have any sign. */
const TABLE: Readonly<Record<string, Rule>> = {
  Abs: ([x = ANY]) => square(x),
  Add: sums,
  Sum: (operands) => operands.reduce(plus),
  Sub: differences,
  // x · x is a square
  Mul: ([a = ANY, b = ANY], { inputs }) => (inputs[0] === inputs[1] ? square(a) : times(a, b)),
  Div: ([a = ANY, b = ANY]) => ((b & NULL) === 0 ? times(a, b) : ANY),
  Reciprocal: ([x = ANY]) => ((x & NULL) === 0 ? x : ANY),
  Neg: ([x = ANY]) => flipped(x),
  Sqrt: ([x = ANY]) => (within(x, AT_LEAST_NULL) ? x : ANY),
  Pow: powers,
  Exp: positive,
  Sigmoid: positive,
  Softplus: positive,
  Softmax: atLeastNull,
  Relu: ([x = ANY]) => union(each(x).map((own) => (own === NEGATIVE ? NULL : own))),
  Erf: first,
  Tanh: first,
  Max: (operands) => larger(operands),
  Min: joined,
  Clip: clipped,
  Where: ([, a = ANY, b = ANY]) => a | b,
  Concat: joined,
  Cast: cast,
  Identity: first,
  Reshape: first,
  Flatten: first,
  Transpose: first,
  Squeeze: first,
  Unsqueeze: first,
  Expand: first,
  Slice: first,
  Split: first,
  Gather: first,
  Tile: first,
  ReduceSum: ([x = ANY]) => summed(x),
  ReduceMean: ([x = ANY]) => summed(x),
  ReduceMax: first,
  ReduceMin: first,
  ReduceSumSquare: ([x = ANY]) => square(x),
  ReduceL1: ([x = ANY]) => square(x),
  ReduceL2: ([x = ANY]) => square(x),
  // an exclusive one begins with nothing
  CumSum: ([x = ANY], node) => summed(x) | (attributesOf(node).int('exclusive', 0) === 0 ? 0 : NULL),
  MatMul: products,
  Einsum: (operands) => summed(operands.reduce(times)),
  ...Object.fromEntries(['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Not'].map((op) => [op, atLeastNull])),
};

/** The signs of the values of a graph, each worked out when it is asked for. */
export function signsIn({ flat, facts }: Side): (name: string) => Signs {
  const makers = new Map(flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const known = new Map<string, Signs>();
  const numberOf = (name: string): number | null => {
    const own = flat.constants.get(name);
    return own === undefined ? null : (storedConstant(own.tensor)?.uniform ?? null);
  };
  const asked: Asked = {
    makerOf: (name) => makers.get(name),
    numberOf,
    isSame: (a, b) => {
      const [p, q] = [a, b].map((name) => flat.constants.get(name)).map((own) => own && storedConstant(own.tensor));
      return a === b || (p != null && q != null && p.equals(q));
    },
  };
  function stored(name: string): Signs | null {
    const own = flat.constants.get(name);
    if (own === undefined) return null;
    const constant = storedConstant(own.tensor);
    const count = elementCount(own.tensor.dims);
    return constant === null || count > SMALL ? ANY : union(Array.from(constant.read(0, count), signOf));
  }
  function computed(name: string): Signs | null {
    const elements = facts.elements(name);
    return elements === null ? null : union(elements.map(({ value }) => (value === null ? ANY : sizeSigns(value))));
  }
  function made(name: string): Signs {
    const node = makers.get(name);
    const rule = node && TABLE[node.op];
    if (node === undefined || rule === undefined) return ANY;
    const own = rule(node.inputs.map(signs), node, asked);
    return CUT.has(node.op) && !isFloatType(facts.values.get(name)?.dtype ?? DataType.UNDEFINED) ? own | NULL : own;
  }
  function signs(name: string): Signs {
    const before = known.get(name);
    if (before !== undefined) return before;
    const found = name === '' ? ANY : (stored(name) ?? computed(name) ?? made(name));
    known.set(name, found);
    return found;
  }
  return signs;
}

/** The signs of a size, for all inputs whose dimensions are at least 1. */
function sizeSigns(size: Size): Signs {
  if (isStatic(size)) return signOf(size);
  return isNeverNegative(subtract(size, 1)) ? POSITIVE : isNeverNegative(size) ? AT_LEAST_NULL : ANY;
}
