/**
 * A function-preserving pre-pass: queries, keys and values that one Reshape stacks along a dimension of their own
 * (`[…, 3, E, k]`, `[…, E, 3, k]`, `[…, G, r + 2, k]`) share one head width and could only grow together. The stack is
 * replaced by a Split of the projection in front of the Reshape; every result keeps its bits.
 */
import { type Analysis, analyze } from '../analysis/graph-analysis.ts';
import { hint, isStatic } from '../analysis/size.ts';
import { type FlatNode, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model } from '../onnx/ir.ts';
import { addConstant, type Draft, finishDraft, insertBefore, newNode, removeNode, startDraft } from './draft.ts';
import { ownFillers } from './own-fillers.ts';

/** A reader of the stack: which indices it takes and whether the dimension goes. */
interface Piece {
  readonly node: FlatNode;
  /** The value it makes. */
  readonly output: string;
  readonly start: number;
  readonly end: number;
  readonly scalar: boolean;
  /** Nodes between the Reshape and the reader, and where the stacked dimension is at each one's operand. */
  readonly path: readonly { readonly node: FlatNode; readonly dim: number }[];
}

interface Stack {
  readonly reshape: FlatNode;
  /** The stacked dimension of the Reshape's result. */
  readonly dim: number;
  readonly pieces: readonly Piece[];
}

/** Replaces every stack whose parts are read one by one, and gives them fillers of their own; the same model when there is nothing to do. */
export function splitStacked(model: Model): Model {
  const analysis = analyze(model);
  const stacks = analysis.flat.nodes.flatMap((node) => (node.op === 'Reshape' ? findStack(analysis, node) : []));
  const draft = startDraft(analysis.flat);
  for (const stack of stacks) rewrite(analysis, draft, stack);
  return ownFillers(analysis, draft) || stacks.length > 0 ? finishDraft(draft) : model;
}

function findStack(analysis: Analysis, reshape: FlatNode): Stack[] {
  const { facts } = analysis;
  if (facts.values.get(reshape.inputs[0] ?? '')?.dependence !== 'data') return [];
  const out = facts.values.get(reshape.outputs[0] ?? '')?.dims ?? [];
  for (let dim = out.length - 2; dim > 0; dim--) {
    const size = out[dim] ?? 0;
    if (!isStatic(size) || size < 2) continue;
    const pieces = readers(analysis, reshape.outputs[0] ?? '', dim, []);
    // nodes of a branch are not written again outside it
    if (pieces?.some(({ node }) => node.scope !== reshape.scope) === true) continue;
    if (pieces !== null && pieces.length > 1 && pieces.some((piece) => piece.end - piece.start < size)) return [{ reshape, dim, pieces }];
  }
  return [];
}

const WALKED = new Set(['Transpose', 'Squeeze', 'Unsqueeze']);

/** Everything that reads the stacked dimension piece by piece; null when something reads it otherwise. */
function readers(analysis: Analysis, value: string, dim: number, path: Piece['path']): Piece[] | null {
  const { data, facts } = analysis;
  const pieces: Piece[] = [];
  for (const { node, input } of data.consumers(value)) {
    const relation = facts.relations.get(node);
    if (input !== 0 || relation === undefined) return null;
    if (relation.kind === 'gather' && relation.axis === dim) {
      const indices = relation.indices ?? [];
      const start = indices[0] ?? 0;
      if (!indices.every((index, i) => index === start + i)) return null;
      pieces.push({ node, output: node.outputs[0] ?? '', start, end: start + indices.length, scalar: relation.scalar === true, path });
    } else if (relation.kind === 'slice') {
      const range = relation.ranges?.[dim];
      if (range == null || range.step !== 1 || !isStatic(range.start) || !isStatic(range.end) || relation.ranges?.some((own, d) => d !== dim && own !== null))
        return null;
      pieces.push({ node, output: node.outputs[0] ?? '', start: range.start, end: range.end, scalar: false, path });
    } else if (relation.kind === 'split' && relation.axis === dim) {
      let start = 0;
      for (const [i, part] of (relation.parts ?? []).entries()) {
        if (!isStatic(part)) return null;
        pieces.push({ node, output: node.outputs[i] ?? '', start, end: start + part, scalar: false, path });
        start += part;
      }
    } else if (relation.kind === 'labels' && WALKED.has(node.op)) {
      const label = relation.inputs[0]?.[dim] ?? '';
      const next = relation.outputs[0]?.indexOf(label) ?? -1;
      const further = next < 0 ? null : readers(analysis, node.outputs[0] ?? '', next, [...path, { node, dim }]);
      if (further === null) return null;
      pieces.push(...further);
    } else return null;
  }
  return pieces;
}

function rewrite(analysis: Analysis, draft: Draft, { reshape, dim, pieces }: Stack): void {
  const { facts, flat } = analysis;
  const input = facts.values.get(reshape.inputs[0] ?? '')?.dims ?? [];
  const out = (facts.values.get(reshape.outputs[0] ?? '')?.dims ?? []).map((size) => size);
  // the dimensions that the last dimension of the projection is split into
  const width = hint(input.at(-1) ?? 0);
  let first = out.length;
  for (let product = 1; first > 0 && product < width; ) product *= hint(out[--first] ?? 1);
  if (first > dim || !out.slice(first).every(isStatic)) return;
  const inner = out.slice(dim + 1).reduce<number>((product, size) => product * hint(size), 1);
  const size = hint(out[dim] ?? 1);
  const cuts = [...new Set(pieces.flatMap((piece) => [piece.start, piece.end]).concat([0, size]))].sort((a, b) => a - b);
  const sections = cuts.slice(1).map((end, i) => ({ start: cuts[i] ?? 0, end }));
  if (pieces.some((piece) => !sections.some((section) => section.start === piece.start && section.end === piece.end))) return;
  const opset = opsetVersion(flat.model);
  const vector = (label: string, values: readonly number[]): string =>
    addConstant(draft, `${reshape.outputs[0] ?? 'stack'}_${label}`, DataType.INT64, [values.length], values);
  const put = (...nodes: readonly FlatNode[]): void => insertBefore(draft, reshape, ...nodes);
  let whole = reshape.inputs[0] ?? '';
  let axis = input.length - 1;
  if (first < dim) {
    const head = newNode(
      draft,
      reshape,
      'Gather',
      [
        reshape.inputs[1] ?? '',
        vector(
          'kept',
          out.slice(0, dim).map((_, i) => i),
        ),
      ],
      { attributes: [int('axis', 0)] },
    );
    const shape = newNode(draft, reshape, 'Concat', [head.outputs[0] ?? '', vector('rest', [size * inner])], { attributes: [int('axis', 0)] });
    const grouped = newNode(draft, reshape, 'Reshape', [whole, shape.outputs[0] ?? '']);
    put(head, shape, grouped);
    whole = grouped.outputs[0] ?? '';
    axis = dim;
  }
  const sizes = sections.map((section) => (section.end - section.start) * inner);
  const split =
    opset < 13
      ? newNode(draft, reshape, 'Split', [whole], { outputs: sizes.length, attributes: [int('axis', axis), { name: 'split', kind: 'ints', value: sizes }] })
      : newNode(draft, reshape, 'Split', [whole, vector('sections', sizes)], { outputs: sizes.length, attributes: [int('axis', axis)] });
  put(split);
  for (const piece of pieces) {
    const section = sections.findIndex((own) => own.start === piece.start);
    const length = piece.end - piece.start;
    const head = newNode(
      draft,
      reshape,
      'Gather',
      [
        reshape.inputs[1] ?? '',
        vector(
          'kept',
          out.slice(0, dim).map((_, i) => i),
        ),
      ],
      { attributes: [int('axis', 0)] },
    );
    const rest = [...(piece.scalar ? [] : [length]), ...out.slice(dim + 1).map(hint)];
    const shape = newNode(draft, reshape, 'Concat', [head.outputs[0] ?? '', vector('rest', rest)], { attributes: [int('axis', 0)] });
    const single = newNode(draft, reshape, 'Reshape', [split.outputs[section] ?? '', shape.outputs[0] ?? '']);
    put(head, shape, single);
    let value = single.outputs[0] ?? '';
    const chain = piece.path.map(({ node, dim: at }) => {
      const copy = piece.scalar
        ? without(analysis, draft, node, value, at)
        : newNode(draft, node, node.op, [value, ...node.inputs.slice(1)], { attributes: plainAttributes(node) });
      value = copy.outputs[0] ?? '';
      return copy;
    });
    const last = chain.pop() ?? single;
    const named: FlatNode = { ...last, outputs: [piece.output] };
    if (last === single) replaceLast(draft, reshape, single, named);
    else put(...chain, named);
  }
  for (const piece of pieces) {
    removeNode(draft, piece.node);
    for (const { node } of piece.path) removeNode(draft, node);
  }
  removeNode(draft, reshape);
}

function replaceLast(draft: Draft, anchor: FlatNode, old: FlatNode, now: FlatNode): void {
  const list = draft.slots.get(anchor)?.before ?? [];
  list[list.indexOf(old)] = now;
}

const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });
const plainAttributes = (node: FlatNode): Attribute[] => node.node.attributes.map(({ origin: _, ...own }) => own as Attribute);

/** The same move for a value that lacks one dimension. */
function without({ facts, flat }: Analysis, draft: Draft, node: FlatNode, value: string, dim: number): FlatNode {
  const relation = facts.relations.get(node);
  const labels = relation?.kind === 'labels' ? relation : undefined;
  const input = labels?.inputs[0] ?? [];
  const output = labels?.outputs[0] ?? [];
  const gone = input[dim] ?? '';
  const left = input.filter((_, i) => i !== dim);
  const right = output.filter((label) => label !== gone);
  if (node.op === 'Transpose')
    return newNode(draft, node, 'Transpose', [value], { attributes: [{ name: 'perm', kind: 'ints', value: right.map((label) => left.indexOf(label)) }] });
  const axes =
    node.op === 'Squeeze' ? left.flatMap((label, i) => (right.includes(label) ? [] : [i])) : right.flatMap((label, i) => (left.includes(label) ? [] : [i]));
  if (opsetVersion(flat.model) < 13) return newNode(draft, node, node.op, [value], { attributes: [{ name: 'axes', kind: 'ints', value: axes }] });
  return newNode(draft, node, node.op, [value, addConstant(draft, `${node.outputs[0] ?? 'axes'}_axes`, DataType.INT64, [axes.length], axes)]);
}
