/** Maps of dimensions against their plainest form: for each new index its old one, or what is known of it. */
import { describe, expect, test } from 'vitest';
import { product, type Size, symbol } from '../../src/analysis/size.ts';
import {
  type Atom,
  align,
  countNew,
  countOther,
  type Dim,
  dimText,
  flat,
  forgetMaps,
  indexMap,
  isSame,
  isZeroBesideOld,
  Kind,
  keepsOrder,
  mapKinds,
  mappedDim,
  meet,
  newSize,
  oldSize,
  sameDim,
  take,
  tidy,
  withKinds,
  withoutMeans,
} from '../../src/check/dim.ts';
import { normals } from '../support/graph-builder.ts';

const { OLD, ANY, ZERO, MEAN, WEAK, SQUARE } = Kind;
const T = symbol('T', 5);
const S = symbol('S', 7);

/** What is at a new index: an old index, or a kind as a letter. */
type Place = number | 'any' | 'zero' | 'weak' | 'mean';
const KINDS = { any: ANY, zero: ZERO, weak: WEAK, mean: MEAN } as const;
const LETTERS = new Map<number, Place>([
  [ANY, 'any'],
  [ZERO, 'zero'],
  [WEAK, 'weak'],
  [MEAN, 'mean'],
]);

/** A mapped dimension of places, for an old dimension of `old` elements. */
const mapped = (old: number, ...places: readonly Place[]): Dim =>
  mappedDim(
    indexMap(
      Int32Array.from(places, (own) => (typeof own === 'number' ? own : -1)),
      old,
    ),
    Uint8Array.from(places, (own) => (typeof own === 'number' ? OLD : KINDS[own])),
  );

const placesOf = ({ size, map, kinds }: Atom): readonly Place[] =>
  map === null
    ? Array.from({ length: Number(size) }, (_, i) => i)
    : Array.from(map.at, (old, i): Place => (old >= 0 && kinds[i] === OLD ? old : (LETTERS.get(kinds[i] ?? OLD) ?? Number.NaN)));

/** All indices of a dimension, outermost part first. */
function dense(dim: Dim): readonly Place[] {
  const [only, ...more] = dim.map(placesOf);
  if (only === undefined) return [0];
  if (more.length === 0) return only;
  const places = dim.map(placesOf);
  const olds = dim.map((atom) => Number(atom.old));
  const all = places.reduce<readonly (readonly Place[])[]>((lists, own) => lists.flatMap((list) => own.map((place) => [...list, place])), [[]]);
  return all.map((list): Place => {
    const news = list.filter((place) => typeof place !== 'number');
    if (news.length === 0) return list.reduce<number>((sum, place, d) => sum * (olds[d] ?? 1) + Number(place), 0);
    return news.includes('zero') ? 'zero' : news.length === 1 && news[0] === 'weak' ? 'weak' : 'any';
  });
}
const oldsOnly = (places: readonly Place[]): readonly number[] => places.map((own) => (typeof own === 'number' ? own : -1));
const numberOf = (size: Size): number => Number(size);

const normal = normals(3);
const below = (n: number): number => Math.floor(Math.abs(normal() * 1000)) % n;
const pick = <E>(list: readonly E[]): E => list[below(list.length)] as E;

function randomPart(): Dim {
  const old = 1 + below(4);
  if (below(3) === 0) return sameDim(old);
  const size = 1 + below(4);
  const olds = Array.from({ length: old }, (_, i) => i);
  return mapped(
    old,
    ...Array.from(
      { length: size },
      (): Place => (below(2) === 0 ? pick(['any', 'zero', 'zero', 'weak', 'weak', 'mean'] as const) : (olds.splice(below(olds.length), 1)[0] ?? 'any')),
    ),
  );
}
const randomDim = (): Dim => Array.from({ length: below(4) }, randomPart).flat();
const CASES = Array.from({ length: 400 }, (_, i) => i);

describe('what is known of new elements', () => {
  test('of either of two', () => {
    const all = [OLD, ANY, ZERO, MEAN, WEAK, SQUARE];
    expect(all.map((a) => all.map((b) => meet(a, b)))).toEqual([
      [OLD, ANY, ANY, ANY, ANY, ANY],
      [ANY, ANY, ANY, ANY, ANY, ANY],
      [ANY, ANY, ZERO, ANY, WEAK, ANY],
      [ANY, ANY, ANY, MEAN, ANY, ANY],
      [ANY, ANY, WEAK, ANY, WEAK, ANY],
      [ANY, ANY, ANY, ANY, ANY, SQUARE],
    ]);
    expect(all.map(withoutMeans)).toEqual([OLD, ANY, ZERO, ANY, WEAK, ANY]);
    expect([...all, undefined].map(isZeroBesideOld)).toEqual([false, false, true, false, true, false, false]);
  });
});

describe('maps', () => {
  test.each<readonly [string, Dim, Dim]>([
    ['of every index to itself', mapped(3, 0, 1, 2), sameDim(3)],
    ['of the only index', mapped(1, 0), []],
    ['with one more', mapped(3, 0, 1, 2, 'any'), [{ size: 4, old: 3, map: indexMap(Int32Array.of(0, 1, 2, -1), 3), kinds: Uint8Array.of(OLD, OLD, OLD, ANY) }]],
    ['with one less', mapped(3, 0, 1), [{ size: 2, old: 3, map: indexMap(Int32Array.of(0, 1), 3), kinds: new Uint8Array(2) }]],
    ['in another order', mapped(2, 1, 0), [{ size: 2, old: 2, map: indexMap(Int32Array.of(1, 0), 2), kinds: new Uint8Array(2) }]],
  ])('%s', (_, made, wanted) => {
    expect(made).toEqual(wanted);
  });

  test('of one element are none, of a dynamic size are one part', () => {
    expect([sameDim(1), sameDim(T)]).toEqual([[], [{ size: T, old: T, map: null, kinds: null }]]);
  });
});

describe('what is read off a dimension', () => {
  test.each<readonly [string, Dim, Readonly<Record<string, unknown>>]>([
    ['one element', [], { size: 1, old: 1, same: true, text: '1', order: true, fresh: 0, bad: 0 }],
    ['the same', sameDim(3), { size: 3, old: 3, same: true, text: '3', order: true, fresh: 0, bad: 0 }],
    [
      'parts that are the same',
      [...sameDim(T), ...sameDim(2)],
      { size: product([T, 2]), old: product([T, 2]), same: true, text: 'T·2', order: true, fresh: 0, bad: 0 },
    ],
    ['new elements', mapped(2, 'zero', 0, 'any', 1, 'weak'), { size: 5, old: 2, same: false, text: '2→5', order: true, fresh: 3, bad: 1 }],
    ['exchanged elements', mapped(3, 1, 0, 2), { size: 3, old: 3, same: false, text: '3→3', order: false, fresh: 0, bad: 0 }],
    ['an element twice', mapped(2, 0, 0, 1), { size: 3, old: 2, same: false, text: '2→3', order: false, fresh: 0, bad: 0 }],
    ['elements exchanged at the end', mapped(3, 0, 2, 1), { size: 3, old: 3, same: false, text: '3→3', order: false, fresh: 0, bad: 0 }],
    ['exchanged around a new one', mapped(2, 1, 'mean', 0), { size: 3, old: 2, same: false, text: '2→3', order: false, fresh: 1, bad: 1 }],
    [
      'two mapped parts',
      [...mapped(2, 0, 1, 'any'), ...mapped(1, 'any', 0, 'any')],
      { size: 9, old: 2, same: false, text: '2→3·1→3', order: true, fresh: 3, bad: 3 },
    ],
    [
      'a mapped part of several',
      [...sameDim(T), ...mapped(1, 0, 'zero')],
      { size: product([T, 2]), old: T, same: false, text: 'T·1→2', order: true, fresh: 1, bad: 0 },
    ],
    [
      'the last part in another order',
      [...mapped(1, 0, 'zero'), ...mapped(2, 1, 0)],
      { size: 4, old: 2, same: false, text: '1→2·2→2', order: false, fresh: 1, bad: 0 },
    ],
  ])('%s', (_, dim, wanted) => {
    expect({
      size: newSize(dim),
      old: oldSize(dim),
      same: isSame(dim),
      text: dimText(dim),
      order: keepsOrder(dim),
      fresh: countNew(dim),
      bad: countOther(dim, ZERO, WEAK),
    }).toEqual(wanted);
  });

  test('kinds of new indices change, and those of old ones never', () => {
    const dim = [...sameDim(2), ...mapped(2, 'zero', 1, 'any', 0)];
    expect(mapKinds(dim, (kind) => (kind === ZERO ? WEAK : MEAN))).toEqual([...sameDim(2), ...mapped(2, 'weak', 1, 'mean', 0)]);
    expect(dim.map((atom) => withKinds(atom, (_, i) => (i === 0 ? ANY : ZERO)))).toEqual([...sameDim(2), ...mapped(2, 'any', 1, 'zero', 0)]);
    const [cut] = take(mapped(2, 0, 1, 'any', 'any'), 2, 1)?.taken ?? [];
    expect([cut, cut].map((own, i) => (own === undefined ? null : Object.keys(i === 0 ? own : withKinds(own, () => ZERO))))).toEqual([
      ['size', 'old', 'map', 'kinds', 'from'],
      ['size', 'old', 'map', 'kinds'],
    ]);
  });
});

describe('parts put together', () => {
  test('neighbours that are the same are one part', () => {
    const [two, three, other] = [sameDim(2), sameDim(3), mapped(1, 0, 'any')];
    expect(tidy([...two, ...three])).toEqual(sameDim(6));
    expect(tidy([...two, ...sameDim(T), ...other, ...three, ...two])).toEqual([...sameDim(product([2, T])), ...other, ...sameDim(6)]);
    expect(tidy([{ size: 1, old: 1, map: null, kinds: null }, ...other])).toEqual(other);
    expect(tidy([...other, ...other])).toEqual([...other, ...other]);
    expect(tidy([...other, ...two])).toEqual([...other, ...two]);
    expect(tidy(mapped(3, 2))).toEqual(mapped(3, 2));
    expect(tidy([])).toEqual([]);
  });

  test('are one part', () => {
    for (const _ of CASES) {
      const dim = randomDim();
      const atom = flat(dim);
      expect([dim, atom?.size, atom?.old]).toEqual([dim, newSize(dim), oldSize(dim)]);
      const whole = tidy(dim);
      expect([dim, atom === null ? null : placesOf(atom)]).toEqual([dim, dense(whole)]);
      for (const [i, old] of atom?.map?.at.entries() ?? []) if (old >= 0) expect(atom?.kinds?.[i]).toBe(OLD);
    }
  });

  test('of dynamic size are one only where they are the same', () => {
    expect(flat([...sameDim(T), ...sameDim(3)])).toEqual({ size: product([T, 3]), old: product([T, 3]), map: null, kinds: null });
    expect(flat([...sameDim(T), ...mapped(1, 0, 'any')])).toBeNull();
    expect(flat([...mapped(1, 0, 'any'), ...sameDim(T)])).toBeNull();
    expect(flat([...mapped(1, 0, 'any'), ...sameDim(T), ...mapped(1, 0, 'any')])).toBeNull();
    expect(flat([])).toEqual({ size: 1, old: 1, map: null, kinds: null });
  });
});

/** The old sizes of the outer part with which a map is a product of two, the preferred one first. */
function products(at: readonly number[], old: number, outer: number): readonly number[] {
  const inner = at.length / outer;
  const fits = (outerOld: number): boolean => {
    const innerOld = old / outerOld;
    const rows = Array.from({ length: outer }, (_, i) => at.slice(i * inner, (i + 1) * inner));
    const first = rows.map((row) => new Set(row.filter((own) => own >= 0).map((own) => Math.floor(own / innerOld))));
    const second = Array.from({ length: inner }, (_, j) => new Set(rows.flatMap((row) => ((row[j] ?? -1) >= 0 ? [(row[j] ?? 0) % innerOld] : []))));
    return (
      first.every((own) => own.size < 2) &&
      second.every((own) => own.size < 2) &&
      rows.every((row, i) => row.every((own, j) => own >= 0 === (first[i]?.size === 1 && second[j]?.size === 1)))
    );
  };
  const all = Array.from({ length: old }, (_, i) => old - i).filter((own) => old % own === 0);
  const rank = (own: number): number => (own === outer ? 0 : old / own === inner ? 1 : 2);
  return all.filter(fits).sort((a, b) => rank(a) - rank(b));
}

const divisors = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i + 1).filter((own) => n % own === 0);

/** The weakest that a piece can say of a new index, given what the whole says at all indices of the other piece. */
function pieceKind(own: readonly Place[], isOld: (i: number) => boolean): Place {
  if (own.every((place) => place === 'zero')) return 'zero';
  return own.every((place, i) => !isOld(i) || place === 'zero' || place === 'weak') ? 'weak' : 'any';
}

describe('cut in two', () => {
  test('a map is cut wherever it is a product, and nowhere else', () => {
    let count = 0;
    for (const _ of CASES) {
      const given = flat(randomDim());
      if (given === null || given.map === null) continue;
      const [size, old, places] = [numberOf(given.size), numberOf(given.old), placesOf(given)];
      for (const outer of divisors(size)) {
        if (outer === 1 || outer === size) continue;
        const inner = size / outer;
        const fitting = products(oldsOnly(places), old, outer);
        for (const wanted of [null, ...divisors(old)]) {
          const cut = take([given], outer, wanted);
          const outerOld = wanted === null ? fitting[0] : fitting.find((own) => own === wanted);
          expect([places, old, outer, wanted, cut === null]).toEqual([places, old, outer, wanted, outerOld === undefined]);
          if (cut === null || outerOld === undefined) continue;
          count++;
          expect([numberOf(newSize(cut.taken)), numberOf(oldSize(cut.taken)), numberOf(newSize(cut.rest)), numberOf(oldSize(cut.rest))]).toEqual([
            outer,
            outerOld,
            inner,
            old / outerOld,
          ]);
          const [first, second] = [dense(cut.taken), dense(cut.rest)];
          const isOld = (list: readonly Place[]) => (i: number) => typeof list[i] === 'number';
          for (let i = 0; i < outer; i++) {
            if (isOld(first)(i)) continue;
            expect(first[i]).toBe(pieceKind(places.slice(i * inner, (i + 1) * inner), isOld(second)));
          }
          for (let j = 0; j < inner; j++) {
            if (isOld(second)(j)) continue;
            expect(second[j]).toBe(
              pieceKind(
                places.filter((_place, k) => k % inner === j),
                isOld(first),
              ),
            );
          }
          // what both pieces say together is the map
          expect(oldsOnly(dense([...cut.taken, ...cut.rest]))).toEqual(oldsOnly(places));
        }
      }
    }
    expect(count).toBeGreaterThan(300);
  });

  test('pieces know the part that they were cut from', () => {
    const places: readonly Place[] = Array.from({ length: 12 }, (_, i) => (i % 2 === 0 && i < 6 ? i / 2 : i % 4 === 1 ? 'zero' : 'any'));
    const whole = mapped(3, ...places);
    const first = take(whole, 2, 1);
    const second = take(first?.rest ?? [], 3, 3);
    const third = take(second?.rest ?? [], 2, 1);
    const pieces = [...(first?.taken ?? []), ...(second?.taken ?? []), ...(third?.taken ?? [])];
    expect(pieces.map((own) => [own.size, own.old])).toEqual([
      [2, 1],
      [3, 3],
      [2, 1],
    ]);
    expect(first?.rest[0]?.from?.step).toBe(1);
    expect(pieces.map((own) => own.from?.step ?? null)).toEqual([6, 2, 1]);
    expect(first?.taken[0]?.from?.whole).toEqual({ kinds: whole[0]?.kinds, offset: 0, count: 12 });
    expect(second?.rest[0]?.from?.whole).toBe(first?.rest[0]?.from?.whole);
  });
});

describe('taken from the front', () => {
  const front = (dim: Dim, size: Size, old: Size | null): string | null => {
    const own = take(dim, size, old);
    return own === null ? null : `${dimText(own.taken)} | ${dimText(own.rest)}`;
  };
  const grown = mapped(2, 0, 1, 'any', 'any');
  const doubled = mapped(2, 0, 'any', 1, 'any');

  test.each<readonly [string, Dim, Size, Size | null, string | null]>([
    ['nothing', sameDim(3), 1, 1, '1 | 3'],
    ['nothing of nothing', [], 1, 1, '1 | 1'],
    ['nothing where the old size is open', grown, 1, null, '1 | 2→4'],
    ['too much', sameDim(3), 6, 6, null],
    ['too much of what the old graph has', sameDim(3), 3, 6, null],
    ['a whole part', [...sameDim(2), ...grown], 2, 2, '2 | 2→4'],
    ['two parts', [...sameDim(2), ...grown, ...sameDim(T)], 8, 4, '2·2→4 | T'],
    ['two parts where the old size is open', [...sameDim(2), ...grown, ...sameDim(T)], 8, null, '2·2→4 | T'],
    ['a part that was smaller', sameDim(3), 3, 2, null],
    ['all new elements, and an old one', mapped(4, 0, 2, 'any'), 3, 2, '2→3 | 2→1'],
    ['one old element of several', mapped(4, 0, 1, 'any'), 1, 2, '2→1 | 2→3'],
    ['half of a part in front of others', [...sameDim(6), ...grown], 2, 2, '2 | 3·2→4'],
    ['half of a part', sameDim(6), 2, 2, '2 | 3'],
    ['half of a part as another size', sameDim(6), 2, 3, null],
    ['half of a part, whatever it was', sameDim(6), 2, null, '2 | 3'],
    ['no divisor', sameDim(6), 4, 4, null],
    ['a dynamic size', sameDim(product([T, 3])), T, T, 'T | 3'],
    ['a number of a dynamic size', sameDim(product([T, 3])), 3, 3, '3 | T'],
    ['another dynamic size', sameDim(product([T, 3])), S, S, null],
    ['a dynamic size that was a number', sameDim(product([T, 3])), T, 3, null],
    ['all of a mapped part', grown, 4, 2, '2→4 | 1'],
    ['the old outer part, with new inner elements', doubled, 2, 2, '2 | 1→2'],
    ['the same, whatever it was', doubled, 2, null, '2 | 1→2'],
    ['new outer elements', grown, 2, 1, '1→2 | 2'],
    ['a mapped part by a dynamic size', grown, T, null, null],
    ['a mapped part by a dynamic old size', grown, 2, T, null],
    ['a mapped part by an old size that does not divide', grown, 2, 4, null],
    ['a mapped part by a size below zero', grown, -2, null, null],
    ['a mapped part by a size of zero', grown, 0, null, null],
    ['a map that is no product', mapped(2, 0, 'any', 'any', 1), 2, 2, null],
    ['up to the middle of the second part', [...mapped(2, 0, 1, 'any'), ...sameDim(4)], 6, 4, '2→3·2 | 2'],
    ['over the border of two parts', [...mapped(4, 3, 2, 1, 0), ...mapped(3, 2, 1, 0)], 6, 6, '6→6 | 2→2'],
    ['over the border of two parts, whatever it was', [...mapped(4, 3, 2, 1, 0), ...mapped(3, 2, 1, 0)], 6, null, '6→6 | 2→2'],
    ['over the border, behind a whole part', [...sameDim(T), ...mapped(4, 3, 2, 1, 0), ...mapped(3, 2, 1, 0)], product([T, 6]), product([T, 6]), 'T·6→6 | 2→2'],
    ['over the border of parts that are the same', [...sameDim(2), ...sameDim(3)], 3, 3, '3 | 2'],
    ['over the border where it is no product', [...sameDim(3), ...mapped(1, 0, 'any')], 2, 1, null],
    ['over the border of a dynamic part', [...mapped(2, 0, 1, 'any'), ...sameDim(T)], product([T, 2]), T, null],
    ['an old element that is gone', [...mapped(3, 2), ...sameDim(4)], 1, 3, '3→1 | 4'],
    ['what has no old element', [...mapped(3, 2), ...sameDim(4)], 4, 12, '3→1·4 | 1'],
    ['a part and an old element that is gone', [...sameDim(4), ...mapped(3, 2)], 4, 12, '4·3→1 | 1'],
  ])('%s', (_, dim, size, old, wanted) => {
    expect(front(dim, size, old)).toBe(wanted);
  });

  test('leaves what was given as it is', () => {
    const dim = [...sameDim(6), ...grown];
    take(dim, 2, 2);
    take(dim, 6, 6);
    expect(dimText(dim)).toBe('6·2→4');
  });
});

describe('two dimensions beside each other', () => {
  test('fit where they have the same elements at the same places, however they are cut', () => {
    let [fitting, others] = [0, 0];
    for (const i of CASES) {
      const a = randomDim();
      const whole = flat(a);
      const size = numberOf(newSize(a));
      const outer = pick(divisors(size));
      const cut = whole === null ? null : take([whole], outer, null);
      const b = i % 3 === 0 || cut === null ? randomDim() : i % 3 === 1 ? [...cut.taken, ...cut.rest] : whole === null ? [] : [whole];
      for (const [x, y] of [
        [a, b],
        [b, a],
      ] as const) {
        const isEqual = newSize(x) === newSize(y) && oldSize(x) === oldSize(y) && String(oldsOnly(dense(tidy(x)))) === String(oldsOnly(dense(tidy(y))));
        const pairs = align(x, y);
        expect([x, y, pairs !== null]).toEqual([x, y, isEqual]);
        if (pairs === null) others++;
        else fitting++;
        for (const [p, q] of pairs ?? []) expect([p.size, p.old, p.map]).toEqual([q.size, q.old, q.map]);
        for (const [side, dim] of [
          [0, x],
          [1, y],
        ] as const)
          if (pairs !== null) expect(oldsOnly(dense(pairs.map((pair) => pair[side])))).toEqual(oldsOnly(dense(tidy(dim))));
      }
    }
    expect(fitting).toBeGreaterThan(200);
    expect(others).toBeGreaterThan(100);
  });

  const grown = mapped(2, 0, 1, 'any');
  const texts = (a: Dim, b: Dim): string | null =>
    align(a, b)
      ?.map(([x, y]) => (x.map === y.map ? dimText([x]) : `${dimText([x])}!`))
      .join(' ') ?? null;

  test.each<readonly [string, Dim, Dim, string | null]>([
    ['two of one element', [], [], ''],
    ['one element and two', [], sameDim(2), null],
    ['dynamic sizes', sameDim(T), sameDim(T), 'T'],
    ['other dynamic sizes', sameDim(T), sameDim(S), null],
    ['dynamic sizes in another order', [...sameDim(T), ...grown], [...grown, ...sameDim(T)], null],
    ['a map beside a dynamic size and another dynamic size', [...sameDim(T), ...grown], sameDim(S), null],
    ['the same the other way round', sameDim(S), [...sameDim(T), ...grown], null],
    ['dynamic sizes beside maps', [...sameDim(T), ...grown], [...sameDim(T), ...grown], 'T 2→3'],
    ['a part and its pieces', [...sameDim(product([T, 2])), ...grown], [...sameDim(T), ...sameDim(2), ...grown], '2·T 2→3'],
    ['parts that are cut at other places', [...sameDim(6), ...grown, ...sameDim(2)], [...sameDim(6), ...grown, ...sameDim(2)], '6 2→3 2'],
    ['a part that is cut as the other is', mapped(4, 0, 1, 2, 3, 'any', 'any'), [...grown, ...sameDim(2)], '2→3 2'],
    ['the same the other way round', [...grown, ...sameDim(2)], mapped(4, 0, 1, 2, 3, 'any', 'any'), '2→3 2'],
    [
      'a dynamic part behind a map',
      [...grown, ...sameDim(2), ...mapped(1, 0, 'any'), ...sameDim(T)],
      [...mapped(4, 0, 1, 2, 3, 'any', 'any'), ...mapped(1, 0, 'any'), ...sameDim(T)],
      '2→3 2 1→2 T',
    ],
    ['maps that are no product of the same', [...mapped(4, 0, 1, 2, 3, 'any', 'any')], [...mapped(2, 0, 1, 'any'), ...mapped(2, 1, 0)], null],
    ['the same maps from other old sizes', mapped(3, 0, 1), mapped(2, 0, 1), null],
    ['old elements that are gone', [...sameDim(3), ...mapped(2, 0)], mapped(6, 0, 2, 4), '6→3'],
    ['more old elements at the end', [...sameDim(3), ...mapped(2, 0)], sameDim(3), null],
  ])('%s', (_, a, b, wanted) => {
    expect(texts(a, b)).toBe(wanted);
  });

  test('keep what each knows of its new elements', () => {
    const [pair] = align(mapped(1, 0, 'zero'), mapped(1, 0, 'any')) ?? [];
    expect(pair?.map((own) => own.kinds)).toEqual([Uint8Array.of(OLD, ZERO), Uint8Array.of(OLD, ANY)]);
  });
});

describe('maps of one proof', () => {
  test('that are equal are one object, until the next proof', () => {
    const own = indexMap(Int32Array.of(0, -1, 1), 2);
    expect(indexMap(Int32Array.of(0, -1, 1), 2)).toBe(own);
    expect(own).toMatchObject({ at: Int32Array.of(0, -1, 1), old: 2 });
    expect(indexMap(Int32Array.of(0, -1, 1), 3)).not.toBe(own);
    expect(indexMap(Int32Array.of(1, -1, 0), 2)).not.toBe(own);
    expect(indexMap(Int32Array.of(0, -1), 2)).not.toBe(own);
    forgetMaps();
    expect(indexMap(Int32Array.of(0, -1, 1), 2)).not.toBe(own);
  });
});
