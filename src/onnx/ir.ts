/**
 * An ONNX file as plain immutable data. Field names follow onnx.proto3, camelCased and pluralised.
 *
 * Identity means unchanged: an object that is still the one that was read is written back byte for byte. A changed
 * copy (`{ ...node, inputs }`) keeps its `origin`, so the writer replaces only the fields that differ from the decoded
 * original and keeps every other field of the message, unknown ones included, in its place.
 *
 * Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** Random access to bytes that are not in memory yet: a buffer, a file, or a tensor computed piece by piece. */
export interface ByteSource {
  /** Number of bytes. */
  readonly size: number;
  /** A fresh or shared view of `length` bytes from `at`; callers never write into it. Throws GrowError IO. */
  read(at: number, length: number): Uint8Array;
}

/** Where a message was read from. `decoded` is the object made from these bytes. */
export interface Origin {
  readonly message: ByteSource;
  readonly decoded: object;
}

/** TensorProto.DataType numbers. Kinds newer than this list are kept as numbers. */
export const DataType = {
  UNDEFINED: 0,
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  COMPLEX64: 14,
  COMPLEX128: 15,
  BFLOAT16: 16,
  FLOAT8E4M3FN: 17,
  FLOAT8E4M3FNUZ: 18,
  FLOAT8E5M2: 19,
  FLOAT8E5M2FNUZ: 20,
  UINT4: 21,
  INT4: 22,
  FLOAT4E2M1: 23,
  FLOAT8E8M0: 24,
  UINT2: 25,
  INT2: 26,
} as const;

export interface Tensor {
  readonly name: string;
  /** A DataType number. */
  readonly dataType: number;
  readonly dims: readonly number[];
  /** Little-endian elements as `raw_data` would hold them, wherever the file keeps them. Strings have size 0. */
  readonly data: ByteSource;
  /** Set when the file keeps the elements in another file. */
  readonly external?: { readonly location: string; readonly offset: number; readonly length: number };
  readonly origin?: Origin;
  /** Set while elements are looked at one by one that the file packs: how it does, and the tensor as it holds it. */
  readonly packed?: { readonly packing: Packing; readonly tensor: Tensor };
}

/** How elements are packed where they are stored; see packed-tensor.ts. */
export interface Packing {
  /** Bits an element takes. */
  readonly bits: number;
  readonly signed: boolean;
  /** True when every row (the last dimension) is padded to a pitch of its own. */
  readonly rows: boolean;
  /** The shape of the elements. */
  readonly dims: readonly number[];
  /** Elements from the start of one stored row to the next, for rows of a given length. */
  readonly pitch: (columns: number) => number;
  /** The shape the file states, for a shape of elements. */
  readonly stored: (dims: readonly number[]) => readonly number[];
}

export type Attribute = {
  readonly name: string;
  readonly origin?: Origin;
} & (
  | { readonly kind: 'float'; readonly value: number }
  /** int64 outside ±2^53 is clamped to ±Number.MAX_SAFE_INTEGER in the decoded view, never in the file. */
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  /** A reference to an attribute of the enclosing function: `value` is its name. */
  | { readonly kind: 'ref'; readonly value: string }
  /** Sparse tensors, types, lists of tensors or graphs and kinds newer than ours: kept, not understood. */
  | { readonly kind: 'opaque'; readonly value: null }
);

export interface Node {
  readonly opType: string;
  /** '' is ai.onnx. */
  readonly domain: string;
  readonly name: string;
  /** '' is a missing optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly Attribute[];
  readonly overload?: string;
  readonly origin?: Origin;
}

/** A size in a declared shape: a number, a symbol's name, or null when the file says nothing. */
export type DeclaredDim = number | string | null;

export interface ValueInfo {
  readonly name: string;
  /** null when the type is missing or no plain tensor. */
  readonly type: { readonly elemType: number; readonly dims: readonly DeclaredDim[] | null } | null;
  readonly origin?: Origin;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly initializers: readonly Tensor[];
  /** Number of sparse initializers: kept, not understood. */
  readonly sparseInitializers: readonly { readonly name: string; readonly origin?: Origin }[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly valueInfos: readonly ValueInfo[];
  readonly origin?: Origin;
}

export interface OpsetImport {
  readonly domain: string;
  readonly version: number;
  readonly origin?: Origin;
}

/** A model-local function (FunctionProto). */
export interface FunctionDef {
  readonly domain: string;
  readonly name: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attribute names without a default. */
  readonly attributes: readonly string[];
  /** Attributes with a default. */
  readonly attributeDefaults: readonly Attribute[];
  readonly nodes: readonly Node[];
  readonly opsetImports: readonly OpsetImport[];
  readonly origin?: Origin;
}

export interface Model {
  readonly irVersion: number;
  readonly opsetImports: readonly OpsetImport[];
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: Graph;
  readonly functions: readonly FunctionDef[];
  readonly metadata: readonly { readonly key: string; readonly value: string; readonly origin?: Origin }[];
  readonly origin?: Origin;
}
