/** Masks of operands whose dimensions belong together by label, joined cell by cell. */
import { equal, isStatic, product, type Size } from '../../analysis/size.ts';
import { type Axis, axesOf, cellsOf, classAt, classesBy, eachCell, MAX_CELLS, type Mask, plainAxis, stridesOf, tidied, uniform } from './mask.ts';

/** A mask with a label for each dimension; `''` is a dimension of size 1 that is stretched. */
export interface Labelled {
  readonly mask: Mask;
  readonly labels: readonly string[];
}

/** What a label's axes are when all operands are told apart that some operand tells apart; for each class one index that has it. */
interface Common {
  readonly axes: readonly Axis[];
  readonly first: readonly (readonly number[])[];
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
  // most values have the property everywhere or nowhere
  if (parts.every(({ mask }) => mask.bits.length === 1)) return uniform(sizes, bit(parts.map(({ mask }) => mask.bits[0] ?? 0)) === 0 ? 0 : 1);
  const common = new Map<string, Common>();
  for (const label of new Set(parts.flatMap((part) => part.labels))) {
    if (label === '') continue;
    const lists = parts.flatMap(({ mask, labels: own }) => own.flatMap((other, d) => (other === label ? [mask.dims[d] ?? []] : [])));
    const made = commonOf(lists);
    if (made === null) return null;
    common.set(label, made);
  }
  labels.forEach((label, d) => {
    const size = sizes[d] ?? 1;
    if (!common.has(label)) common.set(label, { axes: size === 1 ? [] : [plainAxis(size)], first: size === 1 ? [] : [[0]] });
  });
  const used = [...common].flatMap(([label, own]) => own.axes.map((axis, i) => ({ label, axis, place: i, first: own.first[i] ?? [0] })));
  const axes = used.map(({ axis }) => axis);
  if (cellsOf(axes) > MAX_CELLS) return null;
  const offsets = parts.map((part) => used.map(({ label, place, first, axis }) => stepsOf(part, label, common.get(label) as Common, place, first, axis.count)));
  const outDims = labels.map((label) => common.get(label)?.axes ?? []);
  const outStrides = stridesOf(outDims.flat());
  const starts = new Map(labels.map((label, d) => [label, outDims.slice(0, d).flat().length]));
  const outSteps = used.map(({ label, place, axis }) => {
    const start = starts.get(label);
    const stride = start === undefined ? 0 : (outStrides[start + place] ?? 1);
    return Int32Array.from({ length: axis.count }, (_, c) => c * stride);
  });
  const total = cellsOf(axes);
  const places = [...offsets, outSteps].map((steps) => {
    const own = new Int32Array(total);
    eachCell(axes, steps, (cell, place) => {
      own[cell] = place;
    });
    return own;
  });
  const target = places.at(-1) ?? new Int32Array(total);
  const out = new Uint8Array(cellsOf(outDims.flat())).fill(over === 'every' ? 1 : 0);
  const bits = new Array<number>(parts.length).fill(0);
  for (let cell = 0; cell < total; cell++) {
    for (let p = 0; p < parts.length; p++) bits[p] = parts[p]?.mask.bits[places[p]?.[cell] ?? 0] ?? 0;
    const at = target[cell] ?? 0;
    const found = bit(bits);
    out[at] = over === 'every' ? (out[at] ?? 0) & found : (out[at] ?? 0) | found;
  }
  return tidied({ dims: outDims, bits: out });
}

/** How far in a part's bits each class of a common axis lies. */
function stepsOf({ mask, labels }: Labelled, label: string, common: Common, place: number, first: readonly number[], count: number): Int32Array {
  const dim = labels.indexOf(label);
  const out = new Int32Array(count);
  if (dim < 0) return out;
  const own = mask.dims[dim] ?? [];
  const strides = stridesOf(axesOf(mask)).slice(mask.dims.slice(0, dim).flat().length);
  if (own.length === 0) return out;
  if (own.length === common.axes.length) return out.map((_, c) => classAt(own[place] as Axis, first[c] ?? 0) * (strides[place] ?? 1));
  // the common axis is the whole dimension
  return out.map((_, c) => {
    let [rest, offset] = [first[c] ?? 0, 0];
    for (let a = own.length - 1; a >= 0; a--) {
      const size = own[a]?.size as number;
      offset += classAt(own[a] as Axis, rest % size) * (strides[a] ?? 1);
      rest = Math.floor(rest / size);
    }
    return offset;
  });
}

function commonOf(lists: readonly (readonly Axis[])[]): Common | null {
  const real = lists.filter((axes) => axes.length > 0);
  const [first] = real;
  if (first === undefined) return { axes: [], first: [] };
  if (real.flat().every((axis) => axis.count === 1)) return { axes: [plainAxis(product(first.map((axis) => axis.size)))], first: [[0]] };
  const alike = real.every((axes) => axes.length === first.length && axes.every((axis, a) => equal(axis.size, first[a]?.size ?? 0)));
  if (alike) {
    const made = first.map((axis, a) =>
      refined(
        axis.size,
        real.map((axes) => axes[a] as Axis),
      ),
    );
    return { axes: made.map((own) => own.axis), first: made.map((own) => own.first) };
  }
  const total = (axes: readonly Axis[]): number => axes.reduce((size, axis) => size * (isStatic(axis.size) ? axis.size : Number.NaN), 1);
  const size = total(first);
  if (!real.every((axes) => total(axes) === size)) return null;
  const keyAt = (index: number): string =>
    real
      .map((axes) => {
        let [rest, key] = [index, ''];
        for (let a = axes.length - 1; a >= 0; a--) {
          const own = axes[a] as Axis;
          key += `${classAt(own, rest % (own.size as number))},`;
          rest = Math.floor(rest / (own.size as number));
        }
        return key;
      })
      .join(';');
  const { classes, first: firsts } = classesBy(size, keyAt);
  // one axis stands for several of a part only where that part has several
  return { axes: [{ size, classes: firsts.length > 1 ? classes : null, count: firsts.length }], first: [firsts] };
}

/** One axis with the classes of all; parts of one axis. */
function refined(size: Size, axes: readonly Axis[]): { readonly axis: Axis; readonly first: readonly number[] } {
  const told = axes.filter((axis) => axis.classes !== null);
  if (told.length === 0 || !isStatic(size)) return { axis: plainAxis(size), first: [0] };
  const { classes, first } = classesBy(size, (i) => told.reduce((key, axis) => key * axis.count + classAt(axis, i), 0));
  return { axis: { size, classes: first.length > 1 ? classes : null, count: first.length }, first };
}
