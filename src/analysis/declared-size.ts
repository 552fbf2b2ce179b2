import { add, divide, multiply, type Size, subtract } from './size.ts';

/**
 * The size a declared dimension name stands for: exporters write expressions such as
 * `past_sequence_length + sequence_length` or `floor(height/16)`; what cannot be read is one symbol, whose name looks like no expression.
 */
export function declaredSize(text: string, symbolOf: (name: string) => Size): Size {
  const tokens = text.match(/[A-Za-z_][\w.:#]*|\d+|\/\/|[-+*/()]/g);
  const name = text.replaceAll(/[\\·(),+*]/g, (sign) => `\\${sign.charCodeAt(0)}`);
  if (tokens === null || tokens.join('') !== text.replaceAll(/\s/g, '')) return symbolOf(name);
  let next = 0;
  const size = sum();
  return size === undefined || next !== tokens.length ? symbolOf(name) : size;

  function sum(): Size | undefined {
    let left = term();
    while (left !== undefined && (tokens?.[next] === '+' || tokens?.[next] === '-')) {
      const operation = tokens[next++] === '+' ? add : subtract;
      const right = term();
      left = right === undefined ? undefined : operation(left, right);
    }
    return left;
  }

  function term(): Size | undefined {
    let left = factor();
    while (left !== undefined && (tokens?.[next] === '*' || tokens?.[next] === '/' || tokens?.[next] === '//')) {
      const operation = tokens[next++] === '*' ? multiply : divide;
      const right = factor();
      left = right === undefined ? undefined : operation(left, right);
    }
    return left;
  }

  function factor(): Size | undefined {
    const token = tokens?.[next++];
    if (token === undefined) return undefined;
    if (token === '(') {
      const inner = sum();
      return tokens?.[next++] === ')' ? inner : undefined;
    }
    if (/^\d+$/.test(token)) return Number(token);
    return /^\w/.test(token) && tokens?.[next] !== '(' ? symbolOf(token) : undefined;
  }
}
