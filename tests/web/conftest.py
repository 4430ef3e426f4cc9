"""What the tests of the Web side share: node, the polyfill's file, the official suite as JSON."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from wasmwright.web.build import library

HERE = Path(__file__).parent
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Firefox asks nobody for anything.
FIREFOX = """\
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"""
PROGRAMS = {"chromium": ("chromium", "chromium-browser"), "firefox": ("firefox-esr", "firefox")}
FOLDERS = ("", "bulk-memory", "exceptions", "multi-memory", "simd", "gc")

# Commands that cannot pass, by script and line: their arguments or results are NaNs whose bits
# JavaScript's numbers do not carry.
PAYLOADS = {
    "core-conversions": {657, 658, 673, 674},
    "core-float_exprs": {2391, 2392},
    "simd-simd_lane": {267, 283},
    "simd-simd_splat": {63, 64, 108, 109, 110},
}


@pytest.fixture(scope="session")
def nan_payloads() -> dict[str, set[int]]:
    """The lines of commands that cannot pass, by script."""
    return PAYLOADS


@pytest.fixture(scope="session")
def suite_scripts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The suite's scripts that concern the polyfill, as JSON files; without a suite a skip."""
    places = [os.environ.get("WASM_TESTSUITE"), HERE.parents[2] / "shared" / "testsuite"]
    cores = [Path(place) / "core" for place in places if place is not None]
    core = next((each for each in cores if each.is_dir()), None)
    if core is None:
        pytest.skip("needs the official suite: see tests/spec")
    spec = importlib.util.spec_from_file_location("spec_scripts", HERE / "spec_scripts.py")
    assert spec is not None
    assert spec.loader is not None
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    scripts = [path for folder in FOLDERS for path in sorted((core / folder).glob("*.wast"))]
    output = tmp_path_factory.mktemp("suite")
    converter.main([str(output), *map(str, scripts)])
    return sorted(output.glob("*.json"))


@pytest.fixture(scope="session")
def node() -> str:
    """The path of node; without it the test is skipped."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("needs node on the PATH")
    return path


# The lengths from which functions are divided, so short that each is, in as many parts as can be.
DIVIDING = {"LONG": 0, "LEAST": 6, "ENOUGH": 30, "COUNTED": 20, "WAYS_OUT": 3}


@pytest.fixture(scope="session")
def dividing_polyfill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polyfill's single file, which divides all functions."""
    code = library()
    for name, length in DIVIDING.items():
        code, count = re.subn(
            rf"^const {name} = \d+;", f"const {name} = {length};", code, flags=re.M
        )
        assert count == 1, name
    path = tmp_path_factory.mktemp("dividing") / "wasmwright.cjs"
    path.write_text(code)
    return path


@pytest.fixture(scope="session")
def interpreting_polyfill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polyfill's single file, whose code is always that for engines that only interpret."""
    code = library()
    code, count = re.subn(r"^const COMPILED = \d+;", "const COMPILED = -1;", code, flags=re.M)
    assert count == 1
    path = tmp_path_factory.mktemp("interpreting") / "wasmwright.cjs"
    path.write_text(code)
    return path


@pytest.fixture(scope="session")
def short_polyfill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polyfill's single file, minified."""
    path = tmp_path_factory.mktemp("short") / "wasmwright.cjs"
    path.write_text(library(minify=True))
    return path


@pytest.fixture(scope="session")
def polyfill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The polyfill's single file."""
    path = tmp_path_factory.mktemp("polyfill") / "wasmwright.cjs"
    path.write_text(library())
    return path


@pytest.fixture
def start_browser(tmp_path: Path) -> Callable[..., AbstractContextManager[Path]]:
    """``with start_browser("firefox", address, preferences) as log``: a browser without a window.

    Where it is not installed, the test is skipped.
    """

    @contextmanager
    def start(browser: str, address: str, preferences: str = "") -> Iterator[Path]:
        path = next(filter(None, map(shutil.which, PROGRAMS[browser])), None)
        if path is None:
            pytest.skip(f"needs a browser: apt-get install {PROGRAMS[browser][0]}")
        log = tmp_path / "browser.log"
        profile = tmp_path / "profile"
        profile.mkdir()
        if browser == "chromium":
            command = [path, *CHROMIUM, f"--user-data-dir={profile}", address]
        else:
            (profile / "user.js").write_text(FIREFOX + preferences)
            command = [path, "--headless", "--no-remote", "--profile", str(profile), address]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(30)

    return start
