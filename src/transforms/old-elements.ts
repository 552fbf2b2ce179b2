/** Reading only the old elements of a grown dimension: the graph edits that keep a statistic what it was. */
import type { Axis } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Operand } from '../analysis/norms.ts';
import { hint } from '../analysis/size.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType } from '../onnx/ir.ts';
import { addConstant, currentOf, type Draft, freshName, insertAfter, insertBefore, newNode, setInput, setOutput } from './draft.ts';
import type { AxisGrowth } from './grow-axis.ts';

/** The old elements of an operand along one dimension, as a new value in front of the node that reads them. */
export function takeOld(analysis: Analysis, draft: Draft, growth: AxisGrowth, before: FlatNode, name: string, dim: number, rank: number, axis: Axis): string {
  const map = growth.map(axis);
  const old = hint(axis.size);
  const prefix = map?.every((own, i) => own === (i < old ? i : -1)) ?? true;
  return prefix
    ? sliceOf(analysis, draft, before, name, dim, rank, 0, old)
    : gatherOf(
        draft,
        before,
        name,
        dim,
        [...(map ?? [])].flatMap((own, i) => (own >= 0 ? [i] : [])),
      );
}

/** A range of one dimension of a value, as a new value in front of a node. */
export function sliceOf(analysis: Analysis, draft: Draft, before: FlatNode, name: string, dim: number, rank: number, start: number, end: number): string {
  const slice =
    opsetVersion(analysis.flat.model) < 10
      ? newNode(draft, before, 'Slice', [name], { attributes: [ints('axes', [dim]), ints('starts', [start]), ints('ends', [end])] })
      : newNode(draft, before, 'Slice', [
          name,
          vector(draft, 'old_start', [start]),
          vector(draft, 'old_end', [end]),
          vector(draft, 'old_axis', [dim < 0 ? dim + rank : dim]),
        ]);
  insertBefore(draft, before, slice);
  return slice.outputs[0] ?? '';
}

/** Single indices of one dimension of a value, as a new value in front of a node. */
export function gatherOf(draft: Draft, before: FlatNode, name: string, dim: number, indices: readonly number[]): string {
  const gather = newNode(draft, before, 'Gather', [name, vector(draft, 'old_indices', indices)], { attributes: [int('axis', dim)] });
  insertBefore(draft, before, gather);
  return gather.outputs[0] ?? '';
}

/** A new initializer of int64 numbers. */
export const vector = (draft: Draft, name: string, values: readonly number[]): string => addConstant(draft, name, DataType.INT64, [values.length], values);
/** An attribute of whole numbers. */
export const ints = (name: string, value: readonly number[]): Attribute => ({ name, kind: 'ints', value });
/** An attribute of one whole number. */
export const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });

/** Lets a reduction read only the old elements. */
export function takeOldOperand(analysis: Analysis, draft: Draft, growth: AxisGrowth, { node, input, dim }: Operand & { dim: number }): void {
  const axis = analysis.axes.ofInput(node, input)?.[dim];
  const name = currentOf(draft, node)?.inputs[input] ?? '';
  if (axis === undefined) return;
  const rank = analysis.facts.values.get(node.inputs[input] ?? '')?.dims?.length ?? 1;
  setInput(draft, node, input, takeOld(analysis, draft, growth, node, name, dim, rank, axis));
}

/** Multiplies a stretched operand by 1 at old and 0 at new elements of the dimension. */
export function maskOperand(analysis: Analysis, draft: Draft, growth: AxisGrowth, { node, input }: Operand, dim: number, axis: Axis): void {
  const map = growth.map(axis);
  const rank = analysis.facts.values.get(node.outputs[0] ?? '')?.dims?.length ?? 1;
  const dtype = analysis.facts.values.get(node.inputs[input] ?? '')?.dtype ?? DataType.FLOAT;
  const dims = Array.from({ length: rank - dim }, (_, i) => (i === 0 ? (map?.length ?? 1) : 1));
  const mask = addConstant(
    draft,
    `${node.inputs[input] ?? 'value'}_old_mask`,
    dtype,
    dims,
    [...(map ?? [])].map((own) => (own < 0 ? 0 : 1)),
  );
  const product = newNode(draft, node, 'Mul', [currentOf(draft, node)?.inputs[input] ?? '', mask]);
  insertBefore(draft, node, product);
  setInput(draft, node, input, product.outputs[0] ?? '');
}

/** Lets a quantiser take its scale and zero point from the old elements; all elements are then rounded with them. */
export function scaleOfOld(analysis: Analysis, draft: Draft, growth: AxisGrowth, node: FlatNode): void {
  const own = analysis.axes.ofInput(node, 0) ?? [];
  const all = currentOf(draft, node)?.inputs[0] ?? '';
  const old = own.reduce((name, axis, dim) => (growth.grows(axis) ? takeOld(analysis, draft, growth, node, name, dim, own.length, axis) : name), all);
  const [result = '', scale = '', point = ''] = node.outputs;
  setInput(draft, node, 0, old);
  const rounded = newNode(draft, node, 'QuantizeLinear', [all, scale, point]);
  setOutput(draft, node, 0, freshName(draft, `${result}_old`));
  insertAfter(draft, node, { ...rounded, outputs: [result] });
}
