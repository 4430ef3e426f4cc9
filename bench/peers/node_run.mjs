// Runs a WASI command in V8 through node:wasi: FILE HOST_DIR ARGS…
// HOST_DIR is the guest's /data; an empty string gives no directory.
// Start node with --no-turbo-fast-api-calls: WASI's fast calls crash (nodejs/node issue 46777).
import { readFileSync } from "node:fs";
import { argv, exit } from "node:process";
import { WASI } from "node:wasi";

const [path, hostDir, ...args] = argv.slice(2);
const wasi = new WASI({
  version: "preview1",
  args: ["program", ...args],
  preopens: hostDir ? { "/data": hostDir } : {},
  returnOnExit: true,
});
const module = new WebAssembly.Module(readFileSync(path));
const instance = new WebAssembly.Instance(module, wasi.getImportObject());
exit(wasi.start(instance));
