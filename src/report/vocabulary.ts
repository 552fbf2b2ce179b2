/** The vocabulary by structure: the table that token ids pick rows from, and the product that makes logits. */

import { type Axis, find, leavesOf } from '../analysis/axis.ts';
import type { Analysis } from '../analysis/graph-analysis.ts';
import { factorNames, isProduct } from '../analysis/norms.ts';
import { isStatic } from '../analysis/size.ts';
import type { Stack } from '../analysis/stacks.ts';
import type { FlatNode } from '../onnx/graph.ts';
import { DataType, type Tensor } from '../onnx/ir.ts';
import { isNumeric, readNumbers } from '../onnx/tensor.ts';
import { weightSource } from './weight-source.ts';

interface Vocabulary {
  /** Number of tokens; null where the model has none. */
  readonly size: number | null;
  /** Whether the table of tokens is the matrix that makes logits, too, or a stored copy of it. */
  readonly tied: boolean;
}

/** Finds the vocabulary of the stream that feeds the main output. */
export function findVocabulary(analysis: Analysis, main: Stack | undefined): Vocabulary {
  const tables = tokenTables(analysis);
  const logits = main === undefined ? null : logitsWidth(analysis, main);
  const table = tables.find((own) => own.rows === logits) ?? tables[0];
  return { size: table?.rows ?? logits, tied: table !== undefined && isMultiplied(analysis, table.name) };
}

interface Table {
  readonly name: string;
  readonly rows: number;
  /** Position of the token ids among the graph's inputs. */
  readonly order: number;
}

const KEEPS_IDS: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Unsqueeze', 'Squeeze', 'Flatten', 'Where', 'Clip', 'Expand', 'Transpose']);

/** Tables of rows that an integer input picks from, in the order of the inputs: token ids come before types and positions. */
function tokenTables(analysis: Analysis): Table[] {
  const { flat, facts } = analysis;
  const integers = new Map(
    flat.inputs.flatMap((input, i) => (input.type?.elemType === DataType.INT64 || input.type?.elemType === DataType.INT32 ? [[input.name, i] as const] : [])),
  );
  const tables = flat.nodes.flatMap((node): Table[] => {
    const [table = '', ids = ''] =
      node.op === 'Gather' ? node.inputs : node.op === 'com.microsoft.EmbedLayerNormalization' ? [node.inputs[2] ?? '', node.inputs[0] ?? ''] : [];
    const dims = facts.values.get(table)?.dims;
    const name = facts.values.get(table)?.dependence === 'constant' && dims?.length === 2 ? weightSource(analysis, table) : undefined;
    const order = name === undefined ? undefined : idsInput(analysis, ids, integers);
    const rows = dims?.[0];
    return name === undefined || order === undefined || rows === undefined || !isStatic(rows) ? [] : [{ name, rows, order }];
  });
  return tables.sort((a, b) => a.order - b.order);
}

/** The position of the integer input whose elements these ids are; undefined when they are computed, as positions are. */
function idsInput(analysis: Analysis, ids: string, integers: ReadonlyMap<string, number>): number | undefined {
  let name = ids;
  for (let hop = 0; hop < 32; hop++) {
    const order = integers.get(name);
    if (order !== undefined) return order;
    const node = analysis.data.producer(name);
    if (node === undefined || !KEEPS_IDS.has(node.op)) return undefined;
    name = node.inputs.find((input, i) => (node.op !== 'Where' || i > 0) && analysis.facts.values.get(input)?.dependence === 'data') ?? '';
  }
  return undefined;
}

/** The last dimension of an output [batch, position, token] that a product makes of the stream. */
function logitsWidth({ flat, facts, axes, data }: Analysis, main: Stack): number | null {
  const stream = new Set(leavesOf(main.axis));
  for (const output of flat.outputs) {
    const dims = facts.values.get(output.name)?.dims;
    const size = dims?.at(-1);
    const axis = axes.of(output.name)?.at(-1);
    if (dims == null || dims.length < 3 || size === undefined || !isStatic(size) || axis === undefined || leavesOf(axis).some((leaf) => stream.has(leaf)))
      continue;
    const makes = (node: FlatNode): boolean =>
      isProduct(node) && sameAxis(axes.of(node.outputs[0] ?? '')?.at(-1), axis) && factorNames(node).some((name) => readsStream(axes.of(name), stream));
    if (data.ancestors(output.name).some(makes)) return size;
  }
  return null;
}

const sameAxis = (a: Axis | undefined, b: Axis): boolean => a !== undefined && find(a) === find(b);

const readsStream = (axes: readonly Axis[] | undefined, stream: ReadonlySet<Axis>): boolean =>
  (axes ?? []).some((axis) => leavesOf(axis).some((leaf) => stream.has(leaf)));

/** True when a table, or a copy of it, is a factor of a product. */
function isMultiplied(analysis: Analysis, table: string): boolean {
  const { flat, facts } = analysis;
  const tensor = flat.constants.get(table)?.tensor;
  return flat.nodes.some((node) => {
    if (!isProduct(node)) return false;
    const factors = factorNames(node).filter((name) => facts.values.get(name)?.dependence === 'constant');
    return factors.some((name) => {
      const source = weightSource(analysis, name);
      const other = source === undefined ? undefined : flat.constants.get(source)?.tensor;
      return source === table || (tensor !== undefined && other !== undefined && isCopy(tensor, other));
    });
  });
}

/** Elements that are compared: enough to tell copies from other weights, few enough for tables of any size. */
const SAMPLES = 256;

/** True when a matrix is a table's copy, as it is or transposed. */
function isCopy(table: Tensor, other: Tensor): boolean {
  const [rows = 0, columns = 0] = table.dims;
  const [otherRows = 0, otherColumns = 0] = other.dims;
  if (table.dims.length !== 2 || other.dims.length !== 2 || table.dataType !== other.dataType || !isNumeric(table.dataType)) return false;
  const straight = rows === otherRows && columns === otherColumns;
  const turned = rows === otherColumns && columns === otherRows;
  const count = rows * columns;
  const samples = Array.from({ length: Math.min(SAMPLES, count) }, (_, i) => (count <= SAMPLES ? i : Math.floor(((i * 0.6180339887498949) % 1) * count)));
  const at = (tensor: Tensor, index: number): number => readNumbers(tensor, index, 1)[0] ?? 0;
  const equal = (place: (row: number, column: number) => number): boolean =>
    samples.every((index) => at(table, index) === at(other, place(Math.floor(index / columns), index % columns)));
  return (straight && equal((row, column) => row * columns + column)) || (turned && equal((row, column) => column * rows + row));
}
