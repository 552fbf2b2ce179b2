import onnxProto from 'onnx-proto';

/** A model as onnx-proto reads it: an independent decoder, generated from ONNX 1.10.2 with another protobufjs. */
export function oracle(bytes: Uint8Array): onnxProto.onnx.ModelProto {
  return onnxProto.onnx.ModelProto.decode(bytes);
}

/** The graph of an oracle's model. */
export function oracleGraph(bytes: Uint8Array): onnxProto.onnx.IGraphProto {
  const { graph } = oracle(bytes);
  if (!graph) throw new Error('the oracle sees no graph');
  return graph;
}
