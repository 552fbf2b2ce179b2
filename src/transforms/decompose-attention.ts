/**
 * A function-preserving rewrite that is made on demand: GroupQueryAttention (com.microsoft) as the standard operators it
 * stands for. The operator wants one width for queries, keys and values, and certain multiples of it; spelled out they grow
 * apart. Source of what it computes: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 *
 * Rows of a batch may have different lengths: `seqlens_k` + 1 rows of the present cache are valid in each, the new ones last.
 */
import type { Analysis } from '../analysis/graph-analysis.ts';
import { attributesOf } from '../analysis/relation.ts';
import { hint, isStatic, keyOf } from '../analysis/size.ts';
import { GrowError } from '../errors.ts';
import { type FlatNode, nodeLabel, opsetVersion } from '../onnx/graph.ts';
import { type Attribute, DataType, type Model, type ValueInfo } from '../onnx/ir.ts';
import { addConstant, type Draft, finishDraft, insertBefore, newNode, removeNode, startDraft } from './draft.ts';
import { int, ints } from './old-elements.ts';

const GROUP_QUERY = 'com.microsoft.GroupQueryAttention';

/** Operands of GroupQueryAttention by position. */
const AT = { query: 0, key: 1, value: 2, pastKey: 3, pastValue: 4, lengths: 5, total: 6, cos: 7, sin: 8, positions: 9, bias: 10, sink: 11 } as const;
const LAST_OPERAND = AT.sink;
const LAST_RESULT = 2;

/** True for a whole-attention operator that can be spelled out. */
export function isDecomposable({ flat, facts }: Analysis, node: FlatNode): boolean {
  const relation = facts.relations.get(node);
  return (
    node.op === GROUP_QUERY &&
    opsetVersion(flat.model) >= 13 &&
    attributesOf(node).int('local_window_size', -1) !== 0 &&
    relation?.kind === 'labels' &&
    node.inputs.slice(LAST_OPERAND + 1).every((name) => name === '') &&
    node.outputs.slice(LAST_RESULT + 1).every((name) => name === '')
  );
}

/** Spells out the given operators, which must be decomposable. */
export function decomposeAttention(analysis: Analysis, nodes: readonly FlatNode[]): Model {
  const draft = startDraft(analysis.flat);
  const shared = new Map<string, Rows>();
  for (const node of nodes) {
    spellOut(analysis, draft, node, shared);
    removeNode(draft, node);
  }
  const caches = new Set(nodes.flatMap((node) => [node.inputs[AT.pastKey], node.inputs[AT.pastValue], ...node.outputs.slice(1)]));
  const named = (info: ValueInfo): ValueInfo => (caches.has(info.name) ? withKnownSizes(analysis, info) : info);
  draft.inputs = draft.inputs.map(named);
  draft.outputs = draft.outputs.map(named);
  return finishDraft(draft);
}

/** Names of sizes that the operator fixed (one name for the width of keys and of values) become numbers. */
function withKnownSizes({ facts }: Analysis, info: ValueInfo): ValueInfo {
  const known = facts.values.get(info.name)?.dims;
  if (info.type?.dims == null || known == null) return info;
  const dims = info.type.dims.map((dim, d) => {
    const size = known[d];
    return size !== undefined && isStatic(size) ? size : dim;
  });
  return { ...info, type: { ...info.type, dims } };
}

/** Which rows of the caches and of the new keys each query reads; int64 and boolean values that layers share. */
interface Rows {
  /** [batch, s]: where the new rows are in their sequence. */
  readonly positions: string;
  /** [batch, t, 1]: for each present row, its row in past rows followed by new ones; empty without a cache. */
  readonly source: string;
  /** [batch, t, 1, 1]: present rows that hold something; empty without a cache. */
  readonly filled: string;
  /** [1]: where present rows end that a bias has columns for; empty where all are read. */
  readonly end: string;
  /** [batch, 1, s, t]: rows that a query sees. */
  readonly visible: string;
}

/** Writes nodes in front of another one; the value they make is returned. */
interface Writer {
  (op: string, inputs: readonly string[], attributes?: readonly Attribute[], output?: string): string;
  parts(op: string, inputs: readonly string[], count: number, attributes: readonly Attribute[]): readonly string[];
  /** An int64 vector, or a scalar of another type. */
  vector(...values: readonly number[]): string;
  scalar(dtype: number, value: number): string;
}

function writerBefore(draft: Draft, node: FlatNode): Writer {
  const put = (op: string, inputs: readonly string[], count: number, attributes: readonly Attribute[], output?: string): readonly string[] => {
    const made = newNode(draft, node, op, inputs, { outputs: count, attributes });
    const named = output === undefined || output === '' ? made : { ...made, outputs: [output] };
    insertBefore(draft, node, named);
    return named.outputs;
  };
  const only = (names: readonly string[]): string => names[0] ?? '';
  return Object.assign(
    (op: string, inputs: readonly string[], attributes: readonly Attribute[] = [], output?: string) => only(put(op, inputs, 1, attributes, output)),
    {
      parts: put,
      vector: (...values: readonly number[]) => addConstant(draft, `${node.node.name || 'attention'}/vector`, DataType.INT64, [values.length], values),
      scalar: (dtype: number, value: number) => addConstant(draft, `${node.node.name || 'attention'}/scalar`, dtype, [], [value]),
    },
  );
}

function spellOut({ facts }: Analysis, draft: Draft, node: FlatNode, shared: Map<string, Rows>): void {
  const write = writerBefore(draft, node);
  const attributes = attributesOf(node);
  const name = (input: number): string => node.inputs[input] ?? '';
  const dims = (input: number) => facts.values.get(name(input))?.dims ?? [];
  const dtype = facts.values.get(name(AT.query))?.dtype ?? DataType.FLOAT;
  const [E, G] = [attributes.int('num_heads', 1), attributes.int('kv_num_heads', 1)];
  const packed = name(AT.key) === '';
  const width = hint(dims(AT.query)[2] ?? 1) / (packed ? E + 2 * G : E);
  const past = name(AT.pastKey) !== '';
  if (!Number.isSafeInteger(width)) throw new GrowError('UNSUPPORTED_OP', 'its width is no multiple of its heads', { where: nodeLabel(node) });
  const [queries = '', keys = '', values = ''] = packed
    ? write.parts('Split', [name(AT.query), write.vector(E * width, G * width, G * width)], 3, [int('axis', 2)])
    : [name(AT.query), name(AT.key), name(AT.value)];

  const key = [AT.query, AT.pastKey].map((input) => keyOf(dims(input)[input === AT.query ? 1 : 2] ?? -1));
  const sharedKey = [
    node.scope,
    name(AT.lengths),
    name(AT.total),
    name(AT.positions),
    name(AT.bias) !== '',
    attributes.int('local_window_size', -1),
    ...key,
  ].join('\u0000');
  const rows = shared.get(sharedKey) ?? findRows(write, node, past, attributes.int('local_window_size', -1));
  shared.set(sharedKey, rows);

  // [batch, s, heads, k]
  const split = (value: string, heads: number): string => write('Reshape', [value, write.vector(0, 0, heads, width)]);
  const byHead = (value: string, output?: string): string => write('Transpose', [value], [ints('perm', [0, 2, 1, 3])], output);
  const rotary = attributes.int('do_rotary', 0) !== 0 && name(AT.cos) !== '';
  const rotate = (value: string): string =>
    rotary ? rotated(write, value, angles(write, name(AT.cos), rows), angles(write, name(AT.sin), rows), tableWidth(), attributes, width) : value;
  const present = (fresh: string, cache: string, output: string): string => {
    if (!past) return byHead(fresh, output);
    const both = write('Concat', [byHead(cache), fresh], [int('axis', 1)]);
    const taken = write('GatherND', [both, rows.source], [int('batch_dims', 1)]);
    return byHead(write('Where', [rows.filled, taken, write.scalar(dtype, 0)]), output);
  };
  const seen = (value: string): string => (rows.end === '' ? value : write('Slice', [value, write.vector(0), rows.end, write.vector(2)]));
  const presentKey = present(rotate(split(keys, G)), name(AT.pastKey), node.outputs[1] ?? '');
  const presentValue = present(split(values, G), name(AT.pastValue), node.outputs[2] ?? '');
  const repeated = (whole: string): string => {
    const value = seen(whole);
    if (E === G) return value;
    const grouped = write('Expand', [write('Unsqueeze', [value, write.vector(2)]), write.vector(1, 1, E / G, 1, 1)]);
    return write('Reshape', [grouped, write.vector(0, E, -1, width)]);
  };

  const query = byHead(rotate(split(queries, E)));
  const product = write('MatMul', [query, write('Transpose', [repeated(presentKey)], [ints('perm', [0, 1, 3, 2])])]);
  const scale = attributes.int('scale', 0) || 1 / Math.sqrt(width);
  const scaled = write('Mul', [product, write.scalar(dtype, scale)]);
  const cap = attributes.int('softcap', 0);
  const capped = cap > 0 ? write('Mul', [write('Tanh', [write('Div', [scaled, write.scalar(dtype, cap)])]), write.scalar(dtype, cap)]) : scaled;
  const biased = name(AT.bias) === '' ? capped : write('Add', [capped, name(AT.bias)]);
  const scores = write('Where', [rows.visible, biased, write.scalar(dtype, Number.NEGATIVE_INFINITY)]);
  const weights = name(AT.sink) !== '' || attributes.int('smooth_softmax', 0) === 1 ? withSink(scores) : write('Softmax', [scores], [int('axis', -1)]);
  const attended = byHead(write('MatMul', [weights, repeated(presentValue)]));
  write('Reshape', [attended, write.vector(0, 0, E * width)], [], node.outputs[0] ?? '');

  function tableWidth(): number {
    const size = dims(AT.cos)[1];
    if (size === undefined || !isStatic(size)) throw new GrowError('UNSUPPORTED_OP', 'its rotation table has no known width', { where: nodeLabel(node) });
    return size;
  }

  /** Softmax with one more column, a number per head (0 in a smooth softmax), that takes its share and gives nothing. */
  function withSink(own: string): string {
    const sink = name(AT.sink) === '' ? write.scalar(dtype, 0) : write('Reshape', [name(AT.sink), write.vector(1, E, 1, 1)]);
    const shape = write('Concat', [firstSizes(write, own, 3), write.vector(1)], [int('axis', 0)]);
    const column = write('Expand', [sink, shape]);
    const whole = write('Softmax', [write('Concat', [own, column], [int('axis', -1)])], [int('axis', -1)]);
    return write('Slice', [whole, write.vector(0), write.vector(-1), write.vector(3)]);
  }
}

/** Positions, cache rows and mask of one kind of layer. */
function findRows(write: Writer, node: FlatNode, past: boolean, window: number): Rows {
  const number = (value: number): string => write.scalar(DataType.INT64, value);
  const size = (value: string, dim: number): string => write('Gather', [write('Shape', [value]), number(dim)], [int('axis', 0)]);
  const whole = (value: string, ...shape: number[]): string => write('Reshape', [write('Cast', [value], [int('to', DataType.INT64)]), write.vector(...shape)]);
  const fresh = size(node.inputs[AT.query] ?? '', 1);
  const count = write('Add', [whole(node.inputs[AT.lengths] ?? '', -1, 1), number(1)]);
  // rows of the cache that count, per sequence: none while a prompt is read
  const before = write('Max', [write('Sub', [count, fresh]), number(0)]);
  const computed = write('Add', [before, write('Range', [number(0), fresh, number(1)])]);
  const at = write('Unsqueeze', [computed, write.vector(1, 3)]);
  let [source, filled, end] = ['', '', ''];
  let total = fresh;
  if (past) {
    const cached = size(node.inputs[AT.pastKey] ?? '', 2);
    total = write('Max', [write('Squeeze', [whole(node.inputs[AT.total] ?? '', 1)]), cached]);
    const column = write('Range', [number(0), total, number(1)]);
    const shifted = write('Min', [write('Add', [write('Sub', [column, before]), cached]), write('Sub', [write('Add', [cached, fresh]), number(1)])]);
    source = write('Unsqueeze', [write('Where', [write('Less', [column, before]), column, shifted]), write.vector(2)]);
    filled = write('Unsqueeze', [write('Less', [column, write('Add', [before, fresh])]), write.vector(2, 3)]);
  }
  if (past && (node.inputs[AT.bias] ?? '') !== '') {
    // a bias is as long as the sequence, a cache may be longer
    end = whole(node.inputs[AT.total] ?? '', 1);
    total = write('Squeeze', [end]);
  }
  const column = write('Range', [number(0), total, number(1)]);
  const causal = write('LessOrEqual', [column, at]);
  const visible = window < 0 ? causal : write('And', [causal, write('Greater', [column, write('Sub', [at, number(window)])])]);
  const given = node.inputs[AT.positions] ?? '';
  if (given === '') return { positions: computed, source, filled, end, visible };
  // while a prompt is read only the first of the given positions counts
  const prompt = write('Equal', [whole(node.inputs[AT.total] ?? '', 1), fresh]);
  const first = write('Slice', [write('Reshape', [given, write.vector(-1)]), write.vector(0), write.vector(1)]);
  return { positions: write('Where', [prompt, write('Add', [first, write('Range', [number(0), fresh, number(1)])]), given]), source, filled, end, visible };
}

const firstSizes = (write: Writer, value: string, count: number): string =>
  write('Slice', [write('Shape', [value]), write.vector(0), write.vector(count), write.vector(0)]);

/** cos or sin of each position: [batch, s, 1, width]. */
const angles = (write: Writer, table: string, rows: Rows): string =>
  write('Unsqueeze', [write('Gather', [table, rows.positions], [int('axis', 0)]), write.vector(2)]);

/** Rotary embedding of [batch, s, heads, k]: two halves or neighbouring pairs, and what is behind them as it is. */
function rotated(write: Writer, value: string, cos: string, sin: string, half: number, attributes: ReturnType<typeof attributesOf>, width: number): string {
  const rest = width - 2 * half;
  const join = (a: string, b: string): string => write('Concat', [a, b], [int('axis', -1)]);
  const pairs = attributes.int('rotary_interleaved', 0) !== 0;
  let [a = '', b = '', passed = '']: readonly string[] = [];
  if (pairs) {
    const [turned = '', left = ''] = rest === 0 ? [value] : write.parts('Split', [value, write.vector(2 * half, rest)], 2, [int('axis', -1)]);
    passed = left;
    const slice = (start: number): string => write('Slice', [turned, write.vector(start), write.vector(2 * half), write.vector(3), write.vector(2)]);
    [a, b] = [slice(0), slice(1)];
  } else {
    const sizes = rest === 0 ? [half, half] : [half, half, rest];
    [a = '', b = '', passed = ''] = write.parts('Split', [value, write.vector(...sizes)], sizes.length, [int('axis', -1)]);
  }
  const first = write('Sub', [write('Mul', [a, cos]), write('Mul', [b, sin])]);
  const second = write('Add', [write('Mul', [b, cos]), write('Mul', [a, sin])]);
  if (!pairs) return passed === '' ? join(first, second) : write('Concat', [first, second, passed], [int('axis', -1)]);
  const [left, right] = [first, second].map((part) => write('Unsqueeze', [part, write.vector(4)])) as [string, string];
  const shape = write('Concat', [firstSizes(write, value, 3), write.vector(2 * half)], [int('axis', 0)]);
  const turned = write('Reshape', [join(left, right), shape]);
  return passed === '' ? turned : join(turned, passed);
}
