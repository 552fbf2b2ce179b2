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

/** Results that hold what an operand held, and whether new elements may be joined on. */
function holders({ op, inputs, outputs, branches = [] }: FlatNode, slot: number): { readonly results: readonly string[]; readonly joins: boolean } {
  const [first = ''] = outputs;
  const fused = FUSED[op]?.[slot];
  if (fused !== undefined) return { results: outputs.slice(fused, fused + 1), joins: true };
  if (JOINING.has(op) && (slot === 0 || op === 'Concat')) return { results: [first], joins: true };
  if (MOVING.has(op) && slot === 0) return { results: outputs, joins: false };
  // behind the condition stand the results of one branch after the other
  const each = (inputs.length - 1) / branches.length;
  return { results: op === 'If' ? outputs.filter((_, o) => o === (slot - 1) % each) : [], joins: false };
}

/** The output that hands on each cache input. */
export function cachePairs(flat: FlatGraph): ReadonlyMap<string, string> {
  const readers = new Map<string, { readonly node: FlatNode; readonly slot: number }[]>();
  for (const node of flat.nodes) for (const [slot, name] of node.inputs.entries()) readers.set(name, [...(readers.get(name) ?? []), { node, slot }]);
  const outputs = new Set(flat.outputs.map((output) => output.name));
  const pairs = new Map<string, string>();
  for (const input of flat.inputs) {
    if ((input.type?.dims?.length ?? 0) < 3) continue;
    const seen = new Set<string>();
    const queue = [{ name: input.name, joined: false }];
    for (let value = queue.pop(); value !== undefined; value = queue.pop()) {
      const { name, joined } = value;
      const mark = `${joined}${name}`;
      if (name === '' || seen.has(mark)) continue;
      seen.add(mark);
      if (joined && outputs.has(name)) pairs.set(input.name, name);
      for (const { node, slot } of readers.get(name) ?? []) {
        const { results, joins } = holders(node, slot);
        queue.push(...results.map((result) => ({ name: result, joined: joined || joins })));
      }
    }
  }
  return pairs;
}

/** A name with its numbers left out, and the numbers. */
export function numbered(name: string): { readonly pattern: string; readonly numbers: readonly number[] } {
  return { pattern: name.replaceAll(/\d+/g, '#'), numbers: [...name.matchAll(/\d+/g)].map(([digits]) => Number(digits)) };
}

/** Which of two lists of numbers comes first: below zero, zero or above as for a sort. */
const compared = (a: readonly number[], b: readonly number[]): number => a.map((own, i) => own - (b[i] ?? 0)).find((own) => own !== 0) ?? 0;

/** Names by the numbers in them. */
export const numberOrder = (a: string, b: string): number => compared(numbered(a).numbers, numbered(b).numbers);

/**
 * Names that belong together after layers were inserted: of one pattern, in the same order. True when `pairs` (old name, new name)
 * are such, for all patterns alike.
 */
export function isRenumbering(pairs: readonly (readonly [string, string])[]): boolean {
  const shifts = new Map<string, string>();
  const perPattern = new Map<string, (readonly [old: readonly number[], now: readonly number[]])[]>();
  for (const [old, now] of pairs) {
    const [a, b] = [numbered(old), numbered(now)];
    const [from, to] = [a.numbers.join('.'), b.numbers.join('.')];
    if (a.pattern !== b.pattern || (shifts.get(from) ?? to) !== to) return false;
    shifts.set(from, to);
    perPattern.set(a.pattern, [...(perPattern.get(a.pattern) ?? []), [a.numbers, b.numbers]]);
  }
  return [...perPattern.values()].every((list) => {
    const news = list.toSorted(([a], [b]) => compared(a, b)).map(([, now]) => now);
    return news.slice(1).every((now, i) => compared(news[i] ?? [], now) < 0);
  });
}
