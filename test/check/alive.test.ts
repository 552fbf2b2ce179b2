import { describe, expect, test } from 'vitest';
import type { DeadParameters } from '../../src/check/alive/describe.ts';
import { checkModels } from '../../src/check/check.ts';
import type { Model } from '../../src/onnx/ir.ts';
import { readModel } from '../../src/onnx/read.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { type Elements, hasGradient, indexOf, newElements, openTrainable, shaken, type Trainable } from '../support/gradients.ts';
import { type GrowSettings, grownBy, reread, weightOf } from '../support/grown-model.ts';
import { LONG } from '../support/long.ts';

const fixture = (name: string): Model => readModel(`fixtures/${name}.onnx`);
const deadOf = (old: Model, now: Model): readonly DeadParameters[] => checkModels(old, now).alive?.dead ?? [];

/** The elements that a report names, by tensor. */
function namedElements(model: Model, dead: readonly DeadParameters[]): Elements {
  const found = new Map<string, Set<number>>();
  for (const { tensor, elements, count } of dead) {
    const dims = model.graph.initializers.find((own) => own.name === tensor)?.dims ?? [];
    const inRanges = (text: string, i: number): boolean =>
      text === '' ||
      text.split(', ').some((range) => {
        const [from = 0, to = from] = range.split('..').map(Number);
        return from <= i && i <= to;
      });
    const isNamed = (index: readonly number[]): boolean =>
      elements.split(' and ').some((part) => {
        if (part === 'all') return true;
        if (part.startsWith('['))
          return part
            .slice(1, -1)
            .split('; ')
            .every((ranges, d) => inRanges(ranges, index[d] ?? 0));
        const [, what = '', dimension, ranges = ''] = /^(elements?|rows?|columns?|dimension (\d+) ind\w+) (.*)$/.exec(part) ?? [];
        const dim = dimension === undefined ? (what.startsWith('column') ? 1 : 0) : Number(dimension);
        return inRanges(ranges, index[dim] ?? 0);
      });
    const total = dims.reduce((a, b) => a * b, 1);
    const places = Array.from({ length: total }, (_, place) => place).filter((place) => isNamed(indexOf(place, dims)));
    expect({ tensor, count: places.length }).toEqual({ tensor, count });
    const known = found.get(tensor) ?? new Set();
    for (const place of places) known.add(place);
    found.set(tensor, known);
  }
  return new Map([...found].map(([name, places]) => [name, [...places]]));
}

/** Sets elements of weights to zero. */
function zeroed(model: Model, elements: Elements): Model {
  const initializers = model.graph.initializers.map((tensor) => {
    const places = elements.get(tensor.name);
    if (places === undefined) return tensor;
    const numbers = readNumbers(tensor);
    for (const place of places) numbers[place] = 0;
    return tensorFromNumbers(tensor.name, tensor.dataType, tensor.dims, numbers);
  });
  return { ...model, graph: { ...model.graph, initializers } };
}

/** The elements of some tensors in groups: by the index of the first dimension in which they are few. */
function groups(model: Model, elements: Elements): readonly Elements[] {
  return [...elements].flatMap(([name, places]) => {
    const dims = model.graph.initializers.find((own) => own.name === name)?.dims ?? [];
    const indices = places.map((place) => indexOf(place, dims));
    const counts = dims.map((_, d) => new Set(indices.map((index) => index[d])).size);
    const dim = counts.indexOf(Math.min(...counts));
    const few = (counts[dim] ?? 99) <= 3;
    const keys = [...new Set(indices.map((index) => (few ? (index[dim] ?? 0) : 0)))];
    return keys.map((key): Elements => new Map([[name, places.filter((_, i) => !few || indices[i]?.[dim] === key)]]));
  });
}

const without = (elements: Elements, gone: Elements): Elements =>
  new Map(
    [...elements].flatMap(([name, places]): [string, readonly number[]][] => {
      const out = new Set(gone.get(name) ?? []);
      const left = places.filter((place) => !out.has(place));
      return left.length === 0 ? [] : [[name, left]];
    }),
  );

const every = (model: Trainable): Elements => new Map([...model.weights].map(([name, numbers]) => [name, [...numbers.keys()]]));

/** What is reported gets no gradient whatever the other weights become; everything else that is new does, now or after some steps. */
async function confirm(old: Model, now: Model, dead: readonly DeadParameters[]): Promise<{ readonly moved: boolean; readonly missed: readonly string[] }> {
  const caches = new Set(now.graph.outputs.map(({ name }) => name).filter((name) => /present/.test(name)));
  const model = await openTrainable(
    now,
    now.graph.outputs.map(({ name }) => name).filter((name) => !caches.has(name)),
  );
  const named = namedElements(now, dead);
  let moved = false;
  for (const seed of [1, 2]) {
    const elsewhere = seed === 1 ? model.weights : shaken(model.weights, without(every(model), named), 0.05, seed);
    moved ||= named.size > 0 && (await hasGradient(model, elsewhere, named, seed + 10));
  }
  const generic = shaken(model.weights, every(model), 0.05, 3);
  let weights = model.weights;
  let open = groups(now, without(newElements(old, now, model.weights), named));
  for (let round = 0; round < 6 && open.length > 0; round++) {
    const still: Elements[] = [];
    const reached: Elements[] = [];
    for (const group of open) ((await hasGradient(model, weights, group, 20 + round)) ? reached : still).push(group);
    if (reached.length === 0 && round > 0) break;
    for (const [i, group] of reached.entries()) weights = shaken(weights, group, 0.05, 100 * round + i);
    open = still;
  }
  const missed: string[] = [];
  // what no output feels anywhere (a bias of keys under a softmax) is no matter of zeros
  for (const group of open) if (await hasGradient(model, generic, group, 30)) missed.push(...group.keys());
  await model.release();
  return { moved, missed };
}

const TASKS: readonly (readonly [string, GrowSettings])[] = [
  ...(LONG ? ['mlp=x1.5', 'heads=+1', 'qk=+2', 'v=+2', 'hidden=+3', 'layers=+1'] : ['v=+2', 'layers=+1']).map((step) => [step, {}] as const),
  ['hidden=+3', { norm: 'native' }],
];

const CONFIRMED = LONG ? ['torchscript_paper', 'optimum_bert', 'optimum_gpt2_past', 'dynamo_norm_rms_op23', 'dynamo_encoder_post'] : ['torchscript_paper'];

describe.each(CONFIRMED)('%s', (name) => {
  const old = fixture(name);

  test.each(TASKS)('%s %o: what is new gets gradients', { timeout: 120_000 }, async (step, settings) => {
    let now: Model;
    try {
      now = reread(grownBy(old, [step], settings).model);
    } catch {
      return;
    }
    const dead = deadOf(old, now);
    const { moved, missed } = await confirm(old, now, dead);
    expect({ dead: dead.filter(({ why }) => why !== 'no output depends on it'), moved, missed }).toEqual({ dead: [], moved: false, missed: [] });
  });

  test.each(TASKS)('%s %o: what is zero on both sides never does', { timeout: 120_000 }, async (step, settings) => {
    let grown: Model;
    try {
      grown = grownBy(old, [step], settings).model;
    } catch {
      return;
    }
    const weights = new Map(
      grown.graph.initializers.filter((tensor) => tensor.dataType === 1 && tensor.dims.length > 0).map((tensor) => [tensor.name, readNumbers(tensor)]),
    );
    const now = reread(zeroed(grown, newElements(old, grown, weights)));
    const dead = deadOf(old, now);
    const { moved, missed } = await confirm(old, now, dead);
    expect({ found: dead.length > 0, moved, missed }).toEqual({ found: true, moved: false, missed: [] });
  });
});

describe('single units', () => {
  const bert = fixture('optimum_bert');
  const bias = 'encoder.layer.0.intermediate.dense.bias';
  const [reader, writer] = ['onnx::MatMul_267', 'onnx::MatMul_268'];
  const grown = grownBy(bert, ['mlp=+2']).model;
  const [, width = 0] = weightOf(grown, reader).dims;
  const last = width - 1;
  const column = (name: string, at: number): readonly number[] => {
    const [rows = 0, columns = 0] = weightOf(grown, name).dims;
    return Array.from({ length: rows }, (_, row) => row * columns + at);
  };
  const row = (name: string, at: number): readonly number[] => {
    const [, columns = 0] = weightOf(grown, name).dims;
    return Array.from({ length: columns }, (_, i) => at * columns + i);
  };
  const planted = (elements: Elements): readonly (readonly [string, string])[] =>
    deadOf(bert, reread(zeroed(grown, elements))).map(({ tensor, elements: named }) => [tensor, named] as const);

  test('one of two new inner units without a factor', () => {
    expect(
      planted(
        new Map([
          [reader, column(reader, last)],
          [writer, row(writer, last)],
          [bias, [last]],
        ]),
      ),
    ).toEqual([
      [bias, `element ${last}`],
      [reader, `column ${last}`],
      [writer, `row ${last}`],
    ]);
  });

  test('a bias that is not zero keeps a unit alive', () => {
    expect(
      planted(
        new Map([
          [reader, column(reader, last)],
          [writer, row(writer, last)],
        ]),
      ),
    ).toEqual([]);
  });

  test('either factor alone may be zero', () => {
    expect(
      planted(
        new Map([
          [reader, column(reader, last)],
          [bias, [last]],
        ]),
      ),
    ).not.toEqual([]);
    const filled = withRow(grown, writer, last);
    expect(
      deadOf(
        bert,
        reread(
          zeroed(
            filled,
            new Map([
              [reader, column(reader, last)],
              [bias, [last]],
            ]),
          ),
        ),
      ),
    ).toEqual([]);
  });

  test('one value channel of one head', () => {
    const wider = grownBy(bert, ['v=+1']).model;
    const [values, valueBias, output] = ['onnx::MatMul_264', 'encoder.layer.0.attention.self.value.bias', 'onnx::MatMul_266'];
    const [rows = 0, columns = 0] = weightOf(wider, values).dims;
    const at = columns - 1;
    const zeros: Elements = new Map([
      [values, Array.from({ length: rows }, (_, i) => i * columns + at)],
      [valueBias, [at]],
      [output, Array.from({ length: weightOf(wider, output).dims[1] ?? 0 }, (_, i) => at * (weightOf(wider, output).dims[1] ?? 0) + i)],
    ]);
    expect(deadOf(bert, reread(zeroed(wider, zeros))).map(({ tensor, elements }) => [tensor, elements])).toEqual([
      [valueBias, `element ${at}`],
      [values, `column ${at}`],
      [output, `row ${at}`],
    ]);
  });

  test('value channels of an operator that is a whole attention block', () => {
    const fused = fixture('dynamo_operators_op23');
    const now = grownBy(fused, ['v=+1']).model;
    const weights = new Map(now.graph.initializers.filter((own) => own.dataType === 1).map((own) => [own.name, readNumbers(own)]));
    const all = newElements(fused, now, weights);
    expect(new Set(deadOf(fused, reread(zeroed(now, all))).map(({ tensor }) => tensor))).toEqual(new Set(all.keys()));
    expect(deadOf(fused, reread(now))).toEqual([]);
    const [first = ''] = all.keys();
    expect(deadOf(fused, reread(zeroed(now, new Map([[first, all.get(first) ?? []]]))))).toEqual([]);
  });

  test('a unit in front of a Relu whose input is exactly zero stays so: frameworks take 0 for the derivative there', () => {
    const paper = fixture('torchscript_paper');
    const now = grownBy(paper, ['mlp=+1']).model;
    const weights = new Map(now.graph.initializers.filter((own) => own.dataType === 1).map((own) => [own.name, readNumbers(own)]));
    const all = newElements(paper, now, weights);
    const dead = deadOf(paper, reread(zeroed(now, all)));
    expect(dead.every(({ elements }) => /^(row|column|element) \d+$/.test(elements))).toBe(true);
    expect(dead.length).toBe(all.size);
  });

  test('channels that no output reads', () => {
    const now = grownBy(bert, ['hidden=+2']).model;
    const dead = deadOf(bert, reread(now));
    expect(dead.map(({ why }) => why)).toEqual(dead.map(() => 'no output depends on it'));
    expect(dead.map(({ tensor }) => tensor)).toContain('encoder.layer.1.output.LayerNorm.bias');
  });

  function withRow(model: Model, name: string, at: number): Model {
    const tensor = weightOf(model, name);
    const numbers = readNumbers(tensor);
    for (const place of row(name, at)) numbers[place] = 0.3;
    const changed = tensorFromNumbers(name, tensor.dataType, tensor.dims, numbers);
    return { ...model, graph: { ...model.graph, initializers: model.graph.initializers.map((own) => (own === tensor ? changed : own)) } };
  }
});
