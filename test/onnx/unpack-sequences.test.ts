/** Sequences taken apart: onnxruntime computes the same with both. */
import { describe, expect, it } from 'vitest';
import type { Attribute, Node } from '../../src/onnx/ir.ts';
import { unpackSequences } from '../../src/onnx/unpack-sequences.ts';
import { validateModel } from '../../src/onnx/validate.ts';
import { branch, computed, node, smallModel } from '../support/small-graph.ts';

const int = (name: string, value: number): Attribute => ({ name, kind: 'int', value });
const number = (name: string, value: number): Node => node('Constant', [], [name], { attributes: [int('value_int', value)] });
const vector = (name: string, value: readonly number[]): Node => node('Constant', [], [name], { attributes: [{ name: 'value_ints', kind: 'ints', value }] });
const along = (axis: number, more: readonly Attribute[] = []): Partial<Node> => ({ attributes: [int('axis', axis), ...more] });

const CASES: Readonly<Record<string, readonly Node[]>> = {
  'pieces of one size, the last one shorter': [
    number('size', 3),
    number('i', 2),
    node('SplitToSequence', ['x', 'size'], ['s'], along(1)),
    node('SequenceAt', ['s', 'i'], ['y']),
  ],
  'pieces of given sizes, counted from the end': [
    vector('sizes', [2, 1, 4]),
    number('i', -2),
    node('SplitToSequence', ['x', 'sizes'], ['s'], along(1)),
    node('SequenceAt', ['s', 'i'], ['y']),
  ],
  'single rows without their dimension': [
    number('i', 1),
    node('SplitToSequence', ['x'], ['s'], along(0, [int('keepdims', 0)])),
    node('SequenceAt', ['s', 'i'], ['y']),
  ],
  'joined values': [node('Neg', ['x'], ['a']), node('SequenceConstruct', ['x', 'a', 'x'], ['s']), node('ConcatFromSequence', ['s'], ['y'], along(1))],
  'stacked values, inserted and erased': [
    node('Neg', ['x'], ['a']),
    number('first', 0),
    node('SequenceEmpty', [], ['s0']),
    node('SequenceInsert', ['s0', 'x'], ['s1']),
    node('SequenceInsert', ['s1', 'a', 'first'], ['s2']),
    node('SequenceInsert', ['s2', 'a'], ['s3']),
    node('SequenceErase', ['s3'], ['s4']),
    node('Identity', ['s4'], ['s5']),
    node('ConcatFromSequence', ['s5'], ['y'], along(-1, [int('new_axis', 1)])),
  ],
  'a sequence read inside a branch': [
    number('i', 0),
    number('one', 1),
    node('SequenceConstruct', ['x'], ['s']),
    node('Cast', ['one'], ['yes'], { attributes: [int('to', 9)] }),
    node('If', ['yes'], ['y'], {
      attributes: [branch('then_branch', [node('SequenceAt', ['s', 'i'], ['t'])], 't'), branch('else_branch', [node('Neg', ['x'], ['e'])], 'e')],
    }),
  ],
  'the number of values': [
    node('SequenceConstruct', ['x', 'x'], ['s']),
    node('SequenceLength', ['s'], ['n']),
    node('CastLike', ['n', 'x'], ['f']),
    node('Mul', ['x', 'f'], ['y']),
  ],
};

describe('sequences', () => {
  it.each(Object.entries(CASES))('%s', async (_, nodes) => {
    const before = smallModel(nodes, ['y'], [], 2);
    const after = unpackSequences(before);
    const left = after.graph.nodes.filter((own) => own.opType.includes('Sequence'));
    expect(left).toEqual([]);
    expect(validateModel(after)).toEqual([]);
    const x = Array.from({ length: 14 }, (__, i) => (i * 5) % 7);
    expect(await computed(after, x, [2, 7])).toEqual(await computed(before, x, [2, 7]));
  });

  it('that a computed position reads stay', () => {
    const nodes = [
      node('SequenceConstruct', ['x', 'x'], ['s']),
      node('Size', ['x'], ['n']),
      node('Sub', ['n', 'n'], ['i']),
      node('SequenceAt', ['s', 'i'], ['y']),
      number('first', 0),
      node('SequenceAt', ['s', 'first'], ['z']),
    ];
    const after = unpackSequences(smallModel(nodes, ['y', 'z'], [], 2));
    expect(after.graph.nodes.map((own) => own.opType)).toEqual(['SequenceConstruct', 'Size', 'Sub', 'SequenceAt', 'Constant', 'Identity']);
  });
});
