// The worker of the feature page: what works under the policy that this script came with.
"use strict";

const bytesOf = (base64) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** Whether a probe is valid and gives 42. */
async function works(engine, bytes) {
  let valid = false;
  try {
    valid = engine.validate(bytes);
    const { instance } = await engine.instantiate(bytes);
    return { valid, works: instance.exports.test() === 42 };
  } catch (error) {
    return { valid, works: false, error: String(error.message || error) };
  }
}

const PARTS = {
  "WebAssembly.Module.customSections": (engine) => typeof engine.Module.customSections === "function",
  "compileStreaming, instantiateStreaming": (engine) => typeof engine.instantiateStreaming === "function",
  "Tag, Exception": (engine) => typeof engine.Tag === "function" && typeof engine.Exception === "function",
  JSTag: (engine) => typeof engine.JSTag === "object",
  "BigInt for i64": (engine) => new engine.Global({ value: "i64" }, 1n).value === 1n,
  "Suspending, promising (promise integration)": (engine) => typeof engine.Suspending === "function",
  "Function, type() (type reflection)": (engine) => typeof engine.Function === "function",
};

/** Nanoseconds of a turn of a loop that any compiler makes fast: the best of ten, as others run here too. */
function turn() {
  const loop = (turns) => {
    let x = 1;
    for (let index = 0; index < turns; index++) x = (Math.imul(x, 31) + index) | 0;
    return x;
  };
  const time = (turns) => {
    const begin = performance.now();
    loop(turns);
    return performance.now() - begin;
  };
  for (let warm = 0; warm < 50; warm++) loop(10000);
  let turns = 100000;
  while (time(turns) < 5 && turns < 1e8) turns *= 2;
  let best = time(turns);
  for (let again = 0; again < 9; again++) best = Math.min(best, time(turns));
  return (1e6 * best) / turns;
}

onmessage = async ({ data }) => {
  const native = globalThis.WebAssembly;
  const answer = { eval: true, native: {}, polyfill: {}, interface: {} };
  try {
    new Function("return 1")();
  } catch (error) {
    answer.eval = false;
  }
  importScripts("/_wasmwright/wasmwright.js");
  const polyfill = globalThis.wasmwright.WebAssembly;
  for (const { name, binary } of data.probes) {
    const bytes = bytesOf(binary);
    answer.native[name] = native ? await works(native, bytes) : { valid: false, works: false, error: "there is no WebAssembly" };
    answer.polyfill[name] = await works(polyfill, bytes);
  }
  for (const [name, test] of Object.entries(PARTS)) {
    const has = (engine) => {
      try {
        return Boolean(engine && test(engine));
      } catch (error) {
        return false;
      }
    };
    answer.interface[name] = [has(native), has(polyfill)];
  }
  if (data.ahead) {
    try {
      answer.ahead = (await import(data.ahead)).instantiate({}).test() === 42;
    } catch (error) {
      answer.ahead = false;
      answer.aheadError = String(error.message || error);
    }
  }
  if (data.measure) answer.turn = turn();
  postMessage(answer);
};
