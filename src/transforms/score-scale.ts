/**
 * `--scale weights`: the paper's rule for wider queries and keys (Gesmundo & Maile 2023, theorem 3.4).
 *
 * Scores become q·k/√k̂ as a standard module has it, and W^K and b^K are multiplied with √(k̂/k). Where keys are cached the
 * queries are instead, so that old caches stay valid; under a norm on keys its gain and bias are. Rounds every weight it
 * rescales; the default keeps the scale as the constant it was.
 */
import type { Attention } from '../analysis/attention.ts';
import { pathToProjection } from '../analysis/attention-paths.ts';
import { type Axis, find, hintOf, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import type { Norm, Operand } from '../analysis/norms.ts';
import { findScoreScale, type ScoreScale } from '../analysis/score-scale.ts';
import { GrowError } from '../errors.ts';
import { nodeLabel } from '../onnx/graph.ts';
import { DataType } from '../onnx/ir.ts';
import { collectDemands } from './demands.ts';
import { addConstant, type Draft, setAttribute, setInput } from './draft.ts';
import type { Region } from './fill.ts';
import type { AxisGrowth } from './grow-axis.ts';
import { type Correction, sourceOf } from './norm-forms.ts';

/** Whether scores keep their scale when query and key widths grow, or weights are rescaled to the standard one. */
export type ScaleForm = 'keep' | 'weights';

/** Old elements of a constant that are multiplied: those that stand beside these new ones. */
export interface Rescaled {
  readonly beside: readonly Region[];
  readonly qk: Axis;
  readonly factor: number;
}

/** What a new score scale changes. */
export interface ScoreScaling {
  readonly corrections: readonly Correction[];
  /** By use of a constant, see `useKey`. */
  readonly rescaled: ReadonlyMap<string, Rescaled>;
  /** Scales that are attributes or computed from shapes, with their new values. */
  readonly written: readonly (ScoreScale & { readonly now: number })[];
  /** True when a scale of 1/√k was kept although k grew. */
  readonly kept: boolean;
}

/** Plans the scales of all attention blocks whose query/key width grows. */
export function planScoreScale(analysis: Analysis, growth: AxisGrowth, blocks: readonly Attention[], norms: readonly Norm[], form: ScaleForm): ScoreScaling {
  const corrections: Correction[] = [];
  const rescaled = new Map<string, Rescaled>();
  const written: (ScoreScale & { now: number })[] = [];
  const changed = new Set<string>();
  let kept = false;
  for (const block of blocks.filter((own) => growth.grows(own.qk))) {
    const scales = findScoreScale(analysis, block);
    if (scales.length === 0) continue;
    if (form === 'keep') {
      kept = true;
      continue;
    }
    const ratio = growth.hint(block.qk) / hintOf(block.qk);
    for (const scale of scales) {
      const key = `${scale.node.outputs[0] ?? ''} ${scale.input ?? ''}`;
      if (changed.has(key)) continue;
      changed.add(key);
      const source = scale.input === null ? null : sourceOf(analysis, { node: scale.node, input: scale.input }, ratio ** scale.power);
      if (source !== null && source.add === 0) corrections.push(source);
      else written.push({ ...scale, now: scale.value * ratio ** scale.power });
    }
    const factor = Math.sqrt(ratio);
    const cached = isCached(analysis, block);
    const norm = normOf(analysis, norms, block, cached ? block.query : block.key);
    if (norm !== undefined) corrections.push(...normCorrections(analysis, norm, factor));
    else for (const [key, beside] of projection(analysis, growth, block, cached)) rescaled.set(key, { beside, qk: block.qk, factor });
  }
  return { corrections, rescaled, written, kept };
}

/** Writes the scales that no stored constant holds. */
export function writeScales({ facts }: Analysis, draft: Draft, { written }: ScoreScaling): void {
  for (const { node, input, attribute, now } of written) {
    if (attribute !== null) setAttribute(draft, node, attribute, { name: attribute, kind: 'float', value: now });
    else if (input !== null) {
      const name = node.inputs[input] ?? '';
      setInput(draft, node, input, addConstant(draft, `${name}_scale`, facts.values.get(name)?.dtype ?? DataType.FLOAT, [], [now]));
    }
  }
}

/** What was rescaled, one line each: scales by name, and the weights with the factor of their rescaled part. */
export function describeScaling({ corrections, rescaled, written }: ScoreScaling): string[] {
  return [
    ...corrections.map(({ operand, multiply }) => `${operand.node.inputs[operand.input] ?? ''} × ${multiply}`),
    ...written.map(
      ({ node, input, attribute, now, value }) =>
        `${attribute === null ? (node.inputs[input ?? 0] ?? '') : `${attribute} of ${nodeLabel(node)}`} × ${now / value}`,
    ),
    ...[...rescaled].map(([key, { factor }]) => `${key.split('\u0000')[0] ?? ''} × ${factor} (its part for queries or keys)`),
  ];
}

/** True when keys of earlier tokens come in as inputs or go out: those are made without a factor. */
function isCached({ flat, axes }: Analysis, block: Attention): boolean {
  const leaves = new Set(leavesOf(block.qk));
  return [...flat.inputs, ...flat.outputs].some(({ name }) => (axes.of(name) ?? []).some((axis) => leavesOf(axis).some((leaf) => leaves.has(leaf))));
}

/** The constants that make one side of the scores, found as those whose new columns could make it zero. */
function projection(analysis: Analysis, growth: AxisGrowth, block: Attention, cached: boolean): ReadonlyMap<string, readonly Region[]> {
  const { axes } = analysis;
  const refuse = (reason: string): never => {
    throw new GrowError('UNSUPPORTED_AXIS', `the weights of ${cached ? 'queries' : 'keys'} cannot be rescaled: ${reason}`, {
      where: nodeLabel(block.score),
      hint: 'use --scale keep',
    });
  };
  if (block.fused !== null && cached) return refuse('the operator holds them together with a cache');
  const probe = collectDemands(analysis, growth, new Map(), new Set());
  const sides =
    block.fused === null
      ? [{ operand: { node: block.score, input: cached ? 1 - block.keyInput : block.keyInput }, from: 0, to: Infinity }]
      : fusedKeys(analysis, growth, block);
  for (const { operand, from, to } of sides) {
    const own = axes.ofInput(operand.node, operand.input) ?? [];
    const reason = probe.zero(
      operand,
      own.map((axis) =>
        leavesOf(axis).some((leaf) => leavesOf(block.qk).includes(leaf)) ? (growth.added(axis)?.map((x, i) => (i >= from && i < to ? x : 0)) ?? null) : null,
      ),
    );
    if (reason !== null) refuse(reason);
  }
  return probe.zeros;
}

function fusedKeys({ axes }: Analysis, growth: AxisGrowth, block: Attention): { operand: Operand; from: number; to: number }[] {
  return block.keys.map(({ input, dim, start, end }) => {
    const axis = axes.ofInput(block.score, input)?.[dim] as Axis;
    return { operand: { node: block.score, input }, from: growth.boundary(axis, start), to: growth.boundary(axis, end) };
  });
}

/** The norm over the query/key width that a side of the scores went through. */
function normOf(analysis: Analysis, norms: readonly Norm[], block: Attention, side: string): Norm | undefined {
  const leaves = new Set(leavesOf(block.qk));
  const path = new Set(pathToProjection(analysis, side));
  return norms.find((norm) => path.has(norm.core) && leavesOf(norm.axis).some((leaf) => leaves.has(leaf)));
}

function normCorrections(analysis: Analysis, norm: Norm, factor: number): Correction[] {
  const refuse = (reason: string): never => {
    throw new GrowError('UNSUPPORTED_AXIS', `the norm on queries or keys cannot be rescaled: ${reason}`, {
      where: nodeLabel(norm.statistics[0] as Norm['statistics'][number]),
      hint: 'use --scale keep',
    });
  };
  if (norm.gain === null) return refuse('it has no gain');
  return [norm.gain, norm.bias].flatMap((operand) => (operand === null ? [] : [sourceOf(analysis, operand, factor) ?? refuse('its gain is computed')]));
}

/** Old indices of a dimension that belong to the same query/key width as the new ones marked. */
export function besideNew(growth: AxisGrowth, axis: Axis, marked: Uint8Array, qk: Axis): Uint8Array {
  const root = find(axis);
  const old = new Uint8Array(hintOf(root));
  const any = marked.some((x) => x === 1);
  if (!any) return old;
  const leaves = leavesOf(qk);
  const isWidth = hintOf(root) === hintOf(qk) && leavesOf(root).every((leaf) => leaves.includes(leaf));
  if (isWidth || root.form === 'leaf') return old.fill(1);
  if (root.form === 'sum') {
    let [from, to] = [0, 0];
    for (const child of root.children) {
      const size = growth.hint(child);
      const part = besideNew(growth, child, marked.subarray(from, from + size), qk);
      old.set(part, to);
      from += size;
      to += part.length;
    }
    return old;
  }
  const sizes = root.children.map((child) => growth.hint(child));
  const seen = sizes.map((size) => new Uint8Array(size));
  marked.forEach((x, at) => {
    if (x === 0) return;
    let rest = at;
    for (let c = sizes.length - 1; c >= 0; c--) {
      const size = sizes[c] ?? 1;
      (seen[c] as Uint8Array)[rest % size] = 1;
      rest = Math.floor(rest / size);
    }
  });
  const parts = root.children.map((child, c) => {
    const mask = seen[c] as Uint8Array;
    return growth.grows(child)
      ? leavesOf(child).some((leaf) => leaves.includes(leaf))
        ? besideNew(growth, child, mask, qk)
        : Uint8Array.from({ length: hintOf(child) }, () => 1)
      : mask;
  });
  return parts.reduce<Uint8Array>(
    (outer, part) =>
      Uint8Array.from({ length: outer.length * part.length }, (_, i) => (outer[Math.floor(i / part.length)] ?? 0) & (part[i % part.length] ?? 0)),
    Uint8Array.of(1),
  );
}
