// What the engine is that runs this.
import { littleEndian } from "./arithmetic.js";

/** Milliseconds for `TURNS` turns of a loop: a compiler needs one or two, an interpreter ten and more. */
const TURNS = 1000000;
const COMPILED = 4;

let interprets;

function spin(turns) {
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) sum = (sum ^ turn) + 1 | 0;
  return sum;
}

/**
 * Whether the engine interprets JavaScript and compiles none of it, as browsers do that are locked down;
 * found out once. False where bytes are not in the order of WebAssembly, which code for it relies on.
 */
export function isInterpreted() {
  if (interprets === undefined) {
    interprets = littleEndian;
    // A compiler comes in while the loop runs; something else may run, too.
    for (let tries = 3; tries > 0 && interprets; tries--) {
      const start = Date.now();
      spin(TURNS);
      interprets = Date.now() - start > COMPILED;
    }
  }
  return interprets;
}
