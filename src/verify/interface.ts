/** What a model takes and gives: its inputs with roles, its caches, and what each symbolic size stands for. */
import { inferFacts } from '../analysis/shapes.ts';
import { isStatic } from '../analysis/size.ts';
import { GrowError } from '../errors.ts';
import type { FlatGraph } from '../onnx/graph.ts';
import type { Model, ValueInfo } from '../onnx/ir.ts';
import { pairCaches } from './caches.ts';
import type { Graph } from './flow.ts';
import { graphOf } from './flow.ts';
import type { Role } from './roles.ts';
import { roleOf } from './roles.ts';
import type { SizeExpression } from './size-expression.ts';
import { parseSize } from './size-expression.ts';
import type { ElementType } from './values.ts';
import { elementType } from './values.ts';

export interface InputSpec {
  readonly name: string;
  readonly type: Exclude<ElementType, 'string'>;
  readonly dims: readonly SizeExpression[];
  readonly role: Role;
}

export interface CacheSpec {
  readonly name: string;
  readonly type: Exclude<ElementType, 'string'>;
  readonly dims: readonly SizeExpression[];
  /** The output that holds this cache after a step. */
  readonly output: string;
  /** The axis that counts tokens. */
  readonly timeAxis: number;
  /** Whether the output is declared longer than the input. */
  readonly grows: boolean;
}

/** What a symbolic size counts. `size` is one that weights fix, `length` one that no other input shares a meaning with. */
export type SymbolClass = 'batch' | 'tokens' | 'past' | 'total' | 'length' | 'size' | 'image';

export interface ModelInterface {
  readonly graph: Graph;
  readonly inputs: readonly InputSpec[];
  readonly caches: readonly CacheSpec[];
  readonly outputs: readonly string[];
  readonly symbols: ReadonlyMap<string, SymbolClass>;
  /** The only sizes that the nodes of the graph leave for some symbols: exporters declare dimensions free that they wrote down elsewhere. */
  readonly forced: ReadonlyMap<string, number>;
  /** Inputs of types the runtime cannot be given. */
  readonly unsupported: readonly string[];
}

/** Describes a model. */
export function describe(model: Model): ModelInterface {
  const graph = graphOf(model);
  const pairs = new Map(pairCaches(graph).map((pair) => [pair.input, pair.output]));
  const outputs = new Map(graph.flat.outputs.map((output) => [output.name, output]));
  const inputs: InputSpec[] = [];
  const caches: CacheSpec[] = [];
  const unsupported: string[] = [];
  for (const input of graph.flat.inputs) {
    const type = elementType(input.type?.elemType ?? 0);
    if (type === null || type === 'string') {
      unsupported.push(input.name);
      continue;
    }
    const output = outputs.get(pairs.get(input.name) ?? '');
    const dims = expressions(input);
    if (output === undefined) inputs.push({ name: input.name, type, dims, role: roleOf(graph, input) });
    else caches.push({ name: input.name, type, dims, output: output.name, ...timeOf(input, output) });
  }
  const forced = forcedSizes(graph.flat);
  return { graph, inputs, caches, outputs: [...outputs.keys()], symbols: classify(inputs, caches, outputs, forced), forced, unsupported };
}

function forcedSizes(flat: FlatGraph): ReadonlyMap<string, number> {
  try {
    return new Map([...inferFacts(flat).bindings].flatMap(([name, size]) => (isStatic(size) ? [[name, size] as const] : [])));
  } catch (error) {
    // a graph whose sizes cannot be followed may still run
    if (error instanceof GrowError) return new Map();
    throw error;
  }
}

const expressions = (value: ValueInfo): readonly SizeExpression[] => (value.type?.dims ?? []).map((dim, axis) => parseSize(dim, `${value.name}\u001f${axis}`));

function timeOf(input: ValueInfo, output: ValueInfo): { timeAxis: number; grows: boolean } {
  const before = input.type?.dims ?? [];
  const after = output.type?.dims ?? null;
  const changed = after === null ? [] : before.flatMap((dim, axis) => (dim !== null && dim === after[axis] ? [] : [axis]));
  const usual = before.length - 2;
  const named = changed.filter((axis) => before[axis] !== null);
  const timeAxis = named.length === 1 ? (named[0] ?? usual) : usual;
  return { timeAxis, grows: after === null || changed.includes(timeAxis) };
}

/** Gives every symbol a class; the surest evidence comes first and stays. */
function classify(
  inputs: readonly InputSpec[],
  caches: readonly CacheSpec[],
  outputs: ReadonlyMap<string, ValueInfo>,
  forced: ReadonlyMap<string, number>,
): ReadonlyMap<string, SymbolClass> {
  const classes = new Map<string, SymbolClass>();
  const mark = (dim: SizeExpression | undefined, kind: SymbolClass): void => {
    if (dim?.kind === 'symbol' && !classes.has(dim.name)) classes.set(dim.name, kind);
  };
  for (const { role, dims } of inputs) {
    if (role.kind !== 'ids' && role.kind !== 'positions') continue;
    if (dims.length > 1) mark(dims[0], 'batch');
    const last = dims.at(-1);
    const own = last?.kind === 'symbol' ? forced.get(last.name) : undefined;
    const tokens = [...classes].find(([, kind]) => kind === 'tokens')?.[0];
    // two lengths that differ for certain are not both the number of tokens
    const other = own !== undefined && tokens !== undefined && (forced.get(tokens) ?? own) !== own;
    mark(last, other ? 'length' : 'tokens');
  }
  for (const { dims, timeAxis, grows, output } of caches) {
    mark(dims[dims.length === 5 ? 1 : 0], 'batch');
    mark(dims[timeAxis], grows ? 'past' : 'length');
    const declared = outputs.get(output);
    if (grows && declared !== undefined) mark(expressions(declared)[timeAxis], 'total');
    for (const dim of dims) mark(dim, 'size');
  }
  for (const { role, dims } of inputs) {
    if (role.kind !== 'floats') continue;
    mark(dims[0], 'batch');
    dims.forEach((dim, axis) => {
      const last = axis === dims.length - 1;
      if (role.image !== null && axis >= 2) mark(dim, 'image');
      else mark(dim, last || role.sizes.has(axis) ? 'size' : 'length');
    });
  }
  for (const { name, role, dims } of inputs) {
    if (dims.length > 1 || role.kind === 'lengths') mark(dims[0], 'batch');
    const ownLength = caches.length === 0 || /encoder/i.test(name);
    mark(dims.at(-1), ownLength ? 'length' : 'total');
    mark(dims.at(-2), 'tokens');
    for (const dim of dims) mark(dim, 'size');
  }
  return classes;
}
