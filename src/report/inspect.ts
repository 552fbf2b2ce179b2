/** What a model is, in numbers: the object of `grow inspect --json`. */
import { type Anatomy, findAnatomy } from '../analysis/anatomy.ts';
import { type Axis, find, hintOf } from '../analysis/axis.ts';
import { analyze } from '../analysis/graph-analysis.ts';
import type { Layer } from '../analysis/layers.ts';
import type { Stack } from '../analysis/stacks.ts';
import { followed } from '../errors.ts';
import { opsetVersion } from '../onnx/graph.ts';
import type { Model } from '../onnx/ir.ts';
import type { AxisName } from '../transforms/recipe.ts';
import { findGrowable } from './growable.ts';
import { countParameters } from './parameters.ts';
import { sharesLayers } from './shared-layers.ts';
import { findVocabulary } from './vocabulary.ts';

/** One attention block. Widths are per head, in elements. */
export interface AttentionReport {
  readonly role: 'self' | 'cross';
  /** What turns scores into weights: `softmax`, `relu`, … */
  readonly kind: string;
  readonly heads: number;
  /** Key/value heads: as many as `heads` in plain multi-head attention. */
  readonly kvHeads: number;
  readonly qk: number;
  readonly v: number;
  readonly rope: boolean;
  readonly qkNorm: 'layer' | 'rms' | null;
  /** The operator that holds the whole block, such as `com.microsoft.GroupQueryAttention`. */
  readonly fused: string | null;
}

/** One layer; `index` counts per stack. */
export interface LayerReport {
  readonly index: number;
  readonly stack: string;
  readonly mlp: { readonly size: number; readonly gated: boolean; readonly activation: string } | null;
  readonly attention: readonly AttentionReport[];
}

/** One residual stream. */
export interface StreamReport {
  readonly name: string;
  readonly hidden: number;
  readonly norm: 'layer' | 'rms' | null;
  readonly normPlacement: 'pre' | 'post' | 'both' | 'none';
}

/** What `inspect` finds. Sizes that a model does not have, or that were not recognised, are null. */
export interface Inspection {
  /** The path; null for a model that is no file. */
  readonly file: string | null;
  readonly producer: string;
  readonly opset: number;
  /** Stored float weights; a tensor used twice counts once, a stored copy counts. */
  readonly parameters: number;
  readonly hidden: number | null;
  readonly vocab: number | null;
  readonly norm: 'layer' | 'rms' | null;
  readonly normPlacement: 'pre' | 'post' | 'both' | 'none';
  readonly tiedEmbeddings: boolean;
  readonly sharedLayers: boolean;
  readonly streams: readonly StreamReport[];
  readonly layers: readonly LayerReport[];
  readonly growable: Readonly<Record<AxisName, boolean>>;
  /** Why an axis cannot grow, and what would make it possible. */
  readonly reasons: Readonly<Partial<Record<AxisName, string>>>;
}

/** Inspects a model. Weights are not read, but for a sample where two tables may be copies of each other. */
export const inspectModel = (model: Model, file: string | null = null): Inspection => followed(() => inspected(model, file));

function inspected(model: Model, file: string | null): Inspection {
  const analysis = analyze(model);
  const anatomy = findAnatomy(analysis);
  const stacks = distinctStacks(anatomy.stacks);
  const streams = stacks.map(streamReport);
  const main = mainStack(anatomy, stacks);
  const vocabulary = findVocabulary(analysis, main);
  return {
    file,
    producer: `${model.producerName} ${model.producerVersion}`.trim(),
    opset: opsetVersion(model),
    parameters: countParameters(analysis),
    hidden: main === undefined ? null : hintOf(main.axis),
    vocab: vocabulary.size,
    norm: main?.norm ?? null,
    normPlacement: main?.normPlacement ?? 'none',
    tiedEmbeddings: vocabulary.tied,
    sharedLayers: stacks.some((stack) => sharesLayers(analysis, stack)),
    streams,
    layers: stacks.flatMap((stack) => stack.layers.map((layer) => layerReport(stack, layer))),
    ...findGrowable(model),
  };
}

function streamReport(stack: Stack): StreamReport {
  return { name: stack.name, hidden: hintOf(stack.axis), norm: stack.norm, normPlacement: stack.normPlacement };
}

function layerReport(stack: Stack, layer: Layer): LayerReport {
  const [mlp] = layer.mlps;
  return {
    index: layer.index,
    stack: stack.name,
    mlp: mlp === undefined ? null : { size: hintOf(mlp.axis), gated: mlp.gated, activation: mlp.activation },
    attention: layer.attention.map((block) => ({
      role: block.role,
      kind: block.kind,
      heads: product(block.heads),
      kvHeads: product(block.kvHeads),
      qk: hintOf(block.qk),
      v: hintOf(block.v),
      rope: block.rope,
      qkNorm: block.qkNorm,
      fused: block.fused,
    })),
  };
}

const product = (leaves: readonly Axis[]): number => leaves.reduce((all, leaf) => all * hintOf(leaf), 1);

const mainStack = (anatomy: Anatomy, stacks: readonly Stack[]): Stack | undefined =>
  stacks.find((stack) => anatomy.main !== undefined && isTwin(stack, anatomy.main)) ?? stacks.at(-1);

/** Branches of an `If` that run the same weights, as merged decoders have, are one stack. */
function distinctStacks(stacks: readonly Stack[]): readonly Stack[] {
  return stacks.filter((stack, i) => !stacks.slice(0, i).some((before) => isTwin(before, stack)));
}

/** True when two stacks are built of the same axes: the one cannot grow without the other. */
function isTwin(a: Stack, b: Stack): boolean {
  const own = axesOf(a);
  const other = axesOf(b);
  return own.length === other.length && own.every((axis, i) => axis === other[i]);
}

const axesOf = (stack: Stack): Axis[] =>
  [
    stack.axis,
    ...stack.layers.flatMap((layer) => [...layer.mlps.map((mlp) => mlp.axis), ...layer.attention.flatMap((block) => [...block.heads, block.qk, block.v])]),
  ].map(find);
