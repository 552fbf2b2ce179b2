/** Results as text for people. Whatever comes from a file is escaped. */
import type { CheckResult } from '../check/findings.ts';
import { GrowError } from '../errors.ts';
import type { VerifyResult } from '../verify/result.ts';
import type { GrowthReport } from './growth-report.ts';
import type { AttentionReport, Inspection, LayerReport } from './inspect.ts';
import type { Paint } from './paint.ts';
import { printable } from './printable.ts';

/** An inspection: sizes, layers (equal neighbours on one line), what can grow and what cannot. */
export function inspectionText(model: Inspection, paint: Paint): string {
  const facts = [
    printable(model.producer) || 'unknown producer',
    `opset ${model.opset}`,
    `${whole(model.parameters)} parameters`,
    ...(model.vocab === null ? [] : [`vocabulary ${whole(model.vocab)}${model.tiedEmbeddings ? ' (tied)' : ''}`]),
    ...(model.sharedLayers ? ['layers share weights'] : []),
  ];
  const able = Object.entries(model.growable).flatMap(([axis, can]) => (can ? [axis] : []));
  const reasons = Object.entries(model.reasons).map(([axis, reason]) => `  ${axis}: ${printable(reason)}`);
  return lines(
    paint.bold(printable(model.file ?? 'model')),
    `  ${facts.join(' · ')}`,
    ...model.streams.flatMap((stream) => [
      `  ${paint.bold(stream.name)}  hidden ${stream.hidden}, ${normText(stream.norm, stream.normPlacement)}`,
      ...layerLines(model.layers.filter((layer) => layer.stack === stream.name)).map((line) => `    ${line}`),
    ]),
    `${paint.good('can grow')}: ${able.length === 0 ? 'nothing' : able.join(', ')}`,
    ...(reasons.length === 0 ? [] : [`${paint.bad('cannot grow')}:`, ...reasons]),
  );
}

/** What grew, in few lines. */
export function growthText(report: GrowthReport, paint: Paint): string {
  return lines(
    ...sizeChanges(report.before, report.after).map((line) => `  ${line}`),
    `  parameters ${whole(report.before.parameters)} → ${whole(report.after.parameters)} (+${whole(report.parametersAdded)})`,
    ...(report.norm === null ? [] : [`  norms: ${report.norm} form`]),
    ...listed('  interface', report.interfaceChanges),
    ...listed('  note', report.notes),
    ...(report.portable.ok
      ? []
      : [paint.dim('  the weights do not fit the standard module of this size:'), ...report.portable.why.map((why) => paint.dim(`    ${why}`))]),
  );
}

/** A proof, or where it stops. */
export function checkText(result: CheckResult, paint: Paint): string {
  const head = result.proved
    ? `${paint.good('proved')}: the same outputs for all inputs, in real numbers`
    : `${paint.bad('not proved')}: ${result.findings.length} ${result.findings.length === 1 ? 'finding' : 'findings'}`;
  const findings = result.findings
    .slice(0, SHOWN)
    .map(({ kind, where, message }) => `  ${kind === 'refuted' ? paint.bad(kind) : kind}: ${printable(where)}: ${printable(message)}`);
  const more = result.findings.length > SHOWN ? [`  … ${result.findings.length - SHOWN} more (see --json)`] : [];
  return lines(head, ...findings, ...more, ...listed('  taken for granted', result.assumptions), ...listed('  never gets a gradient', deadTexts(result)));
}

/** New parameters that no training reaches, a line for each tensor. */
const deadTexts = ({ alive }: CheckResult): string[] =>
  (alive?.dead ?? []).map(({ tensor, elements, count, why }) => `${tensor} ${shortened(elements)} (${whole(count)}): ${why}`);

const shortened = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, text.lastIndexOf(',', LONGEST))}, …`);
const LONGEST = 80;

/** A numeric judgement: the verdict and the figures it rests on. */
export function verifyText(result: VerifyResult, paint: Paint): string {
  const preserved = result.verdict === 'bit-exact' || result.verdict === 'rounding';
  const figures = [
    ...(result.maxRelative === null ? [] : [`largest difference ${figure(result.maxRelative)}`]),
    ...(result.noiseFloor === null ? [] : [`noise floor ${figure(result.noiseFloor)}`]),
    `${result.cases.length} runs on ${result.provider}`,
  ];
  const share = result.verdict === 'rounding' ? [`  ${Math.round(100 * result.bitExactShare)} % of the outputs are equal bit for bit`] : [];
  const reason = result.reason === null ? [] : [`  ${printable(result.reason)}`];
  return lines(
    `${(preserved ? paint.good : paint.bad)(result.verdict)}: ${figures.join(', ')}`,
    ...share,
    `  ${shadowText(result.shadow)}`,
    ...reason,
    ...divergenceLines(result.divergence),
    ...listed('  note', result.notes),
  );
}

/** Where the two models part. */
function divergenceLines(divergence: VerifyResult['divergence']): string[] {
  if (divergence === null) return [];
  const { value, node, parameters, relative } = divergence;
  const apart = relative === null ? '' : `, by ${figure(relative)}`;
  return [`  first difference: ${printable(value)}, made by ${printable(node)}${apart}`, ...listed('  made with', parameters)];
}

/** What the comparison in float64 says, in one line. */
function shadowText({ maxRelative, unrounded, threshold, corrections, reason }: VerifyResult['shadow']): string {
  if (reason !== null) return `float64: not computed, because ${printable(reason)}`;
  const size = (value: number | null): string => (value === null ? 'without bound' : figure(value));
  const limit = `rounding is up to ${figure(threshold)}`;
  const [first, ...more] = corrections;
  if (first === undefined) return `float64: difference ${size(maxRelative)}, ${limit}`;
  const named = `${printable(first.tensor)} × ${first.factor.toPrecision(7)}${more.length === 0 ? '' : ` and ${more.length} more`}`;
  return `float64: difference ${size(maxRelative)}; ${size(unrounded)} without the rounding of stored corrections (${named}), ${limit}`;
}

/** An error: what, where, how to fix it. */
export function errorText(error: unknown, paint: Paint): string {
  if (!(error instanceof GrowError)) return lines(`${paint.bad('bug in onnx-grow')}: ${printable(error instanceof Error ? error.message : String(error))}`);
  return lines(
    `${paint.bad('error')}: ${printable(error.message)}`,
    ...(error.where === undefined ? [] : [`  where: ${printable(error.where)}`]),
    ...(error.hint === undefined ? [] : [`  hint: ${printable(error.hint)}`]),
  );
}

/** The sizes that differ, layer by layer where layers differ. */
function sizeChanges(before: Inspection, after: Inspection): string[] {
  const changed = (what: string, from: string, to: string): string[] => (from === to ? [] : [`${what} ${from} → ${to}`]);
  return after.streams.flatMap((stream) => {
    const old = before.layers.filter((layer) => layer.stack === stream.name);
    const now = after.layers.filter((layer) => layer.stack === stream.name);
    const prefix = after.streams.length > 1 ? `${stream.name} ` : '';
    const each =
      (size: (layer: LayerReport) => (number | undefined)[]) =>
      (layers: readonly LayerReport[]): string =>
        summary(layers.flatMap(size));
    const compare = (what: string, size: (layer: LayerReport) => (number | undefined)[]): string[] =>
      changed(`${prefix}${what}`, each(size)(old), each(size)(now));
    const ofBlocks =
      (size: (block: AttentionReport) => number) =>
      (layer: LayerReport): number[] =>
        layer.attention.map(size);
    return [
      ...changed(`${prefix}hidden`, String(before.streams.find((own) => own.name === stream.name)?.hidden ?? 0), String(stream.hidden)),
      ...changed(`${prefix}layers`, String(old.length), String(now.length)),
      ...compare('mlp', (layer) => [layer.mlp?.size]),
      ...compare(
        'heads',
        ofBlocks((block) => block.heads),
      ),
      ...compare(
        'kv-heads',
        ofBlocks((block) => block.kvHeads),
      ),
      ...compare(
        'qk',
        ofBlocks((block) => block.qk),
      ),
      ...compare(
        'v',
        ofBlocks((block) => block.v),
      ),
    ];
  });
}

/** One number when all are equal, else all of them. */
function summary(sizes: readonly (number | undefined)[]): string {
  const known = sizes.filter((size) => size !== undefined);
  return new Set(known).size <= 1 ? String(known[0] ?? 0) : known.join(',');
}

/** Layers as lines, equal neighbours together: `layers 0-11  self 12 heads × qk 64, v 64 · mlp 3072 gelu`. */
function layerLines(layers: readonly LayerReport[]): string[] {
  const groups: { first: number; last: number; text: string }[] = [];
  for (const layer of layers) {
    const text = [
      ...layer.attention.map(blockText),
      ...(layer.mlp === null ? [] : [`mlp ${layer.mlp.size} ${layer.mlp.gated ? 'gated ' : ''}${layer.mlp.activation}`]),
    ].join(' · ');
    const last = groups.at(-1);
    if (last?.text === text) last.last = layer.index;
    else groups.push({ first: layer.index, last: layer.index, text });
  }
  return groups.map(({ first, last, text }) => `${first === last ? `layer ${first}` : `layers ${first}-${last}`}  ${text}`);
}

function blockText(block: AttentionReport): string {
  const heads = block.heads === block.kvHeads ? `${block.heads} heads` : `${block.heads} heads in ${block.kvHeads} groups`;
  const traits = [
    ...(block.kind === 'softmax' ? [] : [block.kind]),
    ...(block.rope ? ['rope'] : []),
    ...(block.qkNorm === null ? [] : [`${block.qkNorm} norm on q and k`]),
    ...(block.fused === null ? [] : [printable(block.fused)]),
  ];
  return `${block.role} ${heads} × qk ${block.qk}, v ${block.v}${traits.length === 0 ? '' : ` (${traits.join(', ')})`}`;
}

function normText(norm: 'layer' | 'rms' | null, placement: Inspection['normPlacement']): string {
  if (norm === null || placement === 'none') return 'no norms';
  return `${norm} norm ${placement === 'pre' ? 'before' : placement === 'post' ? 'after' : 'before and after'} each block`;
}

/** Long lists end with how many more there are; `--json` has them all. */
const SHOWN = 6;

function listed(title: string, items: readonly string[]): string[] {
  const shown = items.slice(0, SHOWN).map((item) => `${title}: ${printable(item)}`);
  return items.length > SHOWN ? [...shown, `${title}: … ${items.length - SHOWN} more (see --json)`] : shown;
}

const lines = (...all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
const whole = (count: number): string => count.toLocaleString('en-US');
const figure = (value: number): string => (value === 0 ? '0' : value.toExponential(1));
