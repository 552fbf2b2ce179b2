import { GrowError } from '../errors.ts';
import { concatSource } from './byte-source.ts';
import { encodeModelMessage } from './encode.ts';
import type { ByteSource, Model } from './ir.ts';
import { withValidReferences } from './place-tensors.ts';
import { type Pieces, piecesSize } from './rewrite-fields.ts';

/** Protobuf messages end below 2^31 bytes in every official reader. */
const LARGEST_MESSAGE = 2 ** 31 - 1;

/**
 * The bytes of a model file, computed when read. Tensors that were read from external data and have not changed keep
 * their references; all others are inside. Throws GrowError IO when the file would be 2 GB or more.
 */
export function serializeModel(model: Model): ByteSource {
  const pieces = encodeModelMessage(withValidReferences(model));
  checkMessageSize(pieces);
  return concatSource(pieces);
}

/** The bytes of a model file in memory; see serializeModel. */
export function encodeModel(model: Model): Uint8Array {
  const source = serializeModel(model);
  return source.read(0, source.size);
}

/** Throws GrowError IO when a model message is too large for any reader. */
export function checkMessageSize(pieces: Pieces): void {
  const size = piecesSize(pieces);
  if (size <= LARGEST_MESSAGE) return;
  throw new GrowError('IO', `the model file would have ${size} bytes; ONNX files must stay below 2 GB`, {
    hint: 'keep the weights in a data file beside it (external data auto or always)',
  });
}
