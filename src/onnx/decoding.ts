import { GrowError } from '../errors.ts';
import type { ExternalResolver } from './external-data.ts';

/** What decoding one model carries along. */
export interface Decoding {
  readonly resolve: ExternalResolver;
  readonly state: {
    /** Objects that may still be made. */
    budget: number;
    /** How many graphs we are inside of. */
    depth: number;
  };
}

/** More nodes, values and attributes than any real model; a hostile file of two-byte messages would fill the memory. */
const MOST_OBJECTS = 2_000_000;
const MOST_DEPTH = 100;

/** Starts decoding a model whose external data `resolve` finds. */
export function startDecoding(resolve: ExternalResolver): Decoding {
  return { resolve, state: { budget: MOST_OBJECTS, depth: 0 } };
}

/**
 * Decoding of a part that is kept, not understood (sparse tensors, lists of graphs, training graphs). It is read to find
 * damage. External data there is refused: the part is written as it is, and its data would stay behind.
 */
export function opaquePart(decoding: Decoding): Decoding {
  return { resolve: refuseExternal, state: decoding.state };
}

const refuseExternal: ExternalResolver = (name) => {
  throw new GrowError('INVALID_MODEL', 'external data in a sparse tensor, a list of graphs or a training graph', {
    where: `tensor ${JSON.stringify(name)}`,
    hint: 'save the model with these weights inside it',
  });
};

/** Counts objects made. Throws GrowError INVALID_MODEL when a model has more than fit in memory. */
export function spend(decoding: Decoding, objects: number): void {
  decoding.state.budget -= objects;
  if (decoding.state.budget < 0) {
    throw new GrowError('INVALID_MODEL', `the model has more than ${MOST_OBJECTS} nodes, values and attributes`);
  }
}

/** Runs `decode` one graph deeper. Throws GrowError INVALID_MODEL when graphs nest too deep, as onnxruntime does. */
export function nested<T>(decoding: Decoding, decode: () => T): T {
  if (decoding.state.depth >= MOST_DEPTH) {
    throw new GrowError('INVALID_MODEL', `graphs are nested deeper than ${MOST_DEPTH}`);
  }
  decoding.state.depth++;
  try {
    return decode();
  } finally {
    decoding.state.depth--;
  }
}
