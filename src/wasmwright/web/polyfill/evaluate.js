// Where generated source is evaluated: in the scope of everything that it names.
import { bitsOfFloat, copysign, ctz, divS, divU, doubleOfBits, floatOfBits, nearest, popcnt, remS, remU, rotl, truncS, truncSatS, truncSatU, truncU } from "./arithmetic.js";
import { DROPPED_DATA, DROPPED_ELEMENTS, memoryCopy, memoryFill, memoryInit, noByte, tableCopy, tableFill, tableGet, tableSet } from "./bulk.js";
import { callee, codeOf, nonNull, referred, referredFunc, tailCall, tailCaller, target } from "./calls.js";
import { fromReference, toReference } from "./convert.js";
import { CompileError, fault, hostError, trap } from "./errors.js";
import { caught, raise, rethrow } from "./exceptions.js";
import { exportedFunction, listOf } from "./exported.js";
import { OUT, VECTOR } from "./lanes.js";
import { setHigh } from "./int64.js";
import { bitsOfDouble, convertS64, convertU64, divS64, divU64, fromBigInt, high, remS64, remU64, rotl64, rotr64, toBigInt, truncS64, truncSatS64, truncSatU64, truncU64 } from "./int64.js";

/** The value of an expression. Its scope is strict, so that it declares nothing here. */
export function evaluate(source) {
  try {
    return eval(source);
  } catch (error) {
    if (error instanceof EvalError || /unsafe-eval|Content Security Policy/i.test(error.message)) {
      throw new CompileError(
        "this page's Content Security Policy forbids 'unsafe-eval', which translating WebAssembly needs; " +
          "translate the module ahead of time with `wasmwright js`",
      );
    }
    throw error;
  }
}

/** What generated source names, for code that stands in another scope: see ahead.py, `shared_module`. */
export const shared = {
  CompileError, DROPPED_DATA, DROPPED_ELEMENTS, OUT, VECTOR, bitsOfDouble, bitsOfFloat, callee, caught,
  codeOf, convertS64, convertU64, copysign, ctz, divS, divS64, divU, divU64, doubleOfBits,
  exportedFunction, fault, floatOfBits, fromBigInt, fromReference, hostError, listOf, memoryCopy,
  memoryFill, memoryInit, nearest, noByte, nonNull, popcnt, raise, referred, referredFunc, remS, remS64, remU,
  remU64, rethrow, rotl, rotl64, rotr64, tableCopy, tableFill, tableGet, tableSet, tailCall, tailCaller,
  target, toBigInt, toReference, trap, truncS, truncS64, truncSatS, truncSatS64, truncSatU, truncSatU64,
  truncU, truncU64,
  get high() {
    return high;
  },
  set high(value) {
    setHigh(value);
  },
};

/** Whether source can be evaluated here. */
export function mayEvaluate() {
  try {
    return eval("1") === 1;
  } catch (error) {
    return false;
  }
}
