import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteCount, elementBytes, elementCount } from '../../src/onnx/data-types.ts';
import { DataType } from '../../src/onnx/ir.ts';
import { encodeNumbers, readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';

const numbersOf = (dataType: number, numbers: readonly number[]): readonly number[] => [
  ...readNumbers(tensorFromNumbers('t', dataType, [numbers.length], numbers)),
];

describe('sizes', () => {
  test('of elements and shapes', () => {
    expect([DataType.FLOAT, DataType.BFLOAT16, DataType.INT64, DataType.INT4, DataType.STRING, 99].map(elementBytes)).toEqual([4, 2, 8, 0.5, null, null]);
    expect([elementCount([]), elementCount([2, 3]), elementCount([0, 2 ** 52, 2 ** 52]), elementCount([2 ** 52, 2])]).toEqual([1, 6, 0, Infinity]);
    expect([byteCount(DataType.INT4, [3]), byteCount(DataType.UINT2, [5]), byteCount(DataType.DOUBLE, [2, 2]), byteCount(DataType.STRING, [1])]).toEqual([
      2,
      2,
      32,
      null,
    ]);
  });
});

describe('numbers come back as they were', () => {
  test.each<[string, number, readonly number[]]>([
    ['float32', DataType.FLOAT, [0, -0, 1.5, -(2 ** 127), Infinity]],
    ['float64', DataType.DOUBLE, [0.1, -1e300]],
    ['float16', DataType.FLOAT16, [0, -0, 1, 65504, 2 ** -24, -(2 ** -14), 0.333251953125, Infinity, -Infinity]],
    ['bfloat16', DataType.BFLOAT16, [0, -0, 1, 3.3895313892515355e38, 2 ** -133, -Infinity]],
    ['int8', DataType.INT8, [-128, 127]],
    ['uint8', DataType.UINT8, [0, 255]],
    ['int16', DataType.INT16, [-32768, 32767]],
    ['uint16', DataType.UINT16, [0, 65535]],
    ['int32', DataType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
    ['uint32', DataType.UINT32, [0, 2 ** 32 - 1]],
    ['int64', DataType.INT64, [-(2 ** 52), -1, 0, 2 ** 52, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ['uint64', DataType.UINT64, [0, 2 ** 52, Number.MAX_SAFE_INTEGER]],
    ['bool', DataType.BOOL, [0, 1, 1]],
    ['int4', DataType.INT4, [-8, 7, -1]],
    ['uint4', DataType.UINT4, [0, 15, 1]],
  ])('%s', (_name, dataType, numbers) => {
    expect(numbersOf(dataType, numbers)).toEqual(numbers);
    const tensor = tensorFromNumbers('t', dataType, [numbers.length], numbers);
    for (let start = 0; start <= numbers.length; start++) expect([...readNumbers(tensor, start)]).toEqual(numbers.slice(start));
    expect([...readNumbers(tensor, 1, 1)]).toEqual(numbers.slice(1, 2));
  });

  test('the ends of int64 are clamped and written back as the ends', () => {
    const bytes = new Uint8Array(BigInt64Array.from([2n ** 63n - 1n, -(2n ** 63n), 2n ** 60n]).buffer);
    const tensor = {
      name: 't',
      dataType: DataType.INT64,
      dims: [3],
      data: { size: 24, read: (at: number, length: number) => bytes.subarray(at, at + length) },
    };
    expect([...readNumbers(tensor)]).toEqual([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
    expect(encodeNumbers(DataType.INT64, [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])).toEqual(bytes.subarray(0, 16));
  });
});

describe('rounding to 16-bit floats', () => {
  const bits = (dataType: number, value: number): number => new DataView(encodeNumbers(dataType, [value]).buffer).getUint16(0, true);
  const number = (dataType: number, pattern: number): number => {
    const bytes = Uint8Array.of(pattern & 0xff, pattern >> 8);
    return readNumbers({ name: '', dataType, dims: [], data: { size: 2, read: () => bytes } })[0] ?? Number.NaN;
  };

  test.each([
    ['float16', DataType.FLOAT16],
    ['bfloat16', DataType.BFLOAT16],
  ])('all 65536 patterns of %s come back', (_name, dataType) => {
    for (let pattern = 0; pattern < 65536; pattern++) {
      const value = number(dataType, pattern);
      if (!Number.isNaN(value) && bits(dataType, value) !== pattern)
        expect.fail(`pattern ${pattern.toString(16)} became ${bits(dataType, value).toString(16)}`);
    }
    expect(number(dataType, bits(dataType, Number.NaN))).toBeNaN();
  });

  // Between two neighbours there are three cases: nearer to one, nearer to the other, and the middle, which goes to the even one.
  test.each([
    ['float16', DataType.FLOAT16, 0x7bff],
    ['bfloat16', DataType.BFLOAT16, 0x7f7f],
  ])('%s: to nearest, ties to even', (_name, dataType, largest) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: largest - 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (pattern, part) => {
        const low = number(dataType, pattern);
        const high = number(dataType, pattern + 1);
        const value = low + (high - low) * part;
        const expected = value - low < high - value ? pattern : value - low > high - value ? pattern + 1 : pattern + (pattern % 2);
        expect(bits(dataType, value)).toBe(expected);
        expect(bits(dataType, -value)).toBe(expected | 0x8000);
        expect(bits(dataType, (low + high) / 2)).toBe(pattern + (pattern % 2));
      }),
      { numRuns: 5000 },
    );
  });

  test('what is too large is infinite, from the middle after the largest on', () => {
    expect([65519.99, 65520, 1e300].map((value) => bits(DataType.FLOAT16, value))).toEqual([0x7bff, 0x7c00, 0x7c00]);
    const middle = 2 ** 128 - 2 ** 119;
    expect([middle * (1 - 2 ** -53), middle, 1e300].map((value) => bits(DataType.BFLOAT16, value))).toEqual([0x7f7f, 0x7f80, 0x7f80]);
  });

  test('rounded once: a float32 in between would round this tie down', () => {
    expect(bits(DataType.FLOAT16, 1 + 2 ** -11 + 2 ** -40)).toBe(0x3c01);
    expect(bits(DataType.FLOAT16, 1 + 2 ** -11)).toBe(0x3c00);
  });
});
