/** Elements of a tensor in words. */
import { type Axis, axesOf, classAt, eachCell, flattened, type Mask, stridesOf } from './mask.ts';

/** Parameters of one tensor that never get a gradient. */
export interface DeadParameters {
  /** The tensor's name in the file. */
  readonly tensor: string;
  /** `rows 4..7`, `columns 64..95`, `all`. */
  readonly elements: string;
  readonly count: number;
  readonly why: string;
}

/** The elements of a mask; no entry where there are none. */
export function described(tensor: string, mask: Mask | null, why: string): readonly DeadParameters[] {
  const flat = mask?.dims.reduce<Mask | null>((own, _, d) => (own === null ? null : flattened(own, d)), mask) ?? null;
  if (flat === null) return [];
  const axes = axesOf(flat);
  const sizes = axes.map((axis) => indicesByClass(axis).map((list) => list.length));
  let count = 0;
  const cells: number[] = [];
  eachCell(
    axes,
    axes.map((axis) => Int32Array.from({ length: axis.count })),
    (cell) => {
      if (flat.bits[cell] !== 1) return;
      cells.push(cell);
      count += classesOf(axes, cell).reduce((product, own, a) => product * (sizes[a]?.[own] ?? 0), 1);
    },
  );
  return count === 0 ? [] : [{ tensor, elements: elementsText(axes, flat.bits, cells), count, why }];
}

const classesOf = (axes: readonly Axis[], cell: number): number[] => stridesOf(axes).map((stride, a) => Math.floor(cell / stride) % (axes[a]?.count ?? 1));

function indicesByClass(axis: Axis): number[][] {
  const out: number[][] = Array.from({ length: axis.count }, () => []);
  for (let i = 0; i < (axis.size as number); i++) out[classAt(axis, i)]?.push(i);
  return out;
}

/** Whole slices by dimension, then what is left. */
function elementsText(axes: readonly Axis[], bits: Uint8Array, cells: readonly number[]): string {
  if (bits.every((bit) => bit === 1)) return 'all';
  const isWhole = axes.map((axis, a) =>
    Array.from({ length: axis.count }, (_, own) => bits.every((bit, cell) => bit === 1 || classesOf(axes, cell)[a] !== own)),
  );
  const parts = axes.flatMap((axis, a) => {
    const whole = indicesByClass(axis).flatMap((list, own) => (isWhole[a]?.[own] === true ? list : []));
    return whole.length === 0 ? [] : [`${dimensionName(axes.length, a, whole.length)} ${ranges(whole)}`];
  });
  const left = cells.filter((cell) => !classesOf(axes, cell).some((own, a) => isWhole[a]?.[own] === true));
  const boxes = left.map(
    (cell) =>
      `[${classesOf(axes, cell)
        .map((own, a) => ranges(indicesByClass(axes[a] as Axis)[own] ?? []))
        .join('; ')}]`,
  );
  return [...parts, ...boxes.slice(0, SHOWN), ...(boxes.length > SHOWN ? [`${boxes.length - SHOWN} more blocks`] : [])].join(' and ');
}

const SHOWN = 32;

function dimensionName(rank: number, dim: number, count: number): string {
  const name = rank === 1 ? 'element' : rank === 2 ? (dim === 0 ? 'row' : 'column') : `dimension ${dim} index`;
  return count === 1 ? name : name.endsWith('index') ? `dimension ${dim} indices` : `${name}s`;
}

/** `3, 8..15` */
function ranges(indices: readonly number[]): string {
  const sorted = [...indices].sort((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const index of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === index) last[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`)).join(', ');
}
