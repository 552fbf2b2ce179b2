/**
 * UTF-8 in both directions without loss: a byte that is no valid UTF-8 becomes the lone surrogate U+DC00 + byte, as in
 * Python's "surrogateescape", so that different names in a file stay different names here and are written back as they were.
 */

const REPLACEMENT = '\ufffd';
const LONE_SURROGATE = /\p{Surrogate}/u;
const encoder = new TextEncoder();

/** The text of UTF-8 bytes; invalid bytes become lone surrogates U+DC80 to U+DCFF. */
export function decodeText(bytes: Uint8Array): string {
  const text = asBuffer(bytes).toString('utf8');
  return text.includes(REPLACEMENT) ? decodeCarefully(bytes) : text;
}

/** The bytes of a text: the inverse of decodeText. Other lone surrogates become U+FFFD, which is what they mean. */
export function encodeText(text: string): Uint8Array {
  return LONE_SURROGATE.test(text) ? encodeCarefully(text) : encoder.encode(text);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function decodeCarefully(bytes: Uint8Array): string {
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    if (length === 0) parts.push(String.fromCharCode(0xdc00 + (bytes[at] ?? 0)));
    else parts.push(asBuffer(bytes.subarray(at, at + length)).toString('utf8'));
    at += Math.max(length, 1);
  }
  return parts.join('');
}

/** Bytes of the valid UTF-8 sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const text = asBuffer(bytes.subarray(at, at + length)).toString('utf8');
  const again = encoder.encode(text);
  return again.length === length && again.every((byte, index) => byte === bytes[at + index]) ? length : 0;
}

function encodeCarefully(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character.length === 1 && code >= 0xdc80 && code <= 0xdcff) parts.push(Uint8Array.of(code - 0xdc00));
    else parts.push(encoder.encode(character));
  }
  return Buffer.concat(parts);
}
