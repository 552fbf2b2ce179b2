/** Values in the middle of a graph that are outputs of the model, too: growth keeps them, or is refused. */
import { describe, expect, it } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { GrowError } from '../../src/errors.ts';
import { grow } from '../../src/grow.ts';
import { verify } from '../../src/index.ts';
import type { Model, Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';

const FORMS: readonly (readonly [Architecture['norm'], Architecture['normForm']])[] = [
  ...(['div-sqrt', 'mul-reciprocal', 'l2'] as const).map((form) => ['rms', form] as const),
  ...(['fused', 'div-sqrt', 'mul-reciprocal', 'std', 'unbiased', 'keras', 'flax'] as const).map((form) => ['layer', form] as const),
];
const STATISTICS = new Set(['ReduceMean', 'ReduceSum', 'ReduceL2', 'ReduceSumSquare', 'Add', 'Sub', 'Mul', 'Div', 'Sqrt', 'Reciprocal', 'Pow']);

/** The values that nodes of the norms up to the first attention make, and 1/σ of fused ones. */
function valuesOf({ graph }: Model): readonly string[] {
  const front = graph.nodes.slice(
    0,
    graph.nodes.findIndex(({ opType }) => opType === 'Softmax'),
  );
  return front.flatMap(({ opType, outputs }) => (STATISTICS.has(opType) ? outputs : opType === 'LayerNormalization' ? outputs.slice(2) : []));
}

/** Gives the deviations of fused norms a name. */
const withDeviations = (model: Model): Model => ({
  ...model,
  graph: {
    ...model.graph,
    nodes: model.graph.nodes.map(
      (node, i): Node => (node.opType === 'LayerNormalization' ? { ...node, outputs: [node.outputs[0] ?? '', '', `deviation_${i}`] } : node),
    ),
  },
});

const withOutput = (model: Model, name: string): Model =>
  readModel(encodeModel({ ...model, graph: { ...model.graph, outputs: [...model.graph.outputs, { name, type: null }] } }));

describe.each(FORMS)('%s norms, %s', (norm, normForm) => {
  // a wider norm and a chain of norms change different numbers
  it.each([
    ['pre', 'hidden=+4'],
    ['post', 'layers=+1@before:0'],
  ] as const)('placed %s, %s', { timeout: 120_000 }, async (placement, step) => {
    const model = withDeviations(buildTransformer({ ...PLAIN, norm, normForm, placement, layers: 1, float: 'float32' }));
    const kept: string[] = [];
    for (const name of valuesOf(model)) {
      const old = withOutput(model, name);
      try {
        const grown = grow(old, step, { seed: 3 }).bytes();
        // a copied layer gives out what the layer does
        const findings = checkModels(old, readModel(grown)).findings.filter(({ message }) => message !== 'is new');
        expect([name, findings]).toEqual([name, []]);
        kept.push(name);
        if (kept.length === 3) expect([name, (await verify(encodeModel(old), grown)).verdict]).toEqual([name, expect.stringMatching(/bit-exact|rounding/)]);
      } catch (error) {
        if (!(error instanceof GrowError)) throw error;
      }
    }
    expect(kept.length).toBeGreaterThan(4);
  });
});

it('sizes that are outputs stay what they were, or growth is refused', { timeout: 60_000 }, () => {
  const model = buildTransformer({ ...PLAIN, layers: 1, shapes: 'computed', projection: 'split' });
  const said = model.graph.nodes.flatMap(({ opType, outputs: [name = ''] }) =>
    (opType === 'Shape' ? ['v=+2', 'heads=+1', 'mlp=x2', 'hidden=+4'] : []).map((step) => {
      const old = withOutput(model, name);
      try {
        expect([name, step, checkModels(old, readModel(grow(old, step, { seed: 3 }).bytes())).findings]).toEqual([name, step, []]);
        return 'kept';
      } catch (error) {
        if (!(error instanceof GrowError)) throw error;
        expect(error.message).toBe(`output ${name} holds a size or number that growth changes`);
        return 'refused';
      }
    }),
  );
  expect(new Set(said)).toEqual(new Set(['kept', 'refused']));
});
