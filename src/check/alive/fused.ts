/** Zeros and gradients through operators that are a whole attention block, by head and channel of queries, keys and values. */
import type { Composite, FusedAttention, Labels } from '../../analysis/relation.ts';
import { hint, type Size } from '../../analysis/size.ts';
import { anyOf, combined, isKnown, type Labelled, passed } from './combine.ts';
import type { Masks, Step } from './flow.ts';
import { everyBit, isNone, type Mask, picked, reshaped, spread } from './mask.ts';

type Role = 'query' | 'key' | 'value';
const ROLES: readonly Role[] = ['query', 'key', 'value'];

/** Operands that hold earlier keys and values. Sources: onnxruntime docs/ContribOperators.md; ai.onnx Attention-23. */
const PAST: Readonly<Record<string, Readonly<Partial<Record<Role, number>>>>> = {
  Attention: { key: 4, value: 5 },
  'com.microsoft.GroupQueryAttention': { key: 3, value: 4 },
  'com.microsoft.MultiHeadAttention': { key: 6, value: 7 },
};

/** An attention block whose queries, keys and values are operands. */
interface Block {
  readonly step: Step;
  readonly relation: Labels;
  readonly attention: FusedAttention;
  readonly past: Readonly<Partial<Record<Role, number>>>;
}

export function blockOf(step: Step): Block | null {
  const { relation } = step;
  const past = PAST[step.node.op];
  return relation.kind === 'labels' && relation.attention !== undefined && past !== undefined ? { step, relation, attention: relation.attention, past } : null;
}

/** Labels of dimensions, and their sizes. */
interface Form {
  readonly labels: readonly string[];
  readonly sizes: readonly Size[];
}

/** Where an operand holds the numbers of a role. */
interface Place {
  readonly input: number;
  /** The indices of a dimension in which they are packed with those of other roles; null where the operand holds nothing else. */
  readonly packed: { readonly dim: number; readonly indices: Int32Array } | null;
  /** Their dimensions, and these with heads and channels spelled out. */
  readonly sizes: readonly Size[];
  readonly form: Form;
}

/** The size of heads or channels, which the operator says. */
const sizeOf = ({ relation }: Block, label: string): number => hint(relation.sizes?.get(label) ?? 1);
const countOf = (block: Block, labels: readonly string[]): number => labels.reduce((count, label) => count * sizeOf(block, label), 1);

/** Dimensions with those that are products spelled out. */
function spelled(block: Block, labels: readonly string[], sizes: readonly Size[]): Form {
  const made = labels.map((label, d): Form => {
    const composite = block.relation.composites?.get(label);
    if (composite?.form !== 'product') return { labels: [label], sizes: sizes.slice(d, d + 1) };
    const of = composite.of as readonly string[];
    return { labels: of, sizes: of.map((own) => sizeOf(block, own)) };
  });
  return { labels: made.flatMap((own) => own.labels), sizes: made.flatMap((own) => own.sizes) };
}

/** The places whose sum a role's numbers are, and those of earlier ones. */
function placesOf(block: Block, role: Role): readonly Place[] {
  const { step, relation, attention, past } = block;
  return relation.inputs.flatMap((labels, input): Place[] => {
    const sizes = step.inputs[input] ?? [];
    const dim = labels?.indexOf('qkv') ?? -1;
    if (labels === null || (dim < 0 && input !== attention[role] && input !== past[role])) return [];
    if (dim < 0) return [{ input, packed: null, sizes, form: spelled(block, labels, sizes) }];
    // queries, then keys, then values
    const parts = (relation.composites?.get('qkv')?.of ?? []).map((own) => (own as Composite).of as readonly string[]);
    const start = parts.slice(0, ROLES.indexOf(role)).reduce((sum, own) => sum + countOf(block, own), 0);
    const own = parts[ROLES.indexOf(role)] ?? [];
    const indices = Int32Array.from({ length: countOf(block, own) }, (_, i) => start + i);
    const widths = own.map((label) => sizeOf(block, label));
    return [
      {
        input,
        packed: { dim, indices },
        sizes: sizes.toSpliced(dim, 1, indices.length),
        form: { labels: labels.toSpliced(dim, 1, ...own), sizes: sizes.toSpliced(dim, 1, ...widths) },
      },
    ];
  });
}

/** Where a role is zero for all tokens, by head and channel; nothing where that is not known. */
function zeroAt(block: Block, role: Role, zeros: Masks): readonly Labelled[] {
  const { attention } = block;
  const parts = placesOf(block, role).map(({ input, packed, form }): Labelled | null => {
    const given = zeros[input] ?? null;
    const own = given === null || packed === null ? given : picked(given, packed.dim, packed.indices, 0);
    const mask = own === null ? null : reshaped(own, form.sizes);
    return mask === null ? null : { mask, labels: form.labels };
  });
  const heads = role === 'query' ? attention.heads : attention.kvHeads;
  const channel = role === 'value' ? attention.v : attention.qk;
  // a rotation mixes the channels of a head
  const labels = attention.rope && role !== 'value' ? heads : [...heads, channel];
  const sizes = labels.map((label) => sizeOf(block, label));
  const mask = isKnown(parts) ? combined(parts, labels, sizes, 'every', everyBit) : null;
  return mask === null ? [] : [{ mask, labels }];
}

/** What attention makes is zero where the values are; what it hands on are keys and values with earlier ones. */
export function attentionZeros(block: Block, zeros: Masks, o: number, sizes: readonly Size[]): Mask | null {
  const role = (['value', 'key', 'value'] as const)[o];
  const form = spelled(block, block.relation.outputs[o] ?? [], sizes);
  const [own] = role === undefined ? [] : zeroAt(block, role, zeros);
  const mask = own === undefined ? null : combined([own], form.labels, form.sizes, 'every', everyBit);
  return mask === null ? null : reshaped(mask, sizes);
}

/** Gradients of queries, keys and values; null for other operands, and where the caches are read as results. */
export function attentionGradient(block: Block, zeros: Masks, gradients: Masks, input: number, sizes: readonly Size[]): Mask | null {
  if (gradients.slice(1).some((mask) => mask === null || !isNone(mask))) return null;
  const [gradient = null] = gradients;
  const form = spelled(block, block.relation.outputs[0] ?? [], block.step.outputs[0] ?? []);
  const mask = gradient === null ? null : reshaped(gradient, form.sizes);
  if (mask === null) return null;
  const found = ROLES.flatMap((role) =>
    placesOf(block, role)
      .filter((place) => place.input === input)
      .map((place) => gradientAt(block, role, place, { mask, labels: form.labels }, zeros, sizes)),
  );
  return found.length > 0 && isKnown(found) ? anyOf(found, sizes) : null;
}

function gradientAt(block: Block, role: Role, { packed, form, sizes }: Place, result: Labelled, zeros: Masks, whole: readonly Size[]): Mask | null {
  const scores = role === 'value' ? result : scoresOf(block, result, zeros);
  if (scores === null) return null;
  const factors = role === 'value' ? [] : zeroAt(block, role === 'query' ? 'key' : 'query', zeros);
  const own = passed(scores, factors, form.labels, form.sizes);
  const mask = own === null ? null : reshaped(own, sizes);
  return mask === null || packed === null ? mask : spread(mask, packed.dim, packed.indices, whole[packed.dim] as number);
}

/** The heads whose scores have gradients: a score counts where a value does. */
function scoresOf(block: Block, result: Labelled, zeros: Masks): Labelled | null {
  const labels = block.attention.heads;
  const mask = passed(
    result,
    zeroAt(block, 'value', zeros),
    labels,
    labels.map((label) => sizeOf(block, label)),
  );
  return mask === null ? null : { mask, labels };
}
