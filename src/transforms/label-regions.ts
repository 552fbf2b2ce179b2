/** Sets of elements, per label of a relation, as sets of elements of its operands. */

import type { Axes } from '../analysis/axes.ts';
import type { Axis } from '../analysis/axis.ts';
import { baseLabel, type Labels } from '../analysis/relation.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { Region } from './fill.ts';
import type { AxisGrowth } from './grow-axis.ts';

/** Where an operand is meant, when these indices of these labels are. */
export function operandRegion(
  axes: Axes,
  growth: AxisGrowth,
  node: FlatNode,
  relation: Labels,
  input: number,
  byLabel: ReadonlyMap<string, Uint8Array>,
): Region {
  return (relation.inputs[input] ?? []).map((label) => {
    const mask = byLabel.get(baseLabel(relation, label)) ?? null;
    const axis = mask === null || !relation.derived?.has(label) ? undefined : axes.ofLabel(node, baseLabel(relation, label));
    return mask === null || axis === undefined ? mask : appended(growth, axis, mask);
  });
}

/** A mask over a dimension as a mask over its elements in appended order: the old ones, then the new ones. */
function appended(growth: AxisGrowth, axis: Axis, mask: Uint8Array): Uint8Array {
  const order = appendedOrder(growth, axis);
  return order === null ? mask : mask.map((_, i) => mask[order[i] ?? 0] ?? 0);
}

/** The index of every element of a dimension in appended order; null when the dimension only grows at its end. */
export function appendedOrder(growth: AxisGrowth, axis: Axis): readonly number[] | null {
  const map = [...(growth.map(axis) ?? [])];
  const old = map.filter((own) => own >= 0).length;
  if (map.every((own, i) => own === (i < old ? i : -1))) return null;
  const places = new Array<number>(old);
  map.forEach((own, i) => {
    if (own >= 0) places[own] = i;
  });
  return [...places, ...map.flatMap((own, i) => (own < 0 ? [i] : []))];
}
