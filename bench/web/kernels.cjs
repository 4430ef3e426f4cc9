// Runs one of the benchmark programs in this engine: node kernels.cjs native|LIBRARY PROGRAM.wasm [SIZE]
//
// The program times its own kernel and prints `time_ns` on stderr; that line is what is printed here,
// with a digest of what it wrote to stdout. The WASI functions are just those the programs call.
"use strict";
const { readFileSync } = require("node:fs");
const { createHash } = require("node:crypto");
const { resolve } = require("node:path");

const [library, path, ...args] = process.argv.slice(2);
if (library !== "native") {
  delete globalThis.WebAssembly;
  require(resolve(library)).install(globalThis);
}

class Exit extends Error {}
let memory;
const output = { 1: "", 2: "" };
const view = () => new DataView(memory.buffer);

/** Writes strings and pointers to them as args_get and environ_get do. */
function strings(list, pointers, data) {
  for (const text of list) {
    view().setUint32(pointers, data, true);
    pointers += 4;
    for (const byte of Buffer.from(`${text}\0`)) view().setUint8(data++, byte);
  }
  return 0;
}
function sizes(list, count, size) {
  view().setUint32(count, list.length, true);
  view().setUint32(size, list.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0), true);
  return 0;
}
const argv = ["program", ...args];

const wasi = {
  args_sizes_get: (count, size) => sizes(argv, count, size),
  args_get: (pointers, data) => strings(argv, pointers, data),
  environ_sizes_get: (count, size) => sizes([], count, size),
  environ_get: () => 0,
  clock_time_get(id, precision, result) {
    view().setBigUint64(result, process.hrtime.bigint(), true);
    return 0;
  },
  fd_fdstat_get(fd, result) {
    view().setUint8(result, 2);
    return 0;
  },
  fd_write(fd, vectors, count, result) {
    let total = 0;
    for (let index = 0; index < count; index++) {
      const start = view().getUint32(vectors + 8 * index, true);
      const size = view().getUint32(vectors + 8 * index + 4, true);
      output[fd] += Buffer.from(memory.buffer, start, size).toString("latin1");
      total += size;
    }
    view().setUint32(result, total, true);
    return 0;
  },
  proc_exit(code) {
    throw new Exit(String(code));
  },
};
const imports = new Proxy(wasi, { get: (target, name) => target[name] || (() => 8) });

const start = process.hrtime.bigint();
const compiledModule = new WebAssembly.Module(readFileSync(path));
const compiledAt = process.hrtime.bigint();
const instance = new WebAssembly.Instance(compiledModule, { wasi_snapshot_preview1: imports });
memory = instance.exports.memory;
try {
  instance.exports._start();
} catch (error) {
  if (!(error instanceof Exit)) throw error;
}
const time = /time_ns (\d+)/.exec(output[2]);
console.log(JSON.stringify({
  time_ns: time ? Number(time[1]) : null,
  compile_ns: Number(compiledAt - start),
  digest: createHash("sha256").update(output[1]).digest("hex").slice(0, 16),
}));
