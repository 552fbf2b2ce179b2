/** Elements of a tensor in words. */
import { type Axis, classAt, flattened, type Mask } from './mask.ts';

/** Parameters of one tensor that never get a gradient. */
export interface DeadParameters {
  /** The tensor's name in the file. */
  readonly tensor: string;
  /** `rows 4..7`, `columns 64..95`, `all`. */
  readonly elements: string;
  readonly count: number;
  readonly why: string;
}

/** Indices of one class. */
type Indices = readonly number[];
/** Indices by dimension. */
type Block = readonly Indices[];

/** The elements of a mask; no entry where there are none. */
export function described(tensor: string, mask: Mask | null, why: string): readonly DeadParameters[] {
  const flat = mask?.dims.reduce<Mask | null>((own, _, d) => (own === null ? null : flattened(own, d)), mask) ?? null;
  if (flat === null) return [];
  const lists = flat.dims.flat().map(indicesByClass);
  const blocks = lists.reduce<readonly Block[]>((cells, own) => cells.flatMap((cell) => own.map((indices): Block => [...cell, indices])), [[]]);
  const named = blocks.filter((_, cell) => flat.bits[cell] === 1);
  const others = blocks.filter((_, cell) => flat.bits[cell] === 0);
  const count = named.reduce((sum, block) => sum + block.reduce((product, indices) => product * indices.length, 1), 0);
  return count === 0 ? [] : [{ tensor, elements: elementsText(lists, named, others), count, why }];
}

function indicesByClass(axis: Axis): readonly Indices[] {
  const out: number[][] = Array.from({ length: axis.count }, () => []);
  for (let i = 0; i < (axis.size as number); i++) out[classAt(axis, i)]?.push(i);
  return out;
}

/** Whole slices by dimension, then what is left. */
function elementsText(lists: readonly (readonly Indices[])[], named: readonly Block[], others: readonly Block[]): string {
  if (others.length === 0) return 'all';
  const parts = lists.map((_, d) => new Set(others.map((block) => block[d])));
  const slices = lists.flatMap((own, d) => {
    const whole = own.filter((indices) => parts[d]?.has(indices) === false).flat();
    return whole.length === 0 ? [] : [`${dimensionName(lists.length, d, whole.length)} ${ranges(whole)}`];
  });
  const left = named.filter((block) => block.every((indices, d) => parts[d]?.has(indices))).map((block) => `[${block.map(ranges).join('; ')}]`);
  return [...slices, ...left.slice(0, SHOWN), ...(left.length > SHOWN ? [`${left.length - SHOWN} more blocks`] : [])].join(' and ');
}

const SHOWN = 32;

function dimensionName(rank: number, dim: number, count: number): string {
  if (rank > 2) return `dimension ${dim} ${count === 1 ? 'index' : 'indices'}`;
  const name = rank === 1 ? 'element' : dim === 0 ? 'row' : 'column';
  return count === 1 ? name : `${name}s`;
}

/** `3, 8..15` */
function ranges(indices: Indices): string {
  const runs: [number, number][] = [];
  for (const index of indices.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] + 1 === index) last[1] = index;
    else runs.push([index, index]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}..${to}`)).join(', ');
}
