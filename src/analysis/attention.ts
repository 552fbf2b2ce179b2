/**
 * Attention blocks by structure: two products of activations, the second of which contracts what the first one made new
 * (the key positions), with a normaliser between them.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { isMatrix, normOnPath, pathToProjection, projectionLeaves, rotated } from './attention-paths.ts';
import { areActivations, contractedAxis, contractedLabels, isWidth, traceScore } from './attention-scores.ts';
import { type Axis, factorsOf, find, hintOf, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { findNorms, isProduct, type Norm } from './norms.ts';
import { factorInputs } from './op-rules.ts';
import type { FusedAttention } from './relation.ts';

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
  /** Why neither width can grow, where the kind of attention forbids it. */
  readonly fixed: string | null;
}

/** Finds every attention block that is spelled out in products. */
export function findAttention(analysis: Analysis): Attention[] {
  const { flat } = analysis;
  const norms = findNorms(analysis);
  const weights = weightLeaves(analysis);
  return flat.nodes.flatMap((node) => {
    const relation = analysis.facts.relations.get(node);
    if (relation?.kind === 'labels' && relation.attention !== undefined) return fusedAttention(analysis, node, relation.attention, norms);
    return isProduct(node) && areActivations(analysis, node) ? (spelledOut(analysis, node, weights, norms) ?? []) : [];
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
  const qkLeaves = new Set(leavesOf(qk));
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
      kvHeads: carriedAlong(analysis, path, qkLeaves, leaves(own.kvHeads)),
      qk: find(qk),
      v: find(v),
      rope: own.rope || rotated(analysis, path, qkLeaves),
      qkNorm: normOnPath(analysis, path, qkLeaves, norms),
      keys: own.keys,
      multipleOf: own.multipleOf,
      fixed: null,
    },
  ];
}

/** Leaves of the dimensions of all weights that activations are multiplied with. */
export function weightLeaves(analysis: Analysis): ReadonlySet<Axis> {
  const { flat, axes, facts } = analysis;
  const leaves = new Set<Axis>();
  for (const node of flat.nodes) {
    // a product of constants, as frequencies times positions, makes no weight of the positions
    if (!isProduct(node) || facts.values.get(node.outputs[0] ?? '')?.dependence !== 'data') continue;
    factorInputs(node).forEach((input) => {
      const name = node.inputs[input] ?? '';
      if (!isMatrix(analysis, name)) return;
      for (const axis of axes.ofInput(node, input) ?? []) for (const own of leavesOf(axis)) leaves.add(own);
    });
  }
  return leaves;
}

/**
 * The second product of an attention block: weights times values, or queries times what keys and values were summed to over
 * positions (linear attention, where no function stands between the products).
 */
function spelledOut(analysis: Analysis, value: FlatNode, weights: ReadonlySet<Axis>, norms: readonly Norm[]): Attention | undefined {
  const relation = analysis.facts.relations.get(value);
  if (relation?.kind !== 'labels') return undefined;
  const [contracted, ...others] = contractedLabels(value, relation);
  if (contracted === undefined || others.length > 0) return undefined;
  for (const input of [0, 1]) {
    const dim = relation.inputs[input]?.indexOf(contracted) ?? -1;
    const found = traceScore(analysis, value.inputs[input] ?? '', dim, weights);
    if (found === undefined) continue;
    const ofWidths = isWidth(contractedAxis(analysis, value, input), weights);
    if (found.kind !== null && ofWidths && !isWidth(contractedAxis(analysis, found.node, found.keyInput), weights)) {
      const made = { kind: 'channels', score: value, keyInput: input, value, made: found.node, valuesInput: found.keyInput, keys: found };
      const block = describe(analysis, made, weights, norms);
      return block === undefined ? undefined : { ...block, values: value.inputs[1 - input] ?? '', v: block.qk, fixed: CHANNELS };
    }
    if (isWidth(contractedAxis(analysis, found.node, found.keyInput), weights) || found.kind !== null) {
      const kind = found.kind ?? 'identity';
      return describe(analysis, { kind, score: found.node, keyInput: found.keyInput, value, made: value, valuesInput: 1 - input, keys: found }, weights, norms);
    }
    if (ofWidths) {
      const made = { kind: 'linear', score: value, keyInput: input, value, made: found.node, valuesInput: 1 - found.keyInput, keys: found };
      return describe(analysis, made, weights, norms);
    }
  }
  return undefined;
}

const CHANNELS = 'its weights are normalised over the channels of a head, where a new channel would take its share';

/** The products of an attention block. */
interface Products {
  readonly kind: string;
  /** The product over the query/key width and its operand that depends on keys. */
  readonly score: FlatNode;
  readonly keyInput: number;
  /** The product whose result the block hands on. */
  readonly value: FlatNode;
  /** The product that reads the values, and which operand they are. */
  readonly made: FlatNode;
  readonly valuesInput: number;
  /** The product that reads the keys, and which operand they are. */
  readonly keys: { readonly node: FlatNode; readonly keyInput: number };
}

function describe(analysis: Analysis, products: Products, weights: ReadonlySet<Axis>, norms: readonly Norm[]): Attention | undefined {
  const { axes, facts } = analysis;
  const { kind, score, keyInput, value, made, valuesInput, keys } = products;
  const relation = facts.relations.get(score);
  const madeRelation = facts.relations.get(made);
  if (relation?.kind !== 'labels' || madeRelation?.kind !== 'labels') return undefined;
  const [contracted] = contractedLabels(score, relation);
  const values = madeRelation.inputs[valuesInput] ?? [];
  const other = madeRelation.inputs[1 - valuesInput] ?? [];
  const vDim = values.findIndex((label) => label !== '' && !other.includes(label) && (madeRelation.outputs[0] ?? []).includes(label));
  const v = axes.ofInput(made, valuesInput)?.[vDim];
  const summed = contractedAxis(analysis, score, keyInput);
  if (summed === undefined || v === undefined) return undefined;
  const key = keys.node.inputs[keys.keyInput] ?? '';
  const { axis: qk, value: widest } = behindFeatureMap(analysis, key, summed, weights);
  const queryLabels = relation.inputs[1 - keyInput] ?? [];
  const keyLabels = relation.inputs[keyInput] ?? [];
  const queryAxes = axes.ofInput(score, 1 - keyInput) ?? [];
  const isBatch = (label: string): boolean => (relation.outputs[0] ?? []).includes(label) && label !== 'm' && label !== contracted;
  const candidates = queryLabels.flatMap((label, d) => (isBatch(label) || label === '' || !keyLabels.includes(label) ? factorsOf(queryAxes[d] as Axis) : []));
  const widths = new Set([...leavesOf(v), ...leavesOf(qk), ...leavesOf(summed)]);
  const query = score.inputs[1 - keyInput] ?? '';
  // windows and positions may be factors of other weights; heads are made by the projections of this block
  const asked = behindFeatureMap(analysis, query, summed, weights).value;
  const projected = projectionLeaves(analysis, [asked, widest, made.inputs[valuesInput] ?? '']);
  const makers = projected.size > 0 ? projected : weights;
  const heads = candidates.map(find).filter((axis) => axis.form === 'leaf' && axis.size !== 1 && makers.has(axis) && !widths.has(axis));
  const path = pathToProjection(analysis, widest);
  const qkLeaves = new Set(leavesOf(qk));
  return {
    kind,
    score,
    value,
    fused: null,
    keyInput,
    query,
    key,
    values: made.inputs[valuesInput] ?? '',
    output: value.outputs[0] ?? '',
    heads: [...new Set(heads)],
    kvHeads: [...new Set(carriedAlong(analysis, path, qkLeaves, heads))],
    qk: find(qk),
    v: find(v),
    rope: rotated(analysis, path, qkLeaves) || rotated(analysis, pathToProjection(analysis, query), qkLeaves),
    qkNorm: normOnPath(analysis, path, qkLeaves, norms),
    keys: [],
    multipleOf: 1,
    fixed: null,
  };
}

/** Of the leaves of heads those that every value on the way of the keys has: the others share keys. */
function carriedAlong({ axes }: Analysis, path: readonly string[], qkLeaves: ReadonlySet<Axis>, heads: readonly Axis[]): Axis[] {
  const leavesAt = (name: string): Axis[] => (axes.of(name) ?? []).flatMap(leavesOf);
  const carrying = path.map(leavesAt).filter((leaves) => leaves.some((leaf) => qkLeaves.has(leaf)));
  return heads.filter((leaf) => carrying.every((leaves) => leaves.includes(leaf)));
}

/** The head width of keys that were mapped to features by a constant matrix (Performers), and the value before that. */
function behindFeatureMap(analysis: Analysis, key: string, features: Axis, weights: ReadonlySet<Axis>): { axis: Axis; value: string } {
  const { axes, data, facts } = analysis;
  const widths = new Set(leavesOf(features));
  for (const name of pathToProjection(analysis, key)) {
    const node = data.producer(name);
    for (const before of node === undefined ? [] : data.dataInputs(node).map((i) => node.inputs[i] ?? '')) {
      const product = data.producer(before);
      if (product === undefined || !isProduct(product)) continue;
      const input = [0, 1].find((own) => facts.values.get(product.inputs[own] ?? '')?.dependence === 'data');
      const axis = input === undefined ? undefined : contractedAxis(analysis, product, input);
      const operand = product.inputs[input ?? 0] ?? '';
      const projected = projectionLeaves(analysis, [operand]);
      const perHead = (axes.of(operand) ?? []).some((own) => own !== axis && hintOf(own) > 1 && isWidth(own, weights) && isWidth(own, projected));
      const makes = (axes.of(before) ?? []).some((own) => leavesOf(own).some((leaf) => widths.has(leaf)));
      if (axis !== undefined && perHead && makes && !leavesOf(axis).some((leaf) => widths.has(leaf))) return { axis, value: operand };
    }
  }
  return { axis: features, value: key };
}
