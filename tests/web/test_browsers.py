"""The official suite on the polyfill in real browsers, their own WebAssembly removed.

A page fetches the scripts, runs them and posts the results back, so that any browser will do that can
be started with an address.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from wasmwright.web.build import library

HERE = Path(__file__).parent
SECONDS = 600  # for the whole suite; a loaded machine takes a tenth of it

# What fails in Firefox besides: SpiderMonkey gives every NaN that becomes a number of JavaScript the
# same bits, so that neither its sign nor its payload is left.
COPYSIGN = {42, 44, 78, 80, 114, 116, 150, 152, 186, 188, 222, 224, 258, 260, 294, 296}
FIREFOX_NANS = {
    "core-conversions": {647, 656, 663, 672},
    "core-f32_bitwise": COPYSIGN,
    "core-f64_bitwise": COPYSIGN,
    "core-float_exprs": {2389, 2390, 2399, 2400, 2401, 2402},
}


class Site(ThreadingHTTPServer):
    """Serves the page, the library and the scripts; collects what is posted."""

    daemon_threads = True

    def __init__(self, page: str, scripts: list[Path]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scripts = {path.stem: path for path in scripts}
        self.files = {
            "/": (HERE / page).read_bytes(),
            "/browser_workers.js": (HERE / "browser_workers.js").read_bytes(),
            "/wasmwright.js": library().encode(),
            "/spec_runner.js": (HERE / "spec_runner.js").read_bytes(),
            "/scripts.json": json.dumps(list(self.scripts)).encode(),
        }
        self.report: dict[str, dict] = {}
        self.end: dict = {}
        self.done = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        name = self.path.removeprefix("/scripts/").removesuffix(".json")
        if content is None and name in self.server.scripts:
            content = self.server.scripts[name].read_bytes()
        self.send_response(200 if content is not None else 404)
        kinds = {"": "text/html", ".js": "text/javascript"}
        self.send_header("Content-Type", kinds.get(Path(self.path).suffix, "application/json"))
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def do_POST(self) -> None:
        posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        if "done" in posted:
            self.server.end = posted
            self.server.done.set()
        else:
            self.server.report[posted["name"]] = posted["counts"]

    def log_message(self, *_: object) -> None:
        pass


def reports(start_browser, browser, site):
    """Runs the site's page until it says that it is done."""
    with site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        with start_browser(browser, f"http://127.0.0.1:{site.server_port}/") as log:
            ended = site.done.wait(SECONDS)
        site.shutdown()
    assert ended, f"{len(site.report)} reports; {log.read_text(errors='replace')[-2000:]}"
    assert site.end["isOurs"], "the page had another WebAssembly"
    return site.report


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_the_suite_passes_in(browser, start_browser, suite_scripts, nan_payloads):
    report = reports(start_browser, browser, Site("browser_suite.html", suite_scripts))
    more = FIREFOX_NANS if browser == "firefox" else {}
    failures = [
        f"{name}:{line}"
        for name, counts in report.items()
        for line in counts["failures"]
        if int(line.partition(":")[0]) not in nan_payloads.get(name, set()) | more.get(name, set())
    ]
    assert not failures, "\n".join(failures)
    assert sum(counts["passed"] for counts in report.values()) > 54_000


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
@pytest.mark.parametrize("browser", ["chromium", "firefox"])
def test_workers_of_both_kinds_have_it_and_survive_an_exhausted_stack_in(browser, start_browser):
    report = reports(start_browser, browser, Site("browser_workers.html", []))
    assert sorted(report) == ["classic", "module", "page"]
    exhausted = "InternalError" if browser == "firefox" else "RangeError"
    for name, found in report.items():
        assert found["sum"] == 42, (name, found)
        assert found["error"] == exhausted, (name, found)
        assert found["depth"] > 1000, (name, found)
        assert found["sumAgain"] == 42, (name, found)
