/** Joining a grown stream to an operator that keeps its size: old channels are read, zeros stand for the new ones behind it. */
import { type Axis, find } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { hint } from '../analysis/size.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { currentOf, type Draft, insertAfter, insertBefore, newNode, setInput, setOutput } from './draft.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { int, ints, vector } from './old-elements.ts';

/** Puts the edits at every seam whose two sides no longer have one size; true when there was one. */
export function joinSeams(analysis: Analysis, draft: Draft, growth: AxisGrowth): boolean {
  const { axes, seams } = analysis;
  let joined = false;
  for (const [node, seam] of seams) {
    for (const [input, dims] of seam.inputs) {
      const [outside, inside] = [axes.of(node.inputs[input] ?? '') ?? [], axes.ofInput(node, input) ?? []];
      let value = currentOf(draft, node)?.inputs[input] ?? '';
      for (const dim of dims) {
        const [from, to] = [outside[dim], inside[dim]];
        if (from === undefined || to === undefined || !(growth.grows(from) || growth.grows(to))) continue;
        const old = oldPositions(growth, from);
        const indices = [...indicesOf(growth, to)].map((index, i) => old[index >= 0 ? index : i % old.length] ?? 0);
        const pick = newNode(draft, node, 'Gather', [value, vector(draft, 'stream_channels', indices)], { attributes: [int('axis', dim)] });
        insertBefore(draft, node, pick);
        value = pick.outputs[0] ?? '';
        joined = true;
      }
      setInput(draft, node, input, value);
    }
    for (const [output, dims] of seam.outputs) {
      const [inside, outside] = [axes.ofOutput(node, output) ?? [], axes.of(node.outputs[output] ?? '') ?? []];
      const chain: FlatNode[] = [];
      const name = node.outputs[output] ?? '';
      const narrow = newNode(draft, node, 'Identity', []).outputs[0] ?? '';
      const last = (): string => chain.at(-1)?.outputs[0] ?? narrow;
      for (const dim of dims) {
        const [from, to] = [inside[dim], outside[dim]];
        if (from === undefined || to === undefined || !(growth.grows(from) || growth.grows(to))) continue;
        const old = oldPositions(growth, from);
        const wanted = [...indicesOf(growth, to)];
        const zeros = wanted.filter((index) => index < 0).length;
        const width = growth.hint(from);
        let next = width;
        const indices = wanted.map((index) => (index >= 0 ? (old[index] ?? 0) : next++));
        if (zeros > 0) chain.push(padded(draft, node, last(), inside.length, dim, zeros));
        if (indices.some((index, i) => index !== i) || indices.length !== width + zeros)
          chain.push(newNode(draft, node, 'Gather', [last(), vector(draft, 'stream_order', indices)], { attributes: [int('axis', dim)] }));
      }
      const end = chain.pop();
      if (end === undefined) continue;
      joined = true;
      setOutput(draft, node, output, narrow);
      insertAfter(draft, node, ...chain, { ...end, outputs: [name] });
    }
  }
  return joined;
}

const indicesOf = (growth: AxisGrowth, axis: Axis): Iterable<number> => growth.map(axis) ?? Array.from({ length: hint(find(axis).size) }, (_, i) => i);

/** Where each old index of an axis lies after growth. */
function oldPositions(growth: AxisGrowth, axis: Axis): number[] {
  const positions: number[] = [];
  [...indicesOf(growth, axis)].forEach((index, i) => {
    if (index >= 0) positions[index] = i;
  });
  return positions;
}

/** Zeros behind the elements of one dimension. */
function padded(draft: Draft, node: FlatNode, value: string, rank: number, dim: number, count: number): FlatNode {
  const pads = Array.from({ length: 2 * rank }, (_, i) => (i === rank + dim ? count : 0));
  return opsetVersion(draft.flat.model) < 11
    ? newNode(draft, node, 'Pad', [value], { attributes: [ints('pads', pads)] })
    : newNode(draft, node, 'Pad', [value, vector(draft, 'stream_pads', pads)]);
}
