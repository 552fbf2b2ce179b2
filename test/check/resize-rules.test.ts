/** Resize and Upsample of other dimensions than the one that grows: which modes leave it as it is. */
import { expect, test } from 'vitest';
import { holds, type RuleCase } from '../support/rule-cases.ts';

/** `t` is h with its width in front of its length, `u` what a Resize makes of it. */
const resized = (resize: string): string => `Transpose(h) perm=[0,2,1] -> t;${resize} -> u;Transpose(u) perm=[0,2,1] -> c`;

const CASES: readonly RuleCase[] = [
  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'].map(
    (mode): RuleCase => ['both', resized(`Resize(t, '', wrs) mode=linear coordinate_transformation_mode=${mode}`)],
  ),
  ['neither', `Cast([0,0,0,1,1,2]) to=1 -> r;${resized('Resize(t, r, wrs) mode=linear coordinate_transformation_mode=tf_crop_and_resize')}`],
  ['both', resized("Resize(t, '', '', [1,N,2]) mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=floor")],
  ['both', resized("Resize(t, '', '', [1,N,5]) mode=linear keep_aspect_ratio_policy=stretch"), 18],
  ['neither', resized("Resize(t, '', '', [1,N,5]) mode=linear keep_aspect_ratio_policy=not_larger"), 18],
  ['neither', resized("Resize(t, '', '', [5]) axes=[2] mode=linear"), 18],
  ['both', `Shape(h) -> s;Slice(s, [0], [1]) -> i;Slice(s, [2], [3]) -> j;Concat(i, j, [5]) axis=0 -> k;${resized("Resize(t, '', '', k) mode=linear")}`],
  ['both', `Shape(h) -> s;Gather(s, [0,2,1]) -> k;${resized("Resize(t, '', '', k) mode=linear")}`],
  ['neither', `Shape(h) -> s;Gather(s, [0,1,1]) -> k;Concat(h, h) axis=2 -> d;Resize(d, '', '', k) mode=linear -> e;Slice(e, [0], [N], [2]) -> c`],
  ['both', resized('Resize(t, wrs) mode=nearest'), 10],
  ['both', resized('Upsample(t, wrs) mode=nearest'), 9],
];

test.each(CASES.map(([side, lines, opset]) => [lines, side, opset] as const))('%s', async (lines, side, opset = 17) => {
  expect(await holds(side, lines, opset)).toMatchSnapshot();
});
