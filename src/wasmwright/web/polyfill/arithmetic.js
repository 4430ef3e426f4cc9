// Arithmetic of i32, f32 and f64 that JavaScript has no operator for. Translated code calls these by name.
import { trap } from "./errors.js";

export function ctz(x) {
  return x === 0 ? 32 : 31 - Math.clz32(x & -x);
}

export function popcnt(x) {
  x -= (x >>> 1) & 0x55555555;
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function rotl(x, count) {
  return (x << count) | (x >>> -count);
}

export function divS(a, b) {
  if (b === 0) throw trap("integer divide by zero");
  if (b === -1 && a === -2147483648) throw trap("integer overflow");
  return (a / b) | 0;
}

export function divU(a, b) {
  if (b === 0) throw trap("integer divide by zero");
  return ((a >>> 0) / (b >>> 0)) | 0;
}

export function remS(a, b) {
  if (b === 0) throw trap("integer divide by zero");
  return (a % b) | 0;
}

export function remU(a, b) {
  if (b === 0) throw trap("integer divide by zero");
  return ((a >>> 0) % (b >>> 0)) | 0;
}

/** The trap of a conversion whose result has no place in its type. */
export function notConvertible(x) {
  return trap(x === x ? "integer overflow" : "invalid conversion to integer");
}

export function truncS(x) {
  if (x > -2147483649 && x < 2147483648) return x | 0;
  throw notConvertible(x);
}

export function truncU(x) {
  if (x > -1 && x < 4294967296) return (x >>> 0) | 0;
  throw notConvertible(x);
}

export function truncSatS(x) {
  if (x > -2147483649 && x < 2147483648) return x | 0;
  return x > 0 ? 2147483647 : x < 0 ? -2147483648 : 0;
}

export function truncSatU(x) {
  if (x > -1 && x < 4294967296) return (x >>> 0) | 0;
  return x > 0 ? -1 : 0;
}

/** To the nearest integer, ties to the even one; the sign of zero stays. */
export function nearest(x) {
  if (!(Math.abs(x) < 4503599627370496)) return x;
  // Adding 2 ** 52 leaves no place for a fraction, and rounds as it should.
  const rounded = x > 0 ? x + 4503599627370496 - 4503599627370496 : x - 4503599627370496 + 4503599627370496;
  return rounded === 0 ? x * 0 : rounded;
}

const scratch = new ArrayBuffer(8);
const scratchI32 = new Int32Array(scratch);
const scratchF32 = new Float32Array(scratch);
const scratchF64 = new Float64Array(scratch);
export const littleEndian = new Uint8Array(new Int32Array([1]).buffer)[0] === 1;
/** Where the low and the high half of a double are. */
const LOW = littleEndian ? 0 : 1;
const HIGH = 1 - LOW;

export function copysign(x, y) {
  scratchF64[0] = y;
  return scratchI32[HIGH] < 0 ? -Math.abs(x) : Math.abs(x);
}

export function bitsOfFloat(x) {
  scratchF32[0] = x;
  return scratchI32[0];
}

export function floatOfBits(bits) {
  scratchI32[0] = bits;
  return scratchF32[0];
}

/** The bits of a double: the low half, with the high half for the caller to fetch. */
export function lowOfDouble(x) {
  scratchF64[0] = x;
  return scratchI32[LOW];
}

/** The high half of the double that `lowOfDouble` was last given. */
export function highOfDouble() {
  return scratchI32[HIGH];
}

export function doubleOfBits(low, high) {
  scratchI32[LOW] = low;
  scratchI32[HIGH] = high;
  return scratchF64[0];
}
