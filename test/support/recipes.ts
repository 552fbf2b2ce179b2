import fc from 'fast-check';
import type { Architecture } from './architecture.ts';

const oneOf = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

/** Layers of a block axis: all of them, one, or a range. */
function selectorFor(layers: number): fc.Arbitrary<string> {
  return oneOf('', '', '[0]', '[-1]', layers > 1 ? '[0-1]' : '[0]');
}

/** Legal width steps of an architecture, each axis at most once. */
export function widthSteps(a: Architecture): fc.Arbitrary<readonly string[]> {
  const grouped = a.perGroup > 1;
  const pairs = a.rope === 'none' ? 1 : 2;
  // Where one matrix interleaves q, k and v, its rotated halves are v's halves too.
  const valuePairs = a.projection === 'interleaved' ? pairs : 1;
  // All layers read the same angles, so rotated widths grow together.
  const coupled = (axis: string): boolean => a.rope !== 'none' && a.rope !== 'partial' && (axis === 'qk' || (axis === 'v' && a.projection === 'interleaved'));
  const selected = (axis: string, size: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc.tuple(coupled(axis) ? fc.constant('') : selectorFor(a.layers), size).map(([selector, own]) => `${axis}${selector}=${own}`);
  const steps = [
    selected('mlp', oneOf('+1', '+5', 'x1.5', 'x2')),
    selected('heads', grouped ? oneOf(`+${a.groups}`, 'x2') : oneOf('+1', '+2', 'x2')),
    ...(grouped && a.groups === 1 ? [] : [selected('kv-heads', grouped ? oneOf('+1', 'x2') : oneOf('+1'))]),
    selected('v', oneOf(`+${valuePairs}`, `+${2 * valuePairs}`, 'x2')),
    selected('qk', oneOf(`+${pairs}`, `+${2 * pairs}`, 'x2')),
    oneOf('+1', '+3', 'x1.5', 'x2').map((size) => `hidden=${size}`),
  ];
  return fc
    .shuffledSubarray(
      steps.map((_, i) => i),
      { minLength: 1, maxLength: 4 },
    )
    .filter((chosen) => !(chosen.includes(1) && chosen.some((i) => i === 2) && !(grouped && a.groups === 1)))
    .chain((chosen) => fc.tuple(...chosen.map((i) => steps[i] as fc.Arbitrary<string>)));
}

/** One to eight steps: widths, layers added before, between or behind them, and widths once more. */
export function recipes(a: Architecture): fc.Arbitrary<readonly string[]> {
  const places = oneOf('', '@end', '@after:0', '@before:0', ...(a.layers > 1 ? ['@after:-1', '@before:1'] : []));
  const layers = fc.tuple(oneOf('+1', '+1', '+1', '+2'), places).map(([size, place]) => `layers=${size}${place}`);
  const added = oneOf(0, 0, 1, 1, 2).chain((count) => fc.array(fc.tuple(layers, fc.nat({ max: 5 })), { minLength: count, maxLength: count }));
  const more = fc.option(widthSteps(a), { freq: 2 }).map((steps) => steps ?? []);
  return fc.tuple(widthSteps(a), added, more).map(([widths, steps, again]) =>
    steps
      .reduce<readonly string[]>((all, [step, at]) => [...all.slice(0, at), step, ...all.slice(at)], widths)
      .concat(again)
      .slice(0, 8),
  );
}
