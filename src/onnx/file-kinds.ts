import type { ByteSource } from './ir.ts';

interface Kind {
  readonly reason: string;
  readonly hint: string;
}

const EXPORT = 'export the model to ONNX first, for example with torch.onnx.export or optimum-cli export onnx';

/** Beginnings of files that people take for ONNX, as Latin-1 text. */
const KINDS: readonly (readonly [RegExp, Kind])[] = [
  [/^version https:\/\/git-lfs/, { reason: 'this is a Git LFS pointer, not the model itself', hint: 'fetch the real file: git lfs pull' }],
  [/^.{8}\{\s*"/s, { reason: 'this is a safetensors file, which holds weights without a graph', hint: EXPORT }],
  [/^.{4}ORTM/s, { reason: 'this is a model in ORT format', hint: 'use the .onnx file that it was made from' }],
  [/^PK\x03\x04/, { reason: 'this is a zip archive, perhaps a PyTorch checkpoint', hint: EXPORT }],
  [/^\x80[\x02-\x05]/, { reason: 'this is a Python pickle, perhaps a PyTorch checkpoint', hint: EXPORT }],
  [/^\x1f\x8b/, { reason: 'this is a gzip file', hint: 'unpack it first' }],
  [/^GGUF/, { reason: 'this is a GGUF file', hint: 'use the model’s ONNX export; GGUF cannot be converted back' }],
  [/^\x89HDF\r\n/, { reason: 'this is an HDF5 file, perhaps a Keras model', hint: EXPORT }],
  [/^.{4}TFL3/s, { reason: 'this is a TensorFlow Lite model', hint: EXPORT }],
  [/^\s*[{[]/, { reason: 'this is JSON', hint: 'name the .onnx file beside it' }],
  [/^\s*<(!doctype|html|\?xml)/i, { reason: 'this is a web page', hint: 'the download failed: get the file itself' }],
];

const HEAD = 64;

/** Why these bytes are no ONNX model, when they are something well known; null when they may be a damaged model. */
export function notOnnxReason(source: ByteSource): Kind | null {
  if (source.size === 0) return { reason: 'the file is empty', hint: 'download or export it again' };
  const bytes = source.read(0, Math.min(HEAD, source.size));
  const head = Buffer.from(bytes).toString('latin1');
  const found = KINDS.find(([pattern]) => pattern.test(head));
  if (found !== undefined) return found[1];
  const text = bytes.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13);
  return text ? { reason: 'this is a text file', hint: 'name an .onnx file' } : null;
}
