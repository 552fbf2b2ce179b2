/** Inputs that the user gives: held against what the model takes, then fed to both models. */
import { didYouMean } from '../did-you-mean.ts';
import { GrowError } from '../errors.ts';
import type { Tensor } from '../onnx/ir.ts';
import type { CacheSpec, InputSpec, ModelInterface } from './interface.ts';
import type { SizeExpression } from './size-expression.ts';
import { evaluateSize } from './size-expression.ts';
import { asNumbers, type ElementType, elementType, isFloat, makeValues, tensorValues, type Values } from './values.ts';

/** Inputs of one step, and the sizes that their shapes give to the model's symbols. */
export interface GivenInputs {
  readonly feeds: ReadonlyMap<string, Values>;
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * Fits arrays to a model's inputs by name; caches may be left out, they then start empty.
 * Throws GrowError INVALID_INPUTS for unknown, missing or misshapen inputs.
 */
export function fitGiven(model: ModelInterface, tensors: ReadonlyMap<string, Tensor>, where: string): GivenInputs {
  const specs: readonly (InputSpec | CacheSpec)[] = [...model.inputs, ...model.caches];
  const order = model.graph.flat.inputs.map((input) => input.name);
  const names = specs.map(({ name }) => name);
  const feeds = new Map<string, Values>();
  const sizes = new Map<string, number>();
  for (const [given, tensor] of tensors) {
    const name = /^#\d+$/.test(given) ? (order[Number(given.slice(1))] ?? given) : given;
    const spec = specs.find((own) => own.name === name);
    if (spec === undefined) {
      const near = didYouMean(name, names);
      throw refused(where, `the model has no input ${name}`, near === null ? `its inputs are ${names.join(', ')}` : `did you mean ${near}?`);
    }
    feeds.set(name, fitted(spec, tensor, sizes, where));
  }
  const missing = model.inputs.filter(({ name }) => !feeds.has(name)).map(({ name, type, dims }) => `${name} (${type}[${dims.map(printSize)}])`);
  if (missing.length > 0) throw refused(where, `the input ${missing.join(', ')} is missing`, 'give every input of the model; caches may be left out');
  return { feeds, sizes };
}

function fitted(spec: InputSpec | CacheSpec, tensor: Tensor, sizes: Map<string, number>, where: string): Values {
  const expected = `${spec.type}[${spec.dims.map(printSize)}]`;
  const type = elementType(tensor.dataType);
  if (type !== spec.type)
    throw refused(
      where,
      `${spec.name} has elements of type ${type ?? tensor.dataType}, the model takes ${expected}`,
      `save it with .astype('${numpyType(spec.type)}')`,
    );
  const shape = `[${tensor.dims}]`;
  if (tensor.dims.length !== spec.dims.length)
    throw refused(where, `${spec.name} has the shape ${shape}, the model takes ${expected}`, 'it needs as many dimensions');
  tensor.dims.forEach((size, axis) => {
    const declared = spec.dims[axis];
    if (declared?.kind === 'symbol' && !sizes.has(declared.name)) sizes.set(declared.name, size);
    const wanted = declared === undefined ? null : evaluateSize(declared, sizes);
    // Sums of symbols are not solved for, and some files declare sizes that they do not keep to.
    if (wanted !== null && wanted !== size && declared?.kind === 'number')
      throw refused(where, `${spec.name} has the shape ${shape}, the model takes ${expected}`, `dimension ${axis} must be ${wanted}`);
  });
  return tensorValues(tensor, spec.type);
}

const numpyType = (type: ElementType): string => (type === 'bool' ? 'bool_' : type);

const printSize = (size: SizeExpression | undefined): string =>
  size === undefined ? '?' : size.kind === 'number' ? String(size.value) : size.kind === 'symbol' ? size.name.replace(/\u001f.*/, '') : '…';

const refused = (where: string, what: string, hint: string): GrowError => new GrowError('INVALID_INPUTS', what, { where, hint });

/** Given values as a model takes them: floats in the type it computes in, and zeros behind a cache that grew. */
export function asTaken(values: Values, type: ElementType): Values {
  if (values.type === type || type === 'string' || !isFloat(type) || !isFloat(values.type)) return values;
  const numbers = asNumbers(values);
  return makeValues(type, values.dims, (index) => numbers[index] ?? 0);
}
