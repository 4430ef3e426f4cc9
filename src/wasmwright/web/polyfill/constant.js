// Constant expressions, evaluated (section "Execution > Modules").
import { MNEMONICS, readOpcode } from "./instructions.js";
import { doubleOfBits, floatOfBits } from "./arithmetic.js";
import { fromBigInt, high, toBigInt } from "./int64.js";
import { Reader } from "./reader.js";

/** An operation on i64. */
function onBigInts(operation) {
  return (a, b) => [fromBigInt(operation(toBigInt(...a), toBigInt(...b))), high];
}

const OPERATIONS = {
  "i32.add": (a, b) => [(a[0] + b[0]) | 0, 0],
  "i32.sub": (a, b) => [(a[0] - b[0]) | 0, 0],
  "i32.mul": (a, b) => [Math.imul(a[0], b[0]), 0],
  "i64.add": onBigInts((a, b) => a + b),
  "i64.sub": onBigInts((a, b) => a - b),
  "i64.mul": onBigInts((a, b) => a * b),
};

/**
 * The value of the expression that begins at `start`, as its words: `[value, high …]`. `instance` has the
 * globals that it may read and the functions.
 */
export function evaluateConstant(instance, start) {
  const { bytes, types } = instance.module;
  const reader = new Reader(bytes, start, bytes.length, types);
  const stack = [];
  for (;;) {
    const name = MNEMONICS[readOpcode(reader)];
    switch (name) {
      case "end":
        return stack.pop();
      case "i32.const":
        stack.push([reader.s32(), 0]);
        break;
      case "i64.const": {
        const low = reader.s64();
        stack.push([low, reader.high]);
        break;
      }
      case "f32.const":
        stack.push([floatOfBits(reader.f32()), 0]);
        break;
      case "f64.const": {
        const low = reader.f64();
        stack.push([doubleOfBits(low, reader.high), 0]);
        break;
      }
      case "v128.const":
        stack.push([reader.f32(), reader.f32(), reader.f32(), reader.f32()]);
        break;
      case "global.get": {
        const global = instance.globals[reader.u32()];
        stack.push([global.value, global.high, global.third, global.fourth]);
        break;
      }
      case "ref.null":
        reader.heapType(true);
        stack.push([null, 0]);
        break;
      case "ref.func":
        stack.push([instance.func(reader.u32()), 0]);
        break;
      default: {
        const second = stack.pop();
        stack.push(OPERATIONS[name](stack.pop(), second));
      }
    }
  }
}
