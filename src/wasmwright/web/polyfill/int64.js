// Arithmetic of i64 as two i32. A result's low half is returned, its high half is left in `high`.
import { divU, highOfDouble, lowOfDouble, notConvertible, remU } from "./arithmetic.js";
import { trap } from "./errors.js";

/** The high half of the last i64 that was returned. */
export let high = 0;

/** Sets `high`, for code that stands in another scope. */
export function setHigh(value) {
  high = value;
}

/** Sets `high`; gives the low half. */
function pair(low, upper) {
  high = upper;
  return low;
}

/**
 * The upper 32 bits of the product of two unsigned words. The product as a double, less its low half, is
 * a multiple of 2 ** 32 but for an error below 2 ** 12: to divide and round is exact.
 */
export function mulHigh(a, b) {
  return (((a >>> 0) * (b >>> 0) - (Math.imul(a, b) >>> 0)) / 4294967296 + 0.5) | 0;
}

export function rotl64(low, upper, count) {
  count &= 63;
  if (count & 32) {
    const other = low;
    low = upper;
    upper = other;
    count &= 31;
  }
  if (count === 0) {
    high = upper;
    return low;
  }
  high = (upper << count) | (low >>> (32 - count));
  return (low << count) | (upper >>> (32 - count));
}

export function rotr64(low, upper, count) {
  return rotl64(low, upper, -count);
}

// Division. A quotient is returned with its high half in `high`; the remainder is left beside it.
let remainderLow = 0;
let remainderHigh = 0;

/** Divides unsigned numbers; the divisor is not zero. */
function divide(low, upper, divisorLow, divisorHigh) {
  if (divisorHigh === 0) return divideByWord(low, upper, divisorLow >>> 0);
  // From 2 ** 63 on the quotient is 0 or 1. Below, it has less than 32 bits, so that the estimate is
  // off by one at most.
  let quotient = 0;
  if (divisorHigh > 0) {
    const a = (upper >>> 0) * 4294967296 + (low >>> 0);
    const b = divisorHigh * 4294967296 + (divisorLow >>> 0);
    quotient = Math.floor(a / b);
  }
  // The remainder, modulo 2 ** 64: it is not far below 0 or above the divisor.
  const multipleLow = Math.imul(quotient | 0, divisorLow);
  const multipleHigh = mulHigh(quotient | 0, divisorLow) + Math.imul(quotient | 0, divisorHigh) | 0;
  remainderLow = low - multipleLow | 0;
  remainderHigh = upper - multipleHigh - (low >>> 0 < multipleLow >>> 0 ? 1 : 0) | 0;
  if (quotient > 0 && remainderHigh >>> 30 === 3) {
    quotient--;
    remainderLow = remainderLow + divisorLow | 0;
    remainderHigh = remainderHigh + divisorHigh + (remainderLow >>> 0 < divisorLow >>> 0 ? 1 : 0) | 0;
  } else if (!below(remainderLow, remainderHigh, divisorLow, divisorHigh)) {
    quotient++;
    remainderHigh = remainderHigh - divisorHigh - (remainderLow >>> 0 < divisorLow >>> 0 ? 1 : 0) | 0;
    remainderLow = remainderLow - divisorLow | 0;
  }
  high = 0;
  return quotient | 0;
}

/** Divides by a number of 32 bits: digit by digit, each step exact in doubles. */
function divideByWord(low, upper, divisor) {
  const word = upper >>> 0;
  remainderHigh = 0;
  if (word < 0x200000) {
    // The dividend is a number that a double holds.
    const dividend = word * 4294967296 + (low >>> 0);
    const whole = Math.floor(dividend / divisor);
    remainderLow = (dividend - whole * divisor) | 0;
    high = (whole / 4294967296) | 0;
    return whole | 0;
  }
  const first = (word / divisor) >>> 0;
  let rest = word - first * divisor;
  if (divisor < 0x40000000) {
    // The estimate is off by one at most, and so the remainder by one divisor: 32 bits tell which.
    let quotient = Math.floor((rest * 4294967296 + (low >>> 0)) / divisor);
    let remainder = (low - Math.imul(quotient | 0, divisor)) | 0;
    if (remainder < 0) {
      remainder += divisor;
      quotient--;
    } else if (remainder >= divisor) {
      remainder -= divisor;
      quotient++;
    }
    remainderLow = remainder;
    high = first | 0;
    return quotient | 0;
  }
  rest = rest * 65536 + (low >>> 16);
  const second = Math.floor(rest / divisor);
  rest = (rest - second * divisor) * 65536 + (low & 0xffff);
  const third = Math.floor(rest / divisor);
  remainderLow = (rest - third * divisor) | 0;
  high = first | 0;
  return ((second << 16) + third) | 0;
}

function below(low, upper, otherLow, otherHigh) {
  return upper >>> 0 < otherHigh >>> 0 || (upper === otherHigh && low >>> 0 < otherLow >>> 0);
}

export function divU64(low, upper, divisorLow, divisorHigh) {
  if ((upper | divisorHigh) === 0) {
    high = 0;
    return divU(low, divisorLow);
  }
  if ((divisorLow | divisorHigh) === 0) throw trap("integer divide by zero");
  return divide(low, upper, divisorLow, divisorHigh);
}

export function remU64(low, upper, divisorLow, divisorHigh) {
  if ((upper | divisorHigh) === 0) {
    high = 0;
    return remU(low, divisorLow);
  }
  if ((divisorLow | divisorHigh) === 0) throw trap("integer divide by zero");
  divide(low, upper, divisorLow, divisorHigh);
  high = remainderHigh;
  return remainderLow;
}

/** Minus a number. */
function negate(low, upper) {
  high = low === 0 ? -upper | 0 : ~upper;
  return -low | 0;
}

/** Divides the absolute values of signed numbers. */
function divideSigned(low, upper, divisorLow, divisorHigh) {
  if (upper < 0) {
    low = negate(low, upper);
    upper = high;
  }
  if (divisorHigh < 0) {
    divisorLow = negate(divisorLow, divisorHigh);
    divisorHigh = high;
  }
  return divide(low, upper, divisorLow, divisorHigh);
}

export function divS64(low, upper, divisorLow, divisorHigh) {
  if ((upper | divisorHigh) === 0) {
    high = 0;
    return divU(low, divisorLow);
  }
  if ((divisorLow | divisorHigh) === 0) throw trap("integer divide by zero");
  if ((divisorLow & divisorHigh) === -1 && low === 0 && upper === -2147483648) throw trap("integer overflow");
  const quotient = divideSigned(low, upper, divisorLow, divisorHigh);
  return (upper ^ divisorHigh) < 0 ? negate(quotient, high) : quotient;
}

export function remS64(low, upper, divisorLow, divisorHigh) {
  if ((upper | divisorHigh) === 0) {
    high = 0;
    return remU(low, divisorLow);
  }
  if ((divisorLow | divisorHigh) === 0) throw trap("integer divide by zero");
  divideSigned(low, upper, divisorLow, divisorHigh);
  if (upper < 0) return negate(remainderLow, remainderHigh);
  high = remainderHigh;
  return remainderLow;
}

// Conversions

/** The halves of an integral double of less than 64 bits. */
function halves(x) {
  const upper = Math.floor(x / 4294967296);
  high = upper | 0;
  return (x - upper * 4294967296) | 0;
}

export function truncS64(x) {
  if (x >= -9223372036854775808 && x < 9223372036854775808) return halves(Math.trunc(x));
  throw notConvertible(x);
}

export function truncU64(x) {
  if (x > -1 && x < 18446744073709551616) return halves(Math.trunc(x));
  throw notConvertible(x);
}

export function truncSatS64(x) {
  if (x >= -9223372036854775808 && x < 9223372036854775808) return halves(Math.trunc(x));
  if (x > 0) return pair(-1, 2147483647);
  return x < 0 ? pair(0, -2147483648) : pair(0, 0);
}

export function truncSatU64(x) {
  if (x > -1 && x < 18446744073709551616) return halves(Math.trunc(x));
  return x > 0 ? pair(-1, -1) : pair(0, 0);
}

/**
 * An i64 as the nearest f32. A double would round first; where the number has more bits than it
 * holds, the last of them are replaced by one that says whether any was set.
 */
function toFloat(low, upper, word) {
  if (upper >= 0x200000 || upper < -0x200000) {
    if ((low & 0xfff) !== 0) low = (low & ~0xfff) | 0x800;
  }
  return Math.fround(word * 4294967296 + (low >>> 0));
}

export function convertS64(low, upper) {
  return toFloat(low, upper, upper);
}

export function convertU64(low, upper) {
  return toFloat(low, upper < 0 ? 0x200000 : upper, upper >>> 0);
}

export function bitsOfDouble(x) {
  const low = lowOfDouble(x);
  high = highOfDouble();
  return low;
}

// The JavaScript side of an i64 is a BigInt.

/** The BigInt of an i64. */
export function toBigInt(low, upper) {
  return (BigInt(upper) << 32n) | BigInt(low >>> 0);
}

/** The i64 of what JavaScript gives for one: ToBigInt64. */
export function fromBigInt(value) {
  const number = BigInt.asIntN(64, value);
  high = Number(number >> 32n);
  return Number(BigInt.asIntN(32, number));
}
