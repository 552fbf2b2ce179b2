/**
 * Normalisations, fused or spelled out: a statistic over one axis whose broadcast result divides the values it came from.
 *
 * LayerNorm: y = (x − mean x) / √(mean (x − mean x)² + ε) · γ + β. RMSNorm: y = x / √(mean x² + ε) · γ.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, find, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import { ruleOf } from './op-rules.ts';

/** An operand of a node. */
export interface Operand {
  readonly node: FlatNode;
  readonly input: number;
}

/** A normalisation and where its numbers stand. */
export interface Norm {
  readonly kind: 'layer' | 'rms';
  readonly axis: Axis;
  /** The value that is normalised. */
  readonly input: string;
  /** The normalised value before gain and bias; for a fused operator its result. */
  readonly core: string;
  /** The value after gain and bias. */
  readonly output: string;
  /** Reductions that make the statistics; the operator itself when fused. */
  readonly statistics: readonly FlatNode[];
  readonly fused: boolean;
  /** A constant operand, or the fused operator's attribute; null without epsilon. */
  readonly epsilon: Operand | 'attribute' | null;
  readonly gain: Operand | null;
  readonly bias: Operand | null;
}

const STATISTIC_CHAIN = new Set(['Add', 'Sqrt', 'Reciprocal', 'Div', 'Pow', 'Cast', 'Identity', 'Max', 'Clip', 'Mul', 'CastLike']);
const SHAPE_KEEPING = new Set(['Cast', 'Identity', 'CastLike']);
const FUSED = new Map<string, { kind: 'layer' | 'rms'; gain: number; bias: number }>([
  ['LayerNormalization', { kind: 'layer', gain: 1, bias: 2 }],
  ['RMSNormalization', { kind: 'rms', gain: 1, bias: -1 }],
  ['SimplifiedLayerNormalization', { kind: 'rms', gain: 1, bias: -1 }],
  ['com.microsoft.SkipLayerNormalization', { kind: 'layer', gain: 2, bias: 3 }],
  ['com.microsoft.SkipSimplifiedLayerNormalization', { kind: 'rms', gain: 2, bias: -1 }],
  ['com.microsoft.EmbedLayerNormalization', { kind: 'layer', gain: 5, bias: 6 }],
]);

/** Norms that add their operands first: the normalised sum is their last result. */
const SUMS: ReadonlyMap<string, number> = new Map([
  ['com.microsoft.SkipLayerNormalization', 3],
  ['com.microsoft.SkipSimplifiedLayerNormalization', 3],
  ['com.microsoft.EmbedLayerNormalization', 2],
]);

/** Finds every normalisation over a single axis. */
export function findNorms(analysis: Analysis): Norm[] {
  const { flat } = analysis;
  return flat.nodes.flatMap((node) => {
    const fused = FUSED.get(node.op);
    if (fused !== undefined) return fusedNorm(analysis, node, fused);
    return node.op === 'ReduceMean' ? (spelledOut(analysis, node) ?? []) : [];
  });
}

function fusedNorm({ axes, facts, data }: Analysis, node: FlatNode, form: { kind: 'layer' | 'rms'; gain: number; bias: number }): Norm[] {
  const summed = SUMS.get(node.op);
  const axis = axes.of(node.outputs[0] ?? '')?.at(-1);
  const relation = facts.relations.get(node);
  const output = node.outputs[0] ?? '';
  if (axis === undefined || relation?.kind !== 'labels' || relation.mixes?.length !== 1) return [];
  const operand = (input: number): Operand | null => (input >= 0 && (node.inputs[input] ?? '') !== '' ? { node, input } : null);
  const cut = data.producer(node.inputs[0] ?? '');
  const joined = data.consumers(output).find((reader) => reader.node.op === 'Concat')?.node;
  const block =
    summed === undefined &&
    cut?.op === 'Slice' &&
    joined !== undefined &&
    facts.values.get(cut.inputs[0] ?? '')?.dims?.length === facts.values.get(joined.outputs[0] ?? '')?.dims?.length;
  return [
    {
      kind: form.kind,
      axis: find(axis),
      input: (summed !== undefined ? node.outputs[summed] : block ? cut.inputs[0] : node.inputs[0]) ?? '',
      core: output,
      output: (block ? joined.outputs[0] : output) ?? '',
      statistics: [node],
      fused: true,
      epsilon: 'attribute',
      gain: operand(form.gain),
      bias: operand(form.bias),
    },
  ];
}

/** The norm whose variance or mean square is computed by this ReduceMean. */
function spelledOut(analysis: Analysis, reduce: FlatNode): Norm | undefined {
  const { axes, facts, data } = analysis;
  const axis = reducedAxis(analysis, reduce);
  const squared = data.producer(uncut(analysis, reduce.inputs[0] ?? ''));
  const base = squared === undefined ? undefined : squareOf(analysis, squared);
  if (axis === undefined || base === undefined) return undefined;
  let value = reduce.outputs[0] ?? '';
  let epsilon: Operand | null = null;
  for (let step = 0; step < 12; step++) {
    const readers = data.consumers(value).filter(({ node }) => node.op !== 'Shape');
    const [reader] = readers;
    if (reader === undefined || readers.some(({ node }) => node !== reader.node)) return undefined;
    const { node, input } = reader;
    const other = node.inputs[1 - input];
    const scales = (node.op === 'Div' && input === 1) || node.op === 'Mul';
    if (
      scales &&
      other !== undefined &&
      sameValue(analysis, other, base) &&
      facts.values.get(node.outputs[0] ?? '')?.dims?.length === facts.values.get(base)?.dims?.length
    ) {
      return complete(analysis, { axis, base, core: node.outputs[0] ?? '', reduce, epsilon });
    }
    if (!STATISTIC_CHAIN.has(node.op)) return undefined;
    if (node.inputs.length > 1 && other !== undefined && facts.values.get(other)?.dependence === 'data') return undefined;
    if (node.op === 'Add') {
      if (epsilon !== null) return undefined;
      epsilon = { node, input: 1 - input };
    }
    if ((node.op === 'Max' || node.op === 'Clip') && epsilon === null) epsilon = null;
    value = node.outputs[0] ?? '';
    if (axes.of(value) === undefined) return undefined;
  }
  return undefined;
}

function complete(analysis: Analysis, found: { axis: Axis; base: string; core: string; reduce: FlatNode; epsilon: Operand | null }): Norm {
  const { data } = analysis;
  const origin = skip(analysis, found.base);
  const centred = data.producer(origin);
  const mean = centred?.op === 'Sub' ? data.producer(unmasked(analysis, skip(analysis, centred.inputs[1] ?? ''))) : undefined;
  const isLayer =
    centred !== undefined &&
    mean?.op === 'ReduceMean' &&
    [mean.inputs[0] ?? '', uncut(analysis, mean.inputs[0] ?? '')].some((own) => skip(analysis, own) === skip(analysis, centred.inputs[0] ?? ''));
  const gain = nextAffine(analysis, found.core, found.axis, 'Mul');
  const afterGain = gain === null ? found.core : (gain.node.outputs[0] ?? '');
  const bias = isLayer ? nextAffine(analysis, afterGain, found.axis, 'Add') : null;
  return {
    kind: isLayer ? 'layer' : 'rms',
    axis: found.axis,
    input: isLayer ? (centred.inputs[0] ?? '') : skip(analysis, found.base),
    core: found.core,
    output: bias === null ? afterGain : (bias.node.outputs[0] ?? ''),
    statistics: isLayer && mean !== undefined ? [mean, ...secondMeans(analysis, mean), found.reduce] : [found.reduce],
    fused: false,
    epsilon: found.epsilon,
    gain,
    bias,
  };
}

/** Exporters may compute the same mean twice. */
function secondMeans({ data }: Analysis, mean: FlatNode): FlatNode[] {
  return data.consumers(mean.inputs[0] ?? '').flatMap(({ node }) => (node.op === 'ReduceMean' && node !== mean ? [node] : []));
}

/** The one axis a reduction reduces, if it is exactly one. */
export function reducedAxis({ axes, facts }: Analysis, reduce: FlatNode): Axis | undefined {
  const relation = facts.relations.get(reduce);
  if (relation?.kind !== 'labels') return undefined;
  const kept = new Set(relation.outputs[0] ?? []);
  const reduced = (relation.inputs[0] ?? []).flatMap((label, d) => (kept.has(label) ? [] : [d]));
  const axis = reduced.length === 1 ? axes.ofInput(reduce, 0)?.[reduced[0] ?? 0] : undefined;
  return axis === undefined ? undefined : find(axis);
}

/** x when the node computes x². */
function squareOf({ facts }: Analysis, node: FlatNode): string | undefined {
  const [a = '', b = ''] = node.inputs;
  if (node.op === 'Mul' && a === b) return a;
  const exponent = facts.elements(b)?.[0]?.value;
  return node.op === 'Pow' && exponent === 2 ? a : undefined;
}

/** The value a statistic over a block of channels is cut from (old-block form). */
function uncut({ data, facts }: Analysis, value: string): string {
  const node = data.producer(value);
  return node?.op === 'Slice' || (node?.op === 'Gather' && facts.relations.get(node)?.kind === 'gather') ? (node.inputs[0] ?? '') : value;
}

/** The mean behind a mask that keeps it to a block of channels (old-block form). */
function unmasked({ data, facts }: Analysis, value: string): string {
  const node = data.producer(value);
  return node?.op === 'Mul' && facts.values.get(node.inputs[1] ?? '')?.dependence === 'constant' ? (node.inputs[0] ?? '') : value;
}

/** Steps back over nodes that hand their operand through. */
function skip({ data }: Analysis, value: string): string {
  let at = value;
  for (let node = data.producer(at); node !== undefined && SHAPE_KEEPING.has(node.op); node = data.producer(at)) at = node.inputs[0] ?? '';
  return at;
}

/** True when two values are the same but for casts, or the same subtraction computed twice. */
function sameValue(analysis: Analysis, a: string, b: string): boolean {
  const [x, y] = [skip(analysis, a), skip(analysis, b)];
  if (x === y) return true;
  const [p, q] = [analysis.data.producer(x), analysis.data.producer(y)];
  if (p?.op !== 'Sub' || q?.op !== 'Sub' || skip(analysis, p.inputs[0] ?? '') !== skip(analysis, q.inputs[0] ?? '')) return false;
  const [m, n] = [p, q].map((node) => analysis.data.producer(unmasked(analysis, skip(analysis, node.inputs[1] ?? ''))));
  return m === n || (m?.op === 'ReduceMean' && n?.op === 'ReduceMean' && skip(analysis, m.inputs[0] ?? '') === skip(analysis, n.inputs[0] ?? ''));
}

/** The constant vector over the axis that the only reader multiplies with or adds. */
function nextAffine(analysis: Analysis, value: string, axis: Axis, op: 'Mul' | 'Add'): Operand | null {
  const { data, facts, axes } = analysis;
  let at = value;
  for (let step = 0; step < 4; step++) {
    const readers = data.consumers(at).filter(({ node }) => node.op !== 'Shape');
    const [reader] = readers;
    if (reader === undefined || readers.length !== 1) return null;
    const { node, input } = reader;
    if (node.op === op) {
      const other = 1 - input;
      const constant = facts.values.get(node.inputs[other] ?? '')?.dependence === 'constant';
      const own = axes.ofInput(node, other)?.at(-1);
      return constant && own !== undefined && leavesOf(own).some((leaf) => leavesOf(axis).includes(leaf)) ? { node, input: other } : null;
    }
    if (!SHAPE_KEEPING.has(node.op)) return null;
    at = node.outputs[0] ?? '';
  }
  return null;
}

/** True for an operator whose result mixes elements along one of its dimensions, as fused norms do. */
export const isProduct = (node: FlatNode): boolean => ruleOf(node.op)?.zero === 'product';
