/**
 * Quotients, roots and logarithms of new elements. A proof takes for granted that what the old graph computes is a number; what is new
 * must be one too, or zeros that are multiplied with it are none. So signs must show that it is defined, or the old graph must compute
 * its operand in the same way.
 */

import { attributesOf } from '../analysis/relation.ts';
import { equal } from '../analysis/size.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { storedConstant } from './elements.ts';
import { type Finding, unproved } from './findings.ts';
import { hasSameAttributes } from './like-attributes.ts';
import { live, type Side } from './prepare.ts';
import { isNegative } from './scale.ts';
import { ANY, NEGATIVE, NULL, POSITIVE, type Signs, signsIn, within } from './signs.ts';
import { scaledKey } from './term.ts';
import { isConstant, isOld, scaledOf, type Value } from './value.ts';
import { viewSizes } from './view.ts';
import type { Values } from './walk.ts';

/** The operand that must have certain signs for the result to be a number. */
interface Demand {
  readonly operand: number;
  readonly signs: Signs;
  readonly text: string;
}

const NOT_NULL: Pick<Demand, 'signs' | 'text'> = { signs: NEGATIVE | POSITIVE, text: 'not zero' };
const AT_LEAST_NULL: Pick<Demand, 'signs' | 'text'> = { signs: NULL | POSITIVE, text: 'not negative' };
const ABOVE: Pick<Demand, 'signs' | 'text'> = { signs: POSITIVE, text: 'positive' };
/** Signs show no more of such a range than that zero is in it. */
const AROUND_NULL: Pick<Demand, 'signs' | 'text'> = { signs: NULL, text: 'between −1 and 1' };

/** One line for each operator that is not defined for all numbers. */
const DEMANDS: Readonly<Record<string, Demand>> = {
  Div: { operand: 1, ...NOT_NULL },
  Mod: { operand: 1, ...NOT_NULL },
  Reciprocal: { operand: 0, ...NOT_NULL },
  Sqrt: { operand: 0, ...AT_LEAST_NULL },
  Log: { operand: 0, ...ABOVE },
  ReduceLogSum: { operand: 0, ...ABOVE },
  Asin: { operand: 0, ...AROUND_NULL },
  Acos: { operand: 0, ...AROUND_NULL },
  Atanh: { operand: 0, ...AROUND_NULL },
  Acosh: { operand: 0, signs: 0, text: 'at least 1' },
  BitCast: { operand: 0, signs: 0, text: 'a finite number of another type' },
};

/** Attributes under which an operator is defined for all numbers: no divisor of zero, no root of what may be negative. */
const SOUND: Readonly<Record<string, (number: (name: string, otherwise: number) => number) => boolean>> = {
  Celu: (number) => number('alpha', 1) !== 0,
  LRN: (number) => number('bias', 1) > 0 && number('alpha', 1e-4) >= 0,
};

const demandOf = (node: FlatNode, values: Values): Demand | null =>
  node.op === 'Pow' ? demandOfPower(numberOf(values.get(node.inputs[1] ?? ''))) : (DEMANDS[node.op] ?? null);

/** Whether the old graph demands the same of a value: it is one of its own values times a positive number. */
function askedFor(before: Side, oldValues: Values): (value: Value | undefined, demand: Demand) => boolean {
  const known = new Set(
    before.flat.nodes.flatMap((node) => {
      const demand = demandOf(node, oldValues);
      const value = demand === null ? undefined : oldValues.get(node.inputs[demand.operand] ?? '');
      return demand === null || value?.kind !== 'related' ? [] : [`${demand.text} ${value.ref.key}`];
    }),
  );
  return (value, { text, signs }) =>
    value?.kind === 'related' && isOld(value) && known.has(`${text} ${value.ref.key}`) && (signs === NOT_NULL.signs || !isNegative(value.scale));
}

/** What a power demands of its base: nothing where the exponent is a positive whole number. */
function demandOfPower(exponent: number | null): Demand | null {
  if (exponent === null) return { operand: 0, ...ABOVE };
  if (Number.isInteger(exponent)) return exponent >= 0 ? null : { operand: 0, ...NOT_NULL };
  return { operand: 0, ...(exponent > 0 ? AT_LEAST_NULL : ABOVE) };
}

/** Nodes of the new graph whose results may be no numbers though those of the old graph are. */
export function definedness(before: Side, after: Side, oldValues: Values, values: Values): readonly Finding[] {
  const risky = live(after).flatMap((node) => {
    const demand = demandOf(node, values);
    return demand === null || isOld(values.get(node.outputs[0] ?? '')) ? [] : [{ node, demand }];
  });
  const signs = signsIn(after);
  const asked = askedFor(before, oldValues);
  const open = risky.filter(({ node, demand }) => {
    const operand = node.inputs[demand.operand] ?? '';
    return !within(signs(operand), demand.signs) && !asked(values.get(operand), demand);
  });
  const isLikeOld = likeOld(before, after, oldValues, values);
  const strange = live(after).filter(
    (node) =>
      SOUND[node.op]?.(attributesOf(node).int) === false &&
      !isOld(values.get(node.outputs[0] ?? '')) &&
      !before.flat.nodes.some((like) => like.op === node.op && hasSameAttributes(before, after, node, like)),
  );
  const byAttributes = strange.map((node) => unproved(nodeLabel(node), `${node.op}: nothing shows that its attributes make numbers in what is new`));
  const byOperands = open.flatMap(({ node, demand: { operand, text } }) =>
    isLikeOld(node, operand) ? [] : [unproved(nodeLabel(node), `${node.op}: nothing shows that operand ${operand} is ${text} in what is new`)],
  );
  return [...byAttributes, ...byOperands];
}

/** The number that all elements of a constant are. */
const numberOf = (value: Value | undefined): number | null => (isConstant(value) ? (value.ref.base.constant?.uniform ?? null) : null);

const isInput = ({ flat }: Side, name: string): boolean => flat.inputs.some((own) => own.name === name);

/** How far back nodes are compared. */
const DEPTH = 8;
/** Operators whose two operands may be exchanged. */
const COMMUTES = new Set(['Add', 'Mul', 'Max', 'Min']);
/** Operators that only place elements elsewhere, which growth adds. */
const MOVES = new Set(['Identity', 'Cast', 'Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze', 'Expand', 'Slice', 'Gather']);

/** Operators whose results are sums over elements. */
const SUMS = new Set(['MatMul', 'Einsum', 'ReduceSum', 'ReduceMean']);

/** Values of the new graph, each with the one that stands for it in the old graph, and the one of them that both are functions of. */
interface Match {
  readonly pairs: ReadonlyMap<string, string>;
  readonly variable: string | null;
}

/** How far back two values are still compared, and whether what is made of them is a sum over elements, of which masks may leave some out. */
interface Reach {
  readonly depth: number;
  readonly summed: boolean;
}

/**
 * Whether the old graph computes an operand in the same way from another value: by the same operators and numbers, up to one
 * value that the old graph has too, or for DEPTH steps.
 */
function likeOld(before: Side, after: Side, oldValues: Values, values: Values): (node: FlatNode, operand: number) => boolean {
  const [old, now] = [tracer(before), tracer(after)];
  const isSame = (name: string, other: string): boolean => {
    const [value, was] = [values.get(name), oldValues.get(other)];
    return value?.kind === 'related' && was?.kind === 'related' && scaledKey(scaledOf(value)) === scaledKey(scaledOf(was));
  };
  /** An input that only the new graph has, of the shape of an old one: the cache of a new layer. */
  const isNewInput = (name: string, other: string): boolean => {
    const value = values.get(name);
    if (!isInput(after, name) || !isInput(before, other) || (value?.kind === 'related' && value.ref.base.old)) return false;
    const [sizes, wanted] = [after.facts.values.get(name)?.dims, before.facts.values.get(other)?.dims];
    return sizes != null && sizes.length === wanted?.length && sizes.every((size, d) => equal(size, wanted[d] ?? 0));
  };
  /**
   * An old value, perhaps among new elements of a hidden width, in the place of another one of its shape: of that one no signs may be known,
   * or the way in which it is computed is what makes it fit.
   */
  const isVariable = (name: string, other: string): boolean => {
    const value = values.get(name);
    if (value?.kind !== 'related' || !value.ref.base.old || isNegative(value.scale) || old.signs(other) !== ANY) return false;
    const [sizes, wanted] = [viewSizes(value.ref.view), before.facts.values.get(other)?.dims];
    return wanted?.length === sizes.length && sizes.every((size, d) => equal(size, wanted[d] ?? 0));
  };

  /** Both missing, or stored and of more than one number. */
  const isLikeVector = (name: string, other: string): boolean =>
    (name === '') === (other === '') && now.isStored(name) && old.isStored(other) && now.numberOf(name) === null && old.numberOf(other) === null;

  function matches(a: string, b: string, reach: Reach, match: Match): Match | null {
    const [name, other] = [now.passed(a), old.passed(b)];
    const paired = match.pairs.get(name);
    // what is one value on one side is one on the other: x + x is not x + y
    if (paired !== undefined) return paired === other ? match : null;
    if (now.isStored(name) || old.isStored(other)) {
      const number = now.numberOf(name);
      if (number !== null) return number === old.numberOf(other) ? match : null;
      return isLikeVector(name, other) || (reach.summed && (old.numberOf(other) ?? 0) > 0 && now.isMask(name)) ? match : null;
    }
    if ([...match.pairs.values()].includes(other)) return null;
    const pairs = new Map([...match.pairs, [name, other]]);
    if (reach.depth === 0) return { ...match, pairs };
    const found = likeMaker(name, other, reach, { ...match, pairs });
    const isWhole = reach.depth === DEPTH;
    return found ?? (!isWhole && match.variable === null && isVariable(name, other) ? { pairs, variable: name } : null);
  }

  /** The same for the nodes that make two values; what no node makes is the same input. */
  function likeMaker(name: string, other: string, reach: Reach, match: Match): Match | null {
    const [node, like] = [now.makers.get(name), old.makers.get(other)];
    if (node === undefined || like === undefined) return isSame(name, other) || (reach.depth < DEPTH && isNewInput(name, other)) ? match : null;
    if (node.op !== like.op || node.inputs.length !== like.inputs.length || node.outputs.indexOf(name) !== like.outputs.indexOf(other)) return null;
    if (!hasSameAttributes(before, after, node, like)) return null;
    const orders = COMMUTES.has(node.op) ? [like.inputs, like.inputs.toReversed()] : [like.inputs];
    const next: Reach = { depth: reach.depth - 1, summed: reach.summed || SUMS.has(node.op) };
    for (const order of orders) {
      const found = order.reduce<Match | null>((own, input, i) => own && matches(node.inputs[i] ?? '', input, next, own), match);
      if (found !== null) return found;
    }
    return null;
  }
  const start: readonly [Reach, Match] = [
    { depth: DEPTH, summed: false },
    { pairs: new Map(), variable: null },
  ];
  return (node, operand) => {
    const name = node.inputs[operand] ?? '';
    // of what is stored the signs say all
    if (after.flat.constants.has(name)) return false;
    return before.flat.nodes.some((like) => like.op === node.op && matches(name, like.inputs[operand] ?? '', ...start) !== null);
  };
}

/** What leads to values of a graph. */
function tracer({ flat, ...rest }: Side): {
  readonly makers: ReadonlyMap<string, FlatNode>;
  readonly signs: (name: string) => Signs;
  /** Where the elements of a value come from. */
  passed(name: string): string;
  isStored(name: string): boolean;
  /** The number that a stored value is, null for other values and for more than one number. */
  numberOf(name: string): number | null;
  /** True for numbers, stored or a product of such, that are nowhere negative, and not zero everywhere. */
  isMask(name: string): boolean;
} {
  const signs = signsIn({ flat, ...rest });
  const makers = new Map(flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const isStored = (name: string): boolean => name === '' || flat.constants.has(name);
  const storedNumber = (name: string): number | null => {
    const tensor = flat.constants.get(name)?.tensor;
    return tensor?.dims.every((size) => size === 1) === true ? (storedConstant(tensor)?.uniform ?? null) : null;
  };
  // growth masks a number that stands in the file by a product
  const isOfConstants = (name: string): boolean =>
    flat.constants.has(name) || (makers.get(name)?.op === 'Mul' && makers.get(name)?.inputs.every((own) => flat.constants.has(own)) === true);
  const isMask = (name: string): boolean => isOfConstants(name) && (signs(name) === POSITIVE || signs(name) === (NULL | POSITIVE));
  const passed = (name: string): string => {
    const node = makers.get(name);
    return node !== undefined && MOVES.has(node.op) ? passed(node.inputs[0] ?? '') : name;
  };
  return { makers, signs, passed, isStored, numberOf: storedNumber, isMask };
}
