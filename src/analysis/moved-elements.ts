/** Elements of small tensors behind operators that move them, of any rank: exporters compute pads and shapes in matrices too. */
import { type Element, ShapeUnknown, type Site, SMALL } from './relation.ts';
import { hint, isStatic, type Size } from './size.ts';
import { concat, indexOf, pad, slice, transpose } from './view-rules.ts';

/** An element that is not known. */
export const NOTHING: Element = { value: null, fromShape: false };

/** The elements of operand 0, in their order. */
export const moved = (site: Site): readonly Element[] | null => site.elements(0);

/** Elements of a tensor of `out` dimensions, each found at the index that `from` says in a tensor of `dims` dimensions. */
function rearranged(
  elements: readonly Element[],
  dims: readonly number[],
  out: readonly number[],
  from: (index: readonly number[]) => readonly number[] | null,
): readonly Element[] | null {
  const count = out.reduce((a, b) => a * b, 1);
  if (count > SMALL) return null;
  return Array.from({ length: count }, (_, flat) => {
    const at = from(indexOf(flat, out));
    return at === null ? NOTHING : (elements[at.reduce((sum, i, d) => sum * (dims[d] ?? 1) + i, 0)] ?? NOTHING);
  });
}

const staticDims = (dims: readonly Size[]): number[] | null => (dims.every(isStatic) ? [...dims] : null);

/** Elements of a Transpose. */
export function transposedElements(site: Site): readonly Element[] | null {
  const [elements, dims] = [site.elements(0), staticDims(site.dims(0))];
  const relation = transpose(site);
  const from = relation.inputs[0] ?? [];
  const perm = relation.outputs[0]?.map((label) => from.indexOf(label)) ?? [];
  if (elements === null || dims === null) return null;
  return rearranged(
    elements,
    dims,
    perm.map((d) => dims[d] ?? 1),
    (index) => dims.map((_, d) => index[perm.indexOf(d)] ?? 0),
  );
}

/** Elements of a Slice; a computed bound leaves them unknown. */
export function slicedElements(site: Site): readonly Element[] | null {
  const [elements, dims] = [site.elements(0), staticDims(site.dims(0))];
  const relation = slice(site);
  if (elements === null || dims === null || relation.kind !== 'slice') return null;
  const out = staticDims(relation.outputs[0] ?? []);
  const ranges = relation.ranges ?? [];
  if (out === null || ranges.some((range) => range !== null && (!isStatic(range.start) || !isStatic(range.end)))) return null;
  return rearranged(elements, dims, out, (index) =>
    index.map((i, d) => {
      const range = ranges[d];
      if (range == null) return i;
      return range.step < 0 ? hint(range.end) - 1 + i * range.step : hint(range.start) + i * range.step;
    }),
  );
}

/** Elements of a Gather with known indices. */
export function gatheredElements(site: Site): readonly Element[] | null {
  const [elements, dims, indices, indexDims] = [site.elements(0), staticDims(site.dims(0)), site.elements(1), staticDims(site.dims(1))];
  const given = site.int('axis', 0);
  if (elements === null || dims === null || indices === null || indexDims === null) return null;
  const axis = given < 0 ? given + dims.length : given;
  const out = [...dims.slice(0, axis), ...indexDims, ...dims.slice(axis + 1)];
  return rearranged(elements, dims, out, (index) => {
    const inner = index.slice(axis, axis + indexDims.length);
    const picked = indices[inner.reduce((sum, i, d) => sum * (indexDims[d] ?? 1) + i, 0)]?.value;
    if (typeof picked !== 'number') return null;
    return [...index.slice(0, axis), picked < 0 ? picked + (dims[axis] ?? 0) : picked, ...index.slice(axis + indexDims.length)];
  });
}

/** Elements of a Concat; those of operands that are not known stay unknown. */
export function joinedElements(site: Site): readonly Element[] | null {
  const relation = concat(site);
  if (relation.kind !== 'concat') return null;
  const parts = site.flat.inputs.map((_, i) => ({ elements: site.elements(i), dims: staticDims(site.dims(i)) }));
  const out = staticDims(relation.outputs[0] ?? []);
  const axis = relation.axis ?? 0;
  if (out === null || parts.some((part) => part.dims === null) || parts.every((part) => part.elements === null)) return null;
  const outer = out.slice(0, axis).reduce((a, b) => a * b, 1);
  const inner = out.slice(axis + 1).reduce((a, b) => a * b, 1);
  if (outer * inner * (out[axis] ?? 1) > SMALL) throw new ShapeUnknown('Concat of long vectors');
  return Array.from({ length: outer }, (_, row) =>
    parts.flatMap(({ elements, dims }) => {
      const width = (dims?.[axis] ?? 1) * inner;
      return elements?.slice(row * width, (row + 1) * width) ?? Array.from({ length: width }, () => NOTHING);
    }),
  ).flat();
}

/** Elements of a Pad with a constant. */
export function paddedElements(site: Site): readonly Element[] | null {
  const [elements, dims] = [site.elements(0), staticDims(site.dims(0))];
  const relation = pad(site);
  if (elements === null || dims === null || relation.kind !== 'pad' || site.text('mode', 'constant') !== 'constant') return null;
  const out = staticDims(relation.outputs[0] ?? []);
  const filler = site.has(2) ? site.elements(2)?.[0] : { value: site.opset < 11 ? null : 0, fromShape: false };
  if (out === null || filler === undefined) return null;
  const before = relation.pads?.map(([first]) => hint(first)) ?? [];
  const count = out.reduce((a, b) => a * b, 1);
  if (count > SMALL) return null;
  return Array.from({ length: count }, (_, flat) => {
    const at = indexOf(flat, out).map((i, d) => i - (before[d] ?? 0));
    const inside = at.every((i, d) => i >= 0 && i < (dims[d] ?? 1));
    return inside ? (elements[at.reduce((sum, i, d) => sum * (dims[d] ?? 1) + i, 0)] ?? NOTHING) : filler;
  });
}
