/** Where an operator's constants decide whether a zero stays a zero. */
import { describe, expect, it } from 'vitest';
import { analyze } from '../../src/analysis/graph-analysis.ts';
import { modelOf } from '../support/small-model.ts';

const keepsZero = (line: string, opset: number): boolean => {
  const { flat, facts } = analyze(modelOf({ x: ['batch', 8] }, [line], opset));
  const node = flat.nodes.at(-1);
  const relation = node === undefined ? undefined : facts.relations.get(node);
  if (relation === undefined || relation.kind === 'unknown') throw new Error(`${line} is not understood`);
  return !('neverZero' in relation && relation.neverZero === true);
};

describe('a zero operand', () => {
  it.each([
    ['stays zero', 'Clip(x, [-1], [6]) -> y', 18, true],
    ['stays zero', "Clip(x, '', [6]) -> y", 18, true],
    ['stays zero', 'Clip(x) -> y', 18, true],
    ['becomes the lower bound', 'Clip(x, [1]) -> y', 18, false],
    ['becomes the upper bound', "Clip(x, '', [-1]) -> y", 18, false],
    ['becomes the lower bound', 'Clip(x) min=1 max=6 -> y', 9, false],
    ['stays zero', 'Clip(x) min=0 max=6 -> y', 9, true],
    ['stays zero', 'Pow(x, [2]) -> y', 18, true],
    ['becomes one', 'Pow(x, [0]) -> y', 18, false],
    ['becomes infinite', 'Pow(x, [-1]) -> y', 18, false],
    ['may become anything', 'Pow(x, x) -> y', 18, false],
    ['stays zero', 'Pad(x, [0,0,2,0]) -> y', 18, true],
    ['stays zero', 'Pad(x, [0,0,2,0], [0]) -> y', 18, true],
    ['stays beside other numbers', 'Pad(x, [0,0,2,0], [1]) -> y', 18, false],
    ['stays zero', 'Pad(x, [0,0,2,0]) mode=edge -> y', 18, true],
    ['stays beside other numbers', 'Pad(x) pads=[0,0,2,0] value=1 -> y', 9, false],
  ])('%s: %s', (_, line, opset, expected) => {
    expect(keepsZero(line, opset)).toBe(expected);
  });
});
