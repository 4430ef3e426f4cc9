// Modules with bytes changed at random: node fuzz.cjs LIBRARY COUNT SEED MODULE.wasm …
// WebAssembly.validate must answer, and what it accepts must translate to source that parses.
// The engine's own answer is compared. Prints what is wrong, one line each.
"use strict";
const { readFileSync } = require("node:fs");
const { resolve } = require("node:path");

const native = globalThis.WebAssembly;
delete globalThis.WebAssembly;
const { aheadOfTime, WebAssembly } = require(resolve(process.argv[2]));
const [count, seed, ...files] = process.argv.slice(3);

let state = Number(seed) || 1;
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const counts = { valid: 0, invalid: 0, unsupported: 0 };
for (const file of files) {
  const original = readFileSync(file);
  for (let round = 0; round < Number(count); round++) {
    const bytes = Uint8Array.from(original);
    for (let changes = 1 + random(3); changes > 0; changes--) bytes[8 + random(bytes.length - 8)] = random(256);
    let message = "";
    try {
      new WebAssembly.Module(bytes);
    } catch (error) {
      message = error.message;
      if (!(error instanceof WebAssembly.CompileError)) console.log(`${file} ${round}: ${error.stack}`);
    }
    if (/unsupported feature|too many|maximum/.test(message)) {
      counts.unsupported++;
      continue;
    }
    counts[message === "" ? "valid" : "invalid"]++;
    if (native.validate(bytes) !== (message === "")) {
      let other = "valid";
      try {
        new native.Module(bytes);
      } catch (error) {
        other = error.message;
      }
      // What the engine does not know yet, or knows and we do not.
      if (!/enable with|experimental/.test(other)) console.log(`${file} ${round}: here: ${message || "valid"}; there: ${other}`);
    }
    if (message === "") {
      try {
        new Function(aheadOfTime(bytes).scope);
      } catch (error) {
        console.log(`${file} ${round}: ${error.stack}`);
      }
    }
  }
}
console.log(JSON.stringify(counts));
