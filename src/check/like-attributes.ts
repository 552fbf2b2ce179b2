/** Attributes of a new node beside those of an old one. */
import { keyOf } from '../analysis/size.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { attributesText } from './node-text.ts';
import type { Side } from './prepare.ts';

/** Attributes that hold sizes, which grow. */
const SIZES = ['split', 'pads', 'shape', 'num_heads', 'kv_num_heads', 'q_num_heads', 'qkv_hidden_sizes'];

/** Whether two nodes of one operator have the same attributes and axes, but for sizes and what the operator's default keeps as it was. */
export function hasSameAttributes(before: Side, after: Side, node: FlatNode, like: FlatNode): boolean {
  const relation = before.facts.relations.get(like);
  const grown = new Set([...SIZES, ...(relation?.kind === 'labels' ? [...(relation.attributes?.keys() ?? []), ...(relation.keeps?.keys() ?? [])] : [])]);
  return attributesText(node, grown) === attributesText(like, grown) && axesOf(after, node) === axesOf(before, like);
}

const axesOf = ({ facts }: Side, { op, inputs }: FlatNode): string =>
  /^Reduce|^Cum/.test(op) ? (facts.elements(inputs[1] ?? '')?.map(({ value }) => keyOf(value ?? Number.NaN)) ?? []).join() : '';
