/**
 * Attention blocks by structure: two products of activations, the second of which contracts what the first one made new
 * (the key positions), with a normaliser between them.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, factorsOf, find, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { factorNames, findNorms, isProduct, type Norm } from './norms.ts';
import { factorInputs, ruleOf } from './op-rules.ts';
import { baseLabels, type FusedAttention, type Labels } from './relation.ts';
import { equal, product, type Size } from './size.ts';
import { reducedAxis } from './spelled-norms.ts';

/** An attention block, spelled out in products or one fused operator. */
export interface Attention {
  readonly kind: string;
  /** The product of queries and keys; for a fused operator the operator itself. */
  readonly score: FlatNode;
  /** The product of weights and values; for a fused operator the operator itself. */
  readonly value: FlatNode;
  readonly fused: string | null;
  /** Operand of `score` that holds the keys; for a fused operator the operand that feeds them. */
  readonly keyInput: number;
  /** The values that hold queries and keys as they are multiplied. */
  readonly query: string;
  readonly key: string;
  readonly values: string;
  readonly output: string;
  /** Leaves whose sizes multiply to the number of query heads, outermost first. */
  readonly heads: readonly Axis[];
  /** Those of them that keys and values have too. */
  readonly kvHeads: readonly Axis[];
  readonly qk: Axis;
  readonly v: Axis;
  readonly rope: boolean;
  readonly qkNorm: 'layer' | 'rms' | null;
  /** Where keys are zeroed when their width grows: operands' dimensions, from one old index to another (fused operators). */
  readonly keys: FusedAttention['keys'];
  /** The head width must stay a multiple of this. */
  readonly multipleOf: number;
}

const SCORE_PATH = new Set(['Softmax', 'Concat', 'If', 'ScatterND', 'Slice', 'Trilu', 'IsNaN', 'Gather', 'GatherElements']);

/** Finds every attention block that is spelled out in products. */
export function findAttention(analysis: Analysis): Attention[] {
  const { flat } = analysis;
  const norms = findNorms(analysis);
  const weights = weightLeaves(analysis);
  return flat.nodes.flatMap((node) => {
    const relation = analysis.facts.relations.get(node);
    if (relation?.kind === 'labels' && relation.attention !== undefined) return fusedAttention(analysis, node, relation.attention, norms);
    return isProduct(node) && activations(analysis, node) ? (spelledOut(analysis, node, weights, norms) ?? []) : [];
  });
}

function fusedAttention(analysis: Analysis, node: FlatNode, own: FusedAttention, norms: readonly Norm[]): Attention[] {
  const { axes } = analysis;
  const leaves = (labels: readonly string[]): Axis[] =>
    labels.flatMap((label) => (axes.ofLabel(node, label) === undefined ? [] : leavesOf(axes.ofLabel(node, label) as Axis))).filter((leaf) => leaf.size !== 1);
  const [qk, v] = [axes.ofLabel(node, own.qk), axes.ofLabel(node, own.v)];
  if (qk === undefined || v === undefined) return [];
  const input = (i: number): string => ((node.inputs[i] ?? '') === '' ? (node.inputs[own.query] ?? '') : (node.inputs[i] ?? ''));
  const key = input(own.key);
  const path = pathToProjection(analysis, key);
  return [
    {
      kind: 'softmax',
      score: node,
      value: node,
      fused: node.op,
      keyInput: own.key,
      query: input(own.query),
      key,
      values: input(own.value),
      output: node.outputs[0] ?? '',
      heads: leaves(own.heads),
      kvHeads: leaves(own.kvHeads),
      qk: find(qk),
      v: find(v),
      rope: own.rope || rotated(analysis, path, new Set(leavesOf(qk))),
      qkNorm: normOnPath(analysis, path, new Set(leavesOf(qk)), norms),
      keys: own.keys,
      multipleOf: own.multipleOf,
    },
  ];
}

/** Leaves of the dimensions of all weights that activations are multiplied with. */
export function weightLeaves(analysis: Analysis): ReadonlySet<Axis> {
  const { flat, axes } = analysis;
  const leaves = new Set<Axis>();
  for (const node of flat.nodes) {
    if (!isProduct(node)) continue;
    factorInputs(node).forEach((input) => {
      const name = node.inputs[input] ?? '';
      if (!isMatrix(analysis, name)) return;
      for (const axis of axes.ofInput(node, input) ?? []) for (const own of leavesOf(axis)) leaves.add(own);
    });
  }
  return leaves;
}

/** True when both factors of a product are computed from the model's inputs. */
const activations = ({ facts }: Analysis, node: FlatNode): boolean => factorNames(node).every((name) => facts.values.get(name)?.dependence === 'data');

function spelledOut(analysis: Analysis, value: FlatNode, weights: ReadonlySet<Axis>, norms: readonly Norm[]): Attention | undefined {
  const relation = analysis.facts.relations.get(value);
  if (relation?.kind !== 'labels') return undefined;
  const contracted = contractedLabels(value, relation);
  if (contracted.length !== 1) return undefined;
  for (const weightsInput of [0, 1]) {
    const dim = relation.inputs[weightsInput]?.indexOf(contracted[0] ?? '') ?? -1;
    const found = traceScore(analysis, value.inputs[weightsInput] ?? '', dim);
    if (found === undefined) continue;
    return describe(analysis, found, value, 1 - weightsInput, weights, norms);
  }
  return undefined;
}

interface Score {
  readonly node: FlatNode;
  readonly keyInput: number;
  readonly kind: string;
}

/** Follows attention weights back to the product that made them, keeping track of the key dimension. */
function traceScore(analysis: Analysis, start: string, startDim: number): Score | undefined {
  const { data, facts } = analysis;
  const queue: { value: string; dim: number; kind: string | null }[] = [{ value: start, dim: startDim, kind: null }];
  const seen = new Set<string>();
  while (queue.length > 0) {
    const item = queue.shift();
    if (item === undefined || seen.has(item.value)) continue;
    seen.add(item.value);
    const node = data.producer(item.value);
    const relation = node === undefined ? undefined : facts.relations.get(node);
    if (node === undefined || relation === undefined || facts.values.get(item.value)?.dependence !== 'data') continue;
    if (isProduct(node) && !activations(analysis, node)) {
      // talking heads: weights mix the heads of every score
      const label = relation.kind === 'labels' ? relation.outputs[0]?.[item.dim] : undefined;
      const input = [0, 1].find((own) => facts.values.get(node.inputs[own] ?? '')?.dependence === 'data') ?? 0;
      const dim = relation.kind === 'labels' && label !== undefined ? (relation.inputs[input]?.indexOf(label) ?? -1) : -1;
      if (dim >= 0) queue.push({ value: node.inputs[input] ?? '', dim, kind: item.kind });
      continue;
    }
    if (isProduct(node)) {
      if (item.kind === null || relation.kind !== 'labels') continue;
      const label = relation.outputs[0]?.[item.dim];
      const keyInput = [0, 1].find((input) => relation.inputs[input]?.includes(label ?? '') && !relation.inputs[1 - input]?.includes(label ?? ''));
      if (keyInput === undefined) continue;
      return { node, keyInput, kind: item.kind };
    }
    const kind = item.kind ?? normaliser(node, item.dim, relation.kind === 'labels' ? relation : undefined);
    if (relation.kind === 'labels' && (ruleOf(node.op)?.zero !== 'never' || SCORE_PATH.has(node.op) || kind !== null)) {
      const o = Math.max(0, node.outputs.indexOf(item.value));
      const label = relation.outputs[o]?.[item.dim] ?? '';
      relation.inputs.forEach((labels, input) => {
        const dim = labels?.indexOf(label) ?? -1;
        if (dim >= 0 && (node.op !== 'Where' || input > 0)) queue.push({ value: node.inputs[input] ?? '', dim, kind });
      });
    } else if (relation.kind === 'reshape') {
      const dim = sameDimension(facts.values.get(item.value)?.dims ?? [], item.dim, facts.values.get(node.inputs[0] ?? '')?.dims ?? []);
      if (dim >= 0) queue.push({ value: node.inputs[0] ?? '', dim, kind });
    } else if (relation.kind !== 'unknown' && relation.kind !== 'gather') {
      queue.push({ value: node.inputs[0] ?? '', dim: item.dim, kind });
    }
  }
  return undefined;
}

/** The dimension of the operand of a Reshape that became dimension `d` of its result as it is; -1 when it was split or merged. */
function sameDimension(out: readonly Size[], d: number, from: readonly Size[]): number {
  const before = product(out.slice(0, d));
  const fits = from.map((size, i) => equal(size, out[d] ?? -1) && equal(product(from.slice(0, i)), before));
  return fits.indexOf(true);
}

/** The name of the function that turns scores into weights, if this node is one. */
function normaliser(node: FlatNode, dim: number, relation: Labels | undefined): string | null {
  if (node.op === 'Softmax') return relation?.mixes?.includes(`d${dim}`) === true ? 'softmax' : null;
  if (node.op === 'Relu') return 'relu';
  if (node.op === 'Sigmoid') return 'sigmoid';
  if (node.op === 'Softplus') return 'softplus';
  return null;
}

function describe(
  analysis: Analysis,
  score: Score,
  value: FlatNode,
  valuesInput: number,
  weights: ReadonlySet<Axis>,
  norms: readonly Norm[],
): Attention | undefined {
  const { axes, facts } = analysis;
  const scoreRelation = facts.relations.get(score.node);
  const valueRelation = facts.relations.get(value);
  if (scoreRelation?.kind !== 'labels' || valueRelation?.kind !== 'labels') return undefined;
  const [contracted] = contractedLabels(score.node, scoreRelation);
  const keyDim = scoreRelation.inputs[score.keyInput]?.indexOf(contracted ?? '') ?? -1;
  const qk = axes.ofInput(score.node, score.keyInput)?.[keyDim];
  const values = valueRelation.inputs[valuesInput] ?? [];
  const other = valueRelation.inputs[1 - valuesInput] ?? [];
  const vDim = values.findIndex((label) => label !== '' && !other.includes(label) && (valueRelation.outputs[0] ?? []).includes(label));
  const v = axes.ofInput(value, valuesInput)?.[vDim];
  const output = value.outputs[0] ?? '';
  if (qk === undefined || v === undefined) return undefined;
  const queryLabels = scoreRelation.inputs[1 - score.keyInput] ?? [];
  const keyLabels = scoreRelation.inputs[score.keyInput] ?? [];
  const queryAxes = axes.ofInput(score.node, 1 - score.keyInput) ?? [];
  const isBatch = (label: string): boolean => (scoreRelation.outputs[0] ?? []).includes(label) && label !== 'm' && label !== contracted;
  const candidates = queryLabels.flatMap((label, d) => (isBatch(label) || label === '' || !keyLabels.includes(label) ? factorsOf(queryAxes[d] as Axis) : []));
  const vLeaves = new Set(leavesOf(v));
  const qkLeaves = new Set(leavesOf(qk));
  const heads = candidates
    .map(find)
    .filter((axis) => axis.form === 'leaf' && axis.size !== 1 && weights.has(axis) && !vLeaves.has(axis) && !qkLeaves.has(axis));
  const key = score.node.inputs[score.keyInput] ?? '';
  const path = pathToProjection(analysis, key);
  const carrying = path.filter((name) => (axes.of(name) ?? []).some((axis) => leavesOf(axis).some((leaf) => qkLeaves.has(leaf))));
  const kvHeads = heads.filter((leaf) => carrying.every((name) => (axes.of(name) ?? []).some((axis) => leavesOf(axis).includes(leaf))));
  return {
    kind: score.kind,
    score: score.node,
    value,
    fused: null,
    keyInput: score.keyInput,
    query: score.node.inputs[1 - score.keyInput] ?? '',
    key,
    values: value.inputs[valuesInput] ?? '',
    output,
    heads: [...new Set(heads)],
    kvHeads: [...new Set(kvHeads)],
    qk: find(qk),
    v: find(v),
    rope: rotated(analysis, path, qkLeaves) || rotated(analysis, pathToProjection(analysis, score.node.inputs[1 - score.keyInput] ?? ''), qkLeaves),
    qkNorm: normOnPath(analysis, path, qkLeaves, norms),
    keys: [],
    multipleOf: 1,
  };
}

/** Labels that a sum of products sums over. */
export function contractedLabels(node: FlatNode, relation: Labels): string[] {
  const [first, second] = factorInputs(node);
  const other = baseLabels(relation, second);
  return baseLabels(relation, first).filter((label) => label !== '' && other.includes(label) && !relation.outputs[0]?.includes(label));
}

/** Values from a projected activation back to (not including) the nearest product with a weight; all branches. */
export function pathToProjection(analysis: Analysis, start: string): string[] {
  const { data, facts } = analysis;
  const path: string[] = [];
  const queue = [start];
  const seen = new Set<string>();
  while (queue.length > 0 && path.length < 200) {
    const value = queue.pop();
    if (value === undefined || seen.has(value) || facts.values.get(value)?.dependence !== 'data') continue;
    seen.add(value);
    const node = data.producer(value);
    if (node !== undefined && isProduct(node)) continue;
    path.push(value);
    if (node === undefined) continue;
    const rule = ruleOf(node.op);
    const inputs = data.dataInputs(node);
    if (rule?.zero === 'any' || rule?.zero === 'first') {
      const wide = inputs.filter((i) => descendsFromProduct(analysis, node.inputs[i] ?? ''));
      queue.push(...(wide.length > 0 ? wide : inputs).map((i) => node.inputs[i] ?? ''));
    } else queue.push(...inputs.map((i) => node.inputs[i] ?? ''));
  }
  return path;
}

const descendsFromProduct = (analysis: Analysis, value: string): boolean =>
  analysis.data.ancestors(value).some((node) => isProduct(node) && factorNames(node).some((name) => isMatrix(analysis, name)));

/** A constant with more than one dimension that matters; frequencies times positions are no projection. */
const isMatrix = ({ facts }: Analysis, name: string): boolean => {
  const value = facts.values.get(name);
  return value?.dependence === 'constant' && (value.dims ?? []).filter((size) => size !== 1).length > 1;
};

/** Rotary embedding: a product with a table over positions and (half of) the query/key axis. */
function rotated(analysis: Analysis, path: readonly string[], qkLeaves: ReadonlySet<Axis>): boolean {
  const { data, axes, facts } = analysis;
  return path.some((value) => {
    const node = data.producer(value);
    if (node === undefined) return false;
    if (node.op === 'RotaryEmbedding' || node.op === 'com.microsoft.RotaryEmbedding') return true;
    if (node.op !== 'Mul') return false;
    return node.inputs.some((name, input) => {
      if (path.includes(name)) return false;
      const own = axes.ofInput(node, input) ?? [];
      const wide = own.filter((axis) => find(axis).size !== 1);
      return (
        wide.length >= 2 &&
        wide.some((axis) => leavesOf(axis).some((leaf) => qkLeaves.has(leaf))) &&
        (facts.values.get(name)?.dims?.length ?? 0) >= 2 &&
        !descendsFromProduct(analysis, name)
      );
    });
  });
}

function normOnPath(analysis: Analysis, path: readonly string[], qkLeaves: ReadonlySet<Axis>, norms: readonly Norm[]): 'layer' | 'rms' | null {
  const on = new Set(path);
  const found = norms.find((norm) => on.has(norm.core) && leavesOf(norm.axis).some((leaf) => qkLeaves.has(leaf)));
  if (found !== undefined) return found.kind;
  const statistic = path.some((value) => {
    const node = analysis.data.producer(value);
    const axis = node === undefined || !node.op.startsWith('Reduce') ? undefined : reducedAxis(analysis, node);
    return axis !== undefined && leavesOf(axis).some((leaf) => qkLeaves.has(leaf));
  });
  return statistic ? 'rms' : null;
}
