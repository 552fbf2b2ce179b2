/** Who reads what: producers, consumers and ancestors over activation edges (shape and index operands do not count). */
import type { FlatGraph, FlatNode } from '../onnx/graph.ts';
import type { Facts } from './shapes.ts';

/** Producers, consumers and ancestors of values. */
export interface Dataflow {
  readonly index: ReadonlyMap<FlatNode, number>;
  producer(value: string): FlatNode | undefined;
  /** Nodes that read a value, with the operand's position. */
  consumers(value: string): readonly { readonly node: FlatNode; readonly input: number }[];
  /** Operand positions through which a node's result depends on contents, not only on shapes or indices. */
  dataInputs(node: FlatNode): readonly number[];
  /** True when `node` is an ancestor of `value`'s producer, or is it, over activation edges. */
  isAncestor(node: FlatNode, value: string): boolean;
  /** Ancestors of a value over activation edges, its producer included, in graph order. */
  ancestors(value: string): FlatNode[];
}

/** Indexes a graph for walks along activation edges. */
export function followData(flat: FlatGraph, facts: Facts): Dataflow {
  const { nodes } = flat;
  const index = new Map(nodes.map((node, i) => [node, i]));
  const producers = new Map<string, FlatNode>();
  const readers = new Map<string, { node: FlatNode; input: number }[]>();
  for (const node of nodes) {
    for (const output of node.outputs) if (output !== '') producers.set(output, node);
    node.inputs.forEach((name, input) => {
      if (name === '') return;
      const list = readers.get(name);
      if (list === undefined) readers.set(name, [{ node, input }]);
      else list.push({ node, input });
    });
  }
  /** A bit for each node up to the one itself: ancestors stand in front. */
  const sets: (Uint32Array | undefined)[] = new Array(nodes.length);

  const dataInputs = (node: FlatNode): number[] => {
    const relation = facts.relations.get(node);
    if (relation === undefined || node.op === 'Shape' || node.op === 'Size' || node.op === 'ConstantOfShape') return [];
    if (relation.kind === 'unknown') return node.inputs.flatMap((name, i) => (name === '' ? [] : [i]));
    if (relation.kind !== 'labels') return relation.kind === 'concat' ? node.inputs.map((_, i) => i) : [0];
    return node.inputs.flatMap((name, i) => (name !== '' && (relation.inputs[i] ?? null) !== null ? [i] : []));
  };

  /** Filled in graph order, so that operands come first and the recursion stays flat. */
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[i] as FlatNode;
    const own = new Uint32Array((i >> 5) + 1);
    own[i >> 5] = (own[i >> 5] ?? 0) | (1 << (i & 31));
    for (const input of dataInputs(node)) {
      const from = producers.get(node.inputs[input] ?? '');
      const set = from === undefined ? undefined : sets[index.get(from) ?? -1];
      if (set !== undefined) for (let w = 0; w < set.length; w++) own[w] = (own[w] ?? 0) | (set[w] ?? 0);
    }
    sets[i] = own;
  }

  const has = (set: Uint32Array | undefined, i: number): boolean => ((set?.[i >> 5] ?? 0) & (1 << (i & 31))) !== 0;
  const setOf = (value: string): Uint32Array | undefined => {
    const node = producers.get(value);
    return node === undefined ? undefined : sets[index.get(node) ?? -1];
  };
  return {
    index,
    dataInputs,
    producer: (value) => producers.get(value),
    consumers: (value) => readers.get(value) ?? [],
    isAncestor: (node, value) => has(setOf(value), index.get(node) ?? -1),
    ancestors: (value) => {
      const found: FlatNode[] = [];
      setOf(value)?.forEach((word, w) => {
        // the lowest bit that is left
        for (let rest = word; rest !== 0; rest &= rest - 1) found.push(nodes[32 * w + 31 - Math.clz32(rest & -rest)] as FlatNode);
      });
      return found;
    },
  };
}
