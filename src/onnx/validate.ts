import { GrowError } from '../errors.ts';
import type { Attribute, FunctionDef, Graph, Model, Node } from './ir.ts';

/** Something structurally wrong with a model: where it is and what is wrong. */
export interface StructureFinding {
  readonly where: string;
  readonly message: string;
  /** Nodes that stand in another order than they run in: the specification forbids it, runtimes put them in order. */
  readonly order: boolean;
}

type Report = (where: string, message: string, order?: boolean) => void;

/** What a node may read: what stands before it in its graph, and in the graphs around that. */
interface Scope {
  readonly defined: Set<string>;
  /** What nodes of this graph make, before or after. */
  readonly made: ReadonlySet<string>;
  readonly outer: Scope | null;
  /** What the graphs around say of a name: they stand still while this one is checked. */
  readonly around: Map<string, Found>;
}

/** Whether a name is a value where it is used. */
type Found = 'defined' | 'later' | 'never';

/**
 * Checks what every runtime relies on: each value has one producer per scope, each use comes after its producer, graph
 * outputs are produced, attributes, initializers and outputs are unique, branches return what their `If` does, which reads its condition alone. [] means that
 * nothing is wrong. Source: https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
export function validateModel(model: Model): readonly StructureFinding[] {
  const known = validated.get(model);
  if (known !== undefined) return known;
  const findings: StructureFinding[] = [];
  checkModel(model, (where, message, order = false) => findings.push({ where, message, order }));
  validated.set(model, findings);
  return findings;
}

/** A model never changes: reading, analysis and growth ask for the same one. */
const validated = new WeakMap<Model, readonly StructureFinding[]>();

/** Throws GrowError INVALID_MODEL for a graph that no runtime takes. What only stands in another order is fine. */
export function refuseFaults(model: Model): void {
  const refuse = ({ where, message, order }: StructureFinding): void => {
    if (!order) throw new GrowError('INVALID_MODEL', `the graph is broken: ${message}`, { where, hint: 'run onnx.checker on the file, and export it again' });
  };
  validated.get(model)?.forEach(refuse);
  if (validated.has(model)) return;
  // the first fault ends it: a damaged file may have millions
  const findings: StructureFinding[] = [];
  checkModel(model, (where, message, order = false) => {
    refuse({ where, message, order });
    findings.push({ where, message, order });
  });
  validated.set(model, findings);
}

function checkModel(model: Model, report: Report): void {
  checkUnique(
    model.opsetImports.map((opset) => opset.domain),
    'model',
    'opset import of domain',
    report,
  );
  checkGraph(model.graph, null, 'graph', report);
  checkUnique(
    model.functions.map((definition) => `${definition.domain}.${definition.name}:${definition.overload}`),
    'model',
    'function',
    report,
  );
  for (const definition of model.functions) checkFunction(definition, report);
}

function checkGraph(graph: Graph, outer: Scope | null, where: string, report: Report): void {
  const inputs = graph.inputs.map((input) => input.name);
  checkUnique(inputs, where, 'input', report);
  const initializers = [...graph.initializers, ...graph.sparseInitializers].map((tensor) => tensor.name);
  checkUnique(initializers, where, 'initializer', report);
  checkUnique(
    graph.outputs.map((output) => output.name),
    where,
    'output',
    report,
  );
  // An initializer with an input's name is that input's default.
  const scope = scopeOf([...inputs, ...initializers], graph.nodes, outer);
  checkNodes(graph.nodes, scope, where, report);
  // Outputs of a branch may be outer values in practice, though the specification wants an Identity.
  for (const output of graph.outputs) if (find(scope, output.name) === 'never') report(where, `output ${quote(output.name)} is never produced`);
}

function checkFunction(definition: FunctionDef, report: Report): void {
  const where = `function ${definition.name}`;
  checkUnique(definition.inputs, where, 'input', report);
  const scope = scopeOf(definition.inputs, definition.nodes, null);
  checkNodes(definition.nodes, scope, where, report);
  for (const output of definition.outputs) if (find(scope, output) === 'never') report(where, `output ${quote(output)} is never produced`);
}

const scopeOf = (defined: readonly string[], nodes: readonly Node[], outer: Scope | null): Scope => ({
  defined: new Set(defined),
  made: new Set(nodes.flatMap((node) => node.outputs)),
  outer,
  around: new Map(),
});

function find({ defined, made, outer, around }: Scope, name: string): Found {
  if (defined.has(name)) return 'defined';
  const own = made.has(name) ? 'later' : 'never';
  if (outer === null) return own;
  const outside = around.get(name) ?? find(outer, name);
  around.set(name, outside);
  return outside === 'never' ? own : outside;
}

/** A Constant holds its value. Source: https://onnx.ai/onnx/operators/onnx__Constant.html */
function checkConstant(node: Node, here: () => string, report: Report): void {
  if (node.inputs.some((name) => name !== '')) report(here(), 'a Constant reads no value');
  if (node.attributes.length === 0) report(here(), 'a Constant holds a value');
}

/** Checks nodes in order and adds what they produce to what is defined. */
function checkNodes(nodes: readonly Node[], scope: Scope, where: string, report: Report): void {
  nodes.forEach((node, index) => {
    const here = (): string => `${where}, node ${index} (${label(node)})`;
    for (const input of node.inputs) {
      if (input === '') continue;
      const found = find(scope, input);
      if (found === 'later') report(here(), `input ${quote(input)} is produced later`, true);
      else if (found === 'never') report(here(), `input ${quote(input)} is not defined`);
    }
    if (node.opType === 'Constant' && node.domain === '') checkConstant(node, here, report);
    checkAttributes(node, scope, here, report);
    for (const output of node.outputs) {
      if (output === '') continue;
      if (scope.defined.has(output)) report(here(), `output ${quote(output)} is defined before`);
      scope.defined.add(output);
    }
  });
}

function checkAttributes(node: Node, scope: Scope, where: () => string, report: Report): void {
  if (node.attributes.length === 0) return;
  checkUnique(
    node.attributes.map((attribute) => attribute.name),
    where,
    'attribute',
    report,
  );
  if (node.opType === 'If' && node.domain === '' && node.inputs.length !== 1)
    report(where(), `an If reads its condition, this one ${node.inputs.length} values`);
  const bodies = node.attributes.filter(isGraph);
  for (const { name, value } of bodies) {
    checkGraph(value, scope, `${where()}, ${name}`, report);
    if (node.opType === 'If' && node.domain === '' && value.outputs.length !== node.outputs.length)
      report(where(), `${quote(name)} returns ${value.outputs.length} values, the If has ${node.outputs.length}`);
  }
}

function isGraph(attribute: Attribute): attribute is Attribute & { readonly kind: 'graph' } {
  return attribute.kind === 'graph';
}

function checkUnique(names: readonly string[], where: string | (() => string), what: string, report: Report): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) report(typeof where === 'string' ? where : where(), `${what} ${quote(name)} is there twice`);
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
