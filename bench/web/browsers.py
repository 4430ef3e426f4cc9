"""The benchmark programs under the polyfill and natively in a browser, in the same page.

``python bench/web/browsers.py chromium|firefox [--repeat N] [PROGRAM …]`` prints a table as run.py
does. The browser is one of Debian's packages; each run is a worker of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from wasmwright.web.build import library

HERE = Path(__file__).parent
PROGRAMS = HERE.parent / "programs" / "wasm"
STATIC = HERE.parents[1] / "src" / "wasmwright" / "web" / "server" / "static"
SECONDS = 1800

PAGE = """\
<!doctype html><meta charset="utf-8"><script>
(async () => {
  const post = (body) => fetch("/report", { method: "POST", body: JSON.stringify(body) });
  const { names, repeat, engines } = await (await fetch("/plan.json")).json();
  const runs = Array.from({ length: repeat }, () => engines).flat();
  for (const name of names) for (const how of runs) {
    const worker = new Worker("/worker.js");
    const found = await new Promise((done) => {
      worker.onmessage = ({ data }) => done(data);
      worker.postMessage({ name, how });
    });
    worker.terminate();
    await post({ name, how, ...found });
  }
  await post({ done: navigator.userAgent });
})();
</script>"""

# The program times its own kernel and prints `time_ns` on stderr.
WORKER = """
importScripts("/wasi.js");
onmessage = async ({ data: { name, how } }) => {
  if (how === "polyfill") { delete globalThis.WebAssembly; importScripts("/wasmwright.js"); }
  const output = { 1: "", 2: "" };
  let exports;
  const imports = wasiImports({ args: ["program", "0"], stdin: "", memory: () => exports.memory,
    write: (fd, bytes) => { output[fd] += String.fromCharCode(...bytes); } });
  try {
    const bytes = await (await fetch(`/${name}.wasm`)).arrayBuffer();
    const { instance } = await WebAssembly.instantiate(bytes, { wasi_snapshot_preview1: imports });
    exports = instance.exports;
    exports._start();
  } catch (error) {
    if (!(error instanceof WasiExit)) return postMessage({ error: String(error) });
  }
  postMessage({ time: Number(/time_ns (\\d+)/.exec(output[2])[1]), output: output[1] });
};
"""


class Site(ThreadingHTTPServer):
    """Serves the page, the library and the programs; collects the reports."""

    daemon_threads = True

    def __init__(self, files: dict[str, bytes], plan: dict[str, Any]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {"/": PAGE.encode(), "/plan.json": json.dumps(plan).encode(), **files}
        self.reports: list[dict[str, Any]] = []
        self.done = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """GET gives files, POST takes reports."""

    server: Site

    def do_GET(self) -> None:
        content = self.server.files.get(self.path, b"")
        kinds = {"": "text/html", ".js": "text/javascript", ".wasm": "application/wasm"}
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", kinds.get(Path(self.path).suffix, "application/json"))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        report = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self.server.reports.append(report)
        if "done" in report:
            self.server.done.set()

    def log_message(self, *_: object) -> None:
        pass


def command(browser: str, profile: str, address: str) -> list[str]:
    for name in (browser, f"{browser}-esr"):
        path = shutil.which(name)
        if path is not None and browser == "chromium":
            flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
            flags += ["--disable-background-networking", f"--user-data-dir={profile}"]
            return [path, *flags, address]
        if path is not None:
            return [path, "--headless", "--no-remote", "--profile", profile, address]
    raise SystemExit(f"there is no {browser}")


def browse(
    browser: str,
    files: dict[str, bytes],
    names: list[str],
    repeat: int,
    engines: tuple[str, ...] = ("native", "polyfill"),
) -> tuple[str, list[dict[str, Any]]]:
    """The browser's own name, and what workers reported: each name on each engine, in turns.

    ``files`` has the worker, as ``/worker.js``, and what it fetches, by address.
    """
    plan = {"names": names, "repeat": repeat, "engines": engines}
    with Site(files, plan) as site, tempfile.TemporaryDirectory() as profile:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{site.server_port}/"
        process = subprocess.Popen(
            command(browser, profile, address),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            ended = site.done.wait(SECONDS)
        finally:
            process.terminate()
            process.wait()
            site.shutdown()
    if not ended:
        raise SystemExit(f"{browser} did not end: {len(site.reports)} reports")
    return site.reports[-1]["done"], site.reports[:-1]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("browser", choices=["chromium", "firefox"])
    parser.add_argument("programs", nargs="*")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    names = options.programs or [
        p.stem for p in sorted(PROGRAMS.glob("*.wasm")) if p.stem != "strings"
    ]
    files = {
        "/worker.js": WORKER.encode(),
        "/wasi.js": (STATIC / "wasi.js").read_bytes(),
        "/wasmwright.js": library().encode(),
        **{f"/{name}.wasm": (PROGRAMS / f"{name}.wasm").read_bytes() for name in names},
    }
    agent, reports = browse(options.browser, files, names, options.repeat)
    print(f"{agent}\n\n| program | native ms | polyfill ms | ratio |\n| --- | ---: | ---: | ---: |")
    logs = []
    status = 0
    for name in names:
        runs = [report for report in reports if report.get("name") == name]
        errors = [report["error"] for report in runs if "error" in report]
        if errors or len({report["output"] for report in runs}) != 1:
            print(f"| {name} | | | {errors[0] if errors else 'results differ'} |")
            status = 1
            continue
        native, polyfill = (
            statistics.median(r["time"] / 1e6 for r in runs if r["how"] == how)
            for how in ("native", "polyfill")
        )
        logs.append(math.log(polyfill / native))
        print(f"| {name} | {native:.1f} | {polyfill:.1f} | {polyfill / native:.2f} |")
    print(f"\ngeometric mean: {math.exp(sum(logs) / len(logs)):.2f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
