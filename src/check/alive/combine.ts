/** Masks of operands whose dimensions belong together by label, joined cell by cell. */
import { keyOf, type Size } from '../../analysis/size.ts';
import {
  type Axis,
  anyBit,
  axisBy,
  cellsOf,
  everyBit,
  MAX_CELLS,
  type Mask,
  offsetsOf,
  plainDim,
  type Stepped,
  steppedOf,
  sumsOf,
  tidied,
  uniform,
} from './mask.ts';

export const isKnown = <T>(list: readonly (T | null)[]): list is readonly T[] => !list.includes(null);

/** A mask with a label for each dimension, no label twice; `''` is a dimension of size 1 that is stretched. */
export interface Labelled {
  readonly mask: Mask;
  readonly labels: readonly string[];
}

/** A dimension of an operand, or of the result, which comes last. */
interface Piece {
  readonly part: number;
  readonly label: string;
  readonly axes: readonly Stepped[];
}

/** An axis on which all is told apart that some operand tells apart, and how far into the bits of each operand its classes lie. */
interface Common {
  readonly axis: Axis;
  readonly steps: readonly (readonly number[])[];
}

/**
 * The mask of a result: `bit` of the operands' bits at each combination of labels, then over all labels that the result has not:
 * `every` of them, or one. Null where operands cut a dimension in different ways.
 */
export function combined(
  parts: readonly Labelled[],
  labels: readonly string[],
  sizes: readonly Size[],
  over: 'every' | 'one',
  bit: (bits: readonly number[]) => number,
): Mask | null {
  const telling = parts.filter(({ mask }) => mask.bits.length > 1);
  const [told = parts[0]] = telling;
  if (told !== undefined && telling.length < 2 && (telling.length === 0 || labels.join() === told.labels.join())) {
    // there is nothing to join
    const others = parts.map(({ mask }) => mask.bits[0] ?? 0);
    const bits = told.mask.bits.map((own) => bit(others.with(parts.indexOf(told), own)));
    const dims = labels.map((label, d) => {
      const own = told.mask.dims[d] ?? [];
      return cellsOf(own) > 1 ? own : axesOf(parts, label, sizes[d] ?? 1);
    });
    return tidied({ dims, bits });
  }
  const pieces = [...parts, { mask: uniform(sizes, 1), labels }].flatMap(({ mask, labels: own }, part) => {
    const axes = [...steppedOf(mask.dims.flat())];
    return mask.dims.map((dim, d): Piece => ({ part, label: own[d] ?? '', axes: axes.splice(0, dim.length) })).filter((piece) => piece.axes.length > 0);
  });
  const byLabel = (label: string): readonly Common[] | null =>
    commonOf(
      pieces.filter((own) => own.label === label),
      parts.length,
    );
  const outer = labels.map(byLabel);
  const inner = [...new Set(pieces.map((own) => own.label))].filter((label) => !labels.includes(label)).map(byLabel);
  if ([...outer, ...inner].includes(null)) return null;
  const [kept, gone] = [outer as (readonly Common[])[], inner.flat() as Common[]];
  const all = [...kept.flat(), ...gone];
  const total = cellsOf(all.map(({ axis }) => axis));
  if (total > MAX_CELLS) return null;
  const read = parts.map(({ mask }, p) => sumsOf(all.map(({ steps }) => steps[p] ?? [])).map((place) => mask.bits[place] ?? 0));
  const found = Uint8Array.from({ length: total }, (_, cell) => bit(read.map((own) => own[cell] ?? 0)));
  const each = cellsOf(gone.map(({ axis }) => axis));
  const wanted = over === 'one';
  const bits = Uint8Array.from({ length: total / each }, (_, i) => (found.subarray(i * each, (i + 1) * each).includes(wanted ? 1 : 0) === wanted ? 1 : 0));
  return tidied({ dims: kept.map((own) => own.map(({ axis }) => axis)), bits });
}

/** The axes of a label on which no operand tells elements apart. */
function axesOf(parts: readonly Labelled[], label: string, size: Size): readonly Axis[] {
  const found = parts.map(({ mask, labels }) => mask.dims[labels.indexOf(label)]).find((axes) => axes !== undefined && axes.length > 0);
  return found ?? plainDim(size);
}

/** Masks of one shape joined element by element; null where they are not of one shape. */
export function elementwise(masks: readonly Mask[], sizes: readonly Size[], bit: (bits: readonly number[]) => number): Mask | null {
  const labels = sizes.map((_, d) => `d${d}`);
  if (masks.some(({ dims }) => dims.length !== labels.length)) return null;
  return combined(
    masks.map((mask) => ({ mask, labels })),
    labels,
    sizes,
    'one',
    bit,
  );
}

/** Elements that have the property in one of some masks of one shape. */
export const anyOf = (masks: readonly Mask[], sizes: readonly Size[]): Mask | null => elementwise(masks, sizes, anyBit);

/** Elements that have the property in all of them. */
export const everyOf = (masks: readonly Mask[], sizes: readonly Size[]): Mask | null => elementwise(masks, sizes, everyBit);

/** Where a gradient passes that is not multiplied with zeros. */
export const passed = (gradient: Labelled, zeros: readonly Labelled[], labels: readonly string[], sizes: readonly Size[]): Mask | null =>
  combined([gradient, ...zeros], labels, sizes, 'one', ([passes = 1, ...others]) => (others.includes(1) ? 0 : passes));

/** The common axes of dimensions with one label; null where they do not fit together. */
function commonOf(pieces: readonly Piece[], parts: number): readonly Common[] | null {
  // the axes of a dimension that tells nothing apart do not matter
  const telling = pieces.filter(({ axes }) => cellsOf(axes.map(({ axis }) => axis)) > 1);
  const told = telling.length > 0 ? telling : pieces.slice(0, 1);
  const shapes = new Set(told.map(({ axes }) => axes.map(({ axis }) => keyOf(axis.size)).join()));
  const [first] = told.map(({ axes }) => axes);
  // axes of the same sizes are joined one by one
  const groups = shapes.size > 1 ? [told] : (first ?? []).map((_, a) => told.map((own): Piece => ({ ...own, axes: own.axes.slice(a, a + 1) })));
  const made = groups.map((own) => joined(own, parts));
  return made.includes(null) ? null : (made as Common[]);
}

function joined(pieces: readonly Piece[], parts: number): Common | null {
  const axes = pieces.flatMap((own) => own.axes.map(({ axis }) => axis));
  const [plain] = axes;
  if (plain !== undefined && cellsOf(axes) === 1) return { axis: plain, steps: new Array<readonly number[]>(parts).fill([0]) };
  const offsets = pieces.map((own) => offsetsOf(own.axes) ?? []);
  const [size = 0, ...others] = offsets.map((own) => own.length);
  if (size === 0 || others.some((other) => other !== size)) return null;
  const { axis, first } = axisBy(size, (i) => offsets.map((own) => own[i]).join());
  const steps = Array.from({ length: parts }, (_, p) => {
    const own = offsets[pieces.findIndex(({ part }) => part === p)];
    return first.map((i) => own?.[i] ?? 0);
  });
  return { axis, steps };
}
