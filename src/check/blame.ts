/** Where a proof stopped: the first nodes on the way to an output whose operands are all known and whose result is not. */

import { nodeLabel } from '../onnx/graph.ts';
import { divergence } from './divergence.ts';
import { type Finding, unproved } from './findings.ts';
import type { Side } from './prepare.ts';
import { isConstant, type Value } from './value.ts';
import type { Values } from './walk.ts';

const SHOWN = 20;

/** Findings for outputs that are not shown to be the old ones; `wanted` is the old output for a new one. */
export function blame(now: Side, after: Values, open: readonly Finding[], wanted: (output: string) => Value | undefined): readonly Finding[] {
  const producers = new Map(now.flat.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const found = new Map<string, Finding>();
  const seen = new Set<string>();
  // an output that is missing has no cause in the graph
  const names = now.flat.outputs.map((output) => output.name);
  const outputs = open.flatMap(({ where }) => names.filter((name) => where === `output ${name}`));
  const queue = [...outputs];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const value = after.get(name);
    const node = producers.get(name);
    if (value === undefined || node === undefined || isKnown(value)) continue;
    const inputs = node.inputs.filter((input) => input !== '');
    const lost = inputs.filter((input) => after.get(input)?.kind === 'free');
    // constants have no past: where they are none of the old ones, the node that reads them is the place
    const unknown = lost.length > 0 ? lost : inputs.filter((input) => !isKnown(after.get(input)) && producers.has(input) && !isConstant(after.get(input)));
    if (value.kind === 'free' && value.why !== null) found.set(`${value.why.where}${value.why.message}`, value.why);
    else if (unknown.length === 0) {
      const finding = unproved(nodeLabel(node), `${node.op}: the old graph computes no such value`);
      found.set(finding.where, finding);
    }
    queue.push(...unknown);
  }
  const partings = found.size > 0 ? [] : outputs.map((name) => divergence(now, after, wanted(name), after.get(name)));
  const causes = [...found.values(), ...partings.filter((own) => own !== null)];
  return causes.length === 0 ? open : [...open.filter((finding) => finding.kind === 'refuted'), ...causes].slice(0, SHOWN);
}

/** A value that the old graph has too, or numbers that are no cause themselves: what a node makes of them is. */
const isKnown = (value: Value | undefined): boolean =>
  value?.kind === 'zero' || (value?.kind === 'related' && (value.ref.base.old || value.ref.base.constant !== null || value.ref.base.op === 'numbers'));
