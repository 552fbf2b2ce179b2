/** Operators that give other numbers each time, of which nothing can be proved. */
import type { Facts } from '../analysis/shapes.ts';
import type { FlatNode } from '../onnx/graph.ts';

const RANDOM = new Set(['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial']);

/** Fused operators of training, and those that sample tokens. */
const RANDOM_FUSED = /^com\.microsoft\.(Sampling|.*Dropout.*)$/;

/** True for random operators, Dropout among them unless it is certain that it is not training. */
export function isRandom(node: FlatNode, facts: Facts): boolean {
  return RANDOM.has(node.op) || RANDOM_FUSED.test(node.op) || (node.op === 'Dropout' && !isInference(node, facts));
}

/** Dropout hands its operand on unless its third operand, `training_mode` (opset 12), says otherwise. */
export function isInference(node: FlatNode, facts: Facts): boolean {
  const training = node.inputs[2] ?? '';
  return training === '' || facts.elements(training)?.every((own) => own.value === 0) === true;
}
