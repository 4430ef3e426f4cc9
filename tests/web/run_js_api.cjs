// Runs the tests of the JavaScript API (test/js-api of github.com/WebAssembly/spec) on the polyfill:
//
//   node run_js_api.cjs LIBRARY FOLDER_OF_JS_API TESTHARNESS.js [--native] [FILE …]
//
// Each file runs in a realm of its own from which the engine's WebAssembly is removed (or kept, with
// --native, to compare). Prints a JSON object: for each file the subtests that passed, and those that
// failed with their messages.
"use strict";
const { readFileSync, readdirSync, statSync } = require("node:fs");
const { join, relative, resolve } = require("node:path");
const vm = require("node:vm");

const [library, folder, harness, ...rest] = process.argv.slice(2);
const native = rest.includes("--native");
const wanted = rest.filter((each) => !each.startsWith("--"));

function filesIn(path) {
  return readdirSync(path).sort().flatMap((name) => {
    const full = join(path, name);
    return statSync(full).isDirectory() ? filesIn(full) : /\.any\.js$/.test(name) ? [full] : [];
  });
}

/** A realm with what the harness and the library ask of their host. */
function realm() {
  const context = vm.createContext({
    console, setTimeout, clearTimeout, TextDecoder, TextEncoder, structuredClone, performance, queueMicrotask, MessageChannel,
  });
  vm.runInContext("var self = globalThis; globalThis.GLOBAL = { isWindow() { return false; }, isWorker() { return false; }, isShadowRealm() { return false; } };", context);
  if (!native) {
    vm.runInContext("delete globalThis.WebAssembly;", context);
    vm.runInContext(readFileSync(library, "utf8"), context, { filename: library });
  }
  vm.runInContext(readFileSync(harness, "utf8"), context, { filename: harness });
  return context;
}

function run(path) {
  const context = realm();
  const source = readFileSync(path, "utf8");
  const scripts = [...source.matchAll(/^\/\/ META: script=(.*)$/gm)].map(([, script]) => {
    return script.startsWith("/wasm/jsapi/") ? join(folder, script.slice(12)) : resolve(path, "..", script);
  });
  return new Promise((done) => {
    const timer = setTimeout(() => done({ passed: [], failed: [["(whole file)", "timeout"]] }), 60000);
    context.report = (tests, status) => {
      clearTimeout(timer);
      const passed = tests.filter((test) => test.status === 0).map((test) => test.name);
      const failed = tests.filter((test) => test.status !== 0).map((test) => [test.name, test.message]);
      if (status.status !== 0) failed.push(["(whole file)", status.message]);
      done({ passed, failed });
    };
    try {
      vm.runInContext("add_completion_callback(report); setup({ explicit_timeout: true, explicit_done: true });", context);
      for (const script of scripts) vm.runInContext(readFileSync(script, "utf8"), context, { filename: script });
      vm.runInContext(source, context, { filename: path });
      if (/\bsetup\(\{ *explicit_done/.test(source) === false) vm.runInContext("done();", context);
    } catch (error) {
      clearTimeout(timer);
      done({ passed: [], failed: [["(whole file)", String(error && error.stack)]] });
    }
  });
}

(async () => {
  const report = {};
  for (const path of filesIn(folder)) {
    const name = relative(folder, path);
    if (wanted.length > 0 && !wanted.some((each) => name.includes(each))) continue;
    report[name] = await run(path);
  }
  // Some tests leave timers behind; a pipe takes the text bit by bit.
  process.stdout.write(JSON.stringify(report, null, 1), () => process.exit(0));
})();
