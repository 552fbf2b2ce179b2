/** One computation in two spellings, and others that differ from it: what a proof says of each, and what the runtime computes. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { checkModels } from '../../src/check/check.ts';
import { DataType, type Model } from '../../src/onnx/ir.ts';
import { encodeModel } from '../../src/onnx/serialize.ts';
import { normals } from './graph-builder.ts';
import { brief, checkLines } from './judgement.ts';
import { numberChanges, type Stored, type Typed, typed } from './typed-graph.ts';

type Lines = string | readonly string[];

export interface Spelled {
  /** Lines of both spellings, divided by semicolons. */
  readonly one: string;
  readonly other: string;
  /** Lines behind both. */
  readonly tail?: string;
  readonly inputs?: Typed['inputs'];
  readonly stored: Readonly<Record<string, Stored>>;
  readonly opset?: number;
  /** Spellings of what differs, in the place of `one`. */
  readonly wrong?: Lines;
  /** Constants, or places of them, that count for nothing. */
  readonly free?: readonly string[];
}

/** The graph of a spelling, with the constants that it reads. */
function graphOf(lines: string, { tail = '', inputs, stored, opset }: Spelled): Typed {
  const all = [...lines.split(';'), ...tail.split(';')].filter((line) => line !== '');
  const read = new Set(all.flatMap((line) => line.match(/\w+/g) ?? []));
  const own = Object.fromEntries(Object.entries(stored).filter(([name]) => read.has(name)));
  return { lines: all, stored: own, ...(inputs !== undefined && { inputs }), ...(opset !== undefined && { opset }) };
}

const said = (old: Model, now: Model): readonly string[] => brief(checkLines(checkModels(old, now)));

/** Sizes for the dimensions of inputs that have names. */
const SIZES = [
  { n: 2, m: 3, b: 2, t: 3 },
  { n: 4, m: 2, b: 1, t: 4 },
] as const;

async function outputsOf(model: Model): Promise<readonly number[]> {
  const session = await InferenceSession.create(encodeModel(model), { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, logSeverityLevel: 4 });
  const out: number[] = [];
  for (const [i, sizes] of SIZES.entries()) {
    const normal = normals(7 + i);
    const feeds = model.graph.inputs.map(({ name, type }) => {
      const dims = (type?.dims ?? []).map((size) => (typeof size === 'string' ? (sizes[size as 'n'] ?? 1) : Number(size)));
      const numbers = Array.from({ length: dims.reduce((a, b) => a * b, 1) }, normal);
      return [
        name,
        type?.elemType === DataType.INT64
          ? new Tensor(
              'int64',
              BigInt64Array.from(numbers, (x) => BigInt(Math.floor(Math.abs(x)) % 2)),
              dims,
            )
          : new Tensor('float32', Float32Array.from(numbers), dims),
      ] as const;
    });
    const results = await session.run(Object.fromEntries(feeds));
    for (const { data, dims } of Object.values(results)) out.push(...dims, ...Array.from(data as Float32Array, Number));
  }
  await session.release();
  return out;
}

/** The largest difference of what two models compute, Infinity where shapes differ. */
async function difference(a: Model, b: Model): Promise<number> {
  const [x, y] = [await outputsOf(a), await outputsOf(b)];
  return x.length === y.length ? Math.max(...x.map((own, i) => Math.abs(own - (y[i] ?? NaN)) / (1 + Math.abs(own)))) : Infinity;
}

/** The graph with the last number of each constant changed. */
function lastChanges(own: Typed, except: readonly string[] = []): readonly (readonly [what: string, changed: Typed])[] {
  return [...new Map(numberChanges(own, except).map((change) => [change[0].replace(/\[.*/, ''), change])).values()];
}

export interface Report {
  /** What is said of one spelling in the place of the other, both ways, and of each in its own place. */
  readonly same: readonly (readonly string[])[];
  /** How far the runtime's results are apart. */
  readonly apart: number;
  /** What is said of others, each in the place of the second spelling. */
  readonly wrong: Readonly<Record<string, readonly string[]>>;
}

/** Judges two spellings, and all that differs from them. */
export async function judged(own: Spelled): Promise<Report> {
  const [one, other] = [graphOf(own.one, own), graphOf(own.other, own)];
  const [a, b] = [typed(one), typed(other)];
  const stored = new Set(Object.keys(one.stored ?? {}));
  const changed = [
    ...lastChanges(one, own.free).map(([what, graph]) => [what, said(b, typed(graph))] as const),
    // what the other spelling alone reads
    ...lastChanges(other, [...(own.free ?? []), ...stored]).map(([what, graph]) => [what, said(a, typed(graph))] as const),
  ];
  const wrong = [own.wrong ?? []].flat().map((lines) => [lines, said(b, typed(graphOf(lines, own)))] as const);
  return {
    same: [said(a, b), said(b, a), said(a, a)],
    apart: await difference(a, b),
    wrong: Object.fromEntries([...wrong, ...changed]),
  };
}
