/** A LayerNormalization alone, as bytes of a file. With an empty last operand the runtime crashes while it optimises the graph. */
import { protoModel } from './proto-model.ts';

export const normModel = (inputs: readonly string[]): Uint8Array =>
  protoModel({
    inputs: { x: { type: 'float', dims: ['n', 4] } },
    outputs: { y: { type: 'float', dims: ['n', 4] } },
    nodes: [{ op: 'LayerNormalization', inputs, outputs: ['y'] }],
    floats: { g: [[4], [1, 2, 3, 4]] },
  });
