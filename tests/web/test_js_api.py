"""The tests of the JavaScript API on the polyfill in node.

They are test/js-api of https://github.com/WebAssembly/spec, named by $WASM_JS_API, and run on the
harness of npm's `wpt-runner` (testharness/testharness.js), named by $WPT_TESTHARNESS.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDER = os.environ.get("WASM_JS_API")
HARNESS = os.environ.get("WPT_TESTHARNESS")
CORE = (
    *("constructor/", "exception/", "global/", "instance/", "interface", "memory/"),
    *("module/", "prototypes", "table/", "tag/"),
)
# What needs 64-bit addresses or shared memory, by file.
EXPECTED = {
    "memory/constructor-memory64.any.js": 6,
    "memory/grow-memory64.any.js": 8,
    "memory/grow.any.js": 1,
    "table/constructor-memory64.any.js": 8,
    "table/get-set.any.js": 9,
    "table/grow-memory64.any.js": 6,
}


@pytest.mark.slow
@pytest.mark.skipif(not (FOLDER and HARNESS), reason="needs $WASM_JS_API and $WPT_TESTHARNESS")
@pytest.mark.parametrize("library", ["polyfill", "short_polyfill"])
def test_the_core_of_the_api_passes(request, node, library):
    path = str(request.getfixturevalue(library))
    command = [node, str(HERE / "run_js_api.cjs"), path, str(FOLDER), str(HARNESS), *CORE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    failed = {name: len(found["failed"]) for name, found in report.items() if found["failed"]}
    assert {name: count for name, count in failed.items() if count > EXPECTED.get(name, 0)} == {}
    assert sum(len(found["passed"]) for found in report.values()) >= 913
