/** Elementwise operators without a float64 kernel, spelled out. */
import { int, ints, meanOver, type Scribe, unsqueeze } from './scribe.ts';

export type Rewrite = (scribe: Scribe) => void;

const add = (scribe: Scribe, a: string, b: string): string => scribe.put('Add', [a, b]);
const multiply = (scribe: Scribe, a: string, b: string): string => scribe.put('Mul', [a, b]);
const times = (scribe: Scribe, a: string, factor: number): string => multiply(scribe, a, scribe.float(factor));

/** a·x + b·x³ */
const cubic = (scribe: Scribe, x: string, a: number, b: number): string =>
  multiply(scribe, x, add(scribe, times(scribe, multiply(scribe, x, x), b), scribe.float(a)));

/** √(2/π) and the factor of the cube in the usual approximation of Gelu (Hendrycks & Gimpel, 2016). */
const GELU = Math.sqrt(2 / Math.PI);
const CUBE = 0.044715;

/**
 * erf(x) becomes tanh(√(4/π)·(x + 2·0.044715·x³)), which differs by less than 4e-4. Both models get the same one: whether a
 * function is kept does not depend on which activation is computed, but its values stay in the range they had.
 */
const erf: Rewrite = (scribe) => scribe.give(0, scribe.put('Tanh', [cubic(scribe, scribe.inputs[0], Math.SQRT2 * GELU, 2 * Math.SQRT2 * GELU * CUBE)]));

/** x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))), Gelu with the erf of above. */
export function gelu(scribe: Scribe, x: string): string {
  const bend = scribe.put('Tanh', [cubic(scribe, x, GELU, GELU * CUBE)]);
  return multiply(scribe, times(scribe, x, 0.5), add(scribe, bend, scribe.float(1)));
}

const sigmoid = (scribe: Scribe, x: string): string => scribe.put('Sigmoid', [x]);
const positive = (scribe: Scribe, x: string): string => scribe.put('Relu', [x]);
const negative = (scribe: Scribe, x: string): string => scribe.put('Neg', [positive(scribe, scribe.put('Neg', [x]))]);

/** ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which overflows nowhere. */
function softplus(scribe: Scribe, x: string): string {
  const small = scribe.put('Exp', [scribe.put('Neg', [scribe.put('Abs', [x])])]);
  return add(scribe, positive(scribe, x), scribe.put('Log', [add(scribe, small, scribe.float(1))]));
}

/** scale·(max(x, 0) + alpha·(e^min(x·inner, 0) − 1)) */
function elu(scribe: Scribe, alpha: number, scale = 1, inner = 1): string {
  const x = scribe.inputs[0];
  const bent = scribe.put('Sub', [scribe.put('Exp', [negative(scribe, times(scribe, x, inner))]), scribe.float(1)]);
  return times(scribe, add(scribe, positive(scribe, x), times(scribe, bent, alpha)), scale);
}

/** Values below `low` and above `high` become those. */
const clamp = (scribe: Scribe, x: string, low: number, high: number): string =>
  scribe.put('Min', [scribe.put('Max', [x, scribe.float(low)]), scribe.float(high)]);

function clip(scribe: Scribe): void {
  const [x, low, high] = scribe.inputs;
  if (scribe.opset < 11) return scribe.give(0, clamp(scribe, x, scribe.number('min', -Number.MAX_VALUE), scribe.number('max', Number.MAX_VALUE)));
  const raised = low === '' ? x : scribe.put('Max', [x, low]);
  scribe.give(0, high === '' ? raised : scribe.put('Min', [raised, high]));
}

/** An operator of one operand, by what it makes of it. */
const of =
  (make: (scribe: Scribe, x: string) => string): Rewrite =>
  (scribe) =>
    scribe.give(0, make(scribe, scribe.inputs[0]));

/** (x − zero point)·scale; a vector of scales stands along `axis`, a tensor of them holds one for each block along it. */
const dequantize: Rewrite = (scribe) => {
  const [x, scale, zero] = scribe.inputs;
  const axis = scribe.number('axis', 1);
  const along = spread(scribe, axis);
  const wide = (value: string): string => scribe.put('Cast', [value], [int('to', 11)]);
  const shifted = zero === '' ? wide(x) : scribe.put('Sub', [wide(x), wide(along(zero))]);
  scribe.give(0, multiply(scribe, shifted, along(scale)));
};

/** How scales and zero points of a DequantizeLinear meet its elements. */
function spread(scribe: Scribe, axis: number): (value: string) => string {
  const rank = scribe.rank(1);
  const block = scribe.number('block_size', 0);
  if (rank === 0 || (rank === 1 && scribe.size(1, 0) === 1)) return (value) => value;
  if (block > 0) {
    const index = scribe.integers(Array.from({ length: scribe.size(0, axis) }, (_, i) => Math.floor(i / block)));
    return (value) => scribe.put('Gather', [value, index], [int('axis', axis)]);
  }
  const all = scribe.rank(0);
  const others = Array.from({ length: all }, (_, i) => i).filter((i) => i !== (axis < 0 ? axis + all : axis));
  return (value) => unsqueeze(scribe, value, others);
}

const poolAll: Rewrite = (scribe) => {
  const spatial = Array.from({ length: scribe.rank(0) - 2 }, (_, i) => i + 2);
  scribe.give(0, meanOver(scribe, scribe.inputs[0], spatial));
};

const matMulFused: Rewrite = (scribe) => {
  const turned = (input: 0 | 1, flag: string): string => {
    const rank = scribe.rank(input);
    if (scribe.number(flag, 0) !== 1 || rank < 2) return scribe.inputs[input];
    const batch = Array.from({ length: rank - 2 }, (_, i) => i);
    return scribe.put('Transpose', [scribe.inputs[input]], [ints('perm', [...batch, rank - 1, rank - 2])]);
  };
  if (scribe.number('transBatchA', 0) === 1 || scribe.number('transBatchB', 0) === 1) throw scribe.refuse('its batch is transposed');
  scribe.give(0, times(scribe, scribe.put('MatMul', [turned(0, 'transA'), turned(1, 'transB')]), scribe.number('alpha', 1)));
};

const biased = (scribe: Scribe): string => {
  const [x, bias] = scribe.inputs;
  return bias === '' ? x : add(scribe, x, bias);
};

/** Rewrites by operator. Operators without one are given to the runtime with float64 operands as they are. */
export const ELEMENTWISE: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ['Erf', erf],
  ['Gelu', of(gelu)],
  ['com.microsoft.Gelu', of(gelu)],
  ['com.microsoft.BiasGelu', (scribe) => scribe.give(0, gelu(scribe, biased(scribe)))],
  ['com.microsoft.FastGelu', (scribe) => scribe.give(0, gelu(scribe, biased(scribe)))],
  ['com.microsoft.QuickGelu', of((scribe, x) => multiply(scribe, x, sigmoid(scribe, times(scribe, x, scribe.number('alpha', 1.702)))))],
  ['Swish', of((scribe, x) => multiply(scribe, x, sigmoid(scribe, times(scribe, x, scribe.number('alpha', 1)))))],
  ['Softplus', of(softplus)],
  ['Mish', of((scribe, x) => multiply(scribe, x, scribe.put('Tanh', [softplus(scribe, x)])))],
  ['Softsign', of((scribe, x) => scribe.put('Div', [x, add(scribe, scribe.put('Abs', [x]), scribe.float(1))]))],
  ['Elu', (scribe) => scribe.give(0, elu(scribe, scribe.number('alpha', 1)))],
  ['Celu', (scribe) => scribe.give(0, elu(scribe, scribe.number('alpha', 1), 1, 1 / scribe.number('alpha', 1)))],
  ['Selu', (scribe) => scribe.give(0, elu(scribe, scribe.number('alpha', 1.6732631921768188), scribe.number('gamma', 1.0507010221481323)))],
  ['LeakyRelu', of((scribe, x) => add(scribe, positive(scribe, x), times(scribe, negative(scribe, x), scribe.number('alpha', 0.01))))],
  ['PRelu', of((scribe, x) => add(scribe, positive(scribe, x), multiply(scribe, negative(scribe, x), scribe.inputs[1])))],
  ['HardSigmoid', of((scribe, x) => clamp(scribe, add(scribe, times(scribe, x, scribe.number('alpha', 0.2)), scribe.float(scribe.number('beta', 0.5))), 0, 1))],
  ['HardSwish', of((scribe, x) => multiply(scribe, x, clamp(scribe, add(scribe, times(scribe, x, 1 / 6), scribe.float(0.5)), 0, 1)))],
  ['Clip', clip],
  ['DequantizeLinear', dequantize],
  ['GlobalAveragePool', poolAll],
  ['com.microsoft.FusedMatMul', matMulFused],
]);
