import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from '../support/graph-builder.ts';
import { modelOf } from '../support/small-model.ts';

/** Rows of the projection, and where old columns of the stored query stand. */
const ROWS = 3;
const ORDER = [0, -1, 1, 2, -1, 3];
const SAME = [0, 1, 2, 3];

/** A number for each place of an old weight, and one for each place of a new one. */
const numberAt = (name: string, old: number, row: number): number => normals(1 + 64 * old + 8 * row + (name === 'wq' ? 1000 : 0))();

interface Grown {
  readonly order: readonly number[];
  /** The weight that is zero where it is new. */
  readonly zero?: 'wq' | 'ww';
  /** The weight of which one old element is another. */
  readonly fault?: 'wq' | 'ww';
  /** Columns of the projection in another order. */
  readonly exchanged?: boolean;
}

/** x of T rows beside a query [1, 1, D] that is repeated for each of them, and `lines`, which project it by ww [3, D]. */
function model(lines: readonly string[], { order, zero, fault, exchanged = false }: Grown): Model {
  const width = order.length;
  const repeated = ['Shape(x) -> s', 'Gather(s, [0]) -> t', 'Concat(t, [1,1]) axis=0 -> r', 'Tile(wq, r) -> p'];
  const made = modelOf({ x: ['T', 4], wq: [1, 1, width], ww: [ROWS, width] }, [...repeated, ...lines], 18);
  const initializers = made.graph.initializers.map((own) => {
    if (!own.name.startsWith('w')) return own;
    const rows = own.name === 'wq' ? 1 : ROWS;
    const columns = own.name === 'ww' && exchanged ? order.toReversed() : order;
    const numbers = Array.from({ length: rows }, (_, row) =>
      columns.map((old, i) => (old >= 0 ? numberAt(own.name, old, row) : own.name === zero ? 0 : numberAt(own.name, 10 + i, row))),
    ).flat();
    // the last row is in all parts
    const at = (rows - 1) * order.length + columns.indexOf(2);
    return tensorFromNumbers(own.name, own.dataType, own.dims, own.name === fault ? numbers.with(at, (numbers[at] ?? 0) + 0.5) : numbers);
  });
  return { ...made, graph: { ...made.graph, initializers } };
}

const FORMS: Readonly<Record<string, readonly string[]>> = {
  'a transposed weight': ['Transpose(ww) perm=[1,0] -> v', 'MatMul(p, v) -> y'],
  'a part of a weight': ['Split(ww, [1,2]) axis=0 -> a b', 'Transpose(b) perm=[1,0] -> v', 'MatMul(p, v) -> y'],
  'rows in front': ['Transpose(p) perm=[1,0,2] -> q', 'Transpose(ww) perm=[1,0] -> v', 'MatMul(q, v) -> y'],
  'a contraction': ['Einsum(p, ww) equation=abj,kj->abk -> y'],
  'the weight first': ['Transpose(p) perm=[0,2,1] -> q', 'MatMul(ww, q) -> y'],
};

async function computed(own: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(own), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const { y } = await session.run({ x: new Tensor('float32', new Float32Array(20), [5, 4]) });
  await session.release();
  return [...(y as Tensor).data] as number[];
}

describe.each(Object.entries(FORMS))('a repeated constant times %s', (_, lines) => {
  const old = model(lines, { order: SAME });
  const proved = (grown: Grown): boolean => checkModels(old, model(lines, grown)).proved;

  test.each(['wq', 'ww'] as const)('is the old product where new columns of %s are zero', async (zero) => {
    expect(proved({ order: ORDER, zero })).toBe(true);
    expect(proved({ order: [...SAME, -1], zero })).toBe(true);
    const [before, after] = [await computed(old), await computed(model(lines, { order: ORDER, zero }))];
    expect(Math.max(...before.map((x, i) => Math.abs(x - (after[i] ?? Number.NaN))))).toBeLessThan(1e-5);
    expect(Math.max(...before.map(Math.abs))).toBeGreaterThan(0.1);
  });

  test('is none where new columns are zero in neither, an old element changed, or columns stand at different places', () => {
    expect(proved({ order: ORDER })).toBe(false);
    for (const zero of ['wq', 'ww'] as const) {
      for (const fault of ['wq', 'ww'] as const) expect(proved({ order: ORDER, zero, fault })).toBe(false);
      expect(proved({ order: ORDER, zero, exchanged: true })).toBe(false);
    }
  });
});
