/** A residual stream as a whole: where its norms stand, and what it is called. */
import { DataType } from '../onnx/ir.ts';
import type { Attention } from './attention.ts';
import { contractedLabels } from './attention-scores.ts';
import { type Axis, leavesOf, sameAxis } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import type { Branch, Layer } from './layers.ts';
import { isProduct, type Norm } from './norms.ts';
import { unrounded } from './streams.ts';

/** A residual stream and its layers. */
export interface Stack {
  readonly name: string;
  readonly axis: Axis;
  readonly layers: readonly Layer[];
  readonly branches: readonly Branch[];
  readonly norm: 'layer' | 'rms' | null;
  readonly normPlacement: 'pre' | 'post' | 'both' | 'none';
  /** False for attention that stands alone: its axis is the width that queries are projected from. */
  readonly residual: boolean;
}

/** Where norms stand: on what branches read, on what they add, on the sum, or nowhere. */
export function placement(analysis: Analysis, branches: readonly Branch[], norms: readonly Norm[]): Stack['normPlacement'] {
  const { data } = analysis;
  let pre = 0;
  let out = 0;
  let post = 0;
  const sums = new Map(branches.map((branch) => [branch.sum, branch.skip]));
  for (const branch of branches) {
    // a parallel branch reads the stream in front of the branch it is added behind
    let from = branch.skip;
    const reads = (value: string): boolean => {
      const node = data.producer(value);
      return node === undefined || data.isAncestor(node, branch.branch);
    };
    while (!reads(from) && sums.has(from)) from = sums.get(from) ?? '';
    const inside = (value: string): boolean => {
      const node = data.producer(value);
      return node !== undefined && data.isAncestor(node, branch.branch) && !data.isAncestor(node, from);
    };
    const own = norms.filter((norm) => inside(norm.core));
    const before = data.producer(branch.skip);
    const joint = norms.some(
      (norm) =>
        norm.input === branch.skip && norm.fused && data.producer(norm.output) === before && before !== undefined && data.isAncestor(before, branch.branch),
    );
    if (joint || own.some((norm) => isFirst(norm))) pre++;
    if (own.some((norm) => isLast(norm))) out++;
    if (norms.some((norm) => unrounded(analysis, norm.input) === unrounded(analysis, branch.sum) || norm.core === branch.sum) && !own.some(isFirst)) post++;

    function isFirst(norm: Norm): boolean {
      const productsBefore = data.ancestors(norm.input).some((node) => isProduct(node) && inside(node.outputs[0] ?? ''));
      return !productsBefore;
    }
    function isLast(norm: Norm): boolean {
      const node = data.producer(norm.core);
      const productsAfter = data
        .ancestors(branch.branch)
        .some((other) => isProduct(other) && node !== undefined && data.isAncestor(node, other.outputs[0] ?? ''));
      return !productsAfter;
    }
  }
  const half = branches.length / 2;
  const [isPre, isOut, isPost] = [pre > half, out > half, post > half];
  if (isOut) return 'both';
  if (isPre) return 'pre';
  return isPost ? 'post' : 'none';
}

/** Stacks are called encoder and decoder by what they do: a decoder attends to another stream, keeps caches or predicts a token per position. */
export function nameStacks(analysis: Analysis, stacks: readonly Omit<Stack, 'name'>[]): readonly Stack[] {
  const { flat, axes } = analysis;
  const senses = stacks.map((stack) => senseOf(analysis, stack));
  const towers = new Set(senses).size > 1 && stacks.every((stack) => !attendsElsewhere(stack));
  const names = new Map<string, number>();
  const taken = new Map<unknown, string>();
  return stacks.map((stack, i) => {
    const widths = new Set(stack.layers.flatMap((layer) => layer.attention.flatMap((own) => [...leavesOf(own.qk), ...leavesOf(own.v)])));
    const caches = flat.inputs.some((input) => (axes.of(input.name) ?? []).some((axis) => leavesOf(axis).some((leaf) => widths.has(leaf))));
    const perToken = flat.outputs.some((output) => {
      const own = axes.of(output.name) ?? [];
      return own.length === 3 && !sameAxis(own[2] as Axis, stack.axis);
    });
    const base = towers
      ? (senses[i] ?? 'encoder')
      : attendsElsewhere(stack) || (stacks.length === 1 && (caches || (perToken && stack.normPlacement !== 'post')))
        ? 'decoder'
        : 'encoder';
    const twin = stacks.find((own) => own !== stack && isTwin(own, stack));
    const known = twin === undefined ? undefined : taken.get(twin);
    if (known !== undefined) return { ...stack, name: known };
    const count = names.get(base) ?? 0;
    names.set(base, count + 1);
    const name = count === 0 ? base : `${base}${count + 1}`;
    taken.set(stack, name);
    return { ...stack, name };
  });
}

const attendsElsewhere = (stack: Omit<Stack, 'name'>): boolean => stack.layers.some((layer) => layer.attention.some((own) => own.role === 'cross'));

/** What a tower reads: images have four dimensions, texts are whole numbers. */
function senseOf({ flat, data }: Analysis, stack: Omit<Stack, 'name'>): 'vision' | 'text' | null {
  const start = stack.branches[0]?.skip ?? '';
  const read = new Set([start, ...data.ancestors(start).flatMap((node) => node.inputs)]);
  const types = flat.inputs.flatMap((input) => (read.has(input.name) && input.type !== null ? [input.type] : []));
  if (types.some((type) => (type?.dims?.length ?? 0) === 4)) return 'vision';
  return types.some((type) => type?.elemType === DataType.INT64 || type?.elemType === DataType.INT32) ? 'text' : null;
}

/** Two stacks with the same weights: the branches of an `If` that runs with or without caches. */
export function isTwin(a: Omit<Stack, 'name'>, b: Omit<Stack, 'name'>): boolean {
  const first = (stack: Omit<Stack, 'name'>): unknown => stack.layers[0]?.mlps[0]?.axis ?? stack.layers[0]?.attention[0]?.qk;
  return a.layers.length === b.layers.length && first(a) !== undefined && first(a) === first(b);
}

/** Attention that no stream holds (a lone attention module), each block a layer of its own. */
export function lone(analysis: Analysis, attention: readonly Attention[]): Omit<Stack, 'name'>[] {
  const layers = attention.map((block, index): Layer => ({ index, branches: [], attention: [{ ...block, role: 'self' }], mlps: [] }));
  const axis = attention.map((block) => projectedFrom(analysis, block.query)).find((own) => own !== undefined);
  return axis === undefined ? [] : [{ axis, layers, branches: [], norm: null, normPlacement: 'none', residual: false }];
}

/** The width of what a projection with weights reads, behind everything that follows the projection. */
function projectedFrom(analysis: Analysis, value: string): Axis | undefined {
  const { data, facts, axes } = analysis;
  const node = data.producer(value);
  const from = node === undefined ? undefined : data.dataInputs(node).find((input) => facts.values.get(node.inputs[input] ?? '')?.dependence === 'data');
  if (node === undefined || from === undefined) return undefined;
  if (!isProduct(node)) return projectedFrom(analysis, node.inputs[from] ?? '');
  const relation = facts.relations.get(node);
  const [label] = relation?.kind === 'labels' ? contractedLabels(node, relation) : [];
  return relation?.kind === 'labels' && label !== undefined ? axes.ofInput(node, from)?.[relation.inputs[from]?.indexOf(label) ?? -1] : undefined;
}
