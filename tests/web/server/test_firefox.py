"""The server's pages in Firefox, which nobody drives: a page of the folder opens them, uses them and
posts what it saw.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="needs uvicorn: pip install 'wasmwright[serve]'")

SCRIPT = Path(__file__).with_name("firefox_pages.js")
SECONDS = 480
# A page opens windows here without anyone having clicked, and goes on behind them.
WINDOWS = """\
user_pref("dom.disable_open_during_load", false);
user_pref("dom.popup_maximum", -1);
user_pref("dom.min_background_timeout_value", 20);
user_pref("dom.timeout.enable_budget_timer_throttling", false);
"""


class Reports(ThreadingHTTPServer):
    """Takes reports; the last one is what counts."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.found: dict[str, Any] = {}
        self.done = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Reports

    def do_POST(self) -> None:
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        if "done" in self.server.found:
            self.server.done.set()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 60)
def test_the_pages_work_in_firefox(start_browser, base, site, node):
    (site / "drive.js").write_text(SCRIPT.read_text())
    (site / "drive.html").write_text(
        '<!doctype html><title>x</title><script src="drive.js"></script>'
    )
    with Reports() as reports:
        threading.Thread(target=reports.serve_forever, daemon=True).start()
        address = f"{base}/drive.html?report=http://127.0.0.1:{reports.server_port}/"
        with start_browser("firefox", address, WINDOWS) as log:
            assert reports.done.wait(SECONDS), (reports.found, log.read_text(errors="replace"))
        reports.shutdown()
    found = reports.found
    assert "local.get 1" in found["source"]
    assert found["errors"].startswith("2:20: ")
    assert found["features"] == {
        "count": 20,
        "policies": [
            ["works", "works", "works"],
            ["works", "forbidden", "works"],
            ["forbidden", "forbidden", "works"],
        ],
    }
    for how in ("native", "polyfill", "ahead"):
        assert found[f"run {how}"].startswith("hi there"), (how, found[f"run {how}"])
        assert "exit 3" in found[f"run {how}"], how
    assert found["page "] == "42 false"
    assert found["page ?polyfill=force"] == found["page ?polyfill=force&csp"] == "42 true"
