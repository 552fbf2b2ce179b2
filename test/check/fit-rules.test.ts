/** Reshapes that change the number of elements for some inputs, and dimensions that are not there. All that is said. */
import { expect, test } from 'vitest';
import { allSaid, saidOf } from '../support/told.ts';
import { typed } from '../support/typed-graph.ts';

const INPUTS = { x: ['n', 'k', 4], v: [4], u: ['p', 2] };
const stored = { none: [[], [0]] } as const;

/** What is said of a new branch `c`, whose sum times zero is added. */
function saidAt(old: string, branch: string): readonly string[] {
  const first = old.split(';');
  const before = typed({ inputs: INPUTS, lines: [...first, 'ReduceSum(o) keepdims=0 -> so', 'Sub(x, so) -> y'] });
  const after = typed({
    inputs: INPUTS,
    lines: [
      ...[...first, ...branch.split(';'), 'ReduceSum(o) keepdims=0 -> so', 'Sub(x, so) -> d'],
      ...['ReduceSum(c) keepdims=0 -> sc', 'Mul(sc, none) -> zero', 'Add(d, zero) -> y'],
    ],
    stored,
  });
  return saidOf(before, after)
    .filter((line) => !line.startsWith('dead '))
    .map((line) => line.replace(/^(unproved|refuted) node n\d+ \(\w+\): /, ''));
}

const said = (ratio: string): string => `Reshape: nothing shows that it keeps the number of elements, ${ratio} but for common factors`;
const SIZES = 'Shape(x) -> sx';
test.each<readonly [old: string, branch: string, ...open: string[]]>([
  [`${SIZES};Reshape(x, sx) -> o`, 'Neg(x) -> a;Reshape(a, sx) -> c'],
  [`${SIZES};Reshape(x, sx) -> o`, 'Neg(v) -> a;Reshape(a, sx) -> c', said('1 to k·n')],
  // an exporter that wrote down what was one size: so does the old graph
  [`${SIZES};Reshape(v, sx) -> o`, 'Neg(v) -> a;Reshape(a, sx) -> c'],
  [`${SIZES};Reshape(v, sx) -> o`, 'Neg(u) -> a;Reshape(a, sx) -> c', said('p to 2·k·n')],
  [`${SIZES};Reshape(x, sx) -> o`, 'Reshape(u, [-1]) -> c'],
  [`${SIZES};Reshape(x, sx) -> o`, 'NonZero(u) -> a;Cast(a) to=1 -> b;Reshape(b, sx) -> c'],
])('%s, and then %s', (old, branch, ...open) => {
  expect(saidAt(old, branch)).toEqual([open.length > 0 ? 'not proved' : 'proved', ...open]);
  expect(allSaid()).toMatchSnapshot();
});

test.each<readonly [branch: string, ...said: string[]]>([
  ['Softmax(x) axis=2 -> c'],
  ['Softmax(x) axis=-3 -> c'],
  ['Softmax(x) axis=3 -> c', 'Softmax: of 3 dimensions there is no dimension 3'],
  ['Softmax(x) axis=-4 -> c', 'Softmax: of 3 dimensions there is no dimension -4'],
  ['Neg(v) -> a;Concat(a, v) axis=1 -> c', 'Concat: of 1 dimensions there is no dimension 1'],
])('%s', (branch, ...found) => {
  const lines = saidAt('Neg(x) -> o', branch);
  expect(lines[0]).toBe(found.length > 0 ? 'not proved' : 'proved');
  for (const line of found) expect(lines).toContain(line);
  expect(allSaid()).toMatchSnapshot();
});

test.each([
  'LogSoftmax(x) axis=5 -> c',
  'Hardmax(x) axis=5 -> c',
  'Gather(x, [0]) axis=5 -> c',
  'Split(x) axis=5 num_outputs=2 -> c c1',
  'ArgMax(x) axis=5 -> k;Cast(k) to=1 -> c',
  'ArgMin(x) axis=5 -> k;Cast(k) to=1 -> c',
  'TopK(x, [1]) axis=5 -> c c1',
  'Unsqueeze([0], [0,1]) -> k;GatherElements(x, k) axis=5 -> c',
  'Unsqueeze([0], [0,1]) -> k;ScatterElements(x, k, x) axis=5 -> c',
])('%s', (branch) => {
  const [, op = ''] = /(\w+)\(x/.exec(branch) ?? [];
  expect(saidAt('Neg(x) -> o', branch)).toContain(`${op}: of 3 dimensions there is no dimension 5`);
  expect(allSaid()).toMatchSnapshot();
});
