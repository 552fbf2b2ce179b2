/** Pairs of graphs in which a dimension between two products grows from 3 to 5; the weights are those of rule-pairs.ts. */
import type { PairCase, Verdict } from './rule-pairs.ts';

export const H = 'MatMul(x, w4x3) -> h';
export const OUT = 'MatMul(c, w3x2) -> y';
/** What is behind reads new elements too. */
export const ROWS = 'MatMul(c, w5x2g) -> y';

/** Old lines that make `c` of `h`, and new ones; what is behind is zero at new elements. */
export const after = (verdict: Verdict, old: string, now = old, opset?: number): PairCase => [
  verdict,
  `${H};${old};${OUT}`,
  `MatMul(x, w4x5g) -> h;${now};MatMul(c, w5x2gz) -> y`,
  opset,
];

/** The same, where only what comes before is zero there. */
export const before = (verdict: Verdict, old: string, now = old, opset?: number): PairCase => [
  verdict,
  `${H};${old};${OUT}`,
  `MatMul(x, w4x5gz) -> h;${now};${ROWS}`,
  opset,
];

/** The same lines on both sides. */
export const itself = (lines: string, opset?: number): PairCase => ['proved', lines, lines, opset];

/** Old lines and new ones behind the same first lines. */
export const behind = (first: string, verdict: Verdict, old: string, now: string): PairCase => [verdict, `${first};${old}`, `${first};${now}`];
