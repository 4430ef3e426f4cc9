// What the hosts of SQLite measure: sqlite.cjs in node, sqlite_worker.js in a browser.
"use strict";

/**
 * Inserts rows, makes an index, queries, and runs a recursive query, in a new database of sql.js. Gives
 * the time of each of the four by the clock `now`, in milliseconds, and what was found, as a text.
 */
function sqliteWork(SQL, now) {
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

if (typeof module === "object") module.exports = sqliteWork;
