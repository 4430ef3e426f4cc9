// SQLite (npm `sql.js`) in this engine: node sqlite.cjs native|asm|LIBRARY FOLDER_OF_SQL_JS
//
// `asm` is its own build as asm.js, LIBRARY the polyfill's file, under which the build as WebAssembly runs.
// Prints processor time in milliseconds: inserts, an index, queries, a recursive query, and their sum.
"use strict";
const { readFileSync } = require("node:fs");
const { join, resolve } = require("node:path");

const [engine, folder] = process.argv.slice(2);
const dist = join(resolve(folder), "dist");
if (engine !== "native" && engine !== "asm") {
  delete globalThis.WebAssembly;
  require(resolve(engine)).install(globalThis);
}

async function main() {
  const initialize = require(join(dist, engine === "asm" ? "sql-asm.js" : "sql-wasm.js"));
  const SQL = await initialize(engine === "asm" ? {} : { wasmBinary: readFileSync(join(dist, "sql-wasm.wasm")) });
  const database = new SQL.Database();
  const now = () => process.cpuUsage().user / 1000;
  const times = [now()];

  database.run("create table t(a integer, b text, c real)");
  database.run("begin");
  const statement = database.prepare("insert into t values(?, ?, ?)");
  for (let row = 0; row < 60000; row++) statement.run([row, `row ${(row * 7919) % 60000}`, row / 3]);
  statement.free();
  database.run("commit");
  times.push(now());
  database.run("create index i on t(b)");
  times.push(now());
  for (let rest = 0; rest < 6; rest++) {
    database.exec(`select sum(a * c), count(distinct b), max(b) from t where a % 3 = ${rest % 3} and b like '%7%'`);
  }
  times.push(now());
  database.exec(
    "with recursive f(n, x) as (select 1, 1 union all select n + 1, (x * 31 + n) % 1000003 from f where n < 200000) select sum(x) from f",
  );
  times.push(now());
  const parts = times.slice(1).map((time, index) => Math.round(time - times[index]));
  console.log(parts.join(" "), "sum", Math.round(times[4] - times[0]));
}

main();
