// SQLite (npm `sql.js`) in this engine: node sqlite.cjs native|asm|LIBRARY FOLDER_OF_SQL_JS
//
// `asm` is its own build as asm.js, LIBRARY the polyfill's file, under which the build as WebAssembly runs.
// Prints processor time in milliseconds: inserts, an index, queries, a recursive query, and their sum.
"use strict";
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const sqliteWork = require("./sqlite_work.js");

const [engine, folder] = process.argv.slice(2);
const dist = join(resolve(folder), "dist");
if (engine !== "native" && engine !== "asm") {
  delete globalThis.WebAssembly;
  require(resolve(engine)).install(globalThis);
}

async function main() {
  const initialize = require(join(dist, engine === "asm" ? "sql-asm.js" : "sql-wasm.js"));
  const SQL = await initialize(engine === "asm" ? {} : { wasmBinary: readFileSync(join(dist, "sql-wasm.wasm")) });
  const { times } = sqliteWork(SQL, () => process.cpuUsage().user / 1000);
  console.log(times.map(Math.round).join(" "), "sum", Math.round(times.reduce((sum, time) => sum + time)));
}

main();
