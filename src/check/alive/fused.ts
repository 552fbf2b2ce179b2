/** Zeros and gradients through operators that are a whole attention block, by head and channel of queries, keys and values. */
import type { Composite, FusedAttention, Labels } from '../../analysis/relation.ts';
import { isStatic, type Size } from '../../analysis/size.ts';
import { combined, type Labelled } from './combine.ts';
import type { Masks, Step } from './flow.ts';
import { isNone, type Mask, picked, reshaped, spread } from './mask.ts';

type Role = 'query' | 'key' | 'value';
const ROLES: readonly Role[] = ['query', 'key', 'value'];

/** Operands that hold earlier keys and values. Sources: onnxruntime docs/ContribOperators.md; ai.onnx Attention-23. */
const PAST: Readonly<Record<string, Readonly<Record<'key' | 'value', number>>>> = {
  Attention: { key: 4, value: 5 },
  'com.microsoft.GroupQueryAttention': { key: 3, value: 4 },
  'com.microsoft.MultiHeadAttention': { key: 6, value: 7 },
};

/** An attention block whose queries, keys and values are operands. */
export const isAttention = (step: Step): boolean => step.node.op in PAST && step.relation.kind === 'labels' && step.relation.attention !== undefined;

interface Block {
  readonly step: Step;
  readonly relation: Labels;
  readonly attention: FusedAttention;
}

const blockOf = (step: Step): Block | null =>
  step.relation.kind === 'labels' && step.relation.attention !== undefined ? { step, relation: step.relation, attention: step.relation.attention } : null;

/** Where in an operand's dimension the numbers of a role stand; null where the operand does not hold it. */
interface Place {
  readonly input: number;
  readonly dim: number;
  /** Part of a packed dimension; null where it is the whole dimension. */
  readonly from: Int32Array | null;
  /** What the dimension is made of. */
  readonly labels: readonly string[];
}

function sizeOf(relation: Labels, spec: string | Composite): number | null {
  if (typeof spec === 'string') {
    const size = relation.sizes?.get(spec);
    return size !== undefined && isStatic(size) ? size : null;
  }
  const parts = spec.of.map((own) => sizeOf(relation, own));
  return parts.includes(null) ? null : (parts as number[]).reduce((a, b) => (spec.form === 'product' ? a * b : a + b));
}

/** The labels of a product; null for what is no product of labels. */
const factorsOf = (spec: string | Composite): readonly string[] | null =>
  typeof spec === 'string' ? [spec] : spec.form === 'product' && spec.of.every((own) => typeof own === 'string') ? (spec.of as readonly string[]) : null;

/** The places whose sum a role's numbers are, and those of earlier ones; null where an operand is not understood. */
function placesOf({ step, relation, attention }: Block, role: Role): readonly Place[] | null {
  const out: Place[] = [];
  for (const [input, labels] of relation.inputs.entries()) {
    if (labels === null || (step.node.inputs[input] ?? '') === '') continue;
    const packed = labels.findIndex((label) => relation.composites?.get(label)?.form === 'sum' && label === 'qkv');
    if (packed >= 0) {
      const spec = relation.composites?.get('qkv');
      const own = spec?.of[ROLES.indexOf(role)];
      const before = spec?.of.slice(0, ROLES.indexOf(role)).map((part) => sizeOf(relation, part)) ?? [];
      const [size, made] = own === undefined ? [null, null] : [sizeOf(relation, own), factorsOf(own)];
      if (size === null || made === null || before.includes(null)) return null;
      const start = (before as number[]).reduce((a, b) => a + b, 0);
      out.push({ input, dim: packed, from: Int32Array.from({ length: size }, (_, i) => start + i), labels: made });
      continue;
    }
    const isPast = role !== 'query' && PAST[step.node.op]?.[role] === input;
    if (input !== attention[role] && !isPast) continue;
    const dim = labels.findIndex((label) => relation.composites?.has(label) === true);
    const made = dim < 0 ? [] : factorsOf(relation.composites?.get(labels[dim] ?? '') ?? '');
    if (made === null) return null;
    out.push({ input, dim, from: null, labels: made });
  }
  return out;
}

/** Labels and sizes of an operand with the dimension of a place spelled out. */
function spelled({ step, relation }: Block, { input, dim, labels }: Place): { readonly labels: readonly string[]; readonly sizes: readonly Size[] } | null {
  const own = relation.inputs[input];
  const sizes = step.inputs[input];
  if (own == null || sizes == null) return null;
  const inner = labels.map((label) => sizeOf(relation, label));
  if (inner.includes(null)) return null;
  const around = <T>(list: readonly T[], made: readonly T[]): readonly T[] => (dim < 0 ? list : [...list.slice(0, dim), ...made, ...list.slice(dim + 1)]);
  return { labels: around(own, labels), sizes: around<Size>(sizes, inner as number[]) };
}

function partOf(block: Block, place: Place, mask: Mask): Labelled | null {
  const form = spelled(block, place);
  const own = place.from === null ? mask : picked(mask, place.dim, place.from, 0);
  const whole = form === null || own === null ? null : reshaped(own, form.sizes);
  return whole === null || form === null ? null : { mask: whole, labels: form.labels };
}

/** Where a role is zero for all tokens, by head and channel; null where that is not known. */
function zeroAt(block: Block, role: Role, zeros: Masks): Labelled | null {
  const { attention, relation } = block;
  const places = placesOf(block, role);
  const parts = places?.map((place) => {
    const mask = zeros[place.input] ?? null;
    return mask === null ? null : partOf(block, place, mask);
  });
  if (parts === undefined || parts.length === 0 || parts.includes(null)) return null;
  const heads = role === 'query' ? attention.heads : attention.kvHeads;
  const labels = attention.rope && role !== 'value' ? heads : [...heads, role === 'value' ? attention.v : attention.qk];
  const sizes = labels.map((label) => sizeOf(relation, label));
  if (sizes.includes(null)) return null;
  const mask = combined(parts as readonly Labelled[], labels, sizes as number[], 'every', (bits) => (bits.every((bit) => bit === 1) ? 1 : 0));
  return mask === null ? null : { mask, labels };
}

/** Labels and sizes of the first result with its heads spelled out. */
function resultForm({ step, relation }: Block): { readonly labels: readonly string[]; readonly sizes: readonly Size[] } | null {
  const [own, sizes] = [relation.outputs[0], step.outputs[0]];
  const dim = own?.findIndex((label) => relation.composites?.has(label) === true) ?? -1;
  if (own === undefined || sizes == null) return null;
  if (dim < 0) return { labels: own, sizes };
  const made = factorsOf(relation.composites?.get(own[dim] ?? '') ?? '');
  const inner = made?.map((label) => sizeOf(relation, label));
  if (made == null || inner === undefined || inner.includes(null)) return null;
  return {
    labels: [...own.slice(0, dim), ...made, ...own.slice(dim + 1)],
    sizes: [...sizes.slice(0, dim), ...(inner as number[]), ...sizes.slice(dim + 1)],
  };
}

/** What attention makes is zero where the values are; what it hands on is what was joined. */
export function attentionZeros(step: Step, zeros: Masks, o: number, sizes: readonly Size[]): Mask | null {
  const block = blockOf(step);
  const labels = block?.relation.outputs[o];
  if (block === null || labels === undefined || o > 2) return null;
  const role = o === 1 ? 'key' : 'value';
  const own = zeroAt(block, role, zeros);
  const form = o === 0 ? resultForm(block) : { labels, sizes };
  if (own === null || form === null) return null;
  const mask = combined([own], form.labels, form.sizes, 'every', ([bit = 0]) => bit);
  return mask === null ? null : reshaped(mask, sizes);
}

/** Gradients of queries, keys and values; null for other operands, and where the caches are read as results. */
export function attentionGradient(step: Step, zeros: Masks, gradients: Masks, input: number): Mask | null {
  const block = blockOf(step);
  const sizes = step.inputs[input];
  if (block === null || sizes == null || gradients.slice(1).some((mask) => mask === null || !isNone(mask))) return null;
  const [gradient = null] = gradients;
  const form = resultForm(block);
  const made = gradient === null || form === null ? null : reshaped(gradient, form.sizes);
  if (made === null || form === null) return null;
  const result: Labelled = { mask: made, labels: form.labels };
  const found = ROLES.flatMap((role) => {
    const places = placesOf(block, role);
    if (places === null) return [null];
    return places.filter((place) => place.input === input).map((place) => gradientAt(block, role, place, result, zeros));
  });
  if (found.length === 0 || found.includes(null)) return null;
  const labels = sizes.map((_, d) => `d${d}`);
  const parts = (found as readonly Mask[]).map((mask) => ({ mask, labels }));
  return combined(parts, labels, sizes, 'one', (bits) => (bits.includes(1) ? 1 : 0));
}

function gradientAt(block: Block, role: Role, place: Place, result: Labelled, zeros: Masks): Mask | null {
  const { step, attention } = block;
  const form = spelled(block, place);
  const size = step.inputs[place.input]?.[place.dim];
  if (form === null) return null;
  // a score counts where a value does
  const values = role === 'value' ? null : zeroAt(block, 'value', zeros);
  const factors = role === 'value' ? null : zeroAt(block, role === 'query' ? 'key' : 'query', zeros);
  const heads = [...new Set([...attention.heads, ...attention.kvHeads])];
  const scores =
    role === 'value'
      ? result
      : {
          labels: heads,
          mask: combined(
            [result, ...(values === null ? [] : [values])],
            heads,
            heads.map((label) => sizeOf(block.relation, label) ?? 1),
            'one',
            ([passes = 1, zero = 0]) => passes & (1 - zero),
          ),
        };
  if (scores.mask === null) return null;
  const mask = combined(
    [{ ...scores, mask: scores.mask }, ...(factors === null ? [] : [factors])],
    form.labels,
    form.sizes,
    'one',
    ([passes = 1, zero = 0]) => passes & (1 - zero),
  );
  const whole = mask === null ? null : reshaped(mask, place.from === null ? (step.inputs[place.input] ?? []) : packedSizes(step, place));
  if (whole === null || place.from === null) return whole;
  return isStatic(size ?? 0) ? spread(whole, place.dim, place.from, size as number) : null;
}

const packedSizes = (step: Step, { input, dim, from }: Place): readonly Size[] =>
  (step.inputs[input] ?? []).map((size, d) => (d === dim ? (from?.length ?? 1) : size));
