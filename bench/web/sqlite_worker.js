// SQLite in a worker of a page, on an engine by name: see sqlite_browser.py.
importScripts("/sqlite_work.js");
onmessage = async ({ data: { how } }) => {
  try {
    if (how !== "native") delete globalThis.WebAssembly;
    if (how === "polyfill") importScripts("/wasmwright.js");
    importScripts(how === "asm" ? "/sql-asm.js" : "/sql-wasm.js");
    const bytes = await (await fetch("/sql-wasm.wasm")).arrayBuffer();
    postMessage(sqliteWork(await initSqlJs(how === "asm" ? {} : { wasmBinary: bytes }), () => performance.now()));
  } catch (error) {
    postMessage({ error: String(error) });
  }
};
