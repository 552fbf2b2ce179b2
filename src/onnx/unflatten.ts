/** An edited flat graph back in nested form. */
import { assert } from '../errors.ts';
import { type Constant, type FlatNode, SEPARATOR, same } from './graph.ts';
import type { Attribute, Graph, Model, Node, ValueInfo } from './ir.ts';

/** What `unflatten` builds a model from: a flat graph whose lists may differ from the model's. */
export interface FlatEdit {
  readonly nodes: readonly FlatNode[];
  readonly constants: ReadonlyMap<string, Constant>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** New declared types by flat value name; null drops the declaration. Others stay. */
  readonly valueInfos: ReadonlyMap<string, ValueInfo['type']>;
}

/** Puts an edited flat graph back into nested form. New nodes and constants land in the scope they name. */
export function unflatten(model: Model, edit: FlatEdit): Model {
  return { ...model, graph: rebuild(model.graph, '') };

  function local(scope: string, name: string): string {
    const at = name.lastIndexOf(SEPARATOR);
    assert(at < 0 || scope === name.slice(0, at) || scope.startsWith(`${name.slice(0, at)}/`), `value ${name} is not visible in scope ${scope}`);
    return name.slice(at + 1);
  }

  function rebuild(graph: Graph, scope: string): Graph {
    const flatName = (name: string): string => (scope === '' ? name : `${scope}${SEPARATOR}${name}`);
    const nodes = edit.nodes.filter((flat) => flat.scope === scope).map((flat) => rebuildNode(flat, scope));
    const held = [...edit.constants].filter(([, constant]) => constant.scope === scope && constant.holder === 'initializer');
    const byName = new Map(held.map(([name, constant]) => [local(scope, name), constant.tensor]));
    const kept = graph.initializers.flatMap((tensor) => {
      const now = byName.get(tensor.name);
      byName.delete(tensor.name);
      return now === undefined ? [] : [now];
    });
    const initializers = [...kept, ...byName.values()];
    const dims = new Map(initializers.map((tensor) => [tensor.name, tensor.dims]));
    const redeclare = (info: ValueInfo): ValueInfo[] => {
      const type = edit.valueInfos.get(flatName(info.name));
      if (type === undefined) return [info];
      return type === null ? [] : [{ ...info, type }];
    };
    const main = scope === '';
    const asInput = new Map(main ? edit.inputs.map((input) => [input.name, input]) : []);
    const inputs = main
      ? [
          ...graph.inputs.flatMap((input) => {
            const now = asInput.get(input.name);
            asInput.delete(input.name);
            const shape = dims.get(input.name);
            if (now === undefined && shape === undefined) return [];
            return [now ?? sameDims(input, shape)];
          }),
          ...asInput.values(),
        ]
      : graph.inputs;
    const orderedInputs = main ? inOrderOf(inputs, edit.inputs) : inputs;
    const outputs = main ? edit.outputs : graph.outputs.flatMap(redeclare);
    return {
      ...graph,
      nodes: same(graph.nodes, nodes),
      initializers: same(graph.initializers, initializers),
      inputs: same(graph.inputs, orderedInputs),
      outputs: same(graph.outputs, outputs),
      valueInfos: same(graph.valueInfos, graph.valueInfos.flatMap(redeclare)),
    };
  }

  function rebuildNode(flat: FlatNode, scope: string): Node {
    const { node } = flat;
    const count = node.inputs.length;
    const wanted = flat.branches === undefined ? flat.inputs.slice(0, hasBody(node) ? count : undefined) : flat.inputs.slice(0, 1);
    const inputs = same(
      node.inputs,
      wanted.map((name) => (name === '' ? '' : local(scope, name))),
    );
    const outputs = same(
      node.outputs,
      flat.outputs.map((name) => (name === '' ? '' : local(scope, name))),
    );
    const attributes = flat.branches === undefined ? node.attributes : rebuildBranches(flat);
    const unchanged = inputs === node.inputs && outputs === node.outputs && attributes === node.attributes;
    return unchanged ? node : { ...node, inputs, outputs, attributes };
  }

  function rebuildBranches(flat: FlatNode): readonly Attribute[] {
    let next = 0;
    const ends = flat.inputs.slice(1);
    const each = ends.length / (flat.branches?.length ?? 1);
    const attributes = flat.node.attributes.map((attribute) => {
      if (attribute.kind !== 'graph') return attribute;
      const index = next++;
      const scope = flat.branches?.[index] ?? '';
      const body = rebuild(attribute.value, scope);
      const names = ends.slice(index * each, (index + 1) * each).map((name) => local(scope, name));
      const outputs = same(
        body.outputs,
        names.map((name, i) => declareOutput(body.outputs, name, i)),
      );
      const value = outputs === body.outputs ? body : { ...body, outputs };
      return value === attribute.value ? attribute : { ...attribute, value };
    });
    return same(flat.node.attributes, attributes);
  }
}

const hasBody = (node: Node): boolean => node.attributes.some((attribute) => attribute.kind === 'graph');

const declareOutput = (outputs: readonly ValueInfo[], name: string, index: number): ValueInfo =>
  outputs.find((output) => output.name === name) ?? { name, type: outputs[index]?.type ?? null };

function sameDims(input: ValueInfo, dims: readonly number[] | undefined): ValueInfo {
  if (dims === undefined || input.type?.dims == null || input.type.dims.every((dim, i) => dim === dims[i])) return input;
  return { ...input, type: { ...input.type, dims } };
}

/** The list with those named in `order` at the places such names have, in that order. */
function inOrderOf(list: readonly ValueInfo[], order: readonly ValueInfo[]): ValueInfo[] {
  const names = new Set(order.map((info) => info.name));
  const queue = [...order];
  return list.map((info) => (names.has(info.name) ? (queue.shift() ?? info) : info));
}
