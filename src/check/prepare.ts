/** One side of a proof: the graph with fused operators spelled out, and its sizes for all inputs. */
import { ruleOf } from '../analysis/op-rules.ts';
import { type Facts, inferFacts } from '../analysis/shapes.ts';
import { unpackConstants } from '../analysis/unpacked.ts';
import { type FlatGraph, flatten } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { decideBranches } from './decided-branches.ts';
import { desugar } from './desugar.ts';
import { joinMeans } from './means-apart.ts';

/** A graph ready to be proved about. */
export interface Side {
  readonly flat: FlatGraph;
  readonly facts: Facts;
  /** True for a value whose element type is certain: not the result of an operator that nobody knows. */
  isTyped(value: string): boolean;
}

/** Prepares a model. */
export function prepare(model: Model): Side {
  const before = decideBranches(unpackConstants(flatten(model)));
  const spelled = desugar(before, inferFacts(before));
  const flat = joinMeans(spelled, inferFacts(spelled));
  const untyped = new Set(flat.nodes.flatMap((node) => (ruleOf(node.op) === undefined ? node.outputs : [])));
  return { flat, facts: inferFacts(flat, undefined, true), isTyped: (value) => !untyped.has(value) };
}
