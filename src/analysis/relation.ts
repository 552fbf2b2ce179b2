/**
 * How the dimensions of one node's operands and results belong together.
 *
 * Most operators are an einsum in disguise: every dimension has a label, equal labels have equal sizes, a label that only
 * inputs have is summed or searched over, one that only outputs have is new. `''` labels a size-1 dimension that is
 * broadcast. The others rearrange elements (views) and are described by what they do to index ranges.
 */
import type { FlatNode } from '../onnx/graph.ts';
import type { Size } from './size.ts';

/** Dimensions that belong together, by label. */
export interface Labels {
  readonly kind: 'labels';
  /** Per input, a label per dimension; null for an input whose dimensions mean nothing (shapes, axes, scalars). */
  readonly inputs: readonly (readonly string[] | null)[];
  readonly outputs: readonly (readonly string[])[];
  /** Sizes of labels that no input has. */
  readonly sizes?: ReadonlyMap<string, Size>;
  /** Labels along which an output element depends on other elements (Softmax, norms, CumSum). */
  readonly mixes?: readonly string[];
  /** Labels that are summed over, where a label that only inputs have may mean something else (fused operators). */
  readonly sums?: readonly string[];
  /** Labels that are made of others. */
  readonly composites?: ReadonlyMap<string, Composite>;
  /** Attributes that hold sizes: a product of labels, or a list of products. */
  readonly attributes?: ReadonlyMap<string, readonly string[] | readonly (readonly string[])[]>;
  /** Attributes whose default depends on a size, with the value they have now. */
  readonly keeps?: ReadonlyMap<string, number>;
  readonly attention?: FusedAttention;
  /** This node's constants break the rule: its result is not zero where its operand is (Clip to [1, 2], Pow of 0). */
  readonly neverZero?: boolean;
  /** Inputs that are rounded in steps which depend on all their elements: new elements must be zero. */
  readonly wholes?: readonly number[];
  /** Set where activations are rounded to few steps: what is rounding in front of it can become a whole step behind it. */
  readonly rounds?: boolean;
  /** Labels whose size and order follow from another label's. */
  readonly derived?: ReadonlyMap<string, Derived>;
}

/**
 * A dimension that follows another one. `appended`: as many elements, but new ones stand behind all old ones, wherever they stand
 * in the other dimension. `blocks`: one for every `by` elements of the appended order, the last block may be smaller.
 */
export interface Derived {
  readonly form: 'appended' | 'blocks';
  readonly of: string;
  readonly by: number;
}

/** The label an operand's label follows in its order; the label itself where it follows none; `''` where blocks are counted. */
export function baseLabel(relation: Labels, label: string): string {
  const derived = relation.derived?.get(label);
  return derived === undefined ? label : derived.form === 'appended' ? derived.of : '';
}

/** The labels of an operand as the result has them. */
export const baseLabels = (relation: Labels, input: number): readonly string[] => (relation.inputs[input] ?? []).map((label) => baseLabel(relation, label));

/** A dimension made of labels: `heads · head width`, `q + k + v`. */
export interface Composite {
  readonly form: 'sum' | 'product';
  readonly of: readonly (string | Composite)[];
}

/** What an operator that is a whole attention block holds, by label. */
export interface FusedAttention {
  readonly heads: readonly string[];
  readonly kvHeads: readonly string[];
  readonly qk: string;
  readonly v: string;
  /** Where the keys are: an operand's dimension, from one old index to another. */
  readonly keys: readonly { readonly input: number; readonly dim: number; readonly start: number; readonly end: number }[];
  readonly query: number;
  readonly key: number;
  readonly value: number;
  readonly rope: boolean;
  /** The head width must stay a multiple of this. */
  readonly multipleOf: number;
}

/** An operator that only moves elements, by what it does to index ranges. */
export interface View {
  readonly kind: 'reshape' | 'concat' | 'split' | 'slice' | 'gather' | 'tile' | 'pad';
  readonly outputs: readonly (readonly Size[])[];
  /** concat, split, slice, gather: the dimension that is joined or cut. */
  readonly axis?: number;
  /** split: sizes of the parts. */
  readonly parts?: readonly Size[];
  /** slice: per dimension; null for a dimension that is kept whole. */
  readonly ranges?: readonly ({ readonly start: Size; readonly end: Size; readonly step: number } | null)[];
  /** gather: constant indices, never negative. */
  readonly indices?: readonly number[];
  /** gather: the index is a scalar, so the dimension goes. */
  readonly scalar?: boolean;
  /** tile: repeats per dimension; pad: [before, after] per dimension. */
  readonly repeats?: readonly Size[];
  readonly pads?: readonly (readonly [Size, Size])[];
  /** pad: with something else than zeros, so its result is not zero where its operand is. */
  readonly neverZero?: boolean;
}

/** An operator whose dimensions are unrelated as far as is known, and must not grow. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly reason: string;
  /** Sizes of the results, where the operator says them. */
  readonly outputs?: readonly (readonly Size[])[];
}

/** How one node relates dimensions. */
export type Relation = Labels | View | Unknown;

/** One element of a small tensor: its value (booleans are 0 and 1, null is not known) and whether it came from a Shape. */
export interface Element {
  readonly value: Size | null;
  readonly fromShape: boolean;
}

/** What an op rule may look at: a node and what is known of its operands. */
export interface Site {
  readonly flat: FlatNode;
  readonly opset: number;
  /** True where nothing may be decided by the small assignment of the input dimensions: sizes hold for all inputs. */
  readonly exact: boolean;
  /** True for a size that is never negative: by what it is made of, or since a value has such a dimension. */
  isLength(size: Size): boolean;
  /** Sizes of an input. Throws a ShapeUnknown when its rank is not known. */
  dims(input: number): readonly Size[];
  has(input: number): boolean;
  /** Elements of a small input; null when not known. */
  elements(input: number): readonly Element[] | null;
  dtype(input: number): number;
  int(name: string, otherwise: number): number;
  ints(name: string): readonly number[] | undefined;
  text(name: string, otherwise: string): string;
  /** A size that nothing else is known to equal; `same` makes it that of every node that asks under this tag. */
  fresh(tag: string, value: number, same?: boolean): Size;
}

/** A node's attributes as rules read them: a missing one, or one of another kind, is the default. */
export function attributesOf({ node }: FlatNode): Pick<Site, 'int' | 'ints' | 'text'> {
  const find = (name: string) => node.attributes.find((own) => own.name === name);
  return {
    int: (name, otherwise) => {
      const found = find(name);
      return found?.kind === 'int' || found?.kind === 'float' ? found.value : otherwise;
    },
    ints: (name) => {
      const found = find(name);
      return found?.kind === 'ints' || found?.kind === 'floats' ? found.value : undefined;
    },
    text: (name, otherwise) => {
      const found = find(name);
      return found?.kind === 'string' ? found.value : otherwise;
    },
  };
}

/** Thrown by rules whose operands' ranks or shapes are not known; the node's outputs are then unknown too. */
export class ShapeUnknown extends Error {}

/** A list of sizes is no longer than this: dimensions, or the parts of a Split. */
const MOST_SIZES = 256;

/** No tensor of a transformer has more dimensions. */
const MAX_RANK = 16;

/** A relation that is not known, with the reason. */
export const unknown = (reason: string, outputs?: Unknown['outputs']): Unknown => ({ kind: 'unknown', reason, ...(outputs && { outputs }) });

/** Labels d0…dn of a rank. */
export const range = (rank: number, prefix = 'd'): string[] => Array.from({ length: rank }, (_, i) => `${prefix}${i}`);

/** A possibly negative dimension number as 0…rank; throws ShapeUnknown for one that a tensor of this rank does not have. */
export function at(axis: number, rank: number): number {
  const from = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(from) || from < 0 || from > rank) throw new ShapeUnknown(`there is no dimension ${axis}`);
  return from;
}

/** The same for an operator that the runtime refuses to run over a dimension that is not there. */
export function axisOf(axis: number, rank: number): number {
  if (axis < -rank || axis >= rank) throw new ShapeUnknown(`there is no dimension ${axis}`);
  return at(axis, rank);
}

/** Elements of a tensor that are followed: shapes, indices, grids of a head's width. */
export const SMALL = 1024;

/** The elements of a vector of sizes, null where one is computed from data; throws ShapeUnknown if not even their number is known. */
export function knownSizes(site: Site, input: number): (Size | null)[] {
  const elements = site.elements(input);
  if (elements !== null) {
    if (elements.length > MOST_SIZES || elements.some(({ value }) => typeof value === 'number' && !Number.isSafeInteger(value)))
      throw new ShapeUnknown(`input ${input} holds no sizes`);
    return elements.map(({ value }) => value);
  }
  const [count, ...rest] = site.dims(input);
  if (typeof count !== 'number' || count > MAX_RANK || rest.length > 0) throw new ShapeUnknown(`input ${input} is computed from data`);
  return Array.from({ length: count }, () => null);
}

/** The elements of a vector of sizes; one that is computed from data is a size of its own. */
export const sizesOf = (site: Site, input: number): Size[] =>
  knownSizes(site, input).map((size, i) => size ?? site.fresh(`${site.flat.inputs[input] ?? ''}[${i}]`, 3, true));

/** The elements of an input as plain numbers (axes, repeats, indices); throws ShapeUnknown otherwise. */
export function numbersOf(site: Site, input: number): number[] {
  return sizesOf(site, input).map((size) => {
    if (typeof size !== 'number') throw new ShapeUnknown(`input ${input} depends on the input sizes`);
    return size;
  });
}

/** Numpy broadcasting: labels aligned at the last dimension, `''` where a dimension of size 1 is stretched. */
export function broadcast(site: Site, count: number, operands: readonly number[] = range(count).map((_, i) => i)): Labels {
  const shapes = operands.map((input) => site.dims(input));
  const rank = Math.max(0, ...shapes.map((dims) => dims.length));
  const stretched = range(rank).map((_, d) => shapes.some((dims) => (dims[d - rank + dims.length] ?? 1) !== 1));
  const labelled = shapes.map((dims) => dims.map((size, i) => (size === 1 && stretched[i + rank - dims.length] ? '' : `d${i + rank - dims.length}`)));
  const inputs: (readonly string[] | null)[] = site.flat.inputs.map(() => null);
  operands.forEach((input, i) => {
    inputs[input] = labelled[i] ?? null;
  });
  return { kind: 'labels', inputs, outputs: [range(rank)] };
}

/** Every output has the labels of input 0; other inputs mean nothing. */
export function likeInput(site: Site, mixes: readonly string[] = []): Labels {
  const labels = range(site.dims(0).length);
  return { kind: 'labels', inputs: site.flat.inputs.map((_, i) => (i === 0 ? labels : null)), outputs: site.flat.outputs.map(() => labels), mixes };
}
