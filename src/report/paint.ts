/** Colours of a text, or none. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

const ansi =
  (start: number, end: number) =>
  (text: string): string =>
    `\u001b[${start}m${text}\u001b[${end}m`;
const same = (text: string): string => text;

/** Colours for a terminal that shows them. */
export const COLOURS: Paint = { bold: ansi(1, 22), dim: ansi(2, 22), good: ansi(32, 39), bad: ansi(31, 39) };

/** No colours. */
export const PLAIN: Paint = { bold: same, dim: same, good: same, bad: same };
