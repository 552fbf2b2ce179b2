/** Random choices, and what is chosen where a file shall be hostile. */
import type { Graph } from '../../../src/onnx/ir.ts';

/** Numbers from 0 to 1. */
export type Random = () => number;

/** A generator that is a function of its seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 to `count` − 1. */
export const below = (random: Random, count: number): number => Math.floor(random() * count);
/** One of a list. */
export const pick = <T>(random: Random, list: readonly T[]): T | undefined => list[below(random, list.length)];

/** Names that mean something to a terminal, a file system or JavaScript. */
export const NAMES = ['__proto__', 'constructor', 'toString', '', '\u001b[2J\u0007', '../../etc/passwd', 'a\nb', 'x'.repeat(5000), '\u001f', 'If_0.then'];
/** Sizes, bounds, axes and counts at the ends of what can be counted. */
export const SIZES = [0, -1, 1, 2, 2 ** 31 - 1, 2 ** 31, 2 ** 40, 2 ** 53 - 1, -(2 ** 31), 7];
export const OPERATORS = [
  'MatMul',
  'Reshape',
  'Softmax',
  'Concat',
  'Slice',
  'Gather',
  'If',
  'Loop',
  'Split',
  'Einsum',
  'Transpose',
  'Constant',
  'Conv',
  'Expand',
  'Attention',
  'Add',
  'Pow',
  'Range',
  'ConstantOfShape',
  'TopK',
  'LayerNormalization',
  'Cast',
  'Tile',
  'Gemm',
  'NoSuch',
];
export const DOMAINS = ['', 'com.microsoft', 'ai.onnx', '__proto__', 'local'];

/** Names of all values of a graph. */
export const valueNames = (graph: Graph): readonly string[] => [
  ...graph.inputs.map((own) => own.name),
  ...graph.initializers.map((own) => own.name),
  ...graph.nodes.flatMap((node) => node.outputs),
];

/** One change somewhere in a list. */
export const changeOne = <T>(random: Random, list: readonly T[], change: (item: T) => T): readonly T[] => {
  const at = below(random, list.length);
  return list.map((item, i) => (i === at ? change(item) : item));
};
