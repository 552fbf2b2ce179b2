/** Code that documents quote is the code that is there. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();
const quotes = [...readFileSync('docs/operators.md', 'utf8').matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, file = '', code = '']) => ({ file, code }));

describe('docs/operators.md', () => {
  it('quotes code', () => {
    expect(quotes.length).toBeGreaterThan(4);
  });

  it.each(quotes)('quotes $file as it is: $code', ({ file, code }) => {
    expect(flat(readFileSync(file, 'utf8'))).toContain(flat(code));
  });
});
