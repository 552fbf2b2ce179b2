import { leavesOf } from '../analysis/axis.ts';
import { axisUnit, type Transform } from './transform.ts';

/**
 * Hidden dimension expansion (Gesmundo & Maile 2023, theorem 3.5).
 *
 * The width h of a residual stream grows to ĥ. All writers (embeddings, positions, W^O, W₂, their biases) gain zero columns, so
 * new channels are zero everywhere and new rows of readers are arbitrary. Norms keep their function in one of two forms, see
 * norm-forms.ts; native LayerNorm fills writers with the mean of their old columns instead of zeros.
 */
export const hiddenExpansion: Transform = {
  axis: 'hidden',
  summary: 'the residual stream h (a named stream where a graph has several)',
  theorem: '3.5',
  units: (anatomy) =>
    anatomy.stacks.map((stack) => {
      const leaf = leavesOf(stack.axis).findLast((own) => own.size !== 1) ?? null;
      const split = stack.axis.form === 'product';
      const reason = stack.residual ? 'the stream is reshaped into heads without a projection' : 'there is no residual stream';
      return axisUnit({ stack, layer: null, block: null }, stack.axis, split || !stack.residual ? null : leaf, reason);
    }),
};
