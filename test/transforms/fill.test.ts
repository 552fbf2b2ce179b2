import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataType, type Tensor } from '../../src/onnx/ir.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { type Fill, type Growth, growTensor, type IndexMap } from '../../src/transforms/fill.ts';

const PLAIN: Growth = { maps: [], zeros: [], meanAlong: null, fill: { kind: 'normal' }, multiply: 1, add: 0, seed: 7 };

const weights = (dims: readonly number[], dataType: number = DataType.FLOAT, name = 'w'): Tensor =>
  tensorFromNumbers(
    name,
    dataType,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i * 7.13 + 1))),
  );

/** Appends `more` to `size`. */
const appended = (size: number, more: number): Int32Array => Int32Array.from({ length: size + more }, (_, i) => (i < size ? i : -1));

/** Appends `more` to each of `count` blocks of `size`. */
const inBlocks = (count: number, size: number, more: number): Int32Array =>
  Int32Array.from({ length: count * (size + more) }, (_, i) => (i % (size + more) < size ? Math.floor(i / (size + more)) * size + (i % (size + more)) : -1));

const whole = (tensor: Tensor): Buffer => Buffer.from(tensor.data.read(0, tensor.data.size));
const newElements = (tensor: Tensor, map: IndexMap): number[] => [...readNumbers(tensor)].filter((_, i) => (map?.[i] ?? 0) < 0);

const types = fc.constantFrom(DataType.FLOAT, DataType.DOUBLE, DataType.FLOAT16, DataType.BFLOAT16, DataType.INT8);
const fills: fc.Arbitrary<Fill> = fc.constantFrom({ kind: 'normal' }, { kind: 'mean' }, { kind: 'constant', value: 3 }, { kind: 'first-row' });
const dimension = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 3 }));

/** A tensor of up to three dimensions that grow at the end or inside blocks. */
const growths = fc.tuple(fc.array(dimension, { minLength: 1, maxLength: 3 }), types, fills, fc.boolean()).map(([dims, dataType, fill, zero]) => {
  const integers = dataType === DataType.INT8;
  const count = dims.reduce((n, [blocks, size]) => n * blocks * size, 1);
  const tensor = tensorFromNumbers(
    'w',
    dataType,
    dims.map(([blocks, size]) => blocks * size),
    Array.from({ length: count }, (_, i) => (integers ? (i * 37) % 100 : Math.fround(Math.cos(i)))),
  );
  const maps = dims.map(([blocks, size, more]) => (more === 0 ? null : inBlocks(blocks, size, more)));
  const zeros = zero
    ? maps.flatMap((map, d) => (map === null ? [] : [maps.map((_, i) => (i === d ? Uint8Array.from(map, (own) => (own < 0 ? 1 : 0)) : null))]))
    : [];
  return { tensor, growth: { ...PLAIN, maps, zeros, fill: integers ? ({ kind: 'constant', value: 5 } as const) : fill } };
});

describe('grown tensors', () => {
  it('are the same read whole and in pieces of any size at any byte', () => {
    fc.assert(
      fc.property(growths, fc.integer({ min: 1, max: 29 }), ({ tensor, growth }, piece) => {
        const grown = growTensor(tensor, growth);
        const { size } = grown.data;
        const parts: Uint8Array[] = [];
        for (let at = 0; at < size; at += piece) parts.push(grown.data.read(at, Math.min(piece, size - at)));
        expect(Buffer.concat(parts)).toEqual(whole(grown));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it('can grow again: the second growth reads what the first one makes', () => {
    const maps = [inBlocks(3, 2, 1), inBlocks(2, 3, 2)];
    const again = [null, inBlocks(5, 2, 1)];
    const once = growTensor(weights([6, 6]), { ...PLAIN, maps });
    const settled: Tensor = { ...once, data: tensorFromNumbers('w', DataType.FLOAT, once.dims, readNumbers(once)).data };
    expect(whole(growTensor(once, { ...PLAIN, maps: again }))).toEqual(whole(growTensor(settled, { ...PLAIN, maps: again })));
  });

  it('hold every old element bit for bit where its indices went', () => {
    fc.assert(
      fc.property(growths, ({ tensor, growth }) => {
        const grown = growTensor(tensor, growth);
        const [old, now] = [readNumbers(tensor), readNumbers(grown)];
        let seen = 0;
        now.forEach((value, i) => {
          let rest = i;
          const index = [...grown.dims]
            .reverse()
            .map((size) => {
              const at = rest % size;
              rest = Math.floor(rest / size);
              return at;
            })
            .reverse();
          const from = index.map((at, d) => growth.maps[d]?.[at] ?? (growth.maps[d] === null ? at : -1));
          if (from.includes(-1)) {
            if (growth.zeros.length > 0) expect(value).toBe(0);
            return;
          }
          seen++;
          expect(value).toBe(old[from.reduce((flat, at, d) => flat * (tensor.dims[d] ?? 1) + at, 0)]);
        });
        expect(seen).toBe(old.length);
      }),
      { numRuns: 200, seed: 2 },
    );
  });

  it('fill with random numbers that have the deviation of the old ones and no pattern', () => {
    const tensor = weights([50, 40]);
    const numbers = readNumbers(growTensor(tensor, { ...PLAIN, maps: [appended(50, 2000), null] })).slice(2000);
    const mean = numbers.reduce((s, x) => s + x, 0) / numbers.length;
    const deviation = Math.sqrt(numbers.reduce((s, x) => s + (x - mean) ** 2, 0) / numbers.length);
    const fourth = numbers.reduce((s, x) => s + ((x - mean) / deviation) ** 4, 0) / numbers.length;
    const neighbours = numbers.slice(1).reduce((s, x, i) => s + x * (numbers[i] ?? 0), 0) / numbers.length / deviation ** 2;
    const rows = numbers.slice(40).reduce((s, x, i) => s + x * (numbers[i] ?? 0), 0) / numbers.length / deviation ** 2;
    expect(deviation).toBeCloseTo(Math.SQRT1_2, 1);
    expect(Math.abs(mean)).toBeLessThan(0.01);
    expect(fourth).toBeCloseTo(3, 0);
    expect(Math.abs(neighbours)).toBeLessThan(0.02);
    expect(Math.abs(rows)).toBeLessThan(0.02);
    expect(new Set(numbers).size).toBeGreaterThan(30000);
  });

  it('fill differently for another seed and another name', () => {
    const maps = [appended(4, 4), null];
    const [a, b, c] = [
      growTensor(weights([4, 4]), { ...PLAIN, maps }),
      growTensor(weights([4, 4]), { ...PLAIN, maps, seed: 8 }),
      growTensor(weights([4, 4], DataType.FLOAT, 'u'), { ...PLAIN, maps }),
    ].map(whole) as [Buffer, Buffer, Buffer];
    expect(a.equals(b)).toBe(false);
    expect(a.equals(c)).toBe(false);
  });

  it('use 1/√fan-in where all old elements are equal', () => {
    const map = appended(16, 4000);
    const zeros = tensorFromNumbers('z', DataType.FLOAT, [16, 1], new Array<number>(16).fill(0));
    const numbers = newElements(growTensor(zeros, { ...PLAIN, maps: [map, null] }), map);
    expect(Math.sqrt(numbers.reduce((s, x) => s + x * x, 0) / numbers.length)).toBeCloseTo(1 / 4, 1);
  });

  it('fill gains with the mean of the old ones, and 1 where that is 0', () => {
    const map = appended(4, 2);
    expect(newElements(growTensor(tensorFromNumbers('g', DataType.FLOAT, [4], [1, 2, 3, 6]), { ...PLAIN, maps: [map], fill: { kind: 'mean' } }), map)).toEqual([
      3, 3,
    ]);
    expect(
      newElements(growTensor(tensorFromNumbers('g', DataType.FLOAT, [4], [-1, 1, -2, 2]), { ...PLAIN, maps: [map], fill: { kind: 'mean' } }), map),
    ).toEqual([1, 1]);
  });

  it('fill with row means along the last dimension, with column means along another', () => {
    const tensor = tensorFromNumbers('w', DataType.DOUBLE, [2, 3], [1, 2, 6, 4, 5, 9]);
    expect([...readNumbers(growTensor(tensor, { ...PLAIN, maps: [null, appended(3, 2)], meanAlong: 1 }))]).toEqual([1, 2, 6, 3, 3, 4, 5, 9, 6, 6]);
    expect([...readNumbers(growTensor(tensor, { ...PLAIN, maps: [appended(2, 1), null], meanAlong: 0 }))]).toEqual([1, 2, 6, 4, 5, 9, 2.5, 3.5, 7.5]);
  });

  it('keep means beside a zero tail of the other dimension', () => {
    const tensor = tensorFromNumbers('w', DataType.DOUBLE, [2, 2], [1, 3, 5, 7]);
    const maps = [appended(2, 1), appended(2, 1)];
    const tail = Uint8Array.of(0, 0, 1);
    expect([...readNumbers(growTensor(tensor, { ...PLAIN, maps, meanAlong: 0, zeros: [[null, tail]] }))]).toEqual([1, 3, 0, 5, 7, 0, 3, 5, 0]);
    expect([...readNumbers(growTensor(tensor, { ...PLAIN, maps, meanAlong: 1, zeros: [[tail, null]] }))]).toEqual([1, 3, 2, 5, 7, 6, 0, 0, 0]);
  });

  it('correct old elements once, rounded to nearest', () => {
    const tensor = weights([3, 3]);
    const by = Math.sqrt(2 / 3);
    const grown = readNumbers(growTensor(tensor, { ...PLAIN, maps: [null, appended(3, 1)], multiply: by, add: -1 }));
    expect([...grown].filter((_, i) => i % 4 < 3)).toEqual([...readNumbers(tensor)].map((x) => Math.fround(x * by - 1)));
  });

  it('are finite in half precision', () => {
    const map = appended(8, 500);
    const tensor = tensorFromNumbers('w', DataType.FLOAT16, [8], [60000, -60000, 60000, -60000, 1, 2, 3, 4]);
    expect(newElements(growTensor(tensor, { ...PLAIN, maps: [map] }), map).every(Number.isFinite)).toBe(true);
  });
});
