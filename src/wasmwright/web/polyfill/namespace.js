// The WebAssembly object: its functions and classes, and `install`, which gives it to a global object.
import { Exception, Global, Memory, Table, Tag, tagObject } from "./api-objects.js";
import { checkImportObject, importsOf, Instance, instanceObject, instanceOf, isModule, Module, moduleObject, useCode } from "./api-modules.js";
import { compileBytes } from "./compile.js";
import { CompileError, LinkError, RuntimeError } from "./errors.js";
import { mayEvaluate, shared } from "./evaluate.js";
import { JS_TAG } from "./exceptions.js";
import { bytesOf, requireArguments } from "./interface.js";

/** Runs what may throw, as a promise. The work is put off, as it is where it is done elsewhere. */
function later(work) {
  return Promise.resolve().then(work);
}

/** The module object for a response that may hold a module: exactly of its type, readable, successful. */
async function responseModule(source, what) {
  const response = await source;
  if (typeof Response === "undefined" || !(response instanceof Response)) {
    throw new TypeError(`${what}: Argument 0 must be a Response or a promise of one`);
  }
  if (response.type === "opaque" || response.type === "opaqueredirect" || response.type === "error") {
    throw new TypeError(`${what}: the response is opaque: fetch it from the same origin or with CORS`);
  }
  if (!response.ok) throw new TypeError(`${what}: HTTP status code is not ok: ${response.status}`);
  const type = (response.headers.get("Content-Type") || "").trim().toLowerCase();
  if (type !== "application/wasm") {
    throw new TypeError(`${what}: Incorrect response MIME type '${type}'. Expected 'application/wasm'.`);
  }
  const module = moduleObject(new Uint8Array(await response.arrayBuffer()), what);
  if (!mayEvaluate()) await loadCode(module, response.url);
  return module;
}

/**
 * Where evaluation is forbidden: gives a module the code that its server translated ahead of time, beside
 * it as `x.wasm.js`. Where there is none, instantiation says what is forbidden.
 */
async function loadCode(module, address) {
  try {
    const url = new URL(address);
    url.pathname += ".js";
    url.search = "?shared";
    const { default: code } = await import(url.href);
    useCode(module, code(shared));
  } catch (error) {
    // There is no such file, or it is another.
  }
}

const functions = {
  validate(bytes) {
    requireArguments(arguments.length, 1, "WebAssembly.validate()");
    const copy = bytesOf(bytes, "WebAssembly.validate()");
    try {
      compileBytes(copy);
      return true;
    } catch (error) {
      if (error instanceof CompileError) return false;
      throw error;
    }
  },

  async compile(bytes) {
    const what = "WebAssembly.compile()";
    const copy = bytesOf(bytes, what);
    return later(() => moduleObject(copy, what));
  },

  async instantiate(source, importObject) {
    const what = "WebAssembly.instantiate()";
    if (isModule(source)) {
      checkImportObject(importObject, what);
      // Imports are read now, what they are used for happens later.
      const imports = importsOf(source, importObject);
      return later(() => instanceOf(source, imports));
    }
    const copy = bytesOf(source, what);
    checkImportObject(importObject, what);
    const module = await later(() => moduleObject(copy, what));
    return { module, instance: instanceObject(module, importObject) };
  },

  async compileStreaming(source) {
    const what = "WebAssembly.compileStreaming()";
    return responseModule(source, what);
  },

  async instantiateStreaming(source, importObject) {
    const what = "WebAssembly.instantiateStreaming()";
    checkImportObject(importObject, what);
    const module = await responseModule(source, what);
    return { module, instance: instanceObject(module, importObject) };
  },
};
for (const name of ["instantiate", "instantiateStreaming"]) {
  Object.defineProperty(functions[name], "length", { value: 1, configurable: true });
}

const classes = { Module, Instance, Memory, Table, Global, Tag, Exception, CompileError, LinkError, RuntimeError };

/** The WebAssembly object of this library. */
export const WebAssemblyPolyfill = Object.create(Object.prototype);
for (const name of Object.keys(functions)) {
  Object.defineProperty(WebAssemblyPolyfill, name, { value: functions[name], writable: true, enumerable: true, configurable: true });
}
for (const name of Object.keys(classes)) {
  Object.defineProperty(WebAssemblyPolyfill, name, { value: classes[name], writable: true, enumerable: false, configurable: true });
}
Object.defineProperty(WebAssemblyPolyfill, "JSTag", { value: tagObject(JS_TAG), enumerable: true });
Object.defineProperty(WebAssemblyPolyfill, Symbol.toStringTag, { value: "WebAssembly", configurable: true });

/**
 * Defines `WebAssembly` on a global object that has none, or with `force` in place of the one it has.
 * Whether it did.
 */
export function install(global = globalThis, { force = false } = {}) {
  if (!force && typeof global.WebAssembly === "object") return false;
  Object.defineProperty(global, "WebAssembly", {
    value: WebAssemblyPolyfill,
    writable: true,
    enumerable: false,
    configurable: true,
  });
  return true;
}
