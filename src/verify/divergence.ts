/** Where two models part: the first value in execution order that differs, its node, and the parameters that made it. */

import { compose, find, hintOf } from '../analysis/axis.ts';
import { analyze } from '../analysis/graph-analysis.ts';
import { isFloat } from '../analysis/op-rule.ts';
import { type FlatGraph, type FlatNode, flatten, nodeLabel } from '../onnx/graph.ts';
import type { Model, Tensor } from '../onnx/ir.ts';
import { scaledBy } from './float64/corrections.ts';
import type { DivergenceReport } from './result.ts';
import type { CaseOutputs } from './runs.ts';
import { asNumbers, blockOf, sameDims, type Values } from './values.ts';

/** The two models as they are run, and as they are in their files. */
export interface Pair {
  readonly run: { readonly old: Model; readonly now: Model };
  readonly stored: { readonly old: Model; readonly now: Model };
}

/** Runs the two models of a pair with further outputs. */
type Exposed = (old: Model, now: Model) => Promise<{ readonly old: CaseOutputs; readonly now: CaseOutputs }>;

/** Stands for the axis of a value of unknown rank. */
const NOWHERE = compose('product', []);
/** More values at once than this are too many to hold. */
const MOST_VALUES = 4000;

/**
 * Finds the first value above `output` that differs by more than `limit` (max|Δ| / max|y|). Values that are a multiple of the old
 * ones are taken to agree, since growth rescales what it divides by. Null when all agree.
 */
export async function findDivergence(pair: Pair, output: string, limit: number, run: Exposed): Promise<DivergenceReport | null> {
  const { flat, facts, axes } = analyze(pair.stored.now);
  const flats = { old: flatten(pair.stored.old), now: flat };
  const old = producers(flats.old);
  const now = producers(flats.now);
  const above = ancestors(flats.now, output);
  const values = [...now].filter(
    ([name, node]) => node.scope === '' && above.has(name) && old.get(name)?.scope === '' && isFloat(facts.values.get(name)?.dtype ?? 0),
  );
  if (values.length > MOST_VALUES) return null;
  const names = values.map(([name]) => name);
  const runs = await run(exposing(pair.run.old, names), exposing(pair.run.now, names));
  const agreeing = new Set<string>();
  for (const [name, node] of values) {
    // A plain axis appends what it gains; inside products the old elements stand apart.
    const leads = (dim: number, size: number): boolean => {
      const axis = find(axes.of(name)?.[dim] ?? NOWHERE);
      const [first] = axis.children;
      return axis.form === 'leaf' || (axis.form === 'sum' && first !== undefined && hintOf(first) === size);
    };
    const relative = distanceOf(name, runs, leads);
    if (relative === null) continue;
    if (relative <= limit) {
      agreeing.add(name);
      continue;
    }
    return { value: name, node: nodeLabel(node), relative: Number.isFinite(relative) ? relative : null, parameters: parametersOf(name, now, agreeing, flats) };
  }
  return null;
}

function producers(flat: FlatGraph): ReadonlyMap<string, FlatNode> {
  return new Map(flat.nodes.flatMap((node) => node.outputs.filter((name) => name !== '').map((name) => [name, node] as const)));
}

/** The values a value is computed from, itself included. */
function ancestors(flat: FlatGraph, output: string): ReadonlySet<string> {
  const from = producers(flat);
  const found = new Set<string>();
  const stack = [output];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    stack.push(...(from.get(name)?.inputs ?? []));
  }
  return found;
}

function exposing(model: Model, names: readonly string[]): Model {
  const known = new Set(model.graph.outputs.map((output) => output.name));
  const more = names.filter((name) => !known.has(name)).map((name) => ({ name, type: null }));
  return { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, ...more] } };
}

/** How far a value is from a multiple of the old one, over all steps of all cases; null when it cannot be held against it. */
function distanceOf(
  name: string,
  runs: { readonly old: CaseOutputs; readonly now: CaseOutputs },
  leads: (dim: number, size: number) => boolean,
): number | null {
  let largest = 0;
  for (const [i, steps] of runs.old.entries()) {
    for (const [step, outputs] of steps.entries()) {
      const [before, after] = [outputs.get(name), runs.now[i]?.[step]?.get(name)];
      if (before === undefined || after === undefined || before.dims.length !== after.dims.length) return null;
      if (!before.dims.every((size, d) => size === after.dims[d] || (size < (after.dims[d] ?? 0) && leads(d, size)))) return null;
      largest = Math.max(largest, fromMultiple(before, sameDims(before.dims, after.dims) ? after : blockOf(after, [], before.dims)));
    }
  }
  return largest;
}

/** Not finite where one of them is no number, or the old one is zero. */
function fromMultiple(before: Values, after: Values): number {
  const [a, b] = [asNumbers(before), asNumbers(after)];
  let [dot, square, scale] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    if (Object.is(x, y) && !Number.isFinite(x)) continue;
    if (Math.abs(x) > 1e30) continue;
    dot += x * y;
    square += x * x;
    scale = Math.max(scale, Math.abs(x));
  }
  const factor = square === 0 ? 1 : dot / square;
  let difference = 0;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    if (Object.is(x, y) || Math.abs(x) > 1e30) continue;
    const apart = Math.min(Math.abs(y - x), Math.abs(y - factor * x) / Math.abs(factor));
    difference = Math.max(difference, apart);
  }
  return difference === 0 ? 0 : difference / scale;
}

/** The constants between a value and those that agree; where some of them differ from the old ones, only these. */
function parametersOf(
  start: string,
  now: ReadonlyMap<string, FlatNode>,
  agreeing: ReadonlySet<string>,
  flats: { readonly old: FlatGraph; readonly now: FlatGraph },
): readonly string[] {
  const constants = new Set<string>();
  const visited = new Set<string>();
  const stack = [start];
  for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
    if (visited.has(name) || agreeing.has(name)) continue;
    visited.add(name);
    if (flats.now.constants.has(name)) constants.add(name);
    else stack.push(...(now.get(name)?.inputs ?? []));
  }
  const floats = [...constants].filter((name) => isFloat(flats.now.constants.get(name)?.tensor.dataType ?? 0));
  const changed = floats.filter((name) => isChanged(flats.old.constants.get(name)?.tensor, flats.now.constants.get(name)?.tensor));
  return changed.length > 0 ? changed : floats;
}

function isChanged(old: Tensor | undefined, now: Tensor | undefined): boolean {
  return old !== undefined && now !== undefined && scaledBy(old, now, 2 ** -24) === null;
}
