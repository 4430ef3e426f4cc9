// Runs scripts of the official suite on the polyfill: node run_spec.cjs LIBRARY SCRIPT.json …
//
// The engine's own WebAssembly is removed first. Prints a JSON object: how each script went.
"use strict";
const { readFileSync } = require("node:fs");
const { basename, resolve } = require("node:path");

delete globalThis.WebAssembly;
const library = require(resolve(process.argv[2]));
if (!library.install(globalThis)) throw new Error("WebAssembly is still there");
const { runScript } = require("./spec_runner.js");

const payloads = process.argv.includes("--payloads");
const report = {};
for (const path of process.argv.slice(3).filter((each) => !each.startsWith("--"))) {
  report[basename(path, ".json")] = runScript(JSON.parse(readFileSync(path, "utf8")), { payloads });
}
console.log(JSON.stringify(report, null, 1));
