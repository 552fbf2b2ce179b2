import type { Attribute, FunctionDef, Graph, Model, Node } from './ir.ts';

/** Something structurally wrong with a model: where it is and what is wrong. */
export interface StructureFinding {
  readonly where: string;
  readonly message: string;
}

type Report = (where: string, message: string) => void;

/**
 * Checks what every runtime relies on: each value has one producer per scope, each use comes after its producer, graph
 * outputs are produced, attributes and initializers are unique. [] means that nothing is wrong.
 * Source: https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
export function validateModel(model: Model): readonly StructureFinding[] {
  const findings: StructureFinding[] = [];
  const report: Report = (where, message) => findings.push({ where, message });
  checkUnique(
    model.opsetImports.map((opset) => opset.domain),
    'model',
    'opset import of domain',
    report,
  );
  checkGraph(model.graph, new Set(), 'graph', report);
  checkUnique(
    model.functions.map((definition) => `${definition.domain}.${definition.name}:${definition.overload}`),
    'model',
    'function',
    report,
  );
  for (const definition of model.functions) checkFunction(definition, report);
  return findings;
}

function checkGraph(graph: Graph, outer: ReadonlySet<string>, where: string, report: Report): void {
  const defined = new Set<string>();
  const inputs = graph.inputs.map((input) => input.name);
  checkUnique(inputs, where, 'input', report);
  for (const name of inputs) defined.add(name);
  const initializers = [...graph.initializers, ...graph.sparseInitializers].map((tensor) => tensor.name);
  checkUnique(initializers, where, 'initializer', report);
  // An initializer with an input's name is that input's default.
  for (const name of initializers) defined.add(name);
  checkNodes(graph.nodes, defined, outer, where, report);
  for (const output of graph.outputs) {
    // Outputs of a branch may be outer values in practice, though the specification wants an Identity.
    if (!defined.has(output.name) && !outer.has(output.name)) report(where, `output ${quote(output.name)} is never produced`);
  }
}

function checkFunction(definition: FunctionDef, report: Report): void {
  const where = `function ${definition.name}`;
  checkUnique(definition.inputs, where, 'input', report);
  const defined = new Set(definition.inputs);
  checkNodes(definition.nodes, defined, new Set(), where, report);
  for (const output of definition.outputs) {
    if (!defined.has(output)) report(where, `output ${quote(output)} is never produced`);
  }
}

/** Checks nodes in order and adds what they produce to `defined`. */
function checkNodes(nodes: readonly Node[], defined: Set<string>, outer: ReadonlySet<string>, where: string, report: Report): void {
  const later = new Set(nodes.flatMap((node) => node.outputs));
  nodes.forEach((node, index) => {
    const here = `${where}, node ${index} (${label(node)})`;
    for (const input of node.inputs) {
      if (input === '' || defined.has(input) || outer.has(input)) continue;
      report(here, later.has(input) ? `input ${quote(input)} is produced later` : `input ${quote(input)} is not defined`);
    }
    checkAttributes(node, defined, outer, here, report);
    for (const output of node.outputs) {
      if (output === '') continue;
      if (defined.has(output)) report(here, `output ${quote(output)} is defined before`);
      defined.add(output);
    }
  });
}

function checkAttributes(node: Node, defined: ReadonlySet<string>, outer: ReadonlySet<string>, where: string, report: Report): void {
  checkUnique(
    node.attributes.map((attribute) => attribute.name),
    where,
    'attribute',
    report,
  );
  for (const attribute of node.attributes) {
    if (!isGraph(attribute)) continue;
    checkGraph(attribute.value, new Set([...outer, ...defined]), `${where}, ${attribute.name}`, report);
  }
}

function isGraph(attribute: Attribute): attribute is Attribute & { readonly kind: 'graph' } {
  return attribute.kind === 'graph';
}

function checkUnique(names: readonly string[], where: string, what: string, report: Report): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) report(where, `${what} ${quote(name)} is there twice`);
    seen.add(name);
  }
}

function label(node: Node): string {
  return node.name === '' ? node.opType : `${node.opType} ${quote(node.name)}`;
}

/** JSON spelling: shows the ends of a name and escapes line breaks and terminal control characters. */
function quote(name: string): string {
  return JSON.stringify(name);
}
