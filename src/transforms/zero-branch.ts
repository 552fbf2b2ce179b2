/**
 * Making a residual branch zero: which constants of it must change so that it adds nothing, whatever it reads.
 *
 * A branch ends in a product with weights (they and their bias become zero), or in a norm of it (the norm's gain and bias become
 * zero and the weights stay: zero weights under a norm are exact too, but the norm's slope at 0 is γ/√ε).
 */
import type { Analysis } from '../analysis/graph-analysis.ts';
import { isProduct, type Norm, type Operand } from '../analysis/norms.ts';
import { factorInputs, ruleOf } from '../analysis/op-rules.ts';
import { isAlwaysZero } from '../analysis/zeros.ts';
import { type FlatNode, nodeLabel } from '../onnx/graph.ts';
import { readersWithin, sourceOf } from './norm-forms.ts';
import { isScaleOrPoint } from './zero-points.ts';

/** A constant operand whose elements all become one number. */
export interface Zeroed {
  readonly operand: Operand;
  readonly value: number;
}

/** The constants that make a value zero, or why there are none. */
export function zeroBranch(analysis: Analysis, norms: readonly Norm[], value: string): readonly Zeroed[] | string {
  const { data, facts } = analysis;
  const node = data.producer(value);
  if (node === undefined) return `${value} is an input`;
  const relation = facts.relations.get(node);
  const isConstant = (input: number): boolean => facts.values.get(node.inputs[input] ?? '')?.dependence === 'constant';
  const isData = (input: number): boolean => facts.values.get(node.inputs[input] ?? '')?.dependence === 'data';
  if (isAlwaysZero(analysis, value)) return [];
  const norm = norms.find((own) => own.output === value || (own.gain !== null && own.gain.node === node));
  if (norm !== undefined && norm.gain !== null) {
    return collect([0, 1], (i) => {
      const operand = i === 0 ? norm.gain : norm.bias;
      const zero = operand === null ? [] : constantZero(analysis, operand);
      return typeof zero === 'string'
        ? zero
        : zero.flatMap(({ operand: own, value: number }) => readersWithin(analysis, norm, own).map((each) => ({ operand: each, value: number })));
    });
  }
  if (isProduct(node)) {
    const factors = factorInputs(node);
    const weight = [...factors].reverse().find(isConstant);
    if (weight === undefined) return `${nodeLabel(node)}: ends a branch without weights`;
    const terms = (relation?.kind === 'labels' ? relation.inputs : []).flatMap((own, input) =>
      own === null || factors.includes(input) || isScaleOrPoint({ node, input }) !== null ? [] : [input],
    );
    return collect(
      [weight, ...terms].filter((input) => (node.inputs[input] ?? '') !== ''),
      (input) => (isConstant(input) ? constantZero(analysis, { node, input }) : `${nodeLabel(node)}: its bias is computed`),
    );
  }
  const rule = relation !== undefined && 'neverZero' in relation && relation.neverZero === true ? undefined : ruleOf(node.op);
  const inputs = data.dataInputs(node).filter((input) => (node.inputs[input] ?? '') !== '');
  switch (rule?.zero) {
    case 'scattered':
      return collect([0, 2], (input) => zeroBranch(analysis, norms, node.inputs[input] ?? ''));
    case 'all':
      return collect(inputs, (input) => (isData(input) ? zeroBranch(analysis, norms, node.inputs[input] ?? '') : constantZero(analysis, { node, input })));
    case 'any': {
      const attempts = inputs.filter(isData).map((input) => zeroBranch(analysis, norms, node.inputs[input] ?? ''));
      return attempts.find((own) => typeof own !== 'string') ?? attempts[0] ?? `${nodeLabel(node)}: no factor can be zero`;
    }
    case 'keeps':
    case 'first':
    case 'table':
      if (node.outputs[0] !== value) return `${nodeLabel(node)}: not its first result`;
      return zeroBranch(analysis, norms, node.inputs[0] ?? '');
    case 'moved':
      return node.op === 'Concat'
        ? collect(inputs, (input) => zeroBranch(analysis, norms, node.inputs[input] ?? ''))
        : zeroBranch(analysis, norms, node.inputs[0] ?? '');
    case 'branches':
      return collect([1, 2], (input) =>
        isData(input)
          ? zeroBranch(analysis, norms, node.inputs[input] ?? '')
          : isZero(analysis, node, input)
            ? []
            : `${nodeLabel(node)}: chooses a number that is not zero`,
      );
    default:
      return `${nodeLabel(node)}: a branch that ends in this operator cannot be made zero`;
  }
}

function constantZero(analysis: Analysis, operand: Operand): readonly Zeroed[] | string {
  if (isAlwaysZero(analysis, operand.node.inputs[operand.input] ?? '')) return [];
  const source = sourceOf(analysis, operand, 0);
  return source === null ? `${nodeLabel(operand.node)}: its weights are computed` : [{ operand: source.operand, value: source.add }];
}

const isZero = ({ facts }: Analysis, node: FlatNode, input: number): boolean =>
  facts.elements(node.inputs[input] ?? '')?.every((e) => e.value === 0) === true && (facts.elements(node.inputs[input] ?? '')?.length ?? 0) === 1;

function collect(inputs: readonly number[], visit: (input: number) => readonly Zeroed[] | string): readonly Zeroed[] | string {
  const all: Zeroed[] = [];
  for (const input of inputs) {
    const own = visit(input);
    if (typeof own === 'string') return own;
    all.push(...own);
  }
  return all;
}
