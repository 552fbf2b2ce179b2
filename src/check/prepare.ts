/** One side of a proof: the graph with fused operators spelled out, its sizes, and which of its small numbers are certain. */
import { ruleOf } from '../analysis/op-rules.ts';
import { type Facts, inferFacts } from '../analysis/shapes.ts';
import { isStatic, type Size, signOf, subtract } from '../analysis/size.ts';
import { unpackConstants } from '../analysis/unpacked.ts';
import { type FlatGraph, type FlatNode, flatten } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import { desugar } from './desugar.ts';

/** A graph ready to be proved about. */
export interface Side {
  readonly flat: FlatGraph;
  readonly facts: Facts;
  /** Values whose small numbers were decided under one assignment of the input sizes and may differ under another. */
  readonly uncertain: ReadonlySet<string>;
}

/** Prepares a model. */
export function prepare(model: Model): Side {
  const before = unpackConstants(flatten(model));
  const flat = desugar(before, inferFacts(before));
  const facts = inferFacts(flat);
  return { flat, facts, uncertain: uncertainValues(flat, facts) };
}

const CHOICES = new Set([
  'Min',
  'Max',
  'Where',
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'Not',
  'And',
  'Or',
  'Clip',
  'ReduceMax',
  'ReduceMin',
]);

function uncertainValues(flat: FlatGraph, facts: Facts): ReadonlySet<string> {
  const uncertain = new Set<string>();
  for (const node of flat.nodes) {
    if (flat.constants.has(node.outputs[0] ?? '')) continue;
    if (node.inputs.some((name) => uncertain.has(name) && facts.elements(name) !== null) || !decided(node, facts))
      for (const output of node.outputs) uncertain.add(output);
  }
  return uncertain;
}

/** True when a node that compares or chooses does so alike for all input sizes. */
function decided(node: FlatNode, facts: Facts): boolean {
  if (ruleOf(node.op)?.compute === undefined || facts.elements(node.outputs[0] ?? '') === null) return true;
  if (node.op === 'Slice' || node.op === 'Range')
    return node.inputs
      .slice(node.op === 'Slice' ? 1 : 0)
      .every((name) => name === '' || (facts.elements(name)?.every((e) => e.value === null || isStatic(e.value)) ?? true));
  if (!CHOICES.has(node.op)) return true;
  const values = node.inputs.map((name) => (name === '' ? [] : (facts.elements(name)?.map((e) => e.value) ?? [null])));
  if (node.op === 'Where' || node.op === 'Not' || node.op === 'And' || node.op === 'Or')
    return (values[0] ?? []).every((value) => value !== null && isStatic(value));
  return pairs(values).every(([a, b]) => a !== null && b !== null && ((isStatic(a) && isStatic(b)) || signOf(subtract(a, b)) !== null));
}

/** Elements that are compared with each other: those at one index of all operands, or all of one operand. */
function pairs(values: readonly (readonly (Size | null)[])[]): (readonly [Size | null, Size | null])[] {
  const length = Math.max(...values.map((own) => own.length));
  const groups =
    values.length === 1 ? values : Array.from({ length }, (_, i) => values.filter((own) => own.length > 0).map((own) => own[own.length === 1 ? 0 : i] ?? null));
  return groups.flatMap((group) => group.flatMap((a, i) => group.slice(i + 1).map((b) => [a, b] as const)));
}
