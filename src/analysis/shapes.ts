/**
 * Shapes and small integer values of every tensor, for all inputs at once.
 *
 * One pass over the flat graph with the op table. Input dimensions are symbols; what a graph computes from shapes
 * (Shape → Gather → Concat → Reshape) is followed element by element. Declared dimension names lie or hide relations
 * (`past_sequence_length + 1`, an image height that only one value fits), so a conflict between two sizes that must be
 * equal is solved for a symbol and the pass starts again.
 */
import { GrowError } from '../errors.ts';
import { wholeRange } from '../onnx/data-types.ts';
import { type FlatGraph, type FlatNode, nodeLabel, opsetVersion } from '../onnx/graph.ts';
import { whyNotInlined } from '../onnx/inline-functions.ts';
import { DataType, type Tensor } from '../onnx/ir.ts';
import { mapItems } from '../onnx/map-tensors.ts';
import { readNumbers } from '../onnx/tensor.ts';
import { declaredSize } from './declared-size.ts';
import { isFloat } from './op-rule.ts';
import { ruleOf } from './op-rules.ts';
import { attributesOf, type Element, type Labels, type Relation, ShapeUnknown, type Site, SMALL, unknown } from './relation.ts';
import {
  asFunction,
  asSymbol,
  divideExactly,
  equal,
  evaluate,
  functionsOf,
  hint,
  isNeverNegative,
  isolate,
  isStatic,
  keyOf,
  product,
  type Size,
  substitute,
  subtract,
  symbol,
  symbolsOf,
  withoutCommonFactors,
} from './size.ts';
import { LARGEST_SIZE, whyUnsound } from './sound-relation.ts';

/** What a value depends on: nothing but the file, also the sizes of inputs, or the contents of inputs. */
export type Dependence = 'constant' | 'shape' | 'data';

/** What is known of a value before the model runs. */
export interface ValueFacts {
  /** null when not even the rank is known. */
  readonly dims: readonly Size[] | null;
  readonly dtype: number;
  /** Elements of a small tensor; null when not known. */
  readonly elements: readonly Element[] | null;
  readonly dependence: Dependence;
}

/** Shapes, small values and relations of a whole graph. */
export interface Facts {
  readonly values: ReadonlyMap<string, ValueFacts>;
  readonly relations: ReadonlyMap<FlatNode, Relation>;
  /** Elements of a small value; null when not known or more than SMALL. */
  elements(value: string): readonly Element[] | null;
  /** Sizes that only a run decides, such as how many elements are not zero. */
  readonly runSizes: ReadonlySet<string>;
  /** Nodes whose operands do not fit each other: sizes that must be equal and are not, for any input. */
  readonly conflicts: readonly string[];
  /** Input dimensions that turned out to equal something else. */
  readonly bindings: ReadonlyMap<string, Size>;
}

const MAX_RESTARTS = 40;

/** Small values for input dimensions: different from each other, below the length of any position table. */
const HINTS = [2, 6, 5, 7, 3, 4, 9, 8, 10, 12, 11, 13, 14, 15];
const IMAGE_HINT = 64;
const WINDOWED = new Set(['Conv', 'AveragePool', 'MaxPool']);

class Restart extends Error {}

/**
 * Infers every value's shape. Never throws for a graph it does not understand: such values have `dims: null`. Where
 * `exact`, sizes hold for all inputs: nothing is decided by small values. Nor are element types guessed then.
 */
export function inferFacts(flat: FlatGraph, known?: Pick<Facts, 'bindings'>, exact = false): Facts {
  const bindings = new Map<string, Size>(known?.bindings ?? []);
  const hints = new Map<string, number>();
  const refused = new Set<string>();
  for (let attempt = 0; attempt < MAX_RESTARTS; attempt++) {
    try {
      return inferOnce(flat, bindings, hints, refused, exact);
    } catch (error) {
      if (!(error instanceof Restart)) throw error;
    }
  }
  throw new GrowError('INVALID_MODEL', 'the sizes of this graph contradict each other', { hint: 'run onnx.checker with shape inference on the file' });
}

const DEPENDENCE_ORDER: readonly Dependence[] = ['constant', 'shape', 'data'];

function inferOnce(flat: FlatGraph, bindings: Map<string, Size>, hints: Map<string, number>, refused: Set<string>, exact = false): Facts {
  const values = new Map<string, ValueFacts>();
  const relations = new Map<FlatNode, Relation>();
  const tensors = new Map<string, readonly Element[] | null>();
  const versions = new Map<string, number>();
  const declared = new Map([...flat.model.graph.valueInfos, ...flat.outputs].map((info) => [info.name, info]));
  const runSizes = new Set<string>();
  const conflicts: string[] = [];
  /** Dimensions of values that are computed whatever branch is taken. */
  const lengths = new Set<string>();
  let fresh = 0;

  for (const [name, { tensor }] of flat.constants) values.set(name, { dims: tensor.dims, dtype: tensor.dataType, elements: null, dependence: 'constant' });
  for (const input of flat.inputs) values.set(input.name, inputFacts(input));
  for (const node of flat.nodes) {
    if (node.op !== 'Constant' || !values.has(node.outputs[0] ?? '')) visit(node);
  }
  return { values, relations, elements: elementsOf, runSizes, conflicts, bindings: new Map(bindings) };

  /** What the file says of a value that no rule knows. */
  function declaredDims(name: string): readonly Size[] | null {
    const dims = declared.get(name)?.type?.dims;
    return dims?.map((dim, i) => (typeof dim === 'number' ? dim : declaredSize(dim ?? `${name}.${i}`, (own) => bind(own)))) ?? null;
  }

  function inputFacts(input: FlatGraph['inputs'][number]): ValueFacts {
    const declared = input.type?.dims ?? null;
    const image = declared?.length === 4 && typeof declared[2] !== 'number' && typeof declared[3] !== 'number';
    const dims = declared?.map((dim, i) => {
      if (typeof dim === 'number') return dim;
      return declaredSize(dim ?? `${input.name}.${i}`, (name) => bind(name, image && i > 1 ? IMAGE_HINT : undefined));
    });
    const possible = dims?.every((size) => typeof size !== 'number' || (size >= 0 && size <= LARGEST_SIZE)) === true;
    return { dims: possible ? dims : null, dtype: input.type?.elemType ?? 0, elements: null, dependence: 'data' };
  }

  function bind(name: string, wanted?: number): Size {
    const bound = bindings.get(name);
    if (bound !== undefined) return resolved(bound);
    if (!hints.has(name)) hints.set(name, wanted ?? HINTS[hints.size % HINTS.length] ?? 3);
    return symbol(name, hints.get(name) ?? 3);
  }

  function resolved(bound: Size): Size {
    return symbolsOf(bound).reduce((size, part) => (bindings.has(part) ? substitute(size, part, bind(part)) : size), bound);
  }

  /** Functions of sizes that turned out to equal something else. */
  function settled(size: Size): Size {
    if (!exact || isStatic(size)) return size;
    return functionsOf(size).reduce<Size>((out, name) => {
      const bound = bindings.get(name);
      return bound === undefined ? out : substitute(out, name, resolved(bound));
    }, size);
  }

  function settledElements(elements: readonly Element[]): readonly Element[] {
    return mapItems(elements, (own) => {
      const value = own.value === null ? null : settled(own.value);
      return value === own.value ? own : { ...own, value };
    });
  }

  function constantElements(name: string): readonly Element[] | null {
    const cached = tensors.get(name);
    if (cached !== undefined) return cached;
    const tensor = flat.constants.get(name)?.tensor;
    const elements = tensor === undefined ? null : smallElements(tensor);
    tensors.set(name, elements);
    return elements;
  }

  function elementsOf(name: string): readonly Element[] | null {
    return flat.constants.has(name) ? constantElements(name) : (values.get(name)?.elements ?? null);
  }

  function visit(node: FlatNode): void {
    const domain = node.node.domain === 'ai.onnx' ? '' : node.node.domain;
    if (!versions.has(domain)) versions.set(domain, opsetVersion(flat.model, domain));
    const site = siteOf(node, versions.get(domain) ?? 0);
    const rule = ruleOf(node.op);
    const dependence = node.op === 'Shape' || node.op === 'Size' ? shapeDependence(node) : strongest(node, node.op === 'CastLike' ? 1 : undefined);
    let relation: Relation;
    try {
      relation = rule?.relate(site) ?? unknown(whyNotInlined(flat.model, node.node) ?? `no rule for operator ${node.op}`);
    } catch (error) {
      if (!(error instanceof ShapeUnknown)) throw error;
      relation = unknown(error.message);
    }
    const unsound = whyUnsound(node, relation, (input) => values.get(node.inputs[input] ?? '')?.dims ?? null);
    if (unsound !== null) relation = unknown(unsound);
    // of what, is not known of an operator without a rule: most keep the type of their operand
    const otherwise = (): number => (exact && rule === undefined ? DataType.UNDEFINED : site.dtype(0));
    const dtype = (output: number): number => dtypeOf(() => rule?.dtype?.(site, output) ?? otherwise());
    const dims = outputDims(node, relation);
    for (const size of dims.flatMap((own) => own ?? [])) if (isStatic(size) && size < 0) conflicts.push(`${nodeLabel(node)}: a size of ${size}`);
    const elements = dims[0] == null || unsound !== null ? null : computed(rule?.compute, site, dims[0]);
    relations.set(node, relation);
    if (exact && node.scope === '') for (const size of dims.flatMap((own) => own ?? [])) lengths.add(keyOf(settled(size)));
    node.outputs.forEach((output, i) => {
      if (output === '') return;
      values.set(output, {
        dims: dims[i]?.map(settled) ?? null,
        dtype: dtype(i),
        elements: i === 0 && elements !== null ? heldElements(settledElements(elements), dtype(i)) : null,
        dependence,
      });
    });
    if (node.op === 'If') joinElements(node);
    if (node.op === 'Split' && relation.kind === 'split') splitElements(node, relation.parts ?? []);
  }

  function siteOf(node: FlatNode, opset: number): Site {
    return {
      flat: node,
      opset,
      exact,
      isLength: (size) => isNeverNegative(size) || lengths.has(keyOf(size)),
      has: (i) => (node.inputs[i] ?? '') !== '',
      dims: (i) => {
        const dims = values.get(node.inputs[i] ?? '')?.dims;
        if (dims == null) throw new ShapeUnknown(`the shape of ${node.inputs[i] ?? 'a missing input'} is not known`);
        return dims;
      },
      elements: (i) => elementsOf(node.inputs[i] ?? ''),
      dtype: (i) => values.get(node.inputs[i] ?? '')?.dtype ?? 0,
      ...attributesOf(node),
      fresh: (tag, value, same) => {
        const name = same === true ? tag : `${tag}#${fresh++}`;
        runSizes.add(name);
        return bind(name, value);
      },
    };
  }

  function shapeDependence(node: FlatNode): Dependence {
    return values.get(node.inputs[0] ?? '')?.dependence === 'constant' ? 'constant' : 'shape';
  }

  /** The dependence of the operands; of CastLike's second one only the type counts. */
  function strongest(node: FlatNode, count?: number): Dependence {
    const order = node.inputs.slice(0, count).map((name) => DEPENDENCE_ORDER.indexOf(name === '' ? 'constant' : (values.get(name)?.dependence ?? 'data')));
    return DEPENDENCE_ORDER[Math.max(0, ...order)] ?? 'data';
  }

  /** Elements that are equal in every branch. */
  function joinElements(node: FlatNode): void {
    const count = node.outputs.length;
    node.outputs.forEach((output, o) => {
      const facts = values.get(output);
      const branches = node.inputs
        .slice(1)
        .filter((_, i) => i % count === o)
        .map((name) => elementsOf(name));
      const [first, ...rest] = branches;
      if (facts === undefined || first == null) return;
      const agree = rest.every(
        (other) => other !== null && other.length === first.length && other.every((e, i) => e.value !== null && equal(e.value, first[i]?.value ?? NaN)),
      );
      values.set(output, { ...facts, elements: agree ? first : null });
    });
  }

  function splitElements(node: FlatNode, parts: readonly Size[]): void {
    const elements = elementsOf(node.inputs[0] ?? '');
    if (elements === null || !parts.every(isStatic)) return;
    let start = 0;
    node.outputs.forEach((output, i) => {
      const facts = values.get(output);
      const end = start + hint(parts[i] ?? 0);
      if (facts !== undefined && facts.dims?.length === 1) values.set(output, { ...facts, elements: elements.slice(start, end) });
      start = end;
    });
  }

  function outputDims(node: FlatNode, relation: Relation): (readonly Size[] | null)[] {
    if (relation.kind === 'unknown') return node.outputs.map((output, o) => relation.outputs?.[o] ?? declaredDims(output));
    if (relation.kind !== 'labels') {
      if (relation.kind === 'reshape') keepCount(node, relation.outputs[0] ?? []);
      if (relation.kind === 'concat') for (const name of node.inputs) agree(node, name, relation.outputs[0] ?? [], relation.axis ?? 0);
      return relation.outputs.map((dims) => dims.map((size) => windowed(node, size)));
    }
    const sizes = labelSizes(node, relation);
    return node.outputs.map((_, o) => relation.outputs[o]?.map((label) => windowed(node, sizes.get(label) ?? 1)) ?? null);
  }

  function labelSizes(node: FlatNode, relation: Labels): Map<string, Size> {
    const sizes = new Map<string, Size>(relation.sizes ?? []);
    relation.inputs.forEach((labels, i) => {
      const dims = values.get(node.inputs[i] ?? '')?.dims;
      if (dims == null) return;
      labels?.forEach((label, d) => {
        const size = dims[d];
        if (label === '' || size === undefined) return;
        const before = sizes.get(label);
        sizes.set(label, before === undefined ? size : merge(node, before, size));
      });
    });
    return sizes;
  }

  /** A reshape keeps the number of elements: sizes that an exporter wrote down as they were decide the one symbol that is left. */
  function keepCount(node: FlatNode, target: readonly Size[]): void {
    const dims = values.get(node.inputs[0] ?? '')?.dims;
    if (dims == null) return;
    const [a, b] = withoutCommonFactors(product(dims), product(target));
    if (isStatic(a) && isStatic(b) && a !== b) conflicts.push(`${nodeLabel(node)}: ${a} and ${b}`);
    const [count, open] = isStatic(a) ? [a, b] : [b, a];
    const [name] = symbolsOf(open);
    if (!isStatic(count) || isStatic(open) || name === undefined) return;
    const size = bind(name);
    const each = divideExactly(open, size);
    if (each !== undefined && isStatic(each) && count % each === 0 && count > 0) merge(node, size, count / each);
  }

  /** Dimensions other than the joined one must be equal. */
  function agree(node: FlatNode, name: string, dims: readonly Size[], axis: number): void {
    values.get(name)?.dims?.forEach((size, d) => {
      if (d !== axis) merge(node, dims[d] ?? size, size);
    });
  }

  /** Images and audio must be larger than the windows that slide over them, so their small values grow until they are. */
  function windowed(node: FlatNode, size: Size): Size {
    if (hint(size) > 0 || isStatic(size)) return size;
    for (const name of symbolsOf(size)) {
      const now = hints.get(name);
      // once a length is known to be one of pixels or samples, nothing that is made of it is empty
      if (now === undefined || now > 1e6 || (!WINDOWED.has(node.op) && now <= Math.max(...HINTS))) continue;
      hints.set(name, now * 4);
      throw new Restart();
    }
    return size;
  }

  function merge(node: FlatNode, a: Size, b: Size): Size {
    if (equal(a, b)) return a;
    const key = `${nodeLabel(node)}`;
    if (isStatic(a) && isStatic(b)) conflicts.push(`${key}: ${a} and ${b}`);
    if (refused.has(key)) return isStatic(b) ? b : a;
    const solved = solve(a, b) ?? (exact ? solveFunction(a, b) : undefined);
    if (solved === undefined) {
      refused.add(key);
      return isStatic(b) ? b : a;
    }
    for (const [name, size] of solved) bindings.set(name, size);
    throw new Restart();
  }
}

/** Elements of a small constant. */
function smallElements(tensor: Tensor): readonly Element[] | null {
  const count = tensor.dims.reduce((a, b) => a * b, 1);
  if (count > SMALL || tensor.dataType === DataType.STRING) return null;
  try {
    return [...readNumbers(tensor)].map((value) => ({ value, fromShape: false }));
  } catch {
    return null; // a number format that we do not read; nothing depends on it then
  }
}

function computed(compute: ((site: Site) => readonly Element[] | null) | undefined, site: Site, dims: readonly Size[]): readonly Element[] | null {
  if (compute === undefined || dims.length > 4) return null;
  let count = 1;
  for (const size of dims) count *= hint(size);
  if (count > SMALL) return null;
  try {
    const elements = compute(site);
    // of a graph that contradicts itself
    if (elements !== null && dims.every(isStatic) && elements.length !== count) return null;
    return elements?.length === 0 || elements?.some((e) => e.value !== null) ? elements : null;
  } catch (error) {
    if (error instanceof ShapeUnknown) return null;
    throw error;
  }
}

/** What a type holds of numbers: whole ones beyond its range come out as others, and those of strings, float8 and the like are not followed. */
function heldElements(elements: readonly Element[], dtype: number): readonly Element[] {
  if (dtype === DataType.UNDEFINED || isFloat(dtype)) return elements;
  const range = wholeRange(dtype);
  const isHeld = (value: Size): boolean => range !== null && (!isStatic(value) || (value >= range[0] && value <= range[1]));
  return elements.map((own) => (own.value === null || isHeld(own.value) ? own : { ...own, value: null }));
}

function dtypeOf(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}

/** Values for symbols that make two sizes equal; undefined when there are none to be seen. */
function solve(a: Size, b: Size): Map<string, Size> | undefined {
  const [first, second] = [asSymbol(a), asSymbol(b)];
  if (second !== undefined && hint(a) > 0 && !symbolsOf(a).includes(second)) return new Map([[second, a]]);
  if (first !== undefined && hint(b) > 0 && !symbolsOf(b).includes(first)) return new Map([[first, b]]);
  const difference = subtract(a, b);
  for (const name of symbolsOf(difference)) {
    const rest = isolate(difference, name);
    if (rest !== undefined && hint(rest) > 0) return new Map([[name, rest]]);
  }
  if (!isStatic(a) && !isStatic(b)) return undefined;
  const names = [...new Set([...symbolsOf(a), ...symbolsOf(b)])];
  const fits = (assignment: ReadonlyMap<string, number>): boolean => evaluate(a, assignment) === evaluate(b, assignment) && evaluate(a, assignment) > 0;
  for (const group of [names, ...names.map((name) => [name])]) {
    const all = (value: number): Map<string, number> => new Map(group.map((name) => [name, value]));
    const least = range(1, 2048).find((value) => fits(all(value)));
    if (least === undefined) continue;
    const candidates = range(least, Math.ceil(1.5 * least)).filter((value) => fits(all(value)));
    const value = roundest(candidates, isStatic(a) ? a : hint(b)) ?? least;
    // a symbol that fits at another value too is not forced to this one
    const forced = new Map([...all(value)].filter(([name]) => !fits(new Map([...all(value), [name, 2 * value + 1]]))));
    if (forced.size > 0 && fits(forced)) return forced;
  }
  return undefined;
}

/** A function of sizes that must equal another size. */
function solveFunction(a: Size, b: Size): Map<string, Size> | undefined {
  for (const [own, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const name = asFunction(own);
    if (name !== undefined && !functionsOf(other).includes(name)) return new Map([[name, other]]);
  }
  return undefined;
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Strides cut what is left over, so several sizes fit; images are made without a rest: a multiple of the result, or the most even size. */
function roundest(candidates: readonly number[], result: number): number | undefined {
  const evenness = (value: number): number => (value & -value) >>> 0;
  return candidates.find((value) => value % result === 0) ?? [...candidates].sort((a, b) => evenness(b) - evenness(a) || a - b)[0];
}
