// SQLite in a worker of a page, on an engine by name: what sqlite.cjs does in node. See sqlite_browser.py.
const now = () => performance.now();
function work(SQL) {
  const database = new SQL.Database();
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
  const found = [];
  for (let rest = 0; rest < 6; rest++) {
    found.push(database.exec(`select sum(a * c), count(distinct b), max(b) from t where a % 3 = ${rest % 3} and b like '%7%'`));
  }
  times.push(now());
  found.push(database.exec(
    "with recursive f(n, x) as (select 1, 1 union all select n + 1, (x * 31 + n) % 1000003 from f where n < 200000) select sum(x) from f",
  ));
  times.push(now());
  return { times: times.slice(1).map((time, index) => time - times[index]), output: JSON.stringify(found) };
}
onmessage = async ({ data: { how } }) => {
  try {
    if (how !== "native") delete globalThis.WebAssembly;
    if (how === "polyfill") importScripts("/wasmwright.js");
    importScripts(how === "asm" ? "/sql-asm.js" : "/sql-wasm.js");
    const bytes = await (await fetch("/sql-wasm.wasm")).arrayBuffer();
    postMessage(work(await initSqlJs(how === "asm" ? {} : { wasmBinary: bytes })));
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
