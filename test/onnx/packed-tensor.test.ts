import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesSource } from '../../src/onnx/byte-source.ts';
import { DataType, type Tensor } from '../../src/onnx/ir.ts';
import { nibblePacking, pack, rowPacking, unpack } from '../../src/onnx/packed-tensor.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';

/** The same elements in another source, as growth leaves them: nothing says that they did not change. */
const moved = (tensor: Tensor): Tensor => ({ ...tensor, data: bytesSource(Uint8Array.from(tensor.data.read(0, tensor.data.size))) });

const bytesOf = (tensor: Tensor): number[] => [...tensor.data.read(0, tensor.data.size)];

const nibbles = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 7 }), fc.constantFrom(DataType.INT4, DataType.UINT4))
  .chain(([rows, columns, dataType]) =>
    fc
      .array(dataType === DataType.INT4 ? fc.integer({ min: -8, max: 7 }) : fc.integer({ min: 0, max: 15 }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((numbers) => ({ numbers, tensor: tensorFromNumbers('w', dataType, [rows, columns], numbers) })),
  );

describe('4-bit tensors', () => {
  it('have an element per byte when unpacked, and their bytes again when packed', () => {
    fc.assert(
      fc.property(nibbles, ({ numbers, tensor }) => {
        const packing = nibblePacking(tensor);
        const unpacked = unpack(tensor, packing as NonNullable<typeof packing>);
        expect([...readNumbers(unpacked)]).toEqual(numbers);
        expect(bytesOf(pack(moved(unpacked)))).toEqual(bytesOf(tensor));
        expect(pack(unpacked)).toBe(tensor);
      }),
    );
  });

  it('are the same read in pieces', () => {
    fc.assert(
      fc.property(nibbles, fc.nat(), fc.nat(), ({ tensor }, from, length) => {
        const unpacked = unpack(tensor, nibblePacking(tensor) as NonNullable<ReturnType<typeof nibblePacking>>);
        const at = from % unpacked.data.size;
        const count = length % (unpacked.data.size - at);
        expect([...unpacked.data.read(at, count)]).toEqual(bytesOf(unpacked).slice(at, at + count));
        const packed = pack(moved(unpacked));
        const place = from % packed.data.size;
        expect([...packed.data.read(place, 1)]).toEqual(bytesOf(packed).slice(place, place + 1));
      }),
    );
  });
});

describe('rows of blocks', () => {
  it('are padded to whole blocks where they are stored, and the padding is no element', () => {
    // two rows of five elements in blocks of four, 4 bits each: [N, blocks, bytes] = [2, 2, 2]
    const stored: Tensor = {
      name: 'B',
      dataType: DataType.UINT8,
      dims: [2, 2, 2],
      data: bytesSource(Uint8Array.of(0x21, 0x43, 0xf5, 0xff, 0x76, 0x98, 0xfa, 0xff)),
    };
    const packing = rowPacking([2, 5], 4, 4, ([n = 1, k = 1]) => [n, Math.ceil(k / 4), 2]);
    const unpacked = unpack(stored, packing);
    expect([...readNumbers(unpacked)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const packed = pack(moved(unpacked));
    expect(packed.dims).toEqual([2, 2, 2]);
    expect(bytesOf(packed)).toEqual([0x21, 0x43, 0x05, 0, 0x76, 0x98, 0x0a, 0]);
  });
});
