import { encodeModelMessage, sameExternal } from './encode.ts';
import type { ByteSource, Model, Tensor } from './ir.ts';
import { mapTensors, type TensorPlace } from './map-tensors.ts';
import { piecesSize } from './rewrite-fields.ts';

/** Where weights go: as they were, all larger ones to a data file, or all into the model file. */
export type ExternalDataMode = 'auto' | 'always' | 'never';

/** Tensors smaller than this stay in the model, where shape inference can see them. Bytes. */
const SMALLEST_OUTSIDE = 1024;
/** Model files above this are not written: readers stop at 2^31 − 1 bytes, and some lose a little on the way. */
const LARGEST_AUTO = 1_900_000_000;
/** Large tensors start at pages, so that runtimes can map them; small ones at cache lines. Bytes. */
const PAGE = 4096;
const LINE = 64;

/** A model with its tensors' places decided, and what its data file holds. */
export interface Placement {
  /** The model with `external` set for each tensor in the data file, once the file's name is known. */
  readonly model: (location: string) => Model;
  /** The data file: each source at its offset, in rising order. */
  readonly data: readonly { readonly source: ByteSource; readonly at: number }[];
  readonly dataSize: number;
}

/** Decides for each tensor whether it stands in the model file or in the data file beside it. */
export function placeTensors(model: Model, mode: ExternalDataMode): Placement {
  const plain = mapTensors(model, inlined);
  if (mode === 'never') return place(model, plain, () => false);
  const large = (tensor: Tensor): boolean => tensor.data.size >= SMALLEST_OUTSIDE;
  const initializers = (tensor: Tensor, kind: TensorPlace): boolean => kind === 'initializer' && large(tensor);
  const anyOutside = hasExternal(model);
  const asBefore = (tensor: Tensor, kind: TensorPlace): boolean =>
    tensor.external !== undefined || (anyOutside && tensor.origin === undefined && initializers(tensor, kind));
  const always = (tensor: Tensor, kind: TensorPlace): boolean => tensor.external !== undefined || initializers(tensor, kind);
  const choices = mode === 'always' ? [always, large] : [asBefore, always, large];
  for (const choice of choices) {
    const placement = place(model, plain, choice);
    if (piecesSize(encodeModelMessage(placement.model('x'))) <= LARGEST_AUTO) return placement;
  }
  return place(model, plain, large);
}

/** The model as it can be written by itself: references to external data only where they are still those of the file. */
export function withValidReferences(model: Model): Model {
  return mapTensors(model, (tensor) => (tensor.external === undefined || isWhereItWas(tensor) ? tensor : inlined(tensor)));
}

function isWhereItWas(tensor: Tensor): boolean {
  const was = tensor.origin?.decoded as Tensor | undefined;
  return was !== undefined && was.data === tensor.data && sameExternal(was.external, tensor.external);
}

function hasExternal(model: Model): boolean {
  let found = false;
  mapTensors(model, (tensor) => {
    found ||= tensor.external !== undefined;
    return tensor;
  });
  return found;
}

function inlined(tensor: Tensor): Tensor {
  if (tensor.external === undefined) return tensor;
  const { external: _external, ...rest } = tensor;
  return rest;
}

function place(model: Model, plain: Model, outside: (tensor: Tensor, kind: TensorPlace) => boolean): Placement {
  const data: { source: ByteSource; at: number }[] = [];
  const offsets = new Map<ByteSource, number>();
  let dataSize = 0;
  const offsetOf = (source: ByteSource): number => {
    const known = offsets.get(source);
    if (known !== undefined) return known;
    const unit = source.size >= PAGE ? PAGE : LINE;
    const at = Math.ceil(dataSize / unit) * unit;
    offsets.set(source, at);
    data.push({ source, at });
    dataSize = at + source.size;
    return at;
  };
  mapTensors(model, (tensor, kind) => {
    if (outside(tensor, kind)) offsetOf(tensor.data);
    return tensor;
  });
  if (data.length === 0) return { model: () => plain, data, dataSize };
  const located = (location: string): Model =>
    mapTensors(model, (tensor, kind) => {
      if (!outside(tensor, kind)) return inlined(tensor);
      return { ...tensor, external: { location, offset: offsetOf(tensor.data), length: tensor.data.size } };
    });
  return { model: located, data, dataSize };
}
