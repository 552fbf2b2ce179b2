// What could drive a terminal, hide, or turn a line around: controls, separators, directions, lone surrogates.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]/gu;
const BEYOND_ASCII = /[\u007f-\uffff]/g;

/** Text from a file with everything escaped that could do more on a terminal than stand there. One line. */
export const printable = (text: string): string => text.replaceAll(UNSAFE, escapeCode);

/** One JSON document in ASCII, so that no terminal and no encoding can make anything else of it. */
export const asJson = (value: unknown): string => `${JSON.stringify(value, null, 2).replaceAll(BEYOND_ASCII, escapeUnit)}\n`;

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

const escapeCode = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : escapeUnit(character);
};
