/**
 * Sizes that only a run decides (how many elements are not zero, a shape that is computed from data) have no name that both graphs
 * share. In the old graph each is a symbol of its own. In the new graph it is the old symbol where the value that has it is shown to be
 * an old value; until then it is equal to nothing.
 */
import type { Element, Relation } from '../analysis/relation.ts';
import type { Facts, ValueFacts } from '../analysis/shapes.ts';
import { asSymbol, replaced, type Size, symbol, symbolsOf } from '../analysis/size.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { isSame, newSize } from './dim.ts';
import type { Value } from './value.ts';

/** Facts of a graph whose run sizes are called after old ones as far as is known. */
export interface RunSizes {
  readonly facts: Facts;
  /** Names the sizes of a node's results and of its relation. */
  enter(node: FlatNode): void;
  /** Takes note of the sizes of results that are old values. */
  learn(node: FlatNode, results: readonly Value[]): void;
}

/** Starts with nothing known of the sizes. */
export function runSizes(facts: Facts, isNew: boolean): RunSizes {
  if (facts.runSizes.size === 0) return { facts, enter: () => {}, learn: () => {} };
  const known = new Map<string, Size>();
  const values = new Map<string, ValueFacts>(facts.values);
  const relations = new Map<FlatNode, Relation>(facts.relations);
  const named = (size: Size): Size =>
    replaced(size, (name, value) => known.get(name) ?? (isNew && facts.runSizes.has(name) ? symbol(`${name} of the new graph`, value) : undefined));
  const isOpen = (size: Size): boolean => symbolsOf(size).some((name) => facts.runSizes.has(name));
  const rename = (size: Size): Size => (isOpen(size) ? named(size) : size);
  const enterValue = (name: string): void => {
    const own = facts.values.get(name);
    if (own !== undefined) values.set(name, { ...own, dims: own.dims?.map(rename) ?? null, elements: own.elements?.map(elementIn(rename)) ?? null });
  };
  return {
    facts: { ...facts, values, relations, elements: (name) => (values.get(name)?.elements ?? null) || facts.elements(name) },
    enter(node) {
      for (const name of node.outputs) enterValue(name);
      const relation = facts.relations.get(node);
      if (relation !== undefined) relations.set(node, relationIn(relation, rename));
    },
    learn(node, results) {
      for (const [o, name] of node.outputs.entries()) {
        const value = results[o];
        if (value?.kind !== 'related' || !value.ref.base.old) continue;
        for (const [d, size] of (facts.values.get(name)?.dims ?? []).entries()) {
          const [own, dim] = [asSymbol(size), value.dims[d]];
          if (own === undefined || dim === undefined || known.has(own) || !facts.runSizes.has(own) || !isSame(dim)) continue;
          known.set(own, newSize(dim));
        }
        enterValue(name);
      }
    },
  };
}

const elementIn =
  (rename: (size: Size) => Size) =>
  (own: Element): Element =>
    own.value === null ? own : { ...own, value: rename(own.value) };

function relationIn(relation: Relation, rename: (size: Size) => Size): Relation {
  if (relation.kind === 'labels')
    return relation.sizes === undefined ? relation : { ...relation, sizes: new Map([...relation.sizes].map(([l, size]) => [l, rename(size)])) };
  if (relation.kind === 'unknown') return relation.outputs === undefined ? relation : { ...relation, outputs: relation.outputs.map((own) => own.map(rename)) };
  const { parts, ranges, repeats, pads } = relation;
  return {
    ...relation,
    outputs: relation.outputs.map((own) => own.map(rename)),
    ...(parts && { parts: parts.map(rename) }),
    ...(ranges && { ranges: ranges.map((own) => own && { ...own, start: rename(own.start), end: rename(own.end) }) }),
    ...(repeats && { repeats: repeats.map(rename) }),
    ...(pads && { pads: pads.map(([before, after]) => [rename(before), rename(after)] as const) }),
  };
}
