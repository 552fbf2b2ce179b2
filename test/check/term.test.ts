/** Terms: equal ones are one object, and what is asked of those of the old graph. */
import { describe, expect, test } from 'vitest';
import { keyOf, symbol } from '../../src/analysis/size.ts';
import { startContext } from '../../src/check/context.ts';
import { countNew, dimText, sameDim } from '../../src/check/dim.ts';
import { numbersConstant } from '../../src/check/elements.ts';
import { ONE, scaleFrom } from '../../src/check/scale.ts';
import { fitted, isWhole, refOf, scaled, scaledKey, startTerms, type Term, viewed } from '../../src/check/term.ts';
import { permuted, viewKey, viewSizes, wholeView } from '../../src/check/view.ts';
import { DataType } from '../../src/onnx/ir.ts';

const T = symbol('T', 3);
const of = (term: Term, factor = 1) => scaled(refOf(term), factor === 1 ? ONE : scaleFrom(factor));
const constant = (...numbers: readonly number[]) => numbersConstant([numbers.length], DataType.FLOAT, Float64Array.from(numbers));

describe('terms', () => {
  test('of one operator, its attributes, operands and number are one', () => {
    const { make, constant: stored } = startTerms();
    const [x, z] = [make('input', 'x', [], [2]), make('input', 'z', [], [2])];
    expect(make('input', 'x', [], [2])).toBe(x);
    expect(make('input', 'x', [], [3])).not.toBe(x);
    const own = make('Add', 'a', [of(x), of(z)], [2]);
    expect(make('Add', 'a', [of(x), of(z)], [2])).toBe(own);
    const others = [
      make('Sub', 'a', [of(x), of(z)], [2]),
      make('Add', 'b', [of(x), of(z)], [2]),
      make('Add', 'a', [of(z), of(x)], [2]),
      make('Add', 'a', [of(x), of(z, 2)], [2]),
      make('Add', 'a', [of(x)], [2]),
      make('Add', 'a', [of(x), of(z)], [2], scaleFrom(3)),
      make('Add', 'a', [of(x), of(z)], [2], scaleFrom(5)),
    ];
    expect(new Set([own, ...others]).size).toBe(8);
    expect(own).toMatchObject({ op: 'Add', attributes: 'a', dims: [2], old: true, constant: null, ratio: null });
    expect(others[5]?.ratio?.key).toBe(scaleFrom(3).key);
    const c = stored(constant(1, 2));
    expect(stored(constant(1, 2))).toBe(c);
    expect(stored(constant(1, 3))).not.toBe(c);
    expect(c).toMatchObject({ op: 'constant', dims: [2], old: true, ratio: null, operands: [] });
    expect(new Set([x, z, own, ...others, c].map(({ id }) => id)).size).toBe(11);
  });

  test('of the old graph are found by what they read', () => {
    const { make, constant: stored, users, ofConstants, old, endOld } = startTerms();
    const [x, c, none] = [make('input', 'x', [], [2]), stored(constant(1, 2)), make('none', '', [], [])];
    const [twice, both] = [make('Add', '', [of(x), of(x)], [2]), make('Add', '', [of(x, 3), of(c)], [2])];
    const folded = make('Pad', '', [of(c), of(none), of(make('numbers', '1', [], [])), of(make('sizes', '1', [], []))], [2]);
    const mixed = make('Pad', '', [of(c), of(x)], [2]);
    make('Pad', '', [of(none)], [2]);
    const again = make('Pad', '1', [of(c)], [2]);
    expect(users('Add', refOf(x))).toEqual([twice, both]);
    expect(users('Sub', refOf(x))).toEqual([]);
    expect(users('Pad', refOf(x))).toEqual([mixed]);
    expect(ofConstants('Pad')).toEqual([folded, again]);
    expect(ofConstants('Add')).toEqual([]);
    expect(old('Add', '', [of(x), of(x)])).toBe(twice);
    expect(old('Add', '', [of(x), of(c)])).toBeUndefined();
    endOld();
    const fresh = make('Mul', '', [of(x), of(c)], [2]);
    expect([fresh.old, stored(constant(7)).old, twice.old, make('Pad', '2', [of(c)], [2]).old]).toEqual([false, false, true, false]);
    expect(users('Mul', refOf(x))).toEqual([]);
    expect(ofConstants('Pad')).toHaveLength(2);
    expect(old('Mul', '', [of(x), of(c)])).toBeUndefined();
    expect(old('Add', '', [of(x), of(x)])).toBe(twice);
  });

  test.each(['MatMul', 'Einsum', 'Attention', 'com.microsoft.MultiHeadAttention', 'com.microsoft.GroupQueryAttention'])(
    'are keys or values where %s reads them',
    (op) => {
      const { make, constant: stored, isMultiplied, endOld } = startTerms();
      const [x, z, v, u] = ['x', 'z', 'v', 'u'].map((name) => make('input', name, [], [2])) as [Term, Term, Term, Term];
      const w = stored(constant(1, 2));
      make(op, '', [of(x), of(z)], [2]);
      make(op, '', [of(v), of(w)], [2]);
      make('Add', '', [of(v), of(u)], [2]);
      const choice = make('If', '', [of(v), of(u), of(x)], [2]);
      const other = make('If', '', [of(x), of(u), of(v)], [2]);
      const sum = make('Add', '', [of(x), of(x)], [2]);
      endOld();
      make(op, '', [of(u), of(v)], [2]);
      expect([x, z, v, u, w, choice, other, sum].map(isMultiplied)).toEqual([true, true, false, false, false, true, false, false]);
    },
  );
});

describe('refs', () => {
  const { make } = startTerms();
  const term = make('Relu', '', [], [2, 3]);
  const whole = refOf(term);

  test('are named by the elements they select', () => {
    const turned = viewed(whole, permuted(whole.view, [1, 0]));
    expect(turned.key).toBe(`${term.id}@${viewKey(turned.view)}`);
    expect(viewed(turned, permuted(turned.view, [1, 0]))).toEqual(whole);
    expect(viewed(whole, wholeView([6])).key).not.toBe(whole.key);
    expect(viewed(whole, wholeView([2, 3]))).toEqual(whole);
    const one = make('Relu', 'one', [], [1]);
    expect(viewed(refOf(one), wholeView([])).key).not.toBe(String(one.id));
    expect([isWhole(whole, 'Relu'), isWhole(whole, 'Exp'), isWhole(turned, 'Relu')]).toEqual([true, false, false]);
    expect([scaledKey(scaled(whole)), scaledKey(scaled(whole, scaleFrom(3)))]).toEqual([whole.key, `${whole.key}×${scaleFrom(3).key}`]);
  });

  test.each<readonly [string, readonly (number | typeof T)[], readonly (number | typeof T)[], string | null]>([
    ['the same', [2, 3], [2, 3], '0[2*3,3*1]'],
    ['more dimensions', [3], [2, 3], '0[2*0,3*1]'],
    ['many more dimensions', [3], [T, 1, 2, 3], '0[T*0,,2*0,3*1]'],
    ['a dimension of one element', [1, 3], [T, 3], '0[T*0,3*1]'],
    ['a dimension of one element at the end', [2, 1], [2, T], '0[2*1,T*0]'],
    ['another size', [2, 3], [2, 4], null],
    ['another dynamic size', [T], [symbol('S', 3)], null],
    ['a dynamic size', [T], [2, T], '0[2*0,T*1]'],
    ['fewer dimensions', [2, 3], [3], null],
    ['none', [], [], '0[]'],
    ['a number', [], [2], '0[2*0]'],
  ])('are stretched to %s', (_, dims, sizes, wanted) => {
    const ref = refOf(make('input', dims.map(keyOf).join(), [], dims));
    const own = fitted(ref, sizes);
    expect(own === null ? null : viewKey(own.view)).toBe(wanted);
    if (own !== null) expect(viewSizes(own.view)).toEqual(sizes);
    if (dims.map(keyOf).join() === sizes.map(keyOf).join()) expect(own?.key).toBe(ref.key);
  });
});

describe('maps that were seen before', () => {
  test('are tried first, and old elements in front after them', () => {
    const { hints, hintsTo, hint, growths } = startContext();
    const texts = (dims: ReturnType<typeof hints>): readonly string[] =>
      dims.map((dim) => dim.map((atom) => `${dimText([atom])} ${[...(atom.map?.at ?? [])].join()}`).join('·'));
    const [front] = hints(2, 3);
    expect(texts(hints(2, 3))).toEqual(['2→3 0,1,-1']);
    expect([front?.[0]?.kinds, countNew(front ?? [])]).toEqual([Uint8Array.of(0, 0, 1), 1]);
    expect(texts(hints(2, 2))).toEqual(['2 ']);
    expect(hints(2, 2 ** 24 + 1)).toEqual([]);
    expect(growths()).toEqual([]);
    hint(sameDim(2));
    hint(sameDim(T));
    hint([...sameDim(T), ...(front ?? [])]);
    expect([growths(), hintsTo(3), hintsTo(2)]).toEqual([[], [], []]);
    hint(front ?? []);
    const doubled = [...sameDim(2), ...(hints(1, 2)[0] ?? [])];
    hint(doubled);
    hint(doubled);
    hint([...sameDim(2), ...(front ?? [])]);
    expect(growths()).toEqual([
      { old: 2, size: 3 },
      { old: 2, size: 4 },
      { old: 4, size: 6 },
    ]);
    expect(texts(hints(2, 4))).toEqual(['2→4 0,-1,1,-1', '2→4 0,1,-1,-1']);
    hint(hints(2, 4)[1] ?? []);
    expect(texts(hints(2, 4))).toEqual(['2→4 0,1,-1,-1', '2→4 0,-1,1,-1', '2→4 0,1,-1,-1']);
    expect(texts(hintsTo(4))).toEqual(['2→4 0,1,-1,-1', '2→4 0,-1,1,-1']);
    expect(growths()).toHaveLength(3);
    // what stands at new indices is not remembered
    hint((hints(3, 4)[0] ?? []).map((atom) => (atom.map === null ? atom : { ...atom, kinds: Uint8Array.of(0, 0, 0, 2) })));
    expect(hintsTo(4).map((dim) => dim[0]?.kinds?.at(-1))).toEqual([1, 1, 1]);
  });
});
