/**
 * Caches: inputs that come out again in an output with new elements joined on. What a wider cache holds is supposed, strongest
 * first, and the supposition is corrected until each step's output fulfils what the next step's input supposes.
 */
import type { FlatGraph, FlatNode } from '../onnx/graph.ts';
import type { Dim } from './dim.ts';

/** What a walk found a cache input to be. */
export interface Wish {
  readonly old: string;
  readonly dims: readonly Dim[];
}

const MOVING = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Slice', 'Split', 'Gather', 'Expand']);
const JOINING = new Set(['Concat', 'ScatterND', 'ScatterElements', 'TensorScatter']);
/** Operand of a past → result with the present. Sources: onnxruntime docs/ContribOperators.md; ai.onnx Attention-23. */
const FUSED: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  'com.microsoft.GroupQueryAttention': { 3: 1, 4: 2 },
  'com.microsoft.Attention': { 4: 1 },
  'com.microsoft.MultiHeadAttention': { 6: 1, 7: 2 },
  Attention: { 4: 1, 5: 2 },
};

/** The output that hands on each cache input. */
export function cachePairs(flat: FlatGraph): ReadonlyMap<string, string> {
  const readers = new Map<string, { readonly node: FlatNode; readonly slot: number }[]>();
  for (const node of flat.nodes) {
    node.inputs.forEach((name, slot) => {
      if (name === '') return;
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [{ node, slot }]);
      else list.push({ node, slot });
    });
  }
  const outputs = new Set(flat.outputs.map((output) => output.name));
  const pairs = new Map<string, string>();
  for (const input of flat.inputs) {
    if ((input.type?.dims?.length ?? 0) < 3) continue;
    const seen = new Set<string>();
    const queue = [{ name: input.name, joined: false }];
    for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
      const mark = `${value.joined}${value.name}`;
      if (seen.has(mark)) continue;
      seen.add(mark);
      if (value.joined && outputs.has(value.name)) pairs.set(input.name, value.name);
      for (const { node, slot } of readers.get(value.name) ?? []) {
        const fused = FUSED[node.op]?.[slot];
        if (fused !== undefined) queue.push({ name: node.outputs[fused] ?? '', joined: true });
        else if (JOINING.has(node.op) && (slot === 0 || node.op === 'Concat')) queue.push({ name: node.outputs[0] ?? '', joined: true });
        else if (MOVING.has(node.op) && slot === 0) for (const name of node.outputs) queue.push({ name, joined: value.joined });
        else if (node.op === 'If' && slot > 0) {
          const each = (node.inputs.length - 1) / (node.branches?.length ?? 1);
          queue.push({ name: node.outputs[(slot - 1) % each] ?? '', joined: value.joined });
        }
      }
    }
  }
  return pairs;
}

/** A name with its numbers left out, and the numbers. */
export function numbered(name: string): { readonly pattern: string; readonly numbers: readonly number[] } {
  return { pattern: name.replaceAll(/\d+/g, '#'), numbers: [...name.matchAll(/\d+/g)].map(([digits]) => Number(digits)) };
}

/** Names by the numbers in them. */
export function numberOrder(a: string, b: string): number {
  const [x, y] = [numbered(a).numbers, numbered(b).numbers];
  return x.map((own, i) => own - (y[i] ?? 0)).find((own) => own !== 0) ?? 0;
}

/**
 * Names that belong together after layers were inserted: of one pattern, in the same order. True when `pairs` (old name, new name)
 * are such, for all patterns alike.
 */
export function isRenumbering(pairs: readonly (readonly [string, string])[]): boolean {
  const shifts = new Map<string, string>();
  const perPattern = new Map<string, (readonly [readonly number[], readonly number[]])[]>();
  for (const [old, now] of pairs) {
    const [a, b] = [numbered(old), numbered(now)];
    if (a.pattern !== b.pattern) return false;
    const key = a.numbers.join('.');
    if ((shifts.get(key) ?? b.numbers.join('.')) !== b.numbers.join('.')) return false;
    shifts.set(key, b.numbers.join('.'));
    perPattern.set(a.pattern, [...(perPattern.get(a.pattern) ?? []), [a.numbers, b.numbers]]);
  }
  const compare = (a: readonly number[], b: readonly number[]): number => a.map((x, i) => x - (b[i] ?? 0)).find((x) => x !== 0) ?? 0;
  return [...perPattern.values()].every((list) => {
    const sorted = [...list].sort(([a], [b]) => compare(a, b));
    return sorted.every(([, b], i) => i === 0 || compare(sorted[i - 1]?.[1] ?? [], b) < 0);
  });
}
