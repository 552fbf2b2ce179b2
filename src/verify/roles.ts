/**
 * What each graph input is for, read off how the graph uses it. Names decide only where the graph says nothing, and
 * only which of several legal values are the plausible ones.
 */
import type { FlatNode } from '../onnx/graph.ts';
import type { ValueInfo } from '../onnx/ir.ts';
import { DataType } from '../onnx/ir.ts';
import type { Graph } from './flow.ts';
import { attributeInt, attributeInts, constantDims, constantInteger } from './flow.ts';

export type Role =
  /** Indices below `rows`: token ids, token types, positions in a table. */
  | { readonly kind: 'ids'; readonly rows: number }
  /** Positions of tokens; `rows` bounds them where they index a table. */
  | { readonly kind: 'positions'; readonly rows: number | null }
  /** 1 where a token counts, 0 where it is padding. */
  | { readonly kind: 'mask' }
  /** 0 where a token counts, a large negative number where it does not; added to attention scores. */
  | { readonly kind: 'additive-mask' }
  /** Per row, the number of tokens that count minus `less`. */
  | { readonly kind: 'lengths'; readonly less: 0 | 1 }
  /** The number of tokens of past and present together. */
  | { readonly kind: 'total-length' }
  /** Whether a merged decoder reads its cache. */
  | { readonly kind: 'cache-branch' }
  /** Small integers without a known meaning. */
  | { readonly kind: 'integers'; readonly below: number }
  /** Floats: pixels, sound, hidden states. `sizes` are the dimensions that weights fix (axis → size, negative from the end). */
  | { readonly kind: 'floats'; readonly sizes: ReadonlyMap<number, number>; readonly image: ImageUse | null };

/** A convolution that reads an image or a spectrogram. */
export interface ImageUse {
  /** Kernel strides, one per spatial axis. */
  readonly strides: readonly number[];
}

/** What was seen on the way from an input through the graph. */
interface Sightings {
  readonly rows: number[];
  readonly sizes: Map<number, number>;
  image: ImageUse | null;
  angle: boolean;
  masks: boolean;
  added: boolean;
  condition: boolean;
  slot: 'lengths' | 'last' | 'total' | 'mask' | 'bias' | null;
}

/** Operators that hand their first input on, element by element or rearranged. */
const PASSING = new Set([
  'Identity',
  'Cast',
  'QuantizeLinear',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Flatten',
  'Transpose',
  'Slice',
  'Expand',
  'Tile',
  'Clip',
  'Pad',
  'Split',
  'Gather',
]);
/** Operators a value comes out of mixed with their other inputs, yet recognisable. */
const MERGING = new Set(['Concat', 'Max', 'Min', 'Mul', 'MatMul', 'Einsum']);
const COMPARING = new Set(['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Not', 'CumSum', 'ReduceSum']);
/** How many nodes a value is followed; real chains from an input to its first use are shorter. */
const REACH = 14;

/** The role of a graph input. */
export function roleOf(graph: Graph, input: ValueInfo): Role {
  const seen = follow(graph, input.name);
  const type = input.type?.elemType ?? DataType.FLOAT;
  const rank = input.type?.dims?.length ?? 0;
  const name = input.name.toLowerCase();
  if (seen.condition && type === DataType.BOOL && rank <= 1) return { kind: 'cache-branch' };
  if (seen.slot === 'total') return { kind: 'total-length' };
  if (seen.slot === 'last') return { kind: 'lengths', less: 1 };
  if (isFloatType(type)) {
    if (seen.slot === 'bias' || seen.added) return { kind: 'additive-mask' };
    if (seen.masks || (name.includes('mask') && rank <= 2)) return { kind: 'mask' };
    if (name.includes('mask') && rank >= 3) return { kind: 'additive-mask' };
    return { kind: 'floats', sizes: seen.sizes, image: seen.image };
  }
  if (type === DataType.BOOL) return { kind: 'mask' };
  if (seen.slot === 'lengths' && rank === 1) return { kind: 'lengths', less: 0 };
  const rows = seen.rows.length === 0 ? null : Math.min(...seen.rows);
  if (seen.angle || name.includes('position')) return { kind: 'positions', rows };
  if (rows !== null) return { kind: 'ids', rows };
  if (rank === 0 || (rank === 1 && input.type?.dims?.[0] === 1)) return name.includes('total') ? { kind: 'total-length' } : { kind: 'integers', below: 2 };
  if (/type|segment/.test(name) && !seen.masks) return { kind: 'integers', below: 2 };
  return { kind: 'mask' };
}

const isFloatType = (type: number): boolean => type === DataType.FLOAT || type === DataType.FLOAT16 || type === DataType.DOUBLE || type === DataType.BFLOAT16;

/** How a followed value relates to the input: its own shape, rearranged, or multiplied into something else. */
type Form = 'whole' | 'moved' | 'product';

function follow(graph: Graph, start: string): Sightings {
  const seen: Sightings = { rows: [], sizes: new Map(), image: null, angle: false, masks: false, added: false, condition: false, slot: null };
  const visited = new Set<string>();
  let front: { name: string; offset: number; form: Form }[] = [{ name: start, offset: 0, form: 'whole' }];
  for (let step = 0; step < REACH && front.length > 0; step++) {
    const next: typeof front = [];
    for (const value of front) {
      if (visited.has(value.name)) continue;
      visited.add(value.name);
      for (const { node, slot } of graph.readers.get(value.name) ?? []) {
        if (node.op === 'Cos' || node.op === 'Sin') seen.angle = true;
        if (value.form !== 'product') sight(graph, node, slot, value.offset, value.form, seen);
        const offset = passes(graph, node, slot);
        if (offset === null) continue;
        const form = formAfter(graph, node, slot, value.form);
        for (const name of node.outputs) next.push({ name, offset: value.offset + offset, form });
      }
    }
    front = next;
  }
  return seen;
}

/** Operators that keep every element in its place. */
const WHOLE = new Set(['Identity', 'Cast', 'QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear']);

function formAfter(graph: Graph, node: FlatNode, slot: number, form: Form): Form {
  if (form === 'product' || node.op === 'MatMul' || node.op === 'MatMulInteger' || node.op === 'com.microsoft.MatMulNBits' || node.op === 'Einsum')
    return 'product';
  if (node.op === 'Mul' && constantDims(graph, node.inputs[1 - slot] ?? '')?.every((dim) => dim === 1) !== true) return 'product';
  return form === 'whole' && WHOLE.has(node.op) ? 'whole' : 'moved';
}

/** What is added to a value on its way through a node; null when it does not come out in a recognisable form. */
function passes(graph: Graph, node: FlatNode, slot: number): number | null {
  if (PASSING.has(node.op)) return slot === 0 ? 0 : null;
  if (MERGING.has(node.op)) return 0;
  if (node.op === 'Where' || node.op === 'If') return slot > 0 ? 0 : null;
  const added = constantInteger(graph, node.inputs[1 - slot] ?? '') ?? 0;
  if (node.op === 'Add') return added;
  return node.op === 'Sub' && slot === 0 ? -added : null;
}

/** Notes what a node says about the value in its input `slot`. */
function sight(graph: Graph, node: FlatNode, slot: number, offset: number, form: Form, seen: Sightings): void {
  const rows = indexedRows(graph, node, slot);
  // A table that is reached after adding its own length (negative indices made positive) says nothing.
  if (rows !== null && rows - offset > 0) seen.rows.push(rows - Math.max(offset, 0));
  if (COMPARING.has(node.op) || (node.op === 'Sub' && slot === 1) || (node.op === 'Where' && slot === 0)) seen.masks = true;
  if (node.op === 'If' && slot === 0) seen.condition = true;
  if (node.op === 'Add' && leadsToSoftmax(graph, node.outputs[0] ?? '', 4)) seen.added = true;
  if (form === 'whole' && slot === 0) sightSizes(graph, node, seen);
  seen.slot ??= attentionSlot(node, slot);
}

function sightSizes(graph: Graph, node: FlatNode, seen: Sightings): void {
  const weight = constantDims(graph, node.inputs[1] ?? '');
  if (weight === null) return;
  if ((node.op === 'MatMul' || node.op === 'MatMulInteger') && weight.length === 2) seen.sizes.set(-1, weight[0] ?? 1);
  if (node.op === 'Gemm') seen.sizes.set(-1, weight[attributeInt(node, 'transB', 0) === 1 ? 1 : 0] ?? 1);
  if (node.op.endsWith('LayerNormalization') || node.op.endsWith('RMSNormalization')) seen.sizes.set(-1, weight.at(-1) ?? 1);
  if (node.op === 'com.microsoft.MatMulNBits') seen.sizes.set(-1, attributeInt(node, 'K', 1));
  if (node.op !== 'Conv' && node.op !== 'ConvInteger') return;
  seen.sizes.set(1, (weight[1] ?? 1) * attributeInt(node, 'group', 1));
  const spatial = weight.slice(2);
  seen.image = { strides: attributeInts(node, 'strides') ?? spatial.map(() => 1) };
}

/** Rows of the constant table that input `slot` indexes; null when it indexes none. */
function indexedRows(graph: Graph, node: FlatNode, slot: number): number | null {
  const rows = (input: number, axis: number): number | null => constantDims(graph, node.inputs[input] ?? '')?.at(axis) ?? null;
  switch (node.op) {
    case 'Gather':
    case 'GatherElements':
      return slot === 1 ? rows(0, attributeInt(node, 'axis', 0)) : null;
    case 'GatherND': {
      const dims = constantDims(graph, node.inputs[0] ?? '');
      return slot === 1 && dims !== null ? Math.min(...dims) : null;
    }
    case 'OneHot':
      return slot === 0 ? constantInteger(graph, node.inputs[1] ?? '') : null;
    case 'RotaryEmbedding':
      return slot === 3 ? rows(1, 0) : null;
    case 'com.microsoft.RotaryEmbedding':
      return slot === 1 ? rows(2, 0) : null;
    case 'com.microsoft.GatherBlockQuantized':
      return slot === 1 ? rows(0, attributeInt(node, 'gather_axis', 0)) : null;
    case 'com.microsoft.EmbedLayerNormalization':
      return slot === 0 ? rows(2, 0) : slot === 1 ? rows(4, 0) : slot === 8 ? rows(3, 0) : null;
    default:
      return null;
  }
}

/** What fused attention operators take in their mask and length slots (onnxruntime docs/ContribOperators.md; ai.onnx Attention-23). */
function attentionSlot(node: FlatNode, slot: number): Sightings['slot'] {
  if (node.op === 'com.microsoft.GroupQueryAttention') return slot === 5 ? 'last' : slot === 6 ? 'total' : slot === 10 ? 'bias' : null;
  if (node.op === 'com.microsoft.Attention') return slot === 3 ? 'lengths' : slot === 5 ? 'bias' : null;
  if (node.op === 'com.microsoft.MultiHeadAttention') return slot === 4 ? 'lengths' : slot === 5 ? 'bias' : null;
  if (node.op === 'Attention') return slot === 3 ? 'bias' : null;
  return null;
}

/** Whether a value is attention scores: nothing but masking and rearranging lies between it and a Softmax. */
function leadsToSoftmax(graph: Graph, name: string, reach: number): boolean {
  if (reach === 0) return false;
  return (graph.readers.get(name) ?? []).some(({ node }) => {
    if (node.op === 'Softmax' || node.op === 'LogSoftmax') return true;
    const on = node.op === 'Add' || node.op === 'Where' || node.op === 'Max' || node.op === 'Clip' || PASSING.has(node.op);
    return on && leadsToSoftmax(graph, node.outputs[0] ?? '', reach - 1);
  });
}
