// Times exports in V8: FILE NAME=ROUNDS… prints a line of JSON, {name: [checksum, nanoseconds a round]}.
import { readFileSync } from "node:fs";
import { argv } from "node:process";

const [path, ...wanted] = argv.slice(2);
const module = new WebAssembly.Module(readFileSync(path));
const { exports } = new WebAssembly.Instance(module, {});
const figures = {};
for (const each of wanted) {
  const [name, rounds] = each.split("=");
  exports[name](Math.ceil(rounds / 10));
  const start = process.hrtime.bigint();
  const checksum = exports[name](Number(rounds));
  figures[name] = [checksum, Number(process.hrtime.bigint() - start) / rounds];
}
console.log(JSON.stringify(figures));
