import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { inferFacts } from '../../src/analysis/shapes.ts';
import { evaluate } from '../../src/analysis/size.ts';
import { flatten } from '../../src/onnx/graph.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { type Architecture, architectures, buildTransformer } from '../support/architecture.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { runs, SEED } from '../support/long.ts';
import { recipes } from '../support/recipes.ts';

const SIZES = new Map([
  ['batch', 2],
  ['tokens', 3],
  ['past', 4],
  ['total', 7],
]);

/** The model with every value an output. */
function exposed(model: Model): Model {
  const known = new Set(model.graph.outputs.map((output) => output.name));
  const names = model.graph.nodes.flatMap((node) => node.outputs).filter((name) => name !== '' && !known.has(name));
  return { ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, ...names.map((name) => ({ name, type: null }))] } };
}

/** Feeds of zeros and ones: only shapes are looked at. */
function feeds(model: Model): Record<string, Tensor> {
  return Object.fromEntries(
    model.graph.inputs.map(({ name, type }) => {
      const dims = (type?.dims ?? []).map((dim) => (typeof dim === 'number' ? dim : (SIZES.get(String(dim)) ?? 1)));
      const count = dims.reduce((a, b) => a * b, 1);
      return [
        name,
        type?.elemType === DataType.INT64
          ? new Tensor('int64', new BigInt64Array(count).fill(1n), dims)
          : new Tensor('float64', new Float64Array(count).fill(0.5), dims),
      ];
    }),
  );
}

/** Values whose inferred shape is not the one onnxruntime made, as text; values of unknown shape count as wrong. */
async function wrongShapes(model: Model): Promise<string[]> {
  const { values, bindings } = inferFacts(flatten(model));
  const session = await InferenceSession.create(encodeModel(exposed(model)), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const results = await session.run(feeds(model));
  await session.release();
  const sizes = new Map([...SIZES].filter(([name]) => !bindings.has(name)));
  return Object.entries(results).flatMap(([name, tensor]) => {
    const inferred =
      values
        .get(name)
        ?.dims?.map((size) => evaluate(size, sizes))
        .join() ?? 'unknown';
    return inferred === tensor.dims.join() ? [] : [`${name}: inferred [${inferred}], is [${tensor.dims.join()}]`];
  });
}

const cases = architectures.chain((a) => recipes(a).map((steps): { a: Architecture; steps: readonly string[] } => ({ a, steps })));

describe('inferred shapes', () => {
  it('are those onnxruntime makes, before and after growth', { timeout: 1e9 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        cases.filter(({ a }) => a.placement !== 'post'),
        async ({ a, steps }) => {
          const model = reread(buildTransformer(a));
          expect(await wrongShapes(model)).toEqual([]);
          expect(await wrongShapes(reread(grownBy(model, steps).model))).toEqual([]);
        },
      ),
      { numRuns: runs(50), seed: SEED },
    );
  });
});
