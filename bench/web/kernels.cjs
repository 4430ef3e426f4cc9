// Runs one of the benchmark programs in this engine:
// node kernels.cjs native|LIBRARY wall|cpu PROGRAM.wasm [SIZE]
//
// LIBRARY is a file that has `install`, as ours, or exports a `WebAssembly`. The program times its own
// kernel, by the clock or by the process's processor time, and prints `time_ns` on stderr; that is
// printed here, with a digest of what it wrote to stdout. The WASI functions are those the programs call.
"use strict";
const { readFileSync } = require("node:fs");
const { createHash } = require("node:crypto");
const { resolve } = require("node:path");
const { pathToFileURL } = require("node:url");

const [library, clock, path, ...args] = process.argv.slice(2);

async function setEngine() {
  if (library === "native") return;
  delete globalThis.WebAssembly;
  const found = await import(pathToFileURL(resolve(library)).href);
  if (found.WebAssembly) globalThis.WebAssembly = found.WebAssembly;
  else found.default.install(globalThis);
}

function now() {
  if (clock === "wall") return process.hrtime.bigint();
  const { user, system } = process.cpuUsage();
  return BigInt(user + system) * 1000n;
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
    view().setBigUint64(result, now(), true);
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

async function main() {
  await setEngine();
  const start = now();
  const compiledModule = new WebAssembly.Module(readFileSync(path));
  const compiledAt = now();
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
}

main();
