/** Inputs and outputs that new layers renumber, feeds and caches that wider heads widen, and what feeds are made of. */
import { describe, expect, it } from 'vitest';
import { adaptFeeds, inputMaps, outputMaps, widened } from '../../src/verify/align.ts';
import { makeFeeds, type Padding, resolveDims } from '../../src/verify/feeds.ts';
import type { InputSpec } from '../../src/verify/interface.ts';
import type { Role } from '../../src/verify/roles.ts';
import { parseSize } from '../../src/verify/size-expression.ts';
import { asNumbers, blockOf, type ElementType, makeValues, sameBits, type Values } from '../../src/verify/values.ts';

const floats: Role = { kind: 'floats', sizes: new Map(), image: null };
const input = (name: string, dims: readonly (number | string)[] = ['n', 2, 't', 4], role: Role = floats, type: InputSpec['type'] = 'float32'): InputSpec => ({
  name,
  type,
  dims: dims.map((dim) => parseSize(dim, 'open')),
  role,
});
const cache = (layer: number): InputSpec => input(`past.${layer}.key`);
const mapText = (map: ReadonlyMap<string, string | null>): string => [...map].map(([name, old]) => (old === name ? '=' : `${name}←${old}`)).join(' ');

describe('which input stands for which', () => {
  it.each<readonly [what: string, old: readonly InputSpec[], now: readonly InputSpec[], maps: readonly string[]]>([
    ['the same names', [input('x'), cache(0)], [input('x'), cache(0)], ['= =']],
    ['fewer inputs', [input('x'), cache(0)], [input('x')], ['=']],
    [
      'one new layer',
      [input('x'), cache(0), cache(1)],
      [input('x'), cache(0), cache(1), cache(2)],
      ['= = = past.2.key←null', '= past.0.key←null past.1.key←past.0.key past.2.key←past.1.key', '= = past.1.key←null past.2.key←past.1.key'],
    ],
    [
      'two new layers',
      [cache(0)],
      [cache(0), cache(1), cache(2)],
      ['= past.1.key←null past.2.key←null', 'past.0.key←null past.1.key←null past.2.key←past.0.key', 'past.0.key←null past.1.key←past.0.key past.2.key←null'],
    ],
    ['a new input without a number', [input('x')], [input('x'), input('y')], []],
    ['a new input of a family that the original lacks', [input('x')], [input('x'), cache(0)], []],
    ['a new input of rank 2', [input('past.0.key', ['n', 't'])], [input('past.0.key', ['n', 't']), input('past.1.key', ['n', 't'])], []],
    ['new ids', [cache(0)], [cache(0), input('past.1.key', ['n', 2, 't', 4], { kind: 'ids', rows: 3 })], []],
  ])('%s', (_, old, now, maps) => {
    expect(inputMaps(old, now).map(mapText)).toEqual(maps);
  });

  it('is asked of 64 maps at most, but for layers that stay together', () => {
    const caches = (count: number): readonly InputSpec[] => Array.from({ length: count }, (_, layer) => cache(layer));
    expect(inputMaps(caches(6), caches(12))).toHaveLength(64);
    expect(inputMaps(caches(70), caches(71))).toHaveLength(71);
    expect(new Set(inputMaps(caches(6), caches(12)).map(mapText)).size).toBe(64);
  });
});

describe('which output stands for which', () => {
  it.each<readonly [old: readonly string[], now: readonly string[], maps: readonly string[]]>([
    [['y', 'present.0'], ['y', 'present.0'], ['= =']],
    [['y', 'present.0', 'present.1'], ['y', 'present.0'], ['= = =']],
    [['y'], ['y', 'z'], ['=']],
    [['y'], ['y', 'present.0'], ['=']],
    [
      ['y', 'h.0'],
      ['y', 'h.0', 'h.1'],
      ['= =', '= =', '= h.0←h.1'],
    ],
    [
      ['h.0', 'g.0'],
      ['h.0', 'h.1', 'g.0'],
      ['= =', '= =', 'h.0←h.1 ='],
    ],
  ])('%j now %j', (old, now, maps) => {
    expect(outputMaps(old, now).map(mapText)).toEqual(maps);
  });
});

it('layers of two digits keep their numbers whole', () => {
  const names = (count: number): readonly string[] => Array.from({ length: count }, (_, layer) => `present.${layer}.key`);
  const found = outputMaps(names(11), names(12)).map((map) => map.get('present.10.key'));
  expect(found).toContain('present.11.key');
  expect(found.every((name) => name === 'present.10.key' || name === 'present.11.key')).toBe(true);
  const inputs = inputMaps(
    Array.from({ length: 11 }, (_, i) => cache(i)),
    Array.from({ length: 12 }, (_, i) => cache(i)),
  );
  expect(new Set(inputs.map((map) => map.get('past.11.key')))).toEqual(new Set([null, 'past.10.key']));
});

const values = (type: Exclude<ElementType, 'string'>, dims: readonly number[], start = 1): Values => makeValues(type, dims, (i) => start + i);

describe('feeds of a new model', () => {
  it('have zeros where keys are wider, random numbers for new heads', () => {
    expect([...asNumbers(widened(values('float32', [1, 1, 2, 2]), [1, 1, 2, 3], 5))]).toEqual([1, 2, 0, 3, 4, 0]);
    expect([...asNumbers(widened(values('float32', [1, 1, 2, 2]), [1, 1, 3, 2], 5))]).toEqual([1, 2, 3, 4, 0, 0]);
    expect([...asNumbers(widened(values('float32', [2, 2]), [3, 3], 5))]).toEqual([1, 2, 0, 3, 4, 0, 0, 0, 0]);
    const heads = [...asNumbers(widened(values('float32', [1, 1, 1, 2]), [1, 2, 1, 3], 5))];
    expect(heads).toEqual([1, 2, 0, expect.any(Number), expect.any(Number), 0]);
    expect(heads.slice(3, 5).every((x) => x !== 0 && Math.abs(x) < 6)).toBe(true);
    const before = values('float32', [1, 2, 3]);
    expect([widened(before, [1, 2, 3], 5), widened(before, [1, 2], 5), widened(before, [1, 2, 2], 5)]).toEqual([before, before, before]);
    const strings: Values = { type: 'string', dims: [1], data: ['a'] };
    expect(widened(strings, [2], 5)).toBe(strings);
  });

  it('are the original ones where inputs stand for them, random for others', () => {
    const given = new Map<string, Values>([
      ['a', values('float32', [1, 2])],
      ['i', values('int64', [1, 2])],
    ]);
    const map = new Map([
      ['b', 'a'],
      ['i', 'i'],
      ['c', null],
    ]);
    const inputs = [input('b', [1, 3]), input('i', [1, 3], { kind: 'mask' }, 'int64'), input('c', ['n', 2])];
    const fed = adaptFeeds(inputs, map, given, new Map([['n', 2]]));
    expect([...asNumbers(fed?.get('b') ?? values('float32', []))]).toEqual([1, 2, 0]);
    expect(fed?.get('i')).toBe(given.get('i'));
    const random = fed?.get('c');
    expect(random).toMatchObject({ type: 'float32', dims: [2, 2] });
    expect(new Set(random?.data as Float32Array).size).toBe(4);
    expect(adaptFeeds(inputs, map, given, new Map())).toBeNull();
  });
});

/** Numbers that an input is fed. */
function fed(
  role: Role,
  dims: readonly number[],
  step: { padding?: Padding; draw?: number; index?: number; invertMasks?: boolean; past?: number; type?: InputSpec['type'] } = {},
): readonly number[] {
  const {
    padding = 'none',
    draw = 0,
    index = 0,
    invertMasks = false,
    past = 0,
    type = role.kind === 'floats' || role.kind === 'additive-mask' ? 'float32' : 'int64',
  } = step;
  const context = { batch: dims[0] ?? 1, tokens: dims.at(-1) ?? 1, past };
  const none = new Map<string, number>();
  const made = makeFeeds([input('x', dims, role, type)], {
    seed: 0,
    draw,
    index,
    padding,
    invertMasks,
    context,
    first: { ...context, past: 0 },
    sizes: none,
    firstSizes: none,
  });
  return [...asNumbers(made?.get('x') ?? values('float32', [0]))];
}

describe('what is fed', () => {
  it.each<readonly [what: string, numbers: readonly number[], expected: readonly number[]]>([
    ['a mask', fed({ kind: 'mask' }, [2, 4]), [1, 1, 1, 1, 1, 1, 1, 1]],
    ['a mask that is 1 for padding', fed({ kind: 'mask' }, [2, 4], { invertMasks: true }), [0, 0, 0, 0, 0, 0, 0, 0]],
    ['a mask padded left', fed({ kind: 'mask' }, [3, 4], { padding: 'left' }), [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 1]],
    ['a mask padded right', fed({ kind: 'mask' }, [3, 4], { padding: 'right' }), [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0]],
    ['a mask of one row padded left', fed({ kind: 'mask' }, [1, 4], { padding: 'left' }), [0, 0, 1, 1]],
    ['a mask of one token', fed({ kind: 'mask' }, [3, 1], { padding: 'left' }), [1, 1, 1]],
    ['an inverted mask padded right', fed({ kind: 'mask' }, [2, 3], { padding: 'right', invertMasks: true }), [0, 0, 0, 0, 1, 1]],
    ['a mask with queries', fed({ kind: 'mask' }, [2, 3, 3], { padding: 'left' }), [1, 0, 0, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]],
    ['a mask with queries, unpadded', fed({ kind: 'mask' }, [1, 2, 3]), [1, 1, 1, 1, 1, 1]],
    ['a mask with fewer queries than keys', fed({ kind: 'mask' }, [2, 2, 3], { padding: 'left' }), [1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1]],
    ['an added mask', fed({ kind: 'additive-mask' }, [2, 3], { padding: 'right' }), [0, 0, 0, 0, -1e4, -1e4]],
    ['lengths', fed({ kind: 'lengths', less: 1 }, [3], { padding: 'right', past: 2 }), [4, 3, 2]],
    ['lengths without padding', fed({ kind: 'lengths', less: 0 }, [3], { padding: 'left' }), [3, 3, 3]],
    ['a total length', fed({ kind: 'total-length' }, [1], { past: 4 }), [5]],
    ['a branch in the first step', fed({ kind: 'cache-branch' }, [1]), [0]],
    ['a branch later', fed({ kind: 'cache-branch' }, [1], { index: 1 }), [1]],
    ['a single integer', fed({ kind: 'integers', below: 2 }, []), [1]],
    ['positions', fed({ kind: 'positions', rows: null }, [2, 3], { past: 2 }), [2, 3, 4, 2, 3, 4]],
    ['positions padded left', fed({ kind: 'positions', rows: null }, [2, 4], { padding: 'left' }), [0, 1, 2, 3, 0, 0, 0, 1]],
    ['positions in a small table', fed({ kind: 'positions', rows: 3 }, [1, 5]), [0, 1, 2, 2, 2]],
    ['floats of another type', fed(floats, [3], { type: 'int64' }), [0, 0, 0]],
  ])('%s', (_, numbers, expected) => {
    expect(numbers).toEqual(expected);
  });

  it('are ids that a second draw counts through, floats that are normal, positions that start elsewhere', () => {
    const counted = fed({ kind: 'ids', rows: 5 }, [2, 3], { draw: 1 });
    expect(counted.slice(1).map((id, at) => (id - (counted[at] ?? 0) + 5) % 5)).toEqual([1, 1, 1, 1, 1]);
    expect(fed({ kind: 'ids', rows: 5 }, [2, 3], { draw: 1, index: 1 })).not.toEqual(counted);
    const drawn = fed({ kind: 'ids', rows: 50 }, [20, 10]);
    expect([Math.min(...drawn) >= 0, Math.max(...drawn) < 50, new Set(drawn).size > 30]).toEqual([true, true, true]);
    expect(fed({ kind: 'ids', rows: 50 }, [20, 10], { index: 1 })).not.toEqual(drawn);
    const normals = fed(floats, [20, 10]);
    expect([normals.some((x) => x < -1), normals.some((x) => x > 1)]).toEqual([true, true]);
    expect(fed(floats, [20, 10], { index: 1 })).toEqual(normals);
    expect(fed(floats, [20, 10], { draw: 2 })).not.toEqual(normals);
    const uniforms = fed(floats, [40]);
    expect([Math.min(...uniforms) >= 0, Math.max(...uniforms) < 1, new Set(uniforms).size]).toEqual([true, true, 40]);
    const small = fed({ kind: 'integers', below: 2 }, [40]);
    expect([...new Set(small)].sort()).toEqual([0, 1]);
    const shifted = [2, 3, 4, 5, 6].map((rows) => fed({ kind: 'positions', rows: 10 * rows }, [1, 4], { draw: 1 }));
    for (const positions of shifted) expect(positions.map((x) => x - (positions[0] ?? 0))).toEqual([0, 1, 2, 3]);
    expect(shifted.some(([first]) => (first ?? 0) > 0)).toBe(true);
    expect(fed({ kind: 'positions', rows: 4 }, [1, 4], { draw: 1 })).toEqual([0, 1, 2, 3]);
  });

  it('is nothing where a size is not known or there is too much', () => {
    expect(resolveDims([parseSize('n', ''), parseSize(3, '')], new Map([['n', 2]]))).toEqual([2, 3]);
    expect(resolveDims([parseSize('n', ''), parseSize(3, '')], new Map())).toBeNull();
    expect(fed({ kind: 'mask' }, [2 ** 15, 2 ** 14])).toEqual([]);
  });
});

describe('values', () => {
  const TYPES = ['float32', 'float64', 'float16', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'bool'] as const;
  it.each(TYPES)('of type %s hold numbers, blocks and bits', (type) => {
    const whole = makeValues(type, [2, 3], (i) => (type === 'bool' ? i % 2 : i));
    expect([...asNumbers(whole)]).toEqual(type === 'bool' ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 3, 4, 5]);
    expect([...asNumbers(blockOf(whole, [1, 1], [1, 2]))]).toEqual(type === 'bool' ? [0, 1] : [4, 5]);
    expect([...asNumbers(blockOf(whole, [], [2, 2]))]).toEqual(type === 'bool' ? [0, 1, 1, 0] : [0, 1, 3, 4]);
    expect(blockOf(whole, [], [2, 3])).toBe(whole);
    expect(whole.data.length).toBe(6);
    expect(
      sameBits(
        whole,
        makeValues(type, [2, 3], (i) => (type === 'bool' ? i % 2 : i)),
      ),
    ).toBe(true);
    expect(
      sameBits(
        whole,
        makeValues(type, [3, 2], (i) => (type === 'bool' ? i % 2 : i)),
      ),
    ).toBe(false);
    expect(
      sameBits(
        whole,
        makeValues(type, [2, 3], (i) => (i === 5 ? 0 : type === 'bool' ? i % 2 : i)),
      ),
    ).toBe(false);
    expect(
      sameBits(
        whole,
        makeValues(type === 'bool' ? 'uint8' : 'bool', [2, 3], (i) => i % 2),
      ),
    ).toBe(false);
  });

  it('that are texts have no numbers', () => {
    const texts = (...data: string[]): Values => ({ type: 'string', dims: [data.length], data });
    expect([...asNumbers(texts('7', 'b'))]).toEqual([0, 0]);
    expect([sameBits(texts('a', 'b'), texts('a', 'b')), sameBits(texts('a', 'b'), texts('a', 'c')), sameBits(texts('a'), texts('a', 'b'))]).toEqual([
      true,
      false,
      false,
    ]);
    expect(blockOf(texts('a', 'b'), [], [1])).toEqual(texts('a', 'b'));
  });
});
