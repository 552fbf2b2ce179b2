/** A width that grows through a few nodes: whether check proves it, held against the runtime. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { readNumbers, tensorFromNumbers } from '../../src/onnx/tensor.ts';
import { normals } from './graph-builder.ts';
import { brief, checkLines } from './judgement.ts';
import { type Between, OLD_WIDTH, original, PLACES, widened } from './widened.ts';

type Weights = NonNullable<Between['weights']>;
type Weight = Weights[string];

/** A weight of the given dimensions (`w` stands for the width): random old elements, 0.3 for new ones. */
const weight = (...dims: readonly (number | 'w')[]): Weight => ({
  dims: (width) => dims.map((size) => (size === 'w' ? width : size)),
  at: (place) => (place.some((k, d) => dims[d] === 'w' && k < 0) ? 0.3 : 0.6 + 0.4 * Math.sin(place.reduce((sum, k) => 3 * sum + k, 1))),
});
/** The same, but zero where an index of dimension `zero` is new. */
const zeroRows = (zero: number, ...dims: readonly (number | 'w')[]): Weight => {
  const own = weight(...dims);
  return { ...own, at: (place) => ((place[zero] ?? 0) < 0 ? 0 : own.at(place)) };
};
const list = (...numbers: readonly number[]): Weight => ({ dims: () => [numbers.length], at: ([i = 0]) => numbers[i] ?? 0 });
const along = (old: readonly number[], added: number): Weight => ({ dims: (width) => [width], at: ([i = 0]) => (i < 0 ? added : (old[i] ?? 0)) });

/** Weights that lines may read. */
const W: Weights = {
  wv: weight('w'),
  wone: along([1, 1, 1], 1),
  wz: along([0.7, 0.4, 0.9], 0),
  ws: list(0.5),
  wzero: list(0),
  wm: weight(4, 'w'),
  wsq: zeroRows(0, 'w', 'w'),
  wcols: zeroRows(1, 'w', 'w'),
  wct: zeroRows(0, 'w', 'w', 2),
  wboth: { ...weight('w', 'w'), at: ([i = 0, j = 0]) => (i < 0 || j < 0 ? 0 : 0.6 + 0.4 * Math.sin(3 * i + j)) },
  wconv: zeroRows(1, 'w', 'w', 2),
  wdepth: weight('w', 1, 2),
  wrow: weight(1, 2, 'w'),
  wrs: list(1, 1, 2),
  wmean: along([0.3, 0.1, -0.2], 0.1),
  wvar: along([1.3, 0.9, 0.7], 0.5),
  wf: weight(4, 4),
};

/**
 * Lines that make `c` of `h`; whether they are proved where what follows is zero at new elements (`after`), where what comes before is (`before`),
 * or in both cases. `N` stands for the width, `N2` for twice of it; behind `=>` stand other lines for the bigger width.
 */
export type Side = 'after' | 'before' | 'both' | 'neither';
export type RuleCase = readonly [side: Side, lines: string, opset?: number];

/** What the runtime computes for two inputs of unlike length and sign. */
async function resultOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const all: number[] = [];
  for (const [length, sign] of [
    [3, 1],
    [4, -1],
  ] as const) {
    const normal = normals(5);
    const x = Float32Array.from({ length: 4 * length }, () => sign * normal());
    const { y } = await session.run({ x: new Tensor('float32', x, [1, length, 4]) });
    for (const own of (y as Tensor).data as Float32Array) all.push(own);
  }
  await session.release();
  return all;
}

const largest = (a: readonly number[], b: readonly number[]): number =>
  a.length !== b.length ? Infinity : Math.max(...a.map((own, i) => Math.abs(own - (b[i] ?? 0)) / (1 + Math.abs(own))));

/** The model with the first number of a weight changed. */
const touched = (model: Model, name: string): Model => ({
  ...model,
  graph: {
    ...model.graph,
    initializers: model.graph.initializers.map((own) => {
      const numbers = readNumbers(own);
      return own.name === name ? tensorFromNumbers(name, own.dataType, own.dims, numbers.with(0, (numbers[0] ?? 0) + 0.25)) : own;
    }),
  },
});

const weightsOf = ({ graph }: Model): readonly string[] => graph.initializers.flatMap((own) => (own.dataType === DataType.FLOAT ? [own.name] : []));

/** Lines for a width. */
function linesOf(lines: string, width: number): readonly string[] {
  const [old = '', now = old] = lines.split('=>');
  const own = width === OLD_WIDTH ? old : now;
  return own
    .trim()
    .replace(/\bN(\d?)\b/g, (_all, times) => String(width * Number(times || 1)))
    .split(';');
}

/** Holds a case against check and the runtime; what is said of each pair of models that check does not prove, or should not. */
export async function holds(side: Side, lines: string, opset: number): Promise<Readonly<Record<string, readonly string[]>>> {
  const own: Between = {
    lines: (width) => linesOf(lines, width),
    weights: Object.fromEntries(Object.entries(W).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lines))),
    opset,
  };
  const old = original(own);
  const before = await resultOf(old);
  const grown = { after: widened(own, PLACES), before: widened(own, PLACES, 0.3, 0), both: widened(own, PLACES, 0.3) };
  const said = (model: Model): readonly string[] => brief(checkLines(checkModels(old, model)));
  expect([...(checkModels(old, grown.after).proved ? ['after'] : []), ...(checkModels(old, grown.before).proved ? ['before'] : [])]).toEqual(
    side === 'both' ? ['after', 'before'] : side === 'neither' ? [] : [side],
  );
  if (side === 'both' || side === 'after') expect(largest(before, await resultOf(grown.after))).toBeLessThan(1e-5);
  if (side === 'both' || side === 'before') expect(largest(before, await resultOf(grown.before))).toBeLessThan(1e-5);
  const wrong = { 'new elements are read': grown.both, ...Object.fromEntries(weightsOf(grown.after).map((name) => [name, touched(grown.after, name)])) };
  for (const [what, model] of Object.entries(wrong))
    if (checkModels(old, model).proved) expect([what, largest(before, await resultOf(model))]).toEqual([what, 0]);
  return {
    ...(side === 'before' || side === 'neither' ? { after: said(grown.after) } : {}),
    ...(side === 'after' || side === 'neither' ? { before: said(grown.before) } : {}),
    ...Object.fromEntries(Object.entries(wrong).map(([what, model]) => [what, said(model)])),
  };
}
