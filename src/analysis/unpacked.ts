/** Packed constants as their elements, which is what the relations of the op table count. */
import type { FlatGraph } from '../onnx/graph.ts';
import type { Packing, Tensor } from '../onnx/ir.ts';
import { nibblePacking, unpack } from '../onnx/packed-tensor.ts';
import { ruleOf } from './op-rules.ts';
import { attributesOf } from './relation.ts';

/**
 * The graph with every packed constant unpacked; the same graph when there is none. `pack` is the way back. A constant that
 * different operators read differently stays packed.
 */
export function unpackConstants(flat: FlatGraph): FlatGraph {
  const packings = new Map<string, Packing | null>();
  for (const node of flat.nodes) {
    const rule = ruleOf(node.op);
    node.inputs.forEach((name, input) => {
      const tensor = flat.constants.get(name)?.tensor;
      if (tensor === undefined) return;
      const own = rule?.packing?.(attributesOf(node), input, tensor) ?? null;
      const known = packings.get(name);
      packings.set(name, known === undefined || (known !== null && own !== null && sameShape(known.dims, own.dims)) ? own : null);
    });
  }
  const unpacked = new Map<string, Tensor>();
  for (const [name, { tensor }] of flat.constants) {
    const packing = packings.get(name) ?? nibblePacking(tensor);
    if (packing !== null) unpacked.set(name, unpack(tensor, packing));
  }
  if (unpacked.size === 0) return flat;
  const constants = new Map([...flat.constants].map(([name, own]) => [name, { ...own, tensor: unpacked.get(name) ?? own.tensor }]));
  return { ...flat, constants };
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((size, d) => size === b[d]);
