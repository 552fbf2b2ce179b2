import type { DeclaredDim } from '../onnx/ir.ts';

/** A declared size: a sum of products of symbols and numbers, as exporters write `past_sequence_length + sequence_length`. */
export type SizeExpression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'binary'; readonly operator: '+' | '-' | '*' | '//'; readonly left: SizeExpression; readonly right: SizeExpression };

/**
 * Reads a declared size. A text that is no expression is one opaque symbol; `anonymous` names a size the file leaves open.
 * A minus needs spaces around it, since names such as `batch-size` are common.
 */
export function parseSize(dim: DeclaredDim, anonymous: string): SizeExpression {
  if (typeof dim === 'number') return { kind: 'number', value: dim };
  if (dim === null || dim === '') return { kind: 'symbol', name: anonymous };
  const tokens = dim.match(/\s-\s|\/\/|[+*()]|[^\s+*()/]+/g)?.map((token) => token.trim()) ?? [];
  const state = { tokens, at: 0 };
  const parsed = parseSum(state);
  return parsed !== null && state.at === tokens.length ? parsed : { kind: 'symbol', name: dim };
}

interface Cursor {
  readonly tokens: readonly string[];
  at: number;
}

const parseSum = (state: Cursor): SizeExpression | null => parseChain(state, ['+', '-'], parseProduct);
const parseProduct = (state: Cursor): SizeExpression | null => parseChain(state, ['*', '//'], parseFactor);

function parseChain(state: Cursor, operators: readonly ('+' | '-' | '*' | '//')[], operand: (state: Cursor) => SizeExpression | null): SizeExpression | null {
  let left = operand(state);
  while (left !== null) {
    const operator = operators.find((candidate) => candidate === state.tokens[state.at]);
    if (operator === undefined) return left;
    state.at++;
    const right = operand(state);
    if (right === null) return null;
    left = { kind: 'binary', operator, left, right };
  }
  return null;
}

function parseFactor(state: Cursor): SizeExpression | null {
  const token = state.tokens[state.at++];
  if (token === undefined) return null;
  if (token === '(') {
    const inner = parseSum(state);
    return state.tokens[state.at++] === ')' ? inner : null;
  }
  if (/^\d+$/.test(token)) return { kind: 'number', value: Number(token) };
  return /^[^\d+*()/-]/.test(token) ? { kind: 'symbol', name: token } : null;
}

/** The size under an assignment of symbols; null when a symbol is not assigned or the size is negative. */
export function evaluateSize(expression: SizeExpression, sizes: ReadonlyMap<string, number>): number | null {
  const value = evaluate(expression, sizes);
  return value !== null && Number.isInteger(value) && value >= 0 ? value : null;
}

function evaluate(expression: SizeExpression, sizes: ReadonlyMap<string, number>): number | null {
  if (expression.kind === 'number') return expression.value;
  if (expression.kind === 'symbol') return sizes.get(expression.name) ?? null;
  const left = evaluate(expression.left, sizes);
  const right = evaluate(expression.right, sizes);
  if (left === null || right === null) return null;
  switch (expression.operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '//':
      return Math.floor(left / right);
  }
}

/** The symbols an expression reads. */
export function symbolsOf(expression: SizeExpression): readonly string[] {
  if (expression.kind === 'number') return [];
  if (expression.kind === 'symbol') return [expression.name];
  return [...symbolsOf(expression.left), ...symbolsOf(expression.right)];
}
