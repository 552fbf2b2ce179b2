/** Walking over a graph node by node: what each value is, in terms of the old graph. */
import { attributesOf, type Element, unknown } from '../analysis/relation.ts';
import { isStatic, keyOf, product, type Size } from '../analysis/size.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { plain, summands } from './algebra.ts';
import type { Context, Site } from './context.ts';
import { uncut } from './cut-parts.ts';
import { numbersConstant, storedConstant } from './elements.ts';
import { refuted } from './findings.ts';
import { fold, numbersOf } from './fold.ts';
import { isConstantThat, isFilled, isNotFinite, leavesOpen } from './infinities.ts';
import { attributesText, tensorText } from './node-text.ts';
import { isFloatType } from './numbers.ts';
import type { Side } from './prepare.ts';
import { isInference } from './randomness.ts';
import { ruleFor } from './rules/table.ts';
import { runSizes } from './run-sizes.ts';
import { refOf, type Scaled, scaled } from './term.ts';
import { exactly, free, isConstant, isExact, type Related, scaledOf, type Value } from './value.ts';

/** What the values of a graph are. */
export type Values = ReadonlyMap<string, Value>;

/** Evaluates all nodes; `inputs` says what the graph's inputs are. */
export function walk(ctx: Context, given: Side, inputs: Values, isNew: boolean): Values {
  const { flat } = given;
  const sizes = runSizes(given.facts, isNew);
  const { facts } = sizes;
  const side: Side = { ...given, facts };
  const values = new Map<string, Value>(inputs);
  const valueOf = (name: string): Value | null => {
    if (name === '') return null;
    const known = values.get(name);
    if (known !== undefined) return known;
    const made =
      constantValue(ctx, side, name) ?? exactly(plain(ctx.terms, 'unknown', `${isNew ? 'new' : 'old'} ${name}`, [], facts.values.get(name)?.dims ?? []));
    values.set(name, made);
    return made;
  };
  const behind = new Map<string, Behind>(flat.inputs.map(({ name }) => [name, { name, order: (facts.values.get(name)?.dims ?? []).map((_, d) => d) }]));
  /** Values that may hold minus infinity, as masks do, and those that may hold no numbers at all. */
  const [open, broken] = [new Set<string>(), new Set<string>()];
  for (const node of flat.nodes) {
    if (flat.constants.has(node.outputs[0] ?? '')) continue;
    sizes.enter(node);
    const operands = node.inputs.map(valueOf);
    const found = evaluate(
      ctx,
      side,
      node,
      operands,
      isNew,
      (name) => behind.get(name) ?? null,
      (name) => open.has(name),
    );
    const isBroken = (node.op !== 'Shape' && node.inputs.some((name) => broken.has(name))) || found.some((own) => own.kind === 'free' && own.isOpen);
    if (isBroken) for (const name of node.outputs) broken.add(name);
    if (leavesOpen(node, operands, (name) => open.has(name))) for (const output of node.outputs) open.add(output);
    // in the old graph nothing is new: a value is a term or not understood
    const known = isNew ? found : found.map((own) => (own.kind === 'related' && !isExact(own) ? free() : own));
    const results = isBroken ? known.map((own) => (own.kind === 'free' ? own : free(null, true))) : known;
    sizes.learn(node, results);
    node.outputs.forEach((output, o) => {
      const value = results[o];
      if (output === '' || value === undefined) return;
      values.set(output, value);
      if (!isNew && value.kind === 'related') for (const own of [scaledOf(value), ...summands(scaledOf(value))]) noteUse(ctx, own);
    });
    const source = node.op === 'Transpose' ? behind.get(node.inputs[0] ?? '') : undefined;
    if (source !== undefined) {
      const perm = attributesOf(node).ints('perm') ?? source.order.map((_, i) => source.order.length - 1 - i);
      behind.set(node.outputs[0] ?? '', { name: source.name, order: perm.map((d) => source.order[d] ?? 0) });
    }
  }
  for (const { name } of flat.outputs) valueOf(name);
  return values;
}

/** Notes the factor with which the old graph has a term, as a value or within a sum. */
function noteUse({ uses }: Context, { ref, scale }: Scaled): void {
  const known = uses.get(ref.key) ?? [];
  if (!known.some((own) => own.key === scale.key)) uses.set(ref.key, [...known, scale]);
}

/** A graph input and the order in which a transposition of it has its dimensions. */
type Behind = NonNullable<ReturnType<Site['inputBehind']>>;

/** An operator that hands its operand on. Dropout does outside of training. */
const isAlias = (node: FlatNode, facts: Side['facts']): boolean => node.op === 'Identity' || (node.op === 'Dropout' && isInference(node, facts));

function evaluate(
  ctx: Context,
  side: Side,
  node: FlatNode,
  operands: readonly (Value | null)[],
  isNew: boolean,
  behind: (name: string) => Behind | null,
  isOpen: (name: string) => boolean,
): readonly Value[] {
  const { facts } = side;
  const sizes = node.outputs.map((name) => facts.values.get(name)?.dims ?? null);
  const numbers = node.outputs.map((name) => (name === '' ? null : numbersValue(ctx, side, name)));
  if (numbers.every((own) => own !== null)) return numbers as Value[];
  const [x] = operands;
  if (isAlias(node, facts) && x != null && node.outputs.slice(1).every((name) => name === '')) return [x];
  if (node.op === 'Cast' && x != null && facts.values.get(node.inputs[0] ?? '')?.dtype === facts.values.get(node.outputs[0] ?? '')?.dtype) return [x];
  const folded = foldedValue(ctx, side, node, operands);
  if (folded !== null) return [folded];
  const site: Site = {
    ctx,
    node,
    facts,
    relation: facts.relations.get(node) ?? unknown('a node without a relation'),
    isNew,
    operands,
    sizes,
    attributes: attributesText(node),
    isCertain: (operand) => (node.inputs[operand] ?? '') === '' || facts.elements(node.inputs[operand] ?? '')?.every(isCertain) === true,
    inputBehind: (operand) => behind(node.inputs[operand] ?? ''),
    where: nodeLabel(node),
  };
  // where an operand is unknown already, the cause is there
  const cause = operands.some((own) => own?.kind === 'free');
  const found = ruleFor(site)(site).map((own): Value => (cause && own.kind === 'free' ? free() : own));
  const isZero = found.some((own) => own.kind === 'zero' || (own.kind === 'related' && own.ref.base.op === '0'));
  const isBroken =
    isNew &&
    ((!MOVES.has(node.op) &&
      (operands.some((own) => isInfinite(ctx, own) || (isZero && isConstantThat(isNotFinite, own))) || (isZero && node.inputs.some(isOpen)))) ||
      dividesByZero(node, operands) ||
      (isFilled(node, isNotFinite) && !found.every((own) => own.kind === 'related' && own.ref.base.old)));
  const results = isBroken ? found.map(() => free(refuted(nodeLabel(node), `${node.op}: what it computes with is not finite`), true)) : found;
  return node.outputs.map((_, o) => {
    const value = results[o] ?? free();
    // what else is done to a value is not done to what it was cut from
    return numbers[o] ?? cutConstant(ctx, PASSES.has(node.op) || value.kind !== 'related' ? value : { ...value, dims: value.dims.map(uncut) });
  });
}

function constantValue(ctx: Context, { flat, facts }: Side, name: string): Value | null {
  const own = flat.constants.get(name);
  if (own === undefined) return null;
  const constant = storedConstant(own.tensor);
  if (constant === null) return exactly(plain(ctx.terms, 'unread', tensorText(own.tensor), [], facts.values.get(name)?.dims ?? []));
  return exactly(scaled(refOf(ctx.terms.constant(constant))));
}

/** A number that depends on nothing but the sizes of inputs. */
const isCertain = ({ value }: Element): boolean => value !== null;
/** A number that is read exactly: larger ones are cut when a file is read. */
const isSafe = ({ value }: Element): boolean => value === null || !isStatic(value) || Math.abs(value) < Number.MAX_SAFE_INTEGER;

/** Sizes and indices that a graph computes: known for all inputs, so their content says what they are. */
function numbersValue(ctx: Context, { facts }: Side, name: string): Value | null {
  const own = facts.values.get(name);
  const elements = own?.elements ?? null;
  if (own?.dims == null || elements === null || isFloatType(own.dtype) || !elements.every((e) => isCertain(e) && isSafe(e))) return null;
  const values = elements.map((e) => e.value as Size);
  if (values.every(isStatic) && own.dims.every(isStatic))
    return exactly(scaled(refOf(ctx.terms.constant(numbersConstant(own.dims as readonly number[], own.dtype, Float64Array.from(values as number[]))))));
  return exactly(plain(ctx.terms, 'numbers', `${own.dtype}:${values.map(keyOf).join(',')}`, [], own.dims));
}

function foldedValue(ctx: Context, { facts }: Side, node: FlatNode, operands: readonly (Value | null)[]): Value | null {
  if (!operands.every((own): own is Related | null => own === null || isConstant(own))) return null;
  const own = facts.values.get(node.outputs[0] ?? '');
  if (own?.dims == null || !own.dims.every(isStatic)) return null;
  const made = fold(
    node,
    (operands as readonly (Related | null)[]).map((operand) => operand?.ref ?? null),
    own.dims as readonly number[],
    own.dtype,
  );
  return made === null ? null : exactly(scaled(refOf(ctx.terms.constant(made))));
}

/** Operators that only hand elements on. */
const MOVES = new Set(['Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze', 'Expand', 'Slice', 'Split', 'Concat', 'If', 'Shape', 'Size']);

/** Operators behind which the elements of a cut dimension are still those that were cut. */
const PASSES = new Set(['Reshape', 'Transpose', 'Squeeze', 'Unsqueeze', 'Gather', 'Slice', 'Split']);

/** A new quotient by zero. */
const dividesByZero = (node: FlatNode, operands: readonly (Value | null)[]): boolean => {
  const divisor = node.op === 'Div' ? operands[1] : node.op === 'Reciprocal' ? operands[0] : undefined;
  if (divisor?.kind === 'zero') return true;
  const numbers = divisor?.kind === 'related' && isConstant(divisor) && !divisor.ref.base.old ? numbersOf(divisor.ref) : null;
  return numbers?.data.includes(0) === true;
};

/** A new one, whose infinite elements are not shown to be old ones. */
const isInfinite = (ctx: Context, value: Value | null): boolean =>
  value?.kind === 'related' && !value.ref.base.old && !ctx.finite.has(value.ref.base) && isConstantThat(isNotFinite, value);

/** A small piece of a constant is a constant of its own: it may be the same everywhere, or zero. */
function cutConstant(ctx: Context, value: Value): Value {
  if (!isConstant(value)) return value;
  const numbers = numbersOf(value.ref);
  return numbers === null || numbers.data.length >= Number(product(value.ref.base.dims))
    ? value
    : exactly(scaled(refOf(ctx.terms.constant(numbersConstant(numbers.dims, numbers.dtype, numbers.data)))));
}
