import { float16ToNumber, numberToFloat16 } from '../onnx/half-floats.ts';
import { DataType, type Tensor } from '../onnx/ir.ts';

/** Element types as onnxruntime names them. */
export type ElementType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'string';

type Elements =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | readonly string[];

/** A tensor in memory. float16 is held as its bits in a Uint16Array, bool as one byte per element. */
export interface Values {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Elements;
}

const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map([
  [DataType.FLOAT, 'float32'],
  [DataType.DOUBLE, 'float64'],
  [DataType.FLOAT16, 'float16'],
  [DataType.INT8, 'int8'],
  [DataType.UINT8, 'uint8'],
  [DataType.INT16, 'int16'],
  [DataType.UINT16, 'uint16'],
  [DataType.INT32, 'int32'],
  [DataType.UINT32, 'uint32'],
  [DataType.INT64, 'int64'],
  [DataType.UINT64, 'uint64'],
  [DataType.BOOL, 'bool'],
  [DataType.STRING, 'string'],
]);

/** The runtime's name of a DataType number; null for types it cannot take or give (bfloat16 among them). */
export const elementType = (dataType: number): ElementType | null => ELEMENT_TYPES.get(dataType) ?? null;

/** Whether elements are binary floating-point numbers. */
export const isFloat = (type: ElementType): boolean => type.startsWith('float');

/** Number of elements of a shape. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1);

/** A tensor of `dims` whose element i is `fill(i)`, rounded to the type. Strings are not made. */
export function makeValues(type: Exclude<ElementType, 'string'>, dims: readonly number[], fill: (index: number) => number): Values {
  const count = elementCount(dims);
  const data = allocate(type, count);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0; i < count; i++) data[i] = BigInt(Math.round(fill(i)));
  } else if (type === 'float16') {
    for (let i = 0; i < count; i++) data[i] = numberToFloat16(fill(i));
  } else {
    for (let i = 0; i < count; i++) data[i] = fill(i);
  }
  return { type, dims, data };
}

function allocate(type: Exclude<ElementType, 'string'>, count: number): Exclude<Elements, readonly string[]> {
  switch (type) {
    case 'float32':
      return new Float32Array(count);
    case 'float64':
      return new Float64Array(count);
    case 'float16':
    case 'uint16':
      return new Uint16Array(count);
    case 'int8':
      return new Int8Array(count);
    case 'uint8':
    case 'bool':
      return new Uint8Array(count);
    case 'int16':
      return new Int16Array(count);
    case 'int32':
      return new Int32Array(count);
    case 'uint32':
      return new Uint32Array(count);
    case 'int64':
      return new BigInt64Array(count);
    case 'uint64':
      return new BigUint64Array(count);
  }
}

/** A stored tensor's elements in memory. `type` is the runtime's name of its data type. */
export function tensorValues(tensor: Tensor, type: Exclude<ElementType, 'string'>): Values {
  const empty = allocate(type, elementCount(tensor.dims));
  new Uint8Array(empty.buffer).set(tensor.data.read(0, tensor.data.size));
  return { type, dims: tensor.dims, data: empty };
}

/** The elements as numbers. Integers beyond 2^53 lose their last bits; strings have none. */
export function asNumbers(values: Values): Float32Array | Float64Array {
  const { data } = values;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  const numbers = new Float64Array(data.length);
  if (values.type === 'string') return numbers;
  if (values.type === 'float16') for (let i = 0; i < numbers.length; i++) numbers[i] = float16ToNumber(Number(data[i]));
  else for (let i = 0; i < numbers.length; i++) numbers[i] = Number(data[i]);
  return numbers;
}

/** Whether two tensors have the same type, shape and bits. */
export function sameBits(a: Values, b: Values): boolean {
  if (a.type !== b.type || !sameDims(a.dims, b.dims)) return false;
  if (ArrayBuffer.isView(a.data) && ArrayBuffer.isView(b.data)) {
    return Buffer.from(a.data.buffer, a.data.byteOffset, a.data.byteLength).equals(Buffer.from(b.data.buffer, b.data.byteOffset, b.data.byteLength));
  }
  return Array.isArray(a.data) && Array.isArray(b.data) && a.data.every((text, i) => Array.isArray(b.data) && text === b.data[i]);
}

/** Whether two shapes are equal. */
export const sameDims = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((dim, i) => dim === b[i]);

/**
 * The block of a tensor that starts at `starts` and has shape `dims`.
 * Ranges: starts[i] + dims[i] ≤ values.dims[i].
 */
export function blockOf(values: Values, starts: readonly number[], dims: readonly number[]): Values {
  if (values.type === 'string' || sameDims(values.dims, dims)) return values;
  const numbers = asNumbers(values);
  const strides = values.dims.map((_, axis) => elementCount(values.dims.slice(axis + 1)));
  const at = (index: number): number => {
    let rest = index;
    let offset = 0;
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      const dim = dims[axis] ?? 1;
      offset += ((starts[axis] ?? 0) + (rest % dim)) * (strides[axis] ?? 0);
      rest = Math.floor(rest / dim);
    }
    return offset;
  };
  return makeValues(values.type, dims, (index) => numbers[at(index)] ?? 0);
}
