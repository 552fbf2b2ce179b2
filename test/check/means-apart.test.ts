/** x·f − mean(x)·f is written as (x − mean(x))·f, and only that; what is written computes the same. */
import { expect, test } from 'vitest';
import { inferFacts } from '../../src/analysis/shapes.ts';
import { joinMeans } from '../../src/check/means-apart.ts';
import { type FlatNode, flatten } from '../../src/onnx/graph.ts';
import { modelOf } from '../support/small-model.ts';

const INPUTS = { x: ['n', 4], z: ['n', 4], f: [4], g: [4], c: [4], d: ['n', 4], i: ['n', 4] } as const;
const NUMBERS: Readonly<Record<string, readonly number[]>> = {
  x: [1.5, -2, 0.25, 3],
  z: [2, 1, -1, 0.5],
  f: [0.5, 2, -1, 4],
  g: [1, 3, 0.5, -2],
  c: [7, -3, 2, 1],
  d: [-0.5, 0.25, 8, 1],
};
const ADDS: Readonly<Record<string, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
};

/** What nodes make of one row. */
function computed(nodes: readonly FlatNode[], output: string): readonly number[] {
  const values = new Map(Object.entries(NUMBERS));
  for (const { op, inputs, outputs } of nodes) {
    const [a = [], b = []] = inputs.map((name) => values.get(name) ?? []);
    const by = ADDS[op];
    const mean = a.reduce((sum, own) => sum + own, 0) / a.length;
    values.set(outputs[0] ?? '', by === undefined ? a.map(() => mean) : a.map((own, k) => by(own, b[k] ?? NaN)));
  }
  return values.get(output) ?? [];
}

const MEAN = 'ReduceMean(x) axes=[1] -> m;';
const BOTH = `${MEAN}Mul(x, f) -> a;Mul(m, f) -> b;`;
const many = (name: string, count: number, last: string): string =>
  Array.from({ length: count }, (_, k) => `Mul(${k === 0 ? name : `${last}${k - 1}`}, g) -> ${last}${k}`).join(';');

test.each<readonly [lines: string, wanted: string | null]>([
  [`${BOTH}Sub(a, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y'],
  [`${BOTH}Sub(b, a) -> y`, 'Sub(m,x)>y.0 Mul(y.0,f)>y'],
  [`${MEAN}Mul(f, x) -> a;Mul(m, f) -> b;Sub(a, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y'],
  [`${BOTH}Sub(c, b) -> e;Add(a, e) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Add(y.1,c)>y'],
  [`${BOTH}Sub(b, c) -> e;Sub(a, e) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Add(y.1,c)>y'],
  [`${BOTH}Add(b, c) -> e;Sub(a, e) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Sub(y.1,c)>y'],
  [`${BOTH}Add(a, c) -> e;Sub(b, d) -> h;Sub(e, h) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Add(y.1,c)>y.2 Add(y.2,d)>y'],
  [`${BOTH}Sub(a, c) -> e;Sub(e, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Sub(y.1,c)>y'],
  [`${BOTH}Sub(b, a) -> e;Sub(c, e) -> y`, 'Sub(b,a)>e => Sub(m,x)>e.0 Mul(e.0,f)>e Sub(x,m)>y.0 Mul(y.0,f)>y.1 Add(y.1,c)>y'],
  [`${MEAN}Div(x, f) -> a;Div(m, f) -> b;Sub(a, b) -> y`, 'Sub(x,m)>y.0 Div(y.0,f)>y'],
  [`${MEAN}Mul(x, g) -> k;Div(k, f) -> a;Div(m, f) -> l;Mul(l, g) -> b;Sub(a, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,g)>y.1 Div(y.1,f)>y'],
  [`${MEAN}Mul(f, g) -> h;Mul(x, h) -> a;Mul(m, f) -> l;Mul(l, g) -> b;Sub(a, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,f)>y.1 Mul(y.1,g)>y'],
  [`Mul(z, g) -> p;ReduceMean(p) axes=[1] -> m;Mul(p, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`, 'Sub(p,m)>y.0 Mul(y.0,f)>y'],
  [`Div(z, g) -> p;ReduceMean(p) axes=[1] -> m;Mul(p, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`, 'Sub(p,m)>y.0 Mul(y.0,f)>y'],
  [`ReduceMean(f) axes=[0] -> k;${MEAN}Mul(x, k) -> a;Mul(m, k) -> b;Sub(a, b) -> y`, 'Sub(x,m)>y.0 Mul(y.0,k)>y'],
  [`${MEAN}Sub(x, m) -> y`, null],
  [`${BOTH}Add(a, b) -> y`, null],
  [`${BOTH}Sub(a, c) -> y`, null],
  [`${BOTH}Sub(c, b) -> y`, null],
  [`${BOTH}Mul(a, b) -> y`, null],
  [`${BOTH}Sum(a, b) -> y`, null],
  [`${BOTH}Add(a, c) -> e;Sub(c, b) -> h;Sub(e, h) -> y`, null],
  [`${MEAN}Mul(x, f) -> a;Mul(m, g) -> b;Sub(a, b) -> y`, null],
  [`${MEAN}Mul(x, f) -> a;Div(m, f) -> b;Sub(a, b) -> y`, null],
  [`${MEAN}Div(f, x) -> a;Div(f, m) -> b;Sub(a, b) -> y`, null],
  [`${MEAN}Mul(z, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y`, null],
  ['ReduceMax(x) axes=[1] -> m;Mul(x, f) -> a;Mul(m, f) -> b;Sub(a, b) -> y', null],
  ['ReduceMean(i) axes=[1] -> m;Mul(i, i) -> a;Mul(m, i) -> b;Sub(a, b) -> y', null],
  [
    `${MEAN}${many('x', 5, 'a')};${many('m', 5, 'b')};Sub(a4, b4) -> y`,
    'Sub(x,m)>y.0 Mul(y.0,g)>y.1 Mul(y.1,g)>y.2 Mul(y.2,g)>y.3 Mul(y.3,g)>y.4 Mul(y.4,g)>y',
  ],
  [`${MEAN}${many('x', 9, 'a')};${many('m', 9, 'b')};Sub(a8, b8) -> y`, null],
])('%s', (lines, wanted) => {
  const flat = flatten(modelOf(INPUTS, lines.split(';'), 17));
  const joined = joinMeans(flat, inferFacts(flat));
  const text = ({ op, inputs, outputs }: FlatNode): string => `${op}(${inputs.join(',')})>${outputs.join(',')}`.replaceAll('\u001e', '.');
  const before = flat.nodes.map(text);
  const made = joined.nodes.map(text);
  const fresh = made.filter((own) => !before.includes(own)).join(' ');
  expect(fresh).toBe((wanted ?? '').replace(/^.* => /, ''));
  if (wanted === null) return;
  const [one, other] = [computed(flat.nodes, 'y'), computed(joined.nodes, 'y')];
  expect(one).toHaveLength(4);
  for (const [k, own] of one.entries()) expect(other[k]).toBeCloseTo(own, 9);
  expect(joined.nodes.map(({ node }) => [node.opType, node.inputs.length, node.outputs.length, node.domain])).toEqual(
    joined.nodes.map(({ op, inputs, outputs }) => [op, inputs.length, outputs.length, '']),
  );
});
