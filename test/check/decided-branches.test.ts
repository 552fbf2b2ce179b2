import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterEach, describe, expect, test } from 'vitest';
import type { Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { normals } from '../support/graph-builder.ts';
import { modelOf } from '../support/small-model.ts';
import { allSaid, saidOf } from '../support/told.ts';

afterEach(() => expect(allSaid()).toMatchSnapshot());

const SIZES = ['Shape(x) -> s', 'Gather(s, [0]) -> t', 'Shape(u) -> s2', 'Gather(s2, [0]) -> t2'];
const model = (...lines: readonly string[]): Model => modelOf({ x: ['T', 4], u: ['S', 4] }, [...SIZES, ...lines], 17);
const proved = (old: Model, now: Model): boolean => saidOf(old, now)[0] === 'proved';

/** What the runtime computes for as many rows of x and of u. */
async function computed(own: Model, rows: number, others: number): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(own), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
  const normal = normals(rows);
  const feed = (count: number): Tensor => new Tensor('float32', Float32Array.from({ length: 4 * count }, normal), [count, 4]);
  const feeds = { x: feed(rows), u: feed(others) };
  const { y } = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, feeds[name as 'x' | 'u']])));
  await session.release();
  return [...(y as Tensor).data] as number[];
}

interface Decided {
  readonly name: string;
  readonly lines: readonly string[];
  /** What it is for all inputs, and what it never is. */
  readonly is: string;
  readonly never: string;
}

const DECIDED: readonly Decided[] = [
  { name: 'a size and itself', lines: ['Equal(t, t) -> g', 'If(g) {Neg(x) -> p} {Abs(x) -> q} -> y'], is: 'Neg(x) -> y', never: 'Abs(x) -> y' },
  { name: 'what is not so', lines: ['Equal(t, t) -> e', 'Not(e) -> g', 'If(g) {Neg(x) -> p} {Abs(x) -> q} -> y'], is: 'Abs(x) -> y', never: 'Neg(x) -> y' },
  {
    name: 'a size below one that is larger',
    lines: ['Add(t, [2]) -> m', 'Less(t, m) -> g', 'If(g) {Neg(x) -> p} {Abs(x) -> q} -> y'],
    is: 'Neg(x) -> y',
    never: 'Abs(x) -> y',
  },
  {
    name: 'another branch of which no shape is known',
    lines: ['Equal(t, t) -> e', 'Not(e) -> g', 'If(g) {NonZero(x) -> n / Gather(x, n) axis=0 -> p} {Abs(x) -> q} -> y'],
    is: 'Abs(x) -> y',
    never: 'Identity(x) -> y',
  },
  {
    name: 'what another one hands on',
    lines: [
      'Equal(t, t) -> e',
      'If(e) {Neg(x) -> p} {Concat(x, x) axis=0 -> q} -> z',
      'Shape(z) -> r',
      'Gather(r, [0]) -> k',
      'Equal(k, t) -> g',
      'If(g) {Neg(z) -> p2} {Abs(z) -> q2} -> y',
    ],
    is: 'Identity(x) -> y',
    never: 'Abs(x) -> y',
  },
  {
    name: 'two results of a branch',
    lines: ['Equal(t, t) -> g', 'If(g) {Neg(x) -> p / Abs(x) -> p2} {Abs(x) -> q / Neg(x) -> q2} -> a b', 'Add(b, b) -> c', 'Add(a, c) -> y'],
    is: 'Neg(x) -> a / Abs(x) -> b / Add(b, b) -> c / Add(a, c) -> y',
    never: 'Abs(x) -> a / Neg(x) -> b / Add(b, b) -> c / Add(a, c) -> y',
  },
];

describe('a branch that all inputs take', () => {
  test.each(DECIDED)('is what the node computes: by $name', async ({ lines, is, never }) => {
    const [own, same, other] = [model(...lines), model(...is.split(' / ')), model(...never.split(' / '))];
    expect([proved(own, same), proved(same, own), proved(own, own)]).toEqual([true, true, true]);
    expect([proved(own, other), proved(other, own)]).toEqual([false, false]);
    for (const rows of [1, 2, 5]) expect(await computed(own, rows, 3)).toEqual(await computed(same, rows, 3));
  });

  test('is not the other one', async () => {
    const [first] = DECIDED;
    expect(await computed(model(...(first?.lines ?? [])), 2, 3)).not.toEqual(await computed(model(first?.never ?? ''), 2, 3));
  });
});

describe('branches that inputs decide', () => {
  test.each([
    ['a number of rows', 'Equal(t, [3]) -> g'],
    ['rows of another input', 'Equal(t, t2) -> g'],
  ])('are neither of both: by %s', (_, condition) => {
    const own = model(condition, 'If(g) {Neg(x) -> p} {Abs(x) -> q} -> y');
    expect(proved(own, own)).toBe(true);
    for (const line of ['Neg(x) -> y', 'Abs(x) -> y']) expect([proved(own, model(line)), proved(model(line), own)]).toEqual([false, false]);
  });

  test('are not decided by the sizes that one of them needs', async () => {
    const [own, sum] = [model('Equal(t, t2) -> g', 'If(g) {Add(x, u) -> p} {Neg(x) -> q} -> y'), model('Add(x, u) -> y')];
    expect([proved(own, sum), proved(own, model('Neg(x) -> y'))]).toEqual([false, false]);
    // one row is added to each of the others, which the condition keeps apart
    expect(await computed(own, 2, 1)).not.toEqual(await computed(sum, 2, 1));
  });
});
