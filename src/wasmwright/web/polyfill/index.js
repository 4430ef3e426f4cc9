// wasmwright's polyfill of WebAssembly: what the single file exports.
export { install, WebAssemblyPolyfill } from "./namespace.js";
export { aheadOfTime } from "./ahead.js";
