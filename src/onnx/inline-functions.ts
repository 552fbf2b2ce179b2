/**
 * Calls of model-local functions replaced by the functions' bodies, so that whoever looks at a graph sees every operator.
 *
 * A body's values and nodes are named after the call (`layers.0/mlp/…`); what it reads and returns has the caller's names. A
 * function that was written for another version of an operator set than the model's stays a call, since its operators may
 * mean something else there.
 *
 * Source: https://github.com/onnx/onnx/blob/main/docs/IR.md#functions
 */
import { GrowError } from '../errors.ts';
import type { Attribute, FunctionDef, Graph, Model, Node, OpsetImport } from './ir.ts';
import { mapItems } from './map-tensors.ts';
import { bodiesOf, namesIn } from './names.ts';

/**
 * Nodes that functions of real models stay below: 200 layers are 20,000, and a node is written once for up to 100 layers. Functions that
 * call each other twice make millions of a small file, and what a file costs is to be in proportion to it.
 */
const [MAX_NODES, FEW_NODES, PER_WRITTEN] = [50_000, 10_000, 100];

/** The body of a function where it is called. */
interface Call {
  /** The caller's names of the body's values. */
  readonly values: ReadonlyMap<string, string>;
  /** The call's attributes, and the defaults of those it does not give. */
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly prefix: string;
}

const MAIN: Call = { values: new Map(), attributes: new Map(), prefix: '' };

/** A model without calls of functions; the same model when it has none. Throws GrowError INVALID_MODEL for functions that call themselves. */
export function inlineFunctions(model: Model): Model {
  if (model.functions.length === 0) return model;
  const { imports, usable } = compatible(model);
  const written = [model.graph, ...model.functions].reduce((sum, { nodes }) => sum + nodes.length, 0);
  refuseEndless(model.graph.nodes, usable, Math.min(MAX_NODES, Math.max(FEW_NODES, PER_WRITTEN * written)));
  const names = namesIn(model.graph);
  /** How often a name was asked for, so that a function called a thousand times is no thousand times slower. */
  const counts = new Map<string, number>();
  const graph = inGraph(model.graph, MAIN);
  const kept = model.functions.filter((definition) => usable.get(keyOf(definition)) !== definition);
  const used = new Set([...domainsOf(graph.nodes), ...kept.flatMap((definition) => [...domainsOf(definition.nodes)])]);
  const own = new Set(model.functions.map((definition) => definition.domain));
  return { ...model, graph, functions: kept, opsetImports: imports.filter(({ domain }) => !own.has(domain) || isStandard(domain) || used.has(domain)) };

  function inGraph(graph: Graph, call: Call): Graph {
    const nodes = graph.nodes.flatMap((node) => expand(call === MAIN ? withBodies(node) : renamed(node, call)));
    return nodes.length === graph.nodes.length && nodes.every((node, i) => node === graph.nodes[i]) ? graph : { ...graph, nodes };
  }

  function withBodies(node: Node): Node {
    const attributes = mapItems(node.attributes, (own) => {
      const value = own.kind === 'graph' ? inGraph(own.value, MAIN) : own.value;
      return value === own.value ? own : ({ ...own, value } as Attribute);
    });
    return attributes === node.attributes ? node : { ...node, attributes };
  }

  /** A node of a body under its caller's names. */
  function renamed(node: Node, call: Call): Node {
    const inputs = node.inputs.map((name) => call.values.get(name) ?? name);
    while (inputs.at(-1) === '') inputs.pop();
    return {
      ...node,
      name: fresh(`${call.prefix}/${node.name === '' ? node.opType : node.name}`),
      inputs,
      outputs: node.outputs.map((name) => call.values.get(name) ?? name),
      attributes: node.attributes.flatMap((own) => bound(own, call)),
    };
  }

  function bound(own: Attribute, call: Call): Attribute[] {
    if (own.kind === 'ref') {
      const given = call.attributes.get(own.value);
      if (given === undefined) return [];
      const { origin: _, ...plain } = given;
      return [{ ...plain, name: own.name } as Attribute];
    }
    return [own.kind === 'graph' ? { ...own, value: inBody(own.value, call) } : own];
  }

  /** A graph inside a body: what it defines is renamed too, since names are unique over all scopes. */
  function inBody(graph: Graph, call: Call): Graph {
    const values = new Map(call.values);
    const define = (name: string): void => {
      if (name !== '') values.set(name, fresh(`${call.prefix}/${name}`));
    };
    for (const { name } of [...graph.inputs, ...graph.initializers]) define(name);
    for (const node of graph.nodes) node.outputs.forEach(define);
    const here = { ...call, values };
    const rename = <T extends { readonly name: string }>(item: T): T => ({ ...item, name: values.get(item.name) ?? item.name });
    const { nodes } = inGraph({ ...graph }, here);
    return {
      ...graph,
      nodes,
      inputs: graph.inputs.map(rename),
      initializers: graph.initializers.map(rename),
      outputs: graph.outputs.map(rename),
      valueInfos: graph.valueInfos.map(rename),
    };
  }

  /** The nodes a call stands for; the node itself when it calls nothing. */
  function expand(node: Node): readonly Node[] {
    const definition = usable.get(calledBy(node));
    if (definition === undefined) return [node];
    const prefix = node.name === '' ? fresh(definition.name) : node.name;
    const values = new Map<string, string>(definition.inputs.map((name, i) => [name, node.inputs[i] ?? '']));
    const passed: Node[] = [];
    definition.outputs.forEach((name, i) => {
      const wanted = node.outputs[i] ?? '';
      if (wanted === '') return;
      // an operand that is handed through, or one value returned twice
      if (values.has(name)) passed.push(identity(values.get(name) ?? '', wanted, fresh(`${prefix}/Identity`)));
      else values.set(name, wanted);
    });
    for (const name of definition.nodes.flatMap((own) => own.outputs)) if (name !== '' && !values.has(name)) values.set(name, fresh(`${prefix}/${name}`));
    const given = [...definition.attributeDefaults, ...node.attributes];
    const call: Call = { values, attributes: new Map(given.map((own) => [own.name, own])), prefix };
    return [...definition.nodes.flatMap((own) => expand(renamed(own, call))), ...passed];
  }

  function fresh(base: string): string {
    let name = base;
    for (let i = counts.get(base) ?? 0; names.has(name); counts.set(base, i)) name = `${base}_${++i}`;
    names.add(name);
    return name;
  }
}

/** Refuses functions that call themselves, and those that stand for more than `most` nodes, which are only counted. */
function refuseEndless(nodes: readonly Node[], functions: ReadonlyMap<string, FunctionDef>, most: number): void {
  const counts = new Map<FunctionDef, number | 'open'>();
  const count = (list: readonly Node[]): number => list.reduce((sum, node) => sum + countOf(node), 0);
  if (count(nodes) > most) throw new GrowError('INVALID_MODEL', `the functions of this file stand for more than ${most} nodes`);

  function countOf(node: Node): number {
    const inside = bodiesOf(node).reduce((sum, body) => sum + count(body.nodes), 1);
    const definition = functions.get(calledBy(node));
    if (definition === undefined) return inside;
    const known = counts.get(definition);
    if (known === 'open') throw new GrowError('INVALID_MODEL', 'a function calls itself', { where: `function ${definition.name}` });
    if (known !== undefined) return inside + known;
    counts.set(definition, 'open');
    const own = count(definition.nodes);
    counts.set(definition, own);
    return inside + own;
  }
}

/** Why a call was not replaced by the function's body; undefined for a node that calls nothing. */
export function whyNotInlined(model: Model, node: Node): string | undefined {
  const definition = model.functions.find((own) => keyOf(own) === calledBy(node));
  const clash = definition?.opsetImports.find((own) => model.opsetImports.some((other) => sameDomain(own, other) && own.version !== other.version));
  if (definition === undefined || clash === undefined) return undefined;
  const domain = isStandard(clash.domain) ? 'ai.onnx' : clash.domain;
  return `function ${definition.name} is written for version ${clash.version} of ${domain}, the model for another one`;
}

/** Functions whose operators mean the same in the main graph, and the operator sets that this takes. */
function compatible(model: Model): { imports: readonly OpsetImport[]; usable: ReadonlyMap<string, FunctionDef> } {
  const imports = [...model.opsetImports];
  const usable = new Map<string, FunctionDef>();
  const local = new Set(model.functions.map(keyOf));
  for (const definition of model.functions) {
    const used = domainsOf(definition.nodes, local);
    const needed = definition.opsetImports.filter(({ domain }) => used.has(isStandard(domain) ? '' : domain));
    const clashes = needed.some((own) => imports.some((other) => sameDomain(own, other) && own.version !== other.version));
    if (clashes) continue;
    for (const own of needed) if (!imports.some((other) => sameDomain(own, other))) imports.push(own);
    usable.set(keyOf(definition), definition);
  }
  return { imports, usable };
}

const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx';
const sameDomain = (a: OpsetImport, b: OpsetImport): boolean => a.domain === b.domain || (isStandard(a.domain) && isStandard(b.domain));
const keyOf = (own: FunctionDef): string => JSON.stringify([isStandard(own.domain) ? '' : own.domain, own.name, own.overload]);
const calledBy = (node: Node): string => JSON.stringify([isStandard(node.domain) ? '' : node.domain, node.opType, node.overload ?? '']);

const identity = (from: string, to: string, name: string): Node => ({ opType: 'Identity', domain: '', name, inputs: [from], outputs: [to], attributes: [] });

/** The domains of the operators in a list of nodes and their bodies, without those that are functions of the model. */
function domainsOf(nodes: readonly Node[], local: ReadonlySet<string> = new Set()): Set<string> {
  const found = new Set<string>();
  for (const node of nodes) {
    if (!local.has(calledBy(node))) found.add(isStandard(node.domain) ? '' : node.domain);
    for (const body of bodiesOf(node)) for (const domain of domainsOf(body.nodes, local)) found.add(domain);
  }
  return found;
}
