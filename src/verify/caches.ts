/**
 * Key/value caches: which output of a model holds what which input takes in the next step. A cache is an input whose
 * elements come out again in an output, with new ones joined on; where the graph hides that, names say it.
 */
import type { FlatNode } from '../onnx/graph.ts';
import type { ValueInfo } from '../onnx/ir.ts';
import type { Graph } from './flow.ts';

interface CachePair {
  readonly input: string;
  readonly output: string;
}

const MOVING = new Set(['Identity', 'Cast', 'Transpose', 'Reshape', 'Unsqueeze', 'Squeeze', 'Slice', 'Split', 'Gather', 'Expand']);
/** Operators that put new elements beside old ones. */
const JOINING = new Set(['Concat', 'ScatterND', 'ScatterElements', 'TensorScatter']);
/** Fused operators: input slot of a past → output slot of its present (onnxruntime docs/ContribOperators.md; ai.onnx Attention-23). */
const FUSED: ReadonlyMap<string, ReadonlyMap<number, number>> = new Map([
  [
    'com.microsoft.GroupQueryAttention',
    new Map([
      [3, 1],
      [4, 2],
    ]),
  ],
  ['com.microsoft.Attention', new Map([[4, 1]])],
  [
    'com.microsoft.MultiHeadAttention',
    new Map([
      [6, 1],
      [7, 2],
    ]),
  ],
  [
    'com.microsoft.DecoderMaskedMultiHeadAttention',
    new Map([
      [5, 1],
      [6, 2],
    ]),
  ],
  [
    'Attention',
    new Map([
      [4, 1],
      [5, 2],
    ]),
  ],
]);

/** The cache pairs of a model, in the order of its inputs. */
export function pairCaches(graph: Graph): readonly CachePair[] {
  const outputs = graph.flat.outputs;
  const taken = new Set<string>();
  return graph.flat.inputs.flatMap((input) => {
    const rank = input.type?.dims?.length ?? 0;
    if (rank < 3) return [];
    const fits = (output: ValueInfo): boolean => !taken.has(output.name) && (output.type?.dims == null || output.type.dims.length === rank);
    const reached = joinedInto(graph, input.name);
    const byGraph = outputs.filter((output) => reached.has(output.name) && fits(output));
    const byName = outputs.filter((output) => isPast(input.name) && fits(output) && bareName(output.name) === bareName(input.name));
    const output = byGraph.length === 1 ? byGraph[0] : byName[0];
    if (output === undefined) return [];
    taken.add(output.name);
    return [{ input: input.name, output: output.name }];
  });
}

/** Values that hold a value's elements with new ones joined on. */
function joinedInto(graph: Graph, start: string): ReadonlySet<string> {
  const joined = new Set<string>();
  const visited = new Set<string>();
  const stack = [{ name: start, joins: false }];
  for (let value = stack.pop(); value !== undefined; value = stack.pop()) {
    const mark = `${value.joins}${value.name}`;
    if (visited.has(mark)) continue;
    visited.add(mark);
    if (value.joins) joined.add(value.name);
    for (const { node, slot } of graph.readers.get(value.name) ?? []) {
      const { outputs, joins } = carriedBy(node, slot);
      for (const name of outputs) stack.push({ name, joins: value.joins || joins });
    }
  }
  return joined;
}

/** The outputs of a node that hold what it reads in a slot, and whether with new elements joined on. */
function carriedBy(node: FlatNode, slot: number): { readonly outputs: readonly string[]; readonly joins: boolean } {
  const fused = FUSED.get(node.op)?.get(slot);
  if (fused !== undefined) return { outputs: node.outputs.slice(fused, fused + 1), joins: true };
  if (JOINING.has(node.op) && (slot === 0 || node.op === 'Concat')) return { outputs: node.outputs, joins: true };
  if (MOVING.has(node.op) && slot === 0) return { outputs: node.outputs, joins: false };
  // a branch's results stand behind the condition, one branch after the other
  const place = node.op === 'If' && slot > 0 ? (slot - 1) % node.outputs.length : -1;
  return { outputs: node.outputs.filter((_, at) => at === place), joins: false };
}

const isPast = (name: string): boolean => /past|cache|mem/i.test(name);

/** A cache's name without the words for before and after: `past_key_values.0.key` and `present.0.key` become `0key`. */
const bareName = (name: string): string =>
  name.toLowerCase().replace(/(past|present)(_key_values?)?|new|updated|input|output|[_.-](in|out)(?![a-z])|[^a-z0-9]/g, '');
