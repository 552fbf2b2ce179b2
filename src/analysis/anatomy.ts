/**
 * The anatomy of a transformer, by structure alone: residual streams, their layers, attention and feed-forward blocks.
 *
 * A stream is a chain of additions x + F(x) where F contains a product with weights. Layers are groups of branches F that
 * repeat. No tensor name decides anything; names are for printing.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Attention, contractedLabels, findAttention, weightLeaves } from './attention.ts';
import { type Axis, find, hintOf, leavesOf, sameAxis } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { findNorms, isProduct, type Norm, type Operand } from './norms.ts';

/** A feed-forward block: what is non-linear between a product that makes an inner axis and one that sums over it. */
export interface Mlp {
  /** Leaves whose product (or sum) is the inner width. */
  readonly axis: Axis;
  readonly gated: boolean;
  readonly activation: string;
  /** The product that reads the inner width. */
  readonly writer: FlatNode;
}

/** One residual branch: sum = skip + branch. */
export interface Branch {
  readonly add: FlatNode;
  readonly skip: string;
  readonly branch: string;
  readonly sum: string;
  readonly attention: readonly (Attention & { readonly role: 'self' | 'cross' })[];
  readonly mlps: readonly Mlp[];
}

/** A group of residual branches that repeats. */
export interface Layer {
  readonly index: number;
  readonly branches: readonly Branch[];
  readonly attention: Branch['attention'];
  readonly mlps: readonly Mlp[];
}

/** A residual stream and its layers. */
export interface Stack {
  readonly name: string;
  readonly axis: Axis;
  readonly layers: readonly Layer[];
  readonly branches: readonly Branch[];
  readonly norm: 'layer' | 'rms' | null;
  readonly normPlacement: 'pre' | 'post' | 'both' | 'none';
}

/** What a graph is, as a transformer. */
export interface Anatomy {
  readonly stacks: readonly Stack[];
  readonly norms: readonly Norm[];
  readonly attention: readonly Attention[];
  /** The stack that feeds the main output. */
  readonly main: Stack | undefined;
}

const cache = new WeakMap<Analysis, Anatomy>();

/** Finds stacks of layers; a graph without attention in a residual stream has none. */
export function findAnatomy(analysis: Analysis): Anatomy {
  const known = cache.get(analysis);
  if (known !== undefined) return known;
  const norms = findNorms(analysis);
  const attention = findAttention(analysis);
  const chains = findChains(analysis, norms);
  const owned = assignAttention(analysis, chains, attention);
  const attentionLeaves = new Set(attention.flatMap((a) => [...a.heads, ...leavesOf(a.qk), ...leavesOf(a.v)]));
  const stacks = chains.flatMap((chain): Omit<Stack, 'name'>[] => {
    const streamLeaves = new Set(leavesOf(chain.axis));
    const branches = chain.adds.map((step): Branch => {
      const own = owned.get(step) ?? [];
      const exclude = new Set([...attentionLeaves, ...streamLeaves]);
      return { ...step, attention: own.map((a) => ({ ...a, role: roleOf(analysis, a, chain) })), mlps: findMlps(analysis, step, exclude, chains) };
    });
    const useful = branches.filter((branch) => branch.attention.length + branch.mlps.length > 0);
    if (!useful.some((branch) => branch.attention.length > 0)) return [];
    const layers = groupLayers(branches);
    const own = norms.filter((norm) => leavesOf(norm.axis).some((leaf) => streamLeaves.has(leaf)));
    return [{ axis: chain.axis, layers, branches, norm: own[0]?.kind ?? null, normPlacement: placement(analysis, useful, own) }];
  });
  const named = nameStacks(analysis, stacks);
  const anatomy: Anatomy = { stacks: named, norms, attention, main: named.at(-1) };
  cache.set(analysis, anatomy);
  return anatomy;
}

interface Step {
  readonly add: FlatNode;
  readonly skip: string;
  readonly branch: string;
  readonly sum: string;
}

interface Chain {
  readonly axis: Axis;
  readonly adds: Step[];
}

/** Chains of additions in which one operand descends, through a product, from the stream that the other one is. */
function findChains(analysis: Analysis, norms: readonly Norm[]): Chain[] {
  const { flat, facts, axes, data } = analysis;
  const weights = weightLeaves(analysis);
  const steps = new Map<string, Step>();
  const normed = new Map(norms.map((norm) => [norm.output, norm.input]));
  const chainOf = new Map<string, Chain>();
  const chains: Chain[] = [];
  for (const add of flat.nodes) {
    const operands = residualOperands(add);
    if (operands === undefined) continue;
    const [a = '', b = ''] = operands;
    const sum = (add.op === 'Add' || add.op === 'Sum' ? '' : (add.outputs[3] ?? '')) || (add.outputs[0] ?? '');
    if (facts.values.get(a)?.dependence !== 'data' || facts.values.get(b)?.dependence !== 'data') continue;
    if (facts.values.get(a)?.dims?.length !== facts.values.get(b)?.dims?.length) continue;
    const axis = streamAxis(sum);
    if (axis === undefined) continue;
    const skip = [a, b].find((x, i) => branches(unscaled(analysis, x).value, i === 0 ? b : a));
    if (skip === undefined) continue;
    const step: Step = { add, skip, branch: skip === a ? b : a, sum };
    steps.set(sum, step);
    const before = previousSum(skip, axis);
    const known = before === undefined ? undefined : chainOf.get(before);
    const chain = known !== undefined && sameAxis(known.axis, axis) ? known : { axis, adds: [] };
    if (chain.adds.length === 0) chains.push(chain);
    chain.adds.push(step);
    chainOf.set(sum, chain);
  }
  return chains;

  /** The last dimension (or channels) of a stream is the one that weights read. */
  function streamAxis(value: string): Axis | undefined {
    const own = (axes.of(value) ?? []).filter((axis) => hintOf(axis) > 1 && leavesOf(axis).some((leaf) => weights.has(leaf)));
    return own.length === 0 ? undefined : find(own.at(-1) as Axis);
  }

  /** True when `to` is computed from the stream value `from` by products with weights. */
  function branches(from: string, to: string): boolean {
    const producer = data.producer(from);
    if (producer === undefined) return inputReaches(from, to);
    if (data.isAncestor(producer, to)) return productBetween(from, to);
    const step = steps.get(from);
    return step !== undefined && branches(step.skip, to);
  }

  function productBetween(from: string, to: string): boolean {
    const producer = data.producer(from);
    return data
      .ancestors(to)
      .some(
        (node) =>
          isProduct(node) && node !== producer && node.inputs.some((name) => name === from || (producer !== undefined && data.isAncestor(producer, name))),
      );
  }

  function inputReaches(from: string, to: string): boolean {
    const readers = data.consumers(from).map(({ node }) => node);
    return readers.some((node) => node.outputs.some((output) => output === to) || data.isAncestor(node, to));
  }

  /** The sum that a skip value is, or is a norm, cast or mask of. */
  function previousSum(skip: string, axis: Axis): string | undefined {
    let value = skip;
    for (let hop = 0; hop < 40; hop++) {
      if (steps.has(value)) return value;
      const before = normed.get(value);
      if (before !== undefined) {
        value = before;
        continue;
      }
      const node = data.producer(value);
      if (node === undefined || isProduct(node)) return undefined;
      const next = data
        .dataInputs(node)
        .find((i) => facts.values.get(node.inputs[i] ?? '')?.dependence === 'data' && (axes.ofInput(node, i) ?? []).some((own) => sameAxis(own, axis)));
      if (next === undefined) return undefined;
      value = node.inputs[next] ?? '';
    }
    return undefined;
  }
}

const MOVES = new Set(['Identity', 'Dropout', 'Reshape', 'Squeeze', 'Unsqueeze', 'Transpose']);

/** The value behind moves and casts to the same type, which change no element. */
export function unmoved(analysis: Analysis, value: string): string {
  const { data, facts } = analysis;
  const node = data.producer(value);
  if (node === undefined) return value;
  const from = node.inputs[0] ?? '';
  const idle = node.op === 'Cast' && facts.values.get(from)?.dtype === facts.values.get(value)?.dtype;
  return MOVES.has(node.op) || idle ? unmoved(analysis, from) : value;
}

/** The value behind constant scalars (the residual factors of DeepNorm and ReZero), and those scalars. */
export function unscaled(analysis: Analysis, value: string): { value: string; scalars: readonly Operand[] } {
  const { data, facts } = analysis;
  const node = data.producer(value);
  if (node === undefined || (node.op !== 'Mul' && node.op !== 'Div')) return { value, scalars: [] };
  const isScalar = (input: number): boolean =>
    facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant' &&
    (facts.values.get(node.inputs[input] ?? '')?.dims ?? [2]).every((size) => size === 1);
  const scalar = isScalar(1) ? 1 : node.op === 'Mul' && isScalar(0) ? 0 : -1;
  if (scalar < 0) return { value, scalars: [] };
  const rest = unscaled(analysis, node.inputs[1 - scalar] ?? '');
  return { value: rest.value, scalars: [{ node, input: scalar }, ...rest.scalars] };
}

function residualOperands(node: FlatNode): readonly string[] | undefined {
  if (node.op === 'Add' || node.op === 'Sum') return node.inputs.length === 2 ? node.inputs : undefined;
  return node.op === 'com.microsoft.SkipLayerNormalization' || node.op === 'com.microsoft.SkipSimplifiedLayerNormalization'
    ? node.inputs.slice(0, 2)
    : undefined;
}

/** Every block belongs to the branch with the fewest nodes that contains it. */
function assignAttention(analysis: Analysis, chains: readonly Chain[], attention: readonly Attention[]): Map<Step, Attention[]> {
  const { data } = analysis;
  const owned = new Map<Step, Attention[]>();
  const steps = chains.flatMap((chain) => chain.adds);
  for (const block of attention) {
    const homes = steps.filter((step) => data.isAncestor(block.value, step.branch) && !data.isAncestor(block.value, step.skip));
    const first = homes.sort((x, y) => (data.index.get(x.add) ?? 0) - (data.index.get(y.add) ?? 0))[0];
    if (first === undefined) continue;
    owned.set(first, [...(owned.get(first) ?? []), block]);
  }
  return owned;
}

/** Cross-attention reads keys that do not come from its own stream. */
function roleOf({ data }: Analysis, attention: Attention, chain: Chain): 'self' | 'cross' {
  const [first] = chain.adds;
  if (first === undefined) return 'self';
  const root = data.producer(first.skip);
  const step = chain.adds.find((own) => data.isAncestor(attention.value, own.branch) && !data.isAncestor(attention.value, own.skip));
  const near = step === undefined ? undefined : data.producer(step.skip);
  if (near !== undefined && data.isAncestor(near, attention.key)) return 'self';
  if (near === undefined && root === undefined) return 'self';
  const parallel = step === undefined ? undefined : chain.adds.find((own) => own.sum === step.skip);
  const earlier = parallel === undefined ? undefined : data.producer(parallel.skip);
  return earlier !== undefined && data.isAncestor(earlier, attention.key) ? 'self' : 'cross';
}

const ACTIVATIONS: readonly (readonly [string, string])[] = [
  ['com.microsoft.QuickGelu', 'quick_gelu'],
  ['Erf', 'gelu'],
  ['Gelu', 'gelu'],
  ['com.microsoft.Gelu', 'gelu'],
  ['com.microsoft.BiasGelu', 'gelu'],
  ['com.microsoft.FastGelu', 'gelu'],
  ['Tanh', 'gelu'],
  ['Relu', 'relu'],
  ['Sigmoid', 'silu'],
  ['HardSwish', 'hard_swish'],
  ['Swish', 'silu'],
  ['Mish', 'mish'],
  ['Elu', 'elu'],
  ['LeakyRelu', 'leaky_relu'],
  ['Softplus', 'softplus'],
  ['Selu', 'selu'],
  ['PRelu', 'prelu'],
  ['Softsign', 'softsign'],
  ['HardSigmoid', 'hard_sigmoid'],
  ['Clip', 'relu6'],
  ['Exp', 'exp'],
  ['Sin', 'sin'],
  ['Abs', 'abs'],
];

/** Products with weights whose inner axis was made by other products with weights, with a non-linear function between. */
function findMlps(analysis: Analysis, step: Step, exclude: ReadonlySet<Axis>, chains: readonly Chain[]): Mlp[] {
  const { data, facts, axes } = analysis;
  const others = chains
    .flatMap((chain) => chain.adds)
    .filter((own) => own !== step && data.isAncestor(own.add, step.branch) && !data.isAncestor(own.add, step.skip));
  const inBranch = data.ancestors(step.branch).filter((node) => {
    const before = data.producer(step.skip);
    return (before === undefined || !data.isAncestor(node, step.skip)) && !others.some((own) => data.isAncestor(node, own.sum));
  });
  return inBranch.flatMap((writer): Mlp[] => {
    if (!isProduct(writer)) return [];
    const relation = facts.relations.get(writer);
    if (relation?.kind !== 'labels') return [];
    const weight = [1, 0].find((input) => facts.values.get(writer.inputs[input] ?? '')?.dependence === 'constant');
    const [label] = contractedLabels(relation);
    if (weight === undefined || label === undefined) return [];
    const axis = axes.ofInput(writer, weight)?.[relation.inputs[weight]?.indexOf(label) ?? -1];
    if (axis === undefined || leavesOf(axis).some((leaf) => exclude.has(leaf))) return [];
    const found = innerPath(analysis, writer.inputs[1 - weight] ?? '', find(axis));
    return found === undefined || found.sources === 0 ? [] : [{ axis: find(axis), gated: found.gated, activation: found.activation, writer }];
  });
}

/** Walks back from the inner activations to the products that made them. */
function innerPath({ data, facts, axes }: Analysis, start: string, axis: Axis): { sources: number; gated: boolean; activation: string } | undefined {
  const queue = [start];
  const seen = new Set<string>();
  const ops = new Set<string>();
  const sources = new Set<string>();
  let gated = false;
  const leaves = new Set(leavesOf(axis));
  const onAxis = (value: string): boolean => (axes.of(value) ?? []).some((own) => leavesOf(own).some((leaf) => leaves.has(leaf)));
  const reach = (value: string): Set<string> => {
    const made = new Set<string>();
    const stack = [value];
    const visited = new Set<string>();
    while (stack.length > 0) {
      const at = stack.pop() as string;
      if (visited.has(at) || facts.values.get(at)?.dependence !== 'data' || !onAxis(at)) continue;
      visited.add(at);
      const node = data.producer(at);
      if (node === undefined) continue;
      if (isProduct(node)) made.add(at);
      else if (node.op === 'Split' || node.op === 'Slice' || node.op === 'Gather') made.add(at);
      else stack.push(...data.dataInputs(node).map((i) => node.inputs[i] ?? ''));
    }
    return made;
  };
  while (queue.length > 0) {
    const value = queue.pop() as string;
    if (seen.has(value) || facts.values.get(value)?.dependence !== 'data' || !onAxis(value)) continue;
    seen.add(value);
    const node = data.producer(value);
    if (node === undefined) continue;
    if (isProduct(node)) {
      if (node.inputs.slice(0, 2).every((name) => facts.values.get(name)?.dependence === 'data')) return undefined;
      sources.add(value);
      continue;
    }
    ops.add(node.op);
    const inputs = data.dataInputs(node).map((i) => node.inputs[i] ?? '');
    if (node.op === 'Mul' && inputs.length === 2 && !gated) {
      const [left, right] = inputs.map(reach);
      gated =
        [...(left ?? [])].some((value) => !right?.has(value)) &&
        [...(right ?? [])].some((value) => !left?.has(value)) &&
        (left?.size ?? 0) > 0 &&
        (right?.size ?? 0) > 0 &&
        ![...(left ?? [])].some((value) => right?.has(value));
    }
    queue.push(...inputs);
  }
  const activation = ACTIVATIONS.find(([op]) => ops.has(op))?.[1];
  return { sources: activation === undefined && !gated ? 0 : sources.size, gated, activation: activation ?? 'none' };
}

/** Groups the branches of a stack into layers: the shortest pattern that repeats, else a new layer at each self-attention. */
function groupLayers(branches: readonly Branch[]): Layer[] {
  const useful = branches.filter((branch) => branch.attention.length + branch.mlps.length > 0);
  const signature = useful.map((branch) => [...branch.attention.map((a) => a.role), ...branch.mlps.map(() => 'mlp')].join('+'));
  const groups: Branch[][] = [];
  const period = shortestPeriod(signature);
  if (period !== undefined) for (let i = 0; i < useful.length; i += period) groups.push(useful.slice(i, i + period));
  else {
    for (const branch of useful) {
      const last = groups.at(-1);
      const starts = branch.attention.some((a) => a.role === 'self') && (last?.some((own) => own.attention.length > 0) ?? true);
      if (starts || last === undefined) groups.push([branch]);
      else last.push(branch);
    }
  }
  return groups.map((own, index) => ({
    index,
    branches: own,
    attention: own.flatMap((branch) => branch.attention),
    mlps: own.flatMap((branch) => branch.mlps),
  }));
}

function shortestPeriod(signature: readonly string[]): number | undefined {
  for (let period = 1; period <= signature.length; period++) {
    if (signature.length % period !== 0 || !signature.slice(0, period).some((s) => s.includes('self') || s.includes('cross'))) continue;
    if (signature.every((s, i) => s === signature[i % period]))
      return signature.slice(0, period).filter((s) => s.includes('self')).length <= 1 ? period : undefined;
  }
  return undefined;
}

/** Where norms stand: on what branches read, on what they add, on the sum, or nowhere. */
function placement(analysis: Analysis, branches: readonly Branch[], norms: readonly Norm[]): Stack['normPlacement'] {
  const { data } = analysis;
  let pre = 0;
  let out = 0;
  let post = 0;
  for (const branch of branches) {
    const inside = (value: string): boolean => {
      const node = data.producer(value);
      return node !== undefined && data.isAncestor(node, branch.branch) && !data.isAncestor(node, branch.skip);
    };
    const own = norms.filter((norm) => inside(norm.core));
    const before = data.producer(branch.skip);
    const joint = norms.some(
      (norm) =>
        norm.input === branch.skip && norm.fused && data.producer(norm.output) === before && before !== undefined && data.isAncestor(before, branch.branch),
    );
    if (joint || own.some((norm) => isFirst(norm))) pre++;
    if (own.some((norm) => isLast(norm))) out++;
    if (norms.some((norm) => unmoved(analysis, norm.input) === unmoved(analysis, branch.sum) || norm.core === branch.sum) && !own.some(isFirst)) post++;

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
function nameStacks(analysis: Analysis, stacks: readonly Omit<Stack, 'name'>[]): readonly Stack[] {
  const { flat, axes } = analysis;
  const names = new Map<string, number>();
  const taken = new Map<unknown, string>();
  return stacks.map((stack) => {
    const widths = new Set(stack.layers.flatMap((layer) => layer.attention.flatMap((own) => [...leavesOf(own.qk), ...leavesOf(own.v)])));
    const caches = flat.inputs.some((input) => (axes.of(input.name) ?? []).some((axis) => leavesOf(axis).some((leaf) => widths.has(leaf))));
    const perToken = flat.outputs.some((output) => {
      const own = axes.of(output.name) ?? [];
      return own.length === 3 && !sameAxis(own[2] as Axis, stack.axis);
    });
    const decodes = stack.layers.some((layer) => layer.attention.some((own) => own.role === 'cross'));
    const base = decodes || (stacks.length === 1 && (caches || (perToken && stack.normPlacement !== 'post'))) ? 'decoder' : 'encoder';
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

/** Two stacks with the same weights: the branches of an `If` that runs with or without caches. */
export function isTwin(a: Omit<Stack, 'name'>, b: Omit<Stack, 'name'>): boolean {
  const first = (stack: Omit<Stack, 'name'>): unknown => stack.layers[0]?.mlps[0]?.axis ?? stack.layers[0]?.attention[0]?.qk;
  return a.layers.length === b.layers.length && first(a) !== undefined && first(a) === first(b);
}
