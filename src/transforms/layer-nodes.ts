/** Which nodes, caches included, belong to a layer. */
import type { Analysis } from '../analysis/graph-analysis.ts';
import { factorNames, isProduct } from '../analysis/norms.ts';
import type { FlatNode } from '../onnx/graph.ts';
import type { Caches } from './layer-caches.ts';
import type { LayerPart } from './layer-part.ts';

/** Every edge counts: shapes, indices and contents. */
export function allAncestors({ data }: Analysis, values: readonly string[]): Set<FlatNode> {
  const found = new Set<FlatNode>();
  const queue = [...values];
  while (queue.length > 0) {
    const node = data.producer(queue.pop() ?? '');
    if (node === undefined || found.has(node)) continue;
    found.add(node);
    queue.push(...node.inputs);
  }
  return found;
}

/** Nodes reached from a value; Shape of the value itself is no part of what follows it. */
function descendants({ data }: Analysis, value: string, within?: ReadonlySet<FlatNode>): Set<FlatNode> {
  const found = new Set<FlatNode>();
  const queue = data.consumers(value).flatMap(({ node }) => (node.op === 'Shape' ? [] : [node]));
  while (queue.length > 0) {
    const node = queue.pop() as FlatNode;
    if (found.has(node) || (within !== undefined && !within.has(node))) continue;
    found.add(node);
    for (const output of node.outputs) queue.push(...data.consumers(output).map((own) => own.node));
  }
  return found;
}

/** The nodes that make a layer, and its caches. */
export function layerNodes(analysis: Analysis, part: LayerPart, caches: Caches): Set<FlatNode> {
  const { data, facts, flat } = analysis;
  const inside = allAncestors(analysis, [part.to]);
  for (const node of allAncestors(analysis, [part.from])) inside.delete(node);
  const after = descendants(analysis, part.to);
  const own = descendants(analysis, part.from, inside);
  const cacheInputs = (caches.inputs[part.layer.index] ?? []).map((info) => info.name);
  const seeds: FlatNode[] = cacheInputs
    .flatMap((name) => data.consumers(name).map(({ node }) => node))
    .filter((node) => inside.has(node) && node.op !== 'Shape' && node.op !== 'If');
  for (const node of inside) {
    if (
      isProduct(node) &&
      !own.has(node) &&
      factorNames(node).some((name) => isMatrix(analysis, name)) &&
      factorNames(node).some((name) => facts.values.get(name)?.dependence === 'data')
    )
      seeds.push(node);
  }
  // a bias that is stretched to the stream's shape reads the stream through Shape only; it is zeroed, so it is the layer's own
  seeds.push(...part.zeroed.map(({ operand }) => operand.node));
  const queue = [...seeds];
  while (queue.length > 0) {
    const node = queue.pop() as FlatNode;
    if (own.has(node) || !inside.has(node)) continue;
    own.add(node);
    for (const output of node.outputs) queue.push(...data.consumers(output).map((reader) => reader.node));
  }
  // caches that leave the layer on a side branch
  const fromLayer = descendants(analysis, part.from);
  for (const value of cacheValues(analysis, part, caches)) {
    for (const node of allAncestors(analysis, [value]))
      if ((fromLayer.has(node) || reachesOnly(node)) && !after.has(node) && !allAncestorsOf(part.from).has(node) && node.op !== 'If') own.add(node);
  }
  for (const node of flat.nodes) {
    const feeds = node.outputs.some((output) => data.consumers(output).some((reader) => own.has(reader.node)));
    if (feeds && facts.values.get(node.outputs[0] ?? '')?.dependence === 'constant' && node.op !== 'Constant') collectConstantNodes(node);
  }
  for (const node of [...own]) {
    for (const branch of node.branches ?? [])
      for (const inner of flat.nodes) if (inner.scope === branch || inner.scope.startsWith(`${branch}/`)) own.add(inner);
  }
  return own;

  function reachesOnly(node: FlatNode): boolean {
    return node.inputs.some((name) => cacheInputs.includes(name));
  }

  function allAncestorsOf(value: string): Set<FlatNode> {
    return allAncestors(analysis, [value]);
  }

  function collectConstantNodes(node: FlatNode): void {
    if (own.has(node) || node.op === 'Constant') return;
    own.add(node);
    for (const name of node.inputs) {
      const from = data.producer(name);
      if (from !== undefined) collectConstantNodes(from);
    }
  }
}

const isMatrix = ({ facts }: Analysis, name: string): boolean => {
  const value = facts.values.get(name);
  return value?.dependence === 'constant' && (value.dims ?? []).filter((size) => size !== 1).length > 1;
};

/** The values that leave a layer as caches, inside an `If` the branch's own ones. */
function cacheValues(analysis: Analysis, part: LayerPart, caches: Caches): string[] {
  return (caches.outputs[part.layer.index] ?? []).map((output) => innerValue(analysis, part, output.name));
}

/** The value in the part's scope that an `If` hands out under a name. */
export function innerValue({ data }: Analysis, part: LayerPart, name: string): string {
  const node = data.producer(name);
  if (node?.op !== 'If' || node.branches === undefined) return name;
  const scope = part.layer.branches[0]?.add.scope ?? '';
  const branch = node.branches.findIndex((own) => scope === own || scope.startsWith(`${own}/`));
  const output = node.outputs.indexOf(name);
  return branch < 0 ? name : (node.inputs[1 + branch * node.outputs.length + output] ?? name);
}
