/** What the six transforms have in common: named units of a model whose size one leaf decides. */
import type { Anatomy } from '../analysis/anatomy.ts';
import { type Axis, hintOf } from '../analysis/axis.ts';
import type { Stack } from '../analysis/stacks.ts';
import { growAxes, type LeafSizes } from './grow-axis.ts';
import type { AxisName } from './recipe.ts';

/** One block of one layer that can grow along an axis. */
export interface Unit {
  readonly stack: string;
  /** null for a whole stream. */
  readonly layer: number | null;
  readonly block: 'self' | 'cross' | null;
  /** The size under sizes already planned. */
  size(planned: LeafSizes): number;
  /** The leaf that grows; its size and this unit's size are related linearly. */
  readonly leaf: Axis | null;
  /** Why the unit cannot grow, when `leaf` is null. */
  readonly reason: string;
  /** Sizes an operator demands: a multiple of this. */
  readonly multipleOf: number;
}

/** One of the width transforms. */
export interface Transform {
  readonly axis: AxisName;
  /** One line for help and tables. */
  readonly summary: string;
  readonly theorem: string;
  units(anatomy: Anatomy): Unit[];
}

/** How a block is called in messages: `decoder.3` or `decoder.3.cross`. */
export const unitName = (unit: Pick<Unit, 'stack' | 'layer' | 'block'>): string =>
  [unit.stack, ...(unit.layer === null ? [] : [String(unit.layer)]), ...(unit.block === 'cross' ? ['cross'] : [])].join('.');

/** A unit whose size is that of an axis. */
export function axisUnit(
  place: { stack: Stack; layer: number | null; block: Unit['block'] },
  axis: Axis,
  leaf: Axis | null,
  reason = '',
  multipleOf = 1,
): Unit {
  return { stack: place.stack.name, layer: place.layer, block: place.block, leaf, reason, multipleOf, size: (planned) => growAxes(planned).hint(axis) };
}

/** A unit whose size is the product of leaves. */
export function productUnit(
  place: { stack: Stack; layer: number | null; block: Unit['block'] },
  leaves: readonly Axis[],
  leaf: Axis | null,
  reason = '',
): Unit {
  return {
    stack: place.stack.name,
    layer: place.layer,
    block: place.block,
    leaf,
    reason,
    multipleOf: 1,
    size: (planned) => leaves.reduce((product, own) => product * (planned.get(own) ?? hintOf(own)), 1),
  };
}
