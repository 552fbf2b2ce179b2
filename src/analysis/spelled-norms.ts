/**
 * Normalisations that exporters spell out: a statistic over one axis, whatever is done to it on its way (epsilon, root, reciprocal,
 * clamp, scalars, a gain), and the product or quotient with the values it came from.
 *
 * What matters for growth is how the divisor answers to a wider axis. Under tails that keep Σx² (zeros; means for LayerNorm) a
 * mean of squares becomes h/ĥ of what it was, a sum stays; from there every step is a power, so the divisor becomes (h/ĥ)^power.
 */
import type { FlatNode } from '../onnx/graph.ts';
import { type Axis, find, hintOf, leavesOf } from './axis.ts';
import type { Analysis } from './graph-analysis.ts';
import type { Norm, Operand, ScaledConstant } from './norms.ts';

const SHAPE_KEEPING = new Set(['Cast', 'Identity', 'CastLike', 'QuantizeLinear', 'DequantizeLinear']);
const HANDED_ON = new Set([...SHAPE_KEEPING, 'Expand', 'Reshape', 'Unsqueeze', 'Squeeze']);
const MEANS = new Set(['ReduceMean', 'GlobalAveragePool']);
/** Reductions of squares: what they read, and how their result answers to h/ĥ. */
const SQUARED_SUMS = new Set(['ReduceSumSquare', 'ReduceL2']);
const LONGEST_CHAIN = 16;

/** True for reductions that a norm's statistic can start with. */
export const startsStatistic = (node: FlatNode): boolean => MEANS.has(node.op) || SQUARED_SUMS.has(node.op) || node.op === 'ReduceSum';

/** Where the values of a norm come from: its input, and the mean that is taken off. */
interface Source {
  /** The values that are squared. */
  readonly base: string;
  readonly input: string;
  readonly mean: FlatNode | null;
}

/** The statistic on its way to the product: what was done to it so far. */
interface Divisor {
  readonly value: string;
  readonly source: Source;
  /** The value becomes (h/ĥ)^power of what it was; negative after a reciprocal. */
  readonly power: number;
  readonly epsilons: readonly ScaledConstant[];
  readonly gain: Operand | null;
  /** Mean, epsilon, square root: nothing else, so that chains of such norms can be merged. */
  readonly standard: boolean;
  readonly rooted: boolean;
  readonly countsWidth: boolean;
  readonly fixed: string | null;
}

/** The norm whose statistic this reduction is. */
export function spelledOut(analysis: Analysis, reduce: FlatNode): Norm | undefined {
  const axis = reducedAxis(analysis, reduce);
  const base = squaredBy(analysis, reduce);
  if (axis === undefined || base === undefined) return undefined;
  const mean = MEANS.has(reduce.op);
  let divisor: Divisor = {
    value: reduce.outputs[0] ?? '',
    source: sourceOf(analysis, base),
    power: mean ? 1 : 0,
    epsilons: [],
    gain: null,
    standard: mean,
    rooted: reduce.op === 'ReduceL2',
    countsWidth: false,
    fixed: null,
  };
  for (let step = 0; step < LONGEST_CHAIN; step++) {
    if (divisor.power !== 0 && isOutput(analysis, divisor.value)) divisor = { ...divisor, standard: false, fixed: 'its statistic is an output of the model' };
    const readers = readersOf(analysis, divisor.value);
    const products = readers.map((reader) => productOf(analysis, axis, divisor, reader));
    if (products.length > 0 && products.every((own) => own !== undefined)) return complete(analysis, axis, reduce, divisor, products as Product[]);
    const [reader] = readers;
    if (reader === undefined || readers.some(({ node }) => node !== reader.node)) return undefined;
    const next = stepOf(analysis, axis, divisor, reader);
    if (next === undefined) return undefined;
    divisor = next;
  }
  return undefined;
}

/** What a reduction sums the squares of. */
function squaredBy(analysis: Analysis, reduce: FlatNode): string | undefined {
  const read = uncut(analysis, reduce.inputs[0] ?? '');
  if (SQUARED_SUMS.has(reduce.op)) return read;
  const square = analysis.data.producer(skip(analysis, read));
  return square === undefined ? undefined : squareOf(analysis, square);
}

/** One more step of the statistic; undefined when it is none of a norm. */
function stepOf(analysis: Analysis, axis: Axis, divisor: Divisor, { node, input }: Operand): Divisor | undefined {
  const { facts } = analysis;
  const value = node.outputs[0] ?? '';
  const other = 1 - input;
  const name = node.inputs[other] ?? '';
  if (HANDED_ON.has(node.op)) return input === 0 ? { ...divisor, value } : undefined;
  if (node.op === 'Sqrt') return rooted(divisor, value, 1 / 2);
  if (node.op === 'Reciprocal') return { ...divisor, value, power: -divisor.power };
  const known = facts.elements(name)?.[0]?.value;
  if (node.op === 'Pow') return input === 0 && typeof known === 'number' ? rooted(divisor, value, known) : undefined;
  if (node.op === 'Sub' && input === 0 && divisor.source.mean === null) return lessSquaredMean(analysis, divisor, value, name);
  if (node.op === 'Clip' && input === 0 && node.inputs.length < 2)
    return { ...divisor, value, standard: false, fixed: divisor.power === 0 ? divisor.fixed : 'its epsilon is an attribute of Clip' };
  if (facts.values.get(name)?.dependence === 'data' || name === '') return undefined;
  if (node.op === 'Add' || node.op === 'Max' || node.op === 'Clip') {
    const operands = node.inputs.flatMap((own, i) => (i === input || own === '' ? [] : [{ operand: { node, input: i }, power: divisor.power }]));
    const standard = divisor.standard && node.op === 'Add' && !divisor.rooted && divisor.epsilons.length === 0;
    return { ...divisor, value, epsilons: [...divisor.epsilons, ...operands], standard };
  }
  if (node.op !== 'Mul' && node.op !== 'Div') return undefined;
  const power = node.op === 'Div' && input === 1 ? -divisor.power : divisor.power;
  if (!isScalar(analysis, name))
    return divisor.gain === null && isOver(analysis, node, other, axis) ? { ...divisor, value, power, gain: { node, input: other } } : undefined;
  return {
    ...divisor,
    value,
    power,
    standard: divisor.standard && known === 1,
    countsWidth: divisor.countsWidth || countsWidth(analysis, name, hintOf(axis)),
  };
}

const rooted = (divisor: Divisor, value: string, exponent: number): Divisor => ({
  ...divisor,
  value,
  power: divisor.power * exponent,
  standard: divisor.standard && !divisor.rooted && Math.abs(exponent) === 1 / 2,
  rooted: true,
});

/** mean x² − (mean x)² is the variance. */
function lessSquaredMean(analysis: Analysis, divisor: Divisor, value: string, name: string): Divisor | undefined {
  const square = analysis.data.producer(skip(analysis, name));
  const mean = analysis.data.producer(skip(analysis, (square === undefined ? undefined : squareOf(analysis, square)) ?? ''));
  if (divisor.power !== 1 || mean === undefined || !MEANS.has(mean.op)) return undefined;
  return skip(analysis, mean.inputs[0] ?? '') === divisor.source.input ? { ...divisor, value, source: { ...divisor.source, mean } } : undefined;
}

/** A product or quotient of the statistic with values of the norm, centred ones or (as Keras writes it) x and its mean apart. */
interface Product {
  readonly of: 'values' | 'input' | 'mean';
  readonly node: FlatNode;
  readonly power: number;
  readonly gain: Operand | null;
  /** What the gain multiplies is read by something else, too. */
  readonly shared?: boolean;
}

function productOf(analysis: Analysis, axis: Axis, divisor: Divisor, { node, input }: Operand): Product | undefined {
  const { data, facts } = analysis;
  if (node.op !== 'Mul' && !(node.op === 'Div' && input === 1)) return undefined;
  const power = node.op === 'Div' ? divisor.power : -divisor.power;
  const other = node.inputs[1 - input] ?? '';
  const { source } = divisor;
  if (facts.values.get(other)?.dependence !== 'data') return undefined;
  const plain = { node, power, gain: divisor.gain };
  if (source.mean !== null && data.producer(unmasked(analysis, skip(analysis, other))) === source.mean) return { ...plain, of: 'mean' };
  if (isCentred(analysis, other, source)) return { ...plain, of: 'values' };
  const scaled = data.producer(skip(analysis, other));
  const vector = scaled?.op === 'Mul' && divisor.gain === null ? [0, 1].find((i) => isConstant(analysis, scaled.inputs[i] ?? '')) : undefined;
  const gained = scaled !== undefined && vector !== undefined && isOver(analysis, scaled, vector, axis);
  const read = gained ? (scaled.inputs[1 - vector] ?? '') : other;
  const gain = gained ? { node: scaled, input: vector } : divisor.gain;
  const shared = gained && onlyReader(analysis, scaled.outputs[0] ?? '') === undefined;
  if (isCentred(analysis, read, source)) return { ...plain, gain, shared, of: 'values' };
  return source.mean !== null && skip(analysis, read) === skip(analysis, source.input) ? { ...plain, gain, shared, of: 'input' } : undefined;
}

/** True for the values a norm divides: those that were squared, or x − mean x computed again. */
function isCentred(analysis: Analysis, value: string, source: Source): boolean {
  const at = skip(analysis, value);
  if (source.mean === null) return at === skip(analysis, source.base);
  if (at === skip(analysis, source.base) && source.base !== source.input) return true;
  const own = sourceOf(analysis, at);
  return own.mean !== null && own.input !== at && skip(analysis, own.input) === skip(analysis, source.input);
}

function complete(analysis: Analysis, axis: Axis, reduce: FlatNode, divisor: Divisor, products: readonly Product[]): Norm | undefined {
  const [first] = products;
  const joined = first === undefined ? undefined : joinedParts(analysis, products);
  if (first === undefined || joined === undefined) return undefined;
  const { source } = divisor;
  // what is taken off must be the mean of the line that is squared
  if (source.mean !== null && reducedDim(analysis, source.mean) !== reducedDim(analysis, reduce)) return undefined;
  const standard = divisor.standard && divisor.rooted;
  const { core } = joined;
  const scaled = scalarsBehind(analysis, core, hintOf(axis));
  const gainBehind = first.gain === null ? nextAffine(analysis, scaled.value, axis, 'Mul') : null;
  const afterGain = gainBehind?.node.outputs[0] ?? scaled.value;
  const biasBehind = source.mean !== null && joined.bias === null ? nextAffine(analysis, afterGain, axis, 'Add') : null;
  return {
    kind: source.mean === null ? 'rms' : 'layer',
    axis,
    input: source.input,
    core,
    output: biasBehind?.node.outputs[0] ?? afterGain,
    statistics: [...(source.mean === null ? [] : [source.mean, ...secondMeans(analysis, source.mean)]), reduce],
    fused: false,
    epsilon: standard ? (divisor.epsilons[0]?.operand ?? null) : null,
    epsilons: divisor.epsilons,
    power: first.power,
    standard,
    countsWidth: divisor.countsWidth || scaled.countsWidth,
    fixed: products.some((own) => own.shared === true) ? 'what its gain multiplies is read by something else' : divisor.fixed,
    scalar: scaled.operand,
    gain: first.gain ?? gainBehind,
    bias: joined.bias ?? biasBehind,
  };
}

/** The normalised values; where x and its mean are divided apart, they come together again, with the bias between them or not. */
function joinedParts(analysis: Analysis, products: readonly Product[]): { core: string; bias: Operand | null } | undefined {
  const [first] = products;
  if (products.length === 1 && first?.of === 'values') return { core: first.node.outputs[0] ?? '', bias: null };
  const x = products.find((own) => own.of === 'input')?.node.outputs[0];
  const mean = products.find((own) => own.of === 'mean')?.node.outputs[0];
  if (products.length !== 2 || x === undefined || mean === undefined) return undefined;
  const taken = onlyReader(analysis, mean);
  const added = onlyReader(analysis, x)?.node;
  if (taken?.node.op !== 'Sub' || taken.input !== 1) return undefined;
  if (taken.node === added && taken.node.inputs[0] === x) return { core: taken.node.outputs[0] ?? '', bias: null };
  const sum = onlyReader(analysis, taken.node.outputs[0] ?? '')?.node;
  return isConstant(analysis, taken.node.inputs[0] ?? '') && sum?.op === 'Add' && sum === added
    ? { core: sum.outputs[0] ?? '', bias: { node: taken.node, input: 0 } }
    : undefined;
}

/** The one place where a value is read. */
function onlyReader(analysis: Analysis, value: string): Operand | undefined {
  const [reader, ...others] = analysis.data.consumers(value);
  return others.length > 0 || isOutput(analysis, value) ? undefined : reader;
}

/** True for what a caller reads: nothing behind it makes good what has changed there. */
export const isOutput = ({ flat }: Analysis, value: string): boolean => flat.outputs.some((output) => output.name === value);

/** Nodes that read a value for its contents, not for its shape or its type. */
const readersOf = ({ data }: Analysis, value: string): readonly Operand[] =>
  data.consumers(value).filter(({ node, input }) => data.dataInputs(node).includes(input));

/** Exporters may compute the same mean twice. */
function secondMeans({ data }: Analysis, mean: FlatNode): FlatNode[] {
  return data.consumers(mean.inputs[0] ?? '').flatMap(({ node }) => (MEANS.has(node.op) && node !== mean ? [node] : []));
}

/** The input of a norm and the mean it takes off, if it does. */
function sourceOf(analysis: Analysis, base: string): Source {
  const { data } = analysis;
  const at = skip(analysis, base);
  const centred = data.producer(at);
  const mean = centred?.op === 'Sub' ? data.producer(unmasked(analysis, skip(analysis, centred.inputs[1] ?? ''))) : undefined;
  const input = centred?.inputs[0] ?? '';
  const reads = (own: string): boolean => skip(analysis, own) === skip(analysis, input);
  const isMean = mean !== undefined && MEANS.has(mean.op) && [mean.inputs[0] ?? '', uncut(analysis, mean.inputs[0] ?? '')].some(reads);
  return isMean ? { base, input, mean } : { base, input: at, mean: null };
}

/** The one dimension a reduction reduces, if it is exactly one. */
function reducedDim({ facts }: Analysis, reduce: FlatNode): number | undefined {
  const relation = facts.relations.get(reduce);
  if (relation?.kind !== 'labels') return undefined;
  const kept = new Set(relation.outputs[0] ?? []);
  const [dim, ...more] = (relation.inputs[0] ?? []).flatMap((label, d) => (kept.has(label) ? [] : [d]));
  return more.length === 0 ? dim : undefined;
}

/** The axis of that dimension. */
export function reducedAxis(analysis: Analysis, reduce: FlatNode): Axis | undefined {
  const dim = reducedDim(analysis, reduce);
  const axis = dim === undefined ? undefined : analysis.axes.ofInput(reduce, 0)?.[dim];
  return axis === undefined ? undefined : find(axis);
}

/** x when the node computes x². */
function squareOf(analysis: Analysis, node: FlatNode): string | undefined {
  const [a = '', b = ''] = node.inputs;
  if (node.op === 'Mul' && (a === b || (isDifference(analysis, a) && isDifference(analysis, b) && sameDifference(analysis, a, b)))) return a;
  return node.op === 'Pow' && analysis.facts.elements(b)?.[0]?.value === 2 ? a : undefined;
}

const isDifference = ({ data }: Analysis, value: string): boolean => data.producer(value)?.op === 'Sub';

function sameDifference({ data }: Analysis, a: string, b: string): boolean {
  const [p, q] = [data.producer(a)?.inputs ?? [], data.producer(b)?.inputs ?? []];
  return p[0] === q[0] && p[1] === q[1];
}

/** The value a statistic over a block of channels is cut from (old-block form). */
function uncut({ data, facts }: Analysis, value: string): string {
  const node = data.producer(value);
  return node?.op === 'Slice' || (node?.op === 'Gather' && facts.relations.get(node)?.kind === 'gather') ? (node.inputs[0] ?? '') : value;
}

/** The mean behind a mask that keeps it to a block of channels (old-block form), and behind an Expand. */
function unmasked(analysis: Analysis, value: string): string {
  const node = analysis.data.producer(value);
  if (node?.op === 'Expand') return unmasked(analysis, node.inputs[0] ?? '');
  return node?.op === 'Mul' && isConstant(analysis, node.inputs[1] ?? '') ? (node.inputs[0] ?? '') : value;
}

/** Steps back over nodes that hand their operand through. */
function skip({ data }: Analysis, value: string): string {
  let at = value;
  for (let node = data.producer(at); node !== undefined && SHAPE_KEEPING.has(node.op); node = data.producer(at)) at = node.inputs[0] ?? '';
  return at;
}

const isConstant = ({ facts }: Analysis, name: string): boolean => facts.values.get(name)?.dependence === 'constant';

const isScalar = ({ facts }: Analysis, name: string): boolean => (facts.values.get(name)?.dims ?? [2]).every((size) => size === 1);

/** True when an operand is a constant vector over (a block of) the axis. */
function isOver(analysis: Analysis, node: FlatNode, input: number, axis: Axis): boolean {
  const own = analysis.axes.ofInput(node, input)?.at(-1);
  return isConstant(analysis, node.inputs[input] ?? '') && own !== undefined && leavesOf(own).some((leaf) => leavesOf(axis).includes(leaf));
}

/** True for a scalar that is the width in disguise: computed from a shape, or h, h − 1, h/(h − 1), their roots and inverses. */
function countsWidth({ facts }: Analysis, name: string, width: number): boolean {
  if (facts.values.get(name)?.dependence === 'shape') return true;
  const value = facts.elements(name)?.[0]?.value;
  if (typeof value !== 'number' || value <= 0) return false;
  return [width, width - 1, width / (width - 1)].some((own) => [own, 1 / own, Math.sqrt(own), 1 / Math.sqrt(own)].some((x) => Math.abs(x - value) < 1e-6 * x));
}

/** Constant scalars behind a value (√h), up to what else reads it. */
function scalarsBehind(analysis: Analysis, value: string, width: number): { value: string; operand: Operand | null; countsWidth: boolean } {
  let [at, counts] = [value, false];
  let operand: Operand | null = null;
  for (;;) {
    const [reader, ...others] = readersOf(analysis, at);
    if (reader === undefined || others.length > 0 || isOutput(analysis, at)) break;
    const { node, input } = reader;
    const name = node.inputs[1 - input] ?? '';
    const scales =
      (node.op === 'Mul' || (node.op === 'Div' && input === 0)) && isScalar(analysis, name) && analysis.facts.values.get(name)?.dependence !== 'data';
    if (!scales) break;
    operand ??= { node, input: 1 - input };
    counts ||= countsWidth(analysis, name, width);
    at = node.outputs[0] ?? '';
  }
  return { value: at, operand, countsWidth: counts };
}

/** The constant vector over the axis that the only reader multiplies with or adds. */
function nextAffine(analysis: Analysis, value: string, axis: Axis, op: 'Mul' | 'Add'): Operand | null {
  let at = value;
  for (let step = 0; step < 4; step++) {
    const readers = readersOf(analysis, at);
    const [reader] = readers;
    if (reader === undefined || readers.length !== 1 || isOutput(analysis, at)) return null;
    const { node, input } = reader;
    if (node.op === op) return isOver(analysis, node, 1 - input, axis) ? { node, input: 1 - input } : null;
    if (!SHAPE_KEEPING.has(node.op)) return null;
    at = node.outputs[0] ?? '';
  }
  return null;
}
