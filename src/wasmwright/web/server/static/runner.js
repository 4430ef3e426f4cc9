// The worker that runs a module: natively, under the polyfill, or translated ahead of time.
//
// It is told `{ how, module, imports, start: { args, stdin } }`, where `module` is the path of the
// module without suffix, or `{ call: { name, args } }`. It posts `{ out }` and `{ err }` (bytes),
// `{ say }`, `{ ready }`, `{ done, milliseconds, results | code }` and `{ failed }`.
"use strict";
importScripts("/_wasmwright/static/wasi.js");

let exports = null;
let memory = null;

const PAGE = /^(?:i64 )?(\d+)(?: (\d+))?/;

/** Something for every import: WASI, and what the module needs to begin at all. */
function importsFor(entries, classes, wasi) {
  const found = {};
  for (const { module, name, kind, type } of entries) {
    const group = (found[module] ??= {});
    if (/^wasi_(?:snapshot_preview1|unstable)$/.test(module)) {
      group[name] = wasi[name];
    } else if (kind === "func") {
      const result = /-> \[(.+)\]/.exec(type);
      const zero = result === null ? undefined : /^i64/.test(result[1]) ? 0n : /ref/.test(result[1]) ? null : 0;
      group[name] = (...args) => {
        postMessage({ say: `${module}.${name}(${args.map(String).join(", ")})` });
        return zero;
      };
    } else if (kind === "memory") {
      const [, initial, maximum] = PAGE.exec(type.replace(/^memory /, "")) || [0, 1];
      memory = group[name] = new classes.Memory({ initial: Number(initial), ...(maximum && { maximum: Number(maximum) }) });
    } else if (kind === "table") {
      const [, initial, maximum] = PAGE.exec(type.replace(/^table /, "")) || [0, 1];
      group[name] = new classes.Table({ element: /externref/.test(type) ? "externref" : "anyfunc", initial: Number(initial), ...(maximum && { maximum: Number(maximum) }) });
    } else if (kind === "global") {
      const mutable = /mut /.test(type);
      const value = (/i32|i64|f32|f64|externref|funcref/.exec(type) || ["i32"])[0];
      group[name] = new classes.Global({ value: value === "funcref" ? "anyfunc" : value, mutable }, value === "i64" ? 0n : /ref/.test(value) ? null : 0);
    }
  }
  return found;
}

async function instantiate({ how, module, imports }, wasi) {
  if (how === "ahead") {
    const made = await import(`${module}.js`);
    return made.instantiate(importsFor(imports, made, wasi));
  }
  if (how === "polyfill") {
    delete globalThis.WebAssembly;
    importScripts("/_wasmwright/wasmwright.js");
  }
  const { instance } = await WebAssembly.instantiateStreaming(fetch(`${module}.wasm`), importsFor(imports, WebAssembly, wasi));
  return instance.exports;
}

/** An argument as a person writes it, for a parameter's type. */
function argument(text, type) {
  if (type === "i64") return BigInt(text.trim() || "0");
  if (/^[if](32|64)$/.test(type)) return Number(text.trim() || "0");
  return text.trim() === "null" ? null : text;
}

const shown = (value) => (typeof value === "bigint" ? `${value}` : typeof value === "object" || typeof value === "function" ? String(value) : Object.is(value, -0) ? "-0" : `${value}`);

/** Does what one message asks for. */
async function serve(data) {
  try {
    if (data.call) {
      const begin = performance.now();
      const result = exports[data.call.name](...data.call.args.map((text, index) => argument(text, data.call.types[index])));
      const results = result === undefined ? [] : Array.isArray(result) ? result : [result];
      postMessage({ done: true, milliseconds: performance.now() - begin, results: results.map(shown) });
      return;
    }
    const { args = [], stdin = "" } = data.start || {};
    const wasi = wasiImports({ args, stdin, memory: () => memory, write: (fd, bytes) => postMessage({ [fd === 1 ? "out" : "err"]: bytes }) });
    const loading = performance.now();
    exports = await instantiate(data, wasi);
    if (exports.memory) memory = exports.memory;
    postMessage({ ready: true, milliseconds: performance.now() - loading });
    if (!data.start) return;
    const begin = performance.now();
    let code = 0;
    try {
      exports._start();
    } catch (error) {
      if (!(error instanceof WasiExit)) throw error;
      code = error.code;
    }
    postMessage({ done: true, milliseconds: performance.now() - begin, code });
  } catch (error) {
    const stack = error && error.stack ? String(error.stack).match(/wasm-function\[\d+\](?::0x[\da-f]+)?/g) : null;
    postMessage({ failed: error instanceof WasiExit ? `proc_exit(${error.code})` : `${error && error.name ? `${error.name}: ` : ""}${error && error.message !== undefined ? error.message : error}`, frames: stack || [] });
  }
}

// One after the other: a call waits for the instance.
let before = Promise.resolve();
onmessage = ({ data }) => {
  before = before.then(() => serve(data));
};
