/** One side of a proof: the graph with fused operators spelled out, and its sizes for all inputs. */
import { type Facts, inferFacts } from '../analysis/shapes.ts';
import { unpackConstants } from '../analysis/unpacked.ts';
import { type FlatGraph, type FlatNode, flatten } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { decideBranches } from './decided-branches.ts';
import { desugar } from './desugar.ts';
import { joinMeans } from './means-apart.ts';

/** A graph ready to be proved about. */
export interface Side {
  readonly flat: FlatGraph;
  readonly facts: Facts;
}

/** What holds for all inputs. Element types are those that are certain: what an operator makes that nobody knows has none. */
const factsOf = (flat: FlatGraph): Facts => inferFacts(flat, undefined, true);

/** A side as other nodes. Facts are inferred anew only where nodes changed: in most graphs none do. */
function rewritten(side: Side, rewrite: (flat: FlatGraph, facts: Facts) => FlatGraph): Side {
  const flat = rewrite(side.flat, side.facts);
  return flat === side.flat ? side : { flat, facts: factsOf(flat) };
}

/** Prepares a model. */
export function prepare(model: Model): Side {
  const flat = decideBranches(unpackConstants(flatten(model)));
  const before: Side = { flat, facts: factsOf(flat) };
  return [desugar, joinMeans].reduce(rewritten, before);
}

/** Nodes that an output depends on. */
export function live({ flat }: Side): readonly FlatNode[] {
  const needed = new Set(flat.outputs.map(({ name }) => name));
  const found = flat.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return found.toReversed();
}
