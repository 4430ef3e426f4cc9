"""The official suite on the polyfill in node, with the engine's own WebAssembly removed."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = ("", "bulk-memory", "exceptions", "multi-memory", "simd", "gc")

# Commands that cannot pass, by script and line: their arguments or results are NaNs whose bits
# JavaScript's numbers do not carry.
PAYLOADS = {
    "core-conversions": {657, 658, 673, 674},
    "core-float_exprs": {2391, 2392},
    "simd-simd_lane": {267, 283},
    "simd-simd_splat": {63, 64, 108, 109, 110},
}


def suite() -> Path | None:
    """The suite's folder `core`."""
    places = [os.environ.get("WASM_TESTSUITE"), HERE.parents[2] / "shared" / "testsuite"]
    for place in places:
        if place is not None and (Path(place) / "core").is_dir():
            return Path(place) / "core"
    return None


def scripts() -> list[Path]:
    core = suite()
    if core is None:
        return []
    return [path for folder in FOLDERS for path in sorted((core / folder).glob("*.wast"))]


@pytest.fixture(scope="module")
def report(node, polyfill, tmp_path_factory):
    """How each script went."""
    spec = importlib.util.spec_from_file_location("spec_scripts", HERE / "spec_scripts.py")
    converter = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(converter)
    folder = tmp_path_factory.mktemp("suite")
    converter.main([str(folder), *map(str, scripts())])
    files = sorted(map(str, folder.glob("*.json")))
    command = [node, str(HERE / "run_spec.cjs"), str(polyfill), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(suite() is None, reason="needs the suite: see tests/spec")
@pytest.mark.parametrize("path", scripts(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_script(report, path):
    name = f"{path.parent.name}-{path.stem}"
    failures = report[name]["failures"]
    expected = PAYLOADS.get(name, set())
    found = {int(failure.partition(":")[0]) for failure in failures}
    assert found == expected, "\n".join(failures)


@pytest.mark.skipif(suite() is None, reason="needs the suite: see tests/spec")
def test_most_commands_of_the_suite_are_run(report):
    assert sum(counts["passed"] for counts in report.values()) > 54_000
