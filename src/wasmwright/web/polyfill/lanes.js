// Arithmetic of v128 that is done lane by lane, on typed arrays of the three vectors `A`, `B` and `R`.
//
// `VECTOR` has a function for each instruction, by slot. It takes the words of its operands, a number
// where the instruction takes one, and leaves the result's words in `OUT`, or returns an i32. Common
// instructions on lanes of 32 bits are expressions instead; see vector.js.
import { nearest, popcnt, truncSatS, truncSatU } from "./arithmetic.js";
import { SLOT_OF } from "./instructions.js";

/** The lanes of 16 bytes, by type. They are little-endian where the engine is; all known ones are. */
function lanesOf(buffer) {
  return {
    i8: new Int8Array(buffer),
    u8: new Uint8Array(buffer),
    i16: new Int16Array(buffer),
    u16: new Uint16Array(buffer),
    i32: new Int32Array(buffer),
    u32: new Uint32Array(buffer),
    i64: new BigInt64Array(buffer),
    u64: new BigUint64Array(buffer),
    f32: new Float32Array(buffer),
    f64: new Float64Array(buffer),
  };
}
const A = lanesOf(new ArrayBuffer(16));
const B = lanesOf(new ArrayBuffer(16));
const R = lanesOf(new ArrayBuffer(16));

/** The words of the last vector that was a result. */
export const OUT = R.i32;
/** What instructions do, by slot. */
export const VECTOR = [];

function setA(a0, a1, a2, a3) {
  A.i32[0] = a0;
  A.i32[1] = a1;
  A.i32[2] = a2;
  A.i32[3] = a3;
}
function setB(b0, b1, b2, b3) {
  B.i32[0] = b0;
  B.i32[1] = b1;
  B.i32[2] = b2;
  B.i32[3] = b3;
}

function define(name, implementation) {
  VECTOR[SLOT_OF[name]] = implementation;
}

/** An instruction on one vector; `work` finds it in A. */
function unary(name, work) {
  define(name, (a0, a1, a2, a3) => {
    setA(a0, a1, a2, a3);
    return work();
  });
}

/** An instruction on two vectors; `work` finds them in A and B. */
function binary(name, work) {
  define(name, (a0, a1, a2, a3, b0, b1, b2, b3) => {
    setA(a0, a1, a2, a3);
    setB(b0, b1, b2, b3);
    work();
  });
}

/** Each lane of `to` from the lane of `from` in the same place. */
function eachUnary(name, from, to, f) {
  const a = A[from];
  const r = R[to];
  unary(name, () => {
    for (let i = 0; i < r.length; i++) r[i] = f(a[i]);
  });
}
function eachBinary(name, from, to, f) {
  const a = A[from];
  const b = B[from];
  const r = R[to];
  binary(name, () => {
    for (let i = 0; i < r.length; i++) r[i] = f(a[i], b[i]);
  });
}

const clamp = (low, high) => (x) => (x < low ? low : x > high ? high : x);
const CLAMPS = { i8: clamp(-128, 127), u8: clamp(0, 255), i16: clamp(-32768, 32767), u16: clamp(0, 65535) };
const smaller = (a, b) => (a < b ? a : b);
const larger = (a, b) => (a > b ? a : b);

const COMPARISONS = {
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  gt: (a, b) => a > b,
  le: (a, b) => a <= b,
  ge: (a, b) => a >= b,
};

// Integers

for (const [shape, bits] of [["i8x16", 8], ["i16x8", 16], ["i32x4", 32], ["i64x2", 64]]) {
  const signed = `i${bits}`;
  const unsigned = `u${bits}`;
  const [no, yes] = bits === 64 ? [0n, -1n] : [0, -1];
  eachUnary(`${shape}.abs`, signed, signed, (x) => (x < 0 ? -x : x));
  eachUnary(`${shape}.neg`, signed, signed, (x) => -x);
  eachBinary(`${shape}.add`, signed, signed, (a, b) => a + b);
  eachBinary(`${shape}.sub`, signed, signed, (a, b) => a - b);
  if (bits !== 8) eachBinary(`${shape}.mul`, signed, signed, bits === 64 ? (a, b) => a * b : Math.imul);
  for (const name of Object.keys(COMPARISONS)) {
    const test = COMPARISONS[name];
    const compare = (a, b) => (test(a, b) ? yes : no);
    if (name === "eq" || name === "ne") {
      eachBinary(`${shape}.${name}`, signed, signed, compare);
    } else {
      eachBinary(`${shape}.${name}_s`, signed, signed, compare);
      if (bits !== 64) eachBinary(`${shape}.${name}_u`, unsigned, signed, compare);
    }
  }
  if (bits !== 64) {
    eachBinary(`${shape}.min_s`, signed, signed, smaller);
    eachBinary(`${shape}.min_u`, unsigned, unsigned, smaller);
    eachBinary(`${shape}.max_s`, signed, signed, larger);
    eachBinary(`${shape}.max_u`, unsigned, unsigned, larger);
  }
  if (bits < 32) {
    for (const [sign, lane] of [["s", signed], ["u", unsigned]]) {
      const saturate = CLAMPS[lane];
      eachBinary(`${shape}.add_sat_${sign}`, lane, lane, (a, b) => saturate(a + b));
      eachBinary(`${shape}.sub_sat_${sign}`, lane, lane, (a, b) => saturate(a - b));
    }
    eachBinary(`${shape}.avgr_u`, unsigned, unsigned, (a, b) => (a + b + 1) >>> 1);
  }
  // A shift takes a number, modulo the width.
  for (const [name, lane, wide, narrow] of [
    ["shl", signed, (x, n) => x << n, (x, n) => x << n],
    ["shr_s", signed, (x, n) => x >> n, (x, n) => x >> n],
    ["shr_u", unsigned, (x, n) => x >> n, (x, n) => x >>> n],
  ]) {
    const shift = bits === 64 ? wide : narrow;
    define(`${shape}.${name}`, (a0, a1, a2, a3, count) => {
      setA(a0, a1, a2, a3);
      const by = bits === 64 ? BigInt(count & 63) : count & (bits - 1);
      for (let i = 0; i < R[lane].length; i++) R[lane][i] = shift(A[lane][i], by);
    });
  }
  const lanes = A[signed];
  unary(`${shape}.all_true`, () => (lanes.every((lane) => lane !== no) ? 1 : 0));
  unary(`${shape}.bitmask`, () => lanes.reduce((mask, lane, index) => mask | (lane < 0 ? 1 << index : 0), 0));
}
eachUnary("i8x16.popcnt", "u8", "u8", popcnt);
eachBinary("i16x8.q15mulr_sat_s", "i16", "i16", (a, b) => CLAMPS.i16((a * b + 0x4000) >> 15));

// Between widths

for (const [shape, half, lane, halfLane] of [["i16x8", "i8x16", 16, 8], ["i32x4", "i16x8", 32, 16], ["i64x2", "i32x4", 64, 32]]) {
  const to = R[`i${lane}`];
  const convert = lane === 64 ? BigInt : (x) => x;
  for (const sign of ["s", "u"]) {
    const from = (sign === "s" ? "i" : "u") + halfLane;
    for (const [part, start] of [["low", 0], ["high", to.length]]) {
      unary(`${shape}.extend_${part}_${half}_${sign}`, () => {
        for (let i = 0; i < to.length; i++) to[i] = convert(A[from][start + i]);
      });
      binary(`${shape}.extmul_${part}_${half}_${sign}`, () => {
        for (let i = 0; i < to.length; i++) {
          const [a, b] = [A[from][start + i], B[from][start + i]];
          to[i] = lane === 64 ? BigInt(a) * BigInt(b) : Math.imul(a, b);
        }
      });
    }
    if (lane === 64) continue;
    unary(`${shape}.extadd_pairwise_${half}_${sign}`, () => {
      for (let i = 0; i < to.length; i++) to[i] = A[from][2 * i] + A[from][2 * i + 1];
    });
    // Lanes of twice the width, of both vectors, as lanes that saturate.
    const narrow = (sign === "s" ? "i" : "u") + halfLane;
    const saturate = CLAMPS[narrow];
    binary(`${half}.narrow_${shape}_${sign}`, () => {
      const count = to.length;
      for (let i = 0; i < count; i++) {
        R[narrow][i] = saturate(A[`i${lane}`][i]);
        R[narrow][count + i] = saturate(B[`i${lane}`][i]);
      }
    });
  }
}
binary("i32x4.dot_i16x8_s", () => {
  for (let i = 0; i < 4; i++) OUT[i] = A.i16[2 * i] * B.i16[2 * i] + A.i16[2 * i + 1] * B.i16[2 * i + 1];
});

// Bytes by index

binary("i8x16.swizzle", () => {
  for (let i = 0; i < 16; i++) R.u8[i] = B.u8[i] < 16 ? A.u8[B.u8[i]] : 0;
});
const LANES = new Uint8Array(16);
const laneWords = new Int32Array(LANES.buffer);
/** The lanes come as the words of a vector, behind the two vectors. */
define("i8x16.shuffle", (a0, a1, a2, a3, b0, b1, b2, b3, l0, l1, l2, l3) => {
  setA(a0, a1, a2, a3);
  setB(b0, b1, b2, b3);
  laneWords[0] = l0;
  laneWords[1] = l1;
  laneWords[2] = l2;
  laneWords[3] = l3;
  for (let i = 0; i < 16; i++) R.u8[i] = LANES[i] < 16 ? A.u8[LANES[i]] : B.u8[LANES[i] - 16];
});

// Floats. What only chooses or changes signs works on bits: see also vector.js.

/** A function of a number whose NaN is always a quiet one. */
const quiet = (f) => (x) => (x === x ? f(x) : NaN);
const ROUNDINGS = {
  ceil: quiet(Math.ceil),
  floor: quiet(Math.floor),
  trunc: quiet(Math.trunc),
  nearest: quiet(nearest),
  sqrt: quiet(Math.sqrt),
};
const FLOAT_OPERATIONS = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};
for (const [shape, lane, bits] of [["f32x4", "f32", "i32"], ["f64x2", "f64", "i64"]]) {
  for (const name of Object.keys(ROUNDINGS)) eachUnary(`${shape}.${name}`, lane, lane, ROUNDINGS[name]);
  for (const name of Object.keys(FLOAT_OPERATIONS)) eachBinary(`${shape}.${name}`, lane, lane, FLOAT_OPERATIONS[name]);
  const [no, yes] = bits === "i64" ? [0n, -1n] : [0, -1];
  for (const name of Object.keys(COMPARISONS)) {
    const test = COMPARISONS[name];
    eachBinary(`${shape}.${name}`, lane, bits, (a, b) => (test(a, b) ? yes : no));
  }
  for (const [name, isSecond] of [["pmin", (a, b) => b < a], ["pmax", (a, b) => a < b]]) {
    binary(`${shape}.${name}`, () => {
      for (let i = 0; i < R[bits].length; i++) {
        R[bits][i] = (isSecond(A[lane][i], B[lane][i]) ? B : A)[bits][i];
      }
    });
  }
}

// Conversions

for (const [sign, truncate, lane] of [["s", truncSatS, "i32"], ["u", truncSatU, "u32"]]) {
  eachUnary(`i32x4.trunc_sat_f32x4_${sign}`, "f32", "i32", truncate);
  eachUnary(`f32x4.convert_i32x4_${sign}`, lane, "f32", (x) => x);
  unary(`i32x4.trunc_sat_f64x2_${sign}_zero`, () => {
    for (let i = 0; i < 4; i++) OUT[i] = i < 2 ? truncate(A.f64[i]) : 0;
  });
  unary(`f64x2.convert_low_i32x4_${sign}`, () => {
    for (let i = 0; i < 2; i++) R.f64[i] = A[lane][i];
  });
}
unary("f32x4.demote_f64x2_zero", () => {
  for (let i = 0; i < 4; i++) R.f32[i] = i < 2 ? A.f64[i] : 0;
});
unary("f64x2.promote_low_f32x4", () => {
  for (let i = 0; i < 2; i++) R.f64[i] = A.f32[i];
});
