/**
 * Random nodes on values of unknown length, as lines of small-model.ts. Sizes, and numbers that are computed from them, are followed at one
 * reference length, so that most of what is made runs.
 */
import { below, pick, type Random } from './fuzz/random.ts';

/** A value at the reference lengths; `numbers` of whole ones. */
export interface Value {
  readonly name: string;
  readonly dims: readonly number[];
  readonly numbers: readonly number[] | null;
}

/** A node, perhaps with others that it needs. */
interface Step {
  readonly lines: readonly string[];
  readonly results: readonly Value[];
}

/** Columns of both inputs. */
export const COLUMNS = 4;

export const count = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
export const list = (numbers: readonly number[]): string => `[${numbers.join(',')}]`;
export const isLike = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((size, d) => size === b[d]);
export const END = 2 ** 40;

const UNARY = ['Relu', 'Neg', 'Abs', 'Tanh', 'Sigmoid', 'Identity', 'Cos', 'Softplus'];
const BINARY = ['Add', 'Sub', 'Mul', 'Max', 'Min'];
const REDUCING = ['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL2', 'ReduceSumSquare'];
const WHOLE: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => Math.trunc(a / b),
  Mod: (a, b) => ((a % b) + b) % b,
  Max: Math.max,
  Min: Math.min,
};

/** How a float value may be used; null where it may not. */
type Draw = (random: Random, name: string, floats: readonly Value[], wholes: readonly Value[]) => Step | null;

const one = (line: string, name: string, dims: readonly number[], numbers: readonly number[] | null = null): Step => ({
  lines: [`${line} -> ${name}`],
  results: [{ name, dims, numbers }],
});

const after = (lines: readonly string[], step: Step): Step => ({ ...step, lines: [...lines, ...step.lines] });

interface Bound {
  readonly text: string;
  readonly at: number;
  /** Nodes that compute it. */
  readonly lines: readonly string[];
}

/** A bound of a cut, or a count: a constant, or what is computed from lengths. */
function boundOf(random: Random, name: string, wholes: readonly Value[], choices: readonly number[]): Bound {
  const own = pick(
    random,
    wholes.filter((value) => value.numbers?.length === 1 && value.dims.length === 1),
  );
  if (own === undefined || random() < 0.4) {
    const at = pick(random, choices) ?? 0;
    return { text: list([at]), at, lines: [] };
  }
  const number = own.numbers?.[0] ?? 0;
  if (random() < 0.6) return { text: own.name, at: number, lines: [] };
  const more = below(random, 8) - 5;
  return { text: name, at: number + more, lines: [`Add(${own.name}, [${more}]) -> ${name}`] };
}

/** How many elements a cut keeps. */
function keptOf(size: number, start: number, end: number, step: number): number {
  const within = (at: number, low: number, high: number): number => Math.min(high, Math.max(low, at < 0 ? at + size : at));
  const [from, to] = step > 0 ? [within(start, 0, size), within(end, 0, size)] : [within(start, 0, size - 1), within(end, -1, size - 1)];
  return Math.max(0, Math.ceil((to - from) / step));
}

const unary: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  return a === undefined ? null : one(`${pick(random, UNARY)}(${a.name})`, name, a.dims);
};

const binary: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  const others = floats.filter(
    (own) =>
      a !== undefined && own.dims.length <= a.dims.length && own.dims.every((size, i) => size === 1 || size === a.dims[i + a.dims.length - own.dims.length]),
  );
  const b = random() < 0.2 && a?.dims.at(-1) === COLUMNS ? { name: 'wv' } : pick(random, others);
  if (a === undefined || b === undefined) return null;
  const [p, q] = random() < 0.5 ? [a.name, b.name] : [b.name, a.name];
  return one(`${pick(random, BINARY)}(${p}, ${q})`, name, a.dims);
};

const matMul: Draw = (random, name, floats) => {
  const a = pick(
    random,
    floats.filter((own) => own.dims.length >= 2),
  );
  if (a === undefined) return null;
  if (a.dims.at(-1) === COLUMNS && random() < 0.5) return one(`MatMul(${a.name}, wm)`, name, a.dims);
  const b = pick(
    random,
    floats.filter((own) => own.dims.length === 2 && own.dims[0] === a.dims.at(-1)),
  );
  return b === undefined ? null : one(`MatMul(${a.name}, ${b.name})`, name, [...a.dims.slice(0, -1), b.dims[1] ?? 1]);
};

/** Operators over the last dimension, of the width that weights have. */
const overWidth: Draw = (random, name, floats) => {
  const a = pick(
    random,
    floats.filter((own) => own.dims.length >= 2 && own.dims.at(-1) === COLUMNS),
  );
  if (a === undefined) return null;
  const draw = random();
  if (draw < 0.3) return one(`LayerNormalization(${a.name}, wv) epsilon=0.01`, name, a.dims);
  if (draw < 0.5) return after([`ReduceMean(${a.name}, [-1]) -> ${name}m`], one(`Sub(${a.name}, ${name}m)`, name, a.dims));
  if (draw < 0.7)
    return after(
      [`Mul(${a.name}, ${a.name}) -> ${name}q`, `ReduceSum(${name}q, [-1]) -> ${name}n`, `Sqrt(${name}n) -> ${name}r`],
      one(`Mul(${a.name}, ${name}r)`, name, a.dims),
    );
  const b = pick(
    random,
    floats.filter((own) => own.dims.length === 2 && own.dims[1] === COLUMNS),
  );
  if (a.dims.length !== 2 || b === undefined) return null;
  if (draw < 0.85) return one(`Gemm(${a.name}, wm, wv) transB=${below(random, 2)}`, name, a.dims);
  return one(`Einsum(${a.name}, ${b.name}) equation=ij,kj->ik`, name, [a.dims[0] ?? 1, b.dims[0] ?? 1]);
};

const transpose: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length < 2) return null;
  const perm = a.dims.map((_, i) => i).sort(() => random() - 0.5);
  return one(
    `Transpose(${a.name}) perm=${list(perm)}`,
    name,
    perm.map((i) => a.dims[i] ?? 1),
  );
};

const reshape: Draw = (random, name, floats, wholes) => {
  const a = pick(random, floats);
  if (a === undefined) return null;
  const total = count(a.dims);
  const shape = pick(
    random,
    wholes.filter(({ numbers }) => numbers !== null && numbers.length > 0 && numbers.every((own) => own > 0) && count(numbers) === total),
  );
  if (shape !== undefined && random() < 0.6) return one(`Reshape(${a.name}, ${shape.name})`, name, shape.numbers ?? []);
  const [first = 1, ...rest] = a.dims;
  const forms: readonly (readonly [readonly number[], readonly number[]])[] = [
    [[-1], [total]],
    [
      [0, -1],
      [first, count(rest)],
    ],
    [
      [-1, first],
      [total / first, first],
    ],
    [
      [1, -1],
      [1, total],
    ],
    ...(total % 2 === 0
      ? ([
          [
            [-1, 2],
            [total / 2, 2],
          ],
          [
            [2, -1],
            [2, total / 2],
          ],
        ] as const)
      : []),
    ...(rest.at(-1) === COLUMNS
      ? ([
          [
            [...a.dims.slice(0, -1).map(() => 0), 2, 2],
            [...a.dims.slice(0, -1), 2, 2],
          ],
        ] as const)
      : []),
  ];
  const [text, dims] = pick(random, forms) ?? [[-1], [total]];
  if (a.dims.length === 0 || !dims.every(Number.isInteger)) return null;
  return one(`Reshape(${a.name}, ${list(text)})`, name, dims);
};

const rankChange: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length > 3) return null;
  const alone = a.dims.flatMap((size, i) => (size === 1 ? [i] : []));
  const axis = pick(random, alone);
  if (axis !== undefined && random() < 0.5)
    return one(
      `Squeeze(${a.name}, [${axis}])`,
      name,
      a.dims.filter((_, i) => i !== axis),
    );
  const at = below(random, a.dims.length + 1);
  return one(`Unsqueeze(${a.name}, [${at}])`, name, a.dims.toSpliced(at, 0, 1));
};

const cut: Draw = (random, name, floats, wholes) => {
  const a = pick(random, [...floats, ...wholes.filter((own) => own.dims.length === 1)]);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const step = pick(random, [1, 1, 1, 1, 2, -1]) ?? 1;
  const start = boundOf(random, `${name}s`, wholes, step > 0 ? [0, 0, 1, 2, -1, -2, -5] : [-1, END, 3]);
  const end = boundOf(random, `${name}e`, wholes, step > 0 ? [END, END, -1, 1, 2, 3, 5] : [-END, 0, -2]);
  const kept = keptOf(a.dims[axis] ?? 1, start.at, end.at, step);
  if (kept === 0) return null;
  const text = `Slice(${a.name}, ${start.text}, ${end.text}, [${random() < 0.3 ? axis - a.dims.length : axis}], [${step}])`;
  const numbers = a.numbers === null ? null : Array.from({ length: kept }, (_, i) => a.numbers?.[keptPlace(a.dims[0] ?? 1, start.at, step, i)] ?? 0);
  return after([...start.lines, ...end.lines], one(text, name, a.dims.with(axis, kept), numbers));
};

const keptPlace = (size: number, start: number, step: number, i: number): number =>
  Math.min(step > 0 ? size : size - 1, Math.max(0, start < 0 ? start + size : start)) + step * i;

const gather: Draw = (random, name, floats, wholes) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const size = a.dims[axis] ?? 1;
  const computed = pick(
    random,
    wholes.filter(({ numbers, dims }) => dims.length === 1 && numbers?.every((own) => own >= -size && own < size)),
  );
  if (computed !== undefined && random() < 0.5) return one(`Gather(${a.name}, ${computed.name}) axis=${axis}`, name, a.dims.with(axis, computed.dims[0] ?? 1));
  const places = Array.from({ length: 1 + below(random, 3) }, () => below(random, 2 * size) - size);
  return one(`Gather(${a.name}, ${list(places)}) axis=${axis}`, name, a.dims.with(axis, places.length));
};

const concat: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const b = pick(
    random,
    floats.filter((own) => own.dims.length === a.dims.length && isLike(own.dims.with(axis, 0), a.dims.with(axis, 0))),
  );
  return b === undefined ? null : one(`Concat(${a.name}, ${b.name}) axis=${axis}`, name, a.dims.with(axis, (a.dims[axis] ?? 1) + (b.dims[axis] ?? 1)));
};

const split: Draw = (random, name, floats, wholes) => {
  const a = pick(
    random,
    floats.filter((own) => own.dims.some((size) => size > 1)),
  );
  if (a === undefined) return null;
  const axis = a.dims.findLastIndex((size) => size > 1);
  const size = a.dims[axis] ?? 1;
  const computed = pick(
    random,
    wholes.filter(
      ({ numbers }) => numbers?.length === 2 && numbers.every((own) => own > 0) && numbers[0] !== undefined && numbers[0] + (numbers[1] ?? 0) === size,
    ),
  );
  const first = computed?.numbers?.[0] ?? 1 + below(random, size - 1);
  const names = [name, `${name}b`] as const;
  return {
    lines: [`Split(${a.name}, ${computed?.name ?? list([first, size - first])}) axis=${axis} -> ${names.join(' ')}`],
    results: names.map((own, i) => ({ name: own, dims: a.dims.with(axis, i === 0 ? first : size - first), numbers: null })),
  };
};

const repeat: Draw = (random, name, floats, wholes) => {
  const a = pick(random, floats);
  if (a === undefined || count(a.dims) > 40) return null;
  const shape = pick(
    random,
    wholes.filter(
      ({ numbers }) =>
        numbers !== null &&
        numbers.length >= a.dims.length &&
        count(numbers) <= 200 &&
        numbers.every((own) => own > 0) &&
        a.dims.every((size, i) => size === 1 || size === numbers[i + numbers.length - a.dims.length]),
    ),
  );
  if (shape !== undefined && random() < 0.6) return one(`Expand(${a.name}, ${shape.name})`, name, shape.numbers ?? []);
  if (a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const times = boundOf(random, `${name}n`, wholes, [1, 2, 3]);
  if (times.at < 1 || times.at > 5) return null;
  const ones = (n: number): string => list(new Array<number>(n).fill(1));
  if (a.dims.length === 1) return after(times.lines, one(`Tile(${a.name}, ${times.text})`, name, a.dims.with(axis, (a.dims[axis] ?? 1) * times.at)));
  if (!times.text.startsWith('[')) return null;
  const repeats = ones(a.dims.length).slice(1, -1).split(',').with(axis, times.text.slice(1, -1));
  return one(`Tile(${a.name}, [${repeats.join(',')}])`, name, a.dims.with(axis, (a.dims[axis] ?? 1) * times.at));
};

const pad: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const size = a.dims[axis] ?? 1;
  const pads = new Array<number>(2 * a.dims.length).fill(0);
  const [before, after] = [pick(random, [0, 1, 2, -1]) ?? 0, pick(random, [0, 1, 2, -1]) ?? 0];
  if (size + before + after < 1) return null;
  return one(`Pad(${a.name}, ${list(pads.with(axis, before).with(axis + a.dims.length, after))})`, name, a.dims.with(axis, size + before + after));
};

const reduce: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  const keeps = random() < 0.5;
  const text = `${pick(random, REDUCING)}(${a.name}, [${random() < 0.3 ? axis - a.dims.length : axis}]) keepdims=${keeps ? 1 : 0}`;
  return one(text, name, keeps ? a.dims.with(axis, 1) : a.dims.filter((_, i) => i !== axis));
};

const along: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const axis = below(random, a.dims.length);
  if (random() < 0.5) return one(`Softmax(${a.name}) axis=${axis}`, name, a.dims);
  return one(`CumSum(${a.name}, [${axis}]) exclusive=${below(random, 2)} reverse=${below(random, 2)}`, name, a.dims);
};

const chosen: Draw = (random, name, floats) => {
  const a = pick(random, floats);
  const b = pick(
    random,
    floats.filter((own) => a !== undefined && isLike(own.dims, a.dims)),
  );
  if (a === undefined || b === undefined) return null;
  if (a.dims.length >= 2 && random() < 0.4) return one(`Trilu(${a.name}, [${pick(random, [0, 1, -1])}]) upper=${below(random, 2)}`, name, a.dims);
  return {
    lines: [`Greater(${a.name}, ${b.name}) -> ${name}g`, `Where(${name}g, ${a.name}, ${b.name}) -> ${name}`],
    results: [{ name, dims: a.dims, numbers: null }],
  };
};

const measure: Draw = (random, name, floats, wholes) => {
  const a = pick(random, floats);
  if (a === undefined || a.dims.length === 0) return null;
  const draw = random();
  if (draw < 0.4) return one(`Shape(${a.name})`, name, [a.dims.length], a.dims);
  const s = pick(
    random,
    wholes.filter((own) => own.dims.length === 1 && (own.numbers?.length ?? 0) > 0),
  );
  if (s?.numbers == null) return one(`Shape(${a.name})`, name, [a.dims.length], a.dims);
  const place = below(random, 2 * s.numbers.length) - s.numbers.length;
  if (draw < 0.75) return one(`Gather(${s.name}, [${place}])`, name, [1], [s.numbers.at(place) ?? 0]);
  const keeps = random() < 0.7;
  return one(`ReduceProd(${s.name}, [0]) keepdims=1`, name, keeps ? [1] : [1], [count(s.numbers)]);
};

const reckon: Draw = (random, name, _, wholes) => {
  const small = wholes.filter((own) => own.dims.length === 1 && own.numbers !== null && own.numbers.length > 0 && own.numbers.length <= 4);
  const a = pick(random, small);
  if (a?.numbers == null) return null;
  const draw = random();
  if (draw < 0.2) {
    const b = pick(random, small);
    const more = random() < 0.5 ? (b?.numbers ?? [1]) : [pick(random, [1, 2, 4, -1]) ?? 1];
    const text = more === b?.numbers ? b.name : list(more);
    const [numbers, names] =
      random() < 0.5
        ? [
            [...a.numbers, ...more],
            [a.name, text],
          ]
        : [
            [...more, ...a.numbers],
            [text, a.name],
          ];
    return one(`Concat(${names.join(', ')}) axis=0`, name, [numbers.length], numbers);
  }
  if (draw < 0.3)
    return one(
      `Neg(${a.name})`,
      name,
      a.dims,
      a.numbers.map((own) => -own),
    );
  const b = pick(
    random,
    small.filter((own) => own.numbers?.length === a.numbers?.length || own.numbers?.length === 1),
  );
  const isOwn = b?.numbers != null && random() < 0.4;
  const right = isOwn ? (b.numbers ?? []) : [pick(random, [1, 1, 2, 2, 3, 4, -1, 5]) ?? 1];
  const op = pick(random, Object.keys(WHOLE)) ?? 'Add';
  if ((op === 'Div' || op === 'Mod') && right.some((own) => own === 0)) return null;
  const numbers = a.numbers.map((own, i) => WHOLE[op]?.(own, right.length === 1 ? (right[0] ?? 0) : (right[i] ?? 0)) ?? 0);
  const text = isOwn ? b.name : list(right);
  return one(`${op}(${a.name}, ${text})`, name, a.dims, numbers);
};

const counting: Draw = (random, name, _, wholes) => {
  const a = pick(
    random,
    wholes.filter(({ numbers, dims }) => dims.length === 1 && numbers?.length === 1 && (numbers[0] ?? 0) > 0 && (numbers[0] ?? 0) < 30),
  );
  const end = a?.numbers?.[0];
  if (a === undefined || end === undefined) return null;
  // a range reads numbers without dimensions
  const lines = [`Squeeze(${a.name}) -> ${name}e`, `Squeeze([0]) -> ${name}a`, `Squeeze([1]) -> ${name}d`, `Range(${name}a, ${name}e, ${name}d) -> ${name}`];
  return { lines, results: [{ name, dims: [end], numbers: Array.from({ length: end }, (_i, i) => i) }] };
};

const asFloat: Draw = (random, name, _, wholes) => {
  const a = pick(
    random,
    wholes.filter((own) => own.numbers !== null && own.dims.length === 1),
  );
  return a === undefined ? null : one(`Cast(${a.name}) to=1`, name, a.dims);
};

const filled: Draw = (random, name, _, wholes) => {
  const a = pick(
    random,
    wholes.filter(({ numbers }) => numbers !== null && numbers.length > 0 && numbers.length < 4 && numbers.every((own) => own > 0) && count(numbers) < 100),
  );
  return a?.numbers == null ? null : one(`ConstantOfShape(${a.name}) value=tensor0.5`, name, a.numbers);
};

const DRAWS: readonly (readonly [draw: Draw, times: number])[] = [
  [unary, 2],
  [binary, 6],
  [matMul, 3],
  [overWidth, 4],
  [transpose, 2],
  [reshape, 4],
  [rankChange, 2],
  [cut, 8],
  [gather, 3],
  [concat, 2],
  [split, 2],
  [repeat, 2],
  [pad, 2],
  [reduce, 3],
  [along, 2],
  [chosen, 2],
  [measure, 6],
  [reckon, 6],
  [counting, 1],
  [asFloat, 1],
  [filled, 1],
];
const ALL = DRAWS.flatMap(([draw, times]) => new Array<Draw>(times).fill(draw));

/** A node on some of the values, which makes `name`; null where what was drawn does not fit them. */
export function randomStep(random: Random, name: string, values: readonly Value[]): Step | null {
  const draw = pick(random, ALL) ?? unary;
  // what was made last is used most
  const recent = random() < 0.6 ? values.slice(-4) : values;
  const step = draw(
    random,
    name,
    recent.filter((own) => own.numbers === null),
    values.filter((own) => own.numbers !== null),
  );
  return step === null || step.results.some((own) => count(own.dims) > 400 || own.dims.length > 5) ? null : step;
}

/** Operators that work alike. */
export const ALIKE: readonly (readonly string[])[] = [UNARY, BINARY, REDUCING, Object.keys(WHOLE)];
