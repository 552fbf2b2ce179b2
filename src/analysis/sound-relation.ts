/** What a relation must be for its readers: a rule is written for legal nodes, a file may hold any. */
import type { FlatNode } from '../onnx/graph.ts';
import type { Labels, Relation, View } from './relation.ts';
import { hint, isStatic, type Size } from './size.ts';

/** More dimensions than any tensor has. */
const MOST_DIMS = 64;

/** No dimension of a tensor that fits a machine has more elements. */
export const LARGEST_SIZE = 2 ** 31;

/**
 * Why a relation cannot be one of its node: an operand of another rank than the operator wants, a dimension that does not
 * exist, a size that is no whole number. null when it can. `dims` are the sizes of an operand, null when they are not known.
 */
export function whyUnsound(node: FlatNode, relation: Relation, dims: (input: number) => readonly Size[] | null): string | null {
  if (relation.kind === 'unknown') return relation.outputs === undefined || relation.outputs.every(areSizes) ? null : 'its sizes are no whole numbers';
  return relation.kind === 'labels' ? whyNoLabels(node, relation, dims) : whyNoView(node, relation, dims);
}

function whyNoLabels(node: FlatNode, relation: Labels, dims: (input: number) => readonly Size[] | null): string | null {
  for (const [input, labels] of relation.inputs.entries()) {
    const own = labels === null || (node.inputs[input] ?? '') === '' ? null : dims(input);
    if (own !== null && labels !== null && own.length !== labels.length) return `operand ${input} has ${own.length} dimensions instead of ${labels.length}`;
    if (labels?.some((label) => label === undefined) === true) return `operand ${input} has dimensions that do not exist`;
  }
  if (relation.outputs.some((labels) => labels.length > MOST_DIMS || labels.some((label) => label === undefined)))
    return 'its result has dimensions that do not exist';
  if (!areSizes([...(relation.sizes?.values() ?? [])])) return 'its sizes are no whole numbers';
  if ([...(relation.derived?.values() ?? [])].some(({ by }) => !isCount(by) || by === 0)) return 'its blocks hold no whole number of elements';
  return null;
}

function whyNoView(node: FlatNode, view: View, dims: (input: number) => readonly Size[] | null): string | null {
  const own = dims(0);
  if (own === null) return 'the shape of its operand is not known';
  if (view.outputs.some((sizes) => sizes.length > MOST_DIMS) || !view.outputs.every(areSizes)) return 'its sizes are no whole numbers';
  const rank = own.length;
  const { axis, parts, ranges, indices, repeats, pads } = view;
  if (axis !== undefined && !(isCount(axis) && axis < rank)) return `there is no dimension ${axis}`;
  const size = own[axis ?? 0] ?? 0;
  switch (view.kind) {
    case 'reshape':
      return null;
    case 'concat':
      return node.inputs.some((_, input) => dims(input)?.length !== rank) ? 'its operands have different numbers of dimensions' : null;
    case 'split': {
      const sum = (parts ?? []).every(isStatic) ? (parts ?? []).reduce<number>((total, part) => total + hint(part), 0) : null;
      if (parts?.length !== node.outputs.length || !areSizes(parts)) return 'its parts are not those of its results';
      return sum !== null && isStatic(size) && sum !== size ? `its parts do not add up to ${size}` : null;
    }
    case 'slice':
      if (ranges?.length !== rank || view.outputs[0]?.length !== rank) return 'it cuts a dimension that does not exist';
      return ranges.some((range) => range !== null && !(Number.isSafeInteger(range.step) && range.step !== 0 && isWhole(range.start) && isWhole(range.end)))
        ? 'its bounds are no whole numbers'
        : null;
    case 'gather':
      return indices?.every((index) => isCount(index) && !(isStatic(size) && index >= size)) === true ? null : 'it reads elements that do not exist';
    case 'tile':
      return repeats?.length === rank && areSizes(repeats) ? null : 'its repeats are not those of its operand';
    case 'pad':
      return pads?.length === rank && pads.flat().every(isWhole) ? null : 'its pads are no whole numbers';
  }
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** A whole number for every input, as far as can be seen. */
const isWhole = (size: Size | undefined): boolean => size !== undefined && (isStatic(size) ? Number.isSafeInteger(size) : Number.isFinite(hint(size)));

const areSizes = (sizes: readonly (Size | undefined)[]): boolean =>
  sizes.every((size) => isWhole(size) && !(size !== undefined && isStatic(size) && (size < 0 || size > LARGEST_SIZE)));
