/** Where an output that is an old value, but not the one it should be, parts from the old output. */
import { nodeLabel } from '../onnx/graph.ts';
import { type Finding, unproved } from './findings.ts';
import type { Side } from './prepare.ts';
import { type Ref, type Scaled, scaledKey } from './term.ts';
import type { Value } from './value.ts';
import type { Values } from './walk.ts';

/** The first node whose operands are those of the old graph and whose result is not; null where that cannot be told. */
export function divergence(now: Side, after: Values, wanted: Value | undefined, got: Value | undefined): Finding | null {
  if (wanted?.kind !== 'related' || got?.kind !== 'related') return null;
  const makers = new Map<string, string>();
  for (const node of now.flat.nodes) {
    for (const name of node.outputs) {
      const value = after.get(name);
      for (const key of value?.kind === 'related' ? [value.ref.key, String(value.ref.base.id)] : []) if (!makers.has(key)) makers.set(key, nodeLabel(node));
    }
  }
  const makerOf = (ref: Ref): string | undefined => makers.get(ref.key) ?? makers.get(String(ref.base.id));
  let [old, own, where] = [wanted.ref, got.ref, makerOf(got.ref)];
  // what reads a value of another kind is the place, not that value
  for (let next = differing(old, own); next !== null && next.old.ref.base.op === next.now.ref.base.op; next = differing(old, own)) {
    [old, own] = [next.old.ref, next.now.ref];
    where = makerOf(own) ?? where;
  }
  return where === undefined ? null : unproved(where, 'computes another value than the old graph does there');
}

/** The one operand that two terms of one operator do not share; null where there is none, or more than one. */
function differing(old: Ref, now: Ref): { readonly old: Scaled; readonly now: Scaled } | null {
  const [a, b] = [old.base, now.base];
  if (a.op !== b.op || a.attributes !== b.attributes) return null;
  const [x, ...more] = without(a.operands, b.operands);
  const [y, ...others] = without(b.operands, a.operands);
  return x !== undefined && y !== undefined && more.length + others.length === 0 ? { old: x, now: y } : null;
}

/** Operands that another list does not have, each as often as it is missing there. */
function without(list: readonly Scaled[], other: readonly Scaled[]): readonly Scaled[] {
  const keys = other.map(scaledKey);
  return list.filter((own) => {
    const at = keys.indexOf(scaledKey(own));
    if (at >= 0) keys.splice(at, 1);
    return at < 0;
  });
}
