import { describe, expect, test } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model, type Node } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { type Architecture, buildTransformer, PLAIN } from '../support/architecture.ts';
import { withNode } from '../support/faults.ts';
import { grownBy, reread } from '../support/grown-model.ts';
import { largestDifference, load, runsFor } from '../support/run-model.ts';
import { node } from '../support/small-graph.ts';

/** Norms of new layers in every spelling. */
const ARCHITECTURES: readonly (readonly [string, Partial<Architecture>])[] = [
  ['div-sqrt', { normForm: 'div-sqrt' }],
  ['div-sqrt post', { normForm: 'div-sqrt', placement: 'post' }],
  ['mul-reciprocal', { normForm: 'mul-reciprocal' }],
  ['std', { normForm: 'std' }],
  ['unbiased', { normForm: 'unbiased' }],
  ['keras', { normForm: 'keras' }],
  ['flax', { normForm: 'flax' }],
  ['l2', { normForm: 'l2', norm: 'rms' }],
  ['fused', { normForm: 'fused' }],
];

/** What can go wrong in a new layer: operands exchanged, a value added to itself, a number of another sign, or zero. */
function faultsIn(old: Model, grown: Model): readonly (readonly [string, Model])[] {
  const known = new Set(old.graph.nodes.flatMap((own) => own.outputs));
  const added = grown.graph.nodes.filter((own) => !known.has(own.outputs[0] ?? ''));
  const swapped = (own: Node): Node => ({ ...own, inputs: own.inputs.toReversed() });
  const twice = (own: Node): Node => ({ ...own, inputs: [own.inputs[0] ?? '', own.inputs[0] ?? ''] });
  const changes = added.flatMap((own): [string, Model][] => [
    ...(/^(Div|Sub|Pow)$/.test(own.opType) ? ([[`${own.opType} exchanged`, withNode(grown, own, swapped(own))]] as [string, Model][]) : []),
    ...(/^(Add|Sub|Div|Mul)$/.test(own.opType) ? ([[`${own.opType} of one operand twice`, withNode(grown, own, twice(own))]] as [string, Model][]) : []),
  ]);
  const read = new Set(added.flatMap((own) => own.inputs));
  const numbers = grown.graph.initializers
    .filter((own) => own.dims.length === 0 && read.has(own.name) && !old.graph.initializers.some(({ name }) => name === own.name))
    .flatMap((own) =>
      [-1, 0].map((factor): [string, Model] => {
        const changed = tensorFromNumbers(own.name, own.dataType, [], [factor * (readNumbers(own)[0] ?? 0)]);
        const initializers = grown.graph.initializers.map((other) => (other === own ? changed : other));
        return [`${own.name} times ${factor}`, { ...grown, graph: { ...grown.graph, initializers } }];
      }),
    );
  return [...changes, ...numbers];
}

/** Divisors that are zero for some inputs, which random inputs do not meet: none of these may be proved. */
function zeroDivisors(old: Model, grown: Model): readonly (readonly [string, Model])[] {
  const known = new Set(old.graph.nodes.flatMap((own) => own.outputs));
  const added = grown.graph.nodes.filter((own) => !known.has(own.outputs[0] ?? ''));
  // the first old value that the new layer reads
  const stream = added.flatMap((own) => own.inputs).find((name) => known.has(name)) ?? '';
  const withOperand = (own: Node, name: string, ...before: readonly Node[]): Model => {
    const made = withNode(grown, own, { ...own, inputs: own.inputs.map((input, i) => (i === (own.opType === 'Div' ? 1 : 0) ? name : input)) });
    const at = made.graph.nodes.findIndex((other) => other.outputs[0] === own.outputs[0]);
    return { ...made, graph: { ...made.graph, nodes: [...made.graph.nodes.slice(0, at), ...before, ...made.graph.nodes.slice(at)] } };
  };
  const masked = (model: Model): Model => ({
    ...model,
    graph: { ...model.graph, initializers: [...model.graph.initializers, tensorFromNumbers('zero_or_one', DataType.DOUBLE, [2, 1, 1], [1, 0])] },
  });
  const isComputed = (name: string): boolean => grown.graph.nodes.some((own) => own.outputs.includes(name));
  return added
    .filter((own) => /^(Div|Reciprocal)$/.test(own.opType) && isComputed(own.inputs.at(-1) ?? ''))
    .flatMap((own): [string, Model][] => {
      const mask = node('Mul', [own.inputs.at(-1) ?? '', 'zero_or_one'], ['masked_divisor']);
      return [
        [`${own.opType} by the stream`, withOperand(own, stream)],
        [`${own.opType} by a divisor that is masked`, masked(withOperand(own, 'masked_divisor', mask))],
      ];
    });
}

const proved = (old: Model, now: Model): boolean => {
  const { findings, proved: own } = checkModels(old, now);
  expect(findings.filter(({ message }) => message.includes('broke off'))).toEqual([]);
  return own;
};

describe('what divides, or stands under a root, in a new layer', () => {
  test.each(ARCHITECTURES)('%s', async (_, traits) => {
    const old = reread(buildTransformer({ ...PLAIN, ...traits, float: 'float64' }));
    const grown = reread(grownBy(old, ['layers=+1']).model);
    expect(checkModels(old, grown).findings).toEqual([]);
    const before = await load(old);
    let notProved = 0;
    for (const [name, faulty] of faultsIn(old, grown)) {
      if (!proved(old, faulty)) {
        notProved++;
        continue;
      }
      const after = await load(faulty);
      // what is proved is a number, and the same one; 0 / 0 is none
      expect(name).not.toBe('Div of one operand twice');
      expect(await largestDifference(before, after, runsFor(old, 3)), name).toBeLessThan(1e-10);
      await after.release();
    }
    await before.release();
    for (const [name, faulty] of zeroDivisors(old, grown)) expect(proved(old, faulty), name).toBe(false);
    expect(notProved).toBeGreaterThan(3);
  });
});

test('sums of features that a linear attention divides by, of which growth masks the new ones', () => {
  const old = readModel('fixtures/torchscript_linear_attention.onnx');
  for (const steps of [
    ['heads=+2', 'qk=+4'],
    ['qk=+4', 'layers=+1'],
  ]) {
    expect({ steps, findings: checkModels(old, reread(grownBy(old, steps).model)).findings }).toEqual({ steps, findings: [] });
  }
});
