/** Activations that are rounded in blocks, each on a scale that its largest element decides: old elements must keep their blocks. */
import { expect, test } from 'vitest';
import { DataType } from '../../src/onnx/ir.ts';
import { allSaid, isProved } from '../support/told.ts';
import { numbers, type Typed } from '../support/typed-graph.ts';

const [OLD, BLOCK, ROWS] = [40, 16, 2];
/** What stands at an index: an old one, a new one that is zero, or a new one that is not. */
type Place = number | 'zero' | 'new';
const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
const many = (count: number, place: Place): Place[] => new Array<Place>(count).fill(place);
const swapped = (a: number, b: number): number[] => span(0, OLD).map((k) => (k === a ? b : k === b ? a : k));
/** An element of a zero beside each of the given ones. */
const spread = (from: number, to: number): Place[] => span(from, to).flatMap((k): Place[] => [k, 'zero']);

const column = (place: Place, i: number): number => (place === 'zero' ? 0 : place === 'new' ? 9 + i : Math.sin(1 + i + 5 * place) * (1 + (place % 7)));
/** Numbers of 4 bits, of which 8 stands for 0. */
const quantum = (place: Place, row: number, isRead: boolean): number => (typeof place === 'number' ? (place * 5 + row * 3) % 16 : isRead ? 11 : 8);
const scaleOf = (block: readonly Place[], row: number): number => {
  const first = block.find((place) => typeof place === 'number');
  return first === undefined ? 3 : 0.25 + Math.floor(first / BLOCK) / 8 + row;
};

/** x · A, rounded in blocks, times weights in the same blocks; `isRead` says whether new elements are. */
interface Layout {
  readonly places: readonly Place[];
  readonly isRead?: boolean;
  readonly rounds?: boolean;
}
const blocksOf = (places: readonly Place[]): readonly (readonly Place[])[] =>
  Array.from({ length: Math.ceil(places.length / BLOCK) }, (_, b) => places.slice(b * BLOCK, (b + 1) * BLOCK));

function graph({ places, isRead = false, rounds = true }: Layout): Typed {
  const blocks = blocksOf(places);
  const at = (row: number, i: number): number => (i < places.length ? quantum(places[i] ?? 'zero', row, isRead) : 8);
  return {
    inputs: { x: ['n', 4] },
    lines: [
      'MatMul(x, first) -> h',
      `com.microsoft.MatMulNBits(h, q, s) K=${places.length} N=${ROWS} bits=4 block_size=${BLOCK}${rounds ? ' accuracy_level=4' : ''} -> y`,
    ],
    stored: {
      first: [[4, places.length], [0, 1, 2, 3].flatMap((i) => places.map((place) => column(place, i)))],
      q: [
        [ROWS, blocks.length, BLOCK / 2],
        numbers((ROWS * blocks.length * BLOCK) / 2, (byte) => {
          const [row, i] = [Math.floor((2 * byte) / (blocks.length * BLOCK)), (2 * byte) % (blocks.length * BLOCK)];
          return at(row, i) + 16 * at(row, i + 1);
        }),
        DataType.UINT8,
      ],
      s: [[ROWS, blocks.length], [0, 1].flatMap((row) => blocks.map((block) => scaleOf(block, row)))],
    },
  };
}

/** What the graph computes for one input, in plain numbers. */
function computed({ places, isRead = false, rounds = true }: Layout): readonly number[] {
  const blocks = blocksOf(places).map((block) => {
    const own = block.map((place) => [0.7, -1.1, 0.4, 1.9].reduce((sum, x, i) => sum + x * column(place, i), 0));
    const step = Math.max(...own.map(Math.abs)) / 127;
    return { block, own: rounds && step > 0 ? own.map((x) => Math.round(x / step) * step) : own };
  });
  return [0, 1].map((row) =>
    blocks.reduce(
      (sum, { block, own }) => sum + own.reduce((part, x, i) => part + x * (quantum(block[i] ?? 'zero', row, isRead) - 8) * scaleOf(block, row), 0),
      0,
    ),
  );
}

const ORIGINAL: Layout = { places: span(0, OLD) };
const CASES: readonly (readonly [what: string, proved: boolean, now: Layout])[] = [
  ['as they were', true, ORIGINAL],
  ['zeros behind', true, { places: [...span(0, OLD), ...many(8, 'zero')], isRead: true }],
  ['fewer zeros behind', true, { places: [...span(0, OLD), ...many(4, 'zero')], isRead: true }],
  ['more zeros behind', true, { places: [...span(0, OLD), ...many(30, 'zero')], isRead: true }],
  ['new ones behind', false, { places: [...span(0, OLD), ...many(8, 'new')] }],
  ['one new one among zeros behind', false, { places: [...span(0, OLD), ...many(7, 'zero'), 'new'] }],
  ['new ones in the first place of the last block', false, { places: [...span(0, 32), 'new', ...span(32, OLD)] }],
  ['a new block between', true, { places: [...span(0, 16), ...many(16, 'new'), ...span(16, OLD)] }],
  ['a new block in front', true, { places: [...many(16, 'new'), ...span(0, OLD)] }],
  ['a new block behind', true, { places: [...span(0, OLD), ...many(8, 'zero'), ...many(16, 'new')] }],
  ['a new block that is read', false, { places: [...span(0, 16), ...many(16, 'new'), ...span(16, OLD)], isRead: true }],
  ['blocks exchanged', true, { places: [...span(16, 32), ...span(0, 16), ...many(16, 'new'), ...span(32, OLD)] }],
  ['the short block in front', true, { places: [...span(32, OLD), ...many(8, 'zero'), ...span(0, 32)] }],
  ['the short block in front, without zeros', false, { places: [...span(32, OLD), ...span(0, 32)] }],
  ['the short block behind zeros', true, { places: [...many(8, 'zero'), ...span(32, OLD), ...span(0, 32)] }],
  ['the short block between zeros', true, { places: [...spread(32, OLD), ...span(0, 32)], isRead: true }],
  ['the short block over two', false, { places: [...span(0, 32), ...span(32, 36), ...many(12, 'zero'), ...span(36, OLD)] }],
  ['half a block and zeros', false, { places: [...span(0, 8), ...many(8, 'zero'), ...span(8, OLD)] }],
  ['a block but for its first element', false, { places: [...span(1, 16), 'zero', ...span(16, OLD), 0] }],
  ['one zero in front', false, { places: ['zero', ...span(0, OLD)] }],
  ['elements of two blocks exchanged', false, { places: [...swapped(3, 20), ...many(8, 'zero')] }],
  ['elements of one block exchanged', true, { places: [...swapped(3, 7), ...many(8, 'zero')] }],
  ['not rounded', false, { places: [...span(0, OLD), ...many(8, 'zero')], isRead: true, rounds: false }],
];

test.each(CASES)('%s', (_, proved, now) => {
  const [before, after] = [computed(ORIGINAL), computed(now)];
  const isEqual = before.every((x, i) => Math.abs(x - (after[i] ?? NaN)) < 1e-9 * Math.abs(x));
  expect([isProved(graph(ORIGINAL), graph(now)), isEqual]).toEqual([proved, proved]);
  expect(allSaid()).toMatchSnapshot();
});

test.each([
  ['zeros', true, ['MatMul(x, first) -> g', 'Sub(g, g) -> h']],
  ['sums over new elements', false, ['MatMul(x, first) -> g', 'Softmax(g) -> h']],
] as const)('of %s', (_, proved, lines) => {
  const of = (places: readonly Place[]): Typed => {
    const own = graph({ places });
    return { ...own, lines: [...lines, ...own.lines.slice(1)] };
  };
  expect(isProved(of(ORIGINAL.places), of([...ORIGINAL.places, ...many(8, 'zero')]))).toBe(proved);
  expect(allSaid()).toMatchSnapshot();
});
