import { addGraph, double, doubles, float, floats, group, int, join, modelBytes, msg, paddedMsg, varints } from './wire-bytes.ts';

const unknown = [msg(200, 'kept'), int(201, -1), float(202, 1.5), double(203, 2.5)];
const entry = (key: string, value: string): Uint8Array => join(msg(1, key), msg(2, value));
const identity = (...more: readonly Uint8Array[]): Uint8Array => msg(1, msg(1, 'a'), msg(2, 'b'), msg(4, 'Identity'), ...more);
const attribute = (...parts: readonly (Uint8Array | string)[]): Uint8Array => identity(msg(5, ...parts));
const tensor = (...parts: readonly (Uint8Array | string)[]): Uint8Array => msg(5, ...parts);

/** Legal ONNX files that no common writer makes, each for one thing that must survive reading and writing. */
export const ODD_MODELS: Readonly<Record<string, Uint8Array>> = {
  plain: modelBytes(addGraph()),
  'unknown fields at every level': modelBytes(
    addGraph(
      ...unknown,
      identity(...unknown, msg(5, msg(1, 'a'), ...unknown, int(3, 5), int(20, 2))),
      tensor(...unknown, int(1, 1), int(2, 1), msg(9, floats([1])), ...unknown),
      msg(13, ...unknown, msg(1, 'v'), msg(2, ...unknown, msg(1, ...unknown, msg(2, ...unknown, msg(1, ...unknown, int(1, 2)))))),
    ),
    ...unknown,
    msg(14, entry('k', 'v'), ...unknown),
    msg(25, msg(1, 'f'), ...unknown),
  ),
  'groups, nested too': modelBytes(addGraph(group(100, int(1, 1), group(2, msg(3, 'x')))), group(99)),
  'fields out of order': join(msg(8, int(2, 17), msg(1, '')), msg(7, ...[...addGraph()].reverse()), msg(2, 'late'), int(1, 8)),
  'numbers packed, unpacked and mixed': modelBytes(
    addGraph(
      tensor(msg(1, varints([2])), int(1, 3), int(2, 1), msg(8, 'm'), msg(4, floats([1, 2])), float(4, 3), msg(4, floats([4, 5])), float(4, 6)),
      tensor(int(1, 3), int(2, 7), msg(7, varints([1, -1])), int(7, 2n ** 62n)),
      tensor(int(1, 3), int(2, 10), int(5, 15360), msg(5, varints([16384, 0]))),
      tensor(int(1, 2), int(2, 11), double(10, 1), msg(10, doubles([2]))),
      tensor(int(1, 2), int(2, 12), int(11, 4294967295), msg(11, varints([7]))),
      attribute(msg(1, 'ints'), int(8, 1), msg(8, varints([2, 3])), int(8, -4), int(20, 7)),
      attribute(msg(1, 'floats'), float(7, 1), msg(7, floats([2, 3])), int(20, 6)),
    ),
  ),
  'singular fields given twice': join(
    modelBytes(addGraph(identity(msg(4, 'Relu'), msg(3, 'one'), msg(3, 'two')))),
    int(1, 9),
    msg(7, msg(2, 'more'), identity()),
    msg(2, 'p1'),
    msg(2, 'p2'),
  ),
  'numbers and lengths longer than needed': join(int(1, 8, 10), paddedMsg(7, ...addGraph(), paddedMsg(1, paddedMsg(4, 'Relu'))), msg(8, int(2, 17, 5))),
  'model-local functions': modelBytes(
    addGraph(),
    msg(
      25,
      msg(1, 'f'),
      msg(4, 'x'),
      msg(5, 'y'),
      msg(6, 'alpha'),
      msg(7, msg(1, 'x'), msg(2, 'y'), msg(4, 'Elu'), msg(5, msg(1, 'alpha'), msg(21, 'alpha'), int(20, 1))),
      msg(9, int(2, 17)),
      msg(10, 'local'),
      msg(11, msg(1, 'beta'), float(2, 0.5), int(20, 1)),
      msg(12, msg(1, 'x')),
      msg(13, 'over'),
      msg(14, entry('k', 'v')),
    ),
  ),
  'sparse tensors': modelBytes(
    addGraph(
      msg(15, msg(1, int(1, 1), int(2, 1), msg(8, 's'), msg(9, floats([1]))), msg(2, int(1, 1), int(2, 7), int(7, 3)), int(3, 9)),
      attribute(msg(1, 'sparse_value'), msg(22, msg(1, int(1, 1), int(2, 1), float(4, 1)), int(3, 9)), int(20, 11)),
    ),
  ),
  'newest metadata': modelBytes(
    addGraph(
      identity(msg(8, 'overload'), msg(9, entry('namespace', 'layer.0')), msg(10, msg(1, 'c'), msg(2, msg(1, 't'), msg(2, varints([0, 1]))), int(3, 1))),
      tensor(int(1, 2), int(2, 22), msg(9, '\u0021'), msg(16, entry('k', 'v'))),
      msg(13, msg(1, 'v'), msg(2, msg(7, msg(1, 'd'))), msg(4, entry('k', 'v'))),
      msg(14, msg(1, 'quantized')),
      msg(16, entry('k', 'v')),
    ),
    msg(20, msg(1, msg(2, 'init'))),
    msg(26, msg(1, 'devices'), int(2, 2), msg(3, 'gpu0')),
  ),
  'nested graphs': modelBytes(addGraph(attribute(msg(1, 'then_branch'), msg(6, identity(msg(5, msg(1, 'body'), msg(6, identity()), int(20, 5)))), int(20, 5)))),
  'attributes without a type': modelBytes(
    addGraph(identity(msg(5, msg(1, 'i'), int(3, 1)), msg(5, msg(1, 's'), msg(4, 'x')), msg(5, msg(1, 'l'), int(8, 1)), msg(5, msg(1, 'n')))),
  ),
  'names that are no UTF-8': modelBytes(addGraph(msg(1, msg(1, Uint8Array.of(0xff, 0x41)), msg(2, Uint8Array.of(0xfe, 0xe2, 0x82)), msg(4, 'Relu')))),
  'names of built-in properties': modelBytes(
    addGraph(msg(1, msg(1, '__proto__'), msg(2, 'constructor'), msg(4, 'toString'), msg(5, msg(1, '__proto__'), int(3, 1), int(20, 2)))),
  ),
  'integers beyond 2^53': modelBytes(addGraph(attribute(msg(1, 'ends'), int(8, 2n ** 63n - 1n), int(8, -(2n ** 63n)), int(20, 7)))),
  'known numbers with other wire types': modelBytes(addGraph(int(5, 3), msg(1, int(1, 3), msg(4, 'Relu'), float(4, 1))), float(7, 2)),
  'strings in a tensor': modelBytes(addGraph(tensor(int(1, 2), int(2, 8), msg(6, 'a'), msg(6, 'b')))),
  'the default domain spelled out': join(int(1, 8), msg(7, ...addGraph(identity(msg(7, 'ai.onnx')))), msg(8, msg(1, 'ai.onnx'), int(2, 17))),
  'types other than tensors': modelBytes(
    addGraph(
      msg(13, msg(1, 'q'), msg(2, msg(4, msg(1, msg(1, int(1, 1)))))),
      msg(13, msg(1, 'r')),
      msg(13, msg(1, 'two'), msg(2, msg(1, int(1, 1)), msg(6, 'IMAGE')), msg(2, msg(1, msg(2)))),
    ),
  ),
};
