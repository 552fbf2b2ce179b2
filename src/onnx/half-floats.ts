/** Conversions between numbers and the bit patterns of the 16-bit float types. */

const scratch = new DataView(new ArrayBuffer(8));

/** The number that the 16 bits of an IEEE 754 half mean. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the half nearest to a number, ties to even; too large is infinite. Rounded once, from float64. */
export function numberToFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14 halves are multiples of 2^-24; above, of 2^(exponent − 10). Scaling by a power of two is exact.
  const exponent = size < 2 ** -14 ? -14 : exponentOf(size);
  const steps = roundToEven(size * 2 ** (10 - exponent));
  // A carry out of the fraction adds one to the exponent, which is just what the bit pattern does.
  return sign | (size < 2 ** -14 ? steps : ((exponent + 15) << 10) + (steps - 1024));
}

/** The number that the 16 bits of a bfloat16 mean. */
export function bfloat16ToNumber(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

/** The bits of the bfloat16 nearest to a number, ties to even; too large is infinite. Rounded once, from float64. */
export function numberToBfloat16(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === Infinity) return sign | 0x7f80;
  const exponent = size < 2 ** -126 ? -126 : exponentOf(size);
  if (exponent > 127) return sign | 0x7f80;
  const steps = roundToEven(size * 2 ** (7 - exponent));
  return sign | (size < 2 ** -126 ? steps : ((exponent + 127) << 7) + (steps - 128));
}

/** Floor of the binary logarithm of a normal float64, from its bits. */
function exponentOf(size: number): number {
  scratch.setFloat64(0, size);
  return ((scratch.getUint16(0) >> 4) & 0x7ff) - 1023;
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
