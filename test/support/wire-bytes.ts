/** A tiny writer of protobuf messages, free to write them oddly, for tests of reading and keeping files. */

export type Part = Uint8Array | string;

/** All parts one after the other; text as UTF-8. */
export function join(...parts: readonly Part[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))));
}

/** A varint; `length` pads it to that many bytes, which is valid and not minimal. Negative values take ten bytes. */
export function varintBytes(value: number | bigint, length = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  } while (rest > 0n);
  while (bytes.length < length) bytes.push(0x80);
  bytes.push((bytes.pop() ?? 0) & 0x7f);
  return Uint8Array.from(bytes);
}

const tag = (field: number, wire: number, length = 0): Uint8Array => varintBytes(field * 8 + wire, length);

/** A varint field. */
export const int = (field: number, value: number | bigint, length = 0): Uint8Array => join(tag(field, 0), varintBytes(value, length));

/** A length-delimited field: a string, bytes or a message. */
export function msg(field: number, ...parts: readonly Part[]): Uint8Array {
  const body = join(...parts);
  return join(tag(field, 2), varintBytes(body.length), body);
}

/** A length-delimited field whose tag and length take more bytes than they need. */
export function paddedMsg(field: number, ...parts: readonly Part[]): Uint8Array {
  const body = join(...parts);
  return join(tag(field, 2, 4), varintBytes(body.length, 4), body);
}

/** A float32 field. */
export const float = (field: number, value: number): Uint8Array => join(tag(field, 5), floats([value]));

/** A float64 field. */
export const double = (field: number, value: number): Uint8Array => join(tag(field, 1), doubles([value]));

/** A group field, deprecated for twenty years and still legal. */
export const group = (field: number, ...parts: readonly Part[]): Uint8Array => join(tag(field, 3), ...parts, tag(field, 4));

/** Numbers as little-endian float32, as in raw_data or packed float_data. */
export const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

/** Numbers as little-endian float64. */
export const doubles = (values: readonly number[]): Uint8Array => new Uint8Array(Float64Array.from(values).buffer);

/** Numbers as varints one after the other, as in packed int fields. */
export const varints = (values: readonly (number | bigint)[]): Uint8Array => join(...values.map((value) => varintBytes(value)));

/** A ModelProto of IR version 8 and opset 17 around the parts of a graph, with more model fields behind. */
export function modelBytes(graph: readonly Part[], ...more: readonly Part[]): Uint8Array {
  return join(int(1, 8), msg(7, ...graph), msg(8, int(2, 17)), ...more);
}

/** The parts of a graph that adds a weight `w` of two float32 to its input `x`. */
export function addGraph(...more: readonly Part[]): readonly Part[] {
  const value = (name: string): Uint8Array => join(msg(1, name), msg(2, msg(1, int(1, 1), msg(2, msg(1, int(1, 2))))));
  return [
    msg(1, msg(1, 'x'), msg(1, 'w'), msg(2, 'y'), msg(3, 'add'), msg(4, 'Add')),
    msg(2, 'g'),
    msg(5, int(1, 2), int(2, 1), msg(8, 'w'), msg(9, floats([1, 2]))),
    msg(11, value('x')),
    msg(12, value('y')),
    ...more,
  ];
}
