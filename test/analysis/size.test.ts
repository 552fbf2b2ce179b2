import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  asSymbol,
  divide,
  divideExactly,
  equal,
  evaluate,
  hint,
  isolate,
  isStatic,
  keyOf,
  multiply,
  opaque,
  product,
  type Size,
  substitute,
  subtract,
  symbol,
  symbolsOf,
} from '../../src/analysis/size.ts';

const NAMES = ['a', 'b', 'c'] as const;
const HINTS: Readonly<Record<string, number>> = { a: 2, b: 5, c: 7 };
const of = (name: string): Size => symbol(name, HINTS[name] ?? 3);

/** Random polynomials: integers and symbols joined by +, − and ·. */
const { size: sizes } = fc.letrec<{ size: Size }>((tie) => ({
  size: fc.oneof(
    { maxDepth: 3 },
    fc.integer({ min: -6, max: 9 }),
    fc.constantFrom(...NAMES).map(of),
    fc.tuple(fc.constantFrom(add, subtract, multiply), tie('size'), tie('size')).map(([op, x, y]) => op(x, y)),
  ),
}));
const assignments = fc.record({ a: fc.nat(20), b: fc.nat(20), c: fc.nat(20) }).map((values) => new Map(Object.entries(values)));
const law = (left: Size, right: Size): void => expect(keyOf(left)).toBe(keyOf(right));

describe('sizes', () => {
  it('divide to one quotient whatever whole number both parts are multiples of', () => {
    const [a, b] = [multiply(of('a'), of('b')), of('c')];
    for (const width of [2, 24, 40]) law(divide(multiply(a, width), multiply(b, width)), divide(a, b));
  });

  it('are a commutative ring', () => {
    fc.assert(
      fc.property(sizes, sizes, sizes, (x, y, z) => {
        law(add(x, y), add(y, x));
        law(multiply(x, y), multiply(y, x));
        law(add(add(x, y), z), add(x, add(y, z)));
        law(multiply(multiply(x, y), z), multiply(x, multiply(y, z)));
        law(multiply(x, add(y, z)), add(multiply(x, y), multiply(x, z)));
        law(add(x, 0), x);
        law(multiply(x, 1), x);
        law(multiply(x, 0), 0);
        law(subtract(x, x), 0);
      }),
      { seed: 1 },
    );
  });

  it('evaluate as the arithmetic they stand for, hints included', () => {
    fc.assert(
      fc.property(sizes, sizes, assignments, (x, y, at) => {
        const value = (size: Size): number => evaluate(size, at);
        expect(value(add(x, y)) === value(x) + value(y)).toBe(true);
        expect(value(subtract(x, y)) === value(x) - value(y)).toBe(true);
        expect(value(multiply(x, y)) === value(x) * value(y)).toBe(true);
        expect(evaluate(x, new Map()) === hint(x)).toBe(true);
      }),
      { seed: 2 },
    );
  });

  it('divide exactly what is a product, and nothing else', () => {
    fc.assert(
      fc.property(
        sizes,
        sizes.filter((y) => y !== 0),
        (x, y) => {
          const quotient = divideExactly(multiply(x, y), y);
          expect(quotient).toBeDefined();
          law(quotient ?? 0, x);
          const other = divideExactly(x, y);
          if (other !== undefined) law(multiply(other, y), x);
        },
      ),
      { seed: 3 },
    );
    expect(divideExactly(of('a'), 2)).toBeUndefined();
    expect(divideExactly(7, 2)).toBeUndefined();
    expect(divideExactly(add(of('a'), 1), of('a'))).toBeUndefined();
    expect(divideExactly(of('a'), 0)).toBeUndefined();
  });

  it('keep a truncated division as a function that can be evaluated, equal for equal operands', () => {
    const half = divide(add(of('b'), 1), 2);
    expect(hint(half)).toBe(3);
    expect(evaluate(half, new Map([['b', 8]]))).toBe(4);
    expect(equal(half, divide(add(1, of('b')), 2))).toBe(true);
    expect(equal(half, divide(of('b'), 2))).toBe(false);
    expect(divide(-7, 2)).toBe(-3);
    expect(symbolsOf(half)).toEqual(['b']);
  });

  it('substitute symbols everywhere, inside functions too', () => {
    fc.assert(
      fc.property(sizes, sizes, assignments, (x, by, at) => {
        const inside = add(opaque('max', [x, of('a')], Math.max), x);
        const replaced = substitute(inside, 'a', by);
        expect(evaluate(replaced, at) === evaluate(inside, new Map([...at, ['a', evaluate(by, at)]]))).toBe(true);
      }),
      { seed: 4 },
    );
  });

  it('solve for a symbol that stands alone', () => {
    const size = subtract(add(of('a'), multiply(2, of('b'))), 3);
    expect(keyOf(isolate(size, 'a') ?? 0)).toBe(keyOf(subtract(3, multiply(2, of('b')))));
    expect(isolate(size, 'b')).toBeUndefined();
    expect(isolate(multiply(of('a'), of('b')), 'a')).toBeUndefined();
    expect(isolate(5, 'a')).toBeUndefined();
  });

  it('tell symbols, numbers and products apart', () => {
    expect(asSymbol(of('a'))).toBe('a');
    expect(asSymbol(add(of('a'), 1))).toBeUndefined();
    expect(isStatic(subtract(of('a'), of('a')))).toBe(true);
    expect(product([])).toBe(1);
    expect(keyOf(product([2, of('b'), of('a')]))).toBe('2·a·b');
  });

  it('has no difference of numbers that are not finite, which elements of a value may be', () => {
    for (const number of [Infinity, -Infinity, NaN]) expect(subtract(number, number)).toBeNaN();
  });
});

describe('floors', () => {
  const [s, t] = [of('a'), of('b')];

  it('have one form', () => {
    law(divide(add(s, -10), 5), subtract(divide(s, 5), 2));
    law(divide(add(multiply(s, 8), 3), 4), multiply(s, 2));
    law(divide(add(divide(s, 5), 3), 4), divide(add(s, 15), 20));
    law(divide(add(multiply(s, 4), t), 4), add(s, divide(t, 4)));
    expect(equal(divide(add(s, 1), 2), divide(s, 2))).toBe(false);
    expect(keyOf(divide(multiply(s, -1), 4))).toBe('div(-1*a,4)');
  });

  it('are those of the numbers wherever the dividend is not negative', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), assignments, (x, by, at) => {
        const value = evaluate(x, at);
        fc.pre(value >= 0);
        expect(evaluate(divide(x, by), at)).toBe(Math.floor(value / by));
      }),
      { seed: 1 },
    );
  });

  it('stay true when a symbol is replaced', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 9 }), fc.nat(20), assignments, (x, by, value, at) => {
        const bound = new Map([...at, ['a', value]]);
        fc.pre(evaluate(x, bound) >= 0);
        expect(evaluate(substitute(divide(x, by), 'a', value), at)).toBe(Math.floor(evaluate(x, bound) / by));
      }),
      { seed: 1 },
    );
  });
});
