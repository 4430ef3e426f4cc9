// Times exports in V8: FILE NAME=ROUNDS… prints {name: [checksum, nanoseconds of CPU time a round]}.
import { readFileSync } from "node:fs";
import process, { argv } from "node:process";

const [path, ...wanted] = argv.slice(2);
const module = new WebAssembly.Module(readFileSync(path));
const { exports } = new WebAssembly.Instance(module, {});
const figures = {};
for (const each of wanted) {
  const [name, rounds] = each.split("=");
  exports[name](Math.ceil(rounds / 10));
  const start = process.threadCpuUsage();
  const checksum = exports[name](Number(rounds));
  const { user, system } = process.threadCpuUsage(start);
  figures[name] = [checksum, ((user + system) * 1000) / rounds];
}
console.log(JSON.stringify(figures));
